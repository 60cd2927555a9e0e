"""`score_one`: one lead, as a dict, in tens of microseconds; the plan of `score`, looked up one value at a time."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import as_day
from leadscore.base.text import as_text, normalise
from leadscore.errors import ArgumentError, ContractError, Problem, did_you_mean
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import BehaviourRule, Limits, minimum, thousandths
from leadscore.scoring.plan import ColumnPlan, Holds, Plan, cells, compiled, reached
from leadscore.tables.columns import plain_number

# Distinct raw values remembered per column: job titles and addresses repeat.
_REMEMBERED = 1 << 16
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """A value that is none of its column's kind."""


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT or value is pd.NA


class _Reader:
    """One column's answers for one raw value."""

    def __init__(self, plan: ColumnPlan, missing_values: tuple[str, ...], zone: ZoneInfo) -> None:
        self.plan = plan
        self.missing = {normalise(value) for value in missing_values} | {""}
        self.zone = zone
        self.absent = plan.on_missing
        edges = self.edges = sorted(plan.edges)
        numeric = plan.kind in {"number", "date"}
        self.cells = [plan.row(value) for value in cells(edges)] if numeric else []
        readers = {"text": self._text, "number": self._number, "boolean": self._boolean, "date": self._date}
        row: Callable[[Any], list[int]] = readers.get(plan.kind, self._any)
        self.row = lru_cache(_REMEMBERED, typed=True)(row) if plan.kind == "text" else row

    def _text(self, value: Any) -> list[int]:
        if type(value) is not str:
            if _is_missing(value):
                return self.absent
            if not isinstance(value, (str, int, float, bool)):
                raise _Wrong("is not text")
        text = normalise(as_text(value))
        return self.absent if text in self.missing else self.plan.row(text)

    def _number(self, value: Any) -> list[int]:
        if type(value) is str:
            number = plain_number(value)
            if not isinstance(number, float) and number is not None:
                raise _Wrong(f"is {number.message}")
            value = number
        if _is_missing(value):
            return self.absent
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _Wrong("is not a number")
        return self.cells[bisect_left(self.edges, value) + bisect_right(self.edges, value)]

    def _boolean(self, value: Any) -> list[int]:
        if isinstance(value, str):
            value = {"true": True, "false": False, "": None}.get(normalise(value), value)
        if _is_missing(value):
            return self.absent
        if not isinstance(value, bool):
            raise _Wrong("is neither true nor false")
        return self.plan.row(value)

    def _date(self, value: Any) -> list[int]:
        if _is_missing(value) or value == "":
            return self.absent
        day = day_of(value, self.zone)
        return self.cells[bisect_left(self.edges, day) + bisect_right(self.edges, day)]

    def _any(self, value: Any) -> list[int]:
        blank = _is_missing(value) or (isinstance(value, str) and normalise(value) in self.missing)
        return self.absent if blank else self.plan.row(True)


def day_of(moment: Any, zone: ZoneInfo) -> int:
    """Days since 1970 of a date, a time, or ISO text; times without a zone are on the wall clock of `zone`."""
    if isinstance(moment, str):
        try:
            if moment[4] != "-" or moment[5] == "W":
                raise _Wrong("is not an ISO date or time")
            moment = dt.datetime.fromisoformat(moment)
        except (ValueError, IndexError):
            raise _Wrong("is not an ISO date or time; write 2026-03-31 or 2026-03-31T14:05:00Z") from None
    if isinstance(moment, dt.datetime) and moment.tzinfo is not None:
        try:
            moment = moment.astimezone(zone)
        except OverflowError:
            raise _Wrong("is a time outside the years 1 to 9999") from None
    if not isinstance(moment, dt.date) or moment is pd.NaT:
        raise _Wrong("is not a date or time")
    return moment.toordinal() - _EPOCH_ORDINAL


class _Side:
    """Fit or behaviour: its groups in a row, all rules without limits the first of them, and their limits."""

    def __init__(self, book: Rulebook, groups: Iterable[str | None], totals: Limits) -> None:
        self.slots = [None, *(group for group in dict.fromkeys(groups) if group in book.groups)]
        self.limits = [book.limits(group) for group in self.slots]
        self.totals = totals

    def slot(self, group: str | None) -> int:
        return self.slots.index(group) if group in self.slots else 0

    def total(self, sums: list[int]) -> int:
        return self.totals.clip(sum(map(Limits.clip, self.limits, sums)))


Rows = dict[str, list[int]]


