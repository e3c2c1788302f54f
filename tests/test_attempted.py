"""What is told of an attempt: a wide log line without values, and counts that outlive the process."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bridge.attempted import Telling
from bridge.core.errors import Disconnected, Permanent, Transient
from bridge.log import configure_logging
from bridge.store import Store
from bridge.store.tally import Tally
from tests.flow.scene import Scene

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.flow.report = Telling("p1", Tally())
    numbers = count()

    def new_id() -> str:
        ms = f"{made.clock:012x}"
        return f"{ms[:8]}-{ms[8:]}-7000-8000-{next(numbers):012x}"

    made.store.new_id = new_id
    return made


@pytest.fixture
def lines() -> Iterator[Lines]:
    root, stream = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    configure_logging([], stream)
    yield lambda: [
        line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "delivery.attempted"
    ]
    root.handlers[:] = before
    root.setLevel(level)


def tallied(scene: Scene) -> dict[str, int]:
    """Return all counts as `connection what outcome`."""
    assert isinstance(scene.flow.report, Telling)
    scene.flow.report.tally.flush(scene.store)
    return {" ".join(filter(None, key)): n for key, n in scene.store.tallies().items()}


def test_an_edit_is_one_wide_line_at_each_side(scene: Scene, lines: Lines) -> None:
    scene.edited("a", name="<Lan Pham>", probability=77)
    changed, first, second, *echoes = lines()
    assert {line["outcome"] for line in echoes} <= {"echo"}
    assert (changed["outcome"], changed["fields"], changed["due"]) == ("changed", "name, probability", 2)
    assert (first["outcome"], first["fields"], first["due"], first["connection"]) == (
        "wrote", "name, probability", 1, "b"
    )  # fmt: skip
    assert (second["due"], second["held"], second["refused"], second["fails"]) == (0, 0, 0, 0)
    assert [(line["process"], line["ref"], line["link"]) for line in (changed, second)] == [
        ("p1", "a1", scene.link), ("p1", "c1", scene.link)
    ]  # fmt: skip
    assert [(line["reads"], line["writes"]) for line in (changed, first, second)] == [(1, 0), (1, 1), (1, 1)]
    assert first["read_ms"] > 0 and first["write_ms"] > 0
    assert 0 <= changed["lag_ms"] < first["lag_ms"] < second["lag_ms"]
    assert "Lan" not in json.dumps(lines()) and "77" not in json.dumps([changed["fields"], first["fields"]])


def test_what_waits_and_what_was_refused_is_counted(scene: Scene, lines: Lines) -> None:
    scene.fails("b", "write", *[Permanent("markup", "HTTP 500")] * 3)
    scene.edited("a", name="<b>", probability=77)
    last = [line for line in lines() if line["connection"] == "b"][-1]
    assert (last["outcome"], last["reason"], last["held"], last["refused"]) == ("dead", "markup", 1, 1)
    scene.edited("a", description="more")
    last = [line for line in lines() if line["connection"] == "b"][-1]
    assert (last["outcome"], last["fields"], last["held"], last["refused"]) == ("wrote", "description", 2, 2)


def test_a_look_without_a_delivery_has_no_lag(scene: Scene, lines: Lines) -> None:
    scene.person("a", probability=78)
    scene.sweep("a")
    scene.run()
    assert lines() and not any("lag_ms" in line for line in lines())


def test_counts_add_up(scene: Scene) -> None:
    scene.edited("a", name="Two")
    scene.edited("a", name="Three")
    found = tallied(scene)
    assert (found["a attempt changed"], found["b attempt wrote"], found["c attempt wrote"]) == (2, 2, 2)
    assert (found["b call read"], found["b call write"], found["a call read"]) == (2, 2, 2)
    assert sum(n for key, n in found.items() if key.startswith("b wait ")) == 2 and found["b wait_ms"] > 0
    assert found["b attempt_ms"] >= found["b call_ms read"] + found["b call_ms write"]


def test_a_failure_is_counted_by_its_reason_and_the_next_try_as_a_retry(scene: Scene) -> None:
    scene.fails("b", "write", Transient("server_error", "HTTP 500"))
    scene.edited("a", name="Two")
    found = tallied(scene)
    assert (found["b failure server_error"], found["b attempt failed"], found["b attempt wrote"]) == (1, 1, 1)
    assert found["b retry"] >= 1 and not any(key.startswith(("a retry", "c retry")) for key in found)


def test_a_refused_connection_is_counted(scene: Scene) -> None:
    scene.fails("b", "read", Disconnected("unauthorized"))
    scene.edited("a", name="Two")
    assert tallied(scene)["b failure unauthorized"] == 1


# over processes


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_counts_of_processes_are_added_and_outlive_them(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    address = tmp_path / "b.db" if engine == "sqlite" else request.getfixturevalue("postgres")(tmp_path)
    with closing((store := Store(address)).db):
        store.migrate()
        for n in (2, 3):
            tally = Tally()
            tally.add([(("a", "attempt", "echo"), n), (("b", "retry", ""), 1)])
            tally.flush(store)
            tally.flush(store)
    with closing((store := Store(address)).db):
        assert store.tallies() == {("a", "attempt", "echo"): 5, ("b", "retry", ""): 2}


def test_what_the_store_does_not_take_is_added_later(tmp_path: Path) -> None:
    tally = Tally()
    tally.add([(("a", "retry", ""), 1)])
    with closing((empty := Store(tmp_path / "b.db")).db):
        with pytest.raises(Transient):
            tally.flush(empty)
        tally.add([(("a", "retry", ""), 1)])
        empty.migrate()
        tally.flush(empty)
        assert empty.tallies() == {("a", "retry", ""): 2}
