"""What asks and answers: `bridge check`, `explain`, `sweep`, `replay`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from bridge.cli.parts import assembled, clock, known_connection, with_tables
from bridge.core.story import FieldStory, tell
from bridge.desk import connections
from bridge.sweep import sweep as sweep_once

SHOWN = 20


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
            told = connections.test(bridge.desk, name)
            bad |= told.error is not None
            for remark in told.said:
                click.echo(f"  {name}: {remark}" if told.error else f"  {remark}", err=told.error is not None)
            if told.error is None:
                click.echo("  answers")
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
@click.argument("delivery", required=False)
@click.option("--connection", help="Every delivery of this connection …")
@click.option("--since", help="… since this time, for example 2026-11-21T09:00 (UTC).")
@click.option("--dead", is_flag=True, help="Every write that was given up.")
@click.option(
    "--list", "listing", is_flag=True, help="Show the latest deliveries, what became of them, and what was given up."
)
@click.pass_context
def replay(
    context: click.Context, delivery: str | None, connection: str | None, since: str | None, dead: bool, listing: bool
) -> None:
    """Handle stored deliveries again. It is always safe: what is already level stays as it is."""
    bridge = with_tables(context)
    if listing:
        for r in bridge.store.deliveries(SHOWN):
            click.echo(f"{clock(r['at'])}  {r['id']}  {r['connection']:<15} {r['outcome'] or r['state']}")
        for r in bridge.store.dead_writes():
            click.echo(f"{clock(r['at'])}  given up: {r['connection']}, link {r['link']}: {r['detail']}")
    elif dead:
        click.echo(f"{bridge.store.replay_dead(bridge.now())} writes are tried again")
    elif delivery is not None:
        if not bridge.store.replay(delivery):
            raise click.ClickException(f"no delivery {delivery}; `bridge replay --list` shows the latest")
        click.echo(f"{delivery} is handled again")
    elif connection is not None:
        from_ms = _epoch_ms(since) if since else 0
        ids = bridge.store.deliveries_since(known_connection(bridge, connection), from_ms)
        for each in ids:
            bridge.store.replay(each)
        click.echo(f"{len(ids)} deliveries of {connection} are handled again")
    else:
        raise click.UsageError("name a DELIVERY, or --connection, --dead or --list")


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


def _epoch_ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is not a time; write it like 2026-11-21T09:00") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
