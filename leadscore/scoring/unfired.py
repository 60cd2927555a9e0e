"""Findings on a rulebook and data: what fired for no lead and why it may be so, and what no rule names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.days import day_of
from leadscore.base.likeness import SURE
from leadscore.base.text import counted, normalise
from leadscore.rulebook import Rulebook
from leadscore.rulebook.bounds import NOTHING, rule_range
from leadscore.rulebook.conditions import EQUAL, Condition, Test
from leadscore.rulebook.kinds import Use, condition_uses, rule_uses, uses
from leadscore.rulebook.lookups import Holds
from leadscore.rulebook.model import BehaviourRule
from leadscore.rulebook.plan import Plan, compiled
from leadscore.rulebook.yaml import Path
from leadscore.scoring.attributes import Attributes
from leadscore.scoring.engine import Bound
from leadscore.scoring.events_seen import EventsSeen, Seen
from leadscore.scoring.values import Values
from leadscore.tables.findings import Finding, as_frame, quoted
from leadscore.tables.tables import Tables

_EXAMPLES = 3
_FIRST = 4096
_LISTED = frozenset({"points", *EQUAL, "known"})
# A finding, and whether it says what to change.
_Found = Iterator[tuple[bool, Finding]]


def findings(
    tables: Tables, rulebook: Rulebook, first: int, last: int, found: Attributes | Bound | None = None
) -> pd.DataFrame:
    """What to know of tables and a rulebook, over the days `first` to `last` since 1970.

    To the findings of the tables come LS201 rules that fired for no lead, LS202 values and events that a rule lists and
    the data lack, LS203 events that no rule names, LS204 values that no rule names in columns tested by lists of them.
    Look-ups of the leads that were made already are given as `found`; or all leads on the day, if it is one, and then
    rules that ask more than a column or an event are looked at too.
    """
    looked_up = found.attributes if isinstance(found, Bound) else found or Attributes(compiled(rulebook), tables)
    seen = LeadsSeen(tables, looked_up, last), EventsSeen(tables, rulebook, first, last)
    held = {name: bool(holds.any()) for name, holds in asking_more(found)} if isinstance(found, Bound) else {}
    said = said_of(*seen, held, found.n if isinstance(found, Bound) else 0)
    return pd.concat([tables.findings, as_frame(said)], ignore_index=True)


def said_of(leads: LeadsSeen, events: EventsSeen, held: Mapping[str, bool], n: int) -> list[Finding]:
    """What is to be said of what was seen; and of `n` leads on a day, which rules that ask more held for some."""
    told = [*_on_leads(leads), *_on_events(events)]
    said = {one.where for _, one in told}
    nobody = "held for no lead on the day: nobody meets all that it asks"
    told += [
        (False, Finding("LS201", name, n, nobody)) for name, some in held.items() if n and not some and name not in said
    ]
    # First those that say what to change.
    return [one for _, one in sorted(told, key=lambda one: (not one[0], one[1].code))]


def asking_more(bound: Bound) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """What asks more than a column or an event, and what it gave, or for which leads it holds."""
    plan = bound.plan
    for at, rule in enumerate(plan.fit):
        if rule.moves and rule_range(plan.rulebook, rule.rule) != NOTHING:
            yield rule.rule.name, bound.fit_points(at)
    for at, (earning, one) in enumerate(zip(plan.behaviour, plan.happenings, strict=False)):
        more = not earning.plain or one.resets or one.after is not None
        if more and rule_range(plan.rulebook, earning.rule) != NOTHING:
            yield earning.rule.name, bound.earned[at].dense(bound.n)
    for (name, asks), barred in zip(plan.never, bound.barred, strict=True):
        if plan.happenings[asks].resets if isinstance(asks, int) else asks.moves:
            yield f"never: {name}", barred
    for name, holds, _ in plan.segments:
        if holds.moves:
            yield f"segment: {name}", bound.holds(holds)


class Part(NamedTuple):
    """What looks at leads: its name and verb, its table of points or its condition, and the rule's place or look-up."""

    name: str
    verb: str
    table: tuple[str, Use] | None
    condition: Condition | None
    asks: int | Holds

    def uses(self) -> list[tuple[str, Use]]:
        """The columns that it looks at, and how."""
        return [self.table] if self.table is not None else list(condition_uses(self.condition))


