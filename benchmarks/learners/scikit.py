"""scikit-learn's own: logistic regression on one-hot columns, and gradient boosting on the columns as they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import job
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    import numpy as np


def fit_logistic(X: pd.DataFrame, y: np.ndarray, _dates: pd.Series | None) -> job.Fitted:
    """Numbers as they are, missing ones the median and marked; unseen categories count nothing."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        (
            make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(X, y)
    return job.Fitted(lambda rows: model.predict_proba(rows)[:, 1], lambda: model[-1].coef_.size)


def fit_boosted(X: pd.DataFrame, y: np.ndarray, _dates: pd.Series | None, **settings: Any) -> job.Fitted:
    """Categories in the booster's own way."""
    X = job.known(X)
    levels = {name: sorted(X[name].unique()) for name in X.select_dtypes(exclude="number")}

    def coded(rows: pd.DataFrame) -> pd.DataFrame:
        codes = {name: pd.Index(found).get_indexer(rows[name]) for name, found in levels.items()}
        return rows[list(X)].assign(**{name: pd.Categorical.from_codes(codes[name], levels[name]) for name in levels})

    model = HistGradientBoostingClassifier(random_state=0, **settings).fit(coded(X), y)
    leaves = sum(tree.get_n_leaf_nodes() for [tree] in model._predictors)  # noqa: SLF001 - there is no public way
    return job.Fitted(lambda rows: model.predict_proba(coded(rows))[:, 1], lambda: leaves)


if __name__ == "__main__":
    slow = {"learning_rate": 0.03, "max_iter": 300, "max_leaf_nodes": 8, "early_stopping": False}
    job.main({"logistic": fit_logistic, "boosted": fit_boosted, "boosted slow": partial(fit_boosted, **slow)})
