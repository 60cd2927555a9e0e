"""Days and clocks: when a day ends, how old an event is, and who is there."""

import datetime as dt
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import leadscore as ls
from tests.support.one_lead import AS_OF, VISITS, ZONES, days_ago, document, event, total

MICROSECOND = dt.timedelta(microseconds=1)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("held_in", ["UTC", "the zone", "no zone"])
@pytest.mark.parametrize(("late", "points"), [(0 * MICROSECOND, 1), (MICROSECOND, 0)], ids=["last moment", "midnight"])
def test_the_day_ends_at_local_midnight(zone, held_in, late, points):
    at = dt.datetime.combine(AS_OF, dt.time(23, 59, 59, 999999)) + late
    if held_in != "no zone":
        at = at.replace(tzinfo=ZoneInfo(zone))
    if held_in == "UTC":
        at = at.astimezone(dt.UTC)
    assert total(VISITS | {"timezone": zone}, events=[event(at)]) == points


@pytest.mark.parametrize(
    ("zone", "points"), [("UTC", 0), ("America/New_York", 1), ("Asia/Kolkata", 0), ("Pacific/Auckland", 0)]
)
def test_one_moment_is_another_day_elsewhere(zone, points):
    at = dt.datetime(2026, 4, 1, 2, 0, tzinfo=dt.UTC)  # 22:00 on 31 March in New York
    assert total(VISITS | {"timezone": zone}, events=[event(at)]) == points


@pytest.mark.parametrize(
    ("at", "as_of", "age"),
    [
        # Clocks go forward on Sunday 8 March 2026 in New York: that day has 23 hours.
        ("2026-03-07T23:30-05:00", "2026-03-07", 0),
        ("2026-03-07T23:30-05:00", "2026-03-08", 1),
        ("2026-03-07T23:30-05:00", "2026-03-09", 2),
        ("2026-03-08T00:00-05:00", "2026-03-08", 0),
        ("2026-03-08T23:59:59.999999-04:00", "2026-03-08", 0),
        ("2026-03-08T23:59:59.999999-05:00", "2026-03-09", 0),  # 00:59 on the 9th: the old offset is over
        ("2026-03-08T02:30", "2026-03-08", 0),  # a time that no clock showed; its date is what it says
        ("2026-03-08T02:30", "2026-03-09", 1),
        ("2026-03-08T07:30+00:00", "2026-03-08", 0),
        # Clocks go back on Sunday 2 November 2025: 25 hours.
        ("2025-11-02T00:00-04:00", "2025-11-02", 0),
        ("2025-11-02T23:30-05:00", "2025-11-02", 0),
        ("2025-11-02T23:30-04:00", "2025-11-02", 0),  # 22:30 by the clock: the old offset is over
        ("2025-11-02T00:00-04:00", "2025-11-03", 1),
        ("2025-11-01T23:30-04:00", "2025-11-03", 2),
    ],
)
def test_age_counts_calendar_days_across_clock_changes(at, as_of, age):
    fading = document(behaviour=[{"event": "visit", "points": 8, "half_life_days": 1}], timezone="America/New_York")
    events = [event(dt.datetime.fromisoformat(at))]
    assert total(fading, events=events, as_of=dt.date.fromisoformat(as_of)) == {0: 8, 1: 4, 2: 2}[age]


@pytest.mark.parametrize(
    ("second", "days"), [("2025-11-03T04:59:59.999999+00:00", 1), ("2025-11-03T05:00+00:00", 2)], ids=["25 h", "next"]
)
def test_a_day_of_25_hours_is_one_day(second, days):
    daily = document(behaviour=[{"event": "visit", "points": 1}], timezone="America/New_York")
    events = [event(dt.datetime.fromisoformat(at)) for at in ("2025-11-02T04:00+00:00", second)]
    assert total(daily, events=events, as_of=dt.date(2025, 12, 1)) == days


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("late", "there"),
    [(-dt.timedelta(days=1), True), (0 * MICROSECOND, True), (MICROSECOND, False), (dt.timedelta(days=9), False)],
    ids=["before", "on the day", "after", "long after"],
)
@pytest.mark.parametrize("aware", [True, False])
def test_leads_created_after_the_day_are_left_out(zone, late, there, aware):
    created = dt.datetime.combine(AS_OF, dt.time(23, 59, 59, 999999)) + late
    if aware:
        created = created.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
    rulebook = ls.Rulebook.from_dict(VISITS | {"timezone": zone})
    leads = pd.DataFrame({"lead_id": ["a", "b"], "created_at": [created, None]})
    scores = ls.score(ls.load_tables(leads, rulebook=rulebook), rulebook, as_of=AS_OF)
    assert list(scores.frame.index) == (["a", "b"] if there else ["b"])
    assert len(scores) == len(scores.points) == len(scores.reasons()) == 1 + there
    if not there:
        with pytest.raises(ls.ArgumentError, match="the lead 'a' was created after 2026-03-31"):
            scores.explain("a")
        with pytest.raises(ls.ArgumentError, match="created on"):
            ls.score_one({"created_at": created}, [], rulebook, as_of=AS_OF)


MIDNIGHT = pd.Timestamp("2026-03-31")


@pytest.mark.parametrize("as_of", ["2026-03-31", AS_OF, MIDNIGHT, MIDNIGHT.to_pydatetime()])
def test_as_of_is_a_day(as_of):
    rulebook = ls.Rulebook.from_dict(VISITS)
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), pd.DataFrame(days_ago(0, -1)), rulebook=rulebook)
    assert ls.score(tables, rulebook, as_of=as_of).frame.loc["a", "total"] == 1


@pytest.mark.parametrize(
    "as_of",
    ["2026-03-31T10:00", MIDNIGHT + MICROSECOND, pd.NaT, None, 20260331, "31.03.2026", "20260331", "2026-W14-2", " "],
    ids=repr,
)
def test_as_of_that_is_no_day_is_refused(as_of):
    rulebook = ls.Rulebook.from_dict(VISITS)
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), rulebook=rulebook)
    with pytest.raises(ls.ArgumentError, match="as_of"):
        ls.score(tables, rulebook, as_of=as_of)
