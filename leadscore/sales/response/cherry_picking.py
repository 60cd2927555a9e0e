"""Whether sales picks which leads to work by more than their score, which biases every label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.groups import Groups, grouped
from leadscore.base.stages import WORKED
from leadscore.base.text import counted
from leadscore.base.times import DAY
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import Kind, declared_kind
from leadscore.sales.response.clock import Clock
from leadscore.sales.response.waits import Moments, mql_moments, waits_for_contact
from leadscore.scoring.replay import History
from leadscore.sources.columns import convert
from leadscore.stats.intervals import Floats, holm
from leadscore.stats.stratified import Association, risk_difference, stratified_test
from leadscore.stats.survival import risk_sets
from leadscore.tables.outcomes import NEVER, Ints, Mask, Stages
from leadscore.tables.tables import Tables

_WITHIN_DAYS = 7
# Leads of nearly the same score: few enough for that, and enough that most levels meet in a band.
_BAND = 25
_QUARTERS = 4
_FEWEST, _RAREST = 10, 0.01
_LEVEL = 0.05
_Z = NormalDist().inv_cdf(0.975)
# The test of one attribute and outcome, and of each level `events`, `effect`, `low`, `high`.
_Compared = tuple[Association, pd.DataFrame]


@dataclass(frozen=True, eq=False, repr=False)
class CherryPicking(Result):
    """Whether sales picks leads by more than their score; made by `cherry_picking`.

    Attributes
    ----------
    frame : DataFrame, one row per attribute and outcome
        `attribute`, `outcome` ("worked" or "fast"), `n` leads, `chi2`, `df`, `p`, `p_corrected` (Holm, over all rows).
        NaN where no two levels of an attribute can be compared.
    levels : DataFrame, one row per attribute, outcome and level
        `attribute`, `outcome`, `level`, `n`, `events` (leads worked, or contacted), `effect`, `low`, `high` (95 %):
        against all other levels at an equal score. For "worked" how much larger the share of leads worked is
        (Mantel-Haenszel; -0.2 is 20 points less), for "fast" the ratio of the rates of being contacted (Peto; below 1
        is slower). NaN where nothing can be compared.
    excluded : DataFrame, index reason
        `leads` that are left out.
    """

    frame: pd.DataFrame
    levels: pd.DataFrame
    excluded: pd.DataFrame

    @property
    def headline(self) -> str:
        """The first dependence beyond the score, or that there is none."""
        found, tests = self._found, int(self.frame["p"].notna().sum())
        if found:
            return found[0]
        if not tests:
            return "Nothing can be tested: leads of nearly the same score do not differ."
        return f"Sales does not appear to pick beyond the score ({tests} test{'s' * (tests > 1)})."

    @property
    def notes(self) -> tuple[str, ...]:
        """The other dependences, what they mean, and what could not be tested."""
        found = self._found
        biased = "labels are biased, and what is learned from them repeats the choice"
        missed = "The intervals of each level say how large an effect may have been missed."
        meaning = f"Sales picks by more than the score: {biased}." if found else missed
        nothing = "nothing to compare, no variation within score bands"
        untested = self.frame[self.frame["p"].isna()].itertuples()
        return (*found[1:], meaning, *(f"{row.attribute}, {row.outcome}: {nothing}" for row in untested))

    def sections(self) -> Iterator[Section]:
        """The tests, the effect of each level, and who is left out."""
        yield Section("frame", "Tests at an equal score", self.frame, formats={"p_corrected": ".2g"})
        title = 'Each level compared with all others, with 95 % intervals: "worked" as a difference, "fast" as a ratio'
        yield Section("levels", title, self.levels)
        yield Section("excluded", "Left out", self.excluded, shown=self.excluded[self.excluded["leads"] > 0])

    @property
    def _found(self) -> list[str]:
        """A sentence for each dependence that is no accident, in the order of `frame`."""
        found = []
        for row in self.frame[self.frame["p_corrected"] < _LEVEL].itertuples():
            mine = self.levels[(self.levels["attribute"] == row.attribute) & (self.levels["outcome"] == row.outcome)]
            worked = row.outcome == "worked"
            none = 0 if worked else 1
            # One whose interval excludes no difference, if there is one: a rare level may only seem far off.
            apart = mine[(mine["low"] > none) | (mine["high"] < none)]
            mine = mine if apart.empty else apart
            most = mine.iloc[int(np.nanargmax(np.abs(mine["effect"] if worked else np.log(mine["effect"]))))]
            ends = most[["effect", "low", "high"]]
            by, low, high = (f"{100 * end:+.0f}" if worked else f"{end:.2f}" for end in ends)
            what = f"Being worked within {_WITHIN_DAYS} days" if worked else "How fast sales responds"
            how = f"{most['level']} is contacted at {by} times the rate of the others ({low} to {high})"
            if worked:
                how = f"for {most['level']} the share worked differs by {by} points ({low} to {high})"
            p = f"p = {row.p_corrected:.1g}, {row.n:,} leads"
            found.append(f"{what} depends on {row.attribute} at an equal score ({p}): {how}.")
        return found


def cherry_picking(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables,
    rulebook: Rulebook,
    *,
    score: pd.Series[Any],
    columns: Sequence[str],
    history: Any = None,
    observed_until: Any = None,
) -> CherryPicking:
    """Whether MQLs are worked, or worked fast, for more than their score.

    Leads are compared only with others of nearly the same score, in bands of about 25. "worked" is whether sales did
    anything (a stage other than `lead` and `mql`) on the day of the MQL or the 7 days after, of leads whose 7 days are
    over: the generalised Cochran-Mantel-Haenszel test. "fast" is the wait for the first contact, as `response_times`
    counts it: the stratified log-rank test.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    rulebook : Rulebook
        Gives the time zone, the kinds of columns, and what counts as missing.
    score : Series by lead_id
        The points that sales saw, as `history.frame["total"]`.
    columns : sequence of str
        Lead columns, as they were on the day of the MQL. Numbers and dates are cut at their quartiles, missing is a
        level too, and levels of fewer than 10 leads or 1 % are taken together as (other).
    history : History, optional
        As in `response_times`.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    CherryPicking
        `headline`, `notes`, `frame`, `levels`, `excluded`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, no such columns, scores that are not numbers, or tables read in another time zone.

    Notes
    -----
    A table with one row per lead holds what is known today. Where sales fills in attributes of the leads it works,
    "missing" then seems to be why a lead was not worked; leads with `valid_from` do not have that flaw.

    References
    ----------
    Landis, J. R., Heyman, E. R. and Koch, G. G. (1978), International Statistical Review 46, 237-254. Peto, R. et al.
    (1977), British Journal of Cancer 35, 1-39. Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(4000, random_state=1)
    >>> schools = made.leads.loc[made.leads["industry"] == "Education", "lead_id"][::2]
    >>> skipped = made.outcomes["lead_id"].isin(schools) & ~made.outcomes["stage"].isin(["lead", "mql"])
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes[~skipped])
    >>> found = cherry_picking(tables, made.rulebook, score=made.truth["points"], columns=["industry", "source"])
    >>> print(found.headline)
    Being worked within 7 days depends on industry at an equal score (p = 1e-28, 551 leads): for education the share
    worked differs by -51 points (-64 to -38).
    """
    with Arguments("cherry_picking") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        given.types(history=(history, History | None))
        asked = given.names("columns", columns)
        if not given.problems and (isinstance(columns, str) or not asked):
            given.wrong("columns", f"must be a list of lead columns; got {columns!r}")
        known = [] if given.problems else tables.leads.column_names
        for name in (name for name in asked if known and name not in known):
            given.wrong("columns", f"there is no lead column {name!r}{did_you_mean(name, known)}")
    stages, until = tables.observed(observed_until)
    points = _points(tables, score)
    moments = mql_moments(tables, stages, rulebook, history)
    waits = waits_for_contact(stages, moments, until, Clock.of(rulebook))
    day = moments.local(rulebook.timezone) // DAY
    closed = np.flatnonzero((moments.utc < NEVER) & (day + _WITHIN_DAYS <= until) & ~np.isnan(points))
    worked = _worked(stages, moments, rulebook.timezone)[closed]
    timed = ~np.isnan(points[waits.lead])
    fast, minutes, contacted = waits.lead[timed], waits.minutes[timed], waits.answered[timed]
    tests, levels = [], []
    for name in asked:
        values = _values(tables, rulebook, name, day)
        for outcome, lead in (("worked", closed), ("fast", fast)):
            level, names = _levels(values.iloc[lead])
            band = _bands(points[lead])
            if outcome == "worked":
                found, effects = _compare_worked(worked, level, band)
            else:
                found, effects = _compare_fast(minutes, contacted, level, band)
            tested = (found.chi2, found.df, found.p) if found.df else (np.nan, 0, np.nan)
            tests.append((name, outcome, len(lead), *tested))
            own = {"attribute": name, "outcome": outcome, "level": pd.Series(names, dtype=str), "n": np.bincount(level)}
            levels.append(pd.DataFrame(own).join(effects))
    excluded = waits.excluded.copy()
    excluded.loc["no score"] = int(((moments.utc < NEVER) & np.isnan(points)).sum())
    frame = pd.DataFrame(tests, columns=["attribute", "outcome", "n", "chi2", "df", "p"])
    return CherryPicking(frame.assign(p_corrected=holm(frame["p"])), pd.concat(levels, ignore_index=True), excluded)


def _points(tables: Tables, score: pd.Series[Any]) -> Floats:
    """The score of each lead, NaN where it has none."""
    if not isinstance(score, pd.Series) or not pd.api.types.is_numeric_dtype(score):
        raise ArgumentError("score", f"must be a Series of points by lead_id; got {type(score).__name__}")
    return tables.aligned(score, "score").to_numpy(np.float64, na_value=np.nan)


def _worked(stages: Stages, moments: Moments, timezone: str) -> Mask:
    """Whether sales did anything with each lead within the days from its MQL on."""
    day = stages.times.days(timezone)
    mql = (moments.local(timezone) // DAY)[stages.lead]
    inside = (moments.utc[stages.lead] < NEVER) & (day >= mql) & (day <= mql + _WITHIN_DAYS)
    return stages.first(len(moments.utc), day, stages.of(*WORKED) & inside) < NEVER


def _values(tables: Tables, rulebook: Rulebook, name: str, day: Ints) -> pd.Series[Any]:
    """What each lead's attribute was on a day: numbers, dates or text, missing where it was none."""
    declared = declared_kind(rulebook, name)
    # Undeclared, a column holds numbers or dates if all of its values are some.
    kinds: tuple[Kind, ...] = ("number", "date", "text") if declared in {None, "any"} else (declared,)
    for kind in kinds:
        column = convert(tables.leads[name], kind, rulebook.missing_values, rulebook.timezone)
        if not column.bad:
            break
    else:
        message, rows = next(iter(column.bad.items()))
        raise ArgumentError("columns", f"{name!r} has {counted(len(rows), 'value')} that cannot be read: {message}")
    row = tables.records.lookup(rulebook.timezone)(np.arange(len(tables.ids)), day)
    values = column.at(row)
    return pd.to_datetime(values, unit="D") if column.kind == "date" else values


