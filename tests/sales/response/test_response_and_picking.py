"""Response times and cherry-picking: named traps with twins, other libraries, simulation with the truth known."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import survdiff
from statsmodels.stats.contingency_tables import StratifiedTable

import leadscore as ls
from leadscore.datasets.funnel import make_funnel
from leadscore.present.pictures import axes_of
from leadscore.sales.response.cherry_picking import cherry_picking
from leadscore.sales.response.response_times import response_times

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)  # a Monday


def book(timezone="UTC", minutes=None, columns="{}"):
    agreement = f", agreement: {{respond_within_minutes: {minutes}}}" if minutes else ""
    head = f"leadscore: 1, name: x, timezone: {timezone}{agreement}, columns: {columns}"
    return ls.Rulebook.from_yaml(f"{{{head}, fit: [], behaviour: [], qualify: {{threshold: 0}}}}")


BOOK = book(minutes=30)


def tables_of(rows, leads=None, *, days=10, rulebook=BOOK, **columns):
    """Rows are (lead, stage, minutes after the start), and an owner if there is one."""
    leads = leads or list(dict.fromkeys(lead for lead, *_ in rows))
    outcomes = pd.DataFrame(rows, columns=["lead_id", "stage", "at", "owner"][: len(rows[0])])
    outcomes["at"] = pd.DatetimeIndex([START + dt.timedelta(minutes=at) for at in outcomes["at"]]).as_unit("us")
    until = START.date() + dt.timedelta(days - 1)
    frame = pd.DataFrame({"lead_id": leads} | columns)
    return ls.load_tables(frame, None, outcomes, rulebook=rulebook, columns=list(columns), observed_until=until)


def history_of(qualified_at, already=()):
    """What `replay` says, as far as it is read here."""
    at = pd.DatetimeIndex([None if at is None else START + dt.timedelta(minutes=at) for at in qualified_at.values()])
    at = (at if at.tz else at.tz_localize("UTC")).as_unit("us")
    index = pd.Index(list(qualified_at), name="lead_id")
    frame = pd.DataFrame({"qualified_at": at, "already": [lead in already for lead in index]}, index=index)
    return ls.scoring.History(BOOK, START.date(), START.date(), len(index), frame, None, None)


# ------------------------------------------------------------------------------------------------------- properties

MINUTES = st.integers(1, 3000).filter(lambda minute: minute % 1440)


@given(st.dictionaries(st.integers(0, 40), st.tuples(MINUTES, MINUTES | st.none()), min_size=1, max_size=20))
def test_without_anybody_waiting_shares_are_plain_shares(world):
    rows = [(lead, "mql", mql) for lead, (mql, _) in world.items()]
    waits = {lead: wait for lead, (_, wait) in world.items()}
    rows += [(lead, "contacted", mql + wait) for lead, (mql, wait) in world.items() if wait and (mql + wait) % 1440]
    answered = {lead: wait for lead, wait in waits.items() if wait and (world[lead][0] + wait) % 1440}
    if not answered:
        return
    row = response_times(tables_of(rows), BOOK).frame.loc["(all)"]
    assert (row["n"], row["contacted"]) == (len(world), len(answered))
    # All are followed for longer than a day, so up to there nobody is lost.
    for name, minutes in (("5_min", 5), ("1_h", 60), ("24_h", 1440), ("agreed", 30)):
        assert row[f"within_{name}"] == pytest.approx(
            np.mean([waits[lead] is not None and lead in answered and waits[lead] <= minutes for lead in world])
        )
        assert row[f"within_{name}_low"] <= row[f"within_{name}"] <= row[f"within_{name}_high"]


KINDS = st.sampled_from(["mql", "contacted", "sal", "rejected"])


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6), KINDS, st.integers(0, 20).map(lambda hours: hours * 360)), min_size=1))
def test_every_mql_counts_once_or_is_left_out_for_one_reason(rows):
    rows = [*rows, (99, "mql", 1), (99, "contacted", 2)]
    leads = pd.DataFrame({"lead_id": range(100)})
    frame = pd.DataFrame(rows, columns=["lead_id", "stage", "at"])
    frame["at"] = pd.DatetimeIndex([START + dt.timedelta(minutes=at) for at in frame["at"]]).as_unit("us")
    tables = ls.load_tables(leads, None, frame, strict=False)
    found = response_times(tables, BOOK)
    mqls = tables.outcomes.loc[tables.outcomes["stage"] == "mql", "lead_id"].nunique()
    assert found.frame.loc["(all)", "n"] + found.excluded["leads"].sum() == mqls
    shuffled = ls.load_tables(leads, None, tables.outcomes.iloc[::-1])
    pd.testing.assert_frame_equal(response_times(shuffled, BOOK).frame, found.frame)


# ------------------------------------------------------------------------------------------------------------- traps

DATED = "a date without a time of day, of the MQL or the contact"
EARLY = "contacted only before it became an MQL"
SILENT = "worked by sales without a recorded contact"
DAY = 1440


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("mql", 10), ("contacted", 20)], None),
        ([("mql", 10), ("contacted", 10)], None),
        ([("mql", 10)], None),
        # A time at midnight is a date.
        ([("mql", DAY), ("contacted", DAY + 20)], DATED),
        ([("mql", DAY + 1), ("contacted", 2 * DAY)], DATED),
        ([("mql", DAY + 1), ("contacted", 2 * DAY + 1)], None),
        # Dated on the day of the MQL: before or after it, nobody knows; the call in the evening may not be the first.
        ([("mql", DAY + 10), ("contacted", DAY)], DATED),
        ([("mql", DAY + 10), ("contacted", DAY), ("contacted", DAY + 600)], DATED),
        ([("mql", DAY + 10), ("contacted", DAY + 600), ("contacted", 2 * DAY)], None),
        ([("contacted", 5), ("mql", 10)], EARLY),
        ([("contacted", 5), ("mql", 10), ("contacted", 12)], None),
        ([("mql", 10), ("sal", 20)], SILENT),
        ([("mql", 10), ("rejected", 20)], SILENT),
        ([("mql", 10), ("sal", 20), ("contacted", 30)], None),
        ([("mql", 10), ("lost", 20), ("mql", 30), ("contacted", 40)], None),
    ],
)
def test_who_is_left_out(rows, reason):
    rows = [("a", *row) for row in rows]
    found = response_times(tables_of([*rows, ("b", "mql", 10), ("b", "contacted", 20)]), BOOK)
    left_out = found.excluded["leads"]
    assert left_out[left_out > 0].to_dict() == ({reason: 1} if reason else {})
    assert found.frame.loc["(all)", "n"] == (1 if reason else 2)
    if reason:
        assert f"  {reason}      1" in repr(found)
    assert ("Left out:" in repr(found)) == bool(reason)


def test_who_still_waits_counts_for_as_long_as_it_did():
    rows = [(lead, "mql", 1) for lead in range(4)] + [(0, "contacted", 61), (1, "contacted", 121)]
    row = response_times(tables_of(rows, days=1), BOOK).frame.loc["(all)"]
    assert row[["n", "contacted", "waiting"]].to_list() == [4, 2, 2]
    assert row[["within_1_h", "median"]].to_list() == [0.25, 120]  # the mean of those answered would be 90
    # A day has 1,440 minutes, of which they were followed for 1,439.
    assert np.isnan(row["within_24_h"])
    assert response_times(tables_of(rows, days=2), BOOK).frame.loc["(all)", "within_24_h"] == 0.5


def test_a_contact_after_the_last_day_observed_has_not_happened():
    tables = tables_of([("a", "mql", 1), ("a", "contacted", 3 * DAY + 1), ("b", "mql", 1), ("b", "contacted", 2)])
    assert response_times(tables, BOOK, observed_until="2026-03-04").frame.loc["(all)", "waiting"] == 1
    assert response_times(tables, BOOK, observed_until="2026-03-05").frame.loc["(all)", "waiting"] == 0


def test_the_last_day_ends_in_the_rulebooks_zone():
    here = book("America/Sao_Paulo")
    tables = tables_of([("a", "mql", 1), ("b", "mql", 1), ("b", "contacted", 2)], days=1, rulebook=here)
    # 2 March ends at 03:00 UTC of the 3rd: 27 hours less a minute.
    assert response_times(tables, here).curve["minutes"].max() == 27 * 60 - 1


def test_dates_are_midnights_of_the_rulebooks_zone():
    rows = [("a", "mql", 180), ("a", "contacted", 500), ("b", "mql", 1), ("b", "contacted", 2)]
    for zone, excluded in (("America/Sao_Paulo", 1), ("UTC", 0)):
        here = book(zone)
        assert response_times(tables_of(rows, rulebook=here), here).excluded.loc[DATED, "leads"] == excluded


def test_a_recorded_mql_comes_before_what_the_history_says():
    rows = [("a", "mql", 100), ("a", "contacted", 110), ("b", "contacted", 130), ("c", "contacted", 5)]
    history = history_of({"a": 50, "b": 70, "c": 1, "d": None, "e": 3}, already={"c"})
    tables = tables_of(rows, list("abcdef"))
    found = response_times(tables, BOOK, history=history)
    # a waited 10 minutes, b 60; e waits; f is no MQL.
    assert found.curve["minutes"].iloc[:2].to_list() == [10, 60]
    assert found.frame.loc["(all)", ["n", "waiting"]].to_list() == [3, 1]
    assert found.excluded["leads"].to_list() == [0, 0, 0, 1, 1]
    assert response_times(tables, BOOK).frame.loc["(all)", "n"] == 1
    with pytest.raises(ls.ArgumentError, match="has 1 lead not in the tables"):
        response_times(tables, BOOK, history=history_of({"z": 1}))


def test_a_replay_says_when_leads_qualified_if_nobody_recorded_it():
    made = make_funnel(800, random_state=3)
    recorded = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    without = made.outcomes[made.outcomes["stage"] != "mql"]
    tables = ls.load_tables(made.leads, made.events, without, rulebook=made.rulebook)
    history = ls.replay(tables, made.rulebook, start="2026-01-01", end="2026-03-31")
    found = response_times(tables, made.rulebook, history=history)
    counted = found.frame.loc["(all)", "n"] + found.excluded["leads"].sum()
    assert counted == len(history.frame)
    already = history.frame["already"].sum()
    assert found.excluded.loc["already qualified before the period", "leads"] == already > 0
    # The first contact came after the moment that the rulebook's points had reached their bar, or sales came first.
    assert 0 < found.frame.loc["(all)", "contacted"] < response_times(recorded, made.rulebook).frame.loc["(all)", "n"]
    by_segment = response_times(tables, made.rulebook, history=history, by="segment").frame
    assert by_segment["n"].iloc[:-1].sum() == by_segment["n"].iloc[-1]
    total = history.frame["total"]
    picking = cherry_picking(tables, made.rulebook, score=total, columns=["industry"], history=history)
    assert picking.frame["n"].max() <= len(history.frame) - already


def test_tables_of_another_zone_are_refused():
    rows = [("a", "mql", 1), ("a", "contacted", 2)]
    with pytest.raises(ls.ArgumentError, match="has days of Europe/Berlin, the tables of UTC"):
        response_times(tables_of(rows), book("Europe/Berlin"))


def test_midnight_of_the_history_is_a_time():
    """A lead that qualifies by decay does so at the day's start; that is no missing time of day."""
    tables = tables_of([("a", "contacted", DAY + 7)])
    found = response_times(tables, BOOK, history=history_of({"a": DAY}))
    assert found.frame.loc["(all)", "median"] == 7


