"""What became of the leads that sales got, and for how many leads each of them stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadscore.scoring.engine import ASKED, NEVER
from leadscore.stats.intervals import Floats
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.days import Ints
from leadscore.tables.outcomes import NEVER as DID_NOT
from leadscore.tables.tables import Tables
from leadscore.threshold.capacity import WEEK
from leadscore.threshold.workbench.heights import Heights, Stood
from leadscore.threshold.worked import Worked, worked_leads

# Scores of so many points count as alike, and of fewer leads that sales worked nothing is concluded.
BAND, FEW = 5, 8
# Outcomes from before so many weeks tell of another time.
_WEEKS = 52
# Where sales gets so many of the leads that qualify by the day they do, it gets them at their best.
_AT_ONCE = 0.75
_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class HandOvers:
    """The leads that came to sales in the last year, and what became of those that it worked.

    Attributes
    ----------
    worked : Worked
        Those of known outcome.
    handed : (n,) positions of all leads that came to sales, those too young to be judged too
    held_from : int
        The day since 1970 from which on hand-overs are held back.
    first, newest : int
        The first day of that year, and the last on which a lead came to sales whose outcome can be known.
    """

    worked: Worked
    handed: Ints
    held_from: int
    first: int
    newest: int

    @classmethod
    def of(cls, tables: Tables, stage: str, *, within_days: int, until: int, held_back_weeks: int) -> HandOvers:
        """The hand-overs of the year that ends with the day `until`."""
        first = until - _WEEKS * WEEK + 1
        worked = worked_leads(tables, stage, (first, until), within_days=within_days, until=until)
        there = tables.records.there_from(tables.timezone) <= worked.came
        handed = np.flatnonzero((worked.came >= first) & (worked.came <= until) & there)
        newest, held_back = until - within_days, held_back_weeks * WEEK
        # A short history is not cut in half for the sake of a second look.
        enough = newest - held_back - int(worked.day.min(initial=newest)) >= held_back
        return cls(worked, handed, newest + 1 - held_back if enough else newest + 1, first, newest)

    @classmethod
    def none(cls, n_leads: int) -> HandOvers:
        """Where no outcomes are known."""
        worked = Worked(_NONE, _NONE, _NONE > 0, np.full(n_leads, DID_NOT), 0, (), "")
        return cls(worked, _NONE, 0, 0, 0)


@dataclass(frozen=True)
class Evidence:
    """The leads that sales worked, each with the number of leads that it stands for.

    Attributes
    ----------
    hand_overs : HandOvers
    weight : (n_worked,)
        One over the chance of such a lead to have been worked.
    at_once : bool
        Whether sales gets leads by the day on which they first qualify: then a lead that it got below the bar counts
        with its highest score, since at a lower bar sales would get it there; else with that of the day it got it.
    share_got : float
        The share of the leads that qualified and that sales got by that day; NaN where none did.

    Notes
    -----
    Sales works nearly all leads above the bar and few below it, and not any: those just under the bar sooner. So a lead
    that it worked stands for others like it (Horvitz, D. G. and Thompson, D. J. (1952), Journal of the American
    Statistical Association 47, 663-685; with weights by class, Little, R. J. A. (1986), International Statistical
    Review 54, 139-157). Of leads that qualified when sales got them, like means the same five points on that day. All
    others are alike if their highest score lies in the same five points. Classes with fewer than eight worked leads go
    with the next.
    """

    hand_overs: HandOvers
    weight: Floats
    at_once: bool
    share_got: float

    @classmethod
    def of(cls, tables: Tables, hand_overs: HandOvers, heights: Heights) -> Evidence:
        """The evidence by the rulebook in force, which is what handed leads over."""
        worked, n_leads = hand_overs.worked, len(tables.ids)
        was_worked = np.zeros(n_leads, bool)
        was_worked[worked.lead] = True
        there, last = tables.records.there_from(tables.timezone), heights.period[1]
        got, bars = heights.got, heights.now
        passed = np.zeros(n_leads, bool)
        passed[got.lead[got.qualifies(bars)]] = True
        came = np.zeros(n_leads, bool)
        came[got.lead] = True
        old_enough = worked.came <= hand_overs.newest

        weight = np.zeros(n_leads)
        judged = passed & old_enough
        weight[judged] = _weights(got, bars, judged, was_worked)
        # Below the bar: of the leads that had the time to be got, how many sales got; and of these, how many it worked.
        rest = came & ~passed & old_enough
        late = np.quantile(worked.came[came & ~passed] - there[came & ~passed], 0.9) if (came & ~passed).any() else 0
        cohort = (there >= hand_overs.first) & (there <= last - late) & ~passed
        weight[rest] = _weights(heights.best, bars, cohort, came, others=rest)
        if was_worked[rest].any():
            weight[rest] *= rest.sum() / was_worked[rest].sum()
        share = _share_got(heights, worked.came, there <= last - late)
        return cls(hand_overs, np.round(weight[worked.lead], 3), bool(share >= _AT_ONCE), share)

    def counts_as(self, heights: Heights, base: Heights) -> Stood:
        """The worked leads as they stood on the day that counts, by a rulebook; `base` is the one in force."""
        worked = self.hand_overs.worked.lead
        place = np.searchsorted(heights.got.lead, worked)
        group, highest_bar = heights.got.group[place], heights.got.highest_bar[place]
        if self.at_once:
            best, n_leads = heights.best, len(self.hand_overs.worked.came)
            top, own = np.full(n_leads, NEVER), np.zeros(n_leads, np.int64)
            top[best.lead], own[best.lead] = best.highest_bar, best.group
            higher = ~base.got.qualifies(base.now)[place] & (top[worked] > NEVER)
            highest_bar = np.where(higher, top[worked], highest_bar)
            group = np.where(higher, own[worked], group)
        return Stood(worked, group, highest_bar)

    def apart(self, one: Mask, other: Mask) -> float:
        """How many standard errors the shares of two choices of the worked leads lie apart; NaN where one is empty.

        Leads in both count once: only where the choices differ can the shares. The error is that of the difference of
        two weighted shares by its linear part (Sarndal, C.-E., Swensson, B. and Wretman, J. (1992), Model Assisted
        Survey Sampling, 5.5-5.7).
        """
        reached = self.hand_overs.worked.reached
        closed = self.hand_overs.worked.day < self.hand_overs.held_from
        shares, parts = [], []
        for chosen in (one, other):
            weight = np.where(chosen & closed, self.weight, 0)
            if not weight.any():
                return float("nan")
            shares.append(weight @ reached / weight.sum())
            parts.append(weight * (reached - shares[-1]) / weight.sum())
        error = np.sqrt(((parts[0] - parts[1]) ** 2).sum())
        return float((shares[0] - shares[1]) / error) if error else 0.0


def _weights(stood: Stood, bars: Ints, whole: Mask, had: Mask, *, others: Mask | None = None) -> Floats:
    """For each lead of `whole`, or of `others`, one over the share of those like it that are among `had`."""
    wanted = whole if others is None else others
    band = np.full(len(whole), NEVER)
    above = np.clip((stood.highest_bar - bars[stood.group]) // (BAND * 1000), -1000, 1000)
    band[stood.lead] = np.where(stood.highest_bar >= ASKED, 1001, np.where(stood.highest_bar > NEVER, above, NEVER))
    group = np.full(len(whole), -1)
    group[stood.lead] = stood.group
    weight = np.ones(len(whole))
    for one in np.unique(group[wanted]):
        like: list[int] = []
        last = weight > 0
        for value in np.unique(band[(whole | wanted) & (group == one)])[::-1]:
            like.append(value)
            members = (group == one) & np.isin(band, like)
            if (whole & had & members).sum() >= FEW:
                weight[members], last, like = (whole & members).sum() / (whole & had & members).sum(), members, []
        if like:
            # What is left at the low end goes with the class above it.
            members = (group == one) & (np.isin(band, like) | last)
            some = (whole & had & members).sum()
            weight[members] = (whole & members).sum() / some if some else 1.0
    return weight[wanted]


def _share_got(heights: Heights, came: Ints, old_enough: Mask) -> float:
    """Of the leads that qualified, the share that sales got by the day on which they first did."""
    climbs = heights.long_climbs
    first = climbs.at(heights.now)
    new = ~first.already & old_enough[first.lead]
    return float((came[first.lead[new]] <= climbs.day[first.row[new]]).mean()) if new.any() else np.nan
