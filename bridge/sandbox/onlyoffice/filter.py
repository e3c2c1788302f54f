"""The opportunity list of ONLYOFFICE: filters, sorts and totals of section 3.6."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from bridge.sandbox.onlyoffice.deals import delete_all
from bridge.sandbox.onlyoffice.portal import Call, Portal, Rows
from bridge.sandbox.onlyoffice.records import OPEN, STAGE_TYPES, Deal
from bridge.sandbox.onlyoffice.shapes import UNKNOWN, deal_shape
from bridge.sandbox.onlyoffice.wire import EMPTY_GUID

Test = Callable[[Deal], bool]
Key = Callable[[Portal, Deal], tuple[object, ...]]

NEVER = datetime.min.replace(tzinfo=UTC)
ROWS_MAX = 1000

# Sorts that the database does
NATIVE: dict[str, Key] = {
    "stage": lambda portal, deal: (deal.stage, deal.contact, close_date(portal, deal), deal.title.lower()),
    "title": lambda portal, deal: (deal.title.lower(), deal.id),
    "responsible": lambda portal, deal: (portal.users.get(deal.responsible, UNKNOWN).display, deal.id),
    "bidvalue": lambda portal, deal: (deal.bid_value, deal.id),
    "dateandtime": lambda portal, deal: (close_date(portal, deal), deal.id),
    "id": lambda portal, deal: (deal.id,),
}
# Sorts by a property, in memory; other names leave the order as it is
# assumption: 3.6 does not say what an unknown property name does
IN_MEMORY: dict[str, Key] = {
    "id": lambda portal, deal: (deal.id,),
    "created": lambda portal, deal: (deal.created, deal.id),
    "successprobability": lambda portal, deal: (deal.probability, deal.id),
}


def close_date(portal: Portal, deal: Deal) -> datetime:
    """Return the expected date of an open deal, the actual date of a closed one, or year 1."""
    chosen = deal.expected if portal.stages[deal.stage].type == OPEN else deal.actual
    return chosen or NEVER


def get_filtered(call: Call) -> Rows:
    """GET /opportunity/filter (3.6); paging is done for all lists alike."""
    portal, user = call.portal, call.user
    deals = ordered(call, matching(call, portal.seconds("read_lag_s")))
    total = _total(call, len(deals))
    return Rows(deals, lambda deal: deal_shape(portal, user, deal, listed=True), total)


def delete_filtered(call: Call) -> Rows:
    """DELETE /opportunity/filter: deletes all that match (3.1)."""
    return delete_all(call, matching(call, 0))


def matching(call: Call, lag_s: float) -> list[Deal]:
    """Return the deals that pass every filter sent, hidden ones among them; by id."""
    tests = filters(call, lag_s)
    start, end = call.args.moment("fromDate"), call.args.moment("toDate")
    if bool(start) != bool(end) and not tests:
        return []  # 3.6: one date alone gives an empty list, or is ignored beside another filter
    if start and end:
        tests.append(lambda deal: start <= close_date(call.portal, deal) <= end)
    return [deal for deal in call.portal.deals(lag_s) if all(test(deal) for test in tests)]


def filters(call: Call, lag_s: float) -> list[Test]:
    """Return the filters sent, the dates aside."""
    args = call.args
    tests: list[Test] = []
    if words := (call.context("filterValue") or "").lower().split():
        index_lag_s = lag_s + call.portal.seconds("search_lag_s")
        tests.append(lambda deal: _has_words(call.portal.deal(deal.id, index_lag_s), words))
    if (responsible := args.guid("responsibleid")) != EMPTY_GUID:
        tests.append(lambda deal: deal.responsible == responsible)
    if (stage := args.integer("opportunityStagesid")) > 0:
        tests.append(lambda deal: deal.stage == stage)
    if (kind := args.choice("stageType", STAGE_TYPES)) is not None:
        tests.append(lambda deal: call.portal.stages[deal.stage].type == kind)
    members_too = args.boolean("contactAlsoIsParticipant")
    if (contact := args.integer("contactid")) > 0:
        tests.append(lambda deal: deal.contact == contact or (members_too and contact in deal.members))
    if args.items("tags"):
        tests.append(lambda deal: False)  # no deal of the sample carries a tag
    return tests


def _has_words(deal: Deal | None, words: list[str]) -> bool:
    """Tell whether each word begins a word of title or description, as the search index knows the deal (3.6)."""
    text = f" {deal.title} {deal.description}".lower() if deal else ""
    return all(f" {word}" in text for word in words)


def ordered(call: Call, deals: list[Deal]) -> list[Deal]:
    """
    Return the visible deals in the order asked for.

    A sort in memory loads all deals first: a caller from whom some deal is hidden gets an empty list (3.6).
    """
    portal, name = call.portal, (call.context("sortBy") or "stage").lower()
    visible = [deal for deal in deals if portal.may_see(call.user, deal)]
    native = name in NATIVE and (name != "id" or bool(portal.switch["sort_id_native"]))
    if not native and len(visible) < len(deals):
        return []
    key = NATIVE[name] if native else IN_MEMORY.get(name)
    if key is None:
        return visible
    return sorted(visible, key=lambda deal: key(portal, deal), reverse=call.context("sortOrder") == "descending")


def _total(call: Call, found: int) -> int:
    """Return the number of matching rows; on a full page it is remembered per user and filter (2.2)."""
    start, count = paging(call)
    if found <= start + count:
        return found
    query = {name: tuple(texts) for name, texts in call.query.items() if name not in PAGING}
    key, now = (call.user.id, tuple(sorted(query.items()))), call.portal.clock()
    at, total = call.portal.totals.get(key, (float("-inf"), 0))
    if now - at >= call.portal.seconds("total_cache_s"):
        at, total = now, found
        call.portal.totals[key] = at, total
    return total


PAGING = frozenset({"count", "startindex", "sortby", "sortorder"})


def paging(call: Call) -> tuple[int, int]:
    """Return start row and page size: 1000 by default and at most; a text that is no number is ignored (3.6, 7)."""
    count, start = call.context("count") or "", call.context("startIndex") or ""
    size = min(int(count), ROWS_MAX) if count.isdecimal() else ROWS_MAX
    return (int(start) if start.isdecimal() else 0), size
