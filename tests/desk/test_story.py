"""What a story says of calls that fail at this moment, which no journal tells."""

from __future__ import annotations

import pytest

from bridge.core.backoff import AGE_MS, CAP_MS, TRIES_MIN
from bridge.core.errors import Transient
from bridge.desk import moment, story
from tests.desk.scene import desk_over
from tests.flow.scene import Scene

DOWN = Transient("server_error", "HTTP 503")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def said_of(told: story.Story, connection: str) -> str:
    [name] = [f for f in told.fields if f.name == "name"]
    return next(s.said for s in name.sides if s.connection == connection)


def test_a_side_whose_writes_fail_says_so_until_it_is_written(scene: Scene) -> None:
    left = scene.fails("b", "write", *[DOWN] * 99)
    scene.person("a", name="Bo")
    scene.webhook("a")
    scene.work()
    since = scene.clock
    scene.clock += 5_000
    scene.work()
    told = story.explain(desk_over(scene), scene.link)
    [trouble] = told.troubles
    assert (trouble.connection, trouble.said, trouble.tries) == ("b", "server error: HTTP 503", 2)
    assert since - 100 < trouble.since.timestamp() * 1000 < since
    assert (
        said_of(told, "b") == "will be written: it is tried again, because the last call failed: server error: HTTP 503"
    )
    assert said_of(told, "c") == "written as “Bo”" and told.waits == []
    left.clear()
    scene.run()
    told = story.explain(desk_over(scene), scene.link)
    assert (told.troubles, said_of(told, "b")) == ([], "written as “Bo”")


def test_a_record_that_cannot_be_read_is_told_though_nobody_knows_of_an_edit(scene: Scene) -> None:
    scene.fails("a", "read", *[DOWN] * 99)
    scene.person("a", name="Bo")
    scene.webhook("a")
    scene.work()
    told = story.explain(desk_over(scene), scene.link)
    assert [(t.connection, t.tries) for t in told.troubles] == [("a", 1)]
    assert story.explain(desk_over(scene), scene.link, "name").troubles == told.troubles


def test_what_was_given_up_waits_for_a_person_and_is_no_passing_trouble(scene: Scene) -> None:
    scene.fails("a", "read", *[DOWN] * 99)
    scene.webhook("a")
    for _ in range(TRIES_MIN):
        scene.work()
        scene.clock += CAP_MS
    scene.clock += AGE_MS
    scene.work()
    told = story.explain(desk_over(scene), scene.link)
    assert told.troubles == [] and [w.connection for w in told.waits] == ["a"]
    assert told.waits[0].since > moment(0)
