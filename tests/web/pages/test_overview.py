"""The Overview page: states in words, numbers, charts, and what a fresh install is told."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bridge.core.model import FOREVER, Ref
from bridge.desk import Desk
from tests.web.pages.conftest import Person
from tests.web.toy import Parts, hook


def row(page: str, connection: str) -> str:
    [found] = re.findall(rf'<tr>\s*<th scope="row"><a class="plain" id="to-{connection}".*?</tr>', page, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", str(found)).split())


def beat(bridge: Parts, **state: object) -> None:
    """A worker says how each connection does."""
    told = {
        "breaker": "closed",
        "open_for_s": 0.0,
        "broken_for_s": 0.0,
        "paused_for_s": 0.0,
        "running": 0,
        "used": 0,
        "left": 0.0,
        "calls": 0,
        "failed": 0,
        "sweep_ms": None,
        **state,
    }
    bridge.store.beat("w", dict.fromkeys(bridge.connectors, told), bridge.now())


def test_a_fresh_install_is_told_what_to_do_next(person: Person) -> None:
    page = person.get("/").text
    assert "What is still to be done" in page and "bridge work" in page
    assert "no worker" in row(page, "open")
    assert 'href="/choices"' in page and 'href="/links"' in page


STATES: list[tuple[Callable[[Desk], object], str]] = [
    (lambda desk: None, "never heard of"),
    (lambda desk: desk.store.swept("open", desk.now()), "works"),
    (lambda desk: desk.store.pause("open", "401: wrong key", FOREVER), "refuses the bridge 401: wrong key"),
    (lambda desk: desk.store.pause("open", "rate_limited", desk.now() + 60_000), "paused rate_limited, until"),
]


@pytest.mark.parametrize(("done", "words"), STATES)
def test_a_state_is_told_in_words(bridge: Parts, person: Person, done: Callable[[Desk], object], words: str) -> None:
    beat(bridge)
    done(bridge.desk)
    assert words in row(person.get("/").text, "open")


def test_a_breaker_that_rests_is_told(bridge: Parts, person: Person) -> None:
    beat(bridge, breaker="open", open_for_s=30.0, broken_for_s=5.0)
    assert "resting too many of the last calls failed; tried again at" in row(person.get("/").text, "open")


def test_a_crm_without_webhooks_is_not_said_to_be_silent(
    bridge: Parts, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(bridge.connectors["mute"]), "calls_us", False)
    assert "sends none" in row(person.get("/").text, "mute")


def test_numbers_and_charts_are_there_as_text_too(bridge: Parts, person: Person) -> None:
    beat(bridge, used=7)
    bridge.store.link([Ref("open", "1"), Ref("polite", "2")], bridge.now())
    person.client.post("/webhooks/open", data=hook("1"))
    page = person.get("/").text
    assert "Deals linked</dt><dd>1</dd>" in page
    assert "just now" in row(page, "open") or " s ago" in row(page, "open")
    assert row(page, "open").split("never")[1].startswith(" – 2 7") or " 2 7 " in row(page, "open")
    assert page.count("in each of the last 24 hours, oldest first: 0, 0") == 4


def test_the_part_that_is_fetched_again_is_the_part_of_the_page(bridge: Parts, person: Person) -> None:
    part, page = person.get("/overview/numbers", HX_Request="true").text, person.get("/").text
    assert part.lstrip().startswith('<div id="numbers" hx-get="/overview/numbers" hx-trigger="every 10s"')
    assert "<html" not in part and '<div id="numbers"' in page
    links = re.findall(r"<a [^>]*>", part)
    assert links and all(' id="' in link for link in links), "the focus is kept by the id"
