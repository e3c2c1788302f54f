"""One running sandbox and one warm session for all contract tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.connectors.http import RequestsTransport
from bridge.sandbox.server import Sandbox

pytest.register_assert_rewrite(
    *(f"tests.connectors.contract{part}" for part in ("", "_write", "_fail", "_scan", "_hook"))
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def send() -> Iterator[RequestsTransport]:
    transport = RequestsTransport(allow_private=True)
    yield transport
    transport.close()
