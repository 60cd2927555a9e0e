"""`evidence`: what outcomes say of each rule, of each entry of its table, and of what is asked of a lead."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.errors import ArgumentError
from leadscore.learn.rows.snapshots import Snapshots
from leadscore.learn.rules.activations import SidedRule, barred, entries, fired
from leadscore.learn.rules.learnable import check_learnable
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import thousandths
from leadscore.scoring.scores import points_by_rule
from leadscore.scoring.timeline import bound_at
from leadscore.stats.intervals import Floats, holm, ratio
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.stats.score_tests import NOTHING, Adjusted, Sample, adjusted, odds_scale, times_needed
from leadscore.tables.tables import Tables

SUPPORTED, HARMFUL, UNSUPPORTED = "supported", "harmful", "unsupported"
TOO_LITTLE, NEVER, NO_DIFFERENCE = "too little data", "never fires", "makes no difference"
_COUNTED = {TOO_LITTLE: "with too little data", NEVER: "that never fired", NO_DIFFERENCE: "that made no difference"}
# The smallest odds ratio that is worth a rule, however few points it gives.
_MATTERS = 1.5
_WHOLE = "each of its points"
_SHOWN = ["points", "n", "rate", "rate_low", "rate_high", "rate_without", "rate_without_low", "rate_without_high"]
_SHOWN += ["worth", "worth_low", "worth_high", "p_corrected", "more_leads"]


@dataclass(frozen=True, eq=False, repr=False)
class Evidence(Result):
    """What outcomes say of the rules; made by `evidence`.

    Attributes
    ----------
    frame : DataFrame, one row per rule, entry of a table, required column, `never` entry and minimum fit
        `part`, `rule`, `entry`, `points` (as they stand in the file), `n` rows on which it fires, `share` of all rows
        with `share_low`, `share_high`; `reached` of the `n`, `rate` with `rate_low`, `rate_high`, and of the other rows
        `rate_without` with `rate_without_low`, `rate_without_high`; `rate_ratio` (rate / rate without) with
        `rate_ratio_low`, `rate_ratio_high`; `claimed` (points more than the rule gives other leads, on average), and
        adjusted for the other rules: `effect` (log odds) with `effect_low`, `effect_high`, `worth` (the same in points)
        with `worth_low`, `worth_high`, `p`, `p_corrected` (Holm), `verdict`, and where there is too little data
        `more_leads` and `more_reached` that it takes.
    notes : tuple of str
        What to know before it is believed.
    n, n_leads, reached : int
        The rows of known outcome, of how many leads, and how many of them reached the stage.
    points_to_double : float
        How many points of the rulebook's total double the odds; NaN if more points go with no more outcomes.
    stage, within_days, confidence
        What a lead had to reach, in how many days, and the level of the intervals.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    n: int
    n_leads: int
    reached: int
    points_to_double: float
    stage: str
    within_days: int
    confidence: float

    @property
    def headline(self) -> str:
        """How many rules have each verdict, and by how many rows."""
        counts = self.frame["verdict"].value_counts(sort=False)
        verdicts = ", ".join(f"{count:,} {_COUNTED.get(str(verdict), verdict)}" for verdict, count in counts.items())
        rows = f"{self.reached:,} of {self.n:,} rows reached {self.stage} within {self.within_days} days"
        leads = "" if self.n_leads == self.n else f" ({counted(self.n_leads, 'lead')})"
        return f"{verdicts or 'There is no rule'}. By outcomes: {rows}{leads}."

    def sections(self) -> Iterator[Section]:
        """A row for each rule and entry."""
        if not len(self.frame):
            return
        frame = self.frame
        part = frame["part"].where(frame["part"].isin(["required", "never"]), "")
        shown = frame[["verdict", *_SHOWN]].rename(columns={"p_corrected": "p"})
        entry = (": " + frame["entry"]).where(frame["entry"] != "", "")
        shown.insert(1, "rule", (part + " " + frame["rule"] + entry).str.strip())
        shown["more_leads"] = shown["more_leads"].map("{:.1e}".format).astype(float)
        formats = {"points": "+g", "rate_without": ".1%", "worth": "+.1f", "more_leads": ",.0f"}
        few = (frame["verdict"] == TOO_LITTLE).any()
        notes = ("More leads: about how many more would settle it, where there is too little data.",) if few else ()
        title = f"Each rule, with {self.confidence:.0%} intervals (worth in points, adjusted for the other rules)"
        yield Section("frame", title, frame, shown, notes, formats)


