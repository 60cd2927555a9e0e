"""What makes the alarm: the gap of behaviour and fit over the weeks that count, watched for a rise."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.days import day_number
from leadscore.drift.cohorts import LATELY, SHORT, carried
from leadscore.rulebook import Rulebook
from leadscore.stats.intervals import Floats
from leadscore.stats.rank_detector import RankDetector, discount, level

# Fewer leads than this say nothing about their week: it is skipped, not taken for 0.
FEWEST = 20
# What is watched; either may alarm, so the budget for false alarms is shared (union bound): evenly, or not at all where
# too few weeks of the reference have MQLs enough to be watched: theirs would be spent for nothing.
_SIDES = ("pool", "mqls")
MOSTLY = 0.75
# A rule that makes up so much of its side's points, or all behaviour together, is out in a week with so little of what
# is usual a lead, by so many standard deviations of weeks (by their median, robust): all together vary less, and half
# of all events may be lost. Behaviour that was low in a season may be left out too: when it is low again that is no
# rise. A season of low fit would be one, so of fit only next to nothing counts.
_MATTERS, _ALL = 0.1, "all behaviour"
_OUT = {_ALL: (0.7, 2.5), "fit": (0.25, 5.0), "behaviour": (0.6, 5.0)}
# A "watch" is for looking, not for paging: it may come falsely in two of five such spans.
_WATCH_BUDGET = 0.4


class Watch:
    """The gap of all leads and of MQLs over the weeks that count, and the detector that watches both.

    Attributes
    ----------
    counted : list of weeks, those skipped and those left out by a decision not among them
    skipped : list of weeks with too few leads
    silent : for each week left out of the reference, what gave far less than usual in it
    detector : RankDetector or None where no week is watched yet
    alarmed : the first week since the last decision whose evidence passed its bound; None if none did
    """

    def __init__(
        self, rulebook: Rulebook, reference_weeks: int, horizon_weeks: int, budget: float, decisions: Sequence[Any]
    ) -> None:
        self.rulebook, self.horizon_weeks, self.budget = rulebook, horizon_weeks, budget
        self.decisions = decisions
        self.reference_weeks = reference_weeks
        if any(decision["decision"] == "new_normal" for decision in decisions):
            self.reference_weeks = min(SHORT, reference_weeks)
        self.counted: list[dict[str, Any]] = []
        self.skipped: list[dict[str, Any]] = []
        self.silent: dict[str, str] = {}
        self.detector: RankDetector | None = None
        self.alarmed: dict[str, Any] | None = None
        self.last: dict[str, Any] = {}
        self._path: list[tuple[str, Floats, Floats, Floats]] = []

    @property
    def bounds(self) -> Floats:
        """Logs of the evidence of all leads and of MQLs that makes an alarm."""
        if not self.mqls_watched:
            return np.array([math.log(level(self.horizon_weeks, self.budget)), math.inf])
        return np.full(len(_SIDES), math.log(level(self.horizon_weeks, self.budget / len(_SIDES))))

    @property
    def mqls_watched(self) -> bool:
        """Whether enough weeks of the reference have MQLs enough."""
        reference = self.counted[: self.reference_weeks]
        return sum(week["mqls"]["n"] >= FEWEST for week in reference) >= MOSTLY * len(reference)

    def add(self, week: dict[str, Any]) -> None:
        """Count a week."""
        self.last = week
        if week["pool"]["n"] < FEWEST:
            self.skipped.append(week)
            return
        if any(_left_out(week, decision) for decision in self.decisions):
            return
        # Evidence before the last decision was settled by it: those weeks are only learned from.
        settled = bool(self.decisions) and week["week"] <= self.decisions[-1]["week"]
        watched = not (self.learning or settled)
        self.counted.append(week)
        if not watched:
            if len(self.counted) == self.reference_weeks:
                self._without_silent()
            return
        if self.detector is None:
            learned = self.counted[:-1]
            gaps = np.array([self.gaps(week) for week in learned]).T
            self.detector = RankDetector([week_number(week) for week in learned], gaps)
        gaps = self.gaps(week)
        self.detector.push(week_number(week), gaps)
        # What is nowhere near a watch need not be looked at more closely.
        memory = self.detector.memory(above=math.log(self.watch_level))
        evidence = self.detector.log_evidence - discount(memory)
        self._path.append((week["week"], gaps, evidence, memory))
        if self.alarmed is None and (evidence >= self.bounds).any():
            self.alarmed = week

    def _without_silent(self) -> None:
        """Leave the weeks of an outage out of the complete reference, as far as what is left can be learned from."""
        sides = {rule.name: side for side, _, rule in self.rulebook.rules()}
        silent = silent_weeks([week["pool"] for week in self.counted], sides)
        left = len(self.counted) - len(silent)
        if silent and left >= min(SHORT, self.reference_weeks):
            self.silent = {self.counted[place]["week"]: rule for place, rule in silent.items()}
            self.counted = [week for week in self.counted if week["week"] not in self.silent]
            self.reference_weeks = left

    @property
    def learning(self) -> bool:
        """Whether the reference is not complete yet."""
        return len(self.counted) < self.reference_weeks

    @property
    def watch_level(self) -> float:
        """The evidence of all leads from which on one should look."""
        return level(self.horizon_weeks, _WATCH_BUDGET)

    @cached_property
    def spread(self) -> dict[str, dict[str, float]]:
        """For each side, the standard deviations of leads of the complete reference; see `_spread`."""
        return {side: _spread([week[side] for week in self.counted[: self.reference_weeks]]) for side in _SIDES}

    @cached_property
    def median_behaviour(self) -> float:
        """Of the complete reference's MQLs, the median of the weeks' medians; NaN where there are none."""
        sides = [week["mqls"] for week in self.counted[: self.reference_weeks]]
        return float(np.median([side["median_behaviour"] for side in sides if side["n"]] or [math.nan]))

    def gaps(self, week: dict[str, Any]) -> Floats:
        """The gap of all leads and of MQLs; NaN where there are too few, and while learning."""
        if self.learning:
            return np.full(2, math.nan)
        return np.array([_gap(week[side], self.spread[side]) for side in _SIDES])

    def carried(self, weeks: Sequence[dict[str, Any]]) -> tuple[int, int]:
        """How many MQLs of some weeks needed unusual activity, and how many there are; none while learning."""
        return carried([week["mqls"] for week in weeks], math.nan if self.learning else self.median_behaviour)

    def standing(self, weeks: Sequence[dict[str, Any]]) -> dict[str, float]:
        """How things stand in some weeks: points per lead, MQLs, and the share of them that needed unusual activity."""
        n = sum(week["pool"]["n"] for week in weeks)
        points = {
            name: sum(week["pool"][name] for week in weeks) / 1000 / n if n else math.nan
            for name in ("behaviour", "fit")
        }
        unusual, known = self.carried(weeks)
        mqls, share = sum(week["mqls"]["n"] for week in weeks), unusual / known if known else math.nan
        return {"weeks": len(weeks), "leads": n, **points, "mqls": mqls, "carried": share}

    def around(self, since: dt.date | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The weeks before one of them, and those from it on; without one, the latest and those before."""
        begin = max(len(self.counted) - LATELY, 0)
        if since is not None:
            begin = [week["week"] for week in self.counted].index(since.isoformat())
        return self.counted[:begin], self.counted[begin:]

    def path(self) -> pd.DataFrame:
        """Gap and evidence, by week."""
        learned = self.counted[: len(self.counted) - len(self._path)]
        rows: list[tuple[Any, ...]] = [(week["week"], *self.gaps(week), math.nan, math.nan) for week in learned]
        rows += [(week, *gaps, *np.exp(evidence)) for week, gaps, evidence, _ in self._path]
        columns = ["week", "gap", "mql_gap", "evidence", "mql_evidence"]
        frame = pd.DataFrame(rows, columns=columns).set_index("week")
        return frame.set_axis(pd.DatetimeIndex(frame.index).as_unit("us")).astype(float)

    def now(self) -> tuple[Floats, Floats]:
        """Log evidence after the last week, less memory, and memory; of all leads and of MQLs."""
        if not self._path:
            return np.full(2, np.nan if self.learning else -np.inf), np.zeros(2)
        return self._path[-1][2:]


