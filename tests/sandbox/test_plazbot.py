"""The simulated Plazbot refuses and answers as its document says, and misbehaves on request."""

import re
from dataclasses import dataclass, field

import pytest

from bridge.sandbox.plazbot import PlazbotSimulator
from bridge.sandbox.plazbot.account import native

WS = "wok_sandbox"
BRIDGE, PERSON = "sandbox-bridge-key", "sandbox-person-key"
NEW, QUALIFIED, PROPOSAL, WON, LOST = (native("e", n) for n in range(1, 6))
HOA, MINH = native("a", 1), native("a", 2)
LAN, BINH = native("c", 1), native("c", 2)
DEAL, SECOND, THIRD = (native("d", n) for n in range(1, 4))
SEVEN_DIGITS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")

# The response keys of the vendor's update page.
RECORD = {
    "id", "opportCode", "opportStatus", "winLossStatus", "winLossDate", "finalAmount", "creationDate",
    "creationTypeId", "updatedDate", "deletionDate", "userDeletion", "statusId", "files", "orderInCards",
    "orderInCardsLastUpdated", "activities", "segmentationId", "workspaceId", "name", "description", "amount",
    "userCreation", "contactId", "expirationDate", "assignedAgentId", "stageId", "customFields",
}  # fmt: skip


@dataclass
class Desk:
    """A simulator, a clock to turn, and a caller with the bridge's key."""

    sim: PlazbotSimulator
    time: list[float]
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {BRIDGE}", "x-workspace-id": WS})

    def call(self, method, path, *, body=None, headers=None, **query):
        """Return status and parsed answer; a query value of None leaves the parameter out."""
        query = {"workspaceId": WS} | query if method != "POST" else query
        query = {name: value for name, value in query.items() if value is not None}
        client = self.sim.app.test_client()
        headers = self.headers if headers is None else headers
        found = client.open(path, method=method, query_string=query, json=body, headers=headers)
        return found.status_code, found.get_json()

    def get(self, deal=DEAL):
        status, found = self.call("GET", f"/api/opportunity/{deal}")
        assert status == 200
        return found[0]

    def put(self, body, deal=DEAL):
        return self.call("PUT", "/api/opportunity", body=body, id=deal)

    def post(self, **body):
        body = {"workspaceId": WS, "name": "New deal", "description": "Text", "amount": 10} | body
        body = {name: value for name, value in body.items() if value is not ...}
        return self.call("POST", "/api/opportunity", body=body)

    def scan(self, path="/api/opportunity", pages_max=9):
        """Return the ids of each page until the token is null."""
        pages, token = [], None
        while True:
            status, found = self.call("GET", path, continuationToken=token)
            assert status == 200
            pages.append([row["id"] for row in found["data"]["data"]])
            token = found["data"]["continuationToken"]
            if token is None or len(pages) == pages_max:
                return pages

    def noted(self):
        return [(each.who, each.deal, each.call, each.fields) for each in self.sim.ledger]


def desk(**switches):
    time = [1_790_000_000.1234567]
    return Desk(PlazbotSimulator(clock=lambda: time[0], **switches), time)


# Credentials


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": f"Bearer {BRIDGE}", "x-workspace-id": WS}, 200),
        ({"Authorization": f"Bearer {PERSON}", "x-workspace-id": WS}, 200),
        ({"x-workspace-id": WS}, 401),
        ({"Authorization": BRIDGE, "x-workspace-id": WS}, 401),
        ({"Authorization": f"Basic {BRIDGE}", "x-workspace-id": WS}, 401),
        ({"Authorization": "Bearer other", "x-workspace-id": WS}, 401),
        ({"Authorization": f"Bearer {BRIDGE}"}, 401),
        ({"Authorization": f"Bearer {BRIDGE}", "x-workspace-id": "wok_other"}, 401),
    ],
)
def test_a_call_needs_a_bearer_token_and_the_workspace_header(headers, status):
    got, body = desk().call("GET", "/api/opportunity", headers=headers)
    assert got == status
    assert body["success"] is (status == 200)
    assert body["code"] == status
    assert (body["data"] is None) is (status == 401)
    assert set(body) == {"success", "code", "errorCode", "message", "data"}


