"""Logins and tokens of an ONLYOFFICE portal (1)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Request

from bridge.sandbox.base import KEYS
from bridge.sandbox.onlyoffice.portal import Portal
from bridge.sandbox.onlyoffice.records import BRIDGE, HOA, User
from bridge.sandbox.onlyoffice.wire import Refusal

SECRET = "sandbox-secret"
COOKIE = "asc_auth_key"
TRIES, WINDOW_S = 5, 60
ACCOUNTS: Mapping[str, str] = {"bridge": BRIDGE, "person": HOA}


@dataclass
class Doors:
    """Who is let in. tries: times of failed logins per login and address; blocked: until when."""

    portal: Portal
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    tries: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    blocked: dict[tuple[str, str], float] = field(default_factory=dict)

    def user(self, request: Request) -> User | None:
        """Return the user of a request; the cookie is looked at before the header."""
        if self.portal.switch["revoked"]:
            return None
        if COOKIE in request.cookies:
            return self._by_token(request.cookies[COOKIE])
        sent = request.headers.get("Authorization", "")
        if sent.startswith("Basic "):
            return self._by_basic(sent[len("Basic ") :])
        return self._by_token(sent.removeprefix("Bearer "))

    def _by_token(self, token: str) -> User | None:
        if token in KEYS:
            return self.portal.users[ACCOUNTS[KEYS[token]]]
        number, since = self.tokens.get(token, ("", 0.0))
        fresh = self.portal.clock() < since + self.portal.seconds("token_life_s")
        return self.portal.users[number] if number and fresh else None

    def _by_basic(self, sent: str) -> User | None:
        try:
            name, _, password = base64.b64decode(sent, validate=True).decode().partition(":")
        except ValueError:
            return None
        return self._known(name, password)

    def _known(self, name: str, password: str) -> User | None:
        """Return the user with that e-mail, or with that sandbox key for a name, and the password."""
        if password != SECRET:
            return None
        if name in KEYS:
            return self.portal.users[ACCOUNTS[KEYS[name]]]
        return next((user for user in self.portal.users.values() if user.email == name.lower()), None)

    def log_in(self, name: str, password: str, address: str) -> str:
        """
        Return a new token, which lives `token_life_s` seconds.

        A wrong user or password is a 500; the fifth within 60 s blocks the login from that address for 60 s.
        """
        now, who = self.portal.clock(), (name.lower(), address)
        if now < self.blocked.get(who, 0):
            raise Refusal(500, "Login Fail. Too many attempts", -2146233088)
        if (user := self._known(name, password)) is None:
            recent = [at for at in self.tries.get(who, []) if now - at < WINDOW_S]
            self.tries[who] = [*recent, now]
            if len(self.tries[who]) >= TRIES:
                self.blocked[who] = now + WINDOW_S
                self.tries[who] = []
            raise Refusal(500, "User authentication failed", -2146233087)
        self.tries.pop(who, None)
        seed = hashlib.sha256(f"{user.id} {len(self.tokens)}".encode()).digest()
        token = base64.b64encode(seed).decode()
        self.tokens[token] = user.id, now
        return token
