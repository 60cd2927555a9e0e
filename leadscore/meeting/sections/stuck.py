"""Which leads and deals are older than usual for their stage, and what sets won deals apart from lost ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.text import counted
from leadscore.meeting.drafts import CONTEXT, SURE, Asked, Comparison, Draft, Silent, Written, simes
from leadscore.meeting.trait_tables import table
from leadscore.present.figures import duration, money
from leadscore.present.page import CLEAR, COUNTED, Ageing, Ages, MainPoint, PageSection, Table, ToDecide
from leadscore.sales.deals.deals import currency_of
from leadscore.sales.deals.stuck import Stuck, stuck_of
from leadscore.sales.facts import Facts
from leadscore.sales.traits.won_lost import FEW_CLOSED, WonLost, won_lost_of

_TRAITS = "stuck: won against lost"
# Dots of a stage in the picture.
_DOTS = 40
_MINUTES_OF_A_DAY = 1440.0
# From so many days on a tenth of one says nothing.
_WHOLE_FROM = 10


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where no lead ever came to a stage."""
    found, closed = facts.once(stuck_of), facts.once(won_lost_of)
    if found.frame.empty:
        return Silent("Where deals get stuck: no outcome is a stage after lead.")
    n = closed.won + closed.lost
    comparisons = []
    if min(closed.won, closed.lost) >= max(asked.few, FEW_CLOSED):
        method = f"Fisher's exact test, Simes over {counted(len(closed.frame), 'trait')}"
        what = "share won of deals with each trait against those without it"
        comparisons.append(Comparison(_TRAITS, what, method, n, simes(closed.frame["q"])))
    currency = currency_of(facts.tables)
    return Draft(
        tuple(comparisons),
        lambda clear: _written(found, closed, currency, traits_clear=bool(comparisons) and clear(_TRAITS)),
    )


def _written(found: Stuck, closed: WonLost, currency: str, *, traits_clear: bool) -> Written:
    headline = _headline(found)
    apart = closed.headline if traits_clear else ""
    figures = {
        "stages": found.frame.astype(object).where(found.frame.notna(), None).T.to_dict(),
        "won": closed.won, "lost": closed.lost,
    }  # fmt: skip
    text = (*_usual(found), *found.notes, f"Won against lost: {_won_lost(closed, clear=traits_clear)}")
    section = PageSection(
        "stuck", "Where deals get stuck, and what wins", headline, COUNTED, text, _picture(found),
        tuple(_tables(found, closed, currency)), figures,
    )  # fmt: skip
    main = [(SURE, MainPoint("stuck", f"Won against lost: {apart}", CLEAR))] if apart else []
    main += [(CONTEXT, MainPoint("stuck", headline, COUNTED))] if found.frame["older"].fillna(0).any() else []
    return Written(section, tuple(main), tuple(_decide(found, currency)))


def _headline(found: Stuck) -> str:
    older = found.frame["older"].fillna(0).to_dict()
    total, there = int(sum(older.values())), int(found.frame["open"].sum())
    if found.frame["older"].isna().all():
        return f"{counted(there, 'lead or deal is', 'leads and deals are')} open; which age is usual is not known yet."
    if not total:
        return f"None of {counted(there, 'open lead')} and deals is older than usual for its stage."
    where = max(older, key=lambda stage: older[stage])
    most = f"{older[where]:,.0f} of {found.frame['open'].to_dict()[where]:,}"
    said = "lead or deal is" if total == 1 else "leads and deals are"
    at = f"it is at “{where}”" if total == 1 else f"most are at “{where}” ({most})"
    return f"{total:,} {said} older than usual for {'its' if total == 1 else 'their'} stage; {at}."


def _usual(found: Stuck) -> Iterator[str]:
    older = found.frame[found.frame["older"].fillna(0) > 0]
    if len(older):
        row = older.sort_values("older", ascending=False, kind="stable").iloc[0]
        yield (
            "“Older than usual” means beyond the time in which three in four of past ones moved on or left; those "
            f"still there are counted in that. For “{row.name}” it is {in_days(row['usual'])}."
        )


def _won_lost(closed: WonLost, *, clear: bool) -> str:
    """One sentence or two; a trait is named only where that is clear."""
    n = closed.won + closed.lost
    if clear or min(closed.won, closed.lost) < FEW_CLOSED:
        return closed.headline
    return f"{closed.won:,} of {n:,} closed deals were won. No trait clearly sets won deals apart from lost ones."


def in_days(days: float) -> str:
    """A time in stage, in days; under a day in hours and minutes."""
    if not math.isfinite(days):
        return "not reached"
    if 0 < days < 1:
        return duration(round(days * _MINUTES_OF_A_DAY))
    said = f"{days:,.0f}" if days >= _WHOLE_FROM else f"{days:,.1f}".removesuffix(".0")
    return f"{said} day{'' if said == '1' else 's'}"


def _picture(found: Stuck) -> Ageing:
    rows, older = [], found.frame["older"].fillna(0).to_dict()
    for stage, row in found.frame.iterrows():
        days = np.sort(found.cases.loc[found.cases["stage"] == stage, "days"].to_numpy())
        # An even sample of all ages, the youngest and the oldest among them.
        places = np.linspace(0, len(days) - 1, min(len(days), _DOTS)).round().astype(np.int64)
        median, usual = (float(row[name]) if np.isfinite(row[name]) else None for name in ("median", "usual"))
        rows.append(Ages(str(stage), tuple(days[places].tolist()), len(days), int(older[stage]), median, usual))
    caption = (
        "Each dot is an open lead or deal (a sample where there are many). Band: time in which three in four moved on; "
        "tick: median. Dark outlined dots: older than usual. Scale is stretched for short times."
    )
    return Ageing("Open leads and deals by stage and age", caption, tuple(rows))


def _tables(found: Stuck, closed: WonLost, currency: str) -> Iterator[Table]:
    rows = []
    frame = found.frame.astype(object).where(found.frame.notna(), None)
    for stage, row in frame.iterrows():
        amount = "" if row["amount"] is None else money(float(row["amount"]), currency)
        older = "" if row["older"] is None else f"{row['older']:,}"
        times = (_with_interval(row, name) for name in ("median", "usual"))
        rows.append((str(stage), f"{row['open']:,}", *times, older, amount))
    within = ("Half moved on within (95%)", "Three in four within (95%)")
    heads = ("Stage", "Open now", *within, "Older than that", "Amount")
    yield Table("Time in stage", heads, tuple(rows), (1, 2, 3, 4, 5))
    yield from table(closed.frame, "Traits of won and lost deals", "won", closed.notes)


def _with_interval(row: pd.Series[Any], name: str) -> str:
    said, low, high = (in_days(float(row[end])) for end in (name, f"{name}_low", f"{name}_high"))
    return f"{said} ({low} to {high})"


def _decide(found: Stuck, currency: str) -> Iterator[ToDecide]:
    """What to do with the stage where most are stuck, where it is one in five or more."""
    frame = found.frame[found.frame["older"].fillna(0) >= 5]
    frame = frame[frame["older"] * 5 >= frame["open"]].sort_values("older", ascending=False, kind="stable")
    if len(frame):
        row, worth = frame.iloc[0], float(frame["older_amount"].iloc[0])
        amount = "" if math.isnan(worth) else f", worth {money(worth, currency)}"
        facts = (
            f"{row['older']:,.0f} of {row['open']:,.0f} have been there for more than {in_days(row['usual'])}{amount}."
        )
        options = ("go through them together", "close what nobody works on", "agree a next step for this stage")
        yield ToDecide(f"What happens to those that are stuck at “{row.name}”?", facts, options)
