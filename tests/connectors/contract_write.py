"""The contract of `write`: what changes, what goes again, what repeats, and what a stale record may not bring back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.core.errors import Unsayable
from bridge.core.model import Native, Record
from tests.connectors.bench import Bench


class Writing:
    """A write changes the fields it names and no others."""

    def test_a_write_changes_its_field_and_nothing_else(self, bench: Bench, field: str) -> None:
        case, patch = bench.start(field)
        seen, before = bench.seen(), bench.stored()
        answer = bench.connector.write(seen, patch)
        assert bench.changed(before) == case.stored
        after = bench.seen()
        agrees(bench, answer, after)
        differ = {name for name in after.fields if after.fields[name] != seen.fields.get(name)}
        assert differ - case.side == {name for name in patch if not bench.spec(name).unread}

    def test_put_get(self, bench: Bench, field: str) -> None:
        _, patch = bench.start(field)
        rules = bench.rules()
        canonical = {name: rules.decode(name, n) for name, n in patch.items()}
        said = {name: rules.encode(name, c, scope(patch, name)) for name, c in canonical.items()}
        bench.connector.write(bench.seen(), said)
        shown = bench.decoded(bench.seen())
        assert {name: shown[name] for name in canonical if not bench.spec(name).unread} == {
            name: c for name, c in canonical.items() if not bench.spec(name).unread
        }

    def test_get_put_changes_nothing(self, bench: Bench) -> None:
        seen, before = bench.seen(), bench.stored()
        whole = sayable(bench, seen)
        for name in whole:
            bench.connector.write(bench.seen(), with_pipeline(bench, {name: whole[name]}, seen))
            assert bench.changed(before) == {}, name
        answer = bench.connector.write(bench.seen(), whole)
        assert bench.changed(before) == {}
        agrees(bench, answer, bench.seen())

    def test_several_fields_at_once(self, bench: Bench) -> None:
        patch, stored = together(bench)
        seen, before = bench.seen(), bench.stored()
        answer = bench.connector.write(seen, patch)
        assert bench.changed(before) == stored
        agrees(bench, answer, bench.seen())

    def test_a_repeat_is_safe(self, bench: Bench, field: str) -> None:
        case, patch = bench.start(field)
        seen, before = bench.seen(), bench.stored()
        bench.connector.write(seen, patch)
        first = bench.seen()
        bench.connector.write(seen, patch)
        bench.connector.write(first, patch)
        assert bench.changed(before) == case.stored
        assert bench.seen().fields == first.fields

    def test_a_stale_record_brings_back_no_more_than_is_resent(self, bench: Bench, field: str) -> None:
        case, patch = bench.start(field)
        others = {n: c for n, c in bench.cases.items() if n not in patch and not c.given and not c.also}
        seen, before = bench.seen(), bench.stored()
        for other in others.values():
            bench.person(other.by_hand())
        edited = bench.changed(before)
        bench.connector.write(seen, patch)
        after, resent = bench.stored(), bench.connector.resends(patch)
        lost = {path for path, value in edited.items() if after.get(path) != value} - case.stored.keys()
        assert lost <= set().union(*(others[name].stored for name in resent & others.keys()))
        assert resent <= {f.name for f in bench.connector.fields} - patch.keys()

    def test_clearing(self, bench: Bench, field: str) -> None:
        case, _ = bench.start(field)
        bench.person(case.by_hand())
        rules, seen = bench.rules(), bench.seen()
        try:
            empty = rules.encode(field, None)
        except Unsayable:
            assert field in bench.lasting
            return
        answer = bench.connector.write(seen, {field: empty})
        after = bench.seen()
        agrees(bench, answer, after)
        assert bench.spec(field).unread or rules.agrees(field, None, after.fields[field])

    def test_what_a_read_locks_is_not_written(self, bench: Bench) -> None:
        seen = bench.seen()
        assert not seen.locked.keys() & bench.cases.keys()
        assert all(seen.locked.values())


def agrees(bench: Bench, answer: Record | None, after: Record) -> None:
    """Check that an answer shows what the next read shows, as far as it shows anything."""
    if bench.connector.traits.answer == "none":
        assert answer is None
    if answer is not None:
        assert answer.ref == after.ref
        assert {name: after.fields.get(name) for name in answer.fields} == dict(answer.fields)
        assert answer.stamp is None or answer.stamp == after.stamp


def sayable(bench: Bench, seen: Record) -> dict[str, Native]:
    """Return what was read of the fields that can be written with that value."""
    rules, whole = bench.rules(), {}
    for name in bench.cases:
        if name in seen.fields and name not in seen.locked:
            try:
                rules.encode(name, rules.decode(name, seen.fields[name]), str(seen.fields.get("pipeline") or ""))
            except Unsayable:
                continue
            whole[name] = seen.fields[name]
    return whole


def with_pipeline(bench: Bench, patch: dict[str, Native], seen: Record) -> dict[str, Native]:
    """Return a patch as the plan makes it: a pipeline never goes without its stage."""
    return patch | ({"stage": seen.fields["stage"]} if "pipeline" in patch else {})


def scope(patch: Mapping[str, Native], name: str) -> str:
    return str(patch[name]).rpartition("/")[0] if name in ("stage", "status") else ""


def together(bench: Bench) -> tuple[dict[str, Native], dict[str, Any]]:
    """Return a patch of all cases that do not stand in each other's way, and what it stores."""
    patch: dict[str, Native] = {}
    stored: dict[str, Any] = {}
    for name, case in bench.cases.items():
        if not case.given and not case.also and not stored.keys() & case.stored.keys():
            patch[name] = case.value
            stored |= case.stored
    return patch, stored
