"""What each team promised the other, and what it kept."""

from __future__ import annotations

from leadscore.meeting.drafts import PROMISED, Asked, Clear, Draft, Silent, Written
from leadscore.present.page import COUNTED, MainPoint, PageSection, Table
from leadscore.sales.facts import Facts
from leadscore.sales.kept.promises import promises_of

_KEPT = (
    "“Kept” compares the figure itself with the promise. The interval shows how far such a figure varies by chance. "
    "Only leads whose time is up count."
)


def draft(facts: Facts, _: Asked) -> Draft | Silent:
    """The section; silent where nothing was promised."""
    found = facts.once(promises_of)
    if not len(found.frame):
        return Silent("What each side promised: `agreement` in the rulebook has no promises of marketing or sales.")
    cells = zip(found.frame["team"], found.frame["promise"], found.figures(), found.frame["result"], strict=True)
    rows = tuple((team.capitalize(), said, figure, result.capitalize()) for team, said, figure, result in cells)
    heads = ("Team", "Promise", "This period (95% interval)", "Result")
    table = Table("Agreement, both ways", heads, rows, folded=False)
    numbers = found.frame[["promised", "count", "n", "figure", "low", "high"]]
    figures = {said: row.to_dict() for said, (_, row) in zip(found.frame["promise"], numbers.iterrows(), strict=True)}
    text = (_KEPT, *found.notes)
    section = PageSection("promises", "What each side promised", found.headline, COUNTED, text, None, (table,), figures)

    def write(_: Clear) -> Written:
        return Written(section, ((PROMISED, MainPoint("promises", found.headline, COUNTED)),))

    return Draft((), write)
