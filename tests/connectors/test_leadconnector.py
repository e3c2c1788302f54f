"""LeadConnector against the documented requests, answers, webhooks and refusals."""

from __future__ import annotations

import base64
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.connectors.base import Account, Inbound
from bridge.connectors.http import Answer, Call
from bridge.connectors.leadconnector import Leadconnector
from bridge.connectors.leadconnector.hook import PUBLISHED, PUBLISHED_RSA
from bridge.core.errors import BridgeError, Forged, Misconfigured, Permanent, Transient, Unsayable
from bridge.core.fields import FIELDS, Words
from bridge.core.model import Native, Record, Ref
from tests.connectors.recorder import OpenGate, Recorder, answered

PAYLOADS = Path(__file__).parents[1] / "payloads" / "leadconnector"
BASE = "https://services.leadconnectorhq.com"
LOCATION = "zT46WSCPbudrq4zhW"
REF = Ref("ghl", "yWQobCRIhRguQtD2llvk")
CUSTOM = "MgobCB14YMVKuE4Ka8p1"
PIPELINE, STAGE = "VDm7RPYC2GLUvdpKmBfC", "e93ba61a-53b3-45e7-985a-c7732dbcdb69"
READ_AT = 1627966517355
ED, RSA = Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
DONE = (200, {"succeded": True, "traceId": "x"})
GONE = (
    404,
    {"statusCode": 404, "error": "Not Found", "message": "Opportunity not found", "code": "OPPORTUNITY_NOT_FOUND"},
)


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / name).read_text())


