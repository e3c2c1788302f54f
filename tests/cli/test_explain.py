"""`bridge explain` as an admin reads it, of a deal that was really synced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from tests.desk.deal import Deal, installed

EXPECTED = Path(__file__).parents[1] / "desk" / "deal.txt"


@pytest.fixture
def deal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    made = Deal(tmp_path).play()
    installed(made, monkeypatch)
    return made


def told(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["explain", *arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_every_line_of_a_deal_with_a_conflict_a_lossy_stage_a_cured_hold_and_a_tidied_phone(deal: Deal) -> None:
    assert told("getfly", "CH2055") == EXPECTED.read_text("utf-8")


def test_any_of_its_ids_and_the_link_alone_lead_to_the_same_story(deal: Deal) -> None:
    assert told("plazbot", "p-9") == told(deal.link) == EXPECTED.read_text("utf-8")


def test_what_waits_is_told_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(Deal(tmp_path).morning(), monkeypatch)
    lines = told("getfly", "CH2055").splitlines()
    cure = "What to do: add a choice for owner “minh” at onlyoffice"
    noon = "2026-11-02 12:00:02 UTC"
    assert f"    onlyoffice   waits: no choice for owner “minh”. {cure}, {noon}" in lines
    assert f"  {noon}  Owner waits at onlyoffice: no choice for owner “minh”. {cure}." in lines
    at = lines.index("waits for a person")
    assert lines[at + 1 : at + 3] == [f"  owner at onlyoffice: no choice for owner “minh”. {cure}.", ""]


def test_one_field_alone(deal: Deal) -> None:
    lines = told("getfly", "CH2055", "--field", "stage").splitlines()
    assert "stage: proposal" in lines and not any("1,400 USD" in line for line in lines)
    assert (
        "  2026-11-02 10:00:02 UTC  Stage was written to plazbot as Qualified (2), which means qualified there."
        in lines
    )
    assert "last attempts" not in lines


def test_the_same_for_scripts(deal: Deal) -> None:
    found = json.loads(told("getfly", "CH2055", "--json"))
    assert (found["link"], found["name"], found["waits"]) == (deal.link, "Acme, 20 seats", [])
    assert [f["name"] for f in found["fields"]] == ["name", "amount", "stage", "owner", "contact_phone"]
    written = EXPECTED.read_text("utf-8")
    assert all(e["sentence"] in written for e in found["timeline"])
    assert found["fields"][1]["sides"][3] | {"at": None} == {
        "connection": "plazbot",
        "state": "written",
        "said": "written as 1,400 USD",
        "cure": "",
        "at": None,
        "behind": False,
        "shows": "1,400 USD",
        "differs": False,
    }


def test_what_there_is_not(deal: Deal) -> None:
    assert "getfly:CH9 is not linked" in told("getfly", "CH9", code=3)
    assert "no connection 'acme'" in told("acme", "1", code=3)
    assert "no link x" in told("x", code=3)
    assert "name the id or code of the deal at getfly, too" in told("getfly", code=2)
    assert "no field 'colour'. its fields: name, amount" in told("getfly", "CH2055", "--field", "colour", code=3)
