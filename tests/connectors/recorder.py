"""A transport that answers from a list and remembers the calls, and a gate that is always open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.connectors.http import Answer, Call


class Recorder:
    """Answer each call with the next of `answers`: (status, JSON value) or an Answer. `calls` keeps what was sent."""

    def __init__(self, *answers: tuple[int, Any] | Answer) -> None:
        self.answers = list(answers)
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        answer = self.answers.pop(0)
        return answer if isinstance(answer, Answer) else answered(*answer)


class OpenGate:
    def enter(self) -> None:
        pass

    def leave(self, ok: bool, pause_s: float | None = None) -> None:
        pass


def answered(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    return Answer(status, {"content-type": "application/json", **(headers or {})}, body)
