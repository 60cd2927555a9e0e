"""What each threshold costs and brings, for any score, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted, shown
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import Floats, Ints, holm, lift, poisson, wilson
from leadscore.stats.outcomes_and_scores import LeadRows
from leadscore.threshold.scored_leads import UNKNOWN, cells, draw_accounts, leads_per_account, scored_leads

_MOST_THRESHOLDS = 201
_MOST_BANDS = 20
# Below so many expected a rate's distribution is not near enough to a normal one (Cochran's rule).
_EXPECTED = 5
_WEEK = 7


class Counts(NamedTuple):
    """How many leads stand at or above each threshold, and how many of them reached the outcome.

    Attributes
    ----------
    flagged, hits : (..., n_thresholds) leads at or above each, and events among them
    n, events : (..., 1) all leads whose outcome is known, and events among them
    """

    flagged: Ints
    hits: Ints
    n: Ints
    events: Ints

    @classmethod
    def of(cls, cells: Ints) -> Counts:
        """From (..., n_thresholds + 1, outcomes) leads in each band by outcome, 1 the event; the first is below all."""
        above = cells[..., ::-1, :].cumsum(axis=-2)[..., ::-1, :]
        leads, hits = above.sum(axis=-1), above[..., 1]
        return cls(leads[..., 1:], hits[..., 1:], leads[..., :1], hits[..., :1])

    def group(self, place: int) -> Counts:
        """One group: a place on the axis before the thresholds."""
        return Counts(*(part[..., place, :] for part in self))

    def pooled(self) -> Counts:
        """All groups together: the axis before the thresholds summed."""
        return Counts(*(part.sum(axis=-2) for part in self))

    @property
    def precision(self) -> Floats:
        """Events of the flagged; NaN where none is flagged."""
        return ratio(self.hits, self.flagged)

    @property
    def recall(self) -> Floats:
        """Flagged of the events; NaN where there is none."""
        return ratio(self.hits, self.events)

    @property
    def lift(self) -> Floats:
        """How many times the precision is the rate among all leads."""
        return ratio(self.precision, ratio(self.events, self.n))


def ratio(count: npt.ArrayLike, of: npt.ArrayLike) -> Floats:
    """A quotient; NaN where there is nothing to divide by."""
    under = np.asarray(of, np.float64)
    return np.asarray(count, np.float64) / np.where(under > 0, under, np.nan)


@dataclass(frozen=True)
class Histograms:
    """The counts behind a table, which `choose_threshold` works from.

    Attributes
    ----------
    thresholds : (n_thresholds,) rising
    groups : (n_groups,) names; one without `by`
    counts : Counts of (n_groups, n_thresholds)
    draws : Counts of (replicates, n_groups, n_thresholds)
    weekly : (n_weeks, n_groups, n_thresholds) leads flagged in each week, outcome known or not; none without dates
    months : (n_months,) the first day of each; none without dates
    monthly : Counts of (n_months, n_groups, n_thresholds)
    per_week : (n_months, n_groups, n_thresholds) leads flagged a week in each month
    """

    thresholds: Floats
    groups: tuple[str, ...]
    counts: Counts
    draws: Counts
    weekly: Ints
    months: pd.DatetimeIndex
    monthly: Counts
    per_week: Floats


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdTable(Result):
    """What each threshold costs and brings; made by `threshold_table`.

    Attributes
    ----------
    frame : DataFrame, index threshold, rising (with `by`: group, threshold)
        Of the leads whose outcome is known, those with `score >= threshold`: `flagged` and `share_flagged` (of all),
        `events_flagged`, `precision` (events of the flagged), `recall` (flagged of the events), `lift` (precision by
        the rate of all leads), `false_per_true` (flagged leads without the event for each with it; infinite where there
        is none with it). With `dates` also `per_week`: leads flagged a week, those of unknown outcome included. Each
        but the counts has `_low` and `_high` beside it.
    n, events, unknown : int
        Leads with a known outcome, those of them that reached it, and leads left out because theirs is not known.
    notes : tuple of str
        What to know before a threshold is chosen.
    by : bool
    confidence : float
    histograms : Histograms
    """

    frame: pd.DataFrame
    n: int
    events: int
    unknown: int
    notes: tuple[str, ...]
    by: bool
    confidence: float
    histograms: Histograms

    @property
    def headline(self) -> str:
        """How many leads have the outcome, whatever the threshold."""
        low, high = wilson(self.events, self.n, confidence=self.confidence)
        share = f"{self.events / self.n:.1%} ({float(low):.1%} to {float(high):.1%})"
        first, last = self.histograms.thresholds[[0, -1]]
        return f"{share} of {counted(self.n, 'lead')} reached the outcome; thresholds from {first:.10g} to {last:.10g}."

    def sections(self) -> Iterator[Section]:
        """About ten thresholds of each group, enough to see the curve, and their picture."""
        size = len(self.histograms.thresholds)
        places = np.unique(np.linspace(0, size - 1, min(size, 11)).round().astype(int))
        few = self.frame.iloc[np.add.outer(np.arange(len(self.frame) // size) * size, places).ravel()]
        names = ["flagged", "events_flagged", "precision", "recall", "per_week"]
        columns = [name for name in few if name.removesuffix("_low").removesuffix("_high") in names]
        left = (f"{len(places)} of {size} thresholds; `frame` has all, with lift and the share flagged.",)
        title = f"Leads at or above each threshold, with {100 * self.confidence:g} % intervals"
        formats = {"threshold": ".10g", "per_week": ",.1f"}
        yield Section("frame", title, self.frame, few[columns], left if len(places) < size else (), formats)
        if not self.by:
            yield Section("picture", "Precision and leads passed on, at each threshold", self.plot)

    def plot(self, *, chosen: tuple[float, float, float] | None = None, ax: Any = None) -> Any:
        """Draw precision and volume over the threshold; see `pictures.plot_threshold`.

        Raises
        ------
        ArgumentError
            If the table is one by groups, or an argument is invalid.
        """
        from leadscore.present.pictures import plot_threshold  # noqa: PLC0415 - matplotlib takes long to import

        if self.by:
            raise ArgumentError("by", "a table by groups has a curve for each: draw the table of one group")
        with Arguments("plot") as given:
            (ends,) = given.numbers(chosen=(0, 0, 0) if chosen is None else chosen)
            if not given.problems and ends.shape != (3,):
                given.wrong("chosen", f"must be a threshold and the ends of its interval; got {shown(chosen)}")
        return plot_threshold(self.frame, n=self.n, chosen=chosen, ax=ax)


def threshold_table(  # noqa: PLR0913 - each of them is part of what is asked
    y: Any,
    score: Any,
    *,
    thresholds: Any = None,
    weights: Any = None,
    by: Any = None,
    dates: Any = None,
    groups: Any = None,
    replicates: int = 200,
    confidence: float = 0.95,
    random_state: int | np.random.Generator = 0,
) -> ThresholdTable:
    """What each threshold costs and brings, for any score: points, a probability or a vendor's number.

    Series are brought together by lead_id, arrays by their place. The score decides which leads there are: one that
    `y` does not have is of unknown outcome.

    Parameters
    ----------
    y : (n_leads,) True or False, 1 or 0; `<NA>` where not known yet, as `label` gives it
    score : Scores, or (n_leads,) numbers
        Higher is hotter; of `Scores` the total alone, whatever `never`, minimums and hand-raises made of it.
    thresholds : sequence of numbers, optional
        By default every score there is, or where these are more than 201, up to 201 evenly spaced round numbers.
    weights : (n_leads,) whole numbers, optional
        For how many leads a row stands: 2 is the row twice. Not for leads sampled at unequal rates.
    by : (n_leads,) names, optional
        A table for each group; missing is a group too.
    dates : (n_leads,) days, optional
        When each lead came to be scored; times count as the day on the clock of their zone. A week is seven days,
        counted back from the last.
    groups : (n_leads,) ids, optional
        Leads of one group, such as an account, convert together, so they count for less: groups are drawn instead of
        leads.
    replicates : int
    confidence : float
    random_state : int or numpy Generator
        The same seed gives the same intervals.

    Returns
    -------
    ThresholdTable
        `headline`, `notes`, `frame`, `n`, `events`, `unknown`.

    Raises
    ------
    ArgumentError
        If outcomes are no outcomes, scores are missing, a known outcome has no score, or arrays differ in length; all
        that is wrong at once.

    Notes
    -----
    `precision`, `recall` and `share_flagged` have Wilson's interval, with `groups` at the size that the design effect
    leaves; `false_per_true` has that of the precision. `lift` has that of `gains`, but for the share flagged, which is
    drawn too. `per_week` has Student's interval over weeks, since weeks differ by more than chance, and never less than
    Poisson's of so many leads.

    The replicates, which give the design effects and what `choose_threshold` compares, are not drawn row by row: how
    many leads fall in each band, with and without the event, is a multinomial draw, and that is all a table needs.
    Groups get Poisson weights.

    References
    ----------
    Efron, B. and Tibshirani, R. (1993), An Introduction to the Bootstrap, chapters 6 and 13. Chamandy, N. et al.
    (2012), Estimating uncertainty for massive data streams (Poisson weights). Korn, E. and Graubard, B. (1998), Survey
    Methodology 24, 193-201 (design effects).

    Examples
    --------
    >>> won = [0, 0, 1, 0, 0, 1, 1, 0, 1, 1]
    >>> table = threshold_table(won, [5, 5, 5, 10, 10, 10, 20, 20, 20, 20])
    >>> table.frame[["flagged", "events_flagged", "precision", "recall"]]
               flagged  events_flagged  precision  recall
    threshold
    5.0             10               5   0.500000     1.0
    10.0             7               4   0.571429     0.8
    20.0             4               3   0.750000     0.6
    >>> table.frame.loc[20, ["precision_low", "precision_high"]].round(2).tolist()
    [0.3, 0.95]
    """
    with Arguments("threshold_table") as checked:
        level = checked.probability("confidence", confidence)
        checked.whole("replicates", replicates, least=round(2 / (1 - level)))
        rng = checked.random("random_state", random_state)
        asked = None if thresholds is None else _given(thresholds)
        rows = scored_leads(y, score, weights=weights, by=by, dates=dates, groups=groups)
    values = _evenly(rows.columns["score"]) if asked is None else asked
    place = np.searchsorted(values, rows.columns["score"], "right")
    found = cells(rows, place, len(values))[0]
    known = found[..., :UNKNOWN]
    counts = Counts.of(known)
    if rows.groups is None:
        total = int(known.sum())
        drawn = rng.multinomial(total, known.ravel() / total, size=replicates).reshape(replicates, *known.shape)
    else:
        drawn = draw_accounts(rows, place, len(values), replicates, rng)
    histograms = Histograms(values, rows.names, counts, Counts.of(drawn), *_over_time(rows, place, len(values)))
    unknown, most = int(found[..., UNKNOWN].sum()), leads_per_account(rows)
    frame = _frame(histograms, confidence, most)
    if by is None:
        frame = frame.droplevel("group")
    notes = (*_too_few(counts, unknown), *_falls(histograms, confidence, most))
    n, events = int(counts.n.sum()), int(counts.events.sum())
    return ThresholdTable(frame, n, events, unknown, notes, by is not None, confidence, histograms)


def _over_time(rows: LeadRows, place: Ints, n_thresholds: int) -> tuple[Ints, pd.DatetimeIndex, Counts, Floats]:
    """The last four parts of `Histograms`."""
    if rows.dates is None:
        never = Counts.of(np.zeros((0, len(rows.names), n_thresholds + 1, UNKNOWN), np.int64))
        return never.flagged, pd.DatetimeIndex([]), never, never.flagged.astype(np.float64)
    first, last = int(rows.dates.min()), int(rows.dates.max())
    weeks = (last - first + 1) // _WEEK
    week = weeks - 1 - (last - rows.dates) // _WEEK
    whole = week >= 0
    weekly = cells(rows.take(whole), place[whole], n_thresholds, week[whole])[:weeks]
    month = rows.dates.astype("datetime64[D]").astype("datetime64[M]")
    months = np.arange(month.min(), month.max() + 1)
    begin, end = (edge.astype("datetime64[D]").astype(np.int64) for edge in (months, months + 1))
    days = np.minimum(end, last + 1) - np.maximum(begin, first)
    monthly = cells(rows, place, n_thresholds, (month - months[0]).astype(np.int64))
    # Leads of unknown outcome are flagged too.
    per_week = Counts.of(monthly).flagged * _WEEK / days[:, None, None]
    index = pd.DatetimeIndex(months.astype("datetime64[us]"), name="month")
    return Counts.of(weekly).flagged, index, Counts.of(monthly[..., :UNKNOWN]), per_week


def _given(thresholds: Any) -> Floats:
    with Arguments("threshold_table") as given:
        (values,) = given.numbers(thresholds=thresholds)
        if not given.problems and (values.ndim != 1 or not len(values) or not np.isfinite(values).all()):
            given.wrong("thresholds", f"must be a list of numbers; got {shown(thresholds)}")
    return np.unique(values)


def _evenly(score: Floats) -> Floats:
    """Every distinct score, or where there are too many, round numbers evenly spaced from the lowest to the highest."""
    # A look at the first rows spares the search for distinct values in most continuous scores.
    if len(np.unique(score[:1000])) <= _MOST_THRESHOLDS:
        distinct = pd.unique(score)
        if len(distinct) <= _MOST_THRESHOLDS:
            return np.sort(distinct)
    low, high = score.min(), score.max()
    least = (high - low) / (_MOST_THRESHOLDS - 2)
    exponent = int(np.floor(np.log10(least)))
    scale = 10.0 ** abs(exponent)
    unit = next(step for step in (1, 2, 5, 10) if step * 10.0**exponent >= least)
    first, last = (int(np.floor(end / (unit * 10.0**exponent))) for end in (low, high))
    multiples = np.arange(first, last + 1) * unit
    # Divided by a power of ten, and not multiplied by a tenth, a round number is the very one that people type.
    return np.asarray(multiples / scale if exponent < 0 else multiples * scale, np.float64)


def _design_effect(drawn: Floats, variance: Floats, most: float) -> Any:
    """By how much a rate varies more over draws of accounts than over as many single leads; from 1 to `most`."""
    if most == 1:
        return 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        effect = np.ma.masked_invalid(drawn).var(axis=0).filled(0) / variance
    return np.where(variance > 0, np.clip(effect, 1, most), most)


def _frame(histograms: Histograms, confidence: float, leads_per_account: float) -> pd.DataFrame:
    counts, draws = histograms.counts, histograms.draws
    columns: dict[str, npt.NDArray[Any]] = {"flagged": counts.flagged, "events_flagged": counts.hits}
    effects: dict[str, Any] = {}

    def put(name: str, value: Floats, low: npt.ArrayLike, high: npt.ArrayLike) -> None:
        columns.update({name: value, f"{name}_low": np.asarray(low), f"{name}_high": np.asarray(high)})

    rates = {
        "share_flagged": (counts.flagged, counts.n, ratio(draws.flagged, draws.n)),
        "precision": (counts.hits, counts.flagged, draws.precision),
        "recall": (counts.hits, counts.events, draws.recall),
    }
    for name, (count, of, drawn) in rates.items():
        value = ratio(count, of)
        effects[name] = _design_effect(drawn, value * (1 - value) / np.maximum(of, 1), leads_per_account)
        put(name, value, *wilson(count / effects[name], of / effects[name], confidence=confidence))
    fewer = (part / effects["precision"] for part in (counts.hits, counts.flagged, counts.events, counts.n))
    put("lift", counts.lift, *lift(*fewer, confidence=confidence)[1:])
    with np.errstate(divide="ignore"):
        odds, least, most = (1 / columns[name] - 1 for name in ("precision", "precision_high", "precision_low"))
    put("false_per_true", odds, least, np.where(counts.hits > 0, most, odds))
    if len(histograms.months):
        put("per_week", *weekly_mean(histograms.weekly, confidence))
    index = pd.MultiIndex.from_product([histograms.groups, histograms.thresholds], names=["group", "threshold"])
    return pd.DataFrame({name: np.ravel(values) for name, values in columns.items()}, index=index)


def weekly_mean(weekly: Ints, confidence: float) -> tuple[Any, Any, Any]:
    """The mean over the first axis and its interval; NaN without a whole week, no interval with one.

    As wide as Student's, for weeks differ by more than chance, and as Poisson's, for few weeks with few leads may be
    alike by chance: eight weeks without a lead still go with one in two weeks.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes long to import

    weeks = len(weekly)
    if weeks < 2:
        none = np.full(weekly.shape[1:], np.nan)
        return weekly.mean(axis=0) if weeks else none, none, none
    mean, (least, most) = weekly.mean(axis=0), poisson(weekly.sum(axis=0), confidence)
    half = stdtrit(weeks - 1, (1 + confidence) / 2) * weekly.std(axis=0, ddof=1) / np.sqrt(weeks)
    return mean, np.maximum(np.minimum(mean - half, least / weeks), 0), np.maximum(mean + half, most / weeks)


