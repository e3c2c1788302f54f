"""GetFly's webhooks (docs/vendors/getfly.md, 4): form-encoded, ids only, the shared secret in the body."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bridge.sandbox.base import Hook
from bridge.sandbox.getfly.query import Row

USER_AGENT = "GuzzleHttp/7"
SHAPES = ("flat", "nested", "json")
IDS = {"code": ("opportunity_id", "opportunity_code"), "id": ("opportunity_id",), "account": ("account_id",)}


def bracketed(value: object, name: str = "") -> list[tuple[str, str]]:
    """Return name and value pairs as PHP's http_build_query writes them: nested names in brackets, nulls left out."""
    if isinstance(value, Mapping):
        return [
            pair for key, inner in value.items() for pair in bracketed(inner, f"{name}[{key}]" if name else str(key))
        ]
    if isinstance(value, list | tuple):
        return bracketed(dict(enumerate(value)), name)
    if value is None:
        return []
    return [(name, str(int(value)) if isinstance(value, bool) else str(value))]


def deal_ids(deal: Row, which: object) -> Row:
    """Return what an opportunity event says of its deal."""
    # assumption: 4.4 is not documented; id and code is called the likeliest shape.
    every = {
        "opportunity_id": deal["id"],
        "opportunity_code": deal["opportunity_code"],
        "account_id": deal["account_id"],
    }
    return {name: every[name] for name in IDS[str(which)]}


def difference(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str, by: Row, source: str) -> Row:
    """Return the block that customer.updated carries beside its id (4.4)."""
    return {
        "updated_by": by,
        "update_source": source,
        "data": {
            f"{prefix}.{name}": {"field_desc": name, "old_value": before[name], "new_value": after[name]}
            for name in before
            if before[name] != after[name] and name != "updated_at"
        },
    }


def hook(event: str, data: Row, switch: Mapping[str, Any], stamp: str) -> Hook:
    """Return the request for one event. stamp: what makes its uid unique, and the same for the same history."""
    uid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"getfly {event} {stamp}"))
    whole: Row = {
        "event": event, "secret_key": switch["secret_key"], "data": data, "domain": switch["domain"], "uid": uid,
    }  # fmt: skip
    shape = switch["hook_shape"]
    if shape == "json":
        # assumption: 4.3, the older JSON form is documented without the secret; it would prove nothing then.
        return _post("application/json", json.dumps(whole, ensure_ascii=False).encode())
    if shape == "nested":
        whole["data"] = dict(whole)
    return _post("application/x-www-form-urlencoded", urlencode(bracketed(whole)).encode())


def _post(content_type: str, body: bytes) -> Hook:
    return Hook("POST", {}, {"Content-Type": content_type, "User-Agent": USER_AGENT}, body)
