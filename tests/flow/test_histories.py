"""
Whatever people edit and vendors do, all sides end level and the talk stops (invariants I1 to I8, I10, I12, I13).

More of them: `pytest tests/flow/test_histories.py -n 2 --histories 20000 --seed 5000`. A failure names its seed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.flow.world import Shape, World

STEPS = 20
CHUNK = 20
SHAPES = {
    "plain": Shape(),
    "lag": Shape(lag=True),
    "faults": Shape(faults=True),
    "lag_and_faults": Shape(lag=True, faults=True),
    "lossy": Shape(lossy=True),
    "tidy": Shape(tidy=True),
    "polling": Shape(polling=True, drops=True),
    "replaces": Shape(replaces=True),
    "crashes": Shape(crashes=True),
    "everything": Shape(
        lag=True, faults=True, crashes=True, lossy=True, tidy=True, polling=True, replaces=True, drops=True
    ),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    first, each = metafunc.config.getoption("seed"), -(-metafunc.config.getoption("histories") // len(SHAPES))
    starts = range(first, first + each, CHUNK)
    chunks = [range(start, min(start + CHUNK, first + each)) for start in starts]
    cases = [(shape, seeds) for seeds in chunks for shape in SHAPES]
    ids = [f"{shape}-{seeds[0]}-{seeds[-1]}" for shape, seeds in cases]
    metafunc.parametrize(("shape", "seeds"), cases, ids=ids)


def test_all_sides_end_level(shape: str, seeds: range, record_property: Callable[[str, object], None]) -> None:
    for seed in seeds:
        World(seed, SHAPES[shape]).play(STEPS)
    record_property("seeds", (seeds[0], seeds[-1]))
