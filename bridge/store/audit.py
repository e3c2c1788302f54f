"""What people did: each deed is kept in the transaction that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.store.engine import Engine
from bridge.store.rows import Row

LAST = "~"  # after every id


@dataclass(frozen=True)
class Deed:
    """
    One thing that somebody did. at: epoch milliseconds. who: the name of a token, or `command line`.

    what: verb and noun, such as `link merged`. target: what it was done to, as people write it. detail: the rest; no
    secret and no value of a deal.
    """

    at: int
    who: str
    what: str
    target: str = ""
    detail: str = ""


class Audit:
    """Verbs of the store."""

    db: Engine
    new_id: Callable[[], str]

    def note(self, deed: Deed | None) -> None:
        """Keep what somebody did, within the transaction that does it; the bridge's own deeds are None."""
        if deed is not None:
            kept = {"at": deed.at, "who": deed.who, "deed": deed.what, "target": deed.target, "detail": deed.detail}
            self.db.run("note_deed", id=self.new_id(), **kept)

    def noted(self, deed: Deed) -> None:
        """Keep what somebody did outside of the store."""
        with self.db.transaction():
            self.note(deed)

    def deeds(self, n: int, before: str = LAST) -> list[Row]:
        """Return what people did, newest first, from before an id on."""
        return [dict(r) for r in self.db.run("deeds", n=n, before=before)]
