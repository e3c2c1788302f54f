"""A deal of ONLYOFFICE on the wire: the 17 inputs of an update, and the values that an answer shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from bridge.core.errors import Permanent, Transient
from bridge.core.fields import plain
from bridge.core.model import Native

HEADING = 4  # a custom field that is only a title on the page
FIXED_BID = 0
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
REQUIRED = {
    "title": "a title",
    "responsibleid": "a responsible person",
    "stageid": "a stage",
    "bidCurrencyAbbr": "a currency that the portal knows",
    "bidValue": "an amount of at most 15 digits",
}

Body = dict[str, Any]
T = TypeVar("T")


def inputs(deal: Body) -> Body:
    """Return the 17 inputs of a PUT that leaves the deal as it is; empty where a required one is not in the answer."""
    return {
        "contactid": _must(typed(deal, "contact", dict, {"id": 0}), "id", int),
        "members": [_must(row, "id", int) for row in rows_of(typed(deal, "members", list, []))],
        "title": typed(deal, "title", str, ""),
        "description": typed(deal, "description", str, ""),
        "responsibleid": typed(typed(deal, "responsible", dict, {}), "id", str, "").lower(),
        "bidType": typed(deal, "bidType", int, FIXED_BID),
        "bidValue": _number(_decimal(deal, "bidValue")),
        "bidCurrencyAbbr": typed(typed(deal, "bidCurrency", dict, {}), "abbreviation", str, ""),
        "perPeriodValue": typed(deal, "perPeriodValue", int, 0),
        "stageid": typed(typed(deal, "stage", dict, {}), "id", int, 0) or None,
        "successProbability": typed(deal, "successProbability", int, 0),
        "actualCloseDate": _same_date(deal, "actualCloseDate"),
        "expectedCloseDate": _same_date(deal, "expectedCloseDate"),
        "customFieldList": [
            {"key": _must(row, "id", int), "value": _must(row, "fieldValue", str)}
            for row in rows_of(typed(deal, "customFields", list, []))
            if row.get("fieldType") != HEADING and row.get("fieldValue")
        ],
        "isPrivate": _must(deal, "isPrivate", bool),
        "accessList": [_must(row, "id", str) for row in rows_of(typed(deal, "accessList", list, []))],
        "isNotify": False,
    }


def said(raw: Mapping[str, Any], patch: Mapping[str, Native], custom: Mapping[int, str]) -> Body:
    """Return the inputs with the values of a patch; raises Permanent when one does not fit or a required one lacks."""
    body = dict(raw)
    for name, native in patch.items():
        if name not in SAYS:
            raise Permanent("not_writable", name)
        body |= SAYS[name](native, body)
    values = {item["key"]: item["value"] for item in raw["customFieldList"]} | {**custom}
    body["customFieldList"] = [{"key": key, "value": value} for key, value in values.items()]
    if missing := [what for key, what in REQUIRED.items() if body[key] in (None, "")]:
        raise Permanent("deal_incomplete", "set it in ONLYOFFICE: " + " and ".join(missing))
    return body


def shown(deal: Body, raw: Body) -> dict[str, Native]:
    """Return the native values that the answer shows; what it leaves out for being zero is empty, else unknown."""
    fields: dict[str, Native] = {
        "name": raw["title"],
        "description": deal.get("description"),
        "probability": raw["successProbability"],
    }
    value = _decimal(deal, "bidValue") * (1 if raw["bidType"] == FIXED_BID else raw["perPeriodValue"])
    if not value:
        fields["amount"] = None
    elif raw["bidCurrencyAbbr"]:
        fields["amount"] = f"{plain(str(value))} {raw['bidCurrencyAbbr']}"
    if raw["stageid"]:
        fields["stage"] = fields["status"] = str(raw["stageid"])
    if raw["responsibleid"]:
        fields["owner"] = raw["responsibleid"]
    for name, key in (("expected_close", "expectedCloseDate"), ("actual_close", "actualCloseDate")):
        moment = _moment(deal, key)
        fields[name] = moment.date().isoformat() if moment else None
    if not raw["contactid"]:
        return fields | {"contact": None, "account": None, "contact_name": None, "account_name": None}
    party = "account" if is_company(deal) else "contact"
    return fields | {party: str(raw["contactid"]), f"{party}_name": typed(deal["contact"], "displayName", str, "")}


def _said_primary(native: Native, body: Body) -> Body:
    """The list of participants replaces the stored one and must name the primary contact too (document 3.3)."""
    contact, members = _whole(native), body["members"]
    return {"contactid": contact, "members": members if contact in (0, *members) else [*members, contact]}


def _said_amount(native: Native, body: Body) -> Body:
    number, _, currency = str(native or "0").partition(" ")
    try:
        value = _number(Decimal(plain(number)))
    except ValueError:
        raise Permanent("bad_value", "amount") from None
    return {"bidValue": value, "bidCurrencyAbbr": currency or body["bidCurrencyAbbr"]}


def _said_owner(native: Native, body: Body) -> Body:
    guid = str(native or "").lower()
    if not GUID.fullmatch(guid):
        raise Permanent("bad_value", "the owner's choice is no user id of ONLYOFFICE")
    return {"responsibleid": guid}


def _said_stage(native: Native, body: Body) -> Body:
    return {"stageid": _whole(native)}


# What a canonical field puts into the inputs of a PUT: native value and inputs so far to the inputs that change.
SAYS: Mapping[str, Callable[[Native, Body], Body]] = {
    "name": lambda native, _: {"title": str(native or "")},
    "description": lambda native, _: {"description": str(native or "")},
    "amount": _said_amount,
    "stage": _said_stage,
    "status": _said_stage,
    "probability": lambda native, _: {"successProbability": _whole(native)},
    "owner": _said_owner,
    "contact": _said_primary,
    "account": _said_primary,
    "expected_close": lambda native, _: {"expectedCloseDate": native or None},
    "actual_close": lambda native, _: {"actualCloseDate": native or None},
}


def _same_date(deal: Body, key: str) -> str | None:
    """Return a date as a PUT takes it: midnight of the portal as a day, else in UTC with hyphens (document 2.4)."""
    moment = _moment(deal, key)
    if moment is None:
        return None
    whole_day = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.date().isoformat() if whole_day else instant(moment)


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%S.000Z")


def _moment(deal: Body, key: str) -> datetime | None:
    """Return a time in the portal's zone at that instant, to the second; None for year 1, the vendor's "unset"."""
    text = _must(deal, key, str)
    if text.startswith("0001-01-01"):
        return None
    if not (parts := MOMENT.fullmatch(text)):
        raise odd(key)
    try:
        moment = datetime.fromisoformat(f"{parts[1]}T{parts[2]}{parts[3].replace('Z', '+00:00')}")
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise odd(key) from None
    return moment


def _number(value: Decimal) -> int | float | None:
    """Return a number that JSON carries without loss, or None when there is none."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else None


