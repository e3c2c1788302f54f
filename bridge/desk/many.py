"""What a filter finds: shown in pages, or changed as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bridge.desk import Desk, Page, Value
from bridge.store.audit import LAST, Deed
from bridge.store.rows import Row

BATCH, READ = 500, 20_000  # so many are changed, or found, at once

T = TypeVar("T")
# how many rows at most, from before which id on: the newest first
Find = Callable[[int, str], list[Row]]


def page(find: Find, after: str, n: int, shape: Callable[[Row], T]) -> Page[T]:
    """Return the n that follow `after`, or the first; shape: what a row is shown as."""
    found = find(n + 1, after or LAST)
    return Page(items=[shape(r) for r in found[:n]], next=found[n - 1]["id"] if len(found) > n else None)


def ids(find: Find) -> list[str]:
    """Return all ids as they are now, newest first."""
    found: list[str] = []
    while rows := find(READ, found[-1] if found else LAST):
        found += [r["id"] for r in rows]
    return found


def change(
    desk: Desk,
    who: str,
    what: str,
    which: Value,
    find: Find,
    verb: Callable[[Sequence[str], Deed], int],
    progress: Callable[[int], None],
) -> int:
    """
    Change all that are there now, the oldest first; return how many. which: the filter, for the audit log.

    verb: changes some, with its deed, and returns how many. progress: told how many so far.
    """
    every, done = ids(find)[::-1], 0
    words = ", ".join(f"{k} {v}" for k, v in which.model_dump(mode="json").items() if v) or "all"
    for first in range(0, len(every), BATCH):
        batch = every[first : first + BATCH]
        done += verb(batch, desk.deed(who, what, words, f"{len(batch)} of {len(every)}"))
        progress(done)
    return done
