"""`Binding`: tables and rulebooks bound once for a public call, and handed down to all that it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from leadscore.rulebook import Rulebook
from leadscore.rulebook.plan import compiled
from leadscore.scoring.replay import History, Replay
from leadscore.scoring.timeline import Timeline
from leadscore.tables.tables import Tables


class Binding:
    """Rulebooks on tables over the days `first` to `last`, since 1970: of each one timeline and one replay, when asked.

    It lives as long as the call that made it: nothing is kept for the next one.

    Parameters
    ----------
    tables : Tables
    first, last : int
        The days that leads are looked at on.
    replayed : sequence of (first, last), optional
        The periods within which histories are asked for; by default all days.
    """

    def __init__(
        self, tables: Tables, first: int, last: int, *, replayed: Sequence[tuple[int, int]] | None = None
    ) -> None:
        self.tables, self.first, self.last = tables, first, last
        self._replayed = [(first, last)] if replayed is None else replayed
        # A history looks at the day before it too.
        self._days = min(first, *(begin - 1 for begin, _ in self._replayed)), last
        self._counted: dict[str, Timeline] = {}
        self._timelines: dict[Rulebook, Timeline] = {}
        self._replays: dict[Rulebook, Replay] = {}

    def timeline(self, rulebook: Rulebook) -> Timeline:
        """The rulebook's; of rulebooks that differ in thresholds alone, events are counted once."""
        if rulebook not in self._timelines:
            plan, events = compiled(rulebook), rulebook.but_for_thresholds()
            if events not in self._counted:
                self._counted[events] = Timeline(plan, self.tables, *self._days)
            self._timelines[rulebook] = self._counted[events].judged_by(plan, self.tables)
        return self._timelines[rulebook]

    def history(self, rulebook: Rulebook, first: int, last: int) -> History:
        """What `replay` says of days within one of the periods, which are searched once."""
        if rulebook not in self._replays:
            self._replays[rulebook] = Replay(self.timeline(rulebook), self.tables, self._replayed)
        return self._replays[rulebook].history(first, last)