def test_by_owner_hour_and_column():
    rows = [("a", "mql", 60, None), ("a", "contacted", 65, "Zoe"), ("a", "sal", 70, "Ana")]
    rows += [("b", "mql", 1439, "Ana"), ("b", "contacted", 1441, "Ana"), ("c", "mql", 6 * DAY + 1, None)]
    tables = tables_of(rows, source=["x", "y", "x"])
    assert response_times(tables, BOOK, by="owner").frame["n"].to_dict() == {
        "Ana": 1, "Zoe": 1, "(missing)": 1, "(all)": 3,
    }  # fmt: skip
    hours = response_times(tables, BOOK, by="hour_of_week").frame
    assert hours.index.to_list() == ["Mon 01", "Mon 23", "Sun 00", "(all)"]
    here = book("America/Sao_Paulo")
    local = response_times(tables_of(rows, rulebook=here), here, by="hour_of_week").frame
    assert local.index.to_list() == ["Mon 20", "Sat 21", "Sun 22", "(all)"]
    assert response_times(tables, BOOK, by="source").frame["n"].to_dict() == {"x": 2, "y": 1, "(all)": 3}
    both = response_times(tables, BOOK, by=["source", "owner"]).frame["n"].to_dict()
    assert both == {"x, Zoe": 1, "x, (missing)": 1, "y, Ana": 1, "(all)": 3}


