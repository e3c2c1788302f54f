"""A simulated ONLYOFFICE Workspace portal (CommunityServer 12.7.1): its CRM API, without webhooks as the vendor is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from flask import Flask, Response, request

from bridge.sandbox.base import Card, Simulator, Switch
from bridge.sandbox.onlyoffice import contacts as contacts
from bridge.sandbox.onlyoffice import deals as deals
from bridge.sandbox.onlyoffice import filter as listing
from bridge.sandbox.onlyoffice import lookups as lookups
from bridge.sandbox.onlyoffice import wire as wire
from bridge.sandbox.onlyoffice.login import COOKIE, Doors
from bridge.sandbox.onlyoffice.pages import changed
from bridge.sandbox.onlyoffice.portal import Call, Portal, Rows, staged
from bridge.sandbox.onlyoffice.records import HOA, Deal, User, differences
from bridge.sandbox.onlyoffice.shapes import UNKNOWN

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Handler = Callable[[Call], object]

PREFIX = "/api/2.0"
DEAL = "/crm/opportunity/<int:opportunityid>"
STAGE_CHANGED, UPDATED = 3044, 3043
WINDOW_S = 10

# 3.1, 4, 5, 6.3
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/crm/opportunity", deals.create),
    ("PUT", "/crm/opportunity", deals.bulk_delete),
    ("GET", "/crm/opportunity/filter", listing.get_filtered),
    ("DELETE", "/crm/opportunity/filter", listing.delete_filtered),
    ("PUT", "/crm/opportunity/access", deals.set_access_of_many),
    ("GET", DEAL, deals.get),
    ("PUT", DEAL, deals.update),
    ("DELETE", DEAL, deals.delete),
    ("PUT", f"{DEAL}/stage/<int:id>", deals.move_to_stage),
    ("PUT", f"{DEAL}/access", deals.set_access),
    ("GET", f"{DEAL}/contact", deals.get_members),
    ("POST", f"{DEAL}/contact/<int:contactid>", deals.add_member),
    ("DELETE", f"{DEAL}/contact/<int:contactid>", deals.remove_member),
    ("GET", "/crm/opportunity/bycontact/<int:contactid>", deals.get_by_contact),
    ("GET", "/crm/opportunity/stage", lookups.get_stages),
    ("GET", "/crm/opportunity/stage/<int:stageid>", lookups.get_stage),
    ("GET", "/crm/settings/currency", lookups.get_currencies),
    ("GET", "/crm/opportunity/customfield/definitions", lookups.get_definitions),
    ("POST", "/crm/opportunity/customfield", lookups.create_definition),
    ("GET", f"{DEAL}/customfield", lookups.get_values),
    ("POST", f"{DEAL}/customfield/<int:fieldid>", lookups.set_value),
    ("GET", "/crm/contact/<int:contactid>", contacts.get),
    ("GET", "/crm/contact/filter", contacts.get_filtered),
    ("GET", "/crm/contact/bycontactinfo", contacts.get_by_info),
    ("POST", "/crm/contact/person", contacts.create_person),
    ("POST", "/crm/contact/company", contacts.create_company),
    ("POST", "/crm/contact/<int:contactid>/data", contacts.add_info),
    ("GET", "/people", lookups.get_people),
    ("GET", "/people/@self", lookups.get_self),
    ("GET", "/people/email", lookups.get_user_by_email),
    ("GET", "/people/filter", lookups.get_people_filtered),
    ("GET", "/people/<username>", lookups.get_user),
    ("GET", "/settings", lookups.get_settings),
    ("GET", "/security/audit/events/filter", lookups.get_audit),
    ("GET", "/security/audit/events/last", lookups.get_last_audit),
)

SWITCHES = (
    Switch("portal_zone", "the portal's time zone, an offset such as +07:00 or a name such as Europe/Riga", "+07:00"),
    Switch(
        "bridge_role",
        "role of the bridge's account: portal_admin, crm_admin, or user, who misses private deals",
        "crm_admin",
    ),
    Switch("normalise", "titles and names lose spare spaces, phones their signs", False),
    Switch("read_lag_s", "reads and lists show the deals as they were that many seconds ago", 0),
    Switch("search_lag_s", "filterValue searches titles and descriptions as they were that many seconds ago", 0),
    Switch("total_cache_s", "the total of a full page is remembered that many seconds per user and filter", 30),
    Switch("sort_id_native", "sortBy=id is sorted by the database; False is before 12.7.1, sorted in memory", True),
    Switch("mysql_strict", "a title over 255 or an emoji is a 500; False cuts the text off there", True),
    Switch("audit", "the edition has the audit feature; False ignores all filters, last 20 events", False),
    Switch("audit_delay_s", "an audit event shows up only that many seconds after it happened", 60),
    Switch("requests_per_10s", "requests of one account in 10 s before 503 with Retry-After; 0 is no limit", 0),
    Switch("warming_up", "every call gets a 503 HTML page, as while the portal starts", False),
    Switch("revoked", "every token is dead, as after logging out everywhere; calls get 401", False),
    Switch("token_life_s", "a token from a login lives that many seconds", 365 * 24 * 3600),
    Switch("two_factor", "a login gets no token but the demand for a code by text message", False),
)


class OnlyofficeSimulator(Simulator):
    """One ONLYOFFICE portal behind `/api/2.0`, with `.json` at the end of a path or without (2.1)."""

    vendor: ClassVar[str] = "onlyoffice"
    switches: ClassVar[tuple[Switch, ...]] = SWITCHES

    def seed(self) -> None:
        """Fill the portal with the sample."""
        self.portal = Portal(self.switch, lambda: self.clock())
        self.doors = Doors(self.portal)
        self.calls: dict[str, list[float]] = {}

    def build(self) -> Flask:
        """Return the app; what matches no route is a plain 404 (2.1)."""
        app = Flask("onlyoffice")
        app.wsgi_app = _Endings(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way to wrap an app
        for verb, path, handler in ROUTES:
            self._add(app, verb, path, partial(self._serve, handler))
        self._add(app, "POST", "/authentication", self._log_in)
        self._add(app, "GET", "/settings/version/build", self._version)
        for code in (404, 405):
            app.register_error_handler(code, _no_route)
        return app

    def _add(self, app: Flask, verb: str, path: str, view: Callable[..., Response]) -> None:
        name = f"{verb} {path}".replace(".", "_")
        app.add_url_rule(PREFIX + path, name, view, methods=[verb], provide_automatic_options=False)

    def _serve(self, handler: Handler, **path: int | str) -> Response:
        with self.lock:
            if self.switch["warming_up"]:
                return _warming_up()
            if (user := self.doors.user(request)) is None:
                return _unauthorized()
            if self._over_limit(user):
                return self.throttled()
            try:
                call = self._call(user, path)
                return _answered(call, handler(call))
            except wire.Refusal as refusal:
                return wire.refused(refusal)

    def _call(self, user: User, path: Mapping[str, int | str]) -> Call:
        pairs = _pairs({name: str(value) for name, value in path.items()})
        query: dict[str, list[str]] = {}
        for name, values in request.args.lists():
            query.setdefault(name.lower(), []).extend(values)
        call = Call(self.portal, user, wire.Args(pairs, self.portal.zone), query, partial(self._noted, user.who))
        _demand_context(call)
        return call

    def _noted(self, who: str, name: str, old: Deal, new: Deal | None) -> None:
        self.note(who, str(old.id), name, *(differences(old, new) if new else ()))

    def _over_limit(self, user: User) -> bool:
        """Count the request; tell whether it is over the hosted limit (7)."""
        limit, now = int(self.switch["requests_per_10s"]), self.clock()
        recent = [at for at in self.calls.get(user.id, []) if now - at < WINDOW_S]
        self.calls[user.id] = [*recent, now]
        return 0 < limit < len(recent) + 1

    def _log_in(self) -> Response:
        """POST /authentication (1): 201 and a token, 500 for a wrong password."""
        if self.switch["warming_up"]:
            return _warming_up()
        with self.lock:
            try:
                args = wire.Args(_pairs({}), self.portal.zone)
                name, password = args.text("userName") or "", args.text("password") or ""
                token = self.doors.log_in(name, password, request.remote_addr or "")
            except wire.Refusal as refusal:
                return wire.refused(refusal)
        ends = self.portal.now() + timedelta(seconds=self.portal.seconds("token_life_s"))
        if self.switch["two_factor"]:
            demand = {"token": None, "sms": True, "phoneNoise": "+84*****4567"}
            return _enveloped(201, {"count": 1}, demand | {"expires": wire.date_text(ends, self.portal.zone)})
        reply = _enveloped(201, {"count": 1}, {"token": token, "expires": wire.date_text(ends, self.portal.zone)})
        reply.set_cookie(COOKIE, token, httponly=True)
        return reply

    def _version(self) -> Response:
        return _warming_up() if self.switch["warming_up"] else _enveloped(200, {"count": 1}, lookups.get_build())

    def columns(self) -> list[tuple[str, str]]:
        """Return the stages in display order."""
        return [(str(stage.id), stage.title) for stage in self.portal.stages.values()]

    def cards(self) -> list[Card]:
        """Return every deal as the board shows it."""
        with self.lock:
            return [self._card(deal) for deal in self.portal.deals()]

    def _card(self, deal: Deal) -> Card:
        contact = self.portal.contacts.get(deal.contact)
        details = {
            "amount": f"{deal.bid_value.normalize():f} {deal.currency}",
            "owner": self.portal.users.get(deal.responsible, UNKNOWN).display,
            "status": ("open", "won", "lost")[self.portal.stages[deal.stage].type],
            "description": deal.description or "",
            "probability": f"{deal.probability}%",
            "expected close": self._day(deal.expected),
            "closed": self._day(deal.actual),
            "contact": contact.display if contact else "",
            "access": ", ".join(self.portal.users.get(user, UNKNOWN).display for user in deal.access) or "public",
        }
        details |= {self.portal.fields[key].label: value for key, value in deal.custom.items()}
        return Card(str(deal.id), deal.title, str(deal.stage), details)

    def _day(self, value: datetime | None) -> str:
        return value.astimezone(self.portal.zone).date().isoformat() if value else ""

    def edit(self, deal: str, changes: Mapping[str, object], who: str = "board") -> None:
        """Change a deal in the vendor's form, which logs an audit event; names are those of POST and PUT (3.3)."""
        with self.lock:
            old = self._deal(deal)
            self.note(who, deal, "edit", *differences(old, self.portal.put(changed(self.portal, old, changes))))
            self.portal.log(UPDATED, self.portal.users[HOA], (old.id,), old.title)

    def move(self, deal: str, column: str) -> None:
        """Drag a card: stage, probability and close date, as the stage call does (3.4)."""
        with self.lock:
            old, stage = self._deal(deal), self.portal.stages[int(column)]
            self.note("board", deal, "move", *differences(old, self.portal.put(staged(old, stage, self.portal.now()))))
            self.portal.log(STAGE_CHANGED, self.portal.users[HOA], (old.id,), old.title)

    def _deal(self, number: str) -> Deal:
        found = self.portal.deal(int(number)) if number.isdecimal() else None
        if found is None:
            raise KeyError(number)
        return found

    def throttled(self) -> Response:
        """Return the hosted portal's 503 with Retry-After in seconds (7)."""
        # assumption: 2.5 gives no body for the hosted limit; plain text, so that nobody parses it
        return Response("Service Unavailable", 503, {"Retry-After": str(WINDOW_S)}, content_type="text/plain")

    def broken(self) -> Response:
        """Return the 500 of 2.5, "everything else"."""
        return wire.refused(wire.crash())


