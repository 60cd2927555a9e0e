"""The contract of outcomes: each breach by name beside a twin that keeps it, and what no order of rows may change."""

import datetime as dt
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.stages import FUNNEL, STAGES

DAY_ONE = dt.datetime(2026, 3, 1)  # noqa: DTZ001 - wall clock
ENDS = {"rejected", "lost", "recycled"}


def outcomes_of(*rows, **columns):
    """Rows written as "stage day" or "stage day hour", all of lead a."""
    parts = [row.split() for row in rows]
    at = [DAY_ONE + dt.timedelta(int(day) - 1, hours=int(hour[0]) if hour else 0) for _, day, *hour in parts]
    return pd.DataFrame({"lead_id": "a", "stage": [stage for stage, *_ in parts], "at": at} | columns)


def load(outcomes, leads=("a", "b"), *, strict=False, **options):
    leads = pd.DataFrame({"lead_id": leads}) if isinstance(leads, tuple) else leads
    return ls.load_tables(leads, None, outcomes, strict=strict, **options)


def named(*rows, **options):
    """What is set aside, as it was written."""
    rejected = load(outcomes_of(*rows), **options).rejected
    return sorted(rows[row] for row in rejected["row"])


# ---------------------------------------------------------------------------------------------------------- properties

ROWS = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from([*FUNNEL, "rejected", "recycled", "contacted"]),
    st.integers(0, 5),
    st.sampled_from([0, 9, 15]),
    st.sampled_from(["Ana", None]),
)
LISTS = st.lists(ROWS, max_size=9)


def frame_of(rows):
    columns = pd.DataFrame(rows, columns=["lead_id", "stage", "day", "hour", "owner"], dtype=object)
    at = [DAY_ONE + dt.timedelta(day, hours=hour) for day, hour in zip(columns["day"], columns["hour"], strict=True)]
    return columns[["lead_id", "stage", "owner"]].assign(at=pd.Series(at, dtype="datetime64[us]"))


def kept(frame):
    rows = load(frame).outcomes.astype(object)
    return sorted(map(repr, rows.where(rows.notna(), None).itertuples(index=False)))


@settings(max_examples=60)
@given(LISTS, st.randoms())
def test_what_is_kept_does_not_depend_on_the_order_of_rows(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert kept(frame_of(rows)) == kept(frame_of(shuffled))


@settings(max_examples=60)
@given(LISTS)
def test_what_is_kept_keeps_the_contract(rows):
    clean = load(frame_of(rows)).outcomes
    assert len(load(clean).rejected) == 0


@settings(max_examples=60)
@given(LISTS)
def test_no_row_is_lost(rows):
    tables = load(frame_of(rows))
    assert len(tables.outcomes) + tables.rejected["row"].nunique() == len(rows)
    assert len(tables.stages.lead) == len(tables.outcomes)
    assert [STAGES[code] for code in tables.stages.stage] == tables.outcomes["stage"].to_list()


def strictly_before(first, second):
    """A date is neither before nor after a time of its day; nor are times of a day on which the lead has a date."""
    return first < second


def conflict(rows):
    return any(
        strictly_before(late[1], early[1]) and FUNNEL.index(late[0]) > FUNNEL.index(early[0])
        for late in rows
        for early in rows
    )


@given(st.lists(st.tuples(st.sampled_from(FUNNEL), st.integers(1, 5)), unique=True, max_size=7))
def test_the_fewest_rows_are_out_of_order(rows):
    fewest = next(
        count
        for count in range(len(rows) + 1)
        if any(
            not conflict([row for row in rows if row not in gone])
            for gone in combinations([row for row in rows if row[0] != "won"], count)
        )
    )
    assert len(named(*(f"{stage} {day}" for stage, day in rows))) == fewest


# --------------------------------------------------------------------------------------------------- traps, with twins


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        # Of two the one further along is named, whichever is dated wrongly.
        (("sql 3", "sal 4"), ["sql 3"]),
        (("sal 3", "sql 4"), []),
        # The same time is fine, and so is the same day where one of the two is a date.
        (("sql 3 9", "sal 3 9"), []),
        # Swapped by hours it is put in order, by days it is not.
        (("sql 3 9", "sal 3 10"), []),
        (("sql 3 9", "sal 4 8"), []),
        (("sql 3 9", "sal 4 9"), ["sql 3 9"]),
        # Midnight may be a date: whether it is or not, it begins the day.
        (("sql 3", "sal 4 1"), ["sql 3"]),
        (("sql 3 23", "sal 4"), []),
        (("sql 3", "sal 3 10"), []),
        (("sql 3 9", "sal 3 10", "contacted 3"), []),
        # Re-entry needs an end between.
        (("lead 1", "mql 2", "sal 3", "recycled 4", "mql 5", "sal 6"), []),
        (("lead 1", "mql 2", "sal 3", "contacted 4", "mql 5", "sal 6"), ["sal 3"]),
        (("mql 2", "sal 3", "rejected 4", "mql 4"), []),
        (("mql 2", "rejected 2"), []),
        (("opportunity 2", "lost 3", "won 9"), []),
        # One row wrong, not all that it disagrees with.
        (("sql 1", "lead 2", "mql 3", "sal 4"), ["sql 1"]),
        # Who bought is a customer, whatever else is dated wrongly.
        (("won 1", "mql 2", "sal 3", "sql 4"), ["mql 2", "sal 3", "sql 4"]),
        (("won 3", "mql 5"), ["mql 5"]),
        (("sql 1", "sal 2", "won 3", "won 4", "mql 5"), ["mql 5", "sql 1"]),
        (("sal 2", "sql 3", "won 4", "mql 5"), ["mql 5"]),
        # What is dated as an end goes on with the pass, or starts the next.
        (("mql 1", "sal 3", "recycled 3"), []),
        (("mql 1", "sal 3", "recycled 5", "mql 5", "sal 5", "sql 6"), []),
        (("mql 1", "sql 3", "sal 4", "recycled 5", "mql 5"), ["sql 3"]),
        # Stages beside the funnel are in no order.
        (("contacted 5", "won 6", "contacted 7"), []),
    ],
)
def test_stages_out_of_order(rows, wrong):
    assert named(*rows) == wrong
    assert named(*rows[::-1]) == wrong


