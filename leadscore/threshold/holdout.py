"""A holdout sample: leads below the bar that sales works all the same, so that what the bar misses can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from leadscore.errors import ArgumentError, Problem
from leadscore.scoring.scores import Scores
from leadscore.stats.intervals import wilson


@dataclass(frozen=True, repr=False)
class Holdout:
    """Leads below the bar to pass on all the same; made by `holdout_sample`.

    Attributes
    ----------
    leads : Series, index lead_id
        Of each lead drawn the `probability` with which it was: it stands for 1 / probability leads below the bar.
    n : int
        Leads below the bar, of which they were drawn.
    blocked : int
        Leads that a `never` entry blocks; none of them was drawn.
    share : float
    seed : int
    """

    leads: pd.Series[Any]
    n: int
    blocked: int
    share: float
    seed: int

    @property
    def sentence(self) -> str:
        """How many were drawn, and what can be measured with them."""
        drawn = len(self.leads)
        chance = f"drawn with a chance of {100 * self.share:g} %"
        head = f"{drawn:,} of {self.n:,} leads below the bar are passed on, {chance}"
        aside = f"; {self.blocked:,} blocked ones are left out" if self.blocked else ""
        if not drawn:
            return f"{head}{aside}. Nothing can be measured with none."
        most = 100 * float(wilson(0, drawn)[1])
        return f"{head}{aside}. If none of them converts, at most {most:.2g} % of all below the bar would have (95 %)."

    def __repr__(self) -> str:
        return self.sentence


def holdout_sample(scores: Scores, share: float, seed: int) -> Holdout:
    """Draw leads below the bar that are passed on to sales all the same, so that missed opportunities can be measured.

    Of leads that nobody works it is never known what they would have become: no figure about the threshold sees them.
    A small random share, treated like any MQL, tells; do not let sales know which they are.

    Parameters
    ----------
    scores : Scores
    share : float, between 0 and 1
        The chance of each lead.
    seed : int
        Another seed is another draw.

    Returns
    -------
    Holdout

    Raises
    ------
    ArgumentError
        If `share` is no share or `seed` no whole number.

    Notes
    -----
    A lead is drawn by a hash (BLAKE2b) of the seed and its id alone: it does not matter on which day, in which order or
    with which other leads, and a lead once in stays in for as long as it is below the bar. With a larger share those
    drawn before stay in too. Whole numbers and text with the same digits are the same lead.

    References
    ----------
    Horvitz, D. G. and Thompson, D. J. (1952), A generalization of sampling without replacement from a finite universe,
    Journal of the American Statistical Association 47, 663-685.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(2000)
    >>> tables = ls.load_tables(made.leads, made.events, rulebook=made.rulebook)
    >>> holdout = holdout_sample(ls.score(tables, made.rulebook, as_of="2026-03-31"), 0.05, seed=7)
    >>> holdout
    98 of 1,854 leads below the bar are passed on, drawn with a chance of 5 %; 17 blocked ones are left out. If none of
    them converts, at most 3.8 % of all below the bar would have (95 %).
    >>> holdout.leads.head(2)
    lead_id
    L-000089    0.05
    L-000134    0.05
    Name: probability, dtype: float64
    """
    problems = []
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
        problems.append(Problem("share", f"must be more than 0 and at most 1; got {share!r}"))
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        problems.append(Problem("seed", f"must be a whole number; got {seed!r}"))
    if problems:
        raise ArgumentError("holdout_sample", problems)
    blocked = scores.frame["blocked_by"].notna()
    below = scores.lead_ids[~scores.frame["qualified"] & ~blocked]
    drawn = [_place(lead, seed) < share for lead in below]
    leads = pd.Series(float(share), below[np.array(drawn, bool)], name="probability")
    return Holdout(leads, len(below), int(blocked.sum()), float(share), int(seed))


def _place(lead: Any, seed: int) -> float:
    """A number from 0 up to 1 that only the seed and the lead decide, as if drawn at random."""
    digest = blake2b(f"{seed} {lead}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
