"""Many weekly figures watched under one budget for false alarms: which of them changed, since when, by how much."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.drift.cohorts import LATELY, SHORT, YEAR
from leadscore.drift.streams.family import Direction, Family, Weeks, family_of
from leadscore.errors import did_you_mean
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import Ints, newcombe
from leadscore.stats.rank_detector import MEMORY_SEEN

# What only one direction of is bad: that more is accepted is no alarm, nor that fewer values are new.
ONE_WAY: Mapping[str, Direction] = {"accepted": "fall", "unseen": "rise"}
_DATES = ("alarmed", "since", "since_low", "since_high")
# Of log evidence: more is no number.
_MOST = 690
_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class StreamWatch(Result):
    """Which of many weekly figures changed; made by `watch_streams`.

    Attributes
    ----------
    week : date
        The last one.
    frame : DataFrame, one row per stream, index as the columns of the figures
        `state`: alarm; stable; learning (fewer than 26 weeks, or its reference is not over); constant (the same in all
        weeks; a change of it would be seen); ended (no figure in the latest 8 weeks); empty (no figure at all).
        `direction` (rise or fall, the one with more evidence), `evidence`, `bound` (evidence passed it: alarm), both
        NaN while there is none; `alarmed` (the week it first passed), `since` with `since_low`, `since_high` (the week
        the change most likely came with, and the first and last not ruled out, 90 %, as known then; NaT unless alarm);
        `before` and `lately` (mean before and from `since`, or of the latest 8 weeks; shares pooled), `change` with
        `low`, `high` (95 %, by how weeks differ; as if it were known since when; season not taken out); `n` (leads
        behind `lately`, NaN where the figure is not a share), `weeks` (behind `lately`), `memory` (standard errors by
        which neighbouring weeks before are more alike than independent ones, once evidence is enough for an alarm: it
        is divided by exp(memory ** 2 / 2) then).
    path : DataFrame, index week, a column per stream
        Evidence as a share of its bound, the larger of both directions: 1 is an alarm. NaN while learning.
    headline : str
        Whether any stream changed.
    notes : tuple of str
        What is claimed and what is not, and which streams say nothing.
    """

    week: dt.date
    frame: pd.DataFrame
    path: pd.DataFrame
    headline: str
    notes: tuple[str, ...]

    @property
    def alarms(self) -> pd.DataFrame:
        """The rows of `frame` that alarm, most surely first."""
        found = self.frame[self.frame["state"] == "alarm"]
        return found.loc[(found["evidence"] / found["bound"]).sort_values(ascending=False, kind="stable").index]

    def sections(self) -> Iterator[Section]:
        """What changed, in words, and the figures of every stream."""
        if len(self.alarms):
            yield Section("changes", "What changed, most certain first", notes=tuple(_lines(self.alarms)))
        shown = self.frame[["state", "direction", "since", "before", "lately", "change", "low", "high", "n", "weeks"]]
        yield Section("frame", "Every stream, with 95 % intervals of its change", self.frame, shown)


def watch_streams(  # noqa: PLR0913 - what is watched, and how surely
    figures: pd.DataFrame,
    n: pd.DataFrame | None = None,
    *,
    only: Mapping[Any, Direction] = ONE_WAY,
    reference_weeks: int = YEAR,
    horizon_weeks: int = 104,
    budget: float = 0.1,
) -> StreamWatch:
    """Watch many weekly figures for a change, so that all of them together rarely alarm falsely.

    Each stream is watched by a `RankDetector` for a rise and for a fall, each of these tests at its part of the budget:
    the chance of any false alarm is at most the sum (union bound), however the streams are related. Nothing is kept
    between runs: the same weeks give the same answer, and later weeks change nothing about earlier ones. After an
    alarm, blank the weeks that were put right (NaN), or give the figures from the week on that is the new normal.

    Parameters
    ----------
    figures : DataFrame, index week, a column per stream
        As of `weekly_streams`. The index holds the first day of each week, each a week or more after the one before;
        the columns may have two levels, kind and name. NaN skips a week.
    n : DataFrame, optional
        For columns that are shares, from 0 to 1, how many leads each is a share of: only then are weeks of five and of
        five hundred leads alike. Weeks of 0 leads are skipped.
    only : mapping of a kind or column to "rise" or "fall"
        What is watched for one direction, since the other is no harm; by default a fall of kind `accepted`, a rise of
        kind `unseen`.
    reference_weeks : int
        From which to learn, 26 or more. A stream that begins after them learns from its own first 26.
    horizon_weeks : int
    budget : float, between 0 and 1
        The chance of any false alarm in `horizon_weeks` is at most this, if nothing changes, provided ordinary weeks
        are alike once season and last week are taken out.

    Returns
    -------
    StreamWatch
        `frame`, `alarms`, `path`, `headline`, `notes`.

    Raises
    ------
    ArgumentError
        If an argument is invalid: weeks that overlap, figures that are not numbers, shares outside 0 to 1. All problems
        at once.

    Notes
    -----
    Shares are watched as standard scores (`standard_scores`), other figures as they are: give counts that grow
    with the number of leads per lead. Of a share whose reference shows nothing but the luck of its leads (its variance
    between weeks is at most 0.4 of that, and no yearly wave stands out), the scores are ranked as they are: a season
    fitted to them would take a change for one. So are figures that are the same in most weeks of the reference. All
    others are predicted first, as `RankDetector` does.

    How many streams will yet begin is not known, and what was an alarm must stay one when they do. So nine tenths of
    the budget are shared by the tests of streams that had a figure other than 0 in the reference; the rest goes to
    those that come later, 1/(k (k + 1)) of it to the k-th. A rule that never fired costs nothing until it does.

    References
    ----------
    As of `RankDetector`. Dandapanthula, S. and Ramdas, A. (2025), Multiple testing in multi-stream sequential change
    detection, arXiv 2501.04130: for any set of streams, Bonferroni is what controls the chance of a false alarm.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> weeks = pd.date_range("2025-01-06", periods=80, freq="7D")
    >>> n = pd.DataFrame(200, weeks, [("fires", "pricing page"), ("accepted", "partner")])
    >>> share = np.where(np.arange(80)[:, None] < 60, [0.2, 0.5], [0.2, 0.35])
    >>> found = watch_streams(pd.DataFrame(rng.binomial(200, share) / 200, weeks, n.columns), n)
    >>> found.headline
    'Alarm in the week of 2026-07-13: 1 of 2 streams changed (1 stable, 1 alarm).'
    >>> found.alarms[["direction", "since", "before", "lately"]]
                        direction      since    before   lately
    (accepted, partner)      fall 2026-03-02  0.494167  0.35225
    """
    with Arguments("watch_streams") as given:
        given.whole("reference_weeks", reference_weeks, least=SHORT)
        given.whole("horizon_weeks", horizon_weeks, least=1)
        given.probability("budget", budget)
        _check_weeks(given, "figures", figures)
        if n is not None:
            _check_weeks(given, "n", n)
    with Arguments("watch_streams") as given:
        sizes, ways = _sizes(given, figures, n), _ways(given, figures, only)
    names = [named(column) for column in figures.columns]
    weeks = Weeks.of(figures, sizes, reference_weeks)
    family = family_of(weeks, names, ways, horizon_weeks, budget)
    days = pd.DatetimeIndex(figures.index)
    frame = pd.DataFrame([_row(weeks, family, place, days) for place in range(len(names))], index=figures.columns)
    frame = frame.astype(dict.fromkeys(_DATES, days.dtype))
    ratio = pd.DataFrame(np.exp(np.minimum(family.evidence - family.bound[:, None], _MOST)))
    path = ratio.groupby(family.stream).max().reindex(range(len(names))).T.set_axis(figures.index)
    path = path.set_axis(figures.columns, axis=1)
    notes = tuple(_notes(frame, len(days), reference_weeks, horizon_weeks, budget))
    return StreamWatch(days[-1].date(), frame, path, _headline(frame, days[-1].date()), notes)


def named(column: Any) -> str:
    """A stream's name, as a sentence says it."""
    return " ".join(map(str, column)) if isinstance(column, tuple) else str(column)


