"""`bridge choice`: what the values of stages, owners, pipelines and statuses mean."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import click

from bridge.cli.parts import COMMAND_LINE, as_json, form_of, formed, show, with_tables
from bridge.desk import choice_table, choices
from bridge.desk.choices import Chosen, Use
from bridge.desk.table import Form, Report
from bridge.desk.unmapped import Unmapped, unmapped

USE = click.Choice(["both", "read", "write"])
connection_option = click.option("--connection", default="", help="Only of this connection.")
field_option = click.option("--field", default="", help="Only of this field, such as stage or owner.")


@click.group()
def choice() -> None:
    """Say what the values of stages, owners, pipelines and statuses mean."""


@choice.command("list")
@connection_option
@field_option
@click.option("--canonical", default="", help="Only what means this, or is written for it.")
@click.option("--text", default="", help="Only what has this in one of its words, in any case.")
@as_json
@click.pass_context
def listed(context: click.Context, connection: str, field: str, canonical: str, text: str, as_json: bool) -> None:
    """Show the choices; `bridge choice unmapped` shows what still waits for one."""
    desk = with_tables(context).desk
    wanted = {"connection": connection and desk.known(connection), "field": field, "canonical": canonical, "text": text}
    found = choices.page(desk, **wanted, n=sys.maxsize).items
    show(found, map(_line, found) if found else ["there is none; `bridge choice unmapped` shows what waits"], as_json)


@choice.command("unmapped")
@connection_option
@field_option
@click.option("--limit", default=50, show_default=True, help="At most so many, those that hold up most deals first.")
@as_json
@click.pass_context
def unmapped_command(context: click.Context, connection: str, field: str, limit: int, as_json: bool) -> None:
    """
    Show what waits for a choice, and what it might mean.

    Suggestions come from names that are alike; nothing is applied unless you say so with `bridge choice add`. Ends with
    1 while deals wait.
    """
    desk = with_tables(context).desk
    found = unmapped(desk, connection=connection and desk.known(connection), field=field, n=limit)
    show(found.items, _waiting(found.items, more=found.next is not None), as_json)
    if any(each.deals for each in found.items):
        sys.exit(1)


@choice.command("add")
@click.argument("connection")
@click.argument("field")
@click.argument("native")
@click.argument("canonical")
@click.option("--use", type=USE, default="both", show_default=True, help="read: understood only; write: written only.")
@as_json
@click.pass_context
def add(
    context: click.Context, connection: str, field: str, native: str, canonical: str, use: Use, as_json: bool
) -> None:
    """Add one choice: `bridge choice add getfly owner 7 hoa`. What waited for it goes on by itself."""
    put = choices.put(with_tables(context).desk, COMMAND_LINE, connection, field, native, canonical, use)
    show(put, [f"{put.verdict}: {_line(put.choice)}", *(f"  {remark}" for remark in put.remarks)], as_json)


@choice.command("drop")
@click.argument("connection")
@click.argument("field")
@click.argument("native")
@click.argument("canonical")
@as_json
@click.pass_context
def drop(context: click.Context, connection: str, field: str, native: str, canonical: str, as_json: bool) -> None:
    """Forget one choice. Deals keep what they have; the next change of it waits for a choice."""
    gone = choices.drop(with_tables(context).desk, COMMAND_LINE, connection, field, native, canonical)
    show(gone, [f"dropped: {_line(gone)}", f"  deals that show {native!r} there: {gone.deals}"], as_json)


@choice.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@formed
@click.option("--dry-run", is_flag=True, help="Only tell what would happen.")
@as_json
@click.pass_context
def import_command(context: click.Context, file: TextIO, form: Form | None, dry_run: bool, as_json: bool) -> None:
    """
    Add the choices of a file: connection, field, native, canonical, use (both, read or write).

    Lines that are wrong are named and left out. Ends with 1 when there are any.
    """
    desk = with_tables(context).desk
    report = choice_table.import_rows(desk, COMMAND_LINE, file, form or form_of(file.name), dry=dry_run)
    show(report, _told(report, file.name), as_json)
    if report.conflicting or report.invalid:
        sys.exit(1)


@choice.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
@formed
@click.pass_context
def export(context: click.Context, file: TextIO, form: Form | None) -> None:
    """Write every choice as a line of a file that `bridge choice import` takes."""
    for line in choice_table.export(with_tables(context).desk, form or form_of(file.name)):
        file.write(line)


def _line(c: Chosen) -> str:
    use = {"both": "", "read": "(read)", "write": "(write)"}[c.use]
    native = f"{c.native} ({c.label})" if c.label else c.native
    return f"{c.connection:<15} {c.field:<12} {native:<50} {c.canonical:<15} {use}".rstrip()


def _waiting(found: Sequence[Unmapped], *, more: bool) -> Iterator[str]:
    """Say what waits, and under each the commands that would map it."""
    for u in found:
        label = f" ({u.label})" if u.label else ""
        where = f" in {u.scope}" if u.scope else ""
        what = {
            "meaning": f"what does {u.native!r}{label} mean?",
            "writing": f"how is {u.canonical!r} written{where}?",
            "listed": f"{u.native!r}{label} is on its list and has no meaning yet",
        }[u.kind]
        yield f"{u.connection} {u.field}: {what}" + (f"  deals: {u.deals}" if u.deals else "")
        for s in u.suggestions:
            use = "" if s.use == "both" else f" --use {s.use}"
            named = f", {s.label}" if u.kind == "writing" and s.label else ""
            pair = shlex.join((s.native, s.canonical))
            yield f"  bridge choice add {u.connection} {u.field} {pair}{use}   # {s.words}{named}"
    if not found:
        yield "nothing waits for a choice"
    if more:
        yield "… there is more; --limit shows it"


def _told(report: Report, name: str) -> Iterator[str]:
    would = "would be " if report.dry else ""
    kept = f"{would}{report.created} created, {report.changed} changed, {report.unchanged} unchanged"
    yield f"choices: {kept}, {report.conflicting} conflicting, {report.invalid} invalid"
    for line in report.lines:
        yield f"{name}: line {line.number}: {line.verdict}: {line.detail}"
