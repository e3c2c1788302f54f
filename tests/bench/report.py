"""The tables that a run prints. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from tests.bench.figures import Sample, middle, spread
from tests.bench.targets import Memory, Verdict

Runs = Mapping[tuple[str, str], Sequence[Sample]]


def table(runs: Runs, texts: Mapping[str, str]) -> list[str]:
    """Return the lines of the measurements: medians, and how far the runs lie apart. texts: of each scene, by key."""
    lines = [f"{'':<34}{'':<24}{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}{'calls/s':>9}{'spread':>8}{'failed':>8}"]
    before = ""
    for (scene, system), samples in sorted(runs.items(), key=lambda item: list(texts).index(item[0][0])):
        m = middle(samples)
        apart = spread([s.per_s for s in samples])
        lines.append(
            f"{texts[scene] if scene != before else '':<34}{system:<24}{_number(m.per_s):>9}{_number(m.p50_ms):>9}"
            f"{_number(m.p99_ms):>9}{_number(m.calls_per_s):>9}{_share(apart):>8}{m.failed or '':>8}"
        )
        before = scene
    return lines


def memory_table(memories: Mapping[str, Memory]) -> list[str]:
    """Return the lines of the memory: all processes of a system together, in MB."""
    lines = [f"{'memory, MB':<34}{'':<24}{'idle':>9}{'loaded':>9}{'of web':>9}{'PSS':>9}{'growth':>8}"]
    for name, m in memories.items():
        parts = "".join(f"{_number(mb):>9}" for mb in (m.idle, m.loaded, m.web, m.once))
        lines.append(f"{'':<34}{name:<24}{parts}{_share(m.growth):>8}")
    return lines


def target_table(title: str, found: Iterable[Verdict]) -> list[str]:
    lines = [f"{title:<50}{'measured':>10}{'target':>10}"]
    for v in found:
        bound = f"{'≥' if v.at_least else '≤'} {v.bound:g}"
        said = "met" if v.met else "MISSED" if v.measured else "not measured"
        lines.append(f"{v.text:<50}{_number(v.value):>10}{bound:>10}  {said}")
    return lines


def in_words(sample: Sample) -> str:
    """Return one sample for the progress."""
    waits = "" if math.isnan(sample.p50_ms) else f"  p50 {sample.p50_ms:.1f} ms, p99 {sample.p99_ms:.1f} ms"
    calls = "" if math.isnan(sample.calls_per_s) else f"  {sample.calls_per_s:.0f} calls/s"
    return f"{sample.per_s:.0f}/s{waits}{calls}{f'  {sample.failed} FAILED' if sample.failed else ''}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0%}"