def pem(key: Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def account(*, custom: dict[str, str] | None = None, currency: str = "USD", **options: Any) -> Account:
    return Account(
        "ghl",
        BASE,
        secrets={"token": "pit-1", "hook_secret": "s3cret"},
        options={"location_id": LOCATION, **options},
        custom={"link": CUSTOM} if custom is None else custom,
        currency=currency,
    )


def connect(*answers: Any, **options: Any) -> tuple[Leadconnector, Recorder]:
    recorder = Recorder(*answers)
    return Leadconnector(account(**options), transport=recorder, gate=OpenGate(), now_s=lambda: 0.0), recorder


def deal(**changes: Any) -> tuple[int, Any]:
    """The documented opportunity; a change to ... leaves the property out."""
    body = payload("opportunity.json")["opportunity"] | changes
    return 200, {"opportunity": {key: value for key, value in body.items() if value is not ...}}


def read(**changes: Any) -> Record:
    options = changes.pop("options", {})
    connector, _ = connect(deal(**changes), **options)
    record = connector.read(REF)
    assert record is not None
    return record


def write(patch: dict[str, Native], *answers: Any, seen: Record | None = None, **options: Any) -> list[Call]:
    connector, recorder = connect(*(answers or (deal(),)), **options)
    connector.write(seen or read(options=options), patch)
    for call in recorder.calls:
        valid(call, options.get("version", "2021-07-28"))
    return recorder.calls


def valid(call: Call, version: str) -> None:
    """Check a call against the published specification, undeclared properties included: the vendor refuses those."""
    spec = payload("openapi-opportunities.json")[version]
    path = call.url.removeprefix(BASE).replace(REF.vendor_id, "{id}")
    operation = spec["paths"][path][call.method.lower()]
    assert call.headers["Version"] == version
    declared = {p["name"]: p["schema"] for p in operation["parameters"] if p["in"] == "query"}
    required = {p["name"] for p in operation["parameters"] if p["in"] == "query" and p["required"]}
    sent = dict(call.params)
    assert required <= sent.keys() <= declared.keys()
    assert all(value in declared[name].get("enum", [value]) for name, value in sent.items())
    if call.json is None:
        assert "requestBody" not in operation
        return
    ref = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert call.json.keys() <= spec["components"]["schemas"][ref.rpartition("/")[2]]["properties"].keys()
    jsonschema.validate(call.json, {"$ref": ref, "components": spec["components"]})


# Golden: the documented update, both ways


def test_update_equals_the_documented_request() -> None:
    wanted = payload("update-request.json")
    patch: dict[str, Native] = {
        "pipeline": wanted["pipelineId"],
        "name": wanted["name"],
        "stage": f"{wanted['pipelineId']}/{wanted['pipelineStageId']}",
        "status": wanted["status"],
        "amount": "220",
        "owner": wanted["assignedTo"],
        "custom.link": "x1",
    }
    (call,) = write(patch)
    assert (call.method, call.url, call.params) == ("PUT", f"{BASE}/opportunities/{REF.vendor_id}", ())
    assert call.headers == {
        "Authorization": "Bearer pit-1",
        "Version": "2021-07-28",
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    assert {k: type(v) for k, v in call.json.items()} == {k: type(v) for k, v in wanted.items()}
    assert call.json == wanted | {"customFields": [{"id": CUSTOM, "field_value": "x1"}]}


def test_the_documented_answer_is_this_record() -> None:
    wanted = Record(
        REF,
        {
            "name": "testing",
            "amount": "500",
            "stage": f"{PIPELINE}/{STAGE}",
            "status": "open",
            "lost_reason": "zT46WSCPbudrq4zhWMk6",
            "owner": "zT46WSCPbudrq4zhWMk6",
            "contact": "zT46WSCPbudrq4zhWMk6",
            "pipeline": PIPELINE,
            "contact_name": "John Deo",
            "contact_email": "john@deo.com",
            "contact_phone": "+1202-555-0107",
            "account_name": "Tesla Inc",
            "custom.link": "string",
        },
        stamp=READ_AT,
    )
    connector, recorder = connect(deal(), deal())
    seen = connector.read(REF)
    assert seen == wanted
    assert connector.write(seen, {"name": "testing"}) == wanted
    assert [(c.method, c.url) for c in recorder.calls] == [
        ("GET", f"{BASE}/opportunities/{REF.vendor_id}"),
        ("PUT", f"{BASE}/opportunities/{REF.vendor_id}"),
    ]
    assert "Content-Type" not in recorder.calls[0].headers


# Reading


@pytest.mark.parametrize(
    ("changes", "field", "native"),
    [
        ({"monetaryValue": None}, "amount", None),
        ({"monetaryValue": ...}, "amount", None),
        ({"monetaryValue": 0}, "amount", "0"),
        ({"monetaryValue": 1500.50}, "amount", "1500.5"),
        ({"monetaryValue": 1e15}, "amount", "1000000000000000"),
        ({"assignedTo": None}, "owner", None),
        ({"assignedTo": ...}, "owner", None),
        ({"lostReasonId": None}, "lost_reason", None),
        ({"customFields": []}, "custom.link", None),
        ({"customFields": [{"id": CUSTOM, "fieldValue": 5}]}, "custom.link", "5"),
        ({"customFields": [{"id": CUSTOM, "fieldValue": 5.50}]}, "custom.link", "5.5"),
        ({"customFields": [{"id": CUSTOM, "type": "string", "fieldValueString": "abc"}]}, "custom.link", "abc"),
        ({"customFields": [{"id": CUSTOM, "fieldValue": None, "value": "abc"}]}, "custom.link", "abc"),
    ],
)
def test_read(changes: dict[str, Any], field: str, native: Native) -> None:
    assert read(**changes).fields[field] == native


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": ...}, {"name"}),
        ({"lostReasonId": ...}, {"lost_reason"}),
        ({"pipelineStageId": None}, {"stage"}),
        ({"customFields": ...}, {"custom.link"}),
        ({"contact": ...}, {"contact_name", "contact_email", "contact_phone", "account_name"}),
    ],
)
def test_what_is_not_shown_is_unknown(changes: dict[str, Any], fields: set[str]) -> None:
    assert not fields & read(**changes).fields.keys()


def test_a_gone_opportunity_reads_as_none() -> None:
    assert connect(GONE)[0].read(REF) is None
    assert connect((404, {"statusCode": 404, "message": "Opportunity not found"}))[0].read(REF) is None


@pytest.mark.parametrize("value", [["a", "b"], {"u": {"url": "x"}}, True])
def test_a_field_of_several_values_is_locked(value: Any) -> None:
    seen = read(customFields=[{"id": CUSTOM, "fieldValue": value}])
    assert "custom.link" not in seen.fields and "custom.link" in seen.locked
    with pytest.raises(Permanent, match="locked"):
        write({"custom.link": "x"}, seen=seen)


