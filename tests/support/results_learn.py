"""Results of `leadscore.learn` in which leads, columns, values, rules, segments and events have the names given."""

import datetime as dt
from functools import cache

import numpy as np
import pandas as pd

import leadscore as ls
from leadscore.learn.guards.guards import guards
from leadscore.learn.publish.gate import gate
from leadscore.learn.publish.training import Trained
from leadscore.learn.rows.snapshots import Snapshots
from leadscore.learn.rules.evidence import evidence
from leadscore.learn.rules.reweighing import reweigh
from leadscore.learn.rules.suggestions import suggest
from tests.support.hostile import as_id

_N = 240
_DAY = 20_000 + np.arange(_N) // 8


@cache
def _drawn():
    """Chance that does not depend on names: outcomes, and a trait that goes with them."""
    rng = np.random.default_rng(0)
    trait = rng.random(_N) < 0.4
    return rng.random(_N) < np.where(trait, 0.75, 0.15), trait, rng.random(_N) < 0.5


def _book(one, other):
    """Rules, a segment and a rulebook of these names; the language itself takes one line of what can be seen."""
    one, other = (" ".join(name.split()) if name.isprintable() else ascii(name) for name in (one, other))
    return ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": f"book {one}",
            "fit": [{"name": f"rule {one}", "when": {"trait": {"is": "yes"}}, "points": 10}],
            "behaviour": [{"name": f"did {other}", "event": "visit", "points": 5}],
            "qualify": {
                "threshold": 5,
                "segments": [{"name": f"segment {other}", "when": {"side": {"is": "left"}}, "threshold": 8}],
                "never": [{"name": f"never {one}", "when": {"trait": {"is": "no such"}}}],
            },
        }
    )


def _snapshots(one, other):
    won, trait, side = _drawn()
    ids = np.array([f"{as_id(one)}{number}" for number in range(_N)])
    column = f"column {other}"
    leads = pd.DataFrame(
        {
            "lead_id": ids,
            "trait": np.where(trait, "yes", "no"),
            "side": np.where(side, "left", "right"),
            column: np.where(won ^ (np.arange(_N) % 9 == 0), f"value {one}", f"value {other}."),
        }
    )
    events = pd.DataFrame({"lead_id": ids[::3], "event": "visit", "at": _DAY[::3].astype("datetime64[D]")})
    tables = ls.load_tables(leads, events, rulebook=_book(one, other), columns=[column])
    index = pd.MultiIndex.from_arrays([ids, _DAY.astype("datetime64[D]")], names=["lead_id", "as_of"])
    features = leads.drop(columns="lead_id").set_axis(index)
    y = pd.Series(won, index, dtype="boolean")
    until = dt.date(2026, 3, 31)
    return Snapshots(features, y, {}, tables, np.arange(_N, dtype=np.int32), _DAY, "won", 30, until, True, (one,))


def _guards(one, other):
    won, trait, _ = _drawn()
    values = np.where(trait, f"value {one}", "unknown")
    frame = pd.DataFrame({one: np.where(won, other, f"{other}."), f"{one} {other}": values, f"id {one}": range(_N)})
    return guards(frame, won)


def _trained(one, other):
    """Put together and not learned, which takes seconds."""
    rows = _snapshots(one, other)
    model = ls.LeadClassifier(bins="tree", encoding="onehot", C=1.0, guards=None).fit(rows.X, rows.y)
    model.guards_ = _guards(one, other)
    verdict = gate(_drawn()[1] * 1.0, _book(one, other), rows, capacity_per_week=3)
    days = verdict.start, verdict.end
    return Trained(
        _book(one, other),
        _book(other, one),
        model,
        model.points_card(),
        verdict,
        rows,
        rows,
        3.0,
        4.0,
        3.0,
        *days,
        (one,),
    )


RESULTS = {
    "Trained": _trained,
    "Snapshots": _snapshots,
    "Evidence": lambda one, other: evidence(_book(one, other), _snapshots(one, other)),
    "Suggestions": lambda one, other: suggest(_book(one, other), _snapshots(one, other), min_leads=10),
    "Reweighed": lambda one, other: reweigh(_book(one, other), _snapshots(one, other), points_to_double=10),
    "Guards": _guards,
    "Verdict": lambda one, other: gate(
        _drawn()[1] * 1.0, _book(one, other), _snapshots(one, other), capacity_per_week=3, by=f"column {other}"
    ),
}
