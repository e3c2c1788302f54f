"""How LeadSquared speaks: its refusals, calls, times, paging and sorting (document, sections 1.3 and 1.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]

PAGE_SIZE = 100  # assumption: 1.3 names no default size
PAGE_SIZE_MAX = 1000  # assumption: 5 says so of one call; taken for all paged calls (10, point 7)
STAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
MARKUP = re.compile(r"<[A-Za-z/!?]")


class Refused(Exception):
    """An answer with the error envelope of 1.4."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message

    def envelope(self) -> Row:
        return {"Status": "Error", "ExceptionType": self.kind, "ExceptionMessage": self.message}


class Broken(Exception):
    """The server fails without saying why, as in a real fault of 1.4."""


def invalid(message: str) -> Refused:
    return Refused(500, "MXInvalidInputException", message)


def missing(name: str) -> Refused:
    return Refused(500, "MXMandatoryAttributeMissingException", f"'{name}' is mandatory")


def bad_field(message: str) -> Refused:
    return Refused(500, "MXInvalidActivityFieldsException", message)


def bad_body(message: str) -> Refused:
    return Refused(400, "MXInvalidDataTypeException", message)


def duplicate(message: str) -> Refused:
    return Refused(500, "MXDuplicateEntryException", message)


def no_opportunity() -> Refused:
    # assumption: 1.4 and 10 (point 6) give status and message, the type is not recorded
    return invalid("Opportunity does not exist")


@dataclass(frozen=True)
class Call:
    """One accepted API call. args: names in lower case; exact: names as sent; body: None when there was none."""

    who: str
    user: str
    args: Mapping[str, str]
    exact: Mapping[str, str]
    body: Any

    def arg(self, name: str) -> str:
        """Return a query value that must be there; names are case-insensitive (1.3)."""
        if value := self.args.get(name.lower(), ""):
            return value
        raise missing(name)

    def table(self) -> Row:
        """Return the body, which must be a JSON object."""
        if not isinstance(self.body, dict):
            raise bad_body("The message body is not as per API specification")
        return self.body


def parse_body(raw: bytes, mimetype: str) -> Any:
    """Return the JSON value of a request body, None when it is empty. Raises Refused with 400 as in 1.3 and 1.4."""
    if not raw.strip():
        return None
    if mimetype != "application/json":
        raise bad_body("Content type must be application/json")
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except ValueError as error:
        # assumption: 1.3 gives status and message, not the type
        raise bad_body("Unexpected character encountered while parsing value") from error


def _no_constant(name: str) -> None:
    raise ValueError(name)


def part(body: Row, name: str) -> Row:
    """Return an object inside a body, empty when absent; anything else is the wrong shape."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_body(f"{name} must be an object")
    return value


def text_of(value: object, name: str) -> str:
    """Return a value that must be a JSON string."""
    # assumption: 1.3 shows strings only and 10 (point 6) leaves null open, so other types are refused
    if not isinstance(value, str):
        raise bad_body(f"{name} must be a string")
    if MARKUP.search(value):
        # assumption: 1.4 names the type; status and message are ours
        raise Refused(500, "MXXSSException", "Potentially dangerous value detected in the request")
    return value


def flag(body: Row, name: str, default: bool = False) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise bad_body(f"{name} must be true or false")
    return value


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def stamp_ms(at: float) -> str:
    return stamp(at) + f".{int(at % 1 * 1000):03d}"


def stamp_us(at: float) -> str:
    """Return month first and a twelve-hour clock, as bulk reads and activity fields show dates (1.3)."""
    when = datetime.fromtimestamp(at, UTC)
    return f"{when.month}/{when.day}/{when.year} {when.hour % 12 or 12}:{when:%M:%S} {'AM' if when.hour < 12 else 'PM'}"


def moment(text: str) -> float:
    """Return epoch seconds of `YYYY-MM-DD HH:MM:SS` in UTC. Raises ValueError for any other form."""
    if not STAMP.fullmatch(text):
        raise ValueError(text)
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


def restamped(text: str, form: Callable[[float], str]) -> str:
    return form(moment(text)) if STAMP.fullmatch(text) else text


def csv_of(body: Row) -> tuple[str, ...]:
    """Return the columns asked for; empty when the body names none (1.3)."""
    wanted = part(body, "Columns").get("Include_CSV") or ""
    return tuple(name.strip() for name in text_of(wanted, "Include_CSV").split(",") if name.strip())


def whole(value: object, name: str) -> int:
    if isinstance(value, str) and value.isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_body(f"{name} must be a number")
    return value


def paged(rows: list[Row], body: Row) -> list[Row]:
    """Return one page; PageIndex counts from 1 (1.3)."""
    paging = part(body, "Paging")
    index, size = whole(paging.get("PageIndex", 1), "PageIndex"), whole(paging.get("PageSize", PAGE_SIZE), "PageSize")
    if size > PAGE_SIZE_MAX:
        raise invalid(f"PageSize can not be more than {PAGE_SIZE_MAX}")
    if index < 1 or size < 1:
        raise invalid("Invalid Paging value provided")
    return rows[(index - 1) * size : index * size]


def ordered(rows: list[Row], body: Row) -> list[Row]:
    """Return rows sorted as asked; 1 is descending, 0 ascending, each a string or a number (1.3)."""
    sorting = part(body, "Sorting")
    column = sorting.get("ColumnName")
    if column is None:
        return rows
    direction = str(sorting.get("Direction", "0"))
    if direction not in ("0", "1") or (rows and column not in rows[0]):
        raise invalid("Invalid Sorting value provided")  # assumption: 1.3 does not say
    return sorted(rows, key=lambda row: str(row[column] or ""), reverse=direction == "1")
