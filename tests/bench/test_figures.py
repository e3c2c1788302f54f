"""The arithmetic of the benchmark, and what its tables say. No test here measures time."""

from __future__ import annotations

import json
import math
import time

import pytest

from tests.bench.deals import Deals
from tests.bench.figures import Sample, middle, percentile, sample_of, spread
from tests.bench.profile import Spent, spent
from tests.bench.report import table, target_table
from tests.bench.targets import Memory, size_verdicts, summary, verdicts

BRIDGE = "bridge SQLite 10k"


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5.0], 0.99, 5.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([2.0, 1.0], 0, 1.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_nothing_waited_for_has_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))
    assert math.isnan(sample_of([], 1.0).p99_ms)


def test_a_sample_counts_by_the_second_and_waits_in_milliseconds() -> None:
    assert sample_of([0.001, 0.002, 0.004], 2.0, calls=8, failed=1) == Sample(1.5, 2.0, 4.0, 4.0, 1)


def test_the_middle_is_by_figure_and_failures_add_up() -> None:
    runs = [Sample(10, 5, 50, 30, 1), Sample(30, 4, 90, 10, 0), Sample(20, 6, 70, 20, 2)]
    assert middle(runs) == Sample(20, 5, 70, 20, 3)
    assert spread([s.per_s for s in runs]) == 1.0


def test_targets_compare_with_the_rival_they_name() -> None:
    results = {
        ("ack64", BRIDGE): Sample(750, 10, 31),
        ("ack64", "a bare"): Sample(1000),
        ("ack64", "b insert"): Sample(400),
        ("low", BRIDGE): Sample(20, 6),
        ("low", "c huey"): Sample(20, 10),
    }
    found = {v.text: v for v in verdicts(results, BRIDGE, Memory(150, 201))}
    assert found["acknowledgements at 64, of (a)"].met
    assert found["acknowledgements at 64, of (b)"].met
    assert not found["acknowledgement at 64, p99 of p50"].met
    assert found["webhook to PUT at low load, p50, of (c)"].met
    assert not found["memory, loaded, MB"].met
    assert not found["edits, 1 target, of (c)"].measured
    assert summary("5 rounds", list(found.values())) == "bench: 5 rounds; 3 of 5 targets met"


def test_a_large_database_is_compared_with_a_small_one() -> None:
    results = {("full", "small"): Sample(100), ("full", "large"): Sample(89)}
    acknowledged, edits = size_verdicts(results, "small", "large")
    assert edits.measured and not edits.met
    assert not acknowledged.measured


def test_tables_say_what_is_missed_and_what_was_not_measured() -> None:
    results = {("full", BRIDGE): Sample(40), ("full", "c huey"): Sample(100)}
    lines = target_table(BRIDGE, verdicts(results, BRIDGE))
    assert any("edits, 1 target" in line and line.endswith("MISSED") for line in lines)
    assert any("slow target" in line and line.endswith("not measured") for line in lines)
    assert "40.0" in table({("full", BRIDGE): [Sample(40)]}, {"full": "64 edits"})[1]


def test_an_edit_has_arrived_when_the_last_target_has_its_name() -> None:
    deals, told = Deals(), list[float]()
    deals.edit("c0", "K1", "new")
    deals.wait("K1", "new", ("c1", "c2"), told.append)
    deals.put("c1", "K1", b'{"name": "new"}')
    deals.put("c2", "K1", b'{"name": "old"}')
    assert not told
    shown = json.loads(deals.put("c2", "K1", b'{"name": "new"}'))["opportunity"]
    assert told and told[0] <= time.monotonic()
    assert (shown["id"], shown["name"], deals.odd) == ("K1", "new", 0)


def test_a_profile_counts_a_function_once_a_stack() -> None:
    lines = ["run (/x/bridge/worker.py);save (/x/bridge/store/store.py);save (/x/bridge/store/store.py) 3"]
    lines += ["run (/x/bridge/worker.py);read (/v/site-packages/requests/api.py) 1", "idle (/usr/lib/threading.py) 4"]
    assert spent(lines, "run (") == [
        Spent("run (bridge/worker.py)", 0.0, 1.0),
        Spent("save (bridge/store/store.py)", 0.75, 0.75),
        Spent("read (requests/api.py)", 0.25, 0.25),
    ]
