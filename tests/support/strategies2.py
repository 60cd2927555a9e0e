"""Random rulebooks over the whole of format 2, and tables that sit on their edges; beside `strategies`, for format 1.

`documents` draws valid rulebooks, `cases` a rulebook with leads, events, outcomes and a day, `frames` turns a case into
pandas tables, `in_files` moves parts of a document to files that it includes.

Every word of format 2 comes alone and beside every other with which it may stand. Vocabularies are small so that rules
hold for some rows; days lie on the edges of the document's own windows and on either side of them.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import strategies as st

from tests.support.strategies import (
    _DECAYS,
    _HALF,
    _OFTEN,
    _OMITTED,
    _SELDOM,
    DAYS,
    LAST_MOMENT,
    RULE_NAMES,
    ZONES,
    Document,
    Row,
    _as_text,
    _filled,
    _moment,
    _several,
    _text_values,
    _written,
)
from tests.support.strategies import _series as _plain_series

__all__ = ["EVENT_COLUMNS", "LEAD_COLUMNS", "Case", "cases", "documents", "frames", "in_files"]

# A document may or may not declare the first eight; no two names are within a typo of each other.
DECLARABLE = {"job_title": "text", "country": "category", "employees": "number", "consent": "boolean"}
DECLARABLE |= {"signed_on": "date", "contract_end": "date", "interests": "options", "channels": "options"}
LEAD_COLUMNS = DECLARABLE | {"email_domain": "text", "fleet": "number", "last_call": "date", "role": "category"}
LEAD_COLUMNS |= {"account.tier": "category", "account.size": "number", "created_at": "date"}
EVENT_COLUMNS = {"asset": "text", "program": "category", "amount": "number", "minutes": "number"}
EVENT_COLUMNS |= {"is_test": "boolean", "tags": "options", "at": "date"}
ACCOUNT = "account_id"

WORDS = {
    "job_title": ["cto", "director", "data", "Business Intelligence", "R&D", "n/a"],
    "country": ["US", "NO", "ß", "İstanbul"],
    "email_domain": ["rival.example", "gmail.com", ".example"],
    "role": ["Decision maker", "Champion", "User"],
    "account.tier": ["Strategic", "Target"],
    "asset": ["/pricing", "/pricing/eu", "m1", "Pricing"],
    "program": ["w1", "w2"],
    "interests": ["Pricing", "API", "Chat", "Live chat", "5"],
    "channels": ["Chat", "E-Mail", "a", "b"],
    "tags": ["a", "b", "Live chat"],
}
FIGURES = {"employees": [0, 50, 200, 0.5], "fleet": [0, 1, 1000], "account.size": [10, 99.99]}
FIGURES |= {"amount": [0, 20, -5, 4.5], "minutes": [0, 2, 10, 12.502, 0.002]}
TYPES = ["page_view", "email_click", "webinar", "Subscribe", "unsubscribe", "trial"]
STAGES = ["rejected", "recycled", "won", "mql", "sal", "contacted", "lost"]
CALENDAR = ["day", "week", "month"]
COUNTED_BY = ["asset", "program", "is_test", *CALENDAR, ["program", "day"], ["asset", "week"], ["program", "asset"]]
CONSTANTS = {"strong": 20, "weak": 5, "-strong": -10, "Größe": 8, "a month": 30, "a week": 7, "half": 50}
AS_POINTS, AS_DAYS = ["strong", "weak", "-strong", "Größe"], ["a month", "a week"]
LISTS = {"customers": ["US", "rival.example", "cto", "/pricing", "w1"], "free mail": ["gmail.com", "GMAIL.com", "w2"]}
LISTS |= {"few": ["Decision maker", "n/a", "m1", 5]}
WINDOWS = [7, 1, 2, 30, 60]
NAMES_OF_GRADES = {
    "fit": [["A", "B", "C"], ["A+", "A", "A-", "F"], ["hot", "cold"], ["Z", "Ä b"]],
    "behaviour": [[1, 2, 3], [1, 2], ["up", "down", "out"], [7, 8]],
}
_QUARTER, _RARELY = st.sampled_from([False, False, False, True]), st.sampled_from([False] * 5 + [True])


class Case(NamedTuple):
    """One scoring run: a rulebook document, the rows of the three tables, and the day.

    Rows are plain dicts; a key that a row lacks is a missing value. Moments are all with a zone or all without, per
    column. Outcomes keep their contract: none before its lead was created, one a day, in the funnel's order.
    """

    document: Document
    leads: list[Row]
    events: list[Row]
    outcomes: list[Row]
    as_of: dt.date


class Said(NamedTuple):
    """What a document has said so far, and what holds for all its rules."""

    as_of: dt.date
    constants: dict[str, float]
    lists: dict[str, list[Any]]
    conditions: dict[str, str]  # name -> where it may be used: lead, did, event or people
    whole: bool  # whole points only, so that weights leave no more than three decimals
    cells: list[str]
    types: list[str]  # few, so that rules, resets and what they follow are often of the same kind


# ------------------------------------------------------------------------------------------------------ conditions


def _number_tests(draw: st.DrawFn, options: list[Any], lowest: float) -> Any:
    """Draw whatever may test a number that is at least `lowest`, so that some number meets it."""
    one = draw(st.sampled_from(options))
    above = one + draw(st.sampled_from([1, 2, 30]))
    pair = [one, above]
    tests: list[Any] = [{"at_least": one}, {"at_most": one}, {"more_than": one}, {"is": one}, {"in": pair}]
    tests += [{"between": pair}, {"at_least": one, "at_most": above}, {"is_not": one}, {"not_in": pair}]
    tests += [{"less_than": one}] if one > lowest else []
    return draw(st.sampled_from(tests))


def _relative(draw: st.DrawFn) -> Row:
    """Draw `days_ago` or `days_ahead`, or both, which only today can meet."""
    words = draw(
        st.sampled_from([["days_ago"], ["days_ago"], ["days_ahead"], ["days_ahead"], ["days_ago", "days_ahead"]])
    )
    tests: Row = {}
    for word in words:
        options = [0, 1, 7, 30, 90]
        bare = st.sampled_from([1, 0, 7, [0, 1, 30]])
        tests[word] = draw(bare) if draw(_RARELY) else _number_tests(draw, options, 0)
    return tests


def _texts_in(draw: st.DrawFn, column: str) -> list[Any]:
    return draw(st.lists(st.sampled_from(WORDS[column]), min_size=1, max_size=3, unique_by=_as_text))


def _text_tests(draw: st.DrawFn, column: str, said: Said) -> Any:
    texts, test = (
        _texts_in(draw, column),
        draw(st.sampled_from(["is", "in", "not_in", "word", "known", "list", "list", "list", "bare"])),
    )
    if test == "list" and said.lists:
        return {"in_list": draw(st.sampled_from(sorted(said.lists)))} | ({"known": True} if draw(_RARELY) else {})
    if test == "word":
        return {draw(st.sampled_from(["has_word", "contains", "starts_with", "ends_with"])): texts}
    if test in ("is", "in", "not_in"):
        return {test: texts[0] if test == "is" else texts}
    return {"known": draw(_HALF)} if test == "known" else draw(st.sampled_from([texts, texts[0]]))


def _date_tests(draw: st.DrawFn, days: list[dt.date]) -> Row:
    pair = sorted(draw(st.lists(st.sampled_from(days), min_size=2, max_size=2)))
    tests = ["at_least", "more_than", "at_most", "less_than", "between"]
    test = draw(st.sampled_from(tests))
    return {test: pair if test == "between" else pair[0]}


def _column_tests(draw: st.DrawFn, column: str, kind: str, said: Said) -> Any:
    """Draw whatever may stand after a column's name."""
    if kind == "options":
        found: Row = {"has_option": draw(st.sampled_from([_texts_in(draw, column), WORDS[column][0]]))}
        return found | ({"known": True} if draw(_RARELY) else {})
    if kind == "date":
        near = [said.as_of - dt.timedelta(days=age) for age in (0, 1, 6, 7, 29, 30)]
        shape = draw(st.sampled_from(["relative", "relative", "day", "known", "both"]))
        if column == "at" or shape == "day":
            return _date_tests(draw, near)
        if shape == "known":
            return {"known": draw(_HALF), **_relative(draw)}
        return _relative(draw) | (_date_tests(draw, near) if shape == "both" else {})
    if kind == "boolean":
        return draw(st.sampled_from([True, False, {"is_not": True}, {"known": False}]))
    if kind == "number":
        known = st.sampled_from([{"known": True}, {"known": False}])
        return draw(known) if draw(_RARELY) else _number_tests(draw, FIGURES[column], -1e9)
    return _text_tests(draw, column, said)


