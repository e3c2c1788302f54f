"""The commands on a PostgreSQL database that DATABASE_URL names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_cli import Bridge, bridge, database

__all__ = ["bridge", "database"]  # fixtures


@pytest.fixture
def on_server(bridge: Bridge, monkeypatch: pytest.MonkeyPatch, postgres: Callable[[Path], str], tmp_path: Path) -> str:
    """Run the commands on a server, and return its address, which holds a password."""
    url = postgres(tmp_path).replace("postgres:@", "postgres:pass-w0rd@")
    monkeypatch.delenv("BRIDGE_DATABASE")
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DYNO", "web.1")
    return url


def test_the_commands_work_on_a_server_and_show_no_password(bridge: Bridge, on_server: str) -> None:
    output = bridge("db", "migrate").output + bridge("db", "check").output
    output += bridge("link", "add", "getfly:CH1", "plazbot:o1").output + bridge("link", "list").output
    assert "postgresql:///" in output and ": ok" in output and "plazbot:o1" in output
    assert "pass-w0rd" not in output and on_server not in output
    again = bridge("link", "add", "getfly:CH2", "plazbot:o1", code=1)
    assert "another record at getfly already" in again.output
