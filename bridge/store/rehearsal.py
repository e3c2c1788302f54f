"""A store to try an import on: it knows the links of a real one, and keeps to itself what is added."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.core.model import Ref
from bridge.store.audit import Deed
from bridge.store.links import Joining
from bridge.store.store import Store


class Rehearsal(Store):
    """real: is only read. folder: holds what would be added, so that much of it takes no memory."""

    def __init__(self, real: Store, folder: Path) -> None:
        super().__init__(folder / "rehearsal.db", real.new_id)
        self.real = real
        self.migrate()

    def known_refs(self, refs: Iterable[Ref]) -> dict[Ref, tuple[str, Ref]]:
        wanted = list(refs)
        return self.real.known_refs(wanted) | super().known_refs(wanted)

    def refs_of(self, links: Iterable[str]) -> dict[str, list[Ref]]:
        wanted = list(links)
        real, added = self.real.refs_of(wanted), super().refs_of(wanted)
        return {link: [*real.get(link, []), *added.get(link, [])] for link in real | added}

    def link_many(self, joining: Sequence[Joining], now: int, deed: Deed | None = None) -> None:
        here = super().refs_of(j.link for j in joining)
        with self.db.transaction(durable=False):
            made = [{"id": j.link, "kind": j.refs[0].kind, "at": now} for j in joining if j.link not in here]
            self.db.insert("add_link", made)
            rows = [{**vars(r), "link": j.link, "linked_at": now} for j in joining for r in j.refs]
            self.db.insert("add_ref", rows)


@contextmanager
def rehearsal(real: Store) -> Iterator[Rehearsal]:
    """Lend such a store; nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="bridge-import-") as folder:
        store = Rehearsal(real, Path(folder))
        try:
            yield store
        finally:
            store.db.close()
