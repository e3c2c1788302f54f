"""Choices and the database: `bridge choice`, `bridge db`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click

from bridge.cli.parts import assembled, clock, with_tables
from bridge.store import Store, on_server
from bridge.store.copy import NotCopied, copy_store
from bridge.store.maps import (
    BadHeader,
    Report,
    choice_row,
    export_choices,
    import_choices,
    numbered,
)

PROBLEMS_SHOWN = 50


@click.group()
def choice() -> None:
    """Say what the values of stages, owners, pipelines and statuses mean."""


@choice.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.pass_context
def choice_import(context: click.Context, file: TextIO) -> None:
    """Add the choices of a CSV file: connection, field, native, canonical, use (both, read or write)."""
    bridge = with_tables(context)
    fields = {name: bridge.flow.sides.fields(name) for name in bridge.settings.connections}
    _import("choices", file, lambda: import_choices(bridge.store, file, fields, bridge.now()))


@choice.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
@click.pass_context
def choice_export(context: click.Context, file: TextIO) -> None:
    """Write every choice as a line of CSV."""
    click.echo(f"{export_choices(with_tables(context).store, file)} choices written", err=True)


@choice.command("add")
@click.argument("connection")
@click.argument("field")
@click.argument("native")
@click.argument("canonical")
@click.option("--use", type=click.Choice(["both", "read", "write"]), default="both", show_default=True)
@click.pass_context
def choice_add(context: click.Context, connection: str, field: str, native: str, canonical: str, use: str) -> None:
    """Add one choice: `bridge choice add getfly owner 7 hoa`. What waited for it goes on by itself."""
    bridge = with_tables(context)
    fields = {name: bridge.flow.sides.fields(name) for name in bridge.settings.connections}
    given = {"connection": connection, "field": field, "native": native, "canonical": canonical, "use": use}
    try:
        bridge.store.put_choices([choice_row(given, fields)], bridge.now())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{connection}: {field} {native!r} means {canonical!r}")


@choice.command("drop")
@click.argument("connection")
@click.argument("field")
@click.argument("native")
@click.argument("canonical")
@click.pass_context
def choice_drop(context: click.Context, connection: str, field: str, native: str, canonical: str) -> None:
    """Forget one choice."""
    with_tables(context).store.drop_choice(connection, field, native, canonical)


@choice.command("list")
@click.option("--connection", help="Only of this connection.")
@click.pass_context
def choice_list(context: click.Context, connection: str | None) -> None:
    """Show the choices, and what still waits for one."""
    bridge = with_tables(context)
    for r in bridge.store.choices():
        if connection in (None, r["connection"]):
            use = {(1, 1): "", (1, 0): "(read)", (0, 1): "(write)"}[r["reads"], r["writes"]]
            click.echo(f"{r['connection']:<15} {r['field']:<12} {r['native']:<50} {r['canonical']:<15} {use}")
    for h in bridge.store.holds():
        if connection in (None, h["connection"]):
            click.echo(f"waits since {clock(h['since'])}: {h['connection']} {h['field']}: {h['reason']}. {h['cure']}")


@click.group()
def db() -> None:
    """Look after the database."""


@db.command("migrate")
@click.pass_context
def db_migrate(context: click.Context) -> None:
    """Bring the tables up to date; repeating it is safe."""
    bridge = assembled(context)
    applied = bridge.store.migrate()
    click.echo(f"{bridge.store.db.path}: " + (", ".join(applied) if applied else "up to date"))


@db.command("check")
@click.pass_context
def db_check(context: click.Context) -> None:
    """Check the database: its tables, its integrity, and how much is in it."""
    bridge = with_tables(context)
    verdict = bridge.store.db.check()
    counts = bridge.store.counts()
    click.echo(f"{bridge.store.db.path}: {verdict}")
    click.echo("  ".join(f"{table} {n}" for table, n in counts.items()))
    sys.exit(0 if verdict == "ok" else 1)


@db.command("prune")
@click.pass_context
def db_prune(context: click.Context) -> None:
    """Forget raw deliveries, attempts and finished writes that are older than retention_days."""
    bridge = with_tables(context)
    bridge.store.prune(bridge.now() - bridge.settings.retention_days * 86_400_000)


@db.command("copy")
@click.argument("source")
@click.argument("target")
@click.option("--replace", is_flag=True, help="Delete first what the target holds.")
def db_copy(source: str, target: str, replace: bool) -> None:
    """
    Copy everything to another database: `bridge db copy data/bridge.db env:DATABASE_URL`, or back.

    Each is the path of a SQLite file, an address postgresql://…, or env:NAME of a variable that holds one. Stop the
    bridge first. The target gets all or nothing, and is compared with the source before it is kept.
    """
    if not on_server(_address(source)) and not Path(_address(source)).is_file():
        raise click.ClickException(f"{source}: there is no such file")
    here, there, started = Store(_address(source)), Store(_address(target)), time.monotonic()
    try:
        for copied in copy_store(here, there, replace=replace, progress=_table_progress):
            click.echo(f"{copied.table:<12}{copied.rows:>10} rows, equal: sha256 {copied.checksum[:16]}")
    except NotCopied as error:
        raise click.ClickException(f"{error}. {error.cure}") from None
    finally:
        click.echo("", err=True)
        here.db.close()
        there.db.close()
    variable = "DATABASE_URL" if on_server(_address(target)) else "BRIDGE_DATABASE"
    click.echo(
        f"{here.db.path} was copied to {there.db.path} in {time.monotonic() - started:.1f} s. "
        f"Next: set {variable} to it where the bridge runs, start the bridge, and keep the old one until it has worked"
    )


def _address(given: str) -> str:
    """Return a database's address, out of the environment when it is written env:NAME."""
    if not given.startswith("env:"):
        return given
    if not (found := os.environ.get(given[4:])):
        raise click.ClickException(f"{given}: the environment variable is not set")
    return found


def _table_progress(what: str, rows: int, of: int) -> None:
    click.echo(f"\r{what:<17}{rows:>10} of {of} rows", nl=False, err=True)


def _import(what: str, file: TextIO, run: Callable[[], Report]) -> None:
    """Run an import and say what it did; end with 1 when lines were refused."""
    started, name = time.monotonic(), file.name
    try:
        report = run()
    except BadHeader as error:
        raise click.ClickException(f"{name}: {error}") from None
    click.echo("\r", nl=False, err=True)
    click.echo(
        f"{what}: {report.created} created, {report.changed} changed, {report.unchanged} unchanged, "
        f"{len(report.problems)} refused, in {time.monotonic() - started:.1f} s"
    )
    for problem in list(numbered(report.problems))[:PROBLEMS_SHOWN]:
        click.echo(f"{name}: {problem}", err=True)
    if len(report.problems) > PROBLEMS_SHOWN:
        click.echo(f"… and {len(report.problems) - PROBLEMS_SHOWN} more", err=True)
    if report.problems:
        sys.exit(1)
