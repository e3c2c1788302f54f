"""The page of a deal that was really synced: the same story as on the command line."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from bridge.core.errors import Transient
from bridge.core.model import Record, Ref
from tests.desk.deal import Deal, installed
from tests.web.pages.conftest import Person, sign_in
from tests.web.toy import Parts


def visitor(deal: Deal) -> Person:
    return sign_in(Parts(deal.store, dict(deal.connectors), at=deal.clock), "read")


def text(html: str) -> str:
    """Return what a person reads of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture
def deal(tmp_path: Path) -> Deal:
    return Deal(tmp_path).play()


@pytest.fixture
def page(deal: Deal) -> str:
    return visitor(deal).get(f"/deals/{deal.link}").text


def cell(page: str, field: str, column: int) -> str:
    """Return the cell of a field in the grid: 1 is the bridge, then the sides."""
    row = next(r for r in re.findall(r"<tr>(.*?)</tr>", page, re.S) if f"field={field}#why" in r)
    return re.findall(r"<td.*?</td>", row, re.S)[column - 1]


def test_the_page_tells_every_line_that_the_command_line_tells(
    deal: Deal, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(deal, monkeypatch)
    lines = CliRunner().invoke(cli, ["explain", deal.link]).output.splitlines()
    read = text(page)
    history = lines[lines.index("history") + 1 : lines.index("last attempts") - 1]
    sides = [line for line in lines[: lines.index("history")] if line.startswith("    ")]
    said = [re.sub(r"^\s+\S+\s+", "", re.sub(r"(, )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC(: )?", "", s)) for s in sides]
    assert len(history) == 27 and len(said) == 20
    assert [s for s in history if " ".join(s.split()) not in read] == []
    assert [s for s in said if s not in read] == []


def test_the_sides_stand_next_to_each_other(page: str) -> None:
    assert text(cell(page, "stage", 1)) == "proposal"
    assert [text(cell(page, "stage", n)) for n in (2, 5)] == ["Proposal (3)", "Qualified (2)"]
    assert 'class="differs"' not in cell(page, "stage", 5), "it is as near as this CRM comes"
    assert 'class="differs"' in cell(page, "name", 5) and "differs: “Acme”" in text(cell(page, "name", 5))
    assert 'class="never"' in cell(page, "contact_phone", 3) and "has no such field" in cell(page, "contact_phone", 3)
    assert text(cell(page, "contact_phone", 4)) == "+84 91 234 5678"


def test_what_waits_stands_on_top_with_its_cure(tmp_path: Path) -> None:
    deal = Deal(tmp_path).morning()
    page = visitor(deal).get(f"/deals/{deal.link}").text
    cure = "What to do: add a choice for owner “minh” at onlyoffice"
    assert f"owner at onlyoffice: no choice for owner “minh”. {cure}. Since" in text(page)
    assert f'href="/holds?link={deal.link}"' in page
    assert "differs: Hoa Le (7) waits" in text(cell(page, "owner", 3))


def test_one_field_alone(deal: Deal) -> None:
    person = visitor(deal)
    page = person.get(f"/deals/{deal.link}?field=amount").text
    assert "What has happened to amount" in text(page) and "Stage was changed" not in page
    assert page.count("<details") == 1 and '<details class="panel" open>' in page
    assert person.get(f"/deals/{deal.link}?field=colour").status_code == 404


def test_any_id_code_or_name_finds_it(deal: Deal) -> None:
    person = visitor(deal)
    for q in ("CH2055", "a1b2", "acme, 20", deal.link):
        assert person.get(f"/deals?q={q}").location == f"/deals/{deal.link}"
    assert person.get("/deals?q=nobody").location == "/links?q=nobody"
    assert person.get("/deals").location == "/links"
    assert person.get("/deals/nothing").status_code == 404


def test_a_deal_that_was_not_read_yet_and_one_that_has_ended(deal: Deal) -> None:
    new = deal.store.link([Ref("getfly", "CH1")], deal.clock)
    person = visitor(deal)
    page = text(person.get(f"/deals/{new}").text)
    assert "Nothing was read yet" in page and "Record CH1 of getfly was linked." in page
    deal.store.delete_link(deal.link, deal.clock)
    page = text(person.get(f"/deals/{deal.link}").text)
    assert "This link has ended" in page and "Record CH2055 of getfly was taken out of the link." in page


def test_a_long_history_is_shown_in_part(deal: Deal) -> None:
    for n in range(100):
        deal.edit(n * 60_000 + 15 * 3_600_000, "getfly", amount=str(n))
    person = visitor(deal)
    page = person.get(f"/deals/{deal.link}").text
    assert "older lines" in text(page) and "gave the first values" not in page
    assert "gave the first values" in person.get(f"/deals/{deal.link}?all=1").text


def test_a_call_that_fails_now_is_told_above_all(deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(ref: Ref) -> Record:
        raise Transient("server_error", "HTTP 503")

    monkeypatch.setattr(deal.connectors["getfly"], "read", down)
    deal.store.look_again(deal.link, "getfly", deal.clock)
    claim = deal.flow.claim("w")
    assert claim is not None
    deal.flow.work(claim)
    page = text(visitor(deal).get(f"/deals/{deal.link}").text)
    assert "record at getfly failed: server error: HTTP 503. It is tried again by itself; 1 in a row" in page
