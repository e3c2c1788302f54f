"""Why a deal is as it is."""

from __future__ import annotations

from bridge.desk import Page, journal, story
from bridge.web.api.inputs import Paging
from bridge.web.api.operations import Call, Subject

subject = Subject("story", "Why a deal is as it is: who set each field, where it went, and why not elsewhere.")


@subject.get("/links/<uuid:link>/journal", Page[journal.Noted], query=Paging)
def list_journal(call: Call, link: str, query: Paging) -> Page[journal.Noted]:
    """List what was decided about a link, oldest first, as it is kept."""
    return journal.page(call.desk, link, query.cursor, query.limit)


@subject.get("/links/<uuid:link>/explain", story.Story)
def explain_link(call: Call, link: str) -> story.Story:
    """Explain a link: each field, each side, what waits, and its history in sentences."""
    return story.explain(call.desk, link)


@subject.get("/links/<uuid:link>/explain/<field>", story.Story)
def explain_field(call: Call, link: str, field: str) -> story.Story:
    """Explain one field of a link."""
    return story.explain(call.desk, link, field)
