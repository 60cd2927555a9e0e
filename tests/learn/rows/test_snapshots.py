"""Snapshots: against rulebook rules and plain Python row by row, with later rows that may change nothing, and traps."""

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.learn.rows.snapshots import Activity, Attribute, Kinds, snapshots
from leadscore.tables.daily_activity import daily_activity
from leadscore.tables.labels import label
from tests.support.hostile import check_renderings
from tests.support.strategies import cases, frames

FEW = settings(max_examples=settings.default.max_examples // 2)
DAY_ONE = dt.date(2026, 3, 22)  # clocks change in Berlin on the 29th
TIMES = [dt.time(), dt.time(12), dt.time(23, 59, 59, 999999)]
ATTRIBUTES = ["size", "plan", "vip"]


def day(number):
    return DAY_ONE + dt.timedelta(number)


@cache
def in_zone(timezone):
    return book(timezone, [{"name": "nobody", "event": "x", "points": 1}])


def book(timezone, behaviour):
    rules = {"behaviour": list(behaviour), "qualify": {"threshold": 0}}
    return ls.Rulebook.from_dict({"leadscore": 1, "name": "made", "timezone": timezone, **rules})


def moment(number, time, zone):
    """A time of a day; with a zone as the UTC time at which the clock there showed it."""
    wall = dt.datetime.combine(day(number), time)
    return wall.isoformat() if zone is None else wall.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC).isoformat()


# ------------------------------------------------------------------------------------------------------------- worlds


class World:
    """Rows of the three tables; days as numbers, so that plain Python can count them."""

    def __init__(self, timezone, zoned, leads, events, outcomes):
        self.timezone, self.zone = timezone, timezone if zoned else None
        self.leads, self.events, self.outcomes = leads, events, outcomes

    def tables(self, *, order=lambda frame: frame, activity=False):
        leads = pd.DataFrame(self.leads, columns=["lead_id", "created_at", "valid_from", *ATTRIBUTES])
        for name in ("created_at", "valid_from"):
            leads[name] = [None if at is None else moment(*at, self.zone) for at in leads[name]]
        leads["vip"] = leads["vip"].astype("boolean")
        events = pd.DataFrame(self.events, columns=["lead_id", "event", "at"])
        events["at"] = [moment(*at, self.zone) for at in events["at"]]
        outcomes = pd.DataFrame(self.outcomes, columns=["lead_id", "stage", "at"])
        outcomes["at"] = [moment(at, dt.time(), self.zone) for at in outcomes["at"]]
        leads, events, outcomes = order(leads), order(events), order(outcomes)
        if activity:
            events = daily_activity(events, timezone=self.timezone)
        known = {"rulebook": in_zone(self.timezone), "columns": ATTRIBUTES, "observed_until": day(25), "strict": False}
        return ls.load_tables(leads, events, outcomes, **known)


AT = st.tuples(st.integers(0, 14), st.sampled_from(TIMES))
VALUES = st.tuples(
    st.sampled_from([None, 5, 5.5, -1]),
    st.sampled_from([None, "Pro", "pro", "Select", " "]),
    st.sampled_from([None, True]),
)
TYPES = ["visit", " Visit", "click", "\uff23lick", "demo  request"]


@st.composite
def worlds(draw):
    leads = []
    for lead in draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True)):
        created = draw(st.none() | AT)
        since = draw(st.lists(st.none() | AT, min_size=1, max_size=3, unique=True))
        leads += [(lead, created, start, *draw(VALUES)) for start in since]
    ids = st.sampled_from(sorted({row[0] for row in leads}))
    events = draw(st.lists(st.tuples(ids, st.sampled_from(TYPES), AT), max_size=25))
    stage = st.sampled_from(["mql", "sal", "won", "contacted"])
    outcomes = draw(st.lists(st.tuples(ids, stage, st.integers(0, 25)), max_size=8))
    # One who is always there, and whose win is fine.
    leads.append(("z", None, None, 1, "Pro", True))
    zone = draw(st.sampled_from(["UTC", "America/New_York", "Europe/Berlin"]))
    return World(zone, draw(st.booleans()), leads, events, [*outcomes, ("z", "won", 12)])


DAYS = st.lists(st.integers(0, 18), min_size=1, max_size=4, unique=True)
ASKED = {"stage": "won", "within_days": 10, "windows": [3, 10]}


