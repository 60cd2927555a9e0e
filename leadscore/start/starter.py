"""A first rulebook of the user's own columns and events: every number in it is to be agreed."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import counted, normalise
from leadscore.imports.report import Imported
from leadscore.rulebook.book import Rulebook
from leadscore.scoring.scores import score
from leadscore.start.marks import said
from leadscore.start.seen import most
from leadscore.start.words import is_request
from leadscore.tables.loading import load_tables

_CATEGORIES, _MOST = 30, 3000
_LISTED = {"category", "options"}
_OWN = {"lead_id", "created_at", "valid_from"}
# A first guess by what kinds of event usually say; without points for what leads do the first scores would all be 0.
_WORTH = (
    ("unsubscribe", -20), ("request", 30), ("contact_sales", 30), ("signup", 15), ("sign_up", 15), ("trial", 15),
    ("webinar", 10), ("trade_show", 10), ("form", 8), ("download", 8), ("chat", 8), ("click", 4), ("open", 1),
    ("view", 2), ("visit", 2),
)  # fmt: skip
# The first that a title has gives its points: "Director & Head of Sales" is one title.
_TITLES = (
    (["ceo", "cfo", "cmo", "cto", "chief"], 15),
    (["vp", "vice president", "director", "head", "leiter", "leiterin"], 10),
)
_AGREE = "# to be agreed"
_GUESS = "  threshold: 1                       # guess"


def starter(imported: Imported | None, timezone: str) -> tuple[str, dt.date | None]:
    """The text of a rulebook for what was imported, and the last day that the tables are of."""
    if imported is None:
        return "\n".join([*_head(timezone), "", *_behaviour(_example()), "", "qualify:", _GUESS]) + "\n", None
    text, as_of = _draft(imported, timezone), _last_day(imported)
    if as_of is None or not len(imported.leads):
        return text, as_of
    book = Rulebook.from_yaml(text, source="rulebook.yaml")
    events = imported.events if len(imported.events) else None
    tables = load_tables(imported.leads, events, rulebook=book, strict=False)
    return _with_threshold(text, score(tables, book, as_of=as_of).frame["total"]), as_of


def _head(timezone: str) -> list[str]:
    return [
        "# A first rulebook, made from your exports. Its points are guesses: marketing and sales agree on them here.",
        "# Change a number, then:  leadscore check rulebook.yaml",
        "leadscore: 2",
        "name: first",
        'version: "1"',
        f"timezone: {timezone}",
    ]


def _draft(imported: Imported, timezone: str) -> str:
    named = [name for name in imported.leads.column_names if name not in _OWN]
    # A column without a value gives no rule, and is only in the way.
    kinds = {name: _kind(imported.leads[name]) for name in named if len(imported.leads[name].drop_null())}
    counts = {name: _counts(imported.leads[name]) for name in kinds}
    events = _counts(imported.events["event"]) if len(imported.events) else Counter[str]()
    listed = [name for name, kind in kinds.items() if kind in _LISTED and 0 < len(counts[name]) < _CATEGORIES]
    fit = [line for name in listed for line in _table(name, counts[name], kinds[name])]
    behaviour = [line for name, rate in _a_month(imported, events) for line in _event(name, rate)]
    if not any(_worth(name) > 0 for name in events):
        guessed = _guessed_fit(kinds)
        fit += guessed
        behaviour += [] if guessed else _example()
    lines = _head(timezone)
    if kinds:
        lines += ["", "columns:", *(_column(name, kind, counts[name]) for name, kind in kinds.items())]
    if fit:
        lines += ["", f"fit:                                 # what a lead is: all points are {_AGREE[2:]}", *fit]
    if behaviour:
        lines += ["", *_behaviour(behaviour)]
    lines += ["", "qualify:", _GUESS]
    if raised := [name for name in events if name in {"demo_request", "contact_sales"} or is_request(name)]:
        asked = said({"event": raised, "within_days": 30})
        lines += [f"  hand_raise: {asked}  # asks for sales: qualifies at any score"]
    return "\n".join(lines) + "\n"


def _column(name: str, kind: str, counts: Counter[str]) -> str:
    commonest = f"  # {most(counts, 6)}" if kind in _LISTED and counts else ""
    return f"  {said(name)}: {{type: {kind}}}{commonest}"


def _table(name: str, counts: Counter[str], kind: str) -> list[str]:
    each = "# of each box that is ticked; to be agreed" if kind == "options" else _AGREE
    table = dict.fromkeys(sorted(counts, key=lambda value: (-counts[value], value)), 0)
    return [
        f"  - name: {said(name)}",
        f"    column: {said(name)}",
        f"    points: {said(table)}  {each}",
    ]


def _behaviour(rules: list[str]) -> list[str]:
    return [f"behaviour:                           # what a lead does: all points are {_AGREE[2:]}", *rules]


def _event(name: str, rate: str) -> list[str]:
    own = said(name)
    points = f"{_points(_worth(name))}; {rate} a month"
    return [f"  - name: {own}", f"    event: {own}", points, "    count: daily", "    within_days: 90"]


def _points(points: int) -> str:
    return f"    points: {points}  {_AGREE}"


def _example() -> list[str]:
    return ["  - name: example", "    event: demo_request                # no such event yet", _points(30)]


def _worth(event: str) -> int:
    return next((points for word, points in _WORTH if word in event.lower()), 3)


def _a_month(imported: Imported, events: Counter[str]) -> Iterator[tuple[str, str]]:
    """Events, the commonest first, and how many there are a month."""
    if not events:
        return
    ends = pc.min_max(imported.events["at"])
    months = max(((ends["max"].as_py() - ends["min"].as_py()).days + 1) / 30.44, 1.0)
    for name, count in sorted(events.items(), key=lambda one: (-one[1], one[0])):
        yield name, f"{count / months:,.0f}" if count >= months else "under 1"


def _guessed_fit(kinds: dict[str, str]) -> list[str]:
    """Rules by title and size, where no event gives points: without them the first scores would all be the same."""
    texts = [name for name, kind in kinds.items() if kind in {"text", "category"}]
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    title = next((name for name in texts if re.search("title|position|job|funktion|role", name, re.IGNORECASE)), None)
    size = next((name for name in numbers if re.search("employee|mitarbeiter|size", name, re.IGNORECASE)), None)
    lines = []
    if title:
        cases = [said({"when": {title: {"has_word": words}}, "points": points}) for words, points in _TITLES]
        lines += [
            "  - name: Decides",
            f"    cases:  {_AGREE}; the first that holds",
            *(f"      - {case}" for case in cases),
        ]
    if size:
        edges = f"    from: {{1: 0, 50: 5, 200: 10}}  {_AGREE}"
        lines += ["  - name: Company size", f"    column: {said(size)}", edges]
    return lines


def _with_threshold(text: str, totals: Any) -> str:
    """The rulebook with a threshold that about a tenth of the leads reach."""
    ranked = np.sort(np.asarray(totals, np.float64))[::-1]
    points = max(1, int(np.floor(ranked[int(np.ceil(0.1 * len(ranked))) - 1])))
    share = float(np.mean(ranked >= points))
    guess = f"  threshold: {points}".ljust(_GUESS.index("#"))
    return text.replace(_GUESS, f"{guess}# guess: {share:.0%} of {counted(len(ranked), 'lead')} reach it")


def _last_day(imported: Imported) -> dt.date | None:
    """The last day that leads or events are of; None where nothing has a time."""
    found = [
        pc.max(table[name]).as_py()
        for table, name in ((imported.leads, "created_at"), (imported.events, "at"))
        if name in table.column_names and len(table)
    ]
    return max((time.date() for time in found if time is not None), default=None)


def _kind(column: pa.ChunkedArray) -> str:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_list(kind):
        return "options"
    if pa.types.is_temporal(kind):
        return "date"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_floating(kind):
        return "number"
    values = _counts(column)
    few = 0 < len(values) < _CATEGORIES and sum(values.values()) >= 2 * len(values)
    return "category" if few else "text"


def _counts(column: pa.ChunkedArray) -> Counter[str]:
    """Values and how often each is there; those that differ in case or blanks are one, as rules compare them."""
    found, written = Counter[str](), dict[str, str]()
    if pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    counts = pc.value_counts(column.cast(pa.large_string()).drop_null())
    # Of so many values nobody makes a list of points.
    for pair in counts.to_pylist() if len(counts) < _MOST else ():
        text = pair["values"]
        if normalise(text) and text.isprintable():
            found[written.setdefault(normalise(text), text)] += pair["counts"]
    return found
