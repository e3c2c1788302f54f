"""
What the simulation needs of one side: a CRM account with one deal in it, seen from behind and struck from outside.

Nothing here, and in no side, uses what the bridge thinks: values are understood by tables of the side's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bridge.connectors.base import Connector, Inbound
from bridge.core.model import Native, Ref
from bridge.core.rules import Habits
from bridge.store import Store
from tests.sim.loop import Loop

Blow = Literal[
    "refused", "broken", "throttled", "unauthorized", "denied", "lost", "landed", "gone", "death", "death_after"
]  # fmt: skip


@dataclass(frozen=True)
class Fate:
    """
    What happens to the next call of a kind. refused: no connection. broken: a server error. throttled: over the limit.
    unauthorized: the credentials are dead, until calm. denied: the vendor refuses the value for good (writes only).
    gone: reads find nothing for `ms`. lost: no answer, and nothing happened. landed: no answer, and it is applied `ms`
    after it was sent. death, death_after: the process dies just before a call is sent, or just after it was handled.
    """

    on: Literal["read", "write"]
    blow: Blow
    ms: int = 0

    def __str__(self) -> str:
        return f"{self.blow} after {self.ms / 1000:g} s" if self.ms else self.blow


@dataclass(frozen=True)
class Written:
    """
    One write of the bridge that the vendor applied at `at`, resting on a read that was issued at `read_at` (ms).

    fields: canonical names of what it really changed. sent: canonical names of all it carried, changed or not. seen:
    what that read showed, where the side can tell.
    """

    at: int
    read_at: int
    fields: frozenset[str]
    sent: frozenset[str]
    seen: Mapping[str, Native] = field(default_factory=dict)


class Broken(BaseException):
    """
    An invariant does not hold. rule: `I1` to `I13`, or a word. step: the first step that broke it.

    No Exception: the bridge survives those, and would go on.
    """

    def __init__(self, rule: str, text: str, step: str = "") -> None:
        super().__init__(f"{rule}: {text}")
        self.rule, self.text, self.step = rule, text, step


class Side(ABC):
    """
    name: the connection. habits: what the bridge is told of it. lag: how stale its reads may really be (ms). fields:
    what people edit here, by canonical name. written: every write of the bridge that it applied.
    """

    name: str
    ref: Ref
    habits: Habits
    order: int
    lag: int = 0
    fields: tuple[str, ...]
    by_stage: bool = False  # it shows the status by its stage only
    stamped: bool = False  # its records tell when they were changed
    readonly: frozenset[str] = frozenset()  # fields that the bridge never writes here

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.fates: deque[Fate] = deque()
        self.written: list[Written] = []
        self.tell: Callable[[str], None] = lambda text: None
        self.is_called: Callable[[], None] = lambda: None
        self.has_read: Callable[[], None] = lambda: None
        self.has_missed: Callable[[], None] = lambda: None
        self.has_automated: Callable[[Mapping[str, Native]], None] = lambda before: None
        self.has_written: Callable[[Written, Mapping[str, Native]], None] = lambda written, before: None

    # set-up

    @abstractmethod
    def connect(self) -> Connector:
        """Return a new connector, as after a start of its process."""

    @abstractmethod
    def describe(self) -> str:
        """Return the habits of this vendor in a line."""

    @abstractmethod
    def choices(self) -> Sequence[Mapping[str, Any]]:
        """Return the choices that the admin has entered for this connection, as rows for `Store.put_choices`."""

    # people

    @abstractmethod
    def value(self, field: str, n: int) -> Native:
        """Return what a person enters for the n-th edit; each n another value where the field has room for that."""

    @abstractmethod
    def edit(self, field: str, value: Native) -> bool:
        """Let a person enter a value in the vendor's own pages; return False when that changes nothing."""

    # what the vendor really holds

    @abstractmethod
    def shows(self) -> Mapping[str, Native]:
        """Return what the deal holds at this moment, by canonical field name, as the vendor keeps it."""

    @abstractmethod
    def says(self, field: str, shown: Native) -> object:
        """Return the canonical meaning of a value that is shown here."""

    @abstractmethod
    def fits(self, field: str, canonical: object, shown: Native) -> bool:
        """Tell whether what is shown says `canonical` as well as this vendor can say it."""

    def takes(self, field: str, canonical: object) -> bool:
        """Tell whether this vendor takes such a value at all."""
        return True

    def status_of(self, stage: object) -> object:
        """Return the status that a canonical stage shows here, where the stage tells it."""
        return None

    @abstractmethod
    def deals(self) -> int:
        """Return how many deals the account holds."""

    # the way to the bridge

    @abstractmethod
    def hooks(self) -> list[Inbound]:
        """Return the webhooks that left since the last question."""

    @abstractmethod
    def arrive(self, store: Store, inbound: Inbound) -> None:
        """Let the bridge's receiver take one webhook."""

    # faults

    def meet(self, on: Literal["read", "write"]) -> Fate | None:
        """Return what happens to a call that starts now, and use it up."""
        for fate in self.fates:
            if fate.on == on:
                self.fates.remove(fate)
                return fate
        return None

    def wrote(self, written: Written, before: Mapping[str, Native]) -> None:
        """Note a write that was applied. Every side calls this, once for each."""
        self.written.append(written)
        self.has_written(written, before)

    def calm(self) -> None:
        """End every fault; credentials work again."""
        self.fates.clear()