@pytest.mark.parametrize("path", ["/api/opportunity", f"/api/opportunity/{DEAL}", "/api/contact"])
def test_workspace_parameter_is_required_and_agrees_with_the_header(path):
    assert desk().call("GET", path, workspaceId=None)[0] == 400
    assert desk().call("GET", path, workspaceId="wok_other")[0] == 400


def test_writes_need_credentials_too():
    world = desk()
    for method, path in (("PUT", "/api/opportunity"), ("POST", "/api/opportunity"), ("DELETE", "/api/opportunity")):
        assert world.call(method, path, body={"name": "x"}, id=DEAL, headers={})[0] == 401
    assert world.noted() == []


def login(world, email="minh@example.com", password="sandbox-secret"):
    return world.call("POST", "/api/user/login", body={"email": email, "password": password}, headers={})


def test_login_answers_token_and_user_and_its_token_expires():
    world = desk(token_life_s=60)
    status, body = login(world)
    assert status == 200
    assert body["data"]["user"]["lastName"] == "Le"
    world.headers["Authorization"] = f"Bearer {body['data']['token']}"
    world.put({"amount": 2})
    assert world.noted() == [("person", DEAL, "PUT /api/opportunity", ("amount",))]
    world.time[0] += 60
    assert world.put({"amount": 3})[0] == 401


def test_login_refusals():
    world = desk(login_limit=2)
    assert login(world, password="wrong")[0] == 401
    assert login(world, email=7)[0] == 401
    assert login(world)[0] == 429
    world.time[0] += 61
    assert world.call("POST", "/api/user/login", body={"email": "minh@example.com"}, headers={})[0] == 400


def test_login_by_key_is_the_keys_owner_and_the_resellers_shape_has_expires_in():
    world = desk(login_shape="expiresIn")
    data = login(world, email=BRIDGE)[1]["data"]
    assert set(data) == {"token", "expiresIn"}
    world.headers["Authorization"] = f"Bearer {data['token']}"
    world.put({"amount": 2})
    assert world.noted()[0][0] == "bridge"


# List and get


def test_sample_deals():
    world = desk()
    body = world.call("GET", "/api/opportunity")[1]
    rows = body["data"]["data"]
    assert body["data"]["continuationToken"] is None
    assert [row["id"] for row in rows] == [DEAL, SECOND, THIRD]
    assert all(set(row) == RECORD for row in rows)
    first = rows[0]
    assert (first["name"], first["amount"], first["stageId"]) == ("Lan Pham - Acme Hotels", 1500, NEW)
    assert (first["assignedAgentId"], first["contactId"]) == (HOA, LAN)
    assert first["expirationDate"] == "2026-12-31T00:00:00"
    assert first["updatedDate"] is None
    assert first["customFields"] == [{"name": "Source", "value": "Fair"}]
    assert SEVEN_DIGITS.fullmatch(first["creationDate"])


def test_pages_of_twenty_with_an_opaque_token():
    pages = desk(filler=22).scan()
    assert [len(page) for page in pages] == [20, 5]
    assert len({each for page in pages for each in page}) == 25


def test_a_full_last_page_is_followed_by_an_empty_one():
    assert [len(page) for page in desk(filler=17).scan()] == [20, 0]


def test_a_token_that_was_not_escaped_is_refused():
    world = desk(filler=22)
    token = world.call("GET", "/api/opportunity")[1]["data"]["continuationToken"]
    path = f"/api/opportunity?workspaceId={WS}&continuationToken={token}"
    assert world.sim.app.test_client().get(path, headers=world.headers).status_code == 400
    assert world.call("GET", "/api/opportunity", continuationToken="null")[0] == 400


def test_rows_shift_between_pages():
    world = desk(filler=22, shifting_pages=True)
    everyone = {row["id"] for row in world.sim.deals.values()}
    first, second = world.scan(), world.scan()
    for pages in (first, second):
        assert len(set(pages[0]) & set(pages[1])) == 1
        assert len(everyone - set(pages[0]) - set(pages[1])) == 1
    assert everyone == {each for page in first + second for each in page}


