"""`bridge connect` against the sandbox: what it prints, what it sets up, and how it ends."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.cli import cli
from bridge.sandbox.server import Sandbox
from bridge.store import Store

CONFIG = Path(__file__).parents[2] / "config" / "sandbox.toml"
ENV = {
    "SANDBOX_KEY": "sandbox-bridge-key",
    "SANDBOX_SECRET": "sandbox-secret",
    "SANDBOX_HOOK_SECRET": "sandbox-hook-secret",
}
Run = Callable[..., Result]
MODULE: Any = sys.modules["bridge.cli.connect"]  # bridge.cli.connect itself is the command


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(switches={"leadsquared": {"hooked": False}}) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Run:
    """Run a command; settings: what to write in bridge.toml instead of what."""
    database = tmp_path / "b.db"

    def invoke(*words: str, settings: tuple[str, str] = ("", "")) -> Result:
        text = CONFIG.read_text("utf-8").replace("http://127.0.0.1:8090", sandbox.url).replace(*settings)
        (tmp_path / "bridge.toml").write_text(text, "utf-8")
        env = {**ENV, "BRIDGE_DATABASE": str(database)}
        return CliRunner().invoke(cli, ["--config", str(tmp_path / "bridge.toml"), *words], env=env)

    invoke("db", "migrate")
    return invoke


def test_a_crm_without_an_api_for_webhooks_tells_each_click(run: Run) -> None:
    told = run("connect", "getfly", "--no-wait")
    assert told.exit_code == 0, told.output
    assert "Sales / New [8/31]" in told.output and "Hoa Tran [2]" in told.output
    assert "Callback URL: http://127.0.0.1:8080/webhooks/getfly" in told.output
    assert "SANDBOX_HOOK_SECRET" in told.output and "sandbox-hook-secret" not in told.output


def test_webhooks_are_made_where_the_crm_lets_it_and_it_is_in_the_audit_log(
    run: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    found = json.loads(run("connect", "leadsquared", "--no-wait", "--json").stdout)
    assert len(found["done"]) == 2 and found["steps"] == []
    assert {one["label"] for one in found["offers"] if one["field"] == "owner"} == {
        "Bridge User",
        "Hoa Tran",
        "Minh Le",
    }
    assert {"native": "mx_Custom_3", "label": "Source", "kind": "Dropdown", "name": "source"} in found["customs"]
    hooks = sandbox.simulators["leadsquared"].account.hooks.known()  # type: ignore[attr-defined]
    assert {one.url for one in hooks.values()} == {"http://127.0.0.1:8080/webhooks/leadsquared"}
    assert [d["deed"] for d in Store(tmp_path / "b.db").deeds(5)] == ["webhook set up"]


def test_without_its_own_address_the_bridge_says_what_is_missing(run: Run) -> None:
    told = run("connect", "leadsquared", "--no-wait", settings=('public_url = "http://127.0.0.1:8080"', ""))
    assert told.exit_code == 0 and "public_url is not set" in told.output
    assert "1. Write public_url under [bridge]" in told.output


@pytest.mark.parametrize(
    ("words", "settings", "code", "told"),
    [
        (
            ("plazbot",),
            ('api_key = "env:SANDBOX_KEY"\nworkspace_id', 'api_key = "env:SANDBOX_SECRET"\nworkspace_id'),
            1,
            "refused",
        ),
        (("nobody",), ("", ""), 3, "there are getfly"),
        (("getfly",), ('/getfly"', '/nowhere"'), 1, "base_url"),
    ],
)
def test_what_is_wrong_is_told_with_a_code_for_scripts(
    run: Run, words: tuple[str, ...], settings: tuple[str, str], code: int, told: str
) -> None:
    ended = run("connect", *words, "--no-wait", settings=settings)
    assert (ended.exit_code, told in ended.output) == (code, True), ended.output


def test_a_crm_without_webhooks_is_heard_by_its_sweep(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "POLL_S", 0.01)
    store = Store(tmp_path / "b.db")
    worker = threading.Timer(0.5, lambda: store.swept("plazbot", 4_000_000_000_000))
    worker.start()
    told = run("connect", "plazbot")
    worker.join()
    assert told.exit_code == 0 and "plazbot: it was swept at" in told.output
    assert "No worker runs" in told.output


def test_who_gives_up_waiting_is_told_what_is_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(s: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MODULE.time, "sleep", interrupted)
    told = run("connect", "getfly")
    assert told.exit_code == 1 and "not heard yet. Do what is listed above" in told.output
