"""Lists of opportunities: by lead, search, by ids, recently modified, and the trail (2.7 to 2.9, 2.14, 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from bridge.sandbox.leadsquared.account import DAY_S, EVENT_NAMES, Account, Opportunity
from bridge.sandbox.leadsquared.fields import NAME, NOTE, STAGE, TYPES, Field
from bridge.sandbox.leadsquared.leads import SEARCH_BY
from bridge.sandbox.leadsquared.wire import (
    Call,
    Refused,
    Row,
    bad_body,
    csv_of,
    invalid,
    missing,
    moment,
    ordered,
    paged,
    part,
    restamped,
    stamp,
    stamp_us,
    text_of,
    whole,
)

IDS_MAX = 2000
TRAIL_FIELDS = (NAME, STAGE, "Status", "Owner")


def of_lead(account: Account, call: Call) -> Row:
    """Return a lead's opportunities from the lagging index (2.7)."""
    lead = call.arg("leadId").lower()
    if lead not in account.leads:
        raise invalid("Lead does not exist")  # assumption: 7 asks only that it be an error
    code = call.args.get("opportunitytype", "")
    if account.switch["type_needed"] and not code:
        raise missing("opportunityType")
    body = {} if call.body is None else call.table()
    return _listed([o for o in _indexed(account) if o.lead == lead and code in ("", str(o.code))], account, body)


def by_lead_field(account: Account, call: Call) -> Row:
    body = call.table()
    wanted = part(body, "Parameter")
    name, value = wanted.get("LookupName"), text_of(wanted.get("LookupValue", ""), "LookupValue")
    if name not in SEARCH_BY.values() or wanted.get("SqlOperator", "=") != "=":
        raise invalid("Invalid LookupName or SqlOperator provided")
    leads = {x.id for x in account.leads.values() if account.lead_row(x).get(str(name)) == value}
    return _listed([o for o in _indexed(account) if o.lead in leads], account, body)


def _indexed(account: Account) -> list[Opportunity]:
    return account.live(float(account.switch["index_lag_s"]))


def _listed(found: list[Opportunity], account: Account, body: Row) -> Row:
    rows = [_flat(account, o, csv_of(body)) | {"Total": str(len(found))} for o in found]
    # assumption: 2.7 does not say whether RecordCount counts the page or all; all
    return {"RecordCount": len(rows), "List": paged(ordered(rows, body), body)}


