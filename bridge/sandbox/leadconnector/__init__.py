"""
The simulated LeadConnector (GoHighLevel) location: opportunities in two dialects, webhooks, limits.

"Document" and a number, here and in the leadconnector_* modules, is a section of docs/vendors/leadconnector.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import ClassVar

from flask import Flask, Response, g, request

from bridge.sandbox.base import KEYS, Card, Simulator, Switch
from bridge.sandbox.leadconnector import sample as sample
from bridge.sandbox.leadconnector.account import BLANK, STATUSES, Account
from bridge.sandbox.leadconnector.contacts import ContactCalls
from bridge.sandbox.leadconnector.hooks import PUBLIC_KEY
from bridge.sandbox.leadconnector.lists import ListCalls
from bridge.sandbox.leadconnector.opportunities import OpportunityCalls, close_date
from bridge.sandbox.leadconnector.search import SearchCalls
from bridge.sandbox.leadconnector.views import full_name
from bridge.sandbox.leadconnector.wire import VERSIONS, Json, Refused, limit_headers


class LeadconnectorSimulator(Simulator):
    """
    One LeadConnector location.

    hook_tries: how often the vendor sends one webhook until it is answered with 2xx (document, 5.6).
    public_key: the PEM with which the receiver checks `X-GHL-Signature` (document, 5.4), the sandbox's own.
    """

    vendor = "leadconnector"
    hook_tries: ClassVar[int] = 13
    public_key: ClassVar[str] = PUBLIC_KEY
    switches = (
        Switch("normalise", "True: names lose outer and doubled spaces, phones all but + and digits", False),
        Switch("read_lag_s", "reads by id show the state as it was so many seconds ago", 0),
        Switch("search_lag_s", "search shows the state as it was so many seconds ago, never less than reads by id", 0),
        Switch("search_partial_fields", "True: search rows carry only the first custom field of a deal", False),
        Switch("absent_nulls", "True: opportunities leave out members without a value", False),
        Switch("contact_pipeline_blind", "True: GET search by contact and pipeline together finds nothing", False),
        Switch("contact_in_relations_only", "True: POST search rows name the contact only inside relations", False),
        Switch("page_base", "the number of the first page of POST search: 1 as in use, 0 as the v3 text says", 1),
        Switch("allow_duplicates", "True: a contact may have several opportunities in one pipeline", False),
        Switch("duplicates_open_only", "True: only open opportunities count as duplicates", False),
        Switch("allow_duplicate_contacts", "True: two contacts may share an email or a phone", False),
        Switch("custom_fields_replace", "True: PUT drops the custom fields it does not name", False),
        Switch(
            "clearing",
            "what clears owner, value and forecast: 'refuse' nothing does, 'null' (custom fields too) or 'empty' text",
            "refuse",
        ),
        Switch("lost_reason_required", "True: status lost without a lost reason is refused with 400", False),
        Switch("pipeline_id_401", "True: a write without its pipelineId is a 401 COMMON_PIPELINE_ID_UNDEFINED", False),
        Switch("echo", "False: writes with the bridge's credential raise no webhooks", True),
        Switch("reverse_order", "True: OpportunityUpdate comes on the other side of the specific events", False),
        Switch("signature_na", "True: webhooks carry the literal signature N/A", False),
        Switch("sparse_hooks", "True: webhooks carry the envelope and the id, none of the opportunity's values", False),
        Switch("workflow", "True: one unsigned hook of the customer's workflow a change, none at deletion", False),
        Switch("burst_limit", "calls a credential may make in ten seconds", 100),
        Switch("daily_limit", "calls a credential may make in a day", 200_000),
        Switch("retry_after", "True: a 429 carries Retry-After", False),
    )

    parts: tuple[ListCalls | SearchCalls | OpportunityCalls | ContactCalls, ...] = ()

    # The account

    def seed(self) -> None:
        self.account = Account(self.clock, self.switch, self.note, self.emit)
        for part in self.parts:
            part.account = self.account
        sample.fill(self.account)

    # The vendor's API

    def build(self) -> Flask:
        app = Flask(__name__)
        app.before_request(self._admit)
        app.after_request(self._count)
        app.register_error_handler(Refused, self._refusal)
        app.register_error_handler(500, lambda error: self.broken())
        self.parts = tuple(calls(self.account) for calls in (ListCalls, SearchCalls, OpportunityCalls, ContactCalls))
        for part in self.parts:
            for method, path, view in part.rules():
                guarded = self._guarded(view)
                app.add_url_rule(path, f"{method} {path}", guarded, methods=[method], provide_automatic_options=False)
        return app

    def _guarded(self, view: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(view)
        def call(**parts: str) -> Response:
            with self.lock:
                return view(**parts)

        return call

    def _admit(self) -> Response | None:
        """Let a call pass, or refuse it. assumption (3.2): agent, credential, version, limit, path, in that order."""
        g.who = None
        if request.headers.get("User-Agent", "").startswith("Python-urllib"):
            return Response("error code: 1010", 403, mimetype="text/plain")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in KEYS:
            raise Refused(401, "Invalid token: access token is invalid")
        if (version := request.headers.get("Version")) is None:
            raise Refused(401, "version header was not found.")
        if version not in VERSIONS:
            raise Refused(401, "version header is invalid")
        g.who, g.v3 = KEYS[token], VERSIONS[version]
        with self.lock:
            if not self.account.limits.take(g.who, self.clock(), *self._limits()):
                return self.throttled()
        if request.routing_exception is not None:
            raise Refused(404, f"Cannot {request.method} {request.path}")
        return None

    def _limits(self) -> tuple[int, int]:
        return int(self.switch["burst_limit"]), int(self.switch["daily_limit"])

    def _count(self, response: Response) -> Response:
        """Put the five rate headers on every answer (document, 3.3)."""
        with self.lock:
            left = self.account.limits.left(g.get("who") or "", self.clock(), *self._limits())
        response.headers.update(limit_headers(*self._limits(), left))
        return response

    def _refusal(self, refused: Refused) -> Response:
        with self.lock:
            return self.account.answer(refused.status, refused.body)

    def throttled(self) -> Response:
        """Return the 429. assumption (10): its body has the shape of the other errors."""
        with self.lock:
            response = self.account.answer(429, {"statusCode": 429, "message": "Too Many Requests"})
        burst, daily = self._limits()
        response.headers.update(limit_headers(burst, daily, (0, daily)))
        if self.switch["retry_after"]:
            response.headers["Retry-After"] = str(self.account.limits.interval_s)
        return response

    def broken(self) -> Response:
        """Return a 500. assumption (3.1): its body has the shape of the other errors."""
        with self.lock:
            return self.account.answer(500, {"statusCode": 500, "message": "Internal Server Error"})

    # The vendor's own pages

    def columns(self) -> list[tuple[str, str]]:
        found = []
        for place, pipeline in enumerate(self.account.pipelines):
            for stage in sorted(pipeline["stages"], key=lambda stage: int(stage["position"])):
                found.append((stage["id"], stage["name"] if place == 0 else f"{pipeline['name']}: {stage['name']}"))
        return found

    def cards(self) -> list[Card]:
        with self.lock:
            return [
                Card(record["id"], record["name"], record["pipelineStageId"], self._details(record))
                for record in self.account.opportunities.values()
            ]

    def _details(self, record: Json) -> dict[str, str]:
        users = {user["id"]: user["name"] for user in self.account.users}
        reasons = {reason["id"]: reason["name"] for reason in self.account.lost_reasons}
        labels = {known["id"]: known["name"].lower() for known in self.account.definitions}
        found = {
            "amount": record["monetaryValue"],
            "status": record["status"],
            "lost reason": reasons.get(record["lostReasonId"]),
            "owner": users.get(record["assignedTo"]),
            "contact": full_name(self.account.contacts.get(record["contactId"], {})),
            "probability": record["forecastProbability"],
            "expected close": record["forecastExpectedCloseDate"],
            "followers": ", ".join(users[user] for user in record["followers"]),
        }
        found |= {labels[id]: ", ".join(v) if isinstance(v, list) else v for id, v in record["customFields"].items()}
        return {label: str(value) for label, value in found.items() if value not in (None, "")}

    def edit(self, deal: str, changes: Mapping[str, object], who: str = "board") -> None:
        """
        Change a deal as a person does; a custom field is named by its id, or several stand in `customFields` as read.

        Raises ValueError for a value that the page would not offer.
        """
        self._edit(deal, changes, who, "edit")

    def move(self, deal: str, column: str) -> None:
        """Drag a card into another stage. The status stays: no link between the two is documented (10)."""
        self._edit(deal, {"pipelineStageId": column}, "board", "move")

    def _edit(self, deal: str, changes: Mapping[str, object], who: str, call: str) -> None:
        with self.lock:
            record = self.account.opportunities[deal]
            fields: Json = {"customFields": dict(record["customFields"])}
            for name, value in changes.items():
                fields |= self._edited(name, value, fields["customFields"])
            if "pipelineStageId" in fields:
                fields["pipelineId"] = self._pipeline_of(str(fields["pipelineStageId"]))
            elif "pipelineId" in fields and fields["pipelineId"] != record["pipelineId"]:
                fields["pipelineStageId"] = self.account.first_stage(fields["pipelineId"])
            if fields.get("status", "lost") != "lost":
                fields["lostReasonId"] = None
            self.account.change(deal, fields, who, call)

    def _edited(self, name: str, value: object, custom: Json) -> Json:
        """Return the stored form of one edited field; `custom` holds the deal's custom field values so far."""
        if name == "customFields" and isinstance(value, list):
            given = {item["id"]: item.get("fieldValue", item.get("value")) for item in value}
            for id in given:
                custom = self._edited(id, given[id], custom)["customFields"]
            return {"customFields": custom}
        if name in [known["id"] for known in self.account.definitions if known["model"] == "opportunity"]:
            return {"customFields": {k: v for k, v in {**custom, name: value}.items() if v not in (None, "")}}
        if name not in BLANK or name == "customFields":
            raise KeyError(name)
        lists: Mapping[str, list[object]] = {
            "assignedTo": [None, *(user["id"] for user in self.account.users)],
            "lostReasonId": [None, *(reason["id"] for reason in self.account.lost_reasons)],
            "contactId": list(self.account.contacts),
            "pipelineId": [pipeline["id"] for pipeline in self.account.pipelines],
            "status": list(STATUSES),
        }
        if name in lists and value not in lists[name]:
            raise ValueError(f"{value} is no {name}")
        if name == "forecastExpectedCloseDate" and value is not None:
            value = close_date(str(value))
        return {name: self.account.tidy(value) if name == "name" and isinstance(value, str) else value}

    def _pipeline_of(self, stage: str) -> str:
        for pipeline in self.account.pipelines:
            if stage in [known["id"] for known in pipeline["stages"]]:
                return str(pipeline["id"])
        raise ValueError(f"{stage} is no stage")
