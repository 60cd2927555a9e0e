"""The agreement of both teams and their personas: read, refused with its place, edited, compared; and never scored."""

import json
import re
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.rulebook import agreement
from leadscore.rulebook.diff import diff
from leadscore.rulebook.model import Persona, Update
from leadscore.rulebook.working_hours import DAYS, WorkingHours
from tests.rulebook.test_format_page import BOOKS, parsed, whole
from tests.rulebook.test_mutated_rulebooks import mutate
from tests.support.bad_input import assert_located, scored
from tests.support.one_lead import frames_of
from tests.support.strategies import cases

BARE = """\
leadscore: 1
name: demo
behaviour: [{name: Visit, event: visit, points: 1, at_most: 5}]
qualify: {threshold: 1}
"""
PROMISES = """\
agreement:
  respond_within_minutes: 60       # as ever
  marketing:
    {mqls_per_week: 110, accepted: 60%, complete_at_handover: {employees: 95%}, mix: {Data: 10%, Junior: 0.15}}
  sales:
    respond: {share: 80%}
    decide: {within_days: 14, share: 95%}
    reason_with_refusal: 100%
    hours: Mon-Fri 08:00-18:00
  shared: {weighted_pipeline: 1_800_000, needing_activity_at_most: 50%, usual_activity: 6}
columns:
  job_title: {type: text}
  employees: {type: number, update: {from: sal, within_days: 14}}
personas:
  - {name: Data, when: {job_title: {has_word: data}}}
  - {name: Junior, when: {job_title: {has_word: [coordinator, intern]}}}
"""
TEXT = BARE + PROMISES


def test_what_was_promised_is_read():
    agreement = ls.Rulebook.from_yaml(TEXT).agreement
    marketing, sales, shared = agreement.marketing, agreement.sales, agreement.shared
    assert (marketing.mqls_per_week, marketing.accepted, marketing.complete_at_handover) == (
        110,
        0.6,
        {"employees": 0.95},
    )
    assert marketing.mix == {"Data": 0.1, "Junior": 0.15}
    assert (sales.respond.share, agreement.responds_within, sales.decide.within_days) == (0.8, 60, 14)
    assert (sales.reason_with_refusal, sales.hours) == (1, WorkingHours(0, 4, 8 * 60, 18 * 60))
    assert (shared.weighted_pipeline, shared.needing_activity_at_most, shared.usual_activity) == (1_800_000, 0.5, 6)


def test_without_promises_there_is_nothing_promised():
    agreement = ls.Rulebook.from_yaml(BARE + "agreement: {agreed_by: [Sales]}\n").agreement
    assert (agreement.responds_within, agreement.marketing.mix, agreement.sales.hours) == (None, {}, None)


def test_sales_may_promise_a_time_of_its_own():
    own = ls.Rulebook.from_yaml(TEXT).edited({"agreement.sales.respond.within_minutes": 30})
    assert own.agreement.responds_within == 30
    (finding,) = [one for one in own.check() if one.code == "LS103"]
    assert finding.message.startswith(
        "sales promises to respond within 30 minutes, and 'respond_within_minutes' says 60"
    )
    assert "LS103" not in {one.code for one in own.edited({"agreement.respond_within_minutes": None}).check()}


