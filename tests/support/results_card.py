"""Results of `leadscore.learn.card` in which columns, values and the file have the names given."""

import warnings
from functools import cache

import numpy as np
import pandas as pd

from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.model_card import ModelCard

_N = 200


@cache
def _model(one, other):
    """A model of a column and of values of these names, which the guards take for a leak."""
    frame = pd.DataFrame({one: [f"{other}.", f"{one} {other}"] * (_N // 2), f"{other} 2": np.arange(_N) % 7})
    y = (np.arange(_N) % 2 == 0) & (np.arange(_N) % 7 > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LeadClassifier(bins="tree", encoding="onehot", C=0.3).fit(frame, y)


def _card(one, other):
    return _model(one, other).points_card()


def _model_card(one, other):
    model = _model(one, other)
    assert len(model.guards_)
    return ModelCard(model, (f"{one}.npz", other), None)


def _explained(one, other):
    return _card(one, other).explain({one: f"{other} {one}", f"{other} 2": 3})


RESULTS = {"PointsCard": _card, "CardExplanation": _explained, "ModelCard": _model_card}
