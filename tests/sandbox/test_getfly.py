"""The simulated GetFly obeys docs/vendors/getfly.md: what it answers, what it refuses, and each of its switches."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from bridge.sandbox.getfly import SWITCHES, GetflySimulator
from bridge.sandbox.getfly.lists import DEAL_FIELDS, DEAL_UPDATED

START = 1_790_000_000  # 2026-09-21 21:13:20 in Ho Chi Minh City
KEY = {"X-API-KEY": "sandbox-bridge-key"}
DEALS, DEAL, STAGE = "/api/v6.1/opportunities", "/api/v6.1/opportunity", "/api/v6.1/opportunity/stage"
FIVE = {
    "current_opportunity_code": "CH2055057", "campaign_code": "CD0008", "account_code": "KH/2024/119270",
    "account_name": "Acme Hotels", "recipient_username": "hoa",
}  # fmt: skip
NEW = {
    "campaign_code": "CD0008", "account_name": "Red Inn", "account_phone": "0911222333", "contact_name": "An Ho",
    "contact_phone": "0911222334", "recipient_username": "minh",
}  # fmt: skip


class World:
    """One simulator, its test client, a clock to set and the webhooks it sent."""

    def __init__(self, **switches):
        self.now = START
        self.sim = GetflySimulator(clock=lambda: self.now, **switches)
        self.http = self.sim.app.test_client()
        self.hooks = []
        self.sim.send = self.hooks.append

    def call(self, method, path, body=None, query=None, headers=KEY):
        answer = self.http.open(path, method=method, json=body, query_string=query, headers=headers)
        return answer.status_code, answer.get_json()

    def read(self, code="CH2055057", fields="id,opportunity_name,opportunity_status"):
        return self.call("GET", DEAL, query={"opportunity_code": code, "fields": fields})

    def ids(self, body=None, **query):
        status, page = self.call("GET", DEALS, body, {"fields": "id"} | query)
        return [row["id"] for row in page["data"]] if status == 200 else status

    def put(self, **values):
        return self.call("PUT", DEAL, FIVE | values)

    def forms(self):
        return [dict(parse_qsl(hook.body.decode(), keep_blank_values=True)) for hook in self.hooks]

    def ledger(self):
        return [(one.who, one.deal, one.call, one.fields) for one in self.sim.ledger]


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("headers", [{}, {"X-API-KEY": "wrong"}, {"Cookie": "v6_getflycrm_session=x"},
                                     {"Authorization": "Bearer sandbox-bridge-key"}])  # fmt: skip
def test_no_key_is_401_in_json_whatever_the_cookie(world, headers):
    status, body = world.call("GET", DEALS, query={"fields": "id"}, headers=headers)
    assert status == 401 and body == {"message": "Chưa xác thực"}


def test_wrong_method_is_403_and_unknown_route_404(world):
    assert world.call("POST", DEALS, {})[0] == 403
    assert world.call("PATCH", DEAL, {})[0] == 403
    assert world.call("GET", "/api/v6.1/nothing") == (404, {"message": "Route not found"})
    assert World(unknown_route_200=True).call("GET", "/api/v6.1/nothing")[0] == 200


def test_a_write_needs_a_json_object(world):
    assert world.http.put(DEAL, data=FIVE, headers=KEY).status_code == 400
    assert world.http.put(DEAL, data="{", headers=KEY, content_type="application/json").status_code == 400
    assert world.call("PUT", DEAL, [FIVE])[0] == 400


def test_the_list_has_the_documented_envelope_newest_id_first(world):
    status, page = world.call(
        "GET", DEALS, query={"fields": "id,opportunity_code", "filtering[campaign_code]": "CD0008"}
    )
    assert status == 200
    assert page == {
        "data": [{"id": 2055058, "opportunity_code": "CH2055058"}, {"id": 2055057, "opportunity_code": "CH2055057"},
                 {"id": 4404, "opportunity_code": "CH2284"}],
        "has_more": False, "offset": 0, "limited": 20, "sorted": {"id": "DESC"},
    }  # fmt: skip


def test_the_detail_is_bare_with_local_times(world):
    status, deal = world.read(fields=",".join(DEAL_FIELDS))
    assert status == 200 and tuple(deal) == DEAL_FIELDS
    assert deal["created_at"] == "2026-09-20 21:13:20"
    assert (deal["opportunity_status"], deal["opportunity_status_name"], deal["status"]) == (31, "New", 0)
    assert (deal["rcpt_display_name"], deal["phone_office"]) == ("Hoa Tran", "+84901234567")
    assert World(zone="UTC").read(fields="created_at")[1] == {"created_at": "2026-09-20 14:13:20"}


def test_the_detail_refuses_a_missing_code_or_fields_and_an_unknown_code(world):
    assert world.call("GET", DEAL, query={"fields": "id"})[0] == 400
    assert world.call("GET", DEAL, query={"opportunity_code": "CH2055057"})[0] == 400
    assert world.read("CH4404")[0] == 404


def test_undocumented_fields_are_refused_left_out_or_shown(world):
    assert world.read(fields="id,amount")[0] == 400
    assert World(unknown_field_refused=False).read(fields="id,amount") == (200, {"id": 2055057})
    every = World(extra_fields="all").read(fields="amount,description,est_finish_date,account_code,updated_at")[1]
    assert every == {"amount": 1500, "description": "Forty rooms, two years", "est_finish_date": "2026-12-31 00:00:00",
                     "account_code": "KH/2024/119270", "updated_at": "2026-09-20 21:13:20"}  # fmt: skip
    some = World(extra_fields="amount,updated_at")
    assert some.read(fields="amount")[0] == 200 and some.read(fields="description")[0] == 400


@pytest.mark.parametrize(("key", "operand", "ids"), [
    ("id", "4404", [4404]), ("id:eq", "4404", [4404]), ("id:gte", "4405", [2055058, 2055057]),
    ("id:lt", "5000", [4404]),
    ("opportunity_name:contains", "lan pham", [2055058, 2055057]), ("account_id", "11974", [4404]),
    ("created_at:gte", "2026-09-20 00:00:00", [2055057]), ("created_at:lt", "2026-09-20", [2055058, 4404]),
    ("campaign_code", "CD0010", []), ("id:gt", "2055058", []), ("id:lte", "4404", [4404]), ("id:is", "4404", [4404]),
])  # fmt: skip
def test_filters_of_the_query_string(world, key, operand, ids):
    assert world.ids(**{f"filtering[{key}]": operand}) == ids


@pytest.mark.parametrize(("filtering", "ids"), [
    ({"id:in": [4404, 2055057]}, [2055057, 4404]), ({"id:not_in": [4404]}, [2055058, 2055057]),
    ({"id:between": [1, 5000]}, [4404]), ({"id:not_between": [1, 5000]}, [2055058, 2055057]), ({"id": 4404}, [4404]),
])  # fmt: skip
def test_array_filters_come_in_a_json_body(world, filtering, ids):
    assert world.ids({"filtering": filtering}) == ids
    assert world.call("GET", DEALS, {"fields": "id", "limit": 1, "filtering": filtering})[1]["limited"] == 1


@pytest.mark.parametrize("query", [
    {"filtering[secret]": "1"}, {"filtering[id:like]": "1"}, {"filtering[id]": "x"}, {"filtering[created_at]": "soon"},
    {"filtering[id:in]": "1"}, {"filtering[id:in][]": "1"}, {"filtering[id": "1"}, {"limit": "0"}, {"limit": "x"},
    {"offset": "-1"}, {"sort": "amount"}, {"sort": "id", "direction": "up"}, {"fields": ""},
])  # fmt: skip
def test_queries_that_are_refused(world, query):
    assert world.ids(**query) == 400


def test_query_arrays_by_switch():
    assert World(query_arrays=True).ids(**{"filtering[id:in][]": ["4404", "2055057"]}) == [2055057, 4404]


def test_paging_and_sorting(world):
    _, page = world.call("GET", DEALS, query={"fields": "id", "sort": "id", "limit": 2, "offset": 1})
    assert [row["id"] for row in page["data"]] == [2055057, 2055058] and not page["has_more"]
    assert page["sorted"] == {"id": "ASC"} and page["offset"] == 1 and page["limited"] == 2
    assert world.call("GET", DEALS, query={"fields": "id", "limit": 2})[1]["has_more"]
    assert world.call("GET", DEALS, query={"fields": "id", "limit": 500})[1]["limited"] == 100
    assert world.ids(sort="created_at", direction="desc") == [2055057, 4404, 2055058]


def test_the_update_time_filter_and_sort_by_switch():
    late = {"filtering[updated_at:gte]": "2090-01-01 00:00:00"}
    assert len(World().ids(**late)) == 3
    assert World(updated_at_filter="honoured").ids(**late) == []
    assert World(updated_at_filter="refused").ids(**late) == 400
    assert World().ids(sort="updated_at", direction="asc") == [2055058, 2055057, 4404]
    assert World(updated_at_sort="honoured").ids(sort="updated_at", direction="asc") == [2055058, 4404, 2055057]
    assert World(updated_at_sort="refused").ids(sort="updated_at") == 400


def test_the_strict_update_answers_the_seed_page(world):
    world.now += 60
    status, body = world.put(description="changed", recipient_username="minh")
    assert status == 200 and tuple(body["data"]) == DEAL_UPDATED
    deal = body["data"]
    assert (deal["description"], deal["recipient"], deal["create_user"]) == ("changed", 3, None)
    assert deal["updated_at"] == deal["receipt_date"] == START + 60 and deal["created_at"] == START - 86400
    assert world.ledger() == [("bridge", "CH2055057", f"PUT {DEAL}", ("description", "recipient"))]


def test_an_update_that_keeps_the_handler_keeps_the_receipt_date(world):
    world.now += 60
    deal = world.put()[1]["data"]
    assert (deal["updated_at"], deal["receipt_date"]) == (START + 60, START - 86400)
    assert world.ledger()[0][3] == ()


@pytest.mark.parametrize("name", list(FIVE))
def test_the_strict_update_demands_each_of_the_five(world, name):
    status, body = world.call("PUT", DEAL, {k: v for k, v in FIVE.items() if k != name})
    assert status == 400 and list(body["errors"]) == [name]
    assert world.put(**{name: ""})[0] == 400
    assert World(invalid_status=422).put(**{name: None})[0] == 422


def test_the_strict_update_ignores_what_its_page_does_not_list(world):
    deal = world.put(opportunity_status=33, amount=9, probability=9, current_opportunity_id=4404, nonsense=1)[1]["data"]
    assert (deal["id"], deal["opportunity_status"], deal["amount"], deal["probability"]) == (2055057, 31, 1500, 20)
    assert World(strict_takes_stage=True).put(opportunity_status=33)[1]["data"]["opportunity_status"] == 33


@pytest.mark.parametrize(("values", "status"), [
    ({"current_opportunity_code": "CH1"}, 404), ({"campaign_code": "CD0010"}, 400), ({"campaign_code": "CD9"}, 400),
    ({"account_code": "KH/1"}, 400), ({"recipient_username": "Hoa Tran"}, 400), ({"description": 5}, 400),
    ({"account_name": 5}, 400), ({"account_phone": "0907654321"}, 400), ({"contact_name": " "}, 400),
])  # fmt: skip
def test_updates_that_are_refused_change_nothing(world, values, status):
    assert world.put(**values)[0] == status
    assert not world.sim.ledger and not world.hooks


def test_the_lenient_update_needs_one_of_each_pair():
    world = World(update="lenient")
    body = {"current_opportunity_id": 4404, "campaign_id": 8}
    assert world.call("PUT", DEAL, body | {"opportunity_status": 33})[1]["data"]["opportunity_status"] == 33
    assert world.call("PUT", DEAL, body | {"opportunity_status_name": "Won"})[1]["data"]["opportunity_status"] == 34
    assert world.call("PUT", DEAL, {"campaign_id": 8})[0] == 400
    assert world.call("PUT", DEAL, {"current_opportunity_id": 4404})[0] == 400
    assert world.call("PUT", DEAL, body | {"opportunity_status": 98})[0] == 400
    assert world.call("PUT", DEAL, body | {"opportunity_status": "33"})[0] == 400
    assert world.call("PUT", DEAL, body | {"current_opportunity_code": "CH2055057"})[0] == 404


def test_money_is_taken_by_switch():
    world = World(takes_amount=True, extra_fields="all")
    assert (
        world.put(amount=7.5, est_finish_date=START, opportunity_name="Big", define_fields={"source": "Web"})[0] == 200
    )
    assert world.read(fields="amount,opportunity_name,define_fields,est_finish_date")[1] == {
        "amount": 7.5, "opportunity_name": "Big", "define_fields": {"source": 2},
        "est_finish_date": "2026-09-21 21:13:20",
    }  # fmt: skip
    assert world.put(amount="7")[0] == 400
    assert world.put(define_fields={"source": "Radio"})[0] == 400
    assert world.put(define_fields={"colour": "red"})[0] == 400


def test_names_of_customer_and_contact_are_written_and_rename_the_deal(world):
    deal = world.put(account_name="Acme Group", contact_name="Lan P", account_email="x@acme.example")[1]["data"]
    assert deal["opportunity_name"] == "Lan P - Acme Group"
    assert world.ledger()[0][3] == ("opportunity_name", "account_name", "account_email", "contact_name")
    other = world.read("CH2055058", "account_name,opportunity_name,account_email")[1]
    assert other == {"account_name": "Acme Group", "opportunity_name": "Lan Pham - Acme Hotels, renewal",
                     "account_email": "x@acme.example"}  # fmt: skip


def test_when_the_name_is_rebuilt():
    renewal = {"current_opportunity_code": "CH2055058"}
    assert World().put(**renewal)[1]["data"]["opportunity_name"].endswith("renewal")
    assert World(name_rebuilt="always").put(**renewal)[1]["data"]["opportunity_name"] == "Lan Pham - Acme Hotels"
    assert World(name_rebuilt="never").put(account_name="A")[1]["data"]["opportunity_name"] == "Lan Pham - Acme Hotels"


def test_another_customers_code_binds_the_deal_to_it(world):
    deal = world.put(account_code="KH/2024/119271", account_name="Blue Shop")[1]["data"]
    assert (deal["account_id"], deal["contact_id"], deal["opportunity_name"]) == (11974, 9754, "Binh Vo - Blue Shop")


@pytest.mark.parametrize("body", [
    {"opportunity_id": 2055057, "campaign_id": 8, "opportunity_status": 32},
    {"opportunity_code": "CH2055057", "campaign_code": "CD0008", "opportunity_status_name": "Qualified"},
    {"opportunity_code": "CH2055057", "campaign_id": 8, "opportunity_status": 32, "amount": 1},
])  # fmt: skip
def test_the_stage_moves_by_any_of_the_pairs(world, body):
    assert world.call("PUT", STAGE, body)[1]["data"] == {
        "id": 2055057, "opportunity_code": "CH2055057", "opportunity_name": "Lan Pham - Acme Hotels",
        "opportunity_status": 32, "campaign_id": 8,
    }  # fmt: skip
    assert world.ledger() == [("bridge", "CH2055057", f"PUT {STAGE}", ("opportunity_status",))]


@pytest.mark.parametrize(("change", "status"), [
    ({"opportunity_status": 98}, 400), ({"opportunity_status": None}, 400), ({"opportunity_code": "CH1"}, 404),
    ({"campaign_code": "CD0010"}, 400), ({"opportunity_id": 4404}, 404), ({"opportunity_status_name": "Won"}, 400),
    ({"opportunity_code": ""}, 400), ({"campaign_code": ""}, 400),
])  # fmt: skip
def test_stage_calls_that_are_refused(world, change, status):
    body = {"opportunity_code": "CH2055057", "campaign_code": "CD0008", "opportunity_status": 32}
    assert world.call("PUT", STAGE, body | change)[0] == status
    assert not world.sim.ledger


def test_a_create_makes_customer_contact_code_and_name(world):
    status, body = world.call("POST", DEAL, NEW | {"define_fields": {"source": "Web"}, "opportunity_status": 33})
    assert status == 200
    assert body["data"] == {
        "id": 2055059, "define_fields": {"source": 2}, "updated_at": START, "account_id": 11975, "contact_id": 9755,
        "opportunity_name": "An Ho - Red Inn", "recipient": 3, "create_user": 0, "campaign_id": 8, "amount": 0,
        "probability": 0, "receipt_date": START, "opportunity_status": 31, "created_at": START,
        "opportunity_code": "CH2055059",
    }  # fmt: skip
    assert world.read("CH2055059")[0] == 200
    assert World(created_status=201).call("POST", DEAL, NEW)[0] == 201


@pytest.mark.parametrize("change", [
    *({name: ""} for name in NEW), {"account_code": "KH/1"}, {"recipient_username": "x"},
    {"define_fields": {"source": "Radio"}}, {"define_fields": {"source": [[]]}},
])  # fmt: skip
def test_creates_that_are_refused(world, change):
    assert world.call("POST", DEAL, NEW | change)[0] == 400
    assert len(world.sim.records.accounts) == 2 and not world.hooks


def test_a_create_links_by_code_or_by_phone(world):
    by_code = world.call("POST", DEAL, NEW | {"account_code": "KH/2024/119271"})[1]["data"]
    by_phone = world.call("POST", DEAL, NEW | {"account_phone": "0907 654 321"})[1]["data"]
    assert by_code["account_id"] == by_phone["account_id"] == 11974
    assert by_code["contact_id"] == by_phone["contact_id"]
    status, body = World(known_phone="refuse").call("POST", DEAL, NEW | {"account_phone": "+84907654321"})
    assert status == 400 and "không cho phép trùng" in body["message"]


def test_a_second_deal_of_a_customer_is_refused_by_switch():
    world = World(allow_duplicate_opp=False)
    body = NEW | {"account_code": "KH/2024/119271"}
    assert world.call("POST", DEAL, body)[0] == 400
    assert world.call("POST", DEAL, body | {"campaign_code": "CD0010"})[1]["data"]["opportunity_status"] == 98
    assert ("98", "Renewals: New") in world.sim.columns()


def test_the_v6_create_sets_money_name_and_dates():
    world = World(extra_fields="all")
    body = {"opportunity_status": 32, "recipient": 2, "account_id": 11974, "opportunity_name": "Big", "amount": 12,
            "est_finish_date": START, "probability": 30, "description": "d"}  # fmt: skip
    path = "/api/v6/campaigns/8/opportunities"
    assert world.call("POST", path, body) == (200, {"message": "Thêm mới thành công", "id": 2055059})
    deal = world.read("CH2055059", "amount,opportunity_name,probability,description,contact_id")[1]
    assert deal == {"amount": 12, "opportunity_name": "Big", "probability": 30, "description": "d", "contact_id": 9754}
    for change in ({"opportunity_status": 98}, {"recipient": 99}, {"account_id": 1}, {"contact_id": 9753}):
        assert world.call("POST", path, body | change)[0] == 400
    assert world.call("POST", path, {"recipient": 2})[0] == 400
    assert world.call("POST", "/api/v6/campaigns/9/opportunities", body)[0] == 404
    assert world.call("POST", "/api/v6/campaigns/8/opportunity", body)[0] == 404
    assert World(v6_create_path="singular").call("POST", path, body)[0] == 404
    assert World(v6_create_path="both").call("POST", "/api/v6/campaigns/8/opportunity", body)[0] == 200


def test_a_delete_needs_its_body_and_raises_no_webhook(world):
    assert world.call("DELETE", DEAL)[0] == 400
    assert world.call("DELETE", DEAL, {"opportunity_code": "CH1"})[0] == 404
    status, body = world.call("DELETE", DEAL, {"opportunity_code": "CH2284"})
    assert status == 200 and body["data"] == {"opportunity_code": "CH2284"}
    assert world.read("CH2284")[0] == 404 and world.ids() == [2055058, 2055057]
    assert not world.hooks and world.ledger() == [("bridge", "CH2284", f"DELETE {DEAL}", ())]


def test_a_locked_campaign_refuses_writes():
    world = World(locked_campaign="CD0008")
    stage = {"opportunity_code": "CH2284", "campaign_id": 8, "opportunity_status": 32}
    calls = [
        ("PUT", DEAL, FIVE),
        ("PUT", STAGE, stage),
        ("POST", DEAL, NEW),
        ("DELETE", DEAL, {"opportunity_code": "CH2284"}),
    ]
    assert [world.call(*call)[0] for call in calls] == [400] * 4


def test_campaigns_and_their_stages(world):
    query = {
        "fields": "id,campaign_code,opportunity_status,is_lock,allow_duplicate_opp",
        "filtering[campaign_code]": "CD0008",
    }
    page = world.call("GET", "/api/v6.1/campaigns", query=query)[1]
    assert page["data"][0]["opportunity_status"][0] == {"status_id": 31, "name": "New", "description": "", "order": 1}
    assert page["sorted"] == {"updated_at": "DESC"}
    assert World(campaigns_as_object=True).call("GET", "/api/v6.1/campaigns", query=query)[1]["data"]["id"] == 8
    stages = world.call("GET", "/api/v6/campaigns/10/status")[1]
    assert [(row["status_id"], row["name"]) for row in stages][::4] == [(98, "New"), (102, "Lost")]
    assert world.call("GET", "/api/v6/campaigns/9/status")[0] == 404


def test_users(world):
    query = {"fields": "user_id,user_name,contact_name,email", "filtering[valid]": "1"}
    assert world.call("GET", "/api/v6.1/users", query=query)[1]["data"] == [
        {"user_id": 3, "user_name": "minh", "contact_name": "Minh Le", "email": "minh@example.com"},
        {"user_id": 2, "user_name": "hoa", "contact_name": "Hoa Tran", "email": "hoa@example.com"},
    ]
    query = {"fields": "user_id", "filtering[email:contains]": "hoa@"}
    assert world.call("GET", "/api/v6.1/users", query=query)[1]["data"] == [{"user_id": 2}]


def test_custom_field_definitions(world):
    _, body = world.call("GET", "/api/v6.1/opportunity/define_fields", query={"source_id": 8, "page": 1, "limit": 5})
    assert body["meta"] == {"current_page": 1, "per_page": 5, "total": 1}
    assert body["data"][0]["define_field_lists"] == [{"id": 1, "list_value": "Fair"}, {"id": 2, "list_value": "Web"}]
    assert world.call("GET", "/api/v6.1/opportunity/define_fields")[0] == 400


def test_accounts_are_read_bare_by_code_and_wrapped_by_id(world):
    fields = {"fields": "id,account_code,contacts"}
    lan = {"first_name": "Lan Pham", "email": "lan@acme.example", "phone_mobile": "+84901234567", "phone_home": ""}
    wanted = {"id": 11973, "account_code": "KH/2024/119270", "contacts": [lan]}
    one = "/api/v6.1/account"
    assert world.call("GET", one + "?account_code=KH%2F2024%2F119270&fields=id,account_code,contacts")[1] == wanted
    assert world.call("GET", one + "/11973", query=fields)[1] == {"data": wanted}
    assert world.call("GET", one, query=fields | {"account_code": "KH/1"})[0] == 404
    assert world.call("GET", one + "/1", query=fields)[0] == 404
    assert world.call("GET", one, query=fields)[0] == 400
    for path in ("/api/v6.1/accounts", "/api/v6/accounts"):
        assert world.call("GET", path, query={"fields": "id", "filtering[email]": "binh@blue.example"})[1]["data"] == [
            {"id": 11974}
        ]
        assert world.call("GET", path)[0] == 400
        assert world.call("GET", path, query={"fields": "id", "filtering[account_name:contains]": "Acme"})[0] == 400


def test_accounts_are_written(world):
    one = "/api/v6.1/account"
    body = {"account_name": "Red Inn", "phone_office": "0911", "contacts": [{"first_name": "An Ho"}]}
    assert world.call("POST", one, body)[1]["data"] == {"account_id": 11975, "account_code": "KH/2026/119272"}
    assert world.call("POST", one, body)[0] == 400
    assert world.call("POST", one, {"account_name": "x"})[0] == 400
    assert world.call("PUT", one, {"current_account_id": 11974, "account_name": "Blue"})[0] == 200
    assert world.read("CH2284", "account_name,opportunity_name")[1] == {
        "account_name": "Blue", "opportunity_name": "Binh Vo - Blue Shop"}  # fmt: skip
    assert world.ledger() == [("bridge", "CH2284", f"PUT {one}", ("account_name",))]
    assert world.call("PUT", one, {"current_account_code": "KH/1", "email": "x"})[0] == 404
    assert world.call("PUT", one, {"email": "x"})[0] == 400
    assert world.call("PUT", one, {"current_account_id": 11974, "phone_office": "0901234567"})[0] == 400


def test_a_webhook_is_a_flat_form_with_ids_and_secret(world):
    world.put()
    world.sim.edit("CH2055057", {"amount": 10})
    api, page = world.forms()
    assert api.keys() == {"event", "secret_key", "data[opportunity_id]", "data[opportunity_code]", "domain", "uid"}
    assert (api["event"], api["secret_key"]) == ("opportunity.updated", "sandbox-hook-secret")
    assert (api["data[opportunity_id]"], api["data[opportunity_code]"]) == ("2055057", "CH2055057")
    assert api["uid"] != page["uid"]
    hook = world.hooks[0]
    assert hook.headers == {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "GuzzleHttp/7"}
    assert b"data%5Bopportunity_id%5D=2055057" in hook.body


def test_the_nested_webhook_repeats_its_envelope():
    world = World(hook_shape="nested", secret_key="")
    world.call("POST", DEAL, NEW)
    (form,) = world.forms()
    assert form["event"] == form["data[event]"] == "opportunity.created"
    assert form["secret_key"] == form["data[secret_key]"] == "" and form["uid"] == form["data[uid]"]
    assert form["data[data][opportunity_id]"] == "2055059" and "data[opportunity_id]" not in form


def test_what_webhooks_carry_by_switch():
    for which, keys in (("id", {"data[opportunity_id]"}), ("account", {"data[account_id]"})):
        world = World(hook_ids=which)
        world.put()
        assert {key for key in world.forms()[0] if key.startswith("data")} == keys
    world = World(hook_changes=True)
    world.put(description="d")
    change = "data[data_change][data][o.description]"
    assert (
        world.forms()[0][f"{change}[new_value]"] == "d" and world.forms()[0]["data[data_change][updated_by][id]"] == "0"
    )
    world = World(hook_shape="json")
    world.put()
    assert (
        world.hooks[0].headers["Content-Type"] == "application/json"
        and b'"opportunity_id": 2055057' in world.hooks[0].body
    )


def test_which_webhooks_are_sent_by_switch():
    quiet = World(hook_api_writes=False)
    quiet.put()
    quiet.sim.move("CH2055057", "32")
    assert len(quiet.hooks) == 1
    off = World(hook_events="")
    off.sim.move("CH2055057", "32")
    assert not off.hooks
    customers = World(hook_events="customer.created,customer.updated")
    customers.call("POST", DEAL, NEW)
    customers.put(account_name="Acme Group")
    created, updated = customers.forms()
    assert (created["event"], created["data[account_id]"]) == ("customer.created", "11975")
    assert updated["data[data_change][data][a.account_name][new_value]"] == "Acme Group"


def test_the_board(world):
    assert world.sim.columns() == [
        ("31", "New"),
        ("32", "Qualified"),
        ("33", "Proposal"),
        ("34", "Won"),
        ("35", "Lost"),
    ]
    card = world.sim.cards()[0]
    assert (card.id, card.title, card.column) == ("CH2055057", "Lan Pham - Acme Hotels", "31")
    assert (card.details["amount"], card.details["expected close"], card.details["Source"]) == (
        "1500",
        "2026-12-31",
        "Fair",
    )
    world.now += 5
    world.sim.edit("2055057", {"amount": 2, "contact_name": "Lan", "recipient": 3}, who="person")
    assert world.ledger() == [("person", "CH2055057", "page", ("amount", "recipient", "contact_name"))]
    assert world.sim.records.deals[2055057]["receipt_date"] == START + 5
    with pytest.raises(KeyError):
        world.sim.edit("CH1", {"amount": 2})
    with pytest.raises(KeyError):
        world.sim.edit("CH2055057", {"colour": 2})
    with pytest.raises(ValueError, match="opportunity_status"):
        world.sim.move("CH2055057", "98")
    for wrong in ({"amount": "x"}, {"define_fields": {"source": "Radio"}}, {"account_phone": "+84907654321"}):
        with pytest.raises(ValueError, match=r"invalid|duplicate"):
            world.sim.edit("CH2055057", wrong)
    world.sim.edit("CH2055057", {"define_fields": {"source": "Web"}})
    assert world.sim.cards()[0].details["Source"] == "Web"


def test_reads_lag_by_switch():
    world = World(read_lag_s=10)
    world.sim.move("CH2055057", "32")
    world.call("DELETE", DEAL, {"opportunity_code": "CH2284"})
    world.call("POST", DEAL, NEW)
    assert world.read()[1]["opportunity_status"] == 31
    assert world.ids() == [2055058, 2055057, 4404]
    world.now += 10
    assert world.read()[1]["opportunity_status"] == 32
    assert world.ids() == [2055059, 2055058, 2055057]


def test_a_tidy_tenant_stores_names_trimmed_and_phones_national():
    world = World(normalise=True)
    world.put(account_name=" Acme   Group ", account_phone="+84 911 000 111")
    assert world.read(fields="account_name,phone_office")[1] == {
        "account_name": "Acme Group",
        "phone_office": "0911000111",
    }


def test_languages_and_the_servers_own_failures():
    assert World(language="en").put()[1]["message"] == "Update successful"
    assert World().put()[1]["message"] == "Cập nhật thành công"
    sim = World().sim
    assert (sim.throttled().status_code, sim.broken().status_code) == (429, 500)


def test_a_person_is_told_apart_from_the_bridge(world):
    world.call("PUT", DEAL, FIVE, headers={"X-API-KEY": "sandbox-person-key"})
    assert world.ledger()[0][0] == "person"


def test_every_switch_says_what_it_does_and_unknown_ones_are_refused():
    assert all(switch.what for switch in SWITCHES)
    with pytest.raises(ValueError, match="no switch"):
        World(nothing=1)
