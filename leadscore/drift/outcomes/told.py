"""What is said of drift of outcomes: a sentence for each finding."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pandas as pd

from leadscore.base.groups import ALL
from leadscore.drift.outcomes.by_period import SURE
from leadscore.drift.outcomes.label_arrivals import MEMORY_SEEN, Arrivals, poisson_interval

_NAMED = 5
# Standard errors.
_LATE = 1.96


def of_rates(changes: pd.DataFrame, when: str) -> Iterator[str]:
    """What changed since the reference."""
    yield f"Rates and ranks are of leads {when}."
    fewer_worked = False
    for measure in changes.index.unique("measure"):
        rows = changes[changes.index.get_level_values("measure") == measure]
        row = rows.loc[(measure, ALL, ALL)]
        if not row["n"] or not row["n_reference"]:
            before = f"{row['n_reference']:,.0f} leads in the reference"
            yield f"{measure}: {before} and {row['n']:,.0f} since: there is no comparison."
            continue
        yield _rate(measure, row)
        changed = row["p"] <= SURE
        if changed and measure == "worked":
            fewer_worked = row["change"] < 0
        elif changed and fewer_worked and row["change"] < 0:
            yield f"Fewer leads were worked too, so that fewer reach {measure} need not be the score's fault."
        parts = rows[(rows.index.get_level_values("by") != ALL) & (rows["p"] <= SURE)].sort_values("p", kind="stable")
        for place, part in parts.iloc[:_NAMED].iterrows():
            yield _rate(", ".join(map(str, place)), part)
        new = rows[(rows["n_reference"] == 0) & (rows["n"] > 0)].sort_values("n", ascending=False, kind="stable")
        for place, part in new.iloc[:_NAMED].iterrows():
            share = f"{part['share']:.1%} ({part['low']:.1%} to {part['high']:.1%}) of {part['n']:,.0f} leads since"
            yield f"{', '.join(map(str, place))}: {share}, none in the reference: there is no comparison."
        if len(parts) > _NAMED:
            yield f"{measure}: {len(parts) - _NAMED} more groups changed; see changes."
    some = changes["p"].count()
    if some:
        yield (
            f"p-values of the {some} rates hold however often one looks; those of groups are corrected over the groups "
            "of each measure (Holm)."
        )


def _rate(name: str, row: pd.Series[Any]) -> str:
    told = "no change is seen" if row["p"] > SURE else "fewer" if row["change"] < 0 else "more"
    sides = (row[[f"{part}{side}" for part in ("share", "low", "high", "n")]] for side in ("_reference", ""))
    figures = [f"{share:.1%} ({low:.1%} to {high:.1%}) of {n:,.0f} leads" for share, low, high, n in sides]
    expected = "" if pd.isna(row["expected"]) else f", where their scores let expect {row['expected']:.1%}"
    return f"{name}: {told}: {figures[0]} in the reference, {figures[1]} since{expected}; p = {row['p']:.2g}."


def of_arrivals(found: Arrivals, within_days: int, until: dt.date) -> Iterator[str]:
    """Whether labels come as they were expected, and whether that may be delay."""
    if found.reason:
        yield f"Labels as they arrive are not watched: {found.reason}."
        return
    labels, told = found.weeks["labels"], found.weeks["expected"]
    later = found.weeks["evidence_fall"].notna()
    looked = f"Labels as they arrive, up to {found.until}, about {told.mean():.1f} a week"
    evidence = f"evidence of a {found.side} of {found.evidence:,.3g} against a bound of {found.bound:,.0f}"
    if found.state == "stable":
        count = f"{labels[later].sum():,} came since the reference where {told[later].sum():,.0f} were expected"
        yield f"{looked}: no change is seen; {count}; {evidence}."
    else:
        first, low, high = found.since, found.since_low, found.since_high
        sure = "are" if found.state == "alarm" else "may be"
        what = "fewer" if found.side == "fall" else "more"
        came, let = found.ages["labels"].sum(), found.ages["expected"].sum()
        ratio = f"of leads scored from {low} on {came:,} came where {let:,.1f} were expected by now"
        if let > 0:
            ends = " to ".join(f"{end / let:.2f}" for end in poisson_interval(came))
            ratio += f" ({came / let:.2f} times, {ends})"
        passed = f", passed first on {found.passed}" if found.passed and found.evidence < found.bound else ""
        yield f"{looked}: they {sure} {what} since the week of {first} ({low} to {high}): {ratio}; {evidence}{passed}."
        yield _delay(found, within_days, until)
    if found.memory > MEMORY_SEEN:
        together = f"{found.memory:.1f} standard errors more than independent ones would"
        yield f"The bound on false alarms is not claimed: these weeks hang together over months, {together}."
    if found.scale_low > 1 or found.scale_high < 1:
        interval = f"{found.scale_low:.2f} to {found.scale_high:.2f}"
        yield (
            f"In the reference already {found.scale:.2f} times ({interval}) as many labels came as the scores say; "
            "a change is measured from there."
        )


def _delay(found: Arrivals, within_days: int, until: dt.date) -> str:
    assert found.since is not None
    sure = found.since + dt.timedelta(within_days + 7)
    wait = f"the leads of that week are sure on {sure}"
    if sure <= until:
        wait = "the rates above know of leads that are over"
    late = found.late
    if pd.isna(late):
        return f"Whether they only come later cannot be told yet: {wait}."
    if late > _LATE and found.side == "fall":
        return (
            f"Those that came, came later than before ({late:.1f} standard errors): answers may be slower and not "
            f"fewer; {wait}."
        )
    if late < -_LATE and found.side == "rise":
        return (
            f"Those that came, came sooner than before ({-late:.1f} standard errors): answers may be faster and not "
            f"more; {wait}."
        )
    soon = f"They came about as soon as before ({late:+.1f} standard errors)"
    return f"{soon}, so delay alone hardly explains it; {wait}."


def of_ranking(ranks: pd.DataFrame) -> Iterator[str]:
    """How well the score ranks, and in which periods it lost that."""
    before = ranks.loc["reference"]
    if pd.isna(before["auc"]):
        yield f"Ranks: the reference has no AUC: {before['reason']}."
        return
    reference = f"{before['auc']:.2f}{_interval(before)} in the reference"
    later = ranks.drop(index="reference")
    without = later[later["auc"].isna()]
    known = later[later["auc"].notna()]
    if not len(known):
        yield f"Ranks: AUC {reference}; no period since has one."
    else:
        lost = known[(known["p"] <= SURE) & (known["change"] < 0)]
        last = known.iloc[-1]
        yield (
            f"Ranks: AUC {reference}, {last['auc']:.2f}{_interval(last)} in {shown(known.index[-1])}; clearly lower in "
            f"{len(lost)} of {_periods(len(known))} (Holm){_first(lost)}."
        )
        flipped = lost[(lost["high"] < 0.5) & (before["low"] > 0.5)]
        if len(flipped):
            row = flipped.iloc[0]
            first = f"{_first(flipped)}: AUC {row['auc']:.2f}{_interval(row)}"
            yield f"Ranks: in {_periods(len(flipped))} leads of higher score have the outcome less often{first}."
    if len(without):
        names = ", ".join(map(shown, without.index[:_NAMED]))
        yield f"Ranks: no AUC in {_periods(len(without))}, of leads with one outcome only: {names}."


def of_relations(related: pd.DataFrame) -> Iterator[str]:
    """Which attributes rank the other way round."""
    if not len(related):
        return
    flipped = related[related["flipped"]]
    # Those that turned most often first.
    names = flipped.index.get_level_values("attribute").value_counts(sort=True).index
    n = related.index.get_level_values("attribute").nunique()
    yield f"Relations: {len(names)} of {n} attributes rank the other way round in some period (Holm over all of them)."
    for name in names[:_NAMED]:
        rows, before = flipped.loc[name], related.loc[(name, "reference")]
        row = rows.iloc[0]
        yield (
            f"{name}: AUC {before['auc']:.2f}{_interval(before)} in the reference, {row['auc']:.2f}{_interval(row)} in "
            f"{shown(rows.index[0])}; so in {_periods(len(rows))}."
        )


def of_responses(responses: pd.DataFrame, share: str, until: dt.date) -> Iterator[str]:
    """How soon sales responds."""
    within = "the time agreed" if share == "within_agreed" else "24 hours"
    head = f"Response times, known up to {until}, those still waiting counted"
    if not {"reference", "since"} <= set(responses.index):
        yield f"{head}: MQLs of the reference or since it are missing, so there is no comparison."
        return
    before, now = responses.loc["reference"], responses.loc["since"]
    sides = (row[["share", "low", "high", "n"]] for row in (before, now))
    figures = [f"{answered:.0%} ({low:.0%} to {high:.0%}) of {n:,.0f}" for answered, low, high, n in sides]
    told = "no change is seen" if not now["p"] <= SURE else "slower" if now["change"] < 0 else "faster"
    yield (
        f"{head}: {told}: {figures[0]} MQLs of the reference were answered in {within}, {figures[1]} since; "
        f"p = {now['p']:.2g}."
    )
    later = responses.drop(index=["reference", "since"])
    slow = later[(later["p"] <= SURE) & (later["change"] < 0)]
    if len(slow):
        yield f"Response times: clearly slower in {len(slow)} of {len(later)} periods (Holm){_first(slow)}."


def shown(period: Any) -> str:
    """A period as text: of times its first day."""
    return period.date().isoformat() if isinstance(period, pd.Timestamp) else str(period)


def _periods(n: int) -> str:
    return f"{n} period{'' if n == 1 else 's'}"


def _interval(row: pd.Series[Any]) -> str:
    return f" (no interval: {row['reason']})" if pd.isna(row["low"]) else f" ({row['low']:.2f} to {row['high']:.2f})"


def _first(rows: pd.DataFrame) -> str:
    return f", first in {shown(rows.index[0])}" if len(rows) else ""
