"""What the admin API can do: each operation is a function with its address, its input and its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from bridge.desk import Desk
from bridge.desk.tokens import Known
from bridge.web.api.inputs import Input

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Call:
    """Who calls, and what they expect to change. etag: of If-Match; None when the caller expects nothing."""

    desk: Desk
    known: Known
    etag: str | None = None

    @property
    def who(self) -> str:
        return self.known.name


@dataclass(frozen=True)
class Answer:
    """A value with what only HTTP has. etag: of the value as it is now. location: of what was made."""

    value: BaseModel
    etag: str | None = None
    location: str | None = None


@dataclass(frozen=True)
class Lines:
    """An export: lines of text as they are read from the store. form: csv or ndjson."""

    lines: Iterator[str]
    form: str


@dataclass(frozen=True)
class Operation:
    """
    run: the function; it is given a Call, and by name the parts of the path, `query`, `body` and `rows`. Its name is
    the operation's, its docstring what the document says.

    answers: None when there is nothing to say (204). tagged: answers carry an ETag, and changes honour If-Match.
    rows: an example of the CSV file that it takes (NDJSON, too), "" when it takes none. exports: it answers with one.
    """

    method: str
    path: str
    run: Callable[..., Any]
    subject: str
    answers: type[BaseModel] | None
    status: int
    query: type[Input] | None
    body: type[Input] | None
    tagged: bool
    rows: str
    exports: bool

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass
class Subject:
    """The operations on one thing. about: a sentence for the document."""

    name: str
    about: str
    operations: list[Operation] = field(default_factory=list)

    def get(
        self,
        path: str,
        answers: type[BaseModel] | None,
        *,
        query: type[Input] | None = None,
        tagged: bool = False,
        exports: bool = False,
    ) -> Callable[[F], F]:
        """Say that a function answers GET."""
        return self._add("GET", path, answers, 200, query=query, tagged=tagged, exports=exports)

    def write(
        self,
        method: str,
        path: str,
        answers: type[BaseModel] | None,
        *,
        query: type[Input] | None = None,
        body: type[Input] | None = None,
        makes: bool = False,
        tagged: bool = False,
        rows: str = "",
    ) -> Callable[[F], F]:
        """Say that a function changes something. makes: something new, answered with 201."""
        status = 204 if answers is None else 201 if makes else 200
        return self._add(method, path, answers, status, query=query, body=body, tagged=tagged, rows=rows)

    def _add(
        self,
        method: str,
        path: str,
        answers: type[BaseModel] | None,
        status: int,
        *,
        query: type[Input] | None = None,
        body: type[Input] | None = None,
        tagged: bool = False,
        rows: str = "",
        exports: bool = False,
    ) -> Callable[[F], F]:
        def add(run: F) -> F:
            made = Operation(
                method, path, run, self.name, answers, status, query, body, tagged=tagged, rows=rows, exports=exports
            )
            self.operations.append(made)
            return run

        return add
