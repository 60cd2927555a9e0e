"""Trials: whether a theory such as "coordinators are junk" holds, and how many weeks it takes to know."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.checksum import changed, checksum
from leadscore.base.text import counted
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.outcomes_and_scores import read_rows
from leadscore.stats.stratified import risk_difference

# How boldly to bet, as a multiple of what is best at the smallest difference that matters, and the share of the wealth
# on each: half on the difference that the trial is planned for, the rest for what was not foreseen.
_BOLDNESS = {0.25: 0.05, 0.5: 0.2, 1.0: 0.5, 2.0: 0.2, 4.0: 0.05}
# No bet on a single lead may cost all: one surprise would end the trial.
_MOST_AT_STAKE = 0.9
_SIMULATED = 2000
_MOST_WEEKS = 1000
_LAST = dt.date.max - dt.timedelta(7)
# Of `to_json`. Another one too when bets are made in another way: evidence is what was won by those made at the time.
_FORMAT = 1
# What `to_json` says beside the state.
_SHOWN = {"leadscore_trial", "headline", "notes", "verdict", "counted", "checksum"}


@dataclass(frozen=True)
class TrialWeek:
    """One week's leads whose outcome is known, counted.

    Parameters
    ----------
    starts : date, or text as "2026-03-30"
        The first of its seven days.
    reached, n : int
        How many leads of the group reached what counts, of how many.
    rest_reached, rest_n : int
        The same of all others.

    Raises
    ------
    ArgumentError
        If `starts` is no day, or the counts are not: below 0, no whole numbers, more reached than there are leads.
    """

    starts: dt.date
    reached: int
    n: int
    rest_reached: int
    rest_n: int

    def __post_init__(self) -> None:
        with Arguments("TrialWeek") as given:
            plain: dict[str, Any] = {"starts": given.day("starts", self.starts)}
            if (starts := plain["starts"]) > _LAST:
                given.wrong("starts", f"must be {_LAST} or before, as a week follows; got {starts}")
            for name, most in (("reached", "n"), ("rest_reached", "rest_n")):
                plain[most] = given.whole(most, getattr(self, most), least=0)
                plain[name] = given.whole(name, getattr(self, name), least=0, most=plain[most])
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, starts: Any, y: Any, in_group: Any) -> TrialWeek:
        """Count the leads of a week.

        Parameters
        ----------
        starts : date, or text as "2026-03-30"
        y : (n_leads,) True or False
            Whether each lead reached what counts, as from `label`.
        in_group : (n_leads,) True or False
            Series are brought together by lead_id, arrays by their place.

        Raises
        ------
        ArgumentError
            If a lead's outcome or group is missing, or rows cannot be matched.

        Examples
        --------
        >>> TrialWeek.of("2026-03-30", [True, False, False, True], [True, True, False, False])
        TrialWeek(starts=datetime.date(2026, 3, 30), reached=1, n=2, rest_reached=1, rest_n=2)
        """
        rows = read_rows(y, in_group=in_group)
        mine, won = rows.columns["in_group"] == 1, rows.had
        with Arguments("TrialWeek.of") as given:
            if rows.unknown:
                cure = "wait until it is known, or leave them out with .dropna()"
                given.wrong("y", f"{rows.unknown:,} of {counted(len(won), 'lead')} without an outcome; {cure}")
            elif not np.isin(rows.columns["in_group"], [0, 1]).all():
                given.wrong("in_group", "must be True or False for each lead")
        return cls(starts, *(int(mask.sum()) for mask in (won & mine, mine, won & ~mine, ~mine)))


@dataclass(frozen=True, repr=False)
class Trial(Result):
    """A theory about a group of leads, and the weeks counted so far; made by `plan_trial`. It never changes.

    Attributes
    ----------
    baseline_rate, smallest_difference, per_week, share, confidence, power
        What was planned; see `plan_trial`.
    weeks_expected : float
        How long the trial runs on average, at the slower of the two truths: the difference is `smallest_difference`, or
        there is none.
    weeks_at_most : int
        By then there is a right verdict with a chance of `power`, at either truth.
    weeks_fixed : int
        What a test with one single look at the end would need for the same.
    counted : tuple of TrialWeek
        In the order of time.
    """

    baseline_rate: float
    smallest_difference: float
    per_week: int
    share: float
    confidence: float
    power: float
    weeks_expected: float
    weeks_at_most: int
    weeks_fixed: int
    counted: tuple[TrialWeek, ...] = ()

    def update(self, week: TrialWeek) -> Trial:
        """The trial with one more week counted.

        Raises
        ------
        ArgumentError
            If the week was counted before, overlaps with the last one, or comes before it.
        """
        if not isinstance(week, TrialWeek):
            raise ArgumentError("week", f"must be a TrialWeek(starts, reached, n, rest_reached, rest_n); got {week!r}")
        if self.counted and (week.starts - self.counted[-1].starts).days < 7:
            last = self.counted[-1].starts
            message = f"the last one counted starts on {last}, the next may start on {last + dt.timedelta(7)} or later"
            raise ArgumentError("week", f"{message}; got {week.starts}: no lead may count twice")
        return replace(self, counted=(*self.counted, week))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """What the difference of the rates, group less rest, can still be; from -1 to 1.

        With a chance of `confidence` it holds the true difference in every week of the trial, however often one looks
        and whenever one stops. It never grows. If its ends have crossed, the weeks contradict each other.
        """
        return self._end(1), self._end(-1)

    @property
    def difference(self) -> float:
        """The difference of the rates so far, within weeks (Mantel-Haenszel); NaN if no week has leads of both."""
        won, size = self._counts[::2].T, self._counts[1::2].T
        return risk_difference(won, size)[0]

    @property
    def verdict(self) -> Literal["proved", "refuted", "open"]:
        """Whether the theory is proved, refuted, or neither yet.

        Proved: there is a difference in the theory's direction. Refuted: it is smaller than the smallest that matters,
        absent, or the other way round; also where a small one was proved before.
        """
        low, high = self.interval
        # Mirrored, so that the theory is always "higher".
        least, most = (low, high) if self.smallest_difference > 0 else (-high, -low)
        if least > most:
            return "open"
        if most <= abs(self.smallest_difference):
            return "refuted"
        return "proved" if least >= 0 else "open"

    @property
    def headline(self) -> str:
        """The verdict, with the interval and how many weeks and leads it rests on; before the first week, the plan."""
        at_most, mean = f"{counted(self.weeks_at_most, 'week')} at most", f"{self.weeks_expected:.0f} on average"
        if not self.counted:
            leads, rest = counted(self.weeks_at_most * self.per_week, "lead"), f"{100 * self.baseline_rate:.3g} %"
            theory = f"the group's rate is {self._word} than the rest's {rest} by {self._least}"
            return f"{at_most} ({leads}), {mean}, to prove or refute that {theory}."
        low, high = self.interval
        weeks, group = counted(len(self.counted), "week"), counted(self._counts[1].sum(), "lead")
        since = f"after {weeks} ({group} in the group, {self._counts[3].sum():,} in the rest)"
        if low > high:
            return f"Open {since}: the weeks contradict each other, so the difference is not the same in all of them."
        points = f"{100 * low:.3g} to {100 * high:.3g} percentage points"
        held = f"{points} ({100 * self.confidence:g} %, however often you look)"
        if self.verdict == "proved":
            return f"Proved {since}: the group's rate is {self._word}; the difference is {held}."
        if self.verdict == "refuted":
            short = f"the group's rate is not {self._word} by {self._least}"
            return f"Refuted {since}: {short}; the difference is {held}."
        return f"Open {since}: the difference is {held}; planned for {at_most}, {mean}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What the plan promises."""
        most, mean = (weeks / self.weeks_fixed for weeks in (self.weeks_at_most, self.weeks_expected))
        within, fixed = counted(self.weeks_at_most, "week"), counted(self.weeks_fixed, "week")
        leads = f"{counted(self.per_week, 'lead')} a week, {100 * self.share:.3g} % of them in the group"
        times = f"{most:.1f} times as long at most, {mean:.1f} times on average"
        return (
            f"{leads}; the right verdict within {within} has a chance of {100 * self.power:.3g} %.",
            f"A single look at the end needs {fixed}: looking every week takes {times}.",
        )

    def sections(self) -> Iterator[Section]:
        """The weeks counted."""
        if self.counted:
            frame = pd.DataFrame([asdict(week) for week in self.counted])
            yield Section("counted", "Weeks counted", frame.astype({"starts": "datetime64[us]"}))

    def to_dict(self) -> dict[str, Any]:
        """The trial as plain data: what is shown, and what `from_json` reads back exactly."""
        weeks = [asdict(week) | {"starts": str(week.starts)} for week in self.counted]
        said = {"leadscore_trial": _FORMAT} | super().to_dict() | {"verdict": self.verdict, "counted": weeks}
        return said | {"checksum": checksum(said)}

    @classmethod
    def from_json(cls, text: str) -> Trial:
        """Read back what `to_json` wrote, for a weekly job to go on with.

        Raises
        ------
        ArgumentError
            If it is not that, was changed since, or its weeks repeat or overlap; without its checksum it is taken as
            it is.
        """
        try:
            said = json.loads(text)
            if said["leadscore_trial"] != _FORMAT:
                raise ValueError
            weeks = [TrialWeek(**week) for week in said["counted"]]
            trial = cls(**{name: value for name, value in said.items() if name not in _SHOWN})
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            why = str(error) if isinstance(error, ArgumentError) else f"got {str(text)[:60]!r}"
            raise ArgumentError("trial", f"is not what Trial.to_json wrote: {why}") from None
        with Arguments("trial") as given:
            _check(given, vars(trial))
            for name in ("weeks_expected", "weeks_at_most", "weeks_fixed"):
                given.number(name, said[name], above=0)
        for week in weeks:
            trial = trial.update(week)
        if why := changed(said):
            raise ArgumentError("trial", why)
        return trial

    @property
    def _word(self) -> str:
        return "higher" if self.smallest_difference > 0 else "lower"

    @property
    def _least(self) -> str:
        least = f"{100 * abs(self.smallest_difference):.3g}"
        return f"{least} percentage point{'' if least == '1' else 's'} or more"

    @property
    def _counts(self) -> Ints:
        """(4, n_weeks): reached and n of the group, of the rest."""
        rows = [(week.reached, week.n, week.rest_reached, week.rest_n) for week in self.counted]
        return np.array(rows, np.int64).reshape(-1, 4).T

    def _end(self, side: int) -> float:
        """The low end of the interval (side 1) or the high one (-1): up to it, every difference is ruled out."""
        out, kept = float(-side), float(side)
        if not self.counted:
            return out
        for _ in range(30):  # 2 / 2**30: to nine decimals
            middle = (out + kept) / 2
            if _evidence(self, self._counts, middle, side).max() >= math.log(2 / (1 - self.confidence)):
                out = middle
            else:
                kept = middle
        return out


