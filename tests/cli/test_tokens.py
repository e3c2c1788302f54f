from __future__ import annotations

import json

from bridge.store import Store
from tests.cli.test_cli import Bridge, bridge, database  # noqa: F401  fixtures


def test_tokens_are_made_listed_and_revoked(bridge: Bridge) -> None:  # noqa: F811
    bridge("db", "migrate")
    assert "make one with" in bridge("token", "list").output
    assert bridge("token", "add", "Hoa", "--role", "write").stdout.startswith("obr_")
    made = json.loads(bridge("token", "add", "board", "--role", "read", "--json").stdout)
    assert (made["name"], made["role"], len(made["secret"])) == ("board", "read", 47)
    assert "a valid token 'Hoa'" in bridge("token", "add", "Hoa", "--role", "read", code=1).output
    bridge("token", "revoke", "Hoa")
    assert "no valid token 'Hoa'" in bridge("token", "revoke", "Hoa", code=3).output
    lines = bridge("token", "list").output.splitlines()
    assert "revoked" in lines[0] and "used never" in lines[1] and made["secret"] not in str(lines)
    listed = json.loads(bridge("token", "list", "--json").output)
    assert [(t["name"], t["revoked_at"] is None) for t in listed] == [("Hoa", False), ("board", True)]


def test_who_has_a_shell_stands_in_the_audit_log(bridge: Bridge, database: object) -> None:  # noqa: F811
    bridge("db", "migrate")
    bridge("token", "add", "Hoa", "--role", "write")
    store = Store(str(database))
    assert [(d["who"], d["deed"], d["target"]) for d in store.deeds(9)] == [("command line", "token made", "Hoa")]
    store.db.close()