class _Endings:
    """Take `.json` off the end of a path (2.1)."""

    def __init__(self, inner: WSGIApplication) -> None:
        self.inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = environ["PATH_INFO"].removesuffix(".json")
        return self.inner(environ, start_response)


def _pairs(path: Mapping[str, str]) -> list[wire.Pair]:
    """Return all arguments of the request: path, then query, then JSON or form body (2.1)."""
    pairs = [wire.Pair(name, text, "path") for name, text in path.items()]
    pairs += [wire.Pair(name, text, "query") for name, text in request.args.items(multi=True)]
    if request.mimetype == "application/json":
        return pairs + wire.read_json(request.get_data(as_text=True))
    return pairs + [wire.Pair(name, text, "body") for name, text in request.form.items(multi=True)]


def _demand_context(call: Call) -> None:
    """Fail on an unparsable `updatedSince`, which has no other effect (3.6)."""
    if (since := call.context("updatedSince")) is not None:
        try:
            datetime.fromisoformat(since)
        except ValueError as error:
            raise wire.crash("String was not recognized as a valid DateTime.") from error


def _answered(call: Call, result: object) -> Response:
    """Return the envelope of 2.2: one object, or a page of a list with its off-by-one `nextIndex`."""
    status = 201 if request.method == "POST" else 200
    if not isinstance(result, Rows):
        return _enveloped(status, {"count": 1}, result)
    start, size = listing.paging(call)
    page = [result.shape(item) for item in result.items[start : start + size]]
    more = len(result.items) > start + size
    after = start + len(page) + 1 if more else 0
    head = {"count": len(page), "startIndex": start, "nextIndex": after}
    total = {} if result.total is None else {"total": result.total}
    return _enveloped(status, {name: value for name, value in head.items() if value} | total, page)


def _enveloped(status: int, head: Mapping[str, object], response: object) -> Response:
    return wire.answer(status, {**head, "status": 0, "statusCode": status, "response": response})


def _unauthorized() -> Response:
    """Return the 401 of section 1: plain text, a WWW-Authenticate header if an Authorization header came."""
    reply = Response("Unauthorized", 401, content_type="text/plain")
    if "Authorization" in request.headers:
        reply.headers["WWW-Authenticate"] = "Basic"
    return reply


def _warming_up() -> Response:
    """Return the HTML page of an app that starts (2.5)."""
    return Response("<html><body>The portal is being warmed up</body></html>", 503, content_type="text/html")


def _no_route(error: Exception) -> Response:
    return Response("Not Found", 404, content_type="text/plain")
