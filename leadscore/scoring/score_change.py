"""`explain_change`: why a lead's score moved from one day to another."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.errors import ArgumentError
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import BehaviourRule
from leadscore.scoring.binding import Binding
from leadscore.scoring.engine import Bound
from leadscore.scoring.scores import Explanation, Line, lines, summary, verdicts
from leadscore.tables.days import Days
from leadscore.tables.tables import Tables

# A part of a change: side, cause, line, how many events, thousandths.
_Part = tuple[str, str, str, int, int]
_LEAD = np.zeros(1, np.int32)
_AGEING = ("conditions", "restart", "window closed", "decay", "new events")


def explain_change(  # noqa: PLR0913 - whose score, by which rules, from when to when
    tables: Tables, rulebook: Rulebook, lead_id: Any, *, before: Any, after: Any, new: Rulebook | None = None
) -> Explanation:
    """Say why a lead's score moved from the end of one day to the end of another.

    Parameters
    ----------
    tables : Tables
    rulebook : Rulebook
    lead_id : an id of the leads
    before, after : date, or text as "2026-03-31"
        The two days; `after` does not come before `before`.
    new : Rulebook, optional
        The rulebook in force on the later day, where it is another one.

    Returns
    -------
    Explanation
        `lines` with `side`, `cause`, `line` (a rule or a limit), `events` (how many are meant, or how many days with
        events where the rule counts days; else 0) and `points`, which sum exactly to the change of fit, of behaviour
        and of the total. The causes, in the order in which each is worked out on top of those before: `created` (the
        lead was not there on the first day: all that `rulebook` gives it), `attributes` (what fit rules see of the
        lead), `conditions` (a rule's `when` or a case's that holds now and did not, or its days), `restart` (events
        forgotten at a restart or by `since_last`), `window closed` (events that no longer count), `decay` (events that
        count for less or, below zero, take away less), `new events`, `limits` (what caps and
        floors took away or gave back) and `rulebook` (what `new` gives on the later day beyond `rulebook`).

    Raises
    ------
    ArgumentError
        If there is no such lead on the later day, a day is none, or days or arguments are not in order.
    ContractError
        If the tables lack a column a rulebook uses, or hold values that it cannot read.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... behaviour:
    ...   - {name: Pricing page, event: pricing, points: 16, half_life_days: 7, at_most: 20}
    ...   - {name: Webinar, event: webinar, points: 10, within_days: 10}
    ... qualify: {threshold: 20}
    ... ''')
    >>> leads = pd.DataFrame({"lead_id": ["a"]})
    >>> kinds, days = ["webinar", "pricing", "pricing"], ["2026-03-01", "2026-03-03", "2026-03-10"]
    >>> events = pd.DataFrame({"lead_id": "a", "event": kinds, "at": days})
    >>> tables = ls.load_tables(leads, events, rulebook=rulebook)
    >>> ls.explain_change(tables, rulebook, "a", before="2026-03-03", after="2026-03-12")
    a on 2026-03-12: fit 0 + behaviour 19.688 = 19.688, threshold 20: not qualified; -6.312 points since 2026-03-03
    <BLANKLINE>
    Where the points come from:
      side       cause          line           points
      behaviour  decay          Pricing page   -9.437
      behaviour  new events     Pricing page  +13.125
      behaviour  window closed  Webinar           -10
    <BLANKLINE>
    - a on 2026-03-03: fit 0 + behaviour 26 = 26, threshold 20: qualified via score
    """
    with Arguments("explain_change") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        given.types(new=(new, Rulebook | None))
        first, last = given.period(before, after, ("before", "after"))
    alone = Binding(tables.only(tables.position(lead_id)), first, last)
    timeline = alone.timeline(rulebook)
    if timeline.there_from[0] > last:
        raise ArgumentError("lead_id", f"the lead {lead_id!r} was created after {day_of(last)}")
    earlier, later = (timeline.at(_LEAD, _LEAD + day) for day in (first, last))
    if timeline.there_from[0] > first:
        told = f"{lead_id} did not exist yet on {day_of(first)}"
        parts = [(side, "created", line, 0, value) for side, _, line, value in _apart((), lines(later, 0))]
    else:
        told = _told(earlier, lead_id, day_of(first))
        parts = [
            (side, "limits" if limit else "attributes", line, 0, value)
            for side, limit, line, value in _apart(lines(earlier, 0), lines(later, 0))
            if limit or side == "fit"
        ]
        parts += _behaviour(earlier, later, last - first)
    now = later
    if new is not None and new != rulebook:
        now = alone.timeline(new).at(_LEAD, _LEAD + last)
        beyond = _apart(lines(later, 0), lines(now, 0))
        parts += [(side, "rulebook", line, 0, value) for side, _, line, value in beyond]
    frame = pd.DataFrame([part for part in parts if part[-1]], columns=["side", "cause", "line", "events", "points"])
    points = frame["points"].astype(float) / 1000
    frame = frame.assign(points=points).sort_values("side", ascending=False, kind="stable")
    change = f"{round(frame['points'].sum(), 3):+.10g} points since {day_of(first)}"
    headline = f"{_told(now, lead_id, day_of(last))}; {change}"
    return Explanation(headline, lead_id, frame.reset_index(drop=True), (told,))


def _told(bound: Bound, lead_id: Any, day: dt.date) -> str:
    return summary(lead_id, day, verdicts(bound).astype(object).iloc[0])


def _apart(before: Iterable[Line], after: Iterable[Line]) -> Iterator[Line]:
    """What each rule, and each limit that cut points, gave more or less."""
    sums: Counter[tuple[str, bool, str]] = Counter()
    for sign, found in ((-1, before), (1, after)):
        for *line, value in found:
            sums[tuple(line)] += sign * value  # type: ignore[index] # what is left of a line
    return ((*line, value) for line, value in sums.items())


def _behaviour(before: Bound, after: Bound, gap: int) -> Iterator[_Part]:
    """What each behaviour rule gave less or more, before limits, cause by cause, each on top of those before."""
    held = [[bool(bound.held(earning)[0]) for earning in bound.plan.behaviour] for bound in (before, after)]
    for place, (earning, plan) in enumerate(zip(after.plan.behaviour, after.plan.happenings, strict=False)):
        rule, last = earning.rule, after.forgotten_from(place)[0]
        then, now = (bound.days(place) for bound in (before, after))
        remembered = [days.where(days.age + gap < last) for days in then]
        kept = [days.where(days.age + gap < plan.window) for days in remembered]
        aged = [days.aged(gap) for days in kept]
        new = [days.where(days.age < gap) for days in now]
        steps = [before.worked(place, then).at(0) * held[0][place]]
        # Conditions are those of the later day from here on; the age of events stays that of the day before.
        on_day = after.on(before.day)
        steps += [on_day.worked(place, days).at(0) for days in (then, remembered, kept)]
        steps += [after.worked(place, days).at(0) for days in (aged, now)]
        steps[1:] = [step * held[1][place] for step in steps[1:]]
        numbers = [_events(rule, days) for days in (then, remembered, kept, new)]
        events = [0, numbers[0] - numbers[1], numbers[1] - numbers[2], numbers[2], numbers[3]]
        for cause, count, (low, high) in zip(_AGEING, events, pairwise(steps), strict=True):
            yield "behaviour", cause, rule.name, count, high - low


def _events(rule: BehaviourRule, tables: list[Days]) -> int:
    """How many events there are in these days, or how many days where the rule counts those."""
    return sum(int(days.count.sum()) if rule.count == "each" else len(days.age) for days in tables)
