"""The sections on missed leads and on content and words: what is planted is named in a main point, nothing else is."""

import json

import pandas as pd
import pytest

import leadscore as ls
from leadscore.meeting.drafts import Asked, Silent
from leadscore.meeting.sections import content, missed
from tests.support.drafted import company, facts_of, written


def world(*planted, n_leads=20_000, seed=1):
    return facts_of(*company(n_leads, seed, planted))


def changed(leads=None, events=None, outcomes=None):
    """The company with some of its tables changed."""
    made = ls.datasets.make_company(5_000, random_state=1)
    tables = [
        change(table) if change else table
        for change, table in ((leads, made.leads), (events, made.events), (outcomes, made.outcomes))
    ]
    return facts_of(ls.load_tables(*tables, rulebook=made.rulebook, columns=None), made.rulebook)


def test_a_trait_that_was_missed_is_named():
    found = written(missed.draft, world("missed trait"))
    assert " leads below the bar; more often with Industry: Health (" in found.section.headline
    assert [point.headline for _, point in found.main] == [found.section.headline]
    assert found.section.verdict == "Clear"
    assert found.decide[0].question == "Should leads with Industry: Health come to sales sooner?"
    assert found.section.tables[0].rows[0][0] == "Industry: Health *"
    assert found.section.picture.rows[0].filled
    assert not found.section.picture.rows[-1].filled


def test_words_that_were_planted_are_named():
    found = written(content.draft, world("form words", seed=2))
    assert "“approved, budget, this”" in found.section.headline
    assert "refused ones write “project, student” more often" in found.section.headline
    assert [point.headline for _, point in found.main] == [found.section.headline]


def test_content_that_goes_with_moving_on_is_named():
    def shown(events):
        """Two days before half of the MQLs that are accepted."""
        made = ls.datasets.make_company(5_000, random_state=1)
        moves = made.outcomes[made.outcomes["stage"] == "sal"].iloc[::2]
        at = moves["at"] - pd.Timedelta(2, "D")
        return pd.concat(
            [events, pd.DataFrame({"lead_id": moves["lead_id"], "event": "sent", "asset": "/case", "at": at})]
        )

    found = written(content.draft, changed(events=shown))
    assert found.section.headline == "Leads move on sooner in the two weeks after they see: /case."
    assert found.section.verdict == "Clear"
    assert any("go together" in text for text in found.section.text)
    assert found.section.picture.rows[0].label == "MQL: /case"


@pytest.mark.parametrize("section", [missed, content])
def test_where_nothing_is_planted_nothing_is_clear(section):
    found = written(section.draft, world())
    assert (found.section.verdict, found.main, found.decide) == ("Not clear", (), ())


@pytest.mark.parametrize(("section", "few"), [(missed, 30), (content, 100)])
def test_of_few_leads_nothing_is_claimed(section, few):
    found = written(section.draft, world("missed trait", "form words", n_leads=1_000), few)
    assert (found.section.verdict, found.main, found.decide) == ("Too few to say", (), ())


@pytest.mark.parametrize("section", [missed, content])
def test_a_section_is_plain_data(section):
    found = written(section.draft, world("missed trait", "form words"))
    assert json.dumps(dict(found.section.figures), allow_nan=False)
    for table in found.section.tables:
        assert {len(row) for row in table.rows} == {len(table.heads)}
        assert all(isinstance(cell, str) for row in table.rows for cell in row)


def test_where_data_are_missing_the_page_says_which():
    silent = missed.draft(
        changed(outcomes=lambda rows: rows[rows["stage"] != "rejected"].query("stage != 'recycled'")), Asked()
    )
    assert isinstance(silent, Silent)
    assert "no outcome is rejected or recycled" in silent.why
    bare = changed(
        lambda leads: leads.drop(columns="message"), lambda events: events.drop(columns="asset").assign(asset=None)
    )
    silent = content.draft(bare, Asked())
    assert isinstance(silent, Silent)
    assert "no column of leads or events holds texts" in silent.why


def test_words_are_told_where_no_asset_is_known():
    facts = changed(events=lambda events: events.assign(asset=None))
    found = written(content.draft, facts)
    assert "wrote something: no word clearly sets accepted leads apart" in found.section.headline