def evidence(rulebook: Rulebook, snapshots: Snapshots, *, confidence: float = 0.95) -> Evidence:
    """Say of each rule whether results support it: how often it fires, what came of it, and what is its own part.

    Each entry of a points table or of `from` is judged by itself, against all other leads: `Seniority: VP` with 25
    points claims that VPs are better than the others by 25 less what the rule gives those on average. The rule as a
    whole is judged too, by what each of its points is worth. The same is asked of every required column (is a lead
    without it really worse?), every `never` entry, and the minimum fit.

    Parameters
    ----------
    rulebook : Rulebook
    snapshots : Snapshots
    confidence : float
        Of the intervals; and 1 - confidence is the chance that any verdict "supported" or "harmful" is a false alarm.

    Returns
    -------
    Evidence
        A verdict each: **supported** (an effect with the sign of what is claimed), **harmful** (against it; of a
        required column: leads without it are better), **unsupported**
        (none shown, though the effect that its points claim, and at least odds times 1.5, would have been seen with a
        chance of 80 %), **too little data** (it would not), **never fires**, and **makes no difference** (all leads get
        the same from it).

    Raises
    ------
    ArgumentError
        For an invalid argument, or if no outcome is known or all are the same.
    ContractError
        If the tables lack a column the rulebook uses.

    Notes
    -----
    The effect is that of one logistic regression over the activations of all rules (fired or not, whatever limits take
    away), with a ridge of 0.1 that is felt only where nobody or everybody converts. A required column is beside the
    rules that do not look at it, the minimum fit beside the behaviour rules. Where leads have several rows, standard
    errors are robust to it, and Wilson intervals count as many rows as would tell as much if leads had one each. p is
    that of a score test with saddlepoint tails, corrected by Holm over all that is tested. Intervals are not corrected.
    No effect is a cause: sales may have called some leads only because of the rule.

    Of 1,000 simulated sets of 1,500 leads without any effect, 4.5 % had a verdict supported or harmful with 60 outcomes
    each, 2.8 % with 15.

    References
    ----------
    Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70. The interval of the rate ratio is the `ratio` of
    two Wilson intervals. Liang, K.-Y. and Zeger, S. L. (1986), Biometrika 73, 13-22. For the test and the power see
    `leadscore.stats.score_tests`.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: US}, points: 10}]
    ... qualify: {threshold: 10}
    ... ''')
    >>> leads = pd.DataFrame({"lead_id": range(400), "country": ["US", "FR"] * 200})
    >>> won = [number for number in range(400) if number % (4 if number % 2 else 10) == 0 or number % 8 == 1]
    >>> outcomes = pd.DataFrame({"lead_id": won, "stage": "won", "at": "2026-01-20"})
    >>> tables = ls.load_tables(leads, None, outcomes, observed_until="2026-03-31")
    >>> y = ls.label(tables, stage="won", as_of="2026-01-01", within_days=30)
    >>> index = pd.MultiIndex.from_product([range(400), [pd.Timestamp("2026-01-01")]], names=["lead_id", "as_of"])
    >>> day = np.full(400, 20454)
    >>> snapshots = Snapshots(
    ...     leads.set_index(index), y.set_axis(index), {}, tables, np.arange(400, dtype=np.int32), day, "won", 30,
    ...     tables.observed_until, False,
    ... )
    >>> evidence(rulebook, snapshots).frame[["rule", "n", "reached", "rate", "rate_without", "verdict"]]
              rule    n  reached  rate  rate_without          verdict
    0  Home market  200       40   0.2          0.25  too little data
    """
    with Arguments("evidence") as given:
        given.types(rulebook=(rulebook, Rulebook), snapshots=(snapshots, Snapshots))
        if isinstance(rulebook, Rulebook):
            check_learnable(rulebook)
        given.probability("confidence", confidence)
    known = KnownRows.of(snapshots)
    study = _Study(rulebook, snapshots.tables, known)
    sample, z = study.sample, NormalDist().inv_cdf((1 + confidence) / 2)
    scale = odds_scale(sample, study.total)
    # Where more points go with no more outcomes, no effect can be said in points.
    per_point = scale.effect if scale.effect > z * scale.error else math.nan
    asked = list(study.questions())
    found = [NOTHING if one.others is None else adjusted(sample, one.others, one.column) for one in asked]
    corrected = holm([one.p for one in found])
    tests = int(np.sum(~np.isnan(corrected)))
    level = (1 - confidence) / max(tests, 1)
    rows = []
    for one, result, p in zip(asked, found, corrected, strict=True):
        verdict, times = _verdict(one, result, p, np.nan_to_num(per_point), level, 1 - confidence)
        more = {"more_leads": times * sample.n_leads, "more_reached": times * float(sample.outcome.sum())}
        figures = one.counts(sample, confidence) | _effects(one, result, per_point, z)
        rows.append(figures | {"p_corrected": p, "verdict": verdict} | {name: np.ceil(n) for name, n in more.items()})
    return Evidence(
        pd.DataFrame(rows, columns=None if rows else ["rule", "verdict"]),
        (*known.notes, *study.notes(), *_on_scale(scale, per_point, z, tests, confidence), *snapshots.notes),
        len(sample.outcome), sample.n_leads, int(sample.outcome.sum()), math.log(2) / per_point,
        snapshots.stage, snapshots.within_days, float(confidence),
    )  # fmt: skip