# ------------------------------------------------------------------------------------------------------ what is given


def _check_weeks(given: Arguments, name: str, frame: Any) -> None:
    """Whether a frame holds weekly figures."""
    if not isinstance(frame, pd.DataFrame):
        given.wrong(name, f"must be a DataFrame, a row per week and a column per stream; got {type(frame).__name__}")
        return
    if not frame.columns.is_unique:
        given.wrong(name, f"has columns more than once: {_some(frame.columns[frame.columns.duplicated()])}")
        return
    index = frame.index
    if isinstance(index, pd.DatetimeIndex) and index.tz is not None:
        given.wrong(name, f"its index has the time zone {index.tz}; weeks are days: take it off, .tz_localize(None)")
        return
    days = isinstance(index, pd.DatetimeIndex) and not index.hasnans and (index == index.normalize()).all()
    if not days or not len(index) or (np.diff(index) < np.timedelta64(7, "D")).any():
        message = "its index must be days in order, 7 or more apart (a DatetimeIndex): no week may count twice"
        given.wrong(name, f"{message}; it begins {', '.join(map(str, index[:3]))}")
    for column, values in frame.items():
        if not pd.api.types.is_numeric_dtype(values) or np.isinf(values.to_numpy(float, na_value=np.nan)).any():
            given.wrong(name, f"{named(column)} must hold finite numbers, NaN where a week is skipped")


