"""`bridge connect`: a CRM's credentials, lists and webhooks, one after the other, until the bridge hears it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import click

from bridge.cli.parts import COMMAND_LINE, Ended, as_json, show, with_tables
from bridge.core.errors import BridgeError, Transient
from bridge.desk import Desk, Refused, Value, connections, moment
from bridge.desk.pulse import health

POLL_S = 1.0
LEFT = "Do what is listed above; a webhook with a wrong secret shows in the bridge's log as delivery.forged."


class Connected(Value):
    """What is there, and what is left. done: what the bridge itself has set up. steps: what a person still does."""

    account: connections.Account
    offers: Sequence[connections.Offer]
    customs: Sequence[connections.CustomField]
    done: Sequence[str]
    steps: Sequence[str]


@click.command()
@click.argument("connection")
@click.option("--no-wait", is_flag=True, help="Do not wait until the bridge hears the CRM.")
@as_json
@click.pass_context
def connect(context: click.Context, connection: str, no_wait: bool, as_json: bool) -> None:
    """
    Connect a CRM: check the credentials, read its lists, set up its webhooks or say how, and wait for the first.

    Repeating is safe. Run it where the settings are, with the bridge running (`bridge serve`) in another window.
    """
    desk = with_tables(context).desk
    desk.known(connection)
    started = desk.now()
    for told in (connections.test(desk, connection), connections.refresh_lists(desk, connection)):
        if told.error is not None:
            raise Ended(f"{connection}: {told.error}", 4 if isinstance(told.error, Transient) else 1)
    done, steps = _webhooks(desk, connection)
    found = Connected(
        account=connections.account(desk, connection),
        offers=connections.offers(desk, connection),
        customs=connections.customs(desk, connection),
        done=done,
        steps=steps,
    )
    show(found, _lines(found), as_json)
    if not no_wait:
        _wait(desk, found.account, started)


def _webhooks(desk: Desk, connection: str) -> tuple[list[str], list[str]]:
    """Return what was set up by API, and the steps of a person where that is not possible."""
    try:
        done = connections.subscribe(desk, COMMAND_LINE, connection)
    except (BridgeError, Refused) as error:
        click.echo(f"{connection}: {error}", err=True)
        done = None
    return (done, []) if done is not None else ([], connections.steps(desk, connection, secrets=True))


def _lines(found: Connected) -> Iterator[str]:
    account = found.account
    yield f"{account.name}: {account.vendor} at {account.base_url} answers"
    for answer in filter(None, (account.test, account.lists)):
        yield from (f"  {line}" for line in answer.said)
    yield from (f"  {line}" for line in connections.in_words(found.offers))
    for custom in found.customs:
        used = f", custom.{custom.name} here" if custom.name else ""
        yield f'  custom field "{custom.native}": {custom.label} ({custom.kind}){used}'
    yield from found.done
    if found.steps:
        yield "What is left to do:" if account.hooked else "How it is heard:"
        yield from (f"  {number}. {step}" for number, step in enumerate(found.steps, start=1))


def _wait(desk: Desk, account: connections.Account, started: int) -> None:
    """Wait until the bridge hears the CRM: by its first webhook, or by a sweep where it has none."""
    name, since = account.name, moment(started)
    if not health(desk).workers:
        click.echo("No worker runs: start the bridge in another window, `bridge serve`.", err=True)
    if account.hooked:
        click.echo("Waiting for the first webhook: change a deal there. Ctrl-C ends the waiting.", err=True)
        came = _until(lambda: connections.account(desk, name).heard, since)
        words = "the first webhook came"
    else:
        connections.sweep_now(desk, COMMAND_LINE, name)
        click.echo("Waiting for the first sweep. Ctrl-C ends the waiting.", err=True)
        came = _until(lambda: connections.account(desk, name).swept, since)
        words = "it was swept"
    if came is None:
        raise Ended(f"{name}: not heard yet. {LEFT if account.hooked else 'Is the worker running?'}", 1)
    click.echo(f"{name}: {words} at {came:%H:%M:%S} UTC")


def _until(look: Callable[[], datetime | None], since: datetime) -> datetime | None:
    """Return the time once it is later than `since`, or None when a person gives up."""
    try:
        while (at := look()) is None or at < since:
            click.echo(".", nl=False, err=True)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        return None
    finally:
        click.echo("", err=True)
    return at
