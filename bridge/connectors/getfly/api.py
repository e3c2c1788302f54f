"""The calls of GetFly's API v6.1, and the codes and names that its writes demand for the numbers of its reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.connectors.getfly.deal import Row, bare, failure, id_of, is_gone, number, odd, rows_of, succeeded, text
from bridge.connectors.http import Http
from bridge.core.errors import Permanent
from bridge.core.model import Native

ROOT = "/api/v6.1"
ROWS_MAX = 100  # the vendor's maximum is not documented; others use up to 5000
PAGES_MAX = 100
NAMES_S = 300.0
CUSTOMER = "id,account_code,account_name"


class Api:
    """codes: the account codes seen so far, by number; a code does not change. Safe to share between threads."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self.codes: dict[int, str] = {}
        self._campaigns: dict[int, str] = {}
        self._users: dict[str, str] = {}
        self._users_at = -NAMES_S

    def ask(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: Row | None = None
    ) -> Row | None:
        """Return the JSON object of the answer, or None when the vendor itself says 404."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        answer = self.http.call(method, ROOT + path, params=params or {}, json=body, headers=headers)
        if is_gone(answer):
            return None
        if not succeeded(answer):
            raise failure(answer)
        value = answer.json()
        if not isinstance(value, dict):
            raise odd("the answer")
        return value

    def page(self, path: str, query: Mapping[str, str]) -> tuple[list[Row], bool]:
        """Return the rows of one page and whether more follow."""
        body = self.ask("GET", path, {"limit": str(ROWS_MAX), **query})
        if body is None:
            raise Permanent("no_route", "HTTP 404: this account has no such list")
        rows, more = rows_of(body), body.get("has_more")
        return rows, more if isinstance(more, bool) else len(rows) >= ROWS_MAX

    def rows(self, path: str, fields: str) -> Iterator[Row]:
        offset = 0
        for _ in range(PAGES_MAX):
            rows, more = self.page(path, {"fields": fields, "offset": str(offset)})
            yield from rows
            offset += len(rows)
            if not more or not rows:
                return
        raise odd(f"a list of more than {PAGES_MAX} pages")

    def account(self, wanted: int) -> Row | None:
        """Return a customer by number, through the documented list, else through the read that others have seen."""
        listed = self.ask("GET", "/accounts", {"fields": CUSTOMER, "filtering[id]": str(wanted), "limit": "1"})
        rows = rows_of(listed) if listed is not None else []
        if not any(number(row, "id") == wanted for row in rows):
            one = self.ask("GET", f"/account/{wanted}", {"fields": CUSTOMER})
            rows = [bare(one)] if one is not None else []
        return next((self._kept(row) for row in rows if number(row, "id") == wanted), None)

    def account_by_code(self, code: str) -> Row:
        """Return a customer; raises Permanent when there is none with this code."""
        body = self.ask("GET", "/account", {"account_code": code, "fields": CUSTOMER})
        row = None if body is None else bare(body)
        if row is None or text(row, "account_code") != code:
            raise Permanent("unknown_account", "GetFly has no customer with the code that the link names")
        return self._kept(row)

    def _kept(self, row: Row) -> Row:
        if code := text(row, "account_code"):
            self.codes[id_of(row)] = code
        return row

    def campaign_code(self, campaign: int) -> str:
        """Return a campaign's code, which does not change."""
        if campaign not in self._campaigns:
            rows = self.rows("/campaigns", "id,campaign_code")
            self._campaigns = {id_of(row): text(row, "campaign_code") or "" for row in rows}
        if not self._campaigns.get(campaign):
            raise Permanent("unknown_campaign", "the list of campaigns does not hold the deal's: may the key see it?")
        return self._campaigns[campaign]

    def user_name(self, user: Native) -> str:
        """Return the login name of a user id; names are kept for NAMES_S, an unknown id asks once more."""
        if not user:
            raise Permanent("deal_incomplete", "nobody handles the deal, and every update must name its handler")
        fresh = 0 <= self.http.now_s() - self._users_at < NAMES_S
        known = self._users.get(str(user)) if fresh else None
        if name := known or self.user_names().get(str(user)):
            return name
        raise Permanent("unknown_user", "GetFly has no user with the handler's id")

    def user_names(self) -> Mapping[str, str]:
        """Return the login names of all users by id, read now. Departed users count: they may still handle deals."""
        self.users()
        return self._users

    def users(self) -> list[Row]:
        """Return all users, read now."""
        rows = list(self.rows("/users", "user_id,user_name,contact_name,email"))
        self._users = {str(number(row, "user_id")): text(row, "user_name") or "" for row in rows}
        self._users_at = self.http.now_s()
        return rows
