"""The pictures, each readable in grey print: lines by style and marker, never by colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = [("black", "-", "o"), ("dimgrey", "--", "s")]


def _axes(ax: Axes | None) -> Axes:
    """The axes given, or those of a figure of their own, which knows nothing of pyplot's windows."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is loaded when a picture is asked for

    return Figure(figsize=(8, 4), layout="constrained").add_subplot()


def plot_weekly(weekly: pd.DataFrame, *, ax: Any = None) -> Axes:
    """Draw how many leads came to qualify in each week, of one rulebook or of two.

    Parameters
    ----------
    weekly : DataFrame, index week (Mondays)
        A column of counts for each line, and `days`, the days of each week that lie in the period: weeks of fewer than
        7 are hollow marks off the line, since their counts are of part of a week.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> weeks = pd.DatetimeIndex(["2026-03-02", "2026-03-09"], name="week")
    >>> weekly = pd.DataFrame({"old": [12, 15], "new": [7, 9], "days": [7, 5]}, index=weeks)
    >>> [line.get_label() for line in plot_weekly(weekly).lines if line.get_label()[0] != "_"]
    ['old: 27 leads', 'new: 16 leads']
    """
    axes = _axes(ax)
    whole = weekly["days"] == 7
    for (name, counts), (colour, line, marker) in zip(weekly.drop(columns="days").items(), _STYLES, strict=False):
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 5}
        axes.plot(weekly.index, counts.where(whole), line, **style, label=f"{name}: {counts.sum():,} leads")
        axes.plot(weekly.index[~whole], counts[~whole], " ", **style, markerfacecolor="white")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("leads that came to qualify")
    axes.set_xlabel("week, by its Monday" + ("" if whole.all() else " (hollow: a week only partly in the period)"))
    axes.figure.autofmt_xdate()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes
