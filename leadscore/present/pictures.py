"""The pictures. Each says how many stand behind it, and reads in grey: lines and markers differ, not only colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.text import counted
from leadscore.present.markdown import visible

_MARKERS = "osD^vP*X"
_LINES = ("-", "--", "-.", ":")
# Letters of a label.
_WIDEST = 50
# Minutes that people have words for.
_WAITS = {
    1: "1 min",
    5: "5 min",
    15: "15 min",
    60: "1 h",
    240: "4 h",
    1440: "24 h",
    4320: "3 d",
    10080: "7 d",
    43200: "30 d",
}


def new_axes(*, width: float = 8, height: float = 4.5) -> Any:
    """Axes on a figure of their own, which no window and no global state knows of."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib takes long to import

    return Figure(figsize=(width, height), layout="constrained").subplots()


def as_drawn(name: str) -> str:
    r"""A name that a user controls, as it is drawn: what cannot be seen as its code, dollars as no mathematics.

    Examples
    --------
    >>> print(as_drawn("$x$"))
    \$x\$
    """
    return visible(name).replace("$", r"\$")


def plot_weekly(weekly: pd.DataFrame, *, ax: Any = None) -> Any:
    """Draw how many leads qualified in each week, of one rulebook or of two.

    Parameters
    ----------
    weekly : DataFrame, index week (Mondays)
        A column of counts for each line, and `days`, the days of each week that lie in the period: weeks of fewer than
        7 are hollow marks off the line, since their counts are of part of a week.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> weeks = pd.DatetimeIndex(["2026-03-02", "2026-03-09"], name="week")
    >>> weekly = pd.DataFrame({"old": [12, 15], "new": [7, 9], "days": [7, 5]}, index=weeks)
    >>> [line.get_label() for line in plot_weekly(weekly).lines if line.get_label()[0] != "_"]
    ['old: 27 leads', 'new: 16 leads']
    """
    ax = ax or new_axes(height=4)
    whole = weekly["days"] == 7
    for place, (name, counts) in enumerate(weekly.drop(columns="days").items()):
        style = {"color": f"C{place}", "marker": _MARKERS[place], "markersize": 5}
        label = f"{name}: {counted(int(counts.sum()), 'lead')}"
        ax.plot(weekly.index, counts.where(whole), _LINES[place], **style, label=label)
        ax.plot(weekly.index[~whole], counts[~whole], " ", **style, markerfacecolor="white")
    ax.set_ylim(0, 1.1 * max(1, weekly.drop(columns="days").to_numpy().max()))
    ax.set_ylabel("leads that qualified")
    ax.set_xlabel("week, by its Monday" + ("" if whole.all() else " (hollow: a week only partly in the period)"))
    ax.figure.autofmt_xdate()
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax


def plot_funnel(frame: pd.DataFrame, *, title: str = "", ax: Any = None) -> Any:
    """Draw shares with their intervals: a line per stage over cohorts, or a point per stage and group.

    Parameters
    ----------
    frame : DataFrame
        `FunnelTable.frame` without groups, or `FunnelTable.total`.
    title : str
    ax : matplotlib Axes, optional
        Where to draw; without it a new figure is made, `ax.figure`.

    Returns
    -------
    matplotlib Axes
        Cohorts without a share are hatched and say why.
    """
    ax = ax or new_axes(height=4.5 if "cohort" in frame else 1 + len(frame) / 5)
    if "cohort" in frame:
        _draw_cohorts(ax, frame)
    else:
        _draw_totals(ax, frame)
    ax.set_title(title, loc="left", fontsize="medium")
    return ax


def _bars(rows: pd.DataFrame) -> Any:
    """How far intervals reach below and above their shares; rounding can put a bound on the wrong side of 0."""
    return np.maximum([rows["share"] - rows["low"], rows["high"] - rows["share"]], 0)


