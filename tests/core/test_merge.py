"""The rules of the sync algorithm, one small case each: what a read does to hub, shadow, looks and journal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.core.fields import Choice, Field, Text, Words
from bridge.core.merge import ARGUMENT_PAUSE, ARGUMENTS_A_DAY, DAY, Merge, assert_sound
from bridge.core.model import (
    FOREVER,
    Former,
    Hub,
    Link,
    Look,
    Native,
    Record,
    Ref,
    Said,
    Sent,
    Shadow,
    Side,
    Write,
)
from bridge.core.rules import Habits, Rules, SideRules

NOW = 1_000_000
LAG, SUSPECT, TIMEOUT = 10_000, 40_000, 25_000
OLD = NOW - 500_000  # long ago: everything about it is settled
A, B = Ref("a", "a1"), Ref("b", "b1")
QUICK = Habits(react=0)
SLOW = Habits(lag=LAG, suspect=SUSPECT, timeout=TIMEOUT, react=0)
STAGES = Words(meaning={("stage", "1"): "new", ("stage", "2"): "won"}, says={("stage", "new"): ("1",)})


def rules(habits: Habits = QUICK, policy: str = "newest", **fields: Field) -> Rules:
    """Sides a and b with `name`, and what else is asked for; b wins ties. habits: those of a."""
    known = {"name": Text("name", "title"), **fields}
    sides = {
        "a": SideRules("a", known, habits, STAGES, order=0),
        "b": SideRules("b", known, QUICK, STAGES, order=1),
    }
    return Rules(sides, {"name": policy})


def shadow(native: Native = "old", base: int = 1, moved_at: int = OLD, **rest: object) -> Shadow:
    return Shadow(native, base, moved_at, **rest)  # type: ignore[arg-type]


def link(here: Shadow | None = None, hub: Hub | None = None, **side: object) -> Link:
    """The record on a as `here`, on b level with it, and the hub."""
    a = Side(A, shadows={"name": here or shadow()}, **side)  # type: ignore[arg-type]
    b = Side(B, shadows={"name": shadow()})
    return Link("l", {"a": a, "b": b}, {"name": hub or Hub("old", 1, OLD, "b")})


def read(value: Native, stamp: int | None = None, ref: Ref = A, **rest: object) -> Record:
    return Record(ref, {"name": value}, stamp, **rest)  # type: ignore[arg-type]


def told(merge: Merge) -> list[tuple[str, str, object, object, int | None]]:
    return [(e.what, e.connection, e.old, e.new, e.version) for e in merge.effects.journal]


def looks(merge: Merge) -> list[tuple[str, int]]:
    return [(k.ref.connection, k.at - NOW) for k in merge.effects.looks]


def open_write(
    value: Native, version: int = 2, at: int = NOW - 100_000, touched: frozenset[str] = frozenset()
) -> Write:
    return Write("w1", A, {"name": Said(value, version)}, touched | {"name"}, at)


# R2 order


def test_R2_a_read_older_than_the_side_changes_nothing_and_is_repeated() -> None:
    at = link(stamp=500)
    merge = Merge(at, rules(SLOW), NOW)
    assert merge.observe(read("new", stamp=499), NOW) == {"name"}
    assert (at, looks(merge), told(merge)) == (link(stamp=500), [("a", LAG)], [])


def test_R2_waits_a_second_where_there_is_no_lag() -> None:
    merge = Merge(link(stamp=500), rules(), NOW)
    merge.observe(read("new", stamp=499), NOW)
    assert looks(merge) == [("a", 1_000)]


def test_R2_a_newer_stamp_is_kept_and_a_missing_one_forgets_nothing() -> None:
    at = link(stamp=500)
    Merge(at, rules(), NOW).observe(read("old", stamp=700), NOW)
    assert at.sides["a"].stamp == 700
    Merge(at, rules(), NOW).observe(read("old", stamp=None), NOW)
    assert at.sides["a"].stamp == 700


# echo


def test_an_equal_value_is_an_echo() -> None:
    at = link()
    merge = Merge(at, rules(), NOW)
    assert merge.observe(read("old"), NOW) == set()
    assert (at, told(merge), looks(merge)) == (link(), [], [])


def test_a_settled_echo_confirms_our_write() -> None:
    at = link(shadow(sent=Sent("old"), undated=True, moved_at=NOW - LAG))
    Merge(at, rules(SLOW), NOW).observe(read("old"), NOW)
    assert at.sides["a"].shadows["name"] == shadow(moved_at=NOW - LAG)


def test_an_early_echo_confirms_nothing() -> None:
    here = shadow(sent=Sent("old"), undated=True, moved_at=NOW - LAG + 1)
    at = link(replace(here))
    Merge(at, rules(SLOW), NOW).observe(read("old"), NOW)
    assert at.sides["a"].shadows["name"] == here


def test_a_field_that_a_read_does_not_show_is_unknown_and_stays() -> None:
    at = link()
    merge = Merge(at, rules(), NOW)
    assert merge.observe(Record(A, {}), NOW) == set()
    assert (at, told(merge)) == (link(), [])


def test_none_is_empty_and_is_an_edit() -> None:
    at = link()
    Merge(at, rules(), NOW).observe(read(None), NOW)
    assert (at.hubs["name"].value, at.hubs["name"].version) == (None, 2)


# R3 quiet


def test_R3_a_difference_within_the_lag_waits() -> None:
    at = link(shadow(moved_at=NOW - LAG + 1))
    merge = Merge(at, rules(SLOW), NOW)
    assert merge.observe(read("new"), NOW) == {"name"}
    assert (looks(merge), at.hubs["name"].version, at.sides["a"].shadows["name"].native) == ([("a", 1)], 1, "old")
    assert merge.effects.unsettled == {"name"}


def test_R3_counts_from_when_the_read_was_issued() -> None:
    merge = Merge(link(shadow(moved_at=NOW - LAG)), rules(SLOW), NOW)
    assert merge.observe(read("new"), NOW - 1) == {"name"}


def test_R3_a_difference_after_the_lag_is_an_edit() -> None:
    merge = Merge(link(shadow(moved_at=NOW - LAG)), rules(SLOW), NOW)
    assert merge.observe(read("new"), NOW) == set()
    assert told(merge) == [("set", "a", "old", "new", 2)]


def test_R3_a_newer_stamp_proves_that_the_read_is_not_stale() -> None:
    merge = Merge(link(shadow(moved_at=NOW - 1), stamp=500), rules(SLOW), NOW)
    assert merge.observe(read("new", stamp=501), NOW) == set()


def test_R3_a_newer_stamp_proves_nothing_while_the_shadow_is_undated() -> None:
    merge = Merge(link(shadow(moved_at=NOW - 1, undated=True), stamp=500), rules(SLOW), NOW)
    assert merge.observe(read("new", stamp=501), NOW) == {"name"}


def test_R3_a_field_that_an_open_write_touched_waits_for_its_time_limit_too() -> None:
    sent_at = NOW - TIMEOUT - LAG + 1
    at = link(open=open_write("said", at=sent_at))
    merge = Merge(at, rules(SLOW), NOW)
    assert merge.observe(read("new"), NOW) == {"name"}
    assert looks(merge) == [("a", 1)]


def test_R3_a_field_that_an_open_write_did_not_touch_does_not_wait() -> None:
    write = Write("w1", A, {"other": Said("x", 2)}, frozenset({"other"}), NOW)
    merge = Merge(link(open=write), rules(SLOW), NOW)
    assert merge.observe(read("new"), NOW) == set()


# R4 former values


def test_R4_a_former_value_is_suspect_for_longer() -> None:
    here = shadow("new", moved_at=NOW - LAG)
    at = link(here, formers={"name": [Former("old", NOW - LAG)]})
    merge = Merge(at, rules(SLOW), NOW)
    assert merge.observe(read("old"), NOW) == {"name"}
    assert looks(merge) == [("a", SUSPECT - LAG)]


def test_R4_a_true_revert_is_taken_in_the_end() -> None:
    at = link(shadow("new", moved_at=NOW - SUSPECT), formers={"name": [Former("old", NOW - SUSPECT)]})
    at.hubs["name"] = Hub("new", 1, OLD, "b")
    merge = Merge(at, rules(SLOW), NOW)
    assert merge.observe(read("old"), NOW) == set()
    assert told(merge) == [("set", "a", "new", "old", 2)]


def test_R4_an_edit_remembers_what_it_replaced_and_forgets_what_is_no_longer_suspect() -> None:
    kept, over = Former("older", NOW - SUSPECT + 1), Former("oldest", NOW - SUSPECT)
    at = link(formers={"name": [over, kept]})
    Merge(at, rules(SLOW), NOW).observe(read("new"), NOW)
    assert at.sides["a"].formers["name"] == [kept, Former("old", NOW)]


def test_R4_needs_no_memory_where_reads_are_never_stale() -> None:
    at = link()
    Merge(at, rules(), NOW).observe(read("new"), NOW)
    assert at.sides["a"].formers["name"] == []


# R5 our own write


def test_R5_our_write_as_the_vendor_stores_it_is_no_edit() -> None:
    at = link(shadow("A Long Name", base=2, sent=Sent("A Long Name")), Hub("A Long Name", 2, OLD, "b"))
    merge = Merge(at, rules(), NOW)
    merge.observe(read("a long name"), NOW)
    assert at.sides["a"].shadows["name"] == shadow("a long name", base=2, undated=True)
    assert (at.hubs["name"], told(merge)) == (
        Hub("A Long Name", 2, OLD, "b"),
        [("normalised", "a", "A Long Name", "a long name", 2)],
    )


def test_R5_what_nobody_can_explain_is_an_edit() -> None:
    at = link(shadow("A Long Name", base=2, sent=Sent("A Long Name")), Hub("A Long Name", 2, OLD, "b"))
    merge = Merge(at, rules(), NOW)
    merge.observe(read("Somebody's name"), NOW)
    assert told(merge) == [("set", "a", "A Long Name", "Somebody's name", 3)]


def test_R5_a_field_that_rewrites_explains_anything_once() -> None:
    at = link(shadow("said", base=2, sent=Sent("said")), Hub("said", 2, OLD, "b"))
    spec = rules(name=Text("name", "title", rewrites=True))
    merge = Merge(at, spec, NOW)
    merge.observe(read("beyond recognition"), NOW)
    merge.observe(read("an edit"), NOW)
    assert [t[0] for t in told(merge)] == ["normalised", "set"]


def test_R5_sent_none_is_a_value_that_was_sent() -> None:
    at = link(shadow(None, base=2, sent=Sent(None)), Hub(None, 2, OLD, "b"))
    merge = Merge(at, rules(), NOW)
    merge.observe(read("  "), NOW)
    assert told(merge) == [("normalised", "a", None, "  ", 2)]


def test_R5_a_write_in_doubt_that_landed_is_ours() -> None:
    at = link(hub=Hub("Said", 2, OLD, "b"), open=open_write("Said"))
    merge = Merge(at, rules(SLOW), NOW)
    assert merge.observe(read("said"), NOW) == set()
    side = at.sides["a"]
    assert (side.shadows["name"], side.wrote_at) == (shadow("said", base=2, moved_at=NOW, undated=True), NOW)
    assert told(merge) == [("landed", "a", "old", "said", 2)]


def test_R5_a_choice_is_explained_by_itself_only() -> None:
    spec = rules(stage=Choice("stage", "s"))
    assert [spec.sides["a"].explained("stage", "Abcdefgh1", n) for n in ("Abcdefgh1", "abcdefgh1")] == [True, False]


# R6 cosmetic


def test_R6_other_looks_of_the_same_value_move_the_shadow_only() -> None:
    at = link()
    merge = Merge(at, rules(), NOW)
    merge.observe(read(" old "), NOW)
    assert (at.sides["a"].shadows["name"], told(merge)) == (shadow(" old "), [])
    assert at.hubs["name"] == Hub("old", 1, OLD, "b")


# R7, R8 ingest and conflict


def test_R7_an_edit_sets_the_hub_and_its_own_side_is_level() -> None:
    at = link(stamp=500)
    merge = Merge(at, rules(), NOW)
    merge.observe(read("new", stamp=NOW - 7, actor="Hoa"), NOW)
    assert at.hubs["name"] == Hub("new", 2, NOW - 7, "a")
    assert at.sides["a"].shadows["name"] == shadow("new", base=2, moved_at=NOW)
    assert at.sides["b"].shadows["name"].base == 1
    assert (told(merge), merge.effects.journal[0].detail) == ([("set", "a", "old", "new", 2)], "by Hoa")


def test_R7_a_vendor_clock_that_runs_ahead_does_not_outrun_ours() -> None:
    at = link()
    Merge(at, rules(), NOW).observe(read("new", stamp=NOW + 99_999), NOW)
    assert at.hubs["name"].stamp == NOW


def test_R7_the_same_edit_on_both_sides_needs_no_write() -> None:
    at = link(hub=Hub("new", 2, NOW - 1, "b"))
    merge = Merge(at, rules(), NOW)
    merge.observe(read("new"), NOW)
    assert (at.sides["a"].shadows["name"].base, told(merge)) == (2, [("settled_equal", "a", None, "new", 2)])
    assert at.hubs["name"] == Hub("new", 2, NOW - 1, "b")


def test_R7_fields_are_merged_one_by_one() -> None:
    spec = rules(description=Text("description", "notes"))
    at = link(hub=Hub("b's name", 2, NOW, "b"))
    at.hubs["description"] = Hub("d", 1, OLD, "b")
    at.sides["a"].shadows["description"] = shadow("d")
    Merge(at, spec, NOW).observe(Record(A, {"name": "old", "description": "a's words"}), NOW)
    assert (at.hubs["name"].value, at.hubs["description"].value) == ("b's name", "a's words")


def test_R8_after_a_change_that_this_side_had_seen_the_later_wins_whatever_the_clocks_say() -> None:
    at = link(shadow(base=2), Hub("old", 2, NOW, "b"))
    Merge(at, rules(), NOW).observe(read("new", stamp=5), NOW)
    assert at.hubs["name"].value == "new"


CONFLICTS = [
    ("newest, here later", "newest", 11, "new"),
    ("newest, there later", "newest", 9, "theirs"),
    ("newest, the same moment: the order of connections", "newest", 10, "theirs"),
    ("the authority is here", "source:a", 9, "new"),
    ("the authority is there", "source:b", 11, "theirs"),
    ("hold", "hold", 11, "theirs"),
]


@pytest.mark.parametrize(("why", "policy", "stamp", "winner"), CONFLICTS, ids=[c[0] for c in CONFLICTS])
def test_R8_two_sides_changed_it(why: str, policy: str, stamp: int, winner: str) -> None:
    at = link(hub=Hub("theirs", 2, 10, "b"))
    merge = Merge(at, rules(policy=policy), NOW)
    merge.observe(read("new", stamp=stamp), NOW)
    hub, mine = at.hubs["name"], at.sides["a"].shadows["name"]
    assert (hub.value, hub.version, mine.native) == (winner, 3 if winner == "new" else 2, "new")
    won = [("set", "a", "theirs", "new", 3)]
    lost = [("lost", "a", "new", "theirs", 2), *([("held", "a", None, None, 2)] if policy == "hold" else [])]
    assert told(merge) == (won if winner == "new" else lost)
    assert mine.base == (3 if winner == "new" else 1), "the loser is still due for what won"
    assert hub.held_until == (FOREVER if policy == "hold" else None)


def test_R8_the_later_connection_wins_a_tie() -> None:
    at = link(hub=Hub("theirs", 2, 10, "a"))
    merge = Merge(at, rules(), NOW)
    merge.observe(read("new", stamp=10, ref=B), NOW)
    assert (at.hubs["name"].value, merge.effects.journal[0].detail) == ("new", "over a (newest)")


def test_R8_a_conflict_on_hold_ends_when_all_sides_say_the_same() -> None:
    at = link(shadow("mine", base=1), Hub("theirs", 2, OLD, "b", held_until=FOREVER))
    at.sides["b"].shadows["name"] = shadow("theirs", base=2)
    merge = Merge(at, rules(policy="hold"), NOW)
    merge.observe(read("theirs"), NOW)
    assert [t[0] for t in told(merge)] == ["settled_equal", "released"]
    assert at.hubs["name"].held_until is None


def test_R8_a_conflict_on_hold_goes_on_while_one_side_differs() -> None:
    at = link(shadow("mine", base=1), Hub("theirs", 2, OLD, "b", held_until=FOREVER))
    at.sides["b"].shadows["name"] = shadow("third", base=2)
    Merge(at, rules(policy="hold"), NOW).observe(read("theirs"), NOW)
    assert at.hubs["name"].held_until == FOREVER


@pytest.mark.parametrize(("stands", "value"), [("a", "mine"), ("b", "theirs")])
def test_R8_a_person_says_whose_value_stands(stands: str, value: str) -> None:
    at = link(shadow("mine", base=1), Hub("theirs", 2, OLD, "b", hop=4, held_until=FOREVER))
    at.sides["b"].shadows["name"] = shadow("theirs", base=2)
    merge = Merge(at, rules(policy="hold"), NOW, "decided")
    merge.decide("name", stands, "Hoa")
    assert at.hubs["name"] == Hub(value, 3, NOW, stands)
    other = "b" if stands == "a" else "a"
    assert (at.sides[stands].shadows["name"].base, at.sides[other].shadows["name"].base < 3) == (3, True)
    assert told(merge) == [("decided", stands, "theirs", value, 3)]
    assert (merge.effects.journal[0].detail, looks(merge)) == ("Hoa", [("a", 0), ("b", 0)])


def test_R8_an_edit_that_was_not_seen_when_a_person_decided_is_held_again() -> None:
    at = link(shadow("mine", base=1), Hub("theirs", 2, OLD, "b", held_until=FOREVER))
    at.sides["b"].shadows["name"] = shadow("theirs", base=2)
    Merge(at, rules(policy="hold"), NOW).decide("name", "b", "Hoa")
    Merge(at, rules(policy="hold"), NOW).observe(read("mine, later"), NOW)
    assert (at.hubs["name"].value, at.hubs["name"].held_until) == ("theirs", FOREVER)


# R9 arguments between automations


def hops(stamp: int | None, wrote_at: int | None, hop: int = 0, **hub: int) -> tuple[Hub, Merge]:
    at = link(hub=Hub("old", 1, OLD, "b", hop=hop, **hub), wrote_at=wrote_at)
    merge = Merge(at, rules(Habits(react=33_000, suspect=SUSPECT, scan=100_000)), NOW)
    merge.observe(read("answer", stamp=stamp), NOW)
    return at.hubs["name"], merge


@pytest.mark.parametrize(
    ("why", "stamp", "wrote_at", "hop"),
    [
        ("we never wrote here", NOW, None, 0),
        ("at once after our write", NOW, NOW - 1, 1),
        ("as fast as automations answer", NOW, NOW - 32_999, 1),
        ("slower than automations answer", NOW, NOW - 33_000, 0),
        ("without a stamp it may be older than it looks", None, NOW - 33_000 - SUSPECT - 100_000 - 59_999, 1),
        ("without a stamp, and too late even so", None, NOW - 33_000 - SUSPECT - 100_000 - 60_000, 0),
    ],
)
def test_R9_a_change_that_our_own_write_may_have_caused_counts(
    why: str, stamp: int | None, wrote_at: int | None, hop: int
) -> None:
    assert hops(stamp, wrote_at)[0].hop == hop


def test_R9_the_fourth_answer_in_a_row_is_held_for_a_while() -> None:
    assert hops(NOW, NOW - 1, hop=2)[0].held_until is None
    hub, merge = hops(NOW, NOW - 1, hop=3)
    assert (hub.value, hub.held_until, hub.argued) == ("answer", NOW + ARGUMENT_PAUSE, 1)
    assert [t[0] for t in told(merge)] == ["held", "set"]


def test_R9_a_person_ends_the_argument() -> None:
    assert hops(NOW, NOW - 40_000, hop=3)[0].hop == 0


def test_R9_too_many_arguments_on_one_day_wait_for_a_person() -> None:
    today = NOW // DAY
    assert hops(NOW, NOW, 3, argued=ARGUMENTS_A_DAY - 1, argued_day=today)[0].held_until == NOW + ARGUMENT_PAUSE
    assert hops(NOW, NOW, 3, argued=ARGUMENTS_A_DAY, argued_day=today)[0].held_until == FOREVER
    assert hops(NOW, NOW, 3, argued=ARGUMENTS_A_DAY, argued_day=today - 1)[0].held_until == NOW + ARGUMENT_PAUSE


def test_R9_what_people_do_in_a_pause_is_no_further_argument() -> None:
    hub, merge = hops(NOW, NOW, 3, held_until=NOW + 60_000, argued=ARGUMENTS_A_DAY, argued_day=NOW // DAY)
    assert (hub.value, hub.held_until, hub.argued) == ("answer", NOW + 60_000, ARGUMENTS_A_DAY)
    assert [t[0] for t in told(merge)] == ["set"]


# R11 settle


def settled(answer: Record | None, habits: Habits = QUICK, write: Write | None = None) -> tuple[Link, Merge]:
    at = link(hub=Hub("said", 2, OLD, "b"), open=write or open_write("said"))
    at.sides["a"].shadows["description"] = shadow("words")
    at.hubs["description"] = Hub("words", 1, OLD, "b")
    merge = Merge(at, rules(habits, description=Text("description", "d")), NOW)
    merge.settle(at.sides["a"], answer, NOW - 5)
    return at, merge


def test_R11_without_an_answer_the_side_shows_what_was_sent() -> None:
    at, merge = settled(None, SLOW)
    side = at.sides["a"]
    expected = shadow("said", base=2, moved_at=NOW, sent=Sent("said"), undated=True)
    assert (side.shadows["name"], side.open, side.wrote_at) == (expected, None, NOW)
    assert (merge.effects.closed, merge.effects.looks) == ({"w1": ("done", "")}, [Look(A, NOW + LAG, "confirm")])
    assert told(merge) == [("sent", "a", "old", "said", 2)]
    assert side.formers["name"] == [Former("old", NOW)]


KEPT = [
    ("stored", "anything at all", "anything at all"),
    ("unknown", "anything at all", "said"),
    ("unknown", "Said", "Said"),
    ("none", "Said", "Said"),
]


@pytest.mark.parametrize(("answer", "shown", "kept"), KEPT)
def test_R11_the_answer_is_believed_as_far_as_the_vendor_earns_it(answer: str, shown: str, kept: str) -> None:
    at, _ = settled(read(shown, stamp=700), replace(QUICK, answer=answer))  # type: ignore[arg-type]
    name = at.sides["a"].shadows["name"]
    sent = None if answer == "stored" else Sent("said")  # what is stored is final: a shorter text later is an edit
    assert (name.native, name.sent, name.undated) == (kept, sent, answer != "stored")


def test_R11_a_stored_answer_without_a_stamp_leaves_the_shadow_undated() -> None:
    at, _ = settled(read("said"), replace(QUICK, answer="stored"))
    assert at.sides["a"].shadows["name"].undated


def test_R11_the_other_fields_of_an_answer_are_a_read_and_may_hold_an_edit() -> None:
    at, merge = settled(Record(A, {"name": "said", "description": "edited by hand"}))
    assert at.hubs["description"].value == "edited by hand"
    assert told(merge) == [("sent", "a", "old", "said", 2), ("set", "a", "words", "edited by hand", 2)]


def test_R11_an_early_answer_of_a_slow_vendor_proves_nothing_about_other_fields() -> None:
    write = open_write("said", touched=frozenset({"description"}))
    at, merge = settled(Record(A, {"name": "said", "description": "stale"}), SLOW, write)
    assert (at.hubs["description"].version, merge.effects.unsettled) == (1, {"description"})


def test_R13_fields_that_were_sent_back_unchanged_are_quiet_too() -> None:
    at, _ = settled(None, SLOW, open_write("said", touched=frozenset({"description"})))
    assert at.sides["a"].shadows["description"].moved_at == NOW
    at, _ = settled(None, SLOW)
    assert at.sides["a"].shadows["description"].moved_at == OLD


# R12 in doubt


def test_R12_a_read_too_early_tells_nothing() -> None:
    at = link(open=open_write("said", at=NOW - TIMEOUT))
    merge = Merge(at, rules(SLOW), NOW)
    assert not merge.resolve_doubt(at.sides["a"], NOW)
    assert (at.sides["a"].open is not None, looks(merge), merge.effects.closed) == (True, [("a", LAG)], {})


def test_R12_a_late_read_closes_it_and_what_did_not_land_is_due_again() -> None:
    at = link(open=open_write("said", at=NOW - TIMEOUT - LAG))
    merge = Merge(at, rules(SLOW), NOW)
    assert merge.resolve_doubt(at.sides["a"], NOW)
    assert (at.sides["a"].open, at.sides["a"].shadows["name"].base) == (None, 1)
    assert merge.effects.closed == {"w1": ("done", "a later read told")}
    assert told(merge) == [("did_not_land", "a", None, "said", 2)]


def test_R12_what_landed_is_not_reported_as_lost() -> None:
    at = link(shadow("said", base=2), Hub("said", 2, OLD, "b"), open=open_write("said", at=OLD))
    merge = Merge(at, rules(SLOW), NOW)
    assert merge.resolve_doubt(at.sides["a"], NOW)
    assert told(merge) == []


def test_R12_a_newer_stamp_proves_nothing_at_the_first_look_either() -> None:
    """A write was in doubt when its record left a link; in the next one it lands just after somebody's edit."""
    at = link(stamp=500, open=open_write("late", 1, at=NOW))
    at.sides["a"].shadows.clear()
    Merge(at, rules(SLOW), NOW).observe(read("old", stamp=501), NOW)
    merge = Merge(at, rules(SLOW), NOW + 1)
    assert merge.observe(read("new", stamp=502), NOW + 1) == {"name"}
    assert (told(merge), looks(merge)) == ([], [("a", TIMEOUT + LAG)])


