"""Each connector against its simulated vendor over real HTTP, and the honest fake: one contract for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.connectors.base import Account
from bridge.connectors.http import RequestsTransport
from bridge.connectors.registry import VENDORS
from bridge.sandbox.server import Sandbox
from bridge.settings import load
from tests.connectors.bench import HOOK_SECRET, KEY, SECRET, MemoryBench, SandboxBench
from tests.connectors.benches import (
    GetflyBench,
    LeadconnectorBench,
    LeadsquaredBench,
    OnlyofficeBench,
    PlazbotBench,
)
from tests.connectors.contract import ConnectorContract, OverHttp
from tests.connectors.recorder import OpenGate

CONFIG = Path(__file__).parents[2] / "config" / "sandbox.toml"
ENV = {"SANDBOX_KEY": KEY, "SANDBOX_SECRET": SECRET, "SANDBOX_HOOK_SECRET": HOOK_SECRET}


class TestGetfly(OverHttp):
    kind = GetflyBench
    wrong = (
        ({"secrets": {"api_key": "wrong"}}, "secrets"),
        ({"options": {"campaigns": ["CD9999"]}}, "campaigns"),
        ({"base_url": "/nowhere"}, "base_url"),
    )


class TestOnlyoffice(OverHttp):
    kind = OnlyofficeBench
    depends = frozenset({"account", "account_name"})  # the one primary contact of this deal is a person
    wrong = (
        ({"secrets": {"token": "wrong"}}, "secrets"),
        ({"custom": {"source": "99"}}, "custom.source"),
        ({"currency": "XXX"}, "currency"),
        ({"base_url": "/nowhere"}, "base_url"),
    )


class TestLeadsquared(OverHttp):
    kind = LeadsquaredBench
    wrong = (
        ({"secrets": {"access_key": "wrong"}}, "secrets"),
        ({"options": {"type_code": 12009}}, "type_code"),
        ({"options": {"type_code": 12001}}, "description_field"),
        ({"options": {"amount_field": "mx_Custom_7"}}, "amount_field"),
        ({"custom": {"source": "mx_Custom_99"}}, "custom.source"),
        ({"base_url": "/nowhere"}, "base_url"),
    )


class TestPlazbot(OverHttp):
    kind = PlazbotBench
    wrong = (
        ({"secrets": {"api_key": "wrong"}}, "secrets"),
        ({"options": {"workspace_id": "wok_other"}}, "secrets"),
    )


class TestLeadconnector(OverHttp):
    kind = LeadconnectorBench
    not_listed = frozenset(
        {"description", "custom.source", "custom.rooms"}
    )  # the search shows custom fields in part, at times
    wrong = (
        ({"secrets": {"token": "wrong"}}, "secrets"),
        ({"options": {"location_id": "elsewhere"}}, "location_id"),
        ({"custom": {"source": "nosuchfield"}}, "custom.source"),
        ({"options": {"description_field": "nosuchfield"}}, "description_field"),
    )


class TestMemory(ConnectorContract):
    kind = MemoryBench

    @pytest.fixture
    def bench(self) -> MemoryBench:
        return MemoryBench()


@pytest.mark.parametrize("kind", [GetflyBench, OnlyofficeBench, LeadsquaredBench, PlazbotBench, LeadconnectorBench])
def test_the_shipped_configuration_reaches_the_sandbox(
    sandbox: Sandbox, send: RequestsTransport, kind: type[SandboxBench]
) -> None:
    c = load(CONFIG, ENV, VENDORS).connections[kind.vendor]
    bench = kind(sandbox, send)
    account = Account(c.name, bench.url, c.secrets, c.options, c.custom, c.currency, c.zone)
    made = VENDORS[kind.vendor](account, transport=bench.wire, gate=OpenGate(), now_s=bench.clock)
    assert made.check()
    assert bench.seen(made).fields.items() <= bench.seen().fields.items()
