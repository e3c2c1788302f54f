"""The real transport against a real socket: what it refuses, and what it makes of half an answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from bridge.connectors.http import Call, Http, RequestsTransport
from bridge.core.errors import Misconfigured, Permanent, Transient
from tests.connectors.recorder import OpenGate, Recorder


@contextmanager
def answering(data: bytes) -> Iterator[str]:
    """Answer one request with these bytes, then hang up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65536)
                with suppress(OSError):  # it may hang up before the end
                    line.sendall(data)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(5)


def test_an_address_inside_the_own_network_is_refused_when_connected_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://localhost:{server.getsockname()[1]}/"
        with pytest.raises(Misconfigured, match="loopback address"):
            RequestsTransport()(Call("GET", url, {}))


def test_half_an_answer_leaves_the_call_in_doubt() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{") as url, pytest.raises(Transient) as error:
        RequestsTransport(allow_private=True)(Call("PUT", url, {}, json={"a": 1})).json()
    assert error.value.in_doubt


def test_a_redirect_is_not_followed() -> None:
    with answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as url:
        assert RequestsTransport(allow_private=True)(Call("GET", url, {})).status == 302


def test_nobody_listening_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Transient) as error:
        RequestsTransport(allow_private=True)(Call("PUT", f"http://127.0.0.1:{port}/", {}, json={}))
    assert error.value.reason == "no_connection" and not error.value.in_doubt


def test_an_answer_that_is_too_large_is_not_read_to_its_end_and_its_connection_not_used_again() -> None:
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 6000000\r\n\r\n" + b"x" * 6_000_000
    transport = RequestsTransport(allow_private=True)
    with answering(large) as url, pytest.raises(Transient) as error:
        transport(Call("GET", url, {}))
    assert error.value.reason == "answer_too_large"
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as url:
        assert transport(Call("GET", url, {})).body == b"ok"


def test_what_goes_out_is_what_the_call_says_and_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked: list[bytes] = []

        def answer() -> None:
            line, _ = server.accept()
            with line:
                while not asked or not asked[-1].endswith(b"}"):
                    asked.append(b"".join(asked[-1:]) + line.recv(65536))
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/deals/\N{LATIN SMALL LETTER E WITH ACUTE} 1"
        headers = {"Content-Type": "application/json"}
        call = Call(
            "POST", url, headers, params=(("q", "a b&c"), ("q", "\N{LATIN SMALL LETTER E WITH ACUTE}")), json={}
        )
        RequestsTransport(allow_private=True)(call)
        thread.join(5)
    head, _, body = asked[-1].decode().partition("\r\n\r\n")
    line, *lines = head.split("\r\n")
    assert (line, body) == ("POST /deals/%C3%A9%201?q=a+b%26c&q=%C3%A9 HTTP/1.1", "{}")
    assert {h.partition(":")[0].lower() for h in lines} == {
        "host", "user-agent", "accept", "accept-encoding", "content-type", "content-length",
    }  # fmt: skip


def test_an_error_tells_of_the_last_call_inside_and_of_none_before() -> None:
    answers = Recorder((200, "first"), (400, "no header-key-1"))
    http = Http("https://crm.example", {"X-Key": "header-key-1"}, answers, OpenGate(), lambda: 0.0)
    http.call("GET", "/before")
    with pytest.raises(Permanent) as none, http.telling():
        raise Permanent("locked")
    with pytest.raises(Permanent) as one, http.telling():
        http.call("PUT", "/deals/header-key-1", json={"a": 1})
        raise Permanent("invalid")
    assert none.value.answer == ""
    assert json.loads(one.value.answer) == {"method": "PUT", "path": "/deals/***", "status": 400, "body": "no ***"}
