"""What LeadConnector answers: an opportunity as native values, and a refusal as what the caller does next."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from bridge.connectors.base import json_object
from bridge.connectors.http import Answer, Call, Transport
from bridge.core.errors import BridgeError, Disconnected, Misconfigured, Permanent, Transient

Body = dict[str, Any]

VERSION = "2021-07-28"
INTERVAL_S, DAY_SPENT_S = 10, 3600
USERS_SCOPE = "users.readonly"
SCOPES = f"opportunities.readonly, opportunities.write, locations/customFields.readonly, {USERS_SCOPE}"
# A refusal that is about bridge.toml, not about the call: words of the answer, the key, the cure (vendor document 3.2).
SETTINGS = (
    ("version header", "version", f'write version = "{VERSION}"'),
    ("cannot get /", "version", f'write version = "{VERSION}"'),
    ("cannot put /", "version", f'write version = "{VERSION}"'),
    ("not authorized for this scope", "token", f"give the private integration the scopes {SCOPES}"),
    ("user type mismatch", "token", "make the private integration in the location itself, not in the agency"),
    ("not yet supported by the iam service", "token", "use a private integration token of the location"),
    ("access to this location", "location_id", "write the id of the location that the token is of"),
    ("common_location_id_undefined", "location_id", "write the id of the location that the token is of"),
)
REFUSALS = (
    ("opportunity_no_duplicate", "duplicate", "the contact already has an opportunity in that pipeline"),
    ("pipeline id is invalid", "unknown_pipeline", "the location has no such pipeline"),
)
PROPERTIES = (
    "pipelineId",
    "name",
    "pipelineStageId",
    "status",
    "monetaryValue",
    "assignedTo",
    "customFields",
    "lostReasonId",
    "forecastExpectedCloseDate",
    "forecastProbability",
    "location_id",
    "locationId",
)


def paced(transport: Transport) -> Transport:
    """Give a 429 the Retry-After that this vendor does not send: one interval, or an hour when the day is used up."""

    def call(call: Call) -> Answer:
        answer = transport(call)
        if answer.status != 429 or "retry-after" in answer.headers:
            return answer
        spent = answer.headers.get("x-ratelimit-daily-remaining") == "0"
        return replace(answer, headers={**answer.headers, "retry-after": str(DAY_SPENT_S if spent else INTERVAL_S)})

    return call


def odd(what: str) -> Transient:
    """The error for a 2xx that is not as documented; the call may have been applied."""
    return Transient("unexpected_answer", what, in_doubt=True)


def an_object(value: Any) -> Body:
    if not isinstance(value, dict):
        raise odd("not an object")
    return value


def rows(body: Body, key: str) -> list[Body]:
    """Return the list of objects under `key`."""
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise odd(key)
    return found


def gone(answer: Answer) -> bool:
    """Tell whether the vendor says that there is no such opportunity; a 404 may also be about the path."""
    words = _words(json_object(answer.body))
    return answer.status == 404 and ("opportunity_not_found" in words or words == "opportunity not found")


def failure(answer: Answer, where: str, *, in_doubt: bool) -> BridgeError:
    """
    Return the error for an answer that is not 2xx. where: the connection's table in bridge.toml.

    A 401 may be about the version, the scope, the kind of token or a missing parameter (vendor document 3.2).
    """
    status, body = answer.status, json_object(answer.body)
    words, is_api = _words(body), answer.body.lstrip().startswith(b"{")  # its pages also show `{}` as a refusal
    if status >= 500 or status in (408, 409, 425):
        return Transient("server_error", f"HTTP {status}", in_doubt=in_doubt)
    if not is_api and status in (401, 403):
        return Transient("refused_at_the_edge", f"HTTP {status} without JSON: the vendor's firewall, not its API")
    if not 400 <= status < 500 or not is_api:
        return Transient("unexpected_answer", f"HTTP {status}", in_doubt=in_doubt)
    for sign, key, cure in SETTINGS:
        if sign in words:
            return Misconfigured(f"{where}.{key}", f"LeadConnector refuses with HTTP {status}", cure)
    for sign, reason, detail in REFUSALS:
        if sign in words:
            return Permanent(reason, detail)
    if status == 401 and "_undefined" not in words:
        return Disconnected("token_refused", "the token is revoked or mistyped: make a new private integration token")
    if status == 403:
        return Misconfigured(
            f"{where}.token", "it may not do this", f"give the private integration the scopes {SCOPES}"
        )
    said = set(re.findall(r"\w+", words))
    named = ", ".join(name for name in PROPERTIES if name.lower() in said)
    return Permanent("invalid" if status in (401, 422) else "refused", f"HTTP {status} {named}".rstrip())


def _words(body: Body) -> str:
    """Return code and messages in one lower-case line; `message` is a text or a list of them."""
    message = body.get("message")
    parts = [body.get("code"), *(message if isinstance(message, list) else [message])]
    return " ".join(part for part in parts if isinstance(part, str)).lower()
