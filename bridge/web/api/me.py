"""Who calls."""

from __future__ import annotations

from bridge.desk.tokens import Known
from bridge.web.api.operations import Call, Subject

subject = Subject("me", "The token that you call with.")


@subject.get("/me", Known)
def who_am_i(call: Call) -> Known:
    """Tell which token this is."""
    return call.known
