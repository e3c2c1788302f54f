"""What the journal tells of rarer histories; tests/sim/test_history.py plays the many."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.core.model import Ref
from bridge.core.speech import Known
from bridge.core.timeline import timeline
from bridge.worker import Worker
from tests.desk.deal import Deal
from tests.flow.scene import Scene
from tests.flow.told import from_the_journal, from_the_store
from tests.store.raw import raw


@pytest.fixture
def scene() -> Scene:
    return Scene()


def told(scene: Scene) -> list[str]:
    """Return the sentences that were added, once all that the journal says is what the store keeps."""
    assert from_the_journal(scene.store, scene.link) == from_the_store(scene.store, scene.link)
    known = Known({name: {f.name: f for f in c.fields} for name, c in scene.connectors.items()})
    return [
        line.sentence
        for line in timeline(scene.store.journal(scene.link), known)
        if line.what not in ("linked", "first", "met")
    ]


def test_an_unknown_owner_gets_a_meaning(scene: Scene) -> None:
    scene.edited("a", owner="a-new")
    assert scene.peek().hubs["owner"].value == "unknown:a:a-new"
    waits = told(scene)
    scene.means("a", "owner", {"a-new": "tam"})
    for side in "bc":
        scene.means(side, "owner", {f"{side}-tam": "tam"})
    scene.run()
    assert scene.shows("owner") == {"a": "a-new", "b": "b-tam", "c": "c-tam"}
    reason = "nobody has said what owner “a:a-new” means"
    assert f"Owner waits at b: {reason}. What to do: add a choice for owner “a:a-new” at b." in waits
    assert told(scene)[len(waits) :] == [
        "Owner has its meaning now: a-new of a is tam.",
        "Owner waits no longer at b.",
        "Owner was written to b as b-tam.",
        "Owner waits no longer at c.",
        "Owner was written to c as c-tam.",
    ]


def test_a_side_that_is_first_read_after_an_edit_elsewhere(scene: Scene) -> None:
    scene.store.pause("b", "not yet", scene.clock + 60_000)
    deal = {"name": "Acme", "description": "", "amount": "5", "stage": "10", "owner": None, "probability": 0}
    for side in "ab":
        scene.vendors[side].add("x", {**deal, "expected_close": None})
    scene.link = scene.store.link([Ref("a", "x"), Ref("b", "x")], scene.clock)
    scene.take_in()
    worker = Worker(scene.flow, {})
    assert worker.step("w") and scene.peek().sides["b"].shadows == {}
    scene.clock += 1_000
    scene.vendors["a"].person("x", name="Acme 2", amount="6")
    scene.vendors["b"].person("x", amount="6")
    scene.webhook("a", "x")
    scene.run()
    assert scene.vendors["b"].current("x")["name"] == "Acme 2"
    changed = "was changed to {} in a (found by a look); it replaced {}."
    assert told(scene) == [
        f"Amount {changed.format('6 USD', '5 USD')}",
        f"Name {changed.format('“Acme 2”', '“Acme”')}",
        "b was read for the first time: amount is 6 USD there, as it was set elsewhere since it was linked.",
        "b was read for the first time: name is “Acme” there;"
        " since it was linked, “Acme 2” was set elsewhere and is due there.",
        "b already says 6 USD as its amount; nothing was written.",
        "Name was written to b as “Acme 2”.",
    ]


def test_a_deal_of_one_day(tmp_path: Path) -> None:
    deal = Deal(tmp_path)
    for play in (deal.morning, deal.afternoon):
        play()
        assert from_the_journal(deal.store, deal.link) == from_the_store(deal.store, deal.link)


@pytest.mark.parametrize("what", ["first", "met", "differs", "set", "sent", "waits"])
def test_what_the_journal_lacks_is_noticed(tmp_path: Path, what: str) -> None:
    deal = Deal(tmp_path).morning()
    raw(deal.store).execute("DELETE FROM journal WHERE what = ?", (what,))
    assert from_the_journal(deal.store, deal.link) != from_the_store(deal.store, deal.link)