def same(one, other):
    pd.testing.assert_frame_equal(one.X, other.X, check_exact=True)
    pd.testing.assert_series_equal(one.y, other.y)
    assert one.provenance == other.provenance


# --------------------------------------------------------------------------------------------------------- properties


@FEW
@given(cases(), st.sets(st.sampled_from([1, 2, 7, 8, 30, 60]), min_size=1, max_size=2))
def test_activity_is_what_a_rule_counts(case, windows):
    leads, events = frames(case)
    leads = pd.concat([leads, pd.DataFrame({"lead_id": ["z"]})], ignore_index=True)
    outcomes = pd.DataFrame({"lead_id": ["z"], "stage": "won", "at": [str(case.as_of)]})
    timezone = case.document.get("timezone", "UTC")
    tables = ls.load_tables(leads, events, outcomes, rulebook=in_zone(timezone), observed_until=case.as_of)
    rows = snapshots(tables, as_of=case.as_of, stage="won", within_days=5, windows=sorted(windows))
    assert list(rows.provenance) == list(rows.X)
    count = {"events": "each", "days": "daily", "since": "once"}
    rules = {
        name: {"name": name, "event": made_of.event, "points": 1, "count": count[made_of.measure]}
        | ({"within_days": made_of.within_days} if made_of.within_days else {"points": 1000, "fade_days": 1000})
        for name, made_of in rows.provenance.items()
        if isinstance(made_of, Activity)
    }
    points = ls.score(tables, book(timezone, rules.values()), as_of=case.as_of).points
    for name, made_of in rows.provenance.items():
        found = rows.X[name].to_numpy(float)
        if isinstance(made_of, Kinds):
            of = [Activity(event, "days", made_of.within_days) for event in {rule["event"] for rule in rules.values()}]
            wanted = sum((points[name] > 0).to_numpy(int) for name, one in rows.provenance.items() if one in of)
        else:
            # Worth 1000 on the day itself, and one less for each day since.
            wanted = points[name].to_numpy()
            wanted = np.where(wanted > 0, 1000 - wanted, np.nan) if made_of.measure == "since" else wanted
        np.testing.assert_array_equal(found, wanted)


@FEW
@given(worlds(), st.integers(0, 15), st.data())
def test_nothing_later_changes_a_feature(world, last, data):
    later = st.tuples(st.integers(last + 1, 25), st.sampled_from(TIMES))
    ids = st.sampled_from(sorted({row[0] for row in world.leads}))
    events = [row if row[2][0] <= last else (*row[:2], data.draw(later)) for row in world.events]
    events += data.draw(st.lists(st.tuples(ids, st.sampled_from([*TYPES, "first seen later"]), later), max_size=5))
    leads = [row for row in world.leads if row[2] is None or row[2][0] <= last]
    # A lead has to keep a row, if only one that holds from a later day on.
    lost = {row[0]: row for row in world.leads if row[0] not in {kept[0] for kept in leads}}
    leads += [(*row[:2], data.draw(later), *data.draw(VALUES)) for row in lost.values()]
    begun = {(row[0], row[2]) for row in leads}
    for lead, start, values in data.draw(st.lists(st.tuples(ids, later, VALUES), max_size=3)):
        if (lead, start) not in begun:
            created = next(row[1] for row in world.leads if row[0] == lead)
            leads.append((lead, created, start, *values))
            begun.add((lead, start))
    leads.append(("new", data.draw(later), None, 7, "Pro", None))
    outcomes = [row for row in world.outcomes if row[2] <= last or row[0] == "z"]
    changed = World(world.timezone, world.zone is not None, leads, events, outcomes)
    as_of = [day(last), day(max(last - 4, 0))][: 1 + (last > 0)]
    found, other = (snapshots(each.tables(), as_of=as_of, **ASKED) for each in (world, changed))
    # A lead whose rows are all new may stand at another place of the table.
    pd.testing.assert_frame_equal(found.X.sort_index(), other.X.sort_index(), check_exact=True)
    assert found.provenance == other.provenance


