"""What counts as two workers on one link, and as a budget overdrawn."""

from __future__ import annotations

import pytest

from tests.e2e.evidence import Absence, Lease, Limit, overdrawn, overlaps, strangers
from tests.e2e.watch import Call

LINKS = {("a", "7"): "L"}
LEASES = [
    Lease(10.0, "L", 1, 70_000, "w1"),
    Lease(20.0, "L", 1, 0, "w1"),
    Lease(30.0, "L", 2, 90_000, "w2"),
    Lease(40.0, "L", 3, 100_000, "w1"),
]


def call(who: str, start: float, end: float, method: str = "GET", deal: str = "7") -> Call:
    return Call(who, "a", method, "/deal", deal, start, end)


@pytest.mark.parametrize(
    ("made", "absent", "told"),
    [
        (call("w1", 11, 12), {}, ""),
        (call("w1", 5, 6), {}, "without a lease"),
        (call("w1", 21, 22), {}, "without a lease"),
        (call("w1", 31, 32), {}, "which w2 held"),
        (call("w2", 39, 41), {}, "which w1 took meanwhile"),
        (call("w2", 39, 41), {"w2": [Absence(39.5)]}, ""),
        (call("w2", 41, 42), {"w2": [Absence(40.0)]}, ""),
        (call("w2", 41, 42), {"w2": [Absence(39.0, 41.0)]}, ""),
        (call("w2", 41, 42, "PUT"), {"w2": [Absence(39.0, 41.0)]}, "which w1 held"),
        (call("w2", 47, 48), {"w2": [Absence(39.0, 41.0)]}, "which w1 held"),
        (call("w2", 41, 42), {"w2": [Absence(50.0)]}, "which w1 held"),
        (call("w2", 5, 6, deal="8"), {}, ""),
    ],
)
def test_who_calls_about_a_deal_holds_its_link(made: Call, absent: dict[str, list[Absence]], told: str) -> None:
    found = strangers([made], LEASES, LINKS, absent)
    assert bool(found) == bool(told) and all(told in line for line in found)


def test_two_calls_about_one_link_never_overlap() -> None:
    assert not overlaps([call("w1", 1, 2), call("w1", 2, 3), call("w2", 1, 3, deal="8")], LINKS, {})
    assert overlaps([call("w1", 1, 2), call("w1", 1.5, 3)], LINKS, {}) == ["w1 called about link L while w1 did"]
    assert overlaps([call("w1", 1, 9), call("w1", 2, 3), call("w2", 4, 5)], LINKS, {})
    assert not overlaps([call("w1", 1, 9), call("w2", 4, 5)], LINKS, {"w1": [Absence(2.0)]})


def test_a_budget_holds_in_every_stretch_and_at_every_moment() -> None:
    three = [call("w1", 0, 1), call("w2", 1.5, 2.5), call("w3", 2.2, 3)]
    assert not overdrawn(three, {"a": Limit(2, 2.0, 2)})
    assert overdrawn(three, {"a": Limit(1, 1.5, 2)}) == ["a: 2 calls in 1.5 s, 1 are allowed"]
    assert overdrawn(three, {"a": Limit(9, 2.0, 1)}) == ["a: 2 calls at a time, 1 are allowed"]
