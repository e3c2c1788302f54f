"""The keys of bridge.toml, table by table; the description of each is the cure when it is missing or wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo, create_model
from pydantic import Field as Key
from pydantic_core import PydanticCustomError

from bridge.core.address import belongs, inside
from bridge.settings.values import Vendor, VendorOption

FROM_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash
PATH_SECRET = re.compile(r"[A-Za-z0-9_-]{22,}")  # 128 bits of base64, or more
ON_SERVER = ("postgresql://", "postgres://")
ONE_LINE = "set it again, on one line"
KINDS: Mapping[str, tuple[Any, str]] = {
    "str": (str, '"..."'),
    "int": (int, "1"),
    "bool": (bool, "true"),
    "list": (list[str], '["..."]'),
}


def wrong(what: str, cure: str) -> PydanticCustomError:
    """Return a mistake with a cure of its own."""
    return PydanticCustomError("wrong", "{what}", {"what": what, "cure": cure})


def _split(given: str) -> SplitResult:
    no_address = wrong("is not an address", 'write it as in "https://crm.example.com"')
    if not PLAIN.fullmatch(given):
        raise no_address
    try:
        url = urlsplit(given)
        url.port  # noqa: B018  reading it checks it
    except ValueError:
        raise no_address from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise no_address
    if url.username is not None or url.password is not None:
        raise wrong("holds a user name", "write the host alone; secrets belong into environment variables")
    if url.query or url.fragment:
        raise wrong("holds more than a host and a path", "end it before the ? or #")
    return url


def _file(given: str) -> str:
    if given.startswith(ON_SERVER):
        cure = "set it as DATABASE_URL in the environment, because its password belongs into no file"
        raise wrong("is the address of a server", cure)
    return given


def _public(given: str) -> str:
    return _split(given).geturl().rstrip("/")


def _zone(given: str) -> str:
    try:
        ZoneInfo(given)
    except (KeyError, ValueError, OSError):
        near = difflib.get_close_matches(given, available_timezones(), 1, 0.6)
        cure = f'did you mean "{near[0]}"?' if near else 'write it as in "Asia/Kolkata"'
        raise wrong("no such zone", cure) from None
    return given


def _text(given: Any) -> Any:
    """Let the number of a field stand without quotes."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class BridgeTable(Table):
    """[bridge]"""

    database: Annotated[str, AfterValidator(_file)] = Key(
        "data/bridge.db", min_length=1, description='write a path, such as "data/bridge.db"'
    )
    public_url: Annotated[str, AfterValidator(_public)] = Key(
        "", description='write where vendors reach the bridge, such as "https://bridge.example.com"'
    )
    threads: int = Key(8, ge=1, le=64, description="write how many links to work on at a time, from 1 to 64")
    retention_days: int = Key(
        14, ge=1, le=3650, description="write for how many days raw deliveries are kept, from 1 to 3650"
    )
    body_bytes_max: int = Key(
        1_000_000, ge=1_000, le=50_000_000, description="write how large a webhook may be, such as 1_000_000"
    )


class ConnectionTable(Table):
    """[connections.<name>], without what only its vendor has."""

    vendor: str
    allow_private: bool = Key(False, description="write true for a server of your own network, else leave it out")
    base_url: str
    path_secret: str = ""
    zone: Annotated[str, AfterValidator(_zone)] = Key("UTC", description='write it as in "Asia/Kolkata"')
    currency: str = Key("", pattern=r"^[A-Z]{3}$", description='write three capital letters, such as "EUR"')
    rate_calls: int | None = Key(None, ge=1, le=100_000, description="write how many calls may start in rate_per_s")
    rate_per_s: float | None = Key(None, gt=0, le=86_400, description="write in how many seconds rate_calls may start")
    concurrency: int = Key(4, ge=1, le=64, description="write how many calls may run at a time, from 1 to 64")
    lag_s: float | None = Key(None, ge=0, le=3600, description="write how many seconds old a read by id may be")
    suspect_s: float | None = Key(
        None, ge=0, le=86_400, description="write for how many seconds a replaced value may come back in a stale read"
    )
    timeout_s: float | None = Key(
        None,
        gt=0,
        le=3600,
        description="write after how many seconds a call without an answer cannot be applied any more",
    )
    react_s: float | None = Key(
        None, ge=0, le=3600, description="write within how many seconds the vendor's automations answer a write"
    )
    scan_s: float | None = Key(None, ge=1, le=604_800, description="write every how many seconds to sweep, such as 900")
    answer: Literal["stored", "unknown", "none"] | None = Key(
        None, description="write what the vendor's answer to a write shows"
    )
    custom: dict[
        Annotated[str, Key(pattern=r"^[a-z][a-z0-9_]*$")],
        Annotated[str, BeforeValidator(_text), Key(min_length=1)],
    ] = Key({}, description='write canonical = "vendor\'s field", such as budget = "budget_c"')


def _rising(given: list[float]) -> list[float]:
    if not given or given[0] <= 0 or any(low >= high for low, high in pairwise(given)):
        raise wrong("does not rise", "write numbers above 0, each larger than the one before")
    return given


