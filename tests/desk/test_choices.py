"""Choices as an operator sees and changes them."""

from __future__ import annotations

import pytest

from bridge.desk import Desk, Refused, choices
from bridge.desk.choices import Lost
from tests.desk.lists import held_in, listing, showing


def keys(desk: Desk, **wanted: str) -> list[tuple[str, str]]:
    return [(c.native, c.canonical) for c in choices.page(desk, **wanted).items]


def test_a_choice_is_put_with_its_label_and_in_the_audit_log(desk: Desk) -> None:
    listing(desk.store, "b", owner={"7": "Đỗ Hòa"})
    put = choices.put(desk, "Hoa", "b", "owner", "7", "hoa")
    assert (put.verdict, put.lost, put.remarks) == ("created", [], ())
    assert (put.choice.native, put.choice.label, put.choice.use) == ("7", "Đỗ Hòa", "both")
    assert choices.get(desk, "b", "owner", "7", "hoa") == put.choice.model_copy(update={"deals": 0})
    [deed] = desk.store.deeds(9)
    assert (deed["who"], deed["deed"], deed["target"], deed["detail"]) == (
        "Hoa",
        "choice put",
        "b owner 7",
        "hoa, both",
    )


def test_the_same_again_changes_nothing_and_is_no_deed(desk: Desk) -> None:
    choices.put(desk, "Hoa", "b", "owner", "7", "hoa")
    assert choices.put(desk, "Hoa", "b", "owner", "7", "hoa").verdict == "unchanged"
    assert len(desk.store.deeds(9)) == 1


def test_who_puts_a_choice_learns_what_others_lost_and_what_is_left_to_see_to(desk: Desk) -> None:
    choices.put(desk, "Hoa", "b", "owner", "7", "hoa")
    choices.put(desk, "Hoa", "b", "owner", "8", "minh")
    put = choices.put(desk, "Hoa", "b", "owner", "7", "minh")
    assert put.verdict == "changed"
    assert put.lost == [
        Lost(native="7", canonical="hoa", lost="read"),
        Lost(native="8", canonical="minh", lost="write"),
    ]
    assert put.remarks == (
        "b owner '7' meant 'hoa' until now",
        "'minh' was written as '8' at b owner until now",
        "'hoa' is still written as '7'; drop that choice if it should not be",
    )
    assert keys(desk) == [("7", "hoa"), ("7", "minh"), ("8", "minh")]


def test_a_choice_may_come_in_place_of_another_of_the_same_native_value(desk: Desk) -> None:
    choices.put(desk, "Hoa", "b", "owner", "7", "hoa")
    put = choices.put(desk, "Hoa", "b", "owner", "7", "minh", instead="hoa")
    assert (put.verdict, put.remarks, keys(desk)) == ("changed", (), [("7", "minh")])
    with pytest.raises(Refused, match="has no choice owner '7' for 'hoa'"):
        choices.put(desk, "Hoa", "b", "owner", "7", "lan", instead="hoa")


def test_a_stage_that_tells_the_status_asks_for_that_too(desk: Desk) -> None:
    put = choices.put(desk, "Hoa", "a", "stage", "7/1", "new")
    assert put.remarks == ("a shows the status by the stage: say as well what '7/1' means for status",)
    choices.put(desk, "Hoa", "a", "status", "7/1", "open")
    assert choices.put(desk, "Hoa", "a", "stage", "7/1", "fresh", instead="new").remarks == ()


def test_a_choice_that_somebody_else_has_changed_is_left_alone(desk: Desk) -> None:
    seen = choices.put(desk, "Hoa", "b", "owner", "7", "hoa").choice
    other = choices.put(desk, "Minh", "b", "owner", "7", "hoa", "read", etag=seen.etag).choice
    for change in (
        lambda: choices.put(desk, "Hoa", "b", "owner", "7", "hoa", "write", etag=seen.etag),
        lambda: choices.put(desk, "Hoa", "b", "owner", "7", "lan", instead="hoa", etag=seen.etag),
        lambda: choices.put(desk, "Hoa", "b", "owner", "9", "hoa", etag=seen.etag),
        lambda: choices.drop(desk, "Hoa", "b", "owner", "7", "hoa", etag=seen.etag),
    ):
        with pytest.raises(Refused, match="has changed meanwhile") as caught:
            change()
        assert caught.value.reason == "stale"
    assert choices.drop(desk, "Hoa", "b", "owner", "7", "hoa", etag=other.etag).use == "read"


def test_dropping_says_how_many_deals_show_it(desk: Desk) -> None:
    choices.put(desk, "Hoa", "b", "owner", "7", "hoa")
    showing(desk.store, "b", "owner", "7", 7, "8")
    assert choices.drop(desk, "Hoa", "b", "owner", "7", "hoa").deals == 2
    assert keys(desk) == []
    with pytest.raises(Refused, match="has no choice") as caught:
        choices.drop(desk, "Hoa", "b", "owner", "7", "hoa")
    assert caught.value.reason == "unknown"


def test_choices_are_found_by_their_parts_and_by_their_labels(desk: Desk) -> None:
    listing(desk.store, "b", owner={"7": "Đỗ Hòa"})
    for native, canonical in (("7", "hoa"), ("8", "minh")):
        choices.put(desk, "Hoa", "b", "owner", native, canonical)
    choices.put(desk, "Hoa", "a", "pipeline", "7", "sales")
    assert keys(desk, connection="a") == [("7", "sales")]
    assert keys(desk, field="owner") == [("7", "hoa"), ("8", "minh")]
    assert keys(desk, canonical="minh") == [("8", "minh")]
    assert keys(desk, text="đỗ") == [("7", "hoa")]
    assert keys(desk, text="SALES") == [("7", "sales")]


def test_pages_follow_each_other_without_a_gap(desk: Desk) -> None:
    for n in range(7):
        choices.put(desk, "Hoa", "b", "owner", f"u{n}", f"p{n}")
    first = choices.page(desk, n=3)
    second = choices.page(desk, n=3, after=first.next or "")
    third = choices.page(desk, n=3, after=second.next or "")
    assert [c.native for p in (first, second, third) for c in p.items] == [f"u{n}" for n in range(7)]
    assert third.next is None


def test_what_waits_at_a_side_is_looked_at_when_its_choice_is_put(desk: Desk) -> None:
    link = held_in(desk.store, "b", "stage", "no choice for stage 'won'")
    choices.put(desk, "Hoa", "b", "stage", "9", "won")
    assert "cured" in desk.store.due_looks(link, desk.now())["b"]


def test_the_use_that_fits_takes_nothing_from_another_choice(desk: Desk) -> None:
    choices.put(desk, "Hoa", "a", "stage", "7/1", "new")
    choices.put(desk, "Hoa", "b", "stage", "Open/1", "new")
    fits = {
        ("a", "7/1", "new"): "both",
        ("a", "7/2", "new"): "read",
        ("a", "8/1", "new"): "both",
        ("a", "7/1", "late"): "write",
        ("a", "7/2", "late"): "both",
        ("b", "Won/1", "new"): "read",
    }
    assert {place: choices.fitting_use(desk, place[0], "stage", *place[1:]) for place in fits} == fits
    choices.put(desk, "Hoa", "a", "stage", "7/2", "late")
    assert choices.fitting_use(desk, "a", "stage", "7/1", "late") == "both", "a person who says so means it"
