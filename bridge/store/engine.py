"""What every engine of the store offers, and the named statements that it runs."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from bridge.store.schema import statements_of_copy

STORE_FAILED = "store_failed"
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

    def transaction(self) -> AbstractContextManager[None]:
        """Begin as a write, commit at the end, roll back on any exception."""

    def ahead_ms(self) -> int:
        """Return by how many milliseconds the clock of the database is ahead of this machine's."""

    def wake(self) -> None:
        """Tell those who wait, in whichever process, that there is work. When it gets lost, they look by themselves."""

    def wait(self, s: float, stop: threading.Event) -> None:
        """Return after `s` seconds, or earlier when `stop` is set or somebody wakes us. Never raises."""

    def close(self) -> None:
        """Close what this thread has open; the next statement opens it anew."""


def on_server(address: str | Path) -> bool:
    """Return whether an address is that of a PostgreSQL database, rather than the path of a SQLite file."""
    return str(address).startswith(("postgresql://", "postgres://"))


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
