"""`score_one`: one lead, as a dict, in tens of microseconds; the same plan as `score`, looked up one value at a time."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from leadscore.columns import plain_number
from leadscore.errors import ArgumentError, ContractError, Problem, did_you_mean
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import BehaviourRule, Limits, thousandths
from leadscore.scoring.plan import ColumnPlan, Holds, Place, Plan, below, compiled, reached
from leadscore.scoring.scores import as_day
from leadscore.text import as_text, normalise

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
        between = [low + (high - low) / 2 for low, high in zip(edges, edges[1:], strict=False)]
        cells = [-math.inf]
        for edge, after in zip(edges, [*between, math.inf], strict=False):
            cells += [edge, after]
        self.cells = [plan.row(value) for value in cells] if plan.kind in {"number", "date"} else []
        self.row: Callable[[Any], list[int]] = {
            "text": lru_cache(_REMEMBERED)(self._text),
            "number": self._number,
            "boolean": self._boolean,
            "date": self._date,
            "any": self._any,
        }[plan.kind]

    def _text(self, value: Any) -> list[int]:
        if type(value) is not str:
            if _is_missing(value):
                return self.absent
            if not isinstance(value, (str, int, float, bool)):
                raise _Wrong("is no text")
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
            raise _Wrong("is no number")
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
            if moment[4] != "-":
                raise _Wrong("is no ISO date or time")
            moment = dt.datetime.fromisoformat(moment)
        except (ValueError, IndexError):
            raise _Wrong("is no ISO date or time; write 2026-03-31 or 2026-03-31T14:05:00Z") from None
    if isinstance(moment, dt.datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(zone)
    if not isinstance(moment, dt.date) or moment is pd.NaT:
        raise _Wrong("is no date or time")
    return moment.toordinal() - _EPOCH_ORDINAL


class _OneScorer:
    """A plan arranged for one lead at a time."""

    def __init__(self, plan: Plan) -> None:
        book = plan.rulebook
        self.plan = plan
        self.zone = ZoneInfo(book.timezone)
        self.leads = {name: _Reader(column, book.missing_values, self.zone) for name, column in plan.leads.items()}
        # An event may be called what `missing_values` lists.
        self.events = {
            name: _Reader(column, () if name == "event" else book.missing_values, self.zone)
            for name, column in plan.events.items()
        }
        self.where = [name for name in self.events if name != "event"]
        self.feeds = lru_cache(_REMEMBERED)(self._feeds)
        self.worth = [lru_cache(4096)(rule.worth) for rule in book.behaviour]
        self.fit_limits = _limits(plan, {rule.group for rule in book.fit})
        self.behaviour_limits = _limits(plan, {rule.group for rule in book.behaviour})

    def _feeds(self, event: Any, *values: Any) -> list[int]:
        """The happenings that wait for such an event."""
        rows = {name: self.events[name].row(value) for name, value in zip(["event", *self.where], (event, *values), strict=True)}

        def get(place: Place) -> int:
            return rows[place.column][place.index]

        return [index for index, one in enumerate(self.plan.happenings) if one.holds.evaluate(get, min, max) > 0]

    def ages(self, events: Iterable[Mapping[str, Any]], day: int) -> dict[int, list[int]]:
        """For each happening the ages of the events it waits for, in its window."""
        found: dict[int, list[int]] = {}
        for position, event in enumerate(events):
            try:
                age = day - day_of(event["at"], self.zone)
                kind = event["event"]
                if not isinstance(kind, str) or not kind.strip():
                    raise _Wrong("has no 'event'")
                feeds = self.feeds(kind, *(event.get(name) for name in self.where))
            except KeyError as error:
                raise ContractError("events", [Problem(f"events[{position}]", f"there is no {error}")]) from None
            except _Wrong as error:
                raise ContractError("events", [Problem(f"events[{position}]", f"{dict(event)!r} {error}")]) from None
            if age >= 0:
                for happening in feeds:
                    within = self.plan.happenings[happening].part.within_days
                    if within is None or age < within:
                        found.setdefault(happening, []).append(age)
        return found

    def rows(self, lead: Mapping[str, Any]) -> dict[str, list[int]]:
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
        plan, rows, ages = self.plan, self.rows(lead), self.ages(events, day)

        def get(place: Place) -> int:
            return rows[place.column][place.index]

        def holds(condition: Holds) -> bool:
            return condition.evaluate(get, min, max) > 0

        groups = dict.fromkeys(self.fit_limits, 0)
        for rule in plan.fit:
            place = rule.place
            if place is not None:
                groups[rule.rule.group] += rows[place.column][place.index]
            elif rule.holds is not None and holds(rule.holds):
                groups[rule.rule.group] += rule.points
        fit = _total(groups, self.fit_limits, plan.rulebook.totals.fit)
        groups = dict.fromkeys(self.behaviour_limits, 0)
        for index, behaviour_rule in enumerate(plan.rulebook.behaviour):
            earned = _earned(behaviour_rule, ages.get(index, ()), self.worth[index])
            groups[behaviour_rule.group] += behaviour_rule.clip(earned)
        behaviour = _total(groups, self.behaviour_limits, plan.rulebook.totals.behaviour)
        return self._verdict(fit, behaviour, holds, ages)

    def _verdict(
        self, fit: int, behaviour: int, holds: Callable[[Holds], bool], ages: Mapping[int, list[int]]
    ) -> dict[str, Any]:
        plan, qualify = self.plan, self.plan.rulebook.qualify
        blocked = next((n for n, one in plan.never if (one in ages if isinstance(one, int) else holds(one))), None)
        segment, threshold = next(
            ((name, bar) for name, condition, bar in plan.segments if holds(condition)),
            (None, thousandths(qualify.threshold)),
        )
        enough = fit + behaviour >= threshold
        if qualify.minimum_fit is not None:
            enough = enough and fit >= thousandths(qualify.minimum_fit)
        if qualify.minimum_behaviour is not None:
            enough = enough and behaviour >= thousandths(qualify.minimum_behaviour)
        via = None if blocked else "hand_raise" if plan.hand_raise in ages else "score" if enough else None
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
        grades = self.plan.rulebook.grades
        if grades is None:
            return None
        letters = ""
        for bars, value in ((grades.fit, fit), (grades.behaviour, behaviour)):
            if bars:
                reached_bars = (str(key) for key, bar in bars.items() if value >= thousandths(bar))
                letters += next(reached_bars, below(list(bars)[-1]))
        return letters or None


def _limits(plan: Plan, groups: set[str | None]) -> dict[str | None, Limits | None]:
    return {group: plan.rulebook.groups.get(group) if group is not None else None for group in groups}


def _total(groups: dict[str | None, int], limits: dict[str | None, Limits | None], total: Limits) -> int:
    points = 0
    for group, value in groups.items():
        limit = limits[group]
        points += value if limit is None else limit.clip(value)
    return total.clip(points)


def _earned(rule: BehaviourRule, ages: Iterable[int], worth: Callable[[int], int]) -> int:
    """What a behaviour rule gives before its limits."""
    ages = ages if isinstance(ages, list) else []
    if rule.count != "each":
        ages = list(set(ages)) if rule.count == "daily" else [min(ages)] if ages else []
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
        `fit`, `behaviour`, `total`, `segment`, `threshold`, `qualified`, `via`, `blocked_by`, `grade`, as in `Scores.frame`.

    Raises
    ------
    ContractError
        If a column is absent or holds a value of another kind; all of them at once.
    ArgumentError
        If `as_of` is no day, or the lead was created after it.

    Examples
    --------
    >>> rulebook = Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
    ... behaviour: [{name: Pricing page, event: pricing, points: 15, half_life_days: 14, at_most: 45}]
    ... qualify: {threshold: 80}
    ... ''')
    >>> events = [{"event": "pricing", "at": "2026-03-17"}, {"event": "pricing", "at": "2026-03-31T09:30:00Z"}]
    >>> score_one({"country": "us"}, events, rulebook, as_of="2026-03-31")["total"]
    82.5
    """
    scorer = _one_scorer(rulebook)
    day = as_day(as_of).toordinal() - _EPOCH_ORDINAL
    created = lead.get("created_at")
    if not _is_missing(created) and created != "":
        try:
            later = day_of(created, scorer.zone) > day
        except _Wrong as error:
            raise ContractError("lead", [Problem("lead['created_at']", f"{created!r} {error}")]) from None
        if later:
            raise ArgumentError("as_of", f"the lead was created on {created}, after {as_day(as_of)}")
    return scorer.score(lead, events, day)
