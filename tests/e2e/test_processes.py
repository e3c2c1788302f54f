"""The real processes: sandbox, web and worker, over real HTTP, with a real database file."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bridge.demo.judge import Judge, Made
from bridge.demo.people import edit
from bridge.demo.stage import Stage
from bridge.store import Store
from tests.e2e.victims import children, expire_leases, kill, leases

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.chdir(ROOT)
    with Stage(rough=False, seed=1) as made:
        yield made


def wait(judge: Judge, made: list[Made], seconds: float = 40.0) -> None:
    links = [link for link, _ in judge.store.all_refs()]
    deadline = time.monotonic() + seconds
    while not judge.settled(links, made):
        assert time.monotonic() < deadline, "the bridge is not done"
        time.sleep(0.05)


def test_demo_ends_level_with_nothing_extra_and_nothing_lost() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    last = (done.stdout.strip().splitlines() or [""])[-1]
    assert last.startswith("demo: 25 edits, ") and " 0 extra, 0 lost, level in " in last, done.stdout + done.stderr
    assert done.returncode == 0


def test_worker_killed_in_the_middle_leaves_nothing_undone(stage: Stage) -> None:
    judge = Judge(stage)
    wait(judge, [])
    ref = next(r for _, r in judge.store.all_refs() if r.connection == "leadconnector" and r.kind == "opportunity")
    link = judge.store.find(ref.connection, ref.vendor_id)
    assert link is not None
    edit(stage.sandbox_url, "leadconnector", ref.vendor_id, "name", "Edited before the end")
    time.sleep(0.03)
    kill(children(stage.processes[-1].pid))
    stage.processes.pop().wait(30)
    expire_leases(stage.bridge.settings.database, stage.bridge.now())
    stage.start_bridge()
    wait(judge, [Made(link, "leadconnector", "name", "Edited before the end")])
    assert all(fine for _, fine in judge.level(link).values())
    assert judge.store.db.check() == "ok"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child does not hear that its parent was killed")
def test_a_killed_serve_takes_web_and_worker_with_it(stage: Stage) -> None:
    serve, *others = reversed(children(stage.processes[-1].pid))
    kill([serve])
    stage.processes.pop().wait(30)
    deadline = time.monotonic() + 25
    while (left := [pid for pid in others if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    kill(left)
    assert not left, f"{len(left)} go on without it, and keep the port"
    stage.start_bridge()


def test_sigterm_hands_back_within_25_seconds(stage: Stage) -> None:
    judge = Judge(stage)
    wait(judge, [])
    slow = {"hangs_before": 1.0, "hang_s": 60.0}
    requests.put(f"{stage.sandbox_url}/_/faults", json=slow, headers={"X-Sandbox": "1"}, timeout=5).raise_for_status()
    ref = next(r for _, r in judge.store.all_refs() if r.connection == "getfly")
    edit(stage.sandbox_url, "getfly", ref.vendor_id, "stage", "qualified")
    time.sleep(0.5)
    started = time.monotonic()
    stage.processes[-1].terminate()
    assert stage.processes[-1].wait(30) == 0
    assert time.monotonic() - started < 25
    assert not leases(stage.bridge.settings.database)


def test_webhook_is_on_disk_before_it_is_acknowledged(stage: Stage) -> None:
    body = {
        "event": "opportunity.updated",
        "secret_key": "sandbox-hook-secret",
        "data[opportunity_code]": "CH2284",
        "uid": "u-1",
    }
    answer = requests.post(f"{stage.bridge_url}/webhooks/getfly", data=body, timeout=5)
    store = Store(stage.bridge.settings.database)
    assert answer.status_code == 200
    assert [d["connection"] for d in store.page_of_deliveries(10)].count("getfly") >= 1
    forged = requests.post(f"{stage.bridge_url}/webhooks/getfly", data={**body, "secret_key": "no"}, timeout=5)
    assert forged.status_code in (401, 403)
