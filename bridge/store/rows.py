"""A link as rows and back. `flatten` of what was loaded, compared with `flatten` of what is now, is what to save."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from bridge.core.model import Former, Hub, Link, Ref, Said, Sent, Shadow, Side, Write

Key = tuple[str, ...]
Row = dict[str, Any]
Values = tuple[Any, ...]

# the parameters of the statements that save, in the order of `flatten`
HUB = ("link", "field", "value", "version", "stamp", "origin", "hop", "held_until", "argued", "argued_day")
REF = ("link", "connection", "stamp", "wrote_at", "missing_since", "gone")
SHADOW = ("link", "connection", "field", "native", "base", "moved_at", "sent", "undated")
FORMER = ("link", "connection", "field", "native", "replaced_at")

to_json = json.JSONEncoder(ensure_ascii=False).encode
from_json = lru_cache(2048)(json.loads)  # scalars only: the same few are met again and again


def build(link: str, tables: Mapping[str, Iterable[Any]]) -> Link:
    """
    Return the working copy of a link from the rows of `load_*`.

    A side that came into the link after its refs were read is left out: whoever loads the link is fenced by then.
    """
    sides = {
        r["connection"]: Side(
            Ref(r["connection"], r["vendor_id"], r["kind"]),
            linked_at=r["linked_at"],
            stamp=r["stamp"],
            wrote_at=r["wrote_at"],
            missing_since=r["missing_since"],
            gone=bool(r["gone"]),
        )
        for r in tables["refs"]
    }
    rows = {t: [r for r in tables[t] if r["connection"] in sides] for t in ("shadows", "formers", "writes")}
    for r in rows["shadows"]:
        sent = None if r["sent"] is None else Sent(from_json(r["sent"]))
        shadow = Shadow(from_json(r["native"]), r["base"], r["moved_at"], sent, bool(r["undated"]))
        sides[r["connection"]].shadows[r["field"]] = shadow
    for r in rows["formers"]:
        former = Former(from_json(r["native"]), r["replaced_at"])
        sides[r["connection"]].formers.setdefault(r["field"], []).append(former)
    for r in rows["writes"]:
        side = sides[r["connection"]]
        patch = {f: Said(value, version) for f, (value, version) in json.loads(r["patch"]).items()}
        side.open = Write(r["id"], side.ref, patch, frozenset(json.loads(r["touched"])), r["at"])
    hubs = {
        r["field"]: Hub(
            from_json(r["value"]),
            r["version"],
            r["stamp"],
            r["origin"],
            r["hop"],
            r["held_until"],
            r["argued"],
            r["argued_day"],
        )
        for r in tables["hubs"]
    }
    return Link(link, sides, hubs)


def patch_json(write: Write) -> str:
    return to_json({f: [said.value, said.version] for f, said in write.patch.items()})


def flatten(link: Link) -> dict[Key, Values]:
    """Return what there is to save of the link by (statement that saves it, key...); `row_of` makes a row of it."""
    found: dict[Key, Values] = {}
    for name, hub in link.hubs.items():
        found["save_hub", name] = tuple(vars(hub).values())
    for side in link:
        connection = side.ref.connection
        found["save_ref", connection] = side.stamp, side.wrote_at, side.missing_since, side.gone
        for name, sh in side.shadows.items():
            found["save_shadow", connection, name] = sh.native, sh.base, sh.moved_at, sh.sent, sh.undated
        for name, formers in side.formers.items():
            for f in formers:
                found["save_former", connection, name, to_json(f.native)] = (f.replaced_at,)
    return found


def row_of(link: str, key: Key, values: Values) -> Row:
    """Return the parameters of the statement that saves these values."""
    statement, *rest = key
    if statement == "save_hub":
        value, *others = values
        return dict(zip(HUB, (link, rest[0], to_json(value), *others), strict=True))
    if statement == "save_ref":
        return dict(zip(REF, (link, *rest, *values[:-1], int(values[-1])), strict=True))
    if statement == "save_former":
        return dict(zip(FORMER, (link, *rest, *values), strict=True))
    native, base, moved_at, sent, undated = values
    said = None if sent is None else to_json(sent.value)
    return dict(zip(SHADOW, (link, *rest, to_json(native), base, moved_at, said, int(undated)), strict=True))