def test_R12_nothing_in_doubt() -> None:
    at = link()
    assert Merge(at, rules(), NOW).resolve_doubt(at.sides["a"], NOW)


# R15 gone


def test_R15_one_read_that_finds_nothing_is_not_enough() -> None:
    at = link()
    merge = Merge(at, rules(SLOW), NOW)
    merge.missing(at.sides["a"])
    assert (at.sides["a"].gone, at.sides["a"].missing_since, looks(merge), told(merge)) == (
        False,
        NOW,
        [("a", LAG)],
        [],
    )


def test_R15_a_second_read_too_soon_is_not_enough() -> None:
    at = link(missing_since=NOW - LAG + 1)
    merge = Merge(at, rules(SLOW), NOW)
    merge.missing(at.sides["a"])
    assert (at.sides["a"].gone, looks(merge)) == (False, [("a", 1)])


def test_R15_a_second_read_after_the_lag_makes_it_certain_and_closes_what_was_open() -> None:
    at = link(missing_since=NOW - LAG, open=open_write("said"))
    merge = Merge(at, rules(SLOW), NOW)
    merge.missing(at.sides["a"])
    assert (at.sides["a"].gone, at.sides["a"].open, looks(merge)) == (True, None, [])
    assert (merge.effects.closed, told(merge)) == (
        {"w1": ("refused", "the record is gone")},
        [("gone", "a", None, None, None)],
    )
    again = Merge(at, rules(SLOW), NOW + 1)
    again.missing(at.sides["a"])
    assert told(again) == [], "it is gone once"


