"""What one LeadConnector location holds, the views of it, and the one way in which an opportunity changes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from flask import Response

from bridge.sandbox.base import Clock, Hook
from bridge.sandbox.leadconnector import hooks as hooks
from bridge.sandbox.leadconnector.hooks import iso
from bridge.sandbox.leadconnector.wire import Json, Limits, Refused, json_response

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
STATUSES = ("open", "won", "lost", "abandoned")
TIMES = ("lastStatusChangeAt", "lastStageChangeAt", "lastActionDate", "createdAt", "updatedAt")
TOUCHED = (*TIMES, "indexVersion")
FORECAST = ("forecastOriginalCloseDate", "forecastSlippageCount", "forecastDaysSlipped", "forecastLastSlippedAt")
# What an opportunity holds before anything is written into it; null where the vendor shows null (document, 2.2).
BLANK: Mapping[str, object] = {
    "name": "",
    "monetaryValue": None,
    "pipelineId": "",
    "pipelineStageId": "",
    "assignedTo": None,
    "status": "open",
    "source": None,
    "contactId": "",
    "lostReasonId": None,
    "followers": [],
    "customFields": {},
    "forecastExpectedCloseDate": None,
    "forecastProbability": None,
}
# How a data type takes and shows values (document, 2.4).
LISTS = ("MULTIPLE_OPTIONS", "CHECKBOX")
NUMBERS = ("NUMERICAL", "MONETORY")
CHOICES = (*LISTS, "SINGLE_OPTIONS", "RADIO")
DATA_TYPES = (*CHOICES, *NUMBERS, "TEXT", "LARGE_TEXT", "DATE", "PHONE", "EMAIL", "FILE_UPLOAD")


class Account:
    """The state of one location. Whoever calls holds the simulator's lock."""

    def __init__(
        self,
        clock: Clock,
        switch: Mapping[str, bool | int | float | str],
        note: Callable[..., None],
        emit: Callable[[Hook], None],
    ) -> None:
        self.clock, self.switch, self.note, self.emit = clock, switch, note, emit
        self.limits = Limits()
        self.location: Json = {}
        self.pipelines: list[Json] = []
        self.lost_reasons: list[Json] = []
        self.users: list[Json] = []
        self.definitions: list[Json] = []
        self.contacts: dict[str, Json] = {}
        self.opportunities: dict[str, Json] = {}
        self.history: dict[str, list[tuple[float, Json | None]]] = {}
        self.serials: dict[str, int] = {}

    def now(self) -> float:
        """Return epoch seconds in the vendor's grain, a millisecond."""
        return round(self.clock(), 3)

    def answer(self, status: int, body: Json) -> Response:
        """Return a JSON answer; every body carries a traceId (document, 3.1)."""
        return json_response(status, {**body, "traceId": self.trace()})

    def on(self, switch: str) -> bool:
        return bool(self.switch[switch])

    def seconds(self, switch: str) -> float:
        return float(self.switch[switch])

    def serial(self, of: str) -> int:
        self.serials[of] = self.serials.get(of, 0) + 1
        return self.serials[of]

    def new_id(self, kind: str) -> str:
        """Return a fresh id of the vendor's form: twenty letters and digits, the same in every like run."""
        digest = hashlib.sha256(f"{kind} {self.serial(kind)}".encode()).digest()
        return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:20])

    def trace(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"leadconnector trace {self.serial('trace')}"))

    def allow(self, location: str) -> None:
        """Raise the 403 of document 3.2 for any location but this one."""
        if location != self.location["id"]:
            raise Refused(403, "The token does not have access to this location.")

    # Lists

    def pipeline(self, id: str) -> Json:
        for pipeline in self.pipelines:
            if pipeline["id"] == id:
                return pipeline
        raise Refused(400, "The pipeline id is invalid.")

    def stage(self, pipeline: str, id: str) -> Json:
        """Return a stage of that pipeline. assumption (2.3): a stage of another pipeline is refused."""
        for stage in self.pipeline(pipeline)["stages"]:
            if stage["id"] == id:
                found: Json = stage
                return found
        raise Refused(400, "The pipeline stage id is invalid.")

    def first_stage(self, pipeline: str) -> str:
        """Return the lowest stage. assumption (2.3): it is where a deal without a given stage begins."""
        return str(min(self.pipeline(pipeline)["stages"], key=lambda stage: int(stage["position"]))["id"])

    def user(self, id: str) -> Json:
        """Return a user. assumption (2.3): an unknown owner or follower is a 400."""
        for user in self.users:
            if user["id"] == id:
                return user
        raise Refused(400, "The user id is invalid.")

    def contact(self, id: str) -> Json:
        """Return a contact. assumption (4.1): an unknown one in a write is a 400."""
        if id not in self.contacts:
            raise Refused(400, "The contact id is invalid.")
        return self.contacts[id]

    def definition(self, model: str, *, id: str | None = None, key: str | None = None) -> Json:
        """Return a custom field definition by id, else by its key without the prefix (document, 2.4)."""
        for definition in self.definitions:
            if definition["model"] == model and (
                definition["id"] == id or (id is None and definition["fieldKey"] == f"{model}.{key}")
            ):
                return definition
        raise Refused(400, "The custom field id is invalid.")  # assumption (10): not ignored

    # Opportunities

    def find(self, id: str) -> Json:
        """Return an opportunity as it is now, or raise the 404 of document 3.2."""
        if id not in self.opportunities:
            raise Refused(404, "Opportunity not found", code="OPPORTUNITY_NOT_FOUND")
        return self.opportunities[id]

    def seen(self, id: str, lag_s: float) -> Json | None:
        """Return an opportunity as it was `lag_s` ago, or None when it was not there."""
        if lag_s <= 0:
            return self.opportunities.get(id)
        past = [record for at, record in self.history.get(id, []) if at <= self.now() - lag_s]
        return past[-1] if past else None

    def all_seen(self, lag_s: float) -> list[Json]:
        return [record for id in self.history if (record := self.seen(id, lag_s))]

    def keep(self, id: str, record: Json | None, at: float) -> None:
        """Store an opportunity, or None for a deleted one, and remember since when it looks so."""
        if record is None:
            self.opportunities.pop(id, None)
        else:
            self.opportunities[id] = record
        past = self.history.setdefault(id, [])
        past.append((at, record))
        horizon = self.now() - max(3600.0, self.seconds("read_lag_s"), self.seconds("search_lag_s"))
        while len(past) > 1 and past[1][0] <= horizon:
            past.pop(0)
        if past == [(at, None)]:
            del self.history[id]

    def create(self, fields: Json, who: str, call: str) -> Json:
        """Add an opportunity; `fields` are checked stored values."""
        now, id = self.now(), self.new_id("opportunity")
        record = {**BLANK, **dict.fromkeys(TIMES, now), **fields}
        record |= {"id": id, "locationId": self.location["id"], "indexVersion": 1, "attributions": []}
        record |= slipped(record, record, now)
        self.keep(id, record, now)
        self.note(who, id, call, *differing({**BLANK}, record))
        self.announce(hooks.CREATED, record, who)
        return record

    def change(self, id: str, fields: Json, who: str, call: str) -> Json:
        """
        Change an opportunity; `fields` are checked stored values.

        assumption (10): an accepted write that stores equal values moves `updatedAt` and raises OpportunityUpdate.
        """
        now, old = self.now(), self.find(id)
        record = {**old, **fields, "updatedAt": now, "lastActionDate": now, "indexVersion": old["indexVersion"] + 1}
        if record["status"] != old["status"]:
            record["lastStatusChangeAt"] = now
        if record["pipelineStageId"] != old["pipelineStageId"]:
            record["lastStageChangeAt"] = now
        record |= slipped(old, record, now)
        changed = differing(old, record)
        self.keep(id, record, now)
        self.note(who, id, call, *changed)
        self.announce(hooks.events(changed), record, who)
        return record

    def delete(self, id: str, who: str, call: str) -> None:
        record = self.find(id)
        self.keep(id, None, self.now())
        self.note(who, id, call)
        self.announce(hooks.DELETED, record, who)

    def announce(self, events: tuple[str, ...], record: Json, who: str) -> None:
        """Emit the webhooks of one change, signed ones or the customer's own workflow (document, 5.2 and 5.7)."""
        if who == "bridge" and not self.on("echo"):
            return
        if self.on("workflow"):
            if events != hooks.DELETED:  # no delete trigger was found (5.7)
                self.emit(hooks.workflow_hook(record))
            return
        for event in reversed(events) if self.on("reverse_order") else events:
            serial, signed, sparse = self.serial("webhook"), not self.on("signature_na"), self.on("sparse_hooks")
            self.emit(hooks.signed_hook(event, record, self.now(), serial, signed=signed, sparse=sparse))

    # Values

    def tidy(self, text: str) -> str:
        """Return a name as stored."""
        return " ".join(text.split()) if self.on("normalise") else text

    def custom_value(self, definition: Json, value: object) -> object:
        """Return a custom field value as stored, after the coercion of document 2.4; None empties the field."""
        kind, fault = definition["dataType"], f"customFields {definition['id']} does not fit {definition['dataType']}"
        if kind in LISTS and isinstance(value, str) and value:
            value = [value]
        if kind in NUMBERS and isinstance(value, str) and value:
            value = _number(value, fault)
        # assumption (2.4): a value of another shape, or outside a picklist, is refused
        fits: dict[str, type | tuple[type, ...]] = dict.fromkeys(LISTS, list)
        fits |= dict.fromkeys(NUMBERS, (int, float)) | {"FILE_UPLOAD": dict}
        if value not in (None, "") and not isinstance(value, fits.get(kind, str)):
            raise Refused(422, [fault])
        options = definition["picklistOptions"]
        chosen = value if isinstance(value, list) else [value]
        if kind in CHOICES and options and not all(one in (None, "", *options) for one in chosen):
            raise Refused(422, [fault])
        return value


