"""`reweigh`: the same rules with learned points, drawn towards the hand-set ones as long as outcomes are few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted, decimal
from leadscore.errors import ArgumentError
from leadscore.learn.rows.snapshots import Snapshots
from leadscore.learn.rules.activations import (
    Activations,
    Place,
    activations,
    decimals_of,
    places,
    probe,
    with_points,
    writable,
)
from leadscore.learn.rules.learnable import check_learnable
from leadscore.learn.rules.shrinkage import Rows, Shrunk, shrunk, slope_of, tangled
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.diff import Change, diff
from leadscore.rulebook.values import LARGEST_POINTS
from leadscore.scoring.engine import Bound
from leadscore.scoring.timeline import bound_at
from leadscore.stats.intervals import Floats
from leadscore.stats.outcomes_and_scores import Mask

_Z = NormalDist().inv_cdf(0.975)
# Fewer outcomes of either kind say nothing about a dozen rules, however much is borrowed from the old points.
_LEAST_EVENTS = 10
_STEPS = 100
_ROUNDS = 8
_GAIN = 0.01
_FAR = 4
_NEVER, _ALIKE, _HELD = "never counts, kept", "counts the same on every row, kept", "held at 0"


@dataclass(frozen=True, eq=False, repr=False)
class Reweighed(Result):
    """A rulebook with learned points beside the hand-set ones; made by `reweigh`.

    Attributes
    ----------
    old, rulebook : Rulebook
        The new one keeps the rules, comments and layout of the old.
    frame : DataFrame, one row for each entry that gives points, in the order of the file
        `rule`, `entry` (empty where the rule has one only), `old` and `new` points, `low` and `high` (95 %, NaN where
        nothing could be learned), `n` (rows on which it fires, of those learned from), `reached` (how many of them
        reached the stage), `note`.
    scale : float
        So many points double the odds.
    spread : float
        How far true effects seem to lie from the hand-set points: a standard deviation, in log odds of a typical lead.
    notes : tuple of str
        What to know before the points are believed.
    n, reached, unknown, n_leads : int
        Rows learned from, those that reached the stage, rows whose outcome is not known, and the leads learned from.
    """

    old: Rulebook
    rulebook: Rulebook
    frame: pd.DataFrame
    scale: float
    spread: float
    notes: tuple[str, ...]
    n: int
    reached: int
    unknown: int
    n_leads: int
    stage: str

    def diff(self) -> list[Change]:
        """What changed, limits included, in the words of the language; see `leadscore.rulebook.diff`."""
        return diff(self.old, self.rulebook)

    @property
    def headline(self) -> str:
        """How many points change, and by how many rows."""
        changed = int((self.frame["old"] != self.frame["new"]).sum())
        leads = f" ({counted(self.n_leads, 'lead')})" if self.n_leads < self.n else ""
        unknown = f"; {self.unknown:,} more are undecided" if self.unknown else ""
        return (
            f"{changed:,} of {len(self.frame):,} points of {self.old.name!r} change, learned on {self.n:,} rows{leads} "
            f"of which {self.reached:,} reached {self.stage}{unknown}. {self.scale:.3g} points double the odds."
        )

    def sections(self) -> Iterator[Section]:
        """Each entry with its old and its new points."""
        decimals = decimals_of(self.frame["new"].to_numpy())
        # No -0, and no more decimals than the points have.
        shown = self.frame.assign(**{end: self.frame[end].round(decimals) + 0.0 for end in ("low", "high")})
        if not shown["note"].any():
            shown = shown.drop(columns="note")
        formats = {"old": "g", "new": f".{decimals}f"}
        yield Section("frame", "Points, with 95% intervals", self.frame, shown, formats=formats)


def reweigh(
    rulebook: Rulebook,
    snapshots: Snapshots,
    *,
    keep_signs: bool = True,
    points_to_double: float | None = None,
) -> Reweighed:
    """Learn the points of a rulebook's own rules from what became of leads.

    Each entry that gives points gets an effect of its own: a value of a table, an edge, a condition, and of behaviour
    what it gives in units of its points, so that windows, decay, counts and limits stay as they are written. Effects
    are drawn towards the hand-set points as strongly as the outcomes themselves suggest, see `shrinkage.shrunk`: with
    few outcomes the guesses stand, with many the evidence does, and there is no setting for it. Points are whole
    where the old ones are, else they have as many decimals, and are rounded together: one up where another goes down.

    Parameters
    ----------
    rulebook : Rulebook
    snapshots : Snapshots
        Leads as they stood on past days, and what came of them.
    keep_signs : bool
        Points above 0 stay at 0 or above, points below 0 at 0 or below; `note` says which are held.
    points_to_double : float, optional
        So many points double the odds. By default so many that the threshold keeps its number and its meaning: a lead
        that reaches it now is about as likely to convert as one that reached it by the old points; a note says how
        nearly. Where this is given, the old points are brought to it by what the outcomes say of their scale, so all
        may change alike.

    Returns
    -------
    Reweighed
        `rulebook`, `frame`, `diff()`, `notes`. `threshold`, `minimum_fit`, segments and grades stay as they are.
        A rule's own limits go with its points: as many events as before reach them. Limits of groups and totals, but
        those of 0, are learned like points: a lead that one holds back has its points, and none of those held back.

    Raises
    ------
    ArgumentError
        For an invalid argument; if fewer than ten known outcomes are of either kind; if the rulebook has no points; or
        if with the learned points no lead could reach its thresholds.

    Notes
    -----
    Leads that a `never` entry blocks, or that raised a hand, are left out: points decide nothing for them. Learned from
    leads that sales chose to work, points hold for leads that would be chosen so.

    Whom a limit of a sum holds back depends on the points, so these are learned again, up to eight times, as long as
    the scores fit better.

    Simulated with 21 entries and the truth known (`benchmarks/reweigh.py`), the points rank leads and give
    probabilities better than the hand-set ones and than the data's own alike where few leads are known, and are hardly
    ever behind the better of the two. 95 % intervals hold the truth in 99 % of cases where the hand-set points are
    right; where half or all of them are wrong, in 86 to 92 % with 16 to 48 outcomes and in 94 % with 160 or more. Where
    a few points are far off and all others are right, these few are drawn back too much and their intervals are short.

    Examples
    --------
    >>> import leadscore as ls
    >>> made = ls.datasets.make_funnel(6000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> rows = ls.snapshots(
    ...     tables, as_of=made.truth["day"].dropna(), stage="opportunity", within_days=60, worked_only=True
    ... )
    >>> reweighed = reweigh(made.rulebook, rows)
    >>> reweighed.frame[["rule", "entry", "old", "new", "low", "high", "n"]].head(1).round(1)
            rule    entry   old   new   low  high   n
    0  Seniority  C-level  30.0  29.0  17.3  40.5  36
    >>> len(reweighed.diff())
    5
    """
    with Arguments("reweigh") as given:
        given.types(rulebook=(rulebook, Rulebook), snapshots=(snapshots, Snapshots))
        if isinstance(rulebook, Rulebook):
            check_learnable(rulebook)
        listed = places(rulebook) if isinstance(rulebook, Rulebook) else []
        if isinstance(rulebook, Rulebook) and not listed:
            given.wrong("rulebook", "no rule gives points: there is nothing to learn")
        given.flag("keep_signs", keep_signs)
        if points_to_double is not None:
            given.number("points_to_double", points_to_double, above=0)
    sample = _sample(rulebook, snapshots, listed)
    slope, unsure = _slope(sample, rulebook.bar(), points_to_double, keep_signs=keep_signs)
    learned = _learned(sample, slope, keep_signs=keep_signs)
    new = writable(listed, _rounded(learned, sample.seen.points, keep_signs=keep_signs))
    written = with_points(rulebook, listed, new)
    frame = _frame(learned, sample, new, keep_signs=keep_signs)
    bound = [bound_at(book, snapshots.tables, snapshots.lead, snapshots.day) for book in (rulebook, written)]
    volume = _volume(rulebook.bar(), bound, sample, slope)
    notes = (*sample.left_out, *unsure, *_on_points(frame, learned), volume)
    return Reweighed(
        rulebook, written, frame, float(np.log(2) / slope), learned.found.spread, notes, len(sample.y),
        int(sample.y.sum()), sample.unknown, int(sample.lead.max()) + 1, snapshots.stage,
    )  # fmt: skip


@dataclass(frozen=True)
class _Sample:
    """What is learned from: rows of known outcome, for which points decide.

    `used` says which of the snapshots these are; `unknown` is how many have no outcome yet.
    """

    seen: Activations
    y: Floats
    lead: npt.NDArray[np.intp]
    used: Mask
    unknown: int
    left_out: list[str]


def _sample(rulebook: Rulebook, snapshots: Snapshots, listed: list[Place]) -> _Sample:
    outcome = snapshots.y.to_numpy(np.float64, na_value=np.nan)
    known = np.flatnonzero(~np.isnan(outcome))
    _check_outcomes(outcome[known], [])
    bound = bound_at(probe(rulebook, listed), snapshots.tables, snapshots.lead[known], snapshots.day[known])
    blocked = bound.blocked >= 0
    raised = bound.raised & ~blocked
    left_out = [
        f"Left out: {counted(int(mask.sum()), 'row')} of leads that {why}, for whom points decide nothing."
        for mask, why in ((blocked, "a `never` entry blocks"), (raised, "raised a hand"))
        if mask.any()
    ]
    kept, used = ~blocked & ~raised, np.zeros(len(outcome), bool)
    used[known[kept]] = True
    _check_outcomes(outcome[used], left_out)
    seen = activations(rulebook, bound, listed).of(kept)
    number = np.unique(snapshots.lead[used], return_inverse=True)[1]
    return _Sample(seen, outcome[used], number, used, len(outcome) - len(known), left_out)


@dataclass(frozen=True)
class _Learned:
    """Points as the outcomes have them, before they are rounded.

    `columns` are the activations they are multiplied with, `places` those of them that something could be learned of,
    `log_loss` that of the score, in which limits hold back what they will.
    """

    points: Floats
    places: npt.NDArray[np.intp]
    columns: Floats
    found: Shrunk
    slope: float
    rows: Rows
    log_loss: float


def _counting(sample: _Sample, points: Floats) -> tuple[Rows, npt.NDArray[np.intp]]:
    """What counts at some points, and the places that something can be learned of."""
    columns, fixed = sample.seen.at(points)
    # A limit of 0 is a principle and no number: whatever points are worth, it stays.
    principle = [place.model is None and place.points == 0 for place in sample.seen.places]
    places = np.flatnonzero((np.ptp(columns, axis=0) > 0) & ~np.array(principle))
    if not len(places):
        raise ArgumentError("snapshots", "every rule fires on all rows or on none: nothing can be learned")
    old = sample.seen.points
    return Rows(columns[:, places], old[places], columns @ old + fixed, sample.y, sample.lead), places


def _learned(sample: _Sample, slope: float, *, keep_signs: bool) -> _Learned:
    """Effects as points; where sums are limited, learned again with what the limits hold back at the new points.

    From round to round points go all the way to the new ones, or so much of it that the scores fit best.
    """
    points = sample.seen.points
    parts = (1.0, 0.5, 0.25, 0.125) if sample.seen.sums else (1.0,)
    best: _Learned | None = None
    for _ in range(_ROUNDS if sample.seen.sums else 1):
        rows, places = _counting(sample, points)
        found = shrunk(rows, keep_signs=keep_signs)
        way = np.zeros(len(points))
        way[places] = found.effects / slope - points[places]
        losses = [_loss(sample.y, slope * sample.seen.total(points + part * way)) for part in parts]
        if best is not None and min(losses) > best.log_loss - _GAIN:
            break
        columns, _ = sample.seen.at(points)
        points = points + parts[int(np.argmin(losses))] * way
        best = _Learned(points, places, columns, found, slope, rows, min(losses))
    assert best is not None
    return best


def _check_outcomes(y: Floats, left_out: list[str]) -> None:
    events = int(y.sum())
    if min(events, len(y) - events) < _LEAST_EVENTS:
        what = f"of {len(y):,} known outcomes {events:,} are True" if len(y) else "no outcome is known"
        needed = f"points need at least {_LEAST_EVENTS} of either kind, and some hundreds to be reliable."
        raise ArgumentError("snapshots", " ".join([f"{what}; {needed}", *left_out]))


def _slope(
    sample: _Sample, threshold: float, points_to_double: float | None, *, keep_signs: bool
) -> tuple[float, list[str]]:
    """The log odds of a point, and what to say of it: by default those by which the threshold keeps its odds."""
    if points_to_double is not None:
        return float(np.log(2) / points_to_double), []
    total = sample.seen.total(sample.seen.points)
    slope, error = slope_of(total, sample.y, sample.lead)
    low, high = slope - _Z * error, slope + _Z * error
    if low > 0:
        rows, _ = _counting(sample, sample.seen.points)
        effects = rows.columns @ shrunk(rows, keep_signs=keep_signs).effects
        # Log odds at no points, then and now; a slope that would be far off the old one is no such slope.
        apart = _level(sample.y, slope * total) - _level(sample.y, effects)
        level = slope + apart / threshold if threshold > 0 else slope
        return (level if slope / _FAR < level < slope * _FAR else slope), []
    if np.ptp(total) < 1e-6:
        raise ArgumentError("points_to_double", "is needed: on these rows the old points do not differ")
    unsure = (
        f"Leads with more of the old points do not clearly convert better (log odds {slope:+.4f} a point, 95% "
        f"{low:+.4f} to {high:+.4f}), so they cannot say what a point is worth: a standard deviation of the old totals "
        f"was made one unit of log odds, and thresholds lose their meaning. points_to_double sets another scale."
    )
    return float(1 / total.std()), [unsure]


def _level(y: Floats, log_odds: Floats) -> float:
    """The log odds at 0 points, if all else is known: the predicted events are then as many as there are."""
    from scipy.optimize import brentq  # noqa: PLC0415 - scipy takes long to import

    far = float(np.abs(log_odds).max()) + 30
    return float(brentq(lambda level: np.exp(-np.logaddexp(0, -level - log_odds)).sum() - y.sum(), -far, far))


def _loss(y: Floats, log_odds: Floats) -> float:
    """The log loss at the best level."""
    log_odds = log_odds + _level(y, log_odds)
    return float((np.logaddexp(0, log_odds) - y * log_odds).sum())


def _rounded(learned: _Learned, old: Floats, *, keep_signs: bool) -> Floats:
    """Points with the decimals of the old ones, rounded together so that the fit loses least.

    Around its maximum the likelihood is a paraboloid: whole points are looked for on it, a step at a time, best first.
    Where a point is worth so much that it is none, the nearest ones may still be better, and are taken then.
    """
    decimals, exact = decimals_of(old), learned.points[learned.places]
    step = 10.0**-decimals
    if np.abs(exact).max() > LARGEST_POINTS:
        raise ArgumentError("points_to_double", f"would need points of {np.abs(exact).max():,.0f}: give a smaller one")
    precision = np.linalg.pinv(learned.found.covariance, hermitian=True)
    nearest = np.round(exact, decimals)
    at = nearest.copy()
    side = np.sign(old[learned.places]) if keep_signs else np.zeros(len(at))
    for _ in range(_STEPS * len(at)):
        slope = precision @ (at - exact)
        moved = at - np.sign(slope) * step
        # What the loss would change by, for a step at each place; none goes further than to the next whole number.
        change = np.diag(precision) * step**2 / 2 - np.abs(slope) * step
        change[(moved * side < 0) | (np.abs(moved - exact) > step)] = 0
        best = int(change.argmin())
        if change[best] >= -1e-12 * np.trace(precision):
            break
        at[best] = moved[best]
    rows, new = learned.rows, np.round(learned.points, decimals)

    def log_loss(points: Floats) -> float:
        return _loss(rows.y, learned.slope * (rows.columns @ points))

    at = min((np.round(at, decimals), nearest), key=log_loss)
    new[learned.places] = at + 0.0
    return new


def _frame(learned: _Learned, sample: _Sample, new: Floats, *, keep_signs: bool) -> pd.DataFrame:
    listed, old, columns = sample.seen.places, sample.seen.points, learned.columns
    error = np.full(len(listed), np.nan)
    error[learned.places] = np.sqrt(np.diag(learned.found.covariance)) / learned.slope
    low, high = learned.points - _Z * error, learned.points + _Z * error
    if keep_signs:
        low, high = np.where(old > 0, np.maximum(low, 0), low), np.where(old < 0, np.minimum(high, 0), high)
    fires, limit = np.count_nonzero(columns, axis=0), np.array([place.model is None for place in listed])
    held = np.isin(np.arange(len(new)), learned.places[learned.found.held]) & (new == 0)
    # What was learned at first, before the other points moved.
    gone = np.where(limit, "holds back no row now", "held back on every row now")
    note = np.select([held, ~np.isnan(error), new != old, fires == 0], [_HELD, "", gone, _NEVER], _ALIKE)
    frame = pd.DataFrame(
        {
            "rule": [place.rule for place in listed],
            "entry": [place.entry for place in listed],
            "old": old,
            "new": new,
            "low": low,
            "high": high,
            "n": fires,
            "reached": np.count_nonzero(columns[sample.y > 0], axis=0),
            "note": note,
        }
    )
    # A limit that held nothing back, or is 0, has nothing to say.
    return frame[~(limit & np.isin(note, [_NEVER, _ALIKE]))].reset_index(drop=True)


def _on_points(frame: pd.DataFrame, learned: _Learned) -> Iterator[str]:
    mine = frame[frame["low"].notna()]
    together = tangled(learned.rows.columns, mine["rule"].to_numpy())
    if together.any():
        yield (
            f"Outcomes cannot tell these apart, for they occur together or add up; they share as their old points did: "
            f"{', '.join((mine['rule'] + ' ' + mine['entry']).str.strip()[together])}."
        )
    if learned.found.design_effect > 1:
        yield (
            f"Some leads have rows on several days: {learned.found.design_effect:.1f} rows tell as much as one row of "
            f"a lead of its own, and intervals allow for that."
        )


def _volume(threshold: float, bound: Sequence[Bound], sample: _Sample, slope: float) -> str:
    """What the same threshold now lets through, and which one has the odds that it had."""
    then, now = (int((one.via >= 0).sum()) for one in bound)
    old, new = (((one.fit + one.behaviour) / 1000)[sample.used] for one in bound)
    old_slope = slope_of(old, sample.y, sample.lead)[0]
    log_odds = _level(sample.y, old_slope * old) + old_slope * threshold
    equal = (log_odds - _level(sample.y, slope * new)) / slope
    return (
        f"At the same threshold of {decimal(threshold)} points {now:,} of {bound[0].n:,} rows qualify, {then:,} by the "
        f"old points. {decimal(threshold)} old points stood for a chance of "
        f"{np.exp(-np.logaddexp(0, -log_odds)):.1%} to convert, as {decimal(round(equal, 1))} new ones do."
    )
