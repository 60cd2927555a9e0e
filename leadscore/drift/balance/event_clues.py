"""What raw events say of a change: kinds that appear or stop, what bots made, MQLs that live on old events."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.days import day_of
from leadscore.base.text import normalise
from leadscore.base.times import DAY
from leadscore.drift.balance.alarm import Watch, first_day
from leadscore.drift.balance.attribution import compared_line, gaps_of
from leadscore.drift.cohorts import cohorts_of, mondays, sides_of
from leadscore.errors import ArgumentError
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import BehaviourRule
from leadscore.scoring.binding import Binding
from leadscore.stats.intervals import Floats, with_shares
from leadscore.tables.bots import REASONS, bots_of, reasons_of
from leadscore.tables.tables import Tables

# Fewer in all weeks concerned may be missing by chance; a kind that stopped may leave stragglers.
_FEWEST, _STRAGGLERS = 20, 0.01
# A lead is scored some weeks after what it did.
_SLACK_WEEKS = 4
# So many weeks before the change are scored again.
_MOST_BEFORE = 52
# What was done longer ago than a quarter is long ago.
LONG_AGO_DAYS = 90

Weeks = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class BotClues:
    """What flagged events make of a change.

    Attributes
    ----------
    frame : DataFrame, index figure: gap, behaviour, MQLs a week, carried
        `before`, `since`, `change`, the same with `_without` flagged events, and their `share` of the change.
    reasons : DataFrame, index reason
        Flagged events a week: `before`, `since`, and the `leads` they are of.
    share, low, high, errors : float
        Of the change of the gap, with its interval (95 %, by weeks), and in standard errors of weeks.
    """

    frame: pd.DataFrame
    reasons: pd.DataFrame
    share: float
    low: float
    high: float
    errors: float


def appeared_or_stopped(series: pd.DataFrame, begin: int) -> pd.DataFrame:
    """What began or ceased to come about when the change did, of weekly counts.

    Parameters
    ----------
    series : DataFrame, (n_weeks, n_kinds)
    begin : int
        Position of the week of the change; up to four weeks before it count as then.

    Returns
    -------
    DataFrame, index kind
        `what` (appeared or stopped), `week` (position), `before` and `since` (mean counts a week).
    """
    earliest = max(begin - _SLACK_WEEKS, 1)
    rows = {}
    for name in series:
        counts = series[name].to_numpy(float)
        usual = float(np.median(counts[:earliest]))
        there = counts > _STRAGGLERS * usual
        first, last = (int(np.flatnonzero(there)[end]) if there.any() else -1 for end in (0, -1))
        absent = len(counts) - 1 - last
        pauses = np.diff(np.flatnonzero(np.concatenate([[True], there[:earliest], [True]]))).max() - 1
        if first >= earliest and counts[first:].sum() >= _FEWEST:
            rows[name] = ("appeared", first, counts[:first].mean(), counts[first:].mean())
        elif 0 <= earliest <= last + 1 and absent > pauses and usual * absent >= _FEWEST:
            rows[name] = ("stopped", last + 1, usual, counts[last + 1 :].mean())
    return pd.DataFrame.from_dict(rows, orient="index", columns=["what", "week", "before", "since"])


def kinds_by_week(tables: Tables, rulebook: Rulebook, weeks: Weeks) -> pd.DataFrame:
    """How many events of each kind came in each of the weeks; columns are names of events, normalised."""
    raw = [normalise(str(value)) for value in tables.events.values["event"].to_pylist()]
    code, names = pd.factorize(np.array(raw, object), sort=True)
    starts = np.array([first_day(week) for week in weeks])
    length = int(starts[-1] - starts[0]) // 7 + 1
    found = np.zeros((len(names), length))
    for batch in tables.events.batches:
        place = (batch.local(rulebook.timezone) // DAY - starts[0]) // 7
        rows = np.flatnonzero((place >= 0) & (place < length))
        cell = code[batch.codes["event"][rows]] * length + place[rows]
        counts = None if batch.count is None else batch.count[rows]
        found += np.bincount(cell, counts, found.size).reshape(found.shape)
    return pd.DataFrame(found.T[(starts - starts[0]) // 7], columns=names)


def bot_clues(
    watch: Watch, binding: Binding, before: Weeks, since: Weeks, age_days: int
) -> tuple[BotClues | None, list[str]]:
    """What flagged events make of the change, None where there are none; and what to know of it."""
    tables = binding.tables
    reason, notes = _flagged(tables)
    if reason is None:
        return None, notes
    if tables.created() is None:
        return None, [*notes, "No lead has a created_at, so weeks cannot be recounted without suspected bots."]
    if not (reason >= 0).any():
        return None, [*notes, "No event looks like a bot's."]
    before = before[-_MOST_BEFORE:]
    weeks, human = [*before, *since], copy(tables)
    human.events = tables.events.keeping(reason < 0)
    without = Binding(human, binding.first, binding.last)
    sides = [_again(watch, one, weeks, age_days) for one in (binding, without)]
    if [week["pool"]["n"] for week in sides[0]] != [week["pool"]["n"] for week in weeks]:
        message = "The tables do not give the weeks counted again, so nothing is said of bots: are leads missing"
        return None, [*notes, f"{message}, other age_days, or weeks that do not begin on a Monday?"]
    parts = [(side[: len(before)], side[len(before) :]) for side in sides]
    whole, rest = ([_gaps(watch, part) for part in side] for side in parts)
    share = compared_line([one - other for one, other in zip(whole, rest, strict=True)], whole)
    return BotClues(_beside(watch, parts), _by_reason(tables, reason, watch, before, since), *share), notes


def _flagged(tables: Tables) -> tuple[npt.NDArray[np.int64] | None, list[str]]:
    """Why each event looks like a bot's, -1 where it does not; None where it is not known. And what to know of it."""
    if "is_bot" in tables.events.values:
        return np.where(bots_of(tables.events), len(REASONS) - 1, -1), []
    if tables.events.timezone is not None:
        return None, ["Daily activity has no times: mark bots before it is made, with flag_bots."]
    try:
        reason, notes = reasons_of(tables.events)
    except ArgumentError as error:
        message = f"Bots were not looked for: {error.problems[0].message}, to flag_bots before load_tables"
        return None, [message.replace("; give", ": give")]
    if "asset" not in tables.events.values:
        notes.append("The events hold no asset: clicks on several links of one mail cannot be detected.")
    return reason, notes


