"""Shared hypothesis kit: random rulebooks over the whole of format 1, and tables that sit on their edges.

For tests only, those of `leadscore` and those of your own pipeline; it needs `hypothesis`. `documents` draws valid
rulebooks, `cases` a rulebook with leads, events and a day, `frames` turns a case into the two pandas tables.

All documents draw their columns from one small schema, `LEAD_COLUMNS` and `EVENT_COLUMNS`, so that tests and data
agree in kind. Rows are hostile on purpose: made from the document's own words, cut points and windows, dressed up or
moved one step beside the edge. They are not samples of real leads; measure nothing with them.
"""

import datetime as dt
import math
import unicodedata
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import strategies as st

__all__ = ["EVENT_COLUMNS", "LEAD_COLUMNS", "Case", "cases", "documents", "frames"]

Document = dict[str, Any]
Row = dict[str, Any]

# A document may or may not declare these; no two names are within a typo of each other.
DECLARABLE = {"job_title": "text", "seniority": "category", "country": "category", "Größe": "category"}
DECLARABLE |= {"employees": "number", "revenue": "number", "consent": "boolean", "signed_on": "date"}
# The last four are never declared: the data's kind decides the kind of the test.
LEAD_COLUMNS = DECLARABLE | {"email_domain": "text", "fleet": "number", "vip": "boolean", "last_call": "date"}
EVENT_COLUMNS = {"asset": "text", "amount": "number", "is_test": "boolean", "held_on": "date"}

NUMBERS = [0, 1, 50, 200, 1000, -1, 0.5, 0.1, 99.99, -3.5, 1e9]
# Days on which clocks change in the zones below, a leap day, the turn of a year.
CHANGES = ["2026-03-08", "2025-11-02", "2026-03-29", "2025-10-26", "2026-04-05", "2025-09-28"]
DAYS = [dt.date.fromisoformat(day) for day in (*CHANGES, "2024-02-29", "2026-01-01", "2026-06-30")]
# What tests and points tables hold against a column: days as YAML dates and as quoted text; not only text against a
# text column, since YAML gives 5 and true as they are.
POOLS: dict[str, list[Any]] = {"number": NUMBERS, "boolean": [True, False], "date": [*DAYS, *CHANGES]}
SCALARS = {column: POOLS.get(kind, []) for column, kind in (LEAD_COLUMNS | EVENT_COLUMNS).items()} | {
    "job_title": ["cto", "director", "data", "Business Intelligence", "R&D", "Straße", "coordinator", "n/a", "É"],
    "seniority": ["C-level", "VP", "Director", "Manager", "unknown", "VICE PRESIDENT"],
    "country": ["US", "NO", "GB", "Türkiye", "İstanbul", "ß"],
    "Größe": ["S", "M", "groß", 5, 42.0, 5.5, True, False, "7"],
    "email_domain": ["rival.example", "gmail.com", ".example", "Rival"],
    "asset": ["/pricing", "/pricing/eu", "/blog data", "Pricing", "ﬁnance", "5"],
}
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Europe/Berlin"]
FULL_WIDTH = {code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)}  # for str.translate; NFKC undoes it
EVENT_TYPES = ["page_view", "email_click", "Demo Request", "unsubscribe", "webinar", "Page_View"]
EVENT_TYPES.append("demo  request".translate(FULL_WIDTH))
MISSING_VALUES = ["", "Select", "unknown", "n/a", "  N/A ", "M", "US", "5", "\u200b"]
# Each needs care in YAML, in SQL or in a frame; no two are the same after normalising.
RULE_NAMES = [
    *("Pricing page", "Größe", "a: b", "it's", 'say "hi"', "yes", "null", "42", "1e3", "- dash", "# hash", "{curly}"),
    *("[list]", "~tilde", "@at", "&amp", "*star", "100 %", "2026-03-02", "limit totals.fit", "total", "名前", "a\\b"),
    *("x,y", "'quoted", "?", "!bang", "|pipe"),
]
GROUPS = ["title", "Größe"], ["email", "g: h"]
LAST_MOMENT = dt.time(23, 59, 59, 999999)
MOST = 1_000_000_000  # thousandths: the largest points a file may hold


