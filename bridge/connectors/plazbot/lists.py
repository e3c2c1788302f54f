"""What the lists of a workspace offer, and how to have it heard. Sources: docs/vendors/plazbot.md, by section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.connectors.lists import Custom, Listed, Person, owners
from bridge.connectors.plazbot.answer import custom_of, label_of


def phases(stages: Iterable[Mapping[str, Any]]) -> Iterator[Listed]:
    """Yield the phases, which are all that deals can be in: there are no pipelines (3.1)."""
    return (Listed("stage", str(row.get("id")), str(row.get("name") or "")) for row in stages)


def agents(users: Iterable[Mapping[str, Any]]) -> list[Listed]:
    """Return the users of the workspace (3.2)."""
    return owners(Person(str(row.get("id")), _name(row), str(row.get("email") or "")) for row in users)


def _name(row: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (str(row.get(key) or "").strip() for key in ("name", "lastName"))))


def custom_fields(deals: Iterable[Mapping[str, Any]]) -> list[Custom]:
    """Return the custom fields that some deals show; a list of their definitions is not documented."""
    labels = dict.fromkeys(label_of(entry) for row in deals for entry in custom_of(row) or ())
    return [Custom(label, label, "text") for label in labels]


def steps(address: str, secret: str) -> list[str]:
    """Return how a workspace without webhooks is heard, and how a customer's own automation can make it faster."""
    return [
        "Plazbot has no webhooks for deals: the bridge pages through them again and again. There is nothing to do.",
        f'To be faster, let an automation of yours POST {{"id": "<id of the deal>"}} as JSON to {address}',
        f"with the header X-Bridge-Secret: {secret}",
    ]