@pytest.mark.parametrize(
    ("old", "new", "caret", "said"),
    [
        ("Data: 10%", "Date: 10%", "Date", "there is no persona 'Date'; did you mean 'Data'?"),
        ("{employees: 95%}", "{employes: 95%}", "employes", "declare no 'employes'; did you mean 'employees'?"),
        ("Data: 10%", "Data: 90%", "mix", "the shares are 105% together, more than 100%"),
        ("accepted: 60%", "accepted: 60", "60", "must be a share such as 60% or 0.6; got 60"),
        ("accepted: 60%", "accepted: 160%", "160%", "must be a share such as 60% or 0.6; got '160%'"),
        ("accepted: 60%", "acepted: 60%", "acepted", "unknown key 'acepted'; did you mean 'accepted'?"),
        ("Mon-Fri", "Mo-Fri", "Mo-Fri 08:00-18:00", "unknown day 'Mo'; did you mean 'Mon'?"),
        ("08:00-18:00", "18:00-08:00", "Mon-Fri 18:00-08:00", "must close after they open"),
        ("08:00-18:00", "all day", "Mon-Fri all day", "must be working hours such as 'Mon-Fri 08:00-18:00'"),
        ("respond_within_minutes: 60 ", "review_every_days: 60", "respond", "'within_minutes' is missing"),
        ("from: sal", "from: sale", "sale", "'sql', 'opportunity' or 'won'; got 'sale'"),
        ("name: Junior", "name: Data", "Data", "the name 'Data' is taken by personas[0]"),
        ("name: Junior", "name: not mapped", "not mapped", "are those of no persona"),
        ("{job_title: {has_word: data}}", "{job_titel: {has_word: data}}", "job_titel", "did you mean 'job_title'?"),
        ("{job_title: {has_word: data}}", "{employees: {has_word: data}}", "{has_word: data}", "cannot test a number"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(old, new, caret, said):
    assert TEXT.count(old) == 1
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.from_yaml(TEXT.replace(old, new))
    (problem,) = [one for one in caught.value.problems if "Junior" not in one.message]
    assert said in problem.message
    shown, carets = problem.excerpt.splitlines()
    start = carets.index("^")
    assert shown[start : start + carets.count("^")].startswith(caret)


def test_all_of_it_is_said_at_once():
    text = (
        TEXT.replace("60%", "60")
        .replace("Data: 10%", "Date: 10%")
        .replace("Mon-Fri", "Mo-Fri")
        .replace("sal,", "sale,")
    )
    with pytest.raises(ls.RulebookError, match="4 problems in rulebook"):
        ls.Rulebook.from_yaml(text)


def test_a_persona_may_stand_for_those_of_none_in_the_mix():
    assert (
        ls.Rulebook.from_yaml(TEXT.replace("Junior: 0.15", "not mapped: 5%")).agreement.marketing.mix["not mapped"]
        == 0.05
    )


def test_a_persona_that_an_earlier_one_hides_is_said():
    hidden = ls.Rulebook.from_yaml(TEXT).edited({"personas.Junior.when": {"job_title": {"has_word": "data"}}})
    (finding,) = [one for one in hidden.check() if one.code == "LS126"]
    assert (finding.path, finding.line) == ("personas[1]", hidden.to_yaml().splitlines().index("personas:") + 3)
    assert finding.message == "'Junior' is never reached: every lead in it is already in 'Data'"
    assert "LS126" not in {one.code for one in ls.Rulebook.from_yaml(TEXT).check()}


@given(st.sampled_from(DAYS), st.sampled_from(DAYS), st.integers(0, 1439), st.integers(1, 1440))
def test_hours_are_read_as_they_are_written(first, last, opens, more):
    hours = WorkingHours(DAYS.index(first), DAYS.index(last), opens, min(opens + more, 1440))
    assert WorkingHours.read(str(hours)) == hours
    assert hours.days[hours.first]
    assert hours.days[hours.last]
    assert sum(hours.days) == (hours.last - hours.first) % 7 + 1


@given(st.integers(0, 1000))
def test_a_share_is_the_same_in_both_ways_of_writing_it(thousandths):
    percent = f"{thousandths / 10}%"
    by_percent, by_number = (
        ls.Rulebook.from_yaml(TEXT.replace("accepted: 60%", f"accepted: {text}"))
        for text in (percent, thousandths / 1000)
    )
    assert by_percent.agreement == by_number.agreement
    assert diff(by_percent, by_number) == []


# Case: (what is edited, what is said).
CHANGES = {
    "share": ({"agreement.marketing.accepted": "65%"}, "marketing promises: accepted 60% -> 65%"),
    "mix": ({"agreement.marketing.mix": {"Data": "12.5%"}},
            "marketing promises: mix Data 10% -> 12.5%, mix Junior 15% -> none"),
    "complete": ({"agreement.marketing.complete_at_handover.job_title": "90%"},
                 "marketing promises: complete at handover job_title none -> 90%"),
    "respond": ({"agreement.sales.respond": {"within_minutes": 30, "share": "90%"}},
                "sales promises: respond 80% within the agreed time -> 90% within 30 minutes"),
    "decide": ({"agreement.sales.decide": None}, "sales promises: decide 95% within 14 days -> none"),
    "hours": ({"agreement.sales.hours": "Mon-Thu 09:00-17:00"},
              "sales promises: hours Mon-Fri 08:00-18:00 -> Mon-Thu 09:00-17:00"),
    "shared": ({"agreement.shared.weighted_pipeline": 2_000_000},
               "shared goals: weighted pipeline 1800000 -> 2000000"),
    "update": ({"columns.employees.update": None}, "employees: update within 14 days of sal -> none"),
    "persona": ({"personas.Junior.when.job_title.has_word": ["intern"]},
                "Junior: when job_title has word -'coordinator'"),
    "new": ({"personas.Boss": {"when": {"job_title": {"has_word": "chief"}}}},
            "Boss: added: when job_title has word 'chief'"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES)
def test_an_edit_is_said_and_keeps_comments(case):
    edits, said = case
    old = ls.Rulebook.from_yaml(TEXT)
    new = old.edited(edits)
    assert [f"{one.name}: {one.text}" for one in diff(old, new)] == [said]
    assert new.to_yaml().count("# as ever") == 1


def test_the_order_of_personas_is_one():
    old = ls.Rulebook.from_yaml(TEXT)
    turned = old.edited({"personas": [*reversed(old.to_dict()["personas"])]})
    assert [str(one) for one in diff(old, turned)] == ["Data: moved to the end"]


def test_the_schema_takes_what_is_read_and_refuses_what_is_not():
    schema = ls.Rulebook.model_json_schema()
    document = ls.Rulebook.from_yaml(TEXT).to_dict()
    jsonschema.validate(json.loads(json.dumps(document)), schema)
    for bad in (60, "60", "200 %%"):
        document["agreement"]["marketing"]["accepted"] = bad
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(json.dumps(document)), schema)


SCHEMA = ls.Rulebook.model_json_schema()


@st.composite
def damaged(draw):
    """A document with promises and personas in which hands went wrong, once or twice."""
    document = ls.Rulebook.from_yaml(TEXT).to_dict()
    for _ in range(draw(st.integers(1, 2))):
        mutate(draw, document)
    return document


@given(damaged())
def test_whatever_stands_there_is_read_or_refused_in_words(document):
    try:
        rulebook = ls.Rulebook.from_dict(document)
    except ls.RulebookError as error:
        # What YAML cannot hold has a path, and no line in the text.
        assert_located(error, r"line \d+(, \S.*)?|[a-z_]+\S.*")
    else:
        assert diff(rulebook, ls.Rulebook.from_yaml(TEXT)) is not None
        jsonschema.validate(json.loads(json.dumps(rulebook.to_dict())), SCHEMA)


# ------------------------------------------------------------------------------------------------------ with the leads

LEADS = pd.DataFrame({"lead_id": ["a"], "job_title": ["Data analyst"], "employees": ["50"], "city": ["Ulm"]})


def test_the_columns_of_personas_and_promises_are_read():
    tables = ls.load_tables(LEADS, rulebook=ls.Rulebook.from_yaml(TEXT))
    assert {*tables.leads.column_names} == {"lead_id", "job_title", "employees"}


@pytest.mark.parametrize("gone", ["job_title", "employees"])
def test_a_column_that_only_they_use_is_missed_by_name(gone):
    with pytest.raises(ls.ContractError, match=f"'{gone}', which rulebook 'demo' uses"):
        ls.load_tables(LEADS.drop(columns=gone), rulebook=ls.Rulebook.from_yaml(TEXT))


def test_rules_decide_how_a_column_is_read_before_personas_do():
    text = BARE + "fit: [{name: a, when: {code: 5}, points: 1}]\npersonas: [{name: P, when: {code: '5'}}]\n"
    with pytest.raises(ls.RulebookError, match=r"a number column cannot be tested for '5'.*\(other tests on 'code'"):
        ls.Rulebook.from_yaml(text)


@given(cases())
def test_nothing_of_it_scores(case):
    """The same leads score the same, whatever personas and promises the rulebook has."""
    plain, leads, events = frames_of(case)
    personas = [{"name": "Chess", "when": {"hobby": "chess"}}]
    promises = {"marketing": {"accepted": "60%", "mix": {"Chess": 0.5}}}
    agreed = plain.edited({"personas": personas, "agreement": promises})
    leads = leads.assign(hobby="chess")
    pd.testing.assert_frame_equal(
        *(scored(book, leads, events, as_of=case.as_of, strict=False).frame for book in (plain, agreed))
    )


# ------------------------------------------------------------------------------------------------------------ the page

PAGE = (Path(ls.__file__).parent / "rulebook" / "format.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", [whole(text) for text in BOOKS if {"agreement", "personas", "columns"} & set(parsed(text))]
)
def test_the_examples_of_the_page_are_read(text):
    assert ls.Rulebook.from_yaml(text).to_yaml() == text


def test_all_that_may_be_promised_is_on_the_page():
    forms = [agreement.Agreement, agreement.Marketing, agreement.Sales, agreement.Respond, agreement.Decide]
    names = {name for form in [*forms, agreement.Shared, Update, Persona] for name in form.model_fields}
    assert {name for name in names if not re.search(rf"\b{name.rstrip('_')}\b", PAGE)} == set()
