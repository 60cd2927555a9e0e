"""Conditions: words and text in their normal form, missing values, numbers at their edges."""

import math

import pytest

import leadscore as ls
from tests.support.one_lead import AS_OF, days_ago, document, event, total


@pytest.mark.parametrize(
    ("test", "pattern", "value", "holds"),
    [
        ("has_word", "cto", "Director of Sales", False),
        ("contains", "cto", "Director of Sales", True),
        ("has_word", "cto", "Co-founder & CTO", True),
        ("has_word", "cto", "CTO", True),
        ("has_word", "cto", "cto_interim", True),  # an underscore is no letter
        ("has_word", "cto", "cto2", False),
        ("has_word", "vp sales", "VP, Sales", True),
        ("has_word", "vp sales", "VP of Sales", False),
        ("has_word", "vp sales", "Sales VP", False),
        ("has_word", "vp sales", "xvp sales", False),
        ("has_word", "vp sales", "VP Salesforce", False),
        ("has_word", "R&D", "Head of R & D", True),
        ("has_word", "R&D", "RD", False),
        ("starts_with", "cto", "CTO office", True),
        ("starts_with", "cto", "the CTO", False),
        ("ends_with", "cto", "the CTO  ", True),
        ("ends_with", "cto", "CTO office", False),
        ("ends_with", " cto", "Acto", True),  # patterns are trimmed, as all text is
        ("contains", "data  base", "Data\u00a0Base admin", True),
        ("contains", "data base", "database", False),
        ("is", "cto", "cto.", False),
        ("has_word", "cto", "cto.", True),
    ],
)
def test_words_and_parts_of_words(test, pattern, value, holds):
    assert total(document(fit=[{"when": {"title": {test: pattern}}, "points": 1}]), {"title": value}) == holds


EQUAL = [
    ("full width", "director", "\uff24\uff49\uff52\uff45\uff43\uff54\uff4f\uff52"),
    ("double space", "vp sales", "VP   Sales"),
    ("no-break space", "vp sales", "VP\u00a0Sales"),
    ("ideographic space", "vp sales", "\u3000VP\u3000Sales\t"),
    ("line break", "vp sales", "VP\nSales"),
    ("sharp s", "Straße", "STRASSE"),
    ("capital sharp s", "strasse", "STRA\u1e9eE"),
    ("dotted capital I", "İstanbul", "i\u0307stanbul"),
    ("combining accent", "Élan", "E\u0301LAN"),
    ("final sigma", "ΟΔΟΣ", "οδος"),
    ("final sigma written", "οδοσ", "οδος"),
    ("ligature", "finance", "\ufb01nance"),
    ("Roman numeral", "iii", "\u2162"),
    ("fraction", "1\u20442", "½"),
    ("Kelvin", "k", "\u212a"),
    ("number as text", "5", 5),
]


DIFFERENT = [
    ("dotless", "istanbul", "İstanbul"),
    ("dotless i", "kirk", "k\u0131rk"),
    ("no accent", "Elan", "Élan"),
    ("zero width space", "vp sales", "vp\u200bsales"),
    ("joined", "vp sales", "vpsales"),
    ("one s", "strase", "Straße"),
    ("inner hyphen", "c level", "C-level"),
    ("padded number", "5", "05"),
    ("decimal", "5", "5.0"),
]


@pytest.mark.parametrize(
    ("written", "value", "same"),
    [pytest.param(written, value, True, id=name) for name, written, value in EQUAL]
    + [pytest.param(written, value, False, id=name) for name, written, value in DIFFERENT],
)
def test_text_is_normalised_on_both_sides(written, value, same):
    columns = {"c": {"type": "text"}}
    there = document(fit=[{"column": "c", "points": {written: 1}, "other": 0}], columns=columns)
    assert total(there, {"c": value}) == same
    back = document(fit=[{"when": {"c": {"in": [str(value), "zz"]}}, "points": 1}], columns=columns)
    assert total(back, {"c": written}) == same
    assert total(document(behaviour=[{"event": written, "points": 1}]), events=[event(AS_OF, str(value))]) == same


