"""Format 2, over the whole language: equal to the reference to the last digit, on every way there is to a score."""

import datetime as dt
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.days import day_number
from leadscore.base.text import normalise
from leadscore.rulebook import yaml
from leadscore.rulebook.bounds import side_range
from leadscore.rulebook.plan import compiled
from leadscore.scoring.climbs import Climbs
from leadscore.scoring.timeline import Timeline
from tests.support import reference, strategies2
from tests.support.strategies2 import Case, cases, frames

POINTS = ("fit", "behaviour", "total", "threshold")
ONE = dt.timedelta(1)
# An example is a rulebook of some twenty words, and of replay forty days of it.
SOME = settings(max_examples=min(settings.default.max_examples // 2, 120))
FEW = settings(max_examples=min(settings.default.max_examples // 5, 40))


def told(row):
    """A row of the reference, in points, with the columns of a frame of ours."""
    names = [*POINTS, "segment", "qualified", "via", "blocked_by", "grade", "label"]
    return {name: row[name] / 1000 if name in POINTS and row[name] is not None else row[name] for name in names}


def plain(frame):
    objects = frame.astype(object)
    rows = objects.where(objects.notna(), None).to_dict("index")
    return {lead: {"label": None} | row for lead, row in rows.items()}


def rulebook_of(case: Case) -> ls.Rulebook:
    return ls.Rulebook.from_dict(case.document)


def tables_of(case: Case, rulebook: ls.Rulebook) -> ls.tables.Tables:
    return ls.load_tables(*frames(case), rulebook=rulebook)


def by_reference(case):
    return reference.score(case.document, case.leads, case.events, case.as_of, case.outcomes)


@SOME
@given(cases())
def test_scores_points_and_lines_equal_the_reference(case):
    rulebook = rulebook_of(case)
    scores = ls.score(tables_of(case, rulebook), rulebook, as_of=case.as_of)
    found = by_reference(case)
    assert plain(scores.frame) == {lead: told(row) for lead, row in found.items()}
    by_rule = {lead: {rule: points / 1000 for rule, points in row["points"].items()} for lead, row in found.items()}
    assert scores.points.to_dict("index") == by_rule
    for lead, row in found.items():
        lines = scores.explain(lead).lines
        mine = sorted(zip(lines["line"], (lines["points"] * 1000).round().astype(int), strict=True))
        assert mine == sorted(row["lines"])


@SOME
@given(cases())
def test_one_lead_equals_the_reference(case):
    rulebook, columns = rulebook_of(case), frames(case)[0].columns
    for lead, row in by_reference(case).items():
        record = dict.fromkeys(columns) | next(one for one in case.leads if one["lead_id"] == lead)
        events, outcomes = ([one for one in rows if one["lead_id"] == lead] for rows in (case.events, case.outcomes))
        found = ls.score_one(record, events, rulebook, as_of=case.as_of, outcomes=outcomes)
        assert {"label": None} | found == told(row)


@SOME
@given(cases())
def test_accounts_equal_the_reference(case):
    assume("account" in case.document)
    rulebook = rulebook_of(case)
    accounts = ls.score_accounts(tables_of(case, rulebook), rulebook, as_of=case.as_of)
    found = reference.score_accounts(case.document, case.leads, case.events, case.as_of, case.outcomes)
    mine = {normalise(name): row for name, row in plain(accounts.frame).items()}
    assert mine.keys() == found.keys()
    for name, row in found.items():
        assert mine[name]["score"] == row["score"] / 1000
        assert (mine[name]["people"], mine[name]["qualified"]) == (row["people"], row["qualified"])
        lines = accounts.explain(name).lines
        assert sorted(zip(lines["line"], lines["points"], strict=True)) == sorted(
            (line, points / 1000) for line, points in row["lines"]
        )


@SOME
@given(case=cases(), data=st.data())
def test_neither_order_nor_what_was_saved_matters(case, data, tmp_path_factory):
    rulebook = rulebook_of(case)
    leads, events, outcomes = frames(case)
    frame = ls.score(ls.load_tables(leads, events, outcomes, rulebook=rulebook), rulebook, as_of=case.as_of).frame
    turned = ls.load_tables(leads.iloc[::-1], events.iloc[::-1], outcomes.iloc[::-1], rulebook=rulebook)
    assert plain(ls.score(turned, rulebook, as_of=case.as_of).frame) == plain(frame)
    if not len(events):
        return
    path = tmp_path_factory.mktemp("activity") / "activity.parquet"
    ls.tables.daily_activity(events, rulebook=rulebook).write(path)
    saved = ls.load_tables(leads, path, outcomes, rulebook=rulebook)
    pd.testing.assert_frame_equal(ls.score(saved, rulebook, as_of=case.as_of).frame, frame)
    day = ls.tables.daily_activity(events, rulebook=rulebook).table["day"].to_pylist()
    cut = data.draw(st.sampled_from(day))
    mine = [reference.local_day(event["at"], reference.setting_of(case.document, cut).zone) for event in case.events]
    early = np.array([one <= cut for one in mine])
    extended = ls.tables.daily_activity(events[early], rulebook=rulebook).extend(events[~early])
    whole = ls.load_tables(leads, extended, outcomes, rulebook=rulebook)
    pd.testing.assert_frame_equal(ls.score(whole, rulebook, as_of=case.as_of).frame, frame)


@FEW
@given(case=cases(), back=st.integers(0, 40), ahead=st.integers(0, 5), size=st.sampled_from([1 << 14, 1]))
def test_replay_is_what_scoring_every_day_gives(case, back, ahead, size):
    rulebook = rulebook_of(case)
    tables = tables_of(case, rulebook)
    start, end = case.as_of - back * ONE, case.as_of + ahead * ONE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leadscore.scoring.timeline._LEADS", size)
        history = ls.replay(tables, rulebook, start=start, end=end, states=True)
    days = [start + number * ONE for number in range(-1, (end - start).days + 1)]
    daily = [ls.score(tables, rulebook, as_of=day).frame for day in days]
    for lead in frames(case)[0]["lead_id"]:
        held = [bool(lead in frame.index and frame.loc[lead, "qualified"]) for frame in daily]
        inside = [place for place, one in enumerate(held) if one and place > 0]
        assert (lead in history.frame.index) == bool(inside)
        if not inside:
            continue
        row, then = history.frame.loc[lead], daily[inside[0]].loc[lead]
        assert row["day"].date() == days[inside[0]]
        assert row["already"] == (held[0] and held[1])
        for name in ("fit", "behaviour", "total", "threshold", "segment", "via", "grade"):
            assert row[name] == then[name] or (pd.isna(row[name]) and pd.isna(then[name]))
        stays = history.states[history.states["lead_id"] == lead]
        begins = [place for place in inside if place == 1 or not held[place - 1]]
        ends = [place for place in inside if place == len(days) - 1 or not held[place + 1]]
        assert [one.date() for one in stays["from_day"]] == [days[place] for place in begins]
        closed = [None if place == len(days) - 1 else days[place] for place in ends]
        assert [None if pd.isna(one) else one.date() for one in stays["to_day"]] == closed
    first, last = day_number(start), day_number(end)
    plan = compiled(rulebook)
    climbs = Climbs.of(Timeline(plan, tables, first - 1, last), tables, first, last)
    base = -(2**62) + 1 if plan.threshold is None else plan.threshold
    came = climbs.at(np.array([*(bar for *_, bar in plan.segments), base]))
    ids = np.array(tables.ids.array.to_pylist(), object)
    assert sorted(ids[came.lead].tolist()) == sorted(history.frame.index)


@SOME
@given(cases(), st.sampled_from([0, 1, 8, 31, 90]))
def test_a_change_is_explained_by_lines_that_sum(case, gap):
    rulebook = rulebook_of(case)
    tables = tables_of(case, rulebook)
    before = case.as_of - gap * ONE
    then, now = (ls.score(tables, rulebook, as_of=day).frame["total"] for day in (before, case.as_of))
    for lead in now.index:
        lines = ls.explain_change(tables, rulebook, lead, before=before, after=case.as_of).lines
        assert round(lines["points"].sum(), 3) == round(now[lead] - then.get(lead, 0), 3)


@SOME
@given(cases())
def test_no_score_lies_outside_the_bounds(case):
    rulebook = rulebook_of(case)
    bound = ls.score(tables_of(case, rulebook), rulebook, as_of=case.as_of).bound
    for side in ("fit", "behaviour"):
        reach, points = side_range(rulebook, side), getattr(bound, side)
        assert (points >= reach.least).all()
        assert (points <= reach.most).all()


@FEW
@given(data=st.data())
def test_a_rulebook_in_several_files_scores_the_same(data, tmp_path_factory):
    case = data.draw(cases())
    main, files = data.draw(strategies2.in_files(case.document))
    folder = tmp_path_factory.mktemp("files")
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        text = content if isinstance(content, str) else yaml.dump(yaml.plain(content, name))
        (folder / name).write_text(text, encoding="utf-8")
    whole, parts = rulebook_of(case), ls.Rulebook.from_dict(main, folder=folder)
    tables = tables_of(case, whole)
    pd.testing.assert_frame_equal(
        ls.score(tables, parts, as_of=case.as_of).frame, ls.score(tables, whole, as_of=case.as_of).frame
    )


# ------------------------------------------------------------------------------------------- each word with each other

AS_OF = dt.date(2026, 3, 31)
# Words of a behaviour rule that is `{event: visit, points: 4}` without them.
WORDS = {
    "from": {"points": None, "from": {1: 3, 2: 5, 4: -2}},
    "sum": {"sum": "minutes", "points": 0.25},
    "sum from": {"sum": "minutes", "points": None, "from": {-1: 2, 3.5: 7}},
    "cases": {
        "points": None,
        "cases": [{"times": {"at_least": 2}, "within_days": 7, "points": 9}, {"times": {"is": 1}, "points": 3}],
        "other": -1,
    },
    "cases when": {
        "points": None,
        "cases": [{"when": {"country": "US"}, "points": 6}, {"within_days": 20, "points": 2}],
    },
    "where": {"where": {"asset": {"starts_with": "/p"}}},
    "where at": {"where": {"at": {"between": [dt.date(2026, 3, 3), dt.date(2026, 3, 28)]}}},
    "within_days": {"within_days": 14},
    "after": {"after": {"event": "mail", "within_days": 5}},
    "after stage": {"after": {"stage": "contacted"}},
    "since_last": {"since_last": "leave"},
    "since_last stage": {"since_last": {"stage": ["rejected", "lost"]}},
    "when": {"when": {"country": ["US", "CA"]}},
    "when did": {"when": {"did": {"event": "mail", "once_per": "asset", "within_days": 10, "times": {"at_least": 2}}}},
    "when not did": {"when": {"not": {"did": {"event": "mail", "within_days": 6}}}},
    "when stage": {"when": {"not": {"did": {"stage": "rejected", "within_days": 9}}}},
    "when date": {"when": {"renews": {"days_ahead": {"at_most": 12}}}},
    "each": {"count": "each"},
    "once": {"count": "once"},
    "once_per": {"once_per": "asset"},
    "once_per week": {"once_per": "week"},
    "once_per both": {"once_per": ["asset", "day"]},
    "half_life": {"half_life_days": 8},
    "fade": {"fade_days": 12},
    "step": {"step": {"every_days": 5, "lose_percent": 30}},
    "per": {"per": "program", "each_at_most": 5},
    "per month": {"per": ["program", "month"], "each_at_most": 6},
    "at_most": {"at_most": 11},
    "at_least": {"at_least": 2.5},
    "below zero": {"points": -4},
    "active": {"active_from": dt.date(2026, 3, 10), "active_until": dt.date(2026, 3, 31)},
    "weight": {"weight_percent": 50},
    "group": {"group": "web"},
    "keep": {"keep_on_restart": True},
}  # fmt: skip


def written(*names):
    rule = {"name": "R", "event": "visit", "points": 4}
    for name in names:
        rule |= WORDS[name]
    other = {"name": "S", "event": "mail", "points": 1, "count": "each", "group": "web"}
    return {
        "leadscore": 2,
        "name": "pairs",
        "columns": {"renews": {"type": "date"}},
        "restart": {"stage": "rejected"},
        "behaviour": [{key: value for key, value in rule.items() if value is not None}, other],
        "groups": {"web": {"at_least": -10, "at_most": 20}},
        "qualify": {"threshold": 1},
    }


def people(seed=7, n=14):
    """Leads, events and outcomes around the edges of the words above."""
    rng = np.random.default_rng(seed)

    def on(age):
        return dt.datetime.combine(AS_OF - int(age) * ONE, dt.time(int(rng.integers(0, 24))))

    def lead(number):
        renews = AS_OF + int(rng.integers(-3, 16)) * ONE
        return {"lead_id": f"L{number}", "country": str(rng.choice(["US", "CA", "DE"])), "renews": renews}

    def event():
        kind = str(rng.choice(["visit", "mail", "leave"], p=[0.7, 0.24, 0.06]))
        told = {"asset": rng.choice(["/p1", "/P1 ", "/p2", "/x", None]), "program": rng.choice(["w1", "w2", None])}
        minutes = float(rng.choice([0.5, 2, 3.501, -1]))
        return {
            "lead_id": f"L{rng.integers(n)}",
            "event": kind,
            "at": on(rng.integers(-1, 34)),
            **told,
            "minutes": minutes,
        }

    def sold(number):
        end = str(rng.choice(["rejected", "lost"]))
        stages = [("contacted", rng.integers(12, 28)), (end, rng.integers(2, 11))]
        return [{"lead_id": f"L{number}", "stage": stage, "at": on(age)} for stage, age in stages]

    outcomes = [row for number in range(0, n, 2) for row in sold(number)]
    return [lead(number) for number in range(n)], [event() for _ in range(n * 16)], outcomes


def alike(document, leads, events, outcomes):
    rulebook = ls.Rulebook.from_dict(document)
    tables = ls.load_tables(*map(pd.DataFrame, (leads, events, outcomes)), rulebook=rulebook)
    found = reference.score(document, leads, events, AS_OF, outcomes)
    assert plain(ls.score(tables, rulebook, as_of=AS_OF).frame) == {lead: told(row) for lead, row in found.items()}
    return len({row["behaviour"] for row in found.values()})


@pytest.mark.parametrize("word", WORDS)
def test_each_word_alone(word):
    assert alike(written(word), *people()) > 1


def refused(*names):
    try:
        ls.Rulebook.from_dict(written(*names))
    except ls.RulebookError:
        return True
    return False


PAIRS = [pair for pair in combinations(WORDS, 2) if not refused(*pair)]


def test_most_pairs_may_stand_together():
    assert len(PAIRS) > 400


@pytest.mark.slow
@pytest.mark.parametrize("word", WORDS)
def test_each_pair_of_words(word):
    given_people = people(seed=3)
    for pair in PAIRS:
        if pair[0] == word:
            alike(written(*pair), *given_people)
