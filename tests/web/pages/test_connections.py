"""The pages of connections: what they show, who sees the secret part of an address, and what may be done."""

from __future__ import annotations

import re

import pytest

from bridge.ask import ask
from tests.web.pages.conftest import Person
from tests.web.toy import PATH_SECRET, SECRET, Parts


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_every_connection_has_a_line_and_a_page(person: Person, bridge: Parts) -> None:
    page = person.get("/connections").text
    for name in bridge.connectors:
        assert f'href="/connections/{name}"' in page
        assert person.get(f"/connections/{name}").status_code == 200
    assert person.get("/connections/nobody").status_code == 404
    assert person.get("/connections/nobody/state").status_code == 404


def test_no_page_shows_a_secret_and_only_who_may_write_sees_the_address(person: Person, reader: Person) -> None:
    for path in ("/connections", "/connections/guarded", "/connections/guarded/state"):
        assert SECRET not in person.get(path).text and PATH_SECRET not in person.get(path).text
    assert "Show the secret part" in person.get("/connections/guarded").text
    assert f"/webhooks/guarded/{PATH_SECRET}" in person.get("/connections/guarded?address").text
    shown = reader.get("/connections/guarded?address").text
    assert PATH_SECRET not in shown and "/webhooks/guarded/…" in shown
    assert "Test now" not in shown and "Pause" not in shown


def test_the_first_webhook_is_waited_for_live(person: Person, bridge: Parts) -> None:
    shown = text(person.get("/connections/open/state").text)
    assert "waiting for the first webhook" in shown and "the secret" not in shown
    assert "no secret" in text(person.get("/connections/mute/state").text)
    bridge.at = 1_790_000_000_000
    kept = {"method": "POST", "query": {}, "content_type": "text/plain", "body": b"x"}
    bridge.store.accept("open", "1", bridge.at, **kept)  # type: ignore[arg-type]
    assert "the last one came at 14:13:20 UTC" in text(person.get("/connections/open/state").text)
    assert "done" in text(person.get("/connections/open").text)


def test_lists_and_custom_fields_are_shown_once_they_were_read(person: Person, bridge: Parts) -> None:
    assert "No list has been read yet" in person.get("/connections/open").text
    ask("lists", bridge.connectors["open"], bridge.store, bridge.now)
    shown = text(person.get("/connections/open").text)
    assert "Sales / New 8/31" in shown and "Budget number c1 not kept" in shown
    assert "stage: 1, custom fields: 1" in shown


def test_a_person_pauses_and_lets_it_go_on(person: Person, bridge: Parts) -> None:
    assert person.post("/connections/open/pause", why=" ").status_code == 422
    assert person.post("/connections/open/pause", why="moving <house>").status_code == 303
    shown = person.get("/connections/open").text
    assert "moving &lt;house&gt;" in shown and "Let it go on" in shown
    assert person.post("/connections/open/resume").status_code == 303
    assert "Pause it" in person.get("/connections/open").text
    deeds = [(d["who"], d["deed"]) for d in bridge.store.deeds(5)]
    assert deeds[:2] == [("hoa", "connection resumed"), ("hoa", "connection paused")]


@pytest.mark.parametrize("question", ["test", "lists"])
def test_a_question_waits_for_the_worker_and_shows_its_answer(person: Person, bridge: Parts, question: str) -> None:
    assert person.post("/connections/open/ask", question=question).status_code == 303
    assert "the worker has not answered yet" in person.get("/connections/open/state").text
    assert bridge.store.take_wish("open", bridge.now(), 1_000) == question
    bridge.store.answer_wish("open", question, bridge.now(), ok=False, said=["token_refused: make a new one"])
    assert "token_refused: make a new one" in person.get("/connections/open/state").text
    assert person.post("/connections/open/ask", question="else").status_code == 400


def test_a_sweep_is_asked_for(person: Person, bridge: Parts) -> None:
    bridge.store.swept("open", bridge.now())
    assert person.post("/connections/open/sweep").status_code == 303
    assert bridge.store.sweep_wanted("open", bridge.now())


def test_who_may_only_look_changes_nothing(reader: Person, bridge: Parts) -> None:
    for deed in ("pause", "resume", "sweep", "ask"):
        assert reader.post(f"/connections/open/{deed}", why="x", question="test").status_code == 403
    assert not bridge.store.wishes() and "open" not in bridge.store.connections()
