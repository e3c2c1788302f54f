"""The journal of a link, taken together: how each field and each side stands after all that was written there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.core.model import Canonical

Row = Mapping[str, Any]  # an entry of the journal as the store returns it

HUB = {"first", "set", "decided"}  # these give the hub a value
REFLECTS = {"differs", "overtaken", "settled_equal", "sent", "landed", "not_sent"}  # the side reflects their version
STANDS = HUB | REFLECTS | {"normalised", "did_not_land", "in_doubt", "lost"}


@dataclass
class Stand:
    """
    How one side stands to one field. base: the hub version that it reflects; None: the field was never read there.

    last: the entry that tells how it came to be so. waits: the hold that has come since.
    """

    base: int | None = None
    last: Row | None = None
    waits: Row | None = None


@dataclass
class Past:
    """
    One field. setting: the entry that set this version; None while it is as it was when the records were linked.

    before: the value that it replaced. held: why nothing is written now. lost: the edits that did not win.
    """

    value: Canonical = None
    version: int = 0
    origin: str = ""
    setting: Row | None = None
    held: Row | None = None
    lost: list[Row] = field(default_factory=list)
    stands: dict[str, Stand] = field(default_factory=dict)

    def behind(self, connection: str) -> bool:
        """Tell whether a side that was read does not reflect the hub yet."""
        stand = self.stands.get(connection)
        return stand is not None and stand.base is not None and stand.base < self.version


@dataclass
class History:
    """gone: by connection. waits: by connection and field, "" for the whole record; `at` is when the hold came."""

    fields: dict[str, Past] = field(default_factory=dict)
    gone: dict[str, Row] = field(default_factory=dict)
    waits: dict[tuple[str, str], Row] = field(default_factory=dict)


def retrace(journal: Iterable[Row]) -> History:
    """Return how everything stands. journal: of one link, oldest first."""
    history = History()
    for e in journal:
        if e["what"] in ("linked", "unlinked"):
            _leave(history, e["connection"])
        elif e["what"] in ("waits", "freed"):
            _hold(history, e)
        elif e["field"] == "":
            _whole(history, e)
        else:
            _field(history.fields.setdefault(e["field"], Past()), e)
    return history


def _leave(history: History, connection: str) -> None:
    """A side that joins or leaves has no past in this link."""
    history.gone.pop(connection, None)
    history.waits = {key: e for key, e in history.waits.items() if key[0] != connection}
    for past in history.fields.values():
        past.stands.pop(connection, None)


def _hold(history: History, e: Row) -> None:
    key = e["connection"], e["field"]
    old = history.waits.pop(key, None)
    if e["what"] == "waits":
        history.waits[key] = {**e, "at": old["at"]} if old else e
    if e["field"]:
        past = history.fields.setdefault(e["field"], Past())
        past.stands.setdefault(e["connection"], Stand()).waits = history.waits.get(key)


def _whole(history: History, e: Row) -> None:
    """What concerns a side as a whole."""
    connection = e["connection"]
    if e["what"] == "gone":
        history.gone[connection] = e
    elif e["what"] == "back":
        history.gone.pop(connection, None)
    elif e["what"] == "met":
        for name in e["detail"].split(", "):
            past = history.fields.setdefault(name, Past())
            past.stands[connection] = Stand(past.version, e)


def _field(past: Past, e: Row) -> None:
    what, stand = e["what"], past.stands.setdefault(e["connection"], Stand())
    if what in HUB:
        past.setting = None if what == "first" else e
        past.value, past.version, past.origin, stand.base = e["new"], e["version"], e["connection"], e["version"]
    elif what in REFLECTS:
        stand.base = max(stand.base or 0, e["version"])
    elif what == "lost":
        past.lost.append(e)
    elif what == "understood":
        past.value = e["new"]
    if what == "held":
        past.held = e
    elif what in ("released", "decided"):
        past.held = None
    if what in STANDS:
        stand.last, stand.waits = e, None
