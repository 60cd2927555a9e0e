"""Every picture, with names that mean something to what draws it: they are drawn as they stand, and none raises."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from leadscore.drift import pictures as of_drift
from leadscore.present import pictures

NAMES = ["Budget $10k to $50k", "a $x^{$ \\frac_b^c", "$$", "\\$5 $y$", "_child1 100 % {:%s} # & ~", "x" * 500, ""]
NAMES += ["a\nb\x1b[31m\u202e", "\U0001f600 \u0645\u0631\u062d\u0628\u0627 \u540d"]
WEEKS = pd.date_range("2026-01-05", periods=4, freq="7D", name="week")


def shares(name, **columns):
    rows = {"stage": [name, "won"], "n": [10, 10], "reached": [4, 2], "share": [0.4, 0.2], "share_low": 0.1}
    return pd.DataFrame(rows | {"share_high": 0.6, "low": 0.1, "high": 0.6} | columns)


def monitored():
    columns = ["gap", "mql_gap", "evidence", "mql_evidence", "fit", "behaviour", "mql_fit", "mql_behaviour"]
    frame = pd.DataFrame(1.0, WEEKS, columns).assign(leads=50, mqls=30)
    frame.loc[frame.index[:2], ["evidence", "mql_evidence"]] = np.nan
    return frame


def cohorts(name):
    days = pd.to_datetime(["2026-01-01", "2026-02-01"]).repeat(2)
    frame = pd.concat([shares(name)] * 2, ignore_index=True)
    return frame.assign(cohort=days, mature=[True, True, False, False], truncated=[True, False, True, False])


def card(name):
    rows = {"feature": [name, name], "bin": [name, "other"], "points": [1, 2], "points_low": [0, 1]}
    return pd.DataFrame(rows | {"points_high": [2, 3], "n": [5, 5]})


def psi(name):
    index = pd.MultiIndex.from_tuples([("attribute", name)], names=["part", "name"])
    rows = {"psi": 0.2, "psi_low": 0.1, "psi_high": 0.3, "psi_no_drift": 0.05, "verdict": "changed"}
    return pd.DataFrame([rows], index)


def months(name):
    month = pd.to_datetime(["2026-01-01", "2026-02-01"])
    return pd.DataFrame({"part": "attribute", "name": name, "month": month, "psi": 0.2, "verdict": "changed", "n": 5})


def curve(*columns):
    return pd.DataFrame(0.5, pd.Index([1.0, 2.0], name="threshold"), list(columns))


RATES = ["precision", "precision_low", "precision_high", "per_week", "per_week_low", "per_week_high"]
GAINS = ["n", "captured", "captured_low", "captured_high"]


# Every public function that draws, given a name wherever it takes one.
def by_bar():
    """What each bar would do."""
    bars = pd.Index([4.0, 5.0, 6.0, 7.0], name="bar")
    figures = {f"{name}{end}": [0.1, 0.2, 0.3, 0.4] for name in ("share", "per_week") for end in ("", "_low", "_high")}
    return pd.DataFrame(figures | {"unknown": [0.5, 0.1, 0, 0]}, bars)


DRAWN = {
    "plot_weekly": lambda name: pictures.plot_weekly(pd.DataFrame({name: [3, 4, 5, 6], "days": [7, 7, 7, 3]}, WEEKS)),
    "plot_funnel": lambda name: pictures.plot_funnel(cohorts(name), title=name[:60]),
    "plot_response": lambda name: pictures.plot_response(
        pd.DataFrame({"minutes": [1, 60], "answered": [0.2, 0.6], "low": 0.1, "high": 0.7}),
        n=9,
        marks={name: 30.0},
        title=name[:60],
    ),
    "plot_threshold": lambda _: pictures.plot_threshold(curve(*RATES), n=9, chosen=(1.0, 1.0, 2.0)),
    "plot_gains": lambda name: pictures.plot_gains(curve(*GAINS), title=name[:60]),
    "plot_reliability": lambda name: pictures.plot_reliability(
        curve("predicted", "rate", "rate_low", "rate_high", "low", "high").assign(n=4), title=name[:60]
    ),
    "plot_value": lambda _: pictures.plot_value(curve("low", "high", "figure").assign(possible=True), n=3, chosen=1.0),
    "plot_bars": lambda name: pictures.plot_bars(by_bar(), stage=name[:60], now=5, tried=7, capacity=3),
    "plot_card": lambda name: pictures.plot_card(card(name)),
    "plot_stability": lambda name: pictures.plot_stability(psi(name), title=name[:60]),
    "plot_gap": lambda name: of_drift.plot_gap(monitored(), title=name[:60]),
    "plot_evidence": lambda name: of_drift.plot_evidence(monitored(), bound=20.0, title=name[:60]),
    "plot_points": lambda name: of_drift.plot_points(monitored(), title=name[:60]),
    "plot_waterfall": lambda name: of_drift.plot_waterfall(
        pd.DataFrame({"change": [1.0, 1.0], "low": 0.0, "high": 2.0}, ["a", "total"]),
        ends=(1.0, 2.0),
        names=[name[:20]],
        share=False,
        title=name[:60],
    ),
    "plot_months": lambda name: of_drift.plot_months(months(name), title=name[:60]),
}
TOTALS = {"totals": lambda name: pictures.plot_funnel(shares(name, group=[name, None]), title=name[:60])}


def test_every_picture_is_tried():
    there = {
        name
        for module in (pictures, of_drift)
        for name, one in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("plot_") and one.__module__ == module.__name__
    }
    assert there == set(DRAWN)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:30])
@pytest.mark.parametrize("drawn", DRAWN | TOTALS)
def test_names_are_drawn_as_they_stand(drawn, name):
    found = (DRAWN | TOTALS)[drawn](name)
    figure = found if isinstance(found, Figure) else found.figure
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        warnings.filterwarnings("ignore", "Matplotlib currently does not support .* natively", UserWarning)
        figure.draw_without_rendering()
    for text in figure.findobj(Text):
        shown, mathematics = text._preprocess_math(text.get_text())  # noqa: SLF001 - what decides it
        # Matplotlib's own figures of a logarithm are mathematics.
        assert not mathematics or "mathdefault" in shown
        assert "\x1b" not in shown


@pytest.mark.parametrize(("name", "shown"), [("_hidden", " _hidden: 18 leads"), ("x" * 500, f"{'x' * 49}…: 18 leads")])
def test_the_legend_names_every_line(name, shown):
    legend = DRAWN["plot_weekly"](name).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [shown]
