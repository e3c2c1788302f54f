"""The sink: an HTTP/1.1 server that answers for all vendors from memory and counts the calls."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from tests.bench.deals import Deals

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
# what the bridge asks besides deals: the proof of its credentials, and a sweep that finds nobody
PIPELINES = b'{"pipelines":[]}'
LISTS = ("users", "locations")  # what the bridge reads once a day: who there is, and which custom fields
NOBODY = b'{"opportunities":[],"meta":{"total":0,"nextPage":null}}'


class Sink:
    """
    delay_s: by connection, how long each of its answers takes. calls: all that came. last: when (monotonic seconds)
    the last one came. strange: addresses that are not known here.
    """

    def __init__(self, deals: Deals) -> None:
        self.deals = deals
        self.delay_s: dict[str, float] = {}
        self.calls = 0
        self.last = 0.0
        self.strange: set[str] = set()
        self.url = ""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(partial(_Line, self), "127.0.0.1", 0, backlog=512)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def answer(self, method: bytes, target: str, body: bytes) -> tuple[bytes, float]:
        """Return the body of the answer, and after how many seconds to send it."""
        self.calls += 1
        self.last = time.monotonic()
        parts = target.split("/")
        if len(parts) == 4 and parts[2] == "opportunities":
            _, connection, _, deal = parts
            delay_s = self.delay_s.get(connection, 0.0) if self.delay_s else 0.0
            if method == b"PUT":
                return self.deals.put(connection, deal, body), delay_s
            if deal.startswith("pipelines"):
                return PIPELINES, delay_s
            if deal.startswith("search"):
                return NOBODY, delay_s
            return self.deals.show(connection, deal), delay_s
        if len(parts) > 2 and parts[2] in LISTS:
            return b"{}", 0.0
        self.strange.add(target)
        return b"{}", 0.0


class _Line(asyncio.Protocol):
    """One kept-alive connection; requests may come in pieces, as `requests` sends head and body apart."""

    def __init__(self, sink: Sink) -> None:
        self.sink, self.buffer = sink, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            whole = end + 4 + (0 if head.startswith(b"GET") else _length(head))
            if len(self.buffer) < whole:
                return
            method, target, _ = head.split(b" ", 2)
            body, delay_s = self.sink.answer(method, target.decode(), self.buffer[end + 4 : whole])
            self.buffer = self.buffer[whole:]
            answer = HEAD % len(body) + body
            if delay_s:
                asyncio.get_running_loop().call_later(delay_s, self.transport.write, answer)
            else:
                self.transport.write(answer)


def _length(head: bytes) -> int:
    """Return what Content-Length says; 0 without one."""
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r")[0]) if found else 0
