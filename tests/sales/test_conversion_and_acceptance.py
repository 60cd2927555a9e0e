"""Labels, the funnel and acceptance: against plain Python lead by lead, named traps, and simulation."""

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.stages import FUNNEL
from leadscore.present.pictures import axes_of
from leadscore.sales.conversion import funnel
from leadscore.sales.response.acceptance import acceptance
from leadscore.tables.labels import label

DAY_ONE = dt.date(2026, 1, 1)
WORKED = {"contacted", "sal", "sql", "opportunity", "won", "rejected", "lost", "recycled"}
UNTIL = 40  # days after the first


def day(number):
    return DAY_ONE + dt.timedelta(number)


def tables_of(rows, leads=None, *, until=UNTIL, **columns):
    """Rows are (lead, stage, days after the first)."""
    leads = leads or {lead: 0 for lead, *_ in rows}
    created = [None if came is None else day(came).isoformat() for came in leads.values()]
    frame = pd.DataFrame({"lead_id": list(leads), "created_at": created} | columns)
    outcomes = pd.DataFrame(rows, columns=["lead_id", "stage", "at", "reason"][: len(rows[0]) if rows else 3])
    outcomes["at"] = [day(at).isoformat() for at in outcomes["at"]]
    return ls.load_tables(frame, None, outcomes, observed_until=day(until), strict=False)


# ---------------------------------------------------------------------------------------------------------- properties

LEADS = st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 30) | st.none(), min_size=1)


@st.composite
def worlds(draw):
    leads = draw(LEADS)
    stage = st.sampled_from([*FUNNEL, "rejected", "recycled", "contacted"])
    rows = draw(st.lists(st.tuples(st.sampled_from(sorted(leads)), stage, st.integers(0, 50)), min_size=1, max_size=25))
    tables = tables_of(rows, leads, until=60, source=[draw(st.sampled_from(["x", "y", None])) for _ in leads])
    return leads, tables


def rows_of(tables, lead, until):
    outcomes = tables.outcomes[tables.outcomes["lead_id"] == lead]
    found = [(stage, dt.date.fromisoformat(at)) for stage, at in zip(outcomes["stage"], outcomes["at"], strict=True)]
    return [(stage, at) for stage, at in found if at <= until]


def reaches(stage):
    return set(FUNNEL[FUNNEL.index(stage) :]) if stage in FUNNEL else {stage}


def plain_label(rows, created, stage, scored, within, until, *, worked_only):  # noqa: PLR0917 - as many as label has
    end = scored + dt.timedelta(within)
    if end > until or (created is not None and day(created) > scored):
        return None
    reached = [at for name, at in rows if name in reaches(stage)]
    if any(at <= scored for at in reached):
        return None
    if worked_only and not any(name in WORKED and at <= end for name, at in rows):
        return None
    return any(at <= end for at in reached)


@given(
    worlds(), st.sampled_from(["mql", "sql", "won", "contacted"]), st.integers(0, 40), st.integers(1, 30), st.booleans()
)
def test_labels_equal_plain_python(world, stage, scored, within, worked_only):
    leads, tables = world
    if not tables.outcomes["stage"].isin(reaches(stage)).any():
        return
    found = label(tables, stage=stage, as_of=day(scored), within_days=within, worked_only=worked_only)
    expected = [
        plain_label(rows_of(tables, lead, day(60)), came, stage, day(scored), within, day(60), worked_only=worked_only)
        for lead, came in leads.items()
    ]
    assert found.astype(object).where(found.notna(), None).to_list() == expected
    # A day of its own for each lead, in another order, is the same question.
    own = pd.Series(day(scored), index=pd.Index(list(leads)[::-1]))
    again = label(tables, stage=stage, as_of=own, within_days=within, worked_only=worked_only)
    assert again.astype(object).where(again.notna(), None).to_list() == expected[::-1]


def plain_cohorts(leads, tables, within):
    """{(month, group): [leads, then those that reached each stage in time]} of the stages that there are."""
    present = [stage for stage in FUNNEL[1:] if stage in set(tables.outcomes["stage"])]
    counts = {}
    sources = dict(zip(tables.leads["lead_id"].to_pylist(), tables.leads["source"].to_pylist(), strict=True))
    for lead, created in leads.items():
        rows = rows_of(tables, lead, day(60))
        came = min((at for stage, at in rows if stage == "lead"), default=None if created is None else day(created))
        if came is None:
            continue
        key = came.replace(day=1), sources[lead] or "(missing)"
        last = came + dt.timedelta(within)
        reached = [any(stage in reaches(name) and at <= last for stage, at in rows) for name in present]
        counts[key] = np.add(counts.get(key, 0), [1, *reached])
    return present, counts


