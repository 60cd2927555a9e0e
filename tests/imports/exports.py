"""Exports made up for tests: a data file, and frames of its sources, of people with several names."""

import pandas as pd
from hypothesis import strategies as st

import leadscore as ls

TEXT = """
data: 1
timezone: Europe/Berlin
sources:
  people:
    columns: {created: {type: time}, size: {type: number, thousands: ","}, won: {type: time}}
    drop: {email: {ends_with: "@us.example"}}
  clicks: {columns: {at: {type: time}, got: {type: time}}}
  history: {columns: {at: {type: time}}}
  merges: {}
leads:
  people:
    from: people
    lead_id: id
    created_at: created
    columns: {email: {column: email, part: email}, size: size, title: title}
events:
  clicks:
    from: clicks
    unique_key: key
    received_at: got
    lead_id: {first: [{column: id}, {column: email, kind: email}]}
    event: {column: kind, values: {OPEN: email_open, CLICK: email_click, SENT: null}}
    at: at
outcomes:
  history:
    from: history
    lead_id: {column: id, separator: ";"}
    stage: {column: stage, values: {m: mql, s: sql, w: won, r: recycled, x: null}}
    repeats: first
    at: at
  dates: {from: people, lead_id: id, stage_dates: {won: won}}
identity:
  aliases:
    merged: {from: merges, alias: old, lead_id: new}
    email: {from: people, alias: {column: email, part: email}, kind: email, lead_id: id}
  same_person: email
order_tolerance_hours: 12
"""
DATA = ls.imports.DataFile.from_yaml(TEXT)

_IDS = st.sampled_from([f"p{number}" for number in range(6)])
_OTHERS = st.sampled_from([f"o{number}" for number in range(4)])
_EMAILS = st.sampled_from(["a@x.example", " A@X.example", "b@x.example", "test@us.example", None])
_TIMES = st.integers(0, 200).map(lambda hours: str(pd.Timestamp("2026-03-01") + pd.Timedelta(hours, "h")))


def _rows(columns, most):
    return st.lists(st.fixed_dictionaries(columns), max_size=most).map(
        lambda rows: pd.DataFrame(rows, columns=list(columns), dtype=object)
    )


@st.composite
def exports(draw):
    """Frames by source, as `import_tables` takes them."""
    people = draw(
        _rows({"id": _IDS, "created": _TIMES, "email": _EMAILS, "title": st.sampled_from(["CFO", "VP", None])}, 6)
    )
    # Some leads stand in two rows, which may differ.
    size = draw(st.lists(st.sampled_from(["1,037", "85", None]), min_size=len(people), max_size=len(people)))
    won = draw(st.lists(st.one_of(st.none(), _TIMES), min_size=len(people), max_size=len(people)))
    who = st.one_of(st.none(), _IDS, _OTHERS, st.just("stranger"))
    clicks = {
        "key": st.integers(0, 9).map(str),
        "id": who,
        "email": _EMAILS,
        "kind": st.sampled_from(["OPEN", "click", "SENT"]),
        "at": _TIMES,
        "got": _TIMES,
    }
    several = st.lists(st.one_of(_IDS, _OTHERS), max_size=2).map("; ".join)
    history = {"id": several, "stage": st.sampled_from(list("mswrx")), "at": _TIMES}
    merges = draw(st.dictionaries(_OTHERS, st.one_of(_IDS, _OTHERS), max_size=4))
    return {
        "people": people.assign(size=size, won=won),
        "clicks": draw(_rows(clicks, 12)),
        "history": draw(_rows(history, 12)),
        "merges": pd.DataFrame({"old": list(merges), "new": list(merges.values())}, dtype=object),
    }


def rows_of(table):
    """The rows of an Arrow table as sorted text; what they are does not depend on their order."""
    return sorted(map(repr, table.to_pylist()))
