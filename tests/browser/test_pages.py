"""Sign-in, the pages that everybody sees first, and what holds for each page: phone, keyboard, dark, no barrier."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from bridge.demo.people import edit
from bridge.demo.stage import Stage
from bridge.web.pages import NAVIGATION
from tests.browser.browser import DESKTOP, PHONE, sign_in
from tests.browser.conftest import Opened

PATHS = [place.path for place in NAVIGATION]


def every(stage: Stage) -> list[str]:
    """Return the address of a page of each kind."""
    link = a_deal(stage)[0]
    return [*PATHS, f"/deals/{link}", f"/links/{link}", "/links/new", "/links/import", "/connections/getfly"]


def a_deal(stage: Stage, connection: str = "leadconnector") -> tuple[str, str]:
    """Return a link and the id of its deal at a connection."""
    refs = stage.bridge.store.all_refs()
    return next((k, r.vendor_id) for k, r in refs if r.connection == connection and r.kind == "opportunity")


def lines(page: Page) -> list[str]:
    """Return the ids of the lines of Activity."""
    found: list[str] = page.locator(".act").evaluate_all("all => all.map(each => each.id)")
    return found


def new_line(page: Page, seen: list[str], words: str) -> Locator:
    """Return the line that comes up and says so; each line of a deal shows the name that it has now."""
    found = page.wait_for_function(
        """([seen, words]) => [...document.querySelectorAll('.act')]
        .find(each => !seen.includes(each.id) && each.textContent.includes(words))?.id""",
        arg=[seen, words],
    )
    return page.locator(f"#{found.json_value()}")


def test_a_wrong_token_is_told_and_a_right_one_opens_the_page_that_was_asked_for(stage: Stage, opened: Opened) -> None:
    with opened() as page:
        page.goto("/activity?outcome=news")
        expect(page).to_have_url(re.compile("/sign-in"))
        page.get_by_label("Token").fill("obr_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("no valid token")
        page.get_by_label("Token").fill(stage.token)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/activity\?outcome=news$"))
        expect(page.get_by_label("Show", exact=True)).to_have_value("news")
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(re.compile("/sign-in"))
        page.goto("/activity")
        expect(page).to_have_url(re.compile("/sign-in"))


def test_an_edit_on_a_board_comes_up_in_activity_by_itself_and_leads_to_its_deal(
    stage: Stage, opened: Opened, person: Page
) -> None:
    link, _ = a_deal(stage)
    name = f"Live {uuid4().hex[:6]}"
    person.goto("/activity")
    expect(person.locator("#live")).to_have_text("Live")
    person.evaluate("window.stayed = true")
    seen = lines(person)
    with opened() as board:
        board.goto(stage.sandbox_url)
        vendor = board.locator("[data-vendor=leadconnector]")
        deal = next(r.vendor_id for r in stage.bridge.store.refs(link) if r.connection == "leadconnector")
        vendor.locator(f'[data-deal="{deal}"] .title').dblclick()
        board.keyboard.press("Control+A")
        board.keyboard.type(name)
        board.keyboard.press("Enter")
        line = new_line(person, seen, "changed name")
        expect(line).to_contain_text(name)
        for other in ("onlyoffice", "leadsquared", "plazbot"):
            expect(line.locator(".step", has_text=other)).to_contain_text("wrote name")
    assert person.evaluate("window.stayed")
    line.get_by_role("link", name=name).click()
    expect(person).to_have_url(re.compile(f"/deals/{link}$"))
    expect(person.get_by_role("heading", level=1)).to_contain_text(name)


def test_where_no_stream_is_to_be_had_the_page_asks_now_and_then(stage: Stage, person: Page) -> None:
    person.route("**/activity/stream*", lambda route: route.fulfill(status=503))
    person.goto("/activity")
    expect(person.locator("#live")).to_have_text("Brought up to date every 5 s")
    seen, name = lines(person), f"Asked {uuid4().hex[:6]}"
    edit(stage.sandbox_url, "leadconnector", a_deal(stage)[1], "name", name)
    expect(new_line(person, seen, "changed name")).to_contain_text(name)


def test_the_overview_shows_how_each_connection_does_and_stays_up_to_date(stage: Stage, person: Page) -> None:
    person.clock.install()
    person.goto("/")
    for name in stage.bridge.settings.connections:
        expect(person.get_by_role("row", name=name)).to_contain_text("works")
    expect(person.get_by_role("img", name=re.compile("^Writes to the other CRMs in each of the last"))).to_be_visible()
    person.evaluate("document.querySelector('#numbers').dataset.old = 'yes'")
    person.locator("#to-getfly").focus()
    person.clock.fast_forward(10_000)
    expect(person.locator("#numbers")).not_to_have_attribute("data-old", "yes")
    assert person.evaluate("document.activeElement.id") == "to-getfly"


def test_a_phone_shows_each_page_without_scrolling_sideways(stage: Stage, opened: Opened) -> None:
    fits = "document.documentElement.scrollWidth <= innerWidth"
    with opened(PHONE) as page:
        sign_in(page, stage.token)
        for path in every(stage):
            page.goto(path)
            assert page.evaluate(fits), path
            nav = page.get_by_role("navigation", name="Pages")
            expect(nav).to_be_hidden()
            page.get_by_text("Menu", exact=True).click()
            expect(nav.get_by_role("link")).to_have_count(len(NAVIGATION))
            assert page.evaluate(fits), path


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["desktop, light", "phone, dark"])
def test_no_page_keeps_anybody_out(stage: Stage, opened: Opened, size: tuple[int, int], dark: bool) -> None:
    wanted = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    with opened(size, dark) as page:
        page.goto("/sign-in")
        found = {"/sign-in": Axe().run(page, options=wanted)}
        sign_in(page, stage.token)
        for path in every(stage):
            page.goto(path)
            found[path] = Axe().run(page, options=wanted)
    told = [f"{path}: {each.generate_report()}" for path, each in found.items() if each.violations_count]
    assert not told, "\n".join(told)


def test_the_keyboard_reaches_all_and_what_it_reaches_is_seen(stage: Stage, person: Page) -> None:
    for path in every(stage):
        person.goto(path)
        wanted = person.evaluate(
            """[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
            .filter(e => e.checkVisibility() && !e.disabled)
            .filter((e, i, all) => e.type !== 'radio' || all.findIndex(o => o.name === e.name) === i).length"""
        )
        seen: set[str] = set()
        for _ in range(wanted + 5):
            person.keyboard.press("Tab")
            place = person.evaluate(
                """(() => { const e = document.activeElement;
                if (e === document.body) return '';
                const o = getComputedStyle(e);
                return [...document.querySelectorAll('*')].indexOf(e) + ' ' + (parseFloat(o.outlineWidth) > 1) })()"""
            )
            if place:
                seen.add(place)
        assert len(seen) >= wanted, path
        assert all(place.endswith("true") for place in seen), path


def test_the_first_stop_of_the_keyboard_leads_past_the_navigation(person: Page) -> None:
    person.goto("/activity")
    person.keyboard.press("Tab")
    person.keyboard.press("Enter")
    assert person.evaluate("document.activeElement.id") == "main"


def test_dark_follows_the_system_until_somebody_chooses(stage: Stage, opened: Opened) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(dark=True) as page:
        sign_in(page, stage.token)
        assert page.evaluate(ground) == "rgb(21, 23, 27)"
        page.get_by_role("button", name="Light").click()
        assert page.evaluate(ground) == "rgb(244, 243, 240)"
        page.goto("/activity")
        assert page.evaluate(ground) == "rgb(244, 243, 240)"
        page.get_by_role("button", name="Dark").click()
        assert page.evaluate(ground) == "rgb(21, 23, 27)"


def test_without_script_each_page_shows_what_it_has(stage: Stage, started: Browser, person: Page) -> None:
    context = started.new_context(
        base_url=stage.bridge_url, java_script_enabled=False, storage_state=person.context.storage_state()
    )
    page = context.new_page()
    for place in NAVIGATION:
        page.goto(place.path)
        expect(page.get_by_role("main")).to_be_visible()
    page.goto("/activity")
    page.get_by_label("Show", exact=True).select_option("news")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("outcome=news"))
    context.close()
