"""The bridge as a system: its settings, its database with as many links as asked, and its real processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bridge.assembly import Assembled, assemble
from bridge.core.model import Ref
from bridge.store import Store
from bridge.store.links import Joining
from tests.bench.deals import CONTACT, OWNER, PIPELINE, STAGE
from tests.bench.systems import System

CONNECTIONS = ("c0", "c1", "c2", "c3", "c4")
SECRETS = {"BENCH_TOKEN": "bench-token", "BENCH_HOOK_SECRET": "bench-hook-secret"}
CHOICES = (
    ("pipeline", PIPELINE, "sales"),
    ("stage", f"{PIPELINE}/{STAGE}", "new"),
    ("status", "open", "open"),
    ("owner", OWNER, "hoa"),
)
# what a link has that was read long ago, and is not touched here
COLD = {"name": '"Deal"', "amount": '"1200"', "stage": '"new"', "status": '"open"', "pipeline": '"sales"'}
CHUNK = 2_000
SETTLE_S = 600.0

HEAD = """[bridge]
database = "{database}"
threads = {threads}
"""
# The budget must not be what is measured; the sink does not lag, and it is not swept.
CONNECTION = """
[connections.{name}]
vendor = "leadconnector"
base_url = "{sink}/{name}"
allow_private = true
token = "env:BENCH_TOKEN"
hook_secret = "env:BENCH_HOOK_SECRET"
location_id = "bench"
currency = "USD"
rate_calls = 100000
rate_per_s = 1
concurrency = 64
lag_s = 0
answer = "stored"
timeout_s = 20
scan_s = 604800
"""


class Bridge(System):
    """
    links: how many the database holds. deals: how many of them are edited, spread evenly. database_url: of an empty
    PostgreSQL database; "" is SQLite.
    """

    path = "/webhooks/c0"
    headers = f"X-Bridge-Secret: {SECRETS['BENCH_HOOK_SECRET']}\r\n"

    def __init__(
        self, letter: str, folder: Path, sink_url: str, links: int, deals: int, *, threads: int, database_url: str = ""
    ) -> None:
        super().__init__(letter, folder, sink_url)
        self.links, self.deals = links, deals
        self.engine = "PostgreSQL" if database_url else "SQLite"
        self.name = f"bridge {self.engine} {short(links)}"
        config = folder / "bridge.toml"
        text = HEAD.format(database=folder / "bridge.db", threads=threads)
        text += "".join(CONNECTION.format(name=name, sink=sink_url) for name in CONNECTIONS)
        config.write_text(text, "utf-8")
        self.env = {**SECRETS, "BRIDGE_CONFIG": str(config)}
        if database_url:
            self.env["DATABASE_URL"] = database_url
        self.bridge: Assembled = assemble(config, {**os.environ, **self.env})

    @property
    def store(self) -> Store:
        return self.bridge.store

    def start(self) -> None:
        """Fill the database, start web and worker; the deals that are edited are read once, by `settled`."""
        self._fill()
        self.serve("bridge.web:create_app()", self.env)
        self.run("worker", "bridge.cli", "work", env=self.env)

    def settled(self) -> bool:
        """Tell whether nothing is left to do."""
        return self.store.next_look() is None and not self.store.count_waiting()

    def clear(self) -> None:
        """End all waiting deliveries, in one transaction."""
        rows = [{"id": d.id, "state": "done", "outcome": "bench"} for d in self.store.waiting(1_000_000)]
        with self.store.db.transaction():
            self.store.db.many("delivery_state", rows)

    def stop(self) -> None:
        super().stop()
        self.store.db.close()

    def _fill(self) -> None:
        store, now = self.store, self.bridge.now()
        store.migrate()
        flags = {"reads": 1, "writes": 1}
        for name in CONNECTIONS:
            rows = [{"connection": name, "field": f, "native": n, "canonical": c, **flags} for f, n, c in CHOICES]
            scopes = [r["native"].rpartition("/")[0] for r in rows]  # type: ignore[attr-defined]
            store.put_choices([{**r, "scope": scope} for r, scope in zip(rows, scopes, strict=True)], now)
            store.swept(name, now)
        store.link([Ref(name, CONTACT, "contact") for name in CONNECTIONS], now)
        step, numbers = max(1, self.links // self.deals), iter(range(self.links))
        while chunk := list(islice(numbers, CHUNK)):
            ids = {n: f"{self.letter}{n:07}" for n in chunk}
            hot = {deal: CONNECTIONS[:2] for n, deal in ids.items() if n % step == 0}
            self.ones += hot
            wide = {deal: CONNECTIONS for n, deal in ids.items() if n % (4 * step) == 1}
            self.fours += wide
            known = {**hot, **wide}
            planned = [
                (store.new_id(), [Ref(c, deal) for c in known.get(deal, CONNECTIONS[:2])]) for deal in ids.values()
            ]
            store.link_many(
                [Joining(link, refs, new=True) for link, refs in planned if refs[0].vendor_id in known], now
            )
            _add_cold(store, [(link, refs) for link, refs in planned if refs[0].vendor_id not in known], now)


def _add_cold(store: Store, links: list[tuple[str, list[Ref]]], now: int) -> None:
    """Add links as they are once they have been read, so that nobody reads them now."""
    db = store.db
    with db.transaction():
        db.many("add_link", [{"id": link, "kind": "opportunity", "at": now} for link, _ in links])
        db.many("add_ref", [{**vars(r), "link": link, "linked_at": now} for link, refs in links for r in refs])
        db.many("save_hub", list(_hubs(links, now)))
        db.many("save_shadow", list(_shadows(links, now)))


def _hubs(links: list[tuple[str, list[Ref]]], now: int) -> Iterator[dict[str, object]]:
    fixed = {"version": 1, "stamp": now, "origin": "c0", "hop": 0, "held_until": None, "argued": 0, "argued_day": 0}
    for link, _ in links:
        for name, value in COLD.items():
            yield {"link": link, "field": name, "value": value, **fixed}


def _shadows(links: list[tuple[str, list[Ref]]], now: int) -> Iterator[dict[str, object]]:
    fixed = {"base": 1, "moved_at": now, "sent": None, "undated": 0}
    for link, refs in links:
        for ref in refs:
            for name, value in COLD.items():
                yield {"link": link, "connection": ref.connection, "field": name, "native": value, **fixed}


def short(links: int) -> str:
    """Return a count as the table shows it: 10k, 1M."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if links >= size and links % size == 0:
            return f"{links // size}{unit}"
    return str(links)
