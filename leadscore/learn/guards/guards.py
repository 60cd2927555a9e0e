"""`guards`: what to know of a table of leads before anything that is learned from it can be trusted.

Each finding has a code that stays:

====== ======== ======================================================================================================
LS301  drop     a column alone separates outcomes far better than the others together
LS302  drop     a column is filled, or missing, almost only for leads of one outcome
LS303  drop     a column holds days after the row's own, not equally often for both outcomes
LS304  drop     a level of a column occurs almost only with one outcome: a state overwritten after it
LS310  drop     a column is the calendar in disguise
LS320  drop     a column is an identifier
LS321  drop     a column is the same in nearly all rows
LS322  warn     only whether a column is filled matters
LS330  warn     many rows share a number far outside all others, with another outcome rate
LS331  warn     values stand for missing
LS340  refuse   too few outcomes of a kind
LS341  warn     fewer leads than so many columns ask for
LS342  warn     labels are known of worked leads only
LS343  warn     rows equal others in every column
LS344  warn     leads are in the older part and in the newest
LS345  warn     the newest rows have another outcome rate
LS346  warn     today's rows lie elsewhere than those learned from
====== ======== ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted as counted_of
from leadscore.errors import ArgumentError, visible
from leadscore.learn.guards import columns as oddities
from leadscore.learn.guards import rows as sample
from leadscore.learn.guards.cells import Cells, read_cells, row_marks
from leadscore.learn.guards.columns import Found, shown
from leadscore.learn.guards.rows import Time
from leadscore.learn.guards.separation import Rows, Split, alone, together
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import Ints, share_text
from leadscore.stats.outcomes_and_scores import Mask, read_rows
from leadscore.stats.ranking import counted

Severity = Literal["refuse", "drop", "warn"]

_DROPPED = ("LS301", "LS302", "LS303", "LS304", "LS310", "LS320", "LS321")
_SEVERITY: dict[str, Severity] = {"LS340": "refuse", **dict.fromkeys(_DROPPED, "drop")}
_ORDER: list[Severity] = ["refuse", "drop", "warn"]
_COUNTED = (("reason", " not to learn from these rows"), ("column", " to leave out"), ("warning", ""))

# A column known in time seldom reaches an AUC of 0.8 alone; hardly any reaches 0.95.
_STRONG, _CERTAIN = 0.8, 0.95
# So many other columns it takes to say what is far above the rest.
_REST = 3
# How many times larger the odds are at a level that is as good as the outcome. Hand-raisers reach 20.
_PURE = 30
# A level without the outcome is no leak where it holds a few leads only: bounced addresses never convert.
_COVERED = 0.2
_LEVELS = 20
# Below so many of the rarer outcome nothing is said of single columns.
_FEW = 10
# Time is cut into fifty parts at most, of a hundred rows or more, of a week or more.
_PARTS, _PART_ROWS, _PART_DAYS, _LEAST_PARTS = 50, 100, 7, 5
# More than half of a calendar is known from the part of the time, and it tells three apart; or nearly all is known.
_KNOWN, _APART, _WHOLLY = 0.5, 3, 0.9
# What is the same all day is told from what is not by so many rows a day.
_DAY_ROWS = 5


@dataclass(frozen=True)
class Guard:
    """A finding of `guards`.

    Attributes
    ----------
    code : str
        What kind; see the module. It stays from release to release.
    column : label of a column
        "" where it is about the whole table.
    message : str
        What was found, with its figures.
    severity : "refuse", "drop" or "warn"
        Nothing can be learned; the column must be left out; or someone must look.
    figures : dict of str to value
        What the message says, as numbers.
    """

    code: str
    column: Hashable
    message: str
    severity: Severity
    figures: dict[str, Any]

    def __str__(self) -> str:
        where = "the table" if self.column == "" else visible(self.column)
        return f"{self.code} {self.severity}, {where}: {visible(self.message)}"


@dataclass(frozen=True, repr=False)
class Guards(Result):
    """What is wrong with a table of leads; made by `guards`, and a sequence of its findings.

    Attributes
    ----------
    found : tuple of Guard
        The most severe first, then by code and column.
    n : int
        Rows looked at.
    """

    found: tuple[Guard, ...]
    n: int
    # Each finding says what to do.
    notes: ClassVar[tuple[str, ...]] = ()

    def __iter__(self) -> Iterator[Guard]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per finding: `code`, `severity`, `column`, `message`, `figures`."""
        names = ["code", "severity", "column", "message", "figures"]
        return pd.DataFrame([vars(one) for one in self.found], columns=names)

    def columns(self, severity: Severity) -> list[Hashable]:
        """The columns of a severity, each once.

        Parameters
        ----------
        severity : "refuse", "drop" or "warn"

        Returns
        -------
        list of column labels
            In the order of the findings; "" where one is about the whole table.
        """
        return list(dict.fromkeys(one.column for one in self.found if one.severity == severity))

    @property
    def headline(self) -> str:
        """How much was found of each severity."""
        counts = [sum(one.severity == severity for one in self.found) for severity in _ORDER]
        counts[1] = len(self.columns("drop"))
        parts = zip(counts, _COUNTED, strict=True)
        said = [counted_of(count, what) + rest for count, (what, rest) in parts if count]
        return f"{', '.join(said) or 'Nothing found'}; n = {counted_of(self.n, 'row')}."

    def sections(self) -> Iterator[Section]:
        """The findings."""
        if self.found:
            frame = self.frame
            shown = frame.drop(columns="figures").assign(
                column=["(table)" if name == "" else name for name in frame["column"]]
            )
            yield Section("frame", "Findings, the most severe first", frame, shown)


