"""What every call to Plazbot shares: credentials, the envelope, refusals and JSON bodies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from flask import Response, request
from werkzeug.exceptions import HTTPException

from bridge.sandbox.base import KEYS
from bridge.sandbox.plazbot.account import HOA, MINH, USERS, WORKSPACE
from bridge.sandbox.plazbot.records import Refusal, Row, invalid


class Caller(NamedTuple):
    """Who calls: the ledger's word, and the user that the vendor sees."""

    who: str
    user: str


class Session(NamedTuple):
    """A login. until: epoch seconds."""

    caller: Caller
    until: float


# Section 1: an API key is good for the whole account; a login is that of a user, by e-mail and password.
CALLERS: Mapping[str, Caller] = {key: Caller(who, HOA if who == "bridge" else MINH) for key, who in KEYS.items()}
LOGINS: Mapping[str, Caller] = {**CALLERS, **{user[2]: Caller("person", key) for key, user in USERS.items()}}


def envelope(data: object, message: str = "OK", *, code: int = 200, error: str | None = None) -> Row:
    """Return the envelope of section 1.2; `error` makes it one of failure."""
    return {"success": error is None, "code": code, "errorCode": error, "message": message, "data": data}


def answer(body: object, status: int = 200) -> Response:
    """Return a JSON response, its keys in the vendor's order."""
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/json")


def refused(error: Refusal) -> Response:
    """Return the envelope of a refusal."""
    # assumption: no error body is documented; the envelope with data null (section 1.3).
    return answer(envelope(None, error.message, code=error.status, error=error.error_code), error.status)


def unserved(error: HTTPException) -> Response:
    """Return the envelope for a path or method that Plazbot does not have."""
    return refused(Refusal(error.code or 500, error.name.upper().replace(" ", "_"), f"{error.name}."))


def body_of_call() -> Row:
    """Return the JSON object that was sent, or refuse (400)."""

    def no_number(text: str) -> NoReturn:
        raise ValueError(text)

    if request.mimetype != "application/json":
        raise invalid("The content type must be application/json.")
    try:
        body = json.loads(request.get_data(), parse_constant=no_number)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except ValueError:
        raise invalid("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise invalid("The body must be an object.")
    return body


def argument(name: str) -> str:
    """Return a query parameter, or refuse the call without it (400)."""
    if not (value := request.args.get(name)):
        raise invalid(f"The parameter {name} is required.")
    return value


def agree(workspace: object) -> None:
    """Refuse a workspace id that is missing, or differs from the header's (section 6)."""
    # assumption: the status of a disagreement is not established; 400.
    if workspace != WORKSPACE:
        raise invalid("The workspaceId is missing or differs from x-workspace-id.")
