"""`Binding`: tables and rulebooks bound once for a public call, and handed down to all that it is made of."""

from __future__ import annotations

from leadscore.rulebook import Rulebook
from leadscore.scoring.plan import compiled
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
    replayed_from : int, optional
        The first day of the histories that are asked for; by default `first`.
    """

    def __init__(self, tables: Tables, first: int, last: int, *, replayed_from: int | None = None) -> None:
        self.tables = tables
        self._replayed_from = first if replayed_from is None else replayed_from
        # A history looks at the day before it too.
        self._days = min(first, self._replayed_from - 1), last
        self._timelines: dict[Rulebook, Timeline] = {}
        self._replays: dict[Rulebook, Replay] = {}

    def timeline(self, rulebook: Rulebook) -> Timeline:
        """The rulebook's, made once."""
        if rulebook not in self._timelines:
            self._timelines[rulebook] = Timeline(compiled(rulebook), self.tables, *self._days)
        return self._timelines[rulebook]

    def history(self, rulebook: Rulebook, first: int, last: int) -> History:
        """What `replay` says of a period of these days; they are searched once for all periods."""
        if rulebook not in self._replays:
            self._replays[rulebook] = Replay(self.timeline(rulebook), self.tables, self._replayed_from)
        return self._replays[rulebook].history(first, last)
