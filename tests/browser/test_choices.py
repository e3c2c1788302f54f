"""The page Choices in a real browser: what a person does there, and what the deals do then."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from bridge.demo.people import LEADCONNECTOR_USERS, edit
from bridge.demo.stage import Stage
from bridge.desk import choices
from tests.browser.browser import PATIENCE_MS

OTHERS = ("getfly", "onlyoffice", "leadsquared", "plazbot")


def waited(for_what: Callable[[], Any]) -> Any:
    """Return what becomes true, as soon as it does."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not (found := for_what()) and time.monotonic() < end:
        time.sleep(0.1)
    assert found
    return found


def test_an_unmapped_owner_is_mapped_from_its_hold_and_the_deal_goes_on_by_itself(stage: Stage, person: Page) -> None:
    store = stage.bridge.store
    links = {k for k, r in store.all_refs() if r.connection == "leadconnector" and r.kind == "opportunity"}
    link = next(k for k in sorted(links) if waited(lambda k=k: store.peek(k).hubs).keys() >= {"owner"})
    refs = {r.connection: r.vendor_id for r in store.refs(link)}
    owner = "hoa" if store.peek(link).hubs["owner"].value == "minh" else "minh"
    choices.drop(stage.bridge.desk, "the test", "leadconnector", "owner", LEADCONNECTOR_USERS[owner], owner)
    before = {name: stage.ledger(name, 0)[1] for name in OTHERS}

    edit(stage.sandbox_url, "leadconnector", refs["leadconnector"], "owner", owner)
    waited(lambda: len(store.holds(link)) >= len(refs) - 1 and store.lists("leadconnector"))
    person.goto("/holds")
    expect(person.get_by_role("main")).to_contain_text(LEADCONNECTOR_USERS[owner])
    expect(person.get_by_role("link", name="Another value")).to_be_visible()
    person.get_by_role("button", name=f"It means {owner}").click()

    waited(lambda: not store.holds(link))
    rows = {name: stage.ledger(name, before[name])[0] for name in OTHERS if name in refs}
    wrote = {name: [r for r in found if r["who"] == "bridge"] for name, found in rows.items()}
    assert {name: len(found) for name, found in wrote.items()} == dict.fromkeys(wrote, 1), wrote
    person.goto("/holds")
    expect(person.get_by_role("heading", name="Nothing waits for you")).to_be_visible()


def test_a_file_with_two_bad_lines_names_them_before_anything_is_changed(
    stage: Stage, person: Page, tmp_path: Path
) -> None:
    file = tmp_path / "ours.csv"
    file.write_text(
        "connection,field,native,canonical,use\ngetfly,lost_owner,2,hoa,both\ngetfly,owner,2,hoa,both\n"
        "plazbot,owner,x1,sometimes,often\nplazbot,owner,x1,lan,read\n"
    )
    person.goto("/choices/import")
    person.get_by_label("File").set_input_files(file)
    person.get_by_role("button", name="Show what it would change").click()
    table = person.get_by_role("table")
    expect(table.get_by_role("row", name="2 invalid")).to_contain_text("'lost_owner' is no choice at getfly")
    expect(table.get_by_role("row", name="4 invalid")).to_contain_text("use is 'often'. it is both, read or write")
    person.get_by_role("button", name="Import these 1").click()
    expect(person.get_by_role("status")).to_have_text("1 choice came in; 2 lines left out.")
    choices.drop(stage.bridge.desk, "the test", "plazbot", "owner", "x1", "lan")


def test_a_choice_is_changed_by_keyboard_where_it_stands(stage: Stage, person: Page) -> None:
    person.goto("/choices?field=owner")
    hoa = person.locator('td a[href*="082goXVW3lIExEQPOnd3"]')
    hoa.focus()
    person.keyboard.press("Enter")
    expect(person.get_by_label("Means", exact=True)).to_be_focused()
    for name in ("hoa.do", "hoa"):
        person.get_by_label("Means", exact=True).fill(name)
        person.keyboard.press("Enter")
        expect(person.get_by_role("status")).to_contain_text(f"means '{name}'")
        assert urlsplit(person.url).query == "field=owner"
        hoa.click()