@pytest.mark.parametrize(
    "answer",
    [
        (200, []),
        (200, {}),
        (200, {"opportunity": []}),
        (200, {"opportunity": {"name": "no id"}}),
        (200, "not json"),
        (200, '{"opportunity": {"id": "yWQobCRIhRguQtD2llvk", "monetaryValue": NaN}}'),
        deal(id="another"),
        deal(id=7),
        deal(name=7),
        deal(status=["open"]),
        deal(monetaryValue="500"),
        deal(monetaryValue=True),
        deal(monetaryValue=1e300),
        deal(updatedAt=5),
        deal(updatedAt="yesterday"),
        deal(updatedAt="2021-08-03T04:55:17.355"),
        deal(contact="John"),
        deal(customFields={}),
        deal(customFields=["x"]),
        deal(customFields=[{"fieldValue": "x"}]),
    ],
)
def test_surprises_are_transient_and_after_a_write_in_doubt(answer: Any) -> None:
    with pytest.raises(Transient):
        connect(answer)[0].read(REF)
    with pytest.raises(Transient) as caught:
        write({"name": "x"}, answer)
    assert caught.value.in_doubt


# Writing


@pytest.mark.parametrize(
    ("patch", "body"),
    [
        ({"name": "x"}, {"name": "x"}),
        ({"amount": "1500.5"}, {"monetaryValue": 1500.5}),
        ({"amount": "1000000000"}, {"monetaryValue": 1000000000}),
        ({"amount": None}, {"monetaryValue": 0}),
        ({"status": "won"}, {"status": "won"}),
        ({"owner": "u1"}, {"assignedTo": "u1"}),
        ({"stage": f"{PIPELINE}/s2"}, {"pipelineStageId": "s2"}),
        ({"pipeline": "p2", "stage": "p2/s2"}, {"pipelineId": "p2", "pipelineStageId": "s2"}),
    ],
)
def test_only_what_changes_is_sent(patch: dict[str, Native], body: dict[str, Any]) -> None:
    (call,) = write(patch)
    assert call.json == body
    assert [type(value) for value in call.json.values()] == [type(value) for value in body.values()]
    assert connect()[0].resends(patch) == frozenset()


def test_custom_fields_go_back_as_just_read_under_the_changed_ones() -> None:
    kept = [
        {"id": "text", "fieldValue": "fresh"},
        {"id": CUSTOM, "fieldValue": "old"},
        {"id": "number", "fieldValue": 1.50},
        {"id": "several", "fieldValue": ["a", "b"]},
        {"id": "file", "fieldValue": {"u": {"url": "x"}}},
        {"id": "empty", "fieldValue": None},
    ]
    (call,) = write({"custom.link": "new"}, seen=read(customFields=kept))
    assert call.json == {
        "customFields": [
            {"id": "text", "field_value": "fresh"},
            {"id": CUSTOM, "field_value": "new"},
            {"id": "number", "field_value": "1.5"},
            {"id": "several", "field_value": ["a", "b"]},
            {"id": "file", "field_value": {"u": {"url": "x"}}},
        ]
    }


@pytest.mark.parametrize("customs", [[], None, ...])
def test_the_first_custom_field_of_a_deal(customs: Any) -> None:
    (call,) = write({"custom.link": "x"}, seen=read(customFields=customs))
    assert call.json == {"customFields": [{"id": CUSTOM, "field_value": "x"}]}


def test_where_custom_fields_merge_only_the_changed_go() -> None:
    seen = read(customFields=[{"id": "other", "fieldValue": "x"}])
    (call,) = write({"custom.link": "new"}, seen=seen, merges_custom=True)
    assert call.json == {"customFields": [{"id": CUSTOM, "field_value": "new"}]}
    assert connect(merges_custom=True, custom={"a": "a1", "b": "b1"})[0].resends({"custom.a": "x"}) == frozenset()


