"""A value that `score_one` is given means what it means in a table, or both refuse it."""

import datetime as dt
import enum
import math
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import leadscore as ls

OSLO, LORD_HOWE = ZoneInfo("Europe/Oslo"), ZoneInfo("Australia/Lord_Howe")


class Plain(enum.Enum):
    US = "US"


class Text(enum.StrEnum):
    US = "US"


class Number(enum.IntEnum):
    FIVE = 5


class Own(str):
    __slots__ = ()


def at(*parts, **more):
    return dt.datetime(*parts, **more)  # noqa: DTZ001 - with and without a zone


TEXTS = [
    *(
        "US",
        " us ",
        "\uff35\uff33",
        "u\u200bs",
        "",
        "  ",
        "\u200b",
        "n/a",
        "N/A ",
        "null",
        "NULL",
        "\\N",
        "none",
        "NaN",
        "5",
        "5.0",
    ),
    *(
        "05",
        "+5",
        "-5",
        "5.",
        ".5",
        "1e3",
        "1e999",
        "1,000",
        "1_000",
        "\u0665",
        " 7 ",
        "0x10",
        "inf",
        "true",
        "TRUE",
        "Yes",
        "1",
    ),
    *("2026-03-31", "2026-3-31", " 2026-03-31 ", "2026-03-31T", "2026-03-31 ", "2026-02-30", "20260331", "2026-W14-2"),
    *(
        "2026-03-31T14",
        "2026-03-31T14:05",
        "2026-03-31 14:05:00.123456789",
        "2026-03-31T14:05:00,5",
        "2026-03-31T24:00",
    ),
    *("2026-03-31T23:59:59Z", "2026-03-31T23:59:59z", "2026-03-31 23:59:59 UTC", "2026-03-31T23:59:60Z"),
    *("2026-03-31T23:30+02", "2026-03-31T23:30+0200", "2026-03-31T23:30-02:00", "2026-03-31T23:30+02:00:30"),
    *(
        "2026-03-31T23:30+24:00",
        "0001-01-01",
        "0001-01-01T00:00Z",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ),
    *("9999-12-31", "0000-01-01", "10000-01-01", "31.3.2026", "3/4/2026", "1772323200", "2026-03-31T14:05 Europe/Oslo"),
    *("a\x00b", "\ud7ff", "ﬁ", "İ", "ß"),
]
NUMBERS = [
    *(0, 1, 5, -5, 7, 2**53 - 1, 2**53, 2**53 + 1, -(2**53), -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30),
    *(0.0, -0.0, 0.1, 5.0, 5.5, 1e300, 2.0**53, 2.0**60, math.inf, -math.inf, math.nan, True, False),
    *(
        np.int8(5),
        np.int64(5),
        np.uint64(2**64 - 1),
        np.int64(2**53 + 1),
        np.float16(0.1),
        np.float32(0.1),
        np.float64(5),
    ),
    *(np.float64("nan"), np.longdouble(5), np.bool_(True), np.bool_(False), np.str_("US"), np.bytes_(b"US")),
    *(
        Decimal(5),
        Decimal("5.0"),
        Decimal("5.00"),
        Decimal("0.1"),
        Decimal("1E+3"),
        Decimal("NaN"),
        Decimal("Infinity"),
    ),
    *(Decimal(123456789012345678901234567890), Fraction(1, 2), 5 + 0j, Number.FIVE),
]
TIMES = [
    *(dt.date(2026, 3, 31), dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.time(9), dt.timedelta(1)),
    *(at(2026, 3, 31), at(2026, 3, 31, 23, 59, 59, 999999), at(1, 1, 1), at(1, 1, 2), at(9999, 12, 31, 23)),
    *(at(2026, 3, 31, 23, 30, tzinfo=dt.UTC), at(2026, 3, 31, 23, 30, tzinfo=OSLO), at(2026, 3, 31, fold=1)),
    *(at(2026, 3, 31, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))), at(2026, 3, 29, 2, 30, tzinfo=OSLO)),
    *(at(2026, 3, 31, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=2, seconds=30))),),
    *(at(2025, 10, 26, 2, 30, tzinfo=OSLO, fold=fold) for fold in (0, 1)),
    *(at(2026, 4, 5, 1, 45, tzinfo=LORD_HOWE, fold=fold) for fold in (0, 1)),
    *(at(1, 1, 1, tzinfo=dt.UTC), at(9999, 12, 31, 23, tzinfo=dt.UTC)),
    *(
        at(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14))),
        at(9999, 12, 31, 23, tzinfo=dt.timezone(-dt.timedelta(0.5))),
    ),
    *(
        pd.Timestamp("2026-03-31"),
        pd.Timestamp("2026-03-31T23:30:00.123456789Z"),
        pd.Timestamp("2026-03-31T23:30", tz=OSLO),
    ),
    *(pd.Timestamp("0001-01-01").as_unit("s"), pd.Timestamp("9999-12-31T23:59:59", tz="UTC").as_unit("s")),
    *(pd.Timestamp("2025-10-26T02:30").tz_localize(OSLO, ambiguous=first) for first in (True, False)),
    *(np.datetime64("2026-03-31"), np.datetime64("2026-03-31T23:30"), np.datetime64("2026"), np.datetime64("NaT")),
    *(
        np.datetime64("20000-01-01"),
        pd.Timestamp(np.datetime64("20000-01-01T00:00")),
        pd.Timestamp(np.datetime64("-0005-01-01T00:00")),
    ),
    *(np.timedelta64(1, "D"), pd.Period("2026-03"), pd.Timedelta(1)),
]
OTHERS = [
    *(None, pd.NA, pd.NaT, b"US", bytearray(b"US"), Plain.US, Text.US, Own("US"), Own("2026-03-31"), object(), len),
    *([], ["US"], {"a": 1}, {"US"}, ("US",), pd.Series([1]), np.array([1, 2]), np.array(5), pd.Interval(0, 1)),
]
VALUES = [*TEXTS, *NUMBERS, *TIMES, *OTHERS]
RULES = {
    "text": [{"column": "c", "points": {"US": 1, "5": 2, "true": 4, "5.0": 8, "0": 16}, "other": 64, "missing": 128}],
    "number": [{"column": "c", "from": {-5: 1, 0: 2, 0.1: 4, 5: 8, 7: 16, 2**53: 32}, "other": 64, "missing": 128}],
    "boolean": [{"when": {"c": True}, "points": 1}, {"when": {"c": False}, "points": 2}],
    "date": [
        {"when": {"c": {"at_least": day}}, "points": 2**n}
        for n, day in enumerate(["2025-10-26", "2026-03-29", "2026-03-30", "2026-03-31", "2026-04-01", "2026-04-05"])
    ],
    "any": [{"when": {"c": {"known": True}}, "points": 1}, {"when": {"c": {"known": False}}, "points": 2}],
}


