"""What the bridge hears and does, live."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template, request
from jinja2 import Environment

from bridge.desk import Desk, Page, activity
from bridge.desk.activity import SHOWN, Line
from bridge.web.pages.live import Live, Parts, digest


def routes(desk: Desk) -> Blueprint:
    """Return the page, the stream that keeps it up to date, and its lines alone."""
    pages = Blueprint("activity", __name__)
    live = Live(desk.store.latest)

    @pages.get("/activity")
    def show() -> str:
        wanted = _wanted()
        found = _page(desk, wanted, request.args.get("cursor"))
        html = _html(current_app.jinja_env, found)
        shown = {"page": found, "lines": html.values(), "seen": digest(html), "connections": desk.connections}
        return render_template("activity.html", **shown, wanted=wanted, outcomes=SHOWN)

    @pages.get("/activity/stream")
    def stream() -> Response:
        wanted, environment = _wanted(), current_app.jinja_env
        _page(desk, wanted, None)  # what is wrong with the filters is said before the stream begins
        return live.stream(lambda: _html(environment, _page(desk, wanted, None)), current_app.extensions["ending"])

    @pages.get("/activity/lines")
    def lines() -> str:
        return "".join(_html(current_app.jinja_env, _page(desk, _wanted(), None)).values())

    return pages


def _wanted() -> dict[str, str]:
    return {name: request.args.get(name, "") for name in ("connection", "outcome", "link")}


def _page(desk: Desk, wanted: dict[str, str], cursor: str | None) -> Page[Line]:
    return activity.page(
        desk, connection=wanted["connection"], link=wanted["link"], outcome=wanted["outcome"], before=cursor
    )


def _html(environment: Environment, page: Page[Line]) -> Parts:
    """Return each line in HTML, by its id."""
    line = environment.get_template("activity-line.html").module.line  # type: ignore[attr-defined]
    return {each.id: str(line(each)).strip() for each in page.items}
