"""What asks and answers: `bridge check`, `sweep`."""

from __future__ import annotations

import sys

import click

from bridge.cli.parts import assembled, known_connection, with_tables
from bridge.desk import Desk, connections
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
            bad |= not _answers(bridge.desk, name)
    if bad:
        sys.exit(1)
    click.echo("settings are fine")


def _answers(desk: Desk, name: str) -> bool:
    """Ask a CRM, print what it says and what its lists offer, and return whether all is well."""
    for ask in (connections.test, connections.refresh_lists):
        told = ask(desk, name)
        for line in told.said:
            click.echo(f"  {name}: {line}" if told.error else f"  {line}", err=told.error is not None)
        if told.error is not None:
            return False
    for line in connections.in_words(connections.offers(desk, name)):
        click.echo(f"  {line}")
    click.echo("  answers")
    return True


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