class Case(NamedTuple):
    """One scoring run: a rulebook document, the rows of both tables, and the day.

    Rows are plain dicts; a key that a row lacks is a missing value. `at`, `created_at` and dates held as times are
    all with a zone or all without, per column.
    """

    document: Document
    leads: list[Row]
    events: list[Row]
    as_of: dt.date


def _as_text(value: Any) -> str:
    """Return the normalised text by which one scalar of the rulebook is told from another."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def _several(options: list[Any]) -> st.SearchStrategy[list[Any]]:
    """One to three of them, different after normalising."""
    return st.lists(st.sampled_from(options), min_size=1, max_size=3, unique_by=_as_text)


def _column_tests(column: str, kind: str) -> st.SearchStrategy[Any]:
    """Whatever may stand after a column's name: a bare value, a list, one test, or two that must both hold."""
    one, several = st.sampled_from(SCALARS[column]), _several(SCALARS[column])
    wanted: dict[str, st.SearchStrategy[Any]] = {"known": st.booleans()}
    if kind != "date":
        wanted |= {"is": one, "is_not": one, "in": several, "not_in": several}
    if kind in ("text", "category"):
        texts = [scalar for scalar in SCALARS[column] if isinstance(scalar, str)]
        either = st.one_of(st.sampled_from(texts), _several(texts))
        wanted |= {"has_word": either, "contains": either, "starts_with": either, "ends_with": either}
    if kind in ("number", "date"):
        ends = st.lists(one, min_size=2, max_size=2)
        between = ends.map(lambda ends: sorted(ends, key=float if kind == "number" else str))
        wanted |= {"at_least": one, "more_than": one, "at_most": one, "less_than": one, "between": between}
    pair = st.one_of([st.tuples(st.just(test), values) for test, values in wanted.items()])
    tests = st.lists(pair, min_size=1, max_size=2, unique_by=lambda pair: pair[0]).map(dict)
    # A bare value means `is`, which days do not have.
    return tests if kind == "date" else st.one_of(tests, tests.map(dict), tests.map(dict), one, several)


_TESTS = {column: _column_tests(column, kind) for column, kind in (LEAD_COLUMNS | EVENT_COLUMNS).items()}
_SHAPES = st.sampled_from(["plain"] * 5 + ["two", "not", "not", "any", "all", "beside"])


def _condition(draw: st.DrawFn, schema: dict[str, str], depth: int = 2) -> Row:
    """Draw tests on one or two columns, nested in `any`, `all` and `not` up to `depth`."""
    shape = draw(_SHAPES) if depth else "plain"
    if shape == "not":
        return {"not": _condition(draw, schema, depth - 1)}
    if shape in ("any", "all"):
        return {shape: [_condition(draw, schema, depth - 1) for _ in range(draw(st.integers(1, 3)))]}
    columns = draw(st.lists(st.sampled_from(list(schema)), min_size=1, max_size=2 if shape == "two" else 1))
    condition = {column: draw(_TESTS[column]) for column in columns}
    if shape == "beside":
        inner = _condition(draw, schema, depth - 1)
        condition |= {"not": inner} if draw(st.booleans()) else {"any": [inner, _condition(draw, schema, 0)]}
    return condition


def _written(thousandths: int) -> float:
    """Thousandths as a file has them: whole points without a decimal point."""
    return thousandths // 1000 if thousandths % 1000 == 0 else thousandths / 1000


# Mostly whole and positive, so that bars are reached; small odd thousandths make ties for half-even rounding.
_ODD = st.sampled_from([0, 0.001, 0.003, 0.005, 0.125, 2.5, 10.0, 1.005, -0.001, -0.125, -99_999.999, 1_000_000])
_POINTS = st.one_of(st.integers(1, 40), st.integers(-20, 40), st.integers(-20_000, 40_000).map(_written), _ODD)
_STEPS = st.tuples(st.sampled_from([1, 2, 7, 30]), st.sampled_from([10, 25, 33.3, 50, 100, 0]))
_DECAYS = st.one_of(
    st.sampled_from([7, 14, 2, 1, 0.1, 0.5, 30.5, 365]).map(lambda days: {"half_life_days": days}),
    st.sampled_from([7, 10, 30, 1, 0.5, 2.5, 90]).map(lambda days: {"fade_days": days}),
    _STEPS.map(lambda step: {"step": {"every_days": step[0], "lose_percent": step[1]}}),
)
_REQUIRED = {"required": st.sampled_from(["no", "handoff", "capture"])}
_DECLARED = {
    column: st.fixed_dictionaries({"type": st.just(kind)}, optional=_REQUIRED) for column, kind in DECLARABLE.items()
}
_COLUMNS: st.SearchStrategy[Row] = st.one_of(
    st.fixed_dictionaries({}, optional=_DECLARED), st.fixed_dictionaries(_DECLARED), st.just({})
)
_OFTEN, _HALF, _SELDOM = st.sampled_from([True, True, False]), st.booleans(), st.sampled_from([False, False, True])
_RULE_COUNTS = st.sampled_from([1, 2, 3, 4, 5, 0])


