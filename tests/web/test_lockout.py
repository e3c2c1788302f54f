from __future__ import annotations

from bridge.web.lockout import ADDRESSES_MAX, Lockout


class Clock:
    s = 0.0

    def __call__(self) -> float:
        return self.s


def wrong(lockout: Lockout, address: str, n: int) -> None:
    for _ in range(n):
        lockout.wrong(address)


def test_ten_wrong_secrets_in_a_minute_are_followed_by_a_minute_of_waiting() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    wrong(lockout, "192.0.2.1", 9)
    assert lockout.wait_s("192.0.2.1") == 0
    clock.s = 59.5
    wrong(lockout, "192.0.2.1", 1)
    assert (lockout.wait_s("192.0.2.1"), lockout.wait_s("192.0.2.2")) == (60, 0)
    clock.s = 119.0
    assert lockout.wait_s("192.0.2.1") == 1
    clock.s = 119.5
    assert lockout.wait_s("192.0.2.1") == 0


def test_ten_wrong_secrets_in_more_than_a_minute_are_none_of_its_business() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    for _ in range(30):
        lockout.wrong("192.0.2.1")
        clock.s += 7
    assert lockout.wait_s("192.0.2.1") == 0


def test_an_address_stands_for_all_that_its_caller_has() -> None:
    lockout = Lockout(Clock())
    for n in range(10):
        lockout.wrong(f"2001:db8::{n}")
    assert (lockout.wait_s("2001:db8::ffff"), lockout.wait_s("2001:db8:0:1::1")) == (60, 0)
    wrong(lockout, "::ffff:192.0.2.1", 10)
    assert (lockout.wait_s("::ffff:192.0.2.1"), lockout.wait_s("::ffff:192.0.2.2")) == (60, 0)
    for _ in range(10):
        lockout.wrong(None)
    assert lockout.wait_s("no address") == 60


def test_it_remembers_no_more_than_it_may() -> None:
    lockout = Lockout(Clock())
    wrong(lockout, "192.0.2.1", 10)
    for n in range(ADDRESSES_MAX):
        lockout.wrong(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert len(lockout._wrong) == ADDRESSES_MAX and lockout.wait_s("192.0.2.1") == 0