def guards(  # noqa: PLR0913 - each of them is part of what is asked
    X: pd.DataFrame,  # noqa: N803 - scikit-learn's name
    y: Any,
    *,
    dates: Any = None,
    worked_only: bool = False,
    groups: Any = None,
    now: pd.DataFrame | None = None,
) -> Guards:
    """What to know of a table of leads before a fit on it is trusted: leaks, calendars, odd columns, thin data, drift.

    Give it the rows to learn from and no others: it reads their outcomes, so rows kept for a test must not be among
    them.

    Parameters
    ----------
    X : DataFrame, a row per lead (and day)
        Numbers, text, categories, booleans, dates, with missing values of any kind.
    y : (n_rows,) True, False or missing; 1 and 0 will do
        The outcomes; rows without one are left out.
    dates : (n_rows,) days, or numbers that rise with time, optional
        When each row was as it is. Without them nothing is said of calendars, days after the row's own and outcome
        drift.
    worked_only : bool
        Whether the labels are of leads that sales worked.
    groups : (n_rows,) ids, optional
        The lead of each row, where a lead has several.
    now : DataFrame with the columns of X, optional
        Leads of today.

    Returns
    -------
    Guards
        Its findings do not depend on the order of rows and columns.

    Raises
    ------
    ArgumentError
        For invalid arguments, all problems at once.

    Notes
    -----
    A column is judged by the AUC of its bins (some twenty for numbers, levels of categories, missing as one), each
    ranked by its rate in four fifths of the rows on the fifth left out. It is taken for known only afterwards (LS301)
    if its interval lies above 0.95; or above 0.8 and above what all columns that do not reach 0.8 give together, by a
    cross-fitted logistic regression (three or more of them; of at most 10,000 leads of each outcome). That figures
    alone cannot know when a column was filled in is why it is said and not decided: a column that is that good and
    known in time is worth a look too. In simulations with ten other columns, that together reach 0.67 to 0.72, a true
    column was taken for a leak in none of 180 tables at an AUC of 0.70 to 0.80, in 13 % of 30 at 0.82 and 93 % at 0.85
    with 2,000 rows, and in all from 0.82 on with 40,000; of 300 tables without any fault none had a column to drop.

    A calendar (LS310) is known from when a row was: of the information of its bins more than half is shared with up
    to fifty parts of the time, and enough to tell three parts apart (or nearly all is shared); or nearly all of it with
    single days, and enough to tell more than eight apart. Bias-corrected as by
    Miller, G. A. (1955), Note on the bias of information estimates. A day of the week is none, as it comes again.

    References
    ----------
    Kaufman, S., Rosset, S. and Perlich, C. (2012), Leakage in data mining: formulation, detection, and avoidance, ACM
    Transactions on Knowledge Discovery from Data 6(4), 15.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> won = rng.random(2000) < 0.2
    >>> X = pd.DataFrame({
    ...     "employees": rng.integers(1, 500, 2000) + 100 * won,
    ...     "contract_value": np.where(won, rng.integers(1000, 9000, 2000), np.nan),
    ...     "industry": rng.choice(["tech", "retail", "unknown"], 2000),
    ... })
    >>> for found in guards(X, won):
    ...     print(found.code, found.severity, found.column)
    LS302 drop contract_value
    LS331 warn industry
    """
    columns, y, time, lead, today = _read(X, y, dates, groups, now)
    marks = row_marks(columns)
    found = [*sample.too_few(y, lead, len(columns)), *sample.twins(columns, marks, time)]
    enough = min(y.sum(), (~y).sum()) >= _FEW
    rows = Rows.of(y, marks) if enough else None
    if worked_only:
        message = (
            f"labels are of leads that sales chose to work, outcome rate {share_text(y.sum(), len(y))}: what is "
            f"learned holds for leads chosen alike; nothing is known about the others until some are worked at random"
        )
        found.append(("LS342", "", message, {"n": len(y), "events": int(y.sum())}))
    if time is not None:
        found += sample.outcome_drift(y, time)
        if lead is not None:
            found += sample.same_leads(lead, time)
    found += _columns(columns, rows, time, today)
    told = [Guard(code, name, message, _SEVERITY.get(code, "warn"), figures) for code, name, message, figures in found]
    told.sort(key=lambda guard: (_ORDER.index(guard.severity), guard.code, str(guard.column)))
    return Guards(tuple(told), len(y))


