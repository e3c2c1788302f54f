"""A page that stays up to date by itself: server-sent events, few at a time: each takes a thread from webhooks."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from flask import Response, request

from bridge.core.errors import BridgeError

STREAMS_MAX, STREAM_S, POLL_S = 2, 60.0, 1.0
BACK_MS, RETRY_S = 1_000, 60

Parts = Mapping[str, str]


class Live:
    """
    The streams of one process. changed: what differs from before when there may be something new; it is asked at most
    once in POLL_S, for all streams together.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._slots = threading.BoundedSemaphore(STREAMS_MAX)
        self._asking, self._last = threading.Lock(), (-POLL_S, object())

    def stream(self, parts: Callable[[], Parts], ending: threading.Event) -> Response:
        """
        Return a stream that sends what changes of the parts of a page, each in HTML, for STREAM_S; 503 when there are
        as many streams as there may be. ending: set when the process is told to end, and then it ends too.

        The browser comes back with the print of what it has, and then hears only what is new.
        """
        if request.method == "HEAD":  # nobody would close what nobody reads
            return Response(content_type="text/event-stream")
        if ending.is_set() or not self._slots.acquire(blocking=False):
            return Response(status=503, headers={"Retry-After": str(RETRY_S)})
        seen = request.headers.get("Last-Event-ID") or request.args.get("seen", "")
        answer = Response(self._events(parts, seen, ending), content_type="text/event-stream")
        answer.headers["X-Accel-Buffering"] = "no"  # nginx would keep it back until it ends
        answer.call_on_close(self._slots.release)
        return answer

    def _events(self, parts: Callable[[], Parts], seen: str, ending: threading.Event) -> Iterator[str]:
        until = time.monotonic() + STREAM_S
        known: Parts | None = None
        mark: object = None
        yield f"retry: {BACK_MS}\n\n"
        while time.monotonic() < until:
            try:
                latest = self._latest()
                if latest != mark or known is None:
                    now = parts()
                    news = [html for key, html in now.items() if known is None or known.get(key) != html]
                    if news and not (known is None and digest(now) == seen):
                        yield _event(news, digest(now))
                    known, mark = now, latest
            except BridgeError:
                return  # the store does not answer: the browser comes back, and then hears of it
            yield ":\n\n"  # else nobody would notice that the browser has gone
            if ending.wait(POLL_S):
                return

    def _latest(self) -> object:
        with self._asking:
            if time.monotonic() - self._last[0] >= POLL_S:
                self._last = time.monotonic(), self._changed()
            return self._last[1]


def digest(parts: Parts) -> str:
    """Return a print of what a page shows."""
    return hashlib.sha256("\n".join(parts.values()).encode()).hexdigest()[:16]


def _event(parts: list[str], id: str) -> str:
    lines = "\n".join(parts).splitlines()
    return "".join(["event: parts\n", f"id: {id}\n", *(f"data: {line}\n" for line in lines if line.strip()), "\n"])