def _scored_tests(draw: st.DrawFn, said: Said) -> Row:
    """Draw a test of what was just scored, for `people`."""
    column = draw(st.sampled_from(["fit", "behaviour", "total", "qualified", *(["grade"] if said.cells else [])]))
    if column == "qualified":
        return {column: draw(_HALF)}
    if column == "grade":
        return {column: draw(st.lists(st.sampled_from(said.cells), min_size=1, max_size=3, unique=True))}
    return {column: _number_tests(draw, [0, 5, 10, 20, 2.5], -1e9)}


def _did(draw: st.DrawFn, said: Said) -> Row:
    entry = _named_kind(draw, said, stages=True) if draw(_HALF) else _entry(draw, said, stages=True)
    if "event" in entry and draw(_SELDOM):
        column = draw(st.sampled_from(["minutes", "amount"]))
        return entry | {"sum": {column: _number_tests(draw, [0, 4.5, 10, 20, 0.002], -1e9)}}
    counted: Any = []
    if draw(_HALF):
        counted = draw(st.sampled_from(COUNTED_BY if "event" in entry else CALENDAR))
        entry["once_per"] = counted
    # So short a window has room for one day, week or month only, and a test of more is one that no number meets.
    few = counted in CALENDAR and "within_days" in entry
    return entry | ({"times": _times(draw, few=few)} if draw(_OFTEN) else {})


def _times(draw: st.DrawFn, *, few: bool) -> Any:
    plain = [{"at_least": 1}, {"at_most": 0}, {"is": 1}, {"less_than": 1}, {"is": 0}, {"is_not": 1}, {"in": [0, 1]}]
    return draw(st.sampled_from(plain)) if few else _number_tests(draw, [0, 1, 2, 3], 0)


def _condition(draw: st.DrawFn, said: Said, kind: str, depth: int = 2) -> Any:
    """Draw a condition of a kind: `event` for `where`; `lead`; `did`, of leads with `did`; `people`, with all."""
    shape = draw(st.sampled_from(["plain"] * 4 + ["did"] * 7 + ["named"] * 2 + ["two", "not", "not", "any", "all"]))
    usable = {"event": ["event"], "lead": ["lead"], "did": ["lead", "did"], "people": ["lead", "did", "people"]}[kind]
    named = [name for name, of in said.conditions.items() if of in usable]
    if shape == "named" and named:
        return draw(st.sampled_from(named))
    if shape == "did" and kind in ("did", "people"):
        beside = _condition(draw, said, "lead", 0) if depth and draw(_RARELY) else {}
        return {"did": _did(draw, said), **(beside if isinstance(beside, dict) else {})}
    if depth and shape == "not":
        return {"not": _condition(draw, said, kind, depth - 1)}
    if depth and shape in ("any", "all"):
        return {shape: [_condition(draw, said, kind, depth - 1) for _ in range(draw(st.integers(1, 3)))]}
    if kind == "people" and draw(_HALF):
        return _scored_tests(draw, said)
    schema = EVENT_COLUMNS if kind == "event" else LEAD_COLUMNS
    columns = draw(
        st.lists(st.sampled_from(list(schema)), min_size=1, max_size=2 if shape == "two" else 1, unique=True)
    )
    return {column: _column_tests(draw, column, schema[column], said) for column in columns}


# ---------------------------------------------------------------------------------------------------------- events


def _days(draw: st.DrawFn, said: Said) -> Any:
    usable = [name for name in AS_DAYS if name in said.constants]
    return draw(st.sampled_from(usable if usable and draw(_SELDOM) else WINDOWS))


def _named_kind(draw: st.DrawFn, said: Said, *, stages: bool) -> Row:
    """Draw which events, or which stages: `event` with perhaps a `where`, or `stage`."""
    word = "stage" if stages and draw(_SELDOM) else "event"
    names = st.sampled_from(STAGES if word == "stage" else said.types)
    entry: Row = {word: draw(st.one_of(names, st.lists(names, min_size=1, max_size=2, unique=True)))}
    return entry | ({"where": _condition(draw, said, "event", 1)} if word == "event" and draw(_QUARTER) else {})


def _other(draw: st.DrawFn, said: Said, *, window: bool) -> Any:
    """Draw what `after` and `since_last` take: a name, names, or an entry."""
    names = st.sampled_from(said.types)
    shape = draw(st.sampled_from(["name", "names", *["entry"] * (4 if window else 2)]))
    if shape != "entry":
        return draw(names if shape == "name" else st.lists(names, min_size=1, max_size=2, unique=True))
    entry = _named_kind(draw, said, stages=True)
    return entry | ({"within_days": _days(draw, said)} if window and draw(_OFTEN) else {})


