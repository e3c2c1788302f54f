"""Every kind of hold really arises, is told with its cure, and the cure makes the deal go on."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bridge.core.errors import Permanent
from bridge.core.fields import Party
from bridge.core.model import FOREVER, Hub, Native, Record, Ref, Shadow
from bridge.desk import Refused, holds
from bridge.desk.decisions import decide
from bridge.worker import Worker
from tests.desk.scene import desk_over, held, refusing
from tests.flow.scene import Scene


def test_a_value_without_a_choice_goes_on_when_the_choice_is_added() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.means("a", "stage", {"50": "trial"})
    scene.means("c", "stage", {"50": "trial"})
    scene.edited("a", stage="50")
    h = held(desk)
    assert (h.connection, h.field, h.kind, h.deal) == ("b", "stage", "choice", "Deal of the start")
    assert (h.cure.action, h.cure.connection, h.cure.canonical, h.cure.native) == ("add_choice", "b", "trial", "")
    with pytest.raises(Refused, match="the native value is missing"):
        holds.cure(desk, "Hoa", h.link, "b", "stage")
    said = holds.cure(desk, "Hoa", h.link, "b", "stage", "60").says
    scene.run()
    assert said == "b stage '60' means 'trial' now"
    assert (scene.shows("stage"), holds.page(desk).items) == ({"a": "50", "b": "60", "c": "50"}, [])


def test_a_native_value_that_says_something_else_too_is_written_and_keeps_its_meaning() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.means("a", "stage", {"50": "trial"})
    scene.edited("a", stage="50")
    holds.cure(desk, "Hoa", scene.link, "b", "stage", "20")
    holds.cure(desk, "Hoa", scene.link, "c", "stage", "20")
    scene.run()
    assert (scene.shows("stage"), scene.peek().hubs["stage"].value) == ({"a": "50", "b": "20", "c": "20"}, "trial")


def test_a_value_that_nobody_has_explained_goes_on_when_it_is() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.edited("a", owner="a-new")
    found = holds.page(desk).items
    assert [(h.connection, h.kind) for h in found] == [("b", "meaning"), ("c", "meaning")]
    assert {(h.cure.action, h.cure.connection, h.cure.native) for h in found} == {("add_choice", "a", "a-new")}
    holds.cure(desk, "Hoa", scene.link, "b", "owner", "lan")
    scene.run()
    assert (scene.shows("owner"), holds.page(desk).items) == ({"a": "a-new", "b": "b-lan", "c": "c-lan"}, [])


def test_a_contact_without_a_record_there_is_to_be_linked() -> None:
    scene = Scene(2, table=(Party("contact", "contact_id"),))
    desk = desk_over(scene)
    scene.edited("a", contact=None)
    scene.edited("b", contact=None)
    scene.edited("a", contact="p9")
    h = held(desk)
    assert (h.kind, h.cure.action, h.cure.connection, h.cure.native, h.cure.to) == ("link", "link", "a", "p9", "b")
    with pytest.raises(Refused, match=r"the contact has no record at b\. link a:p9 with its record at b"):
        holds.cure(desk, "Hoa", h.link, "b", "contact")
    scene.store.link([Ref("a", "p9", "contact"), Ref("b", "q9", "contact")], scene.clock)
    scene.edited("a", probability=11)
    assert (scene.shows("contact")["b"], holds.page(desk).items) == ("q9", [])


@pytest.mark.parametrize(("stands", "shown"), [("a", "of a"), ("b", "of b")])
def test_a_conflict_ends_when_a_person_says_whose_value_stands(stands: str, shown: str) -> None:
    scene = Scene(policies={"name": "hold"})
    desk = desk_over(scene)
    scene.person("a", name="of a")
    scene.person("b", name="of b")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    h = next(h for h in holds.page(desk).items if h.connection == "b")
    assert (h.kind, h.cure.action) == ("conflict", "decide")
    shown_now = [(s.connection, s.native, s.current) for s in h.cure.sides]
    assert shown_now[:2] == [("a", "of a", True), ("b", "of b", False)]
    [group] = holds.groups(desk)
    assert (group.connection, group.deals, len(group.sample)) == ("", 1, 1), "it is one decision, wherever it is held"
    assert "stands, the others follow" in holds.cure(desk, "Hoa", scene.link, "b", "name", stands).says
    scene.run()
    assert (scene.shows("name"), holds.page(desk).items) == (dict.fromkeys("abc", shown), [])
    [(_, connection, old, new)] = scene.journal("decided")
    assert (connection, old, new) == (stands, "of a", shown)
    assert [d["deed"] for d in desk.store.deeds(9)] == ["decided"]
    with pytest.raises(Refused, match="is not held any more"):
        decide(desk, "Hoa", scene.link, "name", stands)


def test_what_a_person_changes_while_another_decides_is_held_again_and_not_written_over() -> None:
    scene = Scene(2, policies={"name": "hold"})
    desk = desk_over(scene)
    scene.person("a", name="of a")
    scene.person("b", name="of b")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    scene.person("b", name="of b, again")
    decide(desk, "Hoa", scene.link, "name", "a")
    scene.run()
    assert scene.shows("name") == {"a": "of a", "b": "of b, again"}
    assert held(desk).kind == "conflict"


def test_a_decision_takes_the_link_from_a_worker_who_throws_its_own_away() -> None:
    scene = Scene(2, policies={"name": "hold"})
    desk = desk_over(scene)
    scene.person("a", name="of a")
    scene.person("b", name="of b")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    scene.person("a", name="of a, later", probability=77)
    scene.webhook("a")
    scene.take_in()
    real, decided = scene.connectors["a"].read, list[str]()

    def read(ref: Ref) -> Record | None:
        seen = real(ref)
        if not decided:
            decided.append(decide(desk, "Hoa", scene.link, "name", "b").connection)
        return seen

    scene.connectors["a"].read = read  # type: ignore[method-assign]
    scene.run()
    assert scene.shows("probability") == {"a": 77, "b": 77}
    assert scene.shows("name") == {"a": "of a, later", "b": "of b"}, "a's later change is not overwritten unseen"


def test_what_a_fenced_worker_sends_late_is_its_own_and_nobodys_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(2, policies={"name": "hold"})
    desk = desk_over(scene)
    scene.person("a", name="of a")
    scene.person("b", name="of b")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    real, frozen = scene.connectors["b"].write, list[str]()

    def write(seen: Record, patch: Mapping[str, Native]) -> Record | None:
        if not frozen:
            frozen.append(decide(desk, "Hoa", scene.link, "name", "a").connection)
            scene.clock += 30_000  # longer than a call may take, and within the lease that it believes in
            scene.person("a", amount="6")
            scene.webhook("a")
            scene.take_in()
            while Worker(scene.flow, {}).step("another"):
                pass
        return real(seen, patch)

    monkeypatch.setattr(scene.connectors["b"], "write", write)
    scene.edited("a", amount="5")
    scene.run()
    assert (scene.shows("amount"), scene.shows("name")) == ({"a": "6", "b": "6"}, {"a": "of a", "b": "of a"})
    assert holds.page(desk).items == []


def test_only_a_side_that_shows_a_value_of_a_held_field_can_stand() -> None:
    scene = Scene(2, policies={"name": "hold"})
    desk = desk_over(scene)
    scene.person("a", name="of a")
    scene.person("b", name="of b")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    for link, field, side, what in (
        (scene.link, "name", "z", "'z' shows no name. it is one of a, b"),
        (scene.link, "amount", "a", "amount is not held any more"),
        (scene.link, "nothing", "a", "has no 'nothing'"),
        ("nowhere", "name", "a", "link nowhere has no 'name'"),
    ):
        with pytest.raises(Refused, match=what):
            decide(desk, "Hoa", link, field, side)
    assert scene.flow.claim("w") is None, "nothing was begun, and the lease is free"


def test_what_a_crm_refused_for_good_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    desk = desk_over(scene)
    refusing(scene, monkeypatch, "b")
    scene.edited("a", name="<Bo>", probability=7)
    h = held(desk)
    assert (h.kind, h.field, h.reason, h.cure.action) == ("refused", "name", "markup: HTTP 422", "replay")
    assert scene.store.one_write(h.cure.write)
    monkeypatch.undo()
    holds.cure(desk, "Hoa", h.link, "b", "name")
    scene.run()
    assert (scene.shows("name")["b"], holds.page(desk).items) == ("<Bo>", [])


def test_a_record_that_cannot_be_read_is_looked_at_again() -> None:
    scene = Scene()
    desk = desk_over(scene)
    left = scene.fails("b", "read", *[Permanent("forbidden", "HTTP 403")] * 9)
    scene.edited("a", name="Bo")
    h = held(desk)
    assert (h.kind, h.field, h.cure.action, h.cure.write) == ("refused", "", "replay", "")
    left.clear()
    holds.cure(desk, "Hoa", h.link, "b", "")
    scene.run()
    assert (scene.shows("name")["b"], holds.page(desk).items) == ("Bo", [])


def test_a_locked_record_is_written_once_it_is_open_and_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    desk = desk_over(scene)
    real, locked = scene.connectors["b"].read, {"name": "the deal is closed"}

    def read(ref: Ref) -> Record | None:
        seen = real(ref)
        assert seen is not None
        return Record(seen.ref, seen.fields, seen.stamp, locked=locked)

    monkeypatch.setattr(scene.connectors["b"], "read", read)
    scene.edited("a", name="Bo")
    h = held(desk)
    assert (h.kind, h.cure.action, h.cure.connection) == ("locked", "edit_there", "b")
    locked.clear()
    holds.cure(desk, "Hoa", h.link, "b", "name")
    scene.run()
    assert (scene.shows("name")["b"], holds.page(desk).items) == ("Bo", [])


def test_a_value_that_a_crm_cannot_hold_is_to_be_mended_where_it_was_entered() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.edited("a", stage=None)
    h = holds.page(desk).items[0]
    assert (h.kind, h.cure.action, h.cure.connection, h.connection) == ("value", "edit_there", "a", "b")
    scene.edited("a", stage="20")
    assert holds.page(desk).items == []


def test_what_cannot_be_understood_is_to_be_mended_there() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.edited("b", amount="a lot")
    h = held(desk)
    assert (h.connection, h.field, h.kind, h.cure.action) == ("b", "amount", "garbled", "edit_there")
    scene.edited("a", amount="77")
    assert held(desk).kind == "garbled", "also while something waits to be written there"
    scene.edited("b", amount="7")
    assert holds.page(desk).items == []


def test_a_defect_is_to_be_reported_and_looked_at_again() -> None:
    scene = Scene()
    desk = desk_over(scene)
    left = scene.fails("b", "read", *[ValueError("oh")] * 9)
    scene.edited("a", name="Bo")
    h = next(h for h in holds.page(desk).items if h.kind == "defect")
    assert (h.field, h.cure.action) == ("", "report")
    left.clear()
    for each in holds.page(desk).items:
        holds.cure(desk, "Hoa", each.link, each.connection, each.field)
    scene.run()
    assert (scene.shows("name")["b"], holds.page(desk).items) == ("Bo", [])


def test_automations_that_argue_are_held_until_a_person_decides() -> None:
    scene = Scene(2)
    desk = desk_over(scene)
    link = scene.peek()
    claim = scene.store.seize(link.id, "test", scene.clock)
    assert claim is not None
    at = scene.store.load(claim)
    at.hubs["name"] = Hub("of a", 2, scene.clock, "a", hop=4, held_until=FOREVER)
    at.sides["a"].shadows["name"] = Shadow("of a", 2, scene.clock)
    scene.store.save(claim, at, scene.clock)
    scene.store.hand_back(claim)
    scene.edited("a", name="of a", probability=9)
    h = held(desk)
    assert (h.kind, h.cure.action) == ("argument", "decide")
    holds.cure(desk, "Hoa", h.link, h.connection, "name", "a")
    scene.run()
    assert (scene.shows("name"), holds.page(desk).items) == ({"a": "of a", "b": "of a"}, [])


def test_holds_come_page_by_page_filtered_and_by_what_they_wait_for() -> None:
    scene = Scene()
    desk = desk_over(scene)
    scene.edited("a", owner="a-new", stage="99")
    first = holds.page(desk, n=3)
    rest = holds.page(desk, n=3, after=first.next or "")
    assert (len(first.items), len(rest.items), rest.next) == (3, 1, None)
    assert {(h.connection, h.field) for h in (*first.items, *rest.items)} == {
        (c, f) for c in "bc" for f in ("owner", "stage")
    }
    [only] = holds.page(desk, holds.Which(connection="c", field="stage", kind="meaning", link=scene.link)).items
    assert (only.connection, only.field) == ("c", "stage")
    groups = holds.groups(desk)
    assert {(g.connection, g.field, g.deals, len(g.sample)) for g in groups} == {
        ("", f, 1, 1) for f in ("owner", "stage")
    }, "one meaning frees both sides"
    with pytest.raises(Refused, match="is no cursor"):
        holds.page(desk, after="x")
    with pytest.raises(Refused, match="nothing is held there"):
        holds.one(desk, scene.link, "a", "name")
