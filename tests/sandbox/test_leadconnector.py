"""The simulated LeadConnector obeys docs/vendors/leadconnector.md: its answers, its refusals, each of its switches."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bridge.sandbox.leadconnector import LeadconnectorSimulator
from bridge.sandbox.leadconnector import sample as sample

START = 1_790_000_000.25
LOCATION = "3jJ0coeqWCZMAosyGQ6K"
DEAL = "yWQobCRIhRguQtD2llvk"
PATH = f"/opportunities/{DEAL}"
OLD, V3 = "2021-07-28", "v3"
NEW_STAGE, QUALIFIED, PROPOSAL = (stage for stage, _, _ in sample.SALES_STAGES[:3])
RENEWAL_STAGE = sample.RENEWALS_STAGES[0][0]
NEW = {
    "pipelineId": sample.RENEWALS,
    "locationId": LOCATION,
    "name": "An Ho - Red Inn",
    "status": "open",
    "contactId": sample.LAN,
}
NOTHING_THERE = "aaaaaaaaaaaaaaaaaaaa"


class World:
    """One simulator, its test client, a clock to set and the webhooks it sent."""

    def __init__(self, **switches):
        self.now = START
        self.sim = LeadconnectorSimulator(clock=lambda: self.now, **switches)
        self.http = self.sim.app.test_client()
        self.hooks = []
        self.sim.send = self.hooks.append

    def ask(self, method, path, body=None, query=None, version=OLD, key="sandbox-bridge-key"):
        headers = {"Authorization": f"Bearer {key}", "Version": version}
        return self.http.open(path, method=method, json=body, query_string=query, headers=headers)

    def call(self, *args, **kwargs):
        answer = self.ask(*args, **kwargs)
        return answer.status_code, answer.get_json()

    def deal(self, id=DEAL):
        return self.call("GET", f"/opportunities/{id}")[1]["opportunity"]

    def events(self):
        return [json.loads(hook.body)["type"] for hook in self.hooks]


@pytest.fixture
def world():
    return World()


@pytest.fixture(scope="module")
def steady():
    """Return a world for calls that change nothing; many tests share it, so it has no limit."""
    return World(burst_limit=1_000_000)


def custom(deal):
    return {field["id"]: field["fieldValue"] for field in deal["customFields"]}


# Admission (document, 1.2 and 3.2)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Version": OLD}, "Invalid token: access token is invalid"),
        ({"Version": OLD, "Authorization": "Bearer wrong"}, "Invalid token: access token is invalid"),
        ({"Authorization": "Bearer sandbox-bridge-key"}, "version header was not found."),
        ({"Authorization": "Bearer sandbox-bridge-key", "Version": "2022-01-01"}, "version header is invalid"),
    ],
)
def test_refuses_a_wrong_credential_or_version_with_401(steady, headers, message):
    answer = steady.http.get(PATH, headers=headers)
    assert answer.status_code == 401
    body = answer.get_json()
    assert body.pop("traceId")
    assert body == {"statusCode": 401, "message": message, "error": "Unauthorized"}


@pytest.mark.parametrize("version", ["v3", "2023-02-21", "2021-07-28", "2021-04-15", "legacy"])
def test_answers_under_every_published_version(steady, version):
    assert steady.call("GET", PATH, version=version)[0] == 200


def test_the_edge_refuses_the_default_agent_of_urllib(world):
    assert world.http.get(PATH, headers={"User-Agent": "Python-urllib/3.11"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/opportunities/"), ("GET", "/opportunities"), ("POST", "/opportunities"), ("PATCH", PATH), ("GET", "/x")],
)
def test_unknown_paths_are_404_cannot(steady, method, path):
    status, body = steady.call(method, path)
    assert (status, body["message"], body["error"]) == (404, f"Cannot {method} {path}", "Not Found")


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/opportunities/search", {"location_id": "other"}, None),
        ("POST", "/opportunities/search", None, {"locationId": "other"}),
        ("POST", "/opportunities/", None, {**NEW, "locationId": "other"}),
        ("GET", "/opportunities/pipelines", {"locationId": "other"}, None),
        ("GET", "/users/", {"locationId": "other"}, None),
        ("GET", "/locations/other", None, None),
        ("GET", "/locations/other/customFields", None, None),
        ("POST", "/contacts/", None, {"locationId": "other"}),
    ],
)
def test_another_location_is_403(steady, method, path, query, body):
    status, answer = steady.call(method, path, body, query)
    assert (status, answer["message"]) == (403, "The token does not have access to this location.")


@pytest.mark.parametrize("body", ["{", "[]", '{"monetaryValue": NaN}'])
def test_a_body_that_is_no_json_object_is_400(steady, body):
    headers = {"Authorization": "Bearer sandbox-bridge-key", "Version": OLD, "Content-Type": "application/json"}
    assert steady.http.put(PATH, data=body, headers=headers).status_code == 400
    assert steady.http.put(PATH, data="name=x", headers=headers | {"Content-Type": "text/plain"}).status_code == 400


# Limits (document, 3.3)


def test_the_101st_call_in_ten_seconds_is_429(world):
    left = [world.ask("GET", PATH).headers["X-RateLimit-Remaining"] for _ in range(100)]
    assert (left[0], left[-1]) == ("99", "0")
    answer = world.ask("GET", PATH)
    assert answer.status_code == 429
    assert answer.headers["X-RateLimit-Max"] == "100"
    assert answer.headers["X-RateLimit-Interval-Milliseconds"] == "10000"
    assert answer.headers["X-RateLimit-Limit-Daily"] == "200000"
    assert answer.headers["X-RateLimit-Daily-Remaining"] == "199900"
    assert "Retry-After" not in answer.headers
    assert world.ask("GET", PATH, key="sandbox-person-key").status_code == 200
    world.now += 10
    assert world.ask("GET", PATH).status_code == 200


def test_the_daily_limit_lasts_until_the_day_turns():
    world = World(daily_limit=2, retry_after=True)
    assert [world.ask("GET", PATH).status_code for _ in range(3)] == [200, 200, 429]
    world.now += 60
    answer = world.ask("GET", PATH)
    assert (answer.status_code, answer.headers["X-RateLimit-Daily-Remaining"]) == (429, "0")
    assert answer.headers["Retry-After"] == "10"
    world.now += 86400
    assert world.ask("GET", PATH).status_code == 200


def test_the_faults_answers_need_no_request(world):
    assert world.sim.throttled().status_code == 429
    assert world.sim.throttled().headers["X-RateLimit-Remaining"] == "0"
    assert world.sim.broken().status_code == 500
    assert world.sim.broken().get_json()["traceId"]


# Reading


def test_reads_a_deal_in_the_vendors_shape(steady):
    deal = steady.deal()
    assert deal["name"] == "Lan Pham - Acme Hotels"
    assert (deal["monetaryValue"], deal["status"], deal["assignedTo"]) == (1500, "open", sample.HOA)
    assert deal["pipelineStageId"] == deal["pipelineStageUId"] == NEW_STAGE
    assert deal["contact"]["companyName"] == "Acme Hotels"
    assert deal["relations"][0]["recordId"] == deal["contactId"] == sample.LAN
    assert (deal["lostReasonId"], deal["source"]) == (None, None)
    assert deal["createdAt"].endswith(".250Z")
    assert (deal["forecastExpectedCloseDate"], deal["forecastProbability"]) == ("2026-12-31", 20)
    assert {"id": sample.SOURCE, "fieldValue": "Fair"} in deal["customFields"]
    assert not {"notes", "tasks", "sort", "createdBy", "lastUpdatedBy"} & deal.keys()


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_an_unknown_deal_is_404(steady, method):
    status, body = steady.call(method, f"/opportunities/{NOTHING_THERE}", {} if method == "PUT" else None)
    body.pop("traceId")
    expected = {"statusCode": 404, "error": "Not Found", "message": "Opportunity not found"}
    assert (status, body) == (404, {**expected, "code": "OPPORTUNITY_NOT_FOUND"})


def test_undeclared_query_names_are_422_everywhere(steady):
    for path in (PATH, "/users/x", f"/locations/{LOCATION}", f"/contacts/{sample.LAN}"):
        status, body = steady.call("GET", path, query={"locationId": LOCATION})
        assert (status, body["message"]) == (422, ["property locationId should not exist"])


def test_reads_by_id_lag(world):
    world = World(read_lag_s=5)
    world.call("PUT", PATH, {"name": "Later"})
    assert world.deal()["name"] == "Lan Pham - Acme Hotels"
    world.now += 5
    assert world.deal()["name"] == "Later"
    new = world.call("POST", "/opportunities/", NEW)[1]["opportunity"]["id"]
    assert world.call("GET", f"/opportunities/{new}")[0] == 404
    world.now += 5
    assert world.call("GET", f"/opportunities/{new}")[0] == 200


def test_absent_nulls():
    assert "source" not in World(absent_nulls=True).deal()


# Updating


def test_updates_what_is_sent_and_nothing_else(world):
    before = world.deal()
    world.now += 60
    body = {"name": "First Opps", "monetaryValue": 220.5, "pipelineStageId": QUALIFIED, "assignedTo": sample.MINH}
    status, answer = world.call("PUT", PATH, body)
    deal = answer["opportunity"]
    assert status == 200
    assert deal == world.deal()
    assert {k: deal[k] for k in body} == body
    assert deal["customFields"] == before["customFields"]
    assert deal["updatedAt"] == deal["lastStageChangeAt"] > before["updatedAt"]
    assert deal["lastStatusChangeAt"] == before["lastStatusChangeAt"]
    assert deal["indexVersion"] == before["indexVersion"] + 1
    noted = world.sim.ledger[-1]
    assert (noted.who, noted.deal, noted.call) == ("bridge", DEAL, "PUT /opportunities/{id}")
    assert set(noted.fields) == set(body)


def test_a_write_of_equal_values_is_noted_and_echoed(world):
    world.now += 60
    world.call("PUT", PATH, {"name": "Lan Pham - Acme Hotels"}, key="sandbox-person-key")
    assert [(applied.who, applied.fields) for applied in world.sim.ledger] == [("person", ())]
    assert world.events() == ["OpportunityUpdate"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"contactId": sample.LAN}, "property contactId should not exist"),
        ({"locationId": LOCATION}, "property locationId should not exist"),
        ({"source": "x"}, "property source should not exist"),
        ({"lostReasonId": sample.PRICE}, "property lostReasonId should not exist"),
        ({"forecastProbability": 5}, "property forecastProbability should not exist"),
        ({"name": 5}, "name must be a string"),
        ({"name": ""}, "name should not be empty"),
        ({"monetaryValue": "5"}, "monetaryValue must be a number conforming to the specified constraints"),
        ({"monetaryValue": None}, "monetaryValue must be a number conforming to the specified constraints"),
        ({"assignedTo": None}, "assignedTo must be a string"),
        ({"status": "new"}, "status must be one of the following values: open, won, lost, abandoned, all"),
        ({"customFields": {}}, "customFields must be an array"),
        ({"customFields": [{"id": "x", "fieldValue": "y"}]}, "customFields.0.property fieldValue should not exist"),
        ({"customFields": [{"field_value": "y"}]}, "customFields.0.id should not be empty"),
        (
            {"customFields": [{"id": sample.ROOMS, "field_value": 5}]},
            "customFields.0.field_value must be a string, an array of strings or an object",
        ),
    ],
)
def test_update_refuses_with_422_and_an_array(steady, body, message):
    status, answer = steady.call("PUT", PATH, body)
    assert (status, answer["error"]) == (422, "Unprocessable Entity")
    assert message in answer["message"]
    assert not steady.sim.ledger
    assert not steady.hooks


@pytest.mark.parametrize(
    "body",
    [
        {"pipelineId": NOTHING_THERE},
        {"pipelineId": sample.RENEWALS},
        {"pipelineStageId": RENEWAL_STAGE},
        {"pipelineStageId": "nowhere"},
        {"assignedTo": "nobody"},
        {"assignedTo": ""},
        {"status": "all"},
        {"customFields": [{"id": NOTHING_THERE, "field_value": "x"}]},
        {"customFields": [{"key": "opportunity.source", "field_value": "x"}]},
    ],
)
def test_update_refuses_with_400_what_it_does_not_know(steady, body):
    status, answer = steady.call("PUT", PATH, body)
    assert status == 400
    assert isinstance(answer["message"], str)


def test_moves_to_another_pipeline_with_a_stage_of_it(world):
    body = {"pipelineId": sample.RENEWALS, "pipelineStageId": RENEWAL_STAGE}
    assert world.call("PUT", PATH, body)[0] == 200
    assert world.deal()["pipelineId"] == sample.RENEWALS


def test_the_v3_dialect_writes_forecast_and_field_value(world):
    body = {
        "forecastExpectedCloseDate": "01/15/2027",
        "forecastProbability": 40,
        "customFields": [{"id": sample.SOURCE, "fieldValue": "Web"}],
    }
    status, answer = world.call("PUT", PATH, body, version=V3)
    deal = answer["opportunity"]
    assert status == 200
    assert deal["forecastExpectedCloseDate"] == "2027-01-15"
    assert (deal["forecastOriginalCloseDate"], deal["forecastDaysSlipped"]) == ("2026-12-31", 15)
    assert (deal["forecastSlippageCount"], deal["effectiveProbability"]) == (1, 40)
    assert custom(deal)[sample.SOURCE] == "Web"
    old = {"customFields": [{"id": sample.SOURCE, "field_value": "Web"}]}
    assert world.call("PUT", PATH, old, version=V3)[0] == 422
    assert world.call("PUT", PATH, {"forecastExpectedCloseDate": "soon"}, version=V3)[0] == 422
    assert world.call("PUT", PATH, {"forecastProbability": 101}, version=V3)[0] == 422


def test_custom_fields_are_merged_and_coerced(world):
    fields = [
        {"id": sample.ROOMS, "field_value": "55"},
        {"key": "interests", "field_value": ["Pool", "Gym"]},
        {"id": sample.DESCRIPTION, "field_value": ""},
    ]
    world.call("PUT", PATH, {"customFields": fields})
    found = custom(world.deal())
    assert found == {
        sample.SOURCE: "Fair",
        sample.DESCRIPTION: "",
        sample.ROOMS: 55,
        sample.INTERESTS: ["Pool", "Gym"],
    }
    for id, value in ((sample.ROOMS, "many"), (sample.INTERESTS, ["Golf"]), (sample.SOURCE, ["a"])):
        body = {"customFields": [{"id": id, "field_value": value}]}
        assert world.call("PUT", PATH, body)[0] == 422


def test_custom_fields_replace():
    world = World(custom_fields_replace=True)
    world.call("PUT", PATH, {"customFields": [{"id": sample.SOURCE, "field_value": "Web"}]})
    assert custom(world.deal()) == {sample.SOURCE: "Web"}


@pytest.mark.parametrize(("clearing", "empty"), [("null", None), ("empty", "")])
def test_clearing(clearing, empty):
    world = World(clearing=clearing)
    status, _ = world.call("PUT", PATH, {"assignedTo": empty, "monetaryValue": empty})
    assert status == 200
    assert (world.deal()["assignedTo"], world.deal()["monetaryValue"]) == (None, None)
    assert "monetaryValue" not in json.loads(world.hooks[0].body)
    assert json.loads(world.hooks[0].body)["assignedTo"] is None
    world.call("PUT", PATH, {"customFields": [{"id": sample.SOURCE, "field_value": empty}]})
    assert custom(world.deal()).get(sample.SOURCE) == (None if clearing == "null" else "")


def test_normalise():
    world = World(normalise=True)
    assert world.call("PUT", PATH, {"name": "  Lan   Pham "})[1]["opportunity"]["name"] == "Lan Pham"
    body = {"locationId": LOCATION, "name": " An  Ho", "phone": "+84 (90) 111-22"}
    contact = world.call("POST", "/contacts/", body)[1]["contact"]
    assert (contact["name"], contact["phone"]) == ("An Ho", "+849011122")


# Status


def test_sets_a_status_with_its_lost_reason(world):
    status, body = world.call("PUT", f"{PATH}/status", {"status": "lost", "lostReasonId": sample.PRICE})
    body.pop("traceId")
    assert (status, body) == (200, {"succeded": True})
    assert (world.deal()["status"], world.deal()["lostReasonId"]) == ("lost", sample.PRICE)
    assert world.deal()["pipelineStageId"] == NEW_STAGE
    status, body = world.call("PUT", f"{PATH}/status", {"status": "won"}, version=V3)
    assert (body["succeded"], body["success"]) == (True, True)
    assert world.deal()["lostReasonId"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"status": "lost", "name": "x"}, 422),
        ({"status": "all"}, 400),
        ({"status": "lost", "lostReasonId": "x"}, 400),
        ({"status": "won", "lostReasonId": sample.PRICE}, 400),
    ],
)
def test_status_refusals(steady, body, status):
    assert steady.call("PUT", f"{PATH}/status", body)[0] == status


def test_lost_reason_required():
    world = World(lost_reason_required=True)
    assert world.call("PUT", f"{PATH}/status", {"status": "lost"})[0] == 400
    assert world.call("PUT", PATH, {"status": "lost"})[0] == 400
    assert world.call("PUT", f"{PATH}/status", {"status": "lost", "lostReasonId": sample.TIMING})[0] == 200


# Create, upsert, delete


def test_creates_in_the_first_stage_with_201(world):
    status, body = world.call("POST", "/opportunities/", {**NEW, "source": "bridge"})
    deal = body["opportunity"]
    assert status == 201
    assert len(deal["id"]) == 20
    assert deal["pipelineStageId"] == "8a3d6e15-2c7f-4f90-b1e4-6d5c0a9b3f27"
    assert (deal["monetaryValue"], deal["assignedTo"], deal["source"]) == (None, None, "bridge")
    assert world.deal(deal["id"]) == deal
    assert set(world.sim.ledger[-1].fields) >= {"name", "pipelineId", "contactId", "source"}
    payload = json.loads(world.hooks[0].body)
    assert world.events() == ["OpportunityCreate", "OpportunityUpdate"]
    assert "monetaryValue" not in payload
    assert payload["dateAdded"] == deal["createdAt"]


@pytest.mark.parametrize("name", ["pipelineId", "locationId", "name", "status", "contactId"])
def test_create_names_what_is_missing(steady, name):
    status, body = steady.call("POST", "/opportunities/", {k: v for k, v in NEW.items() if k != name})
    assert status == 422
    assert f"{name} should not be empty" in body["message"]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"pipelineId": NOTHING_THERE}, 400, "The pipeline id is invalid."),
        ({"contactId": NOTHING_THERE}, 400, "The contact id is invalid."),
        ({"pipelineStageId": NEW_STAGE}, 400, "The pipeline stage id is invalid."),
        ({"followers": []}, 422, ["property followers should not exist"]),
    ],
)
def test_create_refusals(steady, change, status, message):
    answer = steady.call("POST", "/opportunities/", NEW | change)
    assert (answer[0], answer[1]["message"]) == (status, message)


def test_one_opportunity_a_contact_and_pipeline(world):
    status, body = world.call("POST", "/opportunities/", NEW | {"pipelineId": sample.SALES})
    body.pop("traceId")
    assert status == 400
    assert body == {
        "statusCode": 400,
        "message": "Can not create duplicate opportunity for the contact.",
        "error": "Bad Request",
        "code": "OPPORTUNITY_NO_DUPLICATE",
        "meta": {"existingId": DEAL},
    }


def test_duplicate_switches():
    again = NEW | {"pipelineId": sample.SALES}
    assert World(allow_duplicates=True).call("POST", "/opportunities/", again)[0] == 201
    world = World(duplicates_open_only=True)
    assert world.call("POST", "/opportunities/", again)[0] == 400
    for deal in (DEAL, sample.DEAL_3):
        world.call("PUT", f"/opportunities/{deal}/status", {"status": "won"})
    assert world.call("POST", "/opportunities/", again)[0] == 201


def test_pipeline_id_401():
    world = World(pipeline_id_401=True)
    status, body = world.call("POST", "/opportunities/", {"name": "x"})
    assert (status, body["message"]) == (401, "COMMON_PIPELINE_ID_UNDEFINED")


def test_upsert_matches_by_pipeline_and_contact_or_id(world):
    body = {k: v for k, v in NEW.items() if k != "status"}
    status, answer = world.call("POST", "/opportunities/upsert", body)
    assert (status, answer["new"], answer["opportunity"]["status"]) == (201, True, "open")
    again = world.call(
        "POST", "/opportunities/upsert", body | {"name": "B", "status": "lost", "lostReasonId": sample.PRICE}
    )
    assert (again[1]["new"], again[1]["opportunity"]["id"]) == (False, answer["opportunity"]["id"])
    by_id = {"id": DEAL, "pipelineId": sample.SALES, "locationId": LOCATION, "followers": [sample.MINH]}
    assert world.call("POST", "/opportunities/upsert", by_id)[1]["opportunity"]["followers"] == [sample.MINH]
    away = by_id | {"followersActionType": "remove"}
    assert world.call("POST", "/opportunities/upsert", away)[1]["opportunity"]["followers"] == []
    assert world.call("POST", "/opportunities/upsert", by_id | {"id": NOTHING_THERE})[0] == 404
    assert world.call("POST", "/opportunities/upsert", by_id | {"contactId": sample.BINH})[0] == 400
    assert world.call("POST", "/opportunities/upsert", body | {"customFields": []})[0] == 422
    assert world.call("POST", "/opportunities/upsert", {"pipelineId": sample.SALES, "locationId": LOCATION})[0] == 422


def test_upsert_takes_no_deal_without_a_name(world):
    body = {"pipelineId": sample.RENEWALS, "locationId": LOCATION, "contactId": sample.BINH}
    assert world.call("POST", "/opportunities/upsert", body)[0] == 422


def test_deletes(world):
    status, body = world.call("DELETE", PATH)
    assert (status, body["succeded"]) == (200, True)
    assert world.call("GET", PATH)[0] == 404
    assert world.call("DELETE", PATH)[0] == 404
    assert world.events() == ["OpportunityDelete", "OpportunityUpdate"]
    assert world.sim.ledger[-1].call == "DELETE /opportunities/{id}"
    assert DEAL not in [card.id for card in world.sim.cards()]


def test_followers(world):
    path = f"{PATH}/followers"
    status, body = world.call("POST", path, {"followers": [sample.MINH, sample.MINH]})
    assert (status, body["followers"], body["followersAdded"]) == (201, [sample.MINH], [sample.MINH])
    status, body = world.call("DELETE", path, {"followers": [sample.MINH]})
    assert (status, body["followers"], body["followersRemoved"]) == (200, [], [sample.MINH])
    assert world.call("POST", path, {"followers": ["x"]})[0] == 400
    assert world.call("POST", path, {"followers": [sample.HOA] * 11})[0] == 422
    world.call("POST", path, {"followers": [sample.MINH, sample.HOA]})
    gone = world.call("DELETE", path, {"followers": []}, {"isRemoveAllFollowers": "true"})[1]
    assert gone["followers"] == []


# Search (document, 2.5 and 2.6)


def search(world, version=OLD, **query):
    name = "locationId" if version == V3 else "location_id"
    return world.call("GET", "/opportunities/search", query={name: LOCATION, **query}, version=version)


def names(answer):
    return [row["name"] for row in answer[1]["opportunities"]]


def test_search_follows_its_cursor_to_the_last_page(steady):
    status, body = search(steady, limit=2)
    assert status == 200
    assert names((status, body)) == ["Lan Pham - Acme Hotels, renewal", "Binh Vo - Blue Shop"]
    meta = body["meta"]
    assert (meta["total"], meta["currentPage"], meta["nextPage"], meta["prevPage"]) == (3, 1, 2, None)
    assert meta["nextPageUrl"]
    last = body["opportunities"][-1]
    assert (meta["startAfter"], meta["startAfterId"]) == tuple(last["sort"])
    assert meta["startAfterId"] == last["contactId"]
    status, body = search(steady, limit=2, startAfter=meta["startAfter"], startAfterId=meta["startAfterId"])
    assert [row["id"] for row in body["opportunities"]] == [DEAL]
    assert (body["meta"]["nextPage"], body["meta"]["nextPageUrl"]) == (None, None)
    assert body["meta"]["startAfter"]
    assert names(search(steady, limit=2, page=2)) == ["Lan Pham - Acme Hotels"]
    assert len(names(search(steady, order="added_asc", startAfter=meta["startAfter"]))) == 1


def test_search_shows_custom_fields_in_typed_shapes(steady):
    (row,) = search(steady, id=DEAL)[1]["opportunities"]
    assert {"id": sample.SOURCE, "type": "string", "fieldValueString": "Fair"} in row["customFields"]
    assert {"id": sample.ROOMS, "type": "number", "fieldValueNumber": 40} in row["customFields"]
    (row,) = search(steady, id=sample.DEAL_2, getNotes="true")[1]["opportunities"]
    assert {"id": sample.INTERESTS, "type": "array", "fieldValueArray": ["Spa"]} in row["customFields"]
    assert row["notes"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "blue"}, 1),
        ({"q": "lan@acme.example"}, 2),
        ({"pipeline_id": sample.SALES}, 3),
        ({"pipeline_id": sample.RENEWALS}, 0),
        ({"pipeline_stage_id": NEW_STAGE}, 1),
        ({"contact_id": sample.LAN, "pipeline_id": sample.SALES}, 2),
        ({"assigned_to": sample.MINH}, 1),
        ({"status": "all"}, 3),
        ({"status": "won"}, 0),
        ({"country": "VN"}, 3),
        ({"country": "US"}, 0),
        ({"campaignId": "x"}, 0),
        ({"date": "2099-01-01"}, 3),
        ({"date": "01-01-2099"}, 0),
        ({"endDate": "01-01-2020"}, 0),
    ],
)
def test_search_filters(steady, query, found):
    answer = search(steady, **query)
    assert (answer[0], len(names(answer))) == (200, found)
    assert answer[1]["meta"]["total"] == (found or None)


def test_search_spelling_depends_on_the_dialect(world):
    _, body = world.call("GET", "/opportunities/search", query={"locationId": LOCATION})
    body.pop("traceId")
    assert body == {
        "statusCode": 422,
        "error": "Unprocessable Entity",
        "message": [
            "property locationId should not exist",
            "location_id must be a string",
            "location_id should not be empty",
        ],
    }
    assert len(names(search(world, V3, contactId=sample.LAN))) == 2
    assert search(world, V3, contact_id=sample.LAN)[0] == 422


@pytest.mark.parametrize(
    "query",
    [
        {"start_date": "01-01-2026"},
        {"date_updated_start": "1"},
        {"limit": 0},
        {"limit": 101},
        {"limit": "x"},
        {"limit": 1.5},
        {"page": 0},
        {"status": "new"},
        {"order": "updated"},
        {"q": "x" * 76},
        {"getNotes": "1"},
        {"startAfter": "x"},
        {"startAfter": "1", "order": "name_asc"},
    ],
)
def test_search_refuses_with_422(steady, query):
    assert search(steady, **query)[0] == 422


def test_search_orders(steady):
    assert names(search(steady, order="name_asc"))[0] == "Binh Vo - Blue Shop"
    assert names(search(steady, order="name_desc"))[-1] == "Binh Vo - Blue Shop"
    assert names(search(steady, order="added_asc"))[0] == "Lan Pham - Acme Hotels"


def post_search(world, **body):
    return world.call("POST", "/opportunities/search", {"locationId": LOCATION, **body})


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], 3),
        ([{"field": "pipeline_id", "operator": "eq", "value": sample.SALES}], 3),
        ([{"field": "pipeline_stage_id", "operator": "eq", "value": [NEW_STAGE, QUALIFIED]}], 2),
        ([{"field": f"custom_fields.{sample.SOURCE}", "operator": "eq", "value": "Web"}], 1),
        ([{"field": "date_added", "operator": "range", "value": {"gte": "2026-01-01", "lte": "2026-12-31"}}], 3),
        ([{"field": "last_stage_change_date", "operator": "range", "value": {"gte": 4_000_000_000_000}}], 0),
        (
            [
                {
                    "group": "OR",
                    "filters": [
                        {"field": "status", "operator": "eq", "value": "won"},
                        {"field": "assigned_to", "operator": "eq", "value": sample.MINH},
                    ],
                }
            ],
            1,
        ),
    ],
)
def test_post_search_filters(steady, filters, found):
    status, body = post_search(steady, filters=filters)
    assert (status, body["total"], len(body["opportunities"])) == (201, found, found)


def test_post_search_pages_and_goes_on_after_a_row(world):
    sort = [{"field": "date_added", "direction": "asc"}]
    first = post_search(world, limit=2, page=1, sort=sort)[1]
    assert (len(first["opportunities"]), first["total"]) == (2, 3)
    rest = post_search(world, limit=2, sort=sort, searchAfter=first["opportunities"][-1]["sort"])[1]
    assert [row["id"] for row in rest["opportunities"]] == [sample.DEAL_3]
    assert post_search(world, limit=2, page=2, sort=sort)[1]["opportunities"] == rest["opportunities"]
    totals = {row["pipelineStageId"]: row for row in first["stageAggregations"]}
    assert totals[NEW_STAGE]["totalValue"] == 1500
    assert totals[NEW_STAGE]["weightedValue"] == 300


@pytest.mark.parametrize(
    "body",
    [
        {"location_id": LOCATION},
        {"filters": [{"field": "pipelineId", "operator": "eq", "value": "x"}]},
        {"filters": [{"field": "date_updated", "operator": "range", "value": {"gte": 1}}]},
        {"filters": [{"field": "status", "operator": "contains", "value": "x"}]},
        {"filters": [{"field": "date_added", "operator": "range", "value": {"after": 1}}]},
        {"filters": [{"field": "date_added", "operator": "range", "value": {"gte": "soon"}}]},
        {"filters": [{"group": "NOT", "filters": []}]},
        {"filters": {}},
        {"sort": [{"field": "date_updated"}]},
        {"limit": 501},
        {"limit": 500, "page": 21},
        {"page": 0},
        {"page": 1, "searchAfter": [1, "x"]},
        {"query": "x" * 76},
        {"additionalDetails": {"everything": True}},
    ],
)
def test_post_search_refuses_with_422(steady, body):
    assert post_search(steady, **body)[0] == 422


def test_post_search_names_the_invalid_field(steady):
    body = post_search(steady, filters=[{"field": "pipelineId", "operator": "eq", "value": "x"}])[1]
    assert body["message"] == ["Invalid field - pipelineId"]


def test_search_switches():
    world = World(search_lag_s=3)
    world.now += 60
    world.call("PUT", PATH, {"name": "Later"})
    world.call("DELETE", f"/opportunities/{sample.DEAL_2}")
    assert "Later" not in names(search(world))
    assert len(names(search(world))) == 3
    world.now += 3
    assert sorted(names(search(world))) == ["Lan Pham - Acme Hotels, renewal", "Later"]
    assert len(search(World(search_partial_fields=True), id=DEAL)[1]["opportunities"][0]["customFields"]) == 1
    blind = search(World(contact_pipeline_blind=True), contact_id=sample.LAN, pipeline_id=sample.SALES)
    assert blind[1]["opportunities"] == []
    row = post_search(World(contact_in_relations_only=True))[1]["opportunities"][0]
    assert "contactId" not in row
    assert row["relations"][0]["recordId"] == sample.LAN
    assert len(post_search(World(page_base=0), limit=2, page=1)[1]["opportunities"]) == 1


# Lists


def test_pipelines(steady):
    status, body = steady.call("GET", "/opportunities/pipelines", query={"locationId": LOCATION})
    assert (status, [pipeline["name"] for pipeline in body["pipelines"]]) == (200, ["Sales", "Renewals"])
    assert body["traceId"]
    sales, renewals = body["pipelines"]
    assert [stage["name"] for stage in sales["stages"]] == ["New", "Qualified", "Proposal", "Won", "Lost"]
    assert [stage["position"] for stage in renewals["stages"]] == [2, 0, 1]
    assert steady.call("GET", f"/opportunities/pipelines/{sample.SALES}")[1]["name"] == "Sales"
    assert steady.call("GET", "/opportunities/pipelines/x")[0] == 400
    status, body = steady.call("GET", "/opportunities/pipelines", query={"location_id": LOCATION})
    assert (status, body["code"]) == (422, "COMMON_LOCATION_ID_UNDEFINED")


def test_lost_reasons(steady):
    query = {"locationId": LOCATION, "limit": 1}
    status, body = steady.call("GET", "/opportunities/lost-reason", query=query)
    assert (status, body["total"], [reason["name"] for reason in body["lostReasons"]]) == (200, 2, ["Price"])
    assert steady.call("GET", "/opportunities/lost-reason", query=query | {"query": "tim"})[1]["total"] == 1
    assert steady.call("GET", "/opportunities/lost-reason")[0] == 422


def test_users(steady):
    users = steady.call("GET", "/users/", query={"locationId": LOCATION})[1]["users"]
    assert [user["email"] for user in users] == ["hoa@example.com", "minh@example.com"]
    query = {"companyId": sample.COMPANY, "locationId": LOCATION, "query": "minh"}
    found = steady.call("GET", "/users/search", query=query)[1]
    assert (found["count"], found["users"][0]["id"]) == (1, sample.MINH)
    assert steady.call("GET", "/users/search", query={"locationId": LOCATION})[0] == 422
    assert steady.call("GET", "/users/search", query={"companyId": "x"})[0] == 403
    assert steady.call("GET", f"/users/{sample.HOA}")[1]["name"] == "Hoa Tran"
    assert steady.call("GET", "/users/x")[0] == 404


def test_location_shows_the_duplicate_settings():
    world = World(allow_duplicates=True)
    location = world.call("GET", f"/locations/{LOCATION}")[1]["location"]
    assert location["settings"] == {"allowDuplicateOpportunity": True, "allowDuplicateContact": False}
    assert location["companyId"] == sample.COMPANY


def test_custom_field_definitions(world):
    path = f"/locations/{LOCATION}/customFields"
    status, body = world.call("GET", path, query={"model": "opportunity"})
    assert status == 200
    assert body["customFields"][0]["fieldKey"] == "opportunity.source"
    assert [field["model"] for field in world.call("GET", path)[1]["customFields"]] == ["contact"]
    assert len(world.call("GET", path, query={"model": "all"})[1]["customFields"]) == 5
    new = {"name": "External id", "dataType": "TEXT", "model": "opportunity"}
    status, body = world.call("POST", path, new)
    assert (status, body["customField"]["fieldKey"]) == (201, "opportunity.external_id")
    id = body["customField"]["id"]
    assert world.call("GET", f"{path}/opportunity.external_id")[1]["customField"]["id"] == id
    world.call("PUT", PATH, {"customFields": [{"key": "external_id", "field_value": "42"}]})
    assert custom(world.deal())[id] == "42"
    assert world.call("POST", path, new)[0] == 400
    assert world.call("POST", path, new | {"dataType": "COLOUR"})[0] == 400
    assert world.call("POST", path, new | {"locationId": LOCATION})[0] == 422
    assert world.call("GET", f"{path}/x")[0] == 404


# Contacts (document, 4.1)


def test_contacts(world):
    contact = world.call("GET", f"/contacts/{sample.LAN}")[1]["contact"]
    assert (contact["name"], contact["phone"], contact["companyName"]) == ("Lan Pham", "+84901234567", "Acme Hotels")
    body = {
        "locationId": LOCATION,
        "name": "An Ho",
        "email": "an@red.example",
        "customFields": [{"id": sample.SEGMENT, "field_value": "A"}],
    }
    status, answer = world.call("POST", "/contacts/", body)
    new = answer["contact"]
    assert (status, new["firstName"], new["lastName"]) == (201, "An", "Ho")
    assert new["customFields"] == [{"id": sample.SEGMENT, "value": "A"}]
    status, answer = world.call("PUT", f"/contacts/{new['id']}", {"phone": "+8490", "tags": ["x"]})
    assert (status, answer["succeded"], answer["contact"]["tags"]) == (200, True, ["x"])
    for extra in ({"locationId": LOCATION}, {"companyName": "Red Inn"}):
        assert world.call("PUT", f"/contacts/{new['id']}", extra)[0] == 422
    listed = world.call("GET", "/contacts/", query={"locationId": LOCATION, "query": "blue"})[1]
    assert (listed["count"], listed["contacts"][0]["id"]) == (1, sample.BINH)
    assert world.call("GET", "/contacts/x")[0] == 404
    assert not world.sim.ledger


def test_contact_duplicates(world):
    body = {"locationId": LOCATION, "email": "LAN@acme.example"}
    status, answer = world.call("POST", "/contacts/", body)
    assert (status, answer["message"]) == (400, "This location does not allow duplicated contacts.")
    assert answer["meta"] == {"contactId": sample.LAN, "contactName": "Lan Pham", "matchingField": "email"}
    assert World(allow_duplicate_contacts=True).call("POST", "/contacts/", body)[0] == 201


def test_contact_upsert_prefers_the_email(world):
    body = {"locationId": LOCATION, "email": "lan@acme.example", "phone": "+84907654321"}
    status, answer = world.call("POST", "/contacts/upsert", body)
    assert (status, answer["new"], answer["contact"]["id"]) == (200, False, sample.LAN)
    status, answer = world.call("POST", "/contacts/upsert", {"locationId": LOCATION, "email": "an@red.example"})
    assert (status, answer["new"]) == (201, True)


def test_duplicate_contact_search(world):
    path = "/contacts/search/duplicate"
    assert world.call("GET", path, query={"locationId": LOCATION, "number": "+84907654321"})[1]["contact"]["id"] == (
        sample.BINH
    )
    assert world.call("GET", path, query={"locationId": LOCATION, "email": "x@y.z"})[1]["contact"] is None


# Webhooks (document, 5)


def test_webhooks_are_signed_over_the_raw_body(world):
    world.now += 60
    world.call("PUT", PATH, {"name": "Phạm – Acme"})
    (hook,) = world.hooks
    key = load_pem_public_key(world.sim.public_key.encode())
    signature = base64.b64decode(hook.headers["X-GHL-Signature"])
    key.verify(signature, hook.body)
    with pytest.raises(InvalidSignature):
        key.verify(signature, hook.body + b" ")
    assert "Phạm".encode() in hook.body
    body = json.loads(hook.body)
    assert (hook.method, hook.query, hook.headers["Content-Type"]) == ("POST", {}, "application/json")
    assert set(body) == {
        *("type", "locationId", "versionId", "appId", "id", "name", "assignedTo", "contactId", "monetaryValue"),
        *("pipelineId", "pipelineStageId", "status", "dateAdded", "timestamp", "webhookId"),
    }
    assert body["timestamp"] == datetime.fromtimestamp(world.now, UTC).strftime("%Y-%m-%dT%H:%M:%S.250Z")
    assert body["appId"] == body["versionId"]


@pytest.mark.parametrize(
    ("changes", "specific"),
    [
        ({"name": "x"}, []),
        ({"monetaryValue": 1}, ["OpportunityMonetaryValueUpdate"]),
        ({"status": "won"}, ["OpportunityStatusUpdate"]),
        ({"pipelineStageId": PROPOSAL}, ["OpportunityStageUpdate"]),
        ({"assignedTo": sample.MINH}, ["OpportunityAssignedToUpdate"]),
        ({"status": "won", "monetaryValue": 1}, ["OpportunityStatusUpdate", "OpportunityMonetaryValueUpdate"]),
    ],
)
def test_events_of_a_change_in_both_orders(changes, specific):
    for reverse, events in (
        (False, ["OpportunityUpdate", *specific]),
        (True, [*reversed(specific), "OpportunityUpdate"]),
    ):
        for act in (
            lambda world: world.call("PUT", PATH, changes),
            lambda world: world.sim.edit(DEAL, changes),
        ):
            world = World(reverse_order=reverse)
            act(world)
            assert world.events() == events
            assert len({json.loads(hook.body)["webhookId"] for hook in world.hooks}) == len(events)


def test_webhook_switches():
    world = World(signature_na=True, sparse_hooks=True)
    world.call("PUT", PATH, {"name": "x"})
    (hook,) = world.hooks
    assert hook.headers["X-GHL-Signature"] == "N/A"
    assert not {"name", "status", "dateAdded"} & json.loads(hook.body).keys()
    world = World(echo=False)
    world.call("PUT", PATH, {"name": "x"})
    assert not world.hooks
    world.call("PUT", PATH, {"name": "y"}, key="sandbox-person-key")
    assert len(world.hooks) == 1


def test_a_workflow_hook_is_unsigned_and_knows_no_deletion():
    world = World(workflow=True)
    world.call("PUT", PATH, {"status": "won"})
    world.call("DELETE", PATH)
    (hook,) = world.hooks
    assert json.loads(hook.body) == {"type": "OpportunityUpdate", "locationId": LOCATION, "id": DEAL}
    assert hook.headers["x-bridge-secret"] == "sandbox-hook-secret"
    assert "X-GHL-Signature" not in hook.headers


def test_two_like_runs_send_the_same_bytes():
    sent = []
    for _ in range(2):
        world = World()
        world.call("POST", "/opportunities/", NEW)
        sent.append([(hook.body, hook.headers) for hook in world.hooks])
    assert sent[0] == sent[1]
    assert LeadconnectorSimulator.hook_tries == 13


# The vendor's own pages


def test_the_board(steady):
    assert [title for _, title in steady.sim.columns()][:5] == ["New", "Qualified", "Proposal", "Won", "Lost"]
    assert [title for _, title in steady.sim.columns()][5:] == [
        "Renewals: Due",
        "Renewals: Talking",
        "Renewals: Renewed",
    ]
    first, _, third = steady.sim.cards()
    assert (first.id, first.column) == (DEAL, NEW_STAGE)
    assert first.details["amount"] == "1500"
    assert (first.details["owner"], first.details["source"]) == ("Hoa Tran", "Fair")
    assert (first.details["expected close"], first.details["description"]) == ("2026-12-31", "Forty rooms, two years")
    assert third.details["followers"] == "Minh Le"


def test_edits_and_moves_by_hand(world):
    world.now += 60
    world.sim.edit(DEAL, {"monetaryValue": None, sample.SOURCE: "Web", "status": "lost", "lostReasonId": sample.PRICE})
    deal = world.deal()
    assert (deal["monetaryValue"], deal["lostReasonId"], custom(deal)[sample.SOURCE]) == (None, sample.PRICE, "Web")
    noted = world.sim.ledger[-1]
    assert (noted.who, noted.call) == ("board", "edit")
    assert set(noted.fields) == {"monetaryValue", "status", "lostReasonId", f"customFields.{sample.SOURCE}"}
    world.sim.edit(DEAL, {"customFields": [{"id": sample.SOURCE, "fieldValue": ""}]}, who="person")
    assert sample.SOURCE not in custom(world.deal())
    world.sim.move(DEAL, RENEWAL_STAGE)
    assert (world.deal()["pipelineId"], world.deal()["status"]) == (sample.RENEWALS, "lost")
    assert world.sim.ledger[-1].call == "move"
    world.sim.edit(DEAL, {"status": "open", "pipelineId": sample.SALES})
    assert (world.deal()["lostReasonId"], world.deal()["pipelineStageId"]) == (None, NEW_STAGE)


@pytest.mark.parametrize("changes", [{"amount": 1}, {"id": "x"}, {"customFields": [{"id": "x", "fieldValue": "y"}]}])
def test_editing_an_unknown_field_or_deal_is_a_key_error(steady, changes):
    with pytest.raises(KeyError):
        steady.sim.edit(DEAL, changes)
    with pytest.raises(KeyError):
        steady.sim.edit("x", {"name": "y"})


@pytest.mark.parametrize("changes", [{"pipelineStageId": "x"}, {"assignedTo": "x"}, {"status": "all"}])
def test_editing_to_a_value_the_page_does_not_offer_is_a_value_error(steady, changes):
    with pytest.raises(ValueError, match="is no"):
        steady.sim.edit(DEAL, changes)