# Hours apart from midnight: none of these rows is a date.
TIMED = st.lists(st.tuples(st.sampled_from(FUNNEL), st.integers(0, 90)), unique=True, max_size=7)


@given(TIMED)
def test_a_lead_that_bought_stays_a_customer(rows):
    rows = [f"{stage} {1 + hour // 20} {1 + hour % 20}" for stage, hour in rows]
    tables = load(outcomes_of(*rows))
    bought = [row for row in rows if row.startswith("won")]
    assert (tables.outcomes["stage"] == "won").sum() == len(bought)
    # Put in order they keep the contract, also where nothing may be out of order.
    times = pd.Series(tables.stages.times.at.astype("datetime64[us]"))
    again = load(tables.outcomes.assign(at=times).drop_duplicates(), strict=True)
    assert again.mended.empty


def test_stamps_swapped_by_hours_are_put_in_order_and_named():
    rows = ("mql 5 10", "won 20 18", "opportunity 21 10")
    tables = load(outcomes_of(*rows), strict=True)
    assert tables.mended.astype(str).to_numpy().tolist() == [
        ["2", "a", "opportunity", "2026-03-21 10:00:00", "2026-03-20 18:00:00"]
    ]
    first = "opportunity of a at 2026-03-21 10:00:00 counts from 2026-03-20 18:00:00, the time of a further stage."
    assert tables.notes == (f"1 outcome out of order by less than 24 hours, put in order (see `mended`): {first}",)
    # The rows stay as they came; what is counted is in order.
    assert tables.outcomes["at"].to_list() == outcomes_of(*rows)["at"].to_list()
    assert len({*tables.stages.times.days("UTC")[1:]}) == 1
    assert load(outcomes_of("mql 5 10", "opportunity 20 18", "won 21 10"), strict=True).mended.empty
    with pytest.raises(ls.ContractError, match="1 row: stages out of order"):
        load(outcomes_of("mql 5 10", "won 20 10", "opportunity 21 18"), strict=True)


def test_swapped_stamps_with_a_zone():
    outcomes = outcomes_of("won 20 18", "opportunity 21 10")
    outcomes["at"] = outcomes["at"].dt.tz_localize("America/New_York")
    tables = load(outcomes, strict=True)
    assert tables.mended["counts_from"].to_list() == [pd.Timestamp("2026-03-20 22:00", tz="UTC")]


def test_stages_out_of_order_are_refused_with_the_rows():
    with pytest.raises(ls.ContractError, match="1 row: stages out of order") as caught:
        load(outcomes_of("sql 3", "sal 4"), strict=True)
    assert "row 0: ('a', 'sql', '2026-03-03 00:00:00')" in str(caught.value)


def test_another_leads_stages_are_not_compared():
    outcomes = outcomes_of("sql 3", "sal 4").assign(lead_id=["a", "b"])
    assert len(load(outcomes).rejected) == 0


@pytest.mark.parametrize(
    ("created", "at", "wrong"),
    [
        ("2026-03-02", "2026-03-01T23:59:00", True),
        ("2026-03-02", "2026-03-02T00:00:00", False),
        ("2026-03-02T12:00:00", "2026-03-02T09:00:00", False),  # the same day: clocks differ
        ("2026-03-02T12:00:00", "2026-03-01", True),
        (None, "1999-01-01", False),
    ],
)
def test_before_the_lead_was_created(created, at, wrong):
    leads = pd.DataFrame({"lead_id": ["a", "b"], "created_at": [created, "2026-01-01"]})
    outcomes = pd.DataFrame({"lead_id": ["a"], "stage": ["won"], "at": [at]})
    rejected = load(outcomes, leads).rejected
    assert rejected["problem"].to_list() == ["before the lead was created"] * wrong
    assert load(outcomes).rejected.empty  # no created_at at all


