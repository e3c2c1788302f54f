"""Whose turn it is to write, among the processes of this machine that share a SQLite file."""

from __future__ import annotations

import os
import time
from contextlib import suppress

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

ASK_S = 0.0003
PATIENCE_S = 2.0


class Turns:
    """
    A queue before the file, and no more: what makes writers safe from each other is SQLite's own lock.

    SQLite lets a process that finds the file locked sleep for up to 0.1 s a time, while others pass it by. Here it
    asks often, which costs nothing but a call. path: of the lock file. Where there can be none, everybody goes on.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> None:
        """Wait for a turn. Who is stuck in his is passed by after PATIENCE_S."""
        if (handle := self._opened()) is not None:
            deadline = time.monotonic() + PATIENCE_S
            while not _locked(handle) and time.monotonic() < deadline:
                time.sleep(ASK_S)

    def give_back(self) -> None:
        if self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def _opened(self) -> int | None:
        if self._handle is None and self._path and fcntl is not None:
            with suppress(OSError):  # a folder that may not be written to, or is full
                self._handle = os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o644)
        return self._handle


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