@given(worlds(), st.integers(1, 30))
def test_the_funnel_equals_plain_python(world, within):
    leads, tables = world
    present, counts = plain_cohorts(leads, tables, within)
    if not present or not counts:
        return
    frame = funnel(tables, by="source", within_days=within).frame
    found = {}
    for month, group, stage, n, reached in frame.iloc[:, :5].itertuples(index=False):
        found.setdefault((month.date(), group), []).append((stage, n, reached))
    expected = {
        key: [(stage, *pair) for stage, pair in zip(present, pairwise(sums), strict=True)]
        for key, sums in counts.items()
    }
    assert found == expected


@settings(max_examples=40)
@given(worlds(), st.randoms())
def test_no_figure_depends_on_the_order_of_rows(world, random):
    leads, tables = world
    order = random.sample(range(len(tables.outcomes)), len(tables.outcomes))
    shuffled = ls.load_tables(tables.leads, None, tables.outcomes.iloc[order], observed_until=tables.observed_until)
    for within_days in (None, 9):
        first, second = (acceptance(one, by="source", accepted_within_days=within_days) for one in (tables, shuffled))
        pd.testing.assert_frame_equal(first.frame, second.frame)
        pd.testing.assert_frame_equal(first.reasons, second.reasons)
        assert first.notes == second.notes
    present, counts = plain_cohorts(leads, tables, 9)
    if not present or not counts:
        return
    first, second = (funnel(one, within_days=9, every="week") for one in (tables, shuffled))
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert first.notes == second.notes


@settings(max_examples=40)
@given(worlds())
def test_every_mql_is_accepted_refused_or_undecided(world):
    _, tables = world
    frame = acceptance(tables, by="source").frame
    assert (frame["accepted"] + frame["refused"] + frame["undecided"] == frame["mqls"]).all()
    assert (frame["undecided"] >= 0).all()
    assert (frame.drop("(all)").sum()[["mqls", "accepted", "refused"]] == frame.loc["(all)"][:3]).all()
    assert acceptance(tables).reasons["count"].sum() == frame.loc["(all)", "refused"]


def successes(tables, **options):
    """The same tables without any end that is no success, as dates of stages in a CRM's export have them."""
    outcomes = tables.outcomes[~tables.outcomes["stage"].isin(["rejected", "recycled", "lost"])]
    return ls.load_tables(tables.leads, None, outcomes, observed_until=tables.observed_until, **options)


@settings(max_examples=60)
@given(worlds())
def test_no_share_is_100_percent_for_want_of_refusals(world):
    _, tables = world
    # Two passes may be one without the refusal between them.
    found = acceptance(successes(tables, strict=False), by="source")
    assert found.frame["share"].isna().all()
    assert found.notes[-1].startswith("No share is given: no outcome is rejected or recycled")
    assert "%" not in found.headline


@settings(max_examples=60)
@given(worlds(), st.integers(1, 30))
def test_accepted_within_days_equals_plain_python(world, within):
    leads, tables = world
    expected = [0, 0, 0]
    for lead in leads:
        rows = sorted(rows_of(tables, lead, day(60)), key=lambda row: (row[1], row[0] in {"rejected", "recycled"}))
        came = min((at for stage, at in rows if stage == "mql"), default=None)
        if came is None or came + dt.timedelta(within) > day(60):
            continue
        said = [(stage, at) for stage, at in rows if stage in {*FUNNEL[2:], "rejected", "recycled"}][:1]
        in_time = [stage in FUNNEL for stage, at in said if at <= came + dt.timedelta(within)]
        expected = np.add(expected, [1, in_time == [True], in_time == [False]]).tolist()
    found = acceptance(tables, by="source", accepted_within_days=within)
    assert found.frame.loc["(all)", ["mqls", "accepted", "refused"]].to_list() == expected
    whole = found.frame.loc["(all)"]
    assert np.isnan(whole["share"]) if not whole["mqls"] else whole["share"] == whole["accepted"] / whole["mqls"]
    named = sum(int(note.split()[0]) for note in found.notes)
    assert named + whole["mqls"] == acceptance(tables).frame.loc["(all)", "mqls"]


