"""People mend a link while the bridge works on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bridge.core.errors import Transient
from bridge.core.model import Native, Record, Ref
from bridge.worker import Worker
from tests.flow.scene import Scene

A, B, C = Ref("a", "a1"), Ref("b", "b1"), Ref("c", "c1")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def while_it_is_written(scene: Scene, side: str, act: Any) -> None:
    """Let people do something just when the next write to a side is under way; its answer comes after that."""
    real = scene.connectors[side].write

    def write(seen: Record, patch: Mapping[str, Native]) -> Record | None:
        scene.connectors[side].write = real  # type: ignore[method-assign]
        answer = real(seen, patch)
        act()
        return answer

    scene.connectors[side].write = write  # type: ignore[method-assign]


def test_a_side_that_leaves_while_it_is_written_stops_nobody_else(scene: Scene) -> None:
    while_it_is_written(scene, "b", lambda: scene.store.unlink(B, scene.link, scene.clock))
    delivery = scene.edited("a", name="Bo")
    assert (scene.shows("name")["c"], scene.writes()["b"]) == ("Bo", [("name",)])
    assert (list(scene.peek().sides), scene.outcome(delivery)) == (["a", "c"], "changed name")
    scene.edited("a", name="Chi")
    assert scene.shows("name") == {"a": "Chi", "b": "Bo", "c": "Chi"}


def test_what_was_sent_when_another_side_left_is_not_sent_twice(scene: Scene) -> None:
    while_it_is_written(scene, "b", lambda: scene.store.unlink(C, scene.link, scene.clock))
    scene.edited("a", name="Bo")
    assert scene.writes() == {"b": [("name",)]}
    assert scene.journal("landed") == [("landed", "b", "Deal of the start", "Bo")]
    assert scene.peek().sides["b"].open is None


def test_what_lands_after_its_record_went_into_another_link_is_nobodys_edit_there(scene: Scene) -> None:
    scene.fails("b", "write", Transient("timeout", "no answer", in_doubt=True))
    scene.person("a", name="Bo")
    scene.webhook("a")
    scene.take_in()
    Worker(scene.flow, {}).step("w")
    new = scene.store.split(scene.link, [B], scene.clock)
    scene.vendors["c"].add("c9", {**scene.vendors["c"].current("c1"), "name": "Another"})
    scene.store.link([Ref("c", "c9")], scene.clock, link=new)
    while Worker(scene.flow, {}).step("w"):
        pass
    assert scene.store.peek(new).sides["b"].shadows["name"].native == "Deal of the start"
    scene.vendors["b"].person("b1", name="Bo")
    scene.run()
    told = [(e["what"], e["connection"]) for e in scene.store.journal(new) if e["field"] == "name"]
    assert told == [("first", "b"), ("differs", "c"), ("landed", "b")]
    assert scene.vendors["c"].current("c9")["name"] == "Another"


def test_a_record_that_is_put_back_shows_what_it_showed_until_somebody_edits(scene: Scene) -> None:
    scene.store.unlink(B, scene.link, scene.clock)
    scene.edited("a", name="Bo")
    scene.edited("b", name="Away")
    scene.clock += 60_000
    scene.store.link([B], scene.clock, link=scene.link)
    scene.run()
    assert scene.shows("name") == {"a": "Bo", "b": "Away", "c": "Bo"}
    scene.edited("c", name="Chi")
    assert set(scene.shows("name").values()) == {"Chi"}


def test_links_that_are_merged_are_level_from_the_next_edit_on(scene: Scene) -> None:
    new = scene.store.split(scene.link, [B], scene.clock)
    scene.run()
    scene.edited("b", name="Apart")
    scene.clock += 60_000
    scene.store.merge(scene.link, new, scene.clock)
    scene.run()
    assert (scene.shows("name")["b"], scene.writes()) == ("Apart", {})
    scene.edited("b", name="Together")
    assert set(scene.shows("name").values()) == {"Together"}


def test_a_quarrel_ends_when_one_of_the_two_sides_leaves() -> None:
    scene = Scene(policies={"name": "hold"})
    scene.person("a", name="Bo")
    scene.person("b", name="Chi")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    assert scene.peek().hubs["name"].held_until
    scene.store.unlink(B, scene.link, scene.clock)
    scene.run()
    scene.edited("c", name="Bo")
    assert (scene.peek().hubs["name"].held_until, scene.holds()) == (None, [])


def test_a_value_without_a_meaning_gets_it_though_its_side_has_left(scene: Scene) -> None:
    scene.edited("a", owner="a-new")
    assert scene.peek().hubs["owner"].value == "unknown:a:a-new"
    scene.store.unlink(A, scene.link, scene.clock)
    scene.run()
    scene.means("a", "owner", {"a-new": "lan"})
    scene.run()
    assert (scene.shows("owner")["b"], scene.shows("owner")["c"]) == ("b-lan", "c-lan")


def test_a_delivery_for_a_record_that_has_just_left_is_not_linked(scene: Scene) -> None:
    scene.person("b", name="Bo")
    delivery = scene.webhook("b")
    scene.take_in()
    scene.store.unlink(B, scene.link, scene.clock)
    late = scene.webhook("b")
    scene.run()
    assert (scene.outcome(delivery), scene.outcome(late)) == ("not linked", "not linked")


def test_a_look_that_comes_in_at_the_very_moment_is_dropped(scene: Scene) -> None:
    intake = scene.flow.take_in(scene.store.waiting()[0]) if scene.webhook("b") else None
    assert intake is not None and intake.looks
    scene.store.delete_link(scene.link, scene.clock)
    scene.store.become_looks([intake])
    scene.run()
    assert (scene.outcome(intake.delivery), scene.store.next_look()) == ("not linked", None)
