"""What a made-up funnel may have planted from a day on, to see whether a detector tells it and how soon."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number
from leadscore.errors import did_you_mean
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.outcomes_and_scores import Mask

_DAY = 86_400.0
_WEEK = 7 * _DAY
# So long a lead goes on doing things once it came, so that those that come late are like those that came early.
LIFE = 90 * _DAY
_BURST_WEEKS = 3
# A mail to a firm whose scanner follows its links, by each lead of it.
_DAYS_A_MAIL = 8


@dataclass(frozen=True)
class _Plan:
    """How one scenario differs from a stable funnel, from its day on.

    Attributes
    ----------
    activity : all that leads do is so many times as much
    growth : and grows by this share a week
    weeks : until it ends, if it does
    junior_only : only junior people do more
    poorer : share of leads that come from the source of poorer leads in place of their own
    moved, by : share of leads whose seniority is so many classes lower
    scanned : share of firms whose mail scanner follows every link
    volume : so many times as many leads
    cold : so many more leads, of an imported list, that do next to nothing
    """

    activity: float = 1.0
    growth: float = 0.0
    weeks: float = np.inf
    junior_only: bool = False
    poorer: float = 0.0
    moved: float = 0.0
    by: int = 0
    scanned: float = 0.0
    volume: float = 1.0
    cold: float = 0.0


STABLE = "stable"
_PLANS = {
    STABLE: _Plan(),
    "activity x1.10": _Plan(activity=1.1),
    "activity x1.25": _Plan(activity=1.25),
    "activity x1.50": _Plan(activity=1.5),
    "ramp": _Plan(growth=0.01),
    "junior": _Plan(activity=1.5, junior_only=True),
    "fit mix": _Plan(poorer=0.15),
    "fit quality": _Plan(moved=0.2, by=1),
    "scanners": _Plan(scanned=0.12),
    "fit up": _Plan(moved=0.2, by=-1),
    "volume x2": _Plan(volume=2.0),
    "volume x0.5": _Plan(volume=0.5),
    "cold list": _Plan(cold=0.3),
    "burst": _Plan(activity=1.5, weeks=_BURST_WEEKS),
}
SCENARIOS = (*_PLANS,)


@dataclass(frozen=True)
class Scenario:
    """A plan, the moment it begins (in seconds since 1970), and draws of its own, so that it disturbs no other draw."""

    plan: _Plan
    start: float
    rng: np.random.Generator

    @classmethod
    def read(cls, name: Any, start: Any, period: tuple[dt.date, dt.date], rng: np.random.Generator) -> Self:
        """The scenario of that name; `period` is the first and the last day of the funnel."""
        with Arguments("make_funnel") as given:
            day = None if start is None else given.day("scenario_start", start)
            if not isinstance(name, str) or name not in _PLANS:
                given.wrong("scenario", f"there is no {name!r}{did_you_mean(name, SCENARIOS)}")
            elif name == STABLE and start is not None:
                given.wrong("scenario_start", "nothing starts in a stable funnel: name a scenario, or leave it out")
            elif name != STABLE and start is None:
                given.wrong("scenario_start", f"give the day from which on {name!r} holds")
            elif day is not None and not given.problems and not period[0] <= day <= period[1]:
                given.wrong("scenario_start", f"must lie in {period[0]} to {period[1]}; got {day}")
        # A stable funnel ends before anything begins.
        begins = period[1] + dt.timedelta(1) if day is None else day
        return cls(_PLANS[name], day_number(begins) * _DAY, rng.spawn(1)[0])

    def people(self, created: Floats, level: Ints, source: Ints, poorest: int, lowest: int) -> tuple[Ints, Ints]:
        """Who leads are: their class, the lowest last, and source; those of the poorest source are of the last two."""
        new = created >= self.start
        source = np.where(new & (self.rng.random(len(created)) < self.plan.poorer), poorest, source)
        moved = new & (self.rng.random(len(created)) < self.plan.moved)
        level = np.clip(level + self.plan.by * moved, 0, lowest)
        junior = lowest - self.rng.integers(0, 2, len(created))
        return np.where(source == poorest, np.maximum(level, junior), level), source

    def more_activity(self, until: float) -> float:
        """What is added to what leads do, at its most, as a share of it."""
        return max(float(self._added(np.array([self.start, until - 1])).max()), 0.0)

    def happens(self, at: Floats, junior: Mask, most: float) -> Mask:
        """Which of the added events happen, drawn as if `more_activity` was added all the time and by everyone."""
        there = self._added(at) > most * self.rng.random(len(at))
        return there & junior if self.plan.junior_only else there

    def _added(self, at: Floats) -> Floats:
        weeks = np.floor((at - self.start) / _WEEK)
        grown = self.plan.activity * (1 + self.plan.growth) ** np.maximum(weeks + 1, 0) - 1
        return np.where((weeks >= 0) & (weeks < self.plan.weeks), grown, 0.0)

    def mails(self, created: Floats, firm: Ints, stop: float) -> tuple[Ints, Floats]:
        """To whom mails go whose links a scanner follows, and when."""
        scanned = (self.rng.random(firm.max() + 1) < self.plan.scanned)[firm]
        first, last = np.maximum(created, self.start), np.minimum(created + LIFE, stop)
        span = np.where(scanned, np.maximum(last - first, 0), 0.0)
        lead = np.repeat(np.arange(len(created)), self.rng.poisson(span / (_DAYS_A_MAIL * _DAY)))
        return lead, np.floor(first[lead] + span[lead] * self.rng.random(len(lead)))

    def stays(self, created: Floats) -> Mask:
        """Which leads come at all."""
        return (created < self.start) | (self.rng.random(len(created)) < self.plan.volume)

    def joining(self, created: Floats) -> int:
        """How many leads come besides."""
        return round(max(self.plan.volume - 1, self.plan.cold) * int((created >= self.start).sum()))
