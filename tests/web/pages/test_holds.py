"""The pages Holds and Dead letters, as a browser gets them, over the real flow."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

import pytest

from bridge.core.fields import Party
from bridge.desk import Desk, dead, holds
from bridge.desk.tokens import Role
from tests.desk.lists import listing
from tests.desk.scene import desk_over, refusing
from tests.flow.scene import Scene
from tests.web.pages.conftest import Person, sign_in
from tests.web.toy import Parts


@dataclass
class Staged(Parts):
    """The bridge of a scene, as the web layer sees it."""

    scene: Scene = field(default_factory=Scene)

    @property
    def desk(self) -> Desk:
        return desk_over(self.scene)


def seen_by(scene: Scene, role: Role = "write") -> Person:
    """Return somebody signed in at the bridge of a scene."""
    return sign_in(Staged(scene.store, dict(scene.connectors), scene=scene), role, f"hoa {role}")


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).split())


def disputed() -> Scene:
    scene = Scene(policies={"name": "hold"})
    scene.person("a", name="of <a>")
    scene.person("b", name="of b")
    scene.webhook("a")
    scene.webhook("b")
    scene.run()
    return scene


def test_without_anything_to_do_the_pages_say_so() -> None:
    person = seen_by(Scene())
    assert "Nothing waits for you" in person.get("/holds").text
    assert "Nothing was given up" in person.get("/dead").text
    assert "Nothing of this kind waits" in person.get("/holds?kind=conflict&connection=a").text
    assert "There is none of this kind" in person.get("/dead?reason=x").text
    assert "Nothing waits here any more" in person.get("/holds?reason=x").text


def test_a_suggested_choice_is_one_click_and_the_deal_goes_on() -> None:
    scene = Scene()
    listing(scene.store, "b", owner={"b-77": "Đỗ <Hùng>"})
    scene.means("a", "owner", {"a-77": "do hung"})
    scene.means("c", "owner", {"c-77": "do hung"})
    scene.edited("a", owner="a-77")
    person = seen_by(scene)
    page = person.get("/holds").text
    assert (
        "No choice for owner 'do hung'" in words(page)
        and "no choice" in words(page)
        and "Write Đỗ <Hùng>" in words(page)
    )
    assert f'href="/deals/{scene.link}"' in page
    assert 'href="/choices?connection=b&amp;field=owner&amp;canonical=do+hung"' in page
    form = {"link": scene.link, "connection": "b", "field": "owner", "value": "b-77"}
    answer = person.post("/holds/cure", **form, back_connection="b", back_x="y")
    assert (answer.status_code, answer.location) == (303, "/holds?connection=b")
    assert "B owner 'b-77' means 'do hung' now." in html.unescape(person.get("/holds").text)
    scene.run()
    assert scene.shows("owner") == {"a": "a-77", "b": "b-77", "c": "c-77"}
    assert scene.store.deeds(1)[0]["who"] == "hoa write"


def test_whose_value_stands_is_one_click() -> None:
    scene = disputed()
    person = seen_by(scene)
    page = person.get("/holds").text
    assert "Two sides disagree on name" in words(page) and "of <a>" in words(page) and "of <a>" not in page
    assert re.search(r'name="value" value="b"><button[^>]*aria-label="b: this one stands"', page)
    person.post("/holds/cure", link=scene.link, connection="b", field="name", value="b")
    scene.run()
    assert set(scene.shows("name").values()) == {"of b"} and "Nothing waits for you" in person.get("/holds").text
    again = person.post("/holds/cure", link=scene.link, connection="b", field="name", value="b")
    assert again.status_code == 404 and "it may have been seen to" in again.text


def test_who_may_only_look_sees_why_and_no_buttons(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = disputed()
    refusing(scene, monkeypatch, "c", word="Li")
    scene.edited("a", stage="99", probability=3)
    person = seen_by(scene, "read")
    for page in (person.get("/holds").text, person.get("/dead").text):
        assert 'method="post" action="/holds' not in page and 'method="post" action="/dead' not in page
    form = {"link": scene.link, "connection": "b", "field": "name", "value": "b"}
    assert person.post("/holds/cure", **form).status_code == 403
    assert person.post("/dead/replay").status_code == 403


def test_a_contact_leads_to_the_links() -> None:
    scene = Scene(2, table=(Party("contact", "contact_id"),))
    scene.edited("a", contact=None)
    scene.edited("b", contact=None)
    scene.edited("a", contact="p 9")
    page = seen_by(scene).get("/holds").text
    assert 'href="/links?q=p+9&amp;kind=contact"' in page


def test_all_deals_of_one_reason_are_listed_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.web.pages.holds.SHOWN", 1)
    scene = disputed()
    person = seen_by(scene)
    page = person.get(f"/holds?link={scene.link}").text
    assert "two sides disagree on name" in words(page)
    [more] = re.findall(r'rel="next" href="([^"]+)"', page)
    assert person.get(html.unescape(more)).status_code == 200
    assert person.get("/holds?kind=nonsense").status_code == 422
    assert person.get(f"/holds?link={scene.link}&cursor=x").status_code == 422


@pytest.mark.parametrize("how", ["holds", "dead", "letter", "all"])
def test_what_was_refused_is_tried_again_from_every_page(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    scene = Scene()
    refusing(scene, monkeypatch, "b", '{"message": "<b>no</b> header-token-77", "token": "tok-en-123"}')
    scene.edited("a", name="<Bo>")
    person = seen_by(scene)
    [letter] = dead.page(desk_over(scene)).items
    [held] = holds.page(desk_over(scene)).items
    page = person.get(f"/dead/{letter.id}").text
    assert "PUT /api/deals/b1 was answered with HTTP 422" in words(page)
    assert "<b>no</b> ***" in words(page) and "<b>no</b>" not in page
    for shown in (page, person.get("/dead").text, person.get("/holds").text):
        assert "header-token" not in shown and "tok-en" not in shown and "<Bo>" not in shown
    assert f'href="/dead/{letter.id}"' in person.get("/holds").text
    monkeypatch.undo()
    if how == "holds":
        person.post("/holds/cure", link=held.link, connection="b", field=held.field)
    elif how == "all":
        assert person.post("/dead/replay", connection="b", reason="mark").location == "/dead?connection=b&reason=mark"
    else:
        person.post(f"/dead/{letter.id}/replay")
    scene.run()
    assert scene.shows("name")["b"] == "<Bo>"
    assert "was tried again" in words(person.get(f"/dead/{letter.id}").text)


def test_a_dead_letter_is_discarded_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    refusing(scene, monkeypatch, "b")
    scene.edited("a", name="<Bo>")
    person = seen_by(scene)
    [letter] = dead.page(desk_over(scene)).items
    assert person.post(f"/dead/{letter.id}/discard", reason=" ").status_code == 422
    assert person.post(f"/dead/{letter.id}/discard", reason="no matter").location == "/dead"
    assert "Nothing was given up" in person.get("/dead").text
    assert person.get("/dead/x").status_code == 404
