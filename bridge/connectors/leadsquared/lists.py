"""What the lists of an opportunity type offer, and remarks on it. Sources: docs/vendors/leadsquared.md, by section."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from bridge.connectors.leadsquared.answer import an_object, option_texts
from bridge.connectors.lists import Custom, Listed, Person, owners, scoped

Metadata = Mapping[str, Mapping[str, Any]]  # the fields of a type by schema name (2.12)

COMMENT = "mx_Custom_19"


def stage_values(metadata: Metadata, schema: str, unread: list[str]) -> list[Listed]:
    """Return the stages as `<Status>/<Stage>`; where they are hidden, or belong to no status, tell so in `unread`."""
    statuses = list(option_texts(metadata.get("Status", {}).get("OptionSet")))
    field = metadata.get(schema, {})
    found = [
        Listed("stage", f"{status}/{stage}", scoped(status, stage))
        for status, stages in _by_status(_parsed(field.get("DependentOptionSet")), statuses)
        for stage in stages
    ]
    if not found:
        known = ", ".join(dict.fromkeys(_options(field)))
        shown = f"the stages are shown without their status: {known}" if known else "the stages are not shown"
        unread.append(f"{shown}; write choices as <Status>/<Stage>, with a status of {', '.join(statuses) or 'yours'}")
    return list(dict.fromkeys(found))


def _by_status(value: Any, statuses: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """
    Yield each status with its stages. The form is not established (2.12): understood are an object with a key for each
    status, and objects that name the status beside the options.
    """
    if isinstance(value, list):
        for inner in value:
            yield from _by_status(inner, statuses)
    elif isinstance(value, dict):
        named = next((text for text in value.values() if isinstance(text, str) and text in statuses), None)
        for key, inner in value.items():
            status = key if key in statuses else named
            if not isinstance(inner, list | dict):
                continue
            if status is None:
                yield from _by_status(inner, statuses)
            else:
                yield status, list(option_texts(inner))


def _parsed(given: Any) -> Any:
    try:
        return json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        return None


def _options(field: Mapping[str, Any]) -> Iterator[str]:
    return option_texts([field.get("OptionSet"), field.get("DependentOptionSet")])


def simple_values(metadata: Metadata, name: str, schema: str) -> Iterator[Listed]:
    """Yield the options of a field that depends on no other."""
    return (Listed(name, text, text) for text in option_texts(metadata.get(schema, {}).get("OptionSet")))


def users(rows: Iterable[Any]) -> list[Listed]:
    """Return the users (3.3)."""
    return owners(_person(an_object(row)) for row in rows)


def _person(row: Mapping[str, Any]) -> Person:
    name = " ".join(filter(None, (str(row.get(key) or "").strip() for key in ("FirstName", "LastName"))))
    return Person(str(row.get("ID")), name, str(row.get("EmailAddress") or ""), not row.get("StatusCode"))


def custom_fields(metadata: Metadata, used: Collection[str]) -> list[Custom]:
    """Return the numbered fields of the type that nothing else uses."""
    return [
        Custom(schema, str(row.get("DisplayName") or schema), str(row.get("DataType") or ""))
        for schema, row in metadata.items()
        if schema.startswith("mx_Custom_") and schema not in {*used, COMMENT}
    ]


def type_remarks(metadata: Metadata, comment: str, custom: Mapping[str, str]) -> Iterator[str]:
    """Yield what an operator should know of a type. comment: the option status_comment."""
    if metadata.get(COMMENT, {}).get("IsMandatory") is True and not comment:
        yield f"{COMMENT} is mandatory: a stage may be refused until status_comment is set"
    for name, given in custom.items():
        if given in metadata:
            yield f"custom.{name} is {metadata[given].get('DisplayName')!r} ({metadata[given].get('DataType')})"


def user_remarks(user: Mapping[str, Any], zone: str) -> Iterator[str]:
    """Yield what an operator should know of the user of the keys."""
    yield f"the keys write as user {user.get('Id')}: nobody else should work under it"
    if (there := user.get("TimeZone")) and there != zone:
        yield f"the user's zone is {there}, bridge.toml says {zone}: days may be one off"
