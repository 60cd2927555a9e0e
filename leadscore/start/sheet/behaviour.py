"""Rows that say what a lead does: an event, how often, and how its points count."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from leadscore.start.sheet.amounts import PERIOD, Band, Unclear, days, tidy
from leadscore.start.sheet.fit import slug
from leadscore.start.sheet.rows import Row
from leadscore.start.sheet.terms import Terms, phrases, term, together, window_behind
from leadscore.start.sheet.words import BEHAVIOUR_PART, DOING, PERHAPS_BEHAVIOUR, YES

_NONE_OF = re.compile(r"(?:no|zero|without|keine?|ohne) (?P<what>.+)|(?P<still>inactiv\w*|inaktiv\w*)", re.IGNORECASE)
_ANYTHING = re.compile(
    r"(?:any |other |user |lead |sales |marketing |website |recent |new )*"
    r"(?:activit\w+|engagement|interactions?|actions?|aktivität\w*|interaktion\w*|inactiv\w*|inaktiv\w*)",
    re.IGNORECASE,
)
_IDLE_FOR = re.compile(
    rf" ?\b(?:in|within|for|since|over|more than|after|seit|in den|länger als)?(?: ?the)?(?: ?last| ?past| ?letzten)?"
    rf" ?(?:>=?)? ?(?P<period>{PERIOD})(?: ?\+| or more| of)?",
    re.IGNORECASE,
)
_OFTEN = (
    r"(?P<op>at least |min\.? |more than |less than |fewer than |mindestens |mehr als |weniger als |>=? ?|<=? ?)?"
    r"(?P<low>[0-9]{1,6})(?: ?- ?(?P<high>[0-9]{1,6}))?(?P<plus> ?\+| or more| oder mehr)?(?P<times> ?x| times| mal)?"
)
_COUNTED = re.compile(rf"(?P<before>.*?)(?:^|(?<= )){_OFTEN}(?= |$)(?P<behind>.*)", re.IGNORECASE)
# What counts something else than events.
_NO_COUNT = re.compile(
    r"\b(?:time|duration|minutes?|mins?|seconds?|secs?|hours?|days?|rate|max(?:imum)?|min(?:imum)?|decay|recency|ago|per|each|every|score|length|depth|amount|value|dauer|minuten|"
    r"(?:in|per) (?:one|an?|each|the same|a? ?single) (?:session|visit|day))\b|[%$€£]",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"\b(?:multiple|several|repeated\w*|frequent\w*|many|some|recent\w*|regular\w*|few|high|low|mehrere|mehrfach|häufig|"
    r"oft|etc|e\.g|usw)\b|\.\.\.|…",
    re.IGNORECASE,
)
_TWO = re.compile(r"\b(?:and|und|but|aber|then|if|when|unless|wenn)\b| [&+] |\bAND\b", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|didn't|hasn't|haven't|never|nicht|doesn't|don't)\b", re.IGNORECASE)
_ASSET = re.compile(
    r"(?P<path>(?:https?://|www\.|/)[\w./-]+)"
    r"|(?:url|page|link|asset|path|seite)s? (?:contains?|includes?|enthält|starts with|beginnt mit) "
    r"[\"']?(?P<part>[\w./-]+)[\"']?",
    re.IGNORECASE,
)
_PAGE_WITH = re.compile(
    r" (?:the )?(?:urls?|pages?|paths?)?(?: (?:contain|includ)(?:s|ing|es)| with| is)? ?$", re.IGNORECASE
)
_LONGEST = 8
NO_EVENT = Band(0, 0)


@dataclass(frozen=True)
class Act:
    """What a row says of one kind of event.

    Attributes
    ----------
    event : str
        Its name, made of the words of the row; empty for any activity.
    band : Band or None
        How many events the row asks for; None if it does not count them.
    terms : dict
        How its points count.
    note : str
        What a reader should know of it.
    """

    row: Row
    event: str
    asset: str
    band: Band | None
    terms: Terms
    note: str = ""

    def asked(self) -> dict[str, Any]:
        """What the rule asks of events, in the language of rulebooks."""
        return {"event": self.event} | ({"where": {"asset": {"contains": self.asset}}} if self.asset else {})

    @property
    def window(self) -> Terms:
        """Within how many days; empty if it does not say."""
        return {key: days for key, days in self.terms.items() if key == "within_days"}


def read_act(row: Row) -> Act:
    """What a row says of events.

    Raises
    ------
    Unclear
        If it names no event, or what it says could mean several things.
    """
    counts = _count_alone(row)
    said: list[Terms] = []
    words: list[str] = []
    asset = ""
    for phrase in _phrases(row, counted=counts is not None):
        if (found := _ASSET.fullmatch(phrase)) and not asset:
            asset = found["path"] or found["part"]
        elif (meaning := term(phrase)) is not None:
            said.append(meaning)
        elif not re.fullmatch(YES, phrase, re.IGNORECASE):
            words.append(phrase)
    text, window = window_behind(" ".join(words))
    if not asset:
        text, asset = _path_within(text)
    if len(text.split()) == 1 and not BEHAVIOUR_PART.search(row.category) and PERHAPS_BEHAVIOUR.search(row.category):
        # "Opened", under "Email".
        text = f"{row.category} {text}"
    if _NONE_OF.search(text):
        return _idle(row, text, together([*said, window]), asset)
    if not counts:
        text, counts = _count_within(text)
    _check(text)
    return Act(row, _event(text), asset, counts, together([*said, window]))


def _path_within(text: str) -> tuple[str, str]:
    """A text without the path of a page that it names, and the path."""
    paths = re.findall(r"(?<!\S)/[\w./-]+", text)
    if len(paths) > 1:
        raise Unclear("it names several pages: write a row for each")
    if not paths:
        return text, ""
    before, _, behind = text.partition(paths[0])
    return f"{_PAGE_WITH.sub('', before)}{behind}".strip(), paths[0]


def _phrases(row: Row, *, counted: bool) -> list[str]:
    """The phrases of the cells; of those that say nothing of points, a cell has one, and one in brackets."""
    cells = [row.attribute] if counted else [row.attribute, row.criteria]
    found: list[str] = []
    for cell in cells if any(cells) else [row.category]:
        text = re.sub(r"\s*[\r\n]+\s*(?!\()", ", ", cell.strip())
        outside, inside = phrases(re.sub(r"\([^()]*\)", " ", text)), phrases(" ".join(re.findall(r"\([^()]*\)", text)))
        if any(
            sum(not _ASSET.fullmatch(phrase) and term(phrase) is None for phrase in part) > 1
            for part in (outside, inside)
        ):
            raise Unclear("it names several things: write a row for each")
        found += [*outside, *inside]
    return found


def _count_alone(row: Row) -> Band | None:
    """How many events a cell of its own asks for: "Page views" and ">= 5"."""
    band = Band.read(row.criteria, ".") if row.attribute and row.criteria else None
    if band is None:
        return None
    if _NO_COUNT.search(row.attribute):
        raise Unclear(f"{row.attribute!r} is not a number of events")
    if band.exact:
        raise Unclear(f"{row.criteria!r}: write '{row.criteria}+' if more count too, or 'each'")
    return _whole(band)


def _whole(band: Band) -> Band:
    """The band from its first whole number to its last."""
    if not all(math.isinf(end) or float(end).is_integer() for end in (band.low, band.high)):
        raise Unclear("events are counted in whole numbers")
    low = 0 if math.isinf(band.low) else band.low + (not band.low_included)
    return Band(low, band.high - (not band.high_included))


def _count_within(text: str) -> tuple[str, Band | None]:
    """A text without the number of events it asks for, and that number."""
    for found in _COUNTED.finditer(text):
        before, behind = found["before"].strip(), found["behind"].strip()
        certain = found["op"] or found["high"] or found["plus"] or found["times"]
        of_many = re.match(r"[^\W\d_]+(?:s|en)\b", behind) and (not before or DOING.fullmatch(before))
        if _NO_COUNT.match(behind) or not (certain or of_many):
            continue
        op = (found["op"] or "").strip()
        if found["high"]:
            band = Band(int(found["low"]), int(found["high"]))
        else:
            band = Band.read(f"{op} {found['low']}" if op else f"{found['low']}+", ".") or Band()
        return f"{before} {behind}".strip(), _whole(band)
    return text, None


def _idle(row: Row, text: str, terms: Terms, asset: str) -> Act:
    """A row that speaks of leads who did not do something."""
    if found := _IDLE_FOR.search(text):
        terms = together([terms, {"within_days": days(found["period"])}])
        text = " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())
    none = _NONE_OF.fullmatch(text)
    what = (none["what"] or none["still"]) if none else ""
    if not what or "within_days" not in terms or {*terms} - {"within_days"} or asset:
        raise Unclear("it does not say what did not happen, within how many days")
    if _ANYTHING.fullmatch(what):
        return Act(row, "", "", NO_EVENT, terms)
    _check(what)
    if re.search("[0-9]", what):
        raise Unclear(f"{what!r} did not happen: how many of them, and of what?")
    return Act(row, _event(what), "", NO_EVENT, terms)


def _event(text: str) -> str:
    return slug(re.sub(r"\b(?:an?|the)\b", " ", text, flags=re.IGNORECASE)) or slug(text)


def _check(text: str) -> None:
    """Refuse what is more than the name of an event."""
    if _NOT.search(text):
        raise Unclear("what did not happen is no event: write 'No ... in 30 days'")
    if _VAGUE.search(text):
        raise Unclear("how many is not said: write a number, such as '3+ visits in 7 days'")
    if _TWO.search(text):
        raise Unclear("it asks for two things at once: write a row for each")
    if re.search(r"[<>=%*?{}\[\]\\^~]|[0-9] ?\+", tidy(text)) or _NO_COUNT.search(text):
        raise Unclear(f"{text!r} is not the name of an event")
    if re.search(r"\b[0-9]+ [^\W\d_]+s\b|\b(?:in|of|within) [0-9]", text):
        raise Unclear(f"{text!r}: how many, of what? Write it as '3+ visits in 7 days'")
    if not slug(text) or len(text.split()) > _LONGEST or len(text) > 100:
        raise Unclear("it is no event in a few words" if slug(text) else "it names no event")
