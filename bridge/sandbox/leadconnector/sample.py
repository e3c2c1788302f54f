"""The sample LeadConnector location."""

from __future__ import annotations

import copy

from bridge.sandbox.leadconnector.account import BLANK, TIMES, Account, slipped
from bridge.sandbox.leadconnector.wire import DAY_S, Json

LOCATION = "3jJ0coeqWCZMAosyGQ6K"
COMPANY = "5DP4iH6HLkQsiKESj6rh"
SALES = "VDm7RPYC2GLUvdpKmBfC"
RENEWALS = "bCkKGpDsyPP4peuKowkG"
HOA = "082goXVW3lIExEQPOnd3"
MINH = "zT46WSCPbudrq4zhWMk6"
LAN = "VQxH1EeoFPg9uhhnCeJx"
BINH = "mTkSCb1UBjb5tk4OvB69"
SOURCE = "3sv6UEo51C9Bmpo1cKTq"
DESCRIPTION = "6dvNaf7VhkQ9snc5vnjJ"
ROOMS = "jk9HtosWB9TR3a5Nhr4z"
INTERESTS = "MgobCB14YMVKuE4Ka8p1"
SEGMENT = "n5Vq2LwRz8TjYb3KfX7c"
PRICE = "pR1ceLr6Qm2XvT9bNs4W"
TIMING = "t1M1ngLr8Zk5HdY3cJf7"
DEAL_1 = "yWQobCRIhRguQtD2llvk"
DEAL_2 = "UHXrFfZGSH5rj7z5rdDP"
DEAL_3 = "byMEV0NQinDhq8ZfiOi2"

# Stage ids are UUIDs; stages may be listed out of order, `position` counts (document, 2.7).
SALES_STAGES = (
    ("7915dedc-8f18-44d5-8bc3-77c04e994a10", "New", 0),
    ("e93ba61a-53b3-45e7-985a-c7732dbcdb69", "Qualified", 1),
    ("403af14e-9afb-40b1-b394-0aa6bbe0cc5e", "Proposal", 2),
    ("c1d7a1f0-6a53-4d0e-9b5c-2f3a8f5b7e41", "Won", 3),
    ("2b9e4f76-0d18-4c3b-8e6a-91d4c7a5f082", "Lost", 4),
)
RENEWALS_STAGES = (
    ("5f0c2d9b-7e41-4b8a-a6d3-1c9e8b7f2a60", "Renewed", 2),
    ("8a3d6e15-2c7f-4f90-b1e4-6d5c0a9b3f27", "Due", 0),
    ("d4b7f893-9a06-4e2d-8c51-0f7e6a3b5c18", "Talking", 1),
)
USERS = (
    (HOA, "Hoa", "Tran", "hoa@example.com", "admin"),
    (MINH, "Minh", "Le", "minh@example.com", "user"),
)
CONTACTS = (
    (LAN, "Lan", "Pham", "lan@acme.example", "+84901234567", "Acme Hotels", HOA),
    (BINH, "Binh", "Vo", "binh@blue.example", "+84907654321", "Blue Shop", MINH),
)
DEFINITIONS = (
    (SOURCE, "Source", "opportunity", "TEXT", ()),
    (DESCRIPTION, "Description", "opportunity", "LARGE_TEXT", ()),
    (ROOMS, "Rooms", "opportunity", "NUMERICAL", ()),
    (INTERESTS, "Interests", "opportunity", "MULTIPLE_OPTIONS", ("Pool", "Spa", "Gym")),
    (SEGMENT, "Segment", "contact", "TEXT", ()),
)
DEALS: tuple[Json, ...] = (
    {
        "id": DEAL_1,
        "name": "Lan Pham - Acme Hotels",
        "monetaryValue": 1500,
        "pipelineStageId": SALES_STAGES[0][0],
        "assignedTo": HOA,
        "contactId": LAN,
        "forecastExpectedCloseDate": "2026-12-31",
        "forecastProbability": 20,
        "customFields": {SOURCE: "Fair", DESCRIPTION: "Forty rooms, two years", ROOMS: 40},
    },
    {
        "id": DEAL_2,
        "name": "Binh Vo - Blue Shop",
        "monetaryValue": 900,
        "pipelineStageId": SALES_STAGES[1][0],
        "assignedTo": MINH,
        "contactId": BINH,
        "forecastExpectedCloseDate": "2027-02-15",
        "customFields": {SOURCE: "Web", INTERESTS: ["Spa"]},
    },
    {
        "id": DEAL_3,
        "name": "Lan Pham - Acme Hotels, renewal",
        "monetaryValue": 2400,
        "pipelineStageId": SALES_STAGES[2][0],
        "assignedTo": HOA,
        "contactId": LAN,
        "followers": [MINH],
    },
)


