"""How GetFly takes writes (docs/vendors/getfly.md, 2.4 to 2.7 and 3.3): what each call demands, checks and changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.getfly.query import Refused, Row
from bridge.sandbox.getfly.records import ACCOUNT_FIELDS, CONTACT_FIELDS, Records
from bridge.sandbox.getfly.sample import blank

TYPES: dict[str, tuple[type[Any], ...]] = {
    "text": (str,), "int": (int,), "number": (int, float), "object": (dict,), "list": (list,),
}  # fmt: skip
NULLABLE = frozenset({"description", "est_finish_date"})
NEVER_EMPTY = frozenset({"account_name", "opportunity_name", "contact_name"})

TEXTS_OF_A_DEAL = ("account_code", "account_name", "account_phone", "account_email", "contact_name", "contact_email",
                   "contact_phone", "recipient_username", "description")  # fmt: skip
STAGE = {"opportunity_status": "int", "opportunity_status_name": "text"}
# 2.4, the older page (the seed): eleven fields, five of them required.
STRICT = dict.fromkeys(("current_opportunity_code", "campaign_code", *TEXTS_OF_A_DEAL), "text")
STRICT_REQUIRED = ("campaign_code", "account_code", "account_name", "recipient_username", "current_opportunity_code")
# 2.4, the newer page: ids beside codes, and the stage.
LENIENT = STRICT | {"current_opportunity_id": "int", "campaign_id": "int"} | STAGE
# 2.4, rows that no v6.1 page shows.
MONEY = {"amount": "number", "actual_amount": "number", "probability": "number", "est_finish_date": "int",
         "opportunity_name": "text", "define_fields": "object"}  # fmt: skip
MOVE = {"opportunity_id": "int", "opportunity_code": "text", "campaign_id": "int", "campaign_code": "text"} | STAGE
CREATE = dict.fromkeys(("campaign_code", *TEXTS_OF_A_DEAL[:-1]), "text") | {"define_fields": "object"}
CREATE_REQUIRED = ("campaign_code", "account_name", "account_phone", "contact_name", "contact_phone",
                   "recipient_username")  # fmt: skip
CREATE_V6 = {
    "opportunity_status": "int", "recipient": "int", "account_id": "int", "opportunity_name": "text",
    "amount": "number", "actual_amount": "number", "est_finish_date": "int", "probability": "number",
    "description": "text", "type_source": "text", "source_content": "text", "contact_id": "int",
    "account_name": "text", "contact_name": "text", "account_email": "text", "account_phone": "text",
}  # fmt: skip
CREATE_V6_REQUIRED = ("opportunity_status", "recipient", "account_id")
ACCOUNT = {"account_name": "text", "phone_office": "text", "email": "text", "account_manager": "int"}
ACCOUNT_OF = {"current_account_code": "text", "current_account_id": "int"}


@dataclass(frozen=True)
class Written:
    """A write that was taken. changed: names whose stored value differs now. account: the customer, if it changed."""

    deal: Row
    changed: tuple[str, ...]
    before: Row
    account: Row | None = None
    account_before: Row | None = None


def take(body: Mapping[str, Any], kinds: Mapping[str, str], required: Iterable[str] = ()) -> Row:
    """Return the known fields of a body, checked; unknown keys are ignored (7)."""
    if missing := [name for name in required if body.get(name) in (None, "")]:
        raise Refused("required", {name: [f"{name} is required"] for name in missing})
    values = {name: body[name] for name in kinds if name in body}
    for name, value in values.items():
        if value is None and name in NULLABLE:
            continue
        # assumption: 2.4 gives types and no coercion, so a value of another type is refused.
        if isinstance(value, bool) or not isinstance(value, TYPES[kinds[name]]):
            raise Refused("invalid", {name: f"{kinds[name]} expected"})
        # assumption: 2.4, a name is text, and nobody's name is empty.
        if name in NEVER_EMPTY and not str(value).strip():
            raise Refused("invalid", {name: [f"{name} is empty"]})
    return values


def one_of(values: Row, code: str, number: str) -> None:
    """Refuse a body that has neither member of a pair (2.4, 2.5)."""
    if not values.get(code) and number not in values:
        raise Refused("required", {code: [f"{code} or {number} is required"]})


def same(row: Row | None, values: Row, by: Mapping[str, str], missing: Refused) -> Row:
    """Return `row` when all members of the pair that were sent name it. by: name in the body to name in the row."""
    # assumption: 2.5 does not say which member wins when the two disagree; refused.
    if row is None or any(values[sent] != row[stored] for sent, stored in by.items() if sent in values):
        raise missing
    return row


def deal_of(records: Records, values: Row, code: str, number: str) -> Row:
    """Return the deal that a body names."""
    one_of(values, code, number)
    by = {code: "opportunity_code", number: "id"}
    found = [deal for deal in records.deals.values() if any(values.get(k) == deal[v] for k, v in by.items())]
    return same(next(iter(found), None), values, by, Refused("missing", status=404))


def campaign_of(records: Records, values: Row, deal: Row | None = None) -> Row:
    """Return the campaign that a body names; with `deal`, it must be where the deal is (2.4, 6), and not locked."""
    one_of(values, "campaign_code", "campaign_id")
    by = {"campaign_code": "campaign_code", "campaign_id": "id"}
    found = [row for row in records.campaigns.values() if any(values.get(k) == row[v] for k, v in by.items())]
    refusal = Refused("invalid", {"campaign_code": "unknown campaign, or not the one of this opportunity"})
    campaign = same(next(iter(found), None), values, by, refusal)
    if deal is not None and deal["campaign_id"] != campaign["id"]:
        raise refusal
    unlocked(records, campaign)
    return campaign


def unlocked(records: Records, campaign: Row) -> None:
    # assumption: 6, a locked campaign presumably refuses writes.
    if records.campaign_view(campaign)["is_lock"]:
        raise Refused("locked")


def stage_of(records: Records, values: Row, campaign: int) -> int:
    """Return the stage that a body names by id or by name; it must be of the campaign (7)."""
    by = {"opportunity_status": "status_id", "opportunity_status_name": "name"}
    for stage in records.stages(campaign):
        if all(values[sent] == stage[stored] for sent, stored in by.items() if sent in values):
            return int(stage["status_id"])
    raise Refused("invalid", {"opportunity_status": "no such stage in this campaign"})


def handler_of(records: Records, username: object) -> int:
    for user in records.users.values():
        if user["user_name"] == username:
            return int(user["user_id"])
    raise Refused("invalid", {"recipient_username": "unknown user"})


def named(values: Row, fields: Mapping[str, str]) -> Row:
    return {stored: values[sent] for sent, stored in fields.items() if sent in values}


def update(records: Records, body: Mapping[str, Any]) -> Written:
    """Take PUT opportunity (2.4), by the contract that the tenant enforces."""
    switch = records.switch
    kinds, required = (STRICT, STRICT_REQUIRED) if switch["update"] == "strict" else (LENIENT, ())
    kinds = kinds | (STAGE if switch["strict_takes_stage"] else {}) | (MONEY if switch["takes_amount"] else {})
    values = take(body, kinds, required)
    deal = deal_of(records, values, "current_opportunity_code", "current_opportunity_id")
    campaign = campaign_of(records, values, deal)
    changes = _deal_values(records, campaign["id"], values)
    if STAGE.keys() & values.keys():
        changes["opportunity_status"] = stage_of(records, values, campaign["id"])
    if "recipient_username" in values:
        changes["recipient"] = handler_of(records, values["recipient_username"])
    if "account_code" in values:
        changes |= _bound(records, deal, values["account_code"])
    account, contact = named(values, ACCOUNT_FIELDS), named(values, CONTACT_FIELDS)
    return change(records, deal, changes, account, contact, rebuild=str(switch["name_rebuilt"]))


def _deal_values(records: Records, campaign: int, values: Row) -> Row:
    changes = {name: values[name] for name in ("description", *MONEY) if name in values}
    if "define_fields" in changes:
        changes["define_fields"] = records.options(campaign, changes["define_fields"])
    return changes


def _bound(records: Records, deal: Row, code: object) -> Row:
    # assumption: 2.4, the code of another customer binds the deal to that one.
    if not (account := records.account_with(code)):
        raise Refused("invalid", {"account_code": "unknown customer"})
    if account["id"] == deal["account_id"]:
        return {}
    contacts = records.contacts_of(account["id"])
    return {"account_id": account["id"], "contact_id": contacts[0]["id"] if contacts else None}


def change(
    records: Records,
    deal: Row,
    changes: Row,
    account: Row | None = None,
    contact: Row | None = None,
    rebuild: str = "never",
) -> Written:
    """
    Change a deal and, with it, its customer and contact; sets the times (7).

    changes, account, contact: stored names and values, already checked but for the customer's phone.
    rebuild: when the server makes the deal's name anew: "changed" (with customer or contact), "always", "never".
    """
    changes = records.stored(changes)
    whole = deal | changes
    owner = records.accounts[whole["account_id"]]
    if account and "phone_office" in account:
        records.phone_is_free(account["phone_office"], owner["id"])
    person = records.contacts.get(whole["contact_id"])
    if contact and person is None:
        person = records.add_contact(owner["id"], {})
        changes["contact_id"] = person["id"]
    owner_before, person_before, before = dict(owner), dict(person or {}), dict(deal)
    owner.update(records.stored(account or {}))
    if person is not None:
        person.update(records.stored(contact or {}))
    if "define_fields" in changes:
        changes["define_fields"] = deal["define_fields"] | changes["define_fields"]
    moved = owner["id"] != deal["account_id"] or owner["account_name"] != owner_before["account_name"]
    renamed = moved or (person or {}).get("first_name") != person_before.get("first_name")
    if "opportunity_name" not in changes and _rebuilt(rebuild, renamed):
        changes["opportunity_name"] = deal_name(person, owner)
    deal.update(changes)
    deal["updated_at"] = records.now()
    if deal["recipient"] != before["recipient"]:
        deal["receipt_date"] = records.now()
    touched = differing(owner_before, owner, ACCOUNT_FIELDS)
    if touched:
        owner["updated_at"] = records.now()
    records.keep(deal["id"])
    changed = tuple(name for name in changes if deal[name] != before[name])
    changed += touched + differing(person_before, person or {}, CONTACT_FIELDS)
    return Written(deal, changed, before, owner if touched else None, owner_before if touched else None)


def differing(before: Row, after: Row, fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sent for sent, stored in fields.items() if before.get(stored) != after.get(stored))


def _rebuilt(when: str, renamed: bool) -> bool:
    # assumption: 6, changing contact_name or account_name "may" change opportunity_name.
    return when == "always" or (when == "changed" and renamed)


def deal_name(person: Row | None, account: Row) -> str:
    """Return the name that the server gives a deal (2.1)."""
    return f"{person['first_name']} - {account['account_name']}" if person else str(account["account_name"])


def move(records: Records, body: Mapping[str, Any]) -> Written:
    """Take PUT opportunity/stage (2.5): one member of each of three pairs."""
    values = take(body, MOVE)
    deal = deal_of(records, values, "opportunity_code", "opportunity_id")
    campaign = campaign_of(records, values, deal)
    one_of(values, "opportunity_status_name", "opportunity_status")
    stage = stage_of(records, values, campaign["id"])
    return change(records, deal, {"opportunity_status": stage})


def create(records: Records, body: Mapping[str, Any]) -> Row:
    """Take POST opportunity (2.6): links or makes the customer, and starts in the campaign's first stage."""
    values = take(body, CREATE | (MONEY if records.switch["takes_amount"] else {}), CREATE_REQUIRED)
    campaign = campaign_of(records, values)
    recipient = handler_of(records, values["recipient_username"])
    chosen = records.options(campaign["id"], values.get("define_fields", {}))
    account = _known_customer(records, values)
    if account:
        _not_twice(records, campaign, account)
    else:
        account = records.add_account(named(values, ACCOUNT_FIELDS))
    contact = _contact(records, account, values)
    extra = {name: values[name] for name in MONEY if name in values and records.switch["takes_amount"]}
    stage = records.stages(campaign["id"])[0]["status_id"]
    return add(records, {
        "opportunity_name": deal_name(contact, account), "account_id": account["id"], "contact_id": contact["id"],
        "recipient": recipient, "campaign_id": campaign["id"], "opportunity_status": stage,
    } | extra | {"define_fields": chosen})  # fmt: skip