def _columns(
    columns: list[Cells], rows: Rows | None, time: Time | None, today: dict[Hashable, Cells]
) -> Iterator[Found]:
    """What there is to say of single columns; of one that must go, nothing more than why."""

    def without(found: list[Found]) -> list[Cells]:
        return [cells for cells in columns if cells.name not in {name for _, name, _, _ in found}]

    gone = [
        finding for cells in columns for finding in _first(oddities.identifier(cells), oddities.near_constant(cells))
    ]
    if rows is not None:
        gone += _leaks(without(gone), rows, time)
    if time is not None:
        resolutions = list(_resolutions(time))
        gone += [finding for cells in without(gone) for finding in _calendar(cells, resolutions)]
    yield from gone
    for cells in without(gone):
        if rows is not None:
            yield from oddities.only_missingness(cells, rows)
        yield from _first(oddities.spike(cells, rows), oddities.disguised_missing(cells, rows))
        if cells.name in today:
            yield from sample.column_drift(cells, today[cells.name])


def _first(*checks: Iterator[Found]) -> list[Found]:
    """What the first check that finds something finds."""
    return next((found for check in checks if (found := list(check))), [])


def _read(
    table: pd.DataFrame, y: Any, dates: Any, groups: Any, now: pd.DataFrame | None
) -> tuple[list[Cells], Mask, Time | None, Ints | None, dict[Hashable, Cells]]:
    """The columns, outcomes, times and leads of the rows of known outcome, and today's columns by name."""
    tables = {"X": table} if now is None else {"X": table, "now": now}
    with Arguments("guards") as given:
        given.types(**{name: (one, pd.DataFrame) for name, one in tables.items()})
    if now is not None:
        lacking = [repr(name) for name in table.columns if name not in now.columns]
        if lacking:
            raise ArgumentError("now", f"lacks {counted_of(len(lacking), 'column')} of X: {', '.join(lacking[:5])}")
    leads = read_rows(y, X=table, dates=dates, groups=groups, numbered_dates=True)
    if not leads.known.any() and len(table):
        raise ArgumentError(
            "y", f"has no known outcome, n = {counted_of(len(table), 'row')}: nothing can be learned yet"
        )
    rows, time = leads.of_known(), None
    if dates is not None:
        when = rows.columns["dates"] if rows.dates is None else rows.dates.astype(np.float64)
        time = Time(when, days=rows.dates is not None)
    columns = read_cells(table[leads.known], source="X")
    today = {} if now is None else {cells.name: cells for cells in read_cells(now, source="now")}
    return columns, rows.had, time, rows.groups, today


# ------------------------------------------------------------------------------------------- known only afterwards


def _leaks(columns: list[Cells], rows: Rows, time: Time | None) -> Iterator[Found]:
    """For each column the plainest way in which it gives the outcome away, if there is one."""
    left: list[Cells] = []
    for cells in columns:
        found = _first(_filled(cells, rows), _state(cells, rows), _later(cells, rows, time))
        yield from found
        if not found:
            left.append(cells)
    auc = {cells.name: alone(rows.counts(cells)) for cells in left}
    strong = [cells for cells in left if auc[cells.name].low > _STRONG]
    rest = [cells for cells in left if auc[cells.name].low <= _STRONG]
    of_rest = together(rows, rest) if strong and len(rest) >= _REST else None
    beside = "" if of_rest is None else f"; {counted_of(len(rest), 'other column')} together: {of_rest:.3f}"
    n, events = len(rows.y), int(rows.y.sum())
    for cells in strong:
        one = auc[cells.name]
        if one.low > _CERTAIN or (of_rest is not None and one.low > of_rest):
            message = (
                f"alone it separates outcomes with an AUC of {one}, {counted(n, events, 0)}{beside}: is it known "
                f"before the outcome?"
            )
            figures = {"n": n, "events": events, "auc": one.value, "low": one.low, "high": one.high}
            yield "LS301", cells.name, message, figures | {"auc_of_others": of_rest}