@dataclass(frozen=True)
class KnownRows:
    """The rows of known outcome; `notes` say how many others there are."""

    lead: npt.NDArray[np.int32]
    day: npt.NDArray[np.int64]
    outcome: Floats
    notes: list[str]

    @classmethod
    def of(cls, snapshots: Snapshots) -> KnownRows:
        """Those of snapshots in which there is something to compare."""
        known = np.flatnonzero(snapshots.y.notna().to_numpy())
        outcome, n = snapshots.y.iloc[known].to_numpy(np.float64), len(snapshots.y)
        if len(np.unique(outcome)) < 2:
            said = f"the {len(known):,} known outcomes are all {outcome.all()}" if len(known) else "no outcome is known"
            raise ArgumentError("snapshots", f"{said} of {n:,}: there is nothing to compare")
        notes = [f"Not counted, still undecided: {counted(n - len(known), 'row')}."] if n > len(known) else []
        return cls(snapshots.lead[known], snapshots.day[known], outcome, notes)


@dataclass(frozen=True)
class _Question:
    """Something to judge.

    Attributes
    ----------
    fires : (n_rows,) bool
    column : (n_kinds,) what is tested, 0 where it does not fire
    others : (n_kinds, n_others) what it is adjusted for; None if there is nothing to test
    claimed : float
        The sign is the claim: what the points say, or below 0 that such leads are worse.
    in_points : bool
        Whether the claim is one of points.
    unit : float
        How many points the column counts as 1, where it is the rule's points.
    """

    part: str
    rule: str
    entry: str
    points: float
    fires: Mask
    column: Floats
    others: Floats | None
    claimed: float
    in_points: bool = True
    unit: float = 1.0

    def counts(self, sample: Sample, confidence: float) -> dict[str, Any]:
        """How often it fires, and what came of leads with it and without."""
        everyone = Sample(self.fires.astype(np.float64), sample.lead, sample.kind)
        _, n, share, *ends = everyone.share(np.ones(len(self.fires), bool), confidence)
        _, reached, rate, low, high = sample.share(self.fires, confidence)
        _, _, without, without_low, without_high = sample.share(~self.fires, confidence)
        times, times_low, times_high = map(float, ratio((rate, low, high), (without, without_low, without_high)))
        return {
            "part": self.part, "rule": self.rule, "entry": self.entry, "points": self.points,
            "n": n, "share": share, "share_low": ends[0], "share_high": ends[1],
            "reached": reached, "rate": rate, "rate_low": low, "rate_high": high,
            "rate_without": without, "rate_without_low": without_low, "rate_without_high": without_high,
            "rate_ratio": times, "rate_ratio_low": times_low, "rate_ratio_high": times_high,
        }  # fmt: skip


