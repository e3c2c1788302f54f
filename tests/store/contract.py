"""What every engine of the store must hold; test_store.py runs it on each."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.core.grants import Ask, Grant, Limits
from bridge.core.model import (
    FOREVER,
    Effects,
    Entry,
    Former,
    Hold,
    Hub,
    Link,
    Look,
    Ref,
    Said,
    Sent,
    Shadow,
    Write,
)
from bridge.store import Claim, Fenced, Store, Taken
from bridge.store.audit import Deed
from bridge.store.store import Attempt, Intake
from tests.e2e.database import ask

NOW = 1_750_000_000_000
LEASE = 60_000
A, B = Ref("a", "a1"), Ref("b", "b1")


def hook(store: Store, key: str | None = None, connection: str = "a", now: int = NOW) -> str:
    kept: dict[str, Any] = {"method": "POST", "query": {"q": "1"}, "content_type": "text/plain", "body": b"\x00raw"}
    return store.accept(connection, key, now, **kept)


def choice(native: str, canonical: str, reads: int = 1, writes: int = 1, **rest: str) -> dict[str, Any]:
    key = {"connection": "a", "field": "stage", "native": native, "canonical": canonical, "scope": ""}
    return {**key, "reads": reads, "writes": writes, **rest}


def linked(store: Store, n: int = 1) -> str:
    return store.link([Ref("a", f"a{n}"), Ref("b", f"b{n}")], NOW)


def claimed(store: Store, now: int = NOW, owner: str = "w") -> Claim:
    claim = store.claim(owner, now, LEASE)
    assert claim is not None
    return claim


class StoreContract:
    """address: names an engine's database; two stores with one address share it."""

    def address(self, tmp_path: Path) -> str:
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = Store(self.address(tmp_path))
        store.migrate()
        yield store
        store.db.close()

    # schema

    def test_migrations_are_applied_once(self, store: Store) -> None:
        linked(store)
        assert (store.migrate(), store.db.pending()) == ([], [])
        assert len(store.all_refs()) == 2

    def test_a_new_database_names_its_migrations(self, tmp_path: Path) -> None:
        store = Store(self.address(tmp_path / "new"))
        pending = store.db.pending()
        assert (pending[0], store.migrate()) == ("0001_first", pending)
        store.db.close()

    # deliveries

    def test_a_delivery_is_kept_as_it_came(self, store: Store) -> None:
        known = hook(store)
        [waiting] = store.waiting()
        assert (waiting.id, waiting.connection, waiting.method, waiting.query) == (known, "a", "POST", {"q": "1"})
        assert (waiting.content_type, waiting.body, store.count_waiting()) == ("text/plain", b"\x00raw", 1)
        assert store.connections()["a"]["heard_at"] == NOW

    def test_a_repeat_of_the_same_notification_is_kept_once(self, store: Store) -> None:
        first = hook(store, "n1")
        hook(store, "n1", now=NOW + 1)
        hook(store, "n1", connection="b")
        hook(store, "n2")
        assert ([w.connection for w in store.waiting()], store.waiting()[0].id) == (["a", "b", "a"], first)

    def test_a_repeat_changes_nothing_even_when_the_first_has_ended(self, store: Store) -> None:
        store.become_looks([Intake(hook(store, "n1"), [], "not linked")])
        hook(store, "n1")
        assert store.waiting() == []

    def test_equal_bodies_without_an_id_stay_two_hints(self, store: Store) -> None:
        hook(store)
        hook(store)
        assert store.count_waiting() == 2

    def test_deliveries_are_taken_oldest_first_and_a_few_at_a_time(self, store: Store) -> None:
        ids = [hook(store) for _ in range(3)]
        assert [w.id for w in store.waiting(2)] == ids[:2]

    def test_a_delivery_becomes_looks(self, store: Store) -> None:
        link = linked(store)
        delivery = hook(store)
        store.become_looks([Intake(delivery, [(link, Look(A, NOW + 5, delivery))], "")])
        assert (store.waiting(), self.outcome(store, delivery)) == ([], ("looking", ""))
        assert store.due_looks(link, NOW + 5)["a"] == ["linked", delivery]

    def test_a_delivery_that_two_workers_take_in_is_looked_at_once(self, store: Store) -> None:
        link = linked(store)
        delivery = hook(store)
        store.become_looks([Intake(delivery, [(link, Look(A, NOW + 5, delivery))], "")])
        store.become_looks([Intake(delivery, [(link, Look(A, NOW + 6, delivery))], "")])
        assert [(r["at"], r["cause"]) for r in store.db.run("due_looks", link=link, now=NOW + 9)][2:] == [
            (NOW + 5, delivery)
        ]

    def test_a_delivery_that_leads_nowhere_ends_at_once(self, store: Store) -> None:
        delivery = hook(store)
        store.become_looks([Intake(delivery, [], "not linked")])
        assert self.outcome(store, delivery) == ("done", "not linked")

    def test_a_delivery_keeps_its_first_outcome(self, store: Store) -> None:
        one, two = hook(store), hook(store)
        self.end(store, [one, two, "sweep"], "changed name")
        self.end(store, [one, two], "echo")
        assert self.outcome(store, one) == ("done", "changed name")
        assert self.outcome(store, two) == ("done", "merged: changed name")

    def test_an_echo_may_turn_out_to_be_news(self, store: Store) -> None:
        delivery = hook(store)
        self.end(store, [delivery], "echo")
        self.end(store, [delivery], "changed name")
        assert self.outcome(store, delivery) == ("done", "changed name")

    def test_replay_makes_a_delivery_wait_again(self, store: Store) -> None:
        delivery = hook(store)
        store.become_looks([Intake(delivery, [], "not linked")])
        assert (store.replay_deliveries([delivery]), self.outcome(store, delivery)) == (1, ("waiting", ""))
        assert [w.id for w in store.waiting()] == [delivery]

    def test_replay_of_what_never_came(self, store: Store) -> None:
        assert store.replay_deliveries(["nothing"]) == 0

    def end(self, store: Store, deliveries: list[str], outcome: str) -> None:
        """Give deliveries an outcome, as a step on any link does."""
        link = store.find("a", "a9") or store.link([Ref("a", "a9")], NOW)
        claim = Claim(link, 0, NOW + LEASE)
        store.save(claim, store.load(claim), NOW, ended=(deliveries, outcome))

    def outcome(self, store: Store, delivery: str) -> tuple[str, str]:
        [row] = store.db.run("delivery", id=delivery)
        return row["state"], row["outcome"]

    # links

    def test_a_link_is_found_by_each_of_its_ids(self, store: Store) -> None:
        link = linked(store)
        assert (store.find("a", "a1"), store.find("b", "b1"), store.find("a", "b1")) == (link, link, None)
        assert store.find("a", "a1", "contact") is None
        assert (store.refs(link), store.all_refs()) == ([A, B], [(link, A), (link, B)])

    def test_a_link_is_found_by_an_alias(self, store: Store) -> None:
        link = linked(store)
        store.name_also(A, ["code-1", "code-2"])
        store.name_also(A, ["code-1"])
        assert [store.find("a", alias) for alias in ("code-1", "code-2", "code-3")] == [link, link, None]

    def test_an_alias_moves_with_the_record_that_has_it(self, store: Store) -> None:
        linked(store)
        other = linked(store, 2)
        store.name_also(A, ["code"])
        store.name_also(Ref("a", "a2"), ["code"])
        assert store.find("a", "code") == other

    def test_a_ref_is_in_one_link_only(self, store: Store) -> None:
        linked(store)
        with pytest.raises(Taken):
            store.link([A, Ref("b", "b9")], NOW)
        assert len(store.all_refs()) == 2, "nothing of it is kept"

    def test_a_link_has_one_ref_a_connection(self, store: Store) -> None:
        with pytest.raises(Taken):
            store.link([A, Ref("a", "a2")], NOW)
        link = linked(store)
        with pytest.raises(Taken):
            store.link([Ref("a", "a2")], NOW, link=link)

    def test_equal_ids_of_other_kinds_are_other_records(self, store: Store) -> None:
        deal = linked(store)
        person = store.link([Ref("a", "a1", "contact"), Ref("b", "b1", "contact")], NOW)
        assert (store.find("a", "a1"), store.find("a", "a1", "contact")) == (deal, person)
        assert [r.kind for r in store.refs(person)] == ["contact", "contact"]
        assert store.live_ids("a") == {"a1"}

    def test_a_new_link_looks_at_all_its_records_and_a_contact_at_none(self, store: Store) -> None:
        link = linked(store)
        store.link([Ref("a", "c1", "contact"), Ref("b", "c1", "contact")], NOW)
        assert store.due_looks(link, NOW) == {"a": ["linked"], "b": ["linked"]}
        assert claimed(store).link == link
        assert store.claim("w", NOW, LEASE) is None

    def test_a_link_grows(self, store: Store) -> None:
        link = linked(store)
        store.link([Ref("c", "c1")], NOW + 1, link=link)
        assert [r.connection for r in store.refs(link)] == ["a", "b", "c"]

    def test_what_a_sweep_knows_of_a_page(self, store: Store) -> None:
        link = linked(store)
        claim = claimed(store)
        at = store.load(claim)
        at.hubs["name"] = Hub("x", 1, NOW, "a")
        at.sides["a"].shadows, at.sides["a"].stamp = {"name": Shadow(None, 1, NOW)}, 7
        store.save(claim, at, NOW)
        assert store.known_sides("b", ["b1"])["b1"].natives == {}
        known = store.known_sides("a", ["a1", "nobody's"])
        assert (known.keys(), known["a1"].link, known["a1"].stamp) == ({"a1"}, link, 7)
        assert known["a1"].natives == {"name": None}

    # looks

    def test_equal_looks_merge_and_causes_stay_apart(self, store: Store) -> None:
        link = linked(store)
        store.look(link, [Look(A, NOW, "d1"), Look(A, NOW, "d1"), Look(A, NOW - 1, "d1"), Look(A, NOW, "d0")])
        assert store.due_looks(link, NOW)["a"] == ["d1", "d0", "linked"]

    def test_a_new_link_is_looked_at_in_the_same_order_on_every_engine(self, store: Store, tmp_path: Path) -> None:
        """The first look at a link decides what its hub says."""
        link = store.link([Ref("d", "d1"), Ref("b", "b1"), Ref("c", "c1"), Ref("a", "a1")], NOW)
        ask(self.address(tmp_path), "ANALYZE")  # now the engine knows that it needs no index for so few
        assert list(store.due_looks(link, NOW)) == ["a", "b", "c", "d"]

    def test_a_look_is_due_at_its_time(self, store: Store) -> None:
        link = store.link([A, B], NOW + 100)
        assert (store.claim("w", NOW + 99, LEASE), store.due_looks(link, NOW + 99)) == (None, {})
        assert store.next_look() == NOW + 100
        assert claimed(store, NOW + 100).link == link

    def test_saving_takes_the_looks_that_are_done_and_leaves_later_ones(self, store: Store) -> None:
        link = linked(store)
        store.look(link, [Look(A, NOW + 5, "later")])
        claim = claimed(store)
        store.save(claim, store.load(claim), NOW, taken={"a": (NOW, ["linked"])})
        assert store.due_looks(link, NOW + 5) == {"b": ["linked"], "a": ["later"]}

    def test_a_look_that_came_in_while_its_side_was_read_is_left(self, store: Store) -> None:
        link = linked(store)
        claim = claimed(store)
        at, causes = store.load(claim), store.due_looks(link, NOW)["a"]
        store.look(link, [Look(A, NOW, "a delivery of this very millisecond"), Look(A, NOW - 9, "of a slower clock")])
        store.save(claim, at, NOW, taken={"a": (NOW, causes)})
        assert store.due_looks(link, NOW)["a"] == ["of a slower clock", "a delivery of this very millisecond"]

    def test_the_link_that_waited_longest_comes_first(self, store: Store) -> None:
        late, early = store.link([A, B], NOW - 1), store.link([Ref("a", "a2"), Ref("b", "b2")], NOW - 2)
        assert [claimed(store).link, claimed(store).link] == [early, late]

    def test_nothing_to_look_at(self, store: Store) -> None:
        assert (store.next_look(), store.claim("w", NOW, LEASE)) == (None, None)

    def test_the_next_look_waits_for_the_lease_and_for_the_pause(self, store: Store) -> None:
        link = store.link([A], NOW)
        claim = claimed(store)
        assert store.next_look() == NOW + LEASE
        store.release(claim)
        store.pause("a", "throttled", NOW + 9)
        assert store.next_look() == NOW + 9
        store.look(link, [Look(B, NOW + 3, "sweep")])
        assert store.next_look() == NOW + 3

    # leases

    def test_a_lease_is_held_by_one_worker(self, store: Store) -> None:
        linked(store)
        claimed(store)
        assert store.claim("other", NOW + LEASE - 1, LEASE) is None

    def test_a_lease_that_was_given_back_can_be_taken_at_once(self, store: Store) -> None:
        linked(store)
        first = claimed(store)
        store.release(first)
        second = claimed(store)
        assert (second.token, first.lapsed, second.lapsed) == (first.token + 1, False, False)

    def test_a_late_commit_of_a_worker_that_lost_its_lease_is_refused(self, store: Store) -> None:
        linked(store)
        late = claimed(store)
        at = store.load(late)
        other = claimed(store, NOW + LEASE, "other")
        assert other.lapsed
        at.sides["a"].stamp = 99
        effects = Effects(journal=[Entry(NOW, "a", "name", "set")])
        with pytest.raises(Fenced):
            store.save(late, at, NOW, effects=effects, taken={"a": (NOW, ["linked"])})
        with pytest.raises(Fenced):
            store.renew(late, NOW, LEASE)
        store.release(late)
        assert store.claim("third", NOW + LEASE, LEASE) is None, "the late worker cannot release another's lease"
        assert store.peek(other.link).sides["a"].stamp is None
        assert {e["what"] for e in store.journal(other.link)} == {"linked"}
        assert store.due_looks(other.link, NOW).keys() == {"a", "b"}

    def test_a_late_worker_that_loaded_half_of_a_change_is_told_that_its_lease_is_lost(self, store: Store) -> None:
        linked(store)
        late = claimed(store)
        at = store.load(late)
        claimed(store, NOW + LEASE, "other")
        at.hubs["name"] = Hub("old", 1, NOW, "b")
        at.sides["a"].shadows["name"] = Shadow("new", 2, NOW)
        with pytest.raises(Fenced):
            store.save(late, at, NOW)

    def test_a_renewed_lease_lasts(self, store: Store) -> None:
        linked(store)
        claim = claimed(store)
        store.renew(claim, NOW + 1_000, LEASE)
        assert claim.until == NOW + 1_000 + LEASE
        assert store.claim("other", NOW + LEASE, LEASE) is None

    def test_a_link_whose_worker_died_is_found_though_no_look_is_left(self, store: Store) -> None:
        link = linked(store)
        claim = claimed(store)
        store.save(claim, store.load(claim), NOW, taken=dict.fromkeys("ab", (NOW, ["linked"])))
        assert store.next_look() == NOW + LEASE
        again = claimed(store, NOW + LEASE)
        assert (again.link, again.lapsed) == (link, True)
        store.release(again)
        assert (store.claim("w", NOW + 9 * LEASE, LEASE), store.next_look()) == (None, None)

    def test_several_threads_never_hold_one_link_twice(self, store: Store) -> None:
        for n in range(12):
            linked(store, n)
        got: list[str] = []

        def work() -> None:
            while (claim := store.claim("w", NOW, LEASE)) is not None:
                got.append(claim.link)
            store.db.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(got), len(set(got))) == (12, 12)

    # the working copy

    def full(self, store: Store) -> tuple[Claim, Link]:
        """A link with every value that there is: empty, unknown, numbers, text of all sorts."""
        linked(store)
        claim = claimed(store)
        at = store.load(claim)
        a = at.sides["a"]
        a.stamp, a.wrote_at, a.missing_since, a.gone = 1, 2, 3, True
        a.shadows = {
            "name": Shadow('Đỗ "quoted"\n', 2, NOW, Sent("x"), True),
            "note": Shadow(None, 1, NOW, Sent(None)),
            "size": Shadow(0, 1, NOW, Sent(0)),
            "text": Shadow("", 1, NOW, None),
            "null": Shadow("null", 1, NOW),
        }
        a.formers = {"name": [Former(None, 5), Former("5", 6), Former(5, 7)]}
        at.hubs = {
            "name": Hub("new", 3, NOW, "a", 2, FOREVER, 4, 5),
            "note": Hub(None, 1, NOW, "b"),
            "size": Hub(0, 1, NOW, "b", held_until=NOW),
        }
        return claim, at

    def test_every_value_comes_back_as_it_was(self, store: Store) -> None:
        claim, at = self.full(store)
        store.save(claim, at, NOW)
        assert store.load(claim) == at
        assert store.peek(at.id) == at

    def test_saving_again_changes_what_differs_and_nothing_else(self, store: Store) -> None:
        claim, at = self.full(store)
        store.save(claim, at, NOW)
        at.sides["a"].formers["name"] = [Former("5", 6)]
        at.sides["a"].shadows["name"] = replace(at.sides["a"].shadows["name"], sent=None)
        at.hubs["name"].held_until = None
        store.save(claim, at, NOW)
        assert store.load(claim) == at

    def test_a_copy_that_breaks_the_rules_is_not_saved(self, store: Store) -> None:
        claim, at = self.full(store)
        at.sides["a"].shadows["name"].base = 4
        with pytest.raises(AssertionError, match="base 4 > 3"):
            store.save(claim, at, NOW)
        assert store.peek(at.id).hubs == {}

    # writes

    def opened(self, store: Store) -> tuple[Claim, Link, Write]:
        claim, at = self.full(store)
        patch = {"name": Said(None, 3), "size": Said(7, 1)}
        write = Write("w1", A, patch, frozenset({"name", "size", "text"}), NOW)
        at.sides["a"].open = write
        store.save(claim, at, NOW, opened=(write, "d1"))
        return claim, at, write

    def test_an_open_write_is_there_after_a_crash(self, store: Store) -> None:
        _, at, write = self.opened(store)
        assert store.peek(at.id).sides["a"].open == write

    def test_the_database_holds_one_open_write_a_ref(self, store: Store) -> None:
        claim, at, write = self.opened(store)
        with pytest.raises(Taken):
            store.save(claim, at, NOW, opened=(replace(write, id="w2"), "d2"))
        other = Write("w3", B, write.patch, write.touched, NOW)
        store.save(claim, at, NOW, opened=(other, "d2"))
        assert store.peek(at.id).sides["b"].open == other

    def test_a_write_that_was_sent_again_counts_from_then(self, store: Store) -> None:
        claim, at, write = self.opened(store)
        store.save(claim, at, NOW, resent=replace(write, at=NOW + 9))
        assert store.peek(at.id).sides["a"].open == replace(write, at=NOW + 9)

    @pytest.mark.parametrize("by", ["effects", "closed"])
    def test_a_closed_write_makes_room_for_the_next(self, store: Store, by: str) -> None:
        claim, at, write = self.opened(store)
        at.sides["a"].open = None
        ends = {"w1": ("done", "")}
        store.save(claim, at, NOW, **{by: Effects(closed=ends) if by == "effects" else ends})  # type: ignore[arg-type]
        assert store.peek(at.id).sides["a"].open is None
        store.save(claim, at, NOW, opened=(replace(write, id="w2"), "d2"))

    def test_a_closed_write_keeps_its_first_end(self, store: Store) -> None:
        claim, at, _ = self.opened(store)
        store.save(claim, at, NOW, closed={"w1": ("dead", "HTTP 400")})
        store.save(claim, at, NOW, closed={"w1": ("done", "")})
        dead = store.one_write("w1")
        assert dead is not None
        assert (dead["state"], dead["connection"], dead["cause"], dead["detail"]) == ("dead", "a", "d1", "HTTP 400")

    # journal, attempts, failures

    def test_the_journal_only_grows_and_keeps_values_as_they_were(self, store: Store) -> None:
        claim, at = self.full(store)
        told = [
            Entry(NOW, "a", "name", "set", "old", None, 2, "d1", "by Hoa"),
            Entry(NOW, "a", "size", "lost", 0, "0", 3),
        ]
        store.save(claim, at, NOW, effects=Effects(journal=told[:1]))
        store.save(claim, at, NOW, effects=Effects(journal=told[1:]))
        rows = store.journal(at.id)[2:]  # of the linking
        assert [{k: r[k] for k in vars(told[0])} for r in rows] == [vars(e) for e in told]

    def test_failures_are_counted_by_side(self, store: Store) -> None:
        link = linked(store)
        claim = claimed(store)
        at = store.load(claim)
        store.save(claim, at, NOW, attempt=Attempt(link, "a", "d1", "failed", fails=2, failing_since=NOW - 5))
        for known in (claim, self.loaded(store, claim)):
            assert known.failing == {"a": (2, NOW - 5), "b": (0, None)}
        store.save(claim, at, NOW, attempt=Attempt(link, "a", "d1", "echo"))
        assert self.loaded(store, claim).failing["a"] == (0, None)
        assert [r["outcome"] for r in store.db.run("attempts", link=link, n=9)] == ["echo", "failed"]

    def loaded(self, store: Store, claim: Claim) -> Claim:
        again = replace(claim, failing={})
        store.load(again)
        return again

    def test_saving_ends_deliveries_in_the_same_transaction(self, store: Store) -> None:
        linked(store)
        claim, delivery = claimed(store), hook(store)
        store.save(claim, store.load(claim), NOW, ended=([delivery], "echo"))
        assert self.outcome(store, delivery) == ("done", "echo")

    # holds

    def test_holds_appear_and_go(self, store: Store) -> None:
        link = linked(store)
        claim = claimed(store)
        at = store.load(claim)
        name, owner = Hold("a", "name", "r1", "c1"), Hold("a", "owner", "r2", "c2")
        store.save(claim, at, NOW, holds={"a": [name, owner], "b": [Hold("b", "name", "r3", "c3")]})
        store.save(claim, at, NOW + 9, holds={"a": [replace(owner, cure="c4")]})
        held = [(h["connection"], h["field"], h["cure"], h["since"]) for h in store.holds(link)]
        assert held == [("a", "owner", "c4", NOW), ("b", "name", "c3", NOW)]
        assert [h["link"] for h in store.holds()] == [link, link]
        store.save(claim, at, NOW, holds={"a": [], "b": []})
        assert store.holds() == []

    # pauses

    def test_a_paused_connection_waits_and_the_others_go_on(self, store: Store) -> None:
        link = linked(store)
        store.pause("a", "credentials refused")
        assert store.due_looks(link, NOW) == {"b": ["linked"]}
        claim = claimed(store)
        store.save(claim, store.load(claim), NOW, taken={"b": (NOW, ["linked"])})
        store.release(claim)
        assert store.claim("w", NOW, LEASE) is None
        store.resume("a", NOW)
        assert (claimed(store).link, store.due_looks(link, NOW)) == (link, {"a": ["linked"]})

    def test_a_persons_pause_stands_until_somebody_ends_it(self, store: Store) -> None:
        store.pause("a", "key refused")
        store.pause("a", "moving house", deed=Deed(NOW, "Hoa", "connection paused", "a"))
        store.pause("a", "key refused")
        row = store.connections()["a"]
        assert (row["why"], row["paused_by"]) == ("moving house", "Hoa")
        store.resume("a", NOW)
        row = store.connections()["a"]
        assert (row["why"], row["paused_by"], row["paused_until"]) == ("", "", 0)

    # what the lists of the CRMs offer, and what people wish

    def test_lists_replace_those_of_their_connection(self, store: Store) -> None:
        row = {"field": "owner", "native": "7", "label": "Hoa"}
        custom = {"native": "mx_1", "label": "Branch", "kind": "text"}
        store.put_lists("a", [row, {**row, "native": "8", "label": "An"}], NOW, [custom])
        store.put_lists("b", [row], NOW, [custom])
        store.put_lists("a", [row], NOW + 1)
        assert [(r["connection"], r["at"]) for r in store.lists()] == [("a", NOW + 1), ("b", NOW)]
        assert store.lists("a") == [{"connection": "a", **row, "at": NOW + 1}]
        assert (store.customs("a"), store.customs("b")) == ([], [{"connection": "b", **custom}])

    def test_a_wish_is_one_persons_deed_and_one_workers_work(self, store: Store) -> None:
        deed = Deed(NOW, "Hoa", "connection tested", "a")
        store.wish("a", "test", NOW, deed)
        store.wish("a", "test", NOW + 1, deed)
        assert (len(store.deeds(9)), store.wishes()["a", "test"]["at"]) == (2, NOW)
        assert store.take_wish("b", NOW, LEASE) is None
        assert [store.take_wish("a", NOW, LEASE) for _ in range(2)] == ["test", None]
        assert store.take_wish("a", NOW + LEASE, LEASE) == "test"
        store.answer_wish("a", "test", NOW + 2, ok=True, said=["2 users"])
        assert store.take_wish("a", NOW + 2 * LEASE, LEASE) is None
        kept = {"at": NOW, "answered_at": NOW + 2, "ok": True, "said": ["2 users"]}
        assert store.wishes()["a", "test"] == {"connection": "a", "what": "test", **kept}
        store.wish("a", "test", NOW + 3)
        assert store.wishes()["a", "test"]["answered_at"] is None
        assert store.take_wish("a", NOW + 3, LEASE) == "test"

    def test_what_nobody_wished_can_be_answered_too(self, store: Store) -> None:
        store.answer_wish("a", "lists", NOW, ok=False, said=["no"])
        assert store.wishes()["a", "lists"]["answered_at"] == NOW

    def test_a_sweep_that_is_wanted_comes_at_once_but_not_twice(self, store: Store) -> None:
        store.want_sweep("a")
        assert store.sweep_wanted("a", NOW)
        store.swept("a", NOW)
        assert not store.sweep_wanted("a", NOW)
        store.want_sweep("a", Deed(NOW, "Hoa", "sweep asked", "a"))
        assert store.sweep_wanted("a", NOW)
        assert store.lease_sweep("a", "w", NOW, LEASE, before=NOW)
        store.want_sweep("a")
        assert not store.sweep_wanted("a", NOW)
        store.release_sweep("a", "w", NOW + LEASE)
        assert not store.sweep_wanted("a", NOW)
        store.want_sweep("a")
        assert store.sweep_wanted("a", NOW)
        store.pause("a", "by hand")
        assert not store.sweep_wanted("a", NOW)

    def test_a_pause_ends_by_time(self, store: Store) -> None:
        link = linked(store)
        store.pause("a", "throttled", NOW + 5)
        assert "a" not in store.due_looks(link, NOW + 4)
        assert "a" in store.due_looks(link, NOW + 5)

    def test_a_short_pause_does_not_end_a_longer_one(self, store: Store) -> None:
        store.pause("a", "by the operator")
        store.pause("a", "throttled", NOW + 5)
        assert (store.connections()["a"]["paused_until"], store.connections()["a"]["why"]) == (
            FOREVER,
            "by the operator",
        )

    def test_resume_looks_at_what_the_hub_has_run_ahead_of(self, store: Store) -> None:
        behind, level = linked(store), linked(store, 2)
        for link, base in ((behind, 1), (level, 2)):
            claim = claimed(store)
            at = store.load(claim)
            at.hubs["name"] = Hub("new", 2, NOW, "b")
            at.sides["a"].shadows["name"] = Shadow("x", base, NOW)
            store.save(claim, at, NOW, taken=dict.fromkeys("ab", (NOW, ["linked"])))
            store.release(claim)
            assert claim.link == link
        store.pause("a", "by the operator")
        store.resume("a", NOW + 7)
        assert (store.due_looks(behind, NOW + 7), store.due_looks(level, NOW + 7)) == ({"a": ["resumed"]}, {})
        assert store.connections()["a"]["paused_until"] == 0

    def test_a_sweep_is_remembered(self, store: Store) -> None:
        store.swept("a", NOW)
        hook(store)
        assert (store.connections()["a"]["swept_at"], store.connections()["a"]["heard_at"]) == (NOW, NOW)

    def test_one_sweeps_at_a_time_and_not_again_what_was_swept(self, store: Store) -> None:
        assert store.lease_sweep("a", "one", NOW, LEASE, before=NOW - 900)
        assert not store.lease_sweep("a", "two", NOW + 9, LEASE, before=NOW - 900)
        assert store.lease_sweep("b", "two", NOW + 9, LEASE, before=NOW - 900)
        store.swept("a", NOW + 10)
        store.release_sweep("a", "one")
        assert not store.lease_sweep("a", "two", NOW + 909, LEASE, before=NOW + 9)
        assert store.lease_sweep("a", "two", NOW + 910, LEASE, before=NOW + 10)

    def test_a_sweeper_that_died_is_replaced_and_comes_too_late(self, store: Store) -> None:
        assert store.lease_sweep("a", "one", NOW, LEASE, before=NOW)
        assert store.renew_sweep("a", "one", NOW + 5, LEASE)
        assert not store.lease_sweep("a", "two", NOW + LEASE, LEASE, before=NOW)
        assert store.lease_sweep("a", "two", NOW + LEASE + 5, LEASE, before=NOW)
        assert not store.renew_sweep("a", "one", NOW + LEASE + 6, LEASE)
        store.release_sweep("a", "one")
        assert not store.lease_sweep("a", "three", NOW + LEASE + 7, LEASE, before=NOW), "the second has it still"

    def test_after_a_sweep_that_failed_nobody_tries_too_soon(self, store: Store) -> None:
        assert store.lease_sweep("a", "one", NOW, LEASE, before=NOW)
        store.release_sweep("a", "one", NOW + 30)
        assert not store.lease_sweep("a", "two", NOW + 29, LEASE, before=NOW)
        assert store.lease_sweep("a", "two", NOW + 30, LEASE, before=NOW)

    # budgets

    def test_processes_share_the_budget_of_a_connection_and_no_other(self, store: Store) -> None:
        limits, want = Limits(4, 1_000, 2, 5_000), Ask((), 0, 4)
        first, other = (store.draw(connection, "one", want, limits, NOW) for connection in ("a", "b"))
        assert (first.calls, first.slots, first) == (4, 2, other)
        assert (
            store.draw("a", "two", want, limits, NOW + 1).calls,
            store.draw("a", "one", want, limits, NOW + 2).calls,
        ) == (0, 2)

    def test_what_was_granted_lapses_and_is_forgotten(self, store: Store) -> None:
        limits, want = Limits(4, 1_000, 2, 5_000), Ask(((10, 3),), 1, 4)
        for n in range(5):
            store.draw("a", f"dead {n}", want, limits, NOW + n)
        late = NOW + 60_000
        assert store.draw("a", "alive", Ask((), 0, 4), limits, late).calls == 4
        (row,) = store.db.run("budget", connection="a")
        assert [share["process"] for share in json.loads(row["shares"])] == ["alive"]
        assert store.draw("a", "alive", Ask((), 0, 0), limits, late + 1) == Grant(0, 0, 0)
        assert store.db.run("budget", connection="a")[0]["shares"] == "[]"

    # the clock

    def test_the_clock_of_the_database_is_known(self, store: Store) -> None:
        assert abs(store.db.ahead_ms()) < 1_000, "it is of this machine here"

    # choices

    def test_choices_say_what_they_mean(self, store: Store) -> None:
        rows = [choice("1", "new"), choice("2", "new", writes=0), choice("1", "late", reads=0)]
        store.put_choices([*rows, choice("9", "new", connection="b")], NOW)
        words = store.words()["a"]
        assert words.meaning == {("stage", "1"): "new", ("stage", "2"): "new"}
        assert words.says == {("stage", "new"): ("1",), ("stage", "late"): ("1",)}
        assert store.words()["b"].says == {("stage", "new"): ("9",)}
        assert store.choices()[0] == choice("1", "late", reads=0)

    def test_a_native_value_means_one_thing_the_last_that_was_said(self, store: Store) -> None:
        store.put_choices([choice("1", "new")], NOW)
        store.put_choices([choice("1", "won")], NOW)
        assert store.words()["a"].meaning == {("stage", "1"): "won"}
        assert store.words()["a"].says == {("stage", "new"): ("1",), ("stage", "won"): ("1",)}

    def test_a_canonical_value_is_written_one_way_the_last_that_was_said(self, store: Store) -> None:
        store.put_choices([choice("1", "new"), choice("2", "new")], NOW)
        assert store.words()["a"].says == {("stage", "new"): ("2",)}
        assert store.words()["a"].meaning == {("stage", "1"): "new", ("stage", "2"): "new"}

    def test_each_scope_has_its_own_way(self, store: Store) -> None:
        store.put_choices([choice("7/1", "new", scope="7"), choice("8/1", "new", scope="8")], NOW)
        assert store.words()["a"].says == {("stage", "new"): ("7/1", "8/1")}

    def test_a_choice_that_is_neither_read_nor_written_goes(self, store: Store) -> None:
        store.put_choices([choice("1", "new", writes=0)], NOW)
        store.put_choices([choice("1", "won", writes=0)], NOW)
        assert store.choices() == [choice("1", "won", writes=0)]
        store.drop_choice(choice("1", "won", writes=0))
        assert (store.choices(), store.words()) == ([], {})

    def test_the_database_refuses_a_second_meaning_and_a_second_way(self, store: Store) -> None:
        store.put_choices([choice("1", "new")], NOW)
        for second in (choice("1", "won", writes=0), choice("2", "new", reads=0)):
            with pytest.raises(Taken), store.db.transaction():
                store.db.run("put_choice", **second)
        assert store.choices() == [choice("1", "new")]

    def test_a_new_choice_looks_at_what_it_may_cure(self, store: Store) -> None:
        here, elsewhere, other = linked(store, 1), linked(store, 2), linked(store, 3)
        holds = {
            here: Hold("a", "stage", "no choice for stage 'won'", ""),
            elsewhere: Hold("b", "stage", "nobody has said what stage 'a:9' means", ""),
            other: Hold("b", "stage", "no choice for stage 'won'", ""),
        }
        for _ in holds:
            claim = claimed(store)
            hold = holds[claim.link]
            store.save(
                claim,
                store.load(claim),
                NOW,
                taken=dict.fromkeys("ab", (NOW, ["linked"])),
                holds={hold.connection: [hold]},
            )
            store.release(claim)
        store.put_choices([choice("9", "won")], NOW + 1)
        assert store.due_looks(here, NOW + 1) == {"a": ["cured"]}
        assert store.due_looks(elsewhere, NOW + 1) == {"b": ["cured"]}
        assert store.due_looks(other, NOW + 1) == {}

    # retention

    def test_prune_forgets_what_is_raw_and_over_and_keeps_the_rest(self, store: Store) -> None:
        claim, at, write = self.opened(store)
        ended, waits, late = hook(store), hook(store), hook(store, now=NOW + 10)
        effects, attempt = Effects(journal=[Entry(NOW, "a", "name", "set")]), Attempt(at.id, "a", "d1", "echo")
        store.save(claim, at, NOW, effects=effects, ended=([ended, late], "echo"), attempt=attempt)
        store.save(claim, at, NOW, closed={"w1": ("done", "")})
        other = replace(write, id="w2")
        at.sides["a"].open = other
        store.save(claim, at, NOW, opened=(other, "d1"))
        before = store.load(claim)
        store.prune(NOW + 5)
        assert [store.db.run("delivery", id=d) != [] for d in (ended, waits, late)] == [False, True, True]
        assert store.db.run("attempts", link=at.id, n=9) == []
        assert (store.load(claim), len(store.journal(at.id)), len(store.all_refs())) == (before, 3, 2)
        assert store.peek(at.id).sides["a"].open == other

    # waiting

    def test_a_wait_ends_by_time_and_at_the_stop(self, store: Store) -> None:
        stop, started = threading.Event(), time.monotonic()
        store.wait_for_work(0.05, stop)
        assert time.monotonic() - started >= 0.04
        stop.set()
        store.wait_for_work(0.05, stop)

    # transactions

    def test_nothing_of_a_transaction_that_fails_is_kept(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError), store.db.transaction():
            store.db.run("heard", connection="a", at=NOW)
            _ = 1 / 0
        assert store.connections() == {}
        hook(store)
        assert store.count_waiting() == 1, "the next transaction is not disturbed"


