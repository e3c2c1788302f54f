"""LeadConnector's two searches: by query parameters with a cursor, and by a body with filters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response

from bridge.sandbox.leadconnector.account import STATUSES, Account, epoch
from bridge.sandbox.leadconnector.views import cursor, full_name, in_search
from bridge.sandbox.leadconnector.wire import (
    DAY_S,
    Json,
    Property,
    Refused,
    Table,
    check,
    is_number,
    json_body,
    query,
    v3,
    whole,
)

TEXT = Property("string")
FLAG = Property("boolean")
# The filters whose spelling depends on the dialect (document, 2.1): snake, camel.
FILTERS = (
    ("location_id", "locationId"),
    ("pipeline_id", "pipelineId"),
    ("pipeline_stage_id", "pipelineStageId"),
    ("contact_id", "contactId"),
    ("assigned_to", "assignedTo"),
)
DETAILS = {"getTasks": "tasks", "getNotes": "notes", "getCalendarEvents": "calendarEvents"}
ALIKE: Table = {
    "q": TEXT,
    "status": Property("string", options=(*STATUSES, "all")),
    **dict.fromkeys(("campaignId", "id", "country", "date", "endDate", "startAfter", "startAfterId"), TEXT),
    "order": Property("string", options=("added_asc", "added_desc", "name_asc", "name_desc")),
    "page": Property("number"),
    "limit": Property("number"),
    **dict.fromkeys(DETAILS, FLAG),
}
BODY: Table = {
    "locationId": Property("string", required=True),
    "query": TEXT,
    "limit": Property("number"),
    "page": Property("number"),
    "searchAfter": Property("list"),
    "additionalDetails": Property("object"),
    "filters": Property("list"),
    "sort": Property("list"),
}
MORE: Table = dict.fromkeys(("notes", "tasks", "calendarEvents", "unReadConversations"), FLAG)
# Filter fields of the body seen to work (document, 2.6), and what they compare.
FIELDS = {
    "pipeline_id": "pipelineId",
    "pipeline_stage_id": "pipelineStageId",
    "contact_id": "contactId",
    "assigned_to": "assignedTo",
    "status": "status",
    "date_added": "createdAt",
    "last_stage_change_date": "lastStageChangeAt",
}
TEXT_MOST = 75
PAGED_ROWS_MOST = 10_000
INTERNAL = "http://opportunities.internal/opportunities/search?"


class SearchCalls:
    def __init__(self, account: Account) -> None:
        self.account = account

    def rules(self) -> list[tuple[str, str, Callable[..., Response]]]:
        return [
            ("GET", "/opportunities/search", self.simple),
            ("POST", "/opportunities/search", self.filtered),
        ]

    def simple(self) -> Response:
        """Answer GET /opportunities/search (document, 2.5)."""
        asked = self._asked()
        limit, page = whole(asked, "limit", 20, 1, 100), whole(asked, "page", 1, 1)
        order = asked.get("order", "added_desc")  # assumption (2.5): newest first unless asked
        rows = _ordered([record for record in self._rows() if self._wanted(record, asked)], order)
        total = len(rows)
        if "startAfter" in asked or "startAfterId" in asked:
            rows = _after(rows, asked, order)
        start = (page - 1) * limit
        shown, more = rows[start : start + limit], len(rows) > start + limit
        details = tuple(name for flag, name in DETAILS.items() if asked.get(flag))
        found = [in_search(self.account, record, details) for record in shown]
        meta = _meta(shown, total, page, more)
        return self.account.answer(200, {"opportunities": found, "meta": meta, "aggregations": {}})

    def filtered(self) -> Response:
        """Answer POST /opportunities/search (document, 2.6)."""
        query({})
        body = _checked_body()
        self.account.allow(body["locationId"])
        base = int(self.account.seconds("page_base"))
        limit, page = whole(body, "limit", 20, 1, 500), whole(body, "page", base, base)
        if (page - base + 1) * limit > PAGED_ROWS_MOST:
            raise Refused(422, [f"page must not reach beyond {PAGED_ROWS_MOST} rows"])
        tests = [_test(entry) for entry in body.get("filters", [])]
        text = body.get("query", "")
        rows = [r for r in self._rows() if self._has_text(r, text) and all(test(r) for test in tests)]
        rows = _ordered(rows, direction := _direction(body.get("sort", [])))
        total, stages = len(rows), _stage_totals(rows)
        if body.get("searchAfter"):
            rows = _after(rows, dict(zip(("startAfter", "startAfterId"), body["searchAfter"], strict=False)), direction)
        start = (page - base) * limit
        details = tuple(name for name, wanted in body.get("additionalDetails", {}).items() if wanted)
        found = [self._row(record, details) for record in rows[start : start + limit]]
        answer = {"opportunities": found, "total": total, "stageAggregations": stages}
        return self.account.answer(201, {**answer, "aggregations": {}, "topRelations": []})

    def _rows(self) -> list[Json]:
        """Return what the index knows: opportunities as they were when it last looked (document, 1 and 2.6)."""
        return self.account.all_seen(max(self.account.seconds("search_lag_s"), self.account.seconds("read_lag_s")))

    def _row(self, record: Json, details: tuple[str, ...]) -> Json:
        row = in_search(self.account, record, details)
        if self.account.on("contact_in_relations_only"):
            del row["contactId"], row["contact"]
        return row

    def _asked(self) -> Json:
        """Return the checked query with camelCase names, whatever the dialect's spelling."""
        place = 1 if v3() else 0
        names = {pair[place]: pair[1] for pair in FILTERS}
        spelt = {name: Property("string", required=name == FILTERS[0][place]) for name in names}
        given = query({**ALIKE, **spelt})
        asked = {names.get(name, name): value for name, value in given.items()}
        _check_text("q", asked.get("q", ""))
        self.account.allow(asked["locationId"])
        return asked

    def _wanted(self, record: Json, asked: Json) -> bool:
        if self.account.on("contact_pipeline_blind") and "contactId" in asked and "pipelineId" in asked:
            return False
        exact = ("pipelineId", "pipelineStageId", "contactId", "assignedTo", "id")
        if any(record[name] != asked[name] for name in exact if name in asked) or "campaignId" in asked:
            return False
        if asked.get("status", "all") not in ("all", record["status"]):
            return False
        if "country" in asked and self.account.contacts[record["contactId"]]["country"] != asked["country"]:
            return False
        # assumption (2.5): the window is on the creation date, in UTC
        start, end = _american_day(asked.get("date", "")), _american_day(asked.get("endDate", ""))
        in_time = (start is None or record["createdAt"] >= start) and (end is None or record["createdAt"] < end + DAY_S)
        return in_time and self._has_text(record, asked.get("q", ""))

    def _has_text(self, record: Json, text: str) -> bool:
        contact = self.account.contacts.get(record["contactId"], {})
        places = (record["name"], full_name(contact), contact.get("email"), contact.get("phone"))
        return any(text.casefold() in (place or "").casefold() for place in places)


