"""
Real death: web and worker are killed with SIGKILL at random moments under load and started again; then we count.

Every delivery that was acknowledged must have an outcome, every edit must be level on all sides or told of in the
journal, nothing may be written more often than the edits explain, and the database must be sound.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import requests

from bridge.demo.judge import Judge, Made
from bridge.demo.stage import Stage
from tests.e2e.deals import make_deals
from tests.e2e.load import Load
from tests.e2e.victims import expire_leases, kill, leases, victims
from tests.store.raw import raw

WEIGHTS = {"worker": 40, "web": 35, "web master": 8, "serve": 7, "everything": 10}
GAP_S, EARLY = (1.5, 0.7), 0.3
UP_S, REST_S, CALM_S = 60.0, 150.0, 2.5
SLOW = {"slow_s": 0.12}  # so that many kills fall between the steps of a change
ROOM = ("rate_calls = 22\nrate_per_s = 5", "rate_calls = 200\nrate_per_s = 1")


@dataclass(frozen=True)
class Count:
    """What a run came to. unsound: what else is wrong, in words."""

    kills: int
    acknowledged: int
    without_outcome: int
    lost: int
    unsound: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"crash: {self.kills} kills, {self.acknowledged} acknowledged, "
            f"{self.without_outcome} without outcome, {self.lost} lost"
        )

    @property
    def good(self) -> bool:
        return not (self.without_outcome or self.lost or self.unsound)


class Init:
    """
    Starts the bridge again whenever it has ended, as an init system does. starts: how often; failed: how many of these
    ended before the bridge was up.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage, self.starts, self.failed = stage, 0, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            if self.stage.processes[-1].poll() is not None:
                self.stage.processes.pop()
                self.starts += 1
                try:
                    self.stage.start_bridge()
                except RuntimeError:  # it was killed while it started
                    self.failed += 1


class Killer:
    """
    hurry: leases of dead workers lapse at once, not after a minute. hits: how often each victim was killed. amid: how
    many kills found a link under way, and a write.
    """

    def __init__(self, stage: Stage, seed: int, hurry: bool, say: Callable[[str], None]) -> None:
        self.stage, self.store, self.hurry, self.say = stage, stage.bridge.store, hurry, say
        self.dice = random.Random(seed)
        self.hits: Counter[str] = Counter()
        self.amid: Counter[str] = Counter()
        self._died_at = self._logged = 0  # when the worker ended last, and how long the log was then

    def strike(self) -> None:
        """Kill one victim at a random moment of its work; now and then soon after the last, maybe at a start."""
        early = self.dice.random() < EARLY
        if not early:
            self.until_working()
        time.sleep(self.dice.random() * GAP_S[self.hurry])
        victim = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        pids = self._find(victim)
        if victim == "web":
            pids = [self.dice.choice(pids)]
        found = "" if early else self._look()
        kill(pids)
        if victim != "web":
            self._died_at, self._logged = self.stage.bridge.now(), (self.stage.folder / "bridge.log").stat().st_size
        self.hits[victim] += 1
        self.say(f"kill {sum(self.hits.values())}: {victim}{found}{' without a pause' if early else ''}")

    def until_working(self) -> None:
        """Wait until web answers and the worker that came after the last kill has started."""
        deadline = time.monotonic() + UP_S
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                url = f"{self.stage.bridge_url}/readyz"
                if (not self._died_at or self._log()) and requests.get(url, timeout=5).ok:
                    return self._bury()
            time.sleep(0.05)
        raise AssertionError("the bridge is not up again")

    def _bury(self) -> None:
        if self.hurry:
            expire_leases(self.store, self._died_at)
            self.store.db.close()

    def _log(self) -> bool:
        with (self.stage.folder / "bridge.log").open("rb") as log:
            log.seek(self._logged)
            return b"worker.started" in log.read()

    def _find(self, victim: str) -> list[int]:
        deadline = time.monotonic() + UP_S
        while not (pids := victims(self.stage).get(victim)):
            assert time.monotonic() < deadline, f"there is no {victim} to kill"
            time.sleep(0.01)
        return pids

    def _look(self) -> str:
        # our own connection to the file is closed at once: the bridge must find its way back into it alone
        held = len(leases(self.store, self._died_at))
        query = "SELECT COUNT(*) FROM write WHERE state = 'open' AND at > ?"
        writes = raw(self.store).execute(query, (self._died_at,)).fetchone()[0]
        self.store.db.close()
        self.amid["a link"] += bool(held)
        self.amid["a write"] += bool(writes)
        return f", {held} links and {writes} writes under way"


