"""Where sales tosses a coin, traits, content and words find something as often as they say."""

import pytest
from scipy.stats import binom

import leadscore as ls
from leadscore.sales.facts import Facts
from leadscore.sales.traits.content import content_of
from leadscore.sales.traits.missed import missed_of
from leadscore.sales.traits.won_lost import won_lost_of
from leadscore.sales.traits.words import words_of

ANALYSES = (missed_of, won_lost_of, content_of, words_of)
N = 40


@pytest.mark.slow
def test_where_nothing_happened_little_is_found():
    """The chance of more is a thousandth, if one in twenty finds something."""
    found = dict.fromkeys(ANALYSES, 0)
    for seed in range(N):
        company = ls.datasets.make_company(8000, random_state=1000 + seed)
        frames = company.leads, company.events, company.outcomes
        tables = ls.load_tables(*frames, rulebook=company.rulebook, columns=None)
        facts = Facts.of("review", tables, company.rulebook, start="2026-03-04", end="2026-03-31")
        for analysis in ANALYSES:
            found[analysis] += analysis(facts).frame["q"].min() <= 0.05
    assert max(found.values()) <= binom.ppf(0.999, N, 0.05)
