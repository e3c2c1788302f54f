"""What somebody was told of each connection."""

from __future__ import annotations

from dataclasses import asdict

from bridge.core.alarms import Told
from bridge.store.engine import Engine


class Alarms:
    """Verbs of the store."""

    db: Engine

    def alarms(self) -> dict[tuple[str, str], Told]:
        """Return what was told, by connection and what about."""
        return {
            (r["connection"], r["what"]): Told(r["level"], r["since"], r["below_since"], r["peak"])
            for r in self.db.run("alarms")
        }

    def put_alarm(self, connection: str, what: str, told: Told | None) -> None:
        """Remember what was told; None forgets it."""
        with self.db.transaction():
            if told is None:
                self.db.run("drop_alarm", connection=connection, what=what)
            else:
                self.db.run("put_alarm", connection=connection, what=what, **asdict(told))