@FEW
@given(worlds(), DAYS, st.randoms(use_true_random=False))
def test_order_and_daily_activity_change_nothing(world, numbers, random):
    as_of = [day(number) for number in numbers]
    found = snapshots(world.tables(), as_of=as_of, **ASKED)

    def shuffled(frame):
        return frame.iloc[random.sample(range(len(frame)), len(frame))]

    mixed = snapshots(world.tables(order=shuffled), as_of=as_of[::-1], **ASKED)
    assert sorted(mixed.notes) == sorted(found.notes)
    for one in ("X", "y"):
        object.__setattr__(mixed, one, getattr(mixed, one).reindex(found.X.index))
    assert len(mixed) == len(mixed.day) == len(found)
    same(mixed, found)
    same(snapshots(world.tables(activity=True), as_of=as_of, **ASKED), found)


def plain_attributes(world, lead, number):
    """The values of the last row that holds by the day; None where the lead is not there."""
    rows = [row for row in world.leads if row[0] == lead]
    begins = [(-1, dt.time()) if row[2] is None else row[2] for row in rows]
    created = rows[0][1]
    if number < (min(begins)[0] if created is None else created[0]):
        return None
    held = max((place for place, at in enumerate(begins) if at[0] <= number), key=begins.__getitem__, default=None)
    size, plan, vip = (None, None, None) if held is None else rows[held][3:]
    return size, None if plan is None or not plan.strip() else plan, vip


@FEW
@given(worlds(), DAYS)
def test_rows_attributes_and_labels_equal_plain_python(world, numbers):
    tables = world.tables()
    found = snapshots(tables, as_of=[day(number) for number in numbers], **ASKED)
    leads = list(dict.fromkeys(row[0] for row in world.leads))
    cells = {(lead, number): plain_attributes(world, lead, number) for lead in leads for number in sorted(numbers)}
    wanted = {(lead, pd.Timestamp(day(number))): row for (lead, number), row in cells.items() if row is not None}
    got = found.X[ATTRIBUTES].astype(object)
    got = got.where(got.notna(), None)
    assert dict(zip(got.index, got.itertuples(index=False, name=None), strict=True)) == wanted
    assert list(got.index) == list(wanted)
    assert found.lead_ids.to_list() == [lead for lead, _ in wanted]
    assert found.dates.to_list() == [when for _, when in wanted]
    assert tables.ids.array.take(found.lead).to_pylist() == [lead for lead, _ in wanted]
    for number in numbers:
        y = label(tables, stage="won", as_of=day(number), within_days=10)
        rows = found.y[found.dates == pd.Timestamp(day(number))].droplevel("as_of")
        pd.testing.assert_series_equal(rows, y[rows.index], check_index_type=False)


@FEW
@given(worlds(), DAYS, st.booleans(), st.randoms(use_true_random=False))
def test_a_day_alone_and_a_day_of_its_own_for_each_lead_are_the_same_rows(world, numbers, worked_only, random):
    tables, asked = world.tables(), ASKED | {"worked_only": worked_only}
    whole = snapshots(tables, as_of=[day(number) for number in numbers], **asked)
    places = random.sample(range(len(whole)), len(whole))
    own = snapshots(tables, as_of=whole.dates.droplevel("as_of").iloc[places], **asked)
    pd.testing.assert_frame_equal(own.X, whole.X.iloc[places])
    pd.testing.assert_series_equal(own.y, whole.y.iloc[places])
    for when in whole.dates.unique():
        # Types of events that have not happened by then are no columns.
        alone = snapshots(tables, as_of=when, **asked)
        rows = (whole.dates == when).to_numpy()
        pd.testing.assert_frame_equal(alone.X, whole.X.loc[rows, list(alone.X)])
        absent = whole.X.loc[rows, [name for name in whole.X if name not in alone.X]]
        assert not absent.fillna(0).to_numpy().any()
        pd.testing.assert_series_equal(alone.y, whole.y[rows])


# -------------------------------------------------------------------------------------------------------------- traps

LEADS = pd.DataFrame({"lead_id": ["a", "b"], "created_at": ["2026-03-01", "2026-03-10"], "country": ["US", None]})
WON = pd.DataFrame({"lead_id": ["a"], "stage": "won", "at": ["2026-03-20"]})


def tables_of(leads=LEADS, events=None, outcomes=WON, timezone=None, **options):
    known = (
        {} if timezone is None else {"rulebook": in_zone(timezone), "columns": [c for c in leads if c[0] not in "lv"]}
    )
    known |= {"observed_until": "2026-04-30"}
    if events is not None:
        events = pd.DataFrame(events, columns=["lead_id", "event", "at"])
    return ls.load_tables(leads, events, outcomes, **known | options)


