"""Leads and users of LeadSquared (3.1 to 3.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bridge.sandbox.leadsquared.account import Account, Lead, User, new_lead_values
from bridge.sandbox.leadsquared.wire import (
    Call,
    Refused,
    Row,
    bad_body,
    csv_of,
    duplicate,
    invalid,
    missing,
    ordered,
    paged,
    part,
    text_of,
)

# SearchBy value -> attribute; the two spellings of the id differ on purpose (2.4).
SEARCH_BY = {"EmailAddress": "EmailAddress", "Phone": "Phone", "Mobile": "Mobile", "ProspectId": "ProspectID"}
CONTROL = {"SearchBy", "__UseUserDefinedGuid__", "ProspectID"}
BOOLEANS = {"DoNotCall", "DoNotEmail"}
BITS = {"true": "1", "false": "0"}
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LEAD_IDS_MAX = 10_000


@dataclass(frozen=True)
class LeadWrite:
    """Attributes for a lead; overwrite or fill says how they meet stored values; owner: the new owner, None to keep."""

    attributes: Mapping[str, str]
    overwrite: bool = True
    fill: bool = False
    owner: str | None = None


def attributes_of(body: object) -> dict[str, str]:
    """Return a list of Attribute and Value as a table. Raises Refused for the wrong shape and unknown attributes."""
    if not isinstance(body, list) or not all(isinstance(a, dict) and "Attribute" in a and "Value" in a for a in body):
        raise bad_body("The lead must be a list of Attribute and Value")
    known = new_lead_values().keys() | CONTROL
    attributes = {str(a["Attribute"]): text_of(a["Value"], str(a["Attribute"])) for a in body}
    for name, value in attributes.items():
        # assumption: 3.2 does not say what unknown attributes and bad booleans do; refused
        if name not in known or (name in BOOLEANS and value not in BITS):
            raise invalid(f"Invalid Attribute '{name}' provided")
    return attributes


def find_lead(account: Account, attributes: Mapping[str, str]) -> Lead | None:
    """Return the lead that SearchBy names, None when there is none (2.4). Raises Refused."""
    if not (by := attributes.get("SearchBy")):
        raise missing("SearchBy")
    if by not in SEARCH_BY:
        raise invalid("Invalid SearchBy value provided")
    if not (wanted := attributes.get(SEARCH_BY[by], "")):
        raise missing(SEARCH_BY[by])
    if by != "ProspectId":
        return next((lead for lead in account.leads.values() if same(by, lead.values.get(by), wanted)), None)
    if attributes.get("__UseUserDefinedGuid__") != "true":
        raise missing("__UseUserDefinedGuid__")  # assumption: 2.4 shows the flag, not what its absence does
    if not GUID.fullmatch(wanted.lower()):
        raise invalid("Invalid ProspectID value provided")
    return account.leads.get(wanted.lower())


def same(name: str, stored: str | None, wanted: str) -> bool:
    """Whether two values of a unique attribute are the same one: case and the hyphens of phones do not count."""
    if name == "EmailAddress":
        return (stored or "").lower() == wanted.lower()
    return bool(stored) and re.sub(r"\D", "", stored or "") == re.sub(r"\D", "", wanted)


def save_lead(account: Account, old: Lead | None, write: LeadWrite, user: str) -> Lead:
    """Store a new lead, or the attributes on the old one. Raises Refused for a taken e-mail or phone."""
    now = account.clock()
    sent = {n: BITS[v] if n in BOOLEANS else v or None for n, v in write.attributes.items() if n not in CONTROL}
    if (owner := sent.get("OwnerId")) and owner not in account.users:
        raise invalid("Invalid OwnerId value provided")
    stored = dict(old.values) if old else new_lead_values() | {"OwnerId": user}
    if old is None or write.overwrite:
        stored |= sent
    elif write.fill:
        stored |= {n: v for n, v in sent.items() if not stored.get(n)}
    if write.owner:
        stored["OwnerId"] = write.owner
    _check_unique(account, old.id if old else "", stored)
    stored = dict(account.tidy(stored))
    if old is None:
        by_guid = write.attributes.get("SearchBy") == "ProspectId"
        id = write.attributes["ProspectID"].lower() if by_guid else account.new_id()
        new = Lead(id, 1016 + len(account.leads), stored, now, user, now, user)
    elif stored == old.values:
        return old
    else:
        new = replace(old, values=stored, modified=now, modified_by=user)
    account.leads[new.id] = new
    return new


def _check_unique(account: Account, id: str, stored: Mapping[str, str | None]) -> None:
    for name, words in (("EmailAddress", "Email Address"), ("Phone", "Phone Number")):
        value = stored.get(name)
        if value and any(same(name, o.values.get(name), value) for o in account.leads.values() if o.id != id):
            raise duplicate(f"A Lead with same {words} already exists.")


def by_id(account: Account, call: Call) -> list[Row]:
    lead = account.leads.get(call.arg("id").lower())
    return [account.lead_row(lead)] if lead else []


def by_email(account: Account, call: Call) -> list[Row]:
    wanted = call.arg("emailaddress")
    return [
        account.lead_row(x) for x in account.leads.values() if same("EmailAddress", x.values["EmailAddress"], wanted)
    ]


def by_phone(account: Account, call: Call) -> list[Row]:
    """Search Phone and Mobile, the most recently active only; the matching form is a switch as 3.1 is of two minds."""
    wanted = call.arg("phone")

    def meets(stored: str | None) -> bool:
        plain = re.sub(r"[\s-]", "", stored or "")
        return bool(stored) and wanted == (plain if account.switch["phone_lookup"] == "plain" else stored)

    hits = [x for x in account.leads.values() if meets(x.values["Phone"]) or meets(x.values["Mobile"])]
    return [account.lead_row(x) for x in sorted(hits, key=lambda x: x.modified)[-1:]]


def by_quick_search(account: Account, call: Call) -> list[Row]:
    key = call.arg("key").lower()
    names = ("EmailAddress", "Phone", "Mobile", "Company")
    texts = {x.id: " ".join([x.name, *(x.values[n] or "" for n in names)]).lower() for x in account.leads.values()}
    return [account.lead_row(account.leads[id]) for id, text in texts.items() if key in text]


def get_leads(account: Account, call: Call) -> list[Row]:
    """Filter by one condition; without a `Parameter` everything comes, an unknown LookupName gives nothing (3.1)."""
    body = call.table()
    rows = [account.lead_row(x) for x in account.leads.values()]
    if wanted := part(body, "Parameter"):
        rows = [row for row in rows if _meets(row, wanted)]
    rows = paged(ordered(rows, body), body)
    if columns := csv_of(body):
        return [{n: row[n] for n in ("ProspectID", *columns) if n in row} for row in rows]
    return rows


def _meets(row: Row, wanted: Row) -> bool:
    name, value = wanted.get("LookupName"), text_of(wanted.get("LookupValue", ""), "LookupValue")
    operator = wanted.get("SqlOperator", "=")
    if operator not in ("=", "LIKE") or (name in BOOLEANS and value in BITS):
        raise invalid("Invalid LookupValue or SqlOperator provided")
    stored = str(row.get(str(name)) or "")
    return name in row and (value.strip("%").lower() in stored.lower() if operator == "LIKE" else value == stored)


def by_ids(account: Account, call: Call) -> Row:
    ids = part(call.table(), "SearchParameters").get("LeadIds")
    if not isinstance(ids, list):
        raise missing("LeadIds")
    if len(ids) > LEAD_IDS_MAX:
        raise invalid(f"LeadIds can not be more than {LEAD_IDS_MAX}")
    rows = [account.lead_row(account.leads[id]) for id in map(str, ids) if id in account.leads]
    return {"RecordCount": len(rows), "Leads": paged(rows, call.table())}


def create_or_update(account: Account, call: Call) -> Row:
    attributes = attributes_of(call.body)
    lead = save_lead(account, find_lead(account, attributes), LeadWrite(attributes), call.user)
    return {"Status": "Success", "Message": {"Id": lead.id}}


def create(account: Account, call: Call) -> Row:
    attributes = attributes_of(call.body)
    _need_unique(attributes)
    lead = save_lead(account, None, LeadWrite(attributes), call.user)
    return {"Status": "Success", "Message": {"Id": lead.id}}


def capture(account: Account, call: Call) -> Row:
    attributes = attributes_of(call.body)
    by = attributes.get("SearchBy") or _need_unique(attributes)
    lead = save_lead(account, find_lead(account, attributes | {"SearchBy": by}), LeadWrite(attributes), call.user)
    return {"Status": "Success", "Message": {"Id": lead.id, "RelatedId": account.new_id()}}


def _need_unique(attributes: Mapping[str, str]) -> str:
    """Return the first unique attribute that is there; 2.4 asks for at least one."""
    for name in ("EmailAddress", "Phone", "Mobile"):
        if attributes.get(name):
            return name
    raise missing("EmailAddress")


def update(account: Account, call: Call) -> Row:
    """Change a lead; no webhook of opportunities follows (4.7)."""
    if not (id := call.args.get("leadid", "")):
        raise Refused(500, "MXMandatoryAttributeMissingException", "'leadId' is mandatory for updating lead")
    if (old := account.leads.get(id.lower())) is None:
        raise invalid("Lead does not exist")  # assumption: 3.2 does not say
    save_lead(account, old, LeadWrite(attributes_of(call.body)), call.user)
    return {"Status": "Success", "Message": {"AffectedRows": 1}}


def users(account: Account, call: Call) -> list[Row]:
    return [_user_row(account, user, "ID") for user in account.users.values()]


def user_by_id(account: Account, call: Call) -> list[Row]:
    user = account.users.get(call.arg("userId").lower())
    return [_user_row(account, user, "UserId")] if user else []


def _user_row(account: Account, user: User, key: str) -> Row:
    return {
        key: user.id, "FirstName": user.first, "LastName": user.last, "EmailAddress": user.email, "Role": user.role,
        "StatusCode": 0, "Tag": None, "IsPhoneCallAgent": False,
    }  # fmt: skip


LEAD_ROUTES = {
    ("GET", "/v2/LeadManagement.svc/Leads.GetById"): by_id,
    ("GET", "/v2/LeadManagement.svc/Leads.GetByEmailaddress"): by_email,
    ("GET", "/v2/LeadManagement.svc/RetrieveLeadByPhoneNumber"): by_phone,
    ("GET", "/v2/LeadManagement.svc/Leads.GetByQuickSearch"): by_quick_search,
    ("POST", "/v2/LeadManagement.svc/Leads.Get"): get_leads,
    ("POST", "/v2/LeadManagement.svc/Leads/Retrieve/ByIds"): by_ids,
    ("POST", "/v2/LeadManagement.svc/Lead.CreateOrUpdate"): create_or_update,
    ("POST", "/v2/LeadManagement.svc/Lead.Create"): create,
    ("POST", "/v2/LeadManagement.svc/Lead.Capture"): capture,
    ("POST", "/v2/LeadManagement.svc/Lead.Update"): update,
    ("GET", "/v2/UserManagement.svc/Users.Get"): users,
    ("GET", "/v2/UserManagement.svc/User/Retrieve/ByUserId"): user_by_id,
}
