"""The simulated ONLYOFFICE portal refuses, keeps, resets and misbehaves as its document says."""

import base64
import json
from decimal import Decimal

import pytest

from bridge.sandbox.onlyoffice import OnlyofficeSimulator
from bridge.sandbox.onlyoffice.records import BRIDGE, HOA, LOST_USER, MINH

NOW = 1_790_000_000.6  # 2026-09-21T14:13:20.6Z
UNSET = "0001-01-01T00:00:00.0000000Z"
FULL = {"title": "T", "responsibleid": HOA, "stageid": 4, "bidCurrencyAbbr": "usd"}


class World:
    """A portal, its clock, and calls with the bridge's key."""

    def __init__(self, **switches):
        self.now = NOW
        self.sim = OnlyofficeSimulator(clock=lambda: self.now, **switches)
        self.client = self.sim.app.test_client(use_cookies=False)

    def call(self, verb, path, body=None, key="sandbox-bridge-key", **options):
        if body is not None:
            options["json"] = body
        headers = {"Authorization": key} | options.pop("headers", {})
        return self.client.open(f"/api/2.0{path}.json", method=verb, headers=headers, **options)

    def crm(self, verb, path, body=None, **options):
        return self.call(verb, f"/crm{path}", body, **options)

    def deal(self, number=17, **options):
        return self.crm("GET", f"/opportunity/{number}", **options).json["response"]

    def put(self, number=17, without=(), **body):
        whole = {name: value for name, value in (FULL | body).items() if name not in without}
        return self.crm("PUT", f"/opportunity/{number}", whole)

    def ids(self, query="", **options):
        answer = self.crm("GET", "/opportunity/filter", query_string=query, **options)
        assert answer.status_code == 200, answer.text
        return [deal["id"] for deal in answer.json["response"]]

    def login(self, name, password="sandbox-secret"):
        return self.client.post("/api/2.0/authentication.json", json={"userName": name, "password": password})


@pytest.fixture
def world():
    return World()


@pytest.fixture(scope="module")
def still():
    """Return a world shared by tests that change nothing."""
    return World()


@pytest.fixture(scope="module")
def dated():
    """Return a world shared by tests that set a date and read it back."""
    return World()


@pytest.fixture
def minh(world):
    return world.login("minh@example.com").json["response"]["token"]


def refused(answer, status, message=None, hresult=None):
    assert answer.status_code == status, answer.text
    assert answer.json["status"] == 1
    assert answer.json["statusCode"] == status
    assert answer.json["error"]["data"] == {}
    assert set(answer.json) == {"status", "statusCode", "error"}
    assert message is None or answer.json["error"]["message"] == message
    assert hresult is None or answer.json["error"]["hresult"] == hresult


# 1: authentication


@pytest.mark.parametrize("header", ["nonsense", "", "Bearer nonsense", "Basic nonsense", "Basic aG9hOng="])
def test_a_bad_credential_is_a_plain_text_401(still, header):
    answer = still.crm("GET", "/opportunity/17", key=header)
    assert (answer.status_code, answer.text, answer.mimetype) == (401, "Unauthorized", "text/plain")
    assert "WWW-Authenticate" in answer.headers


def test_no_credential_is_a_401_without_challenge(world):
    answer = world.client.get("/api/2.0/crm/opportunity/17")
    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer.headers


def test_keys_are_accepted_bare_as_bearer_as_basic_and_with_or_without_json(world):
    basic = base64.b64encode(b"hoa@example.com:sandbox-secret").decode()
    for key in ("sandbox-bridge-key", "sandbox-person-key", "Bearer sandbox-bridge-key", f"Basic {basic}"):
        assert world.client.get("/api/2.0/crm/opportunity/17", headers={"Authorization": key}).status_code == 200
        assert world.deal(key=key)["id"] == 17


def test_a_stale_cookie_wins_over_a_fresh_header(world):
    assert world.crm("GET", "/opportunity/17", headers={"Cookie": "asc_auth_key=stale"}).status_code == 401


def test_login_is_201_and_its_token_works_until_its_life_ends(world):
    answer = world.login("hoa@example.com")
    assert (answer.status_code, answer.json["statusCode"], answer.json["count"]) == (201, 201, 1)
    assert answer.headers["Set-Cookie"].startswith("asc_auth_key=")
    token = answer.json["response"]["token"]
    assert world.call("GET", "/people/@self", key=token).json["response"]["email"] == "hoa@example.com"
    world.now += 365 * 24 * 3600
    assert world.call("GET", "/people/@self", key=token).status_code == 401


def test_each_login_gives_another_token_and_a_key_serves_as_login(world):
    first, second = (world.login("sandbox-bridge-key").json["response"]["token"] for _ in range(2))
    assert first != second
    assert world.call("GET", "/people/@self", key=first).json["response"]["id"] == BRIDGE


def test_a_wrong_password_is_a_500_and_the_sixth_try_in_a_minute_is_locked_out(world):
    for _ in range(5):
        refused(world.login("hoa@example.com", "x"), 500, "User authentication failed")
    refused(world.login("hoa@example.com"), 500, "Login Fail. Too many attempts")
    assert world.login("minh@example.com").status_code == 201
    world.now += 60
    assert world.login("hoa@example.com").status_code == 201


