import threading
from collections.abc import Callable

import pytest

from bridge.connectors.budget import Budget
from bridge.core.errors import Transient


class Clock:
    """Virtual monotonic seconds; sleeping moves them on. naps: how long each sleep was."""

    def __init__(self) -> None:
        self.now_s, self.naps = 1000.0, list[float]()
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, s: float) -> None:
        assert s > 0
        self.naps.append(s)
        self.now_s += s
        self.meanwhile()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def budget(clock: Clock, calls: int = 1000, per_s: float = 1.0, concurrency: int = 100) -> Budget:
    return Budget(calls, per_s, concurrency, clock=clock, sleep=clock.sleep)


def call(gate: Budget, ok: bool = True, pause_s: float | None = None) -> None:
    gate.enter()
    gate.leave(ok, pause_s)


def refusal(gate: Budget) -> tuple[str, float | None]:
    with pytest.raises(Transient) as caught:
        gate.enter()
    assert caught.value.whole and not caught.value.in_doubt
    return caught.value.reason, caught.value.after_s


def broken(gate: Budget, calls: int = 10) -> None:
    for _ in range(calls):
        call(gate, ok=False)


def test_a_burst_goes_out_at_once_and_the_next_call_waits_for_the_first_token(clock: Clock) -> None:
    gate = budget(clock, calls=3, per_s=2.0)
    for _ in range(3):
        call(gate)
    assert clock.naps == []
    call(gate)
    assert clock.naps == [2.0]


@pytest.mark.parametrize(("calls", "per_s"), [(1, 0.7), (5, 5.0), (3, 1.0), (80, 10.0)])
def test_no_stretch_of_per_s_sees_more_than_calls(clock: Clock, calls: int, per_s: float) -> None:
    gate, starts = Budget(calls, per_s, 4, wait_s=60, clock=clock, sleep=clock.sleep), []
    for i in range(calls * 4):
        gate.enter()
        starts.append(clock.now_s)
        gate.leave(True)
        clock.now_s += (i % 3) * per_s / 7
    for i, start in enumerate(starts):
        assert sum(start <= other < start + per_s - 1e-6 for other in starts[i:]) <= calls


def test_a_wait_longer_than_five_seconds_is_refused_with_its_length(clock: Clock) -> None:
    gate = budget(clock, calls=1, per_s=60.0)
    call(gate)
    clock.now_s += 20
    assert refusal(gate) == ("budget", 40.0)
    assert clock.naps == []


def test_a_full_connection_waits_for_a_place_and_gets_it(clock: Clock) -> None:
    gate = budget(clock, concurrency=2)
    gate.enter()
    gate.enter()
    clock.meanwhile = lambda: gate.leave(True) if len(clock.naps) == 3 else None
    gate.enter()
    assert sum(clock.naps) == pytest.approx(0.15)
    assert gate.state().running == 2


def test_a_connection_that_stays_full_refuses_after_five_seconds(clock: Clock) -> None:
    gate = budget(clock, concurrency=1)
    gate.enter()
    assert refusal(gate) == ("budget", 1.0)
    assert sum(clock.naps) == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize(("asked_s", "told_s"), [(30.0, 30.0), (3600.0, 3600.0), (86_400.0, 3600.0)])
def test_a_pause_holds_every_call_back_for_an_hour_at_most(clock: Clock, asked_s: float, told_s: float) -> None:
    gate = budget(clock)
    call(gate, ok=False, pause_s=asked_s)
    assert refusal(gate) == ("budget", told_s)
    clock.now_s += told_s
    call(gate)


def test_a_short_pause_is_slept_through_and_a_shorter_one_does_not_end_it(clock: Clock) -> None:
    gate = budget(clock)
    gate.enter()
    gate.enter()
    gate.leave(False, 4.0)
    gate.leave(False, 1.0)
    call(gate)
    assert clock.naps == [4.0]


@pytest.mark.parametrize(
    ("outcomes", "opens"),
    [
        ("x" * 9, False),
        ("x" * 10, True),
        (".....xxxxx", True),
        ("......xxxx", False),
        ("." * 20 + "x" * 19, False),
        ("." * 20 + "x" * 20, True),
    ],
)
def test_the_breaker_opens_at_half_of_ten_calls(clock: Clock, outcomes: str, opens: bool) -> None:
    gate = budget(clock)
    for sign in outcomes:
        call(gate, ok=sign == ".")
    if opens:
        assert refusal(gate) == ("breaker_open", 30.0)
    else:
        call(gate)


def test_failures_of_more_than_a_minute_ago_do_not_count(clock: Clock) -> None:
    gate = budget(clock)
    broken(gate, 9)
    clock.now_s += 60
    call(gate, ok=False)
    call(gate)
    assert gate.state().breaker == "closed"


def test_after_thirty_seconds_one_call_goes_out_to_see_and_closes_the_breaker(clock: Clock) -> None:
    gate = budget(clock)
    broken(gate)
    clock.now_s += 30
    assert gate.state().breaker == "half_open"
    gate.enter()
    assert refusal(gate) == ("breaker_open", 1.0)
    gate.leave(True)
    assert gate.state().breaker == "closed"
    broken(gate, 9)
    call(gate)


def test_each_failed_probe_doubles_the_wait_up_to_a_quarter_of_an_hour(clock: Clock) -> None:
    gate, waits = budget(clock), []
    broken(gate)
    for _ in range(7):
        reason, after_s = refusal(gate)
        assert reason == "breaker_open" and after_s
        waits.append(after_s)
        clock.now_s += after_s
        call(gate, ok=False)
    assert waits == [30, 60, 120, 240, 480, 900, 900]


def test_a_breaker_that_closed_begins_again_with_thirty_seconds(clock: Clock) -> None:
    gate = budget(clock)
    broken(gate)
    clock.now_s += 30
    call(gate, ok=False)
    clock.now_s += 60
    call(gate)
    broken(gate)
    assert refusal(gate) == ("breaker_open", 30.0)


def test_calls_that_were_out_when_the_breaker_opened_do_not_decide_it(clock: Clock) -> None:
    gate = budget(clock)
    late = [threading.Thread(target=gate.leave, args=(ok,)) for ok in (True, False)]
    for _ in late:
        gate.enter()
    broken(gate)
    clock.now_s += 30
    gate.enter()
    for thread in late:
        thread.start()
        thread.join()
    assert gate.state().breaker == "half_open"
    gate.leave(True)
    assert gate.state().breaker == "closed"


def test_state_tells_what_a_status_page_shows(clock: Clock) -> None:
    gate = budget(clock, calls=20, per_s=10.0, concurrency=4)
    gate.enter()
    call(gate, ok=False)
    state = gate.state()
    assert (state.breaker, state.running, state.left, state.calls, state.failed) == ("closed", 1, 3, 1, 1)
    call(gate, pause_s=7.0)
    assert (gate.state().paused_for_s, gate.state().left) == (7.0, 0)
    clock.now_s += 7
    broken(gate, 8)
    assert (gate.state().breaker, gate.state().open_for_s, gate.state().left) == ("open", 30.0, 0)


def test_threads_never_exceed_concurrency_and_every_place_comes_back() -> None:
    gate, running, most, lock = Budget(10_000, 0.001, 3, wait_s=60, sleep=lambda s: None), 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        for _ in range(50):
            gate.enter()
            with lock:
                running += 1
                most = max(most, running)
            with lock:
                running -= 1
            gate.leave(True)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 3
    assert gate.state().running == 0
