"""What happened in the last day, counted by the hour; on both engines."""

from __future__ import annotations

from bridge.desk import overview
from bridge.desk.overview import HOUR_MS
from tests.desk.test_activity import Scene, scene

__all__ = ["scene"]


def test_a_fresh_bridge_has_24_empty_hours(scene: Scene) -> None:
    day = overview.lately(scene.desk)
    assert (len(day.hours), day.total("edits"), day.links, day.choices, dict(day.failures)) == (24, 0, 0, 0, {})


def test_each_hour_counts_what_happened_in_it(scene: Scene) -> None:
    link, now = scene.link(), scene.at
    for ago, outcome in (
        (25 * HOUR_MS, "changed name"),
        (24 * HOUR_MS, "changed name"),
        (HOUR_MS + 1, "changed stage"),
        (HOUR_MS, "wrote stage"),
        (1, "wrote stage"),
        (1, "merged: echo"),
        (1, "echo"),
        (0, "failed"),
        (0, "dead"),
        (0, "not there"),
    ):
        scene.at = now - ago
        scene.tries(link, "b", "sweep", outcome)
    scene.at = now
    day = overview.lately(scene.desk)
    assert (day.each("edits")[0], day.each("edits")[22], day.total("edits")) == (1, 1, 2)
    assert (day.each("writes")[23], day.each("echoes")[23], day.each("failures")[23]) == (2, 1, 2)
    assert (day.failures, day.links) == ({"b": 2}, 1)


def test_what_waits_for_a_person_is_counted(scene: Scene) -> None:
    assert overview.waits(scene.desk) == overview.Waits(holds=0, dead=0)
