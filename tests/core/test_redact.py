"""A secret is found in whatever way it was written down."""

from __future__ import annotations

import json
import time
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.redact import SECRET_CHARS_MIN, Redactor, without_credentials

SECRET = 'a b/"ä\\+&%€😀z'


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        quote(quote(SECRET, safe=""), safe=""),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        json.dumps(json.dumps(SECRET))[3:-3],
        quote(json.dumps(SECRET)[1:-1], safe=""),
        "".join(f"%{byte:02X}" for byte in SECRET.encode()),
        "".join(f"\\u{ord(c):04X}" for c in SECRET[:11]) + "\\ud83d\\uDE00\\u007a",
    ],
)
def test_each_way_of_writing_it(written: str) -> None:
    assert Redactor([SECRET]).text(f"x={written}&y=1") == "x=***&y=1"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=SECRET_CHARS_MIN, max_size=30))
def test_json_and_forms_of_any_secret(secret: str) -> None:
    redactor = Redactor([secret])
    for dumped in (json.dumps({"k": secret}), json.dumps({"k": secret}, ensure_ascii=False)):
        if "\n" not in secret and secret.isprintable():
            assert json.loads(redactor.text(dumped)) == {"k": "***"}
    assert redactor.text(urlencode({"q": secret})) == "q=***"


def test_the_rest_stays_byte_for_byte() -> None:
    body = b'\xff{"id": "12", "name": "caf\xc3\xa9 %41"}\x00'
    assert Redactor([SECRET, "other-secret"]).bytes(body) == body


def test_the_longer_secret_goes_first_and_short_values_stay() -> None:
    assert Redactor(["abcdef", "abcdef-ghi", "12345", ""]).text("abcdef-ghi 12345 abcdef") == "*** 12345 ***"


@pytest.mark.parametrize(
    "body", [b"\\" * 1_000_000, b"%" * 1_000_000, b"%25" * 300_000, b"a" * 1_000_000, b"%5c" * 300_000]
)
def test_no_body_makes_the_search_slow(body: bytes) -> None:
    redactor = Redactor(["a" * 40, "aaaaaaaaaab-cdefgh", "%%%%%%%%x", "tok_" + "é" * 20])
    started = time.process_time()  # our own work: what else the machine does is no failure
    redactor.bytes(body)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"token": "abc def", "n": 1}', '{"token": "***", "n": 1}'),
        ('{"message": "{\\"accessToken\\": \\"abc\\"}"}', '{"message": "{\\"accessToken\\": \\"***\\"}"}'),
        ("user=1&password=hello&x=1", "user=1&password=***&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ('{"x-api-key":"abc"}', '{"x-api-key":"***"}'),
        ("the token is dead, keyword: x", "the token is dead, keyword: x"),
        ('{"secret": ""}', '{"secret": ""}'),
    ],
)
def test_what_is_called_a_secret_is_one(text: str, clean: str) -> None:
    assert without_credentials(text) == clean
