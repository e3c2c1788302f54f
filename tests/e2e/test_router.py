"""The router of the tests does what a host's does, no more: it hides nobody's failure but that nobody was there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from tests.e2e.cluster import free_port
from tests.e2e.router import Router

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def router() -> Iterator[tuple[Router, str]]:
    port = free_port()
    made = Router(port)
    yield made, f"http://127.0.0.1:{port}/"
    made.close()


def server(*answers: bytes) -> int:
    """Serve one connection: take a request for each answer and send it, and hang up at an empty one."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with closing(listening), listening.accept()[0] as line:
            for answer in answers:
                line.recv(65536)
                line.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return int(listening.getsockname()[1])


def test_who_does_not_listen_is_passed_over(router: tuple[Router, str]) -> None:
    made, url = router
    for port in (free_port(), server(ANSWER)):
        made.add(port)
    assert requests.post(url, data="x", timeout=5).text == "ok"
    assert made.refused == 0 and made.counts["again: the connection was refused"] == 1


def test_a_new_connection_that_is_closed_without_a_byte_is_tried_elsewhere(router: tuple[Router, str]) -> None:
    made, url = router
    for port in (server(b""), server(ANSWER)):
        made.add(port)
    assert requests.post(url, data="x", timeout=5).text == "ok"
    assert made.refused == 0 and made.counts["passed"] == 1


def test_a_kept_connection_that_is_closed_without_a_byte_is_a_refusal(router: tuple[Router, str]) -> None:
    made, url = router
    made.add(server(ANSWER, b""))
    assert requests.post(url, data="x", timeout=5).status_code == 200
    assert requests.post(url, data="x", timeout=5).status_code == 503
    assert made.refused == 1


def test_nobody_is_there(router: tuple[Router, str]) -> None:
    made, url = router
    assert requests.post(url, data="x", timeout=5).status_code == 503
    assert made.refused == 1