def test_R15_a_record_that_comes_back_lives_again() -> None:
    at = link(missing_since=5, gone=True)
    merge = Merge(at, rules(), NOW)
    merge.present(at.sides["a"])
    assert (at.sides["a"].gone, at.sides["a"].missing_since) == (False, None)
    assert told(merge) == [("back", "a", None, None, None)]


# first sight


def test_the_first_side_gives_the_hub_its_value() -> None:
    at = Link("l", {"a": Side(A), "b": Side(B)})
    merge = Merge(at, rules(), NOW)
    merge.observe(read("as found", stamp=7), NOW)
    assert (at.hubs["name"], at.sides["a"].shadows["name"]) == (Hub("as found", 1, 7, "a"), Shadow("as found", 1, NOW))
    assert told(merge) == [("first", "a", None, "as found", 1)]


def test_a_second_side_that_differs_is_told_and_not_written() -> None:
    at = Link("l", {"a": Side(A), "b": Side(B)}, {"name": Hub("as found", 1, 7, "a")})
    merge = Merge(at, rules(), NOW)
    merge.observe(read("otherwise", ref=B), NOW)
    assert at.hubs["name"] == Hub("as found", 1, 7, "a")
    assert (at.sides["b"].shadows["name"].base, told(merge)) == (1, [("differs", "b", "as found", "otherwise", 1)])


