"""What each GetFly list and read shows and lets a caller ask (docs/vendors/getfly.md, 2.1 to 2.3 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.sandbox.getfly.query import OPS, Listing

DEAL_FIELDS = (
    "id", "opportunity_code", "opportunity_name", "probability", "opportunity_status", "opportunity_status_name",
    "recipient", "rcpt_display_name", "rcpt_avatar", "rcpt_role_name", "rcpt_department_name", "created_at",
    "time_registed", "responsible", "c_display_name", "create_user", "account_id", "account_name", "phone_office",
    "account_email", "campaign_id", "campaign_name", "status", "status_label",
)  # fmt: skip
# 2.1: not in the documented set; a tenant may show them.
DEAL_EXTRA = (
    "amount", "actual_amount", "updated_at", "description", "est_finish_date", "account_code", "campaign_code",
    "contact_id", "receipt_date", "finished_date", "define_fields",
)  # fmt: skip
DEAL_KINDS = (
    dict.fromkeys(("id", "opportunity_status", "recipient", "time_registed", "responsible", "create_user",
                   "account_id", "campaign_id", "status", "contact_id"), "int")
    | dict.fromkeys(("probability", "amount", "actual_amount"), "number")
    | dict.fromkeys(("created_at", "updated_at", "est_finish_date", "receipt_date", "finished_date"), "time")
)  # fmt: skip
# 2.4: the answer to an update, in the order of the seed page.
DEAL_UPDATED = (
    "id", "description", "account_id", "contact_id", "recipient", "receipt_date", "updated_at", "opportunity_code",
    "opportunity_name", "opportunity_status", "create_user", "amount", "actual_amount", "campaign_id", "probability",
    "status", "copy_source_opportunity", "copy_source_campaign", "est_finish_date", "finished_date", "type_source",
    "source_content", "created_at",
)  # fmt: skip
# 2.6: the answer to a create.
DEAL_CREATED = (
    "id", "define_fields", "updated_at", "account_id", "contact_id", "opportunity_name", "recipient", "create_user",
    "campaign_id", "amount", "probability", "receipt_date", "opportunity_status", "created_at", "opportunity_code",
)  # fmt: skip
# 2.5; the tail of the answer is not known.
DEAL_MOVED = ("id", "opportunity_code", "opportunity_name", "opportunity_status", "campaign_id")
LIMIT_MAX = 100

MATCH = frozenset({"eq", "contains"})
SPAN = frozenset({"eq", "gte", "lte", "between"})
EQ = frozenset({"eq"})

CAMPAIGNS = Listing(
    fields=("id", "campaign_code", "campaign_name", "create_user", "responsible", "time_registed",
            "allow_duplicate_opp", "opportunity_status", "related_users", "is_lock"),
    kinds=dict.fromkeys(("id", "create_user", "responsible", "allow_duplicate_opp", "is_lock"), "int"),
    filters=dict.fromkeys(("id", "campaign_code", "campaign_name", "create_user", "responsible", "is_lock"), OPS),
    sorts=("id", "updated_at"),
    order=("updated_at", "DESC"),
    limit_max=LIMIT_MAX,
)  # fmt: skip
USERS = Listing(
    fields=("user_id", "contact_id", "contact_name", "user_name", "dept_id", "dept_name", "email", "contact_mobile",
            "extensions"),
    kinds=dict.fromkeys(("user_id", "contact_id", "dept_id", "valid"), "int"),
    filters=dict.fromkeys(("user_id", "user_name", "contact_name", "email", "contact_mobile", "valid"), OPS),
    sorts=("user_id",),
    order=("user_id", "DESC"),
)  # fmt: skip
# 3.3 lists the filters, their operators and the sorts.
ACCOUNTS = Listing(
    fields=("id", "account_code", "account_name", "phone_office", "email", "contacts", "account_manager",
            "created_at", "updated_at", "custom_fields"),
    kinds={"id": "int", "account_manager": "int", "created_at": "time", "updated_at": "time"},
    filters={"id": EQ | {"in"}, "account_code": MATCH, "phone_office": MATCH, "email": MATCH, "account_name": EQ,
             "created_at": SPAN, "updated_at": SPAN, "account_manager": EQ},
    sorts=("id", "account_name", "account_code", "email"),
)  # fmt: skip


def deals(switch: Mapping[str, Any]) -> Listing:
    """Return what the opportunity list allows on this tenant (2.2)."""
    asked = str(switch["extra_fields"])
    extra = DEAL_EXTRA if asked == "all" else tuple(name for name in DEAL_EXTRA if name in asked.split(","))
    fields = DEAL_FIELDS + extra
    filterable = set(fields) - {"define_fields", "updated_at"} | {"campaign_code"}
    sorts = ["id", "created_at"]
    if switch["updated_at_filter"] == "honoured":
        filterable.add("updated_at")
    if switch["updated_at_sort"] == "honoured":
        sorts.append("updated_at")
    return Listing(
        fields=fields,
        kinds=DEAL_KINDS,
        filters=dict.fromkeys(filterable, OPS),
        sorts=tuple(sorts),
        ignored_filters=frozenset({"updated_at"} if switch["updated_at_filter"] == "ignored" else ()),
        ignored_sorts=frozenset({"updated_at"} if switch["updated_at_sort"] == "ignored" else ()),
        limit_max=LIMIT_MAX,
    )
