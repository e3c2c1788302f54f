"""What every simulated CRM has: a Flask app that speaks the vendor's API, a clock, people, switches and a ledger."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from flask import Flask, Response

Clock = Callable[[], float]

# The two credentials that every simulator accepts, so that the ledger can tell who wrote.
KEYS: Mapping[str, str] = {"sandbox-bridge-key": "bridge", "sandbox-person-key": "person"}


@dataclass(frozen=True)
class Switch:
    """One documented or suspected habit of the vendor; `what` says what happens when it has the given value."""

    name: str
    what: str
    default: bool | int | float | str


@dataclass(frozen=True)
class Card:
    """A deal as the board shows it. `column` is the native id of its stage; `details` are label and text pairs."""

    id: str
    title: str
    column: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """A change that a simulator really made to one deal. at: epoch seconds. fields: the vendor's own names."""

    at: float
    who: str
    deal: str
    call: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Hook:
    """
    A webhook request that the vendor would send now. url: the address that it was ordered for by API; "" where a person
    has typed it in the vendor's settings, so that whoever runs the sandbox knows it.
    """

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    url: str = ""


class Simulator(ABC):
    """
    One simulated vendor account, kept in memory.

    Subclasses set `vendor`, `switches`, build `self.app` in `build` and fill the sample account in `seed`. Whatever
    changes a deal must call `note` once per deal and call, and `emit` for each webhook that the vendor would send.
    `self.lock` guards the state: the server is threaded.
    """

    vendor: ClassVar[str]
    switches: ClassVar[tuple[Switch, ...]] = ()
    hook_tries: ClassVar[int] = 3  # how often one webhook is sent until it is answered with 2xx

    def __init__(self, *, clock: Clock = time.time, **switches: bool | int | float | str) -> None:
        known = {s.name: s.default for s in self.switches}
        if unknown := switches.keys() - known.keys():
            raise ValueError(f"{self.vendor} has no switch {', '.join(sorted(unknown))}; it has {', '.join(known)}")
        self.clock = clock
        self.switch: dict[str, bool | int | float | str] = known | switches
        self.lock = threading.RLock()
        self.ledger: list[Applied] = []
        self.send: Callable[[Hook], None] = lambda hook: None
        self.seed()
        self.app: Flask = self.build()

    def note(self, who: str, deal: str, call: str, *fields: str) -> None:
        """Remember that `call` by `who` ("bridge", "person" or "board") changed `fields` of `deal`."""
        self.ledger.append(Applied(self.clock(), who, deal, call, fields))

    def settle(self, hook: Hook, status: int | None, tried: int) -> bool:
        """Take the receiver's answer (None: there was none) and return whether the vendor sends this webhook again."""
        return tried < self.hook_tries and not (status is not None and 200 <= status < 300)

    def emit(self, hook: Hook) -> None:
        """Hand a webhook to whoever delivers it. A vendor without webhooks never calls this."""
        self.send(hook)

    @abstractmethod
    def build(self) -> Flask:
        """Return the WSGI app that answers the vendor's paths, from the root of its base address."""

    @abstractmethod
    def seed(self) -> None:
        """Fill the sample account: lists, users, one customer, and the deals that the five simulators share."""

    @abstractmethod
    def columns(self) -> list[tuple[str, str]]:
        """Return the stages that the board shows as columns, in order: native id and title."""

    @abstractmethod
    def cards(self) -> list[Card]:
        """Return every live deal."""

    @abstractmethod
    def edit(self, deal: str, changes: Mapping[str, object], who: str = "board") -> None:
        """
        Change a deal as a person does in the vendor's own pages; keys and values are the vendor's, as it stores them.

        Moving a card is `edit(id, {<the stage field>: column})`. Raises KeyError for an unknown deal or field.
        """

    @abstractmethod
    def move(self, deal: str, column: str) -> None:
        """Drag a card into a column, with all that the vendor's own page does then."""

    @abstractmethod
    def throttled(self) -> Response:
        """Return the vendor's own answer to a caller over its limit."""

    @abstractmethod
    def broken(self) -> Response:
        """Return the vendor's own answer when its server fails."""
