"""The round in which a worker sends alerts, with what the log says of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bridge.core.errors import BridgeError
from bridge.desk import Desk
from bridge.desk.alarms import Send, round_of
from bridge.log import log_event

ROUND_S = 15.0


@dataclass(frozen=True)
class Alerting:
    """To be called again after as many seconds as it returns. process: its name. Raises what the store raises."""

    desk: Desk
    send: Send
    process: str

    def __call__(self) -> float:
        try:
            sent = round_of(self.desk, self.send, self.process)
        except BridgeError as error:
            if error.reason.startswith("store_"):
                raise
            log_event("alert.failed", level=logging.ERROR, reason=error.reason, detail=error.detail)
            return ROUND_S
        if sent:
            log_event("alert.sent", count=sent)
        return ROUND_S
