"""What the desk says of connections, and what it lets people do with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.assembly import Assembled, assemble
from bridge.core.errors import Disconnected
from bridge.core.model import FOREVER
from bridge.desk import Desk, Refused, connections

CONFIG = Path(__file__).parents[2] / "config" / "sandbox.toml"
PATH_SECRET = "a-path-secret-of-22-signs-or-more"
NOW = 1_790_000_000_000


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Assembled]:
    text = CONFIG.read_text("utf-8").replace(
        "[connections.getfly]\n", '[connections.getfly]\npath_secret = "env:GETFLY_PATH"\n'
    )
    (tmp_path / "bridge.toml").write_text(text, "utf-8")
    env = {"SANDBOX_KEY": "k1", "SANDBOX_SECRET": "s1", "SANDBOX_HOOK_SECRET": "h1", "GETFLY_PATH": PATH_SECRET}
    made = assemble(tmp_path / "bridge.toml", {**env, "BRIDGE_DATABASE": str(tmp_path / "b.db")})
    made.store.migrate()
    yield made
    made.close()


@pytest.fixture
def desk(bridge: Assembled) -> Desk:
    return Desk(bridge.store, bridge.connections, bridge.settings, lambda: NOW)


def test_every_connection_is_told_without_its_secrets(desk: Desk) -> None:
    told = connections.accounts(desk)
    assert [one.name for one in told] == ["getfly", "onlyoffice", "leadsquared", "plazbot", "leadconnector"]
    assert [one.name for one in told if one.hooked] == ["getfly", "leadsquared", "leadconnector"]
    text = "".join(one.model_dump_json() for one in told)
    assert not any(secret in text for secret in ("k1", "s1", "h1", PATH_SECRET))
    assert told[0].webhook == "http://127.0.0.1:8080/webhooks/getfly/…"
    assert "amount" in told[0].read_only and "stage" in told[0].fields
    assert connections.account(desk, "getfly", secrets=True).webhook.endswith(f"/webhooks/getfly/{PATH_SECRET}")


def test_a_connection_that_is_not_there_is_refused_everywhere(desk: Desk) -> None:
    for call in (
        lambda: connections.account(desk, "x"),
        lambda: connections.pause(desk, "Hoa", "x", "why"),
        lambda: connections.resume(desk, "Hoa", "x"),
        lambda: connections.sweep_now(desk, "Hoa", "x"),
        lambda: connections.ask(desk, "Hoa", "x", "test"),
        lambda: connections.offers(desk, "x"),
        lambda: connections.customs(desk, "x"),
        lambda: connections.steps(desk, "x"),
        lambda: connections.test(desk, "x"),
    ):
        with pytest.raises(Refused) as caught:
            call()
        assert caught.value.reason == "unknown" and "getfly" in caught.value.cure
    assert desk.store.deeds(9) == []


def test_a_person_pauses_and_resumes_and_both_are_in_the_audit_log(desk: Desk) -> None:
    with pytest.raises(Refused):
        connections.pause(desk, "Hoa", "plazbot", " ")
    paused = connections.pause(desk, "Hoa", "plazbot", "moving house").pause
    assert paused is not None and (paused.until, paused.why, paused.by) == (None, "moving house", "Hoa")
    assert connections.resume(desk, "Minh", "plazbot").pause is None
    deeds = [(d["who"], d["deed"], d["target"], d["detail"]) for d in desk.store.deeds(9)]
    assert deeds == [
        ("Minh", "connection resumed", "plazbot", ""),
        ("Hoa", "connection paused", "plazbot", "moving house"),
    ]


def test_a_test_ends_the_bridges_own_pause_but_no_persons(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.connections["plazbot"].connector, "check", lambda: ["5 stages"])
    desk.store.pause("plazbot", "unauthorized")
    assert connections.test(desk, "plazbot").said == ("5 stages", "was paused, goes on")
    connections.pause(desk, "Hoa", "plazbot", "moving house")
    assert connections.test(desk, "plazbot").said == ("5 stages",)
    assert desk.store.connections()["plazbot"]["paused_until"] == FOREVER


def test_what_a_crm_answers_is_kept_also_when_it_refuses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = connections.ask(desk, "Hoa", "plazbot", "test").test
    assert asked is not None and asked.answered is None

    def refused() -> list[str]:
        raise Disconnected("unauthorized", "set the key anew")

    monkeypatch.setattr(desk.connections["plazbot"].connector, "check", refused)
    assert isinstance(connections.test(desk, "plazbot").error, Disconnected)
    kept = connections.account(desk, "plazbot").test
    assert kept is not None and not kept.ok and kept.said == ["unauthorized: set the key anew"]


def test_a_sweep_that_is_asked_for_is_wanted_and_noted(desk: Desk) -> None:
    desk.store.swept("plazbot", NOW)
    connections.sweep_now(desk, "Hoa", "plazbot")
    assert desk.store.sweep_wanted("plazbot", NOW)
    assert [d["deed"] for d in desk.store.deeds(9)] == ["sweep asked for"]
