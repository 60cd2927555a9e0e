"""`decompose`: what a change of MQL volume is made of: leads, their fit, what they do, the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.groups import MISSING
from leadscore.base.text import counted as counted_of
from leadscore.drift.change.pools import OLDER, WEEK, Pool, Span, counted, pool_of
from leadscore.errors import RulebookError
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import FitRule
from leadscore.scoring.binding import Binding
from leadscore.stats.intervals import Floats
from leadscore.stats.shapley import PARTS, Counts, interaction, jackknife, rules_alone, shapley
from leadscore.tables.groups import By, grouping
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
# What is known of each figure: its parts, what they are made of and sum to, both ends, and what parts did together.
_ROWS = (*PARTS, *_RULEBOOK, "total", "dilution", "before", "after", "interaction")
_TOTALS = ["before", "after", "interaction"]
_FIT, _CONDITIONS, _NO_POINTS = "(fit)", "(what was done)", "(no points)"


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition(Result):
    """What a change of MQL volume, and of the share of behaviour in it, is made of; made by `decompose`.

    Attributes
    ----------
    frame : DataFrame, index (figure, part)
        `figure` is MQLs (leads that qualified in the period) or behaviour share (the mean over them of behaviour points
        in all points, none below 0 counted). `part` is volume, fit_mix, behaviour and rulebook, which sum exactly to
        total; rules and threshold (all that stands under `qualify`), which sum to rulebook. `change` with `low`, `high`
        (95 %, from week to week); what comes of several parts changing at once is shared equally among them.
    totals : DataFrame, index figure
        `before`, `after`; `interaction`: what comes of several parts changing at once, shared among them in `frame`.
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
        most = str(rows.loc[[*PARTS], "change"].abs().idxmax())
        total, largest = (
            "{} ({} to {})".format(*map(_signed, rows.loc[part, ["change", "low", "high"]])) for part in ("total", most)
        )
        old, new = self.totals.loc[_VOLUME, ["before", "after"]]
        mostly = f"; the largest part is {_SAID[most]} {largest}" if rows["change"].any() else ""
        return f"MQLs went from {old:,.0f} to {new:,.0f}, {total}, {self._when}{mostly}."

    @property
    def _when(self) -> str:
        sides = zip((self.before, self.after), self.n, strict=True)
        first, second = (f"{start} to {end} ({counted_of(n, 'lead')})" for (start, end), n in sides)
        return f"from {first} to {second}"

    def sections(self) -> Iterator[Section]:
        """The parts of each figure, then the change by rule, event, source and segment."""
        for name, figure, style in (("mqls", _VOLUME, "+,.0f"), ("behaviour_share", _SHARE, "+.1%")):
            rows = self.frame.xs(figure)
            assert isinstance(rows, pd.DataFrame)
            both = (rows.loc[[*_RULEBOOK], "change"].abs() > 0).all()
            told = rows.loc[[*PARTS, *(_RULEBOOK if both else ()), "total"], ["change", "low", "high"]]
            title = f"What the change of {figure} is made of, with 95 % intervals from week to week"
            shared = _signed(float(self.totals["interaction"][figure]), style[1:])
            notes = (f"{shared} of it, shared among the parts, comes of several changing at once.",)
            yield Section(name, title, rows, told.rename(index=_SAID), notes, {"change": style})
        yield Section("totals", "Both periods", self.totals, self.totals[["before", "after"]])
        for name, figure in {"rule": ",.1f", "event": ",.1f", "source": ",.0f", "segment": ",.0f"}.items():
            if (table := getattr(self, f"by_{name}")) is not None:
                shown = table[["before", "after", "change", "low", "high"]]
                formats = {"before": figure, "after": figure, "change": f"+{figure}"}
                yield Section(f"by_{name}", f"MQLs by {name}", table, shown, formats=formats)

    def plot(self, figure: str = _VOLUME, ax: Any = None) -> Any:
        """Draw the change of a figure, MQLs or behaviour share, part by part; see `pictures.plot_waterfall`."""
        from leadscore.drift.pictures import plot_waterfall  # noqa: PLC0415 - matplotlib takes long to import

        with Arguments("plot") as given:
            given.one_of("figure", figure, (_VOLUME, _SHARE))
        rows = self.frame.loc[[(figure, part) for part in (*PARTS, "total")]]
        names = [_SAID[part].replace(" at ", "\nat ").replace(" and ", "\nand ") for part in PARTS]
        title = f"{figure}: what changed {self._when}".replace(") to ", ")\nto ")
        ends = tuple(self.totals.loc[figure, ["before", "after"]])
        return plot_waterfall(rows, ends=ends, names=names, share=figure == _SHARE, title=title, ax=ax)


