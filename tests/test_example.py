"""config/bridge.toml is what a new user edits: it must fit the vendors, whole and with every line switched on."""

import re
from pathlib import Path

import pytest

from bridge.connectors.base import Account
from bridge.connectors.registry import VENDORS
from bridge.settings import Settings, load
from tests.connectors.recorder import OpenGate, Recorder

EXAMPLE = Path(__file__).parents[1] / "config" / "bridge.toml"
TEXT = EXAMPLE.read_text("utf-8")
ENV = {name: f"made-up-{name}-long-enough" for name in re.findall(r"env:([A-Z_]+)", TEXT)}
ENV["ALERT_URL"] = "https://alerts.example.com/hook"


def test_the_example_loads_and_its_connectors_start() -> None:
    settings = load(EXAMPLE, ENV, VENDORS)
    assert [c.vendor for c in settings.connections.values()] == list(VENDORS)
    for c in settings.connections.values():
        account = Account(c.name, c.base_url, c.secrets, c.options, c.custom, c.currency, c.zone)
        connector = VENDORS[c.vendor](account, transport=Recorder(), gate=OpenGate())
        assert {"name", "amount", "stage", "status", "owner"} <= {field.name for field in connector.fields}


def test_every_line_that_the_example_only_shows_is_taken_too(tmp_path: Path) -> None:
    settings = switched_on(tmp_path)
    assert settings.policies == {"amount": "source:getfly", "lost_reason": "hold"}
    assert settings.connections["leadsquared"].custom == {"budget": "mx_Custom_20"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_example_shows_every_secret_and_option(tmp_path: Path, vendor: str) -> None:
    shown = switched_on(tmp_path).connections[vendor]
    options = {option.name for option in VENDORS[vendor].options}
    numbered = {name for name in options if name.endswith(("_field", "_label")) and vendor == "leadsquared"}
    assert shown.secrets.keys() == VENDORS[vendor].secrets.keys()
    assert options - numbered <= shown.options.keys()


def switched_on(tmp_path: Path) -> Settings:
    text = re.sub(r"^# (?=\w+ = |\[connections|\[alerts)", "", TEXT, flags=re.M)
    (tmp_path / "bridge.toml").write_text(text, "utf-8")
    return load(tmp_path / "bridge.toml", ENV, VENDORS)
