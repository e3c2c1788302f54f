"""The contract of a connector: what the bridge asks of every vendor, and nothing more."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from bridge.connectors.http import Gate, Http, Transport
from bridge.connectors.lists import Listed, Lists
from bridge.core.errors import Forged, Misconfigured
from bridge.core.fields import Field
from bridge.core.model import Native, Record, Ref
from bridge.core.signature import same_secret


@dataclass(frozen=True)
class Traits:
    """
    How a vendor behaves, for the merge; every value can be set per connection. All times in seconds.

    lag_s: how stale a read by id may be. timeout_s: a call without an answer is applied within it, or never.
    scan_s: how often to sweep. react_s: how fast the vendor's own automations answer a write.
    answer: what a write returns: the record as `stored`, something `unknown`, or `none`.
    """

    lag_s: float = 10.0
    timeout_s: float = 25.0
    scan_s: float = 900.0
    react_s: float = 33.0
    answer: Literal["stored", "unknown", "none"] = "unknown"

    @property
    def suspect_s(self) -> float:
        """How long a value that we replaced may still come back in a stale read."""
        return max(40.0, 2 * self.lag_s) if self.lag_s else 0.0


@dataclass(frozen=True)
class Account:
    """
    One connection as its connector sees it; secrets are already resolved from the environment.

    options: what the vendor's table in bridge.toml holds beyond the common keys, checked against `Connector.options`.
    custom: canonical custom field name (without `custom.`) to the vendor's name or id of the field. variables: the
    environment variable of each secret, by the secret's name.
    """

    connection: str
    base_url: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""
    zone: str = "UTC"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Option:
    """One setting of a vendor. kind: str, int, bool or list[str]. A missing default means that it must be given."""

    name: str
    what: str
    kind: Literal["str", "int", "bool", "list"] = "str"
    default: Any = None
    required: bool = False


@dataclass(frozen=True)
class Inbound:
    """One webhook request as it came. Header names are lower-case; body is the raw bytes."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """The answer to a webhook."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Outcome = Literal["accepted", "forged", "busy"]


@dataclass(frozen=True)
class Page:
    """
    One page of a scan: records as the list shows them (fields may be partial), and where the next page starts.

    next: opaque; None ends the scan.
    """

    records: Sequence[Record]
    next: str | None