# ------------------------------------------------------------------------------------------------------ labels, traps


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", "won", 10)], None),  # on the day of the score
        ([("a", "won", 11)], True),
        ([("a", "won", 20)], True),  # the last day of the window
        ([("a", "won", 21)], False),
        ([("a", "won", 9)], None),
        ([("a", "sql", 15), ("b", "won", 1)], False),
        ([("a", "mql", 11), ("a", "won", 12)], True),
    ],
)
def test_the_edges_of_a_window(rows, expected):
    found = label(tables_of(rows), stage="won", as_of=day(10), within_days=10)
    assert found.astype(object).where(found.notna(), None)["a"] == expected
    assert (found.dtype, found.index.name, found.name) == ("boolean", "lead_id", "won")


def test_further_along_is_reached_too():
    tables = tables_of([("a", "won", 15), ("b", "contacted", 15)])
    assert label(tables, stage="sql", as_of=day(10), within_days=10).to_list() == [True, False]
    assert label(tables, stage="contacted", as_of=day(10), within_days=10).to_list() == [False, True]


@pytest.mark.parametrize("until", [19, 20])
def test_an_open_window_has_no_label_even_where_the_stage_is_reached(until):
    tables = tables_of([("a", "won", 12), ("b", "mql", 12)])
    found = label(tables, stage="won", as_of=day(10), within_days=10, observed_until=day(until))
    assert found.isna().to_list() == [until == 19] * 2


def test_what_came_after_observed_until_does_not_exist():
    tables = tables_of([("a", "won", 12), ("b", "won", 3)])
    found = label(tables, stage="won", as_of=day(4), within_days=5, observed_until=day(11))
    assert found.to_list() == [False, pd.NA]
    # Were it otherwise, the win of day 12 would have made this one True.
    assert label(tables, stage="won", as_of=day(4), within_days=8).to_list() == [True, pd.NA]


def test_a_lead_that_came_later_has_no_label():
    tables = tables_of([("a", "won", 12)], {"a": 11, "b": 10, "c": None})
    found = label(tables, stage="won", as_of=day(10), within_days=5)
    assert found.isna().to_list() == [True, False, False]


def test_who_was_never_worked_has_no_label():
    rows = [("a", "mql", 5), ("b", "mql", 5), ("b", "contacted", 12), ("c", "contacted", 30), ("d", "won", 12)]
    tables = tables_of(rows)
    found = label(tables, stage="won", as_of=day(10), within_days=10, worked_only=True)
    assert found.to_list() == [pd.NA, False, pd.NA, True]
    assert label(tables, stage="won", as_of=day(10), within_days=10).to_list() == [False, False, False, True]


def test_days_by_lead():
    tables = tables_of([("a", "won", 12), ("b", "won", 12)])
    days = pd.Series([pd.Timestamp("2026-01-20", tz="UTC"), pd.NaT, pd.Timestamp("2026-01-05 23:00", tz="UTC")])
    found = label(tables, stage="won", as_of=days.set_axis(["b", "a", "a"]), within_days=9)
    assert found.index.to_list() == ["b", "a", "a"]
    assert found.to_list() == [pd.NA, pd.NA, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stage": "wonn"}, "got 'wonn'; did you mean 'won'"),
        ({"stage": "recycled"}, "no outcome is recycled: all labels would be False"),
        ({"within_days": 0}, "within_days"),
        ({"within_days": 2.5}, "within_days"),
        ({"within_days": True}, "within_days"),
        ({"as_of": "1.2.2026"}, "as_of"),
        ({"observed_until": "later"}, "observed_until"),
        ({"as_of": pd.Series(["2026-01-01"], index=["z"])}, "1 lead not in the tables: 'z'"),
        ({"as_of": pd.Series(["soon"], index=["a"])}, "must hold days as 2026-03-31; got 'soon'"),
        ({"as_of": pd.Series([3], index=["a"])}, "must hold days as 2026-03-31; got 3"),
    ],
)
def test_wrong_arguments_of_label_are_named(arguments, message):
    tables = tables_of([("a", "won", 12)])
    with pytest.raises(ls.ArgumentError, match=message):
        label(tables, **{"stage": "won", "as_of": day(3), "within_days": 5} | arguments)


# ------------------------------------------------------------------------------------------------- the funnel, traps


