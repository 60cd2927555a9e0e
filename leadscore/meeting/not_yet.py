"""What a page cannot say yet for want of history."""

from __future__ import annotations

from leadscore.base.days import day_number, day_of, in_words
from leadscore.base.text import counted
from leadscore.drift.balance.today import begins, dated
from leadscore.drift.first_months import first_months
from leadscore.sales.facts import Facts


def not_yet(facts: Facts) -> tuple[str, ...]:
    """What cannot be said of a period for want of history, a sentence each with the day from which on it can."""
    outcomes = facts.stages.times.days(facts.rulebook.timezone)[~facts.stages.of("lead")]
    since = day_of(int(outcomes.min()) if len(outcomes) else facts.until)
    sold = first_months(since, period_days=facts.period.days)
    # How many needed unusual activity is said by the section itself.
    later = [sold.change, *(first_months(day_of(begins(facts)))[3:] if dated(facts) else ())]
    lines = [
        f"{one.what[0].upper()}{one.what[1:]}: from {in_words(one.day)} on, with "
        f"{counted(one.weeks, 'week')} of history."
        for one in later
        if day_number(one.day) > facts.period.last
    ]
    if day_number(sold.period.day) > facts.period.last:
        lines.insert(0, f"Outcomes are known since {in_words(since)}, a part of the period only.")
    return tuple(lines)
