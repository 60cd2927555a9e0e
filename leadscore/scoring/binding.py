"""`Binding`: tables and rulebooks bound once for a public call, and handed down to all that it is made of."""

from __future__ import annotations

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
    """

    def __init__(self, tables: Tables, first: int, last: int) -> None:
        self.tables, self.first, self.last = tables, first, last
        self._counted: dict[str, Timeline] = {}
        self._timelines: dict[Rulebook, Timeline] = {}
        self._replays: dict[Rulebook, Replay] = {}

    def timeline(self, rulebook: Rulebook) -> Timeline:
        """The rulebook's; of rulebooks that differ in thresholds alone, events are counted once."""
        if rulebook not in self._timelines:
            plan, events = compiled(rulebook), rulebook.but_for_thresholds()
            if events in self._counted:
                self._timelines[rulebook] = self._counted[events].judged_by(plan, self.tables)
            else:
                # A history looks at the day before it too.
                self._timelines[rulebook] = Timeline(plan, self.tables, self.first - 1, self.last)
                self._counted[events] = self._timelines[rulebook]
        return self._timelines[rulebook]

    def history(self, rulebook: Rulebook, first: int, last: int) -> History:
        """What `replay` says of some of the days."""
        if rulebook not in self._replays:
            self._replays[rulebook] = Replay(self.timeline(rulebook), self.tables)
        return self._replays[rulebook].history(first, last)
