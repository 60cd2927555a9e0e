"""What the cells of a column are, decided from all of them; where two readings fit, both are given."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadscore.imports.cells import read_cells
from leadscore.imports.language import Typed
from leadscore.start.kinds import Cells
from leadscore.start.words import is_request, stage_of


def cells(*values):
    found = Cells("x")
    for value in values:  # in parts, as files are read
        found.add(pa.array([value], pa.large_string()))
    return found


TIMES = {
    "month first by a later cell": (["1/5/2026, 9:12 AM", "2/15/2026, 4:00 PM"], {"month"}, "%m/%d/%Y, %I:%M %p"),
    "day first by a later cell": (["05/01/2026 09:12", "13/01/2026 10:00"], {"day"}, "%d/%m/%Y %H:%M"),
    "either": (["05/01/2026", "07/01/2026"], {"day", "month"}, "%d/%m/%Y"),
    "dots": (["05.01.2026 09:12", "06.01.2026"], {"day"}, ["%d.%m.%Y %H:%M", "%d.%m.%Y"]),
    "beside ISO": (["13/01/2026 10:00", "2026-01-07T08:00:00"], {"day"}, ["%d/%m/%Y %H:%M", "iso"]),
    "year first": (["2026/01/05"], set(), "%Y/%m/%d"),
    "two digits": (["13.01.26"], {"day"}, "%d.%m.%y"),
    "seconds": (["1768222800"], set(), "epoch_s"),
    "milliseconds": (["1768222800000", "1770124500000"], set(), "epoch_ms"),
    "ISO": (["2026-01-05 14:12:31.5+00", "2026-01-05"], set(), None),
}


@pytest.mark.parametrize("case", TIMES)
def test_times(case):
    values, orders, form = TIMES[case]
    found = cells(*values)
    assert found.orders() == orders
    assert found.time("month" if orders == {"month"} else "day") == {"type": "time"} | (
        {"format": form} if form else {}
    )


@pytest.mark.parametrize("values", [["13/14/2026"], ["2026-01-05", "soon"], ["12345"], ["946684799"], [""], ["05/01"]])
def test_no_times(values):
    assert cells(*values).time("day") is None


NUMBERS = {
    "plain": (["12", "-1.5"], {"."}, {}),
    "no sign": (["12", "13"], set(), {}),
    "thousands": (["1,037.5", "12"], {"."}, {"thousands": ","}),
    "German": (["12.500,50", "1.234"], {","}, {"thousands": ".", "decimal": ","}),
    "money": (["$12,500,000.00"], {"."}, {"thousands": ",", "bare_number": False}),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers(case):
    values, decimals, options = NUMBERS[case]
    found = cells(*values)
    assert found.decimals() == decimals
    assert found.number(*(decimals or {"."})) == {"type": "number"} | options


def test_a_number_that_can_be_read_in_two_ways_is_said():
    assert cells("1.037", "420").decimals() == cells("1,037").decimals() == {".", ","}


@pytest.mark.parametrize("values", [["007"], ["1,03", "1.03"], ["12 pieces"], ["1e"], [""]])
def test_no_numbers(values):
    assert cells(*values).number(".") is None


def test_true_and_false_lists_and_addresses():
    assert cells("ja", "Nein").boolean(digits=False) == {
        "type": "boolean",
        "true_values": ["ja"],
        "false_values": ["nein"],
    }
    assert cells("1", "1").boolean(digits=False) is None
    assert cells("1", "1").boolean(digits=True) == {"type": "boolean"}
    assert cells("A;B", " B ; C", "A").listed() == {"type": "list", "separator": ";"}
    assert cells("A", "B").listed() is None
    assert cells("a@b.example", "").is_mail


@given(
    st.lists(
        st.sampled_from(["1,037", "2.5", "05/01/2026", "ja", "nein", "x;y", "2026-01-05", "1768222800", "null"]),
        max_size=6,
    )
)
def test_what_is_declared_is_read(values):
    """A column of times, numbers or true and false has no cell that the import refuses."""
    found = cells(*values)
    for typed in (found.time("day"), found.number("."), found.boolean(digits=False)):
        if typed:
            _, bad = read_cells(pa.array(values, pa.large_string()), Typed.model_validate(typed), ["", "null"], "UTC")
            assert not bad


def test_words():
    assert stage_of("Closed - Not Converted") == ("rejected", False)
    assert stage_of("MQL") == ("mql", True)
    assert is_request("Request a demo")
    assert not is_request("Demo recording watched")
