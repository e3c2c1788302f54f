"""A desk over accounts whose lists a test makes up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.connectors.base import Account
from bridge.connectors.memory import Habits, Memory, MemoryVendor
from bridge.core import rules
from bridge.core.fields import Choice, Field, Party, Text
from bridge.core.model import Hold, Hub, Native, Ref, Shadow
from bridge.desk import Desk
from bridge.settings import Settings
from bridge.sides import Connection
from bridge.store import Store

NOW = 1_750_000_000_000
TABLES: Mapping[str, tuple[Field, ...]] = {
    "a": (
        Text("name", "n"),
        Choice("pipeline", "p"),
        Choice("stage", "s", scope="pipeline"),
        Choice("status", "s", scope="pipeline", via="stage"),
        Choice("owner", "o"),
        Party("contact", "c"),
    ),
    "b": (Choice("stage", "s"), Choice("owner", "o"), Choice("status", "st")),
    "c": (Choice("stage", "s"), Choice("owner", "o"), Choice("status", "s", via="stage")),
}


def settings_of(policies: Mapping[str, str]) -> Settings:
    return Settings("", "", 1, 14, 1, {}, policies)


def desk_of(
    store: Store, tables: Mapping[str, Sequence[Field]] = TABLES, policies: Mapping[str, str] | None = None
) -> Desk:
    connections = {}
    for order, (name, table) in enumerate(tables.items()):
        vendor = MemoryVendor(lambda: NOW, Habits(table=tuple(table)))
        connector = Memory(Account(name, "", {"secret": "s"}), here=vendor)
        connections[name] = Connection(connector, rules.Habits(), order)
    return Desk(store, connections, settings_of(policies or {}), lambda: NOW)


def listing(store: Store, connection: str, **fields: Mapping[str, str]) -> None:
    """Keep what the lists of a connection offer: by field, native value to label."""
    rows = [{"field": f, "native": n, "label": label} for f, known in fields.items() for n, label in known.items()]
    store.put_lists(connection, rows, NOW)


def held_in(store: Store, connection: str, field: str, reason: str, value: str = "won") -> str:
    """Return a new link whose hub has a value of a field that is held at a connection for a reason."""
    n = len(store.all_refs())
    link = store.link([Ref("z", f"z{n}"), Ref(connection, f"{connection}{n + 1}")], NOW)
    claim = store.claim("test", NOW, 1_000)
    assert claim is not None and claim.link == link
    at = store.load(claim)
    at.hubs[field] = Hub(value, 2, NOW, "a")
    taken = dict.fromkeys(at.sides, (NOW, ["linked"]))
    store.save(claim, at, NOW, taken=taken, holds={connection: [Hold(connection, field, reason, "")] if reason else []})
    store.release(claim)
    return link


def showing(store: Store, connection: str, field: str, *natives: Native) -> None:
    """Put in deals that show these native values of a field at a connection."""
    for native in natives:
        n = len(store.all_refs())
        store.link([Ref("z", f"z{n}"), Ref(connection, f"{connection}{n + 1}")], NOW)
        claim = store.claim("test", NOW, 1_000)
        assert claim is not None
        at = store.load(claim)
        at.sides[connection].shadows[field] = Shadow(native, 1, NOW)
        store.save(claim, at, NOW, taken=dict.fromkeys(at.sides, (NOW, ["linked"])))
        store.release(claim)
