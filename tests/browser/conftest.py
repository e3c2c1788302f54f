"""
What a person sees, in a real browser, of a real bridge: `stage` is the demo's sandbox and bridge, `person` a page that
is signed in there. All tests here share them, so each brings its own deals or leaves things as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bridge.demo.stage import Stage
from tests.browser.browser import browser, chromium, page_of, sign_in

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent

Opened = Callable[..., AbstractContextManager[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if chromium() is None:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip("no Chromium here; on Debian: apt-get install chromium"))


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        with Stage(rough=False, seed=1) as made:
            yield made


@pytest.fixture(scope="session")
def started() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture
def opened(started: Browser, stage: Stage) -> Opened:
    """Open a page as somebody who has never been here; size and dark as in `page_of`."""
    return partial(page_of, started, stage.bridge_url)


@pytest.fixture
def person(opened: Opened, stage: Stage) -> Iterator[Page]:
    """A page on a desktop, signed in with role write."""
    with opened() as page:
        sign_in(page, stage.token)
        yield page
