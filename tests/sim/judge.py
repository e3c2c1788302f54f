"""The judge: what must hold in the end, from the ledger of what people did and what every CRM really holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.model import FOREVER
from tests.sim.sides import Broken, Side, Written
from tests.sim.world import Edit, World

DISTINCT = ("name", "description", "amount", "expected_close")  # no two edits enter the same value


@dataclass(frozen=True)
class Hub:
    """held: until a person comes. A pause of an argument ends by itself, so it excuses nothing."""

    value: object
    version: int
    origin: str
    held: bool


class Judge:
    """Reads the database with statements of its own. Every verdict is a Broken."""

    def __init__(self, world: World) -> None:
        self.world, self.sides, self.edits = world, world.sides, world.edits

    def verdict(self) -> None:
        """Raise Broken unless everything holds that must hold once all is calm."""
        self.hubs = {
            r["field"]: Hub(json.loads(r["value"]), r["version"], r["origin"], r["held_until"] == FOREVER)
            for r in self._rows("SELECT field, value, version, origin, held_until FROM hub")
        }
        self.journal = self._rows("SELECT at, link, connection, field, what, old, new FROM journal ORDER BY id")
        looked = "SELECT at, connection FROM attempt WHERE outcome NOT IN ('failed', 'dead') ORDER BY id"
        self.looked = self._rows(looked)
        self._ended()
        self._level()
        for edit in self.edits:
            self._accounted(edit)
        self._winners()
        self._unedited()
        self._by_the_rule()
        self._decisions_stand()
        self._no_change_from_what_agrees()
        self._no_change_that_nobody_made()
        self._gone_only_after_two_reads()
        for name, side in self.sides.items():
            if side.deals() != self.world.deals[name]:
                raise Broken("I9", f"{name} holds {side.deals()} deals, and held {self.world.deals[name]}")

    def _rows(self, sql: str) -> list[Mapping[str, Any]]:
        return [dict(r) for r in self.world.store.db.query(sql)]

    def _ended(self) -> None:
        """Each delivery has its one outcome, no look is left, no write is open or dead, no lease is held."""
        for r in self._rows("SELECT id, state, outcome FROM delivery WHERE state <> 'done' OR outcome = ''"):
            raise Broken("I12", f"delivery {r['id']} is {r['state']}, its outcome is {r['outcome']!r}")
        for table, where in (("look", "1 = 1"), ("write", "state = 'open'"), ("link", "lease_until > 0")):
            if self._rows(f"SELECT 1 FROM {table} WHERE {where}"):
                raise Broken("I12", f"a row of {table} is left over")
        for r in self._rows("SELECT connection, patch, detail FROM write WHERE state = 'dead'"):
            said = json.loads(r["patch"]).items()
            if all(self.sides[r["connection"]].takes(field, value) for field, (value, _) in said):
                raise Broken("I12", f"a dead letter to {r['connection']} is left over: {r['detail']}")

    def _level(self) -> None:
        scenario = self.world.scenario
        for field, hub in self.hubs.items():
            if hub.held and not scenario.fights and scenario.policies.get(field) != "hold":
                raise Broken("R9", f"{field} is held, and nobody argues about it")
            if hub.held and not scenario.fights and self._all_say(field):
                raise Broken("R8", f"{field} is held, though all sides say the same")
        for name, side in self.sides.items():
            shown = side.shows()
            if strange := sorted(shown.keys() - self.hubs.keys()):
                raise Broken("I2", f"{name} shows {', '.join(strange)}, of which the bridge knows nothing")
            for field, hub in self.hubs.items():
                if field not in shown or hub.held or field in side.readonly or not side.takes(field, hub.value):
                    continue
                if self._gives_way(side, field):
                    continue
                if not side.fits(field, hub.value, shown[field]) and not self._as_linked(side, field):
                    text = f"{name}.{field} shows {shown[field]!r}, the hub says {hub.value!r}"
                    raise Broken("I2", text, self._last(name, field))

    def _all_say(self, field: str) -> bool:
        return len({s.says(field, s.shows()[field]) for s in self.sides.values() if field in s.shows()}) == 1

    def _as_linked(self, side: Side, field: str) -> bool:
        """Tell whether nobody has edited this field since this side was linked: then it stays as it was then."""
        if self.hubs[field].version == 1 and side.shows()[field] == self.world.start[side.name][field]:
            return True
        link = self.world.store.find(side.name, side.ref.vendor_id)
        sets = [x["at"] for x in self.journal if (x["link"], x["field"], x["what"]) == (link, field, "set")]
        return any(max(sets, default=0) <= self._known_from(side, at) for at in self.world.joined[side.name])

    def _known_from(self, side: Side, joined: int) -> int:
        """Return when the first look at a side was saved that has come into a link."""
        looks = [x["at"] for x in self.looked if x["connection"] == side.name and x["at"] > joined]
        return min(looks, default=self.world.loop.now)

    def _came_along(self, e: Edit) -> bool:
        """Tell whether the edit was there already when the first look was taken at a side that people have linked."""
        side = self.sides[e.side]
        return any(e.at <= self._known_from(side, at) for at in self.world.joined[e.side])

    def _gives_way(self, side: Side, field: str) -> bool:
        """Where the stage tells the status, a stage gives way to a closed status, and an open status to a stage."""
        if not side.by_stage or field not in ("stage", "status") or "status" not in self.hubs:
            return False
        status, stage = self.hubs["status"].value, self.hubs["stage"].value
        if field == "status":
            return status == "open"
        return status != "open" and side.status_of(stage) != status

    def _accounted(self, e: Edit) -> None:
        """I3: the edit stands, or was superseded there, or lost by rule in the journal, or overrun within I10."""
        later = [x.at for x in self.edits if (x.side, x.field) == (e.side, e.field)]
        later += [at for at, side, field in self.world.by_bot if (side, field) == (e.side, e.field)]
        if max(later) > e.at or self._told(e) or self.sides[e.side].fits(e.field, self.hubs[e.field].value, e.shown):
            return
        if self._came_along(e):
            return
        if not self._overrun(e) and not self._back_to_what_was_known(e) and not self._reverted_in_doubt(e):
            text = f"{e.canonical!r}, entered as {e.side}.{e.field} at t={(e.at - self.world.began) / 1000:g}, is gone"
            raise Broken("I3", text, self._first_write(e))

    def _told(self, e: Edit) -> bool:
        """Tell whether the journal accounts for the edit, or the hub has said as much since: then nothing was lost."""
        side, hub = self.sides[e.side], None
        for x in (x for x in self.journal if x["field"] == e.field):
            if x["what"] in ("first", "set", "decided"):
                if x["at"] >= e.at and hub is not None and side.fits(e.field, json.loads(hub), e.shown):
                    return True
                hub = x["new"]
            if x["connection"] == e.side and x["at"] >= e.at:
                said = {"set": x["new"], "settled_equal": x["new"], "lost": x["old"]}.get(x["what"])
                if said is not None and json.loads(said) == e.canonical:
                    return True
        return False

    def _overrun(self, e: Edit) -> bool:
        """I10: a write of ours landed after the edit, and rests on a read that may have been too early for it."""
        side = self.sides[e.side]
        coupled = {"stage", "status"} if side.by_stage and e.field in ("stage", "status") else {e.field}
        return any(
            w.read_at - side.lag <= e.at <= w.at and coupled & (w.fields | w.sent) and not self._was_shown(e, w)
            for w in side.written
        )

    def _was_shown(self, e: Edit, w: Written) -> bool:
        """Tell whether the read that the write rests on showed this very edit: then there is no excuse."""
        return e.field in DISTINCT and w.seen.get(e.field) == e.shown

    def _back_to_what_was_known(self, e: Edit) -> bool:
        """Tell whether the edit restored what the bridge had last heard: then there was nothing to see."""
        side, heard = self.sides[e.side], [at for at in self.world.heard[e.side] if at < e.at]
        known = self.world.history[e.side, e.field]
        ends = [at for at, _ in known[1:]] + [e.at + 1]
        last = heard[-1] if heard else 0
        say, meant = side.says, side.says(e.field, e.shown)
        return any(
            say(e.field, n) == meant and since <= last and until > last - side.lag
            for (since, n), until in zip(known, ends, strict=True)
        )

    def _reverted_in_doubt(self, e: Edit) -> bool:
        """Tell whether the edit took back a write of ours in doubt: it looks as if that had not landed (R12)."""
        mine = [x for x in self.journal if (x["connection"], x["field"]) == (e.side, e.field) and x["at"] >= e.at]
        before = [n for at, n in self.world.history[e.side, e.field] if at < e.at]
        return any(x["what"] == "did_not_land" for x in mine) and before[-2:-1] == [e.shown]

    def _winners(self) -> None:
        """I5: where the winning edit was made, the vendor still shows exactly what it stored then."""
        for field, hub in self.hubs.items():
            mine = [e for e in self.edits if e.field == field]
            side = self.sides.get(hub.origin)
            if not mine or side is None or hub.held or (side.by_stage and field in ("stage", "status")):
                continue
            last, shown = mine[-1], side.shows()[field]
            won = last.side == hub.origin and last.canonical == hub.value
            if won and shown != last.shown and not self._overrun(last) and not self._by_bot(field):
                text = f"{last.side}.{field} was set to {last.shown!r} and shows {shown!r}"
                raise Broken("I5", text, self._last(last.side, field))

    def _by_bot(self, field: str) -> bool:
        return any(f == field for _, _, f in self.world.by_bot)

    def _unedited(self) -> None:
        edited = {e.field for e in self.edits} | {field for _, _, field in self.world.by_bot}
        edited |= {"stage", "status"} if edited & {"stage", "status"} else set()
        for name, side in self.sides.items():
            for field, shown in side.shows().items():
                if field not in edited and shown != self.world.start[name][field]:
                    raise Broken("I6", f"{name}.{field} became {shown!r}", self._last(name, field))

    def _by_the_rule(self) -> None:
        """R8: of two edits made at once on two sides, which nobody has followed, the one that the rule names wins."""
        for field, policy in self.world.scenario.policies.items():
            mine = [e for e in self.edits if e.field == field][-2:]
            if len(mine) < 2 or mine[1].at - mine[0].at > 1 or mine[0].side == mine[1].side:
                continue
            if policy == "hold":
                self._both_stand(mine)
            wanted = [e for e in mine if policy == f"source:{e.side}"]
            if policy == "newest" and all(self.sides[e.side].stamped for e in mine) and not self._touched(mine[0]):
                wanted = mine[1:]
            if wanted and self.hubs[field].value != wanted[0].canonical and not self._overrun(wanted[0]):
                raise Broken("R8", f"{field} is {self.hubs[field].value!r}, and not {wanted[0].side}'s")

    def _both_stand(self, pair: list[Edit]) -> None:
        """R8: where the rule says hold, nobody's edit is written over, and the field waits for a person."""
        decided = any(d.field == pair[0].field and d.at > pair[0].at for d in self.world.decisions)
        if decided or pair[0].canonical == pair[1].canonical or any(self._overrun(e) for e in pair):
            return
        for e in pair:
            if self.sides[e.side].shows()[e.field] != e.shown or not self.hubs[e.field].held:
                raise Broken("R8", f"{e.side}.{e.field} was to be held, and was not", self._last(e.side, e.field))

    def _decisions_stand(self) -> None:
        """What a person decided stands everywhere, if all edits had been heard by then and nobody has edited since."""
        for d in self.world.decisions:
            mine = [e for e in self.edits if e.field == d.field]
            last = {e.side: e for e in mine}.values()
            since = [x for x in (*mine, *self.world.decisions) if x.field == d.field and x.at > d.at]
            if since or not all(self._heard_by(e, d.at) for e in last):
                continue
            hub = self.hubs[d.field]
            if hub.held or hub.value != d.canonical:
                raise Broken("R8", f"{d.side}.{d.field} was to stand, and {d.field} is {hub.value!r}, held: {hub.held}")

    def _heard_by(self, e: Edit, at: int) -> bool:
        """Tell whether the journal took note of the edit before a moment."""
        mine = [x for x in self.journal if (x["connection"], x["field"]) == (e.side, e.field)]
        said = [
            (x["what"], json.loads(x["old" if x["what"] == "lost" else "new"])) for x in mine if e.at <= x["at"] < at
        ]
        return any(what in ("set", "lost", "settled_equal") and value == e.canonical for what, value in said)

    def _touched(self, e: Edit) -> bool:
        """Tell whether anything else changed there right after: the record's one stamp then says that time."""
        changes = [at for (side, _), known in self.world.history.items() if side == e.side for at, _ in known]
        return any(e.at < at < e.at + 5_000 for at in changes)

    def _no_change_from_what_agrees(self) -> None:
        """I7: nobody's edit is taken for a change when it says what the hub says already, as well as that side can."""
        for x in self.journal:
            if x["what"] != "set" or x["connection"] not in self.sides:
                continue
            old, new, side = json.loads(x["old"]), json.loads(x["new"]), self.sides[x["connection"]]
            shown = {e.shown for e in self.edits if (e.side, e.field, e.canonical) == (side.name, x["field"], new)}
            if shown and all(side.fits(x["field"], old, n) for n in shown):
                raise Broken("I7", f"{side.name}.{x['field']} said {old!r} already when it was taken for {new!r}")

    def _no_change_that_nobody_made(self) -> None:
        """No loops: each change that was taken in is an edit there, and no edit is taken twice."""
        made = Counter((e.side, e.field, e.canonical) for e in self.edits)
        by_bot = {(side, field) for _, side, field in self.world.by_bot}
        taken = Counter((x["connection"], x["field"], json.loads(x["new"])) for x in self.journal if x["what"] == "set")
        for key, times in taken.items():
            if times > made[key] and key[:2] not in by_bot:
                text = f"{key[2]!r} was taken {times} times for an edit of {key[0]}.{key[1]}"
                raise Broken("I1", f"{text}, and entered {made[key]} times")

    def _gone_only_after_two_reads(self) -> None:
        """R15: what is called gone was missed twice, `lag` apart, and not seen in between."""
        for x in (x for x in self.journal if x["what"] == "gone"):
            name, at = x["connection"], x["at"]
            seen = max((t for t in self.world.heard[name] if t <= at), default=0)
            missed = [t for t in self.world.missed[name] if seen < t <= at]
            if not missed or missed[-1] - missed[0] < max(self.sides[name].lag, 1_000) - 100:
                raise Broken("R15", f"{name} was called gone after {len(missed)} empty reads")

    def _last(self, side: str, field: str) -> str:
        """Return the last step of the story about a field."""
        lines = [(at, text) for at, text in self.world.story if side in text and field in text]
        return self._line(lines[-1]) if lines else ""

    def _first_write(self, e: Edit) -> str:
        """Return the first step after an edit in which the bridge wrote that field there."""
        lines = [
            x for x in self.world.story if x[0] >= e.at and "written" in x[1] and e.side in x[1] and e.field in x[1]
        ]
        return self._line(lines[0]) if lines else ""

    def _line(self, line: tuple[int, str]) -> str:
        return f"t={(line[0] - self.world.began) / 1000:g} {line[1]}"


