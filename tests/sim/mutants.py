"""
Teeth: rules and guards of the bridge switched off, one at a time, by name. The simulation must notice each.

A mutant replaces a piece of the text of one function; it is refused when that piece is not there exactly once, so that
the list cannot fall behind the code.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bridge.store import sqlite


@dataclass(frozen=True)
class Mutant:
    """
    name: the rule and what is off. where: `module:function`, or `sql:statement`. old, new: what its text becomes.
    scenarios: where it should hurt, tried in turn.
    """

    name: str
    where: str
    old: str
    new: str
    scenarios: tuple[str, ...]


@contextmanager
def switched_off(mutant: Mutant) -> Iterator[None]:
    """Put the mutant in place of the original. Raises ValueError when its text does not fit the code."""
    place, _, name = mutant.where.partition(":")
    if place == "sql":
        known: dict[str, str] = sqlite.SQL  # type: ignore[assignment]
        text = known[name]
        known[name] = _replaced(mutant, text)
        try:
            yield
        finally:
            known[name] = text
        return
    owner: Any = importlib.import_module(place)
    for each in name.split("."):
        owner = getattr(owner, each)
    original, made = owner.__code__, dict[str, Any]()
    text = textwrap.dedent(inspect.getsource(owner))
    exec(compile(_replaced(mutant, text), f"<{mutant.name}>", "exec"), owner.__globals__, made)
    owner.__code__ = made[owner.__name__].__code__
    try:
        yield
    finally:
        owner.__code__ = original


def _replaced(mutant: Mutant, text: str) -> str:
    if text.count(mutant.old) != 1:
        raise ValueError(f"mutant {mutant.name!r}: {mutant.old!r} is not once in {mutant.where}")
    return text.replace(mutant.old, mutant.new)


MERGE, PLAN, FLOW, STORE = "bridge.core.merge:", "bridge.core.plan:", "bridge.flow:Flow.", "bridge.store.store:Store."
LINKS, MENDED = "bridge.store.links:Links.", ("mended links", "mended links and deaths")
OBSERVE, SETTLED, INGEST = MERGE + "Merge.observe", MERGE + "Merge._settled", MERGE + "Merge._ingest"
SETTLE, DOUBT = MERGE + "Merge.settle", MERGE + "Merge.resolve_doubt"
HUNT = ("everything", "lag", "faults", "no sweeps")

MUTANTS: Mapping[str, Mutant] = {
    name: Mutant(name, *rest)
    for name, *rest in (
        (
            "R1 a hint is looked at again after the lag",
            FLOW + "take_in",
            "if connection.habits.lag:",
            "if False:",
            ("no sweeps",),
        ),
        ("R2 what is older than known is not taken", OBSERVE, "seen.stamp < side.stamp", "False", ("lag", *HUNT)),
        ("R2 the stamp is remembered", OBSERVE, "side.stamp = seen.stamp", "pass", ("lag", *HUNT)),
        ("R3 a change seen too early waits", SETTLED, "issued < since + wait and", "False and", ("lag", *HUNT)),
        ("R3 what waits is looked at again", SETTLED, "self._look(side, since + wait)", "pass", ("no sweeps",)),
        (
            "R3 after a write, a newer stamp proves nothing",
            SETTLED,
            "not (newer and not sh.undated)",
            "not newer",
            ("lag", *HUNT),
        ),
        (
            "R4 a value we replaced may still come back",
            SETTLED,
            "rules.habits.suspect if suspected else",
            "",
            ("slow reads",),
        ),
        (
            "R4 replaced values are remembered",
            MERGE + "Merge._move",
            "kept.append(Former(sh.native, self.now))",
            "pass",
            ("slow reads",),
        ),
        (
            "R5 what a vendor makes of a value is no edit",
            SETTLED,
            "sh.sent is not None and rules.explained(name, sh.sent.value, n)",
            "False",
            ("tidy",),
        ),
        (
            "R5 a write in doubt that landed is known again",
            SETTLED,
            "said is not None and rules.explained(name, said.value, n)",
            "False",
            ("doubt",),
        ),
        (
            "R5 what landed is level only with its own version",
            SETTLED,
            "max(sh.base, said.version)",
            "self.link.hubs[name].version",
            ("doubt",),
        ),
        ("R6 other looks are no edit", SETTLED, "elif spec.same(n, sh.native):", "elif False:", ("recut",)),
        (
            "R7 an edit to what the hub says already is none",
            INGEST,
            "rules.agrees(name, hub.value, n)",
            "False",
            ("lossy", "plain", *HUNT),
        ),
        (
            "R7 fields are merged one by one",
            INGEST,
            "hub.origin, hub.hop = side.ref.connection, hop",
            "[setattr(s, 'base', self.link.hubs[f].version) for f, s in side.shadows.items()]",
            ("plain", *HUNT),
        ),
        (
            "R8 of two edits at once the rule's wins",
            INGEST,
            "not self._wins(name, at, side, hub)",
            "False",
            ("a source",),
        ),
        (
            "R8 the loser is not written over the winner",
            INGEST,
            "sh.base < hub.version and not",
            "not",
            ("a source", "plain"),
        ),
        (
            "R8 what a person decided is news for the others",
            MERGE + "Merge.decide",
            "hub.version, hub.stamp, hub.origin = c, hub.version + 1, self.now",
            "hub.version, hub.stamp, hub.origin = c, hub.version, self.now",
            ("decisions",),
        ),
        (
            "R8 what a person decided ends the hold",
            MERGE + "Merge.decide",
            "0, None, hub.version",
            "0, hub.held_until, hub.version",
            ("decisions",),
        ),
        ("R8 the source wins", MERGE + "Merge._wins", 'policy.startswith("source:")', "False", ("a source",)),
        (
            "R8 a conflict that is to be held is held",
            INGEST,
            "hub.held_until = FOREVER",
            "pass",
            ("a hold",),
        ),
        (
            "R8 a conflict ends when all sides say the same",
            MERGE + "Merge._release",
            "and level(self.link, name, self.rules)",
            "and False",
            ("a hold",),
        ),
        (
            "R9 automations that argue are stopped",
            INGEST,
            "if hop > HOPS_MAX and",
            "if False and",
            ("fighting automations",),
        ),
        (
            "R9 people who take turns are not held up",
            INGEST,
            "if hop > HOPS_MAX and",
            "if True or",
            ("plain", *HUNT),
        ),
        (
            "R9 our own write may be the cause",
            MERGE + "Merge._caused",
            "if side.wrote_at is None:",
            "if True:",
            ("fighting automations",),
        ),
        (
            "R9 a held field is not written",
            PLAN + "plan",
            "elif _held(link, name, rules, now):",
            "elif False:",
            ("fighting automations",),
        ),
        (
            "R10 the record is read freshly before it is written",
            FLOW + "_bring_level",
            "seen = self._read(at, side)",
            "seen = Record(side.ref, {f: s.native for f, s in side.shadows.items()}, side.stamp)",
            ("plain", *HUNT),
        ),
        (
            "R10 what is not settled is not written over",
            PLAN + "plan",
            "elif name not in unsettled:",
            "else:",
            ("lag", *HUNT),
        ),
        (
            "R10 what says the same is not written",
            PLAN + "plan",
            "sh is not None and mine.agrees(name, hub.value, sh.native)",
            "False",
            ("lossy", *HUNT),
        ),
        ("R10 one open write a side", FLOW + "_next_due", " or side.open is not None", "", ("faults", *HUNT)),
        (
            "R11 the other fields of an answer are read as any",
            SETTLE,
            "self.observe(answer, issued, frozenset(shown.keys() - write.patch.keys()))",
            "[setattr(side.shadows[f], 'native', shown[f]) for f in shown.keys() - write.patch.keys()]",
            ("plain", *HUNT),
        ),
        (
            "R11 a write without a stamp leaves the shadow undated",
            SETTLE,
            "sh.undated = not (stored and answer is not None and answer.stamp is not None)",
            "sh.undated = False",
            ("lag", *HUNT),
        ),
        ("R11 our own write is known as sent", SETTLE, "else Sent(said.value)", "else None", ("tidy",)),
        ("R12 a write in doubt is not repeated blindly", FLOW + "_send", "if error.in_doubt:", "if False:", ("doubt",)),
        ("R12 doubt lasts as long as it may still land", DOUBT, "if issued < tells:", "if False:", ("late landings",)),
        ("R12 doubt ends", FLOW + "_observe", "merge.resolve_doubt(side, issued)", "pass", ("faults", *HUNT)),
        (
            "R12 a dead worker's write is in doubt",
            FLOW + "work",
            "if claim.lapsed:",
            "if False:",
            ("deaths in calls",),
        ),
        (
            "R13 what is sent back counts as touched",
            FLOW + "_bring_level",
            "frozenset(patch) | resent,",
            "frozenset(patch),",
            ("replaces",),
        ),
        (
            "R13 what is sent back stays quiet for the lag",
            SETTLE,
            "side.shadows[name].moved_at = self.now",
            "pass",
            ("replaces",),
        ),
        (
            "R13 nothing unsettled is sent back",
            FLOW + "_bring_level",
            "if not patch or resent & unsettled:",
            "if not patch:",
            ("replaces",),
        ),
        (
            "R15 one empty read is not the end",
            MERGE + "Merge.missing",
            "if self.now - side.missing_since < max(rules.habits.lag, 1000):",
            "if False:",
            ("flickering",),
        ),
        (
            "R16 a first look is no edit",
            MERGE + "Merge._first",
            "Shadow(n, base, self.now,",
            "Shadow(n, base - 1, self.now,",
            ("differing",),
        ),
        (
            "what this vendor never takes is not written",
            PLAN + "plan",
            "elif spec.readonly:",
            "elif False:",
            ("five: plain",),
        ),
        (
            "R17 a sweep looks at what differs",
            "bridge.sweep:_compare",
            "any(_differs(fields, f, n, side.natives) for f, n in record.fields.items())",
            "False",
            ("polling",),
        ),
        (
            "R18 a lost lease saves nothing",
            STORE + "_fence",
            'rows[0]["token"] != claim.token',
            "False",
            ("frozen workers",),
        ),
        (
            "R18 a link in work is left to its worker",
            "sql:lease",
            "lease_until = :until",
            "lease_until = :now",
            ("two processes", "crashes"),
        ),
        (
            "R18 looks are taken when they are answered",
            FLOW + "work",
            "self._forget_strangers(at)",
            "self.store.save(claim, link, upto, taken={c: (upto, x) for c, x in at.causes.items()})",
            ("deaths without sweeps",),
        ),
        (
            "R18 only known looks are taken",
            "sql:take_looks",
            " AND cause = :cause",
            " AND (1 OR cause = :cause)",
            ("hooks at once",),
        ),
        (
            "a write is on the disk before it is sent",
            STORE + "save",
            "durable=opened is not None",
            "durable=False",
            ("losses of power",),
        ),
        (
            "a delivery is on the disk before it is acknowledged",
            "bridge.store.inbox:Inbox._commit",
            "self._db.transaction()",
            "self._db.transaction(durable=False)",
            ("losses of power",),
        ),
        ("a failed read is tried again", FLOW + "_failed", "if again is not None:", "if False:", ("no sweeps",)),
        ("a pause is waited for", FLOW + "_wait_for_pauses", "if effects.looks:", "if False:", ("pauses",)),
        (
            "one refused field does not stop the others",
            FLOW + "_send",
            "len(at.rules.sides[connection].units(write.patch)) > 1",
            "False",
            ("picky",),
        ),
        (
            "what was refused for good is not sent again",
            PLAN + "leave_out",
            "if made.patch.get(name) != refusal.said:",
            "if True:",
            ("picky",),
        ),
        ("a closed deal is not reopened by a stage", PLAN + "_fits", "return", "return True or", ("status by stage",)),
        (
            "a paused connection is left alone",
            PLAN + "due",
            "rules.sides[side.ref.connection].paused",
            "False",
            ("pauses",),
        ),
        (
            "a delivery ends with an outcome",
            STORE + "_end_deliveries",
            "if causes:",
            "if False:",
            ("plain",),
        ),
        (
            "who works on a link that people mend is fenced",
            LINKS + "fence_off",
            'self.db.many("void_lease", [{"link": link, "now": now} for link in links])',
            "pass",
            MENDED,
        ),
        (
            "a fenced worker may still be calling",
            LINKS + "fence_off",
            'self.db.many("doubt_as_long_as_leased", [{"link": link} for link in links])',
            "pass",
            MENDED,
        ),
        ("a write in doubt goes along with its record", LINKS + "_join", "self._reopen(deals, now)", "pass", MENDED),
        (
            "a delivery does not wait for a side that has left",
            LINKS + "_leave",
            'self.db.many("leave_deliveries", keys)',
            "pass",
            MENDED,
        ),
    )
}
