"""A deal of GetFly on the wire: rows of reads, answers to writes, and what a failure means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from bridge.connectors.base import json_object
from bridge.connectors.http import Answer
from bridge.core.errors import BridgeError, Disconnected, Permanent, Transient
from bridge.core.fields import Phone, Words, digits, plain
from bridge.core.model import Canonical, Native

LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)([ T]\d\d:\d\d(:\d\d)?)?")
DUPLICATE = ("trùng", "duplicate")  # not "tồn tại": "không tồn tại" says that something does not exist

Row = dict[str, Any]


@dataclass(frozen=True)
class NationalPhone(Phone):
    """
    A phone number that the vendor keeps in national form, `0912345678`.

    country: the code that the leading zero stands for, `84`; "" takes the digits as they are.
    """

    country: str = ""

    def decode(self, n: Native, words: Words) -> Canonical:
        text = digits(n)
        if self.country and text.startswith("0"):
            text = text[2:] if text.startswith("00") else self.country + text[1:]
        return text or None

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        text = str(c or "")
        if self.country and text.startswith(self.country):
            return "0" + text[len(self.country) :]
        return text if text.startswith("0") else super().encode(c, words, scope)

    def same(self, a: Native, b: Native) -> bool:
        return self.decode(a, Words()) == self.decode(b, Words())


def shown(row: Row, served: Collection[str], zone: tzinfo) -> dict[str, Native]:
    """
    Return the native values that a row or an answer shows; what it does not hold is unknown.

    served: the undocumented fields that this account's reads show; others count for nothing where an answer has them.
    """
    fields: dict[str, Native] = {}
    for name, key in (
        ("name", "opportunity_name"),
        ("account_name", "account_name"),
        ("account_email", "account_email"),
        ("account_phone", "phone_office"),
    ):
        if key in row:
            fields[name] = text(row, key)
    if "probability" in row:
        percent = _decimal(row, "probability")
        fields["probability"] = None if percent is None else round(percent)
    if "recipient" in row:
        fields["owner"] = _id_text(row, "recipient")
    if "campaign_id" in row:
        fields["pipeline"] = _id_text(row, "campaign_id")
        if "opportunity_status" in row and fields["pipeline"]:
            stage = _id_text(row, "opportunity_status")
            fields["stage"] = fields["status"] = f"{fields['pipeline']}/{stage}" if stage else None
    return fields | _extra({key: row[key] for key in served if key in row}, zone)


def _extra(row: Row, zone: tzinfo) -> dict[str, Native]:
    fields: dict[str, Native] = {}
    if "description" in row:
        fields["description"] = text(row, "description")
    if "amount" in row:
        amount = _decimal(row, "amount")
        fields["amount"] = None if amount is None else plain(str(amount))
    if "est_finish_date" in row:
        fields["expected_close"] = day(row, "est_finish_date", zone)
    if "account_code" in row:
        fields["account"] = text(row, "account_code") or None
    return fields


def number(row: Row, key: str) -> int | None:
    """Return a whole number, also where it is written as text; None when absent, null or empty."""
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise odd(key)
    return value


def id_of(row: Row) -> int:
    if not (value := number(row, "id")):
        raise odd("id")
    return value


def text(row: Row, key: str) -> str | None:
    value = row.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise odd(key)
    return None if value is None else str(value)


def day(row: Row, key: str, zone: tzinfo) -> str | None:
    """Return the local day of epoch seconds (answers to writes) or of local text (reads); None when unset."""
    value = row.get(key)
    if value in (None, "", 0, "0") or str(value).startswith("0000-"):
        return None
    try:
        if isinstance(value, str) and (parts := LOCAL.fullmatch(value)):
            return date.fromisoformat(parts[1]).isoformat()
        seconds = number(row, key)
        return datetime.fromtimestamp(seconds or 0, UTC).astimezone(zone).date().isoformat()
    except (ValueError, OverflowError, OSError):
        raise odd(key) from None


def _id_text(row: Row, key: str) -> str | None:
    value = number(row, key)
    return str(value) if value else None


def _decimal(row: Row, key: str) -> Decimal | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise odd(key)
    try:
        return Decimal(plain(str(value)))
    except ValueError:
        raise odd(key) from None


def rows_of(body: Row) -> list[Row]:
    """Return the rows of a list; the vendor also prints a single row without brackets (vendor document 3.1)."""
    rows = body.get("data")
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise odd("a list")
    return rows


def bare(body: Row) -> Row:
    """Return one object, which some reads wrap in `data` and some do not (vendor document 2.3)."""
    inner = body.get("data")
    return inner if isinstance(inner, dict) and "id" not in body else body


def stage_said(patch: Mapping[str, Native], campaign: int) -> int | None:
    """Return the stage id that a patch asks for, or None when it leaves the stage alone; raises Permanent."""
    wanted = {str(patch[name]) for name in ("stage", "status") if name in patch}
    if not wanted:
        return None
    if len(wanted) > 1:
        raise Permanent("stage_and_status_differ", "GetFly shows the status only by the stage: they are one value")
    scope, _, stage = wanted.pop().rpartition("/")
    if not (stage.isascii() and stage.isdigit()):
        raise Permanent("bad_value", "the stage's choice is not <campaign id>/<status id>")
    if scope != str(campaign):
        raise Permanent("other_campaign", "the stage's choice belongs to another campaign than the deal")
    return int(stage)


def succeeded(answer: Answer) -> bool:
    """Tell whether this is a 2xx without errors in its body; messages are localised and decide nothing."""
    return 200 <= answer.status < 300 and not json_object(answer.body).get("errors")


def is_gone(answer: Answer) -> bool:
    """Tell whether a 404 speaks of the record: an unknown route answers HTML, or names the route."""
    return answer.status == 404 and answer.body.lstrip().startswith(b"{") and "route" not in _message(answer).casefold()


def failure(answer: Answer) -> BridgeError:
    """Return the error for an answer; the vendor's text may hold values, so only the names of fields are kept."""
    status, what = answer.status, f"HTTP {answer.status}"
    if status == 401:
        return Disconnected("unauthorized", "GetFly refuses the key: set a new one, from Settings, Integrations")
    if status == 403:
        return Permanent("forbidden", f"{what}: GetFly does not take this call, or not with this key")
    if status == 404:
        return Permanent("no_route", f"{what}: this account has no such call")
    if status in (400, 409, 422) or status < 300:
        twice = status == 409 or any(word in _message(answer).casefold() for word in DUPLICATE)
        return Permanent("duplicate" if twice else "refused", f"{what} {_named(answer)}".strip())
    if status >= 500:
        return Transient("server_error", what, in_doubt=True)
    return Transient("unexpected_answer", what, in_doubt=True)


def _message(answer: Answer) -> str:
    body = json_object(answer.body)
    return " ".join(str(body[key]) for key in ("message", "error", "msg", "errors") if body.get(key))


def _named(answer: Answer) -> str:
    errors = json_object(answer.body).get("errors")
    keys = sorted(key for key in errors if key.isascii() and key.isidentifier()) if isinstance(errors, dict) else []
    return "for " + ", ".join(keys[:10]) if keys else ""


@contextmanager
def in_doubt(value: bool) -> Iterator[None]:
    """Say of every Transient inside whether the vendor may have applied something by then."""
    try:
        yield
    except Transient as error:
        raise Transient(error.reason, error.detail, after_s=error.after_s, in_doubt=value, whole=error.whole) from error


def odd(what: str) -> Transient:
    return Transient("unexpected_answer", f"{what} is not as documented", in_doubt=True)
