"""What single vendors say of their lists, from recorded answers; and LeadSquared's webhooks, made by its API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.connectors.base import Account
from bridge.connectors.http import RequestsTransport
from bridge.connectors.leadsquared import Leadsquared
from bridge.connectors.leadsquared.lists import stage_values
from bridge.connectors.lists import Custom, Listed, Person, owners
from bridge.connectors.onlyoffice import Onlyoffice
from bridge.connectors.registry import VENDORS
from bridge.core.errors import Disconnected, Misconfigured, Permanent
from bridge.sandbox.server import Sandbox
from tests.connectors.bench import SandboxBench
from tests.connectors.benches import LeadconnectorBench, LeadsquaredBench
from tests.connectors.recorder import OpenGate, Recorder

PAYLOADS = Path(__file__).parents[1] / "payloads"
ADDRESS = "https://bridge.example.com/webhooks/lsq"
OPEN = '[{"Value": "Open"}, {"Value": "Won"}]'


def payload(vendor: str, name: str) -> Any:
    return json.loads((PAYLOADS / vendor / f"{name}.json").read_text("utf-8"))


def test_people_of_one_name_are_told_apart_and_who_left_is_marked() -> None:
    people = [Person("1", "Lan", "a@x"), Person("2", "Lan", "b@x"), Person("3", "Ha", "c@x", active=False)]
    assert [one.label for one in owners([*people, Person("4", "", "d@x"), Person("5", "")])] == [
        "Lan <a@x>",
        "Lan <b@x>",
        "Ha (inactive)",
        "<d@x>",
        "5",
    ]


@pytest.mark.parametrize(
    "dependent",
    [
        {"Open": [{"Value": "New"}], "Won": [{"Value": "Won"}]},
        [
            {"ParentOption": "Open", "Options": [{"Value": "New"}]},
            {"ParentOption": "Won", "Options": [{"Value": "Won"}]},
        ],
        {"Sets": [{"Parent": "Open", "OptionSet": {"Options": [{"Value": "New"}]}}, {"Won": [{"Value": "Won"}]}]},
    ],
)
def test_leadsquared_stages_are_understood_with_their_status_in_any_form(dependent: Any) -> None:
    unread: list[str] = []
    metadata = {"Status": {"OptionSet": OPEN}, "mx_Custom_2": {"DependentOptionSet": json.dumps(dependent)}}
    assert stage_values(metadata, "mx_Custom_2", unread) == [
        Listed("stage", "Open/New", "Open / New"),
        Listed("stage", "Won/Won", "Won / Won"),
    ]
    assert unread == []


@pytest.mark.parametrize(
    ("dependent", "told"),
    [("", "not shown"), ("{broken", "not shown"), ('[{"Value": "New"}]', "without their status: New")],
)
def test_leadsquared_stages_without_status_are_left_out_and_told(dependent: str, told: str) -> None:
    unread: list[str] = []
    metadata = {"Status": {"OptionSet": OPEN}, "mx_Custom_2": {"DependentOptionSet": dependent}}
    assert stage_values(metadata, "mx_Custom_2", unread) == []
    assert told in unread[0] and "Open, Won" in unread[0]


def test_leadsquared_lists_do_without_users_that_the_role_may_not_see() -> None:
    refused = (401, {"Status": "Error", "ExceptionType": "MXUnAuthorizedAccessException", "ExceptionMessage": "no"})
    answers = ((200, payload("leadsquared", "metadata")), refused, (200, []))
    account = Account("lsq", "https://api.example", {"access_key": "a", "secret_key": "s"}, currency="INR")
    lists = Leadsquared(account, transport=Recorder(*answers), gate=OpenGate(), now_s=lambda: 0.0).lists()
    assert Listed("status", "Lost/Dropped", "Lost / Dropped") in lists.offered
    assert {one.field for one in lists.offered} == {"stage", "status"}
    assert "users could not be read" in lists.unread[0]
    assert Custom("mx_Custom_7", "Actual Deal Size", "Number") in lists.customs
    assert "mx_Custom_2" not in {one.native for one in lists.customs}
    dead = Recorder(answers[0], refused, refused)
    with pytest.raises(Disconnected):
        Leadsquared(account, transport=dead, gate=OpenGate(), now_s=lambda: 0.0).lists()


def test_onlyoffice_lists_leave_guests_and_headings_out() -> None:
    users = [
        {"id": "g1", "displayName": "Ann", "email": "a@x", "status": 1},
        {"id": "g2", "displayName": "Guest", "isVisitor": True},
        {"id": "g3", "displayName": "Bo", "status": 2},
    ]
    answers = ({"id": "g1"}, payload("onlyoffice", "stages"), users, payload("onlyoffice", "definitions"))
    wrapped = [(200, a if isinstance(a, dict) and "response" in a else {"status": 0, "response": a}) for a in answers]
    account = Account("oo", "https://portal.example", {"token": "t"})
    lists = Onlyoffice(account, transport=Recorder(*wrapped), gate=OpenGate(), now_s=lambda: 0.0).lists()
    told = {(one.field, one.native): one.label for one in lists.offered}
    assert told["stage", "8"] == "Closure/Transaction" and told["status", "8"] == "Closure/Transaction (won)"
    assert [label for (field, _), label in told.items() if field == "owner"] == ["Ann", "Bo (inactive)"]
    assert lists.customs == [Custom("5", "Source", "select"), Custom("6", "Code", "text")]


def test_leadconnector_tells_the_scope_that_a_token_lacks(sandbox: Sandbox, send: RequestsTransport) -> None:
    bench = LeadconnectorBench(sandbox, send)
    refused = (401, {"statusCode": 401, "message": "The token is not authorized for this scope."})
    answers = Recorder((200, payload("leadconnector", "pipelines")), refused, refused, refused)
    made = VENDORS["leadconnector"](bench.connector.account, transport=answers, gate=OpenGate(), now_s=bench.clock)
    lists = made.lists()
    assert {one.field for one in lists.offered} == {"pipeline", "stage", "status"} and not lists.customs
    assert len(lists.unread) == 3 and "users.readonly" in lists.unread[0]


# LeadSquared's webhooks


@pytest.fixture
def bench(sandbox: Sandbox, send: RequestsTransport) -> LeadsquaredBench:
    return LeadsquaredBench(sandbox, send, {"hooked": False})


def hooks(bench: SandboxBench) -> list[tuple[str, str, dict[str, str]]]:
    known = bench.sim.account.hooks.known().values()
    return sorted((one.event, one.url, dict(one.headers)) for one in known)


@pytest.mark.parametrize("numbers", ["documented", "live"])
def test_webhooks_are_made_once_whatever_the_numbers_of_the_events_are(
    sandbox: Sandbox, send: RequestsTransport, numbers: str
) -> None:
    bench = LeadsquaredBench(sandbox, send, {"hooked": False, "event_numbers": numbers})
    secret = bench.connector.account.secrets["webhook_secret"]
    both = [(f"Opportunity_Post_{what}", ADDRESS, {"x-bridge-secret": secret}) for what in ("Create", "Update")]
    told = bench.connector.subscribe(ADDRESS)
    assert told is not None and all("was made" in line for line in told)
    assert hooks(bench) == both
    made = set(bench.sim.account.hooks.known())
    again = bench.connector.subscribe(ADDRESS)
    assert again is not None and all("brought up to date" in line for line in again)
    assert hooks(bench) == both and set(bench.sim.account.hooks.known()) == made
    moved = bench.connect(secrets={"webhook_secret": "another"})
    moved.subscribe(f"{ADDRESS}/path")
    assert hooks(bench) == [(e, f"{ADDRESS}/path", {"x-bridge-secret": "another"}) for e, _, _ in both]


def test_a_webhook_that_was_switched_off_is_told(bench: LeadsquaredBench) -> None:
    bench.connector.subscribe(ADDRESS)
    for one in bench.sim.account.hooks.known().values():
        one.status = 2
    told = bench.connector.subscribe(ADDRESS)
    assert told is not None and all("switch it on by hand" in line for line in told)
    assert len(hooks(bench)) == 2


def test_a_full_plan_and_a_missing_secret_are_told(sandbox: Sandbox, send: RequestsTransport) -> None:
    full = LeadsquaredBench(sandbox, send, {"hooked": False, "hooks_max": 0})
    with pytest.raises(Permanent) as caught:
        full.connector.subscribe(ADDRESS)
    assert "plan" in caught.value.detail
    with pytest.raises(Misconfigured, match="webhook_secret"):
        full.connect(secrets={"webhook_secret": ""}).subscribe(ADDRESS)


def test_who_has_no_api_for_webhooks_says_so(sandbox: Sandbox, send: RequestsTransport) -> None:
    assert LeadconnectorBench(sandbox, send).connector.subscribe(ADDRESS) is None


def test_getfly_lists_tell_campaigns_with_their_stages_and_handlers() -> None:
    reads = payload("getfly", "reads")
    account = Account("gf", "https://x.example", {"api_key": "k"}, currency="VND")
    answers = Recorder((200, reads["campaigns"]), (200, reads["users"]))
    lists = VENDORS["getfly"](account, transport=answers, gate=OpenGate(), now_s=lambda: 0.0).lists()
    assert Listed("pipeline", "8", "Campaign A") in lists.offered
    assert Listed("stage", "8/31", "Campaign A / New") in lists.offered
    assert Listed("status", "8/31", "Campaign A / New") in lists.offered
    assert [one.label for one in lists.offered if one.field == "owner"] == ["Handler", "Handler B"]
    assert "custom fields" in lists.unread[0]


def test_plazbot_lists_do_without_users() -> None:
    account = Account("pb", "https://x.example", {"api_key": "k"}, {"workspace_id": "wok_1"}, currency="USD")
    deals = {"success": True, "data": {"data": [{"id": "d1", "customFields": [{"name": "Code", "value": "1"}]}]}}
    answers = Recorder((200, payload("plazbot", "workspace-documented")), (404, {"success": False}), (200, deals))
    lists = VENDORS["plazbot"](account, transport=answers, gate=OpenGate(), now_s=lambda: 0.0).lists()
    assert lists.offered[:2] == [Listed("stage", "s1", "New"), Listed("stage", "s2", "Won")]
    assert lists.customs == [Custom("Code", "Code", "text")]
    assert "users could not be listed" in lists.unread[0] and "1 deals" in lists.unread[1]
