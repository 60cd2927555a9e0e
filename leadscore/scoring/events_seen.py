"""The events beside what a rulebook waits for: which rules they reach, and of the others how near they come."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from leadscore.rulebook import Rulebook
from leadscore.rulebook.conditions import Happening, Occurrence
from leadscore.rulebook.model import BehaviourRule
from leadscore.rulebook.plan import ALWAYS, Plan, compiled
from leadscore.rulebook.values import LONGEST_DAYS
from leadscore.scoring.values import Values
from leadscore.tables.counting import Counting, counted
from leadscore.tables.days import Days, Ints, merged
from leadscore.tables.tables import Tables


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

    def note(self, day: Ints, number: Ints, last: int) -> None:
        """Note how many events it waits for there are on each day."""
        now = day <= last
        self.n, self.later = int(number[now].sum()), int(number[~now].sum())
        self.latest = int(day[now].max(initial=self.latest))
        self.earliest = int(day[~now].min(initial=self.earliest))

    def note_days(self, days: Sequence[Days], oldest: int) -> None:
        """Note those that count: of each lead, up to an age."""
        if self.least == 1:
            self.most = int(any((one.age < oldest).any() for one in days))
        elif days := [part for part in (one.where(one.age < oldest) for one in days) if len(part.lead)]:
            self.most = self._most(days)
        self.fired = self.most >= self.least

    def _most(self, days: Sequence[Days]) -> int:
        """The most events, or days with some, that any lead has; or fewer that are enough."""
        if isinstance(self.part, BehaviourRule) and self.part.count == "each":
            lead, count = (np.concatenate([getattr(one, name) for one in days]) for name in ("lead", "count"))
            return int(np.bincount(lead, count).max())
        alone = max(int(np.bincount(one.lead).max()) for one in days)
        # The days of several classes are sorted to be put together.
        return alone if alone >= self.least or len(days) == 1 else int(np.bincount(merged(days).lead).max())


class EventsSeen:
    """The events up to a day, beside a rulebook.

    Attributes
    ----------
    happenings : list of Seen
        As in the plan: the behaviour rules, `never` entries with an event, the hand-raises, and what else is looked at.
    """

    def __init__(self, tables: Tables, rulebook: Rulebook, first: int, last: int) -> None:
        self.tables, self.rulebook, self.first, self.last = tables, rulebook, first, last
        self.n_events = len(tables.events)
        plan = compiled(rulebook)
        self.happenings = [Seen(one.part) for one in plan.happenings]
        for seen in self.happenings:
            rule = seen.part
            pays = isinstance(rule, BehaviourRule) and rule.from_ is not None and rule.reached(0) != 0
            # What tells which others count, and a rule that asks for no events, is not waited for here.
            seen.fired = pays or not isinstance(rule, Happening) or not rule.event
        self._kinds = {name: column.kind for name, column in plan.events.items()}
        self._search(self._counting(plan))

    def _counting(self, plan: Plan) -> Counting:
        """The events, counted on these days, or on more before them."""
        held = self.tables.events.counted.items()
        found = (one for (of, first, last), one in held if of is plan and first <= self.first and last == self.last)
        return next(found, None) or counted(self.tables, plan, self.first, self.last)

    def _search(self, counting: Counting) -> None:
        kind, day, number = counting.seen
        for place, (seen, table) in enumerate(zip(self.happenings, counting.classes.wanted(), strict=True)):
            if seen.fired:
                continue
            held = [counting.days[one] for one in table.classes]
            if table.width:
                (at,) = counting.classes.feeds[place]
                held = [counting.told[at - len(counting.days)]]
            seen.note_days(held, seen.within + self.last - self.first)
            rows = counting.classes.matches[:, place][kind]
            seen.note(day[rows], number[rows], self.last)

    def knows(self, _: Iterable[str]) -> bool:
        """Whether the values of columns are known: of whole tables, those of all."""
        return True

    def values(self, name: str, events: tuple[str, ...] | None = None) -> Values:
        """A column of the events, of those with some names."""
        column = self.tables.event_column(name, self._kinds[name], self.rulebook)
        among = None
        if events is not None:
            names = self.values("event")
            among = np.append(names.among(events)[names.column.codes], False)
        counts = self.tables.events.number_of(name, among)
        return Values(name, column, self.tables.events.known[name], counts[:-1], int(counts[-1]), "event")
