"""Daily activity gives the same scores as the events it was counted from."""

import datetime as dt
import random
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given

import leadscore as ls
from leadscore.tables.events import ZONE
from tests.scoring.test_scoring import expected, plain
from tests.support.one_lead import AS_OF, FEW, VISITS, ZONES, days_ago, document, event, frames_of
from tests.support.strategies import cases


@FEW
@given(cases())
def test_daily_activity_gives_the_same_scores(case):
    rulebook, leads, events = frames_of(case)
    activity = ls.daily_activity(events, rulebook=rulebook)
    scores = ls.score(ls.load_tables(leads, activity, rulebook=rulebook), rulebook, as_of=case.as_of)
    assert plain(scores.frame) == expected(case)
    with tempfile.TemporaryDirectory() as folder:
        activity.write(Path(folder) / "activity.parquet")
        again = ls.tables.DailyActivity.read(Path(folder) / "activity.parquet")
        assert again.table.to_pylist() == activity.table.to_pylist()
        assert again.timezone == rulebook.timezone
        scores = ls.score(
            ls.load_tables(leads, Path(folder) / "activity.parquet", rulebook=rulebook), rulebook, as_of=case.as_of
        )
    assert plain(scores.frame) == expected(case)


@pytest.mark.parametrize("zone", ZONES)
def test_activity_extended_by_a_day_is_all_at_once(zone, tmp_path):
    rng = random.Random(7)
    start = dt.datetime(2026, 3, 1, tzinfo=ZoneInfo(zone))
    rows = [
        {
            "lead_id": rng.choice("abc"),
            "event": rng.choice(["visit", "call"]),
            "at": start + dt.timedelta(hours=rng.randrange(240)),
        }
        for _ in range(300)
    ]
    everything = pd.DataFrame(rows).assign(at=lambda frame: pd.to_datetime(frame["at"], utc=True))
    local = everything["at"].dt.tz_convert(zone).dt.date
    days = sorted(set(local))
    activity = ls.daily_activity(everything[local == days[0]], timezone=zone)
    for day in days[1:]:
        activity.write(tmp_path / "activity.parquet")  # as a nightly job does
        activity = ls.tables.DailyActivity.read(tmp_path / "activity.parquet").extend(everything[local == day])
    whole = ls.daily_activity(everything, timezone=zone)
    assert activity.table.equals(whole.table)
    for day in (days[-1], days[0]):
        with pytest.raises(ls.ContractError, match=r"events.at: \d+ events? on days up to .* already"):
            activity.extend(everything[local == day])
    assert activity.extend(everything.iloc[:0]).table.equals(whole.table)


def test_activity_of_another_time_zone_is_refused():
    events = pd.DataFrame([event(dt.datetime(2026, 3, 31, 22, tzinfo=dt.UTC))])
    activity = ls.daily_activity(events, timezone="Asia/Kolkata")  # 1 April there
    leads = pd.DataFrame({"lead_id": ["a"]})
    kolkata, utc = (ls.Rulebook.from_dict(VISITS | {"timezone": zone}) for zone in ("Asia/Kolkata", "UTC"))
    assert (
        ls.score(ls.load_tables(leads, activity, rulebook=kolkata), kolkata, as_of=AS_OF).frame.loc["a", "total"] == 0
    )
    assert ls.score(ls.load_tables(leads, events, rulebook=utc), utc, as_of=AS_OF).frame.loc["a", "total"] == 1
    with pytest.raises(ls.ArgumentError, match="days of Asia/Kolkata, the rulebook of UTC"):
        ls.score(ls.load_tables(leads, activity, rulebook=utc), utc, as_of=AS_OF)


def _one_event(day, **values):
    return pd.DataFrame(
        {"lead_id": [7], "event": ["visit"], "at": [day]} | {name: [one] for name, one in values.items()}
    )


def test_a_day_on_which_a_column_is_empty_goes_with_the_others(tmp_path):
    first = ls.daily_activity(
        _one_event("2026-03-01", paid=True, asset=None, tags=["a", "b"]), columns=["paid", "asset", "tags"]
    )
    whole = first.extend(_one_event("2026-03-02", paid=None, asset="/a", tags=None)).extend(
        _one_event("2026-03-03", paid=False, asset="/b", tags=["c"])
    )
    assert whole.table.select(["paid", "asset", "tags"]).to_pydict() == {
        "paid": [True, None, False],
        "asset": [None, "/a", "/b"],
        "tags": ["a;b", None, "c"],
    }
    whole.write(tmp_path / "days")
    assert ls.tables.DailyActivity.read(tmp_path / "days").table.equals(whole.table)


