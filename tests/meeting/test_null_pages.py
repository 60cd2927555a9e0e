"""Pages of companies where nothing happened: hardly any says "Clear" about anything."""

import pytest

import leadscore as ls

PAGES, MOST = 100, 11


def clear(seed):
    """What the page of a made-up company calls clear, where sales tosses a coin and nothing changes."""
    made = ls.datasets.make_company(12_000, random_state=seed)
    tables = ls.load_tables(
        made.leads, made.events, made.outcomes, touches=made.touches, costs=made.costs, rulebook=made.rulebook,
        columns=None, observed_until="2026-03-31",
    )  # fmt: skip
    page = ls.review(tables, made.rulebook, start="2026-03-04", end="2026-03-31").page
    compared = [name for name, one in page.more["comparisons"].items() if one["clear"]]
    said = [one.headline for one in (*page.main, *page.sections) if one.verdict == "Clear"]
    # A headline is clear only through a comparison of the page.
    assert bool(said) <= bool(compared)
    return [*compared, *said]


@pytest.mark.soak
def test_of_a_hundred_pages_on_which_nothing_happened_at_most_eleven_say_clear():
    """Of 100 pages that say so falsely 1 time in 20, more than 11 do in less than 1 % of cases."""
    found = {seed: clear(seed) for seed in range(1000, 1000 + PAGES)}
    wrong = {seed: one for seed, one in found.items() if one}
    assert len(wrong) <= MOST, wrong


@pytest.mark.slow
def test_of_five_such_pages_hardly_one_says_clear():
    assert sum(bool(clear(seed)) for seed in range(5)) <= 1
