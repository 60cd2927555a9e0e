"""What the points of single features leave on the table: to boosted trees, and to pairs of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from leadscore.base.text import counted
from leadscore.learn.card.additive import additive
from leadscore.learn.card.binning import Floats
from leadscore.learn.card.folds import folds
from leadscore.learn.card.interactions import paired
from leadscore.learn.card.rows import Rows
from leadscore.learn.card.tuning import Fold
from leadscore.stats.ranking import auc_difference

# So many pairs are tried, and are worth their rows if they surely bring something, and at least so much of AUC.
_PAIRS, _WORTH = 4, 0.005
_TREES = {"max_iter": 100, "max_leaf_nodes": 8, "min_samples_leaf": 40, "early_stopping": False, "random_state": 0}
# Trees look at so many of the features at a split, where there are more.
_SPLIT_BY = 30
_LEVELS = 200


def left_on_the_table(rows: Rows, parted: Sequence[Fold], best: Any, asked: Any) -> tuple[str, ...]:
    """Whether boosting, or pairs of features, would order leads better than the model: on leads no part of it saw.

    In each fold the model, the choice of pairs (on folds within the older part) and the trees are learned from one part
    and judged by the other; differences of AUC are means over the folds, with DeLong's errors.

    Parameters
    ----------
    rows : Rows
        All that the model learned from.
    parted : list of Fold
        Nothing is known of held-out leads where there are none.
    best : row of `chosen_`
    asked : LeadClassifier
    """
    if not parted:
        return ()
    judged = [fold for fold in parted if 1 < fold.new.y.sum() < len(fold.new.y) - 1]
    if not judged or np.ptp(rows.weight):
        why = "rows have weights" if judged else "no rows held out have two of either outcome"
        return (f"Not looked at, as {why}: whether boosting or pairs of features would do better.",)
    found, more = [], []
    for fold in judged:
        had = fold.new.y > 0
        plain, with_pairs, added = _told(*fold.in_bins(best["bins"], asked.max_bins), best, asked)
        own = with_pairs if asked.pairs else plain
        # Both begin in the same bins.
        found.append([auc_difference(had, other, own) for other in (_boosted(fold.old, fold.new), with_pairs)])
        more.append(added)
    (lead, *_), (gain, *_) = said = [_mean(each, judged) for each in zip(*found, strict=True)]
    n = sum(len(fold.new.y) for fold in judged)
    ends = [
        f"{value:+z.3f} of AUC ({low:+z.3f} to {high:+z.3f} at 95 %, n = {n:,} held out)" for value, low, high in said
    ]
    if said[0][1] > 0:
        notes = [f"{lead:.3f} of AUC are left on the table: boosted trees order leads better, {ends[0]}."]
    else:
        notes = [f"Boosted trees have no clear lead over the model: {ends[0]}."]
    if not asked.pairs:
        rows_more = counted(round(float(np.mean(more))), "row")
        verdict = "are" if said[1][1] > 0 and gain >= _WORTH else "are not"
        brings = f"pairs={_PAIRS} brings {ends[1]}, for about {rows_more} more"
        notes.append(f"Pairs of features {verdict} worth their rows: {brings}.")
    return tuple(notes)


def _told(old: Rows, new: Rows, best: Any, asked: Any) -> tuple[Floats, Floats, int]:
    """The log odds of new rows by a model of the old without pairs, and with them; and how many bins pairs have."""
    strength, encoding = 1 / best["C"], best["encoding"]
    model, merged = additive(old, strength, encoding, asked.monotone, judged=False)
    old, new = (part.rebinned(model.features, merged) for part in (old, new))
    more, later = paired(old, list(folds(old, None)), strength, asked.pairs or _PAIRS, asked.monotone, new)
    own = with_pairs = model.logits(new.codes, len(new.y))
    if len(more.features) > len(old.features):
        other, merged = additive(more, strength, encoding, asked.monotone, judged=False)
        later = later.rebinned(other.features, merged)
        with_pairs = other.logits(later.codes, len(later.y))
    return own, with_pairs, int((more.counts(more.weight) > 0).sum() - (old.counts(old.weight) > 0).sum())


def _boosted(old: Rows, new: Rows) -> Floats:
    """The log odds of new rows by boosted trees on the cells of the old, which for trees are nearly the values."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - 1 s, and only those who train need it

    def table(rows: Rows) -> Floats:
        columns = [np.minimum(code, _LEVELS) for code in rows.codes]
        return np.column_stack(columns).astype(np.float64) if columns else np.zeros((len(rows.y), 1))

    named = [bins.kind == "category" for bins in old.features] or None
    share = min(1.0, _SPLIT_BY / max(len(old.features), 1))
    with threadpool_limits(1):
        trees = HistGradientBoostingClassifier(**_TREES, categorical_features=named, max_features=share)
        return np.asarray(trees.fit(table(old), old.y).decision_function(table(new)), np.float64)


def _mean(found: Sequence[Any], judged: Sequence[Fold]) -> tuple[float, float, float]:
    """The mean of differences over folds of other leads, with its ends.

    DeLong's errors are of rows that know nothing of each other. Those of a lead may be alike, and are then no more than
    one: errors are so much wider (the design effect of clusters of rows alike; Kish, L. (1965), Survey Sampling,
    chapter 5).
    """
    value = float(np.mean([one.value for one in found]))
    # Where both rank the leads alike there is no error.
    errors = [0.0 if np.isnan(one.low) else (one.high - one.low) / (2 * norm.ppf(0.975)) for one in found]
    crowds = [np.ones(1) if fold.new.lead is None else np.bincount(fold.new.lead) for fold in judged]
    wider = [float(np.sqrt(own @ own / own.sum())) for own in crowds]
    reach = float(norm.ppf(0.975) * np.linalg.norm(np.multiply(errors, wider)) / len(errors))
    return value, value - reach, value + reach
