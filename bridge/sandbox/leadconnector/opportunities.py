"""LeadConnector's calls on one opportunity: create, read, update, status, upsert, followers, delete."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from flask import Response

from bridge.sandbox.leadconnector.account import STATUSES, Account
from bridge.sandbox.leadconnector.views import by_id
from bridge.sandbox.leadconnector.wire import (
    Json,
    Property,
    Refused,
    Table,
    check,
    done,
    field_value_key,
    json_body,
    query,
    v3,
    who,
)

STATUS = Property("string", options=(*STATUSES, "all"))
TEXT = Property("string")
MUST = Property("string", required=True)
V3_ONLY = {"forecastExpectedCloseDate": TEXT, "forecastProbability": Property("number")}
# Declared properties of the published specification; `source` of create is accepted though undeclared (document, 2.3).
UPDATE: Table = {
    "pipelineId": TEXT,
    "name": Property("string", filled=True),  # assumption (2.3): a deal keeps a name
    "pipelineStageId": TEXT,
    "status": STATUS,
    "monetaryValue": Property("number"),
    "assignedTo": TEXT,
    "customFields": Property("fields"),
}
CREATE: Table = {
    **UPDATE,
    "pipelineId": MUST,
    "locationId": MUST,
    "name": MUST,
    "status": Property("string", required=True, options=STATUS.options),
    "contactId": MUST,
    "source": TEXT,
}
SET_STATUS: Table = {"status": CREATE["status"], "lostReasonId": TEXT}
# Callers send contactId, and leave the three follower properties out, against the specification (document, 2.3).
UPSERT: Table = {
    "id": TEXT,
    "pipelineId": MUST,
    "locationId": MUST,
    "contactId": TEXT,
    "followers": Property("strings"),
    "isRemoveAllFollowers": Property("boolean"),
    "followersActionType": Property("string", options=("add", "remove")),
    **{name: UPDATE[name] for name in ("name", "status", "pipelineStageId", "monetaryValue", "assignedTo")},
    "lostReasonId": TEXT,
}
FOLLOWERS: Table = {"followers": Property("strings", required=True)}
REMOVE_ALL: Table = {"isRemoveAllFollowers": Property("boolean")}
CLEARABLE = ("assignedTo", "monetaryValue", "forecastExpectedCloseDate", "forecastProbability")
FOLLOWERS_MOST = 10
# Formats of an expected close date (the v3 specification); ISO 8601 besides.
CLOSE_DATES = (
    (re.compile(r"\d{4}[/.-]\d{2}[/.-]\d{2}"), "%Y-%m-%d"),
    (re.compile(r"\d{2}[/.-]\d{2}[/.-]\d{4}"), "%m-%d-%Y"),
)


class OpportunityCalls:
    def __init__(self, account: Account) -> None:
        self.account = account

    def rules(self) -> list[tuple[str, str, Callable[..., Response]]]:
        return [
            ("POST", "/opportunities/", self.create),
            ("POST", "/opportunities/upsert", self.upsert),
            ("GET", "/opportunities/<id>", self.read),
            ("PUT", "/opportunities/<id>", self.update),
            ("DELETE", "/opportunities/<id>", self.delete),
            ("PUT", "/opportunities/<id>/status", self.set_status),
            ("POST", "/opportunities/<id>/followers", self.add_followers),
            ("DELETE", "/opportunities/<id>/followers", self.remove_followers),
        ]

    def create(self) -> Response:
        """Answer POST /opportunities/ (document, 2.3); 400 OPPORTUNITY_NO_DUPLICATE as in 3.2."""
        body = self._checked(CREATE)
        fields = self._new(body)
        fields["source"] = body.get("source")
        record = self.account.create(fields, who(), "POST /opportunities/")
        return self.account.answer(201, {"opportunity": by_id(self.account, record)})

    def read(self, id: str) -> Response:
        query({})
        record = self.account.seen(id, self.account.seconds("read_lag_s"))
        if record is None:
            raise Refused(404, "Opportunity not found", code="OPPORTUNITY_NOT_FOUND")
        return self.account.answer(200, {"opportunity": by_id(self.account, record)})

    def update(self, id: str) -> Response:
        """Answer PUT /opportunities/{id}: absent fields stay as they are (document, 2.3)."""
        body = self._checked(UPDATE)
        record = self.account.find(id)
        fields = self._changes(body, record)
        record = self.account.change(id, fields, who(), "PUT /opportunities/{id}")
        return self.account.answer(200, {"opportunity": by_id(self.account, record)})

    def set_status(self, id: str) -> Response:
        body = self._checked(SET_STATUS)
        fields = self._status(body["status"], body.get("lostReasonId"), self.account.find(id))
        self.account.change(id, fields, who(), "PUT /opportunities/{id}/status")
        return self.account.answer(200, done())

    def delete(self, id: str) -> Response:
        query({})
        self.account.delete(id, who(), "DELETE /opportunities/{id}")
        return self.account.answer(200, done())

    def upsert(self) -> Response:
        """Answer POST /opportunities/upsert: matched by id, else by pipeline and contact (document, 2.3)."""
        body, call = self._checked(UPSERT), "POST /opportunities/upsert"
        self.account.allow(body["locationId"])
        record = self._matched(body)
        if record is None:
            new = self.account.create(self._upsert_new(body), who(), call)
            return self.account.answer(201, {"opportunity": by_id(self.account, new), "new": True})
        fields = self._changes(body, record) | {"followers": self._upsert_followers(body, record)}
        record = self.account.change(record["id"], fields, who(), call)
        return self.account.answer(201, {"opportunity": by_id(self.account, record), "new": False})

    def add_followers(self, id: str) -> Response:
        body = self._checked(FOLLOWERS)
        record = self.account.find(id)
        added = [user for user in self._known_users(body["followers"]) if user not in record["followers"]]
        followers = [*record["followers"], *added]
        self.account.change(id, {"followers": followers}, who(), "POST /opportunities/{id}/followers")
        return self.account.answer(201, {"followers": followers, "followersAdded": added})

    def remove_followers(self, id: str) -> Response:
        body, everyone = json_body(), query(REMOVE_ALL).get("isRemoveAllFollowers", False)
        check(body, FOLLOWERS)
        record = self.account.find(id)
        removed = [user for user in record["followers"] if everyone or user in body["followers"]]
        followers = [user for user in record["followers"] if user not in removed]
        self.account.change(id, {"followers": followers}, who(), "DELETE /opportunities/{id}/followers")
        return self.account.answer(200, {"followers": followers, "followersRemoved": removed})

    # From a request body to stored values

    def _checked(self, table: Table) -> Json:
        """Return the request's body, checked; a property that the account lets be cleared comes back as None."""
        query({})
        body = json_body()
        declared = {**table, **V3_ONLY} if v3() and "monetaryValue" in table else table
        if "pipelineId" in table and table["pipelineId"].required and "pipelineId" not in body:
            self._maybe_undefined_pipeline()
        # assumption (10): by default nothing clears these; the switch `clearing` names the other possibilities
        empty = {"null": (None,), "empty": ("",)}.get(str(self.account.switch["clearing"]), ())
        cleared = [name for name in CLEARABLE if name in declared and name in body and body[name] in empty]
        check(body, declared, cleared)
        if "locationId" in body:
            self.account.allow(body["locationId"])
        if body.get("status") == "all":  # assumption (2.3): the search filter is no status to store
            raise Refused(400, "The status is invalid.")
        return body | dict.fromkeys(cleared)

    def _maybe_undefined_pipeline(self) -> None:
        if self.account.on("pipeline_id_401"):
            raise Refused(401, "COMMON_PIPELINE_ID_UNDEFINED")

    def _new(self, body: Json) -> Json:
        self.account.pipeline(body["pipelineId"])
        contact = self.account.contact(body["contactId"])["id"]
        self._refuse_duplicate(contact, body["pipelineId"])
        blank: Json = {
            "pipelineId": "",
            "pipelineStageId": "",
            "status": "open",
            "lostReasonId": None,
            "customFields": {},
        }
        stage = {"pipelineStageId": self.account.first_stage(body["pipelineId"])}
        fields = self._changes({**stage, **body}, blank)
        return fields | {"contactId": contact}

    def _refuse_duplicate(self, contact: str, pipeline: str) -> None:
        if self.account.on("allow_duplicates"):
            return
        for other in self.account.opportunities.values():
            counts = other["status"] == "open" or not self.account.on("duplicates_open_only")
            if counts and (other["contactId"], other["pipelineId"]) == (contact, pipeline):
                raise Refused(
                    400,
                    "Can not create duplicate opportunity for the contact.",
                    error="Bad Request",
                    code="OPPORTUNITY_NO_DUPLICATE",
                    meta={"existingId": other["id"]},
                )

    def _changes(self, body: Json, record: Json) -> Json:
        """Return the stored values that a checked body asks for."""
        plain: tuple[str, ...] = ("monetaryValue", "assignedTo", "forecastProbability")
        fields: Json = {name: body[name] for name in plain if name in body}
        if "name" in body:
            fields["name"] = self.account.tidy(body["name"])
        if fields.get("assignedTo") is not None:
            self.account.user(fields["assignedTo"])
        fields |= self._place(body, record)
        if "status" in body or "lostReasonId" in body:
            fields |= self._status({**record, **body}["status"], body.get("lostReasonId"), record)
        if "forecastExpectedCloseDate" in body:
            fields["forecastExpectedCloseDate"] = close_date(body["forecastExpectedCloseDate"])
        _check_probability(fields.get("forecastProbability"))
        if "customFields" in body:
            fields["customFields"] = self._custom(body["customFields"], record["customFields"])
        return fields

    def _place(self, body: Json, record: Json) -> Json:
        placed = {**record, **body}
        pipeline, stage = placed["pipelineId"], placed["pipelineStageId"]
        self.account.pipeline(pipeline)
        if "pipelineId" not in body and "pipelineStageId" not in body:
            return {}
        # assumption (2.3): another pipeline without a stage of it is refused
        return {"pipelineId": pipeline, "pipelineStageId": self.account.stage(pipeline, stage)["id"]}

    def _status(self, status: str, reason: str | None, record: Json) -> Json:
        """Return a status change. assumption (10): a lost reason goes with lost only, and leaves with it."""
        if reason is not None and reason not in [known["id"] for known in self.account.lost_reasons]:
            raise Refused(400, "The lost reason id is invalid.")
        if status != "lost":
            if reason is not None:
                raise Refused(400, "The lost reason id is invalid.")
            return {"status": status, "lostReasonId": None}
        kept = reason or record["lostReasonId"]
        if kept is None and self.account.on("lost_reason_required"):
            raise Refused(400, "A lost reason is required.")
        return {"status": status, "lostReasonId": kept}

    def _custom(self, items: list[Json], stored: Json) -> Json:
        """Return all custom field values after the items are written (document, 2.4)."""
        found = {} if self.account.on("custom_fields_replace") else dict(stored)
        key = field_value_key()
        for place, item in enumerate(items):
            definition = self.account.definition("opportunity", id=item.get("id"), key=item.get("key"))
            value, null = item[key], self.account.switch["clearing"] == "null"
            if not (isinstance(value, str | dict) or _is_texts(value) or (value is None and null)):
                fault = "must be a string, an array of strings or an object"
                raise Refused(422, [f"customFields.{place}.{key} {fault}"])  # assumption (2.4): no bare numbers
            found[definition["id"]] = self.account.custom_value(definition, value)
        return {id: value for id, value in found.items() if value is not None}

    # Upsert and followers

    def _matched(self, body: Json) -> Json | None:
        if "id" in body:
            record = self.account.find(body["id"])
            if body.get("contactId", record["contactId"]) != record["contactId"]:
                raise Refused(400, "The contact id is invalid.")  # assumption (2.3): an upsert moves no contact
            return record
        if "contactId" not in body:
            raise Refused(422, ["contactId should not be empty"])
        for record in self.account.opportunities.values():
            if (record["contactId"], record["pipelineId"]) == (body["contactId"], body["pipelineId"]):
                return record
        return None

    def _upsert_new(self, body: Json) -> Json:
        if "name" not in body:
            raise Refused(422, ["name must be a string", "name should not be empty"])
        fields = self._new({"status": "open", **body})
        return fields | {"followers": self._upsert_followers(body, {"followers": []})}

    def _upsert_followers(self, body: Json, record: Json) -> list[str]:
        if body.get("isRemoveAllFollowers"):
            return []
        named = self._known_users(body.get("followers", []))
        if body.get("followersActionType") == "remove":
            return [user for user in record["followers"] if user not in named]
        return [*record["followers"], *(user for user in named if user not in record["followers"])]

    def _known_users(self, ids: list[str]) -> list[str]:
        if len(ids) > FOLLOWERS_MOST:
            raise Refused(422, [f"followers must contain no more than {FOLLOWERS_MOST} elements"])
        return [str(self.account.user(id)["id"]) for id in dict.fromkeys(ids)]


def close_date(text: str | None) -> str | None:
    """Return a close date as YYYY-MM-DD, or raise the 422 for a form that the specification does not list."""
    if text is None:
        return None
    try:
        for pattern, form in CLOSE_DATES:
            if pattern.fullmatch(text):
                return datetime.strptime(re.sub("[/.]", "-", text), form).date().isoformat()  # noqa: DTZ007
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError as error:
        raise Refused(422, ["forecastExpectedCloseDate must be a valid date"]) from error


def _check_probability(value: float | None) -> None:
    """Refuse a share outside 0 to 100. assumption (2.2): the range is not published."""
    if value is not None and not 0 <= value <= 100:
        raise Refused(422, [f"forecastProbability must not be {'less than 0' if value < 0 else 'greater than 100'}"])


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