def _limits(draw: st.DrawFn) -> Row:
    """Draw limits on one side or both, in order, near enough to zero that they bite."""
    low = round(draw(st.integers(-20, 12)) + draw(st.sampled_from([0, 0, 0.5, 0.001])), 3)
    both = {"at_least": low, "at_most": round(low + draw(st.integers(0, 30)), 3)}
    side = draw(st.sampled_from(["at_most", "at_least", None]))
    return both if side is None else {side: both[side]}


def _fit_rule(draw: st.DrawFn) -> Row:
    shape = draw(st.sampled_from(["points", "from", "when"]))
    if shape == "when":
        return {"when": _condition(draw, LEAD_COLUMNS), "points": draw(_POINTS)}
    kinds = ("number",) if shape == "from" else ("text", "category", "number", "boolean")
    column = draw(st.sampled_from([column for column, kind in LEAD_COLUMNS.items() if kind in kinds]))
    keys = draw(_several(SCALARS[column]))
    if shape == "from" and draw(_OFTEN):
        keys = sorted(keys)  # their order means nothing, though most people sort them
    rule = {"column": column, shape: {key: draw(_POINTS) for key in keys}}
    return rule | {key: draw(_POINTS) for key in ("other", "missing") if draw(_HALF)}


def _event_entry(draw: st.DrawFn) -> Row:
    """Draw what a behaviour rule, a `never` by event and a hand-raise share: event, where, window."""
    types = st.sampled_from(EVENT_TYPES)
    entry: Row = {"event": draw(st.one_of(types, st.lists(types, min_size=1, max_size=3)))}
    if draw(_HALF):
        entry["where"] = _condition(draw, EVENT_COLUMNS, 1)
    if draw(_HALF):
        entry["within_days"] = draw(st.sampled_from([7, 2, 1, 30, 60]))
    return entry


def _behaviour_rule(draw: st.DrawFn) -> Row:
    rule = _event_entry(draw)
    count = draw(st.sampled_from(["each", "daily", "once", None]))
    rule |= {"count": count} if count else {}
    if draw(_SELDOM):
        keys = draw(st.lists(st.sampled_from([1, 2, 3, 0, 5]), min_size=1, max_size=3, unique=True))
        rule["from"] = {key: draw(_POINTS) for key in keys}
    else:
        rule["points"] = draw(_POINTS)
        rule |= draw(_DECAYS) if draw(_OFTEN) else {}
    return rule | (_limits(draw) if draw(_SELDOM) else {})


def _rules(draw: st.DrawFn, names: list[str]) -> Document:
    """Draw fit rules, behaviour rules or both, some in groups; the two sides share no group."""
    fit = [_fit_rule(draw) for _ in range(draw(_RULE_COUNTS))]
    behaviour = [_behaviour_rule(draw) for _ in range(draw(_RULE_COUNTS))]
    rules = {"fit": fit if fit or behaviour else [_fit_rule(draw)], "behaviour": behaviour}
    document: Document = {}
    for side, groups in zip(rules, draw(st.permutations(GROUPS)), strict=True):
        for rule in rules[side]:
            group = draw(st.sampled_from([None, *groups]))
            grouped = {"group": group} if group else {}
            document.setdefault(side, []).append({"name": names.pop(), **rule, **grouped})
    return document


def _capped(value: int, limits: Row) -> int:
    low: float = limits.get("at_least", -math.inf)
    high: float = limits.get("at_most", math.inf)
    return round(min(max(value, low * 1000), high * 1000))


