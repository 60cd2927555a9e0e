"""`score_one`: one lead, as a dict, in tens of microseconds; the plan of `score`, looked up one value at a time."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from leadscore.base.arguments import Arguments
from leadscore.base.days import as_day
from leadscore.errors import ArgumentError, ContractError, Problem, did_you_mean
from leadscore.rulebook import Rulebook
from leadscore.rulebook.lookups import ColumnPlan, Holds, cells
from leadscore.rulebook.model import BehaviourRule, Limits, minimum, thousandths
from leadscore.scoring.plan import Plan, compiled, reached
from leadscore.tables.one_value import OneValue, in_calendar

# Distinct raw values remembered per column: job titles and addresses repeat.
_REMEMBERED = 1 << 16
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
# Days since 1970 that are of the years 1 to 9999 in every time zone.
_SAFE_DAYS = dt.date(1, 1, 9).toordinal() - _EPOCH_ORDINAL, dt.date(9999, 12, 20).toordinal() - _EPOCH_ORDINAL


# Values of these types mean what they equal; Decimal("1.0") and Decimal("1.00") are two texts, and of a time that the
# clock shows twice both are equal.
_PLAIN = frozenset({str, bool, int, float, type(None)})


class _Reader:
    """One column's answers for one value."""

    def __init__(self, plan: ColumnPlan, value: OneValue) -> None:
        self.plan, self.value = plan, value
        self.edges = sorted(plan.edges)
        self.cells = [plan.row(value) for value in cells(self.edges)] if plan.kind in {"number", "date"} else []
        self.remembered = lru_cache(_REMEMBERED)(self._row)

    def row(self, raw: Any) -> list[int]:
        """All look-ups of one value."""
        return self.remembered(raw) if type(raw) is str else self._row(raw)

    def _row(self, raw: Any) -> list[int]:
        value = self.value.read(raw)
        if value is None:
            return self.plan.on_missing
        if self.cells:
            return self.cells[bisect_left(self.edges, value) + bisect_right(self.edges, value)]
        return self.plan.row(value)


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
        self.leads = {
            name: _Reader(column, OneValue(column.kind, book.missing_values, book.timezone))
            for name, column in plan.leads.items()
        }
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
            name: _Reader(column, OneValue(column.kind, missing, book.timezone, odd=False))
            for name, column in plan.events.items()
            for missing in [() if name == "event" else book.missing_values]
        }
        self.day = OneValue("date", book.missing_values, book.timezone)
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
        blank = not event.strip() if isinstance(event, str) else self.events["event"].value.read(event) is None
        if blank:
            raise ValueError("no event")
        named = zip(["event", *self.where], (event, *values), strict=True)
        rows = {name: self.events[name].row(value) for name, value in named}
        return [index for index, test in enumerate(self.waits) if test(rows)]

    def ages(self, events: Iterable[Mapping[str, Any]], day: int) -> dict[int, list[int]]:
        """For each happening the ages of the events it waits for, in its window."""
        found: dict[int, list[int]] = {}
        problems = []
        feeds, where, windows = self.feeds, self.where, self.windows
        for position, event in enumerate(events):
            try:
                values = event["event"], *map(event.get, where)
                waiting = feeds(*values) if _PLAIN.issuperset(map(type, values)) else self._feeds(*values)
                age = day - self._day(event["at"])
            except KeyError as error:
                problems.append(Problem(f"events[{position}]", f"there is no {error}"))
            except ValueError as error:
                problems.append(Problem(f"events[{position}]", f"{event!r}: {error}"))
            except (TypeError, AttributeError, IndexError):
                if isinstance(event, Mapping):
                    raise
                message = f"must be a mapping of column to value, as frame.to_dict('records') gives; got {event!r}"
                problems.append(Problem(f"events[{position}]", message))
            else:
                if age >= 0:
                    for happening in waiting:
                        if age < windows[happening]:
                            found.setdefault(happening, []).append(age)
        if problems:
            raise ContractError("events", problems)
        return found

    def _day(self, at: Any) -> int:
        """The day of an event, since 1970."""
        # The usual case is worked out here: a call costs as much as all the rest.
        if type(at) is dt.datetime and at.tzinfo is not None and 1 < at.year < dt.MAXYEAR:
            return at.astimezone(self.zone).toordinal() - _EPOCH_ORDINAL
        day: int | None = self.day.read(at)
        if day is None:
            raise ValueError("no time")
        if not _SAFE_DAYS[0] < day < _SAFE_DAYS[1] and not in_calendar(at):
            raise ValueError("a time outside the years 1 to 9999")
        return day

    def rows(self, lead: Mapping[str, Any]) -> Rows:
        """Each column's answers."""
        rows, problems = {}, []
        for name, reader in self.leads.items():
            try:
                rows[name] = reader.row(lead[name])
            except KeyError:
                problems.append(Problem(f"lead[{name!r}]", f"is not there (None is missing){did_you_mean(name, lead)}"))
            except ValueError as error:
                problems.append(Problem(f"lead[{name!r}]", f"{lead[name]!r}: {error}"))
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
        If a column is absent or holds a value of another kind; all of them at once. Each value is read as `load_tables`
        reads it in a table, and refused where that refuses it.
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
    # An array without dimensions passes for an Iterable.
    rows = events if getattr(events, "ndim", 1) else None
    if not (isinstance(lead, Mapping) and isinstance(rows, Iterable) and isinstance(rulebook, Rulebook)):
        with Arguments("score_one") as given:
            given.types(lead=(lead, Mapping), events=(rows, Iterable), rulebook=(rulebook, Rulebook))
            given.day("as_of", as_of)
    today = as_day(as_of, name="as_of")
    scorer = _one_scorer(rulebook)
    day = today.toordinal() - _EPOCH_ORDINAL
    try:
        created = scorer.day.read(lead.get("created_at"))
    except ValueError as error:
        raise ContractError("lead", [Problem("lead['created_at']", f"{lead['created_at']!r}: {error}")]) from None
    if created is not None and created > day:
        raise ArgumentError("as_of", f"the lead was created on {lead['created_at']}, after {today}")
    return scorer.score(lead, events, day)
