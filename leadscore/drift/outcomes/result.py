"""What became of scored leads by period, beside the first periods, and how it is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leadscore.base.groups import ALL
from leadscore.base.text import counted
from leadscore.drift.outcomes.by_period import SURE
from leadscore.drift.outcomes.label_arrivals import Arrivals
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import poisson
from leadscore.stats.rank_detector import MEMORY_SEEN

# Groups that sentences name, and the standard errors from which labels are late.
_NAMED, _LATE = 5, 1.96
_TITLES = {
    "changes": "The reference beside all leads since, with 95 % intervals that hold however often you look",
    "ages": "How soon outcomes of recently scored leads came, with 95 % intervals (Poisson)",
    "ranking": "How well the score ranks, with 95 % intervals (DeLong)",
    "relations": "How well each attribute ranks by itself, with 95 % intervals (DeLong)",
    "responses": "Response times, with 95 % intervals",
    "known": "Up to when each part can know",
    "arrivals": "Outcomes by the week in which they arrived",
    "rates": "Shares by period, with 95 % intervals that hold however often you look",
}
_SHOWN = {
    "changes": ["n_reference", "share_reference", "n", "share", "low", "high", "expected", "change", "p"],
    "ranking": ["n", "events", "auc", "low", "high", "change", "change_low", "change_high", "p", "reason"],
    "relations": ["n", "events", "auc", "low", "high", "p", "flipped"],
    "arrivals": ["reached", "expected", "ratio"],
    "rates": ["n", "reached", "share", "low", "high", "expected", "p"],
}
_SHARES = {"share_reference": ".1%", "expected": ".1%", "change": "+.1%"}
_FORMATS = {"changes": _SHARES, "rates": _SHARES, "responses": _SHARES}


@dataclass(frozen=True, eq=False, repr=False)
class OutcomeDrift(Result):
    """What became of scored leads, by period; made by `outcome_drift`.

    Attributes
    ----------
    state : stable, watch, alarm, learning, or "" where labels could not be watched as they arrive
        Of that alone; the other parts are in `notes`.
    headline : str
        Whether labels arrive as predicted.
    notes : tuple of str
        What changed, how late each part can know, and what could not be looked at.
    rates : DataFrame, index (measure, by, group, period)
        Of leads whose outcome is known: `n`, `reached`, `share` with `low`, `high` (95 %, however often looked at),
        `expected` (the share that their scores predict; of the outcome itself) and, of periods after the reference,
        `p` beside the same group there: it holds at any look, and is corrected by Holm, for all leads over periods, for
        groups over all of them and periods. `measure` is worked, sal and the stage asked for; `by` is (all), score or a
        column.
    changes : DataFrame, index (measure, by, group)
        The same of the reference (`n_reference`, ...) beside all leads since; `change` is the difference of shares.
    arrivals : DataFrame, index week
        `reached` (outcomes that came), `expected`, `ratio`, the figures watched and their evidence: `Arrivals.weeks`.
    ages : DataFrame, index days
        How soon outcomes of recently scored leads came, as in `Arrivals.ages`.
    ranking : DataFrame, index period, the first row the reference
        `n`, `events`, `auc` with `low`, `high` (95 %, DeLong); `change` beside the reference with `change_low`,
        `change_high`, `p` (corrected over periods by Holm); `reason`, where there is none.
    relations : DataFrame, index (attribute, period)
        The same of each attribute alone, corrected over all of them, and whether it `flipped`: ranks the other way
        round than in the reference, by both intervals.
    responses : DataFrame, index period: reference and since
        Response times of MQLs: `n`, `contacted`, `waiting`, `median` in minutes with `median_low`, `median_high`, the
        `share` answered in the time agreed (in 24 hours, if none is) with `low`, `high`; of since also `change` with
        `change_low`, `change_high`, and `p`. All intervals are of 95 %.
    known : DataFrame, index part
        `until`: up to when leads were scored, or weeks ended, that each part can know of.
    """

    state: str
    headline: str
    notes: tuple[str, ...]
    rates: pd.DataFrame
    changes: pd.DataFrame
    ranking: pd.DataFrame
    relations: pd.DataFrame
    arrivals: pd.DataFrame
    ages: pd.DataFrame
    responses: pd.DataFrame
    known: pd.DataFrame

    def sections(self) -> Iterator[Section]:
        """Each of its tables that is not empty."""
        for name, title in _TITLES.items():
            frame = getattr(self, name)
            if len(frame):
                columns = [column for column in _SHOWN.get(name, frame.columns) if column in frame]
                yield Section(name, title, frame, frame[columns], formats=_FORMATS.get(name, {"change": "+.2f"}))


# ---------------------------------------------------------------------------------------------------------- in words


def of_rates(changes: pd.DataFrame, within_days: int, until: dt.date, reference_end: dt.date) -> Iterator[str]:
    """What changed since the reference, and of which leads that can be known."""
    fewer_worked = False
    for measure in changes.index.unique("measure"):
        rows = changes[changes.index.get_level_values("measure") == measure]
        row = rows.loc[(measure, ALL, ALL)]
        if not row["n"] or not row["n_reference"]:
            before = f"{row['n_reference']:,.0f} leads in the reference"
            yield f"{measure}: {before} and {row['n']:,.0f} since: too few to compare."
            continue
        yield _rate(measure, row)
        fell = row["p"] <= SURE and row["change"] < 0
        if fell and fewer_worked:
            yield f"The share worked fell too, which alone can make {measure} fall: the score need not be the cause."
        fewer_worked |= fell and measure == "worked"
        parts = rows[(rows.index.get_level_values("by") != ALL) & (rows["p"] <= SURE)].sort_values("p", kind="stable")
        for place, part in parts.iloc[:_NAMED].iterrows():
            yield _rate(", ".join(map(str, place)), part)
        new = rows[(rows["n_reference"] == 0) & (rows["n"] > 0)].sort_values("n", ascending=False, kind="stable")
        for place, part in new.iloc[:_NAMED].iterrows():
            yield f"{', '.join(map(str, place))}: {_share(part)} since, none in the reference: too few to compare."
    if some := changes["p"].count():
        tests = f"The p-values of {some} rates hold however often you look"
        yield f"{tests}; those of groups are corrected for how many groups each measure has (Holm)."
    last = f"up to {until - dt.timedelta(within_days)}: newer ones have no {within_days}-day outcome by {until}"
    yield f"Rates and ranks are of leads scored {last}. The reference is those up to {reference_end}."


def _share(row: pd.Series[Any], side: str = "") -> str:
    share, low, high, n = (row[f"{part}{side}"] for part in ("share", "low", "high", "n"))
    return f"{share:.1%} ({low:.1%} to {high:.1%}) of {n:,.0f} leads"


def _rate(name: str, row: pd.Series[Any]) -> str:
    told = "no change seen" if row["p"] > SURE else "fell" if row["change"] < 0 else "rose"
    expected = "" if pd.isna(row["expected"]) else f", where their scores predict {row['expected']:.1%}"
    figures = f"{_share(row, '_reference')} in the reference, {_share(row)} since{expected}"
    return f"{name}: {told}: {figures}; p = {row['p']:.2g}."


def of_arrivals(found: Arrivals, within_days: int, until: dt.date) -> Iterator[str]:
    """Whether labels arrive as predicted, and whether delay explains it."""
    if found.reason:
        yield f"Outcomes cannot be watched as they arrive: {found.reason}."
        return
    looked = f"Outcomes as they arrive, up to {found.until}, about {found.weeks['expected'].mean():.1f} a week"
    strength = float(f"{found.evidence:.3g}")
    evidence = f"strength of evidence for a {found.side} {strength:,.9g} (alarm at {found.bound:,.0f})"
    if found.onset is None:
        later = found.weeks[found.weeks["evidence_fall"].notna()]
        count = f"{later['reached'].sum():,} came since the reference, {later['expected'].sum():,.0f} were predicted"
        yield f"{looked}: no change seen; {count}; {evidence}."
    else:
        since, low, high = found.onset
        sure = f"{'have' if found.state == 'alarm' else 'may have'} {'fallen' if found.side == 'fall' else 'risen'}"
        came, let = found.ages["reached"].sum(), found.ages["expected"].sum()
        ratio = f"of leads scored from {low} on, {came:,} came by now and {let:,.1f} were predicted"
        if let > 0:
            ends = " to ".join(f"{end / let:.2f}" for end in poisson(came))
            ratio += f" ({came / let:.2f} times, {ends})"
        if found.passed and found.evidence < found.bound:
            evidence += f"; it first alarmed in the week of {found.passed}"
        yield f"{looked}: they {sure} since the week of {since} ({low} to {high}): {ratio}; {evidence}."
        yield _delay(found, since + dt.timedelta(within_days + 7), until)
    if found.memory > MEMORY_SEEN:
        alike = f"by {found.memory:.1f} standard errors more than independent ones"
        yield f"The false-alarm rate cannot be guaranteed: neighbouring weeks are alike (autocorrelated), {alike}."
    scale, low_scale, high_scale = found.scale
    if low_scale > 1 or high_scale < 1:
        times = f"{scale:.2f} times ({low_scale:.2f} to {high_scale:.2f}) as many outcomes came as the scores predict"
        yield f"In the reference {times}; changes are measured from there."


def _delay(found: Arrivals, known_on: dt.date, until: dt.date) -> str:
    late, wait = found.late, f"for the leads of that week it is known on {known_on}"
    if known_on <= until:
        wait = "the shares by period have the leads whose days have passed"
    if pd.isna(late):
        return f"Whether they only come later is not known yet: {wait}."
    if abs(late) > _LATE and (late > 0) == (found.side == "fall"):
        came, may = ("later", "slower, not fewer") if late > 0 else ("sooner", "faster, not more")
        return f"Outcomes came {came} than before ({abs(late):.1f} standard errors): they may be {may}; {wait}."
    return f"Outcomes took as long as before ({late:+.1f} standard errors), so delay hardly explains it; {wait}."


def of_ranking(ranks: pd.DataFrame) -> Iterator[str]:
    """How well the score ranks, and in which periods it lost that."""
    before, later = ranks.loc["reference"], ranks.drop(index="reference")
    if pd.isna(before["auc"]):
        yield f"Ranks: the reference has no AUC: {before['reason']}."
        return
    known, reference = later[later["auc"].notna()], f"AUC {_auc(before)} in the reference"
    if not len(known):
        yield f"Ranks: {reference}; no period since has one."
        return
    lost = known[(known["p"] <= SURE) & (known["change"] < 0)]
    last = f"{_auc(known.iloc[-1])} in {known.index[-1]:%Y-%m-%d}"
    of = f"{len(lost)} of {counted(len(known), 'period')} (Holm){_first(lost)}"
    yield f"Ranks: {reference}, {last}; clearly lower in {of}."
    flipped = lost[(lost["high"] < 0.5) & (before["low"] > 0.5)]
    if len(flipped):
        less = f"in {counted(len(flipped), 'period')} leads of higher score have the outcome less often"
        yield f"Ranks: {less}{_first(flipped)}: AUC {_auc(flipped.iloc[0])}."


def of_relations(related: pd.DataFrame) -> Iterator[str]:
    """Whether fit or behaviour ranks the other way round."""
    if len(related):
        names = related.index[related["flipped"]].unique("attribute")
        n = related.index.unique("attribute").size
        turned = f"{len(names)} of {n} (Holm over all of them){': ' if len(names) else ''}{', '.join(names)}"
        yield f"Relations: attributes that rank leads the other way round in some period: {turned}."


def of_responses(responses: pd.DataFrame, share: str, until: dt.date) -> Iterator[str]:
    """How soon sales responds."""
    head = f"Response times up to {until}, leads still waiting included"
    if len(responses) < 2:
        yield f"{head}: MQLs of the reference or since it are missing, so too few to compare."
        return
    before, now = (f"{row.share:.0%} ({row.low:.0%} to {row.high:.0%}) of {row.n:,}" for row in responses.itertuples())
    change, p = (float(responses[name].iloc[1]) for name in ("change", "p"))
    told = "no change seen" if not p <= SURE else "slower" if change < 0 else "faster"
    within = "the time agreed" if share == "within_agreed" else "24 hours"
    answered = f"{before} MQLs of the reference were answered within {within}, {now} since"
    yield f"{head}: {told}: {answered}; p = {p:.2g}."


def _auc(row: pd.Series[Any]) -> str:
    ends = f"no interval: {row['reason']}" if pd.isna(row["low"]) else f"{row['low']:.2f} to {row['high']:.2f}"
    return f"{row['auc']:.2f} ({ends})"


def _first(rows: pd.DataFrame) -> str:
    return f", first in {rows.index[0]:%Y-%m-%d}" if len(rows) else ""
