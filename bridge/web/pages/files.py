"""Files that people take out of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from flask import Response, request, stream_with_context

from bridge.desk.table import Form

MEDIA: Mapping[Form, str] = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
MARK = "\ufeff"  # without it spreadsheets do not take a CSV file for UTF-8


def download(name: str, export: Callable[[Form], Iterator[str]]) -> Response:
    """Return the file of that name in the form that is asked for."""
    form: Form = "ndjson" if request.args.get("form") == "ndjson" else "csv"
    lines = chain([MARK], export(form)) if form == "csv" else export(form)
    named = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(stream_with_context(lines), mimetype=MEDIA[form], headers=named)
