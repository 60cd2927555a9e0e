"""Real data: the reading is checked against counts, the points against sums worked out by hand and the reference."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

import leadscore as ls
from tests.support import reference

pytestmark = pytest.mark.real
BOOKS = Path(__file__).parents[1] / "data"
ACTIVITIES = {
    1: "handle lead",
    2: "fraud check",
    3: "complete application",
    4: "incomplete file",
    5: "call about offer",
    6: "validate",
}


@pytest.fixture(scope="module")
def work_items(folder):
    raw = pd.read_csv(folder / "bpi12" / "bpi_12_w.csv")
    assert (len(raw), raw["CaseID"].nunique()) == (72_413, 9_658)
    at = pd.to_datetime(raw["CompleteTimestamp"])
    events = pd.DataFrame({"lead_id": raw["CaseID"], "event": raw["ActivityID"].map(ACTIVITIES), "at": at})
    return pd.DataFrame({"lead_id": raw["CaseID"].unique()}), events


@pytest.fixture(scope="module")
def contacts(folder):
    raw = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    leads = raw[["job", "education", "age", "default", "housing", "contact"]].copy()
    leads.insert(0, "lead_id", range(len(raw)))
    # 999 means never contacted, not 999 days; 4,110 of those rows have a previous campaign all the same.
    before = raw["pdays"] != 999
    assert (len(raw), (~before).sum(), (~before & (raw["previous"] > 0)).sum()) == (41_188, 39_673, 4_110)
    at = pd.Timestamp("2010-11-30") - pd.to_timedelta(raw["pdays"][before], unit="D")
    events = pd.DataFrame({"lead_id": leads["lead_id"][before], "event": raw["poutcome"][before], "at": at})
    return leads, events


def scored(name, tables, as_of):
    rulebook = ls.Rulebook.read(BOOKS / name)
    return ls.score(ls.load_tables(*tables, rulebook=rulebook), rulebook, as_of=as_of)


def lines(scores, lead):
    found = scores.explain(lead).lines
    return {line: points for _, line, points in found.itertuples(index=False) if points}


def same_as_reference(scores, tables, as_of, chosen):
    leads, events = (table[table["lead_id"].isin(chosen)] for table in tables)
    rows = leads.astype(object).where(leads.notna(), None).to_dict("records")
    happened = [row | {"at": row["at"].to_pydatetime()} for row in events.to_dict("records")]
    expected = reference.score(scores.rulebook.to_dict(), rows, happened, dt.date.fromisoformat(as_of))
    frame = scores.frame.loc[leads["lead_id"]].astype(object)
    found = frame.where(frame.notna(), None).to_dict("index")
    points = ("fit", "behaviour", "total", "threshold")
    rest = ("segment", "qualified", "via", "blocked_by", "grade")
    for lead, row in expected.items():
        assert {name: found[lead][name] for name in points} == {name: row[name] / 1000 for name in points}
        assert {name: found[lead][name] for name in rest} == {name: row[name] for name in rest}
    return len(expected)


def test_work_items_by_hand(work_items):
    scores = scored("bpi2012.yaml", work_items, "2012-02-15")
    # Lead handled 44 days ago: 6 x 2^-4.4. Five incomplete files 33 days ago, in the fifth week: -4 x 0.75^4 = -1.266
    # each. Validated 33 days ago: 15.5 x 2^-1.65. The offer call of 37 days ago is out of its window.
    assert lines(scores, 197099) == {"Lead handled": 0.284, "File incomplete": -6.33, "Validated": 4.939}
    assert scores.frame.loc[197099, "total"] == -1.107
    # Six offer calls, the oldest 30 days ago and so just out: 5 give the points from 3. 15.5 x 2^-0.65; no application
    # any more after 40 days.
    assert lines(scores, 197614) == {"Calls about the offer": 12, "Validated": 9.878}
    assert scores.frame.loc[197614, ["total", "via"]].tolist() == [21.878, "score"]
    # Application 34 days ago: 12 x (1 - 34/40). Validated yesterday, which counts as a hand-raise: 15.5 x 2^-0.05.
    assert lines(scores, 199714) == {"Application completed": 1.8, "Calls about the offer": 12, "Validated": 14.972}
    assert scores.frame.loc[199714, ["total", "via"]].tolist() == [28.772, "hand_raise"]
    # Seven files in the 12th week (-0.169 each) and six in the 11th (-0.225): -1.183 - 1.35. A fraud check 83 days ago.
    assert lines(scores, 185777) == {"File incomplete": -2.533, "Validated": 1.152}
    assert scores.frame.loc[185777, ["qualified", "blocked_by"]].tolist() == [False, "Under suspicion"]


def test_work_items_equal_the_reference(work_items):
    scores = scored("bpi2012.yaml", work_items, "2012-02-15")
    assert same_as_reference(scores, work_items, "2012-02-15", work_items[0]["lead_id"][::8]) == 1_208


@pytest.mark.slow
@pytest.mark.parametrize("as_of", ["2011-10-31", "2012-01-01", "2012-03-15"])
def test_all_work_items_equal_the_reference(work_items, as_of):
    scores = scored("bpi2012.yaml", work_items, as_of)
    assert same_as_reference(scores, work_items, as_of, work_items[0]["lead_id"]) == 9_658


def test_daily_activity_of_work_items_gives_the_same(work_items):
    leads, events = work_items
    rulebook = ls.Rulebook.read(BOOKS / "bpi2012.yaml")
    daily = ls.daily_activity(events, rulebook=rulebook)
    assert len(daily.table) < len(events)
    from_days = scored("bpi2012.yaml", (leads, daily), "2012-02-15")
    pd.testing.assert_frame_equal(from_days.frame, scored("bpi2012.yaml", work_items, "2012-02-15").frame)


def test_contacts_by_hand(contacts):
    scores = scored("bank.yaml", contacts, "2010-11-30")
    # A housemaid of 56 with four years of school, not in default, on a landline: 1 + 4 - 3.125, credit held at 3.
    assert scores.frame.loc[0, "fit"] == 0.875
    # Services, default not told, landline: -4 - 6 + 1 (credit at least -5) - 3.125 = -12.125, fit at least -10.
    assert scores.frame.loc[1, "fit"] == -10
    # Office, degree, no default, landline, bought 6 days ago: 5 + 6 + 4 - 1 - 3.125 = 10.875, and 30 x 2^(-6/14).
    assert scores.frame.loc[24108, ["fit", "behaviour", "total", "via"]].tolist() == [10.875, 22.29, 33.165, "score"]
    # Retired at 60: 12 + 3.5 + 14 + 3 + 3 = 35.5, fit at most 30; refused 5 days ago: -5 x (1 - 5/30).
    assert scores.frame.loc[30138, ["fit", "behaviour", "threshold"]].tolist() == [30, -4.167, 26.5]
    assert lines(scores, 30138)["limit totals.fit"] == -5.5
    # A student of 29 with a degree on a mobile, no mortgage: 15 + 6 + 4 + 3 = 28, the bar for mobiles is 26.5.
    assert scores.frame.loc[13562, ["total", "segment", "grade"]].tolist() == [28, "Mobile", "A"]
    assert scores.frame["blocked_by"].notna().sum() == 3  # default is "yes" three times in all


def test_unknown_is_missing(contacts):
    rulebook = ls.Rulebook.read(BOOKS / "bank.yaml")
    tables = ls.load_tables(*contacts, rulebook=rulebook)
    known = tables.column("default", "text", rulebook).missing
    assert (known.sum(), round(known.mean(), 3)) == (8_597, 0.209)
    # 330 occupations and 1,731 degrees are not told.
    assert (tables.completeness["n"] - tables.completeness["known"]).to_dict() == {
        "job": 330,
        "education": 1731,
        "age": 0,
    }


def test_contacts_equal_the_reference(contacts):
    scores = scored("bank.yaml", contacts, "2010-11-30")
    assert same_as_reference(scores, contacts, "2010-11-30", contacts[0]["lead_id"][::20]) == 2_060


@pytest.mark.slow
def test_all_contacts_equal_the_reference(contacts):
    scores = scored("bank.yaml", contacts, "2010-11-30")
    assert same_as_reference(scores, contacts, "2010-11-30", contacts[0]["lead_id"]) == 41_188


def test_the_file_itself_is_read_with_its_semicolons(folder):
    raw = ls.Rulebook.read(BOOKS / "bank.yaml").to_dict()
    raw["behaviour"] = []
    raw["qualify"]["threshold"] = 28
    del raw["grades"]
    rulebook = ls.Rulebook.from_dict(raw)
    # The file has no lead_id: that is said, with the columns it has.
    with pytest.raises(ls.ContractError, match=r"leads\.lead_id: there is no column 'lead_id'"):
        ls.load_tables(folder / "bank" / "bank-additional-full.csv", rulebook=rulebook)


@pytest.mark.slow
def test_replay_of_work_items_equals_a_score_of_every_day(work_items):
    rulebook = ls.Rulebook.read(BOOKS / "bpi2012.yaml")
    tables = ls.load_tables(*work_items, rulebook=rulebook)
    start, end = dt.date(2011, 10, 20), dt.date(2012, 3, 20)
    history = ls.replay(tables, rulebook, start=start, end=end, states=True)
    scored = {
        day: ls.score(tables, rulebook, as_of=day).frame
        for day in (start + dt.timedelta(days=n) for n in range((end - start).days + 1))
    }
    inside = pd.DataFrame({day: frame["qualified"] for day, frame in scored.items()})
    first = inside.idxmax(axis=1)[inside.any(axis=1)]
    assert dict(zip(history.frame.index, history.frame["day"].dt.date, strict=True)) == first.to_dict()
    for lead, day in first.iloc[::50].items():
        columns = ["fit", "behaviour", "total", "threshold", "via"]
        assert history.frame.loc[lead, columns].tolist() == scored[day].loc[lead, columns].tolist()
    stays = history.states.assign(last=history.states["to_day"].fillna(pd.Timestamp(end)))
    days = (stays["last"] - stays["from_day"]).dt.days + 1
    assert days.sum() == inside.to_numpy().sum()
    # When: the second of one of its work items, on the clock of the rulebook, or the start of a day.
    events = work_items[1].set_index("lead_id")
    for lead, row in history.frame[~history.frame["already"]].iloc[::200].iterrows():
        at = row["qualified_at"].tz_convert(rulebook.timezone).tz_localize(None)
        assert at == at.normalize() or at in set(events.loc[[lead], "at"])
