"""Deliveries, attempts, holds and dead letters through the API."""

from __future__ import annotations

from uuid import uuid4

import pytest

from bridge.assembly import Assembled
from bridge.core.model import Effects, Hold, Hub, Ref, Said, Write
from bridge.store.store import Attempt, Intake
from tests.web.api.caller import Caller

BODY = b'{"phone": "+84 912 345 678"}'


def heard(seat: Assembled, connection: str = "getfly", outcome: str = "echo") -> str:
    """Leave a delivery as it is when it was handled."""
    kept = {"method": "POST", "query": {}, "content_type": "application/json", "body": BODY}
    made = seat.store.accept(connection, None, seat.now(), **kept)
    assert made is not None
    seat.store.become_looks([Intake(made, (), outcome)])
    return made


@pytest.fixture
def held(seat: Assembled) -> str:
    """Leave a deal whose owner plazbot has no choice for, and whose name onlyoffice has refused."""
    store, now = seat.store, seat.now()
    refs = {c: Ref(c, i) for c, i in (("getfly", "CH1"), ("plazbot", "p1"), ("onlyoffice", "17"))}
    link = store.link(list(refs.values()), now)
    claim = store.claim("test", now + 1, 60_000)
    assert claim is not None
    copy = store.load(claim)
    copy.hubs["owner"] = Hub("minh", 2, now, "getfly")
    write = Write(
        "01990000-0000-7000-8000-000000000001", refs["onlyoffice"], {"name": Said("Two", 2)}, frozenset(), now
    )
    copy.sides["onlyoffice"].open = write
    store.save(claim, copy, now, opened=(write, "sweep"))
    copy.sides["onlyoffice"].open = None
    waits = Hold("plazbot", "owner", "no choice for owner 'minh'", "add a choice for owner 'minh' at plazbot", "choice")
    closed, holds = {write.id: ("dead", "bad_value: name")}, {"plazbot": [waits]}
    tried = Attempt(link, "plazbot", "sweep", "held", "no_choice", ms=12)
    store.save(claim, copy, now, effects=Effects(), closed=closed, holds=holds, attempt=tried)
    store.release(claim)
    return link


def test_deliveries_are_listed_told_and_replayed_without_their_bodies(
    seat: Assembled, hoa: Caller, lan: Caller
) -> None:
    first, second, third = heard(seat), heard(seat, "plazbot", "not linked"), heard(seat)
    page = lan("GET", "/deliveries?limit=2", status=200)
    assert [d["id"] for d in page.json["items"]] == [third, second] and page.json["items"][0]["size"] == len(BODY)
    rest = lan("GET", f"/deliveries?cursor={page.json['next']}").json
    assert ([d["id"] for d in rest["items"]], rest["next"]) == ([first], None)
    assert [d["id"] for d in lan("GET", "/deliveries?connection=plazbot&outcome=not").json["items"]] == [second]
    assert lan("GET", "/deliveries?since=2099-01-01T00:00:00Z").json["items"] == []
    one = lan("GET", f"/deliveries/{first}", status=200)
    assert one.json["attempts"] == []
    assert not any(part in one.text + page.text for part in ("+84", "84912", "912345", "912 ", " 345", " 678"))
    assert seat.store.count_waiting() == 0
    hoa("POST", f"/deliveries/{first}/replay", status=204)
    assert seat.store.count_waiting() == 1
    assert hoa("POST", "/deliveries/replay", json={"connection": "getfly"}, status=200).json == {"count": 2}
    assert seat.store.count_waiting() == 2
    hoa("POST", f"/deliveries/{uuid4()}/replay", status=404)
    lan("GET", f"/deliveries/{uuid4()}", status=404)
    deeds = [d["deed"] for d in lan("GET", "/audit").json["items"] if d["who"] == "Hoa"]
    assert deeds == ["deliveries replayed", "delivery replayed"]


def test_attempts_are_listed(lan: Caller, held: str) -> None:
    (tried,) = lan("GET", f"/attempts?link={held}", status=200).json["items"]
    assert (tried["connection"], tried["outcome"], tried["reason"], tried["ms"]) == ("plazbot", "held", "no_choice", 12)
    assert lan("GET", "/attempts?connection=getfly").json["items"] == []


def test_a_hold_says_its_cure_and_the_cure_can_be_done(hoa: Caller, lan: Caller, held: str) -> None:
    (hold,) = lan("GET", "/holds", status=200).json["items"]
    assert hold["cure"]["action"] == "add_choice" and hold["cure"]["canonical"] == "minh"
    (group,) = lan("GET", "/holds/groups", status=200).json["items"]
    assert (group["deals"], group["connection"], group["field"]) == (1, "plazbot", "owner")
    which = {"link": held, "connection": "plazbot", "field": "owner"}
    assert "value is missing" in hoa("POST", "/holds/cure", json=which, status=422).json["detail"]
    cured = hoa("POST", "/holds/cure", json={**which, "value": "a2"}, status=200).json
    assert cured["action"] == "add_choice" and "means 'minh' now" in cured["says"]
    assert lan("GET", "/choices?connection=plazbot").json["items"][0]["native"] == "a2"
    hoa("POST", "/holds/cure", json={**which, "field": "amount"}, status=404)
    assert lan("GET", "/holds?kind=conflict").json["items"] == []


@pytest.mark.parametrize(
    "cursor",
    ['[1e400,"a","b","c"]', '[99999999999999999999,"a","b","c"]', '[1,"\\ud800","b","c"]', "[]", "x", "[" * 499],
)
def test_what_is_no_cursor_is_refused(lan: Caller, cursor: str) -> None:
    lan("GET", "/holds", query_string={"cursor": cursor}, status=422)


def test_a_dead_letter_is_told_replayed_and_discarded(hoa: Caller, lan: Caller, held: str) -> None:
    (letter,) = lan("GET", "/dead-letters", status=200).json["items"]
    at = f"/dead-letters/{letter['id']}"
    told = lan("GET", at, status=200).json
    assert (told["kind"], told["wanted"], told["answer"]) == ("write", [{"field": "name", "native": "Two"}], None)
    hoa("POST", f"{at}/discard", json={"reason": " "}, status=422)
    hoa("POST", f"{at}/discard", json={"reason": "renamed by hand"}, status=204)
    assert lan("GET", "/dead-letters").json["items"] == [] and lan("GET", at).json["state"] == "discarded"
    hoa("POST", f"{at}/replay", status=412)
    hoa("POST", f"/dead-letters/{uuid4()}/replay", status=404)
    entries = lan("GET", f"/links/{held}/journal").json["items"]
    assert "renamed by hand" in next(e["detail"] for e in entries if e["what"] == "discarded")
    done = lan("GET", "/audit").json["items"][0]
    assert (done["who"], done["deed"], done["detail"]) == ("Hoa", "dead letter discarded", "renamed by hand")


def test_dead_letters_are_replayed_by_filter(hoa: Caller, lan: Caller, held: str) -> None:
    assert hoa("POST", "/dead-letters/replay", json={"connection": "getfly"}, status=200).json == {"count": 0}
    assert hoa("POST", "/dead-letters/replay", json={"reason": "bad_value"}, status=200).json == {"count": 1}
    assert lan("GET", "/dead-letters").json["items"] == []