def _rule_reach(rule: Row, missing: set[str]) -> int:
    """Thousandths that some lead surely gets from this rule: never above the upper bound a checker would find."""
    best: float
    if "when" in rule:
        best = max(0, rule["points"])
    elif "column" in rule:
        table: Row = rule["from"] if "from" in rule else rule["points"]
        given = [points for key, points in table.items() if "from" in rule or _as_text(key) not in missing]
        # Both truth values listed leave nothing for `other`.
        full = LEAD_COLUMNS[rule["column"]] == "boolean" and len(table) > 1
        best = max(given if full else [rule.get("other", 0), *given])
    elif "from" in rule:
        most = {"each": math.inf, "daily": rule.get("within_days", math.inf), "once": 1}[rule.get("count", "daily")]
        given = [points for key, points in rule["from"].items() if key <= most]
        best = max(given if 0 in rule["from"] else [0, *given])
    else:
        # With decay only today's value is sure; 20 events on one day, or 30 days running, are in anyone's reach.
        decays = "half_life_days" in rule or "fade_days" in rule or "step" in rule
        days = 1 if decays else min(rule.get("within_days", 30), 30)
        best = max(0, rule["points"] * {"each": 20, "daily": days, "once": 1}[rule.get("count", "daily")])
    return _capped(round(best * 1000), rule)


def _side_reach(document: Document, side: str) -> int:
    """Return the interval arithmetic of rules, groups and totals, upper ends only."""
    missing = {_as_text(value) for value in document.get("missing_values", [])}
    total, groups = 0, dict[str, int]()
    for rule in document.get(side, []):
        reach = _rule_reach(rule, missing)
        if "group" in rule:
            groups[rule["group"]] = groups.get(rule["group"], 0) + reach
        else:
            total += reach
    total += sum(_capped(reach, document.get("groups", {}).get(group, {})) for group, reach in groups.items())
    return min(_capped(total, document.get("totals", {}).get(side, {})), MOST)


def _bar(draw: st.DrawFn, reach: int, points: list[float]) -> float:
    """Draw a bar in reach: what one rule gives, so that leads tie on it, or the very most, or a usual one."""
    given = [round(value * 1000) for value in points if value > 0]
    bars = [bar for bar in (*given, *given, 5_000, 10_500, 20_000, 0) if bar <= reach]
    return _written(draw(st.sampled_from([*bars, reach])))


def _qualify(draw: st.DrawFn, names: list[str], reach: tuple[int, int], points: list[float]) -> Row:
    """Draw who qualifies, with bars at or below what the rules can give."""
    total = min(sum(reach), MOST)
    qualify: Row = {"threshold": _bar(draw, total, points)}
    for key, most in (("minimum_fit", reach[0]), ("minimum_behaviour", reach[1])):
        qualify |= {key: _bar(draw, most, points)} if draw(_HALF) else {}
    if draw(_HALF):
        qualify["hand_raise"] = _event_entry(draw)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        entry = {"when": _condition(draw, LEAD_COLUMNS)} if draw(_HALF) else _event_entry(draw)
        qualify.setdefault("never", []).append({"name": names.pop(), **entry})
    for _ in range(draw(st.sampled_from([0, 1, 2]))):
        entry = {"when": _condition(draw, LEAD_COLUMNS), "threshold": _bar(draw, total, points)}
        qualify.setdefault("segments", []).append({"name": names.pop(), **entry})
    return qualify


