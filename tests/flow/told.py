"""How every field of a link stands, as its journal alone tells it, and as the store keeps it: they must be the same."""

from __future__ import annotations

from typing import Any

from bridge.core.history import retrace
from bridge.core.model import FOREVER
from bridge.store import Store


def from_the_journal(store: Store, link: str) -> dict[str, Any]:
    history = retrace(store.journal(link))
    ended = not store.refs(link)  # what has no side has no value either
    known = {name: past for name, past in history.fields.items() if past.version and not ended}
    return {
        "hub": {
            name: (p.value, p.version, p.origin, (p.held["new"] or FOREVER) if p.held else None)
            for name, p in known.items()
        },
        "base": {(c, name): s.base for name, p in known.items() for c, s in p.stands.items() if s.base is not None},
        "behind": {(c, name) for name, p in known.items() for c in p.stands if p.behind(c)},
        "holds": {key: (e["detail"], e["new"], e["at"]) for key, e in history.waits.items()},
        "gone": set(history.gone),
    }


def from_the_store(store: Store, link: str) -> dict[str, Any]:
    copy = store.peek(link)
    shadows = {(s.ref.connection, name): sh for s in copy for name, sh in s.shadows.items()}
    return {
        "hub": {name: (h.value, h.version, h.origin, h.held_until) for name, h in copy.hubs.items()},
        "base": {key: sh.base for key, sh in shadows.items()},
        "behind": {(c, name) for (c, name), sh in shadows.items() if sh.base < copy.hubs[name].version},
        "holds": {(h["connection"], h["field"]): (h["reason"], h["cure"], h["since"]) for h in store.holds(link)},
        "gone": {s.ref.connection for s in copy if s.gone},
    }
