"""
The tables, as migrations, for both engines. Portable types: text ids (UUIDv7), integers for time (UTC, milliseconds),
JSON as text.

A migration is only ever added. `native`, `value`, `sent`, `old` and `new` hold JSON scalars; NULL there means unknown
or none, the JSON `null` means empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database, Migrations

FIRST = """
CREATE TABLE link (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'live', created_at INTEGER NOT NULL,
    owner TEXT, token INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0);
CREATE TABLE ref (
    connection TEXT NOT NULL, kind TEXT NOT NULL, vendor_id TEXT NOT NULL, link TEXT NOT NULL REFERENCES link(id),
    linked_at INTEGER NOT NULL, stamp INTEGER, wrote_at INTEGER, missing_since INTEGER, gone INTEGER NOT NULL DEFAULT 0,
    fails INTEGER NOT NULL DEFAULT 0, failing_since INTEGER,
    PRIMARY KEY (connection, kind, vendor_id), UNIQUE (link, connection));
CREATE TABLE alias (
    connection TEXT NOT NULL, kind TEXT NOT NULL, alias TEXT NOT NULL, vendor_id TEXT NOT NULL,
    PRIMARY KEY (connection, kind, alias));
CREATE TABLE hub (
    link TEXT NOT NULL REFERENCES link(id), field TEXT NOT NULL, value TEXT NOT NULL, version INTEGER NOT NULL,
    stamp INTEGER NOT NULL, origin TEXT NOT NULL, hop INTEGER NOT NULL, held_until INTEGER,
    argued INTEGER NOT NULL, argued_day INTEGER NOT NULL, PRIMARY KEY (link, field));
CREATE TABLE shadow (
    link TEXT NOT NULL REFERENCES link(id), connection TEXT NOT NULL, field TEXT NOT NULL, native TEXT NOT NULL,
    base INTEGER NOT NULL, moved_at INTEGER NOT NULL, sent TEXT, undated INTEGER NOT NULL,
    PRIMARY KEY (link, connection, field));
CREATE TABLE former (
    link TEXT NOT NULL REFERENCES link(id), connection TEXT NOT NULL, field TEXT NOT NULL, native TEXT NOT NULL,
    replaced_at INTEGER NOT NULL, PRIMARY KEY (link, connection, field, native));
CREATE TABLE look (
    link TEXT NOT NULL REFERENCES link(id), connection TEXT NOT NULL, at INTEGER NOT NULL, cause TEXT NOT NULL,
    PRIMARY KEY (link, connection, at, cause));
