"""What still waits for a choice, and what it might mean: suggestions that nobody but a person applies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bridge.core.fields import Choice, Field, Words, scope_of
from bridge.core.rules import UNKNOWN
from bridge.desk import Desk, Page, Value
from bridge.desk.choices import AFTER_ALL, Labels, Use, fitting_use, is_choice, labels, scope_in
from bridge.desk.likeness import known_as, ranked, said
from bridge.store.rows import to_json

SUGGESTED = 3
STATUSES = ("open", "won", "lost", "abandoned")
PEOPLE = "owner"
Kind = Literal["meaning", "writing", "listed"]
ORDER: Mapping[Kind, int] = {"meaning": 0, "writing": 1, "listed": 2}


class Suggestion(Value):
    """
    A choice that would do, because the names are alike. label: what the CRM calls the native value. score: 1 to 100.
    words: the score in words.
    """

    native: str
    canonical: str
    use: Use
    label: str
    score: int
    words: str


class Unmapped(Value):
    """
    Something that waits for a choice. kind: `meaning`, deals show a native value that nobody has explained; `writing`,
    deals have a canonical value that cannot be said there; `listed`, the CRM's list offers a native value that no
    choice reads. native or canonical is "". scope: the native pipeline that it has to be in, "" for any. label: what
    the CRM calls the native value. deals: how many wait.
    """

    kind: Kind
    connection: str
    field: str
    native: str = ""
    canonical: str = ""
    scope: str = ""
    label: str = ""
    deals: int = 0
    suggestions: Sequence[Suggestion] = ()


def unmapped(
    desk: Desk, *, connection: str = "", field: str = "", n: int = 50, after: str = AFTER_ALL
) -> Page[Unmapped]:
    """Return what waits for a choice, that of the most deals first, with suggestions."""
    known = _Known(desk)
    found = [u for u in known.waiting() if connection in ("", u.connection) and field in ("", u.field)]
    found = sorted((u for u in found if _cursor(u) > after), key=_cursor)
    shown = [u.model_copy(update={"suggestions": known.suggest(u)}) for u in found[:n]]
    return Page(items=shown, next=_cursor(found[n - 1]) if len(found) > n else None)


def suggestions(
    desk: Desk, connection: str, field: str, *, native: str = "", canonical: str = "", scope: str = ""
) -> Sequence[Suggestion]:
    """Return choices that would give a native value a meaning, or say a canonical one; [] when nothing is alike."""
    if not is_choice(desk.fields()[desk.known(connection)].get(field)):
        return []
    kind: Kind = "meaning" if native else "writing"
    wanted = Unmapped(kind=kind, connection=connection, field=field, native=native, canonical=canonical, scope=scope)
    return _Known(desk).suggest(wanted)


def _cursor(u: Unmapped) -> str:
    return to_json([f"{10**9 - u.deals:010d}", ORDER[u.kind], u.connection, u.field, u.native, u.canonical, u.scope])


@dataclass(frozen=True)
class _Known:
    """What is known at one moment."""

    desk: Desk

    @cached_property
    def fields(self) -> Mapping[str, Mapping[str, Field]]:
        return self.desk.fields()

    @cached_property
    def words(self) -> Mapping[str, Words]:
        return self.desk.store.words()

    @cached_property
    def labels(self) -> Labels:
        return labels(self.desk)

    # what waits

    def waiting(self) -> Iterator[Unmapped]:
        met = {(u.connection, u.field, u.native): u for u in self._met()}
        yield from met.values()
        yield from self._unsayable()
        for connection, field, native in sorted(self._offered() - met.keys()):
            label = self.labels.get((connection, field, native), "")
            yield Unmapped(kind="listed", connection=connection, field=field, native=native, label=label)

    def _met(self) -> Iterator[Unmapped]:
        for row in self.desk.store.unknown_values():
            connection, _, native = row["value"].removeprefix(UNKNOWN).partition(":")
            place = connection, row["field"], native
            if self._matters(*place[:2]) and not self._means(*place):
                label, field = self.labels.get(place, ""), row["field"]
                yield Unmapped(
                    kind="meaning", connection=connection, field=field, native=native, label=label, deals=row["deals"]
                )

    def _unsayable(self) -> Iterator[Unmapped]:
        for row in self.desk.store.unsayable_values():
            connection, field, canonical, scope = row["connection"], row["field"], row["value"], scope_of(row["reason"])
            if self._matters(connection, field) and not self._said(connection, field, canonical, scope):
                place = {"connection": connection, "field": field, "canonical": canonical, "scope": scope}
                yield Unmapped(kind="writing", **place, deals=row["deals"])

    def _offered(self) -> set[tuple[str, str, str]]:
        """Return what lists offer and no choice reads; of what a stage tells only the stages that have a meaning."""
        found = {place for place in self.labels if self._matters(*place[:2])}
        for connection, fields in self.fields.items():
            for name, spec in fields.items():
                if spec.via:
                    found = {p for p in found if p[:2] != (connection, name)}
                    if self._matters(connection, name):
                        meaning = self.words.get(connection, Words()).meaning
                        found |= {(connection, name, native) for field, native in meaning if field == spec.via}
        return {place for place in found if not self._means(*place)}

    def _matters(self, connection: str, field: str) -> bool:
        spec = self.fields.get(connection, {}).get(field)
        return is_choice(spec) and self.desk.settings.policies.get(field) != "off"

    def _means(self, connection: str, field: str, native: str) -> bool:
        return (field, native) in self.words.get(connection, Words()).meaning

    def _said(self, connection: str, field: str, canonical: str, scope: str) -> bool:
        natives = self.words.get(connection, Words()).says.get((field, canonical), ())
        return any(not scope or self._scope(connection, field, native) == scope for native in natives)

    def _scope(self, connection: str, field: str, native: str) -> str:
        return scope_in(self.fields[connection][field], native)

    # what it might mean

    def suggest(self, u: Unmapped) -> list[Suggestion]:
        return self._writings(u) if u.kind == "writing" else self._meanings(u)

    def _meanings(self, u: Unmapped) -> list[Suggestion]:
        label, people = self._name(u.connection, u.field, u.native), u.field == PEOPLE
        names = self._names.get(u.field, {}) if label else {}
        scores = {c: known_as(label, (c, *others), people=people) for c, others in names.items()}
        return [self._suggestion(u, u.native, c, score) for c, score in ranked(scores, SUGGESTED, people=people)]

    def _writings(self, u: Unmapped) -> list[Suggestion]:
        people, names = u.field == PEOPLE, (u.canonical, *self._names.get(u.field, {}).get(u.canonical, ()))
        scores = {
            native: known_as(self._name(u.connection, u.field, native), names, people=people)
            for native in self._natives(u.connection, u.field)
            if not u.scope or self._scope(u.connection, u.field, native) == u.scope
        }
        return [self._suggestion(u, n, u.canonical, score) for n, score in ranked(scores, SUGGESTED, people=people)]

    def _suggestion(self, u: Unmapped, native: str, canonical: str, score: int) -> Suggestion:
        label = self.labels.get((u.connection, u.field, native), "")
        use = fitting_use(self.desk, u.connection, u.field, native, canonical)
        return Suggestion(native=native, canonical=canonical, use=use, label=label, score=score, words=said(score))

    def _natives(self, connection: str, field: str) -> set[str]:
        words = self.words.get(connection, Words())
        listed = {native for c, f, native in self.labels if (c, f) == (connection, field)}
        return listed | {native for f, native in words.meaning if f == field}

    def _name(self, connection: str, field: str, native: str) -> str:
        """Return the name of a native value, without that of its pipeline; "" when there is only an id."""
        scope = self._scope(connection, field, native)
        if label := self.labels.get((connection, field, native)):
            spec = self.fields[connection][field]
            above = self.labels.get((connection, spec.scope, scope), "") if isinstance(spec, Choice) else ""
            return label.removeprefix(above) if scope and above else label
        name = native.removeprefix(f"{scope}/") if scope else native
        return "" if any(ch.isdigit() for ch in name) else name

    @cached_property
    def _names(self) -> Mapping[str, Mapping[str, set[str]]]:
        """By field, the canonical values in use, each with what the CRMs call those native values that mean it."""
        found: dict[str, dict[str, set[str]]] = {"status": {status: set() for status in STATUSES}}
        for connection, words in self.words.items():
            for (field, native), canonical in words.meaning.items():
                name = self._name(connection, field, native) if self._matters(connection, field) else ""
                found.setdefault(field, {}).setdefault(canonical, set()).update([name] if name else [])
            for field, canonical in words.says:
                found.setdefault(field, {}).setdefault(canonical, set())
        return found
