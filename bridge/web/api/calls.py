"""What happens to a call: who is it, what do they send, do it once, and answer in the words of HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import IO, Any

from flask import Response, request

from bridge.core.errors import Transient
from bridge.desk import Desk, Reason, Refused
from bridge.desk.table import Form
from bridge.desk.tokens import Known
from bridge.web.admission import admitted
from bridge.web.api.inputs import Invalid, read_body, read_query
from bridge.web.api.operations import Answer, Call, Lines, Operation
from bridge.web.api.repeats import fingerprint, key_of_request, once
from bridge.web.bodies import CHUNK_BYTES, whole_body, whole_file
from bridge.web.lockout import Lockout
from bridge.web.problems import problem

STATUS: Mapping[Reason, int] = {"unknown": 404, "taken": 409, "stale": 412, "invalid": 422}
FORMS: Mapping[str, Form] = {"text/csv": "csv", "application/x-ndjson": "ndjson"}
PATH_CHARS_MAX = 500
BUSY_S = 2
ETAGS = "one ETag, as an answer gave it"
NOT_UTF_8 = "The file is no text in UTF-8. Save it as CSV or NDJSON in UTF-8"


class Calls:
    """Answers the calls of all operations."""

    def __init__(self, desk: Desk, lockout: Lockout) -> None:
        self.desk, self.lockout = desk, lockout

    def answer(self, operation: Operation, **parts: object) -> Response:
        """Return what the caller hears. parts: of the address, those that vary."""
        path = {name: str(part) for name, part in parts.items()}
        try:
            known = self._admit(operation)
            if isinstance(known, Response):
                return known
            if any("\0" in part or len(part) > PATH_CHARS_MAX for part in path.values()):
                return problem(404)
            return self._do(operation, known, path)
        except Refused as error:
            errors = error.errors if isinstance(error, Invalid) else ()
            return problem(STATUS[error.reason], f"{error}.", errors=errors)
        except Transient:
            return problem(503, headers={"Retry-After": str(BUSY_S)})

    def _admit(self, operation: Operation) -> Known | Response:
        """Return who calls, or what they hear when they may not."""
        known = admitted(self.desk, self.lockout)
        if isinstance(known, Response):
            return known
        return known if known.may_write or not operation.writes else problem(403)

    def _do(self, operation: Operation, known: Known, path: Mapping[str, str]) -> Response:
        call, given = Call(self.desk, known, _expected() if operation.tagged else None), dict[str, Any](path)
        query = request.args.to_dict()
        if operation.query is not None:
            given["query"] = read_query(operation.query, query)
        elif query:
            raise Invalid([(f"query.{name}", "there is no such parameter here") for name in query])
        if operation.exports:
            given["form"] = _wanted_form()
        if operation.rows:
            return self._take_rows(operation, call, given)
        body = whole_body() if operation.writes else b""
        if operation.body is not None:
            if request.mimetype != "application/json":
                return problem(415)
            given["body"] = read_body(operation.body, body)
        return self._once(operation, call, fingerprint(body), lambda: operation.run(call, **given))

    def _take_rows(self, operation: Operation, call: Call, given: dict[str, Any]) -> Response:
        if request.mimetype not in FORMS:
            return problem(415)
        try:
            file = whole_file()
        except ValueError:
            raise Invalid([("body", NOT_UTF_8)]) from None
        with closing(file):
            given |= {"rows": file, "form": FORMS[request.mimetype]}
            return self._once(operation, call, fingerprint(_digest(file)), lambda: operation.run(call, **given))

    def _once(self, operation: Operation, call: Call, wanted: str, run: Callable[[], Any]) -> Response:
        def act() -> Response:
            try:
                return _response(operation, run())
            except Refused as error:
                return problem(STATUS[error.reason], f"{error}.")

        key = key_of_request() if operation.writes else None
        return act() if key is None else once(self.desk, call.known.id, key, wanted, act)


def _digest(file: IO[str]) -> bytes:
    """Return a hash of a file, which is then read from its start again."""
    made = hashlib.sha256()
    while part := file.read(CHUNK_BYTES):
        made.update(part.encode())
    file.seek(0)
    return made.digest()


def _expected() -> str | None:
    """Return the ETag of If-Match, None when anything will do; raises Invalid."""
    if (given := request.headers.get("If-Match")) in (None, "*"):
        return None
    assert given is not None
    if len(given) < 3 or not (given[0] == given[-1] == '"') or '"' in given[1:-1]:
        raise Invalid([("If-Match", ETAGS)])
    return given[1:-1]


def _wanted_form() -> Form:
    """Return which form of an export the Accept header prefers; CSV when it does not say."""
    best = request.accept_mimetypes.best_match(list(FORMS), default="text/csv")
    return FORMS[best]


def _response(operation: Operation, found: Any) -> Response:
    if isinstance(found, Lines):
        kind = next(mime for mime, form in FORMS.items() if form == found.form)
        named = {"Content-Disposition": f'attachment; filename="{operation.subject}.{found.form}"'}
        return Response(found.lines, 200, named, content_type=f"{kind}; charset=utf-8")
    if operation.answers is None:
        return Response(status=204)
    made = found if isinstance(found, Answer) else Answer(found)
    headers = {}
    if made.etag is not None:
        headers["ETag"] = f'"{made.etag}"'
    if made.location is not None:
        headers["Location"] = made.location
    return Response(made.value.model_dump_json(), operation.status, headers, content_type="application/json")
