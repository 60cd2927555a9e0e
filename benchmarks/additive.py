"""Held-out AUC of the model and its cards beside logistic regression, where the truth is a sum over columns.

```sh
python benchmarks/additive.py --seeds 20
```

8 normal columns (20 where sparse), 5,000 leads to learn from, 20,000 to judge by, seeds from 0. CPU seconds are of
the fit; of 200 columns there is one.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from leadscore.learn.card.classifier import LeadClassifier

SHAPES: dict[str, tuple[int, Any]] = {
    "linear": (8, lambda x: -2.2 + 0.6 * x[0] + 0.5 * x[1] - 0.4 * x[2] + 0.3 * x[3]),
    "steps": (8, lambda x: -3 + 1.2 * (x[0] > 0) + 0.8 * (x[0] > 1) + (x[1] > -0.5) - 0.9 * (x[2] > 0.8)),
    "u-shape": (8, lambda x: -3 + 0.7 * x[0] ** 2 + 0.4 * x[1] ** 2 + 0.4 * x[2]),
    "sparse": (20, lambda x: -2.4 + 1.1 * x[1]),
    "200 columns": (200, lambda x: -2.5 + x[1] + 0.7 * x[2]),
}


def measured(shape: str, seed: int) -> dict[str, float]:
    """AUC of each on the leads to judge by."""
    p, log_odds = SHAPES[shape]
    rng = np.random.default_rng(seed)
    old, new = (pd.DataFrame(rng.normal(size=(n, p))) for n in (5_000, 20_000))
    y, z = (rng.random(len(rows)) < expit(log_odds(rows)) for rows in (old, new))
    found = {
        "truth": roc_auc_score(z, log_odds(new)),
        "logistic": roc_auc_score(z, LogisticRegression().fit(old, y).predict_proba(new)[:, 1]),
    }
    old, new = (rows.rename(columns="f{}".format) for rows in (old, new))
    started = time.process_time()
    model = LeadClassifier(guards=None).fit(old, y)
    seconds = time.process_time() - started
    ours = {"model": model, "card": model.points_card(), "card of 50 rows": model.points_card(max_points_rows=50)}
    found |= {name: roc_auc_score(z, each.predict_proba(new)[:, 1]) for name, each in ours.items()}
    return found | {"rows of the card": len(ours["card"].frame), "fit CPU s": seconds}


def main() -> None:
    """A row of means for each shape, with the least and the largest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    for place, shape in enumerate(SHAPES):
        runs = pd.DataFrame([measured(shape, seed) for seed in range(1 if shape == "200 columns" else seeds)])
        if not place:
            print("| shape |", " | ".join(runs), "|")
            print("|---" * (1 + len(runs.columns)) + "|")
        said = [f"{own.mean():.4f} ({own.min():.4f} to {own.max():.4f})" for _, own in runs.items()]
        print(f"| {shape} |", " | ".join(said), "|", flush=True)


if __name__ == "__main__":
    main()
