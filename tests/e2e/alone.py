"""One machine: `bridge serve` with a SQLite file, as a killer sees it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress

import requests

from bridge.demo.stage import Stage
from tests.e2e.database import ask
from tests.e2e.evidence import Links
from tests.e2e.victims import children, command, expire_leases, kill, leases, parent

ROOM = ("rate_calls = 22\nrate_per_s = 5", "rate_calls = 200\nrate_per_s = 1")


class Alone(Stage):
    """
    hurry: leases of dead workers lapse at once, not after a minute. starts: how often the bridge was started again;
    failed: how many of these ended before it was up.
    """

    weights: Mapping[str, int] = {"worker": 40, "web": 35, "web master": 8, "serve": 7, "everything": 10}

    def __init__(self, *, seed: int, hurry: bool) -> None:
        super().__init__(rough=False, seed=seed)
        self.config.write_text(self.config.read_text("utf-8").replace(*ROOM), "utf-8")
        self.hurry, self.starts, self.failed = hurry, 0, 0
        self.database = self.bridge.settings.database
        self._died_at = self._logged = 0  # when the worker ended last, and how long the log was then

    def revive(self) -> None:
        """Start the bridge again if it has ended, as an init system does."""
        if self.processes[-1].poll() is not None:
            self.processes.pop()
            self.starts += 1
            try:
                self.start_bridge()
            except RuntimeError:  # it was killed while it started
                self.failed += 1

    def working(self) -> bool:
        """Tell whether web answers and the worker that came after the last kill has started."""
        with suppress(requests.RequestException):
            ready = requests.get(f"{self.bridge_url}/readyz", timeout=5).ok
            if ready and (not self._died_at or self._worker_came()):
                if self.hurry:
                    expire_leases(self.database, self._died_at)
                return True
        return False

    def strike(self, victim: str, dice: random.Random) -> bool:
        """Kill a victim; return whether it was there already, or still."""
        found = self._victims().get(victim, [])
        kill([dice.choice(found)] if victim == "web" and found else found)
        if found and victim != "web":
            self._died_at, self._logged = self.bridge.now(), (self.folder / "bridge.log").stat().st_size
        return bool(found)

    def under_way(self) -> tuple[int, int]:
        """Return how many links and writes those who live now have under way."""
        query = "SELECT COUNT(*) FROM write WHERE state = 'open' AND at > ?"
        return len(leases(self.database, self._died_at)), ask(self.database, query, self._died_at)[0][0]

    def unsound(self, links: Links) -> list[str]:
        return []  # one worker process alone

    def _victims(self) -> dict[str, list[int]]:
        serve = self.processes[-1].pid
        found: dict[str, list[int]] = {"everything": children(serve), "serve": [serve]}
        for pid in children(serve)[:-1]:
            said = command(pid)
            if b"gunicorn" in said:
                found.setdefault("web master" if parent(pid) == serve else "web", []).append(pid)
            elif said.endswith(b"\0work\0"):
                found.setdefault("worker", []).append(pid)
        return found

    def _worker_came(self) -> bool:
        with (self.folder / "bridge.log").open("rb") as log:
            log.seek(self._logged)
            return b"worker.started" in log.read()
