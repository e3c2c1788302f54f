"""The contract of `scan`: every deal, in an end, whatever moves meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from bridge.connectors.base import Connector
from bridge.core.model import Record
from tests.connectors.bench import Bench

PAGES_MAX = 60


class Scanning:
    """A scan shows all deals and no value that a read would deny."""

    def test_a_scan_agrees_with_reads(self, bench: Bench) -> None:
        rows = swept(bench.connector)
        assert bench.deal in rows
        for row in rows.values():
            read = bench.connector.read(row.ref)
            assert read is not None
            fields = {name: n for name, n in row.fields.items() if not bench.spec(name).unread}
            assert fields == {name: read.fields.get(name, "not read") for name in fields}
            assert row.stamp == read.stamp

    def test_a_scan_shows_what_the_list_shows_of_the_sample(self, bench: Bench) -> None:
        row = swept(bench.connector)[bench.deal]
        sample = bench.seen().fields
        assert {name for name in bench.cases if sample.get(name)} - row.fields.keys() <= self.not_listed

    not_listed: frozenset[str] = frozenset()

    def test_a_scan_goes_through_all_pages(self, bench: Bench) -> None:
        ids = bench.fill(bench.many)
        pages: list[int] = []
        rows = swept(bench.connect(options=bench.few_rows), lambda: pages.append(1))
        assert rows.keys() == ids
        assert pages

    def test_a_scan_of_nothing_ends(self, bench: Bench) -> None:
        for vendor_id in bench.fill(0):
            bench.delete(vendor_id)
        bench.clock.now_s += 1
        assert swept(bench.connector) == {}

    def test_a_full_last_page_ends(self, bench: Bench) -> None:
        for n in (20, 100):
            ids = bench.fill(n)
            assert swept(bench.connect(options=bench.few_rows)).keys() == ids

    def test_edits_between_pages_hide_no_deal(self, bench: Bench) -> None:
        ids, turn = bench.fill(bench.many), iter(sorted(bench.fill(bench.many)))
        name = next(name for name in ("name", "stage") if name in bench.cases)
        edit = bench.cases[name].by_hand()
        rows = swept(bench.connect(options=bench.few_rows), lambda: bench.person(edit, next(turn)))
        assert rows.keys() == ids

    def test_a_deletion_between_pages_hides_no_other_deal(self, bench: Bench) -> None:
        ids = bench.fill(bench.many)
        first = iter(sorted(ids, key=lambda vendor_id: (len(vendor_id), vendor_id)))
        gone: set[str] = set()

        def delete() -> None:
            for vendor_id in itertools.islice(first, 3):
                gone.add(vendor_id)
                bench.delete(vendor_id)

        rows = swept(bench.connect(options=bench.few_rows), delete)
        missed = ids - gone - rows.keys()
        assert not missed if bench.steady else len(missed) <= len(gone)


def swept(connector: Connector, between: Callable[[], object] = lambda: None) -> dict[str, Record]:
    """Return the rows of a scan by id, as the sweep reads it; `between` happens after each page but the last."""
    rows: dict[str, Record] = {}
    cursor: str | None = None
    cursors: set[str] = set()
    for _ in range(PAGES_MAX):
        page = connector.scan(cursor)
        for record in page.records:
            rows.setdefault(record.ref.vendor_id, record)
        if page.next is None:
            return rows
        assert page.next not in cursors, "a cursor came back"
        cursor = page.next
        cursors.add(cursor)
        between()
    raise AssertionError("the scan does not end")