def test_the_version_needs_no_credential(world):
    answer = world.client.get("/api/2.0/settings/version/build.json")
    assert answer.json["response"] == {"communityServer": "12.7.1"}


# 2.2, 2.3, 3.2: shapes


def test_the_sample_deal_in_the_vendors_shape(world):
    answer = world.crm("GET", "/opportunity/17")
    assert list(answer.json) == ["count", "status", "statusCode", "response"]
    deal = answer.json["response"]
    assert list(deal) == [
        "createBy", "created", "members", "contact", "title", "description", "responsible", "bidValue", "bidCurrency",
        "stage", "successProbability", "actualCloseDate", "expectedCloseDate", "isPrivate", "accessList", "canEdit",
        "customFields", "id",
    ]  # fmt: skip
    assert '"bidValue":1500.000000000,' in answer.text
    assert "\\/Products\\/People" in answer.text
    assert deal["title"] == "Lan Pham - Acme Hotels"
    assert deal["responsible"]["id"] == HOA
    assert deal["contact"]["displayName"] == "Lan Pham"
    assert (deal["stage"]["id"], deal["stage"]["stageType"], deal["successProbability"]) == (1, 0, 20)
    assert "sortOrder" not in deal["stage"]
    assert deal["expectedCloseDate"] == "2026-12-31T00:00:00.0000000+07:00"
    assert deal["actualCloseDate"] == UNSET
    assert [(row["fieldType"], row["entityId"], row["fieldValue"]) for row in deal["customFields"]] == [
        (4, 0, ""),
        (2, 17, "Fair"),
    ]


def test_zero_and_null_members_are_left_out_but_dates_and_flags_stay(world):
    text = world.put().json["response"]
    missing = {"bidType", "bidValue", "perPeriodValue", "successProbability", "contact"}
    assert not missing & set(text)
    assert text["description"] == ""
    assert (text["isPrivate"], text["canEdit"]) == (False, True)
    assert text["actualCloseDate"] == text["expectedCloseDate"] == UNSET


def test_lists_drop_headings_and_public_access_lists(world):
    rows = world.crm("GET", "/opportunity/filter", query_string="sortBy=id").json["response"]
    assert "accessList" not in rows[0]
    assert [row["fieldType"] for row in rows[0]["customFields"]] == [2]
    assert [user["id"] for user in rows[2]["accessList"]] == [HOA, MINH]


def test_an_unset_date_of_the_first_year_may_be_echoed(world):
    assert world.put(actualCloseDate=UNSET).json["response"]["actualCloseDate"] == UNSET


def test_non_numeric_ids_and_other_verbs_are_plain_404s(world):
    for verb, path in (("GET", "/opportunity/abc"), ("PATCH", "/opportunity/17"), ("GET", "/nothing")):
        answer = world.crm(verb, path)
        assert (answer.status_code, answer.mimetype) == (404, "text/plain")


# 2.5: errors


def test_ids_refused(world):
    refused(world.crm("GET", "/opportunity/999"), 404, "Not found", -2147467259)
    refused(world.put(999), 404, "Not found")
    refused(world.put(0), 404)
    refused(world.crm("DELETE", "/opportunity/999"), 404)
    for verb, path in (("GET", ""), ("DELETE", ""), ("PUT", "/stage/1"), ("PUT", "/access")):
        refused(world.crm(verb, f"/opportunity/0{path}", {"stageid": 1} if verb == "PUT" else None), 400)


def test_reason_phrases_are_the_vendors(world):
    assert world.crm("GET", "/opportunity/999").status == "404 The record could not be found"
    assert world.crm("GET", "/opportunity/0").status == "400 Invalid arguments"


@pytest.mark.parametrize("name", list(FULL))
@pytest.mark.parametrize("how", ["absent", "null", "empty"])
def test_four_inputs_are_mandatory_in_post_and_put(still, name, how):
    body = {key: value for key, value in FULL.items() if key != name}
    body |= {} if how == "absent" else {name: None if how == "null" else ""}
    message = "Value does not fall within the expected range."
    refused(still.crm("PUT", "/opportunity/17", body), 400, message, -2147024809)
    refused(still.crm("POST", "/opportunity", body), 400, message)
    assert still.sim.ledger == []


def test_unknown_values_are_refused(world):
    refused(world.put(stageid=10), 400, "Deal milestone is not found", -2147024809)
    refused(world.put(bidCurrencyAbbr="TWD"), 400, "Value does not fall within the expected range.")
    refused(world.put(contactid=999), 400, "Value does not fall within the expected range.")
    refused(world.put(contactid=-1), 400)


def test_an_unknown_responsible_is_stored_and_reads_back_as_unknown(world):
    assert world.put(responsibleid=BRIDGE.replace("c0", "c1")).status_code == 200
    assert world.deal()["responsible"]["id"] == LOST_USER
    assert world.deal()["responsible"]["displayName"] == "Unknown"


# 2.6: binding


