"""A deal that waits for a choice goes on as soon as somebody gives it one, and nothing else is touched."""

from __future__ import annotations

import pytest

from bridge.desk import Desk, choices
from bridge.desk.unmapped import unmapped
from tests.desk.lists import settings_of
from tests.flow.scene import Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def desk(scene: Scene) -> Desk:
    return Desk(scene.store, scene.flow.connections, settings_of({}), scene.now)


def waiting(desk: Desk) -> list[tuple[str, str, str, int]]:
    return [(u.kind, u.connection, u.native or u.canonical, u.deals) for u in unmapped(desk).items]


def test_an_owner_whom_nobody_has_named_yet(scene: Scene, desk: Desk) -> None:
    scene.edited("a", owner="a-zoe", name="Bo")
    assert scene.shows("name") == dict.fromkeys("abc", "Bo"), "only the owner waits"
    before = scene.writes()
    assert waiting(desk) == [("meaning", "a", "a-zoe", 1)]
    assert [side for side, _ in scene.holds()] == ["b", "c"]

    choices.put(desk, "Hoa", "a", "owner", "a-zoe", "zoe")
    scene.run()
    assert waiting(desk) == [("writing", "b", "zoe", 1), ("writing", "c", "zoe", 1)]
    assert scene.writes() == before

    choices.put(desk, "Hoa", "b", "owner", "b-zoe", "zoe")
    scene.run()
    assert scene.shows("owner") == {"a": "a-zoe", "b": "b-zoe", "c": "c-hoa"}
    choices.put(desk, "Hoa", "c", "owner", "c-zoe", "zoe")
    scene.run()
    assert scene.shows("owner") == {"a": "a-zoe", "b": "b-zoe", "c": "c-zoe"}
    assert (waiting(desk), scene.holds()) == ([], [])
    assert scene.writes() == {side: [*before[side], ("owner",)] for side in "bc"}


def test_an_owner_who_is_another_name_of_a_known_one(scene: Scene, desk: Desk) -> None:
    scene.edited("a", owner="a-lan2")
    choices.put(desk, "Hoa", "a", "owner", "a-lan2", "lan", "read")
    scene.run()
    assert scene.shows("owner") == {"a": "a-lan2", "b": "b-lan", "c": "c-lan"}
    assert (waiting(desk), scene.holds()) == ([], [])


def test_a_choice_that_is_dropped_though_deals_show_it(scene: Scene, desk: Desk) -> None:
    assert choices.drop(desk, "Hoa", "b", "owner", "b-hoa", "hoa").deals == 1
    assert choices.drop(desk, "Hoa", "b", "owner", "b-minh", "minh").deals == 0
    scene.edited("a", owner="a-minh", name="Bo")
    assert (scene.shows("owner"), scene.shows("name")["b"]) == ({"a": "a-minh", "b": "b-hoa", "c": "c-minh"}, "Bo")
    assert waiting(desk) == [("writing", "b", "minh", 1)]
    choices.put(desk, "Hoa", "b", "owner", "b-minh", "minh")
    scene.run()
    assert (scene.shows("owner")["b"], scene.holds()) == ("b-minh", [])