def _number(text: str, fault: str) -> float | int:
    try:
        number = float(text)
    except ValueError as error:
        raise Refused(422, [fault]) from error
    return int(number) if number.is_integer() else number


def differing(old: Json, new: Json) -> list[str]:
    """Return the names whose stored value differs; a custom field is named `customFields.<id>`."""
    plain = [k for k in BLANK if k != "customFields" and old[k] != new[k]]
    ids = {**old["customFields"], **new["customFields"]}
    return plain + [f"customFields.{i}" for i in ids if old["customFields"].get(i) != new["customFields"].get(i)]


def slipped(old: Json, new: Json, now: float) -> Json:
    """Return the forecast bookkeeping of document 2.2: the first close date, and how often and far it moved later."""
    before, after = old["forecastExpectedCloseDate"], new["forecastExpectedCloseDate"]
    found: Json = {name: old.get(name) for name in FORECAST}
    found["forecastOriginalCloseDate"] = original = found["forecastOriginalCloseDate"] or after
    found["forecastSlippageCount"] = found["forecastSlippageCount"] or 0
    if before and after and after > before:
        found["forecastSlippageCount"] += 1
        found["forecastLastSlippedAt"] = iso(now)
    days = (date.fromisoformat(after) - date.fromisoformat(original)).days if after and original else 0
    return found | {"forecastDaysSlipped": max(0, days)}


def epoch(text: str) -> float:
    """Return the epoch seconds of an ISO date or time; without a zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
