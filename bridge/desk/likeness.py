"""How much two names are alike: what people call the same thing in two CRMs. Names only hint: a person decides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache

SAME, CLOSE, FLOOR = 95, 80, 60
MANY = 70  # at most, where several fit
FIRST_NAME = 90  # at most, where a person is known by one word only
FUZZY_LETTERS, FUZZY = 5, 80  # shorter words are alike only when they are equal: Hoa and Hoài are two people
INITIAL = 0.7
ADDRESS = re.compile(r"[<(]?\b[^\s<>()@]+@[^\s<>()@]+\b[>)]?")
PLAIN = str.maketrans({"đ": "d", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ı": "i"})


def said(score: int) -> str:
    """Return a score in words."""
    if score >= SAME:
        return "the same name"
    return "nearly the same name" if score >= CLOSE else "may be the same"


@lru_cache(16_384)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name without case, signs and e-mail addresses; of an address alone, those before the @."""
    rest = ADDRESS.sub(" ", name)
    if not any(ch.isalnum() for ch in rest):
        rest = name.partition("@")[0]
    letters = unicodedata.normalize("NFKD", rest.casefold())
    bare = "".join(ch for ch in letters if not unicodedata.combining(ch)).translate(PLAIN)
    return tuple(re.findall(r"[^\W_]+", bare))


def alike(name: str, other: str) -> int:
    """Return how much two names are alike: 100 the same words in any order, 0 nothing that counts."""
    short, long = words_of(name), words_of(other)
    if len(short) > len(long):
        short, long = long, short
    if not short:
        return 0
    if "".join(short) == "".join(long):
        return 100 if len(short) == len(long) else SAME
    left, quality = list(long), 0.0
    for word in sorted(short, key=long.__contains__):  # what is not there word by word first: it seldom fits
        best = word if word in left else max(left, key=lambda each: _word(word, each))
        if not (found := _word(word, best)):
            return 0
        quality += found
        left.remove(best)
    quality /= len(short)
    part = len("".join(short)) / len("".join(long))
    return round(quality * (100 if not left else FLOOR + 30 * part))


def _word(word: str, other: str) -> float:
    if word == other:
        return 1.0
    if 1 in (len(word), len(other)):
        return INITIAL if word[0] == other[0] and word[0].isalpha() else 0.0
    if min(len(word), len(other)) < FUZZY_LETTERS or any(ch.isdigit() for ch in word + other):
        return 0.0
    return _ratio()(word, other, score_cutoff=FUZZY) / 100


@cache
def _ratio() -> Callable[..., float]:
    from rapidfuzz import fuzz  # 4 MB that only who looks at suggestions needs

    return fuzz.ratio


def known_as(name: str, names: Iterable[str], *, people: bool) -> int:
    """
    Return how much a name is like the best of those by which one thing is known, its short one and its full ones.

    people: full names that contradict weigh more than a part that is the same.
    """
    scores = {other: alike(name, other) for other in names}
    best = max(scores.values(), default=0)
    if people and best < SAME and len(words_of(name)) > 1:
        full = [score for other, score in scores.items() if len(words_of(other)) > 1]
        if full and not any(full):
            return 0
    return min(best, FIRST_NAME) if people and len(words_of(name)) == 1 else best


def ranked(scores: Mapping[str, int], n: int, *, people: bool) -> list[tuple[str, int]]:
    """Return the best of what was found with their scores, lowered where several fit."""
    found = sorted(((score, key) for key, score in scores.items() if score >= FLOOR), key=lambda each: (-each[0], each))
    near = 25 if people else 5
    doubtful = len(found) > 1 and found[0][0] - found[1][0] <= near
    return [(key, min(score, MANY) if doubtful else score) for score, key in found[:n]]
