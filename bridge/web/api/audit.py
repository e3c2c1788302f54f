"""What people did."""

from __future__ import annotations

from bridge.desk import Page, audit
from bridge.web.api.inputs import Paging
from bridge.web.api.operations import Call, Subject

subject = Subject("audit", "What people did, through whichever door.")


@subject.get("/audit", Page[audit.Done], query=Paging)
def list_audit(call: Call, query: Paging) -> Page[audit.Done]:
    """List what people did, newest first."""
    return audit.page(call.desk, query.cursor or None, query.limit)