def test_a_cohort_is_mature_when_its_last_possible_lead_is():
    rows = [("a", "won", 5), ("b", "won", 35)]
    for until, mature in ((59, [True, False]), (60, [True, False]), (86, [True, False]), (87, [True, True])):
        tables = tables_of(rows, {"a": 0, "b": 31}, until=until)  # January and February 2026; 28 February is day 58
        frame = funnel(tables, within_days=29).frame
        assert frame["mature"].to_list() == mature
        assert frame["share"].notna().to_list() == mature
        assert frame["reached"].to_list() == [1, 1]  # counts so far stand
        total = funnel(tables, within_days=29).total
        assert total["n"].to_list() == [sum(mature)]


def test_reached_too_late_is_not_reached():
    tables = tables_of([("a", "won", 11), ("b", "won", 10)], {"a": 0, "b": 0})
    assert funnel(tables, within_days=10).frame["reached"].to_list() == [1]


def test_the_lead_stage_sets_the_cohort_else_created_at():
    rows = [("a", "lead", 31), ("a", "won", 33), ("b", "won", 33), ("c", "won", 33)]
    table = funnel(tables_of(rows, {"a": 0, "b": 0, "c": None}), within_days=5)
    assert table.frame[["n", "reached"]].to_numpy().tolist() == [[1, 0], [1, 1]]
    assert "1 of 3 leads in no cohort: neither a lead stage nor created_at." in table.notes


def test_leads_to_come_are_in_no_cohort():
    table = funnel(tables_of([("a", "won", 3)], {"a": 0, "b": 50}), within_days=5)
    assert table.frame["n"].sum() == 1
    assert any("1 of 2 leads in no cohort: first day after 2026-02-10" in finding for finding in table.notes)


@pytest.mark.parametrize(
    ("every", "starts"),
    [
        ("day", ["2026-01-01", "2026-01-04", "2026-01-05"]),
        ("week", ["2025-12-29", "2026-01-05"]),  # Mondays
        ("month", ["2026-01-01"]),
        ("quarter", ["2026-01-01"]),
    ],
)
def test_cohorts_begin_where_the_calendar_says(every, starts):
    tables = tables_of([("a", "won", 3)], {"a": 0, "b": 3, "c": 4})
    frame = funnel(tables, every=every, within_days=5).frame
    assert frame["cohort"].dt.strftime("%Y-%m-%d").to_list() == starts


def test_all_leads_whose_own_window_is_closed():
    tables = tables_of([("a", "won", 3), ("b", "won", 36)], {"a": 0, "b": 35, "c": 36})
    table = funnel(tables, every="day", within_days=5)
    assert table.total[["stage", "n", "reached"]].to_numpy().tolist() == [["won", 2, 2]]
    assert table.notes[-1].startswith("Too recent to judge: 1 of 3 cohorts, as 5 days had not passed")


def late_records(rng, n=3000, begins=60, rate=0.3, **columns):
    """Leads over 180 days, of which some convert after 20 days or so; recorded from a day on."""
    came, delay = np.sort(rng.integers(0, 180, n)), rng.exponential(20, n).astype(int)
    at = came + delay
    won = (rng.random(n) < rate) & (at >= begins) & (at < 180)
    leads = pd.DataFrame({"lead_id": range(n), "created_at": [day(int(one)).isoformat() for one in came]} | columns)
    outcomes = pd.DataFrame({"lead_id": np.flatnonzero(won), "stage": "won"})
    outcomes["at"] = [day(int(one)).isoformat() for one in at[won]]
    return ls.load_tables(leads, None, outcomes, observed_until=day(180))


def test_a_stage_recorded_late_is_found_and_its_cohorts_have_no_share():
    table = funnel(late_records(np.random.default_rng(1)), within_days=60)
    assert table.notes[1].startswith("won is recorded from 2026-03-02 on, while leads came from 2026-01-01")
    assert table.frame["truncated"].to_list() == [True, True, True, False, False, False]  # 1 March came before
    assert table.frame["share"].notna().to_list() == [False, False, False, True, False, False]
    # Of those that came later, in 60 days: 0.3 x (1 - e^-3).
    assert table.total["share"][0] == pytest.approx(0.285, abs=0.06)
    expected = float(table.notes[1].split("about ")[1].split()[0])
    assert expected == pytest.approx(0.3 * 1000 * (1 - (1 - np.exp(-3)) / 3), rel=0.15)


