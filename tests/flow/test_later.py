"""Records that join a link later, values that nobody understands, and sides that are resting after a failure."""

from __future__ import annotations

import pytest

from bridge.core.errors import Transient
from bridge.core.model import Ref
from bridge.worker import Worker
from tests.flow.test_flow import Scene

DOWN = Transient("server_error", "HTTP 503")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_record_that_joins_a_link_keeps_its_values_until_somebody_edits(scene: Scene) -> None:
    world = scene.world
    link = world.store.link([Ref("a", "a2"), Ref("b", "b2")], world.clock)
    for side in "abc":
        world.vendors[side].add(f"{side}2", {**world.vendors[side].current(f"{side}1"), "name": f"Deal at {side}"})
    scene.run()
    world.clock += 60_000
    world.vendors["a"].person("a2", name="Edited before")
    scene.webhook("a", "a2")
    scene.run()
    assert world.vendors["b"].current("b2")["name"] == "Edited before"
    world.clock += 60_000
    world.store.link([Ref("c", "c2")], world.clock, link=link)
    scene.run()
    assert world.vendors["c"].current("c2")["name"] == "Deal at c"
    world.vendors["a"].person("a2", name="Edited after")
    scene.webhook("a", "a2")
    scene.run()
    assert world.vendors["c"].current("c2")["name"] == "Edited after"


def test_an_edit_right_after_linking_reaches_a_side_that_was_away_then(scene: Scene) -> None:
    world = scene.world
    for side in "ab":
        world.vendors[side].add(f"{side}2", dict(world.vendors[side].current(f"{side}1")))
    scene.fails("b", "read", DOWN, DOWN)
    world.store.link([Ref("a", "a2"), Ref("b", "b2")], world.clock)
    world.clock += 10
    world.flow.work(world.flow.claim("w"))  # type: ignore[arg-type]
    world.clock += 10
    world.vendors["a"].person("a2", name="Bo")
    scene.webhook("a", "a2")
    scene.run()
    assert world.vendors["b"].current("b2")["name"] == "Bo"


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
    world = scene.world
    for n in range(6):
        world.flow.take_in()
        claim = world.flow.claim("w")
        if claim is not None:
            world.flow.work(claim)
        world.vendors["c"].person("c1", probability=30 + n)
        scene.webhook("c")
    assert len(left) >= 48, "each edit elsewhere has tried the failing side again"


def test_a_deal_that_was_gone_for_a_while_is_brought_level_when_a_sweep_shows_it_again(scene: Scene) -> None:
    scene.world.vendors["b"].records["b1"].gone = True
    scene.webhook("b")
    scene.run()
    scene.edited("a", name="Bo")
    assert scene.store.peek(scene.link).sides["b"].gone
    scene.world.vendors["b"].records["b1"].gone = False
    scene.world.sweep("b")
    scene.run()
    assert scene.shows("name")["b"] == "Bo"


def test_a_title_that_a_person_shortens_right_after_our_write_is_an_edit(scene: Scene) -> None:
    scene.person("a", name="Forty rooms, two years")
    scene.webhook("a")
    scene.flow.take_in()
    Worker(scene.flow, {}).step("w")
    scene.edited("b", name="Forty rooms")
    assert set(scene.shows("name").values()) == {"Forty rooms"}
