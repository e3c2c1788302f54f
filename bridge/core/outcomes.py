"""How an attempt at a side ends, as labels out of a fixed list, so that they can be counted."""

from __future__ import annotations

from collections.abc import Sequence

# of a look, of a write, and of either when it fails; the first two are followed by the fields
LABELS = (
    "changed", "wrote", "echo", "not there", "first look", "same edit", "as stored", "lost", "unsettled",
    "refused", "failed", "dead",
)  # fmt: skip
OTHER = "other"
WITH_FIELDS = ("changed", "wrote")
# what a time from webhook to write is counted under, in seconds
WAITS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0)


def label_of(outcome: str) -> str:
    """Return the label of an outcome, or OTHER."""
    first = outcome.partition(" ")[0]
    return outcome if outcome in LABELS else first if first in WITH_FIELDS else OTHER


def fields_of(outcome: str) -> str:
    """Return the names of the fields that an outcome changed or wrote: `amount, stage`."""
    first, _, names = outcome.partition(" ")
    return names if first in WITH_FIELDS else ""


def accepted_at(cause: str) -> int | None:
    """
    Return when the delivery that caused an attempt came, in epoch milliseconds; None when none did.

    Deliveries are named by UUIDv7, which begin with that time; every other cause is a word.
    """
    if len(cause) != 36 or cause[14] != "7":
        return None
    try:
        return int(cause[:8] + cause[9:13], 16)
    except ValueError:
        return None


def within(ms: int, bounds: Sequence[float]) -> float:
    """Return the first of the rising `bounds`, in seconds, that a time does not exceed; infinity beyond the last."""
    return next((s for s in bounds if ms <= s * 1000), float("inf"))
