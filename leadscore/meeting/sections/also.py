"""Smaller questions, a line each: trials, fields nobody uses, who is likely but not ready, requests, picking."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from leadscore.base.days import day_of
from leadscore.base.text import counted
from leadscore.meeting.drafts import SURE, Asked, Clear, Comparison, Draft, Silent, Written
from leadscore.present.figures import share
from leadscore.present.page import CLEAR, MainPoint, PageSection
from leadscore.rulebook.kinds import lead_kinds, persona_kinds
from leadscore.sales.facts import TWELVE_WEEKS, Facts
from leadscore.sales.handover.handovers import BELOW, HAND_RAISE
from leadscore.sales.response.cherry_picking import CherryPicking, cherry_picking
from leadscore.sales.traits.traits import MARKED
from leadscore.scoring.scores import lead_ids
from leadscore.tables.tables import completeness
from leadscore.threshold.capacity import WEEK, chosen, gain

_PICKING = "also: picking"
_SOURCE = "source"
# On companies whose sales tosses a coin, job titles of 22 levels depend on it in 13 % of 60 runs.
_LEVELS = 12
# So many rules are named with their reasons.
_RULES = 6


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where there is nothing to say of any of them."""
    picking = facts.once(_picking)
    lines = [*_trials(asked), *_unused(facts), *_not_ready(facts), *_requests(facts, asked.few), *_reasons(facts)]
    tests = [] if picking is None else picking.frame["p_corrected"].dropna().tolist()
    n = 0 if picking is None else int(picking.frame["n"].max())
    if not lines and not tests:
        return Silent(
            "Who is likely but not ready, and which fields could be dropped: `grades` of fit and behaviour and "
            "`required` columns in the rulebook tell."
        )
    what = f"whether leads are worked, and how fast, at an equal score, by {counted(len(tests), 'test')}"
    p = math.nan if n < asked.few else min(tests, default=math.nan)
    method = "stratified tests, Holm among themselves"

    def write(clear: Clear) -> Written:
        said = _picked(picking, tests, clear=clear(_PICKING), few=n < asked.few)
        text = (*lines, *([said] if said else []))
        if not clear(_PICKING):
            headline = f"{counted(len(text), 'smaller question')}, a line each."
            return Written(PageSection("also", "Also", headline, None, text))
        section = PageSection("also", "Also", said, CLEAR, tuple(lines))
        return Written(section, ((SURE, MainPoint("also", said, CLEAR)),))

    return Draft((Comparison(_PICKING, what, method, n, p),), write)


def _trials(asked: Asked) -> Iterator[str]:
    """Where each trial stands; of one that is not decided only that it runs."""
    for name, trial in asked.trials.items():
        yield f"Trial “{name}”: {trial.headline}"


def _unused(facts: Facts) -> Iterator[str]:
    """Required fields that no rule, persona or promise uses."""
    book = facts.rulebook
    required = [name for name, column in book.columns.items() if column.required != "no"]
    promised = set() if book.agreement is None else set(book.agreement.marketing.complete_at_handover)
    used = {*lead_kinds(book), *persona_kinds(book), *promised}
    unused = [name for name in required if name not in used and name in facts.tables.leads.column_names]
    if unused:
        rows = facts.tables.records.latest()[facts.handovers.during(facts.period)["lead"].to_numpy()]
        filled = completeness(facts.tables, book, rows)
        counts = filled[["known", "n"]].T.to_dict()
        each = ", ".join(f"{name} (filled in for {share(counts[name]['known'], counts[name]['n'])})" for name in unused)
        mqls = counted(len(rows), "MQL")
        yield f"Fields that could be dropped: no rule, persona or promise uses {each}. Counted over {mqls}."
    elif required:
        yield f"Fields that could be dropped: none of the {len(required)} required; each is used."


def _not_ready(facts: Facts) -> Iterator[str]:
    """How many leads fit well, do next to nothing, and have not come to sales."""
    grades, end = facts.rulebook.grades, facts.period.last
    sides = [getattr(grades, side, None) or {} for side in ("fit", "behaviour")]
    # What is all below the last bar has none.
    fit, behaviour = ({name: bar for name, bar in one.items() if bar > -math.inf} for one in sides)
    if not fit or not behaviour:
        return
    bound = facts.binding.timeline(facts.rulebook).everyone(end)
    came = facts.stages.came_to_sales(len(facts.tables.ids), facts.stages.times.days(facts.rulebook.timezone))
    good, low = [*fit.items()][:2], min(behaviour.values())
    there = (bound.fit >= 1000 * good[-1][1]) & (bound.behaviour < 1000 * low) & (bound.via < 0) & (bound.blocked < 0)
    left = bound.lead[there & (came[bound.lead] > end)]
    since = facts.binding.timeline(facts.rulebook).there_from[left]
    new = f"{int((since > end - TWELVE_WEEKS).sum()):,} of them new in {TWELVE_WEEKS // WEEK} weeks"
    names = " or ".join(str(name) for name, _ in good)
    little = f"with less than {low:g} points of behaviour"
    yield f"Likely but not ready: {counted(len(left), 'lead')} of fit {names} {little}, not at sales yet, {new}."