def _draw_cohorts(ax: Any, frame: pd.DataFrame) -> None:
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    cohorts = frame["cohort"].unique()
    stages = list(frame["stage"].unique())
    for place, stage in enumerate(stages):
        rows = frame[frame["stage"] == stage]
        of = int(rows.loc[rows["share"].notna(), "n"].sum())
        # Side by side, so that no interval hides another.
        x = np.arange(len(cohorts)) + (place - (len(stages) - 1) / 2) * 0.5 / len(stages)
        style = f"{_MARKERS[place % len(_MARKERS)]}{_LINES[place % len(_LINES)]}"
        ax.errorbar(
            x,
            rows["share"],
            yerr=_bars(rows),
            fmt=style,
            color=f"C{place}",
            label=f"{stage}, n={of:,}",
            capsize=2,
            markersize=4,
            lw=1,
        )
    for place, (_, rows) in enumerate(frame.groupby("cohort")):
        late = list(rows.loc[rows["truncated"], "stage"])
        hidden = "truncated" if len(late) == len(rows) else f"truncated: {', '.join(late)}" if late else ""
        why = " and ".join(filter(None, ["" if rows["mature"].all() else "immature", hidden]))
        if why:
            ax.axvspan(place - 0.5, place + 0.5, facecolor="none", edgecolor="0.75", hatch="//", linewidth=0)
            white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            where = {"transform": ax.get_xaxis_transform(), "rotation": 90, "ha": "center", "va": "top"}
            ax.text(place, 0.97, why, bbox=white, fontsize="small", **where)
    leads = frame.drop_duplicates("cohort")["n"]
    days = pd.DatetimeIndex(cohorts).strftime("%Y-%m-%d")
    upright = len(cohorts) > 7
    names = [f"{day}{', ' if upright else chr(10)}n={n:,}" for day, n in zip(days, leads, strict=True)]
    every = int(np.ceil(len(cohorts) / 30))
    ax.set_xticks(range(0, len(cohorts), every), names[::every], fontsize="small", rotation=90 if upright else 0)
    ax.set_xlim(-0.5, len(cohorts) - 0.5)
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("cohort, by its first day, and its leads")
    ax.legend(title="reached, of n\nin all cohorts shown", fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))


def _draw_totals(ax: Any, frame: pd.DataFrame) -> None:
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    stages = list(frame["stage"].unique())
    # Groups are compared at one stage, so they stand together there.
    frame = frame.sort_values("stage", key=lambda names: names.map(stages.index), kind="stable")
    y = np.arange(len(frame))[::-1]
    for place, stage in enumerate(stages):
        rows = (frame["stage"] == stage).to_numpy()
        of = frame[rows]
        marker = _MARKERS[place % len(_MARKERS)]
        ax.errorbar(of["share"], y[rows], xerr=_bars(of), fmt=marker, color=f"C{place}", capsize=2, markersize=5)
    groups = ", " + frame["group"].astype(str).map(as_drawn) if "group" in frame else pd.Series("", frame.index)
    names = frame["stage"] + groups + [f"  {k:,} of {n:,}" for k, n in zip(frame["reached"], frame["n"], strict=True)]
    ax.set_yticks(y, names, fontsize="small")
    ax.set_ylim(-1, len(frame))
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(axis="x", color="0.9")


