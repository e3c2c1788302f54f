"""The application under the real server: several processes and threads, one file."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from bridge.desk import tokens
from bridge.store import Store
from tests.web.toy import PATH_SECRET, SECRET, hook, parts, rows

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    port: int
    db: Path
    log: Path
    pid: int

    def workers(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    db, log = tmp_path / "bridge.db", tmp_path / "log"
    parts(db).store.db.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "tests.web.toy:served()",
        "--bind", f"127.0.0.1:{port}", "--graceful-timeout", "5",
    ]  # fmt: skip
    env = {"TOY_DB": str(db), "PATH": "", "WEB_CONCURRENCY": "2"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)
    try:
        _wait(port, process)
        yield Server(port, db, log, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "gunicorn ended"
        try:
            requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2).raise_for_status()
            return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError("gunicorn does not answer")


def test_two_workers_keep_every_delivery_that_they_acknowledge(server: Server) -> None:
    port, db, log = server.port, server.db, server.log

    def post(i: int) -> int:
        address = "open" if i % 2 else f"guarded/{PATH_SECRET}"
        url = f"http://127.0.0.1:{port}/webhooks/{address}"
        return requests.post(url, data=hook(str(i), f"event-{i}"), timeout=30).status_code

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(post, range(200))) == [200] * 200
        assert list(pool.map(post, range(40))) == [200] * 40  # the vendor repeats itself
    kept = rows(db)
    assert {row["dedupe_key"] for row in kept} == {f"event-{i}" for i in range(200)}
    assert len(kept) == 200
    written = log.read_text()
    assert PATH_SECRET not in written and SECRET not in written


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the processes by /proc")
def test_what_was_acknowledged_is_kept_when_a_process_is_killed(server: Server) -> None:
    def post(i: int) -> str | None:
        if i % 50 == 25:
            os.kill(server.workers()[0], signal.SIGKILL)
        try:
            url = f"http://127.0.0.1:{server.port}/webhooks/open"
            answer = requests.post(url, data=hook(str(i), f"event-{i}"), timeout=30)
        except requests.RequestException:
            return None  # the vendor hears nothing, and comes again
        return f"event-{i}" if answer.status_code == 200 else None

    with ThreadPoolExecutor(8) as pool:
        acknowledged = {event for event in pool.map(post, range(150)) if event}
    assert len(acknowledged) > 75
    assert acknowledged <= {row["dedupe_key"] for row in rows(server.db)}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the processes by /proc")
def test_a_server_that_ends_answers_what_has_come_and_refuses_what_comes(server: Server) -> None:
    """A router sends a refused connection elsewhere; one that was taken and then dropped is a failure to it."""
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
    kept.request("POST", "/webhooks/open", hook("1", "kept"))
    assert kept.getresponse().read() is not None
    for pid in server.workers():
        os.kill(pid, signal.SIGSTOP)
    waiting = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=15) for _ in range(6)]
    for i, connection in enumerate(waiting):
        connection.request("POST", "/webhooks/open", hook(str(i), f"waiting-{i}"))
    workers = server.workers()
    for number in (signal.SIGTERM, signal.SIGCONT):
        for pid in (*workers, server.pid):
            os.kill(pid, number)
    assert [connection.getresponse().status for connection in waiting] == [200] * 6
    kept.request("POST", "/webhooks/open", hook("1", "kept again"))
    answer = kept.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    deadline = time.monotonic() + 5
    with pytest.raises(ConnectionRefusedError):
        while time.monotonic() < deadline:  # the last of them may not have closed its door yet
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    assert {f"waiting-{i}" for i in range(6)} | {"kept", "kept again"} == {r["dedupe_key"] for r in rows(server.db)}


def test_pages_that_stay_up_to_date_leave_room_for_webhooks_and_end_with_the_server(server: Server) -> None:
    desk = parts(server.db).desk
    secret = tokens.make(desk, "hoa", "read", "command line").secret
    desk.store.db.close()
    url = f"http://127.0.0.1:{server.port}"
    person = requests.Session()
    person.post(f"{url}/sign-in", data={"token": secret}, timeout=15)
    streams = [person.get(f"{url}/activity/stream", stream=True, timeout=15) for _ in range(6)]
    assert [s.status_code for s in streams].count(200) in (2, 3, 4), "two in each of two processes"
    for i in range(40):
        assert requests.post(f"{url}/webhooks/open", data=hook(str(i)), timeout=15).status_code == 200
    os.kill(server.pid, signal.SIGTERM)
    for stream in streams:
        sent = b"".join(stream.iter_content(None))  # raises when the server hangs up in the middle
        assert sent.startswith(b"retry: ") == (stream.status_code == 200)
    person.close()


def test_broken_requests_end_without_a_defect(server: Server) -> None:
    port, db = server.port, server.db
    base = b"POST /webhooks/open HTTP/1.1\r\nHost: x\r\n"
    chunked = base + b"Transfer-Encoding: chunked\r\n\r\n"
    assert _raw(port, chunked + b"zz\r\nabc\r\n0\r\n\r\n") == 400
    assert _raw(port, chunked + b"10000\r\n" + b"x" * 65536 + b"\r\n0\r\n\r\n") == 413
    assert _raw(port, base + b"Content-Length: 100000000\r\n\r\nabc") == 413
    half = b"Content-Length: 20\r\nX-Bridge-Secret: toy-api-key-7f3a\r\n\r\n" + b'{"id": "1'
    assert _raw(port, base.replace(b"open", b"nudged") + half, half=True) in (400, 0)
    assert _raw(port, base + b"Content-Length: abc\r\n\r\n") == 400
    assert _raw(port, b"POST /webhooks/open?%ff=%00 HTTP/1.1\r\nHost: \xff\r\nX-Bridge-Secret: \xff\xfe\r\n\r\n") in (
        400,
        401,
    )
    body = hook("8", "chunk")
    assert _raw(port, chunked + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)) == 200
    assert [row["dedupe_key"] for row in rows(db)] == ["chunk"]


def _raw(port: int, request: bytes, *, half: bool = False) -> int:
    """Return the status of the answer to raw bytes, or 0 when the server just hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as client:
        client.sendall(request)
        if half:
            client.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(client)
        try:
            answer.begin()
        except (http.client.HTTPException, ConnectionError):
            return 0
        return answer.status


def test_what_the_web_processes_count_is_in_the_store_when_they_have_ended(server: Server) -> None:
    for i in range(40):
        requests.post(f"http://127.0.0.1:{server.port}/webhooks/open", data=hook(str(i), f"e{i}"), timeout=30)
    requests.post(f"http://127.0.0.1:{server.port}/webhooks/open", data=b"{}", timeout=30)
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + 20
    with closing((store := Store(server.db)).db):
        while sum(store.tallies().values()) < 41 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert store.tallies() == {("open", "delivery", "accepted"): 40, ("open", "delivery", "forged"): 1}