def rows_of(tables, as_of="2026-03-15", **options):
    return snapshots(tables, **{"as_of": as_of, "stage": "won", "within_days": 10} | options)


def test_names_read_well_and_say_what_they_are_made_of():
    rows = rows_of(tables_of(events=[("a", "Page_View", "2026-03-15"), ("b", "form", "2026-03-11")]), windows=[30, 1])
    assert rows.provenance == {
        "country": Attribute("country", "category"),
        "form: events in 30 days": Activity("form", "events", 30),
        "form: events in 1 day": Activity("form", "events", 1),
        "form: days in 30 days": Activity("form", "days", 30),
        "form: days in 1 day": Activity("form", "days", 1),
        "form: days since": Activity("form", "since"),
        "page_view: events in 30 days": Activity("page_view", "events", 30),
        "page_view: events in 1 day": Activity("page_view", "events", 1),
        "page_view: days in 30 days": Activity("page_view", "days", 30),
        "page_view: days in 1 day": Activity("page_view", "days", 1),
        "page_view: days since": Activity("page_view", "since"),
        "kinds of event in 30 days": Kinds(30),
        "kinds of event in 1 day": Kinds(1),
    }
    assert rows.X["form: days since"].to_list()[1] == 4
    assert rows.X["kinds of event in 1 day"].to_list() == [1, 0]


def test_windows_may_come_in_any_form():
    tables = tables_of(events=[("a", "visit", "2026-03-15")])
    [same] = {repr(rows_of(tables, windows=each).provenance) for each in ([7], np.array([7]), iter((7,)))}
    assert "'events', within_days=7)" in same.replace("measure=", "")


def test_without_windows_or_events_there_is_less():
    events = [("a", "visit", "2026-03-15")]
    assert list(rows_of(tables_of(events=events), windows=()).X) == ["country", "visit: days since"]
    assert list(rows_of(tables_of()).X) == ["country"]
    # Nobody knows on the day that there will be a first visit.
    assert list(rows_of(tables_of(events=events), as_of="2026-03-14").X) == ["country"]
    assert list(rows_of(tables_of(LEADS[["lead_id"]])).X) == []


@pytest.mark.parametrize(
    ("number", "events", "days", "since"),
    [("2026-03-14", 0, 0, np.nan), ("2026-03-15", 2, 1, 0), ("2026-03-21", 2, 1, 6), ("2026-03-22", 0, 0, 7)],
)
def test_the_edge_of_a_window(number, events, days, since):
    log = [
        ("a", "visit", "2026-03-15T00:00"),
        ("a", " VISIT", "2026-03-15T23:59:59.999999"),
        ("b", "visit", "2026-03-11"),
    ]
    row = rows_of(tables_of(events=log), number, windows=[7]).X.loc["a"].iloc[0, 1:4]
    np.testing.assert_array_equal(row.to_numpy(float), [events, days, since])


def test_days_are_those_of_the_tables():
    log = [("a", "visit", "2026-03-15T03:00Z")]
    new_york = rows_of(tables_of(events=log, timezone="America/New_York"), "2026-03-14", windows=[1])
    assert new_york.X.loc["a", "visit: events in 1 day"].to_list() == [1]
    assert list(rows_of(tables_of(events=log), "2026-03-14").X) == ["country"]


def test_a_lead_that_came_later_has_no_row():
    rows = rows_of(tables_of(), ["2026-03-10", "2026-03-09"])
    assert [(lead, str(when.date())) for lead, when in rows.X.index] == [
        ("a", "2026-03-09"),
        ("a", "2026-03-10"),
        ("b", "2026-03-10"),
    ]
    assert "1 row left out: the lead came after the day." in rows.notes
    with pytest.raises(ls.ArgumentError, match=r"there is no row. 2 rows left out: the lead came after the day"):
        rows_of(tables_of(), "2026-02-28")


def test_the_day_a_lead_came_is_that_of_the_tables():
    leads = LEADS.assign(created_at=["2026-03-15T03:00Z", "2026-03-15T05:00Z"])
    assert rows_of(tables_of(leads, timezone="America/New_York"), "2026-03-14").lead_ids.to_list() == ["a"]


