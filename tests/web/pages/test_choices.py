"""The page Choices, as a browser gets it."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bridge.desk import choices
from bridge.web.pages.choices import FILE_BYTES_MAX
from tests.desk.lists import desk_of, held_in, listing
from tests.web.pages.conftest import Person, sign_in
from tests.web.toy import Parts, parts

HOA = {"connection": "b", "field": "owner", "native": "7", "canonical": "hoa"}


@pytest.fixture
def bridge(tmp_path: Path) -> Parts:
    made = parts(tmp_path / "b.db")
    made.connectors = {name: c.connector for name, c in desk_of(made.store).connections.items()}
    return made


def words(page: str) -> str:
    """Return what a page says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).split())


def form_at(page: str, action: str, **hidden: str) -> bool:
    """Tell whether a page has a form that would send these values with one click."""
    wanted = [f'name="{name}" value="{value}"' for name, value in hidden.items()]
    forms = re.findall(rf'<form method="post" action="{action}".*?</form>', page, re.S)
    return any(all(each in form for each in wanted) for form in forms)


def test_a_new_bridge_says_what_to_do_next(person: Person, reader: Person) -> None:
    page = person.get("/choices").text
    assert "There is no choice yet" in page and 'href="/choices/import"' in page
    assert "There is no choice yet" in reader.get("/choices").text


def test_what_waits_stands_on_top_and_a_suggestion_is_one_click(bridge: Parts, person: Person) -> None:
    listing(bridge.store, "b", owner={"7": "Đỗ <Hòa>"})
    held_in(bridge.store, "c", "owner", "nobody has said what owner 'b:7' means", "unknown:b:7")
    choices.put(bridge.desk, "x", "a", "owner", "1", "hoa")
    page = person.get("/choices").text
    assert "deals have it, and nobody has said what it means" in page and "Đỗ &lt;Hòa&gt;" in page
    assert form_at(page, "/choices/put", **HOA, use="both") and "may be the same" in page
    answer = person.post("/choices/put", **HOA, use="both", back="connection=b&field=owner&x=1")
    assert (answer.status_code, answer.location) == (303, "/choices?connection=b&field=owner")
    page = person.get("/choices").text
    assert "b owner '7' means 'hoa'. Deals that waited for it go on by themselves." in html.unescape(page)
    assert bridge.store.deeds(1)[0]["who"] == "hoa"


def test_the_link_of_a_hold_opens_the_form_that_cures_it(bridge: Parts, person: Person) -> None:
    listing(bridge.store, "a", stage={"7/1": "New", "7/2": "Won", "8/2": "Won"})
    held_in(bridge.store, "a", "stage", "no choice for stage 'won' in pipeline '7'")
    page = person.get("/choices?connection=a&field=stage&canonical=won&scope=7").text
    assert "How is won written at a?" in words(page) and "One of pipeline 7" in page
    assert form_at(page, "/choices/put", connection="a", field="stage", native="7/2", canonical="won", use="both")
    assert 'name="canonical" list="canonical-stage" value="won"' in page
    page = person.get("/choices?connection=b&field=owner&native=7").text
    assert "What does this value mean?" in words(page) and 'list="natives-b-owner" value="7"' in page


def test_choices_are_shown_by_field_and_say_what_is_written(bridge: Parts, person: Person) -> None:
    listing(bridge.store, "b", owner={"7": "Đỗ Hòa", "8": "Hòa (old)"})
    choices.put(bridge.desk, "x", "b", "owner", "7", "hoa")
    choices.put(bridge.desk, "x", "b", "owner", "8", "hoa", "read")
    choices.put(bridge.desk, "x", "b", "stage", "1", "new")
    page = person.get("/choices").text
    assert "<strong>Đỗ Hòa</strong>" in page and ">Hòa (old)<" in page and "<strong>Hòa (old)" not in page
    assert "Say how owner hoa is written at a" in page
    assert 'id="t-stage"' in page and 'id="t-stage"' not in person.get("/choices?field=owner").text
    assert "No choice fits these filters" in person.get("/choices?text=zzz").text
    assert person.get("/choices?connection=nobody").status_code == 404


def test_a_choice_is_changed_in_place_and_removed(bridge: Parts, person: Person) -> None:
    etag = choices.put(bridge.desk, "x", *HOA.values()).choice.etag
    page = person.get("/choices?" + urlencode({**HOA, "edit": 1})).text
    assert form_at(page, "/choices/put", native="7", instead="hoa", etag=etag)
    assert form_at(page, "/choices/drop", **HOA, etag=etag) and "No deal shows it at b." in words(page)
    change = {**HOA, "canonical": "minh", "use": "read", "instead": "hoa", "etag": etag}
    assert person.post("/choices/put", **change).status_code == 303
    [kept] = choices.page(bridge.desk).items
    assert (kept.canonical, kept.use) == ("minh", "read")
    again = person.post("/choices/put", **change)
    assert (again.status_code, "no choice owner" in html.unescape(again.text)) == (404, True)
    stale = {**HOA, "canonical": "minh", "etag": etag}
    assert person.post("/choices/drop", **stale).status_code == 412
    assert person.post("/choices/drop", **{**stale, "etag": kept.etag}).status_code == 303
    assert choices.page(bridge.desk).items == []


