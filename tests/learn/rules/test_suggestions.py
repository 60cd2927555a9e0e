"""Suggestions: what is planted is found and can be written as it stands, what is not is not; traps; real leads."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.errors import ArgumentError
from leadscore.learn.rows.snapshots import Activity, Snapshots
from leadscore.learn.rules.activations import fired
from leadscore.learn.rules.suggestions import suggest
from leadscore.scoring.timeline import bound_at

WORDS = ["sales", "marketing", "data", "it", "head", "junior", "senior", "analyst", "engineer", "ops"]
SHARES = {"a": 0.05, "b": 0.05, "c": 0.1, "d": 0.2, "e": 0.3, "f": 0.3}
POINTS = {"a": 30, "b": 20, "c": 10, "d": -10}
RULES = """
leadscore: 1
name: x
fit:
  - {name: Level, column: level, points: {a: 30, b: 20, c: 10, d: -10}}
behaviour:
  - {name: Pricing, event: pricing, points: 10, within_days: 60}
qualify: {threshold: 30}
"""
BOOK = ls.Rulebook.from_yaml(RULES)


class World:
    """Made-up leads in the order they came, whose odds follow their level's points and what is planted."""

    def __init__(self, seed, n=3000):
        self.rng = rng = np.random.default_rng(seed)
        self.n = n
        self.day = 20_000 + np.sort(rng.integers(0, 180, n))
        self.leads = pd.DataFrame(
            {
                "lead_id": range(n),
                "level": rng.choice(list(SHARES), n, p=list(SHARES.values())),
                "title": [" ".join(rng.choice(WORDS, 2, replace=False)) for _ in range(n)],
                "source": rng.choice(["organic", "paid", "webinar", "partner"], n),
                "employees": np.round(np.exp(rng.normal(4, 1.5, n))),
                "consent": rng.random(n) < 0.5,
            }
        )
        lead = np.repeat(np.arange(n), rng.poisson(2, n))
        self.ago = rng.integers(0, 40, len(lead))
        self.events = pd.DataFrame(
            {
                "lead_id": lead,
                "event": rng.choice(["pricing", "blog", "webinar", "email"], len(lead), p=[0.2, 0.4, 0.1, 0.3]),
                "at": (self.day[lead] - self.ago).astype("datetime64[D]").astype("datetime64[us]"),
                "asset": rng.choice(["/a", "/b", "/c", "/d"], len(lead)),
            }
        )
        self.eta = -2.2 + 0.05 * self.leads["level"].map(POINTS).fillna(0).to_numpy()

    def has(self, word):
        return np.array([word in title.split() for title in self.leads["title"]])

    def did(self, column, value, within=30):
        done = np.zeros(self.n, bool)
        done[self.events["lead_id"][(self.events[column] == value) & (self.ago < within)]] = True
        return done

    def snapshots(self, planted=0.0, **changed):
        y = self.rng.random(self.n) < 1 / (1 + np.exp(-(self.eta + planted)))
        return snapshots_of(self.leads, self.events, np.arange(self.n), self.day, y, **changed)


def snapshots_of(leads, events, lead, day, y, *, provenance=None):
    tables = ls.load_tables(leads, events)
    index = pd.MultiIndex.from_arrays([lead, day.astype("datetime64[D]")], names=["lead_id", "as_of"])
    y = pd.Series(y, dtype="boolean").set_axis(index)
    lead, until = np.asarray(lead, np.int32), dt.date(2026, 3, 31)
    frame = pd.DataFrame(index=index)
    return Snapshots(frame, y, provenance or {}, tables, lead, day, "won", 30, until, False)


def names(found):
    return found.frame["rule"].tolist()


# ---------------------------------------------------------------------------------------------------------- properties


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(seed):
    world = World(seed, n=600)
    snaps = world.snapshots(1.5 * world.has("head"))
    order = world.rng.permutation(world.n)
    turned = snapshots_of(
        world.leads, world.events, np.arange(world.n)[order], world.day[order], snaps.y.to_numpy()[order]
    )
    one, other = suggest(BOOK, snaps), suggest(BOOK, turned)
    pd.testing.assert_frame_equal(one.frame, other.frame, rtol=1e-6)
    assert (one.candidates, one.found, one.notes) == (other.candidates, other.found, other.notes)


