"""How the bridge does, at a glance."""

from __future__ import annotations

from bridge.desk import Desk, Value


class Waits(Value):
    """How much waits for a person."""

    holds: int
    dead: int


def waits(desk: Desk) -> Waits:
    """Return how much waits for a person."""
    return Waits(**desk.store.waits())
