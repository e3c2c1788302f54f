"""ONLYOFFICE on the wire: bodies become a flat list of names and texts, texts become values, values become JSON."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Response

EMPTY_GUID = str(uuid.UUID(int=0))
UNSET_DATE = "0001-01-01T00:00:00.0000000Z"
INT_MAX = 2**31 - 1
DECIMAL_MAX = Decimal(2**96 - 1)

# 2.5: what the server puts in place of the HTTP reason
REASONS = {
    400: "Invalid arguments",
    403: "Access denied",
    404: "The record could not be found",
    500: "Server error",
}

_JSON_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{1,7})(Z|[+-]\d\d:\d\d)?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HYPHENS = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)\.(\d{3})Z", re.ASCII)
_COLONS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.(?:\d{3}|\d{7}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_GUID = re.compile(r"(?:[0-9a-f]{32}|[({]?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}[)}]?)", re.ASCII | re.IGNORECASE)
_INT = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class Refusal(Exception):
    """An answer of 2.5: status, message and hresult."""

    def __init__(self, status: int, message: str, hresult: int) -> None:
        super().__init__(message)
        self.status, self.message, self.hresult = status, message, hresult


def bad_argument() -> Refusal:
    """Return the refusal of a missing or unknown value (2.5)."""
    return Refusal(400, "Value does not fall within the expected range.", -2147024809)


def no_stage() -> Refusal:
    """Return the refusal of an unknown stage in POST and PUT (2.5)."""
    return Refusal(400, "Deal milestone is not found", -2147024809)


def not_found() -> Refusal:
    """Return the refusal of an unknown or hidden id (2.5)."""
    return Refusal(404, "Not found", -2147467259)


def denied() -> Refusal:
    """Return the refusal of a caller without the right (2.5)."""
    return Refusal(403, "Access Denied", -2146233078)


def crash(message: str = "Object reference not set to an instance of an object.") -> Refusal:
    """Return the refusal for everything else (2.5)."""
    return Refusal(500, message, -2147467261)


def not_convertible(text: str, kind: str) -> Refusal:
    """Return the refusal of a text that is not of the parameter's type (2.5)."""
    return Refusal(400, f"Can't convert '{text}' to {kind}", -2146233088)


class Pair(NamedTuple):
    """One named text. origin: path, query or body, in the order of precedence (2.1)."""

    name: str
    text: str
    origin: str


def read_json(raw: str) -> list[Pair]:
    """Return a JSON body as pairs, or refuse it; an empty body has none (2.6)."""
    if not raw.strip():
        return []
    try:
        body = json.loads(raw, parse_constant=_no_constant)
    except ValueError as error:
        raise Refusal(400, f"Unexpected character encountered while parsing: {error}", -2146233088) from error
    if body is None:
        return []
    if not isinstance(body, dict):
        raise Refusal(400, "JSON root object must be an object", -2146233088)
    return [Pair(name, text, "body") for key, value in body.items() for name, text in _leaves(key, value)]


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Flatten as the server's JSON to XML step does: an empty array vanishes, null is the empty text (2.6)."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{name}[{key}]", inner)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            if isinstance(inner, list):
                raise not_convertible(json.dumps(inner), name)
            yield from _leaves(f"{name}[{at}]" if isinstance(inner, dict) else name, inner)
    else:
        yield name, _text(value)


def _text(value: object) -> str:
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return trim_fraction(str(value))


def trim_fraction(text: str) -> str:
    """
    Return a colon-style ISO text without the trailing zeros of its fraction, any other text as it is (2.4, the trap).

    It happens to every JSON string of that form, a title too.
    """
    if not (found := _JSON_DATE.fullmatch(text)):
        return text
    fraction = found[2].rstrip("0")
    return found[1] + (f".{fraction}" if fraction else "") + (found[3] or "")