@pytest.mark.parametrize("raw", ["[1]", '"x"', "{", "nonsense", '{"title": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(still, raw):
    refused(still.crm("PUT", "/opportunity/17", data=raw, content_type="application/json"), 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stageid", "four"), ("stageid", 4.5), ("stageid", "4.0"), ("stageid", 2**31), ("stageid", True),
        ("contactid", "x"), ("bidValue", "1,500"), ("bidValue", "a"), ("bidValue", "1e40"), ("perPeriodValue", 1.5),
        ("successProbability", "20%"), ("bidType", "Fixed"), ("bidType", 6), ("isPrivate", 1), ("isPrivate", "yes"),
        ("isNotify", "no"), ("responsibleid", "hoa"), ("members", None), ("members", ""), ("members", ["x"]),
        ("members", [None]), ("accessList", None), ("accessList", ["hoa"]), ("expectedCloseDate", "tomorrow"),
        ("customFieldList", [{"key": "x", "value": "y"}]), ("customFieldList", [{"key": None, "value": "y"}]),
    ],
)  # fmt: skip
def test_texts_not_convertible_are_refused_before_anything_is_looked_up(still, name, value):
    refused(still.put(**{name: value}), 400)
    refused(still.put(999, **{name: value}), 400)
    assert still.sim.ledger == []


def test_null_and_empty_scalars_are_zero(world):
    for nothing in (None, ""):
        names = ("contactid", "description", "bidType", "bidValue", "perPeriodValue", "successProbability")
        answer = world.put(isPrivate=nothing, expectedCloseDate=nothing, **dict.fromkeys(names, nothing))
        assert answer.status_code == 200
        assert not {"contact", "bidType", "bidValue", "perPeriodValue", "successProbability"} & set(
            answer.json["response"]
        )


def test_names_in_any_case_texts_for_numbers_names_for_enums_and_unknown_names(world):
    body = {"TITLE": "T", "ResponsibleID": HOA.upper(), "StageId": "4", "BIDCURRENCYABBR": "eur", "bidtype": "permonth"}
    answer = world.crm("PUT", "/opportunity/17", body | {"BIDVALUE": "1.5e3", "perPeriodValue": 3.0, "colour": "red"})
    deal = answer.json["response"]
    assert (deal["bidType"], deal["perPeriodValue"], deal["bidCurrency"]["abbreviation"]) == (4, 3, "EUR")
    assert "1500.000000000" in answer.text


def test_path_beats_query_beats_body(world):
    answer = world.crm("PUT", "/opportunity/17", FULL | {"opportunityid": 18}, query_string="title=Q")
    assert (answer.json["response"]["id"], answer.json["response"]["title"]) == (17, "Q")


def test_form_bodies_work_alike(world):
    form = FULL | {"members[]": ["101", "104"], "customFieldList[0][key]": "6", "customFieldList[0][value]": "f"}
    deal = world.crm("PUT", "/opportunity/17", data=form).json["response"]
    assert [member["id"] for member in deal["members"]] == [101, 104]
    assert deal["customFields"][-1]["fieldValue"] == "f"


@pytest.mark.parametrize(
    "value", [[{"key": 6, "value": "v"}], {"Key": 6, "Value": "v"}, [{"Key": "6", "Value": "v"}, {"key": 99}]]
)
def test_custom_fields_bind_in_either_case_one_or_many(world, value):
    assert world.put(customFieldList=value).json["response"]["customFields"][-1]["fieldValue"] == "v"


def test_a_null_custom_field_list_is_an_empty_one(world):
    assert world.put(customFieldList=None).json["response"]["customFields"][-1]["fieldValue"] == "Fair"


# 2.4: dates

ACCEPTED = {
    "2024-06-30": "2024-06-30T00:00:00.0000000+07:00",
    "2024-06-30T06-30-00.000Z": "2024-06-30T13:30:00.0000000+07:00",
    "2024-06-30T06:30:00Z": "2024-06-30T13:30:00.0000000+07:00",
    "2024-06-30T06:30:00+03:00": "2024-06-30T10:30:00.0000000+07:00",
    "2024-06-30T06:30:00.000Z": "2024-06-30T13:30:00.0000000+07:00",
    "2024-06-30T06:30:00.000000+03:00": "2024-06-30T10:30:00.0000000+07:00",
    "2024-06-30T06:30:00.123Z": "2024-06-30T13:30:00.0000000+07:00",
    "2024-06-30T06:30:00.1230000Z": "2024-06-30T13:30:00.0000000+07:00",
    "2024-06-30T06:30:00.7654321Z": "2024-06-30T13:30:01.0000000+07:00",
    "2026-12-31T00:00:00.0000000+07:00": "2026-12-31T00:00:00.0000000+07:00",
}
REFUSED = [
    "2024-06-30T06:30:00.1Z", "2024-06-30T06:30:00.12Z", "2024-06-30T06:30:00.120Z", "2024-06-30T06:30:00.1234Z",
    "2024-06-30T06:30:00.12345Z", "2024-06-30T06:30:00.123456Z", "2024-06-30T06:30:00.123456+00:00",
    "2024-06-30T06:30:00.1234560Z", "2024-06-30T06:30:00.12345678Z", "2024-06-30T06-30-00.00Z",
    "2024-06-30T06:30:00", "2024-06-30T06:30Z", "2024-06-30 06:30:00Z", "2024-06-31", "30/06/2024", "06/30/2024",
    "2024-6-30", "20240630", "2024-06-30Z", "1719705600", "2024-06-30T25:00:00Z",
]  # fmt: skip


@pytest.mark.parametrize(("sent", "read"), ACCEPTED.items())
def test_dates_accepted_in_json(dated, sent, read):
    assert dated.put(expectedCloseDate=sent).json["response"]["expectedCloseDate"] == read
    assert dated.deal()["expectedCloseDate"] == read


@pytest.mark.parametrize("sent", REFUSED)
def test_dates_refused_in_json(still, sent):
    refused(still.put(expectedCloseDate=sent), 400)


def test_a_form_body_keeps_the_zeros_of_a_fraction(world):
    for sent, status in (("06:30:00.120Z", 200), ("06:30:00.0000000Z", 200), ("06:30:00.000000Z", 400)):
        answer = world.crm("PUT", "/opportunity/17", data=FULL | {"expectedCloseDate": f"2024-06-30T{sent}"})
        assert answer.status_code == status


def test_the_json_reader_also_rewrites_a_title_that_looks_like_a_date(world):
    assert world.put(title="2024-06-30T06:30:00.120Z").json["response"]["title"] == "2024-06-30T06:30:00.12Z"


@pytest.mark.parametrize(
    ("zone", "read"),
    [
        ("+00:00", "2024-06-30T00:00:00.0000000Z"),
        ("-05:30", "2024-06-30T00:00:00.0000000-05:30"),
        ("Europe/London", "2024-06-30T00:00:00.0000000+01:00"),
    ],
)
def test_a_day_is_midnight_in_the_portal_zone_at_that_instant(zone, read):
    world = World(portal_zone=zone)
    assert world.put(expectedCloseDate="2024-06-30").json["response"]["expectedCloseDate"] == read


# 3.3: the PUT table and POST


def test_put_resets_what_is_left_out_and_keeps_members_and_fields(world):
    world.put(
        18, contactid=104, description="d", bidType=1, bidValue=5, perPeriodValue=2, successProbability=30,
        actualCloseDate="2026-01-01", expectedCloseDate="2026-01-02", members=[101, 104],
    )  # fmt: skip
    deal = world.put(18, stageid=5).json["response"]
    absent = {"contact", "bidType", "bidValue", "perPeriodValue", "successProbability"}
    assert not absent & set(deal)
    assert deal["description"] == ""
    assert deal["actualCloseDate"] == deal["expectedCloseDate"] == UNSET
    assert [member["id"] for member in deal["members"]] == [101, 104]
    assert deal["customFields"][-1]["fieldValue"] == "Web"
    assert deal["stage"]["id"] == 5


def test_put_without_privacy_publishes_a_private_deal(world):
    assert world.deal(19)["isPrivate"]
    deal = world.put(19).json["response"]
    assert (deal["isPrivate"], deal["accessList"]) == (False, [])


def test_put_private_with_an_empty_list_publishes_too(world):
    assert world.put(19, isPrivate=True, accessList=[]).json["response"]["isPrivate"] is False


def test_the_caller_is_always_added_to_a_non_empty_list(world):
    deal = world.put(19, isPrivate=True, accessList=[MINH, MINH]).json["response"]
    assert [user["id"] for user in deal["accessList"]] == [MINH, BRIDGE]


def test_rights_stay_when_the_caller_is_neither_admin_nor_creator(world, minh):
    answer = world.crm("PUT", "/opportunity/19", FULL, key=minh)
    assert [user["id"] for user in answer.json["response"]["accessList"]] == [HOA, MINH]
    refused(world.crm("PUT", "/opportunity/19/access", {"isPrivate": False}, key=minh), 403, "Access Denied")


def test_members_are_replaced_exactly_kept_when_empty_and_unknown_ones_drop_out(world):
    def members(**body):
        return [member["id"] for member in world.put(19, contactid=102, **body).json["response"]["members"]]

    assert members(members=[]) == [101, 102, 104]
    assert members(members=[104, 999]) == [104]
    assert members() == [104]


def test_put_does_not_link_its_contact_but_post_does(world):
    assert [m["id"] for m in world.put(17, contactid=104).json["response"]["members"]] == [102]
    made = world.crm("POST", "/opportunity", FULL | {"contactid": 104, "members": [101]}).json["response"]
    assert [m["id"] for m in made["members"]] == [101, 104]


def test_an_empty_value_or_unknown_key_is_skipped_and_cannot_clear_a_field(world):
    rows = [{"key": 5, "value": ""}, {"key": 99, "value": "x"}, {"key": 6, "value": " trimmed "}]
    deal = world.put(customFieldList=rows).json["response"]
    assert [row["fieldValue"] for row in deal["customFields"]] == ["", "Fair", "trimmed"]


def test_probability_is_clamped_and_amounts_keep_nine_decimals(world):
    assert world.put(successProbability=400).json["response"]["successProbability"] == 100
    assert "successProbability" not in world.put(successProbability=-4).json["response"]
    assert '"bidValue":0.333333333,' in world.put(bidValue="0.33333333333").text


def test_closing_by_put_derives_nothing(world):
    deal = world.put(stageid=8).json["response"]
    assert deal["actualCloseDate"] == UNSET
    assert "successProbability" not in deal


def test_post_answers_201_with_the_row_as_sent_and_get_with_the_row_as_stored(world):
    answer = world.crm("POST", "/opportunity", FULL | {"bidValue": 1500.5})
    made = answer.json["response"]
    assert (answer.status_code, answer.json["statusCode"], made["id"]) == (201, 201, 20)
    assert "description" not in made
    assert '"bidValue":1500.5,' in answer.text
    assert made["created"] == "2026-09-21T21:13:20.6000000+07:00"
    assert made["createBy"]["id"] == BRIDGE
    assert world.deal(20)["created"] == "2026-09-21T21:13:21.0000000+07:00"
    assert world.deal(20)["description"] == ""
    assert '"bidValue":1500.500000000,' in world.crm("GET", "/opportunity/20").text


def test_post_is_not_idempotent(world):
    first, second = (world.crm("POST", "/opportunity", FULL).json["response"]["id"] for _ in range(2))
    assert first != second


def test_long_titles_and_emoji_fail_in_a_strict_database(world):
    refused(world.put(title="x" * 256), 500)
    refused(world.put(title="party 🎉"), 500)
    assert world.put(title="x" * 255).status_code == 200
    assert World(mysql_strict=False).put(title="party 🎉 on").json["response"]["title"] == "party "


def test_the_ledger_counts_accepted_writes_and_lists_real_changes(world):
    world.put(bidValue=7, customFieldList=[{"key": 5, "value": "Web"}])
    world.put(bidValue=7)
    (first, second) = world.sim.ledger
    assert (first.who, first.deal, first.call) == ("bridge", "17", "update")
    assert {"bidValue", "stageid", "contactid", "customField_5", "expectedCloseDate"} <= set(first.fields)
    assert second.fields == ()


# 3.4, 3.5 and the other deal calls


def test_the_stage_call_reads_the_body_not_the_path(world):
    refused(world.crm("PUT", "/opportunity/17/stage/8", {}), 400)
    refused(world.crm("PUT", "/opportunity/17/stage/8"), 400)
    refused(world.crm("PUT", "/opportunity/17/stage/8", {"stageid": 99}), 404, "Not found")
    refused(world.crm("PUT", "/opportunity/999/stage/8", {"stageid": 8}), 404)
    deal = world.crm("PUT", "/opportunity/17/stage/8", {"stageid": 9}).json["response"]
    assert deal["stage"]["id"] == 9


def test_the_stage_call_sets_probability_and_close_date_and_nothing_else(world):
    before = world.deal()
    answer = world.crm("PUT", "/opportunity/17/stage/8", {"stageid": 8}).json["response"]
    assert answer["actualCloseDate"] == "2026-09-21T21:13:20.6000000+07:00"
    after = world.deal()
    assert after["actualCloseDate"] == "2026-09-21T21:13:21.0000000+07:00"
    assert (after["successProbability"], after["stage"]["stageType"]) == (100, 1)
    assert {name for name in after if after[name] != before.get(name)} == {
        "stage", "successProbability", "actualCloseDate",
    }  # fmt: skip
    assert world.crm("PUT", "/opportunity/17/stage/4", {}, query_string="stageid=4").status_code == 200
    assert (world.deal()["successProbability"], world.deal()["actualCloseDate"]) == (20, UNSET)


def test_delete_answers_the_former_deal_once(world):
    deal = world.crm("DELETE", "/opportunity/17").json["response"]
    assert (deal["id"], deal["members"], deal["customFields"]) == (17, [], [])
    refused(world.crm("DELETE", "/opportunity/17"), 404)
    refused(world.crm("GET", "/opportunity/17"), 404)
    assert world.crm("POST", "/opportunity", FULL).json["response"]["id"] == 20


def test_a_put_whose_id_got_lost_is_the_bulk_delete(world):
    refused(world.crm("PUT", "/opportunity", FULL), 400)
    assert [d["id"] for d in world.crm("PUT", "/opportunity", {"opportunityids": [17, 18, 99]}).json["response"]] == [
        17, 18,
    ]  # fmt: skip
    assert world.ids() == [19]
    assert [d["id"] for d in world.crm("DELETE", "/opportunity/filter").json["response"]] == [19]


def test_access_of_one_and_of_many(world):
    one = world.crm("PUT", "/opportunity/17/access", {"isPrivate": True, "accessList": [MINH]}).json["response"]
    assert [user["id"] for user in one["accessList"]] == [MINH, BRIDGE]
    many = world.crm("PUT", "/opportunity/access", {"opportunityid": [17, 19], "isPrivate": False}).json
    assert (many["count"], [deal["isPrivate"] for deal in many["response"]]) == (2, [False, False])


def test_members_are_listed_linked_and_unlinked(world):
    assert world.crm("POST", "/opportunity/17/contact/101").status_code == 201
    listed = world.crm("GET", "/opportunity/17/contact").json["response"]
    assert [contact["displayName"] for contact in listed] == ["Acme Hotels", "Lan Pham"]
    for number in (101, 102):
        assert world.crm("DELETE", f"/opportunity/17/contact/{number}").status_code == 200
    assert world.deal()["members"] == []
    refused(world.crm("POST", "/opportunity/17/contact/999"), 404)
    assert [deal["id"] for deal in world.crm("GET", "/opportunity/bycontact/102").json["response"]] == [17, 19]


def test_a_private_deal_is_not_there_for_others(world, minh):
    world.crm("PUT", "/opportunity/19/access", {"isPrivate": True, "accessList": [HOA]})
    refused(world.crm("GET", "/opportunity/19", key=minh), 404)
    refused(world.crm("PUT", "/opportunity/19", FULL, key=minh), 404)
    refused(world.crm("PUT", "/opportunity/19/stage/4", {"stageid": 4}, key=minh), 404)
    assert world.ids("sortBy=id", key=minh) == [17, 18]


def test_a_contact_that_the_caller_may_not_see_is_a_403(world, minh):
    hidden = world.crm("POST", "/contact/person", {"firstName": "Secret", "lastName": ""}).json["response"]["id"]
    refused(world.crm("PUT", "/opportunity/17", FULL | {"contactid": hidden}, key=minh), 403, "Access Denied")
    refused(world.crm("GET", f"/contact/{hidden}", key=minh), 404)
    assert world.put(17, contactid=hidden).status_code == 200


# 3.6: filter


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("sortBy=id", [17, 18, 19]),
        ("sortBy=ID&sortOrder=descending", [19, 18, 17]),
        ("sortBy=ID&sortOrder=Descending", [17, 18, 19]),
        ("sortBy=bidValue", [18, 17, 19]),
        ("sortBy=title", [18, 17, 19]),
        ("", [17, 18, 19]),
        (f"responsibleid={MINH}", [18]),
        ("OpportunityStagesId=3", [19]),
        ("stageType=Open", [17, 18, 19]),
        ("stageType=1", []),
        ("contactid=104", [18]),
        ("contactid=104&contactAlsoIsParticipant=true", [18, 19]),
        ("filterValue=acme,renewal", [17, 19]),
        ("filterValue[]=acme, renewal", []),
        ("filterValue=acme renewal", [19]),
        ("fromDate=2026-12-31&toDate=2027-02-15", [17, 18]),
        ("fromDate=2026-12-31T00-00-00.000Z&toDate=2027-02-15", [18]),
        ("fromDate=2026-12-31", []),
        ("fromDate=2026-12-31&stageType=0", [17, 18, 19]),
        ("tags[]=vip", []),
        ("count=nonsense&startIndex=1", [18, 19]),
    ],
)
def test_filters_and_sorts(still, query, ids):
    assert still.ids(query) == ids


