"""
Real death: web and worker are killed with SIGKILL at random moments under load and started again; then we count.

Every delivery that was acknowledged must have an outcome, every edit must be level on all sides or told of in the
journal, nothing may be written more often than the edits explain, and the database must be sound. On PostgreSQL, with
several machines, no link may be in two hands, and no budget overdrawn by all workers together.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from bridge.demo.judge import Judge, Made
from tests.e2e.alone import Alone
from tests.e2e.altered import BROKEN
from tests.e2e.cluster import Cluster
from tests.e2e.database import ask
from tests.e2e.deals import make_deals
from tests.e2e.load import Load
from tests.e2e.victims import leases
from tests.postgres import server

GAP_S, EARLY = (1.5, 0.7), 0.3
UP_S, REST_S, CALM_S = 60.0, 150.0, 2.5
SLOW = {"slow_s": 0.12}  # so that many kills fall between the steps of a change


@dataclass(frozen=True)
class Asked:
    """
    What a run is to be. engine: `sqlite`, one machine, or `postgres`, several. hurry: see Alone and Cluster. keep:
    leave database and logs behind in any case. broken: see Cluster.
    """

    kills: int
    seed: int
    deals: int
    engine: str = "sqlite"
    hurry: bool = False
    keep: bool = False
    broken: str = ""


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
    """Starts again whatever has ended, as an init system does."""

    def __init__(self, stage: Alone | Cluster) -> None:
        self.stage = stage
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            self.stage.revive()


class Killer:
    """hits: how often each victim was killed. amid: how many kills found a link under way, and a write."""

    def __init__(self, stage: Alone | Cluster, asked: Asked, say: Callable[[str], None]) -> None:
        self.stage, self.hurry, self.say = stage, asked.hurry, say
        self.dice = random.Random(asked.seed)
        self.hits: Counter[str] = Counter()
        self.amid: Counter[str] = Counter()

    def strike(self) -> None:
        """Kill one victim at a random moment of its work; now and then soon after the last, maybe at a start."""
        early = self.dice.random() < EARLY
        if not early:
            self.until_working()
        time.sleep(self.dice.random() * GAP_S[self.hurry])
        victim = self.dice.choices(list(self.stage.weights), list(self.stage.weights.values()))[0]
        found = "" if early else self._look()
        deadline = time.monotonic() + UP_S
        while not self.stage.strike(victim, self.dice):
            assert time.monotonic() < deadline, f"there is no {victim} to kill"
            time.sleep(0.01)
        self.hits[victim] += 1
        self.say(f"kill {sum(self.hits.values())}: {victim}{found}{' without a pause' if early else ''}")

    def until_working(self) -> None:
        """Wait until web answers and the workers that came after the last kill have started."""
        deadline = time.monotonic() + UP_S
        while not self.stage.working():
            assert time.monotonic() < deadline, "the bridge is not up again"
            time.sleep(0.05)

    def _look(self) -> str:
        held, writes = self.stage.under_way()
        self.amid["a link"] += bool(held)
        self.amid["a write"] += bool(writes)
        return f", {held} links and {writes} writes under way"


@contextmanager
def _staged(asked: Asked) -> Iterator[Alone | Cluster]:
    if asked.engine == "sqlite":
        with Alone(seed=asked.seed, hurry=asked.hurry) as alone:
            yield alone
        return
    with server() as address, Cluster(seed=asked.seed, server=address, hurry=asked.hurry, broken=asked.broken) as many:
        yield many


def run(asked: Asked, say: Callable[[str], None]) -> Count:
    """Play a run and return what it came to."""
    with _staged(asked) as stage:
        links = make_deals(stage, asked.deals)
        judge = Judge(stage)
        assert wait(judge, links, []), "the sample does not come to rest"
        judge.new_writes()
        judge.store.db.close()
        control = {"X-Sandbox": "1"}
        requests.put(f"{stage.sandbox_url}/_/faults", json=SLOW, headers=control, timeout=10).raise_for_status()
        load, init, killer = Load(stage, links, asked.seed), Init(stage), Killer(stage, asked, say)
        load.start()
        try:
            for _ in range(asked.kills):
                killer.strike()
            killer.until_working()
        finally:
            load.stop()
            init.stop()
        _tell(load, killer, say)
        counted = count(stage, judge, links, load, asked.kills)
        stage.keep = asked.keep or not counted.good
        if stage.keep:
            say(f"what happened stands in {stage.folder}")
        return counted


def _tell(load: Load, killer: Killer, say: Callable[[str], None]) -> None:
    say(f"{len(load.made)} edits; {load.refused} webhooks refused or unanswered, and posted again")
    say("killed: " + ", ".join(f"{n} x {victim}" for victim, n in killer.hits.items()))
    say(f"{killer.amid['a link']} kills fell amid work on a link, {killer.amid['a write']} amid a write")
    say(f"the bridge was started again {killer.stage.starts} times, {killer.stage.failed} times in vain")


def count(stage: Alone | Cluster, judge: Judge, links: list[str], load: Load, kills: int) -> Count:
    last = load.last()
    unsound = list(load.faults)
    if not wait(judge, links, last):
        unsound.append("the bridge does not come to rest")
    judge.new_writes()
    time.sleep(CALM_S)
    if judge.new_writes():
        unsound.append("the bridge goes on writing")
    rows = ask(stage.database, "SELECT dedupe_key, state, outcome FROM delivery")
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
    unsound += stage.unsound({(r.connection, r.vendor_id): link for link in links for r in load.refs[link]})
    return Count(kills, len(load.acknowledged), len(without), len(lost), tuple(unsound))


def _extra(judge: Judge, load: Load, links: list[str]) -> list[str]:
    """Return which deals were written more often than an edit once to each other side explains."""
    of = {(r.connection, r.vendor_id): link for link in links for r in load.refs[link]}
    edits = Counter(m.link for m in load.made)
    written = Counter(of[c, deal] for c, deal, _ in judge.writes if (c, deal) in of)
    others = len(judge.connectors) - 1
    return [f"{n} writes for {edits[k]} edits of {k}" for k, n in written.items() if n > edits[k] * others]


def wait(judge: Judge, links: list[str], made: list[Made]) -> bool:
    """Wait until nothing is left to do; return whether it came so far."""
    deadline = time.monotonic() + REST_S
    database, query = judge.stage.bridge.settings.database, "SELECT COUNT(*) FROM delivery WHERE state <> 'done'"
    while time.monotonic() < deadline:
        undone = ask(database, query)[0][0]
        if not undone and not leases(database) and judge.settled(links, made):
            return True
        time.sleep(0.1)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how often something is killed")
    parser.add_argument("--seed", type=int, default=1, help="for the dice: who dies, and when")
    parser.add_argument("--deals", type=int, default=60, help="how many deals are edited")
    parser.add_argument("--engine", choices=("sqlite", "postgres"), default="sqlite", help="one machine, or several")
    parser.add_argument("--hurry", action="store_true", help="let the leases of dead workers lapse soon")
    parser.add_argument("--broken", choices=tuple(BROKEN), default="", help="take a guard out: the run must fail")
    parser.add_argument("--keep", action="store_true", help="leave database and logs behind, also when all is well")
    asked = Asked(**vars(parser.parse_args()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - started:6.1f} s  {text}\n")

    counted = run(asked, say)
    for each in counted.unsound:
        say(each)
    sys.stdout.write(f"{counted}\n")
    return 0 if counted.good else 1


if __name__ == "__main__":
    sys.exit(main())