def _again(watch: Watch, binding: Binding, weeks: Weeks, age_days: int) -> list[dict[str, Any]]:
    """The sums of some weeks, scored again."""
    whole, wanted = mondays(first_day(weeks[0]), first_day(weeks[-1]) + 6), {week["week"] for week in weeks}
    cohorts = cohorts_of(binding, watch.rulebook, whole, age_days, begun=binding.first)
    return [sides_of(one.scores, one.mqls, watch.rulebook) for one in cohorts if one.week.isoformat() in wanted]


def _gaps(watch: Watch, weeks: Weeks) -> Floats:
    return gaps_of([week["pool"] for week in weeks], watch.spread["pool"])


def _beside(watch: Watch, sides: Sequence[tuple[Weeks, Weeks]]) -> pd.DataFrame:
    """Each figure before and since, with and without flagged events."""
    frame = pd.DataFrame()
    for ending, parts in zip(("", "_without"), sides, strict=True):
        for when, part in zip(("before", "since"), parts, strict=True):
            now = watch.standing(part)
            figures = {"gap": _gaps(watch, part).mean(), "behaviour": now["behaviour"]}
            figures |= {"MQLs a week": now["mqls"] / now["weeks"], "carried": now["carried"]}
            frame[when + ending] = pd.Series(figures)
        frame[f"change{ending}"] = frame[f"since{ending}"] - frame[f"before{ending}"]
    points = frame["change"].where((frame["change"] != 0) & frame.index.isin(["gap", "behaviour"]))
    return frame.assign(share=1 - frame["change_without"] / points).rename_axis("figure")


def _by_reason(
    tables: Tables, reason: npt.NDArray[np.int64], watch: Watch, before: Weeks, since: Weeks
) -> pd.DataFrame:
    """Flagged events a week, before and since, by reason."""
    first, begin, last = (first_day(week) for week in (before[0], since[0], since[-1]))
    batches = tables.events.batches
    frame = pd.DataFrame(
        {
            "reason": pd.Categorical.from_codes(reason.tolist(), pd.Index(REASONS)),
            "day": np.concatenate([one.local(watch.rulebook.timezone) for one in batches]) // DAY,
            "lead": np.concatenate([one.lead for one in batches]),
            "count": np.concatenate([np.ones(len(one)) if one.count is None else one.count for one in batches]),
        }
    )
    frame = frame[(reason >= 0) & (frame["day"] >= first) & (frame["day"] < last + 7)]
    late = frame["day"] >= begin
    counts = {"before": frame["count"].where(~late, 0), "since": frame["count"].where(late, 0)}
    by_reason = frame.assign(**counts).groupby("reason", observed=True)
    a_week = by_reason[["before", "since"]].sum() / [(begin - first) / 7, (last - begin) / 7 + 1]
    return a_week.assign(leads=by_reason["lead"].nunique())


def old_events(binding: Binding, rulebook: Rulebook, before: Weeks, since: Weeks) -> pd.DataFrame:
    """How many MQLs would not have come about if no event counted longer than a quarter.

    Returns
    -------
    DataFrame, index before, since
        `n` MQLs, `old` those that owe it to what was done more than `LONG_AGO_DAYS` days before, `share`, `low`,
        `high` (95 % Wilson). Empty where each rule that gives points ends within that.
    """
    rules = [rule for rule in rulebook.behaviour if _without_end(rule)]
    ended = {("behaviour", rule.name, "within_days"): LONG_AGO_DAYS for rule in rules}
    # What other files say cannot be edited from here.
    if not ended or rulebook.include:
        return pd.DataFrame()
    period = first_day(before[-len(since) :][0]), first_day(since[-1]) + 6
    found = [binding.history(book, binding.first, period[1]).frame for book in (rulebook, rulebook.edited(ended))]
    new = found[0][~found[0]["already"] & (found[0]["day"] >= pd.Timestamp(day_of(period[0])))]
    old = ~new.index.isin(found[1].index)
    late = (new["day"] >= pd.Timestamp(since[0]["week"])).to_numpy()
    counts = [(int(chosen.sum()), int((chosen & old).sum())) for chosen in (~late, late)]
    frame = pd.DataFrame(counts, pd.Index(["before", "since"], name="when"), columns=["n", "old"])
    return with_shares(frame, "old", "n")


def _without_end(rule: BehaviourRule) -> bool:
    """Whether a rule gives points for what was done long ago, worth more than half of what they were."""
    if not rule.event or rule.cases or (rule.within_days is not None and rule.within_days <= LONG_AGO_DAYS):
        return False
    if rule.from_ is not None:
        return max(rule.from_.values()) > 0
    return rule.worth(0) > 0 and rule.worth(LONG_AGO_DAYS) * 2 >= rule.worth(0)
