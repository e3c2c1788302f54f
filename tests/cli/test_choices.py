"""`bridge choice` as an admin types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.store import Store
from tests.cli.test_cli import Bridge, bridge, database
from tests.desk.lists import held_in, listing

__all__ = ["bridge", "database"]  # fixtures


@pytest.fixture(autouse=True)
def tables(bridge: Bridge) -> None:
    bridge("db", "migrate")


def test_a_choice_of_a_field_that_has_none_is_refused(bridge: Bridge) -> None:
    assert (
        "'name' is no choice at getfly. these are: "
        in bridge("choice", "add", "getfly", "name", "x", "y", code=1).output
    )
    assert "needs its pipeline in front" in bridge("choice", "add", "getfly", "stage", "31", "new", code=1).output
    assert "no connection 'acme'" in bridge("choice", "add", "acme", "stage", "31", "new", code=3).output
    assert "no connection 'acme'" in bridge("choice", "list", "--connection", "acme", code=3).output


def test_a_choice_is_added_listed_and_dropped(bridge: Bridge) -> None:
    assert "there is none" in bridge("choice", "list").output
    output = bridge("choice", "add", "getfly", "stage", "8/31", "new").output
    assert "created: getfly" in output and "say as well what '8/31' means for status" in output
    assert "unchanged: " in bridge("choice", "add", "getfly", "stage", "8/31", "new").output
    assert "8/31" in bridge("choice", "list", "--field", "stage").output
    assert "8/31" not in bridge("choice", "list", "--field", "owner").output
    output = bridge("choice", "drop", "getfly", "stage", "8/31", "new").output
    assert "dropped: " in output and "deals that show '8/31' there: 0" in output
    assert "has no choice" in bridge("choice", "drop", "getfly", "stage", "8/31", "new", code=3).output


def test_what_waits_is_shown_with_the_command_that_would_map_it(bridge: Bridge, database: Path) -> None:
    assert "nothing waits for a choice" in bridge("choice", "unmapped").output
    store = Store(database)
    listing(store, "getfly", owner={"2": "Đỗ Hòa"})
    output = bridge("choice", "unmapped").output
    assert "getfly owner: '2' (Đỗ Hòa) is on its list and has no meaning yet" in output
    held_in(store, "getfly", "owner", "no choice for owner 'hoa do'", "hoa do")
    store.db.close()
    output = bridge("choice", "unmapped", code=1).output
    assert "getfly owner: how is 'hoa do' written?  deals: 1" in output
    assert "  bridge choice add getfly owner 2 'hoa do'   # the same name, Đỗ Hòa" in output
    bridge("choice", "add", "getfly", "owner", "2", "hoa do")
    assert "nothing waits" in bridge("choice", "unmapped").output
    assert "2 (Đỗ Hòa)" in bridge("choice", "list").output


def test_scripts_get_json(bridge: Bridge) -> None:
    assert json.loads(bridge("choice", "unmapped", "--json").output) == []
    made = json.loads(bridge("choice", "add", "getfly", "owner", "2", "hoa", "--json").output)
    assert (made["verdict"], made["choice"]["canonical"], made["choice"]["use"]) == ("created", "hoa", "both")
    assert [c["native"] for c in json.loads(bridge("choice", "list", "--json").output)] == ["2"]
    assert json.loads(bridge("choice", "drop", "getfly", "owner", "2", "hoa", "--json").output)["deals"] == 0


def test_a_file_is_tried_first_then_imported_and_comes_out_again(bridge: Bridge, tmp_path: Path) -> None:
    file = tmp_path / "choices.csv"
    file.write_text("connection,field,native,canonical\ngetfly,owner,2,hoa\ngetfly,owner,2,minh\nacme,owner,2,hoa\n")
    output = bridge("choice", "import", "--dry-run", str(file), code=1).output
    assert "would be 1 created, 0 changed, 0 unchanged, 1 conflicting, 1 invalid" in output
    assert "line 3: conflicting: '2' means 'hoa' in line 2" in output and "line 4: invalid: no connection" in output
    assert "there is none" in bridge("choice", "list").output
    report = json.loads(bridge("choice", "import", "--json", str(file), code=1).output)
    assert (report["created"], report["dry"], [line["number"] for line in report["lines"]]) == (1, False, [3, 4])
    out = tmp_path / "out.ndjson"
    bridge("choice", "export", str(out))
    assert json.loads(out.read_text()) == {
        "connection": "getfly", "field": "owner", "native": "2", "canonical": "hoa", "use": "both"
    }  # fmt: skip
    assert "0 created, 0 changed, 1 unchanged" in bridge("choice", "import", str(out)).output
    assert bridge("choice", "export", "--form", "csv").output.splitlines()[1] == "getfly,owner,2,hoa,both"


def test_a_file_without_the_columns_is_refused(bridge: Bridge, tmp_path: Path) -> None:
    file = tmp_path / "choices.csv"
    file.write_text("connection,field\n")
    assert "line 1: missing native, canonical" in bridge("choice", "import", str(file), code=1).output


def test_a_file_that_is_no_text_is_refused(bridge: Bridge, tmp_path: Path) -> None:
    file = tmp_path / "choices.csv"
    file.write_bytes("connection,field,native,canonical\ngetfly,owner,2,h\u00f2a\n".encode("latin-1"))
    assert "the file is not UTF-8 text" in bridge("choice", "import", str(file), code=1).output
    assert "there is none" in bridge("choice", "list").output
