"""The first page: how each connection does, and what waits for a person."""

from __future__ import annotations

from flask import Blueprint, render_template

from bridge.desk import Desk


def routes(desk: Desk) -> Blueprint:
    """Return the page."""
    pages = Blueprint("overview", __name__)

    @pages.get("/")
    def overview() -> str:
        return render_template("overview.html")

    return pages
