"""What people see and do of the work, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.core.model import FOREVER, Effects, Entry, Hold, Hub, Look, Said, Shadow, Write
from bridge.store import Fenced, Store
from bridge.store.audit import Deed
from bridge.store.store import Attempt, Intake
from tests.store.contract import NOW, A, B, claimed, hook, linked

DEED = Deed(NOW, "Hoa", "done")


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def store(request: pytest.FixtureRequest, tmp_path: Path, postgres: Callable[[Path], str]) -> Iterator[Store]:
    store = Store(tmp_path / "b.db" if request.param == "SQLite" else postgres(tmp_path))
    store.migrate()
    yield store
    store.db.close()


def dead(store: Store, n: int = 1, detail: str = "invalid: HTTP 422", answer: str = "") -> tuple[str, str]:
    """Return a new link and a write to its side a that was given up, with its hold."""
    link = linked(store, n)
    claim = claimed(store)
    at = store.load(claim)
    at.hubs = {"name": Hub("Bo", 2, NOW, "b")}
    at.sides["a"].shadows = {"name": Shadow("An", 1, NOW)}
    write = Write(store.new_id(), replace(A, vendor_id=f"a{n}"), {"name": Said("Bo", 2)}, frozenset({"name"}), NOW)
    at.sides["a"].open = write
    store.save(claim, at, NOW, opened=(write, "d1"))
    at.sides["a"].open = None
    holds = {"a": [Hold("a", "name", detail, "c", "refused"), Hold("a", "", detail, "c", "refused")]}
    taken = {c: (NOW, ["linked"]) for c in "ab"}
    closed = {write.id: ("dead", detail)}
    store.save(claim, at, NOW, holds=holds, closed=closed, answer=answer, taken=taken)
    store.release(claim)
    return link, write.id


def causes(store: Store, link: str) -> dict[str, list[str]]:
    return store.due_looks(link, NOW)


def test_deliveries_are_found_by_every_filter(store: Store) -> None:
    link = linked(store)
    ids = [hook(store, now=NOW + n) for n in range(4)] + [hook(store, connection="b", now=NOW + 4)]
    store.become_looks([Intake(ids[0], [(link, Look(A, NOW, ids[0]))], ""), Intake(ids[1], [], "dead: defect")])

    def found(n: int = 9, before: str = "~", **which: Any) -> list[int]:
        return [ids.index(r["id"]) for r in store.page_of_deliveries(n, before, **which)]

    assert (found(), found(2), found(2, ids[3])) == ([4, 3, 2, 1, 0], [4, 3], [2, 1])
    assert (found(connection="b"), found(state="looking"), found(outcome="dead")) == ([4], [0], [1])
    assert (found(link=link), found(since=NOW + 2, until=NOW + 4), found(outcome="d%")) == ([0], [3, 2], [])
    row = store.one_delivery(ids[0])
    assert row is not None and (row["size"], row["content_type"], row["method"]) == (4, "text/plain", "POST")
    assert "body" not in row and store.one_delivery("x") is None


def test_attempts_and_writes_are_found_by_what_caused_them(store: Store) -> None:
    link, delivery = linked(store), hook(store)
    claim = claimed(store)
    at = store.load(claim)
    write = Write(store.new_id(), A, {"name": Said("Bo", 2)}, frozenset({"name"}), NOW)
    at.hubs = {"name": Hub("Bo", 2, NOW, "b")}
    at.sides["a"].open = write
    store.save(claim, at, NOW, opened=(write, delivery), attempt=Attempt(link, "a", delivery, "wrote name", ms=7))
    store.save(claim, at, NOW + 1, attempt=Attempt(link, "b", "sweep", "echo"))
    attempts, writes = store.caused_by(delivery)
    assert [(a["connection"], a["outcome"], a["ms"]) for a in attempts] == [("a", "wrote name", 7)]
    assert [(w["id"], w["patch"], w["state"], w["answer"]) for w in writes] == [
        (write.id, {"name": ["Bo", 2]}, "open", None)
    ]

    def found(**which: Any) -> list[str]:
        return [a["connection"] for a in store.page_of_attempts(9, **which)]

    assert (found(), found(connection="b"), found(outcome="wrote"), found(since=NOW + 1)) == (
        ["b", "a"],
        ["b"],
        ["a"],
        ["b"],
    )
    assert (found(link=link), found(link="x")) == (["b", "a"], [])


def test_many_deliveries_are_replayed_at_once(store: Store) -> None:
    ids = [hook(store), hook(store)]
    store.become_looks([Intake(each, [], "not linked") for each in ids])
    assert store.replay_deliveries([*ids, "x"], DEED) == 2
    assert (store.count_waiting(), [d["who"] for d in store.deeds(9)]) == (2, ["Hoa"])


def test_holds_come_oldest_first_with_what_they_are_about(store: Store) -> None:
    link = linked(store)
    claim = claimed(store)
    at = store.load(claim)
    at.hubs = {"name": Hub("Bo", 1, NOW, "b"), "stage": Hub("won", 2, NOW, "b")}
    held = [Hold("a", "stage", "no choice", "add one", "choice"), Hold("a", "", "r", "c")]
    store.save(claim, at, NOW, holds={"a": held})
    store.save(claim, at, NOW + 5, holds={"b": [Hold("b", "stage", "no choice", "add one", "choice")]})
    rows = store.page_of_holds(9)
    assert [(r["connection"], r["field"], r["kind"], r["value"], r["origin"], r["name"]) for r in rows] == [
        ("a", "", "", None, None, "Bo"),
        ("a", "stage", "choice", "won", "b", "Bo"),
        ("b", "stage", "choice", "won", "b", "Bo"),
    ]
    last = rows[1]
    assert store.page_of_holds(9, (last["since"], link, "a", "stage")) == rows[2:]
    for which in ({"connection": "b"}, {"kind": "choice", "connection": "b"}, {"field": "stage", "connection": "b"}):
        assert store.page_of_holds(9, **which) == rows[2:]  # type: ignore[arg-type]
    assert (store.page_of_holds(1), store.page_of_holds(9, link="x"), store.page_of_holds(9, reason="r")) == (
        rows[:1],
        [],
        rows[:1],
    )
    assert store.one_hold(link, "b", "stage") == rows[2] and store.one_hold(link, "b", "") is None
    assert [(g["connection"], g["field"], g["deals"], g["since"]) for g in store.groups_of_holds(kind="choice")] == [
        ("a", "stage", 1, NOW),
        ("b", "stage", 1, NOW + 5),
    ]


def test_deals_that_wait_for_the_same_are_one_group(store: Store) -> None:
    for n in (1, 2, 3):
        dead(store, n, "invalid" if n < 3 else "gone")
    groups = [(g["reason"], g["field"], g["deals"]) for g in store.groups_of_holds(connection="a", field="name")]
    assert sorted(groups) == [("gone", "name", 1), ("invalid", "name", 2)]


def test_dead_letters_are_writes_and_deliveries_as_one_list(store: Store) -> None:
    link, write = dead(store, answer='{"status": 422}')
    delivery = hook(store, now=NOW + 1)
    store.become_looks([Intake(delivery, [], "dead: defect"), Intake(hook(store), [], "not linked")])
    rows = store.page_of_dead(9)
    assert [(r["id"], r["kind"], r["link"], r["reason"]) for r in rows] == [
        (delivery, "delivery", "", "defect"),
        (write, "write", link, "invalid: HTTP 422"),
    ]
    for which, n in (
        ({"connection": "b"}, 0),
        ({"link": link}, 1),
        ({"reason": "inv"}, 1),
        ({"reason": "def"}, 1),
        ({"since": NOW + 1}, 1),
        ({"until": NOW + 1}, 1),
    ):
        assert len(store.page_of_dead(9, **which)) == n
    assert store.page_of_dead(9, delivery) == rows[1:]
    found = store.one_write(write)
    assert found is not None and (found["answer"], found["touched"]) == ({"status": 422}, ["name"])


def test_dead_letters_are_replayed_once(store: Store) -> None:
    link, write = dead(store)
    delivery = hook(store)
    store.become_looks([Intake(delivery, [], "dead: defect")])
    assert store.replay_dead([write, delivery, "x"], NOW, DEED) == 2
    assert (store.page_of_dead(9), store.count_waiting(), causes(store, link)) == ([], 1, {"a": ["replay"]})
    assert store.refused(link, "a") == {}
    assert store.replay_dead([write, delivery], NOW, DEED) == 0
    assert len(store.deeds(9)) == 1


def test_what_one_side_was_refused_is_replayed_together(store: Store) -> None:
    link, _ = dead(store)
    other, _ = dead(store, 2)
    assert store.replay_side(link, "a", NOW, DEED) == 1
    assert store.replay_side(link, "b", NOW, DEED) == 0
    assert (causes(store, link), len(store.page_of_dead(9))) == ({"a": ["replay"], "b": ["replay"]}, 1)
    told = [(e["connection"], e["what"], e["detail"]) for e in store.journal(link) if e["what"] == "replayed"]
    assert told == [("a", "replayed", f"by {DEED.who}")]
    store.look_again(other, "b", NOW, DEED)
    assert causes(store, other) == {"b": ["again"]}


def test_what_is_discarded_is_in_the_journal_looked_at_and_not_listed(store: Store) -> None:
    link, write = dead(store)
    assert store.discard_write(write, NOW, "Hoa: no need", DEED)
    assert (store.page_of_dead(9), causes(store, link)) == ([], {"a": ["replay"]})
    entry = store.journal(link)[-1]
    assert (entry["what"], entry["connection"], entry["field"], entry["new"], entry["version"], entry["detail"]) == (
        "discarded",
        "a",
        "name",
        "Bo",
        2,
        "Hoa: no need",
    )
    assert [(f, r.said, r.discarded) for f, r in store.refused(link, "a").items()] == [("name", Said("Bo", 2), True)]
    assert not store.discard_write(write, NOW, "again", DEED)
    assert not store.discard_write("x", NOW, "again", DEED)
    assert len(store.deeds(9)) == 1


def test_a_discarded_write_is_forgotten_in_time_but_not_while_its_connection_is_paused(store: Store) -> None:
    link, write = dead(store)
    other, kept = dead(store, 2)
    store.discard_write(write, NOW, "no need", DEED)
    store.pause("a", "by hand")
    store.prune(NOW + 1)
    assert store.one_write(write) is not None
    store.resume("a", NOW)
    store.prune(NOW + 1)
    assert (store.refused(link, "a"), store.one_write(kept) is not None) == ({}, True)
    assert [r["id"] for r in store.page_of_dead(9, link=other)] == [kept], "a dead letter stays until it is handled"


def test_a_delivery_is_discarded_once(store: Store) -> None:
    delivery = hook(store)
    store.become_looks([Intake(delivery, [], "dead: defect")])
    assert store.discard_delivery(delivery, "discarded: a try", DEED)
    assert (store.page_of_dead(9), store.discard_delivery(delivery, "again", DEED)) == ([], False)
    row = store.one_delivery(delivery)
    assert row is not None and row["outcome"] == "discarded: a try"
    assert len(store.deeds(9)) == 1


# a lease for a person


def test_a_seized_link_is_the_persons_until_it_is_handed_back(store: Store) -> None:
    link = linked(store)
    mine = claimed(store)
    at = store.load(mine)
    theirs = store.seize(link, "Hoa", NOW)
    assert theirs is not None and theirs.token > mine.token
    with pytest.raises(Fenced):
        store.save(mine, at, NOW)
    assert store.claim("w", NOW + 1, 1) is None
    seen = store.load(theirs)
    seen.hubs = {"name": Hub("Bo", 2, NOW, "a")}
    journal = [Entry(NOW, "a", "name", "decided", "An", "Bo", 2, "decided", "Hoa")]
    store.save(theirs, seen, NOW, effects=Effects(journal=journal), deed=DEED)
    store.hand_back(theirs)
    assert claimed(store).link == link
    assert ([e["what"] for e in store.journal(link)][2:], [d["who"] for d in store.deeds(9)]) == (["decided"], ["Hoa"])
    assert store.seize("x", "Hoa", NOW) is None


def test_a_seized_link_that_is_never_handed_back_is_taken_up_when_the_lease_lapses(store: Store) -> None:
    link = linked(store)
    assert store.seize(link, "Hoa", NOW, 1_000) is not None
    claim = store.claim("w", NOW + 1_000, 1)
    assert claim is not None and claim.lapsed


def test_what_a_fenced_worker_may_send_yet_is_in_doubt_for_as_long_as_it_believes_in_its_lease(store: Store) -> None:
    link = linked(store)
    claim = claimed(store)
    at = store.load(claim)
    at.hubs = {"name": Hub("Bo", 2, NOW, "b")}
    at.sides["a"].open = Write("w1", A, {"name": Said("Bo", 2)}, frozenset({"name"}), NOW)
    store.save(claim, at, NOW, opened=(at.sides["a"].open, "d1"), taken={c: (NOW, ["linked"]) for c in "ab"})
    assert store.seize(link, "Hoa", NOW + 5) is not None
    open_write = store.peek(link).sides["a"].open
    assert open_write is not None and open_write.at == claim.until
    assert store.due_looks(link, NOW + 5) == {"a": ["in doubt"], "b": ["in doubt"]}


def test_a_link_that_nobody_works_on_is_seized_without_a_look(store: Store) -> None:
    link = linked(store)
    claim = claimed(store)
    at = store.load(claim)
    write = Write("w1", B, {"name": Said("Bo", 2)}, frozenset({"name"}), NOW)
    at.hubs, at.sides["b"].open = {"name": Hub("Bo", 2, NOW, "a", held_until=FOREVER)}, write
    store.save(claim, at, NOW, opened=(write, "d1"), taken={c: (NOW, ["linked"]) for c in "ab"})
    store.release(claim)
    assert store.seize(link, "Hoa", NOW + 5) is not None
    open_write = store.peek(link).sides["b"].open
    assert open_write is not None and (open_write.at, store.due_looks(link, NOW + 5)) == (NOW, {})
