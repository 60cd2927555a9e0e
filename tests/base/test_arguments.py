"""One way to check each kind of argument: what is taken, what is refused, and that a call says all of it at once."""

import datetime as dt
import io
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_a_flag_is_true_or_false(value):
    with Arguments("f") as given:
        found = given.flag("strict", value)
    assert found is bool(value)


@pytest.mark.parametrize("value", [1, 0, "yes", "False", None, np.nan, [], np.array([True])])
def test_nothing_else_is_a_flag(value):
    assert refused(lambda given: given.flag("strict", value)) == [("strict", f"must be True or False; got {value!r}")]


@pytest.mark.parametrize("value", ["leads.csv", "", Path("a/b.csv"), PurePosixPath("x"), "a b\n.csv"])
def test_a_path_is_text_or_a_path(value):
    with Arguments("f") as given:
        assert given.path("out", value) == Path(value)


@pytest.mark.parametrize("value", [1, True, None, b"leads.csv", ["leads.csv"], io.StringIO(), "a\0b", Path("a\0b")])
def test_no_path_is_an_open_file_bytes_or_a_name_with_nul(value):
    [(where, message)] = refused(lambda given: given.path("out", value))
    assert (where, message[:45]) == ("out", "must be the path of a file, as 'leads.csv'; g")


def test_text_is_text():
    with Arguments("f") as given:
        assert given.text("name", "") == ""
        assert given.text("name", np.str_("x")) == "x"
    for value in (None, 5, b"x", ["x"]):
        assert refused(lambda given, value=value: given.text("name", value)) == [
            ("name", f"must be text; got {value!r}")
        ]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, ()),
        ("source", ("source",)),
        (["a", "b"], ("a", "b")),
        (("b", "a"), ("b", "a")),
        (np.array(["a", "b"]), ("a", "b")),
        (pd.Index(["a"]), ("a",)),
        (pl.Series(["a", "b"]), ("a", "b")),
        ([], ()),
    ],
)
def test_names_are_one_or_a_list(value, names):
    with Arguments("f") as given:
        assert given.names("by", value) == names


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "must be a name or a list of names; got an int"),
        ({"a": 1}, "must be a name or a list of names; got a dict"),
        ({"a", "b"}, "must be a name or a list of names; got a set"),
        (pd.Series(["a"]), "must be a name or a list of names; got Series"),
        (np.array([["a"]]), "must be a name or a list of names; got a ndarray"),
        (b"ab", "must be a name or a list of names; got bytes"),
        (["a", 5], "must be a name or a list of names; got ['a', 5]"),
        ([["a"]], "must be a name or a list of names; got [['a']]"),
        (["a", "b", "a"], "has a name twice: 'a', 'b', 'a'"),
    ],
)
def test_what_is_no_list_of_names_is_refused(value, message):
    assert refused(lambda given: given.names("by", value)) == [("by", message)]


def test_repeated_names_may_be_dropped():
    with Arguments("f") as given:
        assert given.names("columns", ["b", "a", "b"], repeats=True) == ("b", "a")


# The same numbers in every holder; a missing one is NaN.
NUMBERS = [
    [1, None, 0],
    (1.0, np.nan, False),
    np.array([1, np.nan, 0], np.float32),
    np.array([True, None, Decimal(0)], object),
    pd.Series([1, None, 0], dtype="Int64"),
    pd.array([True, None, False], dtype="boolean"),
    pd.Series([1, None, 0], dtype=pd.ArrowDtype(pa.int8())),
    pd.Series([1, pd.NA, Fraction(0)], dtype=object),
    pl.Series([1, None, 0]),
    pa.array([1, None, 0]),
]


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: type(value).__name__)
def test_numbers_are_the_same_in_every_holder(value):
    with Arguments("f") as given:
        (found,) = given.numbers(x=value)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [1, np.nan, 0])


NO_NUMBERS = ["5", ["5"], ["a", 1], None, [[1], [1, 2]], {"a": 1}, [1j], [10**400], [dt.date(2026, 1, 1)], [b"1"], [{}]]


@pytest.mark.parametrize("value", [*NO_NUMBERS, pd.Series(["2026-01-01"], dtype="datetime64[us]"), pd.NA])
def test_what_is_no_number_is_refused_beside_all_else(value):
    def checks(given):
        given.numbers(x=value, y=[1, "b"])
        given.probability("confidence", 95)

    problems = refused(checks)
    assert [where for where, _ in problems] == ["x", "y", "confidence"]
    assert problems[0][1].startswith("must be a list of numbers, or one; got ")


def test_numbers_go_with_each_other():
    with Arguments("f") as given:
        one, each = given.numbers(one=5, each=[[1, 2], [3, 4]])
    assert (one.shape, each.shape) == ((), (2, 2))
    assert refused(lambda given: given.numbers(count=[1, 2], n=[1, 2, 3])) == [
        ("count", "must go with the others, one number for each; the shapes are count (2,), n (3,)")
    ]


def test_a_share_is_of_as_many_or_more():
    with Arguments("f") as given:
        count, n = given.share(count=[0, 3.0000000001, np.nan, 1], n=[0, 3, 5, np.inf])
    assert (count.shape, n.shape) == ((4,), (4,))
    for few, many in ((-1, 5), (6, 5), ([1, 2], [2, 1]), (1, 0), (np.inf, 5)):
        assert refused(lambda given, few=few, many=many: given.share(hits=few, n=many)) == [
            ("hits", "must be 0 or more and no more than n")
        ]
    # What cannot be compared is said once.
    assert [where for where, _ in refused(lambda given: given.share(hits="x", n=5))] == ["hits"]


def test_an_error_of_a_reader_inside_is_one_of_all():
    def checks(given):
        given.whole("k", 0, least=1)
        raise ArgumentError("by", "there is no such column")

    assert refused(checks) == [
        ("k", "must be a whole number, 1 or more; got 0"),
        ("by", "there is no such column"),
    ]


@given(
    st.dictionaries(st.sampled_from(["flag", "path", "text", "names", "numbers", "day", "number"]), st.booleans()),
)
def test_every_wrong_argument_is_named_and_no_right_one(wrong):
    values = {
        "flag": (True, 1),
        "path": ("x", 1),
        "text": ("x", 1),
        "names": (["x"], 1),
        "day": ("2026-02-28", "2026-02-29"),
        "number": (1, "1"),
    }

    def checks(given):
        for kind, bad in wrong.items():
            if kind == "numbers":
                given.numbers(numbers=["x"] if bad else [1])
            else:
                getattr(given, kind)(kind, values[kind][bad])

    faults = [kind for kind, bad in wrong.items() if bad]
    if faults:
        assert [where for where, _ in refused(checks)] == faults
    else:
        with Arguments("f") as given:
            checks(given)
