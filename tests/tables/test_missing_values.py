"""Texts that mean missing reach numbers, dates, times and booleans, of leads, events and outcomes alike."""

import pandas as pd
import pytest

import leadscore as ls
from tests.support.bad_input import AS_OF, book

LISTED = "missing_values: ['', 'N/A', '-']\n"
COLUMNS = (
    "columns: {country: {type: category}, employees: {type: number}, signed: {type: date}, consent: {type: boolean}}\n"
)
RULES = (
    "{name: n, column: employees, from: {0: 1}, missing: 10}, {name: s, when: {signed: {known: true}}, points: 100},"
    "{name: c, when: {consent: {known: false}}, points: 1000}, {name: t, when: {country: {known: true}}, points: 10000}"
)
BOOK = ls.Rulebook.from_yaml(book(fit=RULES, rest=COLUMNS + LISTED))


def fit_of(**cells):
    lead = {"lead_id": ["a"], "created_at": ["2026-01-01"], "employees": ["5"], "signed": ["2026-01-01"]}
    leads = pd.DataFrame(
        lead | {"consent": ["true"], "country": ["US"]} | {name: [cell] for name, cell in cells.items()}
    )
    return ls.score(ls.load_tables(leads, rulebook=BOOK), BOOK, as_of=AS_OF).frame["fit"].to_list()


@pytest.mark.parametrize("word", [r"\N", "NULL", "null", " Null ", "N/A", "n/a", "-", "", "\u200bN/A"])
def test_a_word_for_missing_is_missing_in_every_kind_of_column(word):
    assert fit_of(employees=word, signed=word, consent=word, created_at=word) == [11010]


@pytest.mark.parametrize(("word", "known"), [("null", True), (r"\N", True), ("N/A", False)])
def test_text_may_be_called_what_databases_write_for_missing(word, known):
    assert fit_of(country=word) == [101 + 10000 * known]


@pytest.mark.parametrize("column", ["employees", "signed", "consent", "created_at"])
def test_a_word_that_is_not_listed_is_refused(column):
    with pytest.raises(ls.ContractError, match=rf"leads\.{column}: 1 row"):
        fit_of(**{column: "none"})


def test_a_word_for_missing_in_events_and_outcomes():
    behaviour = "{name: big, event: order, where: {amount: {at_least: 5}}, points: 1, count: each}"
    rulebook = ls.Rulebook.from_yaml(book(behaviour=behaviour, rest=LISTED))
    events = pd.DataFrame({"lead_id": "a", "event": "order", "at": "2026-03-01", "amount": ["7", "N/A", "NULL", ""]})
    leads = pd.DataFrame({"lead_id": ["a"]})
    tables = ls.load_tables(leads, events, rulebook=rulebook)
    assert ls.score(tables, rulebook, as_of=AS_OF).frame["behaviour"].to_list() == [1]
    # What is missing is one, whatever it is called.
    assert sorted(ls.daily_activity(events, rulebook=rulebook).table["count"].to_pylist()) == [1, 3]
    outcomes = pd.DataFrame({"lead_id": ["a", "a"], "stage": ["mql", "sal"], "at": ["2026-03-01", "N/A"]})
    with pytest.raises(ls.ContractError, match=r"outcomes\.at: 1 row: no time"):
        ls.load_tables(leads, None, outcomes, rulebook=rulebook)
    tables = ls.load_tables(
        leads, events.assign(at=[*events["at"][:3], "N/A"]), outcomes, rulebook=rulebook, strict=False
    )
    assert tables.rejected[["table", "row", "problem"]].to_numpy().tolist() == [
        ["events", 3, "no time"],
        ["outcomes", 1, "no time"],
    ]


def test_a_word_that_one_of_two_rulebooks_lists_is_refused_by_the_other():
    other = ls.Rulebook.from_yaml(book(fit="{name: n, column: employees, from: {0: 1}}"))
    leads = pd.DataFrame(
        {"lead_id": ["a"], "created_at": ["N/A"], "employees": "1", "signed": "", "consent": "", "country": ""}
    )
    for books in ([BOOK, other], [other, BOOK]):
        with pytest.raises(ls.ContractError, match=r"leads\.created_at: 1 row"):
            ls.load_tables(leads, rulebook=books)


@pytest.mark.parametrize(
    "seen", ["US", "\u200bUS", "U\u200dS", "\ufeffUS\u200e", "U\u00adS", "US\u00a0", "\u2066US\u2069"]
)
def test_characters_that_are_not_seen_make_no_other_value(seen):
    points = "{name: t, when: {country: [US]}, points: 1}"
    wanted = [ls.Rulebook.from_yaml(book(fit=points.replace("US", f'"{text}"'))) for text in ("US", seen)]
    for rulebook in wanted:
        leads = pd.DataFrame({"lead_id": ["a", "b"], "country": [seen, "UK"]})
        assert ls.score(ls.load_tables(leads, rulebook=rulebook), rulebook, as_of=AS_OF).frame["fit"].to_list() == [
            1,
            0,
        ]
        assert ls.score_one({"country": seen}, [], rulebook, as_of=AS_OF)["fit"] == 1
