"""What the values of each CRM's lists mean: look at choices, add, change and drop them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Literal

from bridge.core.fields import Choice, Field, Party, Words
from bridge.core.rules import UNKNOWN
from bridge.desk import Desk, Page, Refused, Value
from bridge.store.choices import KEY, Stale
from bridge.store.rows import Row, to_json

Use = Literal["both", "read", "write"]
USES: Mapping[str, tuple[int, int]] = {"both": (1, 1), "read": (1, 0), "write": (0, 1)}
NAMED: Mapping[tuple[int, int], Use] = {(1, 1): "both", (1, 0): "read", (0, 1): "write"}
CHANGED = Refused("stale", "this choice has changed meanwhile", "look at it again, then decide")
AFTER_ALL = ""  # the cursor of the first page

Key = tuple[str, str, str, str]
Labels = Mapping[tuple[str, str, str], str]


class Chosen(Value):
    """
    A native value of a connection and the canonical value that it means. use: `read`, it is understood; `write`, it is
    what is written; `both`. label: what the CRM's own list calls it, "" when that is not known. deals: how many show it
    there, None when they were not counted. etag: changes with the choice.
    """

    connection: str
    field: str
    native: str
    canonical: str
    use: Use
    label: str = ""
    deals: int | None = None
    etag: str


class Lost(Value):
    """A choice that gave way: it is not read, or not written, any more."""

    native: str
    canonical: str
    lost: Literal["read", "write"]


class Put(Value):
    """What became of a choice that was put. remarks: what else it changed and what to see to, in sentences."""

    choice: Chosen
    verdict: Literal["created", "changed", "unchanged"]
    lost: Sequence[Lost] = ()
    remarks: Sequence[str] = ()


def page(
    desk: Desk,
    *,
    connection: str = "",
    field: str = "",
    canonical: str = "",
    text: str = "",
    n: int = 100,
    after: str = AFTER_ALL,
) -> Page[Chosen]:
    """Return choices by connection, field and canonical value. text: part of any of their words, in any case."""
    names, found = labels(desk), list[Row]()
    wanted = {k: v for k, v in (("connection", connection), ("field", field), ("canonical", canonical)) if v}
    for row in desk.store.choices():
        if any(row[k] != v for k, v in wanted.items()) or _cursor(row) <= after:
            continue
        words = (*(row[k] for k in KEY), names.get(_native(row), "")) if text else ()
        if not text or text.casefold() in " ".join(words).casefold():
            found.append(row)
    found.sort(key=_cursor)
    shown = [_chosen(row, names) for row in found[:n]]
    return Page(items=shown, next=_cursor(found[n - 1]) if len(found) > n else None)


def get(desk: Desk, connection: str, field: str, native: str, canonical: str) -> Chosen:
    """Return one choice with how many deals show its native value; raises Refused when there is none."""
    row = _known(desk).get((connection, field, native, canonical))
    if row is None:
        raise Refused("unknown", f"{connection} has no choice {field} {native!r} for {canonical!r}")
    return _chosen(row, labels(desk), desk.store.count_showing(connection, field, native))


def put(
    desk: Desk,
    who: str,
    connection: str,
    field: str,
    native: str,
    canonical: str,
    use: Use = "both",
    *,
    instead: str | None = None,
    etag: str | None = None,
) -> Put:
    """
    Add a choice, or change its use; what waited for it goes on by itself. Repeating it is safe.

    instead: the canonical value of the choice in whose place this one comes. etag: of that one, or of this one, as last
    seen. Raises Refused.
    """
    row, known = checked(desk.fields(), connection, field, native, canonical, use), _known(desk)
    key = _key(row)
    old = known.get((*key[:3], key[3] if instead is None else instead))
    if instead is not None and old is None:
        raise Refused("unknown", f"{connection} has no choice {field} {native!r} for {instead!r}")
    if etag is not None and (old is None or _etag(old) != etag):
        raise CHANGED
    names = labels(desk)
    if row == known.get(key) and instead in (None, canonical):
        return Put(choice=_chosen(row, names), verdict="unchanged")
    deed = desk.deed(who, "choice put", f"{connection} {field} {native}", f"{canonical}, {use}")
    try:
        lost = desk.store.put_choices([row], desk.now(), deed, seen=None if etag is instead is None else old)
    except Stale:
        raise CHANGED from None
    made = [Lost(native=r["native"], canonical=r["canonical"], lost=r["lost"]) for r in lost]
    verdict: Literal["created", "changed"] = "changed" if key in known or lost or instead else "created"
    remarks = (*_said_of(row, made), *_asked_by(desk, row))
    return Put(choice=_chosen(row, names), verdict=verdict, lost=made, remarks=remarks)


def drop(
    desk: Desk, who: str, connection: str, field: str, native: str, canonical: str, *, etag: str | None = None
) -> Chosen:
    """
    Forget a choice and return it with how many deals show its native value: they keep what they have, and the next
    change of it waits for a choice. Raises Refused.
    """
    gone = get(desk, connection, field, native, canonical)
    if etag not in (None, gone.etag):
        raise CHANGED
    row = checked_row(gone)
    try:
        desk.store.drop_choice(row, desk.deed(who, "choice dropped", f"{connection} {field} {native}", canonical))
    except Stale:
        raise CHANGED from None
    return gone


def fitting_use(desk: Desk, connection: str, field: str, native: str, canonical: str) -> Use:
    """
    Return the use that takes nothing from another choice: `read` when the canonical value is written otherwise there,
    `write` when the native value means something else; `both` when nothing or everything is taken.
    """
    words = desk.store.words().get(connection, Words())
    written = words.says.get((field, canonical), ())
    scope = scope_in(desk.fields()[desk.known(connection)].get(field), native)
    reads = words.meaning.get((field, native), canonical) == canonical
    writes = all(n == native for n in written if scope_in(desk.fields()[connection].get(field), n) == scope)
    return "both" if reads is writes else "read" if reads else "write"


def checked(
    fields: Mapping[str, Mapping[str, Field]], connection: str, field: str, native: str, canonical: str, use: str
) -> Row:
    """Return a choice as the store keeps it; raises Refused with what is wrong. fields: by connection and name."""
    if connection not in fields:
        raise Refused("unknown", f"no connection {connection!r}", f"there are {', '.join(fields)}")
    spec = fields[connection].get(field)
    if not is_choice(spec):
        choosable = [name for name, each in fields[connection].items() if is_choice(each)]
        raise Refused("invalid", f"{field!r} is no choice at {connection}", f"these are: {', '.join(choosable)}")
    if not native or not canonical:
        raise Refused("invalid", "native and canonical must not be empty")
    if canonical.startswith(UNKNOWN):
        raise Refused("invalid", f"{canonical!r} is no name", "give the value a common name of your own")
    if use not in USES:
        raise Refused("invalid", f"use is {use!r}", "it is both, read or write")
    assert isinstance(spec, Choice)
    if spec.scope and "/" not in native:
        cure = f"write <{spec.scope} id>/<{field} id>"
        raise Refused("invalid", f"{field} at {connection} needs its {spec.scope} in front", cure)
    (reads, writes), scope = USES[use], scope_in(spec, native)
    key = {"connection": connection, "field": field, "native": native, "canonical": canonical}
    return {**key, "reads": reads, "writes": writes, "scope": scope}


def is_choice(spec: Field | None) -> bool:
    """Tell whether the values of a field are choices; contacts and accounts are links."""
    return isinstance(spec, Choice) and not isinstance(spec, Party)


def scope_in(spec: Field | None, native: str) -> str:
    """Return the native pipeline that a native value is in, "" where that does not matter."""
    return native.rpartition("/")[0] if isinstance(spec, Choice) and spec.scope else ""


def labels(desk: Desk) -> Labels:
    """Return what the CRMs' own lists call their values, by connection, field and native value."""
    found = {(r["connection"], r["field"], r["native"]): str(r["label"]) for r in desk.store.lists()}
    told = {(c, s.via): f for c, fields in desk.fields().items() for f, s in fields.items() if s.via}
    return {(c, told[c, f], n): label for (c, f, n), label in found.items() if (c, f) in told} | found