def _signed(value: float, style: str = ",.0f") -> str:
    text = f"{value:+{style}}"
    # What rounds to nothing has no sign.
    return text if any(digit in "123456789" for digit in text) else text[1:]


def decompose(  # noqa: PLR0913 - when, by which rules, and what leads are told apart by
    tables: Tables,
    old: Rulebook,
    new: Rulebook | None = None,
    *,
    before: tuple[Any, Any],
    after: tuple[Any, Any],
    source: By | None = None,
    segment: By | None = None,
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
    source : str or list of str, optional
        The lead column that says where leads come from. Give it: else a change of sources of equal fit and other zeal
        is taken for one of behaviour.
    segment : str or list of str, optional
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
    >>> funnel = make_funnel(2000, random_state=1, scenario="volume x2", scenario_start="2026-01-19")
    >>> tables = ls.load_tables(funnel.leads, funnel.events, rulebook=funnel.rulebook, columns=["source"])
    >>> periods = {"before": ("2025-12-08", "2026-01-18"), "after": ("2026-02-16", "2026-03-29")}
    >>> found = decompose(tables, funnel.rulebook, **periods, source="source")
    >>> print(found.headline)
    MQLs went from 78 to 143, +65 (+35 to +95), from 2025-12-08 to 2026-01-18 (1,197 leads) to 2026-02-16 to 2026-03-29
    (2,761 leads); the largest part is lead volume +83 (+41 to +124).
    >>> found.frame.loc["MQLs", ["change", "low", "high"]].round().astype(int).head(3)
               change  low  high
    part
    volume         83   41   124
    fit_mix         7   -4    18
    behaviour     -25  -70    21
    >>> found.by_event[["before", "after", "change"]].round(1).head(3)
                 before  after  change
    event
    (fit)          44.5   90.6    46.0
    page_view      22.6   36.9    14.3
    email_click     5.6    8.2     2.7
    """
    books = (old, old if new is None else new)
    spans = _spans(tables, books, before, after)
    binding = Binding(tables, min(spans).first, max(spans).last)
    return decomposed(binding, books, spans, source=source, segment=segment)


def decomposed(  # noqa: PLR0913 - as `decompose`
    binding: Binding,
    books: tuple[Rulebook, Rulebook],
    spans: tuple[Span, Span],
    *,
    source: By | None = None,
    segment: By | None = None,
    begun: int | None = None,
) -> Decomposition:
    """`decompose`, of what is bound; leads that qualified since the day `begun` are counted only then."""
    held = binding.tables
    sources, segments = grouping(held, source), books[1].qualify.segments
    code, names = (None, [*(one.name for one in segments), MISSING]) if segment is None else grouping(held, segment)
    between = _between(*books)
    pools = [
        pool_of(binding, span, [*books, *between], sources.code, code, span.first if begun is None else begun)
        for span in spans
    ]
    rules = _rules(books)
    counts, cells = counted(binding, pools, list(rules))
    tables_of = _split(counts, cells, rules, {"source": sources.names, "segment": names})
    totals = tables_of["figure"][_TOTALS]
    by = {kind: _largest_first(tables_of[kind]) for kind in ("rule", "event")}
    by |= {kind: _largest_first(tables_of[kind], "dilution") for kind in ("source", "segment")}
    by_source = None if source is None else by["source"]
    by_segment = by["segment"] if segment is not None or segments else None
    notes = [*_of_cells(counts, pools, source), *_of_rules(by["rule"], totals, rules, books)]
    if not between:
        notes.append("The rules of one rulebook cannot reach the threshold of the other: both are shown as one.")
    tables_by, n = (by["rule"], by["event"], by_source, by_segment), (len(pools[0].lead), len(pools[1].lead))
    return Decomposition(_frame(tables_of["figure"]), totals, *tables_by, tuple(notes), n, spans[0].days, spans[1].days)


# ------------------------------------------------------------------------------------------------------ what is given


def _spans(tables: Any, books: tuple[Any, Any], before: Any, after: Any) -> tuple[Span, Span]:
    """The two periods, once all arguments are checked."""
    with Arguments("decompose") as given:
        given.types(tables=(tables, Tables), old=(books[0], Rulebook), new=(books[1], Rulebook))
        a, b = (_span(given, name, period) for name, period in (("before", before), ("after", after)))
        if not given.problems:
            old, new = (book.timezone for book in books)
            if old != new:
                given.wrong("new", f"has days of {new}, and old of {old}: periods are days of one time zone")
            if a.weeks != b.weeks:
                given.wrong("after", f"must be as long as before, {a.weeks} weeks; got {b.weeks}")
            if a.first <= b.last and b.first <= a.last:
                given.wrong("after", "must share no day with before")
    return a, b


def _span(given: Arguments, name: str, period: Any) -> Span:
    if isinstance(period, str) or not isinstance(period, Sequence) or len(period) != 2:
        given.wrong(name, f"must be its first and its last day; got {period!r}")
        return Span(0, 0)
    span = Span(*given.period(period[0], period[1], (f"{name}, first day", f"{name}, last day")))
    days = span.last - span.first + 1
    if days < 2 * WEEK or days % WEEK:
        given.wrong(
            name, f"must be whole weeks, at least two, as 2026-01-05 to 2026-03-01; got {counted_of(days, 'day')}"
        )
    return span


def _between(old: Rulebook, new: Rulebook) -> list[Rulebook]:
    """The new one's rules with the old one's threshold, and the other way round; none where no such rulebook can be."""
    if old == new:
        return [old, new]
    # Grades are not looked at, and may not go with the other threshold.
    first, second = (
        {name: part for name, part in book.to_dict().items() if name not in {"grades", "labels"}} for book in (old, new)
    )
    mixed = (second | {"qualify": first["qualify"]}, first | {"qualify": second["qualify"]})
    try:
        return [new.beside(document) for document in mixed]
    except RulebookError:
        return []


def _rules(books: tuple[Rulebook, Rulebook]) -> dict[str, str]:
    """Each rule of either book, and the events it waits for."""
    rules: dict[str, str] = {}
    for book in books[::-1]:
        for _, _, rule in book.rules():
            waits = [_FIT] if isinstance(rule, FitRule) else rule.event or [_CONDITIONS]
            rules.setdefault(rule.name, ", ".join(waits))
    return rules | {_NO_POINTS: _NO_POINTS}


# ---------------------------------------------------------------------------------------------------- what comes of it


def _split(
    counts: Counts, cells: pd.DataFrame, rules: dict[str, str], own: dict[str, list[str]]
) -> dict[str, pd.DataFrame]:
    """What `_ROWS` names, of the two figures, by rule, event, source and segment, each with `_low` and `_high`."""
    events = [*dict.fromkeys(rules.values())]
    names = {"figure": [_VOLUME, _SHARE], "rule": [*rules], "event": events} | own
    event = _matrix([events.index(label) for label in rules.values()], len(events))
    groups = [_matrix(cells[name], len(of)) for name, of in own.items()]

    def by_group(cell: Floats) -> Floats:
        return np.hstack([cell @ group for group in groups])

    def estimate(weights: tuple[Floats, Floats]) -> Floats:
        worlds = counts.worlds(weights)
        every = worlds.sums()
        sums = every[..., :2, :]
        # What is the same in all worlds but for rounding is no change.
        share, by_rule = np.round(shapley(_ratio(sums)), 12)[:, None], shapley(sums[..., 2:])
        parts = np.hstack([shapley(sums[..., :1]), share, by_rule, by_rule @ event, by_group(worlds.by_cell())])
        book = np.full((2, parts.shape[1]), np.nan)
        if every.shape[3] > 2:
            book[0, :2] = rules_alone(every[..., 0]), np.round(rules_alone(_ratio(every)), 12)
            book[1] = parts[-1] - book[0]
        diluted = by_group(worlds.dilution())
        rows = [*parts, *book, parts.sum(axis=0), np.append(np.zeros(parts.shape[1] - len(diluted)), diluted)]
        for side in (0, 1):
            whole, made = sums[(side,) * 4], worlds.volume[side] * worlds.shares[side] * worlds.rates[side, side, :, 0]
            rows.append(np.hstack([whole[:1], _ratio(whole), whole[2:], whole[2:] @ event, by_group(made)]))
        together = np.full(parts.shape[1], np.nan)
        together[:2] = interaction(sums[..., 0]), interaction(_ratio(sums))
        return np.array([*rows, together])

    sides = zip(("", "_low", "_high"), jackknife(estimate, counts.weeks), strict=True)
    columns = {f"{name}{end}": row for end, rows in sides for name, row in zip(_ROWS, rows, strict=True)}
    frame, found = pd.DataFrame(columns), {}
    for kind, of in names.items():
        found[kind], frame = frame[: len(of)].set_axis(pd.Index(of, name=kind)), frame[len(of) :]
    return found


def _ratio(sums: Floats) -> Floats:
    """The mean share of behaviour in each world; NaN where no lead qualifies."""
    return np.where(sums[..., 0] > 0, sums[..., 1] / np.where(sums[..., 0] > 0, sums[..., 0], 1), np.nan)


def _matrix(codes: Any, n: int) -> Floats:
    """(n_rows, n) 1 where a row is of a group."""
    return (np.asarray(codes)[:, None] == np.arange(n)).astype(np.float64)


def _frame(figures: pd.DataFrame) -> pd.DataFrame:
    """`frame` of a `Decomposition`."""
    parts, ends = [*PARTS, *_RULEBOOK, "total"], {"change": "", "low": "_low", "high": "_high"}
    columns = {name: figures[[f"{part}{end}" for part in parts]].to_numpy().ravel() for name, end in ends.items()}
    return pd.DataFrame(columns, pd.MultiIndex.from_product([figures.index, parts], names=["figure", "part"]))


def _largest_first(table: pd.DataFrame, *more: str) -> pd.DataFrame:
    """`by_rule` and its like, without the rows of no MQL; a group without MQLs can still dilute the others."""
    used = (table[["before", "after", "dilution"]] != 0).any(axis=1)
    columns = [f"{part}{end}" for part in ("total", *PARTS, *more) for end in ("", "_low", "_high")]
    names = {"total": "change", "total_low": "low", "total_high": "high"}
    frame = table.loc[used, ["before", "after", *columns]].rename(columns=names)
    return frame.sort_values("change", key=abs, ascending=False, kind="stable")


def _of_cells(counts: Counts, pools: Sequence[Pool], source: Any) -> Iterator[str]:
    """What to know of the leads, and of how they were told apart."""
    for name, pool in zip(("first", "second"), pools, strict=True):
        if not len(pool.lead):
            yield f"No lead was there in the {name} period: all of the change is lead volume."
    if all((pool.keys["stratum"] == OLDER).all() for pool in pools) and any(len(pool.lead) for pool in pools):
        yield "No lead is newer than the periods: without created_at, lead volume cannot be told apart."
    if source is None:
        yield "No source is given: a change between sources of equal fit counts as behaviour."
    shares = counts.unmatched()
    if max(shares) > 0:
        said = " and ".join(f"{share:.1%}" for share in shares)
        alike = "they are given the rate of leads that need as many points"
        yield f"{said} of the leads of the two periods have no leads like them in the other: {alike}."


def _of_rules(
    by_rule: pd.DataFrame, totals: pd.DataFrame, rules: dict[str, str], books: tuple[Rulebook, Rulebook]
) -> Iterator[str]:
    """Rules of both books that made MQLs in one period only: perhaps newly recorded, and nothing new in leads."""
    old, new = ({rule.name: side for side, _, rule in book.rules()} for book in books)
    if not (totals.loc[_VOLUME, ["before", "after"]] > 0).all():
        return
    for name, row in by_rule.iterrows():
        side = old.get(str(name))
        if side is not None and side == new.get(str(name)) and (row["before"] == 0) != (row["after"] == 0):
            when = "second" if row["before"] == 0 else "first"
            part, waits = ("fit_mix", "") if side == "fit" else ("behaviour", f" ({rules[str(name)]})")
            share = f"its {row[part]:+,.0f} in {_SAID[part]} is a change of tracking"
            yield f"Rule {name!r}{waits} made MQLs in the {when} period only: if it was recorded only then, {share}."
