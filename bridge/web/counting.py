"""What a web process has counted comes into the store every few seconds, and at its end."""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import suppress

from bridge.core.errors import BridgeError
from bridge.store import Store
from bridge.store.tally import Tally

FLUSH_S = 5.0


class Counting:
    """
    The tally of a process that serves, and a thread that empties it: it begins with the first count, because a thread
    does not come with a fork, and so no webhook waits for it.
    """

    def __init__(self, tally: Tally, store: Store) -> None:
        self._tally, self._store = tally, store
        self._begun_in = 0
        self._beginning = threading.Lock()

    def begin(self) -> None:
        """Start the thread, once in each process."""
        if self._begun_in == os.getpid():
            return
        with self._beginning:
            if self._begun_in != os.getpid():
                self._begun_in = os.getpid()
                atexit.register(self.flush)
                threading.Thread(target=self._keep, name="counting", daemon=True).start()

    def flush(self) -> None:
        """Empty the tally; while the store fails it grows."""
        with suppress(BridgeError):
            self._tally.flush(self._store)

    def _keep(self) -> None:
        pause = threading.Event()
        while not pause.wait(FLUSH_S):
            self.flush()
