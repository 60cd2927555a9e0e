"""`stability`: which attributes, rules and scores of the leads have changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.groups import MISSING
from leadscore.base.text import as_text, counted
from leadscore.errors import ArgumentError, Problem
from leadscore.present.result import Result, Section
from leadscore.scoring.scores import Scores
from leadscore.stats.distances import (
    Cells,
    apart,
    category_cells,
    comparable,
    homogeneity,
    mean_difference,
    number_cells,
    passes,
    shares,
    stability_index,
)
from leadscore.stats.intervals import Floats, newcombe

_LEVELS = (0.1, 0.25)
_SIZES = ("small", "moderate", "large")
_UNSEEN = "no change seen"
_FALSE = 0.05
# Columns of the leads table that say who a lead is and from when, not what it is.
_OF_THE_TABLE = {"lead_id", "created_at", "valid_from"}
_NAMED = 3


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
        numbers `ks`, `ks_p`, `wasserstein` (in points, or units of the column) and `wasserstein_no_drift` (its mean
        with no drift); `reference`, `current` (the mean of numbers, the rate of a rule) and their `difference` with
        `low`, `high` (95 %); `missing_reference`, `missing_current` (counts), `missing_p`; `new` and `vanished`
        categories, `new_p`. NaN where a figure is none of its kind.
    cells : DataFrame, index (part, name, cell)
        What a PSI is made of: `reference`, `current` (counts), `share_reference`, `share_current`, and `psi`, the
        cell's part of it.
    changes : tuple of str
        What changed, in words, the surest first.
    notes : tuple of str
        What to know before it is believed.
    n_reference, n_current : int
    """

    frame: pd.DataFrame
    cells: pd.DataFrame
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    n_reference: int
    n_current: int

    @property
    def changed(self) -> pd.DataFrame:
        """The rows of `frame` that changed, the surest first."""
        return _surest_first(self.frame[self.frame["verdict"] != _UNSEEN])

    @property
    def headline(self) -> str:
        """How many figures changed, and of how many leads."""
        return (
            f"{len(self.changed):,} of {counted(len(self.frame), 'figure')} changed: {self.n_current:,} leads beside "
            f"{self.n_reference:,} before. Of figures so named at most {_FALSE:.0%} are false on average."
        )

    def sections(self) -> Iterator[Section]:
        """What changed, each figure, and their picture."""
        shown = ["verdict", "q", "psi", "psi_low", "psi_high", "psi_no_drift", "reference", "current"]
        if self.changes:
            yield Section("changes", "What changed, the surest first", notes=self.changes)
        yield Section(
            "frame",
            "PSI of each figure (95 %), beside what it stays below with no drift",
            self.frame,
            self.frame[shown],
        )
        yield Section("picture", "PSI of each figure", self.plot)

    def plot(self, ax: Any = None) -> Any:
        """Draw the PSI of each figure beside what chance alone gives; see `pictures.plot_stability`."""
        from leadscore.present.pictures import plot_stability  # noqa: PLC0415 - matplotlib takes long to import

        title = f"{self.n_reference:,} leads before, {self.n_current:,} now"
        return plot_stability(self.frame, title=title, ax=ax)


