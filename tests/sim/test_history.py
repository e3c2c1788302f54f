"""The journal alone tells how everything stands, whatever has happened: compared with what the store keeps of it."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.history import retrace
from bridge.core.model import FOREVER
from tests.sim.judge import trial
from tests.sim.scenarios import SCENARIOS
from tests.sim.world import World

SEEDS = range(100, 104)


class Told(World):
    """A world in which the journal is asked at every turn that has changed something."""

    asked = -1

    def _carry(self) -> None:
        super()._carry()
        rows = self.store.db.query("SELECT COUNT(*) FROM journal") if hasattr(self, "link") else []
        if rows and (rows[0][0], self.loop.steps) != self.asked:
            self.asked = rows[0][0], self.loop.steps
            assert from_the_journal(self) == from_the_store(self)


def from_the_journal(world: World) -> dict[str, Any]:
    history = retrace(world.store.journal(world.link))
    known = {name: past for name, past in history.fields.items() if past.version}
    return {
        "hub": {
            name: (p.value, p.version, p.origin, (p.held["new"] or FOREVER) if p.held else None)
            for name, p in known.items()
        },
        "base": {(c, name): s.base for name, p in known.items() for c, s in p.stands.items() if s.base is not None},
        "behind": {(c, name) for name, p in known.items() for c in p.stands if p.behind(c)},
        "holds": {key: (e["detail"], e["new"], e["at"]) for key, e in history.waits.items()},
        "gone": set(history.gone),
    }


def from_the_store(world: World) -> dict[str, Any]:
    link = world.store.peek(world.link)
    shadows = {(s.ref.connection, name): sh for s in link for name, sh in s.shadows.items()}
    return {
        "hub": {name: (h.value, h.version, h.origin, h.held_until) for name, h in link.hubs.items()},
        "base": {key: sh.base for key, sh in shadows.items()},
        "behind": {(c, name) for (c, name), sh in shadows.items() if sh.base < link.hubs[name].version},
        "holds": {
            (h["connection"], h["field"]): (h["reason"], h["cure"], h["since"]) for h in world.store.holds(link.id)
        },
        "gone": {s.ref.connection for s in link if s.gone},
    }


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_journal_alone_tells_how_every_field_stands(name: str) -> None:
    for seed in SEEDS:
        trial(Told(SCENARIOS[name], seed))
