"""Connections: how each is, pause and resume, sweep, test, what to paste where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from bridge.desk import Value, connections, pulse
from bridge.web.api.inputs import Input, Text
from bridge.web.api.operations import Call, Subject

subject = Subject("connections", "The accounts that the bridge keeps level.")


class Why(Input):
    """Why it is paused."""

    why: Annotated[Text, Field(min_length=1, pattern=r"\S", description="for those who wonder later")]


class Connections(Value):
    items: Sequence[connections.Account]


class Paste(Value):
    """What a person clicks and pastes at the CRM. webhook: the address, masked for a token that only reads."""

    webhook: str
    steps: Sequence[str]


class Lists(Value):
    """What the CRM's lists offered, and its custom fields, when they were last read."""

    offers: Sequence[connections.Offer]
    customs: Sequence[connections.CustomField]


@subject.get("/health", pulse.Pulse)
def get_health(call: Call) -> pulse.Pulse:
    """Tell how each connection does now: its state, how late it is, what waits there, its budget and its breaker."""
    return pulse.health(call.desk)


@subject.get("/connections", Connections)
def list_connections(call: Call) -> Connections:
    """List the connections, in the order of the settings."""
    return Connections(items=connections.accounts(call.desk))


@subject.get("/connections/<connection>", connections.Account)
def get_connection(call: Call, connection: str) -> connections.Account:
    """Get one connection."""
    return connections.account(call.desk, connection)


@subject.get("/connections/<connection>/webhook", Paste)
def get_webhook(call: Call, connection: str) -> Paste:
    """Tell what to paste where, so that the CRM's webhooks arrive. A token that only reads sees no path secret."""
    secrets = call.known.may_write
    return Paste(
        webhook=connections.address(call.desk, connection, secrets=secrets),
        steps=connections.steps(call.desk, connection, secrets=secrets),
    )


@subject.get("/connections/<connection>/lists", Lists)
def get_lists(call: Call, connection: str) -> Lists:
    """Tell what the CRM's lists offer, as last read."""
    return Lists(offers=connections.offers(call.desk, connection), customs=connections.customs(call.desk, connection))


@subject.write("POST", "/connections/<connection>/pause", connections.Account, body=Why)
def pause_connection(call: Call, connection: str, body: Why) -> connections.Account:
    """Stop reading and writing there until it is resumed; what comes meanwhile waits."""
    return connections.pause(call.desk, call.who, connection, body.why)


@subject.write("POST", "/connections/<connection>/resume", connections.Account)
def resume_connection(call: Call, connection: str) -> connections.Account:
    """End a pause, and look at all that has waited."""
    return connections.resume(call.desk, call.who, connection)


@subject.write("POST", "/connections/<connection>/sweep", connections.Account)
def sweep_connection(call: Call, connection: str) -> connections.Account:
    """Have the worker page through the CRM within seconds."""
    return connections.sweep_now(call.desk, call.who, connection)


@subject.write("POST", "/connections/<connection>/test", connections.Account)
def test_connection(call: Call, connection: str) -> connections.Account:
    """Have the worker try the credentials and the settings within seconds; `test` of the connection has its answer."""
    return connections.ask(call.desk, call.who, connection, "test")


@subject.write("POST", "/connections/<connection>/lists", connections.Account)
def read_lists(call: Call, connection: str) -> connections.Account:
    """Have the worker read the CRM's lists within seconds; `lists` of the connection says when it has."""
    return connections.ask(call.desk, call.who, connection, "lists")
