"""The clock that all processes of a store share."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.core.errors import Transient
from bridge.store import Clock
from bridge.store.clock import MEASURE_S, RETRY_S

NOW = 1_750_000_000_000


@dataclass
class Machine:
    """A machine whose clock is `late_ms` behind the database's; None: the database does not answer."""

    late_ms: int | None
    passed_ms: int = 0
    asked: int = 0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(self.measured, lambda: NOW + self.passed_ms, lambda: self.passed_ms / 1000)

    def measured(self) -> int:
        self.asked += 1
        if self.late_ms is None:
            raise Transient("store_failed", "it is away")
        return self.late_ms

    def after(self, s: float) -> int:
        self.passed_ms += int(s * 1000)
        return self.clock() - NOW - self.passed_ms


def test_all_machines_show_the_time_of_the_database() -> None:
    assert [Machine(late_ms).clock() for late_ms in (700, 0, -70_000)] == [NOW + 700, NOW, NOW - 70_000]


def test_it_is_measured_now_and_then() -> None:
    machine = Machine(700)
    assert (machine.after(0), machine.after(MEASURE_S - 1), machine.asked) == (700, 700, 1)
    machine.late_ms = 900
    assert (machine.after(1), machine.after(1), machine.asked) == (900, 900, 2)


def test_it_never_runs_backwards() -> None:
    machine = Machine(5_000)
    first = machine.clock()
    machine.late_ms, machine.passed_ms = -600_000, int(MEASURE_S * 1000)
    assert machine.clock() == first


def test_while_the_database_is_away_the_last_answer_stands_and_it_is_asked_again() -> None:
    machine = Machine(None)
    assert (machine.after(0), machine.after(1), machine.asked) == (0, 0, 1)
    machine.late_ms = 700
    assert (machine.after(RETRY_S), machine.asked) == (700, 2)
    machine.late_ms = None
    assert (machine.after(MEASURE_S), machine.asked) == (700, 3)
