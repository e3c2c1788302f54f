"""What every engine of the store offers, and the named statements that it runs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from bridge.store.schema import statements_of_copy

STORE_FAILED = "store_failed"
ROWS_MAX = 64
NAME = re.compile(r"(\w+)(?: for (\w+))?")


class Taken(Exception):
    """A unique constraint holds already what was to be saved: a ref of another link, a second open write."""


class Engine(Protocol):
    """
    A database. path: where it is, for people; never a secret. cure: what to do when it fails.

    A statement raises Taken, Transient(`store_busy`) when others hold the database too long, and
    Transient(`store_failed`) when it cannot be reached or written to.
    """

    path: str
    cure: str

    def migrate(self) -> list[str]:
        """Bring the schema up to date; return the names of the migrations that were applied. Raises as `prove`."""

    def pending(self) -> list[str]:
        """Return the names of the migrations that are still to be applied; raises Misconfigured."""

    def prove(self) -> None:
        """Write without changing anything; raises Misconfigured when the database cannot be written to."""

    def check(self) -> str:
        """Return `ok`, or what is damaged."""

    def run(self, name: str, /, **parameters: Any) -> Sequence[Any]:
        """Run one named statement and return its rows: each by name, by place, and in order."""

    def many(self, name: str, /, rows: list[dict[str, Any]]) -> None:
        """Run one named statement for each row."""

    def insert(self, name: str, /, rows: list[dict[str, Any]]) -> list[Any]:
        """Run one named INSERT for all rows together, and return what they returned, in whatever order."""

    def transaction(self, durable: bool = True) -> AbstractContextManager[None]:
        """
        Begin as a write, commit at the end, roll back on any exception.

        durable: on disk before this returns. Else a loss of power may take it back, together with all that was
        committed after it: enough for what the bridge would only do again.
        """

    def ahead_ms(self) -> int:
        """Return by how many milliseconds the clock of the database is ahead of this machine's."""

    def wake(self) -> None:
        """Tell those who wait, in whichever process, that there is work. When it gets lost, they look by themselves."""

    def pass_on(self) -> None:
        """Wake one more thread of this process: there is work left."""

    def wait(self, s: float, stop: threading.Event) -> None:
        """Return when it is time to look for work: see `bell.Bell`. Never raises."""

    def close(self) -> None:
        """Close what this thread has open; the next statement opens it anew."""


def on_server(address: str | Path) -> bool:
    """Return whether an address is that of a PostgreSQL database, rather than the path of a SQLite file."""
    return str(address).startswith(("postgresql://", "postgres://"))


@cache
def widened(sql: str, n: int, sign: str) -> tuple[str, tuple[str, ...]]:
    """
    Return an INSERT of one row as one of `n` rows, and which of its values each row gives, in order.

    sign: what stands for a value, `#` for its number. Numbers, and no names: to find hundreds of names in a statement
    takes SQLite and psycopg longer than all the rest.
    """
    values = re.search(r"VALUES (\(.*?\))", sql, re.S)
    assert values is not None, f"no VALUES in {sql!r}"
    numbers = count(1)
    groups = [re.sub(r":\w+", lambda m: sign.replace("#", str(next(numbers))), values[1]) for _ in range(n)]
    names = tuple(re.findall(r":(\w+)", values[1]))
    return sql[: values.start(1)] + ", ".join(groups) + sql[values.end(1) :], names


def parts(sql: str, rows: Sequence[Mapping[str, Any]], sign: str) -> Iterator[tuple[str, list[Any]]]:
    """
    Return what it takes to insert rows by an INSERT of one row: statements, each with its values.

    Their sizes are powers of two, so that a few statements, each prepared once, serve every number of rows.
    """
    at = 0
    while left := len(rows) - at:
        n = min(ROWS_MAX, 1 << (left.bit_length() - 1))
        statement, names = widened(sql, n, sign)
        yield statement, [row[name] for row in rows[at : at + n] for name in names]
        at += n


def statements(engine: str) -> Mapping[str, str]:
    """Return the statements of queries.sql by name; `-- name: x for <engine>` wins over `-- name: x` there."""
    plain, own = dict[str, str](), dict[str, str]()
    for part in files("bridge.store").joinpath("queries.sql").read_text("utf-8").split("\n-- name:")[1:]:
        head, _, text = part.partition("\n")
        named = NAME.fullmatch(head.strip())
        assert named is not None, f"queries.sql: {head.strip()!r} is not a name"
        sql = "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip().rstrip(";")
        if named[2] in (None, engine):
            (own if named[2] else plain)[named[1]] = sql
    return plain | own | statements_of_copy()
