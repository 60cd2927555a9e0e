"""What a monitor says: the detector over the weeks that count, and its state in figures and in a sentence."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import t as student

from leadscore.base.days import day_number
from leadscore.base.text import counted
from leadscore.drift.balance.attribution import rule_changes, segment_changes, segment_label
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.stats.intervals import Floats, newcombe
from leadscore.stats.rank_detector import RankDetector, discount, level, seasons

State = Literal["learning", "stable", "watch", "alarm"]

# Fewer leads than this say nothing about their week: it is skipped, not taken for 0.
_FEWEST = 20
# Less than a year of reference knows no season; after a "new normal" half of one is enough to begin with.
SHORT, YEAR = 26, 52
# What is watched; either may alarm, so the budget for false alarms is shared (union bound): evenly, or not at all where
# too few weeks of the reference have MQLs enough to be watched: theirs would be spent for nothing.
SIDES = ("pool", "mqls")
_MOSTLY = 0.75
# A "watch" is for looking, not for paging: it may come falsely in two of five such spans.
_WATCH_BUDGET = 0.4
# Above this, weeks are more autocorrelated than 5 in 6 independent histories are.
_MEMORY_SEEN = 1.0
# While nothing is suspected, the latest weeks are shown.
LATELY = 8
# How people read the figures: what they are called, and how they are written.
_WORDS = {
    "behaviour": "behaviour, points per lead",
    "fit": "fit, points per lead",
    "gap": "gap, in standard deviations of leads",
    "carried": "MQLs that needed unusual activity to qualify",
}
_FORMS = {"carried": ".1%"} | dict.fromkeys(("weeks", "leads", "mqls"), ",.0f")


@dataclass(frozen=True, eq=False, repr=False)
class BalanceVerdict(Result):
    """What a monitor says at the end of a week; made by `BalanceMonitor.update`.

    Attributes
    ----------
    headline : str
    notes : tuple of str
        How often such an alarm is false, and what this verdict cannot know.
    week : date
        The last week counted.
    state : learning, stable, watch or alarm
        `learning` while the reference is not complete; `watch` says look, `alarm` that behaviour outweighs fit.
    since, since_low, since_high : date or None
        The week with which it most likely began, and the first and last not ruled out (90 %); None unless `watch` or
        `alarm`.
    evidence, bound : float
        Of all leads or of the MQLs, whichever is nearer to its bound: evidence passes it with an alarm. NaN while
        learning.
    memory : float
        By how many standard errors the weeks before are more alike (autocorrelated) than independent ones, 0 to 2.8;
        evidence is divided by exp(memory ** 2 / 2) already.
    figures : DataFrame, index figure
        `behaviour` and `fit` (mean points per lead), `gap` (in standard deviations of leads) and `carried` (share of
        MQLs that needed unusual activity: on their fit and the median behaviour of the reference's MQLs they would not
        qualify): `before`, `since` (the latest 8 weeks unless something is suspected), `change` after allowing for the
        season, its interval `low` to `high` (95 %, by how weeks differ; as if it were known since when), `n` (leads or
        MQLs since), `weeks`.
    top_rule, top_segment : str or None
        What most of the change comes from, if anything stands out.
    """

    headline: str
    notes: tuple[str, ...]
    week: dt.date
    state: State
    since: dt.date | None
    since_low: dt.date | None
    since_high: dt.date | None
    evidence: float
    bound: float
    memory: float
    figures: pd.DataFrame
    top_rule: str | None
    top_segment: str | None

    def sections(self) -> Iterator[Section]:
        """How large the change is."""
        since = "since" if self.since else f"latest {counted(int(self.figures['weeks'].iloc[0]), 'week')}"
        shown = readable(self.figures, "before", "since", "change").rename(columns={"since": since})
        shown = shown.assign(n=self.figures["n"].to_numpy())
        yield Section("figures", "How large the change is, after allowing for the season (95 %)", self.figures, shown)


def readable(figures: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Figures of several kinds, one a row, as text; a change with its sign, and its interval where it has one."""
    rows = []
    for name, row in figures.to_dict("index").items():
        form = _FORMS.get(str(name), ".2f")
        cells = [f"{row[one]:{'+' if one == 'change' else ''}{form}}" for one in columns]
        if not math.isnan(row.get("low", math.nan)):
            cells[-1] += f" ({row['low']:+{form}} to {row['high']:+{form}})"
        known = ["not known" if math.isnan(row[one]) else cell for one, cell in zip(columns, cells, strict=True)]
        rows.append([_WORDS.get(str(name), name), *known])
    return pd.DataFrame(rows, columns=["figure", *columns])