def test_attributes_are_those_of_the_day():
    leads = pd.DataFrame({"lead_id": ["a", "a", "b"], "created_at": ["2026-03-01"] * 3, "country": ["US", "FR", "NO"]})
    leads["valid_from"] = ["2026-03-02T00:00Z", "2026-03-10T03:00Z", None]
    rows = rows_of(
        tables_of(leads, timezone="America/New_York"), ["2026-02-28", "2026-03-01", "2026-03-08", "2026-03-09"]
    )
    assert rows.X.loc["a", "country"].to_list() == ["US", "US", "FR"]  # from the 1st and the 9th on in New York
    before = rows_of(tables_of(leads.assign(valid_from=["2026-03-05", "2026-03-10", None])), "2026-03-03")
    assert before.X["country"].to_list() == [None, "NO"]
    assert "1 row without attributes: the lead's first record came after the day." in before.notes
    assert not any("no valid_from" in finding for finding in before.notes)
    assert any("no valid_from" in finding for finding in rows_of(tables_of()).notes)


def test_kinds_of_columns():
    leads = pd.DataFrame(
        {
            "lead_id": ["a", "b"],
            "account_id": ["x", "y"],
            "small": pd.array([5, None], "Int8"),
            "share": [0.5, np.nan],
            "vip": pd.array([True, None], "boolean"),
            "plan": pd.Categorical(["Select", ""]),
            "numeral": ["1200", None],
            "signed_on": [dt.date(2026, 3, 1), None],
            "seen": pd.to_datetime(["2026-03-01", None]),
            "tags": [["x"], None],
            "crm_key": [2**60, 1],
            "empty": [None, None],
        }
    )
    rows = rows_of(tables_of(leads))
    kinds = {name: made_of.kind for name, made_of in rows.provenance.items()}
    assert kinds == {
        "small": "number",
        "share": "number",
        "vip": "boolean",
        "plan": "category",
        "numeral": "category",
        "empty": "category",
    }
    assert rows.X.dtypes.astype(str).to_list() == ["float64", "float64", "boolean", "object", "object", "object"]
    values = rows.X.astype(object).where(rows.X.notna(), None)
    assert values.to_numpy().tolist() == [[5, 0.5, True, "Select", "1200", None], [None] * 6]
    [left_out] = [finding for finding in rows.notes if "left out" in finding]
    assert [name in left_out for name in ("signed_on", "seen", "tags", "crm_key (whole numbers above 2**53")] == [
        True
    ] * 4
    assert "Columns of numbers as text, taken as categories: numeral." in rows.notes


def test_a_type_of_event_may_be_a_number_but_no_date():
    leads, log = pd.DataFrame({"lead_id": [1]}), pd.DataFrame({"lead_id": [1], "event": [5], "at": ["2026-03-15"]})
    won = pd.DataFrame({"lead_id": [1], "stage": "won", "at": ["2026-03-20"]})
    assert rows_of(ls.load_tables(leads, log, won), windows=[7]).X["5: events in 7 days"].to_list() == [1]
    tables = ls.load_tables(leads, log.assign(event=pd.to_datetime(["2026-03-15"])), won)
    with pytest.raises(ls.ContractError, match=r"events.event: 1 distinct value: timestamp\[.*\] values where text"):
        rows_of(tables)


def test_counts_past_32_bits_stay_whole():
    activity = daily_activity(pd.DataFrame({"lead_id": ["a"], "event": "visit", "at": ["2026-03-15"]}))
    table = pa.table(activity)
    huge = table.set_column(table.schema.get_field_index("count"), "count", [[3_000_000_000]])
    tables = ls.load_tables(LEADS, huge.replace_schema_metadata(table.schema.metadata), WON)
    assert rows_of(tables, windows=[7]).X["visit: events in 7 days"].to_list() == [3_000_000_000, 0]


def test_activity_of_another_time_zone_is_refused():
    activity = daily_activity(pd.DataFrame({"lead_id": ["a"], "event": "visit", "at": ["2026-03-15"]}), timezone="UTC")
    tables = ls.load_tables(LEADS, activity, WON, rulebook=in_zone("Europe/Berlin"))
    with pytest.raises(ls.ArgumentError, match="the activity has days of UTC"):
        rows_of(tables)


