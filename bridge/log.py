"""
The log: one JSON line an event on stdout, of an allow-list of fields, without secrets.

What a vendor or a person wrote (bodies, names, phones, amounts) and path secrets have no field here, so they cannot
be logged. What other libraries log is reduced to the same form.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TextIO, TypedDict, Unpack

from bridge.core.redact import Redactor

TEXT_CHARS_MAX = 500
FRAMES_MAX = 12
PRIVATE = re.compile(r"[^\s@\"'<>]+@[\w-]+\.[\w.-]+|\+?\d[\d ().-]{7,}\d")


class Fields(TypedDict, total=False):
    """
    What a line may hold. ref: the vendor's id. fields: names, never values. detail: of our own errors, never a field's
    value. trace: see trace_of. The rest of an attempt: see passes.Facts.
    """

    process: str
    connection: str
    vendor: str
    ref: str
    link: str
    delivery: str
    cause: str
    outcome: str
    fields: str
    reason: str
    detail: str
    where: str
    cure: str
    trace: str
    attempts: int
    fails: int
    due: int
    held: int
    refused: int
    lag_ms: int
    reads: int
    read_ms: int
    writes: int
    write_ms: int
    count: int
    bytes: int
    ms: int
    status: int
    method: str
    route: str
    port: int
    version: str


ENCODER = json.JSONEncoder(default=str)
ALLOWED = frozenset(Fields.__annotations__)
_events = logging.getLogger("bridge")


def log_event(name: str, /, *, level: int = logging.INFO, **fields: Unpack[Fields]) -> None:
    """Write one line. name: `delivery.attempted` and the like. Fields outside the allow-list are left out."""
    _events.log(level, name, extra={"fields": fields})


def configure_logging(secret_values: Iterable[str], stream: TextIO | None = None) -> None:
    """Send everything that is logged to a stream (stdout unless given) as JSON lines; repeating replaces the former."""
    handler = _Quiet(stream or sys.stdout)
    handler.setFormatter(Lines(secret_values))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # no line says where in the code it was asked for, and looking that up is dear (docs.python.org, logging HOWTO)
    logging._srcfile = None
    for noisy in ("urllib3", "werkzeug", "requests"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def trace_of(error: BaseException) -> str:
    """Return where an error was raised, without its message: that may quote a body."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    steps = [f"{_short(f.filename)}:{f.lineno} {f.name}" for f in frames]
    return " > ".join([*steps, type(error).__name__])


class Lines(logging.Formatter):
    """One JSON object a record; secrets are removed from the finished line, so that no field can be forgotten."""

    def __init__(self, secret_values: Iterable[str]) -> None:
        super().__init__()
        self._redactor = Redactor(secret_values)

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": at, "level": record.levelname.lower(), **self._said(record)}
        return self._redactor.text(ENCODER.encode(line))

    def _said(self, record: logging.LogRecord) -> dict[str, object]:
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            return {"event": record.msg, **{k: _plain(k, v) for k, v in fields.items() if k in ALLOWED}}
        said: dict[str, object] = {"event": "log", "logger": record.name, "detail": _plain("detail", _message(record))}
        if record.exc_info and record.exc_info[1] is not None:
            said["trace"] = trace_of(record.exc_info[1])
        return said


class _Quiet(logging.StreamHandler[TextIO]):
    """A handler that never prints a record it could not write: the standard one shows it with its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)


def _plain(name: str, value: object) -> object:
    """Return a value fit for a line: numbers as they are; texts cut, and `detail` without phones and mail addresses."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    return (PRIVATE.sub("(private)", text) if name == "detail" else text)[:TEXT_CHARS_MAX]


def _short(filename: str) -> str:
    """Return a path from its package on: where the bridge is installed is nobody's business."""
    parts = re.split(r"[\\/]", filename)
    for i, part in enumerate(parts):
        if part in ("bridge", "site-packages"):
            return "/".join(parts[i:])
    return parts[-1]
