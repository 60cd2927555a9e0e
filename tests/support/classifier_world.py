"""Made-up leads to learn from, and how two models are compared."""

import numpy as np
import pandas as pd

QUICK = {"guards": None, "bins": "tree", "encoding": "onehot", "C": 1.0}
DAY_ONE = pd.Timestamp("2026-01-01")


def leads(n=1500, seed=0):
    """Visits and seniority count; noise does not. A tenth of either is missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(3, n).astype(float),
            "noise": rng.normal(size=n),
            "seniority": rng.choice(["VP", "Manager", "Intern", "Select"], n).astype(object),
            "consent": rng.random(n) < 0.5,
        }
    )
    y = rng.random(n) < 1 / (1 + np.exp(3 - 0.5 * frame["visits"] - 1.0 * (frame["seniority"] == "VP")))
    frame.loc[rng.random(n) < 0.1, "visits"] = np.nan
    frame.loc[rng.random(n) < 0.1, "seniority"] = None
    return frame, y.to_numpy()


def bins_of(model, feature):
    return model.interval().set_index("feature").loc[feature].set_index("bin")


def same(one, other, *, chosen=True):
    """Two models that are equal to the last digit."""
    assert one.model_.features == other.model_.features
    assert one.model_.intercept == other.model_.intercept
    np.testing.assert_array_equal(one.model_.coefficients, other.model_.coefficients)
    np.testing.assert_array_equal(one.draws_.coefficients, other.draws_.coefficients)
    if chosen:
        pd.testing.assert_frame_equal(one.chosen_, other.chosen_, check_exact=True)
