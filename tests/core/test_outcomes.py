from __future__ import annotations

import time
import uuid

import pytest
import uuid_utils

from bridge.core.outcomes import OTHER, WAITS_S, accepted_at, fields_of, label_of, within

OUTCOMES = [
    ("echo", "echo", ""),
    ("not there", "not there", ""),
    ("changed amount, stage", "changed", "amount, stage"),
    ("wrote custom.budget", "wrote", "custom.budget"),
    ("somebody typed this", OTHER, ""),
    ("", OTHER, ""),
]


@pytest.mark.parametrize(("outcome", "label", "fields"), OUTCOMES)
def test_an_outcome_is_counted_under_a_label_and_names_its_fields(outcome: str, label: str, fields: str) -> None:
    assert (label_of(outcome), fields_of(outcome)) == (label, fields)


def test_a_delivery_tells_when_it_came_and_a_word_does_not() -> None:
    before_ms, delivery = time.time_ns() // 1_000_000, str(uuid_utils.uuid7())
    assert before_ms <= (accepted_at(delivery) or 0) <= time.time_ns() // 1_000_000
    words = ("sweep", "confirm", "", "00000001", "x" * 36, "0197a1b2-zzzz-7000-8000-000000000000")
    assert [accepted_at(word) for word in words] == [None] * 6
    assert accepted_at(str(uuid.uuid4())) is None


def test_a_time_is_counted_under_the_first_bound_that_it_keeps() -> None:
    assert [within(ms, WAITS_S) for ms in (0, 100, 101, 1_800_000, 1_800_001)] == [0.1, 0.1, 0.25, 1800.0, float("inf")]
