"""Links and the database: `bridge link`, `bridge db`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click

from bridge.cli.parts import assembled, known_connection, with_tables
from bridge.core.model import Ref
from bridge.store import Store, Taken, on_server
from bridge.store.copy import NotCopied, copy_store
from bridge.store.maps import (
    BadHeader,
    Report,
    export_links,
    import_links,
    numbered,
)

PROBLEMS_SHOWN = 50


@click.group()
def link() -> None:
    """Say which records are the same opportunity (or contact, or account)."""


@link.command("add")
@click.argument("refs", nargs=-1, required=True, metavar="CONNECTION:ID...")
@click.option("--kind", type=click.Choice(["opportunity", "contact", "account"]), default="opportunity")
@click.pass_context
def link_add(context: click.Context, refs: tuple[str, ...], kind: str) -> None:
    """Link records: `bridge link add getfly:CH1 plazbot:o1`. With a known one among them, its link is extended."""
    bridge = with_tables(context)
    parsed = []
    for text in refs:
        name, colon, vendor_id = text.partition(":")
        if not colon or not vendor_id:
            raise click.UsageError(f"{text!r} is not CONNECTION:ID")
        parsed.append(Ref(known_connection(bridge, name), vendor_id, kind))  # type: ignore[arg-type]
    links = {found for r in parsed if (found := bridge.store.find(r.connection, r.vendor_id, r.kind))}
    if len(links) > 1:
        raise click.ClickException(f"these records are in {len(links)} different links: {', '.join(sorted(links))}")
    existing = next(iter(links), None)
    known = set(bridge.store.refs(existing)) if existing else set()
    if not (new := [r for r in parsed if r not in known]):
        click.echo(f"already linked: {existing}")
        return
    if existing is None and len(new) < 2:
        raise click.UsageError("two records at least make a link")
    try:
        click.echo(f"linked: {bridge.store.link(new, bridge.now(), link=existing)}")
    except Taken:
        raise click.ClickException("a link holds one record of each connection; `bridge link list` shows it") from None


@link.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.pass_context
def link_import(context: click.Context, file: TextIO) -> None:
    """Link the records of each line of a CSV file: one column a connection, optionally `kind`."""
    bridge = with_tables(context)
    names = list(bridge.settings.connections)
    _import("links", file, lambda: import_links(bridge.store, file, names, bridge.now(), _progress))


@link.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
@click.pass_context
def link_export(context: click.Context, file: TextIO) -> None:
    """Write every link as a line of CSV."""
    bridge = with_tables(context)
    count = export_links(bridge.store, list(bridge.settings.connections), file)
    click.echo(f"{count} links written", err=True)


@link.command("list")
@click.option("--connection", help="Only links with a record there.")
@click.option("--limit", default=50, show_default=True)
@click.pass_context
def link_list(context: click.Context, connection: str | None, limit: int) -> None:
    """Show links with their records."""
    bridge = with_tables(context)
    by_link: dict[str, list[Ref]] = {}
    for found, ref in bridge.store.all_refs():
        by_link.setdefault(found, []).append(ref)
    shown = [(k, v) for k, v in by_link.items() if connection is None or connection in {r.connection for r in v}]
    for found, refs in shown[:limit]:
        click.echo(f"{found}  {refs[0].kind}  {'  '.join(map(str, refs))}")
    if len(shown) > limit:
        click.echo(f"… {len(shown) - limit} more; --limit shows them", err=True)


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


def _progress(rows: int) -> None:
    click.echo(f"\r{rows} lines", nl=False, err=True)


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
