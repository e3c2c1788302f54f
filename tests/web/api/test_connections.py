"""Connections through the API."""

from __future__ import annotations

import pytest

from bridge.assembly import Assembled
from tests.web.api.caller import Caller


def test_connections_are_listed_paused_and_resumed(hoa: Caller, lan: Caller) -> None:
    names = [c["name"] for c in lan("GET", "/connections", status=200).json["items"]]
    assert names == ["getfly", "onlyoffice", "leadsquared", "plazbot", "leadconnector"]
    paused = hoa("POST", "/connections/getfly/pause", json={"why": "quarter end"}, status=200).json["pause"]
    assert (paused["why"], paused["by"], paused["until"]) == ("quarter end", "Hoa", None)
    hoa("POST", "/connections/getfly/pause", json={"why": "  "}, status=422)
    hoa("POST", "/connections/getfly/pause", json={}, status=422)
    assert hoa("POST", "/connections/getfly/resume", status=200).json["pause"] is None
    assert lan("GET", "/connections/getfly", status=200).json["pause"] is None
    lan("GET", "/connections/nobody", status=404)
    deeds = [(d["deed"], d["target"], d["detail"]) for d in lan("GET", "/audit").json["items"] if d["who"] == "Hoa"]
    assert deeds == [("connection resumed", "getfly", ""), ("connection paused", "getfly", "quarter end")]


def test_how_each_connection_does_is_told(seat: Assembled, hoa: Caller, lan: Caller) -> None:
    hoa("POST", "/connections/getfly/pause", json={"why": "quarter end"}, status=200)
    told = lan("GET", "/health", status=200).json
    assert told["workers"] == 0 and [c["connection"] for c in told["connections"]] == list(seat.connections)
    assert {(c["state"], c["breaker"], c["lag_s"]) for c in told["connections"]} == {("no worker", "closed", 0.0)}


@pytest.mark.parametrize(("path", "question"), [("test", "test"), ("lists", "lists")])
def test_the_worker_is_asked_and_the_web_layer_calls_nobody(
    seat: Assembled, hoa: Caller, lan: Caller, path: str, question: str
) -> None:
    asked = hoa("POST", f"/connections/plazbot/{path}", status=200).json[question]
    assert asked["answered"] is None
    assert seat.store.take_wish("plazbot", seat.now(), 1000) == question
    seat.store.answer_wish("plazbot", question, seat.now(), ok=False, said=["refused"])
    told = lan("GET", "/connections/plazbot", status=200).json[question]
    assert (told["ok"], told["said"]) == (False, ["refused"]) and told["answered"]


def test_a_sweep_is_asked_for(seat: Assembled, hoa: Caller) -> None:
    seat.store.swept("plazbot", seat.now())
    assert not seat.store.sweep_wanted("plazbot", seat.now())
    hoa("POST", "/connections/plazbot/sweep", status=200)
    assert seat.store.sweep_wanted("plazbot", seat.now())


def test_who_may_only_look_sees_no_path_secret(seat: Assembled, hoa: Caller, lan: Caller) -> None:
    settings = seat.settings.connections["leadsquared"]
    object.__setattr__(settings, "path_secret", "p4th-s3cret-0123456789")
    assert "p4th" in hoa("GET", "/connections/leadsquared/webhook", status=200).text
    for path in ("/connections/leadsquared/webhook", "/connections/leadsquared", "/connections"):
        assert "p4th" not in lan("GET", path, status=200).text
    assert "p4th" not in hoa("GET", "/connections", status=200).text


def test_what_the_lists_offer_is_told(seat: Assembled, lan: Caller) -> None:
    offers = [{"field": "owner", "native": "7", "label": "Hòa"}]
    seat.store.put_lists("getfly", offers, seat.now(), [{"native": "5", "label": "Source", "kind": "text"}])
    told = lan("GET", "/connections/getfly/lists", status=200).json
    assert told["offers"] == offers and told["customs"][0]["label"] == "Source"
