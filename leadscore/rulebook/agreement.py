"""The agreement of the two teams: what each of them promised the other. Nothing of it scores."""

from __future__ import annotations

from pydantic import Field

from leadscore.base.text import counted, decimal, exact_percent
from leadscore.rulebook.values import Amount, Date, Days, Hours, Name, Part, Points, Positive, Share

# The persona of those whom none of the personas describes.
NOT_MAPPED = "not mapped"


class Marketing(Part):
    """What marketing promised."""

    mqls_per_week: Positive | None = None
    accepted: Share | None = None
    complete_at_handover: dict[Name, Share] = Field(default_factory=dict)
    mix: dict[Name, Share] = Field(default_factory=dict)


class Respond(Part):
    """Which share of MQLs sales contacts, and how soon."""

    within_minutes: Positive | None = None
    share: Share

    def __str__(self) -> str:
        soon = "the agreed time" if self.within_minutes is None else f"{decimal(self.within_minutes)} minutes"
        return f"{exact_percent(self.share)} within {soon}"


class Decide(Part):
    """Which share of MQLs sales decides on, and by when."""

    within_days: Days
    share: Share

    def __str__(self) -> str:
        return f"{exact_percent(self.share)} within {counted(self.within_days, 'day')}"


class Sales(Part):
    """What sales promised."""

    respond: Respond | None = None
    decide: Decide | None = None
    reason_with_refusal: Share | None = None
    hours: Hours | None = None


class Shared(Part):
    """What both teams want to reach."""

    weighted_pipeline: Amount | None = None
    needing_activity_at_most: Share | None = None
    usual_activity: Points | None = None


class Agreement(Part):
    """The service level agreement behind the numbers."""

    agreed_on: Date | None = None
    agreed_by: tuple[Name, ...] = ()
    review_every_days: Days | None = None
    respond_within_minutes: Positive | None = None
    marketing: Marketing = Marketing()
    sales: Sales = Sales()
    shared: Shared = Shared()

    @property
    def responds_within(self) -> float | None:
        """Minutes within which sales promised to contact an MQL; None if it promised no time."""
        own = self.sales.respond.within_minutes if self.sales.respond else None
        return self.respond_within_minutes if own is None else own
