"""The opportunity types of the sample account: fields, stages, metadata, accepted values (2.2, 2.12, 2.13)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bridge.sandbox.leadsquared.wire import Row, bad_field, moment, text_of

TEXT_MAX = 200  # MaxFieldLength of 2.6
NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?")
NAME, STAGE, COMMENT, NOTE = "mx_Custom_1", "mx_Custom_2", "mx_Custom_19", "ActivityEvent_Note"
STATUSES = ("Open", "Won", "Lost")


@dataclass(frozen=True)
class Field:
    """One field of an opportunity type. stages: for the dependent Stage, the options under each status."""

    name: str
    label: str
    kind: str
    mandatory: bool = False
    readonly: bool = False
    options: tuple[str, ...] = ()
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Type:
    """One opportunity type; `fields` in the order of 2.6."""

    code: int
    id: str
    name: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)

    def labelled(self, label: str) -> str:
        return next(f.name for f in self.fields if f.label == label)

    @property
    def stages(self) -> Mapping[str, tuple[str, ...]]:
        return next(f.stages for f in self.fields if f.stages)

    def status_of(self, stage: str | None) -> str | None:
        return next((status for status, stages in self.stages.items() if stage in stages), None)

    @property
    def grid(self) -> tuple[str, ...]:
        """The columns that rows show unasked (2.7)."""
        labels = ("Opportunity Name", "Stage", "Expected Deal Size", "Expected Closure Date")
        return (*map(self.labelled, labels), "Status", "Owner")


def _type(code: int, id: str, name: str, stages: Mapping[str, tuple[str, ...]], tenant: tuple[Field, ...]) -> Type:
    head = (
        Field(NOTE, "Notes", "String"),
        Field("Status", "Status", "SearchableDropdown", mandatory=True, options=STATUSES),
        Field("Owner", "Owner", "ActiveUsers"),
        Field(NAME, "Opportunity Name", "String", mandatory=True),
        Field(STAGE, "Stage", "SearchableDropdown", mandatory=True, stages=stages),
    )
    tail = (
        Field(COMMENT, "Comment on Status Change", "String"),
        # assumption: 2.1 says that a type may have an AutoId field; number, label and data type name are ours
        Field("mx_Custom_20", "Opportunity Number", "AutoId", readonly=True),
        Field("CreatedOn", "Created On", "DateTime", readonly=True),
        Field("CreatedBy", "Created By", "ActiveUsers", readonly=True),
        Field("ModifiedOn", "Modified On", "DateTime", readonly=True),
        Field("ModifiedBy", "Modified By", "ActiveUsers", readonly=True),
    )
    return Type(code, id, name, head + tenant + tail)


SOURCES = ("Fair", "Web", "Referral")
TYPES: Mapping[int, Type] = {
    12000: _type(
        12000,
        "4597c000-0000-4000-8000-000000012000",
        "Opportunity",
        {"Open": ("New", "Qualified", "Proposal"), "Won": ("Won",), "Lost": ("Lost",)},
        (
            Field("mx_Custom_3", "Source", "Dropdown", options=SOURCES),
            Field("mx_Custom_5", "Description", "String"),
            Field("mx_Custom_6", "Expected Deal Size", "Number"),
            Field("mx_Custom_7", "Actual Deal Size", "Number"),
            Field("mx_Custom_8", "Expected Closure Date", "DateTime"),
            Field("mx_Custom_9", "Actual Closure Date", "DateTime"),
        ),
    ),
    12001: _type(
        12001,
        "4597c000-0000-4000-8000-000000012001",
        "Renewals",
        {"Open": ("Due", "In talks"), "Won": ("Renewed",), "Lost": ("Lapsed",)},
        (
            Field("mx_Custom_3", "Description", "String"),
            Field("mx_Custom_6", "Actual Deal Size", "Number"),
            Field("mx_Custom_7", "Expected Deal Size", "Number"),
            Field("mx_Custom_8", "Actual Closure Date", "DateTime"),
            Field("mx_Custom_9", "Expected Closure Date", "DateTime"),
            Field("mx_Custom_11", "Source", "Dropdown", options=SOURCES),
        ),
    ),
}


def accepted(kind: Type, name: str, value: object, users: frozenset[str]) -> str | None:
    """
    Return what the vendor stores for one sent value; None for "", which clears (2.5).

    users: ids that may own. Raises Refused: unknown and read-only fields, unknown options, wrong forms.
    """
    about = kind.field(name)
    # assumption: 2.5 does not say what happens to unknown fields; 2.2 calls the others read only
    if about is None or about.readonly or name == NOTE:
        raise bad_field(f"Field name : '{name}' is invalid.")
    text = text_of(value, name)
    if not text.strip():
        if about.mandatory:
            raise mandatory(about)
        return None
    return _stored(about, text, users)


def mandatory(about: Field) -> Exception:
    return bad_field(f"Field name : '{about.name}' of datatype : '{about.kind}' is mandatory.")


def _stored(about: Field, text: str, users: frozenset[str]) -> str:
    if about.kind == "Number":
        return plain_number(about, text)
    if about.kind == "DateTime":
        return _date(about, text)
    options = about.options or tuple(stage for stages in about.stages.values() for stage in stages)
    if about.kind == "ActiveUsers":
        # assumption: 2.4, 10 (point 6): e-mail addresses and unknown users are refused
        text, options = text.lower(), tuple(users)
    if options and text not in options:
        raise bad_field(f"Field name : '{about.name}' of datatype : '{about.kind}' has an invalid dropdown option.")
    if len(text) > TEXT_MAX:  # assumption: 2.6 gives MaxFieldLength, not what exceeding it does
        raise bad_field(f"Field name : '{about.name}' of datatype : 'String' exceeds the maximum length of {TEXT_MAX}.")
    return text


def plain_number(about: Field, text: str) -> str:
    """Return plain digits: commas go (the seed writes "200,000"), and so do zeros behind the point."""
    if not NUMBER.fullmatch(text):
        raise bad_field(f"Field name : '{about.name}' of datatype : 'Number' has an invalid value.")
    plain = f"{Decimal(text.replace(',', '')):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _date(about: Field, text: str) -> str:
    try:
        moment(text)
    except ValueError as error:
        raise bad_field(f"Field name : '{about.name}' of datatype : 'DateTime' has an invalid value.") from error
    return text


def check_whole(kind: Type, values: Mapping[str, str | None]) -> None:
    """Raise Refused unless all mandatory fields are there and the stage belongs to the status."""
    for about in kind.fields:
        if about.mandatory and not values.get(about.name):
            raise mandatory(about)
    if kind.status_of(values[STAGE]) != values["Status"]:
        # assumption: 2.13 leaves an illegal pair open and asks for this refusal
        raise bad_field(f"Field name : '{STAGE}' value '{values[STAGE]}' does not belong to '{values['Status']}'.")


def described(about: Field, sequence: int, value: str | None, stage_options: str) -> Row:
    """Return the field object of 2.6 and 2.12."""
    return {
        "SchemaName": about.name, "InternalName": about.name, "DisplayName": about.label, "Value": value,
        "DataType": about.kind, "IsMandatory": about.mandatory, "ShowInForm": not about.readonly,
        "Sequence": sequence, "ParentField": "Status" if about.stages else "",
        "OptionSet": json.dumps(_options(about.options)) if about.options else "",
        "DependentOptionSet": _dependent(about.stages, stage_options) if about.stages else "",
        "IsDefault": about.name in ("Status", "Owner", NAME, STAGE, NOTE), "IsReadOnly": about.readonly,
        "RenderType": "", "ExportAsPlainText": False, "IsMultiSelectDropdown": False, "IncludeOthersOption": False,
        "BehaviorOnMissingDropdownOption": 0, "IsOthersValue": False, "InternalSchemaName": "",
        "CustomObjectType": 2, "MaxFieldLength": TEXT_MAX,
    }  # fmt: skip


def _options(texts: tuple[str, ...], first: int = 0) -> list[Row]:
    return [
        {
            "IsDefault": order == 0, "Text": "", "Value": text, "CanDelete": 1, "CanEdit": 1, "IsLastOption": 0,
            "Order": order, "BackgroundColor": "#FFFB83", "FontColor": "#A08427",
        }
        for order, text in enumerate(texts, first)
    ]  # fmt: skip


def _dependent(stages: Mapping[str, tuple[str, ...]], form: str) -> str:
    # assumption: 2.12 and 10 (point 5): the inner format is not established, hence three forms by switch
    if form == "hidden":
        return ""
    sets: dict[str, list[Row]] = {}
    first = 0
    for status, texts in stages.items():
        sets[status] = _options(texts, first)
        first += len(texts)
    if form == "map":
        return json.dumps(sets)
    return json.dumps([{"ParentOption": status, "Options": options} for status, options in sets.items()])
