"""What becomes of each row of a sheet: a rule, the threshold, a heading, or a question."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from leadscore.rulebook.model import BehaviourRule, Case, FitRule, HandRaise, Never
from leadscore.rulebook.values import Part
from leadscore.start.sheet.agree import agreed_acts, agreed_facts, kind_of_column
from leadscore.start.sheet.amounts import Unclear
from leadscore.start.sheet.behaviour import NO_EVENT, Act, read_act
from leadscore.start.sheet.fit import OTHERS, TITLE, Fact, read_fact
from leadscore.start.sheet.rows import Row
from leadscore.start.sheet.terms import capped, together
from leadscore.start.sheet.worth import Worth, side_of, threshold_of, worth_of

# Of a row's text; what is longer is prose.
_LONGEST = 1000
_RULES: dict[str, type[Part]] = {"fit": FitRule, "case": Case, "behaviour": BehaviourRule, "never": Never}


@dataclass(frozen=True)
class Entry:
    """What has become of one row.

    Attributes
    ----------
    became : str
        fit, case (of a fit rule), behaviour, never, hand_raise, threshold, heading or todo.
    near : str
        The section in which it stands: fit, behaviour or qualify; empty if nobody can tell.
    rule : dict
        What it says in the language of rulebooks; empty for hand_raise.
    raised : dict
        What it adds to `hand_raise`.
    note : str
        What a reader should know of the rule, or why the row is unclear.
    columns : dict of column to type
    of : str
        Of a case, the name of its rule.
    turn : tuple of numbers
        Of a case, which of them is looked at first.
    """

    row: Row
    became: str
    near: str = ""
    rule: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    raised: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    of: str = ""
    turn: tuple[int, float] = (0, 0)


def read_entries(rows: Sequence[Row], decimal: str) -> list[Entry]:
    """What becomes of each row, in the order of the sheet."""
    entries: dict[int, Entry] = {}
    thresholds: dict[int, float] = {}
    facts: dict[int, tuple[Fact, Worth]] = {}
    acts: dict[int, tuple[Act, Worth]] = {}
    for at, row in enumerate(rows):
        near = ""
        try:
            if row.heading:
                entries[at] = Entry(row, "heading")
            elif len(row.text) > _LONGEST:
                raise Unclear("it is too long for one rule")
            elif (least := threshold_of(row, decimal)) is not None:
                thresholds[at] = least
            else:
                near = side_of(row)
                worth = worth_of(row, decimal)
                if near == "fit":
                    facts[at] = read_fact(row, decimal), worth
                else:
                    acts[at] = _with_terms(read_act(row), worth, decimal), worth
        except Unclear as why:
            entries[at] = Entry(row, "todo", near, note=str(why))
    entries |= _thresholds(rows, thresholds)
    entries |= _fit_entries(facts) | _behaviour_entries(acts)
    raised = next((entries[at].raised for at in sorted(entries) if entries[at].raised), {})
    return [_checked(entries[at], raised) for at in range(len(rows))]


def _checked(entry: Entry, raised: dict[str, Any]) -> Entry:
    """An entry that the language of rulebooks takes, beside what raises a hand already."""
    try:
        if entry.became in _RULES:
            _RULES[entry.became].model_validate({"name": "x"} | entry.rule)
        if entry.raised:
            HandRaise.model_validate(entry.raised)
    except ValidationError as error:
        return Entry(entry.row, "todo", entry.near, note=error.errors()[0]["msg"])
    if entry.raised and entry.raised | {"event": ""} != raised | {"event": ""}:
        return Entry(entry.row, "todo", "qualify", note="hand_raise has one period, and another row has another")
    return entry


def _thresholds(rows: Sequence[Row], found: dict[int, float]) -> dict[int, Entry]:
    """The rulebook has one threshold: that of the MQL, if the sheet has several."""
    of_mql = {at: least for at, least in found.items() if re.search(r"\bmql\b|marketing", rows[at].text, re.IGNORECASE)}
    chosen = {*(of_mql or found).values()}
    several = "the sheet names several thresholds, a rulebook has one"
    return {
        at: Entry(rows[at], "threshold", "qualify", {"threshold": least})
        if {least} == chosen
        else Entry(rows[at], "todo", "qualify", note=several)
        for at, least in found.items()
    }


def _fit_entries(found: dict[int, tuple[Fact, Worth]]) -> dict[int, Entry]:
    columns: dict[str, list[int]] = defaultdict(list)
    for at, (fact, _) in found.items():
        columns[fact.column].append(at)
    entries: dict[int, Entry] = {}
    for column, places in columns.items():
        facts = [found[at][0] for at in places]
        kind = kind_of_column(facts)
        scored = [not found[at][1].never for at in places]
        for at, agreed in zip(places, agreed_facts(facts, scored), strict=True):
            entries[at] = _fit_entry(found[at][0].row, agreed, found[at][1], {column: kind})
        if TITLE.search(column):
            entries |= _cases({at: (found[at][0], entries[at]) for at in places if entries[at].became == "fit"})
    return entries


def _cases(found: dict[int, tuple[Fact, Entry]]) -> dict[int, Entry]:
    """The rows on a title as cases of one rule: "Director & General Manager" is one title, not two.

    Deductions come first, since an intern of the VP is an intern; then what gives most, in whatever order the sheet is.
    """
    if any(fact.inverted for fact, _ in found.values()):
        return {}
    cases = {at: (fact, entry) for at, (fact, entry) in found.items() if fact.kind == "text" or fact.test == OTHERS}
    if len(cases) < 2:
        return {}
    made = {}
    for at, (fact, entry) in cases.items():
        points, case = entry.rule["points"], replace(entry, became="case", of=fact.name)
        if fact.test == OTHERS:
            made[at] = replace(case, rule={"when": {fact.column: {"known": True}}, "points": points}, turn=(2, 0))
        else:
            made[at] = replace(case, turn=(0, points) if points < 0 else (1, -points))
    return made


def _fit_entry(row: Row, fact: Fact | Unclear, worth: Worth, columns: dict[str, str]) -> Entry:
    if worth.at_once:
        fact = Unclear("only what a lead does can qualify it at once")
    elif {*worth.terms.items()} - {("count", "once")}:
        fact = Unclear("what a lead is has points once: it cannot be counted, capped or fade")
    if isinstance(fact, Unclear):
        return Entry(row, "todo", "fit", note=str(fact))
    if worth.never:
        return Entry(row, "never", "qualify", {"when": fact.condition()}, columns=columns)
    return Entry(row, "fit", "fit", {"when": fact.condition(), "points": worth.points}, fact.note, columns=columns)


def _with_terms(act: Act, worth: Worth, decimal: str) -> Act:
    if worth.points is None:
        return act
    terms = together([act.terms, worth.terms])
    return replace(act, terms=capped(terms, worth.points, decimal, in_points="cap" in worth.terms))


def _behaviour_entries(found: dict[int, tuple[Act, Worth]]) -> dict[int, Entry]:
    scored: dict[tuple[str, str], list[int]] = defaultdict(list)
    entries: dict[int, Entry] = {}
    for at, (act, worth) in found.items():
        if worth.points is None:
            entries[at] = _without_points(act, worth)
        else:
            scored[act.event, act.asset].append(at)
    agreed: dict[int, Act | Unclear] = {}
    for places in scored.values():
        agreed |= zip(places, agreed_acts([found[at][0] for at in places]), strict=True)
    gains = {at for at, (_, worth) in found.items() if (worth.points or 0) > 0}
    done = list(
        dict.fromkeys(act.event for at, act in agreed.items() if at in gains and isinstance(act, Act) and act.event)
    )
    for at, one in agreed.items():
        entries[at] = _behaviour_entry(found[at][0].row, one, found[at][1], done)
    return entries


def _without_points(act: Act, worth: Worth) -> Entry:
    asked = _asked_alone(act)
    if isinstance(asked, Unclear):
        return Entry(act.row, "todo", "qualify", note=str(asked))
    if worth.never:
        return Entry(act.row, "never", "qualify", asked)
    return Entry(act.row, "hand_raise", "qualify", raised=asked)


def _asked_alone(act: Act) -> dict[str, Any] | Unclear:
    """What `never` and `hand_raise` ask of events: they do not count them."""
    if act.band or not act.event or {*act.terms} - {"within_days", "count", "at_most"}:
        return Unclear("events are not counted here: name the event alone, and within how many days")
    return act.asked() | act.window


def _behaviour_entry(row: Row, act: Act | Unclear, worth: Worth, done: list[str]) -> Entry:
    if isinstance(act, Act) and not act.event and not done:
        act = Unclear("no row gives points for an event, so that nobody knows what activity is")
    if isinstance(act, Act) and act.band and {"half_life_days", "fade_days", "step"} & {*act.terms}:
        act = Unclear("points by how many events cannot fade")
    raised = _asked_alone(act) if isinstance(act, Act) and worth.at_once else {}
    if isinstance(act, Unclear) or isinstance(raised, Unclear):
        return Entry(row, "todo", "behaviour", note=str(act if isinstance(act, Unclear) else raised))
    rule, terms, note = act.asked(), act.terms, act.note
    if not act.event:
        rule, note = {"event": done}, "activity is the events that have points"
    if act.band == NO_EVENT:
        limits = {key: value for key, value in terms.items() if key in {"at_least", "at_most"}}
        rule = {"when": {"not": {"did": rule | act.window}}, "points": worth.points}
        return Entry(row, "behaviour", "behaviour", rule | limits, note, raised)
    if act.band:
        rule["from"] = {int(act.band.low): worth.points}
        if math.isfinite(act.band.high):
            rule["from"][int(act.band.high) + act.band.high_included] = 0
        terms = terms | {"count": "daily" if terms.get("count") == "daily" else "each"}
    else:
        rule["points"] = worth.points
        limited = {"at_most", "at_least"} & {*terms}
        terms = {"count": "each" if limited else "once"} | terms
    return Entry(row, "behaviour", "behaviour", rule | dict(sorted(terms.items())), note, raised)
