"""How LeadConnector shows an opportunity: one shape by id, another in search results."""

from __future__ import annotations

from bridge.sandbox.leadconnector.account import FORECAST, TIMES, Account
from bridge.sandbox.leadconnector.hooks import iso
from bridge.sandbox.leadconnector.wire import Json

ASSOCIATION = "OPPORTUNITIES_CONTACTS_ASSOCIATION"
PLAIN = ("id", "name", "monetaryValue", "pipelineId", "pipelineStageId", "assignedTo", "status", "source")


def by_id(account: Account, record: Json) -> Json:
    """Return an opportunity as GET by id and the write calls show it (document, 2.2 and 2.4)."""
    fields = [{"id": id, "fieldValue": value} for id, value in record["customFields"].items()]
    return _shown(account, record, fields)


def in_search(account: Account, record: Json, wanted: tuple[str, ...] = ()) -> Json:
    """Return an opportunity as a search row: typed custom fields and the cursor pair (document, 2.4 and 2.5)."""
    fields = [_typed_field(account, id, value) for id, value in record["customFields"].items()]
    if account.on("search_partial_fields"):
        fields = fields[:1]
    row = _shown(account, record, fields) | {"sort": list(cursor(record))}
    return row | {name: [] for name in wanted}


def cursor(record: Json) -> tuple[int, str]:
    """Return createdAt in milliseconds and the contact id (document, 2.5)."""
    return round(record["createdAt"] * 1000), record["contactId"]


def _typed_field(account: Account, id: str, value: object) -> Json:
    kinds = {definition["id"]: definition["dataType"] for definition in account.definitions}
    match value:
        case bool():
            kind = "Boolean"
        case int() | float():
            kind = "Number"
        case list():
            kind = "Array"
        case dict():
            kind = "Files"  # assumption (2.4): the file variant is not named in the document
        case _:
            kind = "Date" if kinds.get(id) == "DATE" else "String"
    return {"id": id, "type": kind.lower(), f"fieldValue{kind}": value}


def _shown(account: Account, record: Json, fields: list[Json]) -> Json:
    contact = account.contacts.get(record["contactId"], {})
    shown: Json = {name: record[name] for name in PLAIN}
    shown |= {"pipelineStageUId": record["pipelineStageId"], "indexVersion": record["indexVersion"]}
    shown |= {name: iso(record[name]) for name in TIMES}
    shown |= {name: record[name] for name in ("contactId", "locationId", "lostReasonId", "attributions")}
    shown |= {"followers": list(record["followers"]), "customFields": fields, "contact": _contact(contact)}
    shown["relations"] = [_relation(record, contact)]
    shown |= {name: record[name] for name in ("forecastExpectedCloseDate", "forecastProbability", *FORECAST)}
    shown["effectiveProbability"] = record["forecastProbability"]
    if account.on("absent_nulls"):
        return {name: value for name, value in shown.items() if value is not None}
    return shown


def full_name(contact: Json) -> str:
    return " ".join(part for part in (contact.get("firstName"), contact.get("lastName")) if part)


def _contact(contact: Json) -> Json:
    found = {name: contact.get(name) for name in ("id", "companyName", "email", "phone")}
    return {**found, "name": full_name(contact), "tags": list(contact.get("tags", []))}


def _relation(record: Json, contact: Json) -> Json:
    names: Json = {"fullName": full_name(contact), "contactName": full_name(contact)}
    found = {name: contact.get(name) for name in ("companyName", "email", "phone")}
    fixed = {"associationId": ASSOCIATION, "relationId": record["id"], "primary": True, "objectKey": "contact"}
    return {
        **fixed,
        "recordId": record["contactId"],
        **names,
        **found,
        "tags": contact.get("tags", []),
        "attributed": None,
    }
