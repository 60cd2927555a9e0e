"""Mail scanners: what they do is marked with the reason, what people do is not, and what cannot be told is said."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.datasets.funnel import make_funnel
from leadscore.errors import ArgumentError, ContractError
from leadscore.tables.bots import REASONS, flag_bots

NOON = pd.Timestamp("2026-03-02T12:00:07Z")
_FEWER = max(20, settings().max_examples // 5)


def log(*rows):
    """Events of a lead: (event, seconds since noon, asset)."""
    frame = pd.DataFrame(rows, columns=["event", "seconds", "asset"])
    at = NOON + pd.to_timedelta(frame.pop("seconds"), unit="s")
    return frame.assign(lead_id="a", at=at)


def reasons(events, **names):
    return (
        flag_bots(events, **names).events["bot_reason"].astype(object).where(lambda told: told.notna(), None).tolist()
    )


def person(seed, days=60):
    """What someone does who reads mail: opens hours after it is sent, clicks one link or two, reads the page."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(0, days, 7):
        sent = day * 86400 + 3600
        rows.append(("email_send", sent, f"mail {day}"))
        opened = sent + 60 + rng.exponential(20_000)
        if rng.random() < 0.6:
            rows.append(("email_open", opened, f"mail {day}"))
            for link in range(rng.integers(0, 3)):
                opened += rng.exponential(40) + 3
                rows += [("email_click", opened, f"/{link}"), ("page_view", opened + 1, f"/{link}")]
    return log(*rows)


def scanner(seed, mails=6):
    """All four links of each mail, seconds after it is sent."""
    rng = np.random.default_rng(seed)
    rows = []
    for mail in range(mails):
        sent = mail * 7 * 86400 + 3600
        rows.append(("email_send", sent, f"mail {mail}"))
        rows += [("email_click", sent + rng.uniform(0.5, 4.5), f"/{link}") for link in range(4)]
    return log(*rows)


# ------------------------------------------------------------------------------------------------------- each reason


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([("email_send", 0, "m"), ("email_click", 4, "/")], [None, REASONS[0]], id="seconds_after_send"),
        pytest.param([("email_send", 0, "m"), ("email_open", 2, "m")], [None, REASONS[0]], id="opened_seconds_after"),
        pytest.param([("email_send", 0, "m"), ("email_click", 5, "/")], [None, None], id="five_seconds_after"),
        pytest.param([("email_click", 4, "/"), ("email_send", 5, "m")], [None, None], id="before_the_send"),
        pytest.param([("email_click", n / 2, f"/{n}") for n in range(3)], [REASONS[1]] * 3, id="three_links_at_once"),
        pytest.param([("email_click", 3 * n, f"/{n % 2}{n}") for n in range(3)], [None] * 3, id="three_links_in_turn"),
        pytest.param([("email_click", n / 4, "/") for n in range(2)], [None] * 2, id="double_click"),
        pytest.param([("email_click", n / 4, "/") for n in range(4)], [None] * 4, id="nervous_clicks_on_one_link"),
        pytest.param([("email_click", n / 4, None) for n in range(4)], [None] * 4, id="no_link_known"),
        pytest.param([("email_click", n / 4, "/") for n in range(5)], [REASONS[1]] * 5, id="five_clicks_at_once"),
        pytest.param([("email_open", n / 9, "m") for n in range(5)], [REASONS[3]] * 5, id="five_in_one_second"),
        pytest.param(
            [("email_open", 0, "m"), ("email_click", 0.3, "/"), ("page_view", 0.6, "/"), ("page_view", 0.7, "/")],
            [None] * 4,
            id="opened_clicked_seen_in_one_second",
        ),
        pytest.param(
            [("email_click", 9 * n, f"/{n}") for n in range(5)], [REASONS[4]] * 5, id="one_link_each_9_seconds"
        ),
        pytest.param([("email_click", 9 * n, f"/{n}") for n in range(4)], [None] * 4, id="four_in_rhythm"),
        pytest.param(
            [
                (e, 86400 * n + (33 if e == "email_click" else 0), "m")
                for n in range(3)
                for e in ("email_send", "email_click")
            ],
            [None, REASONS[4]] * 3,
            id="always_33_seconds_after",
        ),
        pytest.param(
            [
                (e, 86400 * n + (33 + n if e == "email_click" else 0), "m")
                for n in range(3)
                for e in ("email_send", "email_click")
            ],
            [None, None] * 3,
            id="33_and_34_and_35_seconds_after",
        ),
    ],
)
def test_a_reason(rows, expected):
    assert reasons(log(*rows)) == expected