def test_who_came_on_the_first_day_of_records_is_not_truncated():
    frame = funnel(late_records(np.random.default_rng(1)), every="day", within_days=60).frame.set_index("cohort")
    assert frame.loc["2026-03-01":"2026-03-02", "truncated"].to_list() == [True, False]


def test_the_stage_after_one_recorded_late_has_no_share_either():
    made = late_records(np.random.default_rng(1))
    outcomes = pd.concat([made.outcomes.assign(stage="sql"), made.outcomes.iloc[::2]])
    early = pd.DataFrame({"lead_id": [0], "stage": "won", "at": made.leads["created_at"][:1].to_pylist()})
    tables = ls.load_tables(made.leads, None, pd.concat([outcomes, early]), observed_until=day(180))
    frame = funnel(tables, within_days=60).frame
    assert frame[frame["stage"] == "won"]["truncated"].to_list() == [True, True, True, False, False, False]


def test_a_stage_recorded_all_along_is_rarely_suspected():
    rng = np.random.default_rng(2)
    alarms = [
        funnel(late_records(rng, 300, begins=0, rate=0.2), within_days=90).frame["truncated"].any() for _ in range(100)
    ]
    assert np.sum(alarms) <= 4  # 1 in 100 on average


def test_stages_nobody_reached_are_left_out_and_said():
    table = funnel(tables_of([("a", "won", 3)]), within_days=5)
    assert table.notes[0] == "No outcome is mql or sal or sql or opportunity: left out."
    with pytest.raises(ls.ArgumentError, match="no outcome up to 2026-02-10 is one of mql"):
        funnel(tables_of([("a", "contacted", 3)]), within_days=5)


def test_groups_are_a_column_or_combinations_of_some():
    tables = tables_of(
        [("a", "won", 3), ("b", "mql", 3)], {"a": 0, "b": 0, "c": 0}, source=["x", None, "y"], n=[2, None, 1]
    )
    by_column = funnel(tables, by="source", within_days=5).total
    assert by_column["group"].to_list() == ["x", "x", "y", "y", "(missing)", "(missing)", "(all)", "(all)"]
    assert by_column["n"].to_list() == [1, 1, 1, 0, 1, 1, 3, 2]
    both = funnel(tables, by=["n", "source"], within_days=5).total
    assert both["group"].to_list()[::2] == ["1, y", "2, x", "(missing), (missing)", "(all)"]
    with pytest.raises(ls.ArgumentError, match="did you mean 'source'"):
        funnel(tables, within_days=5, by="sources")
    with pytest.raises(ls.ArgumentError, match="must be a name or a list of names; got Series"):
        funnel(tables, within_days=5, by=pd.Series([1, 2, 3]))


def test_wrong_arguments_of_the_funnel_are_named():
    tables = tables_of([("a", "won", 3)])
    with pytest.raises(ls.ArgumentError, match="must be one of 'day', 'week', 'month', 'quarter'; got 'year'"):
        funnel(tables, within_days=5, every="year")
    with pytest.raises(ls.ArgumentError, match="within_days"):
        funnel(tables, within_days=0)
    with pytest.raises(ls.ArgumentError, match="no lead has a lead stage or a created_at up to 2026-02-10"):
        funnel(tables_of([("a", "won", 3)], {"a": None}), within_days=5)
    with pytest.raises(ls.ArgumentError, match="there are no outcomes"):
        funnel(ls.load_tables(pd.DataFrame({"lead_id": ["a"]})), within_days=5)


def test_the_funnel_is_said_and_drawn():
    made = late_records(np.random.default_rng(1), source="<b>")
    table = funnel(made, within_days=60)
    assert table.headline.endswith("leads reached won within 60 days of arrival, by outcomes until 2026-06-30.")
    assert "- won is recorded from" in repr(table)
    assert "<li>won is recorded" in table._repr_html_()
    ax = table.plot()
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["truncated", "truncated", "truncated", "immature", "immature"]
    assert "2026-04-01" in ax.get_xticklabels()[3].get_text()
    drawn = np.asarray(ax.containers[0].lines[0].get_ydata(), float)
    assert np.isnan(drawn).tolist() == table.frame["share"].isna().to_list()
    groups = funnel(made, by="source", within_days=60)
    assert '<td style="text-align: left"><b>' not in groups._repr_html_()
    own = axes_of()
    assert groups.plot(ax=own) is own
    assert "won, <b>" in own.get_yticklabels()[0].get_text()
    own.figure.draw_without_rendering()


