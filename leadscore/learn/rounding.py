"""Whole points for a fitted model: scaled, rounded, and moved by one point at a time while that helps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.learn.additive import Additive
from leadscore.learn.binning import Bins, starts_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PASSES = 50


def parts(features: list[Bins], *values: npt.NDArray[Any]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """What arrays over all bins hold of each feature, as views."""
    for start, bins in zip(starts_of(features), features, strict=False):
        yield tuple(value[..., start : start + bins.size] for value in values)


def whole_points(model: Additive, span: int | None, logits_per_point: float | None) -> tuple[Ints, float, float, float]:
    """Whole points that lie nearest to a model's coefficients, by the curvature of its log loss.

    Scaled and rounded, then moved by one point at a time while that helps: integer coordinate descent as for risk
    scores (Ustun, B. and Rudin, C. (2019), Journal of Machine Learning Research 20, 1-75), on the quadratic that the
    fit left, so that it needs no rows. The link from the total to the chance is refitted with every move.

    Returns
    -------
    points : (n_bins,) whole, the least of each feature 0
    slope, move : float
        Logits per point, and what to add to the intercept.
    lost : float
        Log loss above that of the model.
    """
    p = len(model.coefficients)
    within, cross, all_ = model.curvature[:p, :p], model.curvature[:p, p], model.curvature[p, p]
    # The intercept moves along.
    metric = within - np.outer(cross, cross) / all_
    ranges = [(own.min(), own.max()) for (own,) in parts(model.features, model.coefficients)]
    per_logit = 1 / logits_per_point if logits_per_point is not None else span / sum(high - low for low, high in ranges)
    lows = np.repeat([low for low, _ in ranges], [bins.size for bins in model.features])
    points = np.rint((model.coefficients - lows) * per_logit).astype(np.int64)
    pull, image = metric @ model.coefficients, metric @ points
    up, size = float(points @ pull), float(points @ image)
    seen = np.flatnonzero(model.mass > 0)
    for _ in range(_PASSES):
        moved = False
        for j in seen:
            for step in (1, -1):
                new_up, new_size = up + step * pull[j], size + 2 * step * image[j] + metric[j, j]
                if new_up > 0 and new_size > 0 and new_up**2 / new_size > up**2 / size * (1 + 1e-9) + 1e-12:
                    points[j] += step
                    if span is not None and not _spans(model.features, points, span):
                        points[j] -= step
                        continue
                    image, up, size, moved = image + step * metric[:, j], new_up, new_size, True
        if not moved:
            break
    for own, weight in parts(model.features, points, model.mass):
        own[:] -= own[weight > 0].min()
        # Where nobody was, the mean of the feature stands.
        own[weight == 0] = np.rint(own @ weight / weight.sum())
    up, size = float(points @ pull), float(points @ metric @ points)
    slope = up / size
    move = float(cross @ (model.coefficients - slope * points) / all_)
    lost = (model.coefficients @ pull - up**2 / size) / 2
    return points, slope, move, float(lost)


def _spans(features: list[Bins], points: Ints, span: int) -> bool:
    return sum(own.max() - own.min() for (own,) in parts(features, points)) <= span
