"""Numbers as people write them: points, ranges, periods; and those that nobody can read without guessing."""

import pytest

from leadscore.start.sheet.amounts import Band, Unclear, days, points


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        ("+10", 10, ""),
        ("-5", -5, ""),
        ("\u20135", -5, ""),
        ("\u22125", -5, ""),
        ("(5)", -5, ""),
        ("(-5)", -5, ""),
        ("'+10", 10, ""),
        ("10 pts", 10, ""),
        ("7,5 Punkte", 7.5, ""),
        ("1,000", 1000, ""),
        ("10 each, max 30", 10, "each, max 30"),
        ("5 per visit", 5, "per visit"),
        ("10 (max 30)", 10, "(max 30)"),
    ],
)
def test_points(text, value, rest):
    assert points(text, ".") == (value, rest)


@pytest.mark.parametrize("text", ["", "?", "n/a", "TBD", "+/-5", "1.000", "=5+5", "(+5)", "(5", "ten"])
def test_points_that_are_no_number(text):
    with pytest.raises(Unclear):
        points(text, ".")


def test_the_decimal_sign_tells_a_thousand_from_one():
    assert points("1.000", ",") == points("1,000", ".") == (1000, "")
    assert points("1.000.000", ".") == (1_000_000, "")
    with pytest.raises(Unclear, match="thousand times"):
        points("1,000", ",")


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("50-200", {"between": [50, 200]}),
        ("50\u2013200", {"between": [50, 200]}),
        ("between 50 and 200", {"between": [50, 200]}),
        ("10 to 49 employees", {"between": [10, 49]}),
        ("> 1,000", {"more_than": 1000}),
        (">= 200", {"at_least": 200}),
        ("\u2265200", {"at_least": 200}),
        ("1000+", {"at_least": 1000}),
        ("200 employees or more", {"at_least": 200}),
        ("ab 50 Mitarbeiter", {"at_least": 50}),
        ("less than 10", {"less_than": 10}),
        ("up to 9", {"at_most": 9}),
        ("under $5 million", {"less_than": 5_000_000}),
        ("$10M+ ARR", {"at_least": 10_000_000}),
        ("$1M-$10M ARR", {"between": [1_000_000, 10_000_000]}),
        ("$1-10M", {"between": [1_000_000, 10_000_000]}),
        ("0-1M", {"between": [0, 1_000_000]}),
        ("> 50 and <= 200", {"more_than": 50, "at_most": 200}),
        ("100-200M", {"between": [100_000_000, 200_000_000]}),
        ("100k-2M", {"between": [100_000, 2_000_000]}),
        ("50", {"is": 50}),
    ],
)
def test_bands(text, test):
    assert Band.read(text, ".").test() == test


@pytest.mark.parametrize("text", ["VP", "3D printing", "10-Jan", "50-200 in US", "", "50-"])
def test_what_is_no_band(text):
    assert Band.read(text, ".") is None


@pytest.mark.parametrize("text", ["200-50", "500-1M", "50-1.000", "> 200 and < 50"])
def test_bands_that_may_mean_several_things(text):
    with pytest.raises(Unclear):
        Band.read(text, ".")


def test_periods_in_days():
    assert [days(period) for period in ("7 days", "2 weeks", "a month", "48h", "1 year")] == [7, 14, 30, 2, 365]
    with pytest.raises(Unclear, match="day"):
        days("36 hours")
