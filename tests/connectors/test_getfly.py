"""GetFly: what goes over the wire equals the documented pages, and what comes back becomes the right record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bridge.connectors.base import Account, Inbound
from bridge.connectors.getfly import EXTRA, READ, Getfly
from bridge.connectors.getfly.deal import NationalPhone, day
from bridge.connectors.http import Answer, Call
from bridge.core.errors import BridgeError, Disconnected, Forged, Misconfigured, Permanent, Transient
from bridge.core.fields import Words
from bridge.core.model import Native, Record, Ref
from tests.connectors.recorder import OpenGate, Recorder, answered

PAYLOADS = Path(__file__).parent.parent / "payloads" / "getfly"
UPDATE = json.loads((PAYLOADS / "update-documented.json").read_text())
READS = json.loads((PAYLOADS / "reads.json").read_text())
WEBHOOKS = json.loads((PAYLOADS / "webhooks.json").read_text())
DETAIL, CAMPAIGNS, USERS, ACCOUNTS = (READS[key] for key in ("detail", "campaigns", "users", "accounts"))
RICH = {
    **DETAIL,
    "amount": "1500000.50",
    "description": "Call\r\nback",
    "est_finish_date": "2026-12-31 00:00:00",
    "account_code": "KH/2024/119270",
}
REF = Ref("gf", "CH2055057")
CONTACT = ["contact_name", "contact_email", "contact_phone"]


class World:
    """A connector, the calls it made, and a clock that the test sets."""

    def __init__(self, *answers: Any, options: dict[str, Any] | None = None, **account: Any) -> None:
        self.now_s = 1_760_000_000.0
        self.recorder = Recorder(*(a if isinstance(a, Answer | tuple) else (200, a) for a in answers))
        secrets = account.pop("secrets", {"api_key": "K", "hook_secret": "hush"})
        settings = {"zone": "Asia/Ho_Chi_Minh", "options": options or {}, "secrets": secrets, **account}
        made = Account("gf", "https://demo.getflycrm.com", **settings)
        self.getfly = Getfly(made, transport=self.recorder, gate=OpenGate(), now_s=lambda: self.now_s)

    def will(self, *answers: Any) -> None:
        self.recorder.answers += [a if isinstance(a, Answer | tuple) else (200, a) for a in answers]

    @property
    def sent(self) -> list[str]:
        return [f"{call.method} {path_of(call)}" for call in self.recorder.calls]

    @property
    def last(self) -> Call:
        return self.recorder.calls[-1]

    def seen(self, row: dict[str, Any] = DETAIL) -> Record:
        """Read a deal of an account that serves only documented fields, then forget the calls."""
        self.recorder.answers[:0] = [(200, row), (200, ACCOUNTS)]
        record = self.getfly.read(REF)
        assert record is not None
        self.recorder.calls.clear()
        return record

    def field(self, name: str) -> Any:
        return next(field for field in self.getfly.fields if field.name == name)


def path_of(call: Call) -> str:
    return urlsplit(call.url).path.removeprefix("/api/v6.1")


def updated(**values: Any) -> dict[str, Any]:
    return {**UPDATE["answer"], "data": {**UPDATE["answer"]["data"], **values}}


def form(text: str, headers: dict[str, str] | None = None) -> Inbound:
    return Inbound("POST", {}, headers or {}, text.encode())


# The seed page, both ways


def test_update_equals_the_documented_request() -> None:
    world = World(options={"write_unread": ["description", *CONTACT]})
    seen = world.seen()
    world.will(CAMPAIGNS, USERS, ACCOUNTS, UPDATE["answer"])
    body = UPDATE["body"]
    patch = {key: body[key] for key in ("account_phone", "account_email", "description", *CONTACT)}
    world.getfly.write(seen, patch)
    call = world.last
    assert (call.method, urlsplit(call.url).path) == (UPDATE["method"], UPDATE["path"])
    assert call.url == "https://demo.getflycrm.com/api/v6.1/opportunity"
    assert dict(call.headers) == {"X-API-KEY": "K", "Content-Type": "application/json"}
    assert call.params == ()
    assert call.json == body
    assert {key: type(value) for key, value in call.json.items()} == {key: type(value) for key, value in body.items()}


def test_the_documented_answer_becomes_a_record() -> None:
    world = World()
    seen = world.seen()
    world.will(CAMPAIGNS, USERS, ACCOUNTS, UPDATE["answer"])
    after = world.getfly.write(seen, {"account_email": "b@example.com"})
    assert after == Record(
        REF,
        {
            "name": "Contact Person A - Customer XYZ",
            "stage": "8/31",
            "status": "8/31",
            "pipeline": "8",
            "owner": "1",
            "probability": 0,
            "account": "KH/2024/119270",
        },
        aliases=("id:2055057",),
    )


def test_an_answer_shows_money_and_epoch_days_where_reads_do_too() -> None:
    world = World(RICH)
    seen = world.getfly.read(REF)
    assert seen is not None
    world.will(CAMPAIGNS, USERS, ACCOUNTS, updated(amount=1500000.5, est_finish_date=1798650000))
    after = world.getfly.write(seen, {"description": "Update note"})
    assert after is not None
    shown = {name: after.fields[name] for name in ("amount", "description", "expected_close")}
    assert shown == {"amount": "1500000.5", "description": "Update note", "expected_close": "2026-12-31"}


# Reads


def test_read_asks_by_code_and_without_a_cookie() -> None:
    world = World(DETAIL, ACCOUNTS)
    seen = world.getfly.read(REF)
    assert seen == Record(
        REF,
        {
            "name": "Contact Person A - Customer XYZ",
            "stage": "8/31",
            "status": "8/31",
            "pipeline": "8",
            "owner": "1",
            "probability": 0,
            "account": "KH/2024/119270",
            "account_name": "Customer XYZ",
            "account_email": "customer@example.com",
            "account_phone": "0123456789",
        },
        aliases=("id:2055057",),
    )
    assert seen.stamp is None
    detail, account = world.recorder.calls
    assert dict(detail.params) == {"opportunity_code": "CH2055057", "fields": ",".join((*READ, *EXTRA))}
    assert dict(account.params)["filtering[id]"] == "11973"
    assert dict(detail.headers) == {"X-API-KEY": "K"}


def test_extra_fields_are_asked_for_once_and_description_becomes_writable() -> None:
    world = World(RICH, RICH)
    assert world.field("description").unread and "write_unread" in world.field("description").readonly
    seen = world.getfly.read(REF)
    assert seen is not None
    extra = {name: seen.fields[name] for name in ("amount", "description", "expected_close", "account")}
    assert extra == {
        "amount": "1500000.5",
        "description": "Call\r\nback",
        "expected_close": "2026-12-31",
        "account": "KH/2024/119270",
    }
    assert (world.field("description").unread, world.field("description").readonly) == ("", "")
    world.getfly.read(REF)
    assert world.sent == ["GET /opportunity"] * 2


def test_refused_extra_fields_are_not_asked_for_again() -> None:
    refused = (400, {"message": "fields", "errors": {"fields": ["amount"]}})
    world = World(refused, DETAIL, ACCOUNTS, DETAIL)
    world.getfly.read(REF)
    world.getfly.read(REF)
    asked = [dict(call.params)["fields"] for call in world.recorder.calls if path_of(call) == "/opportunity"]
    assert asked == [",".join((*READ, *EXTRA)), ",".join(READ), ",".join(READ)]
    assert world.field("description").unread


def test_fields_served_no_more_are_given_up() -> None:
    world = World(RICH, (400, {"message": "fields"}), DETAIL)
    world.getfly.read(REF)
    world.getfly.api.codes[11973] = "KH/2024/119270"
    seen = world.getfly.read(REF)
    assert seen is not None and "amount" not in seen.fields and "description" not in seen.fields
    assert world.field("description").unread


def test_a_numeric_id_is_read_under_its_code() -> None:
    world = World(READS["list"], {**DETAIL, "id": 4404, "opportunity_code": "CH2284"}, ACCOUNTS)
    seen = world.getfly.read(Ref("gf", "id:4404"))
    assert seen is not None and (seen.ref, seen.aliases) == (Ref("gf", "CH2284"), ("id:4404",))
    assert dict(world.recorder.calls[0].params) == {
        "limit": "1", "fields": "id,opportunity_code", "filtering[id]": "4404",
    }  # fmt: skip


def test_a_numeric_id_that_nobody_has_is_gone_and_an_ignored_filter_is_not() -> None:
    assert World({"data": [], "has_more": False}).getfly.read(Ref("gf", "id:7")) is None
    with pytest.raises(Permanent) as error:
        World(READS["list"]).getfly.read(Ref("gf", "id:7"))
    assert error.value.reason == "filter_ignored"


def test_absent_is_unknown_and_empty_is_none() -> None:
    row = {**DETAIL, "recipient": 0, "account_id": None, "phone_office": None, "account_email": ""}
    del row["probability"]
    seen = World(row).getfly.read(REF)
    assert seen is not None
    assert "probability" not in seen.fields
    empty = {name: seen.fields[name] for name in ("owner", "account", "account_phone", "account_email")}
    assert empty == {"owner": None, "account": None, "account_phone": None, "account_email": ""}


def test_a_wrapped_detail_with_numbers_as_text_is_understood() -> None:
    row = {**DETAIL, "id": "2055057", "campaign_id": "8", "opportunity_status": "31", "probability": "12.5"}
    seen = World({"data": row}, ACCOUNTS).getfly.read(REF)
    assert seen is not None and (seen.fields["stage"], seen.fields["probability"]) == ("8/31", 12)


def test_a_customer_that_the_key_may_not_see_leaves_only_the_account_unknown() -> None:
    seen = World(DETAIL, (403, {"message": "no"})).getfly.read(REF)
    assert seen is not None and "account" not in seen.fields and seen.fields["stage"] == "8/31"


def test_a_customer_is_read_by_number_where_the_list_ignores_its_filter() -> None:
    other = {"data": [{"id": 1, "account_code": "X", "account_name": "X"}], "has_more": True}
    world = World(DETAIL, other, {"data": ACCOUNTS["data"][0]})
    seen = world.getfly.read(REF)
    assert seen is not None and seen.fields["account"] == "KH/2024/119270"
    assert world.sent[-1] == "GET /account/11973"


# Writes


def test_stage_alone_goes_by_its_own_call() -> None:
    world = World()
    seen = world.seen()
    world.will(READS["stage"])
    after = world.getfly.write(seen, {"stage": "8/35", "status": "8/35"})
    assert world.sent == ["PUT /opportunity/stage"]
    assert world.last.json == {"opportunity_code": "CH2055057", "campaign_id": 8, "opportunity_status": 35}
    assert after is not None and (after.fields["stage"], after.fields["status"]) == ("8/35", "8/35")
    assert world.getfly.resends({"stage": "8/35", "status": "8/35"}) == frozenset()


def test_partial_update_sends_the_required_five_and_what_changes() -> None:
    world = World()
    seen = world.seen()
    world.will(CAMPAIGNS, USERS, ACCOUNTS, UPDATE["answer"])
    world.getfly.write(seen, {"account_email": None})
    assert world.sent == ["GET /campaigns", "GET /users", "GET /accounts", "PUT /opportunity"]
    assert world.last.json.keys() == {*UPDATE["required"], "account_email"}
    assert world.last.json["account_email"] == ""
    assert world.getfly.resends({"account_email": None}) == {"account", "account_name", "owner", "pipeline"}
    assert world.getfly.resends({"owner": "2"}) == {"account", "account_name", "pipeline"}


def test_what_is_sent_again_is_fresh() -> None:
    world = World()
    world.seen()
    renamed = {"data": [{**ACCOUNTS["data"][0], "account_name": "Customer XYZ Ltd"}], "has_more": False}
    seen = world.seen({**DETAIL, "recipient": 2})
    world.recorder.answers.clear()
    world.will(CAMPAIGNS, USERS, renamed, UPDATE["answer"], renamed, UPDATE["answer"])
    world.getfly.write(seen, {"account_email": "b@example.com"})
    again = {key: world.last.json[key] for key in ("account_name", "recipient_username")}
    assert again == {"account_name": "Customer XYZ Ltd", "recipient_username": "handler.b"}
    world.getfly.write(seen, {"account_email": "b@example.com"})
    assert world.sent[4:] == ["GET /accounts", "PUT /opportunity"]


def test_owner_is_written_as_user_name_and_names_go_stale() -> None:
    world = World()
    seen = world.seen()
    world.will(CAMPAIGNS, USERS, ACCOUNTS, updated(recipient=2))
    after = world.getfly.write(seen, {"owner": "2"})
    assert world.last.json["recipient_username"] == "handler.b"
    assert after is not None and after.fields["owner"] == "2"
    world.now_s += 301
    renamed = {"data": [{"user_id": 2, "user_name": "handler.new"}], "has_more": False}
    world.will(renamed, ACCOUNTS, updated(recipient=2))
    world.getfly.write(seen, {"owner": "2"})
    assert world.last.json["recipient_username"] == "handler.new"


def test_an_unknown_user_is_looked_up_once_more_then_refused() -> None:
    world = World()
    seen = world.seen()
    hired = {"data": [*USERS["data"], {"user_id": 9, "user_name": "new.one"}], "has_more": False}
    world.will(CAMPAIGNS, USERS, ACCOUNTS, updated(), hired, ACCOUNTS, updated(recipient=9))
    world.getfly.write(seen, {"owner": "1"})
    world.getfly.write(seen, {"owner": "9"})
    assert world.last.json["recipient_username"] == "new.one"
    world.will(hired)
    with pytest.raises(Permanent) as error:
        world.getfly.write(seen, {"owner": "77"})
    assert error.value.reason == "unknown_user"


def test_stage_beside_other_fields_goes_along_and_is_trusted_when_the_answer_shows_it() -> None:
    world = World()
    seen = world.seen()
    world.will(CAMPAIGNS, USERS, ACCOUNTS, updated(opportunity_status=35))
    world.getfly.write(seen, {"stage": "8/35", "status": "8/35", "account_email": "b@example.com"})
    assert world.sent[-1] == "PUT /opportunity"
    assert world.last.json["opportunity_status"] == 35


def test_an_update_that_ignores_the_stage_is_followed_by_the_stage_call() -> None:
    world = World()
    seen = world.seen()
    world.will(CAMPAIGNS, USERS, ACCOUNTS, UPDATE["answer"], READS["stage"])
    after = world.getfly.write(seen, {"stage": "8/35", "account_email": "b@example.com"})
    assert world.sent[-2:] == ["PUT /opportunity", "PUT /opportunity/stage"]
    assert after is not None and (after.fields["stage"], after.fields["owner"]) == ("8/35", "1")


def test_a_failing_second_call_leaves_the_write_in_doubt() -> None:
    world = World()
    seen = world.seen()
    world.will(CAMPAIGNS, USERS, ACCOUNTS, UPDATE["answer"], answered(429, {}, {"retry-after": "7"}))
    with pytest.raises(Transient) as error:
        world.getfly.write(seen, {"stage": "8/35", "account_email": "b@example.com"})
    assert (error.value.in_doubt, error.value.after_s, error.value.whole) == (True, 7.0, True)


def test_a_failing_lookup_before_the_update_is_not_in_doubt() -> None:
    world = World()
    seen = world.seen()
    world.will((500, {"message": "x"}))
    with pytest.raises(Transient) as error:
        world.getfly.write(seen, {"account_email": "b@example.com"})
    assert not error.value.in_doubt


def test_a_deal_moves_to_another_customer_only_where_the_operator_says_so() -> None:
    assert "move_account" in World().field("account").readonly
    world = World(options={"move_account": True})
    seen = world.seen()
    world.will(CAMPAIGNS, USERS, READS["account"], updated(account_id=11975))
    after = world.getfly.write(seen, {"account": "KH/2025/011987"})
    assert dict(world.recorder.calls[-2].params)["account_code"] == "KH/2025/011987"
    assert (world.last.json["account_code"], world.last.json["account_name"]) == ("KH/2025/011987", "Customer B")
    assert after is not None and after.fields["account"] == "KH/2025/011987"
    world.will(READS["account"], updated(account_id=11973))
    with pytest.raises(Permanent) as error:
        world.getfly.write(seen, {"account": "KH/2025/011987"})
    assert error.value.reason == "account_not_moved"


@pytest.mark.parametrize(
    ("patch", "row", "reason"),
    [
        ({"stage": "9/35"}, DETAIL, "other_campaign"),
        ({"stage": "35"}, DETAIL, "other_campaign"),
        ({"stage": "8/new"}, DETAIL, "bad_value"),
        ({"stage": None}, DETAIL, "bad_value"),
        ({"stage": "8/35", "status": "8/31"}, DETAIL, "stage_and_status_differ"),
        ({"name": "x"}, DETAIL, "not_writable"),
        ({"amount": "5"}, DETAIL, "not_writable"),
        ({"description": "x"}, DETAIL, "not_writable"),
        ({"lost_reason": "x"}, DETAIL, "not_writable"),
        ({"account_name": ""}, DETAIL, "deal_incomplete"),
        ({"account_email": "x"}, {**DETAIL, "recipient": 0}, "deal_incomplete"),
        ({"account_email": "x"}, {**DETAIL, "account_id": 0}, "deal_incomplete"),
        ({"account_email": "x"}, {**DETAIL, "campaign_id": 99}, "unknown_campaign"),
    ],
)
def test_writes_that_cannot_work_send_nothing(patch: dict[str, Native], row: dict[str, Any], reason: str) -> None:
    world = World()
    seen = world.seen(row)
    world.recorder.answers[:] = [(200, CAMPAIGNS), (200, USERS), (200, ACCOUNTS)]
    with pytest.raises(Permanent) as error:
        world.getfly.write(seen, patch)
    assert error.value.reason == reason
    assert not any(sent.startswith("PUT") for sent in world.sent)


# Errors


REFUSED = {"message": "Dữ liệu không hợp lệ", "errors": {"account_phone": ["secret 0900"], "source_code": "text"}}
GENERIC = [
    (answered(400, REFUSED), Permanent, "refused", False),
    (answered(400, {"message": "Điện thoại không cho phép trùng"}), Permanent, "duplicate", False),
    (answered(400, {"error": "Người dùng không tồn tại"}), Permanent, "refused", False),
    (answered(401, {"message": "no"}), Disconnected, "unauthorized", False),
    (answered(403, {"message": "no"}), Permanent, "forbidden", False),
    (answered(404, {"message": "Route not found"}), Permanent, "no_route", False),
    (answered(404, "<html>"), Permanent, "no_route", False),
    (answered(409, {}), Permanent, "duplicate", False),
    (answered(422, {"msg": "x"}), Permanent, "refused", False),
    (answered(429, {}), Transient, "throttled", False),
    (answered(500, {"message": "x"}), Transient, "server_error", True),
    (answered(502, "<html>"), Transient, "server_error", True),
    (answered(302, ""), Transient, "unexpected_answer", True),
    (answered(200, "<html>"), Transient, "not_json", True),
    (answered(200, [1]), Transient, "unexpected_answer", True),
    (answered(200, {"message": "Route not found"}), Transient, "unexpected_answer", True),
    (answered(200, {"message": "x", "errors": {"f": "x"}}), Permanent, "refused", False),
]


@pytest.mark.parametrize(("answer", "kind", "reason", "in_doubt"), GENERIC)
def test_each_failure_of_a_write(answer: Answer, kind: type[BridgeError], reason: str, in_doubt: bool) -> None:
    world = World()
    seen = world.seen()
    world.will(answer)
    with pytest.raises(kind) as error:
        world.getfly.write(seen, {"stage": "8/35"})
    assert error.value.reason == reason
    assert getattr(error.value, "in_doubt", False) is in_doubt
    assert "0900" not in str(error.value)


def test_a_refusal_names_the_fields_but_not_their_values() -> None:
    world = World()
    seen = world.seen()
    world.will((400, REFUSED))
    with pytest.raises(Permanent) as error:
        world.getfly.write(seen, {"stage": "8/35"})
    assert error.value.detail == "HTTP 400 for account_phone, source_code"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {"message": "not found"}), "not_found"),
        ((200, {"message": "ok", "data": {"id": 1}}), "unexpected_answer"),
        ((200, {"message": "ok", "data": None}), "unexpected_answer"),
        ((200, {"message": "ok", "data": {**READS["stage"]["data"], "opportunity_status": 31}}), "stage_not_taken"),
    ],
)
def test_a_stage_call_that_did_not_do_it_is_a_failure(answer: tuple[int, Any], reason: str) -> None:
    world = World()
    seen = world.seen()
    world.will(answer)
    with pytest.raises(BridgeError) as error:
        world.getfly.write(seen, {"stage": "8/35"})
    assert error.value.reason == reason


def test_only_a_404_about_the_record_means_gone() -> None:
    assert World((404, {"message": "Không tìm thấy"})).getfly.read(REF) is None
    for answer in (answered(404, "<html>"), answered(404, {"message": "Route not found"})):
        with pytest.raises(Permanent):
            World(answer).getfly.read(REF)
    for surprise in ({}, {"message": "route not found"}, {**DETAIL, "opportunity_code": "CH1"}):
        with pytest.raises(Transient):
            World(surprise).getfly.read(REF)
    for key, value in (("opportunity_status", "new"), ("probability", []), ("account_name", {}), ("recipient", True)):
        with pytest.raises(Transient):
            World({**DETAIL, key: value}, ACCOUNTS).getfly.read(REF)


# Scans


def rows(*ids: int) -> list[dict[str, Any]]:
    return [{**DETAIL, "id": i, "opportunity_code": f"CH{i}"} for i in ids]


def test_scan_goes_by_id_with_documented_fields_and_overlaps_by_one_row() -> None:
    world = World(
        {"data": rows(1, 2, 3), "has_more": True},
        {"data": rows(3, 4), "has_more": False},
    )
    world.seen()
    world.getfly.api.codes.clear()
    first = world.getfly.scan(None)
    second = world.getfly.scan(first.next)
    assert [r.ref.vendor_id for r in (*first.records, *second.records)] == ["CH1", "CH2", "CH3", "CH3", "CH4"]
    assert second.next is None
    assert [dict(call.params) for call in world.recorder.calls] == [
        {"limit": "100", "fields": ",".join(READ), "sort": "id", "direction": "asc", "offset": offset}
        for offset in ("0", "2")
    ]
    assert "account" not in first.records[0].fields and first.records[0].fields["stage"] == "8/31"


def test_scan_steps_back_when_deals_were_deleted_behind_it() -> None:
    world = World(
        {"data": rows(*range(1, 101)), "has_more": True},
        {"data": rows(103, 104), "has_more": False},
        {"data": rows(*range(60, 105)), "has_more": False},
    )
    world.seen()
    page = world.getfly.scan(None)
    page = world.getfly.scan(page.next)
    assert not page.records and page.next
    page = world.getfly.scan(page.next)
    assert dict(world.last.params)["offset"] == "49"
    assert page.next is None and len(page.records) == 45


def test_scan_of_named_campaigns() -> None:
    world = World(
        {"data": rows(1), "has_more": False},
        {"data": rows(2), "has_more": False},
        options={"campaigns": ["CD0008", "CD0009"]},
    )
    world.seen()
    first = world.getfly.scan(None)
    second = world.getfly.scan(first.next)
    asked = [dict(call.params)["filtering[campaign_code]"] for call in world.recorder.calls]
    assert (asked, second.next) == (["CD0008", "CD0009"], None)


def test_scan_asks_for_what_reads_show_and_does_without_where_the_list_refuses_it() -> None:
    world = World({"data": rows(1), "has_more": False})
    world.seen({**DETAIL, "description": "Forty rooms"})
    world.getfly.scan(None)
    assert dict(world.last.params)["fields"] == ",".join((*READ, "description"))
    world.will((400, {"message": "x", "errors": {"fields": "unknown"}}), {"data": rows(1), "has_more": False})
    assert len(world.getfly.scan(None).records) == 1
    assert dict(world.last.params)["fields"] == ",".join(READ)


def test_first_scan_learns_what_reads_show() -> None:
    listed = {"data": rows(1), "has_more": False}
    world = World(listed, {**rows(1)[0], "description": "Forty rooms"}, listed)
    world.getfly.scan(None)
    assert world.sent == ["GET /opportunities", "GET /opportunity", "GET /opportunities"]
    assert dict(world.last.params)["fields"].endswith(",description")


def test_scan_leaves_out_rows_without_a_code() -> None:
    world = World({"data": [*rows(1), {**DETAIL, "opportunity_code": None}], "has_more": False})
    world.seen()
    assert [record.ref.vendor_id for record in world.getfly.scan(None).records] == ["CH1"]


# Webhooks


@pytest.mark.parametrize("hook", WEBHOOKS, ids=[hook["name"] for hook in WEBHOOKS])
def test_webhook_forms(hook: dict[str, Any]) -> None:
    getfly = World().getfly
    getfly.verify(form(hook["body"]))
    assert [ref.vendor_id for ref in getfly.touched(form(hook["body"]))] == hook["touched"]
    assert getfly.delivery_id(form(hook["body"])) == hook["uid"]
    forged = form(hook["body"].replace("hush", "guess"))
    with pytest.raises(Forged):
        getfly.verify(forged)
    with pytest.raises(Forged):
        World(secrets={"api_key": "K"}).getfly.verify(form(hook["body"]))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "event=opportunity.updated&secret_key=&data[id]=1",
        "event=opportunity.updated&data[id]=1",
        "secret_key[]=hush&event[]=x&data=1",
        "secret_key=hush&x" + "=1&x" * 2000,
        '{"secret_key": "\\ud800"}',
        '{"secret_key": true, "data": [1]}',
        "{" * 5000,
        "[[[]]]=1&a[=2&data[data][data]=1&data=3&data[id]=4",
    ],
)
def test_strange_bodies_are_forged_and_touch_nothing(body: str) -> None:
    getfly = World().getfly
    with pytest.raises(Forged):
        getfly.verify(form(body))
    getfly.delivery_id(form(body))
    assert len(getfly.touched(form(body))) <= 1


@pytest.mark.parametrize(
    ("body", "touched"),
    [
        ('{"id": "CH2055057"}', ["CH2055057"]),
        ('{"id": 2055057}', ["id:2055057"]),
        ('{"id": "id:2055057"}', ["id:2055057"]),
        ('{"id": ""}', []),
        ("event=opportunity.updated&data[opportunity_code]=CH1", ["CH1"]),
    ],
)
def test_nudges(body: str, touched: list[str]) -> None:
    getfly = World().getfly
    nudge = form(body, {"x-bridge-secret": "hush"})
    getfly.verify(nudge)
    assert [ref.vendor_id for ref in getfly.touched(nudge)] == touched
    with pytest.raises(Forged):
        getfly.verify(form(body, {"x-bridge-secret": "guess"}))
    with pytest.raises(Forged):
        World(secrets={"api_key": "K"}).getfly.verify(nudge)


def test_replies() -> None:
    getfly = World().getfly
    handshake = getfly.handshake(Inbound("HEAD", {}, {}, b""))
    assert handshake is not None and handshake.status == 200
    assert getfly.handshake(form("")) is None
    assert [getfly.reply(outcome).status for outcome in ("accepted", "forged", "busy")] == [200, 401, 503]


# Fields and settings


STAGES = Words(
    meaning={("stage", "8/31"): "new", ("stage", "8/35"): "won", ("stage", "9/35"): "won", ("owner", "1"): "hoa"},
    says={("stage", "new"): ("8/31",), ("stage", "won"): ("9/35", "8/35"), ("owner", "hoa"): ("1",)},
)


@pytest.mark.parametrize(
    ("name", "native", "canonical", "back"),
    [
        ("stage", "8/31", "new", "8/31"),
        ("stage", "8/35", "won", "8/35"),
        ("owner", "1", "hoa", "1"),
        ("description", "a\r\nb ", "a\nb", "a\nb"),
        ("account_name", "Customer XYZ", "Customer XYZ", "Customer XYZ"),
        ("account_email", "A@Example.com", "a@example.com", "a@example.com"),
        ("account_phone", "0123 456 789", "84123456789", "0123456789"),
        ("account_phone", "+84 123456789", "84123456789", "0123456789"),
        ("account_phone", "+15551230000", "15551230000", "+15551230000"),
        ("account_phone", "0015551230000", "15551230000", "+15551230000"),
        ("account_phone", None, None, ""),
        ("amount", "1500.5", "1500.5 VND", "1500.5"),
        ("probability", 12, 12, 12),
        ("expected_close", "2026-12-31", "2026-12-31", "2026-12-31"),
        ("custom.source", "x", "x", "x"),
    ],
)
def test_fields_round_trip(name: str, native: Native, canonical: Native, back: Native) -> None:
    field = World(custom={"source": "nguon"}).field(name)
    assert field.decode(native, STAGES) == canonical
    assert field.encode(canonical, STAGES, "8") == back
    assert field.same(back, native)
    assert field.decode(back, STAGES) == canonical


def test_status_is_the_stage() -> None:
    status = World().field("status")
    assert (status.via, status.scope) == ("stage", "pipeline")


def test_what_cannot_be_written_says_why() -> None:
    world = World(custom={"source": "nguon"}, options={"write_unread": ["contact_name"]})
    readonly = {field.name for field in world.getfly.fields if field.readonly}
    assert readonly == {
        "name", "description", "amount", "probability", "account", "pipeline", "expected_close", "contact_email",
        "contact_phone", "custom.source",
    }  # fmt: skip
    unread = {field.name for field in world.getfly.fields if field.unread}
    assert unread == {"description", *CONTACT, "custom.source"}


def test_phones_keep_their_digits_without_a_country() -> None:
    phone = NationalPhone("account_phone", "account_phone")
    assert (phone.decode("0912 345", Words()), phone.encode("0912345", Words())) == ("0912345", "0912345")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), (0, None), ("", None), ("0000-00-00 00:00:00", None), ("2026-12-31 23:30:00", "2026-12-31"),
        ("2026-12-31", "2026-12-31"), (1798650000, "2026-12-31"), ("1798650000", "2026-12-31"),
        (1798649999, "2026-12-30"),
    ],
)  # fmt: skip
def test_days_are_of_the_account(value: Any, expected: str | None) -> None:
    assert day({"d": value}, "d", World().getfly._zone) == expected


@pytest.mark.parametrize("value", ["2026-13-01", "soon", 10**20, [], True])
def test_strange_days_are_not_guessed(value: Any) -> None:
    with pytest.raises(Transient):
        day({"d": value}, "d", World().getfly._zone)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"zone": "Asia/Nowhere"}, "connections.gf.zone"),
        ({"options": {"write_unread": ["amount"]}}, "connections.gf.write_unread"),
        ({"options": {"country_code": "+84"}}, "connections.gf.country_code"),
        ({"secrets": {}}, "connections.gf.api_key"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], where: str) -> None:
    with pytest.raises(Misconfigured) as error:
        World(**settings)
    assert error.value.where == where


def test_check_probes_the_reads() -> None:
    world = World(CAMPAIGNS, READS["list"], {**RICH, "opportunity_code": "CH2284"}, secrets={"api_key": "K"})
    assert world.getfly.check() == [
        "reads show beyond the documented fields: account_code, amount, description, est_finish_date",
        "no hook_secret: webhooks and nudges are refused, only the sweep finds changes",
    ]
    assert not world.field("description").unread


def test_check_of_an_empty_account_with_one_campaign_printed_without_brackets() -> None:
    world = World({**CAMPAIGNS, "data": CAMPAIGNS["data"][0]}, USERS, {"data": [], "has_more": False})
    assert world.getfly.check()[-1].startswith("no deal to try")


@pytest.mark.parametrize(
    ("answer", "options", "kind", "where"),
    [
        (answered(200, CAMPAIGNS), {"campaigns": ["CD9"]}, Misconfigured, "connections.gf.campaigns"),
        (answered(404, "<html>"), {}, Misconfigured, "connections.gf.base_url"),
        (answered(404, {"message": "not found"}), {}, Misconfigured, "connections.gf.base_url"),
        (answered(200, "<html>"), {}, Misconfigured, "connections.gf.base_url"),
        (answered(200, {"message": "route not found"}), {}, Misconfigured, "connections.gf.base_url"),
        (answered(401, {}), {}, Disconnected, None),
    ],
)
def test_check_names_the_key_that_is_wrong(
    answer: Answer, options: dict[str, Any], kind: type[BridgeError], where: str | None
) -> None:
    with pytest.raises(kind) as error:
        World(answer, options=options).getfly.check()
    assert getattr(error.value, "where", None) == where
