"""What the boards page and the control API show of the simulators: values read under each simulator's lock."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bridge.sandbox.base import Applied, Card, Simulator

CARDS_SHOWN = 30
NEWS_SHOWN = 12
WRITERS = ("bridge", "person", "board")


@dataclass(frozen=True)
class Face:
    """How a vendor appears on the page. title_field: the vendor's own name of the field that a card's title shows."""

    name: str
    mark: str
    title_field: str


FACES: Mapping[str, Face] = {
    "getfly": Face("GetFly", "GF", "opportunity_name"),
    "onlyoffice": Face("ONLYOFFICE", "OO", "title"),
    "leadsquared": Face("LeadSquared", "LS", "mx_Custom_1"),
    "plazbot": Face("Plazbot", "PB", "name"),
    "leadconnector": Face("LeadConnector", "LC", "name"),
}

HOOKED = ("getfly", "leadsquared", "leadconnector")

# What a folded card shows, and the labels under which the vendors' cards have it.
IN_SIGHT: Mapping[str, tuple[str, ...]] = {
    "amount": ("amount", "expected deal size"),
    "owner": ("owner",),
    "status": ("status",),
}


@dataclass(frozen=True)
class Column:
    """A stage with its cards. id: None for the cards whose stage the board does not show."""

    id: str | None
    title: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Board:
    """One vendor's board at one moment. writes: accepted writes so far, by who made them."""

    vendor: str
    face: Face
    columns: tuple[Column, ...]
    writes: Mapping[str, int]


@dataclass(frozen=True)
class News:
    """A line of the ledgers, ready to be read. time: of day, in the zone of this machine."""

    at: float
    time: str
    vendor: str
    name: str
    who: str
    title: str
    call: str
    fields: str


def board(vendor: str, simulator: Simulator) -> Board:
    """Return what the page shows of one vendor."""
    with simulator.lock:
        titles, cards = simulator.columns(), simulator.cards()
        counted = Counter(row.who for row in simulator.ledger)
    known = {id for id, _ in titles}
    columns = [Column(id, title, tuple(c for c in cards if c.column == id)) for id, title in titles]
    if strays := tuple(c for c in cards if c.column not in known):
        columns.append(Column(None, "In another pipeline", strays))
    return Board(vendor, FACES[vendor], tuple(columns), {who: counted[who] for who in WRITERS})


def news(simulators: Mapping[str, Simulator]) -> list[News]:
    """Return the latest lines of all ledgers, newest first."""
    lines = []
    for vendor, simulator in simulators.items():
        with simulator.lock:
            rows = simulator.ledger[-NEWS_SHOWN:]
            titles = {card.id: card.title for card in simulator.cards()}
        lines += [_line(vendor, row, titles.get(row.deal, row.deal)) for row in rows]
    return sorted(lines, key=lambda line: line.at, reverse=True)[:NEWS_SHOWN]


def _line(vendor: str, row: Applied, title: str) -> News:
    clock = time.strftime("%H:%M:%S", time.localtime(row.at))
    fields = ", ".join(row.fields) or "nothing new"
    return News(row.at, clock, vendor, FACES[vendor].name, row.who, title, row.call, fields)


def in_sight(card: Card) -> list[tuple[str, str]]:
    """Return what a folded card shows: the name of the fact and its text."""
    lower = {label.lower(): text for label, text in card.details.items()}
    found = [(fact, lower.get(label, "")) for fact, labels in IN_SIGHT.items() for label in labels]
    return [(fact, text) for fact, text in found if text and not _cryptic(fact, text)]


def _cryptic(fact: str, text: str) -> bool:
    return fact == "status" and text.isdigit()


def folded(card: Card) -> list[tuple[str, str]]:
    """Return the other details, in the vendor's order, without the empty ones."""
    shown = {label for fact, _ in in_sight(card) for label in IN_SIGHT[fact]}
    return [(label, text) for label, text in card.details.items() if label.lower() not in shown and text]


def state(vendor: str, simulator: Simulator, calls: Mapping[str, int], hooks: Mapping[str, int]) -> dict[str, Any]:
    """Return one vendor's board and counts as JSON-ready values."""
    with simulator.lock:
        columns, cards, written = simulator.columns(), simulator.cards(), len(simulator.ledger)
        who = Counter(row.who for row in simulator.ledger)
    return {
        "name": FACES[vendor].name,
        "title_field": FACES[vendor].title_field,
        "columns": [{"id": id, "title": title} for id, title in columns],
        "cards": [
            {"id": card.id, "title": card.title, "column": card.column, "details": dict(card.details)} for card in cards
        ],
        "calls": dict(calls),
        "hooks": dict(hooks),
        "ledger": written,
        "writes": {name: who[name] for name in WRITERS},
    }


def rows(ledger: Iterable[Applied], vendor: str, first: int) -> list[dict[str, Any]]:
    """Return ledger rows as JSON-ready values; `n` counts on from `first`."""
    return [{"n": n, "vendor": vendor, **asdict(row)} for n, row in enumerate(ledger, first)]