def test_stuck_token_repeats():
    world = desk(filler=60, stuck_token=True)
    token = world.call("GET", "/api/opportunity")[1]["data"]["continuationToken"]
    again = world.call("GET", "/api/opportunity", continuationToken=token)[1]["data"]["continuationToken"]
    assert token == again


def test_cards_order_and_unknown_filters_are_ignored():
    world = desk(list_order="cards")
    world.sim.move(DEAL, WON)
    body = world.call("GET", "/api/opportunity", stageId=NEW, updatedSince="2030-01-01")[1]
    assert [row["id"] for row in body["data"]["data"]] == [SECOND, THIRD, DEAL]


@pytest.mark.parametrize(
    ("shape", "pick"),
    [
        ("array", lambda found: found[0]),
        ("object", lambda found: found),
        ("data", lambda found: found["data"]),
        ("data_array", lambda found: found["data"][0]),
        ("data_data", lambda found: found["data"]["data"][0]),
        ("opportunity", lambda found: found["data"]["opportunity"]),
    ],
)
def test_get_by_id_shapes(shape, pick):
    status, found = desk(get_shape=shape).call("GET", f"/api/opportunity/{SECOND}")
    assert status == 200
    assert pick(found)["id"] == SECOND


@pytest.mark.parametrize(("how", "status", "body"), [("404", 404, ...), ("empty", 200, []), ("null", 200, None)])
def test_get_of_an_unknown_deal(how, status, body):
    got, found = desk(missing_as=how).call("GET", "/api/opportunity/none")
    assert got == status
    assert found["success"] is False if body is ... else found == body


# Update


def test_plain_update_answers_the_record_and_moves_updated_date():
    world = desk()
    sent = {"name": "Renamed", "description": "", "amount": 1600.5, "stageId": QUALIFIED, "contactId": BINH,
            "customFields": [{"name": "Source", "value": "Web"}]}  # fmt: skip
    status, body = world.put(sent)
    assert status == 200
    assert set(body["data"]) == {"id", "opportunity"}
    record = body["data"]["opportunity"]
    assert {name: record[name] for name in sent} == sent
    assert SEVEN_DIGITS.fullmatch(record["updatedDate"])
    assert world.get() == record
    assert world.noted() == [("bridge", DEAL, "PUT /api/opportunity", tuple(sent))]


def test_equal_values_are_noted_without_fields():
    world = desk()
    status, body = world.put({"amount": 1500})
    assert status == 200
    assert body["data"]["opportunity"]["updatedDate"] is not None
    assert world.noted() == [("bridge", DEAL, "PUT /api/opportunity", ())]


def test_fields_that_the_page_does_not_list_are_ignored():
    world = desk()
    before = world.get()
    unlisted = {"assignedAgentId": MINH, "expirationDate": "2027-01-01", "winLossStatus": 1, "finalAmount": 5,
                "segmentationId": "x", "colour": "red", "paramToUpdate": "assignedAgentId"}  # fmt: skip
    status, body = world.put(unlisted)
    assert status == 200
    assert body["data"]["opportunity"] | {"updatedDate": None} == before


def test_stage_and_contact_can_be_emptied():
    world = desk()
    record = world.put({"stageId": None, "contactId": None})[1]["data"]["opportunity"]
    assert record["stageId"] is None
    assert record["contactId"] is None
    assert world.sim.columns()[0] == ("", "No phase")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"amount": "1500"}, 422),
        ({"amount": True}, 422),
        ({"amount": None}, 422),
        ({"amount": 10**400}, 422),
        ({"name": 5}, 422),
        ({"name": ""}, 422),
        ({"name": None}, 422),
        ({"description": None}, 422),
        ({"stageId": 1}, 422),
        ({"stageId": "elsewhere"}, 422),
        ({"contactId": "nobody"}, 404),
        ({"contactId": ""}, 404),
        ({"customFields": {"Source": "x"}}, 422),
        ({"customFields": None}, 422),
        ({"customFields": [{"name": "Source", "value": 5}]}, 422),
        ({"customFields": [{"code": "Source", "value": "x"}]}, 422),
        ({"customFields": [{"name": "Unheard", "value": "x"}]}, 422),
        ({"amount": 7, "stageId": "elsewhere"}, 422),
        ([], 400),
        ("text", 400),
    ],
)
def test_refused_updates_change_nothing(body, status):
    world = desk()
    before = world.get()
    got, found = world.put(body)
    assert (got, found["success"], found["data"]) == (status, False, None)
    assert world.get() == before
    assert world.noted() == []