def test_paging_counts_from_zero_and_next_index_is_one_too_far(world):
    first = world.crm("GET", "/opportunity/filter", query_string="count=2&sortBy=id").json
    assert [first.get(name) for name in ("count", "startIndex", "nextIndex", "total")] == [2, None, 3, 3]
    second = world.crm("GET", "/opportunity/filter", query_string="count=2&startIndex=2&sortBy=id").json
    assert [second.get(name) for name in ("count", "startIndex", "nextIndex", "total")] == [1, 2, None, 3]
    empty = world.crm("GET", "/opportunity/filter", query_string="stageType=2").json
    assert (empty.get("count"), empty["total"], empty["response"]) == (None, 0, [])


def test_a_page_holds_a_thousand_at_most(world):
    for _ in range(1000):
        world.sim.portal.put(world.sim.portal.deal(17).__class__(world.sim.portal.new_id(), "x", HOA, 1, "USD"))
    assert len(world.ids("count=5000&sortBy=id")) == 1000


def test_the_total_of_a_full_page_is_up_to_30_seconds_old(world):
    def total():
        return world.crm("GET", "/opportunity/filter", query_string="count=1").json["total"]

    assert total() == 3
    world.crm("DELETE", "/opportunity/19")
    assert total() == 3
    world.now += 30
    assert total() == 2


