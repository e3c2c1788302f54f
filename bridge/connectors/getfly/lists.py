"""What GetFly's lists offer, and how to have its webhooks sent. Sources: docs/vendors/getfly.md, 3.1, 3.2 and 4.1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.connectors.getfly.deal import Row, id_of, number, text
from bridge.connectors.lists import Listed, Person, owners, scoped

CAMPAIGNS = "id,campaign_code,campaign_name,opportunity_status,is_lock"
EVENTS = ("opportunity.created", "opportunity.updated")


def pipelines(campaigns: Iterable[Row]) -> Iterator[Listed]:
    """Yield each campaign as a pipeline, and its stages; a stage is known by campaign and number together (2.9)."""
    for row in campaigns:
        name = text(row, "campaign_name") or text(row, "campaign_code") or str(row.get("id"))
        lock = " (locked)" if row.get("is_lock") else ""
        yield Listed("pipeline", str(id_of(row)), name + lock)
        stages = row.get("opportunity_status")
        for stage in stages if isinstance(stages, list) else []:
            if isinstance(stage, dict) and number(stage, "status_id") is not None:
                label = scoped(name, text(stage, "name") or "")
                yield Listed("stage", f"{id_of(row)}/{number(stage, 'status_id')}", label)


def handlers(users: Iterable[Row]) -> list[Listed]:
    """Return the users who can handle a deal."""
    return owners(
        Person(str(number(row, "user_id")), text(row, "contact_name") or text(row, "user_name") or "", _mail(row))
        for row in users
    )


def _mail(row: Row) -> str:
    return text(row, "email") or text(row, "user_name") or ""


def steps(address: str, secret: str) -> list[str]:
    """Return what an administrator clicks; there is no API for webhooks (4.1)."""
    return [
        "In GetFly, as an administrator: Settings, system integration, Getfly Webhook, Register.",
        f"Callback URL: {address}",
        f"Secret key: {secret}",
        f"Switch on the events {' and '.join(EVENTS)}; every event is off until you do. Save.",
        "GetFly tells nobody of a deleted deal: the bridge finds that out when it next looks.",
    ]
