"""Replay says of every day what scoring that day says, attribute history included; and when on its day a lead did."""

import datetime as dt
import time
import tracemalloc
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from tests.scoring.test_scoring import FRAME, POINTS, plain
from tests.support import reference
from tests.support.strategies import Case, cases, frames

SOME = settings(max_examples=settings.default.max_examples // 2)
SCORED = ["fit", "behaviour", "total", "segment", "threshold", "via", "grade"]
LENGTHS = [1, 2, 3, 5, 8, 8, 13, 35, 65]


def days(start, end):
    return [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]


def local(moment, zone):
    return (
        moment.date() if isinstance(moment, dt.datetime) and moment.tzinfo is None else moment.astimezone(zone).date()
    )


@st.composite
def periods(draw):
    """A case, and a period that holds its day or lies beside it."""
    case = draw(cases())
    start = case.as_of - dt.timedelta(days=draw(st.sampled_from([0, 1, 2, 7, 30, 60])))
    return close(draw, case, start, start + dt.timedelta(days=draw(st.sampled_from(LENGTHS)) - 1))


def close(draw, case, start, end):
    """The same with a bar that is just reached: what some lead has on some day while its total changes."""
    if not draw(st.sampled_from([True, True, True, False])):
        return case, start, end
    rulebook = ls.Rulebook.from_dict(case.document)
    tables = tables_of(case, rulebook)
    daily = pd.DataFrame({day: ls.score(tables, rulebook, as_of=day).frame["total"] for day in days(start, end)})
    moved = {total for row in daily.to_numpy().tolist() if len(set(row)) > 1 for total in row}
    bars = sorted(total for total in moved if abs(total) <= 1_000_000)
    if bars:
        kept = {
            key: case.document["qualify"][key] for key in ("never", "hand_raise") if key in case.document["qualify"]
        }
        chosen = {"threshold": draw(st.sampled_from(bars))} | (kept if draw(st.booleans()) else {})
        case = case._replace(document=case.document | {"qualify": chosen})
    return case, start, end


@st.composite
def grown(draw):
    """The same with several rows for a lead, each from a time on: the rows of a case dealt out to fewer leads."""
    case, start, end = draw(periods())
    zone = ZoneInfo(case.document.get("timezone", "UTC"))
    aware = draw(st.booleans())
    leads, taken = [], set()
    n = draw(st.integers(1, 3))
    first = {}
    for number, row in enumerate(case.leads):
        lead = f"L-{number % n}"
        day = draw(st.sampled_from([None, *days(start, min(end, start + dt.timedelta(days=9))), case.as_of]))
        time = draw(st.sampled_from([dt.time(), dt.time(9), dt.time(23, 59, 59, 999999)]))
        at = day and dt.datetime.combine(day, time)
        at = at.replace(tzinfo=zone).astimezone(dt.UTC) if at and aware else at
        first.setdefault(lead, row.get("created_at"))
        kept = {key: value for key, value in row.items() if key != "created_at"}
        if (lead, at) not in taken:
            taken.add((lead, at))
            created = {} if first[lead] is None else {"created_at": first[lead]}
            leads.append(kept | created | {"lead_id": lead, "valid_from": at})
    events = [event | {"lead_id": f"L-{int(event['lead_id'][2:]) % n}"} for event in case.events]
    return close(draw, case._replace(leads=leads, events=events), start, end)


def tables_of(case, rulebook):
    leads, events = frames(case)
    if case.leads and "valid_from" in case.leads[0]:
        aware = any(row["valid_from"] is not None and row["valid_from"].tzinfo for row in case.leads)
        kind = "datetime64[us, UTC]" if aware else "datetime64[us]"
        leads["valid_from"] = pd.Series([row["valid_from"] for row in case.leads], dtype=kind)
    return ls.load_tables(leads, events, rulebook=rulebook)


def valid_on(case, day):
    """The leads as they were at the end of a day, one row each: by eye, from what `Records` says."""
    zone = ZoneInfo(case.document.get("timezone", "UTC"))
    rows = {}
    for row in case.leads:
        rows.setdefault(row["lead_id"], []).append(row)
    leads = []
    for lead, several in rows.items():
        began = [row for row in several if row["valid_from"] is None or local(row["valid_from"], zone) <= day]
        created = several[0].get("created_at")
        if not began and (created is None or created is pd.NaT):
            continue  # no row yet, and nothing says that it is there
        dated = [row for row in began if row["valid_from"] is not None]
        newest = (
            max(dated, key=lambda row: row["valid_from"]) if dated else began[0] if began else {"created_at": created}
        )
        leads.append(newest | {"lead_id": lead})
    return leads


@SOME
@given(grown())
def test_the_row_that_holds_on_the_day_counts(drawn):
    case, start, end = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    tables = tables_of(case, rulebook)
    for day in {start, case.as_of, end}:
        found = reference.score(case.document, valid_on(case, day), case.events, day)
        expected = {
            lead: {name: row[name] / 1000 if name in POINTS else row[name] for name in FRAME}
            for lead, row in found.items()
        }
        assert plain(ls.score(tables, rulebook, as_of=day).frame) == expected


def check_replay(case, start, end):
    """Replay against a score of every day."""
    rulebook = ls.Rulebook.from_dict(case.document)
    tables = tables_of(case, rulebook)
    history = ls.replay(tables, rulebook, start=start, end=end, states=True)
    daily = {day: ls.score(tables, rulebook, as_of=day).frame for day in days(start - dt.timedelta(days=1), end)}
    qualified = pd.DataFrame({day: frame["qualified"] for day, frame in daily.items()}).astype("boolean").fillna(False)

    inside = qualified.iloc[:, 1:]
    first = {lead: row.idxmax() for lead, row in inside.iterrows() if row.any()}
    assert dict(zip(history.frame.index, history.frame["day"].dt.date, strict=True)) == first
    assert history.n_leads == len(daily[end])
    scored = plain(history.frame[SCORED])
    for lead, day in first.items():
        assert scored[lead] == plain(daily[day].loc[[lead], SCORED])[lead]
        assert history.frame.loc[lead, "already"] == (day == start and qualified.loc[lead].iloc[0])
        points = ls.score(tables, rulebook, as_of=day).points.loc[lead]
        assert history.points.loc[lead].tolist() == points.tolist()

    again = inside & False
    for stay in history.states.itertuples():
        last = end if pd.isna(stay.to_day) else stay.to_day.date()
        assert pd.isna(stay.to_day) or last < end
        again.loc[stay.lead_id, days(stay.from_day.date(), last)] = True
        assert stay.already == (stay.from_day.date() == start and qualified.loc[stay.lead_id].iloc[0])
    assert again.equals(inside)
    beside = history.states.sort_values(["lead_id", "from_day"])
    gap = beside.groupby("lead_id")["from_day"].shift(-1) - beside["to_day"]
    assert not (gap <= pd.Timedelta(days=1)).any()  # two stays in a row would be one
    return history


@SOME
@given(periods())
def test_replay_equals_a_score_of_every_day(drawn):
    check_replay(*drawn)


@SOME
@given(grown())
def test_replay_of_leads_that_change_equals_a_score_of_every_day(drawn):
    check_replay(*drawn)


def moment_by_hand(case, lead, day):
    """When on a day a lead first qualified, by trying its events one moment after another; None before any."""
    zone = ZoneInfo(case.document.get("timezone", "UTC"))
    row = [one for one in case.leads if one["lead_id"] == lead]
    mine = [event for event in case.events if event["lead_id"] == lead]
    before = [event for event in mine if local(event["at"], zone) < day]
    today = [event for event in mine if local(event["at"], zone) == day]
    for moment in [None, *sorted({event["at"] for event in today})]:
        so_far = before + [event for event in today if moment is not None and event["at"] <= moment]
        if reference.score(case.document, row, so_far, day)[lead]["qualified"]:
            return moment
    return pytest.fail("it never qualifies")


@given(periods())
def test_qualified_at_is_the_moment_the_bar_was_reached(drawn):
    case, start, end = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    zone = ZoneInfo(rulebook.timezone)
    history = ls.replay(tables_of(case, rulebook), rulebook, start=start, end=end)
    for lead, row in history.frame.iterrows():
        moment = moment_by_hand(case, lead, row["day"].date())
        found = row["qualified_at"]
        created = [row["created_at"] for row in case.leads if row["lead_id"] == lead and row.get("created_at")]
        came = [pd.Timestamp(at) if at.tzinfo else gap_free(at, zone) for at in created if at is not pd.NaT]
        if moment is None:
            assert found == max([pd.Timestamp(row["day"]).tz_localize(zone), *came])
        elif pd.isna(found):
            # Dates only, as far as these leads go.
            assert moment.astimezone(zone).time() == dt.time() if moment.tzinfo else moment.time() == dt.time()
        else:
            assert found == max([pd.Timestamp(moment) if moment.tzinfo else gap_free(moment, zone), *came])


POINTS_GIVEN = st.sampled_from([-8, -1, 1, 3, 20])
RULES = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"points": POINTS_GIVEN, "count": st.sampled_from(["each", "daily", "once"])},
            optional={"half_life_days": st.just(2), "at_most": st.just(5), "at_least": st.just(-5)},
        ),
        st.fixed_dictionaries(
            {
                "from": st.dictionaries(st.integers(0, 4), POINTS_GIVEN, min_size=1, max_size=3),
                "count": st.sampled_from(["each", "daily", "once"]),
                "within_days": st.sampled_from([1, 2, 4]),
            }
        ),
    ),
    min_size=1,
    max_size=3,
)
WAITS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=2, unique=True)