# --------------------------------------------------------------------------------------------------------- acceptance


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", "mql", 1)], [1, 0, 0, 1]),
        ([("a", "won", 1)], [1, 1, 0, 0]),
        ([("a", "mql", 1), ("a", "rejected", 2)], [1, 0, 1, 0]),
        ([("a", "rejected", 2)], [1, 0, 1, 0]),
        ([("a", "mql", 1), ("a", "recycled", 2)], [1, 0, 1, 0]),
        # What sales said first counts; on the same day, that it accepted.
        ([("a", "mql", 1), ("a", "rejected", 2), ("a", "mql", 3), ("a", "sal", 4)], [1, 0, 1, 0]),
        ([("a", "mql", 1), ("a", "sal", 2), ("a", "recycled", 3)], [1, 1, 0, 0]),
        ([("a", "mql", 1), ("a", "sal", 2), ("a", "recycled", 2)], [1, 1, 0, 0]),
        # No MQL: never handed over.
        ([("a", "lead", 1), ("a", "contacted", 2)], [0, 0, 0, 0]),
        ([("a", "recycled", 1), ("b", "mql", 50)], [0, 0, 0, 0]),
    ],
)
def test_what_counts_as_accepted(rows, expected):
    frame = acceptance(tables_of(rows)).frame
    assert frame.loc["(all)", ["mqls", "accepted", "refused", "undecided"]].to_list() == expected
    refusals = {"rejected", "recycled"} & {stage for _, stage, _ in rows}
    assert np.isnan(frame.loc["(all)", "share"]) == (expected[1] + expected[2] == 0 or not refusals)


def test_reasons_are_ranked_and_a_missing_one_is_said():
    rows = [(f"{place}", "rejected", 3, reason) for place, reason in enumerate(["b", " b ", "a", None, "", "c"])]
    rows.append(("x", "sal", 3, "not a refusal"))
    reasons = acceptance(tables_of(rows)).reasons
    assert reasons[["reason", "count", "n"]].to_numpy().tolist() == [
        ["(none given)", 2, 6],
        ["b", 2, 6],
        ["a", 1, 6],
        ["c", 1, 6],
    ]
    assert reasons[["low", "high"]].round(4).iloc[1].to_list() == [0.0968, 0.7]  # Wilson, 2 of 6
    assert " b 2 6 33.3% (9.7% to 70.0%) " in " ".join(repr(acceptance(tables_of(rows))).split())


def test_acceptance_by_group():
    rows = [("a", "sal", 3), ("b", "rejected", 3), ("c", "mql", 3)]
    found = acceptance(tables_of(rows, source=["x", "x", "<y>"]), by="source")
    assert found.frame["mqls"].to_dict() == {"<y>": 1, "x": 2, "(all)": 3}
    assert found.reasons[["group", "reason", "n"]].to_numpy().tolist() == [["x", "(none given)", 1]]
    assert "<y>" not in found._repr_html_()


@pytest.mark.parametrize(
    ("scored_at", "expected"),
    [
        # Won at 15:00: after the qualifying moment, but on the day that a score of the day ends with.
        ("2026-01-11T09:00Z", True),
        ("2026-01-11T15:00Z", None),
        ("2026-01-11T18:00Z", None),
        ("2026-01-11", None),
        ("2026-01-11T09:00", None),  # no zone: a day, as frames of days hold it
        ("2026-01-10", True),
    ],
)
def test_a_moment_may_be_followed_on_its_own_day(scored_at, expected):
    outcomes = pd.DataFrame({"lead_id": ["a"], "stage": ["won"], "at": ["2026-01-11T15:00Z"]})
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), None, outcomes, observed_until="2026-03-01")
    found = label(tables, stage="won", as_of=pd.Series([scored_at], index=["a"]), within_days=5)
    assert found.to_list() == [pd.NA if expected is None else expected]


def test_a_date_may_have_come_before_a_moment_of_its_day():
    outcomes = pd.DataFrame({"lead_id": ["a", "b"], "stage": "won", "at": ["2026-01-11", "2026-01-12"]})
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a", "b"]}), None, outcomes, observed_until="2026-03-01")
    found = label(tables, stage="won", as_of=pd.Series(["2026-01-11T09:00Z"] * 2, index=["a", "b"]), within_days=5)
    assert found.to_list() == [pd.NA, True]


# ----------------------------------------------------------------------------- outcomes that know only successes, traps

