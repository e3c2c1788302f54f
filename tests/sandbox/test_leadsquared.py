"""The simulated LeadSquared: its answers, its refusals and its switches, each from the vendor document."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from bridge.sandbox.base import Hook
from bridge.sandbox.leadsquared import LeadsquaredSimulator

KEYS = {"x-LSQ-AccessKey": "sandbox-bridge-key", "x-LSQ-SecretKey": "sandbox-secret"}
OPPORTUNITY, ACTIVITY = "/v2/OpportunityManagement.svc/", "/v2/ProspectActivity.svc/"
LEAD, WEBHOOK = "/v2/LeadManagement.svc/", "/v2/Webhook.svc/"
BRIDGE, HOA, MINH = (f"aaaaaaaa-0000-11ea-8109-00000000000{n}" for n in (1, 2, 3))
DEALS = [f"dddddddd-0000-4000-8000-00000000000{n}" for n in (1, 2, 3)]
LAN, BINH = (f"cccccccc-0000-4000-8000-00000000000{n}" for n in (1, 2))
NOBODY = "eeeeeeee-0000-4000-8000-000000000009"
NOW = 1_790_000_000.0  # 2026-09-21 14:13:20
FIELDS_ERROR = "MXInvalidActivityFieldsException"


class World:
    """A simulator with a hand-set clock and its webhooks in a list; calls go through Flask's test client."""

    def __init__(self, **switches: Any) -> None:
        self.now = NOW
        self.hooks: list[Hook] = []
        self.sim = LeadsquaredSimulator(clock=lambda: self.now, **{"calls_max": 0, **switches})
        self.sim.send = self.hooks.append
        self.client = self.sim.app.test_client()

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, query_string=query, headers=KEYS)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.client.post(path, json=body, query_string=query, headers=KEYS)

    def update(self, fields: dict[str, Any], deal: str = DEALS[0], **more: Any) -> Any:
        body = {"ProspectOpportunityId": deal, "Fields": listed(fields)} | more
        return self.post(OPPORTUNITY + "Update", body)

    def capture(self, fields: dict[str, Any] | None = None, lead: Any = None, **more: Any) -> Any:
        fields = {"mx_Custom_1": "Deal A", "Status": "Open", "mx_Custom_2": "New", "Owner": HOA} | (fields or {})
        sent = {n: v for n, v in fields.items() if v is not None}
        opportunity = {"OpportunityEventCode": 12000, "Fields": listed(sent)} | more
        return self.post(OPPORTUNITY + "Capture", {"LeadDetails": lead or by_id(LAN), "Opportunity": opportunity})

    def details(self, deal: str = DEALS[0]) -> dict[str, str | None]:
        answer = self.get(OPPORTUNITY + "GetOpportunityDetails", OpportunityId=deal)
        assert answer.status_code == 200, answer.text
        return {field["SchemaName"]: field["Value"] for field in answer.json["Fields"]}

    def of_lead(self, lead: str = LAN, body: Any = None, code: str = "12000") -> Any:
        return self.post(OPPORTUNITY + "GetOpportunitiesOfLead", body, leadId=lead, opportunityType=code)

    def search(self, code: int = 12000, rows: list[dict[str, str]] | None = None, **more: Any) -> Any:
        rows = [{"LSO": "ActivityEvent", "LSO_Type": "PAEvent", "Operator": "eq", "RSO": "12000"}, *(rows or [])]
        text = json.dumps({"GrpConOp": "And", "Conditions": [{"Type": "Activity", "RowCondition": rows}]})
        body = {"OpportunityEventCode": code, "AdvancedSearch": text} | more
        return self.post(OPPORTUNITY + "Retrieve/BySearchParameter", body)

    def window(self, path: str, first: str, last: str, **more: Any) -> Any:
        wanted = {"FromDate": first, "ToDate": last, "ActivityEvent": 12000, "IncludeCustomFields": 1}
        return self.post(ACTIVITY + path, {"Parameter": wanted} | more)

    def subscribe(self, number: str = "32", **more: Any) -> Any:
        body = {
            "Description": "test", "URL": "https://bridge.example.com/hooks?c=1", "Method": "POST",
            "ContentType": "application/json", "WebhookEvent": number, "OpportunityEvents": ["12000"],
            "WebhookProperties": '{"OpportunityEvents":["12000"]}', "CustomHeaders": [{"Key": "x-a", "Value": "b"}],
        }  # fmt: skip
        return self.post(WEBHOOK + "Create", {n: v for n, v in (body | more).items() if v is not ...})


def listed(fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"SchemaName": name, "Value": value} for name, value in fields.items()]


def attributes(**values: str) -> list[dict[str, str]]:
    return [{"Attribute": name, "Value": value} for name, value in values.items()]


def by_id(lead: str) -> list[dict[str, str]]:
    return attributes(ProspectID=lead, SearchBy="ProspectId", __UseUserDefinedGuid__="true")


def refused(answer: Any, kind: str, text: str = "", status: int = 500) -> None:
    assert (answer.status_code, answer.json["Status"], answer.json["ExceptionType"]) == (status, "Error", kind)
    assert text in answer.json["ExceptionMessage"]


@pytest.fixture
def world() -> World:
    return World()


# Keys, throttling, paths


def test_keys_are_taken_from_headers_or_query_and_tell_who_calls(world: World) -> None:
    path = "/v2/Authentication.svc/UserByAccessKey.Get"
    assert world.get(path).json["Id"] == BRIDGE
    answer = world.client.get(path + "?accessKey=sandbox-person-key&secretKey=sandbox-secret")
    assert (answer.json["Id"], answer.json["PassPhrase"], answer.json["EmailAddress"]) == (HOA, "hoa@example.com", None)


