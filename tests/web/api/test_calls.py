"""What happens to any call, whatever it is about."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from typing import Any

import pytest
from flask import Flask

from bridge.desk import tokens
from bridge.log import configure_logging
from bridge.web.api.repeats import GIVEN_UP_MS, KEPT_MS
from tests.web.api import toys
from tests.web.api.caller import Caller
from tests.web.toy import Parts

Json = dict[str, Any]


def errors(problem: Json) -> dict[str, str]:
    return {e["field"]: e["what"] for e in problem["errors"]}


# who calls


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer ", "Basic SG9hOng=", "Token x", "Bearer obr_wrong", "Bearer \xe9"]
)
def test_who_has_no_valid_token_is_told_what_to_send(app: Flask, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    found = app.test_client().get("/api/v1/me", headers=headers)
    assert (found.status_code, found.headers["WWW-Authenticate"].split()[0]) == (401, "Bearer")
    assert "send a valid token" in found.json["detail"]


def test_a_token_says_who_it_is_and_a_reader_changes_nothing(reader: Caller, writer: Caller) -> None:
    assert reader("GET", "/me").json["name"] == "board" and writer("GET", "/me").json["role"] == "write"
    assert "only look" in reader("POST", "/toys", json={"name": "x"}, status=403).json["detail"]
    assert toys.shelf.calls == 0


def test_a_revoked_token_opens_nothing_and_the_next_one_does(bridge: Parts, app: Flask, writer: Caller) -> None:
    second = Caller(app, tokens.make(bridge.desk, "Hoa 2", "write", "command line").secret)
    tokens.revoke(bridge.desk, "Hoa", "command line")
    writer("GET", "/me", status=401)
    second("GET", "/me", status=200)


def test_who_guesses_waits_and_nothing_they_send_is_looked_at(app: Flask, writer: Caller) -> None:
    guesser = Caller(app, "obr_guess")
    for _ in range(10):
        guesser("GET", "/me", status=401)
    waits = guesser("GET", "/me", status=429)
    assert 0 < int(waits.headers["Retry-After"]) <= 60
    writer("GET", "/me", status=429)
    found = writer.client.get("/api/v1/me", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}, headers={
        "Authorization": f"Bearer {writer.secret}"
    })  # fmt: skip
    assert found.status_code == 200


def test_no_secret_reaches_a_log_or_an_answer(bridge: Parts, app: Flask, writer: Caller) -> None:
    stream, root = io.StringIO(), logging.getLogger()
    before = list(root.handlers), root.level
    configure_logging([], stream)
    try:
        answers = [
            writer("GET", "/me"),
            writer("GET", "/audit"),
            writer("POST", "/toys", json={"name": "broken"}, status=500),
            writer("POST", "/toys", json={"name": writer.secret}, status=201),
            Caller(app, writer.secret + "x")("GET", "/me", status=401),
        ]
    finally:
        root.handlers[:], root.level = before
    told = stream.getvalue() + "".join(str(a.headers) + a.text for a in answers[:3]) + answers[4].text
    assert '"route": "/api/v1/toys"' in told and writer.secret not in told and writer.secret[4:] not in told


# what they send


def test_every_mistake_is_named_at_once(writer: Caller) -> None:
    found = errors(writer("GET", "/toys?limit=201&dry_run=yes&since=noon&colour=red", status=422).json)
    assert found.keys() == {"query.limit", "query.dry_run", "query.since", "query.colour"}
    assert found["query.since"] == "a time such as 2026-11-21T09:00:00Z"
    found = errors(writer("POST", "/toys", json={"parts": ["ok", "", 7, "a\0b"], "x": 1}, status=422).json)
    assert found.keys() == {"body.name", "body.parts.1", "body.parts.2", "body.parts.3", "body.x"}
    assert errors(writer("GET", "/me?x=1", status=422).json).keys() == {"query.x"}


@pytest.mark.parametrize("limit", ["0", "-1", "1.0", "1e2", " 5", "٣", "", "9" * 40])
def test_a_limit_is_a_whole_number_from_1_to_200(writer: Caller, limit: str) -> None:
    writer("GET", f"/toys?limit={limit}", status=422)


def test_what_is_right_is_taken_as_it_is(writer: Caller) -> None:
    found = writer("GET", "/toys?limit=200&dry_run=true&since=2026-11-21T09:00:00%2B07:00&cursor=c", status=200)
    assert found.json["name"] == "c True 2026-11-21 09:00:00+07:00" and found.json["n"] == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b'{"name": NaN}', b'{"name": "\\ud800"}', b'{"name": "\xff"}', b"[" * 9999],
)
def test_what_is_no_object_is_refused(writer: Caller, body: bytes) -> None:
    writer("POST", "/toys", data=body, content_type="application/json", status=422)
    assert toys.shelf.calls == 0


def test_another_content_type_or_method_is_refused(writer: Caller) -> None:
    writer("POST", "/toys", data=b"name=x", content_type="application/x-www-form-urlencoded", status=415)
    writer("POST", "/toys/import", data=b"name=x", content_type="text/plain", status=415)
    assert "GET" in writer("PATCH", "/toys", status=405).headers["Allow"]
    writer("GET", "/nowhere", status=404)
    writer("GET", "/toys/a%00b", status=404)
    writer("GET", f"/toys/{'a' * 501}", status=404)


def test_a_body_that_is_too_large_is_refused(writer: Caller) -> None:
    writer("POST", "/toys", json={"name": "x" * 30_000}, status=413)


# files


def test_a_file_is_taken_whole_in_two_forms(writer: Caller) -> None:
    text = "\ufeffname,n\r\nđ,1\r\n" + "x,2\r\n" * 20_000
    found = writer("POST", "/toys/import", data=text.encode(), content_type="text/csv; charset=utf-8", status=200).json
    assert (found["name"], found["n"]) == ("csv: name,n", 20_002)
    found = writer("POST", "/toys/import", data=b'{"a": 1}\n', content_type="application/x-ndjson", status=200).json
    assert found["name"] == 'ndjson: {"a": 1}'


@pytest.mark.parametrize("body", [b"a\n\xff\n", b"a\n\xc4", b"a\n\0\n", "a".encode("utf-16")])
def test_a_file_that_is_no_text_is_refused_before_a_line_is_read(writer: Caller, body: bytes) -> None:
    found = writer("POST", "/toys/import", data=body, content_type="text/csv", status=422)
    assert "UTF-8" in errors(found.json)["body"]


def test_part_of_a_file_is_nothing(writer: Caller) -> None:
    short = {"input_stream": io.BytesIO(b"a\n1\n"), "environ_overrides": {"CONTENT_LENGTH": "400"}}
    writer("POST", "/toys/import", content_type="text/csv", status=400, **short)


def test_an_export_comes_in_the_form_that_is_wanted(reader: Caller) -> None:
    found = reader("GET", "/toys/export", status=200)
    assert (found.content_type, found.text) == ("text/csv; charset=utf-8", "name,csv\nđ,1\n")
    assert found.headers["Content-Disposition"] == 'attachment; filename="toys.csv"'
    found = reader("GET", "/toys/export", headers={"Accept": "application/x-ndjson"}, status=200)
    assert found.content_type.startswith("application/x-ndjson") and found.text.startswith("name,ndjson")


# changing what somebody has seen


def test_a_change_is_done_only_to_what_was_seen(writer: Caller) -> None:
    made = writer("POST", "/toys", json={"name": "car"}, status=201)
    assert (made.headers["ETag"], made.headers["Location"]) == ('"n0"', "/api/v1/toys/car")
    seen = writer("GET", "/toys/car", status=200).headers["ETag"]
    assert writer("PUT", "/toys/car", headers={"If-Match": seen}, status=200).headers["ETag"] == '"n1"'
    assert "read it again" in writer("PUT", "/toys/car", headers={"If-Match": seen}, status=412).json["detail"]
    writer("PUT", "/toys/car", headers={"If-Match": "*"}, status=200)
    writer("PUT", "/toys/car", status=200)
    for given in ("n3", 'W/"n3"', '"n3", "n4"', '""', '"', ""):
        writer("PUT", "/toys/car", headers={"If-Match": given}, status=422)
    assert toys.shelf.toys["car"].n == 3


def test_a_refusal_has_the_status_of_its_reason_and_says_what_to_do(writer: Caller) -> None:
    assert writer("GET", "/toys/bus", status=404).json["detail"] == "no toy bus. `GET /toys` lists them."
    writer("POST", "/toys", json={"name": "car"}, status=201)
    assert writer("POST", "/toys", json={"name": "car"}, status=409).json["detail"] == "there is a toy car."
    assert int(writer("POST", "/toys", json={"name": "busy"}, status=503).headers["Retry-After"]) > 0


# sent twice


def test_a_request_that_is_sent_twice_is_done_once(writer: Caller, reader: Caller) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = writer("POST", "/toys", json={"name": "car"}, headers=key, status=201)
    again = writer("POST", "/toys", json={"name": "car"}, headers=key, status=201)
    assert toys.shelf.calls == 1 and "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true" and again.data == first.data
    kept = ("Content-Type", "ETag", "Location")
    assert [again.headers[name] for name in kept] == [first.headers[name] for name in kept]


@pytest.mark.parametrize(
    ("path", "body", "more"),
    [
        ("/toys", {"name": "bus"}, {}),
        ("/toys?x=1", {"name": "car"}, {}),
        ("/toys", {"name": "car"}, {"If-Match": '"a"'}),
    ],
)
def test_a_key_is_for_one_request(writer: Caller, path: str, body: Json, more: dict[str, str]) -> None:
    key = {"Idempotency-Key": "k-1"}
    writer("POST", "/toys", json={"name": "car"}, headers=key, status=201)
    writer("POST", path, json=body, headers={**key, **more}, status=422)
    assert toys.shelf.calls == 1


def test_a_key_is_the_tokens_own_and_lives_for_a_day(bridge: Parts, app: Flask, writer: Caller) -> None:
    key = {"Idempotency-Key": "k-1"}
    other = Caller(app, tokens.make(bridge.desk, "Minh", "write", "command line").secret)
    bridge.at = bridge.now()
    assert [c("DELETE", "/toys/x", headers=key, status=204).text for c in (writer, other)] == ["", ""]
    assert toys.shelf.calls == 2
    bridge.at += KEPT_MS
    writer("DELETE", "/toys/x", headers=key, status=204)
    assert toys.shelf.calls == 2
    bridge.at += 1
    writer("DELETE", "/toys/x", headers=key, status=204)
    assert toys.shelf.calls == 3


def test_a_refusal_is_heard_again_and_what_failed_can_be_sent_again(writer: Caller) -> None:
    writer("POST", "/toys", json={"name": "car"}, status=201)
    for _ in range(2):
        writer("POST", "/toys", json={"name": "car"}, headers={"Idempotency-Key": "taken"}, status=409)
    assert toys.shelf.calls == 2
    for name, status in (("busy", 503), ("broken", 500)):
        for _ in range(2):
            writer("POST", "/toys", json={"name": name}, headers={"Idempotency-Key": name}, status=status)
    assert toys.shelf.calls == 6


def test_a_mistake_does_not_use_up_the_key(writer: Caller) -> None:
    key = {"Idempotency-Key": "k-1"}
    writer("POST", "/toys", json={"name": ""}, headers=key, status=422)
    writer("POST", "/toys", json={"name": "car"}, headers=key, status=201)
    for bad in ("a b", "é", "k" * 201):
        writer("POST", "/toys", json={"name": "bus"}, headers={"Idempotency-Key": bad}, status=422)


def test_a_second_request_does_not_overtake_the_first(bridge: Parts, app: Flask, writer: Caller) -> None:
    toys.shelf.gate.clear()
    key = {"Idempotency-Key": "k-1"}
    bridge.at = bridge.now()
    first: list[int] = []

    def send() -> None:
        first.append(Caller(app, writer.secret)("POST", "/toys", json={"name": "car"}, headers=key).status_code)
        bridge.store.db.close()

    thread = threading.Thread(target=send)
    thread.start()
    while toys.shelf.calls == 0:
        thread.join(0.01)
    running = writer("POST", "/toys", json={"name": "car"}, headers=key, status=409)
    assert running.headers["Retry-After"] and "still runs" in running.json["detail"]
    toys.shelf.gate.set()
    thread.join()
    assert first == [201]
    assert writer("POST", "/toys", json={"name": "car"}, headers=key, status=201).headers["Idempotent-Replayed"]


def test_a_key_whose_process_has_ended_is_free_again(bridge: Parts, writer: Caller) -> None:
    bridge.at = bridge.now()
    token, key = writer("GET", "/me").json["id"], {"Idempotency-Key": "k-1"}
    bridge.store.begin_request(token, "k-1", "of a process that has ended", bridge.at, forgotten=0, given_up=0)
    writer("DELETE", "/toys/x", headers=key, status=422)
    bridge.at += GIVEN_UP_MS + 1
    writer("DELETE", "/toys/x", headers=key, status=204)


# the document


def test_the_document_and_its_page_name_every_operation(app: Flask) -> None:
    client = app.test_client()
    told = client.get("/api/openapi.json").json
    assert told["openapi"].startswith("3.1")
    page = client.get("/api").text
    routes = {(m.lower(), r.rule) for r in app.url_map.iter_rules() if r.rule.startswith("/api/v1") for m in r.methods}
    for method, rule in routes:
        if method != "head":
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
            assert method in told["paths"][path], (method, path)
            assert path in page
    assert "<script" not in page and "style=" not in page and "http://" not in page and "https://" not in page


def test_one_name_in_the_document_is_one_shape(app: Flask) -> None:
    told = app.test_client().get("/api/openapi.json").json
    named = json.dumps(told).count('"$ref": "#/components/schemas/')
    assert named > 10
    for operation in (o for each in told["paths"].values() for o in each.values()):
        assert operation["summary"].endswith(".") and operation["tags"] and operation["security"] == [{"token": []}]
