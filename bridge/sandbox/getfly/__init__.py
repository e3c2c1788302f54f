"""A simulated GetFly account (docs/vendors/getfly.md): API v6.1, the v6.0 calls that it lacks, and its webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from bridge.sandbox.base import KEYS, Card, Simulator, Switch
from bridge.sandbox.getfly import hooks as hooks
from bridge.sandbox.getfly import lists as lists
from bridge.sandbox.getfly import query as query
from bridge.sandbox.getfly import writes as writes
from bridge.sandbox.getfly.query import Refused, Row
from bridge.sandbox.getfly.records import ACCOUNT_FIELDS, CONTACT_FIELDS, Records
from bridge.sandbox.getfly.texts import text

SWITCHES = (
    Switch("update", "PUT opportunity demands five fields: strict, or only which deal and campaign: lenient", "strict"),
    Switch("strict_takes_stage", "the strict update takes opportunity_status too, instead of ignoring it", False),
    Switch("takes_amount", "v6.1 writes take amounts, probability, est_finish_date, name and custom fields", False),
    Switch("name_rebuilt", "an update makes opportunity_name anew: when the customer or contact changed, always, never",
           "changed"),
    Switch("extra_fields", "fields that reads show beside the documented ones: names with commas, or all", ""),
    Switch("unknown_field_refused", "a read that asks for an unknown field gets 400; else the field is left out", True),
    Switch("updated_at_filter", "filtering[updated_at] on opportunities is honoured, ignored or refused", "ignored"),
    Switch("updated_at_sort", "sort=updated_at on opportunities is honoured, ignored or refused", "ignored"),
    Switch("query_arrays", "filtering[id:in][]=1 is understood; else arrays work in a JSON body only", False),
    Switch("campaigns_as_object", "a campaign list of one campaign has it as `data`, without an array", False),
    Switch("zone", "the zone of the local times in reads", "Asia/Ho_Chi_Minh"),
    Switch("language", "the language of `message`: vi or en", "vi"),
    Switch("allow_duplicate_opp", "a customer may have a second opportunity in the same campaign", True),
    Switch("known_phone", "a create with a known phone and no account_code is linked or refused: link, refuse", "link"),
    Switch("locked_campaign", "the code of a campaign that is locked and refuses writes", ""),
    Switch("v6_create_path", "the v6.0 create answers under /opportunities (plural), /opportunity (singular) or both",
           "plural"),
    Switch("created_status", "the status code of a create: 200 or 201", 200),
    Switch("invalid_status", "the status code for missing and wrong fields: 400 or 422", 400),
    Switch("unknown_route_200", "an unknown route is answered 200 with a message that says so; else 404", False),
    Switch("hook_events", "the events that are toggled on, with commas", "opportunity.created,opportunity.updated"),
    Switch("hook_api_writes", "API writes raise webhooks as pages do; else only pages do", True),
    Switch("hook_shape", "form-encoded, with one envelope (flat) or two (nested), or the older json", "flat"),
    Switch("hook_ids", "an opportunity event carries id and code: code, its id: id, or account_id: account", "code"),
    Switch("hook_changes", "opportunity.updated says what changed, as customer.updated does", False),
    Switch("secret_key", "the shared secret in webhook bodies; empty for none", "sandbox-hook-secret"),
    Switch("domain", "the tenant's address in webhook bodies", "https://tenant.getflycrm.com"),
    Switch("normalise", "names are stored trimmed and phones in the national form", False),
    Switch("read_lag_s", "opportunity reads show the state of so many seconds ago", 0),
)  # fmt: skip

ROUTES = (
    ("GET", "/api/v6.1/opportunities", "list_deals"),
    ("GET", "/api/v6.1/opportunity", "read_deal"),
    ("POST", "/api/v6.1/opportunity", "create_deal"),
    ("PUT", "/api/v6.1/opportunity", "update_deal"),
    ("DELETE", "/api/v6.1/opportunity", "delete_deal"),
    ("PUT", "/api/v6.1/opportunity/stage", "stage_deal"),
    ("GET", "/api/v6.1/opportunity/define_fields", "list_define_fields"),
    ("GET", "/api/v6.1/campaigns", "list_campaigns"),
    ("GET", "/api/v6/campaigns/<int:campaign>/status", "list_stages"),
    ("POST", "/api/v6/campaigns/<int:campaign>/<any(opportunities, opportunity):path>", "create_deal_v6"),
    ("GET", "/api/v6.1/users", "list_users"),
    ("GET", "/api/v6.1/accounts", "list_accounts"),
    ("GET", "/api/v6/accounts", "list_accounts_v6"),
    ("GET", "/api/v6.1/account", "read_account"),
    ("GET", "/api/v6.1/account/<int:account>", "read_account_by_id"),
    ("POST", "/api/v6.1/account", "create_account"),
    ("PUT", "/api/v6.1/account", "update_account"),
)
FIXED = frozenset({"id", "opportunity_code", "campaign_id", "created_at", "updated_at"})


def answer(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, content_type="application/json; charset=utf-8")


class GetflySimulator(Simulator):
    """GetFly. A card's id is its opportunity_code; `edit` and `move` take the numeric id as well."""

    vendor = "getfly"
    switches = SWITCHES

    def seed(self) -> None:
        self.records = Records(self.clock, self.switch)
        self.events = 0

    def build(self) -> Flask:
        app = Flask("getfly")
        for method, rule, name in ROUTES:
            view = self._guarded(getattr(self, name.removesuffix("_v6") if "accounts" in name else name))
            app.add_url_rule(rule, name, view, methods=[method], provide_automatic_options=False)
        app.before_request(self._authenticate)
        app.register_error_handler(Refused, self._refuse)
        app.register_error_handler(404, self._no_route)
        app.register_error_handler(405, lambda error: self._refuse(Refused("method", status=403)))
        return app

    def _guarded(self, handler: Callable[..., Response]) -> Callable[..., Response]:
        def view(**parts: Any) -> Response:
            with self.lock:
                return handler(**parts)

        return view

    def _authenticate(self) -> Response | None:
        """Refuse a caller without the key (1); cookies do not count."""
        g.who = KEYS.get(request.headers.get("X-API-KEY", ""))
        return None if g.who else self._refuse(Refused("key", status=401))

    def _refuse(self, refused: Refused) -> Response:
        """Return the error body that clients in the wild read (1.2)."""
        body: Row = {"message": self._text(refused.text)}
        if refused.errors:
            body["errors"] = dict(refused.errors)
        status = int(self.switch["invalid_status"]) if refused.text in ("required", "invalid") else refused.status
        return answer(body, status)

    def _no_route(self, error: HTTPException | None) -> Response:
        return answer({"message": self._text("route")}, 200 if self.switch["unknown_route_200"] else 404)

    def _text(self, name: str) -> str:
        return text(name, self.switch["language"])

    def throttled(self) -> Response:
        return answer({"message": self._text("too_many")}, 429)

    def broken(self) -> Response:
        return answer({"message": self._text("broken")}, 500)

    # Reads (2.2, 2.3, 3).

    def _reading(self) -> query.Reading:
        refused, arrays = bool(self.switch["unknown_field_refused"]), bool(self.switch["query_arrays"])
        return query.Reading(self.records.zone, refused, arrays)

    def _asked(self) -> query.Asked:
        body = _json_object() if request.get_data() else {}
        return query.asked(request.args, body, self._reading())

    def _one(self, row: Row | None, listing: query.Listing) -> Row:
        fields = query.fields_asked(self._asked(), listing.fields, self._reading())
        if row is None:
            raise Refused("missing", status=404)
        return query.shown(row, fields, listing.kinds, self.records.zone)

    def _page(self, rows: list[Row], listing: query.Listing) -> Row:
        return query.page(rows, self._asked(), listing, self._reading())

    def list_deals(self) -> Response:
        rows = [self.records.view(deal) for deal in self.records.visible()]
        return answer(self._page(rows, lists.deals(self.switch)))

    def read_deal(self) -> Response:
        """Answer the bare object (2.3); both parameters are required."""
        if not (code := request.args.get("opportunity_code")):
            raise Refused("required", {"opportunity_code": ["opportunity_code is required"]})
        found = [self.records.view(deal) for deal in self.records.visible() if deal["opportunity_code"] == code]
        return answer(self._one(next(iter(found), None), lists.deals(self.switch)))

    def list_campaigns(self) -> Response:
        rows = [self.records.campaign_view(row) for row in self.records.campaigns.values()]
        page = self._page(rows, lists.CAMPAIGNS)
        if self.switch["campaigns_as_object"] and len(page["data"]) == 1:
            page["data"] = page["data"][0]
        return answer(page)

    def list_stages(self, campaign: int) -> Response:
        if campaign not in self.records.campaigns:
            raise Refused("missing", status=404)
        return answer(self.records.stages(campaign))

    def list_users(self) -> Response:
        return answer(self._page(list(self.records.users.values()), lists.USERS))

    def list_accounts(self) -> Response:
        rows = [self.records.account_view(row) for row in self.records.accounts.values()]
        return answer(self._page(rows, lists.ACCOUNTS))

    def read_account(self) -> Response:
        if not (code := request.args.get("account_code")):
            raise Refused("required", {"account_code": ["account_code is required"]})
        account = self.records.account_with(code)
        return answer(self._one(account and self.records.account_view(account), lists.ACCOUNTS))

    def read_account_by_id(self, account: int) -> Response:
        found = self.records.accounts.get(account)
        return answer({"data": self._one(found and self.records.account_view(found), lists.ACCOUNTS)})

    def list_define_fields(self) -> Response:
        """Answer the custom fields of one campaign, in the envelope that only this list has (2.8)."""
        source, number, size = (request.args.get(k, d) for k, d in (("source_id", ""), ("page", "1"), ("limit", "20")))
        if not (source.isdecimal() and number.isdecimal() and size.isdecimal() and int(number) and int(size)):
            raise Refused("required", {"source_id": ["source_id, page and limit are whole numbers"]})
        rows = [row for row in self.records.define_fields if row["source_id"] == int(source)]
        first = (int(number) - 1) * int(size)
        meta = {"current_page": int(number), "per_page": int(size), "total": len(rows)}
        return answer({"data": rows[first : first + int(size)], "meta": meta})

    # Writes (2.4 to 2.7, 3.3).

    def update_deal(self) -> Response:
        written = writes.update(self.records, _json_object())
        self._tell(written, g.who, _call(), api=True)
        # The key belongs to the tenant: create_user is null here, whoever made the deal (1).
        shown = {name: written.deal[name] for name in lists.DEAL_UPDATED} | {"create_user": None}
        return answer({"message": self._text("updated"), "data": shown})

    def stage_deal(self) -> Response:
        written = writes.move(self.records, _json_object())
        self._tell(written, g.who, _call(), api=True)
        return answer({"message": self._text("updated"), "data": {k: written.deal[k] for k in lists.DEAL_MOVED}})

    def create_deal(self) -> Response:
        known = set(self.records.accounts)
        deal = writes.create(self.records, _json_object())
        if deal["account_id"] not in known:
            self._hook("customer.created", {"account_id": deal["account_id"]}, api=True)
        self._created(deal)
        data = {name: deal[name] for name in lists.DEAL_CREATED}
        return answer({"message": self._text("created"), "data": data}, int(self.switch["created_status"]))

    def create_deal_v6(self, campaign: int, path: str) -> Response:
        wanted = self.switch["v6_create_path"]
        if wanted != "both" and (path == "opportunities") != (wanted == "plural"):
            return self._no_route(None)
        deal = writes.create_v6(self.records, campaign, _json_object())
        self._created(deal)
        return answer({"message": self._text("created"), "id": deal["id"]}, int(self.switch["created_status"]))

    def _created(self, deal: Row) -> None:
        self.note(g.who, deal["opportunity_code"], _call(), *(name for name in deal if deal[name]))
        self._hook("opportunity.created", hooks.deal_ids(deal, self.switch["hook_ids"]), api=True)

    def delete_deal(self) -> Response:
        """Delete; there is no webhook for it (4.2)."""
        deal = writes.delete(self.records, _json_object())
        self.note(g.who, deal["opportunity_code"], _call())
        return answer({"message": self._text("deleted"), "data": {"opportunity_code": deal["opportunity_code"]}})

    def create_account(self) -> Response:
        account = writes.create_account(self.records, _json_object())
        self._hook("customer.created", {"account_id": account["id"]}, api=True)
        return self._account_answer("created", account, int(self.switch["created_status"]))

    def update_account(self) -> Response:
        before, account = writes.update_account(self.records, _json_object())
        changed = writes.differing(before, account, ACCOUNT_FIELDS)
        for deal in self.records.deals.values():
            if deal["account_id"] == account["id"]:
                self.note(g.who, deal["opportunity_code"], _call(), *changed)
        self._customer_hook(before, account, api=True)
        return self._account_answer("updated", account, 200)

    def _account_answer(self, message: str, account: Row, status: int) -> Response:
        data = {"account_id": account["id"], "account_code": account["account_code"]}
        return answer({"message": self._text(message), "data": data}, status)

    # Ledger and webhooks (4).

    def _tell(self, written: writes.Written, who: str, call: str, *, api: bool) -> None:
        """Note a write that was taken and raise its webhooks, also when it stored equal values."""
        # assumption: 4.5, echo hooks are not documented; every accepted write raises one.
        self.note(who, written.deal["opportunity_code"], call, *written.changed)
        if written.account and written.account_before:
            self._customer_hook(written.account_before, written.account, api=api)
        data = hooks.deal_ids(written.deal, self.switch["hook_ids"])
        if self.switch["hook_changes"]:
            data["data_change"] = hooks.difference(written.before, written.deal, "o", *_author(api))
        self._hook("opportunity.updated", data, api=api)

    def _customer_hook(self, before: Row, account: Row, *, api: bool) -> None:
        diff = hooks.difference(before, account, "a", *_author(api))
        self._hook("customer.updated", {"account_id": account["id"], "data_change": diff}, api=api)

    def _hook(self, event: str, data: Row, *, api: bool) -> None:
        if event not in str(self.switch["hook_events"]).split(",") or (api and not self.switch["hook_api_writes"]):
            return
        self.events += 1
        self.emit(hooks.hook(event, data, self.switch, f"{self.clock()} {self.events}"))

    # The board.

    def columns(self) -> list[tuple[str, str]]:
        """Return the stages of Sales, and those of Renewals once a deal is there."""
        with self.lock:
            used = {deal["campaign_id"] for deal in self.records.deals.values()}
            sales, *others = self.records.campaigns.values()
            shown = [(stage, "") for stage in sales["opportunity_status"]]
            for campaign in others:
                if campaign["id"] in used:
                    shown += [(stage, f"{campaign['campaign_name']}: ") for stage in campaign["opportunity_status"]]
            return [(str(stage["status_id"]), prefix + stage["name"]) for stage, prefix in shown]

    def cards(self) -> list[Card]:
        with self.lock:
            return [self._card(self.records.view(deal)) for deal in self.records.deals.values()]

    def _card(self, deal: Row) -> Card:
        close = query.local_text(deal["est_finish_date"], self.records.zone)
        sources = {
            option["id"]: option["list_value"]
            for field in self.records.define_fields
            for option in field["define_field_lists"]
        }
        details = {
            "amount": str(deal["amount"]), "owner": deal["rcpt_display_name"], "status": str(deal["status"]),
            "description": deal["description"] or "", "probability": str(deal["probability"]),
            "expected close": (close or "")[:10], "account": deal["account_name"],
            "campaign": deal["campaign_name"], "Source": sources.get(deal["define_fields"].get("source"), ""),
        }  # fmt: skip
        return Card(deal["opportunity_code"], deal["opportunity_name"], str(deal["opportunity_status"]), details)

    def edit(self, deal: str, changes: Mapping[str, object], who: str = "board") -> None:
        """
        Change a deal as a person does; beside its own fields the account_ and contact_ names of an update (2.4).

        Times are epoch seconds; custom fields take option ids or values. Raises KeyError for an unknown deal or
        field, ValueError for a value that the field cannot hold, such as a stage of another campaign.
        """
        with self.lock:
            row = self.records.deal_named(deal)
            stored = row.keys() - FIXED
            if unknown := changes.keys() - stored - ACCOUNT_FIELDS.keys() - CONTACT_FIELDS.keys():
                raise KeyError(", ".join(sorted(unknown)))
            own: Row = {name: value for name, value in changes.items() if name in stored}
            self._check(row, own)
            if "define_fields" in own:
                own["define_fields"] = self.records.options(row["campaign_id"], own["define_fields"])
            account, contact = writes.named(dict(changes), ACCOUNT_FIELDS), writes.named(dict(changes), CONTACT_FIELDS)
            self._tell(writes.change(self.records, row, own, account, contact), who, "page", api=False)

    def _check(self, deal: Row, changes: Row) -> None:
        writes.take(changes, writes.MONEY | {"description": "text"})
        stages = {stage["status_id"] for stage in self.records.stages(deal["campaign_id"])}
        known = {"opportunity_status": stages, "recipient": self.records.users, "account_id": self.records.accounts}
        for name, values in known.items():
            if name in changes and changes[name] not in values:
                raise ValueError(f"{name}: {changes[name]}")

    def move(self, deal: str, column: str) -> None:
        self.edit(deal, {"opportunity_status": int(column)})


def _call() -> str:
    return f"{request.method} {request.path}"


def _author(api: bool) -> tuple[Row, str]:
    return ({"id": 0, "display_name": "API"}, "api") if api else ({"id": 2, "display_name": "Hoa Tran"}, "web")


def _json_object() -> Row:
    """Return the body, which must be a JSON object with the JSON content type (1)."""
    body = request.get_json(silent=True) if request.is_json else None
    if not isinstance(body, dict):
        raise Refused("invalid", {"body": "a JSON object is expected"})
    return body
