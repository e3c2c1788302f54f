"""docs/first-hour.md, followed to the letter: every command of it is run, and every click is made."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parents[2]
OURS = {"X-Sandbox": "1"}
VENDORS = ("getfly", "onlyoffice", "leadsquared", "plazbot", "leadconnector")
PATIENCE_S = 60.0


def blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (ROOT / "docs/first-hour.md").read_text("utf-8"), re.S)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Reader:
    """Somebody with three windows and a browser who does what the document says. said: what the windows showed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, list[str]()
        self.bridge, self.boards = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        for name in ("config", "data"):
            (folder / name).symlink_to(ROOT / name)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("BRIDGE_", "DATABASE_"))}
        self.env = {**keep, "PATH": path, "PORT": self.bridge.rpartition(":")[2]}
        self.windows: list[subprocess.Popen[str]] = []

    def block(self, text: str) -> str:
        """Return a block with the ports that are free here."""
        port = self.boards.rpartition(":")[2]
        text = text.replace("bridge sandbox --unconnected", f"bridge sandbox --unconnected --port {port}")
        return text.replace("http://127.0.0.1:8090", self.boards).replace("http://127.0.0.1:8080", self.bridge)

    def open(self, text: str) -> subprocess.Popen[str]:
        loaded = "set -a; [ ! -f first-hour/env ] || . first-hour/env; set +a\n"
        log = (self.folder / f"window-{len(self.windows)}").open("w+")
        window = subprocess.Popen(
            ["sh", "-ec", loaded + self.block(text)],
            cwd=self.folder, env=self.env, stdout=log, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        log.close()
        self.windows.append(window)
        return window

    def shows(self, window: subprocess.Popen[str]) -> str:
        return (self.folder / f"window-{self.windows.index(window)}").read_text("utf-8")

    def logged(self, words: str) -> int:
        """Return in how many lines of all windows these words stand."""
        return sum(words in line for window in self.windows for line in self.shows(window).splitlines())

    def run(self, text: str, click: Callable[[], None] = lambda: None) -> str:
        """Run a block to its end. click: what to do once it waits for a webhook."""
        window, clicked = self.open(text), False
        until(lambda: window.poll() is not None or "Waiting for the first webhook" in self.shows(window))
        while window.poll() is None and not clicked:
            click()
            clicked = True
        assert window.wait(PATIENCE_S) == 0, self.shows(window)
        return self.shows(window)

    def close(self) -> None:
        for window in self.windows:
            if window.poll() is None:
                os.killpg(window.pid, signal.SIGTERM)
                window.wait(40)

    def on_boards(self, method: str, path: str, **body: Any) -> Any:
        answer = requests.request(
            method, f"{self.boards}/_/{path}", json=body or None, headers=OURS if body else {}, timeout=10
        )
        assert answer.ok, answer.text
        return answer.json()

    def columns(self) -> dict[str, dict[str, str]]:
        """Return the title of the stage that each deal is in, by vendor and by the deal's id."""
        state = self.on_boards("GET", "state")
        titles = {v: {c["id"]: c["title"] for c in state[v]["columns"]} for v in VENDORS}
        return {v: {card["id"]: titles[v][card["column"]] for card in state[v]["cards"]} for v in VENDORS}

    def drag(self, vendor: str, deal: str, title: str) -> None:
        columns = self.on_boards("GET", "state")[vendor]["columns"]
        column = next(c["id"] for c in columns if c["title"] == title)
        self.on_boards("POST", "move", vendor=vendor, deal=deal, column=column)

    def there_and_back(self, vendor: str, deal: str) -> None:
        self.drag(vendor, deal, "Qualified")
        self.drag(vendor, deal, "New")

    def paste(self, vendor: str) -> None:
        self.on_boards("PUT", "targets", **{vendor: f"{self.bridge}/webhooks/{vendor}"})


def until(happened: Callable[[], object], s: float = PATIENCE_S) -> None:
    end = time.monotonic() + s
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def up(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    made = Reader(folder)
    try:
        yield made
    finally:
        made.close()


DEALS = {
    "getfly": "CH2055057",
    "onlyoffice": "17",
    "leadsquared": "dddddddd-0000-4000-8000-000000000001",
    "plazbot": "d0000000-0000-4000-8000-000000000001",
    "leadconnector": "yWQobCRIhRguQtD2llvk",
}


@pytest.mark.timeout(240)
def test_the_first_hour_works_as_it_is_written(tmp_path: Path) -> None:
    install, *rest = blocks()
    assert install.startswith("make .venv/installed")
    with reader(tmp_path) as me:
        said = dict[str, str]()
        for text in rest:
            first = text.split("\n")[0]
            if first.startswith(("bridge sandbox", "bridge serve")):
                window = me.open(text)
                until(lambda url=me.boards if "sandbox" in first else f"{me.bridge}/healthz": up(url))  # type: ignore[misc]
                assert window.poll() is None
                continue
            vendor = first.removeprefix("bridge connect ")

            def click(vendor: str = vendor) -> None:
                if vendor != "leadsquared":
                    me.paste(vendor)
                me.there_and_back(vendor, DEALS[vendor])

            said[first] = said.get(first, "") + me.run(text, click)
            if first.startswith("bridge link import"):
                until(lambda: me.logged('"cause": "linked"') == 3 * len(DEALS))
                me.drag("getfly", DEALS["getfly"], "Qualified")
                until(lambda: {v: me.columns()[v][deal] for v, deal in DEALS.items()} == LEVEL)
        token = re.findall(r"obr_[\w-]+", "".join(said.values()))[0]
        assert [vendor for vendor in VENDORS if "webhook came at" in said.get(f"bridge connect {vendor}", "")] == [
            "getfly", "leadsquared", "leadconnector",
        ]  # fmt: skip
        assert "set in getfly" in said["bridge explain getfly CH2055057 --field stage"]
        with requests.Session() as browser:
            assert browser.post(f"{me.bridge}/sign-in", data={"token": token}, timeout=10).ok
            activity = browser.get(f"{me.bridge}/activity", timeout=10).text
            link = re.findall(r"link (\S+)", said["bridge explain getfly CH2055057 --field stage"])[0]
            assert link in activity


LEVEL = {
    "getfly": "Qualified",
    "onlyoffice": "Application of initial fit criteria",
    "leadsquared": "Qualified",
    "plazbot": "Qualified",
    "leadconnector": "Qualified",
}
