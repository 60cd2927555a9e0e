"""A period against the one before: plain Python lead by lead, other libraries, named traps, and what must agree."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact
from statsmodels.duration.survfunc import survdiff
from statsmodels.stats.proportion import confint_proportions_2indep

import leadscore as ls
from leadscore.base.stages import FUNNEL
from leadscore.datasets.funnel import make_funnel
from leadscore.rulebook.working_hours import WorkingHours
from leadscore.sales.deals.stuck import stuck
from leadscore.sales.facts import Facts
from leadscore.sales.handover.routes import routes
from leadscore.sales.response.acceptance import acceptance_of
from leadscore.sales.response.clock import Clock
from leadscore.sales.response.response_times import response_times, response_times_of
from tests.support.plain_sales import ROWS, outcomes_of, plain_handovers, plain_passes, plain_rows

BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, timezone: Europe/Berlin, fit: [], behaviour: [], qualify: {threshold: 0}}"
)
PERIOD = {"start": "2026-03-11", "end": "2026-03-20"}
NOW, BEFORE = (dt.date(2026, 3, 11), dt.date(2026, 3, 20)), (dt.date(2026, 3, 1), dt.date(2026, 3, 10))
REFUSALS = {"rejected", "recycled"}


def random_tables(rows, until="2026-03-31"):
    rows = [(lead, stage, f"2026-03-{day:02}{time}", reason, owner) for lead, stage, day, time, reason, owner in rows]
    rows = list({(lead, stage, at[:10]): (lead, stage, at, why, who) for lead, stage, at, why, who in rows}.values())
    ids = pd.DataFrame({"lead_id": list("abc"), "source": ["x", "y", "x"]})
    return ls.load_tables(
        ids, None, outcomes_of(rows), rulebook=BOOK, columns=["source"], strict=False, observed_until=until
    )


def first_in(handovers, period):
    return next((one for one in handovers if period[0] <= one[0] <= period[1]), None)


# ---------------------------------------------------------------------------------------------------------- acceptance


@given(ROWS, st.none() | st.integers(1, 9))
def test_acceptance_of_a_period_equals_plain_python(rows, within):
    tables = random_tables(rows)
    found = ls.acceptance(tables, by="source", accepted_within_days=within, **PERIOD)
    until = dt.date(2026, 3, 31)
    for frame, period in ((found.frame, NOW), (found.before, BEFORE)):
        counts = dict.fromkeys([*found.frame.index], 0)
        counts = {group: [0, 0, 0, 0] for group in counts}
        for lead, source in zip("abc", "xyx", strict=True):
            one = first_in(plain_handovers(plain_rows(tables, lead)), period)
            if one is None:
                continue
            came, accepted, _, _, decided = one
            if within is not None:
                recorded = (tables.outcomes.loc[tables.outcomes["lead_id"] == lead, "stage"] == "mql").any()
                if not recorded or came + dt.timedelta(within) > until:
                    continue
                if decided is not None and decided > came + dt.timedelta(within):
                    accepted = None
            for group in (source, "(all)"):
                counts[group][0] += 1
                counts[group][{True: 1, False: 2, None: 3}[accepted]] += 1
        columns = frame[["mqls", "accepted", "refused", "undecided"]]
        assert columns.to_numpy().tolist() == [counts[group] for group in frame.index]


@pytest.mark.slow
@settings(max_examples=40)
@given(ROWS, st.integers(12, 30))
def test_later_outcomes_change_nothing(rows, day):
    tables = random_tables(rows)
    until = dt.date(2026, 3, day)
    period = {"start": "2026-03-07", "end": "2026-03-12"}
    kept = tables.outcomes[
        [at <= until for at in tables.stages.times.days("Europe/Berlin").astype("datetime64[D]").tolist()]
    ]
    if not len(kept):
        return
    early = ls.load_tables(tables.leads, None, kept, rulebook=BOOK, columns=["source"], observed_until=until)
    for call in (ls.acceptance, lambda tables, **more: ls.funnel(tables, within_days=3, **more)):
        try:
            one = call(tables, by="source", observed_until=until, **period)
        except ls.ArgumentError:
            continue
        assert repr(call(early, by="source", **period)) == repr(one)
    if (kept["stage"] == "contacted").any() and (kept["stage"] == "mql").any():
        one = response_times(tables, BOOK, by="owner", observed_until=until, **period)
        assert repr(response_times(early, BOOK, by="owner", **period)) == repr(one)
    assert repr(routes(early, BOOK, **period)) == repr(routes(tables, BOOK, observed_until=until, **period))
    assert repr(stuck(early)) == repr(stuck(tables, observed_until=until))


@given(ROWS)
def test_every_mql_of_a_period_waits_or_is_left_out(rows):
    """Whatever is recorded, the MQLs whose waits count and those left out are the MQLs that came."""
    tables = random_tables([*rows, ("a", "contacted", 20, "T09:00:00", None, None), ("b", "mql", 1, "", None, None)])
    if not (tables.outcomes["stage"] == "mql").any() or not (tables.outcomes["stage"] == "contacted").any():
        return
    found, came = response_times(tables, BOOK, by="owner", **PERIOD), routes(tables, BOOK, **PERIOD)
    assert found.frame.loc["(all)", "n"] + found.excluded["leads"].sum() == came.mqls["(all)"]
    assert found.frame["n"].iloc[:-1].sum() == found.frame["n"].iloc[-1]
    assert (found.frame["contacted"] + found.frame["waiting"]).tolist() == found.frame["n"].tolist()
    shuffled = ls.load_tables(
        tables.leads, None, tables.outcomes.iloc[::-1], rulebook=BOOK, observed_until="2026-03-31"
    )
    assert repr(response_times(shuffled, BOOK, by="owner", **PERIOD)) == repr(found)


def counted_tables(now, before, *, reasons=True):
    """So many accepted and refused leads of two periods: {source: (accepted, refused)}."""
    rows, sources = [], []
    for at, counts in (("2026-03-12T10:00", now), ("2026-03-02T10:00", before)):
        for source, pair in counts.items():
            for stage, count in zip(("sal", "rejected"), pair, strict=True):
                for _ in range(count):
                    rows += [(len(sources), "mql", at), (len(sources), stage, at.replace("10:00", "12:00"))]
                    sources.append(source)
    rows = rows if reasons else [row for row in rows if row[1] != "rejected"]
    ids = pd.DataFrame({"lead_id": range(len(sources)), "source": sources})
    outcomes = pd.DataFrame(rows, columns=["lead_id", "stage", "at"])
    return ls.load_tables(ids, None, outcomes, rulebook=BOOK, columns=["source"], observed_until="2026-03-31")


def test_changes_equal_scipy_and_statsmodels():
    now, before = {"x": (30, 20), "y": (5, 25), "z": (3, 4)}, {"x": (20, 20), "y": (20, 10), "z": (1, 1)}
    found = ls.acceptance(counted_tables(now, before), by="source", **PERIOD)
    for group in "xyz":
        (a, b), (c, d) = now[group], before[group]
        row = found.change.loc[group]
        low, high = confint_proportions_2indep(a, a + b, c, c + d, method="newcomb")
        assert row[["difference", "low", "high"]].tolist() == pytest.approx([a / (a + b) - c / (c + d), low, high])
        assert row["p"] == pytest.approx(fisher_exact([[a, b], [c, d]]).pvalue)
        others = sum(np.array(now[other]) for other in "xyz" if other != group)
        assert found.others.loc[group, "p"] == pytest.approx(fisher_exact([[a, b], others]).pvalue)
    p = sorted(found.change["p"].iloc[:-1])
    assert found.change.loc["y", "p_corrected"] == pytest.approx(3 * p[0])
    # All leads together are no group, and are not corrected for the groups.
    assert found.change.loc["(all)", "p"] == found.change.loc["(all)", "p_corrected"]
    assert found.change.loc["(all)", "p"] == pytest.approx(fisher_exact([[38, 49], [41, 31]]).pvalue)
    assert "share against the 10 days before: 13 points lower (95% interval: -28 to +2)" in found.headline


def test_without_refusals_nothing_is_compared():
    found = ls.acceptance(counted_tables({"x": (9, 3)}, {"x": (5, 5)}, reasons=False), by="source", **PERIOD)
    assert found.frame["share"].isna().all()
    assert found.change["p"].isna().all()
    assert found.others["p"].isna().all()
    assert "no share is known" in found.headline


def test_a_lead_that_comes_again_has_a_decision_of_its_own():
    rows = [
        ("a", "mql", "2026-03-02"),
        ("a", "recycled", "2026-03-05"),
        ("a", "mql", "2026-03-12"),
        ("a", "sal", "2026-03-13"),
    ]
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), None, outcomes_of(rows), rulebook=BOOK)
    found = ls.acceptance(tables, start="2026-03-11", end="2026-03-13")
    assert found.frame.loc["(all)", ["accepted", "refused"]].tolist() == [1, 0]
    whole = ls.acceptance(tables, start="2026-03-03", end="2026-03-13", observed_until="2026-03-13")
    assert whole.before.loc["(all)", ["accepted", "refused"]].tolist() == [0, 1]
    # Without a period what was said first to a lead counts, once.
    assert ls.acceptance(tables).frame.loc["(all)", ["accepted", "refused"]].tolist() == [0, 1]


@pytest.mark.parametrize(
    "call",
    [
        lambda **days: ls.acceptance(counted_tables({"x": (1, 1)}, {}), **days),
        lambda **days: ls.funnel(counted_tables({"x": (1, 1)}, {}), within_days=3, **days),
        lambda **days: response_times(counted_tables({"x": (1, 1)}, {}), BOOK, **days),
    ],
)
def test_a_period_has_both_ends(call):
    with pytest.raises(ls.ArgumentError, match="end: `start` and `end` go together"):
        call(start="2026-03-01")
    with pytest.raises(ls.ArgumentError, match="start: `start` and `end` go together"):
        call(end="2026-03-01")
    with pytest.raises(ls.ArgumentError, match="end: must not come before `start`"):
        call(start="2026-03-02", end="2026-03-01")


# -------------------------------------------------------------------------------------------------------------- funnel


def plain_funnel(tables, period, within, until):
    """{group: [MQLs old enough, then those that reached each stage]} of the stages that there are."""
    present = [stage for stage in FUNNEL[2:] if (tables.outcomes["stage"] == stage).any()]
    counts = {group: np.zeros(len(present) + 1, int) for group in ("x", "y", "(all)")}
    for lead, source in zip("abc", "xyx", strict=True):
        rows = plain_rows(tables, lead)
        walked = plain_passes(rows)
        worked = [row for row in walked if row["stage"] not in {"lead", "mql"}][:1]
        came = [row for row in walked if row["stage"] == "mql"] or worked
        came = [row for row in came if period[0] <= row["moment"].date() <= period[1]]
        if not came or came[0]["moment"].date() + dt.timedelta(within) > until:
            continue
        last = came[0]["moment"].date() + dt.timedelta(within)
        since = [row for row in rows if row["moment"] >= came[0]["moment"] and row["moment"].date() <= last]
        reached = [any(row["stage"] in FUNNEL[FUNNEL.index(stage) :] for row in since) for stage in present]
        for group in (source, "(all)"):
            counts[group] += [1, *reached]
    return present, counts


@given(ROWS, st.integers(1, 15))
def test_the_funnel_of_a_period_equals_plain_python(rows, within):
    tables = random_tables(rows)
    if not tables.outcomes["stage"].isin(FUNNEL[1:]).any():
        return
    found = ls.funnel(tables, within_days=within, by="source", **PERIOD)
    for period in (NOW, BEFORE):
        present, counts = plain_funnel(tables, period, within, dt.date(2026, 3, 31))
        frame = found.frame[found.frame["cohort"] == pd.Timestamp(period[0])] if present else found.frame
        got = {}
        for group, stage, n, reached in frame[["group", "stage", "n", "reached"]].itertuples(index=False):
            got.setdefault(group, []).append((stage, n, reached))
        expected = {
            group: [(stage, sums[place], sums[place + 1]) for place, stage in enumerate(present)]
            for group, sums in counts.items()
        }
        assert got == ({} if not present else expected)


def test_stages_acceptance_and_routes_agree():
    """The MQLs of a period are the same ones, whoever counts them."""
    made = make_funnel(4000, random_state=3)
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    period = {"start": "2026-01-05", "end": "2026-02-01"}
    came = routes(tables, made.rulebook, **period).frame.loc["(all)"]
    accepted = ls.acceptance(tables, **period)
    waited = response_times(tables, made.rulebook, **period)
    reached = ls.funnel(tables, within_days=58, **period)
    assert accepted.frame.loc["(all)", "mqls"] == came["mqls"] > 80
    assert accepted.before.loc["(all)", "mqls"] == came["before"] > 80
    assert waited.frame.loc["(all)", "n"] + waited.excluded["leads"].sum() == came["mqls"]
    assert reached.total["n"].iloc[0] == came["mqls"]
    # All decided within the days, none both ways.
    assert reached.total["reached"].iloc[0] == accepted.frame.loc["(all)", "accepted"]
    facts = Facts.of("x", tables, made.rulebook, **period)
    assert repr(facts.once(acceptance_of)) == repr(accepted)
    assert repr(facts.once(response_times_of)) == repr(waited)
    assert facts.once(acceptance_of) is facts.once(acceptance_of)


# ------------------------------------------------------------------------------------------------------- response times

HOURS = ["Mon-Fri 08:00-18:00", "Sun-Sun 00:00-24:00", "Sat-Mon 01:00-03:30", "Mon-Sun 00:00-24:00"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
# Around the days on which clocks change in these zones, in minutes since 1 March 2026.
MINUTES = st.integers(0, 45 * 1440)


@settings(max_examples=80)
@given(st.sampled_from(HOURS), st.sampled_from(ZONES), MINUTES, st.integers(0, 4000))
def test_working_minutes_equal_a_walk_minute_by_minute(hours, zone, begin, length):
    begin = dt.datetime(2026, 3, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=begin)
    agreed, clock = WorkingHours.read(hours), ZoneInfo(zone)
    walked = 0
    for minute in range(length):
        local = (begin + dt.timedelta(minutes=minute)).astimezone(clock)
        inside = agreed.opens <= local.hour * 60 + local.minute < agreed.closes
        walked += agreed.days[local.weekday()] and inside
    start = int(begin.timestamp() * 1e6)
    found = Clock(agreed, zone).minutes(np.array([start]), np.array([start + length * 60_000_000]))
    assert found.tolist() == [walked]


def test_what_a_working_minute_is():
    """Friday 17:30 to Monday 08:45 is an hour and a quarter; by the clock it is 63."""
    begin, end = (
        np.array([int(pd.Timestamp(at, tz="Europe/Berlin").timestamp() * 1e6)])
        for at in ("2026-03-27 17:30", "2026-03-30 08:45")
    )
    hours = WorkingHours.read("Mon-Fri 08:00-18:00")
    assert Clock(hours, "Europe/Berlin").minutes(begin, end).tolist() == [75]
    # Clocks went forward on the Sunday between.
    assert Clock(None, "Europe/Berlin").minutes(begin, end).tolist() == [62.25 * 60]
    assert Clock(hours, "Europe/Berlin").minutes(end, end).tolist() == [0]


def response_world(minutes_now, minutes_before, *, agreed=60, share=None, hours=None, owners=None, until="2026-03-31"):
    """Leads contacted after so many minutes, or not at all (None)."""
    rows = []
    for start, minutes in (("2026-03-12T10:00", minutes_now), ("2026-03-02T10:00", minutes_before)):
        for wait in minutes:
            lead, at = len(rows) and rows[-1][0] + 1, pd.Timestamp(start)
            owner = owners[lead] if owners else None
            rows.append((lead, "mql", f"{at}", owner))
            if wait is not None:
                rows.append((lead, "contacted", f"{at + pd.Timedelta(minutes=wait)}", owner))
    agreement = {"respond_within_minutes": agreed} if agreed else {}
    sales = ({"respond": {"share": share}} if share else {}) | ({"hours": hours} if hours else {})
    book = ls.Rulebook.from_dict(BOOK.to_dict() | {"agreement": agreement | ({"sales": sales} if sales else {})})
    outcomes = pd.DataFrame(rows, columns=["lead_id", "stage", "at", "owner"])
    ids = pd.DataFrame({"lead_id": range(rows[-1][0] + 1)})
    return ls.load_tables(ids, None, outcomes, rulebook=book, observed_until=until), book


def test_waits_of_a_period_against_scipy_and_statsmodels():
    rng = np.random.default_rng(20261129)
    now, before = (np.round(rng.exponential(mean, 60), 3) + 0.001 for mean in (50, 90))
    waits = [None if wait > 200 else float(wait) for wait in now], [float(wait) for wait in before]
    tables, book = response_world(*waits, share=0.8)
    found = response_times(tables, book, **PERIOD)
    met, earlier = int((now <= 60).sum()), int((before <= 60).sum())
    assert found.on_time.loc["(all)", ["due", "on_time"]].tolist() == [60, met]
    assert found.on_time_before.loc["(all)", ["due", "on_time"]].tolist() == [60, earlier]
    tests = found.tests["p"]
    fisher = fisher_exact([[met, 60 - met], [earlier, 60 - earlier]]).pvalue
    assert tests["share on time against the period before"] == pytest.approx(fisher)
    assert tests["share on time against the agreed share"] == pytest.approx(binomtest(met, 60, 0.8).pvalue)
    minutes = np.concatenate([np.where(now > 200, 30_000, now), before])
    answered = np.concatenate([now <= 200, np.ones(60, bool)])
    _, p = survdiff(minutes, answered.astype(int), np.repeat([1, 0], 60))
    assert tests["waits against the period before"] == pytest.approx(p)
    value, low, high = found.median_change
    assert low < value < high
    assert value == pytest.approx(found.frame["median"].iloc[-1] - np.sort(before)[29])


def test_who_is_still_waiting_is_due_when_the_minutes_have_passed():
    """Two minutes before the last day ends nobody can have failed yet, nor have kept the promise."""
    rows = [("a", "mql", "2026-03-12T10:00"), ("b", "mql", "2026-03-12T23:58"), ("c", "mql", "2026-03-12T23:58")]
    rows += [("c", "contacted", "2026-03-12T23:59")]
    _, book = response_world([5], [5])
    tables = ls.load_tables(
        pd.DataFrame({"lead_id": list("abc")}), None, outcomes_of(rows), rulebook=book, observed_until="2026-03-12"
    )
    found = response_times(tables, book, start="2026-03-11", end="2026-03-12")
    assert found.on_time.loc["(all)", ["due", "on_time"]].tolist() == [1, 0]
    assert found.frame.loc["(all)", ["n", "contacted", "waiting"]].tolist() == [3, 1, 2]


def test_a_contact_of_an_earlier_pass_answers_nothing():
    rows = [
        ("a", "mql", "2026-03-02T10:00"),
        ("a", "contacted", "2026-03-02T10:30"),
        ("a", "recycled", "2026-03-03T10:00"),
    ]
    rows += [("a", "mql", "2026-03-12T10:00"), ("b", "mql", "2026-03-12T10:00"), ("b", "rejected", "2026-03-13T10:00")]
    rows += [("c", "contacted", "2026-03-12T09:00"), ("c", "mql", "2026-03-12T10:00"), ("d", "sal", "2026-03-12T10:00")]
    _, book = response_world([5], [5])
    ids = pd.DataFrame({"lead_id": list("abcd")})
    tables = ls.load_tables(ids, None, outcomes_of(rows), rulebook=book, observed_until="2026-03-31")
    found = response_times(tables, book, **PERIOD)
    # a waits again; b was decided without a contact, c contacted before, d came without an mql.
    assert found.frame.loc["(all)", ["n", "contacted", "waiting"]].tolist() == [1, 0, 1]
    left_out = found.excluded["leads"]
    assert left_out[left_out > 0].to_dict() == {
        "contacted only before it became an MQL": 1,
        "worked by sales without a recorded contact": 1,
        "came to sales without a recorded mql": 1,
    }
    assert found.before.loc["(all)", ["n", "contacted", "waiting"]].tolist() == [1, 1, 0]
    # A contact of the next pass is none of the first.
    again = [*rows[:1], ("a", "recycled", "2026-03-03T10:00"), rows[3], ("a", "contacted", "2026-03-12T10:30")]
    tables = ls.load_tables(ids[:1], None, outcomes_of(again), rulebook=book, observed_until="2026-03-31")
    found = response_times(tables, book, **PERIOD)
    assert (found.frame.loc["(all)", "contacted"], found.before.loc["(all)", "n"]) == (1, 0)


def test_a_late_owner_is_clear_and_others_are_not():
    owners = ["Ana", "Ben", "Dev", "Zoe"] * 30
    waits = [500.0 if owner == "Dev" else 20.0 + number for number, owner in enumerate(owners[:60])]
    tables, book = response_world(waits, [20.0 + number for number in range(60)], owners=owners)
    found = response_times(tables, book, by="owner", **PERIOD)
    late = found.others[(found.others["p_corrected"] <= 0.05) & (found.others["difference"] < 0)]
    assert late.index.tolist() == ["Dev"]
    # Without agreed minutes the waits themselves are compared.
    tables, book = response_world(waits, [20.0] * 60, owners=owners, agreed=None)
    found = response_times(tables, book, by="owner", **PERIOD)
    assert found.on_time is None
    assert found.others["p_corrected"].idxmin() == "Dev"


def test_working_hours_are_printed_and_count():
    tables, book = response_world([60 * 24 * 4], [60 * 24 * 4], hours="Mon-Fri 08:00-18:00")  # a Thursday, a Monday
    found = response_times(tables, book, **PERIOD)
    assert found.frame["median"].tolist() == [2 * 600]
    assert found.before["median"].tolist() == [4 * 600]
    assert found.notes[0] == "Working time only: Mon-Fri 08:00-18:00, Europe/Berlin."
    assert "contacted within 20 h" in found.headline
    tables, book = response_world([79.7], [306.87])
    found = response_times(tables, book, **PERIOD)
    assert found.notes[0] == "Clock time, nights and weekends included."
    assert found.headline.startswith(
        "Half of 1 MQL was contacted within 1 h 19 min 42 s, 11 to 20 March 2026; 5 h 06 min 52 s in the 10 days "
    )


def test_a_history_says_when_leads_of_a_period_qualified():
    made = make_funnel(1500, random_state=3)
    without = made.outcomes[made.outcomes["stage"] != "mql"]
    tables = ls.load_tables(made.leads, made.events, without, rulebook=made.rulebook)
    history = ls.replay(tables, made.rulebook, start="2026-01-01", end="2026-03-31")
    found = response_times(tables, made.rulebook, history=history, start="2026-02-15", end="2026-03-31")
    new = history.frame[~history.frame["already"]]
    inside = new["day"] >= "2026-02-15"
    left_out = found.excluded["leads"].drop("came to sales without a recorded mql", errors="ignore")
    assert found.frame.loc["(all)", "n"] + left_out.iloc[:3].sum() == inside.sum()