@pytest.mark.parametrize("query", ["", "?accessKey=sandbox-bridge-key&secretKey=no", "?accessKey=no&secretKey=no"])
def test_missing_and_wrong_keys_are_401_with_the_envelope(world: World, query: str) -> None:
    answer = world.client.get(OPPORTUNITY + "GetOpportunityTypes" + query)
    refused(answer, "MXUnauthorizedRequestException", status=401)


def test_header_keys_can_be_unseen_and_the_region_wrong() -> None:
    path = OPPORTUNITY + "GetOpportunityTypes"
    world = World(header_auth=False)
    assert world.get(path).status_code == 401
    assert world.get(path, accessKey="sandbox-bridge-key", secretKey="sandbox-secret").status_code == 200
    elsewhere = World(wrong_region=True)
    assert elsewhere.get(path).status_code == 401
    assert elsewhere.get("/v2/Authentication.svc/UserByAccessKey.Get").status_code == 200


@pytest.mark.parametrize("status", [429, 403, 200])
def test_the_26th_call_in_5_seconds_is_refused(status: int) -> None:
    world = World(calls_max=25, throttle_status=status)
    path = OPPORTUNITY + "GetOpportunityTypes"
    assert {world.get(path).status_code for _ in range(25)} == {200}
    message = "API calls exceeded the limit of 25 in 5 second(s)"
    refused(world.get(path), "MXAPIRateLimitExceededException", message, status)
    world.now += 5
    assert isinstance(world.get(path).json, list)


def test_wrong_paths_are_404_and_wrong_verbs_405(world: World) -> None:
    assert world.post(OPPORTUNITY + "Opportunity/Update", {}).status_code == 404
    assert world.get(OPPORTUNITY + "GetOpportunitiesOfLead", leadId=LAN).status_code == 405
    assert world.post(WEBHOOK + "Delete", {}).status_code == 405
    assert world.client.head(OPPORTUNITY + f"Delete?Id={DEALS[0]}", headers=KEYS).status_code == 405
    assert world.details()["Status"] == "Open"


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b'{"a":', "application/json"), ('{"a":"é"}'.encode("latin-1"), "application/json"), (b"{}", "text/plain")],
)
def test_unreadable_bodies_are_400(world: World, data: bytes, kind: str) -> None:
    answer = world.client.post(OPPORTUNITY + "Update", data=data, content_type=kind, headers=KEYS)
    refused(answer, "MXInvalidDataTypeException", status=400)


# Reading one


def test_details_have_all_fields_as_strings_or_null(world: World) -> None:
    answer = world.get(OPPORTUNITY + "GetOpportunityDetails", opportunityid=DEALS[0].upper()).json
    assert (answer["Name"], answer["RelatedProspectId"], answer["OpportunityNote"]) == ("Opportunity", LAN, None)
    assert answer["ID"] != DEALS[0]
    assert [f["SchemaName"] for f in answer["Fields"]][:3] == ["ActivityEvent_Note", "Status", "Owner"]
    seen = world.details()
    assert (seen["mx_Custom_1"], seen["mx_Custom_2"], seen["Status"]) == ("Lan Pham - Acme Hotels", "New", "Open")
    assert (seen["mx_Custom_3"], seen["mx_Custom_6"], seen["mx_Custom_7"]) == ("Fair", "1500", None)
    assert (seen["mx_Custom_8"], seen["ModifiedOn"]) == ("2026-12-31 00:00:00", "2026-09-18 14:13:20")
    assert (seen["Owner"], seen["ModifiedBy"], seen["mx_Custom_20"]) == (HOA, HOA, "1001")


def test_an_unknown_opportunity_is_500(world: World) -> None:
    answer = world.get(OPPORTUNITY + "GetOpportunityDetails", OpportunityId=NOBODY)
    refused(answer, "MXInvalidInputException", "Opportunity does not exist")
    refused(world.get(OPPORTUNITY + "GetOpportunityDetails"), "MXMandatoryAttributeMissingException")


def test_types_and_metadata_with_a_second_numbering(world: World) -> None:
    types = world.get(OPPORTUNITY + "GetOpportunityTypes").json
    assert [(t["EventCode"], t["CanDelete"], t["Fields"]) for t in types] == [(12000, True, None), (12001, True, None)]

    def labels(code: int) -> dict[str, str]:
        fields = world.get(OPPORTUNITY + "GetOpportunityTypeMetadata", code=code).json["Fields"]
        return {f["SchemaName"]: f["DisplayName"] for f in fields}

    assert labels(12000)["mx_Custom_6"] == "Expected Deal Size"
    assert labels(12001)["mx_Custom_6"] == "Actual Deal Size"
    assert world.get(OPPORTUNITY + "GetOpportunityTypeMetadata", code=12999).json == {}
    enabled = world.get(OPPORTUNITY + "IsOpportunityEnabled", orgId="1")
    assert enabled.json == {"OpportunityManagement": "Enabled"}


@pytest.mark.parametrize("form", ["list", "map", "hidden"])
def test_stage_options_depend_on_status(form: str) -> None:
    answer = World(stage_options=form).get(OPPORTUNITY + "GetOpportunityTypeMetadata", code=12000).json
    stage = next(f for f in answer["Fields"] if f["SchemaName"] == "mx_Custom_2")
    assert (stage["ParentField"], stage["OptionSet"], stage["Value"]) == ("Status", "", None)
    if form == "hidden":
        assert stage["DependentOptionSet"] == ""
        return
    sets = json.loads(stage["DependentOptionSet"])
    options = sets["Open"] if form == "map" else sets[0]["Options"]
    assert [(o["Value"], o["Order"]) for o in options] == [("New", 0), ("Qualified", 1), ("Proposal", 2)]


def test_numbers_never_written_may_read_as_zero() -> None:
    assert World(numbers_zero=True).details()["mx_Custom_7"] == "0"


# Update


