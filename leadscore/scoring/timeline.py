"""What leads did, day by day: events counted once by class, lead and day, and any lead on any day looked up in them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leadscore.base.stages import STAGES
from leadscore.base.text import normalise
from leadscore.errors import ContractError, Problem
from leadscore.rulebook import Rulebook
from leadscore.rulebook.conditions import Did
from leadscore.rulebook.plan import Plan, compiled
from leadscore.scoring.attributes import Attributes
from leadscore.scoring.engine import Bound, SoFar
from leadscore.tables.counting import counted
from leadscore.tables.days import Days, Ints, daily, merged, together, told_apart
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

    def so_far(
        self,
        lead: Positions,
        day: Positions,
        row: npt.NDArray[np.intp],
        today: list[Days],
        told: dict[int, Days],
    ) -> Bound:
        """Leads on days at moments of them: of each its place in `lead`; `today` has each class's events until then.

        `told` has those of the tables that tell values apart. Of stages only the day is known: they count from its
        start.
        """
        plain, feeds = self.plan.behaviour, self.classes.feeds
        simple = [
            one.simple and (place >= len(plain) or plain[place].plain) and not isinstance(one.part, Did)
            for place, one in enumerate(self.plan.happenings)
        ]
        whole = {table for fed, alone in zip(feeds, simple, strict=True) if not alone for table in fed}
        whole |= {one for table in whole for one in self._made_of(table)}
        own = self._with_others([*today], told, None)
        then, found = lead[row], [*own]
        for place in sorted(whole):
            other = place - len(today)
            if other >= 0 and self.classes.tables[other].stages:
                found[place] = self._at_one(place, then, day[row], 0)
            elif other >= 0 and self.classes.tables[other].of_classes:
                found[place] = merged([found[one] for one in self._made_of(place)])
            else:
                found[place] = told_apart(together([self._at_one(place, then, day[row], 1), own[place]]))
        before = self._bound(lead, day, [self._at_one(place, lead, day, 1) for place in range(len(self.tables))])
        waited = [[(own if alone else found)[one] for one in fed] for fed, alone in zip(feeds, simple, strict=True)]
        now = Bound(self.attributes, then, self.record(then, day[row]), day[row].astype(np.int64), waited)
        return SoFar(before, now, row)

    def _made_of(self, place: int) -> tuple[int, ...]:
        """The tables that a table is made of; none of most."""
        other = place - len(self.classes.matches)
        return self.classes.tables[other].classes if other >= 0 and self.classes.tables[other].of_classes else ()

    def parts(self) -> Iterator[tuple[slice, Timeline]]:
        """The leads in runs, each with what they did."""
        for start in range(0, len(self.there_from), _LEADS):
            leads = slice(start, min(start + _LEADS, len(self.there_from)))
            part = copy(self)
            part.tables = [table.between(leads.start, leads.stop) for table in self.tables]
            yield leads, part

    def blocks(self, lead: Positions) -> Iterator[slice]:
        """Leads on days in runs of as many as can be looked up at a time."""
        work = np.cumsum(self._rows[lead])
        ends = np.flatnonzero(np.diff(work // _ROWS)) + 1
        for start, stop in pairwise([0, *ends.tolist(), len(lead)]):
            yield slice(start, stop)

    @cached_property
    def _rows(self) -> Ints:
        """(n_leads,) how much there is to look up of each lead on a day, at most."""
        rows = np.ones(len(self.there_from), np.int64)
        for table in self.tables:
            rows += np.bincount(table.lead, minlength=len(rows))
        return rows


def bound_at(rulebook: Rulebook, tables: Tables, lead: Positions, day: Positions) -> Bound:
    """Leads on days, each as it stood at the end of its day."""
    return Timeline(compiled(rulebook), tables, int(day.min()), int(day.max())).at(lead, day)
