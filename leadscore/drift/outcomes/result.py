"""Outcomes of leads as plain columns, by period: what changed beside the first periods, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.groups import ALL
from leadscore.drift.outcomes.by_period import Known, bands, corrected, grouped, ranking, rates, relations
from leadscore.drift.outcomes.told import of_ranking, of_rates, of_relations
from leadscore.errors import ArgumentError, Problem
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.outcomes_and_scores import read_rows

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, repr=False)
class OutcomeDrift:
    """What became of scored leads, by period; made by `outcome_drift` and `outcomes_by_period`.

    Attributes
    ----------
    state : stable, watch, alarm, learning, or "" where labels could not be watched as they arrive
        Of that alone; the other parts are in `findings`.
    rates : DataFrame, index (measure, by, group, period)
        Of leads whose outcome is known: `n`, `reached`, `share` with `low`, `high` (95 %, however often looked at),
        `expected` (the share that their scores let expect; of the outcome itself) and, of periods after the reference,
        `p` beside the same group there: it holds at any look, and is corrected by Holm, for all leads over periods, for
        groups over all of them and periods. `measure` is worked, sal and the stage asked for; `by` is (all), score or a
        column.
    changes : DataFrame, index (measure, by, group)
        The same of the reference (`n_reference`, ...) beside all leads since; `change` is the difference of shares.
    arrivals : DataFrame, index week
        `labels` that came, `expected`, `ratio`, the figures watched and their evidence, as in `Arrivals.weeks`.
    ages : DataFrame, index days
        How soon labels of leads scored lately came, as in `Arrivals.ages`.
    ranking : DataFrame, index period, the first row the reference
        `n`, `events`, `auc` with `low`, `high` (95 %, DeLong); `change` beside the reference with `change_low`,
        `change_high`, `p` (corrected over periods by Holm); `reason`, where there is none.
    relations : DataFrame, index (attribute, period)
        The same of each attribute alone, corrected over all of them, and whether it `flipped`: ranks the other way
        round than in the reference, both surely.
    responses : DataFrame, index period
        Response times: `n`, `contacted`, `waiting`, `median` in minutes, the `share` answered in the time agreed (in 24
        hours, if none is), with `low`, `high`, `change`, `p` (Holm).
    known : DataFrame, index part
        `until`: up to when leads were scored, or weeks ended, that each part can know of.
    findings : list of str
        What changed, how late each part can know, and what could not be looked at.
    """

    state: str
    rates: pd.DataFrame
    changes: pd.DataFrame
    arrivals: pd.DataFrame
    ages: pd.DataFrame
    ranking: pd.DataFrame
    relations: pd.DataFrame
    responses: pd.DataFrame
    known: pd.DataFrame
    findings: list[str]

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """All of its tables by name, without those that are empty."""
        names = ("changes", "rates", "arrivals", "ages", "ranking", "relations", "responses", "known")
        return {name: getattr(self, name) for name in names if len(getattr(self, name))}

    @property
    def _title(self) -> str:
        return f"Outcome drift{f': labels as they arrive are {self.state}' if self.state else ''}"

    def __repr__(self) -> str:
        return "\n".join([self._title, *(f"- {finding}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(finding)}</li>" for finding in self.findings)
        tables = (frame for name, frame in self.frames.items() if name in {"changes", "ages", "ranking", "responses"})
        shown = "".join(frame.to_html(na_rep="", float_format="{:.3g}".format) for frame in tables)
        return f"<p>{escape(self._title)}</p><ul>{items}</ul>{shown}"


def outcomes_by_period(  # noqa: PLR0913 - each of them is part of what is asked
    y: Any,
    score: Any,
    period: Any,
    *,
    reference: int,
    by: pd.DataFrame | None = None,
    attributes: pd.DataFrame | None = None,
    probabilities: bool = False,
) -> OutcomeDrift:
    """The same of plain columns, one row per lead: rates, ranks and relations by period, beside the first periods.

    Labels as they arrive and response times need days: `outcome_drift` looks at them.

    Parameters
    ----------
    y : (n_leads,) True, False or missing; 1 and 0 will do
        Missing where it cannot be known yet: a lead whose days are not over counts nowhere.
    score : (n_leads,) numbers, higher is hotter
    period : (n_leads,) of any kind that can be put in order
        In which each lead was scored; of an ordered categorical in its order.
    reference : int
        The first so many periods are what the others are compared with.
    by : DataFrame, optional
        Columns by which rates are looked at.
    attributes : DataFrame, optional
        Columns that are looked at alone for relations that flipped; what is no number counts by the rate of each of its
        values in the reference.
    probabilities : bool
        The scores are chances of the outcome; else the reference tells what each fifth of scores is worth.

    Returns
    -------
    OutcomeDrift
        `arrivals`, `ages`, `responses` and `known` are empty.

    Raises
    ------
    ArgumentError
        If columns differ in length or index, hold what they must not, or there are not more periods than the reference.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> block, points = np.repeat(range(8), 500), rng.normal(size=4000)
    >>> had = rng.random(4000) < np.where(block < 6, 0.2 + 0.1 * (points > 0), 0.3 - 0.2 * (points > 0))
    >>> print(outcomes_by_period(had, points, block, reference=4).findings[-1])
    Ranks: in 2 periods leads of higher score have the outcome less often, first in 6: AUC 0.36 (0.30 to 0.42).
    """
    outcome, given, place, periods = _columns(y, score, period, reference, by, attributes, probabilities=probabilities)
    leads = read_rows(outcome, score=given)
    there, had, points = leads.known, leads.had[leads.known], leads.columns["score"][leads.known]
    place = place[there]
    known = Known(had, points, place, place < reference, periods)
    band, names = bands(points, known.reference)
    n, reached = (np.bincount(band[known.reference], weights, len(names)) for weights in (None, had[known.reference]))
    # A band without leads in the reference tells nothing.
    chance = points if probabilities else (reached / np.where(n > 0, n, np.nan))[band]
    groups = {"score": (band, names)}
    groups |= {} if by is None else {str(name): grouped(column[there]) for name, column in by.items()}
    own = {} if attributes is None else {str(name): column[there] for name, column in attributes.items()}
    when = f"in {len(periods)} periods, the first {reference} of which are the reference"
    unknown = int((~there).sum())
    when += f"; {unknown:,} of unknown outcome are left out" if unknown else ""
    return looked_at(known, {"outcome": (np.ones(len(had), bool), had)}, groups, chance, own, when)


def looked_at(  # noqa: PLR0913, PLR0917 - what all looks stand on
    known: Known,
    measures: dict[str, tuple[Mask, Mask]],
    groups: dict[str, tuple[Ints, list[str]]],
    chance: Floats,
    attributes: dict[str, pd.Series[Any]],
    when: str,
) -> OutcomeDrift:
    """Rates, ranks and relations of leads whose outcome is known."""
    everyone = {ALL: (np.zeros(len(known.had), np.int64), [ALL]), **groups}
    found, left_out = [], []
    for measure, (there, had) in measures.items():
        some = Known(had[there], known.score[there], known.period[there], known.reference[there], known.periods)
        if not there.all():
            rest = f"{int((~there).sum()):,} of {len(there):,} leads had it by their score"
            left_out.append(f"{measure}: {rest}, or on its day where that has no time, and are left out.")
        # Scores tell of the outcome itself only.
        told = chance[there] if measure == list(measures)[-1] else np.full(int(there.sum()), np.nan)
        found.append(rates(some, measure, {by: (code[there], names) for by, (code, names) in everyone.items()}, told))
    by_period, changes = (pd.concat(parts) for parts in zip(*found, strict=True))
    # In order, so that parts of its index are looked up fast.
    by_period = by_period.sort_index()
    ranks = ranking(known, known.score)
    ranks["p"] = corrected(ranks["p"])
    related = relations(known, attributes) if attributes else pd.DataFrame()
    findings = [*of_rates(changes, when), *left_out, *of_relations(related), *of_ranking(ranks)]
    none = pd.DataFrame()
    return OutcomeDrift("", by_period, changes, none, none, ranks, related, none, none, findings)


def no_score(score: pd.Series[Any], *, probabilities: bool) -> list[Problem]:
    """What is wrong with scores."""
    if not pd.api.types.is_numeric_dtype(score) or pd.api.types.is_bool_dtype(score):
        return [Problem("score", f"must hold numbers; got {score.dtype}")]
    numbers = score.to_numpy(np.float64, na_value=np.nan)
    wrong = ~np.isfinite(numbers)
    if probabilities:
        wrong |= ~((numbers >= 0) & (numbers <= 1))
    if not wrong.any():
        return []
    what = "probability from 0 to 1" if probabilities else "finite score"
    first = ", ".join(map(repr, score.index[wrong][:5]))
    return [Problem("score", f"{int(wrong.sum()):,} leads have no {what}: {first}")]


def _columns(  # noqa: PLR0913, PLR0917 - the arguments of `outcomes_by_period`
    y: Any, score: Any, period: Any, reference: Any, by: Any, attributes: Any, *, probabilities: bool
) -> tuple[pd.Series[Any], pd.Series[Any], Ints, pd.Index[Any]]:
    """Outcomes, scores and positions among the periods, row by row, checked."""
    given = {"y": y, "score": score, "period": period, "by": by, "attributes": attributes}
    given = {name: column for name, column in given.items() if column is not None}
    problems = [
        Problem(name, f"must be a DataFrame, a row for each lead; got a {type(given[name]).__name__}")
        for name in ("by", "attributes")
        if name in given and not isinstance(given[name], pd.DataFrame)
    ]
    sizes = {name: len(column) for name, column in given.items()}
    indexes = [column.index for column in given.values() if isinstance(column, (pd.Series, pd.DataFrame))]
    if len(set(sizes.values())) > 1:
        problems.append(Problem("", f"must be equally long; got {sizes}"))
    elif not all(index.equals(indexes[0]) for index in indexes):
        problems.append(Problem("", "rows are matched by position, so their indexes must be the same"))
    if problems:
        raise ArgumentError("outcomes_by_period", problems)
    outcome, points = (pd.Series(column).reset_index(drop=True) for column in (y, score))
    problems = no_score(points[outcome.notna()], probabilities=probabilities)
    labels = pd.Series(period).reset_index(drop=True)
    if labels.isna().any():
        problems.append(Problem("period", f"is missing for {int(labels.isna().sum()):,} leads"))
    periods = pd.Index(labels.cat.categories) if hasattr(labels, "cat") else pd.Index(np.unique(labels.dropna()))
    if type(reference) is not int or not 1 <= reference < len(periods):
        message = f"must be a whole number of periods, 1 or more and fewer than all {len(periods)}; got {reference!r}"
        problems.append(Problem("reference", message))
    if problems:
        raise ArgumentError("outcomes_by_period", problems)
    return outcome, points, periods.get_indexer(pd.Index(labels)).astype(np.int64), periods
