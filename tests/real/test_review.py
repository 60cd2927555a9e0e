"""The review page of real leads: MQLs and wins alone, no refusals, no events; what they do not tell is not claimed."""

import numpy as np
import pandas as pd
import pytest

import leadscore as ls

pytestmark = pytest.mark.real
BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: olist, fit: [{name: Source, column: source, points: {paid_search: 10, organic_search: 5}}],"
    " qualify: {threshold: 10}}"
)


@pytest.fixture(scope="module")
def tables(folder):
    leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    leads = leads.rename(columns={"mql_id": "lead_id", "first_contact_date": "created_at", "origin": "source"})
    deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
    came = pd.DataFrame({"lead_id": leads["lead_id"], "stage": "mql", "at": leads["created_at"] + "T00:00:00Z"})
    won = pd.DataFrame(
        {"lead_id": deals["mql_id"], "stage": "won", "at": deals["won_date"].str.replace(" ", "T") + "Z"}
    )
    outcomes = pd.concat([came, won])
    return ls.load_tables(leads, None, outcomes, rulebook=BOOK, columns=None, strict=False)


@pytest.fixture(scope="module")
def page(tables):
    return ls.review(tables, BOOK, start="2018-03-05", end="2018-04-01")


def test_the_counts_are_those_of_the_file(folder, page):
    leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    inside = leads[leads["first_contact_date"].between("2018-03-05", "2018-04-01")]
    before = leads["first_contact_date"].between("2018-02-05", "2018-03-04").sum()
    below = (inside["origin"] != "paid_search").sum()
    (point,) = page.page.main
    assert point.headline == (
        f"{len(inside):,} MQLs were handed over, against {before:,} in the four weeks before; {below:,} of them below "
        "the agreed bar."
    )


def test_wins_alone_are_no_ground_for_what_sales_accepts_picks_or_misses(page):
    said = [one.id for one in page.page.sections]
    assert said == ["handed-over", "stuck"]
    silent = " ".join(page.page.limits)
    for word in ("What share of MQLs sales accepts", "How soon sales calls", "Whether behaviour outweighs fit"):
        assert word in silent
    assert not any(one["clear"] for one in page.page.more["comparisons"].values())
    assert "nan" not in page.to_html()


def test_each_week_of_a_year_has_its_page(tables):
    starts = np.arange(np.datetime64("2017-07-03"), np.datetime64("2018-05-01"), 28)
    for start in starts:
        text = ls.review(tables, BOOK, start=str(start), end=str(start + 27)).to_markdown()
        assert "MQLs were handed over" in text
