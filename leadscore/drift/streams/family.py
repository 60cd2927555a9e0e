"""Weekly figures as one family of tests: what each is watched for, its part of the budget, its evidence by week."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from leadscore.base.days import day_number
from leadscore.drift.cohorts import SHORT
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.rank_detector import WAVE, RankDetector, discount, level, waves_of
from leadscore.stats.standard_scores import standard_scores
from leadscore.tables.outcomes import Mask

Direction = Literal["rise", "fall"]
# Of the budget, what is kept for streams that begin after the reference: how many will come is not known before.
_KEPT = 0.1
# A share that varies by no more than this beside the luck of its leads, and has no yearly wave larger than nine in ten
# such streams have by luck, is steady: to foretell its weeks would only take away from what is new.
_UNSTEADY = 0.4


@dataclass(frozen=True)
class Weeks:
    """Weekly figures of streams; all arrays are (n_streams, n_weeks) unless said.

    Attributes
    ----------
    number : (n_weeks,) weeks since 1970
    figures : NaN where a week is skipped
    n : leads behind a share; NaN where the figure is not a share
    begun : (n_streams,) the first week with a figure; n_weeks where there is none
    moved : (n_streams,) the first week with a figure other than 0; n_weeks where there is none
    until : (n_streams,) the week with which the reference is over
    late : (n_streams,) whether nothing but 0 was known when the reference was over
    """

    number: Floats
    figures: Floats
    n: Floats
    begun: Ints
    moved: Ints
    until: Ints
    late: Mask

    @classmethod
    def of(cls, figures: pd.DataFrame, n: pd.DataFrame, reference_weeks: int) -> Weeks:
        """Read the frames; the columns of `n` are those of the figures, NaN for what is not a share."""
        table, sizes = (frame.to_numpy(float).T for frame in (figures, n))
        table = np.where(sizes == 0, np.nan, table)
        number = np.array([day_number(day.date()) for day in pd.DatetimeIndex(figures.index)]) / 7
        last = len(number)
        known, other = ~np.isnan(table), ~np.isnan(table) & (table != 0)
        begun, moved = (np.where(mask.any(axis=1), mask.argmax(axis=1), last) for mask in (known, other))
        learned = np.where(begun < reference_weeks, reference_weeks, min(SHORT, reference_weeks))
        return cls(number, table, sizes, begun, moved, np.minimum(begun + learned, last), moved >= reference_weeks)

    def scores(self, names: list[str]) -> tuple[Floats, Floats]:
        """What is watched: shares as standard scores, other figures as they are; and how unsteady each stream is."""
        shares = np.flatnonzero(~np.isnan(self.n).all(axis=1))
        place = np.arange(len(self.number))
        learned = (place >= self.begun[shares, None]) & (place < self.until[shares, None])
        known = ~np.isnan(self.figures[shares])
        n = np.where(known, self.n[shares], 0)
        counts = np.rint(np.where(known, self.figures[shares], 0) * n)
        # The same number for the same stream and week, in every run.
        words = [f"{names[stream]} {number:.3f}" for stream in shares for number in self.number]
        dice = pd.util.hash_array(np.array(words, object)) / 2**64
        found, unsteady = self.figures.copy(), np.full(len(self.begun), np.inf)
        found[shares], unsteady[shares] = standard_scores(counts, n, learned & known, dice.reshape(counts.shape))
        return found, unsteady


@dataclass(frozen=True)
class Family:
    """The tests; all arrays are (n_tests,) unless said.

    Attributes
    ----------
    stream : positions among the streams
    sign : 1 where a rise is watched for, -1 where a fall is
    bound : log evidence that makes an alarm
    evidence : (n_tests, n_weeks) log evidence, memory taken off; NaN while learning and while all figures are 0
    memory : (n_tests, n_weeks) as of the last week in which evidence passed the bound without it; 0 before
    onset : for each test that alarmed, the week the change came with as known then, and the first and last not ruled
        out: weeks long after it may have changed again
    """

    stream: Ints
    sign: Ints
    bound: Floats
    evidence: Floats
    memory: Floats
    onset: dict[int, tuple[int, int, int]]


def family_of(
    weeks: Weeks, names: list[str], only: list[Direction | None], horizon_weeks: int, budget: float
) -> Family:
    """Test each stream that ever was other than 0; `only` says of each what alone it is watched for."""
    signs = {"rise": (1,), "fall": (-1,), None: (1, -1)}
    moved = np.flatnonzero(weeks.moved < len(weeks.number))
    tests = np.array([(stream, sign) for stream in moved for sign in signs[only[stream]]], int).reshape(-1, 2)
    stream, sign = tests.T
    part = _parts(weeks, stream)
    bound = np.log([level(horizon_weeks, budget * one) for one in part])
    scores, unsteady = (of_streams[stream] for of_streams in weeks.scores(names))
    scores = scores * sign[:, None]
    evidence, memory = np.full(scores.shape, np.nan), np.zeros(scores.shape)
    onset = {}
    for begun, until in np.unique(np.column_stack([weeks.begun, weeks.until])[stream], axis=0):
        rows = np.flatnonzero((weeks.begun[stream] == begun) & (weeks.until[stream] == until))
        learned = weeks.number[begun:until], scores[rows, begun:until]
        detector = RankDetector(*learned, steady=_steady(*learned, unsteady[rows]))
        for week in range(until, len(weeks.number)):
            detector.push(weeks.number[week], scores[rows, week])
            found = detector.log_evidence
            memory[rows, week] = memory[rows, week - 1]
            # What is no alarm without it need not be asked, and what was one with it stays one.
            asked = (found >= bound[rows]) & ~(evidence[rows, :week] >= bound[rows, None]).any(axis=1)
            if asked.any():
                least = np.nextafter(found[asked].min(), -np.inf)
                memory[rows[asked], week] = detector.memory(above=least)[asked]
            # While all figures are 0 there is nothing to watch, nor a part of the budget for it.
            there = weeks.moved[stream[rows]] <= week
            evidence[rows, week] = np.where(there, found - discount(memory[rows, week]), np.nan)
            for place in np.flatnonzero(asked & (evidence[rows, week] >= bound[rows])):
                when, low, high = detector.onset(int(place))
                onset[int(rows[place])] = (int(begun + when), int(begun + low), int(begun + high))
    return Family(stream, sign, bound, evidence, memory, onset)


def _steady(number: Floats, scores: Floats, unsteady: Floats) -> Mask:
    """(n_tests,) whether the scores of the reference show nothing that could be predicted."""
    # Scores have the spread of all that varies; by the luck of the leads alone they spread by this less.
    power = waves_of(number, scores) * (1 + np.where(np.isinf(unsteady), 0, unsteady))
    return (unsteady <= _UNSTEADY) & (power <= WAVE)


def _parts(weeks: Weeks, stream: Ints) -> Floats:
    """(n_tests,) each test's part of the budget.

    What was shared out must not be shared out again when another stream begins: an alarm would be none any more. The
    k-th late stream gets 1 / (k (k + 1)) of what is kept; the sum over all k is 1.
    """
    tests = np.bincount(stream, minlength=len(weeks.moved))
    order = np.argsort(weeks.moved, kind="stable")
    late = order[weeks.late[order] & (tests[order] > 0)]
    k = np.arange(1, len(late) + 1)
    part = np.full(len(weeks.moved), (1 - _KEPT) / max(tests[~weeks.late].sum(), 1))
    part[late] = _KEPT / (k * (k + 1)) / tests[late]
    return part[stream]