def _too_few(counts: Counts, unknown: int) -> list[str]:
    notes = []
    if unknown:
        notes.append(f"{counted(unknown, 'lead')} of unknown outcome left out of all rates.")
    if not counts.events.any():
        notes.append("No lead reached the outcome: recall and lift have no value.")
    if (counts.events == counts.n).all():
        missing = "are the outcomes of those that did not missing?"
        notes.append(
            f"Every lead of known outcome reached it, so each precision is 100 % whatever the score: {missing}"
        )
    return notes


def _falls(histograms: Histograms, confidence: float, leads_per_account: float) -> list[str]:
    """Where leads above a threshold convert less than those just below it, beyond noise, over all groups and bands."""
    groups = range(len(histograms.groups))
    tests = pd.concat([_neighbours(histograms, group, leads_per_account) for group in groups], ignore_index=True)
    sure = tests[holm(tests["p"]) < (1 - confidence) / 2]
    # Falls that follow on one another are one.
    stretch = (sure["low"] != sure["high"].shift()).cumsum()
    ends = sure.groupby([sure["group"], stretch]).agg({"group": "first", "low": "first", "high": "last"})
    return [_fall(histograms, *fall) for fall in ends.itertuples(index=False)]


def _neighbours(histograms: Histograms, group: int, leads_per_account: float) -> pd.DataFrame:
    """Neighbouring thresholds of a group, and for each pair the p-value of the leads above both converting less."""
    counts, draws = histograms.counts.group(group), histograms.draws.group(group)
    # With many thresholds no band holds enough leads to tell: then a few do, each a quarter of those from it on.
    wanted = counts.flagged[0] * 0.75 ** np.arange(_MOST_BANDS)
    last = len(histograms.thresholds) - 1
    every, few = np.arange(last + 1), np.minimum(np.searchsorted(-counts.flagged, -wanted), last)
    edges = every if last < _MOST_BANDS else np.unique(few)
    low, high = edges[:-1], edges[1:]
    above, below = counts.flagged[high], counts.flagged[low] - counts.flagged[high]
    pooled = counts.hits[low] / np.maximum(counts.flagged[low], 1)
    enough = np.minimum(below, above) * np.minimum(pooled, 1 - pooled) >= _EXPECTED
    low, high, above, below, pooled = (part[enough] for part in (low, high, above, below, pooled))
    variance = pooled * (1 - pooled) * (1 / below + 1 / above)
    effect = _design_effect(_rise(draws, low, high), variance, leads_per_account)
    z = _rise(counts, low, high) / np.sqrt(variance * effect)
    return pd.DataFrame({"group": group, "low": low, "high": high, "p": [NormalDist().cdf(value) for value in z]})


def _rise(counts: Counts, low: Ints, high: Ints) -> Floats:
    """How much larger the rate is from the threshold `high` on than between `low` and it."""
    between = ratio(
        counts.hits[..., low] - counts.hits[..., high], counts.flagged[..., low] - counts.flagged[..., high]
    )
    return ratio(counts.hits[..., high], counts.flagged[..., high]) - between


def _fall(histograms: Histograms, group: int, low: int, high: int) -> str:
    name = f"{histograms.groups[group]}: " if histograms.groups[group] else ""
    (before, after), counts = histograms.thresholds[[low, high]], histograms.counts.group(group)
    rates = [f"{counts.precision[place]:.1%} (n={counts.flagged[place]:,})" for place in (low, high)]
    fall = f"{name}Raising the threshold from {before:.10g} to {after:.10g} lowers precision beyond noise"
    return f"{fall}, from {rates[0]} to {rates[1]}."
