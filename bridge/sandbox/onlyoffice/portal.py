"""The state of an ONLYOFFICE portal: its records with their past, who may see what, and the audit trail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from bridge.sandbox.onlyoffice.records import (
    BRIDGE,
    CONTACTS,
    CURRENCIES,
    DEALS,
    FIELDS,
    NO_SHARE,
    OPEN,
    STAGES,
    USERS,
    Contact,
    Deal,
    Stage,
    User,
)
from bridge.sandbox.onlyoffice.wire import Args, crash, not_found, portal_zone

Setting = bool | int | float | str

TITLE_MAX = 255
ROLES = {"portal_admin": (True, True), "crm_admin": (False, True), "user": (False, False)}


@dataclass(frozen=True)
class Event:
    """One audit trail row (6.3). at: epoch seconds."""

    id: int
    at: float
    action: int
    user: User
    targets: tuple[int, ...]
    text: str


class Portal:
    """One portal. `past` keeps every version of every deal, so that a read may lag behind the writes."""

    def __init__(self, switch: Mapping[str, Setting], clock: Callable[[], float]) -> None:
        self.switch, self.clock = switch, clock
        self.stages = {stage.id: stage for stage in STAGES}
        self.currencies = {currency.code: currency for currency in CURRENCIES}
        self.fields = {each.id: each for each in FIELDS}
        self.contacts = {contact.id: contact for contact in CONTACTS}
        self.past: dict[int, list[tuple[float, Deal | None]]] = {}
        self.events: list[Event] = []
        self.totals: dict[object, tuple[float, int]] = {}
        self.next_info = 1 + max(info.id for contact in CONTACTS for info in contact.infos)
        for deal in DEALS:
            expected = deal.expected.replace(tzinfo=self.zone).astimezone(UTC) if deal.expected else None
            self.past[deal.id] = [(0.0, self.as_stored(replace(deal, expected=expected)))]

    @property
    def zone(self) -> tzinfo:
        """Return the portal's time zone."""
        return portal_zone(str(self.switch["portal_zone"]))

    @property
    def users(self) -> dict[str, User]:
        """Return the users by GUID, the bridge's with the role of the switch."""
        return {user.id: self._with_role(user) for user in USERS}

    def _with_role(self, user: User) -> User:
        if user.id != BRIDGE:
            return user
        portal_admin, crm_admin = ROLES[str(self.switch["bridge_role"])]
        return replace(user, portal_admin=portal_admin, crm_admin=crm_admin)

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    def seconds(self, name: str) -> float:
        """Return a switch that holds a number."""
        return float(self.switch[name])

    def deal(self, number: int, lag_s: float = 0) -> Deal | None:
        """Return a deal as it was `lag_s` seconds ago, None when there was none."""
        at = self.clock() - lag_s
        found: Deal | None = None
        for written, version in self.past.get(number, []):
            if written <= at or written == 0:
                found = version
        return found

    def deals(self, lag_s: float = 0) -> list[Deal]:
        """Return all deals as they were `lag_s` seconds ago, by id."""
        return [deal for number in sorted(self.past) if (deal := self.deal(number, lag_s))]

    def new_id(self) -> int:
        """Return the next id of a deal; ids are never used again."""
        return max(self.past, default=0) + 1

    def put(self, deal: Deal) -> Deal:
        """Store a deal and return it as it reads back."""
        stored = self.as_stored(deal)
        self.past.setdefault(deal.id, []).append((self.clock(), stored))
        return stored

    def drop(self, number: int) -> None:
        """Delete a deal for good (3.5)."""
        self.past[number].append((self.clock(), None))

    def as_stored(self, deal: Deal) -> Deal:
        """Return what the tables make of a deal: nine decimals, whole seconds, no null description (2.3, 2.4, 3.3)."""
        return replace(
            deal,
            title=self._column(self.tidy(deal.title), TITLE_MAX),
            description=self._column(deal.description or ""),
            bid_value=_nine_decimals(deal.bid_value),
            created=_whole_second(deal.created),
            actual=_whole_second(deal.actual) if deal.actual else None,
            expected=_whole_second(deal.expected) if deal.expected else None,
            members=tuple(sorted(set(deal.members))),
            custom={key: text for key, value in deal.custom.items() if (text := value.strip())},
        )

    def _column(self, text: str, size: int | None = None) -> str:
        """Return the text as a utf8 column keeps it, or fail as a strict database does (3.3)."""
        kept = re.split(r"[\U00010000-\U0010ffff]", text, maxsplit=1)[0][:size]
        if kept != text and self.switch["mysql_strict"]:
            raise crash("Data too long for column or incorrect string value")
        return kept

    def tidy(self, text: str) -> str:
        """Return a name as it is kept: as sent (2.3), or without spare spaces under the switch `normalise`."""
        return " ".join(text.split()) if self.switch["normalise"] else text

    def may_see(self, user: User, deal: Deal) -> bool:
        """Tell whether the user finds the deal at all (1, 8.13)."""
        # assumption: 2.5 calls it visibility only; a responsible who is not on the list does not see the deal
        return user.crm_admin or not deal.access or user.id in deal.access

    def may_edit(self, user: User, deal: Deal) -> bool:
        """Tell whether the user may change the deal."""
        return self.may_see(user, deal) or user.id in {deal.responsible, deal.create_by}

    def may_share(self, user: User, deal: Deal) -> bool:
        """Tell whether the user may change the access rights: an admin or the creator (3.3)."""
        return user.crm_admin or user.id == deal.create_by

    def may_see_contact(self, user: User, contact: Contact) -> bool:
        """Tell whether the user finds the contact (5, shareType)."""
        return user.crm_admin or contact.share != NO_SHARE or user.id in contact.managers

    def visible_contacts(self, user: User, numbers: list[int]) -> tuple[int, ...]:
        """Return those of the contact ids that exist and that the user sees; others drop out silently (3.3)."""
        known = [number for number in numbers if number in self.contacts]
        return tuple(sorted({n for n in known if self.may_see_contact(user, self.contacts[n])}))

    def log(self, action: int, user: User, targets: tuple[int, ...], text: str) -> None:
        """Add an audit row (6.3)."""
        self.events.append(Event(len(self.events) + 1, self.clock(), action, user, targets, text))


