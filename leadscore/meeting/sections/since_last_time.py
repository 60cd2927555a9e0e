"""Section "Since last time": what the teams decided, and what became of it."""

from __future__ import annotations

import datetime as dt

from leadscore.base.text import counted, listed
from leadscore.meeting.decisions import Check
from leadscore.meeting.drafts import PROMISED, Asked, Draft, Silent, Written
from leadscore.meeting.follow_up import FollowUp, State, followed, said
from leadscore.present.figures import duration, percent, percent_range
from leadscore.present.page import COUNTED, MainPoint, PageSection, Table
from leadscore.sales.facts import Facts

_NO_FILE = (
    'What became of earlier decisions: none are on record. leadscore review --decide "..." writes one down beside the '
    "rulebook."
)
_STATES: dict[State, str] = {
    "reached": "reached", "moving": "moving the right way", "not moving": "not moving", "due": "past its day",
    "not measurable": "not measurable", "not judged": "without a figure",
}  # fmt: skip
_HAPPENED: dict[State, str] = {
    "reached": "Reached.",
    "moving": "Moving the right way; not there yet.",
    "not moving": "No clear move yet.",
    "due": "Not reached by the agreed day.",
}


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The decisions in force, each with its figure before it was agreed and now."""
    decisions = asked.decisions.decisions if asked.decisions else ()
    found = [followed(facts, one) for one in decisions if one.state == "open"]
    return Draft((), lambda _: _written(found)) if found else Silent(_NO_FILE)


def _written(found: list[FollowUp]) -> Written:
    states = [one.state for one in found]
    counts = [(states.count(state), text) for state, text in _STATES.items() if state in states]
    parts = listed([f"{count} {'is' if count == 1 else 'are'} {text}" for count, text in counts])
    headline = f"Of {counted(len(found), 'decision')} in force, {parts}."
    rows = [(_day(one.decision.agreed_on), _decided(one), _expected(one), _happened(one)) for one in found]
    table = Table(
        title="Decisions in force, and what has happened since",
        heads=("Agreed", "Decision", "Expected", "What happened"),
        rows=tuple(rows),
        folded=False,
        notes=("Figures before and after: whatever else changed in between is in them too. A trial would tell.",),
    )
    figures = {one.decision.id: {"state": one.state, "before": one.before, "now": one.now} for one in found}
    section = PageSection("since-last-time", "Since last time", headline, COUNTED, tables=(table,), figures=figures)
    late = not {"due", "not moving"}.isdisjoint(states)
    return Written(section, ((PROMISED, MainPoint(section.id, headline, COUNTED)),) if late else ())


def _day(day: dt.date) -> str:
    return f"{day.day} {day:%b %Y}"


def _decided(one: FollowUp) -> str:
    owner = f" ({one.decision.owner})" if one.decision.owner else ""
    return f"{one.decision.id}: {one.decision.decision}{owner}"


def _expected(one: FollowUp) -> str:
    check = one.decision.check
    if check is None:
        return one.decision.note or "no figure named"
    by = f" by {_day(check.by)}" if check.by else ""
    return f"{_aim(check)} {_what(check)}{by}"


def _aim(check: Check) -> str:
    target = check.at_least if check.at_least is not None else check.at_most
    assert target is not None
    least = "at least" if check.at_least is not None else "at most"
    return f"{least} {target:,.0f}" if check.figure == "mqls_per_week" else f"{least} {percent(target)}"


def _what(check: Check) -> str:
    return {
        "mqls_per_week": "MQLs a week",
        "accepted": "of decided MQLs accepted",
        "below_the_bar": "of MQLs below the bar",
        "needing_activity": "of MQLs by points needing unusual activity",
        "responded_within": f"contacted within {duration(check.minutes or 0)}",
        "decided_within": f"accepted or refused within {counted(check.days or 0, 'day')}",
        "reason_with_refusal": "of refusals with a reason",
        "filled": f"handed over with {check.column}",
        "persona": f"of MQLs were {check.persona}",
    }[check.figure]


def _happened(one: FollowUp) -> str:
    check = one.decision.check
    if check is None:
        return "To be told at the meeting."
    if one.state == "not measurable":
        return f"Not measurable: {one.why}."
    assert one.now is not None
    ends = (one.now.low, one.now.high)
    interval = percent_range(*ends) if check.figure != "mqls_per_week" else "{:,.0f} to {:,.0f}".format(*ends)
    now = f"{said(check, one.now)} now (95% interval: {interval})"
    return f"{said(check, one.before)} before, {now}. {_HAPPENED[one.state]}"
