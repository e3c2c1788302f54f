"""How the processes that share a SQLite file tell each other of work: one datagram to each that listens."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

NAME_BYTES = 6
PATH_BYTES_MAX = 107  # linux/un.h


def folder_of(path: str) -> Path:
    """Return where those who listen for a database have their sockets: beside it, unless that is too long a path."""
    beside = Path(f"{os.path.realpath(path)}-wake")
    if len(os.fsencode(beside)) + 1 + 2 * NAME_BYTES <= PATH_BYTES_MAX:
        return beside
    return Path(tempfile.gettempdir(), f"bridge-{hashlib.sha256(os.fsencode(beside)).hexdigest()[:16]}-wake")


def tell(folder: Path) -> None:
    """Tell everybody who listens in a folder that there is work, without waiting for anybody; never raises."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        mouth.setblocking(False)
        for ear in folder.iterdir():
            try:
                mouth.sendto(b"!", str(ear))
            except (ConnectionRefusedError, BrokenPipeError):  # its process has died, or is ending
                with suppress(OSError):
                    ear.unlink()
            except OSError:  # full: it has been told often enough
                continue


class DatagramEar:
    """A socket in the folder of a database, as `bell.Ear` wants it. Raises OSError where there can be none."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755, exist_ok=True)
        self._path = folder / secrets.token_hex(NAME_BYTES)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(str(self._path))
        except OSError:
            self._socket.close()
            raise

    def listen(self, ring: Callable[[], None]) -> None:
        with self._socket:
            while self._socket.recv(1):  # nothing: it is shut down
                with suppress(BlockingIOError):
                    while self._socket.recv(1, socket.MSG_DONTWAIT):
                        pass
                ring()

    def close(self) -> None:
        with suppress(OSError):
            self._path.unlink()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