def test_update_needs_json_and_a_known_id():
    world = desk()
    client = world.sim.app.test_client()
    path = f"/api/opportunity?id={DEAL}&workspaceId={WS}"
    assert client.put(path, data='{"amount": 1}', headers=world.headers).status_code == 400
    for raw in ("{", '{"amount": NaN}', '{"name": "\\ud800"}'):
        assert client.put(path, data=raw, headers=world.headers, content_type="application/json").status_code == 400
    assert world.put({"amount": 1}, deal="none")[0] == 404
    assert world.put({"amount": 1}, deal=None)[0] == 400
    assert world.call("PUT", "/api/opportunity", body={"amount": 1}, id=DEAL, workspaceId=None)[0] == 400
    assert world.noted() == []


@pytest.mark.parametrize("dialects", ["B", "B-silent", "both"])
def test_older_dialect_takes_one_field(dialects):
    world = desk(put_dialects=dialects)
    status, body = world.put({"paramToUpdate": "assignedAgentId", "assignedAgentId": MINH, "amount": 1})
    assert status == 200
    assert body["message"] == "Opportunity successfully updated."
    assert set(body["data"]) == {"id", "oportunity"}
    assert body["data"]["oportunity"]["assignedAgentId"] == MINH
    assert body["data"]["oportunity"]["amount"] == 1500
    world.put({"paramToUpdate": "expirationDate", "expirationDate": "2027-01-01T02:00:00+02:00"})
    assert world.get()["expirationDate"] == "2027-01-01T00:00:00"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"amount": 1}, 400),
        ({"paramToUpdate": "contactId", "contactId": LAN}, 400),
        ({"paramToUpdate": ["amount"], "amount": 1}, 400),
        ({"paramToUpdate": "amount"}, 400),
        ({"paramToUpdate": "amount", "amount": "1"}, 422),
        ({"paramToUpdate": "assignedAgentId", "assignedAgentId": "nobody"}, 404),
        ({"paramToUpdate": "assignedAgentId", "assignedAgentId": None}, 422),
        ({"paramToUpdate": "expirationDate", "expirationDate": "31.12.2026"}, 422),
        ({"paramToUpdate": "expirationDate", "expirationDate": "2026-02-30"}, 422),
        ({"paramToUpdate": "expirationDate", "expirationDate": "0001-01-01T00:00:00+14:00"}, 422),
    ],
)
def test_older_dialect_refusals(body, status):
    world = desk(put_dialects="B")
    assert world.put(body)[0] == status
    assert world.noted() == []


def test_older_dialect_may_ignore_a_plain_body_silently():
    world = desk(put_dialects="B-silent")
    before = world.get()
    status, body = world.put({"amount": 1})
    assert (status, body["data"]["oportunity"]) == (200, before)


def test_both_dialects_at_once():
    world = desk(put_dialects="both")
    assert world.put({"amount": 1})[1]["data"]["opportunity"]["amount"] == 1
    assert world.put({"paramToUpdate": "amount", "amount": 2})[1]["data"]["oportunity"]["amount"] == 2


@pytest.mark.parametrize(("how", "left"), [("replace", ["Bridge key"]), ("merge", ["Source", "Bridge key"])])
def test_custom_fields_replace_or_merge(how, left):
    world = desk(custom_fields_write=how)
    world.put({"customFields": [{"name": "Bridge key", "value": "k1"}]})
    assert [item["name"] for item in world.get()["customFields"]] == left


@pytest.mark.parametrize(("how", "left"), [("drop", []), ("accept", ["Unheard"])])
def test_custom_fields_that_the_workspace_lacks(how, left):
    world = desk(unknown_custom_field=how)
    assert world.put({"customFields": [{"name": "Unheard", "value": "x"}]})[0] == 200
    assert [item["name"] for item in world.get()["customFields"]] == left