def _entry(draw: st.DrawFn, said: Said, *, stages: bool = False, window: bool = True) -> Row:
    """Draw what stands wherever `event` stands."""
    entry = _named_kind(draw, said, stages=stages)
    if window and draw(_HALF):
        entry["within_days"] = _days(draw, said)
    if draw(_QUARTER):
        entry["after"] = _other(draw, said, window=True)
    if draw(_QUARTER):
        entry["since_last"] = _other(draw, said, window=False)
    return entry


# ----------------------------------------------------------------------------------------------------------- rules


def _points(draw: st.DrawFn, said: Said) -> Any:
    usable = [name for name in AS_POINTS if name in said.constants]
    if usable and draw(_SELDOM):
        return draw(st.sampled_from(usable))
    whole = st.integers(1, 20) if draw(_OFTEN) else st.integers(-20, 20)
    fine = st.sampled_from([0.001, 0.003, 0.125, 2.5, 0.25, 1.005, -0.125, 0])
    return draw(fine) if not said.whole and draw(_SELDOM) else draw(whole)


def _table(draw: st.DrawFn, said: Said, keys: list[Any]) -> Row:
    chosen = draw(st.lists(st.sampled_from(keys), min_size=1, max_size=3, unique_by=_as_text))
    return {key: _points(draw, said) for key in chosen}


def _limits(draw: st.DrawFn, said: Said) -> Row:
    """Draw limits on one side or both, in order, near enough to zero that they bite."""
    if "weak" in said.constants and draw(_RARELY):
        return {"at_most": "weak"}
    low = draw(st.integers(-10, 6)) + (0 if said.whole else draw(st.sampled_from([0, 0.5, 0.001])))
    both = {"at_least": low, "at_most": round(low + draw(st.integers(0, 20)), 3)}
    side = draw(st.sampled_from(["at_most", "at_most", "at_least", None]))
    return both if side is None else {side: both[side]}


def _each_at_most(draw: st.DrawFn, said: Said) -> Row:
    return {"each_at_most": "weak" if "weak" in said.constants and draw(_RARELY) else draw(st.integers(1, 8))}


def _weight(draw: st.DrawFn, said: Said) -> Row:
    """Three of these weights times a whole number have at most three decimals."""
    if not said.whole or draw(_HALF):
        return {}
    return {
        "weight_percent": "half"
        if "half" in said.constants and draw(_SELDOM)
        else draw(st.sampled_from([50, 20, 10, 100]))
    }


def _common(draw: st.DrawFn, said: Said) -> Row:
    """Draw what all rules may have: the days on which they hold, words for people."""
    words: Row = {"why": "Won twice as often"} if draw(_RARELY) else {}
    words |= {"owner": "Sales"} if draw(_RARELY) else {}
    if draw(_SELDOM):
        first_day = said.as_of + dt.timedelta(days=draw(st.sampled_from([0, -1, -30, 1])))
        last_day = max(first_day, said.as_of + dt.timedelta(days=draw(st.sampled_from([0, 0, -1, 30]))))
        words |= draw(st.sampled_from([{"active_from": first_day}, {"active_until": last_day}]))
        words |= {"active_from": first_day, "active_until": last_day} if draw(_HALF) else {}
    return words


def _cases(draw: st.DrawFn, said: Said, kind: str, *, event: bool, counted: Any = None) -> Row:
    """Draw cases; where the rule has an `event`, by number and window of its events, `counted` by its `once_per`."""
    few, cases = counted in CALENDAR, []
    for number in range(draw(st.integers(1, 4))):
        case: Row = {"name": f"Case {number}"} if draw(_SELDOM) else {}
        if not event or draw(_SELDOM):
            case["when"] = _condition(draw, said, kind, 1)
        if event:
            words = draw(st.sampled_from([["times"], ["within_days"], ["times", "within_days"], []]))
            words = words if words or "when" in case else ["times", "within_days"]
            case |= {"times": _times(draw, few=few)} if "times" in words else {}
            case |= {"within_days": _days(draw, said)} if "within_days" in words else {}
        cases.append(case | {"points": _points(draw, said)} | ({"why": "Because"} if draw(_RARELY) else {}))
    return {"cases": cases} | ({"other": _points(draw, said)} if draw(_HALF) else {})


def _fit_rule(draw: st.DrawFn, said: Said) -> Row:
    shape = draw(st.sampled_from(["points", "from", "when", "cases", "cases", "when"]))
    if shape == "cases":
        return _cases(draw, said, "lead", event=False)
    if shape == "when":
        return {"when": _condition(draw, said, "lead"), "points": _points(draw, said)}
    kinds = ("number", "options") if shape == "from" else ("text", "category", "boolean", "options", "options")
    of_kind = [[column for column, kind in LEAD_COLUMNS.items() if kind == wanted] for wanted in kinds]
    column = draw(st.sampled_from(draw(st.sampled_from(of_kind))))
    keys: list[Any] = WORDS.get(column) or FIGURES.get(column) or [True, False]
    if shape == "from" and LEAD_COLUMNS[column] == "options":
        keys = [1, 2, 3]
    rule: Row = {"column": column, shape: _table(draw, said, keys)}
    return rule | {key: _points(draw, said) for key in ("other", "missing") if draw(_HALF)}


def _paid_by(draw: st.DrawFn, said: Said, shape: str, *, per: bool) -> Row:
    """Draw how a rule with `event` pays: `points`, `from`, or a `sum` with either. With `per` no key of 0."""
    counts, sums = [1, 2, 3, 5, *([] if per else [0])], [0.002, 4.5, 10, 20, *([] if per else [0, -5])]
    if shape == "sum":
        paid: Row = {"sum": draw(st.sampled_from(["minutes", "amount"]))}
        if draw(_HALF):
            return paid | {"from": _table(draw, said, sums)}
        halves = st.sampled_from([0.5, 0.25, 0.125, 1.5, 0.001, -0.125])  # which make ties to be rounded
        return paid | {"points": draw(halves) if not said.whole and draw(_HALF) else _points(draw, said)}
    counted = draw(st.sampled_from(["each", "daily", "once", "once_per", "once_per", "once_per", None]))
    paid = {"count": counted} if counted and counted != "once_per" else {}
    paid |= {"once_per": draw(st.sampled_from(COUNTED_BY))} if counted == "once_per" else {}
    if shape == "from":
        return paid | {"from": _table(draw, said, counts)}
    return paid | {"points": _points(draw, said)} | (draw(_DECAYS) if draw(_HALF) else {})


