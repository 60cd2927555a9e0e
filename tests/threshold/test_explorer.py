"""Another threshold and other points, tried out: exactly what scoring with the changed rulebook says."""

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.threshold.explorer import ThresholdExplorer
from tests.scoring.test_scoring import tables_of
from tests.support.strategies import cases

FEW = settings(max_examples=settings.default.max_examples // 3)


@st.composite
def changes(draw):
    """A case, another threshold, and other points of up to three of its rules."""
    case = draw(cases())
    points = {}
    rules = [*case.document.get("fit", []), *case.document.get("behaviour", [])]
    for rule in draw(st.lists(st.sampled_from(rules), max_size=3, unique_by=lambda rule: rule["name"])):
        table = rule.get("from", rule.get("points"))
        number = draw(st.sampled_from([0, 5, -3.5, 40, 0.001]))
        entries = (
            draw(st.lists(st.sampled_from(list(table)), min_size=1, unique_by=repr)) if isinstance(table, dict) else ()
        )
        points[rule["name"]] = dict.fromkeys(entries, number) if isinstance(table, dict) else number
    return case, draw(st.sampled_from([None, 0, -5, 10.5, 30])), points


@FEW
@given(changes())
def test_it_equals_scoring_with_the_changed_rulebook(drawn):
    case, threshold, points = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    tables = tables_of(case, rulebook)
    scores = ls.score(tables, rulebook, as_of=case.as_of)
    explorer = ThresholdExplorer(scores)
    tried = explorer.at(threshold, points=points)
    try:
        changed, refused = explorer.changed(threshold, points=points), []
    except ls.RulebookError as error:
        changed, refused = None, error.problems
    if refused:
        # No lead can reach a threshold any more, which the file may not say: nobody qualifies by that one.
        assert {problem.message.split(" reach ")[0] for problem in refused} == {"no lead can"}
        assert tried.qualified == 0 or {"hand_raise", "segments"} & set(case.document["qualify"])
        return
    assert changed.edited({"qualify.threshold": changed.qualify.threshold}).to_yaml() == changed.to_yaml()
    before = scores.frame["qualified"]
    after = ls.score(tables, changed, as_of=case.as_of).frame["qualified"]
    assert tried.qualified == after.sum()
    assert tried.entered.tolist() == after.index[after & ~before].tolist()
    assert tried.left.tolist() == after.index[~after & before].tolist()
    assert explorer.now.qualified == before.sum()


BOOK = ls.Rulebook.from_yaml(
    """
leadscore: 1
name: test
fit:
  - {name: Home, when: {country: [US]}, points: 10}    # agreed in March
  - {name: Nobody, when: {country: [ZZ]}, points: 0}
  - {name: Size, column: size, from: {0: 0, 50: 10}}
qualify: {threshold: 15}
"""
)
LEADS = pd.DataFrame({"lead_id": list("abcd"), "country": ["US", "US", "FR", "ZZ"], "size": [10, 60, 80, 5]})


@pytest.fixture
def explorer():
    scores = ls.score(ls.load_tables(LEADS, rulebook=BOOK), BOOK, as_of="2026-03-31")
    return ThresholdExplorer(scores, pd.Series([True, False, None, True], index=list("dbca"), dtype="boolean"))


def test_figures_by_hand(explorer):
    assert (explorer.now.qualified, explorer.now.known, explorer.now.reached) == (1, 1, 0)
    tried = explorer.at(10)
    # a, b and c qualify; a reached it, b did not, of c nothing is known; d reached it and does not qualify.
    assert (tried.qualified, tried.known, tried.reached, tried.positives) == (3, 2, 1, 2)
    assert [round(part, 4) for part in tried.precision] == [0.5, 0.0945, 0.9055]
    assert tried.recall == tried.precision
    assert (tried.entered.tolist(), tried.left.tolist()) == (["a", "c"], [])
    assert "Recall 50.0% (9.5% to 90.5%) of 2 known to have reached it" in repr(tried)
    assert "Threshold 10: 3 of 4 leads qualify (75.0%); entered 2, left 0" in repr(tried)
    assert "Precision 50.0% (9.5% to 90.5%) of 2 with a known outcome" in repr(tried)


def test_a_rule_that_gave_nothing_may_give_something(explorer):
    assert explorer.at(points={"Nobody": 20}).entered.tolist() == ["d"]
    assert explorer.at(points={"Home": 0}).left.tolist() == ["b"]
    assert explorer.at(points={"Size": {50: 30}}).entered.tolist() == ["c"]


def test_what_is_kept_keeps_comments(explorer):
    kept = explorer.changed(20, points={"Home": 12, "Size": {50: 8}}).to_yaml()
    assert "points: 12} # agreed in March" in " ".join(kept.split())
    assert "{0: 0, 50: 8}" in kept
    assert "threshold: 20" in kept
    assert explorer.changed() == BOOK


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": {"Hom": 1}}, "there is no rule 'Hom'; did you mean 'Home'?"),
        ({"points": {"Size": 5}}, "'Size' has a table: give the entries that change"),
        ({"points": {"Size": {51: 5}}}, "'Size' has no entry 51"),
        ({"points": {"Home": "many"}}, "must be a number"),
        ({"points": {"Home": 1.00001}}, "at most three decimals"),
        ({"threshold": None, "points": {"Home": float("nan")}}, "must be a number"),
        ({"threshold": "high"}, "must be a number"),
    ],
)
def test_what_cannot_be_meant_is_said(explorer, arguments, message):
    with pytest.raises(ls.ArgumentError) as error:
        explorer.at(**arguments)
    assert message in str(error.value)


