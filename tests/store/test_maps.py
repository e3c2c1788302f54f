"""Links as CSV: in, out, and every bad line named."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest

from bridge.core.model import Ref
from bridge.store import Store, maps
from bridge.store.maps import BadHeader, Report

NOW = 1_750_000_000_000
CONNECTIONS = ("a", "b", "c")


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(":memory:")
    store.migrate()
    yield store
    store.db.close()


def links(store: Store, text: str) -> Report:
    return maps.import_links(store, io.StringIO(text), CONNECTIONS, NOW)


def exported_links(store: Store) -> str:
    out = io.StringIO()
    maps.export_links(store, CONNECTIONS, out)
    return out.getvalue()


# links


def test_each_line_links_its_records(store: Store) -> None:
    assert links(store, "a,b,c\n1,2,3\n4,,6\n") == Report(created=2)
    assert store.refs(store.find("a", "4") or "") == [Ref("a", "4"), Ref("c", "6")]


def test_columns_stand_in_any_order_and_cells_are_trimmed(store: Store) -> None:
    assert links(store, "c,kind,a\n 3 , contact ,1\n") == Report(created=1)
    assert store.find("a", "1", "contact") == store.find("c", "3", "contact") is not None


def test_linking_again_changes_nothing(store: Store) -> None:
    links(store, "a,b\n1,2\n4,5\n")
    assert links(store, "a,b\n1,2\n4,5\n") == Report(unchanged=2)


def test_a_line_may_add_a_record_to_a_link(store: Store) -> None:
    links(store, "a,b\n1,2\n")
    link = store.find("a", "1")
    assert links(store, "a,b,c\n1,2,3\n") == Report(changed=1)
    assert store.find("c", "3") == link


def test_two_lines_of_a_file_may_tell_one_link_together(store: Store) -> None:
    assert links(store, "a,b,c\n1,2,\n,2,3\n1,2,3\n") == Report(created=1, changed=1, unchanged=1)
    assert len(store.all_refs()) == 3


BAD_LINKS = [
    ("one id", "4,,,", "fewer than two ids: there is nothing to link"),
    ("no id", ",,,", "fewer than two ids"),
    ("spaces are no ids", " ,4, ,", "fewer than two ids"),
    ("too few cells", "4", "fewer than two ids"),
    ("a kind that does not exist", "4,5,,deal", "kind is 'deal'; it is one of opportunity, contact, account"),
    ("ids of two links", "1,12,,", "already in 2 different links"),
    ("another record of the same connection", "1,9,,", "the link of this line has another record at b already"),
    ("another record than an earlier line said", "20,,31,", "the link of this line has another record at c already"),
]


@pytest.mark.parametrize(("why", "line", "problem"), BAD_LINKS, ids=[case[0] for case in BAD_LINKS])
def test_a_bad_line_is_named_and_the_others_are_kept(store: Store, why: str, line: str, problem: str) -> None:
    links(store, "a,b\n1,2\n11,12\n")
    report = links(store, f"a,b,c,kind\n20,,30,\n{line}\n40,,50,\n")
    assert (report.created, report.changed, report.unchanged) == (2, 0, 0)
    assert [number for number, _ in report.problems] == [3]
    assert problem in report.problems[0][1]
    assert len(store.all_refs()) == 8


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("a,x", "line 1: x; the columns are the connections a, b, c"),
        ("a", "fewer than two"),
        ("kind,a", "fewer"),
        ("", "fewer"),
    ],
)
def test_a_header_that_is_not_ours(store: Store, header: str, named: str) -> None:
    with pytest.raises(BadHeader, match=named):
        links(store, header)


def test_problems_are_told_by_line() -> None:
    assert list(maps.numbered([(3, "x"), (7, "y")])) == ["line 3: x", "line 7: y"]


def test_exported_links_come_back_whole(store: Store) -> None:
    links(store, 'a,b,c,kind\n1,2,3,\n"4,5",é,,contact\n')
    text, other = exported_links(store), Store(":memory:")
    other.migrate()
    assert links(other, text) == Report(created=2)
    assert exported_links(other) == text
    assert links(store, text) == Report(unchanged=2)
    other.db.close()


def test_ten_thousand_links(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "".join(f"a{n},b{n},c{n}\n" for n in range(10_000))
    told: list[int] = []
    started = time.perf_counter()
    report = maps.import_links(store, io.StringIO(f"a,b,c\n{lines}"), CONNECTIONS, NOW, told.append)
    first_s = time.perf_counter() - started
    again = links(store, f"a,b,c\n{lines}")
    with capsys.disabled():
        took = f"{first_s:.2f} s, again {time.perf_counter() - started - first_s:.2f} s"
        print(f"\n10,000 links imported in {took}")  # noqa: T201  a measure for who runs it
    assert (report, again) == (Report(created=10_000), Report(unchanged=10_000))
    assert (len(store.all_refs()), told[0], len(told)) == (30_000, 500, 20)
