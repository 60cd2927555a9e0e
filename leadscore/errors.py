"""What went wrong, said so that a person can put it right: every error of the package is a `LeadscoreError`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

# What moves the cursor, colours a terminal, ends a line, turns the direction of reading or takes no room.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: object) -> str:
    r"""Any text in one line, with what cannot be seen written as its code.

    Examples
    --------
    >>> print(visible("a\x1b[31mb\nc"))
    a\x1b[31mb\nc
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes
    ----------
    where : str
        The place: `line 9, fit[0].column` in a rulebook, `leads.employees` in a table.
    message : str
        What is wrong, what was found, what would be right.
    excerpt : str
        The line of the file with a caret under the place, or the first bad rows; may be empty.
    """

    where: str
    message: str
    excerpt: str = ""

    def __str__(self) -> str:
        # A name in it that holds a line break must not pass for a line of ours.
        head = visible(f"{self.where}: {self.message}" if self.where else self.message)
        return "\n".join(
            [head, *(f"    {visible(line)}" for line in self.excerpt.rstrip("\n").split("\n") if self.excerpt)]
        )


class LeadscoreError(Exception):
    """The base of all errors of the package; `problems` holds each of them as data.

    Attributes
    ----------
    source : str
        What was read: a file's name, `tables`, an argument.
    problems : tuple of Problem
        Everything that is wrong, not the first thing only.
    """

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__(source, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{count} problem{'' if count == 1 else 's'} in {visible(self.source)}"]
        lines += [f"  {line}" for problem in self.problems for line in str(problem).split("\n")]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[type[LeadscoreError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.source, self.problems)


class RulebookError(LeadscoreError):
    """A rulebook that cannot be used as it is written."""


class DataFileError(LeadscoreError):
    """A `data.yaml` that cannot be used as it is written."""


class DecisionsError(LeadscoreError):
    """A `decisions.yaml` that cannot be used as it is written."""


class ContractError(LeadscoreError):
    """Tables that break their contract: what the columns and rows must be."""


class ArgumentError(LeadscoreError, ValueError):
    """An invalid argument: an `as_of` with a time of day, a lead that is not there."""

    def __init__(self, source: str, problems: Iterable[Problem] | str) -> None:
        super().__init__(source, [Problem("", problems)] if isinstance(problems, str) else problems)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The end of a message: the nearest known name, else what is known, if that is short.

    Examples
    --------
    >>> did_you_mean("industy", ["industry", "country"])
    "; did you mean 'industry'?"
    >>> did_you_mean("x", ["industry", "country"])
    "; known are 'country', 'industry'"
    """
    names: Sequence[str] = sorted(set(known))
    listed = f"; known are {', '.join(map(repr, names))}" if 0 < len(names) <= 12 else ""
    return nearest(name, names) or listed


def nearest(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The end of a message: the nearest known name, if one is alike; 1 is the same."""
    near = get_close_matches(str(name), [*map(str, known)], n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else ""
