"""The sandbox with a watch at its door: each call is written down with who made it, when, and about which record."""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bridge.sandbox.server import Sandbox

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CALLER = re.compile(r"/by/([^/]+)/([^/]+)(/.*)")
# where a call says which deal it is about: in its path, query or body
DEAL = {
    "getfly": re.compile(r"\b(CH\d+)\b"),
    "onlyoffice": re.compile(r"/opportunity/(\d+)"),
    "leadsquared": re.compile(r"(?i)OpportunityId\W+([0-9a-f-]{36})"),
    "plazbot": re.compile(r"[?&]id=([\w-]+)"),
    "leadconnector": re.compile(r"/opportunities/(\w{20})\b"),
}


@dataclass(frozen=True)
class Call:
    """One call of a process of the bridge. start, end: epoch seconds, at the vendor. deal: its id, or "" for none."""

    who: str
    connection: str
    method: str
    path: str
    deal: str
    start: float
    end: float


class Watch:
    """Takes `/by/<who>` off the address of each call that has it, and writes that call down when it has ended."""

    def __init__(self, app: WSGIApplication, log: TextIO) -> None:
        self.app, self.log, self._lock = app, log, threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        known = CALLER.fullmatch(environ["PATH_INFO"])
        if known is None:
            return self.app(environ, start_response)
        who, connection, path = known.groups()
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = f"/by/{who}", f"/{connection}{path}"
        body = environ["wsgi.input"].read()
        environ["wsgi.input"].seek(0)
        said = f"{path}?{environ['QUERY_STRING']} {body.decode('utf-8', 'replace')}"
        deal = DEAL[connection].search(said)
        start = time.time()
        try:
            return self.app(environ, start_response)
        finally:
            method, at = environ["REQUEST_METHOD"], time.time()
            call = Call(who, connection, method, path, deal[1] if deal else "", start, at)
            with self._lock:
                self.log.write(json.dumps(asdict(call)) + "\n")


def calls(log: Path) -> list[Call]:
    """Return what a watch has written down, in order of the ends."""
    return [Call(**json.loads(line)) for line in log.read_text("utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.watch", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bridge", required=True, help="who hears the webhooks")
    parser.add_argument("--log", type=Path, required=True)
    asked = parser.parse_args()
    targets = {v: f"{asked.bridge}/webhooks/{v}" for v in ("getfly", "leadsquared", "leadconnector")}
    sandbox = Sandbox(switches={"plazbot": {"put_dialects": "both"}}, targets=targets)
    with asked.log.open("w", encoding="utf-8", buffering=1) as log:
        sandbox.app = Watch(sandbox.app, log)  # type: ignore[assignment]
        sandbox.serve("127.0.0.1", asked.port)


if __name__ == "__main__":
    main()
