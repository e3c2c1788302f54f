"""The journal alone tells how everything stands, whatever has happened: compared with what the store keeps of it."""

from __future__ import annotations

import pytest

from tests.flow.told import from_the_journal, from_the_store
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
            assert from_the_journal(self.store, self.link) == from_the_store(self.store, self.link)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_journal_alone_tells_how_every_field_stands(name: str) -> None:
    for seed in SEEDS:
        trial(Told(SCENARIOS[name], seed))
