from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bridge.web import create_app
from tests.web.toy import Parts, parts


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Parts]:
    made = parts(tmp_path / "bridge.db")
    yield made
    made.store.db.close()


@pytest.fixture
def client(bridge: Parts) -> FlaskClient:
    return create_app(bridge).test_client()
