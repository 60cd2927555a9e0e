"""What buckets of leads could get wrong: ids in several forms, types by part, what only the whole can tell."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.engines.partition import buckets_of
from leadscore.sources.columns import plain_ids
from leadscore.tables.ids import Ids

pytestmark = pytest.mark.buckets
AS_OF = "2026-03-31"
BOOK = ls.Rulebook.from_yaml("""
leadscore: 1
name: demo
fit:
  - {name: Home market, column: country, points: {US: 30, NO: 10}, other: 1, missing: 2}
  - {name: Size, column: employees, from: {1: 5, 100: 10}}
behaviour: [{name: Visit, event: visit, where: {amount: {at_least: 2}}, points: 3, count: each}]
qualify: {threshold: 40}
""")
LEADS = pd.DataFrame({"lead_id": [7, 8, 9, 10], "country": ["US", "NO", None, "DE"], "employees": [5, 500, None, 1]})
EVENTS = pd.DataFrame({"lead_id": [7, 7, 8, 10], "event": "visit", "at": "2026-03-30", "amount": [2, 3, 1, 5]})


def written(folder, name, table, form="parquet"):
    """The path of a table: a file, or the parts of a folder."""
    path = folder / f"{name}.{form}"
    if isinstance(table, list):
        path = folder / name
        for number, part in enumerate(table):
            (path / f"part={number}").mkdir(parents=True)
            part.to_parquet(path / f"part={number}" / "0.parquet", index=False)
    elif form == "csv":
        table.to_csv(path, index=False)
    elif isinstance(table, pa.Table):
        pa.parquet.write_table(table, path)
    else:
        table.to_parquet(path, index=False)
    return path


def both(folder, *files, book=BOOK, buckets=4, as_of=AS_OF):
    """The rows of both engines, by lead, as plain data."""
    tables = ls.load_tables(*files, rulebook=book, as_of=as_of)
    wanted = ls.score(tables, book, as_of=as_of).frame
    out = folder / "out.parquet"
    ls.score_files(*files, rulebook=book, as_of=as_of, out=out, buckets=buckets, threads=1)
    found = pd.read_parquet(out).set_index("lead_id")[wanted.columns]
    return [frame.astype(object).where(frame.notna(), None).sort_index().to_dict("split") for frame in (wanted, found)]


def refusals(folder, *files, book=BOOK, as_of=AS_OF, buckets=4):
    """What both engines say of tables that break the contract."""
    with pytest.raises(ls.ContractError) as wanted:
        ls.load_tables(*files, rulebook=book, as_of=as_of)
    out = folder / "refused.parquet"
    with pytest.raises(ls.ContractError) as found:
        ls.score_files(*files, rulebook=book, as_of=as_of, out=out, buckets=buckets, threads=1)
    assert not out.exists()
    assert not [one for one in folder.iterdir() if one.name.endswith(".work")]
    return str(wanted.value), str(found.value)


# ---------------------------------------------------------------------------------------------------------------- ids

FORMS = [
    lambda ids: pa.array(ids, pa.int64()),
    lambda ids: pa.array(ids, pa.int32()),
    lambda ids: pa.array(ids, pa.float64()),
    lambda ids: pa.array([str(one) for one in ids]),
    lambda ids: pa.array([str(one) for one in ids], pa.large_string()),
    lambda ids: pa.array([str(one) for one in ids]).dictionary_encode(),
]


@given(
    ids=st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=30),
    one=st.sampled_from(FORMS),
    other=st.sampled_from(FORMS),
    buckets=st.integers(1, 50),
)
def test_ids_that_match_are_in_one_bucket(ids, one, other, buckets):
    first, second = (plain_ids(form(ids), "events") for form in (one, other))
    matched = Ids(pa.array(sorted(set(ids))) if not pa.types.is_dictionary(first.type) else first.dictionary)
    assert (matched.positions(first) == matched.positions(second)).all()
    as_text = not all(pa.types.is_integer(array.type) for array in (first, second))
    found = [buckets_of(array, buckets, as_text=as_text) for array in (first, second)]
    assert (found[0] == found[1]).all()
    assert found[0].max() < buckets


@given(texts=st.lists(st.text(max_size=90), min_size=1), buckets=st.integers(1, 9))
def test_a_text_has_one_bucket_whatever_stands_beside_it(texts, buckets):
    whole = buckets_of(pa.array(texts, pa.large_string()), buckets, as_text=True)
    alone = [int(buckets_of(pa.array([one], pa.large_string()), buckets, as_text=True)[0]) for one in texts]
    assert whole.tolist() == alone


@pytest.mark.parametrize("ids", [range(100_000), [f"003A{n:011}" for n in range(100_000)], np.arange(100_000) * 4096])
def test_buckets_are_alike_in_size(ids):
    array = pa.array(ids)
    counts = np.bincount(buckets_of(array, 64, as_text=pa.types.is_string(array.type)), minlength=64)
    assert counts.min() > 1300
    assert counts.max() < 1850


@pytest.mark.parametrize("theirs", [str, float, lambda one: f"{one}"])
@pytest.mark.parametrize("ours", [int, str])
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_ids_in_several_forms(tmp_path, ours, theirs, form):
    leads = written(tmp_path, "leads", LEADS.assign(lead_id=LEADS["lead_id"].map(ours)), form)
    ids = EVENTS["lead_id"].map(theirs)
    if form == "csv" and theirs is float:
        ids = ids.map(int)
    wanted, found = both(tmp_path, leads, written(tmp_path, "events", EVENTS.assign(lead_id=ids), form))
    assert found == wanted
    assert max(row[1] for row in wanted["data"]) == 6


def test_ids_with_gaps_are_floats_and_still_match(tmp_path):
    events = EVENTS.assign(lead_id=[7.0, 7.0, np.nan, 10.0])
    files = written(tmp_path, "leads", LEADS), written(tmp_path, "events", events)
    wanted, found = refusals(tmp_path, *files)
    assert found == wanted
    assert "no lead_id" in found
    whole = written(tmp_path, "whole", events.dropna(subset="lead_id"))
    wanted, found = both(tmp_path, files[0], whole)
    assert found == wanted


# -------------------------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("buckets", [1, 3, 200])
def test_any_number_of_buckets(tmp_path, buckets):
    files = written(tmp_path, "leads", LEADS), written(tmp_path, "events", EVENTS)
    wanted, found = both(tmp_path, *files, buckets=buckets)
    assert found == wanted


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_no_rows(tmp_path, form):
    leads, events = written(tmp_path, "leads", LEADS, form), written(tmp_path, "events", EVENTS[:0], form)
    wanted, found = both(tmp_path, leads, events)
    assert found == wanted
    found = ls.score_files(leads, rulebook=BOOK.edited({"behaviour": []}), as_of=AS_OF, out=tmp_path / "fit.csv")
    assert len(found) == 4
    none = written(tmp_path, "none", LEADS[:0], form)
    found = ls.score_files(none, events, rulebook=BOOK, as_of=AS_OF, out=tmp_path / "scored.csv", buckets=3, threads=1)
    assert len(found) == 0
    assert found.headline == "0 of 0 leads qualify on 2026-03-31 by 'demo'."


# -------------------------------------------------------------------------------------------------------------- types


def test_parts_of_different_types(tmp_path):
    """Whole and real numbers, a part without a value, dates and times, and folders whose names are columns."""
    leads = [LEADS[:2].assign(employees=[5, 500]), LEADS[2:3].assign(employees=[None]), LEADS[3:].assign(employees=1.5)]
    days = [pd.Timestamp("2026-03-30").date(), pd.Timestamp("2026-03-30 10:00"), pd.Timestamp("2026-03-29")]
    events = [EVENTS[:2].assign(at=days[0]), EVENTS[2:3].assign(at=days[1]), EVENTS[3:].assign(at=days[2], amount=5.0)]
    book = BOOK.edited({"fit[0].column": "part", "fit[0].points": {"0": 30, "2": 10}})
    wanted, found = both(
        tmp_path, written(tmp_path, "leads", leads), written(tmp_path, "events", events), book=book, buckets=5
    )
    assert found == wanted
    assert {row[0] for row in wanted["data"]} == {35, 40, 1, 15}


def test_a_column_with_values_in_one_bucket_alone(tmp_path):
    leads = LEADS.assign(employees=[None, None, None, 100.0], country=[None, None, None, "US"])
    files = written(tmp_path, "leads", leads), written(tmp_path, "events", EVENTS)
    wanted, found = both(tmp_path, *files, buckets=9)
    assert found == wanted


def test_daily_activity_stands_for_events(tmp_path):
    leads, events = written(tmp_path, "leads", LEADS), written(tmp_path, "events", EVENTS)
    ls.daily_activity(EVENTS, rulebook=BOOK).write(tmp_path / "days")
    ls.daily_activity(EVENTS, rulebook=BOOK).write(tmp_path / "days.parquet")
    wanted = both(tmp_path, leads, events)[0]
    for activity in ("days", "days.parquet"):
        assert both(tmp_path, leads, tmp_path / activity) == [wanted, wanted]
    other = BOOK.edited({"behaviour[0].where": {"amount": {"at_least": 4}}})
    wanted, found = refusals(tmp_path, leads, tmp_path / "days", book=other)
    assert found == wanted
    assert "make it again" in found


# ----------------------------------------------------------------------------------------------------- what is refused


def test_what_breaks_the_contract_is_said_of_the_whole(tmp_path):
    """All problems at once, with the rows of the files and the counts of the whole, in the same words."""
    many = pd.DataFrame({"lead_id": [*range(40), 3, 5], "country": "US", "employees": ["5"] * 40 + ["many", "x"]})
    events = pd.concat([EVENTS.assign(lead_id=[99, 98, 7, 97]), EVENTS.assign(at="31.3.2026")])
    files = written(tmp_path, "leads", many, "csv"), written(tmp_path, "events", events, "csv")
    wanted, found = refusals(tmp_path, *files)
    assert found == wanted
    for said in ("4 rows: a lead_id that is not unique", "line 42", "3 rows: events of leads", "day.month.year"):
        assert said in found


def test_an_event_of_nobody_is_refused_with_why(tmp_path):
    leads = written(tmp_path, "leads", LEADS.assign(lead_id=["007", "008", "009", "010"]), "csv")
    wanted, found = refusals(tmp_path, leads, written(tmp_path, "events", EVENTS, "csv"))
    assert found == wanted
    assert "with the zeros in front that spreadsheets take away" in found


@pytest.mark.parametrize("column", ["at", "created_at", "valid_from", "signed_on"])
def test_times_of_two_kinds_are_seen_across_buckets(tmp_path, column):
    """Each bucket alone has times of one kind, and would read them as such."""
    times = ["2026-03-01T10:00Z", "2026-03-01T10:00", "2026-03-01T10:00", "2026-03-01T10:00"]
    leads, events = LEADS, EVENTS.assign(at="2026-03-30T10:00Z")
    if column == "at":
        events = EVENTS.assign(at=times)
    else:
        leads = LEADS.assign(**{column: times})
    signed = {"name": "Signed", "when": {"signed_on": {"days_ago": 30}}, "points": 3}
    document = BOOK.to_dict()
    book = ls.Rulebook.from_dict(document | {"leadscore": 2, "fit": [*document["fit"], signed]})
    leads = leads if "signed_on" in leads else leads.assign(signed_on="2026-03-01")
    files = written(tmp_path, "leads", leads, "csv"), written(tmp_path, "events", events, "csv")
    wanted, found = refusals(tmp_path, *files, book=book, buckets=50)
    assert found == wanted


def test_values_that_rules_cannot_read(tmp_path):
    """Distinct values are counted over all buckets."""
    events = EVENTS.assign(amount=pd.array([True, False, True, None], "boolean"))
    files = written(tmp_path, "leads", LEADS), written(tmp_path, "events", events)
    wanted, found = refusals(tmp_path, *files, buckets=9)
    assert found == wanted
    assert "2 distinct values" in found


def test_columns_that_lack_and_lines_that_are_none(tmp_path):
    events = written(tmp_path, "events", EVENTS)
    wanted, found = refusals(tmp_path, written(tmp_path, "leads", LEADS.drop(columns="country")), events)
    assert found == wanted
    leads = written(tmp_path, "lines", LEADS.astype({"country": str}), "csv")
    leads.write_text(leads.read_text() + "11,US,5,6,7\n")
    wanted, found = refusals(tmp_path, leads, events)
    assert found == wanted
    assert "line 6" in found


# ------------------------------------------------------------------------------------------------------------ histories


def dated(*at):
    return pd.DataFrame({"lead_id": [7, 8], "event": "visit", "at": at, "amount": 50})


@pytest.mark.parametrize(
    ("at", "missing"),
    [(["2026-03-30", "2026-03-29"], 2), (["2026-03-30", "2026-03-29T10:00"], 0), (["2026-03-30"] * 2, 2)],
)
def test_whether_moments_are_known_hangs_on_all_leads(tmp_path, at, missing):
    """A time of day in one bucket says of all others that midnight is a time too."""
    leads = LEADS.assign(country="US", employees=50)
    book = BOOK.edited({"qualify.threshold": 38})
    files = written(tmp_path, "leads", leads), written(tmp_path, "events", dated(*at), "csv")
    days = {"start": "2026-03-01", "end": AS_OF}
    wanted = ls.replay(ls.load_tables(*files, rulebook=book), book, **days)
    assert wanted.frame["qualified_at"].isna().sum() == missing
    for out in ("history.parquet", "history"):
        found = ls.replay_files(*files, rulebook=book, **days, out=tmp_path / out, buckets=9, threads=1)
        parts = sorted((tmp_path / out).glob("*.parquet")) if out == "history" else [tmp_path / out]
        rows = (
            pa.concat_tables([pa.parquet.read_table(one, partitioning=None) for one in parts])
            .to_pandas()
            .set_index("lead_id")
            .sort_index()
        )
        assert (
            rows["qualified_at"].fillna(pd.Timestamp(0, tz="UTC"))
            == wanted.frame["qualified_at"].fillna(pd.Timestamp(0, tz="UTC"))
        ).all()
        assert list(rows.columns) == list(wanted.frame.columns)
        assert found.headline == wanted.headline
        pd.testing.assert_frame_equal(found.weekly, wanted.weekly(), check_dtype=False)


# --------------------------------------------------------------------------------------------------------------- sums


def test_sums_are_those_of_the_whole(tmp_path):
    made = ls.datasets.make_funnel(400, random_state=3)
    files = [written(tmp_path, name, getattr(made, name)) for name in ("leads", "events")]
    book, day = made.rulebook, str(pd.to_datetime(made.events["at"]).max().date())
    wanted = ls.score(ls.load_tables(*files, rulebook=book), book, as_of=day)
    found = ls.score_files(*files, rulebook=book, as_of=day, out=tmp_path / "out", buckets=7, threads=1)
    assert found.headline == wanted.headline
    assert found.notes[:-1] == wanted.notes
    for name in ("ways", "segments", "completeness"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(wanted, name), check_dtype=False)
    assert found.top["total"].tolist() == wanted.frame["total"].nlargest(10).tolist()
