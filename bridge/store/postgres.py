"""PostgreSQL as the engine: a few connections a process, lent for one statement or one transaction at a time."""

from __future__ import annotations

import re
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from statistics import median
from typing import Any, NoReturn

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumperUnknown

from bridge.core.errors import Misconfigured, Transient
from bridge.store.bell import Bell
from bridge.store.engine import STORE_FAILED, Taken, parts, statements
from bridge.store.schema import MIGRATIONS, for_postgres

CONNECTIONS = 2  # entry plans of hosts allow 20 in all, and a deploy overlaps two sets of processes
BUSY_S = 5.0
LISTEN_S = 0.5
TRIPS = 5  # the first may include the time to connect
LOCAL = ("", "localhost", "127.0.0.1", "::1")
CURE = "see that the server runs and takes connections, and that DATABASE_URL is its address, with the right password"
# a dead server is noticed within 30 s, not after the two hours of the operating system
USUAL: Mapping[str, str] = {
    "connect_timeout": "5",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_encoding": "utf8",
    "application_name": "opportunity-bridge",
}
BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure, errors.TooManyConnections)
FAILED = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError, psycopg.ProgrammingError)
TOKEN = re.compile(r"'(?:[^']|'')*'|::|:(\w+)|%")

Connection = psycopg.Connection[Any]


def translated(sql: str) -> str:
    """Return a statement with :named parameters as psycopg wants it: %(named)s, and %% for each other %."""
    return TOKEN.sub(lambda m: f"%({m[1]})s" if m[1] else m[0].replace("%", "%%"), sql)


PLAIN = statements("postgres")
SQL: Mapping[str, str] = {name: translated(sql) for name, sql in PLAIN.items()}


class Row(tuple[Any, ...]):
    """A row as sqlite3.Row: by name, by place, in order; dict() makes a dictionary of it."""

    names: tuple[str, ...]

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)

    def keys(self) -> tuple[str, ...]:
        return self.names


class Text(StrDumperUnknown):
    """PostgreSQL has no room for NUL in a text: it becomes the sign for what cannot be shown."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))


class Postgres:
    """
    A database on a server, as `engine.Engine` wants it. url: postgresql:// or postgres://, as libpq reads it.

    TLS is required unless the url says otherwise or the server is on this machine; with `sslrootcert` the server must
    prove its name. Transient(`store_busy`): a lock, or each of the CONNECTIONS, was held too long by others.
    """

    def __init__(self, url: str) -> None:
        self._given = _parameters(url)
        self.path, self.cure = _shown(self._given), CURE
        self._free: list[Connection] = []
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        self._local = threading.local()
        self._bell = Bell(self._ear)

    def migrate(self) -> list[str]:
        """Bring the schema up to date; return the names of the migrations that were applied. Raises as `prove`."""
        with self._starting():
            with self.transaction():
                self.run("migrate_patiently")
                self.run("migrate_alone")
                self.run("make_migrations")
                todo = self._todo()
                for name in todo:
                    self._run_all(for_postgres(MIGRATIONS[name]))
                self.many("migrated", [{"name": name} for name in todo])
            self.prove()
        return todo

    def pending(self) -> list[str]:
        with self._starting():
            return self._todo() if self.run("has_migrations")[0][0] else list(MIGRATIONS)

    def _todo(self) -> list[str]:
        done = {r["name"] for r in self.run("migrations")}
        return [name for name in MIGRATIONS if name not in done]

    def prove(self) -> None:
        """Write without changing anything; raises Misconfigured when the database cannot be written to."""
        with self._starting(), self.transaction():
            self.run("prove")

    def check(self) -> str:
        """Return `ok` when the main tables can be read; the server itself checks what it reads from its disk."""
        self.run("counts")
        return "ok"

    def run(self, name: str, /, **parameters: Any) -> list[Row]:
        """Run one named statement and return its rows."""
        try:
            with self._lent() as db:
                cursor = db.execute(SQL[name], parameters)
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            _fail(error)

    def many(self, name: str, /, rows: list[dict[str, Any]]) -> None:
        """Run one named statement for each row."""
        if not rows:
            return
        try:
            with self._lent() as db, db.cursor() as cursor:
                cursor.executemany(SQL[name], rows)
        except psycopg.Error as error:
            _fail(error)

    def insert(self, name: str, /, rows: list[dict[str, Any]]) -> list[Row]:
        """Run one named INSERT for all rows together, and return what they returned."""
        found: list[Row] = []
        try:
            with self._lent() as db, psycopg.RawCursor(db) as cursor:
                for sql, values in parts(PLAIN[name], rows, "$#"):
                    cursor.execute(sql, values)
                    found += cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            _fail(error)
        return found

    def _run_all(self, script: str) -> None:
        with self._lent() as db:
            db.execute(script)  # several statements: without parameters

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[None]:
        """
        Commit at the end, roll back on any exception. READ COMMITTED: what must not change under a transaction is
        locked by it (`fence`), and unique constraints hold the rest.
        """
        assert getattr(self._local, "db", None) is None, "a transaction within a transaction"
        try:
            with self._lent() as db, db.transaction():
                self._local.db = db
                try:
                    if durable:
                        db.execute(SQL["durable"])
                    yield
                finally:
                    self._local.db = None
        except psycopg.Error as error:
            _fail(error)

    def ahead_ms(self) -> int:
        """Return by how many milliseconds the server's clock is ahead of this machine's; the median of a few tries."""
        return round(median(self._ahead_ms() for _ in range(TRIPS)))

    def _ahead_ms(self) -> float:
        sent_s = time.time()
        server_ms = float(self.run("server_time")[0][0])
        return server_ms - (sent_s + time.time()) / 2 * 1000  # as if there and back took equally long

    def wake(self) -> None:
        """Tell those who wait, in whichever process, that there is work; when it fails they find it by themselves."""
        with suppress(Transient):
            self.run("wake")

    def pass_on(self) -> None:
        self._bell.ring()

    def wait(self, s: float, stop: threading.Event) -> None:
        """Return when it is time to look for work. Who listens has a connection of its own."""
        if s > 0:
            self._bell.wait(s, stop)

    def _ear(self) -> NotifyEar | None:
        try:
            return NotifyEar(self._connect())
        except psycopg.Error:
            return None

    def close(self) -> None:
        """Close what nobody uses, and stop listening; the next statement connects anew."""
        self._bell.close()
        while (db := self._unused()) is not None:
            db.close()

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """Turn the engine's errors into one that refuses to start and names the database."""
        try:
            yield
        except Transient as error:
            if error.reason != STORE_FAILED:
                raise
            raise Misconfigured(f"database {self.path}", error.detail, CURE) from error

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        """Lend the connection of this thread's transaction, else one of the few; it comes back unless it is broken."""
        if (mine := getattr(self._local, "db", None)) is not None:
            yield mine
            return
        if not self._room.acquire(timeout=BUSY_S):
            raise Transient("store_busy", f"{CONNECTIONS} connections were in use for {BUSY_S:g} s")
        try:
            db = self._unused()
            while db is not None and not _alive(db):
                db.close()
                db = self._unused()
            db = db or self._connect()
            try:
                yield db
            finally:
                if not db.closed and db.info.transaction_status == TransactionStatus.IDLE:
                    self._free.append(db)
                else:
                    db.close()
        finally:
            self._room.release()

    def _unused(self) -> Connection | None:
        try:
            return self._free.pop()
        except IndexError:
            return None

    def _connect(self) -> Connection:
        db = psycopg.connect(**self._given, autocommit=True, row_factory=_named)
        db.adapters.register_dumper(str, Text)
        try:
            db.execute(SQL["session"])
        except psycopg.Error:
            db.close()
            raise
        return db