def _check_text(name: str, text: str) -> None:
    if len(text) > TEXT_MOST:
        raise Refused(422, [f"{name} must be shorter than or equal to {TEXT_MOST} characters"])


def _american_day(text: str) -> float | None:
    """Return the start of a day written mm-dd-yyyy; any other form is silently no filter (document, 2.5)."""
    try:
        return datetime.strptime(text, "%m-%d-%Y").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _ordered(rows: list[Json], order: str) -> list[Json]:
    by, _, direction = order.partition("_")
    newest_last = sorted(rows, key=cursor)
    if by == "name":
        newest_last.sort(key=lambda record: str(record["name"]).casefold())
    return newest_last[::-1] if direction == "desc" else newest_last


def _after(rows: list[Json], asked: Json, order: str) -> list[Json]:
    """Return the rows behind the cursor: createdAt in milliseconds and contact id, copied from an answer (2.5)."""
    if order.startswith("name"):  # assumption (2.5): the cursor holds times, so it cannot follow names
        raise Refused(422, ["startAfter should not exist when ordered by name"])
    try:
        at = int(asked["startAfter"])
    except (KeyError, ValueError, TypeError) as error:
        raise Refused(422, ["startAfter must be a number string"]) from error
    if "startAfterId" not in asked:
        return [r for r in rows if (cursor(r)[0] > at if order.endswith("asc") else cursor(r)[0] < at)]
    here = (at, str(asked["startAfterId"]))
    return [r for r in rows if (cursor(r) > here if order.endswith("asc") else cursor(r) < here)]


