"""How a connector calls its vendor: one warm session per thread, a budget, and every failure as one of our errors."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import requests
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from bridge.core.address import inside_ip
from bridge.core.errors import BridgeError, Misconfigured, Transient
from bridge.core.redact import Redactor, without_credentials

ANSWER_BYTES_MAX = 5_000_000
TOLD_CHARS = 2_000  # of an answer, to people
READ_BYTES = 32 * TOLD_CHARS  # of it, before secrets are taken out
OPEN_HEADERS = frozenset({"accept", "content-type", "version"})
OWN_HEADERS: Mapping[str, str] = {
    "User-Agent": "opportunity-bridge",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
}


@dataclass(frozen=True)
class Call:
    """One request to a vendor. params: query, in order. json: a JSON body, or None for no body."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: tuple[tuple[str, str], ...] = ()
    json: Any = None


@dataclass(frozen=True)
class Answer:
    """What came back. headers: lower-case names. body: raw bytes, at most ANSWER_BYTES_MAX."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Return the parsed body with decimals as Decimal; raises Transient when it is not JSON."""
        try:
            return json.loads(self.body, parse_float=Decimal, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise Transient("not_json", f"HTTP {self.status} without JSON", in_doubt=True) from None

    def retry_after_s(self, now_s: float) -> float | None:
        """Return the seconds that Retry-After asks for, as a number or a date, or None."""
        text = self.headers.get("retry-after", "")
        try:
            return max(0.0, float(text))
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
        except (ValueError, TypeError):
            return None


class Transport(Protocol):
    """Sends a call and returns the answer; raises Transient when there was none. Tests put a recorder here."""

    def __call__(self, call: Call) -> Answer: ...


class Gate(Protocol):
    """What a call passes before it goes out, and what it reports to after: the budget of the connection."""

    def enter(self) -> None:
        """Wait for a place; raises Transient(whole=True) when the connection must wait longer."""

    def leave(self, ok: bool, pause_s: float | None = None) -> None:
        """Report how the call went. pause_s: the vendor asks everybody on this connection to wait so long."""


@dataclass
class Http:
    """
    The calls of one connection. Paths are relative to `base_url`; `headers` go with every call.

    now_s: the wall clock in epoch seconds, needed only for a Retry-After that is a date.
    """

    base_url: str
    headers: Mapping[str, str]
    transport: Transport
    gate: Gate
    now_s: Callable[[], float]
    _local: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    @contextmanager
    def telling(self, secrets: Iterable[str] = ()) -> Iterator[None]:
        """Give what is raised inside the last answer that this thread got inside; secrets: taken out of it."""
        self._local.last = None
        try:
            yield
        except BridgeError as error:
            if self._local.last is not None:
                call, answer = self._local.last
                error.answer = _told(call, answer, secrets)
            raise

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | tuple[tuple[str, str], ...] = (),
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """
        Send one request and return the answer, whatever its status, except the following.

        Raises Transient: `no_connection` (nothing was sent), `no_answer` (in doubt), `throttled` for 429 and for 503
        with Retry-After (whole connection), `server_error` for 5xx without a JSON object (in doubt).
        A 5xx with a JSON object is returned: some vendors say "invalid" that way.
        """
        pairs = tuple(params.items()) if isinstance(params, Mapping) else params
        typed = {} if json is None else {"Content-Type": "application/json"}
        self.gate.enter()
        ok, pause_s = False, None
        call = Call(method, self.base_url.rstrip("/") + path, {**self.headers, **typed, **(headers or {})}, pairs, json)
        try:
            answer = self.transport(call)
            self._local.last = call, answer
            pause_s = answer.retry_after_s(self.now_s())
            if answer.status == 429 or (answer.status == 503 and pause_s is not None):
                raise Transient("throttled", f"HTTP {answer.status}", after_s=pause_s, whole=True)
            if answer.status >= 500 and not answer.body.lstrip().startswith(b"{"):
                raise Transient("server_error", f"HTTP {answer.status}", in_doubt=True)
            ok = answer.status < 500
            return answer
        finally:
            self.gate.leave(ok, pause_s)


def _told(call: Call, answer: Answer, secrets: Iterable[str]) -> str:
    """Return a call and its answer as JSON for people, without secrets: known ones, headers, and what is called so."""
    headers = [v for h, v in call.headers.items() if h.lower() not in OPEN_HEADERS]
    clean = Redactor([*secrets, *headers, *(v.split()[-1] for v in headers if v.split())])
    body = without_credentials(clean.bytes(answer.body[:READ_BYTES]).decode("utf-8", "replace"))
    path = clean.text(urlsplit(call.url).path)
    told = {"method": call.method, "path": path, "status": answer.status, "body": body[:TOLD_CHARS]}
    return json.dumps(told, ensure_ascii=False)


@contextmanager
def undoubted() -> Iterator[None]:
    """Say of every Transient inside that no deal can have been changed by it: it is a login, or a lookup of a write."""
    try:
        yield
    except Transient as error:
        error.in_doubt = False
        raise


class RequestsTransport:
    """
    The real transport: the warm connections of one `requests` session per thread; no cookies, redirects or proxies.

    Calls go to the session's own pools: what `Session.request` does on top is for browsing, and takes as long as the
    call. allow_private: without it a host whose name leads into a private network is refused, at each connection.
    """

    def __init__(self, *, connect_s: float = 5.0, read_s: float = 10.0, allow_private: bool = False) -> None:
        self._local = threading.local()
        self._timeout = urllib3.Timeout(connect=connect_s, read=read_s)
        self._allow_private = allow_private

    def __call__(self, call: Call) -> Answer:
        url = urlsplit(requests.utils.requote_uri(call.url))
        target = (url.path or "/") + ("?" + urlencode(call.params) if call.params else "")
        try:
            response = self._pool(f"{url.scheme}://{url.netloc}").urlopen(
                call.method,
                target,
                body=None if call.json is None else json.dumps(call.json, default=_number).encode(),
                headers={**OWN_HEADERS, **call.headers},
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            body = response.read(ANSWER_BYTES_MAX + 1, decode_content=True)
        except (ConnectTimeoutError, NewConnectionError, SSLError) as error:
            raise Transient("no_connection", type(error).__name__) from error
        except (requests.exceptions.RequestException, HTTPError, OSError) as error:
            raise Transient("no_answer", type(error).__name__, in_doubt=True) from error
        if len(body) > ANSWER_BYTES_MAX:
            response.close()
            raise Transient("answer_too_large", f"over {ANSWER_BYTES_MAX} bytes", in_doubt=True)
        response.release_conn()
        return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, body)

    def close(self) -> None:
        """Close the connections of this thread; the next call opens them anew."""
        if hasattr(self._local, "session"):
            self._local.session.close()
            del self._local.session

    def _pool(self, host: str) -> urllib3.HTTPConnectionPool:
        """Return the connections of this thread to a host; https is verified as `requests` does it."""
        if not hasattr(self._local, "session"):
            session = self._local.session = requests.Session()
            self._local.pools = {}
            if not self._allow_private:
                session.mount("https://", _PublicOnly())
                session.mount("http://", _PublicOnly())
        pools: dict[str, urllib3.HTTPConnectionPool] = self._local.pools
        if host not in pools:
            adapter, asked = self._local.session.get_adapter(host), requests.Request("GET", host).prepare()
            pools[host] = adapter.get_connection_with_tls_context(asked, verify=True)
            adapter.cert_verify(pools[host], host, True, None)
        return pools[host]


def _checked(sock: socket.socket, host: str) -> socket.socket:
    """Return the socket if it leads to the public internet; raises Misconfigured."""
    why = inside_ip(ip_address(str(sock.getpeername()[0]).partition("%")[0]))
    if why:
        sock.close()
        raise Misconfigured(host, f"its name leads to {why}", "if that is meant, set allow_private = true there")
    return sock


class _PublicHttp(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn(), self.host)


class _PublicHttps(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn(), self.host)


class _PublicHttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PublicHttp


class _PublicHttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PublicHttps


class _PublicOnly(requests.adapters.HTTPAdapter):
    """Looks at the address that was really connected to: the name may lead elsewhere than when it was checked."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicHttpPool, "https": _PublicHttpsPool}


def _number(value: object) -> float | int:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
