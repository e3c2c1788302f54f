"""Deliveries and attempts as an operator finds them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.desk import Refused, activity, attempts, deliveries, moment
from bridge.desk.deliveries import Which
from tests.desk.scene import desk_over
from tests.flow.scene import Scene


def test_a_delivery_is_told_with_its_attempts_and_writes_and_without_its_body() -> None:
    scene = Scene()
    desk = desk_over(scene)
    delivery = scene.edited("a", name="Bo of the secret plan")
    told = deliveries.one(desk, delivery)
    assert (told.connection, told.method, told.content_type, told.outcome) == (
        "a",
        "POST",
        "application/json",
        "changed name",
    )
    assert told.size == len('{"id": "a1"}')
    assert [(w.connection, w.fields, w.state) for w in told.writes] == [
        ("b", ["name"], "done"),
        ("c", ["name"], "done"),
    ]
    assert [(a.connection, a.outcome) for a in told.attempts] == [
        ("a", "changed name"),
        ("b", "wrote name"),
        ("c", "wrote name"),
    ]
    assert "plan" not in told.model_dump_json()
    with pytest.raises(Refused, match="no delivery x"):
        deliveries.one(desk, "x")


def test_deliveries_are_found_by_what_they_are() -> None:
    scene = Scene()
    desk = desk_over(scene)
    changed, echo = scene.edited("a", name="Bo"), scene.edited("a")
    strange, waiting = scene.webhook("b", "b9"), scene.webhook("c")
    scene.take_in()
    assert [d.id for d in deliveries.page(desk).items] == [waiting, strange, echo, changed]

    def found(**which: object) -> list[str]:
        return [d.id for d in deliveries.page(desk, Which(**which)).items]  # type: ignore[arg-type]

    assert found(connection="a") == [echo, changed]
    assert (found(outcome="changed"), found(outcome="not linked")) == ([changed], [strange])
    assert (found(state="looking"), found(link=scene.link)) == ([waiting], [waiting, echo, changed])
    at = deliveries.one(desk, echo).at
    assert (found(until=at), found(since=at)) == ([changed], [waiting, strange, echo])
    first = deliveries.page(desk, n=3)
    assert [d.id for d in deliveries.page(desk, n=3, after=first.next or "").items] == [changed]


def test_one_and_many_are_handled_again_and_nothing_is_written_for_it() -> None:
    scene = Scene()
    desk = desk_over(scene)
    one, two = scene.edited("a", name="Bo"), scene.edited("b", name="Li")
    written = scene.writes()
    deliveries.replay(desk, "Hoa", one)
    told: list[int] = []
    assert deliveries.count(desk, Which(outcome="changed")) == 1
    assert deliveries.replay_many(desk, "Hoa", Which(outcome="changed", since=moment(0)), told.append) == 1
    assert scene.store.count_waiting() == 2 and told == [1]
    scene.run()
    assert (scene.outcome(one), scene.outcome(two), scene.writes()) == ("echo", "echo", written)
    assert [(d["deed"], d["target"]) for d in desk.store.deeds(9)] == [
        ("deliveries replayed", "outcome changed, since 1970-01-01T00:00:00Z"),
        ("delivery replayed", one),
    ]
    with pytest.raises(Refused, match="no delivery x"):
        deliveries.replay(desk, "Hoa", "x")


def test_attempts_are_found_by_what_they_are() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.edited("a", name="Bo")
    found = attempts.page(desk).items
    assert [a.id for a in found] == sorted((a.id for a in found), reverse=True)
    [wrote] = attempts.page(desk, attempts.Which(connection="b", outcome="wrote", link=scene.link)).items
    assert (wrote.outcome, wrote.fails) == ("wrote name", 0)
    assert attempts.page(desk, attempts.Which(since=found[0].at + timedelta(seconds=1))).items == []
    first = attempts.page(desk, n=1)
    assert attempts.page(desk, n=1, after=first.next or "").items[0].id == found[1].id


def test_a_delivery_that_came_with_another_is_found_by_its_deal() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.person("a", name="Bo")
    first, second = scene.webhook("a"), scene.webhook("a")
    scene.run()
    assert scene.outcome(second) == "merged: changed name"
    lines = {line.id: line for line in activity.page(desk, link=scene.link).items}
    assert [(d.link, d.name) for d in lines[second].deals] == [(scene.link, "Bo")]
    assert lines[second].found == "came with another: changed name" and not lines[second].steps
    assert [deliveries.one(desk, d).link for d in (first, second)] == ["", scene.link]
    assert [d.id for d in deliveries.page(desk, deliveries.Which(link=scene.link)).items] == [second, first]
