"""The OpenAPI document of the operations, out of their code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from flask import Flask
from pydantic import BaseModel, ConfigDict, Field
from spectree import Response, SecurityScheme, SpecTree, Tag
from spectree.models import SecureType, SecuritySchemeData

from bridge.web.api.operations import Operation, Subject

ABOUT = (
    "What an operator does and asks, for scripts. Send a token that `bridge token add` has made as "
    "`Authorization: Bearer <token>`. Lists come in pages: send `next` of one as `cursor` for the next. "
    "Errors are problems (RFC 9457): `detail` says what to do."
)
REFUSALS = {
    400: "The request could not be read",
    401: "No valid token",
    403: "The token may only look",
    404: "There is no such thing",
    409: "Something else has it already, or the first request with this Idempotency-Key still runs",
    412: "It has changed meanwhile: since the ETag that was sent, or at this moment",
    413: "The body is too large",
    415: "The body has another content type",
    422: "The request makes no sense; `errors` names the fields",
    429: "Too many wrong secrets came from this address",
    503: "The store cannot now",
}
ON_WRITES = {400, 403, 409, 412, 413}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "Sent again with the same request within 24 hours, it is not done again: the first answer comes "
    "again, with the header `Idempotent-Replayed: true`.",
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": '^(\\*|"[!#-~]{1,200}")$'},
    "description": "The ETag that an answer gave: the change is done only if nobody has changed it since.",
}
ETAG = {"ETag": {"description": "Of the value as it is now, for If-Match", "schema": {"type": "string"}}}
REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true` when this is the first answer to the same Idempotency-Key",
        "schema": {"type": "string", "const": "true"},
    }
}
ROWS = {kind: {"schema": {"contentMediaType": kind}} for kind in ("text/csv", "application/x-ndjson")}


class Mistake(BaseModel):
    """One field that is wrong."""

    field: str
    what: str


class Problem(BaseModel):
    """What went wrong, by RFC 9457."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="always about:blank: the status says what kind it is")
    title: str
    status: int
    detail: str = Field(description="one or two sentences for a person: what is wrong and what to do")
    errors: list[Mistake] | None = None


def document(subjects: Iterable[Subject], prefix: str) -> Mapping[str, Any]:
    """Return the document. prefix: of all addresses."""
    spec = SpecTree(
        "flask",
        mode="strict",
        annotations=False,
        title="The opportunity bridge",
        description=ABOUT,
        version=version("opportunity-bridge"),
        openapi_version="3.1.0",
        naming_strategy=_name,
        nested_naming_strategy=lambda parent, child: f"{parent}.{_word(child)}",
        validation_error_model=Problem,
        security_schemes=[SecurityScheme(name="token", data=SecuritySchemeData(SecureType.HTTP, scheme="bearer"))],
        security={"token": []},
    )
    known = {}
    shape = Flask("shape")  # spectree reads the rules of an application: this one has only those of the operations
    for subject in subjects:
        for each in subject.operations:
            known[each.name] = each
            described = _described(spec, each, Tag(name=subject.name, description=subject.about))
            shape.add_url_rule(prefix + each.path, each.name, described, methods=[each.method])
    with shape.app_context():
        made: dict[str, Any] = spec.spec
    for operations in made["paths"].values():
        for told in operations.values():
            _complete(told, known[told["operationId"]])
    return made


def _name(model: type[BaseModel]) -> str:
    """Return a name for a shape: that of its module, too, since two modules may well use one word."""
    return f"{model.__module__.rpartition('.')[2]}.{_word(model.__name__)}"


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_")


def _described(spec: SpecTree, operation: Operation, tag: Tag) -> Any:
    answers: dict[str, Any] = {f"HTTP_{status}": Problem for status in _refusals(operation)}
    answers[f"HTTP_{operation.status}"] = None if operation.exports else operation.answers
    return spec.validate(
        query=operation.query,
        json=operation.body,
        resp=Response(**answers),
        tags=[tag],
        security={"token": []},
        skip_validation=True,
        operation_id=operation.name,
    )(operation.run)


def _refusals(operation: Operation) -> set[int]:
    """Return the statuses with which an operation can refuse."""
    found = {401, 404, 422, 429, 503}
    if operation.writes:
        found |= ON_WRITES
    if operation.body is not None or operation.rows:
        found.add(415)
    return found


def _complete(told: dict[str, Any], operation: Operation) -> None:
    """Add what spectree has no words for: problems, ETags, the two headers of writes, files; no query holds a null."""
    for parameter in told["parameters"]:
        _without_null(parameter["schema"])
    for status, response in told["responses"].items():
        if int(status) >= 400:
            response["content"] = {"application/problem+json": response["content"]["application/json"]}
            response["description"] = REFUSALS[int(status)]
        elif operation.tagged and operation.answers is not None:
            response["headers"] = {**ETAG}
        if operation.writes and int(status) not in (401, 403, 429, 503):
            response.setdefault("headers", {}).update(REPLAYED)
    if operation.exports:
        told["responses"][str(operation.status)]["content"] = ROWS
    if operation.writes:
        told["parameters"].append(KEY)
    if operation.writes and operation.tagged:
        told["parameters"].append(IF_MATCH)
    if operation.rows:
        csv = {"text/csv": {**ROWS["text/csv"], "example": operation.rows}}
        told["requestBody"] = {"content": {**ROWS, **csv}, "required": True}


def _without_null(schema: dict[str, Any]) -> None:
    """Make the shape of what may be left out that of what may be sent."""
    shapes = [shape for shape in schema.get("anyOf", ()) if shape != {"type": "null"}]
    if len(shapes) == 1:
        del schema["anyOf"]
        schema |= shapes[0]
    if schema.get("default", "") is None:
        del schema["default"]
