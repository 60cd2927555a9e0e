"""Daily activity night after night is that of all events at once; what comes too late is counted and said."""

import datetime as dt
import re

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.tables.activity_nights import continued, without_gone
from tests.support.one_lead import FEW

START = dt.date(2026, 3, 20)
LEADS = pa.array(["a", "b", "c"], pa.large_string())


def day(number):
    return START + dt.timedelta(number)


def activity(events, **more):
    """Of (lead, event, number of the day)."""
    columns = {name: [one[place] for one in events] for place, name in enumerate(("lead_id", "event"))}
    frame = pd.DataFrame(columns, dtype="str").assign(at=[f"{day(one[2])}T10:00Z" for one in events])
    return ls.daily_activity(frame, **more)


def rows(one):
    return sorted(map(repr, one.table.to_pylist()))


def events(late):
    one = st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(-6, 4), late)
    return st.lists(one, max_size=25)


@FEW
@given(st.data())
def test_night_after_night_is_all_at_once(data):
    """Late by no more than the look-back, from exports of all events and of the last days by turns."""
    look_back = data.draw(st.integers(0, 3))
    ever = data.draw(events(st.integers(0, look_back)))
    held = activity([])
    for night in range(5):
        arrived = [one for one in ever if one[2] + one[3] <= night]
        settled = night - 1 - look_back
        whole = night == 0 or data.draw(st.booleans())
        export = activity([one for one in arrived if whole or one[2] > settled])
        held, said = continued(held, export, LEADS, settled=day(settled))
        assert said == []
        assert rows(held) == rows(activity(arrived))


@FEW
@given(events(st.just(0)), events(st.just(0)), st.integers(0, 3))
def test_what_comes_too_late_is_counted_from_all_events_and_else_said(before, more, look_back):
    settled = -look_back
    # The first event is of a settled day, and no other is like it.
    first, before = ("a", "first", -7, 0), [one for one in before if one[2] <= 0]
    too_late = [one for one in more if one[2] <= settled]
    held = activity([first, *before])
    found, said = continued(held, activity([first, *before, *more]), LEADS, settled=day(settled))
    assert rows(found) == rows(activity([first, *before, *more]))
    assert len(said) == bool(too_late)
    # Without it an export does not hold all.
    if not before and not more:
        return
    found, said = continued(held, activity([*before, *more]), LEADS, settled=day(settled))
    assert rows(found) == rows(activity([first, *before, *(one for one in more if one[2] > settled)]))
    assert [int(re.match("[0-9]+", note)[0]) for note in said] == ([len(too_late)] if too_late else [])


def test_events_whose_lead_was_merged_are_the_survivors_in_an_export_of_all():
    held = activity([("a", "x", 0), ("old", "x", 0)])
    found, said = continued(held, activity([("a", "x", 0), ("a", "x", 0)]), LEADS, settled=day(0))
    assert found.table["count"].to_pylist() == [2]
    assert said == [f"All days counted again, from {day(0)}: 1 event of days up to {day(0)} came late."]
    found, said = continued(held, activity([("a", "x", 0)]), LEADS, settled=day(0))
    assert said == [f"All days counted again, from {day(0)}: leads were merged or deleted."]
    # Of the last days alone it is not known whose they are; they are kept, and do not count.
    found, said = continued(held, activity([("a", "x", 1)]), LEADS, settled=day(0))
    assert said == []
    there, gone = without_gone(found, LEADS)
    assert (there.table["lead_id"].to_pylist(), gone) == (["a", "a"], 1)
    assert len(found) == 3
    assert without_gone(there, LEADS)[1] == 0


def test_days_that_are_to_be_counted_again_must_be_in_the_export(tmp_path):
    activity([("a", "x", 0), ("a", "x", 1)]).write(tmp_path / "held")
    held = ls.tables.DailyActivity.read(tmp_path / "held")
    for export, begins in ((activity([]), "holds no event"), (activity([("a", "x", 2)]), f"begins on {day(2)}")):
        with pytest.raises(
            ls.ContractError, match=rf"from {day(1)} on are to be counted again, and the export {begins}"
        ):
            continued(held, export, LEADS, settled=day(0))
        with pytest.raises(ls.ContractError, match="are to be counted again"):
            continued(held, export, LEADS, settled=day(-1), edited="the data file was edited")
        assert len(continued(held, export, LEADS, settled=day(1))[0]) == 2 + len(export)


def test_other_zones_and_other_ids_are_not_put_side_by_side():
    held = activity([("a", "x", 0)])
    with pytest.raises(ls.ContractError, match="days are of Asia/Tokyo now, and were of UTC"):
        continued(held, activity([("a", "x", 1)], timezone="Asia/Tokyo"), LEADS, settled=day(0))
    found, said = continued(held, activity([("a", "x", 0)], timezone="Asia/Tokyo"), LEADS, settled=day(0))
    assert found.timezone == "Asia/Tokyo"
    assert "All days counted again" in said[0]
    numbers = ls.daily_activity(pd.DataFrame({"lead_id": [1], "event": ["x"], "at": [f"{day(1)}"]}))
    with pytest.raises(ls.ContractError, match="lead_id: values are int64, those of the activity are text"):
        continued(held, numbers, LEADS, settled=day(0))
