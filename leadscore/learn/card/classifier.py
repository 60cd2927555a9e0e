"""`LeadClassifier`: the chance that a lead converts, from bins of its features, each with one coefficient."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data
from threadpoolctl import threadpool_limits

from leadscore.base.days import day_of
from leadscore.errors import ArgumentError, Problem, did_you_mean
from leadscore.learn.card.additive import Additive, Direction, Rows, additive, resampled
from leadscore.learn.card.binning import read_columns
from leadscore.learn.card.folds import days_of, folds, groups_of, in_order
from leadscore.learn.card.interactions import paired
from leadscore.learn.card.model_file import read_model, write_model
from leadscore.learn.card.points_card import PointsCard, points_card
from leadscore.learn.card.tuning import ENCODINGS, METHODS, chosen, cut_at
from leadscore.learn.data_checks.guards import Guards, guards
from leadscore.stats.logistic import Dense, fit_logistic
from leadscore.tables.columns import Column

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_DRAWS = 200


class LeadClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn comes without types
    """The chance that a lead converts: an additive model of a few bins per feature, which is a points card in disguise.

    Takes a frame as it is. Numbers are cut into bins; texts and categories have a bin per value, rare ones (under 30
    leads or 0.5 %) share the bin "other", which is also that of values never seen; texts whose values are mostly rare,
    such as job titles, are read word by word. Missing is a bin of its own; "Select" or "unknown" is a value like any
    other, so kinds of missing stay apart. Each bin has one coefficient, found for all at once by logistic regression.

    Parameters
    ----------
    bins : "auto", "shape", "tree" or "quantile"
        How numbers are cut: where the smooth joint shape of all features rises or falls (shape), by a decision tree on
        the feature alone (tree), or into parts of equal size (quantile). By default the one that predicts best: on
        later leads wherever rows have dates, else on held-out ones.
    encoding : "auto", "onehot" or "woe"
        A coefficient per bin, drawn to zero; or one slope per feature on the weights of evidence of its bins, which is
        less exact and steadier over time.
    max_bins : int
        Of a number, missing apart.
    C : float, optional
        Inverse of the strength with which coefficients are drawn to zero. By default chosen with the bins.
    monotone : dict of column to "increasing" or "decreasing", optional
        Numbers whose points may only rise, or fall.
    pairs : int
        At most so many pairs of features get a term of their own beside those of each, in few bins: those that surely
        predict better in the folds. By default none: a card of single features is easier to agree on.
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
    n_rows_, n_unknown_ : int
        Rows learned from; rows left out because their outcome is missing.
    trained_until_ : date or None
        The last day of the rows.
    feature_names_in_, n_features_in_

    Notes
    -----
    With dates, each tenth of the time has a level of its own, which no feature is credited with; predictions stand on
    that of the newest. Probabilities are those of leads like those learned from: where the base rate has moved since,
    `recalibrate` moves the intercept.

    Additive models of binned features: Hastie, T. and Tibshirani, R. (1990), Generalized Additive Models; as points
    cards: Siddiqi, N. (2006), Credit Risk Scorecards. Smoothing by differences: Eilers, P. and Marx, B. (1996),
    Statistical Science 11, 89-121.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"visits": rng.poisson(3, 4000), "seniority": rng.choice(["VP", "Manager", None], 4000)})
    >>> y = rng.random(4000) < 1 / (1 + np.exp(3 - 0.5 * X["visits"] - (X["seniority"] == "VP")))
    >>> model = LeadClassifier().fit(X, y)
    >>> model.predict_proba(pd.DataFrame({"visits": [0, 9], "seniority": ["VP", "intern"]}))[:, 1].round(1)
    array([0.2, 0.7])
    """

    def __init__(  # noqa: PLR0913 - scikit-learn takes all parameters here
        self,
        *,
        bins: str = "auto",
        encoding: str = "auto",
        max_bins: int = 10,
        C: float | None = None,  # noqa: N803 - scikit-learn's name
        monotone: Mapping[str, Direction] | None = None,
        pairs: int = 0,
        guards: Literal["warn", "raise", "drop"] | None = "warn",
    ) -> None:
        self.bins = bins
        self.encoding = encoding
        self.max_bins = max_bins
        self.C = C
        self.monotone = monotone
        self.pairs = pairs
        self.guards = guards

    def fit(
        self,
        X: Any,  # noqa: N803 - scikit-learn's name
        y: Any,
        sample_weight: Any = None,
        *,
        dates: Any = None,
        groups: Any = None,
    ) -> Self:
        """Learn from leads whose outcome is known.

        Parameters
        ----------
        X : DataFrame or array, (n_rows, n_features)
            Mixed as it comes; no dates.
        y : (n_rows,) two classes; missing where the outcome is not known (yet): such rows are left out and counted
        sample_weight : (n_rows,), optional
            How many leads a row stands for.
        dates : (n_rows,) days or times, optional
            When each row was as it is; then the model is chosen by how it predicts later leads.
        groups : (n_rows,), optional
            Rows of one lead on several days: intervals draw them together.

        Returns
        -------
        LeadClassifier

        Raises
        ------
        ArgumentError
            If an argument is none of these, or there are too few outcomes; it is a ValueError too.
        """
        self._check()
        frame, outcome, kept = self._validated(X, y)
        weight = self._weights(sample_weight, kept)
        kept = kept & (weight > 0)
        if len(set(outcome[kept])) < 2:
            raise ArgumentError("sample_weight", "leaves rows of one class only")
        day = None if dates is None else days_of(dates, len(kept))
        self.n_rows_, self.n_unknown_ = int(kept.sum()), int((~kept & (weight > 0)).sum())
        self.trained_until_ = None if day is None else day_of(int(day[kept].max()))
        frame, weight, outcome = frame[kept], weight[kept], outcome[kept]
        day = None if day is None else day[kept]
        groups = None if groups is None else groups_of(groups, kept)
        frame = self._guarded(frame, outcome, day, groups)
        read = read_columns(frame)
        self.kinds_ = {name: "text" if column.numbers is None else "number" for name, column in read.items()}
        self._check_directions()
        rows, day, groups = in_order(read, outcome, weight, day, groups)
        # Matrices of some hundred columns: on a busy machine threads that wait for each other cost ten times the work.
        with threadpool_limits(1, "blas"):
            self._learn(rows, day, groups)
        return self

    def _learn(self, rows: Rows, day: npt.NDArray[np.int64] | None, groups: Ints | None) -> None:
        self.chosen_ = chosen(
            rows,
            day,
            methods=METHODS if self.bins == "auto" else (self.bins,),
            encodings=ENCODINGS if self.encoding == "auto" else (self.encoding,),
            strength=self.C,
            max_bins=self.max_bins,
            monotone=self.monotone,
        )
        best = self.chosen_.iloc[0]
        in_bins = rows.rebinned(*cut_at(rows, best["bins"], self.max_bins))
        self.model_, maps = additive(in_bins, 1 / best["C"], best["encoding"], self.monotone)
        in_bins = in_bins.rebinned(self.model_.features, maps)
        if self.pairs:
            in_bins = paired(in_bins, list(folds(in_bins, day)), 1 / best["C"], self.pairs)
            self.model_, _ = additive(in_bins, 1 / best["C"], best["encoding"])
        self.draws_ = resampled(self.model_, in_bins, 1 / best["C"], groups, _DRAWS)

    def _guarded(
        self, frame: pd.DataFrame, outcome: Floats, day: npt.NDArray[np.int64] | None, groups: Ints | None
    ) -> pd.DataFrame:
        """The columns that are learned from; what is wrong with the others is said, or refused."""
        dates = None if day is None else day.astype("datetime64[D]").astype("datetime64[us]")
        asked = self.guards is not None
        self.guards_ = guards(frame, outcome > 0, dates=dates, groups=groups) if asked else Guards((), len(frame))
        bad = ("refuse", "drop") if self.guards == "raise" else ("refuse",)
        refused = [found for found in self.guards_ if found.severity in bad]
        if refused:
            raise ArgumentError(
                "X", [Problem(str(found.column), f"{found.code}: {found.message}") for found in refused]
            )
        out = self.guards_.columns("drop") if self.guards == "drop" else []
        if self.guards_:
            left_out = f"\nLeft out: {', '.join(map(str, out))}" if out else ""
            warnings.warn("\n".join(map(str, self.guards_)) + left_out, stacklevel=3)
        kept = frame.drop(columns=out)
        if not len(kept.columns):
            raise ArgumentError(
                "X", "no column is left that can be trusted: see the guards' findings, or guards='warn'"
            )
        return kept

    def _check(self) -> None:
        for name, value, known in (
            ("bins", self.bins, ("auto", *METHODS)),
            ("encoding", self.encoding, ("auto", *ENCODINGS)),
            ("guards", self.guards, ("warn", "raise", "drop", None)),
        ):
            if value not in known:
                raise ArgumentError(name, f"must be one of {', '.join(map(repr, known))}; got {value!r}")
        if isinstance(self.max_bins, bool) or not isinstance(self.max_bins, (int, np.integer)) or self.max_bins < 2:
            raise ArgumentError("max_bins", f"must be a whole number from 2; got {self.max_bins!r}")
        if isinstance(self.pairs, bool) or not isinstance(self.pairs, (int, np.integer)) or self.pairs < 0:
            raise ArgumentError("pairs", f"must be a whole number from 0; got {self.pairs!r}")
        number = isinstance(self.C, (int, float, np.number)) and not isinstance(self.C, bool)
        if self.C is not None and not (number and 0 < self.C < np.inf):
            raise ArgumentError("C", f"must be a number above 0; got {self.C!r}")

    def _check_directions(self) -> None:
        problems = []
        for name, direction in (self.monotone or {}).items():
            if direction not in ("increasing", "decreasing"):
                problems.append(Problem(name, f"must be 'increasing' or 'decreasing'; got {direction!r}"))
            if name not in map(str, getattr(self, "feature_names_in_", self.kinds_)):
                problems.append(Problem(name, f"there is no such column{did_you_mean(name, self.kinds_)}"))
            elif self.kinds_.get(name) == "text":
                problems.append(Problem(name, "holds texts, which neither rise nor fall"))
        if problems:
            raise ArgumentError("monotone", problems)

    def _weights(self, sample_weight: Any, rows: npt.NDArray[Any]) -> Floats:
        if sample_weight is None:
            return np.ones(len(rows))
        weight = np.asarray(_check_sample_weight(sample_weight, rows, dtype=np.float64), np.float64)
        if (weight < 0).any():
            raise ArgumentError("sample_weight", f"must not be negative; {int((weight < 0).sum()):,} rows are")
        return weight

    def _validated(self, X: Any, y: Any) -> tuple[pd.DataFrame, Floats, npt.NDArray[np.bool_]]:  # noqa: N803
        """The frame, 0 or 1 per row, and which rows have an outcome."""
        frame = self._frame(X, reset=True)
        if y is None:
            raise ArgumentError("y", "requires y to be passed, but the target y is None: the outcome of each row")
        column = column_or_1d(y if isinstance(y, pd.Series) else np.asarray(y), warn=True)
        if len(column) != len(frame):
            raise ArgumentError(
                "y",
                f"Found input variables with inconsistent numbers of samples: X has {len(frame)} rows, y {len(column)}",
            )
        labels = pd.Series(np.asarray(column))
        if labels.dtype.kind == "f" and np.isinf(labels).any():
            raise ArgumentError("y", "contains infinity; it must hold two classes, or missing where not known")
        kept = labels.notna().to_numpy()
        known = labels[kept].infer_objects()
        check_classification_targets(known.to_numpy())
        classes = np.unique(known.to_numpy())
        if len(classes) != 2:
            found = f"{len(classes)} class{'' if len(classes) == 1 else 'es'}"
            raise ArgumentError("y", f"Only binary classification is supported: y must hold two classes; got {found}")
        self.classes_ = classes
        outcome = np.zeros(len(labels))
        outcome[kept] = known.to_numpy() == classes[1]
        return frame, outcome, kept

    def _frame(self, X: Any, *, reset: bool) -> pd.DataFrame:  # noqa: N803
        if isinstance(X, pd.DataFrame) or hasattr(X, "__dataframe__") or hasattr(X, "__arrow_c_stream__"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            frame = X if isinstance(X, pd.DataFrame) else pa.table(X).to_pandas()
            if frame.columns.has_duplicates:
                raise ArgumentError(
                    "X", f"has columns of one name: {', '.join(map(repr, frame.columns[frame.columns.duplicated()]))}"
                )
            if not len(frame) or not len(frame.columns):
                raise ArgumentError(
                    "X",
                    f"Found array with {len(frame)} sample(s) (shape={frame.shape}) while a minimum of 1 is required",
                )
            return frame
        array = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)
        return pd.DataFrame(array, columns=[f"x{place}" for place in range(array.shape[1])])

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """Log odds, (n_rows,), that each lead is of the second class."""
        read, n = self._read(X)
        return self.model_.logits([bins.of(read) for bins in self.model_.features], n)

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """(n_rows, 2) the chance of each class, as among leads like those learned from."""
        chance = np.exp(-np.logaddexp(0, -self.decision_function(X)))
        return np.column_stack([1 - chance, chance])

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """(n_rows,) the likelier class; to choose whom to call, use a threshold: see `choose_threshold`."""
        likelier = self.decision_function(X) > 0
        return self.classes_[likelier.astype(int)]

    def interval(self, confidence: float = 0.95) -> pd.DataFrame:
        """Coefficients with bootstrap intervals, a row for each bin.

        Parameters
        ----------
        confidence : float

        Returns
        -------
        DataFrame
            `feature`, `bin`, `n` (weight of the leads in it), `conversions`, `coefficient` (log odds beside the mean of
            the feature), `low`, `high`: percentiles of 200 draws of leads, rows of a group together, and of what pulls
            coefficients to zero, so that they cover over all bins as often as they say; of a rare bin far from the
            others, less often. Bins are as they are: that others might have been cut is not in it. Missing where nobody
            is in the bin.
        """
        check_is_fitted(self)
        if not 0 < confidence < 1:
            raise ArgumentError("confidence", f"must lie between 0 and 1; got {confidence!r}")
        model = self.model_
        centred = self.draws_ - _means(self.draws_, model)
        low, high = np.quantile(centred, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
        nobody = model.mass == 0
        return pd.DataFrame(
            {
                "feature": np.repeat([bins.name for bins in model.features], [bins.size for bins in model.features]),
                "bin": [label for bins in model.features for label in bins.labels],
                "n": model.mass,
                "conversions": model.events,
                "coefficient": model.coefficients,
                "low": np.where(nobody, np.nan, low),
                "high": np.where(nobody, np.nan, high),
            }
        )

    def points_card(
        self, *, span: int | None = None, pdo: float | None = None, max_points_rows: int | None = None
    ) -> PointsCard:
        """The model in whole points, as a table that both teams can review.

        Parameters
        ----------
        span : int, optional
            From the least to the largest total; 100 by default, the least being 0.
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
            If an argument is none of these, or no feature is left.

        Notes
        -----
        A card is made from the fit alone, without the rows. Of few leads (800 with 93 outcomes) the mean chance of a
        short card was 2 to 14 % beside the true one; `PointsCard.recalibrate` puts it right where the rows are at hand.
        """
        check_is_fitted(self)
        for name, value, least in (("span", span, 1), ("pdo", pdo, 0), ("max_points_rows", max_points_rows, 2)):
            whole = name == "pdo" or isinstance(value, (int, np.integer))
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and whole
            if value is not None and not (number and least <= value < np.inf and value):
                kind = "number above 0" if name == "pdo" else f"whole number from {least}"
                raise ArgumentError(name, f"must be a {kind}; got {value!r}")
        if span is not None and pdo is not None:
            raise ArgumentError("pdo", "is another scale than span; give one of the two")
        span = 100 if pdo is None and span is None else span
        reading = self.kinds_, tuple(self.kinds_), self.trained_until_
        return points_card(
            self.model_, self.draws_, reading, self.monotone or {}, span=span, pdo=pdo, max_points_rows=max_points_rows
        )

    def recalibrate(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """A copy whose intercept is that of other leads, such as the newest with an outcome; coefficients stay.

        Raises
        ------
        ArgumentError
            If all outcomes are of one kind.
        """
        check_is_fitted(self)
        logits, labels = self.decision_function(X), pd.Series(np.asarray(y))
        if len(labels) != len(logits):
            raise ArgumentError("y", f"must hold an outcome for each of {len(logits):,} rows; got {len(labels):,}")
        weight = self._weights(sample_weight, logits)
        kept = labels.notna().to_numpy() & (weight > 0)
        strange = set(labels[kept]) - set(self.classes_.tolist())
        if strange:
            raise ArgumentError("y", f"must be {' or '.join(map(repr, self.classes_.tolist()))}; got {strange.pop()!r}")
        outcome = (labels[kept] == self.classes_[1]).to_numpy(np.float64)
        if len(set(outcome)) < 2:
            raise ArgumentError(
                "y", f"all {len(outcome):,} known outcomes are of one kind: the odds have no finite figure"
            )
        none = Dense(np.zeros((len(outcome), 0)))
        move = fit_logistic(none, outcome, weight=weight[kept], offset=logits[kept]).intercept
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
            `model.skops`, say; the card is then `model.md`.
        title : str, optional
            Of the card; by default the name of the file.
        notes : str
            Of the card, as Markdown: whose leads they are, who answers for it.
        verdict : Verdict, optional
            What `gate` found.

        Raises
        ------
        ArgumentError
            If the files cannot be there, the card would replace other Markdown, or an argument is none of these.

        Examples
        --------
        >>> import numpy as np, pandas as pd, tempfile
        >>> X = pd.DataFrame({"visits": np.arange(400) % 9})
        >>> model = LeadClassifier(guards=None).fit(X, X["visits"] + np.arange(400) % 5 > 7)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/leads.skops", title="Leads of 2026")
        ...     same = LeadClassifier.load(f"{folder}/leads.skops")
        >>> bool((same.predict_proba(X) == model.predict_proba(X)).all())
        True
        """
        check_is_fitted(self)
        write_model(self, path, title=title, notes=notes, verdict=verdict)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote: it predicts the same, to the last bit.

        Safe for files of strangers: what a file names is read before any of it is built, and it is refused if it names
        anything but plain data. That its figures are those somebody meant, it cannot say: compare the SHA-256 with that
        of the card. `joblib` works too, for files of people you trust: it runs what it finds.

        Raises
        ------
        ArgumentError
            If the file is not there, is none of `save`, is damaged, of a newer format, or does not fit together.
        """
        return read_model(path, cls)

    def _read(self, X: Any) -> tuple[dict[str, Column], int]:  # noqa: N803
        """The columns that the model looks at, and how many rows there are."""
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        used = {column for bins in self.model_.features for column in bins.columns}
        return read_columns(frame.loc[:, [str(name) in used for name in frame.columns]], self.kinds_), len(frame)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _means(values: Floats, model: Additive) -> Floats:
    """The mean of each feature over its leads, at each of its bins."""
    means, first = np.empty_like(values), 0
    for bins in model.features:
        own = slice(first, first + bins.size)
        means[..., own] = ((values[..., own] @ model.mass[own]) / max(model.mass[own].sum(), 1e-300))[..., None]
        first += bins.size
    return means
