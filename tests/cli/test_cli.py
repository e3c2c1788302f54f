"""The command line as an admin types it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import cli
from bridge.core.errors import BridgeError

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
