"""What may go wrong together: each scenario is a kind of company, its CRMs with their habits, and what people do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from bridge.store import Store
from tests.sim import wire
from tests.sim.acts import BRISK, Menu
from tests.sim.fake import FakeSide, Manners
from tests.sim.loop import Loop
from tests.sim.sides import Side

Draw = Callable[[Random, int], Manners]


def nothing(store: Store, sides: Sequence[Side], now: int) -> None:
    """Sides on the fake need nothing but their choices."""


@dataclass(frozen=True)
class Scenario:
    """
    sides: makes them. policies: field to rule, as in the settings. threads: of each worker process. fights:
    automations answer each other. power: a death takes all processes, and what was not synced to the disk, or a part
    of it. share: how often it is played, against the others.
    """

    name: str
    sides: Callable[[Loop, Random], Sequence[Side]]
    menu: Menu = field(default_factory=Menu)
    policies: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    fights: bool = False
    power: bool = False
    prepare: Callable[[Store, Sequence[Side], int], None] = nothing
    share: int = 1


def fakes(draw: Draw, most: int = 3) -> Callable[[Loop, Random], Sequence[Side]]:
    """Return a maker of two sides or more, each with the manners that `draw` gives it."""

    def make(loop: Loop, dice: Random) -> Sequence[Side]:
        names = "abcd"[: dice.randint(2, most)]
        return [FakeSide(loop, n, i, draw(dice, i), Random(dice.random())) for i, n in enumerate(names)]

    return make


def _plain(dice: Random, i: int) -> Manners:
    return Manners(stamped=dice.random() < 0.5, answer=dice.choice(("stored", "unknown", "none")))


def _lag(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), lag=dice.choice((0, 1_000, 8_000)))


def _slow(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), slow=35_000, stamped=False)


def _replaces(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), replaces=dice.random() < 0.7, lag=dice.choice((0, 0, 2_000, 8_000)))


def _polled(dice: Random, i: int) -> Manners:
    hooks = dice.random() < 0.4
    return replace(_plain(dice, i), hooks=hooks, scan=600_000 if hooks else 200_000)


def _lossy(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), lossy=i == 1)


def _tidy(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), tidy=dice.random() < 0.7, odd=True)


def _recut(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), recut=dice.random() < 0.7, lag=dice.choice((0, 1_000)))


def _marks(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), bot="mark" if i < 2 else "", react=33_000)


def _derives(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), bot="derive" if i == 0 else "", react=33_000)


def _by_stage(dice: Random, i: int) -> Manners:
    return replace(_polled(dice, i), lag=_lag(dice, i).lag, status="by_stage" if i == 1 else "apart")


def _unswept(dice: Random, i: int) -> Manners:
    return replace(_lag(dice, i), scan=0)


def _picky(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), picky=i == 1)


def _shortens(dice: Random, i: int) -> Manners:
    return replace(_lag(dice, i), answer="stored", shortens=True)


def _differs(dice: Random, i: int) -> Manners:
    return replace(_plain(dice, i), differs=i > 0, lag=dice.choice((0, 1_000)))


def _stamped(dice: Random, i: int) -> Manners:
    return Manners(answer=dice.choice(("stored", "unknown", "none")))


def _any(dice: Random, i: int) -> Manners:
    made = _polled(dice, i)
    return replace(
        made, lag=dice.choice((0, 1_000, 8_000)), lossy=i == 1 and dice.random() < 0.5, replaces=dice.random() < 0.3,
        tidy=dice.random() < 0.5, odd=True,
    )  # fmt: skip


RULES = {"name": "source:a", "amount": "source:b", "description": "newest"}


def five(**odds: float) -> Callable[[Loop, Random], Sequence[Side]]:
    """Return a maker of two or three of the five real connectors' sides, now and then of all; odds: see `wires`."""

    def make(loop: Loop, dice: Random) -> Sequence[Side]:
        many = dice.choice((2, 2, 2, 3, 3, 5))
        return wire.wires(loop, dice, sorted(dice.sample(wire.NAMES, many)), **odds)

    return make


FAULTY = Menu(edit=1, sneak=0.15, fate=0.7, hook=0.15)
DEADLY = Menu(edit=1, sneak=0.15, fate=0.4, crash=0.4, hook=0.2, blows=("death", "death_after", "lost"))
DOUBTFUL = Menu(edit=1, fate=1, blows=("landed", "landed", "lost"), hot=("name",), gaps=BRISK)
COUPLED = Menu(sneak=0.2, fate=0.3, hook=0.2, crash=0.2, hot=("stage", "status", "name"))
LATE_LANDINGS = Menu(
    edit=1, fate=0.5, blows=("landed",), hot=("name", "probability"), gaps=(100, 700, 1_500), acts=14
)  # fmt: skip
FROZEN = Menu(edit=1, stall=0.5, hot=("name",), gaps=(30, 700, 20_000, 62_000), processes=2)
WILD = Menu(edit=1, both=0.15, revert=0.2, sneak=0.3, fate=0.4, hook=0.3, crash=0.3, stall=0.15)
MENDED = Menu(edit=1, sneak=0.2, fate=0.4, hook=0.2, mend=0.8, blows=("lost", "landed", "broken"), acts=14)
DISPUTED = Menu(
    edit=0.4, both=0.8, decide=1.0, sneak=0.2, fate=0.3, hook=0.1, crash=0.1, stall=0.1, hot=("name",), acts=14
)  # fmt: skip
EVERY_BLOW = ("refused", "broken", "throttled", "unauthorized", "denied", "lost", "landed")

