"""Plazbot, the CRM side of a WhatsApp platform. Sources of the facts: docs/vendors/plazbot.md, by section."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from bridge.connectors.base import Connector, Inbound, Option, Page, Traits, nudged, verify_nudge
from bridge.connectors.http import Answer, undoubted
from bridge.connectors.lists import Listed, Lists
from bridge.connectors.plazbot.answer import (
    custom_of,
    custom_shown,
    is_deleted,
    judged,
    label_of,
    objects,
    overlaid,
    said,
    segment,
    shown,
    surprise,
    unwrapped,
    verdict,
    within,
)
from bridge.connectors.plazbot.lists import agents, custom_fields, phases, steps
from bridge.core.errors import Disconnected, Forged, Misconfigured, Permanent, Transient, Unsayable
from bridge.core.fields import Choice, Day, Field, Money, Party, Text, Words
from bridge.core.model import Canonical, Native, Record, Ref

OPPORTUNITY = "/api/opportunity"
USERS = "/api/workspace/usersByWorkspaceId"

# what the older dialect takes, one field a call, and what only it takes (2.4)
OLDER_TAKES = frozenset({"name", "description", "amount", "stageId", "assignedAgentId", "expirationDate"})
OLDER_ONLY = frozenset({"assignedAgentId", "expirationDate"})
OLDER_OFF = "only Plazbot's older one-field call may take it: set older_dialect = true to try"


@dataclass(frozen=True)
class Expiry(Day):
    """
    A day that the vendor keeps as a time; midnight, the form in which it is said, is the day in every zone.

    No way to empty it is documented: null is for stage and contact only (6).
    """

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        if c is None:
            raise Unsayable(f"{self.name} cannot be emptied here", f"empty {self.name} by hand, or give it a day")
        return str(c)


class Plazbot(Connector):
    """
    Two dialects of one update call exist: the plain partial body is tried, the answer shows whether it was taken, and
    what was not goes again one field a call, as the older pages say. Only those know the owner and the expiry.
    No webhooks and no time of change that can be trusted: the sweep (or a nudge) is the only hint.
    """

    vendor = "plazbot"
    secrets: ClassVar[Mapping[str, str]] = {
        "api_key": "API key: Settings, Developer; it is valid for all workspaces of the account",
        "email": "e-mail of a user; with it and without api_key the bridge logs in by itself",
        "password": "password of that user",
        "hook_secret": "a secret of your own for nudges (header X-Bridge-Secret); without it nobody can nudge",
    }
    optional_secrets = frozenset(secrets)
    options = (
        Option("workspace_id", "id of the workspace: Account, General", required=True),
        Option(
            "older_dialect",
            "write owner and expected_close by the older one-field call; not established that it still works: "
            "an answer that does not show the value is an error",
            "bool",
            True,
        ),
    )
    calls_us = False
    traits = Traits(lag_s=10.0, scan_s=300.0)
    rate = (2, 1.0)  # no limit is documented (5)
    hosts = (".plazbot.com",)

    _older = False
    _login: tuple[str, float] = ("", 0.0)  # token, and the epoch second after which to log in again

    def headers(self) -> Mapping[str, str]:
        if not self.option("workspace_id"):
            raise Misconfigured(self._where("workspace_id"), "missing", "copy it from Account, General")
        common = {"x-workspace-id": str(self.option("workspace_id"))}
        if self._logs_in():
            return common
        return {**common, "Authorization": f"Bearer {self.secret('api_key')}"}

    def table(self) -> tuple[Field, ...]:
        zone, older = self._zone(), "" if self.option("older_dialect") else OLDER_OFF
        return (
            Text("name", "name", blank=False),
            Text("description", "description"),
            Money("amount", "amount", currency=self._currency()),
            Choice("stage", "stageId"),
            Choice("status", "stageId", via="stage"),
            Choice("owner", "assignedAgentId", blank=False, readonly=older),
            Party("contact", "contactId"),
            Expiry("expected_close", "expirationDate", readonly=older, zone=zone),
            Expiry("actual_close", "winLossDate", readonly="Plazbot dates won and lost deals by itself", zone=zone),
            *(Text(f"custom.{name}", label) for name, label in self.account.custom.items()),
        )

    def verify(self, inbound: Inbound) -> None:
        if not verify_nudge(inbound, self.account.secrets.get("hook_secret")):
            raise Forged("no_webhooks", "this vendor has none; only a nudge with X-Bridge-Secret is taken")

    def touched(self, inbound: Inbound) -> list[Ref]:
        given = nudged(inbound)
        return [self._ref(given)] if given else []

    def read(self, ref: Ref) -> Record | None:
        try:
            row = unwrapped(self._ask(f"{OPPORTUNITY}/{segment(ref.vendor_id)}", self._tenant()))
        except Permanent as error:
            if error.reason == "not_found":
                return None
            raise
        return None if row is None or is_deleted(row) else self._record(row, ref)

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        """
        Send one PUT with all that the current dialect knows, then one for each field that was not taken or is older's.

        The fields do not depend on one another, so a failure half-way leaves a legal record.
        """
        wanted = self._wanted(seen, patch)
        older = {name for name in wanted if self._is_in(name, OLDER_TAKES if self._older else OLDER_ONLY)}
        whole = {name: value for name, value in wanted.items() if name not in older}
        after = self._put(seen.ref, self._body(seen, whole)) if whole else None
        left = [name for name in wanted if name in older or not self._taken(name, wanted[name], seen, after)]
        lost = []
        for name in left:
            if self._is_in(name, OLDER_TAKES):
                after = self._put(seen.ref, self._one(name, wanted[name]), begun=after is not None)
                if self._taken(name, wanted[name], seen, after):
                    continue
            lost.append(name)
        self._learn(set(whole), set(left), set(lost))
        if lost:
            raise Permanent("not_taken", f"the answer does not show the new {', '.join(lost)}")
        return after

    def resends(self, patch: Mapping[str, Native]) -> frozenset[str]:
        custom = frozenset(f"custom.{name}" for name in self.account.custom)
        return custom - patch.keys() if custom & patch.keys() else frozenset()

    def scan(self, cursor: str | None) -> Page:
        """
        Return a page of 20 rows in the vendor's order, which is not documented.

        cursor: JSON of the number of pages read, the vendor's token, and an earlier token, moved on at each power of
        two: a list that runs in a circle comes back to one of them.
        """
        pages, token, mark = json.loads(cursor) if cursor else (0, "", "")
        rows, following = self._list(token)
        records = [self._listed(row) for row in rows if not is_deleted(row)]
        if not following or following in (token, mark):
            return Page(records, None)
        pages += 1
        return Page(records, json.dumps([pages, following, mark if pages & (pages - 1) else following]))

    def check(self) -> list[str]:
        try:
            self._stages()
            rows = self._list("")[0]
        except Transient as error:
            if error.reason not in ("unexpected_answer", "not_json"):
                raise
            cure = "write https://api.plazbot.com, or https://apieu.plazbot.com in Europe"
            raise Misconfigured(self._where("base_url"), "no Plazbot API answers there", cure) from error
        remarks = []
        labels = {one.native for one in custom_fields(rows)}
        for name, label in self.account.custom.items():
            if label not in labels:
                remarks.append(f"custom.{name}: no field {label!r} on the first {len(rows)} deals; check its spelling")
        if self.option("older_dialect"):
            remarks.append("owner and expected_close go by the older dialect, which may no longer work")
        return remarks

    def lists(self) -> Lists:
        offered, unread = self.with_status(phases(self._stages())), list[str]()
        offered += self._users(unread)
        rows = self._list("")[0]
        unread.append(f"no list of custom fields is documented: those of {len(rows)} deals are told")
        return Lists(offered, custom_fields(rows), unread)

    def steps(self, address: str) -> list[str]:
        return steps(address, self.hook_value())

    # Settings

    def _where(self, key: str) -> str:
        return f"connections.{self.account.connection}.{key}"

    def _currency(self) -> str:
        if not self.account.currency:
            cure = 'Plazbot keeps numbers only: write currency = "USD" or what the deals are in'
            raise Misconfigured(self._where("currency"), "missing", cure)
        return self.account.currency

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.account.zone)
        except (KeyError, ValueError, OSError):
            raise Misconfigured(self._where("zone"), "no such zone", 'write it as in "America/Lima"') from None

    def _tenant(self) -> dict[str, str]:
        return {"workspaceId": str(self.option("workspace_id"))}

    # Calls

    def _ask(self, path: str, params: Mapping[str, str]) -> Any:
        return judged(self._call("GET", path, params))

    def _put(self, ref: Ref, body: Mapping[str, Any], *, begun: bool = False) -> Record | None:
        """Return the record of the answer, or None when the vendor asks for the older dialect."""
        segment(ref.vendor_id)
        try:
            answer = self._call("PUT", OPPORTUNITY, {"id": ref.vendor_id, **self._tenant()}, body)
            if "paramToUpdate" not in body and b"paramtoupdate" in answer.body.lower() and verdict(answer)[0] == 400:
                return None
            row = unwrapped(judged(answer, writing=True))
            record = None if row is None else self._record(row, ref)
            if record is None or not record.fields:
                raise surprise("an update without the record")
            return record
        except Transient as error:
            error.in_doubt |= begun
            raise

    def _call(self, method: str, path: str, params: Mapping[str, str], body: Mapping[str, Any] | None = None) -> Answer:
        if not self._logs_in():
            return self._send(method, path, params, body, {})
        token = self._token()
        answer = self._send(method, path, params, body, {"Authorization": f"Bearer {token}"})
        if verdict(answer)[0] != 401:
            return answer
        return self._send(method, path, params, body, {"Authorization": f"Bearer {self._token(refused=token)}"})

    def _send(self, method: str, path: str, params: Mapping[str, str], body: Any, headers: Mapping[str, str]) -> Answer:
        kind = {} if body is None else {"Content-Type": "application/json"}
        return self.http.call(method, path, params=params, json=body, headers={**headers, **kind})

    def _logs_in(self) -> bool:
        known = self.account.secrets
        return not known.get("api_key") and bool(known.get("email") and known.get("password"))

    def _token(self, refused: str = "") -> str:
        """Return the token of the last login while it is good, else log in."""
        token, until_s = self._login
        if token and token != refused and self.http.now_s() < until_s:
            return token
        with undoubted():
            answer = self._send("POST", "/api/user/login", {}, self._credentials(), {})
            if verdict(answer)[0] in (0, 400, 401, 403, 404, 422):  # a read would take a 404 for a lost record
                raise Disconnected("login_refused", "wrong e-mail or password")
            body = judged(answer)
            given, life_s = within(body, "data", "token"), within(body, "data", "expiresIn")
            if not isinstance(given, str) or not given:
                raise surprise("a login without a token")
        known = isinstance(life_s, int | Decimal) and not isinstance(life_s, bool)  # a weak source has it (1.1)
        self._login = given, self.http.now_s() + float(life_s) - 60 if known else float("inf")
        return given

    def _credentials(self) -> dict[str, str]:
        return {"email": self.secret("email"), "password": self.secret("password")}

    def _list(self, token: str) -> tuple[list[dict[str, Any]], str]:
        """Return the rows of a page, and the token of the next one or ""."""
        params = {**self._tenant(), "continuationToken": token} if token else self._tenant()
        body = self._ask(OPPORTUNITY, params)
        following = within(body, "data", "continuationToken")
        if not isinstance(following, str | None):
            raise surprise("continuationToken")
        return objects(within(body, "data", "data"), "a list without rows"), following or ""

    # Records

    def _ref(self, vendor_id: str) -> Ref:
        return Ref(self.account.connection, vendor_id)

    def _field(self, name: str) -> Field:
        field = next((field for field in self.fields if field.name == name), None)
        if field is None or field.readonly:
            raise Permanent("not_writable", field.readonly if field else f"{name} is not mapped here")
        return field

    def _key(self, name: str) -> str:
        return self._field(name).native

    def _record(self, row: Mapping[str, Any], ref: Ref) -> Record:
        if row.get("id") != ref.vendor_id:
            raise surprise("id")
        own = [field for field in self.fields if not field.name.startswith("custom.")]
        fields = {field.name: shown(field.native, row[field.native]) for field in own if field.native in row}
        entries = custom_of(row)
        custom = {f"custom.{name}": label for name, label in self.account.custom.items()}
        if entries is None:
            hidden = "Plazbot does not show the custom fields of this deal, so writing one could erase the others"
            return Record(ref, fields, locked=dict.fromkeys(custom, hidden))
        values = {label_of(entry): entry.get("value") for entry in entries}
        fields |= {name: custom_shown(values.get(label)) for name, label in custom.items()}
        return Record(ref, fields, raw={"customFields": entries})

    def _listed(self, row: Mapping[str, Any]) -> Record:
        """Return a row of the list; one that is not as documented shows only its id, so that the sweep goes on."""
        if not isinstance(row.get("id"), str) or not row["id"]:
            raise surprise("a row without an id")
        ref = self._ref(row["id"])
        try:
            return self._record(row, ref)
        except Transient:
            return Record(ref, {})

    # Writing

    def _wanted(self, seen: Record, patch: Mapping[str, Native]) -> dict[str, Native]:
        """Return the patch in the order of the table, with one name for the stage; raises Permanent."""
        if locked := sorted(patch.keys() & seen.locked.keys()):
            raise Permanent("locked", seen.locked[locked[0]])
        for name in patch:
            self._field(name)
        names = [field.name for field in self.fields if field.name in patch]
        return {name: patch[name] for name in names if name != "status" or "stage" not in patch}

    def _is_in(self, name: str, keys: frozenset[str]) -> bool:
        return not name.startswith("custom.") and self._key(name) in keys

    def _one(self, name: str, value: Native) -> dict[str, Any]:
        """Return the body of the older dialect."""
        key = self._key(name)
        return {"paramToUpdate": key, key: said(key, value)}

    def _body(self, seen: Record, wanted: Mapping[str, Native]) -> dict[str, Any]:
        keys = {name: self._key(name) for name in wanted}
        custom = {key: str(wanted[name] or "") for name, key in keys.items() if name.startswith("custom.")}
        body = {key: said(key, wanted[name]) for name, key in keys.items() if not name.startswith("custom.")}
        if custom:
            # merge or replace is not established: the others go back as they were read (6)
            body["customFields"] = overlaid(seen.raw["customFields"], custom)
        return body

    def _taken(self, name: str, value: Native, seen: Record, after: Record | None) -> bool:
        """
        Tell whether the answer shows the value, or at least another one than before: the vendor's form of it.

        An owner or an expiry, whose call may be taken no more, must be shown exactly.
        """
        if after is None or name not in after.fields:
            return False
        same, now = self._field(name).same, after.fields[name]
        if same(now, value) or self._is_in(name, OLDER_ONLY):
            return same(now, value)
        return name in seen.fields and not same(now, seen.fields[name])

    def _learn(self, whole: set[str], left: set[str], lost: set[str]) -> None:
        """Begin with the older dialect from now on when it alone takes fields; doubt it when it no longer does."""
        if whole <= left and whole - lost:
            self._older = True
        elif any(self._is_in(name, OLDER_TAKES - OLDER_ONLY) for name in lost):
            self._older = False

    # Checks

    def _stages(self) -> list[dict[str, Any]]:
        """Return the stages of the workspace, which are all that deals can be in: there are no pipelines (3.1)."""
        try:
            workspace = unwrapped(self._ask(f"/api/workspace/{self._workspace()}", {}))
        except Permanent as error:
            if error.reason != "not_found":
                raise
            workspace = None
        if workspace is None:
            raise Misconfigured(self._where("workspace_id"), "no such workspace", "copy it from Account, General")
        names = ("masterOfStates", "phases", "stages")
        return objects(next((workspace[name] for name in names if name in workspace), []), "stages")

    def _users(self, unread: list[str]) -> list[Listed]:
        try:
            return agents(objects(within(self._ask(f"{USERS}/{self._workspace()}", {}), "data"), "users"))
        except (Permanent, Transient):
            unread.append("the users could not be listed: GET /api/user/email?email= tells the id of one")
            return []

    def _workspace(self) -> str:
        return segment(str(self.option("workspace_id")))
