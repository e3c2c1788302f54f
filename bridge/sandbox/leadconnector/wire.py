"""How LeadConnector answers and refuses: bodies, the checks of declared properties, and the two rate limits."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from flask import Response, g, request

Json = dict[str, Any]

# Published values of the Version header, and whether each speaks the v3 dialect (document, 1.2 and 2.1).
# assumption (1.2): the values between the two documented dialects speak the older one.
VERSIONS: Mapping[str, bool] = {
    "v3": True,
    "2023-02-21": False,
    "2021-07-28": False,
    "2021-04-15": False,
    "legacy": False,
}
# Which answers carry the status again in words (document, 3.1 and 3.2).
ERRORS: Mapping[int, str] = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 422: "Unprocessable Entity"}
NUMBER = "must be a number conforming to the specified constraints"
DAY_S = 86400


class Refused(Exception):
    """The vendor's refusal of one call. message: text, or a list of texts; extra: further members of the body."""

    def __init__(self, status: int, message: str | list[str], **extra: object) -> None:
        super().__init__(str(message))
        self.status = status
        error = {"error": ERRORS[status]} if status in ERRORS else {}
        self.body: Json = {"message": message, **error, "statusCode": status, **extra}


@dataclass(frozen=True)
class Property:
    """
    A declared request property.

    kind: string, number, boolean, strings, list, fields (customFields) or object.

    filled: when it is sent, it may not be empty.
    """

    kind: str
    required: bool = False
    nullable: bool = False
    filled: bool = False
    options: tuple[str, ...] = ()


Table = Mapping[str, Property]


def json_response(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, headers=dict(headers or {}), mimetype="application/json")


def who() -> str:
    """Return who the credential of the present request belongs to."""
    return str(g.who)


def v3() -> bool:
    """Return whether the present request speaks the v3 dialect."""
    return bool(g.v3)


def field_value_key() -> str:
    """Return the name under which this request's dialect writes a custom field value (document, 2.1)."""
    return "fieldValue" if v3() else "field_value"


def done(**more: object) -> Json:
    """Return the success body of delete and status calls, misspelt as the vendor does (document, 2.1)."""
    return {"succeded": True, **({"success": True} if v3() else {}), **more}


def json_body() -> Json:
    """Return the request's JSON object. assumption (3.1): anything else is a 400."""
    if request.mimetype != "application/json":
        raise Refused(400, "Content-Type must be application/json")
    try:
        body = json.loads(request.get_data(), parse_constant=_no_constant)
    except ValueError as error:
        raise Refused(400, f"Invalid JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object")
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def check(body: Json, table: Table, unchecked: Collection[str] = ()) -> None:
    """Raise the 422 of document 3.2 for undeclared, missing and mistyped properties; `unchecked` ones are let by."""
    messages = [f"property {name} should not exist" for name in body if name not in table]
    for name, declared in table.items():
        if name not in unchecked:
            messages += _faults(name, declared, body)
    if messages:
        raise Refused(422, messages)


def _faults(name: str, declared: Property, body: Json) -> list[str]:
    value = body.get(name)
    if name not in body and not declared.required:
        return []
    if value is None and name in body and declared.nullable:
        return []
    faults = _type_faults(name, declared, value)
    if (declared.required or declared.filled) and value in (None, ""):
        faults.append(f"{name} should not be empty")
    return faults


def _type_faults(name: str, declared: Property, value: object) -> list[str]:
    match declared.kind:
        case "string":
            wrong = [] if isinstance(value, str) else [f"{name} must be a string"]
        case "number":
            wrong = [] if is_number(value) else [f"{name} {NUMBER}"]
        case "boolean":
            wrong = [] if isinstance(value, bool) else [f"{name} must be a boolean value"]
        case "strings":
            wrong = _strings_faults(name, value)
        case "list":
            wrong = [] if isinstance(value, list) else [f"{name} must be an array"]
        case "fields":
            wrong = _fields_faults(name, value)
        case _:
            wrong = [] if isinstance(value, dict) else [f"{name} must be an object"]
    if declared.options and value not in declared.options:
        wrong.append(f"{name} must be one of the following values: {', '.join(declared.options)}")
    return wrong


