"""The demo's own sandbox and bridge: real processes on this machine, with a database of their own."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from bridge.assembly import Assembled, assemble
from bridge.desk import choice_table, link_table, tokens

SECRETS = {
    "SANDBOX_KEY": "sandbox-bridge-key",
    "SANDBOX_SECRET": "sandbox-secret",
    "SANDBOX_HOOK_SECRET": "sandbox-hook-secret",
}
CONFIG, SAMPLE = Path("config/sandbox.toml"), Path("data/sample")
START_S, STOP_S = 30.0, 30.0


class Stage:
    """
    Starts sandbox and bridge on entering, ends them on leaving.

    folder: its database, settings and logs; it goes at the end unless `keep` is set. database: if not in there, where.
    token: what signs in to the pages, once it is entered.
    """

    token = ""

    def __init__(self, *, rough: bool, seed: int, database: Path | str | None = None) -> None:
        self.rough, self.seed, self.keep = rough, seed, False
        self.folder = Path(tempfile.mkdtemp(prefix="bridge-demo-"))
        self._lock = (Path(tempfile.gettempdir()) / "bridge-demo.lock").open("w")
        usual = self._first_here()
        self.sandbox_url = f"http://127.0.0.1:{_free(8090 if usual else 0)}"
        self.bridge_url = f"http://127.0.0.1:{_free(8080 if usual else 0)}"
        self.config = self.folder / "bridge.toml"
        text = CONFIG.read_text("utf-8").replace("http://127.0.0.1:8090", self.sandbox_url)
        self.config.write_text(text.replace("http://127.0.0.1:8080", self.bridge_url), "utf-8")
        own = {**SECRETS, "BRIDGE_DATABASE": str(database or self.folder / "bridge.db")}
        own["BRIDGE_CONFIG"] = str(self.config)
        (self.folder / "env").write_text("".join(f"export {k}='{v}'\n" for k, v in own.items()), "utf-8")
        self.env = {**os.environ, **own}
        self.bridge: Assembled = assemble(self.config, self.env)
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Stage:
        try:
            self._start_sandbox()
            self._fill()
            self.start_bridge()
        except BaseException:
            self.keep = True
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in self.processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.bridge.store.db.close()
        self._lock.close()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _first_here(self) -> bool:
        """Tell whether no other demo runs on this machine: the first has the usual ports, and nobody races for them."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def ledger(self, vendor: str, since: int) -> tuple[list[dict[str, Any]], int]:
        """Return the changes that a simulated CRM has applied from row `since` on, and the next row's number."""
        url = f"{self.sandbox_url}/_/ledger"
        answer = requests.get(url, params={"vendor": vendor, "since": str(since)}, timeout=10).json()
        return answer["rows"], answer["next"]

    def _start_sandbox(self) -> None:
        port = self.sandbox_url.rpartition(":")[2]
        rough = ["--rough", "--seed", str(self.seed)] if self.rough else []
        self._start("sandbox", "sandbox", "--port", port, "--bridge", self.bridge_url, *rough)
        self.wait_for(f"{self.sandbox_url}/_/state", "sandbox")

    def _fill(self) -> None:
        """Create the tables and a token, and say what the sample's choices mean and which records belong together."""
        self.bridge.store.migrate()
        with (SAMPLE / "choices.csv").open(encoding="utf-8") as lines:
            choices = choice_table.import_rows(self.bridge.desk, "the demo", lines, "csv")
        with (SAMPLE / "links.csv").open(encoding="utf-8") as lines:
            links = link_table.import_rows(self.bridge.desk, lines, "csv", "the demo")
        assert not choices.lines and not links.lines, (choices.lines, links.lines)
        self.token = tokens.make(self.bridge.desk, "demo", "write", "command line").secret

    def start_bridge(self) -> None:
        """Start web and worker, the last of `processes`, and wait for them; raises RuntimeError when they end."""
        self._start("bridge", "serve", "--port", self.bridge_url.rpartition(":")[2])
        self.wait_for(f"{self.bridge_url}/readyz", "bridge")

    def _start(self, log: str, *arguments: str) -> None:
        with (self.folder / f"{log}.log").open("ab") as out:
            command = [sys.executable, "-m", "bridge.cli", *arguments]
            self.processes.append(subprocess.Popen(command, env=self.env, stdout=out, stderr=subprocess.STDOUT))

    def wait_for(self, url: str, log: str) -> None:
        """Wait until the process that was started last answers; raises RuntimeError when it ends, or takes too long."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.processes[-1].poll() is not None:
                break
            try:
                if requests.get(url, timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the {log} did not start; see {self.folder / f'{log}.log'}")


def _free(wanted: int) -> int:
    """Return the wanted port if nobody has it, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("no free port")
