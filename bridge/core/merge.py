"""
What a read means: echo, late news, our own write as the vendor stores it, or somebody's edit.

The rules R1 to R15 are those of the sync algorithm. Every function changes the working copy of a link that it is given
and returns what else must be stored; nothing here knows a clock.
"""

from __future__ import annotations

from bridge.core.fields import Choice
from bridge.core.model import (
    FOREVER,
    Effects,
    Entry,
    Former,
    Hub,
    Link,
    Look,
    Native,
    Record,
    Sent,
    Shadow,
    Side,
    What,
    Write,
)
from bridge.core.rules import UNKNOWN, Rules, SideRules

FIRST = 1
HOPS_MAX = 3
ARGUMENT_PAUSE = 15 * 60_000
ARGUMENTS_A_DAY = 4
DAY = 86_400_000


class Merge:
    """
    The rules applied to one link at one moment.

    now: epoch milliseconds. cause: the delivery, or the word, that made us look; it goes into the journal.
    """

    def __init__(self, link: Link, rules: Rules, now: int, cause: str = "") -> None:
        self.link, self.rules, self.now, self.cause = link, rules, now, cause
        self.effects = Effects()
        self._met: list[str] = []

    def observe(self, seen: Record, issued: int, only: frozenset[str] | None = None) -> set[str]:
        """
        Take in a record that a read issued at `issued` returned (R2 to R6); return the fields that are not settled.

        only: the fields to take; None means all. A field that `seen` does not show stays as it was.
        """
        side = self.link.sides[seen.ref.connection]
        rules = self.rules.sides[side.ref.connection]
        fields = {f for f in seen.fields if f in rules.fields and (only is None or f in only)}
        fields = {f for f in fields if self.rules.policy(f) != "off" and not rules.fields[f].unread}
        if seen.stamp is not None and side.stamp is not None and seen.stamp < side.stamp:
            self._look(side, self.now + max(rules.habits.lag, 1000))
            self.effects.unsettled |= fields
            return fields
        for f in sorted(f for f in fields if not rules.understands(f, seen.fields[f])):
            self.effects.garbled[f] = f"what {side.ref.connection} shows as {f} cannot be understood"
            fields.remove(f)
        newer = seen.stamp is not None and (side.stamp is None or seen.stamp > side.stamp)
        unsettled = {f for f in sorted(fields) if not self._settled(side, rules, f, seen, issued, newer)}
        if self._met:
            self._note(side, "", "met", detail=", ".join(self._met))
            self._met = []
        if seen.stamp is not None:
            side.stamp = seen.stamp
        self._release(side, fields)
        self.effects.unsettled |= unsettled
        return unsettled

    def _settled(self, side: Side, rules: SideRules, name: str, seen: Record, issued: int, newer: bool) -> bool:
        n, spec = seen.fields[name], rules.fields[name]
        sh = side.shadows.get(name)
        if sh is None:
            self._first(side, rules, name, n, seen)
            return True
        since = sh.moved_at
        if side.open is not None and name in side.open.touched:
            since = max(since, side.open.at + rules.habits.timeout)
        suspected = any(
            f.native == n and f.replaced_at > issued - rules.habits.suspect for f in side.formers.get(name, ())
        )
        wait = rules.habits.suspect if suspected else rules.habits.lag
        said = side.open.patch.get(name) if side.open else None
        if n == sh.native:
            if issued >= since + rules.habits.lag:
                sh.sent, sh.undated = None, False
        elif issued < since + wait and not (newer and not sh.undated):
            self._look(side, since + wait)
            return False
        elif sh.sent is not None and rules.explained(name, sh.sent.value, n):
            self._note(side, name, "normalised", old=sh.sent.value, new=n, version=sh.base)
            sh.native = n
            _confirm(sh, seen.stamp)
        elif said is not None and rules.explained(name, said.value, n):
            self._note(side, name, "landed", old=sh.native, new=n, version=said.version)
            self._move(side, name, n)
            _confirm(sh, seen.stamp)
            sh.base = max(sh.base, said.version)
            side.wrote_at = self.now
        elif spec.same(n, sh.native):
            sh.native = n
        elif spec.via and rules.decode(name, n) == rules.decode(name, sh.native):
            self._move(side, name, n)
            _confirm(sh, seen.stamp)
        else:
            self._ingest(side, rules, name, n, seen)
        return True

    def _first(self, side: Side, rules: SideRules, name: str, n: Native, seen: Record) -> None:
        """
        The first sight of a field: nothing is written for it; a hub without a value, or with a blank that was only the
        first side's, takes this one.

        Only what was edited elsewhere after this side came into the link is due here.
        """
        hub = self.link.hubs.get(name)
        c, base = rules.decode(name, n), FIRST
        if hub is not None and hub.stamp <= side.linked_at:
            base = hub.version
        in_doubt = side.open is not None and name in side.open.touched
        side.shadows[name] = Shadow(n, base, self.now, undated=in_doubt)
        if hub is None or (hub.value is None and hub.version == FIRST and c is not None):
            stamp = self.now if seen.stamp is None else min(seen.stamp, self.now)
            self.link.hubs[name] = Hub(c, FIRST, stamp, side.ref.connection)
            self._note(side, name, "first", new=c, version=FIRST)
        elif base < hub.version:
            self._note(side, name, "overtaken", old=hub.value, new=c, version=base)
        elif not rules.agrees(name, hub.value, n):
            self._note(side, name, "differs", old=hub.value, new=c, version=base)
        else:
            self._met.append(name)

    def _ingest(self, side: Side, rules: SideRules, name: str, n: Native, seen: Record) -> None:
        """R7 to R9: somebody else changed this field here."""
        hub, sh = self.link.hubs[name], side.shadows[name]
        self._move(side, name, n)
        _confirm(sh, seen.stamp)
        c = rules.decode(name, n)
        if rules.agrees(name, hub.value, n):
            if sh.base < hub.version:
                self._note(side, name, "settled_equal", new=c, version=hub.version)
            sh.base = hub.version
            return
        at = self.now if seen.stamp is None else min(seen.stamp, self.now)
        if sh.base < hub.version and not self._wins(name, at, side, hub):
            held = self.rules.policy(name) == "hold"
            detail = f"{'nobody' if held else hub.origin} wins ({self.rules.policy(name)})"
            self._note(side, name, "lost", old=c, new=hub.value, version=hub.version, detail=detail)
            if held and hub.held_until != FOREVER:
                self._note(side, name, "held", version=hub.version, detail="two sides changed it")
                hub.held_until = FOREVER
            return
        hop = hub.hop + 1 if self._caused(seen.stamp, side, rules) else 0
        if hop > HOPS_MAX and not (hub.held_until or 0) > self.now:
            self._argue(side, name, hub)
        self._note(side, name, "set", old=hub.value, new=c, version=hub.version + 1, detail=self._won(name, hub, seen))
        hub.value, hub.version, hub.stamp = c, hub.version + 1, at
        hub.origin, hub.hop = side.ref.connection, hop
        sh.base = hub.version

    def _won(self, name: str, hub: Hub, seen: Record) -> str:
        who = f"by {seen.actor}" if seen.actor else ""
        causal = self.link.sides[seen.ref.connection].shadows[name].base == hub.version
        rule = "" if causal else f"over {hub.origin} ({self.rules.policy(name)})"
        return " ".join(filter(None, (who, rule)))

    def _wins(self, name: str, at: int, side: Side, hub: Hub) -> bool:
        policy = self.rules.policy(name)
        if policy.startswith("source:"):
            return side.ref.connection == policy.removeprefix("source:")
        if policy == "hold":
            return False
        order = {c: r.order for c, r in self.rules.sides.items()}
        return (at, order[side.ref.connection]) > (hub.stamp, order.get(hub.origin, -1))

    def _caused(self, stamp: int | None, side: Side, rules: SideRules) -> bool:
        """R9: could one of our own writes have caused this change?"""
        if side.wrote_at is None:
            return False
        if stamp is not None:
            return stamp - side.wrote_at < rules.habits.react
        return self.now - side.wrote_at < rules.habits.react + rules.habits.suspect + rules.habits.scan + 60_000

    def _argue(self, side: Side, name: str, hub: Hub) -> None:
        day = self.now // DAY
        hub.argued, hub.argued_day = (hub.argued + 1 if hub.argued_day == day else 1), day
        hub.held_until = self.now + ARGUMENT_PAUSE if hub.argued <= ARGUMENTS_A_DAY else FOREVER
        until = None if hub.held_until == FOREVER else hub.held_until
        detail = "automations answer each other's changes"
        self._note(side, name, "held", new=until, version=hub.version, detail=detail)

    def _release(self, side: Side, fields: set[str]) -> None:
        """A conflict that waits for a person ends when all sides say the same."""
        for name in sorted(fields):
            hub = self.link.hubs.get(name)
            if hub is not None and hub.held_until == FOREVER and level(self.link, name, self.rules):
                hub.held_until, hub.hop = None, 0
                self._note(side, name, "released", version=hub.version, detail="all sides say the same")

    def decide(self, name: str, connection: str, who: str) -> None:
        """
        A person says whose value stands in a field that is held: that side's, as it was last seen to show it.

        It becomes a new version that all others are due for. What a later read finds changed elsewhere counts as ever.
        """
        hub, sh = self.link.hubs[name], self.link.sides[connection].shadows[name]
        c = self.rules.sides[connection].decode(name, sh.native)
        side = self.link.sides[connection]
        self._note(side, name, "decided", old=hub.value, new=c, version=hub.version + 1, detail=who)
        hub.value, hub.version, hub.stamp, hub.origin = c, hub.version + 1, self.now, connection
        hub.hop, hub.held_until, sh.base = 0, None, hub.version
        for each in self.link:
            if not each.gone:
                self._look(each, self.now)

    def settle(self, side: Side, answer: Record | None, issued: int) -> None:
        """
        R11: the open write of `side` was answered. Close it; take the answer's other fields as any read.

        answer: the record as the vendor's answer shows it, or None when it shows nothing.
        """
        assert side.open is not None
        write, rules = side.open, self.rules.sides[side.ref.connection]
        shown = {f: n for f, n in answer.fields.items() if f in rules.fields} if answer else {}
        shown = {f: n for f, n in shown.items() if rules.understands(f, n)}
        stored = rules.habits.answer == "stored" and answer is not None
        for name, said in write.patch.items():
            sh = side.shadows.setdefault(name, Shadow(None, FIRST, self.now))
            kept = said.value
            if name in shown and (stored or rules.explained(name, said.value, shown[name])):
                kept = shown[name]
            detail = self._meaning(rules, name, kept)
            self._note(side, name, "sent", old=sh.native, new=kept, version=said.version, detail=detail)
            self._move(side, name, kept)
            sh.base = max(sh.base, said.version)
            sh.sent = None if stored and name in shown else Sent(said.value)
            sh.undated = not (stored and answer is not None and answer.stamp is not None)
        for name in write.touched - write.patch.keys():
            if name in side.shadows:
                side.shadows[name].moved_at = self.now
        self.effects.closed[write.id] = ("done", "")
        side.open = None
        side.wrote_at = self.now
        if not stored or not write.patch.keys() <= shown.keys():  # else there is nothing left to confirm
            self._look(side, self.now + rules.habits.lag, "confirm")
        if answer is not None:
            self.observe(answer, issued, frozenset(shown.keys() - write.patch.keys()))

    def _meaning(self, rules: SideRules, name: str, kept: Native) -> str:
        """Say what a choice that was written means there, where that is not what the hub says."""
        if not isinstance(rules.fields[name], Choice):
            return ""
        c = rules.decode(name, kept)
        known = not str(c).startswith(UNKNOWN) and c != self.link.hubs[name].value
        return f"which means {c or 'nothing'} there" if known else ""

    def resolve_doubt(self, side: Side, issued: int) -> bool:
        """
        R12: close a write in doubt once a read was issued late enough to tell; return whether it is closed.

        Call it after `observe` of that read. A write that did not land stays due and is planned again.
        """
        rules = self.rules.sides[side.ref.connection]
        if side.open is None:
            return True
        tells = side.open.at + rules.habits.timeout + rules.habits.lag
        if issued < tells:
            self._look(side, tells)
            return False
        for name, said in side.open.patch.items():
            sh = side.shadows.get(name)
            if sh is None or sh.base < said.version:
                self._note(side, name, "did_not_land", new=said.value, version=said.version)
        self.effects.closed[side.open.id] = ("done", "a later read told")
        side.open = None
        return True

    def missing(self, side: Side) -> None:
        """R15: a read found nothing; a second one, `lag` later, makes it certain."""
        rules = self.rules.sides[side.ref.connection]
        if side.missing_since is None:
            side.missing_since = self.now
        if self.now - side.missing_since < max(rules.habits.lag, 1000):
            self._look(side, side.missing_since + max(rules.habits.lag, 1000))
        elif not side.gone:
            if side.open is not None:
                self.effects.closed[side.open.id] = ("refused", "the record is gone")
            side.gone, side.open = True, None
            self._note(side, "", "gone", detail="two reads found nothing; nothing is written elsewhere")

    def present(self, side: Side) -> None:
        """A read found the record."""
        side.missing_since = None
        if side.gone:
            side.gone = False
            self._note(side, "", "back")

    def understand(self) -> None:
        """Give hub values whose choice was unknown their meaning, where somebody has said it since."""
        for name, hub in self.link.hubs.items():
            origin = self.rules.sides.get(hub.origin)
            if not isinstance(hub.value, str) or not hub.value.startswith(UNKNOWN) or origin is None:
                continue
            if isinstance(origin.fields.get(name), Choice):
                c = origin.decode(name, hub.value.removeprefix(f"{UNKNOWN}{hub.origin}:"))
                if c != hub.value:
                    entry = Entry(self.now, hub.origin, name, "understood", hub.value, c, hub.version, self.cause)
                    self.effects.journal.append(entry)
                hub.value = c

    def _move(self, side: Side, name: str, n: Native) -> None:
        sh, suspect = side.shadows[name], self.rules.sides[side.ref.connection].habits.suspect
        kept = [f for f in side.formers.get(name, ()) if f.replaced_at > self.now - suspect and f.native != sh.native]
        if n != sh.native:
            kept.append(Former(sh.native, self.now))
        side.formers[name] = kept if suspect else []
        sh.native, sh.moved_at = n, self.now

    def _look(self, side: Side, at: int, cause: str = "") -> None:
        self.effects.looks.append(Look(side.ref, at, cause or self.cause or "again"))

    def _note(self, side: Side, name: str, what: What, **rest: object) -> None:
        connection = side.ref.connection
        self.effects.journal.append(Entry(self.now, connection, name, what, delivery=self.cause, **rest))  # type: ignore[arg-type]


def level(link: Link, name: str, rules: Rules) -> bool:
    """Tell whether every live side that has been read says what the hub says."""
    return all(
        rules.sides[s.ref.connection].agrees(name, link.hubs[name].value, s.shadows[name].native)
        for s in link
        if name in s.shadows and not s.gone and s.ref.connection in rules.sides
    )


def in_doubt(write: Write, now: int, cause: str) -> list[Entry]:
    """Return what the journal tells of a write that was sent and not answered."""
    connection = write.ref.connection
    return [Entry(now, connection, f, "in_doubt", None, s.value, s.version, cause) for f, s in write.patch.items()]


def _confirm(sh: Shadow, stamp: int | None) -> None:
    sh.sent, sh.undated = None, stamp is None


def assert_sound(link: Link) -> None:
    """Check what must hold after each transaction (I13): no shadow is ahead of its hub."""
    for side in link:
        for name, sh in side.shadows.items():
            hub = link.hubs.get(name)
            assert hub is None or sh.base <= hub.version, f"{side.ref} {name}: base {sh.base} > {hub.version}"
