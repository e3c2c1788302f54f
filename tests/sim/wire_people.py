"""
What people see and enter in the pages of the five simulated vendors, by tables that share nothing with the bridge.

Meanings of choices come from data/sample/choices.csv, read here; times, amounts and texts are understood by hand.
"""

from __future__ import annotations

import csv
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

SAMPLE = Path("data/sample")
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SOURCES = ("Web", "Referral", "Fair")
CHOICES = ("stage", "status", "owner")
COUPLED = ("stage", "status")

Value = str | int | None
Rows = Sequence[Mapping[str, str]]


@cache
def sample(file: str) -> Rows:
    with (SAMPLE / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@cache
def meanings(connection: str) -> Mapping[tuple[str, str], str]:
    """Return what each native choice means, by field and native value."""
    rows = [r for r in sample("choices.csv") if r["connection"] == connection and r["use"] != "write"]
    return {(r["field"], r["native"]): r["canonical"] for r in rows}


@cache
def written_for(connection: str) -> frozenset[tuple[str, str, str]]:
    """Return field, canonical and native value of all that a write may use."""
    rows = [r for r in sample("choices.csv") if r["connection"] == connection and r["use"] != "read"]
    return frozenset((r["field"], r["canonical"], r["native"]) for r in rows)


class People(ABC):
    """
    One vendor's pages. sim: the simulated account. rich: it shows or takes what the vendor's documents leave open.

    fields: what people edit. readonly: what the bridge never writes there. names: the vendor's own names of stored and
    sent values, with the canonical fields that they are.
    """

    vendor: ClassVar[str]
    deal: ClassVar[str]
    rich_switches: ClassVar[Mapping[str, Any]] = {}
    rich_options: ClassVar[Mapping[str, Any]] = {}
    poor_options: ClassVar[Mapping[str, Any]] = {}
    by_stage: ClassVar[bool] = True
    hooked: ClassVar[bool] = True
    fields: tuple[str, ...]
    readonly: frozenset[str] = frozenset()
    names: ClassVar[Mapping[str, tuple[str, ...]]]
    entries: ClassVar[Mapping[str, str]] = {}  # canonical to the name under which a person enters it as it is shown
    stages: ClassVar[tuple[str, ...]]
    owners: ClassVar[tuple[str, str]]
    currency: ClassVar[str] = " USD"  # of an amount that is shown without one

    def __init__(self, sim: Any, rich: bool) -> None:
        self.sim = sim

    # what is stored

    @abstractmethod
    def stored(self) -> dict[str, Any]:
        """Return all that is stored of the deal, by the vendor's names, but for counters and times of saving."""

    @abstractmethod
    def shows(self, stored: Mapping[str, Any]) -> dict[str, Value]:
        """Return what the pages show of it, by canonical name."""

    @abstractmethod
    def deals(self) -> int: ...

    def changed(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
        """Return the canonical fields that differ; anything else under the vendor's own name."""
        was, now = self.shows(before), self.shows(after)
        found = {field for field in now if was[field] != now[field]}
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                found |= {field for field in self.names.get(name, (name,)) if field not in now}
        return frozenset(found)

    # what people do

    def value(self, field: str, n: int) -> Value:
        if field == "stage":
            return self.stages[n % len(self.stages)]
        if field == "owner":
            return self.owners[n % 2]
        gap = "  " if n % 3 == 0 else " "
        return {
            "name": f"Deal{gap}number {n:04d}",
            "description": f"words {n:04d}" + ("\nand more of them" if n % 4 == 0 else ""),
            "amount": self._sum(f"{2000 + 7 * n}.5"),
            "status": ("won", "open", "lost", "abandoned", "open")[n % 5],
            "probability": (11 + n) % 101,
            "expected_close": self._date(date(2027, 1, 1) + timedelta(days=n % 900), n),
            "custom.source": SOURCES[n % 3],
        }[field]

    def _sum(self, number: str) -> str:
        return number

    def _date(self, day: date, n: int) -> str:
        """Return a day as the pages keep it."""
        return day.isoformat()

    def entered(self, field: str, value: Value) -> dict[str, Any]:
        """Return what a person changes in the vendor's form so that the deal shows this."""
        return {self.entries[field]: value}

    # what it means

    def says(self, field: str, shown: Value) -> Value:
        if shown in (None, ""):
            return None
        text = str(shown)
        if field in CHOICES:
            return meanings(self.vendor).get((field, text), f"unknown:{text}")
        if field == "amount":
            number, _, currency = text.partition(" ")
            return _plain(number) + (f" {currency}" if currency else self.currency)
        if field == "probability":
            return int(shown)  # type: ignore[arg-type]
        if field == "expected_close":
            return self._day(text)
        return text.replace("\r\n", "\n").strip() or None

    def _day(self, text: str) -> str:
        return text[:10]

    def fits(self, field: str, canonical: object, shown: Value) -> bool:
        said = self.says(field, shown)
        if said == canonical:
            return True
        if field in CHOICES:
            return (field, canonical, shown) in written_for(self.vendor)
        if field in ("amount", "probability"):
            return _nothing(said) and _nothing(canonical)
        if field == "name" and self.sim.switch["normalise"]:
            return " ".join(str(canonical).split()) == said
        return False

    def status_of(self, stage: object) -> object:
        """Return the status that a canonical stage shows, where the stage tells it."""
        known = meanings(self.vendor)
        natives = [native for (field, native), meaning in known.items() if field == "stage" and meaning == stage]
        return known.get(("status", natives[0])) if natives and self.by_stage else None

    # how it is called

    @abstractmethod
    def writes(self, method: str, path: str) -> bool:
        """Tell whether a call changes a deal."""

    def reads(self, path: str, params: tuple[tuple[str, str], ...]) -> bool:
        """Tell whether a call names the deal."""
        return self.deal in re.split(r"[/.]", path) or any(self.deal == value for _, value in params)

    @abstractmethod
    def spoilt(self, path: str, body: Any) -> tuple[str, Any]:
        """Return path and body of a write with a value in it that the vendor does not take."""

    def carried(self, path: str, body: Any) -> frozenset[str]:
        """Return the canonical fields that a write names, changed or not."""
        said = [*_words(body), *re.split(r"[/.]", path)]
        return frozenset(field for word in said for field in self.names.get(word, ()))


def _plain(number: str) -> str:
    value = Decimal(number)
    return f"{value.normalize():f}" if value else "0"


def _nothing(said: object) -> bool:
    return said is None or str(said).split(" ")[0] == "0"


def _words(body: Any) -> Iterator[str]:
    """Return every name, and every text in the place of a name, of a JSON value."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            yield str(name)
            yield from _words(value)
    elif isinstance(body, list | tuple):
        for value in body:
            yield from _words(value)
    elif isinstance(body, str):
        yield body


class GetflyPeople(People):
    """Campaign 8; amounts, days and descriptions show only in a rich account, and only descriptions are taken."""

    vendor, deal = "getfly", "CH2055057"
    rich_switches: ClassVar[Mapping[str, Any]] = {"extra_fields": "amount,description,est_finish_date,account_code"}
    stages = ("8/32", "8/33", "8/34", "8/31", "8/35")
    owners = ("3", "2")
    names: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "opportunity_name": ("name",),
        "description": ("description",),
        "amount": ("amount",),
        "opportunity_status": COUPLED,
        "probability": ("probability",),
        "recipient": ("owner",),
        "recipient_username": ("owner",),
        "est_finish_date": ("expected_close",),
        "account_id": ("account",),
        "account_code": ("account",),
        "campaign_id": ("pipeline",),
        "campaign_code": ("pipeline",),
        "account_name": ("account_name",),
    }
    entries: ClassVar[Mapping[str, str]] = {
        "name": "opportunity_name",
        **{f: f for f in ("description", "probability")},
    }

    def __init__(self, sim: Any, rich: bool) -> None:
        super().__init__(sim, rich)
        seldom = ("description", "amount", "expected_close") if rich else ()
        self.fields = ("name", "stage", "owner", "probability", *seldom)
        self.readonly = frozenset({"name", "probability", "amount", "expected_close"} & set(self.fields))

    def stored(self) -> dict[str, Any]:
        kept = self.sim.records
        deal = kept.deals[2055057]
        moved = ("updated_at", "receipt_date")
        customer = {name: kept.accounts[deal["account_id"]][name] for name in ("account_name", "email", "phone_office")}
        return {name: value for name, value in deal.items() if name not in moved} | customer

    def shows(self, stored: Mapping[str, Any]) -> dict[str, Value]:
        stage = f"{stored['campaign_id']}/{stored['opportunity_status']}"
        close, amount = stored["est_finish_date"], stored["amount"]
        every = {
            "name": stored["opportunity_name"],
            "description": stored["description"],
            "amount": None if amount is None else str(amount),
            "stage": stage,
            "probability": stored["probability"],
            "owner": str(stored["recipient"]),
            "expected_close": close and datetime.fromtimestamp(close, ZONE).isoformat(" "),
        }
        return {**{field: every[field] for field in self.fields}, "status": stage}

    def _date(self, day: date, n: int) -> str:
        return datetime(day.year, day.month, day.day, n % 24, tzinfo=ZONE).isoformat(" ")

    def entered(self, field: str, value: Value) -> dict[str, Any]:
        if field == "stage":
            return {"opportunity_status": int(str(value).partition("/")[2])}
        if field == "owner":
            return {"recipient": int(str(value))}
        if field == "amount":
            return {"amount": float(str(value))}
        if field == "expected_close":
            return {"est_finish_date": int(datetime.fromisoformat(str(value)).timestamp())}
        return super().entered(field, value)

    def deals(self) -> int:
        return len(self.sim.records.deals)

    def writes(self, method: str, path: str) -> bool:
        return method != "GET" and "/opportunity" in path

    def spoilt(self, path: str, body: Any) -> tuple[str, Any]:
        return path, {**body, "opportunity_status": 9_999, "recipient_username": "nobody there"}


class OnlyofficePeople(People):
    """
    A deal in dollars. Who changes the stage fills in probability and close date as they were: else the page sets both.

    Stages 4 and 5 also mean qualified, 6 and 7 proposal.
    """

    vendor, deal = "onlyoffice", "17"
    hooked = False
    fields = ("name", "description", "amount", "stage", "owner", "probability", "expected_close", "custom.source")
    stages = ("2", "3", "4", "8", "1", "5", "6", "9", "7")
    owners = ("7d1a4c52-0b6e-4f0e-9a4b-3c8f5d2e6b71", "293bb997-28d8-4be0-8547-6eb50add1f3c")
    names: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "title": ("name",),
        "description": ("description",),
        "bidValue": ("amount",),
        "bidCurrencyAbbr": ("amount",),
        "stageid": COUPLED,
        "stage": COUPLED,
        "successProbability": ("probability",),
        "responsibleid": ("owner",),
        "contactid": ("contact",),
        "members": ("contact",),
        "expectedCloseDate": ("expected_close",),
        "actualCloseDate": ("actual_close",),
        "customFieldList": ("custom.source",),
        "customField_5": ("custom.source",),
        "customfield": ("custom.source",),
    }
    entries: ClassVar[Mapping[str, str]] = {
        "name": "title",
        "description": "description",
        "owner": "responsibleid",
        "probability": "successProbability",
        "expected_close": "expectedCloseDate",
        "custom.source": "customField_5",
    }

    def stored(self) -> dict[str, Any]:
        row = vars(self.sim.portal.deal(17)).copy()
        custom = {f"customField_{key}": value for key, value in row.pop("custom").items()}
        return {OFFICE_COLUMNS.get(name, name): value for name, value in row.items()} | custom

    def shows(self, stored: Mapping[str, Any]) -> dict[str, Value]:
        close, stage = stored["expectedCloseDate"], str(stored["stageid"])
        return {
            "name": stored["title"],
            "description": stored["description"],
            "amount": f"{_plain(str(stored['bidValue']))} {stored['bidCurrencyAbbr']}",
            "stage": stage,
            "status": stage,
            "owner": stored["responsibleid"],
            "probability": stored["successProbability"],
            "expected_close": close and close.astimezone(ZONE).date().isoformat(),
            "custom.source": stored.get("customField_5"),
        }

    def _sum(self, number: str) -> str:
        return f"{number} USD"

    def entered(self, field: str, value: Value) -> dict[str, Any]:
        if field == "amount":
            number, _, currency = str(value).partition(" ")
            return {"bidValue": number, "bidCurrencyAbbr": currency}
        if field == "stage":
            now = self.sim.portal.deal(17)
            return {"stageid": value, "successProbability": now.probability, "actualCloseDate": now.actual}
        return super().entered(field, value)

    def deals(self) -> int:
        return len(self.sim.portal.deals())

    def writes(self, method: str, path: str) -> bool:
        return method != "GET" and "/crm/opportunity" in path

    def spoilt(self, path: str, body: Any) -> tuple[str, Any]:
        if "/customfield/" in path:
            return path.replace("/opportunity/17/", "/opportunity/0/"), body
        if "/stage/" in path:
            return path, {**body, "stageid": -1}
        return path, {**body, "bidCurrencyAbbr": "XXX"}


# How the row of a deal is called where it is sent, where that differs.
OFFICE_COLUMNS = {
    "stage": "stageid",
    "currency": "bidCurrencyAbbr",
    "bid_value": "bidValue",
    "probability": "successProbability",
    "responsible": "responsibleid",
    "contact": "contactid",
    "expected": "expectedCloseDate",
    "actual": "actualCloseDate",
}
