"""config/bridge.toml and the environment, checked in one go: frozen values, or every mistake with its key and cure."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.core.errors import Misconfigured
from bridge.core.fields import FIELDS
from bridge.core.rules import Habits
from bridge.settings import disk
from bridge.settings.keys import ON_SERVER, BridgeTable, ConnectionTable, alerts_shape, shape
from bridge.settings.mistakes import Mistakes, suggestion
from bridge.settings.values import AlertSettings, ConnectionSettings, Settings, Vendor

__all__ = ["AlertSettings", "ConnectionSettings", "Settings", "Vendor", "load"]

NAME = re.compile(r"[a-z][a-z0-9_-]*")
TABLES = ("bridge", "connections", "fields", "alerts")
TRAITS = ("lag_s", "timeout_s", "react_s", "scan_s", "answer")
POLICIES = ("newest", "hold", "off")
AUTHORITY = "authority:"


def load(path: Path, env: Mapping[str, str], vendors: Mapping[str, Vendor]) -> Settings:
    """
    Return the settings of a bridge.toml; `env` holds the secrets that it names.

    Raises Misconfigured whose detail has one line a mistake: `<path>: <key>: <what is wrong>. <cure>`.
    """
    document = _document(path)
    mistakes = Mistakes(str(path))
    for key in document.keys() - set(TABLES):
        mistakes.unknown(key, "unknown table", TABLES)
    common = mistakes.checked(BridgeTable, document.get("bridge", {}), "bridge")
    tables = _tables(document.get("connections"), mistakes)
    connections = {}
    for order, (name, table) in enumerate(tables.items()):
        if made := _connection(name, table, order, env, vendors, mistakes):
            connections[name] = made
    policies = _policies(document.get("fields", {}), tables, mistakes)
    alerts = _alerts(document.get("alerts", {}), env, mistakes)
    database = _database(common.database if common else "", env, mistakes)
    mistakes.raise_any()
    assert common is not None
    return Settings(
        database=database,
        public_url=common.public_url,
        threads=common.threads,
        retention_days=common.retention_days,
        body_bytes_max=common.body_bytes_max,
        connections=connections,
        policies=policies,
        database_url=env.get("DATABASE_URL", ""),
        warning="" if database.startswith(ON_SERVER) else disk.warning(database, env),
        alerts=alerts,
    )


def _alerts(given: Any, env: Mapping[str, str], mistakes: Mistakes) -> AlertSettings | None:
    keys = mistakes.checked(alerts_shape(env), given, "alerts")
    if keys is None or not keys.url:
        return None
    levels: dict[str, list[float]] = {
        "lag": keys.lag_s,
        "holds": keys.holds,
        "dead": keys.dead,
        "refused": [1],
        "breaker": keys.breaker_s,
    }
    return AlertSettings(keys.url, keys.token, keys.allow_private or env.get("ALLOW_PRIVATE_HOSTS") == "1", levels)


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        cure = f"copy config/bridge.toml of the source tree to {path} and edit it; `bridge demo` works without one"
        raise Misconfigured(str(path), "there is no such file", cure) from None
    except OSError as error:
        raise Misconfigured(str(path), "cannot be read", error.strerror or type(error).__name__) from error
    except UnicodeDecodeError:
        raise Misconfigured(str(path), "is not UTF-8", "save it as UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        what, _, at = str(error).rstrip(")").rpartition(" (at ")
        place = at.partition(",")[0]
        cure = 'texts stand in "quotes", each key on a line of its own, each table once'
        raise Misconfigured(f"{path}: {place}", what, cure) from None


def _tables(given: Any, mistakes: Mistakes) -> dict[str, Any]:
    """Return the tables of the connections with good names, whatever is in them."""
    if not isinstance(given, dict) or not given:
        mistakes.add("connections", "there is none", "write a table [connections.<name>] for each CRM")
        return {}
    for name in given:
        if not NAME.fullmatch(name):
            cure = "write small letters, digits, - and _, beginning with a letter"
            mistakes.add(f"connections.{name}", "is not a name for a connection", cure)
    return {name: table for name, table in given.items() if NAME.fullmatch(name)}


def _connection(
    name: str, table: Any, order: int, env: Mapping[str, str], vendors: Mapping[str, Vendor], mistakes: Mistakes
) -> ConnectionSettings | None:
    where = f"connections.{name}"
    if not isinstance(table, dict):
        mistakes.add(where, "must be a table", f"write [connections.{name}] and its keys below")
        return None
    vendor = vendors.get(table["vendor"]) if isinstance(table.get("vendor"), str) else None
    if vendor is None:
        given = table.get("vendor")
        what, cure = "unknown vendor", suggestion(str(given), vendors)
        if given is None:
            what, cure = "missing", f"write one of: {', '.join(vendors)}"
        mistakes.add(f"{where}.vendor", what, cure)
        return None
    keys = mistakes.checked(shape(name, vendor, env), table, where)
    return _resolved(name, table, keys, vendor, order, env) if keys else None


def _resolved(
    name: str, table: Mapping[str, Any], keys: ConnectionTable, vendor: Vendor, order: int, env: Mapping[str, str]
) -> ConnectionSettings:
    given = {key: getattr(keys, key) for key in keys.model_fields_set}
    return ConnectionSettings(
        name=name,
        vendor=keys.vendor,
        base_url=keys.base_url,
        order=order,
        allow_private=keys.allow_private or env.get("ALLOW_PRIVATE_HOSTS") == "1",
        zone=keys.zone,
        currency=keys.currency,
        rate_calls=keys.rate_calls or vendor.rate[0],
        rate_per_s=keys.rate_per_s or vendor.rate[1],
        concurrency=keys.concurrency,
        habits=_habits(keys, vendor, given),
        secrets={key: given[key] for key in vendor.secrets if key in given},
        path_secret=keys.path_secret,
        options={option.name: given[option.name] for option in vendor.options if option.name in given},
        custom=keys.custom,
        variables={key: str(table[key]).removeprefix("env:") for key in vendor.secrets if key in given},
    )


def _habits(keys: ConnectionTable, vendor: Vendor, given: Mapping[str, Any]) -> Habits:
    traits = dataclasses.replace(vendor.traits, **{key: given[key] for key in TRAITS if key in given})
    suspect_s = traits.suspect_s if keys.suspect_s is None else keys.suspect_s
    return Habits(
        lag=round(traits.lag_s * 1000),
        suspect=round(suspect_s * 1000),
        timeout=round(traits.timeout_s * 1000),
        react=round(traits.react_s * 1000),
        scan=round(traits.scan_s * 1000),
        answer=traits.answer,
    )


def _policies(given: Any, tables: Mapping[str, Any], mistakes: Mistakes) -> dict[str, str]:
    """Return the rule of each field as the core wants it. tables: the connections as written."""
    if not isinstance(given, dict):
        mistakes.add("fields", "must be a table", "write [fields] and its keys below")
        return {}
    nested = given.get("custom")
    flat = {key: rule for key, rule in given.items() if key != "custom" or not isinstance(nested, dict)}
    flat |= {f"custom.{key}": rule for key, rule in nested.items()} if isinstance(nested, dict) else {}
    custom = {f"custom.{key}" for table in tables.values() for key in _custom(table)}
    made = {}
    for key, rule in flat.items():
        where, authority = f"fields.{key}", str(rule).removeprefix(AUTHORITY)
        if key.startswith("custom.") and key not in custom:
            cure = f"add {key[7:]} to a table [connections.<name>.custom]"
            mistakes.add(where, "no connection has this custom field", cure)
        elif key not in FIELDS and key not in custom:
            mistakes.unknown(where, "unknown field", FIELDS)
        elif rule in POLICIES:
            made[key] = rule
        elif authority == rule or not isinstance(rule, str):
            cure = f'write "newest", "{AUTHORITY}<connection>", "hold" or "off"'
            mistakes.add(where, "is not a rule", cure)
        elif authority not in tables:
            mistakes.add(where, f"there is no connection {authority!r}", suggestion(authority, tables))
        else:
            made[key] = f"source:{authority}"
    return made


def _custom(table: Any) -> Mapping[str, Any]:
    custom = table.get("custom") if isinstance(table, dict) else None
    return custom if isinstance(custom, dict) else {}


def _database(written: str, env: Mapping[str, str], mistakes: Mistakes) -> str:
    """
    Return where the store is: what BRIDGE_DATABASE says, else DATABASE_URL, else what bridge.toml says.

    A host sets DATABASE_URL by itself; BRIDGE_DATABASE is set by hand, and so it is the one that is meant.
    """
    own, url = env.get("BRIDGE_DATABASE", ""), env.get("DATABASE_URL", "")
    if not own and url and not url.startswith(ON_SERVER):
        cure = "set it to postgresql://<user>:<password>@<host>/<database>, or set BRIDGE_DATABASE to a file"
        mistakes.add("DATABASE_URL", "is not the address of a PostgreSQL database", cure)
    elif not (own or url).startswith(ON_SERVER) and (refused := disk.refusal(env)):
        mistakes.add("bridge.database", *refused)
    return own or url or written