def checked_row(choice: Chosen) -> Row:
    """Return a choice as the store keeps it, without its scope."""
    reads, writes = USES[choice.use]
    return {**choice.model_dump(include=set(KEY)), "reads": reads, "writes": writes}


def _said_of(row: Row, lost: Sequence[Lost]) -> list[str]:
    """Say what a choice has taken from others."""
    where, said = f"{row['connection']} {row['field']}", list[str]()
    for other in lost:
        if other.lost == "read":
            said.append(f"{where} {other.native!r} meant {other.canonical!r} until now")
        else:
            said.append(f"{other.canonical!r} was written as {other.native!r} at {where} until now")
    return said


def _asked_by(desk: Desk, row: Row) -> list[str]:
    """Say what a choice leaves to see to: a native value that is written for another meaning, a status of a stage."""
    connection, field, native, words = row["connection"], row["field"], row["native"], desk.store.words()
    said = []
    for (name, canonical), natives in words[connection].says.items() if row["reads"] else ():
        if name == field and canonical != row["canonical"] and native in natives:
            said.append(f"{canonical!r} is still written as {native!r}; drop that choice if it should not be")
    for name, spec in desk.fields()[connection].items():
        if spec.via == field and row["reads"] and (name, native) not in words[connection].meaning:
            said.append(f"{connection} shows the {name} by the {field}: say as well what {native!r} means for {name}")
    return said


def _known(desk: Desk) -> dict[Key, Row]:
    return {_key(row): row for row in desk.store.choices()}


def _key(row: Row) -> Key:
    return row["connection"], row["field"], row["native"], row["canonical"]


def _native(row: Row) -> tuple[str, str, str]:
    return row["connection"], row["field"], row["native"]


def _cursor(row: Row) -> str:
    return to_json([row["connection"], row["field"], row["canonical"], row["native"]])


def _chosen(row: Row, names: Labels, deals: int | None = None) -> Chosen:
    key = {k: row[k] for k in KEY}
    use = NAMED[row["reads"], row["writes"]]
    return Chosen(**key, use=use, label=names.get(_native(row), ""), deals=deals, etag=_etag(row))


def _etag(row: Row) -> str:
    told = json.dumps([*_key(row), row["reads"], row["writes"]])
    return hashlib.sha256(told.encode()).hexdigest()[:16]