def silent_weeks(pools: Sequence[dict[str, Any]], sides: dict[str, str]) -> dict[int, str]:
    """The places of weeks in which far fewer points than usual were given, and by what; of rules by side."""
    found: dict[int, str] = {}
    for side, (least, surely) in _OUT.items():
        names = [name for name in pools[0]["rules"] if sides.get(name) == side]
        points = [[pool["rules"].get(name, 0) for name in names] for pool in pools]
        said = [f"rule {name!r}" for name in names]
        if side == _ALL:
            points, said = [[pool["behaviour"]] for pool in pools], [_ALL]
        each = np.abs(points) / [[pool["n"]] for pool in pools]
        usual = np.median(each, axis=0)
        spread = 1.4826 * np.median(np.abs(each - usual), axis=0)
        out = (each < least * usual) & (usual - each > surely * spread) & (usual > _MATTERS * usual.sum())
        found |= {int(place): said[line] for place, line in zip(*np.nonzero(out), strict=True)}
    return dict(sorted(found.items()))


def _left_out(week: dict[str, Any], decision: dict[str, str]) -> bool:
    if decision["decision"] == "fixed":
        return decision["since"] <= week["week"] <= decision["week"]
    return week["week"] < decision["since"]


def first_day(week: dict[str, Any]) -> int:
    """The first day of a week, since 1970."""
    return day_number(dt.date.fromisoformat(week["week"]))


def week_number(week: dict[str, Any]) -> float:
    """Weeks since 1970."""
    return first_day(week) / 7


def _spread(sides: list[dict[str, Any]]) -> dict[str, float]:
    """The standard deviations of fit and behaviour over leads: NaN without leads, infinite of what does not vary."""
    n = sum(side["n"] for side in sides) or math.nan
    found = {}
    for name in ("fit", "behaviour"):
        mean = sum(side[name] for side in sides) / 1000 / n
        square = math.fsum(side[f"{name}_squared"] for side in sides) / n
        found[name] = math.sqrt(max(square - mean**2, 0)) or math.inf
    return found


def _gap(side: dict[str, Any], spread: dict[str, float]) -> float:
    """How far behaviour is above fit, in standard deviations of leads; what does not vary adds nothing."""
    if side["n"] < FEWEST:
        return math.nan
    fit, behaviour = (side[name] / 1000 / side["n"] / spread[name] for name in ("fit", "behaviour"))
    return float(behaviour - fit)
