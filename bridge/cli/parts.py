"""What several commands need: the assembled bridge with its tables up to date, and times in words."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click

from bridge.assembly import Assembled, assemble
from bridge.core.errors import Misconfigured


def assembled(context: click.Context) -> Assembled:
    """Return the bridge that --config describes; raises Misconfigured."""
    bridge = assemble(context.find_root().obj, os.environ)
    context.call_on_close(bridge.close)
    return bridge


def with_tables(context: click.Context) -> Assembled:
    """Return the bridge, refusing to go on when the database is behind; raises Misconfigured."""
    bridge = assembled(context)
    if bridge.store.db.pending():
        raise Misconfigured(bridge.store.db.path, "its tables are missing or old", "run `bridge db migrate`")
    return bridge


def known_connection(bridge: Assembled, name: str) -> str:
    """Return the name, or end with a message that lists the connections."""
    if name not in bridge.settings.connections:
        raise click.UsageError(f"no connection {name!r}; there are {', '.join(bridge.settings.connections)}")
    return name


def clock(ms: int | None) -> str:
    """Return epoch milliseconds as UTC text to the second."""
    return "never" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
