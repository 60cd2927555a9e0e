"""The page of a change: counts that add up to those of the two replays, and quality tested as it is said."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import sampled_from

import leadscore as ls
from leadscore.present.page import CLEAR, NOT_CLEAR, TOO_FEW
from leadscore.present.page_html import html
from tests.support.hostile import names, parsed
from tests.support.pages import harmless
from tests.support.results_scoring import RESULTS

FUNNEL = ls.datasets.make_funnel(1000, random_state=3)
OLD = FUNNEL.rulebook
TABLES = ls.load_tables(FUNNEL.leads, FUNNEL.events, FUNNEL.outcomes, rulebook=OLD)
PERIOD = {"start": "2026-01-05", "end": "2026-03-08"}
EDITS = {
    "qualify.threshold": [45, 60, 75],
    "qualify.minimum_fit": [None, 15, 30],
    "qualify.hand_raise": [None],
    "behaviour.Pricing page.at_most": [None, 5],
    "behaviour.Pricing page.half_life_days": [2, 90],
    "fit.Seniority.points.Manager": [-20, 40],
}
edits = st.dictionaries(sampled_from([*EDITS]), st.integers(0, 2), min_size=1, max_size=3).map(
    lambda chosen: {key: EDITS[key][place % len(EDITS[key])] for key, place in chosen.items()}
)


def change_of(edit, **asked):
    comparison = ls.compare(TABLES, OLD, OLD.edited(edit), **PERIOD)
    return comparison, ls.meeting.change_page(comparison, **asked).page


def section(page, name):
    return next(one for one in page.sections if one.id == name)


def of_period(history):
    """The leads that a history counts in its period."""
    return set(history.frame.index[~history.frame["already"]])


@settings(max_examples=15)
@given(edits)
def test_the_steps_lead_from_the_old_count_to_the_new(edit):
    comparison, page = change_of(edit)
    found = section(page, "gained-lost")
    first, *steps, last = (int(cells[1].replace(",", "")) for cells in found.tables[0].rows)
    assert first + sum(steps) == last
    old, new = of_period(comparison.old), of_period(comparison.new)
    assert (first, last) == (len(old), len(new))
    assert found.figures["gained"] == len(new - set(comparison.old.frame.index))
    assert found.figures["lost"] == len(old - set(comparison.new.frame.index))
    assert str(found.figures["gained"]) in found.headline


@settings(max_examples=15)
@given(edits)
def test_the_weeks_add_up_to_the_counts(edit):
    comparison, page = change_of(edit)
    bars = section(page, "volume").picture
    assert sum(bars.values) == len(of_period(comparison.new))
    assert sum(bars.beside) == len(of_period(comparison.old))


@settings(max_examples=15)
@given(edits)
def test_each_gained_and_lost_lead_has_one_main_reason(edit):
    _, page = change_of(edit)
    found = section(page, "gained-lost")
    for table in found.tables:
        if table.title == "Why" and not table.notes:
            counted = [sum(int(row[column].replace(",", "")) for row in table.rows) for column in (1, 2)]
            assert counted == [found.figures["gained"], found.figures["lost"]]


def test_two_equal_rulebooks():
    page = ls.meeting.change_page(ls.compare(TABLES, OLD, OLD, **PERIOD)).page
    assert "0 gained, 0 lost" in page.main[0].headline
    assert section(page, "rules").headline == "The two rulebooks say the same."
    assert section(page, "protections").headline == "The new rulebook drops no protection."
    assert section(page, "volume").text == ("No week differs.",)
    assert page.decide == ()
    assert [point.section for point in page.main] == ["gained-lost", "volume"]


def test_dropped_protections_are_named():
    _, one = change_of({"qualify.minimum_fit": None})
    assert section(one, "protections").headline.startswith("The new rulebook drops the minimum fit of 15")
    _, two = change_of({"qualify.minimum_fit": None, "qualify.hand_raise": None})
    found = section(two, "protections")
    assert found.headline == "The new rulebook drops 2 protections."
    assert {row[0] for row in found.tables[0].rows} == {"LS202", "LS203"}
    assert "protections" in {point.section for point in two.main}
    assert found.headline in two.decide[0].facts


def test_lead_ids_are_named_only_when_asked():
    comparison, page = change_of({"qualify.threshold": 75})
    lost = comparison.lost[~comparison.lost["already"]].index
    assert len(lost) > 10
    assert not any(lead in text for lead in lost for text in (page.to_html(), page.to_markdown(), page.to_json()))
    named = ls.meeting.change_page(comparison, lead_ids=True)
    assert sum(lead in named.to_markdown() for lead in lost) == min(len(lost), 50)


def test_the_order_of_the_rows_does_not_matter():
    edit = {"qualify.threshold": 75}
    shuffled = (frame.sample(frac=1, random_state=1) for frame in (FUNNEL.leads, FUNNEL.events, FUNNEL.outcomes))
    tables = ls.load_tables(*shuffled, rulebook=OLD)
    comparison = ls.compare(tables, OLD, OLD.edited(edit), **PERIOD)
    page = ls.meeting.change_page(comparison, accepted_within_days=14, lead_ids=True)
    assert page.to_json() == change_of(edit, accepted_within_days=14, lead_ids=True)[1].to_json()


@settings(max_examples=5)
@given(names, names)
def test_hostile_names_are_harmless(one, other):
    page = ls.meeting.change_page(RESULTS["Comparison"](one, other), lead_ids=True).to_dict()
    found, twin = (parsed(html(version)).tags for version in (page, harmless(page)))
    assert [tag for tag in found if tag != "text"] == [tag for tag in twin if tag != "text"]


BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, fit: [{name: A, column: kind, points: {both: 9, lost: 5, gained: 2}}],"
    " behaviour: [{name: V, event: visit, points: 0}], qualify: {threshold: 5}}"
)
NEW = BOOK.edited({"fit.A.points.lost": 1, "fit.A.points.gained": 6})


def worlds(counts):
    """Leads that are gained, lost or qualify by both: so many of each that sales worked, so many accepted."""
    kinds = [kind for kind, (n, _) in counts.items() for _ in range(n)]
    leads = pd.DataFrame({"lead_id": [f"l{place}" for place in range(len(kinds))], "kind": kinds})
    leads["created_at"] = "2026-02-02"
    good = [place < reached for n, reached in counts.values() for place in range(n)]
    stages = pd.DataFrame({"lead_id": leads["lead_id"], "stage": np.where(good, "sal", "rejected"), "at": "2026-02-05"})
    tables = ls.load_tables(leads, None, stages, rulebook=[BOOK, NEW], observed_until="2026-06-30")
    return ls.compare(tables, BOOK, NEW, start="2026-02-02", end="2026-03-01")


def quality(counts):
    page = ls.meeting.change_page(worlds(counts), accepted_within_days=14).page
    return section(page, "quality"), page.to_dict()["comparisons"]


def fisher(first, second):
    """Fisher's exact test by listing all tables with these margins."""
    (n, a), (m, b) = first, second
    chances = {k: math.comb(n, k) * math.comb(m, a + b - k) for k in range(a + b + 1)}
    return sum(chance for chance in chances.values() if chance <= chances[a]) / sum(chances.values())


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(30, 60), st.floats(0, 1)), min_size=3, max_size=3))
def test_quality_is_counted_and_tested_as_by_hand(drawn):
    counts = {kind: (n, round(n * share)) for kind, (n, share) in zip(("gained", "lost", "both"), drawn, strict=True)}
    assume(0 < sum(reached for _, reached in counts.values()) < sum(n for n, _ in counts.values()))
    found, tests = quality(counts)
    assert {kind: (one["n"], one["accepted"]) for kind, one in found.figures.items()} == counts
    p = [fisher(counts[kind], counts["both"]) for kind in ("gained", "lost")]
    assert [tests[f"quality: {kind}"]["p"] for kind in ("gained", "lost")] == pytest.approx(p)
    assert (found.verdict == CLEAR) == (min(2 * min(p), 1) <= 0.05)