@pytest.mark.parametrize(
    ("first", "second"), [("US", "us"), ("Straße", "STRASSE"), (5, "5"), (5.0, "5"), (True, "TRUE"), ("a b", "A  b")]
)
def test_two_keys_that_are_one_value_are_an_error(first, second):
    columns = {"c": {"type": "category"}}
    with pytest.raises(ls.RulebookError, match=r"fit\[0\].points.*is the same value as"):
        ls.Rulebook.from_dict(document(fit=[{"column": "c", "points": {first: 1, second: 2}}], columns=columns))
    ls.Rulebook.from_dict(document(fit=[{"column": "c", "points": {first: 1, f"{second}x": 2}}], columns=columns))


BLANK = [None, "", "  ", "\u00a0", "Select", "SELECT ", "\uff33elect", "n/a", "N/A", "-1", " -1 "]
KNOWN = ["US", "selected", "n / a", "0", "nan", "none", "1"]


CONDITIONS = [
    # condition, whether it holds for a missing value, whether for a known one that is not "Education"
    ({"c": {"not_in": ["Education"]}}, False, True),
    ({"c": {"is_not": "Education"}}, False, True),
    ({"not": {"c": "Education"}}, False, True),
    ({"not": {"c": {"in": ["Education"]}}}, False, True),
    ({"not": {"any": [{"c": "Education"}, {"c": "School"}]}}, False, True),
    ({"not": {"any": [{"c": "Education"}, {"c": {"known": False}}]}}, False, True),
    ({"not": {"all": [{"c": "Education"}, {"c": {"known": True}}]}}, True, True),
    ({"not": {"not": {"c": "Education"}}}, False, False),
    ({"not": {"not": {"c": {"is_not": "Education"}}}}, False, True),
    ({"any": [{"c": {"is_not": "Education"}}, {"c": {"known": False}}]}, True, True),
    ({"all": [{"c": {"is_not": "Education"}}, {"not": {"c": {"contains": "educ"}}}]}, False, True),
    ({"c": {"known": False}}, True, False),
    ({"c": {"known": True}}, False, True),
    ({"not": {"c": {"known": True}}}, True, False),
    ({"c": {"known": True, "is_not": "Education"}}, False, True),
    ({"c": {"known": False, "is_not": "Education"}}, False, False),
]


@pytest.mark.parametrize("value", BLANK + KNOWN)
@pytest.mark.parametrize(("condition", "on_missing", "on_known"), CONDITIONS)
def test_missing_meets_no_test_but_known_false(condition, on_missing, on_known, value):
    made = document(fit=[{"when": condition, "points": 1}], missing_values=["select", "N/a", -1])
    made["columns"] = {"c": {"type": "category"}}
    assert total(made, {"c": value}) == (on_missing if value in BLANK else on_known)
    where = document(
        behaviour=[{"event": "visit", "where": condition, "points": 1}], missing_values=["select", "N/a", -1]
    )
    # `known` alone asks for no kind, and then a blank text counts as missing as well.
    assert total(where, events=[event(AS_OF, c=value)]) == (on_missing if value in BLANK else on_known)


@pytest.mark.parametrize(
    ("value", "points"), [(None, -5), (math.nan, -5), (49, 1), (50, 10), (-1, 1), (math.inf, 10), (-math.inf, 1)]
)
def test_numbers_are_missing_only_where_null(value, points):
    """`missing_values` is for text: -1 in it leaves the number -1 a number."""
    rule = {"column": "n", "from": {50: 10}, "other": 1, "missing": -5}
    assert total(document(fit=[rule], missing_values=[-1, 49, "inf"]), {"n": value}) == points


@pytest.mark.parametrize(
    ("value", "points"), [(5, -7), (5.0, -7), ("5", -7), (" 5 ", -7), ("\uff15", -7), (6, 3), ("5.5", 3), (50, 3)]
)
def test_a_number_among_missing_values(value, points):
    rule = {"column": "c", "points": {"x": 1}, "other": 3, "missing": -7}
    made = document(fit=[rule], missing_values=[5], columns={"c": {"type": "category"}})
    assert total(made, {"c": value}) == points


def test_an_event_may_be_called_what_missing_values_lists():
    made = document(behaviour=[{"event": "unknown", "points": 1}], missing_values=["unknown"])
    assert total(made, events=[event(AS_OF, "Unknown")]) == 1
    assert total(made, events=[event(AS_OF, "known")]) == 0


