from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from bridge.assembly import Assembled, assemble
from bridge.demo.stage import SECRETS
from bridge.desk import tokens
from bridge.web import api, create_app
from tests.web.api import toys
from tests.web.api.caller import Caller
from tests.web.toy import Parts, parts

ROOT = Path(__file__).parents[3]


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Parts]:
    made = parts(tmp_path / "bridge.db")
    yield made
    made.store.db.close()


@pytest.fixture
def app(bridge: Parts, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The application with toys."""
    monkeypatch.setattr(toys, "shelf", toys.Shelf())
    monkeypatch.setattr(api, "SUBJECTS", (*api.SUBJECTS, toys.subject))
    return create_app(bridge)


@pytest.fixture
def writer(app: Flask, bridge: Parts) -> Caller:
    return Caller(app, tokens.make(bridge.desk, "Hoa", "write", "command line").secret)


@pytest.fixture
def reader(app: Flask, bridge: Parts) -> Caller:
    return Caller(app, tokens.make(bridge.desk, "board", "read", "command line").secret)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def seat(request: pytest.FixtureRequest, tmp_path: Path, postgres: Callable[[Path], str]) -> Iterator[Assembled]:
    """The real bridge with the sandbox's five connections, none of which is there: the web layer calls nobody."""
    database = str(tmp_path / "seat.db") if request.param == "SQLite" else postgres(tmp_path)
    env = {**os.environ, **SECRETS, "BRIDGE_DATABASE": database}
    made = assemble(ROOT / "config/sandbox.toml", env)
    made.store.migrate()
    yield made
    made.close()


@pytest.fixture
def office(seat: Assembled) -> Flask:
    return create_app(seat)


@pytest.fixture
def hoa(office: Flask, seat: Assembled) -> Caller:
    """Who may write."""
    return Caller(office, tokens.make(seat.desk, "Hoa", "write", "command line").secret)


@pytest.fixture
def lan(office: Flask, seat: Assembled) -> Caller:
    """Who may look."""
    return Caller(office, tokens.make(seat.desk, "Lan", "read", "command line").secret)
