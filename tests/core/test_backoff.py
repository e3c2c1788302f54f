"""When to try again, and when to stop."""

from __future__ import annotations

import pytest

from bridge.core.backoff import AGE_MS, CAP_MS, RETRY_AFTER_MS_MAX, TRIES_MIN, next_try
from bridge.core.errors import Transient

NOW = 10**12
PLAIN, WHOLE = Transient("server_error"), Transient("throttled", whole=True)

CASES = [
    ("first failure, lucky", PLAIN, 1, 0, 0.0, 0),
    ("first failure, unlucky", PLAIN, 1, 0, 0.999, 3_996),
    ("as long again as it has failed", PLAIN, 3, 60_000, 0.5, 32_000),
    ("however often that was", PLAIN, 99, 60_000, 0.5, 32_000),
    ("up to a limit", PLAIN, 7, 3_600_000, 0.5, CAP_MS // 2),
    ("a day", PLAIN, 99, AGE_MS, 0.5, CAP_MS // 2),
    ("more than a day", PLAIN, TRIES_MIN, AGE_MS + 1, 0.5, None),
    ("a day, most of it without a try", PLAIN, TRIES_MIN - 1, AGE_MS + 1, 0.5, CAP_MS // 2),
    ("the vendor asks for a pause", Transient("throttled", after_s=30), 1, 0, 0.0, 30_000),
    ("a pause gets all of it and a little more", Transient("throttled", after_s=30), 1, 0, 0.9, 30_900),
    ("a pause never kills", Transient("throttled", after_s=1.5), 99, 2 * AGE_MS, 0.0, 1_500),
    ("a pause of days is cut to an hour", Transient("throttled", after_s=1e6), 1, 0, 0.0, RETRY_AFTER_MS_MAX),
    ("no pause at all", Transient("throttled", after_s=0), 1, 0, 0.0, 0),
    ("the whole connection, lucky", WHOLE, 1, 0, 0.0, 2_000),
    ("the whole connection, unlucky", WHOLE, 1, 0, 0.999, 3_998),
    ("the whole connection never kills", WHOLE, 99, 2 * AGE_MS, 0.0, CAP_MS // 2),
]


@pytest.mark.parametrize(("why", "error", "fails", "age", "dice", "wait"), CASES, ids=[case[0] for case in CASES])
def test_next_try(why: str, error: Transient, fails: int, age: int, dice: float, wait: int | None) -> None:
    assert next_try(error, fails, NOW - age, NOW, dice) == (None if wait is None else NOW + wait)


def test_a_day_of_failures_is_some_two_hundred_tries() -> None:
    at, tries = 0, 0
    while (again := next_try(PLAIN, tries, 0, at, 0.5)) is not None:
        at, tries = again, tries + 1
    assert 190 <= tries <= 210
