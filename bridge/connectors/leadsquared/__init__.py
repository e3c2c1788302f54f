"""LeadSquared, API v2. Sources of the facts: docs/vendors/leadsquared.md, named by section below."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from bridge.connectors.base import (
    Account,
    Connector,
    Inbound,
    Option,
    Outcome,
    Page,
    Reply,
    Traits,
    nudged,
    verify_nudge,
)
from bridge.connectors.http import Gate, Transport
from bridge.connectors.leadsquared.answer import (
    a_list,
    an_object,
    honest,
    judged,
    native,
    stamp,
    surprise,
)
from bridge.connectors.leadsquared.hook import opportunity_ids
from bridge.connectors.leadsquared.lists import (
    COMMENT,
    custom_fields,
    simple_values,
    stage_values,
    type_remarks,
    user_remarks,
    users,
)
from bridge.connectors.leadsquared.schema import NOTE, NOTE_FIELD, NUMBERED, Schema, schema_name
from bridge.connectors.leadsquared.subscribe import Subscriptions, steps
from bridge.connectors.lists import Lists, optional
from bridge.core.errors import Disconnected, Forged, Misconfigured, Permanent
from bridge.core.fields import Choice, Day, Email, Field, Money, Party, Phone, Text
from bridge.core.model import Native, Record, Ref

OPPORTUNITIES = "OpportunityManagement.svc"

# what `read_lead` adds
LEAD = "Lead."
LEAD_READONLY = "it belongs to the lead: edit it there"

EMPTY_BODY = re.compile(rb"\s*(\{\s*\}|\[\s*\])?\s*")


class Leadsquared(Connector):
    """
    One opportunity type of one LeadSquared account. Fields are numbered per type, so labels are checked on every read;
    a validation error and a deleted record are HTTP 500, and throttling may be 429, 403 or 200.
    Stages depend on the status: the native stage, and the native status, is `<Status>/<Stage>`.
    """

    vendor = "leadsquared"
    secrets: ClassVar[Mapping[str, str]] = {
        "access_key": "Access Key of a dedicated Administrator user: Settings, API and Webhooks",
        "secret_key": "Secret Key beside it",
        "webhook_secret": "what the webhook's custom header x-bridge-secret holds; without it no webhook is believed",
    }
    optional_secrets = frozenset({"webhook_secret"})
    options = (
        Option("auth", "how the keys travel: `headers`, or `query` where those are refused", default="headers"),
        Option("type_code", "code of the opportunity type, in the screen of opportunity types", "int", 12000),
        *(Option(f"{name}_field", f"schema name of the {name}; empty: not kept", default=n) for name, n, _ in NUMBERED),
        *(Option(f"{name}_label", f"display name that {name}_field must have", default=t) for name, _, t in NUMBERED),
        Option("custom_days", "names of custom fields that hold a time of a day", "list", []),
        Option("custom_choices", "names of custom fields that hold one of a list", "list", []),
        Option("status_comment", f"text for {COMMENT} with each stage, where comments are mandatory", default=""),
        Option("read_lead", "read the lead too, for the contact's name, e-mail, phone: twice the calls", "bool", False),
        Option("page_size", "rows a call of a sweep; the most allowed is not known, 1000 was seen to work", "int", 200),
    )
    orders = True
    hook_secret = "webhook_secret"  # noqa: S105  its name
    traits = Traits(lag_s=90.0, answer="none")  # one user had to wait up to 90 s for a write to show (2.5)
    rate = (5, 5.0)  # the smallest common plan (6)
    hosts = (".leadsquared.com",)

    def __init__(
        self, account: Account, *, transport: Transport, gate: Gate, now_s: Callable[[], float] = time.time
    ) -> None:
        super().__init__(account, transport=honest(transport), gate=gate, now_s=now_s)

    def headers(self) -> Mapping[str, str]:
        auth, access, secret = self.option("auth"), self.secret("access_key"), self.secret("secret_key")
        if auth not in ("headers", "query"):
            raise self._misconfigured("auth", "unknown way", 'write auth = "headers" or "query"')
        keys = {"x-LSQ-AccessKey": access, "x-LSQ-SecretKey": secret} if auth == "headers" else {}
        return {"Content-Type": "application/json", **keys}

    def table(self) -> tuple[Field, ...]:
        schema = {name: schema_name(self.option(f"{name}_field")) for name, _, _ in NUMBERED}
        zone = self._zone()
        fields: list[Field] = [
            Text("name", schema["name"], blank=False),
            Text("description", schema["description"]),
            Money("amount", schema["amount"], currency=self._currency()),
            Choice("stage", schema["stage"], blank=False),
            Choice("status", schema["stage"] and "Status", via="stage", blank=False),
            Choice("lost_reason", schema["lost_reason"]),
            Choice("owner", "Owner", blank=False),  # an empty owner breaks automations (2.4)
            Party("contact", "RelatedProspectId", readonly="LeadSquared cannot move an opportunity to another lead"),
            Day("expected_close", schema["expected_close"], zone=zone),
            Day("actual_close", schema["actual_close"], zone=zone),
        ]
        if self.option("read_lead"):
            fields += [
                Text("contact_name", f"{LEAD}FirstName", readonly=LEAD_READONLY),
                Email("contact_email", f"{LEAD}EmailAddress", readonly=LEAD_READONLY),
                Phone("contact_phone", f"{LEAD}Phone", readonly=LEAD_READONLY),
                Text("account_name", f"{LEAD}Company", readonly=LEAD_READONLY),
            ]
        fields += [self._custom(name, schema_name(given), zone) for name, given in self.account.custom.items()]
        return tuple(field for field in fields if field.native)

    def verify(self, inbound: Inbound) -> None:
        if not verify_nudge(inbound, self.account.secrets.get("webhook_secret")):
            raise Forged("no_secret")

    def handshake(self, inbound: Inbound) -> Reply | None:
        # the vendor tests an address without headers and without a body (4.5)
        tests = inbound.method in ("HEAD", "GET") or EMPTY_BODY.fullmatch(inbound.body)
        return self.reply("accepted") if tests else None

    def reply(self, outcome: Outcome) -> Reply:
        # ten answers other than 200 in a row switch the hook off, so a wrong secret is said in the body (4.5)
        status, text, why = {
            "accepted": (200, "Success", ""),
            "forged": (200, "Error", "unauthorized"),
            "busy": (503, "Error", "busy, try again"),
        }[outcome]
        return Reply(status, json.dumps({"Status": text, "StatusReason": why}), "application/json")

    def touched(self, inbound: Inbound) -> list[Ref]:
        nudge = nudged(inbound)
        ids = [nudge.lower()] if nudge else opportunity_ids(inbound.body, self._code)
        return [self._ref(vendor_id) for vendor_id in ids]

    def read(self, ref: Ref) -> Record | None:
        try:
            body = self._call("GET", f"{OPPORTUNITIES}/GetOpportunityDetails", {"OpportunityId": ref.vendor_id})
        except Permanent as error:
            if error.reason == "gone":
                return None
            raise
        rows = an_object(body).get("Fields")
        if not rows:
            return None  # an envelope without fields is a deleted record too (2.11)
        details = {str(row.get("SchemaName")): row for row in map(an_object, a_list(rows))}
        values = {name: row.get("Value") for name, row in details.items()}
        values |= {key: body[key] for key in ("RelatedProspectId", NOTE) if key in body}
        if NOTE_FIELD in values:
            values[NOTE] = values[NOTE_FIELD]
        if self.option("read_lead"):
            values |= self._lead(values.get("RelatedProspectId"))
        return self._record(ref, values, {name: str(row.get("DisplayName") or "") for name, row in details.items()})

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        body: dict[str, Any] = {"ProspectOpportunityId": seen.ref.vendor_id}
        values = dict(self._said(patch))
        if NOTE in values:
            body[NOTE] = values.pop(NOTE)
        body["Fields"] = [{"SchemaName": name, "Value": value} for name, value in values.items()]
        answer = self._call("POST", f"{OPPORTUNITIES}/Update", json=body)
        if an_object(answer).get("Status") != "Success":
            raise surprise("an update without success")
        return None

    def resends(self, patch: Mapping[str, Native]) -> frozenset[str]:
        both = frozenset({"stage", "status"})
        return both - patch.keys() if both & patch.keys() else frozenset()

    def scan(self, cursor: str | None) -> Page:
        index, before = (int(part) for part in (cursor or "1:0").split(":"))
        size = int(self.option("page_size"))
        answer = an_object(self._search(index, size))
        listed = answer.get("List")  # the key may be absent when there are no rows (5)
        rows = [an_object(row) for row in a_list([] if listed is None else listed)]
        records = [self._row(row) for row in rows if str(row.get("OpportunityEvent") or self._code) == self._code]
        # RecordCount may be of the page or of the whole list, and a page may be cut without saying so (2.8)
        seen, count = before + len(rows), str(answer.get("RecordCount") or "0")
        last = not rows or (len(rows) < size and count.isdecimal() and seen >= int(count))
        return Page(records, None if last else f"{index + 1}:{seen}")

    def check(self) -> list[str]:
        metadata = self._metadata()
        self._schema.check({name: str(row.get("DisplayName") or "") for name, row in metadata.items()})
        deaf = [] if self.account.secrets.get("webhook_secret") else ["no webhook_secret: changes are heard by sweep"]
        told = type_remarks(metadata, str(self.option("status_comment")), self.account.custom)
        return [*deaf, *self._user_remarks(), *self._search_remarks(), *told]

    def lists(self) -> Lists:
        metadata, unread = self._metadata(), list[str]()
        offered = self.with_status(stage_values(metadata, str(self.option("stage_field")), unread))
        offered += simple_values(metadata, "lost_reason", str(self.option("lost_reason_field")))
        for name in self.option("custom_choices"):
            offered += simple_values(metadata, f"custom.{name}", self.account.custom.get(name, ""))
        with optional(unread, "users"), self._unless_dead("only some roles may list the users"):
            offered += users(a_list(self._call("GET", "UserManagement.svc/Users.Get")))
        used = [schema_name(self.option(f"{name}_field")) for name, _, _ in NUMBERED]
        return Lists(offered, custom_fields(metadata, used), unread)

    def subscribe(self, address: str) -> list[str]:
        secret = self.secret("webhook_secret")
        hooks = Subscriptions(
            lambda method, path, query, body: self._call(method, path, query, body),
            self._code,
            self.account.connection,
        )
        with self._unless_dead("only keys of an Administrator may manage webhooks"):
            return hooks.settle(address, secret)

    def steps(self, address: str) -> list[str]:
        return steps(address, self.hook_value(), self._code)

    # Settings

    @cached_property
    def _schema(self) -> Schema:
        return Schema(self.option, self.account.custom, self._misconfigured)

    @property
    def _code(self) -> str:
        return str(self.option("type_code"))

    def _misconfigured(self, key: str, detail: str, cure: str) -> Misconfigured:
        return Misconfigured(f"connections.{self.account.connection}.{key}", detail, cure)

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.account.zone)
        except (KeyError, ValueError, OSError):
            raise self._misconfigured("zone", "no such zone", 'write it as in "Asia/Kolkata"') from None

    def _currency(self) -> str:
        if self.option("amount_field") and not self.account.currency:
            cure = 'LeadSquared keeps numbers only: write currency = "INR" or what the deals are in'
            raise self._misconfigured("currency", "missing", cure)
        return self.account.currency

    def _custom(self, name: str, native: str, zone: ZoneInfo) -> Field:
        if name in self.option("custom_days"):
            return Day(f"custom.{name}", native, zone=zone)
        return (Choice if name in self.option("custom_choices") else Text)(f"custom.{name}", native)

    # Calls

    def _call(self, method: str, path: str, params: Mapping[str, str] | None = None, json: Any = None) -> Any:
        """Return the parsed body of a success; raises what the vendor's ExceptionType or status means."""
        keys: dict[str, str] = {}
        if self.option("auth") == "query":
            keys = {"accessKey": self.secret("access_key"), "secretKey": self.secret("secret_key")}
        return judged(self.http.call(method, f"/v2/{path}", params={**keys, **(params or {})}, json=json))

    def _search(self, index: int, size: int) -> Any:
        condition = {"SubConOp": "And", "LSO": "ActivityEvent", "LSO_Type": "PAEvent", "Operator": "eq"}
        group = {"Type": "Activity", "ConOp": "and", "RowCondition": [{**condition, "RSO": self._code}]}
        columns = dict.fromkeys(source for field in self.fields for source in self._sources(field))
        asked = [c for c in columns if c in ("Status", "Owner") or c.startswith("mx_")]
        query = {
            "OpportunityEventCode": int(self._code),
            "AdvancedSearch": json.dumps({"GrpConOp": "And", "Conditions": [group], "QueryTimeZone": "UTC"}),
            "Columns": {"Include_CSV": ",".join([*asked, "ModifiedOn"])},
            "Paging": {"PageIndex": index, "PageSize": size},
            "Sorting": {"ColumnName": "ModifiedOn", "Direction": 1},
        }
        with self._unless_dead("only keys of an Administrator may list opportunities"):
            return self._call("POST", f"{OPPORTUNITIES}/Retrieve/BySearchParameter", json=query)

    @contextmanager
    def _unless_dead(self, why: str) -> Iterator[None]:
        """Take a refusal for lesser rights, when other calls show that the keys are alive."""
        try:
            yield
        except (Disconnected, Permanent) as error:
            if error.reason not in ("keys_refused", "no_rights"):
                raise
            if isinstance(error, Disconnected):  # 401 is what lesser rights may get too: are the keys alive? (2.8)
                self._call("GET", f"{OPPORTUNITIES}/GetOpportunityTypes")
            raise Permanent("not_admin", why) from error

    def _lead(self, lead_id: Any) -> dict[str, Any]:
        leads = a_list(self._call("GET", "LeadManagement.svc/Leads.GetById", {"id": str(lead_id)})) if lead_id else []
        return {LEAD + key: value for lead in leads[:1] for key, value in an_object(lead).items()}

    # Records

    def _ref(self, vendor_id: str) -> Ref:
        return Ref(self.account.connection, vendor_id)

    def _sources(self, field: Field) -> tuple[str, ...]:
        if field.name in ("stage", "status"):
            return "Status", str(self.option("stage_field"))
        return (f"{LEAD}FirstName", f"{LEAD}LastName") if field.name == "contact_name" else (field.native,)

    def _record(self, ref: Ref, values: Mapping[str, Any], labels: Mapping[str, str]) -> Record:
        shown: dict[str, Native] = {}
        locked: dict[str, str] = {}
        for field in self.fields:
            sources = self._sources(field)
            if wrong := self._schema.mislabelled("stage" if field.via else field.name, sources[-1], labels):
                locked[field.name] = wrong
            elif all(source in values for source in sources):
                try:
                    shown[field.name] = native(field, [values[source] for source in sources])
                except ValueError:
                    locked[field.name] = f"{field.native} shows something that is no {type(field).__name__.lower()}"
        actor = values.get("ModifiedBy")
        return Record(ref, shown, stamp(values.get("ModifiedOn")), str(actor) if actor else None, locked)

    def _row(self, row: Mapping[str, Any]) -> Record:
        vendor_id = row.get("OpportunityId") or row.get("ProspectActivityId")
        if not isinstance(vendor_id, str):
            raise surprise("a row without an id")
        values = {key: value for key, value in row.items() if key != NOTE}  # not asked for: null would prove nothing
        return self._record(self._ref(vendor_id.lower()), values, {})

    def _said(self, patch: Mapping[str, Native]) -> Iterator[tuple[str, str]]:
        """Yield schema names and texts to send; status and stage go together, in this order."""
        if strange := sorted(patch.keys() - {field.name for field in self.fields}):
            raise Permanent("not_writable", ", ".join(strange))
        for field in self.fields:
            if field.name not in patch or (field.name == "status" and "stage" in patch):
                continue
            if field.readonly:
                raise Permanent("not_writable", field.readonly)
            text = "" if (value := patch[field.name]) is None else str(value)
            if field.name not in ("stage", "status"):
                yield field.native, text
                continue
            status, _, stage = text.partition("/")
            if not status or not stage:
                raise Permanent("incomplete_choice", "a choice of stage or status must read <Status>/<Stage>")
            yield from zip(self._sources(field), (status, stage), strict=True)
            if comment := self.option("status_comment"):
                yield COMMENT, str(comment)

    # Checks

    def _metadata(self) -> dict[str, dict[str, Any]]:
        try:
            path = f"{OPPORTUNITIES}/GetOpportunityTypeMetadata"
            rows = a_list(an_object(self._call("GET", path, {"code": self._code})).get("Fields") or [])
        except Permanent as error:
            if error.reason == "no_such_api":
                cure = 'write the API host alone, as in "https://api-in21.leadsquared.com"'
                raise self._misconfigured("base_url", "no LeadSquared API there", cure) from error
            if error.reason == "no_rights":
                raise
            rows = []
        if not rows:
            raise self._misconfigured("type_code", f"no opportunity type {self._code}", "take it from the types screen")
        return {str(row.get("SchemaName")): row for row in map(an_object, rows)}

    def _user_remarks(self) -> Iterator[str]:
        try:
            yield from user_remarks(
                an_object(self._call("GET", "Authentication.svc/UserByAccessKey.Get")), self.account.zone
            )
        except (Disconnected, Permanent):
            yield "the user of the keys could not be read, so its role and zone are unchecked"

    def _search_remarks(self) -> Iterator[str]:
        try:
            self._search(1, 1)
        except Permanent as error:
            if error.reason != "not_admin":
                raise
            yield "these keys are not an Administrator's: no sweep is possible, changes are heard by webhook alone"