def test_update_changes_only_what_is_sent_and_plain_digits_come_back(world: World) -> None:
    before = world.details()
    world.now += 60
    answer = world.update({"mx_Custom_6": "200,000", "mx_Custom_7": "180000.50"}, OpportunityNote="noted")
    assert answer.json == {"Status": "Success", "Message": {"Id": DEALS[0]}}
    changed = {n: v for n, v in world.details().items() if before[n] != v}
    assert changed == {
        "mx_Custom_6": "200000", "mx_Custom_7": "180000.5", "ActivityEvent_Note": "noted", "ModifiedBy": BRIDGE,
        "ModifiedOn": "2026-09-21 14:14:20",
    }  # fmt: skip
    entry = world.sim.ledger[-1]
    assert (entry.who, entry.deal, entry.call) == ("bridge", DEALS[0], "Update")
    assert entry.fields == ("mx_Custom_6", "mx_Custom_7", "ActivityEvent_Note")


def test_update_with_equal_values_is_a_write_without_changed_fields(world: World) -> None:
    world.now += 60
    assert world.update({"mx_Custom_6": "1500"}).status_code == 200
    assert world.sim.ledger[-1].fields == ()
    assert world.details()["ModifiedOn"] == "2026-09-21 14:14:20"


def test_update_takes_the_auto_id_and_clears_with_an_empty_string(world: World) -> None:
    assert world.update({"mx_Custom_5": ""}, deal="1001").json["Message"]["Id"] == DEALS[0]
    assert world.details()["mx_Custom_5"] is None


@pytest.mark.parametrize(
    ("fields", "kind", "status"),
    [
        ({"mx_Custom_77": "x"}, FIELDS_ERROR, 500),
        ({"ModifiedOn": "2026-01-01 00:00:00"}, FIELDS_ERROR, 500),
        ({"mx_Custom_20": "7"}, FIELDS_ERROR, 500),
        ({"mx_Custom_1": ""}, FIELDS_ERROR, 500),
        ({"mx_Custom_1": "x" * 201}, FIELDS_ERROR, 500),
        ({"mx_Custom_6": "much"}, FIELDS_ERROR, 500),
        ({"mx_Custom_8": "2026-12-31"}, FIELDS_ERROR, 500),
        ({"mx_Custom_8": "2026-12-31T00:00:00Z"}, FIELDS_ERROR, 500),
        ({"mx_Custom_3": "fair"}, FIELDS_ERROR, 500),
        ({"Status": "Qualified"}, FIELDS_ERROR, 500),
        ({"Status": "Won"}, FIELDS_ERROR, 500),
        ({"mx_Custom_2": "Won"}, FIELDS_ERROR, 500),
        ({"mx_Custom_2": "Renewed", "Status": "Won"}, FIELDS_ERROR, 500),
        ({"Owner": "hoa@example.com"}, FIELDS_ERROR, 500),
        ({"Owner": NOBODY}, FIELDS_ERROR, 500),
        ({"mx_Custom_5": "<b>x</b>"}, "MXXSSException", 500),
        ({"mx_Custom_6": 1500}, "MXInvalidDataTypeException", 400),
        ({"mx_Custom_6": None}, "MXInvalidDataTypeException", 400),
    ],
)
def test_update_refuses(world: World, fields: dict[str, Any], kind: str, status: int) -> None:
    before = world.details()
    refused(world.update(fields), kind, status=status)
    assert (world.details(), world.sim.ledger, world.hooks) == (before, [], [])


def test_update_wants_the_id_in_the_body_and_no_wrapper(world: World) -> None:
    path, fields = OPPORTUNITY + "Update", listed({"mx_Custom_6": "1"})
    refused(
        world.post(path, {"Fields": fields}, ProspectOpportunityId=DEALS[0]), "MXMandatoryAttributeMissingException"
    )
    wrapped = {"LeadDetails": [], "Opportunity": {"Fields": fields}}
    refused(world.post(path, wrapped), "ArgumentNullException", "source")
    refused(world.update({"mx_Custom_6": "1"}, deal=NOBODY), "MXInvalidInputException", "Opportunity does not exist")
    refused(world.post(path, []), "MXInvalidDataTypeException", status=400)


def test_status_and_stage_change_in_one_update(world: World) -> None:
    assert world.update({"Status": "Won", "mx_Custom_2": "Won"}).status_code == 200
    seen = world.details()
    assert (seen["Status"], seen["mx_Custom_2"], seen["mx_Custom_9"]) == ("Won", "Won", None)


def test_a_status_change_may_need_a_comment() -> None:
    world = World(comment_on_status=True)
    message = "Field name : 'mx_Custom_19' of datatype : 'String' is mandatory."
    refused(world.update({"Status": "Lost", "mx_Custom_2": "Lost"}), FIELDS_ERROR, message)
    assert world.update({"Status": "Lost", "mx_Custom_2": "Lost", "mx_Custom_19": "gone"}).status_code == 200
    assert world.update({"mx_Custom_6": "1"}).status_code == 200
    refused(world.capture(), FIELDS_ERROR, message)
    world.sim.move(DEALS[1], "Lost")
    assert world.details(DEALS[1])["mx_Custom_19"] == "moved on the board"


def test_validation_failures_may_come_with_200() -> None:
    world = World(failure_status=200)
    refused(world.update({"mx_Custom_6": "much"}), FIELDS_ERROR, status=200)
    answer = world.capture({"mx_Custom_1": None})
    assert (answer.status_code, answer.json["Status"], answer.json["ExceptionType"]) == (200, 1, FIELDS_ERROR)
    assert answer.json["CreatedOpportunityId"] is None


# Capture


