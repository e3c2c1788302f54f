"""
How fast is the operator's seat on many links? It prints, and asserts nothing.

    python -m tests.bench.seat
    python -m tests.bench.seat --links 10000 --postgres
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path
from random import Random

from flask.testing import FlaskClient

from bridge.assembly import Assembled, assemble
from bridge.demo.stage import SECRETS
from bridge.desk import tokens
from bridge.desk.link_table import export, import_rows
from bridge.store.searching import Wanted
from bridge.web import create_app
from tests.bench.figures import percentile
from tests.e2e.database import ask
from tests.postgres import emptied, server

SHARES = (0.1, 0.5, 1.0)
TIMES, SEED = 200, 1
WORDS = ("Hợp đồng", "Gia hạn", "Đà Nẵng", "Nguyễn", "renewal", "Acme", "thiết bị", "phần mềm", "quarter", "Sài Gòn")


def opened(database: str) -> Assembled:
    return assemble("config/sandbox.toml", {**os.environ, **SECRETS, "BRIDGE_DATABASE": database, "DATABASE_URL": ""})


def write_file(path: Path, connections: list[str], n: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.write(",".join(connections) + "\n")
        for i in range(n):
            out.write(",".join(f"{name[:2]}-{i:08d}-4000-8000" for name in connections) + "\n")


def imported(database: str, file: str, dry: bool) -> tuple[float, int, float, float]:
    """Return seconds, lines that came in, and the largest memory of the process before and after, in MB."""
    bridge = opened(database)
    bridge.store.migrate()
    before = _peak_mb()
    started = time.monotonic()
    with Path(file).open(encoding="utf-8") as lines:
        report = import_rows(bridge.desk, lines, "csv", "bench", dry=dry)
    took = time.monotonic() - started
    bridge.store.db.close()
    return took, report.created, before, _peak_mb()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def imports(folder: Path, databases: Callable[[str], str], links: int) -> str:
    """Print what imports of several sizes take, each in a process of its own; return the database of the largest."""
    connections = list(opened(str(folder / "none.db")).settings.connections)
    print(f"{'import':<32}{'seconds':>9}{'rows/s':>9}{'MB before':>11}{'MB peak':>9}")
    database = ""
    for dry in (True, False):
        for share in SHARES:
            n, file = int(links * share), folder / f"{share}.csv"
            write_file(file, connections, n)
            database = databases(f"{dry}{n}")
            with get_context("spawn").Pool(1) as pool:
                took, created, before, peak = pool.apply(imported, (database, str(file), dry))
            assert created == n, (created, n)
            text = f"{n:,} rows of {len(connections)}{', tried' if dry else ''}"
            print(f"{text:<32}{took:>9.1f}{n / took:>9.0f}{before:>11.0f}{peak:>9.0f}", flush=True)
    return database


def give_names(bridge: Assembled) -> None:
    dice, now = Random(SEED), bridge.now()
    rest = {"version": 1, "stamp": now, "origin": "getfly", "hop": 0, "held_until": None, "argued": 0, "argued_day": 0}
    rows = []
    for i, link in enumerate(bridge.store.every_link()):
        name = f"{dice.choice(WORDS)} {dice.choice(WORDS)} {i}"
        rows += [{"link": link.id, "field": f, "value": f'"{name}"', **rest} for f in ("name", "description", "amount")]
    with bridge.store.db.transaction():
        bridge.store.db.many("save_hub", rows)


def searches(bridge: Assembled, links: int) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what is asked of the store; each takes a number that makes it another question."""
    store, dice = bridge.store, Random(SEED)
    middle = list(store.db.run("links_after", after="", n=links // 2))[-1]["id"]
    ids = [f"pl-{dice.randrange(links):08d}-4000-8000" for _ in range(TIMES)]
    yield "link of a connection's id", lambda i: store.find("plazbot", ids[i])
    yield "search by an id", lambda i: store.search(Wanted(q=ids[i]), 51)
    yield "search by a name that one has", lambda i: store.search(Wanted(q=f"GÒN {dice.randrange(links)}"), 51)
    yield "search by a name that many have", lambda i: store.search(Wanted(q="đà nẵng"), 51)
    yield "search by a name that none has", lambda i: store.search(Wanted(q=f"không {i}"), 51)
    yield "first page of links", lambda i: store.search(Wanted(), 51)
    yield "page in the middle", lambda i: store.search(Wanted(), 51, middle)
    yield "page without a record at plazbot", lambda i: store.search(Wanted(without="plazbot"), 51)
    yield "page of contacts", lambda i: store.search(Wanted(kind="contact"), 51)


def visits(bridge: Assembled, links: int) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield which pages a person loads."""
    secret = tokens.make(bridge.desk, f"bench-{time.time_ns()}", "write", "bench").secret
    client = create_app(bridge).test_client()
    assert client.post("/sign-in", data={"token": secret}).status_code == 303
    middle = list(bridge.store.db.run("links_after", after="", n=links // 2))[-1]["id"]
    yield "page /links", lambda i: _get(client, "/links")
    yield "page in the middle", lambda i: _get(client, f"/links?cursor={middle}")
    yield "page of a search by id", lambda i: _get(client, f"/links?q=pl-{i:08d}-4000-8000")
    yield "page of a search by name", lambda i: _get(client, "/links?q=%C4%91%C3%A0+n%E1%BA%B5ng")
    yield "page of a search for nothing", lambda i: _get(client, f"/links?q=kh%C3%B4ng+{i}")
    yield "page of one link", lambda i: _get(client, f"/links/{middle}")


def _get(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.status


def tell(title: str, found: Iterator[tuple[str, Callable[[int], object]]]) -> None:
    print(f"\n{title:<40}{'p50 ms':>9}{'p99 ms':>9}")
    for text, question in found:
        question(0)
        waits = []
        for i in range(TIMES):
            started = time.perf_counter()
            question(i)
            waits.append((time.perf_counter() - started) * 1000)
        print(f"{text:<40}{percentile(waits, 0.5):>9.2f}{percentile(waits, 0.99):>9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.seat", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--links", type=int, default=100_000, help="how many (100000)")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server, not on SQLite")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bridge-bench-") as folder,
        server() if given.postgres else nullcontext("") as address,
    ):
        here = Path(folder)

        def database(name: str) -> str:
            return emptied(address, f"seat_{name.lower()}") if address else str(here / f"{name}.db")

        bridge = opened(imports(here, database, given.links))
        give_names(bridge)
        if address:
            ask(bridge.settings.database, "ANALYZE")  # as a server does by itself, but for those of tests
        tell(f"store, {given.links:,} links", searches(bridge, given.links))
        tell(f"pages, {given.links:,} links", visits(bridge, given.links))
        started = time.monotonic()
        lines = sum(1 for _ in export(bridge.desk, "csv"))
        print(f"\nexport of {lines - 1:,} links: {time.monotonic() - started:.1f} s")
        bridge.close()


if __name__ == "__main__":
    main()