def _grades(draw: st.DrawFn, reach: tuple[int, int], points: list[float]) -> Row:
    grades: Row = {}
    for side, most, keys in (("fit", reach[0], "ABC"), ("behaviour", reach[1], (1, 2, 3))):
        if draw(_OFTEN):
            bar, bars = round(_bar(draw, most, points) * 1000), {}
            for key in keys[: draw(st.integers(1, 3))]:
                bars[key] = _written(bar)
                bar -= draw(st.sampled_from([5_000, 10_000, 500, 1]))
            grades[side] = bars
    return grades


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw valid rulebook documents of format 1: dicts, lists and scalars as YAML would give them.

    They range over the whole language: every test on every kind of column, declared or not; nested conditions; points
    tables, `from` tables and conditions; each, daily and once, windows and all three decays; limits of rules, groups
    and totals; `never`, hand-raise, segments, minimums and grades; names that need quotes. Names are unique, limits in
    order, and every bar lies within what the rules can give, so a checker has errors to find in none of them. It may
    well have findings: rules that can never fire, groups without a rule, shadowed segments.
    """
    document: Document = {"leadscore": 1, "name": draw(st.sampled_from(["acme", "Größe: 1"])), "version": "2026-03"}
    zone, columns = draw(st.sampled_from([None, *ZONES])), draw(_COLUMNS)
    document |= ({"timezone": zone} if zone else {}) | ({"columns": columns} if columns else {})
    if draw(_SELDOM):
        document["agreement"] = {"agreed_on": dt.date(2026, 3, 2), "agreed_by": ["Sales"], "review_every_days": 30}
    if draw(_OFTEN):
        document["missing_values"] = draw(_several(MISSING_VALUES))
    start = draw(st.integers(0, len(RULE_NAMES) - 1))
    names = RULE_NAMES[start:] + RULE_NAMES[:start]
    document |= _rules(draw, names)

    rules = [*document.get("fit", []), *document.get("behaviour", [])]
    named = sorted({rule.get("group", "no rule's") for rule in rules})
    groups = {group: _limits(draw) for group in named if draw(_OFTEN)}
    totals = {side: _limits(draw) for side in ("fit", "behaviour") if draw(_SELDOM)}
    document |= {key: limits for key, limits in (("groups", groups), ("totals", totals)) if limits}

    reach = _side_reach(document, "fit"), _side_reach(document, "behaviour")
    tables = [rule.get("from", rule.get("points")) for rule in rules]
    points = [value for table in tables for value in (table.values() if isinstance(table, dict) else [table])]
    document["qualify"] = _qualify(draw, names, reach, points)
    if not all(isinstance(value, str) for value in _mentions(document, DECLARABLE).get("Größe", [])):
        # Undeclared, 5 and true would ask for a column of numbers or booleans.
        document["columns"] = {"Größe": {"type": "category"}} | columns
    grades = _grades(draw, reach, points) if draw(_HALF) else {}
    return document | ({"grades": grades} if grades else {})


def _scalars(node: Any) -> list[Any]:
    """All scalars below a node of the document."""
    parts = list(node.values()) if isinstance(node, dict) else node
    return [scalar for part in parts for scalar in _scalars(part)] if isinstance(parts, list) else [parts]


def _mentions(document: Document, schema: dict[str, str]) -> dict[str, list[Any]]:
    """Per column of `schema` that the document declares or tests, the scalars its rules hold against it."""
    found: dict[str, list[Any]] = {column: [] for column in schema if column in document.get("columns", {})}

    def walk(node: Any) -> None:
        for key, part in node.items() if isinstance(node, dict) else ():
            if key == "column" and part in schema:
                found.setdefault(part, []).extend(node.get("from") or node["points"])
            elif key in schema:
                found.setdefault(key, []).extend(_scalars(part))
            else:
                walk(part)
        for part in node if isinstance(node, list) else ():
            walk(part)

    walk([document.get(part) for part in ("fit", "behaviour", "qualify")])
    return found


def _dressed(text: str) -> list[str]:
    """Return the text itself, in disguises that normalising sees through, and in company that changes the answer."""
    same = [text.upper(), text.translate(FULL_WIDTH), unicodedata.normalize("NFD", text), f"\u00a0{text} "]
    same += [text.replace(" ", "\u3000  "), text.replace("ß", "ẞ"), text.replace("ß", "SS")]
    beside = [f"senior {text}", f"{text}-ops", f"x{text}", f"{text}x", f"{text}\u0301", text[:-1]]
    return [text, text, text, *same, *beside]


_OMITTED = object()  # stands for a key that the row lacks
_ODD_TEXTS = [None, _OMITTED, "", " \u2003", "\u200b", "SELECT ", "N/A".translate(FULL_WIDTH), "unKnown", "nan", "vp x"]


def _text_values(draw: st.DrawFn, mentions: list[Any], *, declared: bool) -> list[Any]:
    # A declared text column may arrive as whole numbers or booleans; undeclared, those would be another kind.
    storage = draw(st.sampled_from(["text"] * 6 + ["whole", "boolean"])) if declared else "text"
    if storage != "text":
        return [5, 5, 42, 7, 0, None] if storage == "whole" else [True, False, None]
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in mentions]
    return [dressed for text in texts for dressed in _dressed(text)] + _ODD_TEXTS


def _number_values(draw: st.DrawFn, mentions: list[Any]) -> list[Any]:
    numbers = [value for value in mentions if not isinstance(value, bool)]
    whole = [near for value in numbers if isinstance(value, int) for near in (value - 1, value, value, value + 1)]
    if draw(_SELDOM):
        return [0, 7, *whole]
    near = [math.nextafter(value, toward) for value in numbers for toward in (-math.inf, math.inf)]
    return [*whole, *numbers, *numbers, *near, -0.0, 3, math.inf, -math.inf, math.nan, None, _OMITTED]


def _moment(day: dt.date, time: dt.time, zone: ZoneInfo, storage: str) -> dt.datetime:
    """Wall-clock time in the rulebook's zone, held with a zone (UTC) or without."""
    local = dt.datetime.combine(day, time)
    return local if storage == "naive" else local.replace(tzinfo=zone).astimezone(dt.UTC)


