"""`bridge demo`: the sandbox, the bridge, people who edit, and a judge who counts."""

from __future__ import annotations

import time

import click

from bridge.demo.judge import Judge, Made
from bridge.demo.people import edit
from bridge.demo.stage import Stage

PATIENCE_S = {False: 60.0, True: 240.0}
GAP_S = 0.06
SHOWN = ("name", "description", "amount", "stage", "status", "owner")

TURNS = (
    ("getfly", "stage", "qualified"),
    ("onlyoffice", "name", "Lan Pham - Acme Hotels, forty rooms"),
    ("leadsquared", "amount", "1800"),
    ("plazbot", "description", "Forty rooms, two years, breakfast included"),
    ("leadconnector", "stage", "proposal"),
)
# Deal of the sample, CRM, field, value. Each changes another field of a deal: two edits of one field in the moment
# between the bridge's read and its write are the limit that the README names, and no matter for a demo.
BURST = (
    (1, "onlyoffice", "name", "Blue Shop, two branches"),
    (2, "onlyoffice", "description", "Third year, all branches"),
    (0, "onlyoffice", "amount", "3100"),
    (0, "leadconnector", "name", "Acme Hotels, sixty rooms"),
    (1, "plazbot", "amount", "3200"),
    (2, "leadsquared", "name", "Acme Hotels, third year"),
    (0, "plazbot", "description", "Sixty rooms, two years"),
    (1, "getfly", "stage", "new"),
    (2, "leadconnector", "amount", "3300"),
    (0, "getfly", "stage", "new"),
    (1, "leadsquared", "description", "Two branches, one contract"),
    (2, "getfly", "stage", "qualified"),
    (0, "leadconnector", "owner", "minh"),
    (1, "leadsquared", "expected_close", "2027-03-01"),
    (0, "plazbot", "custom.source", "Web"),
    (1, "leadconnector", "owner", "hoa"),
    (0, "leadsquared", "expected_close", "2027-04-01"),
    (1, "plazbot", "custom.source", "Fair"),
    (2, "leadconnector", "owner", "minh"),
    (2, "leadsquared", "expected_close", "2027-05-01"),
)


def run(*, stay: bool, rough: bool, seed: int) -> int:
    """Run the demo and return the exit code: 0 when nothing was extra, nothing lost and all sides are level."""
    with Stage(rough=rough, seed=seed) as stage:
        judge = Judge(stage)
        links = _deals(judge)
        _wait(judge, links, [], PATIENCE_S[rough])
        click.echo(f"{len(judge.connectors)} CRMs linked: {'  '.join(map(str, judge.store.refs(links[0])))}")
        made = [_turn(stage, judge, links, turn, rough) for turn in (TURNS[:1] if stay else TURNS)]
        if stay:
            return _stay(stage)
        started = time.monotonic()
        made += _burst(stage, links, judge)
        last = time.monotonic()
        click.echo(f"\nburst: {len(BURST)} edits in {last - started:.1f} s over {len(links)} deals")
        in_time = _wait(judge, links, made, PATIENCE_S[rough])
        seconds = time.monotonic() - last
        return _verdict(stage, judge, links, made, seconds, in_time)


def _deals(judge: Judge) -> list[str]:
    """Return the links of the sample's deals, in the order of the sample."""
    return list(dict.fromkeys(link for link, ref in judge.store.all_refs() if ref.kind == "opportunity"))


def _turn(stage: Stage, judge: Judge, links: list[str], turn: tuple[str, str, str], rough: bool) -> Made:
    """Make one edit at one CRM, and show it arrive in the others."""
    connection, name, value = turn
    judge.new_writes()
    made = _edit(stage, judge, links[0], connection, name, value)
    started = time.monotonic()
    click.echo(f"\n{connection}: a person sets {name} to {made.value!r}")
    deadline = started + PATIENCE_S[rough]
    while not judge.settled(links, [made]) and time.monotonic() < deadline:
        _show_writes(judge, started)
        time.sleep(0.02)
    _show_writes(judge, started)
    _table(judge, links[0])
    return made


