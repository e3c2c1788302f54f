"""LeadConnector's calls on contacts, as far as opportunities need them."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from bridge.sandbox.leadconnector.account import Account
from bridge.sandbox.leadconnector.hooks import iso
from bridge.sandbox.leadconnector.views import full_name
from bridge.sandbox.leadconnector.wire import (
    Json,
    Property,
    Refused,
    Table,
    check,
    field_value_key,
    json_body,
    query,
    whole,
)

TEXT = Property("string")
NULLABLE = Property("string", nullable=True)
LOCATION = {"locationId": Property("string", required=True)}
# Declared properties of the published specification. PUT declares neither locationId nor companyName nor gender.
ALIKE: Table = {
    **dict.fromkeys(("firstName", "lastName", "name", "email", "phone", "website", "timezone"), NULLABLE),
    **dict.fromkeys(("address1", "city", "state"), NULLABLE),
    **dict.fromkeys(("postalCode", "country"), TEXT),
    "dnd": Property("boolean"),
    **dict.fromkeys(("dndSettings", "inboundDndSettings"), Property("object")),
    "dateOfBirth": Property("object", nullable=True),
    "tags": Property("strings"),
    "customFields": Property("fields"),
}
CREATE: Table = {
    **ALIKE,
    **LOCATION,
    "gender": TEXT,
    "source": TEXT,
    "assignedTo": TEXT,
    "companyName": NULLABLE,
}
UPSERT: Table = {**CREATE, "createNewIfDuplicateAllowed": Property("boolean")}
UPDATE: Table = {**ALIKE, "source": NULLABLE, "assignedTo": NULLABLE}
LIST: Table = {
    **LOCATION,
    "startAfterId": TEXT,
    "startAfter": Property("number"),
    "query": TEXT,
    "limit": Property("number"),
}
DUPLICATE: Table = {**LOCATION, "number": TEXT, "email": TEXT}
STORED_AS_SENT = ("companyName", "website", "timezone", "address1", "city", "state", "postalCode", "country", "source")
MATCHES = (("email", "email"), ("phone", "phone"))  # in the configured order (document, 4.1)


class ContactCalls:
    def __init__(self, account: Account) -> None:
        self.account = account

    def rules(self) -> list[tuple[str, str, Callable[..., Response]]]:
        return [
            ("GET", "/contacts/", self.listed),
            ("POST", "/contacts/", self.create),
            ("POST", "/contacts/upsert", self.upsert),
            ("GET", "/contacts/search/duplicate", self.duplicate),
            ("GET", "/contacts/<id>", self.read),
            ("PUT", "/contacts/<id>", self.update),
        ]

    def read(self, id: str) -> Response:
        query({})
        return self.account.answer(200, {"contact": shown(self._find(id))})

    def listed(self) -> Response:
        """Answer the deprecated GET /contacts/, which still answers (document, 4.1)."""
        asked = query(LIST)
        self.account.allow(asked["locationId"])
        limit, text = whole(asked, "limit", 20, 1, 100), asked.get("query", "").casefold()
        rows = sorted(self.account.contacts.values(), key=_cursor, reverse=True)
        rows = [row for row in rows if any(text in part.casefold() for part in _texts(row))]
        if "startAfter" in asked:
            here = (int(asked["startAfter"]), asked.get("startAfterId", ""))
            rows = [row for row in rows if _cursor(row) < here]
        return self.account.answer(200, {"contacts": [shown(row) for row in rows[:limit]], "count": len(rows)})

    def duplicate(self) -> Response:
        """Answer the duplicate search: by email first, then by phone (document, 4.1)."""
        asked = query(DUPLICATE)
        self.account.allow(asked["locationId"])
        match = self._twin({"email": asked.get("email"), "phone": self._phone(asked.get("number"))})
        return self.account.answer(200, {"contact": shown(match[0]) if match else None})

    def create(self) -> Response:
        body = self._checked(CREATE)
        match = None if self.account.on("allow_duplicate_contacts") else self._twin(self._stored(body, {}))
        if match:
            meta = {"contactId": match[0]["id"], "contactName": full_name(match[0]), "matchingField": match[1]}
            raise Refused(400, "This location does not allow duplicated contacts.", meta=meta)
        return self.account.answer(201, {"contact": shown(self._add(body))})

    def upsert(self) -> Response:
        """Answer POST /contacts/upsert: the first configured field that matches wins (document, 4.1)."""
        body = self._checked(UPSERT)
        anew = self.account.on("allow_duplicate_contacts") and body.get("createNewIfDuplicateAllowed")
        match = None if anew else self._twin(self._stored(body, {}))
        if match is None:
            return self.account.answer(201, {"new": True, "contact": shown(self._add(body))})
        return self.account.answer(200, {"new": False, "contact": shown(self._write(match[0], body))})

    def update(self, id: str) -> Response:
        body = self._checked(UPDATE)
        contact = self._write(self._find(id), body)
        return self.account.answer(200, {"succeded": True, "contact": shown(contact)})

    def _checked(self, table: Table) -> Json:
        query({})
        body = json_body()
        check(body, table)
        if "locationId" in body:
            self.account.allow(body["locationId"])
        if body.get("assignedTo"):
            self.account.user(body["assignedTo"])
        return body

    def _find(self, id: str) -> Json:
        if id not in self.account.contacts:
            raise Refused(404, "Contact not found")  # assumption (3.1): 404 as for opportunities
        return self.account.contacts[id]

    def _twin(self, wanted: Json) -> tuple[Json, str] | None:
        """Return the contact that has the same email or phone, and which of the two it was."""
        for name, label in MATCHES:
            for contact in self.account.contacts.values():
                if wanted.get(name) and (contact[name] or "").casefold() == wanted[name].casefold():
                    return contact, label
        return None

    def _add(self, body: Json) -> Json:
        now, names = self.account.now(), ("firstName", "lastName", "email", "phone", "assignedTo", *STORED_AS_SENT)
        blank: Json = {**dict.fromkeys(names), "tags": [], "customFields": {}}
        kept = {"id": self.account.new_id("contact"), "locationId": self.account.location["id"], "dateAdded": now}
        return self._write({**blank, **kept}, body)

    def _write(self, contact: Json, body: Json) -> Json:
        written = {**contact, **self._stored(body, contact), "dateUpdated": self.account.now()}
        self.account.contacts[written["id"]] = written
        return written

    def _stored(self, body: Json, contact: Json) -> Json:
        """Return the stored values that a checked body asks for; tags replace all tags (document, 4.1)."""
        found = {name: body[name] for name in (*STORED_AS_SENT, "email", "tags") if name in body}
        if "assignedTo" in body:
            found["assignedTo"] = body["assignedTo"] or None
        if body.get("companyName"):
            found["companyName"] = self.account.tidy(body["companyName"])
        if "phone" in body:
            found["phone"] = self._phone(body["phone"])
        if body.get("name"):
            first, _, last = self.account.tidy(body["name"]).partition(" ")
            found |= {"firstName": first, "lastName": last}
        found |= {name: self.account.tidy(body[name] or "") for name in ("firstName", "lastName") if name in body}
        if "customFields" in body:
            found["customFields"] = self._custom(body["customFields"], contact.get("customFields", {}))
        return found

    def _custom(self, items: list[Json], stored: Json) -> Json:
        found = dict(stored)
        for item in items:
            definition = self.account.definition("contact", id=item.get("id"), key=item.get("key"))
            found[definition["id"]] = self.account.custom_value(definition, item[field_value_key()])
        return {id: value for id, value in found.items() if value is not None}

    def _phone(self, text: str | None) -> str | None:
        if text and self.account.on("normalise"):
            return "".join(sign for sign in text if sign.isdigit() or sign == "+")
        return text


def shown(contact: Json) -> Json:
    """Return a contact as read (document, 4.1): custom fields under `value`, members without a value left out."""
    plain = {name: value for name, value in contact.items() if name not in ("customFields", "dateAdded", "dateUpdated")}
    found = {name: value for name, value in {**plain, "name": full_name(contact)}.items() if value is not None}
    dates = {"dateAdded": iso(contact["dateAdded"]), "dateUpdated": iso(contact["dateUpdated"])}
    return {**found, **dates, "customFields": [{"id": i, "value": v} for i, v in contact["customFields"].items()]}


def _cursor(contact: Json) -> tuple[int, str]:
    return round(contact["dateAdded"] * 1000), contact["id"]


def _texts(contact: Json) -> tuple[str, ...]:
    return full_name(contact), contact["email"] or "", contact["phone"] or "", contact["companyName"] or ""