def stability(reference: Scores | pd.DataFrame, current: Scores | pd.DataFrame, *, bins: int = 10) -> Stability:
    """Say which attributes, rules and scores of the leads have changed, and how sure that is.

    Parameters
    ----------
    reference, current : both Scores, or both DataFrames of attributes, one row per lead
        Of `Scores`, which must be by one rulebook: fit, behaviour and total; how often each rule gives points; and each
        lead column, read as the rules read it where they use it. Of DataFrames: each column that both have; times are
        left out, since they move with the calendar.
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
        taken for drift), a sample is empty, no column is in both, a column holds numbers here and text there, or
        infinite ones, or `bins` is no whole number from 2.

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
    sides, notes = _sides(reference, current)
    rows, cells = {}, {}
    for key, (kind, before, after) in sides.items():
        if kind == "rate":
            rows[key], cells[key] = _of_rates(before, after)
        elif kind == "category":
            rows[key], cells[key] = _of_categories(before, after)
        else:
            rows[key], cells[key] = _of_numbers(before, after, bins, kind)
    index = pd.MultiIndex.from_tuples(rows, names=["part", "name"])
    frame = _judged(pd.DataFrame(list(rows.values()), index=index))
    surest = _surest_first(frame)
    told = zip(surest.index, surest.to_dict("records"), strict=True)
    changes = tuple(_told(key, row, cells[key]) for key, row in told if row["verdict"] != _UNSEEN)
    n, m = (len(side) for side in (reference, current))
    most = max(len(one.names) for one in cells.values())
    return Stability(frame, _cells_frame(cells), changes, (*notes, *_noise(most, n, m)), n, m)


# ------------------------------------------------------------------------------------------------------ what is given

_Key = tuple[str, str]
# A kind, and a column of each sample: numbers, a Series of text, or how often of how many.
_Side = tuple[str, Any]


def _sides(reference: Any, current: Any) -> tuple[dict[_Key, tuple[str, Any, Any]], list[str]]:
    """The columns that both have, and what to know of the others."""
    given = {"reference": reference, "current": current}
    read: Callable[[Any], tuple[dict[_Key, _Side], list[str]]]
    if all(isinstance(side, Scores) for side in given.values()):
        if reference.rulebook != current.rulebook:
            message = "by another rulebook than the reference: score both by one, or the edit is taken for drift"
            raise ArgumentError("current", message)
        read, ids = _of_scores, [reference.lead_ids, current.lead_ids]
    elif all(isinstance(side, pd.DataFrame) for side in given.values()):
        read, ids = _of_frame, [side.index for side in given.values() if side.index.name == "lead_id"]
    else:
        kinds = " and ".join(type(side).__name__ for side in given.values())
        raise ArgumentError("reference", f"and current must be both Scores or both DataFrames; got {kinds}")
    empty = [
        Problem(name, "has no leads: there is nothing to compare") for name, side in given.items() if not len(side)
    ]
    if empty:
        raise ArgumentError("arguments", empty)
    (before, times), (after, _) = read(reference), read(current)
    both = {key: _matched(side, after[key]) for key, side in before.items() if key in after}
    problems = [Problem(f"{key[0]} {key[1]!r}", kind) for key, (kind, *_) in both.items() if kind.startswith("holds")]
    if not both:
        problems.append(Problem("current", "has no column in common with the reference"))
    if problems:
        raise ArgumentError("arguments", problems)
    lone = {
        name: _listed([key[1] for key in side if key not in both])
        for name, side in (("reference", before), ("current", after))
    }
    notes = [f"Only in the {name}, and not compared: {names}." for name, names in lone.items() if names]
    notes += [f"Times move with the calendar, and are not compared: {_listed(times)}."] if times else []
    shared = ids[0].isin(ids[1]).sum() if len(ids) == 2 else 0
    if shared:
        notes.append(
            f"{shared:,} leads are in both samples: changes are surer than p says, which takes all leads as different."
        )
    return both, notes


def _matched(before: _Side, after: _Side) -> tuple[str, Any, Any]:
    """A column of both samples, or what it holds that cannot be compared; without a value it is of the other's kind."""
    (kind, first), (other, second) = before, after
    if kind != other:
        empty = [bool(pd.isna(column).all()) for column in (first, second)]
        if not any(empty):
            here, there = ({"category": "text"}.get(name, f"{name}s") for name in (kind, other))
            return f"holds {here} in the reference and {there} in the current sample: read both alike", first, second
        kind = other if empty[0] else kind
        first, second = (
            _without_value(kind, len(column)) if none else column
            for column, none in zip((first, second), empty, strict=True)
        )
    if kind == "number":
        infinite = int(np.isinf(first).sum() + np.isinf(second).sum())
        if infinite:
            return f"holds {infinite:,} infinite numbers: make them missing", first, second
    return kind, first, second


def _without_value(kind: str, n: int) -> Any:
    return np.full(n, np.nan) if kind == "number" else pd.Series([None] * n, dtype=object)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    return ", ".join(map(repr, names[:10])) + more


def _of_frame(frame: pd.DataFrame) -> tuple[dict[_Key, _Side], list[str]]:
    """Each column, and the names of those that hold times."""
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ArgumentError("columns", f"more than once: {_listed([*map(str, twice.unique())])}")
    sides, times = {}, []
    for name, column in frame.items():
        found = _of_column(column)
        if found is None:
            times.append(str(name))
        else:
            sides["attribute", str(name)] = found
    return sides, times


