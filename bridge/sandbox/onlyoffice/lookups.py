"""The lookups of ONLYOFFICE: stages, currencies, custom fields, users, settings and audit trail (4, 5, 6.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bridge.sandbox.onlyoffice.portal import Call, Event, Rows
from bridge.sandbox.onlyoffice.records import FIELD_TYPES, SELECT, Field, User
from bridge.sandbox.onlyoffice.shapes import (
    Shape,
    currency_shape,
    field_definition,
    field_value,
    field_values,
    stage_full,
    user_full,
)
from bridge.sandbox.onlyoffice.wire import Refusal, bad_argument, crash, date_text, denied, not_found

AUDIT_TEXTS = {
    3042: "Opportunity Created",
    3043: "Opportunity Updated",
    3044: "Opportunity Stage Updated",
    3049: "Company Linked",
    3050: "Company Unlinked",
    3051: "Person Linked",
    3052: "Person Unlinked",
    3054: "Access Opened",
    3055: "Access Restricted",
    3056: "Opportunity Deleted",
    3057: "Opportunities Deleted",
}
LAST_EVENTS = 20
AUDIT_PLACES = {"productType": "crm", "moduleType": "opportunities", "entryType": "opportunity"}


def get_stages(call: Call) -> Rows:
    """GET /opportunity/stage: in display order (4.1)."""
    return Rows(list(call.portal.stages.values()), lambda stage: stage_full(call.portal, stage))


def get_stage(call: Call) -> Shape:
    """GET /opportunity/stage/{id} (4.1)."""
    number = call.args.integer("stageid")
    if number <= 0:
        raise bad_argument()
    if (stage := call.portal.stages.get(number)) is None:
        raise not_found()
    return stage_full(call.portal, stage)


def get_currencies(call: Call) -> Rows:
    """GET /settings/currency: ordered by code (4.2)."""
    return Rows([call.portal.currencies[code] for code in sorted(call.portal.currencies)], currency_shape)


def get_definitions(call: Call) -> Rows:
    """GET /opportunity/customfield/definitions (4.3)."""
    fields = sorted(call.portal.fields.values(), key=lambda field: field.position)
    return Rows(fields, lambda field: field_definition(call.portal, field))


def create_definition(call: Call) -> Shape:
    """POST /opportunity/customfield: CRM admins only; mask required for types 0, 1 and 2 (4.3)."""
    if not call.user.crm_admin:
        raise denied()
    kind = call.args.choice("fieldType", FIELD_TYPES) or 0
    label, mask = call.args.text("label") or "", call.args.text("mask") or ""
    if not label or (kind <= SELECT and not mask):
        raise bad_argument()
    field = Field(max(call.portal.fields) + 1, label, kind, call.args.integer("position"), mask)
    call.portal.fields[field.id] = field
    return field_definition(call.portal, field)


def get_values(call: Call) -> Rows:
    """GET /opportunity/{id}/customfield: non-empty values and headings (4.3)."""
    deal = call.visible_deal(call.portal.seconds("read_lag_s"))
    return Rows(list(field_values(call.portal, deal, headings=True)))


def set_value(call: Call) -> Shape:
    """POST /opportunity/{id}/customfield/{fieldid}: "" clears; neither deal nor rights are checked (4.3)."""
    value, field = call.args.text("fieldValue"), call.portal.fields.get(call.args.integer("fieldid"))
    if value is None or field is None:
        raise crash()
    number = call.args.integer("opportunityid")
    if deal := call.portal.deal(number):
        custom = deal.custom | {field.id: value}
        call.note("customfield", deal, call.portal.put(replace(deal, custom=custom)))
    # assumption: 4.3 does not give the answer; the shape of a field in a deal is used
    return field_value(field, number, value.strip())


def get_self(call: Call) -> Shape:
    """GET /people/@self: who am I (1)."""
    return user_full(call.user)


def get_people(call: Call) -> Rows:
    """GET /people (5)."""
    return Rows(list(call.portal.users.values()), user_full)


def get_people_filtered(call: Call) -> Rows:
    """GET /people/filter?filterValue= (5)."""
    wanted = (call.context("filterValue") or "").lower()
    users = [each for each in call.portal.users.values() if wanted in f"{each.display} {each.email}".lower()]
    return Rows(users, user_full, len(users))


def get_user_by_email(call: Call) -> Shape:
    """GET /people/email?email= (5)."""
    wanted = (call.args.text("email") or "").lower()
    return _only([user for user in call.portal.users.values() if user.email == wanted])


def get_user(call: Call) -> Shape:
    """GET /people/{userName or guid} (5)."""
    wanted = (call.args.text("username") or "").lower()
    return _only([user for user in call.portal.users.values() if wanted in (user.login, user.id)])


def _only(users: list[User]) -> Shape:
    if not users:
        raise Refusal(404, "User not found", -2147467259)
    return user_full(users[0])


def get_settings(call: Call) -> Shape:
    """GET /settings: the portal zone (1)."""
    offset = call.portal.now().astimezone(call.portal.zone).utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    sign, whole = ("-" if seconds < 0 else ""), abs(seconds)
    return {
        "timezone": str(call.portal.switch["portal_zone"]),
        "utcOffset": f"{sign}{whole // 3600:02}:{whole // 60 % 60:02}:00",
        "utcHoursOffset": seconds / 3600,
        "culture": "en-US",
    }


def get_build() -> Shape:
    """GET /settings/version/build: needs no credential (1)."""
    return {"communityServer": "12.7.1"}


def get_audit(call: Call) -> Rows:
    """GET /security/audit/events/filter: portal admins only; without the feature the last 20 unfiltered (6.3)."""
    events = _flushed(call)
    if not call.portal.switch["audit"]:
        return Rows(events[:LAST_EVENTS], lambda event: _event(call, event))
    start, end, user = call.args.moment("from"), call.args.moment("to"), call.args.text("userId")
    action, target = call.args.integer("action"), call.args.text("target")
    kinds = {(call.args.text(name) or wanted).lower() == wanted for name, wanted in AUDIT_PLACES.items()}
    found = [
        event
        for event in events
        if kinds == {True}
        and (start is None or event.at >= start.timestamp())
        and (end is None or event.at <= end.timestamp())
        and (not user or event.user.id == user)
        and (not action or event.action == action)
        and (not target or target in map(str, event.targets))
    ]
    return Rows(found, lambda event: _event(call, event))


def get_last_audit(call: Call) -> Rows:
    """GET /security/audit/events/last: the last 20 of the portal (6.3)."""
    return Rows(_flushed(call)[:LAST_EVENTS], lambda event: _event(call, event))


def _flushed(call: Call) -> list[Event]:
    """Return the audit rows written out so far, newest first (6.3)."""
    if not call.user.portal_admin:
        raise denied()
    latest = call.portal.clock() - call.portal.seconds("audit_delay_s")
    return [event for event in reversed(call.portal.events) if event.at <= latest]


def _event(call: Call, event: Event) -> Shape:
    return {
        "id": event.id,
        "date": date_text(datetime.fromtimestamp(event.at, UTC), call.portal.zone),
        "user": event.user.display,
        "userId": event.user.id,
        "action": f"{AUDIT_TEXTS[event.action]}: {event.text}",
        "actionId": event.action,
        "ip": "127.0.0.1",
        "browser": "",
        "platform": "",
        "page": "",
        "actionType": "",
        "product": "CRM",
        "module": "Opportunities",
        "target": [str(target) for target in event.targets] or None,
        "entries": ["Opportunity"],
    }
