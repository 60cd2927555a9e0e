"""How points count, in the words of a sheet: each time or once, up to how many, for how long, and how they fade."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from leadscore.start.sheet.amounts import PERIOD, Unclear, days, number, tidy

_EVENT = (
    "(?:time|occurrence|instance|event|action|activity|interaction|visit|view|page|page ?view|click|open|e-?mail|"
    "download|form|submission|registration|attendance|webinar|call|meeting|reply|response|message|login|share|comment|"
    "mal|besuch|klick|öffnung|aufruf|seite|formular|anmeldung|teilnahme|anruf|ereignis|aktion|aktivität)(?:s|en|e)?"
)
_PER = r"(?:(?:for |per |each |every |je |pro |jede[nrs]? )+|/ ?)"
_MOST = r"(?:max(?:imum|imal)?\.?|cap(?:ped)?|limit(?:ed)?|up to|no more than|höchstens|bis zu)(?: at| to| of)?:?"
_TOTAL = r"(?: (?:in )?total| per lead| insgesamt)?"
_POINTS = r"[-+]?[0-9][0-9.,]*"
_ENDS = r"(?:valid|expires?|expiry|gültig|verfällt|verfallen)"
_HALF = r"(?:half[- ]?life|halbwertszeit)"
_LOSES = r"(?:decays?|decay:|loses?|drops?|reduced|-)?"
_SHARE = r"(?P<share>[0-9]{1,3}(?:\.[0-9]+)?) ?%"
_FADES = r"(?:fades?|declines?|linear(?: decay)?)(?: out| linearly| to zero| to 0)*:?"

Terms = dict[str, Any]
_MEANINGS: list[tuple[str, Callable[[dict[str, str]], Terms]]] = [
    (
        r"(?:max(?:imum|imal)?\.? )?(?:once |1x? |one time |einmal )?(?:per|a|each|every|pro|am|je|/) ?(?:day|tag)",
        lambda _: {"count": "daily"},
    ),
    (r"daily|täglich", lambda _: {"count": "daily"}),
    (rf"{_PER}{_EVENT}|each|every time|jedes mal", lambda _: {"count": "each"}),
    (
        r"(?:only |count(?:s|ed)? |nur )?(?:once|one[- ]time|1x|first time|einmal|einmalig)(?: only)?",
        lambda _: {"count": "once"},
    ),
    (
        rf"{_MOST} (?P<most>{_POINTS}) ?(?:points?|pts\.?|punkte){_TOTAL}",
        lambda found: {"cap": (found["most"], "points")},
    ),
    (rf"{_MOST} (?P<most>[0-9]+) ?(?:x|times|{_EVENT}){_TOTAL}", lambda found: {"cap": (found["most"], "times")}),
    (rf"{_MOST} (?P<most>{_POINTS}){_TOTAL}", lambda found: {"cap": (found["most"], "")}),
    (
        rf"(?:points? )?{_ENDS}(?: for| in| after| nach)?:? (?P<period>{PERIOD})",
        lambda found: {"within_days": days(found["period"])},
    ),
    (rf"{_HALF}(?: of| is| von)?:? (?P<period>{PERIOD})", lambda found: {"half_life_days": days(found["period"])}),
    (rf"(?P<period>{PERIOD}) half[- ]?life", lambda found: {"half_life_days": days(found["period"])}),
    (rf"halve[sd]? every (?P<period>{PERIOD})", lambda found: {"half_life_days": days(found["period"])}),
    (
        rf"(?:points? )?{_LOSES} ?(?:by )?-?{_SHARE} ?(?:every|per|each|a|pro|alle|/) ?(?P<period>{PERIOD})",
        lambda found: {"step": {"every_days": days(found["period"]), "lose_percent": number(found["share"], ".")}},
    ),
    (
        rf"(?:points? )?{_FADES} (?:over|in|within) (?P<period>{PERIOD})",
        lambda found: {"fade_days": days(found["period"])},
    ),
]
_TERMS = [(re.compile(pattern, re.IGNORECASE), meaning) for pattern, meaning in _MEANINGS]
_IN = r"(?:in|within|during|over|innerhalb von|innerhalb|binnen|in den|der)"
_LAST = r"(?:last|past|previous|letzten?|vergangenen)"
_WINDOW = re.compile(rf"(?:{_IN} )?(?:the )?(?:{_LAST} )?(?P<period>{PERIOD})(?: window| period)?", re.IGNORECASE)
_WINDOW_BEHIND = re.compile(
    rf"(?P<before>.*?) (?:{_IN} (?:the )?(?:{_LAST} )?|(?:the )?{_LAST} )(?P<period>{PERIOD})", re.IGNORECASE
)
# What seems to say how points count.
_SEEMS = re.compile(rf"{_PER}.*|.*\b(?:decay|half[- ]?life|expir|verfall|fade|halve).*|{_MOST}.*", re.IGNORECASE)


def phrases(text: str) -> list[str]:
    """The parts of a text that stand between commas and in brackets."""
    cut = re.sub(rf"(?<=[a-z]) (?={_MOST} [-+]?[0-9])", ", ", tidy(text), flags=re.IGNORECASE)
    return [part for found in re.split(r"[;()]|,(?![0-9]{3}(?![0-9]))", cut) if (part := found.strip(" .:"))]


def term(phrase: str) -> Terms | None:
    """What one phrase says of how points count; None if it is about something else."""
    for pattern, meaning in _TERMS:
        if found := pattern.fullmatch(phrase):
            return meaning(found.groupdict())
    if found := _WINDOW.fullmatch(phrase):
        return {"within_days": days(found["period"])}
    if _SEEMS.fullmatch(phrase):
        raise Unclear(f"{phrase!r} is not a way in which a rulebook counts points")
    return None


def window_behind(text: str) -> tuple[str, Terms]:
    """A text without the period at its end, and the period."""
    found = _WINDOW_BEHIND.fullmatch(text)
    return (found["before"], {"within_days": days(found["period"])}) if found else (text, {})


def together(parts: Iterable[Terms]) -> Terms:
    """All that was said, unless it was said in two ways."""
    whole: Terms = {}
    for part in parts:
        for key, value in part.items():
            if whole.setdefault(key, value) != value:
                raise Unclear(f"{key} is given in two ways")
    return whole


def capped(terms: Terms, points: float, decimal: str, *, in_points: bool) -> Terms:
    """The terms with a cap in points; a bare number is points in a column of points, where it can be."""
    if "cap" not in terms:
        return terms
    (written, unit), rest = terms["cap"], {key: value for key, value in terms.items() if key != "cap"}
    most = number(written.lstrip("+-"), decimal)
    if not unit:
        unit = "points" if abs(points) == 1 or (in_points and most >= abs(points)) else ""
    if not unit:
        raise Unclear(f"at most {written} points, or {written} times? Write the word")
    if unit == "times":
        most *= abs(points)
    return rest | ({"at_most": most} if points > 0 else {"at_least": -most})
