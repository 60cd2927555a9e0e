"""interpret: explainable boosting, main effects alone or with pairs as its defaults choose them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import job
from interpret.glassbox import ExplainableBoostingClassifier

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def fit(X: pd.DataFrame, y: np.ndarray, _dates: pd.Series | None, **settings: Any) -> job.Fitted:
    """Its defaults, on one thread."""
    X = job.known(X)
    model = ExplainableBoostingClassifier(n_jobs=1, random_state=0, **settings).fit(X, y)
    return job.Fitted(
        lambda rows: model.predict_proba(rows[list(X)])[:, 1], lambda: sum(term.size for term in model.term_scores_)
    )


if __name__ == "__main__":
    job.main({"ebm mains": partial(fit, interactions=0), "ebm": fit})