def run(kills: int, seed: int, deals: int, *, hurry: bool, keep: bool, say: Callable[[str], None]) -> Count:
    """Play a run and return what it came to. hurry: see Killer. keep: leave database and logs behind in any case."""
    stage = Stage(rough=False, seed=seed)
    stage.config.write_text(stage.config.read_text("utf-8").replace(*ROOM), "utf-8")
    with stage:
        links = make_deals(stage, deals)
        judge = Judge(stage)
        assert _wait(judge, links, []), "the sample does not come to rest"
        judge.new_writes()
        judge.store.db.close()
        control = {"X-Sandbox": "1"}
        requests.put(f"{stage.sandbox_url}/_/faults", json=SLOW, headers=control, timeout=10).raise_for_status()
        load, init, killer = Load(stage, links, seed), Init(stage), Killer(stage, seed, hurry, say)
        load.start()
        try:
            for _ in range(kills):
                killer.strike()
            killer.until_working()
        finally:
            load.stop()
            init.stop()
        _tell(load, init, killer, say)
        counted = _count(judge, links, load, kills)
        stage.keep = keep or not counted.good
        if stage.keep:
            say(f"what happened stands in {stage.folder}")
        return counted


def _tell(load: Load, init: Init, killer: Killer, say: Callable[[str], None]) -> None:
    say(f"{len(load.made)} edits; {load.refused} webhooks refused or unanswered, and posted again")
    say("killed: " + ", ".join(f"{n} x {victim}" for victim, n in killer.hits.items()))
    say(f"{killer.amid['a link']} kills fell amid work on a link, {killer.amid['a write']} amid a write")
    say(f"the bridge was started again {init.starts} times, {init.failed} times in vain")


def _count(judge: Judge, links: list[str], load: Load, kills: int) -> Count:
    last = load.last()
    unsound = list(load.faults)
    if not _wait(judge, links, last):
        unsound.append("the bridge does not come to rest")
    judge.new_writes()
    time.sleep(CALM_S)
    if judge.new_writes():
        unsound.append("the bridge goes on writing")
    rows = raw(judge.store).execute("SELECT dedupe_key, state, outcome FROM delivery").fetchall()
    done = {r[0] for r in rows if r[1] == "done" and r[2]}
    without = (load.acknowledged | {r[0] for r in rows}) - done
    unsound += [f"delivery {key} has no outcome" for key in sorted(without)]
    lost = [m for m in last if not judge.told(m) or judge.store.peek(m.link).hubs[m.field].value != m.value]
    unlevel = {(link, f): c for link in links for (c, f), (_, fine) in judge.level(link).items() if not fine}
    lost += [m for m in last if (m.link, m.field) in unlevel and m not in lost]
    unsound += [f"lost: {m}" for m in lost]
    unsound += [f"not level: {f} at {c}, link {link}" for (link, f), c in unlevel.items()]
    unsound += _extra(judge, load, links)
    if (sound := judge.store.db.check()) != "ok":
        unsound.append(f"the integrity check says {sound}")
    return Count(kills, len(load.acknowledged), len(without), len(lost), tuple(unsound))


def _extra(judge: Judge, load: Load, links: list[str]) -> list[str]:
    """Return which deals were written more often than an edit once to each other side explains."""
    of = {(r.connection, r.vendor_id): link for link in links for r in load.refs[link]}
    edits = Counter(m.link for m in load.made)
    written = Counter(of[c, deal] for c, deal, _ in judge.writes if (c, deal) in of)
    others = len(judge.connectors) - 1
    return [f"{n} writes for {edits[k]} edits of {k}" for k, n in written.items() if n > edits[k] * others]


def _wait(judge: Judge, links: list[str], made: list[Made]) -> bool:
    """Wait until nothing is left to do; return whether it came so far."""
    deadline = time.monotonic() + REST_S
    query = "SELECT COUNT(*) FROM delivery WHERE state <> 'done'"
    while time.monotonic() < deadline:
        undone = raw(judge.store).execute(query).fetchone()[0]
        if not undone and not leases(judge.store) and judge.settled(links, made):
            return True
        time.sleep(0.1)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how often something is killed")
    parser.add_argument("--seed", type=int, default=1, help="for the dice: who dies, and when")
    parser.add_argument("--deals", type=int, default=60, help="how many deals are edited")
    parser.add_argument("--hurry", action="store_true", help="let the leases of dead workers lapse at once")
    parser.add_argument("--keep", action="store_true", help="leave database and logs behind, also when all is well")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - started:6.1f} s  {text}\n")

    counted = run(asked.kills, asked.seed, asked.deals, hurry=asked.hurry, keep=asked.keep, say=say)
    for each in counted.unsound:
        say(each)
    sys.stdout.write(f"{counted}\n")
    return 0 if counted.good else 1


if __name__ == "__main__":
    sys.exit(main())
