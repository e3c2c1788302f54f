"""Plazbot's opportunities: the fields of a record, the rule for each written value, dates, and pages of a list."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]

PAGE_ROWS = 20  # section 2.2
AMOUNT_MAX = 10**15  # assumption: some bound; it also refuses what JSON reads as infinite

# Section 2.4: what each dialect of the update takes; all else in the body is ignored.
DIALECT_A = ("name", "description", "amount", "stageId", "contactId", "customFields")
DIALECT_B = ("name", "description", "amount", "stageId", "assignedAgentId", "expirationDate")

# Section 2.1: what a person changes in the vendor's own pages.
PAGE_FIELDS = (*DIALECT_A, "assignedAgentId", "expirationDate", "segmentationId", "winLossStatus", "winLossDate",
               "finalAmount", "deletionDate")  # fmt: skip

# assumption: 0 is documented in samples only; 1 won and 2 lost are ours (sections 2.1 and 8).
OUTCOMES: Mapping[int, str] = {0: "Open", 1: "Won", 2: "Lost"}

ISO = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?)?")
TOKEN = re.compile(r'\{"token":"\+RID:~([A-Za-z0-9+/=]+)#RT:1#TRC:20","range":\{"min":"","max":"FF"\}\}')


class Refusal(Exception):
    """A call that Plazbot refuses, with the HTTP status of section 1.3."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error_code, self.message = status, error_code, message


def invalid(message: str) -> Refusal:
    """Return the refusal of a body or parameter that is missing or malformed: 400."""
    return Refusal(400, "BAD_REQUEST", message)


def unprocessable(message: str) -> Refusal:
    """Return the refusal of a value of the wrong type or against a rule: 422."""
    return Refusal(422, "VALIDATION_ERROR", message)


def unknown(noun: str) -> Refusal:
    """Return the refusal of an id that names nothing: 404."""
    return Refusal(404, "NOT_FOUND", f"{noun} not found.")


def stamp(at: float) -> str:
    """Return epoch seconds as Plazbot writes times: UTC, 7 fractional digits, Z (section 2.1)."""
    seconds, ticks = divmod(int(at * 10_000_000), 10_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ticks:07d}Z"


def zoneless(text: str) -> str:
    """Return an ISO date or time as `expirationDate` stores it: UTC, no zone (section 2.1). Raises ValueError."""
    if not ISO.fullmatch(text):
        raise ValueError(f"not an ISO date: {text}")
    parsed = datetime.fromisoformat(text)
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return f"{aware.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def tidy(text: str) -> str:
    """Return text without outer spaces and with single inner ones."""
    return " ".join(text.split())


def required(body: Mapping[str, object], *names: str) -> None:
    """Refuse a body that lacks one of the names, or gives it as null (400)."""
    if missing := [name for name in names if body.get(name) is None]:
        raise invalid(f"The field {missing[0]} is required.")


@dataclass(frozen=True)
class Rules:
    """What Plazbot asks of each written value of an opportunity; `value` returns what it stores, or refuses."""

    stages: Collection[str]
    contacts: Collection[str]
    users: Collection[str]
    custom_names: Collection[str]
    unknown_custom: str
    foreign_stages: bool
    normalise: bool

    def value(self, field: str, raw: object) -> object:
        """Return the value to store in `field`. Raises Refusal."""
        return CHECKS[field](self, field, raw)

    def text(self, field: str, raw: object) -> str:
        """Take any text, the empty one too."""
        if not isinstance(raw, str):
            raise unprocessable(f"The field {field} must be a string.")
        return raw

    def name(self, field: str, raw: object) -> str:
        """Take a text that is not empty."""
        # assumption: an opportunity cannot lose its name (section 2.4 requires no field and says nothing of "").
        text = self.text(field, raw)
        if not text.strip():
            raise unprocessable(f"The field {field} must not be empty.")
        return tidy(text) if self.normalise else text

    def amount(self, field: str, raw: object) -> int | float:
        """Take a JSON number; digits in quotes are refused (section 1.3)."""
        if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not abs(raw) < AMOUNT_MAX:
            raise unprocessable(f"The field {field} must be a number.")
        return raw

    def stage(self, field: str, raw: object) -> str | None:
        """Take a phase of the workspace, or null."""
        if raw is None:
            return None
        text = self.text(field, raw)
        # assumption: a phase that the workspace does not have is refused (section 6: 422 or accepted).
        if text not in self.stages and not self.foreign_stages:
            raise unprocessable(f"The field {field} is not a phase of this workspace.")
        return text

    def contact(self, field: str, raw: object) -> str | None:
        """Take a contact's id, or null (section 6)."""
        # assumption: "" is shown by some records but is no documented way to empty the field (section 6).
        if raw is not None and self.text(field, raw) not in self.contacts:
            raise unknown("Contact")
        return None if raw is None else str(raw)

    def agent(self, field: str, raw: object) -> str:
        """Take a user's id."""
        # assumption: null is documented for stageId and contactId only, so an owner cannot be emptied (section 6).
        if self.text(field, raw) not in self.users:
            raise unknown("Agent")
        return str(raw)

    def date(self, field: str, raw: object) -> str:
        """Take an ISO date or time."""
        # assumption: as with the owner, null is refused.
        try:
            return zoneless(self.text(field, raw))
        except (ValueError, OverflowError):
            raise unprocessable(f"The field {field} must be an ISO 8601 date.") from None

    def custom(self, field: str, raw: object) -> list[Row]:
        """Take a list of name and value, both text (section 2.4)."""
        if not isinstance(raw, list):
            raise unprocessable(f"The field {field} must be a list.")
        kept: dict[str, str] = {}
        for item in raw:
            if not isinstance(item, dict):
                raise unprocessable(f"The field {field} must hold objects.")
            name, value = self.text(f"{field}.name", item.get("name")), self.text(f"{field}.value", item.get("value"))
            # assumption: only fields that the workspace defines can be filled (definitions: section 8).
            if name not in self.custom_names and self.unknown_custom == "refuse":
                raise unprocessable(f"The custom field {name} does not exist.")
            if name in self.custom_names or self.unknown_custom == "accept":
                kept[name] = value
        return pairs(kept)


