"""Every mistake of a bridge.toml, gathered and put in words: where, what is wrong, and the cure. Never a value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.core.errors import Misconfigured

WORDS: Mapping[str, str] = {
    "missing": "missing",
    "string_type": "must be text in quotes",
    "string_too_short": "is empty",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "literal_error": "must be one of {expected}",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_pattern_mismatch": "has the wrong form",
}
M = TypeVar("M", bound=BaseModel)


class Mistakes:
    """
    path: how the file is called in each line.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.found: list[tuple[str, str, str]] = []

    def add(self, where: str, what: str, cure: str) -> None:
        """where: the key with its tables, `connections.getfly.zone`."""
        self.found.append((where, what, cure))

    def unknown(self, where: str, what: str, known: Iterable[str]) -> None:
        """Add that the last part of `where` is none of `known`; the cure names the nearest, or all."""
        self.add(where, what, suggestion(where.rpartition(".")[2], known))

    def checked(self, model: type[M], table: Any, where: str) -> M | None:
        """Return the table as `model`, or None after adding every mistake in it."""
        try:
            return model.model_validate(table)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                self._add_one(model, one, where)
        return None

    def _add_one(self, model: type[BaseModel], one: ErrorDetails, where: str) -> None:
        loc = [str(part) for part in one["loc"] if part != "[key]"]
        at, ctx = ".".join([where, *loc]), one.get("ctx", {})
        if one["type"] == "extra_forbidden":
            self.unknown(at, "unknown key", model.model_fields)
            return
        cure = ctx.get("cure") or (model.model_fields[loc[0]].description if loc else None)
        cure = cure or f"write [{where}] and its keys below"
        self.add(at, WORDS.get(one["type"], one["msg"]).format_map(ctx), cure)

    def raise_any(self) -> None:
        """Raise Misconfigured with a line for each mistake, if there is one."""
        if not self.found:
            return
        lines = [f"{what}. {cure}" if cure else what for _, what, cure in self.found]
        places = [f"{self.path}: {where}" for where, _, _ in self.found]
        rest = [f"{place}: {line}" for place, line in zip(places[1:], lines[1:], strict=True)]
        raise Misconfigured(places[0], "\n".join([lines[0], *rest]))


def suggestion(given: str, known: Iterable[str]) -> str:
    """Return the cure for a name that is none of `known`."""
    names = list(known)
    near = difflib.get_close_matches(given, names, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(names) or 'none'}"
