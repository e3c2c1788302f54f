"""What a caller may send: strict, so that a mistake is named and never guessed around."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bridge.desk import Refused

LIMIT, LIMIT_MAX = 50, 200
WHOLE = re.compile(r"-?[0-9]{1,9}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Input(BaseModel):
    """A query or a body. What it does not name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Invalid(Refused):
    """A request that is not as the document says. errors: (field, what is wrong with it)."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("invalid", "The request is not as this address wants it", "Mend what `errors` names")
        self.errors = errors


def _printable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text without the character NUL")
    return text


def _whole(given: Any) -> Any:
    return int(given) if isinstance(given, str) and WHOLE.fullmatch(given) else given


def _flag(given: Any) -> Any:
    return {"true": True, "false": False}.get(given, given) if isinstance(given, str) else given


def _moment(given: Any) -> Any:
    if not isinstance(given, str) or not MOMENT.fullmatch(given):
        raise ValueError("a time such as 2026-11-21T09:00:00Z")
    return given


Text = Annotated[str, Field(max_length=500), AfterValidator(_printable)]
Word = Annotated[Text, Field(min_length=1)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_moment)]
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX, description="how many at most"), BeforeValidator(_whole)]
Cursor = Annotated[Text, Field(description="`next` of the page before; none for the first page")]


class Paging(Input):
    """Which part of a list."""

    cursor: Cursor = ""
    limit: Limit = LIMIT


def read_query(model: type[Input], given: Mapping[str, str]) -> Input:
    """Return the query; raises Invalid."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise Invalid(_errors("query", error)) from None


def read_body(model: type[Input], given: bytes) -> Input:
    """Return the body; raises Invalid, also for what is not JSON."""
    try:
        return model.model_validate_json(given)
    except ValidationError as error:
        raise Invalid(_errors("body", error)) from None


def _errors(part: str, error: ValidationError) -> list[tuple[str, str]]:
    """Return what is wrong, without what was sent."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [(".".join([part, *map(str, e["loc"])]), e["msg"].removeprefix("Value error, ")) for e in found]