def _levels(values: pd.Series[Any]) -> Groups:
    """The level of each value: numbers and dates in quarters, and rare levels together."""
    if values.dtype != object and values.nunique() > _QUARTERS:
        edges = np.unique(values.quantile([0.25, 0.5, 0.75], interpolation="lower"))
        shown = [f"{edge:%Y-%m-%d}" if isinstance(edge, pd.Timestamp) else f"{edge:g}" for edge in pd.Index(edges)]
        order = [f"up to {shown[0]}", *(f"{low} to {high}" for low, high in pairwise(shown)), f"over {shown[-1]}"]
        quarter = np.where(values.isna(), -1, np.searchsorted(edges, values))
        levels = grouped(pd.Categorical.from_codes(quarter, pd.Index(order)))
    else:
        levels = grouped(values)
    size = np.bincount(levels.code, minlength=len(levels.names))
    return levels.keeping(size >= max(_FEWEST, _RAREST * len(values)))


def _bands(points: Floats) -> Ints:
    """Bands of about as many leads each, by score; equal scores are in one band."""
    return np.searchsorted(np.sort(points), points) // _BAND


def _compare_worked(worked: Mask, level: Ints, band: Ints) -> _Compared:
    cells = np.zeros((2, band.max(initial=-1) + 1, level.max(initial=-1) + 1))
    np.add.at(cells, (worked.astype(np.int64), band, level), 1)
    events, at_risk = cells[1], cells.sum(axis=0)
    # Each level beside all others.
    had, under = (np.stack([part, part.sum(axis=1, keepdims=True) - part], axis=2) for part in (events, at_risk))
    found = [risk_difference(had[:, place], under[:, place]) for place in range(events.shape[1])]
    effects = pd.DataFrame(np.reshape(found, (-1, 3)), columns=["effect", "low", "high"])
    effects.insert(0, "events", events.sum(axis=0).astype(np.int64))
    return stratified_test(events, at_risk), effects


def _compare_fast(minutes: Floats, contacted: Mask, level: Ints, band: Ints) -> _Compared:
    found = stratified_test(*risk_sets(minutes, contacted, level, band))
    n_levels = level.max(initial=-1) + 1
    surplus, variance = (found.observed - found.expected)[:n_levels], found.variance[:n_levels]
    ends = surplus + np.outer([0, -_Z, _Z], np.sqrt(variance))
    effect, low, high = np.exp(ends / np.where(variance > 0, variance, np.nan))
    contacts = np.bincount(level[contacted], minlength=n_levels)
    return found, pd.DataFrame({"events": contacts, "effect": effect, "low": low, "high": high})