def test_the_day_each_lead_qualified():
    log = [
        ("a", "visit", "2026-03-15T21:30Z"),
        ("a", "visit", "2026-03-16T01:00Z"),
        ("b", "visit", "2026-03-16T08:00Z"),
    ]
    rulebook = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "visits",
            "timezone": "America/New_York",
            "behaviour": [{"name": "Visit", "event": "visit", "points": 5, "count": "each"}],
            "qualify": {"threshold": 5},
        }
    )
    won = WON.assign(at=["2026-03-15T22:00Z"])
    tables = ls.load_tables(LEADS, pd.DataFrame(log, columns=["lead_id", "event", "at"]), won, rulebook=rulebook)
    history = ls.replay(tables, rulebook, start="2026-03-10", end="2026-03-31")
    asked = {"stage": "won", "within_days": 5, "windows": [1], "observed_until": "2026-04-30"}
    by_day = snapshots(tables, as_of=history.frame["day"], **asked)
    assert by_day.X["visit: events in 1 day"].to_list() == [2, 1]
    assert by_day.y.to_list() == [pd.NA, False]
    # By its time the lead was won half an hour later: that is known, and so is what it did after it.
    by_time = snapshots(tables, as_of=history.frame["qualified_at"], **asked)
    pd.testing.assert_frame_equal(by_time.X, by_day.X)
    assert by_time.y.to_list() == [True, False]
    assert [finding for finding in by_time.notes if "same day" in finding] == [
        "1 row of leads that reached won later on the same day: some of that day's activity may have come afterwards."
    ]
    assert not [finding for finding in by_day.notes if "same day" in finding]


def test_a_lead_without_a_day_has_no_row():
    rows = rows_of(tables_of(), pd.Series([None, "2026-03-15"], ["a", "b"]))
    assert (rows.lead_ids.to_list(), rows.notes[0]) == (["b"], "1 row left out: the lead has no day.")


def test_a_lead_twice_on_a_day_is_refused():
    said = "a lead has one row a day; 'a' has 2026-03-15 twice, and {} row"
    for as_of, n in (
        (["2026-03-15", dt.date(2026, 3, 15)], 2),
        (pd.Series("2026-03-15", ["b", "a", "a"]), 1),
        (pd.Series(["2026-03-15T09:00Z", "2026-03-15T10:00Z"], ["a", "a"]), 1),
    ):
        with pytest.raises(ls.ArgumentError, match=said.format(n)):
            rows_of(tables_of(), as_of)
    assert len(rows_of(tables_of(), pd.Series(["2026-03-15", "2026-03-16"], ["a", "a"]))) == 2


def test_labels_that_are_not_known_are_counted_by_why():
    leads = pd.DataFrame({"lead_id": list("abc"), "country": "US"})
    outcomes = pd.DataFrame({"lead_id": ["a", "b"], "stage": ["won", "contacted"], "at": ["2026-03-20", "2026-03-18"]})
    tables = tables_of(leads, outcomes=outcomes)
    days = ["2026-03-15", "2026-03-25", "2026-04-25"]
    rows = rows_of(tables, days)
    assert rows.y.to_list() == [True, pd.NA, pd.NA, False, False, pd.NA, False, False, pd.NA]
    assert rows.notes[1:] == (
        "3 labels not known: 10 days have not passed by 2026-04-30.",
        "1 label not known: the lead had already reached won.",
        (
            "3 leads with several rows, which are not independent: draw leads with all their rows for intervals, and "
            "keep a lead on one side of a fold."
        ),
    )
    worked = rows_of(tables, days, worked_only=True)
    assert worked.y.to_list() == [True, pd.NA, pd.NA, False, False, *[pd.NA] * 4]
    assert worked.notes[2:4] == (
        "3 labels not known: the lead had already reached won, or sales never worked it in that time.",
        "Labels are of leads that sales chose to work: what is learned holds for leads chosen in the same way.",
    )
    pd.testing.assert_frame_equal(worked.X, rows.X)
    successes = rows_of(tables_of(leads, outcomes=outcomes[:1]), days, worked_only=True)
    assert successes.notes[4] == (
        "Nothing can be learned: no outcome tells of a lead that sales worked and that did not reach won: any share "
        "would be 100 %. Without worked_only the other leads count as not reached."
    )
    # Of a window that ends on the last day all is known.
    [*_, why] = rows_of(tables, "2026-03-20", observed_until="2026-03-30").notes
    assert why == "1 label not known: the lead had already reached won."
    # Observed for less long, less is known.
    early = rows_of(tables, days, observed_until="2026-03-24")
    assert early.y.isna().all()
    assert early.observed_until == dt.date(2026, 3, 24)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": 30}, "must be several whole numbers of days from 1, all different; got 30"),
        ({"windows": [7, 0]}, r"all different; got \[7, 0\]"),
        ({"windows": [7, 7]}, r"all different; got \[7, 7\]"),
        ({"windows": [7.0, True]}, r"all different; got \[7.0, True\]"),
        ({"as_of": []}, "there is no row"),
        ({"as_of": pd.Series([], dtype=object)}, "there is no row"),
        ({"as_of": "15.3.2026"}, "must be a day such as 2026-03-31; got '15.3.2026'"),
        ({"as_of": ["2026-03-15", None]}, "must be a day such as 2026-03-31; got None"),
        ({"as_of": pd.Series(["2026-03-15"], ["c"])}, "1 lead not in the tables: 'c'"),
        ({"as_of": pd.Series(["soon"], ["a"])}, "must hold days as 2026-03-31; got 'soon'"),
        ({"stage": "wonn"}, "did you mean 'won'"),
        ({"within_days": 0}, "within_days"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ls.ArgumentError, match=message):
        rows_of(tables_of(), **options)


