"""Everything that the bridge remembers: links, hub, shadows, deliveries, journal. All SQL stands in queries.sql."""

from bridge.store.store import Claim, Fenced, Store

__all__ = ["Claim", "Fenced", "Store"]
