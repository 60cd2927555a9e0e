"""The page of a change: what another rulebook would have done, for both teams and for a pull request."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number
from leadscore.base.periods import Period
from leadscore.base.text import counted, decimal, listed
from leadscore.meeting.drafts import Comparison as Compared
from leadscore.meeting.drafts import corrected
from leadscore.meeting.review import Review
from leadscore.present.figures import of_all, percent, percent_range, points_change, signed
from leadscore.present.page import (
    CLEAR,
    COUNTED,
    NOT_CLEAR,
    TOO_FEW,
    Dot,
    Dots,
    MainPoint,
    Page,
    PageSection,
    Table,
    ToDecide,
    WeekBars,
)
from leadscore.scoring.compare import Comparison
from leadscore.scoring.scores import named
from leadscore.stats.intervals import newcombe

# Below so many leads nothing is claimed; how many leads of each change and how many reasons are shown.
_FEW, _LEADS, _REASONS = 30, 50, 10
_WHO = {"gained": "gained", "lost": "lost", "both": "by both"}
_PARTS = {
    "rulebook": "the head of the file",
    "include": "included files",
    "missing_values": "missing values",
    "hand_raise": "hand-raises",
    "account": "the score of accounts",
}
_LEGEND = (
    "Counted: a complete count, no estimate. Clear: differs from the leads that qualify by both, at 95% after "
    "correcting for the comparisons on this page. Not clear: the data allow either answer. "
    f"Too few to say: fewer than {_FEW} leads."
)


def change_page(
    comparison: Comparison,
    *,
    accepted_within_days: int | None = None,
    observed_until: Any = None,
    lead_ids: bool = False,
) -> Review:
    """The page of a change of the rulebook: who is gained and lost, volume, quality, protections, and each rule.

    Parameters
    ----------
    comparison : Comparison
        Made by `compare`.
    accepted_within_days : int, optional
        Quality is what sales accepted within so many days after a lead qualified, as `Comparison.outcomes` counts it.
        Without it the page says nothing of quality, and says so.
    observed_until : date, optional
        The last day whose outcomes are known. By default that of the tables.
    lead_ids : bool
        Also name leads that are gained and lost, with why. A pull request is no place for them.

    Returns
    -------
    Review
        `page`, `to_html()`, `to_markdown()`, `to_json()`.

    Raises
    ------
    ArgumentError
        If there is no comparison, or quality is asked for without outcomes.

    Notes
    -----
    Who qualifies is a complete count. Shares accepted have Wilson intervals, differences Newcombe's; whether gained
    and lost leads differ from those that qualify by both is Fisher's exact test, both corrected together (Holm).

    References
    ----------
    Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212. Newcombe, R. G. (1998),
    Statistics in Medicine 17, 873-890, method 10. Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> import leadscore as ls
    >>> old = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
    ... behaviour: [{name: Pricing page, event: pricing, points: 15, at_most: 30}]
    ... qualify: {threshold: 90}
    ... ''')
    >>> new = old.edited({"qualify.threshold": 75, "behaviour.Pricing page.at_most": None})
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"], "country": ["US", "GB"]})
    >>> events = pd.DataFrame({"lead_id": "a", "event": "pricing", "at": ["2026-03-10"]})
    >>> tables = ls.load_tables(leads, events, rulebook=[old, new])
    >>> comparison = ls.compare(tables, old, new, start="2026-03-02", end="2026-03-29")
    >>> for point in ls.meeting.change_page(comparison).page.main:
    ...     print(point.headline)
    The new rulebook gives 1 MQL, the old 0: 1 gained, 0 lost.
    0 MQLs a week by the new rulebook, as many as the 0 by the old.
    The new rulebook drops the cap of 30 on 'Pricing page'.
    """
    with Arguments("change_page") as given:
        given.types(comparison=(comparison, Comparison))
        given.flag("lead_ids", lead_ids)
        if accepted_within_days is not None:
            given.whole("accepted_within_days", accepted_within_days, least=1)
    old, new = comparison.old, comparison.new
    who, volume, rules = _who(comparison, lead_ids=lead_ids), _volume(comparison), _rules(comparison)
    protections = _protections(comparison)
    days = accepted_within_days
    quality, tests = ((), {}) if days is None else _quality(comparison, days, observed_until)
    main = (who, volume, *quality, *((protections,) if protections.tables else ()))
    facts = " ".join(one.headline for one in main if one is not volume)
    options = ("Publish the new one", "Try it on part of the leads first", "Keep the old one")
    period = Period(day_number(old.start), day_number(old.end))
    page = Page(
        title=f"Change of the rulebook: {named(old.rulebook)} to {named(new.rulebook)}",
        about=(f"What each would have done from {period} with {counted(new.n_leads, 'lead')}.",),
        main=tuple(MainPoint(one.id, one.headline, one.verdict) for one in main),
        legend=_LEGEND,
        sections=(who, volume, *quality, protections, rules),
        decide=(ToDecide("Does the new rulebook replace the old one?", facts, options),) if comparison.changes else (),
        limits=tuple(_limits(days)),
        footer=tuple(_footer(comparison)),
        more={"period": {"start": old.start, "end": old.end}, "comparisons": tests},
    )
    return Review(page)


def _who(comparison: Comparison, *, lead_ids: bool) -> PageSection:
    groups, new_before, old_before = _groups(comparison)
    gained, lost = len(groups["gained"]), len(groups["lost"])
    old, new = (len(history) - history.already for history in (comparison.old, comparison.new))
    count = {change: int((comparison.frame["change"] == change).sum()) for change in ("earlier", "later")}
    steps = (
        ("By the old rulebook", f"{old:,}"),
        ("Gained: by the new alone", f"+{gained:,}"),
        ("Lost: by the old alone", f"-{lost:,}"),
        ("Qualified before the period by the old, in it by the new", f"+{old_before:,}"),
        ("Qualified before the period by the new, in it by the old", f"-{new_before:,}"),
        ("By the new rulebook", f"{new:,}"),
    )
    tables = [Table("From the old count to the new", ("MQLs of the period", "Leads"), steps, (1,), folded=False)]
    differ = comparison.frame[~comparison.frame["already"] & comparison.frame["change"].isin(["gained", "lost"])]
    tables += [*_reasons(differ), _points(groups)]
    if lead_ids:
        tables.append(_leads(differ))
    headline = f"The new rulebook gives {counted(new, 'MQL')}, the old {old:,}: {gained:,} gained, {lost:,} lost."
    text = f"By both, but on another day: {count['earlier']:,} earlier by the new one, {count['later']:,} later."
    return PageSection(
        "gained-lost", "Who is gained and lost", headline, COUNTED, (text,), tables=tuple(tables),
        figures={"old": old, "new": new, "gained": gained, "lost": lost, **count},
    )  # fmt: skip


def _groups(comparison: Comparison) -> tuple[dict[str, pd.DataFrame], int, int]:
    """Leads that qualify in the period by the new alone, the old alone and both; and how many did so before it by one.

    Those that one rulebook passed on before the period, and the other never, are of another period.
    """
    old, new = comparison.old.frame, comparison.new.frame
    of_old, of_new = (frame[~frame["already"]] for frame in (old, new))
    both = of_new.index.intersection(of_old.index)
    groups = {
        "gained": of_new.drop(old.index, errors="ignore"),
        "lost": of_old.drop(new.index, errors="ignore"),
        "both": of_new.loc[both],
    }
    before = [len(of) - len(both) - len(groups[alone]) for of, alone in ((of_old, "lost"), (of_new, "gained"))]
    return groups, before[0], before[1]


def _points(groups: Mapping[str, pd.DataFrame]) -> Table:
    """What the gained and the lost have: clicks or who they are."""
    rows = tuple(
        (
            _WHO[who],
            f"{len(leads):,}",
            *(decimal(round(float(leads[side].median()), 1)) for side in ("fit", "behaviour")),
        )
        for who, leads in groups.items()
        if len(leads)
    )
    notes = ("Points on the day of qualifying: of the old rulebook for lost leads, else of the new one.",)
    return Table("Fit and behaviour", ("Leads", "Number", "Median fit", "Median behaviour"), rows, (1, 2, 3), notes)


def _reasons(differ: pd.DataFrame) -> Iterator[Table]:
    """What most made the new rulebook judge otherwise, the commonest first."""
    first = differ["reasons"].str.split("; ").str[0].str.replace(r" [+-][\d.]+$", "", regex=True).rename("reason")
    counts = pd.crosstab(first, differ["change"]).reindex(columns=["gained", "lost"], fill_value=0)
    if not len(counts):
        return
    counts = counts.assign(all=counts.sum(axis=1)).reset_index().sort_values(["all", "reason"], ascending=[False, True])
    shown = counts[:_REASONS].to_dict("records")
    rows = tuple((str(one["reason"]), f"{one['gained']:,}", f"{one['lost']:,}") for one in shown)
    left = len(counts) - len(rows)
    notes = (f"{counted(left, 'rarer reason')} not shown.",) if left else ()
    heads = ("What made the difference most", "Gained", "Lost")
    yield Table("Why", heads, rows, (1, 2), notes, folded=False)


def _leads(differ: pd.DataFrame) -> Table:
    # By their ids, so that the order of the rows does not matter.
    shown = differ.sort_index(key=lambda ids: ids.astype("str")).groupby("change", observed=True).head(_LEADS)
    shown = shown.sort_values("change", kind="stable")
    rows = tuple(
        (str(lead), str(change), decimal(old), decimal(new), str(reasons))
        for lead, change, old, new, reasons in zip(
            shown.index, *(shown[name] for name in ("change", "total_old", "total_new", "reasons")), strict=True
        )
    )
    left = len(differ) - len(shown)
    notes = (f"The first {_LEADS} of each; {left:,} more are in the file of 'leadscore diff --out FILE.csv'.",)
    heads = ("Lead", "Change", "Points, old", "Points, new", "Why")
    return Table("Leads gained and lost", heads, rows, (2, 3), notes if left else ())


def _volume(comparison: Comparison) -> PageSection:
    weekly = comparison.weekly()
    days = int(weekly["days"].sum())
    old, new = (7 * float(weekly[which].sum()) / days for which in ("old", "new"))
    change = round(new) - round(old)
    against = "as many as" if not change else f"{abs(change):,} {'more' if change > 0 else 'fewer'} than"
    headline = f"{counted(round(new), 'MQL')} a week by the new rulebook, {against} the {old:,.0f} by the old."
    labels = tuple(f"{week.day} {week:%b}" for week in pd.DatetimeIndex(weekly.index))
    agreement = comparison.new.rulebook.agreement
    agreed = None if agreement is None else agreement.marketing.mqls_per_week
    caption = "MQLs per week by the new rulebook. Circles: by the old. Dates are Mondays."
    caption += "" if agreed is None else " Dashed line: agreed."
    picture = WeekBars(
        "MQLs per week", caption, labels, tuple(weekly["new"].tolist()), len(labels),
        None if agreed is None else float(agreed), tuple(weekly["old"].tolist()),
    )  # fmt: skip
    rows = tuple(
        (label, f"{week['new']:,}", f"{week['old']:,}", signed(week["difference"]), str(week["days"]))
        for label, week in zip(labels, weekly.to_dict("records"), strict=True)
    )
    apart = weekly["difference"].abs()
    most = f"The largest difference in a week is {signed(weekly['difference'].iloc[apart.argmax()])}"
    text = [f"{most}, in the week of {labels[apart.argmax()]}." if apart.any() else "No week differs."]
    text += [] if agreed is None else [f"{decimal(float(agreed))} a week are agreed."]
    text += [f"The period has {counted(days, 'day')}; weeks at its ends may be shorter."] if days % 7 else []
    heads = ("Week of", "New", "Old", "Difference", "Days in the period")
    table = Table("Weeks", heads, rows, (1, 2, 3, 4))
    figures = {"old_per_week": old, "new_per_week": new, "agreed_per_week": agreed and float(agreed)}
    return PageSection("volume", "How many in a week", headline, COUNTED, tuple(text), picture, (table,), figures)


def _quality(
    comparison: Comparison, within_days: int, observed_until: Any
) -> tuple[tuple[PageSection, ...], dict[str, Any]]:
    """What sales accepted of the gained, the lost and those that qualify by both, and the tests of it."""
    found = comparison.outcomes(within_days=within_days, observed_until=observed_until)
    stages, _ = comparison.old.tables.observed(observed_until)
    known = found[found.index.get_level_values("stage") == "sal"].droplevel("stage")
    counts = zip(known.index, known["reached"].tolist(), known["n"].tolist(), strict=True)
    of = {str(who): (reached, n) for who, reached, n in counts if n}
    tests = corrected([_test(who, of[who], of["both"]) for who in ("gained", "lost") if {who, "both"} <= set(of)])
    clear = [test["clear"] for test in tests.values()]
    enough = any(not math.isnan(test["p"]) for test in tests.values())
    shares = [f"{of_all(*count)} {who if who != 'both' else 'that qualify by both'}" for who, count in of.items()]
    headline = f"Of the leads that sales worked it accepted {listed(shares)}."
    if not of:
        why = f"sales has worked none of them for {counted(within_days, 'day')} yet"
        why = (stages.only_successes("sal") or why) if len(known) else "no lead is recorded as accepted by sales"
        headline = f"No share accepted can be given: {why}."
    text = [
        f"Share accepted of {who} leads less that of leads that qualify by both: "
        f"{points_change(*map(float, newcombe(of['both'], of[who])))}."
        for who in ("gained", "lost")
        if f"quality: {who}" in tests and not math.isnan(tests[f"quality: {who}"]["p"])
    ]
    if "gained" in of:
        text.append("Sales did not choose by the new rulebook: the gained leads that it worked are a selection.")
    section = PageSection(
        "quality", "What sales made of them", headline, (CLEAR if any(clear) else NOT_CLEAR) if enough else TOO_FEW,
        tuple(text), _shares(known, of, within_days) if of else None, (_became(found, within_days),),
        {who: {"accepted": reached, "n": n} for who, (reached, n) in of.items()},
    )  # fmt: skip
    return (section,), tests


def _test(who: str, count: tuple[int, int], both: tuple[int, int]) -> Compared:
    from scipy.stats import fisher_exact  # noqa: PLC0415 - scipy takes long to import

    n = count[1] + both[1]
    table = [[reached, n - reached] for reached, n in (count, both)]
    p = float(fisher_exact(table).pvalue) if min(count[1], both[1]) >= _FEW else math.nan
    what = f"share accepted, {who} leads against those that qualify by both"
    return Compared(f"quality: {who}", what, "Fisher's exact test", n, p)


def _shares(known: pd.DataFrame, of: Mapping[str, tuple[int, int]], within_days: int) -> Dots:
    dots = tuple(
        Dot(f"{_WHO[who]} ({n:,})", reached / n, float(known["low"][who]), float(known["high"][who]), filled=n >= _FEW)
        for who, (reached, n) in of.items()
    )
    caption = (
        f"Share accepted within {counted(within_days, 'day')} of the leads that sales worked, with 95% intervals; "
        f"leads in brackets. Line: leads that qualify by both. Hollow: fewer than {_FEW}."
    )
    reached, n = of.get("both", (0, 0))
    return Dots("Share accepted", caption, dots, "share", reached / n if n else None)


def _became(found: pd.DataFrame, within_days: int) -> Table:
    rows = tuple(
        (
            _WHO[row["group"]],
            row["stage"],
            *(f"{row[name]:,}" for name in ("leads", "n", "reached")),
            f"{percent(row['share'])} ({percent_range(row['low'], row['high'])})",
        )
        for row in found.reset_index().to_dict("records")
    )
    heads = ("Leads", "Stage", "Number", "Known", "Reached", "Share (95%)")
    known = f"Known: sales worked the lead, and {counted(within_days, 'day')} have passed since it qualified."
    return Table("What became of them", heads, rows, (2, 3, 4, 5), (known,))


def _protections(comparison: Comparison) -> PageSection:
    dropped = [change for change in comparison.changes if change.code]
    rows = tuple((change.code, change.section, change.warning.removeprefix("the new rulebook ")) for change in dropped)
    headline = f"The new rulebook drops {counted(len(dropped), 'protection')}."
    if len(dropped) < 2:
        headline = f"The new rulebook {rows[0][2] if rows else 'drops no protection'}."
    text = "Protections are entries of never, hand-raises, minimum points, caps, and segments with their own threshold."
    table = Table(
        "Protections that the new rulebook drops", ("Code", "Section", "The new rulebook"), rows, folded=False
    )
    return PageSection(
        "protections", "What protects sales no longer", headline, COUNTED, (text,), tables=(table,) if rows else (),
        figures={"dropped": len(dropped)},
    )  # fmt: skip


def _rules(comparison: Comparison) -> PageSection:
    changes = comparison.changes
    counts = pd.Series([change.section for change in changes], dtype="str").value_counts(sort=False)
    said = listed([f"{count} in {_PARTS.get(str(section), section)}" for section, count in counts.items()])
    headline = f"{counted(len(changes), 'change')}: {said}." if changes else "The two rulebooks say the same."
    rows = tuple((change.section, change.name, change.text) for change in changes)
    table = Table("Changes", ("Section", "Name", "Change"), rows, folded=False)
    return PageSection(
        "rules", "Rule by rule", headline, COUNTED, tables=(table,) if rows else (), figures={"changes": len(changes)}
    )


def _limits(within_days: int | None) -> Iterator[str]:
    if within_days is None:
        yield "What sales made of these leads: that needs outcomes, and within how many days they count."
    yield "Whether sales would accept gained leads that it never worked. Only passing some of them on can tell."
    yield "What another period would show: who is gained and lost depends on who came in this one."


def _footer(comparison: Comparison) -> Iterator[str]:
    yield "MQL: a lead that qualifies, counted on the first day of the period on which it does, if it did not before."
    yield "Every lead is counted: this is no sample, so there is no interval."
    for which, history in (("Old", comparison.old), ("New", comparison.new)):
        digest = sha256(history.rulebook.to_yaml().encode()).hexdigest()
        yield f"{which} rulebook: {named(history.rulebook)}, SHA-256 {digest}."
    yield "The same tables and rulebooks give the same page."
