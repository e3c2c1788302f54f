"""What a location's lists offer, and how to have webhooks sent. Sources: docs/vendors/leadconnector.md, by section."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from bridge.connectors.leadconnector.answer import Body, odd, rows
from bridge.connectors.lists import Custom, Listed, Person, owners, scoped

STATUSES = ("open", "won", "lost", "abandoned")  # `all` stands in every schema, but is only a filter of the search
LOST_ROWS = 100
LOST_PAGES_MAX = 20
TRIGGERS = "Opportunity Created, Opportunity Changed, Opportunity Status Changed and Pipeline Stage Changed"
HINT = '{"type":"OpportunityUpdate","locationId":"{{location.id}}","id":"{{opportunity.id}}"}'

Ask = Callable[[str, Mapping[str, str]], Body]


class Reference:
    """The lists of one location. ask: GET a path with a query, and return the JSON object."""

    def __init__(self, ask: Ask, location: str) -> None:
        self._ask, self._location = ask, location

    def pipelines(self) -> list[Listed]:
        """Return pipelines and their stages (2.7); a stage is native with its pipeline."""
        found = []
        for row in rows(self._ask("/opportunities/pipelines", {"locationId": self._location}), "pipelines"):
            found.append(_listed("pipeline", row))
            for stage in sorted(rows(row, "stages"), key=_position):
                label = scoped(_name(row), _name(stage))
                found.append(Listed("stage", f"{_id(row)}/{_id(stage)}", label))
        return found

    def users(self) -> list[Listed]:
        """Return the users (4.2): by the older call, as the newer wants the agency's id and answers the same."""
        body = self._ask("/users/", {"locationId": self._location})
        return owners(
            Person(_id(row), _name(row), str(row.get("email") or ""), row.get("deleted") is not True)
            for row in rows(body, "users")
        )

    def lost_reasons(self) -> list[Listed]:
        """Return the reasons for which a deal can be lost (2.1)."""
        found: list[Listed] = []
        for page in range(LOST_PAGES_MAX):
            query = {"locationId": self._location, "skip": str(page * LOST_ROWS), "limit": str(LOST_ROWS)}
            listed = rows(self._ask("/opportunities/lost-reason", query), "lostReasons")
            found += [_listed("lost_reason", row) for row in listed]
            if len(listed) < LOST_ROWS:
                return found
        raise odd("lost reasons without end")

    def customs(self) -> list[Custom]:
        """Return the custom fields of opportunities (4.3)."""
        path = f"/locations/{quote(self._location, safe='')}/customFields"
        listed = rows(self._ask(path, {"model": "opportunity"}), "customFields")
        return [Custom(_id(row), _name(row), str(row.get("dataType") or "")) for row in listed]


def statuses() -> Iterator[Listed]:
    """Yield the four statuses that every location has."""
    return (Listed("status", status, status) for status in STATUSES)


def steps(address: str, secret: str) -> list[str]:
    """Return what a person clicks; there is no API for webhooks (5.1, 5.7)."""
    return [
        "With a Marketplace app of your own: Advanced Settings, Webhooks of the app.",
        f"Webhook URL: {address}",
        "Switch on every event whose name begins with Opportunity. LeadConnector signs them; nothing else is needed.",
        "With only a token: Automation, Workflows, a new workflow of the location with the triggers "
        f"{TRIGGERS}, and the action (custom) Webhook:",
        f"Method POST, URL: {address}",
        f"Header X-Bridge-Secret: {secret}",
        f"Body, as JSON: {HINT}",
        "Publish the workflow. It tells nobody of a deleted deal: the bridge finds that out when it next looks.",
    ]


def _listed(field: str, row: Mapping[str, Any]) -> Listed:
    return Listed(field, _id(row), _name(row))


def _id(row: Mapping[str, Any]) -> str:
    given = row.get("id")
    if not isinstance(given, str) or not given:
        raise odd("id of a list")
    return given


def _name(row: Mapping[str, Any]) -> str:
    return " ".join(str(row.get("name") or "").split())


def _position(row: Mapping[str, Any]) -> float:
    given = row.get("position")
    return float(given) if isinstance(given, int) else 0.0
