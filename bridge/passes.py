"""One pass over one link, and what is told of each of its attempts beside what the store keeps."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.core.model import Link
from bridge.core.outcomes import accepted_at
from bridge.core.plan import due
from bridge.core.rules import Rules
from bridge.store import Claim
from bridge.store.store import Attempt


@dataclass
class Calls:
    """What a connector was asked for since the last attempt of this pass. Times: milliseconds."""

    reads: int = 0
    read_ms: int = 0
    writes: int = 0
    write_ms: int = 0


@dataclass(frozen=True)
class Facts:
    """
    What is told of an attempt. due: sides that the hub has run ahead of. held: what waits for a person at any side;
    refused: of these, what a CRM has refused. lag_ms: since the delivery came that it is for; None without one.
    again: the last attempt at this side had failed.
    """

    ref: str
    due: int
    held: int
    refused: int
    lag_ms: int | None
    again: bool
    calls: Calls


@dataclass
class Pass:
    """
    One pass over one link under its lease.

    upto: the time up to which `causes` holds its looks. singly: connections that refused a whole patch, so that each
    field is now written alone. resting: connections that failed and are tried again later.
    """

    claim: Claim
    link: Link
    rules: Rules
    upto: int
    causes: dict[str, list[str]]
    tried: dict[str, tuple[object, ...]] = field(default_factory=dict)
    singly: set[str] = field(default_factory=set)
    resting: set[str] = field(default_factory=set)
    calls: Calls = field(default_factory=Calls)

    def cause(self, connection: str = "") -> str:
        """The delivery, or the word, that this side is looked at for; for a target, that of the first side."""
        mine = self.causes.get(connection) or next(iter(self.causes.values()), ["again"])
        return mine[0]

    def facts(self, attempt: Attempt, now: int, again: bool) -> Facts:
        """Return what to tell of an attempt that is saved. again: see Facts."""
        calls, self.calls = self.calls, Calls()
        came = accepted_at(attempt.cause)
        holds = [hold for held in self.claim.held.values() for hold in held.values()]
        return Facts(
            ref=self.link.sides[attempt.connection].ref.vendor_id,
            due=sum(bool(due(self.link, s, self.rules)) for s in self.link if s.ref.connection in self.rules.sides),
            held=len(holds),
            refused=sum(hold.kind == "refused" for hold in holds),
            lag_ms=None if came is None else max(0, now - came),
            again=again,
            calls=calls,
        )
