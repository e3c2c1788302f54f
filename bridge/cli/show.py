"""What asks and answers: `bridge check`, `explain`, `sweep`."""

from __future__ import annotations

import sys

import click

from bridge.cli.parts import assembled, clock, known_connection, with_tables
from bridge.core.errors import BridgeError
from bridge.core.story import FieldStory, tell
from bridge.sweep import sweep as sweep_once


@click.command()
@click.option("--online", is_flag=True, help="Also ask each CRM: credentials, and the names used in the settings.")
@click.pass_context
def check(context: click.Context, online: bool) -> None:
    """Validate the settings; every mistake is named with its key and its cure."""
    bridge = with_tables(context) if online else assembled(context)
    bad = False
    if bridge.settings.warning:
        click.echo(f"warning: {bridge.settings.warning}", err=True)
    for name, connection in bridge.settings.connections.items():
        connector = bridge.connectors[name]
        cannot = [f.name for f in connector.fields if f.readonly]
        click.echo(f"{name}: {connection.vendor} at {connection.base_url}, {len(connector.fields)} fields")
        click.echo(f"  never written there: {', '.join(cannot) or 'none'}")
        if online:
            try:
                for remark in bridge.try_connection(name):
                    click.echo(f"  {remark}")
                click.echo("  answers")
            except BridgeError as error:
                bad = True
                click.echo(f"  {name}: {error}", err=True)
    if bad:
        sys.exit(1)
    click.echo("settings are fine")


@click.command()
@click.argument("connection")
@click.pass_context
def sweep(context: click.Context, connection: str) -> None:
    """Page through a CRM now, and have every difference looked at."""
    bridge = with_tables(context)
    known_connection(bridge, connection)
    found = sweep_once(
        bridge.connectors[connection],
        bridge.store,
        bridge.now,
        lambda rows: click.echo(f"\r{rows} records", nl=False, err=True),
    )
    click.echo(f"\r{connection}: {found.rows} records on {found.pages} pages, {found.looks} to look at")
    if found.missing:
        click.echo(f"  {found.missing} linked records were not shown; they are read one by one")


@click.command()
@click.argument("connection")
@click.argument("vendor_id", metavar="ID")
@click.option("--field", "only", help="Only this field.")
@click.pass_context
def explain(context: click.Context, connection: str, vendor_id: str, only: str | None) -> None:
    """Tell for every field of a deal who set it, when, by which delivery, where it went, and why not elsewhere."""
    bridge = with_tables(context)
    known_connection(bridge, connection)
    found = bridge.store.find(connection, vendor_id)
    if found is None:
        raise click.ClickException(
            f"{connection}:{vendor_id} is not linked; `bridge link list --connection {connection}` shows what is"
        )
    fields = {name: bridge.flow.sides.fields(name) for name in bridge.settings.connections}
    link = bridge.store.peek(found)
    click.echo(f"link {found}: {'  '.join(str(s.ref) + (' (gone)' if s.gone else '') for s in link)}")
    for story in tell(link, bridge.store.journal(found), bridge.store.holds(found), fields):
        if only in (None, story.name):
            _tell(story)
    for attempt in bridge.store.attempts(found, 5) if only is None else []:
        why = f" ({attempt['reason']}: {attempt['detail']})" if attempt["reason"] else ""
        click.echo(f"attempt {clock(attempt['at'])} {attempt['connection']}: {attempt['outcome']}{why}")


def _tell(story: FieldStory) -> None:
    click.echo(f"\n{story.name} = {story.value!r}  (version {story.version})")
    if story.by is None:
        click.echo("  as it was when the records were linked; nobody has changed it since")
    else:
        click.echo(f"  set at {story.by}, {clock(story.at)}, {_because(story.delivery)} {story.detail}".rstrip())
    for side in story.sides:
        when = f", {clock(side.at)}" if side.at else ""
        click.echo(f"    {side.connection:<15} {side.state:<9} {side.detail}{when}")
    for connection, value, at, why in story.lost:
        click.echo(f"  lost: {value!r} at {connection}, {clock(at)}: {why}")


def _because(delivery: str) -> str:
    words = {"sweep": "found by a sweep", "linked": "found when it was linked", "": "found by a look"}
    if delivery in words or len(delivery) < len("00000000-0000-0000-0000-000000000000"):
        return words.get(delivery, f"found by a look ({delivery})")
    return f"heard by delivery {delivery}"
