"""`bridge delivery`, `attempt`, `hold` and `dead` as an admin types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from bridge.core.model import FOREVER, Effects, Entry, Hold, Hub, Ref, Said, Shadow, Write
from bridge.store import Store
from bridge.store.store import Attempt, Intake
from tests.cli.test_cli import Bridge, bridge, database

__all__ = ["bridge", "database"]  # fixtures

NOW = 1_795_000_000_000
ANSWER = {"method": "PUT", "path": "/api/deals/7", "status": 422, "body": '{"message": "no markup"}'}


@pytest.fixture
def store(bridge: Bridge, database: Path) -> Iterator[Store]:
    bridge("db", "migrate")
    store = Store(database)
    yield store
    store.db.close()


def heard(store: Store, connection: str = "getfly", outcome: str = "not linked", at: int = NOW) -> str:
    kept: dict[str, Any] = {"method": "POST", "query": {}, "content_type": "text/plain", "body": b"the secret plan"}
    made = store.accept(connection, None, at, **kept)
    assert made is not None
    store.become_looks([Intake(made, [], outcome)])
    return made


def linked(store: Store) -> str:
    return store.link([Ref("getfly", "CH1"), Ref("plazbot", "p1")], NOW)


def given_up(store: Store) -> tuple[str, str]:
    """Return a link and a write to its side at Plazbot that was refused for good, with its hold."""
    link = linked(store)
    claim = store.seize(link, "test", NOW)
    assert claim is not None
    at = store.load(claim)
    at.hubs = {"name": Hub("<Bo>", 2, NOW, "getfly")}
    side = at.sides["plazbot"]
    side.shadows = {"name": Shadow("An", 1, NOW)}
    write = Write(store.new_id(), side.ref, {"name": Said("<Bo>", 2)}, frozenset({"name"}), NOW)
    store.save(claim, at, NOW, opened=(write, "d1"))
    hold = Hold("plazbot", "name", "invalid: HTTP 422", "mend the cause and replay it", "refused")
    attempt = Attempt(link, "plazbot", "d1", "dead", "invalid", "HTTP 422", ms=7)
    closed = {write.id: ("dead", "invalid: HTTP 422")}
    told = json.dumps(ANSWER)
    store.save(claim, at, NOW, holds={"plazbot": [hold]}, closed=closed, answer=told, attempt=attempt)
    store.release(claim)
    return link, write.id


def disputed(store: Store) -> str:
    link = linked(store)
    claim = store.seize(link, "test", NOW)
    assert claim is not None
    at = store.load(claim)
    at.hubs = {"name": Hub("of getfly", 2, NOW, "getfly", held_until=FOREVER)}
    at.sides["getfly"].shadows = {"name": Shadow("of getfly", 2, NOW)}
    at.sides["plazbot"].shadows = {"name": Shadow("of plazbot", 1, NOW)}
    hold = Hold("plazbot", "name", "two sides disagree on name", "say whose name stands", "conflict")
    effects = Effects(journal=[Entry(NOW, "plazbot", "name", "lost", "of plazbot", "of getfly", 2)])
    store.save(claim, at, NOW, holds={"plazbot": [hold]}, effects=effects)
    store.release(claim)
    return link


def said(result: Any) -> Any:
    return json.loads(result.stdout)


def test_deliveries_are_listed_shown_and_handled_again(bridge: Bridge, store: Store) -> None:
    assert "there is none" in bridge("delivery", "list").output
    one, other = heard(store), heard(store, "plazbot", "dead: defect", NOW + 60_000)
    assert "not linked" in bridge("delivery", "list").output
    assert [d["id"] for d in said(bridge("delivery", "list", "--outcome", "dead", "--json"))] == [other]
    assert [d["id"] for d in said(bridge("delivery", "list", "--connection", "getfly", "--json"))] == [one]
    assert said(bridge("delivery", "list", "--since", "2099-01-01", "--json")) == []
    output = bridge("delivery", "show", one).output
    assert "getfly: POST, text/plain, 15 bytes" in output and "plan" not in output
    assert said(bridge("delivery", "show", one, "--json"))["at"].startswith("2026-11-18T")
    assert f"{one} is handled again" in bridge("delivery", "replay", one).output
    assert store.count_waiting() == 1
    assert said(bridge("delivery", "replay", "--outcome", "dead", "--json")) == {"count": 1}
    assert store.count_waiting() == 2


def test_mistakes_have_a_code_that_says_so(bridge: Bridge, store: Store) -> None:
    one = heard(store)
    assert "name a DELIVERY" in bridge("delivery", "replay", code=2).output
    assert "name a DELIVERY" in bridge("delivery", "replay", one, "--connection", "getfly", code=2).output
    assert "name a LETTER" in bridge("dead", "replay", code=2).output
    assert "is not a time" in bridge("delivery", "list", "--since", "noon", code=2).output
    for command in (
        ("delivery", "show", "x"),
        ("delivery", "replay", "x"),
        ("dead", "show", "x"),
        ("dead", "discard", "x", "no matter"),
        ("hold", "cure", "x", "getfly", "-"),
        ("hold", "decide", "x", "name", "getfly"),
        ("attempt", "list", "--connection", "acme"),
    ):
        bridge(*command, code=3)


def test_many_are_only_handled_when_that_is_meant(bridge: Bridge, store: Store) -> None:
    for _ in range(2):
        heard(store)
    command = ["--config", "config/sandbox.toml", "delivery", "replay", "--connection", "getfly"]
    asked = CliRunner().invoke(cli, command, input="n\n")
    assert "2 deliveries are handled again. Go on?" in asked.output
    assert (asked.exit_code, store.count_waiting()) == (1, 0)
    assert "2 deliveries are handled again" in bridge(*command[2:], "--yes").output
    assert store.count_waiting() == 2


def test_a_dead_letter_is_shown_and_tried_again(bridge: Bridge, store: Store) -> None:
    assert "there is none" in bridge("dead", "list").output
    link, write = given_up(store)
    assert write in bridge("dead", "list", code=1).output
    assert said(bridge("dead", "list", "--reason", "other", "--json")) == []
    output = bridge("dead", "show", write).output
    assert "name was to become '<Bo>'" in output
    assert "PUT /api/deals/7" in output and 'HTTP 422: {"message": "no markup"}' in output
    assert said(bridge("dead", "show", write, "--json"))["answer"] == ANSWER
    assert f"{write} is tried again" in bridge("dead", "replay", write).output
    assert "was replayed already" in bridge("dead", "replay", write, code=1).output
    assert store.deeds(1)[0]["who"] == "command line"
    assert [a["outcome"] for a in said(bridge("attempt", "list", "--link", link, "--json"))] == ["dead"]
    assert "plazbot: dead (invalid: HTTP 422), 7 ms" in bridge("attempt", "list").output
    assert said(bridge("dead", "replay", "--all", "--json")) == {"count": 0}


def test_a_dead_letter_is_discarded_with_a_reason(bridge: Bridge, store: Store) -> None:
    _, write = given_up(store)
    assert "there is no reason" in bridge("dead", "discard", write, " ", code=1).output
    assert f"{write} is discarded" in bridge("dead", "discard", write, "no matter").output
    assert "there is none" in bridge("dead", "list").output


def test_a_hold_is_listed_with_the_command_that_cures_it(bridge: Bridge, store: Store) -> None:
    link, _ = given_up(store)
    output = bridge("hold", "list", code=1).output
    assert "<Bo>, name at plazbot: invalid: HTTP 422" in output
    command = f"bridge hold cure {link} plazbot name"
    assert command in output
    assert "what plazbot refused is tried again" in bridge(*command.split()[1:]).output
    assert [h["kind"] for h in said(bridge("hold", "list", "--json", code=1))] == ["refused"]
    assert said(bridge("hold", "list", "--kind", "conflict", "--json")) == []


@pytest.mark.parametrize("how", ["cure", "decide"])
def test_a_conflict_is_decided(bridge: Bridge, store: Store, how: str) -> None:
    link = disputed(store)
    output = bridge("hold", "list", code=1).output
    assert "getfly shows 'of getfly'" in output and f"bridge hold cure {link} plazbot name <connection>" in output
    if how == "cure":
        bridge("hold", "cure", link, "plazbot", "name", "plazbot")
    else:
        assert said(bridge("hold", "decide", link, "name", "plazbot", "--json"))["native"] == "of plazbot"
    assert store.peek(link).hubs["name"].value == "of plazbot"
    assert "is not held any more" in bridge("hold", "decide", link, "name", "plazbot", code=1).output
