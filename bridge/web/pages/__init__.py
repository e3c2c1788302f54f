"""
The pages for people, at /. Each shows what a function of bridge.desk returns; the shell does the rest.

To add a page:
1. bridge/web/pages/<page>.py has `def routes(desk: Desk) -> Blueprint`; name it in PAGES. NAVIGATION has its title.
2. bridge/web/templates/<page>.html: `{% extends "base.html" %}{% import "parts.html" as parts %}`, blocks `title` and
   `main`. What stands in parts.html and seat.css is there to be used. `<form method="post">` begins with `{{ csrf }}`.
3. A deed is a POST, and the shell lets only role write through. It calls the desk with `who()` and returns
   `said("/where", "What is now true.")`, which goes there and says so. Refused becomes a page, or a note for htmx, by
   itself. Templates have `known` (who is signed in) and `may_write`; a view that takes a file has `@takes(bytes)`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Flask, g, request
from markupsafe import Markup

from bridge.core.errors import BridgeError
from bridge.desk import Desk, moment
from bridge.desk.overview import Waits, waits
from bridge.web.assets import address_of
from bridge.web.lockout import Lockout
from bridge.web.pages import activity, choices, connections, dead, deals, errors, holds, links, overview, session, words

PAGES: tuple[Callable[[Desk], Blueprint], ...] = (
    overview.routes,
    activity.routes,
    links.routes,
    deals.routes,
    choices.routes,
    holds.routes,
    dead.routes,
    connections.routes,
)


class Place(NamedTuple):
    """A line of the navigation. also: other addresses that belong to it. waiting: of `Waits`, shown beside it."""

    title: str
    path: str
    also: tuple[str, ...] = ()
    waiting: str = ""


NAVIGATION = (
    Place("Overview", "/"),
    Place("Activity", "/activity"),
    Place("Deals & links", "/links", ("/deals",)),
    Place("Choices", "/choices"),
    Place("Holds", "/holds", waiting="holds"),
    Place("Dead letters", "/dead", waiting="dead"),
    Place("Connections", "/connections"),
)


def add_pages(app: Flask, desk: Desk, lockout: Lockout) -> None:
    """Add all pages to an application."""
    door = session.routes(desk, lockout)
    errors.handle(door)
    app.register_blueprint(door)
    for page in PAGES:
        blueprint = page(desk)
        session.guard(blueprint, desk)
        errors.handle(blueprint)
        app.register_blueprint(blueprint)
    errors.handle_strangers(app, desk)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= words.FILTERS
    app.jinja_env.filters["ago"] = lambda when: words.ago(when, moment(desk.now()))
    app.jinja_env.filters["vendor"] = partial(_vendor, desk)
    app.jinja_env.globals |= {"static": partial(address_of, app), "here": _here}
    app.context_processor(partial(_context, desk))


def _context(desk: Desk) -> dict[str, Any]:
    """Return what every template has; a stranger's page has no navigation."""
    known = session.known_or_none()
    shown = {"known": known, "may_write": known is not None and known.may_write, "theme": session.theme()}
    if known is None:
        return shown | {"csrf": Markup(), "places": ()}
    here = max((p for p in NAVIGATION if _within(p)), key=lambda p: len(p.path), default=None)
    counts = Waits(holds=0, dead=0)
    with suppress(BridgeError):  # the page that says that the store does not answer has a navigation too
        counts = waits(desk)
    places = [(p, p is here, getattr(counts, p.waiting) if p.waiting else 0) for p in NAVIGATION]
    field = Markup('<input type="hidden" name="csrf" value="{}">').format(g.csrf)
    return shown | {"csrf": field, "csrf_token": g.csrf, "places": places, "flash": session.take_flash()}


def _within(place: Place) -> bool:
    paths = (place.path, *place.also)
    return any(request.path == p or (p != "/" and request.path.startswith(p + "/")) for p in paths)


def _here(**changes: str | None) -> str:
    """Return the address of this page with some of its query changed; None takes a part out."""
    kept = {k: v for k, v in (request.args.to_dict() | changes).items() if v}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def _vendor(desk: Desk, connection: str) -> str:
    """Return the vendor of a connection; nothing for one that is not configured any more."""
    known = desk.connections.get(connection)
    return known.connector.vendor if known else ""
