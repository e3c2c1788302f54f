"""What is asked of a CRM beside its records: does it answer, and what do its lists offer. The answer is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from bridge.connectors.base import Connector
from bridge.connectors.lists import Lists
from bridge.core.errors import BridgeError
from bridge.core.model import FOREVER
from bridge.store import Store

Question = Literal["test", "lists"]
QUESTIONS: tuple[Question, ...] = get_args(Question)


@dataclass(frozen=True)
class Told:
    """What came of a question. said: for people; what is wrong and what to do when there was an error."""

    said: tuple[str, ...]
    error: BridgeError | None = None


def ask(question: Question, connector: Connector, store: Store, now: Callable[[], int]) -> Told:
    """Ask a CRM, keep the answer and return it. A CRM that refuses is an answer; raises only as the store does."""
    try:
        said = tuple(connector.check()) if question == "test" else _kept(connector, connector.lists(), store, now())
        told = Told(said)
    except BridgeError as error:
        told = Told((str(error),), error)
    if told.error is None and question == "test" and _was_refused(connector.account.connection, store):
        store.resume(connector.account.connection, now())
        told = Told((*told.said, "was paused, goes on"))
    store.answer_wish(connector.account.connection, question, now(), ok=told.error is None, said=told.said)
    return told


def _was_refused(connection: str, store: Store) -> bool:
    """Tell whether the bridge itself has paused a connection for good; a person's pause is for a person to end."""
    row = store.connections().get(connection)
    return row is not None and row["paused_until"] == FOREVER and not row["paused_by"]


def _kept(connector: Connector, lists: Lists, store: Store, now: int) -> tuple[str, ...]:
    """Keep what the lists offer, each value once, and return how many of each."""
    offered = {(one.field, one.native): vars(one) for one in lists.offered}
    customs = {one.native: vars(one) for one in lists.customs}
    store.put_lists(connector.account.connection, list(offered.values()), now, list(customs.values()))
    counts = [f"{field}: {n}" for field, n in Counter(field for field, _ in offered).items()]
    return ", ".join((*counts, f"custom fields: {len(customs)}")), *lists.unread