def test_owners_known_from_the_contact_on_are_said_to_look_fast():
    """Of six leads half wait: by owner none does, where who waits has none."""
    rows = [(lead, "mql", 10, None) for lead in "abcdef"] + [(lead, "contacted", 15, "Ana") for lead in "abc"]
    found = response_times(tables_of(rows), BOOK, by="owner")
    assert found.frame.loc["Ana", ["n", "waiting"]].to_list() == [3, 0]
    assert found.notes[0].startswith("3 of 3 leads still waiting have no owner, so owners look faster than they are;")
    owned = [(*row[:3], "Ana") for row in rows]
    assert response_times(tables_of(owned), BOOK, by=["owner"]).notes == ()
    assert response_times(tables_of(rows), BOOK).notes == ()


def test_nobody_contacted_is_no_response_time():
    with pytest.raises(ls.ArgumentError, match="no outcome up to 2026-03-11 is contacted"):
        response_times(tables_of([("a", "mql", 1)]), BOOK)
    with pytest.raises(ls.ArgumentError, match="no lead is an MQL"):
        response_times(tables_of([("a", "contacted", 1)]), BOOK)


def test_response_times_are_said_and_drawn():
    rows = [
        ("<a>", "mql", 1, "<o>"),
        ("<a>", "contacted", 11, "<o>"),
        ("b", "mql", 1, "p"),
        ("b", "contacted", 301, "p"),
    ]
    found = response_times(tables_of(rows), BOOK, by="owner")
    assert found.headline.startswith(
        "10 min (10 min to not reached) is the median wait of 2 MQLs for a first contact; 0"
    )
    shown = repr(found).splitlines()
    assert shown[2].endswith("; agreed: within 30 min:")
    assert " ".join(shown[-1].split()).startswith(
        "(all) 2 2 0 10 min (10 min to not reached) 50.0% (9.0% to 99.4%) 100.0% ("
    )
    assert "<o>" not in found._repr_html_()
    ax = found.plot()
    assert [line.get_label() for line in ax.lines] == ["answered, n=2", "agreed: 30 min"]
    assert ax.lines[0].get_ydata().tolist() == [0.5, 1]
    own = axes_of()
    assert response_times(tables_of(rows), book()).plot(ax=own) is own
    own.figure.draw_without_rendering()
    assert "within_agreed" not in response_times(tables_of(rows), book()).frame


