"""What the bridge hears and does, live."""

from __future__ import annotations

from flask import Blueprint, render_template

from bridge.desk import Desk


def routes(desk: Desk) -> Blueprint:
    """Return the page."""
    pages = Blueprint("activity", __name__)

    @pages.get("/activity")
    def activity() -> str:
        return render_template("activity.html")

    return pages