@pytest.mark.parametrize(
    ("views", "links", "is_bot"),
    [
        pytest.param([-500], "abcd", True, id="no_page_of_all_four"),
        pytest.param([-500, 26], "abcd", False, id="a_page_of_the_last"),
        pytest.param([-500, 35], "abcd", True, id="a_page_long_after"),
        pytest.param([-500], "abca", False, id="three_links"),
        pytest.param([500], "abcd", False, id="before_pages_were_counted"),
        pytest.param([], "abcd", False, id="pages_are_not_counted"),
    ],
)
def test_links_in_a_row(views, links, is_bot):
    """Each some 8 seconds after the one before."""
    clicks = [("email_click", second, link) for second, link in zip((0, 7, 16, 24), links, strict=True)]
    found = flag_bots(log(*clicks, *[("page_view", second, "/") for second in views])).events
    assert found["is_bot"].tolist() == [is_bot] * 4 + [False] * len(views)
    # Of two leads, two each.
    parted = log(*clicks, ("page_view", -500, "/")).assign(lead_id=list("ababa"))
    assert not flag_bots(parted).events["is_bot"].any()


def test_two_leads_are_not_one():
    """Of each lead two of the four clicks."""
    both = log(*[("email_click", n / 2, f"/{n}") for n in range(4)]).assign(lead_id=["a", "b", "a", "b"])
    assert reasons(both) == [None] * 4
    assert reasons(both.assign(lead_id="a")) == [REASONS[1]] * 4


def test_a_send_to_another_is_none_to_this_one():
    """Leads stand one after the other: the last send of the first is no send to the second."""
    events = log(("email_send", 0, "m"), ("email_click", 3, "/")).assign(lead_id=["a", "b"])
    assert reasons(events) == [None, None]
    assert reasons(events.assign(lead_id="b")) == [None, REASONS[0]]


def seldom(clicks_a_mail, visits):
    """A lead that clicks twelve mails, and others that see pages."""
    rows = [("email_click", 86400 * n + 700 * c * (c + 3), f"/{c}") for n in range(12) for c in range(clicks_a_mail)]
    own = log(*rows, *[("page_view", 86400 * n + 99, "/") for n in range(visits)]).assign(lead_id="reader")
    return pd.concat([own, *(person(seed).assign(lead_id=f"p{seed}") for seed in range(5))], ignore_index=True)


def test_who_opens_every_newsletter_and_never_visits_is_a_person():
    opens = log(*[("email_open", 604800 * n + 1234 * n, "m") for n in range(50)])
    assert not flag_bots(pd.concat([opens.assign(lead_id="reader"), person(1)])).events["is_bot"].any()


def test_clicks_that_never_lead_to_a_page_view():
    events = flag_bots(seldom(3, 0)).events
    assert (events.loc[events["lead_id"] == "reader", "bot_reason"] == REASONS[5]).all()
    assert not events.loc[events["lead_id"] != "reader", "is_bot"].any()
    # One page seen, or one click a mail: a person.
    assert not flag_bots(seldom(3, 1)).events["is_bot"].any()
    assert not flag_bots(seldom(1, 0)).events["is_bot"].any()
    # Where hardly anyone's page views are counted, their lack says nothing.
    few = seldom(3, 0)
    few = few[~((few["event"] == "page_view") & (few["lead_id"] != "p0"))]
    found = flag_bots(few)
    assert not found.events["is_bot"].any()
    assert "have a page view: clicks that lead nowhere cannot be detected" in repr(found)


# ------------------------------------------------------------------------------------------------------------- traps


