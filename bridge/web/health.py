"""/healthz: is the process alive. /readyz: can it keep what vendors send."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time

from flask import Blueprint, Response

from bridge.core.errors import BridgeError
from bridge.log import log_event
from bridge.store import Store
from bridge.web.problems import problem

PROVE_S = 0.5  # a proof is a write: whoever asks more often hears the last answer
UNREACHABLE = "The store cannot be written to: {cure}. The log has what the database said."


def health(store: Store) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("health", __name__)
    asking, last = threading.Lock(), [(-PROVE_S, "")]

    @routes.get("/healthz")
    def healthz() -> Response:
        return Response("ok", content_type="text/plain; charset=utf-8")

    @routes.get("/readyz")
    def readyz() -> Response:
        with asking:
            if time.monotonic() - last[0][0] >= PROVE_S:
                last[0] = time.monotonic(), _unready(store)
            why = last[0][1]
        return problem(503, why) if why else Response("ready", content_type="text/plain; charset=utf-8")

    return routes


def _unready(store: Store) -> str:
    """Return what is wrong and its cure, or nothing."""
    try:
        pending = store.db.pending()
        if pending:
            return f"The schema lacks {', '.join(pending)}. Run `bridge db migrate`."
        store.db.prove()
    except (BridgeError, sqlite3.Error, OSError) as error:
        log_event(
            "web.unready", level=logging.ERROR, reason=getattr(error, "reason", "store_failed"), detail=str(error)
        )
        return UNREACHABLE.format(cure=store.db.cure)
    return ""
