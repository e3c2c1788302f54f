"""A log line is one JSON object, and holds neither secrets nor what people wrote."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.log import Lines, configure_logging, log_event, trace_of

SECRET = "s3cret/key-äöü"


@pytest.fixture
def lines() -> Iterator[Any]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging([SECRET], stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)


def test_an_event_is_one_line_of_allowed_fields(lines: Any) -> None:
    log_event("delivery.attempted", connection="a", outcome="echo", attempts=1, ms=12, amount=5, name_="Lan")  # type: ignore[call-arg]
    (line,) = lines()
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info", "event": "delivery.attempted", "connection": "a", "outcome": "echo", "attempts": 1, "ms": 12
    }  # fmt: skip


def test_secrets_are_removed_wherever_they_stand(lines: Any) -> None:
    log_event("x", reason=SECRET, detail=f"GET /?k={SECRET}\nnext line")
    logging.getLogger("urllib3").warning("retry %s", "/webhooks/a/s3cret%2Fkey-%C3%A4%C3%B6%C3%BC")
    logging.getLogger("gunicorn.error").error("bad %s", {"k": SECRET})
    first, second, third = lines()
    assert (first["reason"], first["detail"]) == ("***", "GET /?k=***\nnext line")
    assert second["detail"] == "retry /webhooks/a/***"
    assert third["detail"] == "bad {'k': '***'}"


def test_phones_and_addresses_do_not_pass_in_a_detail(lines: Any) -> None:
    log_event("x", detail="no user lan.pham@example.vn, +84 912 345 678 or (028) 3822-1234", ref="84912345678")
    (line,) = lines()
    assert "912" not in line["detail"] and "3822" not in line["detail"] and "lan" not in line["detail"]
    assert line["ref"] == "84912345678"


def test_a_trace_names_places_and_not_values(lines: Any) -> None:
    try:
        json.loads('{"phone": "0912345678"')
    except ValueError as error:
        log_event("x", trace=trace_of(error))
        logging.getLogger("other").exception("broke")
    for line in lines():
        assert line["trace"].endswith("JSONDecodeError")
        assert "0912" not in json.dumps(line)
        assert '"/' not in json.dumps(line) and " /" not in line["trace"]


def test_a_stream_that_is_gone_disturbs_nobody(capsys: pytest.CaptureFixture[str], lines: Any) -> None:
    stream = io.StringIO()
    configure_logging([], stream)
    stream.close()
    log_event("x", detail="private")
    assert "private" not in "".join(capsys.readouterr())


def test_a_message_that_does_not_fit_its_arguments_is_still_logged() -> None:
    record = logging.LogRecord("other", logging.WARNING, "x.py", 1, "%d of %d", ("one",), None)
    assert json.loads(Lines([]).format(record))["detail"] == "%d of %d"
