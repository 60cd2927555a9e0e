"""The section on titles: what is planted is named in a main point, and nothing else is."""

import json

import pytest

from leadscore.meeting.drafts import Silent
from leadscore.meeting.sections import titles
from tests.support.drafted import company, facts_of, written

# The company has a persona for each level, and the mix that was agreed is the true one.
OFF = {"C-level": "10%", "VP": "15%", "Director": "25%", "Manager": "30%", "Specialist": "10%", "Coordinator": "5%"}


def world(*planted, n_leads=20_000, mix=None):
    return facts_of(*company(n_leads, 1, planted, json.dumps({"agreement.marketing.mix": mix} if mix else {})))


def test_a_mix_far_off_the_agreement_is_named():
    found = written(titles.draft, world(mix=OFF))
    assert found.section.headline.startswith("Specialist and Coordinator: ")
    assert found.section.headline.endswith("; the agreement expects 15%.")
    assert [point.headline for _, point in found.main] == [found.section.headline]
    assert found.section.verdict == "Clear"
    assert found.decide[0].question == "What do we do with Specialist and Coordinator?"


def test_a_persona_that_sales_refuses_is_named():
    found = written(titles.draft, world("refused title"))
    (point,) = [point.headline for _, point in found.main]
    assert point.startswith("Sales accepted ")
    assert " of the persona Coordinator, " in point
    assert found.decide[0].question == "What do we do with Coordinator?"


def test_where_nothing_is_planted_nothing_is_clear():
    found = written(titles.draft, world())
    assert (found.section.verdict, found.main, found.decide) == ("Not clear", (), ())
    assert "no clear difference from the agreed mix or the four weeks before" in found.section.headline


def test_of_few_mqls_nothing_is_claimed():
    found = written(titles.draft, world("refused title", n_leads=2_000, mix=OFF))
    assert (found.section.verdict, found.main, found.decide) == ("Too few to say", (), ())
    assert "too few to compare personas" in found.section.headline


def test_without_personas_the_page_says_what_is_missing():
    silent = titles.draft(
        facts_of(*company(2_000, 1, (), json.dumps({"personas": None, "agreement.marketing.mix": None}))), None
    )
    assert isinstance(silent, Silent)
    assert "`personas` in the rulebook" in silent.why


@pytest.mark.parametrize("few", [10**6])
def test_what_is_few_is_said_by_the_caller(few):
    assert written(titles.draft, world("refused title", mix=OFF), few).section.verdict == "Too few to say"