def test_columns_of_another_kind_are_refused_before_they_are_added():
    first = ls.daily_activity(_one_event("2026-03-01", paid=True, asset="/a"), columns=["paid", "asset"])
    with pytest.raises(ls.ContractError) as error:
        first.extend(_one_event("2026-03-02", paid="yes", asset=5).assign(lead_id="x"))
    assert [str(problem) for problem in error.value.problems] == [
        "events.lead_id: values are text, those of the activity are int64",
        "events.paid: values are text, those of the activity are bool",
        "events.asset: values are int64, those of the activity are text",
    ]


def test_activity_without_events():
    rulebook = ls.Rulebook.from_dict(VISITS)
    none = pd.DataFrame({"lead_id": [], "event": [], "at": []}, dtype=object)
    activity = ls.daily_activity(none, rulebook=rulebook)
    scores = ls.score(
        ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), activity, rulebook=rulebook), rulebook, as_of=AS_OF
    )
    assert scores.frame["total"].tolist() == [0]
    extended = activity.extend(pd.DataFrame(days_ago(0)))
    scores = ls.score(
        ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), extended, rulebook=rulebook), rulebook, as_of=AS_OF
    )
    assert scores.frame["total"].tolist() == [1]


@pytest.mark.parametrize("form", ["events", "activity"])
@pytest.mark.parametrize(
    ("where", "points"),
    [
        ({"at": {"at_least": "2026-03-30"}}, 1),
        ({"at": {"at_least": "2026-04-01"}}, 0),
        ({"lead_id": "a"}, 1),
        ({"lead_id": "b"}, 0),
        ({"event": {"starts_with": "vis"}}, 1),
        ({"event": {"is_not": "visit"}}, 0),
    ],
)
def test_where_on_the_columns_every_event_has(form, where, points):
    events = pd.DataFrame(days_ago(0))
    try:
        rulebook = ls.Rulebook.from_dict(document(behaviour=[{"event": "visit", "where": where, "points": 1}]))
        table = events if form == "events" else ls.daily_activity(events, rulebook=rulebook)
        tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), table, rulebook=rulebook)
        found = ls.score(tables, rulebook, as_of=AS_OF).frame.loc["a", "total"]
    except ls.LeadscoreError as error:
        assert "event" not in where, error  # noqa: PT017 - times and ids may be refused, but in words
    else:
        assert found == points


def test_it_is_an_arrow_table_that_knows_what_it_is():
    events = pd.DataFrame({"lead_id": ["a", "a"], "event": ["visit", "visit"], "at": ["2026-03-31T08:00Z"] * 2})
    activity = ls.daily_activity(events)
    table = pa.table(activity)
    assert table.to_pylist() == activity.table.to_pylist()
    leads = pd.DataFrame({"lead_id": ["a", "b"]})
    assert "1 row of daily activity" in repr(ls.load_tables(leads, table))
    with pytest.raises(ls.ArgumentError, match="daily activity has no times of day"):
        ls.flag_bots(activity)


def test_saved_activity_that_was_changed_on_disk_is_refused(tmp_path):
    """Each page has its checksum: a changed digit would be another count."""
    events = pd.DataFrame({"lead_id": range(500), "event": "visit", "at": "2026-03-31"})
    path = tmp_path / "a.parquet"
    ls.daily_activity(events).write(path)
    data = path.read_bytes()
    place = data.index(b"visit")
    path.write_bytes(data[:place] + b"vosit" + data[place + 5 :])
    with pytest.raises(ls.ContractError, match=r"a\.parquet cannot be read: .*CRC"):
        ls.tables.DailyActivity.read(path)


@pytest.mark.parametrize("metadata", [{ZONE: b"UTD"}, {ZONE: b"\xff"}, {b"leadscore.timezon\xe5": b"UTC"}])
def test_activity_in_days_of_no_time_zone_is_refused(tmp_path, metadata):
    """What a file says of itself has no checksum."""
    whole = pa.table(ls.daily_activity(pd.DataFrame(days_ago(0))))
    known = {name: text for name, text in whole.schema.metadata.items() if name != ZONE}
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(whole.replace_schema_metadata(known | metadata), path)
    said = r": daily activity in days of '.*', which is no time zone known here"
    with pytest.raises(ls.ContractError, match=f"activity{said}"):
        ls.tables.DailyActivity.read(path)
    with pytest.raises(ls.ContractError, match=f"events{said}"):
        ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), path)