def parts_of(plan: Plan) -> Iterator[Part]:
    """Whatever looks at leads alone."""
    rulebook, qualify = plan.rulebook, plan.rulebook.qualify
    for index, rule in enumerate(rulebook.fit):
        if rule_range(rulebook, rule) != NOTHING and not plan.fit[index].moves:
            table = next(rule_uses(rule)) if rule.column else None
            whole = rule.when
            if rule.cases:
                whole = Condition.model_construct({"any_"}, any_=tuple(case.when for case in rule.cases if case.when))
            yield Part(rule.name, "fired", table, whole, index)
    conditions = [(f"never: {one.name}", one.when, plan.never[place][1]) for place, one in enumerate(qualify.never)]
    conditions += [
        (f"segment: {one.name}", one.when, plan.segments[place][1]) for place, one in enumerate(qualify.segments)
    ]
    for name, when, holds in conditions:
        if isinstance(holds, Holds) and not holds.moves:
            yield Part(name, "holds", None, when, holds)


class LeadsSeen:
    """The rows of the leads that are there on a day, beside a rulebook."""

    def __init__(self, tables: Tables, attributes: Attributes, last: int) -> None:
        self.tables, self.attributes, self.last = tables, attributes, last
        self.rulebook = rulebook = attributes.plan.rulebook
        self.there = (tables.records.there_from(rulebook.timezone) <= last)[tables.records.lead].astype(np.int64)
        self.plan, self.n = attributes.plan, int(self.there.sum())
        self._values: dict[str, Values] = {}

    def knows(self, _: Iterable[str]) -> bool:
        """Whether the values of columns are known: of whole tables, those of all."""
        return True

    def values(self, name: str) -> Values:
        """A column of them."""
        if name not in self._values:
            column = self.tables.column(name, self.attributes.plan.leads[name].kind, self.rulebook)
            self._values[name] = Values(name, column, self.tables.leads[name], self.there, 0, "lead")
        return self._values[name]

    def fired(self, part: Part) -> bool:
        """Whether it fires for some of them."""
        # Most rules fire for some of the first leads already.
        there, n = self.there > 0, len(self.there)
        return any((self._fires(part, rows) & there[rows]).any() for rows in (slice(min(_FIRST, n)), slice(n)))

    def later(self, part: Part) -> int:
        """For how many leads it fires, if for none that is there."""
        fired = self._fires(part, slice(len(self.there)))
        return len(np.unique(self.tables.records.lead[fired])) if fired.any() else 0

    def _fires(self, part: Part, rows: slice) -> npt.NDArray[np.bool_]:
        if isinstance(part.asks, Holds):
            return self.attributes.holds(part.asks, rows)
        return self.attributes.points(part.asks, rows) != 0


def _on_leads(leads: LeadsSeen) -> _Found:
    for part in parts_of(leads.plan) if leads.n else ():
        known = leads.knows(column for column, _ in part.uses())
        if leads.fired(part):
            yield from _lacking(part, leads.values) if known else ()
            continue
        if count := leads.later(part):
            why, telling = f"{counted(count, 'lead')} that it fits came after {day_of(leads.last)}", False
        elif not known:
            why, telling = "it fits nobody", False
        elif part.table is not None:
            why, telling = leads.values(part.table[0]).why(*part.table[1])
        else:
            assert part.condition is not None
            why, telling = _unmet(part.condition, leads.values, "lead")
        yield telling, Finding("LS201", part.name, leads.n, f"{part.verb} for no lead: {why}")
    for name in leads.plan.leads:
        yield from _unnamed(name, leads) if leads.knows([name]) else ()


def _unmet(condition: Condition, values: Callable[[str], Values], things: str) -> tuple[str, bool]:
    """Which tests of a condition nothing meets, and why."""
    found = []
    for name, test in _leaves(condition):
        if not test.relative and not values(name).meeting(test):
            fields = {field: getattr(test, field) for field in sorted(test.model_fields_set)}
            parts = [Test.model_construct({field}, **{field: operand}) for field, operand in fields.items()]
            alone = [part for part in parts if not values(name).meeting(part)]
            found.append(values(name).why(*next((alone or parts)[0].parts())))
    if not found:
        return f"each of its tests is met by some, all together by no {things}", False
    return "; ".join(dict.fromkeys(why for why, _ in found[:2])), any(telling for _, telling in found)


def _leaves(condition: Condition) -> Iterator[tuple[str, Test]]:
    """The tests of a condition, but those under `not`."""
    yield from condition.tests.items()
    for part in (*(condition.all_ or ()), *(condition.any_ or ())):
        yield from _leaves(part)


