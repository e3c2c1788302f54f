"""A Plazbot workspace but for its opportunities: switches, limits, login, users, phases and contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from bridge.sandbox.base import Simulator, Switch
from bridge.sandbox.plazbot import account as account
from bridge.sandbox.plazbot.account import DAY_S, PASSWORD, USERS, WORKSPACE
from bridge.sandbox.plazbot.calls import (
    CALLERS,
    LOGINS,
    Caller,
    Session,
    agree,
    answer,
    argument,
    body_of_call,
    envelope,
    refused,
    unserved,
)
from bridge.sandbox.plazbot.records import Refusal, Row, page_after, page_at, required, unknown

ROUTES = (
    ("POST", "/api/user/login", "login"),
    ("GET", "/api/user/email", "user_by_email"),
    ("GET", "/api/workspace/<workspace>", "workspace"),
    ("GET", "/api/workspace/<workspace>/metrics", "metrics"),
    ("GET", "/api/workspace/usersByWorkspaceId/<workspace>", "users"),
    ("GET", "/api/opportunity", "list_deals"),
    ("GET", "/api/opportunity/<deal>", "get_deal"),
    ("PUT", "/api/opportunity", "update_deal"),
    ("POST", "/api/opportunity", "create_deal"),
    ("DELETE", "/api/opportunity/<deal>", "delete_deal"),
    ("DELETE", "/api/opportunity", "delete_deal"),
    ("GET", "/api/contact", "list_contacts"),
    ("GET", "/api/contact/searchByCellphone", "contact_by_phone"),
    ("GET", "/api/contact/searchByEmail", "contact_by_email"),
    ("GET", "/api/contact/<contact>", "get_contact"),
    ("POST", "/api/contact", "create_contact"),
)

# Section 2.3: the bare array is the reseller's sample, the others are what a client must expect.
ONE: Mapping[str, Callable[[Row], object]] = {
    "array": lambda row: [row],
    "object": lambda row: row,
    "data": lambda row: envelope(row),
    "data_array": lambda row: envelope([row]),
    "data_data": lambda row: envelope({"data": [row]}),
    "opportunity": lambda row: envelope({"opportunity": row}),
}
WORKSPACES: Mapping[str, Callable[[], object]] = {
    "array": lambda: [account.workspace()],
    "object": lambda: account.workspace(),
    "envelope": lambda: envelope(account.workspace()),
    "reseller": lambda: envelope(account.reseller_workspace()),
}


class PlazbotWorkspace(Simulator):
    """The part of the simulator that a board of opportunities stands on."""

    switches: ClassVar[tuple[Switch, ...]] = (
        Switch("put_dialects", "what the update takes: A (plain body, the current page), B (paramToUpdate, else 400), "
               "B-silent (paramToUpdate, else 200 and no change) or both", "A"),
        Switch("get_shape", f"what get by id answers: {', '.join(ONE)}", "array"),
        Switch("missing_as", "how get by id and contact search say not found: 404, empty (a list) or null", "404"),
        Switch("workspace_shape", f"what get workspace answers: {', '.join(WORKSPACES)}", "array"),
        Switch("contact_shape", "what get contact answers: newer (data is the contact) or older (data.data is a list)",
               "newer"),
        Switch("login_shape", "what a login answers beside the token: user, or expiresIn (the reseller's page)",
               "user"),
        Switch("token_life_s", "a login's token is refused this many seconds later; 0 never", 3600),
        Switch("login_limit", "logins allowed in a minute, then 429; 0 is no limit", 0),
        Switch("rate_per_s", "calls allowed in a second, then 429; 0 is no limit", 0),
        Switch("soft_fail_every", "every so many opportunity writes one changes nothing and answers 200 with success "
               "false; 0 never", 0),
        Switch("list_order", "lists are sorted by creation or by cards (place on the board)", "creation"),
        Switch("shifting_pages", "after each page that has a next one, the last row of the list moves to its front, "
               "so that a scan repeats one row and misses another", False),
        Switch("stuck_token", "a full page that was asked for by a token hands out the same token again", False),
        Switch("filler", "this many further plain deals, Filler 1 and so on, in the sample account", 0),
        Switch("quiet_drag", "dragging a card leaves updatedDate as it was", True),
        Switch("custom_fields_write", "customFields sent replace all that the deal has, or merge with them",
               "replace"),
        Switch("custom_field_names", "the custom fields of opportunities that the workspace has, by comma",
               "Source,Bridge key"),
        Switch("unknown_custom_field", "a custom field the workspace lacks: refuse (422), drop or accept", "refuse"),
        Switch("custom_fields_shown", "records carry customFields; without it they look as in early 2025", True),
        Switch("foreign_stages", "a stageId that the workspace lacks is stored instead of refused (422)", False),
        Switch("blank_text", "name and description on create: refuse_empty (\"\" is missing), refuse_blank (spaces "
               "only too) or accept", "refuse_empty"),
        Switch("create_takes_stage", "create takes stageId and expirationDate too, as third parties send them", False),
        Switch("create_zeroes_amount", "create stores 0 whatever amount it is given, as in the vendor's sample",
               False),
        Switch("show_deleted", "deleted deals stay in the list and in get by id, with deletionDate set", False),
        Switch("expiration_zone", "expirationDate is written with Z instead of without zone", False),
        Switch("normalise", "names are trimmed, inner runs of spaces collapsed, phones reduced to digits", False),
        Switch("read_lag_s", "list and get by id show the deals as they were this many seconds ago", 0),
    )  # fmt: skip

    def seed(self) -> None:
        """Fill the sample account; its deals are a month old."""
        opened = self.clock() - 30 * DAY_S
        self.deals: dict[str, Row] = {}
        self.versions: dict[str, list[tuple[float, Row]]] = {}
        for row in account.deals(opened, int(self.switch["filler"])):
            self.deals[row["id"]] = row
            self.versions[row["id"]] = [(opened, row)]
        self.contacts: dict[str, Row] = {row["id"]: row for row in account.contacts(opened)}
        self.sessions: dict[str, Session] = {}
        self.calls: dict[str, list[float]] = {"login": [], "call": []}
        self.counts = {"login": 0, "write": 0, "shift": 0}

    def build(self) -> Flask:
        """Return the app; every call is answered under the lock."""
        app = Flask(__name__, static_folder=None)
        for method, rule, name in ROUTES:
            app.add_url_rule(rule, f"{method} {rule}", self.guarded(name), methods=[method])
        app.register_error_handler(Refusal, refused)
        app.register_error_handler(HTTPException, unserved)
        return app

    def guarded(self, name: str) -> Callable[..., Response]:
        """Return the view of one route: limits and credentials first, then the method called `name`."""
        handler = getattr(self, name)

        def view(**path: str) -> Response:
            with self.lock:
                if self.over("call", 1, float(self.switch["rate_per_s"])):
                    return self.throttled()
                found: Response = handler(**path) if name == "login" else handler(self.caller(), **path)
                return found

        return view

    def over(self, kind: str, window_s: float, limit: float) -> bool:
        """Count a call, and return whether the limit of its window was full already; a limit of 0 is none."""
        now = self.clock()
        self.calls[kind] = [at for at in self.calls[kind] if at > now - window_s] if limit else []
        if not limit:
            return False
        if len(self.calls[kind]) >= limit:
            return True
        self.calls[kind].append(now)
        return False

    def caller(self) -> Caller:
        """Return who calls, or refuse (401) a bad token or `x-workspace-id` (sections 1 and 1.3)."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        caller = CALLERS.get(token)
        if session := self.sessions.get(token):
            caller = session.caller if self.clock() < session.until else None
        if scheme != "Bearer" or caller is None:
            raise Refusal(401, "UNAUTHORIZED", "The token is missing or not valid.")
        if request.headers.get("x-workspace-id") != WORKSPACE:
            raise Refusal(401, "UNAUTHORIZED", "The header x-workspace-id is missing or not valid.")
        agree(request.args.get("workspaceId", WORKSPACE))
        return caller

    # Login, workspace, users

    def login(self) -> Response:
        """Exchange e-mail and password for a token (section 1.1)."""
        if self.over("login", 60, float(self.switch["login_limit"])):
            return self.throttled()
        body = body_of_call()
        required(body, "email", "password")
        caller = LOGINS.get(body["email"]) if isinstance(body["email"], str) else None
        if caller is None or body["password"] != PASSWORD:
            raise Refusal(401, "UNAUTHORIZED", "The e-mail or password is not valid.")
        self.counts["login"] += 1
        token, life_s = f"sandbox-login-{self.counts['login']}", float(self.switch["token_life_s"])
        self.sessions[token] = Session(caller, self.clock() + life_s if life_s else float("inf"))
        if self.switch["login_shape"] == "user":
            return answer(envelope({"token": token, "user": account.user(caller.user)}, "Login successful."))
        return answer(envelope({"token": token, "expiresIn": int(life_s)}, "Login successful."))

    def user_by_email(self, caller: Caller) -> Response:
        """Answer one user (section 3.2)."""
        email = argument("email")
        for key, (_, _, address) in USERS.items():
            if address == email:
                return answer(envelope(account.user(key)))
        raise unknown("User")

    def workspace(self, caller: Caller, workspace: str) -> Response:
        """Answer the workspace with its phases, by default a bare array (section 3.1)."""
        self.same_workspace(workspace)
        return answer(WORKSPACES[str(self.switch["workspace_shape"])]())

    def metrics(self, caller: Caller, workspace: str) -> Response:
        """Answer the counts of section 2.2."""
        self.same_workspace(workspace)
        return answer(envelope({"totalContacts": len(self.contacts), "totalConversations": 0,
                                "totalOpportunities": len(self.live()), "totalTasks": 0}))  # fmt: skip

    def users(self, caller: Caller, workspace: str) -> Response:
        """Answer the users (section 3.2)."""
        self.same_workspace(workspace)
        return answer(envelope([account.user(key) for key in USERS]))

    def live(self) -> list[Row]:
        """Return the deals that were not deleted."""
        return [row for row in self.deals.values() if row["deletionDate"] is None]

    def same_workspace(self, workspace: str) -> None:
        """Refuse a path that names another workspace (404)."""
        if workspace != WORKSPACE:
            raise unknown("Workspace")

    def page(self, rows: list[Row]) -> Response:
        """Answer up to 20 rows and the token of the next page (section 2.2)."""
        argument("workspaceId")
        by, token = str(self.switch["list_order"]), request.args.get("continuationToken") or None
        if self.switch["shifting_pages"]:
            page, following = page_at(rows, by, token, self.counts["shift"])
            self.counts["shift"] += following is not None
        else:
            page, following = page_after(rows, by, token)
        if self.switch["stuck_token"] and token and following:
            following = token
        data = {"workspaceId": WORKSPACE, "continuationToken": following, "data": page}
        return answer(envelope(data, "List obtained successfully."))

    # Contacts (section 3.3)

    def list_contacts(self, caller: Caller) -> Response:
        """Answer one page of contacts."""
        return self.page(list(self.contacts.values()))

    def get_contact(self, caller: Caller, contact: str) -> Response:
        """Answer one contact, or refuse (404)."""
        argument("workspaceId")
        if contact not in self.contacts:
            raise unknown("Contact")
        if self.switch["contact_shape"] == "newer":
            return answer(envelope(self.contacts[contact]))
        return self.found(self.contacts[contact])

    def contact_by_phone(self, caller: Caller) -> Response:
        """Answer the contact with a phone."""
        phone = account.cellphone(argument("cellphone"))
        return self.contact_where(lambda row: row["platformSenderPhone"] == phone)

    def contact_by_email(self, caller: Caller) -> Response:
        """Answer the contact with an e-mail address, in whatever case."""
        email = argument("email").casefold()
        return self.contact_where(lambda row: row["email"].casefold() == email)

    def contact_where(self, fits: Callable[[Row], bool]) -> Response:
        """Answer the first contact that fits, or that there is none."""
        argument("workspaceId")
        if rows := [row for row in self.contacts.values() if fits(row)]:
            return self.found(rows[0])
        if self.switch["missing_as"] == "404":
            raise unknown("Contact")
        return answer(envelope({"contactId": None, "data": []} if self.switch["missing_as"] == "empty" else None))

    def found(self, row: Row) -> Response:
        """Answer a contact in the nested shape."""
        return answer(envelope({"contactId": row["id"], "data": [row]}))

    def create_contact(self, caller: Caller) -> Response:
        """Make a contact."""
        body = body_of_call()
        row = account.new_contact(body, len(self.contacts) + 1, self.clock(), bool(self.switch["normalise"]))
        agree(body["workspaceId"])
        self.contacts[row["id"]] = row
        # assumption: the answer's shape is not documented; that of an opportunity's create.
        return answer(envelope({"id": row["id"], "contact": row}, "Contact successfully created."))
