"""Promises: the figure itself against the promise, and only of leads whose time is up."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.sales.deals.weighted_pipeline import weighted_pipeline
from leadscore.sales.kept.promises import promises
from leadscore.stats.intervals import poisson, wilson

PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}
UNTIL = dt.date(2026, 4, 5)
SOME = settings(max_examples=settings.default.max_examples // 4, deadline=None)


def book(agreement):
    return ls.Rulebook.from_dict(
        {
            "leadscore": 1, "name": "x", "agreement": agreement, "qualify": {"threshold": 0},
            "columns": {"size": {"type": "number"}, "city": {"type": "text"}},
        }
    )  # fmt: skip


ALL = {
    "respond_within_minutes": 60,
    "marketing": {"mqls_per_week": 3, "accepted": "60%", "complete_at_handover": {"size": "75%"}},
    "sales": {"respond": {"share": "80%"}, "decide": {"within_days": 14, "share": "95%"}, "reason_with_refusal": "90%"},
}


def found(rows, agreement, until=UNTIL, **columns):
    """Rows are (lead, stage, time) or with a reason."""
    rulebook = book(agreement)
    outcomes = pd.DataFrame([(*row, None)[:4] for row in rows], columns=["lead_id", "stage", "at", "reason"])
    leads = pd.DataFrame({"lead_id": list(dict.fromkeys(outcomes["lead_id"])), "size": None, "city": None} | columns)
    tables = ls.load_tables(leads, None, outcomes, rulebook=rulebook, observed_until=until)
    return promises(tables, rulebook, **PERIOD)


@SOME
@given(
    st.lists(st.tuples(st.integers(0, 34), st.integers(0, 20) | st.none(), st.booleans()), min_size=1, max_size=25),
    st.integers(1, 20),
    st.sampled_from([0.0, 0.5, 0.6, 0.95, 1.0]),
)
def test_only_leads_whose_time_is_up_enter_a_share(world, within, share):
    """Each is (day it came, days until sales decided, accepted)."""
    first = dt.date(2026, 3, 1)
    rows, by_hand, accepted, decided = [], [], 0, 0
    for number, (came, wait, yes) in enumerate(world):
        day = first + dt.timedelta(came)
        rows.append((f"l{number}", "mql", day))
        known = wait is not None and day + dt.timedelta(wait) <= UNTIL
        if known:
            rows.append((f"l{number}", "sal" if yes else "rejected", day + dt.timedelta(wait)))
        if dt.date(2026, 3, 2) <= day <= dt.date(2026, 3, 29):
            if day + dt.timedelta(within) <= UNTIL:
                by_hand.append(known and wait <= within)
            accepted += known and yes
            decided += known
    agreement = {"sales": {"decide": {"within_days": within, "share": share}}}
    row = found(rows, agreement).frame.iloc[0]
    if not by_hand:
        assert (row["result"], np.isnan(row["figure"])) == ("too early", True)
        return
    assert (row["count"], row["n"]) == (sum(by_hand), len(by_hand))
    assert row["result"] == ("kept" if np.mean(by_hand) >= share - 1e-12 else "not kept")
    assert (row["low"], row["high"]) == tuple(map(float, wilson(sum(by_hand), len(by_hand))))


WEEK = [(f"l{number}", "mql", f"2026-03-{2 + number:02d}T10:00") for number in range(12)]


@pytest.mark.parametrize(("per_week", "result"), [(3, "kept"), (2.5, "kept"), (3.01, "not kept")])
def test_mqls_are_counted_over_the_whole_period(per_week, result):
    row = found(WEEK, {"marketing": {"mqls_per_week": per_week}}).frame.iloc[0]
    assert (row["count"], row["promised"], row["result"]) == (12, pytest.approx(per_week * 4), result)
    assert (row["low"], row["high"]) == tuple(map(float, poisson(12)))


def test_both_sides_have_as_many_lines():
    rows = [*WEEK, *((lead, "contacted", f"{at[:10]}T10:30") for lead, _, at in WEEK[:10])]
    rows += [(lead, "rejected", f"{at[:10]}T12:00", "no budget") for lead, _, at in WEEK[:3]]
    rows += [(lead, "sal", f"{at[:10]}T12:00") for lead, _, at in WEEK[3:]]
    told = found(rows, ALL, size=[1.0] * 9 + [None] * 3)
    assert told.frame["team"].tolist() == ["marketing"] * 3 + ["sales"] * 3
    assert told.frame["result"].tolist() == ["kept", "kept", "kept", "kept", "kept", "kept"]
    assert told.headline == "Marketing kept 3 of its 3 promises and sales 3 of 3."
    assert told.figures()[:2] == ["12 (6 to 21)", "9 of 12 (47% to 91%)"]


def test_several_columns_are_one_promise_and_the_worst_decides():
    agreement = {"marketing": {"complete_at_handover": {"size": "50%", "city": "90%"}}}
    row = found(WEEK, agreement, size=1.0, city=["Ulm"] * 6 + [None] * 6).frame.iloc[0]
    assert (row["promised"], row["count"], row["result"]) == (0.9, 6, "not kept")
    assert row["promise"] == "MQLs arrive with size (50%) and city (90%); furthest from its promise: city"
    both = found(WEEK, agreement, size=1.0, city="Ulm").frame.iloc[0]
    assert both["result"] == "kept"


def test_working_hours_count_where_they_were_agreed():
    rows = [("a", "mql", "2026-03-06T17:50"), ("a", "contacted", "2026-03-09T08:20")]  # a Friday, and Monday
    clock = {"respond_within_minutes": 60, "sales": {"respond": {"share": "80%"}}}
    assert found(rows, clock).frame.iloc[0]["result"] == "not kept"
    hours = {"respond_within_minutes": 60, "sales": {"respond": {"share": "80%"}, "hours": "Mon-Fri 08:00-18:00"}}
    row = found(rows, hours).frame.iloc[0]
    assert (row["result"], row["promise"]) == ("kept", "80% of MQLs contacted within 60 working minutes")


@pytest.mark.parametrize(
    ("agreement", "why"),
    [
        ({"respond_within_minutes": 60, "sales": {"respond": {"share": "80%"}}}, "no outcome is contacted"),
        ({"marketing": {"accepted": "60%"}}, "no refusal is recorded, so the share would be 100 % whatever sales did"),
    ],
)
def test_what_the_outcomes_do_not_tell_is_not_read_as_kept(agreement, why):
    told = found([*WEEK, ("l0", "sal", "2026-03-20")], agreement)
    assert told.frame["result"].tolist() == ["not known"], why
    assert told.figures() == ["not known"]
    assert "can be judged" in told.headline


def test_a_promise_that_nobody_could_keep_yet_is_too_early():
    agreement = {"sales": {"decide": {"within_days": 14, "share": "95%"}}, "marketing": {"mqls_per_week": 1}}
    told = found([("a", "mql", "2026-03-28")], agreement)
    early = "no promise of sales can be judged; for 1 it is too early"
    assert told.headline == f"Marketing kept 0 of its 1 promise; {early}."
    assert told.figures()[1] == "no lead's time is up"


def test_an_agreement_that_promises_nothing_is_refused():
    with pytest.raises(ls.ArgumentError, match="promises nothing"):
        found(WEEK, {"respond_within_minutes": 60})


def test_the_weighted_pipeline_is_a_promise_of_both():
    made = ls.datasets.make_company(6000, random_state=3)
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    period = {"start": "2026-03-04", "end": "2026-03-31"}
    value = weighted_pipeline(tables, made.rulebook, **period).value
    for goal, result in ((value * 0.99, "kept"), (value * 1.01, "not kept")):
        agreed = made.rulebook.edited({"agreement.shared.weighted_pipeline": goal})
        row = promises(tables, agreed, **period).frame.iloc[-1]
        assert (row["team"], row["figure"], row["result"]) == ("both", value, result)
