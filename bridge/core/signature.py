"""Whether a webhook brings a shared secret, compared in constant time."""

from __future__ import annotations

import hmac


def same_secret(given: str | None, wanted: str | None) -> bool:
    """Compare in constant time; an empty or missing secret never matches."""
    if not given or not wanted:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))
