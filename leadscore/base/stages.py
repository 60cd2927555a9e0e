"""The stages of the funnel, in their order, and how a pass through it ends."""

STAGES = ("lead", "mql", "sal", "sql", "opportunity", "won", "rejected", "lost", "recycled", "contacted")
FUNNEL = STAGES[:6]
# What sales does or decides: a lead with none of these was never worked.
WORKED = STAGES[2:]
# A pass through the funnel ends with one of these; the lead may come again.
ENDS = ("rejected", "lost", "recycled")


def or_further(stage: str) -> tuple[str, ...]:
    """A stage, and those of the funnel that come after it.

    Examples
    --------
    >>> or_further("sql"), or_further("contacted")
    (('sql', 'opportunity', 'won'), ('contacted',))
    """
    return FUNNEL[FUNNEL.index(stage) :] if stage in FUNNEL else (stage,)