def test_resends_names_the_custom_fields_and_the_status() -> None:
    connector, _ = connect(custom={"a": "a1", "b": "b1"}, description_field="d1")
    assert connector.resends({"custom.a": "x", "name": "n"}) == {"custom.b", "description"}
    assert connector.resends({"description": "x"}) == {"custom.a", "custom.b"}
    assert connector.resends({"lost_reason": "r"}) == {"status"}
    assert connector.resends({"lost_reason": "r", "status": "lost"}) == frozenset()


def test_the_description_is_a_custom_field_if_the_operator_says_so() -> None:
    options = {"description_field": "d1"}
    assert read(customFields=[{"id": "d1", "fieldValue": "text"}], options=options).fields["description"] == "text"
    (call,) = write({"description": "new"}, **options)
    assert call.json == {
        "customFields": [{"id": CUSTOM, "field_value": "string"}, {"id": "d1", "field_value": "new"}],
    }
    assert "description" not in {field.name for field in connect()[0].fields}


def test_a_lost_reason_goes_with_its_status_in_their_own_call() -> None:
    (call,) = write({"status": "lost", "lost_reason": "r1"}, DONE)
    assert (call.method, call.url) == ("PUT", f"{BASE}/opportunities/{REF.vendor_id}/status")
    assert call.json == {"status": "lost", "lostReasonId": "r1"}


def test_a_lost_reason_alone_takes_the_status_as_just_read() -> None:
    (call,) = write({"lost_reason": "r1"}, DONE, seen=read(status="abandoned"))
    assert call.json == {"status": "abandoned", "lostReasonId": "r1"}
    with pytest.raises(Permanent, match="unknown_status"):
        write({"lost_reason": "r1"}, seen=read(status="all"))


def test_the_rest_goes_first_and_the_answer_keeps_no_old_status() -> None:
    connector, recorder = connect(deal(name="x"), DONE)
    after = connector.write(read(), {"name": "x", "status": "lost", "lost_reason": "r1"})
    assert [call.json for call in recorder.calls] == [{"name": "x"}, {"status": "lost", "lostReasonId": "r1"}]
    assert after is not None and after.fields["name"] == "x"
    assert not after.fields.keys() & {"status", "lost_reason"}


@pytest.mark.parametrize("answer", [(429, ""), (200, {"traceId": "x"}), (200, {"succeded": False}), GONE])
def test_a_second_call_that_fails_leaves_the_write_in_doubt(answer: Any) -> None:
    with pytest.raises(Transient) as caught:
        write({"name": "x", "status": "lost", "lost_reason": "r1"}, deal(), answer)
    assert caught.value.in_doubt


@pytest.mark.parametrize(
    ("answer", "fine"),
    [
        ((200, {"succeded": True}), True),
        ((201, {"succeded": True, "success": True}), True),
        ((200, {"success": True}), True),
        ((200, {"succeded": True, "success": False}), False),
        ((200, {"succeded": False}), False),
        ((200, {}), False),
    ],
)
def test_a_2xx_may_say_failure(answer: Any, fine: bool) -> None:
    connector, _ = connect(answer)
    if fine:
        assert connector.write(read(), {"status": "lost", "lost_reason": "r1"}) is None
        return
    with pytest.raises(Transient) as caught:
        connector.write(read(), {"status": "lost", "lost_reason": "r1"})
    assert caught.value.in_doubt


@pytest.mark.parametrize(
    ("patch", "error", "reason"),
    [
        ({"contact_name": "x"}, Permanent, "not_writable"),
        ({"contact": "x"}, Permanent, "not_writable"),
        ({"expected_close": "2026-12-31"}, Permanent, "not_writable"),
        ({"status": "all"}, Permanent, "unknown_status"),
        ({"stage": "s2"}, Permanent, "bad_stage"),
        ({"stage": None}, Permanent, "bad_stage"),
        ({"stage": "p2/s2"}, Transient, "pipeline_moved"),
        ({"pipeline": "p2"}, Permanent, "pipeline_without_stage"),
        ({"amount": "a lot"}, Permanent, "not_a_number"),
        ({"owner": None}, Permanent, "cannot_empty"),
        ({"custom.link": ""}, Permanent, "cannot_empty"),
        ({"name": ""}, Permanent, "cannot_empty"),
    ],
)
def test_what_is_not_even_sent(patch: dict[str, Native], error: type[BridgeError], reason: str) -> None:
    connector, recorder = connect()
    with pytest.raises(error, match=reason):
        connector.write(read(), patch)
    assert recorder.calls == []


