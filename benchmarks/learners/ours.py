"""Ours: the classifier, and the card of whole points made from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import job

sys.path.insert(0, str(Path(__file__).parents[2]))

from leadscore.learn.card.classifier import LeadClassifier

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def fit_classifier(X: pd.DataFrame, y: np.ndarray, dates: pd.Series | None) -> job.Fitted:
    """Its defaults; its rows are those of its longest card."""
    model = LeadClassifier().fit(X, y, dates=dates)
    return job.Fitted(lambda rows: model.predict_proba(rows)[:, 1], lambda: len(model.points_card(span=100).frame))


def fit_card(X: pd.DataFrame, y: np.ndarray, dates: pd.Series | None) -> job.Fitted:
    """0 to 100 points in at most 51 rows."""
    card = LeadClassifier().fit(X, y, dates=dates).points_card(span=100, max_points_rows=51)
    return job.Fitted(lambda rows: card.predict_proba(rows)[:, 1], lambda: len(card.frame))


if __name__ == "__main__":
    job.main({"classifier": fit_classifier, "card": fit_card})
