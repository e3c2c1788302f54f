"""What goes wrong in the sandbox: calls that fail, hang or crawl, and webhooks that repeat, get lost or come late."""

from __future__ import annotations

import io
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import get_input_stream

from bridge.sandbox.base import KEYS, Simulator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BRIDGE_KEYS = tuple(key for key, who in KEYS.items() if who == "bridge")


def _number(default: float, most: float, what: str) -> Any:
    return field(default=default, metadata={"What.": what, "most": most})


@dataclass(frozen=True)
class Faults:
    """
    What goes wrong, and how often. Rates are shares from 0 to 1; everything is off by default.

    Only calls that carry the bridge's credential are struck: what a person does in the sandbox is certain.
    Raises ValueError for a value out of its range.
    """

    errors: float = _number(0.0, 1, "Share of calls answered with the vendor's server error; nothing is changed.")
    throttles: float = _number(0.0, 1, "Share of calls answered “over the limit”; nothing is changed.")
    hangs_before: float = _number(0.0, 1, "Share of calls that get no answer at all; nothing is changed.")
    hangs_after: float = _number(0.0, 1, "Share of calls that get no answer at all, though the change is made.")
    hang_s: float = _number(3.0, 120, "Seconds that a call without an answer is held before the line goes dead.")
    slow_s: float = _number(0.0, 60, "Every call takes up to so many seconds longer.")
    duplicate: float = _number(0.0, 1, "Share of webhooks sent twice.")
    drop: float = _number(0.0, 1, "Share of webhooks never sent.")
    delay_s: float = _number(0.0, 3600, "A webhook leaves up to so many seconds late.")
    reorder: bool = field(default=False, metadata={"what": "A later webhook may overtake an earlier one."})
    seed: int = _number(0, 2**31, "The same seed rolls the same dice.")

    def __post_init__(self) -> None:
        for one in fields(self):
            value, most = getattr(self, one.name), one.metadata.get("most")
            if most is None and not isinstance(value, bool):
                raise ValueError(f"{one.name} is true or false")
            if most is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise ValueError(f"{one.name} is a number")
            if most is not None and not 0 <= value <= most:
                raise ValueError(f"{one.name} is from 0 to {most}")

    @classmethod
    def rough(cls, seed: int = 0) -> Faults:
        """Return the faults of a bad day, lively yet such that a good bridge survives them quickly."""
        return cls(
            errors=0.08, throttles=0.03, hangs_before=0.02, hangs_after=0.03, hang_s=3, slow_s=0.05,
            duplicate=0.3, delay_s=1.5, reorder=True, seed=seed,
        )  # fmt: skip

    def but(self, changes: Mapping[str, Any]) -> Faults:
        """Return these faults with some values replaced. Raises ValueError for an unknown name or a wrong value."""
        if unknown := changes.keys() - {one.name for one in fields(self)}:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")
        return replace(self, **changes)

    def fate(self, roll: float) -> str:
        """Return what happens to a call: "errors", "throttles", "hangs_before", "hangs_after", or "" for nothing."""
        for name in ("errors", "throttles", "hangs_before", "hangs_after"):
            share: float = getattr(self, name)
            if roll < share:
                return name
            roll -= share
        return ""

    def departures(self, roll: Callable[[], float]) -> list[float]:
        """Return after how many seconds each copy of a webhook leaves; an empty list when it is dropped."""
        if roll() < self.drop:
            return []
        copies = 2 if roll() < self.duplicate else 1
        return [roll() * self.delay_s for _ in range(copies)]


class Dice:
    """The faults in force, which may change while the sandbox runs, and the one seeded source of chance."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._lock = threading.Lock()
        self._random = random.Random(faults.seed)

    def roll(self) -> float:
        """Return the next number from 0 up to 1."""
        with self._lock:
            return self._random.random()

    def change(self, faults: Faults) -> None:
        """Put other faults in force; the dice start again only when the seed is another one."""
        with self._lock:
            if faults.seed != self.faults.seed:
                self._random = random.Random(faults.seed)
            self.faults = faults


class Faulty:
    """
    The middleware between the network and one simulator: it strikes calls of the bridge, and counts all calls.

    A call that gets no answer ends in ConnectionResetError, upon which the server closes the connection.
    """

    def __init__(
        self, app: WSGIApplication, simulator: Simulator, dice: Dice, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.app, self.simulator, self.dice, self.sleep = app, simulator, dice, sleep
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._count("calls")
        if not _from_bridge(environ):
            return self.app(environ, start_response)
        self._count("bridge_calls")
        faults = self.dice.faults
        fate = faults.fate(self.dice.roll())
        if fate:
            self._count(fate)
        if faults.slow_s:
            self.sleep(self.dice.roll() * faults.slow_s)
        if fate in ("errors", "throttles"):
            return self._refuse(fate)(environ, start_response)
        if fate:
            return self._hang(fate, faults.hang_s, environ)
        return self.app(environ, start_response)

    def _refuse(self, fate: str) -> Response:
        with self.simulator.app.test_request_context():
            return self.simulator.broken() if fate == "errors" else self.simulator.throttled()

    def _hang(self, fate: str, hang_s: float, environ: WSGIEnvironment) -> Iterable[bytes]:
        if fate == "hangs_after":
            run_wsgi_app(self.app, environ, buffered=True)
        self.sleep(hang_s)
        raise ConnectionResetError("no answer, as the faults wish")

    def _count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1


def _from_bridge(environ: WSGIEnvironment) -> bool:
    """Tell whether the bridge's credential stands in a header, the query or the body, and keep the body readable."""
    said = [str(value) for name, value in environ.items() if name.startswith("HTTP_")]
    said.append(environ.get("QUERY_STRING", ""))
    body = get_input_stream(environ).read()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["wsgi.input_terminated"] = True
    said.append(body.decode("latin-1"))
    return any(key in text for key in BRIDGE_KEYS for text in said)
