"""A holdout sample: leads below the threshold that sales works all the same, so that what it misses can be measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.scoring.scores import Scores
from leadscore.stats.intervals import wilson


@dataclass(frozen=True, eq=False, repr=False)
class Holdout(Result):
    """Leads below the threshold to pass on all the same; made by `holdout_sample`.

    Attributes
    ----------
    leads : Series, index lead_id
        Of each lead drawn the `probability` with which it was: it stands for 1 / probability leads below the threshold.
    n : int
        Leads below the threshold, of which they were drawn.
    blocked : int
        Leads that a `never` entry blocks; none of them was drawn.
    share : float
    random_state : int
    """

    leads: pd.Series[Any]
    n: int
    blocked: int
    share: float
    random_state: int
    notes = ("Treat them like any MQL, and do not tell sales which ones they are.",)

    @property
    def headline(self) -> str:
        """How many were drawn, and what can be measured with them."""
        drawn = len(self.leads)
        chance = f"drawn with a chance of {100 * self.share:g} %"
        head = f"{drawn:,} of {counted(self.n, 'lead')} below the threshold to pass on, {chance}"
        aside = f"; {self.blocked:,} blocked left out" if self.blocked else ""
        if not drawn:
            return f"{head}{aside}. With none drawn, nothing can be measured."
        most = 100 * float(wilson(0, drawn)[1])
        return f"{head}{aside}. If none of them converts, at most {most:.2g} % of all below it would have (95 %)."

    def sections(self) -> Iterator[Section]:
        """The leads drawn."""
        frame = self.leads.to_frame()
        yield Section("leads", "Leads drawn", frame, shown=frame[:0])


def holdout_sample(scores: Scores, *, share: float, random_state: int) -> Holdout:
    """Draw leads below the threshold to pass on to sales all the same, so that missed opportunities can be measured.

    Of leads that nobody works it is never known what they would have become: no figure about the threshold sees them.
    A small random share, treated like any MQL, tells; do not let sales know which they are.

    Parameters
    ----------
    scores : Scores
    share : float, between 0 and 1
        The chance of each lead.
    random_state : int
        Another number is another draw.

    Returns
    -------
    Holdout

    Raises
    ------
    ArgumentError
        If `share` is not a share or `random_state` no whole number from 0.

    Notes
    -----
    A lead is drawn by a hash (BLAKE2b) of `random_state` and its id alone: it does not matter on which day, in which
    order or with which other leads, and a lead once in stays in for as long as it is below the threshold. With a larger
    share those drawn before stay in too. Whole numbers and text with the same digits are the same lead.

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
    >>> scores = ls.score(tables, made.rulebook, as_of="2026-03-31")
    >>> holdout = holdout_sample(scores, share=0.05, random_state=7)
    >>> print(holdout.headline)
    99 of 1,882 leads below the threshold to pass on, drawn with a chance of 5 %; 17 blocked left out. If none of them
    converts, at most 3.7 % of all below it would have (95 %).
    >>> holdout.leads.head(2)
    lead_id
    L-000089    0.05
    L-000134    0.05
    Name: probability, dtype: float64
    """
    with Arguments("holdout_sample") as given:
        given.types(scores=(scores, Scores))
        given.number("share", share, above=0, most=1)
        given.whole("random_state", random_state, least=0, room=2**256)
    blocked = scores.frame["blocked_by"].notna()
    below = scores.lead_ids[~scores.frame["qualified"] & ~blocked]
    drawn = [_place(lead, random_state) < share for lead in below]
    leads = pd.Series(float(share), below[np.array(drawn, bool)], name="probability")
    return Holdout(leads, len(below), int(blocked.sum()), float(share), int(random_state))


def _place(lead: Any, seed: int) -> float:
    """A number from 0 up to 1 that only the seed and the lead decide, as if drawn at random."""
    digest = blake2b(f"{seed} {lead}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
