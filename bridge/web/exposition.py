"""What /metrics says, as families of samples. Names and units: prometheus.io/docs/practices/naming."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import get_args

from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from bridge.connectors.base import Outcome
from bridge.core.outcomes import LABELS, WAITS_S
from bridge.desk.pulse import Health, Pulse, State
from bridge.store.tally import Counted

DELIVERY_OUTCOMES = (*get_args(Outcome), "handshake", "defect")
STATES: Sequence[str] = get_args(State)

# name and meaning of each count by connection, what it is called in the tally, its second label and what that may hold
COUNTS: Sequence[tuple[str, str, str, str, Sequence[str]]] = (
    ("bridge_deliveries", "Webhooks that came, by what the vendor heard.", "delivery", "outcome", DELIVERY_OUTCOMES),
    ("bridge_attempts", "Attempts at a side of a link, by how they ended.", "attempt", "outcome", LABELS),
    ("bridge_failures", "Attempts that failed, by the reason.", "failure", "reason", ()),
    ("bridge_retries", "Attempts at a side whose last attempt had failed.", "retry", "", ("",)),
    ("bridge_calls", "Reads and writes of a record that attempts asked for.", "call", "kind", ("read", "write")),
    ("bridge_sweeps", "Sweeps that came to their end.", "sweep", "", ("",)),
)
SECONDS: Sequence[tuple[str, str, str, str, Sequence[str]]] = (
    ("bridge_attempt_seconds", "Time that attempts took.", "attempt_ms", "", ("",)),
    ("bridge_call_seconds", "Time that these reads and writes took.", "call_ms", "kind", ("read", "write")),
)
GAUGES: Sequence[tuple[str, str, Callable[[Health], float | None]]] = (
    ("bridge_lag_seconds", "How long the oldest change has waited; 0: none waits.", lambda h: h.lag_s),
    ("bridge_looks_due", "Looks whose time has come.", lambda h: h.due),
    ("bridge_deliveries_waiting", "Deliveries that no worker has taken in yet.", lambda h: h.waiting),
    ("bridge_holds", "Fields and records that wait for a person.", lambda h: h.holds),
    ("bridge_dead_letters", "Writes and deliveries that were given up.", lambda h: h.dead),
    ("bridge_paused", "1 while it is paused or refuses the bridge.", lambda h: h.state in ("paused", "refused")),
    ("bridge_breaker_open", "1 while calls are refused, or one is out to see.", lambda h: h.breaker != "closed"),
    ("bridge_breaker_open_seconds", "For how long that has been so.", lambda h: h.broken_s),
    ("bridge_budget_used", "Calls that started within the window, of all live workers.", lambda h: h.used),
    ("bridge_budget_limit", "Calls that may start within the window.", lambda h: h.limit),
    ("bridge_budget_window_seconds", "How long the window of the budget is.", lambda h: h.per_s),
    ("bridge_calls_running", "Calls on their way.", lambda h: h.running),
    ("bridge_recent_calls", "Calls of the last minute.", lambda h: h.calls),
    ("bridge_recent_calls_failed", "Of these, those that failed.", lambda h: h.failed),
    ("bridge_last_heard_timestamp_seconds", "When the last webhook came.", lambda h: _epoch_s(h.heard_at)),
    ("bridge_last_swept_timestamp_seconds", "When the last sweep ended.", lambda h: _epoch_s(h.swept_at)),
    ("bridge_last_sweep_seconds", "How long the last sweep of a live worker took.", lambda h: h.sweep_s),
)


def exposition(pulse: Pulse, counted: Mapping[Counted, int], version: str, accepted: str) -> tuple[bytes, str]:
    """Return the text of a scrape and its content type. accepted: the header Accept of the scraper."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Now(pulse, counted, version))
    encode, content_type = choose_encoder(accepted)
    return encode(registry), content_type


class _Now(Collector):
    """What is known at one moment; nothing is kept in the process."""

    def __init__(self, pulse: Pulse, counted: Mapping[Counted, int], version: str) -> None:
        self._pulse, self._counted, self._version = pulse, counted, version

    def collect(self) -> Iterator[Metric]:
        built = {"version": self._version, "python": platform.python_version()}
        yield InfoMetricFamily("bridge_build", "What runs.", value=built)
        yield GaugeMetricFamily("bridge_workers", "Worker processes that are alive.", value=self._pulse.workers)
        yield self._states()
        yield from self._gauges()
        for row in COUNTS:
            yield self._counts(*row)
        for row in SECONDS:
            yield self._counts(*row, per=1000)
        yield self._waits()

    def _states(self) -> Metric:
        family = GaugeMetricFamily(
            "bridge_connection_state", "1 for the state that a connection is in.", labels=("connection", "state")
        )
        for each in self._pulse.connections:
            for state in STATES:
                family.add_metric((each.connection, state), each.state == state)
        return family

    def _gauges(self) -> Iterator[Metric]:
        for name, meaning, value_of in GAUGES:
            family = GaugeMetricFamily(name, meaning, labels=("connection",))
            for each in self._pulse.connections:
                if (value := value_of(each)) is not None:
                    family.add_metric((each.connection,), value)
            yield family

    def _counts(self, name: str, meaning: str, what: str, label: str, usual: Iterable[str], per: int = 1) -> Metric:
        """Return one family; what may be counted and was not yet is 0, so that its first increase shows."""
        family = CounterMetricFamily(name, meaning, labels=("connection", label) if label else ("connection",))
        names = [each.connection for each in self._pulse.connections]
        found = {(connection, outcome): 0 for connection in names for outcome in usual}
        found |= {(c, outcome): n for (c, w, outcome), n in self._counted.items() if w == what}
        for (connection, outcome), n in sorted(found.items()):
            family.add_metric((connection, outcome) if label else (connection,), n / per)
        return family

    def _waits(self) -> Metric:
        family = HistogramMetricFamily(
            "bridge_write_wait_seconds", "From the webhook to the write that it led to.", labels=("connection",)
        )
        bounds = [f"{bound:g}" for bound in (*WAITS_S, float("inf"))]
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for (connection, what, outcome), n in self._counted.items():
            if what == "wait":
                found[connection][outcome] = n
        for connection in sorted({each.connection for each in self._pulse.connections} | found.keys()):
            total, buckets = 0, []
            for bound in bounds:
                total += found[connection].get(bound, 0)
                buckets.append(("+Inf" if bound == "inf" else f"{float(bound)}", float(total)))
            ms = self._counted.get((connection, "wait_ms", ""), 0)
            family.add_metric((connection,), buckets, ms / 1000)
        return family


def _epoch_s(at: datetime | None) -> float | None:
    return at.timestamp() if at else None
