"""A schedule: what people do and what goes wrong, as data. One seed makes one schedule, and a part of it is one too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.sim.sides import Fate, Side

GAPS = (0, 1, 30, 200, 700, 3_000, 20_000, 120_000)
BRISK = (1, 30, 200, 700, 1_500, 3_000)
FOR = {"landed": "write", "denied": "write", "death_after": "write", "gone": "read"}
LATE = (400, 5_000, 90_000, 3 * 3_600_000)
Kind = Literal[
    "edit",
    "both",
    "agree",
    "revert",
    "after_read",
    "after_write",
    "fate",
    "hook",
    "pause",
    "crash",
    "stall",
    "mend",
    "decide",
]


@dataclass(frozen=True, order=True)
class Act:
    """
    One thing that happens. at: ms after the start.

    edit: a person edits. both: two people edit one field on two sides at once. agree: a person enters the name of
    one side everywhere. revert: a person takes back the latest
    change. after_read, after_write: a person edits just when the bridge has next read, or written, this side. fate:
    of the next call. hook: of the next webhook (-1: lost, 0: twice, else ms late). pause: another deal's call was over
    the limit, so that the connection pauses for n ms. crash: a process dies at its n-th step. stall: a process freezes
    for n ms at its `steps`-th step. mend: a person takes this side out of its link, splits it off, puts it back, or
    merges the link it is in with that of the other side: what there is to do, and n where there are several. decide: a
    person says at the bridge that this side's value stands, if it is held.
    """

    at: int
    kind: Kind
    side: str = ""
    field: str = ""
    n: int = 0
    other: str = ""
    fate: Fate | None = None
    steps: int = 0


@dataclass(frozen=True)
class Menu:
    """
    How often each kind of act comes, as shares, and what faults there are. fields: those that people quarrel about;
    empty: any. acts: how many, at most. gaps: between them, in ms.
    """

    edit: float = 1.0
    both: float = 0.0
    agree: float = 0.0
    revert: float = 0.0
    sneak: float = 0.0
    fate: float = 0.0
    hook: float = 0.0
    pause: float = 0.0
    crash: float = 0.0
    stall: float = 0.0
    mend: float = 0.0
    decide: float = 0.0
    blows: tuple[str, ...] = ("refused", "broken", "throttled", "lost", "landed")
    hot: tuple[str, ...] = ()
    acts: int = 9
    processes: int = 1
    gaps: tuple[int, ...] = GAPS


def schedule(menu: Menu, sides: Sequence[Side], dice: Random) -> tuple[Act, ...]:
    """Return a random schedule, in order of time."""
    kinds = {
        "edit": menu.edit,
        "both": menu.both,
        "agree": menu.agree,
        "revert": menu.revert,
        "after_read": menu.sneak / 2,
        "after_write": menu.sneak / 2,
        "fate": menu.fate,
        "hook": menu.hook,
        "pause": menu.pause,
        "crash": menu.crash,
        "stall": menu.stall,
        "mend": menu.mend,
        "decide": menu.decide,
    }
    names = [k for k, share in kinds.items() if share]
    hot = menu.hot or tuple(dice.sample(sorted(set().union(*(s.fields for s in sides))), 3))
    at, acts = 0, []
    for n in range(dice.randint(2, menu.acts)):
        at += dice.choice(menu.gaps)
        kind = dice.choices(names, [kinds[k] for k in names])[0]
        acts.append(_act(at, kind, n + 1, menu, sides, hot, dice))
    return tuple(acts)


def _act(at: int, kind: str, n: int, menu: Menu, sides: Sequence[Side], hot: tuple[str, ...], dice: Random) -> Act:
    side = dice.choice(sides)
    if kind == "crash":
        return Act(at, "crash", n=dice.randint(0, 40), side=str(dice.randrange(menu.processes)))
    if kind == "stall":
        ms, steps = dice.choice((500, 40_000, 61_000, 130_000)), dice.randint(0, 30)
        return Act(at, "stall", n=ms, side=str(dice.randrange(menu.processes)), steps=steps)
    if kind == "mend":
        other = dice.choice([s.name for s in sides if s is not side])
        return Act(at, "mend", side.name, n=dice.randint(0, 5), other=other)
    if kind == "pause":
        return Act(at, "pause", side.name, n=dice.choice((2_000, 20_000)))
    if kind == "fate":
        blow = dice.choice(menu.blows)
        on = FOR.get(blow) or dice.choice(("read", "write", "write"))
        timeout = side.habits.timeout
        ms = {
            "landed": max(dice.randint(0, timeout), dice.randint(0, timeout)),
            "gone": dice.choice((0, 3_000, 90_000)),
        }.get(blow, 0)
        return Act(at, "fate", side.name, fate=Fate(on, blow, ms))  # type: ignore[arg-type]
    if kind == "hook":
        return Act(at, "hook", side.name, n=dice.choice((-1, 0, *LATE)))
    mine = [f for f in hot if f in side.fields]
    name = dice.choice(mine) if mine and dice.random() < 0.85 else dice.choice(side.fields)
    other = ""
    if kind == "both":
        others = [s.name for s in sides if s is not side and name in s.fields]
        if not others:
            kind = "edit"
        else:
            other = dice.choice(others)
    return Act(at, kind, side.name, name, n, other)  # type: ignore[arg-type]