def test_small_switches_of_updates():
    assert desk(foreign_stages=True).put({"stageId": "elsewhere"})[1]["data"]["opportunity"]["stageId"] == "elsewhere"
    assert "customFields" not in desk(custom_fields_shown=False).get()
    assert desk(expiration_zone=True).get()["expirationDate"] == "2026-12-31T00:00:00Z"
    assert desk(normalise=True).put({"name": "  A   b "})[1]["data"]["opportunity"]["name"] == "A b"
    assert desk().put({"name": "  A   b "})[1]["data"]["opportunity"]["name"] == "  A   b "


def test_soft_failure_is_a_200_that_changed_nothing():
    world = desk(soft_fail_every=2)
    assert world.put({"amount": 1})[1]["success"] is True
    status, body = world.put({"amount": 2})
    assert (status, body["success"], body["data"]) == (200, False, None)
    assert world.get()["amount"] == 1
    assert len(world.noted()) == 1


# Create and delete


def test_create_answers_a_bare_new_record():
    world = desk()
    status, body = world.post(assignedComercialId=MINH, contactId=LAN, amount=1200.5)
    record = body["data"]["opportunity"]
    assert status == 200
    assert body["message"] == "Opportunity successfully created."
    assert body["data"]["id"] == record["id"]
    assert set(record) == RECORD
    assert record["updatedDate"] is None
    assert [record[name] for name in ("opportStatus", "winLossStatus", "statusId", "creationTypeId", "finalAmount")] \
        == [1, 0, 1, 1, 0]  # fmt: skip
    assert (record["assignedAgentId"], record["contactId"], record["stageId"]) == (MINH, LAN, None)
    assert record["amount"] == 1200.5
    assert world.get(record["id"]) == record
    fields = ("name", "description", "amount", "assignedAgentId", "contactId")
    assert world.noted() == [("bridge", record["id"], "POST /api/opportunity", fields)]


def test_create_ignores_stage_and_custom_fields_and_shows_no_contact_as_an_empty_text():
    extra = {"stageId": WON, "expirationDate": "2027-01-01", "customFields": [{"name": "Source", "value": "x"}]}
    record = desk().post(**extra)[1]["data"]["opportunity"]
    assert (record["stageId"], record["expirationDate"], record["customFields"]) == (None, None, [])
    assert record["contactId"] == ""
    record = desk(create_takes_stage=True).post(**extra)[1]["data"]["opportunity"]
    assert (record["stageId"], record["expirationDate"]) == (WON, "2027-01-01T00:00:00")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": ...}, 400),
        ({"description": ...}, 400),
        ({"amount": ...}, 400),
        ({"workspaceId": ...}, 400),
        ({"workspaceId": "wok_other"}, 400),
        ({"name": ""}, 400),
        ({"description": ""}, 400),
        ({"amount": None}, 400),
        ({"amount": "10"}, 422),
        ({"name": 5}, 422),
        ({"assignedComercialId": "nobody"}, 404),
        ({"contactId": "nobody"}, 404),
    ],
)
def test_refused_creates(body, status):
    world = desk()
    assert world.post(**body)[0] == status
    assert len(world.sim.deals) == 3
    assert world.noted() == []


def test_switches_of_create():
    assert desk().post(description=" ")[0] == 200
    assert desk(blank_text="refuse_blank").post(description=" ")[0] == 400
    assert desk(blank_text="accept").post(description="")[0] == 200
    assert desk(create_zeroes_amount=True).post()[1]["data"]["opportunity"]["amount"] == 0
    assert desk(normalise=True).post(name=" A  b ")[1]["data"]["opportunity"]["name"] == "A b"