class Args:
    """The arguments of one call: names in any letter case, path before query before body (2.1), null rules of 2.6."""

    def __init__(self, pairs: Sequence[Pair], zone: tzinfo) -> None:
        self.pairs, self.zone = pairs, zone

    def text(self, name: str) -> str | None:
        """Return the first text of that name, or None when it was not sent."""
        pair = self._first(name)
        return pair.text if pair else None

    def integer(self, name: str) -> int:
        """Return a 32-bit number; absent, null and empty are 0."""
        return to_int(text) if (text := self.text(name)) else 0

    def decimal(self, name: str) -> Decimal:
        """Return a decimal number; absent, null and empty are 0."""
        return to_decimal(text) if (text := self.text(name)) else Decimal(0)

    def boolean(self, name: str) -> bool:
        """Return a truth value written as a word; absent, null and empty are false."""
        return to_bool(text) if (text := self.text(name)) else False

    def guid(self, name: str) -> str:
        """Return a GUID in lower case with dashes; absent, null and empty are the empty GUID."""
        return to_guid(text) if (text := self.text(name)) else EMPTY_GUID

    def choice(self, name: str, names: Sequence[str]) -> int | None:
        """Return the number of an enum value sent as number or name, None when not sent (2.3)."""
        return to_choice(text, names) if (text := self.text(name)) else None

    def moment(self, name: str) -> datetime | None:
        """Return a date in UTC; absent, null, empty and year 1 are None (2.4)."""
        pair = self._first(name)
        if pair is None or not pair.text:
            return None
        if pair.origin == "query" and ":" in pair.text:
            # assumption: 2.4 forbids colons in dates inside URLs without saying what happens; refused here
            raise not_convertible(pair.text, "date")
        return to_moment(pair.text, self.zone)

    def integers(self, name: str) -> list[int]:
        """Return an int array; absent and [] are the empty list, null is refused (2.6)."""
        return [to_int(text) for text in self.items(name)]

    def guids(self, name: str) -> list[str]:
        """Return a GUID array without repeats; absent and [] are the empty list, null is refused (2.6)."""
        return list(dict.fromkeys(to_guid(text) for text in self.items(name)))

    def items(self, name: str) -> list[str]:
        """Return the texts of an array sent as name, name[] or name[0]."""
        own = re.compile(re.escape(name) + r"(\[\d*\])?", re.ASCII | re.IGNORECASE)
        return [pair.text for pair in self.pairs if own.fullmatch(pair.name)]

    def fields(self, name: str) -> list[tuple[int, str]]:
        """Return a list of key and value objects, one or many, `key` or `Key`; null is the empty list (2.6)."""
        own = re.compile(rf"(?i:{re.escape(name)})(?:\[(\d*)\])?\[([kK]ey|[vV]alue)\]", re.ASCII)
        rows: dict[str, dict[str, str]] = {}
        for pair in self.pairs:
            if found := own.fullmatch(pair.name):
                rows.setdefault(found[1] or "", {}).setdefault(found[2].lower(), pair.text)
        return [(to_int(row["key"]) if "key" in row else 0, row.get("value", "")) for row in rows.values()]

    def _first(self, name: str) -> Pair | None:
        return next((pair for pair in self.pairs if pair.name.lower() == name.lower()), None)


def to_int(text: str) -> int:
    """Return a 32-bit number or refuse the text."""
    if not _INT.fullmatch(text) or not -INT_MAX - 1 <= int(text) <= INT_MAX:
        raise not_convertible(text, "Int32")
    return int(text)


def to_decimal(text: str) -> Decimal:
    """Return a decimal with point and exponent but no thousands sign, or refuse the text."""
    if not _DECIMAL.fullmatch(text) or abs(Decimal(text.strip())) > DECIMAL_MAX:
        raise not_convertible(text, "Decimal")
    return Decimal(text.strip())


def to_bool(text: str) -> bool:
    """Return true or false from the word in any letter case, or refuse the text; 1 and 0 are no truth values."""
    if text.strip().lower() not in {"true", "false"}:
        raise not_convertible(text, "Boolean")
    return text.strip().lower() == "true"