def _behaviour_rule(draw: st.DrawFn, said: Said, group: Row, *, restarts: bool) -> Row:
    """Draw a behaviour rule for a group, {} for none. One with `per` has rules by event, without cases or limits."""
    shapes = ["points", "points", "from", "sum"] + (
        [] if "per" in group else ["event cases", "event cases", "when", "cases"]
    )
    shape = draw(st.sampled_from(shapes))
    if shape == "when":
        rule: Row = {"when": _condition(draw, said, "did"), "points": _points(draw, said)}
    else:
        rule = {"when": _condition(draw, said, "did")} if draw(_QUARTER) else {}
    if shape == "cases":
        rule |= _cases(draw, said, "did", event=False)
    elif shape == "event cases":
        counted = draw(st.sampled_from(COUNTED_BY)) if draw(_HALF) else None
        rule |= _entry(draw, said, window=False) | _cases(draw, said, "did", event=True, counted=counted)
        rule |= {"once_per": counted} if counted else {}
    elif shape != "when":
        own = "per" not in group and draw(_SELDOM)
        per: Row = {"per": draw(st.sampled_from(COUNTED_BY))} if own else {}
        rule |= _entry(draw, said) | _paid_by(draw, said, shape, per=own or "per" in group) | per
        rule |= _each_at_most(draw, said) if (own and draw(_OFTEN)) or ("per" in group and draw(_SELDOM)) else {}
    if "per" not in group and draw(_SELDOM):
        rule |= _limits(draw, said)
    return rule | ({"keep_on_restart": draw(_OFTEN)} if restarts and draw(_SELDOM) else {})


def _groups(draw: st.DrawFn, said: Said, names: list[str], *, per: bool) -> dict[str, Row]:
    """Draw groups of one side; a group without an entry is only a name."""
    groups = {}
    for name in names:
        group = _limits(draw, said) if draw(_OFTEN) else {}
        if per and draw(_HALF):
            group |= {"per": draw(st.sampled_from(COUNTED_BY))} | (_each_at_most(draw, said) if draw(_OFTEN) else {})
        group |= _weight(draw, said) | ({"why": "Agreed in March"} if group and draw(_RARELY) else {})
        groups[name] = group
    return groups


def _rules(draw: st.DrawFn, said: Said, names: list[str], *, restarts: bool) -> Document:
    """Draw fit rules, behaviour rules or both, some in groups; the two sides share no group."""
    of_fit, of_behaviour = _groups(draw, said, ["title"], per=False), _groups(draw, said, ["mail", "g: h"], per=True)
    found: Document = {"fit": [], "behaviour": []}
    for side, groups in (("fit", of_fit), ("behaviour", of_behaviour)):
        for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
            name = draw(st.sampled_from([None, *groups]))
            group = groups[name] if name else {}
            drawn = _fit_rule(draw, said) if side == "fit" else _behaviour_rule(draw, said, group, restarts=restarts)
            grouped: Row = {"group": name} if name else {}
            found[side].append({"name": names.pop(), **drawn, **_common(draw, said), **grouped, **_weight(draw, said)})
    if not found["fit"] and not found["behaviour"]:
        found["fit"].append({"name": names.pop(), **_fit_rule(draw, said)})
    used = {rule.get("group") for side in ("fit", "behaviour") for rule in found[side]}
    groups = {name: group for name, group in (of_fit | of_behaviour).items() if name in used and group}
    return {side: rules for side, rules in found.items() if rules} | ({"groups": groups} if groups else {})


# ----------------------------------------------------------------------------------------- what can surely be reached


class Reach:
    """A lower end of the most that can be reached, in thousandths: a checker that is exact finds no less.

    Figures are weighted; whatever is hard to say counts as the least it can be.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.groups: dict[str, Row] = document.get("groups", {})

    def figure(self, written: Any) -> float:
        return self.document.get("constants", {})[written] if isinstance(written, str) else written

    def weight(self, entry: Row) -> float:
        return self.figure(entry.get("weight_percent", 100)) / 100

    def capped(self, value: float, limits: Row) -> float:
        low, high = (limits.get(key) for key in ("at_least", "at_most"))
        value = value if low is None else max(value, self.figure(low))
        return value if high is None else min(value, self.figure(high))

    def entries(self, table: Row) -> dict[Any, float]:
        return {key: self.figure(points) for key, points in table.items()}

    def of_cases(self, rule: Row) -> float:
        return min(self.figure(one) for one in (rule.get("other", 0), *(case["points"] for case in rule["cases"])))

    def of_fit(self, rule: Row) -> float:
        if "cases" in rule:
            return self.of_cases(rule)
        if "when" in rule:
            return min(0, self.figure(rule["points"]))
        missing = {_as_text(value) for value in self.document.get("missing_values", [])}
        entries = self.entries(rule["from"] if "from" in rule else rule["points"])
        given = [points for key, points in entries.items() if "from" in rule or _as_text(key) not in missing]
        kind = LEAD_COLUMNS[rule["column"]]
        # Both truth values, or all numbers of options, leave nothing for `other`.
        full = (kind == "boolean" and len(entries) > 1) or (kind == "options" and "from" in rule)
        return max(given if full else [self.figure(rule.get("other", 0)), *given])

    def of_behaviour(self, rule: Row) -> float:
        group = self.groups.get(rule.get("group", ""), {})
        if "cases" in rule:
            most = self.of_cases(rule)
        elif "sum" in rule:
            keys = self.entries(rule.get("from", {}))
            most = min(0, *keys.values()) if keys else 0
        elif "from" in rule:
            keys = self.entries(rule["from"])
            most = min(0, *keys.values())
        else:
            most = 0 if "when" in rule else max(0, self.figure(rule["points"]))
            most = 0 if "since_last" in rule else most
        if "per" in rule or "per" in group:
            most = min(max(0, most), self.figure(rule.get("each_at_most", 1_000_000)))
            most = min(most, self.figure(group.get("each_at_most", 1_000_000)))
        return min(0, self.capped(most, rule)) if "when" in rule else self.capped(most, rule)

    def of_side(self, side: str) -> int:
        total, sums = 0.0, dict[str, float]()
        for rule in self.document.get(side, []):
            most = self.weight(rule) * (self.of_fit(rule) if side == "fit" else self.of_behaviour(rule))
            if "group" in rule:
                sums[rule["group"]] = sums.get(rule["group"], 0) + most
            else:
                total += most
        for name, most in sums.items():
            group = self.groups.get(name, {})
            each = min(most, self.figure(group.get("each_at_most", 1_000_000)))
            total += self.weight(group) * self.capped(each, group)
        limits = self.document.get("totals", {}).get(side, {})
        return int(self.weight(limits) * self.capped(total, limits) * 1000 // 1)


def _anchor(draw: st.DrawFn, said: Said) -> Row:
    """A rule without limit, so that bars can be reached."""
    return {"event": draw(st.sampled_from(said.types)), "points": draw(st.integers(5, 20)), "count": "each"}


def _bar(draw: st.DrawFn, reach: int, said: Said) -> Any:
    """Draw a bar in reach, as low as rules' own points, so that leads tie on it and some pass."""
    usable = [name for name in AS_POINTS if name in said.constants and said.constants[name] * 1000 <= reach]
    if usable and draw(_RARELY):
        return draw(st.sampled_from(usable))
    bars = [bar for bar in (0, 1_000, 2_500, 5_000, 10_000, 15_000, 20_000) if bar <= reach]
    return _written(draw(st.sampled_from([*bars, reach])))