def _test(holds: Holds) -> Callable[[Rows], bool]:
    """A condition as a function of the columns' answers."""
    condition = holds.condition
    if condition is None or not (condition.any_ or condition.all_ or condition.not_):
        places = [holds.whole] if holds.whole else holds.tests.values()
        pairs = tuple((place.column, place.index) for place in places)

        def every(rows: Rows) -> bool:
            for column, index in pairs:  # noqa: SIM110 - twice as fast as all()
                if rows[column][index] <= 0:
                    return False
            return True

        return every
    return lambda rows: holds.evaluate(lambda place: rows[place.column][place.index], min, max) > 0


class _OneScorer:
    """A plan arranged for one lead at a time."""

    def __init__(self, plan: Plan) -> None:
        book = plan.rulebook
        self.plan = plan
        self.zone = ZoneInfo(book.timezone)
        self.fit = _Side(book, (rule.group for rule in book.fit), book.totals.fit)
        self.behaviour = _Side(book, (rule.group for rule in book.behaviour), book.totals.behaviour)
        self.leads = {name: _Reader(column, book.missing_values, self.zone) for name, column in plan.leads.items()}
        self.within = [
            (rule.place.column, rule.place.index, self.fit.slot(rule.rule.group))
            for rule in plan.fit
            if rule.place is not None
        ]
        self.across = [
            (_test(rule.holds), self.fit.slot(rule.rule.group), rule.points)
            for rule in plan.fit
            if rule.holds is not None
        ]
        # An event may be called what `missing_values` lists.
        self.events = {
            name: _Reader(column, () if name == "event" else book.missing_values, self.zone)
            for name, column in plan.events.items()
        }
        self.where = [name for name in self.events if name != "event"]
        self.feeds = lru_cache(_REMEMBERED, typed=True)(self._feeds)
        self.waits = [_test(one.holds) for one in plan.happenings]
        self.windows = [one.part.within_days or math.inf for one in plan.happenings]
        self.never = [(name, one if isinstance(one, int) else _test(one)) for name, one in plan.never]
        self.segments = [(name, _test(holds), threshold) for name, holds, threshold in plan.segments]
        self.threshold = thousandths(book.qualify.threshold)
        self.minimum_fit = minimum(book.qualify.minimum_fit)
        self.minimum_behaviour = minimum(book.qualify.minimum_behaviour)
        self._arrange_behaviour()

    def _arrange_behaviour(self) -> None:
        """What each rule gives for no events, so that only rules with events are worked out."""
        self.rules = []
        self.quiet = [0] * len(self.behaviour.slots)
        for rule in self.plan.rulebook.behaviour:
            slot, nothing = self.behaviour.slot(rule.group), rule.clip(_earned(rule, [], rule.worth))
            self.quiet[slot] += nothing
            self.rules.append((rule, lru_cache(4096)(rule.worth), slot, nothing))

    def _feeds(self, event: Any, *values: Any) -> list[int]:
        """The happenings that wait for such an event."""
        if not isinstance(event, str) or not event.strip():
            raise _Wrong("has no 'event'")
        named = zip(["event", *self.where], (event, *values), strict=True)
        rows = {name: self.events[name].row(value) for name, value in named}
        return [index for index, test in enumerate(self.waits) if test(rows)]

    def ages(self, events: Iterable[Mapping[str, Any]], day: int) -> dict[int, list[int]]:
        """For each happening the ages of the events it waits for, in its window."""
        found: dict[int, list[int]] = {}
        zone, feeds, where, windows = self.zone, self.feeds, self.where, self.windows
        for position, event in enumerate(events):
            try:
                waiting = feeds(event["event"], *map(event.get, where))
                at = event["at"]
                # The usual case is worked out here: a call costs as much as all the rest.
                if type(at) is dt.datetime and at.tzinfo is not None:
                    age = day + _EPOCH_ORDINAL - at.astimezone(zone).toordinal()
                else:
                    age = day - day_of(at, zone)
            except KeyError as error:
                raise ContractError("events", [Problem(f"events[{position}]", f"there is no {error}")]) from None
            except (_Wrong, TypeError, OverflowError) as error:
                raise ContractError("events", [Problem(f"events[{position}]", f"{event!r}: {error}")]) from None
            if age >= 0:
                for happening in waiting:
                    if age < windows[happening]:
                        found.setdefault(happening, []).append(age)
        return found

    def rows(self, lead: Mapping[str, Any]) -> Rows:
        """Each column's answers."""
        rows, problems = {}, []
        for name, reader in self.leads.items():
            try:
                rows[name] = reader.row(lead[name])
            except KeyError:
                problems.append(Problem(f"lead[{name!r}]", f"is not there (None is missing){did_you_mean(name, lead)}"))
            except (_Wrong, TypeError) as error:
                problems.append(Problem(f"lead[{name!r}]", f"{lead[name]!r} {error}"))
        if problems:
            raise ContractError("lead", problems)
        return rows

    def score(self, lead: Mapping[str, Any], events: Iterable[Mapping[str, Any]], day: int) -> dict[str, Any]:
        """One lead's row of `Scores.frame`."""
        rows, ages = self.rows(lead), self.ages(events, day)
        sums = [0] * len(self.fit.slots)
        for column, index, slot in self.within:
            sums[slot] += rows[column][index]
        for test, slot, points in self.across:
            if test(rows):
                sums[slot] += points
        fit = self.fit.total(sums)
        sums = self.quiet.copy()
        for happening, found in ages.items():
            if happening < len(self.rules):
                rule, worth, slot, nothing = self.rules[happening]
                sums[slot] += rule.clip(_earned(rule, found, worth)) - nothing
        return self._verdict(fit, self.behaviour.total(sums), rows, ages)

    def _verdict(self, fit: int, behaviour: int, rows: Rows, ages: Mapping[int, list[int]]) -> dict[str, Any]:
        blocked = next((n for n, one in self.never if (one in ages if isinstance(one, int) else one(rows))), None)
        own = ((name, threshold) for name, test, threshold in self.segments if test(rows))
        segment, threshold = next(own, (None, self.threshold))
        enough = fit + behaviour >= threshold and fit >= self.minimum_fit and behaviour >= self.minimum_behaviour
        via = None if blocked else "hand_raise" if self.plan.hand_raise in ages else "score" if enough else None
        return {
            "fit": fit / 1000,
            "behaviour": behaviour / 1000,
            "total": (fit + behaviour) / 1000,
            "segment": segment,
            "threshold": threshold / 1000,
            "qualified": via is not None,
            "via": via,
            "blocked_by": blocked,
            "grade": self._grade(fit, behaviour),
        }

    def _grade(self, fit: int, behaviour: int) -> str | None:
        found = ""
        for side, least, letters in self.plan.grades:
            found += letters[bisect_left(least, -fit if side == "fit" else -behaviour)]
        return found or None