def _requests(facts: Facts, few: int) -> Iterator[str]:
    """What scoring finds beyond those that ask for sales themselves, of the leads that sales decided on."""
    end = facts.period.last
    rows = facts.handovers.frame
    rows = rows[(rows["day"] > end - TWELVE_WEEKS) & rows["accepted"].notna() & rows["total"].notna()]
    rows = rows.drop_duplicates("lead")
    raised = rows["route"] == HAND_RAISE
    # Where sales refused nobody or nobody asked for it, there is nothing to compare.
    if not raised.any() or rows["accepted"].all():
        return
    week, weeks = ((end - rows["day"]) // WEEK).to_numpy(), TWELVE_WEEKS // WEEK
    places = np.full(weeks, (rows["route"] != BELOW).sum() / weeks)
    asked = np.where(raised, 1, -np.inf)
    more = gain(
        chosen(rows["total"].to_numpy(), week, places) - chosen(asked, week, places),
        rows["accepted"].to_numpy(bool), week,
    )  # fmt: skip
    low, high = more.interval(0.95)
    said = f"of {counted(len(rows), 'lead')} that sales decided on in {weeks} weeks"
    if len(rows) < few:
        yield f"Scoring against waiting for requests: too few to say, {said}."
        return
    yield (
        f"Scoring against waiting for requests: in {places[0]:.0f} places a week the highest scores bring "
        f"{abs(more.value) / weeks:.1f} accepted leads a week {'more' if more.value >= 0 else 'fewer'} than "
        f"hand-raises alone (95% interval: {low / weeks:+.1f} to {high / weeks:+.1f}), {said}."
    )


def _reasons(facts: Facts) -> Iterator[str]:
    """Why there are the rules that say so, and whose they are."""
    rules = [rule for *_, rule in facts.rulebook.rules() if rule.why or rule.owner]
    if rules:
        owned = [f" ({rule.owner})" if rule.owner else "" for rule in rules]
        said = [f"“{rule.name}”: {rule.why or 'no reason given'}{by}" for rule, by in zip(rules, owned, strict=True)]
        more = f"; and {counted(len(said) - _RULES, 'more rule')}" if len(said) > _RULES else ""
        yield f"Why rules are there: {'; '.join(said[:_RULES])}{more}."


def _picking(facts: Facts) -> CherryPicking | None:
    """Whether sales picks MQLs by more than their score; None where there is nothing to test."""
    rows = facts.handovers.frame
    rows = rows[rows["total"].notna() & (rows["day"] > facts.period.last - TWELVE_WEEKS)].drop_duplicates("lead")
    columns = [name for name in dict.fromkeys([*lead_kinds(facts.rulebook), _SOURCE]) if _few_levels(facts, name)]
    if not len(rows) or not columns or facts.stages.only_successes("sal"):
        return None
    score = pd.Series(rows["total"].to_numpy(), lead_ids(facts.tables, rows["lead"].to_numpy(np.int32)))
    until = day_of(facts.until)
    return cherry_picking(facts.tables, facts.rulebook, score=score, columns=columns, observed_until=until)


def _few_levels(facts: Facts, name: str) -> bool:
    """Whether a column is there, and is a number or has few values: of many levels the tests claim too much."""
    if name not in facts.tables.leads.column_names:
        return False
    return lead_kinds(facts.rulebook).get(name) == "number" or facts.tables.latest(name).nunique() <= _LEVELS


def _picked(picking: CherryPicking | None, tests: list[float], *, clear: bool, few: bool) -> str:
    if picking is None or not tests:
        return ""
    if clear:
        return picking.headline
    if few:
        return "Whether sales picks beyond the score: too few MQLs to say."
    if min(tests) <= MARKED:
        return f"Whether sales picks beyond the score: not clear ({counted(len(tests), 'test')})."
    return f"Sales does not appear to pick beyond the score ({counted(len(tests), 'test')})."
