"""A subject with one operation of each kind, to see what happens to any call."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from bridge.core.errors import Transient
from bridge.desk import Refused, Value
from bridge.desk.table import Form
from bridge.web.api.inputs import Flag, Input, Moment, Paging, Word
from bridge.web.api.operations import Answer, Call, Lines, Subject

subject = Subject("toys", "To see what happens to a call.")


class Toy(Value):
    name: str
    by: str
    n: int = 0


class NewToy(Input):
    name: Word
    parts: tuple[Word, ...] = ()


class Wanted(Paging):
    dry_run: Flag = False
    since: Moment | None = None


class Shelf:
    """What the operations change. gate: a new toy waits for it."""

    def __init__(self) -> None:
        self.toys: dict[str, Toy] = {}
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()


shelf = Shelf()


@subject.get("/toys", Toy, query=Wanted)
def list_toys(call: Call, query: Wanted) -> Toy:
    """List the toys."""
    return Toy(name=f"{query.cursor} {query.dry_run} {query.since}", by=call.who, n=query.limit)


@subject.get("/toys/<name>", Toy, tagged=True)
def get_toy(call: Call, name: str) -> Answer:
    """Get a toy."""
    if name not in shelf.toys:
        raise Refused("unknown", f"no toy {name}", "`GET /toys` lists them")
    return Answer(shelf.toys[name], etag=f"n{shelf.toys[name].n}")


@subject.write("POST", "/toys", Toy, body=NewToy, makes=True)
def add_toy(call: Call, body: NewToy) -> Answer:
    """Make a toy."""
    shelf.calls += 1
    assert shelf.gate.wait(20)
    if body.name == "busy":
        raise Transient("store_busy")
    if body.name == "broken":
        raise ZeroDivisionError
    if body.name in shelf.toys:
        raise Refused("taken", f"there is a toy {body.name}")
    shelf.toys[body.name] = Toy(name=body.name, by=call.who)
    return Answer(shelf.toys[body.name], etag="n0", location=f"/api/v1/toys/{body.name}")


@subject.write("PUT", "/toys/<name>", Toy, tagged=True)
def wind_toy(call: Call, name: str) -> Answer:
    """Wind a toy up."""
    old = shelf.toys[name]
    if call.etag not in (None, f"n{old.n}"):
        raise Refused("stale", "it has changed since", "read it again")
    shelf.toys[name] = Toy(name=name, by=call.who, n=old.n + 1)
    return Answer(shelf.toys[name], etag=f"n{old.n + 1}")


@subject.write("DELETE", "/toys/<name>", None)
def drop_toy(call: Call, name: str) -> None:
    """Throw a toy away."""
    shelf.calls += 1
    shelf.toys.pop(name, None)


@subject.write("POST", "/toys/import", Toy, rows="name\ncar\n")
def import_toys(call: Call, rows: Iterable[str], form: Form) -> Toy:
    """Take in toys."""
    lines = list(rows)
    return Toy(name=f"{form}: {lines[0].strip() if lines else ''}", by=call.who, n=len(lines))


@subject.get("/toys/export", None, exports=True)
def export_toys(call: Call, form: Form) -> Lines:
    """Bring out toys."""
    return Lines(iter([f"name,{form}\n", "đ,1\n"]), form)
