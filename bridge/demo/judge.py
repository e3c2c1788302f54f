"""What the demo claims, checked from outside: what the CRMs hold, what they were sent, what the journal tells."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from bridge.assembly import connector_of
from bridge.connectors.base import Connector
from bridge.connectors.budget import Budget
from bridge.core.errors import Transient
from bridge.core.merge import FIRST
from bridge.core.model import Canonical, Link, Record, Ref
from bridge.core.plan import behind
from bridge.demo.people import KEY
from bridge.demo.stage import Stage

Level = dict[tuple[str, str], tuple[Canonical, bool]]


@dataclass(frozen=True)
class Made:
    """One edit by a person. value: canonical, as the hub would hold it."""

    link: str
    connection: str
    field: str
    value: str


class Judge:
    """Reads the sandbox with the person's key, so that its calls are not the bridge's."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.store = stage, stage.bridge.store
        self.ids = {name: i for i, name in enumerate(stage.bridge.settings.connections)}
        self.connectors: dict[str, Connector] = {}
        for name, c in stage.bridge.settings.connections.items():
            secrets = {k: KEY if v == "sandbox-bridge-key" else v for k, v in c.secrets.items()}
            own = dataclasses.replace(c, secrets=secrets)
            self.connectors[name] = connector_of(own, Budget(1000, 1.0, 8))
        self.rows = dict.fromkeys(self.connectors, 0)
        self.writes: list[tuple[str, str, str]] = []

    def new_writes(self) -> list[tuple[str, str, str]]:
        """Return what the bridge wrote since the last call: connection, vendor id, call."""
        new = []
        for name in self.connectors:
            rows, self.rows[name] = self.stage.ledger(name, self.rows[name])
            new += [(name, str(r["deal"]), str(r["call"])) for r in rows if r["who"] == "bridge"]
        self.writes += new
        return new

    def settled(self, links: list[str], made: list[Made]) -> bool:
        """Tell whether the bridge has seen every edit and has nothing left to read or write now."""
        if self.store.count_waiting() or not all(self.told(m) for m in made):
            return False
        return all(self._quiet(link) for link in links)

    def _quiet(self, link: str) -> bool:
        copy = self.store.peek(link)
        rules = self.stage.bridge.flow.sides.rules(copy, self.stage.bridge.now())
        if self.store.due_looks(link, self.stage.bridge.now() + 1000) or any(s.open for s in copy):
            return False
        return not any(behind(copy, s, rules) for s in copy)

    def told(self, made: Made) -> bool:
        """Tell whether an edit is shown by the hub, or superseded in the journal."""
        hub = self.store.peek(made.link).hubs.get(made.field)
        if hub is not None and hub.value == made.value:
            return True
        mine = [e for e in self.store.journal(made.link) if e["field"] == made.field]
        won = {str(e["new"]) for e in mine if e["what"] in ("set", "settled_equal")}
        return made.value in won | {str(e["old"]) for e in mine if e["what"] == "lost"}

    def read(self, ref: Ref) -> Record:
        """Read a record as a person would, trying again when the CRM is busy."""
        for _ in range(60):
            try:
                record = self.connectors[ref.connection].read(ref)
                assert record is not None, f"{ref} is gone"
                return record
            except Transient:
                time.sleep(0.5)
        raise RuntimeError(f"{ref} cannot be read")

    def level(self, link: str) -> Level:
        """
        Return for each side and field what it shows now in canonical form, and whether that is as it should be.

        A field that nobody has edited since the records were linked stays as each CRM had it.
        """
        copy: Link = self.store.peek(link)
        rules = self.stage.bridge.flow.sides.rules(copy, self.stage.bridge.now())
        found: Level = {}
        for side in copy:
            name, seen = side.ref.connection, self.read(side.ref)
            self.stage.bridge.flow.sides.learn(rules, seen)
            for f, n in seen.fields.items():
                spec = rules.sides[name].fields[f]
                if f in copy.hubs and not spec.unread:
                    agrees = rules.sides[name].agrees(f, copy.hubs[f].value, n)
                    unedited = copy.hubs[f].version == FIRST
                    found[name, f] = rules.sides[name].decode(f, n), agrees or bool(spec.readonly) or unedited
        return found
