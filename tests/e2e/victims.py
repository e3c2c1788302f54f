"""The processes of a running bridge as a killer sees them, and the leases that they leave behind."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from bridge.demo.stage import Stage
from bridge.flow import LEASE_MS
from bridge.store import Store
from tests.store.raw import raw

CAN_SEE = Path("/proc/self/task").is_dir()


def children(pid: int) -> list[int]:
    """Return the processes below one, and itself, the youngest first."""
    found = [pid]
    for parent in found:
        with suppress(OSError):  # it has ended meanwhile
            path = Path(f"/proc/{parent}/task/{parent}/children")
            found += [int(child) for child in path.read_text().split()]
    return found[::-1]


def victims(stage: Stage) -> dict[str, list[int]]:
    """Return what can be killed now, by name: processes that are there already, or still."""
    serve = stage.processes[-1].pid
    found: dict[str, list[int]] = {"everything": children(serve), "serve": [serve]}
    for pid in children(serve)[:-1]:
        said = _command(pid)
        if b"gunicorn" in said:
            is_master = _parent(pid) == serve
            found.setdefault("web master" if is_master else "web", []).append(pid)
        elif said.endswith(b"\0work\0"):
            found.setdefault("worker", []).append(pid)
    return found


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def leases(store: Store, since: int = 0) -> list[str]:
    """Return the links that are under a lease that was taken or renewed since a time (epoch milliseconds)."""
    query = "SELECT id FROM link WHERE lease_until > ?"
    return [r[0] for r in raw(store).execute(query, (since + LEASE_MS if since else 0,))]


def expire_leases(store: Store, before: int) -> None:
    """Let the leases that dead workers took before a time (epoch milliseconds) lapse now instead of in a minute."""
    raw(store).execute(
        "UPDATE link SET lease_until = 1 WHERE lease_until > 0 AND lease_until < ?", (before + LEASE_MS,)
    )


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
