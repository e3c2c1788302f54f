"""The whole bridge with a sandbox behind it, as WSGI: what the fuzz calls."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flask import Flask

from bridge.assembly import Assembled, assemble
from bridge.demo.stage import CONFIG, SAMPLE, SECRETS
from bridge.desk import choice_table, link_table, tokens
from bridge.sandbox.server import Sandbox
from bridge.web import create_app


@contextmanager
def rig(folder: Path) -> Iterator[tuple[Flask, str]]:
    """
    Start the sandbox and a worker in threads, with the sample's links and choices; the application, and the secret of
    a token that may write. Whoever guesses secrets need not wait: else nothing more would be seen.
    """
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(switches={"plazbot": {"put_dialects": "both"}}))
        config = folder / "bridge.toml"
        config.write_text(CONFIG.read_text("utf-8").replace("http://127.0.0.1:8090", sandbox.url), "utf-8")
        bridge = assemble(config, {**os.environ, **SECRETS, "BRIDGE_DATABASE": str(folder / "bridge.db")})
        stack.callback(bridge.close)
        _fill(bridge)
        _start_worker(stack, assemble(config, {**os.environ, **SECRETS, "BRIDGE_DATABASE": str(folder / "bridge.db")}))
        app = create_app(bridge)
        app.extensions["lockout"]._monotonic_s = itertools.count(0, 61).__next__
        yield app, tokens.make(bridge.desk, "fuzz", "write", "command line").secret


def _fill(bridge: Assembled) -> None:
    bridge.store.migrate()
    with (SAMPLE / "choices.csv").open(encoding="utf-8") as lines:
        assert not choice_table.import_rows(bridge.desk, "fuzz", lines, "csv").lines
    with (SAMPLE / "links.csv").open(encoding="utf-8") as lines:
        assert not link_table.import_rows(bridge.desk, lines, "csv", "fuzz").lines


def _start_worker(stack: ExitStack, bridge: Assembled) -> None:
    worker = bridge.worker()
    thread = threading.Thread(target=worker.run)

    def stop() -> None:
        worker.stop.set()
        thread.join()
        bridge.close()

    stack.callback(stop)
    thread.start()
