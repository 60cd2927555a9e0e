"""optbinning: optimal bins, weight of evidence, logistic regression, points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import job
from optbinning import BinningProcess, Scorecard
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def fit(X: pd.DataFrame, y: np.ndarray, _dates: pd.Series | None) -> job.Fitted:
    """Its own bins and defaults; the bins with points are the rows of its card."""
    X = job.known(X)
    bins = BinningProcess(list(X), categorical_variables=list(X.select_dtypes(exclude="number")))
    card = Scorecard(bins, LogisticRegression(max_iter=1000)).fit(X, y)
    return job.Fitted(lambda rows: card.predict_proba(rows)[:, 1], lambda: len(card.table()))


if __name__ == "__main__":
    job.main({"optbinning": fit})
