"""Leads in groups: names of columns, one rule for missing values, for values that read alike, and for rare groups."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import leadscore as ls
from leadscore.base.groups import grouped
from leadscore.tables.groups import grouping

LEADS = pd.DataFrame({"lead_id": list("abcd"), "source": ["ads", None, "web", "ads"], "size": [2, 10, None, 2]})
TABLES = ls.load_tables(LEADS, columns=["source", "size"])


def named(groups):
    return [groups.names[code] for code in groups.code]


def test_one_name_is_the_column_in_order_and_missing_last():
    groups = grouping(TABLES, "source")
    assert groups.names == ["ads", "web", "(missing)"]
    assert named(groups) == ["ads", "(missing)", "web", "ads"]
    assert grouping(TABLES, "size").names == ["2", "10", "(missing)"]


def test_a_list_of_one_name_is_that_name():
    assert named(grouping(TABLES, ["source"])) == named(grouping(TABLES, "source"))


def test_several_names_group_by_each_combination():
    groups = grouping(TABLES, ["source", "size"])
    assert named(groups) == ["ads, 2", "(missing), 10", "web, (missing)", "ads, 2"]
    assert groups.names == ["ads, 2", "web, (missing)", "(missing), 10"]


@pytest.mark.parametrize("none", [None, [], ()])
def test_without_names_all_leads_are_one_group(none):
    assert named(grouping(TABLES, none)) == ["(all)"] * 4


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("sourc", "there is no lead column 'sourc'; did you mean 'source'"),
        (["source", "sourc"], "there is no lead column 'sourc'"),
        (["source", "source"], "has a name twice: 'source', 'source'"),
        (LEADS["source"], "must be a name or a list of names; got Series"),
        ({"source"}, "must be a name or a list of names; got a set"),
        (["source", 3], r"must be a name or a list of names; got \['source', 3\]"),
        (5, "must be a name or a list of names; got an int"),
    ],
)
def test_what_is_no_name_is_refused(by, message):
    with pytest.raises(ls.ArgumentError, match=message):
        grouping(TABLES, by)


def test_other_groups_come_by_name_and_before_columns():
    own = {"segment": pd.Series({"d": "Large"}), "source": pd.Series({"a": "mine"})}
    assert named(grouping(TABLES, "segment", own)) == ["(missing)"] * 3 + ["Large"]
    assert named(grouping(TABLES, "source", own))[0] == "mine"


def test_a_series_is_aligned_by_lead_or_refused():
    assert TABLES.aligned(pd.Series({"d": 4, "a": 1}), "score").to_list()[::3] == [1, 4]
    with pytest.raises(ls.ArgumentError, match="has 1 lead more than once: 'a'"):
        TABLES.aligned(pd.Series([1, 2, 3], index=["a", "b", "a"]), "score")
    with pytest.raises(ls.ArgumentError, match="has none of the leads"):
        TABLES.aligned(pd.Series([1, 2, 3]), "score")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([5, 5.0, None, "5"], ["5", "5", "(missing)", "5"]),
        ([np.float32(5), np.int64(5), np.True_, True], ["5", "5", "true", "true"]),
        (pd.array([True, None, False, True], "boolean"), ["true", "(missing)", "false", "true"]),
        (["(missing)", None, "x"], ["(missing)", "(missing)", "x"]),
        (["(all)", "(other)", "x"], ["'(all)'", "'(other)'", "x"]),
        ([True, False, pd.NA], ["true", "false", "(missing)"]),
        (pd.Series([1, None], dtype="Int64"), ["1", "(missing)"]),
        (pd.Series(["x", None], dtype="string[pyarrow]"), ["x", "(missing)"]),
        (pl.Series(["x", None]), ["x", "(missing)"]),
        (np.array([1.5, np.nan]), ["1.5", "(missing)"]),
        (np.array([], float), []),
    ],
)
def test_values_that_read_alike_are_one_group(values, names):
    groups = grouped(values)
    assert named(groups) == names
    assert len(set(groups.names)) == len(groups.names)


def test_groups_keep_the_order_of_categories_and_leave_out_unused_ones():
    groups = grouped(pd.Categorical(["low", "high", None], categories=["high", "middle", "low"]))
    assert groups.names == ["high", "low", "(missing)"]


def test_groups_too_small_stand_together_last():
    groups = grouped(["a", "b", "c", "b", None])
    kept = groups.keeping(np.array([False, True, False, False]))
    assert kept.names == ["b", "(other)"]
    assert named(kept) == ["(other)", "b", "(other)", "b", "(other)"]
    assert groups.keeping(np.ones(4, bool)).names == groups.names


def test_drift_takes_one_name_as_one_name():
    made = ls.datasets.make_funnel(300, random_state=1)
    tables = ls.load_tables(made.leads, made.events, rulebook=made.rulebook, columns=["source"])
    period = {"start": "2026-03-02", "end": "2026-03-15"}
    one, listed = (
        [cohort.scores for cohort in ls.drift.weekly_cohorts(tables, made.rulebook, by=by, **period)]
        for by in ("source", ["source"])
    )
    for mine, theirs in zip(one, listed, strict=True):
        pd.testing.assert_frame_equal(mine, theirs)
    assert ls.BalanceMonitor(made.rulebook, by="source").by == ("source",)


def test_one_further_column_is_kept_by_its_name_alone():
    rulebook = ls.Rulebook.from_yaml("{leadscore: 1, name: x, qualify: {threshold: 0}}")
    assert ls.load_tables(LEADS, rulebook=rulebook, columns="source").leads.column_names == ["lead_id", "source"]
    events = pd.DataFrame({"lead_id": [1], "event": ["visit"], "at": ["2026-03-31"], "asset": ["/a"]})
    assert "asset" in ls.daily_activity(events, columns="asset").table.column_names