# ------------------------------------------------------------------------------------ grades, who qualifies, accounts


def _grades(draw: st.DrawFn) -> dict[str, Row]:
    """Draw bars for the cells of one side or both; without `rest` their names are single letters or figures."""
    grades = {}
    for side in draw(st.sampled_from([["fit", "behaviour"], ["fit", "behaviour"], ["fit"], ["behaviour"]])):
        names = draw(st.sampled_from(NAMES_OF_GRADES[side]))
        bar, bars, rest = draw(st.sampled_from([20, 10, 5, 2.5])), {}, draw(_HALF)
        for name in names[:-1]:
            bars[name] = bar
            bar -= draw(st.sampled_from([10, 5, 0.5, 2.5]))
        single = str(names[-2]) in "ABC123" and str(names[-1]) in "ABC123"
        grades[side] = bars | ({names[-1]: "rest"} if rest or not single else {})
    return grades


def _cells(grades: dict[str, Row]) -> list[str]:
    """Name all cells of the grid; the name after the last where there is no `rest`."""
    sides = []
    for bars in grades.values():
        names = [str(name) for name in bars]
        sides.append(names if "rest" in bars.values() else [*names, chr(ord(names[-1]) + 1)])
    cells = [""]
    for names in sides:
        cells = [cell + name for cell in cells for name in names]
    return cells


def _labels(draw: st.DrawFn, cells: list[str]) -> Row:
    some = st.lists(st.sampled_from(cells), min_size=1, max_size=3, unique=True)
    labels: Row = {"Hot": draw(some)} | ({"Warm: 1": draw(some)} if draw(_HALF) else {})
    return labels | ({"Cold": "rest"} if draw(_HALF) else {})


def _hand_raise(draw: st.DrawFn, said: Said) -> Any:
    entries = []
    for number in range(draw(st.sampled_from([1, 1, 2]))):
        entry: Row = {"name": f"Hand {number}"} if draw(_HALF) else {}
        entry |= _entry(draw, said) | ({"when": _condition(draw, said, "did")} if draw(_HALF) else {})
        entries.append(entry)
    return entries[0] if len(entries) == 1 and draw(_HALF) else entries


def _qualify(draw: st.DrawFn, said: Said, names: list[str], reach: tuple[int, int]) -> Row:
    """Draw who qualifies: at least one bar, each of which some lead can reach."""
    needed = draw(st.sampled_from(["threshold", "threshold", "minimum_fit", "minimum_behaviour", "grades"]))
    needed = "threshold" if needed == "grades" and not said.cells else needed
    qualify: Row = {}
    for key, most in (("threshold", sum(reach)), ("minimum_fit", reach[0]), ("minimum_behaviour", reach[1])):
        if key == needed or draw(_RARELY):
            qualify[key] = _bar(draw, most, said)
    if said.cells and (needed == "grades" or draw(_RARELY)):
        qualify["grades"] = draw(st.lists(st.sampled_from(said.cells), min_size=1, max_size=4, unique=True))
    if draw(_HALF):
        qualify["hand_raise"] = _hand_raise(draw, said)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        by_event = draw(_HALF)
        entry = _entry(draw, said, stages=True) if by_event else {"when": _condition(draw, said, "did")}
        entry |= {"why": "Sales said so"} if draw(_RARELY) else {}
        qualify.setdefault("never", []).append({"name": names.pop(), **entry})
    for _ in range(draw(st.sampled_from([0, 0, 1, 2])) if "threshold" in qualify else 0):
        entry = {"when": _condition(draw, said, "did"), "threshold": _bar(draw, sum(reach), said)}
        qualify.setdefault("segments", []).append({"name": names.pop(), **entry})
    return qualify


def _account(draw: st.DrawFn, said: Said, names: list[str]) -> Row:
    """Draw how accounts score; one rule in reach gives 20, so that no threshold is too high."""
    rules: list[Row] = []
    for _ in range(draw(st.integers(1, 4))):
        word = draw(st.sampled_from(["best", "sum", "people", "people", "people"]))
        if word != "people":
            rule: Row = {word: draw(st.sampled_from(["fit", "behaviour", "total"]))}
        else:
            easy = st.sampled_from(
                [{"behaviour": {"more_than": 0}}, {"total": {"at_least": 0}}, {"role": {"known": True}}]
            )
            rule = {"people": draw(easy) if draw(_SELDOM) else _condition(draw, said, "people", 1)}
            if draw(_HALF):
                once = {"once_per": draw(st.sampled_from(["role", "role", "country", "fleet"]))} if draw(_HALF) else {}
                rule |= once | {"from": {1: _points(draw, said)} | _table(draw, said, [2, 3, 2, 0])}
            else:
                rule["points"] = _points(draw, said)
        rule |= _limits(draw, said) if draw(_SELDOM) else {}
        rules.append({"name": names.pop(), **rule} | ({"why": "Groups buy"} if draw(_RARELY) else {}))
    account: Row = {"id": ACCOUNT, "rules": rules}
    if draw(_OFTEN):
        # The least that all the other rules must take away is known roughly; this one makes up for it.
        rules.append({"name": names.pop(), "people": _scored_tests(draw, said), "points": 400})
        account["threshold"] = draw(st.sampled_from([0, 5, 20, 100]))
    return account


# ------------------------------------------------------------------------------------------------------- documents


def _said(draw: st.DrawFn, as_of: dt.date, cells: list[str]) -> tuple[Said, Document]:
    """Draw constants, lists and conditions, each using those above it."""
    chosen = st.lists(st.sampled_from(list(CONSTANTS)), max_size=5, unique=True)
    constants = {name: CONSTANTS[name] for name in draw(chosen)} if draw(_HALF) else {}
    lists = {name: LISTS[name] for name in draw(st.lists(st.sampled_from(list(LISTS)), max_size=3, unique=True))}
    types = draw(st.lists(st.sampled_from(TYPES), min_size=2, max_size=3, unique=True))
    said = Said(as_of, constants, lists, {}, draw(_SELDOM), cells, types)
    conditions: Row = {}
    names = ["target market", "no: web", "ours", "Größe"]
    for name in names[: draw(st.sampled_from([0, 0, 1, 2, 4]))]:
        kind = draw(st.sampled_from(["lead", "did", "event", "people"]))
        conditions[name] = _condition(draw, said, kind, 1)
        said.conditions[name] = kind
    parts = (("constants", constants), ("lists", lists), ("conditions", conditions))
    return said, {key: dict(part) for key, part in parts if part}


