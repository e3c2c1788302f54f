"""When somebody is told: rising levels, each once, and one end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.alarms import CALM_MS, Told, level_of, sentence, step

MIN = 60_000
LAG = (300, 1800, 14_400)


@pytest.mark.parametrize(
    ("value", "level"), [(0, 0), (299.9, 0), (300, 1), (1799, 1), (1800, 2), (14_400, 3), (10**9, 3)]
)
def test_a_level_is_reached_at_its_threshold(value: float, level: int) -> None:
    assert level_of(value, LAG) == level


def heard(*values: tuple[int, int]) -> list[tuple[int, int]]:
    """Return (minute, level told) for levels that are seen at these minutes."""
    told: Told | None = None
    alerts = []
    for minute, level in values:
        made = step(told, level, minute * MIN)
        told = made.keep
        if made.alert is not None:
            alerts.append((minute, made.alert))
    return alerts


def every_minute(*levels: int) -> list[tuple[int, int]]:
    return heard(*enumerate(levels))


HISTORIES = [
    ("nothing", [0, 0, 0], []),
    ("one level is told once", [0, 1, 1, 1, 1, 1, 1, 1], [(1, 1)]),
    ("each rise is told", [1, 1, 2, 2, 3, 3], [(0, 1), (2, 2), (4, 3)]),
    ("a rise over several levels is told as one", [0, 3], [(1, 3)]),
    ("the end is told once, after five minutes", [1, 0, 0, 0, 0, 0, 0, 0, 0], [(0, 1), (6, 0)]),
    ("a short fall is no end", [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [(0, 1)]),
    ("what flaps is told once", [2, 0, 2, 0, 1, 2, 0, 1, 0, 2, 0, 2], [(0, 2)]),
    ("a fall to a lower level is not told, and the next rise is", [2] + [1] * 6 + [2], [(0, 2), (7, 2)]),
    ("flapping below a level keeps that level", [2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 2], [(0, 2), (11, 2)]),
    ("after the end all begins anew", [1, 0, 0, 0, 0, 0, 0, 1], [(0, 1), (6, 0), (7, 1)]),
    ("from the top to the end", [3] + [0] * 7, [(0, 3), (6, 0)]),
]


@pytest.mark.parametrize(("levels", "alerts"), [h[1:] for h in HISTORIES], ids=[h[0] for h in HISTORIES])
def test_a_history_is_told(levels: list[int], alerts: list[tuple[int, int]]) -> None:
    assert every_minute(*levels) == alerts


def test_since_is_when_it_began() -> None:
    made = step(None, 1, 5 * MIN)
    assert made.keep == Told(1, 5 * MIN)
    assert step(made.keep, 2, 9 * MIN).keep == Told(2, 5 * MIN)


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 3)), max_size=60))
def test_nothing_is_told_twice_and_ends_are_rare(steps: list[tuple[int, int]]) -> None:
    told, now, shown, ends = None, 0, 0, list[int]()
    for wait_ms, level in steps:
        now += wait_ms
        made = step(told, level, now)
        told = made.keep
        if made.alert is not None:
            assert made.alert == (level if made.alert else 0)
            assert made.alert == 0 or made.alert > shown
            assert made.alert > 0 or (shown > 0 and level == 0)
            ends += [now] if made.alert == 0 else []
        shown = told.level if told else 0
        assert shown >= level
    assert len(ends) <= now // CALM_MS


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("getfly", "lag", 1, 310.0), "getfly: changes have waited for 5 min"),
        (("getfly", "lag", 3, 15_000.0), "getfly: changes have waited for 4 h 10 min"),
        (("getfly", "lag", 0, 0.0), "getfly: changes are carried in time again"),
        (("getfly", "holds", 1, 1), "getfly: 1 change waits for a person"),
        (("getfly", "dead", 2, 12), "getfly: 12 dead letters: work was given up"),
        (
            ("plazbot", "refused", 1, 1, "unauthorized: set the key anew"),
            "plazbot: it refuses the bridge, and is paused until somebody mends it: unauthorized: set the key anew",
        ),
        (("plazbot", "breaker", 1, 400.0), "plazbot: most of its calls have failed for 6 min"),
    ],
)
def test_a_person_can_read_it(given: tuple, text: str) -> None:  # type: ignore[type-arg]
    assert sentence(*given) == text
