"""
The habits that the vendors' documents call possible, one simulated account each: a smaller part of the contract.

The calls go through the sandbox without a socket, as `test_contract` has the real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bridge.sandbox.server import Sandbox
from tests.connectors.bench import SAMPLE, Case, Direct, SandboxBench, fields
from tests.connectors.benches import (
    GetflyBench,
    LeadconnectorBench,
    LeadsquaredBench,
    OnlyofficeBench,
    PlazbotBench,
)
from tests.connectors.contract_hook import Hooking
from tests.connectors.contract_scan import swept
from tests.connectors.contract_write import agrees


@dataclass(frozen=True)
class Habit:
    """
    One account. switches: of the simulator. changes: to the account in bridge.toml. shows: fields that reads show
    beside the bench's, or not. cases: other cases, None for a field that is not tried. deaf: hooks name no deal.
    blind: deals that this account does not see.
    """

    kind: type[SandboxBench]
    switches: Mapping[str, Any]
    changes: Mapping[str, Any] = field(default_factory=dict)
    shows: frozenset[str] = frozenset()
    hides: frozenset[str] = frozenset()
    cases: Mapping[str, Case | None] = field(default_factory=dict)
    deaf: bool = False
    blind: frozenset[str] = frozenset()

    def __str__(self) -> str:
        said = [*(f"{name}={value}" for name, value in self.switches.items()), *self.changes.get("options", {})]
        return f"{self.kind.vendor} {' '.join(said)}"[:90]

    def bench(self, sandbox: Sandbox) -> SandboxBench:
        bench = self.kind(sandbox, Direct(sandbox), self.switches, **self.changes)
        cases = {**bench.cases, **self.cases}
        vars(bench)["cases"] = {name: case for name, case in cases.items() if case}
        vars(bench)["shows"] = (bench.shows | self.shows) - self.hides
        return bench


EVERYTHING = fields("description amount expected_close")
GETFLY = [
    Habit(GetflyBench, {"update": "lenient"}),
    Habit(GetflyBench, {"strict_takes_stage": True, "language": "en", "name_rebuilt": "always"}),
    Habit(
        GetflyBench,
        {"extra_fields": "all"},
        shows=EVERYTHING,
        cases={"description": Case("Fifty rooms", {"description": "Fifty rooms"})},
    ),
    Habit(
        GetflyBench,
        {"extra_fields": "description", "update": "lenient", "unknown_field_refused": False},
        shows=fields("description"),
        cases={"description": Case("Fifty rooms", {"description": "Fifty rooms"})},
    ),
    Habit(GetflyBench, {"unknown_field_refused": False}),
    Habit(GetflyBench, {"hook_shape": "nested", "hook_changes": True}),
    Habit(GetflyBench, {"hook_shape": "json"}),
    Habit(GetflyBench, {"hook_ids": "id"}),
    Habit(GetflyBench, {"hook_ids": "account"}, deaf=True),
    Habit(GetflyBench, {"hook_events": "opportunity.updated,customer.updated"}),
    Habit(GetflyBench, {"invalid_status": 422, "unknown_route_200": True, "campaigns_as_object": True}),
    Habit(GetflyBench, {"takes_amount": True, "updated_at_filter": "refused", "updated_at_sort": "refused"}),
    Habit(GetflyBench, {"normalise": True}),
    Habit(GetflyBench, {}, {"options": {"campaigns": ["CD0008", "CD0010"]}}),
    Habit(
        GetflyBench,
        {},
        {"options": {"move_account": True}},
        cases={
            "account": Case(
                "KH/2024/119271",
                {"account_id": 11974, "contact_id": 9754, "opportunity_name": "Binh Vo - Blue Shop"},
                side=fields("name account_name account_email account_phone"),
            )
        },
    ),
    Habit(
        GetflyBench,
        {},
        {"options": {"write_unread": ["description", "contact_name", "contact_phone"]}},
        cases={
            "description": Case("Fifty rooms", {"description": "Fifty rooms"}),
            "contact_name": Case(
                "Lan Vo",
                {"contact 9753 first_name": "Lan Vo", "opportunity_name": "Lan Vo - Acme Resorts"},
                {"contact_name": "Lan Vo"},
            ),
            "contact_phone": Case(
                "0909999888", {"contact 9753 phone_mobile": "0909999888"}, {"contact_phone": "0909999888"}
            ),
        },
    ),
]

ZONES = ("+00:00", "-08:00", "+05:30", "Europe/Riga", "America/New_York")
ONLYOFFICE = [
    *(Habit(OnlyofficeBench, {"portal_zone": zone}) for zone in ZONES),
    Habit(OnlyofficeBench, {"bridge_role": "user"}, blind=frozenset({"19"})),
    Habit(OnlyofficeBench, {"bridge_role": "portal_admin", "sort_id_native": False}),
    Habit(OnlyofficeBench, {"normalise": True, "mysql_strict": False}),
    Habit(OnlyofficeBench, {"total_cache_s": 0, "audit": True}),
    Habit(
        OnlyofficeBench,
        {},
        {"secrets": {"token": "", "email": "bridge@example.com", "password": "sandbox-secret"}},
    ),
    Habit(
        OnlyofficeBench,
        {},
        {"options": {"stamp_close": True}},
        cases={"status": Case("5", {"stageid": 5})},
    ),
]

LEADSQUARED = [
    Habit(LeadsquaredBench, {"header_auth": False}, {"options": {"auth": "query"}}),
    *(Habit(LeadsquaredBench, {"hook_body": body}) for body in ("current", "before_after", "id")),
    Habit(LeadsquaredBench, {"hook_twice": True, "delete_fires": True}),
    Habit(LeadsquaredBench, {"failure_status": 200, "stage_options": "map"}),
    Habit(LeadsquaredBench, {"numbers_zero": True, "stage_options": "hidden"}),
    Habit(LeadsquaredBench, {"normalise": True, "gone_as_empty": True}),
    Habit(
        LeadsquaredBench,
        {"comment_on_status": True},
        {"options": {"status_comment": "by the bridge"}},
        cases={
            "stage": replace(
                LeadsquaredBench.cases["stage"],
                stored={"mx_Custom_2": "Qualified", "mx_Custom_19": "by the bridge"},
            )
        },
    ),
    Habit(
        LeadsquaredBench,
        {},
        {"options": {"read_lead": True}},
        shows=fields("contact_name contact_email contact_phone account_name"),
    ),
    Habit(
        LeadsquaredBench,
        {},
        {"options": {"description_field": "ActivityEvent_Note", "description_label": "Notes"}},
        hides=fields("description"),
        cases={"description": Case("Fifty rooms", {"ActivityEvent_Note": "Fifty rooms"})},
    ),
]

OWNERLESS = {"owner": None, "expected_close": None}
PLAZBOT = [
    Habit(PlazbotBench, {"put_dialects": "A"}, {"options": {"older_dialect": False}}, cases=OWNERLESS),
    Habit(PlazbotBench, {"put_dialects": "B"}, cases={"contact": None, "custom.source": None, "custom.key": None}),
    Habit(
        PlazbotBench, {"put_dialects": "B-silent"}, cases={"contact": None, "custom.source": None, "custom.key": None}
    ),
    *(
        Habit(PlazbotBench, {"get_shape": shape})
        for shape in ("object", "data", "data_array", "data_data", "opportunity")
    ),
    *(Habit(PlazbotBench, {"missing_as": form}) for form in ("empty", "null")),
    Habit(PlazbotBench, {"custom_fields_write": "merge", "quiet_drag": False}),
    Habit(
        PlazbotBench,
        {"custom_fields_shown": False},
        hides=fields("custom.source custom.key"),
        cases={"custom.source": None, "custom.key": None},
    ),
    Habit(PlazbotBench, {"expiration_zone": True, "show_deleted": True}),
    Habit(PlazbotBench, {"normalise": True, "list_order": "cards", "workspace_shape": "reseller"}),
    Habit(
        PlazbotBench,
        {"login_shape": "expiresIn", "token_life_s": 65},
        {"secrets": {"api_key": "", "email": "sandbox-bridge-key", "password": "sandbox-secret"}},
    ),
]

FORECAST = {
    "expected_close": Case(
        "2027-01-31", {"forecastExpectedCloseDate": "2027-01-31"}, {"forecastExpectedCloseDate": "2027-01-31"}
    ),
    "probability": Case(70, {"forecastProbability": 70}),
}
LEADCONNECTOR = [
    Habit(
        LeadconnectorBench,
        {},
        {"options": {"version": "v3"}},
        shows=fields("expected_close probability"),
        cases=FORECAST,
    ),
    Habit(
        LeadconnectorBench,
        {"absent_nulls": True, "clearing": "null"},
        {"options": {"version": "v3"}},
        shows=fields("expected_close probability"),
        hides=fields("lost_reason"),
        cases=FORECAST,
    ),
    Habit(LeadconnectorBench, {"workflow": True}),
    Habit(LeadconnectorBench, {"sparse_hooks": True, "reverse_order": True}),
    Habit(LeadconnectorBench, {"normalise": True}),
    Habit(LeadconnectorBench, {"search_partial_fields": True, "contact_pipeline_blind": True}),
    Habit(LeadconnectorBench, {"custom_fields_replace": True}),
    Habit(LeadconnectorBench, {"custom_fields_replace": False}, {"options": {"merges_custom": True}}),
    Habit(LeadconnectorBench, {"allow_duplicates": True, "lost_reason_required": True}),
    Habit(LeadconnectorBench, {"clearing": "empty"}, {"options": {"clears": True}}),
]

HABITS = [*GETFLY, *ONLYOFFICE, *LEADSQUARED, *PLAZBOT, *LEADCONNECTOR]


@pytest.mark.parametrize("habit", HABITS, ids=str)
def test_a_read_shows_the_sample_deal(sandbox: Sandbox, habit: Habit) -> None:
    bench = habit.bench(sandbox)
    shown = bench.decoded(bench.seen())
    assert {name: shown.get(name) for name in bench.shows} == {name: SAMPLE[name] for name in bench.shows}
    assert shown.keys() - bench.shows <= habit.hides
    assert bench.cases.keys() <= bench.writable() - bench.seen().locked.keys()
    bench.connector.check()
    assert bench.connector.lists().offered


@pytest.mark.parametrize("habit", HABITS, ids=str)
def test_each_write_changes_its_field_and_nothing_else(sandbox: Sandbox, habit: Habit) -> None:
    bench = habit.bench(sandbox)
    for name in bench.cases:
        case, patch = bench.start(name)
        seen, before = bench.seen(), bench.stored()
        answer = bench.connector.write(seen, patch)
        assert bench.changed(before) == {path: v for path, v in case.stored.items() if before.get(path) != v}, name
        after = bench.seen()
        agrees(bench, answer, after)
        if not bench.spec(name).unread:
            assert bench.spec(name).same(after.fields[name], case.value), name
        bench.connector.write(after, patch)
        assert bench.seen().fields == after.fields, name


@pytest.mark.parametrize("habit", HABITS, ids=str)
def test_a_scan_shows_all_deals_as_reads_do(sandbox: Sandbox, habit: Habit) -> None:
    bench = habit.bench(sandbox)
    ids = bench.fill(25)
    rows = swept(bench.connect(options=bench.few_rows))
    assert rows.keys() == ids - habit.blind
    read = bench.seen()
    row = rows[bench.deal].fields
    assert {name: row[name] for name in row if not bench.spec(name).unread} == {
        name: read.fields[name] for name in row if not bench.spec(name).unread
    }


@pytest.mark.parametrize("habit", [habit for habit in HABITS if habit.kind.hooked], ids=str)
def test_a_persons_edit_is_heard(sandbox: Sandbox, habit: Habit) -> None:
    bench = habit.bench(sandbox)
    for case in bench.cases.values():
        bench.person(case.by_hand() if not case.also else case.stored)
    hooks = bench.hooks()
    assert hooks
    for hook in hooks:
        if habit.deaf or b"customer.updated" in hook.body:
            bench.connector.verify(hook)
            assert bench.connector.touched(hook) == []
        else:
            Hooking().heard(bench, hook)
