"""What a host is given fits the bridge: requirements.txt, app.json and the Procfile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bridge.cli import cli

ROOT = Path(__file__).parent.parent
MADE = {"data/choices.csv", "data/links.csv", "data/bridge.db", "data/backup.db"}  # by whoever follows the pages


def needed(
    package: str, extras: frozenset[str] = frozenset(), seen: frozenset[str] = frozenset()
) -> Iterator[Requirement]:
    """Return what an installed package asks for here, and what that asks for."""
    for line in requires(package) or []:
        found = Requirement(line)
        if found.marker and not any(found.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        yield found
        if found.name not in seen:
            yield from needed(found.name, frozenset(found.extras), seen | {found.name})


def test_requirements_hold_every_package_in_a_version_that_fits() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert "." in lines, "the bridge itself is not installed"
    pinned = dict(line.split("==") for line in lines if "==" in line)
    for found in needed("opportunity-bridge"):
        if found.name == "pip":
            continue  # sqlite-utils asks for it; every environment has it, and pip does not freeze itself
        version = pinned.get(canonicalize_name(found.name))
        assert version, f"requirements.txt lacks {found.name}"
        assert found.specifier.contains(version), f"{found} does not take {version} of requirements.txt"


def test_app_json_offers_every_secret_and_demands_none() -> None:
    app = json.loads((ROOT / "app.json").read_text("utf-8"))
    config = (ROOT / "config/bridge.toml").read_text("utf-8")
    assert set(re.findall(r'= "env:([A-Z_]+)"', config)) == {name for name in app["env"] if name != "WEB_CONCURRENCY"}
    assert not any(one.get("required", True) for name, one in app["env"].items() if "value" not in one)


def test_app_json_starts_the_processes_of_the_procfile() -> None:
    app = json.loads((ROOT / "app.json").read_text("utf-8"))
    processes = {line.partition(":")[0] for line in (ROOT / "Procfile").read_text("utf-8").splitlines()}
    assert set(app["formation"]) == processes - {"release"}
    assert [one["plan"].partition(":")[0] for one in app["addons"]] == ["heroku-postgresql"]


@pytest.mark.parametrize("page", ["docs/deploy.md", "docs/sizing.md", "docs/observability.md"])
def test_a_page_names_commands_and_files_that_exist(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    code = "\n".join(re.findall(r"`([^`\n]+)`", text.replace("```", "")))
    for group, name in re.findall(r"(?<![-\w])(?<!-u )bridge (?=([a-z]+)(?: ([a-z]+))?)", code):
        if group == "bridge":
            continue  # a container of that name, and then the command
        command = cli.commands.get(group)
        assert command, f"{page}: bridge {group}"
        if isinstance(command, click.Group):
            assert name in command.commands, f"{page}: bridge {group} {name}"
    for path in re.findall(r"\b(?:config|data|tests|docs)/[\w./-]+\w", text):
        assert (ROOT / path).exists() or path in MADE, f"{page}: {path}"
