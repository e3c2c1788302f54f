"""Errors as RFC 9457 problem details: what is wrong and what to do, never a path, a trace or what was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Response
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

DETAILS = {
    400: "The request could not be read. Send it again as a whole.",
    401: "Say who you are: send a valid token.",
    403: "This token may only look: its role is read.",
    404: "There is nothing at this address.",
    405: "This address does not take this method; the Allow header names those it takes.",
    413: "The request is larger than the bridge takes.",
    415: "The bridge does not read this content type here.",
    429: "Too many requests. Wait, then send it again.",
    500: "A defect of the bridge; its log holds the place. Nothing was lost that was answered 2xx.",
    503: "The bridge cannot do this now. Send it again later.",
}


def problem(
    status: int,
    detail: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[tuple[str, str]] = (),
) -> Response:
    """
    Return a problem page. detail: one or two sentences for a person; the usual ones of the status when empty. errors:
    (field, what is wrong with it).
    """
    page: dict[str, object] = {
        "type": "about:blank",
        "title": title(status),
        "status": status,
        "detail": detail or DETAILS.get(status, "The bridge did not do this."),
    }
    if errors:
        page["errors"] = [{"field": field, "what": what} for field, what in errors]
    return Response(json.dumps(page), status, dict(headers or {}), content_type="application/problem+json")


def from_exception(error: HTTPException) -> AnyResponse:
    """Return the problem page of an error that Flask or an abort raised; a redirect stays one."""
    if error.code is None or error.code < 400:
        return error.get_response()
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After", "WWW-Authenticate")}
    return problem(error.code, headers=kept)


def title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
