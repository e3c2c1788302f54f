"""One LeadSquared account in memory: users, leads, opportunities with their past, and the activity trail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bridge.sandbox.leadsquared.fields import NAME, STAGE, TYPES, Type
from bridge.sandbox.leadsquared.hooks import Change, Hooks
from bridge.sandbox.leadsquared.wire import Row, no_opportunity, stamp, stamp_ms

DAY_S = 86400
BRIDGE, HOA, MINH = (f"aaaaaaaa-0000-11ea-8109-00000000000{n}" for n in (1, 2, 3))
API_USERS = {"bridge": BRIDGE, "person": HOA}
# Trail codes of 2.14: duplicate detected, captured, and the mirror with the same id.
DUPLICATE, CAPTURED, MIRROR = 32, 33, 3011
EVENT_NAMES = {DUPLICATE: "Opportunity Duplicate Detected", CAPTURED: "Opportunity Captured", MIRROR: "Opportunity"}


@dataclass(frozen=True)
class User:
    id: str
    first: str
    last: str
    email: str
    role: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


@dataclass(frozen=True)
class Lead:
    """values: attribute to text as stored; times are epoch seconds."""

    id: str
    number: int
    values: Mapping[str, str | None]
    created: float
    created_by: str
    modified: float
    modified_by: str

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.values.get("FirstName"), self.values.get("LastName"))))


@dataclass(frozen=True)
class Opportunity:
    """One state of an opportunity. values: stored texts by schema name, the note among them."""

    id: str
    code: int
    lead: str
    values: Mapping[str, str | None]
    created: float
    created_by: str
    modified: float
    modified_by: str
    gone: bool = False

    @property
    def type(self) -> Type:
        return TYPES[self.code]


@dataclass(frozen=True)
class Activity:
    """An entry of a lead's trail. For a type's code and for 3011 the id is the opportunity's."""

    id: str
    code: int
    lead: str
    created: float


@dataclass
class Account:
    """
    The state that all endpoints share. `note` and `clock` are the simulator's.

    opportunities: per id all states, oldest first, so that lagging reads can answer from the past.
    """

    clock: Callable[[], float]
    switch: Mapping[str, bool | int | float | str]
    note: Callable[..., None]
    hooks: Hooks
    users: dict[str, User] = field(default_factory=dict)
    leads: dict[str, Lead] = field(default_factory=dict)
    opportunities: dict[str, list[Opportunity]] = field(default_factory=dict)
    trail: list[Activity] = field(default_factory=list)
    made: int = 0

    def new_id(self) -> str:
        self.made += 1
        return f"bbbbbbbb-0000-4000-8000-{self.made:012d}"

    def found(self, id: str, lag_s: float = 0.0) -> Opportunity | None:
        """Return the state of `lag_s` seconds ago, None when there was none or it was deleted."""
        until = self.clock() - lag_s
        states = [o for o in self.opportunities.get(id.lower(), ()) if o.modified <= until or lag_s <= 0]
        return states[-1] if states and not states[-1].gone else None

    def live(self, lag_s: float = 0.0) -> list[Opportunity]:
        return [o for id in self.opportunities if (o := self.found(id, lag_s))]

    def named(self, key: str) -> Opportunity:
        """Return the opportunity of a GUID or an AutoId value (2.5). Raises Refused as for any unknown id."""
        for opportunity in self.live():
            if key.lower() == opportunity.id or key == opportunity.values["mx_Custom_20"]:
                return opportunity
        raise no_opportunity()

    def shown(self, opportunity: Opportunity) -> dict[str, str | None]:
        """Return every field as a detail read shows it: strings or None, dates to the second (2.6)."""
        shown: dict[str, str | None] = {f.name: opportunity.values.get(f.name) for f in opportunity.type.fields}
        for about in opportunity.type.fields:
            if about.kind == "Number" and shown[about.name] is None and self.switch["numbers_zero"]:
                shown[about.name] = "0"
        return shown | {
            "CreatedOn": stamp(opportunity.created), "CreatedBy": opportunity.created_by,
            "ModifiedOn": stamp(opportunity.modified), "ModifiedBy": opportunity.modified_by,
        }  # fmt: skip

    def add(self, code: int, lead: str, values: Mapping[str, str | None], who: str, user: str) -> Opportunity:
        """Store a new opportunity with its trail of 2.4 and 2.14, and send what follows."""
        now = self.clock()
        number = {"mx_Custom_20": str(1001 + len(self.opportunities))}
        new = Opportunity(self.new_id(), code, lead, self.tidy({**values} | number), now, user, now, user)
        self.opportunities[new.id] = [new]
        self.trail += [Activity(new.id, code, lead, now), Activity(new.id, MIRROR, lead, now)]
        self.note(who, new.id, "Capture", *(name for name, value in new.values.items() if value is not None))
        self._fire(None, new, api=True)
        return new

    def change(self, old: Opportunity, values: Mapping[str, str | None], who: str, user: str, call: str) -> None:
        """Store the sent fields; `call` is Update for the API, else a name from the pages. ModifiedOn moves (7)."""
        merged = self.tidy({**old.values, **values})
        new = replace(old, values=merged, modified=self.clock(), modified_by=user)
        self.opportunities[old.id].append(new)
        self.note(who, old.id, call, *(n for n in values if merged.get(n) != old.values.get(n)))
        self._fire(old, new, api=call == "Update")

    def remove(self, old: Opportunity, who: str, user: str) -> None:
        """Delete for good; the trail keeps the creation entry (2.14)."""
        new = replace(old, gone=True, modified=self.clock(), modified_by=user)
        self.opportunities[old.id].append(new)
        self.note(who, old.id, "Delete")
        self._fire(old, new, api=True)

    def tidy(self, values: Mapping[str, str | None]) -> Mapping[str, str | None]:
        if not self.switch["normalise"]:
            return values
        names = {NAME, "FirstName", "LastName", "Company"}
        tidied = {n: " ".join(v.split()) if v and n in names else v for n, v in values.items()}
        return {n: phone(v) if v and n in ("Phone", "Mobile") else v for n, v in tidied.items()}

    def lead_row(self, lead: Lead) -> Row:
        """Return the flat lead of 3.1."""
        owner = self.users.get(lead.values.get("OwnerId") or "")
        return {"ProspectID": lead.id, "ProspectAutoId": str(lead.number)} | dict(lead.values) | {
            "OwnerIdName": owner.name if owner else None, "OwnerIdEmailAddress": owner.email if owner else None,
            "CreatedBy": lead.created_by, "CreatedOn": stamp_ms(lead.created),
            "ModifiedBy": lead.modified_by, "ModifiedOn": stamp_ms(lead.modified),
        }  # fmt: skip

    def _fire(self, before: Opportunity | None, after: Opportunity, api: bool) -> None:
        """Send the webhooks of 4.7: a person's edits always, API writes unless switched off."""
        if api and not self.switch["api_fires"]:
            return
        # assumption: 2.11 and 10 leave open whether API deletes fire; off unless switched on
        if after.gone and not self.switch["delete_fires"]:
            return
        shown = self.shown(after)
        old = self.shown(before) if before else None
        moved = bool(old) and any(old and old[n] != shown[n] for n in ("Status", STAGE))
        changed = {n for n in shown if old and old[n] != shown[n]}
        lead = self.lead_row(self.leads[after.lead])
        self.hooks.fire(Change(after.id, after.code, lead, old, shown, frozenset(changed), moved, after.gone))