class NotifyEar:
    """A connection that listens, as `bell.Ear` wants it. Raises psycopg.Error, and closes it, when it cannot."""

    def __init__(self, db: Connection) -> None:
        self._db, self._closed = db, threading.Event()
        try:
            db.execute(SQL["listen"])
        except psycopg.Error:
            db.close()
            raise

    def listen(self, ring: Callable[[], None]) -> None:
        with suppress(psycopg.Error):
            while not self._closed.is_set():
                if list(self._db.notifies(timeout=LISTEN_S, stop_after=1)):
                    ring()
        self._db.close()

    def close(self) -> None:
        self._closed.set()


def _parameters(url: str) -> dict[str, Any]:
    """Return what to connect with; raises Misconfigured, which quotes nothing of the url: it holds a password."""
    try:
        given = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:
        cure = "write postgresql://user:password@host/database, with special characters of the password as %40"
        raise Misconfigured("DATABASE_URL", "is not an address of a PostgreSQL database", cure) from None
    host = str(given.get("hostaddr") or given.get("host") or "")
    if host in LOCAL or host.startswith(("/", "@")):
        return {**USUAL, **given}
    return {**USUAL, "sslmode": "verify-full" if "sslrootcert" in given else "require", **given}


def _shown(given: Mapping[str, Any]) -> str:
    host, port = given.get("host", "localhost"), f":{given['port']}" if "port" in given else ""
    return f"postgresql://{host}{port}/{given.get('dbname', '')}"


def _alive(db: Connection) -> bool:
    """Return whether a connection that rests has nothing to tell: what a server sends then is that it ends."""
    poll = select.poll()
    poll.register(db.fileno(), select.POLLIN)
    return not poll.poll(0)


def _named(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    return _row_of(tuple(column.name for column in cursor.description or ()))


@cache
def _row_of(names: tuple[str, ...]) -> type[Row]:
    return type("Row", (Row,), {"names": names, "__slots__": ()})


def _fail(error: psycopg.Error) -> NoReturn:
    """Raise our error for one of the engine's; a mistake of ours has none. Its second line would quote values."""
    said = error.diag.message_primary or str(error)
    if isinstance(error, errors.UniqueViolation):
        raise Taken(said) from error
    if isinstance(error, BUSY):
        raise Transient("store_busy", said) from error
    if isinstance(error, FAILED):
        raise Transient(STORE_FAILED, said) from error
    raise error
