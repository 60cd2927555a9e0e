"""The section on balance: what is planted is named in a main point, and nothing else is."""

import json

import pytest

import leadscore as ls
from leadscore.datasets.company import make_company
from leadscore.meeting.drafts import Silent
from leadscore.meeting.sections import balance
from tests.support.drafted import company, facts_of, written

DRIFT = "behaviour outweighs fit"


def world(*planted, n_leads=20_000, **shared):
    agreed = {f"agreement.shared.{name}": value for name, value in shared.items()}
    return facts_of(*company(n_leads, 1, planted, json.dumps(agreed)))


def test_behaviour_that_outgrows_fit_is_named_and_decided_on():
    found = written(balance.draft, world(DRIFT))
    assert found.section.headline.endswith("; over all leads behaviour gains on fit.")
    assert found.section.verdict == "Clear"
    assert [point.headline for _, point in found.main] == [found.section.headline]
    assert found.decide[0].question == "Should activity give fewer points?"


def test_where_nothing_is_planted_nothing_is_clear():
    found = written(balance.draft, world())
    assert (found.section.verdict, found.decide) == ("Not clear", ())
    assert found.section.headline.endswith("; no clear trend.")


@pytest.mark.slow
def test_more_than_was_agreed_is_named():
    found = written(balance.draft, world(needing_activity_at_most="20%"))
    assert ", more than the agreed 20%" in found.section.headline
    assert (found.section.verdict, found.section.picture.limit) == ("Clear", 0.2)
    assert found.decide
    kept = written(balance.draft, world(needing_activity_at_most="90%"))
    assert ", less than the agreed 90%" in kept.section.headline
    assert not kept.decide
    near = written(balance.draft, world(needing_activity_at_most="55%"))
    assert "; no clear difference from the agreed 55%" in near.section.headline
    assert near.section.verdict == "Not clear"


def test_of_few_mqls_nothing_is_claimed():
    found = written(balance.draft, world(n_leads=1_500, needing_activity_at_most="20%"))
    assert found.section.verdict == "Too few to say"
    assert found.section.headline.endswith("; too few to see a trend.")
    assert "%" not in found.section.headline
    assert any("too few to compare" in text for text in found.section.text)


def test_what_is_few_is_said_by_the_caller():
    assert written(balance.draft, world(), 10**6).section.verdict == "Too few to say"


def test_the_mark_that_was_agreed_is_printed():
    found = written(balance.draft, world(usual_activity=12))
    assert found.section.figures["usual"] == 12
    assert "Usual activity is 12 points, as agreed or given." in found.section.text[0]


def test_figures_sum_and_the_picture_has_them():
    found = written(balance.draft, world()).section
    weeks = [*found.figures["weeks"].values()]
    assert found.figures["mqls"] == sum(week["mqls"] for week in weeks[-4:])
    assert found.figures["needing"] == sum(week["needing"] for week in weeks[-4:])
    drawn = [week["share"] if week["mqls"] >= 5 else None for week in weeks]
    assert [*found.picture.values] == pytest.approx(drawn)
    assert [row[1] for row in found.tables[0].rows] == [f"{week['mqls']:.0f}" for week in weeks]


def test_a_new_user_reads_when_it_will_be_known():
    made = make_company(2_000, random_state=1)
    seen = made.events[made.events["at"] >= "2026-03-02"]
    tables = ls.load_tables(made.leads, seen, made.outcomes, rulebook=made.rulebook, columns=None)
    silent = balance.draft(facts_of(tables, made.rulebook), None)
    assert isinstance(silent, Silent)
    assert "learned from 8 weeks of history. Here are 4: it is known in 4 weeks." in silent.why


def test_without_behaviour_there_is_nothing_to_weigh():
    tables, rulebook = company(12_000, 1, (), "{}")
    bare = rulebook.edited({"behaviour": None, "groups": None, "qualify.threshold": 40, "qualify.segments": None})
    silent = balance.draft(facts_of(tables, bare), None)
    assert isinstance(silent, Silent)
    assert "needs events, and points for behaviour" in silent.why


def test_where_sales_refused_nobody_harm_is_not_known():
    tables, rulebook = company(12_000, 1, (), "{}")
    made = make_company(12_000, random_state=1)
    kept = tables.outcomes[~tables.outcomes["stage"].isin(["rejected", "recycled", "lost"])]
    tables = ls.load_tables(made.leads, made.events, kept, rulebook=rulebook, observed_until="2026-03-31")
    text = " ".join(written(balance.draft, facts_of(tables, rulebook)).section.text)
    assert "it refused none of the MQLs of these weeks" in text
    assert "points higher" not in text
