"""Rows that people bring: a CSV file or one JSON object a line, and what became of each line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from itertools import chain
from typing import Literal

from bridge.desk import Refused, Value

Form = Literal["csv", "ndjson"]
Verdict = Literal["created", "changed", "unchanged", "conflicting", "invalid"]
TOLD_MAX = 1_000
DELIMITERS = ",;\t"  # what spreadsheets write, by the language of the machine, and what is pasted out of them
UNKEPT = re.compile("[\0\ud800-\udfff]")  # no database takes these


class Line(Value):
    """
    What became of one line. number: in the file, its first line is 1. detail: what is wrong and what to do, "" when
    nothing is.
    """

    number: int
    verdict: Verdict
    detail: str = ""


class Report(Value):
    """
    What an import did, or would do when `dry`. lines: the first TOLD_MAX of which there is something to say; those that
    are conflicting or invalid were left out, the others kept.
    """

    dry: bool
    created: int
    changed: int
    unchanged: int
    conflicting: int
    invalid: int
    lines: Sequence[Line]


def rows(lines: Iterable[str], form: Form) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    """
    Return each line that holds something with its number: by column, or as text what is wrong with it.

    An empty cell, and a JSON null, is "". The header of a CSV file shows what its cells are parted by. Raises Refused
    when a CSV file has no header.
    """
    for number, row in _csv(lines) if form == "csv" else _ndjson(lines):
        yield number, "holds a character that no text has" if _unkept(row) else row


def _unkept(row: Mapping[str, str] | str) -> bool:
    return isinstance(row, Mapping) and any(UNKEPT.search(text) for cell in row.items() for text in cell)


def written(columns: Sequence[str], found: Iterable[Mapping[str, object]], form: Form) -> Iterator[str]:
    """Return rows as the lines of a file, with their ends: the header first if the form has one, then each row."""
    if form == "ndjson":
        for row in found:
            yield json.dumps({c: row[c] for c in columns}, ensure_ascii=False) + "\n"
        return
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for cells in chain([columns], ([row[c] for c in columns] for row in found)):
        writer.writerow(cells)
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def _csv(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    following = iter(lines)
    first = next(following, "")
    reader = csv.reader(chain([first], following), strict=True, delimiter=max(DELIMITERS, key=first.count))
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise Refused("invalid", f"line 1: {error}", "save the file as CSV, in UTF-8") from None
    if not any(header):
        raise Refused("invalid", "line 1: there is no header", "name the columns in the first line")
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield number, str(error)
            continue
        if cells is None:
            return
        if len(cells) > len(header):
            yield number, f"{len(cells)} cells, but the header names {len(header)}"
        elif any(cells):
            yield number, {name: cell.strip() for name, cell in zip(header, cells, strict=False)}


def _ndjson(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "not JSON"
            continue
        if not isinstance(found, dict) or any(isinstance(v, dict | list | bool | float) for v in found.values()):
            yield number, "not an object of texts"
        else:
            yield number, {name: "" if v is None else str(v).strip() for name, v in found.items()}
