"""The webhooks of LeadSquared, by its API or by hand. Sources: docs/vendors/leadsquared.md, 4.1 and 4.2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge.connectors.leadsquared.answer import a_list, an_object, surprise
from bridge.core.errors import Permanent

EVENTS = {"Opportunity_Post_Create": "opportunity created", "Opportunity_Post_Update": "opportunity updated"}
# the vendor's page and a live account number the events otherwise: what was made is looked at by name (4.2)
NUMBERS: Mapping[str, tuple[str, ...]] = {
    "Opportunity_Post_Create": ("31", "29"),
    "Opportunity_Post_Update": ("32", "30"),
}
ENABLED, STATES = 0, (0, 1, 2)  # enabled, switched off by hand, switched off after failures
ROWS_MAX = 100
HEADER = "x-bridge-secret"
PLAN = "the plan may allow no more of them; delete one that is not needed, or make it by hand"

Call = Callable[[str, str, Mapping[str, str], Any], Any]


class Subscriptions:
    """
    The webhooks of one opportunity type. call: method, path, query and JSON body to the parsed answer. name: of the
    connection, which tells its webhooks from others.
    """

    def __init__(self, call: Call, code: str, name: str) -> None:
        self._call, self._code, self._name = call, code, name

    def settle(self, address: str, secret: str) -> list[str]:
        """Make or change the two webhooks so that they go to an address; return what was done, in words."""
        return [self._settled(event, address, secret) for event in EVENTS]

    def _settled(self, event: str, address: str, secret: str) -> str:
        known = next((row for row in self._rows(event) if self._is_ours(row, event, address)), None)
        given = "" if known is None else _id(known)
        body = self._body(event, address, secret)
        refused: Permanent | None = None
        for number in NUMBERS[event]:
            try:
                made = self._put(given, {**body, "WebhookEvent": number})
            except Permanent as error:
                refused = error
                continue
            if any(_id(row) == made for row in self._rows(event)):
                off = " It is switched off there: switch it on by hand." if known and _state(known) != ENABLED else ""
                return f"{EVENTS[event]}: the webhook was {'brought up to date' if given else 'made'}.{off}"
            if not given:  # the number means another event here: nobody wants that webhook
                self._call("GET", "Webhook.svc/Delete", {"webhookId": made}, None)
        if refused is not None and refused.reason in ("not_admin", "no_rights"):
            raise refused
        why = f" ({refused.detail})" if refused else ""
        raise Permanent("hook_refused", f"no webhook for {EVENTS[event]} was made{why}: {PLAN}")

    def _put(self, given: str, body: Mapping[str, Any]) -> str:
        path, changed = ("Update", {"WebhookId": given}) if given else ("Create", {})
        answer = an_object(self._call("POST", f"Webhook.svc/{path}", {}, {**body, **changed}))
        made = an_object(answer.get("Message") or {}).get("Id") or given
        if not isinstance(made, str) or not made:
            raise surprise("a webhook without an id")
        return made

    def _rows(self, event: str) -> Iterator[Mapping[str, Any]]:
        """Yield the webhooks of an event; how to ask for those of every state at once is not documented."""
        for state in STATES:
            parameter = {
                "Type": "Webhook",
                "WebhookEvent": event,
                "StatusCode": state,
                "WebhookId": "",
                "SearchText": "",
            }
            paging = {"PageIndex": 1, "PageSize": ROWS_MAX}
            query = {
                "Parameter": parameter,
                "Sorting": {"ColumnName": "ModifiedOn", "Direction": "1"},
                "Paging": paging,
            }
            answer = an_object(self._call("POST", "Webhook.svc/Retrieve", {}, query))
            yield from map(an_object, a_list(answer.get("Response") or []))

    def _is_ours(self, row: Mapping[str, Any], event: str, address: str) -> bool:
        return row.get("URL") == address or row.get("Description") == self._description(event)

    def _description(self, event: str) -> str:
        return f"bridge {self._name}: {EVENTS[event]}"

    def _body(self, event: str, address: str, secret: str) -> dict[str, Any]:
        codes = [self._code]
        return {
            "Description": self._description(event),
            "URL": address,
            "Method": "POST",
            "ContentType": "application/json",
            "OpportunityEvents": codes,
            "IsSpecificLandingPage": False,
            "LandingPageUrls": None,
            "NotifyOnFailure": True,
            "WebhookProperties": json.dumps({"OpportunityEvents": codes, "IsAsyncEnable": False}),
            "CustomHeaders": [{"Key": HEADER, "Value": secret}],
        }


def steps(address: str, secret: str, code: str) -> list[str]:
    """Return what an administrator clicks where the API may not be used (4.1)."""
    return [
        "In LeadSquared, as an Administrator: Settings, API and Webhooks, Webhooks, add one of the type Webhook.",
        f"Event: an opportunity is created; opportunity type: {code}.",
        f"URL: {address}",
        f"Content type: application/json. Custom header {HEADER}: {secret}",
        "Make a second one, the same but for the event: an opportunity is updated. No execution delay.",
    ]


def _id(row: Mapping[str, Any]) -> str:
    return str(row.get("WebhookId") or "")


def _state(row: Mapping[str, Any]) -> int:
    return int(row.get("StatusCode") or 0)
