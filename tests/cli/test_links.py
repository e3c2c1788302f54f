"""`bridge link` as an admin types it, and as a script calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.store import Store
from tests.cli.test_cli import Bridge, bridge, database

__all__ = ["bridge", "database"]


@pytest.fixture
def linked(bridge: Bridge, database: Path) -> str:
    """A link of two deals, whose id this is."""
    bridge("db", "migrate")
    made = json.loads(bridge("link", "add", "getfly:CH1", "plazbot:p1", "--json").output)
    assert made["verdict"] == "created"
    return str(made["link"]["id"])


def records(output: str) -> list[str]:
    return sorted(f"{r['connection']}:{r['id']}" for r in json.loads(output)["refs"])


def test_a_link_is_shown_by_its_id_and_by_each_record(bridge: Bridge, linked: str) -> None:
    shown = bridge("link", "show", linked).output
    assert linked in shown and "  getfly:CH1\n  plazbot:p1\n" in shown
    assert bridge("link", "show", "plazbot:p1").output == shown
    assert records(bridge("link", "show", "getfly:CH1", "--json").output) == ["getfly:CH1", "plazbot:p1"]
    assert "not linked: getfly:CH9" in bridge("link", "show", "getfly:CH9", code=3).output
    assert "no link 'x'" in bridge("link", "show", "x", code=3).output


def test_links_are_searched_and_filtered(bridge: Bridge, linked: str) -> None:
    bridge("link", "add", "getfly:CH2", "onlyoffice:17")
    bridge("link", "add", "getfly:7", "onlyoffice:7", "--kind", "contact")
    assert [line.split()[0] for line in bridge("link", "list", "p1").output.splitlines()] == [linked]
    assert "onlyoffice:17" in bridge("link", "list", "--connection", "onlyoffice").output
    assert linked in bridge("link", "list", "--without", "onlyoffice").output
    assert "contact" in bridge("link", "list", "--kind", "contact").output
    assert bridge("link", "list", "nothing").output == ""
    found = json.loads(bridge("link", "list", "--limit", "1", "--json").stdout)
    assert (len(found["links"]), found["more"]) == (1, True)
    assert "no connection 'nobody'" in bridge("link", "list", "--connection", "nobody", code=3).output


def test_more_links_than_a_page_are_listed(bridge: Bridge, linked: str, tmp_path: Path) -> None:
    file = tmp_path / "links.csv"
    file.write_text("getfly,plazbot\n" + "".join(f"C{i},q{i}\n" for i in range(450)))
    bridge("link", "import", str(file))
    assert len(bridge("link", "list", "--limit", "999").output.splitlines()) == 451
    assert len(json.loads(bridge("link", "list", "--limit", "450", "--json").stdout)["links"]) == 450


def test_a_link_is_mended(bridge: Bridge, linked: str) -> None:
    bridge("link", "add", "getfly:CH1", "onlyoffice:17")
    new = json.loads(bridge("link", "split", "plazbot:p1", "onlyoffice:17", "--json").output)
    assert [r["connection"] for r in new["refs"]] == ["onlyoffice", "plazbot"]
    assert "merged" in bridge("link", "merge", "getfly:CH1", new["id"]).output
    assert "plazbot:p1 is out of link" in bridge("link", "remove", "plazbot:p1").output
    assert records(bridge("link", "show", linked, "--json").output) == ["getfly:CH1", "onlyoffice:17"]
    assert "both links need a record" in bridge("link", "split", "getfly:CH1", "onlyoffice:17", code=1).output
    assert "with itself" in bridge("link", "merge", linked, "getfly:CH1", code=1).output
    bridge("link", "remove", "getfly:CH1")
    assert "which is gone: it was the last" in bridge("link", "remove", "onlyoffice:17").output


def test_a_link_is_deleted_when_somebody_is_sure(bridge: Bridge, linked: str, database: Path) -> None:
    assert "Aborted" in bridge("link", "delete", linked, code=1).output
    assert f"deleted: {linked}" in bridge("link", "delete", "getfly:CH1", "--yes").output
    assert bridge("link", "list").output == ""
    store = Store(database)
    assert [(d["who"], d["deed"]) for d in store.deeds(9)] == [
        ("command line", "link deleted"), ("command line", "link made"),
    ]  # fmt: skip
    store.db.close()


def test_an_import_is_tried_first(bridge: Bridge, linked: str, tmp_path: Path) -> None:
    file = tmp_path / "links.ndjson"
    file.write_text('{"getfly": "CH1", "onlyoffice": 17}\n{"getfly": "CH2"}\n{"getfly": "CH3", "plazbot": "p1"}\n')
    tried = bridge("link", "import", str(file), "--dry-run", code=1)
    assert "would be 0 created, 1 changed, 0 unchanged, 1 conflicting, 1 invalid" in tried.output
    assert "line 2: invalid: fewer than two ids" in tried.stderr and "line 3: conflicting" in tried.stderr
    assert "onlyoffice" not in bridge("link", "list").output
    report = json.loads(bridge("link", "import", str(file), "--json", code=1).stdout)
    assert (report["dry"], report["changed"], [line["number"] for line in report["lines"]]) == (False, 1, [2, 3])
    assert "onlyoffice:17" in bridge("link", "list").output


def test_what_is_exported_comes_back(bridge: Bridge, linked: str, tmp_path: Path) -> None:
    for name in ("out.csv", "out.ndjson"):
        bridge("link", "export", str(tmp_path / name))
        assert "1 unchanged" in bridge("link", "import", str(tmp_path / name)).output
    assert json.loads(bridge("link", "export", "--form", "ndjson").stdout) == {
        "kind": "opportunity", "getfly": "CH1", "plazbot": "p1",
    }  # fmt: skip
