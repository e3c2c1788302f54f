"""ONLYOFFICE Workspace CRM (Community Server, API 2.0): every update replaces the whole deal, and nobody calls us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from bridge.connectors.base import Connector, Inbound, Option, Page, Traits, nudged, verify_nudge
from bridge.connectors.http import Answer, undoubted
from bridge.connectors.lists import Custom, Lists, optional
from bridge.connectors.onlyoffice.deal import (
    FIXED_BID,
    SAYS,
    Body,
    camel,
    inputs,
    instant,
    is_company,
    odd,
    rows_of,
    said,
    shown,
    typed,
)
from bridge.connectors.onlyoffice.lists import custom_fields, responsibles, stage_values, steps
from bridge.core.errors import BridgeError, Disconnected, Forged, Misconfigured, Permanent, Transient
from bridge.core.fields import Choice, Day, Field, Money, Party, Percent, Text
from bridge.core.model import Native, Record, Ref

API = "/api/2.0"
ROWS_MAX = 1000
PERIODS = {1: "hour", 2: "day", 3: "week", 4: "month", 5: "year"}


class Onlyoffice(Connector):
    """
    PUT resets what it does not carry and may publish a private deal, so it always carries all 17 inputs as just read.

    No webhooks and no time of change: the sweep (or a nudge) is the only hint. An absent number is zero, year 1 is no
    date. The account must be a CRM administrator: others miss private deals, which then look deleted.
    """

    vendor = "onlyoffice"
    secrets: ClassVar[Mapping[str, str]] = {
        "token": "the token that POST /api/2.0/authentication.json gives; lives as long as the portal's sessions",
        "email": "e-mail of a CRM administrator without two-factor login; with it the bridge logs in by itself",
        "password": "password of that account",
        "hook_secret": "a secret of your own for nudges (header X-Bridge-Secret); without it nobody can nudge",
    }
    optional_secrets = frozenset(secrets)
    options = (
        Option("notify", "send e-mail to the access list of a private deal on every update", "bool", False),
        Option("primary", "what the primary contact of a deal is: `contact` (a person) or `account`", "str", "contact"),
        Option(
            "stamp_close",
            "as the vendor's own pages do, date a deal now when the bridge closes it and nobody gave an actual close, "
            "and clear that date when it opens the deal again",
            "bool",
            False,
        ),
        Option(
            "page_rows", f"deals in one page of a sweep, up to {ROWS_MAX}; fewer when they are very long", "int", 250
        ),
    )
    calls_us = False
    traits = Traits(lag_s=2.0, scan_s=120.0, answer="stored")
    rate = (10, 1.0)

    _token = ""

    def headers(self) -> Mapping[str, str]:
        if not self.account.secrets.get("token") and not self._can_log_in():
            self.secret("token")
        return {"Accept": "application/json"}

    def table(self) -> tuple[Field, ...]:
        own = (
            Text("name", "title", limit=255, blank=False),
            Text("description", "description"),
            Money("amount", "bidValue", places=9),
            Choice("stage", "stageid", blank=False),
            Choice("status", "stageid", blank=False, via="stage"),
            Percent("probability", "successProbability"),
            Choice("owner", "responsibleid", blank=False),
            *(self._party(name) for name in ("contact", "account")),
            Day("expected_close", "expectedCloseDate"),
            Day("actual_close", "actualCloseDate"),
            *(
                Text(f"{name}_name", "contact.displayName", readonly="a deal only shows it: change it on the contact")
                for name in ("contact", "account")
            ),
        )
        return own + tuple(Text(f"custom.{name}", str(self._custom_id(name))) for name in self.account.custom)

    def _party(self, name: str) -> Party:
        if self.option("primary") not in ("contact", "account"):
            raise Misconfigured(self._where("primary"), "must be `contact` or `account`")
        other = f'a deal has one primary contact, used for the {self.option("primary")}: set primary = "{name}"'
        return Party(name, "contactid", readonly="" if name == self.option("primary") else other)

    def _custom_id(self, name: str) -> int:
        given = self.account.custom[name]
        if not _is_id(given):
            raise Misconfigured(self._where(f"custom.{name}"), "must be the number of the field", "see bridge check")
        return int(given)

    def _where(self, key: str) -> str:
        return f"connections.{self.account.connection}.{key}"

    def verify(self, inbound: Inbound) -> None:
        if not verify_nudge(inbound, self.account.secrets.get("hook_secret")):
            raise Forged("no_webhooks", "this vendor has none; only a nudge with X-Bridge-Secret is taken")

    def touched(self, inbound: Inbound) -> list[Ref]:
        given = nudged(inbound) or ""
        return [Ref(self.account.connection, given)] if _is_id(given) else []

    def read(self, ref: Ref) -> Record | None:
        deal = self._ask("GET", f"{_path(ref)}.json")
        return None if deal is None else self._record(deal, ref)

    def scan(self, cursor: str | None) -> Page:
        """
        Return a page in the order of ids; each begins with the last row of the page before, as deletions move rows.

        cursor: `<row>:<id of the last deal seen>`.
        """
        start, last = (int(part) for part in (cursor or "0:0").split(":"))
        rows_max = max(2, min(ROWS_MAX, self.option("page_rows")))
        query = {"count": rows_max, "startIndex": start, "sortBy": "id", "sortOrder": "ascending"}
        rows = self._ask("GET", "/crm/opportunity/filter.json", {k: str(v) for k, v in query.items()})
        records = [self._listed(row) for row in rows_of(rows)]
        ids = [int(record.ref.vendor_id) for record in records]
        if start and not any(seen <= last for seen in ids):  # rows before `start` were deleted: step back to find it
            return Page((), f"{max(0, start - rows_max // 2)}:{last}")
        if start and len(ids) >= rows_max and max(ids) <= last:
            raise odd("the order of the list")
        # nextIndex skips a row and total is cached: only a short page is the end (vendor document 2.2)
        return Page(records, f"{start + len(ids) - 1}:{max(ids)}" if len(ids) >= rows_max else None)

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        """
        Send one PUT with all 17 inputs, or the stage call where its side effects are wanted anyway.

        Custom fields alone go one by one; so do emptied ones, after the PUT, which cannot empty them.
        """
        if strange := sorted(patch.keys() - {field.name for field in self.fields if not field.readonly}):
            raise Permanent("not_writable", ", ".join(strange))
        if locked := sorted(patch.keys() & seen.locked.keys()):
            raise Permanent("locked", seen.locked[locked[0]])
        custom = {self._custom_id(name[7:]): str(patch[name] or "") for name in patch if name.startswith("custom.")}
        own = {name: patch[name] for name in patch if not name.startswith("custom.")}
        if not own:
            self._write_custom(seen.ref, custom, begun=False)
            return None
        after = self._write_own(seen, own, {key: value for key, value in custom.items() if value})
        emptied = {key: "" for key, value in custom.items() if not value}
        self._write_custom(seen.ref, emptied, begun=True)
        late = {f"custom.{name}" for name in self.account.custom if self._custom_id(name) in emptied}
        return replace(after, fields={name: after.fields[name] for name in after.fields if name not in late})

    def resends(self, patch: Mapping[str, Native]) -> frozenset[str]:
        if all(name.startswith("custom.") for name in patch):
            return frozenset()
        sent = {field.name for field in self.fields if field.name in SAYS or field.name.startswith("custom.")}
        return frozenset(sent - patch.keys())

    def check(self) -> list[str]:
        me, _ = self._first_calls()
        remarks = []
        if not isinstance(me, dict) or me.get("isAdmin") is not True:
            remarks.append("not a portal administrator: it must administer the CRM, or private deals look deleted")
        if self.account.custom:
            self._check_custom()
        if self.account.currency:
            self._check_currency()
        return remarks

    def _first_calls(self) -> tuple[Any, list[Body]]:
        try:
            return self._ask("GET", "/people/@self.json"), self._stages()
        except Permanent as error:
            raise Misconfigured(self._where("token"), "the account may not use the CRM module") from error
        except Transient as error:
            if error.reason != "unexpected_answer":
                raise
            raise Misconfigured(
                self._where("base_url"),
                "no Workspace portal answers there",
                "write only https:// and the portal's host",
            ) from error

    def lists(self) -> Lists:
        offered, unread = list(stage_values(self._first_calls()[1])), list[str]()
        with optional(unread, "users"):
            offered += responsibles(rows_of(self._ask("GET", "/people.json")))
        with optional(unread, "custom fields"):
            return Lists(offered, self._customs(), unread)
        return Lists(offered, unread=unread)

    def steps(self, address: str) -> list[str]:
        return steps(address, self.hook_value())

    def _customs(self) -> list[Custom]:
        return custom_fields(rows_of(self._ask("GET", "/crm/opportunity/customfield/definitions.json")))

    def _check_custom(self) -> None:
        known = {one.native: one for one in self._customs()}
        for name in self.account.custom:
            if str(self._custom_id(name)) not in known:
                cure = "known: " + ", ".join(f"{one.native} {one.label}" for one in known.values())
                raise Misconfigured(self._where(f"custom.{name}"), "the portal has no such deal field", cure)

    def _check_currency(self) -> None:
        known = {row.get("abbreviation") for row in rows_of(self._ask("GET", "/crm/settings/currency.json"))}
        if self.account.currency not in known:
            raise Misconfigured(self._where("currency"), f"the portal does not know {self.account.currency}")

    def _write_own(self, seen: Record, patch: Mapping[str, Native], custom: dict[int, str]) -> Record:
        body = said(seen.raw, patch, custom) | {"isNotify": self.option("notify")}
        if body["responsibleid"] != seen.raw["responsibleid"]:
            self._meet(body["responsibleid"])
        path, call = f"{_path(seen.ref)}.json", body
        if body["stageid"] != seen.raw["stageid"]:
            stages = {stage.get("id"): stage for stage in self._stages()}
            if body["stageid"] not in stages:
                raise Permanent("unknown_stage", "the portal has no stage with the id that the choice names")
            was, to = stages.get(seen.raw["stageid"], {}), stages[body["stageid"]]
            stamps = self.option("stamp_close") and "actual_close" not in patch
            call = self._dated(body, was, to) if stamps else body
            alone = patch.keys() <= {"stage", "status", "probability"} and not custom
            if alone and _stage_call_suffices(call, body, to):
                path, call = f"{_path(seen.ref)}/stage/{body['stageid']}.json", {"stageid": body["stageid"]}
        deal = self._ask("PUT", path, body=call)
        if deal is None:
            raise Transient("gone_meanwhile", "the deal is no longer visible, or no longer ours to edit")
        return self._record(deal, seen.ref)

    def _dated(self, body: Body, was: Body, to: Body) -> Body:
        """Return the inputs with the actual close that the vendor's own pages set on such a move."""
        if _is_closed(to) and not body["actualCloseDate"]:
            return {**body, "actualCloseDate": instant(datetime.fromtimestamp(int(self.http.now_s()), UTC))}
        return {**body, "actualCloseDate": None} if _is_closed(was) and not _is_closed(to) else body

    def _meet(self, guid: str) -> None:
        """Refuse a user that does not exist: a PUT stores any id, and the deal is then nobody's (document 3.2)."""
        user = self._looked_up(f"/people/{guid}.json")
        if not isinstance(user, dict) or str(user.get("id")).lower() != guid:
            raise Permanent("unknown_owner", "the portal has no user with the id that the choice names")

    def _write_custom(self, ref: Ref, values: Mapping[int, str], *, begun: bool) -> None:
        for key, value in values.items():
            try:
                if self._ask("POST", f"{_path(ref)}/customfield/{key}.json", body={"fieldValue": value}) is None:
                    raise Permanent("unknown_custom_field", f"the portal has no deal field {key}")
            except Transient as error:
                error.in_doubt |= begun
                raise
            begun = True

    def _stages(self) -> list[Body]:
        return rows_of(self._looked_up("/crm/opportunity/stage.json"))

    def _listed(self, row: Body) -> Record:
        """Return a row of the list; one that is not as documented shows only its id, so that the sweep goes on."""
        ref = Ref(self.account.connection, str(row.get("id")))
        if not _is_id(ref.vendor_id):
            raise odd("id")
        try:
            return self._record(row, ref)
        except Transient:
            return Record(ref, {})

    def _record(self, deal: Any, ref: Ref) -> Record:
        if not isinstance(deal, dict) or str(deal.get("id")) != ref.vendor_id:
            raise odd("id")
        raw = inputs(deal)
        fields = shown(deal, raw) | self._shown_custom(deal, raw)
        return Record(ref, fields, locked=self._locked(deal, raw), raw=raw)

    def _shown_custom(self, deal: Body, raw: Body) -> dict[str, Native]:
        """Empty values are left out of the list, so a missing one is None; without the list nothing is known."""
        values = {item["key"]: item["value"] for item in raw["customFieldList"]}
        known = self.account.custom if deal.get("customFields") is not None else ()
        return {f"custom.{name}": values.get(self._custom_id(name)) for name in known}

    def _locked(self, deal: Body, raw: Body) -> dict[str, str]:
        locked = {}
        if raw["bidType"] != FIXED_BID:
            period = PERIODS.get(raw["bidType"], "period")
            locked["amount"] = f"this deal is paid by the {period}: change its price and periods in ONLYOFFICE"
        primary = self.option("primary")
        if raw["contactid"] and is_company(deal) != (primary == "account"):
            locked[primary] = f"the primary contact of this deal is no {primary}: change it in ONLYOFFICE"
        whole = "" if deal.get("canEdit") is not False else "the bridge's account may not edit this deal"
        if raw["isPrivate"] and not raw["accessList"]:
            whole = "private without an access list: any update would publish it"  # vendor document 3.3, accessList
        return {field.name: whole for field in self.fields} if whole else locked

    def _looked_up(self, path: str) -> Any:
        """Return what a write needs to know first; when that fails, nothing can have been applied."""
        with undoubted():
            return self._ask("GET", path)

    def _ask(self, method: str, path: str, params: Mapping[str, str] | None = None, body: Body | None = None) -> Any:
        """Return the `response` of the answer's envelope, or None when the vendor itself says 404."""
        answer = self._call(method, path, params or {}, body)
        if answer.status in (200, 201):
            envelope = camel(answer.json())
            if not isinstance(envelope, dict) or envelope.get("status") != 0 or envelope.get("response") is None:
                raise odd("the envelope")
            return envelope["response"]
        if answer.status == 404 and answer.body.lstrip().startswith(b"{"):
            return None
        raise _failure(answer)

    def _call(self, method: str, path: str, params: Mapping[str, str], body: Body | None) -> Answer:
        token = self._token or self.account.secrets.get("token") or self._log_in()
        answer = self._send(method, path, params, body, token)
        if answer.status == 401 and self._can_log_in():
            answer = self._send(method, path, params, body, self._log_in(token))
        if answer.status == 401:
            raise Disconnected("unauthorized", "the token is no longer valid: log in anew and set it")
        return answer

    def _send(self, method: str, path: str, params: Mapping[str, str], body: Body | None, token: str) -> Answer:
        headers = {"Authorization": token} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self.http.call(method, API + path, params=params, json=body, headers=headers)

    def _can_log_in(self) -> bool:
        return bool(self.account.secrets.get("email") and self.account.secrets.get("password"))

    def _log_in(self, refused: str = "") -> str:
        """Return a new token; each login shows in the user's active connections, so it is kept until it is refused."""
        if self._token and self._token != refused:
            return self._token
        body = {"userName": self.secret("email"), "password": self.secret("password")}
        with undoubted():
            answer = self._send("POST", "/authentication.json", {}, body, "")
        if answer.status in (400, 401, 403, 500):  # 500 is a wrong password here; five of them lock the account
            raise Disconnected("login_refused", "wrong e-mail or password, or too many tries")
        if answer.status != 201:
            raise _failure(answer)
        envelope = camel(answer.json())
        given = envelope.get("response") if isinstance(envelope, dict) else None
        token = given.get("token") if isinstance(given, dict) else None
        if not isinstance(token, str) or not token:
            raise Disconnected("two_factor", "the login gave no token: use an account without two-factor login")
        self._token = token
        return token


