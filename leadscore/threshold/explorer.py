"""`ThresholdExplorer`: another threshold, other points, tried out on scored leads in a tenth of a second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted, decimal, shown
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import BehaviourRule, FitRule
from leadscore.rulebook.values import Points
from leadscore.scoring.engine import Bound
from leadscore.scoring.plan import Plan
from leadscore.scoring.scores import Scores
from leadscore.stats.intervals import Figure, rate, share_text
from leadscore.stats.outcomes_and_scores import read_rows

_Rule = FitRule | BehaviourRule


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf(Result):
    """What one threshold and some points would do; made by `ThresholdExplorer.at`.

    Attributes
    ----------
    threshold : float
        Of leads in no segment.
    points : dict of rule to points
        What was changed.
    leads, qualified : int
        How many there are, and how many qualify.
    known, reached : int
        Of those that qualify, how many have a known outcome, and how many of these reached it.
    precision : (value, low, high)
        The share reached, with its 95 % interval (Wilson); NaN where none is known. It counts only leads that sales
        worked, if `y` is known of no others: what those below today's threshold that nobody worked would have done is
        not in it.
    positives : int
        All leads known to have reached it.
    recall : (value, low, high)
        The share of these that qualify, with its 95 % interval (Wilson); NaN where there are none.
    entered, left : Index of lead ids
        Who qualifies now and did not by the rulebook as it is, and the other way round.
    """

    threshold: float
    points: dict[str, Any]
    leads: int
    qualified: int
    known: int
    reached: int
    precision: Figure
    positives: int
    recall: Figure
    entered: pd.Index[Any]
    left: pd.Index[Any]

    @property
    def headline(self) -> str:
        """How many leads qualify, and how many of them are new."""
        changed = "".join(f", {name} {_shown(value)}" for name, value in self.points.items())
        share = f" ({self.qualified / self.leads:.1%})" if self.leads else ""
        qualify = f"{self.qualified:,} of {counted(self.leads, 'lead')} qualify{share}"
        moved = f"entered {len(self.entered):,}, left {len(self.left):,}, compared with the rulebook as it is"
        return f"Threshold {decimal(self.threshold)}{changed}: {qualify}; {moved}."

    @property
    def notes(self) -> tuple[str, ...]:
        """Precision and recall, as far as outcomes are known."""
        if not self.known:
            precision = "Precision not known: none of them has a known outcome."
        else:
            only = "these are a selection, as a rule the leads that sales worked, above all below today's threshold"
            precision = f"Precision {share_text(self.reached, self.known)} with a known outcome; {only}."
        recall = f"Recall {share_text(self.reached, self.positives)} known to have reached it."
        return (precision, recall) if self.positives else (precision,)

    def sections(self) -> Iterator[Section]:
        """Who enters and who leaves."""
        for name, ids in (("entered", self.entered), ("left", self.left)):
            frame = ids.to_frame(index=False, name="lead_id")
            yield Section(name, f"Leads that {name}", frame, shown=frame[:0])


def _shown(points: Any) -> str:
    if isinstance(points, Mapping):
        return "{" + ", ".join(f"{key}: {decimal(float(value))}" for key, value in points.items()) + "}"
    return decimal(float(points))


class ThresholdExplorer:
    """Try another threshold, or other points of some rules, on scored leads: volume, precision, who enters and leaves.

    What rules look at is kept from `scores`; only points and sums are worked out again, exactly as scoring with the
    changed rulebook would: some hundredths of a second for 100,000 leads.

    Parameters
    ----------
    scores : Scores
    y : Series by lead_id, or array in the order of `scores`, optional
        Whether each lead reached what counts: True, False, or missing where that is not known; as `label` gives it.

    Attributes
    ----------
    now : WhatIf
        The rulebook as it is.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(3000, random_state=2)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> scores = ls.score(tables, made.rulebook, as_of="2026-02-15")
    >>> y = ls.label(tables, stage="sal", as_of="2026-02-15", within_days=30, worked_only=True)
    >>> explorer = ThresholdExplorer(scores, y)
    >>> tried = explorer.at(70, points={"Pricing page": 15})
    >>> len(tried.left) > 0, tried.qualified - explorer.now.qualified == len(tried.entered) - len(tried.left)
    (True, True)
    """

    def __init__(self, scores: Scores, y: Any = None) -> None:
        with Arguments("ThresholdExplorer") as given:
            given.types(scores=(scores, Scores))
        self.scores = scores
        self.rulebook = scores.rulebook
        self._outcomes = read_rows(np.full(len(scores), np.nan) if y is None else y, score=scores)
        self.now = self.at()

    def at(self, threshold: float | None = None, *, points: Mapping[str, Any] | None = None) -> WhatIf:
        """What a threshold, and other points of some rules, would do.

        Parameters
        ----------
        threshold : float, optional
            Of leads in no segment; that of the rulebook if not given.
        points : mapping of rule to its points, optional
            A number; of a rule with a table, a mapping of the entries that change.

        Raises
        ------
        ArgumentError
            If there is no such rule or entry, or the points are none.
        """
        points = {} if points is None else points
        changed = self._quick(threshold, points)
        # Only what the changed rules look at is looked up again.
        before = self.scores.bound
        attributes = before.attributes.with_points(Plan(changed), self.scores.tables, set(points))
        bound = Bound(attributes, before.lead, before.record, before.days)
        now, was = bound.via >= 0, before.via >= 0
        known, reached = (int((now & part).sum()) for part in (self._outcomes.known, self._outcomes.had))
        positives = int(self._outcomes.had.sum())
        return WhatIf(
            threshold=changed.qualify.threshold,
            points=dict(points),
            leads=bound.n,
            qualified=int(now.sum()),
            known=known,
            reached=reached,
            precision=rate(reached, known),
            positives=positives,
            recall=rate(reached, positives),
            entered=self.scores.lead_ids[now & ~was],
            left=self.scores.lead_ids[~now & was],
        )

    def changed(self, threshold: float | None = None, *, points: Mapping[str, Any] | None = None) -> Rulebook:
        """The rulebook with a threshold and points as given to `at`; `write` it to keep it, comments and all."""
        points = {} if points is None else points
        quick = self._quick(threshold, points)
        changes: dict[Any, Any] = {} if threshold is None else {"qualify.threshold": _written(quick.qualify.threshold)}
        for section, position, rule in quick.rules():
            if rule.name in points:
                key, value = ("points", rule.points) if rule.from_ is None else ("from", rule.from_)
                changes[section, position, key] = _written(value)
        return self.rulebook.edited(changes)

    def _quick(self, threshold: float | None, points: Mapping[str, Any]) -> Rulebook:
        """The changed rulebook without its text, which takes most of the time to write."""
        known = {rule.name for _, _, rule in self.rulebook.rules()}
        if not isinstance(points, Mapping):
            raise ArgumentError("points", f"must be a mapping of rules to their points; got {shown(points)}")
        unknown = [name for name in points if name not in known]
        if unknown:
            raise ArgumentError("points", f"there is no rule {unknown[0]!r}{did_you_mean(unknown[0], known)}")
        update: dict[str, Any] = {
            side: tuple(_with_points(rule, points) for rule in getattr(self.rulebook, side))
            for side in ("fit", "behaviour")
        }
        if threshold is not None:
            value = _checked("threshold", threshold)
            update["qualify"] = self.rulebook.qualify.model_copy(update={"threshold": value})
        return self.rulebook.model_copy(update=update)

    def widget(self, *, rules: Sequence[str] = ()) -> Any:
        """Sliders for the threshold and for the points of rules, and what they would do; for notebooks.

        Parameters
        ----------
        rules : names of rules with one number of points, optional

        Raises
        ------
        ArgumentError
            If there is no such rule, or it has a table of points.
        ImportError
            If ipywidgets is not installed: `pip install leadscore[notebook]`.
        """
        points = {rule.name: rule.points if rule.from_ is None else rule.from_ for _, _, rule in self.rulebook.rules()}
        with Arguments("widget") as given:
            rules = given.names("rules", rules)
            for name in rules:
                if name not in points:
                    given.wrong("rules", f"there is no rule {name!r}{did_you_mean(name, points)}")
                elif isinstance(points[name], Mapping):
                    given.wrong("rules", f"{name!r} has a table of points, and a slider is for one number")
        from ipywidgets import FloatSlider, VBox, interactive_output  # noqa: PLC0415 - notebooks only

        now = self.rulebook.qualify.threshold
        own: dict[str, Any] = {name: points[name] for name in rules}
        sliders = [FloatSlider(now, min=0, max=max(2 * now, 10), step=1, description="threshold")]
        for name in rules:
            reach = max(20.0, 2 * abs(own[name]))
            sliders.append(FloatSlider(own[name], min=-reach, max=reach, step=1, description=name))

        def show(**values: float) -> None:
            threshold, *tried = values.values()
            other = {name: value for name, value in zip(rules, tried, strict=True) if value != own[name]}
            print(self.at(threshold, points=other))  # noqa: T201 - into the widget

        return VBox([*sliders, interactive_output(show, {str(place): one for place, one in enumerate(sliders)})])


def _written(points: Any) -> Any:
    """Points, or a table of them, as a file has them: whole ones as 12, not 12.0."""
    if isinstance(points, Mapping):
        return {entry: _written(value) for entry, value in points.items()}
    return int(points) if points == int(points) else points


def _checked(name: str, points: Any) -> float:
    try:
        return TypeAdapter(Points).validate_python(points.item() if isinstance(points, np.generic) else points)
    except ValidationError as error:
        raise ArgumentError(name, error.errors()[0]["msg"]) from None


def _with_points(rule: _Rule, changed: Mapping[str, Any]) -> _Rule:
    """A rule with other points; itself if it is not among the changed."""
    if rule.name not in changed:
        return rule
    key = "from_" if rule.from_ is not None else "points"
    value, table = changed[rule.name], getattr(rule, key)
    if not isinstance(table, Mapping):
        return rule.model_copy(update={key: _checked(f"points[{rule.name!r}]", value)})
    if not isinstance(value, Mapping):
        message = f"{rule.name!r} has a table: give the entries that change, as {{{next(iter(table))!r}: ...}}"
        raise ArgumentError("points", message)
    for entry in value:
        if entry not in table:
            raise ArgumentError("points", f"{rule.name!r} has no entry {entry!r}{did_you_mean(entry, map(str, table))}")
    entries = {entry: _checked(f"points[{rule.name!r}]", number) for entry, number in value.items()}
    return rule.model_copy(update={key: {**table, **entries}})
