"""`Facts`: what the analyses of one period share, each part found once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self, TypeVar

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.periods import Period
from leadscore.errors import ArgumentError
from leadscore.rulebook import Rulebook
from leadscore.sales.deals.deals import Deals, deals_of
from leadscore.sales.handover.handovers import Handovers, handovers_of
from leadscore.scoring.binding import Binding
from leadscore.tables.outcomes import Stages
from leadscore.tables.tables import Tables

_T = TypeVar("_T")

# Trends, and figures that a single period is too short for, look at so many days.
TWELVE_WEEKS = 84


@dataclass(frozen=True, eq=False)
class Facts:
    """Tables and a rulebook, looked at over a period and the equally long one before it.

    Attributes
    ----------
    tables : Tables
    rulebook : Rulebook
    period : Period
    until : int
        The last day whose outcomes are known, in days since 1970.
    stages : Stages
        The outcomes up to that day.
    """

    tables: Tables
    rulebook: Rulebook
    period: Period
    until: int
    stages: Stages
    _found: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def of(  # noqa: PLR0913 - as the functions that call it
        cls, call: str, tables: Any, rulebook: Any, *, start: Any, end: Any, observed_until: Any = None
    ) -> Self:
        """The facts that a public function, by name, was asked for.

        Raises
        ------
        ArgumentError
            If tables and rulebook are not in this order, have different time zones, there are no outcomes, or the
            period is none, or ends after the last day whose outcomes are known.
        """
        with Arguments(call) as given:
            given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
            first, last = given.period(start, end)
        if tables.timezone != rulebook.timezone:
            cure = "read them with load_tables(..., rulebook=...)"
            zones = f"has days of {rulebook.timezone}, the tables of {tables.timezone}: {cure}"
            raise ArgumentError("rulebook", zones)
        stages, until = tables.observed(observed_until)
        if last > until:
            message = f"must not come after {day_of(until)}, the last day whose outcomes are known; got {day_of(last)}"
            cure = f"observed_until={str(day_of(last))!r} says that nothing more happened until then"
            raise ArgumentError("end", f"{message}. If they are known, {cure}")
        return cls(tables, rulebook, Period(first, last), until, stages)

    def over(self, period: Period) -> Facts:
        """The same tables and outcomes, looked at over another period."""
        return replace(self, period=period, _found={})

    @property
    def span(self) -> Period:
        """The days that are looked at: both periods, and no less than the 12 weeks up to the end of this one."""
        return Period(min(self.period.before.first, self.period.last + 1 - TWELVE_WEEKS), self.period.last)

    @cached_property
    def binding(self) -> Binding:
        """Tables and rulebook over the span."""
        return Binding(self.tables, self.span.first, self.span.last)

    @cached_property
    def handovers(self) -> Handovers:
        """The MQLs of the span."""
        return handovers_of(self.binding, self.rulebook, self.stages, self.span)

    @cached_property
    def deals(self) -> Deals | None:
        """The deals up to the last day known; None where outcomes have no `deal_id`."""
        return deals_of(self.stages, self.tables.timezone)

    def once(self, analysis: Callable[[Facts], _T]) -> _T:
        """What an analysis finds in these facts; it is made at the first call, whoever asks."""
        if analysis not in self._found:
            self._found[analysis] = analysis(self)
        found: _T = self._found[analysis]
        return found
