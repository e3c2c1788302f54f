"""What is measured: a system is some processes with one address for webhooks, asleep while others have their turn."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import requests

from tests.bench.queue import fill
from tests.e2e.victims import children

ROOT = Path(__file__).parents[2]
START_S, STOP_S = 30.0, 10.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class System:
    """
    name: as the table shows it. letter: the first of the ids of its deals, so that each system has its own at the sink.
    ones, fours: deals that are linked to one other connection, and to four. folder: its files and logs.
    """

    name = ""
    path = "/hook"
    headers = ""

    def __init__(self, letter: str, folder: Path, sink_url: str) -> None:
        self.letter, self.folder, self.sink_url = letter, folder, sink_url
        self.folder.mkdir(parents=True)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ones: list[str] = []
        self.fours: list[str] = []

    def start(self) -> None:
        """Start everything and wait until it answers."""
        raise NotImplementedError

    def request(self, deal: str, name: str) -> bytes:
        """Return a webhook that says that a deal has changed."""
        said = {"type": "OpportunityUpdate", "locationId": "bench", "id": deal, "name": name}
        body = json.dumps(said)
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{self.headers}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def clear(self) -> None:
        """Forget what was acknowledged and not handled; called when nobody posts."""

    def sleep(self, *names: str) -> None:
        """Stop processes where they are; all of them unless named."""
        for pid in self._pids(*names):
            os.kill(pid, signal.SIGSTOP)

    def wake(self, *names: str) -> None:
        for pid in self._pids(*names):
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """End all processes."""
        with suppress(OSError):
            self.wake()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                for pid in children(process.pid):
                    with suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
                process.wait()
        self.processes.clear()

    def memory_mb(self, *names: str, key: str = "Rss") -> float:
        """
        Return the resident memory of processes with their children, of all unless named, in MB.

        key: Rss counts a page in each process that shares it, Pss counts it once.
        """
        kb = 0
        for pid in self._pids(*names):
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                kb += sum(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))
        return kb / 1024

    def _pids(self, *names: str) -> list[int]:
        """Return the processes, the children first."""
        chosen = names or tuple(self.processes)
        return [pid for name in chosen for pid in children(self.processes[name].pid)]

    def run(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """Start a Python module as a process, with its output in a file of the folder."""
        own = {"BENCH_FOLDER": str(self.folder), "BENCH_SINK": self.sink_url, "PORT": str(self.port)}
        with (self.folder / f"{name}.log").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env={**os.environ, **own, **(env or {})},
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent,
            )

    def serve(self, app: str, env: Mapping[str, str] | None = None) -> None:
        """Start gunicorn as the bridge's own settings have it. A worker that slept is not taken for a dead one."""
        self.run("web", "gunicorn", "-c", "config/gunicorn.py", "--timeout", "0", app, env=env)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.processes["web"].poll() is None:
            with suppress(requests.RequestException):
                if requests.get(f"{self.url}/", timeout=2).status_code:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start; see {self.folder}")


class Loops(System):
    """Rival (d): it takes no webhooks; `begin` starts its loops, each time anew. threads: as many as the worker has."""

    name = "d loops"

    def __init__(self, letter: str, folder: Path, sink_url: str, threads: int) -> None:
        super().__init__(letter, folder, sink_url)
        self.threads = threads

    def start(self) -> None:
        pass

    def begin(self, targets: int) -> None:
        """Start the loops; `stop` ends them."""
        self.run(
            *("loops", "tests.bench.loops", self.sink_url),
            *("--threads", str(self.threads), "--targets", str(targets)),
        )


class Bare(System):
    name = "a bare"

    def start(self) -> None:
        self.serve("tests.bench.bare:create_app()")


class Insert(System):
    name = "b insert"

    def start(self) -> None:
        self.serve("tests.bench.insert:create_app()")


class Queue(System):
    """Rival (c). polls: more options of the consumer; huey's own polling waits 0.1 s, and up to 10 s when idle."""

    name = "c huey"
    polls: tuple[str, ...] = ()

    def __init__(self, letter: str, folder: Path, sink_url: str, links: int, deals: int) -> None:
        super().__init__(letter, folder, sink_url)
        ids = [f"{letter}{n:07}" for n in range(links)]
        fill(str(folder / "map.db"), [(deal, deal) for deal in ids])
        self.ones = ids[:: max(1, links // deals)][:deals]

    def start(self) -> None:
        self.serve("tests.bench.queue:create_app()")
        self.run("worker", "huey.bin.huey_consumer", "tests.bench.queue.huey", "-k", "thread", "-w", "8", *self.polls)


class KeenQueue(Queue):
    """The same, asking the queue every 10 ms: at low load it is faster, and never idle."""

    name = "c huey, polls 10 ms"
    polls = ("-d", "0.01", "-m", "0.01")


def _end_with_parent() -> None:
    """Ask the kernel for an end when the benchmark is killed: who sleeps then would sleep for ever."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
