"""The JSON of ONLYOFFICE records: names, order and omissions of sections 2.3, 3.2, 4 and 5."""

from __future__ import annotations

from bridge.sandbox.onlyoffice.portal import Portal
from bridge.sandbox.onlyoffice.records import (
    EMAIL_CATEGORIES,
    HEADING,
    LOST_USER,
    NO_SHARE,
    PHONE_CATEGORIES,
    READ_WRITE,
    Contact,
    Currency,
    Deal,
    Field,
    Info,
    Stage,
    User,
)
from bridge.sandbox.onlyoffice.wire import date_text

Shape = dict[str, object]

UNKNOWN = User(LOST_USER, "Unknown", "", "nobody")
ZERO_DROPPED = ("bidType", "bidValue", "perPeriodValue", "successProbability")
NULL_DROPPED = ("description", "contact", "bidCurrency", "stage")


def user_brief(portal: Portal, number: str) -> Shape:
    """Return a user as embedded in other records; one that does not exist is Unknown (3.2)."""
    user = portal.users.get(number, UNKNOWN)
    brief: Shape = {"id": user.id, "displayName": user.display}
    if user.job:
        brief["title"] = user.job
    page = f"/Products/People/Profile.aspx?user={user.login}"
    return brief | {"avatarSmall": "/skins/default/images/default_user_photo_size_32-32.png", "profileUrl": page}


def user_full(user: User) -> Shape:
    """Return a user as the people calls do (5)."""
    return {
        "id": user.id,
        "userName": user.login,
        "isVisitor": False,
        "firstName": user.first,
        "lastName": user.last,
        "email": user.email,
        "status": 1,
        "activationStatus": 1,
        "displayName": user.display,
        "isAdmin": user.portal_admin,
        "isOwner": user.portal_admin,
    }


def stage_base(stage: Stage) -> Shape:
    """Return a stage as embedded in a deal; its sort order is never filled (3.2)."""
    return {
        "id": stage.id,
        "title": stage.title,
        "description": "",
        "color": stage.color,
        "successProbability": stage.probability,
        "stageType": stage.type,
    }


def stage_full(portal: Portal, stage: Stage) -> Shape:
    """Return a stage as the stage calls do, with its number of deals when there are any (4.1)."""
    used = sum(deal.stage == stage.id for deal in portal.deals())
    return stage_base(stage) | ({"relativeItemsCount": used} if used else {})


def currency_shape(currency: Currency) -> Shape:
    """Return a currency (4.2)."""
    return {
        "title": currency.title,
        "symbol": currency.symbol,
        "abbreviation": currency.code,
        "cultureName": currency.culture,
        "isConvertable": True,
        "isBasic": currency.basic,
    }


def field_value(field: Field, deal: int, value: str) -> Shape:
    """Return one custom field of one deal; a heading belongs to deal 0 (3.2)."""
    return {
        "id": field.id,
        "entityId": deal,
        "label": field.label,
        "fieldValue": value,
        "fieldType": field.type,
        "position": field.position,
        "mask": field.mask,
    }


def field_definition(portal: Portal, field: Field) -> Shape:
    """Return a custom field definition (4.3)."""
    used = sum(field.id in deal.custom for deal in portal.deals())
    return field_value(field, -1, " ") | {"relativeItemsCount": used}


def field_values(portal: Portal, deal: Deal, headings: bool) -> list[Shape]:
    """Return the non-empty custom fields of a deal by position, with heading rows outside filter lists (3.2)."""
    rows = []
    for field in sorted(portal.fields.values(), key=lambda each: each.position):
        if headings and field.type == HEADING:
            rows.append(field_value(field, 0, ""))
        elif field.type != HEADING and deal.custom.get(field.id):
            rows.append(field_value(field, deal.id, deal.custom[field.id]))
    return rows


def contact_base(portal: Portal, user: User, contact: Contact) -> Shape:
    """Return a contact as embedded in a deal (3.2)."""
    kind = "company" if contact.is_company else "people"
    editable = user.crm_admin or contact.share == READ_WRITE or user.id in contact.managers
    return {
        "id": contact.id,
        "displayName": contact.display,
        "isCompany": contact.is_company,
        "isPrivate": contact.share == NO_SHARE,
        "isShared": contact.share != NO_SHARE,
        "shareType": contact.share,
        "currency": None,
        "canEdit": editable,
        "canDelete": editable,
        "smallFotoUrl": f"/Products/CRM/App_Themes/default/images/empty_{kind}_logo_40_40.png",
        "mediumFotoUrl": f"/Products/CRM/App_Themes/default/images/empty_{kind}_logo_82_82.png",
    }


def info_shape(info: Info) -> Shape:
    """Return one e-mail or phone of a contact (5)."""
    names = PHONE_CATEGORIES if info.type == 0 else EMAIL_CATEGORIES
    return {
        "id": info.id,
        "infoType": info.type,
        "category": info.category,
        "data": info.data,
        "categoryName": names[info.category],
        "isPrimary": info.primary,
    }


def contact_full(portal: Portal, user: User, contact: Contact) -> Shape:
    """Return a contact as the contact calls do (5)."""
    own: Shape
    if contact.is_company:
        persons = sum(each.company == contact.id for each in portal.contacts.values())
        own = {"companyName": contact.company_name, "personsCount": persons}
    else:
        own = {"firstName": contact.first, "lastName": contact.last, "title": contact.job}
        if company := portal.contacts.get(contact.company):
            own["company"] = contact_base(portal, user, company)
    if contact.about:
        own["about"] = contact.about
    lists: Shape = {"commonData": [info_shape(info) for info in contact.infos], "addresses": [], "customFields": []}
    made: Shape = {
        "createBy": user_brief(portal, contact.create_by),
        "created": date_text(contact.created, portal.zone),
    }
    return own | lists | made | contact_base(portal, user, contact)


def deal_shape(portal: Portal, user: User, deal: Deal, *, listed: bool = False, bare: bool = False) -> Shape:
    """
    Return an opportunity (3.2) without its zero and null members (2.3).

    listed: as in filter lists, without headings and, when public, without access list. bare: as DELETE answers.
    """
    contact = portal.contacts.get(deal.contact)
    members = [] if bare else [portal.contacts[number] for number in deal.members]
    whole: Shape = {
        "createBy": user_brief(portal, deal.create_by),
        "created": date_text(deal.created, portal.zone),
        "members": [contact_base(portal, user, member) for member in members],
        "contact": contact_base(portal, user, contact) if contact else None,
        "title": deal.title,
        "description": deal.description,
        "responsible": user_brief(portal, deal.responsible),
        "bidType": deal.bid_type,
        "bidValue": deal.bid_value,
        "bidCurrency": currency_shape(portal.currencies[deal.currency]),
        "perPeriodValue": deal.per_period,
        "stage": stage_base(portal.stages[deal.stage]),
        "successProbability": deal.probability,
        "actualCloseDate": date_text(deal.actual, portal.zone),
        "expectedCloseDate": date_text(deal.expected, portal.zone),
        "isPrivate": bool(deal.access),
        "accessList": [user_brief(portal, number) for number in deal.access],
        "canEdit": portal.may_edit(user, deal),
        "customFields": [] if bare else field_values(portal, deal, headings=not listed),
        "id": deal.id,
    }
    if listed and not deal.access:
        del whole["accessList"]
    return {name: value for name, value in whole.items() if not _dropped(name, value)}


def _dropped(name: str, value: object) -> bool:
    return (name in ZERO_DROPPED and not value) or (name in NULL_DROPPED and value is None)