class Watch:
    """The gap of all leads and of MQLs over the weeks that count, and the detector that watches both.

    Attributes
    ----------
    counted : list of weeks, those skipped and those left out by a decision not among them
    skipped : list of weeks with too few leads
    detector : RankDetector or None where no week is watched yet
    alarmed : the first week since the last decision whose evidence passed its bound; None if none did
    """

    def __init__(
        self, rulebook: Rulebook, reference_weeks: int, horizon_weeks: int, budget: float, decisions: Sequence[Any]
    ) -> None:
        self.rulebook, self.horizon_weeks, self.budget = rulebook, horizon_weeks, budget
        self.decisions = decisions
        self.reference_weeks = reference_weeks
        if any(decision["decision"] == "new_normal" for decision in decisions):
            self.reference_weeks = min(SHORT, reference_weeks)
        self.counted: list[dict[str, Any]] = []
        self.skipped: list[dict[str, Any]] = []
        self.detector: RankDetector | None = None
        self.alarmed: dict[str, Any] | None = None
        self.last: dict[str, Any] = {}
        self._path: list[tuple[str, Floats, Floats, Floats]] = []

    @property
    def bounds(self) -> Floats:
        """Logs of the evidence of all leads and of MQLs that makes an alarm."""
        if not self.mqls_watched:
            return np.array([math.log(level(self.horizon_weeks, self.budget)), math.inf])
        return np.full(len(SIDES), math.log(level(self.horizon_weeks, self.budget / len(SIDES))))

    @property
    def mqls_watched(self) -> bool:
        """Whether enough weeks of the reference have MQLs enough."""
        reference = self.counted[: self.reference_weeks]
        return sum(week["mqls"]["n"] >= _FEWEST for week in reference) >= _MOSTLY * len(reference)

    def add(self, week: dict[str, Any]) -> None:
        """Count a week."""
        self.last = week
        if week["pool"]["n"] < _FEWEST:
            self.skipped.append(week)
            return
        if any(_left_out(week, decision) for decision in self.decisions):
            return
        # Evidence before the last decision was settled by it: those weeks are only learned from.
        settled = bool(self.decisions) and week["week"] <= self.decisions[-1]["week"]
        watched = not (self.learning or settled)
        self.counted.append(week)
        if not watched:
            return
        if self.detector is None:
            learned = self.counted[:-1]
            gaps = np.array([self.gaps(week) for week in learned]).T
            self.detector = RankDetector([_number(week) for week in learned], gaps)
        gaps = self.gaps(week)
        self.detector.push(_number(week), gaps)
        evidence = self.detector.log_evidence
        # What is nowhere near a watch need not be looked at more closely.
        memory = self.detector.memory(above=math.log(self.watch_level))
        evidence = evidence - discount(memory)
        self._path.append((week["week"], gaps, evidence, memory))
        if self.alarmed is None and (evidence >= self.bounds).any():
            self.alarmed = week

    @property
    def learning(self) -> bool:
        """Whether the reference is not complete yet."""
        return len(self.counted) < self.reference_weeks

    @property
    def watch_level(self) -> float:
        """The evidence of all leads from which on one should look."""
        return level(self.horizon_weeks, _WATCH_BUDGET)

    @cached_property
    def spread(self) -> dict[str, dict[str, float]]:
        """For each side, the standard deviation of fit and behaviour over the leads of the complete reference."""
        return {side: _spread([week[side] for week in self.counted[: self.reference_weeks]]) for side in SIDES}

    @cached_property
    def median_behaviour(self) -> float:
        """Of the complete reference's MQLs, the median of the weeks' medians; NaN where there are none."""
        sides = [week["mqls"] for week in self.counted[: self.reference_weeks]]
        return float(np.median([side["median_behaviour"] for side in sides if side["n"]] or [math.nan]))

    def gaps(self, week: dict[str, Any]) -> Floats:
        """The gap of all leads and of MQLs; NaN where there are too few, and while learning."""
        if self.learning:
            return np.full(2, math.nan)
        return np.array([gap_of(week[side], self.spread[side]) for side in SIDES])

    def path(self) -> pd.DataFrame:
        """Gap and evidence, by week."""
        learned = self.counted[: len(self.counted) - len(self._path)]
        rows: list[tuple[Any, ...]] = [(week["week"], *self.gaps(week), math.nan, math.nan) for week in learned]
        rows += [(week, *gaps, *np.exp(evidence)) for week, gaps, evidence, _ in self._path]
        columns = ["week", "gap", "mql_gap", "evidence", "mql_evidence"]
        frame = pd.DataFrame(rows, columns=columns).set_index("week")
        return frame.set_axis(pd.DatetimeIndex(frame.index).as_unit("us")).astype(float)

    def now(self) -> tuple[Floats, Floats]:
        """Log evidence after the last week, less memory, and memory; of all leads and of MQLs."""
        if not self._path:
            return np.full(2, np.nan if self.learning else -np.inf), np.zeros(2)
        return self._path[-1][2:]


