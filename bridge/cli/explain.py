"""`bridge explain`: the story of a deal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import click

from bridge.cli.parts import as_json, show, with_tables
from bridge.desk import story
from bridge.desk.story import Field, Side, Story


@click.command()
@click.argument("connection", metavar="CONNECTION|LINK")
@click.argument("vendor_id", metavar="[ID]", required=False)
@click.option("--field", "only", help="Only this field.")
@as_json
@click.pass_context
def explain(context: click.Context, connection: str, vendor_id: str | None, only: str | None, as_json: bool) -> None:
    """
    Tell for every field of a deal who set it, when, why it won, where it went, and why not elsewhere; then its history.

    Name a connection and the id or code of the deal there, or the id of the link alone.
    """
    desk = with_tables(context).desk
    if vendor_id is None and connection in desk.connections:
        raise click.UsageError(f"name the id or code of the deal at {connection}, too")
    link = connection if vendor_id is None else story.link_of(desk, connection, vendor_id)
    found = story.explain(desk, link, only)
    show(found, _told(found), as_json)


def _told(found: Story) -> Iterator[str]:
    yield f"{found.name or 'A deal without a name'}, link {found.link}"
    yield "  " + "  ".join(f"{r.connection}:{r.id}{' (gone)' if r.gone else ''}" for r in found.records)
    for t in found.troubles:
        yield f"  {t.connection} is tried again: {t.said}; {t.tries} in a row have failed since {_clock(t.since)}"
    for field in found.fields:
        yield from _field(field)
    if found.waits:
        yield "\nwaits for a person"
    for wait in found.waits:
        yield f"  {wait.label or 'everything'} at {wait.connection}: {wait.said}. What to do: {wait.cure}."
    yield "\nhistory"
    for e in found.timeline:
        yield f"  {_clock(e.at)}  {e.sentence}"
    if found.attempts:
        yield "\nlast attempts"
    for a in found.attempts:
        why = f" ({': '.join(filter(None, (a.reason, a.detail)))})" if a.reason else ""
        yield f"  {_clock(a.at)}  {a.connection}: {a.outcome}{why}"


def _field(field: Field) -> Iterator[str]:
    yield f"\n{field.label}: {field.shown}"
    yield f"  {field.said}{f', {_clock(field.at)}' if field.at else ''}"
    if field.held:
        yield f"  {field.held}"
    width = max((len(side.connection) for side in field.sides), default=0)
    for side in field.sides:
        yield f"    {side.connection:<{width}}  {_side(side)}"
    for lost in field.lost:
        yield f"  lost, {_clock(lost.at)}: {lost.said}"


def _side(side: Side) -> str:
    cure = f". What to do: {side.cure}" if side.cure else ""
    return f"{side.said}{cure}{f', {_clock(side.at)}' if side.at else ''}"


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