def test_emptying_where_the_operator_allows_it() -> None:
    (call,) = write({"owner": None, "custom.link": ""}, clears=True)
    assert call.json == {"assignedTo": "", "customFields": [{"id": CUSTOM, "field_value": ""}]}
    (call,) = write({"lost_reason": None, "status": "open"}, DONE, clears=True)
    assert call.json == {"status": "open", "lostReasonId": ""}
    with pytest.raises(Permanent, match="cannot_empty"):
        write({"name": ""}, clears=True)


def test_an_answer_that_leaves_fields_out_does_not_empty_them() -> None:
    connector, _ = connect(deal(monetaryValue=..., assignedTo=..., customFields=[]))
    after = connector.write(read(), {"name": "x"})
    assert after is not None and not after.fields.keys() & {"amount", "owner", "custom.link"}


def test_v3_has_its_own_spelling_and_forecast() -> None:
    seen = read(forecastExpectedCloseDate="2026-05-20", forecastProbability=20, options={"version": "v3"})
    assert (seen.fields["expected_close"], seen.fields["probability"]) == ("2026-05-20", 20)
    (call,) = write({"custom.link": "x", "expected_close": "2026-06-01", "probability": 30}, seen=seen, version="v3")
    assert call.json == {
        "forecastExpectedCloseDate": "2026-06-01",
        "forecastProbability": 30,
        "customFields": [{"id": CUSTOM, "fieldValue": "x"}],
    }
    connector, recorder = connect((200, payload("search.json")), version="v3")
    connector.scan(None)
    valid(recorder.calls[0], "v3")
    assert dict(recorder.calls[0].params)["locationId"] == LOCATION


# Refusals


@pytest.mark.parametrize(("status", "body", "kind", "reason"), payload("refusals.json"))
def test_refusals(status: int, body: Any, kind: str, reason: str) -> None:
    with pytest.raises(BridgeError) as caught:
        write({"name": "x"}, (status, body))
    assert type(caught.value).__name__ == kind
    if isinstance(caught.value, Misconfigured):
        assert caught.value.where == f"connections.ghl.{reason}" and caught.value.cure
    else:
        assert caught.value.reason == reason
    if isinstance(caught.value, Transient):
        assert caught.value.in_doubt == (reason in ("server_error", "unexpected_answer"))


def test_a_refused_property_is_named_but_no_value() -> None:
    body = {"statusCode": 422, "message": ["monetaryValue must be a number", "secret deal name is bad"]}
    with pytest.raises(Permanent) as caught:
        write({"name": "x"}, (422, body))
    assert caught.value.detail == "HTTP 422 name, monetaryValue"


@pytest.mark.parametrize(
    ("headers", "after_s"),
    [
        ({"x-ratelimit-daily-remaining": "1200"}, 10.0),
        ({}, 10.0),
        ({"x-ratelimit-daily-remaining": "0"}, 3600.0),
        ({"retry-after": "3"}, 3.0),
    ],
)
def test_429_waits_one_interval_or_for_the_day(headers: dict[str, str], after_s: float) -> None:
    connector, _ = connect(answered(429, "", headers))
    with pytest.raises(Transient) as caught:
        connector.read(REF)
    assert (caught.value.after_s, caught.value.whole, caught.value.in_doubt) == (after_s, True, False)


def test_a_read_is_never_in_doubt_about_a_server_error() -> None:
    with pytest.raises(Transient) as caught:
        connect((500, {"statusCode": 500, "message": "x"}))[0].read(REF)
    assert not caught.value.in_doubt


# Webhooks


