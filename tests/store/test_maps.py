"""Choices as CSV: in, out, and every bad line named."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from bridge.core.fields import Choice, Party, Text
from bridge.store import Store, maps
from bridge.store.maps import BadHeader, Report

NOW = 1_750_000_000_000
FIELDS = {
    "a": {
        "name": Text("name", "n"),
        "pipeline": Choice("pipeline", "p"),
        "stage": Choice("stage", "s", scope="pipeline"),
        "contact": Party("contact", "c"),
    },
    "b": {"owner": Choice("owner", "o")},
}


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(":memory:")
    store.migrate()
    yield store
    store.db.close()


def choices(store: Store, *lines: str) -> Report:
    return maps.import_choices(
        store, io.StringIO("\n".join(["connection,field,native,canonical,use", *lines])), FIELDS, NOW
    )


def exported_choices(store: Store) -> str:
    out = io.StringIO()
    maps.export_choices(store, out)
    return out.getvalue()


def test_problems_are_told_by_line() -> None:
    assert list(maps.numbered([(3, "x"), (7, "y")])) == ["line 3: x", "line 7: y"]


# choices


def test_choices_come_in_with_their_use(store: Store) -> None:
    report = choices(store, "a,stage,7/1,new,", "a,stage,7/2,new,read", "a,stage,7/1,late,write", "b,owner,u1,hoa,both")
    assert report == Report(created=4)
    words = store.words()
    assert words["a"].meaning == {("stage", "7/1"): "new", ("stage", "7/2"): "new"}
    assert words["a"].says == {("stage", "new"): ("7/1",), ("stage", "late"): ("7/1",)}
    assert words["b"].meaning == {("owner", "u1"): "hoa"}


def test_the_column_use_may_be_missing(store: Store) -> None:
    text = "connection,field,native,canonical\na,pipeline,7,sales\n"
    assert maps.import_choices(store, io.StringIO(text), FIELDS, NOW) == Report(created=1)
    assert store.choices()[0]["writes"] == 1


def test_choosing_again_changes_nothing_and_asks_for_no_look(store: Store) -> None:
    lines = ("a,stage,7/1,new,both", "a,stage,7/2,new,read")
    choices(store, *lines)
    assert choices(store, *lines) == Report(unchanged=2)


def test_another_use_is_a_change(store: Store) -> None:
    choices(store, "a,stage,7/1,new,both")
    assert choices(store, "a,stage,7/1,new,read") == Report(changed=1)
    assert store.words()["a"].says == {}


BAD_CHOICES = [
    ("no such connection", "x,stage,7/1,new,", "no connection 'x'; there are a, b"),
    ("no such field", "a,stgae,7/1,new,", "'stgae' is no choice at a; these are: pipeline, stage"),
    ("a field that is no choice", "a,name,7/1,new,", "'name' is no choice at a"),
    ("a contact is a link", "a,contact,7/1,new,", "'contact' is no choice at a"),
    ("no native value", "a,stage, ,new,", "native and canonical must not be empty"),
    ("no canonical value", "a,stage,7/1,,", "native and canonical must not be empty"),
    ("too few cells", "a,stage", "native and canonical must not be empty"),
    ("no such use", "a,stage,7/1,new,sometimes", "use is 'sometimes'; it is both, read or write"),
    (
        "a stage without its pipeline",
        "a,stage,1,new,",
        "stage at a needs its pipeline in front: <pipeline id>/<stage id>",
    ),
    ("a second meaning", "a,stage,7/9,won,read", "'7/9' means 'lost' in an earlier line; give one of them use=write"),
    ("a second way", "a,stage,7/8,lost,", "'lost' is written as '7/9' in an earlier line; give one of them use=read"),
]


@pytest.mark.parametrize(("why", "line", "problem"), BAD_CHOICES, ids=[case[0] for case in BAD_CHOICES])
def test_a_bad_choice_is_named_and_the_others_are_kept(store: Store, why: str, line: str, problem: str) -> None:
    report = choices(store, "a,stage,7/9,lost,both", line, "b,owner,u1,hoa,both")
    assert (report.created, [number for number, _ in report.problems]) == (2, [3])
    assert problem in report.problems[0][1]
    assert len(store.choices()) == 2


def test_a_second_way_in_another_pipeline_or_to_read_only_is_fine(store: Store) -> None:
    report = choices(store, "a,stage,7/9,lost,both", "a,stage,8/9,lost,both", "a,stage,7/8,lost,read")
    assert report == Report(created=3)


def test_a_choices_header_that_is_not_ours(store: Store) -> None:
    with pytest.raises(BadHeader, match="line 1: missing native, canonical"):
        maps.import_choices(store, io.StringIO("connection,field\n"), FIELDS, NOW)


def test_exported_choices_come_back_whole(store: Store) -> None:
    choices(store, "a,stage,7/1,new,both", "a,stage,7/2,new,read", "a,stage,7/1,late,write", 'b,owner,"u,1",Đỗ,both')
    text, other = exported_choices(store), Store(":memory:")
    other.migrate()
    report = maps.import_choices(other, io.StringIO(text), FIELDS, NOW)
    assert (report, exported_choices(other)) == (Report(created=4), text)
    assert maps.import_choices(store, io.StringIO(text), FIELDS, NOW) == Report(unchanged=4)
    other.db.close()
