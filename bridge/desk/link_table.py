"""Links by the thousand: files in, with a verdict on each line, and out. One column, or one key, a connection."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice

from bridge.core.model import Ref
from bridge.desk import Desk, Refused
from bridge.desk.links import ref_of
from bridge.desk.table import TOLD_MAX, Form, Line, Report, Verdict, rows
from bridge.store import Store, Taken
from bridge.store.links import Absent, Joining
from bridge.store.rehearsal import rehearsal

PAGE_ROWS = 500
TRIES = 3

Row = tuple[int, Mapping[str, str] | str]
Progress = Callable[[int], None]


@dataclass
class _Page:
    """
    Some lines of a file, and what they come to. known: refs with their links. held: which refs each of these links has.
    joins: refs to add by link; made: those of the links that are new.
    """

    lines: list[Line] = field(default_factory=list)
    known: dict[Ref, tuple[str, Ref]] = field(default_factory=dict)
    held: dict[str, list[Ref]] = field(default_factory=dict)
    joins: dict[str, list[Ref]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)


def import_rows(
    desk: Desk, lines: Iterable[str], form: Form, who: str, *, dry: bool = False, progress: Progress = lambda rows: None
) -> Report:
    """
    Link the records of each line. Good lines are kept, bad ones reported; repeating it is safe.

    dry: keep nothing, and report what would be. progress: is told how many lines are done. Raises Refused when nothing
    of the file makes sense.
    """
    counts: dict[Verdict, int] = dict.fromkeys(("created", "changed", "unchanged", "conflicting", "invalid"), 0)
    told: list[Line] = []
    brought, done = rows(lines, form), 0
    with rehearsal(desk.store) if dry else nullcontext(desk.store) as store:
        while some := _some(brought):
            if not done and form == "csv":
                _know_columns(desk, some[0][1])
            for line in _take_in(desk, store, some, who):
                counts[line.verdict] += 1
                if line.verdict in ("conflicting", "invalid") and len(told) < TOLD_MAX:
                    told.append(line)
            done += len(some)
            progress(done)
    return Report(dry=dry, lines=told, **counts)


def _some(brought: Iterator[Row]) -> list[Row]:
    try:
        return list(islice(brought, PAGE_ROWS))
    except UnicodeDecodeError:
        raise Refused("invalid", "the file is not in UTF-8", "save it in UTF-8; what came before, stays") from None


def export(desk: Desk, form: Form) -> Iterator[str]:
    """Return the lines of a file that brings every link back."""
    columns = ["kind", *desk.connections]
    if form == "csv":
        yield _csv_line(columns)
    for link in desk.store.every_link():
        ids = {"kind": str(link.kind)} | {r.connection: r.vendor_id for r in link.refs if r.connection in columns}
        if form == "csv":
            yield _csv_line([ids.get(c, "") for c in columns])
        else:
            yield json.dumps(ids, ensure_ascii=False) + "\n"


def _csv_line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _know_columns(desk: Desk, first: Mapping[str, str] | str) -> None:
    """Refuse a file whose header names what is no connection: it would be wrong in every line."""
    columns = set() if isinstance(first, str) else first.keys() - {"kind"}
    if strange := sorted(columns - desk.connections.keys()):
        cure = f"the columns are the connections {', '.join(desk.connections)}, and kind"
        raise Refused("invalid", f"line 1: no connection {', '.join(map(repr, strange))}", cure)


def _take_in(desk: Desk, store: Store, some: Sequence[Row], who: str) -> list[Line]:
    """Link what some lines say. Where others were first, what is known is read again."""
    for _ in range(TRIES):
        page = _planned(desk, store, some)
        joining = [Joining(link, refs, link in page.made) for link, refs in page.joins.items()]
        if not joining:
            return page.lines
        detail = f"lines {some[0][0]} to {some[-1][0]}: {len(page.made)} made, {len(joining) - len(page.made)} extended"
        try:
            store.link_many(joining, desk.now(), desk.deed(who, "links imported", detail=detail))
        except (Taken, Absent):
            continue
        return page.lines
    raise Refused("stale", "others change the same links at this moment", "import the file again: what is in, stays")


def _planned(desk: Desk, store: Store, some: Sequence[Row]) -> _Page:
    """Judge each line as if those before it were done."""
    parsed = [(number, _refs(desk, row)) for number, row in some]
    page = _Page(known=store.known_refs(r for _, refs in parsed if not isinstance(refs, str) for r in refs))
    page.held = store.refs_of(link for link, _ in page.known.values())
    for number, refs in parsed:
        verdict, detail = ("invalid", refs) if isinstance(refs, str) else _join(page, refs, store)
        page.lines.append(Line(number=number, verdict=verdict, detail=detail))  # type: ignore[arg-type]
    return page


def _refs(desk: Desk, row: Mapping[str, str] | str) -> list[Ref] | str:
    """Return the refs of a line, or what is wrong with it."""
    if isinstance(row, str):
        return row
    kind = row.get("kind") or "opportunity"
    try:
        refs = [ref_of(desk, name, vendor_id, kind) for name, vendor_id in row.items() if name != "kind" and vendor_id]
    except Refused as error:
        return str(error)
    return refs if len(refs) > 1 else "fewer than two ids: there is nothing to link"


def _join(page: _Page, refs: Sequence[Ref], store: Store) -> tuple[Verdict, str]:
    """Note what one line asks for, and return the verdict."""
    links = sorted({page.known[r][0] for r in refs if r in page.known})
    if len(links) > 1:
        return "conflicting", f"its ids are already in {len(links)} different links: {', '.join(links)}. Merge them"
    new = [r for r in refs if r not in page.known]
    if not new:
        return "unchanged", ""
    link = links[0] if links else store.new_id()
    held = page.held.setdefault(link, [])
    if clash := sorted({r.connection for r in new} & {r.connection for r in held}):
        return "conflicting", f"link {link} of this line has another record at {', '.join(clash)} already"
    if not links:
        page.made.add(link)
    for r in new:
        page.known[r] = link, r
        held.append(r)
        page.joins.setdefault(link, []).append(r)
    return ("changed" if links else "created"), ""