def _date_values(draw: st.DrawFn, mentions: list[Any], zone: ZoneInfo) -> list[Any]:
    days = [dt.date.fromisoformat(str(value)) for value in mentions if not isinstance(value, bool)] or DAYS[:2]
    days = [day + dt.timedelta(days=step) for day in days for step in (-1, 0, 0, 1)]
    storage = draw(st.sampled_from(["date", "naive", "aware"]))
    moments = [_moment(day, time, zone, storage) for day in days for time in (dt.time(), LAST_MOMENT)]
    return [*(days if storage == "date" else moments), None, _OMITTED]


def _cells(draw: st.DrawFn, document: Document, schema: dict[str, str]) -> dict[str, st.SearchStrategy[Any]]:
    """Per column the document uses, the values on and beside the edges of its tests."""
    zone = ZoneInfo(document.get("timezone", "UTC"))
    cells = {}
    for column, mentions in _mentions(document, schema).items():
        if schema[column] in ("text", "category"):
            values = _text_values(draw, mentions, declared=column in document.get("columns", {}))
        elif schema[column] == "number":
            values = _number_values(draw, mentions)
        else:
            values = [True, False, None] if schema[column] == "boolean" else _date_values(draw, mentions, zone)
        cells[column] = st.sampled_from(values)
    return cells


def _filled(draw: st.DrawFn, cells: dict[str, st.SearchStrategy[Any]]) -> Row:
    row = {column: draw(values) for column, values in cells.items()}
    return {column: value for column, value in row.items() if value is not _OMITTED}


def _leads(draw: st.DrawFn, document: Document, as_of: dt.date) -> list[Row]:
    zone = ZoneInfo(document.get("timezone", "UTC"))
    cells = _cells(draw, document, LEAD_COLUMNS)
    storage = draw(st.sampled_from([None, "naive", "aware"]))
    if storage is not None:
        first, last = (_moment(as_of, time, zone, storage) for time in (dt.time(), LAST_MOMENT))
        long_ago, too_late = last - dt.timedelta(days=400), last + dt.timedelta(microseconds=1)
        cells["created_at"] = st.sampled_from([long_ago, long_ago, first, last, too_late, None, _OMITTED])
    size = draw(st.sampled_from([1, 2, 3, 4, 5, 6, 8, 0]))
    return [{"lead_id": f"L-{number}", **_filled(draw, cells)} for number in range(size)]