@st.composite
def crowded(draw):
    """A rulebook, and for two leads some events of the days before, and many of one day at few moments."""
    window = st.sampled_from([{}, {"within_days": 1}, {"within_days": 3}])
    qualify = {"threshold": draw(st.sampled_from([0, 1, 4, 20]))}
    if draw(st.booleans()):
        qualify["hand_raise"] = {"event": "d", **draw(window)}
    if draw(st.booleans()):
        qualify["never"] = [{"name": "Out", "event": "e", **draw(window)}]
    rules = [{"name": f"R{n}", "event": draw(WAITS), **rule} for n, rule in enumerate(draw(RULES))]
    # No threshold is out of reach, since an event that never comes would be worth so much.
    rules.append({"name": "Bonus", "event": "bonus", "points": 50})
    book = ls.Rulebook.from_dict({"leadscore": 1, "name": "x", "behaviour": rules, "qualify": qualify})
    before = st.builds(lambda ago: on(10, dt.time(12)) - dt.timedelta(days=ago), st.integers(1, 4))
    today = st.builds(lambda hour: on(10, dt.time(hour)), st.integers(1, 4))
    event = st.tuples(st.sampled_from(["x", "y"]), st.sampled_from("abcde"), st.one_of(before, today, today, today))
    return book, pd.DataFrame(draw(st.lists(event, min_size=1, max_size=14)), columns=["lead_id", "event", "at"])


