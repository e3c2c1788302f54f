"""Values of a deal as people read them: money with its groups, days in words, choices with their label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from bridge.core.fields import FIELDS, Choice, Day, Field, Money, Party, Percent, Phone, Words
from bridge.core.model import Canonical, Native
from bridge.core.rules import UNKNOWN

TEXT_MAX = 80
LABEL = re.compile(r"^[a-z]+(_[a-z]+)*: (?=\S)")  # as BridgeError writes itself: `not_found: …`


@dataclass(frozen=True)
class Known:
    """
    What is set up now, as far as a story needs it; none of it is history.

    fields: what each connection has, by canonical name. labels: (connection, field, native) to what the CRM's own list
    calls it. links: link ids of contacts and accounts, in words. paused: connections that are not worked on, and why.
    policies: by field. troubles: connections whose last call for this link failed, and how; it is tried again.
    """

    fields: Mapping[str, Mapping[str, Field]] = field(default_factory=dict)
    labels: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    paused: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)

    def spec(self, name: str, connection: str = "") -> Field | None:
        """Return what a field can do on a connection; on any that has it when none is named."""
        some = [self.fields.get(connection, {})] if connection else self.fields.values()
        return next((fields[name] for fields in some if name in fields), None)


def label(name: str) -> str:
    """Return a canonical field as people call it."""
    return name.removeprefix("custom.").replace("_", " ")


def canonical(known: Known, name: str, c: Canonical) -> str:
    """Return a canonical value as people read it."""
    spec, text = known.spec(name), "" if c is None else str(c)
    if not text.strip():
        return "nothing"
    if text.startswith(UNKNOWN):
        return _unknown(known, name, text)
    if isinstance(spec, Party):
        return known.links.get(text, "the record of another link")
    if isinstance(spec, Choice):
        return text
    return _plain(spec, text)


def native(known: Known, connection: str, name: str, n: Native) -> str:
    """Return what a CRM shows, in its own words."""
    spec = known.spec(name, connection)
    if n is None or not str(n).strip():
        return "nothing"
    if isinstance(spec, Choice):
        return _labelled(known, connection, name, str(n))
    if isinstance(spec, Money | Day | Percent):
        try:
            return _plain(spec, str(spec.decode(n, Words())))
        except (ValueError, ArithmeticError):
            return quoted(str(n))
    return str(n).strip() if isinstance(spec, Phone) else _plain(spec, str(n))


def quoted(text: str) -> str:
    """Return a text in quotes, in one line, cut when it is long."""
    tidy = " ".join(text.split())
    return f"“{tidy if len(tidy) <= TEXT_MAX else tidy[: TEXT_MAX - 1].rstrip() + '…'}”"


def plainly(reason: str) -> str:
    """Return why a CRM refused something without the label that machines count by."""
    return LABEL.sub("", reason)


def in_order(names: Iterable[str]) -> list[str]:
    """Return fields in the order of the table, custom ones last."""
    order = {name: i for i, name in enumerate(FIELDS)}
    return sorted(names, key=lambda n: (order.get(n, len(order)), n))


def listed(parts: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _unknown(known: Known, name: str, text: str) -> str:
    connection, _, n = text.removeprefix(UNKNOWN).partition(":")
    if isinstance(known.spec(name), Party):
        return f"{connection}:{n} (not linked yet)"
    words, short = known.labels.get((connection, name, n)), n.rpartition("/")[2]
    return f"{words} ({short}, not mapped yet)" if words else f"{short} (not mapped yet)"


def _labelled(known: Known, connection: str, name: str, n: str) -> str:
    words = known.labels.get((connection, name, n))
    return f"{words} ({n.rpartition('/')[2]})" if words else n.rpartition("/")[2]


def _plain(spec: Field | None, text: str) -> str:
    if isinstance(spec, Money):
        return _money(text)
    if isinstance(spec, Day):
        return _day(text)
    if isinstance(spec, Percent):
        return f"{text}%"
    if isinstance(spec, Phone):
        return f"+{text}" if text.isdigit() else text
    return quoted(text)


def _money(text: str) -> str:
    number, _, currency = text.partition(" ")
    try:
        grouped = format(Decimal(number), ",f")
    except InvalidOperation:
        return quoted(text)
    return f"{grouped} {currency}".rstrip()


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return quoted(text)
    return f"{day.day} {day:%B %Y}"
