"""`Board`: counts from which every bar's leads a week and share are worked out, here and in the browser alike.

`workbench.js` has the same arithmetic; the tests hold the two against each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from leadscore.base.days import day_of
from leadscore.scoring.engine import ASKED, NEVER
from leadscore.stats.intervals import Figure, Floats
from leadscore.tables.days import Ints
from leadscore.threshold.capacity import WEEK
from leadscore.threshold.workbench.evidence import BAND, FEW, Evidence
from leadscore.threshold.workbench.heights import Heights, Stood

# As many bars as a picture has room for; a longer way is taken in larger steps.
_MOST_BARS = 120
_Z = 1.959963984540054
# A group and a slot, of a lead that stood somewhere.
_Place = tuple[int, int] | None


class Share(NamedTuple):
    """The share of leads that reaches the stage, where bands of scores weigh as many leads as they hold.

    Attributes
    ----------
    value, low, high : float
        With its 95 % interval; NaN where nobody knows.
    n, reached : int
        The outcomes behind it.
    unknown : float
        The share of the leads that have scores at which sales hardly ever worked one.
    error : float
        The standard error.
    """

    value: float
    low: float
    high: float
    n: int
    reached: int
    unknown: float
    error: float


class Outcomes(NamedTuple):
    """What became of worked leads, (n_groups, n_slots) each, by the score that each counts with.

    Attributes
    ----------
    n, reached : leads, and those that reached the stage
    weight, squares, weight_reached : for how many leads they stand, the squares of that, and of those that reached it
    """

    n: Ints
    reached: Ints
    weight: Floats
    squares: Floats
    weight_reached: Floats


@dataclass(frozen=True)
class Board:
    """Counts by group, week, bar and band of scores, of one rulebook whatever its bars.

    A slot is a place between two bars: slot 0 lies below the lowest bar, slot k from bar k - 1 on; the last two are
    from the highest bar on, and leads that asked for sales.

    Attributes
    ----------
    bars : (n_bars,) points, rising
    groups : tuple of str
        Whose bar it is: the segments, and last all others.
    weeks : tuple of str
        The first day of each.
    volume : (n_groups, n_weeks, n_bars) leads that begin to qualify
        Of leads that stayed in one group.
    mixed : tuple of (count, before, first, steps)
        Leads that changed their group: (group, slot) on the day before the period and on its first day, or None; and
        (group, slot, week) each time they stood higher later.
    highest : (n_groups, n_slots) leads by their highest score in the period
    band : (n_groups, n_slots) the band of each slot
    edges : for each group, the points from which on each band is; None below all bars and for those who asked for sales
    known, held : for each slot, the evidence and what is held back of it
    stock : (n_groups, n_slots) leads by how they stand on the last day
    t : float
        Student's quantile for the weeks.
    """

    bars: Floats
    groups: tuple[str, ...]
    weeks: tuple[str, ...]
    volume: Ints
    mixed: tuple[tuple[int, _Place, _Place, tuple[tuple[int, int, int], ...]], ...]
    highest: Ints
    band: Ints
    edges: tuple[tuple[float | None, ...], ...]
    known: Outcomes
    held: Outcomes
    stock: Ints
    t: float

    def to_dict(self, *, round_to: int = 1) -> dict[str, Any]:
        """The same as plain data, for the browser.

        With `round_to` counts are rounded to multiples of so many, and the evidence of neighbouring slots of a band is
        put together until it is of so many leads: rounded, it would give other shares.
        """
        counts = {"volume", "highest", "stock"}
        data = {name: _plain(value, round_to if name in counts else 1) for name, value in vars(self).items()}
        for name in ("known", "held") if round_to > 1 else ():
            data[name] = _plain(_gathered(getattr(self, name), self.band, round_to))
        return data

    def place(self, bars: Sequence[float]) -> Ints:
        """Where bars stand among those of the board, which has them."""
        return np.searchsorted(self.bars, np.asarray(bars, np.float64))

    def weekly(self, place: Ints) -> Ints:
        """(n_weeks,) how many leads begin to qualify at these places of the groups' bars."""
        weekly = sum((self.volume[group, :, bar] for group, bar in enumerate(place)), np.zeros(len(self.weeks), int))

        def passes(stood: _Place) -> bool:
            return stood is not None and bool(place[stood[0]] < stood[1])

        for count, before, first, steps in self.mixed:
            week = 0 if passes(first) else next((week for group, slot, week in steps if passes((group, slot))), None)
            # Who qualified on the day before as well did not begin to in the period.
            if week is not None and not (passes(before) and passes(first)):
                weekly[week] += count
        return weekly

    def share(self, low: Ints, high: Ints, *, held: bool = False) -> Share:
        """Of the leads of each group from one place of the bars up to another, the share that reaches the stage."""
        outcomes = self.held if held else self.known
        leads = unknown = 0.0
        bands = []
        for group, (first, last) in enumerate(zip(low, high, strict=True)):
            inside, size = slice(first + 1, last + 1), len(self.edges[group])
            by_band = [np.bincount(self.band[group], figure[group], size) for figure in outcomes]
            there = np.bincount(self.band[group, inside], self.highest[group, inside], size)
            leads += there.sum()
            unknown += there[by_band[0] < FEW].sum()
            own = [np.bincount(self.band[group, inside], figure[group, inside], size) for figure in outcomes]
            bands.append(np.array([*own, by_band[0], by_band[1]]))
        n, reached, weight, squares, hits, of, of_reached = np.concatenate(bands, axis=1)
        if not weight.sum():
            return Share(math.nan, math.nan, math.nan, 0, 0, 1.0 if leads else 0.0, 0.0)
        value = float(hits.sum() / weight.sum())
        likely = (of_reached + 1) / (of + 2)
        rate = hits / np.where(weight > 0, weight, 1)
        # Within a band leads differ by chance, and which bands they come from is chance too.
        variance = squares @ (likely * (1 - likely) + (rate - value) ** 2)
        error = math.sqrt(variance) / float(weight.sum())
        unknown = unknown / leads if leads else 0.0
        return Share(value, *_wilson(value, error), int(n.sum()), int(reached.sum()), unknown, error)

    def backlog(self, place: Ints, now: Ints) -> int:
        """How many leads qualify on the last day at some places of the bars and not at others."""
        return int(
            sum(
                self.stock[group, bar + 1 : old + 1].sum()
                for group, (bar, old) in enumerate(zip(place, now, strict=True))
            )
        )

    def nowhere(self) -> Ints:
        """(n_groups,) the place above all bars, and above those who asked for sales."""
        return np.full(len(self.groups), len(self.bars) + 1)


