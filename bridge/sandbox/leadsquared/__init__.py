"""A simulated LeadSquared account (API v2), to the letter of its vendor document; sections are cited in brackets."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from bridge.sandbox.base import KEYS, Card, Hook, Simulator, Switch
from bridge.sandbox.leadsquared.account import API_USERS, HOA, Account, Opportunity, board_changes, seed_account
from bridge.sandbox.leadsquared.fields import COMMENT, NAME, NOTE, STAGE, TEXT_MAX, TYPES
from bridge.sandbox.leadsquared.hooks import ATTEMPTS_MAX, Hooks
from bridge.sandbox.leadsquared.leads import LEAD_ROUTES
from bridge.sandbox.leadsquared.opportunities import OPPORTUNITY_ROUTES, change_values
from bridge.sandbox.leadsquared.search import SEARCH_ROUTES
from bridge.sandbox.leadsquared.subscriptions import WEBHOOK_ROUTES
from bridge.sandbox.leadsquared.wire import Broken, Call, Refused, Row, parse_body

SECRET = "sandbox-secret"
ANY_HOST = "/v2/Authentication.svc/UserByAccessKey.Get"

SWITCHES = (
    Switch("header_auth", "Off: keys in headers are not seen, only those in the query (1.2).", True),
    Switch("wrong_region", "On: all but UserByAccessKey.Get answers 401, as on another region's host (1.1).", False),
    Switch("non_admin", "401 or 403: search refuses the keys, as not an administrator's; 0: they are (2.8).", 0),
    Switch("calls_max", "Calls per window and account, over all keys; 0: no limit (6).", 25),
    Switch("window_s", "Seconds of the throttling window (6).", 5.0),
    Switch("throttle_status", "HTTP status of the throttled answer: 429, 403 or 200 (6).", 429),
    Switch("failure_status", "HTTP status of validation failures: 500 or 200; Capture then says Status 1 (1.4).", 500),
    Switch("capture_answer_lost", "On: Capture does its work and then answers like a broken server (2.4).", False),
    Switch("duplicates_by_name", "On: a rule refuses a second opportunity of one type and name (2.4).", False),
    Switch("comment_on_status", "On: a new or changed status needs mx_Custom_19 (2.2, 2.5).", False),
    Switch("owner_default", "On: an opportunity captured without owner gets the API user; off: none (2.4).", False),
    Switch("can_delete", "Off: the types do not allow Delete (2.11).", True),
    Switch("gone_as_empty", "On: details of a deleted opportunity are an empty object instead of 500 (2.11).", False),
    Switch("type_needed", "On: GetOpportunitiesOfLead insists on opportunityType (2.7).", False),
    Switch("numbers_zero", 'On: a number never written reads "0" instead of null (1.3).', False),
    Switch("stage_options", "Where stage options stand: list or map in DependentOptionSet, or hidden (2.12).", "list"),
    Switch("phone_lookup", "RetrieveLeadByPhoneNumber matches the stored form, or plain digits (3.1).", "stored"),
    Switch("normalise", "On: names lose needless blanks, phones get the stored form +84-901234567 (7).", False),
    Switch("read_lag_s", "Details and GetOpportunitiesById show the state of so many seconds ago (2.5).", 0.0),
    Switch("index_lag_s", "Lists by lead and search show the state of so many seconds ago; 3 is usual (2.7).", 0.0),
    Switch("recent_broken", "On: RetrieveRecentlyModified fails for every window, as on a large account (5).", False),
    Switch("hooked", "Off: the webhooks made beforehand, with their secret header, do not exist (4.1).", True),
    Switch("api_fires", "Off: API writes raise no webhooks, only edits in the pages do (4.7).", True),
    Switch("delete_fires", "On: deletes through the API raise Opportunity_Post_Delete (2.11).", False),
    Switch("hook_body", "Form of webhook bodies: array, current, before_after or id (4.4).", "array"),
    Switch("hook_grouped", "On: what happens in one minute comes as one array when the minute is over (4.3).", False),
    Switch("hook_delay_s", "Execution delay of webhooks in seconds (4.1).", 0.0),
    Switch("hook_twice", "On: every delivery is sent twice (4.6).", False),
    Switch("hook_reversed", "On: a delivery waits for the next one, up to a minute, and goes after it (4.6).", False),
    Switch("handshake", "Off: creating a webhook by API sends no HEAD and no empty call (4.5).", True),
    Switch("event_numbers", "Event numbers of subscriptions: documented, or live (4.2).", "documented"),
    Switch("hooks_max", "Webhooks that the plan allows: 3 or 30 (4.1).", 30),
)  # fmt: skip


class LeadsquaredSimulator(Simulator):
    """LeadSquared with the types 12000 and 12001; what it knows stands in `self.account`."""

    vendor: ClassVar[str] = "leadsquared"
    switches: ClassVar[tuple[Switch, ...]] = SWITCHES
    hook_tries: ClassVar[int] = ATTEMPTS_MAX

    def seed(self) -> None:
        hooks = Hooks(self.clock, self.switch, self.emit)
        self.account = Account(self.clock, self.switch, self.note, hooks)
        self.calls: deque[float] = deque()
        hooks.seed()
        seed_account(self.account)

    def build(self) -> Flask:
        app = Flask(__name__)
        routes: dict[tuple[str, str], Callable[[Account, Call], Any]] = {
            ("GET", ANY_HOST): self._user_by_key,
            **OPPORTUNITY_ROUTES, **SEARCH_ROUTES, **LEAD_ROUTES, **WEBHOOK_ROUTES,
        }  # fmt: skip
        for (method, path), handler in routes.items():
            view = self._view(method, handler)
            app.add_url_rule(path, path, view, methods=[method], provide_automatic_options=False)
        # assumption: 1.4 gives the status of a wrong path or verb, not the body
        app.register_error_handler(NotFound, lambda error: Response("Endpoint not found.", 404))
        app.register_error_handler(MethodNotAllowed, lambda error: Response("Method not allowed.", 405))
        return app

    def _view(self, method: str, handler: Callable[[Account, Call], Any]) -> Callable[[], Response]:
        def view() -> Response:
            if request.method != method:  # Flask lets HEAD through to GET, and Delete is a GET
                return Response("Method not allowed.", 405)
            with self.lock:
                return self._answer(handler)

        return view

    def _answer(self, handler: Callable[[Account, Call], Any]) -> Response:
        self.account.hooks.flush()
        try:
            who = self._caller()
            if self._over_limit():
                return self.throttled()
            return _json(200, handler(self.account, self._call(who)))
        except Refused as refused:
            status = int(self.switch["failure_status"]) if refused.status == 500 else refused.status
            return _json(status, refused.envelope())
        except Broken:
            return self.broken()

    def _caller(self) -> str:
        """Return who calls, by the keys in headers or query. Raises Refused with 401 (1.2)."""
        query = {name.lower(): value for name, value in request.args.items()}
        key, secret = query.get("accesskey", ""), query.get("secretkey", "")
        if self.switch["header_auth"] and "x-LSQ-AccessKey" in request.headers:
            key, secret = request.headers["x-LSQ-AccessKey"], request.headers.get("x-LSQ-SecretKey", "")
        elsewhere = self.switch["wrong_region"] and request.path != ANY_HOST
        if elsewhere or key not in KEYS or secret != SECRET:
            # assumption: 1.4 has two types for rights and keys and does not tell which is which
            raise Refused(401, "MXUnauthorizedRequestException", "Invalid access credentials")
        return KEYS[key]

    def _over_limit(self) -> bool:
        """Count a call unless the window is full; refused calls do not count (6)."""
        most, now = int(self.switch["calls_max"]), self.clock()
        while self.calls and self.calls[0] <= now - float(self.switch["window_s"]):
            self.calls.popleft()
        if most and len(self.calls) >= most:
            return True
        self.calls.append(now)
        return False

    def _call(self, who: str) -> Call:
        exact = {name: value for name, value in request.args.items() if name.lower() not in ("accesskey", "secretkey")}
        body = parse_body(request.get_data(), request.mimetype)
        return Call(who, API_USERS[who], {name.lower(): value for name, value in exact.items()}, exact, body)

    def _user_by_key(self, account: Account, call: Call) -> Row:
        """Tell whose the keys are (1.1)."""
        user = account.users[call.user]
        return {
            "Id": user.id, "Name": user.name, "PassPhrase": user.email,
            "Role": "Sales_User" if self.switch["non_admin"] else user.role, "EmailAddress": None,
            "TimeZone": "Asia/Kolkata", "Type": "ApplicationUser", "OrgDisplayName": "Acme",
            "OrgId": "3b000000-0000-11e7-8758-000000000002", "OrgShortCode": "10001", "DefaultCountryCode": "91",
            "UserType": "Regular",
            # assumption: 1.1 does not know the names of these keys
            "LSQCommonServiceURLs": {"api": "api-in21.leadsquared.com", "app": "in21.leadsquared.com"},
        }  # fmt: skip

    def columns(self) -> list[tuple[str, str]]:
        """Return the stages of type 12000, then those of 12001 once it has opportunities."""
        with self.lock:
            used = {o.code for o in self.account.live()} | {12000}
            return [(s, s) for code in sorted(used) for stages in TYPES[code].stages.values() for s in stages]

    def cards(self) -> list[Card]:
        with self.lock:
            self.account.hooks.flush()
            return [self._card(o) for o in self.account.live()]

    def _card(self, opportunity: Opportunity) -> Card:
        shown = self.account.shown(opportunity)
        owner = self.account.users.get(shown["Owner"] or "")
        texts = {about.label: shown[about.name] or "" for about in opportunity.type.fields}
        texts |= {"Owner": owner.name if owner else "", "Lead": self.account.leads[opportunity.lead].name}
        hidden = {"Created By", "Modified By", "Created On", "Opportunity Name", "Stage"}
        details = {label: text for label, text in texts.items() if label not in hidden}
        return Card(opportunity.id, shown[NAME] or "", shown[STAGE] or "", details)

    def edit(self, deal: str, changes: Mapping[str, object], who: str = "board") -> None:
        """Save a person's edit; a stage alone brings its status. Raises ValueError for what the page would refuse."""
        self._save(deal, changes, who, "edit")

    def move(self, deal: str, column: str) -> None:
        self._save(deal, {STAGE: column}, "board", "move")

    def _save(self, deal: str, changes: Mapping[str, object], who: str, call: str) -> None:
        with self.lock:
            if (old := self.account.found(deal)) is None:
                raise KeyError(deal)
            texts = board_changes(old, changes)
            if self.switch["comment_on_status"]:  # the page asks for it
                texts.setdefault(COMMENT, "moved on the board")
            note = {NOTE: texts.pop(NOTE)[:TEXT_MAX] or None} if NOTE in texts else {}
            try:
                values = change_values(self.account, old, [{"SchemaName": n, "Value": v} for n, v in texts.items()])
            except Refused as refused:
                raise ValueError(refused.message) from refused
            self.account.change(old, values | note, who, API_USERS.get(who, HOA), call)

    def settle(self, hook: Hook, status: int | None, tried: int) -> bool:
        """Take the receiver's answer to a webhook; return whether the vendor sends it again (4.5)."""
        with self.lock:
            return self.account.hooks.settle(hook, status, tried)

    def flush(self) -> None:
        """Send the webhooks that delay, grouping or reordering held back and that are now due."""
        with self.lock:
            self.account.hooks.flush()

    def throttled(self) -> Response:
        most, window_s = int(self.switch["calls_max"]) or 25, float(self.switch["window_s"])
        message = f"API calls exceeded the limit of {most} in {window_s:g} second(s)"
        envelope = Refused(429, "MXAPIRateLimitExceededException", message).envelope()
        return _json(int(self.switch["throttle_status"]), envelope)

    def broken(self) -> Response:
        """Return a fault without a parsable ExceptionType. assumption: 1.4 shows no body of a real fault."""
        return Response("<html><body>Request Error</body></html>", 500, mimetype="text/html")


def _json(status: int, body: object) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/json")
