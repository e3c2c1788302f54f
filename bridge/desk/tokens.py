"""Who may come in: tokens for scripts and people, and the sessions that people open with them."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Literal

from bridge.desk import Desk, Refused, Value, moment
from bridge.store import Taken

Role = Literal["read", "write"]

SESSION_MS = 12 * 3_600_000
USED_MS = 60_000
NAME = re.compile(r"[\w.@-]([\w .@-]{0,58}[\w.@-])?")
RESERVED = ("command line",)  # what the audit log says of who has a shell


class Known(Value):
    """Who somebody is. id: of the token, which no other ever has."""

    id: str
    name: str
    role: Role

    @property
    def may_write(self) -> bool:
        return self.role == "write"


class Token(Value):
    """A token, without its secret. revoked_at: None while it is valid."""

    name: str
    role: Role
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class NewToken(Value):
    """A token that was just made; its secret is told here and never again."""

    name: str
    role: Role
    secret: str


def make(desk: Desk, name: str, role: Role, who: str) -> NewToken:
    """Make a token; raises Refused when the name is no name, or a valid token has it."""
    if not NAME.fullmatch(name) or name in RESERVED:
        cure = "use 1 to 60 letters, digits, blanks and . @ _ -"
        raise Refused("invalid", f"{name!r} cannot be the name of a token", cure)
    secret = "obr_" + secrets.token_urlsafe(32)
    try:
        desk.store.add_token(name, role, _hash(secret), desk.deed(who, "token made", name, role))
    except Taken:
        cure = "choose another, or revoke that one first"
        raise Refused("taken", f"there is a valid token {name!r}", cure) from None
    return NewToken(name=name, role=role, secret=secret)


def every(desk: Desk) -> Sequence[Token]:
    """Return all tokens, the revoked ones too, oldest first."""
    return [
        Token(
            name=r["name"],
            role=r["role"],
            created_at=moment(r["created_at"]),
            used_at=moment(r["used_at"]),
            revoked_at=moment(r["revoked_at"]),
        )
        for r in desk.store.tokens()
    ]


def revoke(desk: Desk, name: str, who: str) -> None:
    """End a token, and the sessions that were opened with it; raises Refused when there is none of the name."""
    if not desk.store.revoke_token(name, desk.deed(who, "token revoked", name)):
        raise Refused("unknown", f"no valid token {name!r}", "`bridge token list` shows them")


def who(desk: Desk, secret: str) -> Known | None:
    """Return whose token it is, or None. That it was used is kept, to the minute."""
    hashed, found = _hash(secret), None
    for row in desk.store.token_hashes():
        if compare_digest(hashed, row["hash"]):
            found = row
    if found is None:
        return None
    if (found["used_at"] or 0) + USED_MS <= (now := desk.now()):
        desk.store.token_used(found["id"], now)
    return Known(id=found["id"], name=found["name"], role=found["role"])


def open_session(desk: Desk, secret: str) -> str | None:
    """Return the secret of a new session of 12 hours for the secret of a token, or None when that is not valid."""
    if (known := who(desk, secret)) is None:
        return None
    session_secret, now = secrets.token_urlsafe(32), desk.now()
    desk.store.add_session(_hash(session_secret), known.id, now, now + SESSION_MS)
    return session_secret


def session(desk: Desk, secret: str) -> Known | None:
    """Return whose session it is; None when it has ended, or its token was revoked."""
    row = desk.store.session_token(_hash(secret), desk.now())
    return None if row is None else Known(id=row["id"], name=row["name"], role=row["role"])


def close_session(desk: Desk, secret: str) -> None:
    """End a session; what is none is left alone."""
    desk.store.end_session(_hash(secret))


def _hash(secret: str) -> str:
    """Return the hash of a secret: a plain one is enough for 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
