"""
Rolling deploys under load, as on Heroku: release after release starts beside the one before it, which then ends.

New web and worker processes start on the same PostgreSQL; once they are up, the old ones run on for a while and get
SIGTERM, several times, while webhooks keep coming through a router. No webhook may be refused, no edit lost, nothing
written twice, and whoever gets SIGTERM must end within 30 s.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import requests

from bridge.demo.judge import Judge
from tests.e2e.cluster import Cluster, Machines, Program
from tests.e2e.crash import SLOW, Count, count, wait
from tests.e2e.database import ask
from tests.e2e.deals import make_deals
from tests.e2e.load import Load
from tests.e2e.victims import children, kill
from tests.postgres import server

MACHINES: Machines = (("web-1", "worker-1", "worker-2"),)
RELEASE = ("-m", "bridge.cli", "db", "migrate")
OVERLAP_S, REST_S = 4.0, 3.0
TERM_S = (0.0, 0.2, 1.0)  # a host may send it more than once
FORGET_S = 1.0  # how long the router at most goes on sending to who got SIGTERM
END_S = 30.0  # then the host kills
POSTERS, POST_S = 4, 0.08


@dataclass(frozen=True)
class Deployed:
    """What a run came to. doubled, unsound: in words."""

    deploys: int
    refused: int
    count: Count
    doubled: tuple[str, ...]
    unsound: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"deploys: {self.deploys} deploys, {self.count.acknowledged} acknowledged, {self.refused} refused, "
            f"{self.count.lost + self.count.without_outcome} lost, {len(self.doubled)} doubled writes"
        )

    @property
    def good(self) -> bool:
        return self.count.good and not (self.refused or self.doubled or self.unsound)


def run(deploys: int, seed: int, deals: int, *, keep: bool, say: Callable[[str], None]) -> Deployed:
    """Play a run and return what it came to. keep: leave database and logs behind in any case."""
    dice = random.Random(seed)
    with server() as address, Cluster(seed=seed, server=address, machines=MACHINES) as stage:
        links = make_deals(stage, deals)
        judge = Judge(stage)
        assert wait(judge, links, []), "the sample does not come to rest"
        judge.new_writes()
        control = {"X-Sandbox": "1"}
        requests.put(f"{stage.sandbox_url}/_/faults", json=SLOW, headers=control, timeout=10).raise_for_status()
        load, unsound = Load(stage, links, seed, posters=POSTERS, post_s=POST_S), list[str]()
        load.start()
        try:
            for n in range(1, deploys + 1):
                unsound += _deploy(stage, dice, lambda text, n=n: say(f"deploy {n}: {text}"))  # type: ignore[misc]
                time.sleep(dice.random() * REST_S)
        finally:
            load.stop()
        assert stage.router is not None
        say(f"{len(load.made)} edits; " + ", ".join(f"{n} {how}" for how, n in sorted(stage.router.counts.items())))
        counted = count(stage, judge, links, load, 0)
        done = Deployed(deploys, stage.router.refused, counted, tuple(doubled(stage)), tuple(unsound))
        stage.keep = keep or not done.good
        if stage.keep:
            say(f"what happened stands in {stage.folder}")
        return done


def _deploy(stage: Cluster, dice: random.Random, say: Callable[[str], None]) -> list[str]:
    """Put a new release in place of the old one; return what went wrong with its end."""
    old = list(stage.programs.values())
    subprocess.run(
        [sys.executable, "-m", "bridge.cli", "db", "migrate"], env=stage.env, check=True, capture_output=True
    )
    stage.start_all()
    overlap_s = dice.random() * OVERLAP_S
    time.sleep(overlap_s)
    unsound = [f"{p.who} ended by itself; see {p.log}" for p in old if p.ended()]
    started = time.monotonic()
    forget_s, told = dice.random() * FORGET_S, list(TERM_S)
    longest = 0.0
    waiting = list(old)
    while waiting and (past_s := time.monotonic() - started) < END_S:
        if told and past_s >= told[0]:
            told.pop(0)
            for program in waiting:
                kill(children(program.process.pid), signal.SIGTERM)
        if past_s >= forget_s:
            _forget(stage, old)
        for program in [p for p in waiting if p.ended()]:
            waiting.remove(program)
            longest = past_s
            unsound += _ending(program)
        time.sleep(0.02)
    for program in waiting:
        unsound.append(f"{program.who} did not end within {END_S:g} s of SIGTERM")
        kill(children(program.process.pid))
        program.process.wait()
    _forget(stage, old)
    for program in old:
        stage.gone(program)
    say(f"old and new side by side for {overlap_s:.1f} s; the old ended {longest:.1f} s after SIGTERM")
    return unsound


def _forget(stage: Cluster, programs: list[Program]) -> None:
    for program in programs:
        if program.port and stage.router is not None:
            stage.router.forget(program.port)


def _ending(program: Program) -> list[str]:
    """Return what was not clean about the end of a process."""
    code, log = program.process.returncode, program.log.read_text("utf-8")
    clean = program.port or '"worker.stopped", "outcome": "clean"' in log
    return [] if code == 0 and clean else [f"{program.who} ended with {code}; see {program.log}"]


def doubled(stage: Cluster) -> list[str]:
    """
    Return the writes that said nothing new: at the CRM, those that changed nothing; in the database, those of which
    every field had landed at that record in that version before.
    """
    found = []
    for connection in stage.bridge.settings.connections:
        rows, _ = stage.ledger(connection, 0)
        idle = [r for r in rows if r["who"] == "bridge" and not r["fields"]]
        found += [f"{connection}: {r['call']} of {r['deal']} changed nothing" for r in idle]
    landed: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    query = "SELECT link, connection, patch FROM write WHERE state = 'done' ORDER BY opened_at, id"
    for link, connection, patch in ask(stage.database, query):
        said = {(name, version) for name, (_, version) in json.loads(patch).items()}
        if said <= landed[link, connection]:
            found.append(f"{', '.join(sorted(json.loads(patch)))} of link {link} was written to {connection} twice")
        landed[link, connection] |= said
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.deploy", description=__doc__)
    parser.add_argument("--deploys", type=int, default=10, help="how many releases follow the first")
    parser.add_argument("--seed", type=int, default=1, help="for the dice: when, and what is edited")
    parser.add_argument("--deals", type=int, default=40, help="how many deals are edited")
    parser.add_argument("--keep", action="store_true", help="leave database and logs behind, also when all is well")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - started:6.1f} s  {text}\n")

    done = run(asked.deploys, asked.seed, asked.deals, keep=asked.keep, say=say)
    for each in (*done.unsound, *done.count.unsound, *done.doubled):
        say(each)
    sys.stdout.write(f"{done}\n")
    return 0 if done.good else 1


if __name__ == "__main__":
    sys.exit(main())