def test_the_median_wait_is_found_in_spite_of_those_waiting():
    """Exponential waits cut off by the end: the mean of those answered would be half of the truth."""
    rng = np.random.default_rng(20261126)
    mql, wait = rng.uniform(1, 10 * DAY, 800), rng.exponential(5 * DAY, 800)
    rows = [(lead, "mql", at) for lead, at in enumerate(mql)]
    rows += [(lead, "contacted", at) for lead, at in enumerate(mql + wait) if at < 10 * DAY]
    row = response_times(tables_of(rows), BOOK).frame.loc["(all)"]
    assert row["median_low"] <= 5 * DAY * np.log(2) <= row["median_high"]
    assert row["within_24_h_low"] <= 1 - np.exp(-0.2) <= row["within_24_h_high"]
    answered = wait[mql + wait < 10 * DAY]
    assert np.median(answered) < row["median_low"]


# ---------------------------------------------------------------------------------------------------- cherry-picking


def picked(rng, n=500, *, prefer=0.0, faster=0.0):
    """Leads whose chance to be worked rises with the score, and which sales prefers, if at all, in software."""
    score = rng.normal(0, 1, n)
    industry = rng.choice(["software", "retail", "health"], n)
    # Large firms score high: only through the score are they worked more.
    employees = np.round(np.exp(score + rng.normal(3, 0.5, n)))
    liked = industry == "software"
    worked = rng.random(n) < 1 / (1 + np.exp(-(0.5 + 1.5 * score + prefer * liked)))
    mql = rng.uniform(1, DAY, n)
    wait = rng.exponential(400 / np.exp(0.8 * score + faster * liked))
    rows = [(lead, "mql", at) for lead, at in enumerate(mql)]
    rows += [(lead, "contacted", at) for lead, at in enumerate(mql + np.minimum(wait, 6 * DAY)) if worked[lead]]
    tables = tables_of(rows, list(range(n)), days=20, industry=industry, employees=employees)
    return tables, pd.Series(score), worked, wait


COLUMNS = ["industry", "employees"]


