"""`train`: from past leads to a rulebook that the gate has judged; what `leadscore learn` does."""

from __future__ import annotations

import datetime as dt
import warnings
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.text import counted
from leadscore.base.times import one_array, read_times
from leadscore.errors import ArgumentError
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.points_card import PointsCard
from leadscore.learn.publish.gate import Terms, Verdict, verdict_of
from leadscore.learn.publish.renewal import carried_over, renewed, with_threshold
from leadscore.learn.rows.snapshots import NUMERALS, Attribute, Kinds, Snapshots
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.diff import Change, diff
from leadscore.rulebook.kinds import declared_kind, lead_kinds
from leadscore.scoring.binding import Binding
from leadscore.sources.columns import convert

# The newest days, with about this share of the outcomes, are kept for the gate.
_JUDGED = 1 / 3
_WEEK = 7


@dataclass(frozen=True, eq=False, repr=False)
class Trained(Result):
    """A rulebook with learned points, and whether it may replace the one in force; made by `train`.

    Attributes
    ----------
    old, rulebook : Rulebook
        The new one has the rules of the card, and keeps of the old what still holds: see `renewed`.
    model : LeadClassifier
    card : PointsCard
    verdict : Verdict
        Of the gate, on days after those learned from.
    learned, judged : Snapshots
        The rows learned from, and the newer ones; in between lie the days on which the outcomes of the first were open.
    per_week, old_per_week : float
        How many leads qualified in a week, from `start` to `end`, by the new and by the old.
    capacity_per_week : float
    start, end : date
    notes : tuple of str
        What to know before it is believed.
    """

    old: Rulebook
    rulebook: Rulebook
    model: LeadClassifier
    card: PointsCard
    verdict: Verdict
    learned: Snapshots
    judged: Snapshots
    per_week: float
    old_per_week: float
    capacity_per_week: float
    start: dt.date
    end: dt.date
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many leads qualify in a week, by the new and by the old."""
        new, old = (book.bar() for book in (self.rulebook, self.old))
        return (
            f"{self.per_week:.1f} leads a week qualify by the learned rulebook at {new:g} points, "
            f"{self.old_per_week:.1f} by the rulebook now at {old:g} ({self.start} to {self.end}, hand-raisers "
            f"included). The gate {'passed' if self.verdict.passed else 'did not pass'} it."
        )

    @property
    def rows(self) -> pd.DataFrame:
        """The rows learned from and those judged: `part`, `n`, `reached`, `first` and `last` day."""
        parts = (("learned", self.learned), ("judged", self.judged))
        said = [(name, len(part), int(part.y.sum()), part.dates.min(), part.dates.max()) for name, part in parts]
        return pd.DataFrame(said, columns=["part", "n", "reached", "first", "last"])

    @property
    def changes(self) -> pd.DataFrame:
        """`diff()` as a table: `section`, `name`, `text`."""
        said = [(one.section, one.name, one.text) for one in self.diff()]
        return pd.DataFrame(said, columns=["section", "name", "text"])

    def sections(self) -> Iterator[Section]:
        """From the rows to the verdict."""
        goal = f"{self.verdict.stage} within {self.verdict.within_days} days"
        title = f"What was learned from, and judged on: rows that reached {goal}"
        note = "In between lie the days on which the outcomes learned from were still open."
        yield Section("rows", title, self.rows, notes=(note,))
        yield Section("guards", "What the guards found; columns marked drop are left out", self.model.guards_)
        yield Section("card", "The points card", self.card)
        yield Section("changes", f"What changes in {self.old.name!r}", self.changes)
        yield Section("verdict", "Whether it may be published", self.verdict)

    def diff(self) -> list[Change]:
        """What changed, in the words of the language; see `leadscore.rulebook.diff`."""
        return diff(self.old, self.rulebook)


def train(
    rulebook: Rulebook, snapshots: Snapshots, *, capacity_per_week: float | None = None, max_points_rows: int = 40
) -> Trained:
    """Learn points from the older of some snapshots, write them as a rulebook, and judge it on the newest.

    Parameters
    ----------
    rulebook : Rulebook
        In force now; what the new one must beat.
    snapshots : Snapshots
        On several days, further apart in all than `within_days`.
    capacity_per_week : float, optional
        How many leads sales can work in a week; by default as many as qualify by the rulebook now.
    max_points_rows : int
        Rows of the card, at most; from 2.

    Returns
    -------
    Trained

    Raises
    ------
    ArgumentError
        For an invalid argument, or if there are too few days or outcomes to learn from some and judge on others.

    Notes
    -----
    The gate gets the newest days, with about a third of the outcomes. What is learned from are the days whose outcomes
    were all known before these: a team that had trained then could have done no better. Columns that the guards find no
    good are left out, and so are counts of kinds of event, which no rule can say. Text that the rulebook's
    `missing_values` name is missing; a column that it declares, or tests as a number or boolean, is read as that.

    The threshold is the lowest at which no more leads qualify in a week than by the rulebook now (or than sales can
    work), hand-raisers included, from the last day learned from to the last day judged. The outcomes of these days play
    no part in it.

    Examples
    --------
    >>> import leadscore as ls
    >>> made = ls.datasets.make_funnel(10_000, random_state=1, days=400)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes)
    >>> days = made.truth["day"][made.truth["handed_over"]]
    >>> rows = ls.snapshots(tables, as_of=days, stage="opportunity", within_days=60, worked_only=True, windows=[30])
    >>> trained = train(made.rulebook, rows, capacity_per_week=8, max_points_rows=12)
    >>> trained.learned.dates.max() + pd.Timedelta(days=60) < trained.judged.dates.min()
    True
    >>> trained.rulebook.qualify.hand_raise == made.rulebook.qualify.hand_raise
    True
    >>> trained.verdict.passed
    False
    """
    with Arguments("train") as given:
        given.types(rulebook=(rulebook, Rulebook), snapshots=(snapshots, Snapshots))
        if capacity_per_week is not None:
            given.number("capacity_per_week", capacity_per_week, above=0)
        given.whole("max_points_rows", max_points_rows, least=2)
    usable = as_rules_read(snapshots, rulebook)
    cut = _cut(usable)
    known = usable.y.notna().to_numpy()
    older = known & (usable.day + usable.within_days < cut)
    learned, judged = _part(usable, older), _part(usable, known & (usable.day >= cut))
    start, end = day_of(learned.day.max()), day_of(judged.day.max())
    model = LeadClassifier(guards="drop")
    try:
        # What the guards find is kept in `guards_`.
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            model.fit(learned.X, learned.y.astype(bool), dates=learned.dates, groups=learned.lead_ids)
    except ArgumentError as error:
        raise ArgumentError(f"rows learned from, until {start}", error.problems) from None
    card = model.points_card(max_points_rows=max_points_rows).recalibrate(learned.X, learned.y)
    binding = Binding(snapshots.tables, day_number(start), day_number(end))
    old_per_week = _per_week(binding, rulebook, start, end)
    capacity = old_per_week if capacity_per_week is None else capacity_per_week
    if not capacity > 0:
        what = f"no lead qualified by the rulebook from {start} to {end}: say how many sales can work"
        raise ArgumentError("capacity_per_week", what)
    version = f"learned on leads of {day_of(learned.day.min())} to {start}"
    book = renewed(rulebook, card, learned, version=version, binding=binding)
    learned_book, per_week = _at_capacity(card, book, partial(_per_week, binding, start=start, end=end), capacity)
    verdict = verdict_of(binding, card, rulebook, judged, Terms(rulebook, capacity, trained_until=start))
    notes = (*usable.notes, *_on_volume(per_week, capacity, learned_book), *carried_over(rulebook, learned_book))
    return Trained(
        rulebook, learned_book, model, card, verdict, learned, judged, per_week, old_per_week, capacity, start, end,
        notes,
    )  # fmt: skip


def as_rules_read(snapshots: Snapshots, rulebook: Rulebook) -> Snapshots:
    """The same rows with features as a rule sees them; those that no rule can see are left out, as its notes say."""
    kinds = lead_kinds(rulebook) | {name: declared_kind(rulebook, name) for name in rulebook.columns}
    columns: dict[str, pd.Series[Any]] = {}
    left_out, numerals = [], []
    for name, source in snapshots.provenance.items():
        column = snapshots.X[name]
        if isinstance(source, Attribute):
            array = one_array(pa.array(column, from_pandas=True))
            kind = kinds.get(name) or "any"
            if kind == "any":
                kind = "text" if source.kind == "category" else source.kind
            if kind == "date" or (source.kind == "category" and _is_times(array)):
                left_out.append(name)
                continue
            column = _read(column, array, kind, rulebook)
            if kind == "text" and name not in kinds and column.notna().any():
                numerals += [name] * (not convert(array, "number", rulebook.missing_values, rulebook.timezone).bad)
        if not isinstance(source, Kinds):
            columns[name] = column
    # What the snapshots say of numbers as text holds only of those that the rulebook does not declare.
    notes = [note for note in snapshots.notes if not note.startswith(NUMERALS)]
    if numerals:
        declare = "if they are quantities, declare them in the rulebook's columns"
        notes.append(f"{NUMERALS}, taken as categories: {', '.join(numerals)}; {declare}.")
    if left_out:
        notes.append(f"Left out: columns of dates ({', '.join(left_out)}).")
    provenance = {name: snapshots.provenance[name] for name in columns}
    return replace(snapshots, X=pd.DataFrame(columns, snapshots.X.index), provenance=provenance, notes=tuple(notes))


def _is_times(array: pa.Array) -> bool:
    times = read_times(array) if array.null_count < len(array) else None
    return times is not None and not times.bad


def _read(column: pd.Series[Any], array: pa.Array, kind: str, rulebook: Rulebook) -> pd.Series[Any]:
    """A column as a kind of value."""
    if kind not in {"number", "boolean", "text"}:
        return column
    found = convert(array, kind, rulebook.missing_values, rulebook.timezone)
    if found.bad:
        why, rows = next(iter(found.bad.items()))
        what = f"{counted(len(rows), 'row')}: {why}, in a column that {rulebook.name!r} has as {kind}"
        raise ArgumentError(f"leads.{column.name}", what)
    return found.at(np.arange(len(column))).set_axis(column.index)


def _cut(snapshots: Snapshots) -> int:
    """The first day judged, in days since 1970."""
    known = snapshots.y.notna().to_numpy()
    days, place = np.unique(snapshots.day[known], return_inverse=True)
    possible = np.flatnonzero(days > days[0] + snapshots.within_days) if len(days) else days
    if not len(possible):
        days_said = f"{day_of(days[0])} to {day_of(days[-1])}" if len(days) else "none"
        what = (
            f"days with known outcomes: {days_said}; the outcomes learned from must be known before the first day that "
            f"is judged, so the days must span more than the {snapshots.within_days} in which {snapshots.stage} counts"
        )
        raise ArgumentError("as_of", what)
    reached = np.bincount(place, snapshots.y.to_numpy(bool, na_value=False)[known], len(days))
    newer = reached[::-1].cumsum()[::-1] / max(reached.sum(), 1)
    return int(days[next((at for at in possible if newer[at] <= _JUDGED), possible[-1])])


def _part(snapshots: Snapshots, rows: npt.NDArray[np.bool_]) -> Snapshots:
    return replace(
        snapshots, X=snapshots.X[rows], y=snapshots.y[rows], lead=snapshots.lead[rows], day=snapshots.day[rows]
    )


# ------------------------------------------------------------------------------------------- the rulebook's threshold


def _per_week(binding: Binding, rulebook: Rulebook, start: dt.date, end: dt.date) -> float:
    """How many leads qualify in a week of a period."""
    first, last = day_number(start), day_number(end)
    history = binding.history(rulebook, first, last)
    return float((~history.frame["already"]).sum() / ((last - first + 1) / _WEEK))


def _at_capacity(
    card: PointsCard, book: Rulebook, per_week: Callable[[Rulebook], float], capacity: float
) -> tuple[Rulebook, float]:
    """The rulebook at the lowest threshold that passes on no more than sales can work, and how many that is."""

    def within(threshold: int) -> bool:
        return per_week(with_threshold(book, threshold)) <= capacity

    chosen = with_threshold(book, card.least + bisect_left(range(card.least, card.most), True, key=within))
    return chosen, per_week(chosen)


def _on_volume(per_week: float, capacity: float, rulebook: Rulebook) -> list[str]:
    if per_week <= capacity:
        return []
    threshold = rulebook.bar()
    easier = any(segment.threshold < threshold for segment in rulebook.qualify.segments)
    who = "Hand-raisers and segments with lower thresholds" if easier else "Hand-raisers"
    most = f"at {threshold:g} points, the highest threshold, {per_week:.1f} leads qualify in a week"
    return [f"{who} alone are more than sales can work: {most}."]
