"""Leads below the bar that sales accepted all the same, and which traits set them apart."""

from __future__ import annotations

import math
from collections.abc import Iterator

from leadscore.base.days import in_words
from leadscore.base.text import counted
from leadscore.meeting.drafts import SURE, Asked, Comparison, Draft, Silent, Written, simes, verdict
from leadscore.meeting.trait_tables import LUCK, picture, table
from leadscore.present.figures import of_all, points_change
from leadscore.present.page import CLEAR, MainPoint, PageSection, ToDecide
from leadscore.sales.facts import Facts
from leadscore.sales.traits.missed import Missed, missed_of
from leadscore.sales.traits.traits import sets_apart

_TRAITS = "missed: traits"
_CHOSEN = "Sales chose which of these leads to work, so the rest may differ. Accepted is not won."


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where sales decided on no lead below, or no refusal is recorded."""
    found = facts.once(missed_of)
    n = int(found.shares.loc["below"].to_dict()["n"])
    if not n:
        return Silent("Which accepted leads the score missed: sales has decided on no lead below the bar in 12 weeks.")
    if math.isnan(found.p):
        return Silent("Which accepted leads the score missed: no outcome is rejected or recycled.")
    several = counted(len(found.frame), "trait")
    p = math.nan if n < asked.few else simes(found.frame["q"])
    what = "share accepted of leads below the bar, with each trait against without it"
    comparison = Comparison(_TRAITS, what, f"Fisher's exact test, Simes over {several}", n, p)
    return Draft((comparison,), lambda clear: _written(found, asked, clear=clear(_TRAITS)))


def _written(found: Missed, asked: Asked, *, clear: bool) -> Written:
    below, above = (found.shares.loc[route].to_dict() for route in ("below", "above"))
    n = int(below["n"])
    apart = _apart(len(found.frame)) if not clear else sets_apart(found.frame, "accepted")
    headline = f"Sales accepted {below['accepted']:,.0f} of {counted(n, 'lead')} below the bar; {apart}."
    sure = verdict(n if len(found.frame) else 0, asked.few, clear=clear)
    figures = {
        "below": below, "above": above, "difference": found.gap[0], "low": found.gap[1], "high": found.gap[2],
        "undecided": found.undecided, "traits": len(found.frame),
    }  # fmt: skip
    caption = (
        "Acceptance with the trait less without it, in percentage points, 95% intervals. Filled: holds after "
        "correction. Hollow: could be luck."
    )
    section = PageSection(
        "missed", "Accepted leads the score missed", headline, sure, tuple(_text(found)),
        picture(found.frame, "What goes with acceptance below the bar", caption),
        table(found.frame, "All traits tested", "accepted", found.notes[:-1]), figures,
    )  # fmt: skip
    if not clear:
        return Written(section)
    return Written(section, ((SURE, MainPoint("missed", headline, CLEAR)),), (_decide(found, headline),))


def _apart(traits: int) -> str:
    if traits < 2:
        return "the one trait tested does not clearly set them apart" if traits else "too few to compare their traits"
    return f"none of {traits:,} traits tested clearly sets them apart"


def _text(found: Missed) -> Iterator[str]:
    rows = [found.shares.loc[route].to_dict() for route in ("below", "above")]
    (below, n), (above, others) = ((int(row["accepted"]), int(row["n"])) for row in rows)
    weeks = f"In the 12 weeks up to {in_words(found.end)}"
    if others:
        shares = f"{of_all(below, n)} were accepted below the bar and {of_all(above, others)} above it"
        yield f"{weeks}, {shares}: {points_change(*found.gap)}."
    else:
        yield f"{weeks} sales decided on no lead above the bar, so the two cannot be compared."
    if found.undecided:
        yield f"Not decided yet, and counted on neither side: {found.undecided:,}."
    yield f"{LUCK} {_CHOSEN}" if len(found.frame) else _CHOSEN


def _decide(found: Missed, headline: str) -> ToDecide:
    row = found.frame.iloc[0]
    if row["difference"] > 0:
        options = ("points for it, once newer leads confirm it", "a route of its own to sales", "look again next time")
        return ToDecide(f"Should leads with {row['trait']} come to sales sooner?", headline, options)
    options = ("fewer points for it, once newer leads confirm it", "do not work them", "look again next time")
    return ToDecide(f"Should sales work leads with {row['trait']} below the bar?", headline, options)
