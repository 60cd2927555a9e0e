"""How many leads were handed over, by which route, and what became of those that the rulebook qualified."""

from __future__ import annotations

import math

from leadscore.base.groups import ALL
from leadscore.base.text import counted, listed
from leadscore.meeting.drafts import CONTEXT, SURE, Asked, Clear, Comparison, Draft, Written
from leadscore.present.figures import of_all, percent, share, signed
from leadscore.present.page import CLEAR, COUNTED, MainPoint, PageSection, Table, ToDecide, WeekBars
from leadscore.sales.facts import Facts
from leadscore.sales.handover.handovers import BELOW, BY_POINTS, HAND_RAISE, NOT_SCORED
from leadscore.sales.handover.routes import Routes, routes_of

_CHANGE = "handed-over: change"
_SAID = {
    BY_POINTS: "Met the bar by points",
    HAND_RAISE: "Asked for sales (hand-raise)",
    BELOW: "Below the bar (picked by sales, imported, or handed over by hand)",
    NOT_SCORED: "No record of the lead on that day yet",
}
# A route past the bar that so many take is for the meeting.
_MANY = 0.1


def draft(facts: Facts, asked: Asked) -> Draft:
    """The section."""
    found = facts.once(routes_of)
    n = found.mqls[ALL] + found.before[ALL]
    p = found.p if n >= asked.few else math.nan
    method = "exact test of two counts, the spread of the weeks allowed for"
    change = Comparison(_CHANGE, "number of MQLs, this period against the one before", method, n, p)
    return Draft((change,), lambda clear: _written(facts, found, asked, clear))


def _written(facts: Facts, found: Routes, asked: Asked, clear: Clear) -> Written:
    n, before, below = found.mqls[ALL], found.before[ALL], found.mqls[BELOW]
    length = facts.period.length
    headline = _headline(n, before if found.comparable else None, below, length)
    figures = {
        "mqls": found.mqls, "before": found.before, "p_change": found.p,
        "dispersion": found.dispersion, "qualified": found.qualified["leads"].to_dict(),
        "below": found.below["mqls"].to_dict(),
    }  # fmt: skip
    text = (*_routes(found, n, below), *_change(found, n, before, asked, clear), *_reconciled(found, below))
    section = PageSection(
        "handed-over", "How many leads were handed over", headline, COUNTED, text, _picture(facts, found),
        tuple(_tables(found, length)), figures,
    )  # fmt: skip
    main = [(CONTEXT, MainPoint("handed-over", headline, COUNTED))]
    if clear(_CHANGE):
        moved = f"MQLs {'rose' if n > before else 'fell'} from {before:,} to {n:,} against the {length} before"
        main = [(SURE, MainPoint("handed-over", f"{moved}; {below:,} came below the agreed bar.", CLEAR))]
    return Written(section, tuple(main), tuple(_decide(facts, n, below, asked)))


def _headline(n: int, before: int | None, below: int, length: str) -> str:
    if not n:
        return f"No MQL was handed over{'' if before is None else f', against {before:,} in the {length} before'}."
    were = "MQL was" if n == 1 else "MQLs were"
    against = "" if before is None else f", against {before:,} in the {length} before"
    return f"{n:,} {were} handed over{against}; {below:,} of them below the agreed bar."


def _routes(found: Routes, n: int, below: int) -> list[str]:
    if not n:
        return []
    points, raised, unknown = (found.mqls[route] for route in (BY_POINTS, HAND_RAISE, NOT_SCORED))
    part = "" if n < 20 else f" ({percent(below / n)})"
    said = f"{points:,} met the bar by points, {raised:,} asked for sales, and {below:,}{part} came another way."
    if below >= _MANY * n:
        said += " Figures about the score cover only the leads that followed it."
    if unknown:
        said += f" {counted(unknown, 'MQL')} had no record on that day yet, and so no score."
    return [said]


def _change(found: Routes, n: int, before: int, asked: Asked, clear: Clear) -> list[str]:
    if not found.comparable:
        return ["Outcomes are not recorded for the whole period before, so there is no comparison."]
    if n + before < asked.few:
        return []
    change = f"a change of {signed(n - before)}"
    if clear(_CHANGE):
        return [f"{change[:1].upper()}{change[1:]} is more than chance gives beside weeks that vary as these do."]
    weeks = found.weeks["mqls"]
    return [
        f"Weeks varied from {weeks.min():,} to {counted(int(weeks.max()), 'MQL')}; beside that {change} may be chance."
    ]


def _reconciled(found: Routes, below: int) -> list[str]:
    came = found.qualified["leads"]
    now, later, earlier, never = (int(count) for count in came)
    said = (
        f"The rulebook itself qualified {counted(int(came.sum()), 'lead')} in the period: {now:,} came to sales in it, "
        f"{later:,} later, {earlier:,} had come before, and {never:,} have not come so far."
    )
    if not below:
        return [said]
    fell, kept_out = (int(count) for count in found.below["mqls"].iloc[:2])
    parts = [f"{fell:,} had qualified in the weeks before and had fallen below it"] * bool(fell)
    parts += [f"{kept_out:,} are kept out by a “never” of the rulebook"] * bool(kept_out)
    return [said, *([f"Of the {below:,} below the bar, {listed(parts)}."] if parts else [])]


def _picture(facts: Facts, found: Routes) -> WeekBars:
    agreement = facts.rulebook.agreement
    promise = agreement.marketing.mqls_per_week if agreement else None
    weeks = found.weeks
    inside = int(weeks["in_period"].sum())
    dashed = " Dashed line: what was promised." if promise else ""
    named = found.weeks.index[0].day_name() if len(weeks) else "Monday"
    return WeekBars(
        "MQLs per week",
        f"MQLs per week. Last {counted(inside, 'bar')}: this period.{dashed} Dates are {named}s.",
        tuple(f"{week.day} {week:%b}" for week in weeks.index),
        tuple(int(count) for count in weeks["mqls"]),
        inside,
        promise,
    )


def _tables(found: Routes, length: str) -> list[Table]:
    rows = [
        (said, f"{found.mqls[route]:,}", share(found.mqls[route], found.mqls[ALL]),
         f"{found.before[route]:,}" if found.comparable else "")
        for route, said in _SAID.items()
        if route != NOT_SCORED or found.mqls[route] + found.before[route]
    ]  # fmt: skip
    note = "Scores are those at the end of the day each lead came to sales."
    routes = Table(
        "Route to sales", ("Route", "MQLs", "Share", f"The {length} before"), tuple(rows), (1, 2, 3), (note,)
    )
    came = [(str(when).capitalize(), f"{count:,}") for when, count in found.qualified["leads"].items()]
    title = "Leads that the rulebook qualified in the period"
    return [routes, Table(title, ("Came to sales", "Leads"), tuple(came), (1,))]


def _decide(facts: Facts, n: int, below: int, asked: Asked) -> list[ToDecide]:
    if n < asked.few or below < _MANY * n:
        return []
    mqls = facts.handovers.during(facts.period)
    said = []
    for rows in (mqls[mqls["route"] == BELOW], mqls[mqls["route"].isin([BY_POINTS, HAND_RAISE])]):
        decided = rows["accepted"].dropna()
        said.append(of_all(int(decided.sum()), len(decided)))
    decided_on = f"Of those decided on, sales accepted {said[0]}; of those that met the bar, {said[1]}."
    options = ("lower the bar", "agree a route for exceptions, marked as such", "stop it")
    came = f"{below:,} of {n:,} came that way."
    return [ToDecide("Who may hand over leads below the bar?", f"{came} {decided_on}", options)]
