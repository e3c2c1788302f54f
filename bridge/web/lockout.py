"""Who guesses secrets has to wait."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

WRONG_MAX = 10
WINDOW_S = 60.0
ADDRESSES_MAX = 10_000


class Lockout:
    """
    Counts the wrong secrets of each address, in this process: after WRONG_MAX within WINDOW_S it waits WINDOW_S.

    An IPv6 address counts as its /64, which is what one caller has of them. When more than ADDRESSES_MAX have been
    wrong, the one that has been so the longest ago is forgotten.
    """

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str | None) -> int:
        """Return how many seconds an address has to wait before anything it sends is looked at; 0 for none."""
        with self._lock:
            times = self._wrong.get(_caller(address))
            if times is None or len(times) < WRONG_MAX or times[-1] - times[0] > WINDOW_S:
                return 0
            return max(0, math.ceil(times[-1] + WINDOW_S - self._monotonic_s()))

    def wrong(self, address: str | None) -> None:
        """Count a wrong secret."""
        caller = _caller(address)
        with self._lock:
            self._wrong.setdefault(caller, deque(maxlen=WRONG_MAX)).append(self._monotonic_s())
            self._wrong.move_to_end(caller)
            if len(self._wrong) > ADDRESSES_MAX:
                self._wrong.popitem(last=False)


def _caller(address: str | None) -> str:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed)
