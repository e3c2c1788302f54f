"""The contract of links on each engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.contract_links import LinksContract


class TestSqlite(LinksContract):
    def address(self, tmp_path: Path) -> str:
        return str(tmp_path / "bridge.db")


class TestPostgres(LinksContract):
    @pytest.fixture(autouse=True)
    def server(self, postgres: Callable[[Path], str]) -> None:
        self.database = postgres

    def address(self, tmp_path: Path) -> str:
        return self.database(tmp_path)
