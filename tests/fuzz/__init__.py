"""
`make fuzz`: calls the admin API with whatever its document allows and forbids, and checks every answer against it.

Schemathesis makes the calls and checks: no 5xx; no status, header, content type or body that the document does not
name; nothing that it forbids is taken; nothing is done without a token. Not checked is that everything which the
document allows is done: what is well-formed can still be refused (no such connection, a name that is taken).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from werkzeug.serving import WSGIRequestHandler, make_server

DOCUMENT = "/api/openapi.json"
KNOWN_PART = 0.7
HISTORY = r"/links/\{link\}/(explain|journal)"

Known = Mapping[str, Sequence[str]]


@dataclass
class Found:
    """
    What was called, and what was wrong: a sentence each, with the call that shows it. heard: how often which status, by
    operation.
    """

    operations: set[str] = field(default_factory=set)
    calls: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    heard: dict[str, Counter[int]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"fuzz: {len(self.operations)} operations, {self.calls} calls, {len(self.failures)} failures"


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application on a free port; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fuzz(url: str, secret: str, known: Known, *, examples: int, steps: int, seed: int) -> Found:
    """
    Call every operation with about so many inputs, and walk through so many steps from one to the next. known: values
    that mean something to the application, by parameter.
    """
    settings = SchemathesisConfig.from_dict(_settings(secret, known, examples, steps, seed))
    schema = schemathesis.openapi.from_url(url + DOCUMENT, config=settings)
    found = Found()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(found, event)
        elif isinstance(event, events.NonFatalError):
            found.failures[f"{event.label}: {event.info.title}"] = str(event.info.message)
        elif isinstance(event, events.FatalError):
            raise event.exception
    return found


def _settings(secret: str, known: Known, examples: int, steps: int, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "headers": {"Authorization": f"Bearer {secret}"},
        "generation": {"max-examples": examples, "mode": "all", "no-shrink": examples < 50},
        "checks": {"positive_data_acceptance": {"enabled": False}},
        # the history of a link can be read after its end
        "operations": [{"include-path-regex": HISTORY, "checks": {"use_after_free": {"enabled": False}}}],
        "phases": {"stateful": {"enabled": steps > 0, "max-steps": max(steps, 2)}},
        "suppress-health-check": ["all"],
        "workers": 1,
        "dictionaries": {f"known-{i}": {"values": list(values)} for i, values in enumerate(known.values())},
        "parameters": {name: {"dictionary": f"known-{i}", "probability": KNOWN_PART} for i, name in enumerate(known)},
    }


def _count(found: Found, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    found.calls += len(recorder.interactions)
    found.operations |= {c.value.operation.label for c in recorder.cases.values()}
    for case, told in recorder.interactions.items():
        label = recorder.cases[case].value.operation.label
        if told.response is not None:
            found.heard.setdefault(label, Counter())[told.response.status_code] += 1
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info is not None:
                wrong, sample = check.failure_info.failure, check.failure_info.code_sample
                title = f"{recorder.cases[case].value.operation.label}: {check.name}: {wrong.title}"
                found.failures.setdefault(title, f"{wrong.message}\n{sample}")