def _is_closed(stage: Body) -> bool:
    return bool(typed(stage, "stageType", int, 0))


def _stage_call_suffices(said: Body, before: Body, to: Body) -> bool:
    """
    Tell whether the stage call does just what `said` says.

    It also sets the stage's probability, and the actual close: now in a closed stage, none in an open one.
    """
    if said["successProbability"] != typed(to, "successProbability", int, 0):
        return False
    return said is not before if _is_closed(to) else not said["actualCloseDate"]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and text[0] != "0"


def _path(ref: Ref) -> str:
    """Return the path of a deal; a PUT whose id got lost would be the vendor's bulk delete."""
    if ref.kind != "opportunity" or not _is_id(ref.vendor_id):
        raise Permanent("bad_id", "not the number of a deal")
    return f"/crm/opportunity/{ref.vendor_id}"


def _failure(answer: Answer) -> BridgeError:
    """Return the error for a status; the vendor's message is localised and may hold values, so it is left out."""
    status = answer.status
    if status == 400:
        return Permanent("refused", "HTTP 400: a value does not fit: currency, contact, stage or date")
    if status == 402:
        return Disconnected("portal_unpaid", "HTTP 402")
    if status == 403:
        return Permanent("forbidden", "HTTP 403: the account may not do this, or not see the contact")
    if status >= 500:
        return Transient("server_error", f"HTTP {status}", in_doubt=True)
    return Transient("unexpected_answer", f"HTTP {status}", in_doubt=True)