@given(crowded())
def test_on_a_crowded_day_the_first_moment_that_qualifies_is_found(drawn):
    book, events = drawn
    day = dt.date(2026, 3, 10)
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["x", "y"]}), events, rulebook=book)
    history = ls.replay(tables, book, start=day, end=day)
    for lead, row in history.frame.iterrows():
        mine = events[events["lead_id"] == lead].sort_values("at").to_dict("records")
        moments = [dt.datetime.combine(day, dt.time()), *(event["at"] for event in mine if event["at"].date() == day)]
        found = [
            at
            for at in moments
            if ls.score_one({}, [event for event in mine if event["at"] <= at], book, as_of=day)["qualified"]
        ]
        assert row["qualified_at"] == pd.Timestamp(found[0], tz="UTC")


def gap_free(wall, zone):
    """A time on the wall clock as a moment: the first of two, the end of a gap."""
    return pd.Timestamp(wall).tz_localize(zone, ambiguous=True, nonexistent="shift_forward")


@SOME
@given(periods(), st.integers(1, 3))
def test_how_the_leads_are_cut_up_does_not_matter(drawn, size):
    case, start, end = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    tables = tables_of(case, rulebook)
    whole = ls.replay(tables, rulebook, start=start, end=end, states=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leadscore.scoring.timeline._LEADS", size)
        patch.setattr("leadscore.scoring.timeline._ROWS", 1)
        cut = ls.replay(tables, rulebook, start=start, end=end, states=True)
    pd.testing.assert_frame_equal(cut.frame, whole.frame)
    pd.testing.assert_frame_equal(cut.states, whole.states)


# ------------------------------------------------------------------------------------------- days without an event

BAR = {"threshold": 0}
START, END = dt.date(2026, 3, 1), dt.date(2026, 3, 31)


def replayed(qualify=BAR, *, fit=(), behaviour=(), leads=({},), events=()):
    """The days on which lead `a` qualifies, first and last of each stay, after a score of every day agreed."""
    document = {"leadscore": 1, "name": "traps", "qualify": qualify}
    document["fit"] = [{"name": f"fit {n}", **rule} for n, rule in enumerate(fit)]
    document["behaviour"] = [{"name": f"behaviour {n}", **rule} for n, rule in enumerate(behaviour)]
    rows = [{"lead_id": "a", **row} for row in leads]
    happened = [{"lead_id": "a", "event": kind, "at": dt.datetime.combine(day, dt.time(9))} for kind, day in events]
    if any("valid_from" in row for row in rows):
        rows = [{"valid_from": None, **row} for row in rows]
    history = check_replay(Case(document, rows, happened, END), START, END)
    return [
        (stay.from_day.date().day, None if pd.isna(stay.to_day) else stay.to_day.date().day)
        for stay in history.states.itertuples()
    ]


def on(number, time=dt.time()):
    return dt.datetime.combine(dt.date(2026, 3, number), time)


def march(*numbers, event="visit"):
    return [(event, dt.date(2026, 3, number)) for number in numbers]


@pytest.mark.parametrize(
    ("rule", "twin"),
    [
        # An event of 10 March, on a lead that has 5 points of its own.
        ({"points": -8, "half_life_days": 1}, [(1, 9), (11, None)]),
        ({"points": -8, "fade_days": 8}, [(1, 9), (13, None)]),
        ({"points": -8, "step": {"every_days": 5, "lose_percent": 50}}, [(1, 9), (15, None)]),
        ({"points": -8, "within_days": 4}, [(1, 9), (14, None)]),
        ({"points": -8, "within_days": 4, "count": "once"}, [(1, 9), (14, None)]),
        ({"from": {1: -8}, "within_days": 3}, [(1, 9), (13, None)]),
        ({"from": {1: -8}, "within_days": 3, "count": "once"}, [(1, 9), (13, None)]),
        ({"from": {0: -8, 1: 0}, "within_days": 3}, [(10, 12)]),
        ({"points": -8}, [(1, 9)]),  # the twin: what neither fades nor ends keeps the lead below its bar
        ({"points": -8, "half_life_days": 90}, [(1, 9)]),
    ],
)
def test_points_below_zero_that_wear_off_bring_a_lead_back(rule, twin):
    own = {"when": {"country": {"known": False}}, "points": 5}
    assert (
        replayed(fit=[own], behaviour=[{"event": "visit", **rule}], events=march(10), leads=[{"country": None}]) == twin
    )


@pytest.mark.parametrize(("within", "stays"), [(5, [(1, 9), (15, None)]), (None, [(1, 9)]), (30, [(1, 9)])])
def test_a_lapsed_never_lets_a_lead_qualify_again(within, stays):
    entry = {"name": "Complained", "event": "spam", **({"within_days": within} if within else {})}
    assert replayed({"threshold": 0, "never": [entry]}, events=march(10, event="spam"), **ANY_RULE) == stays


ANY_RULE = {"behaviour": [{"event": "visit", "points": 0}]}
EXPORTED = {"when": {"country": ["US"]}, "points": 20}


@pytest.mark.parametrize(
    ("rows", "stays"),
    [
        ([{"country": "US", "valid_from": on(12, dt.time(8))}], [(12, None)]),
        ([{"country": "FR", "valid_from": on(12, dt.time(8))}], []),
        ([{"country": "US"}, {"country": "FR", "valid_from": on(12, dt.time(8))}], [(1, 11)]),
        ([{"country": "FR"}, {"country": "US", "valid_from": on(12, dt.time(8))}], [(12, None)]),
        # Two edits in one day: it is judged as it stood at its end.
        (
            [
                {"country": "US", "valid_from": on(12, dt.time(8))},
                {"country": "FR", "valid_from": on(12, dt.time(9))},
            ],
            [],
        ),
        # Created before its first row: it is there, and nothing is known of it.
        (
            [{"country": "US", "valid_from": on(12, dt.time(8)), "created_at": on(3)}],
            [(12, None)],
        ),
    ],
)
def test_an_edit_of_the_lead_counts_from_its_day(rows, stays):
    assert replayed({"threshold": 20}, fit=[EXPORTED], leads=rows) == stays


@pytest.mark.parametrize(("day", "stays"), [(7, [(7, None)]), (31, [(31, None)]), (1, [(1, None)])])
def test_a_lead_may_qualify_as_it_comes(day, stays):
    lead = {"country": "US", "created_at": on(day, dt.time(23, 59))}
    assert replayed({"threshold": 20}, fit=[EXPORTED], leads=[lead]) == stays


def test_a_hand_raise_lasts_for_its_window():
    qualify = {"threshold": 20, "hand_raise": {"event": "demo", "within_days": 3}}
    assert replayed(qualify, fit=[EXPORTED], leads=[{"country": None}], events=march(4, 5, 20, event="demo")) == [
        (4, 7),
        (20, 22),
    ]


@pytest.mark.parametrize(("grades", "stays"), [(["B"], [(4, 6)]), (["A", "B"], [(3, 6)]), (["C"], [(7, 12)])])
def test_a_lead_may_sink_into_a_grade_that_qualifies(grades, stays):
    book = ls.Rulebook.from_dict(
        {
            "leadscore": 2,
            "name": "grades",
            "behaviour": [{"name": "Visit", "event": "visit", "points": 50, "half_life_days": 3}],
            "grades": {"behaviour": {"A": 40, "B": 20, "C": 5}},
            "qualify": {"grades": grades},
        }
    )
    events = pd.DataFrame({"lead_id": ["a"], "event": ["visit"], "at": [on(3, dt.time(9))]})
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), events, rulebook=book)
    history = ls.replay(tables, book, start=START, end=END, states=True)
    assert [(stay.from_day.day, stay.to_day.day) for stay in history.states.itertuples()] == stays
    assert history.frame["day"].dt.day.tolist() == [stays[0][0]]


