"""The webhook subscription API of LeadSquared, `/v2/Webhook.svc/` (4.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from bridge.sandbox.leadsquared.account import Account
from bridge.sandbox.leadsquared.hooks import CREATED, DELETED, FIELD, STAGE_MOVED, UPDATED, Subscription
from bridge.sandbox.leadsquared.wire import (
    Call,
    Refused,
    Row,
    bad_body,
    duplicate,
    invalid,
    missing,
    ordered,
    paged,
    part,
    stamp,
)

CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded", "text/plain")
HEADERS_MAX = 10
FIELD_KEY = "ChangedOpportunityField"  # assumption: 4.2 and 10 (point 3) do not know the selector's name
NUMBERS: Mapping[str, dict[str, str]] = {
    "documented": {"31": CREATED, "32": UPDATED, "33": FIELD, "34": STAGE_MOVED, "35": DELETED},
    "live": {"29": CREATED, "30": UPDATED, "31": DELETED, "32": FIELD},
}
BROKEN_NUMBERS: Mapping[str, tuple[str, ...]] = {"documented": (), "live": ("33", "34")}
# Hooks that this account takes but never sends, as they are about leads. "3" is a new lead, "6" a changed one.
LEAD_NUMBERS = {"3": "Lead_Post_Create", "6": "Lead_Post_Update"}


def create(account: Account, call: Call) -> Row:
    """Subscribe, after the checks of 4.2; then the handshake of 4.5."""
    if len(account.hooks.known()) >= int(account.switch["hooks_max"]):
        raise invalid("Maximum number of webhooks reached")  # assumption: 4.1 gives the limit, not the answer
    new = _checked(account, call.table(), account.new_id())
    account.hooks.subscriptions[new.id] = new
    account.hooks.shake_hands(new)
    return {"Status": "Success", "Message": {"Id": new.id}}


def update(account: Account, call: Call) -> Row:
    """Replace a subscription; its enabled state stays, as only a person re-enables (4.5)."""
    body = call.table()
    old = _known(account, body.get("WebhookId"))
    new = replace(_checked(account, body, old.id), status=old.status, failures=old.failures, created=old.created)
    account.hooks.subscriptions[old.id] = new
    return {"Status": "Success", "Message": {"Id": old.id}}


def retrieve(account: Account, call: Call) -> Row:
    wanted = part(call.table(), "Parameter")
    rows = [_row(s) for s in account.hooks.known().values() if _matches(s, wanted)]
    return {"RecordCount": len(rows), "Response": paged(ordered(rows, call.table()), call.table())}


def delete(account: Account, call: Call) -> Row:
    del account.hooks.subscriptions[_known(account, call.arg("webhookId")).id]
    # assumption: 4.2 does not show this answer; that of the opportunity's Delete is used
    return {"Status": "Success", "Message": {"IsSuccessful": True}}


def _known(account: Account, id: object) -> Subscription:
    if not isinstance(id, str) or not id:
        raise missing("WebhookId")
    if (found := account.hooks.known().get(id.lower())) is None:
        raise invalid("Webhook not found")
    return found


def _checked(account: Account, body: Row, id: str) -> Subscription:
    event = _event(account, body)
    properties = body.get("WebhookProperties")
    if properties is not None and not isinstance(properties, str):
        raise bad_body("WebhookProperties must be a string")
    codes = _codes(body, properties) if event.startswith("Opportunity") else ()
    watched = _watched(account, body, id) if event == FIELD else ""
    url, content_type = str(body.get("URL") or ""), body.get("ContentType")
    if urlsplit(url).scheme not in ("http", "https"):
        raise invalid("Invalid URL value provided")
    if body.get("Method") != "POST" or content_type not in CONTENT_TYPES:
        raise invalid("Invalid Method or ContentType value provided")
    description = str(body.get("Description") or "")
    return Subscription(
        id, event, description, url, str(content_type), _headers(body), codes, properties, watched, account.clock()
    )


def _event(account: Account, body: Row) -> str:
    numbering, number = str(account.switch["event_numbers"]), str(body.get("WebhookEvent") or "")
    if not number:
        raise missing("WebhookEvent")
    if number in BROKEN_NUMBERS[numbering]:
        raise invalid("Invalid WebhookEvent value provided")
    if event := (NUMBERS[numbering] | LEAD_NUMBERS).get(number):
        return event
    raise invalid("Webhook Event not found")


def _codes(body: Row, properties: str | None) -> tuple[str, ...]:
    """Return the types, which must stand at top level and inside WebhookProperties alike."""
    try:
        inside = json.loads(properties or "{}")
    except ValueError as error:
        raise Refused(500, "MXInvalidDataTypeException", "WebhookProperties is not valid JSON") from error
    top = body.get("OpportunityEvents")
    if not isinstance(top, list) or not top or not isinstance(inside, dict) or inside.get("OpportunityEvents") != top:
        raise Refused(500, "MXInvalidDataTypeException", "OpportunityEvents cannot be empty")
    return tuple(str(code) for code in top)


def _watched(account: Account, body: Row, id: str) -> str:
    watched = body.get(FIELD_KEY)
    if not isinstance(watched, str) or not watched:
        raise Refused(500, "MXInvalidDataTypeException", "Opportunity Field value cannot be empty")
    if any(s.field == watched and s.id != id for s in account.hooks.known().values()):
        raise duplicate(f"A webhook on field '{watched}' already exists.")
    return watched


def _headers(body: Row) -> tuple[tuple[str, str], ...]:
    headers = body.get("CustomHeaders") or []
    if not isinstance(headers, list) or not all(isinstance(h, dict) and "Key" in h and "Value" in h for h in headers):
        raise bad_body("CustomHeaders must be a list of Key and Value")
    if len(headers) > HEADERS_MAX:
        raise invalid(f"CustomHeaders can not be more than {HEADERS_MAX}")
    return tuple((str(h["Key"]), str(h["Value"])) for h in headers)


def _matches(subscription: Subscription, wanted: Row) -> bool:
    def asked(name: str, value: object) -> bool:
        return wanted.get(name) in (None, "") or str(wanted[name]) == str(value)

    text = str(wanted.get("SearchText") or "").lower()
    return (
        asked("Type", "Webhook")
        and asked("WebhookEvent", subscription.event)
        and asked("StatusCode", subscription.status)
        and asked("WebhookId", subscription.id)
        and text in f"{subscription.description} {subscription.url}".lower()
    )


def _row(subscription: Subscription) -> Row:
    names = {CREATED: "Opportunity Created", UPDATED: "Opportunity Updated", DELETED: "Opportunity Deleted"}
    return {
        "WebhookId": subscription.id, "EventName": names.get(subscription.event, subscription.event),
        "EventCode": subscription.event, "Description": subscription.description, "URL": subscription.url,
        "StatusCode": subscription.status, "WebhookProperties": subscription.properties,
        "ModifiedOn": stamp(subscription.created),
    }  # fmt: skip


WEBHOOK_ROUTES = {
    ("POST", "/v2/Webhook.svc/Create"): create,
    ("POST", "/v2/Webhook.svc/Update"): update,
    ("POST", "/v2/Webhook.svc/Retrieve"): retrieve,
    ("GET", "/v2/Webhook.svc/Delete"): delete,
}
