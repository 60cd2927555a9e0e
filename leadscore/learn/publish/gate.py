"""`gate`: whether a candidate may replace the rulebook in force, out of time, at the capacity sales has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.days import as_day, day_number, day_of
from leadscore.base.text import as_text
from leadscore.errors import ArgumentError, Problem
from leadscore.learn.publish.calibration import compared
from leadscore.learn.publish.verdict import Verdict
from leadscore.learn.rows.snapshots import Snapshots
from leadscore.rulebook import Rulebook
from leadscore.scoring.engine import Bound
from leadscore.scoring.timeline import bound_at
from leadscore.stats.intervals import Floats, Ints, holm
from leadscore.threshold.capacity import BEHAVIOUR, HAND_RAISERS, WEEK, Gain, chosen, gain, simple_ways

Mask = npt.NDArray[np.bool_]
_Row = dict[str, Any]

_CANDIDATE, _CURRENT = "candidate", "current"
# The lower bound of a 90 % interval is above 0 in 5 % of runs in which nothing is gained.
_CONFIDENCE, _ERROR = 0.9, 0.05


def gate(  # noqa: PLR0913 - each of them is part of what is asked
    candidate: Any,
    current: Any,
    snapshots: Snapshots,
    *,
    capacity_per_week: float,
    rulebook: Rulebook | None = None,
    by: str | pd.Series[Any] | None = None,
    trained_until: Any = None,
    margin: float = 0.0,
    calibration_margin: float = 0.1,
) -> Verdict:
    """Whether a candidate may be published: out of time, at the capacity of sales, it beats what there is.

    Each week, each way takes the best of that week's leads, as many as sales can work; where scores tie, the places are
    shared out in expectation, as in `baselines`. The candidate passes if of the leads that it takes more reach the
    stage than with hand-raisers only, fit only, most recent first, and the current rulebook, each of these surely; if
    its probabilities are no worse; and if it is clearly worse in no segment.

    Parameters
    ----------
    candidate, current : Rulebook, or anything with `predict_proba`, or scores
        A rulebook goes by its total, and never takes whom its `never` bars. A model is given `snapshots.X`. Scores are
        an array with one number for each row of the snapshots, or a Series with their index; higher is hotter.
    snapshots : Snapshots
        Later than what the candidate was trained on.
    capacity_per_week : float
        How many leads sales can work in a week.
    rulebook : Rulebook, optional
        The one whose hand-raise, fit, `never` and segments count; needed where `current` is none.
    by : lead column, or Series by lead_id, optional
        Segments; by default those of the rulebook, if it has any.
    trained_until : date, optional
        The day of the last row the candidate was trained on; by default its `trained_until_`. Rows until then are left
        out, and those of the `within_days` after it: until then labels of the training rows were not known.
    margin : float
        0: the candidate must get more than the current. Above: it may get less by this share of what the current gets,
        as where the same leads are to be had by a card that can be reviewed.
    calibration_margin : float
        By how much calibration may be worse: a share of the Brier score beside it, and of the rate for the error.

    Returns
    -------
    Verdict

    Raises
    ------
    ArgumentError
        If an argument is none of these, scores do not fit the rows, or no row is left to judge.

    Notes
    -----
    Each comparison is a one-sided test at 5 %, and all must succeed (an intersection-union test: Berger, R. L. (1982),
    Technometrics 24, 295-300): so a candidate that is no better than the best of the others passes in at most 5 % of
    runs, however many there are. `gain` says how each interval is made: leads that come in several weeks count as one
    draw, and where ways differ more from week to week than by chance, weeks are the draws. With a margin, a candidate
    that is as good as the current may pass; the error is then that of one worse by the margin. How often a better one
    passes is in `benchmarks/README.md`: with 200 outcomes, one that gets 30 % more than the current surely does, one
    that gets 8 % more one time in three, with a margin of a tenth six times in seven.

    Weeks run from the first day that is judged. A lead on several days of a week counts once, as it stood on the first
    of them. Leads that the rulebook's `never` bars are left out: no way may take them.

    Calibration is judged where the candidate gives probabilities, on the first row of each lead. The Brier score must
    be no worse than the current's by the margin, surely; where that gives none, than that of giving every lead the rate
    of all. The expected calibration error must not surely exceed by the margin what chance alone would show (and the
    current's excess). Inside segments the test is for harm, corrected after Holm, at the segment's share of the places.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(4000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=[made.rulebook, made.planted])
    >>> handed = made.truth[made.truth["handed_over"]]
    >>> y = ls.label(tables, stage="opportunity", scored_at=handed["day"], within_days=30)
    >>> index = pd.MultiIndex.from_arrays([handed.index, handed["day"]], names=["lead_id", "as_of"])
    >>> day = ((handed["day"] - pd.Timestamp(0, tz="UTC")).dt.days).to_numpy()
    >>> shots = Snapshots(
    ...     pd.DataFrame(index=index), y.set_axis(index), {}, tables, tables.positions(handed.index), day,
    ...     "opportunity", 30, tables.observed_until, False, [],
    ... )
    >>> found = gate(made.planted, made.rulebook, shots, capacity_per_week=15)
    >>> found.frame[["candidate", "other", "difference", "low", "passed"]].round(2)
                       candidate  other  difference   low  passed
    beside
    hand-raisers only       2.61   1.45        1.16  0.76    True
    fit only                2.61   2.43        0.19  0.01    True
    most recent first       2.61   2.08        0.53  0.28    True
    current                 2.61   2.45        0.16 -0.01   False
    >>> print(found.sentence)
    Do not publish: Whether it beats current cannot be told yet: if the difference stays so, about 9 more leads that
    reach opportunity would show it, beside the 58 there are.
    """
    rules = _checked(current, rulebook, snapshots, capacity_per_week, margin, calibration_margin)
    rows, findings = _out_of_time(candidate, current, snapshots, trained_until)
    bound = bound_at(rules, snapshots.tables, snapshots.lead[rows], snapshots.day[rows])
    kept = _once_a_week(bound, snapshots, rows, findings)
    rows = rows[kept]
    reached = snapshots.y.to_numpy(bool, na_value=False)[rows]
    pool = _Pool(snapshots.lead[rows], snapshots.day[rows], reached, float(capacity_per_week))

    mine, chance = _scored(_CANDIDATE, candidate, snapshots, rows)
    theirs, other_chance = _scored(_CURRENT, current, snapshots, rows)
    ways = {name: score[kept] for name, score in simple_ways(bound).items() if name != BEHAVIOUR}
    if HAND_RAISERS not in ways:
        findings.append("The rulebook has no hand-raise, so nothing is compared with hand-raisers only.")
    frame = _beside(pool, mine, ways | {_CURRENT: theirs}, margin)
    segments = _by_segment(pool, mine, theirs, _groups(bound, snapshots, by, kept))
    reasons = _too_little(pool, snapshots.stage) or _why_not(frame, segments, pool, snapshots.stage)
    if chance is None:
        findings.append("The candidate gives no probabilities: it is judged by rank only, not by calibration.")
    else:
        first = np.unique(pool.lead, return_index=True)[1]
        other = None if other_chance is None else other_chance[first]
        calibrated, more = compared(reached[first], chance[first], other, margin=calibration_margin)
        frame, findings = pd.concat([frame, calibrated]), findings + more
        reasons += [f"Its {name} is worse than allowed." for name in calibrated.index[~calibrated["passed"]]]
    counts = len(rows), int(reached.sum()), len(pool.weeks), day_of(pool.day[0]), day_of(pool.day[-1])
    asked = snapshots.stage, snapshots.within_days, float(capacity_per_week)
    return Verdict(not reasons, frame.rename_axis("beside"), segments, reasons, findings, *counts, *asked)


@dataclass(frozen=True)
class _Pool:
    """The leads judged, a row for each lead and week, in the order of days.

    Attributes
    ----------
    lead, day, reached : (n,)
    capacity : float
    """

    lead: npt.NDArray[np.int32]
    day: Ints
    reached: Mask
    capacity: float

    @cached_property
    def week(self) -> Ints:
        """(n,) whole numbers from 0."""
        return (self.day - self.day[0]) // WEEK

    @property
    def weeks(self) -> Ints:
        """The weeks that have rows."""
        return np.unique(self.week)

    @property
    def places(self) -> Floats:
        """(n_weeks,) of each week, from the first."""
        return np.full(int(self.week.max()) + 1, self.capacity)

    def row(self, mine: Floats, theirs: Floats, inside: Mask | None = None) -> tuple[_Row, Gain]:
        """The figures of two scores' choices among some leads, at their share of the places."""
        rows = np.arange(len(self.lead)) if inside is None else np.flatnonzero(inside)
        week, reached, places = self.week[rows], self.reached[rows], self.places
        if inside is not None:
            size = np.bincount(self.week)
            places = places * np.bincount(week, minlength=len(size)) / np.maximum(size, 1)
        own, other = (chosen(score[rows], week, places) for score in (mine, theirs))
        gained = gain(own - other, reached, week, self.lead[rows])
        low, high = gained.interval(_CONFIDENCE)
        weeks = len(self.weeks)
        figures = {
            "candidate": own[reached].sum() / weeks,
            "other": other[reached].sum() / weeks,
            "difference": gained.value / weeks,
            "low": low / weeks,
            "high": high / weeks,
            "n": np.abs(own - other).sum(),
        }
        return figures, gained


# ------------------------------------------------------------------------------------------------------ what is judged


def _checked(  # noqa: PLR0913, PLR0917 - what `gate` was given
    current: Any, rulebook: Any, snapshots: Any, capacity: Any, margin: Any, calibration_margin: Any
) -> Rulebook:
    """The rulebook that the simple ways go by."""
    problems = []
    if not isinstance(snapshots, Snapshots):
        problems.append(Problem("snapshots", f"must be Snapshots; got a {type(snapshots).__name__}"))
    rules = current if rulebook is None else rulebook
    if not isinstance(rules, Rulebook):
        what = f"is {_named(rules)}: give rulebook=..., whose hand-raise, fit, never and segments count"
        problems.append(Problem("current" if rulebook is None else "rulebook", what))
    if not _is_number(capacity) or not 0 < capacity < np.inf:
        problems.append(Problem("capacity_per_week", f"must be a number above 0; got {capacity!r}"))
    for name, value in (("margin", margin), ("calibration_margin", calibration_margin)):
        if not _is_number(value) or not 0 <= value < 1:
            problems.append(Problem(name, f"must be a share from 0 to below 1; got {value!r}"))
    if problems:
        raise ArgumentError("gate", problems)
    return rules


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _named(model: Any) -> str:
    return f"a {type(model).__name__}, not a Rulebook"


def _out_of_time(
    candidate: Any, current: Any, snapshots: Snapshots, trained_until: Any
) -> tuple[npt.NDArray[np.intp], list[str]]:
    """The rows that can be judged, in the order of days, and what to say of the others."""
    own = getattr(candidate, "trained_until_", None) if trained_until is None else trained_until
    told = (own, getattr(current, "trained_until_", None))
    days = [day_number(as_day(day, name="trained_until")) for day in told if day is not None]
    known = snapshots.y.notna().to_numpy()
    rows, findings = np.ones(len(known), bool), []
    if days:
        last = max(days)
        end = last + snapshots.within_days
        before, gap = snapshots.day <= last, (snapshots.day > last) & (snapshots.day <= end)
        findings += _counted(before, f"up to {day_of(last)}, until when it was trained, are left out")
        findings += _counted(gap, f"up to {day_of(end)}, when the labels it was trained on were known, are left out")
        rows = ~before & ~gap
    findings += _counted(rows & ~known, "of unknown outcome are left out")
    rows &= known
    if snapshots.worked_only:
        findings.append("Only leads that sales worked are judged: what lies below the bar in force stays unknown.")
    else:
        findings.append("Leads that sales never worked count as not reached, which favours whom the current sends it.")
    if own is None:
        findings.append(
            "Until when the candidate was trained is not known: if it has seen outcomes of these rows, the figures "
            "flatter it. trained_until=... leaves them out."
        )
    if not rows.any():
        what = f"none of its {len(rows):,} rows can be judged. {' '.join(findings)} Take later snapshots."
        raise ArgumentError("snapshots", what)
    found = np.flatnonzero(rows)
    return found[np.argsort(snapshots.day[found], kind="stable")], findings


def _counted(rows: Mask, what: str) -> list[str]:
    return [f"{int(rows.sum()):,} rows {what}."] if rows.any() else []


def _once_a_week(
    bound: Bound, snapshots: Snapshots, rows: npt.NDArray[np.intp], findings: list[str]
) -> npt.NDArray[np.intp]:
    """The places, among the rows, of those that count."""
    free = np.flatnonzero(bound.blocked < 0)
    findings += _counted(bound.blocked >= 0, "of leads that the rulebook's never bars are left out")
    if not len(free):
        raise ArgumentError("snapshots", f"no row is left to judge. {' '.join(findings)}")
    day, lead = snapshots.day[rows[free]], snapshots.lead[rows[free]]
    pairs = pd.DataFrame({"lead": lead, "week": (day - day.min()) // WEEK})
    kept = ~pairs.duplicated().to_numpy()
    findings += _counted(~kept, "of a lead in the same week as an earlier row of it are left out")
    return free[kept]


def _scored(name: str, model: Any, snapshots: Snapshots, rows: npt.NDArray[np.intp]) -> tuple[Floats, Floats | None]:
    """(n,) a score for each row, higher is hotter, and the probability, if it is one."""
    if isinstance(model, Rulebook):
        bound = bound_at(model, snapshots.tables, snapshots.lead[rows], snapshots.day[rows])
        return np.where(bound.blocked >= 0, -np.inf, bound.fit + bound.behaviour), None
    if hasattr(model, "predict_proba"):
        chance = _chance(name, model, snapshots.X.iloc[rows])
        return chance, chance
    index = snapshots.X.index
    scores = model
    if isinstance(model, pd.Series) and not model.index.equals(index):
        if model.index.has_duplicates or model.index.nlevels != 2 or len(index.difference(model.index)):
            raise ArgumentError(name, "is a Series, but has not each row of the snapshots once: is its index theirs?")
        scores = model.reindex(index)
    try:
        values = np.asarray(scores, np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (len(index),):
        what = f"must be a Rulebook, have predict_proba, or be {len(index):,} numbers, one for each row"
        raise ArgumentError(name, f"{what}; got a {type(model).__name__} of shape {np.shape(model)}")
    return _finite(name, values[rows]), None


def _chance(name: str, model: Any, rows: pd.DataFrame) -> Floats:
    """The probability of the outcome by a classifier."""
    given = np.asarray(model.predict_proba(rows), np.float64)
    classes = list(getattr(model, "classes_", [False, True]))
    if given.shape != (len(rows), len(classes)) or True not in classes:
        what = f"predict_proba gives {given.shape} for {len(rows):,} rows and classes {classes}"
        raise ArgumentError(name, f"{what}; it must give a column for False and one for True")
    chance = _finite(name, given[:, classes.index(True)])
    if ((chance < 0) | (chance > 1)).any():
        raise ArgumentError(
            name, f"predict_proba gives values outside 0 to 1, as {chance[(chance < 0) | (chance > 1)][0]:g}"
        )
    return chance


def _finite(name: str, values: Floats) -> Floats:
    if not np.isfinite(values).all():
        raise ArgumentError(name, f"has no finite score for {int((~np.isfinite(values)).sum()):,} of the rows judged")
    return values


def _groups(
    bound: Bound, snapshots: Snapshots, by: str | pd.Series[Any] | None, kept: npt.NDArray[np.intp]
) -> pd.Categorical | None:
    """The segment of each row that counts; None without any."""
    if by is not None:
        tables = snapshots.tables
        values = tables.aligned(by, "by") if isinstance(by, pd.Series) else tables.latest(by)
        return pd.Categorical(values.iloc[bound.lead[kept]])
    names = [name for name, *_ in bound.plan.segments]
    return pd.Categorical([*names, None])[bound.segment[kept]] if names else None


# ------------------------------------------------------------------------------------------------------------ compared


def _beside(pool: _Pool, mine: Floats, ways: Mapping[str, Floats], margin: float) -> pd.DataFrame:
    """The candidate beside each other way."""
    rows = {}
    for name, theirs in ways.items():
        row, _ = pool.row(mine, theirs)
        allowed = 0.0 - margin * row["other"] if name == _CURRENT else 0.0
        # A candidate that takes the same leads is as good, and no better.
        rows[name] = {"figure": "a week"} | row | {"margin": allowed, "passed": row["low"] > allowed}
    return pd.DataFrame.from_dict(rows, orient="index").astype({"passed": bool})


def _by_segment(pool: _Pool, mine: Floats, theirs: Floats, groups: pd.Categorical | None) -> pd.DataFrame:
    """The candidate beside the current inside each segment."""
    columns = ["reached", "candidate", "other", "difference", "low", "high", "n", "p", "passed"]
    codes = np.full(len(mine), -2) if groups is None else groups.codes
    rows, raw = {}, []
    for code in np.unique(codes[codes > -2]):
        row, gained = pool.row(mine, theirs, codes == code)
        name = as_text(groups.categories[code]) if groups is not None and code >= 0 else "(none)"
        rows[name] = {"reached": int(pool.reached[codes == code].sum())} | row
        raw.append(gained.p_less)
    frame = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).rename_axis("segment")
    frame["p"] = holm(raw)
    return frame.assign(passed=frame["p"] >= _ERROR)


def _too_little(pool: _Pool, stage: str) -> list[str]:
    """Why nothing can be told at all."""
    if not pool.reached.any():
        return [f"Nothing can be told: none of the {len(pool.lead):,} leads reached {stage}."]
    if (np.bincount(pool.week) <= pool.capacity).all():
        return ["Nothing can be told: sales could work all leads of every week, so no way had to choose."]
    return []


def _why_not(frame: pd.DataFrame, segments: pd.DataFrame, pool: _Pool, stage: str) -> list[str]:
    """A sentence for each comparison that failed, and for each segment."""
    said = []
    for name, row in frame[~frame["passed"]].iterrows():
        short = row["difference"] - row["margin"]
        if not row["n"]:
            said.append(f"It takes the same leads as {name}.")
        elif row["high"] < row["margin"]:
            said.append(f"Beside {name} it surely gets less.")
        elif short <= 0:
            said.append(f"Beside {name} it gets no more.")
        else:
            times = ((row["difference"] - row["low"]) / short) ** 2
            more = max(int(np.ceil(pool.reached.sum() * (times - 1))), 1)
            said.append(
                f"Whether it beats {name} cannot be told yet: if the difference stays so, about {more:,} more leads "
                f"that reach {stage} would show it, beside the {int(pool.reached.sum()):,} there are."
            )
    return said + [
        f"In segment {name} it is surely worse than the current." for name in segments.index[~segments["passed"]]
    ]