def trial(world: World) -> None:
    """Play a schedule, let everything calm down, and judge; then the deliveries once more, and a last edit."""
    world.play()
    world.calm()
    judge = Judge(world)
    judge.verdict()
    if world.seed % 4 == 0:
        replayed_writes_nothing(world, judge)
    if world.seed % 3 == 0:
        last_edit_wins(world, judge)


def replayed_writes_nothing(world: World, judge: Judge) -> None:
    """I8: every delivery once more, in any order, changes nothing anywhere."""
    before = _everything(world, judge)
    ids = [r["id"] for r in judge._rows("SELECT id FROM delivery ORDER BY id")]
    world.dice.shuffle(ids)
    world.store.replay_deliveries(ids)
    world.loop.changes += 1
    world.run_dry()
    if _everything(world, judge) != before:
        raise Broken("I8", "handling all deliveries again has changed something")
    judge.verdict()


def _everything(world: World, judge: Judge) -> object:
    hubs = judge._rows("SELECT field, value, version FROM hub ORDER BY field")
    return hubs, {n: (dict(s.shows()), len(s.written)) for n, s in world.sides.items()}


def last_edit_wins(world: World, judge: Judge) -> None:
    """I4: an edit made when all delays are over beats every older edit, on every side; of two, the later wins."""
    world.loop.run(world.loop.now + 60_000)
    side = world.sides[world.dice.choice(sorted(world.sides))]
    open_to_all = [f for f in side.fields if f in judge.hubs and f not in side.readonly]
    free = [f for f in open_to_all if not judge.hubs[f].held and not judge._by_bot(f)]
    field = world.dice.choice(
        [f for f in free if not (f in ("stage", "status") and "status" in judge.hubs)] or ["name"]
    )
    n, made = 900, len(world.edits)
    while len(world.edits) < made + 2 or judge._back_to_what_was_known(world.edits[-1]):
        n += 1
        world.edit(side.name, field, n)
    last = world.edits[-1]
    world.calm()
    judge.verdict()
    hub = judge.hubs[field]
    if not hub.held and not side.fits(field, hub.value, last.shown):
        raise Broken("I4", f"{last.canonical!r} was entered last at {side.name}, and {field} is {hub.value!r}")
    if not hub.held and side.shows()[field] != last.shown:
        raise Broken("I5", f"{side.name}.{field} was set to {last.shown!r} and shows {side.shows()[field]!r}")
