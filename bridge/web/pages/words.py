"""How pages say times and amounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bridge.core.speech import plainly

STEPS = ((60, "s"), (60, "min"), (24, "h"), (365, "d"))


def utc(when: datetime) -> str:
    """Return a time to the second, as people read it."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(when: datetime) -> str:
    """Return a time as machines read it."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(when: datetime, now: datetime) -> str:
    """Return how long ago something was, or how soon it will be."""
    s = (now - when).total_seconds()
    if abs(s) < 1:
        return "just now"
    return f"{span(s)} ago" if s > 0 else f"in {span(-s)}"


def span(s: float) -> str:
    """Return a length of time in its largest whole unit: 42 s, 3 min, 5 h, 12 d."""
    left = max(0, int(s))
    for size, unit in STEPS:
        if left < size or unit == "d":
            return f"{left} {unit}"
        left //= size
    raise AssertionError("days are the last unit")


def many(n: int, one: str, more: str = "") -> str:
    """Return a number with its noun: 1 deal, 2 deals, 1,204 deals."""
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def mark(vendor: str) -> str:
    """Return the letters that stand for a vendor."""
    known = {"getfly": "GF", "onlyoffice": "OO", "leadsquared": "LS", "plazbot": "PB", "leadconnector": "LC"}
    return known.get(vendor) or (vendor[:2].upper() or "?")


def query(address: str) -> str:
    """Return the query of an address, with its question mark, or nothing."""
    _, mark, found = address.partition("?")
    return mark + found


FILTERS: dict[str, Callable[..., Any]] = {
    "utc": utc,
    "iso": iso,
    "span": span,
    "many": many,
    "mark": mark,
    "query": query,
    "plainly": plainly,
}
