"""fasterrisk: ten indicators with whole points up to 10, searched for by beam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import job
import numpy as np
from fasterrisk.fasterrisk import RiskScoreClassifier, RiskScoreOptimizer

if TYPE_CHECKING:
    import pandas as pd

MOST, QUANTILES, RARE = 10, 10, 0.005


def fit(X: pd.DataFrame, y: np.ndarray, _dates: pd.Series | None) -> job.Fitted:
    """It takes indicators only: a number at or above each decile, or missing; a category that is not rare."""
    X = job.known(X)
    numbers, indicators = list(X.select_dtypes("number")), []
    for name in X:
        if name in numbers:
            cuts = np.unique(np.nanquantile(X[name], np.linspace(0, 1, QUANTILES + 1)[1:-1], method="higher"))
            indicators += [(name, cut) for cut in cuts if (X[name] < cut).any()]
            indicators += [(name, None)] if X[name].isna().any() else []
        else:
            shares = X[name].value_counts(normalize=True)
            indicators += [(name, level) for level in shares.index[shares >= RARE]]

    def coded(rows: pd.DataFrame, wanted: list[int]) -> np.ndarray:
        found = np.empty((len(rows), len(wanted)))
        for place, (name, level) in enumerate(indicators[each] for each in wanted):
            column = rows[name].to_numpy()
            if level is None:
                found[:, place] = np.isnan(column)
            else:
                found[:, place] = column >= level if name in numbers else column == level
        return found

    columns, signs = coded(X, list(range(len(indicators)))), np.where(y == 1, 1.0, -1.0)
    optimizer = RiskScoreOptimizer(columns, signs, k=MOST, lb=-10, ub=10)
    optimizer.optimize()
    multiplier, intercept, points = optimizer.get_models(model_index=0)
    used = np.flatnonzero(points)
    model = RiskScoreClassifier(multiplier, intercept, points[used])
    return job.Fitted(lambda rows: model.predict_prob(coded(rows, list(used))), lambda: len(used))


if __name__ == "__main__":
    job.main({"fasterrisk": fit})