def _filled(cells: Cells, rows: Rows) -> Iterator[Found]:
    """Filled, or missing, almost only for one outcome."""
    split = Split.of(rows.y, cells.missing)
    if odds := _gives_away(split):
        message = f"whether it is filled gives the outcome away: missing {split.shares[0]}, filled {split.shares[1]}"
        yield "LS302", cells.name, message, split.figures | odds


def _state(cells: Cells, rows: Rows) -> Iterator[Found]:
    """A level that almost only leads of one outcome have."""
    if cells.kind != "category" and len(cells.values) > _LEVELS:
        return
    for code in np.argsort(-cells.counts, kind="stable")[:_LEVELS].tolist():
        split = Split.of(rows.y, cells.codes == code)
        if odds := _gives_away(split):
            value, shares = shown(cells, code), split.shares
            message = (
                f"{value} occurs almost only {'with' if odds['odds_ratio'] > 1 else 'without'} the outcome: "
                f"{shares[0]}, all others {shares[1]}; was this state overwritten after the outcome?"
            )
            yield "LS304", cells.name, message, {"value": value} | split.figures | odds
            return


def _gives_away(split: Split) -> dict[str, float]:
    """The odds ratio of a side that is as good as the outcome; empty where it is not."""
    ratio, low, high = split.odds_ratio
    # Which of the two sides is nearly without the outcome must hold enough of such leads.
    without = split.n - split.events, split.others - split.other_events
    covered = without[ratio > 1] >= _COVERED * sum(without)
    sure = split.n and split.others and (low >= _PURE or high <= 1 / _PURE)
    return {"odds_ratio": ratio, "low": low, "high": high} if sure and covered else {}


def _later(cells: Cells, rows: Rows, time: Time | None) -> Iterator[Found]:
    """Days after the row's own, not equally often for both outcomes."""
    if cells.kind != "date" or time is None or not time.days:
        return
    split = Split.of(np.floor(cells.raw) > time.when, rows.y)
    if split.differ:
        message = (
            f"holds later days than the row's own in {split.shares[0]} rows with the outcome, and in "
            f"{split.shares[1]} without"
        )
        figures = {"n": len(rows.y), "later_with_outcome": split.events, "later_without_outcome": split.other_events}
        yield "LS303", cells.name, message, figures


# -------------------------------------------------------------------------------------------------------- calendar


def _calendar(cells: Cells, resolutions: list[tuple[Ints, float, float]]) -> Iterator[Found]:
    """Columns that hardly do more than tell when a row was."""
    n = len(cells.codes)
    for part, least_known, least_apart in resolutions:
        parts = int(part.max()) + 1
        code, size = cells.bins
        counts = np.bincount(part * size + code, minlength=parts * size).reshape(parts, size)
        whole, shared = _information(counts)
        known, apart = shared / whole if whole > 0 else 0.0, float(np.exp(shared))
        if (known > least_known and apart > least_apart) or (known > _WHOLLY and least_known < _WHOLLY):
            message = (
                f"{known:.0%} of its information is when a row was, n = {n:,} in {parts} parts of time, of which it "
                f"separates {apart:.1f}: a model would learn the calendar, which does not come again"
            )
            yield "LS310", cells.name, message, {"n": n, "parts": parts, "known": known, "apart": apart}
            return


def _resolutions(time: Time) -> Iterator[tuple[Ints, float, float]]:
    """Parts of time, and from what share of information and how many parts told apart on a column is a calendar."""
    n = len(time.when)
    most = min(_PARTS, n // _PART_ROWS)
    if time.days:
        most = min(most, int((time.when.max() - time.when.min() + 1) // _PART_DAYS))
    if most >= _LEAST_PARTS:
        part = time.parts(most)
        if part.max() + 1 >= _LEAST_PARTS:
            yield part, _KNOWN, _APART
    distinct, day = np.unique(time.when, return_inverse=True)
    # A price of the day leaps from one to the next; days of the week are seven, and come again.
    if time.days and len(distinct) >= _LEAST_PARTS * _PART_DAYS and n >= _DAY_ROWS * len(distinct):
        yield day, _WHOLLY, _PART_DAYS + 1


def _information(counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    """The entropy of the bins and what they share with the parts of time, in nats, corrected for bias."""
    n = counts.sum()

    def entropy(cells: npt.NDArray[np.int64]) -> float:
        # Sorted, so that the sum does not depend on the order.
        share = np.sort(cells[cells > 0]) / n
        return float(-(share * np.log(share)).sum() + (len(share) - 1) / (2 * n))

    bins, parts, both = counts.sum(axis=0), counts.sum(axis=1), counts.ravel()
    return entropy(bins), max(entropy(bins) + entropy(parts) - entropy(both), 0.0)
