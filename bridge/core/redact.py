"""Secrets taken out of what is kept or logged, in whatever way they were written down."""

from __future__ import annotations

import re
from collections.abc import Iterable

STARS = "***"
SECRET_CHARS_MIN = 6

# A backslash of JSON, perhaps percent-encoded or quoted again. Bounded, so that no body makes the search slow. Each
# of _STARTS begins with a literal, so that `re` skips what cannot be a start without trying it: that is 8 times faster.
_BACK = rb"(?:\\|%5[cC]){1,4}"
_STARTS = (rb"\\(?:\\|%5[cC]){0,3}", rb"%5[cC](?:\\|%5[cC]){0,3}")

# `"accessToken": "x"`, also in JSON that stands as text in JSON; `password=x`; `Authorization: Bearer x`
_NAMED = re.compile(
    r"([\w-]*(?:token|secret|passw|api[_-]?key|access[_-]?key|authorization|cookie)[\w-]*\\*\"?\s*[:=]\s*)"
    r"(\\*\")?((?:bearer|basic)\s+)?(?(2)[^\"\\]+|[^\s,;&{}\[\]<>\"\\]+)",
    re.I,
)


class Redactor:
    """
    Replaces secret values by ***: as they are, percent- or form-encoded, escaped as JSON, or several of these at once.

    Values of fewer than SECRET_CHARS_MIN characters are left alone: they would eat ids and amounts, and they
    are no secrets.
    """

    def __init__(self, values: Iterable[str]) -> None:
        wanted = {v for v in values if len(v) >= SECRET_CHARS_MIN}
        longest_first = sorted(wanted, key=lambda v: (-len(v), v))
        self._patterns = [(v.encode("utf-8", "surrogatepass"), re.compile(_pattern(v))) for v in longest_first]

    def bytes(self, body: bytes) -> bytes:
        """Return the body without secrets; safe to repeat."""
        encoded = b"%" in body or b"\\" in body or b"+" in body
        for plain, pattern in self._patterns:
            if encoded or plain in body:
                body = pattern.sub(STARS.encode(), body)
        return body

    def text(self, text: str) -> str:
        """Return the text without secrets; safe to repeat."""
        return self.bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def without_credentials(text: str) -> str:
    """Return the text without the values that stand behind such words as `token` or `password`."""
    return _NAMED.sub(lambda m: f"{m[1]}{m[2] or ''}{m[3] or ''}{STARS}", text)


def _pattern(secret: str) -> bytes:
    return b"".join(_character(c) for c in secret)


def _character(c: str) -> bytes:
    """Return a pattern of every way to write one character."""
    raw = c.encode("utf-8", "surrogatepass")
    units = c.encode("utf-16-be", "surrogatepass")
    percent = b"".join(rb"%%(?:25){0,2}(?i:%02x)" % byte for byte in raw)
    after = b"".join(_BACK + rb"(?i:u%s)" % units[i : i + 2].hex().encode() for i in range(0, len(units), 2))
    ways = [start + after.removeprefix(_BACK) for start in _STARTS]
    ways += [percent, re.escape(raw)]  # the longest first, so that no rest of it stays behind
    if c in '"/\\':
        ways[:0] = [start + way for start in _STARTS for way in (percent, re.escape(raw))]
    if c == " ":
        ways.append(rb"\+")
    return b"(?:" + b"|".join(ways) + b")"
