"""Another process on a store, to race with or to kill: `python -m tests.store.process claim|draw|write <address>`."""

from __future__ import annotations

import os
import sys

from bridge.core.grants import Ask, Limits
from bridge.core.model import Effects, Entry, Hub, Shadow
from bridge.store import Store
from tests.store.contract import LEASE, NOW, hook


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def claim(store: Store) -> None:
    """Claim links until there are none, and print them."""
    while (claim := store.claim("w", NOW, LEASE)) is not None:
        say(claim.link)


def draw(store: Store) -> None:
    """Be sixty processes that each want a call, of the 120 that two of us can have; print what each got."""
    for n in range(60):
        say(str(store.draw("a", f"{os.getpid()} {n}", Ask((), 0, 1), Limits(120, 60_000, 120, 60_000), NOW).calls))


def write(store: Store) -> None:
    """Accept deliveries, print each that is safe, and save a link between them, for ever."""
    before = store.connections().get("a")
    now = before["heard_at"] + LEASE if before else NOW
    while True:
        now += LEASE
        say(hook(store, now=now))
        claim = store.claim("w", now, LEASE)
        assert claim is not None, "the lease of the process before has lapsed"
        link = store.load(claim)
        version = link.hubs["name"].version + 1 if link.hubs else 1
        link.hubs["name"] = Hub("x" * 500, version, now, "a")
        link.sides["a"].shadows["name"] = Shadow("x" * 500, version, now)
        store.save(claim, link, now, effects=Effects(journal=[Entry(now, "a", "name", "set", version=version)]))


if __name__ == "__main__":
    {"claim": claim, "draw": draw, "write": write}[sys.argv[1]](Store(sys.argv[2]))
