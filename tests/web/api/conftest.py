from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from bridge.desk import tokens
from bridge.web import api, create_app
from tests.web.api import toys
from tests.web.api.caller import Caller
from tests.web.toy import Parts, parts


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Parts]:
    made = parts(tmp_path / "bridge.db")
    yield made
    made.store.db.close()


@pytest.fixture
def app(bridge: Parts, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(toys, "shelf", toys.Shelf())
    monkeypatch.setattr(api, "SUBJECTS", (*api.SUBJECTS, toys.subject))
    return create_app(bridge)


@pytest.fixture
def writer(app: Flask, bridge: Parts) -> Caller:
    return Caller(app, tokens.make(bridge.desk, "Hoa", "write", "command line").secret)


@pytest.fixture
def reader(app: Flask, bridge: Parts) -> Caller:
    return Caller(app, tokens.make(bridge.desk, "board", "read", "command line").secret)