# ------------------------------------------------------------------------------------------------- what is planted


@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_word_is_found_and_its_rule_can_be_written(sign):
    world = World(1)
    snaps = world.snapshots(sign * 1.5 * world.has("head") + 0.8)
    found = suggest(BOOK, snaps)
    assert names(found) == ["title has head"]
    [one] = found.frame.to_dict("records")
    assert np.sign([one["effect"], one["points"]]).tolist() == [sign, sign]
    assert one["effect_low"] < sign * 1.5 < one["effect_high"]
    assert np.sign(one["rate"] - one["expected"]) == sign
    # Told of the newer half alone, whose leads come later.
    newer = world.day > np.quantile(world.day, 0.5)
    assert one["n"] == pytest.approx((world.has("head") & newer).sum(), rel=0.05)
    assert f"{one['n']:,}  {one['rate']:.1%}" in repr(found)

    edited = BOOK.edited({("fit", one["rule"]): found.rules[0]})
    assert edited.fit[-1].name == "title has head"
    gained = [bound_at(book, snaps.tables, snaps.lead, snaps.day).fit for book in (BOOK, edited)]
    assert ((gained[1] - gained[0]) == 1000 * one["points"] * world.has("head")).all()
    # The printed texts say the same as the rule.
    [line] = [line for line in repr(found).splitlines() if line.startswith("  - fit: ")]
    assert json.loads(line.removeprefix("  - fit: ")) == found.rules[0]
    assert ls.Rulebook.from_yaml(f"leadscore: 1\nname: x\nqualify: {{threshold: -99}}\n{one['yaml']}").fit[0].points


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [("event", "webinar", "webinar in 30 days"), ("asset", "/c", "asset /c in 30 days")],
)
def test_planted_behaviour_is_found(column, value, name):
    world = World(2)
    snaps = world.snapshots(1.6 * world.did(column, value))
    found = suggest(BOOK, snaps)
    assert names(found)[0] == name
    rule = BOOK.edited({("behaviour", name): found.rules[0]}).behaviour[-1]
    assert (rule.count, rule.within_days) == ("once", 30)
    fires = fired(BOOK, [("behaviour", {**found.rules[0]})], snaps.tables, snaps.lead, snaps.day)[:, 0]
    assert (fires == world.did(column, value)).all()


@pytest.mark.parametrize("column", ["source", "employees", "consent", "gap"])
def test_values_numbers_booleans_and_gaps(column):
    world = World(3)
    world.leads["gap"] = np.where(world.rng.random(world.n) < 0.2, None, "x")
    planted = {
        "source": world.leads["source"] == "partner",
        "employees": world.leads["employees"] >= world.leads["employees"].quantile(0.75),
        "consent": ~world.leads["consent"],
        "gap": world.leads["gap"].isna(),
    }[column]
    found = suggest(BOOK, world.snapshots(1.5 * planted.to_numpy()))
    assert list(found.rules[0]["when"]) == [column]


def test_windows_are_those_of_the_features():
    world = World(4, n=4000)
    provenance = {f"blog {days}": Activity("blog", "events", days) for days in (7, 90)}
    found = suggest(BOOK, world.snapshots(2.0 * world.did("event", "webinar", 7), provenance=provenance))
    assert names(found)[0] == "webinar in 7 days"


def test_of_several_that_say_the_same_the_surest_is_kept():
    world = World(5)
    head = world.has("head")
    near = head ^ (world.rng.random(world.n) < 0.04)
    world.leads["grade"] = np.where(near, "x", "y")
    found = suggest(BOOK, world.snapshots(1.8 * head))
    assert names(found) == ["title has head"]
    assert any("Confirmed too, but adding nothing to these: grade is" in finding for finding in found.notes)


# --------------------------------------------------------------------------------------------------------- named traps


def test_what_a_rule_covers_is_no_suggestion():
    world = World(6)
    planted = world.snapshots(1.5 * world.has("head") + 1.5 * world.did("event", "webinar"))
    heads = {"when": {"title": {"has_word": ["head", "ops"]}}, "points": 1}
    webinar = {"event": "webinar", "points": 1, "within_days": 7}
    covered = suggest(BOOK.edited({"fit.Heads": heads, "behaviour.Webinar": webinar}), planted)
    assert not any("head" in name or "webinar" in name for name in names(covered))
    open_ = suggest(BOOK, planted)
    assert {"title has head", "webinar in 30 days"} <= set(names(open_))
    assert covered.candidates == open_.candidates - 3  # the words head and ops, and webinars


