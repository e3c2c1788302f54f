"""Samples of one measurement, and what several of them come to. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median


@dataclass(frozen=True)
class Sample:
    """
    One measurement of one system in one scene.

    per_s: acknowledgements or edits a second. p50_ms, p99_ms: of one of them, NaN where nobody waits for a single one.
    calls_per_s: HTTP calls that reached the sink. failed: what was refused, or did not arrive in time.
    """

    per_s: float = math.nan
    p50_ms: float = math.nan
    p99_ms: float = math.nan
    calls_per_s: float = math.nan
    failed: int = 0


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` (0 to 1) of the values do not exceed; NaN when there are none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def sample_of(waits_s: Sequence[float], took_s: float, *, calls: int = 0, failed: int = 0) -> Sample:
    """Return the sample of what was waited for, each so many seconds, all within `took_s`."""
    p50_ms, p99_ms = percentile(waits_s, 0.5) * 1000, percentile(waits_s, 0.99) * 1000
    return Sample(len(waits_s) / took_s, p50_ms, p99_ms, calls / took_s if calls else math.nan, failed)


def middle(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure, and the sum of what failed."""
    found = {f.name: median(getattr(s, f.name) for s in samples) for f in fields(Sample) if f.name != "failed"}
    return Sample(**found, failed=sum(s.failed for s in samples))


def spread(values: Sequence[float]) -> float:
    """Return how far the values lie apart: largest less smallest, as a share of the median; NaN for none."""
    known = [v for v in values if not math.isnan(v)]
    return (max(known) - min(known)) / median(known) if known and median(known) else math.nan
