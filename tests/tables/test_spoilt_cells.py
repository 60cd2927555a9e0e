"""A bad cell in a random place of good tables is refused by name, set aside, or legal."""

import datetime as dt
import math
import re

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.rulebook.kinds import declared_kind, event_kinds, lead_kinds
from tests.scoring.test_scoring import expected, plain
from tests.support.bad_input import OBJECTS, assert_located
from tests.support.strategies import Case, cases, frames

BAD = {
    "number": ["1,200", "50-200", "many", "12 %", "0x10", "1_000", "inf", "nan", "\u0663", "--1", "1 200", "N/A"],
    "boolean": ["yes", "no", "1", "0", "ja", "t", "truee"],
    "date": ["31/03/2026", "2026-02-30", "yesterday", "2026-3-1", "20260301", "1772323200", "2026-03-31T24:00", "nan"],
}


LEGAL = {
    "number": [("", None), (None, None), (" 7 ", 7.0), ("1e3", 1000.0), ("-.5", -0.5), ("+50", 50), ("\t", None)],
    "boolean": [("", None), (None, None), (" TRUE", True), ("False ", False), ("\uff54rue", True)],
    "text": [
        (text, text)
        for text in ("", "US", "director of data", "\u0130stanbul", "1,200", "\x07", "nan", " m ", "x" * 999)
    ],
}


