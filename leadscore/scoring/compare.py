"""`compare`: what another rulebook would have done, before it is published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.stages import or_further
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.bounds import shown
from leadscore.rulebook.diff import Change, diff
from leadscore.rulebook.model import minimum
from leadscore.scoring.binding import Binding
from leadscore.scoring.engine import Bound
from leadscore.scoring.replay import History
from leadscore.scoring.timeline import Timeline
from leadscore.stats.intervals import with_shares
from leadscore.tables.groups import By
from leadscore.tables.labels import label
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

_CHANGES = ["gained", "lost", "earlier", "later"]
# Leads whose points by rule are held side by side at a time, and how many differences are told of each.
_ROWS = 1 << 14
# How many leads people see of each change.
_SHOWN = 10
_REASONS = 3


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """What a new rulebook would have done in a period, beside an old one; made by `compare`.

    Attributes
    ----------
    old, new : History
        What each did.
    changes : list of Change
        What the new rulebook says otherwise, in its own words.
    frame : DataFrame, index lead_id, one row per lead that qualifies by one alone, or by both from another day on
        `change` (gained: in the period it qualifies by the new rulebook alone; lost: by the old alone; earlier, later:
        by both, but the new one's first day is that), `day_old`, `day_new`, `days` (new less old), `already` (by one of
        them it qualified before the period too, and its day there is only the start), and of the first day
        on which the two disagree: `total_old`, `total_new` (points) and `reasons` (what most made the new one judge
        otherwise then: rules, before limits; limits; the threshold; what barred or raised a lead whatever its points).
    """

    old: History
    new: History
    frame: pd.DataFrame

    @property
    def changes(self) -> list[Change]:
        """What the new rulebook says otherwise; see the class."""
        return diff(self.old.rulebook, self.new.rulebook)

    @property
    def gained(self) -> pd.DataFrame:
        """The leads that qualify by the new rulebook alone."""
        return self.frame[self.frame["change"] == "gained"].drop(columns=["day_old", "days"])

    @property
    def lost(self) -> pd.DataFrame:
        """The leads that qualify by the old rulebook alone."""
        return self.frame[self.frame["change"] == "lost"].drop(columns=["day_new", "days"])

    @property
    def moved(self) -> pd.DataFrame:
        """The leads that qualify by both, from another day on."""
        return self.frame[self.frame["change"].isin(["earlier", "later"])]

    def weekly(self, by: By | None = None) -> pd.DataFrame:
        """How many leads qualified in each week, by the old rulebook and by the new; see `History.weekly`.

        Returns
        -------
        DataFrame, index week (its Monday), or (group, week); leads without a value are a group too
            `old`, `new`, `difference`, and `days`, how many days of the week lie in the period.
        """
        old, new = (history.weekly(by)["qualified"] for history in (self.old, self.new))
        weekly = pd.DataFrame({"old": old, "new": new}).fillna(0).astype(np.int64)
        days = self.old.weekly()["days"]
        return weekly.assign(difference=weekly["new"] - weekly["old"]).join(days)

    def outcomes(self, *, within_days: int, observed_until: Any = None) -> pd.DataFrame:
        """What became of the leads that the two rulebooks pass on, as far as sales worked them; see `label`.

        Parameters
        ----------
        within_days : int
            After a lead qualified: by the new rulebook if it is gained, else by the old.
        observed_until : date, optional
            The last day whose outcomes are known. By default that of the tables.

        Returns
        -------
        DataFrame, index (group, stage)
            For the leads gained, lost and qualified by both in the period, those that did before it left out, and for
            each of `sal` (accepted) and `won` that is among the outcomes: `leads`, `n` (those of which it is known;
            none where every lead that sales worked reached it), `reached`, `share`, `low`, `high` (95 % Wilson).

        Raises
        ------
        ArgumentError
            If there are no outcomes, or no day or number of days.

        Notes
        -----
        Sales did not choose by the new rulebook: the gained leads that it worked all the same are a selection, so their
        share says less than that of the lost.
        """
        new, old = (_passed_on(history) for history in (self.new, self.old))
        groups = {
            "gained": new.drop(self.old.frame.index, errors="ignore"),
            "lost": old.drop(self.new.frame.index, errors="ignore"),
        }
        groups["both"] = old.loc[old.index.intersection(new.index)]
        asked: dict[str, Any] = {"within_days": within_days, "observed_until": observed_until, "worked_only": True}
        stages, _ = self.old.tables.observed(observed_until)
        rows = []
        for stage in ("sal", "won"):
            nothing = pd.Series(dtype=bool) if stages.only_successes(stage) else None
            for group, day in groups.items() if stages.of(*or_further(stage)).any() else ():
                known = label(self.old.tables, stage=stage, as_of=day, **asked).dropna() if nothing is None else nothing
                rows.append((group, stage, len(day), len(known), int(known.sum())))
        frame = pd.DataFrame(rows, columns=["group", "stage", "leads", "n", "reached"]).set_index(["group", "stage"])
        return with_shares(frame, "reached", "n")

    def plot(self, ax: Any = None) -> Any:
        """Draw how many leads qualified in each week, by each."""
        from leadscore.present.pictures import plot_weekly  # noqa: PLC0415 - matplotlib is loaded when a picture is asked for

        return plot_weekly(self.weekly()[["old", "new", "days"]], ax=ax)

    @property
    def headline(self) -> str:
        """How many leads qualified by each, and how many of them differ."""
        counts = self.frame.loc[~self.frame["already"], "change"].value_counts(sort=False)
        differ = ", ".join(f"{count:,} {change}" for change, count in counts.items())
        old, new = (len(history) - history.already for history in (self.old, self.new))
        by_both = f"{counted(old, 'lead')} qualified by the old rulebook and {new:,} by the new"
        return f"{by_both} from {self.old.start} to {self.old.end}: {differ}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What the words mean, and what is not in the weeks."""
        already = int(self.frame["already"].sum())
        began = f"{counted(already, 'more lead')} had already qualified by one rulebook before the period"
        before = f"{began}: in `frame`, and in no count above and no week."
        return (
            "Gained and lost: qualified by only the new or only the old rulebook; earlier and later: by both.",
            *((before,) if already else ()),
            "Every lead is counted: this is no sample, so there is no interval.",
        )

    def sections(self) -> Iterator[Section]:
        """What changed in the rulebook, the weeks, and the leads, with why."""
        changes = pd.DataFrame(map(asdict, self.changes), columns=[field.name for field in fields(Change)])
        warnings = tuple(f"{one.code}: {one.warning}" for one in self.changes if one.code)
        yield Section(
            "changes", "What changed in the rulebook", changes, changes[["section", "name", "text"]], warnings
        )
        yield Section("weekly", "Leads that qualified in each week, from Monday", self.weekly())
        shown = self.frame.groupby("change", observed=True).head(_SHOWN).sort_values("change", kind="stable")
        left_out = len(self.frame) - len(shown)
        notes = (f"The first {_SHOWN} of each change are shown; {left_out:,} more are in `frame`.",) if left_out else ()
        columns = ["change", "day_old", "day_new", "total_old", "total_new", "reasons"]
        yield Section("frame", "Leads that qualify differently, and why", self.frame, shown[columns], notes)