def _known_customer(records: Records, values: Row) -> Row | None:
    if code := values.get("account_code"):
        if not (account := records.account_with(code)):
            raise Refused("invalid", {"account_code": "unknown customer"})
        return account
    if records.switch["known_phone"] == "refuse":
        records.phone_is_free(values["account_phone"], None)
    return records.account_phoned(values["account_phone"])


def _not_twice(records: Records, campaign: Row, account: Row) -> None:
    # assumption: 2.6, the effect of allow_duplicate_opp on the API is expected to be a 400.
    has_one = any(
        deal["campaign_id"] == campaign["id"] and deal["account_id"] == account["id"] for deal in records.deals.values()
    )
    if has_one and not records.campaign_view(campaign)["allow_duplicate_opp"]:
        raise Refused("duplicate_deal")


def _contact(records: Records, account: Row, values: Row) -> Row:
    # assumption: 2.6, a contact of the customer is known by its phone, as customers are.
    return next(
        (row for row in records.contacts_of(account["id"]) if row["phone_mobile"] == values["contact_phone"]), None
    ) or records.add_contact(account["id"], named(values, CONTACT_FIELDS))


def create_v6(records: Records, campaign_id: int, body: Mapping[str, Any]) -> Row:
    """Take the v6.0 create (2.6), the documented way to set money, name and dates."""
    values = take(body, CREATE_V6, CREATE_V6_REQUIRED)
    if not (campaign := records.campaigns.get(campaign_id)):
        raise Refused("missing", status=404)
    unlocked(records, campaign)
    stage_of(records, {"opportunity_status": values["opportunity_status"]}, campaign_id)
    if values["recipient"] not in records.users:
        raise Refused("invalid", {"recipient": "unknown user"})
    if not (account := records.accounts.get(values["account_id"])):
        raise Refused("invalid", {"account_id": "unknown customer"})
    _not_twice(records, campaign, account)
    contacts = {row["id"]: row for row in records.contacts_of(account["id"])}
    # assumption: 2.6, without contact_id the customer's first contact; the customer's own fields are not changed.
    contact = contacts.get(values["contact_id"]) if "contact_id" in values else next(iter(contacts.values()), None)
    if contact is None and "contact_id" in values:
        raise Refused("invalid", {"contact_id": "not a contact of this customer"})
    own = blank(0, "", 0).keys() & values.keys()
    return add(records, {
        "opportunity_name": deal_name(contact, account), "contact_id": contact["id"] if contact else None,
        "campaign_id": campaign_id,
    } | {name: values[name] for name in own})  # fmt: skip


