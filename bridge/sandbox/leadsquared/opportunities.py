"""Single opportunities of LeadSquared: Capture, Update, details, Delete, and their types (2.3 to 2.6, 2.11, 2.12)."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.sandbox.leadsquared.account import CAPTURED, DUPLICATE, Account, Activity, Opportunity
from bridge.sandbox.leadsquared.fields import (
    COMMENT,
    NAME,
    NOTE,
    TEXT_MAX,
    TYPES,
    Type,
    accepted,
    check_whole,
    described,
)
from bridge.sandbox.leadsquared.leads import LeadWrite, attributes_of, find_lead, save_lead
from bridge.sandbox.leadsquared.wire import (
    Broken,
    Call,
    Refused,
    Row,
    bad_body,
    bad_field,
    flag,
    invalid,
    missing,
    moment,
    no_opportunity,
    part,
    text_of,
)

FLAGS = ("OverwriteFields", "UpdateEmptyFields", "DoNotPostDuplicateActivity", "DoNotChangeOwner")
NEW_OPPORTUNITY, DUPLICATE_DETECTED = 1, 3


def capture(account: Account, call: Call) -> Row:
    """Create an opportunity and create or update its lead (2.4). Not idempotent."""
    try:
        answer = _capture(account, call)
    except Refused as refused:
        if refused.status != 500 or account.switch["failure_status"] == 500:
            raise
        return _captured(account, {}, 1) | {"ExceptionType": refused.kind, "ExceptionMessage": refused.message}
    if account.switch["capture_answer_lost"]:
        raise Broken
    return answer


def _capture(account: Account, call: Call) -> Row:
    body = call.table()
    if "LeadDetails" not in body or "Opportunity" not in body:
        raise missing("Opportunity" if "LeadDetails" in body else "LeadDetails")
    wanted = part(body, "Opportunity")
    flags = _flags(wanted)
    kind = _type_of(wanted)
    values = _new_values(account, kind, wanted, call.user)
    details = attributes_of(body["LeadDetails"])
    found = find_lead(account, details)
    owner = None if flags["DoNotChangeOwner"] else values.get("Owner")
    # assumption: 2.4 marks as inferred how the flags merge and what DoNotChangeOwner keeps
    write = LeadWrite(details, flags["OverwriteFields"], flags["UpdateEmptyFields"], owner)
    lead = save_lead(account, found, write, call.user)
    answer = _captured(account, flags, 0) | {"RelatedProspectId": lead.id}
    if account.switch["duplicates_by_name"] and (twin := _twin(account, kind, values)):
        posted = None if flags["DoNotPostDuplicateActivity"] else _post(account, DUPLICATE, lead.id)
        return answer | {
            "IsUnique": False, "ConflictedOpportunityId": twin.id,
            "AdditionalDetails": [{"PostDeDupActionPerformed": DUPLICATE_DETECTED, "ActivityId": posted}],
        }  # fmt: skip
    new = account.add(kind.code, lead.id, values, call.who, call.user)
    return answer | {
        "CreatedOpportunityId": new.id,
        "AdditionalDetails": [
            {"PostDeDupActionPerformed": NEW_OPPORTUNITY, "ActivityId": _post(account, CAPTURED, lead.id)}
        ],
    }


def _flags(wanted: Row) -> dict[str, bool]:
    flags = {name: flag(wanted, name) for name in FLAGS}
    if flags["OverwriteFields"] and flags["UpdateEmptyFields"]:
        raise invalid("OverwriteFields and UpdateEmptyFields both cannot be true")
    # 2.4: a matched lead is updated with the other attributes, so overwriting is what happens unasked
    flags["OverwriteFields"] = flags["OverwriteFields"] or not (wanted.keys() & set(FLAGS[:2]))
    return flags


def _type_of(wanted: Row) -> Type:
    code = wanted.get("OpportunityEventCode")
    if code is None:
        raise missing("OpportunityEventCode")
    if isinstance(code, bool) or not isinstance(code, int):
        raise bad_body("OpportunityEventCode must be a number")
    if code not in TYPES:
        raise invalid("Invalid OpportunityEventCode value provided")  # assumption: 2.4 does not say
    return TYPES[code]


def _new_values(account: Account, kind: Type, wanted: Row, user: str) -> dict[str, str | None]:
    if (when := wanted.get("OpportunityDateTime")) is not None:
        _check_moment(when)
    values = _sent(account, kind, wanted.get("Fields") or []) | _note_of(wanted)
    if account.switch["comment_on_status"] and not values.get(COMMENT):
        raise _no_comment()
    check_whole(kind, values)
    if account.switch["owner_default"] and not values.get("Owner"):
        values["Owner"] = user
    return {f.name: values.get(f.name) for f in kind.fields if f.name in values}


def _check_moment(when: object) -> None:
    try:
        moment(text_of(when, "OpportunityDateTime"))
    except ValueError as error:
        raise invalid("Invalid OpportunityDateTime value provided") from error


def _sent(account: Account, kind: Type, fields: object) -> dict[str, str | None]:
    """Return the sent fields as stored. Raises Refused."""
    if not isinstance(fields, list) or not all(isinstance(f, dict) for f in fields):
        raise bad_body("Fields must be a list of SchemaName and Value")
    users = frozenset(account.users)
    values: dict[str, str | None] = {}
    for sent in fields:
        name = sent.get("SchemaName")
        if not isinstance(name, str) or "Value" not in sent:
            raise bad_body("Fields must be a list of SchemaName and Value")
        values[name] = accepted(kind, name, sent["Value"], users)
    return values


def _note_of(body: Row) -> dict[str, str | None]:
    """Return the OpportunityNote as a value to store; nothing when the key is absent."""
    if "OpportunityNote" not in body:
        return {}
    note = text_of(body["OpportunityNote"], "OpportunityNote")
    if len(note) > TEXT_MAX:  # assumption: 2.2 shows the length, not the refusal
        raise bad_field(f"Field name : '{NOTE}' of datatype : 'String' exceeds the maximum length of {TEXT_MAX}.")
    return {NOTE: note or None}  # assumption: 2.5 does not say what an empty note does; it clears


def _no_comment() -> Refused:
    return bad_field(f"Field name : '{COMMENT}' of datatype : 'String' is mandatory.")


def _twin(account: Account, kind: Type, values: Mapping[str, str | None]) -> Opportunity | None:
    name = (values[NAME] or "").strip().lower()
    return next((o for o in account.live() if o.code == kind.code and (o.values[NAME] or "").lower() == name), None)


def _post(account: Account, code: int, lead: str) -> str:
    activity = Activity(account.new_id(), code, lead, account.clock())
    account.trail.append(activity)
    return activity.id


def _captured(account: Account, flags: Mapping[str, bool], status: int) -> Row:
    return {
        "Status": status, "PrimaryAction": 0, "SecondaryAction": 0, "ExceptionType": None, "ExceptionMessage": None,
        "RequestId": account.new_id(), "RelatedProspectId": None, "IsUnique": True, "CreatedOpportunityId": None,
        "ConflictedOpportunityId": None, "AdditionalDetails": [],
    } | {name: flags.get(name, False) for name in FLAGS}  # fmt: skip


def update(account: Account, call: Call) -> Row:
    """Change the sent fields of one opportunity (2.5). Repeating is safe."""
    body = call.table()
    if body.get("Fields") is None:
        # Capture's wrapper fails so [C]; assumption: so does any body without Fields
        raise Refused(500, "ArgumentNullException", "Value cannot be null.\r\nParameter name: source")
    key = body.get("ProspectOpportunityId")
    if not isinstance(key, str) or not key:
        raise missing("ProspectOpportunityId")
    old = account.named(key)
    values = change_values(account, old, body["Fields"]) | _note_of(body)
    account.change(old, values, call.who, call.user, "Update")
    return {"Status": "Success", "Message": {"Id": old.id}}


def change_values(account: Account, old: Opportunity, fields: object) -> dict[str, str | None]:
    """Return the sent fields as stored, checked against the rest of the opportunity. Raises Refused."""
    values = _sent(account, old.type, fields)
    check_whole(old.type, {**old.values, **values})
    changed = values.get("Status", old.values["Status"]) != old.values["Status"]
    if account.switch["comment_on_status"] and changed and not values.get(COMMENT):
        raise _no_comment()  # assumption: 2.5 expects the rule of Capture here too
    return values


def details(account: Account, call: Call) -> Row:
    """Return all fields with labels (2.6); `read_lag_s` and `gone_as_empty` as their switches say."""
    id = call.arg("OpportunityId")
    found = account.found(id, float(account.switch["read_lag_s"]))
    if found is None:
        if id.lower() in account.opportunities and account.switch["gone_as_empty"]:
            return {}
        raise no_opportunity()
    shown = account.shown(found)
    return {
        # assumption: 2.6 leaves open whether ID is the type's; it stands beside the type's name, so it is
        "ID": found.type.id, "Name": found.type.name, "DisplayName": found.type.name,
        "RelatedProspectId": found.lead, "OpportunityNote": shown[NOTE], "Fields": _fields(account, found.type, shown),
    }  # fmt: skip


def _fields(account: Account, kind: Type, shown: Mapping[str, str | None]) -> list[Row]:
    form = str(account.switch["stage_options"])
    return [described(f, n, shown.get(f.name), form) for n, f in enumerate(kind.fields, 1)]


def delete(account: Account, call: Call) -> Row:
    """Delete by GET; only the exact name `Id` counts, any other deletes nothing and says no error (2.11)."""
    if not (id := call.exact.get("Id", "")):
        return {"Status": "Success", "Message": {"IsSuccessful": False}}
    if (found := account.found(id)) is None:
        raise no_opportunity()
    if not account.switch["can_delete"]:
        raise invalid("Delete is not allowed for this Opportunity type")  # assumption: 2.11 gives no answer
    account.remove(found, call.who, call.user)
    return {"Status": "Success", "Message": {"IsSuccessful": True}}


def types(account: Account, call: Call) -> list[Row]:
    return [
        _type_row(account, kind) | {"ModifiedBy": next(iter(account.users)), "Fields": None} for kind in TYPES.values()
    ]


def metadata(account: Account, call: Call) -> Row:
    """Return one type with its fields; `{}` for an unknown code (2.12)."""
    code = call.arg("code")
    kind = TYPES.get(int(code)) if code.isdigit() else None
    return _type_row(account, kind) | {"Fields": _fields(account, kind, {})} if kind else {}


def _type_row(account: Account, kind: Type) -> Row:
    return {
        "AllowAttachments": False, "CanDelete": bool(account.switch["can_delete"]), "Description": "",
        "Name": kind.name, "DisplayName": kind.name, "EventCode": kind.code,
    }  # fmt: skip


def enabled(account: Account, call: Call) -> Row:
    call.arg("orgId")
    return {"OpportunityManagement": "Enabled"}


OPPORTUNITY_ROUTES = {
    ("POST", "/v2/OpportunityManagement.svc/Capture"): capture,
    ("POST", "/v2/OpportunityManagement.svc/Update"): update,
    ("GET", "/v2/OpportunityManagement.svc/GetOpportunityDetails"): details,
    ("GET", "/v2/OpportunityManagement.svc/Delete"): delete,
    ("GET", "/v2/OpportunityManagement.svc/GetOpportunityTypes"): types,
    ("GET", "/v2/OpportunityManagement.svc/GetOpportunityTypeMetadata"): metadata,
    ("GET", "/v2/OpportunityManagement.svc/IsOpportunityEnabled"): enabled,
}
