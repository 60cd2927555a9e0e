"""The page as a whole: whatever the tables hold there is one, the same each time, and what is planted is named."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

import leadscore as ls
from leadscore.datasets import PLANTED, make_company
from leadscore.errors import ArgumentError
from leadscore.present.page import SCHEMA
from tests.support.hostile import NAMES, parsed

PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}
WORDS = {"Counted", "Clear", "Not clear", "Too few to say", None}
OPTIONAL = {
    "leads": ["job_title", "industry", "employees", "source", "account_id", "message", "created_at", "email_domain"],
    "events": ["asset"],
    "outcomes": ["reason", "deal_id", "amount", "owner"],
}


@cache
def company(n=1200, planted=(), seed=3):
    return make_company(n, random_state=seed, planted=list(planted))


def page_of(made, *, book=None, **asked):
    book = book or made.rulebook
    tables = ls.load_tables(
        made.leads, made.events, made.outcomes,
        touches=made.touches, costs=made.costs, rulebook=book, columns=None, observed_until="2026-04-30",
    )  # fmt: skip
    return ls.review(tables, book, **(PERIOD | asked))


def without(made, columns):
    """A company whose tables lack some columns, and the rulebook what needs them."""
    frames = {
        name: getattr(made, name).drop(columns=[one for one in optional if one in columns])
        for name, optional in OPTIONAL.items()
    }
    return replace(made, **frames)


BARE = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: bare, behaviour: [{name: Page, event: page_view, points: 20}], qualify: {threshold: 40}}"
)


def check(page):
    """What holds of every page."""
    data = json.loads(page.to_json())
    assert data["schema"] == SCHEMA
    ids = [one["id"] for one in data["sections"]]
    assert len(ids) == len(set(ids))
    for one in data["sections"]:
        assert one["verdict"] in WORDS
        assert one["headline"].endswith(".")
        assert one["headline"].count("nan") == 0
        clear = [found["clear"] for name, found in data["comparisons"].items() if name.split(":")[0] == one["id"]]
        assert any(clear) or one["verdict"] != "Clear", one["id"]
    for one in data["main"]:
        assert one["section"] in ids
        assert one["verdict"] in WORDS
    assert len(data["main"]) <= 6
    assert len(data["decide"]) <= 5
    text = page.to_html()
    assert len(text.encode()) < 200_000
    assert "<script" not in text
    assert " nan" not in text
    assert page.to_markdown()
    assert repr(page).startswith("Lead review, ")
    return data


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.sets(st.sampled_from([*(column for columns in OPTIONAL.values() for column in columns), "touches", "costs"])),
    st.sampled_from([("2026-03-02", "2026-03-29"), ("2025-03-01", "2025-03-07"), ("2026-03-30", "2026-03-30"),
                     ("2025-06-01", "2026-03-31"), ("2024-01-01", "2024-01-31")]),
    st.integers(2, 60), st.integers(1, 3),
)  # fmt: skip
def test_whatever_the_tables_lack_there_is_a_page(columns, period, few, seed):
    made = without(company(400 * seed, seed=seed), columns)
    made = replace(made, **dict.fromkeys({"touches", "costs"} & columns))
    used = {"job_title", "industry", "employees", "email_domain", "asset"}
    book = BARE if columns & used else made.rulebook
    check(page_of(made, book=book, start=period[0], end=period[1], few=few))


@pytest.mark.parametrize("stages", [["mql"], ["mql", "contacted"], ["sal", "rejected"], ["opportunity", "won", "lost"]])
def test_few_stages_are_enough(stages):
    made = company()
    outcomes = made.outcomes[made.outcomes["stage"].isin(stages)]
    check(page_of(replace(made, outcomes=outcomes)))


def test_one_lead_is_enough():
    leads = pd.DataFrame({"lead_id": ["a"]})
    outcomes = pd.DataFrame({"lead_id": ["a"], "stage": ["mql"], "at": ["2026-03-05"]})
    tables = ls.load_tables(leads, None, outcomes, rulebook=BARE, columns=None, observed_until="2026-03-29")
    check(ls.review(tables, BARE, **PERIOD))


def test_the_order_of_rows_changes_no_byte():
    made, rng = company(), np.random.default_rng(0)
    names = ("leads", "events", "outcomes", "touches", "costs")
    shuffled = {name: getattr(made, name).sample(frac=1, random_state=rng).reset_index(drop=True) for name in names}
    first, second = page_of(made), page_of(replace(made, **shuffled))
    assert first.to_json() == second.to_json()
    assert first.to_html() == second.to_html()
    assert first.to_markdown() == second.to_markdown()


def test_what_came_later_changes_nothing():
    made = company()
    until = pd.Timestamp("2026-03-30", tz="UTC")
    early = replace(made, outcomes=made.outcomes[made.outcomes["at"] < until])
    whole, cut = (
        ls.review(
            ls.load_tables(one.leads, one.events, one.outcomes, touches=one.touches, costs=one.costs,
                           rulebook=one.rulebook, columns=None, observed_until="2026-04-30"),
            one.rulebook, **PERIOD, observed_until="2026-03-29",
        ).to_dict()
        for one in (made, early)
    )  # fmt: skip
    # The foot counts the rows that were read.
    assert whole | {"footer": None} == cut | {"footer": None}


@pytest.mark.slow
def test_comparisons_are_corrected_together_as_statsmodels_does():
    found = check(page_of(company(35_000)))["comparisons"]
    tested = {name: one for name, one in found.items() if one["p"] is not None}
    assert len(tested) >= 5
    _, corrected, *_ = multipletests([one["p"] for one in tested.values()], method="holm")
    np.testing.assert_allclose([one["p_corrected"] for one in tested.values()], corrected)
    assert all(one["clear"] == (one["p_corrected"] <= 0.05) for one in tested.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_yield_no_element(name):
    """Wherever a user gives names: tags and attributes are of the kinds that the page has with plain names."""

    def named(text):
        made = company()
        leads = made.leads.assign(source=made.leads["source"] + text, message=made.leads["message"] + f" {text}")
        outcomes = made.outcomes.assign(
            owner=made.outcomes["owner"] + text, reason=made.outcomes["reason"] + text,
            deal_id=made.outcomes["deal_id"] + text,
        )  # fmt: skip
        touches = made.touches.assign(channel=made.touches["channel"] + text)
        costs = made.costs.assign(channel=made.costs["channel"] + text)
        events = made.events.assign(asset=made.events["asset"] + text)
        return page_of(replace(made, leads=leads, outcomes=outcomes, touches=touches, costs=costs, events=events))

    hostile, plain = (parsed(named(text).to_html()) for text in (f"x{name}y", "xy"))
    # Words and addresses are cut in other places, so there may be more or fewer rows.
    assert set(hostile.tags) <= set(plain.tags)
    assert set(hostile.attributes) <= set(plain.attributes)
    assert hostile.tags.count("svg") == plain.tags.count("svg")


def test_a_period_that_is_not_over_is_refused():
    made = company()
    tables = ls.load_tables(made.leads, None, made.outcomes)
    with pytest.raises(ArgumentError, match="observed_until='2026-04-30' says that nothing more happened until then"):
        ls.review(tables, BARE, start="2026-04-01", end="2026-04-30")


# What a main point must name where it is planted.
NAMED = {
    "refused title": "Coordinator",
    "late team": "Dev",
    "costly source": "Trade show",
    "unfilled field": "employees",
    "missed trait": "Health",
}


@pytest.mark.slow
@pytest.mark.parametrize("planted", NAMED)
def test_a_main_point_names_what_is_planted(planted):
    data = check(page_of(company(35_000, (planted,), seed=5)))
    found = [one["headline"] for one in data["main"] if NAMED[planted].lower() in one["headline"].lower()]
    assert found, [one["headline"] for one in data["main"]]


@pytest.mark.slow
def test_what_is_planted_together_is_named_as_far_as_there_is_room():
    page = page_of(company(35_000, tuple(name for name in PLANTED if name != "good scores"), seed=5))
    said = " ".join(one["headline"] for one in check(page)["main"])
    assert sum(name in said for name in NAMED.values()) >= 4, said
