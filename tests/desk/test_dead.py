"""Dead letters: what was to be written and what the CRM said, without its secrets; tried again, or let be."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bridge.core.errors import Permanent
from bridge.desk import Refused, dead, holds
from tests.desk.scene import desk_over, refusing
from tests.flow.scene import Scene

SECRET = "planted-s3cret-value"


def test_a_dead_letter_shows_the_request_and_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    desk = desk_over(scene)
    refusing(scene, monkeypatch, "b", json.dumps({"message": "no markup, please"}))
    delivery = scene.edited("a", name="<Bo>", probability=7)
    [letter] = dead.page(desk).items
    assert (letter.kind, letter.link, letter.connection, letter.reason) == (
        "write",
        scene.link,
        "b",
        "markup: HTTP 422",
    )
    told = dead.one(desk, letter.id)
    assert [(w.field, w.native) for w in told.wanted] == [("name", "<Bo>")]
    assert told.answer == dead.Answer(
        method="PUT", path="/api/deals/b1", status=422, body='{"message": "no markup, please"}'
    )
    assert told.cause == delivery


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"token": SECRET, "keys": [SECRET]}),
        "header-token-77 is not welcome",
        '{"error": "Bearer header-token-77"}',
        '{"login": "{\\"accessToken\\": \\"of-a-login-99\\"}", "password": "of-a-login-99"}',
        "x" * 1_990 + SECRET,
    ],
)
def test_secrets_never_come_into_an_answer(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.connectors["b"].account = replace(scene.connectors["b"].account, secrets={"secret": SECRET})
    refusing(scene, monkeypatch, "b", body)
    scene.edited("a", name="<Bo>")
    [letter] = dead.page(desk).items
    told = dead.one(desk, letter.id)
    kept = str(scene.store.db.run("one_write", id=letter.id)[0]["answer"])
    assert told.answer is not None and len(told.answer.body) <= 2_000
    for secret in (SECRET[:12], "header-token", "of-a-login"):
        assert secret not in kept
    if body.startswith("header"):
        assert told.answer.body == "*** is not welcome"


def test_one_that_is_replayed_arrives_and_is_no_dead_letter_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    desk = desk_over(scene)
    refusing(scene, monkeypatch, "b")
    scene.edited("a", name="<Bo>")
    [letter] = dead.page(desk).items
    monkeypatch.undo()
    dead.replay(desk, "Hoa", letter.id)
    scene.run()
    assert (scene.shows("name")["b"], dead.page(desk).items, holds.page(desk).items) == ("<Bo>", [], [])
    assert dead.one(desk, letter.id).state == "replayed"
    assert [(d["who"], d["deed"], d["target"]) for d in desk.store.deeds(9)] == [
        ("Hoa", "dead letter replayed", letter.id)
    ]
    with pytest.raises(Refused, match="was replayed already"):
        dead.replay(desk, "Hoa", letter.id)
    with pytest.raises(Refused, match="no dead letter x"):
        dead.replay(desk, "Hoa", "x")


def test_many_are_replayed_by_what_they_are_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    desk = desk_over(scene)
    refusing(scene, monkeypatch, "b")
    refusing(scene, monkeypatch, "c")
    scene.edited("a", name="<Bo>")
    told: list[int] = []
    assert (dead.count(desk, dead.Which()), dead.count(desk, dead.Which(connection="b"))) == (2, 1)
    assert dead.count(desk, dead.Which(reason="mark")) == 2
    assert dead.replay_many(desk, "Hoa", dead.Which(connection="b"), told.append) == 1
    assert ([d.connection for d in dead.page(desk).items], told) == (["c"], [1])
    assert dead.replay_many(desk, "Hoa", dead.Which(reason="nothing")) == 0
    assert [d["target"] for d in desk.store.deeds(9)] == ["connection b"]


def test_what_is_discarded_is_not_tried_again_nor_held_until_it_has_another_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    desk = desk_over(scene)
    refusing(scene, monkeypatch, "b")
    scene.edited("a", name="<Bo>")
    [letter] = dead.page(desk).items
    with pytest.raises(Refused, match="there is no reason"):
        dead.discard(desk, "Hoa", letter.id, "  ")
    dead.discard(desk, "Hoa", letter.id, "b may keep its own name")
    assert dead.page(desk).items == []
    scene.run()
    assert holds.page(desk).items == []
    monkeypatch.undo()
    scene.edited("a", probability=77)
    assert (scene.shows("name")["b"], scene.shows("probability")["b"]) == ("Deal of the start", 77)
    assert holds.page(desk).items == []
    [entry] = [e for e in scene.store.journal(scene.link) if e["what"] == "discarded"]
    assert (entry["connection"], entry["field"], entry["new"], entry["detail"]) == (
        "b",
        "name",
        "<Bo>",
        "Hoa: b may keep its own name",
    )
    assert [(d["deed"], d["detail"]) for d in desk.store.deeds(9)] == [
        ("dead letter discarded", "b may keep its own name")
    ]
    scene.store.prune(scene.clock + 1)
    scene.edited("a", probability=78)
    assert scene.shows("name")["b"] == "Deal of the start", "also when its write is forgotten"
    scene.edited("a", name="Bo")
    assert scene.shows("name")["b"] == "Bo"
    with pytest.raises(Refused, match="no dead letter"):
        dead.discard(desk, "Hoa", letter.id, "again")


def test_a_change_at_the_side_that_was_discarded_is_news_and_no_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    desk = desk_over(scene)
    refusing(scene, monkeypatch, "b")
    scene.edited("a", name="<Bo>")
    [letter] = dead.page(desk).items
    dead.discard(desk, "Hoa", letter.id, "b may keep its own name")
    scene.run()
    scene.edited("b", name="Li")
    assert (scene.shows("name"), scene.journal("lost")) == ({"a": "Li", "b": "Li", "c": "Li"}, [])


def test_a_delivery_that_a_defect_stopped_is_a_dead_letter_too() -> None:
    scene = Scene()
    desk = desk_over(scene)
    left = scene.fails("a", "read", ValueError("oh"))
    delivery = scene.edited("a", name="Bo")
    [letter] = dead.page(desk).items
    assert (letter.id, letter.kind, letter.reason, left) == (delivery, "delivery", "defect", [])
    assert dead.one(desk, delivery).answer is None
    dead.replay(desk, "Hoa", delivery)
    scene.run()
    assert (scene.shows("name")["b"], dead.page(desk).items) == ("Bo", [])
    scene.fails("a", "read", Permanent("forbidden", "HTTP 403"))
    other = scene.edited("a", name="Li")
    assert [(d.id, d.reason) for d in dead.page(desk).items] == [(other, "forbidden")]
    dead.discard(desk, "Hoa", other, "it was only a try")
    assert (dead.page(desk).items, scene.outcome(other)) == ([], "discarded: it was only a try")


def test_dead_letters_come_page_by_page() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.fails("b", "write", *[Permanent("no", "HTTP 400")] * 9)
    for name in ("Bo", "Li", "An"):
        scene.edited("a", name=name)
    first = dead.page(desk, n=2)
    rest = dead.page(desk, n=2, after=first.next or "")
    ids = [d.id for d in (*first.items, *rest.items)]
    assert (len(ids), ids, rest.next) == (3, sorted(ids, reverse=True), None)
