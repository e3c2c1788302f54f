"""Single histories in plain words: what a person does in one CRM, and what happens in the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.core.backoff import AGE_MS, CAP_MS, TRIES_MIN
from bridge.core.errors import Permanent, Transient
from bridge.core.model import Ref
from bridge.flow import LEASE_MS
from bridge.worker import Worker
from tests.flow.scene import Crash, Scene

MINUTE = 60_000


@pytest.fixture
def scene() -> Scene:
    return Scene()


DOWN = Transient("server_error", "HTTP 503")


# echoes and repeats


def test_an_edit_reaches_every_other_side_with_one_write_each(scene: Scene) -> None:
    delivery = scene.edited("a", name="Bo")
    assert scene.shows("name") == {"a": "Bo", "b": "Bo", "c": "Bo"}
    assert (scene.writes(), scene.outcome(delivery)) == ({"b": [("name",)], "c": [("name",)]}, "changed name")


def test_second_delivery_of_the_same_webhook_writes_nothing(scene: Scene) -> None:
    scene.edited("a", name="Bo")
    written = scene.writes()
    again = scene.webhook("a")
    scene.run()
    assert (scene.outcome(again), scene.writes()) == ("echo", written)


def test_two_deliveries_at_once_cost_one_read_and_one_write_each(scene: Scene) -> None:
    scene.person("a", name="Bo")
    first, second = scene.webhook("a"), scene.webhook("a")
    before = scene.vendors["a"].reads
    scene.run()
    assert (scene.outcome(first), scene.outcome(second)) == ("changed name", "merged: changed name")
    assert (scene.writes(), scene.vendors["a"].reads - before) == ({"b": [("name",)], "c": [("name",)]}, 1)


def test_the_echo_of_our_own_write_is_an_echo(scene: Scene) -> None:
    scene.edited("a", name="Bo")
    echoes = [scene.webhook(side) for side in "bc"]
    written = scene.writes()
    scene.run()
    assert ([scene.outcome(d) for d in echoes], scene.writes()) == (["echo", "echo"], written)
    assert [h.hop for h in scene.peek().hubs.values()] == [0] * 7


def test_a_webhook_that_lies_changes_nothing(scene: Scene) -> None:
    delivery = scene.webhook("a")
    scene.run()
    assert (scene.outcome(delivery), scene.writes()) == ("echo", {})


def test_what_a_webhook_lost_the_sweep_finds(scene: Scene) -> None:
    scene.person("a", name="Bo")
    found = scene.sweep("a")
    scene.run()
    assert (found.looks, scene.shows("name")) == (1, {"a": "Bo", "b": "Bo", "c": "Bo"})
    assert scene.sweep("a").looks == 0


# two people


def test_two_people_edit_different_fields_and_both_are_kept(scene: Scene) -> None:
    scene.person("a", name="Bo")
    scene.person("b", description="by b")
    scene.webhook("b")
    scene.webhook("a")
    scene.run()
    assert scene.shows("name") == {"a": "Bo", "b": "Bo", "c": "Bo"}
    assert scene.shows("description") == {"a": "by b", "b": "by b", "c": "by b"}
    assert scene.journal("lost") == []


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_newest_wins_and_the_loser_is_in_the_journal(scene: Scene, order: str) -> None:
    scene.person("a", name="Earlier")
    scene.person("b", name="Later")
    for side in order:
        scene.webhook(side)
    scene.run()
    assert scene.shows("name") == {"a": "Later", "b": "Later", "c": "Later"}
    what = {"ba": [("lost", "a", "Earlier", "Later")], "ab": []}[order]
    assert scene.journal("lost") == what, "what was overwritten as a newer hub is told by `set`"
    assert ("set", "b", "Earlier" if order == "ab" else "Deal of the start", "Later") in scene.journal("set")


def test_an_edit_after_the_other_was_seen_wins(scene: Scene) -> None:
    scene.edited("a", name="First")
    scene.edited("b", name="Second")
    assert scene.shows("name") == {"a": "Second", "b": "Second", "c": "Second"}


def test_an_edit_that_no_webhook_has_told_yet_is_not_written_over(scene: Scene) -> None:
    scene.person("a", name="Earlier")
    scene.webhook("a")
    scene.person("b", name="Later, and not told yet", description="by b")
    scene.run()
    assert set(scene.shows("name").values()) == {"Later, and not told yet"}
    assert set(scene.shows("description").values()) == {"by b"}
    assert "b" not in scene.writes()


def test_the_authority_wins_though_it_was_earlier() -> None:
    scene = Scene(policies={"name": "source:a"})
    scene.person("a", name="Of the authority")
    scene.person("b", name="Later")
    scene.webhook("b")
    scene.webhook("a")
    scene.run()
    assert set(scene.shows("name").values()) == {"Of the authority"}


def test_the_authority_loses_nothing_when_it_is_heard_first() -> None:
    scene = Scene(policies={"name": "source:a"})
    scene.person("a", name="Of the authority")
    scene.person("b", name="Later")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    assert set(scene.shows("name").values()) == {"Of the authority"}
    assert scene.journal("lost") == [("lost", "b", "Later", "Of the authority")]


def test_a_field_that_is_off_stays_where_it_is() -> None:
    scene = Scene(policies={"name": "off"})
    scene.edited("a", name="Bo")
    assert (scene.writes(), "name" in scene.peek().hubs) == ({}, False)


# holds


def in_conflict() -> Scene:
    """Two sides that say different names, under the rule `hold`."""
    scene = Scene(sides=2, policies={"name": "hold"})
    scene.person("a", name="Of a")
    scene.person("b", name="Of b")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    return scene


def test_a_conflict_on_hold_keeps_both_values_and_says_so() -> None:
    scene = in_conflict()
    assert scene.shows("name") == {"a": "Of a", "b": "Of b"}
    assert scene.journal("lost") == [("lost", "b", "Of b", "Of a")]
    assert (scene.holds(), scene.writes()) == ([("b", "two sides disagree on name")], {})


def test_a_conflict_on_hold_does_not_stop_other_fields() -> None:
    scene = in_conflict()
    scene.edited("a", description="more")
    assert scene.shows("description") == {"a": "more", "b": "more"}


def test_a_conflict_on_hold_ends_when_a_person_makes_both_the_same() -> None:
    scene = in_conflict()
    scene.edited("b", name="Of a")
    assert (scene.holds(), scene.peek().hubs["name"].held_until, scene.writes()) == ([], None, {})
    scene.edited("a", name="Agreed")
    assert scene.shows("name") == {"a": "Agreed", "b": "Agreed"}


def test_a_conflict_on_hold_ends_too_when_the_other_side_gives_in() -> None:
    scene = in_conflict()
    scene.edited("a", name="Of b")
    assert (scene.holds(), scene.peek().hubs["name"].held_until, scene.writes()) == ([], None, {})
    scene.edited("b", name="Agreed")
    assert scene.shows("name") == {"a": "Agreed", "b": "Agreed"}


def test_an_unknown_choice_is_held_and_resumes_by_itself_once_it_is_known(scene: Scene) -> None:
    scene.edited("a", owner="a-new", name="Bo")
    assert scene.shows("name") == {"a": "Bo", "b": "Bo", "c": "Bo"}, "other fields go on"
    assert scene.shows("owner") == {"a": "a-new", "b": "b-hoa", "c": "c-hoa"}
    assert scene.holds() == [(side, "nobody has said what owner 'a:a-new' means") for side in "bc"]
    scene.means("a", "owner", {"a-new": "nam"})
    scene.run()
    assert scene.holds() == [(side, "no choice for owner 'nam'") for side in "bc"]
    for side in "bc":
        scene.means(side, "owner", {f"{side}-nam": "nam"})
    scene.run()
    assert scene.shows("owner") == {"a": "a-new", "b": "b-nam", "c": "c-nam"}
    assert scene.holds() == []


def test_a_hold_goes_when_a_person_chooses_something_known_instead(scene: Scene) -> None:
    scene.edited("a", owner="a-new")
    scene.edited("a", owner="a-lan")
    assert (scene.holds(), scene.shows("owner")) == ([], {"a": "a-lan", "b": "b-lan", "c": "c-lan"})


def test_a_hold_goes_when_the_side_that_waits_decides_for_itself(scene: Scene) -> None:
    scene.edited("a", owner="a-new")
    scene.edited("b", owner="b-lan")
    assert (scene.holds(), scene.shows("owner")) == ([], {"a": "a-lan", "b": "b-lan", "c": "c-lan"})


# pauses and records that are gone


def test_a_paused_connection_catches_up(scene: Scene) -> None:
    scene.store.pause("b", "credentials refused")
    scene.edited("a", name="Bo")
    assert scene.shows("name") == {"a": "Bo", "b": "Deal of the start", "c": "Bo"}
    scene.store.resume("b", scene.clock)
    scene.run()
    assert scene.shows("name")["b"] == "Bo"


def test_what_was_edited_on_a_paused_connection_is_heard_afterwards(scene: Scene) -> None:
    scene.store.pause("b", "credentials refused")
    delivery = scene.edited("b", name="Bo")
    assert (scene.outcome(delivery), scene.writes()) == ("", {})
    scene.store.resume("b", scene.clock)
    scene.run()
    assert (scene.outcome(delivery), set(scene.shows("name").values())) == ("changed name", {"Bo"})


def test_a_pause_that_ends_by_time_needs_nobody(scene: Scene) -> None:
    scene.store.pause("b", "throttled", scene.clock + 10 * MINUTE)
    scene.edited("a", name="Bo")
    assert scene.shows("name")["b"] == "Bo"


def test_a_record_that_is_gone_stops_and_nothing_is_written_elsewhere(scene: Scene) -> None:
    scene.vendors["b"].records["b1"].gone = True
    delivery = scene.webhook("b")
    scene.run()
    assert (scene.outcome(delivery), scene.journal("gone")) == ("not there", [("gone", "b", None, None)])
    assert scene.writes() == {}
    scene.edited("a", name="Bo")
    assert scene.writes() == {"c": [("name",)]}, "the others go on, and b is left alone"


def test_a_record_that_comes_back_is_brought_level(scene: Scene) -> None:
    scene.vendors["b"].records["b1"].gone = True
    scene.webhook("b")
    scene.run()
    scene.edited("a", name="Bo")
    scene.vendors["b"].records["b1"].gone = False
    scene.webhook("b")
    scene.run()
    assert scene.shows("name")["b"] == "Bo"


def test_one_read_that_finds_nothing_is_not_believed(scene: Scene) -> None:
    scene.connectors["b"].read, real = lambda ref: None, scene.connectors["b"].read
    scene.webhook("b")
    scene.take_in()
    claim = scene.flow.claim("w")
    assert claim is not None
    scene.flow.work(claim)
    scene.connectors["b"].read = real
    scene.run()
    assert (scene.journal("gone"), scene.peek().sides["b"].missing_since) == ([], None)


# calls that fail


def test_a_write_that_timed_out_and_landed_is_not_repeated(scene: Scene) -> None:
    scene.fails("b", "write", "landed")
    scene.edited("a", name="Bo")
    assert scene.writes()["b"] == [("name",)]
    assert scene.journal("landed") == [("landed", "b", "Deal of the start", "Bo")]
    assert scene.peek().sides["b"].open is None


def test_a_write_that_timed_out_and_got_lost_is_written_again_once(scene: Scene) -> None:
    scene.fails("b", "write", "lost")
    scene.edited("a", name="Bo")
    assert (scene.writes()["b"], scene.shows("name")["b"]) == ([("name",)], "Bo")
    assert scene.journal("did_not_land") == [("did_not_land", "b", None, "Bo")]


def test_a_write_that_was_refused_for_now_is_tried_again(scene: Scene) -> None:
    scene.fails("b", "write", DOWN, DOWN)
    scene.edited("a", name="Bo")
    assert (scene.writes()["b"], scene.holds()) == ([("name",)], [])


def test_a_write_that_can_never_work_is_held_and_the_next_edit_tries_again(scene: Scene) -> None:
    left = scene.fails("b", "write", *[Permanent("refused", "HTTP 400")] * 9)
    scene.edited("a", name="Bo")
    assert (scene.holds(), scene.shows("name")["c"]) == ([("b", "refused: HTTP 400")], "Bo")
    assert {w["connection"] for w in scene.store.page_of_dead(9)} == {"b"}
    left.clear()
    scene.edited("a", name="Li")
    assert (scene.holds(), scene.shows("name")["b"]) == ([], "Li")


def test_an_hour_without_the_crm_gives_nothing_up_however_often_it_is_heard_of(scene: Scene) -> None:
    left = scene.fails("a", "read", *[DOWN] * 999)
    heard = []
    for n in range(60):
        scene.person("a", name=f"Bo {n}")
        heard.append(scene.webhook("a"))
        scene.work()
    assert 60 <= len(scene.attempts()) < 150 and scene.holds() == []
    scene.clock += 3_600_000
    scene.work()
    left.clear()
    before = scene.clock
    scene.run()
    assert {scene.outcome(d).removeprefix("merged: ") for d in heard} == {"changed name"}
    assert set(scene.shows("name").values()) == {"Bo 59"} and scene.clock - before <= CAP_MS


def test_a_crm_that_fails_for_a_day_is_given_up_and_the_next_hint_tries_again(scene: Scene) -> None:
    left = scene.fails("b", "write", *[DOWN] * 999)
    scene.person("a", name="Bo")
    scene.webhook("a")
    for _ in range(TRIES_MIN):
        assert scene.holds() == []
        scene.work()
        scene.clock += CAP_MS
    scene.clock += AGE_MS
    scene.work()
    assert ("b", "dead", "server_error") in scene.attempts()
    assert (scene.holds(), scene.shows("name")["b"]) == ([("b", "server_error: HTTP 503")], "Deal of the start")
    left.clear()
    scene.run()
    assert scene.shows("name")["b"] == "Deal of the start", "not by itself"
    scene.webhook("b")
    scene.run()
    assert (scene.holds(), scene.shows("name")["b"]) == ([], "Bo")


def test_a_delivery_whose_record_cannot_be_read_for_a_day_is_a_dead_letter(scene: Scene) -> None:
    left = scene.fails("a", "read", *[DOWN] * 999)
    scene.person("a", name="Bo")
    delivery = scene.webhook("a")
    for _ in range(TRIES_MIN):
        scene.work()
        scene.clock += CAP_MS
    scene.clock += AGE_MS
    scene.work()
    assert (scene.outcome(delivery), scene.holds()) == ("dead: server_error", [("a", "server_error: HTTP 503")])
    left.clear()
    again = scene.webhook("a")
    scene.run()
    assert (scene.outcome(again), scene.holds()) == ("changed name", [])
    assert set(scene.shows("name").values()) == {"Bo"}


def test_a_vendor_that_asks_for_pauses_is_not_failing(scene: Scene) -> None:
    scene.fails("a", "read", *[Transient("throttled", after_s=5)] * 20, DOWN)
    delivery = scene.edited("a", name="Bo")
    assert (scene.outcome(delivery), scene.holds()) == ("changed name", [])


def test_a_throttled_connection_waits_as_a_whole_and_catches_up(scene: Scene) -> None:
    scene.fails("b", "write", "throttled")
    scene.edited("a", name="Bo")
    assert (scene.shows("name")["b"], scene.store.connections()["b"]["why"]) == ("Bo", "throttled")


# workers that die, stop, or meet a defect


@pytest.mark.parametrize(
    ("side", "call"), [("a", "read"), ("b", "read"), ("b", "write"), ("c", "read"), ("c", "write")]
)
def test_what_a_dead_worker_left_half_done_is_finished_by_the_next(side: str, call: str) -> None:
    scene = Scene()
    scene.fails(side, call, Crash())
    scene.person("a", name="Bo")
    delivery = scene.webhook("a")
    with pytest.raises(Crash):
        scene.run()
    scene.clock += LEASE_MS
    scene.run()
    assert set(scene.shows("name").values()) == {"Bo"}
    assert (scene.writes(), scene.outcome(delivery)) == ({"b": [("name",)], "c": [("name",)]}, "changed name")


def test_a_worker_that_is_told_to_stop_hands_back_what_is_left(scene: Scene) -> None:
    scene.flow.stopping = lambda: True
    scene.person("a", name="Bo")
    scene.webhook("a")
    scene.take_in()
    assert Worker(scene.flow, {}).step("w")
    assert scene.writes() == {}
    scene.flow.stopping = lambda: False
    scene.run()
    assert set(scene.shows("name").values()) == {"Bo"}


@pytest.mark.parametrize("call", ["read", "write"])
def test_a_defect_is_put_away_where_it_is_seen_and_the_next_hint_tries_again(call: str) -> None:
    scene = Scene()
    scene.fails("b", call, ZeroDivisionError("a defect"))
    scene.edited("a", name="Bo")
    assert ("b", "dead", "defect") in scene.attempts()
    assert ("b", "a defect of the bridge") in scene.holds()
    scene.clock += LEASE_MS
    scene.webhook("b")
    scene.run()
    assert set(scene.shows("name").values()) == {"Bo"}
    assert [h for h in scene.holds() if h[0] == "b"] == []


def test_another_worker_took_the_link_meanwhile(scene: Scene) -> None:
    """The late one ends quietly; what it read is thrown away."""
    scene.person("a", name="Bo")
    scene.webhook("a")
    scene.take_in()
    late = scene.flow.claim("late")
    assert late is not None
    scene.clock += LEASE_MS + 1
    other = scene.flow.claim("other")
    assert other is not None
    scene.flow.work(late)
    assert (scene.journal("set"), scene.writes()) == ([], {})
    scene.flow.work(other)
    scene.run()
    assert set(scene.shows("name").values()) == {"Bo"}


# deliveries


def ends(scene: Scene) -> Iterator[tuple[str, str]]:
    """Deliveries of every sort, each with the outcome it must have in the end."""
    yield scene.webhook("a", "nobody's"), "not linked"
    yield scene.webhook("a", body=b"{}"), "not about a deal"
    yield scene.webhook("a", body=b"\xff not JSON"), "not about a deal"
    yield scene.webhook("c"), "echo"
    yield scene.webhook("c"), "merged: echo"
    scene.person("a", name="Bo")
    yield scene.webhook("a"), "changed name"
    kept: dict[str, Any] = {"method": "POST", "query": {}, "content_type": "", "body": b'{"id": "x"}'}
    yield scene.store.accept("removed", None, scene.clock, **kept), "no such connection"


def test_every_delivery_ends_in_exactly_one_outcome(scene: Scene) -> None:
    expected = dict(ends(scene))
    scene.run()
    assert {d: scene.outcome(d) for d in expected} == expected
    scene.webhook("a")
    scene.run()
    assert {d: scene.outcome(d) for d in expected} == expected, "and keeps it"


def test_deliveries_that_one_useless_read_has_merged_all_end(scene: Scene) -> None:
    real, stale = scene.connectors["a"].read, [1]
    scene.connectors["a"].read = lambda ref: replace(real(ref), stamp=stale.pop()) if stale else real(ref)
    scene.person("a", name="Bo")
    deliveries = [scene.webhook("a") for _ in range(3)]
    scene.run()
    merged = ["merged: changed name"] * 2
    assert [scene.outcome(d) for d in deliveries] == ["changed name", *merged]
    assert scene.peek().sides["a"].stamp == scene.vendors["a"].seen("a1")[0], "what a useless read said is not kept"


def test_a_delivery_that_is_replayed_ends_again_and_writes_nothing(scene: Scene) -> None:
    delivery = scene.edited("a", name="Bo")
    written = scene.writes()
    assert scene.store.replay_deliveries([delivery]) == 1
    scene.run()
    assert (scene.outcome(delivery), scene.writes()) == ("echo", written)


def test_a_look_at_a_connection_that_was_removed_is_dropped(scene: Scene) -> None:
    scene.store.link([Ref("removed", "r1")], scene.clock, link=scene.link)
    scene.run()
    scene.edited("a", name="Bo")
    assert scene.writes() == {"b": [("name",)], "c": [("name",)]}