@pytest.mark.parametrize(
    ("counts", "verdict", "said"),
    [
        (
            {"gained": (60, 12), "lost": (60, 36), "both": (80, 48)},
            CLEAR,
            "20% of 60 gained, 60% of 60 lost and 60% of 80",
        ),
        ({"gained": (60, 33), "lost": (60, 36), "both": (80, 48)}, NOT_CLEAR, "55% of 60 gained"),
        ({"gained": (3, 1), "lost": (12, 8), "both": (80, 48)}, TOO_FEW, "1 of 3 gained, 8 of 12 lost and 60% of 80"),
    ],
)
def test_how_sure_quality_is(counts, verdict, said):
    found, tests = quality(counts)
    assert found.verdict == verdict
    assert said in found.headline
    assert any(test["clear"] for test in tests.values()) == (verdict == CLEAR)


def test_clear_is_rare_where_nothing_differs():
    rng = np.random.default_rng(5)
    kinds = ("gained", "lost", "both")
    verdicts = [quality({kind: (40, int(rng.binomial(40, 0.5))) for kind in kinds})[0].verdict for _ in range(40)]
    assert verdicts.count(CLEAR) <= 4


def test_what_cannot_be_said_of_quality_is_said():
    page = change_of({"qualify.threshold": 75})[1]
    assert any("needs outcomes" in line for line in page.limits)
    comparison = worlds({"gained": (5, 5), "lost": (5, 5), "both": (5, 5)})
    found = section(ls.meeting.change_page(comparison, accepted_within_days=14).page, "quality")
    assert "any share would be 100 %" in found.headline
    refused = section(
        ls.meeting.change_page(worlds({"gained": (5, 0), "both": (5, 0)}), accepted_within_days=14).page, "quality"
    )
    assert refused.headline == "No share accepted can be given: no lead is recorded as accepted by sales."
    young = section(
        ls.meeting.change_page(
            worlds({"gained": (5, 2), "lost": (5, 2), "both": (5, 2)}), accepted_within_days=300
        ).page,
        "quality",
    )
    assert "sales has worked none of them for 300 days yet" in young.headline
    assert (young.verdict, young.picture) == (TOO_FEW, None)
    tables = ls.load_tables(FUNNEL.leads, FUNNEL.events, rulebook=OLD)
    with pytest.raises(ls.ArgumentError, match="no outcomes"):
        ls.meeting.change_page(ls.compare(tables, OLD, OLD, **PERIOD), accepted_within_days=14)


@pytest.mark.parametrize("wrong", ["x", 0, True, 2.5])
def test_days_that_are_none_are_refused(wrong):
    with pytest.raises(ls.ArgumentError, match="accepted_within_days"):
        change_of({"qualify.threshold": 75}, accepted_within_days=wrong)
