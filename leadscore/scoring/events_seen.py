"""The events beside what a rulebook waits for: which rules they reach, and of the others how near they come."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from leadscore.base.times import DAY
from leadscore.rulebook import Rulebook
from leadscore.rulebook.conditions import Happening, Occurrence
from leadscore.rulebook.model import BehaviourRule
from leadscore.rulebook.values import LONGEST_DAYS
from leadscore.scoring.attributes import IN_CACHE, Ints
from leadscore.scoring.plan import ALWAYS, compiled
from leadscore.scoring.timeline import Classes
from leadscore.scoring.values import Values
from leadscore.tables.events import EventBatch
from leadscore.tables.tables import Tables

# A day of the calendar fits in so many bits.
_BITS = 24
_Mask = npt.NDArray[np.bool_]


@dataclass
class Seen:
    """What was seen of the events that a rule, a `never` or the hand-raise waits for, until it fired.

    Attributes
    ----------
    n, latest : how many up to the last day, and the day of the latest; 0 if there is none
    later, earliest : how many after the last day, and the day of the earliest
    most : of a rule that goes by how many there are, the most that any lead has in its window
    """

    part: Occurrence
    fired: bool = False
    n: int = 0
    latest: int = -LONGEST_DAYS
    later: int = 0
    earliest: int = LONGEST_DAYS
    most: int = 0
    keys: list[Ints] = field(default_factory=list)
    counts: list[Ints] = field(default_factory=list)

    @property
    def least(self) -> int:
        """How many events or days it takes."""
        rule = self.part
        if not isinstance(rule, BehaviourRule) or rule.from_ is None or rule.sum or rule.per or rule.once_per:
            return 1
        return int(min((count for count in rule.from_ if rule.reached(count)), default=1))

    @property
    def within(self) -> int:
        """How many days back an event is worth something."""
        within = getattr(self.part, "within_days", None) or ALWAYS
        rule = self.part
        if not isinstance(rule, BehaviourRule) or rule.points is None or rule.sum:
            return within
        return bisect_left(range(within), x=True, key=lambda age: rule.worth(age) == 0)

    def note(self, day: Ints, last: int, inside: _Mask, lead: npt.NDArray[np.int32], count: Ints) -> None:
        """Note events on days; those inside the window count for the rule."""
        now = day <= last
        self.n += int(count[now].sum())
        self.later += int(count[~now].sum())
        self.latest = int(day[now].max(initial=self.latest))
        self.earliest = int(day[~now].min(initial=self.earliest))
        if inside.any():
            self.keys.append((lead[inside].astype(np.int64) << _BITS) + day[inside] + LONGEST_DAYS)
            self.counts.append(count[inside])
            self.most = max(self.most, self._most(self.keys[-1:], self.counts[-1:]))
            self.fired = self.most >= self.least

    def end(self) -> None:
        """Count once more over all that was noted."""
        if not self.fired and self.keys:
            self.most = self._most(self.keys, self.counts)
            self.fired = self.most >= self.least
        self.keys, self.counts = [], []

    def _most(self, keys: list[Ints], counts: list[Ints]) -> int:
        """The most events or days with events that any lead has."""
        if self.least == 1:
            return 1
        key, count = np.concatenate(keys), np.concatenate(counts)
        if not isinstance(self.part, BehaviourRule) or self.part.count != "each":
            key = np.unique(key)
            count = np.ones(len(key), np.int64)
        return int(np.bincount(key >> _BITS, count).max())


class EventsSeen:
    """The events up to a day, beside a rulebook.

    Attributes
    ----------
    happenings : list of Seen
        As in the plan: the behaviour rules, `never` entries with an event, the hand-raises, and what else is looked at.
    """

    def __init__(self, tables: Tables, rulebook: Rulebook, first: int, last: int) -> None:
        self.tables, self.rulebook, self.first, self.last = tables, rulebook, first, last
        plan = compiled(rulebook)
        self.happenings = [Seen(one.part) for one in plan.happenings]
        for seen in self.happenings:
            rule = seen.part
            pays = isinstance(rule, BehaviourRule) and rule.from_ is not None and rule.reached(0) != 0
            # What tells which others count, and a rule that asks for no events, is not waited for here.
            seen.fired = pays or not isinstance(rule, Happening) or not rule.event
        self._kinds = {name: column.kind for name, column in plan.events.items()}
        self._search(Classes(plan, tables))

    def _search(self, classes: Classes) -> None:
        """Look at the latest events first: where all rules fire, the rest need not be looked at."""
        within = [seen.within for seen in self.happenings]
        for batch in reversed(list(self.tables.events.pieces(IN_CACHE))):
            waiting = [place for place, seen in enumerate(self.happenings) if not seen.fired]
            if not waiting:
                break
            local = self.tables.events.local(batch, self.rulebook.timezone)
            kind, day = classes.of(batch, local), local // DAY
            for place in waiting:
                rows = np.flatnonzero(classes.matches[:, place][kind])
                if len(rows):
                    days, count = day[rows], _counts(batch)[rows]
                    inside = (days <= self.last) & (days > self.first - within[place])
                    self.happenings[place].note(days, self.last, inside, batch.lead[rows], count)
        for seen in self.happenings:
            seen.end()

    def values(self, name: str, events: tuple[str, ...] | None = None) -> Values:
        """A column of the events, of those with some names."""
        column = self.tables.event_column(name, self._kinds[name], self.rulebook)
        raw = self.tables.events.values[name]
        among = None
        if events is not None:
            names = self.values("event")
            among = np.append(names.among(events)[names.column.codes], False)
        counts = np.zeros(len(raw) + 1, np.int64)
        for batch in self.tables.events.pieces(IN_CACHE):
            rows = slice(None) if among is None else np.flatnonzero(among[batch.codes["event"]])
            weights = None if batch.count is None else batch.count[rows]
            counts += np.bincount(batch.codes[name][rows] + 1, weights, len(counts)).astype(np.int64)
        return Values(name, column, raw, counts[1:], int(counts[0]), "event")


def _counts(batch: EventBatch) -> Ints:
    return np.ones(len(batch), np.int64) if batch.count is None else batch.count
