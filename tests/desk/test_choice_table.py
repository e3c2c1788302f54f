"""Choices as a file: in, out, and every bad line named."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from bridge.desk import Desk, Refused, choice_table
from bridge.desk.table import Line, Report
from bridge.store import Store
from tests.desk.lists import desk_of

HEADER = "connection,field,native,canonical,use"


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(":memory:")
    store.migrate()
    yield store
    store.db.close()


def bring(desk: Desk, *lines: str, dry: bool = False) -> Report:
    return choice_table.import_rows(desk, "Hoa", io.StringIO("\n".join([HEADER, *lines])), "csv", dry=dry)


def counted(report: Report) -> tuple[int, ...]:
    return report.created, report.changed, report.unchanged, report.conflicting, report.invalid


def test_choices_come_in_with_their_use(desk: Desk) -> None:
    lines = ("a,stage,7/1,new,", "a,stage,7/2,new,read", "a,stage,7/1,late,write", "b,owner,u1,hoa,both")
    assert counted(bring(desk, *lines)) == (4, 0, 0, 0, 0)
    words = desk.store.words()
    assert words["a"].meaning == {("stage", "7/1"): "new", ("stage", "7/2"): "new"}
    assert words["a"].says == {("stage", "new"): ("7/1",), ("stage", "late"): ("7/1",)}
    assert words["b"].meaning == {("owner", "u1"): "hoa"}
    [deed] = desk.store.deeds(9)
    assert (deed["who"], deed["deed"], deed["target"]) == ("Hoa", "choices imported", "4 choices")


def test_the_column_use_may_be_missing(desk: Desk) -> None:
    text = "connection,field,native,canonical\na,pipeline,7,sales\n"
    assert choice_table.import_rows(desk, "Hoa", io.StringIO(text), "csv").created == 1
    assert desk.store.choices()[0]["writes"] == 1


def test_a_file_may_hold_an_object_a_line(desk: Desk) -> None:
    text = '{"connection": "b", "field": "owner", "native": 7, "canonical": "hoa"}\n{"connection": "b"}\n'
    assert counted(choice_table.import_rows(desk, "Hoa", io.StringIO(text), "ndjson")) == (1, 0, 0, 0, 1)


def test_choosing_again_changes_nothing_and_is_no_deed(desk: Desk) -> None:
    lines = ("a,stage,7/1,new,both", "a,stage,7/2,new,read")
    bring(desk, *lines)
    assert counted(bring(desk, *lines)) == (0, 0, 2, 0, 0)
    assert len(desk.store.deeds(9)) == 1


def test_a_trial_tells_what_would_happen_and_does_nothing(desk: Desk) -> None:
    bring(desk, "b,owner,7,hoa,both", "b,owner,8,minh,both")
    before = desk.store.choices()
    lines = ("b,owner,7,hoa,both", "b,owner,8,lan,both", "b,owner,9,hoa,both", "b,owner,9,zoe,read", "b,owner,,x,")
    trial = bring(desk, *lines, dry=True)
    assert (counted(trial), trial.dry) == ((1, 1, 1, 1, 1), True)
    assert desk.store.choices() == before
    assert bring(desk, *lines).lines == trial.lines


def test_a_change_says_what_it_replaces(desk: Desk) -> None:
    bring(desk, "b,owner,7,hoa,both", "b,owner,8,minh,both")
    report = bring(desk, "b,owner,7,minh,both", "b,owner,8,minh,read")
    assert report.lines == [
        Line(number=2, verdict="changed", detail="'7' means 'hoa' now; 'minh' is written as '8' now")
    ]
    assert counted(report) == (0, 2, 0, 0, 0)


BAD = [
    ("x,stage,7/1,new,", "invalid", "no connection 'x'. there are a, b, c"),
    ("a,stgae,7/1,new,", "invalid", "'stgae' is no choice at a. these are: pipeline, stage, status, owner"),
    ("a,name,7/1,new,", "invalid", "'name' is no choice at a"),
    ("a,contact,7/1,new,", "invalid", "'contact' is no choice at a"),
    ("a,stage, ,new,", "invalid", "native and canonical must not be empty"),
    ("a,stage,7/1,,", "invalid", "native and canonical must not be empty"),
    ("a,stage", "invalid", "native and canonical must not be empty"),
    ("a,stage,7/1,unknown:b:1,", "invalid", "'unknown:b:1' is no name"),
    ("a,stage,7/1,new,sometimes", "invalid", "use is 'sometimes'. it is both, read or write"),
    ("a,stage,1,new,", "invalid", "stage at a needs its pipeline in front. write <pipeline id>/<stage id>"),
    ("a,stage,7/1,new,both,more", "invalid", "6 cells, but the header names 5"),
    ("a,stage,7/9,won,read", "conflicting", "'7/9' means 'lost' in line 2; give one of them use=write"),
    ("a,stage,7/8,lost,", "conflicting", "'lost' is written as '7/9' in line 2; give one of them use=read"),
    ("a,stage,7/9,lost,read", "conflicting", "line 2 says use=both of the same choice"),
]


@pytest.mark.parametrize(("line", "verdict", "detail"), BAD, ids=[case[2] for case in BAD])
def test_a_bad_line_is_named_and_the_others_are_kept(desk: Desk, line: str, verdict: str, detail: str) -> None:
    report = bring(desk, "a,stage,7/9,lost,both", line, "b,owner,u1,hoa,both")
    assert (report.created, [(each.number, each.verdict) for each in report.lines]) == (2, [(3, verdict)])
    assert detail in report.lines[0].detail
    assert len(desk.store.choices()) == 2


def test_the_same_line_twice_is_no_conflict(desk: Desk) -> None:
    bring(desk, "b,owner,7,hoa,both")
    assert counted(bring(desk, "b,owner,7,hoa,both", "b,owner,7,hoa,both")) == (0, 0, 2, 0, 0)
    assert counted(bring(desk, "b,owner,8,lan,both", "b,owner,8,lan,both")) == (1, 0, 1, 0, 0)


def test_a_second_way_in_another_pipeline_or_to_read_only_is_fine(desk: Desk) -> None:
    lines = ("a,stage,7/9,lost,both", "a,stage,8/9,lost,both", "a,stage,7/8,lost,read")
    assert counted(bring(desk, *lines)) == (3, 0, 0, 0, 0)


def test_a_header_that_is_not_ours(desk: Desk) -> None:
    with pytest.raises(Refused, match="line 1: missing native, canonical"):
        choice_table.import_rows(desk, "Hoa", io.StringIO("connection,field\na,b\n"), "csv")
    with pytest.raises(Refused, match="there is no header"):
        choice_table.import_rows(desk, "Hoa", io.StringIO(""), "csv")


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_exported_choices_come_back_whole(desk: Desk, form: choice_table.Form) -> None:
    bring(desk, "a,stage,7/1,new,both", "a,stage,7/2,new,read", "a,stage,7/1,late,write", 'b,owner,"u,1",Đỗ,both')
    text, other = "".join(choice_table.export(desk, form)), Store(":memory:")
    other.migrate()
    there = desk_of(other)
    assert counted(choice_table.import_rows(there, "Hoa", io.StringIO(text), form)) == (4, 0, 0, 0, 0)
    assert "".join(choice_table.export(there, form)) == text
    assert counted(choice_table.import_rows(desk, "Hoa", io.StringIO(text), form)) == (0, 0, 4, 0, 0)
    other.db.close()


def test_nothing_is_exported_as_a_header_alone(desk: Desk) -> None:
    assert list(choice_table.export(desk, "csv")) == [f"{HEADER}\n"]
    assert list(choice_table.export(desk, "ndjson")) == []
