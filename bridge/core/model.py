"""The values that everything else passes around. Times are integers: UTC, milliseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# A native value is a field as the vendor shows it, after parsing only; a canonical value is the bridge's own form.
# Both are JSON scalars. None is empty; a field that is missing from a mapping is unknown, which is not the same.
Native = str | int | None
Canonical = str | int | None

Kind = Literal["opportunity", "contact", "account"]
FOREVER = 2**53


@dataclass(frozen=True, order=True)
class Ref:
    """Where a record lives."""

    connection: str
    vendor_id: str
    kind: Kind = "opportunity"

    def __str__(self) -> str:
        return f"{self.connection}:{self.vendor_id}"


@dataclass(frozen=True)
class Record:
    """
    One record as a connection shows it now.

    fields: canonical field name to native value. stamp: the vendor's own time of the last change, or None when the
    vendor has none. actor: who changed it last, where the vendor says so. locked: fields that this very record does
    not take now, with the reason. aliases: other ids under which webhooks name it. raw: what the connector needs to
    write the record back; nobody else looks inside.
    """

    ref: Ref
    fields: Mapping[str, Native]
    stamp: int | None = None
    actor: str | None = None
    locked: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Sent:
    """A native value that was written and that no settled read has confirmed yet."""

    value: Native


@dataclass(frozen=True)
class Former:
    """A native value that a shadow held until `replaced_at`."""

    native: Native
    replaced_at: int


@dataclass
class Hub:
    """
    The canonical value of one field of one link that all sides should show.

    stamp: when it was set, in the setter's corrected clock. origin: the connection that set it. hop: how many of our
    own writes may have caused it. held_until: nothing is written before; FOREVER waits for a person.
    """

    value: Canonical
    version: int
    stamp: int
    origin: str
    hop: int = 0
    held_until: int | None = None
    argued: int = 0
    argued_day: int = 0


@dataclass
class Shadow:
    """
    What one side was last known to hold in one field.

    base: the hub version that this side reflects. undated: it moved at a moment whose stamp is not known.
    """

    native: Native
    base: int
    moved_at: int
    sent: Sent | None = None
    undated: bool = False


@dataclass(frozen=True)
class Said:
    """One field of a write: the native value to send, and the hub version that it brings."""

    value: Native
    version: int


@dataclass(frozen=True)
class Refusal:
    """What a vendor has refused for good, and said. discarded: a person lets it be; there is nothing to hold."""

    said: Said
    detail: str
    discarded: bool = False


@dataclass(frozen=True)
class Write:
    """
    One outbound change to one ref.

    patch: what changes. touched: every field that the call re-sends, changed or not. at: when it was sent, last.
    """

    id: str
    ref: Ref
    patch: Mapping[str, Said]
    touched: frozenset[str]
    at: int


@dataclass
class Side:
    """
    One ref of a link with all that is known of it.

    linked_at: when it came into the link. missing_since: reads have found nothing since then.
    """

    ref: Ref
    linked_at: int = 0
    stamp: int | None = None
    wrote_at: int | None = None
    missing_since: int | None = None
    gone: bool = False
    shadows: dict[str, Shadow] = field(default_factory=dict)
    formers: dict[str, list[Former]] = field(default_factory=dict)
    open: Write | None = None


@dataclass
class Link:
    """The working copy of one link, loaded in one transaction and saved in another, under the link's lease."""

    id: str
    sides: dict[str, Side]
    hubs: dict[str, Hub] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Side]:
        return iter(self.sides.values())


@dataclass(frozen=True)
class Look:
    """A time at which to read a ref. cause: the delivery that asks for it, or a word such as `sweep` or `confirm`."""

    ref: Ref
    at: int
    cause: str


What = Literal[
    "met",  # fields that said the same when a side was first read; detail: their names
    "first",
    "differs",  # a side showed something else when it was first read, and keeps it
    "overtaken",  # a side was first read after an edit elsewhere, which is due there
    "set",  # detail: `by <actor> over <connection> (<policy>)`, each part where there is one
    "lost",  # old: the edit that did not win. detail: `<connection> wins (<policy>)`
    "settled_equal",
    "understood",  # somebody has said what an unknown value of the hub means
    "sent",
    "in_doubt",
    "normalised",
    "landed",
    "did_not_land",
    "held",  # new: until when; None: until a person decides
    "released",
    "decided",  # a person chose whose value stands
    "not_sent",
    "refused",
    "replayed",  # what was refused is tried again. detail: `by <who>`
    "discarded",  # new: the native value that was refused; detail: `<who>: <reason>`
    "waits",  # a hold came, or changed; detail: its reason, new: its cure
    "freed",
    "gone",
    "back",
    "linked",  # detail: the vendor's id
    "unlinked",
]


@dataclass(frozen=True)
class Entry:
    """One line of the journal. delivery: what made us look. detail: the rule that decided, or the reason, in words."""

    at: int
    connection: str
    field: str
    what: What
    old: Canonical | Native = None
    new: Canonical | Native = None
    version: int | None = None
    delivery: str = ""
    detail: str = ""


# why work waits: no choice for a canonical value there; nobody has said what a native value means; no linked contact or
# account; a value that this CRM cannot hold; another field must be seen to first; two sides disagree; automations
# answer each other; the record refuses; what is shown cannot be understood; the CRM refused for good; a defect of ours
HoldKind = Literal[
    "", "choice", "meaning", "link", "value", "first", "conflict", "argument", "locked", "garbled", "refused", "defect",
]  # fmt: skip


@dataclass(frozen=True)
class Hold:
    """
    Work that waits for a person. cure: what to do; the work resumes by itself once it is done. kind: "" when it was
    kept before there were kinds.
    """

    connection: str
    field: str
    reason: str
    cure: str
    kind: HoldKind = ""


@dataclass
class Effects:
    """
    What a decision asks the store to do beside saving the link.

    closed: write id to its last state and detail. garbled: fields whose native value nobody can make sense of, with
    the reason; nothing is written over them.
    """

    looks: list[Look] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    unsettled: set[str] = field(default_factory=set)
    closed: dict[str, tuple[str, str]] = field(default_factory=dict)
    garbled: dict[str, str] = field(default_factory=dict)
