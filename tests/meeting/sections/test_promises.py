"""The section on promises: both sides, the figure beside the promise, and no claim beyond it."""

import json

from leadscore.meeting.drafts import Asked, Silent
from leadscore.meeting.sections import promises
from tests.support.drafted import company, facts_of, written


def world(*planted, edits=None):
    return facts_of(*company(20_000, 1, planted, json.dumps(edits or {})))


def test_both_sides_are_listed_marketing_first():
    found = written(promises.draft, world())
    (table,) = found.section.tables
    assert [row[0] for row in table.rows] == ["Marketing"] * 3 + ["Sales"] * 3 + ["Both"]
    assert found.section.headline.startswith("Marketing kept ")
    assert (found.section.verdict, [point.headline for _, point in found.main]) == ("Counted", [found.section.headline])
    assert not table.folded


def test_a_field_that_is_no_longer_filled_in_is_a_promise_not_kept():
    found = (written(promises.draft, world(*planted)) for planted in ((), ("unfilled field",)))
    before, now = ({row[1]: row[3] for row in one.section.tables[0].rows} for one in found)
    changed = [promise for promise in now if now[promise] != before[promise]]
    assert changed == [promise for promise in now if "arrive with employees" in promise]
    assert now[changed[0]] == "Not kept"


def test_without_promises_the_page_says_what_is_missing():
    silent = promises.draft(world(edits={"agreement": None}), Asked())
    assert isinstance(silent, Silent)
    assert "`agreement` in the rulebook" in silent.why
