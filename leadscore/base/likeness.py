"""What someone may have meant: among the names and values that there are, the one that says the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal, get_args
from unicodedata import combining, normalize

# How a value is like what was wanted: the same written otherwise, a full address, one of several in a cell, an
# abbreviation or what is abbreviated, with more words or fewer, spelled nearly so.
Likeness = Literal["same", "address", "option", "initials", "words", "spelling"]
# The surest first, and those that leave little doubt.
LIKENESSES: tuple[Likeness, ...] = get_args(Likeness)
SURE = LIKENESSES[:4]

_WORDS = re.compile(r"[^\W_]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OPTIONS = re.compile(r"[;,|/\n]")
# A full address, and its path.
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:)?(?://)?[^/\s]+\.[^/\s]+(/[^?#\s]*)|[a-z]+://[^/\s]+(/[^?#\s]*)", re.IGNORECASE
)
# What an abbreviation leaves out.
_SMALL = frozenset({"a", "and", "for", "in", "of", "on", "the", "to", "und", "der", "des"})
_CUTOFF = 0.75
# Of very many values the commonest are compared.
_COMPARED, _SPELLED = 5_000, 1_000


def folded(text: str) -> str:
    """The letters and digits of a text, without case and accents.

    Examples
    --------
    >>> folded("Page View"), folded("page_view"), folded("Créé le")
    ('pageview', 'pageview', 'creele')
    """
    return "".join(_words(text))


def nearest_value(
    wanted: str, values: Sequence[str], likenesses: Sequence[Likeness] = LIKENESSES
) -> tuple[int, Likeness] | None:
    """The place of the value that most likely means what was wanted, and how it is like it; None if none is.

    `values` begin with the commonest, which is taken where several are alike in one way; only these ways count.

    Examples
    --------
    >>> nearest_value("US", ["Germany", "United States"]), nearest_value("/pricing", ["https://example.com/pricing"])
    ((1, 'initials'), (0, 'address'))
    >>> nearest_value("Webinars", ["Demo;Webinars", "Webinar"])
    (1, 'same')
    """
    compared = values[:_COMPARED]
    parts = [part for part in map(_words, _OPTIONS.split(wanted)) if len("".join(part)) > 1]
    words = _words(wanted)
    # One letter, as of C#, is like much.
    if len("".join(words)) < 2:
        return None
    ways: tuple[tuple[Likeness, Callable[[str], bool]], ...] = (
        ("same", lambda value: _same(words, _words(value))),
        ("address", lambda value: _is_address(value, wanted) or _is_address(wanted, value)),
        ("option", lambda value: any(_same(words, _words(part)) for part in _OPTIONS.split(value))),
        ("initials", lambda value: _abbreviates(words, _words(value)) or _abbreviates(_words(value), words)),
        ("words", lambda value: any(_shares(part, _words(value)) for part in {words, *parts})),
    )
    for likeness, alike in ways:
        for place, value in enumerate(compared if likeness in likenesses else ()):
            if alike(value):
                return place, likeness
    if "spelling" not in likenesses:
        return None
    spelled = [folded(value) for value in compared[:_SPELLED]]
    near = get_close_matches("".join(words), spelled, n=1, cutoff=_CUTOFF)
    return (spelled.index(near[0]), "spelling") if near else None


@lru_cache(maxsize=4 * _COMPARED)
def _words(text: str) -> tuple[str, ...]:
    """The words of a text, without case and accents; `pageView` is two."""
    plain = "".join(letter for letter in normalize("NFKD", _HUMPS.sub(" ", text)) if not combining(letter))
    return tuple(_WORDS.findall(plain.casefold()))


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return "".join(one) == "".join(other) or sorted(map(_stem, one)) == sorted(map(_stem, other))


def _stem(word: str) -> str:
    """A word without the s of many."""
    return word.removesuffix("s") if len(word) > 3 else word


def _is_address(value: str, path: str) -> bool:
    """Whether a value is a full address with such a path."""
    found = _ADDRESS.match(value)
    if found is None or _ADDRESS.match(path) or not _words(path):
        return False
    return f"{found[1] or found[2]}/".casefold().startswith(f"/{path.strip('/')}/".casefold())


def _abbreviates(short: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether a word is made of the first letters of others, or of the first of them: vp, usa beside United States."""
    if len(short) != 1 or len(short[0]) < 2 or len(words) < 2:
        return False
    every = "".join(word[0] for word in words)
    large = "".join(word[0] for word in words if word not in _SMALL)
    return any(first.startswith(short[0]) for first in (every, large)) or (len(large) > 1 and short[0][:-1] == large)


def _shares(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether all words of the one are in the other, in their order."""
    few, many = sorted((one, other), key=len)
    return bool(few) and f" {' '.join(few)} " in f" {' '.join(many)} "
