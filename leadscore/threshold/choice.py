"""Choosing a threshold: by what sales can work, by a precision or recall to keep, or by what it earns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.errors import ArgumentError, RulebookError
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.stats.intervals import Floats, Ints, wilson
from leadscore.threshold.table import Counts, Histograms, ThresholdTable, weekly_mean

Mask = npt.NDArray[np.bool_]
# What a threshold is worth is judged as if chosen on two thirds of the leads and held against the others.
_SPLIT = 0.5**0.5
# The group of leads in no segment, whose threshold is the rulebook's own.
_REST = "(missing)"


@dataclass(frozen=True)
class Value:
    """What an outcome earns, and what passing a lead on costs.

    Attributes
    ----------
    per_won, per_contact : float, from 0
        In one currency. What a lead must earn to pay is their quotient: with 1000 and 200 a chance of 0.2.

    Raises
    ------
    ArgumentError
        If either is not a number from 0.

    Examples
    --------
    >>> Value(per_won=1000, per_contact=200)
    Value(per_won=1000, per_contact=200)
    """

    per_won: float
    per_contact: float

    def __post_init__(self) -> None:
        with Arguments("Value") as given:
            given.number("per_won", self.per_won, least=0)
            given.number("per_contact", self.per_contact, least=0)


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdChoice(Result):
    """A threshold, and what else it could have been; made by `choose_threshold`.

    Attributes
    ----------
    headline : str
        The choice in words, with what it rests on.
    threshold : float
        NaN where none does what was asked. Of a table by groups: the single threshold that those of the groups are
        compared with.
    low, high : float
        From the lowest to the highest threshold that the data does not rule out as the right one.
    asked : str
        What was asked about: precision, recall, per_week or value.
    curve : DataFrame, index threshold
        `figure` (what was asked about: precision, recall, leads a week, or value over the leads of the table), `low`,
        `high`, and `possible`: not ruled out as the right threshold.
    per_week : tuple of three floats, or None
        Leads a week at the threshold, with the interval of the table; None without dates.
    value : tuple of three floats, or None
        If a value was asked: what the threshold is worth over as many leads as the table has, on which it was not
        chosen, and its interval. `curve` has what it made of the very leads, which flatters it.
    stability : DataFrame or None, index month
        `n` leads with a known outcome, `threshold` that the month alone would have asked for (NaN: none), and at the
        one chosen from all months `flagged_per_week` and `precision` with `precision_low`, `precision_high` (Wilson).
        None without dates.
    thresholds : DataFrame or None, index group
        Of a table by groups: `threshold` (NaN: the capacity reaches none of its leads), `low`, `high` (of the
        replicates' own choices), `per_week` and `precision` of the leads passed on.
    gain : tuple of three floats, or None
        Of a table by groups: how many outcomes more a week than a single threshold brings with as many leads, and its
        interval; what comes of choosing thresholds on the same data is taken off.
    table : ThresholdTable
    """

    headline: str
    threshold: float
    low: float
    high: float
    asked: str
    curve: pd.DataFrame
    per_week: tuple[float, float, float] | None
    value: tuple[float, float, float] | None
    stability: pd.DataFrame | None
    thresholds: pd.DataFrame | None
    gain: tuple[float, float, float] | None
    table: ThresholdTable

    @property
    def notes(self) -> tuple[str, ...]:
        """Of a value: what it is on the leads that the threshold was chosen on, and whether it may be nothing."""
        if self.value is None:
            return ()
        flattered = f"On the very leads that it was chosen on the value is {self.curve['figure'][self.threshold]:,.0f}"
        nothing = ("To pass on nobody may be as good.",) if self.value[1] <= 0 else ()
        return (f"{flattered}: the best of many thresholds looks better than it is.", *nothing)

    def sections(self) -> Iterator[Section]:
        """The thresholds by group, the choice of each month, and the picture."""
        formats = {"threshold": ".10g", "per_week": ",.1f", "flagged_per_week": ",.1f"}
        level = f"{100 * self.table.confidence:g} % intervals"
        if self.thresholds is not None:
            yield Section("thresholds", f"A threshold for each group, with {level}", self.thresholds, formats=formats)
        if self.stability is not None:
            title = f"What each month alone would have asked for, and what the choice did in it, with {level}"
            yield Section("stability", title, self.stability, formats=formats)
        yield Section("curve", "What was asked about, at each threshold", self.curve, shown=self.curve[:0])
        if self.thresholds is None:
            yield Section("picture", "The choice and the other thresholds", self.plot)

    def plot(self, ax: Any = None) -> Any:
        """Draw the table with the choice marked, or what each threshold earns; see `pictures`, threshold and value."""
        if self.asked == "value":
            from leadscore.present.pictures import plot_value  # noqa: PLC0415 - matplotlib takes long to import

            return plot_value(self.curve, n=self.table.events, chosen=self.threshold, ax=ax)
        return self.table.plot(chosen=(self.threshold, self.low, self.high), ax=ax)

    def apply(self, rulebook: Rulebook) -> Rulebook:
        r"""The rulebook with the chosen thresholds, its comments and layout kept.

        A single threshold becomes `qualify.threshold`, and segments keep theirs. Thresholds by group go to the segments
        of these names, that of the group "(missing)" to `qualify.threshold`.

        Raises
        ------
        ArgumentError
            If no threshold was found, there is no such segment, a threshold has more than three decimals, or no lead
            can reach it by this rulebook.

        Examples
        --------
        >>> from leadscore.threshold.table import threshold_table
        >>> text = "leadscore: 1\nname: x\nfit: [{name: A, when: {a: b}, points: 90}]\nqualify: {threshold: 70} # us"
        >>> choice = choose_threshold(threshold_table([0, 0, 1, 0, 1, 1], [20, 20, 20, 60, 60, 60]), min_precision=0.6)
        >>> print(choice.apply(Rulebook.from_yaml(text)).to_yaml().splitlines()[-1])
        qualify: {threshold: 60} # us
        """
        with Arguments("apply") as given:
            given.types(rulebook=(rulebook, Rulebook))
        own = pd.Series({_REST: self.threshold}) if self.thresholds is None else self.thresholds["threshold"]
        if own.isna().any():
            groups = ", ".join(map(repr, own.index[own.isna()]))
            why = "no threshold was found" if self.thresholds is None else f"{groups} gets no lead at this capacity"
            raise ArgumentError("rulebook", f"{why}: there is nothing to write")
        changes: dict[Any, float] = {}
        for name, value in own.items():
            place = () if name == _REST else ("segments", name)
            changes["qualify", *place, "threshold"] = int(value) if value.is_integer() else value
        try:
            return rulebook.edited(changes)
        except RulebookError as error:
            raise ArgumentError(f"rulebook {rulebook.name!r}", error.problems) from error


def choose_threshold(
    table: ThresholdTable,
    *,
    capacity_per_week: float | None = None,
    min_precision: float | None = None,
    value: Value | None = None,
    min_recall: float | None = None,
) -> ThresholdChoice:
    """Choose a threshold by exactly one thing that is asked of it.

    Parameters
    ----------
    table : ThresholdTable
        From `threshold_table`; with `dates` for a capacity. With `by` a capacity is shared among the groups: each gets
        a threshold of its own, so that the last lead passed on is as good in every group.
    capacity_per_week : float
        As many leads a week as sales can work: the lowest threshold that passes on no more, on average. It counts the
        leads of the table: of a table of those that sales worked, none of the others that would come too.
    min_precision : float
        The lowest threshold at which as large a share of the leads passed on reaches the outcome.
    value : Value
        The threshold that earns most.
    min_recall : float
        The highest threshold that still passes on as large a share of the leads that reach the outcome.

    Returns
    -------
    ThresholdChoice
        `headline`, `threshold`, `low`, `high`, `per_week`, `stability`, `thresholds`, `apply(rulebook)`.

    Raises
    ------
    ArgumentError
        If not exactly one thing is asked, it is out of bounds, or a capacity is asked of a table without dates.

    Notes
    -----
    A threshold is ruled out where the interval of its own figure misses what is asked, or that of one to be preferred
    does not: at 95 % either errs one time in forty. For a value, it is ruled out where its replicates fall short of
    those of the threshold chosen, pair by pair. By month each threshold is chosen from that month's leads alone.

    The figure of a threshold that was chosen for it flatters it, the more the fewer outcomes there are. From a value,
    and from what thresholds by group gain, this is taken off: to the figures noise from the replicates is added, a
    threshold is chosen on these, and judged by the figures less twice that noise. The two are as independent as leads
    to choose on and leads held out; with this much noise, as two thirds and one third of them. Precision and recall are
    as found.

    References
    ----------
    Oliveira, N. L., Lei, J. and Tibshirani, R. J. (2021), Unbiased risk estimation in the normal means problem via
    coupled bootstrap techniques, arXiv 2111.09447: what a choice is worth beyond its data.
    Robertson, T., Wright, F. and Dykstra, R. (1988), Order Restricted Statistical Inference: before thresholds are
    set by group, rates are made to rise with the score.

    Examples
    --------
    >>> from leadscore.threshold.table import threshold_table
    >>> points = np.repeat([20, 40, 60, 80], 100)
    >>> won = np.arange(400) % 100 < np.repeat([2, 5, 20, 30], 100)
    >>> print(choose_threshold(threshold_table(won, points), min_precision=0.2))
    60: precision 25.0% (19.5% to 31.4%), asked for 20.0%. 40 to 80 cannot be told apart with 57 outcomes.
    >>> print(choose_threshold(threshold_table(won, points), value=Value(per_won=1000, per_contact=100)))
    60: value 29,962 (17,738 to 43,948). All others can be told apart from it with 57 outcomes.
    <BLANKLINE>
    - On the very leads that it was chosen on the value is 30,000: the best of many thresholds looks better than it is.
    """
    goal = _asked(
        table, capacity_per_week=capacity_per_week, min_precision=min_precision, value=value, min_recall=min_recall
    )
    histograms = table.histograms
    some = histograms.counts.pooled().flagged > 0
    curve = _curve(table, goal)
    best = goal.best(curve["figure"].to_numpy(), some)
    curve["possible"] = _possible(table, goal, curve, best) & some
    kept = curve.index[curve["possible"]]
    threshold, low, high = map(float, (curve.index[best], kept.min(), kept.max()) if best >= 0 else (np.nan,) * 3)
    per_week = None
    if len(histograms.months) and best >= 0:
        mean, least, most = (float(part[best]) for part in weekly_mean(histograms.weekly.sum(axis=1), table.confidence))
        per_week = mean, least, most
    own, gain = _by_group(table, goal.target) if table.by else (None, None)
    worth = _worth(table, goal, curve["figure"].to_numpy(), some) if goal.name == "value" and best >= 0 else None
    told = curve if worth is None else curve.assign(figure=worth[0], low=worth[1], high=worth[2])
    headline = goal.sentence(told, best, table) if own is None else _shared(own, gain, goal.target, table)
    months = _by_month(histograms, goal, best, table.confidence) if len(histograms.months) else None
    return ThresholdChoice(headline, threshold, low, high, goal.name, curve, per_week, worth, months, own, gain, table)


@dataclass(frozen=True)
class _Goal:
    """What is asked of a threshold: `name` is precision, recall, per_week or value."""

    name: str
    target: Any

    def meets(self, figure: Floats) -> Mask:
        """Whether each figure does what is asked; NaN does not."""
        return figure <= self.target if self.name == "per_week" else figure >= self.target

    def best(self, figure: Floats, some: Mask) -> int:
        """The place of the right threshold among those that flag some lead; -1 if there is none."""
        if self.name == "value":
            highest = len(figure) - 1 - int(np.argmax(np.where(some, figure, -np.inf)[::-1]))
            return highest if figure[highest] > 0 else -1
        found = np.flatnonzero(self.meets(figure) & some)
        return -1 if not len(found) else int(found[-1 if self.name == "recall" else 0])

    def figures(self, counts: Counts, per_week: Floats) -> Floats:
        """What is asked about, at each threshold."""
        if self.name == "value":
            return self.target.per_won * counts.hits - self.target.per_contact * counts.flagged
        return per_week if self.name == "per_week" else getattr(counts, self.name)

    def _said(self, row: Any) -> str:
        if self.name == "value":
            return f"value {row.figure:,.0f} ({row.low:,.0f} to {row.high:,.0f})"
        if self.name != "per_week":
            return f"{self.name} {row.figure:.1%} ({row.low:.1%} to {row.high:.1%})"
        interval = "no interval from a single week" if np.isnan(row.low) else f"{row.low:,.1f} to {row.high:,.1f}"
        return f"{row.figure:,.1f} leads a week ({interval})"

    def sentence(self, curve: pd.DataFrame, best: int, table: ThresholdTable) -> str:
        """The choice in words, or that there is none and what comes nearest."""
        basis, ask = counted(table.events, "outcome"), ""
        if self.name == "per_week":
            basis, ask = counted(len(table.histograms.weekly), "week"), f", capacity {self.target:,g}"
        elif self.name != "value":
            ask = f", asked for {self.target:.1%}"
        if best >= 0:
            kept = curve.index[curve["possible"]]
            others = f"{kept.min():.10g} to {kept.max():.10g} cannot be told apart with {basis}."
            if len(kept) == 1:
                others = f"All others can be told apart from it with {basis}."
            return f"{curve.index[best]:.10g}: {self._said(curve.iloc[best])}{ask}. {others}"
        figure = curve["figure"].to_numpy()
        if np.isnan(figure).all():
            most = int(table.histograms.counts.flagged.sum(axis=0)[0])
            return f"No threshold has a {self.name}: {most:,} leads are flagged at most, with {basis}{ask}."
        nearest = int(np.nanargmin(figure) if self.name == "per_week" else np.nanargmax(figure))
        flagged = int(table.histograms.counts.flagged.sum(axis=0)[nearest])
        near = f"{self._said(curve.iloc[nearest])} at {curve.index[nearest]:.10g}, of {flagged:,} leads, with {basis}"
        none = "No threshold pays" if self.name == "value" else "No threshold does it"
        return f"{none}: the nearest is {near}{ask}."


def _asked(table: ThresholdTable, **asked: Any) -> _Goal:
    """The one thing that is asked."""
    with Arguments("choose_threshold") as given:
        given.types(table=(table, ThresholdTable))
    named = [name for name, target in asked.items() if target is not None]
    if len(named) != 1:
        message = f"takes exactly one of {', '.join(asked)}; got {' and '.join(named) or 'none'}"
        raise ArgumentError("choose_threshold", message)
    [name], target = named, asked[named[0]]
    with Arguments("choose_threshold") as given:
        if name != "value":
            given.number(name, target, above=0, most=np.inf if name == "capacity_per_week" else 1)
        elif not isinstance(target, Value):
            given.wrong(name, f"must be Value(per_won=..., per_contact=...); got {target!r}")
        if name != "capacity_per_week" and table.by:
            given.wrong(name, "of a table by groups only capacity_per_week can be asked; take a table for each group")
        elif name == "capacity_per_week" and not given.problems and not len(table.histograms.weekly):
            given.wrong(name, "leads a week need dates of at least a week: give threshold_table the days, dates=...")
    return _Goal(name.removeprefix("min_").removeprefix("capacity_"), target)


def _curve(table: ThresholdTable, goal: _Goal) -> pd.DataFrame:
    """`figure`, `low` and `high` at each threshold."""
    histograms = table.histograms
    parts: tuple[npt.NDArray[Any], ...]
    if goal.name == "per_week":
        parts = weekly_mean(histograms.weekly.sum(axis=1), table.confidence)
    elif goal.name == "value":
        tail = (1 - table.confidence) / 2
        drawn = goal.figures(histograms.draws.pooled(), histograms.per_week)
        parts = (
            goal.figures(histograms.counts.pooled(), histograms.per_week),
            *np.quantile(drawn, [tail, 1 - tail], axis=0),
        )
    else:
        parts = tuple(table.frame[goal.name + end].to_numpy() for end in ("", "_low", "_high"))
    index = pd.Index(histograms.thresholds, name="threshold")
    return pd.DataFrame(dict(zip(("figure", "low", "high"), parts, strict=True)), index=index)


def _worth(table: ThresholdTable, goal: _Goal, figure: Floats, some: Mask) -> tuple[float, float, float]:
    """What the threshold that pays most is worth on leads that it was not chosen on, and its interval."""
    drawn = goal.figures(table.histograms.draws.pooled(), table.histograms.per_week)

    def chosen(figures: Floats, judged: Floats) -> Floats:
        """What a choice by each row of the figures is worth by another; to pass on nobody is worth nothing."""
        place = [goal.best(row, some) for row in figures]
        return np.append(judged, np.zeros((len(judged), 1)), axis=1)[np.arange(len(judged)), place]

    noise = drawn - figure
    # Of noise and its mirror image the choices even out.
    held_out = [chosen(figure + side * _SPLIT * noise, figure - side * noise / _SPLIT) for side in (1, -1)]
    value, apparent = float(np.mean(held_out)), chosen(drawn, drawn)
    tail = (1 - table.confidence) / 2
    low, high = value + np.quantile(apparent, [tail, 1 - tail]) - apparent.mean()
    return value, min(float(low), value), max(float(high), value)


def _possible(table: ThresholdTable, goal: _Goal, curve: pd.DataFrame, best: int) -> Mask:
    """The thresholds that may be the right one."""
    if goal.name == "value":
        drawn = goal.figures(table.histograms.draws.pooled(), table.histograms.per_week)
        # Where nothing pays, what is left to compare with is to pass on nobody.
        behind = drawn - (drawn[:, [best]] if best >= 0 else 0)
        return np.quantile(behind, table.confidence, axis=0) >= 0
    low, high = (curve[name].to_numpy() for name in ("low", "high"))
    if goal.name == "per_week":
        low, high = high, low
    # A threshold to be preferred whose interval does what is asked rules out all after it.
    order = slice(None, None, -1 if goal.name == "recall" else 1)
    before = np.append(False, np.logical_or.accumulate(goal.meets(low)[order])[:-1])[order]
    possible = goal.meets(high) & ~before
    if best >= 0:
        possible[best] = True
    return possible


def _by_month(histograms: Histograms, goal: _Goal, best: int, confidence: float) -> pd.DataFrame:
    """What each month alone would have asked for, and what the choice did in it."""
    monthly, per_week = histograms.monthly.pooled(), histograms.per_week.sum(axis=1)
    some = per_week > 0 if goal.name == "per_week" else monthly.flagged > 0
    figures = goal.figures(monthly, per_week)
    own = [goal.best(figure, mask) for figure, mask in zip(figures, some, strict=True)]
    thresholds = np.append(histograms.thresholds, np.nan)
    low, high = wilson(monthly.hits, monthly.flagged, confidence=confidence)
    frame = pd.DataFrame({"n": monthly.n[:, 0], "threshold": thresholds[own]}, index=histograms.months)
    at = {"flagged_per_week": per_week, "precision": monthly.precision, "precision_low": low, "precision_high": high}
    return frame.assign(**{name: figure[:, best] if best >= 0 else np.nan for name, figure in at.items()})


def _bands(above: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What stands between each threshold and the next, of what stands above each."""
    return above - np.concatenate([above[..., 1:], np.zeros_like(above[..., :1])], axis=-1)


def _fill(rate: Floats, leads: Ints, volume: Floats, capacity: float) -> Mask:
    """(n_groups, n_thresholds) the bands that a capacity takes, the best first, from the top down in each group."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - scipy takes long to import

    # A band without leads has no say, but every band needs some weight.
    pairs = zip(rate, leads + 1e-9, strict=True)
    rising = np.stack([isotonic_regression(own, weights=weight).x for own, weight in pairs])
    order = np.argsort(-rising[:, ::-1].ravel(), kind="stable")
    taken = np.zeros(rate.size, bool)
    taken[order] = np.cumsum(volume[:, ::-1].ravel()[order]) <= capacity
    return taken.reshape(rate.shape)[:, ::-1]


def _gain(taken: Mask, rate: Floats, volume: Floats) -> float:
    """Outcomes a week of the bands taken, less those of a single threshold that passes on as many leads."""
    leads, events = (part.sum(axis=0)[::-1].cumsum() for part in (volume, volume * rate))
    single = np.interp(volume[taken].sum(), np.append(0, leads), np.append(0, events))
    return float((volume * rate)[taken].sum() - single)


def _by_group(table: ThresholdTable, capacity: float) -> tuple[pd.DataFrame, tuple[float, float, float]]:
    """A threshold for each group under a shared capacity, and the gain over a single one."""
    histograms = table.histograms
    volume = _bands(histograms.weekly.mean(axis=0))
    leads, hits = _bands(histograms.counts.flagged), _bands(histograms.counts.hits)
    drawn_leads, drawn_hits = _bands(histograms.draws.flagged), _bands(histograms.draws.hits)
    rate, drawn_rate = hits / np.maximum(leads, 1), drawn_hits / np.maximum(drawn_leads, 1)
    # How many leads stand in a band is drawn too; where no outcome is known, there is nothing to draw.
    drawn_volume = volume * np.where(leads > 0, drawn_leads / np.maximum(leads, 1), 1)
    taken = _fill(rate, leads, volume, capacity)
    drawn = list(zip(drawn_rate, drawn_leads, drawn_volume, strict=True))
    redone = [_fill(*own, capacity) for own in drawn]

    apparent = np.array([_gain(mask, own, held) for mask, (own, _, held) in zip(redone, drawn, strict=True)])
    noise = (drawn_hits - rate * drawn_leads) / np.maximum(leads, 1)
    # As in `_worth`: chosen on some of the data, judged by what is independent of it.
    held_out = [
        _gain(_fill(rate + side * _SPLIT * one, leads, volume, capacity), rate - side * one / _SPLIT, volume)
        for one in noise
        for side in (1, -1)
    ]
    gain = float(np.mean(held_out))
    tail = (1 - table.confidence) / 2
    low, high = gain + np.quantile(apparent, [tail, 1 - tail]) - apparent.mean()

    lowest = np.array([_lowest(mask, volume, histograms.thresholds) for mask in (taken, *redone)])
    ends = np.quantile(lowest[1:], [tail, 1 - tail], axis=0, method="inverted_cdf")
    frame = pd.DataFrame(
        {"threshold": lowest[0], "low": ends[0], "high": ends[1]}, index=pd.Index(histograms.groups, name="group")
    )
    frame["threshold"] = frame["threshold"].where(np.isfinite(frame["threshold"]))
    columns = [name + end for name in ("per_week", "precision") for end in ("", "_low", "_high")]
    at = pd.MultiIndex.from_arrays([frame.index, frame["threshold"]])
    return frame.join(table.frame[columns].reindex(at).set_axis(frame.index)), (gain, float(low), float(high))


def _lowest(taken: Mask, volume: Floats, thresholds: Floats) -> Floats:
    """(n_groups,) the lowest threshold of the bands taken; infinite where no lead is."""
    some = taken & (volume > 0)
    return np.where(some.any(axis=1), thresholds[some.argmax(axis=1)], np.inf)


def _shared(own: pd.DataFrame, gain: Any, capacity: float, table: ThresholdTable) -> str:
    each = ", ".join(
        f"{group} {'none' if np.isnan(value) else f'{value:.10g}'}" for group, value in own["threshold"].items()
    )
    verdict = "The gain is real." if gain[1] > 0 else "A single threshold may be as good."
    more = f"{gain[0]:+.2f} outcomes a week ({gain[1]:+.2f} to {gain[2]:+.2f}) with {counted(table.events, 'outcome')}"
    weeks = counted(len(table.histograms.weekly), "week")
    total = f"{own['per_week'].sum():,.1f} leads a week over {weeks}, capacity {capacity:,g}"
    return (
        f"Thresholds by group: {each}; {total}. Compared with a single threshold for as many leads: {more}. {verdict}"
    )
