"""How connectors live with what the vendors' documents say may go wrong, and with what they leave open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bridge.core.errors import Disconnected, Forged, Misconfigured, Permanent, Transient
from bridge.sandbox.leadconnector import sample as lc
from bridge.sandbox.server import Sandbox
from tests.connectors.bench import FATES, Direct, SandboxBench
from tests.connectors.benches import (
    GetflyBench,
    LeadconnectorBench,
    LeadsquaredBench,
    OnlyofficeBench,
    PlazbotBench,
)
from tests.connectors.contract_fail import CALLS_MAX, struck, throttled
from tests.connectors.contract_scan import swept
from tests.connectors.contract_write import together

ONLYOFFICE_LOGIN = {"token": "", "email": "sandbox-bridge-key", "password": "sandbox-secret"}
PLAZBOT_LOGIN = {"api_key": "", "email": "sandbox-bridge-key", "password": "sandbox-secret"}


def make(kind: type[SandboxBench], sandbox: Sandbox, switches: Mapping[str, Any] | None = None, **changes: Any) -> Any:
    return kind(sandbox, Direct(sandbox), switches, **changes)


# Doubt

LOST = {"name": "Acme, 40 rooms", "status": "lost", "lost_reason": lc.PRICE}
LOST_STORED = {"name": "Acme, 40 rooms", "status": "lost", "lostReasonId": lc.PRICE}
EMPTIED = {"name": "Acme", "custom.source": None}
DOUBTS = [
    pytest.param(OnlyofficeBench, {}, {"secrets": ONLYOFFICE_LOGIN}, {}, {}, id="onlyoffice login"),
    pytest.param(OnlyofficeBench, {}, {}, EMPTIED, {"title": "Acme", "customField_5": None}, id="onlyoffice emptied"),
    pytest.param(PlazbotBench, {}, {"secrets": PLAZBOT_LOGIN}, {}, {}, id="plazbot login"),
    pytest.param(
        PlazbotBench,
        {"put_dialects": "B"},
        {},
        {"name": "Acme", "amount": "1800.5"},
        {"name": "Acme", "amount": 1800.5},
        id="plazbot older",
    ),
    pytest.param(GetflyBench, {"update": "lenient"}, {}, {}, {}, id="getfly lenient"),
    pytest.param(LeadconnectorBench, {}, {}, LOST, LOST_STORED, id="leadconnector lost"),
    pytest.param(LeadsquaredBench, {}, {"options": {"read_lead": True}}, {}, {}, id="leadsquared lead"),
]


@pytest.mark.parametrize(("kind", "switches", "changes", "patch", "stored"), DOUBTS)
@pytest.mark.parametrize("fate", FATES)
def test_a_write_is_in_doubt_exactly_when_it_may_have_been_applied(
    sandbox: Sandbox, kind: Any, switches: Any, changes: Any, patch: Any, stored: Any, fate: str
) -> None:
    for nth in range(CALLS_MAX):
        bench = make(kind, sandbox, switches, **changes)
        said = (patch, stored) if patch else together(bench)
        if not struck(bench, fate, nth, *said):
            assert nth
            return
    raise AssertionError("a write of so many calls?")


@pytest.mark.parametrize("fate", FATES)
def test_a_login_that_fails_in_a_write_leaves_nothing_in_doubt(sandbox: Sandbox, fate: str) -> None:
    """The token dies between the read and the write, so the login stands before the first call that changes."""
    for kind, secrets in ((OnlyofficeBench, ONLYOFFICE_LOGIN), (PlazbotBench, PLAZBOT_LOGIN)):
        bench = make(kind, sandbox, {"token_life_s": 30}, secrets=secrets)
        seen, before = bench.seen(), bench.stored()
        bench.clock.now_s += 100
        bench.strike("", fate, "")
        with pytest.raises((Transient, Disconnected)) as caught:  # ONLYOFFICE says 500 to a wrong password (1)
            bench.connector.write(seen, {"name": "Acme"})
        assert not getattr(caught.value, "in_doubt", False), kind
        assert bench.changed(before) == {}


# Limits

LIMITS = [
    *((LeadsquaredBench, {"throttle_status": status, "calls_max": 1, "window_s": 60.0}) for status in (429, 403, 200)),
    (LeadconnectorBench, {"burst_limit": 1}),
    (LeadconnectorBench, {"burst_limit": 1, "retry_after": True}),
    (LeadconnectorBench, {"daily_limit": 1}),
    (OnlyofficeBench, {"requests_per_10s": 1}),
    (PlazbotBench, {"rate_per_s": 1}),
]


@pytest.mark.parametrize(("kind", "switches"), LIMITS, ids=str)
def test_the_vendors_own_limit_stops_the_whole_connection(sandbox: Sandbox, kind: Any, switches: Any) -> None:
    bench = make(kind, sandbox, switches)
    bench.wire.tick_s = 0.0
    seen, before = bench.seen(), bench.stored()
    throttled(lambda: bench.connector.read(bench.ref))
    throttled(lambda: bench.connector.write(seen, {"name": "Acme"}))
    throttled(lambda: bench.connector.scan(None))
    assert bench.changed(before) == {}


def test_leadconnector_waits_longer_when_the_day_is_used_up(sandbox: Sandbox) -> None:
    waits = []
    for switches in ({"burst_limit": 1}, {"daily_limit": 1}):
        bench = make(LeadconnectorBench, sandbox, switches)
        bench.wire.tick_s = 0.0
        bench.seen()
        with pytest.raises(Transient) as caught:
            bench.seen()
        waits.append(caught.value.after_s)
    assert waits == [10.0, 3600.0]


# Credentials


def test_onlyoffice_logs_in_anew_when_its_token_dies(sandbox: Sandbox) -> None:
    bench = make(OnlyofficeBench, sandbox, {"token_life_s": 30}, secrets=ONLYOFFICE_LOGIN)
    seen = bench.seen()
    bench.clock.now_s += 100
    assert bench.connector.write(seen, {"name": "Acme"}) is not None
    assert [call.url.rsplit("/", 1)[1] for call in bench.wire.calls].count("authentication.json") == 2


def test_plazbot_logs_in_anew_when_its_token_dies(sandbox: Sandbox) -> None:
    bench = make(PlazbotBench, sandbox, {"token_life_s": 30}, secrets=PLAZBOT_LOGIN)
    seen = bench.seen()
    bench.clock.now_s += 100
    assert bench.connector.write(seen, {"name": "Acme"}) is not None
    assert [call.url.rsplit("/", 1)[1] for call in bench.wire.calls].count("login") == 2


@pytest.mark.parametrize(
    ("switches", "secrets"),
    [({"revoked": True}, {}), ({"two_factor": True}, ONLYOFFICE_LOGIN), ({}, {**ONLYOFFICE_LOGIN, "password": "x"})],
)
def test_onlyoffice_says_when_it_is_shut_out(sandbox: Sandbox, switches: Any, secrets: Any) -> None:
    bench = make(OnlyofficeBench, sandbox, switches, secrets=secrets)
    for call in (lambda: bench.connector.read(bench.ref), lambda: bench.connector.check()):
        with pytest.raises(Disconnected):
            call()


def test_onlyoffice_that_warms_up_is_only_waited_for(sandbox: Sandbox) -> None:
    bench = make(OnlyofficeBench, sandbox, {"warming_up": True})
    with pytest.raises(Transient) as caught:
        bench.connector.read(bench.ref)
    assert not caught.value.whole


def test_leadsquared_of_another_region_is_disconnected(sandbox: Sandbox) -> None:
    bench = make(LeadsquaredBench, sandbox, {"wrong_region": True})
    with pytest.raises(Disconnected):
        bench.connector.check()


@pytest.mark.parametrize("status", [401, 403])
def test_leadsquared_keys_of_no_administrator_hear_by_webhook_alone(sandbox: Sandbox, status: int) -> None:
    bench = make(LeadsquaredBench, sandbox, {"non_admin": status})
    assert any("no sweep" in remark for remark in bench.connector.check())
    with pytest.raises(Permanent):
        bench.connector.scan(None)
    assert bench.seen().fields["name"]


# Lists


def test_plazbot_pages_that_shift_end_and_miss_only_what_the_vendor_hides(sandbox: Sandbox) -> None:
    bench = make(PlazbotBench, sandbox, {"shifting_pages": True})
    ids = bench.fill(65)
    rows = swept(bench.connector)
    assert len(ids - rows.keys()) <= 3
    assert len(ids - rows.keys() - swept(bench.connector).keys()) <= 3


def test_plazbot_token_that_stands_still_ends_the_scan(sandbox: Sandbox) -> None:
    bench = make(PlazbotBench, sandbox, {"stuck_token": True})
    bench.fill(65)
    assert bench.deal in swept(bench.connector)


def test_plazbot_success_that_is_none_is_no_success(sandbox: Sandbox) -> None:
    bench = make(PlazbotBench, sandbox, {"soft_fail_every": 1})
    seen, before = bench.seen(), bench.stored()
    with pytest.raises((Permanent, Transient)):
        bench.connector.write(seen, {"name": "Acme"})
    assert bench.changed(before) == {}


def test_plazbot_owner_that_the_current_call_does_not_know_is_said_to_be_lost(sandbox: Sandbox) -> None:
    bench = make(PlazbotBench, sandbox, {"put_dialects": "A"})
    seen, before = bench.seen(), bench.stored()
    with pytest.raises(Permanent, match="not_taken"):
        bench.connector.write(seen, {"name": "Acme", "owner": bench.cases["owner"].value})
    assert bench.changed(before) == {"name": "Acme"}


@pytest.mark.parametrize("dialects", ["B", "B-silent"])
def test_plazbot_contact_that_the_older_call_does_not_know_is_said_to_be_lost(sandbox: Sandbox, dialects: str) -> None:
    bench = make(PlazbotBench, sandbox, {"put_dialects": dialects})
    seen, before = bench.seen(), bench.stored()
    with pytest.raises(Permanent):
        bench.connector.write(seen, {"contact": bench.cases["contact"].value})
    assert bench.changed(before) == {}


@pytest.mark.parametrize("kind", [LeadconnectorBench, LeadsquaredBench])
def test_a_list_that_lags_shows_the_past_under_its_own_stamp(sandbox: Sandbox, kind: Any) -> None:
    switch = "search_lag_s" if kind is LeadconnectorBench else "index_lag_s"
    bench = make(kind, sandbox, {switch: 60})
    before = swept(bench.connector)[bench.deal]
    bench.person(bench.cases["name"].by_hand())
    row, read = swept(bench.connector)[bench.deal], bench.seen()
    assert (row.fields["name"], row.stamp) == (before.fields["name"], before.stamp)
    assert row.stamp is not None
    assert read.stamp is not None
    assert row.stamp < read.stamp


@pytest.mark.parametrize("kind", [GetflyBench, OnlyofficeBench, LeadsquaredBench, PlazbotBench, LeadconnectorBench])
def test_a_write_from_a_late_read_brings_nothing_else_back(sandbox: Sandbox, kind: Any) -> None:
    """Reads lag, so what the bridge has just read is a minute old; only what a write sends again may be lost."""
    bench = make(kind, sandbox, {"read_lag_s": 60})
    name, other = list(bench.cases)[:2] if kind is not GetflyBench else ("account_email", "account_phone")
    bench.person(bench.cases[other].by_hand())
    edited, seen = bench.stored(), bench.seen()
    answer = bench.connector.write(seen, {name: bench.cases[name].value})
    assert answer is None or answer.ref == bench.ref
    lost = {path for path in bench.changed(edited) if path not in bench.cases[name].stored}
    assert not lost or other in bench.connector.resends({name: bench.cases[name].value})


# Webhooks


def test_leadconnector_hook_marked_as_unsigned_is_forged(sandbox: Sandbox) -> None:
    bench = make(LeadconnectorBench, sandbox, {"signature_na": True})
    bench.person({"name": "Acme"})
    for hook in bench.hooks():
        with pytest.raises(Forged):
            bench.connector.verify(hook)


def test_leadconnector_hook_of_the_sandbox_is_forged_for_the_real_key(sandbox: Sandbox) -> None:
    bench = make(LeadconnectorBench, sandbox)
    real = bench.connect(options={"public_key": bench.connector.options[3].default})
    bench.person({"name": "Acme"})
    for hook in bench.hooks():
        with pytest.raises(Forged):
            real.verify(hook)


def test_leadconnector_hook_of_another_location_touches_nothing(sandbox: Sandbox) -> None:
    bench = make(LeadconnectorBench, sandbox)
    bench.person({"name": "Acme"})
    elsewhere = bench.connect(options={"location_id": "elsewhere"})
    for hook in bench.hooks():
        elsewhere.verify(hook)
        assert elsewhere.touched(hook) == []


def test_leadconnector_delete_is_heard_and_read_as_gone(sandbox: Sandbox) -> None:
    bench = make(LeadconnectorBench, sandbox)
    bench.delete(bench.deal)
    for hook in bench.hooks():
        bench.connector.verify(hook)
        (ref,) = bench.connector.touched(hook)
        assert bench.connector.read(ref) is None


def test_leadsquared_grouped_hook_names_every_deal_of_the_minute(sandbox: Sandbox) -> None:
    bench = make(LeadsquaredBench, sandbox, {"hook_grouped": True})
    others = sorted(bench.fill(3))
    for vendor_id in others:
        bench.person({"mx_Custom_1": f"Deal {vendor_id[-1]}"}, vendor_id)
    bench.clock.now_s += 60
    bench.sim.flush()
    (hook,) = bench.hooks()
    bench.connector.verify(hook)
    assert sorted(ref.vendor_id for ref in bench.connector.touched(hook)) == others


def test_leadsquared_handshakes_of_a_new_subscription_are_answered_in_json(sandbox: Sandbox) -> None:
    bench = make(LeadsquaredBench, sandbox)
    url = "https://bridge.example.com/hooks/ls"
    body = {
        "Description": "bridge", "URL": url, "Method": "POST", "ContentType": "application/json", "WebhookEvent": "32",
        "OpportunityEvents": ["12000"], "WebhookProperties": '{"OpportunityEvents":["12000"],"IsAsyncEnable":false}',
        "CustomHeaders": [{"Key": "x-bridge-secret", "Value": "sandbox-hook-secret"}], "NotifyOnFailure": True,
        "IsSpecificLandingPage": False, "LandingPageUrls": None,
    }  # fmt: skip
    keys = {"x-LSQ-AccessKey": "sandbox-bridge-key", "x-LSQ-SecretKey": "sandbox-secret"}
    made = bench.sim.app.test_client().post("/v2/Webhook.svc/Create", json=body, headers=keys)
    assert made.json["Status"] == "Success", made.json
    tests = bench.hooks()
    assert {given.method for given in tests} == {"HEAD", "POST"}
    for given in tests:
        reply = bench.connector.handshake(given)
        assert reply is not None
        assert (reply.status, reply.content_type) == (200, "application/json")


def test_getfly_hooks_about_customers_touch_no_deal(sandbox: Sandbox) -> None:
    bench = make(GetflyBench, sandbox, {"hook_events": "customer.updated"})
    bench.person({"account_name": "Acme Resorts"})
    (hook,) = bench.hooks()
    bench.connector.verify(hook)
    assert bench.connector.touched(hook) == []


def test_getfly_hook_without_a_secret_is_forged(sandbox: Sandbox) -> None:
    bench = make(GetflyBench, sandbox, {"secret_key": ""})
    bench.person({"opportunity_status": 32})
    for hook in bench.hooks():
        with pytest.raises(Forged):
            bench.connector.verify(hook)


# Stages and dates


@pytest.mark.parametrize("zone", ["+07:00", "-08:00", "America/New_York"])
def test_onlyoffice_closes_and_opens_a_deal_as_its_own_page_does(sandbox: Sandbox, zone: str) -> None:
    bench = make(OnlyofficeBench, sandbox, {"portal_zone": zone}, options={"stamp_close": True})
    bench.connector.write(bench.seen(), {"stage": "8", "status": "8"})
    closed = bench.sim.portal.deal(17)
    assert abs(closed.actual.timestamp() - bench.clock.now_s) <= 2
    seen = bench.seen()
    assert seen.fields["actual_close"] == closed.actual.astimezone(bench.sim.portal.zone).date().isoformat()
    bench.connector.write(seen, {"name": "Acme"})
    assert bench.sim.portal.deal(17).actual == closed.actual
    bench.connector.write(bench.seen(), {"stage": "4", "status": "4"})
    assert bench.sim.portal.deal(17).actual is None


def test_onlyoffice_private_deal_stays_private(sandbox: Sandbox) -> None:
    bench = make(OnlyofficeBench, sandbox)
    before = bench.stored()
    ref = bench.connector.scan(None).records[2].ref
    seen = bench.connector.read(ref)
    assert seen is not None
    bench.connector.write(seen, {"name": "Acme"})
    # the caller is always added to an access list that is not empty (vendor document 3.3)
    changed = bench.changed(before)
    assert changed.pop("19 accessList")[:2] == before["19 accessList"]
    assert changed == {"19 title": "Acme"}


def test_leadconnector_wrong_scope_or_version_names_the_setting(sandbox: Sandbox) -> None:
    bench = make(LeadconnectorBench, sandbox)
    with pytest.raises(Misconfigured):
        bench.connect(options={"version": "2020-01-01"})


def test_leadconnector_empties_where_the_account_lets_it(sandbox: Sandbox) -> None:
    bench = make(LeadconnectorBench, sandbox, {"clearing": "empty"}, options={"clears": True, "version": "v3"})
    rules = bench.rules()
    for name in ("owner", "description", "custom.source", "expected_close", "amount", "probability"):
        bench.connector.write(bench.seen(), {name: rules.encode(name, None)})
        assert rules.agrees(name, None, bench.seen().fields[name]), name