def test_an_empty_first_side_gives_way_to_one_that_shows_something() -> None:
    at = Link("l", {"a": Side(A), "b": Side(B)}, {"name": Hub(None, 1, 7, "a")})
    Merge(at, rules(), NOW).observe(read("shown", stamp=9, ref=B), NOW)
    assert at.hubs["name"] == Hub("shown", 1, 9, "b")


# fields that are not for this side


@pytest.mark.parametrize("field", ["unknown field", "off", "unread"])
def test_fields_that_are_not_taken(field: str) -> None:
    spec = {
        "unknown field": rules(),
        "off": rules(policy="off"),
        "unread": rules(name=Text("name", "t", unread="cannot be read back")),
    }[field]
    shown = Record(A, {"nobody's": "new"} if field == "unknown field" else {"name": "new"})
    at = link()
    merge = Merge(at, spec, NOW)
    assert (merge.observe(shown, NOW), at, told(merge)) == (set(), link(), [])


def test_a_stage_that_moves_without_its_status_is_no_edit_of_the_status() -> None:
    words = Words(meaning={("status", "1"): "open", ("status", "2"): "open", ("status", "3"): "won"})
    spec = {"status": Choice("status", "s", via="stage")}
    sides = {"a": SideRules("a", spec, QUICK, words)}
    at = Link("l", {"a": Side(A, shadows={"status": shadow("1")})}, {"status": Hub("won", 2, OLD, "b")})
    merge = Merge(at, Rules(sides), NOW)
    merge.observe(Record(A, {"status": "2"}), NOW)
    assert (at.sides["a"].shadows["status"].native, at.sides["a"].shadows["status"].base, told(merge)) == ("2", 1, [])


