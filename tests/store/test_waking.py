"""How threads wait for work, who is woken, and how processes on one SQLite file tell and queue."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
import time
from pathlib import Path

import pytest

from bridge.core.model import Look
from bridge.store import Store, turns
from bridge.store.bell import Bell
from bridge.store.datagram import PATH_BYTES_MAX, DatagramEar, folder_of, tell
from tests.store.contract import NOW, A, hook, linked

LONG_S = 30.0


class Waiting:
    """Threads that wait at a bell, in the order in which they came; `woken` names those that went on."""

    def __init__(self, bell: Bell, *, s: float = LONG_S) -> None:
        self.bell, self.s, self.stop, self.woken = bell, s, threading.Event(), list[int]()
        self.threads: list[threading.Thread] = []

    def come(self) -> None:
        n = len(self.threads)

        def wait() -> None:
            self.bell.wait(self.s, self.stop)
            self.woken.append(n)

        self.threads.append(threading.Thread(target=wait))
        self.threads[-1].start()
        until(lambda: len(self.bell._idle) == n + 1 - len(self.woken))

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def until(true: object) -> None:
    deadline = time.monotonic() + 20
    while not true() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.001)
    assert true()  # type: ignore[operator]


def deaf() -> Bell:
    return Bell(lambda: None)


def test_a_ring_wakes_one_thread_the_one_that_came_last() -> None:
    waiting = Waiting(deaf())
    for _ in range(3):
        waiting.come()
    waiting.bell.ring()
    until(lambda: waiting.woken == [2])
    waiting.bell.ring()
    until(lambda: waiting.woken == [2, 1])
    assert len(waiting.bell._idle) == 1
    waiting.end()


def test_a_ring_while_nobody_waits_is_heard_by_the_next_and_once() -> None:
    bell = deaf()
    bell.ring()
    bell.ring()
    bell.wait(LONG_S, threading.Event())
    started = time.monotonic()
    bell.wait(0.05, threading.Event())
    assert time.monotonic() - started >= 0.05


def test_one_thread_looks_when_the_time_has_come_and_the_others_sleep_on() -> None:
    waiting = Waiting(deaf())
    waiting.come()
    waiting.come()
    waiting.s = 0.05
    waiting.come()
    until(lambda: waiting.woken == [2])
    waiting.end()


def test_the_time_is_kept_by_the_next_when_its_keeper_is_called_away() -> None:
    waiting = Waiting(deaf())
    waiting.come()
    waiting.s = 0.2
    waiting.come()
    waiting.bell.ring()
    until(lambda: waiting.woken == [1])
    started = time.monotonic()
    until(lambda: waiting.woken == [1, 0])
    assert time.monotonic() - started < 10, "it did not sleep out its own time"
    waiting.end()


def opened(tmp_path: Path) -> Store:
    store = Store(tmp_path / "bridge.db")
    store.migrate()
    return store


def waited_s(store: Store, s: float) -> float:
    started = time.monotonic()
    store.wait_for_work(s, threading.Event())
    return time.monotonic() - started


@pytest.mark.parametrize("tell", [hook, lambda store: store.look(store.all_refs()[0][0], [Look(A, NOW, "sweep")])])
def test_work_that_is_stored_ends_a_wait_in_each_process_that_shares_the_file(tmp_path: Path, tell: object) -> None:
    stores = [opened(tmp_path) for _ in range(3)]
    linked(stores[0])
    for store in stores[:2]:
        store.wait_for_work(0.001, threading.Event())
    tell(stores[2])  # type: ignore[operator]
    assert [waited_s(store, LONG_S) < 10 for store in stores[:2]] == [True, True]
    for store in stores:
        store.db.close()


def test_a_repeat_wakes_nobody(tmp_path: Path) -> None:
    store = opened(tmp_path)
    hook(store, "n1")
    store.wait_for_work(0.001, threading.Event())
    hook(store, "n1")
    assert waited_s(store, 0.1) >= 0.1
    store.db.close()


def test_who_died_without_a_word_is_forgotten_and_who_ends_takes_its_socket_along(tmp_path: Path) -> None:
    folder = folder_of(str(tmp_path / "bridge.db"))
    dead = DatagramEar(folder)
    dead._socket.close()
    alive = DatagramEar(folder)
    assert len(list(folder.iterdir())) == 2
    tell(folder)
    assert list(folder.iterdir()) == [alive._path]
    assert alive._socket.recv(9) == b"!"
    alive.close()
    alive._socket.close()
    assert list(folder.iterdir()) == []


def test_who_does_not_listen_keeps_nobody_waiting(tmp_path: Path) -> None:
    folder = folder_of(str(tmp_path / "bridge.db"))
    ear = DatagramEar(folder)
    for _ in range(3_000):
        tell(folder)
    assert list(folder.iterdir()) == [ear._path]
    ear.close()
    ear._socket.close()


def test_telling_where_nobody_ever_listened(tmp_path: Path) -> None:
    tell(tmp_path / "none")


def test_a_long_path_has_its_sockets_in_the_temporary_folder(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 20) / ("longer" * 20) / "bridge.db"
    folder = folder_of(str(path))
    assert folder.parent == Path(tempfile.gettempdir()) and folder == folder_of(str(path))
    assert len(os.fsencode(folder)) + 13 <= PATH_BYTES_MAX
    ear = DatagramEar(folder)
    ear.close()
    ear._socket.close()
    folder.rmdir()


# whose turn it is to write


def test_a_process_waits_while_another_has_its_turn(tmp_path: Path) -> None:
    store = opened(tmp_path)
    handle = os.open(tmp_path / "bridge.db-lock", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    letting = threading.Timer(0.2, lambda: fcntl.flock(handle, fcntl.LOCK_UN))
    started = time.monotonic()
    letting.start()
    hook(store)
    assert time.monotonic() - started >= 0.19
    letting.join()
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # given back
    os.close(handle)
    store.db.close()


def test_who_is_stuck_in_its_turn_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)
    store = opened(tmp_path)
    handle = os.open(tmp_path / "bridge.db-lock", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    hook(store)
    assert store.count_waiting() == 1
    os.close(handle)
    store.db.close()


def test_without_a_lock_file_everybody_goes_on(tmp_path: Path) -> None:
    queue = turns.Turns(str(tmp_path / "none" / "bridge.db-lock"))
    for _ in range(2):
        queue.take()
        queue.give_back()