def _flat(account: Account, opportunity: Opportunity, columns: tuple[str, ...]) -> Row:
    """Return the flat row of 2.7: the asked columns, else those of the grid."""
    lead = account.leads[opportunity.lead]
    row, shown = account.lead_row(lead), account.shown(opportunity)
    times = {"CreatedOn": shown["CreatedOn"], "ModifiedOn": shown["ModifiedOn"]}
    names = {user.id: user.name for user in account.users.values()}
    creator, editor = names[opportunity.created_by], account.users[opportunity.modified_by]
    return {
        "ProspectId": lead.id, "RelatedProspectId": lead.id, "OpportunityId": opportunity.id,
        "OpportunityEvent": str(opportunity.code), "OpportunityEventType": "2", "OpportunityNote": shown[NOTE],
        "FirstName": row["FirstName"], "LastName": row["LastName"], "EmailAddress": row["EmailAddress"],
        "Phone": row["Phone"], "DoNotCall": row["DoNotCall"], "DoNotEmail": row["DoNotEmail"], "LeadName": lead.name,
        "LeadOwner": row["OwnerId"], "OwnerName": names.get(shown["Owner"] or ""), "StatusReason": None,
        "OpportunityAge": str(int((account.clock() - opportunity.created) // DAY_S)), "Score": "0", "Propensity": None,
    } | {n: shown[n] for n in columns or opportunity.type.grid if n in shown} | times | {
        "PACreatedOn": times["CreatedOn"], "PAModifiedOn": times["ModifiedOn"], "PACreatedByName": creator,
        "CreatedByName": creator, "ModifiedByEmail": editor.email,
    }  # fmt: skip


def search(account: Account, call: Call) -> Row:
    """Search all leads of one type (2.8)."""
    if status := int(account.switch["non_admin"]):
        raise Refused(status, "MXUnAuthorizedAccessException", "User is not authorized to perform this operation")
    body = call.table()
    code = body.get("OpportunityEventCode")
    if code is None:
        raise missing("OpportunityEventCode")
    tests = _conditions(body.get("AdvancedSearch"), whole(code, "OpportunityEventCode"))
    found = [o for o in _indexed(account) if all(test(account.shown(o), o.code) for test in tests)]
    rows = [_found_row(account, o, csv_of(body)) for o in found]
    return {"RecordCount": len(rows), "List": paged(ordered(rows, body), body)}


Test = Callable[[Mapping[str, str | None], int], bool]


def _conditions(text: object, code: int) -> list[Test]:
    """Return the tests of an AdvancedSearch, which must restate the event code."""
    if text is None:
        raise missing("AdvancedSearch")
    if not isinstance(text, str):
        raise bad_body("AdvancedSearch must be a string")
    try:
        rows = [row for c in json.loads(text)["Conditions"] for row in c["RowCondition"]]
        tests = [(row["LSO"], row.get("LSO_Type"), row["Operator"], str(row["RSO"])) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise bad_body("AdvancedSearch is malformed JSON") from error
    if ("ActivityEvent", "PAEvent", "eq", str(code)) not in tests:
        raise invalid("AdvancedSearch criteria does not match ActivityEvent passed")
    return [_test(*test) for test in tests]


def _test(name: str, kind: object, operator: str, value: str) -> Test:
    if name == "ActivityEvent":
        return lambda shown, code: str(code) == value
    if operator == "eq" and kind != "DateTime":
        return lambda shown, code: shown.get(name) == value
    # assumption: 2.8 saw `between` work on custom dates only and CreatedOn refused; so is all else
    if operator != "between" or not name.startswith("mx_Custom_"):
        raise bad_body("AdvancedSearch is malformed JSON")
    try:
        first, last = (_moment_12h(bound) for bound in value.split(" TO "))
    except ValueError as error:
        raise bad_body("AdvancedSearch is malformed JSON") from error
    return lambda shown, code: bool(shown.get(name)) and first <= (shown[name] or "") <= last


def _moment_12h(text: str) -> str:
    """Return `2026-01-01 12:00:00 AM` as a stored stamp. assumption: UTC, as the page says (2.8)."""
    day, time, half = text.strip().split(" ")
    hour, rest = time.split(":", 1)
    stored = f"{day} {int(hour) % 12 + (12 if half == 'PM' else 0):02d}:{rest}"
    moment(stored)
    return stored


def _found_row(account: Account, opportunity: Opportunity, columns: tuple[str, ...]) -> Row:
    shown, lead = account.shown(opportunity), account.lead_row(account.leads[opportunity.lead])
    names = {"Status", "Owner", *(columns or opportunity.type.grid)}
    return {
        "OpportunityEvent": str(opportunity.code), "OpportunityId": opportunity.id,
        "RelatedProspectId": opportunity.lead, "CreatedOn": shown["CreatedOn"], "ModifiedOn": shown["ModifiedOn"],
        "P_FirstName": lead["FirstName"], "P_LastName": lead["LastName"], "P_EmailAddress": lead["EmailAddress"],
        "P_Phone": lead["Phone"], "P_Source": None,
    } | {n: value for n, value in shown.items() if n in names}  # fmt: skip


def by_ids(account: Account, call: Call) -> list[Row]:
    """Return many by id with US dates; ids that do not exist are just absent (2.9)."""
    wanted = call.table().get("SearchParameters")
    if not isinstance(wanted, list) or not all(isinstance(w, dict) for w in wanted):
        raise missing("SearchParameters")
    if sum(len(_ids(w)) for w in wanted) > IDS_MAX:
        raise invalid(f"ProspectActivityId can not be more than {IDS_MAX}")
    lag_s = float(account.switch["read_lag_s"])
    answer = []
    for w in wanted:
        code = str(w.get("EventCode") or "")
        found = [o for id in _ids(w) if (o := account.found(str(id), lag_s)) and str(o.code) == code]
        rows = [_bulk_row(account, o, csv_of(w)) for o in found]
        answer.append({"EventCode": code, "RecordCount": len(rows), "Opportunities": rows})
    return answer


def _ids(wanted: Row) -> list[object]:
    ids = wanted.get("ProspectActivityId")
    if not isinstance(ids, list):
        raise missing("ProspectActivityId")
    return ids


def _bulk_row(account: Account, opportunity: Opportunity, columns: tuple[str, ...]) -> Row:
    shown = _us_dates(opportunity, account.shown(opportunity))
    return {
        "ProspectId": opportunity.lead,
        "EmailAddress": account.leads[opportunity.lead].values["EmailAddress"],
        "ProspectActivityId": opportunity.id,
    } | {n: shown[n] for n in columns or ("CreatedOn", *opportunity.type.grid) if n in shown}


def _us_dates(opportunity: Opportunity, shown: Mapping[str, str | None]) -> dict[str, str | None]:
    def text(about: Field) -> str | None:
        value = shown[about.name]
        return restamped(value, stamp_us) if value and about.kind == "DateTime" else value

    return {about.name: text(about) for about in opportunity.type.fields}


def recently_modified(account: Account, call: Call) -> Row:
    """Return a window on ModifiedOn with key and value lists (5, way 1)."""
    if account.switch["recent_broken"]:
        raise Refused(500, "MXException", "There was an error processing the request. Please contact administrator.")
    body = call.table()
    found = _window(account, part(body, "Parameter"))
    custom = str(part(body, "Parameter").get("IncludeCustomFields", 0)) == "1"
    rows = [_activity(account, o) | {"Fields": _pairs(account, o) if custom else []} for o in found]
    return {"RecordCount": len(rows), "ProspectActivities": paged(ordered(rows, body), body)}


def by_event(account: Account, call: Call) -> Row:
    """Return a window as flat rows; the list key is absent when there are none (5, way 2)."""
    body = call.table()
    rows = [_event_row(account, o) for o in _window(account, part(body, "Parameter"))]
    page = paged(ordered(rows, body), body)
    return {"RecordCount": len(rows)} | ({"List": page} if page else {})


def _window(account: Account, wanted: Row) -> list[Opportunity]:
    """Return what changed between two whole seconds, both included; a change at 10:00:00.5 is after 10:00:00 (5)."""
    for name in ("FromDate", "ToDate", "ActivityEvent"):
        if not wanted.get(name):
            raise missing(name)
    try:
        first, last = moment(str(wanted["FromDate"])), moment(str(wanted["ToDate"]))
    except ValueError as error:
        raise invalid("Invalid FromDate or ToDate value provided") from error
    code = whole(wanted["ActivityEvent"], "ActivityEvent")
    found = [o for o in account.live() if o.code == code and first <= o.modified <= last]
    return sorted(found, key=lambda o: o.modified)


def _activity(account: Account, o: Opportunity) -> Row:
    return {
        "Id": o.id, "EventCode": o.code, "EventName": o.type.name, "CreatedOn": stamp(o.created),
        "ModifiedOn": stamp(o.modified), "RelatedProspectId": o.lead, "ActivityType": 2, "Data": [],
    }  # fmt: skip


def _pairs(account: Account, opportunity: Opportunity) -> list[Row]:
    return [{"Key": n, "Value": v} for n, v in _us_dates(opportunity, account.shown(opportunity)).items()]


def _event_row(account: Account, o: Opportunity) -> Row:
    editor = account.users[o.modified_by]
    return {
        "ProspectActivityId": o.id, "RelatedProspectId": o.lead, "ActivityEvent": str(o.code),
    } | account.shown(o) | {
        "ModifiedByName": editor.name, "ModifiedByEmailAddress": editor.email,
    }  # fmt: skip


def trail(account: Account, call: Call) -> Row:
    """Return a lead's trail, at once after a write; a deleted opportunity leaves its creation entry (2.14)."""
    lead, body = call.arg("leadId").lower(), {} if call.body is None else call.table()
    if lead not in account.leads:
        raise invalid("Lead does not exist")
    code = part(body, "Parameter").get("ActivityEvent")
    entries = [a for a in account.trail if a.lead == lead and (code is None or str(a.code) == str(code))]
    paging = part(body, "Paging")
    first, count = whole(paging.get("Offset", 0), "Offset"), whole(paging.get("RowCount", 10), "RowCount")
    rows = [_trail_row(account, a.id, a.code, a.lead, a.created) for a in reversed(entries)]
    # assumption: 2.14 shows the record only; the wrapper is that of 5
    return {"RecordCount": len(rows), "ProspectActivities": rows[first : first + count]}


def _trail_row(account: Account, id: str, code: int, lead: str, created: float) -> Row:
    states = account.opportunities.get(id, [])
    shown = _us_dates(states[-1], account.shown(states[-1])) if states and code in TYPES else {}
    return {
        "Id": id, "EventCode": code, "EventName": TYPES[code].name if code in TYPES else EVENT_NAMES[code],
        "CreatedOn": stamp(created), "ModifiedOn": stamp(states[-1].modified if states else created),
        "RelatedProspectId": lead, "ActivityType": 2, "Data": [],
        "ActivityFields": {n: shown[n] for n in TRAIL_FIELDS if n in shown},
    }  # fmt: skip


SEARCH_ROUTES = {
    ("POST", "/v2/OpportunityManagement.svc/GetOpportunitiesOfLead"): of_lead,
    ("POST", "/v2/OpportunityManagement.svc/GetOpportunitiesByUniqueLeadField"): by_lead_field,
    ("POST", "/v2/OpportunityManagement.svc/Retrieve/BySearchParameter"): search,
    ("POST", "/v2/OpportunityManagement.svc/GetOpportunitiesById"): by_ids,
    ("POST", "/v2/ProspectActivity.svc/RetrieveRecentlyModified"): recently_modified,
    ("POST", "/v2/ProspectActivity.svc/CustomActivity/RetrieveByActivityEvent"): by_event,
    ("POST", "/v2/ProspectActivity.svc/Retrieve"): trail,
}
