"""More deals for the sandbox, made through the CRMs' own APIs and linked: a few are not load enough."""

from __future__ import annotations

from typing import Any

import requests

from bridge.core.model import Ref
from bridge.demo.people import KEY, SECRET, call
from bridge.demo.stage import Stage

LOCATION, PIPELINE = "3jJ0coeqWCZMAosyGQ6K", "VDm7RPYC2GLUvdpKmBfC"
NEW, LAN = "7915dedc-8f18-44d5-8bc3-77c04e994a10", "VQxH1EeoFPg9uhhnCeJx"
# the accounts' limits are no matter where the bridge is killed, and one contact has all the deals
ROOM = {"leadsquared": {"calls_max": 0}, "leadconnector": {"allow_duplicates": True}}


def make_deals(stage: Stage, n: int) -> list[str]:
    """Create so many deals in each CRM, link them, and return their links."""
    control = {"X-Sandbox": "1"}
    requests.put(f"{stage.sandbox_url}/_/switches", json=ROOM, headers=control, timeout=10).raise_for_status()
    return [stage.bridge.store.link(_deal(stage.sandbox_url, i), stage.bridge.now()) for i in range(1, n + 1)]


def _deal(url: str, i: int) -> list[Ref]:
    name = f"Crash test {i}"
    ids = {
        "getfly": _getfly(f"{url}/getfly", i),
        "onlyoffice": _onlyoffice(f"{url}/onlyoffice", name),
        "leadsquared": _leadsquared(f"{url}/leadsquared", name),
        "plazbot": _plazbot(f"{url}/plazbot", name),
        "leadconnector": _leadconnector(f"{url}/leadconnector", name),
    }
    return [Ref(connection, str(vendor_id)) for connection, vendor_id in ids.items()]


def _getfly(base: str, i: int) -> Any:
    body = {
        "campaign_code": "CD0008",
        "account_name": f"Customer {i}",
        "account_phone": f"+84903000{i:03}",
        "contact_name": "Lan",
        "contact_phone": f"+84904000{i:03}",
        "recipient_username": "hoa",
    }
    made = call("POST", f"{base}/api/v6.1/opportunity", {"X-API-KEY": KEY}, body)
    return made["data"]["opportunity_code"]


def _onlyoffice(base: str, name: str) -> Any:
    path, headers = f"{base}/api/2.0/crm/opportunity", {"Authorization": KEY}
    like = call("GET", f"{path}/17.json", headers)["response"]
    body = {
        "title": name,
        "responsibleid": like["responsible"]["id"],
        "stageid": like["stage"]["id"],
        "bidCurrencyAbbr": "USD",
        "bidValue": 5,
    }
    return call("POST", f"{path}.json", headers, body)["response"]["id"]


def _leadsquared(base: str, name: str) -> Any:
    fields = {"mx_Custom_1": name, "Status": "Open", "mx_Custom_2": "New"}
    body = {
        "LeadDetails": [
            {"Attribute": "SearchBy", "Value": "EmailAddress"},
            {"Attribute": "EmailAddress", "Value": "lan@acme.example"},
        ],
        "Opportunity": {
            "OpportunityEventCode": 12000,
            "Fields": [{"SchemaName": n, "Value": v} for n, v in fields.items()],
        },
    }
    headers = {"x-LSQ-AccessKey": KEY, "x-LSQ-SecretKey": SECRET}
    return call("POST", f"{base}/v2/OpportunityManagement.svc/Capture", headers, body)["CreatedOpportunityId"]


def _plazbot(base: str, name: str) -> Any:
    headers = {"Authorization": f"Bearer {KEY}", "x-workspace-id": "wok_sandbox"}
    body = {"workspaceId": "wok_sandbox", "name": name, "description": "Text", "amount": 5}
    return call("POST", f"{base}/api/opportunity", headers, body)["data"]["id"]


def _leadconnector(base: str, name: str) -> Any:
    body = {
        "locationId": LOCATION,
        "pipelineId": PIPELINE,
        "pipelineStageId": NEW,
        "contactId": LAN,
        "name": name,
        "status": "open",
    }
    headers = {"Authorization": f"Bearer {KEY}", "Version": "2021-07-28"}
    return call("POST", f"{base}/opportunities/", headers, body)["opportunity"]["id"]
