"""The processes of a running bridge as a killer sees them, and the leases that they leave behind."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from bridge.flow import LEASE_MS
from tests.e2e.database import ask

CAN_SEE = Path("/proc/self/task").is_dir()


def children(pid: int) -> list[int]:
    """Return the processes below one, and itself, the youngest first."""
    found = [pid]
    for parent in found:
        with suppress(OSError):  # it has ended meanwhile
            path = Path(f"/proc/{parent}/task/{parent}/children")
            found += [int(child) for child in path.read_text().split()]
    return found[::-1]


def command(pid: int) -> bytes:
    """Return what a process was started with, or nothing when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def parent(pid: int) -> int:
    """Return the process that one was started by, or 0 when it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def kill(pids: list[int], number: int = signal.SIGKILL) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def leases(database: str, since: int = 0) -> list[str]:
    """Return the links that are under a lease that was taken or renewed since a time (epoch milliseconds)."""
    query = "SELECT id FROM link WHERE lease_until > ?"
    return [link for (link,) in ask(database, query, since + LEASE_MS if since else 0)]


def expire_leases(database: str, before: int) -> None:
    """Let the leases that dead workers took before a time (epoch milliseconds) lapse now instead of in a minute."""
    query = "UPDATE link SET lease_until = 1 WHERE lease_until > 0 AND lease_until < ?"
    ask(database, query, before + LEASE_MS)