def test_capture_by_lead_id(world: World) -> None:
    answer = world.capture({"mx_Custom_6": "100"}, OpportunityNote="n", OpportunityDateTime="2026-01-31 10:20:30").json
    assert (answer["Status"], answer["RelatedProspectId"], answer["IsUnique"]) == (0, LAN, True)
    assert answer["AdditionalDetails"][0]["PostDeDupActionPerformed"] == 1
    new = answer["CreatedOpportunityId"]
    assert answer["AdditionalDetails"][0]["ActivityId"] != new
    seen = world.details(new)
    assert (seen["mx_Custom_1"], seen["mx_Custom_6"], seen["CreatedOn"]) == ("Deal A", "100", "2026-09-21 14:13:20")
    assert (world.sim.ledger[-1].deal, world.sim.ledger[-1].call) == (new, "Capture")
    assert world.capture().json["CreatedOpportunityId"] != new


def test_capture_creates_an_unknown_lead_and_updates_a_known_one(world: World) -> None:
    fresh = attributes(EmailAddress="an@new.example", FirstName="An", SearchBy="EmailAddress")
    lead = world.capture(lead=fresh).json["RelatedProspectId"]
    assert world.get(LEAD + "Leads.GetById", id=lead).json[0]["FirstName"] == "An"
    known = attributes(Phone="+84-901234567", FirstName="Lan Anh", Mobile="+84-1", SearchBy="Phone")
    assert world.capture(lead=known, UpdateEmptyFields=True).json["RelatedProspectId"] == LAN
    row = world.get(LEAD + "Leads.GetById", id=LAN).json[0]
    assert (row["FirstName"], row["Mobile"]) == ("Lan", "+84-1")
    assert world.capture({"Owner": MINH}, lead=known, OverwriteFields=True, DoNotChangeOwner=True).status_code == 200
    row = world.get(LEAD + "Leads.GetById", id=LAN).json[0]
    assert (row["FirstName"], row["OwnerId"]) == ("Lan Anh", HOA)


def test_capture_refuses(world: World) -> None:
    invalid, missing = "MXInvalidInputException", "MXMandatoryAttributeMissingException"
    both = "OverwriteFields and UpdateEmptyFields both cannot be true"
    refused(world.capture(OverwriteFields=True, UpdateEmptyFields=True), invalid, both)
    wrong = attributes(ProspectID=LAN, SearchBy="ProspectID", __UseUserDefinedGuid__="true")
    refused(world.capture(lead=wrong), invalid, "Invalid SearchBy value provided")
    refused(world.capture(lead=attributes(EmailAddress="a@b.example")), missing, "SearchBy")
    refused(world.capture(lead=attributes(SearchBy="EmailAddress")), missing, "EmailAddress")
    mandatory = "Field name : 'mx_Custom_1' of datatype : 'String' is mandatory."
    refused(world.capture({"mx_Custom_1": None}), FIELDS_ERROR, mandatory)
    refused(world.capture({"mx_Custom_2": None}), FIELDS_ERROR, "'mx_Custom_2'")
    refused(world.capture(OpportunityEventCode=12999), invalid)
    refused(world.capture(OpportunityEventCode="12000"), "MXInvalidDataTypeException", status=400)
    refused(world.capture(OpportunityDateTime="31.01.2026"), invalid)
    taken = attributes(EmailAddress="an@new.example", Phone="+84901234567", SearchBy="EmailAddress")
    refused(world.capture(lead=taken), "MXDuplicateEntryException", "A Lead with same Phone Number already exists.")
    refused(world.post(OPPORTUNITY + "Capture", {"LeadDetails": by_id(LAN)}), missing)
    assert (world.sim.ledger, len(world.sim.cards())) == ([], 3)


def test_capture_under_a_duplicate_rule() -> None:
    world = World(duplicates_by_name=True)
    answer = world.capture({"mx_Custom_1": "Lan Pham - Acme Hotels"}).json
    assert (answer["Status"], answer["CreatedOpportunityId"]) == (0, None)
    assert answer["ConflictedOpportunityId"] == DEALS[0]
    assert answer["AdditionalDetails"][0]["PostDeDupActionPerformed"] == 3
    rows = world.post(ACTIVITY + "Retrieve", {}, leadId=LAN).json["ProspectActivities"]
    assert (rows[0]["EventCode"], rows[0]["ActivityFields"]) == (32, {})


def test_capture_without_owner_and_with_a_lost_answer() -> None:
    assert World().capture({"Owner": None}).status_code == 200
    world = World(capture_answer_lost=True, owner_default=True)
    answer = world.capture({"Owner": None})
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    row = world.of_lead().json["List"][-1]
    assert (row["mx_Custom_1"], row["Owner"]) == ("Deal A", BRIDGE)


# Lists


def test_rows_of_a_lead_are_flat_and_show_grid_columns_only(world: World) -> None:
    answer = world.of_lead().json
    assert (answer["RecordCount"], [r["OpportunityId"] for r in answer["List"]]) == (2, [DEALS[0], DEALS[2]])
    row = answer["List"][0]
    assert (row["mx_Custom_6"], row["OpportunityEvent"], row["LeadName"]) == ("1500", "12000", "Lan Pham")
    assert "mx_Custom_3" not in row
    body = {"Columns": {"Include_CSV": "mx_Custom_3,Owner"}, "Sorting": {"ColumnName": "CreatedOn", "Direction": "1"}}
    rows = world.of_lead(body=body | {"Paging": {"PageIndex": 2, "PageSize": 1}}).json["List"]
    assert [(r["OpportunityId"], r["mx_Custom_3"], "mx_Custom_6" in r) for r in rows] == [(DEALS[0], "Fair", False)]
    assert world.of_lead(code="12001").json == {"RecordCount": 0, "List": []}
    assert world.of_lead(lead=NOBODY).status_code == 500
    assert world.of_lead(body={"Paging": {"PageIndex": 1, "PageSize": 1001}}).status_code == 500
    assert World(type_needed=True).of_lead(code="").status_code == 500


