"""Links as an operator makes, mends and searches them; every refusal with its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.connectors.base import Account
from bridge.connectors.memory import Habits, Memory, MemoryVendor
from bridge.core import rules
from bridge.core.model import Ref
from bridge.desk import Desk, Refused, links
from bridge.settings import Settings
from bridge.sides import Connection
from bridge.store import Store, Taken

NOW = 1_750_000_000_000
ME = "hoa"


def desk_of(store: Store) -> Desk:
    vendors = {n: MemoryVendor(lambda: NOW, Habits()) for n in "abc"}
    made = {n: Memory(Account(n, "", {"secret": "s"}), here=v) for n, v in vendors.items()}
    connections = {n: Connection(c, rules.Habits(), i) for i, (n, c) in enumerate(made.items())}
    return Desk(store, connections, Settings("", "", 1, 14, 1, {}, {}), lambda: NOW)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = Store(tmp_path / "bridge.db")
    store.migrate()
    yield desk_of(store)
    store.db.close()


def ref(text: str, kind: str = "opportunity") -> Ref:
    connection, _, vendor_id = text.partition(":")
    return Ref(connection, vendor_id, kind)  # type: ignore[arg-type]


def made(desk: Desk, *refs: str, kind: str = "opportunity") -> links.Linked:
    return links.add(desk, [ref(r, kind) for r in refs], ME).link


def told(found: links.Linked | None) -> list[str]:
    return [f"{r.connection}:{r.id}" for r in found.refs] if found else []


def deeds(desk: Desk) -> list[tuple[str, str, str]]:
    return [(d["who"], d["deed"], d["detail"]) for d in reversed(desk.store.deeds(99))]


def test_records_become_a_link_that_grows(desk: Desk) -> None:
    first = links.add(desk, [ref("a:1"), ref("b:2")], ME)
    more = links.add(desk, [ref("a:1"), ref("c:3")], ME)
    again = links.add(desk, [ref("c:3"), ref("b:2")], ME)
    assert [m.verdict for m in (first, more, again)] == ["created", "changed", "unchanged"]
    assert {m.link.id for m in (first, more, again)} == {first.link.id}
    assert told(again.link) == ["a:1", "b:2", "c:3"] and first.link.etag != more.link.etag == again.link.etag
    assert deeds(desk) == [(ME, "link made", "a:1 b:2"), (ME, "link extended", "c:3")]


def test_a_record_is_named_by_its_code_too(desk: Desk) -> None:
    link = made(desk, "a:1", "b:2")
    desk.store.name_also(ref("a:1"), ["code"])
    assert links.add(desk, [ref("a:code"), ref("b:2")], ME).verdict == "unchanged"
    assert links.find(desk, ref("a:code")) == links.named(desk, "a:code") == links.named(desk, link.id) == link
    assert links.kept(desk, [ref("a:code")]) == [ref("a:1")]


def test_a_record_comes_and_goes(desk: Desk) -> None:
    link = made(desk, "a:1", "b:2")
    with_c = links.add_ref(desk, link.id, ref("c:3"), ME, link.etag)
    assert links.add_ref(desk, link.id, ref("c:3"), ME) == with_c
    assert told(links.remove_ref(desk, link.id, ref("a:1"), ME, with_c.etag)) == ["b:2", "c:3"]
    links.remove_ref(desk, link.id, ref("b:2"), ME)
    assert links.remove_ref(desk, link.id, ref("c:3"), ME) is None
    assert [what for _, what, _ in deeds(desk)] == ["link made", "ref added", *["ref removed"] * 3]


def test_links_are_merged_split_and_deleted(desk: Desk) -> None:
    one, two = made(desk, "a:1", "b:2"), desk.store.link([ref("c:3")], NOW)
    merged = links.merge(desk, one.id, two, ME, one.etag)
    assert told(merged) == ["a:1", "b:2", "c:3"]
    new = links.split(desk, merged.id, [ref("a:1"), ref("c:3")], ME, merged.etag)
    assert (told(new), told(links.get(desk, one.id))) == (["a:1", "c:3"], ["b:2"])
    links.delete(desk, new.id, ME, new.etag)
    assert [i.id for i in links.page(desk).items] == [one.id]


REFUSED: list[tuple[str, str, str, Callable[[Desk, str, str], Any]]] = [
    ("two links", "taken", "2 different links", lambda d, x, y: made(d, "a:1", "b:8")),
    ("one record", "invalid", "two records at least", lambda d, x, y: made(d, "a:5")),
    ("two of one connection", "invalid", "one record of each connection", lambda d, x, y: made(d, "a:5", "a:6")),
    ("another of a connection", "taken", "another record at b already", lambda d, x, y: made(d, "a:1", "b:6")),
    ("another's", "taken", "a:7 is in link", lambda d, x, y: links.add_ref(d, x, ref("a:7"), ME)),
    ("no room", "taken", "another record at a already", lambda d, x, y: links.add_ref(d, x, ref("a:5"), ME)),
    ("a contact", "invalid", "one of deals", lambda d, x, y: links.add_ref(d, x, ref("c:5", "contact"), ME)),
    ("not in it", "unknown", "a:7 is not in link", lambda d, x, y: links.remove_ref(d, x, ref("a:7"), ME)),
    ("no link", "unknown", "no link 'x'", lambda d, x, y: links.remove_ref(d, "x", ref("a:7"), ME)),
    ("not linked", "unknown", "not linked: c:9", lambda d, x, y: links.find(d, ref("c:9"))),
    ("both there", "taken", "both links have a record at a, b", lambda d, x, y: links.merge(d, x, y, ME)),
    ("itself", "invalid", "with itself", lambda d, x, y: links.merge(d, x, x, ME)),
    ("all of it", "invalid", "both links need", lambda d, x, y: links.split(d, x, [ref("a:1"), ref("b:2")], ME)),
    ("none of it", "invalid", "both links need", lambda d, x, y: links.split(d, x, [], ME)),
    ("another's record", "unknown", "a:7 is not in", lambda d, x, y: links.split(d, x, [ref("a:7")], ME)),
    ("not seen", "stale", "has changed since", lambda d, x, y: links.delete(d, x, ME, "another")),
    ("not seen", "stale", "has changed since", lambda d, x, y: links.add_ref(d, x, ref("c:3"), ME, "another")),
    ("no link", "unknown", "no link 'x'", lambda d, x, y: links.delete(d, "x", ME)),
    ("no connection", "unknown", "no connection 'z'", lambda d, x, y: links.page(d, connection="z")),
    ("no kind", "invalid", "kind is 'deal'", lambda d, x, y: links.page(d, kind="deal")),
    ("no connection", "unknown", "no connection 'z'", lambda d, x, y: links.ref_in(d, "z:1")),
    ("no id", "invalid", "the id at a is empty", lambda d, x, y: links.ref_in(d, "a: ")),
    ("no colon", "invalid", "'a' is not CONNECTION:ID", lambda d, x, y: links.ref_in(d, "a")),
    ("no text", "invalid", "holds characters", lambda d, x, y: links.ref_in(d, "a:1\0")),
    ("no link", "unknown", "no link", lambda d, x, y: links.get(d, "\0")),
    ("no link", "unknown", "no link", lambda d, x, y: links.merge(d, x, "\ud800", ME)),
    ("no link", "unknown", "no link", lambda d, x, y: links.delete(d, "\0", ME)),
    ("no cursor", "invalid", "holds characters", lambda d, x, y: links.page(d, cursor="\0")),
    ("no search", "invalid", "too long", lambda d, x, y: links.page(d, q="x" * 201)),
]


@pytest.mark.parametrize(("why", "reason", "detail", "act"), REFUSED, ids=[f"{c[0]}: {c[2]}" for c in REFUSED])
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    desk: Desk, why: str, reason: str, detail: str, act: Callable[[Desk, str, str], Any]
) -> None:
    one, two = made(desk, "a:1", "b:2"), made(desk, "a:7", "b:8")
    before = desk.store.all_refs(), deeds(desk)
    with pytest.raises(Refused, match=detail) as caught:
        act(desk, one.id, two.id)
    assert caught.value.reason == reason
    assert (desk.store.all_refs(), deeds(desk)) == before


def test_a_deal_and_a_contact_stay_apart(desk: Desk) -> None:
    one, two = made(desk, "a:1", "b:2"), made(desk, "c:1", "b:1", kind="contact")
    with pytest.raises(Refused, match="one is of deals, the other of contacts"):
        links.merge(desk, one.id, two.id, ME)


def test_who_comes_second_is_told_to_look_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def first(*_: object, **__: object) -> str:
        raise Taken("by another process, which took it out again")

    monkeypatch.setattr(desk.store, "link", first)
    with pytest.raises(Refused, match="others have changed these links") as caught:
        made(desk, "a:1", "b:2")
    assert caught.value.reason == "stale"


def test_links_are_listed_a_page_at_a_time(desk: Desk) -> None:
    made_ids = [made(desk, f"a:{i}", f"b:{i}").id for i in range(5)]
    first = links.page(desk, n=2)
    second = links.page(desk, n=2, cursor=first.next)
    third = links.page(desk, n=2, cursor=second.next)
    assert [i.id for p in (first, second, third) for i in p.items] == made_ids[::-1]
    assert third.next is None
    assert [told(i) for i in links.page(desk, q=" b:3 ").items] == []
    assert [told(i) for i in links.page(desk, q="3").items] == [["a:3", "b:3"]]
