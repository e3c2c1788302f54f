"""What an admin mends on a Monday, in a real browser: a file with bad lines, and a write that a CRM refused."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from bridge.demo.people import edit
from bridge.demo.stage import Stage
from bridge.desk import choices, dead
from tests.browser.test_choices import waited
from tests.browser.test_pages import a_deal

WHO = "command line"


def test_a_file_with_two_bad_lines_is_shown_first_and_its_good_lines_come_in(
    stage: Stage, person: Page, tmp_path: Path
) -> None:
    file = tmp_path / "more.csv"
    file.write_text(
        "kind,getfly,leadconnector\n"
        "contact,KH-901,contact-901\n"
        "contact,KH-902,\n"
        "deal,CH-903,opp-903\n"
        "contact,KH-904,contact-904\n",
        "utf-8",
    )
    before = stage.bridge.store.counts()["links"]
    person.goto("/links")
    person.get_by_role("link", name="Import").click()
    person.get_by_label("File").set_input_files(file)
    person.get_by_role("button", name="Show what it would change").click()
    report = person.locator("#report")
    expect(report.get_by_role("row").filter(has_text="fewer than two ids")).to_contain_text("3")
    expect(report.get_by_role("row").filter(has_text="kind is 'deal'")).to_contain_text("4")
    expect(report.get_by_role("row")).to_have_count(3)
    assert stage.bridge.store.counts()["links"] == before
    report.get_by_role("button", name="Import these 2").click()
    expect(person.get_by_text("What came in")).to_be_visible()
    assert stage.bridge.store.counts()["links"] == before + 2
    assert stage.bridge.store.find("leadconnector", "contact-901", "contact")


def test_what_a_crm_refused_is_seen_with_its_answer_and_tried_again(stage: Stage, person: Page) -> None:
    desk, store, (link, deal) = stage.bridge.desk, stage.bridge.store, a_deal(stage)
    waited(lambda: store.peek(link).sides["plazbot"].shadows.get("owner"))
    owner = "hoa" if store.peek(link).hubs["owner"].value == "minh" else "minh"
    right = choices.page(desk, connection="plazbot", field="owner", canonical=owner).items[0].native
    choices.put(desk, WHO, "plazbot", "owner", "usr_who_left", owner, "write")
    edit(stage.sandbox_url, "leadconnector", deal, "owner", owner)
    waited(lambda: dead.page(desk).items)
    person.goto("/dead")
    person.locator("tbody").get_by_role("link", name=re.compile("not_found")).click()
    expect(person.get_by_label("Values, as the CRM knows them")).to_contain_text("usr_who_left")
    expect(person.get_by_label("The answer")).to_contain_text("NOT_FOUND")
    choices.put(desk, WHO, "plazbot", "owner", right, owner, "both")
    person.get_by_role("button", name="Try again").click()
    expect(person.get_by_text("Nothing was given up")).to_be_visible()
    waited(lambda: not store.holds(link))
    person.goto(f"/deals/{link}?field=owner")
    expect(person.locator(".timeline")).to_contain_text("Owner was written to plazbot")
