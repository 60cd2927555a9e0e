"""What a row is worth: points and how they count, or that a lead qualifies at once, or never."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

from leadscore.rulebook.values import LARGEST_POINTS
from leadscore.start.sheet.amounts import PERIOD, Band, Unclear, number, points, tidy
from leadscore.start.sheet.rows import Row
from leadscore.start.sheet.terms import Terms, phrases, term, together
from leadscore.start.sheet.words import (
    AGAINST,
    BEHAVIOUR_PART,
    DOING,
    FIELD,
    FIT_PART,
    HAND_RAISE,
    NEVER,
    NOTHING,
    PERHAPS_BEHAVIOUR,
    PERHAPS_FIT,
    THRESHOLD,
)

_OF_A_PART = re.compile(
    r"^(?:min|max)(?:imum|imal)?\b.*(?:\bfit\b|demogra|firmogra|behaviou?r|engagement|activity)|\b(?:max|min)(?:imum)?:?$"
    r"|^(?:cap|limit)\b|\b(?:scores?|points|behaviou?r|fit|engagement) (?:cap|limit)$",
    re.IGNORECASE,
)
_POINTS = re.compile(r"(?:points?|pts|punkte|scores?|:)", re.IGNORECASE)


@dataclass(frozen=True)
class Worth:
    """What a row gives.

    Attributes
    ----------
    points : float or None
        None if it gives none: then `never` or `at_once` says what it does.
    never, at_once : bool
        The lead may never qualify; it qualifies without more points.
    terms : dict
        How the points count, as far as it does not stand with the event.
    """

    points: float | None = None
    never: bool = False
    at_once: bool = False
    terms: Terms = field(default_factory=dict)


def side_of(row: Row) -> str:
    """Whether a row is about who a lead is (fit) or what it does (behaviour).

    Raises
    ------
    Unclear
        If its words do not say, or say both.
    """
    words = f"{row.attribute} {row.criteria}"
    field_named, deed = FIELD.search(row.attribute or row.criteria or row.category), DOING.search(words)
    by_part = _one(FIT_PART.search(row.category), BEHAVIOUR_PART.search(row.category))
    by_words = _one(field_named, deed) or _first_word(row)
    if by_part and by_words and by_part != by_words and not (field_named and deed):
        raise Unclear(f"it is listed as {row.category!r} and reads as {by_words}")
    side = by_part or by_words or _one(PERHAPS_FIT.search(row.category), PERHAPS_BEHAVIOUR.search(row.category))
    if not side:
        raise Unclear("is it about who a lead is, or what it does? Write Fit or Behaviour as its category")
    return side


def _one(fit: object, behaviour: object) -> str:
    return "" if bool(fit) == bool(behaviour) else "fit" if fit else "behaviour"


def _first_word(row: Row) -> str:
    first, *_ = [*row.attribute.split(), *row.criteria.split(), ""]
    return "behaviour" if DOING.fullmatch(first) else ""


def worth_of(row: Row, decimal: str) -> Worth:
    """What a row gives.

    Raises
    ------
    Unclear
        If it gives no number of points, or says something of them that a rulebook cannot say.
    """
    written = tidy(row.points)
    if NEVER.fullmatch(written) or (written.lower() in NOTHING and NEVER.fullmatch(tidy(row.category))):
        return Worth(never=True)
    at_once = bool(HAND_RAISE.search(f"{row.category} {row.points}")) or written.lower() in {"mql", "sql"}
    if at_once and not re.search("[0-9]", written):
        return Worth(at_once=True)
    value, rest = points(row.points, decimal)
    _check_points(value)
    if AGAINST.search(row.category) and value > 0:
        raise Unclear(
            f"{row.category!r} takes points away, but these are above 0: write -{value:g} if they are taken away"
        )
    said = [_term_of_points(row, phrase) for phrase in phrases(rest)]
    said += [_term_of_column(header, cell) for header, cell in row.more]
    return Worth(value, at_once=at_once, terms=together(said))


def _term_of_points(row: Row, phrase: str) -> Terms:
    meaning = term(phrase)
    if meaning is None:
        raise Unclear(f"the points are {row.points!r}: {phrase!r} is not understood")
    return meaning


def _term_of_column(header: str, cell: str) -> Terms:
    """What a cell says under a header such as "Max points", "Window (days)" or "Half-life"."""
    named = re.sub(r"\([^)]*\)", "", tidy(header)).strip()
    unit = re.search(r"\b(?:days?|weeks?|months?|tage|wochen|monate)\b", header, re.IGNORECASE)
    written = tidy(cell)
    form = f"{written} {unit[0]}" if unit and written.isdigit() else written
    # A bare period is a window, unless it is one of decay.
    fading = re.fullmatch(PERIOD, form) and re.search("decay|half|fade", header, re.IGNORECASE)
    forms = [f"{named} {form}"] if fading else [form, f"{named} {form}"]
    if re.search("max|cap|limit|höchst", header, re.IGNORECASE):
        forms = [
            f"max {written} points" if re.search("point|pts|punkte|score", header, re.IGNORECASE) else f"max {written}"
        ]
    with suppress(Unclear):
        for form in forms:
            if (meaning := term(form)) is not None:
                return meaning
    raise Unclear(f"{header}: {cell!r} is not understood")


def threshold_of(row: Row, decimal: str) -> float | None:
    """The threshold that a row names; None if it is about something else.

    Raises
    ------
    Unclear
        If it is about a threshold, but names no number, or several.
    """
    words = " ".join(filter(None, (row.category, row.attribute, row.criteria)))
    if _OF_A_PART.search(row.attribute or row.criteria or row.category):
        raise Unclear("for this a rulebook has minimum_fit and minimum_behaviour under 'qualify', and 'totals'")
    if not THRESHOLD.search(words) or DOING.search(row.attribute or row.criteria):
        return None
    cells = [row.points, row.criteria] if row.points != row.criteria else [row.points]
    found = [_least(cell, decimal) for cell in cells if re.search("[0-9]", cell)]
    if not found:
        numbers = re.findall(r"[0-9][0-9.,]*", words)
        found = [number(one.rstrip(".,"), decimal) for one in numbers]
    if len({*found}) != 1:
        raise Unclear("a threshold is one number of points")
    _check_points(found[0])
    return found[0]


def _check_points(value: float) -> None:
    if abs(value) > LARGEST_POINTS or round(value, 3) != value:
        raise Unclear(f"points have at most three decimals and lie within {LARGEST_POINTS:,}; got {value:g}")


def _least(cell: str, decimal: str) -> float:
    text = " ".join(_POINTS.sub(" ", tidy(THRESHOLD.sub(" ", cell))).split()).removeprefix("+")
    band = Band.read(text, decimal)
    if band is None or not (band.exact or band.high == float("inf")) or not band.low_included:
        raise Unclear(f"{cell!r} is not the least number of points that qualifies")
    return band.low
