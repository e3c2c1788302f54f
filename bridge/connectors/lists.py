"""What the lists of an account offer, whatever the vendor: values for choices, custom fields, and what is hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bridge.core.errors import Misconfigured, Permanent


@dataclass(frozen=True)
class Listed:
    """
    One value that a list of the account offers. field: the canonical field that it is a choice of.

    native: exactly as choices hold it, with its scope. label: as people see it there, a stage with its pipeline.
    """

    field: str
    native: str
    label: str


@dataclass(frozen=True)
class Custom:
    """One custom field of the account. native: what `[connections.<name>.custom]` takes. kind: the vendor's word."""

    native: str
    label: str
    kind: str


@dataclass(frozen=True)
class Lists:
    """What the account offers. unread: what could not be read, each with the reason or the cure, for people."""

    offered: Sequence[Listed]
    customs: Sequence[Custom] = ()
    unread: Sequence[str] = ()


@dataclass(frozen=True)
class Person:
    """A user who can own deals. mail: told beside the name where two have the same."""

    native: str
    name: str
    mail: str = ""
    active: bool = True


def owners(people: Iterable[Person]) -> list[Listed]:
    """Return users as values of the owner. Those who have left stay, because they may still own deals."""
    known = list(people)
    names = Counter(one.name for one in known)
    found = []
    for one in known:
        label = f"{one.name} <{one.mail}>".strip() if one.mail and (names[one.name] > 1 or not one.name) else one.name
        found.append(Listed("owner", one.native, (label or one.native) + ("" if one.active else " (inactive)")))
    return found


def scoped(pipeline: str, stage: str) -> str:
    """Return the label of a stage within its pipeline."""
    return f"{pipeline} / {stage}"


@contextmanager
def optional(unread: list[str], what: str) -> Iterator[None]:
    """Let a list be missing that the account may not read, and tell so in `unread`."""
    try:
        yield
    except (Permanent, Misconfigured) as error:
        unread.append(f"{what} could not be read: {error}")
