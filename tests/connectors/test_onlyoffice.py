"""ONLYOFFICE Workspace CRM: requests and answers as its documents show them; payloads are synthetic."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.connectors.base import Account, Inbound
from bridge.connectors.http import Answer
from bridge.connectors.onlyoffice import Onlyoffice
from bridge.core.errors import BridgeError, Disconnected, Forged, Misconfigured, Permanent, Transient
from bridge.core.fields import Words
from bridge.core.model import Record, Ref
from tests.connectors.recorder import OpenGate, Recorder, answered

PAYLOADS = Path(__file__).parent.parent / "payloads" / "onlyoffice"
MIKE, ANN = "293bb997-28d8-4be0-8547-6eb50add1f3c", "5a9a7b41-1c2d-4b7e-9a53-0d5a1b1f6c11"
NOW_S = 1_719_900_000.5  # 2024-07-02 06:00:00 UTC
REF = Ref("oo", "17")
DEAL = "https://portal.example/api/2.0/crm/opportunity/17"
UNTOUCHED = {
    "contactid": 1234, "members": [1234, 77], "title": "Hotel catalogue", "description": "Two rounds",
    "responsibleid": MIKE, "bidType": 0, "bidValue": 1500.5, "bidCurrencyAbbr": "USD", "perPeriodValue": 0,
    "stageid": 4, "successProbability": 35, "actualCloseDate": None, "expectedCloseDate": "2024-06-30",
    "customFieldList": [{"key": 5, "value": "Ads"}, {"key": 6, "value": "K-9"}],
    "isPrivate": True, "accessList": [MIKE, ANN], "isNotify": False,
}  # fmt: skip


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def ok(response: Any, status: int = 200) -> tuple[int, Any]:
    return status, {"count": 1, "status": 0, "statusCode": status, "response": response}


def deal(**changes: Any) -> dict[str, Any]:
    """The documented deal with members replaced; `...` takes a member out, as the vendor does with zeros."""
    value = {**payload("deal")["response"], **changes}
    return {key: part for key, part in value.items() if part is not ...}


def connector(*answers: tuple[int, Any] | Answer, secrets: Any = None, **options: Any) -> tuple[Onlyoffice, Recorder]:
    recorder = Recorder(*answers)
    custom = {"source": "5", "code": "6", "note": "8"}
    account = Account("oo", "https://portal.example", secrets or {"token": "t-1"}, options, custom)
    return Onlyoffice(account, transport=recorder, gate=OpenGate(), now_s=lambda: NOW_S), recorder


def written(patch: dict[str, Any], seen: dict[str, Any], *answers: Any, **options: Any) -> tuple[Any, list[Any]]:
    """Read `seen`, write the patch, and return what write returned and the calls after the read."""
    oo, recorder = connector(ok(seen), *answers, **options)
    record = oo.read(REF)
    assert record
    return oo.write(record, patch), recorder.calls[1:]


def json_type(value: Any) -> Any:
    if isinstance(value, list):
        return [json_type(value[0])] if value else []
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}
    return names[type(value)]


# golden, from the seed page


def test_changed_title_sends_the_documented_request_and_every_other_value_as_read() -> None:
    _, (call,) = written({"name": "Hotel book"}, deal(), ok(deal(title="Hotel book")))
    assert (call.method, call.url, call.params) == ("PUT", f"{DEAL}.json", ())
    assert call.headers == {
        "Accept": "application/json", "Content-Type": "application/json", "Authorization": "t-1",
    }  # fmt: skip
    assert call.json == {**UNTOUCHED, "title": "Hotel book"}


def test_body_has_the_17_keys_of_the_seed_with_their_types() -> None:
    seen = deal(actualCloseDate="2024-07-01T00:00:00.0000000+03:00")
    _, (call,) = written({"name": "Hotel book"}, seen, ok(seen))
    sent = json.loads(json.dumps(call.json))
    documented = payload("seed_inputs")
    assert len(documented) == 17
    assert {key: json_type(value) for key, value in sent.items()} == documented


@pytest.mark.parametrize("name", ["deal", "deal_as_in_the_seed_schema"])
def test_documented_answer_is_the_right_record(name: str) -> None:
    oo, recorder = connector((200, payload(name)))
    record = oo.read(REF)
    assert record == Record(
        REF,
        {
            "name": "Hotel catalogue", "description": "Two rounds", "amount": "1500.5 USD", "stage": "4", "status": "4",
            "probability": 35, "owner": MIKE, "contact": "1234", "contact_name": "Bo Example",
            "expected_close": "2024-06-30", "actual_close": None,
            "custom.source": "Ads", "custom.code": "K-9", "custom.note": None,
        },
    )  # fmt: skip
    assert record.raw == UNTOUCHED
    assert [(call.method, call.url, call.json) for call in recorder.calls] == [("GET", f"{DEAL}.json", None)]


def test_amount_with_nine_decimals_goes_back_without_loss() -> None:
    text = json.dumps({"status": 0, "response": deal(bidValue="@")}).replace('"@"', "1234567.123456000")
    oo, recorder = connector(Answer(200, {}, text.encode()), ok(deal()))
    record = oo.read(REF)
    assert record
    assert record.fields["amount"] == "1234567.123456 USD"
    oo.write(record, {"name": "x"})
    assert json.dumps(recorder.calls[1].json["bidValue"]) == "1234567.123456"


def test_amount_that_json_cannot_carry_is_not_written_back() -> None:
    text = json.dumps({"status": 0, "response": deal(bidValue="@")}).replace('"@"', "123456789012345.123456789")
    oo, _ = connector(Answer(200, {}, text.encode()))
    record = oo.read(REF)
    assert record
    with pytest.raises(Permanent, match="deal_incomplete"):
        oo.write(record, {"name": "x"})


# what an answer leaves out


def test_absent_members_are_zero_or_none_and_go_back_so() -> None:
    bare = deal(
        bidType=..., bidValue=..., perPeriodValue=..., successProbability=..., contact=..., description=...,
        members=[], customFields=[], isPrivate=False, accessList=..., expectedCloseDate="0001-01-01T00:00:00.0000000Z",
    )  # fmt: skip
    oo, recorder = connector(ok(bare), ok(bare))
    record = oo.read(REF)
    assert record
    assert record.fields == {
        "name": "Hotel catalogue", "description": None, "amount": None, "stage": "4", "status": "4", "probability": 0,
        "owner": MIKE, "contact": None, "account": None, "contact_name": None, "account_name": None,
        "expected_close": None, "actual_close": None,
        "custom.source": None, "custom.code": None, "custom.note": None,
    }  # fmt: skip
    oo.write(record, {"name": "x"})
    assert recorder.calls[1].json == {
        **UNTOUCHED, "title": "x", "contactid": 0, "members": [], "description": "", "bidValue": 0,
        "successProbability": 0, "expectedCloseDate": None, "customFieldList": [], "isPrivate": False, "accessList": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "day", "back"),
    [
        ("2024-06-30T00:00:00.0000000+03:00", "2024-06-30", "2024-06-30"),
        ("2024-06-30T00:00:00.0000000Z", "2024-06-30", "2024-06-30"),
        ("2024-06-30T01:30:05.1234567+03:00", "2024-06-30", "2024-06-29T22-30-05.000Z"),
        ("2024-06-30T23:00:00-05:00", "2024-06-30", "2024-07-01T04-00-00.000Z"),
        ("0001-01-01T00:00:00.0000000Z", None, None),
    ],
)
def test_a_date_is_a_day_of_the_portal_and_goes_back_to_the_second(shown: str, day: str, back: str) -> None:
    _, (call,) = written({"name": "x"}, deal(expectedCloseDate=shown), ok(deal()))
    assert call.json["expectedCloseDate"] == back
    oo, _ = connector(ok(deal(expectedCloseDate=shown)))
    record = oo.read(REF)
    assert record
    assert record.fields["expected_close"] == day


# every field, both ways


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({"description": ""}, {"description": ""}),
        ({"amount": "99 EUR"}, {"bidValue": 99, "bidCurrencyAbbr": "EUR"}),
        ({"amount": None}, {"bidValue": 0}),
        ({"probability": 60}, {"successProbability": 60}),
        ({"contact": "9"}, {"contactid": 9, "members": [1234, 77, 9]}),
        ({"contact": "77"}, {"contactid": 77}),
        ({"contact": None}, {"contactid": 0}),
        ({"expected_close": "2024-12-31"}, {"expectedCloseDate": "2024-12-31"}),
        ({"expected_close": None}, {"expectedCloseDate": None}),
        ({"actual_close": "2024-12-30"}, {"actualCloseDate": "2024-12-30"}),
        ({"name": "x", "custom.source": "Fair"}, {"title": "x", "customFieldList": [
            {"key": 5, "value": "Fair"}, {"key": 6, "value": "K-9"}]}),
        ({"name": "x", "custom.note": "new"}, {"title": "x", "customFieldList": [
            {"key": 5, "value": "Ads"}, {"key": 6, "value": "K-9"}, {"key": 8, "value": "new"}]}),
    ],
)  # fmt: skip
def test_each_field_changes_its_own_inputs_only(patch: dict[str, Any], changed: dict[str, Any]) -> None:
    _, (call,) = written(patch, deal(), ok(deal()))
    assert call.json == {**UNTOUCHED, **changed}


CASES = [
    ("name", "Hotel", {"title": "Hotel"}, "Hotel"),
    ("description", "a\nb", {"description": "a\nb"}, "a\nb"),
    ("description", None, {"description": ""}, ""),
    ("amount", "1500.5 USD", {"bidValue": 1500.5}, "1500.5 USD"),
    ("amount", None, {"bidValue": ...}, None),
    ("amount", "0 USD", {"bidValue": ...}, None),
    ("stage", "won", {"stage": {"id": 8, "title": "Closure"}}, "8"),
    ("status", "won", {"stage": {"id": 8, "title": "Closure"}}, "8"),
    ("probability", 0, {"successProbability": ...}, 0),
    ("probability", 40, {"successProbability": 40}, 40),
    ("owner", "ann", {"responsible": {"id": ANN}}, ANN),
    ("contact", "person-1", {"contact": {"id": 9, "isCompany": False, "displayName": "Cy"}}, "9"),
    ("contact", None, {"contact": ...}, None),
    ("expected_close", "2024-12-31", {"expectedCloseDate": "2024-12-31T00:00:00.0000000+03:00"}, "2024-12-31"),
    ("actual_close", None, {"actualCloseDate": "0001-01-01T00:00:00.0000000Z"}, None),
    ("custom.source", "Fair", {"customFields": [{"id": 5, "fieldValue": "Fair", "fieldType": 2}]}, "Fair"),
    ("custom.source", None, {"customFields": []}, None),
]


@pytest.mark.parametrize(("name", "canonical", "stored", "native"), CASES)
def test_what_is_put_is_got_back(name: str, canonical: Any, stored: dict[str, Any], native: Any) -> None:
    oo, _ = connector(ok(deal(**stored)))
    field = next(field for field in oo.fields if field.name == name)
    words = Words(
        {("stage", "8"): "won", ("status", "8"): "won", ("owner", ANN): "ann", ("contact", "9"): "person-1"},
        {
            ("stage", "won"): ("8",),
            ("status", "won"): ("8",),
            ("owner", "ann"): (ANN,),
            ("contact", "person-1"): ("9",),
        },
    )
    record = oo.read(REF)
    assert record
    assert record.fields[name] == native
    assert field.same(field.encode(canonical, words), native)
    assert field.same(field.encode(field.decode(native, words), words), native)


# stage moves

WON = {"id": 8, "title": "Closure/Transaction", "successProbability": 100, "stageType": 1}
CLOSED = {"stage": WON, "successProbability": 100, "actualCloseDate": "2024-07-01T00:00:00.0000000+03:00"}


@pytest.mark.parametrize(
    ("seen", "patch", "stamp_close", "stage_call", "date"),
    [
        ({}, {"stage": "5", "status": "5"}, False, False, None),  # the stage call would change the probability
        ({"successProbability": 50}, {"stage": "5", "status": "5"}, False, True, ...),
        ({}, {"stage": "5", "status": "5", "probability": 50}, False, True, ...),
        ({}, {"stage": "5", "status": "5", "probability": 51}, False, False, None),
        ({}, {"stage": "5", "status": "5", "name": "x", "probability": 50}, False, False, None),
        ({}, {"stage": "8", "status": "8", "probability": 100}, False, False, None),  # it would set the actual close
        ({}, {"stage": "8", "status": "8", "probability": 100}, True, True, ...),
        ({}, {"stage": "8", "status": "8"}, True, False, "2024-07-02T06-00-00.000Z"),
        ({}, {"stage": "8", "status": "8", "actual_close": "2024-06-28"}, True, False, "2024-06-28"),
        ({}, {"stage": "8", "status": "8", "actual_close": None}, True, False, None),
        ({"successProbability": ...}, {"stage": "9", "status": "9"}, True, True, ...),  # lost: 0 is left out
        (CLOSED, {"stage": "7", "status": "7", "probability": 90}, False, False, "2024-07-01"),
        (CLOSED, {"stage": "7", "status": "7", "probability": 90}, True, True, ...),
        (CLOSED, {"stage": "7", "status": "7"}, True, False, None),
        (CLOSED, {"stage": "9", "status": "9"}, True, False, "2024-07-01"),
    ],
)
def test_stage_moves_by_the_narrow_call_only_when_its_side_effects_are_wanted(
    seen: Any, patch: Any, stamp_close: bool, stage_call: bool, date: Any
) -> None:
    stages = (200, payload("stages"))
    _, (listed, call) = written(patch, deal(**seen), stages, ok(deal()), stamp_close=stamp_close)
    assert (listed.method, listed.url) == ("GET", "https://portal.example/api/2.0/crm/opportunity/stage.json")
    if stage_call:
        number = int(patch["stage"])
        assert (call.method, call.url, call.json) == ("PUT", f"{DEAL}/stage/{number}.json", {"stageid": number})
    else:
        assert (call.method, call.url) == ("PUT", f"{DEAL}.json")
        assert call.json["stageid"] == int(patch["stage"])
        assert call.json["actualCloseDate"] == date
        probability = patch.get("probability", seen.get("successProbability", 35))
        assert call.json["successProbability"] == probability


def test_stage_that_the_portal_does_not_have_is_refused_before_the_write() -> None:
    with pytest.raises(Permanent, match="unknown_stage"):
        written({"stage": "99", "status": "99"}, deal(), (200, payload("stages")))


# owner


def test_new_owner_is_met_first() -> None:
    _, (met, call) = written({"owner": ANN}, deal(), ok({"id": ANN}), ok(deal()))
    assert (met.method, met.url) == ("GET", f"https://portal.example/api/2.0/people/{ANN}.json")
    assert call.json == {**UNTOUCHED, "responsibleid": ANN}


def test_owner_who_does_not_exist_is_not_written() -> None:
    with pytest.raises(Permanent, match="unknown_owner"):
        written({"owner": ANN}, deal(), (404, payload("error_404")))


# custom fields


def test_custom_fields_alone_go_one_by_one_and_can_be_emptied() -> None:
    answer, calls = written({"custom.source": "", "custom.code": "A"}, deal(), ok({}, 201), ok({}, 201))
    assert answer is None
    assert [(c.method, c.url, c.json) for c in calls] == [
        ("POST", f"{DEAL}/customfield/5.json", {"fieldValue": ""}),
        ("POST", f"{DEAL}/customfield/6.json", {"fieldValue": "A"}),
    ]


def test_emptied_custom_field_beside_others_is_emptied_after_the_put() -> None:
    answer, (put, post) = written({"name": "x", "custom.source": None}, deal(), ok(deal(title="x")), ok({}, 201))
    assert put.json == {**UNTOUCHED, "title": "x"}
    assert (post.url, post.json) == (f"{DEAL}/customfield/5.json", {"fieldValue": ""})
    assert "custom.source" not in answer.fields  # the answer to the PUT is older than the POST
    assert answer.fields["custom.code"] == "K-9"


def test_failure_after_the_put_is_in_doubt() -> None:
    with pytest.raises(Transient) as caught:
        written({"name": "x", "custom.source": None}, deal(), ok(deal()), answered(429, "", {"retry-after": "3"}))
    assert (caught.value.in_doubt, caught.value.whole, caught.value.after_s) == (True, True, 3.0)


# what is re-sent


def test_resends_names_what_a_put_carries_and_nothing_for_custom_fields_alone() -> None:
    oo, _ = connector()
    assert oo.resends({"custom.source": "x"}) == frozenset()
    every = {
        "name", "description", "amount", "stage", "status", "probability", "owner", "contact", "account",
        "expected_close", "actual_close", "custom.source", "custom.code", "custom.note",
    }  # fmt: skip
    assert oo.resends({"name": "x", "custom.code": "y"}) == every - {"name", "custom.code"}


def test_write_leaves_the_read_record_alone() -> None:
    oo, _ = connector(ok(deal()), ok(deal()))
    record = oo.read(REF)
    assert record
    before = copy.deepcopy(dict(record.raw))
    oo.write(record, {"name": "x", "contact": "9", "custom.source": "y"})
    assert record.raw == before


def test_notify_is_sent_only_when_the_operator_sets_it() -> None:
    _, (call,) = written({"name": "x"}, deal(), ok(deal()), notify=True)
    assert call.json == {**UNTOUCHED, "title": "x", "isNotify": True}


# locked records


@pytest.mark.parametrize(
    ("seen", "options", "locked"),
    [
        ({}, {}, set()),
        ({"bidType": 4, "perPeriodValue": 3}, {}, {"amount"}),
        ({"contact": {"id": 77, "isCompany": True, "displayName": "Example Ltd"}}, {}, {"contact"}),
        ({}, {"primary": "account"}, {"account"}),
        ({"canEdit": False}, {}, {"name", "amount", "custom.code"}),
        ({"accessList": []}, {}, {"name", "amount", "custom.code"}),
        ({"accessList": [], "isPrivate": False}, {}, set()),
    ],
)
def test_locked_fields_are_told_and_never_written(seen: Any, options: Any, locked: set[str]) -> None:
    oo, recorder = connector(ok(deal(**seen)), **options)
    record = oo.read(REF)
    assert record
    assert record.locked.keys() >= locked
    assert bool(record.locked) == bool(locked)
    for name in locked:
        with pytest.raises(Permanent, match="locked"):
            oo.write(record, {name: "1"})
    assert len(recorder.calls) == 1


def test_amount_of_a_deal_paid_by_period_is_the_total() -> None:
    oo, _ = connector(ok(deal(bidType=4, perPeriodValue=3)))
    record = oo.read(REF)
    assert record
    assert record.fields["amount"] == "4501.5 USD"
    assert record.locked["amount"].startswith("this deal is paid by the month")


@pytest.mark.parametrize(("primary", "other"), [("contact", "account"), ("account", "contact")])
def test_primary_contact_is_the_person_or_the_company_as_set(primary: str, other: str) -> None:
    oo, _ = connector(primary=primary)
    fields = {field.name: field for field in oo.fields}
    assert not fields[primary].readonly
    assert f'primary = "{other}"' in fields[other].readonly


# what goes wrong


@pytest.mark.parametrize(
    ("answer", "error", "reason", "in_doubt"),
    [
        ((400, payload("error_400")), Permanent, "refused", None),
        ((402, {"status": 1, "statusCode": 402, "error": {}}), Disconnected, "portal_unpaid", None),
        ((403, {"status": 1, "statusCode": 403, "error": {}}), Permanent, "forbidden", None),
        ((404, payload("error_404")), Transient, "gone_meanwhile", False),
        ((404, "<html>"), Transient, "unexpected_answer", True),
        ((302, ""), Transient, "unexpected_answer", True),
        ((500, {"status": 1, "statusCode": 500, "error": {}}), Transient, "server_error", True),
        ((503, {"status": 1, "statusCode": 503, "error": {}}), Transient, "server_error", True),
        ((502, "portal is being warmed"), Transient, "server_error", True),
        ((200, "<html>"), Transient, "not_json", True),
        ((200, {"status": 1, "statusCode": 500, "error": {}}), Transient, "unexpected_answer", True),
        ((200, {"status": 0, "response": {"id": 18}}), Transient, "unexpected_answer", True),
        ((401, "Unauthorized"), Disconnected, "unauthorized", None),
        (answered(503, "busy", {"retry-after": "7"}), Transient, "throttled", False),
    ],
)
def test_failed_update_says_what_to_do_next(
    answer: Any, error: type[BridgeError], reason: str, in_doubt: bool | None
) -> None:
    with pytest.raises(error) as caught:
        written({"name": "secret title"}, deal(), answer)
    assert caught.value.reason == reason
    assert "secret title" not in caught.value.detail
    if isinstance(caught.value, Transient):
        assert caught.value.in_doubt == in_doubt


def test_gone_is_only_what_the_vendor_itself_calls_not_found() -> None:
    oo, _ = connector((404, payload("error_404")), (404, "<html>404</html>"))
    assert oo.read(REF) is None
    with pytest.raises(Transient):
        oo.read(REF)


@pytest.mark.parametrize("vendor_id", ["", "0", "abc", "017", "1/../2", "१७"])
def test_id_that_is_no_number_is_never_called(vendor_id: str) -> None:
    oo, recorder = connector()
    with pytest.raises(Permanent, match="bad_id"):
        oo.read(Ref("oo", vendor_id))
    assert recorder.calls == []


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 18}, {"title": 5}, {"isPrivate": ...}, {"isPrivate": "no"}, {"bidType": True}, {"bidValue": "1"},
        {"members": {}}, {"members": [None]}, {"members": [{}]}, {"accessList": [{"id": 5}]}, {"stage": []},
        {"expectedCloseDate": "30.06.2024"}, {"expectedCloseDate": ...}, {"actualCloseDate": "2024-13-01T00:00:00Z"},
        {"actualCloseDate": "9999-12-31T23:59:59-05:00"}, {"customFields": [{"id": 5, "fieldValue": 7}]},
        {"contact": {"displayName": "no id"}}, {"bidValue": 10**40},
    ],
)  # fmt: skip
def test_answer_of_another_shape_is_tried_again_and_never_guessed(changes: dict[str, Any]) -> None:
    oo, _ = connector(ok(deal(**changes)))
    with pytest.raises(Transient, match="unexpected_answer"):
        oo.read(REF)


@pytest.mark.parametrize("key", ["stage", "responsible", "bidCurrency"])
def test_deal_without_a_required_input_is_unknown_there_and_not_written(key: str) -> None:
    with pytest.raises(Permanent, match="deal_incomplete"):
        written({"name": "x"}, deal(**{key: ...}))
    oo, _ = connector(ok(deal(**{key: ...})))
    record = oo.read(REF)
    assert record
    assert {"stage": "stage", "responsible": "owner", "bidCurrency": "amount"}[key] not in record.fields


@pytest.mark.parametrize(
    "patch", [{"amount": "much USD"}, {"stage": "x"}, {"owner": "../x"}, {"contact": "x"}, {"lost_reason": "1"}]
)
def test_native_value_that_does_not_fit_is_refused_before_any_call(patch: dict[str, Any]) -> None:
    with pytest.raises(Permanent):
        written(patch, deal())


# credentials

LOGIN = {"email": "bridge@portal.example", "password": "pw"}


def test_logs_in_once_and_keeps_the_token() -> None:
    oo, recorder = connector((201, payload("login")), ok(deal()), ok(deal()), secrets=LOGIN)
    oo.read(REF)
    oo.read(REF)
    login = recorder.calls[0]
    assert (login.method, login.url) == ("POST", "https://portal.example/api/2.0/authentication.json")
    assert login.json == {"userName": "bridge@portal.example", "password": "pw"}
    assert "Authorization" not in login.headers
    assert [call.headers["Authorization"] for call in recorder.calls[1:]] == ["token-after-login"] * 2


def test_dead_token_is_renewed_once_and_the_write_is_sent_again() -> None:
    answers = (ok(deal()), (401, "Unauthorized"), (201, payload("login")), ok(deal(title="x")))
    oo, recorder = connector(*answers, secrets={"token": "old", **LOGIN})
    record = oo.read(REF)
    assert record
    assert oo.write(record, {"name": "x"})
    assert [call.headers.get("Authorization") for call in recorder.calls] == ["old", "old", None, "token-after-login"]


def test_second_401_disconnects() -> None:
    answers = ((401, "Unauthorized"), (201, payload("login")), (401, "Unauthorized"))
    oo, _ = connector(*answers, secrets={"token": "old", **LOGIN})
    with pytest.raises(Disconnected, match="unauthorized"):
        oo.read(REF)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, {"status": 1, "statusCode": 500, "error": {"message": "User authentication failed"}}), "login_refused"),
        (ok({"token": None, "tfa": True}, 201), "two_factor"),
        (ok({"sms": True, "phoneNoise": "+1**"}, 201), "two_factor"),
    ],
)
def test_refused_login_is_not_tried_again(answer: Any, reason: str) -> None:
    oo, recorder = connector(answer, secrets=LOGIN)
    with pytest.raises(Disconnected, match=reason):
        oo.read(REF)
    assert len(recorder.calls) == 1


@pytest.mark.parametrize("secrets", [{"email": "a@b.example"}, {"hook_secret": "x"}])
def test_neither_token_nor_login_refuses_to_start(secrets: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match=r"connections\.oo\.token"):
        connector(secrets=secrets)


# nudges


def inbound(body: bytes = b'{"id": "17"}', **headers: str) -> Inbound:
    return Inbound("POST", {}, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_only_a_nudge_with_the_secret_is_taken() -> None:
    oo, _ = connector(secrets={"token": "t", "hook_secret": "s"})
    oo.verify(inbound(x_bridge_secret="s"))
    for forged in (inbound(), inbound(x_bridge_secret="S"), inbound(x_bridge_secret="")):
        with pytest.raises(Forged):
            oo.verify(forged)


def test_without_a_hook_secret_everything_is_forged() -> None:
    oo, _ = connector()
    for forged in (inbound(), inbound(x_bridge_secret=""), inbound(x_bridge_secret="s")):
        with pytest.raises(Forged):
            oo.verify(forged)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"id": "17"}', ["17"]), (b'{"id": 17}', ["17"]), (b'{"id": 0}', []), (b'{"id": true}', []),
        (b'{"id": "017"}', []), (b'{"id": "x"}', []), (b'{"id": 17, "title": "x"}', []), (b"[17]", []), (b"\xff", []),
    ],
)  # fmt: skip
def test_touched_takes_numbers_only(body: bytes, ids: list[str]) -> None:
    oo, _ = connector()
    assert oo.touched(inbound(body)) == [Ref("oo", vendor_id) for vendor_id in ids]
    assert oo.delivery_id(inbound(body)) is None


def test_replies_and_handshake_are_the_plain_ones() -> None:
    oo, _ = connector()
    assert [oo.reply(outcome).status for outcome in ("accepted", "forged", "busy")] == [200, 401, 503]
    head = oo.handshake(Inbound("HEAD", {}, {}, b""))
    assert head is not None
    assert head.status == 200
    assert oo.handshake(inbound()) is None


# scan


def rows(*ids: int) -> tuple[int, Any]:
    return ok([deal(id=number) for number in ids])


def test_scan_asks_for_documented_pages_in_the_order_of_ids() -> None:
    oo, recorder = connector(rows(1, 2, 3), rows(3, 4), page_rows=3)
    first = oo.scan(None)
    second = oo.scan(first.next)
    assert [record.ref.vendor_id for page in (first, second) for record in page.records] == ["1", "2", "3", "3", "4"]
    assert second.next is None
    assert [call.url for call in recorder.calls] == ["https://portal.example/api/2.0/crm/opportunity/filter.json"] * 2
    query = (("count", "3"), ("startIndex", "0"), ("sortBy", "id"), ("sortOrder", "ascending"))
    assert recorder.calls[0].params == query
    assert dict(recorder.calls[1].params)["startIndex"] == "2"


def test_empty_portal_is_one_empty_page() -> None:
    oo, _ = connector((200, {"status": 0, "statusCode": 200, "response": []}))
    page = oo.scan(None)
    assert (list(page.records), page.next) == ([], None)


def test_rows_that_moved_because_others_were_deleted_are_found() -> None:
    oo, recorder = connector(rows(10, 20, 30, 40), rows(60, 70), rows(40, 50, 60, 70), page_rows=4)
    page = oo.scan(None)
    seen = [record.ref.vendor_id for record in page.records]
    for _ in range(2):  # 10 and 20 were deleted after the first page
        page = oo.scan(page.next)
        seen += [record.ref.vendor_id for record in page.records]
    assert seen == ["10", "20", "30", "40", "40", "50", "60", "70"]
    assert [dict(call.params)["startIndex"] for call in recorder.calls] == ["0", "3", "1"]


def test_list_that_does_not_advance_ends_the_scan_with_an_error() -> None:
    oo, _ = connector(rows(1, 2), rows(1, 2), page_rows=2)
    with pytest.raises(Transient, match="unexpected_answer"):
        oo.scan(oo.scan(None).next)


def test_one_odd_row_shows_only_its_id() -> None:
    oo, _ = connector(ok([deal(id=1), deal(id=2, title=5)]))
    assert [dict(record.fields) for record in oo.scan(None).records][1] == {}


def test_public_row_without_an_access_list_is_like_the_read_one() -> None:
    row = deal(isPrivate=False, accessList=...)
    oo, _ = connector(ok([row]), ok(deal(isPrivate=False, accessList=[])))
    (listed,) = oo.scan(None).records
    assert listed == oo.read(REF)


# check


def test_check_names_stages_and_warns_about_a_small_account() -> None:
    answers = (ok({"id": MIKE, "isAdmin": False}), (200, payload("stages")), (200, payload("definitions")))
    oo, _ = connector(*answers)
    with pytest.raises(Misconfigured, match=r"connections\.oo\.custom\.note.*5 Source, 6 Code"):
        oo.check()
    account = Account("oo", "https://portal.example", {"token": "t"}, {}, {"source": "5"}, currency="USD")
    recorder = Recorder(*answers, ok([{"abbreviation": "USD"}]))
    remarks = Onlyoffice(account, transport=recorder, gate=OpenGate(), now_s=lambda: NOW_S).check()
    assert len(remarks) == 1 and "not a portal administrator" in remarks[0]
    assert [call.url.removeprefix("https://portal.example/api/2.0") for call in recorder.calls] == [
        "/people/@self.json", "/crm/opportunity/stage.json", "/crm/opportunity/customfield/definitions.json",
        "/crm/settings/currency.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ((404, "<html>"), "base_url"),
        ((301, ""), "base_url"),
        ((403, {"status": 1, "statusCode": 403, "error": {}}), "token"),
    ],
)
def test_check_names_the_setting_that_does_not_fit(answer: Any, where: str) -> None:
    oo, _ = connector(answer)
    with pytest.raises(Misconfigured, match=rf"connections\.oo\.{where}"):
        oo.check()


def test_currency_that_the_portal_lacks_refuses_to_start() -> None:
    account = Account("oo", "https://portal.example", {"token": "t"}, currency="TWD")
    recorder = Recorder(ok({"isAdmin": True}), (200, payload("stages")), ok([{"abbreviation": "USD"}]))
    with pytest.raises(Misconfigured, match=r"connections\.oo\.currency"):
        Onlyoffice(account, transport=recorder, gate=OpenGate(), now_s=lambda: NOW_S).check()


@pytest.mark.parametrize(("custom", "options"), [({"x": "Source"}, {}), ({"x": "0"}, {}), ({}, {"primary": "both"})])
def test_settings_of_another_form_refuse_to_start(custom: dict[str, str], options: dict[str, str]) -> None:
    account = Account("oo", "https://portal.example", {"token": "t"}, options, custom)
    with pytest.raises(Misconfigured):
        Onlyoffice(account, transport=Recorder(), gate=OpenGate(), now_s=lambda: NOW_S)
