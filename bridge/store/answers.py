"""What requests were answered, so that one that is sent twice is done once."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bridge.store.engine import Engine
from bridge.store.rows import Row, to_json


class Answers:
    """Verbs of the store. A request is known by its token and the key that its sender gave it."""

    db: Engine

    def begin_request(self, token: str, key: str, request: str, now: int, *, forgotten: int, given_up: int) -> bool:
        """
        Take on a request; False: `answered` tells about the one that has the key already.

        request: a hash of all that it asks for. One answered before `forgotten`, or begun before `given_up` and never
        answered, has lost its key.
        """
        old = {"forgotten": forgotten, "given_up": given_up}
        with self.db.transaction():
            rows = self.db.run("begin_request", token=token, repeat_key=key, request=request, at=now, **old)
        return bool(rows)

    def answered(self, token: str, key: str) -> Row | None:
        """Return request, status (None while it runs), headers and body of what was taken on; None: there is none."""
        rows = self.db.run("answered", token=token, repeat_key=key)
        return {**dict(rows[0]), "headers": json.loads(rows[0]["headers"])} if rows else None

    def end_request(self, token: str, key: str, status: int, headers: Mapping[str, str], body: str) -> None:
        """Keep what a request was answered."""
        kept = {"status": status, "headers": to_json(dict(headers)), "body": body}
        with self.db.transaction():
            self.db.run("end_request", token=token, repeat_key=key, **kept)

    def drop_request(self, token: str, key: str) -> None:
        """Forget a request that failed, so that it can be sent again."""
        with self.db.transaction():
            self.db.run("drop_request", token=token, repeat_key=key)
