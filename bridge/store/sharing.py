"""What the processes that work on one connection share: its budget, and the duty to sweep it."""

from __future__ import annotations

import json
from dataclasses import asdict

from bridge.core.grants import Ask, Grant, Limits, Share, draw
from bridge.store.engine import Engine
from bridge.store.rows import to_json


class Sharing:
    """Verbs of the store; each is one transaction. What a loss of power takes back of them is shared out anew."""

    db: Engine

    def draw(self, connection: str, process: str, ask: Ask, limits: Limits, now: int) -> Grant:
        """Return what a process may call from now on; what it was granted before is void."""
        with self.db.transaction(durable=False):
            rows = self.db.run("budget", connection=connection)
            if not rows:
                self.db.run("add_budget", connection=connection)
                rows = self.db.run("budget", connection=connection)
            known = [_share(row) for row in json.loads(rows[0]["shares"])]
            shares, grant = draw(known, process, ask, limits, now)
            self.db.run("save_budget", connection=connection, shares=to_json([asdict(s) for s in shares]))
        return grant

    def lease_sweep(self, connection: str, owner: str, now: int, lease_ms: int, *, before: int) -> bool:
        """Take the duty to sweep a connection; False: it was swept after `before`, or another's lease still runs."""
        until = now + lease_ms
        with self.db.transaction(durable=False):
            rows = self.db.run("lease_sweep", connection=connection, owner=owner, now=now, until=until, before=before)
        return bool(rows)

    def lease_duty(self, name: str, owner: str, now: int, lease_ms: int) -> bool:
        """Take or extend a duty that one process alone should do; False: another's lease still runs."""
        with self.db.transaction(durable=False):
            return bool(self.db.run("lease_duty", name=name, owner=owner, now=now, until=now + lease_ms))

    def renew_sweep(self, connection: str, owner: str, now: int, lease_ms: int) -> bool:
        """Extend that lease; False: another has it."""
        with self.db.transaction(durable=False):
            return bool(self.db.run("renew_sweep", connection=connection, owner=owner, until=now + lease_ms))

    def release_sweep(self, connection: str, owner: str, until: int = 0) -> None:
        """Give that lease back, if it is still held. until: nobody should sweep before."""
        with self.db.transaction(durable=False):
            self.db.run("release_sweep", connection=connection, owner=owner, until=until)


def _share(row: dict[str, object]) -> Share:
    spent = row["spent"]
    assert isinstance(spent, list)
    return Share(**{**row, "spent": tuple((at, n) for at, n in spent)})  # type: ignore[arg-type]
