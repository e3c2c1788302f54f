"""What the rules need to know of each side of a link: its fields, its habits, and what its choices and parties mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.connectors.base import Connector
from bridge.core.fields import Field, Party, Words
from bridge.core.model import Kind, Link, Record
from bridge.core.rules import UNKNOWN, Habits, Rules, SideRules
from bridge.store import Store

PARTIES: Mapping[str, Kind] = {"contact": "contact", "account": "account"}


@dataclass(frozen=True)
class Connection:
    """A connector in its place among the others. order: breaks ties of equal times, later wins."""

    connector: Connector
    habits: Habits
    order: int

    @property
    def name(self) -> str:
        return self.connector.account.connection


class Sides:
    """Builds the rules of one link, and learns the contacts and accounts that records name."""

    def __init__(self, store: Store, connections: Mapping[str, Connection], policies: Mapping[str, str]) -> None:
        self.store, self.connections, self.policies = store, connections, policies

    def fields(self, connection: str) -> dict[str, Field]:
        """Return what each canonical field can do there now; a connector may learn more of its account as it reads."""
        return {f.name: f for f in self.connections[connection].connector.fields}

    def rules(self, link: Link, now: int) -> Rules:
        """
        Return the rules of one link as they stand now.

        There are rules too for a connection that has left the link and set what its hub still says.
        """
        words = self.store.words()
        paused = {c for c, row in self.store.connections().items() if row["paused_until"] > now}
        sides = {}
        known_here = link.sides.keys() | {hub.origin for hub in link.hubs.values()}
        for name in known_here & self.connections.keys():
            known, c = words.get(name, Words()), self.connections[name]
            own = Words(dict(known.meaning), dict(known.says))
            sides[name] = SideRules(name, self.fields(name), c.habits, own, order=c.order, paused=name in paused)
        rules = Rules(sides, self.policies)
        for name in PARTIES.keys() & link.hubs.keys():
            self._learn_party(rules, name, link.hubs[name].value)
        return rules

    def learn(self, rules: Rules, seen: Record) -> None:
        """Look up the contact and the account that a record names, and what its read has told of the account."""
        connection = seen.ref.connection
        fields = rules.sides[connection].fields
        assert isinstance(fields, dict)
        fields.update(self.fields(connection))
        for name in PARTIES.keys() & seen.fields.keys():
            native, known = seen.fields[name], rules.sides[connection].words.meaning
            if native and isinstance(fields.get(name), Party) and (name, native) not in known:
                self._learn_party(rules, name, f"{UNKNOWN}{connection}:{native}")

    def _learn_party(self, rules: Rules, name: str, c: object) -> None:
        """Put one contact or account, given by its link or as unknown, into the words of every side."""
        if not isinstance(c, str):
            return
        link: str | None = c
        if c.startswith(UNKNOWN):
            connection, _, native = c.removeprefix(UNKNOWN).partition(":")
            link = self.store.find(connection, native, PARTIES[name])
        if link is None:
            return
        for ref in self.store.refs(link):
            side = rules.sides.get(ref.connection)
            if side is not None and ref.kind == PARTIES[name]:
                assert isinstance(side.words.meaning, dict) and isinstance(side.words.says, dict)
                side.words.meaning[name, ref.vendor_id] = link
                side.words.says[name, link] = (ref.vendor_id,)