def phone(text: str) -> str:
    """Return a Vietnamese or Indian number as the vendor stores it, `+84-901234567` (7)."""
    digits = re.sub(r"\D", "", text)
    return f"+{digits[:2]}-{digits[2:]}" if digits[:2] in ("84", "91") and len(digits) > 9 else text


def seed_account(account: Account) -> None:
    """Fill in the people and deals that the simulators share."""
    people = (
        User(BRIDGE, "Bridge", "User", "bridge@example.com", "Administrator"),
        User(HOA, "Hoa", "Tran", "hoa@example.com", "Administrator"),
        User(MINH, "Minh", "Le", "minh@example.com", "Sales_User"),
    )
    account.users.update({user.id: user for user in people})
    lan = _lead(account, 1, "Lan", "Pham", "lan@acme.example", "+84-901234567", "Acme Hotels", HOA)
    binh = _lead(account, 2, "Binh", "Vo", "binh@blue.example", "+84-907654321", "Blue Shop", MINH)
    deals: tuple[tuple[Lead, str, dict[str, str | None]], ...] = (
        (lan, HOA, {NAME: "Lan Pham - Acme Hotels", STAGE: "New", "mx_Custom_3": "Fair", "mx_Custom_6": "1500",
                    "mx_Custom_5": "Forty rooms, two years", "mx_Custom_8": "2026-12-31 00:00:00"}),
        (binh, MINH, {NAME: "Binh Vo - Blue Shop", STAGE: "Qualified", "mx_Custom_3": "Web", "mx_Custom_6": "900",
                      "mx_Custom_8": "2027-02-15 00:00:00"}),
        (lan, HOA, {NAME: "Lan Pham - Acme Hotels, renewal", STAGE: "Proposal", "mx_Custom_6": "2400"}),
    )  # fmt: skip
    for n, (lead, owner, values) in enumerate(deals, 1):
        at = account.clock() - (4 - n) * DAY_S
        whole = {**values, "Status": "Open", "Owner": owner, "mx_Custom_20": str(1000 + n)}
        id = f"dddddddd-0000-4000-8000-{n:012d}"
        account.opportunities[id] = [Opportunity(id, 12000, lead.id, whole, at, owner, at, owner)]
        account.trail += [
            Activity(id, 12000, lead.id, at),
            Activity(id, MIRROR, lead.id, at),
            Activity(account.new_id(), CAPTURED, lead.id, at),
        ]


def _lead(account: Account, n: int, first: str, last: str, email: str, number: str, company: str, owner: str) -> Lead:
    values = new_lead_values() | {
        "FirstName": first, "LastName": last, "EmailAddress": email, "Phone": number, "Company": company,
        "Source": "Fair", "OwnerId": owner,
    }  # fmt: skip
    at = account.clock() - 5 * DAY_S
    lead = Lead(f"cccccccc-0000-4000-8000-{n:012d}", 1015 + n, values, at, owner, at, owner)
    account.leads[lead.id] = lead
    return lead


def new_lead_values() -> dict[str, str | None]:
    blank = dict.fromkeys(("FirstName", "LastName", "EmailAddress", "Phone", "Mobile", "Company", "Source", "OwnerId"))
    return {**blank, "ProspectStage": "Prospect", "DoNotCall": "0", "DoNotEmail": "0"}


def board_changes(opportunity: Opportunity, changes: Mapping[str, object]) -> dict[str, str]:
    """Return a person's edit as texts; a stage alone brings its status. Raises KeyError for unknown fields."""
    texts = {name: "" if value is None else str(value) for name, value in changes.items()}
    for name in texts:
        about = opportunity.type.field(name)
        if about is None or about.readonly:
            raise KeyError(name)
    status = opportunity.type.status_of(texts.get(STAGE))
    return texts | ({"Status": status} if status and "Status" not in texts else {})
