"""One field that a CRM refuses for good must not keep the others from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bridge.core.errors import Permanent
from bridge.core.model import Native, Record
from tests.flow.scene import Scene


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A scene whose side b refuses every patch with a name that holds markup, whatever else it holds."""
    made = Scene()
    real = made.connectors["b"].write

    def write(seen: Record, patch: Mapping[str, Native]) -> Any:
        if "<" in str(patch.get("name", "")):
            raise Permanent("markup", "HTTP 500")
        return real(seen, patch)

    monkeypatch.setattr(made.connectors["b"], "write", write)
    return made


def test_the_other_fields_still_arrive_and_the_refused_one_is_held(scene: Scene) -> None:
    scene.edited("a", name="<b>Bo", description="new words", probability=77)
    assert (scene.shows("description")["b"], scene.shows("probability")["b"]) == ("new words", 77)
    assert (scene.shows("name")["b"], scene.shows("name")["c"]) == ("Deal of the start", "<b>Bo")
    assert scene.holds() == [("b", "markup: HTTP 500")]


def test_a_refused_value_is_not_sent_again_and_the_next_one_is(scene: Scene) -> None:
    scene.edited("a", name="<b>Bo", probability=77)
    tries = len(scene.store.page_of_dead(9))
    scene.edited("a", probability=78)
    assert (scene.shows("probability")["b"], len(scene.store.page_of_dead(9))) == (78, tries)
    scene.edited("a", name="Bo")
    assert (scene.shows("name")["b"], scene.holds()) == ("Bo", [])


def test_a_replayed_dead_letter_is_sent_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.edited("a", name="<b>Bo", probability=77)
    monkeypatch.undo()
    [dead] = scene.store.page_of_dead(9)
    assert scene.store.replay_dead([dead["id"]], scene.clock) == 1
    scene.run()
    assert (scene.shows("name")["b"], scene.holds()) == ("<b>Bo", [])
