"""A caller of the admin API with a token."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse


class Caller:
    def __init__(self, app: Flask, secret: str) -> None:
        self.client, self.secret = app.test_client(), secret

    def __call__(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, status: int | None = None, **rest: Any
    ) -> TestResponse:
        """Return the answer. status: it has to be this. rest: as Flask's client takes it."""
        own = {"Authorization": f"Bearer {self.secret}", **(headers or {})}
        found = self.client.open(f"/api/v1{path}", method=method, headers=own, **rest)
        if found.status_code >= 400:
            assert found.content_type == "application/problem+json", found.text
            assert (found.json or {})["status"] == found.status_code and (found.json or {})["detail"]
        assert status in (None, found.status_code), (found.status_code, found.text)
        return found
