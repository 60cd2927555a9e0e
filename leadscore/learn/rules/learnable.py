"""What of a rulebook points cannot be learned for yet."""

from __future__ import annotations

from collections.abc import Iterator

from leadscore.errors import ArgumentError, Problem
from leadscore.rulebook import Rulebook


def check_learnable(rulebook: Rulebook) -> None:
    """Whether what each of a rulebook's points is multiplied with can be told.

    Raises
    ------
    ArgumentError
        With each word that stands in the way.
    """
    problems = [Problem(where, message) for where, message in _in_the_way(rulebook)]
    if problems:
        raise ArgumentError(f"rulebook {rulebook.name!r}", problems)


def _in_the_way(rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    if rulebook.include:
        yield "include", "points in other files are not learned: write the rules into this one"
    weighted = [("totals." + side, getattr(rulebook.totals, side)) for side in ("fit", "behaviour")]
    weighted += [(f"groups.{name}", group) for name, group in rulebook.groups.items()]
    weighted += [(f"{section}.{rule.name}", rule) for section, _, rule in rulebook.rules()]
    for where, part in weighted:
        for word in ("weight_percent", "cases", "sum", "per", "each_at_most"):
            if getattr(part, word, None) is not None:
                yield where, f"the points of a rule or limit with {word!r} are not learned yet"
    for rule in rulebook.behaviour:
        if not rule.event and not rule.cases:
            yield f"behaviour.{rule.name}", "the points of a rule without 'event' are not learned yet"
