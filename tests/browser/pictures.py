"""
`python -m tests.browser.pictures [FOLDER]`: a picture of each page, as docs/pictures has them.

They show a demo in which something waits for a person: an owner that one CRM has no choice for, and one that another
refuses.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bridge.core.model import Ref
from bridge.demo.people import edit
from bridge.demo.stage import Stage
from bridge.desk import choices, connections
from bridge.web.pages import NAVIGATION
from tests.browser.browser import DESKTOP, PHONE, browser, chromium, page_of, sign_in

FOLDER = Path("docs/pictures")
WHO = "command line"
CALM_S, PATIENCE_S = 1.5, 40.0
EDITS = (
    ("leadconnector", 0, "name", "Acme Hotels, sixty rooms"),
    ("onlyoffice", 0, "amount", "3100"),
    ("leadsquared", 1, "description", "Two branches, one contract"),
    ("plazbot", 1, "amount", "3200"),
    ("getfly", 2, "stage", "qualified"),
    ("leadconnector", 2, "owner", "minh"),
    ("leadsquared", 2, "expected_close", "2027-05-01"),
)


def set_the_scene(stage: Stage) -> str:
    """Let people edit deals, two of them so that something waits; return the link that has most to tell."""
    desk, store = stage.bridge.desk, stage.bridge.store
    refs: dict[str, dict[str, Ref]] = {}
    for link, ref in store.all_refs():
        if ref.kind == "opportunity":
            refs.setdefault(link, {})[ref.connection] = ref
    links = list(refs)
    _calm(stage)
    for connection in ("onlyoffice", "plazbot"):
        for each in choices.page(desk, connection=connection, field="owner", canonical="minh").items:
            choices.drop(desk, WHO, connection, "owner", each.native, "minh")
    choices.put(desk, WHO, "plazbot", "owner", "usr_who_left", "minh", "write")
    for connection, n, field, value in EDITS:
        edit(stage.sandbox_url, connection, refs[links[n]][connection].vendor_id, field, value)
        time.sleep(0.3)
    _calm(stage)
    connections.pause(desk, "hoa", "leadsquared", "their maintenance, until noon")
    return links[2]


def _calm(stage: Stage) -> None:
    """Return when nothing has happened for a while."""
    store, deadline = stage.bridge.store, time.monotonic() + PATIENCE_S
    last, since = store.latest(), time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < CALM_S:
        time.sleep(0.1)
        if (now := store.latest()) != last:
            last, since = now, time.monotonic()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with Stage(rough=False, seed=1) as stage, browser() as started:
        deal = set_the_scene(stage)
        shown = {place.path.strip("/") or "overview": place.path for place in NAVIGATION}
        shown["deal"] = f"/deals/{deal}"
        for size, width in ((DESKTOP, "desktop"), (PHONE, "phone")):
            for dark, look in ((False, "light"), (True, "dark")):
                with page_of(started, stage.bridge_url, size, dark) as page:
                    sign_in(page, stage.token)
                    for name, path in shown.items():
                        answer = page.goto(path)
                        assert answer is not None and answer.ok, f"{path} answered {answer and answer.status}"
                        if live := page.query_selector("#live"):
                            live.wait_for_element_state("visible")
                            page.wait_for_timeout(300)
                        page.screenshot(path=folder / f"{name}-{width}-{look}.png")
    size_mb = sum(picture.stat().st_size for picture in folder.glob("*.png")) / 1_000_000
    sys.stdout.write(f"{len(list(folder.glob('*.png')))} pictures in {folder}, {size_mb:.1f} MB\n")


if __name__ == "__main__":
    if chromium() is None:
        sys.exit("no Chromium here; on Debian: apt-get install chromium")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
