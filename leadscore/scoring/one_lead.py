"""`score_one`: one lead, as a dict, in tens of microseconds; the plan of `score`, looked up one value at a time."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from leadscore.base.arguments import Arguments
from leadscore.base.days import as_day
from leadscore.base.text import normalise
from leadscore.errors import ArgumentError, ContractError, Problem, did_you_mean
from leadscore.rulebook import Rulebook
from leadscore.rulebook.lookups import ColumnPlan, Holds, cells
from leadscore.rulebook.model import Limits, minimum, thousandths
from leadscore.rulebook.plan import EventPlan, Plan, compiled
from leadscore.scoring.lead_on_day import (
    Event,
    Found,
    OneLead,
    Rows,
    at_most,
    case_points,
    fit_points,
    points_at,
    points_of,
)
from leadscore.tables.events import LARGEST_AMOUNT
from leadscore.tables.one_value import OneValue, in_calendar

# Distinct raw values remembered per column: job titles and addresses repeat.
_REMEMBERED = 1 << 16
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
# Days since 1970 that are of the years 1 to 9999 in every time zone.
_SAFE_DAYS = dt.date(1, 1, 9).toordinal() - _EPOCH_ORDINAL, dt.date(9999, 12, 20).toordinal() - _EPOCH_ORDINAL


# Values of these types mean what they equal; Decimal("1.0") and Decimal("1.00") are two texts, and of a time that the
# clock shows twice both are equal.
_PLAIN = frozenset({str, bool, int, float, type(None)})
_TEXT = frozenset({str, type(None)})
# Values of these types are asked for again and again, and equal those alone that mean the same.
_FEW = frozenset({str, bool})

_NOTHING: dict[int, tuple[Any, ...]] = {}


class _Reader:
    """One column's answers for one value."""

    def __init__(self, plan: ColumnPlan, value: OneValue) -> None:
        self.plan, self.value = plan, value
        self.edges = sorted(plan.edges)
        self.cells = [plan.row(value) for value in cells(self.edges)] if plan.kind in {"number", "date"} else []
        self.remembered = lru_cache(_REMEMBERED)(self._row)

    def row(self, raw: Any) -> list[int]:
        """All look-ups of one value."""
        return self.remembered(raw) if type(raw) in _FEW else self._row(raw)

    def _row(self, raw: Any) -> list[int]:
        value = self.value.read(raw)
        if value is None:
            return self.plan.on_missing
        if self.cells:
            return self.cells[bisect_left(self.edges, value) + bisect_right(self.edges, value)]
        return self.plan.row(value)


