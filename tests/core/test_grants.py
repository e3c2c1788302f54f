"""Grants: whatever processes do, and whenever they die, they keep to the limits; and everybody's turn comes."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.grants import GRACE_MS, GRANT_MS, POLL_MS, SOON_MS, Ask, Grant, Limits, Share, bucketed, draw

NOW = 1_750_000_000_000
NOTHING = Grant(0, 0, 0)
LIMITS = Limits(calls=100, per_ms=10_000, concurrency=4, call_ms=25_000)


@dataclass
class Process:
    """
    One process as a budget behaves. started, running: when each call started; ends: how long each runs. asked: when it
    got its grant. waits: since when each call waits.
    """

    name: str
    started: list[int] = field(default_factory=list)
    running: list[tuple[int, int]] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    grant: Grant = NOTHING
    asked: int = 0
    dead: bool = False


class Town:
    """Processes on one connection, by the millisecond, as the clock of all says."""

    def __init__(self, limits: Limits, names: str) -> None:
        self.limits, self.now, self.shares = limits, NOW, list[Share]()
        self.processes = [Process(name) for name in names]
        self.longest_ms = 0

    def ask(self, p: Process) -> None:
        ages = bucketed((self.now - at for at in p.started), self.limits.per_ms)
        ask = Ask(ages, len(p.running), len(p.waits))
        self.shares, p.grant = draw(self.shares, p.name, ask, self.limits, self.now)
        p.asked = self.now

    def turn(self, p: Process) -> None:
        """Start what may start, asking as often as a budget does."""
        while p.waits and not p.dead:
            age, grant = self.now - p.asked, p.grant
            free_calls, free_slots = grant.calls - len(p.started), grant.slots - len(p.running)
            if age < grant.for_ms and free_calls > 0 and free_slots > 0:
                self.start(p)
                continue
            if len(p.started) >= self.limits.calls or len(p.running) >= self.limits.concurrency:
                return
            again = grant.calls_again_ms if free_calls <= 0 else grant.slots_again_ms
            if age < grant.for_ms and (again is None or age < again):
                return
            self.ask(p)
            if min(p.grant.calls - len(p.started), p.grant.slots - len(p.running)) <= 0:
                return

    def start(self, p: Process) -> None:
        waited = self.now - p.waits.pop(0)
        self.longest_ms = max(self.longest_ms, waited)
        p.started.append(self.now)
        p.running.append((self.now, self.now + 1 + (self.now * 7919) % self.limits.call_ms))
        self.judge()

    def judge(self) -> None:
        everything = [at for p in self.processes for at in p.started]
        assert len(everything) <= self.limits.calls
        assert sum(len(p.running) for p in self.processes) <= self.limits.concurrency

    def pass_ms(self, ms: int) -> None:
        """Let time pass; whoever is alive has its turns, and tends what it was granted."""
        for _ in range(0, ms, step := 25):
            self.now += step
            for p in self.processes:
                p.started = [at for at in p.started if at + self.limits.per_ms > self.now]
                p.running = [(at, ends) for at, ends in p.running if ends > self.now]
            for i in range(len(self.processes)):
                p = self.processes[(self.now // step + i) % len(self.processes)]
                idle = not p.waits and self.now - p.asked >= p.grant.for_ms
                if not p.dead and idle and self.now % 500 < step and any(s.process == p.name for s in self.shares):
                    self.ask(p)
                self.turn(p)


limits = st.builds(
    Limits,
    calls=st.integers(1, 40),
    per_ms=st.sampled_from([300, 1_000, 5_000]),
    concurrency=st.integers(1, 5),
    call_ms=st.sampled_from([200, 3_000]),
)
acts = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.integers(0, 3), st.integers(1, 12)),
        st.tuples(st.just("pass"), st.integers(0, 3), st.integers(25, 4_000)),
        st.tuples(st.just("die"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("boot"), st.integers(0, 3), st.just(0)),
    ),
    max_size=30,
)


@given(limits, acts)
def test_the_limits_hold_at_every_instant_and_everybody_gets_a_turn(
    limits: Limits, acts: list[tuple[str, int, int]]
) -> None:
    town, calls, deaths = Town(limits, "abcd"), 0, 0
    for kind, who, n in acts:
        p = town.processes[who]
        if kind == "call":
            p.waits += [town.now] * (0 if p.dead else n)
            calls += n
            town.turn(p)
        elif kind == "pass":
            town.pass_ms(n)
        elif kind == "die":
            p.dead, p.waits, deaths = True, [], deaths + 1
        elif p.dead:  # another process in its place: what ran there goes on at the vendor
            town.processes.append(Process(f"{p.name}{town.now}", waits=[]))
            town.processes[who], town.processes[-1] = town.processes[-1], p
    a_turn = GRANT_MS + GRACE_MS + limits.per_ms + limits.call_ms
    for _ in range(4 * (1 + calls + deaths)):
        if not any(p.waits for p in town.processes):
            break
        before = sum(len(p.waits) for p in town.processes)
        town.pass_ms(4 * a_turn)
        assert sum(len(p.waits) for p in town.processes) < before, "somebody has waited in vain"
    assert not any(p.waits for p in town.processes)
    town.pass_ms(2 * a_turn)
    shares, _ = draw(town.shares, "new", Ask((), 0, 0), limits, town.now)
    assert shares == [], "what nobody uses comes back"


@given(limits, st.integers(2, 4))
def test_those_who_always_want_more_all_go_on(limits: Limits, many: int) -> None:
    town, before = Town(limits, "abcd"[:many]), dict.fromkeys("abcd"[:many], 0)
    a_turn = GRANT_MS + GRACE_MS + limits.per_ms + limits.call_ms
    for _ in range(4):
        for _ in range(0, 2 * many * a_turn, 250):
            for p in town.processes:
                p.waits += [town.now] * (8 - len(p.waits))
            waiting = {p.name: len(p.waits) for p in town.processes}
            town.pass_ms(250)
            for p in town.processes:
                before[p.name] += waiting[p.name] - len(p.waits)
        assert all(before.values()), "one of them has starved"
        before = dict.fromkeys(before, 0)


def shares_of(*asks: tuple[str, int, Ask], limits: Limits = LIMITS) -> tuple[list[Share], Grant]:
    """Let processes ask: (name, ms after NOW, ask). Return the shares and the last grant."""
    shares, grant = list[Share](), NOTHING
    for name, ms, ask in asks:
        shares, grant = draw(shares, name, ask, limits, NOW + ms)
    return shares, grant


def one(running: int = 0, *started: tuple[int, int]) -> Ask:
    return Ask(started, running, 1)


def test_a_process_alone_gets_half_of_everything_at_once_and_more_as_soon_as_it_asks() -> None:
    _, grant = shares_of(("a", 0, one()))
    assert grant == Grant(50, 2, GRANT_MS, 0, 0)
    _, grant = shares_of(("a", 0, one()), ("a", 50, one(2, (10, 50))))
    assert (grant.calls, grant.slots) == (75, 3)
    _, grant = shares_of(("a", 0, Ask(((0, 96),), 3, 9)))
    assert grant == Grant(100, 4, GRANT_MS, None, None)


def test_the_next_process_gets_half_of_the_rest() -> None:
    _, grant = shares_of(("a", 0, one()), ("b", 1, one()))
    assert (grant.calls, grant.slots) == (25, 1)


def test_who_holds_everything_makes_room_when_its_grant_ends() -> None:
    greedy = Ask(((0, 20),), 4, 100)
    asks = [("a", 0, greedy), ("b", 300, Ask((), 0, 100))]
    assert (shares_of(*asks)[1].calls, shares_of(*asks)[1].slots) == (0, 0)
    _, grant = shares_of(*asks, ("a", 1_000, greedy))
    assert (grant.calls, grant.slots) == (50, 2)
    _, grant = shares_of(*asks, ("a", 1_000, greedy), ("b", 1_100, Ask((), 0, 100)))
    assert (grant.calls, grant.slots) == (50, 0), "the calls of the first still run"


def test_the_last_place_goes_to_who_has_waited_longest() -> None:
    asks = [(name, ms, one()) for name, ms in (("a", 0), ("b", 100), ("c", 200))]
    single = Limits(1, 1_000, 1, 500)
    granted = [shares_of(*asks, (name, 2_050, one()), limits=single)[1].calls for name in "abc"]
    assert granted == [0, 1, 0]


def test_what_is_given_back_is_free_at_once_but_for_what_was_used() -> None:
    back = ("a", 400, Ask(((100, 3), (300, 2)), 1, 0))
    shares, _ = shares_of(("a", 0, one()), back)
    (share,) = shares
    for ms, counted in ((400, (5, 1)), (10_100, (3, 1)), (10_300, (0, 1)), (25_400, (0, 0))):
        assert (share.counted_calls(LIMITS, NOW + ms), share.counted_slots(LIMITS, NOW + ms)) == counted
    assert shares_of(("a", 0, one()), ("a", 400, Ask((), 0, 0)))[0] == []


def test_a_dead_process_is_counted_for_as_long_as_its_calls_can_matter() -> None:
    (share,), _ = shares_of(("a", 0, one()))
    assert [share.counted_calls(LIMITS, NOW + ms) for ms in (10_999, 11_000)] == [50, 0]
    assert [share.counted_slots(LIMITS, NOW + ms) for ms in (25_999, 26_000)] == [2, 0]


def test_the_time_to_ask_again_is_when_something_can_have_come_back() -> None:
    tight = Limits(2, 60_000, 4, 25_000)
    used_up = ("a", 0, Ask(((5_000, 1), (2_000, 1)), 0, 1))
    assert shares_of(used_up, ("b", 0, one()), limits=tight)[1].calls_again_ms == 55_000
    dead = ("a", 0, Ask((), 0, 2))
    for ms, again in ((10, 990), (1_200, POLL_MS), (2_500, 58_500), (60_990, SOON_MS)):
        assert shares_of(dead, ("b", ms, one()), limits=tight)[1].calls_again_ms == again
    full = ("a", 0, Ask((), 0, 4))
    for ms, again in ((10, POLL_MS), (2_500, 23_500)):
        assert shares_of(full, ("b", ms, one()))[1].slots_again_ms == again


def test_calls_are_told_in_a_few_numbers_and_never_older_than_they_are() -> None:
    ages = [0, 4, 49, 50, 120, 949, 999]
    told = bucketed(ages, 1_000)
    assert told == ((0, 3), (50, 1), (120, 1), (949, 1), (999, 1))
    assert len(bucketed(range(10_000), 10_000)) == 20
    assert bucketed([], 1_000) == ()
