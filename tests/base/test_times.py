"""Written times: a column and a single text are read by one grammar; what is no time is told by its form."""

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadscore.base.times import NO_TIME, Times, moment_of, read_times

UTC = dt.UTC
MICROSECOND = dt.timedelta(microseconds=1)

# As each system writes one moment, 2026-03-31 12:05:00 UTC, or the wall clock of it.
WRITTEN = {
    "2026-03-31 14:05:00+02": UTC,  # Postgres
    "2026-03-31 14:05:00.000000+02": UTC,
    "2026-03-31 12:24:32+00:19:32": UTC,  # Postgres, of Amsterdam before 1937
    "2026-03-31 12:05:00 UTC": UTC,  # BigQuery, Rails
    "2026-03-31 12:05:00.000000 UTC": UTC,
    "2026-03-31T12:05:00.000Z": UTC,  # Segment
    "2026-03-31T12:05:00.000+0000": UTC,  # Salesforce
    "2026-03-31 04:05:00.000 -0800": UTC,  # Snowflake
    "2026-03-31T12:05:00.000000000000Z": UTC,
    "2026-03-31t12:05:00z": UTC,  # RFC 3339
    "2026-03-31T12:05:00-00:00": UTC,
    "2026-03-31T12:05Z": UTC,
    "2026-03-31 12:05:00 gmt": UTC,
    "2026-03-31T12:05:00,0Z": UTC,
    "2026-03-31T12:05:00": None,
    "2026-03-31 12:05": None,
    " 2026-03-31 12:05:00.0 ": None,
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_moment_is_read_as_each_system_writes_it(text):
    moment = dt.datetime(2026, 3, 31, 12, 5, tzinfo=WRITTEN[text])
    assert moment_of(text) == moment
    read = read_times(pa.array([text, None, text]))
    assert read.at.tolist() == [1774958700000000, NO_TIME, 1774958700000000]
    assert (read.zoned, read.bad) == (WRITTEN[text] is not None, {})


def test_a_column_of_several_forms_is_read():
    read = read_times(pa.array([text for text, zone in WRITTEN.items() if zone]))
    assert set(read.at.tolist()) == {1774958700000000}
    assert not read.bad


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_missing_time_is_missing_in_every_unit(unit):
    assert read_times(pa.array([None, 0], pa.timestamp(unit))).at.tolist() == [NO_TIME, 0]


@pytest.mark.parametrize(
    ("wall", "utc"),
    [("2025-10-26T02:30", "2025-10-26T00:30Z"), ("2026-03-29T02:30", "2026-03-29T01:00Z")],
    ids=["shown twice: the first", "skipped: the end of the gap"],
)
def test_a_wall_clock_that_is_put_forward_or_back(wall, utc):
    read, moment = read_times(pa.array([wall])), read_times(pa.array([utc]))
    assert Times(read.at, zoned=False).utc("Europe/Oslo").tolist() == moment.at.tolist()


NO_TIMES = {
    "3/31/2026 2:05 PM": "it seems month/day/year with AM or PM",
    "31.03.2026 14:05": "it seems day.month.year",
    "03/04/26": "day and month cannot be told apart",
    "2026/03/31": "it seems year/month/day, without hyphens",
    "20260331": "it seems year, month and day run together",
    "20260331T140500Z": "it seems year, month and day run together",
    "2026-W14-2": "it seems a week, or a day of the year",
    "46112": "it seems a spreadsheet's number of a day",
    "46112.5868": "it seems a spreadsheet's number of a day",
    "1774958700": "it seems seconds since 1970",
    "1774958700.25": "it seems seconds since 1970",
    "1774958700000": "it seems milliseconds since 1970",
    "1774958700000000": "it seems microseconds since 1970",
    "1774958700000000000": "it seems nanoseconds since 1970",
    "12026-03-31": "a year outside 1 to 9999",
    "0000-03-31": "a year outside 1 to 9999",
    "2026-03-31T24:00": "hour 24 is 00:00 of the next day",
    "2026-03-31T23:59:60Z": "a leap second; 59 is the last",
    "2026-03-31T14": "an hour without minutes",
    "2026-03-31 14:05:00 America/New_York": "a zone by its name; write its offset, as +01:00",
    "2026-03-31T14:05:00+02:00[Europe/Berlin]": "a zone by its name; write its offset, as +01:00",
    "2026-03-31 14:05 EST": "a zone by its name; write its offset, as +01:00",
    "2026-03-31Z": "a day has no zone",
    "2026-02-29": "no such day or time of day",
    "2026-04-31T14:05Z": "no such day or time of day",
    "2026-13-01": "no such day or time of day",
    "2026-03-31 25:00": "no such day or time of day",
    "2026-03-31T14:05+24:00": "no such day or time of day",
    "2026-3-1": "month, day, hour and minute have two digits",
    "Tue, 31 Mar 2026 14:05:00 +0000": "it seems the form of e-mails, RFC 2822",
    "March 31, 2026": "the month in words",
    "31-Mar-26": "the month in words",
}


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_told_by_its_form(text):
    said = f"not an ISO date or time ({NO_TIMES[text]}); write 2026-03-31 or 2026-03-31T14:05:00Z"
    with pytest.raises(ValueError, match="not an ISO date") as caught:
        moment_of(text)
    assert str(caught.value) == said
    read = read_times(pa.array(["2026-03-31", text, None, text]))
    assert {message: rows.tolist() for message, rows in read.bad.items()} == {said: [1, 3]}
    assert read.at[1] == NO_TIME


@pytest.mark.parametrize(
    "text",
    ["", "infinity", "yesterday", "\u0662026-03-31", "-", "2026-03-31T14:05\u221205:00", "2026-03-31  14:05"],
)
def test_other_text_is_no_time_either(text):
    with pytest.raises(ValueError, match=r"not an ISO date or time; write"):
        moment_of(text)


PIECES = st.one_of(
    st.sampled_from(["2026-03-31", "2026-02-29", "0001-01-01", "9999-12-31", "1969-12-31", "2024-02-29"]),
    st.dates().map(str),
)
CLOCKS = st.one_of(
    st.sampled_from(["", "T", " ", "T14", " 24:00", "T23:59:60", "t00:00"]),
    st.times().map(lambda time: f"T{time}"),
    st.times().map(lambda time: f" {time:%H:%M}"),
)
FRACTIONS = st.one_of(st.just(""), st.from_regex(r"[.,][0-9]{0,12}", fullmatch=True))
ZONES = st.one_of(
    st.sampled_from(["", "Z", "z", " UTC", "UTC", " GMT", " Z", " ", "+02", " +0200", "-23:59", "+24:00", "+00:19:32"]),
    st.from_regex(r" ?[+-][0-9]{2}(:?[0-9]{2})?", fullmatch=True),
)


@given(st.lists(st.tuples(PIECES, CLOCKS, FRACTIONS, ZONES).map("".join), min_size=1, max_size=6))
def test_a_column_and_a_single_text_are_read_alike(texts):
    read = read_times(pa.array(texts))
    bad = {row: message for message, rows in read.bad.items() for row in rows.tolist()}
    for row, text in enumerate(texts):
        try:
            moment = moment_of(text)
        except ValueError as error:
            assert bad[row] == str(error)  # noqa: PT017 - either outcome is right
        else:
            epoch = dt.datetime(1970, 1, 1, tzinfo=UTC if moment.tzinfo else None)
            assert read.at[row] == (moment - epoch) // MICROSECOND
            assert row not in bad or (moment.tzinfo is None and read.zoned)
