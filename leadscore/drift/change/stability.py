"""`stability`: which attributes, rules and scores of the leads have changed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.groups import MISSING
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.scoring.scores import Scores
from leadscore.stats import distances
from leadscore.stats.distances import Cells
from leadscore.stats.intervals import newcombe
from leadscore.tables.frames import alike, as_frame, is_table, kind_of_column

_LEVELS = (0.1, 0.25)
_SIZES = ("small", "moderate", "large")
_UNSEEN = "no change seen"
_FALSE = 0.05
# Columns of the leads table that say who a lead is and from when, not what it is.
_OF_THE_TABLE = {"lead_id", "created_at", "valid_from"}
_COLUMNS = (
    *("kind", "n_reference", "n_current", "verdict", "q", "p", "psi", "psi_low", "psi_high", "psi_no_drift"),
    *("chi2", "chi2_p", "ks", "ks_p"),
    *("reference", "current", "difference", "low", "high"),
    *("missing_reference", "missing_current", "missing_p", "new_p", "new", "vanished"),
)
_Key = tuple[str, str]
# A kind, and a column of a sample as `as_frame` reads it, or how often of how many; nothing of times.
_Side = tuple[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Stability(Result):
    """How far each figure of two samples of leads is apart; made by `stability`.

    Attributes
    ----------
    frame : DataFrame, index (part, name)
        `part` is score, rule (how often it gives points) or attribute. Of each: `kind` (points, rate, number,
        category), `n_reference`, `n_current` (leads), `verdict` ("no change seen"; else small, moderate or large, as
        the PSI is below 0.1, below 0.25 or not), `q` (p after Benjamini and Hochberg), `p`; `psi` with `psi_low`,
        `psi_high` (95 %), `psi_no_drift` (what it stays below in 95 % of cases with no drift); `chi2`, `chi2_p`; of
        numbers `ks`, `ks_p`; `reference`, `current` (the mean of numbers, the rate of a rule) and their `difference`
        with `low`, `high` (95 %); `missing_reference`, `missing_current` (counts), `missing_p`; `new` and `vanished`
        categories, `new_p`. NaN where a figure is none of its kind.
    cells : DataFrame, index (part, name, cell)
        What a PSI is made of: `reference`, `current` (counts), `share_reference`, `share_current`, and `psi`, the
        cell's part of it.
    notes : tuple of str
        What to know before it is believed.
    n_reference, n_current : int
    """

    frame: pd.DataFrame
    cells: pd.DataFrame
    notes: tuple[str, ...]
    n_reference: int
    n_current: int

    @property
    def changed(self) -> pd.DataFrame:
        """The rows of `frame` that changed, most certain first."""
        changed = self.frame[self.frame["verdict"] != _UNSEEN]
        return changed.sort_values(["q", "p", "psi"], ascending=[True, True, False], kind="stable")

    @property
    def changes(self) -> tuple[str, ...]:
        """What changed, in words, most certain first."""
        rows = zip(self.changed.index, self.changed.to_dict("records"), strict=True)
        return tuple(_told(key, row, self.cells.loc[key]) for key, row in rows)

    @property
    def headline(self) -> str:
        """How many figures changed, and of how many leads."""
        of = f"{len(self.changed):,} of {counted(len(self.frame), 'figure')} changed"
        false = f"On average at most {_FALSE:.0%} of such findings are false"
        return f"{of}: {counted(self.n_current, 'lead')} against {self.n_reference:,} before. {false}."

    def sections(self) -> Iterator[Section]:
        """What changed, each figure, and their picture."""
        if self.changes:
            yield Section("changes", "What changed, most certain first", notes=self.changes)
        title = "PSI of each figure with its 95 % interval, and what it stays below with no drift"
        shown = ["verdict", "q", "psi", "psi_low", "psi_high", "psi_no_drift", "reference", "current"]
        means = "Reference and current: the share of leads that a rule gives points, or the mean of numbers."
        yield Section(
            "frame", title, self.frame, self.frame[shown], (means,), dict.fromkeys(("psi", "psi_no_drift"), ".3f")
        )
        yield Section("picture", "PSI of each figure", self.plot)

    def plot(self, ax: Any = None) -> Any:
        """Draw the PSI of each figure beside what chance alone gives; see `pictures.plot_stability`."""
        from leadscore.present.pictures import plot_stability  # noqa: PLC0415 - matplotlib takes long to import

        title = f"{counted(self.n_reference, 'lead')} before, {self.n_current:,} now"
        return plot_stability(self.frame, title=title, ax=ax)


def stability(reference: Any, current: Any, *, bins: int = 10) -> Stability:
    """Say which attributes, rules and scores of the leads have changed, and how sure that is.

    Parameters
    ----------
    reference, current : both Scores, or both tables of attributes, one row per lead
        Of `Scores`, which must be by one rulebook: fit, behaviour and total; how often each rule gives points; and each
        lead column, read as the rules read it where they use it. Of tables (DataFrames of pandas or polars,
        Arrow): each column that both have, by name and whatever its type; times are left out, since they move with the
        calendar.
    bins : int, from 2
        Intervals of a column of numbers, of equally many leads of the reference; fewer where a sample has under ten
        leads for each. A value that many leads share, and missing, are cells of their own.

    Returns
    -------
    Stability
        `frame`, `cells`, `changed`, `changes`, `notes`, `plot()`.

    Raises
    ------
    ArgumentError
        If one is Scores and the other is not, they are by two rulebooks (score both samples by one: else the edit is
        taken for drift), a sample is empty, no column is in both, a column holds values of one kind here and of another
        there, or infinite numbers, or `bins` is no whole number from 2.

    Notes
    -----
    The usual levels of 0.1 and 0.25 ignore n: with no drift a PSI is (1/n + 1/m) (cells - 1) on average, which for 10
    cells and 95 leads against thousands is 0.1. So a figure has changed where its p, after Benjamini and Hochberg over
    all figures, says so; the levels only say how much. The p of a figure is the least of those of the chi-square, of
    Kolmogorov and Smirnov (numbers), of missing, and of new or vanished categories, times how many of them there are.

    Leads are taken as drawn independently. Where most are in both samples, as on two days of one base, changes are
    surer than p says; where leads of one week or campaign are alike, they are less sure.

    References
    ----------
    Yurdakul, B. and Naranjo, J. (2020), Statistical properties of the population stability index, Journal of Risk
    Model Validation 14(4), 89-100. Benjamini, Y. and Hochberg, Y. (1995), Journal of the Royal Statistical Society B
    57, 289-300.

    Examples
    --------
    >>> before = pd.DataFrame({"country": ["US"] * 60 + ["DE"] * 40, "employees": range(100)})
    >>> now = pd.DataFrame({"country": ["US"] * 30 + ["DE"] * 50 + ["FR"] * 20, "employees": range(100)})
    >>> found = stability(before, now)
    >>> found.frame[["psi", "psi_no_drift", "verdict"]].round(3)
                           psi  psi_no_drift         verdict
    part      name
    attribute country    0.956         0.120           large
              employees  0.000         0.338  no change seen
    >>> print(found.changes[0])
    attribute 'country': PSI 0.956 (0.314 to 1.825), large; most in US: 60.0% -> 30.0%; new: FR (20).
    """
    with Arguments("stability") as given:
        given.whole("bins", bins, least=2)
        _check(given, reference, current)
    reference, current = (
        side if isinstance(side, Scores) else as_frame(name, side)
        for name, side in (("reference", reference), ("current", current))
    )
    before, after = (_read(side) for side in (reference, current))
    with Arguments("stability") as given:
        found = {key: _matched(given, key, side, after[key]) for key, side in before.items() if key in after}
        both = {key: side for key, side in found.items() if side[0] != "time"}
        if not both:
            given.wrong("current", "has no column in common with the reference")
    rows, cells = zip(*(_figure(*side, bins) for side in both.values()), strict=True)
    frame = _judged(pd.DataFrame(rows, pd.MultiIndex.from_tuples(both, names=["part", "name"])))
    whole = pd.concat(dict(zip(both, cells, strict=True)), names=["part", "name", "cell"])
    whole = whole.sort_index(level=["part", "name"], sort_remaining=False, kind="stable")
    n, m = len(reference), len(current)
    times = [key[1] for key in found.keys() - both.keys()]
    notes = (
        *_not_compared(before, after, sorted(times)),
        *_in_both(reference, current),
        *_noise(max(map(len, cells)), n, m),
    )
    return Stability(frame, whole, notes, n, m)


# ------------------------------------------------------------------------------------------------------ what is given


def _check(given: Arguments, reference: Any, current: Any) -> None:
    sides = {"reference": reference, "current": current}
    if not any(all(map(kind, sides.values())) for kind in (is_table, _is_scores)):
        kinds = " and ".join(type(side).__name__ for side in sides.values())
        given.wrong("reference", f"and current must be both Scores or both tables; got {kinds}")
        return
    for name, side in sides.items():
        if not len(side):
            given.wrong(name, "has no leads: there is nothing to compare")
    if isinstance(reference, Scores) and reference.rulebook != current.rulebook:
        message = "by another rulebook than the reference: score both by one, or the edit is taken for drift"
        given.wrong("current", message)


def _is_scores(side: Any) -> bool:
    return isinstance(side, Scores)


def _listed(names: Iterable[Any]) -> str:
    first = [repr(str(name)) for name in names]
    more = f" and {len(first) - 10:,} more" if len(first) > 10 else ""
    return ", ".join(first[:10]) + more


def _read(side: Scores | pd.DataFrame) -> dict[_Key, _Side]:
    """The columns of a sample."""
    if isinstance(side, Scores):
        return _of_scores(side)
    return {("attribute", str(label)): _of_column(column) for label, column in side.items()}


def _of_column(column: pd.Series[Any]) -> _Side:
    return kind_of_column(column), column


def _of_scores(scores: Scores) -> dict[_Key, _Side]:
    """Scores, rules and lead columns."""
    bound = scores.bound
    totals = {"fit": bound.fit, "behaviour": bound.behaviour, "total": bound.fit + bound.behaviour}
    sides: dict[_Key, _Side] = {}
    for name, points in totals.items():
        sides["score", name] = "points", pd.Series(points / 1000)
    for name, found in zip(bound.plan.names, bound.every_rule(), strict=True):
        others = (bound.n - len(found.rows)) * (found.default != 0)
        sides["rule", name] = "rate", (int((found.values != 0).sum()) + others, bound.n)
    attributes = [name for name in scores.tables.leads.column_names if name not in _OF_THE_TABLE]
    return sides | {("attribute", name): _lead_column(scores, name) for name in attributes}


def _lead_column(scores: Scores, name: str) -> _Side:
    """A column of the leads on the day of the score: as the rules read it, else as it came."""
    plan, rows = scores.bound.plan.leads.get(name), scores.bound.record
    if plan is None:
        raw = as_frame(name, scores.tables.leads.select([name]))[name]
        return _of_column(raw.reindex(np.where(rows < 0, len(raw), rows)))
    values = scores.tables.column(name, plan.kind, scores.rulebook).at(rows)
    if plan.kind == "any":
        values = values.where(values.isna(), "known")
    values = pd.to_datetime(values, unit="D") if plan.kind == "date" else values
    return _of_column(as_frame(name, values.to_frame(name))[name])


def _matched(given: Arguments, key: _Key, before: _Side, after: _Side) -> tuple[str, Any, Any]:
    """A column of both samples as values of one kind: numbers, or texts that are equal where rules find them so."""
    (kind, first), (_, second) = before, after
    if kind == "rate":
        return kind, first, second
    name = f"{key[0]} {key[1]!r}"
    pair = alike(first, second, "the reference", "the current sample")
    if isinstance(pair, str):
        given.wrong(name, f"{pair}: read both samples alike")
        return "category", first, second
    found, first, second = pair
    if found == "number":
        first, second = (column.to_numpy(np.float64, na_value=np.nan) for column in (first, second))
        if infinite := int(np.isinf(first).sum() + np.isinf(second).sum()):
            given.wrong(name, f"holds {counted(infinite, 'infinite number')}: set to missing")
        return "points" if kind == "points" else found, first, second
    return "time" if found == "time" else "category", first, second


# --------------------------------------------------------------------------------------------------------- one figure


def _figure(kind: str, before: Any, after: Any, bins: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """A row of `Stability.frame` but for its verdict, and the cells it was compared in."""
    row: dict[str, Any] = {"kind": kind, "new": "", "vanished": "", "missing_reference": 0, "missing_current": 0}
    if kind == "category":
        whole = distances.category_cells(before, after)
        row["new"], new_p = _one_sided(whole, whole.reference, whole.current)
        row["vanished"], vanished_p = _one_sided(whole, whole.current, whole.reference)
        row["new_p"] = min(1.0, 2 * min(new_p, vanished_p)) if len(whole.names) > 1 else np.nan
    else:
        if kind == "rate":
            counts = (np.array([count, n - count], np.int64) for count, n in (before, after))
            whole = Cells(["gives points", "gives none"], *counts).filled()
            means, found = [count / n for count, n in (before, after)], newcombe(before, after)
        else:
            whole = distances.number_cells(before, after, bins)
            means = [np.nan if np.isnan(side).all() else np.nanmean(side) for side in (before, after)]
            found = distances.mean_difference(before, after)
            row["ks"], row["ks_p"] = distances.kolmogorov_smirnov(before, after)
        row |= zip(("reference", "current", "difference", "low", "high"), map(float, (*means, *found)), strict=True)
    if MISSING in whole.names:
        place = whole.names.index(MISSING)
        row |= {"missing_reference": whole.reference[place], "missing_current": whole.current[place]}
        row["missing_p"] = distances.homogeneity(whole.in_two(place))[1] if len(whole.names) > 1 else np.nan
    cells = distances.comparable(whole)
    row |= zip(("psi", "psi_low", "psi_high", "psi_no_drift"), distances.stability_index(cells), strict=False)
    row["chi2"], row["chi2_p"] = distances.homogeneity(cells)
    row |= {"n_reference": whole.reference.sum(), "n_current": whole.current.sum()}
    p, q = distances.shares(cells)
    columns = {"reference": cells.reference, "current": cells.current}
    columns |= {f"share_{name}": side / side.sum() for name, side in columns.items()}
    return row, pd.DataFrame(columns | {"psi": (p - q) * np.log(p / q)}, pd.Index(cells.names, name="cell"))


def _one_sided(cells: Cells, absent: Any, present: Any) -> tuple[str, float]:
    """The categories of one sample that are not in the other beyond chance, with their counts, and the least p."""
    from scipy.special import gammaln  # noqa: PLC0415 - scipy takes long to import

    rows = np.flatnonzero((absent == 0) & (present > 0) & np.not_equal(cells.names, MISSING))
    n, m, k = absent.sum(), present.sum(), present[rows]
    # How often all k of a category fall into one sample if leads are dealt out at random, for the best of them all.
    p = np.exp(gammaln(m + 1) - gammaln(m - k + 1) - gammaln(n + m + 1) + gammaln(n + m - k + 1)) * len(cells.names)
    sure = rows[p < _FALSE]
    sure = sure[np.argsort(-present[sure], kind="stable")]
    more = f" and {len(sure) - 5} more" if len(sure) > 5 else ""
    return ", ".join(f"{cells.names[row]} ({present[row]:,})" for row in sure[:5]) + more, float(p.min(initial=1.0))


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    """With p, q and a verdict for each."""
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - scipy takes long to import

    tests = frame.reindex(columns=["chi2_p", "ks_p", "missing_p", "new_p"]).to_numpy(np.float64)
    p = np.minimum(np.nanmin(tests, axis=1) * (~np.isnan(tests)).sum(axis=1), 1)
    q = false_discovery_control(p)
    sizes = np.array(_SIZES)[np.searchsorted(_LEVELS, frame["psi"].to_numpy(), "right")]
    return frame.assign(p=p, q=q, verdict=np.where(q < _FALSE, sizes, _UNSEEN)).reindex(columns=[*_COLUMNS])


# ----------------------------------------------------------------------------------------------------------- in words


def _told(key: _Key, row: dict[Hashable, Any], cells: pd.DataFrame) -> str:
    """What changed."""
    said, most, rate = [], "", row["kind"] == "rate"
    if not np.isnan(row["difference"]):
        style, signed = (".1%", "+.1%") if rate else (".4g", "+.3g")
        ends = f"{row['reference']:{style}} -> {row['current']:{style}}"
        interval = "no interval" if np.isnan(row["low"]) else f"{row['low']:{signed}} to {row['high']:{signed}}"
        what = f"gives points to {ends} of leads" if rate else f"mean {ends}"
        said.append(f"{what} ({row['difference']:{signed}}, {interval})")
    said.append(f"PSI {row['psi']:.3f} ({row['psi_low']:.3f} to {row['psi_high']:.3f}), {row['verdict']}")
    if not rate:
        sides = cells[["share_reference", "share_current"]].to_numpy()
        place = int(np.abs(sides[:, 0] - sides[:, 1]).argmax())
        most = str(cells.index[place])
        said.append("most in {}: {:.1%} -> {:.1%}".format(most, *sides[place]))
    if row["missing_p"] < _FALSE and most != MISSING:
        missing = (row[f"missing_{side}"] / row[f"n_{side}"] for side in ("reference", "current"))
        said.append("missing {:.1%} -> {:.1%}".format(*missing))
    said += [f"{name}: {row[name]}" for name in ("new", "vanished") if row[name]]
    alone = (cells[["reference", "current"]] > 0).sum() == 1
    if alone["reference"] != alone["current"]:
        said.append("one value only before, and no longer" if alone["reference"] else "one value only now")
    return f"{key[0]} {key[1]!r}: {'; '.join(said)}."


def _not_compared(before: dict[_Key, _Side], after: dict[_Key, _Side], times: list[str]) -> Iterator[str]:
    for name, side, other in (("reference", before, after), ("current", after, before)):
        if lone := [key[1] for key in side if key not in other]:
            yield f"Only in the {name}, and not compared: {_listed(lone)}."
    if times:
        yield f"Times move with the calendar, so they are not compared: {_listed(times)}."


def _in_both(reference: Any, current: Any) -> Iterator[str]:
    first, second = (side.lead_ids if isinstance(side, Scores) else side.index for side in (reference, current))
    if first.name == second.name == "lead_id" and (shared := first.isin(second).sum()):
        yield f"In both samples: {counted(shared, 'lead')}. Changes are surer than p says, which assumes no overlap."


def _noise(most: int, n: int, m: int) -> Iterator[str]:
    """What the usual levels of a PSI mean with so many leads."""
    if most > 1:
        unit = 1 / n + 1 / m
        levels = " and ".join(f"{level:g} in {distances.passes(level, most, unit):.1%}" for level in _LEVELS)
        mean = f"With no drift, a PSI of {most} cells averages {(most - 1) * unit:.3f} with so many leads"
        yield f"{mean}, and reaches {levels} of cases."
