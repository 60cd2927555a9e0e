"""What a monitor says at the end of a week: its state in figures and in a sentence."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import t as student

from leadscore.base.text import counted
from leadscore.drift.balance.alarm import FEWEST, MOSTLY, Watch, week_number
from leadscore.drift.balance.attribution import MUCH, fields_of, rule_changes, segment_changes, segment_label
from leadscore.drift.cohorts import YEAR
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import Floats, newcombe
from leadscore.stats.rank_detector import discount, seasons

State = Literal["learning", "stable", "watch", "alarm"]

# Above this, weeks are more autocorrelated than 5 in 6 independent histories are.
_MEMORY_SEEN = 1.0
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
        The week with which it most likely began, and the first and last not ruled out (90 %), whether it came at once
        or rose over up to two years; None unless `watch` or `alarm`.
    evidence, bound : float
        Of all leads or of the MQLs, whichever is nearer to its bound: evidence passes it with an alarm. NaN while
        learning.
    first_verdict : date or None
        While learning, the day on which the first verdict comes if no week is skipped.
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
    first_verdict: dt.date | None
    evidence: float
    bound: float
    memory: float
    figures: pd.DataFrame
    top_rule: str | None
    top_segment: str | None

    def sections(self) -> Iterator[Section]:
        """How large the change is; while learning there is nothing it could be compared with."""
        since = "since" if self.since else f"latest {counted(int(self.figures['weeks'].iloc[0]), 'week')}"
        shown = readable(self.figures, "before", "since", "change").rename(columns={"since": since})
        shown = shown.assign(n=self.figures["n"].to_numpy())
        shown = shown[(shown["n"] > 0) & (self.state != "learning")]
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
    dates = [dt.date.fromisoformat(watch.counted[one]["week"]) for one in place] if place else [None] * 3
    before, since = watch.around(dates[0])
    rule, segment = _outstanding(watch, before, since) if suspected else (None, None)
    week = dt.date.fromisoformat(watch.last["week"])
    missing = dt.timedelta(7 * (watch.reference_weeks - len(watch.counted)) + 6)
    found = BalanceVerdict(
        headline="",
        notes=_notes(watch, memory),
        week=week,
        state=state,
        since=dates[0],
        since_low=dates[1],
        since_high=dates[2],
        first_verdict=week + missing if watch.learning else None,
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
    weeks = [np.array([week_number(week) for week in part]) for part in (before, since)]
    rows = {}
    for name in ("behaviour", "fit", "gap"):
        means = [np.array([_mean(watch, week, name) for week in part]) for part in (before, since)]
        n = sum(week["pool"]["n"] for week in since)
        rows[name] = (*(part.mean() if len(part) else np.nan for part in means), *_change(*weeks, *means), n)
    counts = [watch.carried(part) for part in (before, since)]
    shares = [count / n if n else np.nan for count, n in counts]
    rows["carried"] = (*shares, *map(float, newcombe(*counts)), sum(week["mqls"]["n"] for week in since))
    columns = ["before", "since", "change", "low", "high", "n"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("figure")
    return frame.assign(weeks=len(since)).astype({"n": int})


def _mean(watch: Watch, week: dict[str, Any], name: str) -> float:
    if name == "gap":
        return float(watch.gaps(week)[0])
    return float(week["pool"][name] / 1000 / week["pool"]["n"])


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
    # Without points by rule, all of the change would be what the limits did.
    by_rule = all(week["pool"]["rules"] for week in (*before, *since))
    old, new = ([week["pool"] for week in part] for part in (before, since))
    rules, segments = rule_changes(old, new, spread, watch.rulebook), segment_changes(old, new, spread)
    rule = next(iter(rules.index[rules["named"]]), None) if by_rule else None
    fields = fields_of(old, new, segments)
    # What leads left for a new name, or for none, is no news of its own.
    if fields and fields[0].share >= MUCH:
        return rule, segment_label(fields[0].column, fields[0].new[0], "mix")
    segment = next(iter(segments.index[segments["named"]]), None)
    return rule, None if segment is None else segment_label(*segment)


def _headline(watch: Watch, found: BalanceVerdict, of: str) -> str:
    if found.state == "learning":
        so_far = f"{len(watch.counted)} of {watch.reference_weeks} weeks so far"
        return f"Still learning: {so_far}. The first verdict comes on {found.first_verdict} at the earliest."
    figures = found.figures.to_dict("index")
    carried = figures["carried"]
    mqls = "too few MQLs to say how they qualified"
    if not math.isnan(carried["since"]):
        mqls = f"{carried['since']:.0%} of {carried['n']:,} MQLs needed unusual activity to qualify"
    evidence = f"strength of evidence ({of}) {found.evidence:,.0f}, alarm at {found.bound:,.0f}"
    if found.state == "stable":
        return f"Stable on {found.week}: in the latest {counted(int(carried['weeks']), 'week')} {mqls}; {evidence}."
    what = "behaviour outweighs fit" if found.state == "alarm" else "behaviour may outweigh fit"
    since = f"since the week of {found.since} ({found.since_low} to {found.since_high})"
    points = ", ".join(_points(name, figures[name]) for name in ("behaviour", "fit"))
    causes = [f"rule {found.top_rule!r}"] * bool(found.top_rule)
    causes += [f"segment {found.top_segment}"] * bool(found.top_segment)
    mostly = f"; mostly {' and '.join(causes)}" if causes else ""
    was = "" if math.isnan(carried["since"] + carried["before"]) else f", {carried['before']:.0%} before"
    head = f"{found.state.capitalize()} on {found.week}: {what} {since}: per lead {points}{mostly}; {mqls}{was}"
    first = watch.alarmed["week"] if watch.alarmed and watch.alarmed["week"] != watch.last["week"] else ""
    return f"{head}; {evidence}{f', first passed in the week of {first}' if first else ''}."


def _points(name: str, row: dict[Any, Any]) -> str:
    """The change of points of a side; one that could be none is not said to be one."""
    interval = f"({row['low']:+.2g} to {row['high']:+.2g})"
    if row["low"] <= 0 <= row["high"]:
        return f"no clear change of {name} {interval}"
    return f"{row['change']:+.2g} points of {name} {interval}"


def _notes(watch: Watch, memory: Floats) -> tuple[str, ...]:
    """How often such an alarm is false, and what the verdict cannot know."""
    if watch.learning:
        return _learning(watch)
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
    if watch.silent:
        weeks = f"{counted(len(watch.silent), 'week')} from {min(watch.silent)} to {max(watch.silent)}"
        low = ", ".join(dict.fromkeys(watch.silent.values()))
        said = f"in which {low} gave far fewer points than usual, as when tracking fails"
        notes.append(f"Left out of the reference: {weeks}, {said}.")
    if watch.reference_weeks + len(watch.silent) < YEAR:
        notes.append(f"{watch.reference_weeks} reference weeks cannot show seasons, and small changes are found later.")
    if watch.skipped:
        notes.append(f"Skipped: {counted(len(watch.skipped), 'week')} of fewer than {FEWEST} leads.")
    few = sum(week["mqls"]["n"] < FEWEST for week in watch.counted)
    if not watch.mqls_watched:
        notes.append(f"MQLs are not watched: more than a quarter of the reference weeks have fewer than {FEWEST}.")
    elif few:
        notes.append(f"MQLs are not watched in {few} of {len(watch.counted)} weeks, which have fewer than {FEWEST}.")
    return (*notes, "A busy period across all leads looks like drift while it lasts.")


def _learning(watch: Watch) -> tuple[str, ...]:
    """What to know while the reference is not complete."""
    notes = ["Changes that begin before the last of these weeks are not seen: they count as normal."]
    if watch.skipped:
        notes.append(f"Skipped: {counted(len(watch.skipped), 'week')} of fewer than {FEWEST} leads.")
    few = sum(week["mqls"]["n"] < FEWEST for week in watch.counted)
    if few > (1 - MOSTLY) * len(watch.counted):
        weeks = f"{few:,} of {counted(len(watch.counted), 'week')} {'has' if few == 1 else 'have'} fewer than {FEWEST}"
        notes.append(f"MQLs themselves are watched only if 3 in 4 weeks have {FEWEST} of them: so far {weeks}.")
    return tuple(notes)
