"""
A router in front of web processes, as Heroku's: it takes turns, and keeps connections to them open.

A request that found nobody (the connection was refused, or a new one was closed before any byte of an answer) goes to
another process. Whatever else goes wrong is the sender's: the request may have been handled.
"""

from __future__ import annotations

import http.client
import itertools
import select
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER_S, IDLE_S = 30.0, 90.0  # devcenter.heroku.com/articles/http-routing
NOT_PASSED = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}
SILENT = (http.client.BadStatusLine, ConnectionError)  # RemoteDisconnected is both

Answer = tuple[int, list[tuple[str, str]], bytes]


class Backend(http.client.HTTPConnection):
    """A connection to one web process. used: when it was last, in monotonic seconds; 0.0: never."""

    used = 0.0

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Router:
    """
    counts: how requests ended. `passed`; `again: …`, and then passed by another process; `refused: …`, what the sender
    saw was no 2xx.
    """

    def __init__(self, port: int) -> None:
        self.counts: Counter[str] = Counter()
        self._ports: list[int] = []
        self._idle: dict[int, list[Backend]] = {}
        self._turn, self._lock = itertools.count(), threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for port in list(self._ports):
            self.forget(port)

    def add(self, port: int) -> None:
        with self._lock:
            self._ports.append(port)
            self._idle[port] = []

    def forget(self, port: int) -> None:
        """Send nothing more there. Repeating is safe."""
        with self._lock:
            if port in self._ports:
                self._ports.remove(port)
            idle = self._idle.pop(port, [])
        for each in idle:
            each.close()

    @property
    def refused(self) -> int:
        return sum(n for how, n in self.counts.items() if how.startswith("refused"))

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Return the answer of a web process, or 503 when there was none."""
        with self._lock:
            first = next(self._turn) % max(1, len(self._ports))
            ports = self._ports[first:] + self._ports[:first]
        for port in ports:
            backend = self._take(port)
            is_new = backend.sock is None
            try:
                if is_new:
                    backend.connect()
                backend.request(method, path, body, headers)
                answer = backend.getresponse()
                said = answer.status, answer.getheaders(), answer.read()
            except ConnectionRefusedError:
                self._count("again: the connection was refused")
                continue
            except SILENT as error:
                backend.close()
                if is_new:
                    self._count(f"again: {type(error).__name__} on a new connection")
                    continue
                self._count(f"refused: {type(error).__name__} on a kept connection")
                return 503, [], b""
            except OSError as error:
                backend.close()
                self._count(f"refused: {type(error).__name__}")
                return 503, [], b""
            self._give_back(port, backend)
            self._count("passed" if said[0] < 300 else f"refused: {said[0]}")
            return said
        self._count("refused: nobody is there")
        return 503, [], b""

    def _take(self, port: int) -> Backend:
        with self._lock:
            idle = self._idle.get(port, [])
            while idle:
                backend = idle.pop()
                if time.monotonic() - backend.used < IDLE_S and not _hung_up(backend):
                    return backend
                backend.close()
        return Backend("127.0.0.1", port, timeout=ANSWER_S)

    def _give_back(self, port: int, backend: Backend) -> None:
        backend.used = time.monotonic()
        with self._lock:
            if backend.sock is not None and port in self._idle:
                self._idle[port].append(backend)
                return
        backend.close()

    def _count(self, how: str) -> None:
        with self._lock:
            self.counts[how] += 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        router = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in NOT_PASSED}
                status, said, text = router.pass_on(self.command, self.path, headers, body)
                with suppress(OSError):  # the sender has gone
                    self.send_response_only(status)
                    for name, value in said:
                        if name.lower() not in NOT_PASSED:
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the counts tell."""

            do_GET = do_POST = do_HEAD = _pass

        return Handler


def _hung_up(backend: Backend) -> bool:
    """Tell whether the other side has closed a connection that rests."""
    if backend.sock is None:
        return False
    poll = select.poll()
    poll.register(backend.sock, select.POLLIN)
    return bool(poll.poll(0))
