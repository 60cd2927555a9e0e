"""The sections on handovers, acceptance and response: what was planted is named, figures are those of the library."""

import pandas as pd
import pytest

import leadscore as ls
from leadscore.datasets.company import make_company
from leadscore.meeting.drafts import Asked, Draft, Silent, corrected
from leadscore.meeting.sections import accepted, handed_over, response
from leadscore.present.page import CLEAR, COUNTED, NOT_CLEAR, TOO_FEW
from leadscore.sales.facts import Facts

PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}


def tables_of(made, **more):
    columns = ["source"] if "source" in made.leads else None
    return ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook, columns=columns, **more)


def written(tables, rulebook, module, few=30):
    """A section, corrected over its own comparisons."""
    draft = module.draft(Facts.of("review", tables, rulebook, **PERIOD), Asked(few))
    assert isinstance(draft, Draft)
    tests = corrected(draft.comparisons)
    return draft.write(lambda name: tests[name]["clear"])


@pytest.fixture(scope="module")
def company():
    return make_company(12_000, random_state=1)


def test_the_figures_are_those_of_the_library(company):
    tables, book = tables_of(company), company.rulebook
    came = ls.sales.routes(tables, book, **PERIOD)
    section = written(tables, book, handed_over).section
    assert section.verdict == COUNTED
    assert section.figures["mqls"] == came.frame["mqls"].to_dict()
    assert sum(section.picture.values[-section.picture.highlighted :]) == came.mqls["(all)"]
    said = ls.acceptance(tables, **PERIOD)
    section = written(tables, book, accepted).section
    assert section.figures["mqls"] == came.mqls["(all)"] == said.frame.loc["(all)", "mqls"]
    assert section.figures["accepted"] == said.frame.loc["(all)", "accepted"]
    assert sum(int(row[1]) for row in section.tables[0].rows) == said.frame.loc["(all)", "refused"]
    by_source = ls.acceptance(tables, by="source", **PERIOD)
    assert len(section.tables[1].rows) == len(by_source.frame)
    waited = ls.response_times(tables, book, **PERIOD)
    section = written(tables, book, response).section
    assert section.figures["due"] == waited.on_time.loc["(all)", "due"]
    assert section.figures["now"] == waited.frame.iloc[-1].to_dict()


def test_where_nothing_happened_nothing_is_clear(company):
    tables, book = tables_of(company), company.rulebook
    for module in (handed_over, accepted, response):
        found = written(tables, book, module)
        assert found.section.verdict in {COUNTED, NOT_CLEAR}
        assert not [point for _, point in found.main if point.verdict == CLEAR]
    assert "no clear change from" in written(tables, book, accepted).section.headline


def test_a_late_owner_is_named():
    made = make_company(12_000, random_state=2, planted=["late team"])
    found = written(tables_of(made), made.rulebook, response)
    assert found.main[0][1].headline.startswith("MQLs of Dev waited longer than others: ")
    assert found.main[0][1].verdict == CLEAR
    assert found.decide[0].question == "Does the promise of 60 minutes stand?"
    assert "Clock time, nights and weekends included." in found.section.text


def test_acceptance_that_fell_is_named(company):
    outcomes = company.outcomes.copy()
    late = outcomes["stage"].eq("sal") & (outcomes["at"] >= "2026-03-02")
    refused = late & (outcomes.groupby(late).cumcount() % 2 == 0)
    gone = outcomes["lead_id"].isin(outcomes.loc[refused, "lead_id"]) & outcomes["stage"].isin(
        ["sql", "opportunity", "won", "lost"]
    )
    outcomes.loc[refused, ["stage", "reason"]] = ["rejected", "<b>no fit</b>"]
    tables = ls.load_tables(
        company.leads, company.events, outcomes[~gone], rulebook=company.rulebook, columns=["source"]
    )
    found = written(tables, company.rulebook, accepted)
    assert found.section.verdict == CLEAR
    assert "; down from " in found.section.headline
    assert found.main[0][0] == 0
    assert found.decide[0].question == "Why does sales accept fewer of the MQLs?"
    assert "The commonest reason for refusal is “<b>no fit</b>”" in found.section.text[1]


def test_a_source_apart_is_named(company):
    outcomes = company.outcomes.copy()
    webinar = company.leads.loc[company.leads["source"] == "webinar", "lead_id"]
    bad = outcomes["lead_id"].isin(webinar) & outcomes["stage"].isin(["sal", "rejected"])
    outcomes.loc[bad, "stage"] = "rejected"
    gone = outcomes["lead_id"].isin(webinar) & outcomes["stage"].isin(["sql", "opportunity", "won", "lost"])
    tables = ls.load_tables(
        company.leads, company.events, outcomes[~gone], rulebook=company.rulebook, columns=["source"]
    )
    found = written(tables, company.rulebook, accepted)
    assert "Leads of the source webinar were accepted less often than others: 0 of " in found.main[1][1].headline


def test_with_few_nothing_is_claimed():
    made = make_company(700, random_state=3, planted=["late team"])
    tables = tables_of(made)
    for module in (accepted, response):
        found = written(tables, made.rulebook, module)
        assert found.section.verdict == TOO_FEW
        assert "%" not in found.section.headline
        assert "too few to say more" in found.section.headline


def test_without_refusals_or_contacts_the_section_is_one_line(company):
    stages = company.outcomes["stage"]
    for module, gone in ((accepted, ["rejected", "recycled", "lost"]), (response, ["contacted"])):
        outcomes = company.outcomes[~stages.isin(gone)]
        tables = ls.load_tables(company.leads, company.events, outcomes, rulebook=company.rulebook)
        facts = Facts.of("review", tables, company.rulebook, **PERIOD)
        assert isinstance(module.draft(facts, Asked()), Silent)
    dated = company.outcomes.assign(at=company.outcomes["at"].dt.strftime("%Y-%m-%d"))
    tables = ls.load_tables(company.leads, company.events, dated, rulebook=company.rulebook, strict=False)
    silent = response.draft(Facts.of("review", tables, company.rulebook, **PERIOD), Asked())
    assert isinstance(silent, Silent)
    assert "has a time of day" in silent.why


def test_a_period_without_mqls_is_said():
    rows = [
        ("a", "mql", "2026-01-02T10:00"),
        ("a", "contacted", "2026-01-02T11:00"),
        ("a", "rejected", "2026-01-03T11:00"),
    ]
    book = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
    outcomes = pd.DataFrame(rows, columns=["lead_id", "stage", "at"])
    tables = ls.load_tables(
        pd.DataFrame({"lead_id": ["a"]}), None, outcomes, rulebook=book, observed_until="2026-03-31"
    )
    assert written(tables, book, handed_over).section.headline == (
        "No MQL was handed over, against 0 in the four weeks before."
    )
    assert written(tables, book, accepted).section.headline == "Sales has not decided on any MQL of the period yet."
    assert written(tables, book, response).section.headline == "No MQL of the period has been waiting for a contact."
