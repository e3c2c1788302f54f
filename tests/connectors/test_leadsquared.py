"""LeadSquared against its documented examples: requests as they must go out, answers as they must be understood."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bridge.connectors.base import Account, Inbound
from bridge.connectors.http import Answer
from bridge.connectors.leadsquared import Leadsquared
from bridge.core.errors import Disconnected, Forged, Misconfigured, Permanent, Transient
from bridge.core.fields import Words
from bridge.core.model import Record, Ref
from tests.connectors.recorder import OpenGate, Recorder, answered

PAYLOADS = Path(__file__).parent.parent / "payloads" / "leadsquared"
HOST = "https://api-in21.leadsquared.com"
SECRETS = {"access_key": "u$r" + "0" * 32, "secret_key": "1" * 40, "webhook_secret": "hush"}
OPPORTUNITY, LEAD_ID = "dddddddd-0000-4000-8000-000000000006", "cccccccc-0000-4000-8000-000000000005"
OWNER = "aaaaaaaa-0000-11ea-8109-000000000003"
REF = Ref("lsq", OPPORTUNITY)
DONE = (200, {"Status": "Success", "Message": {"Id": OPPORTUNITY}})
MODIFIED = 1_769_854_830_000  # 2026-01-31 10:20:30 UTC


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def connect(*answers: tuple[int, Any] | Answer, **given: Any) -> tuple[Leadsquared, Recorder]:
    recorder = Recorder(*answers)
    settings = {"secrets": SECRETS, "currency": "INR", "zone": "Asia/Kolkata", **given}
    return Leadsquared(Account("lsq", HOST, **settings), transport=recorder, gate=OpenGate()), recorder


def details(**values: Any) -> dict[str, Any]:
    """The documented answer with some field values replaced, by schema name."""
    body = copy.deepcopy(payload("details"))
    for row in body["Fields"]:
        row["Value"] = values.get(row["SchemaName"], row["Value"])
    return body


def error(kind: str | None, message: str = "", status: int = 500) -> tuple[int, Any]:
    return status, {"Status": "Error", "ExceptionType": kind, "ExceptionMessage": message}


def said(patch: dict[str, Any], **given: Any) -> dict[str, Any]:
    connector, recorder = connect(DONE, **given)
    assert connector.write(Record(REF, {}), patch) is None
    return recorder.calls[0].json


# The seed page, both ways


def test_our_update_is_the_documented_one_in_method_path_headers_keys_and_types() -> None:
    documented = payload("update-documented")["request"]
    vendor_id = documented["body"]["ProspectOpportunityId"]
    connector, recorder = connect(
        DONE, custom={"actual": "mx_Custom_7"}, options={"description_field": "ActivityEvent_Note"}
    )
    values = {
        "description": "Update note",
        "amount": "200000",
        "custom.actual": "180000",
        "expected_close": "2020-09-16 12:13:44",
    }
    connector.write(Record(Ref("lsq", vendor_id), {}), values)
    (call,) = recorder.calls
    assert (call.method, call.url, call.params) == (documented["method"], HOST + documented["path"], ())
    assert call.headers["Content-Type"] == documented["content_type"]
    assert call.headers["x-LSQ-AccessKey"] == SECRETS["access_key"]
    assert call.headers["x-LSQ-SecretKey"] == SECRETS["secret_key"]
    without_commas = json.loads(json.dumps(documented["body"]).replace("0,000", "0000"))
    ours, theirs = ({**body, "Fields": by_schema(body)} for body in (call.json, without_commas))
    assert ours == theirs
    assert list(call.json) == list(documented["body"])
    assert all(row.keys() == {"SchemaName", "Value"} and type(row["Value"]) is str for row in call.json["Fields"])


def by_schema(body: dict[str, Any]) -> dict[str, str]:
    return {row["SchemaName"]: row["Value"] for row in body["Fields"]}


def test_the_documented_answer_is_a_success_that_shows_nothing() -> None:
    connector, _ = connect((200, payload("update-documented")["answer"]))
    assert connector.write(Record(REF, {}), {"name": "Deal A"}) is None


@pytest.mark.parametrize("answer", [{}, {"Status": "Accepted"}, [], "null"])
def test_an_answer_that_does_not_say_success_leaves_the_update_in_doubt(answer: Any) -> None:
    connector, _ = connect((200, answer))
    with pytest.raises(Transient) as caught:
        connector.write(Record(REF, {}), {"name": "Deal A"})
    assert caught.value.in_doubt


def test_keys_travel_in_the_query_when_asked() -> None:
    connector, recorder = connect(DONE, options={"auth": "query"})
    connector.write(Record(REF, {}), {"name": "Deal A"})
    assert dict(recorder.calls[0].params) == {
        "accessKey": SECRETS["access_key"],
        "secretKey": SECRETS["secret_key"],
    }
    assert not any(name.startswith("x-LSQ") for name in recorder.calls[0].headers)


# Reading


def test_details_become_a_record() -> None:
    connector, recorder = connect((200, payload("details")))
    record = connector.read(REF)
    assert record == Record(
        REF,
        {
            "name": "Deal A",
            "description": None,
            "amount": "24000",
            "stage": "Open/Prospecting",
            "status": "Open/Prospecting",
            "owner": OWNER,
            "contact": LEAD_ID,
            "expected_close": "2026-03-30 18:30:00",
            "actual_close": None,
        },
        MODIFIED,
        OWNER,
    )
    (call,) = recorder.calls
    assert (call.method, call.json) == ("GET", None)
    assert call.url == f"{HOST}/v2/OpportunityManagement.svc/GetOpportunityDetails"
    assert call.params == (("OpportunityId", OPPORTUNITY),)


def test_a_field_that_is_not_in_the_answer_is_unknown() -> None:
    body = payload("details")
    body["Fields"] = [row for row in body["Fields"] if row["SchemaName"] not in ("mx_Custom_6", "mx_Custom_2")]
    record = connect((200, body))[0].read(REF)
    assert record and not {"amount", "stage", "status"} & record.fields.keys() and not record.locked


@pytest.mark.parametrize(
    "shown", ["2026-03-30 18:30:00", "2026-03-30 18:30:00.000", "3/30/2026 6:30:00 PM", "03/30/2026 06:30:00 PM"]
)
def test_all_three_forms_of_a_time_are_one(shown: str) -> None:
    connector, _ = connect((200, details(mx_Custom_8=shown, ModifiedOn="1/31/2026 10:20:30 AM")))
    record = connector.read(REF)
    assert record and (record.fields["expected_close"], record.stamp) == ("2026-03-30 18:30:00", MODIFIED)


def test_a_number_with_commas_is_plain() -> None:
    record = connect((200, details(mx_Custom_6="200,000.50")))[0].read(REF)
    assert record and record.fields["amount"] == "200000.5"


@pytest.mark.parametrize(
    ("schema", "value", "field"),
    [
        ("mx_Custom_6", "a lot", "amount"),
        ("mx_Custom_8", "soon", "expected_close"),
        ("mx_Custom_8", "1/1/0001 12:00:00 AM", "expected_close"),
        ("mx_Custom_1", {"a": 1}, "name"),
    ],
)
def test_what_cannot_be_read_is_unknown_and_locked_and_the_rest_goes_on(schema: str, value: Any, field: str) -> None:
    record = connect((200, details(**{schema: value})))[0].read(REF)
    assert record and set(record.locked) == {field}
    assert field not in record.fields and record.fields["owner"] == OWNER


def test_a_renumbered_field_is_locked_and_not_taken_for_another() -> None:
    body = payload("details")
    for row in body["Fields"]:
        row["DisplayName"] = {"mx_Custom_6": "Loan Number", "mx_Custom_2": "Branch"}.get(
            row["SchemaName"], row["DisplayName"]
        )
    record = connect((200, body))[0].read(REF)
    assert record and set(record.locked) == {"amount", "stage", "status"} and not record.locked & record.fields.keys()
    assert "Loan Number" in record.locked["amount"]


@pytest.mark.parametrize(
    "answer", [error("MXNotFound", "Opportunity does not exist"), error(None, "Opportunity does not exist")]
)
def test_a_deleted_opportunity_reads_as_none(answer: tuple[int, Any]) -> None:
    assert connect(answer)[0].read(REF) is None


def test_an_envelope_without_fields_is_gone_too() -> None:
    assert connect((200, {"ID": None, "Fields": None}))[0].read(REF) is None


def test_custom_fields_and_the_note() -> None:
    account = {
        "custom": {"paid_on": "mx_Custom_9", "reason": "mx_Custom_4", "note": "ActivityEvent_Note"},
        "options": {
            "custom_days": ["paid_on"], "custom_choices": ["reason"], "actual_close_field": "", "stage_field": "",
        },
    }  # fmt: skip
    record = connect((200, details(mx_Custom_9="1/2/2026 8:00:00 PM", mx_Custom_4="Price")), **account)[0].read(REF)
    assert record
    customs = {name: value for name, value in record.fields.items() if name.startswith("custom.")}
    assert customs == {"custom.paid_on": "2026-01-02 20:00:00", "custom.reason": "Price", "custom.note": "text"}
    assert not {"actual_close", "stage", "status"} & record.fields.keys()
    assert said({"custom.note": "Seen", "custom.reason": "Price"}, **account) == {
        "ProspectOpportunityId": OPPORTUNITY,
        "OpportunityNote": "Seen",
        "Fields": [{"SchemaName": "mx_Custom_4", "Value": "Price"}],
    }


def test_the_lead_is_read_when_asked_and_never_written() -> None:
    connector, recorder = connect(
        (200, payload("details")),
        (200, payload("lead")),
        (200, payload("details")),
        (200, []),
        options={"read_lead": True},
    )
    record = connector.read(REF)
    assert record and {name: record.fields[name] for name in ("contact_name", "contact_email", "account_name")} == {
        "contact_name": "Lead A",
        "contact_email": "lead.a@example.com",
        "account_name": "Acme",
    }
    assert record.fields["contact_phone"] == "+91-9000000000"
    assert recorder.calls[1].url.endswith("/v2/LeadManagement.svc/Leads.GetById")
    assert recorder.calls[1].params == (("id", LEAD_ID),)
    gone = connector.read(REF)
    assert gone and "contact_name" not in gone.fields
    with pytest.raises(Permanent):
        connector.write(record, {"contact_name": "Bo"})


# Writing


def test_an_update_says_only_what_changes() -> None:
    assert said({"amount": "1500.5"}) == {
        "ProspectOpportunityId": OPPORTUNITY,
        "Fields": [{"SchemaName": "mx_Custom_6", "Value": "1500.5"}],
    }


def test_clearing_says_an_empty_text() -> None:
    assert by_schema(said({"expected_close": None, "description": ""})) == {"mx_Custom_8": "", "mx_Custom_5": ""}


@pytest.mark.parametrize("named", [("stage", "status"), ("stage",), ("status",)])
def test_status_and_stage_go_together_in_one_update(named: tuple[str, ...]) -> None:
    patch = dict.fromkeys(named, "Won/Customer/Gold")
    assert said(patch)["Fields"] == [
        {"SchemaName": "Status", "Value": "Won"},
        {"SchemaName": "mx_Custom_2", "Value": "Customer/Gold"},
    ]
    connector, _ = connect()
    assert connector.resends(patch) == {"stage", "status"} - set(named)
    assert connector.resends({"name": "Deal"}) == frozenset()


def test_the_comment_goes_with_a_stage_and_with_nothing_else() -> None:
    option = {"options": {"status_comment": "moved by the bridge"}}
    assert by_schema(said({"stage": "Won/Customer"}, **option))["mx_Custom_19"] == "moved by the bridge"
    assert "mx_Custom_19" not in by_schema(said({"name": "Deal"}, **option))


@pytest.mark.parametrize("choice", ["Won", "/Customer", "Won/", None])
def test_half_a_choice_is_refused_before_any_call(choice: str | None) -> None:
    connector, recorder = connect()
    with pytest.raises(Permanent) as caught:
        connector.write(Record(REF, {}), {"stage": choice})
    assert caught.value.reason == "incomplete_choice" and not recorder.calls


# The table

WORDS = Words(
    meaning={("stage", "Won/Customer"): "done", ("status", "Won/Customer"): "won", ("owner", OWNER): "rep-a"},
    says={("stage", "done"): ("Won/Customer",), ("status", "won"): ("Won/Customer",), ("owner", "rep-a"): (OWNER,)},
)


@pytest.mark.parametrize(
    ("name", "canonical", "native", "shown"),
    [
        ("name", "Deal A", "Deal A", "Deal A"),
        ("description", None, "", None),
        ("amount", "200000 INR", "200000", "200,000"),
        ("amount", None, None, "0"),
        ("stage", "done", "Won/Customer", "Won/Customer"),
        ("status", "won", "Won/Customer", "Won/Customer"),
        ("owner", "rep-a", OWNER, OWNER),
        ("expected_close", "2026-03-31", "2026-03-30 18:30:00", "2026-03-31 00:00:00"),
        ("actual_close", None, None, ""),
    ],
)
def test_put_get_and_get_put(name: str, canonical: Any, native: Any, shown: Any) -> None:
    field = next(field for field in connect()[0].fields if field.name == name)
    assert field.encode(canonical, WORDS) == native
    assert field.decode(native, WORDS) == canonical
    assert field.same(native, shown) and field.same(shown, native)


def test_the_table_speaks_of_every_field_once() -> None:
    fields = connect(options={"read_lead": True, "lost_reason_field": "mx_Custom_4"}, custom={"x": "mx_Custom_11"})[
        0
    ].fields
    names = [field.name for field in fields]
    assert len(set(names)) == len(names) == 15
    assert {field.name for field in fields if field.readonly} == {
        "contact", "contact_name", "contact_email", "contact_phone", "account_name",
    }  # fmt: skip
    assert {field.name: field.via for field in fields if field.via} == {"status": "stage"}


# Errors


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        ("MXMandatoryAttributeMissingException", 500, "field_missing"),
        ("MXInvalidActivityFieldsException", 500, "field_refused"),
        ("MXInvalidInputException", 200, "input_refused"),
        ("MXInvalidDataTypeException", 400, "shape_refused"),
        ("MXDuplicateEntryException", 500, "duplicate"),
        ("MXXSSException", 500, "markup_refused"),
        ("System.ArgumentNullException", 500, "shape_refused"),
        ("ArgumentOutOfRangeException", 500, "refused"),
        ("MXSomethingNewException", 200, "refused"),
        ("MXUnAuthorizedAccessException", 403, "no_rights"),
        ("MXUnauthorizedRequestException", 500, "no_rights"),
        ("MXNotFound", 404, "refused"),
        (None, 400, "bad_request"),
        (None, 403, "no_rights"),
        (None, 404, "no_such_api"),
        (None, 405, "wrong_verb"),
    ],
)
def test_a_refusal_is_permanent_at_any_status(kind: str | None, status: int, reason: str) -> None:
    connector, _ = connect(error(kind, "Field name : 'mx_Custom_19' with 'Bo Secret' is mandatory.", status))
    with pytest.raises(Permanent) as caught:
        connector.write(Record(REF, {}), {"name": "Bo"})
    assert caught.value.reason == reason
    assert "mx_Custom_19" in caught.value.detail and "Secret" not in caught.value.detail


@pytest.mark.parametrize(
    "answer",
    [
        error("SqlException", "deadlock"),
        error(None, "failed"),
        error(None, "failed", status=200),
        (502, "<html>bad gateway</html>"),
        (200, "<html>maintenance</html>"),
        (302, ""),
    ],
)
def test_a_fault_is_tried_again_and_leaves_an_update_in_doubt(answer: tuple[int, Any]) -> None:
    connector, _ = connect(answer)
    with pytest.raises(Transient) as caught:
        connector.write(Record(REF, {}), {"name": "Bo"})
    assert caught.value.in_doubt and not caught.value.whole


def test_a_wrong_path_is_not_a_missing_record() -> None:
    connector, _ = connect((404, "<html>not found</html>"))
    with pytest.raises(Permanent):
        connector.read(REF)


def test_refused_keys_disconnect() -> None:
    connector, _ = connect(error("MXUnauthorizedRequestException", "wrong keys", 401))
    with pytest.raises(Disconnected):
        connector.read(REF)


@pytest.mark.parametrize("status", [429, 403, 200, 500])
@pytest.mark.parametrize(
    ("message", "after_s"),
    [
        ("API calls exceeded the limit of 25 in 5 second(s)", 5.2),
        ("API calls exceeded the limit of 72 in 10 second(s)", 10.2),
    ],
)
def test_throttling_at_any_status_pauses_the_whole_connection(status: int, message: str, after_s: float) -> None:
    connector, _ = connect(error("MXAPIRateLimitExceededException", message, status))
    with pytest.raises(Transient) as caught:
        connector.write(Record(REF, {}), {"name": "Bo"})
    assert (caught.value.whole, caught.value.after_s, caught.value.in_doubt) == (True, after_s, False)


def test_a_bare_429_waits_for_the_usual_window() -> None:
    connector, _ = connect((429, "slow down"))
    with pytest.raises(Transient) as caught:
        connector.read(REF)
    assert (caught.value.whole, caught.value.after_s) == (True, 5.2)


def test_a_deal_that_is_named_like_an_error_is_no_error() -> None:
    record = connect((200, details(mx_Custom_1="MXAPIRateLimitExceededException in 5 second(s)")))[0].read(REF)
    assert record and record.fields["name"] == "MXAPIRateLimitExceededException in 5 second(s)"


# Sweeping


def test_the_search_is_the_documented_one() -> None:
    documented = payload("search-documented")
    connector, recorder = connect((200, payload("search-rows")))
    connector.scan(None)
    (call,) = recorder.calls
    assert call.url == f"{HOST}/v2/OpportunityManagement.svc/Retrieve/BySearchParameter"
    ours = {**call.json, "AdvancedSearch": json.loads(call.json["AdvancedSearch"]), "Columns": ""}
    wanted = {**documented, "AdvancedSearch": json.loads(documented["AdvancedSearch"]), "Columns": ""}
    wanted["AdvancedSearch"]["QueryTimeZone"] = "UTC"
    assert ours == wanted and call.json["Columns"].keys() == documented["Columns"].keys()
    asked = set(call.json["Columns"]["Include_CSV"].split(","))
    assert asked == {f"mx_Custom_{n}" for n in (1, 2, 5, 6, 8, 9)} | {"Status", "Owner", "ModifiedOn"}


def test_rows_become_partial_records_whose_stamp_equals_the_one_of_a_read() -> None:
    connector, _ = connect((200, payload("search-rows")), (200, payload("details")))
    page, read = connector.scan(None), connector.read(REF)
    first, second = page.records
    assert read and first.stamp == read.stamp == MODIFIED
    assert {name: read.fields[name] for name in first.fields} == first.fields
    assert "actual_close" not in first.fields and first.fields["description"] is None
    assert second.ref == Ref("lsq", "dddddddd-0000-4000-8000-000000000007")
    assert second.fields["status"] == "Won/Customer"


def test_the_next_page_is_asked_for_until_nothing_is_left() -> None:
    row = payload("search-rows")["List"][0]
    pages = [
        (200, {"RecordCount": 5, "List": [row, row]}),
        (200, {"RecordCount": 5, "List": [row]}),  # cut short by the vendor: not the end
        (200, {"RecordCount": 5}),
    ]
    connector, recorder = connect(*pages, options={"page_size": 2})
    cursor, cursors = None, []
    for _ in pages:
        cursor = connector.scan(cursor).next
        cursors.append(cursor)
    assert cursors == ["2:2", "3:3", None]
    assert [call.json["Paging"] for call in recorder.calls] == [{"PageIndex": n, "PageSize": 2} for n in (1, 2, 3)]


def test_a_short_page_that_completes_the_count_is_the_last() -> None:
    assert connect((200, payload("search-rows")))[0].scan(None).next is None


def test_rows_of_another_type_are_left_out() -> None:
    body = payload("search-rows")
    body["List"][1]["OpportunityEvent"] = "12001"
    assert [record.ref for record in connect((200, body))[0].scan(None).records] == [REF]


@pytest.mark.parametrize("body", [[], {"List": {}}, {"List": ["x"]}, {"List": [{"Status": "Open"}]}])
def test_a_strange_list_is_tried_again(body: Any) -> None:
    with pytest.raises(Transient):
        connect((200, body))[0].scan(None)


def test_keys_that_may_not_list_do_not_disconnect_unless_they_are_dead() -> None:
    refused = error("MXUnAuthorizedAccessException", "no", 401)
    for answers in ([refused, (200, [])], [error("MXUnAuthorizedAccessException", "no", 403)]):
        with pytest.raises(Permanent) as caught:
            connect(*answers)[0].scan(None)
        assert caught.value.reason == "not_admin"
    with pytest.raises(Disconnected):
        connect(refused, refused)[0].scan(None)


# Checking


def checked(*answers: tuple[int, Any], **given: Any) -> list[str]:
    defaults = [(200, payload(name)) for name in ("metadata", "user", "search-rows")]
    return connect(*answers, *defaults[len(answers) :], **given)[0].check()


def test_a_sound_account_gives_its_user() -> None:
    remarks = checked()
    assert any("0a0a0a0a-0000-11ea-a93b-000000000001" in remark for remark in remarks) and len(remarks) == 1


def test_check_remarks_on_zone_rights_comment_secret_and_custom_fields() -> None:
    metadata = payload("metadata")
    next(row for row in metadata["Fields"] if row["SchemaName"] == "mx_Custom_19")["IsMandatory"] = True
    remarks = checked(
        (200, metadata),
        (200, payload("user")),
        error("MXUnAuthorizedAccessException", "no", 403),
        zone="Europe/Berlin",
        custom={"paid": "mx_Custom_7"},
        secrets={**SECRETS, "webhook_secret": ""},
    )
    for word in ("Asia/Kolkata", "Administrator", "status_comment", "webhook_secret", "'Actual Deal Size' (Number)"):
        assert any(word in remark for remark in remarks), word


def test_check_goes_on_when_the_user_cannot_be_read() -> None:
    assert any("unchecked" in remark for remark in checked((200, payload("metadata")), (401, "")))


@pytest.mark.parametrize(
    ("options", "custom", "where", "cure"),
    [
        ({"amount_field": "mx_Custom_7"}, {}, "amount_field", 'amount_field = "mx_Custom_6"'),
        ({"amount_label": "Loan Amount"}, {}, "amount_field", "take it from"),
        ({"name_field": "mx_Custom_99"}, {}, "name_field", 'name_field = "mx_Custom_1"'),
        ({}, {"x": "mx_Custom_98"}, "custom.x", "take it from"),
        ({}, {"x": "mx_Custom_1"}, "name_field", "own"),
    ],
)
def test_check_names_the_key_that_does_not_fit(options: Any, custom: Any, where: str, cure: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        checked(options=options, custom=custom)
    assert caught.value.where == f"connections.lsq.{where}" and cure in caught.value.cure


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ((200, {}), "type_code"),
        (error("MXInvalidInputException"), "type_code"),
        ((404, "<html>"), "base_url"),
    ],
)
def test_check_tells_a_wrong_type_from_a_wrong_host(answer: tuple[int, Any], where: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        checked(answer)
    assert caught.value.where == f"connections.lsq.{where}"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"currency": ""}, "currency"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"options": {"auth": "cookie"}}, "auth"),
        ({"secrets": {}}, "access_key"),
    ],
)
def test_settings_that_cannot_work_refuse_to_start(given: Any, where: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        connect(**given)
    assert caught.value.where == f"connections.lsq.{where}"


# Webhooks


def hook(body: Any, method: str = "POST", **headers: str) -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"x-bridge-secret": "hush", "content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return Inbound(method, {"entityType": "webhook", "eventType": "Opportunity_Post_Update"}, given, raw)


@pytest.mark.parametrize("name", list(payload("webhooks")))
def test_every_known_form_names_its_opportunity(name: str) -> None:
    connector, body = connect()[0], payload("webhooks")[name]
    inbound = hook(body)
    connector.verify(inbound)
    assert connector.handshake(inbound) is None
    assert connector.touched(inbound) == [REF]
    items = body if isinstance(body, list) else [body]
    assert connector.touched(hook(items * 2)) == [REF]
    assert connector.delivery_id(inbound) is None


def test_forms_are_searched_by_name_and_for_json() -> None:
    connector, _ = connect()
    other = OPPORTUNITY.replace("06", "07")
    plain_form = urlencode({"ProspectActivityId": OPPORTUNITY, "ActivityEvent": "12000"}).encode()
    nested = urlencode({"After[ProspectActivityId]": OPPORTUNITY}).encode()
    wrapped = urlencode({"data": json.dumps([{"OpportunityId": OPPORTUNITY}, {"OpportunityId": other}])}).encode()
    assert connector.touched(hook(plain_form)) == connector.touched(hook(nested)) == [REF]
    assert connector.touched(hook(wrapped)) == [REF, Ref("lsq", other)]


@pytest.mark.parametrize(
    "body",
    [
        [{"ProspectActivityId": OPPORTUNITY, "ActivityEvent": "33"}],
        {"ProspectActivityId": OPPORTUNITY, "Data": {"ActivityEvent": 12001}},
        {"Before": {"ProspectID": LEAD_ID}, "After": {"ProspectID": LEAD_ID}},
        {"OpportunityId": "no id"},
        {"OpportunityId": {"a": [1]}},
        [1, None, [[]]],
        "text",
        b"\xff\xfe not json",
        b"[" * 5000,
        b"null",
    ],
)
def test_what_is_not_about_our_opportunities_touches_nothing(body: Any) -> None:
    assert connect()[0].touched(hook(body)) == []


def test_a_nudge_touches_its_id() -> None:
    connector, _ = connect()
    assert connector.touched(hook({"id": OPPORTUNITY.upper()})) == [REF]


@pytest.mark.parametrize(
    ("inbound", "secrets"),
    [
        (hook(payload("webhooks")["array"], x_bridge_secret="wrong"), SECRETS),
        (Inbound("POST", {}, {}, b"[{}]"), SECRETS),
        (hook({"id": OPPORTUNITY}, x_bridge_secret=""), {**SECRETS, "webhook_secret": ""}),
    ],
)
def test_a_wrong_or_missing_secret_is_forged(inbound: Inbound, secrets: Any) -> None:
    with pytest.raises(Forged):
        connect(secrets=secrets)[0].verify(inbound)


@pytest.mark.parametrize(
    ("method", "body"), [("HEAD", b""), ("GET", b""), ("POST", b""), ("POST", b" {} "), ("POST", b"[]")]
)
def test_a_test_of_the_address_is_answered_without_a_secret(method: str, body: bytes) -> None:
    reply = connect()[0].handshake(Inbound(method, {}, {}, body))
    assert reply and (reply.status, reply.content_type) == (200, "application/json")
    assert json.loads(reply.body) == {"Status": "Success", "StatusReason": ""}


def test_replies_speak_the_vendors_json() -> None:
    connector, _ = connect()
    replies = {outcome: connector.reply(outcome) for outcome in ("accepted", "forged", "busy")}
    assert {outcome: reply.status for outcome, reply in replies.items()} == {
        "accepted": 200,
        "forged": 200,
        "busy": 503,
    }
    assert json.loads(replies["forged"].body) == {"Status": "Error", "StatusReason": "unauthorized"}
    assert json.loads(replies["busy"].body)["Status"] == "Error"


def test_a_real_429_with_its_own_wait_is_believed() -> None:
    connector, _ = connect(answered(429, {}, {"retry-after": "9"}))
    with pytest.raises(Transient) as caught:
        connector.read(REF)
    assert caught.value.after_s == 9
