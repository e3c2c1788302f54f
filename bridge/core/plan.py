"""What is due for one side: a patch to write, or for each field the reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.errors import Unsayable
from bridge.core.fields import Choice
from bridge.core.merge import FIRST, HOPS_MAX, level
from bridge.core.model import FOREVER, Effects, Entry, Hold, Hub, Link, Native, Refusal, Said, Shadow, Side
from bridge.core.rules import Rules, SideRules


@dataclass
class Plan:
    """
    patch: what to write. holds: what waits for a person. waits: when a field that is held for a while is due again.
    """

    patch: dict[str, Said] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)


def due(link: Link, side: Side, rules: Rules) -> list[str]:
    """Return the fields of this side that do not reflect the hub yet (R10), a stage behind its pipeline."""
    return [] if rules.sides[side.ref.connection].paused else behind(link, side, rules)


def behind(link: Link, side: Side, rules: Rules) -> list[str]:
    """Return the fields that the hub has run ahead of on this side, paused or not."""
    mine = rules.sides.get(side.ref.connection)
    if side.gone or mine is None:
        return []
    older = [f for f, hub in link.hubs.items() if _base(side, f) < hub.version and f in mine.fields]
    wanted = [f for f in mine.fields if f in older and rules.policy(f) != "off"] if older else []
    return sorted(wanted, key=lambda f: _is_placed(mine, f))


def _is_placed(mine: SideRules, name: str) -> bool:
    spec = mine.fields[name]
    return isinstance(spec, Choice) and bool(spec.scope)


def plan(
    link: Link, side: Side, rules: Rules, now: int, *, unsettled: frozenset[str], locked: dict[str, str], cause: str
) -> Plan:
    """
    Return what to write to `side` so that it says what the hub says, and move the base of what needs no write.

    unsettled: fields whose last read proves nothing yet. locked: fields that the record itself refuses, with reasons.
    """
    made, mine = Plan(), rules.sides[side.ref.connection]
    held = {name: hub.held_until for name, hub in link.hubs.items() if hub.held_until is not None}
    for name in due(link, side, rules):
        hub, spec = link.hubs[name], mine.fields[name]
        sh = side.shadows.get(name)
        if sh is not None and mine.agrees(name, hub.value, sh.native):
            _skip(made, side, name, hub, now, cause, "already says the same")
        elif spec.readonly:
            _skip(made, side, name, hub, now, cause, spec.readonly)
        elif _held(link, name, rules, now):
            made.holds.append(_hold_of(side, name, hub))
            made.waits += [hub.held_until] if hub.held_until and hub.held_until != FOREVER else []
        elif name in locked:
            made.holds.append(
                Hold(side.ref.connection, name, locked[name], "change the record there, or map it otherwise", "locked")
            )
        elif name not in unsettled:
            _say(made, link, side, mine, name)
    for spec in mine.fields.values():
        if isinstance(spec, Choice) and spec.scope in made.patch and spec.name in link.hubs:
            free = not spec.readonly and spec.name not in unsettled | locked.keys() and rules.policy(spec.name) != "off"
            _accompany(made, link, side, mine, spec, free=free and not _held(link, spec.name, rules, now))
        if spec.via:
            _couple(made, link, side, mine, spec.name, spec.via, now, cause)
    _tell_released(made, link, side, held, now, cause)
    return made


def leave_out(
    made: Plan,
    link: Link,
    side: Side,
    rules: Rules,
    refused: Mapping[str, Refusal],
    now: int,
    *,
    singly: bool,
    cause: str,
) -> None:
    """
    Take out of a plan what the vendor has refused for good, and hold it; singly: keep what goes with one field only.

    What was refused is tried again when it has another value, or when its dead letter is replayed. What a person has
    discarded counts as written.
    """
    for name, refusal in refused.items():
        if made.patch.get(name) != refusal.said:
            continue
        del made.patch[name]
        if refusal.discarded:
            version = refusal.said.version
            side.shadows.setdefault(name, Shadow(None, FIRST, 0)).base = version
            value, connection = link.hubs[name].value, side.ref.connection
            why = "it was refused, and somebody let it be"
            made.journal.append(Entry(now, connection, name, "not_sent", None, value, version, cause, why))
        else:
            cure = "give it a value that this CRM takes, or mend the cause and replay it"
            made.holds.append(Hold(side.ref.connection, name, refusal.detail, cure, "refused"))
    if singly and made.patch:
        units = rules.sides[side.ref.connection].units(made.patch)
        made.patch = {f: said for f, said in made.patch.items() if f in units[0]}


def garbled(effects: Effects, connection: str) -> list[Hold]:
    """Return the holds of what nobody can make sense of."""
    return [Hold(connection, f, why, f"correct {f} at {connection}", "garbled") for f, why in effects.garbled.items()]


def _base(side: Side, name: str) -> int:
    return side.shadows[name].base if name in side.shadows else FIRST


def _skip(made: Plan, side: Side, name: str, hub: Hub, now: int, cause: str, reason: str) -> None:
    side.shadows.setdefault(name, Shadow(None, FIRST, 0)).base = hub.version
    made.journal.append(
        Entry(
            now,
            side.ref.connection,
            name,
            "not_sent",
            new=hub.value,
            version=hub.version,
            delivery=cause,
            detail=reason,
        )
    )


def _held(link: Link, name: str, rules: Rules, now: int) -> bool:
    """A pause after an argument ends by time; a conflict ends when all sides say the same."""
    hub = link.hubs[name]
    if hub.held_until is None:
        return False
    if hub.held_until <= now:
        hub.held_until, hub.hop = None, 0
    elif level(link, name, rules):
        hub.held_until = None
    return hub.held_until is not None


def _tell_released(made: Plan, link: Link, side: Side, held: dict[str, int], now: int, cause: str) -> None:
    """held: until when each field was held before this plan."""
    for name, until in held.items():
        if (hub := link.hubs[name]).held_until is None:
            why = "the pause is over" if until <= now else "all sides say the same"
            made.journal.append(Entry(now, side.ref.connection, name, "released", None, None, hub.version, cause, why))


def _hold_of(side: Side, name: str, hub: Hub) -> Hold:
    if hub.held_until == FOREVER and hub.hop <= HOPS_MAX:
        cure = f"say whose {name} stands, or make it the same on both sides"
        return Hold(side.ref.connection, name, f"two sides disagree on {name}", cure, "conflict")
    return Hold(
        side.ref.connection,
        name,
        f"automations answer each other's changes of {name}",
        f"switch off the automation that rewrites {name}, or mark the field as rewriting",
        "argument",
    )


def _say(made: Plan, link: Link, side: Side, mine: SideRules, name: str) -> None:
    if name not in link.hubs:
        return
    try:
        value = mine.encode(name, link.hubs[name].value, _scope(made, side, mine, name))
    except Unsayable as error:
        cure = f"{error.cure} at {side.ref.connection}"
        made.holds.append(Hold(side.ref.connection, name, error.reason, cure, error.kind))
        return
    made.patch[name] = Said(value, link.hubs[name].version)


def _accompany(made: Plan, link: Link, side: Side, mine: SideRules, spec: Choice, *, free: bool) -> None:
    """Write a stage together with the pipeline that it is in; a pipeline without its stage is not written at all."""
    if spec.name not in made.patch and free and spec.name not in {h.field for h in made.holds}:
        _say(made, link, side, mine, spec.name)
    if spec.name not in made.patch:
        del made.patch[spec.scope]
        reason = f"the {spec.scope} cannot change without a {spec.name} in it"
        made.holds.append(Hold(side.ref.connection, spec.scope, reason, f"see to the {spec.name} first", "first"))


def _scope(made: Plan, side: Side, mine: SideRules, name: str) -> str:
    """Return the native pipeline that the record will be in after this write, for choices that depend on it."""
    spec = mine.fields[name]
    if not isinstance(spec, Choice) or not spec.scope:
        return ""
    if spec.scope in made.patch:
        return str(made.patch[spec.scope].value or "")
    sh = side.shadows.get(spec.scope)
    return str(sh.native or "") if sh else ""


def _couple(made: Plan, link: Link, side: Side, mine: SideRules, name: str, via: str, now: int, cause: str) -> None:
    """
    Bring a field that only `via` shows (a status that the stage tells) and `via` itself to one native value.

    While the deal is open the stage is written, even one that closes the deal here. Once it is closed the status wins:
    a stage that would reopen it is not written, and a status that the stage in the hub does not show is written as
    the stage that says it.
    """
    if name not in made.patch and via not in made.patch:
        return
    hub = link.hubs.get(name)
    wanted = made.patch.get(via)
    fits = wanted is not None and _fits(mine, name, hub, wanted.value)
    if wanted is not None and not fits and name not in made.patch:
        del made.patch[via]
        detail = f"would change the {name} here, which is {hub.value if hub else None}"
        _skip(made, side, via, link.hubs[via], now, cause, detail)
        return
    value = wanted.value if wanted and fits else _agreeing(link, side, mine, name, via, made.patch[name])
    held = {h.field for h in made.holds}
    shown = side.shadows.get(via)
    if shown is not None and mine.fields[via].same(value, shown.native):
        for each in (via, name):
            if made.patch.pop(each, None) is not None:
                _skip(made, side, each, link.hubs[each], now, cause, "its stage says as much as it can")
        return
    for each in (via, name):
        if each in link.hubs:
            version = _base(side, each) if each in held else link.hubs[each].version
            made.patch[each] = Said(value, version)


def _agreeing(link: Link, side: Side, mine: SideRules, name: str, via: str, said: Said) -> str | int | None:
    """Return the native value of the hub's stage if it shows the wanted status too, else the status's own."""
    if via in link.hubs:
        try:
            value = mine.encode(via, link.hubs[via].value, _scope(Plan(), side, mine, via))
        except Unsayable:
            return said.value
        if _fits(mine, name, link.hubs[name], value):
            return value
    return said.value


def _fits(mine: SideRules, name: str, hub: Hub | None, n: Native) -> bool:
    """Tell whether a stage may be written as far as the status goes; `open` is the status that gives way."""
    return hub is None or hub.value == "open" or mine.agrees(name, hub.value, n)
