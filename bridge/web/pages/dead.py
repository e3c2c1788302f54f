"""Dead letters: what was given up, with what was to be written and what the CRM said."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request

from bridge.desk import Desk, dead
from bridge.desk.dead import Which
from bridge.web.pages.session import said, who
from bridge.web.pages.words import many

SHOWN = 50
FILTERS = ("connection", "link", "reason")


def routes(desk: Desk) -> Blueprint:
    """Return the list, one letter, and what can be done about them."""
    pages = Blueprint("dead", __name__)

    @pages.get("/dead")
    def every() -> str:
        which = _wanted(request.args)
        found = dead.page(desk, which, after=request.args.get("cursor", ""), n=SHOWN)
        count = dead.count(desk, which)
        return render_template("dead.html", page=found, count=count, which=which, connections=desk.connections)

    @pages.get("/dead/<letter>")
    def one(letter: str) -> str:
        return render_template("dead-letter.html", letter=dead.one(desk, letter))

    @pages.post("/dead/replay")
    def replay_all() -> Response:
        which = _wanted(request.form)
        n = dead.replay_many(desk, who(), which)
        return said(_address(which), f"{many(n, 'dead letter')} {'is' if n == 1 else 'are'} tried again.")

    @pages.post("/dead/<letter>/replay")
    def replay(letter: str) -> Response:
        dead.replay(desk, who(), letter)
        return said("/dead", "It is tried again.")

    @pages.post("/dead/<letter>/discard")
    def discard(letter: str) -> Response:
        dead.discard(desk, who(), letter, request.form.get("reason", ""))
        return said("/dead", "It is discarded.")

    return pages


def _wanted(given: Mapping[str, str]) -> Which:
    return Which.model_validate({name: given.get(name, "") for name in FILTERS})


def _address(which: Which) -> str:
    kept = {k: v for k, v in which.model_dump(exclude_none=True).items() if v}
    return f"/dead?{urlencode(kept)}" if kept else "/dead"