def _wilson(value: float, error: float) -> tuple[float, float]:
    """An interval for a weighted share: Wilson's, for as many leads as would have its error.

    Korn, E. L. and Graubard, B. I. (1998), Survey Methodology 24, 193-201.
    """
    spread = max(value * (1 - value), error**2)
    if not error:
        return value, value
    n = spread / error**2
    centre = (value + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(value * (1 - value) / n + _Z**2 / (4 * n**2))
    return max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half))


def mean(weekly: Ints, t: float) -> Figure:
    """The mean of weeks and its 95 % interval: Student's, for weeks differ by more than chance, or Poisson's if wider.

    Poisson's is Byar's approximation: Breslow, N. E. and Day, N. E. (1987), Statistical Methods in Cancer Research II,
    formula 2.14.
    """
    weeks, total = len(weekly), int(weekly.sum())
    value = total / weeks
    half = t * math.sqrt(((weekly - value) ** 2).sum() / (weeks - 1) / weeks)
    least = total * (1 - 1 / (9 * total) - _Z / (3 * math.sqrt(total))) ** 3 if total else 0.0
    most = (total + 1) * (1 - 1 / (9 * (total + 1)) + _Z / (3 * math.sqrt(total + 1))) ** 3
    return value, max(0.0, min(value - half, least / weeks)), max(value + half, most / weeks)


