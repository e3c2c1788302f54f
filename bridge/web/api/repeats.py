"""A request with an `Idempotency-Key` that is sent again is not done again: it hears the first answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from flask import Response, request

from bridge.desk import Desk
from bridge.web.api.inputs import Invalid
from bridge.web.problems import problem

KEPT_MS = 24 * 3_600_000
GIVEN_UP_MS = 5 * 60_000
KEY = re.compile(r"[\x21-\x7e]{1,200}")
KEPT_HEADERS = ("Content-Type", "ETag", "Location")
OTHER = "This Idempotency-Key was sent with another request. Use a new key for each new request."
RUNNING = "The first request with this Idempotency-Key still runs. Wait, then send it again."


def key_of_request() -> str | None:
    """Return the Idempotency-Key, or None; raises Invalid."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise Invalid([("Idempotency-Key", "1 to 200 characters of ASCII without blanks")])
    return key


def fingerprint(body: bytes) -> str:
    """Return a hash of what the request asks for. body: or a hash of it."""
    parts = (request.method, request.path, request.query_string.decode("latin-1"), request.headers.get("If-Match", ""))
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + body).hexdigest()


def once(desk: Desk, token: str, key: str, wanted: str, act: Callable[[], Response]) -> Response:
    """
    Act and keep the answer, or return the answer that was kept.

    What fails is forgotten, so that it can be sent again. When a process ends while it acts, the key is free again
    after GIVEN_UP_MS.
    """
    store, now = desk.store, desk.now()
    if not store.begin_request(token, key, wanted, now, forgotten=now - KEPT_MS, given_up=now - GIVEN_UP_MS):
        return _again(desk, token, key, wanted)
    try:
        response = act()
    except BaseException:
        store.drop_request(token, key)
        raise
    if response.status_code >= 500:
        store.drop_request(token, key)
        return response
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    store.end_request(token, key, response.status_code, kept, response.get_data(as_text=True))
    return response


def _again(desk: Desk, token: str, key: str, wanted: str) -> Response:
    known = desk.store.answered(token, key)
    if known is None or (known["request"] == wanted and known["status"] is None):
        return problem(409, RUNNING, headers={"Retry-After": "1"})
    if known["request"] != wanted:
        return problem(422, OTHER)
    return Response(known["body"], known["status"], {**known["headers"], "Idempotent-Replayed": "true"})