def fill(account: Account) -> None:
    """Put the sample into an empty account. Deals are older than the location's rule against duplicates."""
    first_day = account.now() - 30 * DAY_S
    account.location = {"id": LOCATION, "companyId": COMPANY, "name": "Sandbox", "timezone": "Asia/Ho_Chi_Minh"}
    account.pipelines = [
        _pipeline(SALES, "Sales", SALES_STAGES, "a0"),
        _pipeline(RENEWALS, "Renewals", RENEWALS_STAGES, "a1"),
    ]
    account.users = [_user(*row) for row in USERS]
    account.definitions = [definition(*row, place) for place, row in enumerate(DEFINITIONS)]
    account.lost_reasons = [
        {"id": id, "name": name, "locationId": LOCATION, "createdAt": first_day, "updatedAt": first_day}
        for id, name in ((PRICE, "Price"), (TIMING, "Timing"))
    ]
    for row in CONTACTS:
        account.contacts[row[0]] = _contact(*row, first_day)
    for place, deal in enumerate(DEALS):
        _add(account, deal, first_day + place * DAY_S)


def definition(id: str, name: str, model: str, data_type: str, options: tuple[str, ...], place: int) -> Json:
    """Return a custom field definition in the shape of document 4.3."""
    key = "_".join(name.lower().split())
    found = {"id": id, "name": name, "fieldKey": f"{model}.{key}", "dataType": data_type, "model": model}
    lists = {"picklistOptions": list(options), "picklistImageOptions": [], "isAllowedCustomOption": False}
    files = {"isMultiFileAllowed": False, "maxFileLimit": 1}
    return {**found, "placeholder": "", "position": place, **lists, **files, "locationId": LOCATION}


def _pipeline(id: str, name: str, stages: tuple[tuple[str, str, int], ...], position: str) -> Json:
    shown = {"showInFunnel": True, "showInPieChart": True}
    return {
        "id": id,
        "name": name,
        "locationId": LOCATION,
        **shown,
        "colorRenderMode": "dot",
        "useOpportunityProbability": True,
        "position": position,
        "originId": id,
        "stages": [{"id": s, "name": n, "position": p, "originId": s, **shown} for s, n, p in stages],
    }


def _user(id: str, first: str, last: str, email: str, role: str) -> Json:
    names = {"id": id, "name": f"{first} {last}", "firstName": first, "lastName": last, "email": email}
    roles = {"type": "account", "role": role, "locationIds": [LOCATION]}
    permissions = {"opportunitiesEnabled": True, "contactsEnabled": True, "assignedDataOnly": False}
    return {**names, "phone": "", "extension": "", "permissions": permissions, "roles": roles, "deleted": False}


def _contact(id: str, first: str, last: str, email: str, phone: str, company: str, owner: str, at: float) -> Json:
    found = {"id": id, "firstName": first, "lastName": last, "email": email, "phone": phone, "companyName": company}
    kept: Json = {"assignedTo": owner, "tags": [], "source": None, "country": "VN", "customFields": {}}
    return {**found, **kept, "locationId": LOCATION, "dateAdded": at, "dateUpdated": at}


def _add(account: Account, deal: Json, at: float) -> None:
    by_hand = [{"utmSessionSource": "CRM UI", "medium": "manual", "isFirst": True}]
    record = copy.deepcopy({**BLANK, **dict.fromkeys(TIMES, at), "pipelineId": SALES, **deal})
    record |= {"locationId": LOCATION, "indexVersion": 1, "attributions": by_hand}
    account.keep(record["id"], record | slipped(record, record, at), float("-inf"))
