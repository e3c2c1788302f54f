"""The simulation itself: one seed is one history, the judge has eyes, and what it finds is told in plain words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sim.judge import Judge
from tests.sim.mutants import MUTANTS, Mutant, switched_off
from tests.sim.scenarios import SCENARIOS
from tests.sim.shrink import broken, shrunken, told
from tests.sim.sides import Broken
from tests.sim.stepped import SteppedStore
from tests.sim.world import World
from tests.store.raw import raw

ROOT = Path(__file__).parent.parent.parent
PRINT = (
    "from tests.sim.shrink import broken; from tests.sim.scenarios import SCENARIOS\n"
    "from tests.sim.test_sim import history\n"
    "print(history({name!r}, {seed}))"
)


def history(name: str, seed: int) -> tuple[object, ...]:
    """Return all that happened in a schedule."""
    verdict, world = played(name, seed)
    return verdict, *told_by(world)


def told_by(world: World) -> tuple[object, ...]:
    journal = [tuple(r) for r in world.store.db.query("SELECT * FROM journal ORDER BY id")]
    return world.story, world.loop.steps, journal


def played(name: str, seed: int) -> tuple[Broken | None, World]:
    verdict, world = broken(SCENARIOS[name], seed)
    return verdict, world or calmed(name, seed)


def calmed(name: str, seed: int) -> World:
    world = World(SCENARIOS[name], seed)
    world.play()
    world.calm()
    return world


@pytest.mark.parametrize("name", ["everything", "two processes", "five: anything"])
def test_one_seed_is_one_history_in_every_process(name: str) -> None:
    first = str(history(name, 3))
    for salt in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PRINT.format(name=name, seed=3)],
            cwd=ROOT,
            env={"PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == first


@pytest.mark.parametrize("name", [name for name, s in SCENARIOS.items() if not s.power])
def test_a_schedule_is_the_same_history_on_postgresql(
    name: str, postgres: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = calmed(name, 5)
    monkeypatch.setattr(SteppedStore, "address", postgres(tmp_path))
    there = calmed(name, 5)
    Judge(there).verdict()
    assert told_by(there) == told_by(here)
    there.store.db.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_first_schedule_of_each_scenario_holds(name: str) -> None:
    assert broken(SCENARIOS[name], 12)[0] is None  # 12: it is replayed, and a last edit is made


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_fits_the_code_and_leaves_no_trace(name: str) -> None:
    with switched_off(MUTANTS[name]):
        pass
    assert broken(SCENARIOS["plain"], 1)[0] is None


def test_a_mutant_that_the_code_has_left_behind_is_refused() -> None:
    old = Mutant("old", "bridge.core.merge:Merge.observe", "no such text", "", ("plain",))
    with pytest.raises(ValueError, match="not once in"), switched_off(old):
        pass


def test_what_breaks_a_rule_is_shrunken_and_told_in_plain_words() -> None:
    name, seed = "lag", 2
    with switched_off(MUTANTS["R3 a change seen too early waits"]):
        verdict, world = broken(SCENARIOS[name], seed)
        assert verdict is not None and world is not None
        least, small = shrunken(SCENARIOS[name], seed, verdict.rule)
        text = told(least, small)
    assert len(small.acts) < len(world.acts)
    assert f"scenario {name!r}, seed {seed}" in text
    assert "a person sets" in text and "broken by: t=" in text


TAMPERED = {
    "I2": "UPDATE hub SET value = '\"another\"' WHERE field = 'name'",
    "I3": "DELETE FROM journal WHERE what IN ('set', 'settled_equal', 'lost')",
    "I12": "UPDATE delivery SET outcome = ''",
    "R15": "INSERT INTO journal SELECT 'z', at, link, connection, field, 'gone', NULL, NULL, NULL, '', '' FROM journal",
}


@pytest.mark.parametrize("rule", TAMPERED)
def test_the_judge_sees_what_was_tampered_with(rule: str) -> None:
    world = next(w for w in (calmed("plain", seed) for seed in range(1, 50)) if edited_twice(w))
    Judge(world).verdict()
    raw(world.store).execute(TAMPERED[rule].replace("SELECT 'z'", "SELECT id || 'z'"))
    with pytest.raises(Broken) as seen:
        Judge(world).verdict()
    assert seen.value.rule == rule


def edited_twice(world: World) -> bool:
    """Tell whether a name was edited on two sides, so that one of them must have given way."""
    names = [e for e in world.edits if e.field == "name"]
    return len({e.side for e in names}) > 1 and len(names) > 1
