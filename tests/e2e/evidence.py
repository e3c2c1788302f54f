"""
What must never be seen where several workers share a database: two on one link, a late save, a budget overdrawn.

The facts come from outside of the bridge: triggers in the database tell who had the lease of a link when, and the
sandbox tells who called when.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from tests.e2e.database import ask
from tests.e2e.watch import Call

Links = Mapping[tuple[str, str], str]  # by connection and the vendor's id

# A call is counted when it is allowed and seen when it arrives, so a window is looked at that is a little shorter.
LATE_S = 0.25
TOLD_MAX = 5
THAW_S = 5.0  # for a process that was frozen to learn that its lease has lapsed
# The name of a session is that of its process. What is found: who saved a row of a link without having its lease.
TRIGGERS = """
CREATE TABLE seen_lease (n BIGSERIAL PRIMARY KEY, at DOUBLE PRECISION, link TEXT, token BIGINT, until BIGINT, who TEXT);
CREATE TABLE seen_late (at DOUBLE PRECISION, link TEXT, what TEXT, who TEXT, holder TEXT);
CREATE FUNCTION see_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO seen_lease (at, link, token, until, who) VALUES (EXTRACT(EPOCH FROM clock_timestamp()), NEW.id, NEW.token,
NEW.lease_until, current_setting('application_name'));
RETURN NULL; END $$;
CREATE TRIGGER see_lease AFTER UPDATE OF token, lease_until ON link FOR EACH ROW EXECUTE FUNCTION see_lease();
CREATE FUNCTION see_save() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO seen_late (at, link, what, who, holder)
SELECT EXTRACT(EPOCH FROM clock_timestamp()), NEW.link, TG_TABLE_NAME, current_setting('application_name'), l.who FROM
(SELECT who FROM seen_lease WHERE link = NEW.link ORDER BY n DESC LIMIT 1) AS l
WHERE l.who <> current_setting('application_name');
RETURN NULL; END $$;
CREATE INDEX seen_lease_link ON seen_lease (link, n);
"""
SAVED = {"hub": "", "shadow": "", "write": "", "ref": "OF stamp, wrote_at, missing_since, gone"}


@dataclass(frozen=True)
class Lease:
    """A lease as it was taken, renewed, given back (until: 0) or ended by hand. at: epoch seconds; until: ms."""

    at: float
    link: str
    token: int
    until: int
    who: str


@dataclass(frozen=True)
class Absence:
    """From when to when (epoch seconds) a process was dead or frozen, and so no worker."""

    start: float
    end: float = inf

    def excuses(self, call: Call) -> bool:
        """Tell whether a call may go without a lease: it was under way when its process ended, or reads in vain."""
        if call.end < self.start:
            return False
        return self.end == inf or call.start <= self.start or (call.method == "GET" and call.start < self.end + THAW_S)


@dataclass(frozen=True)
class Limit:
    """What bridge.toml allows a connection."""

    calls: int
    per_s: float
    at_a_time: int


def watch_database(address: str) -> None:
    """Let the database tell from now on who holds which link, and who saves without."""
    made = [
        f"CREATE TRIGGER see_save AFTER INSERT OR UPDATE {columns} ON {table} FOR EACH ROW EXECUTE FUNCTION see_save()"
        for table, columns in SAVED.items()
    ]
    ask(address, "; ".join([TRIGGERS.strip().removesuffix(";"), *made]))


def leases_seen(address: str) -> list[Lease]:
    return [Lease(*row) for row in ask(address, "SELECT at, link, token, until, who FROM seen_lease ORDER BY n")]


def late_saves(address: str) -> list[str]:
    """Return who saved what while another process had the lease."""
    rows = ask(address, "SELECT link, what, who, holder FROM seen_late ORDER BY at")
    return [f"{who} saved a row of {what} of link {link}, which {holder} held" for link, what, who, holder in rows]


def strangers(
    calls: Iterable[Call], leases: Iterable[Lease], links: Links, absent: Mapping[str, Sequence[Absence]]
) -> list[str]:
    """Return the calls about a deal by a process that had not the lease of its link."""
    of: dict[str, list[Lease]] = defaultdict(list)
    for lease in leases:
        of[lease.link].append(lease)
    times = {link: [lease.at for lease in known] for link, known in of.items()}
    found = []
    for call in calls:
        link = links.get((call.connection, call.deal))
        if link is None or any(a.excuses(call) for a in absent.get(call.who, ())):
            continue
        place = bisect_right(times.get(link, []), call.start) - 1
        held = of[link][place] if place >= 0 else None
        told = f"{call.who} called {call.method} {call.connection}{call.path} about link {link}"
        if held is None or not held.until:
            found.append(f"{told} without a lease")
        elif held.who != call.who:
            found.append(f"{told}, which {held.who} held")
        elif taken := next((k for k in of[link][place + 1 :] if k.at < call.end and k.token != held.token), None):
            found.append(f"{told}, which {taken.who} took meanwhile")
    return found


def overlaps(calls: Iterable[Call], links: Links, absent: Mapping[str, Sequence[Absence]]) -> list[str]:
    """Return the calls that began while another one about the same link ran, of whichever process."""
    running: dict[str, Call] = {}
    found = []
    for call in sorted(calls, key=lambda c: c.start):
        link = links.get((call.connection, call.deal))
        if link is None or any(a.excuses(call) for a in absent.get(call.who, ())):
            continue
        last = running.get(link)
        if last is not None and call.start < last.end:
            found.append(f"{call.who} called about link {link} while {last.who} did")
        if last is None or call.end > last.end:
            running[link] = call
    return found


def overdrawn(calls: Iterable[Call], limits: Mapping[str, Limit]) -> list[str]:
    """Return which connections were called more often in a stretch, or by more at a time, than they allow."""
    of: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        of[call.connection].append(call)
    found = []
    for connection, mine in of.items():
        limit, busiest, crowd = (
            limits[connection],
            busiest_stretch(mine, limits[connection].per_s),
            most_at_a_time(mine),
        )
        if busiest > limit.calls:
            found.append(f"{connection}: {busiest} calls in {limit.per_s:g} s, {limit.calls} are allowed")
        if crowd > limit.at_a_time:
            found.append(f"{connection}: {crowd} calls at a time, {limit.at_a_time} are allowed")
    return found


def busiest_stretch(calls: Iterable[Call], per_s: float) -> int:
    """Return how many calls began in the fullest stretch of `per_s`, less LATE_S."""
    starts = sorted(call.start for call in calls)
    first, most = 0, 0
    for last, start in enumerate(starts):
        while start - starts[first] >= per_s - LATE_S:
            first += 1
        most = max(most, last - first + 1)
    return most


def most_at_a_time(calls: Iterable[Call]) -> int:
    """Return how many calls ran at the same time at most."""
    most = now = 0
    for _, step in sorted(_steps(calls)):
        now += step
        most = max(most, now)
    return most


def _steps(calls: Iterable[Call]) -> Iterator[tuple[float, int]]:
    for call in calls:
        yield call.start, 1
        yield call.end, -1


def shortened(found: list[str]) -> list[str]:
    """Return the first few, and how many more there are."""
    rest = len(found) - TOLD_MAX
    return found[:TOLD_MAX] + ([f"and {rest} more like this"] if rest > 0 else [])
