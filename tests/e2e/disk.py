"""
A disk that fills up, fails, or is read-only under the running bridge, and is well again later.

`python -m tests.e2e.disk <scenario> <folder>` plays one scenario; test_disk.py does so where a disk may be mounted.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

from bridge.demo.judge import Judge, Made
from bridge.demo.people import edit
from bridge.demo.stage import Stage
from bridge.store import CURE
from tests.e2e.database import ask
from tests.e2e.victims import children, expire_leases, kill, leases

DISK_BYTES = 8_000_000
REST_S, POSTS_MAX, DOWN_S, START_S = 40.0, 400, 3.0, 15.0
SECRET = {"X-Bridge-Secret": "sandbox-hook-secret"}
LOG_LINES_MAX = 60


class Vendor:
    """Posts GetFly's webhooks and keeps the uids of those that were acknowledged."""

    def __init__(self, stage: Stage, deal: str) -> None:
        self.stage, self.deal = stage, deal
        self.acknowledged: set[str] = set()
        self.posted = 0

    def post(self) -> requests.Response:
        self.posted += 1
        body = {
            "event": "opportunity.updated",
            "secret_key": "sandbox-hook-secret",
            "data[opportunity_code]": self.deal,
            "uid": f"uid-{self.posted}",
            "note": "x" * 3000,
        }
        answer = requests.post(f"{self.stage.bridge_url}/webhooks/getfly", data=body, timeout=10)
        if answer.ok:
            self.acknowledged.add(body["uid"])
        return answer

    def until(self, status: int) -> requests.Response:
        """Post until the answer has this status; what is left of the disk may take a few."""
        for _ in range(POSTS_MAX):
            answer = self.post()
            if answer.status_code == status:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"{POSTS_MAX} webhooks, and no {status}")


def full(folder: Path) -> None:
    """The disk has no room left, until somebody deletes something."""
    mount(folder, f"size={DISK_BYTES}")
    stage = Stage(rough=False, seed=1, database=folder / "bridge.db")
    play(stage, filler(folder), (folder / "ballast").unlink, b"full")


def filler(folder: Path) -> Callable[[], None]:
    """Return what takes all the room that is left in a folder."""

    def fill() -> None:
        with (folder / "ballast").open("wb", buffering=0) as out:
            for size in (65536, 4096, 1):
                while _written(out.fileno(), size):
                    pass

    return fill


def failing(folder: Path) -> None:
    """Nothing can be written behind a certain place of any file; needs no rights, so it is played everywhere."""
    stage = Stage(rough=False, seed=1, database=folder / "bridge.db")

    def limit(size: int) -> None:
        for pid in children(stage.processes[-1].pid):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    play(
        stage,
        lambda: limit((folder / "bridge.db-wal").stat().st_size),
        lambda: limit(resource.RLIM_INFINITY),
        b"disk I/O error",
    )


def play(stage: Stage, breaks: Callable[[], object], mend: Callable[[], object], cause: bytes) -> None:
    """Break the disk under a running bridge, see what vendors and the log are told, mend it, and count."""
    with stage:
        stage.keep = True
        judge = Judge(stage)
        links = [link for link, ref in judge.store.all_refs() if ref.connection == "getfly"]
        deal, other = (r.vendor_id for r in judge.store.refs(links[0]) if r.connection in ("getfly", "plazbot"))
        vendor = Vendor(stage, deal)
        settle(judge, links, [])
        assert vendor.post().status_code == 200
        before = children(stage.processes[-1].pid)
        breaks()
        busy = vendor.until(503)
        assert busy.headers["Retry-After"] == "30"
        others(stage)
        edit(stage.sandbox_url, "plazbot", other, "name", "Edited while the disk was full")
        time.sleep(DOWN_S)
        assert vendor.post().status_code == 503
        assert children(stage.processes[-1].pid) == before, "a process ended"
        logged(stage, cause)
        mend()
        assert vendor.until(200)
        time.sleep(1.0)  # what began before the disk was well has ended
        expire_leases(stage.bridge.settings.database, stage.bridge.now())
        settle(judge, links, [Made(links[0], "plazbot", "name", "Edited while the disk was full")])
        level(judge, links, vendor)
        assert children(stage.processes[-1].pid) == before, "a process ended"
        assert b"Traceback" not in log_of(stage)
        stage.keep = False


def others(stage: Stage) -> None:
    """See what the other vendors are told: LeadConnector comes again after a 429 only."""
    for connection, status in (("leadconnector", 429), ("leadsquared", 503)):
        url = f"{stage.bridge_url}/webhooks/{connection}"
        answer = requests.post(url, json={"id": "1", "note": "x" * 3000}, headers=SECRET, timeout=10)
        assert answer.status_code == status, (connection, answer.status_code)
        assert connection != "leadconnector" or answer.headers["Retry-After"] == "30"