# unknown choices


def test_an_unknown_choice_is_understood_once_somebody_has_said_it() -> None:
    spec = rules(stage=Choice("stage", "s"))
    at = Link("l", {"a": Side(A), "b": Side(B)}, {"stage": Hub("unknown:a:2", 3, 7, "a")})
    merge = Merge(at, spec, NOW)
    merge.understand()
    assert at.hubs["stage"] == Hub("won", 3, 7, "a")
    assert told(merge) == [("understood", "a", "unknown:a:2", "won", 3)]


def test_an_unknown_choice_of_a_side_that_has_left_is_understood_too() -> None:
    at = Link("l", {"b": Side(B)}, {"stage": Hub("unknown:a:2", 3, 7, "a")})
    merge = Merge(at, rules(stage=Choice("stage", "s")), NOW)
    merge.understand()
    assert (at.hubs["stage"].value, told(merge)[0][:2]) == ("won", ("understood", "a"))


@pytest.mark.parametrize(
    "hub", [Hub("unknown:a:9", 3, 7, "a"), Hub("unknown:x:2", 3, 7, "x"), Hub("new", 3, 7, "a"), Hub(None, 3, 7, "a")]
)
def test_what_nobody_has_said_stays_unknown(hub: Hub) -> None:
    at = Link("l", {"a": Side(A)}, {"stage": replace(hub)})
    Merge(at, rules(stage=Choice("stage", "s")), NOW).understand()
    assert at.hubs["stage"] == hub


def test_text_that_looks_unknown_is_text() -> None:
    at = Link("l", {"a": Side(A)}, {"name": Hub("unknown:a:2", 1, 7, "a")})
    Merge(at, rules(), NOW).understand()
    assert at.hubs["name"].value == "unknown:a:2"


def test_I13_a_shadow_never_runs_ahead_of_its_hub() -> None:
    assert_sound(link(shadow(base=1)))
    with pytest.raises(AssertionError, match="base 2 > 1"):
        assert_sound(link(shadow(base=2)))