def _left_out(week: dict[str, Any], decision: dict[str, str]) -> bool:
    if decision["decision"] == "fixed":
        return decision["since"] <= week["week"] <= decision["week"]
    return week["week"] < decision["since"]


def _number(week: dict[str, Any]) -> float:
    """Weeks since 1970."""
    return day_number(dt.date.fromisoformat(week["week"])) / 7


def _spread(sides: list[dict[str, Any]]) -> dict[str, float]:
    n = sum(side["n"] for side in sides)
    found = {}
    for name in ("fit", "behaviour"):
        mean = sum(side[name] for side in sides) / 1000 / n if n else math.nan
        square = math.fsum(side[f"{name}_squared"] for side in sides) / n if n else math.nan
        found[name] = math.sqrt(max(square - mean**2, 0)) if n else math.nan
    return found


def gap_of(side: dict[str, Any], spread: dict[str, float]) -> float:
    """How far behaviour is above fit, in standard deviations of leads; what does not vary adds nothing."""
    if side["n"] < _FEWEST or any(math.isnan(one) for one in spread.values()):
        return math.nan
    means = {name: side[name] / 1000 / side["n"] for name in spread}
    parts = {name: means[name] / one if one > 0 else 0.0 for name, one in spread.items()}
    return parts["behaviour"] - parts["fit"]


def carried(mqls: Sequence[dict[str, Any]], median_behaviour: float) -> tuple[int, int]:
    """How many MQLs would not qualify on their fit and the median behaviour, and how many there are."""
    n = sum(side["n"] for side in mqls)
    if math.isnan(median_behaviour):
        return 0, 0
    needing = [(points, count) for side in mqls for points, count in side["needed"].items() if points != "none"]
    return sum(count for points, count in needing if int(points) > median_behaviour), n


