"""The commands of docs/api.md do what the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fuzz.rig import rig

ROOT = Path(__file__).parents[2]
API = 'api() { curl --silent --header "Authorization: Bearer $TOKEN" --write-out "\\n%{http_code}" "$@"; }'
STALE = "If-Match"  # the page cannot know the ETag: it hears 412


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    text = (ROOT / "docs/api.md").read_text("utf-8").partition("## Common deeds")[2]
    commands = [
        c for block in re.findall(r"```\n(.*?)```", text, re.S) for c in block.splitlines() if c.startswith("api")
    ]
    assert len(commands) > 15
    (tmp_path / "data").symlink_to(ROOT / "data")
    with rig(tmp_path) as (url, secret, _):
        env = {**os.environ, "BRIDGE": url, "TOKEN": secret}
        for command in commands:
            ran = subprocess.run(
                ["bash", "-c", f"{API}\n{command}"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
            )
            body, _, status = ran.stdout.rpartition("\n")
            assert (status == "412") if STALE in command else status.startswith("2"), (command, ran.stdout, ran.stderr)
            if "/links/find" in command:
                env["LINK"] = json.loads(body)["id"]
    assert (tmp_path / "links.csv").read_text("utf-8").startswith("kind,getfly")
    assert (tmp_path / "links.ndjson").read_text("utf-8").startswith("{")
