"""The section on pipeline: what costs and brings nothing is named, rules sum to the total, silence has a reason."""

import pandas as pd
import pytest

import leadscore as ls
from leadscore.meeting.drafts import CONTEXT, SURE, Silent
from leadscore.meeting.sections import pipeline
from leadscore.present.result import plain
from tests.support.drafted import company, facts_of, written

BOOK = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
LEADS = [f"l{number}" for number in range(40)]


def facts(outcomes, **more):
    tables = ls.load_tables(pd.DataFrame({"lead_id": LEADS}), None, outcomes, observed_until="2026-03-31", **more)
    return facts_of(tables, BOOK)


def opportunities(**columns):
    """One a day from 16 February to 27 March, so 24 in the period."""
    at = pd.date_range("2026-02-16", periods=40, freq="D")
    return pd.DataFrame({"lead_id": LEADS, "stage": "opportunity", "at": at, "deal_id": LEADS, "amount": 100} | columns)


def test_a_source_that_costs_and_brings_nothing_is_named_first():
    found = written(pipeline.draft, facts_of(*company(20_000, 1, ("costly source",), "{}")))
    rank, point = found.main[0]
    assert rank == SURE
    assert point.verdict == "Clear"
    assert point.headline.startswith("Trade show cost ")
    assert "none of " in point.headline
    assert found.decide[0].question == "What is Trade show to bring?"


def test_where_nothing_is_planted_nothing_is_clear():
    found = written(pipeline.draft, facts_of(*company(20_000, 1, (), "{}")))
    assert found.section.verdict == "Not clear"
    assert [rank for rank, _ in found.main] == [CONTEXT]
    assert found.decide == ()
    assert "weighted open pipeline is " in found.section.headline
    assert "of the goal." in found.section.headline


def test_every_rule_of_the_table_sums_to_the_total():
    section = written(pipeline.draft, facts_of(*company(20_000, 1, (), "{}"))).section
    rules = section.figures["rules"]
    whole = rules.pop("(all)")
    for rule in ("first", "last", "even", "position", "decay", "removal"):
        assert sum(round(100 * row[rule]) for row in rules.values()) == round(100 * whole[rule])
        assert whole[rule] == pytest.approx(section.figures["amount"])
    assert section.tables[0].rows[-1][0] == "All"
    assert len(section.picture.rows) == 8
    plain(section)


def test_without_a_deal_id_it_is_silent_and_says_why():
    draft = pipeline.draft(facts(opportunities().drop(columns="deal_id")), None)
    assert isinstance(draft, Silent)
    assert "`deal_id`" in draft.why


def test_without_an_opportunity_it_is_silent():
    draft = pipeline.draft(facts(opportunities(stage="sql")), None)
    assert isinstance(draft, Silent)
    assert "“opportunity”" in draft.why


def test_several_currencies_are_silence():
    draft = pipeline.draft(facts(opportunities(currency=["EUR", "USD"] * 20)), None)
    assert isinstance(draft, Silent)
    assert "EUR, USD" in draft.why


def test_few_opportunities_are_no_claim():
    section = written(pipeline.draft, facts(opportunities())).section
    assert section.verdict == "Too few to say"
    assert section.headline.startswith("24 opportunities worth 2,400 were opened; ")
    assert "Too few deals are closed to say what the open ones are worth: 0." in section.text


def test_without_touches_nothing_is_said_of_channels():
    section = written(pipeline.draft, facts(opportunities())).section
    assert (section.picture, section.tables) == (None, ())
    assert any("nothing can be said of channels" in one for one in section.text)


def test_without_amounts_opportunities_are_still_counted():
    section = written(pipeline.draft, facts(opportunities(amount=None))).section
    assert section.headline == "24 opportunities were opened."


def test_the_period_before_is_compared_once_it_had_as_much_time():
    early = pd.DataFrame({"lead_id": ["l0"], "stage": "mql", "at": pd.Timestamp("2026-01-05")})
    late = early.assign(at=pd.Timestamp("2026-02-10"))
    young, old = (
        written(pipeline.draft, facts(pd.concat([first, opportunities()], ignore_index=True))).section
        for first in (late, early)
    )
    assert "against" not in young.headline
    assert any("less time on record" in one for one in young.text)
    assert "were opened, against 16 in the four weeks before" in old.headline
    assert not any("less time on record" in one for one in old.text)
