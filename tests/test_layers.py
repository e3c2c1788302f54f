"""The shape of the code: imports point down only, small modules, SQL in one place. Each failure names file and rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENTRY = {"cli", "worker", "web", "assembly", "alerting", "attempted", "demo"}
USE_CASES = {"flow", "passes", "sweep", "ask", "sides", "desk"}
INPUT_OUTPUT = {"connectors", "store", "settings"}
PARTS = ENTRY | USE_CASES | INPUT_OUTPUT | {"core", "sandbox", "log"}

# part of bridge -> parts that it may import, beside itself
MAY: dict[str, set[str]] = {
    **{part: ENTRY | USE_CASES | INPUT_OUTPUT | {"core", "log"} for part in ENTRY},
    "cli": PARTS,
    "demo": PARTS,
    "flow": {"passes", "sides", "connectors", "store", "core"},
    "passes": {"store", "core"},
    "sweep": {"sides", "connectors", "store", "core"},
    "ask": {"connectors", "store", "core"},
    "sides": {"connectors", "store", "core"},
    "desk": {"sweep", "ask", "sides", "connectors", "store", "settings", "core"},
    **{part: {"core"} for part in INPUT_OUTPUT},
    "log": {"core"},
    "core": set(),
    "sandbox": set(),
}
PURE = {
    *(
        "__future__",
        "abc",
        "base64",
        "collections",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "functools",
        "hashlib",
    ),
    *("hmac", "html", "ipaddress", "itertools", "json", "math", "operator", "re", "string", "types", "typing"),
    *("unicodedata", "zoneinfo"),
    "cryptography",  # it computes, no more
}
CLOCKS = {"now", "today", "utcnow"}
LINES_MAX, FUNCTION_LINES_MAX = 400, 60
EMPTY_NAMES = re.compile(r"(^|_)(utils?|helpers?|commons?|managers?)($|_)")
SQL = re.compile(
    r"\s*(SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+\w|ALTER\s+TABLE|WITH\s+\w+\s+AS"
    r"|SET\s+\w+\s*=\s*\w+|LISTEN\s+\w+|NOTIFY\s+\w+)\b",
    re.S,
)
SQL_HOMES = {"bridge/store/schema.py"}


@dataclass(frozen=True)
class Module:
    path: str
    text: str

    @property
    def part(self) -> str:
        return self.path.split("/")[1].removesuffix(".py")

    @property
    def tree(self) -> ast.Module:
        return _tree(self.text)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Return each imported module with its line, wherever in the file the import stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}:{node.lineno} has a relative import; write the whole name"
                if node.module == "bridge":
                    yield from ((node.lineno, f"bridge.{alias.name}") for alias in node.names)
                else:
                    yield node.lineno, node.module or ""


@cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def modules() -> tuple[Module, ...]:
    paths = sorted(p for p in (ROOT / "bridge").rglob("*.py") if p.name != "__init__.py" or p.parent != ROOT / "bridge")
    return tuple(Module(p.relative_to(ROOT).as_posix(), p.read_text("utf-8")) for p in paths)


def broken_imports(module: Module) -> list[str]:
    found = []
    for line, name in module.imports():
        top, _, rest = name.partition(".")
        part = rest.split(".")[0]
        allowed = MAY[module.part] | {module.part}
        if top == "bridge" and part not in allowed and not (module.part == "sandbox" and name == "bridge.core.errors"):
            names = ", ".join(sorted(allowed - {module.part})) or "nothing else of bridge"
            found.append(f"{module.path}:{line} imports {name}: {module.part} may import {names}")
        if module.part == "core" and top not in PURE | {"bridge"}:
            found.append(
                f"{module.path}:{line} imports {name}: core is pure, with the plain part of the standard library"
            )
    return found


def impurities(module: Module) -> list[str]:
    if module.part != "core":
        return []
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    return [
        f"{module.path}:{call.lineno} calls {ast.unparse(call.func)}(): core has no clock and no files"
        for call in calls
        if (isinstance(call.func, ast.Attribute) and call.func.attr in CLOCKS)
        or (isinstance(call.func, ast.Name) and call.func.id in {"open", "print", "input"})
    ]


def too_big(module: Module) -> list[str]:
    lines = len(module.text.splitlines())
    found = [f"{module.path} has {lines} lines: no module over {LINES_MAX}"] if lines > LINES_MAX else []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            long = (node.end_lineno or node.lineno) - node.lineno + 1
            if long > FUNCTION_LINES_MAX:
                found.append(
                    f"{module.path}:{node.lineno} {node.name} has {long} lines: none over {FUNCTION_LINES_MAX}"
                )
    return found


def empty_names(module: Module) -> list[str]:
    words = module.path.removesuffix(".py").split("/")
    return [f"{module.path} is called {w}: name what it holds" for w in words if EMPTY_NAMES.search(w)]


def stray_sql(module: Module) -> list[str]:
    if module.path in SQL_HOMES or module.part == "sandbox":
        return []
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        f"{module.path}:{node.lineno} holds SQL: all of it stands in store/queries.sql and store/schema.py"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
        and SQL.match(node.value)
    ]


RULES = [broken_imports, impurities, too_big, empty_names, stray_sql]


@pytest.mark.parametrize("rule", RULES)
def test_the_code_keeps_its_shape(rule: object) -> None:
    assert callable(rule)
    broken = [sentence for module in modules() for sentence in rule(module)]
    assert not broken, "\n" + "\n".join(broken)


def test_every_part_has_its_place() -> None:
    strange = {m.part for m in modules()} - PARTS
    assert not strange, (
        f"bridge/{', '.join(sorted(strange))} stands in no layer: see the table in {Path(__file__).name}"
    )


def test_every_statement_has_a_name_of_its_own() -> None:
    names = re.findall(r"^-- name: (.+)$", (ROOT / "bridge/store/queries.sql").read_text("utf-8"), re.M)
    assert len(names) == len(set(names)), "queries.sql has two statements of one name"
    strange = [name for name in names if not re.fullmatch(r"\w+( for postgres)?", name)]
    assert not strange, f"queries.sql: {strange}; a name is one word, with `for postgres` when it is for that alone"


# the rules themselves, on code that breaks them

BROKEN = [
    ("bridge/core/x.py", "import time", "bridge/core/x.py:1 imports time: core is pure"),
    ("bridge/core/x.py", "def f():\n    import requests", "x.py:2 imports requests: core is pure"),
    ("bridge/core/x.py", "import sqlite_utils", "core is pure, with the plain part of the standard library"),
    ("bridge/core/x.py", "from bridge.store import Store", "core may import nothing else of bridge"),
    ("bridge/core/x.py", "from bridge import store", "core may import nothing else of bridge"),
    ("bridge/core/x.py", "datetime.now()", "calls datetime.now(): core has no clock"),
    ("bridge/core/x.py", "open('f')", "calls open()"),
    ("bridge/store/x.py", "from bridge.connectors.base import Connector", "store may import core"),
    ("bridge/connectors/x.py", "from bridge.store import Store", "connectors may import core"),
    ("bridge/connectors/x.py", "import bridge.settings", "connectors may import core"),
    ("bridge/flow.py", "from bridge.worker import Worker", "flow may import connectors, core, passes, sides, store"),
    ("bridge/flow.py", "from bridge.log import log_event", "flow may import"),
    ("bridge/web/x.py", "from bridge.sandbox.server import serve", "web may import"),
    ("bridge/sandbox/x.py", "from bridge.core.fields import Field", "sandbox may import nothing else of bridge"),
    ("bridge/core/x.py", "\n" * 401, "bridge/core/x.py has 401 lines: no module over 400"),
    ("bridge/flow.py", "def f():\n" + "    pass\n" * 60, "bridge/flow.py:1 f has 61 lines: none over 60"),
    ("bridge/core/text_utils.py", "", "is called text_utils"),
    ("bridge/managers/x.py", "", "is called managers"),
    ("bridge/flow.py", "run('SELECT a FROM link')", "bridge/flow.py:1 holds SQL"),
    ("bridge/store/tables.py", "X = f'DELETE FROM {table}'", "tables.py:1 holds SQL"),
    ("bridge/store/postgres.py", "db.execute('SET lock_timeout = 5')", "postgres.py:1 holds SQL"),
    ("bridge/store/postgres.py", "db.execute('LISTEN work')", "postgres.py:1 holds SQL"),
]


@pytest.mark.parametrize(("path", "text", "sentence"), BROKEN, ids=[f"{p}: {s}" for p, _, s in BROKEN])
def test_code_that_breaks_a_rule_is_named(path: str, text: str, sentence: str) -> None:
    module = Module(path, text)
    rules = RULES if module.part in PARTS else RULES[2:]
    assert sentence in "\n".join(told for rule in rules for told in rule(module))


def test_what_is_allowed_is_not_named() -> None:
    fine = Module("bridge/sandbox/x.py", "from bridge.core.errors import Transient\nimport time")
    down = Module("bridge/flow.py", 'def f():\n    """Select rows FROM nowhere."""\n    from bridge.store import Store')
    assert [told for m in (fine, down) for rule in RULES for told in rule(m)] == []