def _strings_faults(name: str, value: object) -> list[str]:
    if not isinstance(value, list):
        return [f"{name} must be an array"]
    return [] if all(isinstance(item, str) for item in value) else [f"each value in {name} must be a string"]


def _fields_faults(name: str, value: object) -> list[str]:
    """Return what is wrong with a customFields array: items are `id` or `key` plus the dialect's value key (2.4)."""
    if not isinstance(value, list):
        return [f"{name} must be an array"]
    faults = []
    for place, item in enumerate(value):
        at = f"{name}.{place}"
        if not isinstance(item, dict):
            faults.append(f"{at} must be an object")
            continue
        faults += [f"{at}.property {k} should not exist" for k in item if k not in ("id", "key", field_value_key())]
        faults += [f"{at}.{k} must be a string" for k in ("id", "key") if k in item and not isinstance(item[k], str)]
        if "id" not in item and "key" not in item:
            faults.append(f"{at}.id should not be empty")
        if field_value_key() not in item:  # assumption (10): an item without a value is refused
            faults.append(f"{at}.{field_value_key()} should not be empty")
    return faults


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def query(table: Table) -> Json:
    """Return the typed query of the present request, or raise the 422 for undeclared and mistyped names."""
    found: Json = {}
    for name, text in request.args.items():
        declared = table.get(name)
        found[name] = text if declared is None else _typed(text, declared.kind)
    check(found, table)
    return found


def _typed(text: str, kind: str) -> object:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "number":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def whole(values: Json, name: str, default: int, lowest: int, highest: int | None = None) -> int:
    """Return a whole number between bounds from checked values, or raise the 422 that names the bound."""
    value = values.get(name, default)
    if value != int(value):
        raise Refused(422, [f"{name} must be an integer number"])
    if value < lowest:
        raise Refused(422, [f"{name} must not be less than {lowest}"])
    if highest is not None and value > highest:
        raise Refused(422, [f"{name} must not be greater than {highest}"])
    return int(value)


class Limits:
    """The burst and the daily limit of document 3.3, counted per credential."""

    interval_s = 10

    def __init__(self) -> None:
        self.recent: dict[str, deque[float]] = {}
        self.today: dict[str, tuple[int, int]] = {}

    def take(self, key: str, now: float, burst: int, daily: int) -> bool:
        """Count one call and return True, or return False when `key` is over a limit."""
        if min(self.left(key, now, burst, daily)) <= 0:
            return False
        self.recent.setdefault(key, deque()).append(now)
        day = int(now // DAY_S)  # assumption (10): the day turns at midnight UTC
        self.today[key] = (day, self._used_today(key, now) + 1)
        return True

    def left(self, key: str, now: float, burst: int, daily: int) -> tuple[int, int]:
        """Return how many calls `key` has left in the interval and in the day."""
        recent = self.recent.setdefault(key, deque())
        while recent and recent[0] <= now - self.interval_s:
            recent.popleft()
        return max(0, burst - len(recent)), max(0, daily - self._used_today(key, now))

    def _used_today(self, key: str, now: float) -> int:
        day, used = self.today.get(key, (0, 0))
        return used if day == int(now // DAY_S) else 0


def limit_headers(burst: int, daily: int, left: tuple[int, int]) -> dict[str, str]:
    """Return the five headers of document 3.3."""
    return {
        "X-RateLimit-Limit-Daily": str(daily),
        "X-RateLimit-Daily-Remaining": str(left[1]),
        "X-RateLimit-Interval-Milliseconds": str(Limits.interval_s * 1000),
        "X-RateLimit-Max": str(burst),
        "X-RateLimit-Remaining": str(left[0]),
    }