def logged(stage: Stage, cause: bytes) -> None:
    """See that web and worker name the cause and what to do, and do not flood the log."""
    for event in (b'"delivery.busy"', b'"worker.store"'):
        mine = [line for line in log_of(stage).splitlines() if event in line and b"store_failed" in line]
        assert mine and cause in mine[0] and b'"cure"' in mine[0], (event, mine[:1])
        assert event != b'"worker.store"' or len(mine) < LOG_LINES_MAX


def busy_lines(stage: Stage) -> list[bytes]:
    return [line for line in log_of(stage).splitlines() if b'"delivery.busy"' in line]


def log_of(stage: Stage) -> bytes:
    return (stage.folder / "bridge.log").read_bytes()


def settle(judge: Judge, links: list[str], made: list[Made]) -> None:
    deadline, database = time.monotonic() + REST_S, judge.store.db.path
    query = "SELECT COUNT(*) FROM delivery WHERE state <> 'done'"
    while ask(database, query)[0][0] or leases(database) or not judge.settled(links, made):
        assert time.monotonic() < deadline, "the bridge does not come to rest"
        time.sleep(0.1)


def level(judge: Judge, links: list[str], vendor: Vendor) -> None:
    rows = ask(judge.store.db.path, "SELECT dedupe_key FROM delivery WHERE outcome <> ''")
    assert vendor.acknowledged <= {r[0] for r in rows}
    assert all(fine for link in links for _, fine in judge.level(link).values())
    assert judge.store.db.check() == "ok"


def read_only(folder: Path) -> None:
    """The machine died and its disk came back read-only; web runs, and the disk is mended under it."""
    mount(folder, "size=64m")
    stage = Stage(rough=False, seed=1, database=folder / "bridge.db")
    with stage:
        stage.keep = True
        judge = Judge(stage)
        links = [link for link, ref in judge.store.all_refs() if ref.connection == "getfly"]
        vendor = Vendor(stage, next(r.vendor_id for r in judge.store.refs(links[0]) if r.connection == "getfly"))
        settle(judge, links, [])
        judge.store.db.close()
        kill(children(stage.processes[-1].pid))
        stage.processes.pop().wait(10)
        remount(folder, "ro")
        refuses_to_start(stage)
        web = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "bridge.web:create_app()"]
        with (stage.folder / "bridge.log").open("ab") as out:
            env = {**stage.env, "PORT": stage.bridge_url.rpartition(":")[2]}
            stage.processes.append(subprocess.Popen(web, env=env, stdout=out, stderr=subprocess.STDOUT))
        stage.wait_for(f"{stage.bridge_url}/healthz", "bridge")
        for _ in range(40):  # so that every thread of the web processes has found it so
            assert vendor.post().headers["Retry-After"] == "30"
        others(stage)
        assert requests.get(f"{stage.bridge_url}/readyz", timeout=5).status_code == 503
        assert b"readonly" in (line := busy_lines(stage)[0]) and b'"cure"' in line, line
        remount(folder, "rw")
        assert [vendor.post().status_code for _ in range(40)] == [200] * 40
        stage.wait_for(f"{stage.bridge_url}/readyz", "bridge")  # its last answer stands for half a second
        stage.processes[-1].terminate()
        stage.processes.pop().wait(30)
        stage.start_bridge()
        settle(judge, links, [])
        level(judge, links, vendor)
        assert b"Traceback" not in log_of(stage)
        stage.keep = False


def full_at_start(folder: Path) -> None:
    """Nothing runs, and the disk has no room left; then it has."""
    mount(folder, f"size={DISK_BYTES}")
    stage = Stage(rough=False, seed=1, database=folder / "bridge.db")
    refill = filler(folder)
    with stage:
        stage.keep = True
        stage.processes[-1].terminate()
        stage.processes.pop().wait(30)
        stage.bridge.store.db.close()
        refill()
        refuses_to_start(stage)
        (folder / "ballast").unlink()
        stage.start_bridge()
        stage.keep = False


def refuses_to_start(stage: Stage) -> None:
    """See that each command that needs the database says which file it is and what to do, and ends."""
    for command in (["serve"], ["work"], ["db", "migrate"]):
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "bridge.cli", *command], env=stage.env, capture_output=True, text=True, timeout=30
        )
        said = done.stdout + done.stderr
        assert done.returncode == 2, (command, done.returncode, said)
        assert str(stage.bridge.settings.database) in said and CURE in said, (command, said)
        assert "Traceback" not in said and time.monotonic() - started < START_S, (command, said)


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Wait for the last of the killed to let go of their files."""
    for _ in range(100):
        if subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], capture_output=True).returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"{folder} cannot be mounted {how}")


def _written(handle: int, size: int) -> bool:
    try:
        return os.write(handle, b"x" * size) > 0
    except OSError:
        return False


SCENARIOS: dict[str, Callable[[Path], None]] = {
    "full": full,
    "failing": failing,
    "read_only": read_only,
    "full_at_start": full_at_start,
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