def hook(body: bytes, **headers: str) -> Inbound:
    return Inbound("POST", {}, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def signed(body: bytes, key: Ed25519PrivateKey = ED) -> Inbound:
    return hook(body, x_ghl_signature=base64.b64encode(key.sign(body)).decode())


CREATED = (PAYLOADS / "webhook-create.json").read_bytes()
SIGNATURE = base64.b64encode(ED.sign(CREATED)).decode()
RSA_SIGNATURE = base64.b64encode(RSA.sign(CREATED, padding.PKCS1v15(), SHA256())).decode()


def test_a_signed_webhook_names_the_opportunity_and_the_delivery() -> None:
    connector, _ = connect(public_key=[pem(ED)])
    inbound = signed(CREATED)
    connector.verify(inbound)
    assert connector.touched(inbound) == [Ref("ghl", "UHXrFfZGSH5rj7z5rdDP")]
    assert connector.delivery_id(inbound) == "881b9415-5d35-4ff1-a667-0545b80b96c0"


def test_several_keys_for_a_rotation_or_one_as_text() -> None:
    connect(public_key=[PUBLISHED, pem(ED)])[0].verify(signed(CREATED))
    connect(public_key=pem(ED))[0].verify(signed(CREATED))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_ghl_signature": "N/A"},
        {"x_ghl_signature": ""},
        {"x_ghl_signature": "é"},
        {"x_ghl_signature": SIGNATURE.rstrip("=")},
        {"x_ghl_signature": SIGNATURE + "\n"},
        {"x_ghl_signature": f" {SIGNATURE}"},
        {"x_ghl_signature": SIGNATURE[:8] + "*" + SIGNATURE[8:]},
        {"x_ghl_signature": base64.b64encode(ED.sign(CREATED)[:63]).decode()},
        {"x_ghl_signature": base64.b64encode(ED.sign(CREATED) + b"x").decode()},
        {"x_ghl_signature": base64.b64encode(bytes(64)).decode()},
        {"x_ghl_signature": base64.b64encode(ED.sign(CREATED + b" ")).decode()},
        {"x_ghl_signature": base64.b64encode(Ed25519PrivateKey.generate().sign(CREATED)).decode()},
        {"x_wh_signature": RSA_SIGNATURE},
        {"x_ghl_signature": "N/A", "x_wh_signature": RSA_SIGNATURE},
        {"x_bridge_secret": "wrong"},
        {"x_bridge_secret": ""},
        {"x_bridge_secret": "wrong", "x_ghl_signature": SIGNATURE},
    ],
)
def test_forged(headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        connect(public_key=[pem(ED), pem(RSA)])[0].verify(hook(CREATED, **headers))


def test_the_rsa_header_counts_only_where_switched_on_and_without_the_newer_one() -> None:
    connector, _ = connect(public_key=[pem(ED), pem(RSA)], legacy_rsa=True)
    connector.verify(hook(CREATED, x_wh_signature=RSA_SIGNATURE))
    connector.verify(hook(CREATED, x_wh_signature=RSA_SIGNATURE, x_ghl_signature="N/A"))
    for bad in ({"x_ghl_signature": "bad", "x_wh_signature": RSA_SIGNATURE}, {"x_wh_signature": SIGNATURE}, {}):
        with pytest.raises(Forged):
            connector.verify(hook(CREATED, **bad))


def test_the_published_keys_are_whole() -> None:
    text = "".join(PUBLISHED_RSA.splitlines()[1:-1])
    digest = "9bca56d7157ba223dce579de68fbcdb09832e8d18e394186d140b90f9d4e9391"
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    with pytest.raises(Forged, match="bad_signature"):
        connect(legacy_rsa=True)[0].verify(signed(CREATED))


def test_a_workflow_comes_in_with_the_secret() -> None:
    connector, _ = connect()
    for body in (
        {"type": "OpportunityUpdate", "locationId": LOCATION, "id": "abc"},
        {"locationId": LOCATION, "id": "abc"},
        {"id": "abc"},
        {"id": "abc", "webhookId": "always-the-same"},
    ):
        inbound = hook(json.dumps(body).encode(), x_bridge_secret="s3cret")
        connector.verify(inbound)
        assert connector.touched(inbound) == [Ref("ghl", "abc")]
        assert connector.delivery_id(inbound) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"locationId": "another"},
        {"locationId": None},
        {"type": "ContactUpdate"},
        {"type": "INSTALL"},
        {"type": ["OpportunityUpdate"]},
        {"type": None},
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"id": "../contacts"},
        {"id": {"id": "x"}},
    ],
)
def test_what_is_not_ours_touches_nothing(changes: dict[str, Any]) -> None:
    connector, _ = connect()
    assert connector.touched(hook(json.dumps(json.loads(CREATED) | changes).encode())) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 5000, b'{"id": "a/b"}', b'{"data": {"id": "a"}}']
)
def test_no_body_breaks_touched(body: bytes) -> None:
    connector, _ = connect()
    assert connector.touched(hook(body)) == []
    assert connector.delivery_id(hook(body)) is None


