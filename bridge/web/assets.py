"""Style, script and pictures: their addresses name what they hold, so that a browser need not ask again."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, request, url_for

KEPT_S = 365 * 86_400


@cache
def _print(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def address_of(app: Flask, name: str) -> str:
    """Return the address of a file in static/, which changes with what it holds."""
    return url_for("static", filename=name, v=_print(_path(app, name)))


def kept_s(app: Flask, name: str | None) -> int | None:
    """Return for how many seconds a browser may keep the file that it asks for; None: it has to ask each time."""
    wanted = request.args.get("v")
    if name is None or wanted is None or not _path(app, name).is_file():
        return None
    return KEPT_S if wanted == _print(_path(app, name)) else None


def _path(app: Flask, name: str) -> Path:
    assert app.static_folder is not None
    return Path(app.static_folder) / name
