"""`LeadClassifier`: the chance that a lead converts, from bins of its features, each with one coefficient."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.text import counted
from leadscore.errors import ArgumentError, Problem, did_you_mean
from leadscore.learn.card.additive import Direction, Draws, additive, cut, resampled
from leadscore.learn.card.beyond import left_on_the_table
from leadscore.learn.card.binning import Floats
from leadscore.learn.card.folds import Days, folds, in_order, looked_at
from leadscore.learn.card.interactions import paired
from leadscore.learn.card.model_file import read_model, write_model
from leadscore.learn.card.points_card import PointsCard, centred, points_card
from leadscore.learn.card.reading import (
    classes_of,
    in_leads,
    plain_column,
    read_columns,
    read_frame,
    read_outcomes,
    read_used,
)
from leadscore.learn.card.rows import Rows
from leadscore.learn.card.shapes import shapes
from leadscore.learn.card.tuning import ENCODINGS, METHODS, chosen
from leadscore.learn.guards.guards import Guards, guards
from leadscore.stats.logistic import Dense, fit_logistic
from leadscore.stats.outcomes_and_scores import LeadRows
from leadscore.stats.score_tests import Sample

_LOG = logging.getLogger(__name__)
# What a row costs for each feature, in seconds of a processor of 2020, and beside it in the folds; what is long is said
# without being asked.
_PER_CELL, _PER_CELL_OF_FOLDS = 0.9e-6, 2e-5
_LONG = 20


@dataclass(kw_only=True, eq=False, repr=False)
class LeadClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn comes without types
    """The chance that a lead converts: an additive model of a few bins per feature, which is a points card in disguise.

    Takes a frame as it is. Numbers are cut into bins; texts and categories have a bin per value, rare ones (under 30
    leads or 0.5 %) share the bin "other", which is also that of values never seen; texts whose values are mostly rare,
    such as job titles, are read word by word. Missing is a bin of its own; "Select" or "unknown" is a value like any
    other, so kinds of missing stay apart. Each bin has one coefficient, found for all at once by logistic regression.

    Parameters
    ----------
    bins : "auto", "shape", "tree" or "quantile"
        How numbers are cut: where the joint shape of all features rises or falls (shape), by a decision tree on the
        feature alone (tree), or into parts of equal size (quantile). By default shape, or quantile where rows have
        dates, unless another clearly predicts better: later leads where rows have dates, else held-out ones.
    encoding : "auto", "onehot" or "woe"
        A coefficient per bin, drawn to zero, and to its neighbours but for quantile; or one slope per feature on the
        weights of evidence of its bins, which is less exact and steadier over time. By default chosen with the bins.
    max_bins : int
        Of a number, missing apart.
    C : float, optional
        Inverse of the strength with which coefficients are drawn to zero. By default chosen with the bins.
    monotone : dict of column to "increasing" or "decreasing", optional
        Numbers whose points may only rise, or fall. They are in no pair.
    pairs : int
        At most so many pairs of features get a term of their own beside those of each, in few bins: those of the six
        that move leads most which clearly predict better in the folds, at 1 % over all that are tried. By default none:
        a card of single features is easier to agree on.
    guards : "warn", "raise", "drop" or None
        What to do about columns that cannot be trusted (see `guards`): warn; refuse; leave them out and say so; or not
        to look. Too few outcomes are always refused, but for None.

    Attributes
    ----------
    classes_ : (2,) the two outcomes; the second is the one whose chance is told
    model_ : Additive
        `features` (the bins), `intercept`, `coefficients` and what is known of them.
    guards_ : Guards
        What they found; nothing with None.
    chosen_ : DataFrame
        What was tried: `bins`, `encoding`, `C`, `explained` (mean share of the deviance explained in the folds).
    beyond_ : tuple of str
        Whether boosted trees, or pairs of features, order held-out leads better than the model, before a card shortens
        it, and by how much; nothing where nothing was chosen by held-out leads (few outcomes; no lead whose rows are
        all before another's; all of `bins`, `encoding` and `C` given). With `groups` errors are as if the rows of a
        lead were alike: at most too wide.
    alike_ : float
        How many rows tell as much as one of a lead of its own would; 1 where each lead has one row.
    n_rows_, n_unknown_ : int
        Rows learned from; rows left out because their outcome is missing.
    trained_until_ : date or None
        The last day of the rows.
    feature_names_in_, n_features_in_

    Notes
    -----
    A fit says in the log what it does and about how long it takes (`logging`, the logger `leadscore`): of fits of more
    than about 20 s as a warning, which Python shows unasked. Intervals are worked out when they are first asked for, by
    `interval`, `points_card`, `save` or a pickle, and are the same whenever that is; until then a model keeps its rows
    by their bins, in memory alone: 2 bytes a row for each feature, and 16 to 32 beside.

    With dates, each tenth of the time has a level of its own, which no feature is credited with; predictions stand on
    that of the newest. Probabilities are those of leads like those learned from: where the base rate has moved since,
    `recalibrate` moves the intercept.

    The effective sample size of weights w is (sum w)^2 / sum w^2: Kish, L. (1965), Survey Sampling, section 11.7.
    Additive models of binned features: Hastie, T. and Tibshirani, R. (1990), Generalized Additive Models; as points
    cards: Siddiqi, N. (2006), Credit Risk Scorecards. Heights are drawn together as far as the marginal likelihood of
    the outcomes asks for: Tipping, M. and Faul, A. (2003), AISTATS. Features that tell nothing are left out beyond 30
    in all, and those that tell least where all have more than 2,000 bins; the log and the model card name them.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"visits": rng.poisson(3, 4000), "seniority": rng.choice(["VP", "Manager", None], 4000)})
    >>> y = rng.random(4000) < 1 / (1 + np.exp(3 - 0.5 * X["visits"] - (X["seniority"] == "VP")))
    >>> model = LeadClassifier().fit(X, y)
    >>> model.predict_proba(pd.DataFrame({"visits": [0, 9], "seniority": ["VP", "intern"]}))[:, 1].round(1)
    array([0.1, 0.8])
    """

    bins: str = "auto"
    encoding: str = "auto"
    max_bins: int = 10
    C: float | None = None
    monotone: Mapping[str, Direction] | None = None
    pairs: int = 0
    guards: Literal["warn", "raise", "drop"] | None = "warn"

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, dates: Any = None, groups: Any = None) -> Self:
        """Learn from leads whose outcome is known.

        Parameters
        ----------
        X : DataFrame or array, (n_rows, n_features)
            Mixed as it comes; no dates.
        y : (n_rows,) True or False, or two numbers; missing where the outcome is not known (yet)
            Rows without an outcome are left out and counted. Of two numbers the larger is the outcome.
        sample_weight : (n_rows,), optional
            Whole numbers are how many leads a row stands for: 3 is as good as three such rows. Of all others, and of
            equal ones, only the ratios count, so that their scale changes nothing: together they are as many leads as
            the effective sample size, which a warning names where it is under half the rows.
        dates : (n_rows,) days or times, optional
            When each row was as it is; then the model is chosen by how it predicts later leads.
        groups : (n_rows,), optional
            Rows of one lead on several days: folds and intervals keep them together. Series are matched with X by their
            index.

        Returns
        -------
        LeadClassifier

        Raises
        ------
        ArgumentError
            If an argument is invalid, or there are too few outcomes; it is a ValueError too.
        """
        self._check()
        frame = read_frame(self, X, reset=True)
        if y is None:
            raise ArgumentError("y", "requires y to be passed, but the target y is None: the outcome of each row")
        y = plain_column(y)
        self.classes_ = classes_of(y)
        # Rows of an array have no names to match by.
        named = frame if isinstance(X, pd.DataFrame) else range(len(frame))
        rows, weight = read_outcomes(self.classes_, named, y, sample_weight, dates=dates, groups=groups)
        kept = rows.known & (weight > 0)
        if len(set(rows.had[kept])) < 2:
            raise ArgumentError("sample_weight", "leaves rows of one class only: a weight of zero leaves a row out")
        self.n_rows_, self.n_unknown_ = int(kept.sum()), int((~rows.known & (weight > 0)).sum())
        # Rows whose outcome is still open say which columns are filled in with it.
        frame = self._guarded(frame[weight > 0], rows.take(weight > 0))
        rows, weight = rows.take(kept), in_leads(weight[kept])
        outcome, day, groups = rows.had.astype(np.float64), rows.dates, rows.groups
        self.trained_until_ = None if day is None else day_of(int(day.max()))
        read = read_columns(frame)
        self.kinds_ = {name: "empty" if column.missing.all() else column.kind for name, column in read.items()}
        self._check_directions()
        binned, day = in_order(read, outcome, weight, day, groups)
        # Matrices of some hundred columns: on a busy machine threads that wait for each other cost ten times the work.
        with threadpool_limits(1, "blas"):
            self._learn(binned, day)
        return self

    def _learn(self, rows: Rows, day: Days | None) -> None:
        n, p = len(rows.y), len(rows.features)
        self.alike_ = 1.0 if rows.lead is None else Sample(rows.y, rows.lead, np.zeros(n, np.int64)).alike
        seconds = p * (_PER_CELL * n + _PER_CELL_OF_FOLDS * len(looked_at(n)))
        level = logging.WARNING if seconds > _LONG else logging.INFO
        _LOG.log(level, "%s rows of %s features: about %.0f s; 1 of 3, choosing bins", f"{n:,}", f"{p:,}", seconds)
        self.chosen_, parted = chosen(rows, day, self)
        best = self.chosen_.iloc[0]
        _LOG.log(level, "2 of 3, learning from all rows: bins %s, encoding %s", best["bins"], best["encoding"])
        in_bins, _, maps = cut(rows, shapes(rows), best["bins"], self.max_bins)
        gone = [bins.name for bins, mapping in zip(rows.features, maps, strict=True) if not len(mapping)]
        if gone:
            _LOG.log(level, "%s left out, as they tell least: %s", counted(len(gone), "feature"), ", ".join(gone))
        self.model_, maps = additive(in_bins, 1 / best["C"], best["encoding"], self.monotone)
        in_bins = in_bins.rebinned(self.model_.features, maps)
        if self.pairs:
            (in_bins,) = paired(in_bins, list(folds(in_bins, day)), 1 / best["C"], self.pairs, self.monotone)
            self.model_, maps = additive(in_bins, 1 / best["C"], best["encoding"], self.monotone)
            in_bins = in_bins.rebinned(self.model_.features, maps)
        _LOG.log(level, "3 of 3, comparing with boosted trees and pairs of features")
        self.beyond_ = left_on_the_table(rows, parted, best, self)
        self.draws_ = Draws(partial(resampled, self.model_, in_bins, 1 / best["C"]))

    def _guarded(self, frame: pd.DataFrame, rows: LeadRows) -> pd.DataFrame:
        """What is learned from; what is wrong with the columns left out is said, or refused."""
        self.guards_ = Guards((), int(rows.known.sum()))
        if self.guards is not None:
            dates = None if rows.dates is None else rows.dates.astype("datetime64[D]").astype("datetime64[us]")
            had = np.where(rows.known, rows.had, np.nan)
            self.guards_ = guards(frame, had, dates=dates, groups=rows.groups)
        bad = ("refuse", "drop") if self.guards == "raise" else ("refuse",)
        refused = [one for one in self.guards_ if one.severity in bad]
        if refused:
            raise ArgumentError("X", [Problem(str(one.column), f"{one.code}: {one.message}") for one in refused])
        out = self.guards_.columns("drop") if self.guards == "drop" else []
        if self.guards_:
            left_out = f"\nLeft out: {', '.join(map(str, out))}" if out else ""
            warnings.warn("\n".join(map(str, self.guards_.lines)) + left_out, stacklevel=3)
        kept = frame[rows.known].drop(columns=out)
        if not len(kept.columns):
            what = "no column is left that can be trusted: see the guards' findings, or guards='warn'"
            raise ArgumentError("X", what)
        return kept

    def _check(self, call: str = "LeadClassifier") -> None:
        with Arguments(call) as given:
            given.one_of("bins", self.bins, ("auto", *METHODS))
            given.one_of("encoding", self.encoding, ("auto", *ENCODINGS))
            given.whole("max_bins", self.max_bins, least=2)
            given.whole("pairs", self.pairs, least=0)
            if self.C is not None:
                given.number("C", self.C, above=0)
            if self.guards is not None:
                given.one_of("guards", self.guards, ("warn", "raise", "drop"))
            if not isinstance(self.monotone, Mapping | None):
                given.wrong("monotone", f"must be as {{'visits': 'increasing'}}; got {self.monotone!r}")
            elif self.monotone:
                for name, direction in self.monotone.items():
                    given.one_of(f"monotone[{name!r}]", direction, ("increasing", "decreasing"))

    def _check_directions(self) -> None:
        """Whether each direction is that of a column of numbers."""
        with Arguments("LeadClassifier") as given:
            for name in self.monotone or {}:
                if name not in map(str, getattr(self, "feature_names_in_", self.kinds_)):
                    given.wrong(f"monotone[{name!r}]", f"there is no such column{did_you_mean(name, self.kinds_)}")
                elif self.kinds_.get(name) in ("text", "boolean"):
                    what = f"the column is {self.kinds_[name]}, which neither rises nor falls"
                    given.wrong(f"monotone[{name!r}]", what)

    def decision_function(self, X: Any) -> Floats:
        """Log odds that each lead is of the second class.

        Parameters
        ----------
        X : DataFrame or array, (n_rows, n_features)
            With the columns learned from.

        Returns
        -------
        (n_rows,) float64

        Raises
        ------
        ArgumentError
            If a column is not there or holds values of another kind.
        """
        check_is_fitted(self)
        frame = read_frame(self, X, reset=False)
        read = read_used(self.model_.features, frame, self.kinds_)
        return self.model_.logits([bins.of(read) for bins in self.model_.features], len(frame))

    def predict_proba(self, X: Any) -> Floats:
        """The chance of each class, as among leads like those learned from.

        Parameters
        ----------
        X : DataFrame or array, (n_rows, n_features)

        Returns
        -------
        (n_rows, 2) float64
            In the order of `classes_`.

        Raises
        ------
        ArgumentError
            If a column is not there or holds values of another kind.
        """
        chance = np.exp(-np.logaddexp(0, -self.decision_function(X)))
        return np.column_stack([1 - chance, chance])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likelier class; to choose whom to call, use a threshold: see `choose_threshold`.

        Parameters
        ----------
        X : DataFrame or array, (n_rows, n_features)

        Returns
        -------
        (n_rows,) of `classes_`

        Raises
        ------
        ArgumentError
            If a column is not there or holds values of another kind.
        """
        likelier = self.decision_function(X) > 0
        return self.classes_[likelier.astype(int)]

    def interval(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """Coefficients with bootstrap intervals, a row for each bin.

        Parameters
        ----------
        confidence : float

        Returns
        -------
        DataFrame
            `feature`, `bin`, `n` (weight of the leads in it), `reached`, `coefficient` (log odds beside the mean of
            the feature), `low`, `high`: percentiles of 200 draws of leads, rows of a group together, and of what pulls
            coefficients to zero, so that they cover over all bins as often as they say; of a rare bin far from the
            others, less often. Bins are as they are: that others might have been cut is not in it. Missing where nobody
            is in the bin.
        """
        check_is_fitted(self)
        with Arguments("interval") as given:
            given.probability("confidence", confidence)
        model = self.model_
        beside = centred(self.draws_.coefficients, model.mass, model.features)
        low, high = np.quantile(beside, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
        ends = pd.DataFrame({"low": low, "high": high})
        return model.frame().assign(coefficient=model.coefficients).join(ends[model.mass > 0])

    def points_card(
        self, *, span: int | None = None, pdo: float | None = None, max_points_rows: int | None = None
    ) -> PointsCard:
        """The model in whole points, as a table that both teams can review.

        Parameters
        ----------
        span : int, optional
            The largest total is at most so many points, 100 by default, and the least 0. Whole points that lie nearest
            to the model may end a few below.
        pdo : float, optional
            Instead: so many points more double the odds, and a total of 100 has even odds, as in credit scoring; every
            lead then has base points.
        max_points_rows : int, optional
            At most so many rows to review, over all features: bins that the fit can hardly tell apart become one.

        Returns
        -------
        PointsCard
            `frame`, `score`, `explain`, `to_rulebook`.

        Raises
        ------
        ArgumentError
            If an argument is invalid, or no feature is left.

        Notes
        -----
        A card is made from the fit alone, without the rows. Of few leads (800 with 93 outcomes) the mean chance of a
        short card was 2 to 14 % beside the true one; `PointsCard.recalibrate` puts it right where the rows are at hand.
        """
        check_is_fitted(self)
        with Arguments("points_card") as given:
            if span is not None:
                given.whole("span", span, least=1)
            if pdo is not None:
                given.number("pdo", pdo, above=0)
            if max_points_rows is not None:
                given.whole("max_points_rows", max_points_rows, least=2)
            if span is not None and pdo is not None:
                given.wrong("pdo", "sets another scale than span; give one of the two")
        span = 100 if pdo is None and span is None else span
        return points_card(self, span, pdo, max_points_rows)

    def recalibrate(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """A copy whose intercept is that of other leads, such as the newest with an outcome; coefficients stay.

        Parameters
        ----------
        X : DataFrame or array, (n_rows, n_features)
        y : (n_rows,) outcomes of the two kinds learned from; missing where not known
        sample_weight : (n_rows,), optional

        Returns
        -------
        LeadClassifier

        Raises
        ------
        ArgumentError
            If an argument is invalid, or all outcomes are of one kind.
        """
        check_is_fitted(self)
        rows, weight = read_outcomes(self.classes_, X, plain_column(y), sample_weight)
        kept = rows.known & (weight > 0)
        if len(set(rows.had[kept])) < 2:
            message = f"must hold both outcomes; all {int(kept.sum()):,} known are the same, so the odds are not finite"
            raise ArgumentError("y", message)
        offset, outcome = self.decision_function(X)[kept], rows.had[kept].astype(np.float64)
        none = Dense(np.zeros((len(outcome), 0)))
        move = fit_logistic(none, outcome, weight=weight[kept], offset=offset).intercept
        other = copy(self)
        other.model_ = replace(self.model_, intercept=self.model_.intercept + move)
        return other

    def save(
        self, path: str | os.PathLike[str], *, title: str | None = None, notes: str = "", verdict: Any = None
    ) -> None:
        """Write the model to a file that is safe to read, and its model card beside it as Markdown.

        The file holds plain data: the bins, their coefficients and what is known of them, and nothing of single leads.

        Parameters
        ----------
        path : path
            `model.npz`, say; the card is then `model.md`.
        title : str, optional
            Of the card; by default the name of the file.
        notes : str
            Of the card, as Markdown: whose leads they are, who answers for it.
        verdict : Verdict, optional
            What `gate` found.

        Raises
        ------
        ArgumentError
            If the files cannot be there, the card would replace other Markdown, or an argument is invalid.

        Examples
        --------
        >>> import numpy as np, pandas as pd, tempfile
        >>> X = pd.DataFrame({"visits": np.arange(400) % 9})
        >>> model = LeadClassifier(guards=None).fit(X, X["visits"] + np.arange(400) % 5 > 7)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/leads.npz", title="Leads of 2026")
        ...     same = LeadClassifier.load(f"{folder}/leads.npz")
        >>> bool((same.predict_proba(X) == model.predict_proba(X)).all())
        True
        """
        check_is_fitted(self)
        write_model(self, path, title=title, notes=notes, verdict=verdict)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote: it predicts the same, to the last bit.

        Safe for files of strangers: a file is numbers and text, nothing in it is run, and all of it is checked before
        anything is built. That its figures are those somebody meant, no check can say: compare the SHA-256 with that of
        the card. `joblib` works too, for files of people you trust: it runs what it finds.

        Parameters
        ----------
        path : path

        Returns
        -------
        LeadClassifier

        Raises
        ------
        ArgumentError
            If the file is not there, is none of `save`, is damaged, of a newer format, or does not fit together.
        """
        model = read_model(path, cls)
        cls._check(model, f"{path}")
        return model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