def _sizes(given: Arguments, figures: pd.DataFrame, n: pd.DataFrame | None) -> pd.DataFrame:
    """The leads behind each figure, NaN where it is not a share."""
    n = pd.DataFrame(index=figures.index) if n is None else n
    for column in [column for column in n if column not in figures][:_SHOWN]:
        given.wrong("n", f"has a column {column!r} that figures have not")
    if not n.index.equals(figures.index):
        given.wrong("n", "must have the weeks of figures, in the same order")
    sizes = n.reindex(index=figures.index, columns=figures.columns)
    for column in sizes.columns[sizes.notna().any()]:
        share, size = figures[column].to_numpy(float), sizes[column].fillna(0).to_numpy(float)
        whole, sizes[column] = share * size, size
        wrong = (size < 0) | (share < 0) | (share > 1) | (np.abs(whole - np.rint(whole)) > 1e-6 * np.maximum(size, 1))
        if wrong.any():
            message = "must be a share of its n: from 0 to 1, and times n a whole number of leads"
            given.wrong(named(column), f"{message}; got {share[wrong][0]:g} of {size[wrong][0]:g}")
    return sizes


def _ways(given: Arguments, figures: pd.DataFrame, only: Any) -> list[Direction | None]:
    """For each stream the direction it alone is watched for, if any."""
    if not isinstance(only, Mapping):
        given.wrong("only", f"must map kinds or columns to 'rise' or 'fall'; got {only!r}")
        return []
    kinds = [column[0] if isinstance(column, tuple) else column for column in figures.columns]
    for key, way in only.items():
        given.one_of(f"only, {named(key)}", way, ("rise", "fall"))
        if key not in {*kinds, *figures.columns, *ONE_WAY}:
            given.wrong("only", f"there is no kind or column {key!r}{did_you_mean(key, map(str, kinds))}")
    return [only.get(column, only.get(kind)) for column, kind in zip(figures.columns, kinds, strict=True)]


# ---------------------------------------------------------------------------------------------------- what comes of it


def _row(weeks: Weeks, family: Family, stream: int, days: pd.DatetimeIndex) -> dict[str, Any]:
    """A row of `StreamWatch.frame`."""
    tests = np.flatnonzero(family.stream == stream)
    known = np.flatnonzero(~np.isnan(weeks.figures[stream]))
    row: dict[str, Any] = {"state": _state(weeks, stream, known), "direction": None}
    row |= {"evidence": np.nan, "bound": np.nan} | dict.fromkeys(_DATES, pd.NaT)
    memory, begin = 0.0, max(len(known) - LATELY, 0)
    ahead = family.evidence[tests] - family.bound[tests, None]
    if len(tests) and not np.isnan(ahead).all():
        passed = ahead >= 0
        # Of two directions that alarmed, the first; of none, the nearer.
        place = int(passed.any(axis=0).argmax()) if passed.any() else -1
        test = tests[ahead[:, place].argmax()]
        row["direction"] = "rise" if family.sign[test] > 0 else "fall"
        row |= {"evidence": math.exp(min(family.evidence[test, -1], _MOST)), "bound": math.exp(family.bound[test])}
        memory = family.memory[test, -1]
        if passed.any():
            onset = family.onset[int(test)]
            row |= dict(zip(_DATES, days[[place, *onset]], strict=True)) | {"state": "alarm"}
            begin = int(np.searchsorted(known, onset[0]))
    return row | _change(weeks, stream, known[:begin], known[begin:]) | {"memory": memory}


def _state(weeks: Weeks, stream: int, known: Ints) -> str:
    """The state of a stream that does not alarm."""
    if not len(known):
        return "empty"
    if len(weeks.number) - known[-1] > LATELY:
        return "ended"
    if len(known) < SHORT or weeks.until[stream] >= len(weeks.number):
        return "learning"
    return "constant" if len(np.unique(weeks.figures[stream, known])) == 1 else "stable"


