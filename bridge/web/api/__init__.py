"""
The admin API at /api/v1, its document at /api/openapi.json, and the same for people at /api.

A subject is one module: functions of the desk, each with its address. To add one, write it as `audit.py` is written and
name it in SUBJECTS; the document and every check of a call follow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from flask import Blueprint, Response, render_template

from bridge.desk import Desk
from bridge.web.api import audit, choices, connections, dead, deliveries, holds, links, me, story
from bridge.web.api.calls import Calls
from bridge.web.api.operations import Subject
from bridge.web.api.sketch import sketch
from bridge.web.lockout import Lockout

__all__ = ["SUBJECTS", "admin_api"]

PREFIX = "/api/v1"
SUBJECTS: Sequence[Subject] = tuple(
    part.subject for part in (links, story, choices, connections, deliveries, holds, dead, audit, me)
)


def admin_api(desk: Desk, lockout: Lockout) -> Blueprint:
    """Return the routes."""
    routes, calls = Blueprint("api", __name__), Calls(desk, lockout)
    for subject in SUBJECTS:
        for each in subject.operations:
            view = partial(calls.answer, each)
            routes.add_url_rule(
                PREFIX + each.path, each.name, view, methods=[each.method], provide_automatic_options=False
            )

    routes.add_app_template_filter(sketch, "shape")

    @cache
    def told() -> Mapping[str, Any]:
        from bridge.web.api.document import document  # only who reads it pays for it

        return document(SUBJECTS, PREFIX)

    @routes.get("/api/openapi.json", provide_automatic_options=False)
    def openapi() -> Response:
        return Response(json.dumps(told(), ensure_ascii=False), content_type="application/json")

    @routes.get("/api", provide_automatic_options=False)
    def reference() -> str:
        return render_template("api.html", told=told())

    return routes