def test_whole_days_are_not_one_second():
    """An export of dates: a dozen clicks share midnight."""
    rows = [("email_click", 0, f"/{n}") for n in range(6)] + [("email_send", 0, "m"), ("page_view", 0, "/")]
    events = log(*rows).assign(at="2026-03-02")
    found = flag_bots(events)
    assert not found.events["is_bot"].any()
    assert "6 of 6 clicks are on whole minutes or days" in repr(found)
    # The failure twin: with seconds, it is a scanner.
    assert flag_bots(log(*rows)).events["is_bot"].sum() == 7


def test_dates_among_times_do_not_hide_a_scanner():
    mixed = pd.concat([log(*[("email_click", 0, f"/{n}") for n in range(6)]).assign(at=NOON.normalize()), scanner(0)])
    assert flag_bots(mixed).events["is_bot"].tolist() == [False] * 6 + flag_bots(scanner(0)).events["is_bot"].tolist()


@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Kolkata"])
def test_a_zone_changes_nothing(zone):
    events = pd.concat([person(2), scanner(1).assign(lead_id="b")], ignore_index=True)
    moved = events.assign(at=events["at"].dt.tz_convert(zone))
    assert flag_bots(moved).events["is_bot"].tolist() == flag_bots(events).events["is_bot"].tolist()
    assert flag_bots(events).events["is_bot"].sum() == 24


def test_other_names_and_no_asset():
    events = scanner(0).replace({"event": {"email_send": "Delivered", "email_click": "Link clicked"}})
    with pytest.raises(
        ArgumentError, match=r"none is called email_open, email_click, page_view; known are 'Delivered'"
    ):
        flag_bots(events)
    names = {"sends": ["delivered"], "clicks": ["LINK clicked"]}
    assert flag_bots(events, **names).events["is_bot"].sum() == 24
    bare = events.drop(columns="asset")
    assert set(reasons(bare, **names)) == {None, REASONS[0]}
    with pytest.raises(ArgumentError, match="is among sends too"):
        flag_bots(events, sends=["delivered"], clicks=["delivered"])
    with pytest.raises(ArgumentError, match="must be a name or a list of names; got an int"):
        flag_bots(events, clicks=5)


def test_bad_events_are_refused():
    with pytest.raises(ContractError, match="no time"):
        flag_bots(scanner(0).assign(at=pd.NaT))
    with pytest.raises(ContractError, match="there is no column 'at'"):
        flag_bots(scanner(0).drop(columns="at"))
    with pytest.raises(ContractError, match="neither true nor false"):
        flag_bots(scanner(0).assign(is_bot="perhaps"))


def test_daily_activity_is_refused(tmp_path):
    ls.daily_activity(scanner(0)).write(tmp_path / "activity.parquet")
    with pytest.raises(ArgumentError, match="daily activity has no times"):
        flag_bots(tmp_path / "activity.parquet")


def test_marks_made_before_stay_and_twice_is_once():
    events = person(3)
    marked = events.assign(is_bot=[True] + [False] * (len(events) - 1))
    once = flag_bots(marked).events
    assert reasons(marked) == [REASONS[6]] + [None] * (len(events) - 1)
    pd.testing.assert_frame_equal(flag_bots(once).events, once)


def test_whatever_load_tables_takes(tmp_path):
    events = pd.concat([person(2), scanner(1).assign(lead_id="b")], ignore_index=True)
    expected = flag_bots(events).events["is_bot"].tolist()
    events.to_csv(tmp_path / "events.csv", index=False)
    events.to_parquet(tmp_path / "events.parquet")
    for given_as in (tmp_path / "events.csv", tmp_path / "events.parquet", pa.Table.from_pandas(events)):
        found = flag_bots(given_as)
        assert found.events["is_bot"].tolist() == expected
        assert found.events["lead_id"].tolist() == events["lead_id"].tolist()
    indexed = flag_bots(events.set_index("lead_id"))
    assert indexed.events["is_bot"].tolist() == expected
    assert indexed.frame.loc["seconds after send"].tolist() == [24, 1]
    assert flag_bots(events.iloc[:0]).events["is_bot"].tolist() == []


