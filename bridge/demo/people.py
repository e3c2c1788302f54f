"""People who edit deals of the sandbox, each through the CRM's own API and with their own key, not the bridge's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

KEY, SECRET = "sandbox-person-key", "sandbox-secret"
TRIES, WAIT_S, TIMEOUT_S = 20, 0.5, 20.0

GETFLY_STAGES = {"new": 31, "qualified": 32, "proposal": 33}
LEADCONNECTOR_STAGES = {
    "new": "7915dedc-8f18-44d5-8bc3-77c04e994a10",
    "qualified": "e93ba61a-53b3-45e7-985a-c7732dbcdb69",
    "proposal": "403af14e-9afb-40b1-b394-0aa6bbe0cc5e",
}
LEADCONNECTOR_USERS = {"hoa": "082goXVW3lIExEQPOnd3", "minh": "zT46WSCPbudrq4zhWMk6"}
LEADSQUARED_FIELDS = {
    "name": "mx_Custom_1",
    "description": "mx_Custom_5",
    "amount": "mx_Custom_6",
    "expected_close": "mx_Custom_8",
}


def edit(url: str, connection: str, deal: str, name: str, value: str) -> str:
    """
    Change one field of a deal at one CRM and return the call that was made.

    url: of the sandbox. name: canonical field. value: canonical text; an amount without currency.
    """
    return EDITS[connection](f"{url}/{connection}", deal, name, value)


def _getfly(base: str, deal: str, name: str, value: str) -> str:
    assert name == "stage", "GetFly's documented calls change the stage; its reads do not show the rest"
    body = {"opportunity_code": deal, "campaign_id": 8, "opportunity_status": GETFLY_STAGES[value]}
    call("PUT", f"{base}/api/v6.1/opportunity/stage", {"X-API-KEY": KEY}, body)
    return "PUT /api/v6.1/opportunity/stage"


def _onlyoffice(base: str, deal: str, name: str, value: str) -> str:
    headers = {"Authorization": KEY}
    now = call("GET", f"{base}/api/2.0/crm/opportunity/{deal}.json", headers)["response"]
    body = {
        "contactid": (now.get("contact") or {}).get("id", 0),
        "members": [m["id"] for m in now["members"]],
        "title": now["title"],
        "description": now.get("description") or "",
        "responsibleid": now["responsible"]["id"],
        "bidType": now.get("bidType", 0),
        "bidValue": now.get("bidValue", 0),
        "bidCurrencyAbbr": now["bidCurrency"]["abbreviation"],
        "perPeriodValue": now.get("perPeriodValue", 0),
        "stageid": now["stage"]["id"],
        "successProbability": now.get("successProbability", 0),
        "actualCloseDate": _day(now["actualCloseDate"]),
        "expectedCloseDate": _day(now["expectedCloseDate"]),
        "customFieldList": [
            {"key": f["id"], "value": f["fieldValue"]} for f in now.get("customFields", []) if f.get("fieldType") != 4
        ],
        "isPrivate": now["isPrivate"],
        "accessList": [u["id"] for u in now.get("accessList", [])],
        "isNotify": False,
    }
    key = {"name": "title", "description": "description", "amount": "bidValue"}[name]
    body[key] = float(value) if name == "amount" else value
    call("PUT", f"{base}/api/2.0/crm/opportunity/{deal}.json", headers, body)
    return "PUT /api/2.0/crm/opportunity/{id}"


def _leadsquared(base: str, deal: str, name: str, value: str) -> str:
    headers = {"x-LSQ-AccessKey": KEY, "x-LSQ-SecretKey": SECRET}
    noon = f"{value} 05:00:00"  # UTC, of the day that is meant in Ho Chi Minh City
    fields = [{"SchemaName": LEADSQUARED_FIELDS[name], "Value": noon if name == "expected_close" else value}]
    body = {"ProspectOpportunityId": deal, "Fields": fields}
    call("POST", f"{base}/v2/OpportunityManagement.svc/Update", headers, body)
    return "POST /v2/OpportunityManagement.svc/Update"


def _plazbot(base: str, deal: str, name: str, value: str) -> str:
    headers = {"Authorization": f"Bearer {KEY}", "x-workspace-id": "wok_sandbox"}
    body: dict[str, Any] = {name: float(value) if name == "amount" else value}
    if name == "custom.source":
        body = {"customFields": [{"name": "Source", "value": value}]}
    call("PUT", f"{base}/api/opportunity?id={deal}&workspaceId=wok_sandbox", headers, body)
    return "PUT /api/opportunity"


def _leadconnector(base: str, deal: str, name: str, value: str) -> str:
    headers = {"Authorization": f"Bearer {KEY}", "Version": "2021-07-28"}
    bodies: dict[str, dict[str, Any]] = {
        "name": {"name": value},
        "amount": {"monetaryValue": float(value) if name == "amount" else 0},
        "owner": {"assignedTo": LEADCONNECTOR_USERS.get(value)},
        "stage": {"pipelineId": "VDm7RPYC2GLUvdpKmBfC", "pipelineStageId": LEADCONNECTOR_STAGES.get(value)},
    }
    call("PUT", f"{base}/opportunities/{deal}", headers, bodies[name])
    return "PUT /opportunities/{id}"


def call(method: str, url: str, headers: Mapping[str, str], body: Any = None) -> Any:
    """Call until the CRM takes it: a person whose click is refused for a moment clicks again."""
    for _ in range(TRIES):
        answer = requests.request(method, url, headers=dict(headers), json=body, timeout=TIMEOUT_S)
        if answer.status_code not in (429, 503) and "RateLimit" not in answer.text:
            break
        time.sleep(WAIT_S)
    answer.raise_for_status()
    return answer.json()


def _day(text: str) -> str | None:
    return None if text.startswith("0001") else text[:10]


EDITS: Mapping[str, Callable[[str, str, str, str], str]] = {
    "getfly": _getfly,
    "onlyoffice": _onlyoffice,
    "leadsquared": _leadsquared,
    "plazbot": _plazbot,
    "leadconnector": _leadconnector,
}
