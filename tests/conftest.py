"""How many random histories are played, from which seed on, and how long property tests look."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# no deadline: a busy machine is no failure
settings.register_profile("bridge", deadline=None, database=None, max_examples=60)
settings.load_profile("bridge")

HISTORIES = 2_000


def pytest_addoption(parser: pytest.Parser) -> None:
    many = os.environ.get("BRIDGE_HISTORIES", str(HISTORIES))
    seed = os.environ.get("BRIDGE_SEED", "1")
    parser.addoption("--histories", type=int, default=many, help="random histories to play (BRIDGE_HISTORIES)")
    parser.addoption("--seed", type=int, default=seed, help="the first seed of each shape (BRIDGE_SEED)")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    played = [r for r in terminalreporter.getreports("passed") if "test_histories.py::test_" in r.nodeid]
    spans = [dict(r.user_properties)["seeds"] for r in played if dict(r.user_properties).get("seeds")]
    if spans:
        first, last = min(s[0] for s in spans), max(s[1] for s in spans)
        many = sum(s[1] - s[0] + 1 for s in spans)
        terminalreporter.write_line(f"{many} random histories held, seeds {first} to {last} of each shape")
