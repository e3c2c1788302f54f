"""The whole bridge with a sandbox behind it, where something has happened: what the fuzz calls."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bridge.assembly import Assembled, assemble
from bridge.demo.people import edit
from bridge.demo.stage import CONFIG, SAMPLE, SECRETS
from bridge.desk import choice_table, choices, link_table, links, tokens
from bridge.sandbox.server import Sandbox
from bridge.web import create_app
from tests.fuzz import Known, served

WAIT_S = 60.0
FUZZ = "the fuzz"
NOBODY = "00000000-0000-4000-8000-00000000dead"  # no user of the portal: writing it is refused for good
CALLERS = ("getfly", "leadsquared", "leadconnector")


@contextmanager
def rig(folder: Path) -> Iterator[tuple[str, str, Known]]:
    """
    Start the sandbox, a worker and the web layer in threads, with the sample's links and choices, and wait until deals
    were edited, held and given up; the address, the secret of a token that may write, and what there is, by parameter.

    Whoever guesses secrets need not wait: else nothing more would be seen.
    """
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(switches={"plazbot": {"put_dialects": "both"}}))
        config = folder / "bridge.toml"
        config.write_text(CONFIG.read_text("utf-8").replace("http://127.0.0.1:8090", sandbox.url), "utf-8")
        web, work = (assemble(config, {**os.environ, **SECRETS, "BRIDGE_DATABASE": str(folder / "b.db")}) for _ in "ab")
        stack.callback(web.close)
        _fill(web)
        app = create_app(web)
        app.extensions["lockout"]._monotonic_s = itertools.count(0, 61).__next__
        url = stack.enter_context(served(app))
        sandbox.courier.aim(
            {vendor: f"{url}/webhooks/{vendor}" for vendor in ("getfly", "leadsquared", "leadconnector")}
        )
        _start_worker(stack, work)
        _happen(web, sandbox)
        yield url, tokens.make(web.desk, "fuzz", "write", FUZZ).secret, _known(web)


def _fill(bridge: Assembled) -> None:
    bridge.store.migrate()
    with (SAMPLE / "choices.csv").open(encoding="utf-8") as lines:
        assert not choice_table.import_rows(bridge.desk, FUZZ, lines, "csv").lines
    with (SAMPLE / "links.csv").open(encoding="utf-8") as lines:
        assert not link_table.import_rows(bridge.desk, lines, "csv", FUZZ).lines
    for refs in (("getfly:F1", "plazbot:f1"), ("leadsquared:F1", "leadconnector:f1")):  # two that can be merged
        links.add(bridge.desk, [links.ref_in(bridge.desk, text) for text in refs], FUZZ)
    for choice in choices.page(bridge.desk, connection="plazbot", field="owner", canonical="minh").items:
        choices.drop(bridge.desk, FUZZ, choice.connection, choice.field, choice.native, choice.canonical)
    choices.put(bridge.desk, FUZZ, "onlyoffice", "owner", NOBODY, "minh")


def _start_worker(stack: ExitStack, bridge: Assembled) -> None:
    worker = bridge.worker()
    thread = threading.Thread(target=worker.run)

    def stop() -> None:
        worker.stop.set()
        thread.join()
        bridge.close()

    stack.callback(stop)
    thread.start()


def _happen(bridge: Assembled, sandbox: Sandbox) -> None:
    """Have a deal edited in a way that goes everywhere, and in one that is held here and given up there."""
    deal = next(r.id for r in links.page(bridge.desk, q="CH2055057").items[0].refs if r.connection == "leadconnector")
    deadline = time.monotonic() + WAIT_S
    while bridge.store.next_look() is not None and time.monotonic() < deadline:
        time.sleep(0.05)  # what is edited before the first look is over is taken for the start
    edit(sandbox.url, "leadconnector", deal, "name", "Fuzzy")
    edit(sandbox.url, "leadconnector", deal, "owner", "minh")
    while not _has_happened(bridge):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def _has_happened(bridge: Assembled) -> bool:
    store = bridge.store
    edited = any(e["what"] == "sent" for e in store.journal(store.page_of_attempts(1)[0]["link"]))
    return edited and bool(store.page_of_holds(1)) and bool(store.page_of_dead(1))


def _known(bridge: Assembled) -> Known:
    """Return ids and names that mean something, by the parameters that take them."""
    all_links = links.page(bridge.desk).items
    stages = choices.page(bridge.desk, field="stage").items
    ids = [r.id for link in all_links for r in link.refs]
    return {
        **{place: list(bridge.connections) for place in ("path.connection", "query.connection", "body.connection")},
        **{place: [link.id for link in all_links] for place in ("path.link", "query.link", "body.link")},
        **{place: ids for place in ("query.id", "body.id", "query.q", "body.refs[*].id")},
        "body.refs[*].connection": list(bridge.connections),
        "path.field": ["name", "stage", "amount"],
        **{place: ["stage", "owner"] for place in ("query.field", "body.field")},
        **{place: sorted({c.native for c in stages}) for place in ("query.native", "body.native")},
        **{place: sorted({c.canonical for c in stages}) for place in ("query.canonical", "body.canonical")},
        "path.delivery": [r["id"] for r in bridge.store.page_of_deliveries(50)],
        "path.letter": [r["id"] for r in bridge.store.page_of_dead(50)],
    }
