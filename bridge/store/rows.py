"""A link as rows and back. `flatten` of what was loaded, compared with `flatten` of what is now, is what to save."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from bridge.core.model import Former, Hub, Link, Ref, Said, Sent, Shadow, Side, Write

Key = tuple[str, ...]
Row = dict[str, Any]


to_json = json.JSONEncoder(ensure_ascii=False).encode


def build(link: str, tables: Mapping[str, Iterable[Any]]) -> Link:
    """Return the working copy of a link from the rows of `load_*`."""
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
    for r in tables["shadows"]:
        sent = None if r["sent"] is None else Sent(json.loads(r["sent"]))
        shadow = Shadow(json.loads(r["native"]), r["base"], r["moved_at"], sent, bool(r["undated"]))
        sides[r["connection"]].shadows[r["field"]] = shadow
    for r in tables["formers"]:
        former = Former(json.loads(r["native"]), r["replaced_at"])
        sides[r["connection"]].formers.setdefault(r["field"], []).append(former)
    for r in tables["writes"]:
        side = sides[r["connection"]]
        patch = {f: Said(value, version) for f, (value, version) in json.loads(r["patch"]).items()}
        side.open = Write(r["id"], side.ref, patch, frozenset(json.loads(r["touched"])), r["at"])
    hubs = {
        r["field"]: Hub(
            json.loads(r["value"]),
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


def flatten(link: Link) -> dict[Key, Row]:
    """Return every row of the link by (statement that saves it, key...)."""
    rows: dict[Key, Row] = {}
    for name, hub in link.hubs.items():
        rows["save_hub", name] = {"link": link.id, "field": name, **vars(hub), "value": to_json(hub.value)}
    for side in link:
        connection = side.ref.connection
        rows["save_ref", connection] = {
            "link": link.id,
            "connection": connection,
            "stamp": side.stamp,
            "wrote_at": side.wrote_at,
            "missing_since": side.missing_since,
            "gone": int(side.gone),
        }
        for name, sh in side.shadows.items():
            rows["save_shadow", connection, name] = _shadow(link.id, connection, name, sh)
        for name, formers in side.formers.items():
            for f in formers:
                native = to_json(f.native)
                rows["save_former", connection, name, native] = {
                    "link": link.id,
                    "connection": connection,
                    "field": name,
                    "native": native,
                    "replaced_at": f.replaced_at,
                }
    return rows


def _shadow(link: str, connection: str, name: str, sh: Shadow) -> Row:
    return {
        "link": link,
        "connection": connection,
        "field": name,
        "native": to_json(sh.native),
        "base": sh.base,
        "moved_at": sh.moved_at,
        "sent": None if sh.sent is None else to_json(sh.sent.value),
        "undated": int(sh.undated),
    }
