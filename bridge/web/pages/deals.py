"""A deal: its sides next to each other, what waits, why each value is as it is, and all that has happened."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from bridge.desk import Desk, links
from bridge.desk.story import explain

LINES_MAX = 200


def routes(desk: Desk) -> Blueprint:
    """Return the page of a deal, and what finds one."""
    pages = Blueprint("deals", __name__)

    @pages.get("/deals")
    def find() -> Response:
        """Go to the one deal that has this id, code or name, else to the list of those that may be meant."""
        q = request.args.get("q", "").strip()
        found = links.page(desk, q=q, n=2).items if q else ()
        if len(found) == 1:
            return redirect(f"/deals/{found[0].id}")
        return redirect(f"/links?{urlencode({'q': q})}" if q else "/links")

    @pages.get("/deals/<link>")
    def one(link: str) -> str:
        field = request.args.get("field") or None
        story = explain(desk, link)
        shown = explain(desk, link, field) if field else story
        lines = list(reversed(shown.timeline))
        cut = 0 if "all" in request.args else max(0, len(lines) - LINES_MAX)
        return render_template(
            "deal.html", story=story, shown=shown, field=field or "", lines=lines[: len(lines) - cut], cut=cut
        )

    return pages
