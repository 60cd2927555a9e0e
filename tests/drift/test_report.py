"""The report of drift, and its pictures: what they say, of whom, and of which weeks."""

import datetime as dt
import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import leadscore as ls
from leadscore.base.days import day_number
from leadscore.drift.cohorts import scores_of_weeks
from leadscore.drift.pictures import plot_evidence, plot_gap, plot_points, plot_waterfall
from leadscore.drift.report import DriftReport, _periods, drift_report
from leadscore.errors import ArgumentError
from leadscore.scoring.binding import Binding
from tests.support.drift_world import CHANGED, SPAN, WEEK, made_with, read, watched


@pytest.fixture(scope="module")
def busy():
    made = made_with("activity x1.50")
    tables = read(made)
    return made, tables, watched(made, tables)


@pytest.fixture(scope="module")
def report(busy):
    return drift_report(busy[2], busy[1])


# --------------------------------------------------------------------------------------------------------- the report


def test_it_says_since_when_and_why(report):
    assert report.verdict.state == "alarm"
    assert report.verdict.since_low <= CHANGED + 2 * WEEK
    assert report.verdict.since_high >= CHANGED
    parts = report.decomposition.frame.loc["MQLs"]
    assert parts.loc["behaviour", "low"] > 0
    assert parts.loc[["volume", "fit_mix", "behaviour", "rulebook"], "change"].sum() == pytest.approx(
        report.decomposition.totals.loc["MQLs", "after"] - report.decomposition.totals.loc["MQLs", "before"]
    )
    assert "behaviour" in report.stability.changed.index.get_level_values("name")


def test_periods_are_equal_whole_weeks_before_the_onset_and_since(report):
    (a, b), (c, d) = report.decomposition.before, report.decomposition.after
    assert b - a == d - c
    assert (b - a).days % 7 == 6
    assert c == report.verdict.since
    assert b + dt.timedelta(1) == c
    assert d == report.verdict.week + dt.timedelta(6)


def test_a_period_has_one_count_of_mqls(report):
    mqls, (first, last) = report.weeks["mqls"], report.decomposition.after
    counted = int(mqls[pd.Timestamp(first) : pd.Timestamp(last)].sum())
    assert report.decomposition.totals.loc["MQLs", "after"] == counted
    first, last = report.decomposition.before
    assert report.decomposition.totals.loc["MQLs", "before"] == mqls[pd.Timestamp(first) : pd.Timestamp(last)].sum()
    assert report.verdict.figures.loc["carried", "n"] == counted


def test_a_side_that_may_not_have_changed_is_not_said_to_have(report):
    fit = report.verdict.figures.loc["fit"]
    assert fit["low"] < 0 < fit["high"]
    assert f"no clear change of fit ({fit['low']:+.2g} to {fit['high']:+.2g})" in report.headline
    assert "points of fit" not in report.headline


def test_the_advice_fits_the_cause(report):
    assert report.causes.diagnoses[0].kind in {"activity", "event"}
    assert "campaign" in report.causes.mended or "page_view" in report.causes.mended
    fixed = next(line for line in report.what_to_do if "as fixed" in line)
    assert f"for instance {report.causes.mended}: acknowledge it as fixed" in fixed
    assert "scanner" not in " ".join(report.what_to_do)


def test_the_leads_compared_are_those_the_monitor_counted(report):
    weeks = report.weeks["leads"]
    a, b = (pd.Timestamp(day) for day in report.decomposition.before)
    assert report.stability.n_reference == weeks[(weeks.index >= a) & (weeks.index <= b)].sum()
    assert report.stability.n_current == weeks[weeks.index >= pd.Timestamp(report.verdict.since)].sum()
    months = report.months.drop_duplicates("month").set_index("month")
    assert set(months["n_reference"]) == {weeks.iloc[:26].sum()}
    later = weeks.iloc[26:]
    pd.testing.assert_series_equal(
        months["n"], later.groupby(later.index.to_period("M").to_timestamp()).sum(), check_names=False, check_freq=False
    )


def test_months_before_the_change_are_as_they_were_and_those_since_are_not(report):
    of = report.months[report.months["name"] == "behaviour"].set_index("month")["verdict"]
    assert (of[of.index < "2025-12-01"] == "no change seen").all()
    assert (of[of.index > "2025-12-31"] != "no change seen").all()
    assert {"psi_low", "psi_high", "n", "q"} <= set(report.months)


