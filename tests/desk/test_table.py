"""Rows that people bring, good and bad."""

from __future__ import annotations

from io import StringIO

import pytest

from bridge.desk import Refused
from bridge.desk.table import Form, rows

CASES: list[tuple[Form, str, list[tuple[int, dict[str, str] | str]]]] = [
    ("csv", "a, b\n1, x \n\n2\n", [(2, {"a": "1", "b": "x"}), (4, {"a": "2"})]),
    ("csv", 'a,b\n"1\n2",x\n3,y\n', [(2, {"a": "1\n2", "b": "x"}), (4, {"a": "3", "b": "y"})]),
    ("csv", "a;b\r\n1;x,y\r\n", [(2, {"a": "1", "b": "x,y"})]),
    ("csv", "a\tb\n1\tx;y\n", [(2, {"a": "1", "b": "x;y"})]),
    ("csv", "a\n1;2\n", [(2, {"a": "1;2"})]),
    ("csv", "a\n1,2\n3\n", [(2, "2 cells, but the header names 1"), (3, {"a": "3"})]),
    ("csv", 'a\n"1"2\n3\n', [(2, "',' expected after '\"'"), (3, {"a": "3"})]),
    ("ndjson", '{"a": 1, "b": null}\n\n[1]\n', [(1, {"a": "1", "b": ""}), (3, "not an object of texts")]),
    ("csv", "a\nx\0\n1\n", [(2, "holds a character that no text has"), (3, {"a": "1"})]),
    (
        "ndjson",
        '{"a": "\\ud800"}\n{"a": "\\u0000"}\n{"\\udfff": "1"}\n{"a": "\\ud83d\\ude00"}',
        [*((n, "holds a character that no text has") for n in (1, 2, 3)), (4, {"a": "😀"})],
    ),
    ("ndjson", '{"a": {"b": 1}}\n{\n{"a": "x"}', [(1, "not an object of texts"), (2, "not JSON"), (3, {"a": "x"})]),
]


@pytest.mark.parametrize(("form", "text", "found"), CASES)
def test_each_line_is_a_row_or_a_mistake(form: Form, text: str, found: list[tuple[int, dict[str, str] | str]]) -> None:
    assert list(rows(StringIO(text), form)) == found


@pytest.mark.parametrize("text", ["", "\n1,2\n", ",\n1,2\n"])
def test_a_file_without_a_header_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="no header"):
        list(rows(StringIO(text), "csv"))
