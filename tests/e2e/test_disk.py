"""A disk that is full, read-only or failing: vendors come again, nothing is lost, and it goes on by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.victims import CAN_SEE

ROOT = Path(__file__).parent.parent.parent
MOUNTS = [["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]]


@pytest.fixture(scope="session")
def own_mounts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what lets a process mount a disk that nobody else sees."""
    probe = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path_factory.mktemp("probe"))]
    for enter in MOUNTS[os.geteuid() != 0 :]:
        try:
            if subprocess.run([*enter, *probe], capture_output=True, timeout=10).returncode == 0:
                return enter
        except OSError:
            break
    pytest.skip("nobody may mount a small disk here (unshare, mount); the failing disk is tested without")


def play(scenario: str, folder: Path, enter: list[str]) -> None:
    command = [*enter, sys.executable, "-m", "tests.e2e.disk", scenario, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("scenario", ["full", "full_at_start", "read_only"])
def test_vendors_come_again_and_nothing_is_lost(scenario: str, tmp_path: Path, own_mounts: list[str]) -> None:
    play(scenario, tmp_path, own_mounts)


@pytest.mark.skipif(not CAN_SEE, reason="finds the processes by /proc")
def test_a_failing_disk_stops_nothing_for_good(tmp_path: Path) -> None:
    play("failing", tmp_path, [])
