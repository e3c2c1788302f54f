"""Choices: what the values of each CRM's lists mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from bridge.desk import Page, Value, choice_table, choices, unmapped
from bridge.desk.table import Form, Report
from bridge.web.api.inputs import Input, Paging, Text, Word
from bridge.web.api.links import Connection, Import
from bridge.web.api.operations import Answer, Call, Lines, Subject

subject = Subject("choices", "What the values of each CRM's lists mean: stages, owners, pipelines and the like.")

EXAMPLE = "connection,field,native,canonical,use\ngetfly,stage,8/31,new,both\n"

Name = Annotated[Word, Field(description="stage, status, owner, pipeline …", examples=["stage"])]
Native = Annotated[
    Word, Field(description="the value as the CRM keeps it; a stage with its pipeline in front", examples=["8/31"])
]
Canonical = Annotated[Word, Field(description="the common name that it means", examples=["new"])]


class Search(Paging):
    connection: Text = ""
    field: Text = ""
    canonical: Text = ""
    text: Annotated[Text, Field(description="part of any of its words, in any case")] = ""


class Waiting(Paging):
    connection: Text = ""
    field: Text = ""


class Key(Input):
    """Which choice."""

    connection: Connection
    field: Name
    native: Native
    canonical: Canonical


class Wanted(Key):
    """
    A choice. use: `read`, it is understood; `write`, it is what is written; `both`. instead: the canonical value of the
    choice in whose place this one comes.
    """

    use: choices.Use = "both"
    instead: Word | None = None


class Unclear(Input):
    """A native value without meaning, or a canonical one that cannot be said there: one of the two."""

    connection: Connection
    field: Name
    native: Text = ""
    canonical: Text = ""
    scope: Annotated[Text, Field(description="the native pipeline that it has to be in")] = ""


class Suggestions(Value):
    """Choices that would do, best first. None is ever applied by itself."""

    items: Sequence[unmapped.Suggestion]


@subject.get("/choices", Page[choices.Chosen], query=Search)
def list_choices(call: Call, query: Search) -> Page[choices.Chosen]:
    """List choices by connection, field and canonical value."""
    return choices.page(
        call.desk,
        connection=query.connection,
        field=query.field,
        canonical=query.canonical,
        text=query.text,
        n=query.limit,
        after=query.cursor,
    )


@subject.write("PUT", "/choices", choices.Put, body=Wanted, tagged=True)
def put_choice(call: Call, body: Wanted) -> Answer:
    """Add a choice, or change its use. What waited for it goes on by itself."""
    key = (body.connection, body.field, body.native, body.canonical)
    made = choices.put(call.desk, call.who, *key, body.use, instead=body.instead, etag=call.etag)
    return Answer(made, etag=made.choice.etag)


@subject.get("/choices/one", choices.Chosen, query=Key, tagged=True)
def get_choice(call: Call, query: Key) -> Answer:
    """Get one choice, with how many deals show its native value."""
    found = choices.get(call.desk, query.connection, query.field, query.native, query.canonical)
    return Answer(found, etag=found.etag)


@subject.write("DELETE", "/choices/one", choices.Chosen, query=Key, tagged=True)
def drop_choice(call: Call, query: Key) -> choices.Chosen:
    """Forget a choice. Deals that show its native value keep what they have; the next change of it waits."""
    key = (query.connection, query.field, query.native, query.canonical)
    return choices.drop(call.desk, call.who, *key, etag=call.etag)


@subject.get("/choices/unmapped", Page[unmapped.Unmapped], query=Waiting)
def list_unmapped(call: Call, query: Waiting) -> Page[unmapped.Unmapped]:
    """List what still waits for a choice, that of the most deals first, with suggestions."""
    return unmapped.unmapped(
        call.desk, connection=query.connection, field=query.field, n=query.limit, after=query.cursor
    )


@subject.get("/choices/suggestions", Suggestions, query=Unclear)
def suggest_choices(call: Call, query: Unclear) -> Suggestions:
    """Suggest choices by how alike the names are."""
    found = unmapped.suggestions(
        call.desk, query.connection, query.field, native=query.native, canonical=query.canonical, scope=query.scope
    )
    return Suggestions(items=found)


@subject.get("/choices/export", None, exports=True)
def export_choices(call: Call, form: Form) -> Lines:
    """Take out every choice, as CSV or NDJSON."""
    return Lines(choice_table.export(call.desk, form), form)


@subject.write("POST", "/choices/import", Report, query=Import, rows=EXAMPLE)
def import_choices(call: Call, query: Import, rows: Iterable[str], form: Form) -> Report:
    """Add the choices of a CSV or NDJSON file: connection, field, native, canonical, use."""
    return choice_table.import_rows(call.desk, call.who, rows, form, dry=query.dry_run)