def _evidence(trial: Trial, counts: Ints, difference: float, side: int) -> Floats:
    """Log of the evidence after each week that the difference is larger (side 1) or smaller (-1) than this.

    Evidence is what a gambler has made of 1 by bets that are fair or worse if the difference is `difference` or is on
    the wrong side of it. See `plan_trial` for why.

    Parameters
    ----------
    counts : (4, ..., n_weeks) as `Trial._counts`

    Returns
    -------
    (..., n_weeks) natural logarithms; a difference is ruled out once it was large enough, though it may shrink again.
    """
    won, n, rest_won, rest_n = counts
    before = trial.per_week * (1 - trial.share)
    # The rate of the rest in the weeks before; the plan stands for one week.
    rate = (trial.baseline_rate * before + rest_won.cumsum(-1) - rest_won) / (before + rest_n.cumsum(-1) - rest_n)
    level = rate + difference
    n, rest_n = n.astype(np.float64), rest_n.astype(np.float64)
    both = (n > 0) & (rest_n > 0)
    per_lead, per_rest = (np.divide(1, size, out=np.zeros_like(size), where=both) for size in (n, rest_n))
    best = np.where(both, abs(trial.smallest_difference) / (rate * (1 - rate)), 0)
    best = np.divide(best, per_lead + per_rest, out=np.zeros_like(best), where=both)
    limit = _MOST_AT_STAKE * np.minimum(n, rest_n) / np.maximum(rate, 1 - rate)
    total = np.full(rate.shape, -np.inf)
    for boldness, share in _BOLDNESS.items():
        stake = side * np.minimum(boldness * best, limit)
        gain, loss = 1 + stake * per_lead * (1 - level), 1 - stake * per_lead * level
        # Where a bet could cost more than all, it is not made: nothing is ever held against that difference.
        solvent = (gain > 0) & (loss > 0)
        log = won * np.log(gain, where=solvent, out=np.zeros_like(gain))
        log += (n - won) * np.log(loss, where=solvent, out=np.zeros_like(loss))
        log += rest_won * np.log1p(-stake * per_rest * (1 - rate))
        log += (rest_n - rest_won) * np.log1p(stake * per_rest * rate)
        total = np.logaddexp(total, math.log(share) + np.where(solvent, log, -np.inf).cumsum(-1))
    return total


