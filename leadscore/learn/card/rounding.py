"""Whole points for a fitted model: scaled, rounded, and moved by one point at a time while that helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from leadscore.errors import ArgumentError
from leadscore.learn.card.additive import Additive, Direction
from leadscore.learn.card.binning import parts
from leadscore.stats.intervals import Floats, Ints

_PASSES = 50


def whole_points(
    model: Additive, span: int | None, logits_per_point: float | None, directions: Mapping[str, Direction]
) -> tuple[Ints, float, float, float]:
    """Whole points that lie nearest to a model's coefficients, by the curvature of its log loss.

    Scaled and rounded, then moved by one point at a time while that helps: integer coordinate descent as for risk
    scores (Ustun, B. and Rudin, C. (2019), Journal of Machine Learning Research 20, 1-75), on the quadratic that the
    fit left, so that it needs no rows. The intercept is refitted with every move, and so is the worth of a point,
    unless it is given.

    Returns
    -------
    points : (n_bins,) whole, the least of each feature 0
    slope, move : float
        Logits per point, and what to add to the intercept.
    lost : float
        Log loss above that of the model.

    Raises
    ------
    ArgumentError
        If every bin rounds to 0 points.
    """
    p = len(model.coefficients)
    within, cross, all_ = model.curvature[:p, :p], model.curvature[:p, p], model.curvature[p, p]
    # The intercept moves along.
    metric = within - np.outer(cross, cross) / all_
    pull = metric @ model.coefficients

    def slope(up: float, size: float) -> float:
        return logits_per_point or (up / size if size > 0 else 0.0)

    def gain(up: float, size: float) -> float:
        """Twice the log loss that points save, of which `up` and `size` say how they lie to the coefficients."""
        return slope(up, size) * (2 * up - slope(up, size) * size)

    def allowed(points: Ints) -> bool:
        return _fits(model, points, span, directions)

    start = _rounded(model, 1 / logits_per_point) if logits_per_point else _spread(model, span or 0)
    points = _moved(start, np.flatnonzero(model.mass > 0).tolist(), (pull, metric), gain, allowed)
    for own, weight in parts(model.features, points, model.mass):
        own[:] -= own[weight > 0].min()
        # Where nobody was, the mean of the feature stands.
        own[weight == 0] = np.rint(own @ weight / weight.sum())
    if not points.any():
        given = "pdo" if span is None else "span"
        raise ArgumentError(given, "is too small: every row rounds to 0 points; ask for more points")
    up, size = float(points @ pull), float(points @ metric @ points)
    move = float(cross @ (model.coefficients - slope(up, size) * points) / all_)
    return points, slope(up, size), move, float(model.coefficients @ pull - gain(up, size)) / 2


def _rounded(model: Additive, per_logit: float) -> Ints:
    """Coefficients above the least of their feature, as the nearest whole points."""
    least = [own.min() for (own,) in parts(model.features, model.coefficients)]
    above = model.coefficients - np.repeat(least, [bins.size for bins in model.features])
    return np.rint(above * per_logit).astype(np.int64)


def _spread(model: Additive, span: int) -> Ints:
    """The nearest whole points of which the largest of all features are `span` together, and no more."""
    ranges = np.array([np.ptp(own) for (own,) in parts(model.features, model.coefficients)])
    shares = ranges * span / ranges.sum()
    most = np.floor(shares + 1e-9).astype(np.int64)
    # What is left goes where rounding down took most.
    most[np.argsort(most - shares, kind="stable")[: span - most.sum()]] += 1
    points = _rounded(model, span / ranges.sum())
    return np.minimum(points, np.repeat(most, [bins.size for bins in model.features]))


def _moved(
    points: Ints,
    places: Sequence[int],
    fit: tuple[Floats, Floats],
    gain: Callable[[float, float], float],
    allowed: Callable[[Ints], bool],
) -> Ints:
    """Points moved by one at a time as long as that gains something and is allowed."""
    pull, metric = fit
    image = metric @ points
    up, size = float(points @ pull), float(points @ image)
    for _ in range(_PASSES):
        moved = False
        for j in places:
            for step in (1, -1):
                new_up, new_size = up + step * pull[j], size + 2 * step * image[j] + metric[j, j]
                if new_up > 0 and gain(new_up, new_size) > gain(up, size) * (1 + 1e-9) + 1e-12:
                    points[j] += step
                    if allowed(points):
                        image, up, size, moved = image + step * metric[:, j], new_up, new_size, True
                    else:
                        points[j] -= step
        if not moved:
            break
    return points


def _fits(model: Additive, points: Ints, span: int | None, directions: Mapping[str, Direction]) -> bool:
    """Whether points stay within a span, and run in the directions of their columns."""
    own_points = [own for (own,) in parts(model.features, points)]
    if span is not None and sum(int(np.ptp(own)) for own in own_points) > span:
        return False
    runs = (bins.against(own, directions) for bins, own in zip(model.features, own_points, strict=True))
    return not any((run > 0).any() for run in runs)
