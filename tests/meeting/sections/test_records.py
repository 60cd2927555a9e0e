"""The section on records: a field that is no longer filled in is named, small numbers are no ranking."""

import json

from leadscore.meeting.sections import records
from tests.support.drafted import company, facts_of, written


def world(*planted, n_leads=20_000, edits=None):
    return facts_of(*company(n_leads, 1, planted, json.dumps(edits or {})))


def test_a_field_that_is_no_longer_filled_in_is_named():
    found = written(records.draft, world("unfilled field"))
    assert found.section.headline.startswith("The field “employees” (at handover) was filled in for ")
    assert found.section.verdict == "Clear"
    assert [point.headline for _, point in found.main] == [found.section.headline]
    assert found.decide[0].question == "How do we get employees filled in again?"


def test_where_nothing_is_planted_it_counts_and_claims_nothing():
    found = written(records.draft, world())
    assert (found.section.verdict, found.main) == ("Counted", ())


def test_a_field_below_its_promise_is_said_with_both_figures():
    edits = {
        "agreement.marketing.complete_at_handover": {"employees": "99.5%", "job_title": "50%"},
        "agreement.sales.reason_with_refusal": "50%",
    }
    found = written(records.draft, world(edits=edits))
    assert found.section.headline.startswith("1 of 3 promised fields fell short: employees (")
    assert ", promised 99.5%)" in found.section.headline


def test_of_few_the_change_is_not_tested():
    found = written(records.draft, world("unfilled field", n_leads=1_500))
    assert found.section.verdict == "Counted"
    assert found.main == ()


def test_owners_stand_behind_a_fold_with_a_word_on_small_numbers():
    tables = {table.title: table for table in written(records.draft, world()).section.tables}
    owners = tables["Accepted leads without a change for 21 days, by owner"]
    assert owners.folded
    assert owners.notes == ("Small numbers: for a conversation, not a ranking.",)
