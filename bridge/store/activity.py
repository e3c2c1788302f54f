"""What happened lately, as pages show it."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.store.engine import Engine
from bridge.store.rows import Row, to_json


class Activity:
    """Verbs of the store; all of them only read."""

    db: Engine

    def waits(self) -> Row:
        """Return how much waits for a person: holds and dead."""
        return dict(self.db.run("waits")[0])

    def known(self) -> Row:
        """Return how many links of deals and how many choices there are."""
        return dict(self.db.run("known")[0])

    def activity(
        self,
        n: int,
        *,
        before: str,
        connection: str,
        link: str,
        like: str,
        unlike: str,
        failed: bool,
        run_ms: int,
    ) -> list[Row]:
        """
        Return what made the bridge act, newest first: deliveries, and the first attempt of each run without one.

        connection, link: "" for any. like, unlike: patterns of the outcome. failed: only where a call failed. run_ms:
        how long after one attempt another still belongs to its run.
        """
        asked = {"before": before, "connection": connection, "link": link, "like": like, "unlike": unlike}
        return [dict(r) for r in self.db.run("activity", n=n, failed=int(failed), run_ms=run_ms, **asked)]

    def attempts_of_deliveries(self, ids: Sequence[str]) -> list[Row]:
        """Return the attempts that deliveries have caused, oldest first."""
        return [dict(r) for r in self.db.run("attempts_of_deliveries", ids=to_json(list(ids)))]

    def attempts_of_links(self, links: Sequence[str], first: str, until: int) -> list[Row]:
        """Return the attempts at links from an id on, up to a time, oldest first."""
        return [dict(r) for r in self.db.run("attempts_of_links", links=to_json(list(links)), first=first, until=until)]

    def names_of_links(self, links: Sequence[str]) -> dict[str, str]:
        """Return the names of deals, as JSON, by link."""
        return {r["link"]: r["value"] for r in self.db.run("names_of_links", links=to_json(list(links)))}

    def held_back(self, links: Sequence[str], first: str) -> list[Row]:
        """Return what of links has begun to wait since an id: link, connection, field, detail, cause, at."""
        return [dict(r) for r in self.db.run("held_back", links=to_json(list(links)), first=first)]

    def latest(self) -> tuple[object, ...]:
        """Return what differs from before when `activity` may have something new."""
        return tuple(self.db.run("latest")[0])

    def hourly(self, since: int) -> list[Row]:
        """Return the edits, writes, echoes and failures: connection, hour (0 is the first), what, n."""
        return [dict(r) for r in self.db.run("hourly", since=since)]
