"""The Activity page, and the stream that keeps it up to date."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest

from bridge.core.model import Hub, Ref
from bridge.store.store import Attempt
from bridge.web import create_app
from bridge.web.pages import live
from tests.web.pages.conftest import HTML, Person, sign_in
from tests.web.toy import Parts, hook


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_S", 0.01)


def hears(person: Person, deal: str = "7") -> None:
    assert person.client.post("/webhooks/open", data=hook(deal)).status_code == 200


def ids(html: str) -> list[str]:
    return re.findall(r'<li id="line-([\w-]+)"', html)


def events(person: Person, path: str = "/activity/stream", **headers: str) -> Iterator[str]:
    """Return what a stream sends, signs of life too; closing it hangs up."""
    answer = person.client.get(path, headers=HTML | headers, buffered=False)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    try:
        for part in answer.response:
            yield part.decode()
    finally:
        answer.close()


def next_parts(stream: Iterator[str]) -> str:
    return next(part for part in stream if part.startswith("event: parts"))


def test_a_delivery_is_on_the_page_with_a_way_to_stay_up_to_date(person: Person) -> None:
    assert "Nothing has happened yet" in person.get("/activity").text
    hears(person)
    page = person.get("/activity").text
    assert len(ids(page)) == 1 and "waits for a worker" in page
    assert 'data-stream="/activity/stream?seen=' in page


def test_filters_stay_in_the_form_and_in_the_stream(person: Person) -> None:
    page = person.get("/activity?connection=open&outcome=news").text
    assert '<option value="open" selected>' in page and "Nothing of this kind" in page
    assert 'data-lines="/activity/lines?connection=open&amp;outcome=news"' in page
    for path in ("/activity", "/activity/stream", "/activity/lines"):
        assert person.get(f"{path}?connection=nobody").status_code == 404
        assert person.get(f"{path}?outcome=x").status_code == 422


def test_an_older_page_does_not_move(person: Person) -> None:
    for i in range(51):
        hears(person, str(i))
    page = person.get("/activity").text
    [more] = re.findall(r'rel="next" href="([^"]+)"', page)
    older = person.get(more).text
    assert len(ids(page)) == 50 and len(ids(older)) == 1 and "data-stream" not in older
    assert not set(ids(page)) & set(ids(older))


def test_the_stream_sends_what_is_new_and_only_that(bridge: Parts, person: Person) -> None:
    hears(person)
    [first] = ids(person.get("/activity/lines").text)
    stream = events(person)
    assert ids(next_parts(stream)) == [first]
    hears(person, "8")
    [second] = ids(next_parts(stream))
    assert second > first
    stream.close()  # type: ignore[attr-defined]


def test_who_has_seen_all_hears_nothing_until_something_happens(person: Person) -> None:
    hears(person)
    [path] = re.findall(r'data-stream="([^"]+)"', person.get("/activity").text)
    stream = events(person, path)
    assert [next(stream) for _ in range(4)] == ["retry: 1000\n\n", ":\n\n", ":\n\n", ":\n\n"]
    hears(person, "8")
    event = next_parts(stream)
    assert len(ids(event)) == 1
    stream.close()  # type: ignore[attr-defined]
    again = events(person, **{"Last-Event-ID": re.findall(r"^id: (\w+)$", event, re.M)[0]})
    assert [next(again) for _ in range(2)] == ["retry: 1000\n\n", ":\n\n"]
    again.close()  # type: ignore[attr-defined]


def test_a_third_stream_is_sent_away_and_a_place_is_given_back(person: Person) -> None:
    first, second = events(person), events(person)
    assert next(first) and next(second)
    refused = person.get("/activity/stream")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    first.close()  # type: ignore[attr-defined]
    third = events(person)
    assert next(third)
    for stream in (second, third):
        stream.close()  # type: ignore[attr-defined]
    for _ in range(3):
        assert person.client.head("/activity/stream").status_code == 200


def test_a_stream_ends_by_itself(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STREAM_S", 0.05)
    assert len(list(events(person))) < 10


def test_a_stream_ends_when_the_process_is_told_to(bridge: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_S", 30.0)
    person = sign_in(bridge)
    stream = events(person)
    assert next(stream)
    ending = person.client.application.extensions["ending"]
    threading.Timer(0.05, ending.set).start()
    assert set(stream) <= {":\n\n"}
    assert person.get("/activity/stream").status_code == 503


def test_streams_share_one_question_to_the_store(bridge: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_S", 0.2)
    monkeypatch.setattr(live, "STREAM_S", 0.5)
    asked = []
    really = bridge.store.latest
    monkeypatch.setattr(bridge.store, "latest", lambda: asked.append(1) or really())  # type: ignore[func-returns-value]
    app = create_app(bridge)
    secret = sign_in(bridge).client.get_cookie("bridge_session")
    assert secret is not None

    def listen() -> None:
        client = app.test_client()
        client.set_cookie("bridge_session", secret.value)
        list(events(Person(client)))

    threads = [threading.Thread(target=listen) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(asked) <= 4


def test_what_a_crm_calls_a_deal_is_text_on_the_page(bridge: Parts, person: Person) -> None:
    link = bridge.store.link([Ref("open", "7"), Ref("polite", "8")], bridge.now())
    claim = bridge.store.claim("w", bridge.now(), 60_000)
    assert claim is not None
    deal = bridge.store.load(claim)
    deal.hubs["name"] = Hub("<script>alert(1)</script>", 1, bridge.now(), "open")
    bridge.store.save(claim, deal, bridge.now(), attempt=Attempt(link, "open", "sweep", "changed name"))
    for path in ("/activity", "/activity/lines"):
        page = person.get(path).text
        assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page
