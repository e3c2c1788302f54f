"""What the README says of the fields is what the connectors do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.assembly import assemble
from bridge.core.fields import Field

ROOT = Path(__file__).parent.parent
ENV = {"SANDBOX_KEY": "key-1234", "SANDBOX_SECRET": "secret-1234", "SANDBOX_HOOK_SECRET": "hook-1234"}
COLUMNS = ("getfly", "onlyoffice", "leadsquared", "plazbot", "leadconnector")


def rows() -> list[list[str]]:
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.split("| field | GetFly |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def does(spec: Field | None) -> str:
    if spec is None or spec.unread:
        return "–"
    return "by stage" if spec.via else "reads" if spec.readonly else "both"


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_table_of_the_readme_is_what_the_connectors_do(row: list[str]) -> None:
    bridge = assemble(ROOT / "config/sandbox.toml", ENV)
    name = "custom.source" if row[0] == "custom fields" else row[0]
    tables = [{f.name: f for f in bridge.connectors[c].fields} for c in COLUMNS]
    assert [cell.split(" ¹")[0].rstrip(" ²³⁴⁵") for cell in row[1:]] == [does(t.get(name)) for t in tables]
