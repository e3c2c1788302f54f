"""Links: look for them, mend them, bring them in and out by the thousand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from bridge.core.model import Kind
from bridge.desk import Page, Refused, Value, link_table, links
from bridge.desk.table import Form, Report
from bridge.web.api.inputs import Flag, Input, Paging, Text, Word
from bridge.web.api.operations import Answer, Call, Lines, Subject

subject = Subject("links", "Which records are the same deal, contact or company.")

EXAMPLE = "getfly,leadconnector\nCH2055057,yWQobCRIhRguQtD2llvk\n"

Id = Annotated[Word, Field(max_length=200, description="the id, or code, that the CRM shows")]
Connection = Annotated[Word, Field(description="the name of a connection", examples=["getfly"])]


class Search(Paging):
    q: Annotated[
        Text, Field(max_length=200, description="a link, a vendor's id or code, or part of the deal's name")
    ] = ""
    kind: Kind = "opportunity"
    connection: Annotated[Text, Field(description="only with a record there")] = ""
    without: Annotated[Text, Field(description="only with none there")] = ""


class Record(Input):
    """Where a record lives."""

    connection: Connection
    id: Id
    kind: Kind = "opportunity"


class OneRef(Input):
    """A record of the link's kind."""

    connection: Connection
    id: Id


class NewLink(Input):
    """Records that are the same. With one that is linked already, its link is extended."""

    kind: Kind = "opportunity"
    refs: Annotated[tuple[OneRef, ...], Field(min_length=2, max_length=50, strict=False)]


class Other(Input):
    """The link whose records come in; it ends."""

    link: Word


class Part(Input):
    """Some records of the link, not all."""

    refs: Annotated[tuple[OneRef, ...], Field(min_length=1, max_length=50, strict=False)]


class Import(Input):
    dry_run: Annotated[Flag, Field(description="keep nothing, and report what would be")] = False


class Removed(Value):
    """What a removal leaves. link: None when it was the last record, and the link is gone with it."""

    link: links.Linked | None


@subject.get("/links", Page[links.Linked], query=Search)
def list_links(call: Call, query: Search) -> Page[links.Linked]:
    """List links, newest first."""
    return links.page(
        call.desk,
        q=query.q,
        kind=query.kind,
        connection=query.connection,
        without=query.without,
        cursor=query.cursor or None,
        n=query.limit,
    )


@subject.write("POST", "/links", links.Made, body=NewLink, tagged=True)
def put_link(call: Call, body: NewLink) -> Answer:
    """Link records, or extend the link that one of them has. Nothing is written in the CRMs for that."""
    refs = [links.ref_of(call.desk, r.connection, r.id, body.kind) for r in body.refs]
    made = links.add(call.desk, refs, call.who, call.etag)
    return Answer(made, etag=made.link.etag, location=_address(made.link))


@subject.get("/links/find", links.Linked, query=Record, tagged=True)
def find_link(call: Call, query: Record) -> Answer:
    """Get the link of a record, by the id or code that its CRM shows."""
    return _told(links.find(call.desk, links.ref_of(call.desk, query.connection, query.id, query.kind)))


@subject.get("/links/export", None, exports=True)
def export_links(call: Call, form: Form) -> Lines:
    """Take out every link, as CSV or NDJSON: a column, or a key, for each connection."""
    return Lines(link_table.export(call.desk, form), form)


@subject.write("POST", "/links/import", Report, query=Import, rows=EXAMPLE)
def import_links(call: Call, query: Import, rows: Iterable[str], form: Form) -> Report:
    """Link the records of each line of a CSV or NDJSON file. Good lines are kept; the report names the others."""
    return link_table.import_rows(call.desk, rows, form, call.who, dry=query.dry_run)


@subject.get("/links/<uuid:link>", links.Linked, tagged=True)
def get_link(call: Call, link: str) -> Answer:
    """Get one link."""
    return _told(links.get(call.desk, link))


@subject.write("DELETE", "/links/<uuid:link>", None, tagged=True)
def delete_link(call: Call, link: str) -> None:
    """End a link. Its records stay as they are, and its history can still be read."""
    links.delete(call.desk, link, call.who, call.etag)


@subject.write("POST", "/links/<uuid:link>/refs", links.Linked, body=OneRef, tagged=True)
def add_ref(call: Call, link: str, body: OneRef) -> Answer:
    """Bring one more record into a link."""
    kind = links.get(call.desk, link).kind
    ref = links.ref_of(call.desk, body.connection, body.id, kind)
    return _told(links.add_ref(call.desk, link, ref, call.who, call.etag))


@subject.write("DELETE", "/links/<uuid:link>/refs/<connection>", Removed, tagged=True)
def remove_ref(call: Call, link: str, connection: str) -> Removed | Answer:
    """Take the record of one connection out of a link. The record stays as it is."""
    before = links.get(call.desk, link)
    ids = [r.id for r in before.refs if r.connection == connection]
    if not ids:
        raise Refused("unknown", f"link {link} has no record at {connection}")
    ref = links.ref_of(call.desk, connection, ids[0], before.kind)
    left = links.remove_ref(call.desk, link, ref, call.who, call.etag)
    return Answer(Removed(link=left), etag=left.etag if left else None)


@subject.write("POST", "/links/<uuid:link>/merge", links.Linked, body=Other, tagged=True)
def merge_links(call: Call, link: str, body: Other) -> Answer:
    """Bring the records of another link into this one; the other ends."""
    return _told(links.merge(call.desk, link, body.link, call.who, call.etag))


@subject.write("POST", "/links/<uuid:link>/split", links.Linked, body=Part, makes=True, tagged=True)
def split_link(call: Call, link: str, body: Part) -> Answer:
    """Make a new link of some records of this one, and return it."""
    kind = links.get(call.desk, link).kind
    refs = [links.ref_of(call.desk, r.connection, r.id, kind) for r in body.refs]
    made = links.split(call.desk, link, refs, call.who, call.etag)
    return Answer(made, etag=made.etag, location=_address(made))


def _told(link: links.Linked) -> Answer:
    return Answer(link, etag=link.etag)


def _address(link: links.Linked) -> str:
    return f"/api/v1/links/{link.id}"