def _meta(shown: list[Json], total: int, page: int, more: bool) -> Json:
    """Return the `meta` of document 2.5: the cursor stays filled on the last page; an empty result has no total."""
    at, contact = cursor(shown[-1]) if shown else (None, None)
    following = urlencode({"startAfter": at, "startAfterId": contact, "page": page + 1})
    return {
        "total": total or None,
        "nextPageUrl": INTERNAL + following if more else None,
        "startAfter": at,
        "startAfterId": contact,
        "currentPage": page,
        "nextPage": page + 1 if more else None,
        "prevPage": page - 1 if page > 1 else None,
    }


def _checked_body() -> Json:
    body = json_body()
    check(body, BODY)
    check(body.get("additionalDetails", {}), MORE)
    _check_text("query", body.get("query", ""))
    if body.get("searchAfter") and "page" in body:  # assumption (2.6): the two together are refused
        raise Refused(422, ["page should not exist together with searchAfter"])
    return body


def _direction(sort: list[Any]) -> str:
    """Return the order of the only sort field that is established, date_added (document, 2.6 and 10)."""
    for entry in sort:
        if not isinstance(entry, dict) or entry.get("field") != "date_added":
            raise Refused(422, [f"Invalid sort field - {entry.get('field') if isinstance(entry, dict) else entry}"])
        if entry.get("direction", "desc") not in ("asc", "desc"):
            raise Refused(422, ["direction must be one of the following values: asc, desc"])
    return f"added_{sort[0].get('direction', 'desc')}" if sort else "added_desc"


def _test(entry: object) -> Callable[[Json], bool]:
    """Return the test of one filter entry; groups nest (document, 2.6)."""
    if not isinstance(entry, dict):
        raise Refused(422, ["filters must contain objects"])
    if "group" in entry:
        parts = entry.get("filters")
        if entry["group"] not in ("AND", "OR") or not isinstance(parts, list):
            raise Refused(422, [f"Invalid group - {entry['group']}"])
        tests, combine = [_test(part) for part in parts], all if entry["group"] == "AND" else any
        return lambda record: combine(test(record) for test in tests)
    value_of = _value_of(str(entry.get("field")))
    wanted = entry.get("value")
    match entry.get("operator"):
        case "eq":
            choices = wanted if isinstance(wanted, list) else [wanted]
            return lambda record: value_of(record) in choices
        case "range":
            lowest, highest = _bounds(wanted)
            return lambda record: is_number(value := value_of(record)) and lowest <= value <= highest
    raise Refused(422, [f"Invalid operator - {entry.get('operator')}"])


def _value_of(field: str) -> Callable[[Json], Any]:
    if field.startswith("custom_fields."):
        id = field.removeprefix("custom_fields.")
        return lambda record: record["customFields"].get(id)
    if field not in FIELDS:
        raise Refused(422, [f"Invalid field - {field}"])
    name = FIELDS[field]
    return lambda record: record[name]


def _bounds(value: object) -> tuple[float, float]:
    """Return a range of epoch seconds from `gte` and `lte`: milliseconds or ISO dates, a date to its end (2.6)."""
    if not isinstance(value, dict) or not value or value.keys() - {"gte", "lte"}:
        raise Refused(422, ["value must be an object with gte and lte"])
    return _instant(value.get("gte"), float("-inf"), 0), _instant(value.get("lte"), float("inf"), DAY_S - 0.001)


def _instant(value: object, absent: float, whole_day_s: float) -> float:
    if value is None:
        return absent
    if isinstance(value, int | float):
        return value / 1000
    try:
        return epoch(str(value)) + (whole_day_s if len(str(value)) == len("2026-01-01") else 0)
    except ValueError as error:
        raise Refused(422, [f"Invalid date - {value}"]) from error


def _stage_totals(rows: list[Json]) -> list[Json]:
    found: dict[str, Json] = {}
    names = ("totalValue", "weightedValue", "openValue", "openWeightedValue", "wonValue")
    for record in rows:
        blank = {"pipelineStageId": record["pipelineStageId"], "totalCount": 0, **dict.fromkeys(names, 0)}
        sums = found.setdefault(record["pipelineStageId"], blank)
        value = record["monetaryValue"] or 0
        weighted = value * (record["forecastProbability"] or 0) / 100
        is_open, is_won = record["status"] == "open", record["status"] == "won"
        sums["totalCount"] += 1
        for name, amount in zip(
            names, (value, weighted, value * is_open, weighted * is_open, value * is_won), strict=True
        ):
            sums[name] += amount
    return list(found.values())