def test_what_is_so_only_for_a_while_is_not_suggested():
    world = World(7)
    older = world.day <= np.quantile(world.day, 0.5)
    for half, wanted in ((older, []), (~older, []), (older | True, ["title has head"])):
        assert names(suggest(BOOK, world.snapshots(1.5 * (world.has("head") & half)))) == wanted


def test_what_turns_round_is_not_suggested():
    world = World(8)
    older = world.day <= np.quantile(world.day, 0.5)
    found = suggest(BOOK, world.snapshots(1.8 * world.has("head") * np.where(older, 1, -1)))
    assert found.found >= 1
    assert names(found) == []


def test_what_the_score_says_already_is_no_news():
    world = World(9)
    # A copy of the level, under another name: its effect is in the score.
    world.leads["tier"] = world.leads["level"].map(lambda level: {"a": "top", "b": "top"}.get(level, "other"))
    assert names(suggest(BOOK, world.snapshots())) == []
    table = "column: level, points: {a: 30, b: 20, c: 10, d: -10}"
    blind = ls.Rulebook.from_yaml(RULES.replace(table, "when: {x: y}, points: 30"))
    world.leads["x"] = "z"
    assert set(names(suggest(blind, world.snapshots()))) & {"tier is top", "tier is other", "level is a"}


def test_a_rising_base_rate_makes_no_value_good():
    # Leads of the later source convert more because all leads do by then.
    world = World(10, n=4000)
    late = (world.day - world.day.min()) / 180
    world.leads["source"] = np.where(world.rng.random(world.n) < late, "new", "old")
    found = suggest(BOOK, world.snapshots(12 * late - 3))
    assert (found.found, names(found)) == (0, [])


def test_leads_of_the_older_half_confirm_nothing():
    world = World(11, n=1000)
    lead = np.concatenate([np.arange(1000)] * 2)
    day = np.concatenate([world.day, world.day + 200])
    y = world.rng.random(2000) < 0.1
    twice = snapshots_of(world.leads, world.events, lead, day, y)
    assert any("The newer half has the same leads as the older" in text for text in suggest(BOOK, twice).notes)
    # Two hundred of the older leads come again; they are left out of the newer half.
    kept = (day < world.day.max() + 1) | (lead < 200)
    some = suggest(BOOK, snapshots_of(world.leads, world.events, lead[kept], day[kept], y[kept]))
    cut = np.sort(day[kept])[600]
    assert some.n_newer == pytest.approx((world.day > cut).sum(), abs=10)
    assert some.n == pytest.approx(1000, abs=10)
    assert not any("newer half has the same" in text for text in some.notes)


def test_one_day_is_split_by_when_leads_came():
    world = World(12)
    y = world.rng.random(world.n) < 1 / (1 + np.exp(-(world.eta + 1.6 * world.has("head"))))
    day = np.full(world.n, 20_200)
    with pytest.raises(ArgumentError, match="nothing can be confirmed out of time"):
        suggest(BOOK, snapshots_of(world.leads, None, np.arange(world.n), day, y))
    leads = world.leads.assign(created_at=world.day.astype("datetime64[D]").astype("datetime64[us]"))
    assert names(suggest(BOOK, snapshots_of(leads, None, np.arange(world.n), day, y))) == ["title has head"]


def test_a_name_that_no_rule_may_hold_is_left_out_and_told():
    world = World(13, n=600)
    world.leads["levels"] = world.leads["source"]
    declared = ls.Rulebook.from_yaml(RULES.replace("fit:", "columns: {level: {type: category}}\nfit:"))
    found = suggest(declared, world.snapshots())
    assert any(finding.startswith("The column 'levels' is left out") for finding in found.notes)
    assert found.candidates > 0