def test_outcomes_must_be_of_these_leads(explorer):
    with pytest.raises(ls.ArgumentError, match="y: must have one value for each lead; it has 2, score has 4"):
        ThresholdExplorer(explorer.scores, [True, False])
    for wrong in (pd.Series([True], index=["z"]), pd.Series([True, True], index=["a", "a"])):
        with pytest.raises(ls.ArgumentError, match="is its index lead_id"):
            ThresholdExplorer(explorer.scores, wrong)
    with pytest.raises(ls.ArgumentError, match="one value for each lead; got 3"):
        ThresholdExplorer(explorer.scores, 3)
    assert explorer.at(np.float64(10)).qualified == explorer.at(10).qualified
    with pytest.raises(ls.ArgumentError, match="must be True, False or missing"):
        ThresholdExplorer(explorer.scores, ["won", "lost", "won", "lost"])
    assert ThresholdExplorer(explorer.scores, np.array([True, False, False, True])).now.known == 1
    unknown = ThresholdExplorer(explorer.scores).now
    assert np.isnan(unknown.precision).all()
    assert unknown.notes == ("Precision not known: none of them has a known outcome.",)


def test_the_widget_shows_what_the_sliders_say(explorer, capsys):
    widget = explorer.widget(rules=["Home"])
    threshold, home, output = widget.children
    assert "Threshold 15: 1 of 4 leads qualify" in capsys.readouterr().out  # no kernel: what is shown is printed
    threshold.value, home.value = 12, 14
    assert "Threshold 12, Home 14: 2 of 4 leads qualify" in capsys.readouterr().out
    home.value = 10
    assert "Threshold 12: 1 of 4 leads qualify" in capsys.readouterr().out  # points as they were are no change
    assert isinstance(output, ipywidgets.Output)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (["Hom"], "rules: there is no rule 'Hom'; did you mean 'Home'"),
        ("Hom", "rules: there is no rule 'Hom'; did you mean 'Home'"),
        (["Home", "Home"], "rules: has a name twice"),
        ([5], "rules: must be a name or a list of names"),
    ],
)
def test_a_widget_of_rules_that_are_none(explorer, rules, message):
    with pytest.raises(ls.ArgumentError, match=message):
        explorer.widget(rules=rules)


@pytest.mark.parametrize("points", [["Home"], "Home", 5])
def test_points_that_are_no_mapping(explorer, points):
    with pytest.raises(ls.ArgumentError, match="must be a mapping of rules to their points"):
        explorer.at(points=points)


def test_the_share_says_of_whom_it_is(explorer):
    assert "as a rule the leads that sales worked, above all below today's threshold" in explorer.at(1).notes[0]
