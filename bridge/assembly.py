"""Puts the parts together: settings in, a store, connectors with their budgets, and a flow out."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import uuid_utils

from bridge.alerting import Alerting
from bridge.attempted import Telling
from bridge.connectors.base import Account, Connector
from bridge.connectors.budget import Budget, Grants
from bridge.connectors.http import RequestsTransport
from bridge.connectors.registry import VENDORS
from bridge.core.errors import BridgeError, Misconfigured
from bridge.core.grants import Limits
from bridge.desk import Desk
from bridge.desk.alarms import hook
from bridge.flow import Flow
from bridge.settings import ConnectionSettings, Settings, load
from bridge.sides import Connection
from bridge.store import Clock, Store, on_server
from bridge.store.tally import Tally
from bridge.worker import Worker


@dataclass
class Assembled:
    """
    The whole bridge of one process. Nothing is opened or called before it is first used. process: its name, which no
    other has.
    """

    settings: Settings
    proxies: int = 0
    process: str = field(default_factory=lambda: str(uuid_utils.uuid7()))
    tally: Tally = field(default_factory=Tally)

    @cached_property
    def store(self) -> Store:
        address = self.settings.database
        if not on_server(address):
            Path(address).parent.mkdir(parents=True, exist_ok=True)
        return Store(address)

    @cached_property
    def budgets(self) -> dict[str, Budget]:
        return {
            name: Budget(c.rate_calls, c.rate_per_s, c.concurrency, grants=self._grants(c))
            for name, c in self.settings.connections.items()
        }

    def _grants(self, c: ConnectionSettings) -> Grants:
        limits = Limits(c.rate_calls, math.ceil(c.rate_per_s * 1000), c.concurrency, c.habits.timeout)
        return lambda ask: self.store.draw(c.name, self.process, ask, limits, self.now())

    @cached_property
    def now(self) -> Clock:
        """Epoch milliseconds, the same in all processes that share the store."""
        return Clock(self.store.db.ahead_ms)

    @cached_property
    def connectors(self) -> dict[str, Connector]:
        return {name: connector_of(c, self.budgets[name]) for name, c in self.settings.connections.items()}

    @cached_property
    def connections(self) -> dict[str, Connection]:
        settings = self.settings.connections
        return {name: Connection(self.connectors[name], c.habits, c.order) for name, c in settings.items()}

    @cached_property
    def flow(self) -> Flow:
        dice = random.SystemRandom().random
        report = Telling(self.process, self.tally)
        return Flow(self.store, self.connections, self.settings.policies, now=self.now, dice=dice, report=report)

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.store, self.connections, self.settings, self.now)

    def close(self) -> None:
        """Give the budgets back, and close what is open of the store."""
        if "budgets" in vars(self):
            with suppress(BridgeError):
                for budget in self.budgets.values():
                    budget.give_back()
        if "store" in vars(self):
            self.store.db.close()

    def worker(self) -> Worker:
        """Return the worker of this process, not started."""
        scans = {name: c.habits.scan / 1000 for name, c in self.settings.connections.items() if c.habits.scan}
        return Worker(
            self.flow,
            scans,
            self.settings.threads,
            self.settings.retention_days * 86_400.0,
            name=self.process,
            budgets=self.budgets,
            tally=self.tally,
            swept=lambda connection, found: self.tally.add([((connection, "sweep", ""), 1)]),
            attends=True,
            rounds=[Alerting(self.desk, hook(self.settings.alerts), self.process)] if self.settings.alerts else [],
        )

    @property
    def path_secrets(self) -> Mapping[str, str]:
        return {name: c.path_secret for name, c in self.settings.connections.items() if c.path_secret}

    @property
    def secret_values(self) -> frozenset[str]:
        return self.settings.secret_values()

    @property
    def body_bytes_max(self) -> int:
        return self.settings.body_bytes_max


def assemble(path: str | Path, env: Mapping[str, str]) -> Assembled:
    """
    Return the bridge that a bridge.toml and the environment describe; raises Misconfigured.

    BRIDGE_PROXIES says how many proxies stand in front of the web process; on a dyno it is one unless set.
    """
    settings = load(Path(path), env, VENDORS)
    proxies = env.get("BRIDGE_PROXIES", "1" if "DYNO" in env else "0")
    if not proxies.isdigit():
        raise Misconfigured(
            "BRIDGE_PROXIES", "is not a number", "set it to how many proxies stand in front, or unset it"
        )
    return Assembled(settings, int(proxies))


def connector_of(c: ConnectionSettings, gate: Budget, now_s: Callable[[], float] = time.time) -> Connector:
    """Return the connector of one connection; raises Misconfigured when its settings do not fit together."""
    account = Account(c.name, c.base_url, c.secrets, c.options, c.custom, c.currency, c.zone, c.variables)
    timeout_s = c.habits.timeout / 1000
    patience = {"connect_s": min(5.0, timeout_s / 4), "read_s": min(10.0, timeout_s / 2)}
    transport = RequestsTransport(**patience, allow_private=c.allow_private)
    return VENDORS[c.vendor](account, transport=transport, gate=gate, now_s=now_s)
