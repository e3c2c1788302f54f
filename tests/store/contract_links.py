"""What every engine must hold where people search and mend links; test_links.py runs it on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.core.model import Hold, Hub, Ref, Said, Shadow, Write
from bridge.store import Claim, Fenced, Store, Taken
from bridge.store.audit import Deed
from bridge.store.links import Absent, Joining, Stale, etag
from bridge.store.searching import Wanted
from bridge.store.store import Intake, Look
from tests.store.contract import LEASE, NOW, A, B, claimed, hook

C, OTHER_C = Ref("c", "c1"), Ref("c", "c2")
DEED = Deed(NOW, "Hoa", "link mended", "x")


def told(store: Store, link: str) -> list[tuple[str, str, str]]:
    return [(e["what"], e["connection"], e["detail"]) for e in store.journal(link) if not e["field"]]


def rows(store: Store, link: str) -> dict[str, int]:
    """How much is kept of the sides of a link."""
    loaded = {
        t: len(store.db.run(f"load_{t}", link=link)) for t in ("refs", "hubs", "shadows", "formers", "writes", "holds")
    }
    return loaded | {"looks": len(store.db.run("due_looks", link=link, now=NOW * 2))}


def named(store: Store, name: str, *refs: Ref, now: int = NOW) -> str:
    """Make a link whose deal has a name."""
    link = store.link(refs, now)
    store.db.run("save_hub", **hub_row(link, name))
    return link


def hub_row(link: str, name: str, field: str = "name") -> dict[str, Any]:
    value = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    row = {"link": link, "field": field, "value": value, "version": 1, "stamp": NOW, "origin": "a", "hop": 0}
    return {**row, "held_until": None, "argued": 0, "argued_day": 0}


class LinksContract:
    """address: names an engine's database; two stores with one address share it."""

    def address(self, tmp_path: Path) -> str:
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = Store(self.address(tmp_path))
        store.migrate()
        yield store
        store.db.close()

    # what leaves

    def worked(self, store: Store, *refs: Ref) -> tuple[str, Claim, Write]:
        """Return a link with a side `a` of which there is everything, its lease, and an open write to `a`."""
        link = store.link(refs or [A, B, C], NOW)
        claim = claimed(store)
        at = store.load(claim)
        at.hubs["name"] = Hub("new", 3, NOW, "a")
        for side in at:
            side.shadows["name"] = Shadow("old", 2, NOW)
        write = Write("w1", A, {"name": Said("new", 3)}, frozenset({"name"}), NOW)
        at.sides["a"].open = write
        store.save(claim, at, NOW, opened=(write, "d1"), holds={"a": [Hold("a", "name", "r", "c")]})
        return link, claim, write

    def test_a_ref_that_leaves_takes_with_it_what_is_known_of_its_side(self, store: Store) -> None:
        link, _, _ = self.worked(store)
        assert store.unlink(A, link, NOW + 1, deed=DEED)
        assert rows(store, link) == {
            "refs": 2, "hubs": 1, "shadows": 2, "formers": 0, "writes": 0, "holds": 0, "looks": 4,
        }  # fmt: skip
        assert (store.find("a", "a1"), store.find("b", "b1")) == (None, link)
        assert told(store, link)[3:] == [("unlinked", "a", "a1")]
        assert [d["deed"] for d in store.deeds(9)] == ["link mended"]

    def test_the_worker_that_holds_the_lease_is_fenced(self, store: Store) -> None:
        link, claim, _ = self.worked(store)
        at = store.load(claim)
        store.unlink(A, link, NOW + 1)
        with pytest.raises(Fenced):
            store.save(claim, at, NOW + 2)
        again = claimed(store, NOW + 2, "another")
        assert (again.link, again.lapsed, again.token > claim.token) == (link, False, True)

    def test_what_that_worker_may_have_sent_to_another_side_is_in_doubt(self, store: Store) -> None:
        link, _, write = self.worked(store)
        store.unlink(B, link, NOW + 1)
        assert store.peek(link).sides["a"].open == replace(write, at=NOW + LEASE), "it may be sent as long as that"
        assert store.due_looks(link, NOW + 1) == {"a": ["linked", "unlinked"], "c": ["linked", "unlinked"]}

    def test_what_nobody_is_working_on_is_in_doubt_since_it_was_sent(self, store: Store) -> None:
        link, claim, write = self.worked(store)
        store.release(claim)
        store.unlink(B, link, NOW + 1)
        assert store.peek(link).sides["a"].open == write

    def test_an_open_write_is_closed_when_its_side_leaves(self, store: Store) -> None:
        link, _, _ = self.worked(store)
        store.unlink(A, link, NOW + 1)
        [write] = store.db.run("copy_page_write", id="", n=9)
        assert (write["state"], write["detail"]) == ("refused", "its record left the link: a:a1")

    def test_an_open_write_that_left_is_watched_where_its_record_comes_in_again(self, store: Store) -> None:
        link, _, _ = self.worked(store)
        store.unlink(A, link, NOW + 1)
        store.link([A], NOW + 2, link=link)
        side = store.peek(link).sides["a"]
        assert side.open == Write("w1", A, {"name": Said("new", 1)}, frozenset({"name"}), NOW + LEASE)
        assert (side.shadows, side.linked_at) == ({}, NOW + 2)

    def test_another_record_of_that_connection_has_nothing_to_do_with_it(self, store: Store) -> None:
        link, _, _ = self.worked(store)
        store.unlink(A, link, NOW + 1)
        store.link([Ref("a", "a2")], NOW + 2, link=link)
        assert store.peek(link).sides["a"].open is None

    def test_a_write_that_was_given_up_is_not_tried_again_after_its_side_has_left(self, store: Store) -> None:
        link, claim, _ = self.worked(store)
        store.save(claim, store.load(claim), NOW, closed={"w1": ("dead", "refused for good")})
        store.unlink(A, link, NOW + 1)
        store.link([Ref("a", "a2")], NOW + 2, link=link)
        assert (store.page_of_dead(9), store.replay_dead(["w1"], NOW), store.refused(link, "a")) == ([], 0, {})

    def test_a_delivery_that_waits_for_a_side_that_leaves_has_an_outcome(self, store: Store) -> None:
        link = store.link([A, B], NOW)
        delivery = hook(store)
        store.become_looks([Intake(delivery, [(link, Look(A, NOW + 5, delivery))], "")])
        store.unlink(A, link, NOW + 1)
        [row] = store.db.run("delivery", id=delivery)
        assert (row["state"], row["outcome"]) == ("done", "not linked")

    def test_the_last_ref_takes_the_link_with_it(self, store: Store) -> None:
        link, _, _ = self.worked(store)
        assert [store.unlink(r, link, NOW + 1) for r in (B, A, C)] == [True, True, False]
        assert set(rows(store, link).values()) == {0}
        assert (store.shown(link), store.counts()["links"], store.next_look()) == (None, 0, None)
        with pytest.raises(Absent):
            store.link([A], NOW, link=link)

    def test_a_link_is_deleted_with_all_its_sides_and_its_history_stays(self, store: Store) -> None:
        link, claim, _ = self.worked(store)
        at = store.load(claim)
        store.delete_link(link, NOW + 1, deed=DEED)
        assert set(rows(store, link).values()) == {0}
        assert [what for what, _, _ in told(store, link)] == ["linked"] * 3 + ["unlinked"] * 3
        with pytest.raises(Fenced):
            store.save(claim, at, NOW)
        assert store.link([A, B], NOW + 2) != link

    def test_a_look_that_comes_in_for_a_deleted_link_is_claimed_so_that_it_goes(self, store: Store) -> None:
        link = store.link([A, B], NOW)
        store.delete_link(link, NOW + 1)
        store.look(link, [Look(A, NOW + 1, "sweep")])
        assert claimed(store, NOW + 1).link == link

    # what comes

    def test_a_ref_that_comes_fences_the_worker_and_is_looked_at(self, store: Store) -> None:
        link, claim, _ = self.worked(store, A, B)
        at = store.load(claim)
        store.link([C], NOW + 1, link=link)
        with pytest.raises(Fenced):
            store.save(claim, at, NOW + 2)
        assert store.due_looks(link, NOW + 1)["c"] == ["linked"]
        assert told(store, link) == [("linked", "a", "a1"), ("linked", "b", "b1"), ("linked", "c", "c1")]

    def test_many_links_are_made_and_extended_at_once(self, store: Store) -> None:
        link = store.link([A, B], NOW)
        store.link_many(
            [Joining("new", [Ref("a", "a2"), Ref("b", "b2")], new=True), Joining(link, [C], new=False)], NOW
        )
        assert (store.find("b", "b2"), store.find("c", "c1")) == ("new", link)
        with pytest.raises(Taken):
            store.link_many([Joining("newer", [Ref("a", "a3")], new=True), Joining(link, [OTHER_C], new=False)], NOW)
        assert store.find("a", "a3") is None, "nothing of it is kept"

    def test_a_contact_that_is_linked_lets_what_waited_for_it_go_on(self, store: Store) -> None:
        link, claim, _ = self.worked(store)
        store.save(
            claim, store.load(claim), NOW, holds={"b": [Hold("b", "contact", "nobody has said who 7 is", "say")]}
        )
        store.link([Ref("a", "p1", "contact"), Ref("b", "p2", "contact")], NOW + 1)
        assert "cured" in store.due_looks(link, NOW + 1)["b"]

    # from one to another

    def test_what_is_split_off_is_newly_linked_and_takes_its_looks_along(self, store: Store) -> None:
        link, claim, _ = self.worked(store)
        at, delivery = store.load(claim), hook(store)
        store.become_looks([Intake(delivery, [(link, Look(A, NOW + 5, delivery))], "")])
        new = store.split(link, [A], NOW + 9, deed=DEED)
        assert (store.refs(link), store.refs(new)) == ([B, C], [A])
        assert store.due_looks(new, NOW + 9) == {"a": ["linked", delivery]}
        said = {"name": Said("new", 1)}
        assert store.peek(new).sides["a"].open == Write("w1", A, said, frozenset({"name"}), NOW + LEASE)
        assert (store.peek(new).hubs, rows(store, link)["hubs"]) == ({}, 1)
        assert (told(store, link)[3:], told(store, new)) == ([("unlinked", "a", "a1")], [("linked", "a", "a1")])
        with pytest.raises(Fenced):
            store.save(claim, at, NOW + 9)

    def test_only_refs_of_the_link_are_split_off(self, store: Store) -> None:
        link = store.link([A, B], NOW)
        with pytest.raises(Absent, match="c:c1"):
            store.split(link, [C], NOW)

    def test_a_merged_link_gives_its_refs_and_ends(self, store: Store) -> None:
        other, claim, _ = self.worked(store, A, B)
        at, link = store.load(claim), store.link([C], NOW + 1)
        assert store.merge(link, other, NOW + 2, deed=DEED) == [A, B]
        assert (store.refs(link), store.shown(other)) == ([A, B, C], None)
        assert set(rows(store, other).values()) == {0}
        assert store.peek(link).sides["a"].open is not None
        assert [what for what, _, _ in told(store, link)] == ["linked"] * 3
        with pytest.raises(Fenced):
            store.save(claim, at, NOW + 3)

    def test_links_with_a_record_each_of_one_connection_stay_apart(self, store: Store) -> None:
        link, other = store.link([A, C], NOW), store.link([B, OTHER_C], NOW)
        with pytest.raises(Taken):
            store.merge(link, other, NOW)
        assert (store.refs(link), store.refs(other)) == ([A, C], [B, OTHER_C])

    def test_links_of_two_kinds_stay_apart(self, store: Store) -> None:
        link, other = store.link([A], NOW), store.link([Ref("b", "b1", "contact")], NOW)
        with pytest.raises(Taken, match="one is of contact and one of opportunity"):
            store.merge(link, other, NOW)

    def test_deals_of_a_merged_contact_name_the_one_that_is_left(self, store: Store) -> None:
        first, second = (store.link([Ref(c, "p1", "contact")], NOW) for c in "ab")
        link, claim, _ = self.worked(store)
        for field in ("contact", "account", "name"):
            store.db.run("save_hub", **hub_row(link, second, field))
        at = store.load(claim)
        store.merge(first, second, NOW + 1)
        hubs = store.peek(link).hubs
        assert [hubs[f].value for f in ("contact", "account", "name")] == [first, first, second]
        renamed = [(e["field"], e["old"], e["new"]) for e in store.journal(link) if e["what"] == "understood"]
        assert renamed == [("account", second, first), ("contact", second, first)]
        assert set(store.due_looks(link, NOW + 1)) == {"a", "b", "c"}
        with pytest.raises(Fenced):
            store.save(claim, at, NOW + 2)

    # what the caller has seen

    def test_what_is_done_to_another_link_than_was_seen_is_refused(self, store: Store) -> None:
        link = store.link([A, B], NOW)
        seen = etag("opportunity", [B, A])
        store.link([C], NOW, link=link, expected=seen)
        wrong: dict[str, Any] = {"now": NOW, "expected": seen, "deed": DEED}
        for act in (
            lambda: store.link([Ref("d", "d1")], link=link, **wrong),
            lambda: store.unlink(A, link, **wrong),
            lambda: store.split(link, [A], **wrong),
            lambda: store.merge(link, store.link([Ref("e", "e1")], NOW), **wrong),
            lambda: store.delete_link(link, **wrong),
        ):
            with pytest.raises(Stale):
                act()
        assert (store.refs(link), store.deeds(9)) == ([A, B, C], [])

    def test_a_link_or_a_ref_that_is_not_there(self, store: Store) -> None:
        link = store.link([A, B], NOW)
        for act in (
            lambda: store.unlink(A, "nothing", NOW),
            lambda: store.unlink(C, link, NOW),
            lambda: store.merge(link, "nothing", NOW),
            lambda: store.delete_link("nothing", NOW),
        ):
            with pytest.raises(Absent):
                act()

    # search

    def found(self, store: Store, q: str = "", n: int = 9, before: str = "~", **wanted: Any) -> list[str]:
        return [s.id for s in store.search(Wanted(q=q, **wanted), n, before)]

    def test_links_come_newest_first_and_a_page_at_a_time(self, store: Store) -> None:
        links = [store.link([Ref("a", f"a{i}"), Ref("b", f"b{i}")], NOW + i) for i in range(5)]
        assert self.found(store) == links[::-1]
        assert (self.found(store, n=2), self.found(store, n=2, before=links[3])) == (links[:2:-1], links[2:0:-1])

    def test_a_link_is_shown_with_its_records_its_name_and_what_waits(self, store: Store) -> None:
        link, claim, _ = self.worked(store)
        at = store.load(claim)
        at.sides["b"].gone = True
        store.save(claim, at, NOW)
        bare = store.link([Ref("b", "b2")], NOW + 1)
        plain, shown = store.search(Wanted(), 9)
        assert (shown.id, shown.kind, shown.name, shown.created_at) == (link, "opportunity", "new", NOW)
        assert (shown.refs, shown.gone, shown.held) == ((A, B, C), {"b"}, True)
        assert (plain.id, plain.name, plain.gone, plain.held) == (bare, None, set(), False)
        assert (store.shown(link), store.shown("nothing")) == (shown, None)

    def test_links_are_filtered_by_kind_and_by_connection(self, store: Store) -> None:
        ab, ac = store.link([A, B], NOW), store.link([Ref("a", "a2"), C], NOW)
        person = store.link([Ref("a", "a1", "contact"), Ref("b", "b1", "contact")], NOW)
        assert self.found(store, connection="b") == [ab]
        assert self.found(store, without="b") == [ac]
        assert self.found(store, connection="a", without="c") == [ab]
        assert self.found(store, kind="contact") == [person]

    def test_a_link_is_found_by_any_id_or_code(self, store: Store) -> None:
        link, other = store.link([A, B], NOW), named(store, "b1 or not", Ref("a", "a2"), Ref("b", "b2"))
        store.name_also(A, ["code-7"])
        assert [self.found(store, q) for q in ("a1", "b1", "code-7", link, "b2")] == [[link]] * 4 + [[other]]
        assert (self.found(store, "code"), self.found(store, "a1", connection="c")) == ([], [])
        assert self.found(store, "a1", kind="contact") == []

    @pytest.mark.parametrize(
        ("name", "q"),
        [
            ("Acme renewal", "RENEW"),
            ("Hợp đồng ĐÀ NẴNG", "đà nẵng"),
            ("hợp đồng đà nẵng", "ĐÀ N"),
            ("Hợp đồng ĐÀ NẴNG", "hop dong da nang"),
            ("Khach san Sai Gon", "sài gòn"),
            ("NGUYE\u0302\u0303N", "nguyen"),
            ("Peña y Compañía", "PENA Y COMPANIA"),
            ("Škoda, Façade", "skoda, facade"),
            ("Dvořák", "dvořak"),
            ("NGUYE\u0302\u0303N", "nguyễn"),
            ("nguyễn", "NGUYE\u0302\u0303N"),
            ('a "quoted" name', '"QUOTED"'),
            ("back\\slash", "K\\S"),
            ("100% sure", "0% s"),
            ("snake_case", "e_c"),
            ("wow!", "w!"),
            ("x" * 150 + "end", "xend"),
        ],
    )
    def test_a_link_is_found_by_a_part_of_its_name_with_and_without_marks_in_any_case(
        self, store: Store, name: str, q: str
    ) -> None:
        link = named(store, name, A)
        for other in ("100 sure", "snakeXcase", "hop dong ha noi", "Dvorak", "null"):
            named(store, other, Ref("b", other))
        assert self.found(store, q) == [link]

    def test_a_deal_without_a_name_is_not_called_null(self, store: Store) -> None:
        link = named(store, "x", A)
        store.db.run("save_hub", **{**hub_row(link, "x"), "value": "null"})
        assert self.found(store, "null") == []

    def test_names_are_searched_page_by_page(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bridge.store.searching.PAGE_ROWS", 2)
        links = [named(store, f"{'ř' if i % 3 else 'ů'} {i}", Ref("a", f"a{i}")) for i in range(9)]
        wanted = [link for i, link in enumerate(links) if i % 3][::-1]
        assert self.found(store, "Ř") == wanted
        assert self.found(store, "Ř", n=4) == wanted[:4]
        assert self.found(store, "Ř", before=wanted[3]) == wanted[4:]

    def test_every_link_comes_once(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bridge.store.searching.PAGE_ROWS", 2)
        links = [store.link([Ref("a", f"a{i}", "account" if i % 2 else "opportunity")], NOW) for i in range(5)]
        assert [(s.id, s.kind) for s in store.every_link()][:2] == [(links[0], "opportunity"), (links[1], "account")]
        assert [s.id for s in store.every_link()] == links

    def test_known_refs_are_told_by_their_ids_and_codes(self, store: Store) -> None:
        link = store.link([A, B], NOW)
        store.name_also(A, ["code-7", "b1"])
        code, person = Ref("a", "code-7"), Ref("a", "a1", "contact")
        assert store.known_refs([A, code, person, C, Ref("c", "a1")]) == {A: (link, A), code: (link, A)}
        assert store.refs_of([link, "nothing"]) == {link: [A, B]}

    def test_a_lease_that_nobody_holds_changes_nothing_for_the_next(self, store: Store) -> None:
        link, claim, _ = self.worked(store)
        store.release(claim)
        store.unlink(A, link, NOW + 1)
        again = store.claim("w", NOW + LEASE, LEASE)
        assert again is not None and not again.lapsed
