"""
What an operator does and asks, whichever face it comes through: admin API, pages or command line.

A face parses, calls one function of these modules and shows what it returns; every check and every word of an answer
stands here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar, overload

from pydantic import BaseModel, ConfigDict

from bridge.core.fields import Field
from bridge.settings import Settings
from bridge.sides import Connection
from bridge.store import Store
from bridge.store.audit import Deed

__all__ = ["Desk", "Page", "Reason", "Refused", "Value", "epoch_ms", "moment"]

T = TypeVar("T")

# there is no such thing; another has it already; it has changed meanwhile; it makes no sense
Reason = Literal["unknown", "taken", "stale", "invalid"]


class Value(BaseModel):
    """What a function here returns: fields in the field's words, times as aware UTC; JSON for the API and `--json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Value, Generic[T]):
    """Some of a longer list. next: the cursor of what follows; None at the end."""

    items: Sequence[T]
    next: str | None = None


@overload
def moment(ms: int) -> datetime: ...
@overload
def moment(ms: int | None) -> datetime | None: ...
def moment(ms: int | None) -> datetime | None:
    """Return epoch milliseconds of the store as a time."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def epoch_ms(at: datetime | None, otherwise: int) -> int:
    """Return a time as the store keeps it; one without a zone is UTC."""
    if at is None:
        return otherwise
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


class Refused(Exception):
    """What was asked for cannot be done; nothing was changed. detail: what is wrong. cure: what to do next."""

    def __init__(self, reason: Reason, detail: str, cure: str = "") -> None:
        super().__init__(". ".join(filter(None, (detail, cure))))
        self.reason, self.detail, self.cure = reason, detail, cure


@dataclass(frozen=True)
class Desk:
    """What every function here needs. connections: by name, in the order of the settings. now: epoch milliseconds."""

    store: Store
    connections: Mapping[str, Connection]
    settings: Settings
    now: Callable[[], int]

    def fields(self) -> dict[str, dict[str, Field]]:
        """Return what each canonical field can do, by connection."""
        return {name: {f.name: f for f in c.connector.fields} for name, c in self.connections.items()}

    def known(self, connection: str) -> str:
        """Return the name of a connection; raises Refused when there is none of it."""
        if connection not in self.connections:
            raise Refused("unknown", f"no connection {connection!r}", f"there are {', '.join(self.connections)}")
        return connection

    def deed(self, who: str, what: str, target: str = "", detail: str = "") -> Deed:
        """Return a line for the audit log, of now."""
        return Deed(self.now(), who, what, target, detail)
