"""`decompose`: what a change of MQL volume is made of: leads, their fit, what they do, the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.drift.change.pools import OLDER, WEEK, Groups, Pool, Span, counted, pool_of
from leadscore.errors import ArgumentError, RulebookError, did_you_mean
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.binding import Binding
from leadscore.stats.intervals import Floats
from leadscore.stats.shapley import PARTS, Counts, first_order, jackknife, rules_alone, shapley
from leadscore.tables.groups import grouping
from leadscore.tables.tables import Tables

_RULEBOOK = ("rules", "threshold")
_VOLUME, _SHARE = "MQLs", "behaviour share"
_SAID = {
    "volume": "lead volume",
    "fit_mix": "fit mix",
    "behaviour": "behaviour at given fit",
    "rulebook": "rulebook and threshold",
    "rules": "- its rules",
    "threshold": "- its threshold and all else of `qualify`",
    "total": "total",
}
# The rows of figures: their parts and what these sum to, then what a part is made of.
_ROWS = (*PARTS, "total", "dilution", *_RULEBOOK)
_ABOUT = {"leadscore", "name", "version", "agreement", "qualify", "grades"}
_FIT, _NO_POINTS, _REST = "(fit)", "(no points)", "(missing)"


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition(Result):
    """What a change of MQL volume, and of the share of behaviour in it, is made of; made by `decompose`.

    Attributes
    ----------
    frame : DataFrame, index (figure, part)
        `figure` is MQLs (leads that qualified in the period) or behaviour share (the mean over them of behaviour points
        in all points, none below 0 counted). `part` is volume, fit_mix, behaviour and rulebook, which sum exactly to
        total; rules and threshold (all that stands under `qualify`), which sum to rulebook. `change` with `low`, `high`
        (95 %, from week to week), and `first_order`, what a part would have done if it alone had changed.
    totals : DataFrame, index figure
        `before` and `after`; `interaction`: what came of several parts changing at once; it is part of the changes in
        `frame`, shared equally among those it came of.
    by_rule, by_event : DataFrame, index name
        Each MQL shared out over the rules that gave it points, by these points: `before`, `after`, `change` with `low`,
        `high`, and `volume`, `fit_mix`, `behaviour`, `rulebook`, each with `_low`, `_high`. They sum to those of all.
    by_source, by_segment : DataFrame or None, index name
        The same for the leads of each source and segment. Where one gains share of the leads its own MQLs grow, and
        those of the others shrink; `dilution`, with `_low` and `_high`, is what it does to all, and sums to their
        fit_mix: one that grows at the cost of better ones takes away.
    notes : tuple of str
        What to know before it is believed.
    n : tuple of two ints
        The leads of each period.
    before, after : (first day, last day)
        The two periods.
    """

    frame: pd.DataFrame
    totals: pd.DataFrame
    by_rule: pd.DataFrame
    by_event: pd.DataFrame
    by_source: pd.DataFrame | None
    by_segment: pd.DataFrame | None
    notes: tuple[str, ...]
    n: tuple[int, int]
    before: tuple[dt.date, dt.date]
    after: tuple[dt.date, dt.date]

    @property
    def headline(self) -> str:
        """By how much MQLs changed, and what did most of it."""
        rows = self.frame.loc[_VOLUME]
        if rows.loc[[*PARTS], "change"].isna().any():
            return f"The change of MQLs cannot be split: no lead qualified {self._when}."
        changes = {str(name): tuple(map(_signed, row)) for name, *row in rows[["change", "low", "high"]].itertuples()}
        said = {name: f"{change} ({low} to {high})" for name, (change, low, high) in changes.items()}
        old, new = self.totals.loc[_VOLUME, ["before", "after"]]
        change, most = said["total"], str(rows.loc[[*PARTS], "change"].abs().idxmax())
        largest = f"; the largest part is {_SAID[most]} {said[most]}" if rows["change"].any() else ""
        return f"MQLs went from {old:,.0f} to {new:,.0f}, {change}, {self._when}{largest}."

    @property
    def _when(self) -> str:
        sides = zip((self.before, self.after), self.n, strict=True)
        first, second = (f"{start} to {end} ({n:,} leads)" for (start, end), n in sides)
        return f"from {first} to {second}"

    def sections(self) -> Iterator[Section]:
        """The parts of each figure, then the change by rule, event, source and segment."""
        for name, figure, style in (("mqls", _VOLUME, "+,.0f"), ("behaviour_share", _SHARE, "+.1%")):
            rows = self.frame.xs(figure)
            assert isinstance(rows, pd.DataFrame)
            both = (rows.loc[[*_RULEBOOK], "change"] != 0).all() and rows["change"].notna().all()
            told = rows.loc[[*PARTS, *(_RULEBOOK if both else ()), "total"], ["change", "low", "high"]]
            shared = float(self.totals["interaction"][figure])
            yield Section(
                name,
                f"What the change of {figure} is made of, with 95 % intervals from week to week",
                rows,
                told.rename(index=_SAID),
                notes=(f"{_signed(shared, style[1:])} of it came of several parts changing at once.",),
                formats={"change": style, "first_order": style},
            )
        yield Section("totals", "Both periods", self.totals)
        for name in ("rule", "event", "source", "segment"):
            table = getattr(self, f"by_{name}")
            if table is not None:
                shown = table[["before", "after", "change", "low", "high"]]
                formats = {"before": ",.1f", "after": ",.1f", "change": "+,.1f"}
                yield Section(f"by_{name}", f"MQLs by {name}", table, shown, formats=formats)

    def plot(self, figure: str = _VOLUME, ax: Any = None) -> Any:
        """Draw the change of a figure, MQLs or behaviour share, part by part; see `pictures.plot_waterfall`."""
        from leadscore.drift.pictures import plot_waterfall  # noqa: PLC0415 - matplotlib takes long to import

        if figure not in self.totals.index:
            raise ArgumentError("figure", f"there is no {figure!r}{did_you_mean(figure, self.totals.index)}")
        rows = self.frame.loc[[(figure, part) for part in (*PARTS, "total")]]
        names = ["lead volume", "fit mix", "behaviour\nat given fit", "rulebook\nand threshold"]
        title = f"{figure}: what changed {self._when}".replace(") to ", ")\nto ")
        ends = tuple(self.totals.loc[figure, ["before", "after"]])
        return plot_waterfall(rows, ends=ends, names=names, share=figure == _SHARE, title=title, ax=ax)


def _signed(value: float, style: str = ",.0f") -> str:
    text = f"{value:+{style}}"
    # What rounds to nothing has no sign.
    return text if any(digit in "123456789" for digit in text) else text[1:]


def decompose(  # noqa: PLR0913 - when, by which rules, and what leads are told apart by
    tables: Tables | Binding,
    old: Rulebook,
    new: Rulebook | None = None,
    *,
    before: tuple[Any, Any],
    after: tuple[Any, Any],
    source: str | pd.Series[Any] | None = None,
    segment: str | pd.Series[Any] | None = None,
) -> Decomposition:
    """Split the change in MQLs between two periods into leads, their fit, what they do, and the rules: exactly.

    Parameters
    ----------
    tables : Tables
        With the columns of both rulebooks.
    old, new : Rulebook
        What was in force in each period; without `new` the same one.
    before, after : (first day, last day)
        The periods: equally long, whole weeks, at least two. The same weeks of two years leave the season out of it.
    source : str or Series, optional
        Where leads come from: a lead column, or a Series by lead_id. Give it: else a change of sources of equal fit and
        other zeal is taken for one of behaviour.
    segment : str or Series, optional
        Another column to tell by; by default the segments of `new`.

    Returns
    -------
    Decomposition
        `frame`, `by_rule`, `by_event`, `by_source`, `by_segment`, `notes`.

    Raises
    ------
    ArgumentError
        If a period is none, they differ in length, are no whole weeks, or share days; if the rulebooks are none or of
        two time zones; or if there is no such column.
    ContractError
        If the tables lack a column a rulebook uses, or hold values that it cannot read.

    Notes
    -----
    An MQL is a lead that qualified in the period, as `replay` finds it. Leads are those that were there in it, in
    cells of leads alike: new, of the time as long just before, or older; source; segment; and how many points of
    behaviour they need to qualify by each rulebook, as they stood at the period's end (in bands, where there are more
    than 30 values). With N the leads, p the shares of cells and q the share of a cell that qualifies when the
    behaviour of one period meets the rulebook of one, MQLs are the sum of N p q. Old N, p, q become new in every order,
    and each is given its mean over the orders: its Shapley value. So half of what two do together goes to each.

    Leads of a cell that a period does not have are given the rate of its leads that need as many points, whatever their
    source; where it has none of these either, that of all; where it has none at all, as of older leads in a first
    period, that of the other period.

    Intervals leave each week out in turn, the first of one period with the first of the other and so on, and take
    these pairs as drawn independently: where busy weeks come in a row, they are too short. They say how sure it is that
    a part is more than the usual to and fro, not that MQLs were miscounted. In simulations of eight independent weeks
    against eight 92 to 97 % of them hold the mean of all runs.

    References
    ----------
    Shorrocks, A. F. (2013), Decomposition procedures for distributional analysis: a unified framework based on the
    Shapley value, Journal of Economic Inequality 11, 99-126.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> funnel = make_funnel(2000, random_state=0)
    >>> tables = ls.load_tables(funnel.leads, funnel.events, rulebook=funnel.rulebook, columns=["source"])
    >>> periods = {"before": ("2025-12-08", "2026-01-18"), "after": ("2026-02-16", "2026-03-29")}
    >>> found = decompose(tables, funnel.rulebook, **periods, source="source")
    >>> print(found.headline)
    MQLs went from 83 to 97, +14 (-15 to +43), from 2025-12-08 to 2026-01-18 (1,185 leads) to 2026-02-16 to 2026-03-29
    (1,972 leads); the largest part is lead volume +29 (+20 to +38).
    >>> found.frame.loc["MQLs", ["change", "low", "high"]].round().astype(int).head(3)
               change  low  high
    part
    volume         29   20    38
    fit_mix         7    2    12
    behaviour     -22  -55    10
    >>> found.by_event[["before", "after", "change"]].round(1).head(3)
               before  after  change
    event
    (fit)        50.1   59.0     8.9
    page_view    22.3   25.4     3.1
    webinar       4.4    7.4     3.0
    """
    held = tables.tables if isinstance(tables, Binding) else tables
    books = _books(held, old, new)
    spans = _periods(before, after)
    if isinstance(tables, Binding):
        binding = tables
    else:
        days = [(span.first, span.last) for span in spans]
        binding = Binding(tables, min(days)[0], max(days)[1], replayed=days)
    groups = _groups(held, books[1], source, segment)
    between = _between(*books)
    pools = [pool_of(binding, span, [*books, *between], groups) for span in spans]
    rules = _rules(books)
    counts, cells = counted(binding, pools, list(rules))
    split = _Split.of(counts, cells, rules, groups)
    notes = [*_of_cells(counts, pools, source), *_of_rules(split, rules, books)]
    if not between:
        notes.append("The rules of one rulebook cannot reach the threshold of the other: they are not told apart.")
    return Decomposition(
        *split.headline(),
        by_rule=split.table("rule"),
        by_event=split.table("event"),
        by_source=split.table("source") if groups.sources else None,
        by_segment=split.table("segment") if groups.segments else None,
        notes=tuple(notes),
        n=(len(pools[0].lead), len(pools[1].lead)),
        before=spans[0].days,
        after=spans[1].days,
    )


# ------------------------------------------------------------------------------------------------------ what is given


def _periods(before: Any, after: Any) -> tuple[Span, Span]:
    spans = []
    with Arguments("decompose") as given:
        for name, period in (("before", before), ("after", after)):
            if isinstance(period, str) or not isinstance(period, Sequence) or len(period) != 2:
                given.wrong(name, f"must be its first and its last day; got {period!r}")
                continue
            span = Span(*given.period(period[0], period[1], (f"{name}, first day", f"{name}, last day")))
            length = span.last - span.first + 1
            if length < 2 * WEEK or length % WEEK:
                message = f"must be whole weeks, at least two, as 2026-01-05 to 2026-03-01; got {length:,} days"
                given.wrong(name, message)
            spans.append(span)
        if not given.problems:
            a, b = spans
            if a.weeks != b.weeks:
                given.wrong("after", f"must be as long as before, {a.weeks} weeks; got {b.weeks}")
            if a.first <= b.last and b.first <= a.last:
                given.wrong("after", "must share no day with before")
    return spans[0], spans[1]


def _books(tables: Any, old: Any, new: Any) -> tuple[Rulebook, Rulebook]:
    books = (old, old if new is None else new)
    with Arguments("decompose") as given:
        given.types(tables=(tables, Tables), old=(old, Rulebook), new=(books[1], Rulebook))
    zones = [book.timezone for book in books]
    if zones[0] != zones[1]:
        message = f"has days of {zones[1]}, and old of {zones[0]}: periods are days of one time zone"
        raise ArgumentError("new", message)
    return books


def _between(old: Rulebook, new: Rulebook) -> list[Rulebook]:
    """The new one's rules with the old one's threshold, and the other way round; none where no such rulebook can be."""
    if old == new:
        return [old, new]
    documents = [book.to_dict() for book in (old, new)]
    about = {name: documents[0][name] for name in ("leadscore", "name", "version", "agreement") if name in documents[0]}
    bars = [{"qualify": document["qualify"]} for document in documents]
    rules = [{name: part for name, part in document.items() if name not in _ABOUT} for document in documents]
    try:
        return [Rulebook.from_dict(about | rules[1] | bars[0]), Rulebook.from_dict(about | rules[0] | bars[1])]
    except RulebookError:
        return []


def _groups(tables: Tables, book: Rulebook, source: Any, segment: Any) -> Groups:
    segments = [one.name for one in book.qualify.segments]
    found: list[tuple[list[str], Any]] = [([], None), ([*segments, _REST] if segments else [], None)]
    for place, by in enumerate((source, segment)):
        if by is not None:
            codes, names = grouping(tables, by)
            found[place] = list(names), codes
    return Groups(*found[0], *found[1])


# ---------------------------------------------------------------------------------------------------- what comes of it


def _rules(books: tuple[Rulebook, Rulebook]) -> dict[str, str]:
    """Each rule of either book, and the events it waits for."""
    rules: dict[str, str] = {}
    for book in books[::-1]:
        rules |= {rule.name: rules.get(rule.name, _FIT) for rule in book.fit}
        rules |= {rule.name: rules.get(rule.name, ", ".join(map(str, rule.event))) for rule in book.behaviour}
    return rules | {_NO_POINTS: _NO_POINTS}


@dataclass(frozen=True)
class _Split:
    """Every figure's change and its parts, with intervals.

    Attributes
    ----------
    names : dict of "figure", "rule", "event", "source", "segment" to the names of its columns, in this order
    before, after : (n_columns,)
    first : (4, 2) the first-order changes of the two figures
    parts, low, high : (8, n_columns) see `_ROWS`
    """

    names: dict[str, list[str]]
    before: Floats
    after: Floats
    first: Floats
    parts: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, counts: Counts, cells: pd.DataFrame, rules: dict[str, str], groups: Groups) -> _Split:
        events = [*dict.fromkeys(rules.values())]
        names = {"figure": [_VOLUME, _SHARE], "rule": [*rules], "event": events}
        names |= {"source": groups.sources, "segment": groups.segments}
        event = _matrix([events.index(label) for label in rules.values()], len(events))
        own = [_matrix(cells[name], len(names[name])) for name in ("source", "segment")]

        def estimate(weights: tuple[Floats, Floats]) -> Floats:
            worlds = counts.worlds(weights)
            every = worlds.sums()
            sums = every[..., :2, :]
            # What is the same in all worlds but for rounding is no change.
            share = np.round(shapley(_ratio(sums)), 12)[:, None]
            by_rule, by_cell, diluted = shapley(sums[..., 2:]), worlds.by_cell(), worlds.dilution()
            columns = [shapley(sums[..., :1]), share, by_rule, by_rule @ event, *(by_cell @ group for group in own)]
            parts = np.concatenate(columns, axis=1)
            rest = np.concatenate([diluted @ group for group in own])
            dilution = np.append(np.zeros(parts.shape[1] - len(rest)), rest)
            rules_own = np.full((2, parts.shape[1]), np.nan)
            if every.shape[3] > 2:
                alone = [rules_alone(every[..., 0]), np.round(rules_alone(_ratio(every)), 12)]
                rules_own[:, :2] = alone, parts[3, :2] - alone
            return np.vstack([parts, parts.sum(axis=0), dilution, rules_own])

        parts, low, high = jackknife(estimate, counts.weeks)
        worlds = counts.worlds((np.ones(counts.weeks + 1),) * 2)
        sums = worlds.sums()[..., :2, :]
        ends = []
        for side in (0, 1):
            whole, made = sums[(side,) * 4], worlds.volume[side] * worlds.shares[side] * worlds.rates[side, side, :, 0]
            share = _ratio(sums)[(side,) * 4]
            ends.append(
                np.concatenate([whole[:1], [share], whole[2:], whole[2:] @ event, *(made @ one for one in own)])
            )
        first = np.column_stack([first_order(sums[..., 0]), first_order(_ratio(sums))])
        return cls(names, ends[0], ends[1], first, parts, low, high)

    def _columns(self, kind: str) -> slice:
        start = sum(len(self.names[name]) for name in [*self.names][: [*self.names].index(kind)])
        return slice(start, start + len(self.names[kind]))

    def headline(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """`frame` and `totals` of a `Decomposition`."""
        rows = {}
        for place, figure in enumerate(self.names["figure"]):
            first = dict(zip(PARTS, self.first[:, place], strict=True))
            for part in (*PARTS, *_RULEBOOK, "total"):
                figures = (side[_ROWS.index(part), place] for side in (self.parts, self.low, self.high))
                rows[figure, part] = (*figures, first.get(part, np.nan))
        index = pd.MultiIndex.from_tuples(rows, names=["figure", "part"])
        frame = pd.DataFrame([*rows.values()], index=index, columns=["change", "low", "high", "first_order"])
        ends = {"before": self.before[:2], "after": self.after[:2]}
        ends["interaction"] = self.parts[_ROWS.index("total"), :2] - self.first.sum(axis=0)
        return frame, pd.DataFrame(ends, pd.Index(self.names["figure"], name="figure"))

    def table(self, kind: str) -> pd.DataFrame:
        """`by_rule` and its like, the largest changes first."""
        place = self._columns(kind)
        columns = {"before": self.before[place], "after": self.after[place]}
        for part in ("total", *PARTS, *(["dilution"] if kind in {"source", "segment"} else [])):
            for end, side in (("", self.parts), ("_low", self.low), ("_high", self.high)):
                label = f"{part}{end}" if part != "total" else end.strip("_") or "change"
                columns[label] = side[_ROWS.index(part), place]
        frame = pd.DataFrame(columns, index=pd.Index(self.names[kind], name=kind))
        # A group without MQLs can still dilute the others.
        used = (frame[frame.columns.intersection(["before", "after", "dilution"])] != 0).any(axis=1)
        return frame[used].sort_values("change", key=abs, ascending=False, kind="stable")


def _ratio(sums: Floats) -> Floats:
    """The mean share of behaviour in each world; NaN where no lead qualifies."""
    return np.where(sums[..., 0] > 0, sums[..., 1] / np.where(sums[..., 0] > 0, sums[..., 0], 1), np.nan)


def _matrix(codes: Any, n: int) -> Floats:
    """(n_rows, n) 1 where a row is of a group."""
    return (np.asarray(codes)[:, None] == np.arange(n)).astype(np.float64)


def _of_cells(counts: Counts, pools: Sequence[Pool], source: Any) -> list[str]:
    """What to know of the leads, and of how they were told apart."""
    findings = []
    for name, pool in zip(("first", "second"), pools, strict=True):
        if not len(pool.lead):
            findings.append(f"No lead was there in the {name} period: all of the change is lead volume.")
    if all((pool.keys["stratum"] == OLDER).all() for pool in pools) and any(len(pool.lead) for pool in pools):
        findings.append("No lead is newer than the periods: without created_at, lead volume cannot be told apart.")
    if source is None:
        findings.append("No source is given: a change between sources of equal fit counts as behaviour.")
    shares = counts.unmatched()
    if max(shares) > 0:
        said = " and ".join(f"{share:.1%}" for share in shares)
        findings.append(
            f"{said} of the leads of the two periods have no leads like them in the other: they are given the rate of "
            "leads that need as many points."
        )
    return findings


def _of_rules(split: _Split, rules: dict[str, str], books: tuple[Rulebook, Rulebook]) -> list[str]:
    """Rules of both books that made MQLs in one period only: recorded anew, perhaps, and nothing new in leads."""
    old, new = ({rule.name: side for side, _, rule in book.rules()} for book in books)
    shared = {
        name: "behaviour" if side == "behaviour" else "fit_mix" for name, side in old.items() if new.get(name) == side
    }
    table = split.table("rule")
    findings = []
    for name, row in table.iterrows():
        if name in shared and (row["before"] == 0) != (row["after"] == 0) and min(split.before[0], split.after[0]) > 0:
            when = "second" if row["before"] == 0 else "first"
            waits = "" if shared[name] == "fit_mix" else f" ({rules[str(name)]})"
            findings.append(
                f"Rule {name!r}{waits} made MQLs in the {when} period only: if it was recorded only then, its "
                f"{row[shared[name]]:+,.0f} in {_SAID[shared[name]]} is a change of tracking."
            )
    return findings
