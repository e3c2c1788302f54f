"""What the bridge heard, what it found there, and where that went: one line for each delivery, sweep or other cause."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from bridge.core.speech import plainly
from bridge.desk import Desk, Page, Refused, Value, moment
from bridge.store.audit import LAST
from bridge.store.rows import Row

Tone = Literal["good", "warn", "bad", "quiet"]

RUN_MS = 30_000  # longer than a call may take
LONGEST_MS = 20 * RUN_MS

# what one may ask for: its words, and patterns that the outcome fits and does not fit; no outcome is a dash
SHOWN: Mapping[str, tuple[str, str, str]] = {
    "": ("everything", "%", "-"),
    "news": ("all but echoes", "%", "%echo"),
    "changed": ("edits", "%changed%", "-"),
    "echo": ("echoes", "%echo", "-"),
    "stranger": ("not linked", "not linked%", "-"),
    "failed": ("failures", "%", "-"),
}

HEARD: Mapping[str, str] = {
    "sweep": "sweep",
    "linked": "newly linked",
    "retry": "another try",
    "resumed": "a pause ended",
    "cured": "a choice was added",
    "confirm": "check of a write",
    "again": "another look",
    "in doubt": "a call was in doubt",
    "handed back": "handed over by another worker",
    "replay": "replayed",
    "defect": "a defect",
}

# how an outcome begins, what it is called here, how it looks
FOUND: Sequence[tuple[str, str, Tone]] = (
    ("echo", "an echo, nothing new", "quiet"),
    ("changed ", "changed ", "good"),
    ("not linked", "not linked to any deal here", "quiet"),
    ("not about a deal", "not about a deal", "quiet"),
    ("no such connection", "no such connection any more", "warn"),
    ("first look", "seen for the first time", "good"),
    ("same edit", "the same edit as elsewhere", "good"),
    ("as stored", "the CRM keeps it in its own form", "quiet"),
    ("lost", "an edit that lost against a later one", "warn"),
    ("unsettled", "not settled yet, looked at again", "quiet"),
    ("not there", "the record is not there", "warn"),
    ("wrote ", "wrote ", "good"),
    ("failed", "the call failed", "bad"),
    ("refused", "refused, each field is tried alone", "warn"),
    ("dead", "given up", "bad"),
)


class Step(Value):
    """One thing that was done about it. ms: how long that took; None where nobody was called."""

    connection: str
    words: str
    tone: Tone
    ms: int | None = None


class Deal(Value):
    """A link that a line is about. name: "" when it has none."""

    link: str
    name: str


class Line(Value):
    """
    What one delivery, or a run of work without one, led to. heard: `webhook`, or why else. found: what was seen there.

    over: nothing more is expected of it.
    """

    id: str
    at: datetime
    connection: str
    heard: str
    found: str
    tone: Tone
    ms: int | None
    over: bool
    deals: Sequence[Deal]
    steps: Sequence[Step]


def page(
    desk: Desk, *, connection: str = "", link: str = "", outcome: str = "", before: str | None = None, n: int = 50
) -> Page[Line]:
    """Return what happened, newest first. outcome: of SHOWN. before: a cursor. Raises Refused for a filter unknown."""
    if connection:
        desk.known(connection)
    if outcome not in SHOWN:
        raise Refused("invalid", f"there is no filter {outcome!r}", f"there are {', '.join(filter(None, SHOWN))}")
    _, like, unlike = SHOWN[outcome]
    rows = desk.store.activity(
        n + 1,
        before=before or LAST,
        connection=connection,
        link=link,
        like=like,
        unlike=unlike,
        failed=outcome == "failed",
        run_ms=RUN_MS,
    )
    return Page(items=_lines(desk, rows[:n]), next=rows[n - 1]["id"] if len(rows) > n else None)


def _lines(desk: Desk, heads: Sequence[Row]) -> list[Line]:
    if not heads:
        return []
    done = _attempts(desk, heads)
    links = sorted({link for h in heads for link in _links(h, done[h["id"]])})
    names = {link: str(json.loads(value) or "") for link, value in desk.store.names_of_links(links).items()}
    waits = desk.store.held_back(links, min(h["id"] for h in heads))
    return [_line(h, done[h["id"]], waits, names) for h in heads]


def _attempts(desk: Desk, heads: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the attempts of each head, oldest first."""
    found: dict[str, list[Row]] = {h["id"]: [] for h in heads}
    if heard := [h["id"] for h in heads if not h["cause"]]:
        for a in desk.store.attempts_of_deliveries(heard):
            found[a["cause"]].append(a)
    runs = sorted((h for h in heads if h["cause"]), key=lambda h: str(h["id"]))
    if runs:
        links, until = sorted({h["link"] for h in runs}), max(h["at"] for h in runs) + LONGEST_MS
        at: dict[tuple[str, str], Row] = {}
        for a in desk.store.attempts_of_links(links, runs[0]["id"], until):
            key = a["link"], a["cause"]
            if a["id"] in found:
                at[key] = {"head": a["id"], "last": a["at"]}
            elif key in at and a["at"] - at[key]["last"] > RUN_MS:
                del at[key]
            if key in at:
                at[key]["last"] = a["at"]
                found[at[key]["head"]].append(a)
    return found