def test_decay_out_and_back_in():
    visits = {"event": "visit", "points": 10, "half_life_days": 2}
    assert replayed({"threshold": 5}, behaviour=[visits], events=march(3, 4, 20, 30)) == [(3, 7), (20, 22), (30, None)]


def test_who_qualified_on_the_day_before_is_marked():
    book = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "traps",
            "fit": [{"name": "Here", **EXPORTED}],
            "behaviour": [{"name": "Visit", "event": "visit", "points": 20, "within_days": 5}],
            "qualify": {"threshold": 20},
        }
    )
    # The last day on which "left" qualifies is the one before the start; "stays" is there on the start too.
    leads = pd.DataFrame({"lead_id": ["before", "new", "left", "stays", "never"], "country": ["US", *[None] * 4]})
    visits = {
        "new": ["2026-03-01"],
        "left": ["2026-02-24", "2026-03-20", "2026-03-28"],
        "stays": ["2026-02-25", "2026-03-20"],
    }
    events = pd.DataFrame([{"lead_id": lead, "event": "visit", "at": at} for lead in visits for at in visits[lead]])
    history = ls.replay(ls.load_tables(leads, events, rulebook=book), book, start="2026-03-01", end="2026-03-31")
    assert history.frame["already"].to_dict() == {"before": True, "new": False, "left": False, "stays": True}
    assert history.frame["day"].dt.day.to_dict() == {"before": 1, "new": 1, "left": 20, "stays": 1}
    assert history.weekly()["qualified"].to_list() == [1, 0, 0, 1, 0, 0]