def judged(watch: Watch) -> BalanceVerdict:
    """The verdict after the last week."""
    evidence, memory = watch.now()
    stream = 0 if np.isnan(evidence).all() else int((evidence - watch.bounds).argmax())
    state: State = "learning"
    if not watch.learning:
        looking = bool((evidence >= [math.log(watch.watch_level), watch.bounds[1]]).any())
        state = "alarm" if watch.alarmed is not None else "watch" if looking else "stable"
    suspected = state in {"watch", "alarm"}
    place = watch.detector.onset(stream) if suspected and watch.detector else None
    begin = place[0] if place else max(len(watch.counted) - LATELY, 0)
    before, since = watch.counted[:begin], watch.counted[begin:]
    rule, segment = _outstanding(watch, before, since) if suspected else (None, None)
    dates = [dt.date.fromisoformat(watch.counted[one]["week"]) for one in place] if place else [None] * 3
    found = BalanceVerdict(
        headline="",
        notes=_notes(watch, memory),
        week=dt.date.fromisoformat(watch.last["week"]),
        state=state,
        since=dates[0],
        since_low=dates[1],
        since_high=dates[2],
        evidence=float(np.exp(evidence[stream])),
        bound=float(np.exp(watch.bounds[stream])),
        memory=float(memory[stream]),
        figures=_figures(watch, before, since),
        top_rule=rule,
        top_segment=segment,
    )
    return replace(found, headline=_headline(watch, found, ("all leads", "MQLs")[stream]))


