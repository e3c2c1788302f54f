"""The sample GetFly account: two people, two campaigns, two customers, three opportunities."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from bridge.sandbox.getfly.query import Row, epoch_of

DAY_S = 86400
STAGES = ("New", "Qualified", "Proposal", "Won", "Lost")
CAMPAIGNS = ((8, "CD0008", "Sales", 31), (10, "CD0010", "Renewals", 98))
USERS = (
    (2, "hoa", "Hoa Tran", "hoa@example.com", "+84911000002"),
    (3, "minh", "Minh Le", "minh@example.com", "+84911000003"),
)
CUSTOMERS = (
    (11973, "KH/2024/119270", "Acme Hotels", 9753, "Lan Pham", "lan@acme.example", "+84901234567", 2),
    (11974, "KH/2024/119271", "Blue Shop", 9754, "Binh Vo", "binh@blue.example", "+84907654321", 3),
)
# The code need not follow the id: CH2284 is the code of 4404 (2.1).
DEALS: tuple[Row, ...] = (
    {"id": 2055057, "opportunity_code": "CH2055057", "opportunity_name": "Lan Pham - Acme Hotels",
     "description": "Forty rooms, two years", "amount": 1500, "probability": 20, "opportunity_status": 31,
     "recipient": 2, "account_id": 11973, "contact_id": 9753, "est_finish_date": "2026-12-31",
     "define_fields": {"source": 1}},
    {"id": 4404, "opportunity_code": "CH2284", "opportunity_name": "Binh Vo - Blue Shop",
     "description": None, "amount": 900, "probability": 40, "opportunity_status": 32,
     "recipient": 3, "account_id": 11974, "contact_id": 9754, "est_finish_date": "2027-02-15",
     "define_fields": {"source": 2}},
    {"id": 2055058, "opportunity_code": "CH2055058", "opportunity_name": "Lan Pham - Acme Hotels, renewal",
     "description": None, "amount": 2400, "probability": 60, "opportunity_status": 33,
     "recipient": 2, "account_id": 11973, "contact_id": 9753, "est_finish_date": None,
     "define_fields": {}},
)  # fmt: skip


def users() -> dict[int, Row]:
    """Return the users by user_id (3.2); `valid` can be filtered but not read."""
    return {
        user_id: {"user_id": user_id, "contact_id": 9000 + user_id, "contact_name": name, "user_name": login,
                  "dept_id": 1, "dept_name": "Sales", "email": email, "contact_mobile": mobile, "extensions": {},
                  "valid": 1}
        for user_id, login, name, email, mobile in USERS
    }  # fmt: skip


def campaigns(now: int) -> dict[int, Row]:
    """Return the campaigns by id, each with its own stages (3.1)."""
    return {
        number: {"id": number, "campaign_code": code, "campaign_name": name, "create_user": 2, "responsible": 2,
                 "time_registed": 0, "updated_at": now - 30 * DAY_S + number,
                 "opportunity_status": [{"status_id": first + n, "name": stage, "description": "", "order": n + 1}
                                        for n, stage in enumerate(STAGES)],
                 "related_users": [{"user_id": user[0], "accept_opp": 1, "divided_percent": 0} for user in USERS]}
        for number, code, name, first in CAMPAIGNS
    }  # fmt: skip


def define_fields() -> list[Row]:
    """Return the custom fields of both campaigns (2.8): the same name, other option ids."""
    options = {8: ((1, "Fair"), (2, "Web")), 10: ((11, "Fair"), (12, "Web"))}
    return [
        {"id": 200 + campaign, "source_type": "campaign", "source_id": campaign, "field_name": "source",
         "field_label": "Source", "field_htmltype": "select", "field_datatype": "varchar", "field_order": 1,
         "field_requirenotnull": 0, "field_hidden": 0, "check_duplicate": 0, "invalid": 0,
         "define_field_lists": [{"id": number, "list_value": value} for number, value in lists]}
        for campaign, lists in options.items()
    ]  # fmt: skip


def accounts(now: int) -> dict[int, Row]:
    """Return the customers by id (3.3); their contacts stand apart."""
    return {
        number: {"id": number, "account_code": code, "account_name": name, "phone_office": phone, "email": email,
                 "account_manager": owner, "created_at": now - 40 * DAY_S, "updated_at": now - 40 * DAY_S,
                 "custom_fields": {}}
        for number, code, name, _, _, email, phone, owner in CUSTOMERS
    }  # fmt: skip


def contacts() -> dict[int, Row]:
    """Return the contacts by id; `account_id` says whose they are."""
    return {
        contact: {"id": contact, "account_id": account, "first_name": name, "email": email, "phone_mobile": phone,
                  "phone_home": ""}
        for account, _, _, contact, name, email, phone, _ in CUSTOMERS
    }  # fmt: skip


def blank(number: int, code: str, now: int) -> Row:
    """Return an opportunity as the server makes one, in the order of the answer to an update (seed page)."""
    return {
        "id": number, "description": None, "account_id": None, "contact_id": None, "recipient": None,
        "receipt_date": now, "updated_at": now, "opportunity_code": code, "opportunity_name": "",
        "opportunity_status": None, "create_user": 0, "amount": 0, "actual_amount": 0, "campaign_id": None,
        "probability": 0, "status": 0, "copy_source_opportunity": None, "copy_source_campaign": None,
        "est_finish_date": None, "finished_date": None, "type_source": "", "source_content": "", "created_at": now,
        "define_fields": {},
    }  # fmt: skip


def deals(now: int, zone: ZoneInfo) -> dict[int, Row]:
    """Return the three opportunities by id, all of the campaign Sales."""
    made: dict[int, Row] = {}
    for age, sample in enumerate(DEALS, 1):
        row: dict[str, Any] = blank(sample["id"], sample["opportunity_code"], now - age * DAY_S) | sample
        close = sample["est_finish_date"]
        row["est_finish_date"] = None if close is None else epoch_of(close, zone)
        row["campaign_id"], row["create_user"] = 8, row["recipient"]
        row["define_fields"] = dict(sample["define_fields"])
        made[row["id"]] = row
    return made
