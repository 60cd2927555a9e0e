"""`WhatIf`: what bars, and other numbers of a rulebook, would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.errors import ArgumentError, RulebookError
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.scores import Explanation, score
from leadscore.stats.intervals import Figure
from leadscore.tables.days import Ints
from leadscore.tables.tables import Tables
from leadscore.threshold.capacity import WEEK
from leadscore.threshold.workbench.heights import Heights
from leadscore.threshold.workbench.numbers import Number, bare, bars_of, written
from leadscore.threshold.workbench.sentences import Tried
from leadscore.threshold.workbench.sides import People, Sides
from leadscore.threshold.workbench.written import diff_text, new_findings, stale_comments

# Leads that people see of each side.
_SHOWN = 8


@dataclass(frozen=True)
class Setting:
    """Bars and numbers to try.

    Attributes
    ----------
    bars : (n_groups,) points, of each segment and last of all others
    numbers : dict of key to value
        Those that differ from the rulebook.
    """

    bars: tuple[float, ...]
    numbers: Mapping[str, float]

    def moved(self, rulebook: Rulebook, numbers: Mapping[str, Number]) -> list[tuple[Number, float]]:
        """What differs from the rulebook: the bars first."""
        bars = zip(bars_of(rulebook), self.bars, strict=True)
        others = ((numbers[key], value) for key, value in self.numbers.items())
        return [(number, value) for number, value in (*bars, *others) if value != number.value]

    def words(self, rulebook: Rulebook, numbers: Mapping[str, Number]) -> str:
        """What differs from the rulebook, as people say it; empty where nothing does."""
        return "; ".join(number.moved(value) for number, value in self.moved(rulebook, numbers))

    def edited(self, rulebook: Rulebook, numbers: Mapping[str, Number]) -> Rulebook:
        """The rulebook with these bars and numbers."""
        changes = {number.path: written(value) for number, value in self.moved(rulebook, numbers)}
        return rulebook.edited(changes) if changes else rulebook


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf(Result):
    """What bars, and other numbers of a rulebook, would do; made by `Workbench.at`.

    Attributes
    ----------
    threshold : float
        Of leads in no segment.
    segments : dict of segment to its threshold
    numbers : dict of place in the file to number
        What else differs from the rulebook.
    per_week : (value, low, high)
        Leads a week that begin to qualify, with the 95 % interval of the mean of weeks.
    share : (value, low, high)
        The share of them that reaches the stage, with its 95 % interval; NaN where nobody knows.
    n, reached : int
        The outcomes that it rests on, and how many of these reached the stage.
    unknown : float
        The share of them at whose scores fewer than eight leads were ever worked.
    reach_per_week : (value, low, high)
        How many leads a week reach the stage.
    weeks, too_many : int
        How many weeks there are, and in how many of them more leads qualify than sales can work.
    backlog : int
        Leads that qualify at once on the last day, and do not by the rulebook as it is.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(6000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> tried = ls.explore(tables, made.rulebook, end="2026-03-29").at(threshold=64)
    >>> print(tried.diff)
    @@ -41,3 +41,3 @@
     qualify:                           # who is handed to sales
    -  threshold: 60                    # fit + behaviour
    +  threshold: 64                    # fit + behaviour
       minimum_fit: 15                  # clicks alone do not make a lead
    """

    threshold: float
    segments: dict[str, float]
    numbers: dict[str, float]
    per_week: Figure
    share: Figure
    n: int
    reached: int
    unknown: float
    reach_per_week: Figure
    weeks: int
    too_many: int | None
    backlog: int
    asked: Asked

    @classmethod
    def of(cls, asked: Asked) -> WhatIf:
        """The answer to what is asked."""
        tried, setting, share = asked.tried, asked.setting, asked.tried.share
        segments = asked.base.rulebook.qualify.segments
        return cls(
            threshold=setting.bars[-1],
            segments={segment.name: bar for segment, bar in zip(segments, setting.bars, strict=False)},
            numbers=dict(setting.numbers),
            per_week=tried.per_week,
            share=(share.value, share.low, share.high),
            n=share.n,
            reached=share.reached,
            unknown=share.unknown,
            reach_per_week=tried.reach_per_week,
            weeks=len(tried.board.weeks),
            too_many=tried.too_many,
            backlog=tried.backlog,
            asked=asked,
        )

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        return self.asked.tried.sentence()

    @property
    def notes(self) -> tuple[str, ...]:
        """Which outcomes it rests on, and why the file could not be written where that is so."""
        return (*self.asked.notes, *((self.asked.problem,) if self.asked.problem else ()))

    @property
    def rulebook(self) -> Rulebook:
        """The rulebook with these bars and numbers, comments and layout kept.

        Raises
        ------
        RulebookError
            If it is none, as where no lead can reach a bar.
        """
        return self.asked.rulebook

    @cached_property
    def weekly(self) -> pd.DataFrame:
        """Leads that begin to qualify in each week, index week (its first day): `now`, `tried`."""
        climbs, tried = self.asked.base.climbs, self.asked.tried
        days = pd.date_range(np.datetime64(climbs.first, "D"), periods=self.weeks, freq=f"{WEEK}D", unit="us")
        return pd.DataFrame({"now": tried.as_it_is.weekly, "tried": tried.weekly}, days.rename("week"))

    @cached_property
    def sides(self) -> Sides:
        """Who qualifies on some day of the weeks by one of the two alone."""
        asked = self.asked
        return Sides.of(asked.base.climbs.at(asked.base.now), asked.heights.climbs.at(asked.bars))

    @cached_property
    def entered(self) -> pd.DataFrame:
        """Leads that qualify on some day of the weeks by what is tried alone, those nearest to their bar first.

        Index lead_id: `day` (the first on which it qualifies), `fit`, `behaviour`, `total`, `threshold`, `why` (the two
        rules that moved it most), a column for each of `by`, `outcome` (what is on record last).
        """
        return self.asked.side(self.asked.heights, self.asked.bars, self.sides.entered)

    @cached_property
    def left(self) -> pd.DataFrame:
        """Leads that qualify by the rulebook as it is alone, as it scores them; see `entered`."""
        return self.asked.side(self.asked.base, self.asked.base.now, self.sides.left)

    def explain(self, lead_id: Any) -> Explanation:
        """Where the points of a lead that changes sides came from on the day it qualified.

        By what is tried if it comes in, by the rulebook as it is if it drops out.

        Raises
        ------
        ArgumentError
            If the lead does neither.
        """
        position = self.asked.tables.position(lead_id)
        for leads, frame, tried in ((self.sides.entered, self.entered, True), (self.sides.left, self.left, False)):
            if position in leads:
                only, rulebook = self.asked.tables.only(position), self.rulebook if tried else self.asked.base.rulebook
                day = frame["day"].iloc[self.asked.tables.positions(frame.index).tolist().index(position)]
                return score(only, rulebook, as_of=day.date()).explain(lead_id)
        raise ArgumentError("lead_id", f"the lead {lead_id!r} changes no side")

    def by(self, name: str) -> pd.DataFrame:
        """Who comes in and drops out, and how many qualify a week now and as tried, of each value of a column.

        Raises
        ------
        ArgumentError
            If the column is none of those that `explore` was given.
        """
        with Arguments("by") as given:
            given.one_of("name", name, self.asked.people.groups)
        return self.asked.people.counts(name, self.sides, self.weeks)

    @cached_property
    def diff(self) -> str:
        """The lines of the file that change, as `git diff` shows them; empty where none does or the file is refused."""
        return "" if self.asked.problem else diff_text(self.asked.base.rulebook, self.rulebook)

    @cached_property
    def findings(self) -> tuple[str, ...]:
        """What `check` says of the new rulebook and not of the old; and comments that speak of an old number."""
        if self.asked.problem or not self.asked.tried.words:
            return ()
        old = self.asked.base.rulebook
        moved = [(bare(number.value), bare(value)) for number, value in self.asked.moved]
        return (*new_findings(old, self.rulebook, moved), *stale_comments(old, self.rulebook))

    def sections(self) -> Iterator[Section]:
        """The figures beside those of now, the weeks, who changes sides, and what would be written."""
        which = "Now and as tried" if self.asked.tried.words else "As it is now"
        yield Section("figures", f"{which}, with 95 % intervals", self.figures, formats={"share": ".0%"})
        yield Section("weekly", "Leads that begin to qualify in each week", self.weekly, self.weekly[:0])
        for name, frame in (("entered", self.entered), ("left", self.left)):
            title = (
                f"{'Come in' if name == 'entered' else 'Drop out'}: {counted(len(frame), 'lead')}, nearest to the bar"
            )
            yield Section(name, title, frame, frame.head(_SHOWN))
        for name in self.asked.people.groups if len(self.entered) + len(self.left) else ():
            yield Section(f"by_{name}", f"By {name}", self.by(name))
        for title, lines in (("What would be written", self.diff.splitlines()), ("New findings", self.findings)):
            if lines:
                yield Section(title.lower().replace(" ", "_"), title, notes=tuple(lines))

    @property
    def figures(self) -> pd.DataFrame:
        """The figures of the rulebook as it is and of what is tried, a row each."""
        rows = {"now": figures_of(self.asked.tried.as_it_is)}
        if self.asked.tried.words:
            rows["tried"] = figures_of(self.asked.tried)
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rulebook")


def figures_of(tried: Tried) -> dict[str, float]:
    """The figures of a try, as a row."""
    row: dict[str, float] = dict(zip(("per_week", "per_week_low", "per_week_high"), tried.per_week, strict=True))
    if tried.stage:
        share, reach = tried.share, tried.reach_per_week
        row |= {"share": share.value, "share_low": share.low, "share_high": share.high, "n": share.n}
        row |= dict(zip(("reach_per_week", "reach_per_week_low", "reach_per_week_high"), reach, strict=True))
    if tried.too_many is not None:
        row["weeks_too_full"] = tried.too_many
    return row


@dataclass(frozen=True)
class Asked:
    """What an answer is made of."""

    tables: Tables
    base: Heights
    heights: Heights
    bars: Ints
    setting: Setting
    numbers: Mapping[str, Number]
    people: People
    tried: Tried
    notes: tuple[str, ...]

    @cached_property
    def rulebook(self) -> Rulebook:
        """The rulebook with the setting."""
        return self.setting.edited(self.base.rulebook, self.numbers)

    @property
    def moved(self) -> list[tuple[Number, float]]:
        """What differs from the rulebook in force."""
        return self.setting.moved(self.base.rulebook, self.numbers)

    @cached_property
    def problem(self) -> str:
        """Why the file would be refused; empty where it would not."""
        try:
            _ = self.rulebook
        except RulebookError as error:
            return "Not a rulebook: " + "; ".join(problem.message for problem in error.problems)
        return ""

    def side(self, heights: Heights, bars: Ints, leads: Ints) -> pd.DataFrame:
        """Some of the leads that qualify at bars, as they stood on the day they did."""
        came = heights.climbs.at(bars)
        row = came.row[np.isin(came.lead, leads)]
        day = heights.climbs.day[row]
        return self.people.told(heights.on(heights.climbs.lead[row], day), day, bars)
