"""Whether probabilities are as good as others on the same leads, and what would mend their level."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd

from leadscore.base.text import counted
from leadscore.stats.calibration import expected_calibration_error
from leadscore.stats.intervals import Floats
from leadscore.stats.logistic import Dense, fit_logistic
from leadscore.stats.outcomes_and_scores import Mask


def compared(y: Mask, chance: Floats, other: Floats | None, *, margin: float) -> tuple[pd.DataFrame, list[str]]:
    """Probabilities beside others, or beside the rate of all for every lead; and what to know of them.

    Parameters
    ----------
    y, chance, other : (n,) one entry per lead
    margin : float
        A share of the other Brier score; for the calibration error, of the rate.

    Returns
    -------
    frame : DataFrame, index Brier score and calibration error
        As `Verdict.frame`. The Brier score passes if it is no worse by the margin (90 % interval). It mixes
        calibration with rank, so the error passes too only if it does not clearly exceed what chance alone would show
        (95 % of draws) by more than the margin and the excess of the others.
    notes : list of str
    """
    n, rate, notes = len(y), float(y.mean()), []
    if other is None:
        notes.append(
            f"The current rulebook gives no probabilities: calibration is against the rate of all leads, {rate:.1%}."
        )
    squared = (chance - y) ** 2
    squared_other = ((rate if other is None else other) - y) ** 2
    worse = squared - squared_other
    half = NormalDist().inv_cdf(0.95) * worse.std(ddof=1) / np.sqrt(n) if n > 1 else np.inf
    mean, allowed = worse.mean(), margin * squared_other.mean()
    brier = ("mean square", squared.mean(), squared_other.mean(), mean, mean - half, mean + half, n, allowed)
    off = expected_calibration_error(y, chance)
    excess = 0.0
    if other is not None:
        theirs = expected_calibration_error(y, other)
        excess = max(theirs.value - theirs.by_chance, 0)
    beyond = (off.value - bound for bound in (off.by_chance, off.high, off.low))
    error = ("mean distance", off.value, off.by_chance, *beyond, n, margin * rate + excess)
    columns = ["figure", "candidate", "other", "difference", "low", "high", "n", "margin"]
    frame = pd.DataFrame([brier, error], index=["Brier score", "calibration error"], columns=columns)
    # The error is above 0 by chance and uncertain with few leads: only a clear excess is held against the candidate.
    frame["passed"] = [bool(mean + half < allowed), bool(off.value - off.high <= margin * rate + excess)]
    return frame, notes + _update(y, chance)


def _update(y: Mask, chance: Floats) -> list[str]:
    """By how much the probabilities are off as a whole, where they clearly are."""
    if not 0 < y.sum() < len(y):
        return []
    inside = np.clip(chance, 1e-6, 1 - 1e-6)
    odds = np.log(inside / (1 - inside))
    fitted = fit_logistic(Dense(np.empty((len(y), 0))), y, offset=odds)
    half = NormalDist().inv_cdf(0.975) * np.sqrt(fitted.covariance[0, 0])
    if abs(fitted.intercept) <= half:
        return []
    low, high = fitted.intercept - half, fitted.intercept + half
    moved = 1 / (1 + np.exp(-odds - fitted.intercept))
    before, after = (((values - y) ** 2).mean() for values in (chance, moved))
    said = f"{y.mean():.1%} of {counted(len(y), 'lead')} reached the stage; the candidate predicts {chance.mean():.1%}"
    update = f"{fitted.intercept:+.2f} ({low:+.2f} to {high:+.2f}, 95 %) in log odds"
    mended = f"would correct that without changing the order: a Brier score of {after:.4f} instead of {before:.4f}"
    return [f"The level is off: {said}. An intercept update from recent labels, by {update}, {mended}."]