def _links(head: Row, attempts: Sequence[Row]) -> list[str]:
    """Return those that were tried, and the one where a delivery came with another."""
    return list(dict.fromkeys(filter(None, [*(a["link"] for a in attempts), head["link"]])))


def _line(head: Row, attempts: Sequence[Row], waits: Sequence[Row], names: Mapping[str, str]) -> Line:
    seen = next((a for a in attempts if not _is_step(a)), None)
    over = head["state"] == "done"
    found, tone = words_of(head["outcome"]) if over else ("is looked at" if seen is None else "not done yet", "warn")
    if head["state"] == "waiting":
        found = "waits for a worker"
    links = _links(head, attempts)
    first = seen or (attempts[0] if attempts and head["cause"] else None)
    steps = [_step(a) for a in attempts if _is_step(a) and a is not first]
    cause = head["cause"] or head["id"]
    upto = (attempts[-1]["at"] if attempts else head["at"]) + RUN_MS
    mine = [w for w in waits if w["cause"] == cause and w["link"] in links and head["at"] <= w["at"] <= upto]
    steps += [Step(connection=w["connection"], words=_waits(w), tone="warn") for w in mine]
    return Line(
        id=head["id"],
        at=moment(head["at"]),
        connection=head["connection"],
        heard=HEARD.get(head["cause"], head["cause"]) or "webhook",
        found=found,
        tone=tone,
        ms=first["ms"] if first else None,
        over=over,
        deals=[Deal(link=link, name=names.get(link, "")) for link in links],
        steps=steps,
    )


def _is_step(attempt: Row) -> bool:
    return str(attempt["outcome"]).startswith(("wrote", "failed", "refused", "dead"))


def _step(attempt: Row) -> Step:
    found, tone = words_of(attempt["outcome"])
    why = f": {attempt['reason'].replace('_', ' ')}" if attempt["reason"] else ""
    return Step(connection=attempt["connection"], words=found + why, tone=tone, ms=attempt["ms"])


def _waits(entry: Row) -> str:
    why = f": {plainly(entry['detail'])}" if entry["detail"] else ""
    return f"{entry['field'].replace('_', ' ') or 'all of it'} waits{why}"


def words_of(outcome: str) -> tuple[str, Tone]:
    """Return an outcome in plain words, and how it looks."""
    if outcome.startswith("merged: "):
        words, tone = words_of(outcome.removeprefix("merged: "))
        return f"came with another: {words}", "quiet" if tone == "good" else tone
    for start, words, tone in FOUND:
        if outcome.startswith(start):
            rest = outcome.removeprefix(start)
            return words + (rest.replace("_", " ") if start != "refused" else ""), tone
    return outcome or "nothing", "quiet"