class Connector(ABC):
    """
    One vendor, for one connection. `verify`, `touched`, `delivery_id`, `handshake` and `reply` call nobody.

    Those that call raise Transient, Permanent, Disconnected or Misconfigured and nothing else.
    Every value of `Record.fields` is native: parsed, not interpreted. A field that the answer does not hold is left
    out of the mapping; an empty one is None (or the vendor's own empty text).
    """

    vendor: ClassVar[str]
    secrets: ClassVar[Mapping[str, str]]  # name to what it is, and where the vendor shows it
    optional_secrets: ClassVar[frozenset[str]] = frozenset()
    options: ClassVar[tuple[Option, ...]] = ()
    traits: ClassVar[Traits] = Traits()
    rate: ClassVar[tuple[int, float]] = (2, 1.0)  # calls, per seconds: the budget unless bridge.toml says otherwise
    hosts: ClassVar[tuple[str, ...]] = ()  # endings of the vendor's host names; empty: self-hosted, any
    calls_us: ClassVar[bool] = True  # the vendor has webhooks; without, only its sweep and nudges are heard
    orders: ClassVar[bool] = False  # webhooks can be set up by API: `subscribe`
    hook_secret: ClassVar[str] = "hook_secret"  # noqa: S105  its name: the secret that webhooks and nudges carry

    def __init__(
        self, account: Account, *, transport: Transport, gate: Gate, now_s: Callable[[], float] = time.time
    ) -> None:
        self.account = account
        self.http = Http(account.base_url, self.headers(), transport, gate, now_s)
        self.fields: tuple[Field, ...] = self.table()

    @abstractmethod
    def headers(self) -> Mapping[str, str]:
        """Return the headers of every call, credentials among them."""

    @abstractmethod
    def table(self) -> tuple[Field, ...]:
        """Return what each canonical field can do on this connection, custom fields of the account included."""

    def option(self, name: str) -> Any:
        """Return a setting of the vendor's table in bridge.toml, or its default."""
        default = next(o.default for o in self.options if o.name == name)
        return self.account.options.get(name, default)

    def secret(self, name: str) -> str:
        """Return a secret; raises Misconfigured naming the key."""
        if value := self.account.secrets.get(name):
            return value
        where = f"connections.{self.account.connection}.{name}"
        raise Misconfigured(where, "missing", f'write {name} = "env:SOME_NAME" and set that variable')

    @abstractmethod
    def verify(self, inbound: Inbound) -> None:
        """Raise Forged unless the request is certainly from the vendor (or a customer's own, authenticated nudge)."""

    @abstractmethod
    def touched(self, inbound: Inbound) -> list[Ref]:
        """Return the refs that may have changed; [] when the request is not about opportunities. Never raises."""

    def delivery_id(self, inbound: Inbound) -> str | None:
        """Return the vendor's own id of the notification, the same on each retry of it, or None when there is none."""
        return None

    def handshake(self, inbound: Inbound) -> Reply | None:
        """Return the answer to a request that only tests the address, or None when it is a real delivery."""
        return Reply(200) if inbound.method == "HEAD" else None

    def reply(self, outcome: Outcome) -> Reply:
        """Return what this vendor wants to hear. busy: our store is down or full; the vendor should come again."""
        return {
            "accepted": Reply(200, "ok"),
            "forged": Reply(401, "not authenticated: check the secret of this webhook"),
            "busy": Reply(503, "busy, try again", headers={"Retry-After": "30"}),
        }[outcome]

    @abstractmethod
    def read(self, ref: Ref) -> Record | None:
        """Return the record as it is now, read by its id, or None when the vendor says that it is gone."""

    @abstractmethod
    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        """
        Change the fields of `patch` (canonical name to native value) of the record just read, and nothing else.

        seen: what `read` returned a moment ago; whatever the vendor wants re-sent goes back as it was read there.
        Returns the record as the vendor's answer shows it (fields may be partial), or None when it shows nothing.
        Safe to repeat. Raises Transient(in_doubt=True) when the vendor may or may not have applied the call.
        """

    def resends(self, patch: Mapping[str, Native]) -> frozenset[str]:
        """Return the canonical fields, beyond those of `patch`, that the call for `patch` sends again unchanged."""
        return frozenset()

    @abstractmethod
    def scan(self, cursor: str | None) -> Page:
        """Return one page of all opportunities; None starts from the beginning. Rows may repeat between pages."""

    @abstractmethod
    def check(self) -> list[str]:
        """
        Make the cheapest calls that prove credentials and metadata; return remarks for the operator.

        Raises Misconfigured when a name or number in bridge.toml does not fit the account.
        """

    @abstractmethod
    def lists(self) -> Lists:
        """
        Return what the account's own lists offer for each choice, and its custom fields.

        A list that this account may not read is told in `unread`; raises only when nothing can be read.
        """

    def with_status(self, offered: Iterable[Listed]) -> list[Listed]:
        """Return values, and those that mean a second field too, as a stage shows the status where it has no other."""
        found, vias = list(offered), {field.via: field.name for field in self.fields if field.via}
        return [*found, *(replace(one, field=vias[one.field]) for one in found if one.field in vias)]

    def subscribe(self, address: str) -> list[str] | None:
        """
        Have the vendor send its webhooks to an address; return what was done, or None when it has no API for that.

        Safe to repeat: what is there already is brought up to date, never made twice. Raises Misconfigured or
        Permanent when the plan or the role of the account does not allow it.
        """
        return None

    @abstractmethod
    def steps(self, address: str) -> list[str]:
        """Return what a person clicks and pastes at the vendor so that the bridge hears it at an address."""

    def hook_value(self) -> str:
        """Return in words where the secret of the webhooks stands: the name of its variable, never the secret."""
        if variable := self.account.variables.get(self.hook_secret):
            return f"the value of the environment variable {variable}"
        where = f"[connections.{self.account.connection}]"
        return f"a secret of your own, which the bridge must know too: write {self.hook_secret} under {where}"


def verify_nudge(inbound: Inbound, secret: str | None) -> bool:
    """
    Tell whether this is an authenticated nudge: `{"id": "..."}` with the header `X-Bridge-Secret`.

    Raises Forged when the header is there and wrong.
    """
    given = inbound.headers.get("x-bridge-secret")
    if given is None:
        return False
    if not same_secret(given, secret):
        raise Forged("wrong_secret")
    return True


def nudged(inbound: Inbound) -> str | None:
    """Return the id that a nudge names, text that any store takes, or None when the body is not a nudge."""
    body = json_object(inbound.body)
    given = body.get("id") if body.keys() <= {"id"} else None
    return str(given) if isinstance(given, str | int) and given != "" and str(given).isprintable() else None


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, or {} when it is anything else. Never raises."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
