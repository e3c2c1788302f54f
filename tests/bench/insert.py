"""Rival (b): Flask that keeps each webhook by one sqlite-utils insert, synced to disk, before it answers."""

from __future__ import annotations

import os
import sqlite3
import threading

from flask import Flask, Response, request
from sqlite_utils import Database

_local = threading.local()


def database() -> Database:
    """Return this thread's own connection."""
    if not hasattr(_local, "db"):
        raw = sqlite3.connect(os.environ["BENCH_FOLDER"] + "/insert.db", timeout=30)
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        _local.db = Database(raw, execute_plugins=False)
    return _local.db  # type: ignore[no-any-return]


def create_app() -> Flask:
    app = Flask(__name__)

    @app.post("/hook")
    def hook() -> Response:
        database()["delivery"].insert({"body": request.get_data()})  # type: ignore[union-attr]
        return Response(status=204)

    return app
