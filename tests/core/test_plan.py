"""What is due for one side: the patch, or the reason why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.core.fields import Choice, Field, Text, Words
from bridge.core.model import FOREVER, Canonical, Hold, Hub, Link, Native, Ref, Refusal, Said, Shadow, Side
from bridge.core.plan import Plan, behind, due, leave_out, plan
from bridge.core.rules import Rules, SideRules

NOW = 1_000_000
A, B = Ref("a", "a1"), Ref("b", "b1")
TABLE: dict[str, Field] = {"name": Text("name", "title"), "note": Text("note", "n", readonly="v2 ignores it on update")}

# One vendor whose stage tells the status too: 1 and 2 are open, 3 is won, 4 is lost.
FUNNEL: dict[str, Field] = {
    "status": Choice("status", "stage_id", via="stage", blank=False),
    "stage": Choice("stage", "stage_id", blank=False),
}
FUNNEL_WORDS = Words(
    meaning={
        **{("stage", n): c for n, c in {"1": "new", "2": "offer", "3": "signed", "4": "dropped"}.items()},
        **{("status", n): c for n, c in {"1": "open", "2": "open", "3": "won", "4": "lost"}.items()},
    },
    says={
        **{("stage", c): (n,) for c, n in {"new": "1", "offer": "2", "signed": "3", "dropped": "4"}.items()},
        **{("status", c): (n,) for c, n in {"open": "1", "won": "3", "lost": "4"}.items()},
    },
)


def link(hubs: dict[str, tuple[Canonical, int]], here: dict[str, tuple[Native, int]], **side: object) -> Link:
    """hubs: value and version. here: what a shows, and the version it reflects."""
    shadows = {f: Shadow(n, base, 0) for f, (n, base) in here.items()}
    a = Side(A, shadows=shadows, **side)  # type: ignore[arg-type]
    return Link("l", {"a": a}, {f: Hub(c, version, 0, "b") for f, (c, version) in hubs.items()})


def rules(fields: dict[str, Field] = TABLE, words: Words = Words(), policy: str = "newest", **side: bool) -> Rules:  # noqa: B008  a frozen value
    return Rules({"a": SideRules("a", fields, words=words, **side)}, {"name": policy})  # type: ignore[arg-type]


def planned(
    at: Link, spec: Rules, unsettled: frozenset[str] = frozenset(), locked: dict[str, str] | None = None
) -> Plan:
    return plan(at, at.sides["a"], spec, NOW, unsettled=unsettled, locked=locked or {}, cause="d1")


# what was refused for good


@pytest.mark.parametrize(
    ("refusal", "patch", "held", "base"),
    [
        (Refusal(Said("x", 2), "no"), {}, ["name"], 1),
        (Refusal(Said("x", 2), "no", discarded=True), {}, [], 2),
        (Refusal(Said("other", 2), "no"), {"name": Said("x", 2)}, [], 1),
        (Refusal(Said("x", 1), "no", discarded=True), {"name": Said("x", 2)}, [], 1),
    ],
    ids=["held", "discarded", "another value", "another version"],
)
def test_what_was_refused_is_left_out(refusal: Refusal, patch: dict[str, Said], held: list[str], base: int) -> None:
    at, spec = link({"name": ("x", 2)}, {"name": ("old", 1)}), rules()
    made = planned(at, spec)
    leave_out(made, at, at.sides["a"], spec, {"name": refusal}, NOW, singly=False, cause="d1")
    assert (made.patch, [h.field for h in made.holds]) == (patch, held)
    assert at.sides["a"].shadows["name"].base == base
    assert [(e.what, e.version) for e in made.journal] == ([("not_sent", base)] if base == 2 else [])


# what is due


@pytest.mark.parametrize(
    ("why", "at", "spec", "fields"),
    [
        ("level", link({"name": ("x", 2)}, {"name": ("x", 2)}), rules(), []),
        ("behind", link({"name": ("x", 2)}, {"name": ("old", 1)}), rules(), ["name"]),
        ("never seen, never changed", link({"name": ("x", 1)}, {}), rules(), []),
        ("never seen, and changed", link({"name": ("x", 2)}, {}), rules(), ["name"]),
        ("no hub yet", link({}, {"name": ("old", 1)}), rules(), []),
        ("not a field of this side", link({"amount": ("1 USD", 2)}, {}), rules(), []),
        ("off", link({"name": ("x", 2)}, {"name": ("old", 1)}), rules(policy="off"), []),
        ("gone", link({"name": ("x", 2)}, {"name": ("old", 1)}, gone=True), rules(), []),
    ],
)
def test_due(why: str, at: Link, spec: Rules, fields: list[str]) -> None:
    assert due(at, at.sides["a"], spec) == fields == behind(at, at.sides["a"], spec)


def test_a_paused_connection_is_behind_and_nothing_is_due() -> None:
    at, spec = link({"name": ("x", 2)}, {"name": ("old", 1)}), rules(paused=True)
    assert (due(at, at.sides["a"], spec), behind(at, at.sides["a"], spec)) == ([], ["name"])


def test_nothing_is_behind_on_a_connection_that_is_not_configured() -> None:
    at = link({"name": ("x", 2)}, {"name": ("old", 1)})
    assert behind(at, at.sides["a"], Rules({})) == []


def test_a_stage_comes_behind_the_pipeline_it_depends_on() -> None:
    fields: dict[str, Field] = {"stage": Choice("stage", "s", scope="pipeline"), "pipeline": Choice("pipeline", "p")}
    at = link({"stage": ("new", 2), "pipeline": ("sales", 2)}, {})
    assert due(at, at.sides["a"], rules(fields)) == ["pipeline", "stage"]


# patches and reasons


def test_what_is_due_is_said_with_its_version() -> None:
    at = link({"name": ("x", 3)}, {"name": ("old", 1)})
    assert planned(at, rules()) == Plan({"name": Said("x", 3)})
    assert at.sides["a"].shadows["name"].base == 1, "only the answer moves the base"


@pytest.mark.parametrize(
    ("why", "field", "shown", "detail"),
    [
        ("it says so already", "name", "x ", "already says the same"),
        ("the vendor never takes it", "note", "old", "v2 ignores it on update"),
        ("already the same comes first", "note", "x", "already says the same"),
    ],
)
def test_what_needs_no_write_is_told_once(why: str, field: str, shown: str, detail: str) -> None:
    at = link({field: ("x", 3)}, {field: (shown, 1)})
    made = planned(at, rules())
    assert (made.patch, made.holds, made.waits) == ({}, [], [])
    assert [(e.what, e.field, e.new, e.version, e.delivery, e.detail) for e in made.journal] == [
        ("not_sent", field, "x", 3, "d1", detail)
    ]
    assert at.sides["a"].shadows[field].base == 3
    assert planned(at, rules()) == Plan()


def test_a_readonly_field_that_was_never_read_is_told_once_too() -> None:
    at = link({"note": ("x", 3)}, {})
    assert [e.what for e in planned(at, rules()).journal] == ["not_sent"]
    assert planned(at, rules()) == Plan()


def test_an_unsettled_field_waits_for_its_next_look() -> None:
    at = link({"name": ("x", 3)}, {"name": ("old", 1)})
    assert planned(at, rules(), unsettled=frozenset({"name"})) == Plan()


def test_a_field_that_the_record_refuses_is_held_with_the_reason() -> None:
    at = link({"name": ("x", 3)}, {"name": ("old", 1)})
    made = planned(at, rules(), locked={"name": "the deal is closed"})
    cure = "change the record there, or map it otherwise"
    assert made == Plan(holds=[Hold("a", "name", "the deal is closed", cure, "locked")])


def test_what_cannot_be_said_is_held_with_the_cure_and_does_not_stop_other_fields() -> None:
    fields = {**TABLE, "owner": Choice("owner", "u")}
    at = link({"name": ("x", 3), "owner": ("hoa", 2)}, {"name": ("old", 1), "owner": ("u9", 1)})
    made = planned(at, rules(fields))
    hold = Hold("a", "owner", "no choice for owner 'hoa'", "add a choice for owner 'hoa' at a", "choice")
    assert made == Plan({"name": Said("x", 3)}, holds=[hold])


# holds


def test_a_conflict_waits_for_a_person() -> None:
    at = link({"name": ("x", 3)}, {"name": ("mine", 1)})
    at.hubs["name"].held_until = FOREVER
    made = planned(at, rules())
    cure = "say whose name stands, or make it the same on both sides"
    hold = Hold("a", "name", "two sides disagree on name", cure, "conflict")
    assert made == Plan(holds=[hold])


def test_an_argument_waits_for_a_time() -> None:
    at = link({"name": ("x", 3)}, {"name": ("mine", 1)})
    at.hubs["name"] = replace(at.hubs["name"], held_until=NOW + 1, hop=4)
    made = planned(at, rules())
    assert (made.patch, made.waits, [h.reason for h in made.holds]) == (
        {},
        [NOW + 1],
        ["automations answer each other's changes of name"],
    )


def test_an_argument_that_is_over_is_written() -> None:
    at = link({"name": ("x", 3)}, {"name": ("mine", 1)})
    at.hubs["name"] = replace(at.hubs["name"], held_until=NOW, hop=4)
    made = planned(at, rules())
    assert made.patch == {"name": Said("x", 3)}
    assert [(e.what, e.version, e.detail) for e in made.journal] == [("released", 3, "the pause is over")]
    assert (at.hubs["name"].held_until, at.hubs["name"].hop) == (None, 0)


# choices that depend on a pipeline

PIPES: dict[str, Field] = {
    "pipeline": Choice("pipeline", "p", blank=False),
    "stage": Choice("stage", "s", scope="pipeline", blank=False),
}
PIPE_WORDS = Words(
    meaning={
        ("pipeline", "7"): "sales",
        ("pipeline", "8"): "partners",
        ("stage", "7/1"): "new",
        ("stage", "8/1"): "new",
        ("stage", "8/2"): "won",
    },
    says={
        ("pipeline", "sales"): ("7",),
        ("pipeline", "partners"): ("8",),
        ("stage", "new"): ("7/1", "8/1"),
        ("stage", "won"): ("8/2",),
    },
)


def test_a_stage_is_said_in_the_pipeline_that_the_record_is_in() -> None:
    at = link({"stage": ("new", 2)}, {"stage": ("8/2", 1), "pipeline": ("8", 1)})
    assert planned(at, rules(PIPES, PIPE_WORDS)) == Plan({"stage": Said("8/1", 2)})


def test_a_record_that_changes_pipelines_takes_its_stage_along() -> None:
    at = link({"pipeline": ("partners", 2), "stage": ("new", 1)}, {"stage": ("7/1", 1), "pipeline": ("7", 1)})
    made = planned(at, rules(PIPES, PIPE_WORDS))
    assert made == Plan({"pipeline": Said("8", 2), "stage": Said("8/1", 1)})


def test_a_stage_that_the_pipeline_does_not_have_is_held() -> None:
    at = link({"stage": ("won", 2)}, {"stage": ("7/1", 1), "pipeline": ("7", 1)})
    made = planned(at, rules(PIPES, PIPE_WORDS))
    assert (made.patch, made.holds[0].reason) == ({}, "no choice for stage 'won' in pipeline '7'")


def test_a_stage_that_no_side_has_yet_is_not_needed_for_a_pipeline() -> None:
    at = link({"pipeline": ("partners", 2)}, {"pipeline": ("7", 1)})
    assert planned(at, rules(PIPES, PIPE_WORDS)) == Plan({"pipeline": Said("8", 2)})


def test_a_pipeline_waits_when_its_stage_cannot_go_along() -> None:
    shown = {"stage": ("7/2", 1), "pipeline": ("7", 1)}
    reason = "the pipeline cannot change without a stage in it"
    unsaid = planned(link({"pipeline": ("partners", 2), "stage": ("lost", 1)}, shown), rules(PIPES, PIPE_WORDS))
    assert (unsaid.patch, [(h.field, h.reason) for h in unsaid.holds][-1]) == ({}, ("pipeline", reason))
    at = link({"pipeline": ("partners", 2), "stage": ("new", 1)}, {"stage": ("7/1", 1), "pipeline": ("7", 1)})
    for why in ({"unsettled": frozenset({"stage"})}, {"locked": {"stage": "cannot be understood"}}):
        given: dict[str, Any] = {"unsettled": frozenset(), "locked": {}, "cause": "", **why}
        made = plan(at, at.sides["a"], rules(PIPES, PIPE_WORDS), NOW, **given)
        assert (made.patch, [h.reason for h in made.holds]) == ({}, [reason])


def test_a_pipeline_that_was_never_read_does_not_narrow_the_stage() -> None:
    at = link({"stage": ("won", 2)}, {"stage": ("7/1", 1)})
    assert planned(at, rules(PIPES, PIPE_WORDS)) == Plan({"stage": Said("8/2", 2)})


# a status that only the stage tells


def funnel(stage: tuple[Canonical, int], status: tuple[Canonical, int] | None, shown: str, base: int = 1) -> Link:
    """The hub's stage and status with versions, and the native stage that the side shows. base: of the stage."""
    hubs = {"stage": stage} | ({"status": status} if status else {})
    return link(hubs, {"stage": (shown, base), "status": (shown, 1)})


