"""Who may come in: tokens and sessions, kept as hashes only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from bridge.store.audit import Deed
from bridge.store.engine import Engine
from bridge.store.rows import Row


class Tokens:
    """Verbs of the store. Times are epoch milliseconds; a hash is that of a secret, in hexadecimal."""

    db: Engine
    new_id: Callable[[], str]
    note: Callable[[Deed | None], None]

    def add_token(self, name: str, role: str, hashed: str, deed: Deed) -> None:
        """Keep a new token; raises Taken when a valid one has the name."""
        with self.db.transaction():
            self.note(deed)
            self.db.run("add_token", id=self.new_id(), name=name, role=role, hash=hashed, at=deed.at)

    def tokens(self) -> list[Row]:
        """Return the tokens that were made, oldest first, the revoked ones too: all but their hashes."""
        return [dict(r) for r in self.db.run("tokens")]

    def token_hashes(self) -> list[Row]:
        """Return id, name, role, hash and used_at of the valid tokens."""
        return [dict(r) for r in self.db.run("token_hashes")]

    def token_used(self, token: str, at: int) -> None:
        with self._small():
            self.db.run("token_used", id=token, at=at)

    def revoke_token(self, name: str, deed: Deed) -> bool:
        """End a token, its sessions with it; False: no valid token has the name."""
        with self.db.transaction():
            rows = self.db.run("revoke_token", name=name, at=deed.at)
            if rows:
                self.db.run("end_sessions", token=rows[0]["id"])
                self.note(deed)
        return bool(rows)

    def add_session(self, hashed: str, token: str, at: int, until: int) -> None:
        with self._small():
            self.db.run("add_session", hash=hashed, token=token, at=at, until=until)

    def session_token(self, hashed: str, now: int) -> Row | None:
        """Return id, name and role of the token of a session, or None when either of them has ended."""
        rows = self.db.run("session_token", hash=hashed, now=now)
        return dict(rows[0]) if rows else None

    def end_session(self, hashed: str) -> None:
        with self._small():
            self.db.run("end_session", hash=hashed)

    def forget_answers(self, now: int, before: int) -> None:
        """Forget the sessions that have ended, and what was answered before a time."""
        with self._small():
            self.db.run("prune_sessions", now=now)
            self.db.run("prune_answered", before=before)

    def _small(self) -> AbstractContextManager[None]:
        """A transaction that a loss of power may take back: at worst somebody signs in again."""
        return self.db.transaction(durable=False)
