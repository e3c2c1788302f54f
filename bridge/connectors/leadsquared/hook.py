"""Which opportunities a webhook of LeadSquared names. Sources: docs/vendors/leadsquared.md, by section."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

OPPORTUNITY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# where a webhook body may name the opportunity and its type, in the order of belief (4.4)
HOOK_IDS = ("prospectopportunityid", "opportunityid", "prospectactivityid")
HOOK_TYPES = ("activityevent", "opportunityevent", "opportunityeventcode", "eventcode")
HOOK_PLACES = ("after", "current", "data", "before")


def opportunity_ids(body: bytes, code: str) -> list[str]:
    """
    Return the ids of the opportunities of type `code` that a body names, each once; [] when there are none.

    The body may be an object, a list, with Before and After, or a form: no sample of the vendor's own is known (4.4).
    """
    ids = (_id(item, code) for item in _items(body))
    return list(dict.fromkeys(found for found in ids if found))


def _id(item: Mapping[str, Any], code: str) -> str | None:
    places = [item, *(_pairs(item[place]) for place in HOOK_PLACES if place in item)]
    kinds = [str(place[key]) for key in HOOK_TYPES for place in places if place.get(key)]
    if kinds and kinds[0] != code:
        return None
    ids = [str(place[key]).strip().lower() for key in HOOK_IDS for place in places if place.get(key)]
    return next((found for found in ids if OPPORTUNITY_ID.fullmatch(found)), None)


def _items(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the items of a body with lower-case keys: JSON, a list of it, or a form that may hold JSON."""
    value = _parsed(body)
    if value is None:
        form = parse_qsl(body.decode("utf-8", "replace"))
        yield {re.split(r"[\[\].]+", key.rstrip("]"))[-1].lower(): text for key, text in form}
        value = [item for _, text in form for item in _several(_parsed(text.encode()))]
    for item in _several(value):
        if isinstance(item, dict):
            yield _pairs(item)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _pairs(value: Any) -> dict[str, Any]:
    """Return an object, or a list of {"Key", "Value"}, with lower-case keys; {} for anything else."""
    if isinstance(value, list):
        value = {str(pair.get("Key")): pair.get("Value") for pair in value if isinstance(pair, dict)}
    return {str(key).lower(): inner for key, inner in value.items()} if isinstance(value, dict) else {}
