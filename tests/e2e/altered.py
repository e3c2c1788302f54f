"""`bridge …` with leases of a few seconds, or also with a guard taken out, to see that the evidence notices."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import bridge.flow
from bridge.store import Store
from bridge.store.postgres import SQL

LEASE_MS = 6_000  # more than `timeout_s` of config/sandbox.toml


def _claims_race() -> None:
    _cut("due_link", " FOR NO KEY UPDATE OF link SKIP LOCKED", " FOR NO KEY UPDATE SKIP LOCKED")
    _cut("lease", " AND lease_until <= %(now)s")


def _nobody_fences() -> None:
    always: Any = lambda self, claim: None  # noqa: E731
    Store._fence = always  # type: ignore[method-assign]


BROKEN: dict[str, Callable[[], None]] = {"claim": _claims_race, "fence": _nobody_fences}


def _cut(name: str, *pieces: str) -> None:
    known: Any = SQL
    for piece in pieces:
        assert piece in known[name], f"{name} has no {piece!r} any more"
        known[name] = known[name].replace(piece, "")


def main(alteration: str) -> None:
    """Run the command line; alteration: `short` for short leases alone, or the name of a guard."""
    bridge.flow.LEASE_MS = LEASE_MS
    if alteration != "short":
        BROKEN[alteration]()
    from bridge.cli import main as run  # now: other modules take the lease's length from bridge.flow

    run()


if __name__ == "__main__":
    main(sys.argv.pop(1))
