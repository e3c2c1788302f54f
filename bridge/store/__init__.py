"""Everything that the bridge remembers: links, hub, shadows, deliveries, journal. All SQL stands in queries.sql."""

from bridge.store.clock import Clock
from bridge.store.engine import STORE_FAILED, Taken, on_server
from bridge.store.sqlite import CURE
from bridge.store.store import Claim, Fenced, Store

__all__ = ["CURE", "STORE_FAILED", "Claim", "Clock", "Fenced", "Store", "Taken", "on_server"]