def _effects(one: _Question, found: Adjusted, per_point: float, z: float) -> dict[str, float]:
    effect, reach = found.effect / one.unit, z * found.error / one.unit
    ends = {"": effect, "_low": effect - reach, "_high": effect + reach}
    return {
        "claimed": one.claimed if one.in_points else math.nan,
        **{f"effect{end}": value for end, value in ends.items()},
        **{f"worth{end}": value / per_point for end, value in ends.items()},
        "p": found.p,
    }


def _verdict(  # noqa: PLR0913, PLR0917 - one row, from every side
    one: _Question, found: Adjusted, p: float, per_point: float, level: float, significant: float
) -> tuple[str, float]:
    """The verdict, and how many times the rows here would be needed on top, where there is too little data."""
    n, none = int(one.fires.sum()), math.nan
    if n in {0, len(one.fires)} or one.others is None:
        return NO_DIFFERENCE if n else NEVER, none
    if p < significant:
        return SUPPORTED if found.z * one.claimed > 0 else HARMFUL, none
    worth_seeing = max(abs(one.claimed) * per_point * one.unit * one.in_points, math.log(_MATTERS))
    times = times_needed(found, math.copysign(worth_seeing, one.claimed), level)
    return (UNSUPPORTED, none) if times <= 1 else (TOO_LITTLE, times - 1)


def _on_scale(scale: Adjusted, per_point: float, z: float, tested: int, confidence: float) -> Iterator[str]:
    yield (
        f"{counted(tested, 'effect')} tested: p is corrected for that (Holm), so the chance of any false alarm among "
        f"them is {1 - confidence:.2g}. Intervals are not corrected."
    )
    low, high = scale.effect - z * scale.error, scale.effect + z * scale.error
    if np.isnan(per_point):
        shown = f"{10 * scale.effect:+.2f} log odds ({10 * low:+.2f} to {10 * high:+.2f}) for 10 points"
        yield f"More points do not clearly go with more outcomes, {shown}: effects are not given in points."
    else:
        double, ends = math.log(2) / scale.effect, (math.log(2) / high, math.log(2) / low)
        yield f"{double:.3g} points ({ends[0]:.3g} to {ends[1]:.3g}) double the odds: worth in points is on that scale."


