"""One way to check each kind of argument: what is taken, what is refused, and that a call says all of it at once."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from leadscore.base.arguments import Arguments
from leadscore.errors import ArgumentError


def refused(check):
    with pytest.raises(ArgumentError) as error, Arguments("f") as given:
        check(given)
    return [(problem.where, problem.message) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("1970-01-02", "1970-01-03", (1, 2)),
        (dt.date(1970, 1, 1), pd.Timestamp("1970-01-01"), (0, 0)),
        (np.datetime64("1970-01-01").item(), pd.Timestamp("1970-02-01", tz="UTC"), (0, 31)),
    ],
)
def test_a_period_is_two_days_since_1970(start, end, days):
    with Arguments("f") as given:
        found = given.period(start, end)
    assert found == days


def test_a_period_names_each_fault():
    assert refused(lambda given: given.period("2026-04-01", "2026-03-01")) == [
        ("end", "must not come before `start`, 2026-04-01; got 2026-03-01")
    ]
    assert [where for where, _ in refused(lambda given: given.period("soon", None))] == ["start", "end"]
    # One day that is none says nothing of their order.
    assert [where for where, _ in refused(lambda given: given.period("2026-04-01", "later"))] == ["end"]


@pytest.mark.parametrize("value", [True, 0, 2.0, "3", None, np.nan, np.True_])
def test_a_whole_number_is_no_bool_no_float_and_not_too_small(value):
    assert refused(lambda given: given.whole("k", value, least=1)) == [
        ("k", f"must be a whole number, 1 or more; got {value!r}")
    ]


def test_whole_numbers_of_numpy_are_taken():
    with Arguments("f") as given:
        found = given.whole("k", np.int32(3), least=1, most=3)
    assert found == 3
    assert type(found) is int
    assert refused(lambda given: given.whole("k", 4, least=1, most=3)) == [
        ("k", "must be a whole number, from 1 to 3; got 4")
    ]


@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1, True, np.nan, "0.5", None])
def test_a_probability_lies_between(value):
    assert refused(lambda given: given.probability("budget", value)) == [
        ("budget", f"must lie between 0 and 1; got {value!r}")
    ]


@pytest.mark.parametrize(
    ("bounds", "good", "bad", "message"),
    [
        ({"above": 0, "most": 1}, 1, 0, "must be a number, more than 0 and at most 1; got 0"),
        ({"least": 0}, np.float32(0), -1, "must be a number, 0 or more; got -1"),
        ({}, -7.5, np.inf, "must be a number; got inf"),
    ],
)
def test_a_number_keeps_its_bounds(bounds, good, bad, message):
    with Arguments("f") as given:
        found = given.number("x", good, **bounds)
    assert found == good
    assert refused(lambda given: given.number("x", bad, **bounds)) == [("x", message)]
    assert len(refused(lambda given: given.number("x", True, **bounds))) == 1


def test_random_states_are_whole_numbers_or_generators():
    own = np.random.default_rng(1)
    with Arguments("f") as given:
        assert given.random("random_state", own) is own
        assert given.random("random_state", 5).random() == np.random.default_rng(5).random()
    for value in (None, True, -1, 1.5, "7"):
        assert len(refused(lambda given, value=value: given.random("random_state", value))) == 1


def test_one_of_some_words():
    assert refused(lambda given: given.one_of("every", "year", ("week", "month"))) == [
        ("every", "must be one of 'week', 'month'; got 'year'")
    ]
    assert refused(lambda given: given.one_of("every", "weak", ("week", "month"))) == [
        ("every", "must be one of 'week', 'month'; got 'weak'; did you mean 'week'?")
    ]
    assert len(refused(lambda given: given.one_of("every", ["week"], ("week", "month")))) == 1


class Tables: ...


class Rulebook: ...


def test_the_wrong_order_is_told():
    def types(given, tables, rulebook):
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))

    with Arguments("score") as given:
        types(given, Tables(), Rulebook())
    order = "the order is f(tables, rulebook, ...)"
    assert refused(lambda given: types(given, Rulebook(), Tables())) == [
        ("tables", f"must be Tables; got a Rulebook; {order}"),
        ("rulebook", f"must be a Rulebook; got Tables; {order}"),
    ]
    assert refused(lambda given: types(given, Tables(), None)) == [("rulebook", "must be a Rulebook; got a NoneType")]


def test_all_problems_of_a_call_come_in_one_error():
    def checks(given):
        given.day("as_of", "2026-02-30")
        given.whole("k", 0, least=1)
        given.wrong("by", "there is no such column")

    assert [where for where, _ in refused(checks)] == ["as_of", "k", "by"]


def test_an_error_inside_is_not_hidden():
    def checks(given):
        given.whole("k", 0, least=1)
        return {}["missing"]

    with pytest.raises(KeyError), Arguments("f") as given:
        checks(given)
