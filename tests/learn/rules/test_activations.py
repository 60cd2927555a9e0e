"""Where entries fire: their points, put back, are the points of the rules, over the whole language."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings

import leadscore as ls
from leadscore.base.days import day_number
from leadscore.learn.rules.activations import barred, entries, fired
from leadscore.rulebook.kinds import lead_kinds
from leadscore.scoring.scores import points_by_rule
from leadscore.scoring.timeline import bound_at
from tests.support.strategies import cases, frames


def standing(case):
    """The rulebook, the tables, and the leads that are there on the day."""
    rulebook = ls.Rulebook.from_dict(case.document)
    tables = ls.load_tables(*frames(case), rulebook=rulebook)
    day = day_number(case.as_of)
    lead = np.flatnonzero(tables.records.there_from(rulebook.timezone) <= day).astype(np.int32)
    assume(len(lead))
    return rulebook, tables, lead, np.full(len(lead), day)


@pytest.mark.slow
@settings(max_examples=50)
@given(cases())
def test_points_put_back_where_entries_fire_are_those_of_the_rules(case):
    rulebook, tables, lead, day = standing(case)
    given_points = points_by_rule(bound_at(rulebook, tables, lead, day))
    every = entries(rulebook)
    fires = fired(rulebook, [(entry.section, entry.alone) for entry in every], tables, lead, day)
    tabled = {rule.name for _, _, rule in rulebook.rules() if rule.from_ is not None or isinstance(rule.points, dict)}
    for name in dict.fromkeys(entry.rule for entry in every):
        inside = [index for index, entry in enumerate(every) if entry.rule == name]
        # Of a table at most one entry holds; a key 0 of counts gives points to leads without events too.
        assert (fires[:, inside].sum(axis=1) <= 1).all()
        if every[inside[0]].section == "fit" or name in tabled:
            put_back = fires[:, inside] @ np.array([every[index].stated for index in inside])
            assert put_back == pytest.approx(given_points[name].to_numpy(), abs=1e-9)
        else:
            worth = given_points[name].to_numpy() != 0
            assert (worth <= fires[:, inside[0]]).all()


@settings(max_examples=15)
@given(cases())
def test_barred_leads_are_those_that_never_bars(case):
    rulebook, tables, lead, day = standing(case)
    never = rulebook.to_dict()["qualify"].get("never", [])
    fires = fired(rulebook, [barred(entry) for entry in never], tables, lead, day)
    first = np.where(fires.any(axis=1), fires.argmax(axis=1), -1) if never else np.full(len(lead), -1)
    assert (first == bound_at(rulebook, tables, lead, day).blocked).all()


@settings(max_examples=15)
@given(cases())
def test_a_probe_reads_columns_as_the_rulebook_does(case):
    rulebook, tables, lead, day = standing(case)
    for name in lead_kinds(rulebook):
        known, missing = fired(
            rulebook,
            [("fit", {"when": {name: {"known": known}}, "points": 1}) for known in (True, False)],
            tables,
            lead,
            day,
        ).T
        assert (known ^ missing).all()


def test_more_rules_than_fit_into_one_go():
    rulebook = ls.Rulebook.from_yaml("{leadscore: 1, name: x, qualify: {threshold: 0}}")
    tables = ls.load_tables(pd.DataFrame({"lead_id": [0, 1], "size": [3, 204]}))
    rules = [("fit", {"when": {"size": {"at_least": number}}, "points": 1}) for number in range(250)]
    fires = fired(rulebook, rules, tables, np.arange(2, dtype=np.int32), np.full(2, 20000))
    assert fires.sum(axis=1).tolist() == [4, 205]


def test_a_number_is_looked_for_as_text_where_the_rulebook_reads_text():
    rulebook = ls.Rulebook.from_yaml("""
leadscore: 1
name: x
fit: [{name: Size, column: size, points: {5: 1, small: 2}}]
behaviour: [{name: Page, event: view, where: {page: {in: [5, home]}}, points: 1}]
qualify: {threshold: 0}
""")
    leads = pd.DataFrame({"lead_id": [0, 1], "size": ["5", "small"]})
    events = pd.DataFrame({"lead_id": [0, 1], "event": "view", "at": "2024-10-04", "page": ["5", "home"]})
    tables = ls.load_tables(leads, events)
    rules = [("fit", {"when": {"size": 5}, "points": 1})]
    rules.append(("behaviour", {"event": "view", "where": {"page": 5}, "points": 1}))
    fires = fired(rulebook, rules, tables, np.arange(2, dtype=np.int32), np.full(2, 20_010))
    assert fires.tolist() == [[True, True], [False, False]]
