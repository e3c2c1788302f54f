"""
Measure the bridge beside its rivals.

    python -m tests.bench --quick
    python -m tests.bench --links 10000,1000000 --only ack,full
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from bridge.core.errors import BridgeError
from tests.bench.bridges import SETTLE_S, Bridge, short
from tests.bench.deals import Deals
from tests.bench.figures import Sample, middle, percentile
from tests.bench.posters import Posters
from tests.bench.profile import Spy, can_spy, top
from tests.bench.report import in_words, memory_table, table, target_table
from tests.bench.scenes import Ground, Scene, saturated, scenes
from tests.bench.sink import Sink
from tests.bench.systems import Bare, Insert, KeenQueue, Loops, Queue, System
from tests.bench.targets import Memory, size_verdicts, summary, verdicts
from tests.e2e.victims import children
from tests.postgres import emptied, server

LETTERS = "KLMNPQRSTUVWXYZ"
BREAK_S = 0.2

Say = Callable[[str], None]


class Run:
    """One run: all systems, started once, each awake only in its turn. address: of a PostgreSQL server, or ""."""

    def __init__(self, asked: argparse.Namespace, folder: Path, address: str, say: Say) -> None:
        self.asked, self.folder, self.address, self.say = asked, folder, address, say
        self.sink = Sink(Deals())
        self.ground = Ground(self.sink, asked.length)
        self.scenes = [s for s in scenes() if any(s.key.startswith(name) for name in asked.only)]
        self.systems: list[System] = []
        self.runs: dict[tuple[str, str], list[Sample]] = {}
        self.profiles: list[str] = []
        self.memories: dict[str, Memory] = {}

    async def play(self) -> None:
        """Measure everything; the results are in `runs` and the memories."""
        await self.sink.start()
        self.say(f"this process alone, asking and answering: {await self._own_speed():,.0f} calls a second")
        self.say(f"this disk alone: {sync_ms(self.folder):.2f} ms to sync 4 kB, the median")
        try:
            for system in self._needed():
                self.systems.append(system)
                await self._start(system)
            for n in range(self.asked.rounds):
                for scene in self.scenes:
                    await self._scene(scene, n)
            if self.asked.profile:
                for system in self.bridges:
                    await self._profile(system)
            if self.asked.soak:
                for system in self.bridges:
                    await self._soak(system)
        finally:
            for system in self.systems:
                await asyncio.to_thread(system.stop)
            await self.sink.stop()

    @property
    def bridges(self) -> list[Bridge]:
        return [s for s in self.systems if isinstance(s, Bridge)]

    def _needed(self) -> list[System]:
        """Return the systems that the scenes ask for, not started."""
        asked, url, kinds = self.asked, self.sink.url, {kind for s in self.scenes for kind in s.kinds}
        at, most, made = self.folder, max(asked.links), list[System]()
        databases = ["", *([self.address] if self.address else [])]
        made += [kind(letter, at / letter, url) for kind, letter in ((Bare, "A"), (Insert, "B")) if kind in kinds]
        queues = ((Queue, "H"), (KeenQueue, "I"))
        made += [kind(letter, at / letter, url, most, asked.deals) for kind, letter in queues if kind in kinds]
        made += [Loops("D", at / "D", url, asked.threads)] if Loops in kinds else []
        for letter, (links, database) in zip(LETTERS, itertools.product(asked.links, databases), strict=False):
            given = {"threads": asked.threads, "database_url": database and emptied(database, f"links_{links}")}
            made.append(Bridge(letter, at / letter, url, links, min(asked.deals, links), **given))
        return made

    async def _own_speed(self) -> float:
        posters = Posters(self.sink.url, 16)
        ask = itertools.cycle([b"GET /c0/opportunities/own HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"])
        waits, took_s = await posters.hammer(ask, 0.5)
        return len(waits) / took_s

    async def _start(self, system: System) -> None:
        started = time.monotonic()
        await asyncio.to_thread(system.start)
        await self._settle(system, SETTLE_S)
        if system.processes:
            await asyncio.sleep(BREAK_S)
            self.memories[system.name] = Memory(system.memory_mb())
            system.sleep()
        self.say(f"{system.name}: started in {time.monotonic() - started:.1f} s, in {system.folder}")

    async def _settle(self, system: System, seconds: float) -> None:
        """Wait until a bridge has nothing left to do; raises RuntimeError when it does not come to rest."""
        deadline = time.monotonic() + seconds
        while isinstance(system, Bridge) and not system.settled():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{system.name} does not come to rest; see {system.folder}")
            await asyncio.sleep(0.05)

    async def _scene(self, scene: Scene, n: int) -> None:
        """Give each system its turn, another one first each time."""
        playing = [s for s in self.systems if type(s) in scene.kinds]
        shift = n % len(playing)
        for system in [*playing[shift:], *playing[:shift]]:
            sample = await self._turn(scene, system)
            self.runs.setdefault((scene.key, system.name), []).append(sample)
            who = f"{scene.text}: {system.name}"
            self.say(f"round {n + 1} of {self.asked.rounds}  {who:<58}{in_words(sample)}")

    async def _turn(self, scene: Scene, system: System) -> Sample:
        system.wake(*scene.awake)
        await asyncio.sleep(BREAK_S)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            sample = await scene.act(self.ground, system)
        finally:
            gc.enable()
        if system.processes:
            self._weigh(system)
        if scene.awake:
            system.clear()  # first: who sleeps may hold a lock
            system.sleep()
        else:
            await self._settle(system, SETTLE_S)
            system.sleep()
        return sample

    def _weigh(self, system: System) -> None:
        known, now = self.memories[system.name], system.memory_mb()
        if not now <= known.loaded:
            web, once = system.memory_mb("web"), system.memory_mb(key="Pss")
            self.memories[system.name] = replace(known, loaded=now, web=web, once=once)

    async def _profile(self, system: Bridge) -> None:
        """Play two scenes once more while a profiler looks: at one web process, and at the worker."""
        plays = [("ack64", "web", ".wsgi_app ("), ("full", "worker", "Worker._work ")]
        for (key, name, within), waits in itertools.product(plays, (False, True)):
            scene = next(s for s in scenes() if s.key == key)
            pid, path = children(system.processes[name].pid)[0], self.folder / f"{system.letter}-{name}-{waits}.txt"
            system.wake()
            spy = Spy(pid, path, 1 + 3 * self.asked.length, waits=waits, within=within if waits else "")
            await asyncio.sleep(1.0)
            await self._turn(scene, system)
            how = "what its threads are at, waiting or not" if waits else "who holds the interpreter"
            self.profiles += ["", f"{system.name}, {name}, {scene.text}: {how}", *top(spy.end(), 14)]

    async def _soak(self, system: Bridge) -> None:
        """Make edits for long, and see what memory does after the first tenth."""
        system.wake()
        goal, early, spoke = self.ground.edits.get(system.name, 0) + self.asked.soak, 0.0, 0.0
        while (left := goal - self.ground.edits.get(system.name, 0)) > 0:
            await saturated(self.ground, system, targets=1)
            if not early and left <= 0.9 * self.asked.soak:
                early = system.memory_mb()
            if time.monotonic() > spoke + 10:
                spoke = time.monotonic()
                self.say(f"{system.name}: {left} edits left, {system.memory_mb():.0f} MB")
        late = system.memory_mb()
        self._weigh(system)
        self.memories[system.name] = replace(self.memories[system.name], growth=late / early - 1, edits=self.asked.soak)
        await self._settle(system, SETTLE_S)
        system.sleep()


def sync_ms(folder: Path) -> float:
    """Return how long the disk takes to keep 4 kB for good, in milliseconds: what every commit pays at least."""
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(100):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    return percentile(took, 0.5)


def tell(run: Run) -> None:
    """Print the tables and the last line."""
    results = {key: middle(samples) for key, samples in run.runs.items()}
    lines = ["", *table(run.runs, {s.key: s.text for s in run.scenes}), "", *memory_table(run.memories)]
    found = []
    for bridge in run.bridges:
        mine = verdicts(results, bridge.name, run.memories.get(bridge.name))
        lines += ["", *target_table(bridge.name, mine)]
        found += mine
    sizes: dict[str, list[Bridge]] = {}
    for bridge in run.bridges:
        sizes.setdefault(bridge.engine, []).append(bridge)
    for engine, each in sizes.items():
        small, large = min(each, key=lambda b: b.links), max(each, key=lambda b: b.links)
        if small is not large:
            mine = size_verdicts(results, small.name, large.name)
            lines += ["", *target_table(f"{engine}, {short(small.links)} to {short(large.links)}", mine)]
            found += mine
    odd, strange = run.sink.deals.odd, sorted(run.sink.strange)
    if odd or strange:
        lines += ["", f"NOT AS MEANT: {odd} updates of other fields; unknown addresses {strange}"]
    lines += run.profiles
    links = ", ".join(short(n) for n in run.asked.links)
    sys.stdout.write("\n".join([*lines, "", summary(f"{run.asked.rounds} rounds, {links} links", found), ""]))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.split("\n\n")[0])
    keys = ", ".join(s.key for s in scenes())
    parser.add_argument("--quick", action="store_true", help="two rounds of short samples: two minutes, rough figures")
    parser.add_argument("--only", default="", help=f"scenes by the beginnings of their names, as in ack,full; {keys}")
    parser.add_argument(
        "--links", default="10000", help="how many the database holds; several are compared: 10000,1000000"
    )
    parser.add_argument("--rounds", type=int, help="how many samples of each (5)")
    parser.add_argument("--length", type=float, help="how long samples are; 1 is usual: 1.5 to 5 s")
    parser.add_argument("--deals", type=int, default=1000, help="how many deals are edited (1000)")
    parser.add_argument("--threads", type=int, default=8, help="threads of the worker and of its rival (8)")
    parser.add_argument("--soak", type=int, default=0, help="make so many edits at the end and watch memory: 100000")
    parser.add_argument("--profile", action="store_true", help="say at the end where web and worker spend their time")
    parser.add_argument("--postgres", action="store_true", help="also on a PostgreSQL server that is started for it")
    parser.add_argument("--folder", help="where the databases stand: the disk there is part of what is measured")
    parser.add_argument("--keep", action="store_true", help="leave databases and logs behind")
    asked = parser.parse_args()
    asked.only = asked.only.split(",")
    asked.links = [int(n) for n in asked.links.split(",")]
    asked.rounds = asked.rounds or (2 if asked.quick else 5)
    asked.length = asked.length or (0.4 if asked.quick else 1.0)
    return asked


def main() -> int:
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder, started = Path(tempfile.mkdtemp(prefix="bridge-bench-", dir=asked.folder)), time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - started:6.1f} s  {text}\n")

    if asked.profile and not can_spy():
        sys.stderr.write("--profile needs py-spy: run it as `make bench ARGS=--profile`\n")
        return 2
    if not any(s.key.startswith(name) for s in scenes() for name in asked.only):
        sys.stderr.write("no scene has such a name; see --help\n")
        return 2
    try:
        with server(hasty=False, at=asked.folder) if asked.postgres else nullcontext("") as address:
            run = Run(asked, folder, address, say)
            asyncio.run(run.play())
    except (RuntimeError, BridgeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
    tell(run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
