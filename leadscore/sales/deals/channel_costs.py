"""What channels cost in a period, beside what came of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from leadscore.base.days import day_of
from leadscore.base.periods import Period
from leadscore.base.text import normalise
from leadscore.present.figures import money
from leadscore.stats.intervals import poisson

# Where none came, so many may have been to come: the one-sided bound at 95 %.
_NONE_YET = -math.log(0.05)


def spent(costs: pd.DataFrame | None, period: Period) -> dict[str, float] | None:
    """What each channel, normalised, cost in a period; None where the costs of one of its months are not known.

    A month counts with the share of its days that lie in the period.
    """
    if costs is None:
        return None
    months = pd.period_range(day_of(period.first), day_of(period.last), freq="M")
    if not months.isin(costs["month"]).all():
        return None
    first, length = costs["month"].dt.start_time.to_numpy("datetime64[D]"), costs["month"].dt.days_in_month.to_numpy()
    begins = first.astype(np.int64)
    inside = np.minimum(begins + length - 1, period.last) - np.maximum(begins, period.first) + 1
    share = np.maximum(inside, 0) / length
    keys = [normalise(channel) for channel in costs["channel"]]
    sums = (costs["amount"] * share).groupby(keys).sum()
    return {str(key): float(amount) for key, amount in sums.items() if amount > 0}


def cost_per(amount: float, count: int) -> tuple[float, float, float]:
    """What each of so many cost, with the 95 % interval of the count (Garwood).

    Where there is none yet the figure is not known, and the lower end is the cost over 3.0: at 95 % no more than so
    many were to be expected.

    Examples
    --------
    >>> [round(part) for part in cost_per(8000, 11)]
    [727, 406, 1457]
    >>> [round(part, 1) for part in cost_per(3000, 0)[1:2]]
    [1001.4]
    """
    if not count:
        return math.nan, amount / _NONE_YET, math.inf
    low, high = poisson(count)
    return amount / count, amount / float(high), amount / float(low)


def cost_text(amount: float, count: int, currency: str) -> str:
    """The same in words.

    Examples
    --------
    >>> cost_text(8000, 11, "€"), cost_text(16000, 0, "€")
    ('€727 (€406 to €1,457)', 'none yet, more than €5,341')
    """
    value, low, high = (money(part, currency) for part in cost_per(amount, count))
    return f"{value} ({low} to {high})" if count else f"none yet, more than {low}"


def bringing_nothing(spend: Mapping[str, float], sourced: Mapping[str, int], touching: Collection[str]) -> pd.DataFrame:
    """Channels that cost and have no touch before any opportunity, tested against the money spent.

    Parameters
    ----------
    spend : by channel
    sourced : by channel
        Opportunities by the channel of their first touch; those of channels without costs do not count.
    touching : channels
        Those with any touch before an opportunity.

    Returns
    -------
    DataFrame, index channel
        `spend`, `expected` opportunities at what the other channels brought for their money, `p`, `q`
        (Benjamini-Hochberg over all channels that cost).

    Notes
    -----
    Were each opportunity as likely to come from any unit of money, none of K would come from a share s of it with
    chance (1 - s)^K: the exact conditional test of two Poisson rates, one-sided, at a count of 0.

    References
    ----------
    Przyborowski, J. and Wilenski, H. (1940), Homogeneity of results in testing samples from Poisson series, Biometrika
    31, 313-323.

    Examples
    --------
    Half of the money, and none of 10 opportunities.

    >>> bringing_nothing({"fair": 50, "web": 50}, {"web": 10}, {"web"}).round(4).to_dict("index")
    {'fair': {'spend': 50.0, 'expected': 10.0, 'p': 0.001, 'q': 0.002}}
    """
    names = sorted(spend)
    came = sum(sourced.get(name, 0) for name in names)
    frame = pd.DataFrame({"spend": [float(spend[name]) for name in names]}, index=pd.Index(names, name="channel"))
    if not came:
        return frame.assign(expected=0.0, p=1.0, q=1.0).iloc[:0]
    rest = frame["spend"].sum() - frame["spend"]
    nothing = ~frame.index.isin(list(touching))
    p = np.where(nothing, (rest / (rest + frame["spend"])) ** came, 1.0)
    return frame.assign(expected=came * frame["spend"] / rest, p=p, q=false_discovery_control(p))[nothing]
