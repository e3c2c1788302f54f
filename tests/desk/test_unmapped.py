"""What waits for a choice, and what is suggested."""

from __future__ import annotations

import pytest

from bridge.core.errors import Unsayable
from bridge.core.fields import Choice, Words, scope_of
from bridge.desk import Desk, Refused
from bridge.desk.choices import put
from bridge.desk.unmapped import Suggestion, Unmapped, suggestions, unmapped
from bridge.store import Store
from tests.desk.lists import desk_of, held_in, listing


def short(found: Unmapped) -> tuple[str, ...]:
    return found.kind, found.connection, found.field, found.native or found.canonical


def waiting(desk: Desk, **wanted: str) -> list[tuple[str, ...]]:
    return [short(u) for u in unmapped(desk, **wanted).items]


def tips(found: Unmapped | list[Suggestion]) -> list[tuple[str, str, str]]:
    made = found.suggestions if isinstance(found, Unmapped) else found
    return [(s.native, s.canonical, s.use) for s in made]


def test_nothing_waits_in_a_new_bridge(desk: Desk) -> None:
    assert unmapped(desk).items == [] and unmapped(desk).next is None


def test_a_value_of_deals_that_nobody_explained_waits_with_its_label(desk: Desk) -> None:
    listing(desk.store, "b", owner={"8": "Zoe Lang"})
    for _ in range(2):
        held_in(desk.store, "c", "owner", "nobody has said what owner 'b:8' means", "unknown:b:8")
    held_in(desk.store, "c", "owner", "", "unknown:b:x:9")
    [first, second] = unmapped(desk).items
    assert short(first) == ("meaning", "b", "owner", "8") and (first.label, first.deals) == ("Zoe Lang", 2)
    assert short(second) == ("meaning", "b", "owner", "x:9") and second.deals == 1
    put(desk, "Hoa", "b", "owner", "8", "zoe")
    assert waiting(desk) == [("meaning", "b", "owner", "x:9")]


def test_a_long_value_is_told_whole(desk: Desk) -> None:
    long = "Đã gửi báo giá, " * 20
    for end in "ab":
        held_in(desk.store, "c", "stage", "", f"unknown:b:{end}{long}")
    held_in(desk.store, "c", "stage", "", f"unknown:b:a{long}")
    assert [(u.native, u.deals) for u in unmapped(desk).items] == [(f"a{long}", 2), (f"b{long}", 1)]


def test_what_is_no_choice_there_does_not_wait(desk: Desk) -> None:
    held_in(desk.store, "c", "contact", "", "unknown:a:17")
    held_in(desk.store, "c", "owner", "", "unknown:gone:17")
    held_in(desk.store, "c", "owner", "no link for contact 'x'", "hoa")
    assert waiting(desk) == []
    off = desk_of(desk.store, policies={"stage": "off"})
    held_in(desk.store, "c", "stage", "", "unknown:b:1")
    assert (waiting(off), waiting(desk)) == ([], [("meaning", "b", "stage", "1")])


def test_a_value_that_cannot_be_written_waits_in_its_pipeline(desk: Desk) -> None:
    held_in(desk.store, "a", "stage", "no choice for stage 'won' in pipeline '7'")
    listing(desk.store, "a", stage={"7/1": "Neu", "7/2": "Won", "8/2": "Won"}, pipeline={"7": "Sales"})
    found = [u for u in unmapped(desk).items if u.kind == "writing"]
    assert [(short(u), u.scope, u.deals) for u in found] == [(("writing", "a", "stage", "won"), "7", 1)]
    assert tips(found[0]) == [("7/2", "won", "both")]
    put(desk, "Hoa", "a", "stage", "8/2", "won")
    assert ("writing", "a", "stage", "won") in waiting(desk)
    put(desk, "Hoa", "a", "stage", "7/2", "won")
    assert ("writing", "a", "stage", "won") not in waiting(desk)


def test_what_a_list_offers_waits_until_it_has_a_meaning(desk: Desk) -> None:
    listing(desk.store, "b", owner={"7": "Đỗ Hòa", "8": "Minh"}, nothing={"1": "x"})
    assert waiting(desk) == [("listed", "b", "owner", "7"), ("listed", "b", "owner", "8")]
    put(desk, "Hoa", "b", "owner", "7", "hoa")
    assert waiting(desk) == [("listed", "b", "owner", "8")]


def test_a_status_that_the_stage_tells_waits_once_the_stage_has_a_meaning(desk: Desk) -> None:
    listing(desk.store, "c", stage={"1": "Open", "2": "Signed"})
    assert waiting(desk, field="status") == []
    put(desk, "Hoa", "c", "stage", "1", "new")
    [status] = unmapped(desk, field="status").items
    assert (short(status), status.label) == (("listed", "c", "status", "1"), "Open")
    assert tips(status) == [("1", "open", "both")]


def test_the_status_of_a_stage_is_suggested_by_what_other_crms_show(desk: Desk) -> None:
    listing(desk.store, "c", stage={"1": "Proposal"})
    listing(desk.store, "a", stage={"7/1": "Proposal"})
    for field, canonical in (("stage", "proposal"), ("status", "open")):
        put(desk, "Hoa", "c", field, "1", canonical)
    put(desk, "Hoa", "a", "stage", "7/1", "proposal")
    [status] = unmapped(desk, field="status").items
    assert tips(status) == [("7/1", "open", "both")]


