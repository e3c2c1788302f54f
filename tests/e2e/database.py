"""One look into the database from outside, on either engine."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg

from bridge.store import on_server


def ask(address: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """
    Run one statement (parameters: ?) and return its rows.

    The connection is closed at once: a bridge that was killed must find its way back into a SQLite file alone.
    """
    if on_server(address):
        with psycopg.connect(address, autocommit=True) as server:
            cursor = server.execute(sql.replace("?", "%s"), values or None)
            return cursor.fetchall() if cursor.description else []
    with closing(sqlite3.connect(address, timeout=10)) as file, file:
        return file.execute(sql, values).fetchall()
