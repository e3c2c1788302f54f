"""What the bridge hears and does, live."""

from __future__ import annotations

import threading
from typing import Any, cast

from flask import Blueprint, Response, current_app, render_template, request

from bridge.desk import Desk, Page, activity
from bridge.desk.activity import SHOWN, Line
from bridge.web.pages.live import Live, Parts, digest


def routes(desk: Desk) -> Blueprint:
    """Return the page, the stream that keeps it up to date, and its lines alone."""
    pages = Blueprint("activity", __name__)
    lives: list[Live] = []

    @pages.record_once
    def begin(state: Any) -> None:
        ending = cast(threading.Event, state.app.extensions["ending"])
        lives.append(Live(desk.store.latest, ending))

    @pages.get("/activity")
    def show() -> str:
        wanted = _wanted()
        found = _page(desk, wanted, request.args.get("cursor"))
        html = _html(found)
        shown = {"page": found, "lines": html.values(), "seen": digest(html), "connections": desk.connections}
        return render_template("activity.html", **shown, wanted=wanted, outcomes=SHOWN)

    @pages.get("/activity/stream")
    def stream() -> Response:
        wanted, app = _wanted(), current_app._get_current_object()  # type: ignore[attr-defined]
        _page(desk, wanted, None)  # what is wrong with the filters is said before the stream begins

        def parts() -> Parts:
            with app.app_context():
                return _html(_page(desk, wanted, None))

        return lives[0].stream(parts)

    @pages.get("/activity/lines")
    def lines() -> str:
        return "".join(_html(_page(desk, _wanted(), None)).values())

    return pages


def _wanted() -> dict[str, str]:
    return {name: request.args.get(name, "") for name in ("connection", "outcome", "link")}


def _page(desk: Desk, wanted: dict[str, str], cursor: str | None) -> Page[Line]:
    return activity.page(
        desk, connection=wanted["connection"], link=wanted["link"], outcome=wanted["outcome"], before=cursor
    )


def _html(page: Page[Line]) -> Parts:
    """Return each line in HTML, by its id."""
    line = current_app.jinja_env.get_template("activity-line.html").module.line  # type: ignore[attr-defined]
    return {each.id: str(line(each)).strip() for each in page.items}