@pytest.mark.parametrize(
    "query", ["responsibleid=x", "stageType=odd", "contactid=x", "fromDate=1", "toDate=2026-12-31T00:00:00Z"]
)
def test_filters_not_convertible_are_refused(still, query):
    refused(still.crm("GET", "/opportunity/filter", query_string=query), 400)


def test_an_unparsable_updated_since_breaks_the_request(world):
    refused(world.crm("GET", "/opportunity/filter", query_string="updatedSince=soon"), 500)


def test_sorting_by_id_before_12_7_1_hides_everything_from_who_may_not_see_one_deal():
    world = World(sort_id_native=False, bridge_role="user")
    assert world.ids("sortBy=id") == []
    assert world.ids("sortBy=created") == []
    assert world.ids("sortBy=title") == [18, 17]
    assert World(sort_id_native=False).ids("sortBy=id") == [17, 18, 19]


# 4, 5: lookups


def test_stages_are_the_seeded_nine(world):
    stages = world.crm("GET", "/opportunity/stage").json["response"]
    assert [(stage["id"], stage["successProbability"], stage["stageType"]) for stage in stages] == [
        (1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 20, 0), (5, 50, 0), (6, 75, 0), (7, 90, 0), (8, 100, 1), (9, 0, 2),
    ]  # fmt: skip
    assert stages[0]["relativeItemsCount"] == 1
    assert "relativeItemsCount" not in stages[8]
    assert world.crm("GET", "/opportunity/stage/8").json["response"]["title"] == "Closure/Transaction"
    refused(world.crm("GET", "/opportunity/stage/10"), 404)