CHECKS: Mapping[str, Callable[[Rules, str, object], object]] = {
    "name": Rules.name,
    "description": Rules.text,
    "amount": Rules.amount,
    "stageId": Rules.stage,
    "contactId": Rules.contact,
    "customFields": Rules.custom,
    "assignedAgentId": Rules.agent,
    "expirationDate": Rules.date,
}


def pairs(values: Mapping[str, str]) -> list[Row]:
    """Return custom fields as the API writes them."""
    return [{"name": name, "value": value} for name, value in values.items()]


def merged(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Return the custom fields of both, the new value where a name is in both."""
    return pairs({item["name"]: item["value"] for item in (*old, *new)})


def asked(dialects: str, body: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """
    Return the response key and the fields that an update asks for (section 2.4), or refuse.

    dialects: "A" (paramToUpdate is an unknown field, so ignored), "B" (it is required), "B-silent" (a body without
    it is answered 200 and changes nothing) or "both".
    """
    if dialects == "A" or (dialects == "both" and "paramToUpdate" not in body):
        return "opportunity", {name: body[name] for name in DIALECT_A if name in body}
    if dialects == "B-silent" and "paramToUpdate" not in body:
        return "oportunity", {}
    param = body.get("paramToUpdate")
    if param not in DIALECT_B:
        raise invalid(f"paramToUpdate is required and must be one of {', '.join(DIALECT_B)}.")
    if param not in body:
        raise invalid(f"The field {param}, named by paramToUpdate, is missing.")
    return "oportunity", {str(param): body[str(param)]}


def fresh(row_id: str, code: str, at: float, user: str, workspace: str, **values: object) -> Row:
    """Return a new opportunity as section 2.5 answers it, with `values` over the empty fields."""
    return {
        "id": row_id, "opportCode": code, "opportStatus": 1, "winLossStatus": 0, "winLossDate": None, "finalAmount": 0,
        "creationDate": stamp(at), "creationTypeId": 1, "updatedDate": None, "deletionDate": None, "userDeletion": None,
        "statusId": 1, "files": [], "orderInCards": 0, "orderInCardsLastUpdated": stamp(at + 1), "activities": [],
        "segmentationId": None, "workspaceId": workspace, "name": "", "description": "", "amount": 0,
        "userCreation": user, "contactId": "", "expirationDate": None, "assignedAgentId": None, "stageId": None,
        "customFields": [],
    } | values  # fmt: skip


def order(by: str, row: Row) -> list[Any]:
    """Return what a list is sorted by: "creation" or "cards" (section 7; the vendor's order is unspecified)."""
    first = row["orderInCards"] if by == "cards" else row["creationDate"]
    return [first, row["creationDate"], row["id"]]


def page_after(rows: Sequence[Row], by: str, token: str | None) -> tuple[list[Row], str | None]:
    """Return up to 20 rows after those that `token` names, and the token of the next page, None after a short one."""
    ranked = sorted(rows, key=lambda row: order(by, row))
    if token:
        mark = unsealed(token)
        if not isinstance(mark, list):
            raise invalid("The continuationToken is not valid.")
        ranked = [row for row in ranked if order(by, row) > mark]
    page = ranked[:PAGE_ROWS]
    # A full last page still carries a token; the page after it is empty (section 2.2: null when fewer than 20).
    return page, sealed(order(by, page[-1])) if len(page) == PAGE_ROWS else None


def page_at(rows: Sequence[Row], by: str, token: str | None, shift: int) -> tuple[list[Row], str | None]:
    """Return a page by position, in a list whose last `shift` rows have meanwhile moved to its front (section 2.2)."""
    ranked = sorted(rows, key=lambda row: order(by, row))
    turn = -shift % len(ranked) if ranked else 0
    ranked = ranked[turn:] + ranked[:turn]
    start = unsealed(token) if token else 0
    if not isinstance(start, int):
        raise invalid("The continuationToken is not valid.")
    page = ranked[start : start + PAGE_ROWS]
    return page, sealed(start + PAGE_ROWS) if len(page) == PAGE_ROWS else None


def sealed(mark: object) -> str:
    """Return a token like a document database's cursor, with signs that a query string must escape (section 2.2)."""
    text = b64encode(json.dumps(mark).encode()).decode()
    return f'{{"token":"+RID:~{text}#RT:1#TRC:20","range":{{"min":"","max":"FF"}}}}'


def unsealed(token: str) -> object:
    """Return what `sealed` was given, or refuse a token that it did not make."""
    if not (match := TOKEN.fullmatch(token)):
        raise invalid("The continuationToken is not valid.")
    try:
        return json.loads(b64decode(match[1], validate=True))
    except ValueError:
        raise invalid("The continuationToken is not valid.") from None