@pytest.mark.parametrize(
    "kind", ["Create", "Update", "Delete", "StageUpdate", "StatusUpdate", "MonetaryValueUpdate", "AssignedToUpdate"]
)
def test_all_seven_events_are_ours(kind: str) -> None:
    body = json.loads(CREATED) | {"type": f"Opportunity{kind}"}
    assert connect()[0].touched(hook(json.dumps(body).encode())) == [Ref("ghl", "UHXrFfZGSH5rj7z5rdDP")]


def test_replies() -> None:
    connector, _ = connect()
    assert connector.reply("accepted").status == 200
    assert connector.reply("forged").status == 401
    busy = connector.reply("busy")
    assert (busy.status, busy.headers) == (429, {"Retry-After": "30"})
    head = connector.handshake(Inbound("HEAD", {}, {}, b""))
    assert head is not None and head.status == 200
    assert connector.handshake(signed(CREATED)) is None


# Scanning and checking


def test_a_row_tells_what_it_holds_and_never_that_something_is_empty() -> None:
    connector, recorder = connect((200, payload("search.json")))
    page = connector.scan(None)
    valid(recorder.calls[0], "2021-07-28")
    assert dict(recorder.calls[0].params) == {
        "location_id": LOCATION,
        "limit": "100",
        "order": "added_asc",
        "status": "all",
    }
    fields = {
        "name": "testing",
        "stage": f"{PIPELINE}/{STAGE}",
        "status": "open",
        "contact": "zT46WSCPbudrq4zhWMk6",
        "pipeline": PIPELINE,
    }
    assert page.records == [Record(REF, fields, stamp=1764599591001)]


def test_the_cursor_goes_back_as_it_came() -> None:
    connector, recorder = connect((200, payload("search.json")), (200, payload("search.json")), page_rows=1)
    cursor = connector.scan(None).next
    with pytest.raises(Transient, match="stands still"):
        connector.scan(cursor)
    sent = dict(recorder.calls[1].params)
    assert (sent["startAfter"], sent["startAfterId"], sent["limit"]) == ("1764605190468", "zT46WSCPbudrq4zhWMk6", "1")
    valid(recorder.calls[1], "2021-07-28")


@pytest.mark.parametrize(
    "body",
    [
        {"opportunities": [], "meta": {"total": None, "startAfter": 1, "startAfterId": "x", "nextPage": 2}},
        payload("search.json") | {"meta": {"total": 1, "startAfter": 1, "startAfterId": "x", "nextPage": None}},
    ],
)
def test_the_last_page(body: Any) -> None:
    assert connect((200, body))[0].scan(None).next is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"opportunities": None, "meta": {}},
        {"opportunities": []},
        {"opportunities": [7], "meta": {}},
        {"opportunities": [{}], "meta": {}},
        payload("search.json") | {"meta": {"nextPage": 2}},
    ],
)
def test_odd_pages(body: Any) -> None:
    with pytest.raises(Transient):
        connect((200, body))[0].scan(None)


def test_check_lists_the_stages_and_knows_the_custom_fields() -> None:
    definitions = {"customFields": [{"id": CUSTOM, "name": "Link", "dataType": "TEXT"}]}
    connector, recorder = connect((200, payload("pipelines.json")), (200, definitions))
    assert connector.check() == ["custom.link: TEXT field"]
    valid(recorder.calls[0], "2021-07-28")
    assert recorder.calls[1].url == f"{BASE}/locations/{LOCATION}/customFields"
    assert recorder.calls[1].params == (("model", "opportunity"),)


def test_check_names_a_custom_field_that_is_not_there() -> None:
    definitions = {"customFields": [{"id": "other", "name": "Other", "dataType": "TEXT"}]}
    with pytest.raises(Misconfigured) as caught:
        connect((200, payload("pipelines.json")), (200, definitions))[0].check()
    assert caught.value.where == "connections.ghl.custom.link" and "other Other" in caught.value.cure