def plot_response(curve: pd.DataFrame, *, n: int, marks: Mapping[str, float], title: str = "", ax: Any = None) -> Any:
    """Draw how many were answered by when, with the interval.

    Parameters
    ----------
    curve : DataFrame
        `ResponseTimes.curve`: `minutes`, `answered`, `low`, `high`.
    n : int
        The leads behind it.
    marks : mapping of label to minutes
        Times to mark, as the agreed one.
    title : str
    ax : matplotlib Axes, optional
        Where to draw; without it a new figure is made, `ax.figure`.

    Returns
    -------
    matplotlib Axes
    """
    from matplotlib.ticker import NullLocator, PercentFormatter  # noqa: PLC0415

    ax = ax or new_axes()
    # A logarithm has no place for 0: what took less than half a minute stands at its left end.
    minutes = np.maximum(curve["minutes"], 0.5)
    ax.fill_between(minutes, curve["low"], curve["high"], step="post", color="0.85", label="95 % interval")
    ax.step(minutes, curve["answered"], where="post", color="C0", label=f"answered, n={n:,}")
    for place, (label, minute) in enumerate(marks.items()):
        ax.axvline(minute, color="0.3", linestyle=_LINES[(place + 1) % len(_LINES)], linewidth=1, label=label)
    ax.set_xscale("log")
    longest = max([60.0, *minutes])
    waits = {minute: text for minute, text in _WAITS.items() if minute <= longest}
    ax.set_xticks(list(waits), list(waits.values()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(0.5, longest)
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(color="0.92")
    ax.set_xlabel("time since the lead became an MQL")
    ax.set_title(title, loc="left", fontsize="medium")
    ax.legend(fontsize="small", loc="lower right")
    return ax


def plot_threshold(
    frame: pd.DataFrame, *, n: int, chosen: tuple[float, float, float] | None = None, title: str = "", ax: Any = None
) -> Any:
    """Draw precision and volume over the threshold, each with its interval, and the threshold that was chosen.

    Parameters
    ----------
    frame : DataFrame, index threshold
        `ThresholdTable.frame`, without groups.
    n : int
        The leads behind the precision.
    chosen : threshold, low, high, optional
        Marked on both curves, with the range that cannot be told apart from it; NaN where there is none.
    title : str
    ax : matplotlib Axes, optional
        Where to draw; without it a new figure is made, `ax.figure`.

    Returns
    -------
    matplotlib Axes
        Of the precision, on the left; the volume has an axis on the right: leads a week, or without dates the share of
        all leads.
    """
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    ax = ax or new_axes()
    right = ax.twinx()
    volume = "per_week" if "per_week" in frame else "share_flagged"
    label = "leads a week" if volume == "per_week" else "share of leads passed on"
    for side, name, grey, line, text in (
        (ax, "precision", "0.8", "-", f"precision, n={n:,}"),
        (right, volume, "0.9", "--", label),
    ):
        side.fill_between(frame.index, frame[name + "_low"], frame[name + "_high"], color=grey, alpha=0.7, linewidth=0)
        color = "C0" if side is ax else "C1"
        side.plot(frame.index, frame[name], line, color=color, marker="" if len(frame) > 30 else ".", label=text)
        side.set_ylim(bottom=0)
        side.spines["top"].set_visible(False)
    if chosen is not None and not np.isnan(chosen[0]):
        threshold, low, high = chosen
        ax.axvspan(low, high, facecolor="none", edgecolor="0.6", hatch="//", linewidth=0, label="cannot be told apart")
        for side, name, text in ((ax, "precision", f"chosen: {threshold:.10g}"), (right, volume, "_")):
            side.plot([threshold], frame.loc[[threshold], name], "D", color="0.1", label=text)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    if volume == "share_flagged":
        right.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("threshold: leads at or above it are passed on")
    ax.set_ylabel("precision: outcomes of those passed on")
    right.set_ylabel(f"{label} (dashed)")
    ax.set_title(title, loc="left", fontsize="medium")
    handles = [*ax.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    right.legend(handles=handles, fontsize="small", ncols=2, frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
    return ax


def plot_gains(frame: pd.DataFrame, *, title: str = "", ax: Any = None) -> Any:
    """Draw what share of all events the best leads hold, with its interval, beside what chance would give.

    Parameters
    ----------
    frame : DataFrame
        `Gains.frame`.
    title : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from leadscore.stats.calibration import gains
    >>> ax = plot_gains(gains([True, True, False, False], [4, 3, 2, 1]).frame)
    >>> ax.lines[0].get_ydata().tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0]
    """
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    ax = ax or new_axes(width=5.5, height=5)
    share = np.append(0, frame["n"].cumsum() / frame["n"].sum())
    captured, low, high = (np.append(0, frame[name]) for name in ("captured", "captured_low", "captured_high"))
    ax.plot(share, captured, "o-", color="C0", markersize=5, label="by score, best first")
    ax.fill_between(share, low, high, color="0.85", label="95 % interval")
    ax.plot([0, 1], [0, 1], "--", color="0.3", linewidth=1, label="at random")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.grid(color="0.92")
    ax.set_xlabel("share of leads")
    ax.set_ylabel("share of all events among them")
    ax.set_title(title, loc="left", fontsize="medium")
    ax.legend(fontsize="small", loc="lower right")
    return ax


def plot_reliability(frame: pd.DataFrame, *, title: str = "", ax: Any = None) -> Any:
    """Draw the rate of events over the probability that was given, with its interval: the reliability diagram.

    Parameters
    ----------
    frame : DataFrame
        `Calibration.frame`.
    title : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from leadscore.stats.calibration import calibration
    >>> ax = plot_reliability(calibration([False, True, True, True], [0.2, 0.2, 0.8, 0.8], bins=2).frame)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['every probability right', 'bins of 2 leads, 95 % intervals']
    """
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    ax = ax or new_axes(width=5.5, height=5)
    sizes = " to ".join(f"{n:,}" for n in sorted({frame["n"].min(), frame["n"].max()}))
    bars = np.maximum([frame["rate"] - frame["low"], frame["high"] - frame["rate"]], 0)
    what = f"bins of {sizes} leads, 95 % intervals"
    ax.errorbar(frame["predicted"], frame["rate"], yerr=bars, fmt="o-", color="C0", capsize=3, markersize=5, label=what)
    most = min(1.0, 1.05 * float(frame[["predicted", "high"]].to_numpy().max(initial=0.1)))
    ax.plot([0, most], [0, most], "--", color="0.3", linewidth=1, label="every probability right")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    ax.set_xlim(0, most)
    ax.set_ylim(0, most)
    ax.grid(color="0.92")
    ax.set_xlabel("probability given, mean of the bin")
    ax.set_ylabel("share of leads with the outcome")
    ax.set_title(title, loc="left", fontsize="medium")
    ax.legend(fontsize="small", loc="upper left")
    return ax


def plot_value(curve: pd.DataFrame, *, n: int, chosen: float, title: str = "", ax: Any = None) -> Any:
    """Draw what each threshold earns, with its interval, and the one that was chosen.

    Parameters
    ----------
    curve : DataFrame, index threshold
        `ThresholdChoice.curve` of a choice by value.
    n : int
        The outcomes behind it.
    chosen : float
        Marked; NaN where none pays.
    title : str
    ax : matplotlib Axes, optional
        Where to draw; without it a new figure is made, `ax.figure`.

    Returns
    -------
    matplotlib Axes
        Thresholds that cannot be told apart from the chosen one are hatched.
    """
    ax = ax or new_axes()
    ax.fill_between(curve.index, curve["low"], curve["high"], color="0.85", linewidth=0, label="95 % interval")
    ax.plot(curve.index, curve["figure"], "-", color="C0", label=f"value, n={counted(n, 'outcome')}")
    ax.axhline(0, color="0.4", linewidth=0.8, linestyle=":")
    if not np.isnan(chosen):
        possible = curve.index[curve["possible"]]
        low, high = possible.min(), possible.max()
        ax.axvspan(low, high, facecolor="none", edgecolor="0.6", hatch="//", linewidth=0, label="cannot be told apart")
        ax.plot([chosen], [curve["figure"].loc[chosen]], "D", color="0.1", label=f"chosen: {chosen:.10g}")
    ax.set_xlabel("threshold: leads at or above it are passed on")
    ax.set_ylabel("value of the leads passed on, less what calls cost")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(title, loc="left", fontsize="medium")
    ax.legend(fontsize="small", loc="best")
    return ax


def plot_card(frame: pd.DataFrame, *, title: str = "", ax: Any = None) -> Any:
    """Draw the points of every row of a card, with their intervals, feature by feature.

    Parameters
    ----------
    frame : DataFrame
        `PointsCard.frame`.
    title : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Marks grow with the share of the leads in a row.
    """
    ax = ax or new_axes(height=1 + 0.22 * len(frame))
    place = np.arange(len(frame)) + np.cumsum(frame["feature"].ne(frame["feature"].shift()))
    labels = [f"{row.feature}: {row.bin}" for row in frame.itertuples()]
    labels = [label if len(label) <= _WIDEST else f"{label[: _WIDEST - 1]}…" for label in labels]
    total = frame.groupby("feature")["n"].sum().iloc[0]
    ax.hlines(place, frame["points_low"], frame["points_high"], color="0.5", linewidth=1.5)
    size = 15 + 120 * frame["n"] / total
    ax.scatter(frame["points"], place, s=size, color="C0", zorder=3, label=f"points, 95 % intervals, n={total:,.0f}")
    ax.axvline(0, color="0.4", linewidth=0.8, linestyle=":")
    ax.set_yticks(place, labels, fontsize="small")
    ax.invert_yaxis()
    ax.set_xlabel("points")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(title, loc="left", fontsize="medium")
    ax.legend(fontsize="small", loc="lower right")
    return ax


def plot_stability(frame: pd.DataFrame, *, title: str = "", ax: Any = None) -> Any:
    """Draw the PSI of each figure with its interval, beside what it stays below with no drift.

    Parameters
    ----------
    frame : DataFrame
        `Stability.frame`.
    title : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        The largest on top; filled marks changed, hollow ones may be chance.

    Examples
    --------
    >>> from leadscore.drift.change.stability import stability
    >>> samples = [pd.DataFrame({"country": ["US"] * n + ["DE"] * 50}) for n in (50, 100)]
    >>> [text.get_text() for text in plot_stability(stability(*samples).frame).get_yticklabels()]
    ['attribute country']
    """
    ax = ax or new_axes(height=1.5 + len(frame) / 5)
    rows = frame.sort_values("psi", kind="stable")
    y = np.arange(len(rows))
    changed = (rows["verdict"] != "no change seen").to_numpy()
    ax.barh(y, rows["psi_no_drift"], color="0.88", height=0.9, label="95 % of cases with no drift")
    for mask, face, label in ((changed, "C0", "changed, 95 % interval"), (~changed, "white", "no change seen")):
        part = rows[mask]
        bars = np.maximum([part["psi"] - part["psi_low"], part["psi_high"] - part["psi"]], 0)
        style = {"fmt": "o", "color": "C0", "mfc": face, "capsize": 2, "markersize": 5, "lw": 1}
        if len(part):
            ax.errorbar(part["psi"], y[mask], xerr=bars, **style, label=f"{label}: {len(part):,}")
    for bar, line in ((0.1, "--"), (0.25, ":")):
        ax.axvline(bar, color="0.3", linestyle=line, linewidth=1)
    ax.set_yticks(y, [" ".join(map(str, key)) for key in rows.index], fontsize="small")
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.set_xlim(left=0)
    ax.set_xlabel("PSI; lines at the customary 0.1 and 0.25")
    ax.set_title(title, loc="left", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(fontsize="small", loc="lower right")
    return ax
