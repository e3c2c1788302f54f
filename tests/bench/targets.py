"""What the bridge should reach, and whether it does. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.bench.figures import Sample

Results = Mapping[tuple[str, str], Sample]
LONG = 100_000
BARE, INSERT, QUEUE, LOOPS = "a bare", "b insert", "c huey", "d loops"


@dataclass(frozen=True)
class Memory:
    """
    Resident memory of one system, all its processes together, in MB. idle: started, nothing done. loaded: the most
    that was seen. web: how much of that is gunicorn's. once: the same, but pages that processes share counted once.
    growth: what came on top in a long run after its first tenth, as a share; NaN without one. edits: of that run.
    """

    idle: float
    loaded: float = math.nan
    web: float = math.nan
    once: float = math.nan
    growth: float = math.nan
    edits: int = 0


@dataclass(frozen=True)
class Verdict:
    """One target. value: NaN where it was not measured."""

    text: str
    value: float
    bound: float
    at_least: bool

    @property
    def measured(self) -> bool:
        return not math.isnan(self.value)

    @property
    def met(self) -> bool:
        return self.measured and (self.value >= self.bound if self.at_least else self.value <= self.bound)


def figure(results: Results, scene: str, system: str, what: str) -> float:
    """Return one figure of the table; NaN when it was not measured."""
    found = results.get((scene, system))
    return math.nan if found is None else float(getattr(found, what))


def ratio(results: Results, scene: str, bridge: str, rival: str, what: str = "per_s") -> float:
    above, below = figure(results, scene, bridge, what), figure(results, scene, rival, what)
    return above / below if below else math.nan


def verdicts(results: Results, bridge: str, memory: Memory | None = None) -> list[Verdict]:
    """Return how one bridge stands beside its rivals."""
    over = Ratios(results, bridge)
    ack = figure(results, "ack64", bridge, "p99_ms") / figure(results, "ack64", bridge, "p50_ms")
    held = Memory(math.nan) if memory is None else memory
    growth = held.growth if held.edits >= LONG else math.nan
    return [
        Verdict("acknowledgements at 64, of (a)", over("ack64", BARE), 0.75, True),
        Verdict("acknowledgements at 64, of (b)", over("ack64", INSERT), 1.8, True),
        Verdict("acknowledgement at 64, p99 of p50", ack, 3.0, False),
        Verdict("calls of the delivery side, of (d)", over("calls", LOOPS, "calls_per_s"), 0.8, True),
        Verdict("the same, 4 targets", over("calls4", LOOPS, "calls_per_s"), 0.8, True),
        Verdict("edits, 1 target, of (c)", over("full", QUEUE), 0.5, True),
        Verdict("edits in bursts, of (c)", over("burst", QUEUE), 3.0, True),
        Verdict("webhook to PUT at low load, p50, of (c)", over("low", QUEUE, "p50_ms"), 0.6, False),
        Verdict("calls to a slow target, of (d)", over("slow", LOOPS, "calls_per_s"), 0.9, True),
        Verdict("memory, loaded, MB", held.loaded, 200.0, False),
        Verdict(f"memory, growth over {LONG:,} edits", growth, 0.05, False),
    ]


@dataclass(frozen=True)
class Ratios:
    """The ratios of one bridge to its rivals."""

    results: Results
    bridge: str

    def __call__(self, scene: str, rival: str, what: str = "per_s") -> float:
        return ratio(self.results, scene, self.bridge, rival, what)


def size_verdicts(results: Results, small: str, large: str) -> list[Verdict]:
    """Return what is left of the speed of a small bridge in a large one."""
    kept: Callable[[str], float] = lambda scene: ratio(results, scene, large, small)  # noqa: E731
    return [
        Verdict("acknowledgements at 64, kept when large", kept("ack64"), 0.9, True),
        Verdict("edits, 1 target, kept when large", kept("full"), 0.9, True),
    ]


def summary(what: str, found: list[Verdict]) -> str:
    """Return the last line. Targets that were not measured do not count."""
    measured = [v for v in found if v.measured]
    return f"bench: {what}; {sum(v.met for v in measured)} of {len(measured)} targets met"
