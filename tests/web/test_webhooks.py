"""What a vendor hears, and what is on disk when it hears it."""

from __future__ import annotations

import io
import json

import pytest
from flask.testing import FlaskClient

from bridge.connectors.base import Inbound, Outcome, Reply
from bridge.web import create_app
from tests.web.toy import API_KEY, PATH_SECRET, SECRET, Parts, Toy, counted, hook, rows, toy


def test_a_genuine_webhook_is_on_disk_when_the_vendor_hears_so(bridge: Parts) -> None:
    seen: list[int] = []

    class Witness(Toy):
        def reply(self, outcome: Outcome) -> Reply:
            seen.append(len(rows(bridge.store.db.path)))
            return super().reply(outcome)

    bridge.connectors["open"] = toy("open", Witness)
    answer = create_app(bridge).test_client().post("/webhooks/open", data=hook("7"))
    assert (answer.status_code, answer.text, seen) == (200, "ok", [1])
    assert [w.connection for w in bridge.store.waiting()] == ["open"]


def test_what_is_stored_still_names_the_deal(bridge: Parts, client: FlaskClient) -> None:
    client.post("/webhooks/open?x=1", data=hook("Bảo & Sons"), content_type="application/json")
    (waiting,) = bridge.store.waiting()
    inbound = Inbound(waiting.method, waiting.query, {}, waiting.body)
    assert [r.vendor_id for r in bridge.connectors["open"].touched(inbound)] == ["Bảo & Sons"]
    assert (waiting.method, waiting.query, waiting.content_type) == ("POST", {"x": "1"}, "application/json")


def test_a_nudge_is_taken_like_a_webhook(bridge: Parts, client: FlaskClient) -> None:
    bridge.connectors["open"] = toy("open", secret=API_KEY)
    assert client.post("/webhooks/open", json={"id": "9"}, headers={"X-Bridge-Secret": API_KEY}).status_code == 200
    assert client.post("/webhooks/open", json={"id": "9"}, headers={"X-Bridge-Secret": "no"}).status_code == 401
    assert len(bridge.store.waiting()) == 1


def test_the_same_notification_twice_is_one_delivery_and_equal_hints_are_two(
    bridge: Parts, client: FlaskClient
) -> None:
    for _ in range(2):
        assert client.post("/webhooks/open", data=hook("7", "event-1")).text == "ok"
        assert client.post("/webhooks/guarded/" + PATH_SECRET, data=hook("7", "event-1")).text == "ok"
    assert len(rows(bridge.store.db.path)) == 2
    client.post("/webhooks/open", data=hook("8"))
    client.post("/webhooks/open", data=hook("8"))
    assert len(rows(bridge.store.db.path)) == 4


@pytest.mark.parametrize("event", ["\ud800 half a character", "x" * 5000, "nul \x00 inside", SECRET])
def test_an_odd_delivery_id_is_kept_once(bridge: Parts, client: FlaskClient, event: str) -> None:
    for _ in range(2):
        assert client.post("/webhooks/open", data=hook("7", event)).status_code == 200
    (row,) = rows(bridge.store.db.path)
    assert len(row["dedupe_key"]) <= 200
    assert SECRET not in row["dedupe_key"]


def test_a_forged_webhook_leaves_nothing_and_is_counted(bridge: Parts, client: FlaskClient) -> None:
    answer = client.post("/webhooks/open", json={"secret": "wrong", "deal": "7"})
    assert (answer.status_code, answer.text) == (401, "not authenticated: check the secret of this webhook")
    polite = client.post("/webhooks/polite", data=b"")
    assert (polite.status_code, polite.json) == (200, {"Status": "Error"})
    assert rows(bridge.store.db.path) == []
    assert bridge.store.connections() == {}
    assert counted(client.application) == {("open", "delivery", "forged"): 1, ("polite", "delivery", "forged"): 1}


@pytest.mark.parametrize("end", ["guarded", "guarded/wrong", "guarded/" + PATH_SECRET[:-1], "open/" + PATH_SECRET])
def test_a_wrong_address_of_a_known_connection_is_a_forgery(bridge: Parts, client: FlaskClient, end: str) -> None:
    assert client.post("/webhooks/" + end, data=hook()).status_code == 401
    assert client.post("/webhooks/" + end, headers={"X-Toy": "ping"}).status_code == 401
    assert rows(bridge.store.db.path) == []


