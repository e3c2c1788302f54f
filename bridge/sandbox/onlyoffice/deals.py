"""The opportunity calls of ONLYOFFICE: create, read, update, stage, access, members, delete (3.1 to 3.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bridge.sandbox.onlyoffice.portal import Call, Rows, staged
from bridge.sandbox.onlyoffice.records import BID_TYPES, Contact, Deal
from bridge.sandbox.onlyoffice.shapes import Shape, contact_full, deal_shape
from bridge.sandbox.onlyoffice.wire import EMPTY_GUID, Args, bad_argument, denied, no_stage, not_found

# Audit actions of 6.3
STAGE_CHANGED, ACCESS_OPENED, ACCESS_RESTRICTED, DELETED, BULK_DELETED = 3044, 3054, 3055, 3056, 3057
COMPANY_LINKED, COMPANY_UNLINKED, PERSON_LINKED, PERSON_UNLINKED = 3049, 3050, 3051, 3052


@dataclass(frozen=True)
class Sent:
    """The inputs of POST and PUT (3.3), bound: what was left out is zero, empty or None."""

    title: str
    description: str | None
    responsible: str
    stage: int
    currency: str
    bid_type: int
    bid_value: Decimal
    per_period: int
    probability: int
    contact: int
    actual: datetime | None
    expected: datetime | None
    members: list[int]
    custom: list[tuple[int, str]]
    private: bool
    access: list[str]

    def over(self, deal: Deal) -> Deal:
        """Return the deal with every scalar of the row replaced, sent or not (3.3)."""
        return replace(
            deal,
            title=self.title,
            description=self.description,
            responsible=self.responsible,
            stage=self.stage,
            currency=self.currency,
            bid_type=self.bid_type,
            bid_value=self.bid_value,
            per_period=self.per_period,
            probability=self.probability,
            contact=self.contact,
            actual=self.actual,
            expected=self.expected,
        )


def bind(args: Args) -> Sent:
    """Return the inputs of POST and PUT, or refuse a text that is not of its type; runs before any lookup (2.6)."""
    sent = Sent(
        contact=args.integer("contactid"),
        members=args.integers("members"),
        title=args.text("title") or "",
        description=args.text("description"),
        responsible=args.guid("responsibleid"),
        bid_type=args.choice("bidType", BID_TYPES) or 0,
        bid_value=args.decimal("bidValue"),
        currency=(args.text("bidCurrencyAbbr") or "").upper(),
        per_period=args.integer("perPeriodValue"),
        stage=args.integer("stageid"),
        probability=min(100, max(0, args.integer("successProbability"))),
        actual=args.moment("actualCloseDate"),
        expected=args.moment("expectedCloseDate"),
        custom=args.fields("customFieldList"),
        private=args.boolean("isPrivate"),
        access=args.guids("accessList"),
    )
    args.boolean("isNotify")
    return sent


def demand(call: Call, sent: Sent) -> None:
    """Refuse what may not be created or updated: 400 and 403 of 2.5, in the order of 3.3."""
    if not sent.title or sent.responsible == EMPTY_GUID or sent.stage <= 0 or not sent.currency:
        raise bad_argument()
    if sent.stage not in call.portal.stages:
        raise no_stage()
    if sent.contact:
        contact = call.portal.contacts.get(sent.contact)
        if contact is None:
            raise bad_argument()
        if not call.portal.may_see_contact(call.user, contact):
            raise denied()
    if sent.currency not in call.portal.currencies:
        raise bad_argument()


def get(call: Call) -> Shape:
    """GET /opportunity/{id} (3.1)."""
    _demand_id(call)
    return deal_shape(call.portal, call.user, call.visible_deal(call.portal.seconds("read_lag_s")))


def create(call: Call) -> Shape:
    """POST /opportunity (3.3): contact and members are both linked; the answer shows the row as sent, not as stored."""
    sent = bind(call.args)
    demand(call, sent)
    portal = call.portal
    blank = Deal(portal.new_id(), "", EMPTY_GUID, 0, "", create_by=call.user.id, created=portal.now())
    wanted = sent.members + ([sent.contact] if sent.contact else [])
    deal = replace(
        sent.over(blank),
        members=portal.visible_contacts(call.user, wanted),
        access=access_after(call, sent.private, sent.access),
        custom=_custom_after(call, blank, sent.custom),
    )
    stored = portal.put(deal)
    call.note("create", blank, stored)
    return deal_shape(portal, call.user, replace(deal, custom=stored.custom))


def update(call: Call) -> Shape:
    """PUT /opportunity/{id} (3.3): 404, then 400 and 403, then the whole row; members and fields only if sent."""
    sent = bind(call.args)
    deal, portal = call.visible_deal(), call.portal
    demand(call, sent)
    if not portal.may_edit(call.user, deal):
        raise denied()
    row = sent.over(deal)
    if sent.members:
        row = replace(row, members=portal.visible_contacts(call.user, sent.members))
    if portal.may_share(call.user, deal):
        row = replace(row, access=access_after(call, sent.private, sent.access))
    stored = portal.put(replace(row, custom=_custom_after(call, deal, sent.custom)))
    call.note("update", deal, stored)
    return deal_shape(portal, call.user, stored)


def access_after(call: Call, private: bool, wanted: list[str]) -> tuple[str, ...]:
    """Return the access list: empty unless private with a non-empty list, else with the caller in it (3.3)."""
    if not private or not wanted:
        return ()
    return tuple(dict.fromkeys([*wanted, call.user.id]))


def _custom_after(call: Call, deal: Deal, sent: list[tuple[int, str]]) -> dict[int, str]:
    """Return the custom values; an empty value and an unknown key are skipped without a word (3.3)."""
    return deal.custom | {key: value for key, value in sent if value and key in call.portal.fields}


def move_to_stage(call: Call) -> Shape:
    """PUT /opportunity/{id}/stage/{n} (3.4): the number in the path is not read, `stageid` is."""
    number, stage_id = call.args.integer("opportunityid"), call.args.integer("stageid")
    if number <= 0 or stage_id <= 0:
        raise bad_argument()
    deal, portal = call.visible_deal(), call.portal
    if (stage := portal.stages.get(stage_id)) is None:
        raise not_found()
    moved = staged(deal, stage, portal.now())
    call.note("stage", deal, portal.put(moved))
    portal.log(STAGE_CHANGED, call.user, (deal.id,), deal.title)
    return deal_shape(portal, call.user, moved)


def delete(call: Call) -> Shape:
    """DELETE /opportunity/{id} (3.5)."""
    _demand_id(call)
    deal = call.visible_deal()
    _demand_edit(call, deal)
    _drop(call, deal)
    call.portal.log(DELETED, call.user, (deal.id,), deal.title)
    return deal_shape(call.portal, call.user, deal, bare=True)


def bulk_delete(call: Call) -> Rows:
    """PUT /opportunity: what a PUT becomes whose id got lost; 400 without `opportunityids` (3.1)."""
    if not (wanted := call.args.integers("opportunityids")):
        raise bad_argument()
    return delete_all(call, [deal for deal in call.portal.deals() if deal.id in wanted])


def delete_all(call: Call, deals: list[Deal]) -> Rows:
    """Delete those of the deals that the caller may change and list them as they were (3.1)."""
    gone = [deal for deal in deals if call.portal.may_see(call.user, deal)]
    for deal in gone:
        _drop(call, deal)
    if gone:
        call.portal.log(BULK_DELETED, call.user, tuple(deal.id for deal in gone), ", ".join(d.title for d in gone))
    return Rows([deal_shape(call.portal, call.user, deal, listed=True, bare=True) for deal in gone])


def _drop(call: Call, deal: Deal) -> None:
    call.portal.drop(deal.id)
    call.note("delete", deal, None)


def set_access(call: Call) -> Shape:
    """PUT /opportunity/{id}/access (3.1): admins and the creator only."""
    private, wanted = call.args.boolean("isPrivate"), call.args.guids("accessList")
    _demand_id(call)
    deal = call.visible_deal()
    if not call.portal.may_share(call.user, deal):
        raise denied()
    return deal_shape(call.portal, call.user, _share(call, deal, private, wanted))


def set_access_of_many(call: Call) -> Rows:
    """PUT /opportunity/access (3.1): deals that the caller may not share are passed over."""
    private, wanted = call.args.boolean("isPrivate"), call.args.guids("accessList")
    numbers = call.args.integers("opportunityid")
    if not numbers:
        raise bad_argument()
    deals = [deal for deal in call.portal.deals() if deal.id in numbers and call.portal.may_see(call.user, deal)]
    shared = [_share(call, deal, private, wanted) for deal in deals if call.portal.may_share(call.user, deal)]
    return Rows([deal_shape(call.portal, call.user, deal, listed=True) for deal in shared])


def _share(call: Call, deal: Deal, private: bool, wanted: list[str]) -> Deal:
    stored = call.portal.put(replace(deal, access=access_after(call, private, wanted)))
    call.note("access", deal, stored)
    call.portal.log(ACCESS_RESTRICTED if stored.access else ACCESS_OPENED, call.user, (deal.id,), deal.title)
    return stored


def get_members(call: Call) -> Rows:
    """GET /opportunity/{id}/contact (3.1)."""
    deal = call.visible_deal(call.portal.seconds("read_lag_s"))
    return Rows([contact_full(call.portal, call.user, call.portal.contacts[number]) for number in deal.members])


def add_member(call: Call) -> Shape:
    """POST /opportunity/{id}/contact/{contactid} (3.1)."""
    deal, contact = _deal_and_contact(call)
    call.note("member", deal, call.portal.put(replace(deal, members=(*deal.members, contact.id))))
    call.portal.log(COMPANY_LINKED if contact.is_company else PERSON_LINKED, call.user, (deal.id,), deal.title)
    return contact_full(call.portal, call.user, contact)


def remove_member(call: Call) -> Shape:
    """DELETE /opportunity/{id}/contact/{contactid}: the only way to empty the members (3.3)."""
    deal, contact = _deal_and_contact(call)
    left = tuple(number for number in deal.members if number != contact.id)
    call.note("member", deal, call.portal.put(replace(deal, members=left)))
    call.portal.log(COMPANY_UNLINKED if contact.is_company else PERSON_UNLINKED, call.user, (deal.id,), deal.title)
    return contact_full(call.portal, call.user, contact)


def _deal_and_contact(call: Call) -> tuple[Deal, Contact]:
    _demand_id(call)
    if call.args.integer("contactid") <= 0:
        raise bad_argument()
    deal = call.visible_deal()
    contact = call.portal.contacts.get(call.args.integer("contactid"))
    if contact is None or not call.portal.may_see_contact(call.user, contact):
        raise not_found()
    return deal, contact


def get_by_contact(call: Call) -> Rows:
    """GET /opportunity/bycontact/{contactid}: deals with the contact as primary contact or member (3.1)."""
    number = call.args.integer("contactid")
    deals = call.portal.deals(call.portal.seconds("read_lag_s"))
    found = [deal for deal in deals if number and (deal.contact == number or number in deal.members)]
    seen = [deal for deal in found if call.portal.may_see(call.user, deal)]
    return Rows([deal_shape(call.portal, call.user, deal, listed=True) for deal in seen])


def _demand_id(call: Call) -> None:
    if call.args.integer("opportunityid") <= 0:
        raise bad_argument()


def _demand_edit(call: Call, deal: Deal) -> None:
    if not call.portal.may_edit(call.user, deal):
        raise denied()
