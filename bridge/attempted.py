"""What is told of each attempt: one wide log line, and counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.core.outcomes import WAITS_S, fields_of, label_of, within
from bridge.log import Fields, log_event
from bridge.passes import Facts
from bridge.store.store import Attempt
from bridge.store.tally import Counted, Tally


@dataclass(frozen=True)
class Telling:
    """To be called with each attempt. process: its name."""

    process: str
    tally: Tally

    def __call__(self, attempt: Attempt, facts: Facts | None) -> None:
        label = label_of(attempt.outcome)
        said: Fields = {
            "process": self.process,
            "connection": attempt.connection,
            "link": attempt.link,
            "cause": attempt.cause,
            "outcome": label,
            "fields": fields_of(attempt.outcome),
            "reason": attempt.reason,
            "fails": attempt.fails,
            "ms": attempt.ms,
        }
        if facts is not None:
            calls = facts.calls
            said |= {"ref": facts.ref, "due": facts.due, "held": facts.held, "refused": facts.refused}
            said |= {"reads": calls.reads, "read_ms": calls.read_ms, "writes": calls.writes, "write_ms": calls.write_ms}
            if facts.lag_ms is not None:
                said["lag_ms"] = facts.lag_ms
        log_event("delivery.attempted", **said)
        self.tally.add(_counted(attempt, label, facts))


def _counted(attempt: Attempt, label: str, facts: Facts | None) -> Iterator[tuple[Counted, int]]:
    connection = attempt.connection
    yield (connection, "attempt", label), 1
    yield (connection, "attempt_ms", ""), attempt.ms
    if attempt.reason:
        yield (connection, "failure", attempt.reason), 1
    if facts is None:
        return
    if facts.again:
        yield (connection, "retry", ""), 1
    for kind, n, ms in (("read", facts.calls.reads, facts.calls.read_ms),
                        ("write", facts.calls.writes, facts.calls.write_ms)):  # fmt: skip
        if n:
            yield (connection, "call", kind), n
            yield (connection, "call_ms", kind), ms
    if label == "wrote" and facts.lag_ms is not None:
        yield (connection, "wait", f"{within(facts.lag_ms, WAITS_S):g}"), 1
        yield (connection, "wait_ms", ""), facts.lag_ms
