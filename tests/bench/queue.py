"""Rival (c): Flask and huey on SQLite with fsync: each webhook is a task that looks one id up and writes, no more."""

from __future__ import annotations

import os
import sqlite3
import threading

import requests
from flask import Flask, Response, request
from huey import SqliteHuey  # type: ignore[import-untyped]  # it has no stubs

FOLDER, SINK = os.environ.get("BENCH_FOLDER", "."), os.environ.get("BENCH_SINK", "")

huey = SqliteHuey(filename=f"{FOLDER}/huey.db", fsync=True, timeout=30)
_local = threading.local()


@huey.task(retries=2)  # type: ignore[untyped-decorator]
def copy(deal: str, name: str) -> None:
    """Write a name to the deal's twin."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
        _local.db = sqlite3.connect(f"{FOLDER}/map.db")
    twin = _local.db.execute("SELECT target FROM map WHERE source = ?", (deal,)).fetchone()[0]
    url = f"{SINK}/c1/opportunities/{twin}"
    _local.session.put(url, json={"name": name}, timeout=10).raise_for_status()


def fill(path: str, pairs: list[tuple[str, str]]) -> None:
    """Make the map of ids."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE map (source TEXT PRIMARY KEY, target TEXT NOT NULL)")
        db.executemany("INSERT INTO map VALUES (?, ?)", pairs)
    db.close()


def create_app() -> Flask:
    app = Flask(__name__)

    @app.post("/hook")
    def hook() -> Response:
        body = request.get_json()
        copy(body["id"], body["name"])
        return Response(status=204)

    return app
