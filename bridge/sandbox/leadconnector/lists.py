"""LeadConnector's reference lists: pipelines, lost reasons, users, the location, custom field definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request

from bridge.sandbox.leadconnector.account import DATA_TYPES, Account
from bridge.sandbox.leadconnector.hooks import iso
from bridge.sandbox.leadconnector.sample import definition
from bridge.sandbox.leadconnector.wire import Json, Property, Refused, Table, check, json_body, query, whole

TEXT = Property("string")
LOCATION: Table = {"locationId": Property("string", required=True)}
LOST: Table = {
    **LOCATION,
    "name": TEXT,
    "query": TEXT,
    "deleted": Property("boolean"),
    "skip": Property("number"),
    "limit": Property("number"),
    "getCount": Property("boolean"),
}
USERS: Table = {
    "companyId": Property("string", required=True),
    **dict.fromkeys(("query", "locationId", "type", "role", "ids", "sort", "sortDirection"), TEXT),
    "skip": Property("number"),
    "limit": Property("number"),
    "enabled2waySync": Property("boolean"),
}
MODEL: Table = {"model": Property("string", options=("contact", "opportunity", "all"))}
NEW_FIELD: Table = {
    "name": Property("string", required=True),
    "dataType": Property("string", required=True),
    "placeholder": TEXT,
    "acceptedFormat": Property("strings"),
    "isMultipleFile": Property("boolean"),
    "maxNumberOfFiles": Property("number"),
    "textBoxListOptions": Property("list"),
    "position": Property("number"),
    "model": Property("string", options=("contact", "opportunity")),
}


class ListCalls:
    def __init__(self, account: Account) -> None:
        self.account = account

    def rules(self) -> list[tuple[str, str, Callable[..., Response]]]:
        fields = "/locations/<location>/customFields"
        return [
            ("GET", "/opportunities/pipelines", self.pipelines),
            ("GET", "/opportunities/pipelines/<id>", self.pipeline),
            ("GET", "/opportunities/lost-reason", self.lost_reasons),
            ("GET", "/users/", self.users),
            ("GET", "/users/search", self.search_users),
            ("GET", "/users/<id>", self.user),
            ("GET", "/locations/<location>", self.location),
            ("GET", fields, self.definitions),
            ("POST", fields, self.add_definition),
            ("GET", f"{fields}/<path:id>", self.definition),
        ]

    def pipelines(self) -> Response:
        """Answer the pipelines; without `locationId`, also in snake case, the 422 of document 2.1."""
        if "locationId" not in request.args:
            raise Refused(422, ["locationId should not be empty"], code="COMMON_LOCATION_ID_UNDEFINED")
        self.account.allow(query(LOCATION)["locationId"])
        return self.account.answer(200, {"pipelines": self.account.pipelines})

    def pipeline(self, id: str) -> Response:
        query({})
        return self.account.answer(200, self.account.pipeline(id))

    def lost_reasons(self) -> Response:
        asked = query(LOST)
        self.account.allow(asked["locationId"])
        skip, limit = whole(asked, "skip", 0, 0), whole(asked, "limit", 100, 1)
        found = [] if asked.get("deleted") else [_dated(reason) for reason in self.account.lost_reasons]
        if "name" in asked:
            found = [reason for reason in found if reason["name"] == asked["name"]]
        found = [reason for reason in found if asked.get("query", "").casefold() in reason["name"].casefold()]
        return self.account.answer(200, {"lostReasons": found[skip : skip + limit], "total": len(found)})

    def users(self) -> Response:
        """Answer the deprecated GET /users/, which still answers (document, 4.2)."""
        self.account.allow(query(LOCATION)["locationId"])
        return self.account.answer(200, {"users": self.account.users})

    def search_users(self) -> Response:
        asked = query(USERS)
        if asked["companyId"] != self.account.location["companyId"]:
            raise Refused(403, "The token does not have access to this company.")  # assumption (4.2)
        if "locationId" in asked:
            self.account.allow(asked["locationId"])
        skip, limit = whole(asked, "skip", 0, 0), whole(asked, "limit", 25, 1, 100)
        found = [user for user in self.account.users if _user_fits(user, asked)]
        return self.account.answer(200, {"users": found[skip : skip + limit], "count": len(found)})

    def user(self, id: str) -> Response:
        """Answer one user, bare (document, 4.2)."""
        query({})
        for user in self.account.users:
            if user["id"] == id:
                return self.account.answer(200, user)
        raise Refused(404, "User not found")  # assumption (3.1): 404 as for opportunities

    def location(self, location: str) -> Response:
        """Answer the location with its two duplicate settings (document, 4.4)."""
        query({})
        self.account.allow(location)
        settings = {
            "allowDuplicateOpportunity": self.account.on("allow_duplicates"),
            "allowDuplicateContact": self.account.on("allow_duplicate_contacts"),
        }
        return self.account.answer(200, {"location": {**self.account.location, "settings": settings}})

    def definitions(self, location: str) -> Response:
        """Answer definitions of one model. assumption (4.3): those of contacts when no model is named."""
        asked = query(MODEL)
        self.account.allow(location)
        model = asked.get("model", "contact")
        found = [known for known in self.account.definitions if model in ("all", known["model"])]
        return self.account.answer(200, {"customFields": found})

    def definition(self, location: str, id: str) -> Response:
        query({})
        self.account.allow(location)
        for known in self.account.definitions:
            if id in (known["id"], known["fieldKey"]):
                return self.account.answer(200, {"customField": known})
        raise Refused(404, "Custom field not found")  # assumption (3.1): 404 as for opportunities

    def add_definition(self, location: str) -> Response:
        """Answer a new definition. assumption (4.3): contact when no model is named; a taken key is refused."""
        query({})
        body = json_body()
        check(body, NEW_FIELD)
        self.account.allow(location)
        if body["dataType"] not in DATA_TYPES:
            raise Refused(400, "The data type is invalid.")
        options = tuple(str(_label(option)) for option in body.get("textBoxListOptions", []))
        name, model = self.account.tidy(body["name"]), body.get("model", "contact")
        place = int(body.get("position", 0))
        new = definition(self.account.new_id("custom field"), name, model, body["dataType"], options, place)
        if new["fieldKey"] in [known["fieldKey"] for known in self.account.definitions]:
            raise Refused(400, f"{new['fieldKey']} already exists")
        new["placeholder"] = body.get("placeholder", "")
        self.account.definitions.append(new)
        return self.account.answer(201, {"customField": new})


def _label(option: Any) -> object:
    return option.get("label") if isinstance(option, dict) else option


def _dated(reason: Json) -> Json:
    return {**reason, "createdAt": iso(reason["createdAt"]), "updatedAt": iso(reason["updatedAt"])}


def _user_fits(user: Json, asked: Json) -> bool:
    text, ids = str(asked.get("query", "")).casefold(), str(asked.get("ids", user["id"])).split(",")
    named = text in f"{user['name']} {user['email']}".casefold()
    roles = user["roles"]
    return named and user["id"] in ids and all(asked.get(k, roles[k]) == roles[k] for k in ("type", "role"))