def as_cell(value):
    """A value as a CSV file would hold it."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def tame(row):
    """Infinite numbers have no plain text."""
    return {name: math.copysign(1e308, v) if isinstance(v, float) and math.isinf(v) else v for name, v in row.items()}


def kind_as_read(rulebook, table, column):
    """What a column must hold; None where nobody reads its values, or only whether there are any."""
    if column in {"at", "created_at"}:
        return "date"
    kinds = lead_kinds(rulebook) if table == "leads" else event_kinds(rulebook)
    declared_ = rulebook.columns.get(column) if table == "leads" else None
    if column not in kinds and declared_ is not None and declared_.required != "no":
        return declared_kind(rulebook, column)
    return None if kinds.get(column) == "any" else kinds.get(column)


@st.composite
def spoilt(draw):
    """A case, and a cell of it: (case, table, column, row, cell as written, what it means, whether it is bad)."""
    case = draw(cases())
    words = [word for word in case.document.get("missing_values", []) if word != "5"]
    document = case.document | ({"missing_values": words} if words else {})
    if not words:
        document.pop("missing_values", None)
    case = Case(document, [tame(row) for row in case.leads], [tame(row) for row in case.events], case.as_of)
    rulebook = ls.Rulebook.from_dict(document)
    leads, events = frames(case)
    table = draw(st.sampled_from(["leads", "events"] if len(events) else ["leads"]))
    frame, rows = (leads, case.leads) if table == "leads" else (events, case.events)
    assume(rows)
    column = draw(st.sampled_from(list(frame.columns)))
    row = draw(st.integers(0, len(rows) - 1))
    bad = draw(st.booleans())
    if column in {"lead_id", "event"}:
        other = rows[draw(st.integers(0, len(rows) - 1))]["lead_id"]
        cells = {"lead_id": [None, "nobody", other] if table == "leads" else [None, "nobody"], "event": [None, "", " "]}
        cell = draw(st.sampled_from(cells[column]))
        # A lead under another name is a good lead, whose events are of an unknown one.
        bad = not (table == "leads" and (cell == "nobody" or cell == rows[row]["lead_id"]))
        return case, rulebook, table, column, row, cell, cell, bad
    kind = kind_as_read(rulebook, table, column)
    if kind == "date":
        bad = bad or column == "at"
        cell = draw(
            st.sampled_from([*BAD["date"], *([None, ""] if column == "at" else [])] if bad else [None, "", " "])
        )
        return case, rulebook, table, column, row, cell, None, bad
    if kind in {"number", "boolean"} and bad:
        cell = draw(st.sampled_from(BAD[kind]))
        return case, rulebook, table, column, row, cell, None, True
    assume(kind is not None)
    cell, meaning = draw(st.sampled_from(LEGAL[kind]))
    return case, rulebook, table, column, row, cell, meaning, False


def spoil(case, table, column, row, cell):
    """The two frames, with the column as text and the cell in it."""
    made = dict(zip(("leads", "events"), frames(case), strict=True))
    rows = getattr(case, table)
    written_cells = [as_cell(one.get(column)) for one in rows]
    written_cells[row] = cell
    made[table] = made[table].assign(**{column: pd.Series(written_cells, dtype=object)})
    return made["leads"], made["events"]


def left(case, table, column, row, meaning, *, bad):
    """What is left when the rows that break the contract are taken out, and which these are."""
    leads, events = [dict(one) for one in case.leads], [dict(one) for one in case.events]
    rows = leads if table == "leads" else events
    rows[row][column] = meaning
    out = {("leads", place, column) for place in ([row] if bad and table == "leads" else [])}
    if column == "lead_id" and table == "leads" and meaning is not None:
        same = [place for place, one in enumerate(leads) if one["lead_id"] == meaning]
        out = {("leads", place, column) for place in same if len(same) > 1}
    gone = {place for _, place, _ in out}
    leads = [one for place, one in enumerate(leads) if place not in gone]
    known = {one["lead_id"] for one in leads}
    if bad and table == "events":
        out.add(("events", row, column))
    out |= {("events", place, "lead_id") for place, one in enumerate(events) if one["lead_id"] not in known}
    gone = {place for name, place, _ in out if name == "events"}
    return leads, [one for place, one in enumerate(events) if place not in gone], out


@given(spoilt())
def test_a_spoilt_cell_is_refused_by_name_or_set_aside_or_legal(drawn):
    case, rulebook, table, column, row, cell, meaning, bad = drawn
    leads, events = spoil(case, table, column, row, cell)
    kept_leads, kept_events, out = left(case, table, column, row, meaning, bad=bad)
    wanted = expected(Case(case.document, kept_leads, kept_events, case.as_of))
    if out:
        with pytest.raises(ls.ContractError) as caught:
            ls.load_tables(leads, events, rulebook=rulebook)
        named = {problem.where for problem in caught.value.problems}
        assert f"{table}.{column}" in named or (not bad and named == {"events.lead_id"})
        assert_located(caught.value)
    else:
        tables = ls.load_tables(leads, events, rulebook=rulebook)
        assert plain(ls.score(tables, rulebook, as_of=case.as_of).frame) == wanted
    try:
        tables = ls.load_tables(leads, events, rulebook=rulebook, strict=False)
    except ls.ContractError as error:
        # A bad cell of a `where`, or of a column that no rule reads but the file requires: refused by name.
        assert bad
        assert {problem.where for problem in error.problems} == {f"{table}.{column}"}  # noqa: PT017
        assert table == "events" or column not in lead_kinds(rulebook)
        assert column not in {"lead_id", "event", "at", "created_at"}
        return
    found = set(tables.rejected[["table", "row", "column"]].itertuples(index=False, name=None))
    assert found == out
    assert len(tables.rejected) == len(out)
    assert plain(ls.score(tables, rulebook, as_of=case.as_of).frame) == wanted


@given(cases(), st.data())
def test_a_cell_that_no_column_holds_is_refused_by_name(case, data):
    rulebook = ls.Rulebook.from_dict(case.document)
    made = dict(zip(("leads", "events"), frames(case), strict=True))
    table = data.draw(st.sampled_from(["leads", "events"]))
    assume(len(made[table]))
    column = data.draw(st.sampled_from(list(made[table].columns)))
    row = data.draw(st.integers(0, len(made[table]) - 1))
    series = made[table][column].astype(object)
    series.iloc[row] = OBJECTS[data.draw(st.integers(0, len(OBJECTS) - 1))]
    made[table] = made[table].assign(**{column: series})
    asked = {
        "lead_id",
        "event",
        "at",
        "created_at",
        *(lead_kinds(rulebook) if table == "leads" else event_kinds(rulebook)),
    }
    asked |= {name for name, one in rulebook.columns.items() if one.required != "no" and table == "leads"}
    for strict in (True, False):
        if column in asked:
            with pytest.raises(ls.ContractError, match=re.escape(f"{table}.{column}: ")):
                ls.load_tables(made["leads"], made["events"], rulebook=rulebook, strict=strict)
        else:
            tables = ls.load_tables(made["leads"], made["events"], rulebook=rulebook, strict=strict)
            assert plain(ls.score(tables, rulebook, as_of=case.as_of).frame) == expected(case)
