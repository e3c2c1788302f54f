"""Plazbot: requests and answers as its documents show them; payloads are synthetic."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.connectors.base import Account, Inbound
from bridge.connectors.http import Answer, Call, _number
from bridge.connectors.plazbot import Plazbot
from bridge.core.errors import BridgeError, Disconnected, Forged, Misconfigured, Permanent, Transient
from bridge.core.fields import Words
from bridge.core.model import Record, Ref
from tests.connectors.recorder import OpenGate, Recorder, answered

PAYLOADS = Path(__file__).parent.parent / "payloads" / "plazbot"
NOW_S = 1_750_000_000.0
REF = Ref("pb", "o1")
URL = "https://api.plazbot.com/api/opportunity"
WORKSPACE = (("workspaceId", "wok_1"),)
KEY = {"api_key": "k-1"}
LOGIN = {"email": "ana@example.com", "password": "p"}
REFUSED = {"success": False, "code": 401, "errorCode": None, "message": "no", "data": None}
FIELDS = {
    "name": "Hotel catalogue", "description": "Two rounds", "amount": "123", "stage": "s1", "status": "s1",
    "owner": "u1", "contact": "c1", "expected_close": "2025-04-30", "actual_close": "2023-11-07 05:31:56",
    "custom.source": "Ads", "custom.code": None,
}  # fmt: skip


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def deal(**changes: Any) -> dict[str, Any]:
    """The documented record with members replaced; `...` takes a member out."""
    value = {**payload("update-documented")["data"]["opportunity"], **changes}
    return {key: part for key, part in value.items() if part is not ...}


def enveloped(data: Any) -> dict[str, Any]:
    return {"success": True, "code": 200, "errorCode": None, "message": "ok", "data": data}


def updated(**changes: Any) -> tuple[int, Any]:
    """The answer to the current dialect."""
    return 200, enveloped({"id": "o1", "opportunity": deal(**changes)})


def updated_older(**changes: Any) -> tuple[int, Any]:
    return 200, enveloped({"id": "o1", "oportunity": deal(**changes)})


def listed(*rows: Any, token: Any = None) -> tuple[int, Any]:
    return 200, enveloped({"workspaceId": "wok_1", "continuationToken": token, "data": list(rows)})


def failed(code: Any = 200, error: Any = None, message: str = "no") -> dict[str, Any]:
    return {"success": False, "code": code, "errorCode": error, "message": message, "data": None}


def connector(
    *answers: tuple[int, Any] | Answer, secrets: Any = None, zone: str = "America/Lima", **options: Any
) -> tuple[Plazbot, Recorder]:
    recorder = Recorder(*answers)
    account = Account(
        "pb", "https://api.plazbot.com", KEY if secrets is None else secrets, {"workspace_id": "wok_1", **options},
        {"source": "Source", "code": "Code"}, "USD", zone,
    )  # fmt: skip
    return Plazbot(account, transport=recorder, gate=OpenGate(), now_s=lambda: NOW_S), recorder


def reading(row: Any, **options: Any) -> Record | None:
    return connector((200, row), **options)[0].read(REF)


def writing(patch: dict[str, Any], *answers: Any, seen: Any = None, **options: Any) -> tuple[Any, list[Call], Plazbot]:
    """Read `seen`, write the patch; return the answer or the error, the calls after the read, and the connector."""
    pb, recorder = connector((200, [seen or deal()]), *answers, **options)
    record = pb.read(REF)
    assert record
    try:
        after: Any = pb.write(record, patch)
    except BridgeError as error:
        after = error
    assert not recorder.answers
    return after, recorder.calls[1:], pb


def wire(call: Call) -> Any:
    """The body as the transport spells it."""
    return json.loads(json.dumps(call.json, default=_number))


def kinds(value: Any) -> Any:
    """The keys and JSON types of a value."""
    if isinstance(value, dict):
        return {key: kinds(part) for key, part in value.items()}
    if isinstance(value, list):
        return [kinds(part) for part in value]
    return type(value).__name__


# Golden: the seed page, both ways


def test_update_is_the_documented_request() -> None:
    documented = payload("seed-request")
    patch = {"name": "A", "description": "B", "amount": "124", "stage": "s2", "status": "s2", "contact": "c2"}
    patch["custom.source"] = "Fair"
    new = {"name": "A", "description": "B", "amount": 124, "stageId": "s2", "contactId": "c2"}
    new_custom = [{"name": "Source", "value": "Fair"}]
    seen = deal(customFields=[{"name": "Source", "value": "Ads"}])
    after, (call,), _ = writing(patch, updated(**new, customFields=new_custom), seen=seen)
    assert (call.method, call.url) == ("PUT", URL)
    assert call.params == (("id", "o1"), ("workspaceId", "wok_1"))
    assert call.headers == {
        "Authorization": "Bearer k-1", "Content-Type": "application/json", "x-workspace-id": "wok_1",
    }  # fmt: skip
    assert wire(call) == {**new, "customFields": new_custom}
    assert kinds(wire(call)) == kinds(documented)
    assert patch.items() <= after.fields.items()


def test_the_documented_answer_is_the_record() -> None:
    seed = payload("seed-answer")
    pb, _ = connector((200, seed))
    ref = Ref("pb", "<string>")
    seen = Record(ref, {"name": "before"})
    after = pb.write(seen, {"name": "<string>"})
    assert after == Record(
        ref,
        {
            "name": "<string>", "description": "<string>", "amount": "123", "stage": "<string>", "status": "<string>",
            "owner": "<string>", "contact": "<string>", "expected_close": "2023-11-07 05:31:56",
            "actual_close": "2023-11-07 05:31:56", "custom.source": None, "custom.code": None,
        },
    )  # fmt: skip


def test_every_shape_of_get_by_id_is_understood() -> None:
    row = deal()
    shapes: list[Any] = [
        [row], row, {"data": row}, {"data": [row]}, {"data": {"data": [row]}}, {"data": {"opportunity": row}},
        {"data": {"contactId": "o1", "data": [row]}}, enveloped([row]), payload("update-documented"),
        enveloped({"id": "o1", "oportunity": row}),
    ]  # fmt: skip
    for shape in shapes:
        assert reading(shape) == Record(REF, FIELDS), shape


def test_read_asks_by_id() -> None:
    pb, recorder = connector((200, [deal(id="o 1/2")]))
    assert pb.read(Ref("pb", "o 1/2"))
    (call,) = recorder.calls
    assert (call.method, call.url, call.params, call.json) == ("GET", f"{URL}/o%201%2F2", WORKSPACE, None)
    assert call.headers == {"x-workspace-id": "wok_1", "Authorization": "Bearer k-1"}


@pytest.mark.parametrize("vendor_id", ["", ".", ".."])
def test_an_id_that_would_change_the_path_is_not_sent(vendor_id: str) -> None:
    pb, recorder = connector()
    seen = Record(Ref("pb", vendor_id), {"name": "x"})
    for call in (lambda: pb.read(seen.ref), lambda: pb.write(seen, {"name": "y"})):
        with pytest.raises(Permanent, match="bad_id"):
            call()
    assert not recorder.calls


# Reading values


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"amount": 1200.5}, {"amount": "1200.5"}),
        ({"amount": 0}, {"amount": "0"}),
        ({"amount": 1e3}, {"amount": "1000"}),
        ({"amount": None}, {"amount": None}),
        ({"contactId": ""}, {"contact": None}),
        ({"contactId": None}, {"contact": None}),
        ({"stageId": None}, {"stage": None, "status": None}),
        ({"assignedAgentId": None}, {"owner": None}),
        ({"description": None}, {"description": None}),
        ({"expirationDate": "2025-04-30T00:00:00"}, {"expected_close": "2025-04-30"}),
        ({"expirationDate": "2025-04-30T00:00:00Z"}, {"expected_close": "2025-04-30"}),
        ({"expirationDate": "2025-04-30T03:00:00.1234567Z"}, {"expected_close": "2025-04-30 03:00:00"}),
        ({"expirationDate": "2025-04-30T03:00:00"}, {"expected_close": "2025-04-30 03:00:00"}),
        ({"expirationDate": "2025-04-30T00:00:00-05:00"}, {"expected_close": "2025-04-30 05:00:00"}),
        ({"expirationDate": None}, {"expected_close": None}),
        ({"expirationDate": "0001-01-01T00:00:00"}, {"expected_close": None}),
        ({"winLossDate": None}, {"actual_close": None}),
        ({"customFields": None}, {"custom.source": None, "custom.code": None}),
        ({"customFields": [{"name": "Code", "value": 7}]}, {"custom.source": None, "custom.code": "7"}),
        ({"customFields": [{"code": "Code", "value": "x"}]}, {"custom.source": None, "custom.code": "x"}),
    ],
)
def test_values_are_parsed(changes: dict[str, Any], shown: dict[str, Any]) -> None:
    record = reading([deal(**changes)])
    assert record and record.fields == {**FIELDS, **shown}


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("name", {"name"}),
        ("stageId", {"stage", "status"}),
        ("amount", {"amount"}),
        ("contactId", {"contact"}),
        ("customFields", {"custom.source", "custom.code"}),
    ],
)
def test_what_is_not_shown_is_unknown(key: str, names: set[str]) -> None:
    record = reading([deal(**{key: ...})])
    assert record and record.fields.keys() == FIELDS.keys() - names


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "o2"}, {"id": ...}, {"name": 5}, {"amount": "12"}, {"amount": True}, {"amount": 1e300}, {"stageId": 4},
        {"expirationDate": "soon"}, {"expirationDate": 5}, {"customFields": {"Source": "Ads"}}, {"customFields": ["x"]},
        {"customFields": [{"name": "Code", "value": ["x"]}]},
    ],
)  # fmt: skip
def test_a_record_of_another_form_is_a_surprise(changes: dict[str, Any]) -> None:
    with pytest.raises(Transient, match="unexpected_answer"):
        reading([deal(**changes)])


@pytest.mark.parametrize("body", [5, "x", [5], True, [deal(), deal()], {"data": 5}])
def test_an_answer_without_one_record_is_a_surprise(body: Any) -> None:
    with pytest.raises(Transient, match="unexpected_answer"):
        reading(body if not isinstance(body, str) else json.dumps(body))


@pytest.mark.parametrize(
    "answer",
    [
        (200, []), (200, "null"), (200, enveloped(None)), (200, enveloped([])), (200, enveloped({"data": []})),
        (404, failed(404)), (404, ""), (200, failed(404)), (200, [deal(deletionDate="2025-05-01T10:00:00.123Z")]),
    ],
)  # fmt: skip
def test_gone(answer: tuple[int, Any]) -> None:
    assert connector(answer)[0].read(REF) is None


def test_a_deletion_date_of_the_year_one_is_none() -> None:
    assert reading([deal(deletionDate="0001-01-01T00:00:00")])


# Errors


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (answered(401, failed(401)), Disconnected, "unauthorized"),
        (answered(401, "<html>"), Disconnected, "unauthorized"),
        (answered(200, failed(401)), Disconnected, "unauthorized"),
        (answered(403, failed(403)), Permanent, "forbidden"),
        (answered(400, failed(400)), Permanent, "refused"),
        (answered(422, failed(422)), Permanent, "refused"),
        (answered(404, "<html>nothing here"), Transient, "unexpected_answer"),
        (answered(302, ""), Transient, "unexpected_answer"),
        (answered(408, ""), Transient, "server_error"),
        (answered(429, failed(429), {"retry-after": "7"}), Transient, "throttled"),
        (answered(200, failed(429)), Transient, "throttled"),
        (answered(500, failed(500)), Transient, "server_error"),
        (answered(502, "<html>"), Transient, "server_error"),
        (answered(200, failed(500)), Transient, "server_error"),
        (answered(200, failed(200)), Transient, "refused"),
        (answered(200, "<html>"), Transient, "not_json"),
        (answered(200, ""), Transient, "not_json"),
    ],
)
def test_errors_of_a_read(answer: Answer, error: type[BridgeError], reason: str) -> None:
    for call in (lambda pb: pb.read(REF), lambda pb: pb.scan(None)):
        with pytest.raises(error) as caught:
            call(connector(answer)[0])
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("answer", "error", "reason", "in_doubt"),
    [
        (answered(400, failed(400, "BAD_STAGE", "stage 'x' is wrong")), Permanent, "refused", None),
        (answered(422, failed(422)), Permanent, "refused", None),
        (answered(404, failed(404)), Permanent, "not_found", None),
        (answered(401, failed(401)), Disconnected, "unauthorized", None),
        (answered(200, failed(200)), Permanent, "refused", None),
        (answered(200, failed(None)), Permanent, "refused", None),
        (answered(200, failed(503)), Transient, "server_error", True),
        (answered(429, failed(429)), Transient, "throttled", False),
        (answered(500, failed(500)), Transient, "server_error", True),
        (answered(200, "oops"), Transient, "not_json", True),
        (answered(200, enveloped(None)), Transient, "unexpected_answer", True),
        (answered(200, enveloped({"id": "o1"})), Transient, "unexpected_answer", True),
        (answered(*updated(id="o2")), Transient, "unexpected_answer", True),
        (answered(*updated(amount="many")), Transient, "unexpected_answer", True),
    ],
)
def test_errors_of_a_write(answer: Answer, error: type[BridgeError], reason: str, in_doubt: bool | None) -> None:
    caught, _, _ = writing({"name": "New"}, answer)
    assert isinstance(caught, error) and caught.reason == reason
    assert getattr(caught, "in_doubt", None) == in_doubt
    assert "stage 'x'" not in caught.detail


def test_the_vendors_error_code_is_told_and_nothing_longer() -> None:
    assert "BAD_STAGE" in writing({"name": "N"}, (400, failed(400, "BAD_STAGE")))[0].detail
    assert writing({"name": "N"}, (400, failed(400, "Bo Diaz is not a name")))[0].detail == "HTTP 400"


# Partial updates


@pytest.mark.parametrize(
    ("patch", "body"),
    [
        ({"name": "B"}, {"name": "B"}),
        ({"description": ""}, {"description": ""}),
        ({"description": None}, {"description": ""}),
        ({"amount": "2500.75"}, {"amount": 2500.75}),
        ({"amount": "2500"}, {"amount": 2500}),
        ({"amount": None}, {"amount": 0}),
        ({"stage": "s2", "status": "s2"}, {"stageId": "s2"}),
        ({"status": "s2"}, {"stageId": "s2"}),
        ({"stage": None, "status": None}, {"stageId": None}),
        ({"contact": None}, {"contactId": None}),
    ],
)
def test_a_write_sends_only_what_changes(patch: dict[str, Any], body: dict[str, Any]) -> None:
    after, calls, pb = writing(patch, updated(**body))
    assert [wire(call) for call in calls] == [body]
    assert after and not pb.resends(patch)


def test_custom_fields_go_back_whole_as_just_read_with_the_changes_in_place() -> None:
    fresh = [{"name": "Source", "value": "Ads"}, {"name": "Other", "value": None}, {"name": "Note", "value": "K-9"}]
    sent = [{"name": "Source", "value": "Fair"}, *fresh[1:], {"name": "Code", "value": "7"}]
    before = copy.deepcopy(fresh)
    after, (call,), pb = writing(
        {"custom.source": "Fair", "custom.code": "7"}, updated(customFields=sent), seen=deal(customFields=fresh)
    )
    assert call.json == {"customFields": sent} and fresh == before
    assert after.fields["custom.source"] == "Fair"
    assert pb.resends({"custom.source": "Fair", "name": "x"}) == {"custom.code"}
    assert pb.resends({"custom.source": "Fair", "custom.code": "7"}) == frozenset()


def test_an_emptied_custom_field_is_sent_empty() -> None:
    shown = [{"name": "Source", "value": ""}, {"name": "Note", "value": "K-9"}]
    _, (call,), _ = writing({"custom.source": None}, updated(customFields=shown))
    assert call.json == {"customFields": shown}


def test_custom_fields_that_are_not_shown_are_locked() -> None:
    after, calls, _ = writing({"custom.source": "x"}, seen=deal(customFields=...))
    assert after.reason == "locked" and not calls
    record = reading([deal(customFields=...)])
    assert record and record.locked.keys() == {"custom.source", "custom.code"}


@pytest.mark.parametrize("name", ["actual_close", "probability", "custom.unknown"])
def test_what_cannot_be_written_is_refused_before_any_call(name: str) -> None:
    after, calls, _ = writing({"name": "x", name: "y"})
    assert after.reason == "not_writable" and not calls


# The two dialects


def test_what_the_current_dialect_did_not_take_goes_again_one_by_one() -> None:
    after, calls, _ = writing(
        {"name": "B", "amount": "7"}, updated(name="B"), updated_older(name="B", amount=7)
    )  # fmt: skip
    assert [wire(call) for call in calls] == [{"name": "B", "amount": 7}, {"paramToUpdate": "amount", "amount": 7}]
    assert all((call.method, call.params) == ("PUT", (("id", "o1"), *WORKSPACE)) for call in calls)
    assert (after.fields["name"], after.fields["amount"]) == ("B", "7")


@pytest.mark.parametrize(
    "first", [updated(), (400, failed(400, None, "paramToUpdate is required")),
              (200, failed(400, None, "Missing paramToUpdate"))],
)  # fmt: skip
def test_the_older_dialect_is_learned_by_a_connection(first: Any) -> None:
    _, calls, pb = writing({"name": "B"}, first, updated_older(name="B"))
    assert [call.json for call in calls] == [{"name": "B"}, {"paramToUpdate": "name", "name": "B"}]
    again = Recorder(updated_older(name="C"), updated_older(name="C", stageId="s2"))
    pb.http.transport = again
    after = pb.write(Record(REF, {"name": "B", "stage": "s1"}), {"name": "C", "stage": "s2", "status": "s2"})
    assert [call.json for call in again.calls] == [
        {"paramToUpdate": "name", "name": "C"}, {"paramToUpdate": "stageId", "stageId": "s2"},
    ]  # fmt: skip
    assert after and (after.fields["name"], after.fields["status"]) == ("C", "s2")


def test_one_field_in_two_that_was_not_taken_teaches_nothing() -> None:
    _, _, pb = writing({"name": "B", "amount": "7"}, updated(name="B"), updated_older(name="B", amount=7))
    pb.http.transport = again = Recorder(updated(name="C"))
    assert pb.write(Record(REF, {"name": "B"}), {"name": "C"})
    assert [call.json for call in again.calls] == [{"name": "C"}]


def test_the_current_dialect_is_tried_again_when_the_older_one_stops_working() -> None:
    _, _, pb = writing({"name": "B"}, updated(), updated_older(name="B"))
    seen = Record(REF, {"name": "B"})
    pb.http.transport = again = Recorder(updated(name="B"), updated(name="C"))
    with pytest.raises(Permanent, match="not_taken"):
        pb.write(seen, {"name": "C"})
    assert pb.write(seen, {"name": "C"})
    assert [call.json for call in again.calls] == [{"paramToUpdate": "name", "name": "C"}, {"name": "C"}]


def test_what_only_the_current_dialect_knows_is_an_error_when_it_is_not_taken() -> None:
    after, calls, pb = writing({"contact": "c2", "name": "B"}, updated(), updated_older(name="B"))
    assert after.reason == "not_taken" and "contact" in after.detail and "c2" not in after.detail
    assert [call.json for call in calls] == [{"name": "B", "contactId": "c2"}, {"paramToUpdate": "name", "name": "B"}]
    pb.http.transport = again = Recorder(updated(contactId="c2"))  # the older dialect is known now; this still goes
    assert pb.write(Record(REF, {"contact": "c1"}), {"contact": "c2"})
    assert [call.json for call in again.calls] == [{"contactId": "c2"}]


def test_the_vendors_own_form_of_a_value_counts_as_taken() -> None:
    after, calls, _ = writing({"name": "a very long name"}, updated(name="A VERY LONG"))
    assert len(calls) == 1 and after.fields["name"] == "A VERY LONG"


def test_owner_and_expiry_go_by_the_older_dialect_after_the_rest() -> None:
    after, calls, _ = writing(
        {"owner": "u2", "expected_close": "2025-05-01", "name": "B"},
        updated(name="B"),
        updated_older(name="B", assignedAgentId="u2"),
        updated_older(name="B", assignedAgentId="u2", expirationDate="2025-05-01T00:00:00.000Z"),
    )
    assert [call.json for call in calls] == [
        {"name": "B"},
        {"paramToUpdate": "assignedAgentId", "assignedAgentId": "u2"},
        {"paramToUpdate": "expirationDate", "expirationDate": "2025-05-01T00:00:00"},
    ]
    assert (after.fields["owner"], after.fields["expected_close"]) == ("u2", "2025-05-01")


@pytest.mark.parametrize(
    ("patch", "body"),
    [
        ({"owner": None}, {"paramToUpdate": "assignedAgentId", "assignedAgentId": None}),
        ({"expected_close": None}, {"paramToUpdate": "expirationDate", "expirationDate": None}),
        (
            {"expected_close": "2025-05-01 03:00:00"},
            {"paramToUpdate": "expirationDate", "expirationDate": "2025-05-01T03:00:00Z"},
        ),
    ],
)
def test_owner_and_expiry_can_be_emptied_and_put_back(patch: dict[str, Any], body: dict[str, Any]) -> None:
    key = body["paramToUpdate"]
    after, (call,), _ = writing(patch, updated_older(**{key: body[key]}))
    assert call.json == body and patch.items() <= after.fields.items()


def test_owner_and_expiry_that_the_answer_does_not_show_are_an_error() -> None:
    same = updated_older()
    after, calls, _ = writing({"owner": "u2", "expected_close": "2025-05-01"}, same, same)
    assert isinstance(after, Permanent) and after.reason == "not_taken" and len(calls) == 2
    assert "owner, expected_close" in after.detail and "u2" not in after.detail
    for shown in (..., "u3", None):
        assert writing({"owner": "u2"}, updated_older(assignedAgentId=shown))[0].reason == "not_taken"


def test_without_the_older_dialect_owner_and_expiry_are_readonly() -> None:
    pb, _ = connector(older_dialect=False)
    reasons = {field.name: field.readonly for field in pb.fields if field.readonly}
    assert reasons.keys() == {"owner", "expected_close", "actual_close"}
    assert "older_dialect = true" in reasons["owner"]
    assert writing({"owner": "u2"}, older_dialect=False)[0].reason == "not_writable"


@pytest.mark.parametrize("second", [answered(429, ""), answered(401, "")])
def test_a_failure_after_the_first_call_is_in_doubt(second: Answer) -> None:
    after, _, _ = writing({"name": "B", "owner": "u2"}, updated(name="B"), second)
    assert isinstance(after, Disconnected) or after.in_doubt
    after, _, _ = writing({"owner": "u2"}, second)
    assert isinstance(after, Disconnected) or not after.in_doubt


# Credentials


def test_login_once_then_the_token_is_kept() -> None:
    pb, recorder = connector((200, payload("login-documented")), (200, [deal()]), (200, [deal()]), secrets=LOGIN)
    assert pb.read(REF) and pb.read(REF)
    login, *reads = recorder.calls
    assert (login.method, login.url) == ("POST", "https://api.plazbot.com/api/user/login")
    assert login.json == LOGIN and "Authorization" not in login.headers
    assert login.headers["Content-Type"] == "application/json"
    assert [(c.headers["Authorization"], c.headers["x-workspace-id"]) for c in reads] == [
        ("Bearer token-1", "wok_1")
    ] * 2


def test_a_token_that_is_no_longer_good_is_renewed_once() -> None:
    token = [(200, enveloped({"token": f"t{number}"})) for number in range(3)]
    pb, recorder = connector(
        token[0], (401, REFUSED), token[1], updated(name="B"), (401, REFUSED), token[2], (401, REFUSED), secrets=LOGIN
    )
    assert pb.write(Record(REF, {"name": "A"}), {"name": "B"})
    with pytest.raises(Disconnected, match="unauthorized"):
        pb.read(REF)
    tokens = [call.headers.get("Authorization") for call in recorder.calls]
    assert tokens == [None, "Bearer t0", None, "Bearer t1", "Bearer t1", None, "Bearer t2"]


def test_a_token_with_a_life_time_is_renewed_before_its_end() -> None:
    now_s = [NOW_S]
    tokens = [(200, enveloped({"token": "t", "expiresIn": 3600})), (200, enveloped({"token": "u"}))]
    pb, recorder = connector(tokens[0], (200, [deal()]), (200, [deal()]), tokens[1], (200, [deal()]), secrets=LOGIN)
    pb.http.now_s = lambda: now_s[0]
    for now_s[0] in (NOW_S, NOW_S + 3539, NOW_S + 3540):
        assert pb.read(REF)
    assert [c.headers.get("Authorization") for c in recorder.calls] == [
        None, "Bearer t", "Bearer t", None, "Bearer u",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ((401, REFUSED), Disconnected, "login_refused"),
        ((400, failed(400)), Disconnected, "login_refused"),
        ((404, failed(404)), Disconnected, "login_refused"),
        ((200, failed(200)), Disconnected, "login_refused"),
        ((429, ""), Transient, "throttled"),
        ((500, failed(500)), Transient, "server_error"),
        ((200, enveloped({"token": ""})), Transient, "unexpected_answer"),
        ((200, []), Transient, "unexpected_answer"),
    ],
)
def test_errors_of_a_login(answer: Any, error: type[BridgeError], reason: str) -> None:
    with pytest.raises(error) as caught:
        connector(answer, secrets=LOGIN)[0].read(REF)
    assert caught.value.reason == reason


def test_the_key_is_used_where_both_are_given() -> None:
    pb, recorder = connector((401, REFUSED), secrets=KEY | LOGIN)
    with pytest.raises(Disconnected):
        pb.read(REF)
    assert [call.headers["Authorization"] for call in recorder.calls] == ["Bearer k-1"]


def test_settings_that_are_missing_are_named() -> None:
    def build(**changes: Any) -> None:
        settings: dict[str, Any] = {"secrets": KEY, "options": {"workspace_id": "w"}, "currency": "USD", **changes}
        Plazbot(Account("pb", "https://x.example", **settings), transport=Recorder(), gate=OpenGate())

    build()
    cases = {
        "api_key": {"secrets": {"email": "a@example.com"}},
        "workspace_id": {"options": {}},
        "currency": {"currency": ""},
        "zone": {"zone": "Lima"},
    }
    for key, changes in cases.items():
        with pytest.raises(Misconfigured) as caught:
            build(**changes)
        assert caught.value.where == f"connections.pb.{key}"


# Webhooks: none but the nudge


def inbound(body: bytes = b'{"id": "o1"}', method: str = "POST", **headers: str) -> Inbound:
    return Inbound(method, {}, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_only_a_nudge_with_the_secret_is_believed() -> None:
    pb, _ = connector(secrets={**KEY, "hook_secret": "s"})
    pb.verify(inbound(x_bridge_secret="s"))
    for forged in (inbound(), inbound(x_bridge_secret="t"), inbound(x_bridge_secret=""), inbound(authorization="s")):
        with pytest.raises(Forged):
            pb.verify(forged)


def test_without_a_secret_every_webhook_is_forged() -> None:
    for forged in (inbound(), inbound(x_bridge_secret=""), inbound(x_bridge_secret="s")):
        with pytest.raises(Forged):
            connector()[0].verify(forged)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"id": "o1"}', ["o1"]),
        (b'{"id": 7}', ["7"]),
        (b'{"id": ""}', []),
        (b'{"event": "message_received", "workspace_id": "wok_1", "contact": {"id": "c1"}}', []),
        (b"", []),
        (b"[1]", []),
    ],
)
def test_touched(body: bytes, ids: list[str]) -> None:
    assert connector()[0].touched(inbound(body)) == [Ref("pb", i) for i in ids]


def test_replies() -> None:
    pb, _ = connector()
    assert [pb.reply(outcome).status for outcome in ("accepted", "forged", "busy")] == [200, 401, 503]
    head = pb.handshake(inbound(method="HEAD"))
    assert head and head.status == 200 and pb.handshake(inbound()) is None
    assert pb.delivery_id(inbound()) is None


# Scanning


def test_the_documented_list_is_one_page() -> None:
    pb, recorder = connector((200, payload("list-documented")))
    page = pb.scan(None)
    assert page.next is None
    (record,) = page.records
    assert (record.ref, record.stamp) == (REF, None)
    assert record.fields == {
        "amount": "0", "stage": "s1", "status": "s1", "contact": None, "expected_close": "2025-04-30",
    }  # fmt: skip
    assert [(c.method, c.url, c.params) for c in recorder.calls] == [("GET", URL, WORKSPACE)]


def test_pages_follow_the_token_even_over_an_empty_one() -> None:
    token = '{"token":"-RID:~a+b==#RT:1","range":{"min":""}}'
    pb, recorder = connector(listed(deal(), token=token), listed(token="t2"), listed(deal(id="o2"), deal(), token=""))
    ids, cursor = [], None
    while True:
        page = pb.scan(cursor)
        ids += [record.ref.vendor_id for record in page.records]
        if (cursor := page.next) is None:
            break
    assert ids == ["o1", "o2", "o1"]
    assert [dict(call.params).get("continuationToken") for call in recorder.calls] == [None, token, "t2"]


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "d", "b", "c", "d"]])
def test_a_list_that_runs_in_a_circle_ends(tokens: list[str]) -> None:
    circle = tokens[tokens.index(tokens[-1]) + 1 :] if tokens.count(tokens[-1]) > 1 else tokens
    endless = [listed(deal(), token=token) for token in tokens + circle * 10]
    pb, recorder = connector(*endless)
    cursor = pb.scan(None).next
    while cursor is not None:
        cursor = pb.scan(cursor).next
    assert len(recorder.calls) <= 3 * len(tokens)


def test_a_long_list_does_not_end_early() -> None:
    pb, recorder = connector(*(listed(deal(id=f"o{n}"), token=f"t{n}") for n in range(200)), listed())
    cursor, pages = pb.scan(None).next, 1
    while cursor is not None:
        cursor, pages = pb.scan(cursor).next, pages + 1
    assert pages == 201 and not recorder.answers


def test_deleted_rows_are_left_out_and_odd_ones_show_only_their_id() -> None:
    rows = deal(deletionDate="2025-05-01T00:00:00Z"), deal(id="o2", amount="many"), deal(id="o3")
    records = connector(listed(*rows))[0].scan(None).records
    assert [(r.ref.vendor_id, bool(r.fields)) for r in records] == [("o2", False), ("o3", True)]


@pytest.mark.parametrize(
    "body", [enveloped(None), enveloped([deal()]), [deal()], enveloped({"data": [5]}), enveloped({"data": [{}]}),
             enveloped({"data": [], "continuationToken": 5})],
)  # fmt: skip
def test_a_list_of_another_form_is_a_surprise(body: Any) -> None:
    with pytest.raises(Transient, match="unexpected_answer"):
        connector((200, body))[0].scan(None)


# Checking


def test_check_proves_the_credentials() -> None:
    pb, recorder = connector((200, payload("workspace-documented")), listed(deal()))
    remarks = pb.check()
    assert [call.url.removeprefix("https://api.plazbot.com/api") for call in recorder.calls] == [
        "/workspace/wok_1", "/opportunity",
    ]  # fmt: skip
    assert [r for r in remarks if r.startswith("custom.")] == [
        "custom.code: no field 'Code' on the first 1 deals; check its spelling"
    ]
    assert "older dialect" in remarks[-1]


def test_check_knows_the_resellers_workspace() -> None:
    workspace = enveloped({"id": "wok_1", "phases": [{"id": "s1", "name": "New", "order": 1}]})
    pb, _ = connector((200, workspace), listed(), older_dialect=False)
    assert not any("older" in remark for remark in pb.check())


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ((404, failed(404)), "workspace_id"),
        ((200, []), "workspace_id"),
        ((404, "<html>"), "base_url"),
        ((200, "<html>"), "base_url"),
    ],
)
def test_check_names_the_wrong_setting(answer: Any, where: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        connector(answer)[0].check()
    assert caught.value.where == f"connections.pb.{where}"


def test_check_with_a_dead_key_or_a_vendor_that_is_down() -> None:
    with pytest.raises(Disconnected):
        connector((200, payload("workspace-documented")), (401, REFUSED))[0].check()
    with pytest.raises(Transient, match="server_error"):
        connector((500, failed(500)))[0].check()


# The table

WORDS = Words(
    {("stage", "s1"): "new", ("status", "s1"): "open", ("owner", "u1"): "ana", ("contact", "c1"): "link-1"},
    {
        ("stage", "new"): ("s1",), ("status", "open"): ("s1",), ("owner", "ana"): ("u1",),
        ("contact", "link-1"): ("c1",),
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "native", "canonical"),
    [
        ("name", "Hotel", "Hotel"),
        ("description", "", None),
        ("amount", "1500.5", "1500.5 USD"),
        ("amount", "0", "0 USD"),
        ("stage", "s1", "new"),
        ("stage", None, None),
        ("status", "s1", "open"),
        ("owner", "u1", "ana"),
        ("contact", "c1", "link-1"),
        ("contact", None, None),
        ("expected_close", "2025-04-30", "2025-04-30"),
        ("expected_close", "2025-04-30 03:00:00", "2025-04-29"),  # a moment that is the day before in Lima
        ("actual_close", "2023-11-07 05:31:56", "2023-11-07"),
        ("custom.source", "Ads", "Ads"),
    ],
)
def test_decode_and_encode_agree(name: str, native: Any, canonical: Any) -> None:
    field = next(field for field in connector()[0].fields if field.name == name)
    assert field.decode(native, WORDS) == canonical
    said = field.encode(canonical, WORDS)
    assert field.same(said, native)
    assert field.decode(said, WORDS) == canonical


@pytest.mark.parametrize("zone", ["America/Lima", "UTC", "Asia/Ho_Chi_Minh"])
def test_a_day_that_is_written_reads_as_the_same_day_in_every_zone(zone: str) -> None:
    pb, _ = connector(zone=zone)
    field = next(field for field in pb.fields if field.name == "expected_close")
    _, (call,), _ = writing(
        {"expected_close": field.encode("2025-05-01", WORDS)},
        updated_older(expirationDate="2025-05-01T00:00:00Z"),
        zone=zone,
    )
    for stored in (call.json["expirationDate"], call.json["expirationDate"] + ".0000000Z"):
        record = reading([deal(expirationDate=stored)], zone=zone)
        assert record and field.decode(record.fields["expected_close"], WORDS) == "2025-05-01"


def test_no_amount_and_zero_are_the_same() -> None:
    field = next(field for field in connector()[0].fields if field.name == "amount")
    assert field.same(field.encode(None, WORDS), "0")


def test_what_was_read_can_be_put_back() -> None:
    names = [field.name for field in connector()[0].fields if not field.readonly]
    for name in names:
        if FIELDS[name] is not None:
            after, _, _ = writing({name: FIELDS[name]}, updated())
            assert after.fields == FIELDS


def test_numbers_are_sent_as_json_numbers() -> None:
    _, (call,), _ = writing({"amount": "0.1"}, updated(amount=0.1))
    assert call.json["amount"] == Decimal("0.1") and wire(call)["amount"] == 0.1