def _figures(watch: Watch, before: list[Any], since: list[Any]) -> pd.DataFrame:
    """`BalanceVerdict.figures`."""
    weeks = [np.array([_number(week) for week in part]) for part in (before, since)]
    rows = {}
    for name in ("behaviour", "fit", "gap"):
        means = [np.array([_mean(watch, week["pool"], name) for week in part]) for part in (before, since)]
        n = sum(week["pool"]["n"] for week in since)
        rows[name] = (*(part.mean() if len(part) else np.nan for part in means), *_change(*weeks, *means), n)
    median = math.nan if watch.learning else watch.median_behaviour
    counts = [carried([week["mqls"] for week in part], median) for part in (before, since)]
    shares = [count / n if n else np.nan for count, n in counts]
    rows["carried"] = (*shares, *map(float, newcombe(*counts)), counts[1][1])
    columns = ["before", "since", "change", "low", "high", "n"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("figure")
    return frame.assign(weeks=len(since)).astype({"n": int})


def _mean(watch: Watch, side: dict[str, Any], name: str) -> float:
    if name == "gap":
        return math.nan if watch.learning else gap_of(side, watch.spread["pool"])
    return float(side[name] / 1000 / side["n"])


def _change(before: Floats, since: Floats, old: Floats, new: Floats) -> tuple[float, float, float]:
    """By how much the mean of the weeks since is above what the season predicts, with its interval (95 %)."""
    harmonics = 2 if len(before) >= YEAR else 0
    waves = seasons(before, harmonics)
    free = len(before) - waves.shape[1]
    if free < 2 or not len(since) or np.isnan([*old, *new]).any():
        return math.nan, math.nan, math.nan
    inverse = np.linalg.inv(waves.T @ waves)
    fitted = inverse @ waves.T @ old
    there = seasons(since, harmonics).mean(axis=0)
    change = float(new.mean() - there @ fitted)
    variance = float(((old - waves @ fitted) ** 2).sum() / free * (1 / len(since) + there @ inverse @ there))
    half = float(student.ppf(0.975, free)) * math.sqrt(variance)
    return change, change - half, change + half


def _outstanding(watch: Watch, before: list[Any], since: list[Any]) -> tuple[str | None, str | None]:
    """The rule and the segment that most of the change comes from, where one stands out."""
    spread = watch.spread["pool"]
    if min(spread.values()) == 0:
        return None, None
    # Without points by rule, all of the change would be what the limits did.
    by_rule = all(week["pool"]["rules"] for week in (*before, *since))
    old, new = ([week["pool"] for week in part] for part in (before, since))
    rules, segments = rule_changes(old, new, spread, watch.rulebook), segment_changes(old, new, spread)
    rule = next(iter(rules.index[rules["named"]]), None) if by_rule else None
    segment = next(iter(segments.index[segments["named"]]), None)
    return rule, None if segment is None else segment_label(*segment)


def named(rulebook: Rulebook) -> str:
    """A rulebook's name and version, for messages."""
    return f"{rulebook.name!r} {rulebook.version}" if rulebook.version else repr(rulebook.name)


def _headline(watch: Watch, found: BalanceVerdict, of: str) -> str:
    if found.state == "learning":
        return f"Still learning: {len(watch.counted)} of {watch.reference_weeks} weeks so far. No verdict until then."
    figures = found.figures.to_dict("index")
    carried_ = figures["carried"]
    mqls = "too few MQLs to say how they qualified"
    if carried_["n"]:
        mqls = f"{carried_['since']:.0%} of {carried_['n']:,} MQLs needed unusual activity to qualify"
    evidence = f"strength of evidence ({of}) {found.evidence:,.0f}, alarm at {found.bound:,.0f}"
    if found.state == "stable":
        return f"Stable on {found.week}: in the latest {counted(int(carried_['weeks']), 'week')} {mqls}; {evidence}."
    what = "behaviour outweighs fit" if found.state == "alarm" else "behaviour may outweigh fit"
    since = f"since the week of {found.since} ({found.since_low} to {found.since_high})"
    points = ", ".join(
        f"{row['change']:+.2g} points of {name} ({row['low']:+.2g} to {row['high']:+.2g})"
        for name, row in figures.items()
        if name in ("behaviour", "fit")
    )
    causes = [f"rule {found.top_rule!r}"] * bool(found.top_rule)
    causes += [f"segment {found.top_segment}"] * bool(found.top_segment)
    mostly = f"; mostly {' and '.join(causes)}" if causes else ""
    was = f", {carried_['before']:.0%} before" if carried_["n"] and not math.isnan(carried_["before"]) else ""
    head = f"{found.state.capitalize()} on {found.week}: {what} {since}: {points} per lead{mostly}; {mqls}{was}"
    first = watch.alarmed["week"] if watch.alarmed and watch.alarmed["week"] != watch.last["week"] else ""
    return f"{head}; {evidence}{f', first passed in the week of {first}' if first else ''}."


def _notes(watch: Watch, memory: Floats) -> tuple[str, ...]:
    """How often such an alarm is false, and what the verdict cannot know."""
    claim = (
        f"If nothing changes, an alarm comes within {watch.horizon_weeks} weeks with a chance of at most "
        f"{watch.budget:.0%} (assumes that ordinary weeks are alike once season and last week are allowed for)."
    )
    if memory.max() > _MEMORY_SEEN:
        claim = (
            f"The false-alarm rate cannot be guaranteed here: weeks are autocorrelated over months, {memory.max():.1f} "
            f"standard errors more than independent ones; evidence was divided by "
            f"{math.exp(discount(memory.max())):,.0f} for it."
        )
    notes = [claim, "Changes that began before the reference weeks are not seen."]
    if watch.reference_weeks < YEAR:
        notes.append(f"{watch.reference_weeks} reference weeks cannot show seasons, and small changes are found later.")
    if watch.skipped:
        notes.append(f"Skipped: {counted(len(watch.skipped), 'week')} of fewer than {_FEWEST} leads.")
    few = sum(week["mqls"]["n"] < _FEWEST for week in watch.counted)
    if not (watch.learning or watch.mqls_watched):
        notes.append(f"MQLs are not watched: more than a quarter of the reference weeks have fewer than {_FEWEST}.")
    elif few:
        notes.append(f"MQLs are not watched in {few} of {len(watch.counted)} weeks, which have fewer than {_FEWEST}.")
    return (*notes, "A busy period across all leads looks like drift while it lasts.")
