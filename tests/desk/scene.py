"""The desk of one deal in three CRMs, over the real flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bridge.connectors.http import Answer, Call, Http
from bridge.core.errors import Permanent
from bridge.core.model import Native, Record
from bridge.desk import Desk, holds
from bridge.desk.holds import Held
from tests.desk.lists import settings_of
from tests.flow.scene import Scene


def desk_over(scene: Scene) -> Desk:
    return Desk(scene.store, scene.flow.connections, settings_of(scene.flow.sides.policies), scene.now)


def held(desk: Desk) -> Held:
    """Return the one hold that there is."""
    [found] = holds.page(desk).items
    return found


def refusing(scene: Scene, patch: pytest.MonkeyPatch, side: str, body: str = "", word: str = "<") -> None:
    """Let a side refuse every name with a word in it, with an answer that it gave over the network."""
    connector = scene.connectors[side]
    real = connector.write

    def transport(call: Call) -> Answer:
        return Answer(422, {"content-type": "application/json"}, body.encode())

    headers = {"Authorization": "Bearer header-token-77", "Version": "2021-07-28"}
    connector.http = Http("https://crm.example/api", headers, transport, connector.http.gate, connector.http.now_s)

    def write(seen: Record, sent: Mapping[str, Native]) -> Any:
        if word in str(sent.get("name", "")):
            connector.http.call("PUT", f"/deals/{seen.ref.vendor_id}", json=dict(sent))
            raise Permanent("markup", "HTTP 422")
        return real(seen, sent)

    patch.setattr(connector, "write", write)
