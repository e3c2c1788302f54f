"""
Play thousands of schedules on virtual time, and prove with mutants that the judge has teeth.

    python -m tests.sim --schedules 100000 --seed 1
    python -m tests.sim --schedules 200 --no-mutants --postgres
    python -m tests.sim --replay "two processes" 82
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

from tests import postgres
from tests.postgres import emptied
from tests.sim.mutants import MUTANTS, switched_off
from tests.sim.scenarios import SCENARIOS
from tests.sim.shrink import broken, shrunken, told
from tests.sim.stepped import SteppedStore

CHUNK = 25
HUNT_MAX = 400
TOLD_MAX = 3
PROGRESS_S = 5.0


@dataclass(frozen=True)
class Played:
    """What a chunk of schedules has shown. violations: scenario, seed, rule and text of each."""

    schedules: int
    violations: tuple[tuple[str, int, str, str], ...]


@dataclass(frozen=True)
class Hunted:
    """Whether a mutant was caught, by which verdict, and how many schedules that took."""

    mutant: str
    caught: bool
    schedules: int
    verdict: str


def play(scenario: str, first: int, count: int) -> Played:
    found = []
    for seed in range(first, first + count):
        verdict = broken(SCENARIOS[scenario], seed)[0]
        if verdict is not None:
            found.append((scenario, seed, verdict.rule, str(verdict)))
    return Played(count, tuple(found))


def hunt(name: str, first: int) -> Hunted:
    mutant = MUTANTS[name]
    with switched_off(mutant):
        for n in range(HUNT_MAX):
            scenario = SCENARIOS[mutant.scenarios[n % len(mutant.scenarios)]]
            verdict = broken(scenario, first + n // len(mutant.scenarios))[0]
            if verdict is not None:
                return Hunted(name, True, n + 1, str(verdict))
    return Hunted(name, False, HUNT_MAX, "")


def shares(schedules: int, only: str = "") -> Iterator[tuple[str, int]]:
    """Yield how many schedules each scenario gets, by its share; at least one."""
    chosen = [s for s in SCENARIOS.values() if only in s.name]
    whole = sum(s.share for s in chosen)
    for s in chosen:
        yield s.name, max(1, round(schedules * s.share / whole))


def jobs(schedules: int, seed: int, only: str, mutants: bool) -> list[Callable[[], Any]]:
    """Return the work in pieces: the hunts first, then chunks of every scenario in turn."""
    pieces = [
        (first, partial(play, name, first, min(CHUNK, seed + count - first)))
        for name, count in shares(schedules, only)
        for first in range(seed, seed + count, CHUNK)
    ]
    pieces.sort(key=lambda piece: piece[0])
    return [partial(hunt, name, seed) for name in MUTANTS if mutants] + [piece for _, piece in pieces]


def _run(job: Callable[[], Any]) -> Any:
    logging.disable(logging.CRITICAL)
    return job()


def _use(server: str) -> None:
    """Let this process play on a schema of its own."""
    SteppedStore.address = emptied(server, f"sim_{os.getpid()}") if server else ""


def main() -> int:
    given = _parser().parse_args()
    with postgres.server() if given.postgres else nullcontext("") as server:
        return hunt_and_play(given, server)


def hunt_and_play(given: argparse.Namespace, server: str) -> int:
    """Do what is asked for on SQLite, or on a PostgreSQL server if there is one; return the exit code."""
    _use(server)
    if given.replay:
        return replay(given.replay[0], int(given.replay[1]))
    work = jobs(given.schedules, given.seed, given.only, given.mutants)
    whole, done, hunted = sum(n for _, n in shares(given.schedules, given.only)), 0, list[Hunted]()
    violations: list[tuple[str, int, str, str]] = []
    began = spoke = time.monotonic()
    with get_context("fork").Pool(given.jobs, _use, (server,)) as pool:
        for result in pool.imap_unordered(_run, work):
            if isinstance(result, Hunted):
                hunted.append(result)
            else:
                done += result.schedules
                for violation in result.violations:
                    violations.append(violation)
                    print(f"VIOLATION in {violation[0]!r}, seed {violation[1]}: {violation[3]}", flush=True)
            if time.monotonic() - spoke > PROGRESS_S:
                spoke = time.monotonic()
                pace = done / (spoke - began)
                text = f"{done} of {whole} schedules, {pace:.0f} a second, {len(violations)} violations"
                print(f"{text}, {len(hunted)} mutants hunted", flush=True)
    return report(whole, violations, hunted, time.monotonic() - began, given.seed)


def report(
    schedules: int, violations: list[tuple[str, int, str, str]], hunted: list[Hunted], seconds: float, seed: int
) -> int:
    """Print the shrunken violations, the mutants and the last line; return the exit code."""
    for scenario, one, rule, _ in violations[:TOLD_MAX]:
        print()
        print(told(*shrunken(SCENARIOS[scenario], one, rule)), flush=True)
    if hunted:
        print("\nschedules  mutant")
    for h in sorted(hunted, key=lambda h: (h.caught, h.schedules)):
        print(f"{h.schedules:9}  {h.mutant}: {h.verdict[:100] if h.caught else 'SURVIVED'}")
    caught = sum(h.caught for h in hunted)
    print(f"\nseed {seed}, {seconds:.0f} s, {schedules / seconds:.0f} schedules a second")
    print(f"sim: {schedules} schedules, {len(violations)} violations, {caught} of {len(hunted)} mutants caught")
    return 1 if violations or caught < len(hunted) else 0


def replay(scenario: str, seed: int) -> int:
    """Play one schedule and tell it, shrunken if it breaks a rule."""
    if scenario not in SCENARIOS:
        print(f"there is no scenario {scenario!r}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    verdict = broken(SCENARIOS[scenario], seed)[0]
    if verdict is None:
        print(f"scenario {scenario!r}, seed {seed}: everything holds")
        return 0
    print(told(*shrunken(SCENARIOS[scenario], seed, verdict.rule)))
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.sim", description=__doc__.split("\n\n")[0])
    parser.add_argument("--schedules", type=int, default=2_000, help="how many, over all scenarios (2000)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed of each scenario (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes side by side (one a core)")
    parser.add_argument("--only", default="", help="only scenarios with this in their name")
    parser.add_argument("--no-mutants", dest="mutants", action="store_false", help="leave the mutants out")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server, not on SQLite in memory")
    parser.add_argument("--replay", nargs=2, metavar=("SCENARIO", "SEED"), help="play one schedule and tell it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