def test_the_index_lags_and_details_do_not() -> None:
    world = World(index_lag_s=3)
    new = world.capture().json["CreatedOpportunityId"]
    world.update({"mx_Custom_6": "7"})
    assert world.details(new)["mx_Custom_1"] == "Deal A"
    assert [r["mx_Custom_6"] for r in world.of_lead().json["List"]] == ["1500", "2400"]
    assert world.search().json["RecordCount"] == 3
    trail = world.post(ACTIVITY + "Retrieve", {"Parameter": {"ActivityEvent": 12000}}, leadId=LAN).json
    assert trail["ProspectActivities"][0]["Id"] == new
    world.now += 3
    assert [r["mx_Custom_6"] for r in world.of_lead().json["List"]] == ["7", "2400", None]


def test_reads_by_id_may_lag_by_switch() -> None:
    world = World(read_lag_s=2)
    world.update({"mx_Custom_6": "7"})
    assert world.details()["mx_Custom_6"] == "1500"
    world.now += 2
    assert world.details()["mx_Custom_6"] == "7"


def test_by_unique_lead_field(world: World) -> None:
    path = OPPORTUNITY + "GetOpportunitiesByUniqueLeadField"
    wanted = {"LookupName": "Phone", "LookupValue": "+84-907654321", "SqlOperator": "="}
    body = {"Parameter": wanted, "Columns": {"Include_CSV": ""}, "Paging": {"PageIndex": 1, "PageSize": 25}}
    assert [r["OpportunityId"] for r in world.post(path, body).json["List"]] == [DEALS[1]]
    refused(world.post(path, {"Parameter": wanted | {"LookupName": "FirstName"}}), "MXInvalidInputException")


def test_search_restates_the_code_pages_and_sorts(world: World) -> None:
    world.now += 60
    world.update({"mx_Custom_6": "7"})
    sorting, columns = {"ColumnName": "ModifiedOn", "Direction": 1}, {"Include_CSV": "mx_Custom_1,ModifiedOn"}
    answer = world.search(Sorting=sorting, Columns=columns, Paging={"PageIndex": 1, "PageSize": 2}).json
    assert (answer["RecordCount"], len(answer["List"])) == (3, 2)
    row = answer["List"][0]
    assert (row["OpportunityId"], row["P_EmailAddress"], row["P_Source"]) == (DEALS[0], "lan@acme.example", None)
    assert "mx_Custom_6" not in row
    message = "AdvancedSearch criteria does not match ActivityEvent passed"
    refused(world.search(code=12001), "MXInvalidInputException", message)
    between = {"LSO": "mx_Custom_8", "LSO_Type": "DateTime", "Operator": "between"}
    between["RSO"] = "2026-12-01 12:00:00 AM TO 2026-12-31 11:59:59 PM"
    assert [r["OpportunityId"] for r in world.search(rows=[between]).json["List"]] == [DEALS[0]]
    refused(world.search(rows=[between | {"LSO": "ModifiedOn"}]), "MXInvalidDataTypeException", status=400)
    refused(world.search(AdvancedSearch={}), "MXInvalidDataTypeException", status=400)


@pytest.mark.parametrize("status", [401, 403])
def test_search_needs_an_administrator(status: int) -> None:
    refused(World(non_admin=status).search(), "MXUnAuthorizedAccessException", status=status)


def test_many_by_id_with_us_dates(world: World) -> None:
    wanted = {"EventCode": "12000", "ProspectActivityId": [DEALS[0], NOBODY]}
    wanted["Columns"] = {"Include_CSV": "CreatedOn,mx_Custom_8,mx_Custom_6"}
    path = OPPORTUNITY + "GetOpportunitiesById"
    answer = world.post(path, {"SearchParameters": [wanted]}).json
    row = {
        "ProspectId": LAN,
        "EmailAddress": "lan@acme.example",
        "ProspectActivityId": DEALS[0],
        "CreatedOn": "9/18/2026 2:13:20 PM",
        "mx_Custom_8": "12/31/2026 12:00:00 AM",
        "mx_Custom_6": "1500",
    }
    assert answer == [{"EventCode": "12000", "RecordCount": 1, "Opportunities": [row]}]
    many = wanted | {"ProspectActivityId": [NOBODY] * 2001}
    refused(world.post(path, {"SearchParameters": [many]}), "MXInvalidInputException")


def test_recently_modified_has_inclusive_second_bounds_and_finer_times(world: World) -> None:
    world.now += 60.5
    world.update({"mx_Custom_6": "7"})
    path = "CustomActivity/RetrieveByActivityEvent"
    first, at, next_second = "2026-09-21 14:13:20", "2026-09-21 14:14:20", "2026-09-21 14:14:21"
    assert world.window(path, first, at).json == {"RecordCount": 0}
    row = world.window(path, at, next_second).json["List"][0]
    assert (row["ProspectActivityId"], row["ModifiedByEmailAddress"]) == (DEALS[0], "bridge@example.com")
    recent = world.window("RetrieveRecentlyModified", at, next_second).json["ProspectActivities"]
    assert {"Key": "mx_Custom_8", "Value": "12/31/2026 12:00:00 AM"} in recent[0]["Fields"]
    big = {"Paging": {"PageIndex": 1, "PageSize": 1001}}
    refused(world.window(path, first, at, **big), "MXInvalidInputException", "PageSize can not be more than 1000")
    refused(world.window(path, "2026-09-21", at), "MXInvalidInputException")
    assert World(recent_broken=True).window("RetrieveRecentlyModified", first, at).status_code == 500


