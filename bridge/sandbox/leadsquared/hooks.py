"""Webhooks of LeadSquared on their way out: to whom, in which form, when, and what a failure does (4.2 to 4.7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from bridge.sandbox.base import Hook
from bridge.sandbox.leadsquared.wire import Row

CREATED, UPDATED, DELETED = "Opportunity_Post_Create", "Opportunity_Post_Update", "Opportunity_Post_Delete"
FIELD, STAGE_MOVED = "OpportunityField_Post_Update", "OpportunityStage_Post_Update"
SECRET = ("x-bridge-secret", "sandbox-hook-secret")
ATTEMPTS_MAX = 3
FAILURES_MAX = 10
MINUTE_S = 60
ENABLED, DISABLED_BY_FAILURES = 0, 2


@dataclass
class Subscription:
    """One configured webhook. codes: opportunity types as text; field: the watched field of a field event."""

    id: str
    event: str
    description: str = ""
    url: str = ""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    codes: tuple[str, ...] = ()
    properties: str | None = None
    field: str = ""
    created: float = 0.0
    premade: bool = False
    status: int = ENABLED
    failures: int = 0


@dataclass(frozen=True)
class Change:
    """What happened to one opportunity. before: None for a new one; both sides as a detail read shows them."""

    id: str
    code: int
    lead: Row
    before: Mapping[str, str | None] | None
    after: Mapping[str, str | None]
    changed: frozenset[str]
    moved: bool
    gone: bool

    @property
    def events(self) -> tuple[str, ...]:
        if self.gone:
            return (DELETED,)
        if self.before is None:
            return (CREATED,)
        return (UPDATED, FIELD, STAGE_MOVED) if self.moved else (UPDATED, FIELD)


@dataclass(frozen=True)
class Waiting:
    due: float
    minute: int
    subscription: Subscription
    item: Row


@dataclass
class Hooks:
    """The vendor's sender. A delivery goes out at once unless delay, grouping or reordering holds it until `flush`."""

    clock: Callable[[], float]
    switch: Mapping[str, bool | int | float | str]
    emit: Callable[[Hook], None]
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)

    def seed(self) -> None:
        """Make the subscriptions that an operator would make in the UI, the robust way of 4.2."""
        for n, event in enumerate((CREATED, UPDATED, DELETED), 1):
            id = f"3e000000-0000-4000-8000-{n:012d}"
            codes = ("12000", "12001")
            self.subscriptions[id] = Subscription(
                id, event, f"bridge: {event}", headers=(SECRET,), codes=codes, created=self.clock(), premade=True,
                properties=json.dumps({"OpportunityEvents": codes, "IsAsyncEnable": False}),
            )  # fmt: skip

    def known(self) -> dict[str, Subscription]:
        """Return the subscriptions that exist; those made beforehand only while `hooked` is on."""
        return {s.id: s for s in self.subscriptions.values() if self.switch["hooked"] or not s.premade}

    def fire(self, change: Change) -> None:
        for subscription in self.known().values():
            if self._wants(subscription, change):
                self._post(subscription, item_of(str(self.switch["hook_body"]), change))
        self.flush()

    def _wants(self, subscription: Subscription, change: Change) -> bool:
        if subscription.status != ENABLED or str(change.code) not in subscription.codes:
            return False
        if subscription.event == FIELD and subscription.field not in change.changed:
            return False
        return subscription.event in change.events

    def _post(self, subscription: Subscription, item: Row) -> None:
        now = self.clock()
        minute = int(now // MINUTE_S)
        due = (minute + 1) * MINUTE_S if self.switch["hook_grouped"] else now
        self.waiting.append(Waiting(due + float(self.switch["hook_delay_s"]), minute, subscription, item))

    def flush(self) -> None:
        """Send what is due. With `hook_reversed` a delivery waits for the next one, but no longer than a minute."""
        now = self.clock()
        due = [w for w in self.waiting if w.due <= now]
        if self.switch["hook_reversed"]:
            if len(due) == 1 and now - due[0].due < MINUTE_S:
                return
            due.reverse()
        self.waiting = [w for w in self.waiting if w.due > now]
        for subscription, items in self._groups(due):
            for _ in range(2 if self.switch["hook_twice"] else 1):
                self._send(subscription, items)

    def _groups(self, due: list[Waiting]) -> list[tuple[Subscription, list[Row]]]:
        if not self.switch["hook_grouped"]:
            return [(w.subscription, [w.item]) for w in due]
        groups: dict[tuple[str, int], tuple[Subscription, list[Row]]] = {}
        for w in due:
            groups.setdefault((w.subscription.id, w.minute), (w.subscription, []))[1].append(w.item)
        return list(groups.values())

    def _send(self, subscription: Subscription, items: list[Row]) -> None:
        listed = self.switch["hook_body"] == "array" or len(items) > 1
        query = self._url_query(subscription) | {
            "entityType": "webhook", "entityId": subscription.id, "eventType": subscription.event,
        }  # fmt: skip
        headers = {"Content-Type": subscription.content_type} | dict(subscription.headers)
        body = encoded(subscription.content_type, items if listed else items[0])
        self.emit(Hook("POST", query, headers, body, self._address(subscription)))

    def shake_hands(self, subscription: Subscription) -> None:
        """Send what comes on creation: HEAD, then a call without body; neither has the custom headers (4.3, 4.5)."""
        if self.switch["handshake"]:
            query = self._url_query(subscription)
            address = self._address(subscription)
            self.emit(Hook("HEAD", query, {}, b"", address))
            self.emit(Hook("POST", query, {"Content-Type": subscription.content_type}, b"", address))

    def _address(self, subscription: Subscription) -> str:
        return urlsplit(subscription.url)._replace(query="").geturl()

    def _url_query(self, subscription: Subscription) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(subscription.url).query))

    def settle(self, hook: Hook, status: int | None, attempt: int) -> bool:
        """
        Take the receiver's answer and return whether the vendor tries the same delivery again (4.5).

        status: None when nobody answered; attempt: from 1. Ten answers in a row other than 200 disable the hook.
        """
        subscription = self.subscriptions.get(hook.query.get("entityId", ""))
        if subscription is None:
            return False
        subscription.failures = 0 if status == 200 else subscription.failures + 1
        if subscription.failures >= FAILURES_MAX:
            subscription.status = DISABLED_BY_FAILURES
        return status != 200 and attempt < ATTEMPTS_MAX and subscription.status == ENABLED

    def enable(self) -> None:
        """Enable all hooks again, as a person does by hand in the settings."""
        for subscription in self.subscriptions.values():
            subscription.status, subscription.failures = ENABLED, 0


