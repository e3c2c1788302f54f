"""The pages of links, as a browser gets them."""

from __future__ import annotations

import html
import io
import re

import pytest

from bridge.core.model import Ref
from bridge.desk import links
from bridge.web.pages import links as page
from tests.web.pages.conftest import HTML, Person
from tests.web.toy import Parts


def made(bridge: Parts, *refs: str, kind: str = "opportunity") -> links.Linked:
    return links.add(bridge.desk, [links.ref_in(bridge.desk, r, kind) for r in refs], "test").link


def named(bridge: Parts, link: str, name: str) -> None:
    hub = {"link": link, "field": "name", "value": f'"{name}"', "version": 1, "stamp": 1, "origin": "open", "hop": 0}
    bridge.store.db.run("save_hub", **hub, held_until=None, argued=0, argued_day=0)


def words(text: str) -> str:
    """Return what a page says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text.partition("<main")[2])).split())


def told(bridge: Parts) -> list[list[str]]:
    found = links.page(bridge.desk).items
    return sorted([f"{r.connection}:{r.id}" for r in link.refs] for link in found)


def file(text: str | bytes, name: str = "links.csv") -> tuple[io.BytesIO, str]:
    return io.BytesIO(text.encode() if isinstance(text, str) else text), name


def test_a_new_bridge_says_what_to_do_next(person: Person, reader: Person) -> None:
    shown = person.get("/links").text
    assert "Nothing is linked yet" in shown and 'href="/links/import">Import a file' in shown
    assert "/links/import" not in reader.get("/links").text


def test_links_are_listed_with_their_records_and_lead_to_the_deal(bridge: Parts, person: Person) -> None:
    link = made(bridge, "open:1", "mute:<2>")
    named(bridge, link.id, "Đà Nẵng & <b>")
    contact = made(bridge, "open:7", "mute:7", kind="contact")
    shown = person.get("/links").text
    assert f'<a href="/deals/{link.id}">Đà Nẵng &amp; &lt;b&gt;</a>' in shown
    assert "<code>1</code>" in shown and "<code>&lt;2&gt;</code>" in shown and contact.id not in shown
    assert f'<a href="/links/{contact.id}">without a name</a>' in person.get("/links?kind=contact").text


@pytest.mark.parametrize("q", ["ĐÀ NẴ", "1", "code"])
def test_a_link_is_searched_by_name_id_or_code(bridge: Parts, person: Person, q: str) -> None:
    link, other = made(bridge, "open:1", "mute:2"), made(bridge, "open:3", "mute:4")
    named(bridge, link.id, "Đà Nẵng")
    bridge.store.name_also(Ref("open", "1"), ["code"])
    shown = person.get(f"/links?q={q}").text
    assert link.id in shown and other.id not in shown
    assert "Nothing fits" in person.get("/links?q=nobody").text


def test_links_are_filtered_and_paged(bridge: Parts, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SHOWN", 1)
    first, second = made(bridge, "open:1", "mute:2"), made(bridge, "open:3", "polite:4")
    shown = person.get("/links?connection=open").text
    assert second.id in shown and first.id not in shown
    following = html.unescape(re.findall(r'rel="next" href="([^"]+)"', shown)[0])
    assert "connection=open" in following and first.id in person.get(following).text
    assert first.id in person.get("/links?without=polite").text
    assert person.get("/links?connection=nobody").status_code == 404
    assert person.get("/links?kind=deal").status_code == 422


def test_a_link_is_made_from_a_form(bridge: Parts, person: Person) -> None:
    assert 'name="id-polite"' in person.get("/links/new").text
    answer = person.post("/links", **{"id-open": " 1 ", "id-mute": "2", "id-polite": "", "kind": "opportunity"})
    assert told(bridge) == [["mute:2", "open:1"]]
    assert "The records are linked." in person.get(answer.location).text
    refused = person.post("/links", **{"id-open": "9"})
    assert (refused.status_code, "two records at least" in refused.text) == (422, True)


def test_a_link_is_mended(bridge: Parts, person: Person) -> None:
    link = made(bridge, "open:1", "mute:2")
    at = f"/links/{link.id}"

    def do(deed: str, **form: str | list[str]) -> str:
        etag = re.search(r'name="etag" value="(\w+)"', person.get(at).text)
        assert etag is not None
        answer = person.post(f"{at}/{deed}", etag=etag[1], **form)
        assert answer.status_code == 303, answer.text
        return words(person.get(answer.location).text if answer.location != "/" else "")

    do("add", connection="polite", id="3")
    assert told(bridge) == [["mute:2", "open:1", "polite:3"]]
    do("split", connection=["open", "mute"])
    assert told(bridge) == [["mute:2", "open:1"], ["polite:3"]]
    do("merge", other="open:1")
    assert told(bridge) == [["mute:2", "open:1", "polite:3"]]
    do("remove", connection="mute")
    assert told(bridge) == [["open:1", "polite:3"]]
    do("delete", sure="on")
    assert told(bridge) == [] and person.get(at).status_code == 404
    deeds = [d["deed"] for d in bridge.store.deeds(5) if d["who"] == "hoa"]
    assert deeds == ["link deleted", "ref removed", "links merged", "link split", "ref added"]


def test_the_last_record_takes_the_link_with_it(bridge: Parts, person: Person) -> None:
    link = bridge.store.link([Ref("open", "1")], 1)
    answer = person.post(f"/links/{link}/remove", connection="open")
    assert (answer.status_code, answer.location) == (303, "/links")


@pytest.mark.parametrize(
    ("deed", "form", "status", "says"),
    [
        ("delete", {}, 422, "tick that you are sure"),
        ("delete", {"sure": "on", "etag": "old"}, 412, "has changed since you looked"),
        ("split", {}, 422, "none of the link's records was chosen"),
        ("split", {"connection": ["open", "mute"]}, 422, "both links need a record"),
        ("remove", {"connection": "polite"}, 422, "none of the link's records"),
        ("add", {"connection": "polite", "id": " "}, 422, "the id at polite is empty"),
        ("add", {"connection": "nobody", "id": "1"}, 404, "no connection 'nobody'"),
        ("merge", {"other": "open:9"}, 404, "not linked: open:9"),
        ("merge", {"other": "open:3"}, 409, "both links have a record at mute, open"),
        ("merge", {"other": ""}, 404, "no link ''"),
    ],
)
def test_what_cannot_be_done_is_told(
    bridge: Parts, person: Person, deed: str, form: dict[str, str], status: int, says: str
) -> None:
    link = made(bridge, "open:1", "mute:2")
    made(bridge, "open:3", "mute:4")
    answer = person.post(f"/links/{link.id}/{deed}", **form)
    assert (answer.status_code, says in words(answer.text)) == (status, True), words(answer.text)
    assert told(bridge) == [["mute:2", "open:1"], ["mute:4", "open:3"]]


def test_who_may_only_look_changes_nothing_and_sees_no_forms(bridge: Parts, reader: Person) -> None:
    link = made(bridge, "open:1", "mute:2")
    shown = reader.get(f"/links/{link.id}").text
    assert "<code>1</code>" in shown and f"/links/{link.id}/" not in shown
    for deed in ("add", "remove", "split", "merge", "delete"):
        assert reader.post(f"/links/{link.id}/{deed}", connection="open", sure="on").status_code == 403
    assert reader.post("/links/import", do="import", file=file("open,mute\n8,9\n")).status_code == 403
    assert told(bridge) == [["mute:2", "open:1"]]


BROUGHT = "open,mute,polite\n1,2,\n3,,\n4,5,6\n1,5,\n"


def test_a_file_is_tried_first_and_its_bad_lines_are_named(bridge: Parts, person: Person) -> None:
    tried = person.post("/links/import", do="preview", file=file(BROUGHT))
    assert "nothing has been changed yet" in words(tried.text) and "Import these 2" in words(tried.text)
    assert re.findall(r'data-label="Line">(\d+)<', tried.text) == ["3", "5"]
    assert "fewer than two ids" in tried.text and "2 different links" in tried.text
    assert told(bridge) == []
    kept = person.post("/links/import", do="import", file=file(BROUGHT))
    assert "What came in" in kept.text and "were left out" in kept.text and "Import these" not in kept.text
    assert told(bridge) == [["mute:2", "open:1"], ["mute:5", "open:4", "polite:6"]]


def test_a_file_that_changes_nothing_says_so(bridge: Parts, person: Person) -> None:
    made(bridge, "open:1", "mute:2")
    tried = person.post("/links/import", do="preview", file=file("open,mute\n1,2\n"))
    assert "There is nothing in it to import." in tried.text and "Import these" not in tried.text


def test_a_file_without_mistakes_comes_in_at_once(bridge: Parts, person: Person) -> None:
    answer = person.post("/links/import", do="import", file=file('{"open": 1, "mute": "2"}\n', "l.NDJSON"))
    assert (answer.status_code, answer.location) == (303, "/links")
    assert told(bridge) == [["mute:2", "open:1"]]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({}, "there is no file"),
        ({"file": (io.BytesIO(b""), "")}, "there is no file"),
        ({"file": file("")}, "there is no header"),
        ({"file": file("open,nobody\n1,2\n")}, "no connection 'nobody'"),
        ({"file": file(b"open,mute\n1,\xff\n")}, "not in UTF-8"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    person: Person, sent: dict[str, tuple[io.BytesIO, str]], says: str
) -> None:
    answer = person.post("/links/import", do="import", **sent)
    assert (answer.status_code, says in words(answer.text)) == (422, True), words(answer.text)


def test_a_file_may_be_larger_than_a_form(bridge: Parts, person: Person) -> None:
    lines = "".join(f"a{i},b{i}\n" for i in range(10_000))
    answer = person.post("/links/import", do="preview", file=file(f"open,mute\n{lines}"))
    assert "10,000" in answer.text and told(bridge) == []


def test_all_links_go_out_as_a_file(bridge: Parts, person: Person) -> None:
    made(bridge, "open:1", "mute:2")
    csv = person.client.get("/links/export", headers=HTML)
    assert csv.text == "\ufeffkind,open,guarded,polite,mute,nudged\nopportunity,1,,,2,\n"
    assert csv.headers["Content-Disposition"] == 'attachment; filename="links.csv"'
    assert person.get("/links/export?form=ndjson").text == '{"kind": "opportunity", "mute": "2", "open": "1"}\n'