def _passed_on(history: History) -> pd.Series[Any]:
    """When leads qualified: to the moment where that is known, since sales may accept one the same day."""
    frame = history.frame[~history.frame["already"]]
    return frame["day"] if frame["qualified_at"].isna().any() else frame["qualified_at"]


def _frame(binding: Binding, old: History, new: History) -> pd.DataFrame:
    """`Comparison.frame`."""
    days = pd.DataFrame({"day_old": old.frame["day"], "day_new": new.frame["day"]})
    days = days[days["day_old"].ne(days["day_new"])]
    lead = binding.tables.positions(days.index)
    days, lead = days.iloc[np.argsort(lead)], np.sort(lead)
    apart = (days["day_new"] - days["day_old"]).dt.days
    codes = np.select([days["day_old"].isna(), days["day_new"].isna(), apart < 0], [0, 1, 2], 3)
    change = pd.Series(pd.Categorical.from_codes(codes, pd.Index(_CHANGES)), days.index)
    first = days[["day_old", "day_new"]].min(axis=1).to_numpy("datetime64[D]").astype(np.int64)
    told = _told([binding.timeline(one.rulebook) for one in (old, new)], lead, first).set_axis(days.index)
    before = [one.frame.index[one.frame["already"]] for one in (old, new)]
    already = days.index.isin(before[0]) | days.index.isin(before[1])
    return pd.DataFrame({"change": change, **days, "days": apart.astype("Int64"), "already": already}).join(told)


def _told(timelines: list[Timeline], lead: Positions, day: Positions) -> pd.DataFrame:
    """The totals of leads on days by each rulebook, and what sets them apart."""
    if not len(lead):
        return pd.DataFrame({"total_old": np.zeros(0), "total_new": np.zeros(0), "reasons": pd.Series([], dtype="str")})
    told = []
    for start in range(0, len(lead), _ROWS):
        rows = slice(start, start + _ROWS)
        old, new = (timeline.at(lead[rows], day[rows]) for timeline in timelines)
        before, after = ((bound.fit + bound.behaviour) / 1000 for bound in (old, new))
        told.append(pd.DataFrame({"total_old": before, "total_new": after, "reasons": _reasons(old, new)}))
    return pd.concat(told)


