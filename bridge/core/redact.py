"""Secrets taken out of what is kept or logged, in whatever way they were written down."""

from __future__ import annotations

import re
from collections.abc import Iterable

STARS = "***"
SECRET_CHARS_MIN = 6

# A backslash of JSON, perhaps percent-encoded or quoted again. Bounded, so that no body makes the search slow.
_BACK = rb"(?:\\|%5[cC]){1,4}"


class Redactor:
    """
    Replaces secret values by ***: as they are, percent- or form-encoded, escaped as JSON, or several of these at once.

    Values of fewer than SECRET_CHARS_MIN characters are left alone: they would eat ids and amounts. Settings refuse
    such secrets.
    """

    def __init__(self, values: Iterable[str]) -> None:
        wanted = {v for v in values if len(v) >= SECRET_CHARS_MIN}
        self._patterns = [re.compile(_pattern(v)) for v in sorted(wanted, key=lambda v: (-len(v), v))]

    def bytes(self, body: bytes) -> bytes:
        """Return the body without secrets; safe to repeat."""
        for pattern in self._patterns:
            body = pattern.sub(STARS.encode(), body)
        return body

    def text(self, text: str) -> str:
        """Return the text without secrets; safe to repeat."""
        return self.bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def _pattern(secret: str) -> bytes:
    return b"".join(_character(c) for c in secret)


def _character(c: str) -> bytes:
    """Return a pattern of every way to write one character."""
    raw = c.encode("utf-8", "surrogatepass")
    units = c.encode("utf-16-be", "surrogatepass")
    percent = b"".join(rb"%%(?:25){0,2}(?i:%02x)" % byte for byte in raw)
    escaped = b"".join(_BACK + rb"(?i:u%s)" % units[i : i + 2].hex().encode() for i in range(0, len(units), 2))
    ways = [escaped, percent, re.escape(raw)]  # the longest first, so that no rest of it stays behind
    if c in '"/\\':
        ways[:0] = [_BACK + percent, _BACK + re.escape(raw)]
    if c == " ":
        ways.append(rb"\+")
    return b"(?:" + b"|".join(ways) + b")"
