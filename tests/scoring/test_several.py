"""Several scores side by side: each as it is alone."""

import pandas as pd
import pytest

import leadscore as ls

TEXT = """
leadscore: 2
name: analytics
fit: [{name: Market, column: country, points: {US: 5}}]
behaviour: [{name: Pages, event: page_view, where: {product: analytics}, points: 10}]
qualify: {threshold: 10}
"""
LEADS = pd.DataFrame({"lead_id": ["a", "b", "c"], "country": ["US", "DE", None]})
EVENTS = pd.DataFrame(
    {"lead_id": ["a", "b"], "event": "page_view", "product": ["analytics", "storage"], "at": "2026-03-30"}
)


def books():
    return [ls.Rulebook.from_yaml(TEXT), ls.Rulebook.from_yaml(TEXT.replace("analytics", "storage"))]


def test_each_has_its_columns_and_its_figures():
    tables = ls.load_tables(LEADS, EVENTS, rulebook=books())
    many = ls.score_many(tables, books(), as_of="2026-03-31")
    for book in books():
        alone = ls.score(tables, book, as_of="2026-03-31").frame.add_prefix(f"{book.name}.")
        pd.testing.assert_frame_equal(many.frame[alone.columns], alone)
    assert many.summary["qualified"].to_dict() == {"analytics": 1, "storage": 1}
    assert many.summary["by_it_alone"].to_dict() == {"analytics": 1, "storage": 1}


@pytest.mark.parametrize("rulebooks", [[], [books()[0], books()[0]], books()[0], ["analytics.yaml"]])
def test_what_is_no_list_of_different_rulebooks_is_refused(rulebooks):
    tables = ls.load_tables(LEADS, EVENTS, rulebook=books())
    with pytest.raises(ls.ArgumentError, match="rulebooks"):
        ls.score_many(tables, rulebooks, as_of="2026-03-31")
