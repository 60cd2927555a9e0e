"""The pictures. Each says how many stand behind it, and reads in grey: lines and markers differ, not only colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.errors import visible

_MARKERS = "osD^vP*X"
_LINES = ("-", "--", "-.", ":")
# Letters of a label.
_WIDEST = 50
_THRESHOLD = "threshold: leads at or above it are passed on"
# Minutes that people have words for.
_WAITS = {1: "1 min", 5: "5 min", 15: "15 min", 60: "1 h", 240: "4 h", 1440: "24 h", 10080: "7 d", 43200: "30 d"}
# Figures with whiskers; and what lies between two bounds.
_WHISKERS = {"capsize": 2, "markersize": 5, "linewidth": 1}
HATCHED = {"facecolor": "none", "edgecolor": "0.6", "hatch": "//", "linewidth": 0}


def axes_of(ax: Any = None, *, width: float = 8, height: float = 4.5) -> Any:
    """The axes given; else some on a figure of their own, which no window and no global state knows of."""
    from matplotlib.axes import Axes  # noqa: PLC0415 - matplotlib takes long to import
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    with Arguments("plot") as given:
        given.types(ax=(ax, Axes | None))
    if ax is not None:
        return ax
    return Figure(figsize=(width, height), layout="constrained").subplots()


def finished(ax: Any, title: str = "", *, percent: str = "", legend: str | None = "best", **named: Any) -> Any:
    """The axes with what every picture has.

    Parameters
    ----------
    ax : matplotlib Axes
    title : str
    percent : str
        The axes that show shares: "x", "y" or "xy".
    legend : str, optional
        Where it stands; None for no legend.
    **named
        The axes' own properties, as `xlabel` and `ylim`.

    Returns
    -------
    matplotlib Axes
    """
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415 - matplotlib takes long to import

    ax.set(**named)
    ax.set_title(as_titled(title), loc="left", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    for axis in percent:
        getattr(ax, f"{axis}axis").set_major_formatter(PercentFormatter(1))
    if legend is not None:
        ax.legend(fontsize="small", loc=legend)
    return ax


def _reach(rows: pd.DataFrame, name: str, low: str = "low", high: str = "high") -> Any:
    """How far intervals reach below and above their figures; rounding can put a bound on the wrong side of 0."""
    return np.maximum([rows[name] - rows[low], rows[high] - rows[name]], 0)


def as_titled(text: str) -> str:
    r"""Lines of text with names in them, as they are drawn: what cannot be seen as its code, dollars as no mathematics.

    Examples
    --------
    >>> print(as_titled("$x$"))
    \$x\$
    """
    return "\n".join(map(visible, text.split("\n"))).replace("$", r"\$")


def as_drawn(name: object) -> str:
    r"""A name that a user controls, as every picture draws it: as a title, in one line, cut where it is too long.

    Examples
    --------
    >>> print(as_drawn("Budget $10k to $50k"))
    Budget \$10k to \$50k
    """
    text = visible(name)
    text = text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
    # To matplotlib, a label that begins with an underscore is none.
    return as_titled(f" {text}" if text.startswith("_") else text)


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
    ax = axes_of(ax, height=4)
    whole = weekly["days"] == 7
    for place, (name, counts) in enumerate(weekly.drop(columns="days").items()):
        style = {"color": f"C{place}", "marker": _MARKERS[place % len(_MARKERS)], "markersize": 5}
        label = f"{as_drawn(name)}: {counted(int(counts.sum()), 'lead')}"
        ax.plot(weekly.index, counts.where(whole), _LINES[place % len(_LINES)], **style, label=label)
        ax.plot(weekly.index[~whole], counts[~whole], " ", **style, markerfacecolor="white")
    for date in ax.get_xticklabels():
        date.set(rotation=30, ha="right")
    xlabel = "week, by its Monday" + ("" if whole.all() else " (hollow: a week only partly in the period)")
    most = max(1, weekly.drop(columns="days").to_numpy().max())
    return finished(ax, xlabel=xlabel, ylabel="leads that qualified", ylim=(0, 1.1 * most))


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
    ax = axes_of(ax, height=4.5 if "cohort" in frame else 1 + len(frame) / 5)
    return _draw_cohorts(ax, frame, title) if "cohort" in frame else _draw_totals(ax, frame, title)


def _draw_cohorts(ax: Any, frame: pd.DataFrame, title: str) -> Any:
    cohorts = frame["cohort"].unique()
    stages = list(frame["stage"].unique())
    for place, stage in enumerate(stages):
        rows = frame[frame["stage"] == stage]
        of = int(rows.loc[rows["share"].notna(), "n"].sum())
        # Side by side, so that no interval hides another.
        x = np.arange(len(cohorts)) + (place - (len(stages) - 1) / 2) * 0.5 / len(stages)
        style = {"fmt": _MARKERS[place % len(_MARKERS)] + _LINES[place % len(_LINES)], "color": f"C{place}"}
        ax.errorbar(x, rows["share"], _reach(rows, "share"), **style, **_WHISKERS, label=f"{as_drawn(stage)}, n={of:,}")
    for place, (_, rows) in enumerate(frame.groupby("cohort")):
        late = list(rows.loc[rows["truncated"], "stage"].map(as_drawn))
        hidden = "truncated" if len(late) == len(rows) else f"truncated: {', '.join(late)}" if late else ""
        why = " and ".join(filter(None, ["" if rows["mature"].all() else "immature", hidden]))
        if why:
            ax.axvspan(place - 0.5, place + 0.5, **HATCHED)
            white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            where = {
                "transform": ax.get_xaxis_transform(),
                "rotation": 90,
                "ha": "center",
                "va": "top",
                "in_layout": False,
            }
            ax.text(place, 0.97, why, bbox=white, fontsize="small", **where)
    leads = frame.drop_duplicates("cohort")["n"]
    days = pd.DatetimeIndex(cohorts).strftime("%Y-%m-%d")
    upright = len(cohorts) > 7
    names = [f"{day}{', ' if upright else chr(10)}n={n:,}" for day, n in zip(days, leads, strict=True)]
    every = int(np.ceil(len(cohorts) / 30))
    ax.set_xticks(range(0, len(cohorts), every), names[::every], fontsize="small", rotation=90 if upright else 0)
    ax.legend(title="reached, of n\nin all cohorts shown", fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    limits = {"xlim": (-0.5, len(cohorts) - 0.5), "ylim": (0, None)}
    return finished(ax, title, percent="y", legend=None, xlabel="cohort, by its first day, and its leads", **limits)


def _draw_totals(ax: Any, frame: pd.DataFrame, title: str) -> Any:
    stages = list(frame["stage"].unique())
    # Groups are compared at one stage, so they stand together there.
    frame = frame.sort_values("stage", key=lambda names: names.map(stages.index), kind="stable")
    y = np.arange(len(frame))[::-1]
    for place, stage in enumerate(stages):
        rows = (frame["stage"] == stage).to_numpy()
        of = frame[rows]
        style = {"fmt": _MARKERS[place % len(_MARKERS)], "color": f"C{place}"}
        ax.errorbar(of["share"], y[rows], xerr=_reach(of, "share"), **style, **_WHISKERS)
    columns = ["stage", "group"] if "group" in frame else ["stage"]
    counts = [f"  {k:,} of {n:,}" for k, n in zip(frame["reached"], frame["n"], strict=True)]
    called = [as_drawn(", ".join(map(str, row))) for row in frame[columns].itertuples(index=False)]
    names = [name + count for name, count in zip(called, counts, strict=True)]
    ax.set_yticks(y, names, fontsize="small")
    ax.grid(axis="x", color="0.92")
    return finished(ax, title, percent="x", legend=None, xlim=(0, 1), ylim=(-1, len(frame)))


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
    ax = axes_of(ax)
    # A logarithm has no place for 0: what took less than half a minute stands at its left end.
    minutes = np.maximum(curve["minutes"], 0.5)
    ax.fill_between(minutes, curve["low"], curve["high"], step="post", color="0.85", label="95 % interval")
    ax.step(minutes, curve["answered"], where="post", color="C0", label=f"answered, n={n:,}")
    for place, (label, minute) in enumerate(marks.items()):
        ax.axvline(minute, color="0.3", linestyle=_LINES[(place + 1) % len(_LINES)], linewidth=1, label=as_drawn(label))
    ax.set_xscale("log")
    longest = max([60.0, *minutes])
    waits = {minute: text for minute, text in _WAITS.items() if minute <= longest}
    ax.set_xticks(list(waits), list(waits.values()))
    ax.set_xticks([], minor=True)
    ax.grid(color="0.92")
    limits = {"xlim": (0.5, 1.2 * longest), "ylim": (0, 1)}
    return finished(ax, title, percent="y", legend="lower right", xlabel="time since the lead became an MQL", **limits)


def plot_threshold(
    frame: pd.DataFrame, *, n: int, chosen: tuple[float, float, float] | None = None, ax: Any = None
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
    ax : matplotlib Axes, optional
        Where to draw; without it a new figure is made, `ax.figure`.

    Returns
    -------
    matplotlib Axes
        Of the precision, on the left; the volume has an axis on the right: leads a week, or without dates the share of
        all leads.
    """
    ax = axes_of(ax)
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
    if chosen is not None and not np.isnan(chosen[0]):
        threshold, low, high = chosen
        ax.axvspan(low, high, **HATCHED, label="cannot be told apart")
        for side, name, text in ((ax, "precision", f"chosen: {threshold:.10g}"), (right, volume, "_")):
            side.plot([threshold], frame.loc[[threshold], name], "D", color="0.1", label=text)
    labels = {"xlabel": _THRESHOLD, "ylabel": "precision: outcomes of those passed on"}
    finished(ax, percent="y", legend=None, ylim=(0, None), **labels)
    shares = "y" if volume == "share_flagged" else ""
    finished(right, percent=shares, legend=None, ylim=(0, None), ylabel=f"{label} (dashed)")
    right.spines["right"].set_visible(True)
    handles = [*ax.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    right.legend(handles=handles, fontsize="small", ncols=2, frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
    return ax


def plot_bars(curve: pd.DataFrame, *, stage: str, now: float, tried: float, capacity: float | None) -> Any:
    """Draw the share and the leads a week by bar, with bands, and what sales can work.

    Parameters
    ----------
    curve : DataFrame, index bar
        `Workbench.curve`.
    stage : str
        What the share reaches; empty where it is not known.
    now, tried : float
        The bar in force and the one that is tried.
    capacity : float, optional
        Leads a week.

    Returns
    -------
    matplotlib Figure
    """
    figure = axes_of(width=10, height=3.6).figure
    figure.clear()
    names = ["share", "per_week"] if stage else ["per_week"]
    for ax, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        ax.fill_between(curve.index, curve[f"{name}_low"], curve[f"{name}_high"], color="0.85", linewidth=0)
        ax.plot(curve.index, curve[name], color="C0")
        ax.axvline(now, linestyle="--", color="0.4", label=f"now {now:.10g}")
        if tried != now:
            ax.axvline(tried, color="C0", label=f"tried {tried:.10g}")
        if name == "share":
            title, few = f"Share that reaches {stage}", curve.index[curve["unknown"] > 0.15]
            if len(few):
                ax.axvspan(curve.index[0], few[-1], **HATCHED, label="hardly any worked")
        else:
            title = "Leads a week"
            if capacity is not None:
                ax.axhline(capacity, linestyle=":", color="C1", label=f"sales can work {capacity:.10g}")
        finished(ax, title, percent="y" if name == "share" else "", xlabel="bar, points", ylim=(0, None))
    return figure


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
    ax = axes_of(ax, width=5.5, height=5)
    share = np.append(0, frame["n"].cumsum() / frame["n"].sum())
    captured, low, high = (np.append(0, frame[name]) for name in ("captured", "captured_low", "captured_high"))
    ax.plot(share, captured, "o-", color="C0", markersize=5, label="by score, best first")
    ax.fill_between(share, low, high, color="0.85", label="95 % interval")
    labels = {"xlabel": "share of leads", "ylabel": "share of all events among them"}
    return _squared(ax, title, 1, "at random", legend="lower right", **labels)


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
    ax = axes_of(ax, width=5.5, height=5)
    sizes = " to ".join(f"{n:,}" for n in sorted({frame["n"].min(), frame["n"].max()}))
    style = {"fmt": "o-", "color": "C0", "label": f"bins of {sizes} leads, 95 % intervals"} | _WHISKERS
    ax.errorbar(frame["predicted"], frame["rate"], _reach(frame, "rate"), **style)
    most = min(1.0, 1.05 * float(frame[["predicted", "high"]].to_numpy().max(initial=0.1)))
    labels = {"xlabel": "probability given, mean of the bin", "ylabel": "share of leads with the outcome"}
    return _squared(ax, title, most, "every probability right", legend="upper left", **labels)


def _squared(ax: Any, title: str, most: float, diagonal: str, **named: Any) -> Any:
    """Shares from 0 to the most of both axes, with what the diagonal means."""
    ax.plot([0, most], [0, most], "--", color="0.3", linewidth=1, label=diagonal)
    ax.grid(color="0.92")
    return finished(ax, title, percent="xy", xlim=(0, most), ylim=(0, most), **named)


def plot_value(curve: pd.DataFrame, *, n: int, chosen: float, ax: Any = None) -> Any:
    """Draw what each threshold earns, with its interval, and the one that was chosen.

    Parameters
    ----------
    curve : DataFrame, index threshold
        `ThresholdChoice.curve` of a choice by value.
    n : int
        The outcomes behind it.
    chosen : float
        Marked; NaN where none pays.
    ax : matplotlib Axes, optional
        Where to draw; without it a new figure is made, `ax.figure`.

    Returns
    -------
    matplotlib Axes
        Thresholds that cannot be told apart from the chosen one are hatched.
    """
    ax = axes_of(ax)
    ax.fill_between(curve.index, curve["low"], curve["high"], color="0.85", linewidth=0, label="95 % interval")
    ax.plot(curve.index, curve["figure"], "-", color="C0", label=f"value, n={counted(n, 'outcome')}")
    ax.axhline(0, color="0.4", linewidth=0.8, linestyle=":")
    if not np.isnan(chosen):
        possible = curve.index[curve["possible"]]
        ax.axvspan(possible.min(), possible.max(), **HATCHED, label="cannot be told apart")
        ax.plot([chosen], [curve["figure"].loc[chosen]], "D", color="0.1", label=f"chosen: {chosen:.10g}")
    return finished(ax, xlabel=_THRESHOLD, ylabel="value of the leads passed on, less what calls cost")


def plot_card(frame: pd.DataFrame, *, ax: Any = None) -> Any:
    """Draw the points of every row of a card, with their intervals, feature by feature.

    Parameters
    ----------
    frame : DataFrame
        `PointsCard.frame`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Marks grow with the share of the leads in a row.
    """
    ax = axes_of(ax, height=1 + 0.22 * len(frame))
    place = np.arange(len(frame)) + np.cumsum(frame["feature"].ne(frame["feature"].shift()))
    labels = [as_drawn(f"{row.feature}: {row.bin}") for row in frame.itertuples()]
    total = frame.groupby("feature")["n"].sum().iloc[0]
    ax.hlines(place, frame["points_low"], frame["points_high"], color="0.5", linewidth=1.5)
    size = 15 + 120 * frame["n"] / total
    ax.scatter(frame["points"], place, s=size, color="C0", zorder=3, label=f"points, 95 % intervals, n={total:,.0f}")
    ax.axvline(0, color="0.4", linewidth=0.8, linestyle=":")
    ax.set_yticks(place, labels, fontsize="small")
    ax.invert_yaxis()
    return finished(ax, legend="lower right", xlabel="points")


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
    ax = axes_of(ax, height=1.5 + len(frame) / 5)
    rows = frame.sort_values("psi", kind="stable")
    y = np.arange(len(rows))
    changed = (rows["verdict"] != "no change seen").to_numpy()
    ax.barh(y, rows["psi_no_drift"], color="0.88", height=0.9, label="95 % of cases with no drift")
    for mask, face, label in ((changed, "C0", "changed, 95 % interval"), (~changed, "white", "no change seen")):
        part = rows[mask]
        style = {"fmt": "o", "color": "C0", "mfc": face, "label": f"{label}: {len(part):,}"} | _WHISKERS
        if len(part):
            ax.errorbar(part["psi"], y[mask], xerr=_reach(part, "psi", "psi_low", "psi_high"), **style)
    for bar, line in ((0.1, "--"), (0.25, ":")):
        ax.axvline(bar, color="0.3", linestyle=line, linewidth=1)
    ax.set_yticks(y, [as_drawn(" ".join(map(str, key))) for key in rows.index], fontsize="small")
    limits: dict[str, Any] = {"xlim": (0, None), "ylim": (-0.7, len(rows) - 0.3)}
    return finished(ax, title, legend="lower right", xlabel="PSI; lines at the customary 0.1 and 0.25", **limits)
