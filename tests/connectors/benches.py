"""The sample account of each simulated vendor: how to reach it, what its deal shows, and what each write changes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from bridge.connectors.base import Account
from bridge.core.fields import Words
from bridge.sandbox.leadconnector import sample as lc
from bridge.sandbox.leadconnector.hooks import PUBLIC_KEY
from bridge.sandbox.onlyoffice.records import COLUMNS, HOA, MINH
from tests.connectors.bench import HOOK_SECRET, KEY, SECRET, Case, SandboxBench, fields, flat


def words(*rows: tuple[str, str, str]) -> Words:
    """Return the words of rows of field, native and canonical; of several natives the first is said."""
    says: dict[tuple[str, str], tuple[str, ...]] = {}
    for name, native, canonical in rows:
        says[name, canonical] = (*says.get((name, canonical), ()), native)
    return Words({(name, native): canonical for name, native, canonical in rows}, says)


def staged(*natives: str, status: bool = True) -> list[tuple[str, str, str]]:
    """Return the words of the five sample stages, and of the status that each of them means."""
    stages = ("new", "qualified", "proposal", "won", "lost")
    meant = ("open", "open", "open", "won", "lost")
    rows = [("stage", native, stage) for native, stage in zip(natives, stages, strict=True)]
    return rows + [("status", n, m) for n, m in zip(natives, meant, strict=True) if status]


class GetflyBench(SandboxBench):
    vendor, deal = "getfly", "CH2055057"
    account = Account("gf", "", {"api_key": KEY, "hook_secret": HOOK_SECRET}, currency="USD", zone="Asia/Ho_Chi_Minh")
    shows = fields("name stage status probability owner account pipeline account_name account_email account_phone")
    words = words(
        *staged("8/31", "8/32", "8/33", "8/34", "8/35"),
        ("owner", "2", "hoa"),
        ("owner", "3", "minh"),
        ("account", "KH/2024/119270", "acme"),
        ("account", "KH/2024/119271", "blue"),
        ("pipeline", "8", "sales"),
    )
    lasting = frozenset({"stage", "status", "owner", "account_name"})
    many = 120
    # an update that renames the customer also makes the deal's name anew (vendor document 6)
    cases: ClassVar[Mapping[str, Case]] = {
        "stage": Case("8/32", {"opportunity_status": 32}, side=frozenset({"status"})),
        "status": Case("8/34", {"opportunity_status": 34}, side=frozenset({"stage"})),
        "owner": Case("3", {"recipient": 3}),
        "account_name": Case(
            "Acme Resorts",
            {"account 11973 account_name": "Acme Resorts", "opportunity_name": "Lan Pham - Acme Resorts"},
            {"account_name": "Acme Resorts"},
            side=frozenset({"name"}),
        ),
        "account_email": Case(
            "sales@acme.example", {"account 11973 email": "sales@acme.example"}, {"account_email": "sales@acme.example"}
        ),
        "account_phone": Case(
            "0901111222", {"account 11973 phone_office": "0901111222"}, {"account_phone": "0901111222"}
        ),
    }

    def stored(self) -> dict[str, Any]:
        kept = self.sim.records
        deals = {deal["opportunity_code"]: deal for deal in kept.deals.values()}
        others = {f"account {n}": row for n, row in kept.accounts.items()}
        others |= {f"contact {n}": row for n, row in kept.contacts.items()}
        return flat({**deals, **others}, self.deal, ("updated_at", "receipt_date"))

    def delete(self, deal: str) -> None:
        kept = self.sim.records
        number = kept.deal_named(deal)["id"]
        kept.removed.add(number)
        del kept.deals[number]
        kept.keep(number)

    def fill(self, n: int) -> set[str]:
        kept = self.sim.records
        for number in range(3_000_000, 3_000_000 + n - len(kept.deals)):
            kept.deals[number] = copy.deepcopy(kept.deals[2055057]) | {"id": number, "opportunity_code": f"CH{number}"}
            kept.keep(number)
        return {deal["opportunity_code"] for deal in kept.deals.values()}


class OnlyofficeBench(SandboxBench):
    vendor, deal = "onlyoffice", "17"
    account = Account(
        "oo",
        "",
        {"token": KEY, "hook_secret": HOOK_SECRET},
        custom={"source": "5", "key": "6"},
        zone="Asia/Ho_Chi_Minh",
    )
    shows = fields(
        "name description amount stage status probability owner contact contact_name expected_close actual_close "
        "custom.source custom.key"
    )
    words = words(
        *(
            ("stage", str(n), name)
            for n, name in enumerate(("new", "fit", "suspect", "qualified", "good", "proposal"), 1)
        ),
        *(("status", str(n), "open") for n in range(1, 8)),
        *(row for name in ("stage", "status") for row in ((name, "8", "won"), (name, "9", "lost"))),
        ("owner", HOA, "hoa"),
        ("owner", MINH, "minh"),
        ("contact", "102", "lan"),
        ("contact", "104", "binh"),
    )
    lasting = frozenset({"name", "stage", "status", "owner"})
    hooked = False
    begin: ClassVar[Mapping[str, Any]] = {"customField_6": "K-9"}
    few_rows: ClassVar[Mapping[str, Any]] = {"page_rows": 10}
    # the participants of an update replace the stored ones and must name the primary contact (vendor document 3.3)
    cases: ClassVar[Mapping[str, Case]] = {
        "name": Case("Acme, 40 rooms", {"title": "Acme, 40 rooms"}),
        "description": Case("Fifty rooms\nthree years", {"description": "Fifty rooms\nthree years"}),
        "amount": Case("2000.5 EUR", {"bidValue": Decimal("2000.5"), "bidCurrencyAbbr": "EUR"}),
        "stage": Case("4", {"stageid": 4}, side=frozenset({"status"})),
        "status": Case("8", {"stageid": 8}, side=frozenset({"stage"})),
        "probability": Case(70, {"successProbability": 70}),
        "owner": Case(MINH, {"responsibleid": MINH}),
        "contact": Case("104", {"contactid": 104, "members": (102, 104)}, side=frozenset({"contact_name"})),
        "expected_close": Case("2027-01-31", {"expectedCloseDate": "2027-01-31"}),
        "actual_close": Case("2026-11-20", {"actualCloseDate": "2026-11-20"}),
        "custom.source": Case("Web", {"customField_5": "Web"}),
        "custom.key": Case("K-10", {"customField_6": "K-10"}),
    }

    def stored(self) -> dict[str, Any]:
        deals = {}
        for deal in self.sim.portal.deals():
            row = {name: getattr(deal, ours) for name, ours in COLUMNS.items()}
            row |= {f"customField_{key}": value for key, value in deal.custom.items()}
            for name in ("expectedCloseDate", "actualCloseDate"):
                local = row[name].astimezone(self.sim.portal.zone) if row[name] else None
                midnight = local and (local.hour, local.minute, local.second) == (0, 0, 0)
                row[name] = local and (local.date().isoformat() if midnight else local.isoformat())
            deals[str(deal.id)] = row
        return flat({**deals, "contacts": dict(self.sim.portal.contacts)}, self.deal)

    def delete(self, deal: str) -> None:
        self.sim.portal.drop(int(deal))

    def fill(self, n: int) -> set[str]:
        portal = self.sim.portal
        for _ in range(n - len(portal.deals())):
            portal.put(replace(portal.deal(17), id=portal.new_id()))
        return {str(deal.id) for deal in portal.deals()}


class LeadsquaredBench(SandboxBench):
    vendor, deal = "leadsquared", "dddddddd-0000-4000-8000-000000000001"
    account = Account(
        "ls",
        "",
        {"access_key": KEY, "secret_key": SECRET, "webhook_secret": HOOK_SECRET},
        custom={"source": "mx_Custom_3"},
        currency="USD",
        zone="Asia/Ho_Chi_Minh",
    )
    shows = fields("name description amount stage status owner contact expected_close actual_close custom.source")
    words = words(
        *staged("Open/New", "Open/Qualified", "Open/Proposal", "Won/Won", "Lost/Lost"),
        ("owner", "aaaaaaaa-0000-11ea-8109-000000000002", "hoa"),
        ("owner", "aaaaaaaa-0000-11ea-8109-000000000003", "minh"),
        ("contact", "cccccccc-0000-4000-8000-000000000001", "lan"),
    )
    lasting = frozenset({"name", "stage", "status", "owner"})
    few_rows: ClassVar[Mapping[str, Any]] = {"page_size": 10}
    steady = False  # pages are numbered: after a deletion the next one begins a row later (vendor document 2.8)
    cases: ClassVar[Mapping[str, Case]] = {
        "name": Case("Acme, 40 rooms", {"mx_Custom_1": "Acme, 40 rooms"}),
        "description": Case("Fifty rooms", {"mx_Custom_5": "Fifty rooms"}),
        "amount": Case("1800.5", {"mx_Custom_6": "1800.5"}),
        "stage": Case("Open/Qualified", {"mx_Custom_2": "Qualified"}, side=fields("status")),
        "status": Case("Won/Won", {"Status": "Won", "mx_Custom_2": "Won"}, side=fields("stage")),
        "owner": Case("aaaaaaaa-0000-11ea-8109-000000000003", {"Owner": "aaaaaaaa-0000-11ea-8109-000000000003"}),
        "expected_close": Case("2027-01-30 17:00:00", {"mx_Custom_8": "2027-01-30 17:00:00"}),
        "actual_close": Case("2026-11-19 17:00:00", {"mx_Custom_9": "2026-11-19 17:00:00"}),
        "custom.source": Case("Web", {"mx_Custom_3": "Web"}),
    }

    def stored(self) -> dict[str, Any]:
        kept = self.sim.account
        leads = {lead.id: {**lead.values} for lead in kept.leads.values()}
        return flat({**{o.id: {**o.values, "lead": o.lead} for o in kept.live()}, **leads}, self.deal)

    def delete(self, deal: str) -> None:
        self.sim.account.remove(self.sim.account.found(deal), "person", "aaaaaaaa-0000-11ea-8109-000000000002")

    def fill(self, n: int) -> set[str]:
        kept = self.sim.account
        first = kept.found(self.deal)
        for number in range(len(kept.live()) + 1, n + 1):
            new = replace(first, id=f"dddddddd-0000-4000-8000-{number:012d}", modified=first.modified - number)
            kept.opportunities[new.id] = [new]
        return {o.id for o in kept.live()}


class PlazbotBench(SandboxBench):
    vendor, deal = "plazbot", "d0000000-0000-4000-8000-000000000001"
    # owner and expected close are known to the older dialect only (2.4)
    habits: ClassVar[Mapping[str, Any]] = {"put_dialects": "both"}
    begin: ClassVar[Mapping[str, Any]] = {"Bridge key": "K-9"}
    account = Account(
        "pb",
        "",
        {"api_key": KEY, "hook_secret": HOOK_SECRET},
        {"workspace_id": "wok_sandbox"},
        custom={"source": "Source", "key": "Bridge key"},
        currency="USD",
        zone="Asia/Ho_Chi_Minh",
    )
    shows = fields(
        "name description amount stage status owner contact expected_close actual_close custom.source custom.key"
    )
    words = words(
        *staged(*(f"e0000000-0000-4000-8000-{n:012d}" for n in range(1, 6))),
        ("owner", "a0000000-0000-4000-8000-000000000001", "hoa"),
        ("owner", "a0000000-0000-4000-8000-000000000002", "minh"),
        ("contact", "c0000000-0000-4000-8000-000000000001", "lan"),
        ("contact", "c0000000-0000-4000-8000-000000000002", "binh"),
    )
    lasting = frozenset({"name", "owner", "expected_close"})
    hooked = False
    many = 65
    cases: ClassVar[Mapping[str, Case]] = {
        "name": Case("Acme, 40 rooms", {"name": "Acme, 40 rooms"}),
        "description": Case("Fifty rooms", {"description": "Fifty rooms"}),
        "amount": Case("1800.5", {"amount": 1800.5}),
        "stage": Case(
            "e0000000-0000-4000-8000-000000000002",
            {"stageId": "e0000000-0000-4000-8000-000000000002"},
            side=frozenset({"status"}),
        ),
        "status": Case(
            "e0000000-0000-4000-8000-000000000004",
            {"stageId": "e0000000-0000-4000-8000-000000000004"},
            side=frozenset({"stage"}),
        ),
        "owner": Case(
            "a0000000-0000-4000-8000-000000000002", {"assignedAgentId": "a0000000-0000-4000-8000-000000000002"}
        ),
        "contact": Case("c0000000-0000-4000-8000-000000000002", {"contactId": "c0000000-0000-4000-8000-000000000002"}),
        "expected_close": Case("2027-01-31", {"expirationDate": "2027-01-31T00:00:00"}),
        "custom.source": Case("Web", {"customFields.Source": "Web"}, {"Source": "Web"}),
        "custom.key": Case("K-10", {"customFields.Bridge key": "K-10"}, {"Bridge key": "K-10"}),
    }

    def stored(self) -> dict[str, Any]:
        deals = {deal["id"]: self._opened(deal) for deal in self.sim.live()}
        moved = ("updatedDate", "orderInCards", "orderInCardsLastUpdated")
        return flat({**deals, **self.sim.contacts}, self.deal, moved)

    def person(self, changes: Mapping[str, Any], deal: str = "") -> None:
        """Edit a deal; a custom field is named by its label, and the others stay."""
        custom = self._opened(self.sim.deals[deal or self.deal])["customFields"]
        labels = changes.keys() & {"Source", "Bridge key"}
        entries = [{"name": name, "value": v} for name, v in {**custom, **{k: changes[k] for k in labels}}.items()]
        plain = {name: value for name, value in changes.items() if name not in labels}
        super().person(plain | ({"customFields": entries} if labels else {}), deal)

    def _opened(self, deal: Mapping[str, Any]) -> dict[str, Any]:
        return {**deal, "customFields": {item["name"]: item["value"] for item in deal["customFields"]}}

    def delete(self, deal: str) -> None:
        self.sim.edit(deal, {"deletionDate": "2026-11-20T00:00:00.0000000Z"})

    def fill(self, n: int) -> set[str]:
        for number in range(len(self.sim.deals) + 1, n + 1):
            new = copy.deepcopy(self.sim.deals[self.deal])
            self.sim.keep(new | {"id": f"d0000000-0000-4000-8000-{number:012d}", "orderInCards": number})
        return {deal["id"] for deal in self.sim.live()}


class LeadconnectorBench(SandboxBench):
    vendor, deal = "leadconnector", lc.DEAL_1
    account = Account(
        "lc",
        "",
        {"token": KEY, "hook_secret": HOOK_SECRET},
        {"location_id": lc.LOCATION, "description_field": lc.DESCRIPTION, "public_key": [PUBLIC_KEY]},
        custom={"source": lc.SOURCE, "rooms": lc.ROOMS},
        currency="USD",
    )
    shows = fields(
        "name description amount stage status lost_reason owner contact pipeline contact_name contact_email "
        "contact_phone account_name custom.source custom.rooms"
    )
    words = words(
        *staged(*(f"{lc.SALES}/{stage}" for stage, _, _ in lc.SALES_STAGES), status=False),
        *(("status", status, status) for status in ("open", "won", "lost", "abandoned")),
        ("stage", f"{lc.RENEWALS}/{lc.RENEWALS_STAGES[1][0]}", "due"),
        ("owner", lc.HOA, "hoa"),
        ("owner", lc.MINH, "minh"),
        ("contact", lc.LAN, "lan"),
        ("pipeline", lc.SALES, "sales"),
        ("pipeline", lc.RENEWALS, "renewals"),
        ("lost_reason", lc.PRICE, "price"),
        ("lost_reason", lc.TIMING, "timing"),
    )
    lasting = fields("name stage status lost_reason owner pipeline description custom.source custom.rooms")
    signed = bound = True
    few_rows: ClassVar[Mapping[str, Any]] = {"page_rows": 10}
    cases: ClassVar[Mapping[str, Case]] = {
        "name": Case("Acme, 40 rooms", {"name": "Acme, 40 rooms"}),
        "amount": Case("1800.5", {"monetaryValue": 1800.5}),
        "stage": Case(f"{lc.SALES}/{lc.SALES_STAGES[1][0]}", {"pipelineStageId": lc.SALES_STAGES[1][0]}),
        "status": Case("won", {"status": "won"}),
        "lost_reason": Case(lc.PRICE, {"lostReasonId": lc.PRICE}, given={"status": "lost"}),
        "owner": Case(lc.MINH, {"assignedTo": lc.MINH}),
        "pipeline": Case(
            lc.RENEWALS,
            {"pipelineId": lc.RENEWALS, "pipelineStageId": lc.RENEWALS_STAGES[1][0]},
            also={"stage": f"{lc.RENEWALS}/{lc.RENEWALS_STAGES[1][0]}"},
        ),
        "description": Case(
            "Fifty rooms", {f"customFields.{lc.DESCRIPTION}": "Fifty rooms"}, {lc.DESCRIPTION: "Fifty rooms"}
        ),
        "custom.source": Case("Web", {f"customFields.{lc.SOURCE}": "Web"}, {lc.SOURCE: "Web"}),
        "custom.rooms": Case("60", {f"customFields.{lc.ROOMS}": 60}, {lc.ROOMS: 60}),
    }

    def stored(self) -> dict[str, Any]:
        kept = self.sim.account
        moved = (*lc.TIMES, "indexVersion", "dateAdded", "dateUpdated", "forecastLastSlippedAt")
        moved += ("forecastDaysSlipped", "forecastSlippageCount")
        return flat({**kept.opportunities, **kept.contacts}, self.deal, moved)

    def delete(self, deal: str) -> None:
        self.clock.now_s += 1
        self.sim.account.delete(deal, "person", "delete")

    def fill(self, n: int) -> set[str]:
        kept = self.sim.account
        for number in range(len(kept.opportunities), n):
            new = copy.deepcopy(kept.opportunities[self.deal])
            new |= {"id": f"filler{number:014d}", "createdAt": new["createdAt"] + number * 60}
            kept.keep(new["id"], new, float("-inf"))
        return set(kept.opportunities)