def test_currencies_are_ordered_by_code(world):
    codes = [each["abbreviation"] for each in world.crm("GET", "/settings/currency").json["response"]]
    assert codes == sorted(codes)
    assert {"USD", "EUR", "VND"} <= set(codes)
    assert "TWD" not in codes


def test_custom_field_definitions_and_values(world):
    rows = world.crm("GET", "/opportunity/customfield/definitions").json["response"]
    assert [(row["id"], row["label"], row["fieldType"]) for row in rows] == [
        (4, "Details", 4), (5, "Source", 2), (6, "Foreign id", 0),
    ]  # fmt: skip
    assert (rows[1]["entityId"], rows[1]["fieldValue"], json.loads(rows[1]["mask"])[0]) == (-1, " ", "Fair")
    values = world.crm("GET", "/opportunity/17/customfield").json["response"]
    assert [value["fieldValue"] for value in values] == ["", "Fair"]


def test_the_field_call_sets_and_clears_without_checks(world):
    def post(path, body):
        return world.crm("POST", f"/opportunity/{path}", body)

    assert post("17/customfield/5", {"fieldValue": " Ads "}).status_code == 201
    assert world.deal()["customFields"][-1]["fieldValue"] == "Ads"
    assert post("17/customfield/5", {"fieldValue": ""}).status_code == 201
    assert [row["fieldType"] for row in world.deal()["customFields"]] == [4]
    refused(post("17/customfield/5", {}), 500)
    refused(post("17/customfield/99", {"fieldValue": "x"}), 500)
    assert post("999/customfield/5", {"fieldValue": "x"}).status_code == 201