Rising = Annotated[list[float], AfterValidator(_rising)]


class AlertsTable(Table):
    """[alerts]: where alerts go, and at which levels."""

    allow_private: bool = Key(False, description="write true for a server of your own network, else leave it out")
    url: str = ""
    token: str = ""
    lag_s: Rising = Key([300, 1800, 14_400], description="write after how many seconds of lag, such as [300, 1800]")
    holds: Rising = Key([1, 10, 100], description="write at how many holds, such as [1, 10, 100]")
    dead: Rising = Key([1, 10, 100], description="write at how many dead letters, such as [1, 10, 100]")
    breaker_s: Rising = Key([300], description="write after how many seconds of an open breaker, such as [300]")


def alerts_shape(env: Mapping[str, str]) -> type[AlertsTable]:
    """Return the keys of [alerts]. The address is read from the environment: for many services it is a secret."""

    def check(given: str, info: ValidationInfo) -> str:
        url, own = _split(given.partition("?")[0]), "or allow_private = true for a server of your own network"
        if info.data.get("allow_private") or env.get("ALLOW_PRIVATE_HOSTS") == "1":
            return given
        if url.scheme != "https":
            raise wrong("the address does not begin with https://", f"use https, {own}")
        if why := inside(url.hostname or ""):
            raise wrong(f"the address leads to {why}", f"use a public host, {own}")
        return given

    url, key = _secret("alert", "url", "the address that takes alerts by POST", True, env)
    token = _secret("alert", "token", "what is to be sent as Bearer", True, env)
    keys: dict[str, Any] = {"url": (Annotated[url, AfterValidator(check)], key), "token": token}
    return create_model("Alerts", __base__=AlertsTable, **keys)


def shape(connection: str, vendor: Vendor, env: Mapping[str, str]) -> type[ConnectionTable]:
    """Return the keys of one connection: the common ones, and the secrets and options of its vendor."""
    example = f"https://crm{vendor.hosts[0]}" if vendor.hosts else "https://crm.example.com"
    keys: dict[str, Any] = {
        "base_url": (
            Annotated[str, AfterValidator(_address(vendor, env))],
            Key(description=f'write it as in base_url = "{example}"'),
        ),
        "path_secret": _secret(connection, "path_secret", "22 or more of A-Z a-z 0-9 _ -", True, env, PATH_SECRET),
    }
    for name, what in vendor.secrets.items():
        keys[name] = _secret(connection, name, what, name in vendor.optional_secrets, env)
    for option in vendor.options:
        keys[option.name] = _option(option)
    assert not (keys.keys() - {"base_url", "path_secret"}) & ConnectionTable.model_fields.keys(), "a vendor's own key"
    return create_model("Connection", __base__=ConnectionTable, **keys)


def _address(vendor: Vendor, env: Mapping[str, str]) -> Callable[[str, ValidationInfo], str]:
    def check(given: str, info: ValidationInfo) -> str:
        url, own = _split(given), "or allow_private = true for a server of your own network"
        host = url.hostname or ""
        if info.data.get("allow_private") or env.get("ALLOW_PRIVATE_HOSTS") == "1":
            return given.rstrip("/")
        if url.scheme != "https":
            raise wrong("does not begin with https://", f"write https, {own}")
        if why := inside(host):
            raise wrong(f"{host} is {why}", f"write the vendor's public host, {own}")
        if vendor.hosts and not belongs(host, vendor.hosts):
            raise wrong(
                f"{host} is not the vendor's", f"write a host that ends with {' or '.join(vendor.hosts)}, {own}"
            )
        return given.rstrip("/")

    return check


def _secret(
    connection: str, name: str, what: str, optional: bool, env: Mapping[str, str], form: re.Pattern[str] | None = None
) -> tuple[Any, Any]:
    variable = f"{connection}_{name}".upper().replace("-", "_")
    line = f'{name} = "env:{variable}"'

    def resolve(given: str) -> str:
        named = FROM_ENV.fullmatch(given)
        if not named:
            raise wrong("must name an environment variable, not hold the secret", f"set {variable} and write {line}")
        value = env.get(named[1], "").strip()
        if not value:
            other = ", or delete this line" if optional else ""
            raise wrong(f"the environment variable {named[1]} is not set", f"set it to: {what}{other}")
        if not value.isprintable():
            raise wrong(
                f"the environment variable {named[1]} holds a line break or another control character", ONE_LINE
            )
        if form and not form.fullmatch(value):
            raise wrong(f"the environment variable {named[1]} has the wrong form", f"set it to: {what}")
        return value

    cure = f"write {line} and set that variable to: {what}"
    return Annotated[str, AfterValidator(resolve)], Key(default="" if optional else ..., repr=False, description=cure)


def _option(option: VendorOption) -> tuple[Any, Any]:
    kind, example = KINDS[option.kind]
    cure = f"write {option.name} = {example}: {option.what}"
    return kind, Key(default=... if option.required else None, description=cure)
