"""What a simulated GetFly account holds: its customers, campaigns and opportunities, and how they are looked up."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from bridge.sandbox.base import Clock
from bridge.sandbox.getfly import sample as sample
from bridge.sandbox.getfly.query import Refused, Row

# Fields of a deal's customer and contact that the API takes with a deal: name there, name in the row.
ACCOUNT_FIELDS = {"account_name": "account_name", "account_phone": "phone_office", "account_email": "email"}
CONTACT_FIELDS = {"contact_name": "first_name", "contact_phone": "phone_mobile", "contact_email": "email"}
NAMES = frozenset({"opportunity_name", "account_name", "first_name"})
PHONES = frozenset({"phone_office", "phone_mobile", "phone_home"})


def digits(phone: object) -> str:
    """Return a phone number as customers are matched on it: digits, the national form (6)."""
    return re.sub(r"^84", "0", re.sub(r"\D", "", str(phone)))


def tidied(row: Mapping[str, Any]) -> Row:
    """Return values as a tidy vendor stores them: names trimmed, phones in the national form."""
    tidy = dict(row)
    for name, value in row.items():
        if isinstance(value, str) and name in NAMES:
            tidy[name] = " ".join(value.split())
        elif isinstance(value, str) and name in PHONES:
            tidy[name] = digits(value)
    return tidy


class Records:
    """The rows of one account and the history that lagging reads need. The simulator holds the lock."""

    def __init__(self, clock: Clock, switch: Mapping[str, Any]) -> None:
        self.clock, self.switch = clock, switch
        now = self.now()
        self.users = sample.users()
        self.campaigns = sample.campaigns(now)
        self.define_fields = sample.define_fields()
        self.accounts = sample.accounts(now)
        self.contacts = sample.contacts()
        self.deals = sample.deals(now, self.zone)
        self.removed: set[int] = set()
        self._past: dict[int, list[tuple[float, Row | None]]] = {
            number: [(float("-inf"), copy.deepcopy(deal))] for number, deal in self.deals.items()
        }

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(str(self.switch["zone"]))

    def now(self) -> int:
        return int(self.clock())

    def keep(self, number: int) -> None:
        """Remember the state of a deal, or its absence, for reads that lag."""
        past = self._past.setdefault(number, [])
        past.append((self.clock(), copy.deepcopy(self.deals.get(number))))
        shown_since = self.clock() - float(self.switch["read_lag_s"])
        while len(past) > 1 and past[1][0] <= shown_since:
            past.pop(0)

    def visible(self) -> list[Row]:
        """Return the deals as reads show them now: `read_lag_s` old, the ones deleted since included."""
        shown_since = self.clock() - float(self.switch["read_lag_s"])
        states = [[deal for at, deal in past if at <= shown_since] for past in self._past.values()]
        return [deal for past in states if past and (deal := past[-1]) is not None]

    def view(self, deal: Row) -> Row:
        """Return every field that some tenant may show of a deal, times in epoch seconds (2.1)."""
        campaign, account = self.campaigns[deal["campaign_id"]], self.accounts[deal["account_id"]]
        handler, maker = self.users.get(deal["recipient"], {}), self.users.get(deal["create_user"], {})
        # assumption: 2.1, status 0 has no documented label.
        return deal | {
            "opportunity_status_name": self.stage_name(deal),
            "rcpt_display_name": handler.get("contact_name", ""),
            "rcpt_avatar": "", "rcpt_role_name": "", "rcpt_department_name": handler.get("dept_name", ""),
            "time_registed": campaign["time_registed"], "responsible": campaign["responsible"],
            "c_display_name": maker.get("contact_name", ""), "account_name": account["account_name"],
            "phone_office": account["phone_office"], "account_email": account["email"],
            "account_code": account["account_code"], "campaign_name": campaign["campaign_name"],
            "campaign_code": campaign["campaign_code"], "status_label": "",
        }  # fmt: skip

    def account_view(self, account: Row) -> Row:
        """Return a customer with its contacts (3.3); contact rows have no id."""
        names = ("first_name", "email", "phone_mobile", "phone_home")
        return account | {"contacts": [{name: row[name] for name in names} for row in self.contacts_of(account["id"])]}

    def campaign_view(self, campaign: Row) -> Row:
        """Return a campaign with the flags that the switches set (3.1)."""
        return campaign | {
            "allow_duplicate_opp": int(bool(self.switch["allow_duplicate_opp"])),
            "is_lock": int(campaign["campaign_code"] == self.switch["locked_campaign"]),
        }

    def stage_name(self, deal: Row) -> str:
        stages = {stage["status_id"]: stage["name"] for stage in self.stages(deal["campaign_id"])}
        return str(stages[deal["opportunity_status"]])

    def stages(self, campaign: int) -> list[Row]:
        stages: list[Row] = self.campaigns[campaign]["opportunity_status"]
        return stages

    def contacts_of(self, account: int) -> list[Row]:
        return [row for row in self.contacts.values() if row["account_id"] == account]

    def deal_named(self, name: str) -> Row:
        """Return the live deal with that code or numeric id; raises KeyError."""
        for deal in self.deals.values():
            if name in (deal["opportunity_code"], str(deal["id"])):
                return deal
        raise KeyError(name)

    def account_with(self, code: object) -> Row | None:
        return next((row for row in self.accounts.values() if row["account_code"] == code), None)

    def account_phoned(self, phone: object) -> Row | None:
        """Return the customer with that phone number, the natural key of customers (6)."""
        return next((row for row in self.accounts.values() if digits(row["phone_office"]) == digits(phone)), None)

    def phone_is_free(self, phone: object, account: int | None) -> None:
        """Refuse a phone number that another customer has (1.2)."""
        owner = self.account_phoned(phone) if digits(phone) else None
        if owner and owner["id"] != account:
            raise Refused("duplicate", {"account_phone": [f"{owner['account_code']} không cho phép trùng"]})

    def add_account(self, values: Row, code: str | None = None) -> Row:
        number, now = max(self.accounts) + 1, self.now()
        row = {
            "id": number, "account_code": code or f"KH/2026/{107297 + number}", "account_name": "",
            "phone_office": "", "email": "", "account_manager": None, "created_at": now, "updated_at": now,
            "custom_fields": {},
        }  # fmt: skip
        self.accounts[number] = row | self.stored(values)
        return self.accounts[number]

    def add_contact(self, account: int, values: Row) -> Row:
        number = max(self.contacts) + 1
        row = {"id": number, "account_id": account, "first_name": "", "email": "", "phone_mobile": "", "phone_home": ""}
        self.contacts[number] = row | self.stored(values)
        return self.contacts[number]

    def stored(self, values: Mapping[str, Any]) -> Row:
        """Return values as this tenant stores them."""
        return tidied(values) if self.switch["normalise"] else dict(values)

    def options(self, campaign: int, given: Mapping[str, Any]) -> Row:
        """Return custom fields with option ids for values (2.6); refuses unknown fields and options."""
        fields = {row["field_name"]: row for row in self.define_fields if row["source_id"] == campaign}
        chosen: Row = {}
        for name, value in given.items():
            if name not in fields:
                # assumption: 2.6 does not say what an unknown custom field does.
                raise Refused("invalid", {f"define_fields.{name}": "unknown field"})
            lists = fields[name]["define_field_lists"]
            ids = {option["id"]: option["id"] for option in lists} | {o["list_value"]: o["id"] for o in lists}
            wanted = value if isinstance(value, list) else [value]
            if any(not isinstance(one, int | str) or one not in ids for one in wanted):
                raise Refused("invalid", {f"define_fields.{name}": "unknown option"})
            found = [ids[one] for one in wanted]
            chosen[name] = found if isinstance(value, list) else found[0]
        return chosen
