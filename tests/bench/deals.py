"""The deals that the sink serves, as LeadConnector shows them (docs: GET and PUT /opportunities/{id})."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LOCATION, CONTACT, PIPELINE, STAGE, OWNER = "bench", "k1", "p1", "s1", "u1"
START = "2026-01-05T09:00:00.000Z"


def _shown() -> bytes:
    """Return one opportunity with @id@, @name@ and @at@ where deals differ; as long as a real answer, 1.5 kB."""
    contact = {"name": "Hoa Tran", "companyName": "Sample Ltd", "email": "hoa@example.com", "phone": "+84901234567"}
    deal: dict[str, Any] = {"id": "@id@", "name": "@name@", "monetaryValue": 1200, "pipelineId": PIPELINE}
    deal |= {"pipelineStageId": STAGE, "assignedTo": OWNER, "status": "open", "source": "web"}
    deal |= {"pipelineStageUId": STAGE, "indexVersion": 7, "lastStatusChangeAt": START, "lastStageChangeAt": START}
    deal |= {"createdAt": START, "updatedAt": "@at@", "contactId": CONTACT, "locationId": LOCATION}
    deal |= {"lostReasonId": None, "attributions": [], "followers": [], "customFields": []}
    deal["contact"] = {"id": CONTACT, **contact, "tags": []}
    deal["relations"] = [
        {
            "associationId": "OPPORTUNITIES_CONTACTS_ASSOCIATION",
            "relationId": "@id@",
            "primary": True,
            "objectKey": "contact",
            "recordId": CONTACT,
            "fullName": contact["name"],
            "contactName": contact["name"],
            **{name: contact[name] for name in ("companyName", "email", "phone")},
            "tags": [],
            "attributed": None,
        }
    ]
    deal |= {"forecastExpectedCloseDate": None, "forecastProbability": None, "effectiveProbability": None}
    return json.dumps({"opportunity": deal}, separators=(",", ":")).encode()


SHOWN = _shown().replace(b"%", b"%%").replace(b"@id@", b"%(id)b").replace(b"@name@", b"%(name)b")
SHOWN = SHOWN.replace(b"@at@", b"%(at)b")


@dataclass
class Awaited:
    """An edit on its way. left: the connections that do not show its name yet. told: hears when there are none."""

    name: str
    left: set[str]
    told: Callable[[float], None]


@dataclass
class Deals:
    """
    The deals of all connections. One that nobody has edited is called after its id, at every connection alike.

    odd: updates that change anything but a name; the bridge should not send any.
    """

    names: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    awaited: dict[tuple[str, str], Awaited] = field(default_factory=dict)
    odd: int = 0

    def edit(self, connection: str, deal: str, name: str) -> None:
        """Change the name of a deal, as a person would."""
        ms = time.time_ns() // 1_000_000
        at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ms // 1000))}.{ms % 1000:03}Z"
        self.names[connection, deal] = name, at

    def wait(self, deal: str, name: str, targets: tuple[str, ...], told: Callable[[float], None]) -> None:
        """Call `told` with the time (monotonic seconds) at which the last target was given the name."""
        awaited = Awaited(name, set(targets), told)
        for target in targets:
            self.awaited[target, deal] = awaited

    def give_up(self, deal: str, targets: tuple[str, ...]) -> None:
        """Wait no more for a deal."""
        for target in targets:
            self.awaited.pop((target, deal), None)

    def show(self, connection: str, deal: str) -> bytes:
        """Return the body of an answer."""
        name, at = self.names.get((connection, deal)) or (f"Deal {deal}", START)
        return SHOWN % {b"id": deal.encode(), b"name": name.encode(), b"at": at.encode()}

    def put(self, connection: str, deal: str, body: bytes) -> bytes:
        """Take an update, tell who waits for it, and return the body of the answer."""
        patch = json.loads(body)
        self.odd += patch.keys() != {"name"}
        self.edit(connection, deal, patch["name"])
        awaited = self.awaited.get((connection, deal))
        if awaited is not None and awaited.name == patch["name"]:
            del self.awaited[connection, deal]
            awaited.left.discard(connection)
            if not awaited.left:
                awaited.told(time.monotonic())
        return self.show(connection, deal)