def _events(draw: st.DrawFn, document: Document, leads: list[Row], as_of: dt.date) -> list[Row]:
    """Draw events of the types the document names, at ages on and beside its windows and steps."""
    qualify = document["qualify"]
    entries = [*document.get("behaviour", []), *qualify.get("never", []), qualify.get("hand_raise", {})]
    named = [name for entry in entries if "event" in entry for name in _scalars(entry["event"])]
    disguised = [*named * 3, *(f" {name.upper()}" for name in named), *(name.translate(FULL_WIDTH) for name in named)]
    edges = [entry.get(key) for entry in entries for key in ("within_days", "fade_days")]
    edges += [entry["step"]["every_days"] for entry in entries if "step" in entry]
    beside = [math.ceil(edge) + step for edge in edges if edge is not None for step in (-1, -1, 0)]
    days = [as_of - dt.timedelta(days=age) for age in (0, 0, 1, 2, 3, 5, 8, 29, *beside, 400, -1)]
    types = st.sampled_from([*disguised, "never scored"])
    ids = st.sampled_from([lead["lead_id"] for lead in leads] or ["nobody"])
    times = dt.time(), LAST_MOMENT, dt.time(2, 30)  # midnight after `as_of` has not happened yet
    zone, cells = ZoneInfo(document.get("timezone", "UTC")), _cells(draw, document, EVENT_COLUMNS)
    storage, size = draw(st.sampled_from(["naive", "aware"])), draw(st.sampled_from([1, 3, 8, 12, 20, 30, 40, 0]))
    cells |= {"lead_id": ids, "event": types}
    cells["at"] = st.sampled_from([_moment(day, time, zone, storage) for day in days for time in times])
    return [_filled(draw, cells) for _ in range(size if leads else 0)]


@st.composite
def cases(draw: st.DrawFn, rulebooks: st.SearchStrategy[Document] | None = None) -> Case:
    """Scoring runs: a document with 0 to 8 leads and 0 to 40 events whose values sit on the document's own edges.

    Cut points and one step beside them, the rules' words in disguise and inside other words, missing values in every
    spelling, events on the first and last microsecond of a day, on both sides of each window, after `as_of`, on days
    when clocks change, several on a day. Every event has a known lead. `rulebooks` draws documents over `LEAD_COLUMNS`
    and `EVENT_COLUMNS`, and is `documents()` when left out.
    """
    document = draw(documents() if rulebooks is None else rulebooks)
    as_of = draw(st.sampled_from(DAYS))
    leads = _leads(draw, document, as_of)
    return Case(document, leads, _events(draw, document, leads, as_of), as_of)


def _series(values: list[Any], kind: str, *, categorical: bool) -> pd.Series:
    """Hold a column as pandas would, with a dtype that is right for no rows at all too."""
    known = [value for value in values if value is not None]
    if kind in ("text", "category") and known and not isinstance(known[0], str):
        kind = "boolean" if isinstance(known[0], bool) else "number"
    if kind == "number":
        whole = bool(values) and all(type(value) is int for value in values)
        numbers = [math.nan if value is None else value for value in values]
        return pd.Series(numbers, dtype="int64" if whole else "float64")
    if kind == "boolean":
        return pd.Series(values, dtype="bool" if known and len(known) == len(values) else "boolean")
    if kind == "date" and (not known or isinstance(known[0], dt.datetime)):
        aware = bool(known) and known[0].tzinfo is not None
        return pd.Series(values, dtype="datetime64[us, UTC]" if aware else "datetime64[us]")
    # pandas' own text dtype where there is any text: str from pandas 3 on.
    series = pd.Series(values, dtype=None if known and kind != "date" else "object")
    return series.astype("category") if categorical and kind != "date" else series


def frames(case: Case, *, categorical: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a case's leads and events as pandas frames.

    Both have every column the document declares or tests, without rows too; `created_at` is there if a lead has it.
    Text is as pandas infers it, or Categorical with `categorical`, as dictionary-encoded Parquet is read; numbers are
    int64 or float64, booleans bool or boolean, days `date` objects, times datetime64[us] or datetime64[us, UTC].
    """
    created = {"created_at": "date"} if any("created_at" in lead for lead in case.leads) else {}
    made = []
    for rows, schema, required in (
        (case.leads, LEAD_COLUMNS, {"lead_id": "text"} | created),
        (case.events, EVENT_COLUMNS, {"lead_id": "text", "event": "text", "at": "date"}),
    ):
        kinds = required | {column: schema[column] for column in _mentions(case.document, schema)}
        columns = {column: [row.get(column) for row in rows] for column in kinds}
        made.append(pd.DataFrame({c: _series(columns[c], kinds[c], categorical=categorical) for c in kinds}))
    return made[0], made[1]