def test_the_path_secret_opens_its_address(bridge: Parts, client: FlaskClient) -> None:
    assert client.post("/webhooks/guarded/" + PATH_SECRET, data=hook()).status_code == 200
    assert len(rows(bridge.store.db.path)) == 1


@pytest.mark.parametrize("end", ["other", "other/" + PATH_SECRET, "%00", "open%00", "OPEN", "..%2fopen", "open/a/b"])
@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
def test_an_unknown_connection_is_not_found_and_nothing_is_repeated(client: FlaskClient, end: str, method: str) -> None:
    answer = client.open("/webhooks/" + end, method=method, data=hook() if method == "POST" else None)
    assert answer.status_code == 404
    assert PATH_SECRET not in answer.text
    assert "open" not in answer.text


def test_a_handshake_gets_its_answer_and_stores_nothing(bridge: Parts, client: FlaskClient) -> None:
    answer = client.post("/webhooks/open", headers={"X-Toy": "ping"})
    assert (answer.json, answer.headers["X-Toy"], answer.mimetype) == ({"pong": True}, "pong", "application/json")
    assert client.head("/webhooks/open").status_code == 200
    assert rows(bridge.store.db.path) == []


def test_a_person_with_a_browser_is_told_what_this_address_is(client: FlaskClient) -> None:
    answer = client.get("/webhooks/open")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, HEAD")
    assert "sent by POST" in answer.get_json()["detail"]


def test_an_oversized_body_is_refused(bridge: Parts, client: FlaskClient) -> None:
    answer = client.post("/webhooks/open", data=hook(note="x" * bridge.body_bytes_max))
    assert (answer.status_code, answer.get_json()["title"]) == (413, "Request Entity Too Large")
    assert rows(bridge.store.db.path) == []


@pytest.mark.parametrize(("length", "status"), [(20_001, 413), (20_000, 413), (19_999, 200)])
def test_a_streamed_body_is_taken_whole_or_not_at_all(
    bridge: Parts, client: FlaskClient, length: int, status: int
) -> None:
    body = hook(note="").replace(b'"note": ""', b'"note": "%s"' % (b"x" * (length - len(hook(note="")))))
    environ = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert client.post("/webhooks/open", environ_overrides=environ).status_code == status
    assert len(rows(bridge.store.db.path)) == (status == 200)


def test_a_body_shorter_than_announced_is_not_a_delivery(bridge: Parts, client: FlaskClient) -> None:
    environ = {"wsgi.input": io.BytesIO(hook()), "wsgi.input_terminated": True, "CONTENT_LENGTH": "5000"}
    assert client.post("/webhooks/open", environ_overrides=environ).status_code == 400
    assert rows(bridge.store.db.path) == []


def test_no_secret_reaches_the_disk(bridge: Parts, client: FlaskClient) -> None:
    note = {"key": API_KEY, "path": f"https://x/webhooks/guarded/{PATH_SECRET}", API_KEY: "as a name"}
    query = {"secret": SECRET, "again": API_KEY, "url": f"https://x/?k={API_KEY.replace('-', '%2D')}"}
    answer = client.post("/webhooks/open", query_string=query, data=hook("77", "e1", **note))
    assert answer.status_code == 200
    (row,) = rows(bridge.store.db.path)
    assert json.loads(row["query"]) == {"secret": "***", "again": "***", "url": "https://x/?k=***"}
    body = json.loads(row["body"])
    assert (body.pop("deal"), body.pop("event"), body.pop("***")) == ("77", "e1", "as a name")
    assert body == {"secret": "***", "key": "***", "path": "https://x/webhooks/guarded/***"}


def test_a_secret_missing_from_the_settings_makes_the_vendor_come_again(bridge: Parts, client: FlaskClient) -> None:
    assert client.post("/webhooks/mute", data=hook()).status_code == 503
    assert rows(bridge.store.db.path) == []
