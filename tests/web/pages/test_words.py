"""How pages say times and numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.web.pages.words import ago, iso, many, mark, query, span, utc

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("s", "said"),
    [
        (0, "just now"),
        (0.9, "just now"),
        (42.7, "42 s ago"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (3_600, "1 h ago"),
        (86_400, "1 d ago"),
        (400 * 86_400, "400 d ago"),
        (-90, "in 1 min"),
    ],
)
def test_how_long_ago(s: float, said: str) -> None:
    assert ago(NOW - timedelta(seconds=s), NOW) == said


def test_times_are_told_in_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=7)))
    assert (utc(there), iso(there)) == ("2026-11-21 12:00:00 UTC", "2026-11-21T12:00:00.000Z")


@pytest.mark.parametrize(("n", "said"), [(0, "0 deals"), (1, "1 deal"), (1_204, "1,204 deals")])
def test_a_number_with_its_noun(n: int, said: str) -> None:
    assert many(n, "deal") == said


def test_odds_and_ends() -> None:
    assert (span(-5), many(2, "echo", "echoes"), mark("getfly"), mark("toy"), mark("")) == (
        "0 s",
        "2 echoes",
        "GF",
        "TO",
        "?",
    )
    assert (query("/a?b=c"), query("/a")) == ("?b=c", "")