def test_nobody_qualifies_before_being_created():
    book = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "test",
            "behaviour": [{"name": "Visit", "event": "visit", "points": 5}],
            "qualify": {"threshold": 5},
        }
    )
    leads = pd.DataFrame({"lead_id": ["a", "b"], "created_at": ["2026-03-10T17:00Z", "2026-03-10T08:00Z"]})
    events = pd.DataFrame({"lead_id": ["a", "b"], "event": "visit", "at": "2026-03-10T09:00Z"})
    history = ls.replay(ls.load_tables(leads, events, rulebook=book), book, start="2026-03-01", end="2026-03-31")
    assert history.frame["qualified_at"].dt.hour.tolist() == [17, 9]


@pytest.mark.parametrize(
    ("rule", "threshold", "second"),
    [
        ({"points": 1}, 100_365, 99_999),
        ({"from": {100_365: 5}}, 5, 99_999),
        ({"points": 1, "count": "daily"}, 366, 0),
        ({"points": 1, "count": "once", "within_days": 7}, 1, None),
    ],
)
def test_a_crowded_day_costs_no_more_than_its_events(rule, threshold, second):
    n = 100_000
    book = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "scanner",
            "behaviour": [{"name": "Click", "event": "click", "count": "each", **rule}],
            "qualify": {"threshold": threshold, "never": [{"name": "Out", "event": "unsubscribe"}]},
        }
    )
    # A mail scanner: so many clicks in a day, after a year with a click on each day.
    at = [
        *pd.date_range("2025-01-05", periods=365, tz="UTC"),
        *pd.date_range("2026-01-05", periods=n, freq="500ms", tz="UTC"),
    ]
    events = pd.DataFrame({"lead_id": "a", "event": "click", "at": at})
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), events, rulebook=book)
    start = time.process_time()
    tracemalloc.start()
    history = ls.replay(tables, book, start="2026-01-05", end="2026-01-31")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - start < 4
    assert most < 500 * n
    # Already on the day before, or with the event that reached the threshold: by eye.
    began = dt.timedelta(seconds=(second or 0) / 2)
    assert history.frame["qualified_at"].tolist() == [pd.Timestamp("2026-01-05", tz="UTC") + began]
