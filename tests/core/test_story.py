"""How each field of a link stands and came to be, told from journals of a few lines."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.fields import Choice, Field, Text
from bridge.core.history import retrace
from bridge.core.model import Ref
from bridge.core.speech import Known
from bridge.core.story import FieldStory, SideStory, tell

A, B = Ref("a", "a1"), Ref("b", "b1")
NAME: Field = Text("name", "n")
KNOWN = Known({"a": {"name": NAME}, "b": {"name": NAME}})
HOOK = "01932d3f-0000-7000-8000-00000000000a"


def entry(what: str, connection: str = "b", at: int = 5, version: int | None = 2, **rest: Any) -> dict[str, Any]:
    blank = {"field": "name", "old": None, "new": None, "delivery": "", "detail": ""}
    return {**blank, "what": what, "connection": connection, "at": at, "version": version, **rest}


def whole(what: str, connection: str = "b", at: int = 5, **rest: Any) -> dict[str, Any]:
    """An entry that concerns a side as a whole."""
    return entry(what, connection, at, None, field="", **rest)


LINKED = [entry("first", "a", 1, 1, new="old"), whole("met", at=2, detail="name")]
SET = [*LINKED, entry("set", "a", 4, 2, old="old", new="new")]
DUE = SideStory("b", "due", "will be written", behind=True)
WAITS = entry("waits", at=6, version=None, detail="no choice", new="add one")


def told(journal: list[dict[str, Any]], known: Known = KNOWN) -> FieldStory:
    return tell(journal, (A, B), known)[0]


SIDES: list[tuple[str, list[dict[str, Any]], SideStory]] = [
    ("as linked", LINKED, SideStory("b", "level", "said the same when it was linked", at=2)),
    (
        "it differed",
        [LINKED[0], entry("differs", version=1, new="mine")],
        SideStory("b", "differs", "was “mine” when it was linked, and stays until somebody edits it", at=5),
    ),
    (
        "it was overtaken",
        [LINKED[0], SET[-1], entry("overtaken", version=1, new="mine")],
        DUE,
    ),
    ("due", SET, DUE),
    (
        "in doubt",
        [*SET, entry("in_doubt", new="new")],
        SideStory("b", "in doubt", "sent as “new”, and no answer came", at=5, behind=True),
    ),
    (
        "gone",
        [*SET, entry("sent"), whole("gone")],
        SideStory("b", "gone", "the record is not there any more"),
    ),
    ("back", [*SET, whole("gone"), whole("back")], DUE),
    ("held", [*SET, WAITS], SideStory("b", "waits", "waits: no choice", "add one", 6, True)),
    (
        "held as a whole",
        [*SET, {**WAITS, "field": ""}],
        SideStory("b", "waits", "waits: no choice", "add one", 6, True),
    ),
    ("held for another field", [*SET, {**WAITS, "field": "x"}], DUE),
    (
        "held anew with another cure",
        [*SET, WAITS, {**WAITS, "at": 9, "new": "link it"}],
        SideStory("b", "waits", "waits: no choice", "link it", 6, True),
    ),
    ("freed", [*SET, WAITS, {**WAITS, "what": "freed"}], DUE),
    (
        "a hold that is over",
        [*SET, WAITS, entry("sent", new="new")],
        SideStory("b", "written", "written as “new”", at=5),
    ),
    (
        "level, and what it shows makes no sense now",
        [*SET, entry("sent", new="new"), WAITS],
        SideStory("b", "waits", "waits: no choice", "add one", 6),
    ),
    ("sent", [*SET, entry("sent", new="new")], SideStory("b", "written", "written as “new”", at=5)),
    (
        "landed",
        [*SET, entry("landed", new="new")],
        SideStory("b", "written", "written as “new”; a later read confirmed it", at=5),
    ),
    (
        "tidied",
        [*SET, entry("sent"), entry("normalised", at=6, new="New")],
        SideStory("b", "written", "written, and kept as “New”", at=6),
    ),
    (
        "not sent",
        [*SET, entry("not_sent", detail="readonly")],
        SideStory("b", "not written", "not written: readonly", at=5),
    ),
    (
        "level without a write",
        [*SET, entry("not_sent", detail="already says the same")],
        SideStory("b", "level", "says the same already", at=5),
    ),
    ("the same edit", [*SET, entry("settled_equal")], SideStory("b", "level", "the same edit was made here", at=5)),
    ("did not land", [*SET, entry("did_not_land")], DUE),
    (
        "nothing is written while the rule says so",
        [*SET, entry("held", detail="two sides changed it")],
        SideStory("b", "due", "held: two sides changed it", behind=True),
    ),
    ("an entry of an older version", [*LINKED, entry("sent", version=1), SET[-1]], DUE),
    ("its own edit lost", [*SET, entry("lost", old="mine", new="new")], DUE),
    ("never read", [LINKED[0]], SideStory("b", "unseen", "not read yet")),
    (
        "left and came again",
        [*SET, entry("sent"), whole("unlinked"), whole("linked")],
        SideStory("b", "unseen", "not read yet"),
    ),
]


@pytest.mark.parametrize(("why", "journal", "story"), SIDES, ids=[case[0] for case in SIDES])
def test_how_a_side_stands(why: str, journal: list[dict[str, Any]], story: SideStory) -> None:
    assert told(journal).sides[1] == story


def test_where_a_side_stands_by_what_is_set_up() -> None:
    def side(**known: Any) -> SideStory:
        return told(SET, Known(**{"fields": KNOWN.fields, **known})).sides[1]

    unread: Field = Text("name", "n", unread="write only")
    assert side(fields={"a": {"name": NAME}, "b": {}}).said == "has no such field"
    never = told([LINKED[0]], Known({"a": {"name": NAME}, "b": {"name": unread}}))
    assert never.sides[1] == SideStory("b", "unseen", "write only")
    assert side(paused={"b": "over the limit"}).said == "is written when b goes on: over the limit"
    assert side(policies={"name": "off"}).said == "this field is not synced any more"


ORIGINS = [
    ([entry("first", "a", 1, 1, new="new")], None, "as a had it when it was linked; nobody has changed it since"),
    (SET, "a", "set in a; it replaced “old”"),
    (
        [*LINKED, entry("set", "b", 4, 2, old="old", new="new", detail="by Hoa over a (newest)", delivery=HOOK)],
        "b",
        "set in b by Hoa (heard by a webhook); it replaced “old”, a's own edit: b's later edit stands",
    ),
    (
        [*SET, entry("decided", "b", 7, 3, old="new", new="mine", detail="minh")],
        "b",
        "minh decided that b's value stands; it replaced “new”",
    ),
]


@pytest.mark.parametrize(("journal", "by", "said"), ORIGINS, ids=[said for *_, said in ORIGINS])
def test_who_set_it(journal: list[dict[str, Any]], by: str | None, said: str) -> None:
    story = told(journal)
    assert (story.by, story.said) == (by, said)
    assert (story.at is None, story.sides[by == "b"].state) == (by is None, "origin")


def test_what_lost_and_what_is_held() -> None:
    lost = entry("lost", "b", 5, 2, old="theirs", new="new", detail="a wins (newest)")
    held = entry("held", "b", 5, 2, detail="two sides changed it")
    story = told([*SET, lost, held])
    assert story.lost == [(5, "b's own edit of name to “theirs” lost: a's later edit stands, “new”.")]
    assert story.held == "nothing is written: two sides changed it"
    assert told([*SET, lost, held, entry("released")]).held == ""
    assert told([*SET, lost, held, entry("decided", "b", 6, 3, new="theirs", detail="hoa")]).held == ""


def test_a_value_that_gets_its_meaning_stays_the_same_version() -> None:
    known = Known({"a": {"stage": Choice("stage", "s")}})
    journal = [
        entry("first", "a", 1, 1, field="stage", new="unknown:a:7"),
        entry("understood", "a", 2, 1, field="stage", new="won"),
    ]
    story = told(journal, known)
    assert (story.value, story.version, story.by) == ("won", 1, None)


def test_holds_keep_the_time_at_which_they_came() -> None:
    waits = retrace([*SET, WAITS, {**WAITS, "at": 9, "detail": "no link"}]).waits
    assert {key: (e["detail"], e["at"]) for key, e in waits.items()} == {("b", "name"): ("no link", 6)}
    assert not retrace([*SET, WAITS, whole("unlinked")]).waits


def test_fields_stand_in_the_order_of_the_table_custom_ones_last() -> None:
    journal = [entry("first", "a", version=1, field=f, new="x") for f in ("custom.b", "owner", "custom.a", "name")]
    assert [s.name for s in tell(journal, (A,), KNOWN)] == ["name", "owner", "custom.a", "custom.b"]
    assert tell([WAITS], (A,), KNOWN) == [], "a field that nobody could ever read has no story"