def _change(weeks: Weeks, stream: int, before: Ints, lately: Ints) -> dict[str, float]:
    """The mean before and lately, and how far they are apart."""
    figures, n = weeks.figures[stream], weeks.n[stream]
    if np.isnan(n).all():
        old, new = (figures[part].mean() if len(part) else np.nan for part in (before, lately))
        half = size = np.nan
        if len(before) > 1 and len(lately):
            error = figures[before].std(ddof=1) * math.sqrt(1 / len(before) + 1 / len(lately))
            # That nothing varied before is no proof that nothing ever does.
            half = float(student.ppf(0.975, len(before) - 1)) * error if np.ptp(figures[before]) else np.nan
        change, low, high = new - old, new - old - half, new - old + half
    else:
        hits, sizes = np.array([((figures * n)[part].sum(), n[part].sum()) for part in (before, lately)]).T
        (old, new), size = np.divide(hits, sizes, out=np.full(2, np.nan), where=sizes > 0), sizes[1]
        # Weeks that differ by more than the luck of their leads are worth fewer leads.
        spread = old * (1 - old)
        apart = (n[before] * (figures[before] - old) ** 2).sum() / spread if spread > 0 else 0.0
        worth = max(apart / max(len(before) - 1, 1), 1.0)
        change, low, high = map(float, newcombe(*zip(hits / worth, sizes / worth, strict=True)))
    found = {"before": old, "lately": new, "change": change, "low": low, "high": high}
    return found | {"n": size, "weeks": len(lately)}


# ----------------------------------------------------------------------------------------------------------- in words


def _lines(alarms: pd.DataFrame) -> Iterator[str]:
    """What changed, a line for each stream that alarms."""
    for column, row in zip(alarms.index, alarms.to_dict("records"), strict=True):
        share, weeks = not math.isnan(row["n"]), counted(row["weeks"], "week")
        style, of = (".1%", f"{row['n']:,.0f} leads in {weeks}") if share else (".3g", weeks)
        change, low, high = (f"{row[name]:+{style}}" for name in ("change", "low", "high"))
        interval = "no interval: weeks before do not vary" if math.isnan(row["low"]) else f"{low} to {high}"
        strength = float(f"{row['evidence'] / row['bound']:.3g}")
        first, since, earliest, latest = (f"{row[name]:%Y-%m-%d}" for name in _DATES)
        yield (
            f"{named(column)}: {row['direction']} since the week of {since} ({earliest} to {latest}), "
            f"{row['before']:{style}} to {row['lately']:{style}} ({change}, {interval}; {of}); an alarm since the "
            f"week of {first}, evidence now {strength:,.9g} times what an alarm takes"
        )


def _headline(frame: pd.DataFrame, last: dt.date) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in frame["state"].value_counts(sort=False).items())
    alarms, watched = int((frame["state"] == "alarm").sum()), int(frame["bound"].notna().sum())
    if not watched:
        return f"No stream is watched yet in the week of {last}: {counts}."
    what = f"{alarms} of {watched} streams changed" if alarms else f"none of {watched} streams changed beyond chance"
    return f"{'Alarm' if alarms else 'Stable'} in the week of {last}: {what} ({counts})."


def _notes(frame: pd.DataFrame, n_weeks: int, reference_weeks: int, horizon_weeks: int, budget: float) -> Iterator[str]:
    """What is claimed, and which streams say nothing."""
    provided = "provided ordinary weeks are alike once season and last week are taken out"
    chance = f"any of these streams alarms within {horizon_weeks} weeks with a chance of at most {budget:.0%}"
    yield f"If nothing changes, {chance}, {provided}."
    if (watched := n_weeks - reference_weeks) > horizon_weeks:
        yield f"{watched} weeks have been watched, more than {horizon_weeks}: a false alarm had more time."
    state, constant, value = frame["state"], frame["state"] == "constant", frame["lately"]
    alike = (
        "The chance of a false alarm is not guaranteed, and evidence is divided, where weeks are alike (autocorrelated)"
    )
    for text, rows in (
        (alike, frame["memory"] > MEMORY_SEEN),
        ("0 in all weeks", constant & (value == 0)),
        ("1 in all weeks", constant & (value == 1)),
        ("The same in all weeks", constant & ~value.isin([0, 1])),
        (f"Not watched yet, fewer than {SHORT} weeks or the reference is not over", state == "learning"),
        (f"Ended, no figure in the latest {LATELY} weeks", state == "ended"),
        ("No figure in any week", state == "empty"),
    ):
        if rows.any():
            yield f"{text}: {_some(frame.index[rows])}."
    if reference_weeks < YEAR:
        yield f"{reference_weeks} reference weeks cannot show seasons, and find small changes later."
    yield "Changes that began before or in the reference weeks are not seen."


def _some(columns: pd.Index[Any]) -> str:
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return ", ".join(repr(named(column)) for column in columns[:_SHOWN]) + more
