"""Sections of the review page, written as if they were the only one."""

import functools
import json

import leadscore as ls
from leadscore.meeting.drafts import Asked, corrected
from leadscore.sales.facts import Facts


@functools.cache
def company(n_leads, seed, planted=(), edits="{}"):
    """A made-up company as tables, and its rulebook with some things changed, as JSON of path to value."""
    made = ls.datasets.make_company(n_leads, random_state=seed, planted=planted)
    rulebook = made.rulebook.edited(json.loads(edits))
    marketing = {"touches": made.touches, "costs": made.costs}
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=rulebook, columns=None, **marketing)
    return tables, rulebook


def facts_of(tables, rulebook, start="2026-03-04", end="2026-03-31"):
    return Facts.of("review", tables, rulebook, start=start, end=end)


def written(draft, facts, few=30):
    """A section whose comparisons are corrected among themselves."""
    drafted = draft(facts, Asked(few))
    clear = corrected(drafted.comparisons)
    return drafted.write(lambda name: clear[name]["clear"])
