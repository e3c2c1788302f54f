"""Bodies of requests, read to the end: part of one is nothing."""

from __future__ import annotations

import codecs
from io import TextIOWrapper
from tempfile import SpooledTemporaryFile
from typing import IO

from flask import request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # it has no stubs
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

CHUNK_BYTES = 65_536
IN_MEMORY_BYTES_MAX = 1_000_000
FILE_BYTES_MAX = 64_000_000


def whole_body() -> bytes:
    """
    Return the body; raises RequestEntityTooLarge, or BadRequest when it does not end as announced.

    Werkzeug cuts a chunked body at the limit, and takes one that ends early for whole, without a word
    (werkzeug.wsgi.LimitedStream, 3.1). Part of a body is not a delivery.
    """
    try:
        body = request.get_data(cache=False)
    except ParseException:  # a broken chunk: gunicorn finds it only when the body is read
        raise BadRequest from None
    _check_length(len(body), request.max_content_length)
    return body


def whole_file() -> IO[str]:
    """
    Return the body as text in UTF-8 to be read line by line, up to FILE_BYTES_MAX; a large one waits on disk.

    Raises as `whole_body`, and ValueError when it is no text in UTF-8.
    """
    request.max_content_length = FILE_BYTES_MAX
    spooled = SpooledTemporaryFile(IN_MEMORY_BYTES_MAX)  # noqa: SIM115  whoever reads it closes it
    decoder, size = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        while chunk := request.stream.read(CHUNK_BYTES):
            if "\0" in decoder.decode(chunk):
                raise ValueError("NUL")
            size += spooled.write(chunk)
        decoder.decode(b"", final=True)
        _check_length(size, FILE_BYTES_MAX)
    except ParseException:
        spooled.close()
        raise BadRequest from None
    except BaseException:
        spooled.close()
        raise
    spooled.seek(0)
    return TextIOWrapper(spooled, "utf-8-sig", newline="")


def _check_length(size: int, limit: int | None) -> None:
    length = request.content_length
    if length is None:
        if limit is not None and size >= limit:
            raise RequestEntityTooLarge
    elif size != length:
        raise BadRequest