@pytest.mark.parametrize("path", ["/api/opportunity", f"/api/opportunity/{DEAL}"])
@pytest.mark.parametrize("show", [False, True])
def test_delete_is_soft_and_hidden_by_default(path, show):
    world = desk(show_deleted=show)
    status, body = world.call("DELETE", path, id=DEAL)
    assert (status, body["success"]) == (200, True)
    assert (DEAL in world.scan()[0]) is show
    assert world.call("GET", f"/api/opportunity/{DEAL}")[0] == (200 if show else 404)
    assert not show or SEVEN_DIGITS.fullmatch(world.get()["deletionDate"])
    assert world.put({"amount": 1})[0] == 404
    assert world.call("DELETE", path, id=DEAL)[0] == 404
    assert world.noted() == [("bridge", DEAL, "DELETE /api/opportunity", ("deletionDate",))]
    assert DEAL not in [card.id for card in world.sim.cards()]


def test_reads_lag():
    world = desk(read_lag_s=30)
    world.put({"amount": 7})
    made = world.post()[1]["data"]["id"]
    assert world.get()["amount"] == 1500
    assert made not in world.scan()[0]
    assert world.call("GET", f"/api/opportunity/{made}")[0] == 404
    world.time[0] += 30
    assert world.get()["amount"] == 7
    assert made in world.scan()[0]


def test_many_versions_do_not_lose_the_past():
    world = desk()
    for amount in range(120):
        world.time[0] += 1
        world.put({"amount": amount})
    world.sim.switch["read_lag_s"] = 1000
    assert world.get()["amount"] == 20


# Reference lists


def test_workspace_users_and_metrics():
    world = desk()
    workspace = world.call("GET", f"/api/workspace/{WS}")[1][0]
    states = [(state["id"], state["name"]) for state in workspace["masterOfStates"]]
    assert states == world.sim.columns()
    assert [name for _, name in states] == ["New", "Qualified", "Proposal", "Won", "Lost"]
    assert len(workspace["masterOfProjects"]) == 2
    users = world.call("GET", f"/api/workspace/usersByWorkspaceId/{WS}")[1]["data"]
    assert [user["email"] for user in users] == ["hoa@example.com", "minh@example.com"]
    assert world.call("GET", f"/api/workspace/{WS}/metrics")[1]["data"]["totalOpportunities"] == 3
    assert world.call("GET", "/api/user/email", email="hoa@example.com")[1]["data"]["id"] == HOA
    assert world.call("GET", "/api/user/email", email="x@example.com")[0] == 404
    assert world.call("GET", "/api/workspace/wok_other")[0] == 404


def test_workspace_shapes():
    path = f"/api/workspace/{WS}"
    assert desk(workspace_shape="object").call("GET", path)[1]["id"] == WS
    assert desk(workspace_shape="envelope").call("GET", path)[1]["data"]["masterOfStates"]
    assert desk(workspace_shape="reseller").call("GET", path)[1]["data"]["phases"][0]["order"] == 1


def test_contacts_are_listed_read_and_searched():
    world = desk()
    assert world.scan("/api/contact") == [[LAN, BINH]]
    assert world.call("GET", f"/api/contact/{LAN}")[1]["data"]["lastname"] == "Pham"
    assert world.call("GET", "/api/contact/none")[0] == 404
    found = world.call("GET", "/api/contact/searchByCellphone", cellphone="84907654321")[1]["data"]
    assert (found["contactId"], found["data"][0]["id"]) == (BINH, BINH)
    assert world.call("GET", "/api/contact/searchByCellphone", cellphone="+84907654321")[0] == 400
    assert world.call("GET", "/api/contact/searchByCellphone", cellphone="1")[0] == 404
    assert world.call("GET", "/api/contact/searchByEmail", email="LAN@acme.example")[1]["data"]["contactId"] == LAN
    empty = desk(missing_as="empty").call("GET", "/api/contact/searchByEmail", email="x@example.com")
    assert empty[1]["data"] == {"contactId": None, "data": []}
    older = desk(contact_shape="older").call("GET", f"/api/contact/{LAN}")[1]["data"]
    assert older["data"][0]["id"] == LAN


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"platformId": 1, "email": "nga@example.com"}, 200),
        ({"platformId": 2, "internalWhatsappNumber": "84900000001"}, 200),
        ({"platformId": 2, "email": "nga@example.com"}, 400),
        ({"platformId": 1, "internalWhatsappNumber": "84900000001"}, 400),
        ({"email": "nga@example.com"}, 400),
        ({"platformId": 9, "email": "nga@example.com"}, 422),
        ({"platformId": 1, "email": 5}, 422),
        ({"platformId": 1, "email": "nga@example.com", "stageId": "elsewhere"}, 422),
        ({"platformId": 1, "email": "nga@example.com", "workspaceId": "wok_other"}, 400),
        ({"platformId": 1, "email": "nga@example.com", "name": None}, 400),
    ],
)
def test_contacts_are_made(body, status):
    world = desk()
    got, found = world.call("POST", "/api/contact", body={"workspaceId": WS, "name": "Nga"} | body)
    assert got == status
    assert len(world.sim.contacts) == 2 + (status == 200)
    assert status != 200 or world.put({"contactId": found["data"]["id"]})[0] == 200


