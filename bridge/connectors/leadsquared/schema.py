"""Which numbered field of an opportunity type holds what. Sources: docs/vendors/leadsquared.md, 2.2 and 2.12."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import Misconfigured

NOTE, NOTE_FIELD = "OpportunityNote", "ActivityEvent_Note"

# canonical name, schema name by default, label by default: the numbers differ per type and tenant (2.2)
NUMBERED = (
    ("name", "mx_Custom_1", "Opportunity Name"),
    ("description", "mx_Custom_5", "Description"),
    ("amount", "mx_Custom_6", "Expected Deal Size"),
    ("stage", "mx_Custom_2", "Stage"),
    ("lost_reason", "", "Loss Reason"),
    ("expected_close", "mx_Custom_8", "Expected Closure Date"),
    ("actual_close", "mx_Custom_9", "Actual Closure Date"),
)
LABELS = {name: label for name, _, label in NUMBERED}


@dataclass(frozen=True)
class Schema:
    """
    The fields of bridge.toml beside those of the type. option: a setting by name. wrong: what to raise for a key, with
    what is wrong and the cure.
    """

    option: Callable[[str], Any]
    custom: Mapping[str, str]
    wrong: Callable[[str, str, str], Misconfigured]

    def mislabelled(self, name: str, schema: str, labels: Mapping[str, str]) -> str:
        """Return why the field is not the one that was mapped, or "" when its label is right or not shown."""
        label = labels.get(schema, "")
        if name not in LABELS or not schema.startswith("mx_") or not label:
            return ""
        wanted = str(self.option(f"{name}_label"))
        if _alike(label, wanted):
            return ""
        return f"{schema} is labelled {label!r} here, not {wanted!r}: set {name}_field or {name}_label"

    def check(self, labels: Mapping[str, str]) -> None:
        """Raise Misconfigured for a field that the type has not, has under another name, or that is used twice."""
        mapped = {f"{name}_field": schema_name(self.option(f"{name}_field")) for name, _, _ in NUMBERED}
        mapped |= {f"custom.{name}": schema_name(given) for name, given in self.custom.items()}
        used = [schema for schema in mapped.values() if schema]
        for key, schema in mapped.items():
            if used.count(schema) > 1:
                raise self.wrong(key, f"{schema} is used twice", "give each field its own")
            if not schema or schema == NOTE:
                continue
            name = key.removesuffix("_field")
            if schema not in labels:
                raise self.wrong(key, f"no field {schema} in this type", self._cure(name, labels))
            if wrong := self.mislabelled(name, schema, labels):
                raise self.wrong(key, wrong, self._cure(name, labels))

    def _cure(self, name: str, labels: Mapping[str, str]) -> str:
        wanted = LABELS.get(name) and str(self.option(f"{name}_label"))
        found = [schema for schema, label in labels.items() if wanted and _alike(label, wanted)]
        return f'write {name}_field = "{found[0]}"' if found else "take it from the screen of opportunity types"


def schema_name(given: Any) -> str:
    """Return the schema name of an option; the note is read under one name and written under another (2.2)."""
    return NOTE if given == NOTE_FIELD else str(given)


def _alike(label: str, wanted: str) -> bool:
    return label.strip().casefold() == wanted.strip().casefold()