def _show_writes(judge: Judge, started: float) -> None:
    for connection, _, call in judge.new_writes():
        click.echo(f"  {time.monotonic() - started:6.2f} s  {connection:<15} {call}")


def _table(judge: Judge, link: str) -> None:
    """Print what the five sides show now; a dash stands for a field that a CRM does not have or does not show."""
    level = judge.level(link)
    columns = [f for f in SHOWN if any((c, f) in level for c in judge.connectors)]
    widths = {
        f: max([len(f), *(len(str(level[c, f][0])) for c in judge.connectors if (c, f) in level)]) for f in columns
    }
    click.echo("  " + " ".join([f"{'':<15}", *(f"{f:<{widths[f]}}" for f in columns)]))
    for c in judge.connectors:
        cells = [str(level[c, f][0]) if (c, f) in level else "-" for f in columns]
        click.echo("  " + " ".join([f"{c:<15}", *(f"{v:<{widths[f]}}" for f, v in zip(columns, cells, strict=True))]))


def _edit(stage: Stage, judge: Judge, link: str, connection: str, name: str, value: str) -> Made:
    ref = next(r for r in judge.store.refs(link) if r.connection == connection)
    edit(stage.sandbox_url, connection, ref.vendor_id, name, value)
    return Made(link, connection, name, f"{value} USD" if name == "amount" else value)


def _burst(stage: Stage, links: list[str], judge: Judge) -> list[Made]:
    """
    Make many edits at once.

    ONLYOFFICE's come first: its update replaces the whole deal, so a person who saves there while the bridge writes
    puts old values back, as in its own pages.
    """
    made = []
    for deal, connection, name, value in BURST:
        made.append(_edit(stage, judge, links[deal], connection, name, value))
        time.sleep(GAP_S)
    return made


def _wait(judge: Judge, links: list[str], made: list[Made], patience_s: float) -> bool:
    """Wait until the bridge has nothing left to do; return whether it came so far in time."""
    deadline = time.monotonic() + patience_s
    calm = 0
    while time.monotonic() < deadline:
        calm = calm + 1 if judge.settled(links, made) else 0
        if calm == 3:
            return True
        time.sleep(0.05)
    return False


def _verdict(stage: Stage, judge: Judge, links: list[str], made: list[Made], seconds: float, in_time: bool) -> int:
    judge.new_writes()
    lost = [m for m in made if not judge.told(m)]
    apart = []
    for link in links:
        _table(judge, link)
        apart += [(link, c, f, v) for (c, f), (v, agrees) in judge.level(link).items() if not agrees]
    extra = max(0, len(judge.writes) - 4 * len(made))
    for m in lost:
        click.echo(f"lost: {m.connection} {m.field} {m.value!r} of link {m.link}", err=True)
    for link, c, f, v in apart:
        click.echo(f"not level: {c} shows {f} as {v!r}, link {link}", err=True)
    if not in_time or lost or apart:
        stage.keep = True
        click.echo(f"what happened stands in {stage.folder}", err=True)
    level = f"level in {seconds:.1f} s" if in_time and not apart else f"not level after {seconds:.1f} s"
    click.echo(f"demo: {len(made)} edits, {len(judge.writes)} writes, {extra} extra, {len(lost)} lost, {level}")
    return 0 if in_time and not (extra or lost or apart) else 1


def _stay(stage: Stage) -> int:
    click.echo(f"\nboards of the five CRMs: {stage.sandbox_url}/   (drag a deal, or change its name)")
    click.echo(f"the bridge's dashboard:  {stage.bridge_url}/   (sign in with {stage.token})")
    click.echo(f"why a deal moved:        . {stage.folder}/env; .venv/bin/bridge explain getfly CH2055057")
    click.echo("Ctrl-C ends it.")
    try:
        while all(process.poll() is None for process in stage.processes):
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    stage.keep = True
    click.echo(f"a process ended; its log is in {stage.folder}", err=True)
    return 1
