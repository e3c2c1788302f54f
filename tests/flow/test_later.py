"""Records that join a link later, values that nobody understands, and sides that are resting after a failure."""

from __future__ import annotations

import pytest

from bridge.core.errors import Transient
from bridge.core.model import Record, Ref
from bridge.worker import Worker
from tests.flow.scene import Scene

DOWN = Transient("server_error", "HTTP 503")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_record_that_joins_a_link_keeps_its_values_until_somebody_edits(scene: Scene) -> None:
    link = scene.store.link([Ref("a", "a2"), Ref("b", "b2")], scene.clock)
    for side in "abc":
        scene.vendors[side].add(f"{side}2", {**scene.vendors[side].current(f"{side}1"), "name": f"Deal at {side}"})
    scene.run()
    scene.clock += 60_000
    scene.vendors["a"].person("a2", name="Edited before")
    scene.webhook("a", "a2")
    scene.run()
    assert scene.vendors["b"].current("b2")["name"] == "Edited before"
    scene.clock += 60_000
    scene.store.link([Ref("c", "c2")], scene.clock, link=link)
    scene.run()
    assert scene.vendors["c"].current("c2")["name"] == "Deal at c"
    scene.vendors["a"].person("a2", name="Edited after")
    scene.webhook("a", "a2")
    scene.run()
    assert scene.vendors["c"].current("c2")["name"] == "Edited after"


def test_an_edit_right_after_linking_reaches_a_side_that_was_away_then(scene: Scene) -> None:
    for side in "ab":
        scene.vendors[side].add(f"{side}2", dict(scene.vendors[side].current(f"{side}1")))
    scene.fails("b", "read", DOWN, DOWN)
    scene.store.link([Ref("a", "a2"), Ref("b", "b2")], scene.clock)
    scene.clock += 10
    scene.flow.work(scene.flow.claim("w"))  # type: ignore[arg-type]
    scene.clock += 10
    scene.vendors["a"].person("a2", name="Bo")
    scene.webhook("a", "a2")
    scene.run()
    assert scene.vendors["b"].current("b2")["name"] == "Bo"


def test_a_value_that_nobody_understands_holds_that_field_only(scene: Scene) -> None:
    scene.edited("b", amount="a lot", name="Bo")
    assert (scene.shows("name")["a"], scene.shows("amount")["a"]) == ("Bo", "1000")
    assert scene.holds() == [("b", "what b shows as amount cannot be understood")]
    scene.edited("a", amount="2000")
    assert (scene.shows("amount")["b"], scene.shows("amount")["c"]) == ("a lot", "2000")
    scene.edited("b", amount="3000")
    assert (set(scene.shows("amount").values()), scene.holds()) == ({"3000"}, [])


def test_a_failing_side_is_left_in_peace_until_its_time(scene: Scene) -> None:
    left = scene.fails("b", "write", *[DOWN] * 50)
    scene.person("a", name="Bo")
    scene.webhook("a")
    for n in range(6):
        scene.take_in()
        claim = scene.flow.claim("w")
        if claim is not None:
            scene.flow.work(claim)
        scene.vendors["c"].person("c1", probability=30 + n)
        scene.webhook("c")
    assert len(left) >= 48, "each edit elsewhere has tried the failing side again"


def test_a_deal_that_was_gone_for_a_while_is_brought_level_when_a_sweep_shows_it_again(scene: Scene) -> None:
    scene.vendors["b"].records["b1"].gone = True
    scene.webhook("b")
    scene.run()
    scene.edited("a", name="Bo")
    assert scene.store.peek(scene.link).sides["b"].gone
    scene.vendors["b"].records["b1"].gone = False
    scene.sweep("b")
    scene.run()
    assert scene.shows("name")["b"] == "Bo"


def test_a_title_that_a_person_shortens_right_after_our_write_is_an_edit(scene: Scene) -> None:
    scene.person("a", name="Forty rooms, two years")
    scene.webhook("a")
    scene.take_in()
    Worker(scene.flow, {}).step("w")
    scene.edited("b", name="Forty rooms")
    assert set(scene.shows("name").values()) == {"Forty rooms"}


def test_a_pause_that_ends_while_its_deal_is_worked_on_is_not_forgotten(scene: Scene) -> None:
    real = scene.connectors["a"].read

    def slowly(ref: Ref) -> Record | None:
        scene.clock += 500
        return real(ref)

    scene.connectors["a"].read = slowly  # type: ignore[method-assign]
    scene.person("a", name="Bo")
    scene.webhook("a")
    for side in "bc":
        scene.store.pause(side, "over the limit", scene.clock + 300)
    scene.run()
    assert set(scene.shows("name").values()) == {"Bo"}
