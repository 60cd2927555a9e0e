"""What is to know of tables though it breaks no contract: no creation, events doubled, e-mail addresses shared."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.tables import findings as module

LEADS = pd.DataFrame({"lead_id": ["a", "b", "c"], "created_at": "2026-01-01"})
EVENTS = pd.DataFrame(
    {"lead_id": ["a", "b", "a"], "event": "visit", "at": "2026-03-01T10:00:07Z", "asset": ["/", "/", "/pricing"]}
)


def found(*args, **more):
    frame = ls.load_tables(*args, **more).findings
    return dict(zip(frame["code"], frame["message"], strict=True))


def test_nothing_to_know():
    assert found(LEADS, EVENTS) == {}
    assert "Findings" not in repr(ls.load_tables(LEADS, EVENTS))


@pytest.mark.parametrize(
    "name", ["Create Date", "Created_At", "createdate", "CreatedDate", "date_entered", "Created Time", "Signed up"]
)
def test_a_near_name_of_created_at_is_told(name):
    leads = LEADS.rename(columns={"created_at": name})
    tables = ls.load_tables(leads)
    assert f"{name!r} may be meant" in tables.findings["message"][0]
    assert "also before it was created" in repr(tables)
    assert tables.to_dict()["findings"][0]["code"] == "LS210"


@pytest.mark.parametrize("name", ["country", "Last Activity Date", "creative", "date_of_birth"])
def test_no_created_at_and_no_name_near_it(name):
    message = found(LEADS.rename(columns={"created_at": name}))["LS210"]
    assert "there is no column 'created_at'." in message
    assert "may be meant" not in message


def test_some_leads_without_creation_are_counted():
    assert found(LEADS.assign(created_at=["2026-01-01", None, ""]))["LS210"].startswith("empty for 2 of 3 leads")


def test_rows_with_valid_from_need_no_created_at():
    assert found(LEADS.rename(columns={"created_at": "valid_from"})) == {}


def test_exact_duplicates_are_counted_and_change_no_figure():
    book = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "visits",
            "behaviour": [{"name": "Visit", "event": "visit", "points": 5, "count": "each"}],
            "qualify": {"threshold": 10},
        }
    )
    tables = ls.load_tables(LEADS, pd.concat([EVENTS, EVENTS.iloc[[0, 0]]]), rulebook=book)
    # The rulebook reads no asset, so the event of a on /pricing repeats the first one too.
    assert tables.findings["n"].tolist() == [3]
    assert "by lead_id, event, at" in tables.findings["message"][0]
    assert ls.score(tables, book, as_of="2026-03-31").frame["behaviour"].tolist() == [20, 5, 0]
    every = found(LEADS, pd.concat([EVENTS, EVENTS.iloc[[0, 0]]]))
    assert every["LS212"].startswith("2 events are exact duplicates of another, by lead_id, event, asset, at.")
    assert found(LEADS, EVENTS.assign(at=EVENTS["at"].str.replace("07Z", "08Z"))) == {}


def test_dates_without_a_time_are_told_apart():
    assert (
        "1 without a time of day" in found(LEADS, pd.concat([EVENTS, EVENTS]).assign(at="2026-03-01").head(4))["LS212"]
    )


def test_other_leads_and_other_events_of_one_moment_are_no_duplicates():
    events = pd.DataFrame([(lead, event) for lead in "ab" for event in "vw"], columns=["lead_id", "event"])
    assert found(LEADS, events.assign(at="2026-03-01T10:00:01Z")) == {}


def test_daily_activity_holds_counts():
    daily = ls.daily_activity(pd.concat([EVENTS, EVENTS]))
    assert found(LEADS, daily) == {}


rows = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("vw"), st.integers(0, 3)), max_size=30)


@given(rows, st.booleans(), st.sampled_from([3, 1 << 22]))
def test_duplicates_are_those_of_pandas(rows, ordered, compared):
    events = pd.DataFrame(rows, columns=["lead_id", "event", "second"], dtype=object)
    events = events.sort_values("second", kind="stable") if ordered else events
    events["at"] = [f"2026-03-01T10:00:0{second}Z" for second in events.pop("second")]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_COMPARED", compared)
        frame = ls.load_tables(LEADS, events).findings
    assert frame["n"].sum() == events.duplicated().sum()


def test_shared_addresses_are_counted_whatever_the_rulebook_reads():
    leads = LEADS.assign(**{"E-Mail": ["Ann@x.example", "ann@x.example ", "b@x.example"]})
    book = ls.Rulebook.from_dict({"leadscore": 1, "name": "none", "fit": [], "qualify": {"threshold": 0}})
    for more in ({}, {"rulebook": book}):
        message = found(leads, **more)["LS213"]
        assert message == ("2 leads share one address: 'ann@x.example' (2). Each is scored alone; are they one person?")
    assert "E-Mail" not in ls.load_tables(leads, rulebook=book).leads.column_names
    assert found(leads.drop_duplicates("E-Mail").iloc[1:]) == {}


@pytest.mark.parametrize(
    "values", [["a@x", "a@x", "b@x"], [None, "", None], ["no", "no", "no"], ["sales@x", "none", "none"]]
)
def test_only_addresses_are_compared(values):
    shared = found(LEADS.assign(contact=values))
    assert ("LS213" in shared) == (values[0] == "a@x")


def test_one_lead_in_several_rows_shares_with_nobody():
    leads = pd.DataFrame({"lead_id": ["a", "a"], "valid_from": ["2026-01-01", "2026-02-01"], "email": "a@x"})
    assert found(leads) == {}


def test_a_column_of_addresses_that_cannot_be_read_is_left_alone(tmp_path):
    folder = tmp_path / "leads"
    folder.mkdir()
    LEADS.iloc[:1].assign(email="a@x").to_parquet(folder / "1.parquet")
    LEADS.iloc[1:].assign(email=np.arange(2)).to_parquet(folder / "2.parquet")
    book = ls.Rulebook.from_dict({"leadscore": 1, "name": "none", "fit": [], "qualify": {"threshold": 0}})
    tables = ls.load_tables(folder, rulebook=book)
    assert len(tables.ids) == 3
    assert len(tables.findings) == 0
