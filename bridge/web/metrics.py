"""/metrics, for Prometheus: with a token of either role."""

from __future__ import annotations

import sqlite3
from importlib.metadata import version

from flask import Blueprint, Response, request

from bridge.core.errors import BridgeError
from bridge.desk import Desk
from bridge.desk.pulse import health
from bridge.store.tally import Tally
from bridge.web.admission import admitted
from bridge.web.lockout import Lockout
from bridge.web.problems import problem

VERSION = version("opportunity-bridge")


def metrics(desk: Desk, lockout: Lockout, tally: Tally) -> Blueprint:
    """Return the route. tally: what this process has counted and not told the store yet."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics", provide_automatic_options=False)
    def scrape() -> Response:
        try:
            known = admitted(desk, lockout)
            if isinstance(known, Response):
                return known
            tally.flush(desk.store)
            pulse, counted = health(desk), desk.store.tallies()
        except (BridgeError, sqlite3.Error, OSError):
            return problem(503, headers={"Retry-After": "5"})
        from bridge.web.exposition import exposition  # only who is scraped pays for it

        text, content_type = exposition(pulse, counted, VERSION, request.headers.get("Accept", ""))
        return Response(text, content_type=content_type)

    return routes
