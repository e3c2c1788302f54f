"""Dead letters: what will not be tried again by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bridge.desk import Page, dead
from bridge.web.api.deliveries import Count
from bridge.web.api.inputs import Input, Moment, Paging, Text
from bridge.web.api.operations import Call, Subject

subject = Subject("dead letters", "Writes that a CRM refused for good, and deliveries that nothing came of.")


class Which(Input):
    """Which dead letters; what is left out takes all."""

    connection: Text = ""
    link: Text = ""
    reason: Annotated[Text, Field(description="how it begins")] = ""
    since: Moment | None = None
    until: Annotated[Moment | None, Field(description="excluded")] = None


class Search(Which, Paging):
    pass


class Why(Input):
    """Why it is let be."""

    reason: Annotated[Text, Field(min_length=1, max_length=200, pattern=r"\S")]


@subject.get("/dead-letters", Page[dead.Letter], query=Search)
def list_dead_letters(call: Call, query: Search) -> Page[dead.Letter]:
    """List dead letters, newest first."""
    return dead.page(call.desk, _which(query), after=query.cursor, n=query.limit)


@subject.write("POST", "/dead-letters/replay", Count, body=Which)
def replay_dead_letters(call: Call, body: Which) -> Count:
    """Try dead letters again."""
    return Count(count=dead.replay_many(call.desk, call.who, _which(body)))


@subject.get("/dead-letters/<uuid:letter>", dead.Told)
def get_dead_letter(call: Call, letter: str) -> dead.Told:
    """Get a dead letter with its request and what the CRM said; secrets are taken out."""
    return dead.one(call.desk, letter)


@subject.write("POST", "/dead-letters/<uuid:letter>/replay", None)
def replay_dead_letter(call: Call, letter: str) -> None:
    """Try one dead letter again."""
    dead.replay(call.desk, call.who, letter)


@subject.write("POST", "/dead-letters/<uuid:letter>/discard", None, body=Why)
def discard_dead_letter(call: Call, letter: str, body: Why) -> None:
    """Let a dead letter be: its values are not tried again there."""
    dead.discard(call.desk, call.who, letter, body.reason)


def _which(given: Which) -> dead.Which:
    return dead.Which(**given.model_dump(include=set(Which.model_fields)))
