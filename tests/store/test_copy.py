"""`bridge db copy`: all or nothing, from one engine to another and back, and equal at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from bridge.cli import cli
from bridge.core.grants import Ask, Limits
from bridge.core.model import Effects, Entry, Former, Hold, Hub, Ref, Said, Sent, Shadow, Write
from bridge.store import Store, Taken, copy
from bridge.store.audit import Deed
from bridge.store.copy import NotCopied, copy_store
from bridge.store.schema import TABLES
from bridge.store.store import Attempt
from tests.store.contract import NOW, A, choice, claimed, hook, linked
from tests.store.raw import raw

SEAT: dict[str, dict[str, Any]] = {
    "token": dict(id="t1", name="Hoa", role="write", hash="h", created_at=NOW, used_at=None, revoked_at=None),
    "session": dict(hash="s1", token="t1", created_at=NOW, until=NOW),
    "answered": dict(token="t1", repeat_key="k", request="r", at=NOW, status=None, headers="{}", body="ễ"),
    "listed": dict(connection="a", field="owner", native="7", label="Hoa Đỗ", at=NOW),
    "custom": dict(connection="a", native="mx_1", label="Ngành", kind="text"),
    "wish": dict(connection="a", what="test", at=NOW, taken_until=0, answered_at=None, ok=0, said="[]"),
    "pulse": dict(process="p", connection="a", at=NOW, state="{}"),
    "tally": dict(connection="a", what="attempt", outcome="echo", n=7),
    "alarm": dict(connection="a", what="lag", level=2, since=NOW, below_since=None, peak=0),
    "duty": dict(name="alerts", owner="p", until=NOW),
}


def fill(store: Store) -> None:
    """Put a row at least into every table, with every value that there is."""
    link = linked(store)
    store.link([Ref("a", "đ-2"), Ref("b", "Z-2")], NOW)
    store.name_also(A, ["code", "Code", "ễ"])
    store.put_choices([choice("1", "new"), choice("2", "won", writes=0)], NOW)
    hook(store, "n1")
    hook(store, "with\0nul")
    store.pause("b", "by the operator")
    claim = claimed(store)
    at = store.load(claim)
    at.sides["a"].shadows = {"name": Shadow('Đỗ "x"\n', 2, NOW, Sent("y"), True), "note": Shadow(None, 0, NOW)}
    at.sides["a"].formers = {"name": [Former(None, 5)]}
    at.hubs = {"name": Hub("new", 3, NOW, "a", 2, None, 4, 5), "note": Hub(None, 1, NOW, "b")}
    write = Write("w1", A, {"name": Said(None, 3)}, frozenset({"name"}), NOW)
    at.sides["a"].open = write
    effects = Effects(journal=[Entry(NOW, "a", "name", "set", "old", None, 2, "d1", "by Hoa")])
    attempt = Attempt(link, "a", "d1", "failed", fails=1, failing_since=NOW)
    holds = {"a": [Hold("a", "name", "r", "c")]}
    store.save(claim, at, NOW, effects=effects, opened=(write, "d1"), holds=holds, attempt=attempt)
    store.draw("a", "p", Ask(((5, 2),), 1, 3), Limits(9, 1_000, 4, 5_000), NOW)
    store.lease_sweep("a", "p", NOW, 60_000, before=NOW)
    store.pause("a", "by hand", deed=Deed(NOW, "Hoa", "connection paused", "a"))
    with store.db.transaction():
        for name, row in SEAT.items():
            store.db.run(f"copy_row_{name}", **row)


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return {name: [tuple(r) for page in copy._pages(store.db, name) for r in page] for name in TABLES}


@pytest.fixture(params=["to PostgreSQL", "to SQLite"])
def stores(
    request: pytest.FixtureRequest, postgres: Callable[[Path], str], tmp_path: Path
) -> Iterator[tuple[Store, Store]]:
    file, server = Store(tmp_path / "x.db"), Store(postgres(tmp_path))
    with closing(file.db), closing(server.db):
        source, target = (file, server) if request.param == "to PostgreSQL" else (server, file)
        source.migrate()
        yield source, target


def test_every_table_has_all_its_columns(tmp_path: Path) -> None:
    with closing((store := Store(tmp_path / "x.db")).db):
        store.migrate()
        db = Database(raw(store))
        made = {t.name: tuple(c.name for c in t.columns) for t in db.tables if not t.name.startswith("_")}
        assert made == {name: table.columns for name, table in TABLES.items()}
        assert {name: tuple(db[name].pks) for name in TABLES} == {name: table.key for name, table in TABLES.items()}


def test_a_copy_is_equal_in_every_row(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "PAGE_ROWS", 2)
    source, target = stores
    fill(source)
    told: list[tuple[str, int, int]] = []
    copied = copy_store(source, target, progress=lambda *step: told.append(step))
    before, after = everything(source), everything(target)
    assert all(before.values())
    assert str(after).replace("\\x00", "\ufffd") == str(before).replace("\\x00", "\ufffd")
    assert {c.table: c.rows for c in copied} == {name: len(rows) for name, rows in before.items()}
    assert told[0] == ("copy link", 2, 2) and told[-1] == ("check duty", 1, 1)
    link = target.find("a", "a1")
    assert link is not None and target.peek(link) == source.peek(link)
    with pytest.raises(Taken):
        target.link([A], NOW)
    hook(target)


def test_what_is_not_empty_is_left_alone_unless_told(stores: tuple[Store, Store]) -> None:
    source, target = stores
    fill(source)
    target.migrate()
    hook(target)
    before = everything(target)
    with pytest.raises(NotCopied, match="is not empty: it has rows in delivery, connection") as caught:
        copy_store(source, target)
    assert "--replace" in caught.value.cure and everything(target) == before
    copy_store(source, target, replace=True)
    assert len(everything(target)["delivery"]) == 2
    copy_store(source, target, replace=True)
    assert target.peek(target.find("a", "a1") or "") == source.peek(source.find("a", "a1") or "")


def test_a_source_that_changes_meanwhile_is_noticed_and_nothing_is_kept(stores: tuple[Store, Store]) -> None:
    source, target = stores
    fill(source)
    late: list[str] = []

    def work(what: str, rows: int, of: int) -> None:
        if what == "copy connection" and not late:
            late.append(hook(source, "late") or "")

    with pytest.raises(NotCopied, match="delivery has 3 rows at the source and 2 at the target") as caught:
        copy_store(source, target, progress=work)
    assert "stop it" in caught.value.cure
    assert not any(everything(target).values())


def test_a_value_that_changes_meanwhile_is_noticed(stores: tuple[Store, Store]) -> None:
    source, target = stores
    fill(source)
    with pytest.raises(NotCopied, match="connection has 2 rows at the source and 2 at the target, or they differ"):
        copy_store(
            source, target, progress=lambda what, *_: source.swept("a", 7) if what == "copy connection" else None
        )


def test_an_old_source_and_a_copy_onto_itself_are_refused(tmp_path: Path) -> None:
    old, other = Store(tmp_path / "old.db"), Store(tmp_path / "other.db")
    with closing(old.db), closing(other.db):
        with pytest.raises(NotCopied, match="missing or old"):
            copy_store(old, other)
        with pytest.raises(NotCopied, match="both source and target"):
            copy_store(old, Store(tmp_path / "old.db"))


# the command


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["db", "copy", *arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_the_command_moves_a_file_to_a_server_and_back_and_says_what_comes_next(
    postgres: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres(tmp_path).replace("postgres:@", "postgres:pass-w0rd@")
    monkeypatch.setenv("DATABASE_URL", address)
    with closing((store := Store(tmp_path / "a.db")).db):
        store.migrate()
        fill(store)
        before = everything(store)
    out = run(str(tmp_path / "a.db"), "env:DATABASE_URL")
    assert "delivery             2 rows, equal: sha256 " in out and "set DATABASE_URL to it" in out
    back = run("env:DATABASE_URL", str(tmp_path / "b.db"))
    assert "set BRIDGE_DATABASE to it" in back and "pass-w0rd" not in out + back
    with closing((store := Store(tmp_path / "b.db")).db):
        assert {**everything(store), "delivery": 0} == {**before, "delivery": 0}
    assert "is not empty" in run("env:DATABASE_URL", str(tmp_path / "b.db"), code=1)
    run("env:DATABASE_URL", str(tmp_path / "b.db"), "--replace")


def test_mistakes_of_the_command_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    assert "the environment variable is not set" in run("env:NOWHERE", "x.db", code=1)
    assert "there is no such file" in run(str(tmp_path / "none.db"), "x.db", code=1)
    assert not (tmp_path / "none.db").exists()