CREATE INDEX look_at ON look (at);
CREATE TABLE write (
    id TEXT PRIMARY KEY, link TEXT NOT NULL REFERENCES link(id), connection TEXT NOT NULL, kind TEXT NOT NULL,
    patch TEXT NOT NULL, touched TEXT NOT NULL, opened_at INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL,
    cause TEXT NOT NULL, detail TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX write_open ON write (link, connection) WHERE state = 'open';
CREATE INDEX write_state ON write (state, at);
CREATE TABLE delivery (
    id TEXT PRIMARY KEY, connection TEXT NOT NULL, dedupe_key TEXT NOT NULL, at INTEGER NOT NULL,
    method TEXT NOT NULL, query TEXT NOT NULL, content_type TEXT NOT NULL, body BLOB NOT NULL,
    state TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '', UNIQUE (connection, dedupe_key));
CREATE INDEX delivery_waiting ON delivery (id) WHERE state = 'waiting';
CREATE INDEX delivery_at ON delivery (at);
CREATE TABLE attempt (
    id TEXT PRIMARY KEY, at INTEGER NOT NULL, link TEXT NOT NULL, connection TEXT NOT NULL, cause TEXT NOT NULL,
    outcome TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, fails INTEGER NOT NULL, ms INTEGER NOT NULL);
CREATE INDEX attempt_at ON attempt (at);
CREATE TABLE hold (
    link TEXT NOT NULL REFERENCES link(id), connection TEXT NOT NULL, field TEXT NOT NULL, reason TEXT NOT NULL,
    cure TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (link, connection, field));
CREATE TABLE journal (
    id TEXT PRIMARY KEY, at INTEGER NOT NULL, link TEXT NOT NULL, connection TEXT NOT NULL, field TEXT NOT NULL,
    what TEXT NOT NULL, old TEXT, new TEXT, version INTEGER, delivery TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX journal_link ON journal (link, id);
CREATE TABLE choice (
    connection TEXT NOT NULL, field TEXT NOT NULL, native TEXT NOT NULL, canonical TEXT NOT NULL,
    reads INTEGER NOT NULL, writes INTEGER NOT NULL, scope TEXT NOT NULL,
    PRIMARY KEY (connection, field, native, canonical));
CREATE UNIQUE INDEX choice_reads ON choice (connection, field, native) WHERE reads = 1;
CREATE UNIQUE INDEX choice_writes ON choice (connection, field, canonical, scope) WHERE writes = 1;
CREATE TABLE connection (
    name TEXT PRIMARY KEY, paused_until INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '',
    heard_at INTEGER, swept_at INTEGER);
"""

# so that a worker that died is found without reading every link
LEASES = "CREATE INDEX link_lease ON link (lease_until) WHERE lease_until > 0"

# how often a table has changed that is read by all and seldom written: who has read it sees whether that still stands
REVISIONS = "CREATE TABLE revision (name TEXT PRIMARY KEY, n INTEGER NOT NULL);"

# what the processes that work on one connection share: its budget, and who sweeps it
SHARING = """
CREATE TABLE budget (
    connection TEXT PRIMARY KEY, shares TEXT NOT NULL);
ALTER TABLE connection ADD COLUMN sweeper TEXT;
ALTER TABLE connection ADD COLUMN sweep_until INTEGER NOT NULL DEFAULT 0
"""

# what people see and do. token and session: who may, as hashes only. audit: what they did. answered: what a repeat of a
# request hears. listed, custom: what a CRM's own lists offer, and its custom fields. wish: what a person asks of a CRM,
# for the worker to do, and its answer; so is what the worker does unasked. pulse: what each process last said of a
# connection. tally: counts that only grow. alarm: the level that was last told. duty: which process does what one
# alone should do. hold.kind: see HoldKind. write.answer: what the vendor said when it refused for good, as JSON.
SEAT = """
CREATE TABLE token (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL,
    used_at INTEGER, revoked_at INTEGER);
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at IS NULL;
CREATE TABLE session (
    hash TEXT PRIMARY KEY, token TEXT NOT NULL REFERENCES token(id), created_at INTEGER NOT NULL,
    until INTEGER NOT NULL);
CREATE TABLE audit (
    id TEXT PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, deed TEXT NOT NULL, target TEXT NOT NULL,
    detail TEXT NOT NULL);
CREATE TABLE answered (
    token TEXT NOT NULL, repeat_key TEXT NOT NULL, request TEXT NOT NULL, at INTEGER NOT NULL, status INTEGER,
    headers TEXT NOT NULL DEFAULT '{}', body TEXT NOT NULL DEFAULT '', PRIMARY KEY (token, repeat_key));
CREATE TABLE listed (
    connection TEXT NOT NULL, field TEXT NOT NULL, native TEXT NOT NULL, label TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (connection, field, native));
CREATE TABLE custom (
    connection TEXT NOT NULL, native TEXT NOT NULL, label TEXT NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (connection, native));
CREATE TABLE wish (
    connection TEXT NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL, taken_until INTEGER NOT NULL DEFAULT 0,
    answered_at INTEGER, ok INTEGER NOT NULL DEFAULT 0, said TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (connection, what));
CREATE TABLE pulse (
    process TEXT NOT NULL, connection TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (process, connection));
CREATE TABLE tally (
    connection TEXT NOT NULL, what TEXT NOT NULL, outcome TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (connection, what, outcome));
CREATE TABLE alarm (
    connection TEXT NOT NULL, what TEXT NOT NULL, level INTEGER NOT NULL, since INTEGER NOT NULL, below_since INTEGER,
    peak INTEGER NOT NULL, PRIMARY KEY (connection, what));
CREATE TABLE duty (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL);
CREATE INDEX ref_vendor_id ON ref (vendor_id);
CREATE INDEX alias_alias ON alias (alias);
CREATE INDEX hub_name ON hub (link, substr(value, 1, 200)) WHERE field = 'name';
CREATE INDEX hub_party ON hub (substr(value, 1, 200)) WHERE field IN ('contact', 'account');
CREATE INDEX link_kind ON link (kind, id) WHERE state = 'live';
CREATE INDEX hub_unknown ON hub (field, substr(value, 1, 200)) WHERE substr(value, 1, 9) = '"unknown:';
CREATE INDEX attempt_cause ON attempt (cause, link, id);
CREATE INDEX attempt_failed ON attempt (cause, link, id) WHERE outcome IN ('failed', 'dead', 'refused');
CREATE INDEX attempt_link ON attempt (link, id);
CREATE INDEX ref_failing ON ref (connection, failing_since) WHERE failing_since IS NOT NULL;
CREATE INDEX delivery_dead ON delivery (id) WHERE substr(outcome, 1, 6) = 'dead: ';
ALTER TABLE hold ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE write ADD COLUMN answer TEXT NOT NULL DEFAULT '';
ALTER TABLE connection ADD COLUMN paused_by TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN link TEXT NOT NULL DEFAULT '';
CREATE INDEX delivery_link ON delivery (link, id) WHERE link <> ''
"""

MIGRATIONS: Mapping[str, str] = {
    "0001_first": FIRST,
    "0002_leases": LEASES,
    "0003_sharing": SHARING,
    "0004_revisions": REVISIONS,
    "0005_seat": SEAT,
}

# "C" orders texts by their bytes, as SQLite does, whatever the language of the server
POSTGRES_TYPES: Mapping[str, str] = {"INTEGER": "BIGINT", "BLOB": "BYTEA", "TEXT": 'TEXT COLLATE "C"'}


def for_postgres(migration: str) -> str:
    """Return the statements of a migration with the types of PostgreSQL."""
    return re.sub(r"\b(INTEGER|BLOB|TEXT)\b", lambda m: POSTGRES_TYPES[m[1]], migration)


@dataclass(frozen=True)
class Table:
    """columns: all of them. key: those of the primary key, in its order."""

    columns: tuple[str, ...]
    key: tuple[str, ...]


def _tables() -> dict[str, Table]:
    """Return the tables that the migrations make, each after those that it refers to."""
    made, text = {}, "\n".join(MIGRATIONS.values())
    added = re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", text)
    for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\);", text, re.S):
        columns = re.findall(r"(\w+) (?:INTEGER|TEXT|BLOB)\b", body) + [c for table, c in added if table == name]
        key = re.findall(r"(\w+) TEXT PRIMARY KEY", body) or re.findall(r"PRIMARY KEY \((.*?)\)", body)[0].split(", ")
        made[name] = Table(tuple(columns), tuple(key))
    return made


TABLES: Mapping[str, Table] = _tables()


def statements_of_copy() -> dict[str, str]:
    """Return what it takes to copy each table: `copy_count_<table>`, `copy_page_`, `copy_row_` and `copy_clear_`."""
    made = {}
    for name, table in TABLES.items():
        columns, key = ", ".join(table.columns), ", ".join(table.key)
        after, values = (", ".join(f":{c}" for c in columns) for columns in (table.key, table.columns))
        made[f"copy_count_{name}"] = f"SELECT COUNT(*) FROM {name}"
        made[f"copy_page_{name}"] = f"SELECT {columns} FROM {name} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT :n"
        made[f"copy_row_{name}"] = f"INSERT INTO {name} ({columns}) VALUES ({values})"
        made[f"copy_clear_{name}"] = f"DELETE FROM {name}"
    return made


def _registered() -> Migrations:
    """Return the migrations as sqlite-utils applies them."""
    made = Migrations("bridge")
    for name, text in MIGRATIONS.items():

        @made(name=name)
        def apply(db: Database, text: str = text) -> None:
            for statement in text.split(";"):
                if statement.strip():
                    db.execute(statement)

    return made


migrations = _registered()
