"""MQLs as they came to sales and by which route: against plain Python lead by lead, `score`, and named traps."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson_means_test

import leadscore as ls
from leadscore.base.days import day_number, day_of
from leadscore.sales.facts import Facts
from leadscore.sales.handover.handovers import ROUTES, handed_over
from leadscore.sales.handover.routes import routes
from leadscore.stats.counts import counts_differ, dispersion
from tests.support.plain_sales import ROWS, outcomes_of, plain_handovers, plain_rows
from tests.support.strategies import cases, frames

BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, timezone: Europe/Berlin, fit: [{name: Firm, column: size, points: {large: 60}}],"
    " behaviour: [{name: Visit, event: visit, points: 30, within_days: 7}],"
    " qualify: {threshold: 80, never: [{name: Rival, when: {size: rival}}], hand_raise: {event: demo}}}"
)


def tables_of(rows, *, leads=None, events=None, until="2026-03-31", book=BOOK, **columns):
    leads = leads or list(dict.fromkeys(lead for lead, *_ in rows))
    frame = pd.DataFrame({"lead_id": leads, "size": "large"} | columns)
    happened = None if events is None else pd.DataFrame(events, columns=["lead_id", "event", "at"])
    return ls.load_tables(frame, happened, outcomes_of(rows), rulebook=book, observed_until=until)


def handovers(rows, **more):
    tables = tables_of(rows, **more)
    stages, _ = tables.observed()
    found = handed_over(stages, len(tables.ids), tables.timezone)
    return found.assign(day=[str(day_of(day)) for day in found["day"]])


# ---------------------------------------------------------------------------------------------------------- properties


@given(ROWS, st.randoms())
def test_handovers_equal_plain_python(rows, random):
    rows = [(lead, stage, f"2026-03-{day:02}{time}", reason, owner) for lead, stage, day, time, reason, owner in rows]
    # What differs in text alone and is of one moment has no order of its own: one reason and owner for each.
    rows = list({(lead, stage, at[:10]): (lead, stage, at, why, who) for lead, stage, at, why, who in rows}.values())
    ids = pd.DataFrame({"lead_id": list("abc"), "size": "large"})
    tables = ls.load_tables(ids, None, outcomes_of(rows), rulebook=BOOK, strict=False, observed_until="2026-03-31")
    stages, _ = tables.observed()
    found = handed_over(stages, 3, tables.timezone)
    columns = found[["day", "accepted", "reason", "owner", "decided"]].astype(object)
    columns = columns.where(columns.notna(), None)
    columns = columns.assign(**{name: columns[name].map(day_of, na_action="ignore") for name in ("day", "decided")})
    for place, lead in enumerate("abc"):
        own = [tuple(row) for row in columns[found["lead"] == place].to_numpy()]
        assert own == plain_handovers(plain_rows(tables, lead))
    shuffled = tables.outcomes.iloc[random.sample(range(len(tables.outcomes)), len(tables.outcomes))]
    again = ls.load_tables(ids, None, shuffled, rulebook=BOOK, observed_until="2026-03-31")
    pd.testing.assert_frame_equal(handed_over(again.observed()[0], 3, "Europe/Berlin"), found)


@given(cases(), st.data())
def test_the_score_at_handover_is_that_of_score(case, data):
    """Random rulebooks over the whole language: route and points are those of `score(as_of=day)`."""
    book = ls.Rulebook.from_dict(case.document)
    leads, events = frames(case)
    if not len(leads):
        return
    days = [case.as_of + dt.timedelta(step) for step in (-30, -8, -1, 0, 1)]
    row = st.tuples(st.sampled_from(list(leads["lead_id"])), st.sampled_from(["mql", "sal"]), st.sampled_from(days))
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    until = max(days)
    tables = ls.load_tables(leads, events, outcomes_of(rows), rulebook=book, strict=False, observed_until=until)
    if tables.outcomes is None or not len(tables.outcomes):
        return
    facts = Facts.of("x", tables, book, start=case.as_of - dt.timedelta(6), end=until)
    found = facts.handovers.frame
    assert found["route"].isin(ROUTES).all()
    ids = tables.ids.array.to_pylist()
    for row in found.itertuples():
        scores = ls.score(tables, book, as_of=day_of(row.day)).frame
        if ids[row.lead] not in scores.index:
            assert row.route == "no record yet"
            continue
        then = scores.loc[ids[row.lead]]
        assert (row.fit, row.behaviour, row.total, row.threshold) == tuple(
            then[["fit", "behaviour", "total", "threshold"]]
        )
        way = {"score": "by points", "hand_raise": "hand-raise"}
        assert row.route == (way[then["via"]] if then["qualified"] else "below the bar")
        assert pd.isna(row.blocked_by) == pd.isna(then["blocked_by"])
    result = routes(tables, book, start=case.as_of - dt.timedelta(6), end=until)
    assert result.frame["mqls"].iloc[:-1].sum() == result.frame["mqls"].iloc[-1] == len(found_in(tables, facts.period))
    assert result.weeks.loc[result.weeks["in_period"], "mqls"].sum() <= result.frame["mqls"].iloc[-1]


def found_in(tables, period):
    """The leads with a handover in a period, in plain Python."""
    first, last = day_of(period.first), day_of(period.last)
    ids = tables.ids.array.to_pylist()
    rows = tables.outcomes.reindex(columns=["lead_id", "stage", "at", "reason", "owner"]).reset_index(drop=True)
    found = set()
    for lead in ids:
        own = [
            {"stage": row.stage, "moment": dt.datetime.combine(local_day(row.at, tables.timezone), dt.time())}
            for row in rows[rows["lead_id"] == lead].itertuples()
        ]
        mqls = [row["moment"].date() for row in own if row["stage"] == "mql"]
        worked = sorted(row["moment"].date() for row in own if row["stage"] not in {"lead", "mql"})
        if any(first <= day <= last for day in mqls or worked[:1]):
            found.add(lead)
    return found


def local_day(at, timezone):
    at = pd.Timestamp(at)
    return (at.tz_convert(ZoneInfo(timezone)) if at.tzinfo else at).date()


# --------------------------------------------------------------------------------------------------------------- traps

RECYCLED = [("a", "mql", "2026-03-02"), ("a", "recycled", "2026-03-10"), ("a", "mql", "2026-03-20")]


@pytest.mark.parametrize(
    ("rows", "came"),
    [
        ([("a", "mql", "2026-03-02"), ("a", "sal", "2026-03-04")], {"2026-03-02": True}),
        # Each pass has the decision of its own; the second is undecided.
        (RECYCLED, {"2026-03-02": False, "2026-03-20": None}),
        ([*RECYCLED, ("a", "sal", "2026-03-21")], {"2026-03-02": False, "2026-03-20": True}),
        # Recycled and an MQL again on one date: the refusal is of the first pass.
        ([*RECYCLED[:2], ("a", "mql", "2026-03-10")], {"2026-03-02": False, "2026-03-10": None}),
        # All on one date: the lead came, and was refused.
        ([("a", "mql", "2026-03-02"), ("a", "rejected", "2026-03-02")], {"2026-03-02": False}),
        # A date and a time on one day are one moment: nobody knows which came first.
        ([("a", "mql", "2026-03-02T15:00"), ("a", "sal", "2026-03-02")], {"2026-03-02": True}),
        ([("a", "mql", "2026-03-02T15:00"), ("a", "mql", "2026-03-02")], {"2026-03-02": None}),
        # Said twice before anybody decides: both have what was said at last.
        ([("a", "mql", "2026-03-02"), ("a", "mql", "2026-03-05"), ("a", "sal", "2026-03-06")],
         {"2026-03-02": True, "2026-03-05": True}),
        # Lost while undecided: what is said of the next pass is no answer to the first.
        ([("a", "mql", "2026-03-02"), ("a", "lost", "2026-03-05"), ("a", "mql", "2026-03-08"),
          ("a", "sal", "2026-03-10")],
         {"2026-03-02": None, "2026-03-08": True}),
        # Without an mql the lead came with the first that sales did.
        ([("a", "contacted", "2026-03-02"), ("a", "sal", "2026-03-04")], {"2026-03-02": True}),
        ([("a", "lead", "2026-03-02"), ("a", "rejected", "2026-03-04")], {"2026-03-04": False}),
        # Contacted before: the mql counts where there is one.
        ([("a", "contacted", "2026-03-02"), ("a", "mql", "2026-03-04")], {"2026-03-04": None}),
        ([("a", "lead", "2026-03-02")], {}),
    ],
)  # fmt: skip
def test_when_a_lead_came_and_what_was_said(rows, came):
    found = handovers(rows)
    said = [None if pd.isna(one) else bool(one) for one in found["accepted"]]
    assert dict(zip(found["day"], said, strict=True)) == came


def test_a_decision_after_the_last_day_known_does_not_exist():
    tables = tables_of([("a", "mql", "2026-03-02"), ("a", "sal", "2026-03-20")], size=["large"])
    found = Facts.of("x", tables, BOOK, start="2026-03-01", end="2026-03-10", observed_until="2026-03-19").handovers
    assert found.frame["accepted"].isna().all()
    found = Facts.of("x", tables, BOOK, start="2026-03-01", end="2026-03-10", observed_until="2026-03-20").handovers
    assert found.frame["accepted"].tolist() == [True]


def test_the_owner_of_a_second_pass_is_its_own():
    rows = [("a", "mql", "2026-03-02", None, "Ana"), ("a", "recycled", "2026-03-03", None, None)]
    rows += [("a", "mql", "2026-03-10", None, None), ("a", "contacted", "2026-03-11", None, "Ben")]
    rows += [("b", "mql", "2026-03-02", None, None), ("b", "rejected", "2026-03-03", "<i>", "Zoe")]
    rows += [("b", "mql", "2026-03-04", None, None)]
    assert handovers(rows)["owner"].tolist() == ["Ana", "Ben", "Zoe", "Zoe"]


# ---------------------------------------------------------------------------------------------------------- the routes

PERIOD = {"start": "2026-03-02", "end": "2026-03-15"}


def small_world(**more):
    """One lead of each kind."""
    rows = [
        ("points", "mql", "2026-03-03T10:00"),
        ("raised", "mql", "2026-03-04T10:00"),
        ("fallen", "mql", "2026-03-14T10:00"),  # the visit of 2 March has worn off
        ("rival", "mql", "2026-03-05T10:00"),
        ("cold", "sal", "2026-03-06T10:00"),
        ("new", "mql", "2026-03-07T10:00"),  # its first record holds from the day after
        ("past", "mql", "2026-02-20T10:00"),
        ("after", "mql", "2026-03-20T10:00"),
        ("before", "mql", "2026-02-01T10:00"),
    ]
    leads = [*dict.fromkeys(lead for lead, *_ in rows), "never"]
    sizes = {"rival": "rival", "cold": "small", "raised": "small"}
    created = ["2026-03-08" if lead == "new" else "2026-01-01" for lead in leads]
    visits = {"points": "2026-03-03", "fallen": "2026-03-02", "after": "2026-03-15", "never": "2026-03-09"}
    visits |= {"before": "2026-03-10", "rival": "2026-03-05"}
    events = [(lead, "visit", f"{day}T08:00") for lead, day in visits.items()] + [
        ("raised", "demo", "2026-03-04T08:00")
    ]
    size = [sizes.get(lead, "large") for lead in leads]
    return tables_of(rows, leads=leads, events=events, size=size, valid_from=created, **more)


def test_each_lead_has_its_route_and_its_fate():
    found = routes(small_world(), BOOK, **PERIOD)
    assert found.frame["mqls"].to_dict() == {
        "by points": 1, "hand-raise": 1, "below the bar": 3, "no record yet": 1, "(all)": 6,
    }  # fmt: skip
    assert found.frame.loc["(all)", "before"] == 1
    assert found.below["mqls"].tolist() == [1, 1, 3]
    # Qualified in the period: points, raised and fallen came in it; after later; before earlier; never not so far.
    assert found.qualified["leads"].to_dict() == {"in the period": 3, "later": 1, "earlier": 1, "not so far": 1}
    assert found.headline == (
        "6 MQLs were handed over, 2 to 15 March 2026, against 1 in the two weeks before; 3 of them below the agreed "
        "bar."
    )
    known = routes(small_world(), BOOK, **PERIOD, observed_until="2026-03-19")
    assert known.qualified["leads"].to_dict() == {"in the period": 3, "later": 0, "earlier": 1, "not so far": 2}


def test_the_weeks_end_with_the_period_and_begin_with_the_records():
    weeks = routes(small_world(), BOOK, **PERIOD).weeks
    assert [str(week.date()) for week in weeks.index] == [
        "2026-01-26", "2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23", "2026-03-02", "2026-03-09",
    ]  # fmt: skip
    assert weeks["mqls"].tolist() == [1, 0, 0, 1, 0, 5, 1]
    assert weeks["in_period"].tolist() == [False] * 5 + [True] * 2


def test_no_comparison_with_a_time_before_the_records():
    found = routes(small_world(), BOOK, start="2026-02-01", end="2026-03-15")
    assert not found.comparable
    assert pd.isna(found.p)
    assert "against" not in found.headline
    assert found.notes[1] == "Outcomes are not recorded for the whole period before: no comparison."
    assert routes(small_world(), BOOK, **PERIOD).comparable


def test_a_lead_that_came_twice_in_a_period_counts_once():
    rows = [("a", "mql", "2026-03-03"), ("a", "recycled", "2026-03-04"), ("a", "mql", "2026-03-10")]
    found = routes(tables_of(rows, size=["large"]), BOOK, **PERIOD)
    assert found.frame.loc["(all)", "mqls"] == 1
    assert found.weeks.loc[found.weeks["in_period"], "mqls"].sum() == 1


# --------------------------------------------------------------------------------------------------- counts by chance


@given(st.integers(0, 400), st.integers(0, 400))
def test_two_counts_against_scipy(before, after):
    p = counts_differ(before, after)
    if not before + after:
        assert pd.isna(p)
        return
    assert p == counts_differ(after, before)
    # The exact conditional test is never bolder than the E-test by much.
    assert p >= poisson_means_test(before, 1, after, 1).pvalue - 0.02


@pytest.mark.parametrize("batch", [1, 5])
def test_the_false_alarms_of_a_change_of_the_number(batch):
    """Leads one by one, and in batches of five: at 5 %, the test alarms in no more than about 5 % of pairs."""
    rng = np.random.default_rng(20261129)
    alarms = 0
    for _ in range(2000):
        weeks = batch * rng.poisson(20, 12)
        alarms += counts_differ(weeks[4:8].sum(), weeks[8:].sum(), dispersion(weeks[:8], weeks[8:])) <= 0.05
    assert alarms / 2000 <= (0.045 if batch == 1 else 0.08)


def test_days_are_those_of_the_rulebook():
    """An MQL of half past eleven at night in UTC is one of the next day in Berlin."""
    found = handovers([("a", "mql", "2026-03-02T23:30:00Z")])
    assert found["day"].tolist() == ["2026-03-03"]
    assert day_number(dt.date(2026, 3, 3)) == day_number(dt.date.fromisoformat(found["day"].iloc[0]))
