"""Links as CSV: in, line by line with every mistake named, and out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from bridge.core.model import Kind, Ref
from bridge.store.store import Store

CHUNK = 500
KINDS: tuple[Kind, ...] = ("opportunity", "contact", "account")
Progress = Callable[[int], None]


@dataclass
class Report:
    """What an import did. problems: line number in the file (the header is 1) and what is wrong with it."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


class BadHeader(ValueError):
    """The first line of a CSV file does not name the columns that are needed."""


def import_links(
    store: Store, lines: TextIO, connections: Sequence[str], now: int, progress: Progress = lambda rows: None
) -> Report:
    """
    Link the records of each line: one column a connection, optionally `kind` (default opportunity). Good lines are
    kept, bad ones reported; repeating it is safe. Raises BadHeader.
    """
    rows = csv.DictReader(lines)
    columns = [c for c in rows.fieldnames or () if c != "kind"]
    if strange := [c for c in columns if c not in connections] or len(columns) < 2:
        named = ", ".join(strange) if isinstance(strange, list) else "fewer than two connections"
        raise BadHeader(f"line 1: {named}; the columns are the connections {', '.join(connections)} (and kind)")
    known = {(r.kind, r.connection, r.vendor_id): link for link, r in store.all_refs()}
    taken = {(link, connection) for (_, connection, _), link in known.items()}
    report, planned = Report(), list[tuple[str | None, str, list[Ref]]]()
    for number, row in enumerate(rows, start=2):
        try:
            planned += _plan_line(store, row, columns, known, taken, report)
        except ValueError as error:
            report.problems.append((number, str(error)))
        if len(planned) >= CHUNK:
            store.link_many(planned, now)
            planned.clear()
            progress(number - 1)
    store.link_many(planned, now)
    return report


def _plan_line(
    store: Store,
    row: Mapping[str, str | None],
    columns: Sequence[str],
    known: dict[tuple[Kind, str, str], str],
    taken: set[tuple[str, str]],
    report: Report,
) -> list[tuple[str | None, str, list[Ref]]]:
    """Return the link to make or extend for one line, as (existing link or None, link, new refs); raises ValueError."""
    kind = next((k for k in KINDS if k == (row.get("kind") or "opportunity").strip()), None)
    if kind is None:
        raise ValueError(f"kind is {row.get('kind')!r}; it is one of {', '.join(KINDS)}")
    refs = [Ref(c, (row.get(c) or "").strip(), kind) for c in columns if (row.get(c) or "").strip()]
    if len(refs) < 2:
        raise ValueError("fewer than two ids: there is nothing to link")
    links = {known[r.kind, r.connection, r.vendor_id] for r in refs if (r.kind, r.connection, r.vendor_id) in known}
    if len(links) > 1:
        raise ValueError(f"its ids are already in {len(links)} different links: {', '.join(sorted(links))}")
    new = [r for r in refs if (r.kind, r.connection, r.vendor_id) not in known]
    if not new:
        report.unchanged += 1
        return []
    link = next(iter(links), None) or store.new_id()
    if clash := [r for r in new if (link, r.connection) in taken]:
        raise ValueError(f"the link of this line has another record at {clash[0].connection} already")
    for r in new:
        known[r.kind, r.connection, r.vendor_id] = link
        taken.add((link, r.connection))
    if links:
        report.changed += 1
    else:
        report.created += 1
    return [(next(iter(links), None), link, new)]


def export_links(store: Store, connections: Sequence[str], out: TextIO) -> int:
    """Write every link as a line; return how many."""
    by_link: dict[str, tuple[str, dict[str, str]]] = {}
    for link, ref in store.all_refs():
        by_link.setdefault(link, (ref.kind, {}))[1][ref.connection] = ref.vendor_id
    writer = csv.writer(out)
    writer.writerow(["kind", *connections])
    for kind, ids in by_link.values():
        writer.writerow([kind, *(ids.get(c, "") for c in connections)])
    return len(by_link)


def numbered(problems: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Say each problem with its line."""
    return (f"line {number}: {text}" for number, text in problems)