def test_what_fires_on_the_same_leads_is_one_candidate():
    world = World(19, n=600)
    once = suggest(BOOK, world.snapshots()).candidates
    world.leads["origin"] = world.leads["source"].str.upper()
    assert suggest(BOOK, world.snapshots()).candidates == once


def test_the_only_asset_of_an_event_is_covered_with_it():
    world = World(20, n=600)
    world.events.loc[world.events["event"] == "pricing", "asset"] = "/pricing"
    covered = suggest(BOOK, world.snapshots()).candidates
    world.events.loc[world.events["event"] == "pricing", "asset"] = None
    assert suggest(BOOK, world.snapshots()).candidates == covered


def test_few_leads_are_no_candidate():
    world = World(14, n=900)
    world.leads["odd"] = np.where(np.arange(900) % 40 == 0, "yes", "no")
    few, many = (suggest(BOOK, world.snapshots(), min_leads=least).candidates for least in (30, 5))
    assert few < many


def test_rules_that_say_nothing_leave_a_stated_scale():
    world = World(15)
    world.eta[:] = -2.2
    found = suggest(BOOK, world.snapshots(1.5 * world.has("head")))
    assert names(found) == ["title has head"]
    assert any("so here 10 points double the odds" in finding for finding in found.notes)
    assert found.frame["points"].iloc[0] == pytest.approx(10 * 1.5 / np.log(2), abs=8)


def test_a_taken_name_is_not_used_twice():
    world = World(16)
    taken = BOOK.edited({"fit.title has head": {"when": {"source": "paid"}, "points": 1}})
    found = suggest(taken, world.snapshots(1.6 * world.has("head")))
    assert names(found) == ["title has head (suggested)"]


def test_bad_arguments_are_said_at_once():
    world = World(17, n=100)
    with pytest.raises(ArgumentError) as caught:
        suggest(BOOK, world.snapshots(), false_discovery=10, min_leads=0.5)
    assert [problem.where for problem in caught.value.problems] == ["false_discovery", "min_leads"]
    with pytest.raises(ArgumentError, match="must be Snapshots"):
        suggest(BOOK, world.leads)


# --------------------------------------------------------------------------------------------------------- simulations


@pytest.mark.soak
def test_without_a_signal_hardly_anything_is_suggested():
    runs = [len(suggest(BOOK, World(seed, n=1500).snapshots()).frame) > 0 for seed in range(200)]
    # Three standard errors of 2.5 %.
    assert np.mean(runs) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 200)


@pytest.mark.soak
def test_a_signal_is_found_as_often_as_stated():
    found = []
    for seed in range(60):
        world = World(seed, n=4000)
        found.append("title has head" in names(suggest(BOOK, world.snapshots(1.1 * world.has("head")))))
    assert np.mean(found) >= 0.9


# -------------------------------------------------------------------------------------------------------------- real


@pytest.mark.real
def test_olist_landing_pages(folder):
    leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
    leads = leads[leads["first_contact_date"] >= "2017-12-05"].reset_index(drop=True)
    came = pd.to_datetime(leads["first_contact_date"])
    won = deals.set_index("mql_id")["won_date"].reindex(leads["mql_id"]).to_numpy()
    y = (pd.to_datetime(won) - came).dt.days.between(1, 90)
    leads = leads.assign(lead_id=range(len(leads)))[["lead_id", "landing_page_id", "origin"]]
    day = (came - pd.Timestamp("1970-01-01")).dt.days.to_numpy()
    rulebook = ls.Rulebook.from_yaml(
        "{leadscore: 1, name: olist, missing_values: [unknown], qualify: {threshold: 10}, "
        "fit: [{name: Origin, column: origin, points: {organic_search: 10, paid_search: 10, social: 5, referral: 20}}]}"
    )
    found = suggest(rulebook, snapshots_of(leads, None, np.arange(len(leads)), day, y))
    # Of 495 pages, two of the busiest bring leads that buy twice as often, in both halves of the time.
    good = found.frame[found.frame["effect_low"] > 0]["rule"].str.cat()
    assert "22c29808c4f815213303f8933030604c" in good
    assert "b76ef37428e6799c421989521c0e5077" in good
    assert len(found.frame) < 10
    edited = rulebook.edited({("fit", rule["name"]): rule for rule in found.rules})
    assert len(edited.fit) == 1 + len(found.frame)
