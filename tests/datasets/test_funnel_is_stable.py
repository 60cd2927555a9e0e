"""Nothing changes over the calendar in a made-up funnel but what its scenario says: each figure, over 104 weeks."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare, kruskal, spearmanr

from leadscore.datasets.funnel import make_funnel

WEEKS, END = 104, pd.Timestamp("2026-03-31")
# Whoever came within the 104 weeks has half a year, in which all that becomes of a lead becomes of most.
DAYS = WEEKS * 7 + 182
FIRST = (END - pd.Timedelta(days=DAYS - 1)).tz_localize("UTC")
MIDDLE = FIRST + pd.Timedelta(days=WEEKS * 7 // 2)
AGES = [0, 7, 14, 30, 60, 90]


def made(seed, scenario="stable", n=30_000):
    start = {} if scenario == "stable" else {"scenario_start": MIDDLE.date()}
    return make_funnel(n, random_state=seed, end=END.date(), days=DAYS, scenario=scenario, **start)


def figures(funnel):
    """Each planted figure by lead, NaN where a lead has none; and the week in which each lead came."""
    leads = funnel.leads.set_index("lead_id")
    ids, came = leads.index, leads["created_at"]
    events = funnel.events
    age = (events["at"] - events["lead_id"].map(came)).dt.total_seconds() / 86_400

    def count(rows):
        return events[rows].groupby("lead_id").size().reindex(ids, fill_value=0).astype(float)

    found = {f"events from day {a} to {b}": count(age.between(a, b, "left")) for a, b in itertools.pairwise(AGES)}
    all_events = count(age.notna())
    for event in ("page_view", "email_click", "webinar", "unsubscribe"):
        found[f"share of {event}"] = count(events["event"] == event) / all_events.replace(0, np.nan)
    found["asks for sales"] = count(events["event"].isin(["demo_request", "contact_sales"]))
    for column, value in {
        "seniority": "Coordinator",
        "source": "list",
        "industry": "Software",
        "country": "US",
    }.items():
        found[f"{column} {value}"] = (leads[column] == value).astype(float)
    found["no employees"] = leads["employees"].isna().astype(float)
    found["employees"] = leads["employees"]
    truth, handed = funnel.truth.loc[ids], funnel.truth.loc[ids, "handed_over"]
    found |= {"points": truth["points"], "chance": truth["chance"], "handed over": handed.astype(float)}
    at = funnel.outcomes.pivot_table(index="lead_id", columns="stage", values="at", aggfunc="min").reindex(ids)
    for stage in ("sal", "opportunity", "won", "rejected"):
        found[f"handed over, reaches {stage}"] = at[stage].notna().astype(float).where(handed)
    good = handed & at["opportunity"].notna()
    found["fits well, becomes an opportunity"] = good.astype(float).where(
        handed & leads["seniority"].isin(["VP", "Director"])
    )
    found["does much, becomes an opportunity"] = good.astype(float).where(handed & (all_events > 20))
    delays = {
        "mql": came,
        "contacted": at["mql"],
        "sal": at["contacted"],
        "opportunity": at["sql"],
        "won": at["opportunity"],
    }
    for stage, before in delays.items():
        found[f"hours to {stage}"] = (at[stage] - before).dt.total_seconds()
    week = (came - FIRST).dt.days // 7
    within = week < WEEKS
    return {name: figure[within] for name, figure in found.items()}, week[within]


def chances(funnel):
    """How likely it is, by chance, that each figure differs so much between weeks, or has such a trend."""
    found, week = figures(funnel)
    p = {"arrivals": chisquare(np.bincount(week, minlength=WEEKS)).pvalue}
    for name, figure in found.items():
        known = figure.notna()
        values, when = figure[known], week[known]
        weeks = [part.to_numpy() for _, part in values.groupby(when)]
        p[f"{name}, by week"] = kruskal(*weeks).pvalue
        p[f"{name}, trend"] = spearmanr(when, values).pvalue
    return pd.Series(p)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_no_figure_changes_over_104_weeks(seed):
    p = chances(made(seed))
    assert p.notna().all()
    # Of so many figures the least likely is below this one time in a hundred.
    assert p.min() > 0.01 / len(p), p.nsmallest(5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "figure"),
    [
        ("activity x1.25", "events from day 0 to 7, trend"),
        ("ramp", "events from day 7 to 14, trend"),
        ("scanners", "share of email_click, trend"),
        ("fit quality", "seniority Coordinator, trend"),
        ("fit mix", "source list, by week"),
        ("volume x0.5", "arrivals"),
    ],
)
def test_a_change_that_is_planted_is_seen(scenario, figure):
    """The failure twins: the same figures, by the same tests."""
    assert chances(made(1, scenario))[figure] < 1e-6


def test_no_day_of_the_week_or_hour_is_another():
    funnel = made(4)
    events, leads = funnel.events["at"], funnel.leads["created_at"]
    mqls = funnel.outcomes.loc[funnel.outcomes["stage"] == "mql", "at"]
    # Of whole weeks; each lead's first event only, as those of one lead come together.
    first = events[~funnel.events["lead_id"].duplicated()]
    for every in (first, leads, mqls):
        times = every[every < FIRST + pd.Timedelta(weeks=WEEKS)]
        for part in (times.dt.day_of_week, times.dt.hour):
            assert chisquare(part.value_counts()).pvalue > 0.001


def test_the_length_of_the_period_changes_no_rate():
    """What was wrong: a lead's events were spread over all the days left, so those that came late were busier."""
    short, long = (make_funnel(20_000, random_state=7, days=days) for days in (180, 720))
    for oldest in (True, False):
        rates = []
        for funnel in (short, long):
            came = funnel.leads.set_index("lead_id")["created_at"]
            end = END.tz_localize("UTC")
            half = came < end - (end - came.min()) / 2
            part = came[half == oldest]
            part = part[part < end - pd.Timedelta(days=14)]
            age = funnel.events["at"] - funnel.events["lead_id"].map(part)
            rates.append((age < pd.Timedelta(days=14)).sum() / len(part))
        assert rates[1] == pytest.approx(rates[0], rel=0.1)


def test_no_event_comes_after_90_days():
    funnel = made(5, n=5000)
    age = funnel.events["at"] - funnel.events["lead_id"].map(funnel.leads.set_index("lead_id")["created_at"])
    assert pd.Timedelta(days=85) < age.max() <= pd.Timedelta(days=90)
