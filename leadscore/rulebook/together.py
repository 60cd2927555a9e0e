"""Which words of a rulebook go together, beyond what the form of each part says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from leadscore.base.text import as_text
from leadscore.errors import did_you_mean
from leadscore.rulebook import model
from leadscore.rulebook.conditions import Condition, Did, Happening, NumberTest, Occurrence, Test
from leadscore.rulebook.kinds import OF_PEOPLE, OF_TIME, misfit
from leadscore.rulebook.values import REST, Part
from leadscore.rulebook.yaml import Fault, Path

# The words of format 2, by what they stand in.
_LATER: dict[type[Part], set[str]] = {
    model.Said: {"why", "owner"},
    model.Rule: {"cases", "weight_percent", "active_from", "active_until"},
    model.BehaviourRule: {"when", "other", "once_per", "per", "each_at_most", "sum", "keep_on_restart"},
    Occurrence: {"stage"},
    Happening: {"after", "since_last"},
    model.HandRaise: {"name", "when"},
    model.Group: {"per", "each_at_most", "weight_percent"},
    model.Total: {"weight_percent"},
    model.Column: {"separator"},
    model.Qualify: {"grades"},
    model.Contents: {"include", "constants", "lists", "conditions", "restart", "labels", "account"},
    Condition: {"did"},
    Test: {"in_list", "has_option", "days_ago", "days_ahead"},
}
_LARGEST_OF_SUM = 1_000


def later_words(book: model.Contents) -> Iterator[Fault]:
    """Words of format 2 in a file that says it is of format 1."""
    for path, part in model.parts(book):
        words = set().union(*(words for kind, words in _LATER.items() if isinstance(part, kind)))
        for key in sorted(words & part.model_fields_set):
            yield (*path, key), f"{key!r} is a word of format 2; begin the file with 'leadscore: 2'", True
        if isinstance(part, model.Column) and part.type == "options":
            yield (*path, "type"), "'options' is a word of format 2; begin the file with 'leadscore: 2'", False
        if isinstance(part, model.Grades):
            for side in ("fit", "behaviour"):
                if REST in map(str, getattr(part, side) or ()) or -math.inf in (getattr(part, side) or {}).values():
                    yield (*path, side), f"{REST!r} is a word of format 2; begin the file with 'leadscore: 2'", False
    if book.qualify.threshold is None:
        yield ("qualify",), "'threshold' is missing", False


def together(book: model.Contents) -> Iterator[Fault]:
    """What does not go together."""
    for path, part in model.parts(book):
        if isinstance(part, model.FitRule | model.Persona):
            yield from _of_leads_alone(path, part)
        if isinstance(part, model.Rule):
            yield from _rule(path, part)
        if isinstance(part, model.BehaviourRule):
            yield from _earning(book, path, part)
        if isinstance(part, model.Group):
            yield from _group(book, path, part)
        if isinstance(part, Occurrence):
            yield from _occurrence(path, part)
        if isinstance(part, Did):
            yield from _did(path, part)
        if isinstance(part, (model.BehaviourRule, Did, model.Group)):
            yield from _told_apart(path, part)
        if isinstance(part, Test) and part.relative:
            yield from _relative(path, part)
        if isinstance(part, model.Column) and part.separator and part.type != "options":
            yield (*path, "separator"), "'separator' goes with the type 'options'", True
        if isinstance(part, model.AccountRule):
            yield from _account(path, part)
    yield from _conditions(book)
    yield from _cells(book)


def _of_leads_alone(path: Path, part: model.FitRule | model.Persona) -> Iterator[Fault]:
    """Fit, and who a lead is, do not hang on what it did."""
    conditions: list[tuple[Path, Condition]] = [(("when",), part.when)] if part.when else []
    if isinstance(part, model.FitRule):
        conditions += [
            (("cases", index, "when"), case.when) for index, case in enumerate(part.cases or ()) if case.when
        ]
    what = "a fit rule" if isinstance(part, model.FitRule) else "a persona"
    for place, condition in conditions:
        if next(condition.dids(), None):
            yield (*path, *place), f"{what} is about what a lead is: 'did' goes with behaviour rules", False
        if isinstance(part, model.Persona) and any(test.relative for _, test in condition.columns()):
            yield (*path, *place), "a persona is the same on every day: no 'days_ago', no 'days_ahead'", False


def _rule(path: Path, rule: model.Rule) -> Iterator[Fault]:
    if rule.active_from and rule.active_until and rule.active_from > rule.active_until:
        yield (*path, "active_until"), f"lies before 'active_from', {rule.active_from}", False
    counts = isinstance(rule, model.BehaviourRule) and rule.event
    for index, case in enumerate(rule.cases or ()):
        asked = [key for key in ("when", "times", "within_days") if key in case.model_fields_set]
        if not asked:
            wanted = "'when', 'times' or 'within_days'" if counts else "'when'"
            yield (*path, "cases", index), f"a case needs {wanted}; what is paid otherwise is 'other'", False
        for key in asked if not counts else ():
            if key != "when":
                yield (*path, "cases", index, key), f"{key!r} counts events: the rule has no 'event'", True
        if case.times:
            yield from _countable((*path, "cases", index, "times"), case.times)


def _earning(book: model.Contents, path: Path, rule: model.BehaviourRule) -> Iterator[Fault]:
    if rule.stage:
        yield (*path, "stage"), "a rule cannot pay for a stage; 'did' in its 'when' may ask for one", True
    group = book.limits(rule.group)
    per = book.per(rule)
    if rule.each_at_most is not None and not per:
        yield (*path, "each_at_most"), "is the limit of each value of 'per', which the rule has not", True
    if per and rule.from_ and 0 in rule.from_:
        yield (*path, "from", 0), "0 is never counted with 'per': values without events give nothing", True
    if rule.sum and rule.points is not None and abs(rule.points) > _LARGEST_OF_SUM:
        yield (*path, "points"), f"points of a sum lie within {_LARGEST_OF_SUM:,}; got {rule.points:g}", False
    if group.per:
        why = f"the group {rule.group!r} has 'per'"
        if not rule.event or rule.cases:
            yield (*path, "group"), f"{why}: its rules have 'event' and no 'cases'", False
        for key in ("at_least", "at_most", "per"):
            if getattr(rule, key) is not None:
                yield (*path, key), f"{why}: {key!r} stands there, not in its rules", True


def _group(book: model.Contents, path: Path, group: model.Group) -> Iterator[Fault]:
    if group.each_at_most is not None and not group.per:
        yield (*path, "each_at_most"), "is the limit of each value of 'per', which the group has not", True
    if group.per and any(rule.group == path[-1] for rule in book.fit):
        yield (*path, "per"), "'per' is about events: the rules of this group are fit rules", True


def _occurrence(path: Path, part: Occurrence) -> Iterator[Fault]:
    if part.event and part.stage and not isinstance(part, model.BehaviourRule):
        yield (*path, "stage"), "give 'event' or 'stage', not both", True
    if not part.event and not part.stage and (isinstance(part, Did) or type(part) is not _form_of(part)):
        yield path, "has neither 'event' nor 'stage'; it needs one", False
    if part.stage and part.where:
        yield (*path, "where"), "'where' tests events: of a stage only the day is looked at", True
    if part.where and next(part.where.dids(), None):
        yield (*path, "where"), "'where' tests one event; what else the lead did stands in 'when'", False
    if isinstance(part, model.HandRaise) and part.stage:
        yield (*path, "stage"), "a hand-raise is an event", True


def _form_of(part: Occurrence) -> type[Occurrence] | None:
    """The forms that may do without events, which are checked where they stand."""
    forms = (model.BehaviourRule, model.Never, model.HandRaise)
    return type(part) if isinstance(part, forms) else None


def _did(path: Path, did: Did) -> Iterator[Fault]:
    if did.sum and (did.times or did.once_per):
        yield (*path, "sum"), "'sum' does not go with 'times' or 'once_per'", True
    if did.sum and did.stage:
        yield (*path, "sum"), "'sum' adds up a column of events", True
    if did.sum and len(did.sum) > 1:
        yield (*path, "sum"), "tests one column; write one 'did' for each", True
    if did.stage and any(key not in OF_TIME for key in did.once_per or ()):
        yield (*path, "once_per"), "of a stage only the day is known: give day, week or month", False
    if did.times:
        yield from _countable((*path, "times"), did.times)
    for column, test in (did.sum or {}).items():
        # Sums are in thousandths, so there is one between any two edges that are not the same.
        near = {edge + step for edge in test.edges for step in (-0.001, 0, 0.001)}
        if not any(map(test.meets, near)):
            yield (*path, "sum", column), "no sum meets this", False


def _told_apart(path: Path, part: model.BehaviourRule | Did | model.Group) -> Iterator[Fault]:
    """Columns of events by whose values they cannot be told apart."""
    for word in ("once_per", "per"):
        for key in getattr(part, word, None) or ():
            if key in {"at", "lead_id"}:
                instead = "the day of an event is called 'day'" if key == "at" else "all events are of one lead"
                yield (*path, word), f"{key!r} cannot stand in {word!r}: {instead}", False


def _countable(path: Path, test: NumberTest) -> Iterator[Fault]:
    """Whether some number of events meets a test."""
    near = {
        0,
        *(max(0, math.floor(edge) + step) for edge in test.edges if math.isfinite(edge) for step in (-1, 0, 1, 2)),
    }
    if not any(map(test.meets, near)):
        yield path, "no number of events meets this", False


def _relative(path: Path, test: Test) -> Iterator[Fault]:
    for key, asked in (("days_ago", test.days_ago), ("days_ahead", test.days_ahead)):
        if asked is not None and min(asked.edges) < 0:
            other = "days_ahead" if key == "days_ago" else "days_ago"
            yield (*path, key), f"days count from 0, today; for the other side of it write {other!r}", False


def _account(path: Path, rule: model.AccountRule) -> Iterator[Fault]:
    given = [key for key in ("best", "sum", "people") if key in rule.model_fields_set]
    if len(given) != 1:
        yield path, "needs one of 'people', 'best' and 'sum'", False
        return
    wanted = [key for key in ("points", "from_") if getattr(rule, key) is not None]
    if given != ["people"]:
        for key in (*wanted, *(["once_per"] if rule.once_per else [])):
            yield (*path, key.rstrip("_")), f"{key.rstrip('_')!r} goes with 'people'", True
    elif len(wanted) != 1:
        yield path, "'people' needs 'points' or 'from', one of the two", False
    elif rule.once_per and rule.from_ is None:
        yield (*path, "once_per"), "'once_per' counts values for 'from'", True
    for place, test in model.parts(rule.people, (*path, "people")) if rule.people else ():
        kind = OF_PEOPLE.get(str(place[-1])) if isinstance(test, Test) and "where" not in place else None
        for use in test.parts() if isinstance(test, Test) and kind else ():
            if message := misfit(kind or "", use):
                yield place, f"{message}: it is a score", False


def _conditions(book: model.Contents) -> Iterator[Fault]:
    """Conditions may use those above them in the file."""
    above: set[str] = set()
    for name, condition in book.conditions.items():
        for path, part in model.parts(condition, ("conditions", name)):
            if isinstance(part, Condition) and part.name and part.name not in above:
                message = f"{part.name!r} stands further down; a condition may use those above it"
                yield path, message, False
        above.add(name)


def _cells(book: model.Contents) -> Iterator[Fault]:
    """Grades that `qualify` and `labels` name and the grid does not have."""
    qualify = book.qualify
    asked = [qualify.threshold, qualify.minimum_fit, qualify.minimum_behaviour, qualify.grades]
    if all(one is None for one in asked):
        message = "needs at least one of 'threshold', 'minimum_fit', 'minimum_behaviour' and 'grades'"
        yield ("qualify",), message, False
    if qualify.threshold is None and qualify.segments:
        yield ("qualify", "segments"), "have thresholds of their own in place of 'threshold', which is missing", True
    sides = [[*map(str, names)] for names in book.grade_bars().values()]
    cells = ["".join(cell) for cell in product(*sides)] if sides else []
    twice = sorted({cell for cell in cells if cells.count(cell) > 1})
    if twice:
        yield ("grades",), f"{twice[0]!r} would be two cells: give one side other names", False
    named: list[tuple[Path, object]] = [(("qualify", "grades"), qualify.grades)]
    named += [(("labels", name), listed) for name, listed in book.labels.items()]
    for path, listed in named:
        if listed == REST and (path[0] != "labels" or path[1] != [*book.labels][-1]):
            yield path, f"{REST!r} is for the last label alone: all others", False
        elif listed == REST and not cells:
            yield path, "there are no 'grades' to label", False
        for cell in listed if isinstance(listed, tuple) else ():
            if cell not in cells:
                there = "" if cells else ": there are no 'grades'"
                yield path, f"there is no grade {as_text(cell)!r}{there or did_you_mean(cell, cells)}", False