def _uses(node: Any, name: str) -> bool:
    """Whether a word or a name stands anywhere below a node, as a key or as a text."""
    if isinstance(node, dict):
        return name in node or any(_uses(part, name) for part in node.values())
    return any(_uses(part, name) for part in node) if isinstance(node, list) else node == name


def _declared(draw: st.DrawFn, document: Document) -> dict[str, Row]:
    """Declare some of the columns; those of options always, where no test says that they are."""
    columns, rules = {}, {key: part for key, part in document.items() if key != "conditions"}
    for column, kind in DECLARABLE.items():
        # A condition tells nothing of its columns where nothing uses it.
        told = [tests for tests in _tests_of(rules, column) if isinstance(tests, dict)]
        undecided = kind == "options" and _uses(document, column) and not any("has_option" in tests for tests in told)
        if draw(_SELDOM) or undecided:
            columns[column] = {"type": kind}
            if kind == "options":
                columns[column] |= draw(
                    st.sampled_from([{}, {"separator": ","}, {"separator": ";"}, {"separator": " | "}])
                )
    return columns


@st.composite
def documents(draw: st.DrawFn, as_of: dt.date | None = None) -> Document:
    """Draw valid rulebooks of format 2, without files; days in them lie about `as_of`.

    Every bar lies within what the rules can give, every test of a count has a number that meets it, and names of
    conditions, lists and constants stand only where they may, so a checker has errors to find in none of them. It may
    well have findings: what nothing uses, rules that can never fire, cells that nobody reaches.
    """
    as_of = draw(st.sampled_from(DAYS)) if as_of is None else as_of
    document: Document = {"leadscore": 2, "name": "acme"}
    zone = draw(st.sampled_from([None, *ZONES]))
    document |= {"timezone": zone} if zone else {}
    document |= {"owner": "Marketing", "why": "One page"} if draw(_RARELY) else {}
    if draw(_HALF):
        document["missing_values"] = draw(_several(["Select", "n/a", "unknown", "User", "b"]))
    grades = _grades(draw) if draw(_HALF) else {}
    said, things = _said(draw, as_of, _cells(grades) if grades else [])
    document |= things
    if draw(_HALF):
        stages = draw(st.sampled_from([["rejected", "recycled"], ["rejected"], "lost", "won"]))
        document["restart"] = {"stage": stages} if draw(_HALF) else _named_kind(draw, said, stages=False)
    start = draw(st.integers(0, len(RULE_NAMES) - 1))
    names = RULE_NAMES[start:] + RULE_NAMES[:start]
    document |= _rules(draw, said, names, restarts="restart" in document)
    if draw(_HALF):
        document.setdefault("behaviour", []).append({"name": names.pop(), **_anchor(draw, said)})
    totals = {}
    for side in ("fit", "behaviour"):
        limits = (_limits(draw, said) if draw(_RARELY) else {}) | (_weight(draw, said) if draw(_SELDOM) else {})
        totals |= {side: limits} if limits else {}
    document |= {"totals": totals} if totals else {}
    reach = Reach(document)
    document["qualify"] = _qualify(draw, said, names, (reach.of_side("fit"), reach.of_side("behaviour")))
    for bars in grades.values() if "strong" in said.constants else ():
        bars.update({name: "strong" for name, bar in bars.items() if bar == said.constants["strong"]})
    document |= {"grades": grades} if grades else {}
    document |= {"labels": _labels(draw, said.cells)} if grades and draw(_HALF) else {}
    document |= {"account": _account(draw, said, names)} if draw(_HALF) else {}
    named = [case for node in _nodes(document) for case in node.get("cases", []) if "name" in case]
    for number, case in enumerate(named):
        case["name"] = f"Case {number}"  # unique over the whole file
    columns = _declared(draw, document)
    return document | ({"columns": columns} if columns else {})


# ------------------------------------------------------------------------------------------------------------ rows


def _nodes(node: Any) -> list[Row]:
    """All mappings of a document, from the outside in; not those that declare columns."""
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    below = [found for part in parts for found in _nodes(part)]
    return [node, *below] if isinstance(node, dict) else below


def _tests_of(document: Document, column: str) -> list[Any]:
    """Whatever a document holds against a column: tests, and the tables of fit rules."""
    found = []
    for node in _nodes({key: part for key, part in document.items() if key != "columns"}):
        if column in node and "stage" not in node:
            found.append(node[column])
        if node.get("column") == column:
            found.append({"in": list(node.get("points") or node["from"])})
    return found


def _scalars(document: Document, tests: list[Any]) -> list[Any]:
    """All scalars of some tests, with the values of the lists that they name."""
    lists = document.get("lists", {})
    found = []
    for test in tests:
        parts = test.items() if isinstance(test, dict) else [("is", test)]
        for word, wanted in parts:
            if word == "in_list":
                found += lists[wanted]
            elif word in ("days_ago", "days_ahead"):
                sign = -1 if word == "days_ago" else 1
                found += [dt.timedelta(days=sign * days) for days in _scalars(document, [wanted])]
            elif word != "known":
                found += wanted if isinstance(wanted, list) else [wanted]
    return found


def _used(document: Document, schema: dict[str, str]) -> list[str]:
    """The columns of a schema that a document declares, or names anywhere."""
    rest = {key: part for key, part in document.items() if key != "columns"}
    return [column for column in schema if column in document.get("columns", {}) or _uses(rest, column)]


def _date_cells(draw: st.DrawFn, mentions: list[Any], zone: ZoneInfo, as_of: dt.date) -> list[Any]:
    """Days on and beside the edges, today and the days beside it; dates, or times with or without a zone."""
    edges = [as_of + one if isinstance(one, dt.timedelta) else one for one in mentions]
    days = [day + dt.timedelta(days=step) for day in (*edges, *edges, as_of) for step in (-1, 0, 0, 1)]
    return [*_stored(draw, days, zone), None, _OMITTED]


def _stored(draw: st.DrawFn, days: list[dt.date], zone: ZoneInfo, *, dates: bool = True) -> list[Any]:
    storage = draw(st.sampled_from(["naive", "aware", *(["date"] if dates else [])]))
    times = dt.time(), LAST_MOMENT
    return days if storage == "date" else [_moment(day, time, zone, storage) for day in days for time in times]


def _option_cells(draw: st.DrawFn, column: str, document: Document) -> list[Any]:
    """Cells with none to four boxes ticked: repeated, in other words, in disguise; or lists of them."""
    words = [str(word) for word in WORDS[column]]
    piece = st.sampled_from([*words, *words, *(f" {word.upper()} " for word in words), "Live chat", "", "n/a", "zz"])
    cells = draw(st.lists(st.lists(piece, max_size=4), min_size=3, max_size=8))
    if draw(_RARELY):
        return [*cells, None]
    separator = document.get("columns", {}).get(column, {}).get("separator", ";")
    return [*(separator.join(cell) for cell in cells), f"{separator} {separator}", None, _OMITTED]