def add(records: Records, values: Row) -> Row:
    number = max(2055058, *records.deals, *records.removed) + 1
    records.deals[number] = blank(number, f"CH{number}", records.now()) | records.stored(values)
    records.keep(number)
    return records.deals[number]


def delete(records: Records, body: Mapping[str, Any]) -> Row:
    """Take DELETE opportunity (2.7)."""
    values = take(body, {"opportunity_code": "text"}, ("opportunity_code",))
    deal = deal_of(records, values, "opportunity_code", "opportunity_id")
    unlocked(records, records.campaigns[deal["campaign_id"]])
    records.removed.add(deal["id"])
    del records.deals[deal["id"]]
    records.keep(deal["id"])
    return deal


def create_account(records: Records, body: Mapping[str, Any]) -> Row:
    """Take POST account (3.3)."""
    # assumption: 3.3 does not give the body; the names of the read, a name and a phone required.
    values = take(body, ACCOUNT | {"account_code": "text", "contacts": "list"}, ("account_name", "phone_office"))
    records.phone_is_free(values["phone_office"], None)
    code = values.get("account_code")
    if code and records.account_with(code):
        raise Refused("duplicate", {"account_code": f"{code} không cho phép trùng"})
    account = records.add_account({name: values[name] for name in ACCOUNT if name in values}, code)
    for row in values.get("contacts", []):
        names = ("first_name", "email", "phone_mobile", "phone_home")
        known = take(row if isinstance(row, dict) else {}, dict.fromkeys(names, "text"), ("first_name",))
        records.add_contact(account["id"], known)
    return account


def update_account(records: Records, body: Mapping[str, Any]) -> tuple[Row, Row]:
    """Take PUT account (3.3), any part of it; return the customer as it was and as it is."""
    values = take(body, ACCOUNT | ACCOUNT_OF)
    one_of(values, *ACCOUNT_OF)
    by = {"current_account_code": "account_code", "current_account_id": "id"}
    found = [row for row in records.accounts.values() if any(values.get(k) == row[v] for k, v in by.items())]
    account = same(next(iter(found), None), values, by, Refused("missing", status=404))
    if "phone_office" in values:
        records.phone_is_free(values["phone_office"], account["id"])
    before = dict(account)
    account.update(records.stored({name: values[name] for name in ACCOUNT if name in values}))
    account["updated_at"] = records.now()
    return before, account
