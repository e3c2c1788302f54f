"""LeadConnector (GoHighLevel, HighLevel; resold as Leadway): partial updates, signed webhooks, a search that lags."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from bridge.connectors.base import (
    Account,
    Connector,
    Inbound,
    Option,
    Outcome,
    Page,
    Reply,
    Traits,
    json_object,
    verify_nudge,
)
from bridge.connectors.http import Gate, Transport
from bridge.connectors.leadconnector.answer import (
    USERS_SCOPE,
    VERSION,
    Body,
    an_object,
    failure,
    gone,
    odd,
    paced,
    rows,
)
from bridge.connectors.leadconnector.deal import (
    LastingDay,
    LastingText,
    Shown,
    custom_values,
    moment_ms,
    number,
    resaid,
    shown,
    shown_custom,
)
from bridge.connectors.leadconnector.hook import PUBLISHED, PUBLISHED_RSA, keys_of, verify_signature
from bridge.connectors.leadconnector.lists import STATUSES, Reference, statuses, steps
from bridge.connectors.lists import Lists, optional
from bridge.core.errors import Misconfigured, Permanent, Transient
from bridge.core.fields import Choice, Day, Email, Field, Money, Party, Percent, Phone, Text
from bridge.core.model import Native, Record, Ref

if TYPE_CHECKING:
    from bridge.core.public_keys import Key

V3 = "v3"
TOPICS = {
    "OpportunityCreate",
    "OpportunityUpdate",
    "OpportunityDelete",
    "OpportunityStageUpdate",
    "OpportunityStatusUpdate",
    "OpportunityMonetaryValueUpdate",
    "OpportunityAssignedToUpdate",
}
NEVER_EMPTY = {"name", "stage", "status", "pipeline"}
ROWS_MAX = 100
BELONGS = "it belongs to the contact there"
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Leadconnector(Connector):
    """
    One location. An update takes only declared properties and leaves the rest alone; a lost reason has its own call.

    Webhooks come signed from a Marketplace app, or with a secret from a workflow of the customer; both are hints.
    The search lags and shows empty what is not: a row tells what it holds, never that something is empty.
    """

    vendor = "leadconnector"
    secrets: ClassVar[Mapping[str, str]] = {
        "token": "private integration token of the location (Settings, Private Integrations; Leadway: Settings, API)",
        "hook_secret": "a secret of your own that workflow webhooks and nudges send in the header X-Bridge-Secret",
    }
    optional_secrets = frozenset({"hook_secret"})
    options = (
        Option("location_id", "id of the location (sub-account); webhooks of others are dropped", required=True),
        Option("version", f"dialect of the API: `{VERSION}` or `{V3}`", default=VERSION),
        Option("description_field", "id of the opportunity custom field that holds the description; empty: none"),
        Option("public_key", "keys (PEM) that webhooks are signed with", "list", [PUBLISHED, PUBLISHED_RSA]),
        Option("legacy_rsa", "take X-WH-Signature (RSA) too; announced to end on 2026-09-01", "bool", False),
        Option(
            "clears",
            "empty an owner, a lost reason, a day or a custom field by sending an empty text; whether LeadConnector "
            "takes that is not established, so without it the emptying waits for a person",
            "bool",
            False,
        ),
        Option(
            "merges_custom",
            "send only the custom fields that change; whether the others then stay is not established, so without "
            "it all go back as just read",
            "bool",
            False,
        ),
        Option("page_rows", f"rows in one page of a sweep, up to {ROWS_MAX}", "int", ROWS_MAX),
    )
    traits = Traits(lag_s=5.0)
    rate = (80, 10.0)
    hosts = (".leadconnectorhq.com",)

    def __init__(
        self, account: Account, *, transport: Transport, gate: Gate, now_s: Callable[[], float] = time.time
    ) -> None:
        super().__init__(account, transport=paced(transport), gate=gate, now_s=now_s)
        if "public_key" in account.options:
            assert self._keys is not None  # what an operator has written is tried at the start

    def headers(self) -> Mapping[str, str]:
        if self.option("version") not in (VERSION, V3):
            raise Misconfigured(self._where("version"), "unknown", f'write version = "{VERSION}" or "{V3}"')
        if not self.option("location_id"):
            raise Misconfigured(
                self._where("location_id"), "missing", "it stands in the address of the location's pages"
            )
        return {
            "Authorization": f"Bearer {self.secret('token')}",
            "Version": self.option("version"),
            "Accept": "application/json",
        }

    def table(self) -> tuple[Field, ...]:
        if not self.account.currency:
            raise Misconfigured(self._where("currency"), "missing", 'amounts carry none: write currency = "USD"')
        clears = bool(self.option("clears"))
        own: list[Field] = [
            LastingText("name", "name"),
            Money("amount", "monetaryValue", currency=self.account.currency),
            Choice("stage", "pipelineStageId", scope="pipeline", blank=False),
            Choice("status", "status", blank=False),
            Choice("lost_reason", "lostReasonId", blank=clears),
            Choice("owner", "assignedTo", blank=clears),
            Party("contact", "contactId", readonly="LeadConnector cannot move an opportunity to another contact"),
            Choice("pipeline", "pipelineId", blank=False),
            Text("contact_name", "contact.name", readonly=BELONGS),
            Email("contact_email", "contact.email", readonly=BELONGS),
            Phone("contact_phone", "contact.phone", readonly=BELONGS),
            Text("account_name", "contact.companyName", readonly=BELONGS),
        ]
        if self._v3:
            own.append((Day if clears else LastingDay)("expected_close", "forecastExpectedCloseDate"))
            own.append(Percent("probability", "forecastProbability"))
        kind = Text if clears else LastingText
        return (*own, *(kind(name, vendor_id) for name, vendor_id in self._custom.items()))

    def verify(self, inbound: Inbound) -> None:
        if not verify_nudge(inbound, self.account.secrets.get("hook_secret")):
            verify_signature(inbound.body, inbound.headers, self._keys)

    @cached_property
    def _keys(self) -> tuple[Key, ...]:
        given = self.option("public_key")
        try:
            return keys_of([given] if isinstance(given, str) else given, rsa=self.option("legacy_rsa"))
        except ValueError as error:
            raise Misconfigured(self._where("public_key"), str(error), "write the whole PEM text") from error

    def touched(self, inbound: Inbound) -> list[Ref]:
        # the secret that let a nudge or a workflow in is not stored with it, so what is missing is taken as ours
        body = json_object(inbound.body)
        kind, location = body.get("type", "OpportunityUpdate"), body.get("locationId", self.option("location_id"))
        given = body.get("id")
        if not isinstance(kind, str) or kind not in TOPICS or location != self.option("location_id"):
            return []
        return [Ref(self.account.connection, given)] if isinstance(given, str) and ID.fullmatch(given) else []

    def delivery_id(self, inbound: Inbound) -> str | None:
        """Return the id of a signed delivery; in a workflow's body, which is the customer's, it may never change."""
        given = None if _is_own(inbound) else json_object(inbound.body).get("webhookId")
        return given if isinstance(given, str) and ID.fullmatch(given) else None

    def reply(self, outcome: Outcome) -> Reply:
        # the older of the two published retry policies comes again after a 429 only (vendor document 5.6)
        if outcome == "busy":
            return Reply(429, "busy, try again", headers={"Retry-After": "30"})
        return super().reply(outcome)

    def read(self, ref: Ref) -> Record | None:
        body = self._ask("GET", _path(ref))
        return None if body is None else self._record(body.get("opportunity"), "read", ref)

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        """
        Send what changes in one PUT, then a lost reason with its status in another.

        The first is the likelier one to be refused, and stage automations must not have the last word on the status.
        """
        self._refuse_unwritable(seen, patch)
        body, status = self._body(seen.raw, patch), self._status(seen.raw, patch)
        after = None
        if body:
            after = self._record(self._put(seen.ref, "", body).get("opportunity"), "answer", seen.ref)
        if status:
            self._put_status(seen.ref, status, begun=bool(body))
        if after and status:
            kept = {name: n for name, n in after.fields.items() if name not in ("status", "lost_reason")}
            return replace(after, fields=kept)
        return after

    def resends(self, patch: Mapping[str, Native]) -> frozenset[str]:
        custom = self._custom.keys()
        again = custom if custom & patch.keys() and not self.option("merges_custom") else set()
        return frozenset(again | ({"status"} if "lost_reason" in patch else set())) - patch.keys()

    def scan(self, cursor: str | None) -> Page:
        """Return a page, oldest first. cursor: the vendor's two texts for the next page, as a JSON list."""
        query = {
            "locationId" if self._v3 else "location_id": self.option("location_id"),
            "limit": str(max(1, min(ROWS_MAX, self.option("page_rows")))),
            "order": "added_asc",
            "status": "all",
        }
        if cursor is not None:
            query |= dict(zip(("startAfter", "startAfterId"), json.loads(cursor), strict=True))
        body = self._ask("GET", "/opportunities/search", query) or {}
        deals, meta = rows(body, "opportunities"), an_object(body.get("meta"))
        # the cursor is filled on the last page too, and a page before it may be short (vendor document 2.5)
        if not deals or meta.get("nextPage") is None:
            return Page([self._record(row, "row") for row in deals], None)
        after, after_id = meta.get("startAfter"), meta.get("startAfterId")
        if type(after) not in (int, str) or not isinstance(after_id, str):
            raise odd("cursor")
        following = json.dumps([str(after), after_id])
        if following == cursor:
            raise odd("a cursor that stands still")
        return Page([self._record(row, "row") for row in deals], following)

    def check(self) -> list[str]:
        self._reference.pipelines()
        remarks = self._check_custom() if self._custom else []
        if not self.account.secrets.get("hook_secret"):
            remarks.append("no hook_secret: only webhooks of a Marketplace app are believed, others wait for the sweep")
        return remarks

    def lists(self) -> Lists:
        offered, unread = [*self._reference.pipelines(), *statuses()], list[str]()
        with optional(unread, f"users (scope {USERS_SCOPE})"):
            offered += self._reference.users()
        with optional(unread, "lost reasons"):
            offered += self._reference.lost_reasons()
        with optional(unread, "custom fields"):
            return Lists(offered, self._reference.customs(), unread)
        return Lists(offered, unread=unread)

    def steps(self, address: str) -> list[str]:
        return steps(address, self.hook_value())

    @cached_property
    def _reference(self) -> Reference:
        return Reference(lambda path, query: self._ask("GET", path, query) or {}, self.option("location_id"))

    def _check_custom(self) -> list[str]:
        unread = list[str]()
        with optional(unread, "custom fields"):
            known = {one.native: one for one in self._reference.customs()}
        if unread:
            return unread
        for name, vendor_id in self._custom.items():
            if vendor_id not in known:
                cure = "known: " + ", ".join(f"{one.native} {one.label}" for one in known.values())
                raise Misconfigured(self._where_custom(name), "the location has no such opportunity field", cure)
        return [f"{name}: {known[vendor_id].kind} field" for name, vendor_id in self._custom.items()]

    @property
    def _v3(self) -> bool:
        return bool(self.option("version") == V3)

    def _where(self, key: str) -> str:
        return f"connections.{self.account.connection}.{key}"

    def _where_custom(self, name: str) -> str:
        return self._where("description_field" if name == "description" else name)

    @cached_property
    def _custom(self) -> dict[str, str]:
        """Return the canonical fields that are custom fields there, with the vendor's ids."""
        found = {f"custom.{name}": vendor_id for name, vendor_id in self.account.custom.items()}
        if given := self.option("description_field"):
            found["description"] = given
        for name, vendor_id in found.items():
            if not ID.fullmatch(vendor_id) or list(found.values()).count(vendor_id) > 1:
                raise Misconfigured(
                    self._where_custom(name), "must be the id of a field of its own", "see bridge check"
                )
        return found

    def _refuse_unwritable(self, seen: Record, patch: Mapping[str, Native]) -> None:
        writable = {field.name for field in self.fields if not field.readonly}
        if odd := sorted(patch.keys() - writable):
            raise Permanent("not_writable", ", ".join(odd))
        if locked := sorted(patch.keys() & seen.locked.keys()):
            raise Permanent("locked", seen.locked[locked[0]])

    def _body(self, raw: Mapping[str, Any], patch: Mapping[str, Native]) -> Body:
        self._fit_stage(raw, patch)
        custom = self._custom
        apart = {*custom, "lost_reason", *(["status"] if "lost_reason" in patch else [])}
        body = {f.native: self._said(f, patch[f.name]) for f in self.fields if f.name in patch and f.name not in apart}
        changed = {custom[name]: self._text(name, patch[name]) for name in patch if name in custom}
        if changed:
            values = changed if self.option("merges_custom") else (custom_values(raw) or {}) | changed
            key = "fieldValue" if self._v3 else "field_value"
            body["customFields"] = [{"id": i, key: resaid(value)} for i, value in values.items() if value is not None]
        return body

    def _fit_stage(self, raw: Mapping[str, Any], patch: Mapping[str, Native]) -> None:
        """Refuse a stage that is not of the pipeline which the deal will be in."""
        pipeline = patch.get("pipeline", raw.get("pipelineId"))
        scope, _, stage = str(patch.get("stage")).rpartition("/")
        if "stage" in patch and not (scope and stage):
            raise Permanent("bad_stage", "write <pipeline id>/<stage id>")
        if "stage" in patch and scope != pipeline:
            raise Transient("pipeline_moved", "the stage is of another pipeline than the opportunity")
        if "stage" not in patch and pipeline != raw.get("pipelineId"):
            raise Permanent("pipeline_without_stage", "add a choice for the stage in that pipeline")

    def _said(self, field: Field, value: Native) -> Any:
        if isinstance(field, Money | Percent):
            return number(field.name, value)
        text = self._text(field.name, value)
        if field.name == "status" and text not in STATUSES:
            raise Permanent("unknown_status", f"LeadConnector knows {', '.join(STATUSES)}")
        return text.rpartition("/")[2] if field.name == "stage" else text

    def _text(self, name: str, value: Native) -> str:
        if value in (None, "") and (name in NEVER_EMPTY or not self.option("clears")):
            raise Permanent("cannot_empty", name)
        return "" if value is None else str(value)

    def _status(self, raw: Mapping[str, Any], patch: Mapping[str, Native]) -> Body:
        """Return the body of the status call, {} when there is no lost reason to say; the status as just read."""
        if "lost_reason" not in patch:
            return {}
        status = patch.get("status", raw.get("status"))
        if status not in STATUSES:
            raise Permanent("unknown_status", f"LeadConnector knows {', '.join(STATUSES)}")
        return {"status": status, "lostReasonId": self._text("lost_reason", patch["lost_reason"])}

    def _put_status(self, ref: Ref, status: Body, *, begun: bool) -> None:
        try:
            answer = self._put(ref, "/status", status)
            if answer.get("success", answer.get("succeded")) is not True:
                raise odd("succeded")
        except Transient as error:
            error.in_doubt |= begun
            raise

    def _put(self, ref: Ref, call: str, body: Body) -> Body:
        answer = self._ask("PUT", _path(ref) + call, body=body)
        if answer is None:
            raise Transient("gone_meanwhile", "the opportunity was deleted after it was read")
        return answer

    def _ask(self, method: str, path: str, params: Mapping[str, str] | None = None, body: Any = None) -> Body | None:
        """Return the JSON object of the answer, or None when the vendor says that the opportunity is gone."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = self.http.call(method, path, params=params or {}, json=body, headers=headers)
        if not 200 <= answer.status < 300:
            if gone(answer):
                return None
            raise failure(answer, f"connections.{self.account.connection}", in_doubt=body is not None)
        found = an_object(answer.json())
        if found.get("success") is False or found.get("succeded") is False:
            raise Transient("said_failure", "a 2xx that says it did not succeed", in_doubt=body is not None)
        return found

    def _record(self, given: Any, how: Shown, asked: Ref | None = None) -> Record:
        deal = an_object(given)
        vendor_id = deal.get("id")
        if not isinstance(vendor_id, str) or not ID.fullmatch(vendor_id) or (asked and asked.vendor_id != vendor_id):
            raise odd("id")
        ref = Ref(self.account.connection, vendor_id)
        own = (field for field in self.fields if field.name not in self._custom)
        fields, stamp = shown(deal, own, how), moment_ms(deal, "updatedAt")
        if how == "row":
            return Record(ref, fields, stamp)
        custom, locked = shown_custom(deal, self._custom, how)
        return Record(ref, fields | custom, stamp, locked=locked, raw=deal)


def _path(ref: Ref) -> str:
    return f"/opportunities/{quote(ref.vendor_id, safe='')}"


def _is_own(inbound: Inbound) -> bool:
    """Tell whether it is a customer's workflow or a nudge, which `verify` has let in by the secret."""
    return "x-bridge-secret" in inbound.headers