def test_check_says_what_it_could_not_check() -> None:
    refused = (401, {"statusCode": 401, "message": "The token is not authorized for this scope."})
    assert "could not be read" in connect((200, payload("pipelines.json")), refused)[0].check()[-1]


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"version": "2023-02-21"}, "version"),
        ({"location_id": ""}, "location_id"),
        ({"public_key": ["nonsense"]}, "public_key"),
        ({"currency": ""}, "currency"),
        ({"custom": {"a": "x", "b": "x"}}, "custom.a"),
        ({"custom": {"a": "opportunity.a"}}, "custom.a"),
        ({"description_field": CUSTOM}, "custom.link"),
    ],
)
def test_settings_that_cannot_be(options: dict[str, Any], key: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        connect(**options)
    assert caught.value.where == f"connections.ghl.{key}"


# The table of fields

WORDS = Words(
    meaning={
        ("stage", f"{PIPELINE}/{STAGE}"): "won",
        ("status", "open"): "open",
        ("pipeline", PIPELINE): "sales",
        ("owner", "zT46WSCPbudrq4zhWMk6"): "bo",
        ("lost_reason", "zT46WSCPbudrq4zhWMk6"): "price",
        ("contact", "zT46WSCPbudrq4zhWMk6"): "link-1",
    },
    says={
        ("stage", "won"): ("other/1", f"{PIPELINE}/{STAGE}"),
        ("status", "open"): ("open",),
        ("pipeline", "sales"): (PIPELINE,),
        ("owner", "bo"): ("zT46WSCPbudrq4zhWMk6",),
        ("lost_reason", "price"): ("zT46WSCPbudrq4zhWMk6",),
        ("contact", "link-1"): ("zT46WSCPbudrq4zhWMk6",),
    },
)


def test_what_is_read_can_be_said_again() -> None:
    connector, _ = connect(version="v3")
    seen = read(forecastExpectedCloseDate="2026-05-20", forecastProbability=20, options={"version": "v3"})
    assert {field.name for field in connector.fields} == seen.fields.keys()
    for field in connector.fields:
        native = seen.fields[field.name]
        canonical = field.decode(native, WORDS)
        again = field.encode(canonical, WORDS, PIPELINE)
        assert field.same(again, native), field.name
        assert field.decode(again, WORDS) == canonical, field.name


def test_what_is_written_is_read_back() -> None:
    patch: dict[str, Native] = {"name": "x", "amount": "1500.5", "status": "won", "owner": "u1", "custom.link": "é"}
    (call,) = write(patch)
    values = dict(call.json) | {
        "customFields": [{"id": CUSTOM, "fieldValue": call.json["customFields"][0]["field_value"]}]
    }
    assert {name: read(**values).fields[name] for name in patch} == patch


def test_all_fields_are_known_and_the_contacts_are_read_only() -> None:
    fields = {field.name: field for field in connect(custom={})[0].fields}
    assert fields.keys() <= FIELDS.keys()
    readonly = {name for name, field in fields.items() if field.readonly}
    assert readonly == {"contact", "contact_name", "contact_email", "contact_phone", "account_name"}


@pytest.mark.parametrize("name", ["name", "owner", "lost_reason", "custom.link", "expected_close", "stage", "status"])
def test_emptying_waits_for_a_person(name: str) -> None:
    (field,) = (field for field in connect(version="v3")[0].fields if field.name == name)
    with pytest.raises(Unsayable):
        field.encode(None, WORDS)


def test_an_empty_amount_is_zero_there() -> None:
    (field,) = (field for field in connect()[0].fields if field.name == "amount")
    assert field.same(None, "0") and field.encode("12.345 USD", WORDS) == str(Decimal("12.34"))


def test_a_missing_token_is_named() -> None:
    bare = Account("ghl", BASE, options={"location_id": LOCATION}, currency="USD")
    with pytest.raises(Misconfigured, match=r"ghl\.token"):
        Leadconnector(bare, transport=lambda call: Answer(200), gate=OpenGate())