def test_most_deals_come_first_and_pages_have_no_gap(desk: Desk) -> None:
    for n, deals in (("1", 1), ("2", 3), ("3", 2)):
        for _ in range(deals):
            held_in(desk.store, "c", "owner", "", f"unknown:b:{n}")
    first = unmapped(desk, n=2)
    assert [u.native for u in first.items] == ["2", "3"]
    assert [u.native for u in unmapped(desk, n=2, after=first.next or "").items] == ["1"]


def test_a_second_native_value_of_a_meaning_is_suggested_to_be_read_only(desk: Desk) -> None:
    put(desk, "Hoa", "a", "stage", "7/1", "new")
    listing(desk.store, "a", stage={"7/1": "New", "7/2": "New!", "8/1": "New"})
    assert tips(suggestions(desk, "a", "stage", native="7/2")) == [("7/2", "new", "read")]
    assert tips(suggestions(desk, "a", "stage", native="8/1")) == [("8/1", "new", "both")]


def test_a_native_value_that_means_something_else_is_suggested_to_be_written_only(desk: Desk) -> None:
    listing(desk.store, "b", stage={"1": "Lost"})
    put(desk, "Hoa", "b", "stage", "1", "gone")
    assert tips(suggestions(desk, "b", "stage", canonical="lost")) == [("1", "lost", "write")]


def test_the_name_of_a_pipeline_is_no_part_of_the_name_of_its_stages(desk: Desk) -> None:
    put(desk, "Hoa", "b", "stage", "1", "sales")
    put(desk, "Hoa", "b", "stage", "2", "won")
    listing(desk.store, "a", stage={"7/2": "Sales / Won"}, pipeline={"7": "Sales"})
    assert tips(suggestions(desk, "a", "stage", native="7/2")) == [("7/2", "won", "both")]


OWNERS = {
    "a": {"1": "Đỗ Hòa", "2": "Trần Minh", "3": "Jürgen Groß"},
    "b": {"u1": "Do Thi Hoa", "u2": "Minh", "u3": "Juergen Gross"},
}
LOOKS_LIKE = [
    ("Đỗ Hoà", [("hoa", "the same name")]),
    ("hoa.do@crm.example", [("hoa", "the same name")]),
    ("Hòa", [("hoa", "nearly the same name")]),
    ("Nguyễn Hoa", []),
    ("Minh Trần", [("minh", "the same name")]),
    ("Lê Minh", []),
    ("Jürgen Gross", [("jg", "the same name")]),
    ("Jurgen", [("jg", "may be the same")]),
    ("Support", []),
    ("", []),
]


@pytest.mark.parametrize(("label", "found"), LOOKS_LIKE, ids=[case[0] or "no name" for case in LOOKS_LIKE])
def test_owners_are_suggested_by_name_and_never_with_false_certainty(label: str, found: list[tuple[str, str]]) -> None:
    store = Store(":memory:")
    store.migrate()
    desk = desk_of(store)
    for connection, people in OWNERS.items():
        listing(store, connection, owner=people)
        for native, canonical in zip(people, ("hoa", "minh", "jg"), strict=True):
            put(desk, "Hoa", connection, "owner", native, canonical)
    listing(store, "c", owner={"x9": label} if label else {})
    made = suggestions(desk, "c", "owner", native="x9")
    assert [(s.canonical, s.words) for s in made] == found
    store.db.close()


def test_two_people_of_one_name_are_both_shown_and_neither_is_certain(desk: Desk) -> None:
    listing(desk.store, "b", owner={"1": "Hoa", "2": "Hoa Nguyễn"})
    put(desk, "Hoa", "b", "owner", "1", "hoa")
    put(desk, "Hoa", "b", "owner", "2", "hoa.nguyen")
    listing(desk.store, "c", owner={"9": "Hòa"})
    made = suggestions(desk, "c", "owner", native="9")
    assert [(s.canonical, s.words) for s in made] == [("hoa", "may be the same"), ("hoa.nguyen", "may be the same")]


def test_an_id_is_not_taken_for_a_name(desk: Desk) -> None:
    put(desk, "Hoa", "b", "owner", "082goXVW3lIExEQPOnd3", "hoa")
    assert suggestions(desk, "c", "owner", native="082goXVW3lIExEQPOnd4") == []


def test_suggestions_for_what_is_no_choice(desk: Desk) -> None:
    assert suggestions(desk, "a", "contact", native="1") == []
    with pytest.raises(Refused, match="no connection 'x'"):
        suggestions(desk, "x", "owner", native="1")


@pytest.mark.parametrize("scope", ["7", "", "a b", "VDm7RPYC2GLUvdpKmBfC"])
@pytest.mark.parametrize("canonical", ["won", "it's", "x in pipeline '9'"])
def test_the_pipeline_is_told_out_of_the_reason(scope: str, canonical: str) -> None:
    with pytest.raises(Unsayable) as caught:
        Choice("stage", "s", scope="pipeline").encode(canonical, Words(), scope)
    assert scope_of(caught.value.reason) == scope