class _Answered(dict[tuple[Any, ...], Any]):
    """What values answer together, remembered where they mean what they equal."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self.answer = answer

    def __missing__(self, values: tuple[Any, ...]) -> Any:
        kinds = tuple(map(type, values))
        # 1 and True are equal, and two texts; a text equals itself alone, so that texts are found without all this.
        key = values if _TEXT.issuperset(kinds) else (values, kinds)
        if key is not values and key in self:
            return self[key]
        answer = self.answer(*values)
        if _PLAIN.issuperset(kinds):
            if len(self) >= _REMEMBERED:
                self.clear()
            self[key] = answer
        return answer


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
        self.ago = {name: _Reader(column, OneValue("number", (), book.timezone)) for name, column in plan.ago.items()}
        self.within = [
            (rule.place.column, rule.place.index, self.fit.slot(rule.rule.group))
            for rule in plan.fit
            if rule.place is not None and not rule.moves
        ]
        self.across = [(rule, self.fit.slot(rule.rule.group)) for rule in plan.fit if rule.place is None or rule.moves]
        # An event may be called what `missing_values` lists.
        self.events = {
            name: _Reader(column, OneValue(column.kind, missing, book.timezone, odd=False))
            for name, column in plan.events.items()
            for missing in [() if name == "event" else book.missing_values]
        }
        self.day = OneValue("date", book.missing_values, book.timezone)
        self.dated = "at" in self.events
        self.where = [name for name in self.events if name not in {"event", "at"}]
        self.text = OneValue("text", book.missing_values, book.timezone, odd=False)
        self.amount = OneValue("number", book.missing_values, book.timezone, odd=False)
        self.feeds = _Answered(self._feeds)
        self.named = lru_cache(_REMEMBERED)(self._named)
        self.told = {place: one for place, one in enumerate(plan.happenings) if one.columns or one.sum}
        waits = [(one.window, index, one.holds) for index, one in enumerate(plan.happenings) if one.holds is not None]
        self.waits = sorted(waits, key=itemgetter(0), reverse=True)
        self.windows = [one.window for one in plan.happenings]
        self.stages = [(place, one.stages) for place, one in enumerate(plan.happenings) if one.stages]
        self.minimum_fit = minimum(book.qualify.minimum_fit)
        self.minimum_behaviour = minimum(book.qualify.minimum_behaviour)
        self._arrange_behaviour()

    def _arrange_behaviour(self) -> None:
        """What each rule gives for no events, so that of rules that ask for events alone only some are worked out."""
        self.rules = []
        self.asking = []
        self.quiet = [0] * len(self.behaviour.slots)
        for place, (earning, plan) in enumerate(zip(self.plan.behaviour, self.plan.happenings, strict=False)):
            rule = earning.rule
            alone = earning.plain and plan.simple
            nothing = rule.clip(rule.reached(0) if rule.from_ is not None else 0) if alone else 0
            slot = self.behaviour.slot(rule.group)
            self.quiet[slot] += nothing
            self.rules.append((rule, lru_cache(4096)(rule.worth), slot, nothing))
            self.asking += [] if alone else [place]
        self.alone = frozenset(range(len(self.rules))) - frozenset(self.asking)

    def _feeds(self, event: Any, *values: Any) -> list[tuple[int, int]]:
        """The happenings that wait for such an event, each after its window; the longest window first."""
        blank = not event.strip() if isinstance(event, str) else self.events["event"].value.read(event) is None
        if blank:
            raise ValueError("no event")
        named = zip(["event", *self.where, *["at"] * self.dated], (event, *values), strict=True)
        rows = {name: self.events[name].row(value) for name, value in named}
        event_alone = OneLead(self.plan, rows, {}, {}, 0)
        waits = self.named(event) if type(event) is str else self.waits
        return [(window, index) for window, index, holds in waits if holds.true_of(event_alone)]

    def _named(self, event: str) -> list[tuple[int, int, Holds]]:
        """The happenings that some event of a name may be waited for by: all but those that its name rules out."""
        rows = {name: [0] * len(column.looks) for name, column in self.plan.events.items()}
        only_named = OneLead(self.plan, rows | {"event": self.events["event"].row(event)}, {}, {}, 0)
        return [wait for wait in self.waits if not wait[-1].false_of(only_named)]

    def found(self, events: Iterable[Mapping[str, Any]], day: int) -> Found:
        """For each happening the events it waits for, in its window."""
        found: defaultdict[int, list[Any]] = defaultdict(list)
        problems = []
        feeds, where, told = self.feeds, self.where, self.told
        for position, event in enumerate(events):
            try:
                values = event["event"], *map(event.get, where)
                own = self._day(event["at"])
                asked = (*values, dt.date.fromordinal(own + _EPOCH_ORDINAL)) if self.dated else values
                try:
                    waiting = feeds[asked]
                except TypeError:  # a list of options has no hash
                    waiting = self._feeds(*asked)
                age = day - own
                kept = {one: self._told(told[one], event) for _, one in waiting if one in told} if told else _NOTHING
            except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
                problems.append(Problem(f"events[{position}]", _refused(event, error)))
            else:
                if age >= 0:
                    for window, happening in waiting:
                        if age >= window:
                            break
                        found[happening].append((age, *kept[happening]) if happening in kept else age)
        if problems:
            raise ContractError("events", problems)
        return found

    def _told(self, plan: EventPlan, event: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values of an event that are told apart, and last what is added up."""
        keys = tuple(self.text.read(event.get(name)) for name in plan.columns)
        if plan.sum is None:
            return keys
        amount = self.amount.read(event.get(plan.sum))
        if amount is not None and abs(amount) > LARGEST_AMOUNT:
            raise ValueError(f"{plan.sum} is beyond a million, which is too large to add up")
        return *keys, 0 if amount is None else round(amount * 1000)

    def reached(self, outcomes: Iterable[Mapping[str, Any]], day: int, found: Found) -> None:
        """Note the stages that happenings wait for."""
        problems = []
        for position, outcome in enumerate(outcomes):
            try:
                age, stage = day - self._day(outcome["at"]), normalise(outcome["stage"])
            except KeyError as error:
                problems.append(Problem(f"outcomes[{position}]", f"there is no {error}"))
            except (ValueError, TypeError, AttributeError, IndexError) as error:
                problems.append(Problem(f"outcomes[{position}]", f"{outcome!r}: {error}"))
            else:
                for happening, names in self.stages:
                    if stage in names and 0 <= age < self.windows[happening]:
                        found.setdefault(happening, []).append(age)
        if problems:
            raise ContractError("outcomes", problems)

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

    def rows(self, lead: Mapping[str, Any], day: int) -> tuple[Rows, Rows]:
        """Each column's answers, and those about how many days ago the day of some is."""
        rows, ago, problems = {}, {}, []
        for name, reader in self.leads.items():
            try:
                rows[name] = reader.row(lead[name])
            except KeyError:
                problems.append(Problem(f"lead[{name!r}]", f"is not there (None is missing){did_you_mean(name, lead)}"))
            except ValueError as error:
                problems.append(Problem(f"lead[{name!r}]", f"{lead[name]!r}: {error}"))
        if problems:
            raise ContractError("lead", problems)
        for name, reader in self.ago.items():
            date = self.leads[name].value.read(lead[name])
            ago[name] = reader.row(None if date is None else day - int(date))
        return rows, ago

    def score(
        self,
        lead: Mapping[str, Any],
        events: Iterable[Mapping[str, Any]],
        outcomes: Iterable[Mapping[str, Any]],
        day: int,
    ) -> dict[str, Any]:
        """One lead's row of `Scores.frame`."""
        rows, ago = self.rows(lead, day)
        found = self.found(events, day)
        if self.stages:
            self.reached(outcomes, day, found)
        one = OneLead(self.plan, rows, ago, found, day)
        sums = [0] * len(self.fit.slots)
        for column, index, slot in self.within:
            sums[slot] += rows[column][index]
        for fit_rule, slot in self.across:
            sums[slot] += fit_points(fit_rule, one)
        fit = self.fit.total(sums)
        return self._verdict(fit, self.behaviour.total(self._behaviour(one)), one)

    def _behaviour(self, one: OneLead) -> list[int]:
        """The sums of the groups of behaviour, before their limits."""
        sums = self.quiet.copy()
        for happening in one.found:
            if happening in self.alone:
                rule, worth, slot, nothing = self.rules[happening]
                sums[slot] += rule.clip(points_at(rule, one.found[happening], worth)) - nothing
        shared: dict[str, dict[Any, int]] = {}
        for place in self.asking:
            self._add(place, one, sums, shared)
        for group, values in shared.items():
            most = self.plan.rulebook.groups[group].each_at_most
            sums[self.behaviour.slot(group)] += sum(at_most(value, most) for value in values.values())
        return sums

    def _add(self, place: int, one: OneLead, sums: list[int], shared: dict[str, dict[Any, int]]) -> None:
        """Add what a rule gives that asks more than its events; in a group with `per`, value by value."""
        earning, plan = self.plan.behaviour[place], self.plan.happenings[place]
        rule, worth, slot, _ = self.rules[place]
        first, last = rule.active
        if not first <= one.day <= last or (earning.when is not None and not earning.when.true_of(one)):
            return
        events = one.events(place)
        if earning.cases:
            sums[slot] += rule.clip(case_points(earning, plan, events, one))
        elif not rule.event:
            sums[slot] += rule.clip(thousandths(rule.points or 0))
        elif not plan.per:
            sums[slot] += rule.clip(points_of(rule, plan, events, one, worth))
        else:
            values: dict[Any, list[Event]] = {}
            for event in events:
                values.setdefault(one.key(plan, event, plan.per), []).append(event)
            paid = {
                key: at_most(points_of(rule, plan, those, one, worth), rule.each_at_most)
                for key, those in values.items()
            }
            if not earning.group_per:
                sums[slot] += rule.clip(sum(paid.values()))
                return
            added = shared.setdefault(str(rule.group), {})
            for key, value in paid.items():
                added[key] = added.get(key, 0) + value

    def _verdict(self, fit: int, behaviour: int, one: OneLead) -> dict[str, Any]:
        plan, qualify = self.plan, self.plan.rulebook.qualify
        barred = (name for name, asks in plan.never if (one.did(asks) if isinstance(asks, int) else asks.true_of(one)))
        blocked = next(barred, None)
        own = ((name, threshold) for name, holds, threshold in plan.segments if holds.true_of(one))
        segment, threshold = next(own, (None, plan.threshold))
        grade = self._grade(fit, behaviour)
        enough = fit >= self.minimum_fit and behaviour >= self.minimum_behaviour
        enough = enough and (threshold is None or fit + behaviour >= threshold)
        enough = enough and (qualify.grades is None or grade in qualify.grades)
        asked = any(one.did(place) and (holds is None or holds.true_of(one)) for place, holds in plan.hand_raises)
        via = None if blocked else "hand_raise" if asked else "score" if enough else None
        verdict = {
            "fit": fit / 1000,
            "behaviour": behaviour / 1000,
            "total": (fit + behaviour) / 1000,
            "segment": segment,
            "threshold": None if threshold is None else threshold / 1000,
            "qualified": via is not None,
            "via": via,
            "blocked_by": blocked,
            "grade": grade,
        }
        return verdict | {"label": plan.labels.get(grade or "")} if plan.labels else verdict

    def _grade(self, fit: int, behaviour: int) -> str | None:
        found = ""
        for side, least, letters in self.plan.grades:
            found += letters[bisect_left(least, -fit if side == "fit" else -behaviour)]
        return found or None