def test_the_trail_has_shadows_and_four_fields(world: World) -> None:
    new = world.capture().json["CreatedOpportunityId"]
    rows = world.post(ACTIVITY + "Retrieve", {}, leadId=LAN).json["ProspectActivities"]
    assert [(r["EventCode"], r["Id"] == new) for r in rows[:3]] == [(33, False), (3011, True), (12000, True)]
    assert rows[2]["ActivityFields"] == {"mx_Custom_1": "Deal A", "mx_Custom_2": "New", "Status": "Open", "Owner": HOA}
    paging = {"Parameter": {"ActivityEvent": 12000}, "Paging": {"Offset": "1", "RowCount": "1"}}
    rows = world.post(ACTIVITY + "Retrieve", paging, leadId=LAN).json["ProspectActivities"]
    assert [r["Id"] for r in rows] == [DEALS[2]]


# Delete


def test_delete_goes_by_the_exact_name_id(world: World) -> None:
    path = OPPORTUNITY + "Delete"
    wrong = world.get(path, opportunityId=DEALS[0])
    assert wrong.json == {"Status": "Success", "Message": {"IsSuccessful": False}}
    assert world.get(path, id=DEALS[0]).json["Message"] == {"IsSuccessful": False}
    assert world.get(path, Id=DEALS[0]).json == {"Status": "Success", "Message": {"IsSuccessful": True}}
    read = world.get(OPPORTUNITY + "GetOpportunityDetails", OpportunityId=DEALS[0])
    refused(read, "MXInvalidInputException", "Opportunity does not exist")
    refused(world.get(path, Id=DEALS[0]), "MXInvalidInputException", "Opportunity does not exist")
    refused(world.update({"mx_Custom_6": "1"}), "MXInvalidInputException", "Opportunity does not exist")
    trail = world.post(ACTIVITY + "Retrieve", {"Parameter": {"ActivityEvent": 12000}}, leadId=LAN).json
    assert DEALS[0] in [row["Id"] for row in trail["ProspectActivities"]]
    assert (len(world.sim.cards()), world.hooks) == (2, [])


def test_delete_by_switches() -> None:
    world = World(can_delete=False)
    assert world.get(OPPORTUNITY + "Delete", Id=DEALS[0]).status_code == 500
    assert [t["CanDelete"] for t in world.get(OPPORTUNITY + "GetOpportunityTypes").json] == [False, False]
    world = World(delete_fires=True, gone_as_empty=True)
    world.get(OPPORTUNITY + "Delete", Id=DEALS[0])
    assert [hook.query["eventType"] for hook in world.hooks] == ["Opportunity_Post_Delete"]
    assert world.get(OPPORTUNITY + "GetOpportunityDetails", OpportunityId=DEALS[0]).json == {}


# Leads and users


def test_reading_leads(world: World) -> None:
    row = world.get(LEAD + "Leads.GetByEmailaddress", emailaddress="LAN@acme.example").json[0]
    assert (row["ProspectID"], row["OwnerIdName"], row["DoNotCall"]) == (LAN, "Hoa Tran", "0")
    assert row["CreatedOn"] == "2026-09-16 14:13:20.000"
    assert world.get(LEAD + "Leads.GetByEmailaddress", emailaddress="x@y.example").json == []
    assert [r["ProspectID"] for r in world.get(LEAD + "Leads.GetByQuickSearch", key="blue").json] == [BINH]
    phone = LEAD + "RetrieveLeadByPhoneNumber"
    assert [len(world.get(phone, phone=p).json) for p in ("+84-901234567", "+84901234567")] == [1, 0]
    assert len(World(phone_lookup="plain").get(phone, phone="+84901234567").json) == 1
    answer = world.post(LEAD + "Leads/Retrieve/ByIds", {"SearchParameters": {"LeadIds": [BINH, NOBODY]}}).json
    assert (answer["RecordCount"], answer["Leads"][0]["Company"]) == (1, "Blue Shop")


def test_leads_get_ignores_unknown_wrappers_and_is_strict_about_names(world: World) -> None:
    def found(parameter: dict[str, str], wrapper: str = "Parameter") -> list[str]:
        return [r["ProspectID"] for r in world.post(LEAD + "Leads.Get", {wrapper: parameter}).json]

    wanted = {"LookupName": "ProspectID", "LookupValue": LAN, "SqlOperator": "="}
    assert found(wanted) == [LAN]
    assert found(wanted | {"LookupName": "ProspectId"}) == []
    assert found(wanted, "Parameters") == [LAN, BINH]
    assert found({"LookupName": "DoNotCall", "LookupValue": "0"}) == [LAN, BINH]
    wrong = {"Parameter": {"LookupName": "DoNotCall", "LookupValue": "false"}}
    assert world.post(LEAD + "Leads.Get", wrong).status_code == 500


def test_writing_leads(world: World) -> None:
    body = attributes(EmailAddress="an@new.example", FirstName="An", SearchBy="EmailAddress")
    made = world.post(LEAD + "Lead.CreateOrUpdate", body, postUpdatedLead="false").json["Message"]["Id"]
    assert world.post(LEAD + "Lead.CreateOrUpdate", body).json == {"Status": "Success", "Message": {"Id": made}}
    taken = world.post(LEAD + "Lead.Create", attributes(EmailAddress="an@new.example"))
    refused(taken, "MXDuplicateEntryException", "Email Address")
    again = world.post(LEAD + "Lead.Capture", attributes(EmailAddress="an@new.example", DoNotCall="true")).json
    assert (again["Message"]["Id"], "RelatedId" in again["Message"]) == (made, True)
    assert world.get(LEAD + "Leads.GetById", id=made).json[0]["DoNotCall"] == "1"
    updated = world.post(LEAD + "Lead.Update", attributes(Company="New Ltd"), leadId=made)
    assert updated.json == {"Status": "Success", "Message": {"AffectedRows": 1}}
    missing = world.post(LEAD + "Lead.Update", attributes(Company="x"))
    refused(missing, "MXMandatoryAttributeMissingException", "'leadId' is mandatory for updating lead")
    assert world.post(LEAD + "Lead.Update", attributes(Colour="x"), leadId=made).status_code == 500
    assert (world.hooks, world.sim.ledger) == ([], [])