@settings(max_examples=max(3, settings().max_examples // 10))
@given(st.lists(st.integers(0, 58), min_size=1, max_size=9, unique=True), st.integers(0, 40))
def test_scores_of_weeks_are_those_of_the_cohorts(busy, numbers, age):
    made, tables, _ = busy
    first = dt.date(2025, 2, 10)
    weeks = [first + number * WEEK for number in numbers]
    half = (len(weeks) + 1) // 2
    parts = [weeks[:half], weeks[half:]] if half < len(weeks) else [weeks]
    binding = Binding(tables, day_number(min(weeks)), day_number(max(weeks)) + 6)
    found = scores_of_weeks(binding, made.rulebook, parts, age_days=age)
    for part, scores in zip(parts, found, strict=True):
        cohorts = [
            cohort.scores
            for day in part
            for cohort in ls.drift.weekly_cohorts(
                tables, made.rulebook, start=day, end=day + dt.timedelta(6), age_days=age, by=["source"]
            )
        ]
        expected = pd.concat(cohorts).loc[scores.lead_ids]
        assert len(expected) == sum(map(len, cohorts))
        pd.testing.assert_frame_equal(scores.points, expected[scores.points.columns])
        for name in ("fit", "behaviour", "qualified"):
            pd.testing.assert_series_equal(scores.frame[name], expected[name])


@settings(max_examples=max(2, settings().max_examples // 15))
@given(st.integers(1, 19), st.integers(20, 58))
def test_cohorts_added_to_others_are_those_of_all_at_once(busy, first, last):
    """Who qualified, ceased to and does so again is counted once, in whatever nights weeks are added."""
    made, tables, _ = busy
    begun = dt.date(2025, 2, 10)
    later = {"start": begun + first * WEEK, "end": begun + last * WEEK - dt.timedelta(1)}
    whole = list(ls.drift.weekly_cohorts(tables, made.rulebook, start=begun, end=later["end"]))[first:]
    added = list(ls.drift.weekly_cohorts(tables, made.rulebook, **later, counted_since=begun))
    assert [cohort.week for cohort in whole] == [cohort.week for cohort in added]
    for one, other in zip(whole, added, strict=True):
        pd.testing.assert_frame_equal(one.mqls, other.mqls)
        pd.testing.assert_frame_equal(one.scores, other.scores)


def test_who_qualifies_again_is_counted_again_where_nothing_is_said_of_other_weeks(busy):
    """The failure twin."""
    made, tables, _ = busy
    later = {"start": "2025-06-02", "end": "2026-03-29"}
    counts = [
        sum(len(cohort.mqls) for cohort in ls.drift.weekly_cohorts(tables, made.rulebook, **later, counted_since=since))
        for since in (None, "2025-02-10")
    ]
    assert counts[0] > counts[1]
    with pytest.raises(ArgumentError, match="must not come after the first of these weeks"):
        list(ls.drift.weekly_cohorts(tables, made.rulebook, **later, counted_since="2026-03-20"))


def test_without_tables_it_says_that_it_cannot_say_why(busy):
    found = drift_report(busy[2])
    assert found.decomposition is found.stability is found.months is None
    assert found.causes.rules["change"].sum() > 0
    assert "No tables were given" in found.to_markdown()
    with pytest.raises(ArgumentError, match="give drift_report the tables"):
        found.plot_months()


def test_a_stable_funnel_has_nothing_to_decide():
    made = made_with("stable")
    tables = read(made)
    found = drift_report(watched(made, tables), tables)
    assert found.verdict.state == "stable"
    assert found.what_to_do == ("Nothing to decide: look again next week.",)
    # The latest eight weeks, and the eight before.
    assert found.decomposition.after == (dt.date(2026, 2, 2), dt.date(2026, 3, 29))
    assert found.decomposition.before[0] == dt.date(2025, 12, 8)
    assert found.onset is None
    assert "| latest 8 weeks |" in found.to_markdown()


def test_tables_of_other_leads_are_refused(busy):
    made, _, monitor = busy
    half = made.leads.iloc[::2]
    events = made.events[made.events["lead_id"].isin(half["lead_id"])]
    tables = ls.load_tables(half, events, rulebook=made.rulebook, columns=["source"])
    with pytest.raises(ArgumentError, match=r"the tables hold 4,\d+ leads .* and 8,\d+ were counted"):
        drift_report(monitor, tables)
    few = made.leads.drop(made.leads.index[:30])
    events = made.events[made.events["lead_id"].isin(few["lead_id"])]
    found = drift_report(monitor, ls.load_tables(few, events, rulebook=made.rulebook, columns=["source"]))
    assert "slightly different leads" in repr(found)
    with pytest.raises(ArgumentError, match="the same age_days"):
        drift_report(monitor, busy[1], age_days=90)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ArgumentError) as error:
        drift_report("monitor", "tables", age_days=1.5)
    for part in (
        "must be a BalanceMonitor",
        "must be Tables",
        "whole number, 0 or more",
    ):
        assert part in str(error.value)
    with pytest.raises(ArgumentError, match="no week was counted yet"):
        drift_report(ls.BalanceMonitor(made_with("stable").rulebook))


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 59), st.booleans())
def test_periods_are_counted_weeks_in_a_row(counted, since, suspected):
    weeks = [dt.date(2025, 1, 6) + number * WEEK for number in range(len(counted))]
    gap = np.where(counted, 0.1, np.nan)
    frame = pd.DataFrame({"gap": gap}, pd.DatetimeIndex(weeks))
    kept = [week for week, one in zip(weeks, counted, strict=True) if one]

    class Verdict:
        pass

    Verdict.since = kept[since % len(kept)] if suspected and kept else None
    before, after = _periods(frame, Verdict)
    assert len(before) == len(after)
    assert set(before) | set(after) <= set(kept)
    for part in (before, after):
        assert all(later - earlier == WEEK for earlier, later in itertools.pairwise(part))
    assert not before or before[-1] < after[0]
    if Verdict.since and before:
        assert after[0] >= Verdict.since > before[-1]


# ------------------------------------------------------------------------------------------------------------ Markdown


def test_markdown_says_first_what_is_the_matter_and_then_what_to_do(report):
    text = report.to_markdown()
    lines = [line for line in text.splitlines() if line]
    assert lines[0].startswith("**Alarm on 2026-03-23: behaviour outweighs fit since the week of")
    heads = re.findall("^## (.*)$", text, re.MULTILINE)
    assert heads == [
        "What to do",
        "How large the change is, after allowing for the season (95 %)",
        "Week by week: the latest 8 of 59, by rulebook 'example' 1",
        "What caused it",
        "Why the number of MQLs changed",
        "What has changed",
        "Month by month: how many figures differ from the weeks learned from",
    ]
    for word in ("fixed", "new\\_normal", "edit the rule"):
        assert word.replace("\\_", "_") in text.replace("\\_", "_")
    tables = [[line for line in part.splitlines() if line[:1] == "|"] for part in text.split("\n\n")]
    for rows in filter(None, tables):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    figures = [line for line in lines if line.startswith(("| behaviour,", "| fit,", "| gap,", "| MQLs that"))]
    assert len(figures) == 4
    # Every figure has its n, and an interval.
    assert all(re.search(r"\(.* to .*\) \| [\d,]+ \|", line) for line in figures)


def test_names_cannot_break_the_page(report):
    odd = replace(report, rulebook="'a|b <script>' *1*", verdict=replace(report.verdict, headline="*Alarm* <b> | x"))
    text = odd.to_markdown()
    # Without its first bracket a tag is none.
    assert re.search(r"(?<!\\)<", text) is None
    assert r"\<b> \| x" in text
    assert r"'a\|b \<script>' \*1\*" in text


def test_the_report_is_shown(report):
    assert repr(report).startswith("Alarm on")
    html = report._repr_html_()
    assert html.count("<table") >= 4
    assert isinstance(report, DriftReport)


# ------------------------------------------------------------------------------------------------------------ pictures


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_pictures_say_how_many_stand_behind_them_and_since_when(report):
    n, mqls = report.weeks["leads"].sum(), report.weeks["mqls"].sum()
    shown = labels(report.plot_gap())
    assert f"all leads, n={n:,}" in shown
    assert f"most likely: {report.verdict.since}" in shown
    assert "26 weeks learned from" in shown
    ax = report.plot_evidence()
    assert ax.get_yscale() == "log"
    assert f"alarm at {report.verdict.bound:,.0f}" in labels(ax)
    # The line passes the bound when the verdict says so.
    line = ax.lines[0].get_ydata()
    assert np.nanmax(line) >= report.verdict.bound
    titles = [ax.get_title(loc="left") for ax in report.plot_points().axes]
    assert titles == [
        f"behaviour of all leads, n={n:,}",
        f"fit of all leads, n={n:,}",
        f"behaviour of MQLs, n={mqls:,}",
        f"fit of MQLs, n={mqls:,}",
    ]


def test_the_heat_map_has_a_dot_where_more_than_chance_changed(report):
    ax = report.plot_months()
    picture = ax.images[0].get_array()
    months = report.months
    assert picture.shape == (months["name"].nunique(), months["month"].nunique())
    dots = ax.collections[0].get_offsets()
    assert len(dots) == (months["verdict"] != "no change seen").sum()
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert "score behaviour" in {names[int(row)] for _, row in dots}


def test_the_waterfall_ends_where_all_of_it_does(report):
    split = report.decomposition
    for figure in ("MQLs", "behaviour share"):
        bars = split.plot(figure).patches
        tops = [bar.get_y() + bar.get_height() for bar in bars]
        assert tops[3] == pytest.approx(tops[4])
        assert tops[4] == pytest.approx(split.totals.loc[figure, "after"] - split.totals.loc[figure, "before"])
    with pytest.raises(ArgumentError, match="did you mean 'MQLs'"):
        split.plot("MQL")
    none = split.frame.loc["MQLs"].loc[["volume", "total"]] * np.nan
    ax = plot_waterfall(none, ends=(0, 0), names=["volume"], share=False)
    assert "nothing to split" in ax.texts[0].get_text()


@pytest.mark.parametrize("weeks", [1, 25, 26, 27])
def test_pictures_of_few_weeks(busy, weeks):
    made, tables, _ = busy
    end = dt.date(2025, 2, 9) + weeks * WEEK
    found = drift_report(watched(made, tables, end), tables)
    found.plot_gap()
    found.plot_evidence()
    found.plot_points()
    assert (found.months is None) == (weeks <= 26)
    assert (found.verdict.state == "learning") == (weeks < 26)
    text = found.to_markdown()
    assert "nan" not in text
    assert "0 MQLs" not in text
    if weeks < 26:
        assert "not known" not in text
        assert "How large the change is" not in text
        assert f"| {found.weeks['mqls'].iloc[-1]} |" in text
    else:
        found.decomposition.plot()


@pytest.mark.parametrize(("weeks", "balance"), [(4, " (from 2025-03-23 on)"), (13, "")])
def test_while_learning_it_says_when_and_what_is_known_sooner(weeks, balance):
    """The monitor is given weeks one after the other until it says something: that is the day it named."""
    made = made_with("stable")
    tables, end = read(made), dt.date(2025, 2, 9)
    monitor = ls.BalanceMonitor(made.rulebook)
    said = None
    for number, cohort in enumerate(ls.drift.weekly_cohorts(tables, made.rulebook, **SPAN), 1):
        verdict = monitor.update(*cohort)
        if number == weeks:
            said = drift_report(monitor, tables)
        if verdict.state != "learning":
            break
    assert said.verdict.first_verdict == verdict.week + dt.timedelta(6) == end + 52 * WEEK
    assert said.headline == (
        f"Still learning: {weeks} of 52 weeks so far. The first verdict comes on {end + 52 * WEEK} at the earliest."
    )
    assert said.what_to_do[0] == f"No decision yet: it takes {52 - weeks} more weeks to know what is normal."
    assert f"needed unusual activity to qualify{balance}, and whether that share moves" in said.what_to_do[1]
    assert f"--reference-weeks 26) the first verdict comes on {end + 26 * WEEK}" in said.what_to_do[2]
    # MQLs of the weeks that are listed below are no longer said to be none.
    latest = said.weeks["mqls"].tail(8)
    assert said.to_dict()["figures"][3]["n"] == latest.sum() > 0
    assert verdict.first_verdict is None


def test_pictures_of_skipped_weeks():
    index = pd.DatetimeIndex(["2025-01-06", "2025-01-13"], name="week")
    names = ("fit", "behaviour", "mql_fit", "mql_behaviour", "gap", "mql_gap", "evidence", "mql_evidence")
    frame = pd.DataFrame({"leads": [3, 4], "mqls": [0, 0], **dict.fromkeys(names, np.nan)}, index)
    for picture in (plot_gap(frame), plot_evidence(frame, bound=1560), plot_points(frame)):
        axes = np.atleast_1d(picture.axes if isinstance(picture, Figure) else picture).ravel()
        weekly = [line for ax in axes for line in ax.get_lines() if line.get_marker() not in {"", "None", None}]
        assert weekly
        assert all(np.isnan(np.asarray(line.get_ydata(), float)).all() for line in weekly)
