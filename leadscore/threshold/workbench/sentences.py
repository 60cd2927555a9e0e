"""What the workbench says; `workbench.js` says the same, and the tests hold the two against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leadscore.stats.intervals import Figure, difference
from leadscore.tables.days import Ints
from leadscore.threshold.workbench.board import Board, Share, mean
from leadscore.threshold.workbench.evidence import FEW

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_Z = 1.959963984540054
# Of a group in which so many have scores that sales hardly ever worked, nobody knows what becomes of it.
_MOST_UNKNOWN = 0.3
# From so many tries on the best of them looks better than it is.
MANY = 5


def percent(share: float) -> str:
    """A share as people read it.

    Examples
    --------
    >>> percent(0.256), percent(float("nan"))
    ('26 %', 'not known')
    """
    return f"{math.floor(100 * share + 0.5)} %" if math.isfinite(share) else "not known"


def amount(value: float) -> str:
    """A number of leads as people read it: small ones with one decimal.

    Examples
    --------
    >>> amount(1234.5), amount(19.04), amount(15.0)
    ('1,235', '19', '15')
    """
    if not math.isfinite(value):
        return "not known"
    rounded = math.floor(value + 0.5) if abs(value) >= 20 else math.floor(value * 10 + 0.5) / 10
    return f"{rounded:,.10g}"


def signed(value: float) -> str:
    """A change of a number of leads."""
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "±"
    return sign + amount(abs(value))


def between(figure: Figure) -> str:
    """An interval of numbers of leads."""
    return f"{amount(figure[1])} to {amount(figure[2])}"


class Paired(NamedTuple):
    """What the counts of two boards do not tell, where numbers other than bars were moved: both judge the same leads.

    Attributes
    ----------
    apart : float
        How many standard errors the shares lie apart; NaN where nobody knows.
    backlog : int
        How many leads qualify on the last day by what is tried, and not by the rulebook as it is.
    """

    apart: float
    backlog: int


@dataclass(frozen=True)
class Tried:
    """The figures of one try beside those of the rulebook as it is.

    Attributes
    ----------
    base, board : Board
        Of the rulebook in force, and of the one that is tried.
    now, bars : places of their bars
    words : str
        What is tried; empty for the rulebook as it is.
    stage : str
        Empty where no outcomes are known.
    capacity : float or None
    paired : Paired or None
        None where bars alone were moved.
    """

    base: Board
    board: Board
    now: Ints
    bars: Ints
    words: str
    stage: str
    capacity: float | None
    paired: Paired | None

    @property
    def weekly(self) -> Ints:
        """(n_weeks,) leads that begin to qualify."""
        return self.board.weekly(self.bars)

    @property
    def per_week(self) -> Figure:
        """Leads a week."""
        return mean(self.weekly, self.board.t)

    @property
    def too_many(self) -> int | None:
        """In how many weeks there are more than sales can work; None where nobody said how many that is."""
        return None if self.capacity is None else int((self.weekly > self.capacity).sum())

    @property
    def share(self) -> Share:
        """The share of them that reaches the stage; NaN where hardly any at their scores was worked."""
        found = self.board.share(self.bars, self.board.nowhere())
        unknown = found.unknown > _MOST_UNKNOWN
        return found._replace(value=math.nan, low=math.nan, high=math.nan) if unknown else found

    @property
    def as_it_is(self) -> Tried:
        """The rulebook as it is."""
        return Tried(self.base, self.base, self.now, self.now, "", self.stage, self.capacity, None)

    @property
    def gain(self) -> tuple[float, float]:
        """How many leads a week more than now reach the stage, and the standard error; of bars alone.

        Only those between the two bars count: a lower bar brings no fewer, whatever chance makes of the two shares.
        """
        nowhere, value, variance = self.board.nowhere(), 0.0, 0.0
        for group in range(len(self.bars)):
            low, high = nowhere.copy(), nowhere.copy()
            low[group], high[group] = sorted((int(self.bars[group]), int(self.now[group])))
            own = self.now.copy()
            own[group] = self.bars[group]
            more = float((self.board.weekly(own) - self.board.weekly(self.now)).mean())
            share = self.board.share(low, high)
            if more and (share.unknown > _MOST_UNKNOWN or not share.n):
                return math.nan, math.nan
            if more:
                value, variance = value + more * share.value, variance + (more * share.error) ** 2
        return value, math.sqrt(variance)

    @property
    def reach_per_week(self) -> Figure:
        """How many leads a week reach the stage."""
        share, per_week = self.share, self.per_week[0]
        if self.paired is None and self.words:
            more, error = self.gain
            now = self.as_it_is
            value = now.per_week[0] * now.share.value + more
            if math.isfinite(value):
                half = _Z * math.hypot(error, now.per_week[0] * now.share.error)
                return value, max(0.0, value - half), value + half
        return per_week * share.value, per_week * share.low, per_week * share.high

    def sentence(self) -> str:
        """The answer in a sentence."""
        mine = self.per_week[0]
        fits = f"; {self._fits()}" if self.capacity is not None else ""
        if not self.words:
            return f"As it is now: {amount(mine)} leads a week{fits}."
        now, tried = self.as_it_is, f"{self.words[0].upper()}{self.words[1:]}"
        volume = f"{tried}: {amount(mine)} leads a week instead of {amount(now.per_week[0])}{fits}."
        said = [volume, self._verdict(), self._gain(now), backlog_said(self.backlog, self.capacity)]
        return " ".join(filter(None, said))

    def _fits(self) -> str:
        assert self.capacity is not None
        over, weeks = self.per_week[0] - self.capacity, f"{self.too_many} of {len(self.board.weeks)} weeks"
        if over > 0:
            return f"{amount(over)} more than sales can work, too many in {weeks}"
        return f"fits on average, but not in {weeks}" if self.too_many else "fits in every week"

    def _verdict(self) -> str:
        if not self.stage:
            return ""
        if self.paired is not None:
            if self.share.unknown > _MOST_UNKNOWN or math.isnan(self.paired.apart):
                return "Too few of them were ever worked: nobody knows how many reach the stage."
            if abs(self.paired.apart) > _Z:
                return "The difference is larger than chance alone would make."
            return "With so few outcomes the two cannot be told apart."
        lower, higher = np.minimum(self.bars, self.now), np.maximum(self.bars, self.now)
        moved, rest = self.board.share(lower, higher), self.board.share(higher, self.board.nowhere())
        if not self._moved(lower, higher):
            return "Nobody changes sides."
        whom = "those who would change sides"
        if (self.bars <= self.now).all():
            whom = "those who would come in"
        elif (self.bars >= self.now).all():
            whom = "those who would drop out"
        if moved.unknown > _MOST_UNKNOWN or not moved.n:
            few = f"have scores at which fewer than {FEW} leads were ever worked: nobody knows."
            cure = "Pass some on at random for a few weeks: ls.threshold.holdout_sample."
            return f"Of {whom}, {percent(moved.unknown)} {few} {cure}"
        share = f"Of {whom}, {percent(moved.value)} ({percent(moved.low)} to {percent(moved.high)}) reach {self.stage}"
        _, low, high = difference((rest.value, rest.low, rest.high), (moved.value, moved.low, moved.high))
        if rest.n and (low > 0 or high < 0):
            return f"{share}, of the others {percent(rest.value)}: {'fewer' if high < 0 else 'more'}."
        return f"{share}: cannot be told apart from the others ({percent(rest.value)})."

    def _moved(self, low: Ints, high: Ints) -> int:
        """How many leads stand highest between two places of the bars."""
        ends = enumerate(zip(low, high, strict=True))
        return int(sum(self.board.highest[group, first + 1 : last + 1].sum() for group, (first, last) in ends))

    def _gain(self, now: Tried) -> str:
        if not self.stage or self.paired is not None:
            return ""
        more, reach = self.per_week[0] - now.per_week[0], self.gain[0]
        if not more or not math.isfinite(reach):
            return ""
        return f"{signed(more)} leads a week bring {signed(reach)} that reach {self.stage}."

    @property
    def backlog(self) -> int:
        """How many leads qualify at once on the last day, and do not by the rulebook as it is."""
        return self.board.backlog(self.bars, self.now) if self.paired is None else self.paired.backlog


def backlog_said(leads: int, capacity: float | None) -> str:
    """What happens on the day of the merge.

    Examples
    --------
    >>> backlog_said(881, 150)
    'On the day it is merged 881 leads qualify at once: six weeks of what sales can work.'
    """
    if leads <= 0:
        return ""
    said = f"On the day it is merged {leads:,} lead{'s qualify' if leads > 1 else ' qualifies'} at once"
    if capacity is None:
        return f"{said}."
    weeks = math.floor(leads / capacity + 0.5)
    if weeks < 1:
        return f"{said}: less than a week of what sales can work."
    count = _WORDS[weeks] if weeks < len(_WORDS) else f"{weeks:,}"
    return f"{said}: {count} week{'' if weeks == 1 else 's'} of what sales can work."