def _number_cells(draw: st.DrawFn, column: str, mentions: list[Any]) -> list[Any]:
    """Numbers on and beside the edges; now and then numerals, in a column that is only summed up."""
    numbers = [*(one for one in mentions if not isinstance(one, bool)), *FIGURES[column]]
    beside = [round(one + step, 3) for one in numbers for step in (-1, 0, 0, 0.001)]
    odd = [0.0005, 0.0015, 4.4995, 5.5, 12.502, -50]
    if column in ("minutes", "amount") and not mentions and draw(_SELDOM):
        return ["4.5", "20", "-5", "0.002", "1e1", None, "", _OMITTED]
    return [*beside, *odd * 3, None, None, _OMITTED]


def _cells_of(
    draw: st.DrawFn, document: Document, schema: dict[str, str], as_of: dt.date
) -> dict[str, st.SearchStrategy[Any]]:
    """Per column that the document uses, the values on and beside the edges of its tests."""
    zone, cells = ZoneInfo(document.get("timezone", "UTC")), {}
    for column in _used(document, schema):
        mentions, kind = _scalars(document, _tests_of(document, column)), schema[column]
        if kind == "options":
            values = _option_cells(draw, column, document)
        elif kind == "date":
            values = _date_cells(draw, mentions, zone, as_of)
        elif kind == "boolean":
            values = [True, False, None]
        elif kind == "number":
            summed = [node["sum"] for node in _nodes(document) if "sum" in node]
            tested = [test for test in _tests_of(document, column) if {column: test} not in summed]
            values = _number_cells(draw, column, _scalars(document, tested))
        else:
            plain = [str(word) for word in WORDS[column]]
            values = plain * 4 + [None, "", _OMITTED] * 2 + _text_values(draw, [*plain, *mentions], declared=False)
        cells[column] = st.sampled_from(values)
    return cells


def _leads(draw: st.DrawFn, document: Document, as_of: dt.date) -> list[Row]:
    schema = {column: kind for column, kind in LEAD_COLUMNS.items() if column != "created_at"}
    cells = _cells_of(draw, document, schema, as_of)
    if "account" in document:
        roles = ["Decision maker", " DECISION  maker", "User", "Champion", None, _OMITTED]
        cells |= {"role": st.sampled_from(roles)} if "role" in cells else {}
        cells[ACCOUNT] = st.sampled_from(["A", " a", "A", "A", "B", "b ", None, ""])
    if _uses(document, "created_at") or draw(_OFTEN):
        tests = _scalars(document, _tests_of(document, "created_at"))
        edges = [as_of + one if isinstance(one, dt.timedelta) else one for one in tests]
        long_ago = [as_of - dt.timedelta(days=days) for days in (400, 400, 20, 0, 0, -1)]
        days = long_ago + [day + dt.timedelta(days=step) for day in edges for step in (-1, 0, 1)]
        zone = ZoneInfo(document.get("timezone", "UTC"))
        cells["created_at"] = st.sampled_from([*_stored(draw, days, zone, dates=False), None, _OMITTED])
    size = draw(st.sampled_from([3, 4, 5, 6] if "account" in document else [2, 1, 3, 4, 5]))
    return [{"lead_id": f"L-{number}", **_filled(draw, cells)} for number in range(size)]


def _ages(document: Document) -> list[int]:
    """Ages on and beside all windows of a document, alone and one after another, and where weeks and months turn."""
    constants = document.get("constants", {})
    windows = {0, 1, 2}
    for node in _nodes(document):
        if "within_days" in node:
            windows.add(constants.get(node["within_days"], node["within_days"]))
        if "step" in node:
            windows.add(node["step"]["every_days"])
    ages = {window + step for window in windows for step in (-1, 0)} | {3, 6, 8, 15, 29}
    after = {one + other + step for one in windows for other in windows for step in (-1, 0)}
    between = sorted(after) if any("after" in node for node in _nodes(document)) else []
    return [*[0, 1, 2] * 6, *sorted(ages) * 4, *between, 400]


def _moments(draw: st.DrawFn, document: Document, as_of: dt.date) -> Callable[[int], dt.datetime]:
    """Return what draws a moment of an age, for one table."""
    zone, storage = ZoneInfo(document.get("timezone", "UTC")), draw(st.sampled_from(["naive", "aware"]))
    times = st.sampled_from([dt.time(), LAST_MOMENT, dt.time(2, 30), dt.time(12)])
    return lambda age: _moment(as_of - dt.timedelta(days=age), draw(times), zone, storage)


def _events(draw: st.DrawFn, document: Document, leads: list[Row], as_of: dt.date) -> list[Row]:
    """Draw events of the types the document names, mostly; several a day."""
    schema = {column: kind for column, kind in EVENT_COLUMNS.items() if column != "at"}
    cells = _cells_of(draw, document, schema, as_of)
    named = [one for node in _nodes(document) for one in _names(node.get("event"))]
    named += [one for node in _nodes(document) for key in ("after", "since_last") for one in _names(node.get(key))]
    types = st.sampled_from([*named * 6, *(f" {name.upper()}" for name in named), *TYPES])
    # Days of tests of `at` too.
    tested = [(as_of - day).days for day in _scalars(document, _tests_of(document, "at")) if isinstance(day, dt.date)]
    ages, moment = st.sampled_from([*_ages(document), *tested, -1]), _moments(draw, document, as_of)
    ids = st.sampled_from([lead["lead_id"] for lead in leads])
    chains, events = _chains(document), list[Row]()
    for _ in range(draw(st.sampled_from([12, 5, 8, 20, 30, 40, 2, 0]))):
        # Many lie on the day of the one before, of the same lead.
        again = bool(events) and draw(_SELDOM)
        lead, age = (events[-1]["lead_id"], events[-1]["age"]) if again else (draw(ids), draw(ages))
        rows = [(draw(types), age)]
        if chains and draw(_HALF):
            # One event and the other that it follows, or that resets it, on and beside the edge between the two.
            ones, others, window = draw(st.sampled_from(chains))
            before = age + window - draw(st.sampled_from([0, 0, 1]))
            rows = [(draw(st.sampled_from(others)), before), (draw(st.sampled_from(ones)), age)]
        for kind, old in rows:
            row = {"lead_id": lead, "event": kind, "at": moment(old), "age": old}
            events.append(row | _filled(draw, cells))
    return [{key: value for key, value in event.items() if key != "age"} for event in events]


def _chains(document: Document) -> list[tuple[list[str], list[str], int]]:
    """Events that follow others or that others reset: names of the one, of the other, and the days between."""
    constants, found = document.get("constants", {}), []
    for node in _nodes(document):
        for key in ("after", "since_last"):
            other = node.get(key)
            entry = other if isinstance(other, dict) else {"event": other}
            window = entry.get("within_days", 0)
            ones, others = _names(node.get("event")), _names(entry.get("event"))
            if ones and others:
                found.append((ones, others, constants.get(window, window)))
    return found