def item_of(form: str, change: Change) -> Row:
    """Return one body item in one of the four forms of 4.4; which one a tenant sends is not established (10)."""
    identity: Row = {"ProspectActivityId": change.id}
    values = {n: v for n, v in change.after.items() if n == "Status" or n == "Owner" or n.startswith("mx_")}
    if form == "current":
        return identity | {"ActivityEvent": change.code, "Current": change.lead, "Data": values}
    if form == "before_after":
        # assumption: 4.4 has no sample of a new or deleted one in this form; the missing side is null
        before = None if change.before is None else identity | dict(change.before)
        return {"Before": before, "After": None if change.gone else identity | dict(change.after)}
    if form == "id":
        return {"OpportunityId": change.id}
    return identity | {
        "RelatedProspectId": change.lead["ProspectID"], "ActivityEvent": str(change.code),
        "CreatedOn": change.after["CreatedOn"],
    }  # fmt: skip


def encoded(content_type: str, body: Row | list[Row]) -> bytes:
    """Return the body in the configured content type; JSON text also for text/plain."""
    if content_type != "application/x-www-form-urlencoded":
        return json.dumps(body, ensure_ascii=False).encode()
    # assumption: 4.4 names no form layout; the first item's names, inner objects as JSON text
    item = body[0] if isinstance(body, list) else body
    return urlencode({n: json.dumps(v) if isinstance(v, dict) else v or "" for n, v in item.items()}).encode()
