"""The pictures of drift; as all pictures, they say how many stand behind them and read in grey."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from leadscore.present.pictures import HATCHED, as_drawn, as_titled, axes_of, finished

_LINE = {"markersize": 3, "linewidth": 1}
_ALL = {"color": "C0", "marker": "o", "linestyle": "-"} | _LINE
_MQLS = {"color": "C1", "marker": "s", "linestyle": "--"} | _LINE
# Room above the lines for the legend, as a share of the axis.
_HEADROOM = 0.35
# By custom a PSI below the first is small, and from the second on large: darker than that is no news.
_SMALL, _LARGE = 0.1, 0.25
# Above and below the mean of the reference, 95 % of its weeks lie within so many of their standard deviations.
_USUAL = 1.96

# The first and the last day not ruled out, and the most likely one between them.
Onset = tuple[dt.date, dt.date, dt.date]


def _dated(ax: Any, onset: Onset | None) -> None:
    """What every picture over weeks has: dates, and since when."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - takes long to import

    if onset is not None:
        low, day, high = (pd.Timestamp(one) for one in onset)
        ax.axvspan(low, high + pd.Timedelta(days=6), **HATCHED, label=f"began, 90 %: {low.date()} to {high.date()}")
        ax.axvline(day, color="0.3", linestyle=":", linewidth=1.2, label=f"most likely: {day.date()}")
    locator: Any = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call] # dates come without types
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call] # dates come without types


def _described(ax: Any, onset: Onset | None, title: str, of: str) -> Any:
    """The axes with dates, what they are of, and a legend above the lines."""
    _dated(ax, onset)
    # A white ground: hatching below it would hide the text.
    ax.legend(fontsize="small", ncols=2, framealpha=0.85, edgecolor="none", loc="upper left")
    return finished(ax, title, legend=None, ylabel=of)


def _reference(frame: pd.DataFrame) -> pd.Series[bool]:
    """Weeks that are learned from only."""
    return frame["gap"].notna() & frame["evidence"].isna()


def plot_gap(frame: pd.DataFrame, *, onset: Onset | None = None, title: str = "", ax: Any = None) -> Any:
    """Draw the gap of each week, of all leads and of MQLs, with its onset.

    Parameters
    ----------
    frame : DataFrame
        `BalanceMonitor.frame`.
    onset : (first, most likely, last week), optional
    title : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Weeks learned from are shaded; those skipped or left out by a decision are gaps in the line.
    """
    ax = axes_of(ax, height=3.6)
    learned = frame.index[_reference(frame)]
    if len(learned):
        end = learned[-1] + pd.Timedelta(days=6)
        ax.axvspan(learned[0], end, color="0.94", label=f"{len(learned)} weeks learned from")
    for name, count, label, style in (("gap", "leads", "all leads", _ALL), ("mql_gap", "mqls", "MQLs", _MQLS)):
        n = int(frame.loc[frame[name].notna(), count].sum())
        ax.plot(frame.index, frame[name], **style, label=f"{label}, n={n:,}")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + _HEADROOM * (high - low))
    return _described(ax, onset, title, "behaviour above fit,\nin standard deviations of leads")


def plot_evidence(
    frame: pd.DataFrame, *, bound: float, onset: Onset | None = None, title: str = "", ax: Any = None
) -> Any:
    """Draw the evidence that behaviour outweighs fit, of all leads and of MQLs, beside its bound.

    Parameters
    ----------
    frame : DataFrame
        `BalanceMonitor.frame`.
    bound : float
        Evidence that passes it is an alarm.
    onset : (first, most likely, last week), optional
    title : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        On a logarithmic scale: a step up is a factor, however likely or not it was before. It has no interval, being
        itself a statement of how sure the rise is.
    """
    ax = axes_of(ax, height=3.2)
    for name, label, style in (("evidence", "all leads", _ALL), ("mql_evidence", "MQLs", _MQLS)):
        weeks = int(frame[name].notna().sum())
        # A logarithm has no place for 0.
        ax.plot(frame.index, frame[name].clip(lower=0.1), **style, label=f"{label}, {weeks} weeks")
    ax.axhline(bound, color="0.1", linewidth=1.2, linestyle="-.", label=f"alarm at {bound:,.0f}")
    ax.set_yscale("log")
    low, most = 0.08, float(np.nanmax(frame[["evidence", "mql_evidence"]].to_numpy(), initial=1))
    high = max(10 * bound, 3 * most)
    ax.set_ylim(low, high * (high / low) ** _HEADROOM)
    return _described(ax, onset, title, "strength of evidence")