def test_a_field_is_defined_by_admins_with_a_mask(world, minh):
    body = {"label": "Region", "fieldType": "TextField", "mask": '{"size":40}'}
    assert world.crm("POST", "/opportunity/customfield", body).json["response"]["id"] == 7
    refused(world.crm("POST", "/opportunity/customfield", body | {"mask": ""}), 400)
    refused(world.crm("POST", "/opportunity/customfield", body, key=minh), 403)


def test_people(world):
    def people(path, **options):
        return world.call("GET", f"/people{path}", **options)

    assert [user["email"] for user in people("").json["response"]] == [
        "bridge@example.com", "hoa@example.com", "minh@example.com",
    ]  # fmt: skip
    assert people("/email", query_string="email=minh@example.com").json["response"]["id"] == MINH
    assert people("/hoa").json["response"]["id"] == people(f"/{HOA}").json["response"]["id"] == HOA
    assert [user["id"] for user in people("/filter", query_string="filterValue=minh").json["response"]] == [MINH]
    refused(people("/email", query_string="email=x@example.com"), 404, "User not found")


def test_settings_tell_the_zone(world):
    settings = world.call("GET", "/settings").json["response"]
    assert (settings["utcOffset"], settings["utcHoursOffset"]) == ("07:00:00", 7)


def test_contacts_are_read_and_found(world):
    person = world.crm("GET", "/contact/102").json["response"]
    assert (person["firstName"], person["company"]["id"], person["isCompany"]) == ("Lan", 101, False)
    assert [(row["infoType"], row["data"]) for row in person["commonData"]] == [
        (1, "lan@acme.example"), (0, "+84901234567"),
    ]  # fmt: skip
    assert world.crm("GET", "/contact/101").json["response"]["personsCount"] == 1

    def found(data):
        rows = world.crm("GET", "/contact/bycontactinfo", query_string={"infoType": "1", "data": data}).json
        return {row["id"] for row in rows["response"]}

    assert found("lan@acme.example") == {102}
    assert found("example") == found("%@%") == {102, 104}
    listed = world.crm("GET", "/contact/filter", query_string="contactListView=Company").json
    assert [row["id"] for row in listed["response"]] == [101, 103]


def test_contacts_are_created_with_their_odd_refusals(world):
    refused(world.crm("POST", "/contact/person", {"firstName": "", "lastName": "x"}), 400)
    refused(world.crm("POST", "/contact/person", {"firstName": "A"}), 500)
    refused(world.crm("POST", "/contact/person", {"firstName": "A", "lastName": "", "companyId": 999}), 404)
    refused(world.crm("POST", "/contact/company", {}), 400)
    made = world.crm("POST", "/contact/person", {"firstName": "A", "lastName": None, "shareType": 1, "companyId": 101})
    assert (made.status_code, made.json["response"]["displayName"], made.json["response"]["shareType"]) == (201, "A", 1)
    number = made.json["response"]["id"]
    email = {"infoType": "Email", "data": "a@x.example", "category": "Work", "isPrimary": True}
    assert world.crm("POST", f"/contact/{number}/data", email).status_code == 201
    for category in (None, "work", "Mobile"):
        refused(world.crm("POST", f"/contact/{number}/data", email | {"category": category}), 400)
    assert world.crm("POST", "/contact/company", {"companyName": "C"}).json["response"]["isCompany"]


# 6.3: audit


def test_only_the_pages_and_some_calls_leave_audit_events_after_a_minute():
    world = World(bridge_role="portal_admin", audit=True)
    path, query = "/security/audit/events/filter", "productType=CRM&moduleType=Opportunities"
    world.put()
    world.crm("POST", "/opportunity", FULL)
    world.crm("PUT", "/opportunity/17/stage/5", {"stageid": 5})
    world.sim.edit("18", {"title": "T"})
    assert world.call("GET", path, query_string=query).json["response"] == []
    world.now += 60
    rows = world.call("GET", path, query_string=query).json["response"]
    assert [(row["actionId"], row["target"]) for row in rows] == [(3043, ["18"]), (3044, ["17"])]
    assert world.call("GET", path, query_string="target=17").json["count"] == 1
    assert world.call("GET", path, query_string="productType=Documents").json["response"] == []


def test_without_the_audit_feature_filters_are_ignored_and_others_are_refused(world):
    admin = World(bridge_role="portal_admin", audit_delay_s=0)
    for _ in range(25):
        admin.sim.move("17", "5")
    assert admin.call("GET", "/security/audit/events/filter", query_string="target=99").json["count"] == 20
    refused(world.call("GET", "/security/audit/events/last"), 403)


# The board


def test_edit_is_the_form_where_a_stage_brings_its_probability(world):
    world.sim.edit("17", {"stageid": "8", "bidValue": "1750.5", "customField_5": ""}, who="person")
    deal = world.deal()
    assert (deal["stage"]["id"], deal["successProbability"], deal["bidValue"]) == (8, 100, 1750.5)
    assert deal["actualCloseDate"].startswith("2026-09-21")
    assert world.sim.ledger[-1].who == "person"
    assert set(world.sim.ledger[-1].fields) == {
        "stageid", "successProbability", "actualCloseDate", "bidValue", "customField_5",
    }  # fmt: skip


@pytest.mark.parametrize(("deal", "changes"), [("999", {}), ("17", {"colour": "red"}), ("17", {"customField_99": "x"})])
def test_edit_of_the_unknown_is_a_key_error(world, deal, changes):
    with pytest.raises(KeyError):
        world.sim.edit(deal, changes)


def test_cards_columns_and_move(world):
    assert world.sim.columns()[0] == ("1", "Initial contact")
    world.sim.move("18", "9")
    card = world.sim.cards()[1]
    assert (card.column, card.details["status"], card.details["amount"]) == ("9", "lost", "900 USD")
    assert card.details["Source"] == "Web"
    assert world.sim.cards()[0].details["expected close"] == "2026-12-31"
    assert world.sim.ledger[-1].call == "move"


# The other switches


def test_read_lag_shows_the_past_by_id_and_in_lists():
    world = World(read_lag_s=5)
    assert world.put(title="New").json["response"]["title"] == "New"
    world.crm("DELETE", "/opportunity/18")
    assert world.deal()["title"] == "Lan Pham - Acme Hotels"
    assert world.ids() == [17, 18, 19]
    made = world.crm("POST", "/opportunity", FULL).json["response"]["id"]
    refused(world.crm("GET", f"/opportunity/{made}"), 404)
    world.now += 5
    assert world.deal()["title"] == "New"
    assert world.ids("sortBy=id") == [17, 19, made]


def test_search_lag_hides_what_was_just_written():
    world = World(search_lag_s=60)
    world.put(title="Zebra")
    assert world.ids("filterValue=zebra") == []
    world.now += 60
    assert world.ids("filterValue=zebra") == [17]


def test_normalise_tidies_titles_and_phones():
    world = World(normalise=True)
    assert world.put(title=" a   b ").json["response"]["title"] == "a b"
    phone = {"infoType": "Phone", "data": "+84 (90) 1", "category": "Mobile"}
    assert world.crm("POST", "/contact/102/data", phone).json["response"]["data"] == "+84901"
    assert World().put(title=" a   b ").json["response"]["title"] == " a   b "


def test_the_hosted_limit_is_a_503_with_retry_after():
    world = World(requests_per_10s=2)
    codes = [world.crm("GET", "/opportunity/17").status_code for _ in range(3)]
    assert codes == [200, 200, 503]
    world.now += 10
    assert world.crm("GET", "/opportunity/17").status_code == 200
    assert world.sim.throttled().headers["Retry-After"] == "10"
    assert world.sim.broken().status_code == 500


def test_a_portal_that_warms_up_answers_html():
    answer = World(warming_up=True).crm("GET", "/opportunity/17")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")


def test_revoked_tokens_and_two_factor():
    assert World(revoked=True).crm("GET", "/opportunity/17").status_code == 401
    answer = World(two_factor=True).login("hoa@example.com").json["response"]
    assert (answer["token"], answer["sms"]) == (None, True)


def test_a_bridge_that_is_no_admin_misses_the_private_deal():
    world = World(bridge_role="user")
    assert world.ids("sortBy=id") == [17, 18]
    refused(world.crm("GET", "/opportunity/19"), 404)


def test_large_amounts_survive_exactly(world):
    world.put(bidValue="12345678901234567.123456789")
    raw = json.loads(world.crm("GET", "/opportunity/17").text, parse_float=Decimal)
    assert raw["response"]["bidValue"] == Decimal("12345678901234567.123456789")
