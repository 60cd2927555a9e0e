"""Labels as they arrive: how many outcomes came in each week beside how many the scores predict by then."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.days import day_number, day_of
from leadscore.stats.intervals import Floats, Ints, poisson
from leadscore.stats.rank_detector import MEMORY_SEEN, RankDetector, discount, level
from leadscore.stats.survival import kaplan_meier

Mask = npt.NDArray[np.bool_]

# Below these, nothing is said: labels in the reference to learn delays from, labels expected in a week that counts,
# weeks of reference that count, without which a detector learns nothing.
_FEWEST_LABELS, _FEWEST_EXPECTED, FEWEST_WEEKS = 20, 0.2, 26
# Labels whose delays are said to be longer or not.
_FEWEST_TOLD = 10
# What labels are weighed for: a conversion that fell to 0.7 of what it was, or rose as much.
_FALL = 0.7
# The shares of the budget for false alarms: a fall floods sales with leads that come to nothing, a rise does no harm.
OF_SIDES = (0.8, 0.2)
# A "watch" is for looking, not for paging: it may come falsely in two of five such spans.
_WATCH_BUDGET = 0.4
_SIDES = ("fall", "rise")
_QUARTERS = 4


class Waiting(NamedTuple):
    """Leads from the day they were scored; all arrays have one entry per lead.

    Attributes
    ----------
    day : days since 1970 on which each was scored
    delay : days from then to its label; more than `within_days` where none came by `last_day`
    chance : of a label within `within_days`
    within_days : after which a label no longer counts
    last_day : the last whose labels are known
    """

    day: Ints
    delay: Ints
    chance: Floats
    within_days: int
    last_day: int

    def of(self, leads: Mask) -> Waiting:
        """Some of the leads."""
        return self._replace(day=self.day[leads], delay=self.delay[leads], chance=self.chance[leads])

    def followed(self) -> tuple[Floats, Mask]:
        """How many days each was waited for, and whether they end with its label."""
        seen = np.minimum(self.last_day - self.day, self.within_days)
        came = self.delay <= seen
        return np.where(came, self.delay, seen).astype(float), came

    def survival(self) -> Floats:
        """(within_days + 1,) the share without a label so many days after; NaN where nobody was waited for as long."""
        duration, came = self.followed()
        curve, longest = kaplan_meier(duration, came), duration.max(initial=-1)
        return np.array([curve.at(age)[0] if age <= longest else np.nan for age in range(self.within_days + 1)])

    def expected(self, curve: Floats) -> Iterator[tuple[int, Mask, Floats]]:
        """For each age in days: the leads that could get a label at it, and the chance of each that it does.

        Of a lead that has none at age a - 1 it is p f(a) / (1 - p F(a - 1)), with the curve F and its steps f.
        """
        steps = np.diff(curve, prepend=0.0)
        for age, step in enumerate(steps):
            could = (self.day + age <= self.last_day) & (self.delay >= age)
            before = curve[age - 1] if age else 0.0
            chance = self.chance[could]
            yield age, could, np.minimum(chance * step / np.maximum(1 - chance * before, 1e-9), 1)


def learned(reference: Waiting) -> tuple[Floats, str]:
    """(within_days + 1,) which share of the labels has come so many days after, or why that cannot be said.

    Leads that were not waited for long enough count for as long as they were (Kaplan-Meier): delays of labels that came
    so far leave out the slow ones.
    """
    left = reference.survival()
    labels = int(reference.followed()[1].sum())
    if math.isnan(left[-1]):
        return left, f"no lead of the reference was followed for {reference.within_days} days by its end"
    if labels < _FEWEST_LABELS:
        return left, f"{labels} outcomes came in the reference; {_FEWEST_LABELS} are needed to know how late they come"
    return (1 - left) / (1 - left[-1]), ""


def weighed(labels: Floats, expected: Floats, spread: Floats, ratio: float) -> Floats:
    """Weekly figures of labels above or below what was expected, each cohort by how likely it is of those that changed.

    A fall of conversion shows in leads scored since; labels of older ones, which still come for months, only hide it.
    Which cohorts those are is told from earlier weeks: a cohort's weight is the chance that the change to `ratio`
    times as many labels came with it or before, given that it came at all and all weeks before this one.

    Parameters
    ----------
    labels, expected, spread : (..., n_weeks, n_lags)
        By the week in which leads were scored, and how many weeks later: labels, their expected number, its variance.
    ratio : float

    Returns
    -------
    (..., n_weeks)
        Sum of w (labels - expected) over the root of that of w^2 spread, over the cohorts of each week. Weights know
        earlier weeks only, so that with no change it is 0 on average, and of variance 1 if labels come independently.
    """
    *runs, n_weeks, n_lags = labels.shape
    so_far = np.zeros((2, *runs, n_weeks))
    figures = np.zeros((*runs, n_weeks))
    for week in range(n_weeks):
        cohorts = np.arange(max(week - n_lags + 1, 0), week + 1)
        likelihood = math.log(ratio) * so_far[0][..., cohorts] - (ratio - 1) * so_far[1][..., cohorts]
        since = np.cumsum(likelihood[..., ::-1], axis=-1)[..., ::-1]
        chance = np.exp(since - since.max(axis=-1, keepdims=True))
        weight = np.cumsum(chance, axis=-1) / chance.sum(axis=-1, keepdims=True)
        now = [part[..., cohorts, week - cohorts] for part in (labels, expected, spread)]
        excess, variance = (weight * (now[0] - now[1])).sum(axis=-1), (weight**2 * now[2]).sum(axis=-1)
        figures[..., week] = excess / np.sqrt(np.where(variance > 0, variance, np.nan))
        for total, part in zip(so_far, now, strict=False):
            total[..., cohorts] += part
    return figures


@dataclass(frozen=True)
class Arrivals:
    """Labels of each week beside what the scores predict; made by `arrivals`.

    Attributes
    ----------
    state : stable, watch, alarm, learning, or "" where nothing can be said, as `reason` says
    side : fall or rise
    onset : three dates, or None
        The week from which on labels are fewer (or more), the first and last not ruled out (90 %).
    evidence, bound : float
        Of that side, after the last week.
    memory : float
        By how many standard errors neighbouring weeks of that side are more alike than independent ones.
    passed : date or None
        The week in which evidence first passed a bound: an alarm stays one.
    until : date or None
        The end of the last whole week.
    weeks : DataFrame, index week (its Monday)
        `reached`, `expected`, `ratio`; `fall`, `rise`: the weighed figures that are watched; `evidence_fall`,
        `evidence_rise` (NaN while learning).
    ages : DataFrame, index days after the score, in quarters of the labels
        Of leads scored since, or in as many latest weeks as the reference has: `reached`, `expected`, `ratio`, `low`,
        `high` (95 %, Poisson, as if it were known since when).
    late : float
        Standard errors by which those labels came later than they used to; NaN where they are too few to say.
    scale : (value, low, high)
        The share of leads of the reference that have the label in time over the mean of their chances, and its interval
        (95 %): 1 where they are right.
    """

    state: str
    reason: str = ""
    side: str = ""
    onset: tuple[dt.date, ...] | None = None
    evidence: float = math.nan
    bound: float = math.nan
    memory: float = math.nan
    passed: dt.date | None = None
    until: dt.date | None = None
    weeks: pd.DataFrame = field(default_factory=pd.DataFrame)
    ages: pd.DataFrame = field(default_factory=pd.DataFrame)
    late: float = math.nan
    scale: tuple[float, float, float] = (math.nan,) * 3


def arrivals(waiting: Waiting, monday: int, *, reference_weeks: int, horizon_weeks: int, budget: float) -> Arrivals:
    """Watch labels week by week, as they arrive, against what the scores of all leads still open predict.

    Parameters
    ----------
    waiting : Waiting
        Its chances may be off by a factor: it is learned from the reference, so that a change is watched and not
        whether they were right.
    monday : int
        The first day of the first week, since 1970.
    reference_weeks, horizon_weeks : int
    budget : float
        The chance of a false alarm within the horizon; four fifths of it are for a fall.

    Notes
    -----
    Expected is the sum over leads without a label of the chance that it comes in this week (its compensator, in the
    words of survival analysis), so weeks are uncorrelated if nothing changes, and no cohort has to be waited for.

    References
    ----------
    Andersen, P. K., Borgan, O., Gill, R. D. and Keiding, N. (1993), Statistical Models Based on Counting Processes,
    chapter II. Kaplan and Meier (1958), see `kaplan_meier`. Of the evidence see `RankDetector`.
    """
    begun, waiting, curve, figures = predicted(waiting, monday, reference_weeks)
    if begun.reason:
        return begun
    bounds = np.log([level(horizon_weeks, budget * share) for share in OF_SIDES])
    found, first = _judged(begun, figures, reference_weeks, bounds, math.log(level(horizon_weeks, _WATCH_BUDGET)))
    ages, late = _ages(waiting.of(waiting.day >= monday + 7 * first), curve)
    return replace(found, ages=ages, late=late)


def predicted(waiting: Waiting, monday: int, reference_weeks: int) -> tuple[Arrivals, Waiting, Floats, Floats]:
    """Labels of each week beside those expected, before anything is made of them.

    Returns
    -------
    begun : Arrivals
        `weeks`, `until`, `scale`; or `reason`.
    waiting : Waiting
        Up to the last whole week, chances as the reference confirms them.
    curve : (within_days + 1,) as `learned` gives it
    figures : (2, n_weeks)
        What is watched for a rise: fewer labels than expected, and more; NaN where hardly any is expected.
    """
    nothing = np.zeros(0)
    n_weeks = (waiting.last_day + 1 - monday) // 7
    if n_weeks < reference_weeks:
        reason = f"the reference has {max(n_weeks, 0)} of {reference_weeks} weeks"
        return Arrivals("learning", reason), waiting, nothing, nothing
    waiting = waiting._replace(last_day=monday + 7 * n_weeks - 1)
    reference_end = monday + 7 * reference_weeks - 1
    reference = waiting.of(waiting.day <= reference_end)._replace(last_day=reference_end)
    curve, reason = learned(reference)
    told = float(reference.chance.mean())
    if not told > 0:
        reason = reason or "the scores predict no outcome at all"
    if reason:
        return Arrivals("", reason), waiting, curve, nothing
    left, least, most = kaplan_meier(*reference.followed()).at(reference.within_days)
    waiting = waiting._replace(chance=np.minimum(waiting.chance * (1 - left) / told, 1.0))
    cells = _cells(waiting, curve, monday, n_weeks)
    weeks, parts = _weekly(cells, monday), (cells[0], cells[1], cells[2])
    figures = np.stack([-weighed(*parts, _FALL), weighed(*parts, 1 / _FALL)])
    figures[:, weeks["expected"].to_numpy() < _FEWEST_EXPECTED] = np.nan
    counted = int((~np.isnan(figures[0, :reference_weeks])).sum())
    if counted < FEWEST_WEEKS:
        few = f"{_FEWEST_EXPECTED:g} outcomes or more are expected in {counted} weeks of the reference"
        return Arrivals("", f"{few}; {FEWEST_WEEKS} are needed"), waiting, curve, figures
    scale = ((1 - left) / told, (1 - most) / told, (1 - least) / told)
    return Arrivals("", weeks=weeks, until=day_of(waiting.last_day), scale=scale), waiting, curve, figures


def evidence_of(detector: RankDetector) -> Floats:
    """The log evidence of each stream after the last week, less what its memory explains.

    Weeks that are alike by so many standard errors more than independent ones are exp(memory^2 / 2) times likelier than
    if they were independent; a memory that could be none at all costs nothing.
    """
    memory = detector.memory(above=math.log(100))
    return detector.log_evidence - np.where(memory > MEMORY_SEEN, discount(memory), 0)


def _judged(
    begun: Arrivals, figures: Floats, reference_weeks: int, bounds: Floats, watch: float
) -> tuple[Arrivals, int]:
    """What the figures of all weeks say, and the week with whose leads it most likely changed.

    While nothing is suspected that is the first of as many as the reference holds.
    """
    begins = [day.date() for day in begun.weeks.index]
    number = np.array([day_number(day) for day in begins]) / 7
    detector = RankDetector(number[:reference_weeks], figures[:, :reference_weeks])
    evidence = np.full(figures.shape, -np.inf)
    for week in range(reference_weeks, len(number)):
        detector.push(number[week], figures[:, week])
        evidence[:, week] = evidence_of(detector)
    passed = np.flatnonzero((evidence >= bounds[:, None]).any(axis=0))
    side = int((evidence[:, passed[0] if len(passed) else -1] - bounds).argmax())
    state = "alarm" if len(passed) else "watch" if evidence[side, -1] >= watch else "stable"
    place = None if state == "stable" else detector.onset(side)
    weeks = begun.weeks.assign(fall=figures[0], rise=figures[1])
    later = np.arange(len(number)) >= reference_weeks
    weeks[[f"evidence_{name}" for name in _SIDES]] = np.where(later, np.exp(evidence), np.nan).T
    found = replace(
        begun,
        state=state,
        side=_SIDES[side],
        onset=place and tuple(begins[week] for week in place),
        evidence=float(np.exp(evidence[side, -1])),
        bound=float(np.exp(bounds[side])),
        memory=float(detector.memory()[side]),
        passed=begins[passed[0]] if len(passed) else None,
        weeks=weeks,
    )
    return found, place[0] if place else max(len(number) - reference_weeks, 0)


def _cells(waiting: Waiting, curve: Floats, monday: int, n_weeks: int) -> Floats:
    """(3, n_weeks, n_lags) labels, their expected number and its variance, as `weighed` wants them."""
    shape = (n_weeks, waiting.within_days // 7 + 2)
    cohort, came = (waiting.day - monday) // 7, waiting.followed()[1]
    sums = np.zeros((3, math.prod(shape)))
    place = cohort * (shape[1] - 1)
    labels = place[came] + (waiting.day[came] + waiting.delay[came] - monday) // 7
    sums[0] = np.bincount(labels, minlength=sums.shape[1])
    for age, could, chance in waiting.expected(curve):
        cells = place[could] + (waiting.day[could] + age - monday) // 7
        sums[1] += np.bincount(cells, chance, sums.shape[1])
        sums[2] += np.bincount(cells, chance * (1 - chance), sums.shape[1])
    return sums.reshape(3, *shape)


def _weekly(sums: Floats, monday: int) -> pd.DataFrame:
    """Labels and their expected number by the week in which they come."""
    _, n_weeks, n_lags = sums.shape
    week = np.add.outer(np.arange(n_weeks), np.arange(n_lags)).ravel()
    labels, expected = (np.bincount(week, part.ravel())[:n_weeks] for part in sums[:2])
    index = (monday + 7 * np.arange(n_weeks)).astype("datetime64[D]").astype("datetime64[us]")
    columns = {"reached": labels.astype(np.int64), "expected": expected}
    frame = pd.DataFrame(columns, pd.DatetimeIndex(index, name="week"))
    return frame.assign(ratio=frame["reached"] / frame["expected"].where(frame["expected"] > 0))


def _ages(waiting: Waiting, curve: Floats) -> tuple[pd.DataFrame, float]:
    """`Arrivals.ages` and `Arrivals.late`."""
    labels = np.bincount(waiting.delay[waiting.followed()[1]], minlength=len(curve)).astype(float)
    expected = np.array([chance.sum() for _, _, chance in waiting.expected(curve)])
    ends = np.unique(np.searchsorted(curve, np.arange(1, _QUARTERS + 1) / _QUARTERS - 1e-9))
    begins = np.append(0, ends[:-1] + 1)
    names = [str(end) if begin == end else f"{begin} to {end}" for begin, end in zip(begins, ends, strict=True)]
    count, known = (np.add.reduceat(part, begins) for part in (labels, expected))
    table = pd.DataFrame({"reached": count.astype(np.int64), "expected": known}, pd.Index(names, name="days"))
    figures = np.array([count, *poisson(count)]) / np.where(known > 0, known, np.nan)
    table[["ratio", "low", "high"]] = figures.T
    total, told = labels.sum(), expected.sum()
    if total < _FEWEST_TOLD or not told:
        return table, math.nan
    # How late a label is, as the share of labels that came earlier; half of those as late.
    place = curve - np.diff(curve, prepend=0.0) / 2
    mean = place @ expected / told
    spread = math.sqrt(max((place - mean) ** 2 @ expected / told, 0.0))
    late = (place @ labels - total * mean) / (spread * math.sqrt(total)) if spread > 0 else math.nan
    return table, float(late)
