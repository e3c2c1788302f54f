"""Each entry of a journal as a plain English sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

from bridge.core.fields import Phone, digits
from bridge.core.history import Row
from bridge.core.rules import UNKNOWN
from bridge.core.speech import Known, canonical, in_order, label, listed, native, plainly

Tone = Literal["good", "warn", "bad", "quiet"]

WON = re.compile(r"(?:by (?P<who>.*?))? ?(?:over (?P<over>\S+)(?: \((?P<policy>\S+)\))?)?", re.S)
LOST = re.compile(r"(?P<winner>\S+) wins (?:\((?P<policy>\S+)\)|by the rule)")
QUOTED = re.compile(r"""(?<!\w)(['"])(.*?)\1(?!\w)""")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CAUSES = {
    "": "",
    "sweep": "found by a sweep",
    "linked": "found when the records were linked",
    "replay": "found by a replay",
    "retry": "found when the call was tried again",
    "resumed": "found after a pause",
    "cured": "found after a choice or link was added",
    "confirm": "found when a write was confirmed",
    "in doubt": "found when a write was in doubt",
}
TONES: Mapping[str, Tone] = {
    "set": "good", "decided": "good", "sent": "good", "landed": "good",
    "lost": "warn", "held": "warn", "in_doubt": "warn", "did_not_land": "warn", "waits": "warn", "unlinked": "warn",
    "refused": "bad", "gone": "bad", "discarded": "bad",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """
    What happened, in a sentence. field: "" when it concerns the whole record. delivery: its id, "" when it was no
    webhook that made us look. tone: how much it matters.
    """

    at: int
    sentence: str
    tone: Tone
    what: str
    connection: str
    field: str
    delivery: str


def timeline(journal: Sequence[Row], known: Known, field: str | None = None) -> list[Line]:
    """
    Return the lines of a journal, oldest first; what a side brought on its first read is one line.

    field: only what concerns this field, or the whole of a side.
    """
    wanted = [e for e in journal if field in (None, e["field"]) or _concerns(e, str(field))]
    lines = []
    for key, group in groupby(wanted, _together):
        entries = list(group)
        sentence = _brought(known, entries) if key[0] == "first" else _sentence(known, entries[0], field)
        e = entries[0]
        one = e["field"] if len(entries) == 1 else ""
        tone, delivery = TONES.get(e["what"], "quiet"), e["delivery"] if ID.fullmatch(e["delivery"]) else ""
        lines.append(Line(e["at"], sentence, tone, e["what"], e["connection"], one, delivery))
    return lines


def because(delivery: str) -> str:
    """Say what made us look, in words; "" when there is nothing to say."""
    return CAUSES.get(delivery, "heard by a webhook" if ID.fullmatch(delivery) else "found by a look")


def clock(ms: int) -> str:
    """Return a time to the second, as people read it."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def rule(policy: str | None, name: str, winner: str) -> str:
    """Say by which rule one of two edits stands."""
    if policy is not None and policy.startswith("source:"):
        return f"{label(name)} follows {winner}"
    if policy == "hold":
        return "a person decides"
    return f"{winner}'s later edit stands" if policy == "newest" else f"{winner}'s edit stands by the rule"


def waiting(known: Known, e: Row) -> tuple[str, str]:
    """Return why something waits and what to do, with what is quoted there as people know it."""

    def named(found: re.Match[str]) -> str:
        text = found[2].removeprefix(UNKNOWN)
        connection, _, n = text.partition(":")
        words = known.labels.get((connection, e["field"], n))
        return known.links.get(text) or (f"“{connection}: {words} ({n})”" if words else f"“{text}”")

    said, cure = (QUOTED.sub(named, plainly(str(text or ""))) for text in (e["detail"], e["new"]))
    return said, cure


def lost(known: Known, e: Row) -> str:
    """Tell of an edit that did not win."""
    name, mine, stands = e["field"], canonical(known, e["field"], e["old"]), canonical(known, e["field"], e["new"])
    found = LOST.fullmatch(e["detail"])
    if found is None or found["policy"] == "hold":
        both = f"{e['connection']} changed {label(name)} to {mine}, while it was {stands} here"
        return f"{both}. Both stay until a person decides."
    why = rule(found["policy"], name, found["winner"])
    return f"{e['connection']}'s own edit of {label(name)} to {mine} lost: {why}, {stands}."


def _concerns(e: Row, field: str) -> bool:
    return e["field"] == "" and (e["what"] != "met" or field in e["detail"].split(", "))


def _together(e: Row) -> tuple[object, ...]:
    return (e["what"], e["connection"], e["at"]) if e["what"] == "first" else (e["what"], id(e))


def _brought(known: Known, entries: Sequence[Row]) -> str:
    new = {e["field"]: e["new"] for e in entries}
    values = [f"{label(name)} {canonical(known, name, new[name])}" for name in in_order(new)]
    first = "value" if len(new) == 1 else "values"
    return f"{entries[0]['connection']} was read and gave the first {first}: {listed(values)}."


def _sentence(known: Known, e: Row, field: str | None) -> str:
    if e["what"] == "met":
        names = [label(n) for n in in_order(e["detail"].split(", ")) if field in (None, n)]
        return f"{e['connection']} was read for the first time and says the same: {listed(names)}."
    tell = WORDS.get(e["what"])
    return tell(known, e) if tell else f"{e['connection']}: {' '.join(filter(None, (e['what'], e['detail'])))}."


def _set(known: Known, e: Row) -> str:
    name, found = e["field"], WON.fullmatch(e["detail"])
    who, over, policy = (found["who"], found["over"], found["policy"]) if found else (None, None, None)
    by = f" by {who}" if who else ""
    heard = f" ({because(e['delivery'])})" if because(e["delivery"]) else ""
    old, new = canonical(known, name, e["old"]), canonical(known, name, e["new"])
    text = f"{_capital(name)} was changed to {new} in {e['connection']}{by}{heard}; it replaced {old}"
    return f"{text}, {over}'s own edit: {rule(policy, name, e['connection'])}." if over else f"{text}."


def _decided(known: Known, e: Row) -> str:
    value = canonical(known, e["field"], e["new"])
    who = e["detail"].removeprefix("by ") or "somebody"
    return f"{_capital(e['field'])}: {who} decided that {e['connection']}'s value stands, {value}."


def _understood(known: Known, e: Row) -> str:
    new, old = canonical(known, e["field"], e["new"]), str(e["old"])
    if not old.startswith(UNKNOWN):
        return f"{_capital(e['field'])} is {new} now: two links of it became one."
    connection, _, n = old.removeprefix(UNKNOWN).partition(":")
    shown = native(known, connection, e["field"], n)
    return f"{_capital(e['field'])} has its meaning now: {shown} of {connection} is {new}."


def _differs(known: Known, e: Row) -> str:
    name, connection = e["field"], e["connection"]
    shown, here = canonical(known, name, e["new"]), canonical(known, name, e["old"])
    return f"{connection} was read for the first time: {label(name)} is {shown} there and {here} here. Both stay."


def _overtaken(known: Known, e: Row) -> str:
    name, connection = e["field"], e["connection"]
    shown, here = canonical(known, name, e["new"]), canonical(known, name, e["old"])
    text = f"{connection} was read for the first time: {label(name)} is {shown} there"
    if shown == here:
        return f"{text}, as it was set elsewhere since it was linked."
    return f"{text}; since it was linked, {here} was set elsewhere and is due there."


def _sent(known: Known, e: Row) -> str:
    means = f", {e['detail']}" if e["detail"] else ""
    return f"{_capital(e['field'])} was written to {e['connection']} as {_native(known, e, 'new')}{means}."


def _normalised(known: Known, e: Row) -> str:
    same = isinstance(known.spec(e["field"], e["connection"]), Phone) and digits(e["old"]) == digits(e["new"])
    kept, instead = _native(known, e, "new"), _native(known, e, "old")
    tail = "; the same number" if same else f" instead of {instead}"
    return f"{e['connection']} keeps the {label(e['field'])} as {kept}{tail}."


def _in_doubt(known: Known, e: Row) -> str:
    sent = f"{_capital(e['field'])} was sent to {e['connection']} as {_native(known, e, 'new')}"
    return f"{sent}, and no answer came. A later read will tell whether it arrived."


def _landed(known: Known, e: Row) -> str:
    return f"{_capital(e['field'])} had arrived at {e['connection']} though no answer came: {_native(known, e, 'new')}."


def _did_not_land(known: Known, e: Row) -> str:
    return f"{_capital(e['field'])} had not arrived at {e['connection']}; it is written again."


def _held(known: Known, e: Row) -> str:
    until = f"until {clock(e['new'])}" if e["new"] else "until a person decides"
    return f"{_capital(e['field'])} is not written anywhere {until}: {e['detail']}."


def _not_sent(known: Known, e: Row) -> str:
    name, value = e["field"], canonical(known, e["field"], e["new"])
    if e["detail"] == "already says the same":
        return f"{e['connection']} already says {value} as its {label(name)}; nothing was written."
    return f"{_capital(name)} {value} was not written to {e['connection']}: {e['detail']}."


def _waits(known: Known, e: Row) -> str:
    said, cure = waiting(known, e)
    what_to_do = f" What to do: {cure}." if cure else ""
    return f"{_what(e)} waits at {e['connection']}: {said}.{what_to_do}"


def _what(e: Row) -> str:
    return _capital(e["field"]) if e["field"] else "Everything"


def _capital(name: str) -> str:
    text = label(name)
    return text[:1].upper() + text[1:]


def _native(known: Known, e: Row, key: str) -> str:
    return native(known, e["connection"], e["field"], e[key])


def _settled_equal(known: Known, e: Row) -> str:
    value = canonical(known, e["field"], e["new"])
    return f"{_capital(e['field'])} was changed to {value} in {e['connection']} too."


def _refused(known: Known, e: Row) -> str:
    return f"{e['connection']} could not be brought level, and it is not tried again by itself: {plainly(e['detail'])}."


def _discarded(known: Known, e: Row) -> str:
    return (
        f"{_capital(e['field'])} {_native(known, e, 'new')}, which {e['connection']} refused, is let be: {e['detail']}."
    )


WORDS: Mapping[str, Callable[[Known, Row], str]] = {
    "set": _set,
    "decided": _decided,
    "understood": _understood,
    "lost": lost,
    "differs": _differs,
    "overtaken": _overtaken,
    "settled_equal": _settled_equal,
    "sent": _sent,
    "normalised": _normalised,
    "in_doubt": _in_doubt,
    "landed": _landed,
    "did_not_land": _did_not_land,
    "held": _held,
    "released": lambda known, e: f"{_capital(e['field'])} goes on: {e['detail']}.",
    "not_sent": _not_sent,
    "waits": _waits,
    "freed": lambda known, e: f"{_what(e)} waits no longer at {e['connection']}.",
    "refused": _refused,
    "replayed": lambda known, e: (
        f"{' '.join(filter(None, ('Tried again', e['detail'])))}: what {e['connection']} refused."
    ),
    "discarded": _discarded,
    "gone": lambda known, e: f"The record is gone at {e['connection']}: {e['detail']}.",
    "back": lambda known, e: f"The record is there again at {e['connection']}.",
    "linked": lambda known, e: f"Record {e['detail']} of {e['connection']} was linked.",
    "unlinked": lambda known, e: f"Record {e['detail']} of {e['connection']} was taken out of the link.",
}
