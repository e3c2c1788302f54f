"""
Several machines, each with a web process and workers, on one PostgreSQL behind a router, as a killer sees them.

Each process has a name of its own, by which the database (as the session's name) and the sandbox (in the address that
it calls) know it.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from pathlib import Path

import requests

from bridge.assembly import assemble
from bridge.demo.stage import Stage
from bridge.store import Store
from bridge.store.copy import copy_store
from tests.e2e.altered import LEASE_MS as SHORT_LEASE_MS
from tests.e2e.database import ask
from tests.e2e.evidence import (
    Absence,
    Limit,
    Links,
    late_saves,
    leases_seen,
    overdrawn,
    overlaps,
    shortened,
    strangers,
    watch_database,
)
from tests.e2e.router import Router
from tests.e2e.victims import children, kill
from tests.e2e.watch import calls

UP_S, POLL_S = 30.0, 0.05
# the programs of each machine
Machines = tuple[tuple[str, ...], ...]
MACHINES: Machines = (("web-1", "worker-1", "worker-2"), ("web-2", "worker-3"))
# tight enough that workers which do not share a budget break it under load, and wide enough to get on
RATES = {
    "rate_calls = 200\nrate_per_s = 1": "rate_calls = 70\nrate_per_s = 5",
    "rate_calls = 22\nrate_per_s = 5": "rate_calls = 70\nrate_per_s = 5",
}
WEB = ("-m", "gunicorn", "-c", "config/gunicorn.py", "bridge.web:create_app()")
WORK = ("-m", "bridge.cli", "work")


@dataclass
class Program:
    """A process that was started. who: its name, with a number that no other start of the same has."""

    name: str
    who: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    is_up: threading.Event = field(default_factory=threading.Event)

    def ended(self) -> bool:
        return self.process.poll() is not None


class Cluster(Stage):
    """
    server: the address of an empty database. hurry: leases are short, so that those of dead workers lapse soon.
    broken: the guard of `altered.BROKEN` that workers go without; "" for none. starts, failed: see `Alone`.
    """

    weights: Mapping[str, int] = {
        "worker": 40,
        "web": 20,
        "web master": 10,
        "machine": 15,
        "everything": 8,
        "frozen": 7,
    }

    def __init__(
        self, *, seed: int, server: str, machines: Machines = MACHINES, hurry: bool = False, broken: str = ""
    ) -> None:
        super().__init__(rough=False, seed=seed, database=server)
        text = self.config.read_text("utf-8")
        for old, new in RATES.items():
            text = text.replace(old, new)
        self.config.write_text(text, "utf-8")
        self.bridge = assemble(self.config, self.env)
        self.hurry, self.broken, self.starts, self.failed = hurry, broken, 0, 0
        self.database, self.calls_log = self.bridge.settings.database, self.folder / "calls.jsonl"
        self.machines, self.programs = machines, dict[str, Program]()
        self.absent: dict[str, list[Absence]] = defaultdict(list)
        self.router: Router | None = None
        self._numbers: Counter[str] = Counter()
        self._thaws: list[threading.Timer] = []
        if broken:  # two workers on one link: that is what guards are for
            self.weights = {"frozen": 1}
        self._lease_s = (SHORT_LEASE_MS if hurry or broken else 60_000) / 1000

    def __exit__(self, *_: object) -> None:
        for thaw in self._thaws:
            thaw.cancel()
        for program in self.programs.values():
            kill(children(program.process.pid), number=signal.SIGCONT)
        super().__exit__()
        if self.router is not None:
            self.router.close()
        if self.keep and self.router is not None:  # the server ends with the run
            copy_store(self.bridge.store, Store(self.folder / "bridge.db"))
            self.bridge.store.db.close()
            seen = "".join(f"{lease}\n" for lease in leases_seen(self.database))
            (self.folder / "leases.txt").write_text(seen, "utf-8")

    def _start_sandbox(self) -> None:
        port = self.sandbox_url.rpartition(":")[2]
        arguments = ("--port", port, "--bridge", self.bridge_url, "--log", str(self.calls_log))
        with (self.folder / "sandbox.log").open("ab") as out:
            command = [sys.executable, "-m", "tests.e2e.watch", *arguments]
            self.processes.append(subprocess.Popen(command, env=self.env, stdout=out, stderr=subprocess.STDOUT))
        self.wait_for(f"{self.sandbox_url}/_/state", "sandbox")

    def start_bridge(self) -> None:
        """Start the router and every program, and wait until they are up."""
        watch_database(self.database)
        self.router = Router(int(self.bridge_url.rpartition(":")[2]))
        self.start_all()

    def start_all(self) -> None:
        """Start every program anew, beside what runs already, and wait until all are up."""
        for name in (name for machine in self.machines for name in machine):
            self.start(name)
        deadline = time.monotonic() + UP_S
        for program in self.programs.values():
            if not program.is_up.wait(deadline - time.monotonic()):
                raise RuntimeError(f"{program.who} did not start; see {program.log}")

    def start(self, name: str) -> Program:
        """Start a program, under a number and at a port of its own; `is_up` tells when it works."""
        self._numbers[name] += 1
        who = f"{name}.{self._numbers[name]}"
        config, log = self.folder / f"{who}.toml", self.folder / f"{who}.log"
        text = self.config.read_text("utf-8").replace(f"{self.sandbox_url}/", f"{self.sandbox_url}/by/{who}/")
        config.write_text(text, "utf-8")
        port = free_port() if name.startswith("web") else 0
        own = {"BRIDGE_CONFIG": str(config), "PORT": str(port), "WEB_CONCURRENCY": "1"}
        own["BRIDGE_DATABASE"] = f"{self.database}&application_name={who}"
        command = [sys.executable, *(WEB if port else self._work())]
        with log.open("wb") as out:
            process = subprocess.Popen(command, env={**self.env, **own}, stdout=out, stderr=subprocess.STDOUT)
        program = self.programs[name] = Program(name, who, port, log, process)
        self.processes.append(process)
        threading.Thread(target=self._see_it_up, args=(program,), daemon=True).start()
        return program

    def revive(self) -> None:
        """Start what has ended again, as an init system does."""
        for name, program in list(self.programs.items()):
            if program.ended():
                self.gone(program)
                self.failed += not program.is_up.is_set()
                self.starts += 1
                self.start(name)

    def working(self) -> bool:
        """Tell whether every program is up, except those that are frozen."""
        return all(program.is_up.is_set() and not program.ended() for program in self.programs.values())

    def gone(self, program: Program) -> None:
        """Take notice that a program has ended."""
        self.processes.remove(program.process)
        if program.port and self.router is not None:
            self.router.forget(program.port)

    def strike(self, victim: str, dice: random.Random) -> bool:
        """Kill or freeze a victim; return whether it was there already, or still."""
        alive = [p for p in self.programs.values() if not p.ended()]
        workers, webs = [p for p in alive if not p.port], [p for p in alive if p.port]
        match victim:
            case "worker":
                self._kill(workers and [dice.choice(workers)])
                return bool(workers)
            case "web":
                pids = children(dice.choice(webs).process.pid)[:-1] if webs else []
                kill(pids)
                return bool(pids)
            case "web master":
                kill([dice.choice(webs).process.pid] if webs else [])  # its child goes on for a moment
                return bool(webs)
            case "machine":
                machine = dice.choice(self.machines)
                self._kill([p for p in alive if p.name in machine])
                return any(p.name in machine for p in alive)
            case "frozen":
                able = [p for p in workers if p.is_up.is_set() and not self._is_frozen(p)]
                return bool(able) and self._freeze(dice.choice(able))
        self._kill(alive)
        return bool(alive)

    def under_way(self) -> tuple[int, int]:
        """Return how many links and writes those who live now have under way."""
        alive, held = {p.who for p in self.programs.values() if not p.ended()}, self._holders()
        mine = {link for who in alive for link in held.get(who, ())}
        opened = ask(self.database, "SELECT link FROM write WHERE state = 'open'")
        return len(mine), sum(link in mine for (link,) in opened)

    def _holders(self) -> dict[str, set[str]]:
        """Return the links that each worker has the lease of, or had when it died."""
        last = {lease.link: lease for lease in leases_seen(self.database)}
        held: dict[str, set[str]] = defaultdict(set)
        for lease in last.values():
            if lease.until:
                held[lease.who].add(lease.link)
        return held

    def unsound(self, links: Links) -> list[str]:
        """Return what was seen that must never be seen."""
        made = calls(self.calls_log)
        starts = {who: self._started_at(who) for who in {call.who for call in made}}
        working = [call for call in made if call.start >= starts[call.who]]
        limits = {
            name: Limit(c.rate_calls, c.rate_per_s, c.concurrency)
            for name, c in self.bridge.settings.connections.items()
        }
        found = [
            strangers(working, leases_seen(self.database), links, self.absent),
            overlaps(working, links, self.absent),
            late_saves(self.database),
            overdrawn(made, limits),
        ]
        return [line for each in found for line in shortened(each)]

    def _work(self) -> tuple[str, ...]:
        if self.hurry or self.broken:
            return ("-m", "tests.e2e.altered", self.broken or "short", "work")
        return WORK

    def _started_at(self, who: str) -> float:
        """Return since when a worker works on links (epoch seconds); before, it tries each connection."""
        for line in (self.folder / f"{who}.log").read_text("utf-8").splitlines():
            if '"worker.started"' in line:
                return datetime.fromisoformat(json.loads(line)["at"]).timestamp()
        return inf

    def _see_it_up(self, program: Program) -> None:
        while not program.ended():
            if program.port:
                with suppress(requests.RequestException):
                    if requests.get(f"http://127.0.0.1:{program.port}/readyz", timeout=2).ok:
                        assert self.router is not None
                        self.router.add(program.port)
                        break
            elif b"worker.started" in program.log.read_bytes():
                break
            time.sleep(POLL_S)
        else:
            return
        program.is_up.set()

    def _kill(self, programs: list[Program]) -> None:
        for program in programs:
            self.absent[program.who].append(Absence(time.time()))
            kill(children(program.process.pid))

    def _freeze(self, program: Program) -> bool:
        """Stop a worker amid its work for longer than its lease, and let it go on then; False: it had nothing to do."""
        now, for_s = time.time(), self._lease_s + 2.0
        kill([program.process.pid], number=signal.SIGSTOP)
        if program.who not in self._holders():
            kill([program.process.pid], number=signal.SIGCONT)
            return False
        self.absent[program.who].append(Absence(now, now + for_s))
        self._thaws.append(threading.Timer(for_s, kill, args=([program.process.pid], signal.SIGCONT)))
        self._thaws[-1].start()
        return True

    def _is_frozen(self, program: Program) -> bool:
        return any(a.end > time.time() for a in self.absent[program.who])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
