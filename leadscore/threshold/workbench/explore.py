"""`explore`: choose a bar in ten minutes, in front of sales."""

from __future__ import annotations

from typing import Any

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.periods import Period
from leadscore.base.stages import STAGES, or_further
from leadscore.errors import ArgumentError
from leadscore.rulebook import Rulebook
from leadscore.tables.tables import Tables
from leadscore.threshold.capacity import WEEK
from leadscore.threshold.workbench.bench import Bench
from leadscore.threshold.workbench.evidence import HandOvers
from leadscore.threshold.workbench.workbench import Workbench

_MOST_WEEKS = 520
_NO_OUTCOMES = "There are no outcomes, so nobody knows how many of them reach a stage."
_NO_STAGE = "Name a stage and within_days to see how many of them reach it."


def explore(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables,
    rulebook: Rulebook,
    *,
    end: Any,
    weeks: int = 13,
    stage: str | None = None,
    within_days: int | None = None,
    capacity_per_week: float | None = None,
    by: str | list[str] | tuple[str, ...] | None = None,
    rules: str | list[str] | tuple[str, ...] | None = None,
    held_back_weeks: int = 4,
) -> Workbench:
    """Try bars and points: what each does to sales' week, and to the share of leads that reaches a stage.

    One pass over the weeks tells for every bar who qualifies when, as `replay` would. The share is of leads that sales
    worked, each at the score it had when sales got it, weighted so that the few that it worked below the bar stand for
    the many that it did not; the newest weeks of them are held back, to be looked at once, for the bar that was chosen.

    Parameters
    ----------
    tables : Tables
        With `created_at`; with outcomes, for shares.
    rulebook : Rulebook
        The one in force.
    end : date, or text as "2026-03-29"
        The last day of the weeks, on which the change would be merged; outcomes after it count for nothing.
    weeks : int
        So many weeks of seven days are replayed.
    stage, within_days : str and int, optional
        What counts: the stage reached, with one further along too, in so many days after the lead came to sales.
    capacity_per_week : float, optional
        How many leads sales can work; by default what marketing promised a week in the rulebook's agreement.
    by : name or list of names, optional
        Lead columns, `segment`, or the `owner` that outcomes name: for each a table of who comes in and drops out.
    rules : name or list of names, optional
        The rules whose numbers have sliders, in their order; by default all that have a number.
    held_back_weeks : int
        Of hand-overs whose outcome is known.

    Returns
    -------
    Workbench
        It shows itself in a notebook; for scripts `at`, `keep`, `entered`, `left`, `rulebook`, `summary`, `save`,
        `to_html`, `plot`.

    Raises
    ------
    ArgumentError
        If an argument is invalid, the leads have no `created_at`, or none of them was there by then.
    ContractError
        If the tables lack a column the rulebook uses, or hold values that it cannot read.

    Notes
    -----
    A share has the interval of Wilson at the size that its error leaves (Korn, E. L. and Graubard, B. I. (1998), Survey
    Methodology 24, 193-201). Leads stand for others by the inverse of their chance to be worked (Horvitz, D. G. and
    Thompson, D. J. (1952), Journal of the American Statistical Association 47, 663-685), which is right only if sales
    takes those below the bar without knowing more of them than their score. A change of bars is judged by those who
    change sides beside those who stay, two groups without a lead in common; a change of points by the same leads judged
    twice. Leads a week have Student's interval over weeks, or Poisson's where that is wider.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(6000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> goal = {"stage": "opportunity", "within_days": 45, "capacity_per_week": 45}
    >>> workbench = explore(tables, made.rulebook, end="2026-03-29", **goal)
    >>> print(workbench.now.headline)
    As it is now: 46 leads a week; 1 more than sales can work, too many in 6 of 13 weeks.
    >>> tried = workbench.at(threshold=52)
    >>> print(tried.headline)
    All others 60 → 52: 61 leads a week instead of 46; 16.1 more than sales can work, too many in 13 of 13 weeks. Of
    those who would come in, 9 % (1 % to 43 %) reach opportunity: cannot be told apart from the others (29 %). +15.1
    leads a week bring +1.4 that reach opportunity. On the day it is merged 217 leads qualify at once: five weeks of
    what sales can work.
    >>> len(tried.entered), len(tried.left), tried.rulebook.qualify.threshold
    (336, 0, 52.0)
    """
    asked = {"weeks": weeks, "held_back_weeks": held_back_weeks, "stage": stage, "within_days": within_days}
    last, names = _checked(tables, rulebook, end, by, capacity_per_week, **asked)
    agreement = rulebook.agreement
    promised = None if agreement is None or agreement.marketing is None else agreement.marketing.mqls_per_week
    capacity = promised if capacity_per_week is None else capacity_per_week
    hand_overs, why = _hand_overs(tables, stage, within_days, last, held_back_weeks)
    bench = Bench(
        tables,
        rulebook,
        period=Period(last - weeks * WEEK + 1, last),
        hand_overs=hand_overs,
        stage="" if why else str(stage),
        why_no_share=why,
        within_days=within_days or 0,
        capacity=None if capacity is None else float(capacity),
        by=names,
        rules=rules,
    )
    return Workbench(bench)


def _checked(
    tables: Tables, rulebook: Rulebook, end: Any, by: Any, capacity: Any, **asked: Any
) -> tuple[int, tuple[str, ...]]:
    """The last day and the columns, where all that is asked is well-formed and the tables can answer it."""
    stage, within_days = asked["stage"], asked["within_days"]
    with Arguments("explore") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        last = day_number(given.day("end", end))
        given.whole("weeks", asked["weeks"], least=2, room=_MOST_WEEKS)
        given.whole("held_back_weeks", asked["held_back_weeks"], least=0, room=_MOST_WEEKS)
        if stage is not None:
            given.one_of("stage", stage, STAGES)
        if within_days is not None:
            given.whole("within_days", within_days, least=1)
        if (stage is None) != (within_days is None):
            given.wrong("within_days" if within_days is None else "stage", "`stage` and `within_days` go together")
        if capacity is not None:
            given.number("capacity_per_week", capacity, above=0)
        names = given.names("by", by)
    rulebook.bar()
    if tables.created() is None:
        what = "the leads have no created_at: without it nobody knows in which week one began to qualify"
        raise ArgumentError("tables", what)
    if not (tables.records.there_from(rulebook.timezone) <= last).any():
        raise ArgumentError("end", f"no lead was created by {day_of(last)}")
    return last, names


def _hand_overs(
    tables: Tables, stage: str | None, within_days: int | None, last: int, held_back_weeks: int
) -> tuple[HandOvers, str]:
    """What became of leads by the last day; and why no share can be given of them."""
    none = HandOvers.none(len(tables.ids))
    if tables.stages is None or not len(tables.stages.lead):
        return none, _NO_OUTCOMES
    if stage is None or within_days is None:
        return none, _NO_STAGE
    until = min(tables.observed()[1], last)
    found = HandOvers.of(tables, stage, within_days=within_days, until=until, held_back_weeks=held_back_weeks)
    if not tables.stages.of(*or_further(stage)).any():
        return none, f"No outcome is {' or '.join(or_further(stage))}, so nobody knows how many of them reach it."
    if found.worked.withheld:
        return none, f"No share is given: {found.worked.withheld}."
    if not len(found.worked.lead):
        return none, f"No lead that sales worked can be judged by {day_of(until)}: {within_days} days have not passed."
    return found, ""
