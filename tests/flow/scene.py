"""One deal in three CRMs on a virtual clock, where nothing happens by chance: a test says who does what, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from bridge.connectors.base import Account
from bridge.connectors.memory import TABLE, Habits, Memory, MemoryVendor
from bridge.core import rules
from bridge.core.fields import Field
from bridge.core.model import FOREVER, Link, Native, Ref
from bridge.core.outcomes import OTHER, label_of
from bridge.flow import Flow
from bridge.passes import Facts
from bridge.sides import Connection
from bridge.store import Store
from bridge.store.store import Attempt
from bridge.sweep import Swept, sweep
from bridge.worker import Worker

START = 1_750_000_000_000
STAGES = {"10": "new", "20": "qualified", "30": "proposal", "40": "won"}
OWNERS = ("hoa", "minh", "lan")


class Crash(BaseException):
    """The process died between two steps."""


class Scene:
    """
    Sides a, b, c with stamps, no lag, and answers as stored; webhooks come when told. policies: field to rule. table:
    what every side has beside the usual.
    """

    def __init__(
        self, sides: int = 3, policies: Mapping[str, str] | None = None, table: tuple[Field, ...] = ()
    ) -> None:
        names, ids = "abc"[:sides], count(1)
        self.clock = START
        self.store = Store(":memory:", lambda: f"{next(ids):08d}")
        self.store.db.migrate()
        self.vendors = {n: MemoryVendor(self.now, Habits(table=TABLE + table)) for n in names}
        self.connectors = {n: Memory(Account(n, "", {"secret": "s"}), here=v) for n, v in self.vendors.items()}
        habits = rules.Habits(timeout=Habits.timeout, react=0, scan=0, answer="stored")
        connections = {n: Connection(self.connectors[n], habits, i) for i, n in enumerate(names)}
        self.told: list[tuple[Attempt, Facts | None]] = []
        self.flow = Flow(self.store, connections, policies or {}, now=self._tick, dice=lambda: 0.5, report=self._report)
        self._set_up()

    def _set_up(self) -> None:
        """Enter what the lists mean, put the deal into each side, and let the bridge look at it for the first time."""
        for side, vendor in self.vendors.items():
            self.means(side, "stage", STAGES)
            self.means(side, "owner", {f"{side}-{owner}": owner for owner in OWNERS})
            vendor.add(self.id_at(side), _deal(side))
        self.link = self.store.link([Ref(side, self.id_at(side)) for side in self.vendors], self.clock)
        self.run()
        assert self.writes() == {}, "a first look wrote something"

    def _report(self, attempt: Attempt, facts: Facts | None) -> None:
        assert label_of(attempt.outcome) != OTHER, f"{attempt.outcome!r} has no label"
        self.told.append((attempt, facts))

    def now(self) -> int:
        return self.clock

    def _tick(self) -> int:
        self.clock += 1
        return self.clock

    def id_at(self, side: str) -> str:
        return f"{side}1"

    def means(self, side: str, field: str, meanings: Mapping[str, str]) -> None:
        """Enter choices: what each value of a vendor's list means."""
        key = {"connection": side, "field": field, "reads": 1, "writes": 1, "scope": ""}
        self.store.put_choices([{**key, "native": n, "canonical": c} for n, c in meanings.items()], self.clock)

    # what happens

    def person(self, side: str, **values: Native) -> None:
        """Edit a record in the vendor's own pages; no webhook is sent yet."""
        self.clock += 1_000
        self.vendors[side].person(self.id_at(side), **values)

    def webhook(self, side: str, vendor_id: str | None = None, body: bytes | None = None) -> str:
        """Accept a webhook; return the delivery."""
        body = body or self.connectors[side].hook(vendor_id or self.id_at(side)).body
        kept: dict[str, Any] = {"method": "POST", "query": {}, "content_type": "application/json", "body": body}
        return self.store.accept(side, None, self.clock, **kept)

    def sweep(self, side: str) -> Swept:
        return sweep(self.connectors[side], self.store, self.now)

    def take_in(self) -> None:
        """Turn the deliveries that wait into looks."""
        Worker(self.flow, {}).take_in()

    def work(self) -> None:
        """Work off what is due now."""
        worker = Worker(self.flow, {})
        while worker.take_in() or worker.step("w"):
            pass

    def run(self) -> None:
        """Work until nothing waits, as late as that may be."""
        worker = Worker(self.flow, {})
        for _ in range(200):
            took = worker.take_in()
            if worker.step("w") or took:
                continue
            at = self.store.next_look()
            if at is None or at >= FOREVER:
                return
            self.clock = max(self.clock + 1, at)
        raise AssertionError("it never ends")

    def edited(self, side: str, **values: Native) -> str:
        """A person edits, the webhook comes, and all is worked off; return the delivery."""
        self.person(side, **values)
        delivery = self.webhook(side)
        self.run()
        return delivery

    def fails(self, side: str, call: str, *errors: BaseException | str) -> list[BaseException | str]:
        """Let the next calls of a kind fail, and return the errors to come. A text is a fault of the vendor."""
        connector, left = self.connectors[side], list(errors)
        real: Callable[..., Any] = getattr(connector, call)

        def once(*arguments: Any) -> Any:
            if not left:
                return real(*arguments)
            error = left.pop(0)
            if isinstance(error, BaseException):
                raise error
            vendor = self.vendors[side]
            vendor.habits.faults = {error: 1.0}  # type: ignore[dict-item]
            try:
                return real(*arguments)
            finally:
                vendor.habits.faults = {}

        setattr(connector, call, once)
        return left

    # what came of it

    def shows(self, name: str) -> dict[str, Native]:
        return {side: v.current(self.id_at(side))[name] for side, v in self.vendors.items()}

    def writes(self) -> dict[str, list[tuple[str, ...]]]:
        """The fields that calls really changed, by side."""
        return {side: [fields for _, _, fields in v.applied] for side, v in self.vendors.items() if v.applied}

    def outcome(self, delivery: str) -> str:
        [row] = self.store.db.run("delivery", id=delivery)
        assert (row["state"] == "done") == bool(row["outcome"])
        return str(row["outcome"])

    def journal(self, *what: str) -> list[tuple[str, str, object, object]]:
        rows = self.store.journal(self.link)
        return [(e["what"], e["connection"], e["old"], e["new"]) for e in rows if e["what"] in what]

    def holds(self) -> list[tuple[str, str]]:
        return [(h["connection"], h["reason"]) for h in self.store.holds(self.link)]

    def attempts(self) -> list[tuple[str, str, str]]:
        rows = self.store.db.run("attempts", link=self.link, n=99)
        return [(r["connection"], r["outcome"], r["reason"]) for r in reversed(rows)]

    def peek(self) -> Link:
        return self.store.peek(self.link)


def _deal(side: str) -> dict[str, Native]:
    return {
        "name": "Deal of the start",
        "description": "as agreed",
        "amount": "1000",
        "stage": "10",
        "owner": f"{side}-hoa",
        "probability": 10,
        "expected_close": "2026-12-31",
    }