class SharedStoreContract(StoreContract):
    """For engines that several processes share."""

    def test_two_processes_never_claim_one_link(self, store: Store, tmp_path: Path) -> None:
        for n in range(60):
            linked(store, n)
        both = [self.run("claim", tmp_path) for _ in range(2)]
        got = [link for process in both for link in process.communicate(timeout=60)[0].split()]
        assert [process.returncode for process in both] == [0, 0]
        assert (len(got), len(set(got))) == (60, 60)

    def test_two_processes_never_draw_more_than_there_is(self, store: Store, tmp_path: Path) -> None:
        both = [self.run("draw", tmp_path) for _ in range(2)]
        got = [int(calls) for process in both for calls in process.communicate(timeout=60)[0].split()]
        assert [process.returncode for process in both] == [0, 0]
        assert (len(got), sum(got)) == (120, 120)

    def test_nothing_that_was_answered_is_lost_by_a_killed_process(self, store: Store, tmp_path: Path) -> None:
        linked(store)
        answered: list[str] = []
        for lines in (1, 20, 55):
            process = self.run("write", tmp_path)
            assert process.stdout is not None
            answered += [process.stdout.readline().strip() for _ in range(lines)]
            process.kill()
            answered += process.communicate(timeout=60)[0].split("\n")[:-1]
            assert process.returncode == -9
            assert store.db.check() == "ok"
            kept = {r["id"] for r in store.page_of_deliveries(10**6)}
            assert set(answered) <= kept, "a delivery was answered and is not there"
            self.whole(store)
        assert len(answered) >= 76
        assert hook(store) in {w.id for w in store.waiting(10**6)}, "and the next process can go on"

    def whole(self, store: Store) -> None:
        """Hub, shadow and journal of one save are all there, or none of them."""
        link = store.peek(store.find("a", "a1") or "")
        entries = [e for e in store.journal(link.id) if e["field"]]
        if entries:
            version = link.hubs["name"].version
            assert (len(entries), link.sides["a"].shadows["name"].base) == (version, version)

    def run(self, job: str, tmp_path: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.store.process", job, self.address(tmp_path)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
