"""The history of a link as a person reads it."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.fields import Field, Text
from bridge.core.model import Hub, Link, Ref, Said, Shadow, Side, Write
from bridge.core.story import SideStory, tell

A, B = Ref("a", "a1"), Ref("b", "b1")
NAME = Text("name", "n")
FIELDS: dict[str, dict[str, Field]] = {"a": {"name": NAME}, "b": {"name": NAME}}


def entry(what: str, connection: str = "b", at: int = 5, version: int = 2, **rest: Any) -> dict[str, Any]:
    blank = {"field": "name", "old": None, "new": None, "delivery": "", "detail": ""}
    return {**blank, "what": what, "connection": connection, "at": at, "version": version, **rest}


def hold(field: str) -> dict[str, Any]:
    return {"connection": "b", "field": field, "reason": "no choice", "cure": "add one", "since": 3}


def link(base: int = 1, **side: Any) -> Link:
    """Version 2 was set on a; b reflects `base`."""
    a = Side(A, shadows={"name": Shadow("new", 2, 0)})
    b = Side(B, shadows={"name": Shadow("old", base, 0)}, **side)
    return Link("l", {"a": a, "b": b}, {"name": Hub("new", 2, 4, "a")})


SIDES = [
    ("due", link(), [], [], SideStory("b", "due", "will be written")),
    (
        "in doubt",
        link(open=Write("w", B, {"name": Said("new", 2)}, frozenset({"name"}), 1)),
        [],
        [],
        SideStory("b", "due", "sent, the answer is in doubt"),
    ),
    ("level", link(2), [], [], SideStory("b", "level")),
    (
        "gone",
        link(gone=True),
        [entry("sent")],
        [hold("name")],
        SideStory("b", "gone", "the record is not there any more"),
    ),
    ("held", link(), [], [hold("name")], SideStory("b", "waits", "no choice: add one", 3)),
    ("held as a whole", link(), [], [hold("")], SideStory("b", "waits", "no choice: add one", 3)),
    ("held for another field", link(), [], [hold("owner")], SideStory("b", "due", "will be written")),
    ("a hold that is over", link(2), [], [hold("name")], SideStory("b", "level")),
    ("sent", link(2), [entry("sent", new="new")], [], SideStory("b", "sent", "written as 'new'", 5)),
    (
        "landed",
        link(2),
        [entry("landed", new="new")],
        [],
        SideStory("b", "sent", "written as 'new', confirmed by a later read", 5),
    ),
    (
        "tidied",
        link(2),
        [entry("sent"), entry("normalised", at=6, new="New")],
        [],
        SideStory("b", "sent", "written; the vendor keeps it as 'New'", 6),
    ),
    ("not sent", link(2), [entry("not_sent", detail="readonly")], [], SideStory("b", "not sent", "readonly", 5)),
    ("the same edit", link(2), [entry("settled_equal")], [], SideStory("b", "level", "the same edit was made here", 5)),
    (
        "did not land",
        link(),
        [entry("did_not_land")],
        [],
        SideStory("b", "due", "a call without an answer did not land; it is written again", 5),
    ),
    ("any other word", link(), [entry("held", detail="arguing")], [], SideStory("b", "held", "arguing", 5)),
    ("an entry of an older version", link(), [entry("sent", version=1)], [], SideStory("b", "due", "will be written")),
    ("an entry of another side", link(2), [entry("sent", "a")], [], SideStory("b", "level")),
]


@pytest.mark.parametrize(("why", "at", "journal", "holds", "story"), SIDES, ids=[case[0] for case in SIDES])
def test_how_a_side_stands(why: str, at: Link, journal: list[Any], holds: list[Any], story: SideStory) -> None:
    assert list(tell(at, journal, holds, FIELDS)[0].sides)[1] == story


def test_a_side_without_the_field_and_one_that_was_never_read() -> None:
    at = link()
    at.sides["b"].shadows.clear()
    no_field = tell(at, [], [], {"a": {"name": NAME}, "b": {}})[0].sides[1]
    unread = tell(at, [], [], {"a": {"name": NAME}, "b": {"name": Text("name", "n", unread="write only")}})[0].sides[1]
    never = tell(at, [], [], FIELDS)[0].sides[1]
    assert (no_field.state, unread, never.detail) == ("none", SideStory("b", "unseen", "write only"), "not read yet")


def test_who_set_it_and_who_lost() -> None:
    journal = [
        entry("first", "a", 1, 1, new="old"),
        entry("set", "a", 4, 2, old="old", new="new", delivery="d7", detail="by Hoa"),
        entry("lost", "b", 5, 2, old="theirs", new="new", detail="a wins by the rule"),
        entry("set", "a", 4, 2, field="owner"),
    ]
    told = tell(link(), journal, [], FIELDS)[0]
    assert (told.by, told.at, told.delivery, told.detail) == ("a", 4, "d7", "by Hoa")
    assert (told.name, told.value, told.version) == ("name", "new", 2)
    assert told.lost == [("b", "theirs", 5, "a wins by the rule")]


def test_nobody_set_it_yet() -> None:
    told = tell(link(), [entry("first", "a", 1, 1), entry("set", "a", 1, 1)], [], FIELDS)[0]
    assert (told.by, told.at, told.lost) == (None, None, [])


def test_fields_stand_in_the_order_of_the_table_custom_ones_last() -> None:
    hubs = {f: Hub("x", 1, 0, "a") for f in ("custom.b", "owner", "custom.a", "name")}
    told = tell(Link("l", {"a": Side(A)}, hubs), [], [], {"a": {}})
    assert [s.name for s in told] == ["name", "owner", "custom.a", "custom.b"]