def to_guid(text: str) -> str:
    """Return a GUID in lower case with dashes, or refuse the text."""
    if not _GUID.fullmatch(text.strip()):
        raise not_convertible(text, "Guid")
    return str(uuid.UUID(text.strip().strip("(){}")))


def to_choice(text: str, names: Sequence[str]) -> int:
    """Return the number of an enum value, given by number or by name in any letter case (2.3)."""
    lowered = [name.lower() for name in names]
    if text.strip().lower() in lowered:
        return lowered.index(text.strip().lower())
    # assumption: 2.3 does not say what a number outside the list does; refused here
    if not _INT.fullmatch(text) or not 0 <= int(text) < len(names):
        raise not_convertible(text, "enum")
    return int(text)


def to_moment(text: str, zone: tzinfo) -> datetime | None:
    """
    Return a date of 2.4 in UTC, None for year 1, or refuse the text.

    zone: the portal's; a date alone is midnight there.
    """
    # assumption: 2.4 lists no date-time without zone and says to avoid it; refused here
    try:
        value = _moment(text, zone)
    except (ValueError, OverflowError) as error:
        raise not_convertible(text, "date") from error
    return None if value == datetime.min.replace(tzinfo=UTC) else value


def _moment(text: str, zone: tzinfo) -> datetime:
    if _DAY.fullmatch(text):
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    if found := _HYPHENS.fullmatch(text):
        return datetime.fromisoformat(f"{found[1]}T{found[2]}:{found[3]}:{found[4]}.{found[5]}+00:00")
    if found := _COLONS.fullmatch(text):
        fraction = (found[2] or "")[:7]
        return datetime.fromisoformat(found[1] + fraction + found[3]).astimezone(UTC)
    raise ValueError(text)


def portal_zone(name: str) -> tzinfo:
    """Return the zone for an offset such as +07:00 or a name such as Europe/Riga."""
    if found := _OFFSET.fullmatch(name):
        span = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-span if found[1] == "-" else span)
    return ZoneInfo(name)


def date_text(value: datetime | None, zone: tzinfo) -> str:
    """Return a date as answers carry it: seven fraction digits, offset of the portal zone, Z for none (2.4)."""
    if value is None:
        return UNSET_DATE
    local = value.astimezone(zone)
    offset = local.strftime("%z")
    ending = "Z" if offset in {"+0000", "-0000"} else f"{offset[:3]}:{offset[3:5]}"
    return f"{local.replace(tzinfo=None).isoformat(timespec='microseconds')}0{ending}"


_plain = json.JSONEncoder(ensure_ascii=False).encode  # made once: it is called for each value


@lru_cache(maxsize=1_000)
def _name(key: object) -> str:
    return dump(str(key)) + ":"


def dump(value: object) -> str:
    r"""Return JSON as the vendor writes it: decimals with their own digits, / as \/ (2.3)."""
    if isinstance(value, str):
        return _plain(value).replace("/", "\\/")
    if isinstance(value, dict):
        return "{" + ",".join([_name(key) + dump(inner) for key, inner in value.items()]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([dump(inner) for inner in value]) + "]"
    if isinstance(value, Decimal):
        digits = format(value, "f")
        return digits if "." in digits else f"{digits}.0"
    return _plain(value)


def answer(status: int, body: Mapping[str, object]) -> Response:
    """Return a JSON answer with the vendor's reason phrase (2.5)."""
    reply = Response(dump(body), content_type="application/json; charset=utf-8")
    reply.status = f"{status} {REASONS[status]}" if status in REASONS else str(status)
    return reply


def refused(refusal: Refusal) -> Response:
    """Return the error envelope of 2.5."""
    error = {"message": refusal.message, "hresult": refusal.hresult, "data": {}}
    return answer(refusal.status, {"status": 1, "statusCode": refusal.status, "error": error})
