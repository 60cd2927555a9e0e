"""A rulebook's meaning resolved to look-ups: what each value of a column gives, which rules a kind of event feeds.

Both engines run on a plan. The batch engine looks each distinct value up once and gathers; `score_one` looks up the
values of one lead. They call the same functions, so they cannot differ.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

from leadscore.base.text import normalise
from leadscore.rulebook import Rulebook
from leadscore.rulebook.conditions import Condition, Did, Happening, Occurrence
from leadscore.rulebook.kinds import OF_PEOPLE, OF_TIME, Kind, lead_kinds, tested_events
from leadscore.rulebook.lookups import (
    Asked,
    ColumnPlan,
    Found,
    Holds,
    Look,
    Met,
    Place,
    alone_on,
    holds_in,
    operand_of,
)
from leadscore.rulebook.model import BehaviourRule, Case, FitRule, thousandths
from leadscore.rulebook.values import REST

# A window longer than the calendar, in days.
ALWAYS = 4_000_000
# What the people of an account are tested for beside their columns, and its kind.
_SCORED: dict[str, Kind] = dict(zip(OF_PEOPLE, ("number", "number", "number", "text", "boolean"), strict=True))
# Conditions with the points of each, in thousandths: the first that holds pays.
Ways = list[tuple[Holds, int]]


@dataclass(frozen=True)
class FitPlan:
    """A fit rule: a place that gives its points, or the first of some conditions that holds, else `other`."""

    rule: FitRule
    place: Place | None
    ways: Ways
    other: int = 0

    @property
    def moves(self) -> bool:
        """Whether its points depend on the day."""
        return self.rule.seasonal or any(holds.moves for holds, _ in self.ways)

    @property
    def paid(self) -> list[int]:
        """The points of each way, and last those where none holds."""
        return [*(points for _, points in self.ways), self.other]


@dataclass
class EventPlan:
    """Events, or stages, that a rule or a condition waits for, or that tell which of those count.

    Attributes
    ----------
    part : Occurrence
    holds : Holds or None
        What an event must meet; None where none is waited for.
    window : int
        How many days back they are looked at.
    per, distinct : tuple of str
        What they are worked out by, and what they must differ in to count by themselves (None: each counts); event
        columns, or day, week, month.
    sum : str or None
        The event column that is added up.
    resets : list of int
        The happenings after the last of which alone they count.
    after : int or None
        The happening that each must come after, fewer than `after_within` days.
    """

    part: Occurrence
    holds: Holds | None
    window: int = 0
    per: tuple[str, ...] = ()
    distinct: tuple[str, ...] | None = None
    sum: str | None = None
    resets: list[int] = field(default_factory=list)
    after: int | None = None
    after_within: int = ALWAYS

    @cached_property
    def simple(self) -> bool:
        """Whether events of a day and those before it can be counted by themselves and put together."""
        apart = self.columns or self.sum or self.per or self.resets or self.stages
        return not apart and self.after is None and self.distinct in {None, ("day",), ()}

    @cached_property
    def stages(self) -> frozenset[str]:
        """The stages that are waited for."""
        return frozenset(map(normalise, self.part.stage or ()))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The event columns whose values are told apart."""
        return tuple(dict.fromkeys(name for name in (*self.per, *(self.distinct or ())) if name not in OF_TIME))