STAGED = [("a", "mql", 1), ("a", "sal", 3), ("b", "mql", 1), ("b", "sal", 30), ("c", "mql", 2), ("d", "mql", 35)]


def test_the_share_within_days_is_said_in_the_headline():
    found = acceptance(tables_of(STAGED), accepted_within_days=10)
    assert found.headline == (
        "33.3% (6.1% to 79.2%) of 3 MQLs were accepted within 10 days; the 0 refused and 2 undecided by then count as "
        "not accepted. Outcomes until 2026-02-10."
    )
    assert found.notes == ("1 MQL left out: 10 days had not passed by 2026-02-10.",)
    # Of refusals that are recorded the share is the same: they are who was not accepted.
    more = acceptance(tables_of([*STAGED, ("c", "rejected", 4), ("b", "rejected", 50)]), accepted_within_days=10)
    assert more.frame["share"].to_list() == found.frame["share"].to_list()
    assert (more.to_dict()["accepted_within_days"], more.frame["refused"].to_list()) == (10, [1])


def test_who_is_known_only_as_accepted_is_in_no_share():
    found = acceptance(tables_of([*STAGED, ("e", "sal", 5), ("f", "won", 6)]), accepted_within_days=10)
    assert found.frame.loc["(all)", "mqls"] == 3
    assert found.notes[0] == "2 MQLs left out: no mql is recorded, so nothing says since when sales had them."
    nobody = acceptance(tables_of([("e", "sal", 5), ("f", "won", 6)]), accepted_within_days=10)
    assert nobody.headline.startswith("No share is known: of no MQL it is known whether it was accepted within 10 days")


def test_without_refusals_the_counts_stand_and_the_share_does_not():
    found = acceptance(tables_of(STAGED))
    assert found.headline == (
        "2 of 4 MQLs were accepted; no share is known, as no refusal is recorded. Outcomes until 2026-02-10."
    )
    assert found.frame.iloc[-1].isna().to_list() == [False] * 4 + [True] * 3
    assert "100.0%" not in repr(found) + found.to_markdown()
    # Lost is no refusal: the lead was accepted before.
    lost = [*STAGED, ("a", "opportunity", 4), ("a", "lost", 5)]
    assert acceptance(tables_of(lost)).frame["share"].isna().all()
    refused = acceptance(tables_of([*STAGED, ("c", "rejected", 4)]))
    assert refused.headline.startswith("66.7% (20.8% to 93.9%) of 3 MQLs that sales decided on were accepted")
    assert not refused.notes


def test_a_group_without_refusals_is_accepted_in_full_where_others_are_refused():
    rows = [("a", "sal", 3), ("b", "sal", 3), ("c", "rejected", 3)]
    found = acceptance(tables_of(rows, source=["x", "x", "y"]), by="source")
    assert found.frame["share"].to_dict() == {"x": 1, "y": 0, "(all)": 2 / 3}


def test_refusals_that_were_recorded_late():
    accepted = [(f"early {number}", "sal", 1 + number % 10) for number in range(30)]
    since = [(f"late {number}", ["sal", "rejected"][number % 2], 15 + number // 2) for number in range(20)]
    found = acceptance(tables_of([*accepted, *since]))
    assert found.frame.loc["(all)", ["mqls", "accepted", "refused"]].to_list() == [20, 10, 10]
    why = "accepted before 2026-01-16, the first refusal, while at the later rate 14 would have been refused"
    assert found.notes == (f"30 MQLs left out: {why}; refusals seem to be recorded only since.",)
    # A refusal early on, or few decisions before the first, and nothing is left out.
    for rows in ([*accepted, *since, ("x", "rejected", 1)], [*accepted[:5], *since]):
        whole = acceptance(tables_of(rows))
        assert (whole.frame.loc["(all)", "mqls"], whole.notes) == (len(rows), ())


def test_a_stage_that_all_reached_is_no_finding():
    rows = [(f"{number}", stage, 5) for number in range(12) for stage in ("mql", "sal")]
    why = "no finding if the CRM keeps a stage only for leads that went on"
    notes = funnel(tables_of(rows), within_days=8, every="day").notes
    assert f"All 12 leads that reached mql also reached sal: {why}." in notes
    for other in (rows[:18], [*rows, ("x", "mql", 5)]):
        assert not [
            note for note in funnel(tables_of(other), within_days=8, every="day").notes if "reached sal" in note
        ]
