"""What a field can do on a connection: how its native values are understood, said and compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Literal

from bridge.core.errors import Unsayable
from bridge.core.model import Canonical, Native

# The canonical opportunity, in the order in which tables and pages show it. Custom fields are `custom.<name>`.
FIELDS: Mapping[str, str] = {
    "name": "what the deal is called",
    "description": "free text",
    "amount": "expected value with its currency, `1500.5 USD`",
    "stage": "choice: where it stands in the pipeline",
    "status": "choice: open, won, lost or abandoned",
    "lost_reason": "choice: why it was lost",
    "probability": "percent, 0 to 100",
    "owner": "choice: who works on it",
    "contact": "the link of the person",
    "account": "the link of the company",
    "pipeline": "choice: pipeline or campaign",
    "expected_close": "day, `2026-12-31`",
    "actual_close": "day",
    "contact_name": "the person's name as the deal shows it",
    "contact_email": "e-mail address",
    "contact_phone": "digits with country code",
    "account_name": "the company's name as the deal shows it",
    "account_email": "e-mail address",
    "account_phone": "digits with country code",
}


IN_SCOPE = re.compile(r".* in \w+ '(.*)'$", re.S)


@dataclass(frozen=True)
class Words:
    """
    The choices of one connection, and the contacts and accounts that are linked there.

    meaning: (field, native) to canonical. says: (field, canonical) to the native values that a write may use.
    """

    meaning: Mapping[tuple[str, str], str] = field(default_factory=dict)
    says: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """
    One canonical field on one connection. Subclasses know a type; this one passes values through.

    name: canonical. native: the vendor's own name. readonly: why it is never written here ("" when it is).
    unread: why it cannot be read back here ("" when it can). rewrites: the vendor turns it into something that
    nobody can predict. via: the field whose native value this one shares (a status that only the stage tells).
    """

    name: str
    native: str
    readonly: str = ""
    unread: str = ""
    rewrites: bool = False
    via: str = ""

    def decode(self, n: Native, words: Words) -> Canonical:
        return n

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        """Return the native value that says `c`; raises Unsayable. scope: the native pipeline the record is in."""
        return c

    def same(self, a: Native, b: Native) -> bool:
        """Tell whether two native values differ at most in their looks."""
        return (a or None) == (b or None)


@dataclass(frozen=True)
class Text(Field):
    """Text, cut to `limit` characters where the vendor has one. blank: whether the vendor can hold none."""

    limit: int | None = None
    blank: bool = True

    def decode(self, n: Native, words: Words) -> Canonical:
        return _tidy(n) or None

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        text = "" if c is None else str(c)
        if not self.blank and not text.strip():
            raise Unsayable(f"{self.name} cannot be empty here", f"write a {self.name} on the side that emptied it")
        return text[: self.limit] if self.limit else text

    def same(self, a: Native, b: Native) -> bool:
        return _tidy(a) == _tidy(b)


@dataclass(frozen=True)
class Email(Text):
    def decode(self, n: Native, words: Words) -> Canonical:
        return _tidy(n).lower() or None

    def same(self, a: Native, b: Native) -> bool:
        return _tidy(a).lower() == _tidy(b).lower()


@dataclass(frozen=True)
class Phone(Text):
    """A phone number; canonical: its digits."""

    def decode(self, n: Native, words: Words) -> Canonical:
        return digits(n) or None

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        return f"+{c}" if c else ""

    def same(self, a: Native, b: Native) -> bool:
        return digits(a) == digits(b)


@dataclass(frozen=True)
class Money(Field):
    """
    An amount. Native: `1500.5` where the connection has one fixed `currency`, else `1500.5 USD`.

    places: decimals that the vendor keeps.
    """

    currency: str = ""
    places: int = 2

    def decode(self, n: Native, words: Words) -> Canonical:
        if n in (None, ""):
            return None
        number, _, currency = str(n).partition(" ")
        return f"{plain(number)} {currency or self.currency}".rstrip()

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        if c is None:
            return None
        number, _, currency = str(c).partition(" ")
        rounded = plain(str(round(Decimal(number), self.places)))
        if not self.currency:
            return f"{rounded} {currency}"
        if currency != self.currency and rounded != "0":
            raise Unsayable(
                f"the amount is in {currency}, this connection keeps {self.currency}",
                f"write the amount in {self.currency} on the side that has {currency}",
            )
        return rounded

    def same(self, a: Native, b: Native) -> bool:
        return _money(a) == _money(b)


@dataclass(frozen=True)
class Percent(Field):
    def decode(self, n: Native, words: Words) -> Canonical:
        return None if n in (None, "") else max(0, min(100, round(Decimal(str(n)))))

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        return 0 if c is None else int(c)

    def same(self, a: Native, b: Native) -> bool:
        return self.decode(a, Words()) == self.decode(b, Words()) or (not a and not b)


@dataclass(frozen=True)
class Day(Field):
    """
    A calendar day. Native: `2026-12-31`, or with a `zone` a UTC time `2026-12-30 17:00:00` that falls on it there.

    The whole UTC time is kept when the day already says the same.
    """

    zone: tzinfo | None = None

    def decode(self, n: Native, words: Words) -> Canonical:
        if not n:
            return None
        if self.zone is None or len(str(n)) == len("2026-12-31"):
            return str(n)[:10]
        utc = datetime.strptime(str(n)[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        return utc.astimezone(self.zone).date().isoformat()

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        if c is None:
            return None
        if self.zone is None:
            return str(c)
        midnight = datetime.strptime(str(c), "%Y-%m-%d").replace(tzinfo=self.zone)
        return midnight.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def same(self, a: Native, b: Native) -> bool:
        return self.decode(a, Words()) == self.decode(b, Words())


@dataclass(frozen=True)
class Choice(Field):
    """
    One value out of a vendor's list. Native: its id as text.

    scope: the field whose native value the list depends on (a pipeline has its own stages); native values are then
    `<scope>/<id>`. blank: whether the vendor can hold no value at all.
    """

    scope: str = ""
    blank: bool = True
    table: Literal["choice", "link"] = "choice"

    def decode(self, n: Native, words: Words) -> Canonical:
        if n in (None, ""):
            return None
        return words.meaning.get((self.name, str(n)), f"unknown:{n}")

    def encode(self, c: Canonical, words: Words, scope: str = "") -> Native:
        if c is None:
            if self.blank:
                return None
            raise Unsayable(f"{self.name} cannot be empty here", f"choose a {self.name} on the side that emptied it")
        if str(c).startswith("unknown:"):
            raise self._unknown(str(c).removeprefix("unknown:"))
        candidates = words.says.get((self.name, str(c)), ())
        if self.scope and scope:
            candidates = tuple(n for n in candidates if n.rpartition("/")[0] == scope)
        if not candidates:
            where = f" in {self.scope} {scope!r}" if self.scope and scope else ""
            raise Unsayable(f"no {self.table} for {self.name} {c!r}{where}", self._cure(str(c)), self.table)
        return candidates[0]

    def same(self, a: Native, b: Native) -> bool:
        return (str(a) if a else "") == (str(b) if b else "")

    def _unknown(self, n: str) -> Unsayable:
        cure = self._cure(f"unknown:{n}")
        return Unsayable(f"nobody has said what {self.name} {n!r} means", cure, "meaning")

    def _cure(self, c: str) -> str:
        return f"add a {self.table} for {self.name} {c!r}"


@dataclass(frozen=True)
class Party(Choice):
    """The contact or the account of a deal: a record of its own, found through its own link. Native: its id."""

    table: Literal["choice", "link"] = "link"

    def _unknown(self, n: str) -> Unsayable:
        return Unsayable(f"nobody has said which {self.name} here is {n!r}", self._cure(f"unknown:{n}"), "link")


def scope_of(reason: str) -> str:
    """Return the native pipeline that `Choice.encode` names when it has no choice; "" when it names none."""
    found = IN_SCOPE.match(reason)
    return found[1] if found else ""


def plain(number: str) -> str:
    """Return a decimal number as text without exponent, thousands commas or trailing zeros; raises ValueError."""
    try:
        value = Decimal(number.replace(",", "").strip())
    except InvalidOperation:
        raise ValueError(f"not a number: {number[:20]!r}") from None
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise ValueError("number out of range")
    return format(value.normalize(), "f") if value else "0"


def digits(n: Native) -> str:
    return "".join(ch for ch in str(n or "") if ch.isdigit())


def loosely_equal(sent: Native, n: Native) -> bool:
    """
    Tell whether `n` is what an ordinary vendor may have made of `sent`.

    Known kinds: case, outer space and runs of spaces, truncation with 8 characters or more kept, the same 7 digits or
    more, rounding to one unit.
    """
    a, b = (" ".join(str(v).split()).casefold() if v is not None else "" for v in (sent, n))
    if a == b:
        return True
    if len(b) >= 8 and a.startswith(b):
        return True
    numbers = _number(a), _number(b)
    if numbers[0] and numbers[1] and numbers[0][1] == numbers[1][1]:
        return abs(numbers[0][0] - numbers[1][0]) < 1
    letters = any(ch.isalpha() for ch in a + b)
    return not letters and len(digits(a)) >= 7 and digits(a) == digits(b)


def _number(text: str) -> tuple[Decimal, str] | None:
    """Return the number and the currency behind it, or None when the text is no amount."""
    number, _, currency = text.partition(" ")
    if currency and not currency.isalpha():
        return None
    try:
        return Decimal(plain(number)), currency
    except ValueError:
        return None


def _tidy(n: Native) -> str:
    return str(n).replace("\r\n", "\n").strip() if n is not None else ""


def _money(n: Native) -> tuple[str, str]:
    number, _, currency = str(n or "0").partition(" ")
    value = plain(number)
    return value, "" if value == "0" else currency
