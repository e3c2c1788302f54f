"""When somebody is told that a connection needs a look: at rising levels, each once, and once when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

CALM_MS = 300_000  # how long a value must stay below a level before that is believed


@dataclass(frozen=True)
class Told:
    """
    What somebody was told. level: from 1 on. since: when level 1 was reached. below_since: since when the value has
    been below the level; None: it is not. peak: the highest level that it had in that time.
    """

    level: int
    since: int
    below_since: int | None = None
    peak: int = 0


@dataclass(frozen=True)
class Step:
    """keep: what is to be remembered, None for nothing. alert: the level to tell, 0 for the end; None for nothing."""

    keep: Told | None
    alert: int | None = None


def level_of(value: float, thresholds: Sequence[float]) -> int:
    """Return how many of the rising thresholds a value has reached."""
    return sum(value >= threshold for threshold in thresholds)


def step(told: Told | None, level: int, now: int) -> Step:
    """
    Return what follows from the level of now.

    A rise is told at once. A fall counts after CALM_MS, and then to the highest level of that time, so that a value
    that goes up and down is told once.
    """
    if told is None:
        return Step(Told(level, now), level) if level else Step(None)
    if level >= told.level:
        return Step(Told(level, told.since), level if level > told.level else None)
    below_since = now if told.below_since is None else told.below_since
    peak = max(told.peak if told.below_since is not None else 0, level)
    if now - below_since < CALM_MS:
        return Step(replace(told, below_since=below_since, peak=peak))
    if peak == 0:
        return Step(None, 0)
    return Step(Told(peak, told.since, now if level < peak else None, level))


def sentence(connection: str, what: str, level: int, value: float, why: str = "") -> str:
    """
    Return what a person reads.

    what: `lag`, how late it is; `holds`, what waits for a person; `dead`, what was given up; `refused`, that it refuses
    the bridge, and `why`; `breaker`, how long most of its calls have failed. value: seconds, or how many.
    """
    if not level:
        over = {
            "lag": "changes are carried in time again",
            "holds": "nothing waits for a person any more",
            "dead": "no dead letter is left",
            "refused": "it takes the bridge's calls again",
            "breaker": "its calls succeed again",
        }
        return f"{connection}: {over[what]}"
    n = int(value)
    told = {
        "lag": f"changes have waited for {_minutes(value)}",
        "holds": "1 change waits for a person" if n == 1 else f"{n} changes wait for a person",
        "dead": "1 dead letter: work was given up" if n == 1 else f"{n} dead letters: work was given up",
        "refused": f"it refuses the bridge, and is paused until somebody mends it: {why}",
        "breaker": f"most of its calls have failed for {_minutes(value)}",
    }
    return f"{connection}: {told[what]}"


def _minutes(s: float) -> str:
    minutes = int(s / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