def _decimal(source: Body, key: str) -> Decimal:
    value = source.get(key)
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise odd(key)
    if abs(Decimal(value).adjusted()) > 20:
        raise odd(key)
    return Decimal(value)


def _must(source: Body, key: str, kind: type[T]) -> T:
    value = source.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise odd(key)
    return value


def typed(source: Body, key: str, kind: type[T], default: T) -> T:
    """Return a member of an answer; absent and null are the default, as the vendor drops empty ones."""
    return default if source.get(key) is None else _must(source, key, kind)


def rows_of(value: Any) -> list[Body]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise odd("a list")
    return value


def _whole(native: Native) -> int:
    try:
        return int(native or 0)
    except ValueError:
        raise Permanent("bad_value", "a choice or link is not a number of ONLYOFFICE") from None


def is_company(deal: Body) -> bool:
    return typed(typed(deal, "contact", dict, {}), "isCompany", bool, False)


def camel(value: Any) -> Any:
    """Return an answer with camelCase names: the wire has them, the documented schema says `ID` and `BidValue`."""
    if isinstance(value, dict):
        return {"id" if key == "ID" else key[:1].lower() + key[1:]: camel(part) for key, part in value.items()}
    return [camel(part) for part in value] if isinstance(value, list) else value


def odd(what: str) -> Transient:
    return Transient("unexpected_answer", f"{what} is not as documented", in_doubt=True)
