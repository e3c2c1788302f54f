"""Which names are alike, and how sure that is."""

from __future__ import annotations

import pytest

from bridge.desk.likeness import alike, known_as, ranked, said, words_of

WORDS = [
    ("Đỗ Hòa", ("do", "hoa")),
    ("ĐỖ THỊ HOÀ (hoa@example.com)", ("do", "thi", "hoa")),
    ("hoa.do@example.com", ("hoa", "do")),
    ("Jürgen Groß", ("jurgen", "gross")),
    ("Æsop Øre", ("aesop", "ore")),
    ("3. Gửi báo giá", ("3", "gui", "bao", "gia")),
    ("closed_won", ("closed", "won")),
    ("—", ()),
    ("", ()),
]


@pytest.mark.parametrize(("name", "words"), WORDS)
def test_names_come_down_to_their_words(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


ALIKE = [
    ("Đỗ Hòa", "do hoa", 100, 100),
    ("Hòa Đỗ", "Đỗ Hoà", 100, 100),
    ("Closed won", "closed_won", 100, 100),
    ("ClosedWon", "closed won", 95, 95),
    ("Müller", "Mueller", 85, 99),
    ("Qualified", "Qualifed", 85, 99),
    ("Đỗ Hòa", "hoa", 70, 85),
    ("Nguyễn Văn Minh", "minh", 60, 75),
    ("Nguyễn Văn Minh", "Nguyễn Minh", 75, 94),
    ("M. Müller", "Max Müller", 80, 94),
    ("Sales / Won", "Won", 60, 85),
    ("Đỗ Hòa", "Nguyễn Hòa", 0, 0),
    ("Hoa", "Hoài", 0, 0),
    ("Lan", "Loan", 0, 0),
    ("Minh", "Linh", 0, 0),
    ("Phase 1", "Phase 2", 0, 0),
    ("Phase12", "Phase13", 0, 0),
    ("Won", "Lost", 0, 0),
    ("", "hoa", 0, 0),
    ("—", "…", 0, 0),
]


@pytest.mark.parametrize(("name", "other", "least", "most"), ALIKE)
def test_how_much_two_names_are_alike(name: str, other: str, least: int, most: int) -> None:
    assert least <= alike(name, other) <= most
    assert alike(name, other) == alike(other, name)


PEOPLE = [
    ("a full name that says the same counts", "Đỗ Thị Hòa", ("hoa", "Đỗ Hòa"), 75, 94),
    ("another family: the same first name counts for nothing", "Nguyễn Hoa", ("hoa", "Đỗ Hòa"), 0, 0),
    ("no full name is known: the first name is a hint", "Nguyễn Hoa", ("hoa",), 60, 80),
    ("a first name alone is never certain", "Hòa", ("hoa", "Đỗ Hòa"), 90, 90),
    ("the whole name is", "Đỗ Hòa", ("hoa", "Do Hoa"), 100, 100),
    ("an id is no name", "8812", ("hoa", "Đỗ Hòa"), 0, 0),
]


@pytest.mark.parametrize(("why", "name", "names", "least", "most"), PEOPLE, ids=[case[0] for case in PEOPLE])
def test_people_who_share_a_first_name_are_not_taken_for_one(
    why: str, name: str, names: tuple[str, ...], least: int, most: int
) -> None:
    assert least <= known_as(name, names, people=True) <= most


def test_a_stage_may_share_one_word_only() -> None:
    assert known_as("Won - signed", ("won", "Closed won"), people=False) >= 60


RANKED = [
    ("one fits", {"hoa": 100, "minh": 0}, True, [("hoa", 100)]),
    ("below the floor is nothing", {"hoa": 59}, False, []),
    ("two people fit: neither is certain", {"hoa": 90, "hoa.do": 75, "lan": 0}, True, [("hoa", 70), ("hoa.do", 70)]),
    ("a stage that fits much better stays certain", {"won": 100, "lost": 61}, False, [("won", 100), ("lost", 61)]),
    ("two stages fit", {"won": 100, "signed": 97}, False, [("won", 70), ("signed", 70)]),
    ("the best two only", {"a": 90, "b": 80, "c": 70}, False, [("a", 90), ("b", 80)]),
]


@pytest.mark.parametrize(("why", "scores", "people", "found"), RANKED, ids=[case[0] for case in RANKED])
def test_what_fits_best_comes_first_and_doubt_is_said(
    why: str, scores: dict[str, int], people: bool, found: list[tuple[str, int]]
) -> None:
    assert ranked(scores, 2, people=people) == found


def test_a_score_is_said_in_words() -> None:
    assert [said(s) for s in (100, 90, 70)] == ["the same name", "nearly the same name", "may be the same"]