@settings(max_examples=_FEWER)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_order_and_index_stay_and_change_nothing(seed, random):
    events = pd.concat([person(seed), scanner(seed, mails=3).assign(lead_id="b"), person(seed + 1).assign(lead_id="c")])
    events.index = pd.Index(random.sample(range(10**6), len(events)))
    whole = flag_bots(events).events
    assert whole.index.equals(events.index)
    pd.testing.assert_frame_equal(whole[events.columns], events)
    shuffled = events.sample(frac=1, random_state=seed % 2**32)
    assert flag_bots(shuffled).events["is_bot"].reindex(events.index).tolist() == whole["is_bot"].tolist()
    assert whole.loc[events["event"] == "email_click", "is_bot"][events["lead_id"] == "b"].all()
    assert not whole["is_bot"][events["lead_id"] != "b"].any()


# ---------------------------------------------------------------------------------------------------- how they count


@pytest.fixture(scope="module")
def funnel():
    made = make_funnel(400, random_state=3)
    lead = made.leads["lead_id"].iloc[:50]
    planted = pd.concat([scanner(seed).assign(lead_id=one) for seed, one in enumerate(lead)])
    return made, pd.concat([made.events, planted], ignore_index=True)


def test_marked_events_count_until_they_are_left_out(funnel):
    made, events = funnel
    marked = flag_bots(events).events
    with_marks, without = (ls.load_tables(made.leads, one, rulebook=made.rulebook) for one in (marked, events))
    human = ls.load_tables(made.leads, events[~marked["is_bot"]], rulebook=made.rulebook)

    def frames(tables):
        history = ls.replay(tables, made.rulebook, start="2026-02-01", end="2026-03-31")
        cohorts = [*ls.drift.weekly_cohorts(tables, made.rulebook, start="2026-03-02", end="2026-03-15")]
        return [ls.score(tables, made.rulebook, as_of="2026-03-31").frame, history.frame, cohorts[1].scores]

    # What marks them is taken as the events it holds.
    taken = ls.load_tables(made.leads, flag_bots(events), rulebook=made.rulebook)
    pairs = [(with_marks, without), (with_marks.without_bots(), human), (taken.without_bots(), human)]
    for one, other in pairs:
        for left, right in zip(frames(one), frames(other), strict=True):
            pd.testing.assert_frame_equal(left, right)
    assert not frames(human)[0].equals(frames(without)[0])
    with pytest.raises(ArgumentError, match="no column is_bot"):
        without.without_bots()


def test_marks_survive_files_and_daily_activity(funnel, tmp_path):
    made, events = funnel
    marked = flag_bots(events).events
    path = tmp_path / "events.csv"
    marked.to_csv(path, index=False)
    activity = ls.daily_activity(marked, rulebook=made.rulebook)
    human = ls.load_tables(made.leads, events[~marked["is_bot"]], rulebook=made.rulebook)
    expected = ls.score(human, made.rulebook, as_of="2026-03-31").frame
    for given_as in (path, activity):
        tables = ls.load_tables(made.leads, given_as, rulebook=made.rulebook).without_bots()
        pd.testing.assert_frame_equal(ls.score(tables, made.rulebook, as_of="2026-03-31").frame, expected)


def test_a_mark_that_is_none_is_refused(funnel):
    made, events = funnel
    with pytest.raises(ContractError, match="neither true nor false"):
        ls.load_tables(made.leads, events.assign(is_bot="perhaps"), rulebook=made.rulebook)
    with pytest.raises(ContractError, match="where true or false is needed"):
        ls.load_tables(made.leads, events.assign(is_bot=0), rulebook=made.rulebook).without_bots()
    # What is missing is no mark.
    tables = ls.load_tables(made.leads, events.assign(is_bot=None), rulebook=made.rulebook)
    assert len(tables.without_bots().events) == len(events)


def test_people_are_hardly_ever_marked():
    """Of made-up people's clicks fewer than 1 %; scanners' clicks all."""
    made = make_funnel(800, random_state=5)
    clicks = flag_bots(made.events).kinds.loc["email_click"]
    assert clicks["n"] > 2000
    assert clicks["share"] < 0.01
    people = pd.concat([person(seed).assign(lead_id=f"p{seed}") for seed in range(100)])
    assert flag_bots(people).kinds.loc["email_click", "share"] < 0.01
    assert flag_bots(scanner(1)).kinds.loc["email_click", "share"] == 1
