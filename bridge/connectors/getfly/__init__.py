"""GetFly CRM (API v6.1): writes speak in codes and user names, answers in numbers, webhooks in either."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.connectors.base import Account, Connector, Inbound, Option, Page, Traits, verify_nudge
from bridge.connectors.getfly.api import ROWS_MAX, Api
from bridge.connectors.getfly.deal import (
    NationalPhone,
    Row,
    bare,
    id_of,
    in_doubt,
    number,
    odd,
    shown,
    stage_said,
    text,
)
from bridge.connectors.getfly.hook import NUMBERED, envelopes, said, touched_id
from bridge.connectors.getfly.lists import CAMPAIGNS, handlers, pipelines, steps
from bridge.connectors.lists import Lists
from bridge.core.errors import Forged, Misconfigured, Permanent, Transient
from bridge.core.fields import Choice, Day, Email, Field, Money, Party, Percent, Text
from bridge.core.model import Native, Record, Ref
from bridge.core.signature import same_secret

READ = (
    "id", "opportunity_code", "opportunity_name", "probability", "opportunity_status", "recipient",
    "account_id", "account_name", "phone_office", "account_email", "campaign_id",
)  # fmt: skip
EXTRA = ("amount", "description", "est_finish_date", "account_code")  # in no documented read; some accounts serve them
KNOWN_MAX = 50
STAGE = {"stage", "status"}
TEXTS = (
    "account_name", "account_phone", "account_email", "contact_name", "contact_email", "contact_phone", "description",
)  # fmt: skip
UNREADABLE = ("description", "contact_name", "contact_email", "contact_phone")
NOT_TAKEN = "the documented update (API v6.1) does not take it: change it in GetFly"


class Getfly(Connector):
    """
    PUT re-sends campaign, customer and handler, which are writes too: all are looked up anew just before it.

    No time of change and no webhook for a deletion. Which fields a read shows differs by account: amount, description
    and expected close are asked for once, and counted only where they come back.
    """

    vendor = "getfly"
    secrets: ClassVar[Mapping[str, str]] = {
        "api_key": "Settings, Integrations, other software: Getfly API Key",
        "hook_secret": "the secret key that you give at Settings, Getfly Webhook; also for nudges (X-Bridge-Secret)",
    }
    optional_secrets = frozenset({"hook_secret"})
    options = (
        Option("campaigns", "campaign codes to sweep; none: all campaigns", "list", []),
        Option(
            "write_unread",
            "fields to write although reads do not show them, so that a write may undo an edit nobody saw; of: "
            + ", ".join(UNREADABLE),
            "list",
            [],
        ),
        Option("country_code", 'country of phone numbers that begin with 0; "" leaves them as they are', "str", "84"),
        Option(
            "move_account",
            "let a write move a deal to another customer; not documented, and an account that only renames the "
            "customer instead would damage it: try it on a test deal first",
            "bool",
            False,
        ),
    )
    traits = Traits(lag_s=10.0, scan_s=900.0, answer="unknown")
    rate = (2, 1.0)
    hosts = (".getflycrm.com",)

    def __init__(self, account: Account, **edges: Any) -> None:
        self._served: frozenset[str] | None = None  # None: not asked yet
        try:
            self._zone = ZoneInfo(account.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            where = f"connections.{account.connection}.zone"
            raise Misconfigured(where, "no such time zone", 'write "Asia/Ho_Chi_Minh"') from error
        super().__init__(account, **edges)
        self.api = Api(self.http)

    def headers(self) -> Mapping[str, str]:
        return {"X-API-KEY": self.secret("api_key")}

    def table(self) -> tuple[Field, ...]:
        if strange := set(self.option("write_unread")) - set(UNREADABLE):
            raise Misconfigured(self._where("write_unread"), f"not of {UNREADABLE}: {sorted(strange)}")
        country = self.option("country_code")
        if country and not (country.isascii() and country.isdigit()):
            raise Misconfigured(self._where("country_code"), "must be digits", 'write country_code = "84"')
        description = Text("description", "description")
        seldom = "this account's reads do not show it"
        may_show = dict.fromkeys(EXTRA if self._served is None else self._served, "")  # until asked, they may well come
        only_stage = "moving a deal to another campaign is not documented: do it in GetFly"
        move = "" if self.option("move_account") else "moving a deal to another customer: see the option move_account"
        own = (
            Text("name", "opportunity_name", readonly="GetFly builds it from the names of contact and customer"),
            description if "description" in (self._served or ()) else self._unread(description, seldom),
            Money(
                "amount",
                "amount",
                currency=self.account.currency or "VND",
                readonly=NOT_TAKEN,
                unread=may_show.get("amount", seldom),
            ),
            Choice("stage", "opportunity_status", scope="pipeline", blank=False),
            Choice("status", "opportunity_status", scope="pipeline", blank=False, via="stage"),
            Percent("probability", "probability", readonly=NOT_TAKEN),
            Choice("owner", "recipient_username", blank=False),
            Party("account", "account_code", blank=False, readonly=move),
            Choice("pipeline", "campaign_id", readonly=only_stage),
            Day(
                "expected_close", "est_finish_date", readonly=NOT_TAKEN, unread=may_show.get("est_finish_date", seldom)
            ),
            Text("account_name", "account_name", blank=False),
            Email("account_email", "account_email"),
            NationalPhone("account_phone", "account_phone", country=country),
        )
        never = "no read of a deal shows it"
        people = (
            Text("contact_name", "contact_name", blank=False),
            Email("contact_email", "contact_email"),
            NationalPhone("contact_phone", "contact_phone", country=country),
        )
        custom = (
            Text(f"custom.{name}", key, readonly=NOT_TAKEN, unread=never) for name, key in self.account.custom.items()
        )
        return (*own, *(self._unread(field, never) for field in people), *custom)

    def _unread(self, field: Field, why: str) -> Field:
        allowed = field.name in self.option("write_unread")
        cure = f'{why}, so a write may undo an edit nobody saw; to allow it, add "{field.name}" to write_unread'
        return replace(field, unread=why, readonly="" if allowed else cure)

    def _where(self, key: str) -> str:
        return f"connections.{self.account.connection}.{key}"

    def verify(self, inbound: Inbound) -> None:
        secret = self.account.secrets.get("hook_secret")
        if verify_nudge(inbound, secret):
            return
        if not secret:
            raise Forged("no_secret", "hook_secret is not set, so nothing proves that a webhook is GetFly's")
        if not any([same_secret(said(envelope, "secret_key"), secret) for envelope in envelopes(inbound)]):
            raise Forged("wrong_secret")

    def touched(self, inbound: Inbound) -> list[Ref]:
        """Return the ref by the deal's code, else by `id:<number>`; a customer's id alone names no deal."""
        given = touched_id(inbound)
        return [Ref(self.account.connection, given)] if given else []

    def delivery_id(self, inbound: Inbound) -> str | None:
        return next((uid for envelope in envelopes(inbound) if (uid := said(envelope, "uid"))), None)

    def read(self, ref: Ref) -> Record | None:
        """
        Return the record under its code, also where the ref names it as `id:<number>`.

        The first read asks for the undocumented fields too and may change `fields`: see `_detail`.
        """
        code = self._code_of(ref)
        row = self._detail(code) if code else None
        return None if row is None else self._record(row, look_up=True)

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        """Send the stage call where only the stage changes, else one PUT, and the stage call after it if need be."""
        readonly = {field.name for field in self.fields if field.readonly}
        known = {field.name for field in self.fields}
        if refused := sorted(name for name in patch if name in readonly or name not in known):
            raise Permanent("not_writable", ", ".join(refused))
        stage = stage_said(patch, seen.raw["campaign_id"])
        if patch.keys() <= STAGE:
            return None if stage is None else self._answered(seen, self._put_stage(seen, stage))
        with in_doubt(False):
            body = self._body(seen, patch, stage)
        after = self._put("/opportunity", body, seen)
        if "account" in patch and self.api.codes.get(number(after, "account_id") or 0) != patch["account"]:
            raise Permanent("account_not_moved", "GetFly left the deal with its customer: set move_account = false")
        if stage is not None and number(after, "opportunity_status") != stage:
            with in_doubt(True):  # the older update page knows no stage (vendor document 2.4)
                after = after | self._put_stage(seen, stage)
        return self._answered(seen, after)

    def resends(self, patch: Mapping[str, Native]) -> frozenset[str]:
        if patch.keys() <= STAGE:
            return frozenset()
        return frozenset({"account", "account_name", "owner", "pipeline"} - patch.keys())

    def scan(self, cursor: str | None) -> Page:
        """
        Return a page in the order of ids; each begins with the last row of the page before, as deletions move rows.

        cursor: JSON of campaign code ("" is all), row, and id of the last deal seen.
        """
        campaigns = self.option("campaigns") or [""]
        campaign, start, last = json.loads(cursor) if cursor else (campaigns[0], 0, 0)
        if campaign not in campaigns:
            campaign, start, last = campaigns[0], 0, 0
        query = {"sort": "id", "direction": "asc", "offset": str(start)}
        if campaign:
            query["filtering[campaign_code]"] = campaign
        rows, more = self._listed(query)
        ids = [id_of(row) for row in rows]
        if start and not any(seen <= last for seen in ids):  # rows before `start` were deleted: step back to find it
            return Page((), json.dumps([campaign, max(0, start - ROWS_MAX // 2), last]))
        records = [self._record(row, look_up=False) for row in rows if row.get("opportunity_code")]
        if more:
            if len(rows) < 2:
                raise odd("a page that is not the last")
            return Page(records, json.dumps([campaign, start + len(rows) - 1, max(ids)]))
        rest = campaigns[campaigns.index(campaign) + 1 :]
        return Page(records, json.dumps([rest[0], 0, 0]) if rest else None)

    def _listed(self, query: Mapping[str, str]) -> tuple[list[Row], bool]:
        """Return a page with all that the read of a deal shows, else an edit of the rest would need its webhook."""
        if self._served is None:
            self._probe()
        extra = [key for key in EXTRA if key in (self._served or ())]
        try:
            return self.api.page("/opportunities", {**query, "fields": ",".join((*READ, *extra))})
        except Permanent as error:
            if error.reason != "refused" or not extra:
                raise
        return self.api.page("/opportunities", {**query, "fields": ",".join(READ)})

    def check(self) -> list[str]:
        try:
            campaigns = list(self.api.rows("/campaigns", CAMPAIGNS))
        except (Permanent, Transient) as error:
            if error.reason not in ("no_route", "not_json", "unexpected_answer"):
                raise
            cure = "write https://<your company>.getflycrm.com"
            raise Misconfigured(self._where("base_url"), "no GetFly API v6.1 answers there", cure) from error
        known = [text(row, "campaign_code") or "" for row in campaigns]
        if missing := [code for code in self.option("campaigns") if code not in known]:
            cure = "known: " + ", ".join(known[:KNOWN_MAX])
            raise Misconfigured(self._where("campaigns"), f"no such campaign: {missing}", cure)
        remarks = [self._probe()]
        if not self.account.secrets.get("hook_secret"):
            remarks.append("no hook_secret: webhooks and nudges are refused, only the sweep finds changes")
        return remarks

    def lists(self) -> Lists:
        offered = [*pipelines(self.api.rows("/campaigns", CAMPAIGNS)), *handlers(self.api.users())]
        return Lists(self.with_status(offered), unread=["custom fields: no documented read of a deal shows them"])

    def steps(self, address: str) -> list[str]:
        return steps(address, self.hook_value())

    def _probe(self) -> str:
        rows, _ = self.api.page("/opportunities", {"fields": "id,opportunity_code", "limit": "1"})
        code = text(rows[0], "opportunity_code") if rows else None
        self._served = None
        if not code or self._detail(code) is None or self._served is None:
            return "no deal to try: the first read will show whether amount, description and expected close come back"
        served = sorted(self._served)
        return "reads show beyond the documented fields: " + (", ".join(served) if served else "nothing")

    def _code_of(self, ref: Ref) -> str | None:
        """Return the code of a deal, found by its number where the ref has only that; None when there is no such."""
        if ref.kind != "opportunity" or not ref.vendor_id:
            raise Permanent("bad_id", "not the code of a deal")
        if not ref.vendor_id.startswith(NUMBERED):
            return ref.vendor_id
        given = ref.vendor_id.removeprefix(NUMBERED)
        query = {"fields": "id,opportunity_code", "filtering[id]": given, "limit": "1"}
        rows, _ = self.api.page("/opportunities", query)
        for row in rows:
            if str(number(row, "id")) == given:
                return text(row, "opportunity_code")
        if rows:
            raise Permanent("filter_ignored", "this account's list does not find a deal by its number")
        return None

    def _detail(self, code: str) -> Row | None:
        """Return the row of one deal. The first time, learn which of EXTRA this account serves, and adapt `fields`."""
        served = self._served
        extra = EXTRA if served is None else tuple(key for key in EXTRA if key in served)
        query = {"opportunity_code": code, "fields": ",".join((*READ, *extra))}
        try:
            body = self.api.ask("GET", "/opportunity", query)
        except Permanent as error:
            if error.reason != "refused" or not extra:
                raise
            body, extra = self.api.ask("GET", "/opportunity", {**query, "fields": ",".join(READ)}), ()
        if body is None:
            return None
        row = bare(body)
        if text(row, "opportunity_code") != code:
            raise odd("opportunity_code")
        if served is None or (served and not extra):
            self._served = frozenset(key for key in extra if key in row)
            self.fields = self.table()
        return row

    def _record(self, row: Row, *, look_up: bool) -> Record:
        """look_up: ask for the customer's code where it is not known yet; a code does not change."""
        fields = shown(row, self._served or (), self._zone)
        account = number(row, "account_id")
        if not account:
            fields |= {"account": None} if "account_id" in row else {}
        elif "account" not in fields:
            if look_up and account not in self.api.codes:
                with suppress(Permanent):  # a key that may not see customers still sees deals
                    self.api.account(account)
            if account in self.api.codes:
                fields["account"] = self.api.codes[account]
        code = text(row, "opportunity_code") or ""
        raw = {key: number(row, key) for key in ("id", "campaign_id", "account_id", "recipient")}
        return Record(Ref(self.account.connection, code), fields, aliases=(f"{NUMBERED}{id_of(row)}",), raw=raw)

    def _answered(self, seen: Record, after: Row) -> Record:
        """Return what the answer to a write shows; it repeats neither the campaign's nor the deal's code for sure."""
        code = seen.ref.vendor_id
        return self._record({"campaign_id": seen.raw["campaign_id"], **after, "opportunity_code": code}, look_up=False)

    def _body(self, seen: Record, patch: Mapping[str, Native], stage: int | None) -> Row:
        """Return the superset of what both versions of the update page demand, the customer read last, and changes."""
        body: Row = {
            "current_opportunity_code": seen.ref.vendor_id,
            "campaign_code": self.api.campaign_code(seen.raw["campaign_id"]),
            "recipient_username": self.api.user_name(patch.get("owner", seen.raw["recipient"])),
        }
        customer = self._customer(seen, patch)
        body |= {key: text(customer, key) for key in ("account_code", "account_name")}
        body |= {name: str(patch[name] or "") for name in TEXTS if name in patch}
        if stage is not None:
            body["opportunity_status"] = stage
        if empty := [key for key in ("account_code", "account_name") if not body[key]]:
            raise Permanent("deal_incomplete", f"every update names the customer: {', '.join(empty)} is empty")
        return body

    def _customer(self, seen: Record, patch: Mapping[str, Native]) -> Row:
        """Return the customer that the update names, as it is now; raises Permanent when there is none."""
        if "account" in patch:
            return self.api.account_by_code(str(patch["account"] or ""))
        row = self.api.account(seen.raw["account_id"]) if seen.raw["account_id"] else None
        if row is None:
            raise Permanent("deal_incomplete", "the deal has no customer, and every update must name one")
        return row

    def _put_stage(self, seen: Record, stage: int) -> Row:
        body = {"campaign_id": seen.raw["campaign_id"], "opportunity_status": stage}
        after = self._put("/opportunity/stage", {"opportunity_code": seen.ref.vendor_id, **body}, seen)
        if number(after, "opportunity_status") not in (stage, None):
            raise Permanent("stage_not_taken", "GetFly answered with another stage than the one sent")
        return after

    def _put(self, path: str, body: Row, seen: Record) -> Row:
        answer = self.api.ask("PUT", path, body=body)
        if answer is None:
            raise Permanent("not_found", "GetFly no longer knows the deal, its customer or its campaign")
        after = answer.get("data")
        if not isinstance(after, dict) or id_of(after) != seen.raw["id"]:
            raise odd("the answer to a write")
        return after