def _earned(rule: BehaviourRule, ages: list[int], worth: Callable[[int], int]) -> int:
    """What a behaviour rule gives before its limits."""
    if rule.count == "daily":
        ages = list(set(ages))
    elif rule.count == "once" and ages:
        ages = [min(ages)]
    if rule.from_ is not None:
        return reached(rule, len(ages))
    return sum(map(worth, ages))


@lru_cache(maxsize=64)
def _one_scorer(rulebook: Rulebook) -> _OneScorer:
    return _OneScorer(compiled(rulebook))


def score_one(
    lead: Mapping[str, Any], events: Iterable[Mapping[str, Any]], rulebook: Rulebook, *, as_of: Any
) -> dict[str, Any]:
    """Score one lead, as a web form or a CRM hook has it; the same figures as `score`, to the last digit.

    Parameters
    ----------
    lead : mapping of column to value
        Every column the rulebook uses; None where it is not known.
    events : iterable of mappings
        This lead's events: `event`, `at` (date, time or ISO text), and the columns a `where` tests (absent is missing).
    rulebook : Rulebook
        Compiled at the first call, then remembered.
    as_of : date, or text as "2026-03-31"

    Returns
    -------
    dict
        `fit`, `behaviour`, `total`, `segment`, `threshold`, `qualified`, `via`, `blocked_by`, `grade`, as in
        `Scores.frame`.

    Raises
    ------
    ContractError
        If a column is absent or holds a value of another kind; all of them at once.
    ArgumentError
        If `as_of` is no day, the arguments are not in this order, or the lead was created after that day.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
    ... behaviour: [{name: Pricing page, event: pricing, points: 15, half_life_days: 14, at_most: 45}]
    ... qualify: {threshold: 80}
    ... ''')
    >>> events = [{"event": "pricing", "at": "2026-03-17"}, {"event": "pricing", "at": "2026-03-31T09:30:00Z"}]
    >>> ls.score_one({"country": "us"}, events, rulebook, as_of="2026-03-31")["total"]
    82.5
    """
    # All problems are gathered only where there is one: a web form waits for the answer.
    if not (isinstance(lead, Mapping) and isinstance(rulebook, Rulebook)):
        with Arguments("score_one") as given:
            given.types(lead=(lead, Mapping), events=(events, Iterable), rulebook=(rulebook, Rulebook))
            given.day("as_of", as_of)
    today = as_day(as_of, name="as_of")
    scorer = _one_scorer(rulebook)
    day = today.toordinal() - _EPOCH_ORDINAL
    created = lead.get("created_at")
    if not _is_missing(created) and created != "":
        try:
            later = day_of(created, scorer.zone) > day
        except _Wrong as error:
            raise ContractError("lead", [Problem("lead['created_at']", f"{created!r} {error}")]) from None
        if later:
            raise ArgumentError("as_of", f"the lead was created on {created}, after {today}")
    return scorer.score(lead, events, day)
