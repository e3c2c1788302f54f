"""Choices as CSV: in, line by line with every mistake named, and out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TextIO

from bridge.core.fields import Choice, Field, Party
from bridge.store.rows import Row
from bridge.store.store import Store

CHOICE_COLUMNS = ("connection", "field", "native", "canonical", "use")
USES = {"both": (1, 1), "read": (1, 0), "write": (0, 1)}

Fields = Mapping[str, Mapping[str, Field]]


@dataclass
class Report:
    """What an import did. problems: line number in the file (the header is 1) and what is wrong with it."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


class BadHeader(ValueError):
    """The first line of a CSV file does not name the columns that are needed."""


def import_choices(store: Store, lines: TextIO, fields: Fields, now: int) -> Report:
    """
    Add the choices of a CSV file with the columns of CHOICE_COLUMNS (`use`: both, read or write; default both).

    fields: what each connection has, by canonical name. Good lines are kept, bad ones reported. Raises BadHeader.
    """
    rows = csv.DictReader(lines)
    if missing := [c for c in CHOICE_COLUMNS[:4] if c not in (rows.fieldnames or ())]:
        raise BadHeader(f"line 1: missing {', '.join(missing)}; the columns are {', '.join(CHOICE_COLUMNS)}")
    before = {tuple(r[c] for c in ("connection", "field", "native", "canonical")): r for r in store.choices()}
    report, good = Report(), list[Row]()
    taken: dict[tuple[str, ...], str] = {}
    for number, row in enumerate(rows, start=2):
        try:
            choice = choice_row(row, fields)
            _only_once(choice, taken)
        except ValueError as error:
            report.problems.append((number, str(error)))
            continue
        old = before.get((choice["connection"], choice["field"], choice["native"], choice["canonical"]))
        if old == choice:
            report.unchanged += 1
            continue
        good.append(choice)
        report.changed += old is not None
        report.created += old is None
    if good:
        store.put_choices(good, now)
    return report


def choice_row(row: Mapping[str, str | None], fields: Fields) -> Row:
    """Return a choice as the store keeps it; raises ValueError with what is wrong."""
    connection, name, native, canonical = ((row.get(c) or "").strip() for c in CHOICE_COLUMNS[:4])
    use = (row.get("use") or "both").strip()
    if connection not in fields:
        raise ValueError(f"no connection {connection!r}; there are {', '.join(fields)}")
    spec = fields[connection].get(name)
    if not isinstance(spec, Choice) or isinstance(spec, Party):
        choosable = [f for f, s in fields[connection].items() if isinstance(s, Choice) and not isinstance(s, Party)]
        raise ValueError(f"{name!r} is no choice at {connection}; these are: {', '.join(choosable)}")
    if not native or not canonical:
        raise ValueError("native and canonical must not be empty")
    if use not in USES:
        raise ValueError(f"use is {use!r}; it is both, read or write")
    if spec.scope and "/" not in native:
        raise ValueError(f"{name} at {connection} needs its {spec.scope} in front: <{spec.scope} id>/<{name} id>")
    reads, writes = USES[use]
    scope = native.rpartition("/")[0] if spec.scope else ""
    key = {"connection": connection, "field": name, "native": native, "canonical": canonical}
    return {**key, "reads": reads, "writes": writes, "scope": scope}


def _only_once(choice: Row, taken: dict[tuple[str, ...], str]) -> None:
    """Refuse a second meaning of a native value, and a second way to write a canonical one, within a file."""
    native, canonical, where = choice["native"], choice["canonical"], (choice["connection"], choice["field"])
    read, written = ("read", *where, native), ("write", *where, choice["scope"], canonical)
    if choice["reads"] and taken.get(read, canonical) != canonical:
        raise ValueError(f"{native!r} means {taken[read]!r} in an earlier line; give one of them use=write")
    if choice["writes"] and taken.get(written, native) != native:
        raise ValueError(
            f"{canonical!r} is written as {taken[written]!r} in an earlier line; give one of them use=read"
        )
    taken |= ({read: canonical} if choice["reads"] else {}) | ({written: native} if choice["writes"] else {})


def export_choices(store: Store, out: TextIO) -> int:
    """Write every choice as a line; return how many."""
    writer = csv.writer(out)
    writer.writerow(CHOICE_COLUMNS)
    uses = {flags: use for use, flags in USES.items()}
    lines = [(*(r[c] for c in CHOICE_COLUMNS[:4]), uses[r["reads"], r["writes"]]) for r in store.choices()]
    writer.writerows(lines)
    return len(lines)


def numbered(problems: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Say each problem with its line."""
    return (f"line {number}: {text}" for number, text in problems)
