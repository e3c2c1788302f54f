"""Holds: what waits for a person, and its cure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from bridge.core.model import HoldKind
from bridge.desk import Page, Value, holds
from bridge.web.api.inputs import Input, Paging, Text, Word
from bridge.web.api.links import Connection
from bridge.web.api.operations import Call, Subject

subject = Subject("holds", "What waits for a person, why, and what to do about it.")


class Which(Input):
    connection: Text = ""
    field: Text = ""
    kind: HoldKind = ""


class Search(Which, Paging):
    link: Text = ""
    reason: Annotated[Text, Field(description="word by word")] = ""


class Groups(Value):
    items: Sequence[holds.Group]


class Todo(Input):
    """Which hold. value: for `add_choice` the missing native or canonical value; for `decide` whose value stands."""

    link: Word
    connection: Connection
    field: Text = ""
    value: Text = ""


@subject.get("/holds", Page[holds.Held], query=Search)
def list_holds(call: Call, query: Search) -> Page[holds.Held]:
    """List holds, the oldest first, each with its cure as an action."""
    which = holds.Which(**query.model_dump(exclude={"cursor", "limit"}))
    return holds.page(call.desk, which, after=query.cursor, n=query.limit)


@subject.get("/holds/groups", Groups, query=Which)
def group_holds(call: Call, query: Which) -> Groups:
    """List what deals wait for, each once, with how many they are and a few of them."""
    return Groups(items=holds.groups(call.desk, holds.Which(**query.model_dump())))


@subject.write("POST", "/holds/cure", holds.Cured, body=Todo)
def cure_hold(call: Call, body: Todo) -> holds.Cured:
    """Do what cures a hold; the deal goes on by itself."""
    return holds.cure(call.desk, call.who, body.link, body.connection, body.field, body.value)