def found_in(tables, score):
    frame = cherry_picking(tables, BOOK, score=score, columns=COLUMNS).frame
    return frame[frame["p_corrected"] < 0.05][["attribute", "outcome"]].to_numpy().tolist()


def test_what_depends_on_the_score_alone_is_not_reported():
    rng = np.random.default_rng(20261127)
    alarms = [bool(found_in(*picked(rng)[:2])) for _ in range(60)]
    assert np.sum(alarms) <= 7  # 3 of 60 on average; 8 or more in 1 of 100 such tests


@pytest.mark.soak
def test_false_alarms_over_many_worlds():
    rng = np.random.default_rng(20261128)
    assert np.mean([bool(found_in(*picked(rng)[:2])) for _ in range(1000)]) <= 0.065


def test_without_the_score_it_would_be_reported():
    tables, score, *_ = picked(np.random.default_rng(1))
    assert found_in(tables, score) == []
    assert ["employees", "worked"] in found_in(tables, score * 0)


def test_preferred_leads_are_found():
    rng = np.random.default_rng(20261129)
    assert np.mean([["industry", "worked"] in found_in(*picked(rng, prefer=1.5)[:2]) for _ in range(10)]) >= 0.9
    assert np.mean([["industry", "fast"] in found_in(*picked(rng, faster=1.5)[:2]) for _ in range(10)]) >= 0.9


def test_effects_hold_the_truth():
    tables, score, *_ = picked(np.random.default_rng(3), 3000, prefer=1.0, faster=0.7)
    found = cherry_picking(tables, BOOK, score=score, columns=["industry"])
    software = found.levels[found.levels["level"] == "software"].set_index("outcome")
    # The true difference at an equal score, over the scores there are.
    base = 0.5 + 1.5 * np.random.default_rng(9).normal(0, 1, 100_000)
    truth = np.mean(1 / (1 + np.exp(-base - 1)) - 1 / (1 + np.exp(-base)))
    assert software.loc["worked", "low"] <= truth <= software.loc["worked", "high"]
    assert software.loc["fast", "effect"] > 1.4
    assert (found.levels["low"] < found.levels["effect"]).all()
    assert (found.levels["effect"] < found.levels["high"]).all()
    assert "Being worked within 7 days depends on industry at an equal score" in found.headline
    assert "labels are biased" in found.notes[-1]