def plot_points(frame: pd.DataFrame, *, onset: Onset | None = None, title: str = "") -> Any:
    """Draw fit and behaviour of each week's leads and MQLs, each in a panel of its own.

    Parameters
    ----------
    frame : DataFrame
        `BalanceMonitor.frame`.
    onset : (first, most likely, last week), optional
    title : str

    Returns
    -------
    matplotlib Figure
        Of four panels. The band is where 95 of 100 weeks are, by how those differ that are learned from.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib takes long to import

    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    learned = _reference(frame)
    panels = [(name, prefix) for prefix in ("", "mql_") for name in ("behaviour", "fit")]
    for ax, (name, prefix) in zip(axes.flat, panels, strict=True):
        points, style = frame[prefix + name].where(frame["gap"].notna()), _MQLS if prefix else _ALL
        whose, count = ("MQLs", "mqls") if prefix else ("all leads", "leads")
        usual = points[learned]
        if usual.notna().sum() > 2:
            band = usual.mean() + np.array([-1, 1]) * _USUAL * usual.std()
            ax.axhspan(*band, color="0.9", label="95 of 100 weeks")
        ax.plot(frame.index, points, **style)
        n = int(frame.loc[points.notna(), count].sum())
        _dated(ax, onset)
        ylabel = "mean points" if name == "behaviour" else ""
        finished(ax, f"{name} of {whose}, n={n:,}", legend=None, ylabel=ylabel, ymargin=0.15)
    handles = {label: handle for handle, label in zip(*axes[0, 0].get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(handles.values(), handles, fontsize="small", ncols=3, frameon=False, loc="outside lower center")
    figure.suptitle(as_titled(title), x=0.01, ha="left", fontsize="medium")
    return figure


def plot_waterfall(  # noqa: PLR0913 - what goes from where to where, and what it is called
    frame: pd.DataFrame,
    *,
    ends: tuple[float, float],
    names: Sequence[str],
    share: bool,
    title: str = "",
    ax: Any = None,
) -> Any:
    """Draw by how much a figure went from one period to another, part by part.

    Parameters
    ----------
    frame : DataFrame, index part
        `change`, `low`, `high` of each part, and last of their sum.
    ends : (before, after)
        The figure itself.
    names : sequence of str
        What the parts are called, without the sum.
    share : bool
        Whether it is a share, and not a count.
    title : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Up is filled, down is hatched; whiskers are 95 % intervals of a part, from where it begins.
    """
    ax = axes_of(ax, height=3.8)
    style = ".1%" if share else ",.0f"
    if frame["change"].isna().any():
        said = "no lead qualifies in one of the periods:\nthere is nothing to split"
        ax.text(0.5, 0.5, said, ha="center", va="center", transform=ax.transAxes)
        ax.set_axis_off()
        return finished(ax, title, legend=None)
    change = frame["change"].to_numpy(float)
    # The sum begins where the first part does.
    starts = np.concatenate([[0.0], np.cumsum(change[:-2]), [0.0]])
    for place, (start, moved) in enumerate(zip(starts, change, strict=True)):
        last = place == len(frame) - 1
        low, high = frame["low"].iloc[place], frame["high"].iloc[place]
        color = "0.55" if last else "C0"
        look = {"facecolor": color} if moved >= 0 else {"facecolor": "white", "hatch": "///"}
        ax.bar(place, moved, bottom=start, width=0.6, edgecolor=color, **look)
        ax.plot([place, place], [start + low, start + high], color="0.2", linewidth=1.2, marker="_", markersize=8)
        text = f"{moved:+{style}}" if moved or low or high else "unchanged"
        ax.text(place, start + max(high, moved, 0), text, ha="center", va="bottom", fontsize="small")
        if not last:
            ax.plot([place - 0.3, place + 1.3], [start + moved] * 2, color="0.5", linewidth=0.7)
    ax.axhline(0, color="0.3", linewidth=0.8)
    ax.set_xticks(
        range(len(frame)),
        [*map(as_titled, names), f"all of it:\n{ends[0]:{style}} to {ends[1]:{style}}"],
        fontsize="small",
    )
    ax.spines["bottom"].set_visible(False)
    percent = "y" if share else ""
    return finished(ax, title, percent=percent, legend=None, ylabel="change, with 95 % intervals", ymargin=0.12)


def plot_months(months: pd.DataFrame, *, title: str = "", ax: Any = None) -> Any:
    """Draw how far each figure is from what it was, month by month.

    Parameters
    ----------
    months : DataFrame
        `DriftReport.months`.
    title : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Dark is far; a dot says that it is more than chance, which a dark square of few leads need not be.
    """
    names = list(dict.fromkeys(zip(months["part"], months["name"], strict=True)))
    ax = axes_of(ax, height=1.6 + 0.24 * len(names))
    changed = months.assign(changed=months["verdict"] != "no change seen")
    squares = changed.pivot_table(["psi", "changed"], index=["part", "name"], columns="month").reindex(names)
    table, dots = squares["psi"], squares["changed"]
    darkest = float(np.clip(np.nanmax(table.to_numpy(), initial=0), _SMALL, _LARGE))
    picture = ax.imshow(table, cmap="Greys", vmin=0, vmax=darkest, aspect="auto")
    rows, columns = np.nonzero(dots.fillna(0).to_numpy() > 0)
    dark = table.to_numpy()[rows, columns] > darkest / 2
    ax.scatter(columns, rows, s=22, c=np.where(dark, "white", "black"), edgecolors="none")
    n = months.groupby("month")["n"].first()
    labels = [f"{month:%Y-%m}, n={count:,}" for month, count in n.items()]
    ax.set_xticks(range(len(labels)), labels, rotation=90, fontsize="small")
    ax.set_yticks(range(len(names)), [as_drawn(" ".join(key)) for key in names], fontsize="small")
    ax.figure.colorbar(picture, ax=ax, label="PSI", pad=0.01)
    xlabel = "month; a dot: changed by more than chance (5 % false among those of a month)"
    return finished(ax, title, legend=None, xlabel=xlabel)
