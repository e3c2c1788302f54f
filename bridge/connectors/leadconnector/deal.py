"""An opportunity of LeadConnector: its JSON as native values, and native values as the JSON of an update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from bridge.connectors.leadconnector.answer import Body, an_object, odd, rows
from bridge.core.errors import Permanent, Unsayable
from bridge.core.fields import Day, Field, Money, Percent, Text, Words, plain
from bridge.core.model import Canonical, Native

Shown = Literal["read", "answer", "row"]  # by id, in the answer to an update, in a row of the search

# What a read by id leaves out when it is empty (vendor document 6); anywhere else an absent field is unknown.
ABSENT_IS_EMPTY = {"amount", "owner"}
# The key that holds a custom field's value depends on the route (vendor document 2.4).
VALUE_KEYS = (
    "fieldValue",
    "field_value",
    "value",
    "fieldValueString",
    "fieldValueNumber",
    "fieldValueArray",
    "fieldValueBoolean",
    "fieldValueDate",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MISSING = object()


@dataclass(frozen=True)
class Lasting(Field):
    """A field that cannot be emptied, or not in a way that is known to work."""

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        if c in (None, ""):
            raise Unsayable(f"{self.name} cannot be emptied here", f"empty {self.name} by hand, or give it a value")
        return super().encode(c, words, scope)


@dataclass(frozen=True)
class LastingText(Lasting, Text):
    pass


@dataclass(frozen=True)
class LastingDay(Lasting, Day):
    pass


def shown(deal: Body, fields: Iterable[Field], how: Shown) -> dict[str, Native]:
    """
    Return the native values of `fields` that the opportunity shows. Raises Transient when a type is not as documented.

    A row of the search may show empty what is not, so there an empty field is left out too (vendor document 7).
    """
    found: dict[str, Native] = {}
    for field in fields:
        value = _value(deal, field)
        if value is MISSING and how == "read" and field.name in ABSENT_IS_EMPTY:
            value = None
        if value is not MISSING and not (value is None and how == "row"):
            found[field.name] = _native(field, value)
    return found


def _value(deal: Body, field: Field) -> Any:
    if field.name == "stage":
        pipeline, stage = deal.get("pipelineId"), deal.get("pipelineStageId")
        return f"{_text(pipeline, field)}/{_text(stage, field)}" if pipeline and stage else MISSING
    group, _, key = field.native.rpartition(".")
    holder = deal.get(group) or {} if group else deal
    return an_object(holder).get(key, MISSING)


def _native(field: Field, value: Any) -> Native:
    if value is None:
        return None
    if isinstance(field, Money | Percent):
        if type(value) not in (int, Decimal):
            raise odd(field.native)
        return round(value) if isinstance(field, Percent) else number_text(value)
    return _text(value, field)


def _text(value: Any, field: Field) -> str:
    if not isinstance(value, str):
        raise odd(field.native)
    return value


def number_text(value: int | Decimal) -> str:
    try:
        return plain(str(value))
    except ValueError:
        raise odd("a number out of range") from None


def custom_values(deal: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return custom field id to value as the vendor's JSON has it, or None when the answer does not hold them."""
    if deal.get("customFields") is None:
        return None
    found = {}
    for row in rows(dict(deal), "customFields"):
        if not isinstance(row.get("id"), str):
            raise odd("customFields.id")
        found[row["id"]] = next((row[key] for key in VALUE_KEYS if row.get(key) is not None), None)
    return found


def shown_custom(deal: Body, ids: Mapping[str, str], how: Shown) -> tuple[dict[str, Native], dict[str, str]]:
    """
    Return the native values of the custom fields in `ids` (canonical name to id), and which of them are locked, why.

    The list of a read by id leaves out what is empty; the list of an answer may be partial, so there it is unknown.
    """
    values = custom_values(deal)
    found: dict[str, Native] = {}
    locked: dict[str, str] = {}
    for name, vendor_id in ids.items() if values is not None else ():
        value = values.get(vendor_id) if values else None
        if isinstance(value, str) or (value is None and how == "read"):
            found[name] = value
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            found[name] = number_text(value)
        elif value is not None:
            locked[name] = "the field holds files or several values: change it in LeadConnector"
    return found, locked


def moment_ms(deal: Body, key: str) -> int | None:
    """Return an ISO time as epoch milliseconds, or None when there is none."""
    given = deal.get(key)
    if given is None:
        return None
    try:
        return (datetime.fromisoformat(given) - EPOCH) // timedelta(milliseconds=1)
    except (TypeError, ValueError):
        raise odd(key) from None


def number(name: str, value: Native) -> int | float:
    """Return a number for JSON; an empty one is 0, which the vendor does not tell from empty (vendor document 6)."""
    try:
        exact = Decimal(plain(str(value or 0)))
    except ValueError:
        raise Permanent("not_a_number", name) from None
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def resaid(value: Any) -> Any:
    """Return a custom field's value as an update takes it: numbers as text, which the server turns back."""
    return number_text(value) if type(value) in (int, Decimal) else value
