"""Whoever posts webhooks: kept-alive connections, one request at a time on each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

ANSWER_S = 20.0


class Line(asyncio.Protocol):
    """One connection. answered: told of each answer's status, and the seconds that it took."""

    def __init__(self) -> None:
        self.answered: Callable[[int, float], None] = lambda status, took_s: None
        self.lost: Callable[[], None] = lambda: None
        self.buffer = b""
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.open = transport, True

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        self.lost()

    def send(self, request: bytes) -> None:
        self.sent = time.monotonic()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        end = self.buffer.find(b"\r\n\r\n")
        if end >= 0 and len(self.buffer) >= end + 4 + _length(self.buffer[:end]):
            status, self.buffer = int(self.buffer[9:12]), b""
            self.answered(status, time.monotonic() - self.sent)


class Posters:
    """So many connections to one server, opened when first needed and again when the server has closed one."""

    def __init__(self, url: str, count: int) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.count = parts.hostname or "", parts.port or 80, count
        self.refused = 0
        self._idle: list[Line] = []
        self._places = asyncio.Semaphore(count)

    async def _line(self) -> Line:
        while self._idle:
            line = self._idle.pop()
            if line.open:
                return line
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Line, self.host, self.port))[1]

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().transport.close()
        await asyncio.sleep(0)

    async def post(self, request: bytes) -> float:
        """Send one request, and once more when the server had just closed the connection; return the seconds."""
        async with self._places:
            for _ in range(3):
                line = await self._line()
                try:
                    status, took_s = await _asked(line, request)
                except ConnectionError:
                    continue
                self._idle.append(line)
                self.refused += not 200 <= status < 300
                return took_s
        raise ConnectionError("the server closes every connection")

    async def hammer(self, requests: Iterator[bytes], seconds: float) -> tuple[list[float], float]:
        """Keep every connection busy; return what each acknowledgement took, and how long it all was, in seconds."""
        lines = [await self._line() for _ in range(self.count)]
        waits, running = list[float](), [len(lines)]
        over = asyncio.get_running_loop().create_future()
        start = time.monotonic()
        end = start + seconds

        def on(line: Line, status: int, took_s: float) -> None:
            if 200 <= status < 300:
                waits.append(took_s)
            else:
                self.refused += 1
            if time.monotonic() < end:
                line.send(next(requests))
            else:
                stop()

        def stop() -> None:
            running[0] -= 1
            if not running[0] and not over.done():
                over.set_result(time.monotonic() - start)

        for line in lines:
            line.answered = lambda status, took_s, line=line: on(line, status, took_s)  # type: ignore[misc]
            line.lost = stop
            line.send(next(requests))
        took_s = await asyncio.wait_for(over, seconds + ANSWER_S)
        for line in lines:
            line.lost = lambda: None
            line.transport.close()
        return waits, took_s


async def _asked(line: Line, request: bytes) -> tuple[int, float]:
    """Send a request and return the status and the seconds; raises ConnectionError when the server hangs up."""
    answer: asyncio.Future[tuple[int, float]] = asyncio.get_running_loop().create_future()

    def lost() -> None:
        if not answer.done():
            answer.set_exception(ConnectionResetError("hung up"))

    line.answered = lambda status, took_s: answer.done() or answer.set_result((status, took_s))  # type: ignore[func-returns-value,assignment]
    line.lost = lost
    line.send(request)
    return await asyncio.wait_for(answer, ANSWER_S)


def _length(head: bytes) -> int:
    """Return how long the body is; the servers measured here never send it in chunks."""
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r")[0]) if found else 0
