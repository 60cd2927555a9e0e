"""What passes between a bench and the browser, as plain data: `workbench.js` shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from leadscore.threshold.capacity import WEEK
from leadscore.threshold.workbench.bench import Bench
from leadscore.threshold.workbench.numbers import bare
from leadscore.threshold.workbench.sentences import Tried, amount
from leadscore.threshold.workbench.what_if import Setting, WhatIf
from leadscore.threshold.workbench.written import home_of

# Leads, and values of a column, that are shown.
_SHOWN, _MOST_GROUPS = 8, 12
_OF_NUMBERS = ("key", "part", "label", "unit", "value", "low", "high")


def setup_of(bench: Bench, *, round_to: int = 1) -> dict[str, Any]:
    """All that the page needs; counts rounded to multiples of so many."""
    hand_overs, now = bench.evidence.hand_overs, bench.as_it_is
    numbers = [bench.numbers[key] for key in bench.offered]
    held_weeks = (hand_overs.newest + 1 - hand_overs.held_from) // WEEK
    notes = (f"Counts are rounded to multiples of {round_to}.",) if round_to > 1 else ()
    board = bench.on(bench.setting)[1].to_dict(round_to=round_to) if bench.setting.numbers else None
    return {
        "title": bench.title,
        "basis": bench.basis,
        "notes": [*bench.notes, *notes],
        "stage": bench.stage,
        "why": bench.why_no_share,
        "now": list(now.bars),
        "base": bench.on(now)[1].to_dict(round_to=round_to),
        "board": board,
        "paired": _paired(bench.current.asked.tried),
        "held": f"{held_weeks} newest weeks" if held_weeks > 0 else "",
        "numbers": [{name: getattr(number, name) for name in _OF_NUMBERS} for number in numbers],
        "by": list(bench.people.groups),
        "home": home_of(bench.base.rulebook).name,
        **state_of(bench),
    }


def state_of(bench: Bench) -> dict[str, Any]:
    """What changes as one tries: the setting, the tries kept, the look at the weeks held back, the capacity."""
    kept = [
        {**_plain(one.setting), "opened": one.opened, "figures": _figures(bench.answer(one.setting).asked.tried)}
        for one in bench.kept
    ]
    capacity = bench.capacity
    return {"setting": _plain(bench.setting), "kept": kept, "opened": bench.opened, "capacity": capacity}


def setting_of(plain: Mapping[str, Any]) -> Setting:
    """A setting as the browser has it."""
    return Setting(tuple(map(float, plain["bars"])), {key: float(value) for key, value in plain["numbers"].items()})


def told(bench: Bench, found: WhatIf) -> dict[str, Any]:
    """What the browser does not work out itself."""
    groups = bench.people.groups
    return {
        "board": bench.on(found.asked.setting)[1].to_dict() if found.numbers else None,
        "paired": _paired(found.asked.tried),
        "entered": _rows(found.entered, list(groups)[:1]),
        "left": _rows(found.left, list(groups)[:1]),
        "by": {name: _cells(found.by(name)) for name in groups},
        "diff": found.diff,
        "findings": list(found.findings),
        "problem": found.asked.problem,
    }


def _plain(setting: Setting) -> dict[str, Any]:
    return {"bars": list(setting.bars), "numbers": dict(setting.numbers)}


def _paired(tried: Tried) -> list[float | None] | None:
    if tried.paired is None:
        return None
    apart = tried.paired.apart
    return [apart if math.isfinite(apart) else None, tried.paired.backlog]


def _figures(tried: Tried) -> dict[str, Any]:
    """The figures of a try that was kept."""
    share = tried.share
    return {
        "text": tried.words,
        "perWeek": list(tried.per_week),
        "share": [share.value, share.low, share.high] if math.isfinite(share.value) else None,
        "reach": list(tried.reach_per_week) if math.isfinite(tried.reach_per_week[0]) else None,
        "tooMany": tried.too_many,
    }


def _rows(frame: pd.DataFrame, columns: list[str]) -> dict[str, Any]:
    """The first leads of a side."""
    rows = [
        [
            str(lead),
            *(str(row[name]) for name in columns),
            *(bare(row[name]) for name in ("fit", "behaviour", "total")),
            row["why"],
            row["outcome"],
        ]
        for lead, row in frame.head(_SHOWN).iterrows()
    ]
    heads = ["lead", *columns, "fit", "behaviour", "total", "why", "what became of it"]
    return {"n": len(frame), "heads": heads, "rows": rows}


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    """How many of each value, the most first."""
    shown = frame.sort_values("a week tried", ascending=False, kind="stable").head(_MOST_GROUPS)
    rows = zip(shown.index, shown.to_numpy(), strict=True)
    return [[str(name), *(amount(value) for value in row)] for name, row in rows]