def shown(value):
    return f"{type(value).__name__} {value!r}"[:60]


def book(kind, zone, **more):
    rules = [{"name": f"R{n}", **rule} for n, rule in enumerate(RULES[kind])]
    declared = {} if kind == "any" else {"columns": {"c": {"type": {"text": "category"}.get(kind, kind)}}}
    made = {"leadscore": 1, "name": "x", "timezone": zone, "missing_values": ["n/a"], "qualify": {"threshold": 1}}
    return ls.Rulebook.from_dict(made | declared | {"fit": rules} | more)


def answer(call):
    """What a call gives, or that the value is refused; any other error is a fault."""
    try:
        return call()
    except ls.ContractError:
        return "refused"


def in_a_frame(lead, events, rulebook, as_of):
    """What `load_tables` and `score` make of it; a frame that cannot be made is a refusal too."""
    try:
        leads, log = pd.DataFrame([{"lead_id": "a", **lead}]), None
        if events:
            log = pd.DataFrame({name: pd.Series([event[name] for event in events]) for name in events[0]})
            log["lead_id"] = "a"
    except (TypeError, ValueError, OverflowError):
        return "refused"
    frame = ls.score(ls.load_tables(leads, log, rulebook=rulebook), rulebook, as_of=as_of).frame
    # A lead that is not there yet has no row, and `score_one` says so.
    return None if not len(frame) else frame[["fit", "behaviour", "qualified"]].iloc[0].tolist()


