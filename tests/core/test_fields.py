"""What each type of field understands, says and takes for the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Unsayable
from bridge.core.fields import (
    Choice,
    Day,
    Email,
    Field,
    Money,
    Party,
    Percent,
    Phone,
    Text,
    Words,
    digits,
    loosely_equal,
    plain,
)
from bridge.core.model import Canonical, Native
from bridge.core.rules import SideRules

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
# Two stages of one pipeline mean `open`; `closed` can be written, and is never read back.
WORDS = Words(
    meaning={("stage", "7/1"): "new", ("stage", "7/2"): "won", ("stage", "8/1"): "new", ("owner", "u1"): "hoa"},
    says={("stage", "new"): ("7/1", "8/1"), ("stage", "won"): ("7/2",), ("owner", "hoa"): ("u1", "u2")},
)

TEXT, SHORT, EMAIL, PHONE = Text("name", "n"), Text("name", "n", limit=5), Email("e", "e"), Phone("p", "p")
USD, ANY, WHOLE = Money("amount", "v", currency="USD"), Money("amount", "v"), Money("amount", "v", "", places=0)
PERCENT, DAY, MOMENT = Percent("probability", "p"), Day("expected_close", "d"), Day("expected_close", "d", zone=SAIGON)
STAGE, OWNER = Choice("stage", "s", scope="pipeline", blank=False), Choice("owner", "o")
PARTY = Party("contact", "c")

DECODED: list[tuple[Field, Native, Canonical]] = [
    (Field("x", "x"), "as is ", "as is "),
    (TEXT, "  Bo  Li ", "Bo  Li"),
    (TEXT, "one\r\ntwo", "one\ntwo"),
    (TEXT, "", None),
    (TEXT, "   ", None),
    (TEXT, None, None),
    (TEXT, 12, "12"),
    (EMAIL, " Bo@Acme.COM ", "bo@acme.com"),
    (EMAIL, "", None),
    (PHONE, "+1 (555) 123-4567", "15551234567"),
    (PHONE, "none", None),
    (PHONE, None, None),
    (USD, "1500.50", "1500.5 USD"),
    (USD, 1500, "1500 USD"),
    (USD, "1,500.00", "1500 USD"),
    (USD, "0", "0 USD"),
    (USD, "", None),
    (USD, None, None),
    (ANY, "1500.50 EUR", "1500.5 EUR"),
    (PERCENT, "49.6", 50),
    (PERCENT, 130, 100),
    (PERCENT, -5, 0),
    (PERCENT, 0, 0),
    (PERCENT, None, None),
    (PERCENT, "", None),
    (DAY, "2026-12-31T00:00:00+07:00", "2026-12-31"),
    (DAY, "2026-12-31", "2026-12-31"),
    (DAY, "", None),
    (MOMENT, "2026-12-30 17:00:00", "2026-12-31"),
    (MOMENT, "2026-12-30 16:59:59", "2026-12-30"),
    (MOMENT, "2026-12-31 16:59:59.000", "2026-12-31"),
    (MOMENT, "2026-12-31", "2026-12-31"),
    (STAGE, "7/1", "new"),
    (STAGE, "8/1", "new"),
    (STAGE, "9/9", "unknown:9/9"),
    (STAGE, "", None),
    (OWNER, "u2", "unknown:u2"),
]


@pytest.mark.parametrize(("spec", "native", "canonical"), DECODED)
def test_decode(spec: Field, native: Native, canonical: Canonical) -> None:
    assert spec.decode(native, WORDS) == canonical


ENCODED: list[tuple[Field, Canonical, str, Native]] = [
    (TEXT, "Bo", "", "Bo"),
    (TEXT, None, "", ""),
    (SHORT, "abcdefg", "", "abcde"),
    (PHONE, "15551234567", "", "+15551234567"),
    (PHONE, None, "", ""),
    (USD, "1500.5 USD", "", "1500.5"),
    (USD, None, "", None),
    (USD, "10.005 USD", "", "10"),
    (USD, "10.015 USD", "", "10.02"),
    (ANY, "1500.50 EUR", "", "1500.5 EUR"),
    (WHOLE, "1499.6 VND", "", "1500 VND"),
    (PERCENT, 50, "", 50),
    (PERCENT, None, "", 0),
    (DAY, "2026-12-31", "", "2026-12-31"),
    (DAY, None, "", None),
    (MOMENT, "2026-12-31", "", "2026-12-30 17:00:00"),
    (STAGE, "new", "", "7/1"),
    (STAGE, "new", "8", "8/1"),
    (STAGE, "won", "7", "7/2"),
    (OWNER, "hoa", "anything", "u1"),
    (OWNER, None, "", None),
]


@pytest.mark.parametrize(("spec", "canonical", "scope", "native"), ENCODED)
def test_encode(spec: Field, canonical: Canonical, scope: str, native: Native) -> None:
    assert spec.encode(canonical, WORDS, scope) == native


UNSAYABLE: list[tuple[Field, Canonical, str, str, str]] = [
    (USD, "5 EUR", "", "the amount is in EUR", "write the amount in USD"),
    (STAGE, None, "", "stage cannot be empty here", "choose a stage"),
    (STAGE, "lost", "", "no choice for stage 'lost'", "add a choice for stage 'lost'"),
    (STAGE, "won", "8", "no choice for stage 'won' in pipeline '8'", "add a choice for stage 'won'"),
    (OWNER, "unknown:b:9", "", "nobody has said what owner 'b:9' means", "add a choice for owner"),
    (PARTY, "0198", "", "no link for contact '0198'", "add a link for contact '0198'"),
]


@pytest.mark.parametrize(("spec", "canonical", "scope", "reason", "cure"), UNSAYABLE)
def test_what_cannot_be_said_names_reason_and_cure(
    spec: Field, canonical: Canonical, scope: str, reason: str, cure: str
) -> None:
    with pytest.raises(Unsayable) as caught:
        spec.encode(canonical, WORDS, scope)
    assert (caught.value.reason.startswith(reason), caught.value.cure.startswith(cure)) == (True, True)


SAME: list[tuple[Field, Native, Native, bool]] = [
    (Field("x", "x"), "", None, True),
    (Field("x", "x"), "a", "A", False),
    (TEXT, " Bo ", "Bo", True),
    (TEXT, "", None, True),
    (TEXT, "a\r\nb", "a\nb", True),
    (TEXT, "Bo", "bo", False),
    (TEXT, "a  b", "a b", False),
    (EMAIL, "Bo@x.y", "bo@X.Y", True),
    (EMAIL, "bo@x.y", "bo@x.z", False),
    (PHONE, "+1 555", "1-555", True),
    (PHONE, "", None, True),
    (PHONE, "1555", "1556", False),
    (USD, "10.50", "10.5", True),
    (USD, None, "0", True),
    (USD, "10.5", "10.51", False),
    (ANY, "0 EUR", None, True),
    (ANY, "5 EUR", "5 USD", False),
    (PERCENT, "49.6", 50, True),
    (PERCENT, None, 0, True),
    (PERCENT, 49, 50, False),
    (DAY, "2026-12-31T09:00", "2026-12-31", True),
    (DAY, "2026-12-31", "2026-12-30", False),
    (MOMENT, "2026-12-30 17:00:00", "2026-12-31 16:00:00", True),
    (MOMENT, "2026-12-30 17:00:00", "2026-12-30 16:00:00", False),
    (OWNER, "", None, True),
    (OWNER, "u1", "u2", False),
    (OWNER, "7", 7, True),
]


@pytest.mark.parametrize(("spec", "a", "b", "same"), SAME)
def test_same_both_ways(spec: Field, a: Native, b: Native, same: bool) -> None:
    assert (spec.same(a, b), spec.same(b, a)) == (same, same)


LOOSE: list[tuple[str, Native, Native, bool]] = [
    ("equal", "Bo", "Bo", True),
    ("case", "Bo Li", "BO LI", True),
    ("case beyond ASCII", "Đỗ Straße", "đỗ STRASSE", True),
    ("outer space", "Bo", " Bo ", True),
    ("runs of spaces and line ends", "a  b\r\nc", "a b c", True),
    ("nothing and empty", None, "", True),
    ("truncation, 8 characters kept", "a long name", "a long n", True),
    ("truncation, 7 characters kept", "a long name", "a long ", False),
    ("more than was sent", "a long n", "a long name", False),
    ("another end", "a long name", "a long nose", False),
    ("emptied", "a long name", "", False),
    ("filled", "", "a long name", False),
    ("rounding to one unit", "1500.4", "1500", True),
    ("rounding up", "1500.6", "1501", True),
    ("a whole unit apart", "1500", "1501", False),
    ("rounding with currency", "1500.4 USD", "1500 USD", True),
    ("another currency", "1500 USD", "1500 EUR", False),
    ("currency lost", "1500 USD", "1500", False),
    ("numbers and text", "10", 10, True),
    ("a phone with other signs", "+84 (90) 123-4567", "84.90.123.4567", True),
    ("6 digits in other signs", "(12) 34-56", "12.34.56", False),
    ("another phone", "+84901234567", "+84901234568", False),
    ("the same digits with words", "call 8490123456", "fax 8490123456", False),
    ("another day", "2026-12-31", "2026-12-30", False),
    ("the same day written without dashes", "2026-12-31", "20261231", True),
]


@pytest.mark.parametrize(("why", "sent", "kept", "equal"), LOOSE, ids=[case[0] for case in LOOSE])
def test_what_an_ordinary_vendor_may_have_made_of_a_value(why: str, sent: Native, kept: Native, equal: bool) -> None:
    assert loosely_equal(sent, kept) == equal


PLAIN = [
    ("1,500.50", "1500.5"),
    ("1E+3", "1000"),
    ("0.00", "0"),
    ("-0", "0"),
    ("-12.30", "-12.3"),
    (" 7 ", "7"),
    ("1e30", "1" + "0" * 30),
    ("1e-30", "0." + "0" * 29 + "1"),
]


@pytest.mark.parametrize(("number", "text"), PLAIN)
def test_plain(number: str, text: str) -> None:
    assert plain(number) == text


@pytest.mark.parametrize("number", ["", "abc", "12 USD", "NaN", "Infinity", "-inf", "1e31", "1e-31", "1e999999"])
def test_plain_refuses(number: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|out of range"):
        plain(number)


def test_digits() -> None:
    assert (digits("+1 (5)"), digits(None), digits(15)) == ("15", "", "15")


# I7: put-get, get-put, and no write where nothing differs, for each type with all that its vendor may show

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
numbers = st.decimals(-(10**12), 10**12, places=3, allow_nan=False).map(str)
days = st.dates(date(1901, 1, 1), date(2199, 12, 31)).map(str)
moments = st.tuples(days, st.times()).map(lambda at: f"{at[0]} {at[1]:%H:%M:%S}")
zones = ["Asia/Ho_Chi_Minh", "UTC", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "America/New_York"]
empty = st.sampled_from(["", None])

NATIVES: dict[str, tuple[st.SearchStrategy[Field], st.SearchStrategy[Native]]] = {
    "text": (st.sampled_from([TEXT, SHORT, Text("name", "n", limit=1)]), texts | empty | st.integers()),
    "email": (st.just(EMAIL), texts | empty),
    "phone": (st.just(PHONE), texts | empty | st.from_regex(r"\+?[0-9 ()-]{5,14}", fullmatch=True)),
    "money": (
        st.builds(Money, st.just("amount"), st.just("v"), currency=st.just("USD"), places=st.integers(0, 4)),
        numbers | empty | st.integers(-(10**12), 10**12),
    ),
    "any currency": (
        st.builds(Money, st.just("amount"), st.just("v"), places=st.integers(0, 4)),
        st.tuples(numbers, st.sampled_from(["USD", "VND"])).map(" ".join) | empty,
    ),
    "percent": (st.just(PERCENT), st.integers(-50, 150) | numbers | empty),
    "day": (st.just(DAY), days | moments | empty),
    "moment": (st.builds(Day, st.just("d"), st.just("d"), zone=st.sampled_from(zones).map(ZoneInfo)), moments | empty),
    "stage": (st.just(STAGE), st.sampled_from(["7/1", "7/2", "8/1"])),
    "owner": (st.just(OWNER), st.sampled_from(["u1"]) | empty),
}


def lawful(check: Callable[[SideRules, Field, Native], None]) -> Callable[[str], None]:
    """Run a check for each type, with natives as its vendor may show them."""

    @pytest.mark.parametrize("kind", NATIVES)
    def test(kind: str) -> None:
        specs, natives = NATIVES[kind]

        @given(specs, natives)
        def each(spec: Field, n: Native) -> None:
            check(SideRules("a", {spec.name: spec}, words=WORDS), spec, n)

        each()

    return test


@lawful
def test_put_get_up_to_same(rules: SideRules, spec: Field, n: Native) -> None:
    sent = rules.encode(spec.name, rules.decode(spec.name, n))
    assert spec.same(rules.encode(spec.name, rules.decode(spec.name, sent)), sent)


@lawful
def test_get_put_exactly(rules: SideRules, spec: Field, n: Native) -> None:
    assert rules.agrees(spec.name, rules.decode(spec.name, n), n), "what was just read would be written back"


@lawful
def test_nothing_is_due_after_a_write(rules: SideRules, spec: Field, n: Native) -> None:
    c = rules.decode(spec.name, n)
    assert rules.agrees(spec.name, c, rules.encode(spec.name, c))


@lawful
def test_same_values_never_need_a_write(rules: SideRules, spec: Field, n: Native) -> None:
    assert spec.same(n, n)
    sent = rules.encode(spec.name, rules.decode(spec.name, n))
    if spec.same(sent, n):
        assert rules.agrees(spec.name, rules.decode(spec.name, sent), n)


@given(texts | numbers | empty, texts | numbers | empty)
def test_loosely_equal_never_raises_and_knows_itself(a: Native, b: Native) -> None:
    assert loosely_equal(a, a)
    assert loosely_equal(a, b) in (True, False)
