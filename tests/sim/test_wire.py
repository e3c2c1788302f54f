"""The sides on the real connectors: their tables against the sandbox, the fates of calls, and one calm history."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from bridge.connectors.base import Connector, Inbound
from bridge.core.errors import Disconnected, Permanent, Transient
from bridge.core.model import Look, Record
from bridge.flow import Flow
from bridge.sides import Connection
from bridge.store import Store
from bridge.worker import Worker
from tests.connectors.bench import SAMPLE
from tests.sim.loop import Loop
from tests.sim.sides import Blow, Fate
from tests.sim.stepped import template
from tests.sim.wire import NAMES, WireSide, prepare, wires
from tests.store.raw import raw

START = 1_790_000_000_000
EDITS = 14
Make = Callable[[str], WireSide]


@pytest.fixture(params=["poor", "rich", "tidy"])
def make(request: pytest.FixtureRequest) -> Make:
    """Return a maker of the only side of a world, of the account that the parameter names."""
    rich, tidy = float(request.param != "poor"), float(request.param == "tidy")
    return lambda name: wires(Loop(Random(1), START), Random(1), [name], lagging=0, rich=rich, tidy=tidy)[0]


def alone(name: str, **manners: float) -> WireSide:
    return wires(Loop(Random(1), START), Random(1), [name], **{"lagging": 0.0, "rich": 1.0, "tidy": 0.0, **manners})[0]


def read(side: WireSide, connector: Connector) -> Record:
    side.loop.now += 1_000
    record = connector.read(side.ref)
    assert record is not None
    return record


@pytest.mark.parametrize("name", NAMES)
def test_the_deal_shows_the_sample_and_the_connector_reads_what_people_see(make: Make, name: str) -> None:
    side = make(name)
    connector = side.connect()
    seen = read(side, connector)
    shown = side.shows()
    assert shown.keys() == {*side.fields, "status"}
    for field, value in shown.items():
        assert side.says(field, value) == SAMPLE[field]
        assert side.says(field, seen.fields[field]) == SAMPLE[field]


@pytest.mark.parametrize("name", NAMES)
def test_the_bridge_writes_what_is_not_readonly_and_nothing_else(make: Make, name: str) -> None:
    side = make(name)
    connector = side.connect()
    read(side, connector)
    specs = {spec.name: spec for spec in connector.fields}
    assert {field for field in side.fields if specs[field].readonly} == side.readonly
    assert bool(specs["status"].via) == side.by_stage


@pytest.mark.parametrize("name", NAMES)
def test_what_people_enter_is_shown_and_read(make: Make, name: str) -> None:
    side = make(name)
    connector = side.connect()
    for field in side.fields:
        natives = {side.value(field, n) for n in range(EDITS)}
        assert len(natives) > 1
        for n in range(EDITS):
            side.loop.now += 1_000
            before, value = dict(side.shows()), side.value(field, n)
            assert side.edit(field, value) == (side.shows() != before)
            assert not side.edit(field, side.shows()[field]), "the same again is no edit"
            also = {"status"} if field == "stage" and side.by_stage else set()
            assert {f for f in before if before[f] != side.shows()[f]} <= {field} | also
            shown = side.shows()[field]
            assert side.fits(field, side.says(field, value), shown)
            assert side.says(field, read(side, connector).fields[field]) == side.says(field, shown)
    assert not side.written


@pytest.mark.parametrize("name", NAMES)
def test_what_the_bridge_writes_is_noted_with_what_it_really_changed(make: Make, name: str) -> None:
    side = make(name)
    connector = side.connect()
    seen, deals = read(side, connector), side.deals()
    read_at = side.loop.now
    side.edit("stage", side.value("stage", 0))
    for field in sorted({*side.fields} - side.readonly):
        side.written.clear()
        side.loop.now += 500
        n = next(n for n in range(EDITS) if side.value(field, n) not in (side.shows()[field], seen.fields[field]))
        value: Any = side.value(field, n)
        connector.write(
            read(side, connector), {field: str(value).partition("T")[0] if field == "expected_close" else value}
        )
        (written,) = side.written
        both = {"stage", "status"} if field == "stage" and side.by_stage else {field}
        assert written.fields == both <= written.sent
        assert (written.at, written.read_at) == (side.loop.now, side.loop.now)
        assert side.loop.now > read_at
    assert side.deals() == deals


def test_the_same_account_is_fresh_in_each_world() -> None:
    def first() -> list[object]:
        sides = wires(Loop(Random(1), START), Random(3))
        return [(dict(s.shows()), s.people.stored(), s.manners, s.deals(), len(s.sim.ledger), s.hooks()) for s in sides]

    before = first()
    for side in wires(Loop(Random(1), START + 5_000), Random(4)):
        side.edit("stage", side.value("stage", 0))
        side.connect().read(side.ref)
    assert first() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_lagging_account_shows_its_past(name: str) -> None:
    side = alone(name, lagging=1.0)
    connector = side.connect()
    before = read(side, connector).fields["stage"]
    side.edit("stage", side.value("stage", 0))
    assert side.lag == side.habits.lag > 0 and side.habits.suspect == 40_000
    side.loop.now += side.lag - 1
    assert read_now(side, connector).fields["stage"] == before
    side.loop.now += 2
    assert read_now(side, connector).fields["stage"] == side.shows()["stage"]


def read_now(side: WireSide, connector: Connector) -> Record:
    record = connector.read(side.ref)
    assert record is not None
    return record


FAILS: dict[Blow, type[Exception]] = {
    "refused": Transient,
    "broken": Transient,
    "throttled": Transient,
    "unauthorized": Disconnected,
    "denied": Permanent,
    "lost": Transient,
    "landed": Transient,
}
DOUBTED = {"broken", "lost", "landed"}


@pytest.mark.parametrize("blow", FAILS)
@pytest.mark.parametrize("name", NAMES)
def test_a_write_meets_its_fate(name: str, blow: Blow) -> None:
    side = alone(name)
    connector = side.connect()
    seen, before = read(side, connector), dict(side.shows())
    side.fates.append(Fate("write", blow, 3_000 if blow == "landed" else 0))
    with pytest.raises(FAILS[blow]) as caught:
        connector.write(seen, {"stage": side.value("stage", 0)})
    assert not side.fates and side.shows() == before and not side.written
    if isinstance(caught.value, Transient):
        assert caught.value.in_doubt == (blow in DOUBTED)
        assert caught.value.whole == (blow == "throttled")
    sent_at = side.loop.now
    side.loop.run(sent_at + 4_000)
    assert [w.at for w in side.written] == ([sent_at + 3_000] if blow == "landed" else [])
    assert (side.shows()["stage"] == side.value("stage", 0)) == (blow == "landed")
    side.calm()
    side.loop.now += 60_000  # a vendor that said when to come again
    assert read_now(side, connector).fields["stage"] == side.shows()["stage"]


@pytest.mark.parametrize("blow", [blow for blow in FAILS if blow != "denied"])
@pytest.mark.parametrize("name", NAMES)
def test_a_read_meets_its_fate(name: str, blow: Blow) -> None:
    side = alone(name)
    connector = side.connect()
    read(side, connector)
    side.fates.append(Fate("read", blow))
    with pytest.raises(FAILS[blow]):
        connector.read(side.ref)
    side.loop.now += 60_000
    if blow == "unauthorized":
        with pytest.raises(Disconnected):
            connector.read(side.ref)
    side.calm()
    assert read_now(side, connector).fields


@pytest.mark.parametrize("name", [name for name in NAMES if name != "leadconnector"])
def test_a_budget_waits_in_virtual_time_and_a_restart_forgets_it(name: str) -> None:
    side = alone(name)
    connector = side.connect()
    calls, began = side.settings.rate_calls, side.loop.now
    while side.calls <= calls:
        connector.read(side.ref)
    assert side.loop.now >= began + side.settings.rate_per_s * 1000
    assert side.connect().read(side.ref) is not None


@pytest.mark.parametrize("name", [name for name in NAMES if alone(name).people.hooked])
def test_a_webhook_arrives_through_the_real_receiver(name: str) -> None:
    side = alone(name)
    side.edit("stage", side.value("stage", 0))
    store, hooks = empty_store(), side.hooks()
    assert hooks and side.hooks() == []
    for hook in hooks:
        side.arrive(store, hook)
    touched = {ref for d in store.waiting(9) for ref in side.connect().touched(_stored(d))}
    assert touched == {side.ref}
    forged = Inbound("POST", hooks[0].query, {"content-type": "application/json"}, b'{"id": "1"}')
    status = side.gate.take(store, name, forged)
    assert status == (200 if name == "leadsquared" else 401), "LeadSquared disables a webhook that is refused"
    assert len(store.waiting(9)) == len(hooks)


def _stored(delivery: Any) -> Inbound:
    return Inbound(delivery.method, delivery.query, {"content-type": delivery.content_type}, delivery.body)


def empty_store() -> Store:
    numbers = iter(range(10**6))
    store = Store(":memory:", lambda: f"{next(numbers):08d}")
    template().backup(raw(store))
    return store


@pytest.mark.parametrize("seed", range(4))
def test_one_edit_on_each_side_reaches_all_others(seed: int) -> None:
    loop, store = Loop(Random(seed), START), empty_store()
    sides = wires(loop, Random(seed))
    store.put_choices([row for side in sides for row in side.choices()], loop.now)
    prepare(store, sides, loop.now)
    link = store.link([side.ref for side in sides], loop.now)
    connections = {side.name: Connection(side.connect(), side.habits, side.order) for side in sides}
    flow = Flow(store, connections, {}, now=lambda: loop.now, dice=Random(seed).random)

    def drain() -> None:
        while True:
            for side in sides:
                for hook in side.hooks():
                    side.arrive(store, hook)
            Worker(flow, {}).take_in()
            if claim := flow.claim("worker"):
                flow.work(claim)
            elif (at := store.next_look()) is not None:
                loop.run(max(loop.now + 1, at))
            else:
                return

    drain()
    assert not any(side.written for side in sides), "a first look wrote something"
    edits = dict(zip(NAMES, ("stage", "amount", "description", "custom.source", "name"), strict=True))
    for n, side in enumerate(sides, 1):
        assert side.edit(edits[side.name], side.value(edits[side.name], n))
        loop.run(loop.now + 60_000)
        store.look(link, [Look(each.ref, loop.now, "sweep") for each in sides])
        drain()
    hubs = store.peek(link).hubs
    for side in sides:
        shown = side.shows()
        for field in {*side.fields} - side.readonly:
            assert side.fits(field, hubs[field].value, shown[field]), f"{side.name}.{field}"
    assert sum(len(side.written) for side in sides) <= len(sides) * (len(sides) - 1)
    assert not store.holds(link)
