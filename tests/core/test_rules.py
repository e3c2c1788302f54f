"""What one connection makes of values, and which rule a field has."""

from __future__ import annotations

import pytest

from bridge.core.fields import Choice, Text, Words
from bridge.core.model import Canonical, Native
from bridge.core.rules import Rules, SideRules

STAGE, OWNER = Choice("stage", "s", scope="pipeline", blank=False), Choice("owner", "o")
WORDS = Words(
    meaning={("stage", "7/1"): "new", ("stage", "7/2"): "new", ("stage", "8/1"): "new", ("owner", "u1"): "hoa"},
    says={("stage", "new"): ("7/1", "8/1"), ("stage", "late"): ("7/2",), ("owner", "hoa"): ("u1",)},
)
FIELDS = {"stage": STAGE, "owner": OWNER, "name": Text("name", "n", limit=4)}
RULES = SideRules("a", FIELDS, words=WORDS)


@pytest.mark.parametrize(
    ("name", "native", "canonical"),
    [
        ("owner", "u1", "hoa"),
        ("owner", "u9", "unknown:a:u9"),
        ("owner", None, None),
        ("name", "unknown:7", "unknown:7"),
    ],
)
def test_an_unmapped_choice_says_where_it_comes_from(name: str, native: Native, canonical: Canonical) -> None:
    assert RULES.decode(name, native) == canonical


@pytest.mark.parametrize(
    ("why", "name", "canonical", "native", "agrees"),
    [
        ("it means just that", "stage", "new", "7/1", True),
        ("several native values mean it", "stage", "new", "7/2", True),
        ("a finer value is what this side can say", "stage", "late", "7/2", True),
        ("another stage of the pipeline", "stage", "late", "7/1", False),
        ("the pipeline cannot say it", "stage", "late", "8/1", False),
        ("nobody knows it", "stage", "lost", "7/1", False),
        ("cut as this vendor cuts it", "name", "abcdefgh", "abcd", True),
        ("cut, and then changed", "name", "abcdefgh", "abce", False),
        ("empty and empty", "owner", None, "", True),
        ("empty here", "owner", "hoa", None, False),
        ("empty is not to be had here", "stage", None, "7/1", False),
    ],
)
def test_agrees(why: str, name: str, canonical: Canonical, native: Native, agrees: bool) -> None:
    assert RULES.agrees(name, canonical, native) == agrees


def test_a_field_without_a_rule_is_newest() -> None:
    rules = Rules({}, {"stage": "hold"})
    assert (rules.policy("stage"), rules.policy("name")) == ("hold", "newest")
