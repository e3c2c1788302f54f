"""
The command line. Every command says what it does with --help.

Exit codes: 0 done; 1 refused, or done with findings; 2 a mistake in the command or the settings; 3 there is no such
thing; 4 the store or a CRM cannot now, try again.
"""

from __future__ import annotations

import sys

import click

from bridge.cli.alerts import alert
from bridge.cli.choices import choice
from bridge.cli.connect import connect
from bridge.cli.data import db
from bridge.cli.explain import explain
from bridge.cli.links import link
from bridge.cli.parts import Group
from bridge.cli.run import demo, sandbox, serve, work
from bridge.cli.show import check, sweep
from bridge.cli.status import status
from bridge.cli.tokens import token
from bridge.cli.waiting import attempt, dead_group, delivery, hold
from bridge.core.errors import BridgeError

__all__ = ["main"]


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    envvar="BRIDGE_CONFIG",
    default="config/bridge.toml",
    show_default=True,
    help="The settings file. The environment variable BRIDGE_CONFIG does the same.",
)
@click.version_option(package_name="opportunity-bridge", prog_name="bridge")
@click.pass_context
def cli(context: click.Context, config: str) -> None:
    """Keep one sales opportunity level in several CRMs."""
    context.obj = config


COMMANDS = (
    *(check, connect, status, serve, work, sandbox, demo, link, choice, hold, dead_group, delivery),
    *(attempt, sweep, explain, db, token, alert),
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line; an error of ours becomes one message without a trace."""
    try:
        cli()
    except BridgeError as error:
        click.echo(f"bridge: {error.detail or error}", err=True)
        sys.exit(2)
