"""How each connection does, as the desk tells it: from what workers said, and without any."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.assembly import Assembled, assemble
from bridge.cli import cli
from bridge.connectors.budget import Budget
from bridge.core.model import FOREVER, Effects, Hold, Look, Ref
from bridge.desk.pulse import ALIVE_MS, Health, health
from bridge.store.audit import Deed
from bridge.store.store import Attempt, Intake
from bridge.worker import Worker

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config/sandbox.toml"
SILENT = {
    "breaker": "closed", "open_for_s": 0, "broken_for_s": 0, "paused_for_s": 0, "running": 0, "used": 0, "left": 9,
    "calls": 0, "failed": 0, "sweep_ms": None,
}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Assembled]:
    database = str(tmp_path / "b.db") if request.param == "sqlite" else request.getfixturevalue("postgres")(tmp_path)
    env = {"SANDBOX_KEY": "k", "SANDBOX_SECRET": "s", "SANDBOX_HOOK_SECRET": "h", "BRIDGE_DATABASE": database}
    made = assemble(CONFIG, env)
    made.store.migrate()
    yield made
    made.close()


def of(bridge: Assembled, name: str = "getfly") -> Health:
    return next(each for each in health(bridge.desk).connections if each.connection == name)


def beat(bridge: Assembled, process: str = "w", at: int | None = None, **said: Any) -> None:
    now = bridge.now() if at is None else at
    bridge.store.beat(process, {name: {**SILENT, **said} for name in bridge.settings.connections}, now)


def deal(bridge: Assembled) -> str:
    return bridge.store.link([Ref("getfly", "g1"), Ref("plazbot", "p1")], bridge.now() - 90_000)


def test_without_a_worker_it_says_so_and_tells_what_waits(bridge: Assembled) -> None:
    deal(bridge)
    found = health(bridge.desk)
    assert found.workers == 0 and [c.connection for c in found.connections] == list(bridge.settings.connections)
    each = of(bridge)
    assert (each.state, each.due, each.used, each.sweep_s, each.heard_at) == ("no worker", 1, 0, None, None)
    assert each.lag_s >= 90 and "no worker runs" in each.needs
    assert (each.limit, each.per_s) == (
        bridge.settings.connections["getfly"].rate_calls,
        bridge.settings.connections["getfly"].rate_per_s,
    )


def test_a_delivery_that_nobody_took_in_is_lag(bridge: Assembled) -> None:
    beat(bridge)
    kept: dict[str, Any] = {"method": "POST", "query": {}, "content_type": "text/plain", "body": b"x"}
    bridge.store.accept("getfly", None, bridge.now() - 30_000, **kept)
    each = of(bridge)
    assert each.waiting == 1 and each.lag_s >= 30 and each.heard_at is not None
    assert of(bridge, "plazbot").lag_s == 0


def test_what_workers_say_is_added_up_and_the_worst_breaker_counts(bridge: Assembled) -> None:
    beat(bridge, "one", used=3, running=1, calls=10, failed=1, sweep_ms=1_500)
    beat(bridge, "two", used=4, running=2, calls=20, failed=15, breaker="open", open_for_s=30.0, broken_for_s=400.0)
    beat(bridge, "dead", at=bridge.now() - ALIVE_MS - 1_000, used=100)
    each = of(bridge)
    assert (each.used, each.running, each.calls, each.failed, each.sweep_s) == (7, 3, 30, 16, 1.5)
    assert (each.state, each.breaker, each.broken_s) == ("breaker", "open", 400.0)
    assert each.until is not None and each.until > health(bridge.desk).at
    assert health(bridge.desk).workers == 2 and each.needs == []
    bridge.store.end_pulse("two")
    assert of(bridge).state == "works"


def test_who_paused_it_tells_a_pause_from_refused_credentials(bridge: Assembled) -> None:
    beat(bridge)
    store, now = bridge.store, bridge.now()
    store.pause("getfly", "throttled", now + 60_000)
    each = of(bridge)
    assert (each.state, each.why, each.paused_by, each.needs) == ("paused", "throttled", "", [])
    assert each.until is not None
    store.pause("getfly", "holidays", deed=Deed(now, "Hoa", "connection paused"))
    each = of(bridge)
    assert (each.state, each.why, each.paused_by, each.until, each.needs) == ("paused", "holidays", "Hoa", None, [])
    store.resume("getfly", now)
    store.pause("getfly", "unauthorized: the key is refused", FOREVER)
    each = of(bridge)
    assert (each.state, each.until) == ("refused", None)
    assert each.needs == ["it refuses the bridge: unauthorized: the key is refused"]
    store.resume("getfly", now)
    assert of(bridge).state == "works"


def test_a_pause_that_only_a_worker_knows_of_is_told(bridge: Assembled) -> None:
    beat(bridge, "one", at=bridge.now() - 4_000, paused_for_s=3.0)
    assert of(bridge).state == "works"
    beat(bridge, "two", paused_for_s=60.0)
    each = of(bridge)
    assert (each.state, each.why, each.needs) == ("paused", "the CRM asked for a pause", [])
    assert each.until is not None and 50 < (each.until - health(bridge.desk).at).total_seconds() <= 60


def test_a_look_that_is_not_due_is_no_lag_and_holds_are_counted(bridge: Assembled) -> None:
    beat(bridge)
    link, store = deal(bridge), bridge.store
    claim = store.claim("w", bridge.now(), 60_000)
    assert claim is not None
    at = store.load(claim)
    holds = {"getfly": [Hold("getfly", f, "why", "cure") for f in ("owner", "stage")]}
    store.save(claim, at, bridge.now(), holds=holds, taken={"getfly": (bridge.now(), ["linked"])})
    store.look(link, [Look(Ref("getfly", "g1"), bridge.now() + 60_000, "again")])
    each = of(bridge)
    assert (each.due, each.lag_s, each.holds, each.needs) == (0, 0, 2, ["2 holds"])


def test_dead_letters_are_writes_and_deliveries(bridge: Assembled) -> None:
    beat(bridge)
    kept: dict[str, Any] = {"method": "POST", "query": {}, "content_type": "text/plain", "body": b"x"}
    for outcome in ("dead: defect", "dead: not_found", "echo"):
        delivery = bridge.store.accept("getfly", None, bridge.now(), **kept)
        bridge.store.become_looks([Intake(delivery or "", (), outcome)])
    assert (of(bridge).dead, of(bridge).needs, bridge.store.waits()["dead"]) == (2, ["2 dead letters"], 2)


def test_a_crm_that_is_away_is_late_although_each_try_moves_its_look(bridge: Assembled) -> None:
    beat(bridge)
    link, store, now = deal(bridge), bridge.store, bridge.now()
    claim = store.claim("w", now, 60_000)
    assert claim is not None
    at = store.load(claim)
    again = Effects(looks=[Look(Ref("getfly", "g1"), now + 900_000, "linked")])
    failed = Attempt(link, "getfly", "linked", "failed", "no_answer", fails=3, failing_since=now - 3_600_000)
    taken = {"getfly": (now, ["linked"])}
    store.save(claim, at, now, effects=again, taken=taken, attempt=failed, cause="linked")
    each = of(bridge)
    assert each.due == 0 and 3_600 <= each.lag_s < 3_700
    given_up = {"getfly": (now + 900_000, ["linked"])}
    store.save(claim, at, now, taken=given_up, cause="linked")
    assert of(bridge).lag_s == 0, "what was given up does not wait"


def test_silent_processes_are_forgotten_after_an_hour(bridge: Assembled) -> None:
    beat(bridge, "old", at=bridge.now() - 3_601_000)
    beat(bridge, "new")
    assert {beat["process"] for beat in bridge.store.pulses(0)} == {"new"}


def test_a_worker_tells_its_budgets_and_its_end(bridge: Assembled) -> None:
    budgets = {name: Budget(10, 60.0, 4) for name in bridge.settings.connections}
    budgets["getfly"].enter()
    worker = Worker(bridge.flow, {}, threads=1, name="w", budgets=budgets, sweep_ms={"plazbot": 250})
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not health(bridge.desk).workers and time.monotonic() < deadline:
        time.sleep(0.02)
    each = of(bridge)
    assert (each.used, each.running, each.state) == (1, 1, "works")
    assert of(bridge, "plazbot").sweep_s == 0.25
    budgets["getfly"].leave(True)
    worker.stop.set()
    thread.join(25)
    assert health(bridge.desk).workers == 0


# the command


def test_the_command_shows_a_table_and_ends_with_1_when_a_person_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_DATABASE", str(tmp_path / "b.db"))
    for name in ("SANDBOX_KEY", "SANDBOX_SECRET", "SANDBOX_HOOK_SECRET"):
        monkeypatch.setenv(name, "x")
    run = ["--config", str(CONFIG), "status"]
    bridge = assemble(CONFIG, {**{n: "x" for n in ("SANDBOX_KEY", "SANDBOX_SECRET", "SANDBOX_HOOK_SECRET")},
                               "BRIDGE_DATABASE": str(tmp_path / "b.db")})  # fmt: skip
    bridge.store.migrate()
    result = CliRunner().invoke(cli, run)
    assert result.exit_code == 1 and result.output.count("no worker runs") == 1
    assert "plazbot, leadconnector need a person: no worker runs" in result.output
    beat(bridge)
    result = CliRunner().invoke(cli, run)
    assert result.exit_code == 0, result.output
    assert "workers alive: 1" in result.output and "works" in result.output
    assert result.output.count("sends none") == 2, "ONLYOFFICE and Plazbot"
    bridge.store.pause("getfly", "unauthorized", FOREVER)
    result = CliRunner().invoke(cli, [*run, "--json"])
    assert result.exit_code == 1
    told = json.loads(result.output)
    assert told["connections"][0]["state"] == "refused" and told["workers"] == 1
    bridge.close()
