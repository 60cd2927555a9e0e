"""A new user's first months: what can be said from which week of history on."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from leadscore.base.days import day_number, day_of
from leadscore.drift.balance.today import LEAST_WEEKS, TREND_WEEKS
from leadscore.drift.cohorts import AGE_DAYS, SHORT, YEAR, mondays


class Beginning(NamedTuple):
    """From when on something can be said; made by `first_months`.

    Attributes
    ----------
    what : str
        The figure, as it stands in a sentence.
    weeks : int
        Of history, a begun one too.
    day : date
        The last day of the first period of which it can be said.
    """

    what: str
    weeks: int
    day: dt.date


class FirstMonths(NamedTuple):
    """When each kind of figure begins; made by `first_months`."""

    period: Beginning
    change: Beginning
    needing: Beginning
    trend: Beginning
    verdict: Beginning
    season: Beginning


def first_months(since: dt.date, *, period_days: int = 28) -> FirstMonths:
    """What can be said from when on, where leads, events and outcomes are known since a day.

    Parameters
    ----------
    since : date
    period_days : int
        The days of a review.

    Returns
    -------
    FirstMonths

    Examples
    --------
    >>> for one in first_months(dt.date(2026, 1, 5)):
    ...     print(one.day, one.weeks, one.what)
    2026-02-01 4 what happened in the period
    2026-03-01 8 what changed against the period before
    2026-03-01 8 how many MQLs needed unusual activity to qualify
    2026-03-22 11 whether more MQLs need unusual activity than before
    2026-07-19 28 a drift verdict with a known rate of false alarms (reference_weeks=26)
    2027-01-17 54 a drift verdict that allows for the season (reference_weeks=52)
    """
    first = day_number(since)
    # Leads are counted once they are as old as that, in whole weeks.
    watched = mondays(first + AGE_DAYS, first + AGE_DAYS + 13)[0]

    def after(what: str, until: int) -> Beginning:
        return Beginning(what, -((first - until) // 7), day_of(until - 1))

    return FirstMonths(
        after("what happened in the period", first + period_days),
        after("what changed against the period before", first + 2 * period_days),
        after("how many MQLs needed unusual activity to qualify", first + 7 * LEAST_WEEKS),
        after("whether more MQLs need unusual activity than before", first + 7 * TREND_WEEKS),
        after(f"a drift verdict with a known rate of false alarms (reference_weeks={SHORT})", watched + 7 * SHORT),
        after(f"a drift verdict that allows for the season (reference_weeks={YEAR})", watched + 7 * YEAR),
    )
