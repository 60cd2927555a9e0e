"""Whether shares differ, several at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leadscore.stats.intervals import holm, newcombe

Counts = tuple[Any, Any]


def share_changes(before: Counts, after: Counts) -> pd.DataFrame:
    """How much larger shares are than others, each given as (count, n), arrays of shares.

    Returns
    -------
    DataFrame, one row per pair of shares
        `difference`, `low`, `high` (95 % Newcombe), `p` (Fisher's exact test, two-sided), `p_corrected` (Holm, over the
        rows). NaN where an n is 0.

    References
    ----------
    Fisher, R. A. (1935), The logic of inductive inference, Journal of the Royal Statistical Society 98, 39-82.
    Newcombe, R. G. (1998), see `newcombe`.

    Examples
    --------
    >>> share_changes(([48], [80]), ([56], [70])).round(4)
       difference     low    high       p  p_corrected
    0         0.2  0.0524  0.3339  0.0125       0.0125
    """
    from scipy.stats import fisher_exact  # noqa: PLC0415 - scipy takes long to import

    (k, n), (k_after, n_after) = (np.asarray(pair, np.float64) for pair in (before, after))
    difference, low, high = newcombe((k, n), (k_after, n_after))
    p = np.array(
        [
            fisher_exact(table.reshape(2, 2).astype(np.int64)).pvalue
            if min(table[:2].sum(), table[2:].sum())
            else np.nan
            for table in np.column_stack([k, n - k, k_after, n_after - k_after])
        ],
        np.float64,
    )
    frame = {"difference": difference, "low": low, "high": high, "p": p, "p_corrected": holm(p)}
    return pd.DataFrame(frame, index=range(len(p)))


def against_the_rest(count: Any, n: Any) -> pd.DataFrame:
    """How much larger each group's share is than that of all other groups together; as `share_changes` gives it."""
    k, size = np.asarray(count), np.asarray(n)
    return share_changes((k.sum() - k, size.sum() - size), (k, size))


def changes_by_group(before: Counts, after: Counts) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """How the share of each group moved, and how far it is from that of the others.

    Parameters
    ----------
    before, after : (count, n), Series by group, the last one all together

    Returns
    -------
    change : DataFrame, index group
        As `share_changes` gives it; corrected over the groups, all together apart.
    others : DataFrame, index group; None where there are no groups
        As `against_the_rest` gives it.
    """
    groups = after[0].index[:-1]
    earlier, later = (np.array(pair) for pair in (before, after))
    whole = share_changes((earlier[0, -1:], earlier[1, -1:]), (later[0, -1:], later[1, -1:]))
    whole = whole.set_axis(after[0].index[-1:])
    if not len(groups):
        return whole, None
    own = share_changes((earlier[0, :-1], earlier[1, :-1]), (later[0, :-1], later[1, :-1])).set_axis(groups)
    others = against_the_rest(later[0, :-1], later[1, :-1]).set_axis(groups)
    return pd.concat([own, whole]), others
