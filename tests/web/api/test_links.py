"""Links through the API."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from bridge.assembly import Assembled
from tests.web.api.caller import Caller

DEAL = {"getfly": "CH1", "plazbot": "p1", "onlyoffice": "17"}


def body(refs: dict[str, str]) -> dict[str, Any]:
    return {"refs": [{"connection": c, "id": i} for c, i in refs.items()]}


@pytest.fixture
def link(hoa: Caller) -> str:
    return str(hoa("POST", "/links", json=body(DEAL), status=200).json["link"]["id"])


def ids(answer: Any) -> dict[str, str]:
    return {r["connection"]: r["id"] for r in answer.json["refs"]}


def test_a_link_is_made_found_and_extended(hoa: Caller, lan: Caller) -> None:
    made = hoa("POST", "/links", json=body({"getfly": "CH1", "plazbot": "p1"}), status=200)
    assert made.json["verdict"] == "created"
    link = lan("GET", made.headers["Location"].removeprefix("/api/v1"), status=200)
    assert link.headers["ETag"] == made.headers["ETag"] and ids(link) == {"getfly": "CH1", "plazbot": "p1"}
    assert lan("GET", "/links/find?connection=plazbot&id=p1", status=200).json == link.json
    more = hoa("POST", "/links", json=body({"plazbot": "p1", "onlyoffice": "17"}), status=200)
    assert more.json["verdict"] == "changed" and more.headers["ETag"] != made.headers["ETag"]
    assert hoa("POST", "/links", json=body({"getfly": "CH1", "plazbot": "p1"})).json["verdict"] == "unchanged"
    assert lan("GET", "/links/find?connection=plazbot&id=p9", status=404).json["detail"]


def test_links_come_in_pages_and_by_search(hoa: Caller, lan: Caller) -> None:
    for n in range(5):
        hoa("POST", "/links", json=body({"getfly": f"CH{n}", "plazbot": f"p{n}"}), status=200)
    seen, cursor = [], ""
    while True:
        page = lan("GET", f"/links?limit=2&cursor={cursor}", status=200).json
        seen += [ids_of(item)["getfly"] for item in page["items"]]
        if not (cursor := page["next"]):
            break
    assert seen == ["CH4", "CH3", "CH2", "CH1", "CH0"]
    assert [ids_of(i)["getfly"] for i in lan("GET", "/links?q=p3").json["items"]] == ["CH3"]
    assert lan("GET", "/links?without=getfly").json["items"] == []
    assert "no connection 'nobody'" in lan("GET", "/links?connection=nobody", status=404).json["detail"]
    lan("GET", "/links?kind=deal", status=422)


def ids_of(item: dict[str, Any]) -> dict[str, str]:
    return {r["connection"]: r["id"] for r in item["refs"]}


def test_a_link_is_mended_and_each_deed_is_kept(hoa: Caller, lan: Caller, link: str) -> None:
    other = hoa("POST", "/links", json=body({"leadsquared": "l1", "leadconnector": "x1"})).json["link"]["id"]
    assert len(ids(hoa("POST", f"/links/{link}/merge", json={"link": other}, status=200))) == 5
    hoa("GET", f"/links/{other}", status=404)
    parted = hoa("POST", f"/links/{link}/split", json=body({"leadsquared": "l1", "leadconnector": "x1"}), status=201)
    assert ids(parted) == {"leadsquared": "l1", "leadconnector": "x1"}
    assert len(ids(hoa("GET", parted.headers["Location"].removeprefix("/api/v1")))) == 2
    left = hoa("DELETE", f"/links/{link}/refs/onlyoffice", status=200)
    assert ids_of(left.json["link"]) == {"getfly": "CH1", "plazbot": "p1"}
    hoa("DELETE", f"/links/{link}/refs/onlyoffice", status=404)
    assert len(ids(hoa("POST", f"/links/{link}/refs", json={"connection": "onlyoffice", "id": "18"}, status=200))) == 3
    hoa("POST", f"/links/{link}/refs", json={"connection": "leadsquared", "id": "l1"}, status=409)
    hoa("DELETE", f"/links/{link}", status=204)
    hoa("GET", f"/links/{link}", status=404)
    done = lan("GET", "/audit?limit=9").json["items"]
    assert [d["deed"] for d in reversed(done) if d["who"] == "Hoa"] == [
        *("link made", "link made", "links merged", "link split", "ref removed", "ref added", "link deleted")
    ]


def test_a_link_that_has_changed_is_left_alone(hoa: Caller, link: str) -> None:
    seen = {"If-Match": hoa("GET", f"/links/{link}").headers["ETag"]}
    now = hoa("POST", f"/links/{link}/refs", json={"connection": "leadsquared", "id": "l1"}, headers=seen, status=200)
    for method, path, sent in (
        ("POST", f"/links/{link}/refs", {"connection": "leadconnector", "id": "x1"}),
        ("DELETE", f"/links/{link}/refs/getfly", None),
        ("POST", f"/links/{link}/split", body({"getfly": "CH1"})),
        ("POST", "/links", body({"getfly": "CH1", "leadconnector": "x1"})),
        ("DELETE", f"/links/{link}", None),
    ):
        assert "changed since" in hoa(method, path, json=sent, headers=seen, status=412).json["detail"]
    assert hoa("GET", f"/links/{link}").headers["ETag"] == now.headers["ETag"]
    hoa("DELETE", f"/links/{link}", headers={"If-Match": now.headers["ETag"]}, status=204)


def test_what_cannot_be_is_refused_in_words(hoa: Caller, link: str) -> None:
    hoa("POST", "/links", json=body({"getfly": "CH9"}), status=422)
    assert (
        "no connection" in hoa("POST", "/links", json=body({"nobody": "1", "getfly": "2"}), status=404).json["detail"]
    )
    assert "too long, or holds" in hoa("POST", "/links", json=body({"getfly": "a\tb", "plazbot": "1"})).json["detail"]
    hoa("POST", f"/links/{link}/merge", json={"link": link}, status=422)
    hoa("POST", f"/links/{link}/merge", json={"link": str(uuid4())}, status=404)
    hoa("POST", f"/links/{link}/split", json=body(DEAL), status=422)
    hoa("GET", "/links/not-an-id", status=404)
    hoa("DELETE", "/links/export", status=405)


def test_files_come_in_by_line_and_go_out_again(hoa: Caller, lan: Caller) -> None:
    file = "getfly,plazbot\nCH1,p1\nCH2,\nCH1,p3\n"
    csv = {"data": file.encode(), "content_type": "text/csv"}
    tried = hoa("POST", "/links/import?dry_run=true", status=200, **csv).json
    assert (tried["dry"], tried["created"], tried["invalid"], tried["conflicting"]) == (True, 1, 1, 1)
    assert [line["number"] for line in tried["lines"]] == [3, 4]
    assert lan("GET", "/links").json["items"] == []
    done = hoa("POST", "/links/import", status=200, **csv).json
    assert {**done, "lines": [line["number"] for line in done["lines"]]} == {**tried, "dry": False, "lines": [3, 4]}
    out = lan("GET", "/links/export", headers={"Accept": "application/x-ndjson"}).text
    assert [json.loads(line) for line in out.splitlines()] == [
        {"kind": "opportunity", "getfly": "CH1", "plazbot": "p1"}
    ]
    again = hoa("POST", "/links/import", data=out.encode(), content_type="application/x-ndjson", status=200).json
    assert (again["unchanged"], again["created"]) == (1, 0)
    back = hoa("POST", "/links/import", data=lan("GET", "/links/export").data, content_type="text/csv", status=200).json
    assert back["unchanged"] == 1
    odd = {"data": b"getfly,elsewhere\n1,2\n", "content_type": "text/csv"}
    assert "no connection 'elsewhere'" in hoa("POST", "/links/import", status=422, **odd).json["detail"]


def test_an_import_that_is_sent_twice_is_done_once(hoa: Caller) -> None:
    csv = {"data": b"getfly,plazbot\nCH1,p1\n", "content_type": "text/csv", "headers": {"Idempotency-Key": "i1"}}
    first, again = (hoa("POST", "/links/import", status=200, **csv) for _ in range(2))
    assert first.json["created"] == again.json["created"] == 1 and again.headers["Idempotent-Replayed"] == "true"
    other = {**csv, "data": b"getfly,plazbot\nCH2,p2\n"}
    hoa("POST", "/links/import", status=422, **other)


def test_the_journal_and_the_story_can_be_read(seat: Assembled, hoa: Caller, lan: Caller, link: str) -> None:
    first = lan("GET", f"/links/{link}/journal?limit=2", status=200).json
    rest = lan("GET", f"/links/{link}/journal?cursor={first['next']}", status=200).json
    assert [e["what"] for e in first["items"] + rest["items"]] == ["linked"] * 3 and rest["next"] is None
    story = lan("GET", f"/links/{link}/explain", status=200).json
    assert {r["connection"]: r["id"] for r in story["records"]} == DEAL and story["timeline"]
    lan("GET", f"/links/{link}/explain/amount", status=404)
    hoa("DELETE", f"/links/{link}", status=204)
    assert {e["what"] for e in lan("GET", f"/links/{link}/journal", status=200).json["items"]} == {"linked", "unlinked"}
    for path in (f"/links/{uuid4()}/journal", f"/links/{uuid4()}/explain"):
        lan("GET", path, status=404)
