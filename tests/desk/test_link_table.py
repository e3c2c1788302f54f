"""Files of links: in, with a verdict on each line, tried or kept, and out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.core.model import Ref
from bridge.desk import Desk, Refused, link_table
from bridge.desk.link_table import export, import_rows
from bridge.desk.table import Form, Report
from bridge.store import Store
from tests.desk.test_links import ME, NOW, deeds, desk_of


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, postgres: Callable[[Path], str]) -> Iterator[Desk]:
    store = Store(tmp_path / "b.db" if request.param == "SQLite" else postgres(tmp_path))
    store.migrate()
    yield desk_of(store)
    store.db.close()


def brought(desk: Desk, text: str, form: Form = "csv", **how: bool) -> Report:
    return import_rows(desk, io.StringIO(text), form, ME, **how)  # type: ignore[arg-type]


def counts(report: Report) -> tuple[int, ...]:
    return report.created, report.changed, report.unchanged, report.conflicting, report.invalid


def everything(desk: Desk) -> object:
    return desk.store.all_refs(), desk.store.counts(), deeds(desk)


def test_each_line_links_its_records(desk: Desk) -> None:
    assert counts(brought(desk, "a,b,c,kind\n1,2,3,\n4,, 6 ,contact\n")) == (2, 0, 0, 0, 0)
    assert desk.store.refs(desk.store.find("a", "4", "contact") or "") == [
        Ref("a", "4", "contact"), Ref("c", "6", "contact"),
    ]  # fmt: skip
    assert deeds(desk) == [(ME, "links imported", "lines 2 to 3: 2 made, 0 extended")]


def test_a_json_object_is_a_line_too(desk: Desk) -> None:
    text = '{"a": 1, "b": "2"}\n\n{"kind": "account", "a": "x", "c": "y", "b": null}\n{"a": 1, "z": 2}\n[]\n'
    report = brought(desk, text, "ndjson")
    assert counts(report) == (2, 0, 0, 0, 2)
    assert [(line.number, line.detail.partition(".")[0]) for line in report.lines] == [
        (4, "no connection 'z'"), (5, "not an object of texts"),
    ]  # fmt: skip
    assert desk.store.find("c", "y", "account")


def test_importing_again_changes_nothing(desk: Desk) -> None:
    text = "a,b\n1,2\n4,5\n"
    brought(desk, text)
    before = everything(desk)
    assert counts(brought(desk, text)) == (0, 0, 2, 0, 0)
    assert everything(desk) == before


def test_lines_of_a_file_tell_one_link_together(desk: Desk) -> None:
    report = brought(desk, "a,b,c\n1,2,\n,2,3\n1,2,3\n")
    assert counts(report) == (1, 1, 1, 0, 0)
    assert len(desk.store.all_refs()) == 3


def test_a_record_is_known_by_its_code(desk: Desk) -> None:
    brought(desk, "a,b\n1,2\n")
    desk.store.name_also(Ref("a", "1"), ["code"])
    assert counts(brought(desk, "a,b,c\ncode,2,3\n")) == (0, 1, 0, 0, 0)
    assert len(desk.store.all_refs()) == 3


BAD = [
    ("4,,,", "invalid", "fewer than two ids: there is nothing to link"),
    (" ,4, ,", "invalid", "fewer than two ids"),
    ("4", "invalid", "fewer than two ids"),
    ("4,5,,deal", "invalid", "kind is 'deal'. it is one of opportunity, contact, account"),
    ("4,5,6,,7", "invalid", "5 cells, but the header names 4"),
    (f"4,{'x' * 201},,", "invalid", "too long"),
    ("1,12,,", "conflicting", "already in 2 different links"),
    ("1,9,,", "conflicting", "another record at b already"),
    ("20,,31,", "conflicting", "another record at c already"),
]


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize(("line", "verdict", "detail"), BAD)
def test_a_bad_line_is_named_and_the_others_are_kept(
    desk: Desk, line: str, verdict: str, detail: str, dry: bool
) -> None:
    brought(desk, "a,b\n1,2\n11,12\n")
    report = brought(desk, f"a,b,c,kind\n20,,30,\n{line}\n40,,50,\n", dry=dry)
    assert (report.created, report.conflicting + report.invalid, report.dry) == (2, 1, dry)
    assert [(each.number, each.verdict) for each in report.lines] == [(3, verdict)]
    assert detail in report.lines[0].detail
    assert len(desk.store.all_refs()) == (4 if dry else 8)


@pytest.mark.parametrize("page", [1, 2, 500])
def test_a_dry_run_reports_what_the_real_run_does_and_keeps_nothing(
    desk: Desk, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_table, "PAGE_ROWS", page)
    brought(desk, "a,b\n1,2\n3,4\n")
    text = "a,b,c\n1,2,5\n1,,6\n7,8,\n,8,9\n7,8,9\n3,2,\n7,,10\n11,12,\n11,,\n11,13,\n,12,14\n"
    before = everything(desk)
    dry = brought(desk, text, dry=True)
    assert everything(desk) == before
    real = brought(desk, text)
    assert counts(dry) == counts(real) == (2, 3, 1, 4, 1)
    assert [(e.number, e.verdict) for e in dry.lines] == [(e.number, e.verdict) for e in real.lines]
    assert counts(brought(desk, text, dry=True)) == (0, 0, 6, 4, 1)


@pytest.mark.parametrize("text", ["a,x\n1,2\n", "a,b,kindd\n1,2,contact\n"])
def test_a_header_that_names_what_is_no_connection_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(Refused, match=r"line 1: no connection .* the columns are the connections a, b, c, and kind"):
        brought(desk, text)
    assert desk.store.all_refs() == []


def test_a_file_that_is_no_text_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="not in UTF-8"):
        import_rows(desk, io.TextIOWrapper(io.BytesIO(b"a,b\n1,\xff\n"), "utf-8"), "csv", ME)


def test_where_another_is_faster_the_lines_are_judged_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real, raced = desk.store.link_many, list[int]()

    def late(*arguments: object, **named: object) -> None:
        if not raced:
            raced.append(1)
            desk.store.link([Ref("a", "1"), Ref("b", "9")], NOW)
        real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.store, "link_many", late)
    report = brought(desk, "a,b\n1,2\n3,4\n")
    assert counts(report) == (1, 0, 0, 1, 0) and "another record at b already" in report.lines[0].detail


def test_only_so_many_bad_lines_are_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_table, "TOLD_MAX", 2)
    report = brought(desk, "a,b\n" + "1,\n" * 5)
    assert (report.invalid, [line.number for line in report.lines]) == (5, [2, 3])


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_exported_links_come_back_whole(desk: Desk, form: Form, tmp_path: Path) -> None:
    brought(desk, 'a,b,c,kind\n1,2,3,\n"4,5",é,,contact\n')
    text = "".join(export(desk, form))
    other = desk_of(Store(tmp_path / "other.db"))
    other.store.migrate()
    assert counts(brought(other, text, form)) == (2, 0, 0, 0, 0)
    assert "".join(export(other, form)) == text
    assert counts(brought(desk, text, form)) == (0, 0, 2, 0, 0)
    other.store.db.close()


def test_what_is_exported_is_read_by_people_and_programs(desk: Desk) -> None:
    brought(desk, 'a,c,kind\n1,3,\n"4,5",é,contact\n')
    assert list(export(desk, "csv")) == ["kind,a,b,c\n", "opportunity,1,,3\n", 'contact,"4,5",,é\n']
    assert [json.loads(line) for line in export(desk, "ndjson")][1] == {"kind": "contact", "a": "4,5", "c": "é"}
