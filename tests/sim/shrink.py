"""From a schedule that breaks a rule to the shortest part of it that still does, told in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from tests.sim.acts import Act
from tests.sim.judge import trial
from tests.sim.scenarios import Scenario
from tests.sim.sides import Broken
from tests.sim.world import World

TRIES_MAX = 300


def broken(scenario: Scenario, seed: int, acts: Sequence[Act] | None = None) -> tuple[Broken | None, World | None]:
    """Play one schedule to its verdict; return what broke, or None, and the world in which it did."""
    world = None
    try:
        world = World(scenario, seed, acts)
        trial(world)
    except Broken as verdict:
        return verdict, world
    finally:
        if world is not None:
            world.loop.close()
    return None, None


def shrunken(scenario: Scenario, seed: int, rule: str) -> tuple[Broken, World]:
    """Return the verdict and the world of the shortest part found of a schedule that breaks `rule`."""
    best = broken(scenario, seed)
    if best[1] is None:
        raise ValueError(f"{scenario.name} {seed} breaks nothing")
    acts, tries, size = list(best[1].acts), 0, len(best[1].acts) // 2
    while size:
        at = 0
        while at < len(acts) and tries < TRIES_MAX:
            fewer, tries = acts[:at] + acts[at + size :], tries + 1
            found = broken(scenario, seed, fewer)
            if found[0] is not None and found[0].rule == rule:
                acts, best = fewer, found
            else:
                at += size
        size //= 2
    assert best[0] is not None and best[1] is not None
    return best[0], best[1]


def told(verdict: Broken, world: World) -> str:
    """Return the history in plain words, with the first step that broke the rule."""
    lines = [f"t={(at - world.began) / 1000:g} {text}" for at, text in world.story if at >= world.began]
    sides = [f"  {name}: {side.describe()}" for name, side in world.sides.items()]
    step = verdict.step or (lines[-1] if lines else "the first look")
    head = f"{verdict}\n  scenario {world.scenario.name!r}, seed {world.seed}, {len(world.acts)} acts"
    return "\n".join([head, *sides, *(f"  {line}" for line in lines), f"  broken by: {step}"])
