"""Made-up leads, a model of them and its card."""

import numpy as np
import pandas as pd

from leadscore.learn.card.classifier import LeadClassifier

QUICK = {"guards": None, "bins": "tree", "encoding": "onehot", "C": 1.0}


def leads(n=3000, seed=0):
    """Visits, size and seniority count; a tenth of them is missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(3, n).astype(float),
            "size": np.round(rng.lognormal(4, 2, n), 1),
            "seniority": rng.choice(["VP", "Manager", "Intern", "Select"], n).astype(object),
            "consent": rng.random(n) < 0.5,
        }
    )
    score = 0.4 * frame["visits"] + 0.3 * np.log1p(frame["size"]) + 1.0 * (frame["seniority"] == "VP") - 4
    y = rng.random(n) < 1 / (1 + np.exp(-score))
    frame.loc[rng.random(n) < 0.1, "visits"] = np.nan
    frame.loc[rng.random(n) < 0.1, "seniority"] = None
    return frame, y.to_numpy()


def learned(frame, y, **options):
    return LeadClassifier(**QUICK | options).fit(frame, y)


MODEL = learned(*leads())
CARD = MODEL.points_card()
