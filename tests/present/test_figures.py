"""How figures read: what is written says no more than what is so."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadscore.present import figures

shares = st.floats(0, 1)
UNITS = {"": 1, "k": 1e3, "m": 1e6, "bn": 1e9}


@given(shares)
def test_only_none_reads_as_none_and_only_all_as_all(share):
    text = figures.percent(share)
    assert (text == "0%") == (share == 0)
    assert (text == "100%") == (share == 1)


@given(shares, shares)
def test_an_interval_of_a_share_has_room_and_holds_its_bounds_to_a_point(one, other):
    low, high = sorted((one, other))
    first, last = map(int, re.fullmatch(r"(\d+)% to (\d+)%", figures.percent_range(low, high)).groups())
    assert first < last or low == high
    assert abs(first - 100 * low) <= 1
    assert abs(last - 100 * high) <= 1


@given(st.floats(0, 1e6))
def test_a_time_reads_back_to_the_second(minutes):
    units = {"h": 3600, "min": 60, "s": 1}
    parts = re.findall(r"([\d,]+) (h|min|s)\b", figures.duration(minutes))
    assert sum(int(number.replace(",", "")) * units[unit] for number, unit in parts) == round(60 * minutes)


@given(st.floats(-1e12, 1e12))
def test_an_amount_reads_back_to_three_figures(amount):
    sign, number, unit = re.fullmatch(r"(-?)([\d,.]+)(k|m|bn|)", figures.money(amount)).groups()
    read = float(number.replace(",", "")) * UNITS[unit] * (-1 if sign else 1)
    assert read == pytest.approx(amount, rel=0.0051, abs=0.0051)


@pytest.mark.parametrize("edge", [9_999.6, 999_600, 999_600_000, 10_000, 1_000_000])
def test_no_amount_reads_as_a_thousand_thousands(edge):
    assert figures.money(edge) in {"10k", "1.00m", "1.00bn"}


@pytest.mark.parametrize("writes", [figures.percent, figures.duration, figures.money])
def test_what_is_not_known_is_said(writes):
    assert writes(math.nan) == figures.UNKNOWN
    assert figures.points_change(math.nan, math.nan, math.nan) == figures.UNKNOWN
    assert figures.percent_range(math.nan, 1) == figures.UNKNOWN


@pytest.mark.parametrize(("n", "text"), [(19, "7 of 19"), (20, "35%"), (2000, "under 1%")])
def test_few_cases_are_counted(n, text):
    assert figures.share(7, n) == text
