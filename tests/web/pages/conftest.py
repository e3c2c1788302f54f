"""People who are signed in, each with a Flask client of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge.desk import tokens
from bridge.desk.tokens import Role
from bridge.web import create_app
from tests.web.toy import Parts

HTML = {"Accept": "text/html"}


@dataclass
class Person:
    """Somebody with a browser who is signed in."""

    client: FlaskClient

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=HTML | {k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path: str, **form: Any) -> TestResponse:
        """Send a form of our own page, with what it must bring along."""
        return self.client.post(path, data={"csrf": self.csrf(), **form}, headers=HTML)

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="(\w+)"', self.get("/").text)
        assert found is not None
        return found[1]


def sign_in(bridge: Parts, role: Role = "write", name: str = "hoa") -> Person:
    secret = tokens.make(bridge.desk, name, role, "command line").secret
    client = create_app(bridge).test_client()
    assert client.post("/sign-in", data={"token": secret}, headers=HTML).status_code == 303
    return Person(client)


@pytest.fixture
def person(bridge: Parts) -> Person:
    """Somebody who may change things."""
    return sign_in(bridge)


@pytest.fixture
def reader(bridge: Parts) -> Person:
    """Somebody who may only look."""
    return sign_in(bridge, "read", "minh")
