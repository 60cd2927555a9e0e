"""What no rule covers: values, words, events and assets that enough leads have, each as a rule that might be."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.base.text import counted, normalise, worded
from leadscore.base.times import is_text
from leadscore.errors import ContractError, RulebookError
from leadscore.learn.rows.snapshots import kind_of
from leadscore.learn.rules.activations import barred, entries, fired, probing
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import condition_uses, event_kinds, lead_kinds
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

_OWN = {"lead_id", "created_at", "valid_from"}
_KINDS: dict[str | None, str] = {"number": "number", "boolean": "boolean", "category": "text"}


@dataclass(frozen=True)
class Candidate:
    """A rule that might be, or is: its name, its side, the rest of it, and what columns or events it looks at."""

    name: str
    side: str
    rule: dict[str, Any]
    reads: frozenset[str]

    def may_lie_in(self, cover: Candidate) -> bool:
        """Whether a cover looks at the same; a rule for all pages says nothing of one page."""
        same = cover.side == self.side and cover.reads & self.reads
        return bool(same) and ("where" not in self.rule or "where" in cover.rule)


def uncovered(  # noqa: PLR0913 - the rows, and what counts as enough of them
    rulebook: Rulebook,
    tables: Tables,
    lead: Positions,
    day: npt.NDArray[np.int64],
    *,
    windows: Sequence[int],
    min_leads: int,
    halves: Sequence[Mask],
) -> tuple[list[Candidate], Mask, list[str]]:
    """What enough leads have, and lack, in each half and no rule covers; of those that fire alike the first.

    Returns
    -------
    candidates : list of Candidate
    fires : (n_rows, n_candidates) bool
    left_out : list of str
        Columns that are left out, and why.
    """
    left_out: list[str] = []
    record = tables.records.lookup(rulebook.timezone)(lead, day)
    of_leads = _of_leads(rulebook, tables, record, min_leads, left_out)
    every = [*of_leads, *_of_events(rulebook, tables, windows, min_leads)]
    fires = fired(rulebook, [(one.side, {**one.rule, "points": 1}) for one in every], tables, lead, day)
    covers = _covers(rulebook)
    covered = fired(rulebook, [(cover.side, cover.rule) for cover in covers], tables, lead, day)
    kept, seen = [], set()
    for place, one in enumerate(every):
        on, inside = fires[:, place], [index for index, cover in enumerate(covers) if one.may_lie_in(cover)]
        parts = [half & side for half in halves for side in (on, ~on)]
        enough = all(np.count_nonzero(np.bincount(lead[part])) >= min_leads for part in parts)
        alike = np.packbits(on).tobytes()
        if enough and alike not in seen and (on & ~covered[:, inside].any(axis=1)).any():
            kept.append(place)
        # What is covered also covers what fires alike: the one asset that all events of a type have.
        seen.add(alike)
    return [every[place] for place in kept], fires[:, kept], left_out


def _covers(rulebook: Rulebook) -> list[Candidate]:
    """What rules look at, as rules that fire there whenever it was; what a table says of `other` values covers none."""
    document = rulebook.to_dict()
    fit = [entry for entry in entries(rulebook) if entry.section == "fit" and "other" not in entry.alone]
    found = [Candidate(one.name, "fit", one.alone, one.reads) for one in fit]
    qualify = document["qualify"]
    raised = qualify.get("hand_raise", [])
    raised = [raised] if isinstance(raised, dict) else raised
    for part in [*document.get("behaviour", []), *qualify.get("never", []), *raised]:
        if "event" in part:
            events = [part["event"]] if isinstance(part["event"], str) else part["event"]
            rule = {key: part[key] for key in ("event", "where") if key in part} | {"points": 1, "count": "once"}
            found.append(Candidate("", "behaviour", rule, frozenset(map(normalise, events))))
    for never, written in zip(rulebook.qualify.never, qualify.get("never", []), strict=True):
        if never.when is not None:
            reads = frozenset(column for column, _ in condition_uses(never.when))
            found.append(Candidate(never.name, *barred(written), reads))
    return found


def _of_leads(
    rulebook: Rulebook, tables: Tables, record: npt.NDArray[Any], min_leads: int, left_out: list[str]
) -> Iterator[Candidate]:
    """Values, words, numbers and gaps of the lead columns, by the records that hold on the days."""
    for name, kind in _readable(rulebook, tables, left_out).items():
        column = tables.column(name, kind, rulebook)
        there = np.append(~column.missing, False)[record]
        tests: list[tuple[str, Any]] = [(f"{name} not known", {"known": False})]
        if column.numbers is not None:
            numbers = np.append(column.numbers, np.nan)[record][there]
            edges = np.unique(np.quantile(numbers, [0.25, 0.5, 0.75], method="higher")) if len(numbers) else numbers
            tests += [(f"{name} from {edge:g}", {"at_least": _plain(edge)}) for edge in edges]
        elif column.codes is not None:
            counts = np.bincount(np.append(column.codes, -1)[record][there], minlength=len(column.values))
            tests += _values(name, column.values, counts, min_leads)
        for told, test in tests:
            yield Candidate(told, "fit", {"when": {name: test}}, frozenset([name]))


def _readable(rulebook: Rulebook, tables: Tables, left_out: list[str]) -> dict[str, Any]:
    """The lead columns that rules could test, each with its kind."""
    used, found = lead_kinds(rulebook), dict[str, Any]()
    for name in tables.leads.column_names:
        kind: Any = used.get(name, "any")
        kind = _KINDS.get(kind_of(tables.leads[name].type)) if kind == "any" else kind
        if name not in _OWN and kind is not None:
            found[name] = kind
    # All names at once, for that is one rulebook; one by one only where one of them is refused.
    unsure = bool(_refused(rulebook, list(found)))
    for name, kind in list(found.items()):
        why = _refused(rulebook, [name]) if unsure else ""
        try:
            tables.column(name, kind, rulebook)
        except ContractError as error:
            why = error.problems[0].message
        if why:
            left_out.append(f"The column {name!r} is left out: {why}.")
            del found[name]
    return found


def _refused(rulebook: Rulebook, names: list[str]) -> str:
    """Why names may stand in no rule, as one that is nearly a declared one; empty where they may."""
    try:
        probing(rulebook, [("fit", {"when": {name: {"known": False}}, "points": 1}) for name in names])
    except RulebookError as error:
        return error.problems[0].message
    return ""


def _plain(number: float) -> float:
    return int(number) if float(number).is_integer() else float(number)


def _values(name: str, values: Sequence[Any], counts: npt.NDArray[np.intp], least: int) -> Iterator[tuple[str, Any]]:
    """Values that enough rows have, and words in them."""
    words: dict[str, int] = {}
    for value, count in zip(values, counts.tolist(), strict=True):
        if count >= least and (not isinstance(value, str) or value.isprintable()):
            shown = str(value).lower() if isinstance(value, bool) else value
            yield f"{name} is {shown}", {"is": value}
        for word in set(worded(value).split()) if isinstance(value, str) else ():
            words[word] = words.get(word, 0) + count
    for word, count in words.items():
        if count >= least:
            yield f"{name} has {word}", {"has_word": word}


def _of_events(rulebook: Rulebook, tables: Tables, windows: Sequence[int], min_leads: int) -> Iterator[Candidate]:
    """Types of event, and values of the other columns of events, each in every window."""
    raw = {name: array.to_pylist() for name, array in tables.events.values.items()}
    types = [None if value is None else normalise(str(value)) for value in raw["event"]]
    for event in dict.fromkeys(types):
        if event and event.isprintable():
            yield from _within(event, [event], {}, windows)
    used = event_kinds(rulebook)
    for name, values in raw.items():
        if name == "event" or not is_text(tables.events.values[name].type) or used.get(name, "text") != "text":
            continue
        missing = {normalise(value) for value in rulebook.missing_values} | {""}
        for code, (events, leads) in _together(tables, name).items():
            value = normalise(values[code])
            if leads >= min_leads and value not in missing and value.isprintable():
                which = sorted({str(types[event]) for event in events})
                yield from _within(f"{name} {value}", which, {"where": {name: value}}, windows)


def _within(name: str, events: list[str], where: dict[str, Any], windows: Sequence[int]) -> Iterator[Candidate]:
    """A happening in every window."""
    for days in windows:
        rule = {"event": events[0] if len(events) == 1 else events, **where, "count": "once", "within_days": days}
        yield Candidate(f"{name} in {counted(days, 'day')}", "behaviour", rule, frozenset(events))


def _together(tables: Tables, name: str) -> dict[int, tuple[set[int], int]]:
    """For each value of an event column the types of event it stands with, and at most how many leads have it."""
    events, leads = defaultdict[int, set[int]](set), Counter[int]()
    for batch in tables.events.batches:
        codes, kinds = batch.codes[name].astype(np.int64), batch.codes["event"].astype(np.int64)
        rows = (codes >= 0) & (kinds >= 0)
        for code, event in np.unique(np.column_stack([codes[rows], kinds[rows]]), axis=0).tolist():
            events[code].add(event)
        leads.update(np.unique(np.column_stack([codes[rows], batch.lead[rows]]), axis=0)[:, 0].tolist())
    return {code: (events[code], leads[code]) for code in events}