@pytest.mark.parametrize("edge", [50, 0.1, -3.5, 1e9, 0, 1e-300, 2**53])
@pytest.mark.parametrize("beside", ["on", "below", "above"])
def test_from_at_its_exact_edge_and_one_step_beside(edge, beside):
    value = {"on": edge, "below": math.nextafter(edge, -math.inf), "above": math.nextafter(edge, math.inf)}[beside]
    made = document(fit=[{"column": "n", "from": {edge: 10}, "other": 3}])
    assert total(made, {"n": float(value)}) == (3 if beside == "below" else 10)
    bounds = {"at_least": "on above", "more_than": "above", "at_most": "on below", "less_than": "below", "is": "on"}
    for test, places in bounds.items():
        made = document(fit=[{"when": {"n": {test: edge}}, "points": 1}])
        assert total(made, {"n": float(value)}) == (beside in places.split()), test


@pytest.mark.parametrize(
    ("test", "wanted", "inside"),
    [
        ("less_than", math.inf, {-math.inf, -1e308, -7.0, 0.0, 7.0, 60.0, 1e308}),
        ("at_least", -math.inf, {-math.inf, -1e308, -7.0, 0.0, 7.0, 60.0, 1e308, math.inf}),
        ("more_than", -math.inf, {-1e308, -7.0, 0.0, 7.0, 60.0, 1e308, math.inf}),
        ("between", [-math.inf, math.inf], {-math.inf, -1e308, -7.0, 0.0, 7.0, 60.0, 1e308, math.inf}),
        ("between", [-1e308, 1e308], {-1e308, -7.0, 0.0, 7.0, 60.0, 1e308}),
        ("between", [7, math.inf], {7.0, 60.0, 1e308, math.inf}),
    ],
)
@pytest.mark.parametrize("value", [-math.inf, -1e308, -7.0, 0.0, 7.0, 60.0, 1e308, math.inf])
def test_infinity_is_an_ordinary_bound(test, wanted, inside, value):
    made = document(fit=[{"when": {"n": {test: wanted}}, "points": 1}])
    assert total(made, {"n": value}) == (value in inside)
    # With a second edge beside it there is a cell between a number and infinity.
    assert total(document(fit=[*made["fit"], {"column": "n", "from": {50: 0}}]), {"n": value}) == (value in inside)


@pytest.mark.parametrize(("value", "points"), [(-math.inf, 1), (-7.0, 1), (49.9, 1), (50.0, 10), (math.inf, 20)])
def test_from_minus_infinity_takes_everything_below(value, points):
    assert total(document(fit=[{"column": "n", "from": {-math.inf: 1, 50: 10, math.inf: 20}}]), {"n": value}) == points


@pytest.mark.parametrize(
    ("points", "half_life", "age", "worth"),
    [
        (0.001, 1, 0, 0.001),
        (0.001, 1, 1, 0.0),  # 0.5 of a thousandth: to the even 0
        (0.003, 1, 1, 0.002),  # 1.5: to the even 2
        (0.005, 1, 1, 0.002),  # 2.5: to the even 2, where half-up gives 3
        (0.007, 1, 1, 0.004),  # 3.5: to the even 4
        (0.009, 1, 1, 0.004),  # 4.5: to the even 4
        (-0.001, 1, 1, 0.0),
        (-0.003, 1, 1, -0.002),
        (-0.005, 1, 1, -0.002),
        (0.006, 1, 2, 0.002),  # 1.5
        (0.010, 1, 2, 0.002),  # 2.5
        (0.101, 1, 1, 0.050),  # 50.5
        (0.103, 7, 7, 0.052),  # 51.5
    ],
)
def test_halves_of_a_thousandth_round_to_even(points, half_life, age, worth):
    assert points * 2.0 ** (-age / half_life) * 1000 % 1 == (0.5 if age else 0.0)  # else this case shows nothing
    rule = {"event": "visit", "points": points, "half_life_days": half_life}
    assert total(document(behaviour=[rule]), events=days_ago(age)) == worth


@pytest.mark.parametrize(("ages", "worth"), [([1], 0.002), ([1, 1, 1], 0.006), ([1, 1, 1, 0], 0.011)])
def test_each_event_is_rounded_not_the_sum(ages, worth):
    """Three times 2.5 thousandths are 3 x 2, not round(7.5) = 8."""
    rule = {"event": "visit", "points": 0.005, "half_life_days": 1, "count": "each"}
    assert total(document(behaviour=[rule]), events=days_ago(*ages)) == worth
