"""Made-up leads whose true points are known, guesses that are more or less right, and three ways to set points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from leadscore.learn.rules.shrinkage import Rows, shrunk
from leadscore.stats.logistic import Dense, fit_logistic

SCALE = np.log(2) / 10
PRIORS = ("right", "half right", "wrong")
WAYS = ("hand-set", "data alone", "reweigh")
_TEST = 10_000


def columns(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, 21): three tables of 6, 4 and 4 entries, with a rest that has none; four conditions, three behaviours."""
    parts = []
    for entries in (6, 4, 4):
        share = rng.dirichlet(np.full(entries + 1, 2.0))
        parts.append(np.eye(entries + 1)[rng.choice(entries + 1, n, p=share)][:, :entries])
    parts += [(rng.random((n, 1)) < share) * 1.0 for share in (0.3, 0.1, 0.05, 0.02)]
    parts += [np.minimum(rng.poisson(mean * rng.gamma(0.5, 2, (n, 1))), 6) * 1.0 for mean in (0.3, 0.8, 2)]
    return np.hstack(parts)


def guesses(rng: np.random.Generator) -> np.ndarray:
    """(21,) points as a team could set them: of both signs for tables, above 0 for the rest, small for behaviour."""
    fit = np.concatenate([rng.normal(0, 12, 14), np.abs(rng.normal(0, 10, 4))])
    return np.round(np.concatenate([fit, np.abs(rng.normal(0, 3, 3))]))


@dataclass(frozen=True)
class Run:
    """One draw: `log_loss` and `auc` of each way on new leads, and which intervals of `reweigh` hold the truth."""

    log_loss: np.ndarray
    auc: np.ndarray
    covered: np.ndarray
    events: int
    spread: float


def run(prior: str, n: int, seed: int, *, days: int = 1) -> Run | None:
    """Leads of which `n` are learned from, each on some days that are all alike; None with too few outcomes."""
    rng = np.random.default_rng([PRIORS.index(prior), n, seed])
    truth, other = guesses(rng), guesses(rng)
    seen = columns(rng, n + _TEST)
    log_odds = -2.2 + SCALE * (seen @ truth - np.median(seen @ truth))
    y = (rng.random(len(seen)) < 1 / (1 + np.exp(-log_odds))) * 1.0
    if not 10 <= y[:n].sum() <= n - 10:
        return None
    points = {"right": truth, "wrong": other, "half right": np.where(rng.random(21) < 0.5, truth, other)}[prior]
    fires = seen[:n].any(axis=0)
    columns_now, lead = np.repeat(seen[:n, fires], days, axis=0), np.repeat(np.arange(n), days)
    total, outcome = np.repeat(seen[:n] @ points, days), np.repeat(y[:n], days)
    found = shrunk(Rows(columns_now, points[fires], total, outcome, lead), keep_signs=False)
    alone = fit_logistic(Dense(total[:, None]), outcome, penalty=1e-6)
    # A trace of a penalty, for entries without an outcome would have no end.
    free = fit_logistic(Dense(columns_now), outcome, penalty=1e-3)
    test, answer = seen[n:], y[n:]
    odds = [
        alone.intercept + alone.coefficients[0] * (test @ points),
        free.intercept + test[:, fires] @ free.coefficients,
        found.intercept + test[:, fires] @ found.effects,
    ]
    error = np.sqrt(np.diag(found.covariance))
    return Run(
        np.array([np.mean(np.logaddexp(0, one) - answer * one) for one in odds]),
        np.array([_auc(answer, one) for one in odds]),
        np.abs(found.effects - SCALE * truth[fires]) <= 1.96 * error,
        int(y[:n].sum()),
        found.spread,
    )


def _auc(y: np.ndarray, score: np.ndarray) -> float:
    events = y.sum()
    return float((rankdata(score)[y > 0].sum() - events * (events + 1) / 2) / (events * (len(y) - events)))