def _reasons(old: Bound, new: Bound) -> list[str]:
    """For each row what most made the new one judge otherwise, the largest first."""
    names = list(dict.fromkeys([*old.plan.names, *new.plan.names]))
    place = {name: index for index, name in enumerate(names)}
    apart = np.zeros((len(names) + 2, old.n), np.int64)
    for bound, sign in ((old, -1), (new, 1)):
        for rule, found in zip(bound.plan.names, bound.every_rule(), strict=True):
            apart[place[rule]] += sign * found.dense(bound.n)
    # What is left between the rules and the totals is what limits took away or gave back.
    apart[-2] = new.fit + new.behaviour - old.fit - old.behaviour - apart.sum(axis=0)
    apart[-1] = old.threshold - new.threshold
    # Only what pulls the way that the verdicts differ is a reason for it.
    direction = np.where(new.via >= 0, 1, -1)
    order = np.argsort(-apart * direction, axis=0, kind="stable")[:_REASONS]
    overrides = list(zip(_overrides(old, "old"), _overrides(new, "new"), strict=True))
    told = []
    for row in range(old.n):
        said = [text for text in overrides[row] if text]
        for item in order[:, row].tolist():
            points = int(apart[item, row])
            if points * direction[row] <= 0:
                break
            if item == len(names) + 1:
                bars = ["none" if bound.plan.threshold is None else shown(bound.threshold[row]) for bound in (old, new)]
                said.append(f"threshold {bars[0]} -> {bars[1]}")
            else:
                said.append(f"{[*names, 'limits'][item]} {'+' * (points > 0)}{shown(points)}")
        told.append("; ".join(said))
    return told


def _overrides(bound: Bound, which: str) -> list[str]:
    """For each row what decided whatever its points against its threshold: `never`, a hand-raise, minimum or grade."""
    qualify = bound.plan.rulebook.qualify
    short = [
        ("minimum fit", bound.fit < minimum(qualify.minimum_fit)),
        ("minimum behaviour", bound.behaviour < minimum(qualify.minimum_behaviour)),
        ("grade", ~bound.graded),
    ]
    enough = bound.fit + bound.behaviour >= bound.threshold
    told = []
    for row in range(bound.n):
        if bound.blocked[row] >= 0:
            told.append(f"{which}: blocked by {bound.plan.never[bound.blocked[row]][0]!r}")
        elif bound.via[row] == 0 and not enough[row]:
            told.append(f"{which}: asked for sales")
        else:
            lacking = [name for name, mask in short if mask[row] and bound.via[row] < 0]
            told.append(f"{which}: {' and '.join(lacking)} not reached" if lacking else "")
    return told


def compare(tables: Tables, old: Rulebook, new: Rulebook, *, start: Any, end: Any) -> Comparison:
    """Say what a new rulebook would have done in a period, beside an old one: whom sales would have got, and when.

    Parameters
    ----------
    tables : Tables
        With the columns of both: `load_tables(..., rulebook=[old, new])`.
    old, new : Rulebook
    start, end : date, or text as "2026-03-31"
        The first and the last day of the period.

    Returns
    -------
    Comparison
        `frame`, `gained`, `lost`, `moved`, `weekly(by)`, `outcomes()`, `plot()`.

    Raises
    ------
    ContractError
        If the tables lack a column a rulebook uses, or hold values that it cannot read.
    ArgumentError
        If `start` or `end` is no day, the period ends before it starts, or the arguments are not in this order.

    Examples
    --------
    >>> import leadscore as ls
    >>> old = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
    ... behaviour: [{name: Pricing page, event: pricing, points: 15}]
    ... qualify: {threshold: 90}
    ... ''')
    >>> new = old.edited(
    ...     {"behaviour.Pricing page.points": 20, "fit.Home market.when.country": ["US", "CA", "GB"]}
    ... )
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"], "country": ["US", "GB"]})
    >>> at = ["2026-03-10", "2026-03-12", "2026-03-12", "2026-03-13"]
    >>> events = pd.DataFrame({"lead_id": ["a", "a", "b", "b"], "event": "pricing", "at": at})
    >>> tables = ls.load_tables(leads, events, rulebook=[old, new])
    >>> comparison = ls.compare(tables, old, new, start="2026-03-01", end="2026-03-31")
    >>> print(comparison.headline)
    1 lead qualified by the old rulebook and 2 by the new from 2026-03-01 to 2026-03-31: 1 gained, 0 lost, 0 earlier,
    0 later.
    >>> comparison.gained[["day_new", "reasons"]]
               day_new                              reasons
    lead_id
    b       2026-03-13  Home market +60; Pricing page +10
    """
    with Arguments("compare") as given:
        given.types(tables=(tables, Tables), old=(old, Rulebook), new=(new, Rulebook))
        first, last = given.period(start, end)
    binding = Binding(tables, first, last)
    before, after = (binding.history(book, first, last) for book in (old, new))
    return Comparison(before, after, _frame(binding, before, after))
