"""A real browser, where there is one: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

DESKTOP, PHONE = (1280, 900), (360, 740)
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str | None:
    """Return where Chromium is, or None."""
    return shutil.which(os.environ.get("CHROMIUM", "chromium"))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser. It runs as root in containers, where its own sandbox cannot."""
    path = chromium()
    assert path is not None
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        started = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def page_of(started: Browser, url: str, size: tuple[int, int] = DESKTOP, dark: bool = False) -> Iterator[Page]:
    """Open a page of its own, as a person with nothing kept; whatever its script or console complains of fails."""
    width, height = size
    context = started.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        has_touch=size == PHONE,
    )
    context.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    try:
        yield page
    finally:
        context.close()
    told = [c for c in complaints if "Failed to load resource" not in c]
    assert not told, told


def sign_in(page: Page, token: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
