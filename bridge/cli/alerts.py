"""`bridge alert`: who is told when a connection needs a person."""

from __future__ import annotations

import click

from bridge.cli.parts import Ended, assembled
from bridge.core.errors import Transient
from bridge.desk.alarms import address, hook, try_out


@click.group()
def alert() -> None:
    """Alerts: what [alerts] of the settings is for."""


@alert.command()
@click.pass_context
def test(context: click.Context) -> None:
    """Send one alert that says that it is a test."""
    desk = assembled(context).desk
    try:
        try_out(desk, hook(address(desk)))
    except Transient as error:
        raise Ended(f"it did not arrive: {error}", 4) from None
    click.echo("it has arrived")
