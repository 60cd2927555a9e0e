"""The holdout sample: who is drawn depends on the seed and the lead alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.datasets.funnel import make_funnel
from leadscore.errors import ArgumentError
from leadscore.stats.intervals import wilson
from leadscore.threshold.holdout import holdout_sample
from tests.support.hostile import as_id

BOOK = ls.Rulebook.from_yaml("""
leadscore: 1
name: holdout
columns: {country: {type: text}, rival: {type: boolean}}
fit: [{name: Home market, when: {country: US}, points: 60}]
behaviour: []
qualify: {threshold: 50, never: [{name: Rival, when: {rival: true}}]}
""")


def scores(ids, country="CA", rival=()):
    leads = pd.DataFrame({"lead_id": ids, "country": country, "rival": rival or [False] * len(ids)})
    return ls.score(ls.load_tables(leads, rulebook=BOOK), BOOK, as_of="2026-03-31")


IDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(as_id).filter(str.strip), unique=True
)
SHARES = st.floats(0.01, 1)


@given(IDS.filter(len), SHARES, SHARES, st.integers(0, 5), st.randoms(use_true_random=False))
@settings(max_examples=max(30, settings().max_examples // 3))
def test_a_lead_once_in_stays_in(ids, share, other, seed, random):
    drawn = set(holdout_sample(scores(ids), share=share, random_state=seed).leads.index)
    mixed = random.sample(ids, len(ids))
    assert set(holdout_sample(scores(mixed), share=share, random_state=seed).leads.index) == drawn
    # Of a smaller table those that are in it, of a larger share more.
    part = mixed[: len(mixed) // 2 + 1]
    assert set(holdout_sample(scores(part), share=share, random_state=seed).leads.index) == drawn & set(part)
    more = set(holdout_sample(scores(ids), share=max(share, other), random_state=seed).leads.index)
    assert drawn <= more
    assert set(holdout_sample(scores(ids), share=1, random_state=seed).leads.index) == set(ids)


def test_the_same_leads_for_ever():
    drawn = holdout_sample(scores([f"L-{number}" for number in range(100)]), share=0.05, random_state=7).leads
    assert drawn.index.tolist() == ["L-14", "L-24", "L-27", "L-39", "L-78"]
    assert drawn.tolist() == [0.05] * len(drawn)
    assert (drawn.index.name, drawn.name) == ("lead_id", "probability")


def test_numbers_are_drawn_as_their_digits_in_text():
    numbers = holdout_sample(scores(range(1000)), share=0.1, random_state=3).leads.index
    text = holdout_sample(scores([str(number) for number in range(1000)]), share=0.1, random_state=3).leads.index
    assert [str(number) for number in numbers] == text.tolist()
    assert 70 <= len(numbers) <= 130


def test_shares_are_kept_and_seeds_are_other_draws():
    found = scores(range(20_000))
    drawn = {seed: set(holdout_sample(found, share=0.1, random_state=seed).leads.index) for seed in (1, 2, 11)}
    for leads in drawn.values():
        low, high = wilson(len(leads), 20_000, confidence=0.999)
        assert low <= 0.1 <= high
    for one, other in [(1, 2), (1, 11), (2, 11)]:
        assert 100 <= len(drawn[one] & drawn[other]) <= 300  # one in a hundred by chance
    # Ids in a row are drawn no more than others.
    assert np.corrcoef(*(np.isin(np.arange(shift, 19_000 + shift), list(drawn[1])) for shift in (0, 1)))[0, 1] < 0.03


def test_only_leads_below_the_bar_that_nothing_blocks():
    found = scores([f"L-{number}" for number in range(400)], ["US", "CA"] * 200, [False, False, False, True] * 100)
    everyone = holdout_sample(found, share=1, random_state=1)
    assert everyone.leads.index.tolist() == [f"L-{number}" for number in range(1, 400, 4)]
    assert (everyone.n, everyone.blocked) == (100, 100)
    drawn = holdout_sample(found, share=0.2, random_state=1)
    assert set(drawn.leads.index) < set(everyone.leads.index)
    assert (drawn.n, drawn.blocked) == (100, 100)


def test_a_hand_raise_is_above_the_bar():
    made = make_funnel(2000)
    found = ls.score(ls.load_tables(made.leads, made.events, rulebook=made.rulebook), made.rulebook, as_of="2026-03-31")
    raised = found.frame.index[(found.frame["via"] == "hand_raise").to_numpy()]
    assert len(raised)
    assert not set(raised) & set(holdout_sample(found, share=1, random_state=1).leads.index)


def test_the_sentence_says_what_can_be_measured():
    found = scores(range(2000), rival=[True] * 10 + [False] * 1990)
    holdout = holdout_sample(found, share=0.05, random_state=1)
    drawn = len(holdout.leads)
    most = 100 * float(wilson(0, drawn)[1])
    assert holdout.headline == (
        f"{drawn} of 1,990 leads below the threshold to pass on, drawn with a chance of 5 %; 10 blocked left out. "
        f"If none of them converts, at most {most:.2g} % of all below it would have (95 %)."
    )
    nobody = holdout_sample(scores(range(5), "US"), share=0.5, random_state=1)
    assert nobody.headline.startswith(
        "0 of 0 leads below the threshold to pass on, drawn with a chance of 50 %. With none"
    )
    assert nobody.leads.dtype == float


@pytest.mark.parametrize(
    ("share", "seed", "message"),
    [
        (0, 1, "share: must be a number, more than 0 and at most 1; got 0"),
        (5, 1, "share: must be a number, more than 0 and at most 1; got 5"),
        (float("nan"), 1, "share: must be a number, more than 0"),
        (True, 1, "share: must be a number, more than 0"),
        (0.1, 1.5, "random_state: must be a whole number, 0 or more; got 1.5"),
        (0.1, None, "random_state: must be a whole number, 0 or more; got None"),
        ("5 %", "x", "2 problems in holdout_sample"),
    ],
)
def test_arguments_that_cannot_be_meant(share, seed, message):
    with pytest.raises(ArgumentError, match=message):
        holdout_sample(scores(range(5)), share=share, random_state=seed)
