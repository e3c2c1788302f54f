"""The sandbox's HTTP server: threads, HTTP/1.1 with connections kept alive, no request log."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


class Call(WSGIRequestHandler):
    """
    One connection of a caller.

    Werkzeug's own handler closes the connection after each answer, because it leaves unread bytes of a body on the
    line. This one reads the whole body first, so that vendors' long-lived connections can be had.
    """

    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = -1
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request; an app that raises ConnectionError leaves the caller without an answer."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(get_input_stream(environ).read())
        environ["wsgi.input_terminated"] = True
        try:
            self._answer(environ)
        except ConnectionError:
            self.close_connection = True

    def _answer(self, environ: WSGIEnvironment) -> None:
        chunks, status, headers = run_wsgi_app(self.server.app, environ)
        try:
            code, _, reason = status.partition(" ")
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            endless = "Content-Length" not in headers and code not in ("204", "304") and self.command != "HEAD"
            if endless:
                self.send_header("Connection", "close")
            self.end_headers()
            for chunk in chunks:
                self.wfile.write(chunk)
                if endless:
                    self.wfile.flush()
        finally:
            if close := getattr(chunks, "close", None):
                close()

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: the ledgers tell what happened."""


class Listener(ThreadedWSGIServer):
    """A threaded server that can also hang up on the connections that callers keep open."""

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(host, port, app, Call)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close every connection that is still open."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
