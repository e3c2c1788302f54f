"""Values as people read them."""

from __future__ import annotations

import pytest

from bridge.core.fields import Choice, Day, Field, Money, Party, Percent, Phone, Text
from bridge.core.model import Native
from bridge.core.speech import Known, canonical, in_order, label, listed, native, plainly

TABLE: tuple[Field, ...] = (
    Text("name", "n"), Money("amount", "a"), Choice("stage", "s"), Party("contact", "c"), Phone("contact_phone", "p"),
    Percent("probability", "x"), Day("expected_close", "d"),
)  # fmt: skip
KNOWN = Known({"gf": {f.name: f for f in TABLE}}, {("gf", "stage", "8/5"): "Proposal"}, {"l1": "gf:12 = oo:7"})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "Acme", "“Acme”"),
        ("name", " two\nlines ", "“two lines”"),
        ("name", "x" * 90, f"“{'x' * 79}…”"),
        ("name", None, "nothing"),
        ("name", "  ", "nothing"),
        ("amount", "50000000 VND", "50,000,000 VND"),
        ("amount", "-1500.25 USD", "-1,500.25 USD"),
        ("amount", "7", "7"),
        ("amount", "much", "“much”"),
        ("stage", "proposal", "proposal"),
        ("stage", "unknown:gf:8/5", "Proposal (5, not mapped yet)"),
        ("stage", "unknown:gf:8/6", "6 (not mapped yet)"),
        ("contact", "l1", "gf:12 = oo:7"),
        ("contact", "l2", "the record of another link"),
        ("contact", "unknown:gf:12", "gf:12 (not linked yet)"),
        ("contact_phone", "84912345678", "+84912345678"),
        ("probability", 0, "0%"),
        ("expected_close", "2026-02-01", "1 February 2026"),
        ("expected_close", "soon", "“soon”"),
        ("custom.gone", "x", "“x”"),
    ],
)
def test_a_canonical_value(field: str, value: str | int | None, words: str) -> None:
    assert canonical(KNOWN, field, value) == words


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("stage", "8/5", "Proposal (5)"),
        ("stage", "8/6", "6"),
        ("stage", "", "nothing"),
        ("amount", "1500.5 USD", "1,500.5 USD"),
        ("amount", "about 7", "“about 7”"),
        ("contact_phone", " +84 91 ", "+84 91"),
        ("expected_close", "2026-12-31", "31 December 2026"),
        ("name", "A\r\nB", "“A B”"),
        ("custom.gone", 7, "“7”"),
    ],
)
def test_a_native_value(field: str, value: Native, words: str) -> None:
    assert native(KNOWN, "gf", field, value) == words


def test_names_of_fields() -> None:
    assert (label("expected_close"), label("custom.source_of_lead")) == ("expected close", "source of lead")
    assert in_order(["custom.b", "owner", "custom.a", "name"]) == ["name", "owner", "custom.a", "custom.b"]
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("not_found: HTTP 404, there is no such deal", "HTTP 404, there is no such deal"),
        ("rejected: too long", "too long"),
        ("no choice for owner 'hoa'", "no choice for owner 'hoa'"),
        ("Phone: 7", "Phone: 7"),
        ("rejected", "rejected"),
    ],
)
def test_a_reason_is_told_without_its_label(reason: str, said: str) -> None:
    assert plainly(reason) == said