def test_days_are_days_of_the_rulebook():
    leads = pd.DataFrame({"lead_id": ["a"], "created_at": ["2026-03-02"]})
    outcomes = pd.DataFrame({"lead_id": ["a"], "stage": ["won"], "at": ["2026-03-02T02:00:00Z"]})
    text = "{leadscore: 1, name: x, timezone: America/Sao_Paulo, fit: [], behaviour: [], qualify: {threshold: 0}}"
    book = ls.Rulebook.from_yaml(text)
    assert load(outcomes, leads).observed_until == dt.date(2026, 3, 2)
    tables = load(outcomes, leads, rulebook=book)
    assert (tables.timezone, tables.rejected["problem"].to_list()) == (
        "America/Sao_Paulo",
        ["before the lead was created"],
    )


def test_a_close_date_to_come_is_no_outcome():
    rows = ("mql 1", "won 20")
    assert named(*rows, observed_until="2026-03-10") == ["won 20"]
    assert named(*rows, observed_until="2026-03-20") == []
    tables = load(outcomes_of(*rows), observed_until="2026-03-10")
    assert "expected close date" in tables.rejected["problem"][0]
    assert tables.observed_until == dt.date(2026, 3, 10)
    # Without it the last outcome tells.
    assert load(outcomes_of(*rows)).observed_until == dt.date(2026, 3, 20)


def test_the_last_day_is_not_that_of_a_row_set_aside():
    leads = pd.DataFrame({"lead_id": ["a"]})
    outcomes = pd.concat([outcomes_of("mql 1"), outcomes_of("won 30").assign(lead_id="unknown")])
    assert load(outcomes, leads).observed_until == dt.date(2026, 3, 1)


def test_a_row_again():
    assert named("mql 1 9", "mql 1 9", "mql 1 9", "mql 1 10") == ["mql 1 9", "mql 1 9"]
    # Which owner stays does not depend on the order of the rows.
    for owners in (["Zoe", "Ana"], ["Ana", "Zoe"]):
        assert load(outcomes_of("mql 1", "mql 1", owner=owners)).outcomes["owner"].to_list() == ["Ana"]


def test_the_names_of_a_crm():
    outcomes = outcomes_of("mql 1", "won 2").assign(stage=["mql", "Closed Won"])
    with pytest.raises(ls.ContractError, match=r"not a stage; stages are .*stages=\{theirs: ours\}"):
        load(outcomes, strict=True)
    tables = load(outcomes, stages={"Closed Won": "won", "Never used": "lost"}, strict=True)
    assert tables.outcomes["stage"].to_list() == ["mql", "won"]
    with pytest.raises(
        ls.ArgumentError, match="'Closed Won' is mapped to 'wonn', which is not a stage; did you mean 'won'"
    ):
        load(outcomes, stages={"Closed Won": "wonn"})
    numbered = load(outcomes_of("mql 1", "won 2").assign(stage=[1, 3]), stages={1: "mql", 3: "won"}, strict=True)
    assert numbered.outcomes["stage"].to_list() == ["mql", "won"]


def test_a_time_that_is_no_calendar_date():
    outcomes = outcomes_of("mql 1", "won 2")
    outcomes["at"] = np.array([0, 2**62], "datetime64[us]")
    assert load(outcomes).rejected["problem"].to_list() == ["a time outside the years 1 to 9999"]


def test_observed_until_is_a_day():
    with pytest.raises(ls.ArgumentError, match="observed_until"):
        load(outcomes_of("mql 1"), observed_until="31.3.2026")
    with pytest.raises(ls.ArgumentError, match="observed_until is a day"):
        load(outcomes_of("mql 1"), observed_until=DAY_ONE.replace(hour=9))
    assert load(None, observed_until="2026-03-31").observed_until == dt.date(2026, 3, 31)


def test_the_outcomes_up_to_a_day():
    tables = load(outcomes_of("mql 1", "sal 5 9", "sql 5 23", "won 6"))
    stages, day = tables.observed("2026-03-05")
    assert stages.frame["stage"].to_list() == ["mql", "sal", "sql"]
    assert np.datetime64(day, "D") == np.datetime64("2026-03-05")
    assert len(tables.observed()[0].frame) == 4
    with pytest.raises(ls.ArgumentError, match="there are no outcomes"):
        load(None).observed()
    with pytest.raises(ls.ArgumentError, match="the outcomes are empty: no stage that a lead reached was recorded"):
        load(outcomes_of("mql 1")[:0]).observed()


def test_no_stage_counts_from_one_that_is_set_aside():
    """The mql of the 15th is 15 hours after the acceptance, which goes for the sake of the mql of the 16th."""
    rows = [("mql", "2026-03-15"), ("mql", "2026-03-16"), ("sal", "2026-03-14T09:00:00")]
    outcomes = pd.DataFrame(rows, columns=["stage", "at"]).assign(lead_id="a")
    first = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), None, outcomes, strict=False)
    again = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), None, first.outcomes)
    assert len(first.rejected) == 1
    assert sorted(first.stages.times.at.tolist()) == sorted(again.stages.times.at.tolist())
    assert len(first.mended) == len(again.mended)
