"""What all pages have in common: who comes in, what a change must bring along, errors, and files that browsers keep."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from bridge.desk import Desk, Refused, tokens
from bridge.web import create_app, pages
from bridge.web.pages.session import said, takes, who
from tests.web.pages.conftest import HTML, Person, sign_in
from tests.web.toy import Parts, read_only

DONE: list[str] = []


def deeds(desk: Desk) -> Blueprint:
    """A page that does things."""
    made = Blueprint("deeds", __name__)

    @made.post("/deed")
    def deed() -> object:
        DONE.append(who())
        return said("/", "It is <done>.")

    @made.post("/large")
    @takes(200_000)
    def large() -> object:
        return said("/", "All of it.")

    @made.get("/refused")
    def refused() -> object:
        raise Refused("stale", "another was faster", "load the page again")

    @made.get("/defect")
    def defect() -> object:
        raise RuntimeError("a body with a name")

    return made


@pytest.fixture(autouse=True)
def _deeds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pages, "PAGES", (*pages.PAGES, deeds))
    DONE.clear()
    yield


def own(app: Flask) -> list[str]:
    """Return the paths of all pages without variables, except those of the door."""
    rules = [r for r in app.url_map.iter_rules() if "GET" in (r.methods or ()) and not r.arguments]
    doors = ("/sign-in", "/healthz", "/readyz", "/metrics", "/api", "/defect", "/refused")
    return sorted(r.rule for r in rules if not r.rule.startswith(doors))


def test_every_page_sends_strangers_to_the_door_and_back(bridge: Parts) -> None:
    app = create_app(bridge)
    for path in own(app):
        answer = app.test_client().get(path, headers=HTML)
        assert (answer.status_code, answer.location.startswith("/sign-in")) == (303, True), path
    answer = app.test_client().get("/activity?connection=getfly", headers=HTML)
    assert answer.location == "/sign-in?to=%2Factivity%3Fconnection%3Dgetfly"


def test_a_part_of_a_page_sends_the_whole_page_to_the_door(client: FlaskClient) -> None:
    answer = client.get("/", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/activity?x=1"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in?to=%2Factivity%3Fx%3D1")


def test_sign_in_goes_where_one_wanted_to_and_sign_out_ends_it(bridge: Parts, client: FlaskClient) -> None:
    secret = tokens.make(bridge.desk, "hoa", "read", "command line").secret
    answer = client.post("/sign-in", data={"token": f" {secret}\n", "to": "/activity"})
    assert (answer.status_code, answer.location) == (303, "/activity")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie and secret not in cookie
    assert f"Max-Age={12 * 3600}" in cookie
    page = client.get("/activity", headers=HTML)
    assert "hoa" in page.text and secret not in page.text
    kept = client.get_cookie("bridge_session")
    client.post("/sign-out", data={"csrf": Person(client).csrf()})
    assert client.get("/", headers=HTML).status_code == 303
    assert kept is not None
    client.set_cookie("bridge_session", kept.value)
    assert client.get("/", headers=HTML).status_code == 303


def test_the_cookie_is_only_for_https_where_there_is_https(bridge: Parts) -> None:
    bridge.proxies = 1
    secret = tokens.make(bridge.desk, "hoa", "read", "command line").secret
    answer = (
        create_app(bridge)
        .test_client()
        .post("/sign-in", data={"token": secret}, headers={"X-Forwarded-Proto": "https"})
    )
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb", ""]
)
def test_sign_in_leads_to_no_other_site(bridge: Parts, client: FlaskClient, to: str) -> None:
    secret = tokens.make(bridge.desk, "hoa", "read", "command line").secret
    assert client.post("/sign-in", data={"token": secret, "to": to}).location == "/"


def test_a_wrong_token_is_said_and_a_guesser_has_to_wait(client: FlaskClient) -> None:
    for _ in range(10):
        answer = client.post("/sign-in", data={"token": "obr_guess"})
        assert (answer.status_code, "no valid token" in answer.text, "obr_guess" in answer.text) == (403, True, False)
    answer = client.post("/sign-in", data={"token": "obr_guess"})
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)


def test_a_revoked_token_ends_its_session(bridge: Parts, person: Person) -> None:
    tokens.revoke(bridge.desk, "hoa", "command line")
    assert person.get("/").status_code == 303


def test_a_session_ends_after_twelve_hours(bridge: Parts) -> None:
    bridge.at = int(time.time() * 1000)
    person = sign_in(bridge)
    bridge.at += 12 * 3_600_000 + 1
    assert person.get("/").status_code == 303


def test_a_deed_is_done_said_once_and_escaped(person: Person) -> None:
    answer = person.post("/deed")
    assert (answer.status_code, answer.location, DONE) == (303, "/", ["hoa"])
    assert "It is &lt;done&gt;." in person.get("/").text
    assert "It is" not in person.get("/").text


def test_what_was_to_be_said_cannot_be_forged(person: Person) -> None:
    person.client.set_cookie("bridge_said", '["Call this number", "good"].x')
    assert "Call this number" not in person.get("/").text


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": "right"}, {"Origin": "https://evil.example"}),
        ({"csrf": "right"}, {"Origin": "null"}),
        ({"csrf": "right"}, {"Sec-Fetch-Site": "cross-site"}),
        ({"csrf": "right"}, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_change_from_elsewhere_is_refused(person: Person, form: dict[str, str], headers: dict[str, str]) -> None:
    data = {k: person.csrf() if v == "right" else v for k, v in form.items()}
    assert person.client.post("/deed", data=data, headers=HTML | headers).status_code == 400
    assert DONE == []


def test_the_token_of_another_session_does_not_help(bridge: Parts, person: Person) -> None:
    other = sign_in(bridge, name="lan")
    assert person.client.post("/deed", data={"csrf": other.csrf()}, headers=HTML).status_code == 400
    assert DONE == []


def test_a_change_by_script_brings_the_same_token_in_a_header(person: Person) -> None:
    headers = {"X-CSRF-Token": person.csrf(), "HX-Request": "true", "Origin": "http://localhost"}
    assert person.client.post("/deed", headers=headers).status_code == 303
    assert DONE == ["hoa"]


def test_a_reader_sees_but_changes_nothing(reader: Person) -> None:
    answer = reader.post("/deed")
    assert (answer.status_code, "role write" in answer.text, DONE) == (403, True, [])
    assert reader.get("/").status_code == 200


def test_a_body_is_no_larger_than_its_view_takes(person: Person) -> None:
    assert person.post("/deed", more="x" * 100_000).status_code == 413
    assert person.post("/large", more="x" * 100_000).status_code == 303
    assert person.post("/large", more="x" * 300_000).status_code == 413


def test_the_look_that_one_chose_lasts_also_before_sign_in(client: FlaskClient) -> None:
    assert "data-theme" not in client.get("/sign-in").text.split("<head>")[0]
    answer = client.post("/theme", data={"theme": "dark", "to": "/sign-in?to=%2Factivity"})
    assert answer.location == "/sign-in?to=%2Factivity"
    assert '<html lang="en" data-theme="dark">' in client.get("/sign-in").text
    client.post("/theme", data={"theme": "<script>"})
    assert '<html lang="en" data-theme="dark">' in client.get("/sign-in").text


def test_errors_are_pages_for_browsers_and_problems_for_others(person: Person) -> None:
    answer = person.get("/nothing")
    assert (answer.status_code, answer.mimetype, "nothing" in answer.text) == (404, "text/html", True)
    assert 'aria-label="Pages"' in answer.text
    assert person.client.get("/nothing").mimetype == "application/problem+json"
    assert person.client.get("/nothing", headers={"Accept": "*/*"}).mimetype == "application/problem+json"
    for path in ("/api/nothing", "/webhooks/nothing"):
        assert person.get(path).mimetype == "application/problem+json"


def test_what_the_desk_refuses_is_a_page_with_its_cure_or_a_note(person: Person) -> None:
    answer = person.get("/refused")
    assert (answer.status_code, "another was faster" in answer.text, "load the page again" in answer.text) == (
        412,
        True,
        True,
    )
    note = person.get("/refused", HX_Request="true")
    assert (note.status_code, note.text) == (412, "another was faster. load the page again")


def test_a_defect_shows_no_trace(person: Person) -> None:
    answer = person.get("/defect")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "body" not in re.sub(r"</?body.*?>", "", answer.text) and "Traceback" not in answer.text


def test_a_store_that_cannot_be_reached_is_said(bridge: Parts, person: Person) -> None:
    bridge.store.db.close()
    read_only(bridge.store)
    assert person.get("/").status_code == 200


def test_pages_may_do_nothing_but_what_stands_in_their_files(person: Person) -> None:
    for path in ("/", "/activity", "/sign-in", "/nothing"):
        answer = person.client.get(path, headers=HTML, follow_redirects=True)
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", answer.text), path
        assert answer.headers["Cache-Control"] == "no-store"


def kept(person: Person, path: str) -> str:
    with person.client.get(path) as answer:
        return answer.headers["Cache-Control"]


def test_browsers_keep_files_by_what_they_hold(person: Person) -> None:
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', person.get("/").text)
    assert len(files) >= 4
    for path in files:
        assert kept(person, path) == "public, max-age=31536000"
    for path in ("/static/seat.css", "/static/seat.css?v=old"):
        assert kept(person, path) == "no-cache"
    assert person.client.get("/static/none.css?v=1", headers=HTML).status_code == 404