def test_a_folder_with_anything_else_is_refused_and_kept(tmp_path):
    """It would be replaced."""
    activity = ls.daily_activity(pd.DataFrame(days_ago(0, 1)))
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "events.parquet").write_bytes(b"mine")
    with pytest.raises(ls.ArgumentError, match=r"holds 'events.parquet', which is no day of activity; name another"):
        activity.write(folder)
    assert (folder / "events.parquet").read_bytes() == b"mine"
    activity.write(tmp_path / "days")
    ls.daily_activity(pd.DataFrame(days_ago(1))).write(tmp_path / "days")
    assert [path.name for path in (tmp_path / "days").iterdir()] == ["2026-03-30.parquet"]
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(ls.ArgumentError, match="is a file"):
        activity.write(tmp_path / "file")


def test_the_days_of_a_folder_were_made_for_the_same_questions(tmp_path):
    events = pd.DataFrame(days_ago(0, 1))
    ls.daily_activity(events).write(tmp_path / "days")
    ls.daily_activity(events.assign(at="2026-04-01"), timezone="Asia/Kolkata").write(tmp_path / "other")
    (tmp_path / "other" / "2026-04-01.parquet").rename(tmp_path / "days" / "2026-04-01.parquet")
    with pytest.raises(ls.ContractError, match="made for another rulebook, version or time zone"):
        ls.tables.DailyActivity.read(tmp_path / "days")
    with pytest.raises(ls.ContractError, match="made for another rulebook, version or time zone"):
        ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), tmp_path / "days")


def test_what_stands_for_others_is_not_shown_as_it_was():
    """Of pages that rules take alike one is kept: nobody may take it for the page that a lead saw."""
    book = ls.Rulebook.from_dict(
        document(behaviour=[{"event": "visit", "where": {"asset": {"starts_with": "/pri"}}, "points": 1}])
    )
    pages = ["/pricing", "/price-list", "/blog", "/about", None]
    events = pd.DataFrame([{**row, "asset": page} for row, page in zip(days_ago(0, 0, 0, 0, 0), pages, strict=True)])
    activity = ls.daily_activity(events, rulebook=book)
    # A page that is missing is not one that begins otherwise.
    assert sorted(activity.table["count"].to_pylist()) == [1, 2, 2]
    leads = pd.DataFrame({"lead_id": ["a"]})
    assert list(ls.load_tables(leads, activity, rulebook=book).events.values) == ["event"]
    assert list(ls.load_tables(leads, activity).events.known) == ["event"]
    assert "asset" in ls.load_tables(leads, events, rulebook=book).events.values


@pytest.mark.parametrize("within_days", [30, 2_000_000])
def test_busy_days_and_quiet_ones_go_together(tmp_path, within_days):
    """A file of a day in which leads did much, and one of a day with one event each."""
    book = ls.Rulebook.from_dict(
        document(behaviour=[{"event": "visit", "count": "each", "points": 1, "within_days": within_days}])
    )
    events = pd.DataFrame(days_ago(*[2] * 9, *[1] * 2, 0))
    ls.daily_activity(events, rulebook=book).write(tmp_path / "days")
    leads = pd.DataFrame({"lead_id": ["a"]})
    for table in (events, tmp_path / "days"):
        tables = ls.load_tables(leads, table, rulebook=book, as_of=AS_OF)
        assert ls.score(tables, book, as_of=AS_OF).frame["total"].tolist() == [12]


def test_extended_by_a_rulebook_that_asks_less_it_still_tells_what_it_says_it_does(tmp_path):
    """The rulebook is edited and the edit taken back: no day may have lost what the first asks."""

    def asking(*pages):
        rules = [{"name": page, "event": "v", "where": {"page": [page]}, "points": 10} for page in pages]
        return ls.Rulebook.from_dict({"leadscore": 2, "name": "n", "behaviour": rules, "qualify": {"threshold": 0}})

    more, less = asking("/a", "/b"), asking("/a")
    leads = pd.DataFrame({"lead_id": ["x"]})
    days = [
        pd.DataFrame({"lead_id": "x", "event": "v", "page": ["/0", "/a", "/b"], "at": at})
        for at in ("2026-03-01", "2026-03-02")
    ]
    ls.daily_activity(days[0], rulebook=more).write(tmp_path / "days")
    ls.tables.DailyActivity.read(tmp_path / "days").extend(days[1], rulebook=less).write(tmp_path / "days")
    for book, points in ((more, 40), (less, 20)):
        tables = ls.load_tables(leads, tmp_path / "days", rulebook=book)
        assert ls.score(tables, book, as_of="2026-03-02").frame["behaviour"].tolist() == [points]
