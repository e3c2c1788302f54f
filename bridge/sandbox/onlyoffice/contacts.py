"""The contact calls of ONLYOFFICE that an opportunity sync uses (5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bridge.sandbox.onlyoffice.portal import Call, Rows
from bridge.sandbox.onlyoffice.records import (
    EMAIL_CATEGORIES,
    INFO_TYPES,
    PHONE_CATEGORIES,
    SHARE_TYPES,
    Contact,
    Info,
)
from bridge.sandbox.onlyoffice.shapes import Shape, contact_full, info_shape
from bridge.sandbox.onlyoffice.wire import bad_argument, crash, not_convertible, not_found

PHONE = 0


def get(call: Call) -> Shape:
    """GET /contact/{id} (5)."""
    if call.args.integer("contactid") <= 0:
        raise bad_argument()
    return contact_full(call.portal, call.user, _visible(call))


def _visible(call: Call) -> Contact:
    contact = call.portal.contacts.get(call.args.integer("contactid"))
    if contact is None or not call.portal.may_see_contact(call.user, contact):
        raise not_found()
    return contact


def get_filtered(call: Call) -> Rows:
    """GET /contact/filter (5)."""
    words, view = (call.context("filterValue") or "").lower().split(), (call.args.text("contactListView") or "").lower()
    with_deal = {number for deal in call.portal.deals() for number in (deal.contact, *deal.members)}
    seen = [
        contact
        for contact in call.portal.contacts.values()
        if call.portal.may_see_contact(call.user, contact)
        and all(f" {word}" in f" {contact.display}".lower() for word in words)
        and not (view == "company" and not contact.is_company)
        and not (view == "person" and contact.is_company)
        and not (view == "withopportunity" and contact.id not in with_deal)
    ]
    return Rows(sorted(seen, key=lambda each: each.display.lower()), _shape(call), len(seen))


def get_by_info(call: Call) -> Rows:
    """GET /contact/bycontactinfo: SQL LIKE anywhere in the text, % and _ are wildcards, no access check (5)."""
    kind, data = call.args.choice("infoType", INFO_TYPES), call.args.text("data") or ""
    if kind is None:
        raise bad_argument()
    wild = {"%": ".*", "_": "."}
    like = re.compile("".join(wild.get(sign, re.escape(sign)) for sign in data), re.IGNORECASE | re.DOTALL)
    contacts = reversed(call.portal.contacts.values())  # the order is undefined: not the one a client may hope for
    found = [each for each in contacts if any(i.type == kind and like.search(i.data) for i in each.infos)]
    return Rows(found, _shape(call))


def _shape(call: Call) -> Callable[[Contact], Shape]:
    return partial(contact_full, call.portal, call.user)


def create_person(call: Call) -> Shape:
    """POST /contact/person: no first name 400, last name not sent 500, unknown company 404 (5)."""
    args, portal = call.args, call.portal
    new, company = _new(call), args.integer("companyId")
    first, last = args.text("firstName") or "", args.text("lastName")
    if not first:
        raise bad_argument()
    if last is None:
        raise crash()
    if company and not (company in portal.contacts and portal.contacts[company].is_company):
        raise not_found()
    person = replace(
        new, first=portal.tidy(first), last=portal.tidy(last), company=company, job=args.text("jobTitle") or ""
    )
    portal.contacts[person.id] = person
    return contact_full(portal, call.user, person)


def create_company(call: Call) -> Shape:
    """POST /contact/company: no name 400; the persons listed become its persons (5)."""
    args, portal = call.args, call.portal
    new, persons = _new(call), args.integers("personList")
    name = args.text("companyName") or ""
    if not name:
        raise bad_argument()
    company = replace(new, company_name=portal.tidy(name))
    portal.contacts[company.id] = company
    for number in persons:
        person = portal.contacts.get(number)
        if person and not person.is_company:
            portal.contacts[number] = replace(person, company=company.id)
    return contact_full(portal, call.user, company)


def _new(call: Call) -> Contact:
    """Return what person and company have in common; share type 0 unless sent (5)."""
    return Contact(
        max(call.portal.contacts) + 1,
        about=call.args.text("about") or "",
        share=call.args.choice("shareType", SHARE_TYPES) or 0,
        managers=tuple(call.args.guids("managerList")),
        create_by=call.user.id,
        created=call.portal.now().replace(microsecond=0),
    )


def add_info(call: Call) -> Shape:
    """POST /contact/{id}/data: e-mail and phone are not part of contact creation; category by exact name (5)."""
    args, portal = call.args, call.portal
    kind, data = args.choice("infoType", INFO_TYPES), args.text("data") or ""
    primary, category = args.boolean("isPrimary"), args.text("category") or ""
    # assumption: 5 does not give the categories of websites and the like; they are those of e-mail here
    names = PHONE_CATEGORIES if kind == PHONE else EMAIL_CATEGORIES
    if category not in names:
        raise not_convertible(category, "category")
    if not data:
        raise bad_argument()
    contact = _visible(call)
    info = Info(portal.next_info, kind or PHONE, names.index(category), _data(call, kind, data), primary)
    portal.next_info += 1
    others = tuple(replace(i, primary=i.primary and not (primary and i.type == info.type)) for i in contact.infos)
    portal.contacts[contact.id] = replace(contact, infos=(*others, info))
    return info_shape(info)


def _data(call: Call, kind: int | None, data: str) -> str:
    """Return the text as sent, or a phone without its spaces and signs under the switch `normalise`."""
    if not call.portal.switch["normalise"] or kind != PHONE:
        return data
    return "".join(sign for sign in data if sign.isdigit() or sign == "+")
