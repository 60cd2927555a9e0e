"""Other results of `leadscore.drift` whose columns, values, rules, events, periods and streams have the names given."""

import numpy as np
import pandas as pd

import leadscore as ls
from tests.support.hostile import as_id, printable

BEFORE, AFTER = ("2026-01-05", "2026-02-01"), ("2026-02-02", "2026-03-01")


def _column(name):
    """A column of this name, where the rulebook may have it."""
    return printable(f"column {name}")


def _decomposition(one, other):
    """Leads of one source by fit, of another by events that are recorded in the second period only."""
    n, value = 40, printable(f"{one}, {other}.")
    rules = {
        "fit": [{"name": printable(f"fit {one}"), "when": {_column(one): value}, "points": 20}],
        "behaviour": [{"name": printable(one), "event": printable(f"event {other}"), "points": 10}],
    }
    segment = {"name": printable(f"segment {other}"), "when": {_column(one): value}, "threshold": 5}
    qualify = {"threshold": 10, "segments": [segment]}
    book = ls.Rulebook.from_dict({"leadscore": 1, "name": printable(other), **rules, "qualify": qualify})
    ids = [f"{as_id(one)}{number}" for number in range(n)]
    created = pd.Timestamp(BEFORE[0]) + pd.to_timedelta(np.arange(n) * 56 // n, unit="D")
    leads = pd.DataFrame({"lead_id": ids, "created_at": created, _column(one): [one, value] * (n // 2)})
    events = pd.DataFrame({"lead_id": ids[n // 2 :], "event": printable(f"event {other}"), "at": created[n // 2 :]})
    tables = ls.load_tables(leads, events, rulebook=book)
    found = ls.drift.decompose(tables, book, before=BEFORE, after=AFTER, source=_column(one))
    assert any("is a change of tracking" in note for note in found.notes)
    return found


def _stability(one, other):
    """One column of text and one of numbers that changed, with a value that is new; others of one sample only."""
    text, number = f"{one} as text", f"{other} as number"
    first = pd.DataFrame({text: ["a"] * 40 + [f"{other}."] * 20, number: range(60)})
    second = pd.DataFrame({text: ["a"] * 20 + [f"new {other}"] * 40, number: range(100, 160)})
    lone = {f"{one} alone": "a", f"{one}, {other} as times": pd.Timestamp("2026-01-01")}
    found = ls.drift.stability(first.assign(**lone), second)
    assert len(found.changes) == 2
    return found


def _outcomes(one, other):
    """A column whose values are others since the reference, so that neither can be compared."""
    n, column = 70 * 12, f"{one} as column"
    ids = np.array([f"{as_id(other)}{number}" for number in range(n)])
    day = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * (np.arange(n) // 12), unit="D"), ids)
    late = np.arange(n) > n // 2
    leads = pd.DataFrame({"lead_id": ids, column: np.where(late, f"{other}.", one)})
    won = np.flatnonzero(np.arange(n) % 3 == 0)
    outcomes = pd.DataFrame({"lead_id": ids[won], "stage": "sal", "at": day.to_numpy()[won] + pd.Timedelta(9, "D")})
    tables = ls.load_tables(leads, None, outcomes, columns=[column], observed_until="2025-06-30")
    points = pd.Series(np.arange(n) % 7.0, ids)
    found = ls.drift.outcome_drift(
        tables, points, stage="sal", as_of=day, within_days=20, by=column, reference_weeks=30
    )
    assert any(column in note for note in found.notes)
    return found


def _streams(one, other):
    """A stream that changed, one that never does, and one without figures."""
    weeks = pd.date_range("2024-01-01", periods=60, freq="7D")
    steps = np.where(np.arange(60) < 30, 1.0, 9.0) + np.tile([0.0, 0.5, 0.2], 20)
    streams = {("fires", one): steps, ("mix", f"{one} = {other}"): 1.0, (other, "x"): np.nan}
    n = pd.DataFrame(100, weeks, [*streams][1:])
    figures = pd.DataFrame(streams, weeks)
    found = ls.drift.watch_streams(figures, n, reference_weeks=26, horizon_weeks=20, budget=0.5)
    assert ("fires", one) in found.alarms.index
    return found


RESULTS = {
    "Decomposition": _decomposition,
    "Stability": _stability,
    "OutcomeDrift": _outcomes,
    "StreamWatch": _streams,
}
