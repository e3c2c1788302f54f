"""A webhook of GetFly on the wire: form-encoded with PHP's bracket keys or JSON, flat or wrapped in itself."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from bridge.connectors.base import Inbound, json_object, nudged

TOPICS = "opportunity."  # created and updated are documented, deleted is not
NUMBERED = "id:"  # marks a numeric id where a ref otherwise has the deal's code
WRAPS_MAX = 5
PAIRS_MAX = 1000
ID_DIGITS_MAX = 18
KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\]){0,8})")
PART = re.compile(r"\[([^\[\]]*)\]")

Envelope = dict[str, Any]


def envelopes(inbound: Inbound) -> list[Envelope]:
    """Return the envelope and those found in its `data`, outermost first. Never raises."""
    body = inbound.body.lstrip()
    found = [json_object(body) if body.startswith(b"{") else _form(body)]
    while len(found) < WRAPS_MAX:
        inner = found[-1].get("data")
        if not (isinstance(inner, dict) and "event" in inner and "data" in inner):
            break
        found.append(inner)
    return found


def said(envelope: Envelope, key: str) -> str:
    """Return a text or number of an envelope as text that any store takes, or ""."""
    value = envelope.get(key)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text.encode("utf-8", "replace").decode().replace("\0", "").strip()


def touched_id(inbound: Inbound) -> str:
    """Return the code of the deal that the webhook or nudge names, else `id:<number>`, else ""."""
    if given := nudged(inbound):
        return _numbered(given) or said({"id": given}, "id")
    inner = envelopes(inbound)[-1]
    data = inner.get("data")
    if not said(inner, "event").startswith(TOPICS) or not isinstance(data, dict):
        return ""
    numbers = (_numbered(said(data, key)) for key in ("opportunity_id", "id"))
    return said(data, "opportunity_code") or next(filter(None, numbers), "")


def _numbered(text: str) -> str:
    is_id = text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX and int(text) > 0
    return f"{NUMBERED}{int(text)}" if is_id else ""


def _form(body: bytes) -> Envelope:
    """Return the nested values of `a[b][c]=d` pairs; a key that fits no such form is left out."""
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=PAIRS_MAX)
    except ValueError:
        return {}
    form: Envelope = {}
    for key, value in pairs:
        if parts := KEY.fullmatch(key):
            _put(form, [parts[1], *PART.findall(parts[2])], value)
    return form


def _put(form: Envelope, path: list[str], value: str) -> None:
    place = form
    for part in path[:-1]:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        place = inner
    place[path[-1]] = value
