"""Rows that speak of one column or of the same events: which of them holds where, and which contradict each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from leadscore.base.text import worded
from leadscore.start.sheet.amounts import Band, Unclear
from leadscore.start.sheet.behaviour import Act
from leadscore.start.sheet.fit import OTHERS, Fact
from leadscore.start.sheet.rows import Row

_KINDS = {"number": "numbers", "text": "text", "boolean": "yes or no"}


def tiers(bands: Sequence[tuple[Row, Band]]) -> list[tuple[Band, str] | Unclear]:
    """The bands of one number, so that no number is in two of them.

    Of bands without an upper end each ends where the next begins; of those without a lower end each begins where the
    one before ends; a number that ends one and begins another is the other's. Any other overlap is unclear.
    """
    found: dict[int, tuple[Band, str] | Unclear] = {}
    last: int | None = None
    for place in sorted(range(len(bands)), key=lambda at: (bands[at][1].low, bands[at][1].high, at)):
        row, band = bands[place]
        below = None if last is None else found[last]
        if last is None or below is None or isinstance(below, Unclear):
            found[place], last = (band, ""), place
            continue
        other = bands[last][0]
        apart = _apart(below[0], band)
        if apart is None:
            found[place] = Unclear(f"it overlaps with {other.place}: which of them holds?")
            continue
        found[last] = (apart[0], below[1] if apart[0] == below[0] else f"up to where {row.place} begins")
        found[place] = (apart[1], "" if apart[1] == band else f"from where {other.place} ends")
        last = place
    return [found[place] for place in range(len(bands))]


def _apart(below: Band, above: Band) -> tuple[Band, Band] | None:
    """Two bands, the lower first, as they are where they do not overlap; None where nobody can tell."""
    meet = below.high == above.low
    if below.high < above.low or (meet and not (below.high_included and above.low_included)):
        return below, above
    if below.low < above.low and (meet or below.high == above.high == math.inf):
        return replace(below, high=above.low, high_included=not above.low_included), above
    if below.low == above.low == -math.inf and below.high < above.high:
        return below, replace(above, low=below.high, low_included=not below.high_included)
    return None


def kind_of_column(facts: Sequence[Fact]) -> str:
    """What most rows take a column for; text where only numbers stand alone, as ratings and codes do."""
    kinds = Counter(fact.kind for fact in facts if fact.kind in _KINDS)
    return max(_KINDS, key=lambda kind: kinds[kind]) if kinds else "text"


def agreed_facts(facts: Sequence[Fact], scored: Sequence[bool]) -> list[Fact | Unclear]:
    """The rows on one column, each with its condition; `scored` marks those that give points.

    Of those, no value may be in two.
    """
    found = _of_one_kind(facts)
    banded = [at for at, fact in enumerate(found) if isinstance(fact, Fact) and fact.band and scored[at]]
    for at, tier in zip(banded, tiers([(facts[at].row, facts[at].band or Band()) for at in banded]), strict=True):
        found[at] = tier if isinstance(tier, Unclear) else replace(facts[at], test=tier[0].test(), note=tier[1])
    lines: dict[str, str] = {}
    for at, fact in enumerate(found):
        if isinstance(fact, Fact) and scored[at] and fact.test != OTHERS:
            clash = [value for value in lines if any(_meet(fact, own, value) for own in fact.values)]
            lines |= {} if clash else dict.fromkeys(fact.values, fact.row.place)
            found[at] = Unclear(f"{lines[clash[0]]} gives points for the same: on top, or instead?") if clash else fact
    named = [fact for fact, own in zip(found, scored, strict=True) if isinstance(fact, Fact) and own and fact.kind]
    return [_none_of(fact, named) if isinstance(fact, Fact) and fact.test == OTHERS else fact for fact in found]


def _meet(fact: Fact, own: str, other: str) -> bool:
    """Whether a lead may have both; of words, "Marketing Manager" has "Manager" too."""
    listed = "has_word" in fact.test and "{" not in {own[0], other[0]}
    words, others = worded(own), worded(other)
    return own == other or (listed and (words in others or others in words))


def _none_of(fact: Fact, named: Sequence[Fact]) -> Fact | Unclear:
    """What holds where none of the others does, and the value is known."""
    if not named:
        return Unclear("other than what? No row names a value of this column")
    if all(list(one.test) == ["in"] for one in named):
        return replace(fact, test={"not_in": [value for one in named for value in one.test["in"]]})
    conditions = [one.condition() for one in named]
    return replace(fact, test={"not": conditions[0] if len(named) == 1 else {"any": conditions}})


def _of_one_kind(facts: Sequence[Fact]) -> list[Fact | Unclear]:
    kind = kind_of_column(facts)
    found: list[Fact | Unclear] = []
    for fact in facts:
        if fact.kind == "bare" and kind == "number" and fact.band:
            found.append(replace(fact, kind=kind, test=fact.band.test()))
        elif fact.kind == "bare" and kind == "text":
            found.append(replace(fact, kind=kind, band=None))
        elif fact.kind in {kind, ""}:
            found.append(fact)
        else:
            found.append(Unclear(f"most rows take {fact.name!r} for {_KINDS[kind]}, this one does not"))
    return found


def agreed_acts(acts: Sequence[Act]) -> list[Act | Unclear]:
    """The rows on the same events: how many of them, each in its own band."""
    found: list[Act | Unclear] = [*acts]
    counted = [at for at, act in enumerate(acts) if act.band and act.event and act.terms == acts[0].terms]
    for at, tier in zip(counted, tiers([(acts[at].row, acts[at].band or Band()) for at in counted]), strict=True):
        found[at] = tier if isinstance(tier, Unclear) else replace(acts[at], band=tier[0], note=tier[1])
    first = acts[0].row.place
    return [
        act if not at or {0, at} <= {*counted} else Unclear(f"does it come on top of {first}, or instead?")
        for at, act in enumerate(found)
    ]
