"""Deliveries: the webhooks that came in, what they led to, and how to handle them again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bridge.desk import Page, Value, attempts, deliveries
from bridge.web.api.inputs import Input, Moment, Paging, Text
from bridge.web.api.operations import Call, Subject

subject = Subject("deliveries", "The webhooks that came in. Their bodies are never shown.")

Begins = Annotated[Text, Field(description="how the outcome begins")]


class Which(Input):
    """Which deliveries; what is left out takes all."""

    connection: Text = ""
    state: deliveries.State | None = None
    outcome: Begins = ""
    link: Annotated[Text, Field(description="only what led to this link")] = ""
    since: Moment | None = None
    until: Annotated[Moment | None, Field(description="excluded")] = None


class Search(Which, Paging):
    pass


class Attempts(Paging):
    connection: Text = ""
    outcome: Begins = ""
    link: Text = ""
    since: Moment | None = None


class Count(Value):
    """How many it was."""

    count: int


@subject.get("/deliveries", Page[deliveries.Delivery], query=Search)
def list_deliveries(call: Call, query: Search) -> Page[deliveries.Delivery]:
    """List deliveries, newest first."""
    return deliveries.page(call.desk, _which(query), after=query.cursor, n=query.limit)


@subject.write("POST", "/deliveries/replay", Count, body=Which)
def replay_deliveries(call: Call, body: Which) -> Count:
    """Handle stored deliveries again. It is always safe: what is already level stays as it is."""
    return Count(count=deliveries.replay_many(call.desk, call.who, _which(body)))


@subject.get("/deliveries/<uuid:delivery>", deliveries.Told)
def get_delivery(call: Call, delivery: str) -> deliveries.Told:
    """Get a delivery with its attempts and the writes that it led to."""
    return deliveries.one(call.desk, delivery)


@subject.write("POST", "/deliveries/<uuid:delivery>/replay", None)
def replay_delivery(call: Call, delivery: str) -> None:
    """Handle one delivery again."""
    deliveries.replay(call.desk, call.who, delivery)


@subject.get("/attempts", Page[attempts.Attempt], query=Attempts)
def list_attempts(call: Call, query: Attempts) -> Page[attempts.Attempt]:
    """List attempts, newest first: each pass over one side of a deal."""
    which = attempts.Which(**query.model_dump(exclude={"cursor", "limit"}))
    return attempts.page(call.desk, which, after=query.cursor, n=query.limit)


def _which(given: Which) -> deliveries.Which:
    return deliveries.Which(**given.model_dump(include=set(Which.model_fields)))
