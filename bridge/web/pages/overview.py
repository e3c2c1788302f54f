"""The first page: how each connection does, what waits for a person, what happened in the last day."""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Blueprint, render_template

from bridge.desk import Desk, overview
from bridge.desk.overview import Lately
from bridge.desk.pulse import Pulse, health

LATELY_S = 60.0


def routes(desk: Desk) -> Blueprint:
    """Return the page, and the part of it that is fetched again and again."""
    pages = Blueprint("overview", __name__)
    asking = threading.Lock()
    kept: list[tuple[float, Lately]] = []

    def lately() -> Lately:
        with asking:
            if not kept or time.monotonic() - kept[0][0] >= LATELY_S:
                kept[:] = [(time.monotonic(), overview.lately(desk))]
            return kept[0][1]

    def shown() -> dict[str, Any]:
        pulse, day = health(desk), lately()
        return {"pulse": pulse, "day": day, "waits": overview.waits(desk), "steps": steps(pulse, day)}

    @pages.get("/")
    def show() -> str:
        return render_template("overview.html", **shown())

    @pages.get("/overview/numbers")
    def numbers() -> str:
        return render_template("overview-numbers.html", **shown())

    return pages


def steps(pulse: Pulse, day: Lately) -> list[tuple[bool, str, str, str]]:
    """Return what it takes until the bridge works: is it done, what it is, the page where it is done, its name."""
    known = any(c.heard_at or c.swept_at for c in pulse.connections)
    return [
        (pulse.workers > 0, "Start a worker: bridge serve, or bridge work beside the web process.", "", ""),
        (known, "Connect your CRMs: check each one, and let its webhook point here.", "/connections", "Connections"),
        (day.choices > 0, "Say what the values of their lists mean: stages, owners, pipelines.", "/choices", "Choices"),
        (day.links > 0, "Say which deals are the same: type their ids, or import a file.", "/links", "Deals & links"),
    ]
