"""The page of a deal, in a real browser, of a deal that five simulated CRMs hold."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from bridge.demo.people import edit
from bridge.demo.stage import Stage
from bridge.desk.story import explain
from tests.browser.browser import DESKTOP, PHONE, sign_in
from tests.browser.conftest import Opened
from tests.browser.test_pages import a_deal

PATIENCE_S = 20


def renamed(stage: Stage) -> tuple[str, str]:
    """Let somebody rename a deal in LeadConnector; return its link and the name, once the others have it."""
    link, vendor_id = a_deal(stage)
    name, until = f"Renamed {uuid4().hex[:6]}", time.monotonic() + PATIENCE_S
    edit(stage.sandbox_url, "leadconnector", vendor_id, "name", name)
    while time.monotonic() < until:
        field = explain(stage.bridge.desk, link, "name").fields[0]
        if field.value == name and not any(s.state in ("due", "in doubt") for s in field.sides):
            return link, name
        time.sleep(0.2)
    raise AssertionError(f"{name} has not arrived everywhere")


def test_a_deal_is_found_by_its_name_and_tells_where_it_went(stage: Stage, person: Page) -> None:
    link, name = renamed(stage)
    person.goto(f"/deals/{link}")
    person.get_by_label("Find a deal by any id, code or name").fill(name.lower())
    person.get_by_role("button", name="Find").click()
    expect(person).to_have_url(f"{stage.bridge_url}/deals/{link}")
    expect(person.get_by_role("heading", level=1)).to_have_text(name)
    person.get_by_role("link", name="name", exact=True).click()
    expect(person.locator("details[open]")).to_contain_text("set in leadconnector")
    shown = [" ".join(line.split()) for line in person.locator(".timeline li").all_inner_texts()]
    told = explain(stage.bridge.desk, link, "name").timeline
    assert shown == [f"{e.at:%Y-%m-%d %H:%M:%S} UTC {e.sentence}" for e in reversed(told)]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_deal_keeps_nobody_out(stage: Stage, opened: Opened, size: tuple[int, int], dark: bool) -> None:
    link, _ = a_deal(stage)
    wanted = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    with opened(size, dark) as page:
        sign_in(page, stage.token)
        page.goto(f"/deals/{link}")
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "only the grid scrolls, in its box"
        found = Axe().run(page, options=wanted)
        assert not found.violations_count, found.generate_report()
