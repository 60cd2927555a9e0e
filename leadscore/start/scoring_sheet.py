"""A scoring sheet, as companies keep them in Excel, Google Sheets or CSV, as a rulebook; no row is dropped."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from leadscore.base.text import counted, decimal
from leadscore.errors import ContractError, Problem, visible
from leadscore.rulebook.book import Rulebook
from leadscore.rulebook.bounds import side_range
from leadscore.rulebook.values import LARGEST_POINTS
from leadscore.rulebook.yaml import dump
from leadscore.start.sheet.cells import read_grid
from leadscore.start.sheet.entries import Entry, read_entries
from leadscore.start.sheet.rows import read_rows
from leadscore.start.sheet.words import ASKS_FOR_SALES

_LONGEST_NAME = 80
_BRACKETS = 100
_TODO = re.compile(r" *# TODO ")
_ORDER = ("fit", "behaviour", "qualify", "")


@dataclass(frozen=True)
class SheetRulebook:
    """A rulebook made of a scoring sheet.

    Attributes
    ----------
    rulebook : Rulebook
        Its comments name the line of the sheet that each rule comes from, and hold the rows that became none.
    entries : list of Entry
        What became of each row, in the order of the sheet.
    assumed : str
        What the threshold is, if the sheet does not say.
    notes : list of str
        What a reader should know of the whole.
    """

    rulebook: Rulebook
    entries: list[Entry]
    assumed: str
    notes: list[str]

    @property
    def counts(self) -> Counter[str]:
        """How many rows became what."""
        return Counter(entry.became for entry in self.entries)

    @property
    def summary(self) -> str:
        """What became of the rows, in words."""
        count = self.counts
        rules = count["fit"] + count["behaviour"] + count["never"] + count["hand_raise"]
        parts = [counted(rules, "rule"), *([counted(count["case"], "case")] if count["case"] else [])]
        parts += [counted(count["threshold"], "threshold"), counted(count["heading"], "heading")]
        return f"{counted(len(self.entries), 'row')}: {', '.join(parts)}, {count['todo']:,} unclear"

    @property
    def unclear(self) -> list[tuple[int, Entry]]:
        """The rows that are unclear, each with the line of the rulebook where it stands as a TODO."""
        lines = [number for number, line in enumerate(self.rulebook.to_yaml().split("\n"), 1) if _TODO.match(line)]
        todos = [
            entry
            for entry in sorted(self.entries, key=lambda entry: _ORDER.index(entry.near))
            if entry.became == "todo"
        ]
        return list(zip(lines, todos, strict=True))


def read_scoring_sheet(path: str | os.PathLike[str]) -> SheetRulebook:
    """Make a rulebook of a scoring sheet.

    Raises
    ------
    ContractError
        If the file is no sheet with points, or no row of it gives points that could be read.
    OSError
        If it cannot be read.
    """
    grid = read_grid(path)
    rows, unread = read_rows(grid.sheets, os.fspath(path))
    entries = _named(read_entries(rows, grid.decimal))
    name = _printable(Path(path).stem) or "scoring sheet"
    draft = Rulebook.from_yaml(_text(entries, name, -LARGEST_POINTS), source=os.fspath(path))
    most = (side_range(draft, "fit") + side_range(draft, "behaviour")).most / 1000
    if most <= 0:
        unclear = [one for one in entries if one.became == "todo"]
        lines = [Problem(one.row.place, f"{one.row.text!r}: {one.note}") for one in unclear]
        raise ContractError(os.fspath(path), [Problem("", "no row that could be read gives a lead points"), *lines])
    named = next((entry.rule["threshold"] for entry in entries if entry.became == "threshold"), None)
    threshold, assumed = named or 0, ""
    if named is None or named > most:
        threshold = min(most, LARGEST_POINTS)
        threshold = int(threshold) if threshold.is_integer() else threshold
        what = "the sheet names no threshold" if named is None else f"no lead can reach the threshold of {named:g}"
        assumed = f"{what}: it is {decimal(threshold)} until you decide, the most that these rules give"
    if named is not None and named > most:
        short = f"the rules above give at most {decimal(most)}"
        entries = [_reopened(entry, short) if entry.became == "threshold" else entry for entry in entries]
    text = _text(entries, name, threshold, assumed)
    told = [f"the column {visible(header)!r} is not read: it stands in the comments" for header in unread]
    notes = [*grid.notes, *told, *([assumed] if assumed else []), *_remarks(entries)]
    return SheetRulebook(Rulebook.from_yaml(text, source=os.fspath(path)), entries, assumed, notes)


def _remarks(entries: Sequence[Entry]) -> Iterator[str]:
    """What was taken for granted where the sheet says nothing."""
    once = sum(entry.rule.get("count") == "once" for entry in entries)
    if once:
        yield f"points are given once for {counted(once, 'behaviour rule')}: write 'count: daily' or 'each' for more"
    if any(entry.became == "behaviour" for entry in entries):
        yield "events are named by the words of the sheet: put in the names that your events table has"


def _reopened(entry: Entry, why: str) -> Entry:
    return Entry(entry.row, "todo", entry.near, note=why)


def _named(entries: Iterable[Entry]) -> list[Entry]:
    """The rules with names, each once in the rulebook; cases have the name of their row, and that of their rule."""
    taken: set[str] = set()
    of: dict[str, str] = {}

    def free(name: str) -> str:
        found = next(one for one in chain([name], (f"{name} ({number})" for number in count(2))) if one not in taken)
        taken.add(found)
        return found

    named = []
    for entry in entries:
        row = entry.row
        name = _short(": ".join(filter(None, (row.attribute, row.criteria))) or row.category)
        if entry.became == "case":
            of[entry.of] = of.get(entry.of) or free(_short(entry.of))
            named.append(replace(entry, rule={"name": _short(row.criteria) or name} | entry.rule, of=of[entry.of]))
        elif entry.became in {"fit", "behaviour", "never"}:
            named.append(replace(entry, rule={"name": free(name)} | entry.rule))
        else:
            named.append(entry)
    return named


def _short(text: str) -> str:
    return _printable(text)[:_LONGEST_NAME].translate(str.maketrans("[]{}", "()()")).strip()


def _printable(text: str) -> str:
    """Text on one line, with what cannot be seen written as its code."""
    line = " ".join(text.split())
    seen = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)
    # The reader of rulebooks counts brackets, and takes those of comments for nested ones.
    uneven = any(seen.count(left) != seen.count(right) for left, right in ("[]", "{}")) or seen.count("[") > _BRACKETS
    return re.sub(r"[\[\]{}]", lambda found: f"\\x{ord(found[0]):02x}", seen) if uneven else seen


def _comment(entry: Entry) -> str:
    todo = "TODO " if entry.became == "todo" else ""
    note = f" -- {_printable(entry.note)}" if entry.note else ""
    return f"# {todo}{_printable(entry.row.place)}: {_printable(entry.row.text)}{note}"


def _text(entries: Sequence[Entry], name: str, threshold: float, assumed: str = "") -> str:
    """The rulebook, each rule under a comment that names its line of the sheet."""
    columns = {column: kind for entry in entries for column, kind in entry.columns.items()}
    lines = [
        "# Made of a scoring sheet: each rule names its line there. Make each TODO a rule, or delete it.",
        "# Columns and events are named by the words of the sheet: put in the names that your tables have.",
        *(_comment(entry) for entry in entries if entry.became == "heading"),
        "leadscore: 2",
        *_lines({"name": name}),
        *(["columns:"] if columns else []),
        *(f"  {line}" for column, kind in columns.items() for line in _lines({column: {"type": kind}})),
        *_section("fit", entries),
        *_section("behaviour", entries),
        *_qualify(entries, threshold, assumed),
        *(_comment(entry) for entry in entries if entry.became == "todo" and not entry.near),
    ]
    return "\n".join(lines) + "\n"


def _section(name: str, entries: Sequence[Entry]) -> Iterator[str]:
    here = [entry for entry in entries if entry.near == name]
    yield f"{name}:" if any(entry.rule for entry in here) else f"{name}: []"
    cases = sorted((entry for entry in here if entry.became == "case"), key=lambda entry: entry.turn)
    begun = set()
    for entry in here:
        if entry.became != "case":
            yield f"  {_comment(entry)}"
            yield from _lines([entry.rule]) if entry.rule else ()
        elif entry.of not in begun:
            begun.add(entry.of)
            yield from _lines([{"name": entry.of}])
            yield "    cases:  # the first that holds: deductions, then the most points"
            for case in (case for case in cases if case.of == entry.of):
                yield f"      {_comment(case)}"
                yield from (f"    {line}" for line in _lines([case.rule]))


def _qualify(entries: Sequence[Entry], threshold: float, assumed: str) -> Iterator[str]:
    here = [entry for entry in entries if entry.near == "qualify"]
    yield "qualify:"
    yield from (f"  {_comment(entry)}" for entry in here if entry.became == "threshold")
    yield from [f"  # {assumed}"] if assumed else []
    yield from (f"  {line}" for line in _lines({"threshold": threshold}))
    never = [entry for entry in here if entry.became == "never"]
    yield from ["  never:"] if never else []
    for entry in never:
        yield f"    {_comment(entry)}"
        yield from (f"  {line}" for line in _lines([entry.rule]))
    raised = [entry for entry in entries if entry.raised]
    yield from (f"  {_comment(entry)}" for entry in raised)
    if raised:
        events = list(dict.fromkeys(entry.raised["event"] for entry in raised))
        yield from (f"  {line}" for line in _lines({"hand_raise": raised[0].raised | {"event": events}}))
    asking = [entry for entry in entries if entry.became == "behaviour" and ASKS_FOR_SALES.search(entry.row.attribute)]
    if asking and not raised:
        named = (entry.rule.get("event") for entry in asking)
        events = list(dict.fromkeys(event for event in named if isinstance(event, str)))
        yield "  # If asking for sales qualifies a lead at once, whatever its points:"
        yield from (f"  # {line}" for line in _lines({"hand_raise": {"event": events}}))
    yield from (f"  {_comment(entry)}" for entry in here if entry.became == "todo")


def _lines(data: Any) -> list[str]:
    """Data as lines of a rulebook: what is in a key of it, or of a rule in it, stands in one line."""
    inner = [
        {key: _in_one_line(value) for key, value in rule.items()}
        for rule in (data if isinstance(data, list) else [data])
    ]
    return dump(inner if isinstance(data, list) else inner[0]).splitlines()


def _in_one_line(value: Any) -> Any:
    if not isinstance(value, dict | list):
        return value
    inner = (
        CommentedMap({key: _in_one_line(one) for key, one in value.items()})
        if isinstance(value, dict)
        else CommentedSeq([_in_one_line(one) for one in value])
    )
    inner.fa.set_flow_style()
    return inner
