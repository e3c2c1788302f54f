"""Tokens and sessions, on both engines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.desk import Desk, Refused, tokens
from bridge.settings import Settings
from bridge.store import Store

NOW = 1_795_000_000_000
HOUR = 3_600_000


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def desk(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: Callable[[Path], str], clock: Clock
) -> Iterator[Desk]:
    store = Store(tmp_path / "b.db" if request.param == "SQLite" else postgres(tmp_path))
    store.migrate()
    settings = Settings(
        database="", public_url="", threads=1, retention_days=14, body_bytes_max=1, connections={}, policies={}
    )
    yield Desk(store, {}, settings, clock)
    store.db.close()


def test_a_token_is_told_once_and_only_its_hash_is_kept(desk: Desk) -> None:
    made = tokens.make(desk, "Hoa", "write", "command line")
    assert re.fullmatch(r"obr_[A-Za-z0-9_-]{43}", made.secret)
    known = tokens.who(desk, made.secret)
    assert known is not None and (known.name, known.role, known.may_write) == ("Hoa", "write", True)
    kept = str([tuple(r) for r in desk.store.db.run("copy_page_token", id="", n=9)])
    assert "Hoa" in kept and made.secret not in kept and made.secret[4:] not in kept


def test_what_is_no_secret_is_nobody(desk: Desk) -> None:
    made = tokens.make(desk, "Hoa", "read", "command line")
    for wrong in ("", "obr_", made.secret[:-1], made.secret + "x", made.secret.upper(), "ễ\udc80"):
        assert tokens.who(desk, wrong) is None
        assert tokens.open_session(desk, wrong) is None and tokens.session(desk, wrong) is None


def test_a_name_is_taken_until_its_token_is_revoked(desk: Desk) -> None:
    old = tokens.make(desk, "Hoa", "read", "command line")
    with pytest.raises(Refused) as caught:
        tokens.make(desk, "Hoa", "write", "command line")
    assert caught.value.reason == "taken"
    other = tokens.make(desk, "Hoa 2", "read", "command line")
    tokens.revoke(desk, "Hoa", "Minh")
    assert tokens.who(desk, old.secret) is None and tokens.who(desk, other.secret) is not None
    new = tokens.make(desk, "Hoa", "write", "command line")
    assert (tokens.who(desk, new.secret) or other).role == "write"
    assert [(t.name, t.role, t.revoked_at is None) for t in tokens.every(desk)] == [
        ("Hoa", "read", False),
        ("Hoa 2", "read", True),
        ("Hoa", "write", True),
    ]
    with pytest.raises(Refused) as caught:
        tokens.revoke(desk, "Nobody", "Minh")
    assert caught.value.reason == "unknown"
    assert [(d["who"], d["deed"], d["target"]) for d in reversed(desk.store.deeds(9))] == [
        ("command line", "token made", "Hoa"),
        ("command line", "token made", "Hoa 2"),
        ("Minh", "token revoked", "Hoa"),
        ("command line", "token made", "Hoa"),
    ]


@pytest.mark.parametrize("name", ["", " ", "a" * 61, " Hoa", "a\nb", "command line", "a<b", "obr/x"])
def test_what_is_no_name_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(Refused) as caught:
        tokens.make(desk, name, "read", "command line")
    assert caught.value.reason == "invalid" and tokens.every(desk) == []


def test_that_a_token_was_used_is_kept_once_a_minute(desk: Desk, clock: Clock) -> None:
    secret = tokens.make(desk, "Hoa", "read", "command line").secret
    assert tokens.every(desk)[0].used_at is None
    seen = []
    for later in (0, 59_999, 60_000):
        clock.at = NOW + later
        tokens.who(desk, secret)
        seen.append(int((tokens.every(desk)[0].used_at or tokens.moment(0)).timestamp() * 1000) - NOW)
    assert seen == [0, 0, 60_000]


def test_a_session_ends_by_itself_by_hand_and_with_its_token(desk: Desk, clock: Clock) -> None:
    secret = tokens.make(desk, "Hoa", "write", "command line").secret
    first, second = (tokens.open_session(desk, secret) or "" for _ in range(2))
    assert first != second and secret not in (first, second)
    assert tokens.session(desk, first) == tokens.who(desk, secret)
    tokens.close_session(desk, first)
    assert tokens.session(desk, first) is None and tokens.session(desk, second) is not None
    clock.at = NOW + 12 * HOUR - 1
    assert tokens.session(desk, second) is not None
    clock.at += 1
    assert tokens.session(desk, second) is None
    third = tokens.open_session(desk, secret) or ""
    tokens.revoke(desk, "Hoa", "command line")
    assert tokens.session(desk, third) is None
    assert not desk.store.db.run("copy_page_session", hash=third, n=9)


def test_sessions_that_have_ended_are_forgotten(desk: Desk, clock: Clock) -> None:
    secret = tokens.make(desk, "Hoa", "write", "command line").secret
    tokens.open_session(desk, secret)
    clock.at += HOUR
    kept = tokens.open_session(desk, secret) or ""
    desk.store.forget_answers(NOW + 12 * HOUR, 0)
    assert len(desk.store.db.run("copy_page_session", hash="", n=9)) == 1 and tokens.session(desk, kept) is not None