def test_users(world: World) -> None:
    rows = world.get("/v2/UserManagement.svc/Users.Get").json
    assert [(r["ID"], r["StatusCode"]) for r in rows] == [(BRIDGE, 0), (HOA, 0), (MINH, 0)]
    path = "/v2/UserManagement.svc/User/Retrieve/ByUserId"
    assert world.get(path, userId=MINH).json[0]["UserId"] == MINH
    assert world.get(path, userId=NOBODY).json == []


# Webhooks


def test_api_writes_and_edits_fire_the_hooks_made_beforehand(world: World) -> None:
    world.update({"mx_Custom_6": "7"})
    new = world.capture().json["CreatedOpportunityId"]
    world.sim.edit(DEALS[1], {"mx_Custom_6": "8"})
    events = ["Opportunity_Post_Update", "Opportunity_Post_Create", "Opportunity_Post_Update"]
    assert [hook.query["eventType"] for hook in world.hooks] == events
    hook = world.hooks[1]
    assert (hook.method, hook.query["entityType"]) == ("POST", "webhook")
    assert hook.headers == {"Content-Type": "application/json", "x-bridge-secret": "sandbox-hook-secret"}
    assert json.loads(hook.body) == [
        {"ProspectActivityId": new, "RelatedProspectId": LAN, "ActivityEvent": "12000",
         "CreatedOn": "2026-09-21 14:13:20"}
    ]  # fmt: skip


def test_hooks_by_switch() -> None:
    quiet = World(hooked=False)
    quiet.update({"mx_Custom_6": "7"})
    assert quiet.hooks == []
    world = World(api_fires=False)
    world.update({"mx_Custom_6": "7"})
    assert world.hooks == []
    world.sim.edit(DEALS[0], {"mx_Custom_6": "8"}, who="person")
    assert len(world.hooks) == 1


@pytest.mark.parametrize(
    ("form", "part"),
    [("current", "Data"), ("before_after", "After"), ("id", "OpportunityId")],
)
def test_body_forms(form: str, part: str) -> None:
    world = World(hook_body=form)
    world.update({"mx_Custom_6": "7"})
    body = json.loads(world.hooks[0].body)
    assert body[part] == DEALS[0] if form == "id" else body[part]["mx_Custom_6"] == "7"
    if form == "before_after":
        assert (body["Before"]["mx_Custom_6"], body["After"]["ProspectActivityId"]) == ("1500", DEALS[0])
    if form == "current":
        assert (body["ActivityEvent"], body["Current"]["ProspectID"]) == (12000, LAN)


def test_grouping_delay_doubles_and_reversal() -> None:
    world = World(hook_grouped=True)
    world.update({"mx_Custom_6": "7"})
    world.update({"mx_Custom_6": "8"}, deal=DEALS[1])
    assert world.hooks == []
    world.now += 60
    world.sim.flush()
    assert [[i["ProspectActivityId"] for i in json.loads(h.body)] for h in world.hooks] == [DEALS[:2]]
    late = World(hook_delay_s=5, hook_twice=True)
    late.update({"mx_Custom_6": "7"})
    assert late.hooks == []
    late.now += 5
    late.details()
    assert len(late.hooks) == 2
    turned = World(hook_reversed=True)
    for deal in DEALS:
        turned.update({"mx_Custom_6": "7"}, deal=deal)
    assert [json.loads(h.body)[0]["ProspectActivityId"] for h in turned.hooks] == [DEALS[1], DEALS[0]]
    turned.now += 60
    turned.sim.flush()
    assert len(turned.hooks) == 3


def test_ten_failures_in_a_row_disable_a_hook(world: World) -> None:
    world.update({"mx_Custom_6": "7"})
    hook = world.hooks[0]
    assert [world.sim.settle(hook, 500, n) for n in (1, 2, 3)] == [True, True, False]
    assert world.sim.settle(hook, 200, 1) is False
    for _ in range(10):
        world.sim.settle(hook, None, 1)
    world.update({"mx_Custom_6": "8"})
    assert len(world.hooks) == 1
    wanted = {"Parameter": {"Type": "Webhook", "WebhookEvent": "", "StatusCode": 2}}
    assert world.post(WEBHOOK + "Retrieve", wanted).json["RecordCount"] == 1
    world.sim.account.hooks.enable()
    world.update({"mx_Custom_6": "9"})
    assert len(world.hooks) == 2


def test_subscribing_shakes_hands_and_then_delivers_with_the_urls_query() -> None:
    world = World(hooked=False)
    made = world.subscribe().json["Message"]["Id"]
    assert [(h.method, h.body, "x-a" in h.headers) for h in world.hooks] == [("HEAD", b"", False), ("POST", b"", False)]
    world.update({"mx_Custom_6": "7"})
    event = {"entityType": "webhook", "entityId": made, "eventType": "Opportunity_Post_Update"}
    assert (world.hooks[2].query, world.hooks[2].headers["x-a"]) == ({"c": "1"} | event, "b")
    wanted = {"Parameter": {"Type": "Webhook", "WebhookEvent": "Opportunity_Post_Update", "StatusCode": 0}}
    row = world.post(WEBHOOK + "Retrieve", wanted).json["Response"][0]
    assert (row["WebhookId"], row["EventCode"], row["StatusCode"]) == (made, "Opportunity_Post_Update", 0)
    assert world.get(WEBHOOK + "Delete", webhookId=made).json["Status"] == "Success"
    assert world.get(WEBHOOK + "Delete", webhookId=made).status_code == 500
    world.update({"mx_Custom_6": "8"})
    assert len(world.hooks) == 3
    silent = World(handshake=False)
    silent.subscribe()
    assert silent.hooks == []


