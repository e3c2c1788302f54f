"""
The sweep: page through a connection, compare every row with what its side last showed, and look at each difference.

It is the only ear for vendors without webhooks, and mends what webhooks lost. Nothing it sees is applied: it only asks
for looks, so rows that move, repeat or lag between pages cost a read at most, and so does a second sweeper at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.connectors.base import Connector
from bridge.core.fields import Field
from bridge.core.model import Look, Native, Record, Ref
from bridge.store import Store


@dataclass(frozen=True)
class Swept:
    """What one sweep found. looks: refs that will be read. missing: of these, refs that no page showed."""

    pages: int
    rows: int
    looks: int
    missing: int


def sweep(
    connector: Connector, store: Store, now: Callable[[], int], progress: Callable[[int], None] = lambda rows: None
) -> Swept:
    """
    Sweep one connection once; raises what `Connector.scan` raises, with all looks of earlier pages kept.

    progress: told the number of rows so far after each page; what it raises ends the sweep.
    """
    connection = connector.account.connection
    fields = {f.name: f for f in connector.fields}
    linked, seen = store.live_ids(connection), set[str]()
    cursor, cursors, pages, looks = None, set[str](), 0, 0
    while True:
        page = connector.scan(cursor)
        pages += 1
        fresh = [r for r in page.records if r.ref.vendor_id not in seen]
        seen |= {r.ref.vendor_id for r in fresh}
        looks += _compare(store, connection, fields, fresh, now())
        progress(len(seen))
        if page.next is None or page.next in cursors:
            break
        cursor = page.next
        cursors.add(cursor)
    missing = linked - seen if page.next is None else set()
    for vendor_id in sorted(missing):
        link = store.find(connection, vendor_id)
        if link is not None:
            store.look(link, [Look(Ref(connection, vendor_id), now(), "sweep")])
    store.swept(connection, now())
    return Swept(pages, len(seen), looks + len(missing), len(missing))


def _compare(store: Store, connection: str, fields: dict[str, Field], records: list[Record], now: int) -> int:
    """Ask for a look at each record that differs from its shadows; return how many."""
    known = store.known_sides(connection, [r.ref.vendor_id for r in records])
    asked = 0
    for record in records:
        side = known.get(record.ref.vendor_id)
        if side is None:
            continue
        newer = record.stamp is not None and (side.stamp is None or record.stamp > side.stamp)
        if side.gone or newer or any(_differs(fields, f, n, side.natives) for f, n in record.fields.items()):
            store.look(side.link, [Look(record.ref, now, "sweep")])
            asked += 1
    return asked


def _differs(fields: dict[str, Field], name: str, n: Native, natives: dict[str, Native]) -> bool:
    spec = fields.get(name)
    if spec is None or spec.unread or name not in natives:
        return False
    return n != natives[name] and not spec.same(n, natives[name])