def staged(deal: Deal, stage: Stage, now: datetime) -> Deal:
    """Return the deal in the stage, with the probability and close date that the stage call sets (3.4)."""
    return replace(deal, stage=stage.id, probability=stage.probability, actual=None if stage.type == OPEN else now)


def _nine_decimals(value: Decimal) -> Decimal:
    with localcontext(prec=60):
        return value.quantize(Decimal("0.000000001"), ROUND_HALF_UP)


def _whole_second(value: datetime) -> datetime:
    up = timedelta(seconds=1) if value.microsecond >= 500_000 else timedelta()
    return value.replace(microsecond=0) + up


@dataclass(frozen=True)
class Call:
    """One request by one user. query: as sent, for what is read from the query string only (3.6)."""

    portal: Portal
    user: User
    args: Args
    query: Mapping[str, list[str]]
    note: Callable[..., None]

    def context(self, name: str) -> str | None:
        """Return a paging or filter text: `name[]`, or `name` cut at its first comma (3.6)."""
        if whole := self.query.get(f"{name}[]".lower()):
            return whole[0]
        values = self.query.get(name.lower())
        if values is None:
            return None
        return values[0].split(",")[0] if len(values) == 1 else values[0]

    def visible_deal(self, lag_s: float = 0) -> Deal:
        """Return the deal of the path, or refuse it as unknown or hidden."""
        deal = self.portal.deal(self.args.integer("opportunityid"), lag_s)
        if deal is None or not self.portal.may_see(self.user, deal):
            raise not_found()
        return deal


@dataclass(frozen=True)
class Rows:
    """A list answer before paging. total: set by filter lists only (2.2)."""

    items: list[Any]
    shape: Callable[[Any], object] = field(default=lambda item: item)
    total: int | None = None
