"""`PointsCard`: a fitted model in whole points, short enough to be reviewed, and written as a rulebook."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from scipy.optimize import brentq
from scipy.special import expit
from threadpoolctl import threadpool_limits

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.errors import ArgumentError
from leadscore.learn.card.additive import Additive, Direction
from leadscore.learn.card.as_rules import rules_of
from leadscore.learn.card.binning import Bins, parts, starts_of
from leadscore.learn.card.merging import Merger
from leadscore.learn.card.reading import read_used, table_of
from leadscore.learn.card.rounding import whole_points
from leadscore.learn.rows.snapshots import Provenance
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.stats.intervals import Floats, Ints, wilson
from leadscore.stats.logistic import Dense, fit_logistic
from leadscore.stats.outcomes_and_scores import read_rows
from leadscore.tables.frames import as_frame

_LN2 = float(np.log(2))
# With points that double the odds, a total of so many has even odds: the wet finger's hundred.
_EVEN_AT = 100
# How strongly heights are drawn to zero while rows are merged, so that those of rare bins are known somehow.
_DRAWN = 3.0
# Log odds are summed to so much.
_GRID = 1 / 64
# What people see of the rows, and how: leads are counted whole, though they may be weighted.
_SHOWN = ("feature", "bin", "points", "n", "reached", "rate")
_FORMATS = {"points": "z.0f", "n": ",.0f", "reached": ",.0f"}


@dataclass(frozen=True, eq=False, repr=False)
class PointsCard(Result):
    """A model in whole points; made by `LeadClassifier.points_card`.

    Attributes
    ----------
    features : list of Bins
        What the card looks at, in the order of how much it moves leads.
    points : (n_bins,) whole numbers, of all features end to end
    base : int
        What every lead has.
    intercept, slope : float
        The chance at a total t is 1 / (1 + exp(-(intercept + slope x t))).
    frame : DataFrame, a row to review each
        `feature`, `bin`, `n`, `reached` (those of them that had the outcome), `rate` with `rate_low`, `rate_high`
        (Wilson), `points` with `points_low`, `points_high` (from the bootstrap of the fit, beside the feature's mean):
        all 95 %. Bins that no lead was in are left out: they get the feature's mean.
    log_loss_lost : float
        What the whole numbers cost: the log loss per lead above that of the same rows in fractions.
    n : float
        The leads learned from; rows where leads have several.
    mass : (n_bins,) of them, in each bin
    kinds : dict of column to "number", "text", "boolean" or "empty"
        Of all columns of the frame learned from, in their order.
    trained_until_ : date or None
        The last day of the rows learned from.
    beyond_ : tuple of str
        What the model, before it was shortened and rounded, leaves on the table; see `LeadClassifier`.
    alike_ : float
        How many rows tell as much as one of a lead of its own would: rates have the intervals of so many fewer.
    """

    features: list[Bins]
    points: Ints
    base: int
    intercept: float
    slope: float
    frame: pd.DataFrame
    log_loss_lost: float
    n: float
    mass: Floats
    kinds: Mapping[str, str]
    trained_until_: dt.date | None = None
    beyond_: tuple[str, ...] = ()
    alike_: float = 1.0

    @property
    def points_to_double(self) -> float:
        """So many points more double the odds."""
        return _LN2 / self.slope

    @property
    def even_at(self) -> float:
        """The total at which the odds are even."""
        return -self.intercept / self.slope

    @property
    def least(self) -> int:
        """The least total a lead can have."""
        return self.base + int(sum(own.min() for (own,) in parts(self.features, self.points)))

    @property
    def most(self) -> int:
        """The largest total a lead can have."""
        return self.base + int(sum(own.max() for (own,) in parts(self.features, self.points)))

    def score(self, X: Any) -> pd.DataFrame:
        """The points of each lead.

        Parameters
        ----------
        X : DataFrame or array, (n_rows, n_columns)
            With the columns the card looks at; of an array, all that were learned from, in their order.

        Returns
        -------
        DataFrame, the index of X
            A column of whole points per feature, and `total`, which has the base in it; a feature of that name is
            `total (column)`.

        Raises
        ------
        ArgumentError
            If a column is not there or holds values of another kind.
        """
        table = table_of(X, list(self.kinds))
        read = read_used(self.features, table, self.kinds)
        found = {
            "total (column)" if bins.name == "total" else bins.name: own[bins.of(read)]
            for bins, (own,) in zip(self.features, parts(self.features, self.points), strict=True)
        }
        frame = pd.DataFrame(found, index=table.index)
        return frame.assign(total=frame.sum(axis=1).astype(np.int64) + self.base)

    def predict_proba(self, X: Any) -> Floats:
        """The chance of either outcome at each lead's total.

        Parameters
        ----------
        X : as in `score`

        Returns
        -------
        (n_rows, 2) float64
            Of False and of True.
        """
        chance = self.chance(self.score(X)["total"].to_numpy())
        return np.column_stack([1 - chance, chance])

    def chance(self, total: Any) -> Any:
        """The chance at a total.

        Parameters
        ----------
        total : number or (n,) numbers of points

        Returns
        -------
        float or (n,) float64
        """
        with Arguments("chance") as given:
            (points,) = given.numbers(total=total)
        return np.exp(-np.logaddexp(0, -(self.intercept + self.slope * points)))

    def recalibrate(self, X: Any, y: Any) -> PointsCard:
        """The same points with the chance at each total learned again, by logistic regression on the total alone.

        A short card leaves out some of what the model knows, so that its totals mean other chances; and where the base
        rate has moved, the newest leads whose outcome is known tell what totals mean now.

        Parameters
        ----------
        X : DataFrame, (n_rows, n_columns)
        y : (n_rows,) True, False or missing

        Returns
        -------
        PointsCard

        Raises
        ------
        ArgumentError
            If y is invalid, all known outcomes are of one kind, or they do not rise with the total.
        """
        rows = read_rows(y, X=X)
        had = rows.had[rows.known]
        total = self.score(X)["total"].to_numpy(np.float64)[rows.known]
        if not 0 < had.mean() < 1 or np.corrcoef(total, had)[0, 1] <= 0:
            what = f"{int(had.sum()):,} of {counted(len(had), 'known outcome')} True, and not rising with the total"
            raise ArgumentError("y", f"{what}: no link can be learned")
        link = fit_logistic(Dense(total[:, None]), had.astype(np.float64))
        return replace(self, intercept=link.intercept, slope=float(link.coefficients[0]))

    def explain(self, row: Mapping[str, Any] | pd.Series[Any]) -> CardExplanation:
        """The points of one lead, a line per feature, which sum exactly to its total; values never seen are named.

        Parameters
        ----------
        row : mapping or Series
            The lead's value in each column that the card looks at.

        Returns
        -------
        CardExplanation

        Raises
        ------
        ArgumentError
            If a column is not there or holds a value of another kind.
        """
        with Arguments("explain") as given:
            given.types(row=(row, Mapping | pd.Series))
        frame = pd.DataFrame([dict(row)])
        read, lines = read_used(self.features, as_frame("row", frame), self.kinds), []
        for bins, (own, mass) in zip(self.features, parts(self.features, self.points, self.mass), strict=True):
            code = int(bins.of(read)[0])
            note = ""
            if mass[code] == 0:
                note = "no lead was like this in training: the feature's mean"
            elif bins.kind == "category" and code == len(bins.levels):
                note = "rare or never seen in training: the points of such values"
            values = (frame[column].iloc[0] for column in bins.columns)
            value = " and ".join("missing" if pd.isna(one) else str(one) for one in values)
            lines.append((bins.name, value, bins.labels[code], int(own[code]), note))
        total = self.base + sum(points for *_, points, _ in lines)
        table = pd.DataFrame(lines, columns=["feature", "value", "bin", "points", "note"])
        return CardExplanation(table, self.base, total, float(self.chance(total)))

    def threshold_at(self, probability: float) -> int:
        """The least whole total at which the chance is at least `probability`.

        Parameters
        ----------
        probability : float
            Between 0 and 1.

        Returns
        -------
        int

        Raises
        ------
        ArgumentError
            If `probability` is invalid, or no lead can reach it.
        """
        with Arguments("threshold_at") as given:
            given.probability("probability", probability)
        wanted = (np.log(probability / (1 - probability)) - self.intercept) / self.slope
        if wanted > self.most:
            best = f"the best lead, with {self.most} points, has a chance of {self.chance(self.most):.1%}"
            raise ArgumentError("probability", f"no lead reaches {probability:.1%}: {best}")
        return max(int(np.ceil(wanted - 1e-9)), self.least)

    def to_rulebook(  # noqa: PLR0913 - what a rulebook is called, and its threshold
        self,
        *,
        name: str,
        threshold: float | None = None,
        probability: float | None = None,
        version: str = "",
        timezone: str = "UTC",
        provenance: Mapping[str, Provenance] | None = None,
    ) -> Rulebook:
        """Write the card as a rulebook: scoring it gives every lead the same points, exactly.

        Parameters
        ----------
        name, version, timezone : str
            Of the rulebook.
        threshold : float, optional
            In points: of `choose_threshold`, say.
        probability : float, optional
            Or the chance a lead must have; exactly one of the two.
        provenance : dict of column to Attribute or Activity, optional
            What the columns are made of: `snapshots.provenance`. By default all are columns of the leads.

        Returns
        -------
        Rulebook
            Rules named after the features. Rare and unseen values are its `other`.

        Raises
        ------
        ArgumentError
            If not exactly one threshold is given, or a feature cannot be written as a rule: a count of kinds of event.
        """
        with Arguments("to_rulebook") as given:
            given.text("version", version)
            given.types(provenance=(provenance, Mapping | None))
        if (threshold is None) == (probability is None):
            raise ArgumentError("threshold", "give exactly one of threshold, in points, and probability")
        least = self.threshold_at(probability) if probability is not None else threshold
        versioned = {"version": version} if version else {}
        document: dict[str, Any] = {"leadscore": 1, "name": name, **versioned, "timezone": timezone}
        points = [own.tolist() for (own,) in parts(self.features, self.points)]
        document |= rules_of([*zip(self.features, points, strict=True)], self.base, self.kinds, provenance or {})
        return Rulebook.from_dict(document | {"qualify": {"threshold": least}}, source=name)

    def plot(self, ax: Any = None) -> Any:
        """Draw the points of every row, with their intervals; see `pictures.plot_card`."""
        from leadscore.present.pictures import plot_card  # noqa: PLC0415 - matplotlib is loaded when a picture is asked for

        return plot_card(self.frame, ax=ax)

    @property
    def headline(self) -> str:
        """What totals there are, and what they mean."""
        size = f"{counted(len(self.frame), 'row')} of {counted(len(self.features), 'feature')}"
        of = f"{self.n:,.0f} {'leads' if self.alike_ == 1 else 'rows, several of a lead'}"
        return (
            f"Totals from {self.least} to {self.most} points in {size}, learned from {of}; the odds are "
            f"even at {self.even_at:.1f}, and double every {self.points_to_double:.1f} points."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What every lead has, and what the whole numbers cost."""
        base = (f"Every lead has {self.base} points to begin with.",) if self.base else ()
        return (*base, f"Whole points cost a log loss of {self.log_loss_lost:.5f} per lead.", *self.beyond_)

    def sections(self) -> Iterator[Section]:
        """The rows to review, and their picture."""
        rows = self.frame.assign(bin=self.frame["bin"].map(_short))
        rows = rows[[*_SHOWN, *(f"{name}_{end}" for name in ("points", "rate") for end in ("low", "high"))]]
        yield Section("frame", "Points, with 95 % intervals", self.frame, rows, formats=_FORMATS)
        yield Section("picture", "Points and their intervals", self.plot)


@dataclass(frozen=True, eq=False, repr=False)
class CardExplanation(Result):
    """Why one lead has its total.

    Attributes
    ----------
    frame : DataFrame
        `feature`, `value`, `bin`, `points`, `note` (where the value was never seen); points and base sum to the total.
    base, total : int
    chance : float
    """

    frame: pd.DataFrame
    base: int
    total: int
    chance: float

    @property
    def headline(self) -> str:
        """The total and what it means."""
        return f"{self.total} points, a chance of {self.chance:.1%}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What every lead has."""
        return (f"{self.base} of the points are those that every lead has.",) if self.base else ()

    def sections(self) -> Iterator[Section]:
        """The points of each feature."""
        rows = self.frame.assign(bin=self.frame["bin"].map(_short), value=self.frame["value"].map(_short))
        rows = rows[["points", "feature", "value", "bin", "note"]]
        shown = rows.sort_values("points", ascending=False, kind="stable", ignore_index=True)
        yield Section("frame", "Points of each feature", self.frame, shown)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def points_card(fitted: Any, span: int | None, pdo: float | None, max_points_rows: int | None) -> PointsCard:
    """The card of a `LeadClassifier`: bins merged to so many rows, scaled, rounded, and refined."""
    model, directions = fitted.model_, fitted.monotone or {}
    rows = len(model.mass) if max_points_rows is None else max_points_rows
    with threadpool_limits(1, "blas"):
        short, drawn = _shortened(model, fitted.draws_.coefficients, rows, directions)
    if not short.coefficients.any():
        raise ArgumentError("X", "there is nothing to give points for: no column learned from tells leads apart")
    points, slope, move, lost = whole_points(short, span, None if pdo is None else _LN2 / pdo, directions)
    even = -(short.intercept + move) / slope
    base = 0 if pdo is None else round(_EVEN_AT - even)
    n = float(short.mass[: short.features[0].size].sum())
    frame = _frame(short, points, drawn / slope, fitted.alike_)
    intercept = short.intercept + move - slope * base
    reading = fitted.kinds_, fitted.trained_until_, fitted.beyond_, fitted.alike_
    return PointsCard(short.features, points, base, intercept, slope, frame, lost / n, n, short.mass, *reading)


def _shortened(
    model: Additive, draws: Floats, rows: int, directions: Mapping[str, Direction]
) -> tuple[Additive, Floats]:
    """A model of at most so many rows, its features by how much they move leads; and its draws, beside their means."""
    n = len(model.coefficients)
    # What the leads say of the bins, without what draws neighbours together: rows are allowed to jump.
    cross = model.curvature[:n, n]
    metric = model.curvature[:n, :n] - np.outer(cross, cross) / model.curvature[n, n] + np.eye(n) * _DRAWN
    merger = Merger(model.features, model.coefficients, np.linalg.inv(metric), model.mass)
    merger.to_rows(rows)
    merger.straighten(directions)
    features, maps = merger.result()
    starts, old = starts_of(features), starts_of(model.features)
    joined, place = np.zeros((n, int(starts[-1]))), 0
    for first, mapping in zip(old, maps, strict=False):
        if len(mapping):
            joined[first + np.arange(len(mapping)), starts[place] + mapping] = 1
            place += 1
    # The heights that lie nearest to those of the model, by what is known of them.
    pull = joined.T @ metric
    down = np.linalg.solve(pull @ joined, pull)
    mass, events = joined.T @ model.mass, joined.T @ model.events
    heights = centred(down @ model.coefficients, mass, features)
    drawn = centred(draws @ down.T, mass, features)
    spread = [np.sqrt((own**2) @ weight) for own, weight in parts(features, heights, mass)]
    order = np.argsort(-np.array(spread), kind="stable")
    take = np.argsort(np.repeat(np.argsort(order), np.diff(starts)), kind="stable")
    whole = block_diag(joined[:, take], 1.0)
    curvature, unknown = whole.T @ model.curvature @ whole, np.zeros((0, 0))
    ordered = [features[place] for place in order]
    short = Additive(ordered, 0.0, heights[take], curvature, unknown, mass[take], events[take], model.log_loss)
    return replace(short, intercept=_level(model, short)), drawn[:, take]


def _level(model: Additive, short: Additive) -> float:
    """The intercept at which the mean chance stays what it was: fewer rows reach less far.

    Both means are those of leads whose features are as they were, but each apart from the others: of which leads are in
    which bins together, a model knows nothing any more, and what that does to both is nearly the same.
    """
    totals, share = _totals(model)
    mean = share @ expit(model.intercept + totals)
    totals, share = _totals(short)
    return float(brentq(lambda level: share @ expit(level + totals) - mean, -100, 100))


def _totals(model: Additive) -> tuple[Floats, Floats]:
    """The sums of coefficients that leads can have, on a fine grid, and the share of each."""
    share, low = np.ones(1), 0
    for own, mass in parts(model.features, model.coefficients, model.mass):
        cells = np.rint(own / _GRID).astype(np.int64)
        share = np.convolve(share, np.bincount(cells - cells.min(), mass) / mass.sum())
        low += int(cells.min())
    return np.asarray((low + np.arange(len(share))) * _GRID, np.float64), share


def centred(values: Floats, mass: Floats, features: list[Bins]) -> Floats:
    """Heights beside the mean of each feature, 0 where nobody is."""
    found = np.zeros_like(values)
    for out, own, weight in parts(features, found, values, mass):
        mean = np.asarray(own @ weight / weight.sum())
        out[...] = np.where(weight > 0, own - mean[..., None], 0)
    return found


def _frame(model: Additive, points: Ints, drawn: Floats, alike: float) -> pd.DataFrame:
    """The rows to review; `drawn` are heights in points beside the mean of their feature."""
    mass = np.maximum(model.mass, 1e-300)
    rate_low, rate_high = wilson(model.events / alike, mass / alike)
    means = np.concatenate(
        [np.full(len(own), own @ weight / weight.sum()) for own, weight in parts(model.features, points, model.mass)]
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0) + means
    frame = model.frame().assign(rate=model.events / mass, rate_low=rate_low, rate_high=rate_high)
    frame = frame.assign(points=points, points_low=low, points_high=high)
    return frame[model.mass > 0].reset_index(drop=True)
