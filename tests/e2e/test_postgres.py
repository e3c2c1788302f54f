"""The real processes on PostgreSQL: web, and two workers as on two machines."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bridge.demo.judge import Judge, Made
from bridge.demo.people import edit
from bridge.demo.stage import Stage
from tests.e2e.test_processes import ROOT, wait

SESSIONS_MAX = 2 * 2 + 2 * 3 + 2  # two web processes, two workers that also listen, and this one


def test_two_workers_share_the_work_of_one_database(
    postgres: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    address = postgres(tmp_path)
    with Stage(rough=False, seed=1, database=address) as stage:
        command = [sys.executable, "-m", "bridge.cli", "work"]
        with (stage.folder / "second.log").open("wb") as log:
            second = subprocess.Popen(command, env=stage.env, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while "worker.started" not in (stage.folder / "second.log").read_text("utf-8"):
            assert second.poll() is None and time.monotonic() < deadline, "the second worker did not start"
            time.sleep(0.05)
        judge = Judge(stage)
        wait(judge, [])
        made = []
        for connection, field, value in (
            ("getfly", "stage", "qualified"),
            ("leadconnector", "name", "Forty rooms"),
            ("plazbot", "description", "Two years"),
        ):
            ref = next(r for _, r in judge.store.all_refs() if r.connection == connection and r.kind == "opportunity")
            link = judge.store.find(connection, ref.vendor_id) or ""
            edit(stage.sandbox_url, connection, ref.vendor_id, field, value)
            made.append(Made(link, connection, field, value))
        wait(judge, made)
        assert all(fine for m in made for _, fine in judge.level(m.link).values())
        with psycopg.connect(address, autocommit=True) as db:
            [(sessions,)] = db.execute("SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        assert sessions - 1 <= SESSIONS_MAX
        started = time.monotonic()
        second.terminate()
        assert second.wait(30) == 0 and time.monotonic() - started < 25
        logs = (stage.folder / "second.log").read_text("utf-8")
        assert '"outcome": "clean"' in logs and "worker.store" not in logs