def test_a_form_encoded_delivery() -> None:
    world = World(hooked=False, handshake=False)
    world.subscribe(ContentType="application/x-www-form-urlencoded")
    world.update({"mx_Custom_6": "7"})
    assert parse_qs(world.hooks[0].body.decode())["ProspectActivityId"] == [DEALS[0]]


def test_subscribing_refuses(world: World) -> None:
    shape, invalid = "MXInvalidDataTypeException", "MXInvalidInputException"
    refused(world.subscribe(WebhookProperties={"OpportunityEvents": ["12000"]}), shape, status=400)
    refused(world.subscribe(OpportunityEvents=...), shape)
    refused(world.subscribe(WebhookProperties=None), shape)
    refused(world.subscribe("33"), shape, "Opportunity Field value cannot be empty")
    refused(world.subscribe("29"), invalid, "Webhook Event not found")
    refused(world.subscribe(URL="ftp://x.example"), invalid)
    refused(world.subscribe(CustomHeaders=[{"Key": "a", "Value": "b"}] * 11), invalid)
    assert world.subscribe("33", ChangedOpportunityField="mx_Custom_6").status_code == 200
    refused(world.subscribe("33", ChangedOpportunityField="mx_Custom_6"), "MXDuplicateEntryException")
    refused(World(hooks_max=3).subscribe(), invalid)


def test_event_numbers_of_a_live_tenant() -> None:
    world = World(event_numbers="live", hooked=False, handshake=False)
    made = world.subscribe("31").json["Message"]["Id"]
    row = world.post(WEBHOOK + "Retrieve", {"Parameter": {"WebhookId": made}}).json["Response"][0]
    assert row["EventCode"] == "Opportunity_Post_Delete"
    refused(world.subscribe("35"), "MXInvalidInputException", "Webhook Event not found")
    assert world.subscribe("33").status_code == 500
    body = {"WebhookId": made, "URL": "https://b.example.com", "Method": "POST", "ContentType": "text/plain"}
    selector = {"OpportunityEvents": ["12000"], "WebhookProperties": '{"OpportunityEvents":["12000"]}'}
    assert world.post(WEBHOOK + "Update", body | selector | {"WebhookEvent": "30"}).status_code == 200
    world.update({"mx_Custom_6": "7"})
    assert world.hooks[0].query["eventType"] == "Opportunity_Post_Update"


def test_field_and_stage_hooks() -> None:
    world = World(hooked=False, handshake=False)
    world.subscribe("33", ChangedOpportunityField="mx_Custom_6")
    world.subscribe("34")
    world.update({"mx_Custom_5": "x"})
    assert world.hooks == []
    world.update({"mx_Custom_6": "7"})
    world.sim.move(DEALS[0], "Qualified")
    events = ["OpportunityField_Post_Update", "OpportunityStage_Post_Update"]
    assert [hook.query["eventType"] for hook in world.hooks] == events


# The board


def test_board_shows_and_moves_cards(world: World) -> None:
    assert [id for id, _ in world.sim.columns()] == ["New", "Qualified", "Proposal", "Won", "Lost"]
    card = world.sim.cards()[0]
    assert (card.id, card.title, card.column) == (DEALS[0], "Lan Pham - Acme Hotels", "New")
    assert (card.details["Owner"], card.details["Expected Deal Size"]) == ("Hoa Tran", "1500")
    world.sim.move(DEALS[0], "Lost")
    seen = world.details()
    assert (seen["Status"], seen["mx_Custom_2"]) == ("Lost", "Lost")
    entry = world.sim.ledger[-1]
    assert (entry.who, entry.call, set(entry.fields)) == ("board", "move", {"Status", "mx_Custom_2"})
    with pytest.raises(KeyError):
        world.sim.move(NOBODY, "Won")
    with pytest.raises(ValueError, match="option"):
        world.sim.move(DEALS[0], "Nowhere")


def test_board_edits(world: World) -> None:
    world.sim.edit(DEALS[1], {"ActivityEvent_Note": "called", "mx_Custom_6": 950, "mx_Custom_3": None})
    seen = world.details(DEALS[1])
    assert (seen["ActivityEvent_Note"], seen["mx_Custom_6"], seen["mx_Custom_3"]) == ("called", "950", None)
    assert seen["ModifiedBy"] == HOA
    with pytest.raises(KeyError):
        world.sim.edit(DEALS[1], {"mx_Custom_77": "x"})
    with pytest.raises(KeyError):
        world.sim.edit(DEALS[1], {"ModifiedOn": "x"})


def test_a_second_type_has_its_own_columns(world: World) -> None:
    fields = {"mx_Custom_2": "Due", "mx_Custom_7": "500"}
    new = world.capture(fields, OpportunityEventCode=12001).json["CreatedOpportunityId"]
    assert ("Renewed", "Renewed") in world.sim.columns()
    assert world.of_lead(code="12001").json["List"][0]["mx_Custom_7"] == "500"
    refused(world.update({"mx_Custom_11": "Fair"}), FIELDS_ERROR)
    assert world.update({"mx_Custom_11": "Fair"}, deal=new).status_code == 200


def test_a_tidy_vendor() -> None:
    world = World(normalise=True)
    lead = attributes(
        EmailAddress="an@new.example", FirstName="An  Thi", Phone="+84 911 222 333", SearchBy="EmailAddress"
    )
    made = world.capture({"mx_Custom_1": "  Deal   B "}, lead=lead).json
    assert world.details(made["CreatedOpportunityId"])["mx_Custom_1"] == "Deal B"
    row = world.get(LEAD + "Leads.GetById", id=made["RelatedProspectId"]).json[0]
    assert (row["FirstName"], row["Phone"]) == ("An Thi", "+84-911222333")


def test_the_answers_of_a_bad_day(world: World) -> None:
    assert world.sim.throttled().status_code == 429
    broken = world.sim.broken()
    assert (broken.status_code, broken.mimetype) == (500, "text/html")
