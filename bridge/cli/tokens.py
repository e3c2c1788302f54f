"""`bridge token`: who may come in through pages and API."""

from __future__ import annotations

import click

from bridge.cli.parts import COMMAND_LINE, as_json, minute, show, with_tables
from bridge.desk import tokens


@click.group()
def token() -> None:
    """Let people and scripts come in through the pages and the API."""


@token.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["read", "write"]), required=True, help="read: only look. write: change things, too."
)
@as_json
@click.pass_context
def add(context: click.Context, name: str, role: tokens.Role, as_json: bool) -> None:
    """Make a token and print its secret, this once: the bridge keeps only a hash."""
    made = tokens.make(with_tables(context).desk, name, role, COMMAND_LINE)
    click.echo("keep this secret; it is not shown again:", err=True)
    show(made, [made.secret], as_json)


@token.command("list")
@as_json
@click.pass_context
def listed(context: click.Context, as_json: bool) -> None:
    """List the tokens, with when each was used last."""
    found = tokens.every(with_tables(context).desk)
    lines = (
        f"{t.name:<20} {t.role:<6} made {minute(t.created_at)}, used {minute(t.used_at)}"
        + (f", revoked {minute(t.revoked_at)}" if t.revoked_at else "")
        for t in found
    )
    show(found, lines if found else ["there is none; make one with `bridge token add`"], as_json)


@token.command()
@click.argument("name")
@click.pass_context
def revoke(context: click.Context, name: str) -> None:
    """End a token at once, and every session that was opened with it."""
    tokens.revoke(with_tables(context).desk, name, COMMAND_LINE)
    click.echo(f"{name} is revoked")