def _lacking(part: Part, values: Callable[[str], Values]) -> _Found:
    """Values that a rule lists and no lead has: all of a table of points; of conditions those that others may mean."""
    for column, (use, operand) in part.uses():
        if use == "points" or use in EQUAL:
            wanted, seen = _wanted(operand), values(column)
            lacking = seen.lacking(wanted)
            meant = seen.meant(list(map(str, lacking)), use, SURE, frozenset(normalise(str(one)) for one in wanted))
            if lacking and (meant or use == "points"):
                message = f"no lead's {column} is {_some(lacking)}{meant and '; '}{meant}"
                yield bool(meant), Finding("LS202", part.name, seen.n, message)


def _some(wanted: list[object]) -> str:
    more = len(wanted) - _EXAMPLES
    return " or ".join([*map(quoted, wanted[:_EXAMPLES]), *([f"{more} more"] if more > 0 else [])])


def _unnamed(name: str, leads: LeadsSeen) -> _Found:
    """The values of a text column that no rule names, where all rules that look at it list values.

    Where none gives points by it alone, as where it keeps some leads out, only those that may mean a named one.
    """
    book, values = leads.rulebook, leads.values(name)
    own = [use for place, side, column, use in uses(book) if side == "lead" and column == name and _scores(place)]
    alone = [rule for rule in book.fit if {column for column, _ in rule_uses(rule)} == {name}]
    others = any(rule.other for rule in alone)
    if values.column.kind != "text" or others or not {use for use, _ in own} <= _LISTED:
        return
    named = [one for use, operand in own if use != "known" for one in _wanted(operand)]
    if named and (found := values.unnamed(named, "value")):
        message, n, telling = found
        if alone or telling:
            yield telling, Finding("LS204", f"leads.{name}", n, message)


def _scores(place: Path) -> bool:
    return place[0] not in {"personas", "conditions"}


def _wanted(operand: object) -> list[object]:
    return list(operand) if isinstance(operand, (tuple, dict)) else [operand]


def _on_events(seen: EventsSeen) -> _Found:
    book = seen.rulebook
    names = [rule.name for rule in book.behaviour]
    names += [f"never: {entry.name}" for entry in book.qualify.never if entry.when is None]
    raises = [entry.name for entry in book.qualify.hand_raise]
    names += ["hand_raise" if name is None else f"hand_raise: {name}" for name in raises]
    parts = [(name, one) for name, one in zip(names, seen.happenings, strict=False) if _matters(book, one)]
    unfired = [name for name, one in parts if not one.fired]
    if not seen.n_events:
        if unfired:
            message = f"{counted(len(unfired), 'rule')} fired for no lead: there are no events"
            yield True, Finding("LS201", "events", len(unfired), message)
        return
    called = seen.values("event")
    for name, one in parts:
        if one.fired:
            yield from _lacking_events(name, one, called)
        else:
            why, telling = _why_not(one, called, seen)
            yield telling, Finding("LS201", name, called.n, f"fired for no lead: {why}")
    if found := called.unnamed([name for one in seen.happenings for name in one.part.event or ()], "event name"):
        message, n, telling = found
        yield telling, Finding("LS203", "events", n, message)


def _matters(book: Rulebook, seen: Seen) -> bool:
    return not isinstance(seen.part, BehaviourRule) or rule_range(book, seen.part) != NOTHING


def _lacking_events(name: str, seen: Seen, called: Values) -> _Found:
    """Events that a rule lists and nobody did, where another may be meant."""
    wanted = list(seen.part.event or ())
    lacking = called.lacking(wanted)
    if meant := called.meant(lacking, "event", SURE, frozenset(map(normalise, wanted))):
        yield True, Finding("LS202", name, called.n, f"no event is called {_some([*lacking])}; {meant}")


def _why_not(seen: Seen, called: Values, events: EventsSeen) -> tuple[str, bool]:
    """Why the events that something waits for never come."""
    part, last = seen.part, day_of(events.last)
    if not seen.n and not seen.later:
        names = part.event or ()
        if len(called.lacking(names)) == len(names):
            instead, telling = called.instead(list(names), "event")
            return f"no event is called {_some([*names])}; {instead}", telling
        assert part.where is not None
        if not events.knows(column for column, _ in condition_uses(part.where)):
            return "none of the events that are called so meets its 'where'", False
        return _unmet(part.where, lambda name: events.values(name, names), "event")
    if not seen.n:
        return f"{_fitting(seen.later)} after {last} only: the first is of {day_of(seen.earliest)}", False
    if seen.most:
        return f"the most that any lead has is {seen.most:,} of the {seen.least:,} it takes", False
    days = f"in the {counted(seen.within, 'day')} up to {last}"
    return f"{_fitting(seen.n)}, none {days}: the latest is of {day_of(seen.latest)}", False


def _fitting(n: int) -> str:
    return f"{counted(n, 'event')} {'fits' if n == 1 else 'fit'}"