def alone(lead, events, rulebook, as_of):
    try:
        found = ls.score_one(lead, events, rulebook, as_of=as_of)
    except ls.ArgumentError:
        return None
    return [found[name] for name in ("fit", "behaviour", "qualified")]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "zone"), [*((kind, "Europe/Oslo") for kind in RULES), ("date", "UTC")])
def test_a_value_of_a_lead_means_the_same_or_is_refused_by_both(kind, zone):
    rulebook, wrong = book(kind, zone), {}
    for value in VALUES:
        asked = {"c": value}, [], rulebook, "2026-04-30"
        one, both = answer(lambda asked=asked: alone(*asked)), answer(lambda asked=asked: in_a_frame(*asked))
        if one != both:
            wrong[shown(value)] = one, both
    assert wrong == {}


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_a_time_means_the_same_or_is_refused_by_both(zone):
    behaviour = [{"name": "E", "event": "e", "points": 1, "count": "each", "fade_days": 400}]
    rulebook, wrong = book("any", zone, fit=[], columns={}, behaviour=behaviour), {}
    for value in VALUES:
        for asked in (
            ({}, [{"event": "e", "at": value}], rulebook, "2026-04-30"),
            ({"created_at": value}, [], rulebook, "2026-03-31"),
        ):
            one, both = answer(lambda asked=asked: alone(*asked)), answer(lambda asked=asked: in_a_frame(*asked))
            if one != both:
                wrong[shown(value), *asked[0]] = one, both
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", RULES)
def test_a_value_of_an_event_means_the_same_or_is_refused_by_both(kind):
    tests = [rule.get("when", {"c": {"in": ["US", "5", "true"]}})["c"] for rule in RULES[kind]]
    if kind == "number":
        tests = [{"at_least": edge} for edge in RULES[kind][0]["from"]]
    behaviour = [{"name": f"E{n}", "event": "e", "where": {"c": test}, "points": 2**n} for n, test in enumerate(tests)]
    columns = {} if kind == "any" else {"c": {"type": {"text": "category"}.get(kind, kind)}}
    # Half past two in Oslo, which its clock shows twice, is on two days there.
    rulebook, wrong = book("any", "Atlantic/Cape_Verde", fit=[], behaviour=behaviour, columns=columns), {}
    for value in VALUES:
        asked = {}, [{"event": "e", "at": "2026-04-30", "c": value}], rulebook, "2026-04-30"
        one, both = answer(lambda asked=asked: alone(*asked)), answer(lambda asked=asked: in_a_frame(*asked))
        if one != both:
            wrong[shown(value)] = one, both
    assert wrong == {}


def test_the_name_of_an_event_means_the_same_or_is_refused_by_both():
    names = ["us", "5", "true", "n/a", "5.5"]
    rules = [{"name": name, "event": name, "points": 2**n} for n, name in enumerate(names)]
    rulebook, wrong = book("any", "UTC", fit=[], columns={}, behaviour=rules), {}
    for value in VALUES:
        asked = {}, [{"event": value, "at": "2026-04-30"}], rulebook, "2026-04-30"
        one, both = answer(lambda asked=asked: alone(*asked)), answer(lambda asked=asked: in_a_frame(*asked))
        if one != both:
            wrong[shown(value)] = one, both
    assert wrong == {}