COUPLED = [
    ("nothing is due", funnel(("new", 1), ("open", 1), "1"), {}, []),
    (
        "a stage that shows the same status",
        funnel(("offer", 2), ("open", 1), "1"),
        {"stage": Said("2", 2), "status": Said("2", 1)},
        [],
    ),
    (
        "a stage and its status move together",
        funnel(("signed", 2), ("won", 2), "1"),
        {"stage": Said("3", 2), "status": Said("3", 2)},
        [],
    ),
    ("a stage while nobody knows a status", funnel(("signed", 2), None, "1"), {"stage": Said("3", 2)}, []),
    (
        "a stage that would change the status is not written",
        funnel(("offer", 2), ("won", 1), "3"),
        {},
        [("stage", "would change the status here, which is won")],
    ),
    (
        "a stage that says otherwise than the new status: the status wins",
        funnel(("offer", 2), ("won", 2), "1"),
        {"stage": Said("3", 2), "status": Said("3", 2)},
        [],
    ),
    (
        "only the status is new, and the hub's stage does not show it",
        funnel(("new", 1), ("lost", 2), "1"),
        {"stage": Said("4", 1), "status": Said("4", 2)},
        [],
    ),
    (
        "only the status is due, and the hub's stage shows it",
        funnel(("offer", 2), ("open", 2), "4", base=2),
        {"stage": Said("2", 2), "status": Said("2", 2)},
        [],
    ),
]


