"""What happened, one line a delivery or a run of work without one; on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.connectors.base import Account
from bridge.connectors.memory import Habits, Memory, MemoryVendor
from bridge.core import rules
from bridge.core.model import Hold, Hub, Look, Ref
from bridge.desk import Desk, Refused, activity
from bridge.desk.activity import RUN_MS, Line
from bridge.settings import Settings
from bridge.sides import Connection
from bridge.store import Claim, Store
from bridge.store.store import Attempt, Intake

NOW = 1_795_000_000_000


class Scene:
    """Attempts as the flow saves them, at times that the test says."""

    def __init__(self, store: Store) -> None:
        self.store, self.at = store, NOW
        vendor = MemoryVendor(lambda: self.at, Habits())
        connections = {
            n: Connection(Memory(Account(n, "", {"secret": "s"}), here=vendor), rules.Habits(), i)
            for i, n in enumerate("ab")
        }
        settings = Settings(
            database="", public_url="", threads=1, retention_days=14, body_bytes_max=1, connections={}, policies={}
        )
        self.desk = Desk(store, connections, settings, lambda: self.at)

    def link(self, n: int = 1, name: str | None = None) -> str:
        link = self.store.link([Ref("a", f"a{n}"), Ref("b", f"b{n}")], self.at)
        if name is not None:
            claim = self._claim(link)
            copy = self.store.load(claim)
            copy.hubs["name"] = Hub(name, 1, self.at, "a")
            self.store.save(claim, copy, self.at)
        return link

    def hears(self, connection: str = "a", outcome: str | None = None) -> str:
        """Take in a webhook; with an outcome, end it with that and no look."""
        kept: dict[str, Any] = {"method": "POST", "query": {}, "content_type": "", "body": b""}
        id = self.store.accept(connection, None, self.at, **kept)
        assert id is not None
        if outcome is not None:
            self.store.become_looks([Intake(id, (), outcome)])
        return id

    def tries(
        self,
        link: str,
        connection: str,
        cause: str,
        outcome: str,
        reason: str = "",
        ms: int = 5,
        holds: Mapping[str, Sequence[Hold]] | None = None,
    ) -> None:
        claim = self._claim(link)
        copy = self.store.load(claim)
        attempt = Attempt(link, connection, cause, outcome, reason, ms=ms)
        ended = ([cause], outcome) if not outcome.startswith(("wrote", "failed")) else ((), "")
        self.store.save(claim, copy, self.at, ended=ended, attempt=attempt, holds=holds, cause=cause)

    def _claim(self, link: str) -> Claim:
        return Claim(link, self.store.db.run("fence", link=link)[0]["token"], self.at + 60_000)

    def page(self, **wanted: Any) -> list[Line]:
        return list(activity.page(self.desk, **wanted).items)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, postgres: Callable[[Path], str]) -> Iterator[Scene]:
    store = Store(tmp_path / "b.db" if request.param == "SQLite" else postgres(tmp_path))
    store.migrate()
    yield Scene(store)
    store.db.close()


def told(line: Line) -> list[str]:
    deals = [d.name or "?" for d in line.deals]
    steps = [f"{s.connection}: {s.words}" for s in line.steps]
    return [line.connection, line.heard, *deals, line.found, *steps]


def test_a_fresh_bridge_has_nothing_to_tell(scene: Scene) -> None:
    assert activity.page(scene.desk) == activity.Page(items=[], next=None)


def test_a_delivery_is_told_from_the_webhook_to_the_last_write(scene: Scene) -> None:
    link = scene.link(name="Blue Shop")
    heard = scene.hears("a")
    assert [told(x) for x in scene.page()] == [["a", "webhook", "waits for a worker"]]
    assert not scene.page()[0].over
    scene.tries(link, "a", heard, "changed stage", ms=12)
    scene.tries(link, "b", heard, "wrote stage", ms=30)
    scene.tries(link, "a", heard, "echo")
    [line] = scene.page()
    assert told(line) == ["a", "webhook", "Blue Shop", "changed stage", "b: wrote stage"]
    assert (line.ms, line.steps[0].ms, line.over, line.tone) == (12, 30, True, "good")


def test_what_waits_for_a_person_is_told_with_its_reason(scene: Scene) -> None:
    link = scene.link()
    heard = scene.hears("a")
    waits = {"b": [Hold("b", "lost_reason", "no choice for lost_reason 'price' at b", "add one")]}
    scene.tries(link, "a", heard, "changed lost_reason", holds=waits)
    scene.at += 90_000
    scene.tries(link, "a", "sweep", "echo")
    assert [told(x) for x in scene.page()] == [
        ["a", "sweep", "?", "an echo, nothing new"],
        ["a", "webhook", "?", "changed lost reason", "b: lost reason waits: no choice for lost_reason 'price' at b"],
    ]


def test_what_led_to_no_deal_is_told_too(scene: Scene) -> None:
    scene.hears("b", "not linked")
    assert [told(x) for x in scene.page()] == [["b", "webhook", "not linked to any deal here"]]


def test_work_without_a_delivery_is_one_line_a_run(scene: Scene) -> None:
    link = scene.link()
    for gap in (0, 2_000, 5_000):
        scene.at += gap
        scene.tries(link, "b" if gap else "a", "sweep", "wrote name" if gap else "changed name")
    scene.at += RUN_MS + 6_000
    scene.tries(link, "a", "sweep", "echo")
    assert [told(x) for x in scene.page()] == [
        ["a", "sweep", "?", "an echo, nothing new"],
        ["a", "sweep", "?", "changed name", "b: wrote name", "b: wrote name"],
    ]


def test_a_failure_is_told_with_its_reason_and_found_by_the_filter(scene: Scene) -> None:
    link = scene.link()
    heard = scene.hears("a")
    scene.tries(link, "a", heard, "changed name")
    scene.tries(link, "b", heard, "failed", "rate_limited")
    scene.hears("a", "not linked")
    scene.tries(link, "a", "sweep", "changed name")
    scene.tries(link, "b", "sweep", "failed", "timeout")
    failed = scene.page(outcome="failed")
    assert [told(x)[1] for x in failed] == ["sweep", "webhook"]
    assert [s.words for line in failed for s in line.steps] == [
        "the call failed: timeout",
        "the call failed: rate limited",
    ]


def test_a_read_that_fails_is_a_step_of_a_delivery_that_goes_on(scene: Scene) -> None:
    link = scene.link()
    heard = scene.hears("a")
    scene.store.become_looks([Intake(heard, [(link, Look(Ref("a", "a1"), scene.at, heard))], "")])
    scene.tries(link, "a", heard, "failed", "timeout")
    assert [told(x) for x in scene.page()] == [
        ["a", "webhook", "?", "is looked at", "a: the call failed: timeout"],
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, 4),
        ({"connection": "b"}, 1),
        ({"outcome": "news"}, 3),
        ({"outcome": "echo"}, 1),
        ({"outcome": "changed"}, 2),
        ({"outcome": "stranger"}, 1),
        ({"outcome": "changed", "connection": "b"}, 0),
    ],
)
def test_filters(scene: Scene, wanted: dict[str, str], found: int) -> None:
    link, other = scene.link(1), scene.link(2)
    scene.tries(link, "a", scene.hears("a"), "changed stage")
    scene.tries(other, "a", scene.hears("a"), "echo")
    scene.hears("b", "not linked")
    scene.tries(link, "a", "sweep", "changed name")
    assert len(scene.page(**wanted)) == found
    assert len(scene.page(link=other)) == 1
    assert len(scene.page(link=link)) == 2


def test_a_delivery_that_waits_is_no_echo(scene: Scene) -> None:
    scene.hears("a")
    assert (len(scene.page()), len(scene.page(outcome="news")), len(scene.page(outcome="echo"))) == (1, 1, 0)


@pytest.mark.parametrize("wanted", [{"connection": "nobody"}, {"outcome": "'; --"}])
def test_a_filter_that_there_is_not_is_refused(scene: Scene, wanted: dict[str, str]) -> None:
    with pytest.raises(Refused):
        scene.page(**wanted)


def test_pages_follow_one_another_without_gap_or_repeat(scene: Scene) -> None:
    link = scene.link()
    for i in range(7):
        scene.at += RUN_MS * 2
        scene.tries(link, "a", "sweep" if i % 2 else scene.hears("a"), "changed name")
    seen: list[str] = []
    cursor = None
    while True:
        page = activity.page(scene.desk, before=cursor, n=3)
        seen += [line.id for line in page.items]
        if (cursor := page.next) is None:
            break
    assert len(seen) == 7 and seen == sorted(set(seen), reverse=True)


def test_what_has_changed_is_noticed(scene: Scene) -> None:
    marks = [scene.store.latest()]
    heard = scene.hears("a")
    marks.append(scene.store.latest())
    scene.store.become_looks([Intake(heard, (), "not linked")])
    marks.append(scene.store.latest())
    scene.tries(scene.link(), "a", "sweep", "echo")
    marks += [scene.store.latest()]
    assert len(set(marks)) == 4
    assert scene.store.latest() == marks[-1]
