"""How each connection does: what it is kept from, how late it is, what waits there, what its budget allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from bridge.connectors.base import Connector
from bridge.core.model import FOREVER
from bridge.desk import Desk, Value, moment
from bridge.settings import ConnectionSettings
from bridge.store.pulse import Burden
from bridge.store.rows import Row

ALIVE_MS = 20_000  # four beats of a worker

# it is worked on; somebody or a limit pauses it; it refuses our credentials or our settings; too many of its calls have
# failed; no worker runs
State = Literal["works", "paused", "refused", "breaker", "no worker"]
Breaker = Literal["closed", "half_open", "open"]
WORST: Sequence[Breaker] = ("closed", "half_open", "open")


class Health(Value):
    """
    One connection. why: of its state, "" when it works. until: when a pause ends by itself. paused_by: who paused it,
    "" when the bridge did. hooked: whether the vendor has webhooks at all, so that heard_at can mean something.

    lag_s: how long the oldest look or delivery has waited, or a side has failed that is tried again; 0 when nothing
    waits. due: looks whose time has come. waiting: deliveries that nobody has turned into looks. holds, dead: what
    waits for a person.

    Of all live workers together: used, calls that started in the last `per_s` seconds, of `limit` (None: not known);
    the breaker of whom it is worst for; broken_s, how long that has not been closed; calls and failed, of the last
    minute; sweep_s, how long the last sweep took (None: no live worker has swept).
    """

    connection: str
    vendor: str
    state: State
    why: str
    until: datetime | None
    paused_by: str
    hooked: bool
    heard_at: datetime | None
    swept_at: datetime | None
    sweep_s: float | None
    lag_s: float
    due: int
    waiting: int
    used: int
    limit: int | None
    per_s: float | None
    running: int
    breaker: Breaker
    broken_s: float
    calls: int
    failed: int
    holds: int
    dead: int

    @property
    def needs(self) -> list[str]:
        """What waits for a person, in words; nothing when the bridge goes on by itself."""
        told = [(self.state == "refused", f"it refuses the bridge: {self.why}")]
        told += [(self.state == "no worker", "no worker runs")]
        told += [(self.holds == 1, "1 hold"), (self.holds > 1, f"{self.holds} holds")]
        told += [(self.dead == 1, "1 dead letter"), (self.dead > 1, f"{self.dead} dead letters")]
        return [words for true, words in told if true]


class Pulse(Value):
    """workers: processes that were heard of in the last ALIVE_MS. connections: in the order of the settings."""

    at: datetime
    workers: int
    connections: Sequence[Health]


def health(desk: Desk) -> Pulse:
    """Return how every connection does now, also when no worker runs."""
    now = desk.now()
    rows, burdens = desk.store.connections(), desk.store.burdens(now)
    beats = desk.store.pulses(now - ALIVE_MS)
    workers = {beat["process"] for beat in beats}
    told: dict[str, list[Mapping[str, Any]]] = {}
    for beat in beats:
        told.setdefault(beat["connection"], []).append({**beat["state"], "at": beat["at"]})
    found = [
        _of(
            name,
            desk.connections[name].connector,
            desk.settings.connections.get(name),
            rows.get(name, {}),
            burdens.get(name, Burden()),
            told.get(name, []) if workers else None,
            now,
        )
        for name in desk.connections
    ]
    return Pulse(at=moment(now), workers=len(workers), connections=found)


def _of(
    name: str,
    connector: Connector,
    limits: ConnectionSettings | None,
    row: Row,
    burden: Burden,
    told: Sequence[Mapping[str, Any]] | None,
    now: int,
) -> Health:
    """told: what the live workers say of this connection; None when there is no live worker."""
    beats = told or []
    worst: Breaker = max((beat["breaker"] for beat in beats), key=WORST.index, default="closed")
    ends = {
        what: max((b["at"] + int(b[f"{what}_for_s"] * 1000) for b in beats), default=0) for what in ("open", "paused")
    }
    state, why, until = _state(row, told is not None, worst, ends, now)
    oldest = min(at for at in (burden.due_since, burden.failing_since, burden.waiting_since, now) if at is not None)
    swept = [beat["sweep_ms"] / 1000 for beat in beats if beat["sweep_ms"] is not None]
    return Health(
        connection=name,
        vendor=connector.vendor,
        state=state,
        why=why,
        until=moment(until),
        paused_by=row.get("paused_by", "") if state == "paused" else "",
        hooked=connector.calls_us,
        heard_at=moment(row.get("heard_at")),
        swept_at=moment(row.get("swept_at")),
        sweep_s=max(swept, default=None),
        lag_s=(now - oldest) / 1000,
        due=burden.due,
        waiting=burden.waiting,
        used=sum(beat["used"] for beat in beats),
        limit=limits.rate_calls if limits else None,
        per_s=limits.rate_per_s if limits else None,
        running=sum(beat["running"] for beat in beats),
        breaker=worst,
        broken_s=max((beat["broken_for_s"] for beat in beats), default=0.0),
        calls=sum(beat["calls"] for beat in beats),
        failed=sum(beat["failed"] for beat in beats),
        holds=burden.holds,
        dead=burden.dead,
    )


def _state(row: Row, alive: bool, breaker: Breaker, ends: Mapping[str, int], now: int) -> tuple[State, str, int | None]:
    """
    Return the state, why, and when it ends by itself (None: not known, or not at all). The gravest goes first.

    ends: when the breaker lets a call through (`open`), and the pause is over that a CRM asked a worker for (`paused`).
    """
    until = row.get("paused_until", 0)
    if until >= FOREVER and not row["paused_by"]:
        return "refused", row["why"], None
    if not alive:
        return "no worker", "no worker has been heard of for some seconds; start `bridge work` or `bridge serve`", None
    if until > now and row["paused_by"]:
        return "paused", row["why"], None if until >= FOREVER else until
    if breaker != "closed":
        why = "too many of the last calls failed" if breaker == "open" else "one call goes out to see whether it works"
        return "breaker", why, ends["open"] if breaker == "open" else None
    if until > now:
        return "paused", row["why"], until
    if ends["paused"] > now:
        return "paused", "the CRM asked for a pause", ends["paused"]
    return "works", "", None
