"""How Plazbot wraps, refuses and spells. Sources of the facts: docs/vendors/plazbot.md, by section."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from bridge.connectors.base import json_object
from bridge.connectors.http import Answer
from bridge.core.errors import BridgeError, Disconnected, Permanent, Transient
from bridge.core.fields import plain
from bridge.core.model import Native

WRAPPERS = ("opportunity", "oportunity", "data")  # the misspelling is the vendor's (2.4)
NEVER = "0001-"  # a time of the year 1 is no time


def surprise(what: str) -> Transient:
    """Return the error for an answer that is not as documented. what: the part of it, never a value."""
    return Transient("unexpected_answer", what, in_doubt=True)


def judged(answer: Answer, *, writing: bool = False) -> Any:
    """Return the parsed body of a success; raises what the status, or the code beside `success: false`, means."""
    status, body = verdict(answer)
    if status == 200:
        return body
    raise _failure(status, answer, writing)


def verdict(answer: Answer) -> tuple[int, Any]:
    """
    Return the status that counts, and the body of a 2xx answer.

    A 2xx with `success: false` is a failure (1.2): its status is the `code` of the body, or 0 when that says nothing.
    """
    if not 200 <= answer.status < 300:
        return answer.status, None
    body = answer.json()
    if not isinstance(body, dict) or body.get("success", True) is True:
        return 200, body
    code = body.get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else 0, body


def _failure(status: int, answer: Answer, writing: bool) -> BridgeError:
    """Return the error for a status; the vendor's message may hold values, so only its errorCode is told."""
    code = json_object(answer.body).get("errorCode")
    told = f"HTTP {answer.status}" + (f" {code}" if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", str(code or "")) else "")
    if status == 401:
        return Disconnected("unauthorized", "the key, the login or the workspace id is refused: set them anew")
    if status == 403:
        return Permanent("forbidden", told)
    if status == 404 and answer.body.lstrip()[:1] in (b"", b"{", b"["):
        return Permanent("not_found", f"{told}: the deal, or what the call names, does not exist")
    if status == 429:
        return Transient("throttled", told, whole=True)
    if status >= 500 or status == 408:
        return Transient("server_error", told, in_doubt=True)
    if status == 0:
        return Permanent("refused", told) if writing else Transient("refused", told)
    return Permanent("refused", told) if 400 <= status != 404 else surprise(told)


def unwrapped(body: Any) -> dict[str, Any] | None:
    """
    Return the one record in an answer, however it is wrapped (2.3), or None when there is none in it.

    Known: the record itself, alone in a list, and either under `data`, `opportunity` or `oportunity`, also nested.
    """
    while True:
        if body is None or body == []:
            return None
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        elif not isinstance(body, dict):
            raise surprise("not one record")
        elif (wrapper := next((name for name in WRAPPERS if name in body), None)) is None:
            return body
        else:
            body = body[wrapper]


def within(body: Any, *names: str) -> Any:
    """Return what stands in a body under names inside one another, or None when something is not as documented."""
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def objects(rows: Any, what: str) -> list[dict[str, Any]]:
    """Return a list of JSON objects; raises Transient, naming `what`, when it is anything else."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise surprise(what)
    return rows


def segment(vendor_id: str) -> str:
    """Return an id as a part of a path; without one, the path would be that of the list."""
    if vendor_id in ("", ".", ".."):
        raise Permanent("bad_id", "not the id of a record")
    return quote(vendor_id, safe="")


def _text(given: Any) -> Native:
    if given is not None and not isinstance(given, str):
        raise ValueError
    return given


def _id(given: Any) -> Native:
    return _text(given) or None  # "" is none too (2.1)


def _number(given: Any) -> Native:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise ValueError
    return plain(str(given))


def _moment(given: Any) -> Native:
    """Return a day where the vendor shows midnight, else the UTC time; a time without zone is UTC (6)."""
    if given in (None, "") or str(given).startswith(NEVER):
        return None
    if not isinstance(given, str):
        raise ValueError
    there = datetime.fromisoformat(given)
    utc = (there.astimezone(UTC) if there.tzinfo else there).replace(tzinfo=None)
    return utc.date().isoformat() if utc.time() == time() else utc.isoformat(" ", "seconds")


READS: Mapping[str, Callable[[Any], Native]] = {
    "name": _text,
    "description": _text,
    "amount": _number,
    "stageId": _id,
    "assignedAgentId": _id,
    "contactId": _id,
    "expirationDate": _moment,
    "winLossDate": _moment,
}


def shown(key: str, given: Any) -> Native:
    """Return a value of the vendor's record as native; raises Transient when it is not of the documented type."""
    try:
        return READS[key](given)
    except (ValueError, OverflowError):
        raise surprise(key) from None


def said(key: str, value: Native) -> Any:
    """Return a native value as the vendor wants it; no amount is 0, which the vendor cannot tell apart (6)."""
    if key == "amount":
        return Decimal(str(value or 0))
    if key == "expirationDate" and value:
        day, _, hour = str(value).partition(" ")
        return f"{day}T{hour}Z" if hour else f"{day}T00:00:00"  # the form of the vendor's samples (2.1)
    return str(value or "") if key in ("name", "description") else (value or None)


def is_deleted(row: Mapping[str, Any]) -> bool:
    """Tell whether a record was deleted; whether such ones stay in lists is not known (2.1)."""
    given = row.get("deletionDate")
    return bool(given) and not str(given).startswith(NEVER)


def custom_of(row: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the custom fields as they came, or None when the answer does not show them."""
    if "customFields" not in row:
        return None
    return objects(row["customFields"] or [], "customFields")


def label_of(entry: Mapping[str, Any]) -> str:
    """Return what names a custom field: the text that people see."""
    return str(entry.get("name", entry.get("code")))  # some pages of contacts say code (6)


def custom_shown(value: Any) -> Native:
    """Return the value of a custom field: text by the document, but a number is understood too."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return shown("amount", value)
    return shown("name", value)


def overlaid(entries: Sequence[Mapping[str, Any]], changes: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return the custom fields as they were read, with the values of `changes` (by label) in place or behind."""
    kept = [{**entry, "value": changes[label]} if (label := label_of(entry)) in changes else entry for entry in entries]
    known = {label_of(entry) for entry in entries}
    return [*kept, *({"name": label, "value": value} for label, value in changes.items() if label not in known)]
