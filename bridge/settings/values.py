"""What the settings are made of: the facts of a vendor that go in, and the frozen values that come out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol
from urllib.parse import unquote

from bridge.core.rules import Habits


class VendorTraits(Protocol):
    """The habits of a vendor, in seconds: a frozen dataclass whose suspect_s follows from the rest."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def lag_s(self) -> float: ...
    @property
    def timeout_s(self) -> float: ...
    @property
    def react_s(self) -> float: ...
    @property
    def scan_s(self) -> float: ...
    @property
    def suspect_s(self) -> float: ...
    @property
    def answer(self) -> Literal["stored", "unknown", "none"]: ...


class VendorOption(Protocol):
    """One setting of a vendor's own. what: a sentence for the operator."""

    @property
    def name(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def kind(self) -> Literal["str", "int", "bool", "list"]: ...
    @property
    def required(self) -> bool: ...


class Vendor(Protocol):
    """The facts of a vendor that bridge.toml is checked against; a Connector class has them."""

    @property
    def secrets(self) -> Mapping[str, str]: ...
    @property
    def optional_secrets(self) -> frozenset[str]: ...
    @property
    def options(self) -> Sequence[VendorOption]: ...
    @property
    def traits(self) -> VendorTraits: ...
    @property
    def rate(self) -> tuple[int, float]: ...
    @property
    def hosts(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class ConnectionSettings:
    """
    One connection, everything resolved.

    order: its place in the file. options: the vendor's own settings as given, without their defaults. custom: canonical
    custom field (without `custom.`) to the vendor's. rate_calls may start in rate_per_s seconds, concurrency at a time.
    variables: the environment variable of each secret.
    path_secret: what must follow in /webhooks/<name>/<path_secret>; "" when nothing must.
    """

    name: str
    vendor: str
    base_url: str
    order: int
    allow_private: bool
    zone: str
    currency: str
    rate_calls: int
    rate_per_s: float
    concurrency: int
    habits: Habits
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    path_secret: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AlertSettings:
    """
    Where alerts go. url: may itself be a secret. token: sent as Bearer, "" without. levels: what is told of, by name:
    rising thresholds, in seconds or in how many.
    """

    url: str = field(repr=False)
    token: str = field(repr=False)
    allow_private: bool
    levels: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Settings:
    """
    The whole of bridge.toml.

    database: path of the SQLite file, or address of the PostgreSQL database, with its password. database_url:
    DATABASE_URL of the environment, "" without one, also when another database is used. public_url: where vendors reach
    the bridge, without a slash at its end, "" when not given. policies: what the core's Rules take: canonical field to
    `newest`, `source:<connection>`, `hold` or `off`. warning: that the host may wipe the database, with the
    cure; "" when nothing says so. alerts: None when nobody is to be told.
    """

    database: str = field(repr=False)
    public_url: str
    threads: int
    retention_days: int
    body_bytes_max: int
    connections: Mapping[str, ConnectionSettings]
    policies: Mapping[str, str]
    database_url: str = field(default="", repr=False)
    warning: str = ""
    alerts: AlertSettings | None = None

    def secret_values(self) -> frozenset[str]:
        """Return every secret value, for the log to strike out."""
        found = {value for c in self.connections.values() for value in (*c.secrets.values(), c.path_secret)}
        if self.alerts is not None:
            found |= {self.alerts.url, self.alerts.token}
        for address in (self.database, self.database_url):
            if passwords := _passwords(address):
                found |= {address, *passwords, *map(unquote, passwords)}
        return frozenset(found) - {""}


def _passwords(address: str) -> set[str]:
    """Return the passwords that the address of a database holds, also when the rest of it is damaged."""
    before_host = address.partition("://")[2].rpartition("@")[0]
    return {before_host.partition(":")[2], *re.findall(r"[?&]password=([^&]*)", address)} - {""}