def plan_trial(  # noqa: PLR0913 - each of them is part of the plan
    *,
    baseline_rate: float,
    smallest_difference: float,
    per_week: int,
    share: float = 0.5,
    confidence: float = 0.95,
    power: float = 0.8,
) -> Trial:
    """Plan how many weeks of leads prove or refute a theory such as "coordinators are junk".

    The rate of a group is compared with that of all other leads, week by week. The verdict stays valid however often
    one looks: a test that is repeated each week until it is significant finds a difference where there is none.

    Parameters
    ----------
    baseline_rate : float, between 0 and 1
        The share of the other leads that convert.
    smallest_difference : float
        The smallest difference of the rates that matters, group less rest. The sign is the theory: -0.03 says that the
        group converts less, by 3 percentage points or more.
    per_week : int
        Leads a week whose outcome becomes known, group and rest together.
    share : float, between 0 and 1
        The share of them in the group. An even split is fastest; a share of 0.1 takes about three times as long.
    confidence : float
        Of the interval, which has two sides: a theory without any truth is proved with a chance of at most
        (1 - confidence) / 2, over the whole trial, and so is one that holds refuted.
    power : float
        The chance of a right verdict within `weeks_at_most`.

    Returns
    -------
    Trial
        `weeks_expected`, `weeks_at_most`, `weeks_fixed`; `update(week)` counts a week, `verdict`,
        `headline`, `interval` and `difference` say how it stands, `to_json` keeps it until the next week.

    Raises
    ------
    ArgumentError
        All invalid arguments at once; if so few leads would need more than 1,000 weeks.

    Notes
    -----
    The interval is a confidence sequence: all differences that have not been ruled out. A difference is ruled out once
    a gambler who may not lose money if it were true has made 2 / (1 - confidence) of 1, which happens with a chance of
    at most (1 - confidence) / 2 in all weeks together (Ville's inequality). In a week with n leads in the group and m
    in the rest, with x the rate of the rest in earlier weeks and any s >= 0, the bet returns for each lead of the
    group 1 + s/n (y - x - d), for each other lead 1 - s/m (y - x), with y = 1 if it converted and 0 if not. As 1 + z <=
    exp(z), what is expected of the week's product is at most exp(s (D - d)), so at most 1 if the true difference D of
    the week is d or less. That is exact at every n. The other side bets with s < 0. The stake s is the best at
    `smallest_difference`; the wealth is spread over five multiples of it.

    It is taken for granted that each lead counts once, in the week it was scored, once the outcomes of that week are
    all known; that who is in the group is settled before; that leads are independent, so no more than one per account;
    and that the difference is the same in all weeks. The rates themselves may move. A difference is no cause: if sales
    does not call coordinators, they will not convert; `holdout_sample` finds out.

    Weeks are those of 2,000 simulated trials at each truth, with a fixed seed. `weeks_fixed` is the usual
    (z + z')^2 (q (1 - q) / share + p (1 - p) / (1 - share)) / difference^2 leads, with p the rate of the rest and q
    that of the group: p + difference, or p if there is none, whichever needs more leads.

    References
    ----------
    Turner, R. J. and Gruenwald, P. D. (2023), Anytime-valid confidence intervals for contingency tables and beyond,
    Statistics and Probability Letters 198, 109835. Waudby-Smith, I. and Ramdas, A. (2024), Estimating means of bounded
    random variables by betting, Journal of the Royal Statistical Society B 86, 1-27. Ville, J. (1939), Etude critique
    de la notion de collectif. Chow, S.-C., Shao, J. and Wang, H. (2008), Sample Size Calculations in Clinical
    Research, section 4.2: 0.65 against 0.85 needs 70 and 70.

    Examples
    --------
    >>> trial = plan_trial(baseline_rate=0.05, smallest_difference=-0.03, per_week=200, share=0.2)
    >>> trial
    18 weeks at most (3,600 leads), 11 on average, to prove or refute that the group's rate is lower than the rest's 5 %
    by 3 percentage points or more.
    <BLANKLINE>
    - 200 leads a week, 20 % of them in the group; the right verdict within 18 weeks has a chance of 80 %.
    - A single look at the end needs 13 weeks: looking every week takes 1.4 times as long at most, 0.9 times on average.
    >>> trial = trial.update(TrialWeek("2026-01-05", 0, 40, 9, 160)).update(TrialWeek("2026-01-12", 1, 38, 8, 161))
    >>> print(trial.headline)
    Open after 2 weeks (78 leads in the group, 321 in the rest): the difference is -11.9 to 4.76 percentage points
    (95 %, however often you look); planned for 18 weeks at most, 11 on average.
    >>> trial.update(TrialWeek("2026-01-15", 1, 38, 8, 161))
    Traceback (most recent call last):
    leadscore.errors.ArgumentError: 1 problem in week
      the last one counted starts on 2026-01-12, the next may start on 2026-01-19 or later; got 2026-01-15: no lead may
      count twice
    """
    with Arguments("plan_trial") as given:
        _check(given, locals())
    z = NormalDist().inv_cdf((1 + confidence) / 2) + NormalDist().inv_cdf(power)
    truths = (baseline_rate, baseline_rate + smallest_difference)
    spread = max(rate * (1 - rate) for rate in truths) / share + baseline_rate * (1 - baseline_rate) / (1 - share)
    fixed = math.ceil(z**2 * spread / smallest_difference**2 / per_week)
    if fixed > _MOST_WEEKS:
        length = f"{counted(fixed, 'week')} with {counted(per_week, 'lead')} a week"
        message = f"would need {length}: take a larger difference, or more leads"
        raise ArgumentError("smallest_difference", message)
    rates = float(baseline_rate), float(smallest_difference)
    trial = Trial(*rates, int(per_week), float(share), float(confidence), float(power), fixed, fixed, fixed)
    needed = [_weeks_needed(trial, truth) for truth in (0.0, smallest_difference)]
    most = max(weeks for weeks, _ in needed)
    mean = max(float(np.minimum(each, most).mean()) for _, each in needed)
    return replace(trial, weeks_expected=round(mean, 1), weeks_at_most=most)


