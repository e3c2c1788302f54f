"""Links: `bridge link`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

import click

from bridge.cli.parts import COMMAND_LINE, as_json, form_of, formed, show, with_tables
from bridge.desk import Value, links
from bridge.desk.link_table import export, import_rows
from bridge.desk.links import Linked
from bridge.desk.table import Form, Report

PAGE = 200

kinded = click.option("--kind", type=click.Choice(links.KINDS), default="opportunity", show_default=True)


class Found(Value):
    """Links that a search has found, and whether there are more."""

    links: Sequence[Linked]
    more: bool


@click.group()
def link() -> None:
    """Say which records are the same opportunity (or contact, or account)."""


@link.command("add")
@click.argument("refs", nargs=-1, required=True, metavar="CONNECTION:ID...")
@kinded
@as_json
@click.pass_context
def link_add(context: click.Context, refs: tuple[str, ...], kind: str, as_json: bool) -> None:
    """Link records: `bridge link add getfly:CH1 plazbot:o1`. With a known one among them, its link is extended."""
    desk = with_tables(context).desk
    made = links.add(desk, [links.ref_in(desk, text, kind) for text in refs], COMMAND_LINE)
    words = {"created": "linked", "changed": "linked", "unchanged": "already linked"}
    show(made, [f"{words[made.verdict]}: {made.link.id}"], as_json)


@link.command("show")
@click.argument("link", metavar="LINK")
@kinded
@as_json
@click.pass_context
def link_show(context: click.Context, link: str, kind: str, as_json: bool) -> None:
    """Show one link, given by its id or by one of its records, as CONNECTION:ID."""
    desk = with_tables(context).desk
    found = links.named(desk, link, kind)
    lines = [
        f"{found.id}  {found.kind}  {found.name or ''}".rstrip(),
        f"  linked {found.created_at:%Y-%m-%d %H:%M} UTC",
    ]
    lines += [f"  {r.connection}:{r.id}{'  (gone)' if r.gone else ''}" for r in found.refs]
    show(found, [*lines, *(["  something of it waits: `bridge hold list`"] if found.held else [])], as_json)


@link.command("list")
@click.argument("q", default="", metavar="[SEARCH]")
@click.option("--connection", default="", help="Only links with a record there.")
@click.option("--without", default="", help="Only links with no record there.")
@kinded
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@as_json
@click.pass_context
def link_list(
    context: click.Context, q: str, connection: str, without: str, kind: str, limit: int, as_json: bool
) -> None:
    """Show links, newest first; with SEARCH those with that id or code, or else with that in their name."""
    desk = with_tables(context).desk
    found: list[Linked] = []
    cursor: str | None = ""
    while cursor is not None and len(found) < limit:
        n = min(PAGE, limit - len(found))
        some = links.page(desk, q=q, kind=kind, connection=connection, without=without, cursor=cursor, n=n)
        found, cursor = [*found, *some.items], some.next
    show(Found(links=found, more=cursor is not None), (_line(each) for each in found), as_json)
    if cursor is not None:
        click.echo("… and more; --limit shows them", err=True)


@link.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@formed
@click.option("--dry-run", is_flag=True, help="Keep nothing, and say what would be.")
@as_json
@click.pass_context
def link_import(context: click.Context, file: TextIO, form: Form | None, dry_run: bool, as_json: bool) -> None:
    """Link the records of each line of a CSV or NDJSON file: one column a connection, optionally `kind`."""
    desk, started = with_tables(context).desk, time.monotonic()
    report = import_rows(desk, file, form or form_of(file.name), COMMAND_LINE, dry=dry_run, progress=_progress)
    click.echo("\r", nl=False, err=True)
    show(report, _told(report, time.monotonic() - started), as_json)
    for line in report.lines if not as_json else ():
        click.echo(f"{file.name}: line {line.number}: {line.verdict}: {line.detail}", err=True)
    if report.conflicting or report.invalid:
        sys.exit(1)


@link.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
@formed
@click.pass_context
def link_export(context: click.Context, file: TextIO, form: Form | None) -> None:
    """Write every link as a line that `bridge link import` reads."""
    desk, form = with_tables(context).desk, form or form_of(file.name)
    count = 0
    for line in export(desk, form):
        file.write(line)
        count += 1
    click.echo(f"{count - (form == 'csv')} links written", err=True)


@link.command("remove")
@click.argument("ref", metavar="CONNECTION:ID")
@kinded
@as_json
@click.pass_context
def link_remove(context: click.Context, ref: str, kind: str, as_json: bool) -> None:
    """Take a record out of its link. The record stays as it is; nothing is written there any more."""
    desk = with_tables(context).desk
    [wanted] = links.kept(desk, [links.ref_in(desk, ref, kind)])
    found = links.find(desk, wanted)
    left = links.remove_ref(desk, found.id, wanted, COMMAND_LINE, found.etag)
    lines = [f"{ref} is out of link {found.id}" + ("" if left else ", which is gone: it was the last")]
    show(left or found, lines, as_json)


@link.command("merge")
@click.argument("link", metavar="LINK")
@click.argument("other", metavar="OTHER")
@kinded
@as_json
@click.pass_context
def link_merge(context: click.Context, link: str, other: str, kind: str, as_json: bool) -> None:
    """Bring the records of OTHER into LINK, and end OTHER. Each is given by its id or a record, as CONNECTION:ID."""
    desk = with_tables(context).desk
    one, two = links.named(desk, link, kind), links.named(desk, other, kind)
    merged = links.merge(desk, one.id, two.id, COMMAND_LINE, one.etag)
    show(merged, [f"merged: {_line(merged)}"], as_json)


@link.command("split")
@click.argument("refs", nargs=-1, required=True, metavar="CONNECTION:ID...")
@kinded
@as_json
@click.pass_context
def link_split(context: click.Context, refs: tuple[str, ...], kind: str, as_json: bool) -> None:
    """Take records of one link out of it, into a link of their own."""
    desk = with_tables(context).desk
    wanted = links.kept(desk, [links.ref_in(desk, text, kind) for text in refs])
    found = links.find(desk, wanted[0])
    new = links.split(desk, found.id, wanted, COMMAND_LINE, found.etag)
    show(new, [f"split off: {_line(new)}"], as_json)


@link.command("delete")
@click.argument("link", metavar="LINK")
@kinded
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def link_delete(context: click.Context, link: str, kind: str, yes: bool) -> None:
    """End a link, given by its id or one of its records. The records stay as they are."""
    desk = with_tables(context).desk
    found = links.named(desk, link, kind)
    if not yes:
        click.confirm(f"{_line(found)}\nEnd this link? Its records stay as they are", abort=True)
    links.delete(desk, found.id, COMMAND_LINE, found.etag)
    click.echo(f"deleted: {found.id}")


def _line(found: Linked) -> str:
    refs = "  ".join(f"{r.connection}:{r.id}{' (gone)' if r.gone else ''}" for r in found.refs)
    return f"{found.id}  {found.kind}  {refs}" + (f"  {found.name}" if found.name else "")


def _told(report: Report, took_s: float) -> Iterator[str]:
    would = "would be " if report.dry else ""
    yield (
        f"links: {would}{report.created} created, {report.changed} changed, {report.unchanged} unchanged, "
        f"{report.conflicting} conflicting, {report.invalid} invalid, in {took_s:.1f} s"
    )


def _progress(rows: int) -> None:
    click.echo(f"\r{rows} lines", nl=False, err=True)
