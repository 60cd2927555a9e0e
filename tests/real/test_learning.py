"""Learning from real outcomes: how well cards rank contacts and leads they have not seen, on random folds and later."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from leadscore.errors import ArgumentError
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.stats.calibration import expected_calibration_error, gains
from leadscore.stats.ranking import roc_auc

pytestmark = pytest.mark.real
CUTS = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


@pytest.fixture(scope="module")
def bank(folder):
    """Contacts in order of time, as they are but for the length of the call, which is known only after it."""
    raw = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    days = pd.Series(pd.date_range("2008-05-05", "2010-11-26", periods=len(raw)).floor("D"))
    return raw.drop(columns=["duration", "y"]), raw["y"] == "yes", days


@pytest.fixture(scope="module")
def olist(folder):
    """Leads in order of time, whether they were won, and what the deals file holds of them."""
    leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
    both = leads.merge(deals, on="mql_id", how="left").sort_values("first_contact_date", kind="stable")
    return both.reset_index(drop=True)


def learned(bank, rows, *, dated):
    features, y, days = (column.iloc[rows].reset_index(drop=True) for column in bank)
    return LeadClassifier(guards=None).fit(features, y, dates=days if dated else None)


def short_card(model):
    return model.points_card(span=100, max_points_rows=51)


def auc(model, bank, rows):
    return roc_auc(bank[1].iloc[rows].to_numpy(), model.predict_proba(bank[0].iloc[rows])[:, 1]).value


def before_and_after(bank, cut, end):
    n = len(bank[1])
    return np.arange(round(n * cut)), np.arange(round(n * cut), round(n * end))


@pytest.fixture(scope="module")
def oldest(bank):
    """Learned from the oldest 80 %."""
    return learned(bank, before_and_after(bank, 0.8, 1)[0], dated=True)


def test_a_card_of_the_oldest_contacts_ranks_the_newest(bank, oldest):
    # One-hot logistic regression 0.748, optbinning 0.747, gradient boosting 0.649.
    _, newest = before_and_after(bank, 0.8, 1)
    card = short_card(oldest)
    assert len(card.frame) <= 51
    assert auc(card, bank, newest) >= 0.750
    assert auc(oldest, bank, newest) >= 0.750


def test_an_intercept_follows_the_base_rate(bank, oldest):
    # From 6 % to 31 %. The calibration errors of others lie between 0.09 and 0.20. Every other contact has its label.
    _, newest = before_and_after(bank, 0.8, 1)
    labelled, later = newest[::2], newest[1::2]
    rows, had = bank[0].iloc[labelled], bank[1].iloc[labelled]
    moved = oldest.recalibrate(rows, had)
    assert moved.predict_proba(rows)[:, 1].mean() == pytest.approx(had.mean(), abs=1e-6)
    assert auc(moved, bank, later) == pytest.approx(auc(oldest, bank, later), abs=1e-12)
    y = bank[1].iloc[later].to_numpy()
    error = expected_calibration_error(y, moved.predict_proba(bank[0].iloc[later])[:, 1])
    assert error.value < 0.09


def test_ties_at_the_top_are_shared_out(bank, oldest):
    _, newest = before_and_after(bank, 0.8, 1)
    y, chance = bank[1].iloc[newest].to_numpy(), short_card(oldest).predict_proba(bank[0].iloc[newest])[:, 1]
    assert len(np.unique(chance)) <= 101
    places = np.random.default_rng(0).permuted(np.tile(np.arange(len(y)), (200, 1)), axis=1)
    tenth = round(len(y) / 10)
    drawn = [y[place[np.argsort(-chance[place], kind="stable")[:tenth]]].mean() / y.mean() for place in places]
    assert gains(y, chance).frame["lift"].iloc[0] == pytest.approx(np.mean(drawn), abs=0.02)


@pytest.mark.slow
def test_random_folds(bank):
    # Gradient boosting 0.803 with 1,300 leaves, one-hot logistic regression 0.792, optbinning 0.789 with 122 rows.
    found = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(bank[0], bank[1]):
        card = short_card(learned(bank, train, dated=False))
        assert len(card.frame) <= 51
        found.append(auc(card, bank, test))
    assert np.mean(found) >= 0.795


@pytest.mark.slow
def test_walk_forward(bank):
    # One-hot logistic regression 0.536, optbinning 0.533, gradient boosting 0.516. The aim of 0.61 is not reached: in
    # the tenth from 0.5 on telephone contacts, the worse ones until then, are the better ones, and every card ranks
    # the wrong way round (0.37).
    found = []
    for cut in CUTS:
        before, after = before_and_after(bank, cut, cut + 0.1)
        found.append(auc(short_card(learned(bank, before, dated=True)), bank, after))
    assert np.mean(found) >= 0.58


def test_the_length_of_the_call_is_refused(folder):
    raw = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    with pytest.raises(ArgumentError, match="duration"):
        LeadClassifier(guards="raise").fit(raw.drop(columns="y"), raw["y"] == "yes")


def test_what_deals_hold_is_refused(olist):
    features = olist.drop(columns=["mql_id", "first_contact_date"])
    with pytest.raises(ArgumentError, match="business_segment"):
        LeadClassifier(guards="raise").fit(features, olist["won_date"].notna(), dates=olist["first_contact_date"])


def test_landing_pages_do_not_overfit(olist):
    pages, won, days = olist[["origin", "landing_page_id"]], olist["won_date"].notna(), olist["first_contact_date"]
    old, new = np.arange(5600), np.arange(5600, 8000)
    assert round((~pages["landing_page_id"].iloc[new].isin(pages["landing_page_id"].iloc[old])).mean(), 3) == 0.172
    model = LeadClassifier(guards=None).fit(pages.iloc[old], won.iloc[old], dates=days.iloc[old])
    card = model.points_card(span=100)
    # A row for each of 495 pages would be a list of pages. One-hot with rare levels pooled: 0.688 before, 0.692 later.
    assert len(card.frame) <= 60
    before, later = (auc(card, (pages, won), rows) for rows in (old, new))
    assert later >= 0.68
    assert before - later <= 0.03