def _refused(event: Any, error: Exception) -> str:
    """What is wrong with an event that could not be read."""
    if isinstance(error, KeyError):
        return f"there is no {error}"
    if isinstance(error, ValueError):
        return f"{event!r}: {error}"
    if isinstance(event, Mapping):
        raise error
    return f"must be a mapping of column to value, as frame.to_dict('records') gives; got {event!r}"


@lru_cache(maxsize=64)
def _one_scorer(rulebook: Rulebook) -> _OneScorer:
    return _OneScorer(compiled(rulebook))


def _several(part: Any) -> bool:
    """Whether there is one after another; an array without dimensions passes for an Iterable."""
    return isinstance(part, Iterable) and bool(getattr(part, "ndim", 1))


def score_one(
    lead: Mapping[str, Any],
    events: Iterable[Mapping[str, Any]],
    rulebook: Rulebook,
    *,
    as_of: Any,
    outcomes: Iterable[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Score one lead, as a web form or a CRM hook has it; the same figures as `score`, to the last digit.

    Parameters
    ----------
    lead : mapping of column to value
        Every column the rulebook uses; None where it is not known.
    events : iterable of mappings
        This lead's events: `event`, `at` (date, time or ISO text), and the columns that rules look at (absent is
        missing).
    rulebook : Rulebook
        Compiled at the first call, then remembered.
    as_of : date, or text as "2026-03-31"
    outcomes : iterable of mappings, optional
        This lead's stages, where the rulebook asks for some: `stage`, by our names, and `at`.

    Returns
    -------
    dict
        `fit`, `behaviour`, `total`, `segment`, `threshold`, `qualified`, `via`, `blocked_by`, `grade`, as in
        `Scores.frame`; with labels also `label`.

    Raises
    ------
    ContractError
        If a column is absent or holds a value of another kind; all of them at once. Each value is read as `load_tables`
        reads it in a table, and refused where that refuses it.
    ArgumentError
        If `as_of` is no day, the arguments are not in this order, the lead was created after that day, or the rulebook
        asks for stages and none are given (give an empty list for none).

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
    tables = _several(events) and (outcomes is None or _several(outcomes))
    if not (tables and isinstance(lead, Mapping) and isinstance(rulebook, Rulebook)):
        rows, reached = (part if getattr(part, "ndim", 1) else 0 for part in (events, outcomes))
        with Arguments("score_one") as given:
            given.types(lead=(lead, Mapping), events=(rows, Iterable), rulebook=(rulebook, Rulebook))
            given.types(outcomes=(reached, Iterable | None))
            given.day("as_of", as_of)
    today = as_day(as_of, name="as_of")
    scorer = _one_scorer(rulebook)
    if outcomes is None and scorer.stages:
        message = f"{rulebook.name!r} asks for stages: give those that the lead reached, or an empty list"
        raise ArgumentError("outcomes", message)
    day = today.toordinal() - _EPOCH_ORDINAL
    try:
        created = scorer.day.read(lead.get("created_at"))
    except ValueError as error:
        raise ContractError("lead", [Problem("lead['created_at']", f"{lead['created_at']!r}: {error}")]) from None
    if created is not None and created > day:
        raise ArgumentError("as_of", f"the lead was created on {lead['created_at']}, after {today}")
    return scorer.score(lead, events, () if outcomes is None else outcomes, day)
