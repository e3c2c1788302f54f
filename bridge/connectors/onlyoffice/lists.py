"""What the lists of a portal offer, and how to have it heard. Sources: docs/vendors/onlyoffice.md, by section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bridge.connectors.lists import Custom, Listed, Person, owners
from bridge.connectors.onlyoffice.deal import HEADING, Body

KINDS = {0: "open", 1: "won", 2: "lost"}
FIELD_KINDS = {0: "text", 1: "text area", 2: "select", 3: "check box", 5: "date"}


def stage_values(stages: Iterable[Body]) -> Iterator[Listed]:
    """Yield stages, and each as a status too: whether it is won or lost, only the stage tells (4.1)."""
    for row in stages:
        native, label = str(row.get("id")), str(row.get("title") or "")
        yield Listed("stage", native, label)
        yield Listed("status", native, f"{label} ({KINDS.get(row.get('stageType') or 0, 'unknown')})")


def responsibles(users: Iterable[Body]) -> list[Listed]:
    """Return the users who can be responsible for a deal; the portal's own pages leave guests out (5)."""
    return owners(_person(row) for row in users if row.get("isVisitor") is not True)


def _person(row: Body) -> Person:
    name, mail = str(row.get("displayName") or ""), str(row.get("email") or "")
    return Person(str(row.get("id")), name, mail, row.get("status") == 1)


def custom_fields(definitions: Iterable[Body]) -> list[Custom]:
    """Return the fields of deals that hold something; headings do not (4.3)."""
    return [
        Custom(str(row.get("id")), str(row.get("label") or ""), _kind(row.get("fieldType")))
        for row in definitions
        if row.get("fieldType") != HEADING
    ]


def _kind(given: Any) -> str:
    return FIELD_KINDS.get(given or 0, "unknown")


def steps(address: str, secret: str) -> list[str]:
    """Return how a portal without webhooks is heard, and how a customer's own automation can make it faster."""
    return [
        "ONLYOFFICE has no webhooks: the bridge pages through the deals again and again. There is nothing to do.",
        f'To be faster, let an automation of yours POST {{"id": "<number of the deal>"}} as JSON to {address}',
        f"with the header X-Bridge-Secret: {secret}",
    ]
