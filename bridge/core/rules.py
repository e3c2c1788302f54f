"""What the merge needs to know of each connection and of each field, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.core.errors import Unsayable
from bridge.core.fields import Choice, Field, Words, loosely_equal
from bridge.core.model import Canonical, Native

UNKNOWN = "unknown:"


@dataclass(frozen=True)
class Habits:
    """
    How a connection behaves, in milliseconds.

    lag: how stale a read by id may be. suspect: how long a replaced value may come back. timeout: a call without an
    answer is applied within it or never. react: how fast automations answer. scan: how often it is swept.
    """

    lag: int = 0
    suspect: int = 0
    timeout: int = 0
    react: int = 33_000
    scan: int = 900_000
    answer: Literal["stored", "unknown", "none"] = "unknown"


@dataclass(frozen=True)
class SideRules:
    """One connection: its fields, its habits and its words. order breaks ties of equal times."""

    connection: str
    fields: Mapping[str, Field]
    habits: Habits = field(default_factory=Habits)
    words: Words = field(default_factory=Words)
    order: int = 0
    paused: bool = False

    def decode(self, name: str, n: Native) -> Canonical:
        """Return the canonical value; an unmapped choice becomes `unknown:<connection>:<native>`."""
        c = self.fields[name].decode(n, self.words)
        if isinstance(self.fields[name], Choice) and isinstance(c, str) and c.startswith(UNKNOWN):
            return f"{UNKNOWN}{self.connection}:{n}"
        return c

    def understands(self, name: str, n: Native) -> bool:
        """Tell whether a native value can be decoded at all."""
        try:
            self.decode(name, n)
        except (ValueError, ArithmeticError):
            return False
        return True

    def encode(self, name: str, c: Canonical, scope: str = "") -> Native:
        """Return the native value that says `c` here; raises Unsayable."""
        return self.fields[name].encode(c, self.words, scope)

    def agrees(self, name: str, c: Canonical, n: Native) -> bool:
        """Tell whether a side that shows `n` already says `c`, as well as this vendor can."""
        if self.decode(name, n) == c:
            return True
        scope = str(n).rpartition("/")[0] if n else ""
        try:
            return self.fields[name].same(self.encode(name, c, scope), n)
        except Unsayable:
            return False

    def units(self, names: Iterable[str]) -> list[frozenset[str]]:
        """Return the fields in groups that only go together: a status goes with the stage that shows it."""
        groups: dict[str, set[str]] = {}
        for name in sorted(names):
            groups.setdefault(self.fields[name].via or name, set()).add(name)
        return [frozenset(group) for group in groups.values()]

    def explained(self, name: str, sent: Native, n: Native) -> bool:
        """Tell whether `n` is what this vendor makes of `sent`."""
        spec = self.fields[name]
        if isinstance(spec, Choice):
            return spec.same(sent, n)
        return spec.rewrites or spec.same(sent, n) or loosely_equal(sent, n)


@dataclass(frozen=True)
class Rules:
    """policies: field to `newest`, `source:<connection>`, `hold` or `off`; a field without one is `newest`."""

    sides: Mapping[str, SideRules]
    policies: Mapping[str, str] = field(default_factory=dict)

    def policy(self, name: str) -> str:
        return self.policies.get(name, "newest")
