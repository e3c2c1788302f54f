"""When to try again."""

from __future__ import annotations

from bridge.core.errors import Transient

BASE_MS = 4_000
CAP_MS = 15 * 60_000
RETRY_AFTER_MS_MAX = 3_600_000
TRIES_MIN = 8
AGE_MS = 24 * 3_600_000


def next_try(error: Transient, fails: int, failing_since: int, now: int, dice: float) -> int | None:
    """
    Return when to try again in epoch milliseconds, or None when this is dead: after a day, and not a few tries.

    fails: tries that failed, this one included. failing_since: when the first of them failed. dice: uniform in [0, 1).
    A vendor that asks for a pause gets all of it (an hour at most) and does not count as a failure. Other faults wait a
    random time, up to as long again as they have lasted: how often webhooks have made us try meanwhile changes nothing.
    """
    if error.after_s is not None:
        return now + min(RETRY_AFTER_MS_MAX, int(error.after_s * 1000)) + int(dice * 1000)
    step = min(CAP_MS, BASE_MS + now - failing_since)
    if error.whole:
        return now + step // 2 + int(dice * step / 2)
    if fails >= TRIES_MIN and now - failing_since > AGE_MS:
        return None
    return now + int(dice * step)