def test_what_is_not_there_is_named():
    with pytest.raises(ls.ArgumentError, match="there are no outcomes"):
        rows_of(tables_of(outcomes=None))
    tables = tables_of(LEADS.assign(**{"visit: days since": 5}), [("a", "visit", "2026-03-15")])
    with pytest.raises(ls.ArgumentError, match="lead columns are named as features of activity: 'visit: days since'"):
        rows_of(tables)


def test_it_reads_as_sentences():
    rows = rows_of(tables_of(LEADS.assign(country=["<b>", "US"])), ["2026-03-15", "2026-03-21", "2026-04-25"])
    title = (
        "1 of 3 rows with a known outcome reached won within 10 days, by outcomes until 2026-04-30; 3 more are "
        "not known yet. 2 leads on 3 days from 2026-03-15 to 2026-04-25, 1 feature."
    )
    assert repr(rows).splitlines()[0] == title
    assert repr(rows).splitlines()[-len(rows.notes) :] == [f"- {note}" for note in rows.notes]
    assert [line.split() for line in repr(rows).splitlines()[3:6]] == [
        ["lead", "id", "as", "of", "country", "won"],
        ["a", "2026-03-15", "<b>", "yes"],
        ["a", "2026-03-21", "<b>"],
    ]
    first = check_renderings(rows)["X"][0]
    assert first == {"lead_id": "a", "as_of": "2026-03-15T00:00:00", "country": "<b>", "won": True}


# ---------------------------------------------------------------------------------------------------------- real data


@pytest.mark.real
def test_olist_on_the_day_of_first_contact(folder):
    leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
    leads = leads.rename(columns={"mql_id": "lead_id", "first_contact_date": "created_at"})
    outcomes = pd.DataFrame({"lead_id": deals["mql_id"], "stage": "won", "at": deals["won_date"] + "Z"})
    tables = ls.load_tables(
        leads, None, outcomes, rulebook=in_zone("America/Sao_Paulo"), columns=list(leads)[2:], strict=False
    )
    came = leads.set_index("lead_id")["created_at"]
    rows = snapshots(tables, as_of=came, stage="won", within_days=90)
    assert (len(rows), list(rows.X)) == (8000, ["landing_page_id", "origin"])
    assert rows.X["landing_page_id"].nunique() == leads["landing_page_id"].nunique()
    local = pd.to_datetime(outcomes.set_index("lead_id")["at"]).dt.tz_convert("America/Sao_Paulo").dt.tz_localize(None)
    days = (local.dt.normalize() - pd.to_datetime(came)[local.index]).dt.days
    won = days[(days > 0) & (days <= 90)].index
    closed = pd.to_datetime(came) + pd.Timedelta(90, "D") <= pd.Timestamp(rows.observed_until)
    assert int(rows.y.sum()) == int(closed[won].sum())
    assert int(rows.y.isna().sum()) == int((~closed).sum() + (closed[days.index] & (days == 0)).sum())
