"""Sections before the page's comparisons are corrected together: what is compared, and how it reads either way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leadscore.meeting.decisions import Decisions
from leadscore.present.page import CLEAR, NOT_CLEAR, TOO_FEW, MainPoint, PageSection, ToDecide, Verdict
from leadscore.stats.intervals import holm
from leadscore.threshold.trials import Trial

# Whether a comparison, by its name, is clear once all those of the page are corrected together.
Clear = Callable[[str], bool]
# What is surely so comes first among the main points, then promises that were not kept, then the rest.
SURE, PROMISED, CONTEXT = range(3)
_LEVEL = 0.05


@dataclass(frozen=True)
class Asked:
    """What the caller of `review` asked for, beside the facts.

    Attributes
    ----------
    few : int
        Of fewer cases nothing is claimed.
    decisions : Decisions or None
        What the teams decided before.
    trials : mapping of name to Trial
        Those that run.
    """

    few: int = 30
    decisions: Decisions | None = None
    trials: Mapping[str, Trial] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """One test behind a headline.

    Attributes
    ----------
    name : str
        The section's id and what is compared, as "accepted: change".
    what : str
        The comparison in words: "share accepted, this period against the one before".
    method : str
        The test, by its usual name.
    n : int
        The cases it rests on.
    p : float
        Before correction; NaN where there are too few cases to test, which is no comparison.
    """

    name: str
    what: str
    method: str
    n: int
    p: float


@dataclass(frozen=True)
class Written:
    """A section, and what it offers for the top and the end of the page.

    Attributes
    ----------
    section : PageSection
    main : tuple of (rank, MainPoint)
        For the main points: `SURE`, `PROMISED` or `CONTEXT`, and the sentence.
    decide : tuple of ToDecide
    """

    section: PageSection
    main: tuple[tuple[int, MainPoint], ...] = ()
    decide: tuple[ToDecide, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A section whose headline waits for the correction.

    Attributes
    ----------
    comparisons : tuple of Comparison
        All that its headline may call clear.
    write : callable
        Given what is clear, the section.
    """

    comparisons: tuple[Comparison, ...]
    write: Callable[[Clear], Written]


@dataclass(frozen=True)
class Silent:
    """A section for which no data came: one line under what the page cannot say, with what would help."""

    why: str


def corrected(comparisons: Iterable[Comparison]) -> dict[str, dict[str, Any]]:
    """All comparisons of a page with p-values corrected together (Holm), by name."""
    listed = list(comparisons)
    adjusted = holm([one.p for one in listed]).tolist()
    return {
        one.name: {
            "what": one.what, "method": one.method, "n": one.n, "p": one.p, "p_corrected": p, "clear": p <= _LEVEL,
        }
        for one, p in zip(listed, adjusted, strict=True)
    }  # fmt: skip


def verdict(n: int, few: int, *, clear: bool) -> Verdict:
    """How sure a headline about `n` cases is."""
    return TOO_FEW if n < few else CLEAR if clear else NOT_CLEAR


def simes(q: Iterable[float]) -> float:
    """One p-value of many: that none of the differences is there, from the q-values (Benjamini-Hochberg) of all.

    References
    ----------
    Simes, R. J. (1986), An improved Bonferroni procedure for multiple tests of significance, Biometrika 73, 751-754.

    Examples
    --------
    >>> simes([0.04, 0.2, float("nan")]), simes([])
    (0.04, nan)
    """
    return min((one for one in q if not math.isnan(one)), default=math.nan)
