"""Choices as a file that people bring or take away: CSV, or one JSON object a line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from bridge.core.fields import Field
from bridge.desk import Desk, Refused
from bridge.desk.choices import NAMED, checked
from bridge.desk.table import TOLD_MAX, Form, Line, Report, Verdict, rows, written
from bridge.store.choices import KEY
from bridge.store.rows import Row

COLUMNS = (*KEY, "use")


def import_rows(desk: Desk, who: str, lines: Iterable[str], form: Form, *, dry: bool = False) -> Report:
    """
    Add the choices of a file with the columns COLUMNS (`use`: both, read or write; both when empty).

    Good lines are kept, in one transaction, the others told. dry: nothing is changed. Raises Refused when columns are
    missing or it is not UTF-8.
    """
    brought = _Brought(desk.fields(), desk.store.choices())
    try:
        for number, row in rows(_with_columns(lines) if form == "csv" else lines, form):
            brought.take(number, row)
    except UnicodeDecodeError:
        raise Refused("invalid", "the file is not UTF-8 text", "save it in UTF-8") from None
    if brought.good and not dry:
        deed = desk.deed(who, "choices imported", f"{len(brought.good)} choices")
        desk.store.put_choices(brought.good, desk.now(), deed)
    return brought.report(dry)


def export(desk: Desk, form: Form) -> Iterator[str]:
    """Return every choice as a line of a file that `import_rows` takes, after the header if it has one."""
    choices = ({**row, "use": NAMED[row["reads"], row["writes"]]} for row in desk.store.choices())
    return written(COLUMNS, choices, form)


def _with_columns(lines: Iterable[str]) -> Iterator[str]:
    """Return the lines of a CSV file; raises Refused when its header lacks a column that is needed."""
    through = iter(lines)
    first = list(islice(through, 1))
    header = {name.strip() for name in next(csv.reader(first), [])}
    if header and (missing := [c for c in KEY if c not in header]):
        raise Refused("invalid", f"line 1: missing {', '.join(missing)}", f"the columns are {', '.join(COLUMNS)}")
    return chain(first, through)


class _Brought:
    """The lines of one file so far, beside the choices that there are. good: those that change something."""

    def __init__(self, fields: Mapping[str, Mapping[str, Field]], known: Iterable[Row]) -> None:
        self.fields, self.good = fields, list[Row]()
        self._counted, self._lines = Counter[Verdict](), list[Line]()
        self._known = {tuple(row[k] for k in KEY): row for row in known}
        self._before = {place: row for row in self._known.values() for place in _places(row)}
        self._taken: dict[tuple[str, ...], tuple[int, Row]] = {}

    def take(self, number: int, given: Mapping[str, str] | str) -> None:
        """Take in one line, or tell what is wrong with it."""
        if isinstance(given, str):
            return self.tell(number, "invalid", given)
        try:
            connection, field, native, canonical = (given.get(c, "") for c in KEY)
            row = checked(self.fields, connection, field, native, canonical, given.get("use") or "both")
        except Refused as error:
            return self.tell(number, "invalid", str(error))
        if clash := self._clash(row):
            return self.tell(number, "conflicting", clash)
        key = tuple(row[k] for k in KEY)
        old = self._taken.get(key, (0, self._known.get(key)))[1]
        self._taken |= {place: (number, row) for place in (*_places(row), key)}
        if old == row:
            return self.tell(number, "unchanged")
        self.good.append(row)
        changes = "; ".join(filter(None, (_instead(row, self._before.get(place, row)) for place in _places(row))))
        return self.tell(number, "changed" if old or changes else "created", changes)

    def tell(self, number: int, verdict: Verdict, detail: str = "") -> None:
        """Count a line, and keep it if there is something to say of it."""
        self._counted[verdict] += 1
        if detail and len(self._lines) < TOLD_MAX:
            self._lines.append(Line(number=number, verdict=verdict, detail=detail))

    def report(self, dry: bool) -> Report:
        """Return what became of all lines."""
        names: tuple[Verdict, ...] = ("created", "changed", "unchanged", "conflicting", "invalid")
        return Report(dry=dry, **{name: self._counted[name] for name in names}, lines=self._lines)

    def _clash(self, row: Row) -> str:
        """Say which earlier line this one contradicts, in what it reads, in what it writes or in its use."""
        same = self._taken.get(tuple(row[k] for k in KEY))
        if same and same[1] != row:
            return f"line {same[0]} says use={NAMED[same[1]['reads'], same[1]['writes']]} of the same choice"
        for place in _places(row):
            number, other = self._taken.get(place, (0, row))
            if place[0] == "read" and other["canonical"] != row["canonical"]:
                return f"{row['native']!r} means {other['canonical']!r} in line {number}; give one of them use=write"
            if place[0] == "write" and other["native"] != row["native"]:
                way = f"{row['canonical']!r} is written as {other['native']!r} in line {number}"
                return f"{way}; give one of them use=read"
        return ""


def _places(row: Row) -> Iterator[tuple[str, ...]]:
    """Return what only one choice can have: a native value's meaning, and how a canonical one is written."""
    where = row["connection"], row["field"]
    if row["reads"]:
        yield "read", *where, row["native"]
    if row["writes"]:
        yield "write", *where, row["scope"], row["canonical"]


def _instead(row: Row, before: Row) -> str:
    """Say what a choice takes from one that there is; "" when that is the same."""
    if before["canonical"] != row["canonical"]:
        return f"{row['native']!r} means {before['canonical']!r} now"
    return f"{row['canonical']!r} is written as {before['native']!r} now" if before["native"] != row["native"] else ""
