"""Nothing is lost when web and worker are killed or replaced; `make crash` and `make deploys` play longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.victims import CAN_SEE

ROOT = Path(__file__).parent.parent.parent


def last_line(*arguments: str) -> str:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.skipif(not CAN_SEE, reason="finds the processes by /proc")
def test_ten_kills_lose_nothing_that_was_acknowledged_and_no_edit() -> None:
    last = last_line("tests.e2e.crash", "--kills", "10", "--deals", "8", "--seed", "7", "--hurry")
    assert last.startswith("crash: 10 kills, ") and last.endswith(" acknowledged, 0 without outcome, 0 lost")


@pytest.mark.skipif(not CAN_SEE, reason="finds the processes by /proc")
def test_machines_that_share_one_postgresql_die_and_lose_nothing() -> None:
    wanted = ("--engine", "postgres", "--kills", "4", "--deals", "4", "--seed", "7", "--hurry")
    last = last_line("tests.e2e.crash", *wanted)
    assert last.startswith("crash: 4 kills, ") and last.endswith(" acknowledged, 0 without outcome, 0 lost")


@pytest.mark.skipif(not CAN_SEE, reason="finds the processes by /proc")
def test_a_deploy_under_load_refuses_loses_and_doubles_nothing() -> None:
    last = last_line("tests.e2e.deploy", "--deploys", "1", "--deals", "4", "--seed", "1")
    assert last.startswith("deploys: 1 deploys, ") and last.endswith(", 0 refused, 0 lost, 0 doubled writes")