class _Study:
    """The rows, and where everything fires on them."""

    def __init__(self, rulebook: Rulebook, tables: Tables, known: KnownRows) -> None:
        scored = bound_at(rulebook, tables, known.lead, known.day)
        self.total = scored.fit + scored.behaviour
        self.points = points_by_rule(scored)
        self.entries = entries(rulebook)
        self.rules: dict[str, list[int]] = {}
        for index, entry in enumerate(self.entries):
            self.rules.setdefault(entry.rule, []).append(index)
        asked: list[SidedRule] = [(entry.section, entry.alone) for entry in self.entries]
        # What else is judged: its part, rule and entry, and the rules it is beside.
        self.claims: list[tuple[str, str, str, list[str]]] = []
        for name in (name for name, column in rulebook.columns.items() if column.required != "no"):
            looking = {entry.rule for entry in self.entries if entry.section == "fit" and name in entry.reads}
            self.claims.append(("required", name, "missing", [rule for rule in self.rules if rule not in looking]))
            asked.append(("fit", {"when": {name: {"known": False}}, "points": 1}))
        for never in rulebook.to_dict()["qualify"].get("never", []):
            self.claims.append(("never", never["name"], "", list(self.rules)))
            asked.append(barred(never))
        self.fires = fired(rulebook, asked, tables, known.lead, known.day)
        if (minimum := rulebook.qualify.minimum_fit) is not None:
            behaviour = dict.fromkeys(entry.rule for entry in self.entries if entry.section == "behaviour")
            self.claims.append(("minimum_fit", "Minimum fit", f"below {minimum:g}", list(behaviour)))
            self.fires = np.column_stack([self.fires, scored.fit < thousandths(minimum)])
        packed = np.packbits(self.fires, axis=1)
        _, self.first, kind = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        self.sample = Sample(known.outcome, known.lead, kind.reshape(-1))
        self.on = self.fires[self.first].astype(np.float64)

    @cached_property
    def columns(self) -> dict[str, Floats]:
        """For each rule the columns of its entries, without one where some entry always fires."""
        everywhere = np.ones(len(self.on), bool)
        return {rule: self.on[:, self._apart(inside, everywhere)] for rule, inside in self.rules.items()}

    def _apart(self, inside: list[int], where: Mask) -> list[int]:
        """Entries that fire, less the most frequent one if on some kinds of rows one of them always does."""
        weight = self.sample.weight
        rows = {entry: float(weight @ self.on[:, entry]) for entry in inside}
        kept = [entry for entry in inside if rows[entry]]
        if kept and not weight[(self.on[:, kept].sum(axis=1) == 0) & where].any():
            kept.remove(max(kept, key=rows.__getitem__))
        return kept

    def beside(self, rules: list[str]) -> Floats:
        """The columns of some rules."""
        return np.column_stack([np.zeros((len(self.on), 0)), *(self.columns[rule] for rule in rules)])

    def questions(self) -> Iterator[_Question]:
        """Everything that is judged, in the order of the file."""
        for rule, inside in self.rules.items():
            others = self.beside([other for other in self.rules if other != rule])
            for index in inside:
                yield self._entry(index, [other for other in inside if other != index], others)
            given = self.points[rule].to_numpy()
            spread = float(given.std())
            if self.fires[:, inside].any(axis=0).sum() > 1 and spread > 0:
                side, column = self.entries[inside[0]].section, given[self.first] / spread
                yield _Question(side, rule, _WHOLE, math.nan, given != 0, column, others, 1.0, unit=spread)
        for place, (part, rule, entry, beside) in enumerate(self.claims, len(self.entries)):
            fires = self.fires[:, place]
            tested = self.beside(beside) if 0 < fires.sum() < len(fires) else None
            yield _Question(part, rule, entry, math.nan, fires, self.on[:, place], tested, -1.0, in_points=False)

    def _entry(self, index: int, rest: list[int], others: Floats) -> _Question:
        """An entry against all other leads: what they get from the rule's other entries counts by how many they are."""
        entry, fires, column = self.entries[index], self.fires[:, index], self.on[:, index]
        given, claimed, beside = self.points[entry.rule].to_numpy(), 0.0, None
        if fires.any() and not fires.all():
            claimed = float(given[fires].mean() - given[~fires].mean())
        if abs(claimed) < 1e-9:
            claimed = 0.0
        else:
            kept = self._apart(rest, column == 0)
            shares = self.sample.weight @ self.on[:, kept] / (self.sample.weight @ (1 - column))
            beside = np.column_stack([others, self.on[:, kept] + column[:, None] * shares])
        return _Question(entry.section, entry.rule, entry.entry, entry.stated, fires, column, beside, claimed)

    def notes(self) -> Iterator[str]:
        """What the rows say about the figures."""
        if self.sample.repeated:
            yield "Some leads have rows on several days, which are alike: intervals and p allow for that."
        twins: dict[bytes, list[str]] = {}
        for index, entry in enumerate(self.entries):
            if self.fires[:, index].any():
                twins.setdefault(self.on[:, index].tobytes(), []).append(entry.name)
        for names in twins.values():
            if len(names) > 1:
                yield f"{' and '.join(names)} fire on the same leads: their effects cannot be told apart."
