"""A learned rulebook: the rules of a card in place of the old ones, and all of the old rulebook that still holds."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from leadscore.base.text import as_text
from leadscore.learn.card.points_card import PointsCard
from leadscore.learn.rows.snapshots import Snapshots
from leadscore.rulebook import Rulebook
from leadscore.rulebook.bounds import Range, side_range
from leadscore.rulebook.values import REST
from leadscore.scoring.binding import Binding
from leadscore.scoring.scores import verdicts

_SIDES: tuple[Literal["fit", "behaviour"], ...] = ("fit", "behaviour")


def renewed(
    old: Rulebook, card: PointsCard, snapshots: Snapshots, *, version: str, binding: Binding | None = None
) -> Rulebook:
    """The old rulebook with the rules of a card in place of its own.

    What does not depend on points stays, comments too: hand-raisers, who never qualifies, the agreement, columns and
    what is required of them. The threshold, those of segments, the minimum fit and behaviour, and the grades are set
    again in the points of the card: on the last day of `snapshots`, no more leads reach each than reached the old one.
    Limits of groups and totals go with the rules that they held back: a rule of the card pays a lead once.

    Parameters
    ----------
    old : Rulebook
    card : PointsCard
    snapshots : Snapshots
        What the card was learned from.
    version : str
    binding : Binding, optional
        Their tables, where they are bound already.

    Returns
    -------
    Rulebook
        `with_threshold` sets another threshold in it.
    """
    changes = _rules_of(card, old, snapshots) | {"groups": None, "totals": None, "version": version}
    minima = {f"qualify.minimum_{side}": getattr(old.qualify, f"minimum_{side}") for side in _SIDES}
    bare = old.edited(changes | dict.fromkeys([*minima, "grades"]) | {"qualify.threshold": card.most})
    day = int(snapshots.day.max())
    binding = binding or Binding(snapshots.tables, day, day)
    before, after = (verdicts(binding.timeline(book).everyone(day)) for book in (old, bare))
    total = side_range(bare, "fit") + side_range(bare, "behaviour")
    rest = before["segment"].isna()
    changes["qualify.threshold"] = _same_place(old.bar(), before[rest], after[rest], "total", total)
    for number, segment in enumerate(old.qualify.segments):
        own = before["segment"] == segment.name
        threshold = _same_place(segment.threshold, before[own], after[own], "total", total)
        changes["qualify", "segments", number, "threshold"] = threshold
    for side in _SIDES:
        reach, minimum = side_range(bare, side), minima[f"qualify.minimum_{side}"]
        none = reach.least == reach.most
        if minimum is not None:
            place = _same_place(minimum, before, after, side, reach)
            changes[f"qualify.minimum_{side}"] = None if none else place
        if grades := getattr(old.grades, side, None):
            bars = {name: points for name, points in grades.items() if points > -np.inf}
            places = [_same_place(points, before, after, side, reach) for points in bars.values()]
            # Where the new points part fewer leads than the old ones, two grades may fall together: each is lowered.
            steps = np.arange(len(places))
            falling = (np.minimum.accumulate(places + steps) - steps).tolist()
            below = dict.fromkeys([name for name in grades if name not in bars], REST)
            changes[f"grades.{side}"] = None if none else dict(zip(bars, falling, strict=True)) | below
    return old.edited(changes)


def _rules_of(card: PointsCard, old: Rulebook, snapshots: Snapshots) -> dict[Any, Any]:
    """The card's rules, and the columns they use beside those that the old rulebook declares."""
    rules = card.to_rulebook(name=old.name, threshold=card.most, provenance=snapshots.provenance).to_dict()
    declared = old.to_dict().get("columns", {})
    columns = {name: declared.get(name, column) for name, column in rules.get("columns", {}).items()}
    for rule in rules.get("fit", ()):
        if isinstance(rule.get("points"), dict) and declared.get(rule["column"], {}).get("type") == "boolean":
            rule["points"] = {as_text(key) == "true": points for key, points in rule["points"].items()}
    sections = {"columns": declared | columns, "fit": rules.get("fit"), "behaviour": rules.get("behaviour")}
    return {name: section or None for name, section in sections.items()}


def _same_place(points: float, before: pd.DataFrame, after: pd.DataFrame, column: str, reach: Range) -> int:
    """The lowest whole number of points that no more leads reach after than `points` before."""
    least, most = int(reach.least) // 1000, int(reach.most) // 1000
    ranked = np.sort(after[column].to_numpy())[::-1]
    if not len(ranked):
        return most
    passing = int((before[column] >= points).sum())
    lowest = np.floor(ranked[passing]) + 1 if passing < len(ranked) else np.floor(ranked[-1])
    return int(np.clip(lowest, least, most))


def with_threshold(rulebook: Rulebook, threshold: float) -> Rulebook:
    """A rulebook with another threshold; those of its segments keep their distance to it, as far as points reach."""
    reach = side_range(rulebook, "fit") + side_range(rulebook, "behaviour")
    shift = threshold - rulebook.bar()
    changes: dict[Any, float] = {"qualify.threshold": threshold}
    for place, segment in enumerate(rulebook.qualify.segments):
        own = float(np.clip(segment.threshold + shift, reach.least / 1000, reach.most / 1000))
        changes["qualify", "segments", place, "threshold"] = int(own) if own.is_integer() else round(own, 3)
    return rulebook.edited(changes)


def carried_over(old: Rulebook, new: Rulebook) -> list[str]:
    """What of the old rulebook stands in the new one in other points, and what is not in it."""
    books = (old, new)
    minima = [(f"minimum {side}", *(getattr(book.qualify, f"minimum_{side}") for book in books)) for side in _SIDES]
    grades = [(f"grades of {side}", *(getattr(book.grades, side, None) for book in books)) for side in _SIDES]
    segments = zip(old.qualify.segments, new.qualify.segments, strict=True)
    again = [f"{name} {was:g} -> {now:g}" for name, was, now in minima if was is not None and now is not None]
    again += [f"{one.name!r} {one.threshold:g} -> {later.threshold:g}" for one, later in segments]
    again += [str(name) for name, was, now in grades if was and now]
    said = []
    if again:
        said.append(f"Reset for the learned points, so that no more leads reach them than before: {', '.join(again)}.")
    if {"groups", "totals"} & old.to_dict().keys():
        said.append("Limits of groups and totals are left out: they held back the old rules; a learned rule pays once.")
    lost = [str(name) for name, was, now in [*minima, *grades] if was is not None and now is None]
    if lost:
        said.append(f"Left out, as the learned rules give no such points: {', '.join(lost)}.")
    return said
