"""What leads did, day by day: events counted once by class, lead and day, and any lead on any day looked up in them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import cached_property
from itertools import pairwise

import numpy as np

from leadscore.base.stages import STAGES
from leadscore.base.text import normalise
from leadscore.errors import ContractError, Problem
from leadscore.rulebook import Rulebook
from leadscore.rulebook.plan import Plan, compiled
from leadscore.scoring.attributes import Attributes
from leadscore.scoring.engine import Bound
from leadscore.tables.counting import counted
from leadscore.tables.days import Days, Ints, daily, merged, newest_first
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

# How many leads are looked at on every day at a time, and how many rows of what they did are looked up.
_LEADS = 1 << 16
_ROWS = 1 << 22


class Timeline:
    """A plan bound to tables over the days `first` to `last`, in days since 1970: any lead on any of them.

    Attributes
    ----------
    attributes : Attributes
    classes : Classes
    there_from : (n_leads,) the day from which each lead is there
    tables : days with events of each class, and behind them those that rules want as one; ages are from `last`
    """

    def __init__(self, plan: Plan, tables: Tables, first: int, last: int) -> None:
        self.plan = plan
        self.first, self.last = first, last
        timezone = plan.rulebook.timezone
        self.attributes = Attributes(plan, tables)
        self.record = tables.records.lookup(timezone)
        self.there_from = tables.records.there_from(timezone)
        counting = counted(tables, plan, first, last)
        self.classes = counting.classes
        self.tables = self._with_others([*counting.days], counting.told, tables)

    def judged_by(self, plan: Plan, tables: Tables) -> Timeline:
        """The same for a plan that differs in thresholds alone: it waits for the same events."""
        found = copy(self)
        found.plan, found.attributes = plan, Attributes(plan, tables)
        return found

    def _with_others(self, found: list[Days], told: dict[int, Days], tables: Tables | None) -> list[Days]:
        """The tables of the classes, and behind them those that rules want as one; of stages where there are tables."""
        span = self.last - self.first
        for place, table in enumerate(self.classes.tables):
            if table.stages:
                found.append(daily() if tables is None else self._stages(table.stages, tables))
            elif place in told:
                found.append(told[place])
            else:
                classes = [found[one] for one in table.classes]
                found.append(merged([days.where(days.age < table.within + span) for days in classes]))
        return found

    def _stages(self, names: frozenset[str], tables: Tables) -> Days:
        """The days on which leads reached some stages."""
        if tables.stages is None:
            name = self.plan.rulebook.name
            message = f"{name!r} asks for stages: give the outcomes to load_tables, or as --outcomes"
            raise ContractError("tables", [Problem("outcomes", message)])
        wanted = np.array([normalise(stage) in names for stage in STAGES])
        day = tables.stages.times.days(self.plan.rulebook.timezone)
        rows = np.flatnonzero(wanted[tables.stages.stage] & (day <= self.last))
        age = (self.last - day[rows]).astype(np.int32)
        return daily(tables.stages.lead[rows].astype(np.int32), age, np.ones(len(rows), np.int64))

    def _bound(self, lead: Positions, day: Positions, tables: list[Days]) -> Bound:
        waited = [[tables[one] for one in fed] for fed in self.classes.feeds]
        return Bound(self.attributes, lead, self.record(lead, day), day.astype(np.int64), waited)

    def everyone(self, day: int) -> Bound:
        """All leads that are there on a day, as they stood at its end."""
        lead = np.flatnonzero(self.there_from <= day).astype(np.int32)
        if day < self.last:
            return self.at(lead, np.full(len(lead), day, np.int32))
        days = np.full(len(lead), self.last, np.int32)
        if len(lead) == len(self.there_from):
            return self._bound(lead, days, self.tables)
        position = np.full(len(self.there_from), -1, np.int32)
        position[lead] = np.arange(len(lead), dtype=np.int32)
        return self._bound(lead, days, [table.renumbered(position) for table in self.tables])

    def at(self, lead: Positions, day: Positions) -> Bound:
        """Leads on days, which are there on them; in any order, each as it stood at the end of its day."""
        return self._bound(lead, day, [self._at_one(place, lead, day, 0) for place in range(len(self.tables))])

    def _at_one(self, place: int, lead: Positions, day: Positions, least: int) -> Days:
        """A table for leads on days, from an age on."""
        within = max(int(self.classes.windows[place]) - least, 0)
        return self.tables[place].at(lead, self.last - day + least, within).aged(least)

    def so_far(self, lead: Positions, day: Positions, today: list[Days]) -> Bound:
        """Leads on days at moments of them, at which each had done so much of the day.

        `today` has a table for each class, then one for each that tells values apart. Of stages only the day is known:
        they count from its start.
        """
        n = len(self.classes.matches)
        now = self._with_others(today[:n], dict(zip(self.classes.apart, today[n:], strict=True)), None)
        tables = []
        for place, done in enumerate(now):
            of_stages = place >= n and bool(self.classes.tables[place - n].stages)
            before = self._at_one(place, lead, day, int(not of_stages))
            tables.append(newest_first(done, before))
        return self._bound(lead, day, tables)

    def parts(self) -> Iterator[tuple[slice, Timeline]]:
        """The leads in runs, each with what they did."""
        for start in range(0, len(self.there_from), _LEADS):
            leads = slice(start, min(start + _LEADS, len(self.there_from)))
            part = copy(self)
            part.tables = [table.between(leads.start, leads.stop) for table in self.tables]
            part.rows = self.rows
            yield leads, part

    def blocks(self, lead: Positions) -> Iterator[slice]:
        """Leads on days in runs of as many as can be looked up at a time."""
        work = np.cumsum(self.rows[lead])
        ends = np.flatnonzero(np.diff(work // _ROWS)) + 1
        for start, stop in pairwise([0, *ends.tolist(), len(lead)]):
            yield slice(start, stop)

    @cached_property
    def rows(self) -> Ints:
        """(n_leads,) how much there is to look up of each lead on a day, at most."""
        rows = np.ones(len(self.there_from), np.int64)
        for table in self.tables:
            rows += np.bincount(table.lead, minlength=len(rows))
        return rows


def bound_at(rulebook: Rulebook, tables: Tables, lead: Positions, day: Positions) -> Bound:
    """Leads on days, each as it stood at the end of its day."""
    return Timeline(compiled(rulebook), tables, int(day.min()), int(day.max())).at(lead, day)
