"""Where the time goes: py-spy looks at a process from outside while a scene is played."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

RATE = 200  # looks a second
OURS = re.compile(r"^(bridge|tests/bench)/")


@dataclass(frozen=True)
class Spent:
    """frame: a function and its file. own, whole: share of the looks that found it on top, and anywhere."""

    frame: str
    own: float
    whole: float


class Spy:
    """
    Watches one process until `end`. waits: count what waits, too; else only who holds the interpreter's lock.

    within: count only what is called, at any depth, by a function with this in its name.
    """

    def __init__(self, pid: int, path: Path, seconds: float, *, waits: bool, within: str = "") -> None:
        self.path, self.within = path, within
        spy = Path(sys.executable).with_name("py-spy")
        how = "--idle" if waits else "--gil"
        command = [str(spy), "record", "--pid", str(pid), how, "--rate", str(RATE), "--function"]
        command += ["--format", "raw", "--output", str(path), "--duration", str(round(seconds))]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self) -> list[Spent]:
        """Return what was seen, the most first; nothing when the system does not let us look."""
        self.process.wait(60)
        return spent(self.path.read_text("utf-8").splitlines(), self.within) if self.path.exists() else []


def can_spy() -> bool:
    return shutil.which(Path(sys.executable).with_name("py-spy")) is not None


def spent(lines: Iterable[str], within: str = "") -> list[Spent]:
    """Return what stacks came to. lines: frames from the outside in, `;` between them, and how often it was seen."""
    own, whole, looks = Counter[str](), Counter[str](), 0
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frames, seen = [_short(f) for f in stack.split(";")], int(count)
        if within and not any(within in f for f in frames):
            continue
        own[frames[-1]] += seen
        for frame in set(frames):
            whole[frame] += seen
        looks += seen
    return [Spent(frame, own[frame] / looks, n / looks) for frame, n in whole.most_common()]


def top(found: list[Spent], count: int) -> list[str]:
    """Return lines for people: the bridge's functions by all that they call, then any function by itself."""
    ours = [s for s in found if OURS.match(s.frame.partition("(")[2])][:count]
    alone = sorted(found, key=lambda s: -s.own)[:count]
    lines = [f"{s.whole:6.0%}  {s.frame}" for s in ours]
    return [*lines, "  alone:", *(f"{s.own:6.0%}  {s.frame}" for s in alone)]


def _short(frame: str) -> str:
    """Return `function (file)` with the file from its package on."""
    name, _, file = frame.partition(" (")
    parts = file.rstrip(")").split("/")
    for mark in ("bridge", "tests", "site-packages"):
        if mark in parts:
            start = len(parts) - 1 - parts[::-1].index(mark)
            return f"{name} ({'/'.join(parts[start + (mark == 'site-packages') :])})"
    return f"{name} ({'/'.join(parts[-2:])})"
