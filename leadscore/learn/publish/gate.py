"""`gate`: whether a candidate may replace the rulebook in force, out of time, at the capacity sales has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import as_day, day_number, day_of
from leadscore.base.groups import Groups, grouped
from leadscore.base.text import about, counted
from leadscore.errors import ArgumentError
from leadscore.learn.publish.calibration import compared
from leadscore.learn.rows.snapshots import Snapshots
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.binding import Binding
from leadscore.scoring.engine import Bound
from leadscore.stats.intervals import Floats, Ints, holm
from leadscore.stats.outcomes_and_scores import Mask, read_rows, shape_of
from leadscore.tables.groups import By, grouping
from leadscore.threshold.capacity import BEHAVIOUR, WEEK, chosen, gain, simple_ways

_RULES = "give rulebook=..., whose hand-raise, fit, never and segments count"
_CANDIDATE, _CURRENT = "candidate", "current"
_OF_SEGMENTS = ["reached", "candidate", "other", "difference", "low", "high", "n", "p", "passed"]
_SHOWN = ["figure", "candidate", "other", "difference", "low", "high", "margin", "n", "passed"]
# The lower bound of a 90 % interval is above 0 in 5 % of runs in which nothing is gained.
_CONFIDENCE, _ERROR = 0.9, 0.05


@dataclass(frozen=True, eq=False, repr=False)
class Verdict(Result):
    """Whether a candidate may be published, and why; made by `gate`.

    Attributes
    ----------
    passed : bool
        Publish it. True only if every row of `frame` and of `segments` passed.
    headline : str
        The answer, and why.
    frame : DataFrame, index what the candidate is compared with
        `figure`: a week (leads that reached the stage), mean square (the Brier score) or mean distance (the calibration
        error, beside what chance alone would show); `candidate`, `other`, `difference` with `low`, `high` (90 %; of the
        error 95 % of draws); `n`, the leads that one way takes and the other does not, in calibration all leads;
        `margin`, how far the difference may lie on the wrong side; and `passed`.
    segments : DataFrame, index segment
        Inside each segment, at its share of the places, beside the current: `reached` (of all its leads), `candidate`,
        `other`, `difference`, `low`, `high` (90 %) a week, `n` as above, `p` (the chance of so low a difference if the
        candidate were as good, after Holm) and `passed`.
    notes : tuple of str
        What to know before it is believed: rows left out, what could not be compared, an intercept update.
    n, reached, weeks : int
        Leads judged, each once a week, how many of them reached the stage, and in how many weeks.
    start, end : date
        The first and the last day judged.
    stage, within_days, capacity_per_week
        What a lead had to reach, in how many days, and how many leads a week could be worked.
    """

    passed: bool
    headline: str
    frame: pd.DataFrame
    segments: pd.DataFrame
    notes: tuple[str, ...]
    n: int
    reached: int
    weeks: int
    start: dt.date
    end: dt.date
    stage: str
    within_days: int
    capacity_per_week: float

    def sections(self) -> Iterator[Section]:
        """The candidate beside each other way, and inside segments."""
        title = (
            f"Leads a week that reach {self.stage} within {self.within_days} days, of {self.capacity_per_week:g} that "
            f"sales works, with 90% intervals; {counted(self.n, 'lead')}, each once a week, {self.start} to {self.end} "
            f"({counted(self.weeks, 'week')}), {self.reached:,} reached it"
        )
        formats = {"difference": "+.3g", "margin": "+.3g", "n": ",.0f"}
        yield Section("frame", title, self.frame, self.frame[_SHOWN], formats=formats)
        if len(self.segments):
            title = "Inside segments, beside the current rulebook (p after Holm; passed unless it is clearly worse)"
            yield Section("segments", title, self.segments, formats=formats)


def gate(  # noqa: PLR0913 - each of them is part of what is asked
    candidate: Any,
    current: Any,
    snapshots: Snapshots,
    *,
    capacity_per_week: float,
    rulebook: Rulebook | None = None,
    by: By | None = None,
    trained_until: Any = None,
    margin: float = 0.0,
    calibration_margin: float = 0.1,
) -> Verdict:
    """Whether a candidate may be published: out of time, at the capacity of sales, it beats what there is.

    Each week, each way takes the best of that week's leads, as many as sales can work; where scores tie, the places are
    shared out in expectation, as in `baselines`. The candidate passes if of the leads that it takes more reach the
    stage than with hand-raisers only, fit only, most recent first, and the current rulebook, each beyond chance; if its
    probabilities are no worse; and if it is clearly worse in no segment.

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
    by : str or list of str, optional
        Lead columns that make segments; by default the rulebook's own, if it has any.
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
        For an invalid argument, if scores do not fit the rows, or if no row is left to judge.

    Notes
    -----
    Each comparison is a one-sided test at 5 %, and all must succeed (an intersection-union test: Berger, R. L. (1982),
    Technometrics 24, 295-300): so a candidate that is no better than the best of the others passes in at most 5 % of
    runs, however many there are. `gain` says how each interval is made: leads that come in several weeks count as one
    draw, and where ways differ more from week to week than by chance, weeks are the draws. With a margin, a candidate
    that is as good as the current may pass; the error is then that of one worse by the margin. How often a better one
    passes is in `benchmarks/README.md`: with 200 outcomes, one that gets 30 % more than the current does, one
    that gets 8 % more one time in three, with a margin of a tenth six times in seven.

    Weeks run from the first day that is judged. A lead on several days of a week counts once, as it stood on the first
    of them. Leads that the rulebook's `never` bars are left out: no way may take them.

    Calibration is judged where the candidate gives probabilities, on the first row of each lead. The Brier score must
    clearly be no worse than the current's by the margin; where that gives none, than that of giving every lead the rate
    of all. The expected calibration error must not clearly exceed by the margin what chance alone would show (and the
    current's excess). Inside segments the test is for harm, corrected after Holm, at the segment's share of the places.

    Examples
    --------
    >>> import leadscore as ls
    >>> made = ls.datasets.make_funnel(4000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=[made.rulebook, made.planted])
    >>> handed = made.truth[made.truth["handed_over"]]
    >>> y = ls.label(tables, stage="opportunity", as_of=handed["day"], within_days=30)
    >>> index = pd.MultiIndex.from_arrays([handed.index, handed["day"]], names=["lead_id", "as_of"])
    >>> day = ((handed["day"] - pd.Timestamp(0, tz="UTC")).dt.days).to_numpy()
    >>> shots = Snapshots(
    ...     pd.DataFrame(index=index), y.set_axis(index), {}, tables, tables.positions(handed.index), day,
    ...     "opportunity", 30, tables.observed_until, False,
    ... )
    >>> found = gate(made.planted, made.rulebook, shots, capacity_per_week=15)
    >>> found.frame[["candidate", "other", "difference", "low", "passed"]].round(2)
                       candidate  other  difference   low  passed
    beside
    hand-raisers only       3.01   1.57        1.44  0.94    True
    fit only                3.01   2.65        0.36  0.12    True
    most recent first       3.01   2.64        0.37  0.09    True
    current                 3.01   2.79        0.23  0.04    True
    >>> print(found.headline)
    Publish: it gets 3.01 leads a week that reach opportunity, +0.23 (+0.04 to +0.39, 90%) beside the rulebook in
    force; n = 466 leads, 65 of which reached it.
    """
    rules, name = (current, "current") if rulebook is None else (rulebook, "rulebook")
    with Arguments("gate") as given:
        given.types(snapshots=(snapshots, Snapshots))
        if not isinstance(rules, Rulebook):
            given.wrong(name, f"is a {type(rules).__name__}, not a Rulebook: {_RULES}")
        capacity = given.number("capacity_per_week", capacity_per_week, above=0)
        for name, value in (("margin", margin), ("calibration_margin", calibration_margin)):
            if given.number(name, value, least=0) >= 1:
                given.wrong(name, f"must be a share below 1; got {value!r}")
        if not isinstance(by, Groups):
            given.names("by", by)
    binding = Binding(snapshots.tables, int(snapshots.day.min()), int(snapshots.day.max()))
    terms = Terms(rules, capacity, by, trained_until, margin, calibration_margin)
    return verdict_of(binding, candidate, current, snapshots, terms)


class Terms(NamedTuple):
    """By what candidates are judged: the arguments of `gate`."""

    rulebook: Rulebook
    capacity: float
    by: By | None = None
    trained_until: Any = None
    margin: float = 0.0
    calibration_margin: float = 0.1


def verdict_of(binding: Binding, candidate: Any, current: Any, snapshots: Snapshots, terms: Terms) -> Verdict:
    """What `gate` says, by tables that are bound over the days of the snapshots."""
    rows, notes = _out_of_time(candidate, current, snapshots, terms.trained_until)
    bound = binding.timeline(terms.rulebook).at(snapshots.lead[rows], snapshots.day[rows])
    kept = _once_a_week(bound, snapshots, rows, notes)
    rows = rows[kept]
    y = snapshots.y.to_numpy(bool, na_value=False)
    pool = _Pool(snapshots.lead[rows], snapshots.day[rows], y[rows], terms.capacity)
    mine, chance = _scored(_CANDIDATE, candidate, binding, snapshots, rows)
    theirs, other_chance = _scored(_CURRENT, current, binding, snapshots, rows)
    ways = {name: score[kept] for name, score in simple_ways(bound).items() if name != BEHAVIOUR}
    frame = _beside(pool, mine, ways | {_CURRENT: theirs}, terms.margin)
    segments = _by_segment(pool, mine, theirs, _groups(bound, snapshots, terms.by, kept))
    reasons = _too_little(pool, snapshots.stage) or _why_not(frame, segments, pool, snapshots.stage)
    if chance is None:
        notes.append("The candidate gives no probabilities: it is judged by rank only, not by calibration.")
    else:
        # On the first row of each lead.
        first = np.unique(pool.lead, return_index=True)[1]
        other = None if other_chance is None else other_chance[first]
        calibrated, more = compared(pool.reached[first], chance[first], other, margin=terms.calibration_margin)
        frame, notes = pd.concat([frame, calibrated]), notes + more
        reasons += [f"its {name} is worse than allowed" for name in calibrated.index[~calibrated["passed"]]]
    headline = f"Do not publish: {'; '.join(reasons)}." if reasons else _better(frame, pool, snapshots.stage)
    return Verdict(
        not reasons, headline, frame.rename_axis("beside"), segments, tuple(notes), len(rows), int(y[rows].sum()),
        len(pool.weeks), day_of(pool.day[0]), day_of(pool.day[-1]), snapshots.stage, snapshots.within_days,
        terms.capacity,
    )  # fmt: skip


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

    def row(self, mine: Floats, theirs: Floats, inside: Mask | None = None) -> dict[str, Any]:
        """The figures of two scores' choices among some leads, at their share of the places."""
        rows = np.arange(len(self.lead)) if inside is None else np.flatnonzero(inside)
        week, reached, size, weeks = self.week[rows], self.reached[rows], np.bincount(self.week), len(self.weeks)
        places = np.full(len(size), self.capacity)
        if inside is not None:
            places = places * np.bincount(week, minlength=len(size)) / np.maximum(size, 1)
        own, other = (chosen(score[rows], week, places) for score in (mine, theirs))
        gained = gain(own - other, reached, week, self.lead[rows])
        low, high = gained.interval(_CONFIDENCE)
        return {
            "candidate": own[reached].sum() / weeks,
            "other": other[reached].sum() / weeks,
            "difference": gained.value / weeks,
            "low": low / weeks,
            "high": high / weeks,
            "n": np.abs(own - other).sum(),
            "p": gained.p_less,
        }


# ------------------------------------------------------------------------------------------------------ what is judged


def _out_of_time(
    candidate: Any, current: Any, snapshots: Snapshots, trained_until: Any
) -> tuple[npt.NDArray[np.intp], list[str]]:
    """The rows that can be judged, in the order of days, and what to say of the others."""
    own = getattr(candidate, "trained_until_", None) if trained_until is None else trained_until
    told = (own, getattr(current, "trained_until_", None))
    days = [day_number(as_day(day, name="trained_until")) for day in told if day is not None]
    out = [(snapshots.y.isna().to_numpy(), "of unknown outcome")]
    if days:
        last, end = max(days), max(days) + snapshots.within_days
        opened = f"up to {day_of(end)}, until when the outcomes it was trained on were open"
        out.insert(0, (snapshots.day <= end, opened))
        out.insert(0, (snapshots.day <= last, f"up to {day_of(last)}, until when it was trained"))
    rows, notes = np.ones(len(snapshots), bool), list[str]()
    for mask, what in out:
        notes += _left_out(rows & mask, what)
        rows &= ~mask
    if snapshots.worked_only:
        notes.append("Only leads that sales worked are judged: nothing is known below the threshold in force.")
    else:
        notes.append("Leads that sales never worked count as not reached, which favours the current rulebook.")
    if own is None:
        notes.append(
            "When the candidate was trained is not known: if it has seen outcomes of these rows, the figures flatter "
            "it. trained_until=... leaves them out."
        )
    if not rows.any():
        what = f"no row can be judged, of {len(rows):,}. {' '.join(notes)} Take later snapshots."
        raise ArgumentError("snapshots", what)
    found = np.flatnonzero(rows)
    return found[np.argsort(snapshots.day[found], kind="stable")], notes


def _left_out(rows: Mask, what: str) -> list[str]:
    return [f"Left out: {counted(int(rows.sum()), 'row')} {what}."] if rows.any() else []


def _once_a_week(
    bound: Bound, snapshots: Snapshots, rows: npt.NDArray[np.intp], notes: list[str]
) -> npt.NDArray[np.intp]:
    """The places, among the rows, of those that count."""
    free = np.flatnonzero(bound.blocked < 0)
    notes += _left_out(bound.blocked >= 0, "of leads that the rulebook's never bars")
    if not len(free):
        raise ArgumentError("snapshots", f"no row is left to judge. {' '.join(notes)}")
    day, lead = snapshots.day[rows[free]], snapshots.lead[rows[free]]
    pairs = pd.DataFrame({"lead": lead, "week": (day - day.min()) // WEEK})
    kept = ~pairs.duplicated().to_numpy()
    notes += _left_out(~kept, "of a lead in the same week as an earlier row of it")
    if not bound.plan.hand_raises:
        notes.append("The rulebook has no hand-raise, so nothing is compared with hand-raisers only.")
    return free[kept]


def _scored(
    name: str, model: Any, binding: Binding, snapshots: Snapshots, rows: npt.NDArray[np.intp]
) -> tuple[Floats, Floats | None]:
    """(n,) a score for each row, higher is hotter, and the probability, if it is one."""
    if isinstance(model, Rulebook):
        bound = binding.timeline(model).at(snapshots.lead[rows], snapshots.day[rows])
        return np.where(bound.blocked >= 0, -np.inf, bound.fit + bound.behaviour), None
    if hasattr(model, "predict_proba"):
        chance = _chance(name, model, snapshots.X.iloc[rows])
        return chance, chance
    if len(shape_of(model)) != 1:
        what = f"must be a Rulebook, have predict_proba, or hold one number for each row, {len(snapshots):,} in all"
        raise ArgumentError(name, f"{what}; got a {type(model).__name__}")
    judged = np.zeros(len(snapshots), bool)
    judged[rows] = True
    read = read_rows(snapshots.y.where(judged), X=snapshots.X, **{name: model})
    return read.columns[name][rows], None


def _chance(name: str, model: Any, rows: pd.DataFrame) -> Floats:
    """The probability of the outcome by a classifier."""
    given = np.asarray(model.predict_proba(rows), np.float64)
    classes = list(getattr(model, "classes_", [False, True]))
    if given.shape != (len(rows), len(classes)) or True not in classes:
        what = f"predict_proba gives {given.shape} for {counted(len(rows), 'row')} and classes {classes}"
        raise ArgumentError(name, f"{what}; it must give a column for False and one for True")
    chance = given[:, classes.index(True)]
    wrong = chance[~((chance >= 0) & (chance <= 1))]
    if len(wrong):
        message = f"predict_proba gives values outside 0 to 1 for {counted(len(wrong), 'row')}, the first {wrong[0]:g}"
        raise ArgumentError(name, message)
    return chance


def _groups(bound: Bound, snapshots: Snapshots, by: By | None, kept: npt.NDArray[np.intp]) -> Groups:
    """The segment of each row that counts; empty without any."""
    if by is not None and by != "segment":
        found = grouping(snapshots.tables, by)
        return Groups(found.code[bound.lead[kept]], found.names)
    names = pd.Index([name for name, *_ in bound.plan.segments])
    inside = bound.segment[kept if len(names) else []]
    return grouped(pd.Categorical.from_codes(inside.astype(np.int64), names))


# ------------------------------------------------------------------------------------------------------------ compared


def _beside(pool: _Pool, mine: Floats, ways: Mapping[str, Floats], margin: float) -> pd.DataFrame:
    """The candidate beside each other way."""
    rows = {}
    for name, theirs in ways.items():
        row = pool.row(mine, theirs)
        allowed = 0.0 - margin * row["other"] if name == _CURRENT else 0.0
        # A candidate that takes the same leads is as good, and no better.
        rows[name] = {"figure": "a week"} | row | {"margin": allowed, "passed": row["low"] > allowed}
    return pd.DataFrame.from_dict(rows, orient="index").drop(columns="p").astype({"passed": bool})


def _by_segment(pool: _Pool, mine: Floats, theirs: Floats, groups: Groups) -> pd.DataFrame:
    """The candidate beside the current inside each segment."""
    rows = {}
    for code in np.unique(groups.code):
        inside = groups.code == code
        rows[groups.names[code]] = {"reached": int(pool.reached[inside].sum())} | pool.row(mine, theirs, inside)
    frame = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=_OF_SEGMENTS).rename_axis("segment")
    frame["p"] = holm(frame["p"])
    return frame.assign(passed=frame["p"] >= _ERROR)


def _too_little(pool: _Pool, stage: str) -> list[str]:
    """Why there is no answer at all."""
    if not pool.reached.any():
        return [f"there is no answer, as none of the {counted(len(pool.lead), 'lead')} reached {stage}"]
    if (np.bincount(pool.week) <= pool.capacity).all():
        return ["there is no answer: sales could work every lead of every week, so no method had to choose"]
    return []


def _why_not(frame: pd.DataFrame, segments: pd.DataFrame, pool: _Pool, stage: str) -> list[str]:
    """A reason for each comparison that failed, and for each segment."""
    said = []
    for name, row in frame[~frame["passed"]].iterrows():
        short = row["difference"] - row["margin"]
        other = "the rulebook in force" if name == _CURRENT else name
        if not row["n"]:
            said.append(f"it takes the same leads as {other}")
        elif short <= 0:
            said.append(f"it {'clearly gets less' if row['high'] < row['margin'] else 'gets no more'} than {other}")
        else:
            times = ((row["difference"] - row["low"]) / short) ** 2
            more = max(int(np.ceil(pool.reached.sum() * (times - 1))), 1)
            said.append(
                f"whether it beats {other} is not clear yet: if the difference stays as it is, {about(more)} more "
                f"leads that reach {stage} would settle it, on top of {int(pool.reached.sum()):,} now"
            )
    return said + [
        f"in segment {name} it is clearly worse than the rulebook in force"
        for name in segments.index[~segments["passed"]]
    ]


def _better(frame: pd.DataFrame, pool: _Pool, stage: str) -> str:
    row = frame.loc[_CURRENT]
    apart = f"{row['difference']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f}, 90%)"
    gets = f"{row['candidate']:.2f} leads a week that reach {stage}, {apart} beside the rulebook in force"
    return f"Publish: it gets {gets}; n = {len(pool.lead):,} leads, {int(pool.reached.sum()):,} of which reached it."
