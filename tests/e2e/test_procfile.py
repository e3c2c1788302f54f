"""The Procfile as a host runs it: a release, then two machines that share one PostgreSQL, then the next release."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.demo.judge import Judge, Made
from bridge.demo.people import edit
from bridge.demo.stage import Stage
from tests.e2e.test_processes import ROOT, wait

HONCHO = [sys.executable, "-m", "honcho", "--env", os.devnull, "--no-colour", "start"]
CLEAN = {("web", "0"), ("worker", "0")}
STOP_S = 30.0  # hosts kill what is left then


class Host(Stage):
    """A stage whose bridge is deployed: tables by `release`, and a machine with web and worker for each port."""

    def __init__(self, address: str) -> None:
        super().__init__(rough=False, seed=1, database=address)
        self.env |= {"DATABASE_URL": address, "DYNO": "web.1", "WEB_CONCURRENCY": "1"}
        del self.env["BRIDGE_DATABASE"]
        self.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{self.env['PATH']}"
        self.machines: dict[str, subprocess.Popen[bytes]] = {}

    def _fill(self) -> None:
        assert "up to date" not in self.release()
        super()._fill()

    def release(self) -> str:
        """Run the release command to its end and return what it printed; fails when it does not end well."""
        done = subprocess.run([*HONCHO, "release"], env=self.env, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_bridge(self) -> None:
        self.start_machines(one=self.bridge_url.rpartition(":")[2], two=_free_port())

    def start_machines(self, **ports: str) -> None:
        """Start web and worker of each machine, and wait until all are ready and work. ports: by machine."""
        for name, port in ports.items():
            self._start_machine(name, port)
        for name, port in ports.items():
            self.wait_for(f"http://127.0.0.1:{port}/readyz", name)
            deadline = time.monotonic() + STOP_S
            while "worker.started" not in self.said(name):
                assert time.monotonic() < deadline, "the worker did not start"
                time.sleep(0.05)

    def _start_machine(self, name: str, port: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as out:
            command = [*HONCHO, "--port", port, "web", "worker"]
            self.machines[name] = subprocess.Popen(command, env=self.env, stdout=out, stderr=subprocess.STDOUT)
        self.processes.append(self.machines[name])

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8")

    def stop_machines(self, *names: str) -> set[tuple[str, str]]:
        """Send SIGTERM to the runners, and return how their processes ended: name and exit code."""
        for name in names:
            self.machines[name].terminate()
        for name in names:
            self.machines[name].wait(STOP_S)
        return {end for name in names for end in re.findall(r"(\w+)\.1 stopped \(rc=(-?\d+)\)", self.said(name))}


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_release_and_two_machines_from_the_procfile_and_the_next_release_beside_them(
    postgres: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with Host(postgres(tmp_path / "new")) as host:
        judge, made = Judge(host), []

        def change(connection: str, field: str, value: str) -> None:
            ref = next(r for _, r in judge.store.all_refs() if r.connection == connection and r.kind == "opportunity")
            edit(host.sandbox_url, connection, ref.vendor_id, field, value)
            made.append(Made(judge.store.find(connection, ref.vendor_id) or "", connection, field, value))
            wait(judge, made)

        wait(judge, made)
        change("getfly", "stage", "qualified")
        assert "up to date" in host.release(), "the next release runs beside the machines of the last"
        assert host.stop_machines("one") == CLEAN
        host.start_machines(three=host.bridge_url.rpartition(":")[2])
        change("leadconnector", "name", "Forty rooms")
        assert all(fine for m in made for _, fine in judge.level(m.link).values())
        assert host.stop_machines("two", "three") == CLEAN
        for name in host.machines:
            said = host.said(name)
            assert said.count("Booting worker") == 1, "WEB_CONCURRENCY decides"
            assert '"outcome": "clean"' in said and "worker.store" not in said