def _check(given: Arguments, planned: Mapping[str, Any]) -> None:
    """Check the arguments of `plan_trial`."""
    before = len(given.problems)
    for name in ("baseline_rate", "share", "confidence", "power"):
        given.probability(name, planned[name])
    difference = given.number("smallest_difference", planned["smallest_difference"], least=-1, most=1)
    if len(given.problems) == before and not 0 < planned["baseline_rate"] + difference < 1:
        rate = planned["baseline_rate"] + difference
        message = f"is the group's rate less {planned['baseline_rate']:g}, so that the group would have {rate:g}"
        given.wrong("smallest_difference", f"{message}, which is not a rate between 0 and 1")
    elif len(given.problems) == before and not difference:
        given.wrong("smallest_difference", "must not be 0: no trial can show that there is no difference at all")
    given.whole("per_week", planned["per_week"], least=2)


def _weeks_needed(trial: Trial, truth: float) -> tuple[int, Ints]:
    """The weeks in which `trial.power` of the simulated trials come to the right verdict, and the weeks of each."""
    rng = np.random.default_rng(20261124)
    right_way = 1 if trial.smallest_difference > 0 else -1
    ruled_out, side = (0.0, right_way) if truth else (trial.smallest_difference, -right_way)
    weeks = 2 * trial.weeks_fixed + 8
    while True:
        n = rng.binomial(trial.per_week, trial.share, (_SIMULATED, weeks))
        won = rng.binomial(n, trial.baseline_rate + truth)
        rest_won = rng.binomial(trial.per_week - n, trial.baseline_rate)
        evidence = _evidence(trial, np.stack([won, n, rest_won, trial.per_week - n]), ruled_out, side)
        settled = evidence >= math.log(2 / (1 - trial.confidence))
        needed = np.where(settled.any(axis=1), settled.argmax(axis=1) + 1, weeks + 1)
        enough = int(np.quantile(needed, trial.power, method="higher"))
        if enough <= weeks:
            return enough, needed
        weeks *= 2
