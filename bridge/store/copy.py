"""Copies a whole store to another, of whichever engine, and proves that the two are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from bridge.store.engine import Engine
from bridge.store.schema import TABLES
from bridge.store.store import Store

PAGE_ROWS = 1_000

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Copied:
    """One table of source and target, found equal. checksum: SHA-256 over its rows, in order of the primary key."""

    table: str
    rows: int
    checksum: str


class NotCopied(Exception):
    """Nothing was copied, the target is as it was. cure: what to do next."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.cure = cure


def copy_store(
    source: Store, target: Store, *, replace: bool = False, progress: Progress = lambda what, rows, of: None
) -> list[Copied]:
    """
    Copy every table in one transaction of the target, read both again, and return what was found equal.

    replace: whether the target may hold something, which is deleted. progress: is told what is done, rows so far, rows
    in all. Raises NotCopied; repeating is safe.
    """
    here, there = source.db, target.db
    if here.path == there.path:
        raise NotCopied(f"{here.path} is both source and target", "name another database as target")
    if here.pending():
        raise NotCopied(f"{here.path}: its tables are missing or old", "run `bridge db migrate` for it")
    target.migrate()
    with there.transaction():
        if not replace and (full := [name for name in TABLES if _count(there, name)]):
            cure = "name an empty database, or say --replace to delete what it holds"
            raise NotCopied(f"{there.path} is not empty: it has rows in {', '.join(full)}", cure)
        for table in reversed(list(TABLES)):
            there.run(f"copy_clear_{table}")
        rows = {table: _copy(here, there, table, progress) for table in TABLES}
        return [_compare(here, there, table, rows[table], progress) for table in TABLES]


def _count(db: Engine, table: str) -> int:
    return int(db.run(f"copy_count_{table}")[0][0])


def _copy(here: Engine, there: Engine, table: str, progress: Progress) -> int:
    done, of = 0, _count(here, table)
    for page in _pages(here, table):
        there.many(f"copy_row_{table}", [dict(row) for row in page])
        done += len(page)
        progress(f"copy {table}", done, of)
    return done


def _compare(here: Engine, there: Engine, table: str, of: int, progress: Progress) -> Copied:
    """Read a table on both sides, page by page, so that neither connection rests for long within its transaction."""
    counts, checksums = [0, 0], (hashlib.sha256(), hashlib.sha256())
    for pages in zip_longest(_pages(here, table), _pages(there, table), fillvalue=()):
        for side, page in enumerate(pages):
            counts[side] += len(page)
            checksums[side].update("".join(map(_text, page)).encode("utf-8", "surrogatepass"))
        progress(f"check {table}", counts[1], of)
    if counts[0] != counts[1] or checksums[0].digest() != checksums[1].digest():
        what = f"{table} has {counts[0]} rows at the source and {counts[1]} at the target, or they differ"
        raise NotCopied(what, "a bridge still works on one of them: stop it, and copy again")
    return Copied(table, counts[0], checksums[0].hexdigest())


def _text(row: Sequence[Any]) -> str:
    """Return a row as text, with what PostgreSQL keeps in place of NUL."""
    return repr(tuple(row)).replace("\\x00", "\N{REPLACEMENT CHARACTER}")


def _pages(db: Engine, table: str) -> Iterator[Sequence[Any]]:
    """Return the rows of a table, a page at a time, in order of its primary key."""
    key = TABLES[table].key
    after: dict[str, Any] = {column: 0 if column == "at" else "" for column in key}  # before all: no id is empty
    while page := db.run(f"copy_page_{table}", **after, n=PAGE_ROWS):
        yield page
        after = {column: page[-1][column] for column in key}
