"""The pages of connections in a browser: the worker answers while one looks, and a paste in the sandbox is enough."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from bridge.demo.stage import Stage
from tests.browser.browser import DESKTOP, PHONE, sign_in
from tests.browser.conftest import Opened


def test_what_is_asked_of_a_crm_is_answered_while_one_looks(person: Page) -> None:
    person.goto("/connections")
    person.get_by_role("link", name="plazbot").click()
    state = person.locator("#state")
    person.get_by_role("button", name="Test now").click()
    expect(person.locator("#notes")).to_contain_text("The credentials are tested.")
    test = state.locator("dt", has_text=re.compile("^Test$")).locator("xpath=following-sibling::dd[1]")
    expect(test).to_contain_text("fine")
    person.get_by_role("button", name="Read lists now").click()
    expect(state).to_contain_text("stage: 5")
    person.get_by_role("button", name="Sweep now").click()
    expect(person.locator("#notes")).to_contain_text("are compared")
    expect(person.locator("main")).to_contain_text("e0000000-0000-4000-8000-000000000001")


def test_a_pause_is_seen_with_its_reason_and_ends(person: Page) -> None:
    person.goto("/connections/onlyoffice")
    person.get_by_label("Why").fill("moving house")
    person.get_by_role("button", name="Pause").click()
    expect(person.locator("#state")).to_contain_text("moving house")
    person.get_by_role("button", name="Let it go on").click()
    expect(person.locator("#state")).not_to_contain_text("moving house")


def test_an_address_is_pasted_on_the_boards_and_an_empty_one_is_nowhere(stage: Stage, opened: Opened) -> None:
    with opened() as board:
        field, address = board.locator("#targets input[name=getfly]"), f"{stage.bridge_url}/webhooks/getfly"

        def settings() -> None:
            """Load the boards anew and open their settings, which are filled when they are opened."""
            board.goto(stage.sandbox_url)
            with board.expect_response("**/_/targets"):
                board.get_by_role("button", name="Habits and faults").click()

        settings()
        for now, then in ((address, ""), ("", address)):
            expect(field).to_have_value(now)
            field.fill(then)
            with board.expect_response("**/_/targets"):
                field.press("Enter")
            expect(board.locator("#toast")).to_be_hidden()
            settings()
            expect(field).to_have_value(then)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_of_a_connection_keeps_nobody_out(
    stage: Stage, opened: Opened, size: tuple[int, int], dark: bool
) -> None:
    wanted = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    with opened(size, dark) as page:
        sign_in(page, stage.token)
        page.goto("/connections/leadconnector")
        expect(page.locator("main")).to_contain_text("Renewals / Due")
        found = Axe().run(page, options=wanted)
        assert not found.violations_count, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
