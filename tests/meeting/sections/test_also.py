"""The smaller questions: each line against a count by hand, and what is planted in sales's choice is named."""

import json

import pandas as pd

import leadscore as ls
from leadscore.meeting.drafts import Asked, Silent
from leadscore.meeting.sections import also
from leadscore.sales.handover.handovers import BELOW, HAND_RAISE
from tests.support.drafted import company, facts_of, written

END = "2026-03-31"


def world(n_leads=12_000, **edits):
    return facts_of(*company(n_leads, 1, (), json.dumps(edits)))


def line(found, begins):
    (one,) = [text for text in found.section.text if text.startswith(begins)]
    return one


def test_where_sales_picks_by_nothing_it_is_not_said_to():
    found = written(also.draft, facts_of(*company(12_000, 2, (), "{}")))
    assert (found.section.verdict, found.main) == (None, ())
    assert found.section.headline == f"{len(found.section.text)} smaller questions, a line each."
    assert found.section.text[-1].startswith("Sales does not appear to pick beyond the score (")


def test_sales_that_leaves_a_source_alone_is_named():
    tables, rulebook = company(12_000, 1, (), "{}")
    made = ls.datasets.make_company(12_000, random_state=1)
    webinar = made.leads.loc[made.leads["source"] == "webinar", "lead_id"]
    left = made.outcomes["lead_id"].isin(webinar[::2]) & ~made.outcomes["stage"].isin(["lead", "mql"])
    tables = ls.load_tables(made.leads, made.events, made.outcomes[~left], rulebook=rulebook, columns=None)
    found = written(also.draft, facts_of(tables, rulebook))
    assert found.section.headline.startswith("Being worked within 7 days depends on source at an equal score")
    assert found.section.verdict == "Clear"
    assert [point.headline for _, point in found.main] == [found.section.headline]
    assert not written(also.draft, facts_of(tables, rulebook), 10**6).main


def test_who_is_likely_but_not_ready_is_counted_as_by_hand():
    tables, rulebook = company(12_000, 1, (), "{}")
    scores = ls.score(tables, rulebook, as_of=END).frame
    fit, behaviour = rulebook.grades.fit, rulebook.grades.behaviour
    came = set(tables.outcomes.loc[tables.outcomes["stage"] != "lead", "lead_id"])
    there = scores[(scores["fit"] >= fit["B"]) & (scores["behaviour"] < min(behaviour.values()))]
    created = ls.datasets.make_company(12_000, random_state=1).leads.set_index("lead_id")["created_at"]
    there = there[~there["qualified"] & there["blocked_by"].isna() & ~there.index.isin(came)]
    new = (created[there.index] >= "2026-01-07").sum()
    assert line(written(also.draft, world()), "Likely") == (
        f"Likely but not ready: {len(there):,} leads of fit A or B with less than "
        f"{min(behaviour.values()):g} points of behaviour, not at sales yet, {new:,} of them new in 12 weeks."
    )
    assert not any(one.startswith("Likely") for one in written(also.draft, world(grades=None)).section.text)


def test_a_required_field_that_nothing_uses_could_be_dropped():
    found = line(
        written(also.draft, world(**{"columns.consent": {"type": "boolean", "required": "capture"}})), "Fields"
    )
    assert found.startswith(
        "Fields that could be dropped: no rule, persona or promise uses consent (filled in for 100%)"
    )
    assert line(written(also.draft, world()), "Fields").endswith(" required; each is used.")


def test_scoring_against_requests_is_what_taking_the_best_of_each_week_gives():
    """Week by week with a sorted list, by the definition of `baselines`."""
    facts = world()
    rows = facts.handovers.frame
    rows = rows[(rows["day"] > facts.period.last - 84) & rows["accepted"].notna() & rows["total"].notna()]
    rows = rows.drop_duplicates("lead")
    weeks, places = (facts.period.last - rows["day"]) // 7, (rows["route"] != BELOW).sum() / 12
    more = 0.0
    for _, week in rows.groupby(weeks):
        hand = week[week["route"] == HAND_RAISE]["accepted"].astype(float)
        more -= hand.sum() * min(1, places / len(hand)) if len(hand) else 0
        left = places
        for _, tied in week.sort_values("total", ascending=False).groupby("total", sort=False):
            taken = min(left, len(tied))
            more += taken / len(tied) * tied["accepted"].astype(float).sum()
            left -= taken
    said = line(written(also.draft, facts), "Scoring")
    assert f" {more / 12:.1f} accepted leads a week more than hand-raises alone (95% interval: " in said
    assert said.endswith(f" of {len(rows):,} leads that sales decided on in 12 weeks.")
    assert "too few to say" in line(written(also.draft, facts, 10**6), "Scoring")


def test_a_trial_says_where_it_stands():
    trial = ls.threshold.plan_trial(baseline_rate=0.2, smallest_difference=0.1, per_week=20)
    found = also.draft(world(), Asked(trials={"Coordinators": trial}))
    assert found.write(lambda _: False).section.text[0] == f"Trial “Coordinators”: {trial.headline}"


def test_of_next_to_nothing_next_to_nothing_is_said():
    book = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
    rows = pd.DataFrame({"lead_id": ["a"], "stage": ["mql"], "at": ["2026-03-10"]})
    leads = pd.DataFrame({"lead_id": ["a"], "created_at": ["2026-01-01"]})
    tables = ls.load_tables(leads, None, rows, rulebook=book, observed_until=END)
    found = also.draft(facts_of(tables, book), Asked())
    assert isinstance(found, Silent)
    assert "`grades`" in found.why


def test_where_sales_refused_nobody_nothing_is_said_of_picking_or_requests():
    """Outcomes of successes alone: whom sales worked and let go is not there, so nothing can be compared."""
    tables, rulebook = company(12_000, 1, (), "{}")
    won = tables.outcomes[tables.outcomes["stage"].isin(["lead", "mql", "sal"])]
    made = ls.datasets.make_company(12_000, random_state=1)
    tables = ls.load_tables(
        made.leads, made.events, won, rulebook=rulebook, columns=["source"], observed_until="2026-03-31"
    )
    text = " ".join(written(also.draft, facts_of(tables, rulebook)).section.text)
    assert "Likely but not ready" in text
    assert "Scoring against" not in text
    assert "pick beyond" not in text


def test_of_few_mqls_no_choice_is_claimed():
    found = written(also.draft, world(n_leads=1_000), 100)
    assert found.section.verdict is None
    assert "too few" in found.section.text[-1]
