"""What every answer has in common, and that nothing sent by a stranger is a defect."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.store import Store
from bridge.web import create_app
from tests.web.toy import PATH_SECRET, Parts, hook, read_only, rows

DEEP = b"[" * 9_000 + b"]" * 9_000
HOSTILE = {
    "deep": DEEP,
    "deep object": b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    "many digits": b'{"secret": ' + b"9" * 5_000 + b"}",
    "not utf-8": b'{"secret": "\xff\xfe\xc3\x28"}',
    "nul": b'{"secret": "\x00"}\x00',
    "not json": b"\x80\x04\x95pickle",
    "infinity": b'{"secret": 1e999, "deal": NaN}',
    "empty": b"",
    "same key twice": b'{"secret": "a", "secret": {"b": []}}',
}
TYPES = [
    "",
    "application/json",
    "application/json; charset=nonsense",
    "multipart/form-data",
    "\xff",
    "a/b; =;;",
    "x" * 2_000,
]


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_a_forgery(bridge: Parts, client: FlaskClient, name: str, content_type: str) -> None:
    for address in ("open", "guarded/" + PATH_SECRET):
        answer = client.post(f"/webhooks/{address}", data=HOSTILE[name], content_type=content_type)
        assert answer.status_code == 401
    assert rows(bridge.store.db.path) == []


def test_half_a_character_instead_of_the_secret_is_not_a_server_error(bridge: Parts, client: FlaskClient) -> None:
    answer = client.post("/webhooks/open", data=b'{"secret": "\\ud800", "event": "\\udfff"}')
    assert answer.status_code in (401, 503)
    assert rows(bridge.store.db.path) == []


@pytest.mark.parametrize("content_type", TYPES)
def test_an_odd_content_type_of_a_genuine_webhook_is_taken(
    bridge: Parts, client: FlaskClient, content_type: str
) -> None:
    assert client.post("/webhooks/open", data=hook("7"), content_type=content_type).status_code == 200
    assert bridge.store.waiting()[0].body.endswith(b'"deal": "7"}')


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), end=st.text(max_size=30), query=st.text(max_size=30), value=st.text(max_size=30))
def test_no_request_is_a_defect(client: FlaskClient, body: bytes, end: str, query: str, value: str) -> None:
    header = value.encode("latin-1", "replace").decode("latin-1").replace("\r", "").replace("\n", "")
    for base in ("/webhooks/", "/webhooks/open", "/"):
        for method in ("POST", "HEAD", "GET", "PUT", "OPTIONS"):
            environ = {
                "PATH_INFO": (base + end).encode("utf-8", "replace").decode("latin-1"),
                "QUERY_STRING": "a=%zz%ff",
            }
            answer = client.open(
                "/x",
                method=method,
                data=body,
                environ_overrides=environ,
                headers={"X-Bridge-Secret": header, "X-Toy": header},
            )
            assert answer.status_code in (200, 401, 404, 405) or answer.location.startswith("/sign-in")
    answer = client.post("/webhooks/open", query_string={query: value, value: query}, data=hook())
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/webhooks/open", 405),
        ("OPTIONS", "/webhooks/open", 405),
        ("POST", "/healthz", 405),
    ],
)
def test_every_error_is_a_problem_page(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    page = answer.get_json()
    assert (answer.status_code, answer.mimetype, page["status"]) == (status, "application/problem+json", status)
    assert set(page) == {"type", "title", "status", "detail"}
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_defect_outside_the_webhooks_shows_no_trace(bridge: Parts) -> None:
    app = create_app(bridge)
    app.testing = True

    @app.get("/boom")
    def boom() -> str:
        raise RuntimeError("a body with a name")

    answer = app.test_client().get("/boom")
    assert (answer.status_code, answer.get_json()["title"]) == (500, "Internal Server Error")
    assert "body" not in answer.text
    assert "Traceback" not in answer.text


def test_debug_cannot_be_switched_on_from_the_environment(bridge: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert create_app(bridge).debug is False


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/webhooks/open", "//webhooks//open"])
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    asked = {"PATH_INFO": path}  # the client takes what follows // for a host
    for answer in (client.get(environ_overrides=asked), client.post(environ_overrides=asked)):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Strict-Transport-Security" not in answer.headers
        assert answer.status_code not in (301, 308)


@pytest.mark.parametrize(("proxies", "believed"), [(0, False), (1, True)])
def test_https_is_said_only_by_a_proxy_that_is_configured(bridge: Parts, proxies: int, believed: bool) -> None:
    bridge.proxies = proxies
    answer = create_app(bridge).test_client().get("/healthz", headers={"X-Forwarded-Proto": "https"})
    assert ("Strict-Transport-Security" in answer.headers) == believed


def test_alive_and_ready(client: FlaskClient) -> None:
    assert (client.get("/healthz").text, client.get("/readyz").status_code) == ("ok", 200)


def test_not_ready_before_the_migration_and_says_the_cure(bridge: Parts, tmp_path: Path) -> None:
    bridge.store = Store(tmp_path / "new.db")
    answer = create_app(bridge).test_client().get("/readyz")
    assert (answer.status_code, "bridge db migrate" in answer.get_json()["detail"]) == (503, True)
    bridge.store.db.close()


@pytest.mark.parametrize("how", ["read-only", "no such directory"])
def test_not_ready_when_nothing_can_be_kept(bridge: Parts, tmp_path: Path, how: str) -> None:
    if how == "read-only":
        read_only(bridge.store)
    else:
        bridge.store = Store(tmp_path / "none" / "bridge.db")
    client = create_app(bridge).test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, "disk" in answer.get_json()["detail"]) == (503, True)
    assert str(tmp_path) not in answer.text
    assert client.get("/healthz").status_code == 200
    assert client.post("/webhooks/open", data=hook()).status_code == 503


def test_without_an_argument_it_is_assembled_from_the_settings(bridge: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    logged: list[list[str]] = []

    def assemble(path: str, env: Mapping[str, str]) -> Parts:
        asked.append(path)
        assert env["BRIDGE_CONFIG"] == "some/bridge.toml"
        return bridge

    monkeypatch.setitem(sys.modules, "bridge.assembly", SimpleNamespace(assemble=assemble))
    monkeypatch.setattr("bridge.web.configure_logging", logged.append)
    monkeypatch.setenv("BRIDGE_CONFIG", "some/bridge.toml")
    assert create_app().test_client().get("/healthz").text == "ok"
    assert asked == ["some/bridge.toml"]
    assert PATH_SECRET in logged[0]