def test_the_tests_equal_statsmodels():
    tables, _, worked, _ = picked(np.random.default_rng(4), prefer=0.5)
    score = pd.Series(np.arange(500) // 100)  # five bands
    liked = tables.leads["industry"].to_pandas() == "software"
    two = ls.load_tables(
        pd.DataFrame({"lead_id": range(500), "liked": liked}), None, tables.outcomes, observed_until="2026-03-21"
    )
    frame = cherry_picking(two, BOOK, score=score, columns=["liked"]).frame.set_index("outcome")
    cells = [pd.crosstab(liked[score == band], worked[score == band]).to_numpy(float) for band in range(5)]
    null = StratifiedTable(cells).test_null_odds(correction=False)
    assert frame.loc["worked", ["chi2", "p"]].to_list() == pytest.approx([null.statistic, null.pvalue])
    times = tables.outcomes.pivot_table(index="lead_id", columns="stage", values="at", aggfunc="min")
    end = pd.Timestamp("2026-03-22", tz="UTC")
    minutes = (times["contacted"].fillna(end) - times["mql"]).dt.total_seconds() / 60
    chi2, p = survdiff(minutes, times["contacted"].notna().astype(int), liked, strata=score)
    assert frame.loc["fast", ["chi2", "p"]].to_list() == pytest.approx([chi2, p])


def test_levels_are_quartiles_missing_and_rare():
    rows = [(lead, "mql", 1 + lead) for lead in range(200)] + [
        (lead, "contacted", 300 + lead) for lead in range(0, 200, 2)
    ]
    columns = {
        "size": [None] * 20 + list(range(180)),
        "code": [f"{number}" for number in range(200)],  # numbers written as text, as CSV has them
        "few": [1, 2] * 100,
        "name": ["A"] * 100 + ["a "] * 80 + ["b"] * 15 + ["c"] * 5,
        "since": ["2026-01-01"] * 100 + [f"2026-02-{1 + day % 20:02}" for day in range(100)],
        "only": ["x"] * 200,
    }
    here = book(columns="{code: {type: category}}")
    tables = tables_of(rows, range(200), **columns, rulebook=here)
    score = pd.Series(0.0, range(200))
    found = cherry_picking(tables, here, score=score, columns=list(columns))
    levels = found.levels[found.levels["outcome"] == "worked"].groupby("attribute")["level"].agg(list)
    assert levels["size"] == ["up to 44", "44 to 89", "89 to 134", "over 134", "(missing)"]
    assert levels["code"] == ["(other)"]  # declared as a category
    assert levels["few"] == ["1", "2"]
    assert levels["name"] == ["a", "b", "(other)"]
    assert levels["since"] == ["up to 2026-01-01", "2026-01-01 to 2026-02-10", "over 2026-02-10"]
    untested = found.frame[found.frame["p"].isna()]
    assert set(untested["attribute"]) == {"only", "code"}
    assert "only, worked: nothing to compare" in repr(found)
    undeclared = cherry_picking(tables, BOOK, score=score, columns=["code"]).levels["level"].iloc[0]
    assert undeclared == "up to 49"
    assert found.levels.groupby(["attribute", "outcome"])["n"].sum().eq(200).all()


def test_attributes_count_as_they_were_on_the_day():
    """What sales filled in later would seem to be why a lead was worked."""
    rows = [(lead, "mql", DAY + 1 + lead) for lead in range(100)] + [
        (lead, "contacted", 2 * DAY + lead + 1) for lead in range(50)
    ]
    before = pd.DataFrame({"lead_id": range(100), "industry": "unknown", "valid_from": "2026-01-01"})
    later = pd.DataFrame({"lead_id": range(50), "industry": "known", "valid_from": "2026-03-05"})
    outcomes = tables_of(rows).outcomes
    tables = ls.load_tables(pd.concat([before, later]), None, outcomes, observed_until="2026-03-20")
    score = pd.Series(1, range(100))
    then = cherry_picking(tables, BOOK, score=score, columns=["industry"])
    assert set(then.levels["level"]) == {"unknown"}
    today = ls.load_tables(pd.concat([later, before[50:]]).drop(columns="valid_from"), None, outcomes)
    now = cherry_picking(today, BOOK, score=score, columns=["industry"], observed_until="2026-03-20")
    assert now.frame["p"].min() < 1e-6


def test_only_closed_weeks_say_who_was_worked():
    rows = [("a", "mql", 1), ("b", "mql", DAY + 1), ("b", "contacted", DAY + 2), ("c", "mql", 1), ("c", "sal", 8 * DAY)]
    tables = tables_of(rows, source=["x", "y", "x"])
    score = pd.Series({"a": 1, "b": 1, "c": 1})
    found = cherry_picking(tables, BOOK, score=score, columns=["source"], observed_until="2026-03-09")
    assert found.levels.loc[found.levels["outcome"] == "worked", ["n", "events"]].to_numpy().tolist() == [[2, 0]]
    # Two days later the week of b is over; what was done about c came a day too late to count.
    later = cherry_picking(tables, BOOK, score=score, columns=["source"]).levels
    assert later.loc[later["outcome"] == "worked", ["n", "events"]].to_numpy().tolist() == [[3, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": ["industri"]}, "there is no lead column 'industri'; did you mean 'industry'"),
        ({"columns": []}, "must be a list of lead columns"),
        ({"columns": "industry"}, "must be a list of lead columns; got 'industry'"),
        ({"score": pd.Series(["a"])}, "must be a Series of points by lead_id"),
        ({"score": 3}, "must be a Series of points by lead_id; got int"),
        ({"score": pd.Series([1.0], index=["z"])}, "has none of the leads: is its index lead_id"),
    ],
)
def test_wrong_arguments_of_cherry_picking_are_named(arguments, message):
    tables, score, *_ = picked(np.random.default_rng(5), 60)
    with pytest.raises(ls.ArgumentError, match=message):
        cherry_picking(tables, BOOK, **{"score": score, "columns": ["industry"]} | arguments)


def test_leads_without_a_score_are_counted():
    tables, score, *_ = picked(np.random.default_rng(5), 60)
    found = cherry_picking(tables, BOOK, score=score[10:], columns=["industry"])
    assert found.excluded.loc["no score", "leads"] == 10
    assert found.frame["n"].to_list() == [50, 50]
    assert "Left out:\n  reason    leads\n  no score     10" in repr(found)