def _names(written: Any) -> list[str]:
    """The names in `event`, `after` or `since_last`; an entry has its own `event`."""
    return [] if isinstance(written, dict) or written is None else written if isinstance(written, list) else [written]


# Each is one pass, in the funnel's order, and what ends it; `contacted` may stand anywhere.
PASSES = [["rejected"], ["recycled"], ["mql", "rejected"], ["mql", "sal", "recycled"], ["contacted", "rejected"]]
PASSES += [["lead", "mql", "lost"], ["mql", "contacted", "recycled"], ["sal", "sql", "lost"]]
LAST_PASSES = [
    [],
    [],
    ["won"],
    ["mql", "sal", "opportunity", "won"],
    ["contacted"],
    ["mql", "sal"],
    ["won", "rejected"],
]


def _outcomes(draw: st.DrawFn, document: Document, leads: list[Row], as_of: dt.date) -> list[Row]:
    """Draw what sales did: one or two passes of a lead, at most one outcome a day, none before it was created."""
    zone, moment = ZoneInfo(document.get("timezone", "UTC")), _moments(draw, document, as_of)
    named = [one for node in _nodes(document) for one in _names(node.get("stage"))]
    passes = [one for one in PASSES if set(one) & set(named)] or PASSES
    outcomes: list[Row] = []
    for lead in leads:
        created = lead.get("created_at")
        oldest = 10_000 if created is None else (as_of - _local_day(created, zone)).days
        ages = sorted({age for age in _ages(document) if age <= oldest} | ({-1} if oldest >= -1 else set()))
        stages = [stage for _ in range(draw(st.sampled_from([0, 1, 1, 2]))) for stage in draw(st.sampled_from(passes))]
        stages += draw(st.sampled_from(LAST_PASSES))
        stages = stages[: len(ages)]
        if stages:
            days = draw(st.lists(st.sampled_from(ages), min_size=len(stages), max_size=len(stages), unique=True))
            for stage, age in zip(stages, sorted(days, reverse=True), strict=True):
                outcomes.append({"lead_id": lead["lead_id"], "stage": stage, "at": moment(age)})
    return draw(st.permutations(outcomes))


def _local_day(moment: dt.datetime, zone: ZoneInfo) -> dt.date:
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()


@st.composite
def cases(draw: st.DrawFn, rulebooks: Callable[[dt.date], st.SearchStrategy[Document]] = documents) -> Case:
    """Scoring runs: a document with 1 to 6 leads, up to 30 events and their outcomes, on the document's own edges.

    Events on the first and last microsecond of a day, on both sides of each window, on the days that an `after` or a
    reset leaves open, several on a day, after `as_of`; dates on and beside each relative day; cells with several boxes;
    missing values in every spelling. `rulebooks` draws documents for a day.
    """
    as_of = draw(st.sampled_from(DAYS))
    document = draw(rulebooks(as_of))
    leads = _leads(draw, document, as_of)
    events = _events(draw, document, leads, as_of)
    return Case(document, leads, events, _outcomes(draw, document, leads, as_of), as_of)


def _series(values: list[Any], kind: str, *, categorical: bool) -> pd.Series:
    """Hold a column as pandas would; lists of options and numerals as the objects they are."""
    known = [value for value in values if value is not None]
    if any(isinstance(value, list) for value in known):
        return pd.Series(values, dtype="object")
    if kind == "number" and any(isinstance(value, str) for value in known):
        kind = "text"
    return _plain_series(values, "text" if kind == "options" else kind, categorical=categorical)


def frames(case: Case, *, categorical: bool = False) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return a case's leads, events and outcomes as pandas frames, with dtypes as `strategies.frames` has them.

    They have every column that the document declares or names, without rows too; `created_at` also if a lead has it.
    """
    document = case.document
    leads = {"lead_id": "text"} | {column: LEAD_COLUMNS[column] for column in _used(document, LEAD_COLUMNS)}
    leads |= {ACCOUNT: "category"} if "account" in document else {}
    leads |= {"created_at": "date"} if any("created_at" in lead for lead in case.leads) else {}
    events = {"lead_id": "text", "event": "text", "at": "date"}
    events |= {column: EVENT_COLUMNS[column] for column in _used(document, EVENT_COLUMNS)}
    made = []
    outcomes = {"lead_id": "text", "stage": "text", "at": "date"}
    for rows, kinds in ((case.leads, leads), (case.events, events), (case.outcomes, outcomes)):
        columns = {column: [row.get(column) for row in rows] for column in kinds}
        made.append(pd.DataFrame({c: _series(columns[c], kinds[c], categorical=categorical) for c in kinds}))
    return made[0], made[1], made[2]


# ----------------------------------------------------------------------------------------------------------- files


def _some_of(draw: st.DrawFn, part: Any) -> tuple[Any, Any]:
    """Cut a mapping or a list in two: what the file that is included has, which comes first, and what stays."""
    entries = list(part.items()) if isinstance(part, dict) else part
    at = draw(st.integers(0, len(entries)))
    cut = entries[:at], entries[at:]
    return (dict(cut[0]), dict(cut[1])) if isinstance(part, dict) else cut


@st.composite
def in_files(draw: st.DrawFn, document: Document) -> tuple[Document, dict[str, Any]]:
    """Draw the same rulebook in several files: the main document, and what it names.

    Files are a mapping of the name that the rulebook uses to a document, where it is included, or to the text of a
    list. Put together, they are the document that was given.
    """
    main, files = dict(document), {}
    lists = dict(main.get("lists", {}))
    for number, (name, values) in enumerate(lists.items()):
        if isinstance(values, list) and draw(_HALF):
            lines = [f"{value}{draw(st.sampled_from(['', '', ' ', chr(10)]))}" for value in values]
            files[f"list {number}.txt"] = "\n".join([*lines, ""])
            lists[name] = {"file": f"list {number}.txt"} | ({"why": "From the CRM"} if draw(_RARELY) else {})
    main |= {"lists": lists} if lists else {}
    included = [f"shared/{number}.yaml" for number in range(draw(st.sampled_from([1, 1, 2])))]
    for name in included:
        files[name] = {"leadscore": 2}
        for key in ("columns", "missing_values", "lists", "constants", "conditions", "fit", "behaviour", "groups"):
            if key in main and draw(_OFTEN):
                moved, stays = _some_of(draw, main.pop(key))
                files[name] |= {key: moved} if moved else {}
                main |= {key: stays} if stays else {}
    named = included if len(included) > 1 or draw(_HALF) else included[0]
    return {"leadscore": 2, "include": named, **main}, files