def offered(heights: Heights, *, most: float) -> Floats:
    """The bars to try: whole points, from where about so many leads would qualify in the period to where few do.

    Bars in force are among them. Where the way is long, it is taken in larger steps.
    """
    highest = heights.highest.highest_bar
    points = np.sort(highest[(highest > NEVER) & (highest < ASKED)])[::-1] / 1000
    now = heights.now / 1000
    points = points if len(points) else now
    few, room = max(len(points) // 200, 4), max(10.0, float(np.abs(now).max()) / 4)
    low, high = points[min(round(most), len(points) - 1)], points[min(few, len(points) - 1)]
    low, high = min(low, max(now.min() - room, points[-1]), now.min()), max(high, now.max() + room)
    step = next(
        step * 10**power for power in range(9) for step in (1, 2, 5) if (high - low) / (step * 10**power) <= _MOST_BARS
    )
    return np.union1d(np.arange(math.floor(low / step), math.ceil(high / step) + 1) * float(step), now)


def board_of(heights: Heights, base: Heights, evidence: Evidence, bars: Floats) -> Board:
    """The counts of one rulebook; `base` is the one in force, whose bars are edges of bands."""
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes long to import

    climbs, groups = heights.climbs, len(heights.now)
    thousandths = np.round(bars * 1000).astype(np.int64)
    n_weeks = (climbs.last - climbs.first + 1) // WEEK
    volume, mixed = _volume(heights, thousandths, n_weeks)

    def by_slot(stood: Stood, rows: npt.NDArray[np.bool_] | None = None, weights: Any = None) -> Any:
        rows = (stood.highest_bar > NEVER) if rows is None else rows & (stood.highest_bar > NEVER)
        slot = np.searchsorted(thousandths, stood.highest_bar, "right") + (stood.highest_bar >= ASKED)
        key = stood.group * (len(bars) + 2) + slot
        size = groups * (len(bars) + 2)
        return np.bincount(key[rows], None if weights is None else weights[rows], size).reshape(groups, -1)

    hand_overs, weight = evidence.hand_overs, evidence.weight
    counts_as, reached = evidence.counts_as(heights, base), hand_overs.worked.reached
    is_held = hand_overs.worked.day >= hand_overs.held_from
    known, held = (
        Outcomes(
            by_slot(counts_as, rows),
            by_slot(counts_as, rows & reached),
            by_slot(counts_as, rows, weight),
            by_slot(counts_as, rows, weight**2),
            by_slot(counts_as, rows & reached, weight),
        )
        for rows in (~is_held, is_held)
    )
    band, edges = _bands(bars, base.now / 1000)
    names = [segment.name for segment in heights.rulebook.qualify.segments]
    begins = [day_of(climbs.first + WEEK * week) for week in range(n_weeks)]
    return Board(
        bars=bars,
        groups=(*names, "All others") if names else ("Threshold",),
        weeks=tuple(f"{day.day} {day:%b}" for day in begins),
        volume=volume,
        mixed=mixed,
        highest=by_slot(heights.highest),
        band=band,
        edges=edges,
        known=known,
        held=held,
        stock=by_slot(heights.today),
        t=float(stdtrit(n_weeks - 1, 0.975)),
    )


def _plain(value: Any, round_to: int = 1) -> Any:
    if isinstance(value, Outcomes):
        return {name: _plain(figures) for name, figures in value._asdict().items()}
    if not isinstance(value, np.ndarray):
        return value
    value = np.round(value / round_to) * round_to if round_to > 1 else value
    return np.round(value, 6).tolist() if value.dtype.kind == "f" else value.tolist()


def _gathered(outcomes: Outcomes, band: Ints, least: int) -> Outcomes:
    """The evidence with cells of so many leads at least, where a band has them."""
    figures = np.array(outcomes, np.float64)
    for group, slot in np.ndindex(*band.shape):
        above = slot + 1 < band.shape[1] and band[group, slot + 1] == band[group, slot]
        if above and figures[0, group, slot] < least:
            figures[:, group, slot + 1] += figures[:, group, slot]
            figures[:, group, slot] = 0
    return Outcomes(*figures)


def _bands(bars: Floats, now: Floats) -> tuple[Ints, tuple[tuple[float | None, ...], ...]]:
    """The bands of each group, so that its bar in force is an edge of one."""
    # Bars in force may lie between the steps, and those that scripts ask for far beside them.
    width = BAND * float(np.median(np.diff(bars))) if len(bars) > 1 else BAND
    band, edges = np.zeros((len(now), len(bars) + 2), np.int64), []
    for group, bar in enumerate(now):
        step = np.floor((bars - bar) / width + 1e-9).astype(np.int64)
        there, own = np.unique(step, return_inverse=True)
        band[group, 1:-1] = own + 1
        band[group, -1] = len(there) + 1
        edges.append((None, *(max(float(bar + one * width), float(bars[0])) for one in there), None))
    return band, tuple(edges)


def _volume(heights: Heights, bars: Ints, n_weeks: int) -> tuple[Ints, Any]:
    """`Board.volume` and `Board.mixed`."""
    climbs, n_bars = heights.climbs, len(bars)
    lead, group, day = climbs.lead, climbs.group.astype(np.int64), climbs.day - climbs.first
    slot = np.searchsorted(bars, climbs.highest_bar, "right") + (climbs.highest_bar >= ASKED)
    begins = np.append(True, np.diff(lead) != 0)[: len(lead)]
    own = np.cumsum(begins) - 1
    groups = [np.full(int(begins.sum()), end) for end in (len(heights.now), -1)]
    np.minimum.at(groups[0], own, group)
    np.maximum.at(groups[1], own, group)
    mixed = (groups[0] != groups[1])[own]
    before = np.zeros(len(groups[0]), np.int64)
    before[own[day < 0]] = slot[day < 0]
    rows = np.flatnonzero((day >= 0) & ~mixed)
    # The highest slot so far, lead by lead: of a later lead the key is larger whatever its slot.
    key = np.maximum.accumulate(own[rows] * (n_bars + 2) + slot[rows])
    same = np.append(False, np.diff(own[rows]) == 0)[: len(rows)]
    so_far = np.where(same, np.append(0, key[:-1])[: len(rows)] - own[rows] * (n_bars + 2), 0)
    low = np.where(day[rows] == 0, before[own[rows]], so_far)
    risen = np.flatnonzero(slot[rows] > low)
    steps = np.zeros((len(heights.now), n_weeks, n_bars + 2), np.int64)
    where = group[rows][risen], day[rows][risen] // WEEK
    np.add.at(steps, (*where, low[risen]), 1)
    np.add.at(steps, (*where, slot[rows][risen]), -1)
    stood = np.column_stack([own, day, group, slot])[mixed]
    return steps.cumsum(axis=2)[:, :, :n_bars], _paths(stood)


def _paths(stood: Ints) -> Any:
    """Leads that changed their group, those alike together."""
    found: Counter[Any] = Counter()
    for rows in np.split(stood, np.flatnonzero(np.diff(stood[:, 0])) + 1) if len(stood) else ():
        before = first = None
        steps, so_far = [], dict[int, int]()
        for _, day, group, slot in rows.tolist():
            if day < 0:
                before = group, slot
                continue
            if day == 0:
                first = group, slot
            elif slot > so_far.get(group, 0):
                steps.append((group, slot, day // WEEK))
            so_far[group] = max(slot, so_far.get(group, 0))
        found[before, first, tuple(steps)] += 1
    return tuple((count, *path) for path, count in found.items())
