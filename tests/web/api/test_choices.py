"""Choices through the API."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from bridge.assembly import Assembled
from tests.web.api.caller import Caller

KEY = {"connection": "getfly", "field": "stage", "native": "8/31", "canonical": "new"}
ONE = f"/choices/one?{urlencode(KEY)}"


def test_a_choice_is_put_read_changed_and_dropped(hoa: Caller, lan: Caller) -> None:
    made = hoa("PUT", "/choices", json=KEY, status=200)
    assert made.json["verdict"] == "created" and made.json["choice"]["use"] == "both"
    seen = lan("GET", ONE, status=200)
    assert seen.headers["ETag"] == made.headers["ETag"] and seen.json["deals"] == 0
    changed = hoa(
        "PUT", "/choices", json={**KEY, "use": "read"}, headers={"If-Match": seen.headers["ETag"]}, status=200
    )
    assert changed.json["verdict"] == "changed" and changed.headers["ETag"] != seen.headers["ETag"]
    hoa("PUT", "/choices", json={**KEY, "use": "write"}, headers={"If-Match": seen.headers["ETag"]}, status=412)
    hoa("DELETE", ONE, headers={"If-Match": seen.headers["ETag"]}, status=412)
    assert hoa("DELETE", ONE, headers={"If-Match": changed.headers["ETag"]}, status=200).json["use"] == "read"
    lan("GET", ONE, status=404)
    done = [(d["who"], d["deed"]) for d in lan("GET", "/audit").json["items"] if d["who"] == "Hoa"]
    assert done == [("Hoa", "choice dropped"), ("Hoa", "choice put"), ("Hoa", "choice put")]


def test_a_choice_in_the_place_of_another_says_what_it_took(hoa: Caller) -> None:
    hoa("PUT", "/choices", json=KEY, status=200)
    taken = hoa("PUT", "/choices", json={**KEY, "canonical": "fresh", "use": "read"}, status=200)
    assert taken.json["lost"] == [{"native": "8/31", "canonical": "new", "lost": "read"}] and taken.json["remarks"]
    moved = hoa("PUT", "/choices", json={**KEY, "canonical": "raw", "instead": "fresh"}, status=200)
    assert (moved.json["verdict"], moved.json["choice"]["canonical"]) == ("changed", "raw")
    hoa("PUT", "/choices", json={**KEY, "canonical": "x", "instead": "never"}, status=404)


def test_what_is_no_choice_is_refused_in_words(hoa: Caller) -> None:
    assert "no choice at getfly" in hoa("PUT", "/choices", json={**KEY, "field": "name"}, status=422).json["detail"]
    assert "pipeline in front" in hoa("PUT", "/choices", json={**KEY, "native": "31"}, status=422).json["detail"]
    hoa("PUT", "/choices", json={**KEY, "connection": "nobody"}, status=404)
    hoa("PUT", "/choices", json={**KEY, "use": "sometimes"}, status=422)


def test_choices_come_in_pages_as_files_and_as_suggestions(seat: Assembled, hoa: Caller, lan: Caller) -> None:
    rows = (
        "connection,field,native,canonical,use\ngetfly,owner,2,hoa,both\nplazbot,owner,a1,hoa,both\ngetfly,owner,3,\n"
    )
    csv = {"data": rows.encode(), "content_type": "text/csv"}
    tried = hoa("POST", "/choices/import?dry_run=true", status=200, **csv).json
    assert (tried["created"], tried["invalid"]) == (2, 1) and lan("GET", "/choices").json["items"] == []
    assert hoa("POST", "/choices/import", status=200, **csv).json["created"] == 2
    first = lan("GET", "/choices?limit=1", status=200).json
    rest = lan("GET", f"/choices?{urlencode({'cursor': first['next']})}", status=200).json
    assert [c["native"] for c in first["items"] + rest["items"]] == ["2", "a1"] and rest["next"] is None
    out = lan("GET", "/choices/export", headers={"Accept": "application/x-ndjson"}).text
    assert json.loads(out.splitlines()[0])["canonical"] == "hoa"
    assert hoa("POST", "/choices/import", data=out.encode(), content_type="application/x-ndjson").json["unchanged"] == 2
    listed = [{"field": "owner", "native": "77", "label": "Hòa"}]
    seat.store.put_lists("getfly", listed, seat.now())
    waits = lan("GET", "/choices/unmapped?connection=getfly", status=200).json["items"]
    assert [(u["kind"], u["native"], u["label"]) for u in waits] == [("listed", "77", "Hòa")]
    wanted = urlencode({"connection": "getfly", "field": "owner", "native": "77"})
    assert lan("GET", f"/choices/suggestions?{wanted}", status=200).json["items"][0]["canonical"] == "hoa"