SCENARIOS: Mapping[str, Scenario] = {
    s.name: s
    for s in (
        Scenario("plain", fakes(_plain), Menu(both=0.2, sneak=0.3, revert=0.1, hook=0.2)),
        Scenario("lag", fakes(_lag), Menu(both=0.1, sneak=0.4, revert=0.2, hook=0.2)),
        Scenario("slow reads", fakes(_slow), Menu(hook=0.2)),
        Scenario("faults", fakes(_lag), FAULTY),
        Scenario("doubt", fakes(_plain), DOUBTFUL),
        Scenario("late landings", fakes(_plain), LATE_LANDINGS),
        Scenario("frozen workers", fakes(_plain), FROZEN),
        Scenario("no sweeps", fakes(_unswept), replace(FAULTY, hook=0, revert=0.3, pause=0.2)),
        Scenario("deaths without sweeps", fakes(_unswept), replace(DEADLY, hook=0), threads=2),
        Scenario("flickering", fakes(_lag), replace(FAULTY, blows=("gone",))),
        Scenario("picky", fakes(_picky), Menu(sneak=0.2, hot=("name", "amount"))),
        Scenario("pauses", fakes(_unswept), Menu(sneak=0.2, pause=0.7, gaps=BRISK)),
        Scenario("dead credentials", fakes(_plain), replace(FAULTY, blows=EVERY_BLOW)),
        Scenario("crashes", fakes(_lag), DEADLY, threads=2),
        Scenario("deaths in calls", fakes(_plain), replace(FAULTY, fate=1, blows=("death", "death_after"))),
        Scenario("losses of power", fakes(_unswept), replace(DEADLY, hook=0), threads=2, power=True, share=2),
        Scenario("two processes", fakes(_lag), replace(DEADLY, stall=0.5, processes=2)),
        Scenario("polling", fakes(_polled), Menu(both=0.1, sneak=0.2, hook=0.5)),
        Scenario("late hooks", fakes(_lag), Menu(sneak=0.1, hook=1.5, revert=0.2)),
        Scenario("hooks at once", fakes(_unswept), Menu(hook=1.0, gaps=(1, 2, 3, 5, 30), acts=16), threads=3),
        Scenario("lossy", fakes(_lossy), Menu(sneak=0.2, hook=0.2, hot=("stage",))),
        Scenario("tidy", fakes(_tidy), Menu(sneak=0.2, fate=0.3, hook=0.2)),
        Scenario("shortened", fakes(_shortens), Menu(sneak=0.6, hot=("name",), gaps=BRISK)),
        Scenario("differing", fakes(_differs), Menu(sneak=0.2, fate=0.2)),
        Scenario("recut", fakes(_recut), Menu(sneak=0.3, hot=("name", "amount"))),
        Scenario("replaces", fakes(_replaces), Menu(sneak=0.8, hook=0.2)),
        Scenario(
            "status by stage",
            fakes(_by_stage),
            Menu(sneak=0.2, fate=0.3, hook=0.2, crash=0.2, hot=("stage", "status", "name")),
        ),
        Scenario("one automation", fakes(_derives), Menu(hot=("stage",))),
        Scenario("fighting automations", fakes(_marks), Menu(hot=("name",), acts=4), fights=True),
        Scenario("a source", fakes(_stamped), Menu(both=1.0, hot=("name", "amount", "description")), policies=RULES),
        Scenario("a hold", fakes(_stamped), Menu(both=0.4, agree=0.3, hot=("name",)), policies={"name": "hold"}),
        Scenario("decisions", fakes(_lag), DISPUTED, policies={"name": "hold"}, threads=2),
        Scenario("five: plain", five(), Menu(both=0.2, sneak=0.3, revert=0.1), prepare=wire.prepare),
        Scenario("five: faults", five(), FAULTY, prepare=wire.prepare),
        Scenario("five: deaths", five(), DEADLY, prepare=wire.prepare, threads=2),
        Scenario("five: losses of power", five(), DEADLY, prepare=wire.prepare, threads=2, power=True),
        Scenario("five: anything", five(), replace(WILD, acts=12), prepare=wire.prepare),
        Scenario("mended links", fakes(_plain), MENDED, share=2),
        Scenario(
            "mended links and deaths",
            fakes(_plain, most=4),
            replace(MENDED, crash=0.3, stall=0.3, blows=("landed", "death", "death_after", "lost"), processes=2),
            threads=2,
        ),
        Scenario("everything", fakes(_any, most=4), replace(WILD, acts=14), threads=2, share=4),
    )
}
