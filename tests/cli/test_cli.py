"""The command line as an admin types it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.assembly import assemble
from bridge.cli import cli
from bridge.core.errors import BridgeError
from bridge.core.model import Effects, Entry, Hub, Shadow
from bridge.store import Store

ROOT = Path(__file__).parent.parent.parent
Bridge = Callable[..., Result]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch, database: Path) -> Bridge:
    monkeypatch.chdir(ROOT)
    for name in ("SANDBOX_KEY", "SANDBOX_SECRET", "SANDBOX_HOOK_SECRET"):
        monkeypatch.setenv(name, f"{name.lower()}-value")
    monkeypatch.setenv("BRIDGE_DATABASE", str(database))

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["--config", "config/sandbox.toml", *arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run


def test_every_command_has_help(bridge: Bridge) -> None:
    for name, command in cli.commands.items():
        assert (command.help or "").strip().endswith("."), name
        assert "--help" in bridge(name, "--help").output


def test_check_names_what_each_crm_never_takes(bridge: Bridge) -> None:
    output = bridge("check").output
    assert "getfly: getfly at http://127.0.0.1:8090/getfly" in output
    assert "settings are fine" in output


def test_check_warns_of_a_host_that_wipes_its_disk(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDER", "true")
    monkeypatch.setenv("BRIDGE_DATABASE", "/not-mounted/bridge.db")
    assert "warning: Render wipes its disk at each deploy" in bridge("check").output


def test_commands_refuse_a_database_without_tables(bridge: Bridge) -> None:
    result = bridge("link", "list", code=1)
    assert isinstance(result.exception, BridgeError)
    assert "run `bridge db migrate`" in str(result.exception)


def test_migrate_twice_changes_nothing(bridge: Bridge) -> None:
    assert "0001_first" in bridge("db", "migrate").output
    assert "up to date" in bridge("db", "migrate").output
    assert ": ok" in bridge("db", "check").output


def test_links_are_added_extended_and_kept_apart(bridge: Bridge) -> None:
    bridge("db", "migrate")
    assert "linked: " in bridge("link", "add", "getfly:CH1", "plazbot:p1").output
    assert "linked: " in bridge("link", "add", "getfly:CH1", "onlyoffice:17").output
    assert "already linked" in bridge("link", "add", "onlyoffice:17", "plazbot:p1").output
    assert "another record at plazbot already" in bridge("link", "add", "getfly:CH1", "plazbot:p2", code=1).output
    bridge("link", "add", "getfly:CH2", "plazbot:p2")
    assert "2 different links" in bridge("link", "add", "getfly:CH1", "getfly:CH2", code=1).output
    assert "no connection 'nobody'" in bridge("link", "add", "nobody:1", "plazbot:p3", code=3).output
    assert "not CONNECTION:ID" in bridge("link", "add", "getfly", "plazbot:p3", code=1).output
    assert len(bridge("link", "list").output.splitlines()) == 2


def test_the_sample_is_imported_and_comes_out_again(bridge: Bridge, tmp_path: Path) -> None:
    bridge("db", "migrate")
    assert "91 created, 0 changed, 0 unchanged" in bridge("choice", "import", "data/sample/choices.csv").output
    assert "5 created" in bridge("link", "import", "data/sample/links.csv").output
    assert "5 unchanged" in bridge("link", "import", "data/sample/links.csv").output
    bridge("link", "export", str(tmp_path / "out.csv"))
    assert "5 unchanged" in bridge("link", "import", str(tmp_path / "out.csv")).output
    bridge("choice", "export", str(tmp_path / "choices.csv"))
    assert "91 unchanged" in bridge("choice", "import", str(tmp_path / "choices.csv")).output


def test_a_file_comes_in_through_standard_input(bridge: Bridge) -> None:
    bridge("db", "migrate")
    command = [sys.executable, "-m", "bridge.cli", "--config", "config/sandbox.toml", "link", "import", "-"]
    links = (ROOT / "data/sample/links.csv").read_text("utf-8")
    assert "links: 5 created" in subprocess.run(command, input=links, capture_output=True, text=True, check=True).stdout


def test_a_bad_line_is_named_and_the_good_ones_are_kept(bridge: Bridge, tmp_path: Path) -> None:
    bridge("db", "migrate")
    file = tmp_path / "links.csv"
    file.write_text("getfly,plazbot\nCH1,p1\nCH2,\n")
    output = bridge("link", "import", str(file), code=1).output
    assert "1 created" in output and "line 3: invalid: fewer than two ids" in output
    file.write_text("getfly,elsewhere\nCH1,p1\n")
    assert "line 1: no connection 'elsewhere'" in bridge("link", "import", str(file), code=1).output


def test_explain_tells_who_set_a_field_and_why_it_did_not_go_elsewhere(bridge: Bridge, database: Path) -> None:
    bridge("db", "migrate")
    bridge("link", "add", "getfly:CH1", "plazbot:p1", "onlyoffice:17")
    edited(Store(database))
    output = bridge("explain", "getfly", "CH1").output
    assert "name = 'Two'  (version 2)" in output
    assert "set at plazbot" in output and "heard by delivery 00000000-0000-7000-8000-000000000001" in output
    assert "GetFly builds it" in output and "written as 'Two'" in output
    assert "not linked" in bridge("explain", "getfly", "CH9", code=1).output


def test_replay_says_what_it_needs(bridge: Bridge) -> None:
    bridge("db", "migrate")
    assert "name a DELIVERY" in bridge("replay", code=2).output
    assert "no delivery x" in bridge("replay", "x", code=1).output
    assert "0 writes are tried again" in bridge("replay", "--dead").output
    assert "is not a time" in bridge("replay", "--connection", "getfly", "--since", "noon", code=2).output
    assert "0 deliveries of getfly" in bridge("replay", "--connection", "getfly", "--since", "2026-11-21").output


def edited(store: Store) -> None:
    """Leave a link as it is after one edit in Plazbot."""
    now = 1_795_000_000_000
    claim = store.claim("test", now + 10**12, 1000)
    assert claim is not None
    link = store.load(claim)
    link.hubs["name"] = Hub("Two", 2, now, "plazbot")
    for connection in ("getfly", "plazbot", "onlyoffice"):
        link.sides[connection].shadows["name"] = Shadow("Two", 2, now)
    delivery = "00000000-0000-7000-8000-000000000001"
    entries = [
        Entry(now, "plazbot", "name", "set", "One", "Two", 2, delivery),
        Entry(now, "onlyoffice", "name", "sent", "One", "Two", 2, delivery),
        Entry(now, "getfly", "name", "not_sent", None, "Two", 2, delivery, "GetFly builds it from the names"),
    ]
    store.save(claim, link, now, effects=Effects(journal=entries))
    store.release(claim)


def test_a_connection_that_was_paused_for_good_goes_on_when_it_answers_again(
    monkeypatch: pytest.MonkeyPatch, bridge: Bridge, database: Path
) -> None:
    bridge("db", "migrate")
    store = Store(database)
    store.pause("plazbot", "unauthorized")
    made = assemble("config/sandbox.toml", os.environ)
    monkeypatch.setattr(made.connectors["plazbot"], "check", lambda: ["5 stages"])
    assert made.try_connection("plazbot") == ["5 stages", "was paused, goes on"]
    assert store.connections()["plazbot"]["paused_until"] == 0
