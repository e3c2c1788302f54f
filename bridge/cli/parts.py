"""What several commands need: the assembled bridge with its tables up to date, and times in words."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

from bridge.assembly import Assembled, assemble
from bridge.core.errors import Misconfigured, Transient
from bridge.desk import Refused, Value
from bridge.desk.table import Form

COMMAND_LINE = "command line"  # who did it, in the audit log
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")

formed = click.option("--form", type=click.Choice(["csv", "ndjson"]), help="Else by the file's name; csv at first.")


class Ended(click.ClickException):
    """A message and an exit code: 1 it was refused, or there are findings; 3 there is no such thing; 4 not now."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click has it on the class


class Group(click.Group):
    """A group of commands that ends with a message and a code where the bridge refuses."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except Refused as error:
            raise Ended(str(error), 3 if error.reason == "unknown" else 1) from None
        except Transient as error:
            raise Ended(error.detail or str(error), 4) from None


def show(found: Value | Sequence[Value], lines: Iterable[str], json_wanted: bool) -> None:
    """Print what a command found: as one JSON document, or line by line for people."""
    if json_wanted:
        plain = (
            found.model_dump(mode="json") if isinstance(found, Value) else [v.model_dump(mode="json") for v in found]
        )
        click.echo(json.dumps(plain, ensure_ascii=False))
        return
    for line in lines:
        click.echo(line)


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


def at(when: datetime) -> str:
    """Return a time as UTC text to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(ms: int | None) -> str:
    """Return epoch milliseconds as UTC text to the second."""
    return "never" if ms is None else at(datetime.fromtimestamp(ms / 1000, UTC))


def minute(at: datetime | None) -> str:
    """Return a time as UTC text to the minute."""
    return "never" if at is None else at.strftime("%Y-%m-%d %H:%M UTC")


def form_of(name: str) -> Form:
    """Return what a file is, by its name."""
    return "ndjson" if name.endswith((".ndjson", ".jsonl")) else "csv"
