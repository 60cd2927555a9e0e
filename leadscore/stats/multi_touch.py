"""Multi-touch attribution: what is worth one, divided among the channels that touched it, by six rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.stats.intervals import Floats, Ints

# The rules that look at one path alone, and the one that looks at all.
PATH_RULES = ("first", "last", "even", "position", "decay")
REMOVAL = "removal"
RULES = (*PATH_RULES, REMOVAL)
# What the first and the last of three or more touches get by position.
_ENDS = 0.4


@dataclass(frozen=True, eq=False)
class Paths:
    """The touches of units, those of one unit side by side in order of time.

    Attributes
    ----------
    unit, channel : (n_touches,) whole numbers from 0
    age : (n_touches,) days before the unit's end
    converted : (n_units,) bool
        Whether a unit ended with what is divided; the others are touched too.
    n_channels : int
    """

    unit: Ints
    channel: Ints
    age: Ints
    converted: npt.NDArray[np.bool_]
    n_channels: int

    @property
    def touched(self) -> npt.NDArray[np.bool_]:
        """(n_units,) whether a unit has a touch."""
        return np.bincount(self.unit, minlength=len(self.converted)) > 0

    def met(self) -> npt.NDArray[np.bool_]:
        """(n_units, n_channels) whether a unit has a touch of a channel."""
        found = np.zeros((len(self.converted), self.n_channels), bool)
        found[self.unit, self.channel] = True
        return found

    def shares(self, half_life_days: float) -> Floats:
        """(n_rules, n_units, n_channels) by the five rules that look at one path alone; 1 over a unit that was touched.

        First and last: all to that touch. Even: the same to each. Position: 40 % to the first and the last, the rest
        even among those between; of two touches half to each. Decay: a touch counts half as much as one that is
        `half_life_days` younger.
        """
        n, first, last = self._places()
        length = n[self.unit]
        inner = np.where(length > 2, (1 - 2 * _ENDS) / np.maximum(length - 2, 1), 0)
        ends = np.where(length > 2, _ENDS, 1 / np.maximum(length, 1))
        # From the youngest touch on: old touches alone would all weigh nothing.
        youngest = np.full(len(n), np.iinfo(np.int64).max)
        np.minimum.at(youngest, self.unit, self.age)
        fading = 2.0 ** (-(self.age - youngest[self.unit]) / half_life_days)
        decay = fading / np.bincount(self.unit, fading, len(n))[self.unit]
        each = [first, last, 1 / np.maximum(length, 1), np.where(first | last, ends, inner), decay]
        found = np.zeros((len(PATH_RULES), len(n), self.n_channels))
        for rule, weight in enumerate(each):
            np.add.at(found[rule], (self.unit, self.channel), weight)
        return found

    def steps(self) -> tuple[Ints, Ints]:
        """The steps of a chain over the channels: the unit of each, and its place in a table of all steps, flattened.

        The table is (n_channels + 1, n_channels + 2). Rows are where a step begins: a channel, or at last the start.
        Columns are where it leads: a channel, then nothing, then what is divided. Units without a touch take none.
        """
        k = self.n_channels
        _, first, last = self._places()
        before = np.where(first, k, np.roll(self.channel, 1))
        ends = np.where(self.converted[self.unit[last]], k + 1, k)
        unit = np.concatenate([self.unit, self.unit[last]])
        place = np.concatenate([before * (k + 2) + self.channel, self.channel[last] * (k + 2) + ends])
        return unit, place

    def _places(self) -> tuple[Ints, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """How many touches each unit has, and which are the first and the last of theirs."""
        change = np.diff(self.unit) != 0
        first = np.append(True, change)[: len(self.unit)]
        last = np.append(change, True)[: len(self.unit)]
        return np.bincount(self.unit, minlength=len(self.converted)), first, last


def removal_shares(steps: npt.ArrayLike) -> Floats:
    """How much less often a chain would end well without each channel, as shares that sum to 1.

    A first-order absorbing Markov chain: where a path goes next hangs on where it is. Without a channel, each path that
    would come to it ends with nothing. With h the chance of ever coming to the channel and v that of ending well from
    there, h v is what is lost.

    Parameters
    ----------
    steps : (..., n_channels + 1, n_channels + 2) how often each step was taken, as of `Paths.steps`

    Returns
    -------
    (..., n_channels) array
        NaN where no path ended well.

    References
    ----------
    Anderl, E., Becker, I., von Wangenheim, F. and Schumann, J. H. (2016), Mapping the customer journey: lessons learned
    from graph-based online attribution modeling, International Journal of Research in Marketing 33, 457-474.

    Examples
    --------
    One path over a and b ends well, one over a and one over b with nothing. Without a half as many would end well,
    without b none.

    >>> removal_shares([[0, 1, 1, 0], [0, 0, 1, 1], [2, 1, 0, 0]]).round(3).tolist()
    [0.333, 0.667]
    """
    counts = np.asarray(steps, np.float64)
    k = counts.shape[-2] - 1
    total = counts.sum(axis=-1, keepdims=True)
    moves = counts / np.where(total > 0, total, 1)
    # Expected visits of each channel from each channel.
    visits = np.linalg.inv(np.eye(k) - moves[..., :k, :k])
    well = (visits @ moves[..., :k, k + 1, None])[..., 0]
    come = (moves[..., k, None, :k] @ visits)[..., 0, :] / np.diagonal(visits, axis1=-2, axis2=-1)
    lost = come * well
    whole = lost.sum(axis=-1, keepdims=True)
    shares: Floats = np.divide(lost, whole, out=np.full(lost.shape, np.nan), where=whole > 0)
    return shares


def whole_parts(parts: Any, total: int) -> Ints:
    """Parts as whole numbers that sum to a total, by the largest remainder; of equal ones the first.

    Examples
    --------
    >>> whole_parts([33.4, 33.3, 33.3], 100).tolist(), whole_parts([0.5, 0.5], 1).tolist()
    ([34, 33, 33], [1, 0])
    """
    # What floating point makes of a third must not decide who gets the odd cent.
    exact = np.round(np.asarray(parts, np.float64), 6)
    found = np.floor(exact).astype(np.int64)
    order = np.argsort(-np.round(exact - found, 6), kind="stable")
    found[order[: total - int(found.sum())]] += 1
    return found