@dataclass(frozen=True)
class Earning:
    """What a behaviour rule asks beside its events.

    Attributes
    ----------
    when : Holds or None
        For which leads it is.
    cases : list of (Holds or None, Case)
    group_per : tuple of str
        By which values its group works it out; empty if it does not.
    """

    rule: BehaviourRule
    when: Holds | None
    cases: list[tuple[Holds | None, Case]]
    group_per: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Whether it asks for events alone, and pays for them by their number or worth."""
        return self.always and not self.cases and bool(self.rule.event)

    @property
    def always(self) -> bool:
        """Whether it is for everybody on every day."""
        return self.when is None and not self.rule.seasonal


class Plan:
    """A rulebook compiled once; it depends on nothing but the rulebook.

    Attributes
    ----------
    leads, events : dict of column name to ColumnPlan
    ago : dict of column name to ColumnPlan
        What is asked of how many days ago the day of a lead column is.
    fit : list of FitPlan, in the order of the file
    behaviour : list of Earning, in the order of the file
    happenings : list of EventPlan
        Those of the behaviour rules in their order, then `never` entries with an event, then the hand-raises, then what
        conditions wait for, then what tells which of all these count.
    never : list of (name, Holds or position in `happenings`)
    hand_raises : list of (position in `happenings`, Holds or None)
    restart : position in `happenings`, or None
    segments : list of (name, Holds, threshold in thousandths)
    people : list of Holds or None, for each rule of the account
    scored : dict of name to ColumnPlan
        What is asked of what the people of an account were just scored.
    grades : list of (side, the least points of each grade but the last, the grades)
        The best grade comes first, and points are negative, so that they rise.
    labels : dict of cell of the grid to its label
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.leads = {name: ColumnPlan(kind) for name, kind in lead_kinds(rulebook).items()}
        self.ago: dict[str, ColumnPlan] = {}
        self.events = {"event": ColumnPlan("text")}
        self.events |= {name: ColumnPlan(kind) for name, kind in tested_events(rulebook).items() if name != "event"}
        self.fit = [self._fit(rule) for rule in rulebook.fit]
        self.happenings: list[EventPlan] = []
        self._others: list[tuple[Occurrence, int]] = []
        self.never: list[tuple[str, Holds | int]] = []
        self.hand_raises: list[tuple[int, Holds | None]] = []
        self.segments: list[tuple[str, Holds, int]] = []
        self._await()
        self._ask_of_people()
        self._look_back()
        self.threshold = None if rulebook.qualify.threshold is None else thousandths(rulebook.qualify.threshold)
        bars = rulebook.grade_bars()
        self.grades = [(side, [-int(bar) for bar in [*one.values()][:-1]], [*one]) for side, one in bars.items()]
        cells = list(map("".join, product(*(names for *_, names in self.grades))))
        self.labels = {
            cell: label
            for label, listed in reversed(rulebook.labels.items())
            for cell in (cells if listed == REST else listed)
        }
        self.names = [rule.name for _, _, rule in rulebook.rules()]

    def _await(self) -> None:
        """Note what rules, `never` and hand-raises wait for, then what their conditions do, then restarts."""
        rulebook = self.rulebook
        forgets = rulebook.restart is not None
        for rule in rulebook.behaviour:
            self._happening(rule, rulebook.per(rule), _distinct(rule), rule.sum)
        events = [self._happening(entry) for entry in rulebook.qualify.never if entry.when is None]
        raised = [self._happening(entry) for entry in rulebook.qualify.hand_raise]
        kept = [forgets and not rule.keep_on_restart for rule in rulebook.behaviour]
        self.behaviour = [self._earning(rule, forgets=one) for rule, one in zip(rulebook.behaviour, kept, strict=True)]
        self.never = [
            (entry.name, events.pop(0) if entry.when is None else self.holds(entry.when))
            for entry in rulebook.qualify.never
        ]
        self.hand_raises = [
            (place, None if entry.when is None else self.holds(entry.when, forgets=forgets))
            for place, entry in zip(raised, rulebook.qualify.hand_raise, strict=True)
        ]
        self.segments = [
            (segment.name, self.holds(segment.when), thousandths(segment.threshold))
            for segment in rulebook.qualify.segments
        ]
        self.restart = self._other(rulebook.restart) if forgets else None
        for place in (*(place for place, one in enumerate(kept) if one), *(raised if forgets else ())):
            self.happenings[place].resets.append(self._other(rulebook.restart))

    def _ask_of_people(self) -> None:
        """Note what the rules of an account ask of its people."""
        account = self.rulebook.account
        self.scored = {} if account is None else {name: ColumnPlan(kind) for name, kind in _SCORED.items()}
        asked = Asked(self.leads, self.ago, lambda did: self._did(did, forgets=False), self.scored)
        people = [] if account is None else [rule.people for rule in account.rules]
        self.people = [None if condition is None else holds_in(asked, condition) for condition in people]

    def limited(self, group: str | None) -> str | None:
        """The group whose limits a rule shares; a group without limits is only a name."""
        return group if group in self.rulebook.groups else None

    def holds(self, condition: Condition, *, forgets: bool = False) -> Holds:
        """A condition on leads, compiled; what it asks of events may be forgotten at a restart."""
        return holds_in(Asked(self.leads, self.ago, lambda did: self._did(did, forgets=forgets)), condition)

    def _fit(self, rule: FitRule) -> FitPlan:
        if rule.column is not None:
            plan = self.leads[rule.column]
            return FitPlan(rule, Place(rule.column, plan.add(_table(rule, plan), thousandths(rule.missing))), [])
        ways = [(case.when, thousandths(case.points)) for case in rule.cases or ()]
        if rule.when is not None:
            ways = [(rule.when, thousandths(rule.points))]  # type: ignore[arg-type] # one number beside `when`
        other = thousandths(rule.other)
        place = None if rule.seasonal else self._alone(ways, other)  # type: ignore[arg-type] # each has its `when`
        if place is not None:
            return FitPlan(rule, place, [])
        return FitPlan(rule, None, [(self.holds(when), points) for when, points in ways], other)  # type: ignore[arg-type] # as above

    def _alone(self, ways: list[tuple[Condition, int]], other: int) -> Place | None:
        """Conditions that look at one column alone, as a look-up of it that gives the points of the first."""
        found = [alone_on(condition, self.leads) for condition, _ in ways]
        names = {one and one[0] for one in found}
        if len(names) > 1 or None in names:
            return None
        (name,) = names
        met = [(one[1], points) for one, (_, points) in zip(found, ways, strict=True) if one]
        on_missing = next((points for one, (_, points) in zip(found, ways, strict=True) if one and one[2] > 0), other)
        return Place(name, self.leads[name].add(_first(met, other), on_missing))  # type: ignore[index, arg-type] # None is out

    def _earning(self, rule: BehaviourRule, *, forgets: bool) -> Earning:
        when = None if rule.when is None else self.holds(rule.when, forgets=forgets)
        cases = [
            (None if case.when is None else self.holds(case.when, forgets=forgets), case) for case in rule.cases or ()
        ]
        return Earning(rule, when, cases, self.rulebook.limits(rule.group).per or ())

    def _did(self, did: Did, *, forgets: bool) -> int:
        sums = next(iter(did.sum)) if did.sum else None
        place = self._happening(did, (), did.once_per, sums)
        self.happenings[place].resets += [self._other(self.rulebook.restart)] if forgets else []
        return place

    def _happening(
        self,
        part: Happening,
        per: tuple[str, ...] = (),
        distinct: tuple[str, ...] | None = None,
        sums: str | None = None,
    ) -> int:
        """Note what something waits for; gives its position."""
        one = EventPlan(part, self._met(part), _window(part), per, distinct, sums)
        self.happenings.append(one)
        return len(self.happenings) - 1

    def _met(self, part: Occurrence) -> Holds | None:
        """What its events must meet."""
        if not part.event:
            return None
        condition = Condition.model_validate({"event": {"in": list(part.event)}})
        if part.where is not None:
            condition = Condition.model_construct(_fields_set={"all_"}, all_=(condition, part.where))
        return holds_in(Asked(self.events), condition)

    def _other(self, part: Occurrence | None) -> int:
        """The position of what tells which others count, noted once."""
        assert part is not None
        found = next((place for other, place in self._others if other == part), None)
        if found is None:
            self.happenings.append(EventPlan(part, self._met(part)))
            found = len(self.happenings) - 1
            self._others.append((part, found))
        return found

    def _look_back(self) -> None:
        """Note for each happening which others tell what of it counts, and how far back those are looked at."""
        for one in [*self.happenings]:
            part = one.part
            if isinstance(part, Happening) and part.since_last is not None:
                one.resets.append(self._other(part.since_last))
            if isinstance(part, Happening) and part.after is not None:
                one.after, one.after_within = self._other(part.after), part.after.within_days or ALWAYS
        if self.restart is not None:
            # All that ever were are counted.
            self.happenings[self.restart].window = ALWAYS
        for one in self.happenings:
            for place in one.resets:
                self.happenings[place].window = max(self.happenings[place].window, one.window)
            if one.after is not None:
                other = self.happenings[one.after]
                other.window = min(max(other.window, one.window + one.after_within), ALWAYS)


