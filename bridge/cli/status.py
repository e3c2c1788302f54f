"""`bridge status`: how each connection does, and what waits for a person."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator

import click

from bridge.cli.parts import as_json, show, with_tables
from bridge.desk.pulse import Health, Pulse, health

HEADLINE = ("connection", "state", "lag", "due", "waiting", "holds", "dead", "budget", "failed calls", "heard", "swept")


@click.command()
@as_json
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Show how each connection does; ends with 1 when something needs a person."""
    found = health(with_tables(context).desk)
    show(found, _lines(found), as_json)
    if any(each.needs for each in found.connections):
        sys.exit(1)


def _lines(found: Pulse) -> Iterator[str]:
    rows = [HEADLINE, *(_row(found, each) for each in found.connections)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADLINE))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield f"workers alive: {found.workers}"
    states, needs = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for each in found.connections:
        if each.why:
            until = f", until {each.until:%H:%M:%S} UTC" if each.until else ""
            by = f", by {each.paused_by}" if each.paused_by else ""
            states[f"({each.state}{by}{until}): {each.why}"].append(each.connection)
        if each.needs:
            needs[", ".join(each.needs)].append(each.connection)
    for said, names in states.items():
        yield f"{', '.join(names)} {said}"
    for said, names in needs.items():
        yield f"{', '.join(names)} {'need' if len(names) > 1 else 'needs'} a person: {said}"


def _row(found: Pulse, each: Health) -> tuple[str, ...]:
    budget = "" if each.limit is None else f"{each.used}/{each.limit} in {each.per_s:g} s"
    ago = [seconds((found.at - at).total_seconds()) if at else "never" for at in (each.heard_at, each.swept_at)]
    if not each.hooked:
        ago[0] = "sends none"
    counts = (str(n) for n in (each.due, each.waiting, each.holds, each.dead))
    calls = f"{each.failed}/{each.calls}"
    return (each.connection, each.state, seconds(each.lag_s), *counts, budget, calls, *ago)


def seconds(s: float) -> str:
    """Return a length of time in the two units that matter."""
    minutes, left = divmod(int(s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"