def _of_column(column: pd.Series[Any]) -> _Side | None:
    """A column as numbers or as text; None if it holds times."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in {"datetime64", "datetime", "date", "timedelta", "timedelta64", "period", "time"}:
        return None
    if kind in {"integer", "floating", "mixed-integer-float", "decimal"}:
        return "number", column.to_numpy(np.float64, na_value=np.nan)
    return "category", column


def _of_scores(scores: Scores) -> tuple[dict[_Key, _Side], list[str]]:
    """Scores, rules and lead columns, and the names of those that hold times."""
    bound = scores.bound
    totals = {"fit": bound.fit, "behaviour": bound.behaviour, "total": bound.fit + bound.behaviour}
    sides: dict[_Key, _Side] = {("score", name): ("points", points / 1000) for name, points in totals.items()}
    for name, found in zip(bound.plan.names, bound.every_rule(), strict=True):
        others = (bound.n - len(found.rows)) * (found.default != 0)
        sides["rule", name] = "rate", (int((found.values != 0).sum()) + others, bound.n)
    times = []
    for name in scores.tables.leads.column_names:
        side = _lead_column(scores, name) if name not in _OF_THE_TABLE else None
        if side is not None:
            sides["attribute", name] = side
        elif name not in _OF_THE_TABLE:
            times.append(name)
    return sides, times


def _lead_column(scores: Scores, name: str) -> _Side | None:
    """A column of the leads on the day of the score: as the rules read it, else as it came; None if it holds times."""
    plan, rows = scores.bound.plan.leads.get(name), scores.bound.record
    if plan is None:
        raw = scores.tables.leads[name].to_pandas()
        return _of_column(raw.reindex(np.where(rows < 0, len(raw), rows)))
    column = scores.tables.column(name, plan.kind, scores.rulebook)
    if plan.kind == "date":
        return None
    if column.numbers is not None:
        return "number", np.append(column.numbers, np.nan)[rows]
    assert column.codes is not None
    values = ["known"] * len(column.values) if plan.kind == "any" else [as_text(value) for value in column.values]
    named = pd.Series(pd.Categorical(np.array([*values, None], object)))
    return "category", named.take(np.append(column.codes, -1)[rows]).reset_index(drop=True)


# --------------------------------------------------------------------------------------------------------- one figure


def _of_rates(before: tuple[int, int], after: tuple[int, int]) -> tuple[dict[str, Any], Cells]:
    counts = (np.array([count, n - count], np.int64) for count, n in (before, after))
    whole = Cells(["gives points", "gives none"], *counts).filled()
    row, cells = _compared(whole)
    difference, low, high = map(float, newcombe(before, after))
    rates = {"reference": before[0] / before[1], "current": after[0] / after[1]}
    return {"kind": "rate", **row, **rates, "difference": difference, "low": low, "high": high}, cells


def _of_numbers(before: Floats, after: Floats, bins: int, kind: str) -> tuple[dict[str, Any], Cells]:
    row, cells = _compared(number_cells(before, after, bins))
    found, (difference, low, high) = apart(before, after), mean_difference(before, after)
    means = [float(np.nanmean(side)) if not np.isnan(side).all() else np.nan for side in (before, after)]
    return {
        "kind": kind,
        **row,
        "ks": found.ks,
        "ks_p": found.ks_p,
        "wasserstein": found.wasserstein,
        "wasserstein_no_drift": found.no_drift,
        "reference": means[0],
        "current": means[1],
        "difference": difference,
        "low": low,
        "high": high,
    }, cells


def _of_categories(before: pd.Series[Any], after: pd.Series[Any]) -> tuple[dict[str, Any], Cells]:
    whole = category_cells(before, after)
    row, cells = _compared(whole)
    new, new_p = _one_sided(whole, whole.reference, whole.current)
    vanished, vanished_p = _one_sided(whole, whole.current, whole.reference)
    row |= {
        "new": new,
        "vanished": vanished,
        "new_p": min(1.0, 2 * min(new_p, vanished_p)) if len(whole.names) > 1 else np.nan,
    }
    return {"kind": "category", **row}, cells


def _one_sided(cells: Cells, absent: Any, present: Any) -> tuple[str, float]:
    """The categories of one sample that are not in the other beyond chance, with their counts, and the least p."""
    from scipy.special import gammaln  # noqa: PLC0415 - scipy takes long to import

    rows = np.array(
        [place for place in np.flatnonzero((absent == 0) & (present > 0)) if cells.names[place] != MISSING], int
    )
    if not len(rows):
        return "", 1.0
    n, m, k = absent.sum(), present.sum(), present[rows]
    # How often all k of a category fall into one sample if leads are dealt out at random, for the best of them all.
    p = np.exp(gammaln(m + 1) - gammaln(m - k + 1) - gammaln(n + m + 1) + gammaln(n + m - k + 1)) * len(cells.names)
    sure = rows[p < _FALSE]
    sure = sure[np.argsort(-present[sure], kind="stable")]
    more = f" and {len(sure) - 5} more" if len(sure) > 5 else ""
    return ", ".join(f"{cells.names[row]} ({present[row]:,})" for row in sure[:5]) + more, min(1.0, float(p.min()))


def _compared(whole: Cells) -> tuple[dict[str, Any], Cells]:
    """What every kind of figure has; and the cells it was compared in."""
    cells = comparable(whole)
    index, (chi2, _, chi2_p) = stability_index(cells), homogeneity(cells)
    n, m = int(whole.reference.sum()), int(whole.current.sum())
    missing = whole.names.index(MISSING) if MISSING in whole.names else -1
    lacking = (int(whole.reference[missing]), int(whole.current[missing])) if missing >= 0 else (0, 0)
    return {
        "n_reference": n,
        "n_current": m,
        "psi": index.psi,
        "psi_low": index.low,
        "psi_high": index.high,
        "psi_no_drift": index.no_drift,
        "chi2": chi2,
        "chi2_p": chi2_p,
        "missing_reference": lacking[0],
        "missing_current": lacking[1],
        "missing_p": homogeneity(whole.in_two(missing))[2] if missing >= 0 and len(whole.names) > 1 else np.nan,
    }, cells


# ---------------------------------------------------------------------------------------------------------- all of them


_NUMBERS = (
    *("psi", "psi_low", "psi_high", "psi_no_drift", "chi2", "chi2_p", "ks", "ks_p"),
    *("wasserstein", "wasserstein_no_drift", "reference", "current", "difference", "low", "high"),
    *("missing_reference", "missing_current", "missing_p", "new_p"),
)


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    """With p, q and a verdict for each."""
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - scipy takes long to import

    tests = frame.reindex(columns=["chi2_p", "ks_p", "missing_p", "new_p"]).to_numpy(np.float64)
    p = np.minimum(np.nanmin(tests, axis=1) * (~np.isnan(tests)).sum(axis=1), 1)
    q = false_discovery_control(p)
    sizes = np.array(_SIZES)[np.searchsorted(_LEVELS, frame["psi"].to_numpy(), "right")]
    verdict = np.where(q < _FALSE, sizes, _UNSEEN)
    columns = ["kind", "n_reference", "n_current", "verdict", "q", "p", *_NUMBERS, "new", "vanished"]
    texts = {name: frame[name].fillna("") if name in frame else "" for name in ("new", "vanished")}
    return frame.reindex(columns=columns).assign(**texts, p=p, q=q, verdict=verdict)


def _surest_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["q", "p", "psi"], ascending=[True, True, False], kind="stable")


def _cells_frame(cells: dict[_Key, Cells]) -> pd.DataFrame:
    def rows() -> Iterator[tuple[Any, ...]]:
        for key, one in cells.items():
            p, q = shares(one)
            parts = (p - q) * np.log(p / q)
            sides = (one.reference, one.current, one.reference / one.reference.sum(), one.current / one.current.sum())
            for name, *figures in zip(one.names, *sides, parts, strict=True):
                yield *key, name, *figures

    columns = ["part", "name", "cell", "reference", "current", "share_reference", "share_current", "psi"]
    return (
        pd.DataFrame(rows(), columns=columns)
        .set_index(["part", "name", "cell"])
        .sort_index(level=["part", "name"], sort_remaining=False, kind="stable")
    )


def _told(key: _Key, row: dict[Hashable, Any], cells: Cells) -> str:
    """What changed, in words."""
    said, most = [], ""
    if row["kind"] == "rate":
        interval = f"{row['difference']:+.1%}, {row['low']:+.1%} to {row['high']:+.1%}"
        said.append(f"gives points to {row['reference']:.1%} -> {row['current']:.1%} of leads ({interval})")
    elif row["kind"] in {"points", "number"} and not np.isnan(row["difference"]):
        interval = "no interval" if np.isnan(row["low"]) else f"{row['low']:+.3g} to {row['high']:+.3g}"
        said.append(f"mean {row['reference']:.4g} -> {row['current']:.4g} ({row['difference']:+.3g}, {interval})")
    said.append(f"PSI {row['psi']:.3f} ({row['psi_low']:.3f} to {row['psi_high']:.3f}), {row['verdict']}")
    if row["kind"] != "rate":
        p, q = cells.reference / cells.reference.sum(), cells.current / cells.current.sum()
        place = int(np.argmax(np.abs(p - q)))
        most = cells.names[place]
        said.append(f"most in {most}: {p[place]:.1%} -> {q[place]:.1%}")
    if row["missing_p"] < _FALSE and most != MISSING:
        before, after = row["missing_reference"] / row["n_reference"], row["missing_current"] / row["n_current"]
        said.append(f"missing {before:.1%} -> {after:.1%}")
    said += [f"{name}: {row[name]}" for name in ("new", "vanished") if row[name]]
    alone = [int((side > 0).sum()) == 1 for side in (cells.reference, cells.current)]
    if alone[0] != alone[1]:
        said.append("one value only before, and no longer" if alone[0] else "one value only now")
    return f"{key[0]} {key[1]!r}: {'; '.join(said)}."


def _noise(most: int, n: int, m: int) -> list[str]:
    """What the usual levels of a PSI mean with so many leads."""
    if most < 2:
        return []
    unit = 1 / n + 1 / m
    levels = " and ".join(f"{level:g} in {passes(level, most, unit):.1%}" for level in _LEVELS)
    mean = f"With no drift, a PSI of {most} cells averages {(most - 1) * unit:.3g} with so many leads"
    return [f"{mean}, and reaches {levels} of cases."]
