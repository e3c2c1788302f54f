"""What LeadSquared's answers mean: failures, throttling, times. Sources: docs/vendors/leadsquared.md, by section."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bridge.connectors.base import json_object
from bridge.connectors.http import Answer, Call, Transport
from bridge.core.errors import BridgeError, Disconnected, Permanent, Transient
from bridge.core.fields import Day, Field, Money, plain
from bridge.core.model import Native

# ExceptionType to our label (1.4); every other MX... or Argument... type is "refused", the rest is a fault
REASONS = {
    "MXMandatoryAttributeMissingException": "field_missing",
    "MXInvalidActivityFieldsException": "field_refused",
    "MXInvalidInputException": "input_refused",
    "MXInvalidDataTypeException": "shape_refused",
    "ArgumentNullException": "shape_refused",
    "MXDuplicateEntryException": "duplicate",
    "MXXSSException": "markup_refused",
    "MXUnAuthorizedAccessException": "no_rights",
    "MXUnauthorizedRequestException": "no_rights",
}
STATUSES = {400: "bad_request", 403: "no_rights", 404: "no_such_api", 405: "wrong_verb"}
THROTTLED, THROTTLED_TEXT = "MXAPIRateLimitExceededException", "API calls exceeded the limit"

TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%m/%d/%Y %I:%M:%S %p")  # 1.3


def honest(transport: Transport) -> Transport:
    """Give an answer that says "too many calls", at whatever status, the 429 and the Retry-After it stands for."""

    def send(call: Call) -> Answer:
        answer = transport(call)
        said = json_object(answer.body) if len(answer.body) < 2000 else {}
        text = str(said.get("ExceptionMessage") or "")
        throttled = said.get("ExceptionType") == THROTTLED or text.startswith(THROTTLED_TEXT)
        if not throttled and (answer.status != 429 or "retry-after" in answer.headers):
            return answer
        found = re.search(r"\bin (\d{1,5}) second", text)
        wait_s = int(found[1] if found else 5) + 0.2
        return replace(answer, status=429, headers={**answer.headers, "retry-after": str(wait_s)})

    return send


def judged(answer: Answer) -> Any:
    """Return the body of a success, else raise: a failure may come at any status, also 200 (1.4)."""
    if answer.status == 401:
        raise Disconnected("keys_refused", 'check the keys, the region of base_url, and whether auth = "query" helps')
    body = answer.json() if answer.status == 200 else json_object(answer.body)
    said = body if isinstance(body, dict) else {}
    if answer.status != 200 or said.get("Status") == "Error" or said.get("ExceptionType"):
        raise _failure(answer.status, str(said.get("ExceptionType") or ""), str(said.get("ExceptionMessage") or ""))
    return body


def _failure(status: int, exception: str, message: str) -> BridgeError:
    kind = re.sub(r"\W", "", exception.rpartition(".")[2])[:80]
    names = sorted(set(re.findall(r"\bmx_\w{1,40}", message)))  # the message may quote values: only names are kept
    detail = " ".join([f"HTTP {status}", kind, *names]).strip()
    if "opportunity does not exist" in message.lower():
        return Permanent("gone", detail)
    if kind in REASONS or kind.startswith(("MX", "Argument")):
        return Permanent(REASONS.get(kind, "refused"), detail)
    if status in STATUSES:
        return Permanent(STATUSES[status], detail)
    return Transient("server_error" if status >= 500 or status == 200 else "unexpected_answer", detail, in_doubt=True)


def surprise(what: str) -> Transient:
    return Transient("unexpected_answer", what, in_doubt=True)


def an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise surprise("not an object")
    return value


def a_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise surprise("not a list")
    return value


def native(field: Field, values: list[Any]) -> Native:
    """Return the native value of what the answer shows; raises ValueError when it cannot be one."""
    if any(isinstance(v, bool) or not isinstance(v, str | int | Decimal | None) for v in values):
        raise ValueError("not a text")
    texts = ["" if v is None else str(v) for v in values]
    if not any(texts):
        return None
    if isinstance(field, Money):
        return plain(texts[0])
    if isinstance(field, Day):
        return texts[0] if re.fullmatch(r"\d{4}-\d\d-\d\d", texts[0]) else f"{_utc(texts[0]):%Y-%m-%d %H:%M:%S}"
    return "/".join(texts) if field.name in ("stage", "status") else " ".join(filter(None, texts))


def _utc(text: str) -> datetime:
    """Parse a time in any of the vendor's three forms, all UTC without saying so; raises ValueError."""
    for form in TIME_FORMATS:
        try:
            parsed = datetime.strptime(text[:26], form).replace(tzinfo=UTC, microsecond=0)
        except ValueError:
            continue
        if parsed.year >= 1900:
            return parsed
    raise ValueError("not a time")


def stamp(value: Any) -> int | None:
    """Return whole seconds as milliseconds: lists show fractions that the read by id cuts off (1.3)."""
    try:
        return int(_utc(str(value)).timestamp()) * 1000
    except ValueError:
        return None


def option_texts(value: Any) -> Iterator[str]:
    """Yield the option texts of an OptionSet, a JSON text of no certain shape (2.12)."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, dict) and isinstance(value.get("Value"), str):
        yield value["Value"]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from option_texts(inner)
