"""Look after the database: `bridge db`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click

from bridge.cli.parts import assembled, with_tables
from bridge.store import Store, on_server
from bridge.store.copy import NotCopied, copy_store


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