# Limits, unknown paths, the vendor's own pages


def test_rate_limit_and_ready_answers():
    world = desk(rate_per_s=2)
    assert [world.call("GET", "/api/opportunity")[0] for _ in range(3)] == [200, 200, 429]
    world.time[0] += 1.5
    assert world.call("GET", "/api/opportunity")[0] == 200
    assert world.sim.throttled().status_code == 429
    assert world.sim.broken().get_json()["success"] is False


def test_unknown_paths_and_methods_answer_in_the_envelope():
    assert desk().call("GET", "/api/opportunities")[1]["code"] == 404
    assert desk().call("PATCH", "/api/opportunity", body={})[1]["code"] == 405


@pytest.mark.parametrize("quiet", [True, False])
def test_a_drag_moves_the_phase_and_perhaps_the_date(quiet):
    world = desk(quiet_drag=quiet)
    world.sim.move(DEAL, WON)
    record = world.get()
    assert (record["stageId"], record["winLossStatus"]) == (WON, 0)
    assert (record["updatedDate"] is None) is quiet
    assert SEVEN_DIGITS.fullmatch(record["orderInCardsLastUpdated"])
    assert world.noted() == [("board", DEAL, "page", ("stageId",))]
    assert next(card.column for card in world.sim.cards() if card.id == DEAL) == WON


def test_a_person_wins_a_deal_and_reopens_it():
    world = desk()
    world.sim.edit(DEAL, {"winLossStatus": 1, "amount": 1700}, who="person")
    record = world.get()
    assert (record["winLossStatus"], record["finalAmount"]) == (1, 1700)
    assert SEVEN_DIGITS.fullmatch(record["winLossDate"])
    assert world.sim.cards()[0].details["Status"] == "Won"
    world.sim.edit(DEAL, {"winLossStatus": 0}, who="person")
    assert (world.get()["winLossDate"], world.get()["finalAmount"]) == (None, 0)
    assert [each.who for each in world.sim.ledger] == ["person", "person"]


def test_a_person_edits_and_deletes_and_nothing_is_sent():
    world = desk()
    sent = []
    world.sim.send = sent.append
    world.sim.edit(DEAL, {"name": "Lan", "assignedAgentId": MINH, "expirationDate": "2027-03-01"})
    record = world.get()
    assert (record["name"], record["assignedAgentId"], record["expirationDate"]) == ("Lan", MINH, "2027-03-01T00:00:00")
    assert record["updatedDate"]
    world.sim.edit(DEAL, {"deletionDate": "2026-11-01T00:00:00Z"})
    assert world.call("GET", f"/api/opportunity/{DEAL}")[0] == 404
    assert sent == []


@pytest.mark.parametrize(
    ("deal", "changes"), [("none", {"name": "x"}), (DEAL, {"colour": "x"}), (DEAL, {"stageId": "elsewhere"})]
)
def test_edits_of_what_is_not_there(deal, changes):
    with pytest.raises(KeyError):
        desk().sim.edit(deal, changes)


def test_cards_tell_a_deal():
    card = desk().sim.cards()[0]
    assert (card.id, card.title, card.column) == (DEAL, "Lan Pham - Acme Hotels", NEW)
    assert card.details["Owner"] == "Hoa Tran"
    assert card.details["Expected close"] == "2026-12-31"
    assert card.details["Contact"] == "Lan Pham"
    assert card.details["Source"] == "Fair"
