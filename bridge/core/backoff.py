"""When to try again."""

from __future__ import annotations

from bridge.core.errors import Transient

BASE_MS = 2_000
CAP_MS = 15 * 60_000
RETRY_AFTER_MS_MAX = 3_600_000
TRIES_MAX = 8
AGE_MS_MAX = 24 * 3_600_000


def next_try(error: Transient, fails: int, failing_since: int, now: int, dice: float) -> int | None:
    """
    Return when to try again in epoch milliseconds, or None when this is dead.

    fails: tries that failed, this one included. failing_since: when the first of them failed. dice: uniform in [0, 1).
    A vendor that asks for a pause gets all of it (an hour at most) and does not count as a failure; other faults wait
    a random time under a cap that doubles.
    """
    if error.after_s is not None:
        return now + min(RETRY_AFTER_MS_MAX, int(error.after_s * 1000)) + int(dice * 1000)
    if error.whole:
        step = min(CAP_MS, BASE_MS << fails)
        return now + step // 2 + int(dice * step / 2)
    if fails >= TRIES_MAX or now - failing_since > AGE_MS_MAX:
        return None
    return now + int(dice * float(min(CAP_MS, BASE_MS << fails)))