@pytest.mark.parametrize(("why", "at", "patch", "told"), COUPLED, ids=[case[0] for case in COUPLED])
def test_stage_and_status_share_one_native_value(
    why: str, at: Link, patch: dict[str, Said], told: list[tuple[str, str]]
) -> None:
    made = planned(at, rules(FUNNEL, FUNNEL_WORDS))
    assert (made.patch, made.holds) == (patch, [])
    assert [(e.field, e.detail) for e in made.journal] == told
    for name, _ in told:
        assert at.sides["a"].shadows[name].base == at.hubs[name].version


def test_a_stage_that_is_held_stays_due_when_its_status_is_written() -> None:
    at = funnel(("unmapped", 2), ("won", 2), "1")
    made = planned(at, rules(FUNNEL, FUNNEL_WORDS))
    assert made.patch == {"stage": Said("3", 1), "status": Said("3", 2)}
    assert [h.reason for h in made.holds] == ["no choice for stage 'unmapped'"]


def test_a_status_that_nobody_shows_here_leaves_the_stage_alone() -> None:
    at = link({"status": ("won", 2)}, {"status": ("1", 1)})
    assert planned(at, rules(FUNNEL, FUNNEL_WORDS)).patch == {"status": Said("3", 2)}


def test_a_held_status_does_not_let_a_stage_change_it() -> None:
    at = funnel(("offer", 2), ("paused", 2), "1")
    made = planned(at, rules(FUNNEL, FUNNEL_WORDS))
    assert (made.patch, [h.field for h in made.holds]) == ({}, ["status"])
    assert [(e.field, e.detail) for e in made.journal] == [("stage", "would change the status here, which is paused")]
