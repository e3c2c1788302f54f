"""The pages of LeadSquared, Plazbot and LeadConnector, as people see and fill them in; see wire_people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from tests.sim.wire_people import COUPLED, ZONE, GetflyPeople, OnlyofficePeople, People, Value


class LeadsquaredPeople(People):
    """Times are stored in UTC; a stage is shown with the status that it stands under."""

    vendor, deal = "leadsquared", "dddddddd-0000-4000-8000-000000000001"
    fields = ("name", "description", "amount", "stage", "owner", "expected_close", "custom.source")
    stages = ("Open/Qualified", "Open/Proposal", "Won/Won", "Open/New", "Lost/Lost")
    owners = ("aaaaaaaa-0000-11ea-8109-000000000003", "aaaaaaaa-0000-11ea-8109-000000000002")
    names: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "mx_Custom_1": ("name",),
        "mx_Custom_2": COUPLED,
        "Status": COUPLED,
        "mx_Custom_3": ("custom.source",),
        "mx_Custom_5": ("description",),
        "mx_Custom_6": ("amount",),
        "mx_Custom_8": ("expected_close",),
        "mx_Custom_9": ("actual_close",),
        "Owner": ("owner",),
    }
    entries: ClassVar[Mapping[str, str]] = {
        "name": "mx_Custom_1",
        "description": "mx_Custom_5",
        "amount": "mx_Custom_6",
        "owner": "Owner",
        "expected_close": "mx_Custom_8",
        "custom.source": "mx_Custom_3",
    }

    def stored(self) -> dict[str, Any]:
        deal = self.sim.account.found(self.deal)
        return {**deal.values, "lead": deal.lead}

    def shows(self, stored: Mapping[str, Any]) -> dict[str, Value]:
        stage = f"{stored['Status']}/{stored['mx_Custom_2']}"
        plain = {field: stored.get(name) for field, name in self.entries.items()}
        return {**plain, "stage": stage, "status": stage}

    def _date(self, day: date, n: int) -> str:
        there = datetime(day.year, day.month, day.day, n % 24, tzinfo=ZONE)
        return there.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def _day(self, text: str) -> str:
        utc = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return utc.astimezone(ZONE).date().isoformat()

    def entered(self, field: str, value: Value) -> dict[str, Any]:
        if field == "stage":
            status, _, stage = str(value).partition("/")
            return {"Status": status, "mx_Custom_2": stage}
        return super().entered(field, value)

    def deals(self) -> int:
        return len(self.sim.account.live())

    def writes(self, method: str, path: str) -> bool:
        return path.endswith("/OpportunityManagement.svc/Update")

    def spoilt(self, path: str, body: Any) -> tuple[str, Any]:
        return path, {**body, "Fields": [*body["Fields"], {"SchemaName": "mx_Custom_8", "Value": "no date"}]}


class PlazbotPeople(People):
    """Owner and close date are written in a rich account only, which takes the older dialect of the update too."""

    vendor, deal = "plazbot", "d0000000-0000-4000-8000-000000000001"
    hooked = False
    rich_switches: ClassVar[Mapping[str, Any]] = {"put_dialects": "both"}
    poor_options: ClassVar[Mapping[str, Any]] = {"older_dialect": False}
    fields = ("name", "description", "amount", "stage", "owner", "expected_close", "custom.source")
    stages = tuple(f"e0000000-0000-4000-8000-{n:012d}" for n in (2, 3, 4, 1, 5))
    owners = ("a0000000-0000-4000-8000-000000000002", "a0000000-0000-4000-8000-000000000001")
    names: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "name": ("name",),
        "description": ("description",),
        "amount": ("amount",),
        "stageId": COUPLED,
        "assignedAgentId": ("owner",),
        "contactId": ("contact",),
        "expirationDate": ("expected_close",),
        "winLossDate": ("actual_close",),
        "customFields": ("custom.source",),
        "customFields.Source": ("custom.source",),
    }
    entries: ClassVar[Mapping[str, str]] = {
        "name": "name",
        "description": "description",
        "stage": "stageId",
        "owner": "assignedAgentId",
        "expected_close": "expirationDate",
    }

    def __init__(self, sim: Any, rich: bool) -> None:
        super().__init__(sim, rich)
        self.readonly = frozenset(() if rich else ("owner", "expected_close"))

    def stored(self) -> dict[str, Any]:
        row = dict(self.sim.deals[self.deal])
        for name in ("updatedDate", "orderInCards", "orderInCardsLastUpdated"):
            del row[name]
        return row | {f"customFields.{item['name']}": item["value"] for item in row.pop("customFields")}

    def shows(self, stored: Mapping[str, Any]) -> dict[str, Value]:
        return {
            **{field: stored[name] for field, name in self.entries.items()},
            "status": stored["stageId"],
            "amount": str(stored["amount"]),
            "custom.source": stored.get("customFields.Source"),
        }

    def _date(self, day: date, n: int) -> str:
        if n % 2:
            return f"{day.isoformat()}T00:00:00"
        there = datetime(day.year, day.month, day.day, 9, tzinfo=ZONE)
        return there.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")

    def _day(self, text: str) -> str:
        """Midnight is that very day; any other hour is UTC."""
        utc = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return (utc if text.endswith("T00:00:00") else utc.astimezone(ZONE)).date().isoformat()

    def entered(self, field: str, value: Value) -> dict[str, Any]:
        if field == "amount":
            return {"amount": float(str(value))}
        if field == "custom.source":
            others = [item for item in self.sim.deals[self.deal]["customFields"] if item["name"] != "Source"]
            return {"customFields": [*others, {"name": "Source", "value": value}]}
        return super().entered(field, value)

    def deals(self) -> int:
        return len(self.sim.live())

    def writes(self, method: str, path: str) -> bool:
        return method != "GET" and path.endswith("/api/opportunity")

    def spoilt(self, path: str, body: Any) -> tuple[str, Any]:
        if "paramToUpdate" in body:
            return path, {**body, "paramToUpdate": "amount", "amount": "much"}
        return path, {**body, "amount": "much"}


class LeadconnectorPeople(People):
    """Status and stage stand apart; probability and close date only in the rich dialect, v3."""

    vendor, deal = "leadconnector", "yWQobCRIhRguQtD2llvk"
    by_stage = False
    rich_options: ClassVar[Mapping[str, Any]] = {"version": "v3"}
    pipeline = "VDm7RPYC2GLUvdpKmBfC"
    stages = tuple(
        f"VDm7RPYC2GLUvdpKmBfC/{stage}"
        for stage in (
            "e93ba61a-53b3-45e7-985a-c7732dbcdb69",
            "403af14e-9afb-40b1-b394-0aa6bbe0cc5e",
            "c1d7a1f0-6a53-4d0e-9b5c-2f3a8f5b7e41",
            "7915dedc-8f18-44d5-8bc3-77c04e994a10",
            "2b9e4f76-0d18-4c3b-8e6a-91d4c7a5f082",
        )
    )
    owners = ("zT46WSCPbudrq4zhWMk6", "082goXVW3lIExEQPOnd3")
    source, description = "3sv6UEo51C9Bmpo1cKTq", "6dvNaf7VhkQ9snc5vnjJ"
    names: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "name": ("name",),
        "monetaryValue": ("amount",),
        "pipelineStageId": ("stage",),
        "pipelineId": ("pipeline",),
        "status": ("status",),
        "lostReasonId": ("lost_reason",),
        "assignedTo": ("owner",),
        "contactId": ("contact",),
        "forecastProbability": ("probability",),
        "forecastExpectedCloseDate": ("expected_close",),
        source: ("custom.source",),
        f"customFields.{source}": ("custom.source",),
        description: ("description",),
        f"customFields.{description}": ("description",),
    }
    entries: ClassVar[Mapping[str, str]] = {
        "name": "name",
        "description": description,
        "status": "status",
        "owner": "assignedTo",
        "probability": "forecastProbability",
        "expected_close": "forecastExpectedCloseDate",
        "custom.source": source,
    }

    def __init__(self, sim: Any, rich: bool) -> None:
        super().__init__(sim, rich)
        forecast = ("probability", "expected_close") if rich else ()
        self.fields = ("name", "description", "amount", "stage", "status", "owner", "custom.source", *forecast)

    def stored(self) -> dict[str, Any]:
        row = self.sim.account.opportunities[self.deal]
        kept = {name: value for name, value in row.items() if name not in MOVING and not name.startswith("forecast")}
        kept |= {name: row[name] for name in ("forecastProbability", "forecastExpectedCloseDate")}
        return kept | {f"customFields.{key}": value for key, value in kept.pop("customFields").items()}

    def shows(self, stored: Mapping[str, Any]) -> dict[str, Value]:
        every = {
            "name": stored["name"],
            "description": stored.get(f"customFields.{self.description}"),
            "amount": None if stored["monetaryValue"] is None else str(stored["monetaryValue"]),
            "stage": f"{stored['pipelineId']}/{stored['pipelineStageId']}",
            "status": stored["status"],
            "owner": stored["assignedTo"],
            "probability": stored["forecastProbability"],
            "expected_close": stored["forecastExpectedCloseDate"],
            "custom.source": stored.get(f"customFields.{self.source}"),
        }
        return {field: every[field] for field in self.fields}

    def entered(self, field: str, value: Value) -> dict[str, Any]:
        if field == "amount":
            return {"monetaryValue": float(str(value))}
        if field == "stage":
            return {"pipelineStageId": str(value).partition("/")[2]}
        return super().entered(field, value)

    def deals(self) -> int:
        return len(self.sim.account.opportunities)

    def writes(self, method: str, path: str) -> bool:
        return method != "GET" and "/opportunities/" in path and not path.endswith("/search")

    def spoilt(self, path: str, body: Any) -> tuple[str, Any]:
        if path.endswith("/status"):
            return path, {**body, "status": "forgotten"}
        return path, {**body, "monetaryValue": "much"}


MOVING = frozenset(
    {"lastStatusChangeAt", "lastStageChangeAt", "lastActionDate", "createdAt", "updatedAt", "indexVersion"}
)
PEOPLE: Mapping[str, type[People]] = {
    kind.vendor: kind
    for kind in (GetflyPeople, OnlyofficePeople, LeadsquaredPeople, PlazbotPeople, LeadconnectorPeople)
}
