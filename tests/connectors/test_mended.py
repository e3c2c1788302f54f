"""What the contract found wrong: one test for each mistake, named after what went wrong."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.connectors.base import Connector, Inbound
from bridge.connectors.registry import VENDORS
from bridge.core.errors import Permanent, Transient, Unsayable
from bridge.core.fields import Words
from bridge.core.model import Record, Ref
from bridge.sandbox.server import Sandbox
from tests.connectors.bench import Direct, MemoryBench, SandboxBench, adjusted, as_stored
from tests.connectors.benches import (
    GetflyBench,
    LeadconnectorBench,
    LeadsquaredBench,
    OnlyofficeBench,
    PlazbotBench,
)
from tests.connectors.contract_hook import nudge
from tests.connectors.contract_scan import swept
from tests.connectors.recorder import OpenGate, Recorder


def connector(kind: type[SandboxBench], *answers: tuple[int, Any], **changes: Any) -> tuple[Connector, Recorder]:
    recorder = Recorder(*answers)
    account = adjusted(kind.account, {"base_url": "https://crm.example", **changes})
    return VENDORS[kind.vendor](account, transport=recorder, gate=OpenGate(), now_s=lambda: 0.0), recorder


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (OnlyofficeBench, "name"),  # the title must be sent and not be empty (3.3)
        (LeadsquaredBench, "name"),  # mx_Custom_1 is mandatory (2.2)
        (PlazbotBench, "name"),
        (GetflyBench, "account_name"),  # required in every update (2.4)
        (PlazbotBench, "owner"),  # null is documented for stage and contact only (6)
        (PlazbotBench, "expected_close"),
    ],
)
def test_an_emptied_field_that_the_vendor_keeps_killed_the_whole_write(kind: type[SandboxBench], name: str) -> None:
    made, _ = connector(kind)
    field = next(field for field in made.fields if field.name == name)
    with pytest.raises(Unsayable):
        field.encode(None, Words())


def test_onlyoffice_lookup_that_failed_before_an_update_left_it_in_doubt(sandbox: Sandbox) -> None:
    for patch in ({"owner": OnlyofficeBench.cases["owner"].value}, {"stage": "4", "status": "4"}):
        bench = OnlyofficeBench(sandbox, Direct(sandbox))
        seen = bench.seen()
        bench.strike("hangs_before", "")
        with pytest.raises(Transient) as caught:
            bench.connector.write(seen, patch)
        assert not caught.value.in_doubt


@pytest.mark.parametrize(
    ("kind", "secrets"),
    [
        (OnlyofficeBench, {"token": "", "email": "hoa@example.com", "password": "x"}),
        (PlazbotBench, {"api_key": "", "email": "hoa@example.com", "password": "x"}),
    ],
)
def test_a_login_without_an_answer_left_a_write_in_doubt(kind: type[SandboxBench], secrets: dict[str, str]) -> None:
    made, _ = connector(kind, (502, "<html>"), secrets=secrets)
    raw = {"customFieldList": [], "customFields": [], **dict.fromkeys(("title", "bidValue", "bidCurrencyAbbr"), "x")}
    seen = Record(Ref("c", "17"), {"name": "x"}, raw={**raw, "responsibleid": "x", "stageid": 1})
    with pytest.raises(Transient) as caught:
        made.write(seen, {"name": "Acme"})
    assert not caught.value.in_doubt


@pytest.mark.parametrize("kind", [GetflyBench, OnlyofficeBench, LeadsquaredBench, PlazbotBench, LeadconnectorBench])
def test_a_field_that_is_not_mapped_was_dropped_or_a_key_error(kind: type[SandboxBench]) -> None:
    made, recorder = connector(kind)
    with pytest.raises(Permanent):
        made.write(Record(Ref("c", "17"), {}, raw={"customFieldList": []}), {"custom.nobody": "x"})
    assert recorder.calls == []


def test_onlyoffice_wrote_the_contact_for_an_account_that_is_readonly(sandbox: Sandbox) -> None:
    bench = OnlyofficeBench(sandbox, Direct(sandbox))
    before = bench.stored()
    with pytest.raises(Permanent):
        bench.connector.write(bench.seen(), {"account": "101"})
    assert bench.changed(before) == {}


def test_leadconnector_nudge_was_forgotten_because_its_secret_is_not_stored() -> None:
    made, _ = connector(LeadconnectorBench)
    assert made.touched(as_stored(nudge("abc"), made)) == [Ref("lc", "abc")]
    workflow = Inbound("POST", {}, {"x-bridge-secret": "s"}, b'{"id": "abc", "name": "x"}')
    assert made.touched(as_stored(workflow, made)) == [Ref("lc", "abc")]


@pytest.mark.parametrize("given", [b'{"id": "a\\u0000b"}', b'{"id": "\\ud83d"}'])
def test_a_nudge_named_an_id_that_no_store_takes(given: bytes) -> None:
    for kind in (GetflyBench, LeadsquaredBench, PlazbotBench, LeadconnectorBench):
        made, _ = connector(kind)
        assert all(ref.vendor_id.isprintable() for ref in made.touched(Inbound("POST", {}, {}, given)))


def test_getfly_amount_that_no_read_shows_did_not_say_so(sandbox: Sandbox) -> None:
    for served, silent in (("", {"amount", "expected_close"}), ("amount", {"expected_close"})):
        bench = GetflyBench(sandbox, Direct(sandbox), {"extra_fields": served, "unknown_field_refused": False})
        bench.seen()
        unread = {field.name for field in bench.connector.fields if field.unread}
        assert unread & {"amount", "expected_close"} == silent


def test_getfly_sweep_never_saw_a_description_that_only_some_accounts_show(sandbox: Sandbox) -> None:
    served = "amount,description,est_finish_date,account_code"
    bench = GetflyBench(sandbox, Direct(sandbox), {"extra_fields": served})
    bench.person({"description": "Fifty rooms", "amount": 1800})
    row = swept(bench.connect())[bench.deal]
    assert (row.fields["description"], row.fields["amount"]) == ("Fifty rooms", "1800")


def test_memory_scan_missed_a_deal_when_another_was_deleted() -> None:
    bench = MemoryBench()
    ids = bench.fill(25)
    rows = swept(bench.connector, lambda: bench.delete("d1"))
    assert rows.keys() == ids