def test_a_name_that_was_typed_takes_nothing_from_another_choice(bridge: Parts, person: Person) -> None:
    choices.put(bridge.desk, "x", *HOA.values())
    person.post("/choices/put", **{**HOA, "native": "8"})
    assert [(c.native, c.use) for c in choices.page(bridge.desk).items] == [("7", "both"), ("8", "read")]


def test_a_form_that_is_not_ours_is_refused(bridge: Parts, person: Person) -> None:
    assert person.post("/choices/put", **HOA, use="sometimes").status_code == 400
    answer = person.post("/choices/put", **{**HOA, "field": "name"})
    assert (answer.status_code, "is no choice at b" in answer.text) == (422, True)
    assert person.post("/choices/put", **{**HOA, "connection": "zz"}).status_code == 404


def test_a_file_shows_what_it_would_change_before_it_does(bridge: Parts, person: Person) -> None:
    text = "connection,field,native,canonical\nb,owner,7,hoa\nb,owner,7,<minh>\nzz,owner,7,hoa\n"
    sent = {"file": (io.BytesIO(b"\xef\xbb\xbf" + text.encode()), "ours.csv")}
    page = person.post("/choices/import", **sent).text
    assert "ours.csv: nothing has been changed yet" in words(page)
    assert "'7' means 'hoa' in line 2; give one of them use=write" in words(page) and "no connection 'zz'" in words(
        page
    )
    assert "Import these 1" in page and bridge.store.choices() == []
    found = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', page, re.S)
    assert found is not None and html.unescape(found[1]) == text
    answer = person.post("/choices/import", text=text.replace("\n", "\r\n"), sure="1")
    assert answer.status_code == 303
    assert "1 choice came in; 2 lines left out." in person.get("/choices").text
    assert len(bridge.store.choices()) == 1


def test_a_large_file_comes_through_and_a_larger_one_does_not(bridge: Parts, person: Person) -> None:
    lines = "".join(f"b,owner,{n:0300},p{n}\n" for n in range(3_000))
    text = f"connection,field,native,canonical\n{lines}"
    assert 500_000 < len(text) < FILE_BYTES_MAX
    assert person.post("/choices/import", text=text, sure="1").status_code == 303
    assert len(bridge.store.choices()) == 3_000
    assert person.post("/choices/import", text=text * 3, sure="1").status_code == 413


def test_a_file_that_is_no_text_is_named(person: Person) -> None:
    answer = person.post("/choices/import", file=(io.BytesIO(b"PK\x03\x04\xff\xfe"), "ours.xlsx"))
    assert (answer.status_code, "not UTF-8" in answer.text) == (422, True)


@pytest.mark.parametrize(("form", "mimetype"), [("csv", "text/csv"), ("ndjson", "application/x-ndjson")])
def test_choices_are_taken_out_as_a_file_that_comes_in_again(
    bridge: Parts, person: Person, form: str, mimetype: str
) -> None:
    choices.put(bridge.desk, "x", *HOA.values())
    answer = person.get(f"/choices/export?form={form}")
    assert (answer.mimetype, f"choices.{form}" in answer.headers["Content-Disposition"]) == (mimetype, True)
    back = person.post("/choices/import", file=(io.BytesIO(answer.data), "x")).text
    assert "as they are 1" in words(back) and "Import these" not in back


def test_a_reader_sees_everything_and_has_no_buttons(bridge: Parts) -> None:
    reader = sign_in(bridge, "read", "minh")
    listing(bridge.store, "b", owner={"7": "Đỗ Hòa", "8": "Minh"})
    choices.put(bridge.desk, "x", *HOA.values())
    page = reader.get("/choices?connection=b&field=owner&native=8").text
    assert "<strong>Đỗ Hòa</strong>" in page and "Minh" in page
    assert "/choices/put" not in page and "/choices/import" not in page and 'id="form"' not in page
    assert reader.post("/choices/put", **HOA).status_code == 403
    assert reader.get("/choices/export").status_code == 200


def test_what_waits_is_paged(bridge: Parts, person: Person) -> None:
    listing(bridge.store, "b", owner={f"u{n:02}": f"x{n}" for n in range(30)})
    page = person.get("/choices").text
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert "u24" in page and "u25" not in re.sub(r"<datalist.*</datalist>", "", page, flags=re.S) and following
    assert "u25" in re.sub(r"<datalist.*</datalist>", "", person.get(html.unescape(following[1])).text, flags=re.S)


def test_the_page_does_nothing_but_what_stands_in_its_files(bridge: Parts, person: Person) -> None:
    listing(bridge.store, "b", owner={"7": "Hoa"})
    for path in ("/choices?add=1", "/choices/import"):
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", person.get(path).text), path
    ids = re.findall(r'\sid="([^"]+)"', person.get("/choices?add=1").text)
    assert len(ids) == len(set(ids))
