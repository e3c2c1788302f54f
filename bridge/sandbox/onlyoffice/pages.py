"""What a person does in ONLYOFFICE's own pages, where the form fills in more than the API does (3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.sandbox.onlyoffice.portal import Portal, staged
from bridge.sandbox.onlyoffice.records import BID_TYPES, COLUMNS, Deal
from bridge.sandbox.onlyoffice.wire import to_choice, to_moment


def changed(portal: Portal, deal: Deal, changes: Mapping[str, object]) -> Deal:
    """
    Return the deal after a person filled in the form.

    A new stage brings its probability and close date unless these are filled in too (3.3). Custom fields are named
    customField_<id>, the empty text clears one. Raises KeyError for an unknown field, stage, contact or currency.
    """
    new, read = deal, _readers(portal)
    fields = {f"customField_{number}": number for number in portal.fields}
    for name, value in sorted(changes.items(), key=lambda change: change[0] != "stageid"):
        if name == "stageid":
            stage = portal.stages[int(str(value))]
            new = new if stage.id == new.stage else staged(new, stage, portal.now())
        elif name == "isPrivate":
            new = new if value else replace(new, access=())
        elif name in fields:
            new = replace(new, custom=new.custom | {fields[name]: str(value)})
        else:
            new = replace(new, **{COLUMNS[name]: read[name](value)})
    return new


def _readers(portal: Portal) -> dict[str, Callable[[Any], Any]]:
    """Return how each field of the form reads its value: text, or the value itself."""

    def moment(value: object) -> datetime | None:
        if value is None or isinstance(value, datetime):
            return value
        return to_moment(str(value), portal.zone) if value else None

    def contact(value: object) -> int:
        number = int(str(value or 0))
        return portal.contacts[number].id if number else 0

    def members(value: Iterable[object]) -> tuple[int, ...]:
        return tuple(contact(each) for each in value)

    return {
        "title": str,
        "description": str,
        "responsibleid": str,
        "bidCurrencyAbbr": lambda value: portal.currencies[str(value)].code,
        "bidType": lambda value: to_choice(str(value), BID_TYPES),
        "bidValue": lambda value: Decimal(str(value)),
        "perPeriodValue": lambda value: int(str(value)),
        "successProbability": lambda value: min(100, max(0, int(str(value)))),
        "contactid": contact,
        "actualCloseDate": moment,
        "expectedCloseDate": moment,
        "members": members,
        "accessList": lambda value: tuple(str(each) for each in value),
    }
