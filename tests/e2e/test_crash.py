"""Nothing is lost when web and worker are killed at random moments; `make crash N=100` is the longer run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.victims import CAN_SEE

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(not CAN_SEE, reason="finds the processes by /proc")
def test_ten_kills_lose_nothing_that_was_acknowledged_and_no_edit() -> None:
    command = [sys.executable, "-m", "tests.e2e.crash", "--kills", "10", "--deals", "8", "--seed", "7", "--hurry"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    assert last.startswith("crash: 10 kills, "), done.stderr
    assert last.endswith(" acknowledged, 0 without outcome, 0 lost"), done.stderr
    assert done.returncode == 0, done.stderr
