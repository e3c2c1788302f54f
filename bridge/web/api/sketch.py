"""The shape of a value of the document, as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INDENT = "  "
DEPTH_MAX = 6


def sketch(told: Mapping[str, Any], schema: Mapping[str, Any], indent: str = "") -> str:
    """Return a shape in a few lines. told: the document, which holds what the schema names."""
    if "$ref" in schema:
        schema = told["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if len(indent) > DEPTH_MAX * len(INDENT):
        return "…"
    if "anyOf" in schema:
        return " or ".join(sketch(told, each, indent) for each in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " or ".join(f'"{value}"' for value in schema.get("enum", (schema.get("const"),)))
    if schema.get("type") == "array":
        return f"[{sketch(told, schema.get('items', {}), indent)}, …]"
    if "properties" in schema:
        needed, inner = schema.get("required", ()), indent + INDENT
        lines = [
            f"{inner}{name}{'' if name in needed else '?'}: {sketch(told, each, inner)}"
            for name, each in schema["properties"].items()
        ]
        return "\n".join(["{", *lines, indent + "}"])
    return str(schema.get("format") or schema.get("type") or schema.get("contentMediaType") or "anything")
