"""`guards`: what to know of a table of leads before anything that is learned from it can be trusted.

Each finding has a code that stays:

====== ======== ======================================================================================================
LS301  drop     a column alone separates outcomes far better than the others together
LS302  drop     a column is filled, or missing, almost only for leads of one outcome
LS303  drop     a column holds days after the row's own, not equally often for both outcomes
LS304  drop     levels of a column occur almost only with one outcome: a state overwritten after it
LS305  drop     several signs together that a column is filled in after the outcome
LS306  warn     only its name is one by which such columns are called
LS307  drop     a column is filled in where the outcome is known, and hardly where it is still open
LS309  warn     how well all columns rank together, and how well without those of LS301 to LS307
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

from collections import Counter
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
from leadscore.learn.guards.columns import Found
from leadscore.learn.guards.leaks import leaks, unfilled
from leadscore.learn.guards.rows import Time
from leadscore.learn.guards.separation import Rows
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import Ints, share_text
from leadscore.stats.outcomes_and_scores import Mask, read_rows
from leadscore.tables.frames import alike, as_frame

Severity = Literal["refuse", "drop", "warn"]

_DROPPED = ("LS301", "LS302", "LS303", "LS304", "LS305", "LS307", "LS310", "LS320", "LS321")
_SEVERITY: dict[str, Severity] = {"LS340": "refuse", **dict.fromkeys(_DROPPED, "drop")}
_ORDER: list[Severity] = ["refuse", "drop", "warn"]
_SHOWN = ["code", "severity", "column", "message"]
# Of these kinds more than three columns are one line: the figures of each stand in the frame.
_EACH = 3
_KINDS = {
    "LS306": "named as columns that are filled in after the outcome; ask when",
    "LS310": "hardly tell more than when a row was: the calendar does not come again",
    "LS320": "identify single leads: of no use for new ones",
    "LS321": "the same, or missing, in nearly all rows: too few others to learn from",
    "LS322": "only whether they are filled in matters",
    "LS330": "many rows share a number far outside all others, with another outcome rate",
    "LS331": "some values stand for missing; keep these as a level of its own",
    "LS346": "today's rows lie elsewhere than those learned from",
}
_COUNTED = (("reason", " not to learn from these rows"), ("column", " to leave out"), ("warning", ""))

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
        return pd.DataFrame([vars(one) for one in self.found], columns=[*_SHOWN, "figures"])

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
        with Arguments("columns") as given:
            given.one_of("severity", severity, _ORDER)
        return list(dict.fromkeys(one.column for one in self.found if one.severity == severity))

    @property
    def lines(self) -> tuple[Guard, ...]:
        """The findings as people read them: of a kind that more than three columns are of, one with all their names."""
        sizes = Counter(one.code for one in self.found)
        many = {code for code in _KINDS if sizes[code] > _EACH}
        found = {(one.code, None if one.code in many else place): one for place, one in enumerate(self.found)}
        return tuple(self._all_of(code) if place is None else one for (code, place), one in found.items())

    def _all_of(self, code: str) -> Guard:
        alike = [one for one in self.found if one.code == code]
        names = [str(one.column) for one in alike]
        return Guard(code, f"{len(names):,} columns", f"{_KINDS[code]}: {', '.join(names)}", alike[0].severity, {})

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
            shown = pd.DataFrame([vars(one) for one in self.lines]).drop(columns="figures")
            shown["column"] = ["(table)" if name == "" else name for name in shown["column"]]
            yield Section("frame", "Findings, the most severe first", self.frame, shown[_SHOWN])


def guards(  # noqa: PLR0913 - each of them is part of what is asked
    X: Any,
    y: Any,
    *,
    dates: Any = None,
    worked_only: bool = False,
    groups: Any = None,
    now: Any = None,
) -> Guards:
    """What to know of a table of leads before a fit on it is trusted: leaks, calendars, odd columns, thin data, drift.

    Give it the rows to learn from and no others: it reads their outcomes, so rows kept for a test must not be among
    them.

    Parameters
    ----------
    X : DataFrame of pandas or polars, or Arrow table, a row per lead (and day)
        Numbers, text, categories, booleans, dates, with missing values of any kind.
    y : (n_rows,) True, False or missing; 1 and 0 will do
        The outcomes. Of rows without one only this is asked: which columns are empty in them and filled in the others.
    dates : (n_rows,) days, or numbers that rise with time, optional
        When each row was as it is. Without them nothing is said of calendars, days after the row's own and outcome
        drift.
    worked_only : bool
        Whether the labels are of leads that sales worked.
    groups : (n_rows,) ids, optional
        The lead of each row, where a lead has several.
    now : a table with the columns of X, optional
        Leads of today: where they lie elsewhere, and which columns are empty in them. Columns go by name, whatever
        their types.

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
    ranked by its rate in four fifths of the rows on the fifth left out. Far above the others (LS301) is one whose
    interval lies above 0.98; or above 0.8 and above what all columns that do not reach 0.8 give together, by a
    cross-fitted logistic regression (of at most 10,000 leads of each outcome), while no more than a third of the
    columns that tell anything are so strong.

    Weaker ones are judged by whether they go with the other columns by the outcome alone (LS305), which is how an
    effect of the outcome differs from its causes and from other signs of one interest. Where this says nothing, a
    name by which customer systems call such columns (English, German, French) makes a finding to drop together with an
    AUC above 0.75, or with odds of the outcome more than four times larger where the column is filled in, or has a
    level, than where not; alone it is a finding to look at (LS306). A column that goes with the others as a cause or
    another sign does is not overwritten (LS304), and is far above the others (LS301) only with such a name. The bounds
    of the figures hold for all columns of a table and all levels of each at once, with 1 % of false alarms. LS309 says
    what all of them seem to bring, with DeLong's interval for the difference.

    How often leaks are found and honest columns taken for leaks: `benchmarks/README.md`. A figure that grew after the
    outcome from an honest one that is among the columns is not found, and of columns that were all made from the
    outcome leaks and honest ones cannot be told apart: you decide.

    A calendar (LS310) is known from when a row was: of the information of its bins more than half is shared with up
    to fifty parts of the time, and enough to tell three parts apart (or nearly all is shared); or nearly all of it with
    single days, and enough to tell more than eight apart. Bias-corrected as by
    Miller, G. A. (1955), Note on the bias of information estimates. A day of the week is none, as it comes again.

    References
    ----------
    Kaufman, S., Rosset, S. and Perlich, C. (2012), Leakage in data mining: formulation, detection, and avoidance, ACM
    Transactions on Knowledge Discovery from Data 6(4), 15. Effects and causes: Mani, S., Spirtes, P. and Cooper, G. F.
    (2006), A theoretical study of Y structures for causal discovery, UAI 22, 314-323.

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
    ...     print(found.code, found.severity, found.column or "(the table)")
    LS302 drop contract_value
    LS309 warn (the table)
    LS331 warn industry
    """
    with Arguments("guards") as given:
        given.flag("worked_only", worked_only)
        table = _read(X, y, dates, groups, now)
    columns, y, time, lead = table.columns, table.y, table.time, table.leads
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
    found += _columns(table, rows)
    told = [Guard(code, name, message, _SEVERITY.get(code, "warn"), figures) for code, name, message, figures in found]
    told.sort(key=lambda guard: (_ORDER.index(guard.severity), guard.code, str(guard.column)))
    return Guards(tuple(told), len(y))


def _columns(table: _Table, rows: Rows | None) -> Iterator[Found]:
    """What there is to say of single columns; of one that must go, every reason why and nothing more."""
    columns, time = table.columns, table.time
    odd = [one for cells in columns for one in _first(oddities.identifier(cells), oddities.near_constant(cells))]
    gone = [one for cells in columns for one in _first(*(unfilled(cells, *part) for part in table.later(cells.name)))]
    if rows is not None:
        gone += leaks(columns, rows, time, gone, {name for _, name, _, _ in odd})
    if time is not None:
        resolutions = list(_resolutions(time))
        gone += [one for cells in columns for one in _calendar(cells, resolutions)]
    gone += odd
    yield from gone
    # What several signs speak against is no less odd for that, and the other findings help to judge it.
    out = {name for code, name, _, _ in gone if code in _DROPPED and code != "LS305"}
    for cells in columns:
        if cells.name in out:
            continue
        if rows is not None:
            yield from oddities.only_missingness(cells, rows)
        yield from _first(oddities.spike(cells, rows), oddities.disguised_missing(cells, rows))
        if cells.name in table.today:
            yield from sample.column_drift(cells, table.today[cells.name])


def _first(*checks: Iterator[Found]) -> list[Found]:
    """What the first check that finds something finds."""
    return next((found for check in checks if (found := list(check))), [])


@dataclass(frozen=True)
class _Table:
    """The rows of known outcome, and by column those that are still open and today's, where there are any."""

    columns: list[Cells]
    y: Mask
    time: Time | None
    leads: Ints | None
    still_open: dict[Hashable, Cells]
    today: dict[Hashable, Cells]

    def later(self, name: Hashable) -> Iterator[tuple[Cells, str]]:
        """A column of rows whose outcome is to come, and what these are called."""
        for part, whose in ((self.still_open, "rows whose outcome is open"), (self.today, "rows of today")):
            if name in part:
                yield part[name], whose


def _read(table: Any, y: Any, dates: Any, groups: Any, now: Any) -> _Table:
    table = as_frame("X", table)
    if now is not None:
        now = _alike(table, as_frame("now", now))
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
    still_open = {} if leads.known.all() else _by_name(table[~leads.known], "X")
    today = {} if now is None else _by_name(now, "now")
    return _Table(columns, rows.had, time, rows.groups, still_open, today)


def _by_name(table: pd.DataFrame, source: str) -> dict[Hashable, Cells]:
    return {cells.name: cells for cells in read_cells(table, source=source)}


def _alike(table: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Today's columns as the kinds of those of the table."""
    lacking = [repr(name) for name in table.columns if name not in now.columns]
    if lacking:
        raise ArgumentError("now", f"lacks {counted_of(len(lacking), 'column')} of X: {', '.join(lacking[:5])}")
    pairs = {name: alike(column, now[name], "X", "now") for name, column in table.items()}
    # A column that is of another kind today is a finding.
    return pd.DataFrame({name: now[name] if isinstance(pair, str) else pair[2] for name, pair in pairs.items()})


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
