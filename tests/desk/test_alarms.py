"""Alerts: what is told, once, by one process, and what happens when nobody takes it."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.alerting import ROUND_S, Alerting
from bridge.assembly import Assembled, assemble
from bridge.cli import cli
from bridge.connectors.http import RequestsTransport
from bridge.core.errors import Misconfigured, Transient
from bridge.core.model import FOREVER, Ref
from bridge.desk import Desk
from bridge.desk.alarms import DUTY, DUTY_MS, hook, round_of
from bridge.settings import AlertSettings
from tests.desk.test_pulse import SILENT

CONFIG = Path(__file__).parents[2] / "config/sandbox.toml"
ENV = {"SANDBOX_KEY": "k", "SANDBOX_SECRET": "s", "SANDBOX_HOOK_SECRET": "h"}
LEVELS = {"lag": [300, 1800, 14_400], "holds": [1, 10], "dead": [1, 10], "refused": [1], "breaker": [300]}
ALERTS = AlertSettings("https://hooks.example.com/secret-part", "t0ken", False, LEVELS)


@dataclass
class Scene:
    """A bridge on a clock of its own, and who is told."""

    bridge: Assembled
    clock: int
    told: list[Mapping[str, Any]] = field(default_factory=list)
    away: bool = False

    @property
    def desk(self) -> Desk:
        settings = replace(self.bridge.settings, alerts=ALERTS, public_url="https://bridge.example.com")
        return replace(self.bridge.desk, settings=settings, now=lambda: self.clock)

    def send(self, body: Mapping[str, Any]) -> None:
        if self.away:
            raise Transient("no_connection", "NewConnectionError")
        self.told.append(body)

    def round(self, owner: str = "w", minutes: float = 0) -> list[tuple[str, str, int]]:
        """Return what was told in one round, so many minutes later: connection, what, level."""
        self.clock += int(minutes * 60_000)
        self.bridge.store.beat("w", {name: SILENT for name in self.bridge.settings.connections}, self.clock)
        before = len(self.told)
        round_of(self.desk, self.send, owner)
        return [(body["connection"], body["what"], body["level"]) for body in self.told[before:]]


@pytest.fixture(params=["sqlite", "postgres"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    database = str(tmp_path / "b.db") if request.param == "sqlite" else request.getfixturevalue("postgres")(tmp_path)
    made = assemble(CONFIG, {**ENV, "BRIDGE_DATABASE": database})
    made.store.migrate()
    yield Scene(made, made.now())
    made.close()


def test_lag_is_told_as_it_rises_and_when_it_is_over(scene: Scene) -> None:
    store = scene.bridge.store
    link = store.link([Ref("getfly", "g1"), Ref("plazbot", "p1")], scene.clock)
    assert scene.round(minutes=4) == []
    both = [("getfly", "lag", 1), ("plazbot", "lag", 1)]
    assert [scene.round(minutes=m) for m in (1, 1, 1)] == [both, [], []]
    assert scene.round(minutes=30) == [("getfly", "lag", 2), ("plazbot", "lag", 2)]
    body = scene.told[-2]
    assert body["text"] == "getfly: changes have waited for 37 min" and body["value"] == 37 * 60
    assert body["url"] == "https://bridge.example.com/connections"
    assert body["since"] == scene.told[0]["since"]
    claim = store.claim("w", scene.clock, 60_000)
    assert claim is not None
    taken = {name: (scene.clock, ["linked"]) for name in ("getfly", "plazbot")}
    store.save(claim, store.load(claim), scene.clock, taken=taken)
    store.release(claim)
    assert [scene.round(minutes=m) for m in (0, 4)] == [[], []]
    assert scene.round(minutes=1) == [("getfly", "lag", 0), ("plazbot", "lag", 0)]
    assert scene.round(minutes=60) == [] and store.alarms() == {}
    assert link not in json.dumps(scene.told)


def test_a_refused_connection_is_told_with_the_reason(scene: Scene) -> None:
    scene.bridge.store.pause("getfly", "throttled", scene.clock + 9_000)
    assert scene.round() == []
    scene.bridge.store.pause("getfly", "unauthorized: set a new key", FOREVER)
    assert [scene.round(), scene.round(minutes=1)] == [[("getfly", "refused", 1)], []]
    assert "paused until somebody mends it: unauthorized: set a new key" in scene.told[0]["text"]


def test_one_process_tells_and_another_goes_on_when_it_dies(scene: Scene) -> None:
    scene.bridge.store.pause("getfly", "unauthorized", FOREVER)
    assert scene.round("one") == [("getfly", "refused", 1)]
    scene.bridge.store.pause("plazbot", "unauthorized", FOREVER)
    assert scene.round("two", minutes=0.5) == []
    assert scene.round("two", minutes=0.51) == [("plazbot", "refused", 1)]
    assert not scene.bridge.store.lease_duty(DUTY, "one", scene.clock, DUTY_MS)


def test_what_nobody_takes_is_told_at_the_next_round(scene: Scene) -> None:
    scene.away = True
    scene.bridge.store.pause("getfly", "unauthorized", FOREVER)
    for _ in range(2):
        with pytest.raises(Transient):
            scene.round()
    assert scene.bridge.store.alarms() == {}
    scene.away = False
    assert [scene.round(), scene.round()] == [[("getfly", "refused", 1)], []]


def test_a_failure_to_tell_is_logged_and_a_failing_store_is_the_workers_to_tell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = assemble(CONFIG, {**ENV, "BRIDGE_DATABASE": str(tmp_path / "b.db")})
    made.store.migrate()
    scene = Scene(made, made.now(), away=True)
    made.store.pause("getfly", "unauthorized", FOREVER)
    caplog.set_level(logging.INFO)
    assert Alerting(scene.desk, scene.send, "w")() == ROUND_S
    scene.away = False
    assert Alerting(scene.desk, scene.send, "w")() == ROUND_S
    assert [r.message for r in caplog.records] == ["alert.failed", "alert.sent"]
    made.close()
    empty = assemble(CONFIG, {**ENV, "BRIDGE_DATABASE": str(tmp_path / "empty.db")})
    with pytest.raises(Transient):
        Alerting(Scene(empty, 1).desk, scene.send, "w")()
    empty.close()


def test_an_alert_into_the_own_network_is_not_sent() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        private = replace(ALERTS, url=f"http://127.0.0.1:{server.server_port}/hook")
        with pytest.raises(Misconfigured, match="a loopback address"):
            hook(private)({"text": "x"})


# from the worker to a server that takes alerts


@dataclass
class Taker:
    url: str
    taken: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def taker() -> Iterator[Taker]:
    made = Taker("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if made.status == 200:
                made.taken.append((self.path, self.headers.get("Authorization", ""), json.loads(body)))
            self.send_response(made.status)
            self.send_header("Location", f"{made.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def config(tmp_path: Path, taker: Taker, monkeypatch: pytest.MonkeyPatch) -> Path:
    env = {**ENV, "BRIDGE_DATABASE": str(tmp_path / "b.db"), "ALERT_TOKEN": "t0ken-7"}
    for name, value in {**env, "ALERT_URL": f"{taker.url}/hook?key=5"}.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "bridge.toml"
    alerts = '[alerts]\nurl = "env:ALERT_URL"\ntoken = "env:ALERT_TOKEN"\nallow_private = true\n'
    path.write_text(CONFIG.read_text("utf-8") + alerts, "utf-8")
    return path


def test_a_worker_alerts_a_server_once(config: Path, taker: Taker) -> None:
    made = assemble(config, os.environ)
    made.store.migrate()
    made.store.pause("getfly", "unauthorized: set a new key", FOREVER)
    worker = made.worker()
    [alert] = worker.rounds
    taker.status = 500
    alert()
    taker.status = 301
    alert()
    assert taker.taken == []
    taker.status = 200
    alert()
    alert()
    [(path, bearer, body)] = taker.taken
    assert (path, bearer) == ("/hook?key=5", "Bearer t0ken-7")
    assert body.keys() == {"text", "connection", "what", "level", "value", "since", "url"}
    assert (body["connection"], body["what"], body["level"]) == ("getfly", "refused", 1)
    assert {f"{taker.url}/hook?key=5", "t0ken-7"} <= made.secret_values
    made.close()


def test_the_command_sends_a_test(config: Path, taker: Taker) -> None:
    result = CliRunner().invoke(cli, ["--config", str(config), "alert", "test"])
    assert (result.exit_code, result.output) == (0, "it has arrived\n")
    assert taker.taken[0][2]["text"] == "a test of the bridge: alerts arrive here"
    taker.status = 404
    result = CliRunner().invoke(cli, ["--config", str(config), "alert", "test"])
    assert result.exit_code == 4 and "it did not arrive: alert_refused: HTTP 404" in result.output
    result = CliRunner().invoke(cli, ["--config", str(CONFIG), "alert", "test"])
    assert result.exit_code == 1 and "no alerts are set up" in result.output


def test_the_transport_is_that_of_the_connectors() -> None:
    send = hook(ALERTS)
    assert isinstance(send.args[0], RequestsTransport)  # type: ignore[attr-defined]
