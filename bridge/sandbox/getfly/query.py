"""GetFly's query conventions for GET (docs/vendors/getfly.md, 1.1): fields, filtering, sort, paging, envelope."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

Row = dict[str, Any]

OPS = frozenset({"eq", "is", "in", "not_in", "contains", "between", "not_between", "gte", "gt", "lte", "lt"})
ARRAY_OPS = frozenset({"in", "not_in", "between", "not_between"})
PAIR_OPS = frozenset({"between", "not_between"})
LIMIT_DEFAULT = 20
FILTER = re.compile(r"filtering\[([a-z_0-9]+)(?::([a-z_]+))?\](\[\d*\])?")
TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


class Refused(ValueError):
    """A refusal: `text` names a message of getfly_texts, `errors` says which parameter is wrong and why."""

    def __init__(self, text: str, errors: Mapping[str, object] | None = None, status: int = 400) -> None:
        super().__init__(text)
        self.text, self.errors, self.status = text, errors, status


@dataclass(frozen=True)
class Listing:
    """
    What one list lets a caller ask.

    kinds: the fields that are not text: "int", "number" or "time" (epoch seconds). order: the default, field and
    direction. ignored_filters, ignored_sorts: accepted and not obeyed. limit_max: None for no ceiling.
    """

    fields: tuple[str, ...]
    kinds: Mapping[str, str]
    filters: Mapping[str, frozenset[str]]
    sorts: tuple[str, ...]
    order: tuple[str, str] = ("id", "DESC")
    ignored_filters: frozenset[str] = frozenset()
    ignored_sorts: frozenset[str] = frozenset()
    limit_max: int | None = None


@dataclass(frozen=True)
class Reading:
    """How this tenant reads a query: its zone, and the habits that the documents leave open."""

    zone: ZoneInfo
    unknown_field_refused: bool
    query_arrays: bool


@dataclass(frozen=True)
class Asked:
    """A query as it was sent, before anything is checked; `filtering` holds field, op and operand."""

    params: Mapping[str, Any]
    filtering: list[tuple[str, str, Any]] = field(default_factory=list)


def local_text(epoch: float | None, zone: ZoneInfo) -> str | None:
    """Return a time as reads show it: local, without a zone (2.1)."""
    return None if epoch is None else datetime.fromtimestamp(epoch, zone).strftime(TIMES[0])


def epoch_of(text: object, zone: ZoneInfo) -> int:
    """Return the epoch seconds of a local time or a bare date (1.1); raises ValueError."""
    for form in TIMES:
        try:
            return int(datetime.strptime(str(text), form).replace(tzinfo=zone).timestamp())
        except ValueError:
            continue
    raise ValueError(text)


def asked(args: MultiDict[str, str], body: Mapping[str, Any], reading: Reading) -> Asked:
    """Return the query of a GET, from its query string and from a JSON body (1.1); the query string wins."""
    # assumption: 1.1 does not say which of the two wins.
    params = {k: v for k, v in body.items() if k != "filtering"} | {
        k: args[k] for k in args if not k.startswith("filtering")
    }
    filtering: list[tuple[str, str, Any]] = []
    in_body = body.get("filtering") or {}
    if not isinstance(in_body, dict):
        raise Refused("invalid", {"filtering": "object expected"})
    for key, operand in in_body.items():
        name, _, op = str(key).partition(":")
        filtering.append((name, op or "eq", operand))
    filtering += _in_query(args, reading)
    return Asked(params, filtering)


def _in_query(args: MultiDict[str, str], reading: Reading) -> list[tuple[str, str, Any]]:
    single: list[tuple[str, str, Any]] = []
    arrays: dict[tuple[str, str], list[str]] = {}
    for key, value in args.items(multi=True):
        if not key.startswith("filtering"):
            continue
        if not (form := FILTER.fullmatch(key)):
            raise Refused("invalid", {key: "filtering[field:op] expected"})
        name, op, index = form[1], form[2] or "eq", form[3]
        if index is None:
            single.append((name, op, value))
        elif reading.query_arrays:
            arrays.setdefault((name, op), []).append(value)
        else:
            # assumption: 1.1, array operands in a query string are not established: refused.
            raise Refused("invalid", {key: "array operands are read from a JSON body only"})
    return single + [(name, op, values) for (name, op), values in arrays.items()]


def fields_asked(query: Asked, known: Sequence[str], reading: Reading) -> tuple[str, ...]:
    """Return the fields to show; refuses a query without `fields`, and unknown names where the tenant does."""
    text = query.params.get("fields")
    names = [name.strip() for name in text.split(",") if name.strip()] if isinstance(text, str) else []
    if not names:
        # assumption: 1.1, seen on accounts ("give it always"), taken for every v6.1 read.
        raise Refused("required", {"fields": ["custom fields: fields is required"]})
    if reading.unknown_field_refused and (unknown := [name for name in names if name not in known]):
        raise Refused("invalid", {"fields": f"unknown: {', '.join(unknown)}; available_fields: {', '.join(known)}"})
    return tuple(name for name in names if name in known)


def shown(row: Row, fields: Sequence[str], kinds: Mapping[str, str], zone: ZoneInfo) -> Row:
    """Return `fields` of `row` as a read shows them."""
    return {name: local_text(row[name], zone) if kinds.get(name) == "time" else row[name] for name in fields}


def page(rows: Sequence[Row], query: Asked, listing: Listing, reading: Reading) -> Row:
    """Return the list envelope of 1.1 for `query` over `rows`."""
    fields = fields_asked(query, listing.fields, reading)
    for name, op, operand in query.filtering:
        if name in listing.ignored_filters:
            continue
        if op not in listing.filters.get(name, frozenset()):
            # assumption: 1.1 does not say what an unknown filter does; a refusal is the reading that shows.
            raise Refused("invalid", {f"filtering[{name}:{op}]": "not supported"})
        kind = listing.kinds.get(name, "text")
        wanted = _operand(op, operand, kind, reading.zone)
        rows = [row for row in rows if _holds(op, row[name], wanted)]
    by, direction = _order(query, listing)
    rows = sorted(rows, key=lambda row: (row[by] is not None, row[by]), reverse=direction == "DESC")
    limit, offset = _whole(query, "limit", LIMIT_DEFAULT, 1), _whole(query, "offset", 0, 0)
    limit = min(limit, listing.limit_max or limit)
    return {
        "data": [shown(row, fields, listing.kinds, reading.zone) for row in rows[offset : offset + limit]],
        "has_more": len(rows) > offset + limit,
        "offset": offset,
        "limited": limit,
        "sorted": {by: direction},
    }


def _order(query: Asked, listing: Listing) -> tuple[str, str]:
    by, direction = query.params.get("sort"), str(query.params.get("direction", "asc")).upper()
    if direction not in ("ASC", "DESC"):
        raise Refused("invalid", {"direction": "asc or desc expected"})
    if by is None or by in listing.ignored_sorts:
        return listing.order
    if by not in listing.sorts:
        # assumption: 3.3 lists the sorts of accounts only; any other sort is refused.
        raise Refused("invalid", {"sort": f"{by} is not supported"})
    return str(by), direction


def _whole(query: Asked, name: str, default: int, least: int) -> int:
    value = str(query.params.get(name, default))
    if not value.isdecimal() or int(value) < least:
        raise Refused("invalid", {name: "whole number expected"})
    return int(value)


def _operand(op: str, operand: Any, kind: str, zone: ZoneInfo) -> Any:
    if op in ARRAY_OPS:
        if not isinstance(operand, list) or (op in PAIR_OPS and len(operand) != 2):
            raise Refused("invalid", {op: "array expected"})
        return [_value(item, kind, zone) for item in operand]
    if isinstance(operand, list | dict):
        raise Refused("invalid", {op: "single value expected"})
    if op == "contains":
        return str(operand)
    if op == "is" and operand in (None, "null"):
        return None
    return _value(operand, kind, zone)


def _value(operand: Any, kind: str, zone: ZoneInfo) -> Any:
    try:
        if kind == "int":
            return int(operand)
        if kind == "number":
            return float(operand)
        return epoch_of(operand, zone) if kind == "time" else str(operand)
    except (TypeError, ValueError) as error:
        raise Refused("invalid", {"filtering": f"{operand} is no {kind}"}) from error


def _holds(op: str, value: Any, wanted: Any) -> bool:
    if op in ("eq", "is"):
        return bool(value == wanted)
    if op in ("in", "not_in"):
        return (value in wanted) == (op == "in")
    if value is None:
        return False
    if op == "contains":
        return str(wanted).casefold() in str(value).casefold()
    if op in PAIR_OPS:
        return bool(wanted[0] <= value <= wanted[1]) == (op == "between")
    return bool({"gte": value >= wanted, "gt": value > wanted, "lte": value <= wanted, "lt": value < wanted}[op])