def _distinct(rule: BehaviourRule) -> tuple[str, ...] | None:
    """What events of a rule must differ in to count by themselves; None where each counts."""
    return rule.once_per if rule.cases else None if rule.sum else rule.distinct


def _window(part: Happening) -> int:
    if isinstance(part, BehaviourRule) and part.cases:
        counted = [case for case in part.cases if case.times or case.within_days]
        return max((case.within_days or ALWAYS for case in counted), default=1)
    return part.within_days or ALWAYS


@lru_cache(maxsize=64)
def compiled(rulebook: Rulebook) -> Plan:
    """The plan of a rulebook, made once."""
    return Plan(rulebook)


def _first(met: list[tuple[Met, int]], other: int) -> Look:
    """The points of the first test that a value meets."""
    if len(met) == 1:
        # Most conditions are of rules without cases, and most values are asked by many of them.
        ((holds, points),) = met
        return lambda value, found: points if holds(value, found) else other

    def look(value: Any, found: Found) -> int:
        for holds, points in met:
            if holds(value, found):
                return points
        return other

    return look


def _table(rule: FitRule, plan: ColumnPlan) -> Look:
    """What a value of a fit rule's column gives, in thousandths."""
    other = thousandths(rule.other)
    several = plan.kind.startswith("options")
    if rule.from_ is not None:
        edges = sorted(rule.from_)
        points = [other, *(thousandths(rule.from_[edge]) for edge in edges)]
        if several:
            return lambda pieces, _: points[bisect_right(edges, len(pieces))]
        plan.edges.update(map(float, edges))
        return lambda value, _: points[bisect_right(edges, value)]
    assert isinstance(rule.points, dict)
    if plan.kind == "number":
        plan.edges.update(map(float, rule.points))
    table = {operand_of(plan.kind, key): thousandths(value) for key, value in rule.points.items()}
    plan.named.append(table)
    if several:
        return lambda pieces, _: sum(map(table.get, pieces & table.keys())) if pieces & table.keys() else other  # type: ignore[arg-type] # those that are there
    return lambda value, _: table.get(value, other)
