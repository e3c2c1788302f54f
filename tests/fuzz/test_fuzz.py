"""The admin API holds to its document; and what does not is found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from flask import Flask, Response
from pydantic import BeforeValidator

from bridge.desk import Value, tokens
from bridge.web import api, create_app
from bridge.web.api.inputs import Input, Paging
from bridge.web.api.operations import Call, Subject
from tests.fuzz import fuzz, served
from tests.fuzz.rig import rig
from tests.web.toy import parts

SEED = 1


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_api_holds_to_its_document(tmp_path: Path) -> None:
    with rig(tmp_path) as (url, secret, known):
        found = fuzz(url, secret, known, examples=2, steps=0, seed=SEED)
    assert not found.failures, "\n".join(f"{title}\n{sample}" for title, sample in found.failures.items())
    assert len(found.operations) == sum(len(subject.operations) for subject in api.SUBJECTS)
    unseen = {operation for operation, statuses in found.heard.items() if not {200, 201, 204} & statuses.keys()}
    assert len(unseen) < len(found.operations) / 3, f"never done: {sorted(unseen)}"


planted = Subject("planted", "Wrong answers.")


class Thing(Value):
    name: str


class Wish(Input):
    n: int


class Guess(Input):
    n: Annotated[int, BeforeValidator(lambda given: 7)]


@planted.get("/bent", Thing)
def bent(call: Call) -> Wish:
    """Answer in another shape than is said."""
    return Wish(n=1)


@planted.get("/broken", Thing, query=Paging)
def broken(call: Call, query: Paging) -> Thing:
    """Fail for what is allowed."""
    return Thing(name="x" * (1 // (query.limit - 1)))


@planted.write("POST", "/lax", Thing, body=Guess)
def lax(call: Call, body: Guess) -> Thing:
    """Take what is forbidden."""
    return Thing(name="lax")


@planted.write("POST", "/open", Thing)
def open_to_all(call: Call) -> Thing:
    """Take it from anybody: see `_open_a_door`."""
    return Thing(name="open")


def test_what_does_not_hold_to_it_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "SUBJECTS", (planted,))
    bridge = parts(tmp_path / "b.db")
    app = create_app(bridge)
    app.extensions["lockout"].wait_s = lambda address: 0
    secret = tokens.make(bridge.desk, "fuzz", "write", "command line").secret
    _open_a_door(app)
    with served(app) as url:
        found = fuzz(url, secret, {}, examples=10, steps=0, seed=SEED)
    bridge.store.db.close()
    told = {tuple(title.split(": ")[:2]) for title in found.failures}
    assert ("GET /api/v1/bent", "response_schema_conformance") in told
    assert ("GET /api/v1/broken", "not_a_server_error") in told
    assert ("POST /api/v1/lax", "negative_data_rejection") in told
    assert ("POST /api/v1/open", "ignored_auth") in told
    assert str(found).startswith("fuzz: 4 operations, ") and str(found).endswith(f", {len(found.failures)} failures")


def _open_a_door(app: Flask) -> None:
    """Let one operation be done without a token."""
    app.view_functions["api.open_to_all"] = lambda: Response('{"name": "open"}', content_type="application/json")
